/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * percpu.c - alloc_percpu(): room behind the variables of each hart's area
 *
 * One map serves all harts, since an object has the same offset in every area.  The map has a
 * byte for each unit of 8 bytes: free, the first unit of an object, or a further one.
 *
 * Locking: pool.lock (rank PERCPU), with interrupts off for STEP places that are looked at.
 * Cost: first fit, linear in the size of the dynamic part at worst; allocation is for set-up, not
 * for hot paths.
 */
#define LOG_PREFIX "percpu: "

#include <kernel/percpu.h>

#include <kernel/log.h>
#include <kernel/panic.h>
#include <kernel/smp.h>
#include <kernel/spinlock.h>
#include <string.h>

#define UNIT  8
#define UNITS (CONFIG_PERCPU_DYNAMIC / UNIT)
#define STEP  128

enum { FREE, HEAD, TAIL };

extern char __per_cpu_start[], __per_cpu_end[];

/* The template's first object, so that tp is the start of the area. */
__section(".data..percpu..first") struct hart_local hart_local_template = {
	.no_resched = 1,
};

static unsigned long boot_offset; /* percpu_offset[0] until harts_prepare() */
unsigned long *percpu_offset __ro_after_init = &boot_offset;

static struct {
	spinlock_t lock;
	unsigned int low; /* all units below are taken */
	u8 map[UNITS];
} pool = {
	.lock = SPINLOCK_RANKED(LOCK_PERCPU),
};

/* The template address that unit 0 would have. */
static char *dynamic_start(void)
{
	return __per_cpu_end;
}

static bool fits(unsigned int first, unsigned int units)
{
	if (first + units > UNITS)
		return false;
	for (unsigned int i = first; i < first + units; i++) {
		if (pool.map[i] != FREE)
			return false;
	}
	return true;
}

/* The units from @first on are taken if they are free. */
static bool claim(unsigned int first, unsigned int units)
{
	if (!fits(first, units))
		return false;
	memset(&pool.map[first], TAIL, units);
	pool.map[first] = HEAD;
	if (first == pool.low)
		pool.low += units;
	return true;
}

/* Room for @units that begins at a multiple of @step; UNITS: there's none.  What others do between
 * two holds of the lock makes no difference to the places that are still ahead. */
static unsigned int claim_any(unsigned int units, unsigned int step)
{
	unsigned int first = ALIGN_UP(READ_ONCE(pool.low), step);
	bool found = false;

	while (first < UNITS && !found) {
		unsigned long flags;

		spin_lock_irqsave(&pool.lock, flags);
		for (unsigned int i = 0; i < STEP && first < UNITS && !found; i++) {
			found = claim(first, units);
			first += found ? 0 : step;
		}
		spin_unlock_irqrestore(&pool.lock, flags);
	}
	return first;
}

void *__alloc_percpu(size_t bytes, size_t align)
{
	unsigned int units = (unsigned int)DIV_ROUND_UP(bytes, UNIT), first;
	unsigned int step = align > UNIT ? (unsigned int)(align / UNIT) : 1;
	char *object;

	/* The dynamic part starts aligned to 64. */
	if (!bytes || bytes > CONFIG_PERCPU_DYNAMIC || align > 64) {
		pr_err("can't allocate %zu bytes aligned to %zu for each hart", bytes, align);
		return NULL;
	}
	first = claim_any(units, step);
	if (first >= UNITS) {
		pr_err("no room for %zu bytes a hart: CONFIG_PERCPU_DYNAMIC is %d", bytes,
		       CONFIG_PERCPU_DYNAMIC);
		return NULL;
	}
	object = dynamic_start() + first * UNIT;
	for (unsigned int cpu = 0; cpu < nr_harts; cpu++)
		memset(per_cpu_ptr(object, cpu), 0, bytes);
	return object;
}

void free_percpu(void *ptr)
{
	unsigned long offset = (unsigned long)((char *)ptr - dynamic_start());
	unsigned long flags, i = offset / UNIT;

	if (!ptr)
		return;
	spin_lock_irqsave(&pool.lock, flags);
	if (offset >= CONFIG_PERCPU_DYNAMIC || offset % UNIT || pool.map[i] != HEAD)
		panic("free_percpu(%p): not an object of alloc_percpu()", ptr);
	pool.low = min(pool.low, (unsigned int)i);
	do
		pool.map[i++] = FREE;
	while (i < UNITS && pool.map[i] == TAIL);
	spin_unlock_irqrestore(&pool.lock, flags);
}

size_t percpu_validate(void)
{
	unsigned long flags;
	size_t used = 0;

	spin_lock_irqsave(&pool.lock, flags);
	for (unsigned int i = 0; i < UNITS; i++) {
		if (pool.map[i] > TAIL)
			panic("percpu map[%u] is %u, expected 0 to 2", i, pool.map[i]);
		if (pool.map[i] == TAIL && (i == 0 || pool.map[i - 1] == FREE))
			panic("percpu map[%u] continues an object that has no start", i);
		if (pool.map[i] == FREE && i < pool.low)
			panic("percpu map[%u] is free, expected none below %u", i, pool.low);
		used += pool.map[i] == FREE ? 0 : UNIT;
	}
	spin_unlock_irqrestore(&pool.lock, flags);
	return used;
}
