/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dt_memory.c - banks and reservations
 *
 * A bank is a child of the root whose device_type is "memory", or which is called
 * memory and has no device_type.  Reservations are the list in front of the tree and
 * the children of /reserved-memory.  What ranges mean for each other (overlaps, places
 * outside of banks) is the caller's business.
 * Facts: Devicetree Specification 0.4, 3.4, 3.5, 5.3; the reserved-memory binding.
 */
#include "internal.h"

#include <base/errno.h>
#include <string.h>

/* Cells that can describe memory: 1 or 2 each. */
static int read_memory_cells(int node, struct dt_cells *cells, struct dt_error *err)
{
	int code = dt_read_cells(node, cells, err);

	if (code)
		return code;
	if (cells->address < 1 || cells->address > 2)
		return dt_fail_node(err, -EINVAL, node, "#address-cells is %u, not 1 or 2",
				    (unsigned)cells->address);
	if (cells->size < 1 || cells->size > 2)
		return dt_fail_node(err, -EINVAL, node, "#size-cells is %u, not 1 or 2",
				    (unsigned)cells->size);
	return 0;
}

static bool is_memory(int node)
{
	const char *type = dt_prop_string(node, "device_type");
	const char *name = dt_node_name(node);

	if (type)
		return !strcmp(type, "memory");
	return !strcmp(name, "memory") || !strncmp(name, "memory@", 7);
}

/*
 * The first enabled memory node at or after @node among its siblings, or -1.  What stands behind
 * the last one isn't looked at: /soc may follow, and is long.
 */
static int this_memory(int node)
{
	while (node >= 0 && node <= dt_tree.last_memory) {
		if (is_memory(node) && dt_available(node))
			return node;
		node = dt_next_sibling(node);
	}
	return -1;
}

static int next_memory(int node)
{
	return node < dt_tree.last_memory ? this_memory(dt_next_sibling(node)) : -1;
}

static int for_each_reg(int node, struct dt_cells cells, struct dt_bank *bank,
			int (*fn)(const struct dt_bank *bank, void *arg, struct dt_error *err),
			void *arg, struct dt_error *err)
{
	int len, n, code = 0;
	const u8 *reg = dt_prop(node, "reg", &len);

	if (!reg)
		return dt_fail_node(err, -EINVAL, node, "a memory node without reg");
	n = dt_count_entries(node, "reg", len, cells.address + cells.size, err);
	if (n < 0)
		return n;
	while (n-- && !code) {
		code = dt_read_range(&reg, cells, node, "reg", &bank->range, err);
		if (!code)
			code = fn(bank, arg, err);
	}
	return code;
}

int dt_for_each_bank(int (*fn)(const struct dt_bank *bank, void *arg, struct dt_error *err),
		     void *arg, struct dt_error *err)
{
	struct dt_cells cells;
	int node, nid, len, code;

	if (dt_tree.first_memory < 0)
		return dt_fail(err, -ENODEV, "device tree: no memory node");
	code = read_memory_cells(0, &cells, err);
	if (code)
		return code;
	/* First the nodes' numbers, so that the lowest becomes 0 wherever it stands. */
	for (node = this_memory(dt_tree.first_memory); node >= 0; node = next_memory(node)) {
		nid = dt_node_nid(node, true, err);
		if (nid < 0 && nid != -ENOENT)
			return nid;
	}
	for (node = this_memory(dt_tree.first_memory); node >= 0 && !code;
	     node = next_memory(node)) {
		struct dt_bank bank = { .node = node };

		nid = dt_node_nid(node, false, err);
		bank.nid = max(nid, 0);
		bank.no_nid = nid < 0 && dt_nr_nids() > 1;
		bank.hotpluggable = dt_prop(node, "hotpluggable", &len) != NULL;
		code = for_each_reg(node, cells, &bank, fn, arg, err);
	}
	return code;
}

/* ---- reservations ---- */

typedef int (*rsv_fn)(const struct dt_reservation *rsv, void *arg, struct dt_error *err);

