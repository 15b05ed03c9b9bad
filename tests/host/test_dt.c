/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_dt.c - reading device trees: against libfdt, against what they were made from, by hand
 */
#include "harness.h"

#include <base/errno.h>
#include <lib/dma_limit.h>
#include <lib/dt.h>
#include <libfdt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct dt_error err;

/* The compiled tests/dts/@name.dts, current. */
static void *load(const char *name)
{
	char path[128];
	size_t bytes;
	void *blob;

	snprintf(path, sizeof(path), "build/host/dts/%s.dtb", name);
	blob = host_read_file(path, &bytes);
	if (dt_init(blob, bytes, &err))
		host_fail(__FILE__, __LINE__, "%s: %s", path, err.text);
	return blob;
}

/* ---- both readers see the same ---- */

static void compare_node(const void *blob, int node)
{
	char mine[DT_PATH_LEN], theirs[DT_PATH_LEN];
	int prop, len, my_len;

	EXPECT_STR(dt_node_name(node), fdt_get_name(blob, node, NULL));
	EXPECT_EQ(fdt_get_path(blob, node, theirs, sizeof(theirs)), 0);
	EXPECT_STR(dt_path(node, mine, sizeof(mine)), theirs);
	EXPECT_EQ(dt_find_path(theirs), node);
	fdt_for_each_property_offset(prop, blob, node) {
		const char *name;
		const void *value = fdt_getprop_by_offset(blob, prop, &name, &len);

		EXPECT(dt_prop(node, name, &my_len) == value);
		EXPECT_EQ(my_len, len);
	}
	EXPECT(!dt_prop(node, "no-such-property", &len));
}

TEST(libfdt_sees_the_same)
{
	static const char *const trees[] = {
		"holes", "at_1g", "numa", "dma_windows", "harts", "odd"
	};

	for (unsigned i = 0; i < ARRAY_SIZE(trees); i++) {
		void *blob = load(trees[i]);

		for (int node = 0; node >= 0; node = fdt_next_node(blob, node, NULL))
			compare_node(blob, node);
		free(blob);
	}
}

TEST(compatible_nodes_are_found_in_order)
{
	void *blob = load("at_1g");
	int first = dt_find_compatible(-1, "starfive,jh7110-mmc");

	EXPECT_EQ(first, fdt_node_offset_by_compatible(blob, -1, "starfive,jh7110-mmc"));
	EXPECT_EQ(dt_find_compatible(first, "starfive,jh7110-mmc"), -1); /* the second is off */
	EXPECT_EQ(dt_find_compatible(-1, "starfive"), -1);
	EXPECT(dt_compatible(first, "starfive,jh7110-mmc"));
	free(blob);
	blob = load("dma_windows");
	first = dt_find_compatible(-1, "snps,dw-mshc");
	EXPECT_EQ(first, fdt_path_offset(blob, "/soc/mmc@10000000"));
	first = dt_find_compatible(first, "snps,dw-mshc");
	EXPECT_EQ(first, fdt_path_offset(blob, "/soc/bridge@11000000/mmc@100"));
	EXPECT_EQ(dt_find_compatible(first, "snps,dw-mshc"), -1); /* /soc/off is off */
	free(blob);
}

TEST(a_long_path_is_cut)
{
	char path[16];
	void *blob = load("dma_windows");

	dt_path(fdt_path_offset(blob, "/soc/bridge@11000000/mmc@100"), path, sizeof(path));
	EXPECT_STR(path, "/soc/bridge@...");
	free(blob);
}

/* ---- addresses, console, chosen ---- */

