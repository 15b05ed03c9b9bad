/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mmplan_show.c - mmplan's answer, as text or as JSON
 */
#include "mmplan.h"

#include "harness.h"

#include <asm/memory.h>
#include <lib/dma_limit.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE_DESCRIPTOR 32 /* bytes, sizeof(struct page) */

/* ---- output: the same calls write text or JSON ---- */

static int items; /* written in the innermost JSON list or object */

static void json(const char *fmt, ...) __printf(1, 2);
static void json(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
}

static void json_string(const char *s)
{
	putchar('"');
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			putchar('\\');
		if ((unsigned char)*s >= ' ')
			putchar(*s);
		else
			printf("\\u%04x", (unsigned char)*s);
	}
	putchar('"');
}

static void next_item(void)
{
	json("%s\n    ", items++ ? "," : "");
}

static const char *human(u64 bytes)
{
	static char text[4][24];
	static int turn;
	char *s = text[turn++ % 4];

	if (bytes >= GiB && bytes % (GiB / 4) == 0)
		snprintf(s, 24, "%g GiB", (double)bytes / (double)GiB);
	else if (bytes >= MiB && bytes % (MiB / 4) == 0)
		snprintf(s, 24, "%g MiB", (double)bytes / (double)MiB);
	else
		snprintf(s, 24, "%llu KiB", PA(bytes / KiB));
	return s;
}

static const char *reserved_kind(u32 flags)
{
	switch (flags & MEMBLOCK_RSRV_MASK) {
	case MEMBLOCK_RSRV_KERNEL:
		return "kernel";
	case MEMBLOCK_RSRV_DT:
		return "device-tree";
	case MEMBLOCK_RSRV_INITRD:
		return "initrd";
	case MEMBLOCK_RSRV_FIRMWARE:
		return "memreserve";
	case MEMBLOCK_RSRV_NODE:
		return "reserved-memory";
	case MEMBLOCK_RSRV_REUSABLE:
		return "reusable";
	}
	return "early";
}

static const char *zone_names(zone_mask_t mask)
{
	static char text[128];
	size_t n = 0;
	int i;

	snprintf(text, sizeof(text), "none");
	for (i = 0; i < found.plan.nr_zones; i++) {
		if (mask & 1 << i)
			n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s", n ? " " : "",
					      found.plan.zone[i].name);
	}
	return text;
}

static void json_zone_list(zone_mask_t mask)
{
	const char *comma = "";
	int i;

	json("[");
	for (i = 0; i < found.plan.nr_zones; i++) {
		if (!(mask & 1 << i))
			continue;
		json("%s\"%s\"", comma, found.plan.zone[i].name);
		comma = ", ";
	}
	json("]");
}

static void heading(const char *key, const char *text)
{
	items = 0;
	if (opt.json)
		json(",\n  \"%s\": [", key);
	else
		printf("\n%s\n", text);
}

static void end_list(void)
{
	if (opt.json)
		json("%s]", items ? "\n  " : "");
}

/* ---- sections ---- */

static bool has_nomap(const struct memblock_region *r)
{
	return r->flags & MEMBLOCK_NOMAP;
}

static void show_banks(void)
{
	unsigned i;

	heading("banks", "memory banks");
	for (i = 0; i < found.nr_banks; i++) {
		const struct memblock_region *r = &found.bank[i];

		if (!opt.json) {
			printf("  %12llx - %12llx  %10s  node %d%s%s\n", PA(r->base),
			       PA(r->base + r->size), human(r->size), r->nid,
			       has_nomap(r) ? "  no-map" : "",
			       r->flags & MEMBLOCK_HOTPLUG ? "  hotpluggable" : "");
			continue;
		}
		next_item();
		json("{\"start\": %llu, \"end\": %llu, \"node\": %d, \"no_map\": %s, "
		     "\"hotpluggable\": %s}",
		     PA(r->base), PA(r->base + r->size), r->nid, has_nomap(r) ? "true" : "false",
		     r->flags & MEMBLOCK_HOTPLUG ? "true" : "false");
	}
	end_list();
}

static void show_holes(void)
{
	unsigned i;

	heading("holes", "holes between banks");
	for (i = 1; i < found.nr_banks; i++) {
		phys_addr_t start = found.bank[i - 1].base + found.bank[i - 1].size,
			    end = found.bank[i].base;

		if (start == end)
			continue;
		if (opt.json) {
			next_item();
			json("{\"start\": %llu, \"end\": %llu}", PA(start), PA(end));
		} else {
			items++;
			printf("  %12llx - %12llx  %10s\n", PA(start), PA(end), human(end - start));
		}
	}
	if (!items && !opt.json)
		printf("  none\n");
	end_list();
}

/* Bytes of [start, end) that banks hold, of no-map memory alone if @nomap. */
static u64 bytes_in_banks(phys_addr_t start, phys_addr_t end, bool nomap)
{
	u64 bytes = 0;
	unsigned i;

	for (i = 0; i < found.nr_banks; i++) {
		const struct memblock_region *r = &found.bank[i];
		phys_addr_t lo = max(start, r->base), hi = min(end, r->base + r->size);

		if (lo < hi && (!nomap || has_nomap(r)))
			bytes += hi - lo;
	}
	return bytes;
}