static int for_each_memreserve(rsv_fn fn, void *arg, struct dt_error *err)
{
	int i, code = 0, n = fdt_num_mem_rsv(dt_tree.blob);

	for (i = 0; i < n && !code; i++) {
		struct dt_reservation rsv = { .kind = DT_RSV_MEMRESERVE, .node = -1 };
		u64 start, size;

		if (fdt_get_mem_rsv(dt_tree.blob, i, &start, &size))
			break;
		if (start + size < start)
			return dt_fail(err, -EINVAL,
				       "device tree: /memreserve/ entry %d wraps around: 0x%" PRIpa
				       " and 0x%" PRIpa " bytes",
				       i, PA(start), PA(size));
		rsv.range = (struct phys_range){ start, start + size };
		code = fn(&rsv, arg, err);
	}
	return code;
}

/* A number of #size-cells cells; 0 if @node hasn't @prop. */
static int read_size_prop(int node, const char *prop, struct dt_cells cells, u64 *out,
			  struct dt_error *err)
{
	int len;
	const u8 *p = dt_prop(node, prop, &len);

	*out = 0;
	if (!p)
		return 0;
	if (len != 4 * (int)cells.size)
		return dt_fail_node(err, -EINVAL, node, "%s has %d bytes, not %d", prop, len,
				    4 * (int)cells.size);
	dt_read_number(&p, cells.size, out);
	return 0;
}

static int read_dynamic(struct dt_reservation *rsv, struct dt_cells cells, rsv_fn fn, void *arg,
			struct dt_error *err)
{
	struct phys_range where[DT_MAX_WINDOWS];
	int len = 0, i, n = 0, code, node = rsv->node;
	const u8 *p = dt_prop(node, "alloc-ranges", &len);

	code = read_size_prop(node, "size", cells, &rsv->size, err);
	if (!code)
		code = read_size_prop(node, "alignment", cells, &rsv->align, err);
	if (!code && p)
		n = dt_count_entries(node, "alloc-ranges", len, cells.address + cells.size, err);
	if (code || n < 0)
		return code ? code : n;
	if (n > DT_MAX_WINDOWS)
		return dt_fail_node(err, -EINVAL, node, "alloc-ranges has %d entries, more than %d",
				    n, DT_MAX_WINDOWS);
	if (rsv->align & (rsv->align - 1))
		return dt_fail_node(err, -EINVAL, node,
				    "alignment is 0x%" PRIpa ", no power of two", PA(rsv->align));
	for (i = 0; i < n; i++) {
		code = dt_read_range(&p, cells, node, "alloc-ranges", &where[i], err);
		if (code)
			return code;
	}
	rsv->kind = rsv->size ? DT_RSV_DYNAMIC : DT_RSV_MALFORMED;
	rsv->where = where;
	rsv->nr_where = (unsigned)n;
	return fn(rsv, arg, err);
}

static int read_reserved_node(int node, struct dt_cells cells, rsv_fn fn, void *arg,
			      struct dt_error *err)
{
	struct dt_reservation rsv = { .node = node, .kind = DT_RSV_STATIC };
	int len, n, code = 0;
	const u8 *reg;

	rsv.no_map = dt_prop(node, "no-map", &len) != NULL;
	rsv.reusable = dt_prop(node, "reusable", &len) != NULL;
	reg = dt_prop(node, "reg", &len);
	if (!reg)
		return read_dynamic(&rsv, cells, fn, arg, err);
	n = dt_count_entries(node, "reg", len, cells.address + cells.size, err);
	if (n < 0)
		return n;
	while (n-- && !code) {
		code = dt_read_range(&reg, cells, node, "reg", &rsv.range, err);
		if (!code)
			code = fn(&rsv, arg, err);
	}
	return code;
}

int dt_for_each_reservation(rsv_fn fn, void *arg, struct dt_error *err)
{
	int node, parent = dt_tree.reserved_memory;
	int code = for_each_memreserve(fn, arg, err);
	struct dt_cells cells;

	if (code || parent < 0)
		return code;
	code = read_memory_cells(parent, &cells, err);
	for (node = dt_first_child(parent); node >= 0 && !code; node = dt_next_sibling(node)) {
		if (dt_available(node))
			code = read_reserved_node(node, cells, fn, arg, err);
	}
	return code;
}
