/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_bytes.h - a fuzzer's bytes in place of random numbers, until they are used up
 *
 * rnd_below() and rnd_range() take as many as they need, rnd() takes none.  A failed expectation
 * ends the program (fuzz_bytes.c stands in for harness.c).
 */
#ifndef FUZZ_BYTES_H
#define FUZZ_BYTES_H

#include "harness.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

/* fuzz_bytes - @size bytes from @data on are what comes next. */
void fuzz_bytes(const u8 *data, size_t size);

/* fuzz_play - @step until no byte is left, with a @check every so many. */
void fuzz_play(void (*step)(void), void (*check)(void), unsigned every);

#endif
