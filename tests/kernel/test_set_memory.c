/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_set_memory.c - pages that become read-only or executable, and back
 *
 * What the table says (arch_lookup), what an access does on every hart (probe_write), and the W^X
 * walk must agree.  Each case gives its pages back as it got them, and makes large leaves of
 * those that were split.
 */
#include <mm/set_memory.h>

#include <asm/mmu.h>
#include <asm/sections.h>
#include <base/errno.h>
#include <kernel/smp.h>
#include <kernel/time.h>
#include <mm/page_alloc.h>
#include <mm/vmalloc.h>
#include <sched/thread.h>
#include <shell/ktap.h>
#include <string.h>

#define NR    4
#define BYTES (NR * PAGE_SIZE)
#define RET   0x8082 /* c.jr ra */

#define MAX_NS 300000000ull /* of watching */

static unsigned int prot_of(const void *at)
{
	struct arch_mapping map;

	return arch_lookup((unsigned long)at, &map) ? 0 : map.prot & 7;
}

static const char *attempt_at; /* where each hart tries to write */
static unsigned int wrote;

static void try_write(void *arg)
{
	u8 byte;

	if (!probe_read(&byte, attempt_at, 1) && !probe_write((void *)attempt_at, &byte, 1))
		__atomic_fetch_add(&wrote, 1, __ATOMIC_RELAXED);
}

/* How many harts can write the byte at @at. */
static unsigned int writers(const void *at)
{
	attempt_at = at;
	wrote = 0;
	on_each_hart(try_write, NULL);
	return wrote;
}

static void *linear_of(const void *at)
{
	return page_address(vmalloc_to_page(at));
}

/* Make the leaf of @bytes around @at again that there was. */
static void rejoin(const void *at, unsigned long bytes)
{
	if (bytes > PAGE_SIZE)
		arch_join((unsigned long)at, bytes);
}

static unsigned long leaf_of(const void *at)
{
	struct arch_mapping map;

	return arch_lookup((unsigned long)at, &map) ? 0 : map.leaf;
}

/* The linear map's leaves of an area's pages. */
struct aliases {
	void *at[NR];
	unsigned long leaf[NR];
};

static struct aliases aliases_of(const char *area)
{
	struct aliases a;

	for (unsigned int i = 0; i < NR; i++) {
		a.at[i] = linear_of(area + i * PAGE_SIZE);
		a.leaf[i] = a.at[i] ? leaf_of(a.at[i]) : 0;
	}
	return a;
}

static void give_back(void *area, const struct aliases *a)
{
	for (unsigned int i = 0; i < NR; i++)
		rejoin(a->at[i], a->leaf[i]);
	vfree(area);
}

static void test_linear(struct ktap *t)
{
	unsigned long before;
	char *block = (char *)__get_free_pages(GFP_KERNEL, 2);

	KTAP_ASSERT(t, block != NULL);
	before = leaf_of(block);
	memset(block, 0x5a, BYTES);
	KTAP_EXPECT_EQ(t, set_memory_ro((unsigned long)block + PAGE_SIZE, 2), 0);
	KTAP_EXPECT_EQ(t, leaf_of(block + PAGE_SIZE), PAGE_SIZE);
	KTAP_EXPECT_EQ(t, writers(block + PAGE_SIZE), 0);
	KTAP_EXPECT_EQ(t, writers(block + 3 * PAGE_SIZE - 1), 0);
	KTAP_EXPECT_EQ(t, writers(block), num_online_harts());
	KTAP_EXPECT_EQ(t, writers(block + 3 * PAGE_SIZE), num_online_harts());
	KTAP_EXPECT_EQ(t, set_memory_rw((unsigned long)block + PAGE_SIZE, 2), 0);
	KTAP_EXPECT_EQ(t, writers(block + 2 * PAGE_SIZE), num_online_harts());
	for (unsigned long i = 0; i < BYTES; i++)
		KTAP_EXPECT_EQ(t, block[i], 0x5a);
	rejoin(block, before);
	KTAP_EXPECT_EQ(t, leaf_of(block), before);
	free_pages((unsigned long)block, 2);
}