TEST(reg_is_translated)
{
	struct phys_range r;
	void *blob = load("dma_windows");

	EXPECT_EQ(dt_reg(dt_find_path("/soc/bridge@11000000/mmc@100"), 0, &r, &err), 0);
	EXPECT_EQ(r.start, 0x11000100);
	EXPECT_EQ(r.end, 0x11000200);
	EXPECT_EQ(dt_reg(dt_find_path("/soc/bridge@11000000/mmc@100"), 1, &r, &err), -ENOENT);
	EXPECT_STR(err.text, "device tree: /soc/bridge@11000000/mmc@100: reg has no entry 1");
	EXPECT_EQ(dt_reg(dt_find_path("/soc/off/mmc@200"), 0, &r, &err), -EINVAL);
	EXPECT_STR(err.text, "device tree: /soc/off: no ranges: the CPU can't see what is below");
	EXPECT_EQ(dt_reg(dt_find_path("/soc/off"), 0, &r, &err), -ENOENT);
	free(blob);
}

TEST(console_by_alias_with_options)
{
	struct dt_console con;
	void *blob = load("at_1g");

	EXPECT_EQ(dt_find_stdout(&con, &err), 0);
	EXPECT_EQ(con.reg.start, 0x10000000);
	EXPECT_EQ(con.reg.end, 0x10010000);
	EXPECT_EQ(con.reg_shift, 2);
	EXPECT_EQ(con.reg_io_width, 4);
	EXPECT_EQ(con.baud, 115200);
	EXPECT_STR(con.options, "115200n8");
	EXPECT(dt_compatible(con.node, "snps,dw-apb-uart"));
	free(blob);
	blob = load("numa");
	EXPECT_EQ(dt_find_stdout(&con, &err), -ENOENT);
	EXPECT_STR(err.text, "device tree: /chosen has no stdout-path");
	free(blob);
}

/* A tree of /chosen, /aliases and two ports, opened for writing. */
static void *chosen_tree(void)
{
	static char buf[4096];

	EXPECT_EQ(fdt_create_empty_tree(buf, sizeof(buf)), 0);
	EXPECT(fdt_add_subnode(buf, 0, "uart@1000") > 0);
	EXPECT(fdt_add_subnode(buf, 0, "aliases") > 0);
	EXPECT(fdt_add_subnode(buf, 0, "chosen") > 0);
	EXPECT_EQ(fdt_setprop_u32(buf, 0, "#address-cells", 1), 0);
	return buf;
}

static void expect_stdout(void *blob, const char *path, const char *want)
{
	struct dt_console con;
	int chosen = fdt_path_offset(blob, "/chosen");

	EXPECT_EQ(fdt_setprop_string(blob, chosen, "stdout-path", path), 0);
	EXPECT_EQ(dt_init(blob, 4096, &err), 0);
	EXPECT(dt_find_stdout(&con, &err) < 0);
	EXPECT_STR(err.text, want);
}

TEST(bad_consoles)
{
	void *t = chosen_tree();
	int aliases = fdt_path_offset(t, "/aliases");
	const char *long_name = "a123456789012345678901234567890123456789";

	fdt_setprop_string(t, aliases, "loop", "loop");
	fdt_setprop_string(t, aliases, "gone", "/nowhere");
	expect_stdout(t, "loop", "device tree: stdout-path names loop, which isn't there");
	expect_stdout(t, "gone:9600",
		      "device tree: stdout-path names gone:9600, which isn't there");
	expect_stdout(t, "", "device tree: stdout-path names , which isn't there");
	expect_stdout(t, long_name,
		      "device tree: stdout-path names a123456789012345678901234567890123456789, "
		      "which isn't there");
	expect_stdout(t, "/uart@1000", "device tree: /uart@1000: no reg");
	fdt_setprop_u64(t, fdt_path_offset(t, "/uart@1000"), "reg", 0x100000000000);
	expect_stdout(t, "/uart@1000", "device tree: /uart@1000: reg is empty");
	fdt_setprop_u64(t, fdt_path_offset(t, "/uart@1000"), "reg", 0x100000000100);
	fdt_setprop_u32(t, fdt_path_offset(t, "/uart@1000"), "reg-shift", 9);
	expect_stdout(t, "/uart@1000", "device tree: /uart@1000: reg-shift is 9");
	fdt_setprop_u32(t, fdt_path_offset(t, "/uart@1000"), "reg-shift", 0);
	fdt_setprop_u32(t, fdt_path_offset(t, "/uart@1000"), "reg-io-width", 3);
	expect_stdout(t, "/uart@1000", "device tree: /uart@1000: reg-io-width is 3");
	fdt_setprop_u32(t, fdt_path_offset(t, "/uart@1000"), "reg-io-width", 4);
	fdt_setprop_u32(t, fdt_path_offset(t, "/uart@1000"), "reg-offset", 0x100);
	expect_stdout(t, "/uart@1000", "device tree: /uart@1000: reg-offset is 0x100, beyond reg");
	fdt_setprop_string(t, 0, "status", "disabled");
	expect_stdout(t, "/uart@1000",
		      "device tree: /uart@1000: stdout-path names it, but it's disabled");
}

