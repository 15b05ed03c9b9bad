/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fault_inject.h - operations that fail on purpose (CONFIG_FAULT_INJECTION)
 *
 * A place that can fail is named once in its file, and asks:
 *
 *     FAULT_POINT(fail_page_alloc, "alloc_pages() and its kin");
 *     ...
 *     if (should_fail(fail_page_alloc, PAGE_SIZE << order))
 *             return NULL;
 *
 * What fails is chosen on the boot arguments (fault=fail_page_alloc,probability=10,times=100), in
 * the shell (`fault`), or by a test for one thread.  Without the option should_fail() is false
 * and costs nothing.
 */
#ifndef KERNEL_FAULT_INJECT_H
#define KERNEL_FAULT_INJECT_H

#include <base/compiler.h>
#include <base/errno.h>
#include <base/table.h>
#include <base/types.h>

struct thread;

struct fault_attr {
	unsigned int probability;   /* of a hundred calls so many fail; 0: none */
	unsigned int interval;	    /* only each so many-th may, 1 or more */
	unsigned int times;	    /* so many times at most, FAULT_ALWAYS: no end */
	unsigned int space;	    /* so many bytes are let through first */
	unsigned int seed;	    /* of the choice among the hundred */
	unsigned int min_order;	    /* only blocks of that order or larger */
	unsigned int ignore_wait;   /* 1: not where the caller may wait for memory */
	unsigned int verbose;	    /* 0: silent, 1: a line for each failure, 2: and who called */
	unsigned int thread;	    /* only the thread with this number (`ps`); 0: everybody */
	unsigned int min_bytes;	    /* only so large ones; 0: all */
	unsigned int max_bytes;	    /* and none larger; 0: all */
	unsigned long caller;	    /* only where this function is among the callers; 0: all */
	char cache[32];		    /* only objects of that cache; "NAME*": of those; "": of all */
	const struct thread *task;  /* only this thread's calls; NULL: everybody's */
	unsigned int calls, failed; /* since the values above were set */
	unsigned int random;
};

#define FAULT_ALWAYS 0xffffffffu
#define FAULT_ATTR                                              \
	{                                                       \
		.interval = 1, .times = FAULT_ALWAYS, .seed = 1 \
	}

struct fault_point {
	const char *name;
	const char *what;
	struct fault_attr *attr;
	void (*changed)(void); /* its values were set; NULL: nobody needs to know */
};
TABLE_DECLARE(fault_point);

/* What should_fail_alloc() is told about a call. */
#define FAULT_WAITS 1u /* it may sleep until there is memory */
#define FAULT_QUIET 2u /* its failure isn't to be reported */

#ifdef CONFIG_FAULT_INJECTION
/* fault_find - the point called @name, or NULL: there is none without CONFIG_FAULT_INJECTION. */
const struct fault_point *fault_find(const char *name);

/*
 * fault_set - set @point by @n words KEY=VALUE; what isn't named becomes its default
 * Keys: probability (0 to 100), interval (1 or more), times (-1: no end), space, seed, min-order,
 * ignore-gfp-wait (0, 1), verbose (0 to 2), task (a thread's number), min-size, max-size (bytes),
 * caller (a function of the kernel), cache (a name, or its beginning and a *).  0, or -EINVAL
 * with *@bad at the word that isn't one of these; then nothing changed.
 */
int fault_set(const struct fault_point *point, int n, char *const *words, const char **bad);

/* fault_arm - this thread's @nth call from now fails, and no other; 0: none any more. */
void fault_arm(const struct fault_point *point, unsigned int nth);

#define FAULT_POINT(name, what) FAULT_POINT_TELLS(name, what, NULL)
/* The same, and @fn is called when its values were set; at boot, or in a thread. */
#define FAULT_POINT_TELLS(name, what, fn)                                           \
	static struct fault_attr name = FAULT_ATTR;                                 \
	static const struct fault_point _point_##name = { #name, what, &name, fn }; \
	TABLE_ENTRY(fault_point, _point_##name)

/* Is this call of @bytes to fail?  Any context, any lock held; verbose=2 none that printk takes. */
#define should_fail(name, bytes) should_fail_alloc(name, bytes, 0, 0)
#define should_fail_alloc(name, bytes, order, how) \
	(unlikely((name).probability) && should_fail_now(&(name), bytes, order, how))
bool should_fail_now(struct fault_attr *attr, size_t bytes, unsigned int order, unsigned int how);
#else
#define FAULT_POINT(name, what)	 _Static_assert(1, what)
#define should_fail(name, bytes) ((void)(bytes), false)
#define should_fail_alloc(name, bytes, order, how) \
	((void)(bytes), (void)(order), (void)(how), false)

static inline const struct fault_point *fault_find(const char *name)
{
	return NULL;
}

static inline int fault_set(const struct fault_point *point, int n, char *const *words,
			    const char **bad)
{
	return -EINVAL;
}
#endif

#endif
