/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * seal.c - the image once boot is over: what nobody writes, and what nobody needs
 *
 * The image has two mappings, its own and the linear map's, and a change is made to both.
 *
 *     __ro_after_init     R W -> R          in both, with what else is in its pages
 *     init text           R X -> nothing    in the linear map R W: free memory like any other
 *     init variables      R W -> nothing
 *     list of relocations R W -> nothing
 *
 * Whoever goes there later, by a call or a stale pointer, faults, and the report names what was
 * there.  tools/tables.py refuses an image in which something that stays mentions such a place.
 *
 * Locking: boot, once; other harts run.
 */
#include <asm/mmu.h>

#include <asm/sections.h>
#include <asm/trap.h>
#include <base/errno.h>
#include <kernel/symbols.h>
#include <kernel/tables.h>
#include <stdio.h>

bool init_gone;

struct part {
	unsigned long start, end; /* whole pages, of the image's own mapping */
	const char *what;
};

/* Part @i of what boot alone needs; an empty one behind the last. */
static struct part part(unsigned int i)
{
	const struct tables_header *tables = (const void *)__tables_start;
	unsigned long relocs = (unsigned long)(tables + 1);

	switch (i) {
	case 0:
		return (struct part){ (unsigned long)_sinittext, (unsigned long)_einittext,
				      "a function" };
	case 1:
		return (struct part){ (unsigned long)__init_bss_start,
				      (unsigned long)__init_bss_end, "a variable" };
	case 2:
		return (struct part){ ALIGN_UP(relocs, PAGE_SIZE),
				      ALIGN_DOWN(relocs + tables->nr_relocs * sizeof(u32),
						 PAGE_SIZE),
				      "the relocations" };
	default:
		return (struct part){ 0, 0, NULL };
	}
}

static unsigned long alias(unsigned long va)
{
	return (unsigned long)__va(__pa_symbol((const void *)va));
}

static void tell_gone(unsigned long va, char *text, size_t bytes)
{
	char name[KSYM_NAME];
	struct part p;

	for (unsigned int i = 0; (p = part(i)).what; i++) {
		if (va < p.start || va >= p.end)
			continue;
		snprintf(text, bytes, "%s that only boot needed was there: %s", p.what,
			 i ? "its memory is free" : symbol_format(name, sizeof(name), va));
	}
}

int arch_seal_image(void)
{
	unsigned long start = (unsigned long)__ro_after_init_start & PAGE_MASK;
	unsigned long end = (unsigned long)_erodata;
	int err = 0;

	if (start != end)
		err = arch_protect(start, end - start, PROT_READ);
	return err || start == end ? err : arch_protect(alias(start), end - start, PROT_READ);
}

int arch_release_image(unsigned int i, phys_addr_t *start, phys_addr_t *end)
{
	struct part p = part(i);
	int err;

	if (!p.what)
		return -ENOENT;
	*start = __pa_symbol((const void *)p.start);
	*end = *start;
	if (p.start >= p.end)
		return 0;
	if (!init_gone)
		trap_set_fault_text(tell_gone);
	init_gone = true;
	err = arch_unmap(p.start, p.end - p.start);
	if (!err)
		err = arch_protect(alias(p.start), p.end - p.start, PROT_READ | PROT_WRITE);
	if (!err)
		*end += p.end - p.start;
	return err;
}