/* The linear map's alias goes with it, but is never executable. */
static void test_alias(struct ktap *t)
{
	char *area = vmalloc(BYTES), *low;
	struct aliases a;

	KTAP_ASSERT(t, area != NULL);
	a = aliases_of(area);
	low = a.at[1];
	if (!low) {
		ktap_skip(t, "its pages are in high memory");
		vfree(area);
		return;
	}
	KTAP_EXPECT_EQ(t, set_memory_ro((unsigned long)area + PAGE_SIZE, 1), 0);
	KTAP_EXPECT_EQ(t, writers(area + PAGE_SIZE), 0);
	KTAP_EXPECT_EQ(t, writers(low), 0);
	KTAP_EXPECT_EQ(t, writers(area), num_online_harts());
	KTAP_EXPECT_EQ(t, set_memory_x((unsigned long)area + PAGE_SIZE, 1), 0);
	KTAP_EXPECT_EQ(t, prot_of(area + PAGE_SIZE), PROT_READ | PROT_EXEC);
	KTAP_EXPECT_EQ(t, prot_of(low), PROT_READ);
	KTAP_EXPECT_EQ(t, arch_wx_check(), 0);
	KTAP_EXPECT_EQ(t, set_memory_nx((unsigned long)area + PAGE_SIZE, 1), 0);
	KTAP_EXPECT_EQ(t, prot_of(area + PAGE_SIZE), PROT_READ);
	KTAP_EXPECT_EQ(t, set_memory_rw((unsigned long)area + PAGE_SIZE, 1), 0);
	KTAP_EXPECT_EQ(t, writers(area + PAGE_SIZE), num_online_harts());
	KTAP_EXPECT_EQ(t, writers(low), num_online_harts());
	give_back(area, &a);
}

static void call(void *arg)
{
	((void (*)(void))arg)();
}

/* Code that was just written runs on every hart. */
static void test_code_runs(struct ktap *t)
{
	u16 *code = vmalloc(BYTES);
	struct aliases a;

	KTAP_ASSERT(t, code != NULL);
	a = aliases_of((char *)code);
	if (PageHighMem(vmalloc_to_page(code))) {
		KTAP_EXPECT_EQ(t, set_memory_rox((unsigned long)code, NR), -EINVAL);
		vfree(code);
		ktap_skip(t, "its pages are in high memory");
		return;
	}
	for (unsigned long i = 0; i < BYTES / sizeof(*code); i++)
		code[i] = RET;
	KTAP_ASSERT(t, !set_memory_rox((unsigned long)code, NR));
	KTAP_EXPECT_EQ(t, arch_wx_check(), 0);
	on_each_hart(call, code);
	on_each_hart(call, code + (BYTES - PAGE_SIZE) / sizeof(*code));
	KTAP_EXPECT_EQ(t, writers(code), 0);
	KTAP_EXPECT_EQ(t, set_memory_nx((unsigned long)code, NR), 0);
	KTAP_EXPECT_EQ(t, set_memory_rw((unsigned long)code, NR), 0);
	give_back(code, &a);
}

static void test_refuses(struct ktap *t)
{
	unsigned long area = (unsigned long)vmalloc(BYTES);
	unsigned long text = (unsigned long)_stext, alias = (unsigned long)__va(va_layout.image_pa);
	struct aliases a;

	KTAP_ASSERT(t, area != 0);
	a = aliases_of((char *)area);
	KTAP_EXPECT_EQ(t, set_memory_ro(area, 0), 0);
	KTAP_EXPECT_EQ(t, set_memory_ro(area, -1), -EINVAL);
	KTAP_EXPECT_EQ(t, set_memory_ro(area + 8, 1), -EINVAL);
	KTAP_EXPECT_EQ(t, set_memory_x(area, 1), -EINVAL);			/* it's writable */
	KTAP_EXPECT_EQ(t, set_memory_ro(area + BYTES - PAGE_SIZE, 2), -ENOENT); /* its guard */
	KTAP_EXPECT_EQ(t, writers((void *)(area + BYTES - 1)), num_online_harts());
	if (!PageHighMem(vmalloc_to_page((void *)area))) {
		KTAP_EXPECT_EQ(t, set_memory_rox(area, 1), 0);
		KTAP_EXPECT_EQ(t, set_memory_rw(area, 1), -EINVAL); /* it's executable */
	}
	KTAP_EXPECT_EQ(t, set_memory_rw(text, 1), -EPERM);
	KTAP_EXPECT_EQ(t, set_memory_rw(alias, 1), -EPERM);
	KTAP_EXPECT_EQ(t, set_memory_x((unsigned long)_srodata, 1), -EPERM);
	KTAP_EXPECT_EQ(t, set_memory_rw(0, 1), -ENOENT);
	KTAP_EXPECT_EQ(t, set_memory_nx(area, 1), 0);
	KTAP_EXPECT_EQ(t, set_memory_rw(area, 1), 0);
	give_back((void *)area, &a);
}

