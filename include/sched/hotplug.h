/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hotplug.h - harts go off and come back
 *
 * Who keeps something for each hart hears of it by a notifier, declared in one line:
 *
 *     static const struct hart_notifier pages_harts = { .name = "pages", .dead = drain };
 *     TABLE_ENTRY(hart_notifier, pages_harts);
 *
 * Off:  going (may refuse; then staying for those already asked), the hart stops, dead.
 * On:   coming (may refuse; then dead for those already asked), the hart starts, online.
 *
 * Notifiers are called in a thread of another hart, one at a time, in link order when a hart
 * comes and against it when one goes; they may sleep.  A NULL member is left out.
 */
#ifndef SCHED_HOTPLUG_H
#define SCHED_HOTPLUG_H

#include <base/compiler.h>
#include <base/table.h>

struct hart_notifier {
	const char *name;
	int (*going)(unsigned int cpu);	   /* 0, or -errno: it can't go */
	void (*staying)(unsigned int cpu); /* it doesn't go; NULL: what online does */
	void (*dead)(unsigned int cpu);	   /* it runs no more; or it couldn't be started */
	int (*coming)(unsigned int cpu);   /* 0, or -errno: it can't be started */
	int (*online)(unsigned int cpu);   /* it runs; a failure is the notifier's to report */
};
TABLE_DECLARE(hart_notifier);

/* What stood in the way, as a sentence. */
struct hart_error {
	char text[160];
};

/*
 * hart_off - move everything off hart @cpu and stop it (SBI HSM)
 * 0; -EINVAL: no such hart, or it isn't online; -EBUSY: threads are bound to it, or it's hart 0,
 * which the others fall back to; -EOPNOTSUPP: the firmware can't; a notifier's error.
 * why->text is a sentence about it.  May sleep; not from a thread bound to @cpu.
 */
int hart_off(unsigned int cpu, struct hart_error *why) __must_check;

/*
 * hart_on - start hart @cpu, which is off or was never started (maxcpus=)
 * 0; -EINVAL: no such hart, or it's online; -EIO: it doesn't come; -ENOMEM.  May sleep.
 */
int hart_on(unsigned int cpu, struct hart_error *why) __must_check;

/* hart_leave - the idle thread of a hart that goes off ends here. Interrupts off. */
void hart_leave(void) __noreturn;

#endif
