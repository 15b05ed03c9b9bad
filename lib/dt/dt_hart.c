/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dt_hart.c - harts, what they can do, and how fast their clock ticks
 *
 * A hart is usable if it is enabled and has an MMU: boards list monitor cores without
 * one (FU540's hart 0), and some firmware claims to start them.
 * Facts: the riscv cpus and extensions bindings; the ISA manual's naming chapter.
 */
#include "internal.h"

#include <base/errno.h>
#include <string.h>

static const struct {
	char name[12];
	u8 len;
	u16 bit;
} extensions[] = {
	{ "sstc", 4, DT_ISA_SSTC },	  { "svpbmt", 6, DT_ISA_SVPBMT },
	{ "svnapot", 7, DT_ISA_SVNAPOT }, { "svinval", 7, DT_ISA_SVINVAL },
	{ "zicbom", 6, DT_ISA_ZICBOM },	  { "zicboz", 6, DT_ISA_ZICBOZ },
	{ "zba", 3, DT_ISA_ZBA },	  { "zbb", 3, DT_ISA_ZBB },
	{ "ssaia", 5, DT_ISA_SSAIA },	  { "zihintpause", 11, DT_ISA_ZIHINTPAUSE },
	{ "svade", 5, DT_ISA_SVADE },	  { "svadu", 5, DT_ISA_SVADU },
};

/* The bit of the extension called s[0..n), which a version ("1p0") may follow; 0: not ours. */
static u32 extension_bit(const char *s, size_t n)
{
	unsigned i;

	for (i = 0; i < ARRAY_SIZE(extensions); i++) {
		size_t len = extensions[i].len;

		if (n >= len && s[0] == extensions[i].name[0] && s[1] == extensions[i].name[1] &&
		    !memcmp(s, extensions[i].name, len) &&
		    (n == len || (s[len] >= '0' && s[len] <= '9')))
			return extensions[i].bit;
	}
	return 0;
}

/* Words of s[0..len), each ended by @separator or the end. */
static u32 __init read_words(const char *s, int len, char separator)
{
	u32 isa = 0;

	while (len > 0) {
		const char *end = memchr(s, separator, (size_t)len);
		int n = end ? (int)(end - s) : len;

		if (n)
			isa |= extension_bit(s, (size_t)n);
		s += n + 1;
		len -= n + 1;
	}
	return isa;
}

/* What is read of a hart's node. */
enum { REG, STATUS, MMU_TYPE, ISA, ISA_EXTENSIONS, CBOM, CBOZ, NR_WANTED };

static u32 read_isa(const struct dt_want *p)
{
	const char *s = (const char *)p[ISA].value;

	if (p[ISA_EXTENSIONS].value)
		return read_words((const char *)p[ISA_EXTENSIONS].value, p[ISA_EXTENSIONS].len,
				  '\0');
	/* rv64imac_zba_sstc: single letters up to the first underscore, then words. */
	return s ? read_words(s, (int)strnlen(s, (size_t)p[ISA].len), '_') : 0;
}

/* The block size in @p if @bit is in *isa; without a sane one the extension is of no use. */
static u32 __init read_block_size(const struct dt_want *p, u32 bit, u32 *isa)
{
	u32 bytes = p->value && p->len == 4 ? dt_cell(p->value) : 0;

	if (!(*isa & bit))
		return 0;
	if (!bytes || (bytes & (bytes - 1)) || bytes > 4096) {
		*isa &= ~bit;
		return 0;
	}
	return bytes;
}

static void read_mmu(const struct dt_want *p, struct dt_hart *hart)
{
	static const struct {
		const char *name;
		u8 bits;
	} types[] = {
		{ "riscv,sv32", 32 },
		{ "riscv,sv39", 39 },
		{ "riscv,sv48", 48 },
		{ "riscv,sv57", 57 },
	};
	unsigned i;

	if (!p->value || !p->len || dt_list_has(p->value, p->len, "riscv,none")) {
		hart->state = DT_HART_NO_MMU;
		return;
	}
	for (i = 0; i < ARRAY_SIZE(types); i++) {
		if (dt_list_has(p->value, p->len, types[i].name))
			hart->va_bits = types[i].bits;
	}
}

static int __init read_hart(int node, struct dt_cells cells, struct dt_hart *hart,
			    struct dt_error *err)
{
	struct dt_want p[NR_WANTED] = {
		[REG] = { .name = "reg" },
		[STATUS] = { .name = "status" },
		[MMU_TYPE] = { .name = "mmu-type" },
		[ISA] = { .name = "riscv,isa" },
		[ISA_EXTENSIONS] = { .name = "riscv,isa-extensions" },
		[CBOM] = { .name = "riscv,cbom-block-size" },
		[CBOZ] = { .name = "riscv,cboz-block-size" },
	};
	const u8 *reg;

	dt_props(node, p, NR_WANTED);
	reg = p[REG].value;
	if (!reg)
		return dt_fail_node(err, -EINVAL, node, "no reg: a hart without an id");
	if (p[REG].len != 4 * (int)cells.address)
		return dt_fail_node(err, -EINVAL, node, "reg has %d bytes, not %d", p[REG].len,
				    4 * (int)cells.address);
	*hart = (struct dt_hart){ .node = node };
	dt_read_number(&reg, cells.address, &hart->hartid);
	read_mmu(&p[MMU_TYPE], hart);
	if (!dt_status_ok(p[STATUS].value, p[STATUS].len))
		hart->state = DT_HART_DISABLED;
	hart->isa = read_isa(p);
	hart->cbom_block = read_block_size(&p[CBOM], DT_ISA_ZICBOM, &hart->isa);
	hart->cboz_block = read_block_size(&p[CBOZ], DT_ISA_ZICBOZ, &hart->isa);
	hart->nid = dt_nearest_nid(node);
	return 0;
}

static bool is_hart(int node)
{
	const char *type = dt_prop_string(node, "device_type");

	return type ? !strcmp(type, "cpu") : !strncmp(dt_node_name(node), "cpu@", 4);
}

u32 __init dt_common_isa(void)
{
	u32 isa = ~0u;
	struct dt_cells cells;
	struct dt_hart hart;
	struct dt_error err;

	if (dt_tree.cpus < 0 || dt_read_cells(dt_tree.cpus, &cells, &err))
		return 0;
	for (int node = dt_first_child(dt_tree.cpus); node >= 0; node = dt_next_sibling(node)) {
		if (!is_hart(node))
			continue;
		if (cells.address > 2 || read_hart(node, cells, &hart, &err))
			return 0;
		if (hart.state == DT_HART_USABLE)
			isa &= hart.isa;
	}
	return isa;
}

static int read_timebase(int first_hart, u32 *timebase, struct dt_error *err)
{
	int len, node = dt_tree.cpus;
	const u8 *p = dt_prop(node, "timebase-frequency", &len);
	u64 hz;

	if (!p && first_hart >= 0) {
		node = first_hart;
		p = dt_prop(node, "timebase-frequency", &len);
	}
	if (!p)
		return dt_fail_node(err, -EINVAL, dt_tree.cpus, "no timebase-frequency");
	if (len != 4 && len != 8)
		return dt_fail_node(err, -EINVAL, node, "timebase-frequency has %d bytes, not 4",
				    len);
	dt_read_number(&p, (unsigned)len / 4, &hz);
	if (!hz || hz > 0xffffffff)
		return dt_fail_node(err, -EINVAL, node, "timebase-frequency is %llu", PA(hz));
	*timebase = (u32)hz;
	return 0;
}

static int check_ids(const struct dt_hart *harts, unsigned n, struct dt_error *err)
{
	bool usable = false;
	unsigned i, k;

	for (i = 0; i < n; i++) {
		usable = usable || harts[i].state == DT_HART_USABLE;
		for (k = 0; k < i; k++) {
			if (harts[k].hartid == harts[i].hartid)
				return dt_fail_node(err, -EINVAL, harts[i].node,
						    "hart id %llu stands twice",
						    PA(harts[i].hartid));
		}
	}
	if (!usable)
		return dt_fail(err, -ENODEV,
			       "device tree: /cpus: no usable hart with an MMU among %u", n);
	return 0;
}

int __init dt_read_harts(struct dt_hart *harts, unsigned max, unsigned *nr, u32 *timebase,
			 struct dt_error *err)
{
	struct dt_cells cells;
	int node, code, first = -1;

	*nr = 0;
	if (dt_tree.cpus < 0)
		return dt_fail(err, -ENODEV,
			       "device tree: no /cpus, so no usable hart with an MMU");
	code = dt_read_cells(dt_tree.cpus, &cells, err);
	if (code)
		return code;
	if (cells.address < 1 || cells.address > 2)
		return dt_fail_node(err, -EINVAL, dt_tree.cpus, "#address-cells is %u, not 1 or 2",
				    (unsigned)cells.address);
	for (node = dt_first_child(dt_tree.cpus); node >= 0; node = dt_next_sibling(node)) {
		if (!is_hart(node))
			continue;
		if (first < 0)
			first = node;
		if (*nr < max)
			code = read_hart(node, cells, &harts[*nr], err);
		if (code)
			return code;
		++*nr;
	}
	if (*nr > max)
		return dt_fail(err, -ENOSPC, "device tree: /cpus: %u harts, room for %u", *nr, max);
	code = check_ids(harts, *nr, err);
	return code ? code : read_timebase(first, timebase, err);
}
