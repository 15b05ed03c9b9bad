/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_page_debug.c - page debugging finds what is done wrong on purpose
 *
 * Each case needs a boot argument and skips without: tests/system/test_page_debug.py gives them.
 * `pagebug KIND` makes one mistake, for what the console says about it.
 */
#include <asm/memory.h>
#include <asm/mmu.h>
#include <kernel/symbols.h>
#include <mm/page_alloc.h>
#include <mm/page_debug.h>
#include <mm/page_ext.h>
#include <shell/ktap.h>
#include <shell/shell.h>

#include <string.h>

#ifdef CONFIG_PAGE_DEBUG

/* Skips the case unless all of @bits are on. */
static bool have(struct ktap *t, u32 bits, const char *why)
{
	if ((page_debug & bits) == bits)
		return true;
	ktap_skip(t, why);
	return false;
}

/* Does an event of @page name the function @name, which is the caller? */
static bool names(const struct page *page, bool freed, const char *name)
{
	char text[256];

	return strstr(page_owner_text(page_to_pfn(page), freed, text, sizeof(text)), name);
}

static __noinline __noclone struct page *take_here(unsigned order)
{
	struct page *page = alloc_pages(GFP_KERNEL, order);

	barrier();
	return page;
}

static __noinline __noclone void give_here(struct page *page, unsigned order)
{
	__free_pages(page, order);
	barrier();
}

static void test_owner(struct ktap *t)
{
	struct page *page, *other;

	if (!have(t, PAGE_DEBUG_OWNER, "needs page_owner=on"))
		return;
	page = take_here(3);
	KTAP_ASSERT(t, page != NULL);
	/* All pages of the block lead to its first's record. */
	KTAP_EXPECT(t, names(page, false, ": take_here+"));
	KTAP_EXPECT(t, names(page + 5, false, " order 3 GFP_KERNEL at"));
	KTAP_EXPECT(t, names(page + 5, false, " < test_owner"));
	split_page(page, 3);
	KTAP_EXPECT(t, names(page + 7, false, " order 0 GFP_KERNEL at"));
	KTAP_EXPECT(t, names(page + 7, false, ": take_here+"));
	other = alloc_page(GFP_KERNEL | __GFP_ZERO);
	KTAP_ASSERT(t, other != NULL);
	KTAP_EXPECT(t, !names(other, false, "take_here"));
	page_owner_migrate(page + 2, other);
	KTAP_EXPECT(t, names(other, false, ": take_here+"));
	__free_page(other);
	for (int i = 0; i < 8; i++)
		give_here(page + i, 0);
	KTAP_EXPECT(t, names(page + 4, true, ": give_here+"));
	KTAP_EXPECT(t, names(page + 4, false, ": take_here+"));
}

static bool all_bytes(struct page *page, unsigned order, u8 value)
{
	const u8 *bytes = page_address(page);

	for (unsigned long i = 0; i < PAGE_SIZE << order; i++)
		if (bytes[i] != value)
			return false;
	return true;
}

/* Change @bits of a byte of @page, which is free, whether it can be reached or not. */
static void spoil(struct page *page, unsigned offset, u8 bits)
{
	u8 *addr = page_address(page);
	bool guard = page_debug & PAGE_DEBUG_GUARD;

	if (guard)
		arch_linear_valid(addr, 1, true);
	addr[offset] ^= bits;
	if (guard)
		arch_linear_valid(addr, 1, false);
}

/* Take pages until @wanted comes, then give all back; how often poison was found broken. */
static unsigned long find_again(struct page *wanted)
{
	unsigned long before = page_debug_counts.poison;
	u32 held = 0;
	struct page *page;

	do {
		page = alloc_page(GFP_ATOMIC | __GFP_NOWARN);
		if (!page)
			break;
		page->index = held;
		held = (u32)page_index(page);
	} while (page != wanted);
	while (held) {
		page = index_page(held);
		held = page->index;
		__free_page(page);
	}
	return page_debug_counts.poison - before;
}

static void test_poison(struct ktap *t)
{
	unsigned long single = page_debug_counts.single_bit;
	struct page *page;

	if (!have(t, PAGE_DEBUG_POISON, "needs page_poison=on"))
		return;
	page = alloc_page(GFP_KERNEL);
	KTAP_ASSERT(t, page != NULL);
	if (!(page_debug & PAGE_DEBUG_INIT_ALLOC))
		KTAP_EXPECT(t, all_bytes(page, 0, PAGE_POISON));
	memset(page_address(page), 0x55, PAGE_SIZE);
	__free_page(page);
	KTAP_EXPECT_EQ(t, find_again(page), 0);
	page_reports_expect(true);
	spoil(page, 4095, 0x10);
	KTAP_EXPECT_EQ(t, find_again(page), 1);
	KTAP_EXPECT_EQ(t, page_debug_counts.single_bit, single + 1);
	spoil(page, 0, 0x11);
	KTAP_EXPECT_EQ(t, find_again(page), 1);
	KTAP_EXPECT_EQ(t, page_debug_counts.single_bit, single + 1);
	page_reports_expect(false);
	KTAP_EXPECT_EQ(t, find_again(page), 0);
}

static void test_init(struct ktap *t)
{
	struct page *page;

	if (!have(t, PAGE_DEBUG_INIT_ALLOC, "needs init_on_alloc=1"))
		return;
	for (unsigned order = 0; order < 6; order++) {
		page = alloc_pages(GFP_KERNEL, order);
		KTAP_ASSERT(t, page != NULL);
		KTAP_EXPECT(t, all_bytes(page, order, 0));
		memset(page_address(page), 0x55, PAGE_SIZE << order);
		__free_pages(page, order);
	}
}

