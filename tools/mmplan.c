/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mmplan.c - what the kernel would make of a device tree
 *
 * The kernel's own discovery (lib/dt, memblock, discover, zone_plan), run on the host in the
 * order of its boot list, then printed.  docs/mmplan.md says what the JSON keys mean.
 */
#include "harness.h"

#include <asm/memory.h>
#include <lib/dma_limit.h>
#include <lib/parse.h>
#include <mm/discover.h>
#include <mm/memblock.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE_DESCRIPTOR 32 /* bytes, sizeof(struct page) */
#define MAX_REGIONS	1024

static struct options {
	const char *path;
	bool json;
	u64 mem;		  /* --mem, or 0 */
	u64 dma_zone;		  /* --dma-zone bits */
	struct phys_range kernel; /* --kernel, or empty */
} opt;

static struct memblock_region banks[MAX_REGIONS], reserved[MAX_REGIONS];
static unsigned nr_banks, nr_reserved;
static struct zone_plan plan;
static const struct dt_hart *harts;
static unsigned nr_harts;
static u32 timebase;

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
	for (i = 0; i < plan.nr_zones; i++) {
		if (mask & 1 << i)
			n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s", n ? " " : "",
					      plan.zone[i].name);
	}
	return text;
}

static void json_zone_list(zone_mask_t mask)
{
	const char *comma = "";
	int i;

	json("[");
	for (i = 0; i < plan.nr_zones; i++) {
		if (!(mask & 1 << i))
			continue;
		json("%s\"%s\"", comma, plan.zone[i].name);
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
	for (i = 0; i < nr_banks; i++) {
		const struct memblock_region *r = &banks[i];

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
	for (i = 1; i < nr_banks; i++) {
		phys_addr_t start = banks[i - 1].base + banks[i - 1].size, end = banks[i].base;

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

static void show_reserved(void)
{
	unsigned i;

	heading("reservations", "reservations");
	for (i = 0; i < nr_reserved; i++) {
		const struct memblock_region *r = &reserved[i];
		bool nomap = memblock_is_memory(r->base) && !memblock_is_map_memory(r->base);

		if (!opt.json) {
			printf("  %12llx - %12llx  %10s  %s%s%s\n", PA(r->base),
			       PA(r->base + r->size), human(r->size), reserved_kind(r->flags),
			       nomap ? "  no-map" : "",
			       memblock_is_memory(r->base) ? "" : "  outside of memory");
			continue;
		}
		next_item();
		json("{\"start\": %llu, \"end\": %llu, \"kind\": \"%s\", \"no_map\": %s, "
		     "\"in_memory\": %s}",
		     PA(r->base), PA(r->base + r->size), reserved_kind(r->flags),
		     nomap ? "true" : "false", memblock_is_memory(r->base) ? "true" : "false");
	}
	if (!nr_reserved && !opt.json)
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
	for (i = 0; i < plan.nr_zones; i++) {
		const struct zone_span *z = &plan.zone[i];

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
		json_zone_list(plan.mask_dma);
		json(",\n  \"gfp_dma32\": ");
		json_zone_list(plan.mask_dma32);
	} else {
		printf("  GFP_DMA: %s", zone_names(plan.mask_dma));
		printf("; GFP_DMA32: %s\n", zone_names(plan.mask_dma32));
	}
}

static void show_nodes(void)
{
	int i, k;
	unsigned b;

	heading("nodes", "nodes");
	for (i = 0; i < dt_nr_nids(); i++) {
		u64 bytes = 0;

		for (b = 0; b < nr_banks; b++)
			bytes += banks[b].nid == i ? banks[b].size : 0;
		if (opt.json) {
			next_item();
			json("{\"node\": %d, \"numa_node_id\": %u, \"bytes\": %llu, \"distances\": [",
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
	for (i = 0; i < nr_harts; i++) {
		if (!opt.json) {
			printf("  hart %llu  node %d  %s%s%.0u\n", PA(harts[i].hartid), harts[i].nid,
			       state[harts[i].state], harts[i].va_bits ? "  sv" : "",
			       harts[i].va_bits);
			continue;
		}
		next_item();
		json("{\"hartid\": %llu, \"node\": %d, \"state\": \"%s\", \"va_bits\": %u}",
		     PA(harts[i].hartid), harts[i].nid, state[harts[i].state], harts[i].va_bits);
	}
	end_list();
	if (opt.json)
		json(",\n  \"timebase_hz\": %u", (unsigned)timebase);
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
		phys_addr_t lo = ALIGN_DOWN(banks[0].base, modes[i].leaf), hi = lo + modes[i].bytes;
		u64 covered = 0, mappable = 0;

		for (b = 0; b < nr_banks; b++) {
			phys_addr_t end = min(hi, banks[b].base + banks[b].size);

			if (has_nomap(&banks[b]))
				continue;
			mappable += banks[b].size;
			covered += end > banks[b].base ? end - banks[b].base : 0;
		}
		if (opt.json) {
			next_item();
			json("{\"mode\": \"%s\", \"start\": %llu, \"end\": %llu, \"covered\": %llu, "
			     "\"left_out\": %llu}",
			     modes[i].mode, PA(lo), PA(hi), PA(covered), PA(mappable - covered));
		} else {
			printf("  %s  %12llx - %14llx  covers %s%s%s\n", modes[i].mode, PA(lo), PA(hi),
			       human(covered), covered < mappable ? ", leaves out " : "",
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

	for (b = 0; b < nr_banks; b++) {
		u64 first = banks[b].base / PAGE_SIZE * PAGE_DESCRIPTOR;
		u64 end = (banks[b].base + banks[b].size) / PAGE_SIZE * PAGE_DESCRIPTOR;

		if (has_nomap(&banks[b]))
			continue;
		mappable += banks[b].size;
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

static void show_all(void)
{
	if (opt.json)
		json("{\n  \"version\": 1,\n  \"memory_bytes\": %llu", PA(memblock_phys_mem_size()));
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

/* ---- the boot list, up to the zones ---- */

/* --mem: less than there is ends the last banks early, more makes the last one longer. */
static int set_memory_size(struct dt_error *err)
{
	const struct memblock_region *last = &memblock.memory.regions[memblock.memory.nr - 1];
	u64 have = memblock_phys_mem_size();
	int code = 0;

	if (!opt.mem)
		return 0;
	if (opt.mem < have)
		code = memblock_enforce_memory_limit(opt.mem);
	else
		code = memblock_add_node(last->base + last->size,
					 ALIGN_DOWN(opt.mem - have, (u64)PAGE_SIZE), last->nid);
	if (code || !memblock_phys_mem_size())
		return dt_fail(err, -1, "--mem: %llu bytes make no memory", PA(opt.mem));
	return 0;
}

static unsigned snapshot(const struct memblock_type *type, struct memblock_region *to)
{
	unsigned n = min(type->nr, (unsigned)MAX_REGIONS);

	memcpy(to, type->regions, n * sizeof(*to));
	return n;
}

static int discover(const void *blob, size_t bytes, struct dt_error *err)
{
	int code = dt_init(blob, bytes, err);

	if (!code)
		code = discover_memory(err);
	if (!code)
		code = set_memory_size(err);
	if (!code && opt.kernel.end) {
		code = discover_check_image(opt.kernel.start, opt.kernel.end, err);
		if (!code)
			code = memblock_reserve_kind(opt.kernel.start,
						     opt.kernel.end - opt.kernel.start,
						     MEMBLOCK_RSRV_KERNEL);
	}
	if (!code)
		code = discover_reserve_dynamic(err);
	if (code)
		return code;
	nr_banks = snapshot(&memblock.memory, banks);
	nr_reserved = snapshot(&memblock.reserved, reserved);
	host_memory_for_memblock();
	code = discover_harts(&harts, &nr_harts, &timebase, err);
	if (!code)
		code = discover_dma(err);
	return code ? code : discover_zones(opt.dma_zone, &plan, err);
}

/* ---- the command line ---- */

static int usage(void)
{
	fprintf(stderr, "usage: mmplan BOARD.dtb [--mem BYTES] [--kernel ADDRESS,BYTES]\n"
			"              [--dma-zone BITS,...] [--json]\n");
	return 2;
}

static bool parse_option(const char *name, const char *value)
{
	u64 list[64];
	int i, n;

	if (!strcmp(name, "--mem"))
		return !parse_size(value, &opt.mem) && opt.mem;
	n = parse_list(value, list, 64);
	if (!strcmp(name, "--kernel") && n == 2) {
		opt.kernel = (struct phys_range){ list[0], list[0] + list[1] };
		return list[1] && opt.kernel.end > opt.kernel.start;
	}
	if (strcmp(name, "--dma-zone") || n < 1)
		return false;
	for (i = 0; i < n; i++) {
		if (list[i] > 63)
			return false;
		opt.dma_zone |= BIT_ULL(list[i]);
	}
	return true;
}

static bool parse_command_line(int argc, char **argv)
{
	int i;

	for (i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--json"))
			opt.json = true;
		else if (argv[i][0] == '-' &&
			 (i + 1 == argc || !parse_option(argv[i], argv[i + 1])))
			return false;
		else if (argv[i][0] == '-')
			i++;
		else if (opt.path)
			return false;
		else
			opt.path = argv[i];
	}
	return opt.path != NULL;
}

static void *read_file(const char *path, size_t *bytes)
{
	static char buf[2 * DT_MAX_BYTES];
	FILE *f = fopen(path, "rb");

	if (!f)
		return NULL;
	*bytes = fread(buf, 1, sizeof(buf), f);
	fclose(f);
	return buf;
}

static int complain(const char *text)
{
	if (opt.json) {
		json("{\n  \"version\": 1,\n  \"error\": ");
		json_string(text);
		json("\n}\n");
	}
	fprintf(stderr, "%s\n", text);
	return 1;
}

int main(int argc, char **argv)
{
	struct dt_error err;
	size_t bytes;
	void *blob;

	if (!parse_command_line(argc, argv))
		return usage();
	blob = read_file(opt.path, &bytes);
	if (!blob) {
		perror(opt.path);
		return 2;
	}
	host_panic_expected = true;
	if (setjmp(host_panic_jmp))
		return complain(host_panic_text);
	if (discover(blob, bytes, &err))
		return complain(err.text);
	show_all();
	return 0;
}
