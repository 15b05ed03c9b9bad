/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench_lock.c - what locks cost when nobody else wants them, in instructions
 */
#include <kernel/spinlock.h>
#include <sched/mutex.h>
#include <shell/bench.h>

static spinlock_t lock = SPINLOCK_INIT;
static DEFINE_MUTEX(mutex);

static u64 run_spinlock(void)
{
	return BENCH_BEST(1000, {
		spin_lock(&lock);
		spin_unlock(&lock);
	});
}

static u64 run_mutex(void)
{
	return BENCH_BEST(1000, {
		mutex_lock(&mutex);
		mutex_unlock(&mutex);
	});
}

static const struct bench bench_spinlock = { .key = "spinlock_pair", .run = run_spinlock };
TABLE_ENTRY(bench, bench_spinlock);
static const struct bench bench_mutex = { .key = "mutex_pair", .run = run_mutex };
TABLE_ENTRY(bench, bench_mutex);
