/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cmd_crash.c - crash: do something forbidden, to see how the kernel reports it
 *
 * Each way ends in a panic: whoever comes back from it has found a bug in the traps or
 * in the page tables, and says so.
 */
#include <asm/mmu.h>
#include <asm/tlb.h>
#include <base/compiler.h>
#include <kernel/log.h>
#include <kernel/panic.h>
#include <kernel/percpu.h>
#include <kernel/smp.h>
#include <kernel/spinlock.h>
#include <lib/parse.h>
#include <mm/ioremap.h>
#include <mm/kmap.h>
#include <mm/page_alloc.h>
#include <mm/vmalloc.h>
#include <sched/thread.h>
#include <sched/timer.h>
#include <shell/shell.h>

#include <string.h>

static void crash_panic(void)
{
	panic("asked for by the user");
}

static void crash_null(void)
{
	(void)*(volatile int *)NULL;
}

/* Not a tail call, and the frame is really there; the compiler is not to see that it never ends. */
static __noinline int fill_stack(int depth)
{
	static volatile int deepest = 1 << 30;
	volatile char frame[256];

	frame[0] = (char)depth;
	return depth < deepest ? fill_stack(depth + 1) + frame[0] : 0;
}

static void crash_stack(void)
{
	fill_stack(0);
}

/* Longer than the array, which the compiler can't see. */
static __noinline void write_behind(volatile char *array)
{
	for (volatile int i = 0; i < 16 + (int)sizeof(long); i++)
		array[i] = 'A';
}

static __noinline void crash_smash(void)
{
	volatile char array[16];

	write_behind(array);
}

static int overflow_thread(void *arg)
{
	return fill_stack(0);
}

static void crash_thread_stack(void)
{
	struct thread *t = kthread_run(overflow_thread, NULL, "overflow");

	if (t)
		kthread_join(t);
}

static void crash_wild(void)
{
	*(volatile int *)(-4096L * 3) = 1;
}

/* Just behind an area. */
static void crash_guard(void)
{
	volatile char *area = vmalloc(5000);

	if (area)
		area[2 * PAGE_SIZE] = 1;
}

static void store(const volatile void *at)
{
	*(volatile int *)(unsigned long)at = 1;
}

static void crash_user(void)
{
	store((void *)0x12345678);
}

/* Freed, and never touched before: a hart may reach what it has touched until it's fenced. */
static void crash_freed(void)
{
	void *area = vmalloc(5000);

	vfree(area);
	store(area);
}

static void crash_purged(void)
{
	void *area = vmalloc(5000);

	vfree(area);
	vm_unmap_aliases();
	store(area);
}

/* Registers that no device has: nothing there is accessed. */
static void *no_registers(void)
{
	return ioremap(arch_phys_end() - PAGE_SIZE, 8);
}

static void crash_ioremap(void)
{
	char *base = no_registers();

	if (base)
		store(base + PAGE_SIZE);
}

static void crash_iounmap(void)
{
	void *base = no_registers();

	iounmap(base);
	store(base);
}

static void crash_vmemmap(void)
{
	store((void *)(va_layout.vmemmap_base + va_layout.vmemmap_bytes - sizeof(long)));
}

static void crash_hole(void)
{
	store((void *)(va_layout.linear_base + va_layout.linear_bytes - sizeof(long)));
}

/* With high memory only: other pages have an address for good. */
static void crash_kmap(void)
{
	struct page *page = alloc_page(GFP_KERNEL | __GFP_HIGHMEM);
	void *window = page ? kmap_local_page(page) : NULL;

	if (!window)
		return;
	kunmap_local(window);
	tlb_flush_local_all();
	store(window);
}

static void crash_rodata(void)
{
	store("in rodata");
}

static void crash_text(void)
{
	*(volatile int *)(unsigned long)crash_panic = 0;
}

static __noinline int __init run_once(volatile int *arg)
{
	return ++*arg;
}

/* Call what boot alone needed. */
static void __ref crash_init(void)
{
	volatile int arg = 1;

	arg = run_once(&arg);
}

static void crash_exec(void)
{
	static int data[4] = { 0x8067, 0x8067 }; /* ret */
	void (*volatile go)(void) = (void (*)(void))(unsigned long)data;

	go();
}

static void crash_bug(void)
{
	volatile int two = 2;

	BUG_ON(two + two == 4);
}

static void crash_unaligned(void)
{
	static int words[2];

	/* Loads and stores may be unaligned (firmware helps out); atomics never. */
	__asm__ volatile("amoadd.w zero, zero, (%0)" : : "r"((char *)words + 1) : "memory");
}

static void crash_illegal(void)
{
	__asm__ volatile(".4byte 0xffffffff");
}

#define PRINTS 40 /* messages of each hart before somebody panics */

static unsigned int printed; /* harts that have written theirs */

/* All harts write at once; then every other one panics, and the rest goes on writing. */
static int print_and_panic(void *arg)
{
	unsigned int cpu = (unsigned int)(unsigned long)arg;

	for (unsigned int i = 0; i < PRINTS; i++)
		printk(LOG_NOTICE, "cpu %u writes message %u, whole and in order", cpu, i);
	shell_printf("cpu %u writes to the console, past the log\n", cpu);
	__atomic_fetch_add(&printed, 1, __ATOMIC_RELEASE);
	while (__atomic_load_n(&printed, __ATOMIC_ACQUIRE) < num_online_harts())
		cond_resched();
	if (cpu % 2 == 0)
		panic("cpu %u has had enough", cpu);
	for (unsigned int i = PRINTS;; i++)
		printk(LOG_NOTICE, "cpu %u writes message %u, whole and in order", cpu, i);
}

