/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fault_inject.c - operations that fail on purpose
 *
 * Counters are updated by all harts without a lock: with several threads it is left open which
 * call fails, and only how many may is exact.
 */
#define LOG_PREFIX "fault: "
#include <kernel/fault_inject.h>

#include <asm/hart_local.h>
#include <asm/trap.h>
#include <base/errno.h>
#include <kernel/bootargs.h>
#include <kernel/log.h>
#include <kernel/smp.h>
#include <kernel/symbols.h>
#include <lib/parse.h>

#include <stdio.h>
#include <string.h>

#define CALLERS 12 /* that are looked through */

/* Is @function among those that led here? */
static bool called_by(unsigned long function)
{
	unsigned long pc[CALLERS];
	unsigned int nr = page_user_trace(pc, CALLERS);

	while (nr--)
		if (symbol_start(pc[nr]) == function)
			return true;
	return false;
}

/* Can this call fail at all?  One that can't isn't counted. */
static bool concerns(const struct fault_attr *attr, size_t bytes, unsigned int order,
		     unsigned int how)
{
	const struct thread *task = READ_ONCE(attr->task);

	if (task && task != this_hart->thread)
		return false;
	if (attr->thread && attr->thread != current_thread_id())
		return false;
	if (bytes < attr->min_bytes || (attr->max_bytes && bytes > attr->max_bytes))
		return false;
	return order >= attr->min_order && !(attr->ignore_wait && how & FAULT_WAITS) &&
	       (!attr->caller || called_by(attr->caller));
}

static __cold void report(const struct fault_attr *attr, size_t bytes, unsigned int order)
{
	const struct fault_point *p;

	for_each_table(fault_point, p)
		if (p->attr == attr)
			pr_notice("%s: call %u fails, order %u, %zu bytes, thread %u, %u more to "
				  "come",
				  p->name, attr->calls, order, bytes, current_thread_id(),
				  attr->times);
	if (attr->verbose > 1)
		backtrace_here();
}

bool should_fail_now(struct fault_attr *attr, size_t bytes, unsigned int order, unsigned int how)
{
	unsigned int call, times = READ_ONCE(attr->times);

	if (!concerns(attr, bytes, order, how))
		return false;
	if (attr->space) {
		attr->space = attr->space > bytes ? attr->space - (unsigned int)bytes : 0;
		return false;
	}
	call = __atomic_add_fetch(&attr->calls, 1, __ATOMIC_RELAXED);
	if (call % attr->interval)
		return false;
	if (attr->probability < 100) {
		unsigned int random = attr->random;

		random ^= random << 13;
		random ^= random >> 17;
		random ^= random << 5;
		attr->random = random;
		if (random % 100 >= attr->probability)
			return false;
	}
	do {
		if (!times)
			return false;
	} while (times != FAULT_ALWAYS &&
		 !__atomic_compare_exchange_n(&attr->times, &times, times - 1, true,
					      __ATOMIC_RELAXED, __ATOMIC_RELAXED));
	__atomic_fetch_add(&attr->failed, 1, __ATOMIC_RELAXED);
	if (attr->verbose && !(how & FAULT_QUIET))
		report(attr, bytes, order);
	return true;
}

const struct fault_point *fault_find(const char *name)
{
	const struct fault_point *p;

	for_each_table(fault_point, p)
		if (!strcmp(p->name, name))
			return p;
	return NULL;
}

/* caller=FUNCTION, cache=NAME. */
static bool set_name(struct fault_attr *attr, const char *word)
{
	if (!strncmp(word, "caller=", 7)) {
		attr->caller = symbol_address(word + 7);
		return attr->caller;
	}
	if (strncmp(word, "cache=", 6) || !word[6] || strlen(word + 6) >= sizeof(attr->cache))
		return false;
	strcpy(attr->cache, word + 6);
	return true;
}

