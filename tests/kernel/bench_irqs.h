/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench_irqs.h - for how long interrupts were off, in steps
 */
#ifndef TESTS_BENCH_IRQS_H
#define TESTS_BENCH_IRQS_H

#include <base/types.h>

/*
 * bench_irqs_show - print @what and the longest time on any hart since irqsoff_clear(), in ns, and
 * where it began and ended; clear it.  Returns it.  A thread.
 */
u64 bench_irqs_show(const char *what);

#endif
