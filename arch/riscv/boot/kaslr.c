/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kaslr.c - where the kernel's regions lie is drawn anew at each boot
 *
 *     /chosen: kaslr-seed, rng-seed --mix--> state --mix(state + n)--> image, linear map, ...
 *
 * kaslr_early() runs at the load address, before anything is relocated or mapped: head.S adds what
 * it returns to every address in the image (kernel/tables.h).  So no initialised pointer, no
 * jump table, no bss; what it leaves behind lies in .data.  The other regions are drawn when
 * the mode is known (paging.c).  The seeds are read where the firmware put them, by a reader that
 * trusts nothing: whoever checks the tree, and says what's wrong with it, comes later.
 *
 * Without a seed, or with one of zeros, and with nokaslr on the command line, everything is where
 * it is linked.
 *
 * Each region has its number drawn by itself, and mixing isn't undone from a few bits, so one place
 * that leaks tells little of the others.  get_random_u64() mixes the seeds in its own way; then
 * they are overwritten in both copies of the tree (mm/init.c), and the state when all is drawn.
 *
 * Not here: rv32, whose regions fill the upper 1 GiB, which is all that the kernel has.
 */
#define LOG_PREFIX "kaslr: "

#include <asm/kaslr.h>

#include <asm/layout.h>
#include <asm/memory.h>
#include <asm/sections.h>
#include <base/compiler.h>
#include <kernel/log.h>
#include <kernel/random.h>
#include <string.h>

#define TREE_MAX (1u << 20) /* bytes, as arch_map_fdt() takes */

enum { FDT_NODE = 1, FDT_NODE_END = 2, FDT_PROPERTY = 3, FDT_NOTHING = 4 };

/* What is looked for in /chosen. */
enum { BOOTARGS, KASLR_SEED, RNG_SEED, NR_VALUES };
static const char names[NR_VALUES][12] = { "bootargs", "kaslr-seed", "rng-seed" };

struct value {
	const u8 *at;
	u32 bytes;
};

static u64 state __ro_after_init;      /* 0: nothing is random */
static bool asked_off __ro_after_init; /* nokaslr */

unsigned long kaslr_early(const u8 *fdt);

static u32 be32(const u8 *p)
{
	return (u32)p[0] << 24 | (u32)p[1] << 16 | (u32)p[2] << 8 | p[3];
}

/* The property at @prop, if it's one of those. */
static void take_property(const u8 *prop, const char *strings, u32 strings_bytes,
			  struct value *values)
{
	u32 bytes = be32(prop), name = be32(prop + 4);

	for (unsigned int i = 0; name < strings_bytes && i < NR_VALUES; i++) {
		if (!strncmp(strings + name, names[i], strings_bytes - name))
			values[i] = (struct value){ prop + 8, bytes };
	}
}

/* The name at @at, with its NUL, in whole words; 0 if it doesn't end before @end. */
static u32 name_bytes(const u8 *at, const u8 *end)
{
	u32 n = 0, room = (u32)(end - at);

	while (n < room && at[n])
		n++;
	return n < room ? ALIGN_UP(n + 1, 4u) : 0;
}

/* The structure block [at, end). */
static void read_structure(const u8 *at, const u8 *end, const char *strings, u32 strings_bytes,
			   struct value *values)
{
	bool chosen = false;
	int depth = 0;

	while (end - at >= 12) {
		u32 token = be32(at), n;

		at += 4;
		if (token == FDT_PROPERTY) {
			n = be32(at);
			if (n > (u32)(end - at) - 8)
				return;
			if (chosen)
				take_property(at, strings, strings_bytes, values);
			at += 8 + ALIGN_UP(n, 4u);
		} else if (chosen && token != FDT_NOTHING) {
			return; /* its properties come first */
		} else if (token == FDT_NODE) {
			n = name_bytes(at, end);
			if (!n)
				return;
			chosen = depth++ == 1 && !strcmp((const char *)at, "chosen");
			at += n;
		} else if (token == FDT_NODE_END) {
			depth--;
		} else if (token != FDT_NOTHING) {
			return;
		}
	}
}

static void read_tree(const u8 *fdt, struct value *values)
{
	u32 total, structure, structure_bytes, strings, strings_bytes;

	if (!fdt || (unsigned long)fdt % 8 || be32(fdt) != 0xd00dfeed)
		return;
	total = be32(fdt + 4);
	structure = be32(fdt + 8);
	strings = be32(fdt + 12);
	strings_bytes = be32(fdt + 32);
	structure_bytes = be32(fdt + 36);
	if (total > TREE_MAX || structure > total || structure_bytes > total - structure ||
	    strings > total || strings_bytes > total - strings)
		return;
	read_structure(fdt + structure, fdt + structure + structure_bytes,
		       (const char *)fdt + strings, strings_bytes, values);
}

/* Is nokaslr a word of the command line? */
static bool says_nokaslr(const struct value *args)
{
	u32 start = 0;
	bool quoted = false;

	for (u32 i = 0; i < args->bytes; i++) {
		u8 c = args->at[i];

		quoted ^= c == '"';
		if (c && (quoted || (c != ' ' && c != '\t' && c != '\n')))
			continue;
		if (i - start == 7 && !memcmp(args->at + start, "nokaslr", 7))
			return true;
		start = i + 1;
	}
	return false;
}

/* Zeros are what a loader leaves of a seed that it used itself. */
static bool is_seed(const struct value *seed)
{
	u8 any = 0;

	for (u32 i = 0; i < seed->bytes; i++)
		any |= seed->at[i];
	return any != 0;
}

static u64 mix_in(u64 s, const struct value *seed)
{
	for (u32 i = 0; i < seed->bytes; i++)
		s = random_mix(s ^ seed->at[i]);
	return s;
}

unsigned long kaslr_draw(enum kaslr_what what, unsigned long room, unsigned long granule)
{
	u64 number = random_mix(random_mix(state + what + 1) ^ state);

	return state ? (number >> 8) % (room / granule + 1) * granule : 0;
}

/*
 * kaslr_early - how many bytes above its link address the image is to run
 * @fdt: the device tree where the firmware put it.  Boot hart, paging off, nothing relocated.
 */
unsigned long kaslr_early(const u8 *fdt)
{
	unsigned long image = (unsigned long)(_end - _start);
	struct value values[NR_VALUES];

	memset(values, 0, sizeof(values));
	read_tree(fdt, values);
	asked_off = says_nokaslr(&values[BOOTARGS]);
	if (asked_off || (!is_seed(&values[KASLR_SEED]) && !is_seed(&values[RNG_SEED])))
		return 0;
	state = mix_in(0x6b61736c72ull, &values[KASLR_SEED]);
	state = mix_in(state, &values[RNG_SEED]) | 1;
	return kaslr_draw(KASLR_IMAGE, FIXMAP_ADDR - KERNEL_LINK_ADDR - image, PAGE_SIZE);
}

void __init kaslr_done(void)
{
	const struct va_layout *v = &va_layout;

	if (asked_off)
		pr_info("off: nokaslr");
	else if (!state)
		pr_notice("off: the device tree has no kaslr-seed and no rng-seed");
	else
		pr_info("image 0x%lx (offset 0x%lx), linear map 0x%lx, vmalloc 0x%lx, "
			"vmemmap 0x%lx",
			v->image_va, v->image_va - KERNEL_LINK_ADDR, v->linear_base,
			v->vmalloc_base, v->vmemmap_base);
	state = 0;
}
