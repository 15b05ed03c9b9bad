/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * perturb.c - delays and switches at random, by a seed
 *
 * Each hart has its own sequence of numbers, from the seed and the hart's number.  One point in 32
 * does something: waits up to 50 us, or up to 2 us, or asks for another thread to run.  The
 * same seed gives the same numbers, not the same run: harts race all the same.
 */
#include "sched.h"

#include <base/errno.h>
#include <kernel/bootargs.h>
#include <kernel/perturb.h>
#include <kernel/time.h>
#include <lib/parse.h>

bool perturb_on;
static u64 seed;
static DEFINE_PER_CPU(u32, state);

static int parse_perturb(const char *value)
{
	if (parse_u64(value, &seed))
		return -EINVAL;
	perturb_on = true;
	return 0;
}

static const struct bootarg arg_perturb __initconst = {
	"perturb", parse_perturb, "a number: random delays and switches by this seed"
};
TABLE_ENTRY(bootarg, arg_perturb);

static u32 next_random(void)
{
	u32 *s = this_cpu_ptr(&state);

	if (!*s)
		*s = ((u32)seed ^ (u32)(seed >> 32)) * 2654435761u + smp_processor_id() * 40503u +
		     1;
	*s ^= *s << 13;
	*s ^= *s >> 17;
	*s ^= *s << 5;
	return *s;
}

static void wait_ns(u32 ns)
{
	u64 end = read_time() + ns_to_ticks(ns);

	while (read_time() < end)
		cpu_relax();
}

void perturb_now(void)
{
	unsigned long flags = arch_irq_save_untraced();
	u32 random = next_random();

	if (random % 32 == 0) {
		u32 what = random >> 5 & 7, amount = random >> 16;

		if (what == 0)
			wait_ns(amount % 50000);
		else if (what < 4)
			wait_ns(amount % 2000);
		else if (current)
			set_need_resched();
	}
	arch_irq_restore_untraced(flags);
}
