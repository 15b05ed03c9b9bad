/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * leak_tools.h - planting objects that nothing leads to
 *
 * They are planted by a thread that ends, and looked at by others, so that neither this stack nor a
 * register leads to them; what a case needs to know of them is stored with all bits inverted.
 */
#ifndef TESTS_LEAK_TOOLS_H
#define TESTS_LEAK_TOOLS_H

#include <base/types.h>

#define WORDS 12 /* of a node */

struct node {
	void *to[WORDS];
};

struct ktap;

struct planted {
	unsigned long inverted[4]; /* what was planted */
	bool failed;		   /* not all of it */
};
extern struct planted planted;

/* plant - an object of so many cleared bytes is number @nr; NULL: no memory, which is noted.
 * node_nr: where it is.  For threads that end. */
struct node *plant(unsigned nr, size_t bytes);
struct node *node_nr(unsigned nr);

/* elsewhere - have a thread do @what with number @nr; what it returns, or -ENOMEM.
 * planted_by: have one plant anew; false: no memory. */
int elsewhere(int (*what)(void *nr), unsigned long nr);
bool planted_by(int (*how)(void *arg));

/* leaks_ready - leaks of any age are looked for; else the case is skipped (needs kmemleak=on). */
bool leaks_ready(struct ktap *t);

/* is_leak - is number @nr reported?  uproot: it's freed. */
bool is_leak(unsigned nr);
void uproot(unsigned nr);

/* nr_reported - how many objects are reported that any of @nr threads allocated, by their @id. */
unsigned nr_reported(const unsigned *id, unsigned nr);

/* set_min_age - vm.kmemleak_min_age_ms.  scan_twice: as it takes to find a leak. */
bool set_min_age(const char *ms);
void scan_twice(void);

#endif
