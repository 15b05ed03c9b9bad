/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * memset.c - memory filled a word at a time
 *
 * The C library's stores bytes, four instructions for each: an object of 64 bytes is cleared for
 * 256 of them there, for some 30 here.  Called before memory is mapped and addresses are relocated,
 * too: no data, no calls.
 */
#include <string.h>

/* So that the compiler doesn't make a call of memset() out of the loop. */
#define no_pattern(at) __asm__("" : "+r"(at))

void *memset(void *to, int byte, size_t nr)
{
	unsigned long word = (unsigned char)byte * (~0UL / 255);
	unsigned char *at = to, *end = at + nr;

	for (; at < end && (unsigned long)at % sizeof(word); at++) {
		no_pattern(at);
		*at = (unsigned char)byte;
	}
	for (; (unsigned long)(end - at) >= 4 * sizeof(word); at += 4 * sizeof(word)) {
		unsigned long *four = (unsigned long *)at;

		no_pattern(four);
		four[0] = four[1] = four[2] = four[3] = word;
	}
	for (; (unsigned long)(end - at) >= sizeof(word); at += sizeof(word)) {
		no_pattern(at);
		*(unsigned long *)at = word;
	}
	for (; at < end; at++) {
		no_pattern(at);
		*at = (unsigned char)byte;
	}
	return to;
}
