/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dt_check.c - is this blob a device tree, all of it?
 *
 * One pass.  What passes has these properties, which all other readers rely on:
 *   - the blocks lie within totalsize, which lies within what can be read;
 *   - the reservation list has its end mark; the strings block ends with a NUL;
 *   - tags are known, aligned, complete; names are terminated; values are within the block;
 *   - one root; each node is closed; properties stand before children; depth <= DT_MAX_DEPTH.
 * The same pass notes where the well-known children of the root are.
 * Format: Devicetree Specification 0.4, chapter 5.
 */
#include "internal.h"

#include <base/errno.h>
#include <string.h>

#define HEADER_BYTES 40 /* of version 17 */

/* [offset, offset + bytes) lies in a blob of @total bytes and starts at a multiple of @align. */
static bool block_fits(u32 offset, u32 bytes, u32 total, u32 align)
{
	return offset >= HEADER_BYTES && offset <= total && bytes <= total - offset &&
	       offset % align == 0;
}

static int check_header(const void *blob, size_t max_bytes, struct dt_error *err)
{
	u32 total, at, bytes;

	if (max_bytes < HEADER_BYTES)
		return dt_fail(err, -EINVAL, "device tree: only %u bytes, less than a header",
			       (unsigned)max_bytes);
	if (fdt_magic(blob) != FDT_MAGIC)
		return dt_fail(err, -EINVAL, "device tree: starts with 0x%08x, not 0x%08x: not one",
			       (unsigned)fdt_magic(blob), FDT_MAGIC);
	if (fdt_version(blob) < 17 || fdt_last_comp_version(blob) > 17)
		return dt_fail(err, -EINVAL, "device tree: version %u (readable as %u), not 17",
			       (unsigned)fdt_version(blob), (unsigned)fdt_last_comp_version(blob));
	total = fdt_totalsize(blob);
	if (total < HEADER_BYTES || total > DT_MAX_BYTES)
		return dt_fail(err, -EINVAL, "device tree: totalsize is %u, not between %u and %u",
			       (unsigned)total, HEADER_BYTES, DT_MAX_BYTES);
	if (total > max_bytes)
		return dt_fail(err, -EINVAL, "device tree: truncated: %u of %u bytes are there",
			       (unsigned)max_bytes, (unsigned)total);
	at = fdt_off_dt_struct(blob);
	bytes = fdt_size_dt_struct(blob);
	if (!block_fits(at, bytes, total, 4))
		return dt_fail(err, -EINVAL,
			       "device tree: structure block at %u, %u bytes: outside of %u bytes",
			       (unsigned)at, (unsigned)bytes, (unsigned)total);
	at = fdt_off_dt_strings(blob);
	bytes = fdt_size_dt_strings(blob);
	if (!block_fits(at, bytes, total, 1))
		return dt_fail(err, -EINVAL,
			       "device tree: strings block at %u, %u bytes: outside of %u bytes",
			       (unsigned)at, (unsigned)bytes, (unsigned)total);
	if (bytes && ((const char *)blob)[at + bytes - 1])
		return dt_fail(err, -EINVAL, "device tree: the strings block has no end");
	return 0;
}

static int check_reservations(const void *blob, struct dt_error *err)
{
	u32 total = fdt_totalsize(blob), at = fdt_off_mem_rsvmap(blob);
	const u8 *p = (const u8 *)blob + at;
	static const u8 end[16];

	if (!block_fits(at, 16, total, 8))
		return dt_fail(err, -EINVAL, "device tree: reservation list at %u: outside",
			       (unsigned)at);
	for (; memcmp(p, end, 16); p += 16, at += 16) {
		if (total - at < 32)
			return dt_fail(err, -EINVAL,
				       "device tree: the reservation list has no end");
	}
	return 0;
}

/* ---- the structure block ---- */

struct check {
	struct dt_tree *tree;
	u32 struct_bytes, string_bytes;
	u32 at;		     /* next tag */
	unsigned depth;	     /* nodes open */
	bool props_may_come; /* no child of the open node has been seen */
	bool root_closed;
	int child;	/* of the root, that is open */
	bool is_memory; /* that child is */
	struct dt_error *err;
};

/* Note a child of the root by its name. */
static void note_child(struct check *c, int node, const char *name)
{
	static const struct {
		const char *name;
		size_t where;
	} known[] = {
		{ "chosen", offsetof(struct dt_tree, chosen) },
		{ "cpus", offsetof(struct dt_tree, cpus) },
		{ "aliases", offsetof(struct dt_tree, aliases) },
		{ "reserved-memory", offsetof(struct dt_tree, reserved_memory) },
		{ "distance-map", offsetof(struct dt_tree, distance_map) },
	};
	unsigned i;

	c->child = node;
	c->is_memory = !strcmp(name, "memory") || !strncmp(name, "memory@", 7);
	for (i = 0; i < ARRAY_SIZE(known); i++) {
		int *where = (int *)((char *)c->tree + known[i].where);

		if (*where < 0 && !strcmp(name, known[i].name))
			*where = node;
	}
}

