/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vmap_tree.h - ranges of addresses that are taken, and the lowest gap that is large enough
 *
 * Made for mm/vmap.c; whoever calls serialises.  A range is [start, end), not empty; nothing here
 * allocates: a node is part of what the range belongs to.
 */
#ifndef MM_VMAP_TREE_H
#define MM_VMAP_TREE_H

#include <base/compiler.h>

struct vmap_node {
	struct vmap_node *left, *right, *parent;
	struct vmap_node *prev, *next; /* by address */
	unsigned long start, end;      /* bytes */
	unsigned long max_gap;	       /* the largest gap below a node of this subtree, bytes */
	u32 prio;		       /* none below has a higher one */
	u8 kind, state;		       /* the user's */
	const void *owner;	       /* the user's */
};

struct vmap_tree {
	struct vmap_node low, high; /* the ends: empty ranges; all others are to the left of high */
	unsigned long nr;	    /* ranges */
	u32 random;
};

/* vmap_tree_init - nothing is taken of [@start, @end).  @seed: not 0. */
void vmap_tree_init(struct vmap_tree *tree, unsigned long start, unsigned long end, u32 seed);

/*
 * vmap_tree_take - @node becomes free @bytes at a multiple of @align, a power of two
 * In the lowest gap of that size, or, if they aren't aligned there, in the lowest that is sure to
 * hold them (@bytes + @align - @grain, addresses being multiples of @grain).  False: there is none.
 * O(log n).
 */
bool vmap_tree_take(struct vmap_tree *tree, struct vmap_node *node, unsigned long bytes,
		    unsigned long align, unsigned long grain) __must_check;

/* vmap_tree_insert - @node, whose range is set and free.  vmap_tree_remove: it is free again. */
void vmap_tree_insert(struct vmap_tree *tree, struct vmap_node *node);
void vmap_tree_remove(struct vmap_tree *tree, struct vmap_node *node);

/* vmap_tree_resize - @node's range becomes [@start, @end), of which nobody else has a part. */
void vmap_tree_resize(struct vmap_tree *tree, struct vmap_node *node, unsigned long start,
		      unsigned long end);

/* vmap_tree_find - the range that @addr lies in, or NULL.  vmap_tree_above: the first that ends
 * above @addr, or NULL. */
struct vmap_node *vmap_tree_find(const struct vmap_tree *tree, unsigned long addr);
struct vmap_node *vmap_tree_above(const struct vmap_tree *tree, unsigned long addr);

/* vmap_tree_largest - bytes of the largest gap. */
static inline unsigned long vmap_tree_largest(const struct vmap_tree *tree)
{
	return tree->high.max_gap;
}

/* vmap_tree_steps - nodes that were looked at so far, in a kernel that counts them
 * (CONFIG_DEBUG_VM); 0 in others. */
#ifdef CONFIG_DEBUG_VM
extern unsigned long vmap_tree_nr_steps;
#define vmap_tree_step()  (vmap_tree_nr_steps++)
#define vmap_tree_steps() READ_ONCE(vmap_tree_nr_steps)
#else
#define vmap_tree_step()  ((void)0)
#define vmap_tree_steps() 0UL
#endif

/* vmap_tree_validate - NULL, or what is wrong, with *@at at where. O(n).  vmap_tree_check_node: the
 * part about @n, which isn't an end.  vmap_tree_check_ends: what is left when all @nr nodes were
 * looked at. */
const char *vmap_tree_validate(const struct vmap_tree *tree, unsigned long *at);
const char *vmap_tree_check_node(const struct vmap_node *n);
const char *vmap_tree_check_ends(const struct vmap_tree *tree, unsigned long nr);

#endif
