/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ptdump.c - the kernel's page table, shown and checked
 *
 * Both walk every run of leaves (leaves.c); runs that go on in the next table are joined here.
 */
#define LOG_PREFIX "paging: "

#include <asm/ptdump.h>

#include <asm/pgtable.h>
#include <asm/sections.h>
#include <base/errno.h>
#include <kernel/log.h>
#include <stdio.h>

struct run {
	unsigned long va;
	unsigned long bytes;
	phys_addr_t pa;
	unsigned long bits;
	unsigned long leaf; /* bytes */
	void (*emit)(const char *line);
	const char *region; /* the last heading */
};

static const char *region_of(unsigned long va)
{
	const struct va_layout *v = &va_layout;

	if (va - v->vmemmap_base < v->vmemmap_bytes)
		return "vmemmap";
	if (va - v->window_base < v->window_bytes)
		return "windows";
	if (va - v->vmalloc_base < v->vmalloc_bytes)
		return "vmalloc";
	if (va - v->scratch_base < v->scratch_bytes)
		return "scratch";
	if (va - v->linear_base < v->linear_bytes)
		return "linear map";
	return va >= FIXMAP_ADDR ? "fixmap" : "kernel image";
}

static void format_size(char *buf, size_t size, unsigned long bytes)
{
	static const char units[] = "KMGTP";
	unsigned int unit = 0;

	bytes >>= 10;
	while (bytes >= 1024 && bytes % 1024 == 0 && unit < sizeof(units) - 2) {
		bytes >>= 10;
		unit++;
	}
	snprintf(buf, size, "%lu%c", bytes, units[unit]);
}

/* What kind of memory the entries say it is. */
static const char *kind_of(unsigned long bits)
{
	if (bits & PTE_PBMT_IO)
		return " io";
	return bits & PTE_PBMT_NC ? " nc" : "";
}

static void emit_run(struct run *r)
{
	const char *region = region_of(r->va);
	char line[128], bytes[24], leaf[24];

	if (!r->bytes)
		return;
	if (region != r->region) {
		snprintf(line, sizeof(line), "---[ %s ]---", region);
		r->emit(line);
		r->region = region;
	}
	format_size(bytes, sizeof(bytes), r->bytes);
	format_size(leaf, sizeof(leaf), r->leaf);
	snprintf(line, sizeof(line), "0x%0*lx-0x%0*lx 0x%010llx %8s  %c%c%c%c%c leaf %s%s",
		 (int)sizeof(long) * 2, r->va, (int)sizeof(long) * 2, r->va + r->bytes, PA(r->pa),
		 bytes, r->bits & PTE_R ? 'r' : '-', r->bits & PTE_W ? 'w' : '-',
		 r->bits & PTE_X ? 'x' : '-', r->bits & PTE_U ? 'u' : '-',
		 r->bits & PTE_G ? 'g' : '-', leaf, kind_of(r->bits));
	r->emit(line);
}

static int dump_run(const struct leaf_run *leaves, void *arg)
{
	struct run *r = arg;
	unsigned long va = leaves->va;

	if (r->bytes && r->va + r->bytes == va && r->pa + r->bytes == leaves->pa &&
	    r->bits == leaves->bits && r->leaf == leaves->leaf &&
	    region_of(va) == region_of(r->va)) {
		r->bytes += leaves->bytes;
		return 0;
	}
	emit_run(r);
	r->va = va;
	r->bytes = leaves->bytes;
	r->pa = leaves->pa;
	r->bits = leaves->bits;
	r->leaf = leaves->leaf;
	return 0;
}

void ptdump(void (*emit)(const char *line))
{
	struct run r = { .emit = emit };

	pgtable_walk(dump_run, &r);
	emit_run(&r);
}

/*
 * Physical ranges that no mapping may write: what is executable somewhere, and what the image's own
 * mapping says is read-only.  More than a few is itself an error.
 */
struct wx {
	struct {
		phys_addr_t start, end;
		unsigned long va;
		bool exec;
	} fixed[8];
	unsigned int nr;
};

static int collect_fixed(const struct leaf_run *run, void *arg)
{
	bool exec = run->bits & PTE_X,
	     image = run->va - va_layout.image_va < (unsigned long)(_end - _start);
	struct wx *wx = arg;

	if (!exec && (!image || run->bits & PTE_W))
		return 0;
	if (wx->nr && wx->fixed[wx->nr - 1].end == run->pa && wx->fixed[wx->nr - 1].exec == exec) {
		wx->fixed[wx->nr - 1].end = run->pa + run->bytes;
		return 0;
	}
	if (wx->nr == ARRAY_SIZE(wx->fixed)) {
		pr_err("W^X: more than %zu executable ranges, one of them at 0x%lx",
		       ARRAY_SIZE(wx->fixed), run->va);
		return -EPERM;
	}
	wx->fixed[wx->nr].start = run->pa;
	wx->fixed[wx->nr].end = run->pa + run->bytes;
	wx->fixed[wx->nr].va = run->va;
	wx->fixed[wx->nr].exec = exec;
	wx->nr++;
	return 0;
}

static int check_write(const struct leaf_run *run, void *arg)
{
	const struct wx *wx = arg;

	if (!(run->bits & PTE_W))
		return 0;
	for (unsigned int i = 0; i < wx->nr; i++) {
		phys_addr_t pa = max(run->pa, wx->fixed[i].start);

		if (pa >= wx->fixed[i].end || pa >= run->pa + run->bytes)
			continue;
		pr_err("W^X: physical 0x%llx is %s at 0x%lx and writable at 0x%lx", PA(pa),
		       wx->fixed[i].exec ? "executable" : "read-only",
		       wx->fixed[i].va + (unsigned long)(pa - wx->fixed[i].start),
		       run->va + (unsigned long)(pa - run->pa));
		return -EPERM;
	}
	return 0;
}

int arch_wx_check(void)
{
	struct wx wx = { .nr = 0 };
	int err = pgtable_walk(collect_fixed, &wx);

	return err ? err : pgtable_walk(check_write, &wx);
}
