/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * random.c - numbers that a boot doesn't share with the next
 *
 * A counter that goes up by an odd constant, and a mixing function of it (splitmix64), which can be
 * undone.  So a second word from the seeds, which doesn't get out, goes between two such steps.
 */
#include <kernel/random.h>

#include <kernel/spinlock.h>
#include <kernel/time.h>
#include <lib/dt.h>

#define STEP 0x9e3779b97f4a7c15ull

static u64 state = STEP, key;
static spinlock_t lock = SPINLOCK_RANKED(LOCK_RANDOM);

u64 get_random_u64(void)
{
	unsigned long flags;
	u64 z, k;

	spin_lock_irqsave(&lock, flags);
	z = state += STEP;
	k = key;
	spin_unlock_irqrestore(&lock, flags);
	return random_mix(random_mix(z) ^ k);
}

void random_add(const void *from, size_t bytes)
{
	const u8 *byte = from;
	unsigned long flags;

	spin_lock_irqsave(&lock, flags);
	while (bytes--) {
		state = random_mix(state ^ *byte++);
		key = random_mix(key + state);
	}
	spin_unlock_irqrestore(&lock, flags);
}

static void __init add_seed(void *value, size_t bytes)
{
	random_add(value, bytes);
}

/* Seeds are read where they lie: no copy is left on a stack. */
void __init random_init(void)
{
	u64 now = read_time();

	random_add(&now, sizeof(now));
	dt_each_seed(add_seed);
}
