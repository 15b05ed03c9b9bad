/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stress_threads.c - threads, timers, locks, work, calls and pages, all at once on all harts
 *
 * Actors, four for each hart and some more, do one random operation after another, each of which
 * checks its own result.  The thread that asked for it sees to it that every actor gets on,
 * validates all structures at intervals, and turns harts off and on meanwhile.
 */
#include <shell/stress.h>

#include <base/errno.h>
#include <kernel/log.h>
#include <kernel/panic.h>
#include <kernel/percpu.h>
#include <kernel/smp.h>
#include <kernel/time.h>
#include <mm/kstack.h>
#include <mm/page_alloc.h>
#include <sched/hotplug.h>
#include <sched/mutex.h>
#include <sched/timer.h>
#include <sched/wait.h>
#include <sched/workqueue.h>
#include <shell/ktap.h>
#include <shell/shell.h>
#include <string.h>

#define ACTORS_A_HART 4
#define ACTORS_MORE   3
#define ACTORS_MAX    64
#define LOCKS	      4
#define CHECK_MS      250
#define STUCK_NS      60000000000ull

struct actor {
	struct thread *thread;
	u32 random;
	const char *doing;
	u64 since_ns;
	unsigned long operations;
	struct work work;
	unsigned int work_runs;
};

static struct {
	u32 stop;
	unsigned int nr;
	unsigned int faults;
	struct actor actor[ACTORS_MAX];
	struct mutex mutex[LOCKS];
	spinlock_t spin[LOCKS];
	struct semaphore sema;
	unsigned int inside_sema;
	unsigned long guarded[LOCKS], guarded_twice[LOCKS]; /* by mutex; always equal outside */
	unsigned long counted[LOCKS], counted_twice[LOCKS]; /* by spin lock */
} stress;

/* What was checked didn't hold. */
static void fault(const char *what)
{
	__atomic_fetch_add(&stress.faults, 1, __ATOMIC_RELAXED);
	pr_err("stress: %s: %s", current->name, what);
}

static void expect(bool ok, const char *what)
{
	if (unlikely(!ok))
		fault(what);
}

/* ---- operations ---- */

static int child(void *arg)
{
	if ((unsigned long)arg & 1)
		yield();
	return (int)(unsigned long)arg;
}

static void do_create(struct actor *a)
{
	unsigned long value = stress_random(&a->random) % 1000;
	struct thread *t = kthread_run(child, (void *)value, "child");

	if (t)
		expect(kthread_join(t) == (int)value, "a child returned another value");
}

struct ball {
	struct completion there, back;
	unsigned int rounds;
};

static int partner(void *arg)
{
	struct ball *b = arg;
	unsigned int rounds = b->rounds;

	for (unsigned int i = 0; i < rounds; i++) {
		wait_for_completion(&b->there);
		complete(&b->back);
	}
	return 0;
}

static void do_ping_pong(struct actor *a)
{
	struct ball b = { .rounds = 1 + stress_random(&a->random) % 8 };
	struct thread *t;

	init_completion(&b.there);
	init_completion(&b.back);
	t = kthread_run(partner, &b, "partner");
	if (!t)
		return;
	for (unsigned int i = 0; i < b.rounds; i++) {
		complete(&b.there);
		wait_for_completion(&b.back);
	}
	expect(kthread_join(t) == 0, "a partner failed");
}

struct alarm {
	struct timer timer;
	struct completion rang;
};

static void ring(struct timer *timer)
{
	complete(&container_of(timer, struct alarm, timer)->rang);
}

static void do_timer(struct actor *a)
{
	u64 start = ktime_ns(), ns = stress_random(&a->random) % 1000000;
	struct alarm alarm = { .timer = TIMER_INIT(ring) };
	bool cancel = stress_random(&a->random) & 1, cancelled;

	init_completion(&alarm.rang);
	if (timer_start(&alarm.timer, start + ns))
		return;
	if (cancel) {
		if (stress_random(&a->random) & 1)
			usleep_range(ns / 2000, ns / 2000 + 10);
		cancelled = timer_cancel_sync(&alarm.timer);
		expect(cancelled != try_wait_for_completion(&alarm.rang),
		       "a timer was cancelled and rang, or did neither");
	} else {
		wait_for_completion(&alarm.rang);
		expect(ktime_ns() - start >= ns, "a timer rang early");
	}
}

static void do_mutex(struct actor *a)
{
	unsigned int i = stress_random(&a->random) % LOCKS;
	unsigned int j = stress_random(&a->random) % LOCKS;

	if (i < j)
		mutex_lock(&stress.mutex[i]);
	if (stress_random(&a->random) % 4 == 0) {
		if (mutex_lock_timeout_ns(&stress.mutex[j], 2000000))
			goto out;
	} else {
		mutex_lock(&stress.mutex[j]);
	}
	expect(stress.guarded[j] == stress.guarded_twice[j], "two were inside a mutex");
	stress.guarded[j]++;
	if (stress_random(&a->random) % 4 == 0)
		usleep_range(20, 40);
	else
		cond_resched();
	stress.guarded_twice[j]++;
	mutex_unlock(&stress.mutex[j]);
out:
	if (i < j)
		mutex_unlock(&stress.mutex[i]);
}

