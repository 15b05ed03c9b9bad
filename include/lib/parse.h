/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * parse.h - numbers and sizes as people type them
 */
#ifndef LIB_PARSE_H
#define LIB_PARSE_H

#include <base/types.h>

/*
 * parse_u64 - a whole number, decimal or 0x hex, nothing after it.
 * 0, -EINVAL if @text is no such number, -ERANGE if it exceeds 64 bits.
 */
int parse_u64(const char *text, u64 *value);

/*
 * parse_size - bytes, with an optional K, M, G or T (either case, "iB"/"B" may
 * follow) that multiplies by a power of 1024.  Errors as parse_u64().
 */
int parse_size(const char *text, u64 *bytes);

/*
 * parse_list - numbers separated by commas, at most @max of them.
 * Returns how many (>= 1), or -EINVAL, -ERANGE, -E2BIG.
 */
int parse_list(const char *text, u64 *values, int max);

#endif