/* 4 GiB are more than rv32 has addresses, and 0 if they wrap. */
static void test_too_many(struct ktap *t)
{
	unsigned long area = (unsigned long)vmalloc(BYTES);
	int want = sizeof(long) == 4 ? -EINVAL : -ENOENT, all = 1 << 20;
	struct aliases a;

	KTAP_ASSERT(t, area != 0);
	a = aliases_of((char *)area);
	KTAP_EXPECT_EQ(t, set_memory_ro(area, all), want);
	KTAP_EXPECT_EQ(t, set_memory_ro(area, all + 1), want);
	KTAP_EXPECT_EQ(t, set_memory_ro(area, all - 1), -ENOENT);
	KTAP_EXPECT_EQ(t, writers((void *)area), num_online_harts());
	give_back((void *)area, &a);
}

/* Read-only where vmap() has it isn't read-only: the linear map's address counts. */
static void test_writable_alias(struct ktap *t)
{
	struct page *page = alloc_page(GFP_KERNEL);
	char *low = page ? page_address(page) : NULL;
	unsigned long before = leaf_of(low);
	char *va = page ? vmap(&page, 1, VM_MAP, PAGE_KERNEL_RO) : NULL;

	KTAP_ASSERT(t, va != NULL);
	KTAP_EXPECT_EQ(t, set_memory_x((unsigned long)va, 1), -EINVAL);
	KTAP_EXPECT_EQ(t, prot_of(va), PROT_READ);
	KTAP_EXPECT_EQ(t, leaf_of(low), before);
	KTAP_EXPECT_EQ(t, set_memory_rox((unsigned long)va, 1), 0);
	KTAP_EXPECT_EQ(t, prot_of(va), PROT_READ | PROT_EXEC);
	KTAP_EXPECT_EQ(t, prot_of(low), PROT_READ);
	KTAP_EXPECT_EQ(t, set_memory_nx((unsigned long)va, 1), 0);
	KTAP_EXPECT_EQ(t, set_memory_rw((unsigned long)va, 1), 0);
	vunmap(va);
	rejoin(low, before);
	__free_page(page);
}

static void test_executable_alias(struct ktap *t)
{
	struct page *page = alloc_page(GFP_KERNEL);
	char *low = page ? page_address(page) : NULL;
	unsigned long before = leaf_of(low);
	char *va = page ? vmap(&page, 1, VM_MAP, PAGE_KERNEL_RO) : NULL;

	KTAP_ASSERT(t, va != NULL);
	KTAP_EXPECT_EQ(t, set_memory_rox((unsigned long)low, 1), 0);
	KTAP_EXPECT_EQ(t, set_memory_rw((unsigned long)va, 1), -EINVAL);
	KTAP_EXPECT_EQ(t, prot_of(va), PROT_READ);
	KTAP_EXPECT_EQ(t, prot_of(low), PROT_READ | PROT_EXEC);
	KTAP_EXPECT_EQ(t, set_memory_nx((unsigned long)low, 1), 0);
	KTAP_EXPECT_EQ(t, set_memory_rw((unsigned long)va, 1), 0);
	KTAP_EXPECT_EQ(t, writers(low), num_online_harts());
	vunmap(va);
	rejoin(low, before);
	__free_page(page);
}

