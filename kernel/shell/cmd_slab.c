/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cmd_slab.c - slabinfo, slabtop: the caches of small objects and what is in them
 *
 * Figures are read while harts go on: they aren't of one moment.
 */
#include <asm/memory.h>
#include <kernel/smp.h>
#include <lib/parse.h>
#include <mm/kmalloc.h>
#include <mm/slab_info.h>
#include <mm/zone.h>
#include <shell/shell.h>

#include <stdio.h>
#include <string.h>

#define TOP_LINES 20

static unsigned long kib_of(const struct slab_info *info)
{
	return info->all.slabs * info->pages * (PAGE_SIZE / KiB);
}

/* ---- all caches ---- */

static void print_line(const struct slab_info *i)
{
	shell_printf("%-24s %8lu %8lu %6u %4u %4u : %3u %3u %4u\n", i->name, i->active, i->total,
		     i->size, i->objects, i->pages, i->rounds, i->magazines,
		     i->all.depot + i->all.spare);
}

static int list_all(void)
{
	struct slab_info info;

	shell_puts("# name                     active    total   size objs pages: magazines of, "
		   "by harts, in depots\n");
	for (struct kmem_cache *s = kmem_cache_next(NULL); s; s = kmem_cache_next(s)) {
		if (shell_interrupted()) {
			kmem_cache_leave(s);
			return -EINTR;
		}
		kmem_cache_info(s, &info);
		print_line(&info);
	}
	return 0;
}

/* ---- one of them ---- */

static void print_flags(slab_flags_t flags)
{
	static const struct {
		slab_flags_t flag;
		const char *name;
	} names[] = {
		{ SLAB_CONSISTENCY_CHECKS, "consistency_checks" },
		{ SLAB_RED_ZONE, "red_zone" },
		{ SLAB_POISON, "poison" },
		{ SLAB_STORE_USER, "store_user" },
		{ SLAB_TRACE, "trace" },
		{ SLAB_TYPESAFE_BY_RCU, "typesafe_by_rcu" },
		{ SLAB_HWCACHE_ALIGN, "hwcache_align" },
		{ SLAB_CACHE_DMA, "dma" },
		{ SLAB_CACHE_DMA32, "dma32" },
		{ SLAB_RECLAIM_ACCOUNT, "reclaim_account" },
		{ SLAB_ACCOUNT, "account" },
		{ SLAB_PANIC, "panic" },
		{ SLAB_NO_MERGE, "no_merge" },
		{ SLAB_SKIP_KFENCE, "skip_kfence" },
	};

	shell_printf("  flags     0x%lx", (unsigned long)flags);
	for (unsigned i = 0; i < ARRAY_SIZE(names); i++)
		if (flags & names[i].flag)
			shell_printf(" %s", names[i].name);
	shell_puts("\n");
}

static void print_names(const struct kmem_cache *s, const struct slab_info *info)
{
	char name[SLAB_NAME_LEN];

	shell_printf("%s\n  names     %u", info->name, info->users);
	if (info->users < info->names) /* which ones have gone isn't known */
		shell_printf(" of these %u", info->names);
	shell_puts(":");
	for (unsigned i = 0; kmem_cache_shared_name(s, i, name); i++)
		shell_printf(" %s,", name);
	shell_printf(" %s\n", info->name);
}

static void print_places(const struct kmem_cache *s)
{
	struct slab_node_info n;

	for (int nid = 0; nid < MAX_NUMNODES; nid++)
		if (kmem_cache_node_info(s, nid, &n))
			shell_printf(
				"  node %-4d slabs %lu, partial %lu, empty %lu, objects out %lu, "
				"depot %u, spare %u\n",
				nid, n.slabs, n.partial, n.empty, n.out, n.depot, n.spare);
	for (unsigned cpu = 0; cpu < nr_harts; cpu++)
		shell_printf("  hart %-4u keeps %u objects\n", cpu,
			     kmem_cache_hart_objects(s, cpu));
}

static int tell(const char *name)
{
	struct kmem_cache *s = kmem_cache_find(name);
	struct slab_info info;

	if (!s) {
		shell_printf("slabinfo: there is no cache %s\n", name);
		return -ENOENT;
	}
	kmem_cache_info(s, &info);
	print_names(s, &info);
	shell_printf("  objects   %u bytes each of %u, aligned to %u; in use %lu of %lu\n",
		     info.object_size, info.size, info.align, info.active, info.total);
	shell_printf(
		"  slabs     %u objects in %u pages, %lu bytes unused; %lu KiB in all, %u wait for "
		"readers\n",
		info.objects, info.pages,
		(unsigned long)(info.pages * PAGE_SIZE - info.objects * info.size), kib_of(&info),
		info.waiting);
	shell_printf("  magazines %u objects each; harts have %u, depots %u, at most %u a node\n",
		     info.rounds, info.magazines, info.all.depot + info.all.spare, info.depot_max);
	print_flags(info.flags);
	print_places(s);
	kmem_cache_leave(s);
	return 0;
}

