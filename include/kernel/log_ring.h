/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * log_ring.h - the messages in memory; see log_ring.c.  For log.c and its tests.
 */
#ifndef KERNEL_LOG_RING_H
#define KERNEL_LOG_RING_H

#include <kernel/log.h>

/* A place between messages. */
struct log_place {
	u64 seq;      /* of the message that starts here */
	unsigned off; /* bytes from the start of the buffer */
};

/* All fields: the lock of the ring's owner. */
struct log_ring {
	char *buf;		    /* 8-byte aligned */
	unsigned size;		    /* bytes, a multiple of 8 */
	struct log_place first;	    /* the oldest message kept; == next if there is none */
	struct log_place next;	    /* where the next one goes */
	struct log_place last_read; /* where log_ring_get() left off */
};

/* @buf: 8-byte aligned; @size: bytes, a multiple of 8, at least LOG_RING_MIN. */
#define LOG_RING_MIN 1024
void log_ring_init(struct log_ring *ring, char *buf, unsigned size);

/*
 * log_ring_put - append a message of @len characters (<= LOG_TEXT_MAX), dropping as many of
 * the oldest as it needs the room of.
 */
void log_ring_put(struct log_ring *ring, u64 ns, enum log_level level, const char *text,
		  unsigned len);

/*
 * log_ring_get - as log_read(), but *@text points into the ring, without a NUL.
 * O(1) if *@seq is what the last call left there, else O(messages).
 */
bool log_ring_get(struct log_ring *ring, u64 *seq, struct log_record *rec, const char **text);

/* Checks every invariant of log_ring.c; NULL, or a phrase naming the one that is broken. */
const char *log_ring_validate(const struct log_ring *ring);

#endif
