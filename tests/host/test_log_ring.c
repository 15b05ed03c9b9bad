/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_log_ring.c - the log's ring against a list of everything ever written
 */
#include <kernel/log_ring.h>

#include "harness.h"

#include <string.h>

#define SIZE	 2048
#define MESSAGES 20000

static char buf[SIZE] __aligned(8);
static struct log_ring ring;

/* What message @i was: its text is a function of its number. */
static unsigned expected_len(u64 i)
{
	return (unsigned)(i * 2654435761u >> 7) % (LOG_TEXT_MAX + 1);
}

static void put(u64 i)
{
	char text[LOG_TEXT_MAX];

	memset(text, (int)('a' + i % 26), sizeof(text));
	log_ring_put(&ring, i * 1000, (enum log_level)(i % 6), text, expected_len(i));
	if (log_ring_validate(&ring))
		host_fail(__FILE__, __LINE__, "after message %llu: %s", (unsigned long long)i,
			  log_ring_validate(&ring));
}

static void check(const struct log_record *rec, const char *text)
{
	EXPECT_EQ(rec->ns, rec->seq * 1000);
	EXPECT_EQ(rec->level, rec->seq % 6);
	EXPECT_EQ(rec->len, expected_len(rec->seq));
	for (unsigned i = 0; i < rec->len; i++)
		EXPECT_EQ(text[i], 'a' + rec->seq % 26);
}

TEST(empty)
{
	struct log_record rec;
	const char *text;
	u64 seq = 0;

	log_ring_init(&ring, buf, SIZE);
	EXPECT(!log_ring_get(&ring, &seq, &rec, &text));
	EXPECT_EQ(seq, 0);
	seq = 5; /* not written yet */
	EXPECT(!log_ring_get(&ring, &seq, &rec, &text));
}

TEST(in_order_and_the_newest_stay)
{
	log_ring_init(&ring, buf, SIZE);
	for (u64 i = 0; i < MESSAGES; i++) {
		struct log_record rec;
		const char *text;
		u64 seq = 0, next;

		put(i);
		if (i % 17)
			continue;
		for (next = ring.first.seq; log_ring_get(&ring, &seq, &rec, &text); next++) {
			EXPECT_EQ(rec.seq, next);
			EXPECT_EQ(seq, next + 1);
			check(&rec, text);
		}
		EXPECT_EQ(next, i + 1);
		/* No message goes sooner than it must: the next oldest wouldn't fit as well. */
		EXPECT(i < 20 || ring.next.seq - ring.first.seq >= 3);
	}
}

TEST(readers_that_fall_behind)
{
	u64 reader[4] = { 0 };

	log_ring_init(&ring, buf, SIZE);
	for (u64 i = 0; i < MESSAGES; i++) {
		struct log_record rec;
		const char *text;
		u64 *seq = &reader[rnd_below(4)], before = *seq;

		put(i);
		for (u64 n = rnd_below(6); n && log_ring_get(&ring, seq, &rec, &text); n--) {
			EXPECT(rec.seq >= before);
			EXPECT(rec.seq == before || rec.seq == ring.first.seq);
			check(&rec, text);
			before = *seq;
		}
	}
}

TEST(validator_speaks)
{
	log_ring_init(&ring, buf, SIZE);
	for (u64 i = 0; i < 5; i++)
		put(i);
	ring.next.off += 8;
	EXPECT(log_ring_validate(&ring));
	ring.next.off -= 8;
	EXPECT(!log_ring_validate(&ring));
	memset(buf + 8, 0x7f, 2); /* the first message's length */
	EXPECT(log_ring_validate(&ring));
}