/* Is @s sound, and if it's debugged, what lies around its objects? */
static bool validate(struct kmem_cache *s)
{
	char fault[SLAB_FAULT_LEN];
	bool bad = slab_validate(s, fault, sizeof(fault));
	unsigned long objects = validate_slab_cache(s);

	if (bad)
		shell_printf("%s\n", fault);
	if (objects)
		shell_printf("%lu objects were spoilt: see the log\n", objects);
	return !bad && !objects;
}

static int validate_all(void)
{
	unsigned nr = 0, bad = 0;

	for (struct kmem_cache *s = kmem_cache_next(NULL); s; s = kmem_cache_next(s), nr++)
		bad += !validate(s);
	shell_printf("%u caches, %u of them broken\n", nr, bad);
	return bad ? -EFAULT : 0;
}

static int run_slabinfo(int argc, char **argv)
{
	if (argc == 1)
		return list_all();
	if (argc == 2 && !strcmp(argv[1], "-v"))
		return validate_all();
	return argc == 2 && argv[1][0] != '-' ? tell(argv[1]) : SHELL_USAGE;
}

static void complete_cache(const char *prefix, shell_offer_fn offer, void *ctx)
{
	struct slab_info info;

	(void)prefix;
	for (struct kmem_cache *s = kmem_cache_next(NULL); s; s = kmem_cache_next(s)) {
		kmem_cache_info(s, &info);
		offer(ctx, info.name);
	}
}

static const struct shell_cmd cmd_slabinfo = {
	.name = "slabinfo",
	.usage = "[NAME | -v]",
	.help = "caches of small objects: objects in use, in all, their size; one in detail; -v: "
		"check all",
	.run = run_slabinfo,
	.complete = complete_cache,
};
TABLE_ENTRY(shell_cmd, cmd_slabinfo);

/* ---- the largest ---- */

struct top {
	struct slab_info *info; /* largest first */
	unsigned nr, max;
	unsigned caches;
	u64 kib, bytes; /* of all slabs; of the objects in use */
};

/* Where it belongs, if it's large enough. */
static void rank(struct top *top, const struct slab_info *info)
{
	unsigned at = top->nr;

	top->caches++;
	top->kib += kib_of(info);
	top->bytes += (u64)info->active * info->object_size;
	while (at && kib_of(&top->info[at - 1]) < kib_of(info))
		at--;
	if (at == top->max)
		return;
	top->nr = min(top->nr + 1, top->max);
	memmove(&top->info[at + 1], &top->info[at], (top->nr - at - 1) * sizeof(*info));
	top->info[at] = *info;
}

static void print_top(const struct top *top)
{
	unsigned long reclaimable, pages = slab_pages_in_use(&reclaimable);

	shell_printf("%u caches, %llu KiB in slabs, %llu KiB of it in objects in use, %llu KiB "
		     "reclaimable\n",
		     top->caches, (unsigned long long)top->kib,
		     (unsigned long long)(top->bytes / KiB),
		     (unsigned long long)(min(reclaimable, pages) * (PAGE_SIZE / KiB)));
	shell_puts("    active    total  use   size   slabs objs      KiB  name\n");
	for (unsigned i = 0; i < top->nr; i++) {
		const struct slab_info *c = &top->info[i];
		unsigned use = c->total ? (unsigned)((u64)c->active * 100 / c->total) : 0;

		shell_printf("  %8lu %8lu %3u%% %6u %7lu %4u %8lu  %s\n", c->active, c->total, use,
			     c->size, c->all.slabs, c->objects, kib_of(c), c->name);
	}
}

static int run_slabtop(int argc, char **argv)
{
	struct top top = { .max = TOP_LINES };
	unsigned long lines = TOP_LINES;
	struct slab_info info;

	if (argc > 2 || (argc == 2 && (parse_ulong(argv[1], &lines) || !lines || lines > 1000)))
		return SHELL_USAGE;
	top.max = (unsigned)lines;
	top.info = kmalloc_array(top.max, sizeof(info), GFP_KERNEL);
	if (!top.info)
		return -ENOMEM;
	for (struct kmem_cache *s = kmem_cache_next(NULL); s; s = kmem_cache_next(s)) {
		kmem_cache_info(s, &info);
		rank(&top, &info);
	}
	print_top(&top);
	kfree(top.info);
	return 0;
}

static const struct shell_cmd cmd_slabtop = {
	.name = "slabtop",
	.usage = "[LINES]",
	.help = "the caches whose slabs have most memory",
	.run = run_slabtop,
};
TABLE_ENTRY(shell_cmd, cmd_slabtop);