static void test_init_free(struct ktap *t)
{
	struct page *page;

	if (!have(t, PAGE_DEBUG_INIT_FREE, "needs init_on_free=1") ||
	    (page_debug & (PAGE_DEBUG_POISON | PAGE_DEBUG_GUARD)))
		return;
	page = alloc_pages(GFP_KERNEL, 2);
	KTAP_ASSERT(t, page != NULL);
	memset(page_address(page), 0x55, PAGE_SIZE << 2);
	__free_pages(page, 2);
	KTAP_EXPECT(t, all_bytes(page, 2, 0));
}

/* A page out of reach lies behind a small block, and goes with it, in whatever parts that comes
 * back. */
static void test_behind(struct ktap *t)
{
	unsigned long before = nr_free_pages();
	struct page *page, *small;
	u32 word;

	if (!have(t, PAGE_DEBUG_BEHIND, "needs debug_guardpage_minorder=3"))
		return;
	page = alloc_pages(GFP_KERNEL, 2);
	small = alloc_page(GFP_KERNEL);
	KTAP_ASSERT(t, page && small);
	KTAP_EXPECT_EQ(t, nr_free_pages(), before - 8 - 2);
	for (int i = 0; i < 8; i++)
		KTAP_EXPECT_EQ(t, probe_read(&word, page_address(page + i), sizeof(word)),
			       i < 4 ? 0 : -EFAULT);
	KTAP_EXPECT_EQ(t, probe_read(&word, page_address(small + 1), sizeof(word)), -EFAULT);
	split_page(page, 2);
	for (int i = 0; i < 4; i++) {
		KTAP_EXPECT_EQ(t, nr_free_pages(), before - 8 - 2 + (unsigned long)i);
		__free_page(page + i);
	}
	KTAP_EXPECT_EQ(t, nr_free_pages(), before - 2);
	__free_page(small);
	KTAP_EXPECT_EQ(t, nr_free_pages(), before);
	page_alloc_validate();
}

static void test_guard(struct ktap *t)
{
	struct page *page;
	u32 word;

	if (!have(t, PAGE_DEBUG_GUARD, "needs debug_pagealloc=on"))
		return;
	page = alloc_pages(GFP_KERNEL, 4);
	KTAP_ASSERT(t, page != NULL);
	for (int i = 0; i < 16; i++)
		KTAP_EXPECT_EQ(t, probe_write(page_address(page + i), &word, sizeof(word)), 0);
	split_page(page, 4);
	for (int i = 1; i < 16; i += 2)
		__free_page(page + i);
	for (int i = 0; i < 16; i++)
		KTAP_EXPECT_EQ(t, probe_read(&word, page_address(page + i), sizeof(word)),
			       i % 2 ? -EFAULT : 0);
	for (int i = 0; i < 16; i += 2)
		__free_page(page + i);
}

/* ---- one mistake ---- */

static void bug_leak(void)
{
	for (int i = 0; i < 7; i++)
		(void)take_here(1)->index;
}

static void bug_double_free(void)
{
	struct page *page = take_here(0);

	give_here(page, 0);
	__free_page(page);
}

static void bug_flags(void)
{
	struct page *page = take_here(0);

	page_set_flag(page, PG_locked);
	page_set_flag(page, PG_dirty);
	give_here(page, 0);
	page_clear_flag(page, PG_locked);
	page_clear_flag(page, PG_dirty);
	__free_page(page);
}

static void write_free(u8 bits)
{
	struct page *page = take_here(0);

	give_here(page, 0);
	spoil(page, 16, bits);
	find_again(page);
}

static void bug_write(void)
{
	write_free(0xff);
}

static void bug_bit(void)
{
	write_free(4);
}

static void bug_read(void)
{
	struct page *page = take_here(0);

	give_here(page, 0);
	(void)*(volatile int *)page_address(page);
}

static void bug_beyond(void)
{
	struct page *page = take_here(1);

	((volatile u8 *)page_address(page))[2 * PAGE_SIZE] = 1;
	give_here(page, 1);
}

static const struct {
	const char *name;
	void (*run)(void);
} bugs[] = {
	{ "leak", bug_leak },	  { "double-free", bug_double_free },
	{ "flags", bug_flags },	  { "write", bug_write },
	{ "bit", bug_bit },	  { "read", bug_read },
	{ "beyond", bug_beyond },
};

static int run_pagebug(int argc, char **argv)
{
	for (unsigned i = 0; argc == 2 && i < ARRAY_SIZE(bugs); i++)
		if (!strcmp(bugs[i].name, argv[1])) {
			bugs[i].run();
			return 0;
		}
	return SHELL_USAGE;
}

static const struct shell_cmd cmd_pagebug = {
	.name = "pagebug",
	.usage = "leak | double-free | flags | write | bit | read | beyond",
	.help = "misuse a page, to see how that is reported",
	.run = run_pagebug,
};
TABLE_ENTRY(shell_cmd, cmd_pagebug);

static const struct ktap_case cases[] = {
	{ "owner", test_owner },
	{ "poison", test_poison },
	{ "init", test_init },
	{ "init-free", test_init_free },
	{ "guard", test_guard },
	{ "behind", test_behind },
	{},
};

#else

static void test_nothing(struct ktap *t)
{
	ktap_skip(t, "built without CONFIG_PAGE_DEBUG");
}

static const struct ktap_case cases[] = {
	{ "options", test_nothing },
	{},
};

#endif

static const struct ktap_suite suite_page_debug = { "page_debug", cases };
TABLE_ENTRY(ktap_suite, suite_page_debug);