static bool set_key(struct fault_attr *attr, const char *word)
{
	const struct {
		const char *key;
		unsigned int *value;
		unsigned int least, most;
	} keys[] = {
		{ "probability=", &attr->probability, 0, 100 },
		{ "interval=", &attr->interval, 1, FAULT_ALWAYS },
		{ "times=", &attr->times, 0, FAULT_ALWAYS },
		{ "space=", &attr->space, 0, FAULT_ALWAYS },
		{ "seed=", &attr->seed, 1, FAULT_ALWAYS },
		{ "min-order=", &attr->min_order, 0, 31 },
		{ "ignore-gfp-wait=", &attr->ignore_wait, 0, 1 },
		{ "verbose=", &attr->verbose, 0, 2 },
		{ "task=", &attr->thread, 0, FAULT_ALWAYS },
		{ "min-size=", &attr->min_bytes, 0, FAULT_ALWAYS },
		{ "max-size=", &attr->max_bytes, 0, FAULT_ALWAYS },
	};

	if (!strcmp(word, "times=-1"))
		word = "times=0xffffffff"; /* FAULT_ALWAYS */
	for (unsigned int i = 0; i < ARRAY_SIZE(keys); i++) {
		size_t length = strlen(keys[i].key);
		u64 value;

		if (strncmp(word, keys[i].key, length))
			continue;
		if (parse_size(word + length, &value) || value < keys[i].least ||
		    value > keys[i].most)
			return false;
		*keys[i].value = (unsigned int)value;
		return true;
	}
	return set_name(attr, word);
}

/* Off while the values change; probability last, as it is what turns it on. */
static void store(const struct fault_point *point, struct fault_attr new)
{
	struct fault_attr *attr = point->attr;
	unsigned int probability = new.probability;

	new.probability = 0;
	new.random = new.seed;
	WRITE_ONCE(attr->probability, 0);
	*attr = new;
	__atomic_store_n(&attr->probability, probability, __ATOMIC_RELEASE);
	if (point->changed)
		point->changed();
}

int fault_set(const struct fault_point *point, int n, char *const *words, const char **bad)
{
	struct fault_attr new = FAULT_ATTR;

	for (int i = 0; i < n; i++) {
		if (!set_key(&new, words[i])) {
			*bad = words[i];
			return -EINVAL;
		}
	}
	store(point, new);
	return 0;
}

void fault_arm(const struct fault_point *point, unsigned int nth)
{
	struct fault_attr new = FAULT_ATTR;

	new.task = this_hart->thread;
	new.probability = nth ? 100 : 0;
	new.interval = nth ? nth : 1;
	new.times = 1;
	store(point, new);
}

#define MAX_WORDS 10

/* Cut @value, of which @text becomes a copy, at its commas; how many words, or -EINVAL. */
static int cut(const char *value, char text[128], char *words[MAX_WORDS])
{
	int n = 0;

	if (strlen(value) >= 128)
		return -EINVAL;
	strcpy(text, value);
	for (char *p = text; p; n++) {
		if (n == MAX_WORDS)
			return -EINVAL;
		words[n] = p;
		p = strchr(p, ',');
		if (p)
			*p++ = '\0';
	}
	return n;
}

/* NAME,KEY=VALUE,... */
static int parse_fault(const char *value)
{
	char text[128], *words[MAX_WORDS];
	const struct fault_point *point;
	int n = cut(value, text, words);
	const char *bad;

	if (n < 0)
		return n;
	point = fault_find(words[0]);
	return point ? fault_set(point, n - 1, words + 1, &bad) : -EINVAL;
}

static const struct bootarg arg_fault __initconst = {
	"fault", parse_fault,
	"NAME,KEY=VALUE,...: a fault point and its probability, interval, times, space, seed, "
	"min-order, ignore-gfp-wait, verbose, task, min-size, max-size, caller, cache"
};
TABLE_ENTRY(bootarg, arg_fault);

/* INTERVAL,PROBABILITY,SPACE,TIMES as Linux has it. */
static int parse_fail_page_alloc(const char *value)
{
	static const char *const keys[] = { "interval=", "probability=", "space=", "times=" };
	const struct fault_point *point = fault_find("fail_page_alloc");
	char text[128], pairs[4][40], *words[MAX_WORDS];
	int n = cut(value, text, words);
	const char *bad;

	if (n != 4 || !point)
		return -EINVAL;
	for (int i = 0; i < n; i++) {
		snprintf(pairs[i], sizeof(pairs[i]), "%s%s", keys[i], words[i]);
		words[i] = pairs[i];
	}
	return fault_set(point, n, words, &bad);
}

static const struct bootarg arg_fail_page_alloc __initconst = {
	"fail_page_alloc", parse_fail_page_alloc, "INTERVAL,PROBABILITY,SPACE,TIMES"
};
TABLE_ENTRY(bootarg, arg_fail_page_alloc);
