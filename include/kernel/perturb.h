/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * perturb.h - delays and switches where they are allowed but seldom happen (CONFIG_PERTURB)
 *
 * With perturb=SEED on the boot arguments, locks and preemption points wait a little or have
 * another thread run, now and then, at random.  What only goes right by luck goes wrong sooner.
 */
#ifndef KERNEL_PERTURB_H
#define KERNEL_PERTURB_H

#include <base/compiler.h>

#ifdef CONFIG_PERTURB
extern bool perturb_on;
void perturb_now(void);

static inline void perturb(void)
{
	if (unlikely(perturb_on))
		perturb_now();
}
#else
static inline void perturb(void)
{
}
#endif

#endif