/* A page that becomes executable, and who looks at it. */
struct watch {
	const void *va, *alias;
	unsigned long round; /* odd: rights are given back */
	unsigned long looks, both;
};

/* In one round, executable and after that writable: it was both at once. */
static int watch_page(void *arg)
{
	struct watch *w = arg;

	while (!kthread_should_stop()) {
		unsigned long round = __atomic_load_n(&w->round, __ATOMIC_ACQUIRE);
		bool both = prot_of(w->va) & PROT_EXEC && prot_of(w->alias) & PROT_WRITE;

		if (both && !(round & 1) && __atomic_load_n(&w->round, __ATOMIC_ACQUIRE) == round)
			w->both++;
		__atomic_store_n(&w->looks, w->looks + 1, __ATOMIC_RELAXED);
	}
	return 0;
}

static void change_watched(struct ktap *t, struct watch *w, unsigned long area)
{
	unsigned long looks = __atomic_load_n(&w->looks, __ATOMIC_RELAXED);

	KTAP_EXPECT_EQ(t, set_memory_rox(area, NR), 0);
	__atomic_fetch_add(&w->round, 1, __ATOMIC_SEQ_CST);
	KTAP_EXPECT_EQ(t, set_memory_nx(area, NR), 0);
	KTAP_EXPECT_EQ(t, set_memory_rw(area, NR), 0);
	__atomic_fetch_add(&w->round, 1, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&w->looks, __ATOMIC_RELAXED) == looks)
		yield();
}

/* No other hart sees it executable while it can be written by the other address. */
static void test_order(struct ktap *t)
{
	char *area = vmalloc(BYTES);
	struct watch w = {};
	u64 start = ktime_ns();
	struct thread *thread;
	struct aliases a;

	KTAP_ASSERT(t, area != NULL);
	a = aliases_of(area);
	w.va = area + BYTES - PAGE_SIZE;
	w.alias = a.at[NR - 1];
	if (!a.at[0] || !a.at[1] || !a.at[2] || !a.at[3]) {
		ktap_skip(t, "its pages are in high memory");
		vfree(area);
		return;
	}
	thread = kthread_run(watch_page, &w, "watch");
	KTAP_EXPECT(t, thread != NULL);
	/* A round takes a slice when both run on one hart. */
	for (unsigned int i = 0; thread && i < 300 && ktime_ns() - start < MAX_NS; i++)
		change_watched(t, &w, (unsigned long)area);
	if (thread)
		kthread_stop(thread);
	KTAP_EXPECT_EQ(t, w.both, 0);
	give_back(area, &a);
}

static struct arch_table_source tables;

static phys_addr_t no_table(void)
{
	return 0;
}

/* A leaf can't be split: nothing changes. */
static void test_no_memory(struct ktap *t)
{
	unsigned long block = __get_free_pages(GFP_KERNEL, 2);
	struct arch_table_source none = { .alloc = no_table };
	int err;

	KTAP_ASSERT(t, block != 0);
	if (leaf_of((void *)block) == PAGE_SIZE) {
		ktap_skip(t, "memory is mapped by pages here");
	} else {
		tables = arch_swap_tables(none);
		none.free = tables.free;
		arch_swap_tables(none);
		err = set_memory_ro(block + PAGE_SIZE, 1);
		arch_swap_tables(tables);
		KTAP_EXPECT_EQ(t, err, -ENOMEM);
		KTAP_EXPECT_EQ(t, writers((void *)(block + PAGE_SIZE)), num_online_harts());
		KTAP_EXPECT(t, leaf_of((void *)block) > PAGE_SIZE);
	}
	free_pages(block, 2);
}

static const struct ktap_case cases[] = {
	{ "linear", test_linear },
	{ "alias", test_alias },
	{ "code-runs", test_code_runs },
	{ "refuses", test_refuses },
	{ "too-many", test_too_many },
	{ "writable-alias", test_writable_alias },
	{ "executable-alias", test_executable_alias },
	{ "order", test_order },
	{ "no-memory", test_no_memory },
	{},
};

static const struct ktap_suite suite_set_memory = { "set_memory", cases };
TABLE_ENTRY(ktap_suite, suite_set_memory);
