/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mmplan.c - what the kernel would make of a device tree
 *
 * The kernel's own discovery (lib/dt, memblock, discover, zone_plan), run on the host in the
 * order of its boot list, then printed.  docs/mmplan.md says what the JSON keys mean.
 */
#include "mmplan.h"

#include "harness.h"

#include <asm/memory.h>
#include <base/errno.h>
#include <lib/parse.h>
#include <stdio.h>
#include <string.h>

struct options opt;
struct findings found;

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
		return dt_fail(err, -EINVAL, "--mem: %llu bytes make no memory", PA(opt.mem));
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
	struct zone_wishes wish = { opt.dma_zone, CORE_UNSET, CORE_UNSET, 0 };
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
	found.nr_banks = snapshot(&memblock.memory, found.bank);
	found.nr_reserved = snapshot(&memblock.reserved, found.reserved);
	host_memory_for_memblock();
	code = discover_harts(&found.hart, &found.nr_harts, &found.timebase_hz, err);
	if (!code)
		code = discover_dma(err);
	return code ? code : discover_zones(&wish, &found.plan, err);
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
	u64 list[2];

	if (!strcmp(name, "--mem"))
		return !parse_size(value, &opt.mem) && opt.mem;
	if (!strcmp(name, "--dma-zone"))
		return !zone_plan_parse_bits(value, &opt.dma_zone);
	if (strcmp(name, "--kernel") || parse_list(value, list, 2) != 2)
		return false;
	opt.kernel = (struct phys_range){ list[0], list[0] + list[1] };
	return list[1] && opt.kernel.end > opt.kernel.start;
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
	if (opt.json)
		show_error(text);
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
