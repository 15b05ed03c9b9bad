/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rtc.h - the clock that knows the date, and its alarm
 */
#ifndef DRIVERS_RTC_H
#define DRIVERS_RTC_H

#include <base/types.h>

struct rtc {
	const char *name;
	unsigned int irq;    /* of the alarm; 0: none.  Whoever uses the alarm requests it. */
	u64 (*now_ns)(void); /* since 1970-01-01 00:00 UTC. Any context. */
	/* Raise the interrupt when the clock reaches @ns, at once if it has; the one before is
	 * forgotten.  Any context; callers serialise. */
	void (*set_alarm)(u64 ns);
	/* The interrupt is raised. */
	bool (*is_raised)(void);
	/* Take the interrupt back. From the handler. */
	void (*clear)(void);
};

/* rtc_get - the machine's clock, or NULL.  After drivers_probe(DRIVER_DEVICE). */
const struct rtc *rtc_get(void);

#endif