static void crash_all(void)
{
	unsigned int cpu;

	for_each_online_hart(cpu) {
		struct thread *t = kthread_create(print_and_panic, (void *)(unsigned long)cpu,
						  "crash/%u", cpu);

		if (!t || kthread_bind(t, cpu))
			return;
		wake_up_process(t);
	}
	msleep(10000);
}

static unsigned int holding; /* harts that have their lock */

/* Each hart takes a lock, and the next one's too where that is free: some spin for ever. */
static void hold_locks(void *arg)
{
	static DEFINE_PER_CPU(spinlock_t, lock) = SPINLOCK_RANKED(LOCK_ZONE);
	unsigned int cpu = smp_processor_id(), online = num_online_harts();

	spin_lock_raw(this_cpu_ptr(&lock));
	__atomic_fetch_add(&holding, 1, __ATOMIC_RELEASE);
	while (__atomic_load_n(&holding, __ATOMIC_ACQUIRE) < online)
		cpu_relax();
	if (cpu == *(unsigned int *)arg)
		panic("cpu %u panics while each of %u harts holds a lock", cpu, online);
	spin_lock_raw_nested(per_cpu_ptr(&lock, cpu ? 0 : nr_harts - 1));
}

/* Nobody ever gives back what it holds, and interrupts are off on all harts. */
static void crash_locks(void)
{
	unsigned int last = nr_harts - 1;

	on_each_hart(hold_locks, &last);
}

static const struct way {
	const char *name;
	void (*run)(void);
	const char *help;
} ways[] = {
	{ "panic", crash_panic, "call panic()" },
	{ "bug", crash_bug, "a BUG_ON() whose condition is true" },
	{ "null", crash_null, "load from address 0" },
	{ "wild", crash_wild, "store to an address that is not mapped" },
	{ "guard", crash_guard, "store behind the end of a vmalloc area" },
	{ "user", crash_user, "store to a user address" },
	{ "freed", crash_freed, "store to a vmalloc area that was freed" },
	{ "purged", crash_purged, "the same after the fence" },
	{ "ioremap", crash_ioremap, "store behind a device's registers" },
	{ "iounmap", crash_iounmap, "store to registers that were unmapped" },
	{ "vmemmap", crash_vmemmap, "store to the descriptor of no page" },
	{ "hole", crash_hole, "store to the linear map of no memory" },
	{ "kmap", crash_kmap, "store to a window that was closed (needs high memory)" },
	{ "rodata", crash_rodata, "store to a constant" },
	{ "text", crash_text, "store into the kernel's code" },
	{ "exec", crash_exec, "jump into data" },
	{ "init", crash_init, "call a function that was freed after boot" },
	{ "stack", crash_stack, "recurse until the stack overflows" },
	{ "thread-stack", crash_thread_stack, "the same in a thread of its own" },
	{ "smash", crash_smash, "write behind an array on the stack" },
	{ "unaligned", crash_unaligned, "an unaligned atomic" },
	{ "all", crash_all, "every hart writes to the log, every other one panics" },
	{ "locks", crash_locks, "every hart spins for a lock with interrupts off, one panics" },
	{ "illegal", crash_illegal, "an instruction that doesn't exist" },
};

static int run_way(void *arg)
{
	const struct way *way = arg;

	way->run();
	return 0;
}

/* In a thread of that hart's. */
static int run_on(const struct way *way, unsigned long cpu)
{
	struct thread *t = kthread_create(run_way, (void *)(unsigned long)way, "crash");

	if (!t)
		return -ENOMEM;
	if (cpu >= nr_harts || kthread_bind(t, (unsigned int)cpu)) {
		kthread_stop(t);
		return -EINVAL;
	}
	wake_up_process(t);
	return kthread_join(t);
}

static int run_crash(int argc, char **argv)
{
	unsigned long cpu = 0;
	int err = 0;

	if (argc == 1) {
		for (unsigned i = 0; i < ARRAY_SIZE(ways); i++)
			shell_printf("%-10s %s\n", ways[i].name, ways[i].help);
		return 0;
	}
	if (argc > 3 || (argc == 3 && parse_ulong(argv[2], &cpu)))
		return SHELL_USAGE;
	for (unsigned i = 0; i < ARRAY_SIZE(ways); i++) {
		if (strcmp(ways[i].name, argv[1]))
			continue;
		if (argc == 2)
			ways[i].run();
		else
			err = run_on(&ways[i], cpu);
		if (err)
			return err;
		shell_printf("crash: %s came back: it was not noticed\n", argv[1]);
		return -EIO;
	}
	return SHELL_USAGE;
}

static void complete_crash(const char *prefix, shell_offer_fn offer, void *ctx)
{
	(void)prefix;
	for (unsigned i = 0; i < ARRAY_SIZE(ways); i++)
		offer(ctx, ways[i].name);
}

static const struct shell_cmd cmd_crash = {
	.name = "crash",
	.usage = "[panic | bug | null | wild | text | exec | init | stack | smash | thread-stack | "
		 "unaligned | illegal | all | locks | user | freed ... [hart]]",
	.help = "make the kernel panic, in one of several ways",
	.run = run_crash,
	.complete = complete_crash,
};
TABLE_ENTRY(shell_cmd, cmd_crash);
