/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dt_dma.c - which memory each limited device can reach
 *
 * A device drives addresses [0, 2^bits) on its bus (its DMA_LIMIT line).  Each bus above
 * passes on what its dma-ranges list, moved to the parent's addresses; an empty or absent
 * dma-ranges passes everything on as it is.  What is left at the root are CPU addresses.
 * A PCI host stands for the devices behind it, so its own dma-ranges count too.
 */
#include "internal.h"

#include <base/errno.h>
#include <lib/dma_limit.h>
#include <string.h>

/* A set of address ranges on some bus. */
struct reach {
	struct phys_range range[DT_MAX_WINDOWS];
	int nr;
};

/* An open node on the way from the root. */
struct level {
	int node;
	bool coherent;
};

struct scan {
	struct dt_dma_map *map;
	struct dt_error *err;
	struct level path[DT_MAX_DEPTH];
	int depth; /* nodes in path */
};

/* What the head of a node says that matters here. */
struct head {
	const u8 *compatible;
	int compatible_len;
	bool enabled, coherent, noncoherent;
};

/* Read the properties at @at; the offset of what follows them. */
static int read_head(int at, struct head *h)
{
	struct dt_token t;

	*h = (struct head){ .enabled = true };
	for (;;) {
		dt_next(&at, &t);
		if (t.tag != FDT_PROP)
			return t.offset;
		switch (t.name[0]) {
		case 'c':
			if (!strcmp(t.name, "compatible")) {
				h->compatible = t.value;
				h->compatible_len = t.len;
			}
			break;
		case 's':
			if (!strcmp(t.name, "status"))
				h->enabled = dt_status_ok(t.value, t.len);
			break;
		case 'd':
			h->coherent |= !strcmp(t.name, "dma-coherent");
			h->noncoherent |= !strcmp(t.name, "dma-noncoherent");
			break;
		}
	}
}

/* The line that the first possible of the strings in @list matches, or NULL. */
static const struct dma_limit *find_limit(const u8 *list, int len)
{
	while (len > 0) {
		const u8 *end = memchr(list, '\0', (size_t)len);
		const struct dma_limit *limit;

		if (!end)
			return NULL;
		for_each_table(dma_limit, limit) {
			if (limit->compatible[0] == *list &&
			    !strcmp(limit->compatible, (const char *)list))
				return limit;
		}
		len -= (int)(end - list) + 1;
		list = end + 1;
	}
	return NULL;
}

/* Carry @reach, on the child side of @bus, over to its parent's side. */
static int fold_bus(int bus, int parent_node, struct reach *reach, struct dt_error *err)
{
	struct dt_window w[DT_MAX_WINDOWS];
	struct reach out; /* room that isn't cleared: most buses need none of it */
	int i, k, n, len;
	const u8 *ranges = dt_prop(bus, "dma-ranges", &len);

	if (!ranges || !len)
		return 0;
	n = dt_read_windows(bus, parent_node, "dma-ranges", ranges, len, w, DT_MAX_WINDOWS, err);
	if (n < 0)
		return n;
	for (i = 0, out.nr = 0; i < n; i++) {
		for (k = 0; k < reach->nr && !w[i].io; k++) {
			u64 start = max(reach->range[k].start, w[i].child);
			u64 end = min(reach->range[k].end, w[i].child + w[i].size);

			if (start >= end)
				continue;
			if (out.nr == DT_MAX_WINDOWS)
				return dt_fail_node(err, -EINVAL, bus,
						    "dma-ranges make more than %d pieces",
						    DT_MAX_WINDOWS);
			out.range[out.nr++] = (struct phys_range){ start - w[i].child + w[i].parent,
								   end - w[i].child + w[i].parent };
		}
	}
	*reach = out;
	return 0;
}

/* Sort the ranges, merge those that touch. */
static void tidy(struct reach *reach)
{
	int i, k, n = 0;

	for (i = 1; i < reach->nr; i++) {
		struct phys_range r = reach->range[i];

		for (k = i; k > 0 && reach->range[k - 1].start > r.start; k--)
			reach->range[k] = reach->range[k - 1];
		reach->range[k] = r;
	}
	for (i = 0; i < reach->nr; i++) {
		struct phys_range r = reach->range[i];

		if (n && r.start <= reach->range[n - 1].end)
			reach->range[n - 1].end = max(reach->range[n - 1].end, r.end);
		else
			reach->range[n++] = r;
	}
	reach->nr = n;
}

static void store(struct dt_dma_map *map, struct dt_dma_device device, const struct reach *reach)
{
	int i;

	device.first_range = map->nr_ranges;
	device.nr_ranges = (unsigned)reach->nr;
	for (i = 0; i < reach->nr; i++, map->nr_ranges++) {
		if (map->nr_ranges < map->max_ranges)
			map->range[map->nr_ranges] = reach->range[i];
	}
	if (map->nr_devices < map->max_devices)
		map->device[map->nr_devices] = device;
	map->nr_devices++;
}

/* The innermost node of the path is a limited device. */
static int add_device(struct scan *s, const struct dma_limit *limit)
{
	const struct level *leaf = &s->path[s->depth - 1];
	const char *type = dt_prop_string(leaf->node, "device_type");
	struct reach reach;
	int i, code = 0;

	reach.nr = 1;
	reach.range[0] = (struct phys_range){ 0, limit->bits < 64 ? BIT_ULL(limit->bits) : ~0ULL };
	i = type && !strcmp(type, "pci") ? s->depth - 1 : s->depth - 2;
	for (; i > 0 && !code; i--)
		code = fold_bus(s->path[i].node, s->path[i - 1].node, &reach, s->err);
	if (code)
		return code == -ENOSPC ? -EINVAL : code; /* -ENOSPC speaks of the caller's arrays */
	tidy(&reach);
	store(s->map,
	      (struct dt_dma_device){
		      .node = leaf->node, .limit = limit, .coherent = leaf->coherent },
	      &reach);
	return 0;
}

/* Enter the node at @node; the offset where reading goes on, or an error. */
static int enter(struct scan *s, int node)
{
	struct level *level = &s->path[s->depth];
	const struct dma_limit *limit;
	struct head h;
	int code, at = read_head(dt_inside(node), &h);

	if (!h.enabled)
		return dt_behind(node);
	level->node = node;
	level->coherent = s->depth ? level[-1].coherent : true;
	if (h.coherent || h.noncoherent)
		level->coherent = h.coherent;
	s->depth++;
	limit = h.compatible ? find_limit(h.compatible, h.compatible_len) : NULL;
	if (!limit)
		return at;
	code = add_device(s, limit);
	return code ? code : at;
}

int __init dt_read_dma(struct dt_dma_map *map, struct dt_error *err)
{
	struct scan s = { .map = map, .err = err };
	struct dt_token t;
	int at = 0;

	map->nr_devices = map->nr_ranges = 0;
	for (;;) {
		dt_next(&at, &t);
		if (t.tag == FDT_END)
			break;
		if (t.tag == FDT_END_NODE) {
			s.depth--;
			continue;
		}
		at = enter(&s, t.offset);
		if (at < 0)
			return at;
	}
	if (map->nr_devices > map->max_devices || map->nr_ranges > map->max_ranges)
		return dt_fail(err, -ENOSPC, "device tree: %u limited devices, %u ranges",
			       map->nr_devices, map->nr_ranges);
	return 0;
}