TEST(chosen)
{
	struct dt_chosen c;
	void *t = chosen_tree();
	int node = fdt_path_offset(t, "/chosen");

	EXPECT_EQ(dt_init(t, 4096, &err), 0);
	dt_read_chosen(&c);
	EXPECT(!c.bootargs && !c.stdout_path && !c.ignored);
	fdt_setprop_string(t, node, "bootargs", "mem=64M run=\"a; b\"");
	fdt_setprop_string(t, node, "linux,stdout-path", "/uart");
	fdt_setprop_u32(t, node, "linux,initrd-start", 0x84000000);
	fdt_setprop_u64(t, node, "linux,initrd-end", 0x84001234);
	EXPECT_EQ(dt_init(t, 4096, &err), 0);
	dt_read_chosen(&c);
	EXPECT_STR(c.bootargs, "mem=64M run=\"a; b\"");
	EXPECT_STR(c.stdout_path, "/uart");
	EXPECT_EQ(c.initrd.start, 0x84000000);
	EXPECT_EQ(c.initrd.end, 0x84001234);
	EXPECT(!c.ignored);
	node = fdt_path_offset(t, "/chosen");
	fdt_setprop_u32(t, node, "linux,initrd-end", 0x83000000);
	EXPECT_EQ(dt_init(t, 4096, &err), 0);
	dt_read_chosen(&c);
	EXPECT_EQ(c.initrd.end, 0);
	EXPECT_STR(c.ignored, "linux,initrd-end");
}

static u8 found[32];
static size_t found_bytes;

static void take_seed(void *value, size_t bytes)
{
	if (bytes > sizeof(found) - found_bytes)
		return;
	memcpy(found + found_bytes, value, bytes);
	found_bytes += bytes;
}

TEST(seeds)
{
	static const u8 seed[12] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 };
	void *t = chosen_tree();
	int node = fdt_path_offset(t, "/chosen");

	EXPECT_EQ(dt_init(t, 4096, &err), 0);
	dt_each_seed(take_seed);
	EXPECT_EQ(found_bytes, 0);
	fdt_setprop(t, node, "kaslr-seed", seed + 5, 7);
	fdt_setprop(t, node, "rng-seed", seed, 5);
	EXPECT_EQ(dt_init(t, 4096, &err), 0);
	dt_each_seed(take_seed);
	EXPECT_EQ(found_bytes, 12);
	EXPECT(!memcmp(found, seed, 12));
}

TEST(the_blob_may_move)
{
	struct dt_chosen before, after;
	void *blob = load("at_1g");
	char *copy = malloc(dt_blob_bytes());

	dt_read_chosen(&before);
	memcpy(copy, dt_blob(), dt_blob_bytes());
	memset(blob, 0xee, dt_blob_bytes());
	dt_set_blob(copy);
	dt_read_chosen(&after);
	EXPECT_STR(after.stdout_path, "serial0:115200n8");
	EXPECT(after.stdout_path > copy && after.stdout_path < copy + dt_blob_bytes());
	free(copy);
	free(blob);
}

