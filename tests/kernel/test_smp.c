/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_smp.c - per-CPU data, calls to all harts, spin locks under contention
 */
#include <kernel/smp.h>

#include <kernel/percpu.h>
#include <kernel/spinlock.h>
#include <kernel/time.h>
#include <lib/dt.h>
#include <shell/ktap.h>

#define ROUNDS 200

/* Turns of each hart: a waiting one costs a time slice where the host has fewer CPUs than harts,
 * so after a while the fewest must do. */
#define LOCK_TURNS     2000
#define LOCK_TURNS_MIN 20
#define LOCK_NS	       200000000ull

static DEFINE_PER_CPU(unsigned long, visits) = 40;
static DEFINE_PER_CPU(u32, seen_cpu);

static struct {
	spinlock_t lock;
	unsigned long plain; /* changed under the lock without an atomic */
	unsigned long turns; /* what plain should be */
	unsigned int inside; /* harts between lock and unlock */
	bool broken;
} shared;

static void visit(void *arg)
{
	this_cpu_inc(visits);
	this_cpu_write(seen_cpu, smp_processor_id() + 1);
	__atomic_fetch_add((unsigned int *)arg, 1, __ATOMIC_RELAXED);
}

static void test_on_each_hart(struct ktap *t)
{
	unsigned int calls = 0, cpu;

	for_each_online_hart(cpu)
		*per_cpu_ptr(&visits, cpu) = 0;
	for (unsigned int i = 0; i < ROUNDS; i++)
		on_each_hart(visit, &calls);
	KTAP_EXPECT_EQ(t, calls, ROUNDS * num_online_harts());
	for_each_online_hart(cpu) {
		KTAP_EXPECT_EQ(t, *per_cpu_ptr(&visits, cpu), ROUNDS);
		KTAP_EXPECT_EQ(t, *per_cpu_ptr(&seen_cpu, cpu), cpu + 1);
	}
}

static void test_numbers(struct ktap *t)
{
	unsigned int cpu;

	KTAP_EXPECT_EQ(t, smp_processor_id(), 0);
	KTAP_EXPECT(t, this_hart == hart_info(0)->local);
	KTAP_EXPECT_EQ(t, hart_info(0)->hartid, this_hart->hartid);
	for (cpu = 0; cpu < nr_harts; cpu++) {
		KTAP_EXPECT_EQ(t, hart_info(cpu)->local->cpu, cpu);
		KTAP_EXPECT_EQ(t, hart_info(cpu)->local->hartid, hart_info(cpu)->hartid);
		for (unsigned int other = 0; other < cpu; other++)
			KTAP_EXPECT(t, hart_info(cpu)->hartid != hart_info(other)->hartid);
	}
}

static void contend(void *arg)
{
	u64 start = ktime_ns();
	unsigned long i;

	for (i = 0; i < LOCK_TURNS_MIN || (i < LOCK_TURNS && ktime_ns() - start < LOCK_NS); i++) {
		unsigned long flags;

		spin_lock_irqsave(&shared.lock, flags);
		if (__atomic_fetch_add(&shared.inside, 1, __ATOMIC_RELAXED) != 0)
			shared.broken = true;
		shared.plain++;
		__atomic_fetch_sub(&shared.inside, 1, __ATOMIC_RELAXED);
		spin_unlock_irqrestore(&shared.lock, flags);
	}
	__atomic_fetch_add(&shared.turns, i, __ATOMIC_RELAXED);
}

static void test_spinlock(struct ktap *t)
{
	spin_lock_init(&shared.lock);
	shared.plain = 0;
	shared.turns = 0;
	shared.broken = false;
	on_each_hart(contend, NULL);
	KTAP_EXPECT_EQ(t, shared.plain, shared.turns);
	KTAP_EXPECT(t, shared.turns >= LOCK_TURNS_MIN * num_online_harts());
	KTAP_EXPECT(t, !shared.broken);
	KTAP_EXPECT(t, !spin_is_locked(&shared.lock));
	KTAP_EXPECT(t, spin_trylock(&shared.lock));
	KTAP_EXPECT(t, !spin_trylock(&shared.lock));
	KTAP_EXPECT(t, spin_is_locked(&shared.lock));
	spin_unlock(&shared.lock);
}

/* The ticket counters wrap around at 65,536. */
static void test_spinlock_wraps(struct ktap *t)
{
	spinlock_t lock = SPINLOCK_INIT;

	lock.owner = 0xffff;
	lock.next = 0xffff;
	spin_lock(&lock);
	KTAP_EXPECT(t, spin_is_locked(&lock));
	KTAP_EXPECT(t, !spin_trylock(&lock));
	spin_unlock(&lock);
	KTAP_EXPECT(t, !spin_is_locked(&lock));
	KTAP_EXPECT_EQ(t, lock.owner, 0);
	KTAP_EXPECT_EQ(t, lock.next, 0);
}