static void show_reserved(void)
{
	unsigned i;

	heading("reservations", "reservations");
	for (i = 0; i < found.nr_reserved; i++) {
		const struct memblock_region *r = &found.reserved[i];
		u64 inside = bytes_in_banks(r->base, r->base + r->size, false);
		bool nomap = inside && bytes_in_banks(r->base, r->base + r->size, true) == inside;

		if (!opt.json) {
			printf("  %12llx - %12llx  %10s  %s%s%s\n", PA(r->base),
			       PA(r->base + r->size), human(r->size), reserved_kind(r->flags),
			       nomap ? "  no-map" : "",
			       inside == r->size ? ""
			       : inside		 ? "  partly outside of memory"
						 : "  outside of memory");
			continue;
		}
		next_item();
		json("{\"start\": %llu, \"end\": %llu, \"kind\": \"%s\", \"no_map\": %s, "
		     "\"in_memory\": %s}",
		     PA(r->base), PA(r->base + r->size), reserved_kind(r->flags),
		     nomap ? "true" : "false", inside ? "true" : "false");
	}
	if (!found.nr_reserved && !opt.json)
		printf("  none\n");
	end_list();
}

static void show_device(unsigned i)
{
	const struct dt_dma_map *map = discover_dma_map();
	const struct dt_dma_device *d = &map->device[i];
	char path[DT_PATH_LEN];
	unsigned k;

	dt_path(d->node, path, sizeof(path));
	if (!opt.json) {
		printf("  %-34s %-26s %2u bits  %s  zones: %s\n", path, d->limit->compatible,
		       d->limit->bits, d->coherent ? "coherent    " : "non-coherent",
		       zone_names(discover_reach(i)));
		for (k = 0; k < d->nr_ranges; k++)
			printf("      reaches %12llx - %12llx\n",
			       PA(map->range[d->first_range + k].start),
			       PA(map->range[d->first_range + k].end));
		return;
	}
	next_item();
	json("{\"path\": ");
	json_string(path);
	json(", \"compatible\": \"%s\", \"bits\": %u, \"coherent\": %s, \"ranges\": [",
	     d->limit->compatible, d->limit->bits, d->coherent ? "true" : "false");
	for (k = 0; k < d->nr_ranges; k++)
		json("%s{\"start\": %llu, \"end\": %llu}", k ? ", " : "",
		     PA(map->range[d->first_range + k].start),
		     PA(map->range[d->first_range + k].end));
	json("], \"zones\": ");
	json_zone_list(discover_reach(i));
	json("}");
}

static void show_devices(void)
{
	unsigned i;

	heading("dma_devices", "DMA-limited devices");
	for (i = 0; i < discover_dma_map()->nr_devices; i++)
		show_device(i);
	if (!i && !opt.json)
		printf("  none\n");
	end_list();
}

static void show_zones(void)
{
	int i;

	heading("zones", "zones");
	for (i = 0; i < found.plan.nr_zones; i++) {
		const struct zone_span *z = &found.plan.zone[i];

		if (!opt.json) {
			printf("  %-8s %12llx - %12llx  %10s\n", z->name, PA(z->start), PA(z->end),
			       human(z->bytes));
			continue;
		}
		next_item();
		json("{\"name\": \"%s\", \"start\": %llu, \"end\": %llu, \"bytes\": %llu}", z->name,
		     PA(z->start), PA(z->end), PA(z->bytes));
	}
	end_list();
	if (opt.json) {
		json(",\n  \"gfp_dma\": ");
		json_zone_list(found.plan.mask_dma);
		json(",\n  \"gfp_dma32\": ");
		json_zone_list(found.plan.mask_dma32);
	} else {
		printf("  GFP_DMA: %s", zone_names(found.plan.mask_dma));
		printf("; GFP_DMA32: %s\n", zone_names(found.plan.mask_dma32));
	}
}

static void show_nodes(void)
{
	int i, k;
	unsigned b;

	heading("nodes", "nodes");
	for (i = 0; i < dt_nr_nids(); i++) {
		u64 bytes = 0;

		for (b = 0; b < found.nr_banks; b++)
			bytes += found.bank[b].nid == i ? found.bank[b].size : 0;
		if (opt.json) {
			next_item();
			json("{\"node\": %d, \"numa_node_id\": %u, \"bytes\": %llu, \"distances\": "
			     "[",
			     i, (unsigned)dt_numa_id(i), PA(bytes));
		} else {
			printf("  node %d  numa-node-id %u  %s  distances", i,
			       (unsigned)dt_numa_id(i), human(bytes));
		}
		for (k = 0; k < dt_nr_nids(); k++)
			printf(opt.json ? "%s%u" : "%s %u", k && opt.json ? ", " : "",
			       dt_distance(i, k));
		printf(opt.json ? "]}" : "\n");
	}
	end_list();
}