/* ---- harts ---- */

/* dt_common_isa() is what all usable ones of @h[0..n) have. */
static bool common_isa_fits(const struct dt_hart *h, unsigned n)
{
	u32 isa = ~0u;

	for (; n--; h++)
		isa &= h->state == DT_HART_USABLE ? h->isa : ~0u;
	return dt_common_isa() == isa;
}

TEST(harts)
{
	struct dt_hart h[8];
	unsigned n;
	u32 hz;
	void *blob = load("harts");

	EXPECT_EQ(dt_read_harts(NULL, 0, &n, &hz, &err), -ENOSPC);
	EXPECT_EQ(n, 5);
	EXPECT_EQ(dt_read_harts(h, 4, &n, &hz, &err), -ENOSPC);
	EXPECT_EQ(n, 5);
	EXPECT_EQ(dt_read_harts(h, 5, &n, &hz, &err), 0);
	EXPECT_EQ(hz, 1000000);
	EXPECT_EQ(h[0].state, DT_HART_NO_MMU);
	EXPECT_EQ(h[1].state, DT_HART_DISABLED);
	EXPECT_EQ(h[2].state, DT_HART_NO_MMU);
	EXPECT_EQ(h[3].state, DT_HART_USABLE);
	EXPECT_EQ(h[3].hartid, 0x1000);
	EXPECT_EQ(h[3].va_bits, 57);
	/* svpbmtx isn't svpbmt; 48 is no block size, so zicboz is of no use. */
	EXPECT_EQ(h[3].isa,
		  DT_ISA_ZICBOM | DT_ISA_SSTC | DT_ISA_SVNAPOT | DT_ISA_SVINVAL | DT_ISA_SVPBMT);
	EXPECT_EQ(h[3].cbom_block, 64);
	EXPECT_EQ(h[3].cboz_block, 0);
	EXPECT_EQ(h[4].hartid, 0x100000002);
	EXPECT_EQ(h[4].isa, 0);
	EXPECT(common_isa_fits(h, n));
	free(blob);
	blob = load("at_1g");
	EXPECT_EQ(dt_read_harts(h, 8, &n, &hz, &err), 0);
	EXPECT_EQ(h[0].isa, DT_ISA_ZBA | DT_ISA_ZBB | DT_ISA_ZICBOM);
	EXPECT(dt_common_isa() && common_isa_fits(h, n));
	free(blob);
}

/* ---- random trees come back as they were made ---- */

#define MAX_BANKS 12

static struct {
	u64 start[MAX_BANKS], size[MAX_BANKS];
	int nid[MAX_BANKS];
	unsigned n, seen;
} made;

static int expect_bank(const struct dt_bank *bank, void *arg, struct dt_error *e)
{
	unsigned i = made.seen++;

	EXPECT(i < made.n);
	EXPECT_EQ(bank->range.start, made.start[i]);
	EXPECT_EQ(bank->range.end - bank->range.start, made.size[i]);
	EXPECT_EQ(bank->nid, made.nid[i]);
	return 0;
}

static void put_cells(u8 **p, unsigned cells, u64 value)
{
	for (; cells; cells--, *p += 4)
		*(fdt32_t *)*p = cpu_to_fdt32((u32)(cells > 2 ? 0 : value >> 32 * (cells - 1)));
}