static void test_percpu_static(struct ktap *t)
{
	unsigned long *mine = &get_cpu_var(visits);

	KTAP_EXPECT_EQ(t, preempt_count(), 1);
	KTAP_EXPECT(t, mine == per_cpu_ptr(&visits, smp_processor_id()));
	put_cpu_var(visits);
	KTAP_EXPECT_EQ(t, preempt_count(), 0);
	this_cpu_write(visits, 5);
	this_cpu_add(visits, 7);
	this_cpu_dec(visits);
	KTAP_EXPECT_EQ(t, this_cpu_read(visits), 11);
}

static void test_percpu_dynamic(struct ktap *t)
{
	size_t before = percpu_validate();
	u64 *small = alloc_percpu(u64);
	struct {
		char bytes[100];
	} *large = alloc_percpu(__typeof__(*large));
	unsigned int cpu;

	KTAP_ASSERT(t, small && large);
	for (cpu = 0; cpu < nr_harts; cpu++) {
		KTAP_EXPECT_EQ(t, *per_cpu_ptr(small, cpu), 0);
		*per_cpu_ptr(small, cpu) = 100 + cpu;
		per_cpu_ptr(large, cpu)->bytes[99] = (char)cpu;
	}
	for (cpu = 0; cpu < nr_harts; cpu++)
		KTAP_EXPECT_EQ(t, *per_cpu_ptr(small, cpu), 100 + cpu);
	KTAP_EXPECT_EQ(t, percpu_validate(), before + 8 + 104);
	free_percpu(small);
	small = alloc_percpu(u64);
	KTAP_EXPECT_EQ(t, *this_cpu_ptr(small), 0);
	free_percpu(large);
	free_percpu(small);
	free_percpu(NULL);
	KTAP_EXPECT_EQ(t, percpu_validate(), before);
}

/* Fill the dynamic part; what doesn't fit is refused, and all of it comes back. */
static void test_percpu_full(struct ktap *t)
{
	static void *object[CONFIG_PERCPU_DYNAMIC / 64 + 1];
	size_t before = percpu_validate();
	unsigned int n = 0;

	while (n < ARRAY_SIZE(object) && (object[n] = __alloc_percpu(64, 64)) != NULL) {
		KTAP_EXPECT(t, IS_ALIGNED((unsigned long)this_cpu_ptr((char *)object[n]), 64));
		n++;
	}
	KTAP_EXPECT(t, n > 0 && n < ARRAY_SIZE(object));
	KTAP_EXPECT(t, !__alloc_percpu(CONFIG_PERCPU_DYNAMIC + 1, 8));
	KTAP_EXPECT(t, !__alloc_percpu(0, 8));
	while (n)
		free_percpu(object[--n]);
	KTAP_EXPECT_EQ(t, percpu_validate(), before);
}

/* ktime_ns() counts the ticks of the time CSR at the speed that the tree says. */
static void test_clock(struct ktap *t)
{
	u64 before, after, ns, start, least, most;
	u32 hz;

	if (dt_prop_u32(dt_find_path("/cpus"), "timebase-frequency", &hz)) {
		ktap_skip(t, "/cpus has no timebase-frequency of one cell");
		return;
	}
	before = read_time();
	start = ktime_ns();
	after = read_time();
	udelay(2000);
	least = read_time() - after;
	ns = ktime_ns() - start;
	most = read_time() - before;
	KTAP_EXPECT(t, ns >= 2000000);
	/* Each reading is cut to a tick. */
	KTAP_EXPECT(t, ns >= (least - 1) * 1000000000 / hz);
	KTAP_EXPECT(t, ns <= (most + 1) * 1000000000 / hz + 1);
}

static void test_wait(struct ktap *t)
{
	u64 start = ktime_ns();

	/* A software interrupt may end it early, but nobody sends one. */
	arch_wait_ns(1000000);
	KTAP_EXPECT(t, ktime_ns() - start >= 990000);
}

static const struct ktap_case cases[] = {
	{ "numbers", test_numbers },
	{ "on-each-hart", test_on_each_hart },
	{ "spinlock", test_spinlock },
	{ "spinlock-wraps", test_spinlock_wraps },
	{ "percpu-static", test_percpu_static },
	{ "percpu-dynamic", test_percpu_dynamic },
	{ "percpu-full", test_percpu_full },
	{ "clock", test_clock },
	{ "wait", test_wait },
	{},
};

static const struct ktap_suite suite_smp = { "smp", cases };
TABLE_ENTRY(ktap_suite, suite_smp);
