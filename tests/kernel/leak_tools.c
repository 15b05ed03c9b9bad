/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * leak_tools.c - see leak_tools.h
 */
#include "leak_tools.h"

#ifdef CONFIG_DEBUG_KMEMLEAK

#include <base/errno.h>
#include <kernel/sysctl.h>
#include <mm/kmemleak.h>
#include <sched/kmemleak.h>
#include <sched/thread.h>
#include <shell/ktap.h>

#include "slab_tools.h"

#include <string.h>

struct planted planted;

__noinline struct node *node_nr(unsigned nr)
{
	return (struct node *)~planted.inverted[nr];
}

__noinline __noclone struct node *plant(unsigned nr, size_t bytes)
{
	struct node *n = get(bytes, GFP_KERNEL | __GFP_ZERO);

	barrier();
	planted.inverted[nr] = ~(unsigned long)n;
	if (!n)
		planted.failed = true;
	return n;
}

int elsewhere(int (*what)(void *nr), unsigned long nr)
{
	struct thread *t = kthread_run(what, (void *)nr, "planter");

	return t ? kthread_join(t) : -ENOMEM;
}

bool planted_by(int (*how)(void *arg))
{
	memset(&planted, 0, sizeof(planted));
	return !elsewhere(how, 0) && !planted.failed;
}

bool set_min_age(const char *ms)
{
	return !sysctl_write(sysctl_find("vm.kmemleak_min_age_ms"), ms);
}

bool leaks_ready(struct ktap *t)
{
	if (!kmemleak_on) {
		ktap_skip(t, "needs kmemleak=on");
		return false;
	}
	return KTAP_EXPECT(t, set_min_age("0"));
}

void scan_twice(void)
{
	kmemleak_scan_now();
	kmemleak_scan_now();
}

static int look(void *nr)
{
	return kmemleak_is_leak(node_nr((unsigned)(unsigned long)nr));
}

bool is_leak(unsigned nr)
{
	return elsewhere(look, nr) == 1;
}

static int pull_out(void *nr)
{
	kfree(node_nr((unsigned)(unsigned long)nr));
	return 0;
}

void uproot(unsigned nr)
{
	elsewhere(pull_out, nr);
}

unsigned nr_reported(const unsigned *id, unsigned nr)
{
	struct kmemleak_report r;
	unsigned long at = 0;
	unsigned found = 0;

	while (kmemleak_next(&at, &r))
		for (unsigned i = 0; i < nr; i++)
			found += r.thread == id[i];
	memset(&r, 0, sizeof(r));
	return found;
}

#endif
