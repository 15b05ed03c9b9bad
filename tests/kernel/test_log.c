/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_log.c - messages go in whole and come out in order, from one hart and from all
 *
 * Messages are of level LOG_DEBUG, so that the console shows none of them.
 */
#include <kernel/log.h>

#include <kernel/percpu.h>
#include <kernel/smp.h>
#include <shell/ktap.h>

#include <stdio.h>
#include <string.h>

#define EACH_HART 8

/* The number that the next message will have. */
static u64 end_of_log(void)
{
	char text[LOG_TEXT_MAX + 1];
	struct log_record rec;
	u64 seq = 0;

	while (log_read(&seq, &rec, text))
		;
	return seq;
}

static void test_one(struct ktap *t)
{
	char text[LOG_TEXT_MAX + 1];
	struct log_record rec;
	u64 seq = end_of_log(), first = seq;

	printk(LOG_DEBUG, "test_log: %d %s\n", 42, "text");
	KTAP_ASSERT(t, log_read(&seq, &rec, text));
	KTAP_EXPECT_EQ(t, rec.seq, first);
	KTAP_EXPECT_EQ(t, rec.level, LOG_DEBUG);
	KTAP_EXPECT_EQ(t, rec.len, strlen(text));
	KTAP_EXPECT_STREQ(t, text, "test_log: 42 text");
	KTAP_EXPECT(t, !log_read(&seq, &rec, text));
}

static void test_long(struct ktap *t)
{
	char text[LOG_TEXT_MAX + 1];
	struct log_record rec;
	u64 seq = end_of_log();

	printk(LOG_DEBUG, "test_log: %300d", 1);
	KTAP_ASSERT(t, log_read(&seq, &rec, text));
	KTAP_EXPECT_EQ(t, rec.len, LOG_TEXT_MAX);
	KTAP_EXPECT_STREQ(t, text + LOG_TEXT_MAX - 4, " ...");
}

static void test_stamp(struct ktap *t)
{
	char text[LOG_STAMP_MAX + 1];

	text[log_format_stamp(text, 0)] = '\0';
	KTAP_EXPECT_STREQ(t, text, "[    0.000000] ");
	text[log_format_stamp(text, 12345678)] = '\0';
	KTAP_EXPECT_STREQ(t, text, "[    0.012345] ");
	text[log_format_stamp(text, 12345999999999)] = '\0';
	KTAP_EXPECT_STREQ(t, text, "[12345.999999] ");
	text[log_format_stamp(text, 987654321000001000)] = '\0';
	KTAP_EXPECT_STREQ(t, text, "[987654321.000001] ");
}

static void write_some(void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < EACH_HART; i++)
		printk(LOG_DEBUG, "test_log: hart %u message %u of it", smp_processor_id(), i);
}

static void test_all_harts(struct ktap *t)
{
	char text[LOG_TEXT_MAX + 1], expected[64];
	struct log_record rec;
	u64 seq = end_of_log(), last_ns = 0;
	unsigned found = 0, next[32] = { 0 };

	if (nr_harts > ARRAY_SIZE(next)) {
		ktap_skip(t, "more harts than this test counts");
		return;
	}
	on_each_hart(write_some, NULL);
	for (; log_read(&seq, &rec, text); found++) {
		unsigned cpu;

		KTAP_EXPECT(t, rec.ns >= last_ns);
		last_ns = rec.ns;
		for (cpu = 0; cpu < nr_harts; cpu++) {
			snprintf(expected, sizeof(expected), "test_log: hart %u message %u of it",
				 cpu, next[cpu]);
			if (!strcmp(text, expected))
				break;
		}
		KTAP_ASSERT(t, cpu < nr_harts);
		next[cpu]++;
	}
	KTAP_EXPECT_EQ(t, found, num_online_harts() * EACH_HART);
}

static void test_loglevel(struct ktap *t)
{
	unsigned before = log_console_level();

	log_set_console_level(99);
	KTAP_EXPECT_EQ(t, log_console_level(), LOG_DEBUG + 1);
	log_set_console_level(before);
	KTAP_EXPECT_EQ(t, log_console_level(), before);
}

static const struct ktap_case cases[] = {
	{ "one", test_one },	       { "long", test_long },
	{ "stamp", test_stamp },       { "all_harts", test_all_harts },
	{ "loglevel", test_loglevel }, { NULL, NULL },
};
static const struct ktap_suite suite_log = { "log", cases };
TABLE_ENTRY(ktap_suite, suite_log);
