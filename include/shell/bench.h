/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench.h - operations timed in instructions
 *
 *     static u64 bench_page0_pair(void)
 *     {
 *             return BENCH_BEST(1000, __free_page(alloc_page(GFP_ATOMIC)));
 *     }
 *     static const struct bench b_page0_pair = { "page0_pair", bench_page0_pair };
 *     TABLE_ENTRY(bench, b_page0_pair);
 *
 * `bench KEY` prints "bench KEY N".  The counter means instructions only under
 * QEMU's -icount with one hart; without it, N is the host's ticks and no figure.
 */
#ifndef SHELL_BENCH_H
#define SHELL_BENCH_H

#include <asm/irqflags.h>
#include <base/table.h>
#include <base/types.h>
#include <kernel/time.h>

#define BENCH_FAILED  (~0ULL) /* run()'s answer if the operation failed; reported as an error */
#define BENCH_SKIPPED (~1ULL) /* ... if this machine can't do it; reported, no error */

struct bench {
	const char *key; /* as in the table of bench.json */
	u64 (*run)(void);
	const char *help; /* unit and meaning if it isn't instructions for one operation; or NULL */
};
TABLE_DECLARE(bench);

static inline u64 bench_stamp(void)
{
	u64 t;

	__asm__ volatile("fence" ::: "memory");
	t = read_instret();
	__asm__ volatile("fence" ::: "memory");
	return t;
}

/*
 * BENCH_BEST_OF - instructions for one run of @body out of @n in a row, rounded,
 * the best of @rounds; the loop's 2 instructions are in it, the stamps are not.
 * Interrupts are off.  BENCH_BEST is the one to use.  BENCH_BEST_ON: interrupts are on, for what
 * goes another way, or may not be done, with them off.
 */
#define BENCH_BEST_WITH(begin, end, rounds, n, body)         \
	({                                                   \
		u64 _best = ~0ULL, _empty = ~0ULL;           \
		for (int _r = 0; _r < (rounds); _r++) {      \
			unsigned long _flags __unused;       \
			begin;                               \
			u64 _t0 = bench_stamp();             \
			u64 _t1 = bench_stamp();             \
			for (unsigned _i = (n); _i; _i--) {  \
				body;                        \
			}                                    \
			u64 _t2 = bench_stamp();             \
			end;                                 \
			_empty = min(_empty, _t1 - _t0);     \
			_best = min(_best, _t2 - _t1);       \
		}                                            \
		_best = _best > _empty ? _best - _empty : 0; \
		(_best + (n) / 2) / (n);                     \
	})
#define BENCH_BEST_OF(rounds, n, body) \
	BENCH_BEST_WITH(local_irq_save(_flags), local_irq_restore(_flags), rounds, n, body)
#define BENCH_BEST_ON(rounds, n, body) BENCH_BEST_WITH(, , rounds, n, body)
#define BENCH_BEST(n, body)	       BENCH_BEST_OF(5, n, body)

/* Runs the benchmarks named (all for nr == 0); 0, -EIO if one failed, -ENOENT for a bad name. */
int bench_run(int nr, char **keys);

#endif