/* A memory node with one to three banks, among nodes that mean nothing. */
static void add_memory_node(void *blob, unsigned number, unsigned ac, unsigned sc, bool numa)
{
	unsigned k, banks = (unsigned)rnd_range(1, 4);
	int nid = (int)rnd_below(3);
	char name[24];
	u8 reg[64], *p = reg;

	if (rnd_below(2)) {
		snprintf(name, sizeof(name), "memory-controller@%u", number);
		EXPECT_EQ(fdt_begin_node(blob, name), 0);
		EXPECT_EQ(fdt_property_u32(blob, "reg", 5), 0);
		EXPECT_EQ(fdt_end_node(blob), 0);
	}
	snprintf(name, sizeof(name), rnd_below(2) ? "memory@%u" : "ddr@%u", number);
	EXPECT_EQ(fdt_begin_node(blob, name), 0);
	if (name[0] == 'd' || rnd_below(2))
		EXPECT_EQ(fdt_property_string(blob, "device_type", "memory"), 0);
	for (k = 0; k < banks && made.n < MAX_BANKS; k++) {
		made.start[made.n] = rnd() >> (ac == 1 ? 33 : rnd_range(1, 40));
		made.size[made.n] = rnd() >> (sc == 1 ? 33 : rnd_range(1, 40));
		made.nid[made.n] = numa ? nid : 0;
		put_cells(&p, ac, made.start[made.n]);
		put_cells(&p, sc, made.size[made.n]);
		made.n++;
	}
	EXPECT_EQ(fdt_property(blob, "reg", reg, (int)(p - reg)), 0);
	if (numa)
		EXPECT_EQ(fdt_property_u32(blob, "numa-node-id", (u32)nid), 0);
	EXPECT_EQ(fdt_end_node(blob), 0);
}

TEST(random_banks_come_back)
{
	static char blob[8192];

	for (int round = 0; round < 2000; round++) {
		unsigned ac = (unsigned)rnd_range(1, 3), sc = (unsigned)rnd_range(1, 3);
		unsigned i, nodes = (unsigned)rnd_range(3, 5);
		bool numa = rnd_below(2);

		memset(&made, 0, sizeof(made));
		EXPECT_EQ(fdt_create(blob, sizeof(blob)), 0);
		EXPECT_EQ(fdt_finish_reservemap(blob), 0);
		EXPECT_EQ(fdt_begin_node(blob, ""), 0);
		EXPECT_EQ(fdt_property_u32(blob, "#address-cells", ac), 0);
		EXPECT_EQ(fdt_property_u32(blob, "#size-cells", sc), 0);
		for (i = 0; i < nodes; i++)
			add_memory_node(blob, i, ac, sc, numa);
		EXPECT_EQ(fdt_end_node(blob), 0);
		EXPECT_EQ(fdt_finish(blob), 0);
		EXPECT_EQ(dt_init(blob, sizeof(blob), &err), 0);
		/* nids are dense: rename those made to their rank. */
		for (i = 0; i < made.n; i++) {
			bool used[3] = { false };
			int rank = 0;

			for (unsigned k = 0; k < made.n; k++)
				used[made.nid[k] & 3] = true;
			for (int id = 0; id < (made.nid[i] & 3); id++)
				rank += used[id];
			made.nid[i] |= rank << 2;
		}
		for (i = 0; i < made.n; i++)
			made.nid[i] >>= 2;
		EXPECT_EQ(dt_for_each_bank(expect_bank, NULL, &err), 0);
		EXPECT_EQ(made.seen, made.n);
	}
}

/*
 * A chain of buses, some with one window of `ranges` or `dma-ranges`, and a device at its end.
 * The model carries addresses along while the tree is built from the root down.
 */
static struct {
	char blob[8192], path[64];
	unsigned cells; /* of addresses on the innermost bus */
	u64 at;		/* where the device's CPU address is seen there */
	u64 offset;	/* an address that a device drives there, plus this, is a CPU address */
	u64 lo, hi;	/* CPU addresses that all buses so far let through */
} chain;

static void add_windows(const char *name, unsigned cells, u64 child, u64 parent, u64 size)
{
	u8 prop[32], *p = prop;

	put_cells(&p, cells, child);
	put_cells(&p, chain.cells, parent);
	put_cells(&p, 2, size);
	EXPECT_EQ(fdt_property(chain.blob, name, prop, (int)(p - prop)), 0);
}

