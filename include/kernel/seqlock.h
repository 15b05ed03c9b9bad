/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * seqlock.h - reading without writing: read, and again if somebody wrote meanwhile
 *
 *     do {
 *             seq = read_seqbegin(&sl);
 *             a = data.a, b = data.b;
 *     } while (read_seqretry(&sl, seq));
 *
 * The count is odd while somebody writes.  Readers never hold anything up and may run anywhere;
 * what they read may be half written until read_seqretry() says that it wasn't, so pointers may
 * not be followed.  A writer may not be preempted, nor interrupted by a reader on its own hart.
 *
 * seqcount: the caller keeps writers apart.  seqlock: with its own spin lock.
 */
#ifndef KERNEL_SEQLOCK_H
#define KERNEL_SEQLOCK_H

#include <kernel/spinlock.h>

typedef struct seqcount {
	u32 seq;
} seqcount_t;

#define SEQCOUNT_INIT \
	{             \
		0     \
	}

static inline u32 read_seqcount_begin(const seqcount_t *s)
{
	u32 seq;

	while (unlikely((seq = __atomic_load_n(&s->seq, __ATOMIC_ACQUIRE)) & 1))
		cpu_relax();
	return seq;
}

/* True if what was read since @seq may be torn. */
static inline bool read_seqcount_retry(const seqcount_t *s, u32 seq)
{
	smp_rmb();
	return unlikely(__atomic_load_n(&s->seq, __ATOMIC_RELAXED) != seq);
}

static inline void write_seqcount_begin(seqcount_t *s)
{
	WRITE_ONCE(s->seq, s->seq + 1);
	smp_wmb();
}

static inline void write_seqcount_end(seqcount_t *s)
{
	smp_wmb();
	WRITE_ONCE(s->seq, s->seq + 1);
}

typedef struct seqlock {
	seqcount_t count;
	spinlock_t lock;
} seqlock_t;

#define SEQLOCK_RANKED(rank)                         \
	{                                            \
		SEQCOUNT_INIT, SPINLOCK_RANKED(rank) \
	}
#define SEQLOCK_INIT SEQLOCK_RANKED(LOCK_UNRANKED)

static inline u32 read_seqbegin(const seqlock_t *sl)
{
	return read_seqcount_begin(&sl->count);
}

static inline bool read_seqretry(const seqlock_t *sl, u32 seq)
{
	return read_seqcount_retry(&sl->count, seq);
}

static inline void write_seqlock(seqlock_t *sl)
{
	spin_lock(&sl->lock);
	write_seqcount_begin(&sl->count);
}

static inline void write_sequnlock(seqlock_t *sl)
{
	write_seqcount_end(&sl->count);
	spin_unlock(&sl->lock);
}

/* Where interrupt handlers read too. */
#define write_seqlock_irqsave(sl, flags)               \
	do {                                           \
		spin_lock_irqsave(&(sl)->lock, flags); \
		write_seqcount_begin(&(sl)->count);    \
	} while (0)
#define write_sequnlock_irqrestore(sl, flags)               \
	do {                                                \
		write_seqcount_end(&(sl)->count);           \
		spin_unlock_irqrestore(&(sl)->lock, flags); \
	} while (0)

#endif
