/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vmap_tree.c - ranges of addresses that are taken, and the lowest gap that is large enough
 *
 * A treap: ordered by address from left to right, and by random priorities from the top down, so
 * its depth is about twice log2 of the nodes whatever the order of calls.  Free ranges are no
 * nodes: each node knows the largest of the gaps just below the nodes of its subtree.  So a range
 * that is given back needs no memory, and merges with its neighbours by going.
 *
 *     low |  gap  | node |gap| node | node |      gap      | high
 *
 * Nodes are also on a list by address, between two ends that are empty ranges.  high is the root,
 * with the highest priority, and no node is to its right: the last gap is its.
 *
 * A new node stands just below the one whose gap it took: as its left child, or, if that has one,
 * as the right child of the node before, which has none then.  So nobody searches twice.
 *
 * Invariants: see vmap_tree_validate().
 * Cost: O(log n) to take, find, insert, remove; a rotation or two.
 * Locking: the caller's.
 */
#include <mm/vmap_tree.h>

#ifdef CONFIG_DEBUG_VM
unsigned long vmap_tree_nr_steps;
#endif

static unsigned long gap_below(const struct vmap_node *n)
{
	return n->start - n->prev->end;
}

static unsigned long max_gap_of(const struct vmap_node *n)
{
	unsigned long most = gap_below(n);

	if (n->left)
		most = max(most, n->left->max_gap);
	if (n->right)
		most = max(most, n->right->max_gap);
	return most;
}

void __init vmap_tree_init(struct vmap_tree *tree, unsigned long start, unsigned long end, u32 seed)
{
	struct vmap_node *low = &tree->low, *high = &tree->high;

	*low = (struct vmap_node){ .next = high, .start = start, .end = start };
	*high = (struct vmap_node){ .prev = low, .start = end, .end = end, .prio = ~0U };
	high->max_gap = end - start;
	tree->nr = 0;
	tree->random = seed;
}

/* From @n up, after the gaps of nodes changed; @last is the highest of these. */
static void update(struct vmap_node *n, const struct vmap_node *last)
{
	bool past = false;

	for (; n; n = n->parent) {
		unsigned long most = max_gap_of(n);

		vmap_tree_step();
		past |= n == last;
		if (past && n->max_gap == most)
			return;
		n->max_gap = most;
	}
}

/* @child takes the place of its parent, which isn't the root. */
static void rotate_up(struct vmap_node *child)
{
	struct vmap_node *parent = child->parent, *top = parent->parent, *between;

	vmap_tree_step();
	if (parent->left == child) {
		between = child->right;
		parent->left = between;
		child->right = parent;
	} else {
		between = child->left;
		parent->right = between;
		child->left = parent;
	}
	if (between)
		between->parent = parent;
	if (top->left == parent)
		top->left = child;
	else
		top->right = child;
	child->parent = top;
	parent->parent = child;
	child->max_gap = parent->max_gap;
	parent->max_gap = max_gap_of(parent);
}

static u32 next_random(struct vmap_tree *tree)
{
	u32 random = tree->random;

	random ^= random << 13;
	random ^= random >> 17;
	random ^= random << 5;
	tree->random = random;
	return random >> 1; /* below high's */
}

static void insert_below(struct vmap_tree *tree, struct vmap_node *next, struct vmap_node *node)
{
	struct vmap_node *prev = next->prev;

	node->prev = prev;
	node->next = next;
	prev->next = node;
	next->prev = node;
	node->left = node->right = NULL;
	if (!next->left) {
		next->left = node;
		node->parent = next;
	} else {
		prev->right = node;
		node->parent = prev;
	}
	node->prio = next_random(tree);
	node->max_gap = gap_below(node);
	tree->nr++;
	update(node->parent, next);
	while (node->prio > node->parent->prio)
		rotate_up(node);
}

/* The lowest node whose gap has @bytes; NULL if there is none. */
static struct vmap_node *first_fit(struct vmap_tree *tree, unsigned long bytes)
{
	struct vmap_node *n = &tree->high;

	if (n->max_gap < bytes)
		return NULL;
	for (;;) {
		vmap_tree_step();
		if (n->left && n->left->max_gap >= bytes)
			n = n->left;
		else if (gap_below(n) >= bytes)
			return n;
		else
			n = n->right;
	}
}