static void add_bus(void)
{
	unsigned cells = (unsigned)rnd_range(2, 4);
	u64 bus = rnd() >> 20 & ~0xfffULL, dma = rnd() >> 22, size = 1ULL << rnd_range(38, 44);

	strcat(chain.path, "/bus");
	EXPECT_EQ(fdt_begin_node(chain.blob, "bus"), 0);
	EXPECT_EQ(fdt_property_u32(chain.blob, "#address-cells", cells), 0);
	EXPECT_EQ(fdt_property_u32(chain.blob, "#size-cells", 2), 0);
	if (rnd_below(4)) {
		add_windows("ranges", cells, bus, chain.at, 4096);
		chain.at = bus;
	} else {
		EXPECT_EQ(fdt_property(chain.blob, "ranges", "", 0), 0);
	}
	if (rnd_below(2)) {
		add_windows("dma-ranges", cells, dma, dma + (1ULL << 40), size);
		chain.offset += 1ULL << 40;
		chain.lo = max(chain.lo, dma + chain.offset);
		chain.hi = min(chain.hi, dma + size + chain.offset);
	}
	chain.cells = cells;
}

static void build_chain(unsigned depth)
{
	u8 prop[32], *p = prop;
	unsigned i;

	EXPECT_EQ(fdt_create(chain.blob, sizeof(chain.blob)), 0);
	EXPECT_EQ(fdt_finish_reservemap(chain.blob), 0);
	EXPECT_EQ(fdt_begin_node(chain.blob, ""), 0);
	EXPECT_EQ(fdt_property_u32(chain.blob, "#address-cells", 2), 0);
	EXPECT_EQ(fdt_property_u32(chain.blob, "#size-cells", 2), 0);
	for (i = 0; i < depth; i++)
		add_bus();
	strcat(chain.path, "/dev");
	EXPECT_EQ(fdt_begin_node(chain.blob, "dev"), 0);
	EXPECT_EQ(fdt_property_string(chain.blob, "compatible", "virtio,mmio"), 0);
	put_cells(&p, chain.cells, chain.at + 0x10);
	put_cells(&p, 2, 0x20);
	EXPECT_EQ(fdt_property(chain.blob, "reg", prop, (int)(p - prop)), 0);
	for (i = 0; i < depth + 2; i++)
		EXPECT_EQ(fdt_end_node(chain.blob), 0);
	EXPECT_EQ(fdt_finish(chain.blob), 0);
}

TEST(random_chains_of_buses)
{
	unsigned reached = 0;

	for (int round = 0; round < 3000; round++) {
		struct dt_dma_device device;
		struct phys_range range, reg;
		struct dt_dma_map map = { &device, 1, 0, &range, 1, 0 };
		u64 cpu = rnd() >> 20 & ~0xfffULL;

		memset(&chain, 0, sizeof(chain));
		chain.cells = 2;
		chain.at = cpu;
		chain.hi = ~0ULL;
		build_chain((unsigned)rnd_below(7));
		EXPECT_EQ(dt_init(chain.blob, sizeof(chain.blob), &err), 0);
		EXPECT_EQ(dt_reg(dt_find_path(chain.path), 0, &reg, &err), 0);
		EXPECT_EQ(reg.start, cpu + 0x10);
		EXPECT_EQ(reg.end, cpu + 0x30);
		EXPECT_EQ(dt_read_dma(&map, &err), 0);
		/* The device drives 44 bits (drivers/dma/virtio.c). */
		chain.lo = max(chain.lo, chain.offset);
		chain.hi = min(chain.hi, (1ULL << 44) + chain.offset);
		EXPECT_EQ(device.nr_ranges, chain.lo < chain.hi);
		if (!device.nr_ranges)
			continue;
		EXPECT_EQ(range.start, chain.lo);
		EXPECT_EQ(range.end, chain.hi);
		reached++;
	}
	EXPECT(reached > 300 && reached < 2900);
}
