/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * log_ring.c - messages of various lengths in a ring of bytes
 *
 * A message is a header and its text, padded to 8 bytes, and never wraps.  One that
 * doesn't fit before the end of the buffer leaves a filler there (a header with
 * len == FILLER) and starts at offset 0.  Offsets are multiples of 8 and a header has
 * 16 bytes, so the last 8 bytes can be too few for a filler: whoever finds less than
 * a header goes on at 0 too.  A place may lie on such a tail; header_at() moves it.
 *
 * Invariants (log_ring_validate):
 *   walking from `first`, next.seq - first.seq messages lead exactly to `next`;
 *   every message lies within the buffer; their bytes and the fillers <= size;
 *   first.off == next.off only if the ring is empty: it is never filled to the last byte.
 *
 * Locking: the caller's.  Never allocates.  Not here: time, levels, consoles (log.c).
 */
#include <kernel/log_ring.h>

#include <string.h>

struct header {
	u64 ns;
	u16 len; /* characters of text, or FILLER: nothing more up to the end of the buffer */
	u8 level;
	u8 unused[5];
};
_Static_assert(sizeof(struct header) == 16, "the ring's arithmetic counts on it");

#define FILLER 0xffff

static unsigned entry_bytes(unsigned len)
{
	return ALIGN_UP((unsigned)sizeof(struct header) + len, 8);
}

/* The header of the message at @place, which is moved to offset 0 if the tail is skipped. */
static struct header *header_at(const struct log_ring *ring, struct log_place *place)
{
	struct header *h = (struct header *)(ring->buf + place->off);

	if (ring->size - place->off >= sizeof(*h) && h->len != FILLER)
		return h;
	place->off = 0;
	return (struct header *)ring->buf;
}

static void step(const struct log_ring *ring, struct log_place *place)
{
	place->off += entry_bytes(header_at(ring, place)->len);
	place->seq++;
}

static bool is_empty(const struct log_ring *ring)
{
	return ring->first.seq == ring->next.seq;
}

/* Drop the oldest messages that lie in [next, @end], so that `next` can grow to @end. */
static void make_room(struct log_ring *ring, unsigned end)
{
	while (!is_empty(ring) && ring->first.off >= ring->next.off && ring->first.off <= end)
		step(ring, &ring->first);
}

void log_ring_init(struct log_ring *ring, char *buf, unsigned size)
{
	*ring = (struct log_ring){ .buf = buf, .size = size };
}

void log_ring_put(struct log_ring *ring, u64 ns, enum log_level level, const char *text,
		  unsigned len)
{
	unsigned bytes = entry_bytes(len);
	struct header *h;

	if (ring->next.off + bytes > ring->size) {
		make_room(ring, ring->size);
		h = (struct header *)(ring->buf + ring->next.off);
		if (ring->size - ring->next.off >= sizeof(*h))
			h->len = FILLER;
		ring->next.off = 0;
	}
	make_room(ring, ring->next.off + bytes);
	if (is_empty(ring))
		ring->first = ring->next;

	h = (struct header *)(ring->buf + ring->next.off);
	h->ns = ns;
	h->len = (u16)len;
	h->level = (u8)level;
	memcpy(h + 1, text, len);
	ring->next.off += bytes;
	ring->next.seq++;
}

bool log_ring_get(struct log_ring *ring, u64 *seq, struct log_record *rec, const char **text)
{
	struct log_place place = ring->first;
	const struct header *h;

	if (ring->last_read.seq >= place.seq && ring->last_read.seq <= *seq)
		place = ring->last_read;
	while (place.seq < *seq && place.seq < ring->next.seq)
		step(ring, &place);
	if (place.seq == ring->next.seq)
		return false;

	h = header_at(ring, &place);
	*rec = (struct log_record){
		.seq = place.seq, .ns = h->ns, .level = h->level, .len = h->len
	};
	*text = (const char *)(h + 1);
	step(ring, &place);
	ring->last_read = place;
	*seq = place.seq;
	return true;
}

const char *log_ring_validate(const struct log_ring *ring)
{
	struct log_place place = ring->first;
	unsigned wraps = 0;

	while (place.seq != ring->next.seq) {
		unsigned before = place.off;
		const struct header *h;

		if (place.off > ring->size || place.off % 8)
			return "a message starts outside the buffer or unaligned";
		h = header_at(ring, &place);
		if (place.off < before && ++wraps > 1)
			return "the messages go around twice";
		if (h->len > LOG_TEXT_MAX || place.off + entry_bytes(h->len) > ring->size)
			return "a message is longer than the buffer or than a message may be";
		step(ring, &place);
		if (wraps && place.off > ring->first.off)
			return "the newest message lies over the oldest";
	}
	if (place.off != ring->next.off)
		return "the messages don't lead to the next free place";
	if (ring->first.seq != ring->next.seq && ring->first.off == ring->next.off)
		return "the ring is full to the last byte";
	return NULL;
}