/* Has the gap below @n room for aligned @bytes?  It is that large. */
static bool fits(const struct vmap_node *n, unsigned long bytes, unsigned long align)
{
	unsigned long low = n->prev->end, odd = -low & (align - 1);

	return odd <= n->start - low - bytes;
}

bool vmap_tree_take(struct vmap_tree *tree, struct vmap_node *node, unsigned long bytes,
		    unsigned long align, unsigned long grain)
{
	struct vmap_node *next = first_fit(tree, bytes);
	unsigned long need = bytes + align - grain;

	if (next && !fits(next, bytes, align))
		next = need < bytes ? NULL : first_fit(tree, need);
	if (!next)
		return false;
	node->start = ALIGN_UP(next->prev->end, align);
	node->end = node->start + bytes;
	insert_below(tree, next, node);
	return true;
}

struct vmap_node *vmap_tree_above(const struct vmap_tree *tree, unsigned long addr)
{
	struct vmap_node *n = tree->high.left, *above = NULL;

	while (n) {
		vmap_tree_step();
		if (addr < n->end) {
			above = n;
			n = n->left;
		} else {
			n = n->right;
		}
	}
	return above;
}

struct vmap_node *vmap_tree_find(const struct vmap_tree *tree, unsigned long addr)
{
	struct vmap_node *n = tree->high.left;

	while (n) {
		vmap_tree_step();
		if (addr < n->start)
			n = n->left;
		else if (addr >= n->end)
			n = n->right;
		else
			break;
	}
	return n;
}

void vmap_tree_insert(struct vmap_tree *tree, struct vmap_node *node)
{
	struct vmap_node *next = vmap_tree_above(tree, node->start);

	insert_below(tree, next ? next : &tree->high, node);
}

void vmap_tree_remove(struct vmap_tree *tree, struct vmap_node *node)
{
	struct vmap_node *next = node->next, *parent;

	while (node->left || node->right) {
		struct vmap_node *child = node->left;

		if (!child || (node->right && node->right->prio > child->prio))
			child = node->right;
		rotate_up(child);
	}
	parent = node->parent;
	if (parent->left == node)
		parent->left = NULL;
	else
		parent->right = NULL;
	node->prev->next = next;
	next->prev = node->prev;
	tree->nr--;
	update(parent, next);
}

void vmap_tree_resize(struct vmap_tree *tree, struct vmap_node *node, unsigned long start,
		      unsigned long end)
{
	node->start = start;
	node->end = end;
	update(node, node);
	update(node->next, node->next);
}

/* ---- validate ---- */

/* What is wrong with @n alone, given that its neighbours on the list are. */
const char *vmap_tree_check_node(const struct vmap_node *n)
{
	if (n->next->prev != n || n->prev->next != n)
		return "its neighbours don't know it";
	if (n->prev->end > n->start || n->start >= n->end)
		return "it isn't above the one before, or is empty";
	if (!n->parent || (n->parent->left != n && n->parent->right != n))
		return "its parent doesn't know it";
	if (n->prio > n->parent->prio)
		return "its priority is above its parent's";
	if (n->left && n->left->end > n->start)
		return "its left child isn't below it";
	if (n->right && n->right->start < n->end)
		return "its right child isn't above it";
	if (n->max_gap != max_gap_of(n))
		return "its largest gap isn't that of its children and its own";
	return NULL;
}

const char *vmap_tree_check_ends(const struct vmap_tree *tree, unsigned long nr)
{
	const struct vmap_node *high = &tree->high;

	if (nr != tree->nr)
		return "the list has another number of nodes than the tree";
	if (high->right || high->parent || high->max_gap != max_gap_of(high))
		return "the root isn't right";
	return NULL;
}

const char *vmap_tree_validate(const struct vmap_tree *tree, unsigned long *at)
{
	const struct vmap_node *n = tree->low.next;
	const char *fault = NULL;
	unsigned long nr = 0;

	for (; n != &tree->high && !fault; n = n->next, nr++) {
		*at = n->start;
		fault = vmap_tree_check_node(n);
	}
	if (fault)
		return fault;
	*at = tree->high.start;
	return vmap_tree_check_ends(tree, nr);
}