static void do_spin(struct actor *a)
{
	unsigned int i = stress_random(&a->random) % LOCKS;
	unsigned long flags;

	for (int turn = 0; turn < 20; turn++) {
		spin_lock_irqsave(&stress.spin[i], flags);
		expect(stress.counted[i] == stress.counted_twice[i], "two had a spin lock");
		stress.counted[i]++;
		barrier();
		stress.counted_twice[i]++;
		spin_unlock_irqrestore(&stress.spin[i], flags);
	}
}

static void do_semaphore(struct actor *a)
{
	if (down_timeout_ns(&stress.sema, 3000000))
		return;
	expect(__atomic_fetch_add(&stress.inside_sema, 1, __ATOMIC_RELAXED) < 3,
	       "four had a semaphore of three");
	if (stress_random(&a->random) & 1)
		usleep_range(10, 30);
	__atomic_fetch_sub(&stress.inside_sema, 1, __ATOMIC_RELAXED);
	up(&stress.sema);
}

static void count_call(void *arg)
{
	__atomic_fetch_add((unsigned int *)arg, 1, __ATOMIC_RELAXED);
}

static void do_call(struct actor *a)
{
	unsigned int calls = 0, cpu = stress_random(&a->random) % nr_harts;

	if (stress_random(&a->random) % 4 == 0) {
		on_each_hart(count_call, &calls);
		expect(calls && calls <= nr_harts, "a call to all ran on none, or twice on one");
	} else {
		int err = smp_call_function_single(cpu, count_call, &calls);

		expect(err ? !calls && cpu : calls == 1, "a call ran, or not, against its result");
	}
}

static void do_pages(struct actor *a)
{
	unsigned long pages[4];
	unsigned int order[4];

	for (unsigned int i = 0; i < 4; i++) {
		order[i] = stress_random(&a->random) % 4;
		pages[i] = __get_free_pages(GFP_KERNEL | __GFP_NOWARN, order[i]);
		if (pages[i])
			*(unsigned long *)pages[i] = pages[i] ^ a->random;
	}
	cond_resched();
	for (unsigned int i = 0; i < 4; i++) {
		if (!pages[i])
			continue;
		expect((*(unsigned long *)pages[i] ^ pages[i]) != 0, "a page was cleared");
		*(unsigned long *)pages[i] = 0;
		free_pages(pages[i], order[i]);
	}
}

static void count_work(struct work *w)
{
	struct actor *a = container_of(w, struct actor, work);

	a->work_runs++;
}

static void do_work(struct actor *a)
{
	unsigned int before = a->work_runs;
	bool cancelled = false;

	if (stress_random(&a->random) & 1)
		queue_work(system_unbound_wq, &a->work);
	else
		queue_work_on(stress_random(&a->random) % nr_harts, system_wq, &a->work);
	if (stress_random(&a->random) % 4 == 0)
		cancelled = cancel_work_sync(&a->work);
	else
		flush_work(&a->work);
	expect(a->work_runs == before + !cancelled, "a work item ran not at all, or twice");
}

static void do_sleep(struct actor *a)
{
	u64 start = ktime_ns(), us = stress_random(&a->random) % 500;

	usleep_range(us, us + 50);
	expect(ktime_ns() - start >= us * 1000, "a sleep was too short");
}

static void do_yield(struct actor *a)
{
	set_priority(current, 12 + stress_random(&a->random) % 8);
	for (int i = 0; i < 10; i++)
		yield();
}

static const struct {
	const char *name;
	void (*run)(struct actor *a);
} operations[] = {
	{ "create and join", do_create },
	{ "ping-pong", do_ping_pong },
	{ "timer", do_timer },
	{ "mutex", do_mutex },
	{ "spin lock", do_spin },
	{ "call", do_call },
	{ "semaphore", do_semaphore },
	{ "pages", do_pages },
	{ "work", do_work },
	{ "sleep", do_sleep },
	{ "yield", do_yield },
};

static int act(void *arg)
{
	struct actor *a = arg;

	while (!READ_ONCE(stress.stop)) {
		unsigned int i = stress_random(&a->random) % ARRAY_SIZE(operations);

		a->doing = operations[i].name;
		WRITE_ONCE(a->since_ns, ktime_ns());
		operations[i].run(a);
		a->operations++;
	}
	a->doing = NULL;
	return 0;
}

/* ---- the one who watches ---- */