static void show_harts(void)
{
	static const char *const state[] = { "usable", "disabled", "no-mmu" };
	unsigned i;

	heading("harts", "harts");
	for (i = 0; i < found.nr_harts; i++) {
		if (!opt.json) {
			printf("  hart %llu  node %d  %s%s%.0u\n", PA(found.hart[i].hartid),
			       found.hart[i].nid, state[found.hart[i].state],
			       found.hart[i].va_bits ? "  sv" : "", found.hart[i].va_bits);
			continue;
		}
		next_item();
		json("{\"hartid\": %llu, \"node\": %d, \"state\": \"%s\", \"va_bits\": %u}",
		     PA(found.hart[i].hartid), found.hart[i].nid, state[found.hart[i].state],
		     found.hart[i].va_bits);
	}
	end_list();
	if (opt.json)
		json(",\n  \"timebase_hz\": %u", (unsigned)found.timebase_hz);
}

/* How much memory the linear map reaches in each mode (asm/layout.h: 128 slots; rv32 896 MiB). */
static void show_linear_map(void)
{
	static const struct {
		const char *mode;
		u64 leaf, bytes;
	} modes[] = {
		{ "sv32", 4 * MiB, 896 * MiB },
		{ "sv39", GiB, 128 * GiB },
		{ "sv48", GiB, 128 * 512 * GiB },
		{ "sv57", GiB, 128 * 512 * 512 * GiB },
	};
	unsigned i, b;

	heading("linear_map", "linear map");
	for (i = 0; i < ARRAY_SIZE(modes); i++) {
		phys_addr_t lo = ALIGN_DOWN(found.bank[0].base, modes[i].leaf),
			    hi = lo + modes[i].bytes;
		u64 covered = 0, mappable = 0;

		for (b = 0; b < found.nr_banks; b++) {
			phys_addr_t end = min(hi, found.bank[b].base + found.bank[b].size);

			if (has_nomap(&found.bank[b]))
				continue;
			mappable += found.bank[b].size;
			covered += end > found.bank[b].base ? end - found.bank[b].base : 0;
		}
		if (opt.json) {
			next_item();
			json("{\"mode\": \"%s\", \"start\": %llu, \"end\": %llu, \"covered\": "
			     "%llu, "
			     "\"left_out\": %llu}",
			     modes[i].mode, PA(lo), PA(hi), PA(covered), PA(mappable - covered));
		} else {
			printf("  %s  %12llx - %14llx  covers %s%s%s\n", modes[i].mode, PA(lo),
			       PA(hi), human(covered), covered < mappable ? ", leaves out " : "",
			       covered < mappable ? human(mappable - covered) : "");
		}
	}
	end_list();
}

/* Descriptors are mapped a page at a time, bank by bank. */
static void show_memory_map(void)
{
	u64 bytes = 0, mappable = 0;
	unsigned b;

	for (b = 0; b < found.nr_banks; b++) {
		u64 first = found.bank[b].base / PAGE_SIZE * PAGE_DESCRIPTOR;
		u64 end = (found.bank[b].base + found.bank[b].size) / PAGE_SIZE * PAGE_DESCRIPTOR;

		if (has_nomap(&found.bank[b]))
			continue;
		mappable += found.bank[b].size;
		bytes += ALIGN_UP(end, (u64)PAGE_SIZE) - ALIGN_DOWN(first, (u64)PAGE_SIZE);
	}
	if (opt.json)
		json(",\n  \"memory_map\": {\"bytes\": %llu, \"per_page\": %d, \"percent\": %.3f}",
		     PA(bytes), PAGE_DESCRIPTOR, 100.0 * (double)bytes / (double)mappable);
	else
		printf("\nmemory map\n  %s, %d bytes a page, %.3f %% of memory\n", human(bytes),
		       PAGE_DESCRIPTOR, 100.0 * (double)bytes / (double)mappable);
}

/* What the kernel would have logged. */
static void show_notes(void)
{
	char *line, *log = strdup(host_log());

	heading("notes", "notes");
	for (line = strtok(log, "\n"); line; line = strtok(NULL, "\n")) {
		if (opt.json) {
			next_item();
			json_string(line);
		} else {
			items++;
			printf("  %s\n", line);
		}
	}
	if (!items && !opt.json)
		printf("  none\n");
	end_list();
	free(log);
}

void show_error(const char *text)
{
	json("{\n  \"version\": 1,\n  \"error\": ");
	json_string(text);
	json("\n}\n");
}

void show_all(void)
{
	if (opt.json)
		json("{\n  \"version\": 1,\n  \"memory_bytes\": %llu",
		     PA(memblock_phys_mem_size()));
	else
		printf("%s: %s of memory\n", opt.path, human(memblock_phys_mem_size()));
	show_banks();
	show_holes();
	show_reserved();
	show_devices();
	show_zones();
	show_nodes();
	show_harts();
	show_linear_map();
	show_memory_map();
	show_notes();
	if (opt.json)
		json("\n}\n");
}