static int check_begin(struct check *c)
{
	const char *name = c->tree->structs + c->at + 4;
	const char *end = memchr(name, '\0', c->struct_bytes - c->at - 4);

	if (!end)
		return dt_fail(c->err, -EINVAL, "device tree: the node at %u has an endless name",
			       (unsigned)c->at);
	if (!c->depth && *name)
		return dt_fail(c->err, -EINVAL, "device tree: the root node has a name");
	if (c->depth == DT_MAX_DEPTH)
		return dt_fail(c->err, -EINVAL, "device tree: nodes nest more than %u deep at %u",
			       DT_MAX_DEPTH, (unsigned)c->at);
	if (c->depth == 1)
		note_child(c, (int)c->at, name);
	c->depth++;
	c->props_may_come = true;
	c->at += 4 + ALIGN_UP((u32)(end - name) + 1, 4);
	return 0;
}

static int check_end(struct check *c)
{
	if (!c->depth)
		return dt_fail(c->err, -EINVAL, "device tree: at %u, a node ends that never began",
			       (unsigned)c->at);
	c->depth--;
	c->props_may_come = false;
	c->root_closed = !c->depth;
	if (c->depth == 1 && c->is_memory) {
		if (c->tree->first_memory < 0)
			c->tree->first_memory = c->child;
		c->tree->last_memory = c->child;
		c->is_memory = false;
	}
	c->at += 4;
	return 0;
}

static int check_prop(struct check *c)
{
	const char *tag = c->tree->structs + c->at, *name;
	u32 left = c->struct_bytes - c->at, len, name_at;

	if (!c->props_may_come)
		return dt_fail(c->err, -EINVAL,
			       "device tree: a property outside of a node's head at %u",
			       (unsigned)c->at);
	if (left < 12)
		return dt_fail(c->err, -EINVAL, "device tree: cut off in a property at %u",
			       (unsigned)c->at);
	len = dt_cell(tag + 4);
	name_at = dt_cell(tag + 8);
	if (name_at >= c->string_bytes)
		return dt_fail(c->err, -EINVAL,
			       "device tree: the property at %u has its name at %u of %u bytes",
			       (unsigned)c->at, (unsigned)name_at, (unsigned)c->string_bytes);
	name = c->tree->strings + name_at;
	if (len > left - 12)
		return dt_fail(c->err, -EINVAL,
			       "device tree: property %.31s at %u has %u bytes, %u are left", name,
			       (unsigned)c->at, (unsigned)len, (unsigned)left - 12);
	if (c->depth == 2 && len == 7 && !memcmp(tag + 12, "memory", 7) &&
	    !strcmp(name, "device_type"))
		c->is_memory = true;
	c->at += 12 + ALIGN_UP(len, 4);
	return 0;
}

static int check_structure(struct check *c)
{
	int code = 0;

	while (!code) {
		u32 tag;

		/* Padding may have carried `at` past the end. */
		if (c->at > c->struct_bytes || c->struct_bytes - c->at < 4)
			return dt_fail(c->err, -EINVAL,
				       "device tree: the structure block has no end");
		tag = dt_cell(c->tree->structs + c->at);
		if (c->root_closed && tag != FDT_END)
			return dt_fail(c->err, -EINVAL, "device tree: tag %u behind the root at %u",
				       (unsigned)tag, (unsigned)c->at);
		switch (tag) {
		case FDT_BEGIN_NODE:
			code = check_begin(c);
			break;
		case FDT_END_NODE:
			code = check_end(c);
			break;
		case FDT_PROP:
			code = check_prop(c);
			break;
		case FDT_NOP:
			c->at += 4;
			break;
		case FDT_END:
			if (!c->root_closed)
				return dt_fail(c->err, -EINVAL,
					       "device tree: ends at %u with %u nodes open",
					       (unsigned)c->at, c->depth);
			return 0;
		default:
			return dt_fail(c->err, -EINVAL, "device tree: unknown tag 0x%x at %u",
				       (unsigned)tag, (unsigned)c->at);
		}
	}
	return code;
}

int __init dt_check(const void *blob, size_t max_bytes, struct dt_tree *tree, struct dt_error *err)
{
	struct check c = { .tree = tree, .err = err };
	int code = check_header(blob, max_bytes, err);

	if (!code)
		code = check_reservations(blob, err);
	if (code)
		return code;
	*tree = (struct dt_tree){
		.chosen = -1,
		.cpus = -1,
		.aliases = -1,
		.reserved_memory = -1,
		.distance_map = -1,
		.first_memory = -1,
		.last_memory = -1,
	};
	dt_locate(tree, blob);
	c.struct_bytes = fdt_size_dt_struct(blob);
	c.string_bytes = fdt_size_dt_strings(blob);
	return check_structure(&c);
}
