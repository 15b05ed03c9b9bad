/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dt_addr.c - addresses on the way between a device and the CPU
 *
 * A bus node's `ranges` says where addresses of its children are seen by its parent, its
 * `dma-ranges` where addresses that its children drive arrive.  Entries are triples
 * (child address, parent address, size); the child address has the bus's own
 * #address-cells, the parent address those of the bus's parent.
 * PCI's child addresses have a third, first cell: flags, of which only the space counts.
 */
#include "internal.h"

#include <base/errno.h>
#include <string.h>

#define PCI_SPACE_SHIFT 24
#define PCI_SPACE_IO	1

static int read_window(const u8 **p, int node, const char *prop, struct dt_cells child,
		       struct dt_cells parent, bool pci, struct dt_window *w, struct dt_error *err)
{
	bool fits;

	w->io = false;
	if (pci) {
		w->io = ((dt_cell(*p) >> PCI_SPACE_SHIFT) & 3) == PCI_SPACE_IO;
		*p += 4;
		child.address--;
	}
	fits = dt_read_number(p, child.address, &w->child);
	fits = dt_read_number(p, parent.address, &w->parent) && fits;
	fits = dt_read_number(p, child.size, &w->size) && fits;
	if (!fits)
		return dt_fail_node(err, -EINVAL, node, "%s has a number of more than 64 bits",
				    prop);
	/* A window of all 2^64 bytes can't be written; one that ends there is cut by a byte. */
	if (w->size &&
	    (w->child + (w->size - 1) < w->child || w->parent + (w->size - 1) < w->parent))
		return dt_fail_node(err, -EINVAL, node,
				    "%s wraps around: 0x%" PRIpa " to 0x%" PRIpa ", 0x%" PRIpa
				    " bytes",
				    prop, PA(w->child), PA(w->parent), PA(w->size));
	if (w->size && (w->child + w->size == 0 || w->parent + w->size == 0))
		w->size--;
	return 0;
}

int dt_read_windows(int node, int parent_node, const char *prop, const u8 *value, int len,
		    struct dt_window *out, int max, struct dt_error *err)
{
	const char *type = dt_prop_string(node, "device_type");
	bool pci = type && !strncmp(type, "pci", 3);
	struct dt_cells child, parent;
	int i, n = 0, entries, code;

	code = dt_read_cells(node, &child, err);
	if (!code)
		code = dt_read_cells(parent_node, &parent, err);
	if (code)
		return code;
	if (pci && child.address != 3)
		return dt_fail_node(err, -EINVAL, node, "#address-cells of a PCI host is %u, not 3",
				    (unsigned)child.address);
	entries =
		dt_count_entries(node, prop, len, child.address + parent.address + child.size, err);
	if (entries < 0)
		return entries;
	for (i = 0; i < entries; i++) {
		struct dt_window w;

		code = read_window(&value, node, prop, child, parent, pci, &w, err);
		if (code)
			return code;
		if (!w.size)
			continue;
		if (n == max)
			return dt_fail_node(err, -ENOSPC, node, "%s has more than %d entries", prop,
					    max);
		out[n++] = w;
	}
	return n;
}

/* Move @r, an address range below bus @node, to the addresses of @node's parent. */
static int translate(int node, int parent_node, struct phys_range *r, struct dt_error *err)
{
	struct dt_window w[DT_MAX_WINDOWS];
	int i, n, len;
	const u8 *ranges = dt_prop(node, "ranges", &len);

	if (!ranges)
		return dt_fail_node(err, -EINVAL, node,
				    "no ranges: the CPU can't see what is below");
	if (!len)
		return 0;
	n = dt_read_windows(node, parent_node, "ranges", ranges, len, w, DT_MAX_WINDOWS, err);
	if (n < 0)
		return n;
	for (i = 0; i < n; i++) {
		if (w[i].io || r->start < w[i].child || r->end - w[i].child > w[i].size)
			continue;
		r->end = r->end - w[i].child + w[i].parent;
		r->start = r->start - w[i].child + w[i].parent;
		return 0;
	}
	return dt_fail_node(err, -EINVAL, node,
			    "ranges don't cover [0x%" PRIpa ", 0x%" PRIpa ") below it",
			    PA(r->start), PA(r->end));
}

int dt_reg_on(const int *way, int depth, unsigned index, struct phys_range *out,
	      struct dt_error *err)
{
	int node = way[depth - 1], len, n, i, code;
	struct dt_cells cells;
	const u8 *reg = dt_prop(node, "reg", &len);

	if (!reg || depth < 2)
		return dt_fail_node(err, -ENOENT, node, "no reg");
	code = dt_read_cells(way[depth - 2], &cells, err);
	if (code)
		return code;
	n = dt_count_entries(node, "reg", len, cells.address + cells.size, err);
	if (n < 0)
		return n;
	if (index >= (unsigned)n)
		return dt_fail_node(err, -ENOENT, node, "reg has no entry %u", index);
	reg += index * 4 * (cells.address + cells.size);
	code = dt_read_range(&reg, cells, node, "reg", out, err);
	for (i = depth - 2; !code && i > 0; i--)
		code = translate(way[i], way[i - 1], out, err);
	return code;
}

int dt_reg(int node, unsigned index, struct phys_range *out, struct dt_error *err)
{
	int way[DT_MAX_DEPTH], depth = dt_ancestors(node, way);

	return dt_reg_on(way, depth, index, out, err);
}
