/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * internal.h - what the files of lib/dt share
 *
 * Everything here trusts the structure of the blob: dt_check went over all of it.
 */
#ifndef LIB_DT_INTERNAL_H
#define LIB_DT_INTERNAL_H

#include <lib/dt.h>

#include <libfdt.h>

/* The tree that is current. */
struct dt_tree {
	const char *blob;
	size_t bytes;	     /* of the blob */
	const char *structs; /* structure block: tags, names, values */
	const char *strings; /* names of properties */
	/* Found while checking; offsets of nodes, or -1. */
	int chosen, cpus, aliases, reserved_memory, distance_map;
	int first_memory, last_memory; /* of the root's children that are or look like memory */
};
extern struct dt_tree dt_tree;

/* Check @blob and describe it in @tree; dt_init without making it current. */
int dt_check(const void *blob, size_t max_bytes, struct dt_tree *tree, struct dt_error *err);

/* Point @tree's blocks into @blob, by its header. */
void dt_locate(struct dt_tree *tree, const void *blob);

/* dt_fail with "device tree: PATH: " in front. */
int dt_fail_node(struct dt_error *err, int code, int node, const char *fmt, ...) __printf(4, 5);

/* ---- tokens ---- */

/* One tag of the structure block. */
struct dt_token {
	u32 tag;	  /* FDT_BEGIN_NODE, FDT_END_NODE, FDT_PROP or FDT_END; never FDT_NOP */
	int offset;	  /* of the tag: what names a node */
	const char *name; /* of the node or property */
	const u8 *value;  /* FDT_PROP */
	int len;	  /* FDT_PROP: bytes of value */
};

/* A big-endian cell, at any alignment. */
static inline u32 dt_cell(const void *p)
{
	const u8 *b = p;

	return (u32)b[0] << 24 | (u32)b[1] << 16 | (u32)b[2] << 8 | b[3];
}

/* dt_next - read the token at *offset and move *offset behind it. */
void dt_next(int *offset, struct dt_token *t);

/* The offset of the first token inside @node. */
int dt_inside(int node);

/* The offset of the first token behind @node and all that is in it. */
int dt_behind(int node);

/* Children of @node: for (c = dt_first_child(n); c >= 0; c = dt_next_sibling(c)) */
int dt_first_child(int node);
int dt_next_sibling(int node);

/* The way from the root to the node of a path or alias (up to a ':'); how many nodes, 0: none. */
int dt_lookup(const char *path, int way[DT_MAX_DEPTH]);

/* dt_reg of the last of the @depth nodes of @way. */
int dt_reg_on(const int *way, int depth, unsigned index, struct phys_range *out,
	      struct dt_error *err);

/* A property that is looked for. */
struct dt_want {
	const char *name;
	const u8 *value; /* out; NULL if it isn't there */
	int len;	 /* out */
};

/* dt_props - look for several properties of @node in one pass. */
void dt_props(int node, struct dt_want *want, unsigned n);

/* The way from the root to @node, both included, into @path; how many nodes. */
int dt_ancestors(int node, int path[DT_MAX_DEPTH]);

/* ---- cells ---- */

struct dt_cells {
	u32 address, size;
};

/* dt_read_cells - #address-cells and #size-cells that @node sets for its children (2 and 1 if it
 * says nothing); -EINVAL if one isn't a cell or is larger than 4. */
int dt_read_cells(int node, struct dt_cells *cells, struct dt_error *err);

/* dt_read_number - the number in @cells cells at *p, and move *p behind it; false if it doesn't
 * fit 64 bits. */
bool dt_read_number(const u8 **p, unsigned cells, u64 *out);

/*
 * dt_read_range - address and size at *p as a range, and move *p behind it.
 * -EINVAL with a sentence about property @prop of @node if it wraps around or doesn't fit.
 */
int dt_read_range(const u8 **p, struct dt_cells cells, int node, const char *prop,
		  struct phys_range *out, struct dt_error *err);

/*
 * dt_count_entries - how many entries of @cells cells property @prop of @node, @len bytes, has;
 * -EINVAL with a sentence if it isn't a multiple.
 */
int dt_count_entries(int node, const char *prop, int len, unsigned cells, struct dt_error *err);

/* One line of `ranges` or `dma-ranges`. */
struct dt_window {
	u64 child, parent, size; /* bytes */
	bool io;		 /* PCI's I/O space */
};

/*
 * dt_read_windows - property @prop of bus @node, @value of @len bytes, below @parent_node.
 * Up to @max entries with a size; how many, or -EINVAL, or -ENOSPC.
 */
int dt_read_windows(int node, int parent_node, const char *prop, const u8 *value, int len,
		    struct dt_window *out, int max, struct dt_error *err);

/* ---- numa ---- */

/* The nid of @node: by its numa-node-id, made known if @add.  -ENOENT: it has none;
 * -ENOSPC: more than DT_MAX_NODES; -EINVAL: no cell. */
int dt_node_nid(int node, bool add, struct dt_error *err);
void dt_forget_nids(void);

/* The nid of @node, or of the nearest node with memory; 0 if the tree tells nothing. */
int dt_nearest_nid(int node);

/* status is absent, okay or ok. */
bool dt_status_ok(const u8 *status, int len);

/* One of the strings in @list is @s. */
bool dt_list_has(const u8 *list, int len, const char *s);

#endif