static void check_progress(void)
{
	u64 now = ktime_ns();

	for (unsigned int i = 0; i < stress.nr; i++) {
		struct actor *a = &stress.actor[i];
		u64 since = READ_ONCE(a->since_ns);

		if (a->doing && now > since + STUCK_NS)
			panic("stress: %s has been at '%s' for %llu s: state %u, on_queue %u, "
			      "hart %u",
			      a->thread->name, a->doing,
			      (unsigned long long)((now - since) / 1000000000),
			      (unsigned int)a->thread->state, (unsigned int)a->thread->on_queue,
			      a->thread->cpu);
	}
}

static void validate_all(void)
{
	sched_validate();
	timers_validate();
	page_alloc_validate();
	kstack_validate();
	percpu_validate();
}

/* Turn a hart off, and on again. */
static void blink(u32 *random)
{
	struct hart_error why;
	unsigned int cpu;

	if (nr_harts < 2)
		return;
	cpu = 1 + stress_random(random) % (nr_harts - 1);
	if (hart_info(cpu)->state != HART_ONLINE)
		return;
	expect(!hart_off(cpu, &why) || why.text[0], "a hart didn't go, and nobody says why");
	if (hart_info(cpu)->state == HART_OFFLINE && hart_on(cpu, &why))
		fault(why.text);
}

static void watch(unsigned long seconds, u32 random)
{
	u64 start = ktime_ns(), next_line = start + 60000000000ull;

	while (ktime_ns() - start < seconds * 1000000000ull && !shell_interrupted()) {
		msleep(CHECK_MS);
		check_progress();
		validate_all();
		if (stress_random(&random) % 2)
			blink(&random);
		if (ktime_ns() >= next_line) {
			shell_printf("stress threads: %llu s\n",
				     (unsigned long long)((ktime_ns() - start) / 1000000000));
			next_line += 60000000000ull;
		}
	}
}

static bool start_actors(u32 seed)
{
	unsigned int wanted = min(nr_harts * ACTORS_A_HART + ACTORS_MORE, (unsigned int)ACTORS_MAX);

	memset(&stress, 0, sizeof(stress));
	for (unsigned int i = 0; i < LOCKS; i++) {
		mutex_init(&stress.mutex[i]);
		spin_lock_init(&stress.spin[i]);
	}
	sema_init(&stress.sema, 3);
	for (; stress.nr < wanted; stress.nr++) {
		struct actor *a = &stress.actor[stress.nr];

		a->random = seed * 2654435761u + stress.nr + 1;
		work_init(&a->work, count_work);
		a->thread = kthread_create(act, a, "actor/%u", stress.nr);
		if (!a->thread)
			return false;
		wake_up_process(a->thread);
	}
	return true;
}

/* Everything for @seconds; false if the actors couldn't be made.  Faults are in stress.faults. */
static bool stress_for(unsigned long seconds, u32 seed, unsigned long *operations_done)
{
	unsigned int prio = current->base_prio;
	bool started;

	/* Ahead of the actors, who take turns with each other. */
	set_priority(current, 8);
	started = start_actors(seed);
	if (started)
		watch(seconds, seed);
	WRITE_ONCE(stress.stop, 1);
	*operations_done = 0;
	while (stress.nr) {
		struct actor *a = &stress.actor[--stress.nr];

		kthread_join(a->thread);
		*operations_done += a->operations;
	}
	set_priority(current, prio);
	validate_all();
	for (unsigned int i = 0; i < LOCKS; i++) {
		mutex_validate(&stress.mutex[i]);
		expect(stress.guarded[i] == stress.guarded_twice[i], "a mutex lost a count");
	}
	return started;
}

static int run_threads(unsigned long seconds, u32 seed)
{
	unsigned long n;
	u64 start = ktime_ns();

	if (!stress_for(seconds, seed, &n)) {
		shell_printf("stress threads: no memory for the actors\n");
		return -ENOMEM;
	}
	shell_printf("stress threads: %lu operations in %llu s, %u faults\n", n,
		     (unsigned long long)((ktime_ns() - start) / 1000000000), stress.faults);
	return stress.faults ? -EIO : 0;
}

static const struct stress stress_threads = {
	"threads", "threads, timers, locks, work, calls and pages at once, harts off and on",
	run_threads
};
TABLE_ENTRY(stress, stress_threads);

/* ---- a short one among the suites ---- */

static void test_threads(struct ktap *t)
{
	unsigned long n;

	KTAP_ASSERT(t, stress_for(1, 20261121, &n));
	KTAP_EXPECT_EQ(t, stress.faults, 0);
	KTAP_EXPECT(t, n > 0);
	ktap_diag(t, "%lu operations", n);
	msleep(50);
}

static const struct ktap_case cases[] = { { "threads", test_threads }, {} };

static const struct ktap_suite suite_stress = { "stress", cases };
TABLE_ENTRY(ktap_suite, suite_stress);
