/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * trace_rings.h - small rings of the tracepoints, for the time of a case
 */
#ifndef TESTS_TRACE_RINGS_H
#define TESTS_TRACE_RINGS_H

#include <kernel/smp.h>
#include <kernel/trace.h>
#include <mm/page_alloc.h>
#include <shell/ktap.h>

#define RECORDS 64u /* of a hart's ring; fewer than a page has room for */

static void to_nothing(void *arg)
{
}

/* Small rings for all harts; false, with the case skipped, if `trace on` has given them some. */
static bool bring_rings(struct ktap *t)
{
	if (trace_has_ring(0)) {
		ktap_skip(t, "`trace on` has given the harts rings; trace off; trace clear");
		return false;
	}
	for (unsigned int cpu = 0; cpu < nr_harts; cpu++) {
		unsigned long page = get_zeroed_page(GFP_KERNEL);

		if (!KTAP_EXPECT(t, page != 0))
			return false;
		trace_set_ring(cpu, (struct trace_record *)page, RECORDS);
	}
	return true;
}

static void drop_rings(void)
{
	for (unsigned int cpu = 0; cpu < nr_harts; cpu++) {
		struct trace_record *ring = trace_set_ring(cpu, NULL, 0);

		on_each_hart(to_nothing, NULL);
		free_page((unsigned long)ring);
	}
}

#endif
