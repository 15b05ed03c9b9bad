/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * parse.h - numbers, sizes and words out of text
 *
 * Pure functions: any context, no locks, nothing allocated.  A number must fill
 * its whole string; on an error the result is left alone.
 */
#ifndef LIB_PARSE_H
#define LIB_PARSE_H

#include <base/compiler.h>
#include <base/types.h>

/*
 * parse_u64 - @s as an unsigned number: decimal, or hexadecimal after "0x".
 * 0, -EINVAL if it's not a number, -ERANGE if it doesn't fit.
 */
int parse_u64(const char *s, u64 *out) __must_check;

/* parse_ulong - as parse_u64; -ERANGE as well if an unsigned long can't hold it. */
int parse_ulong(const char *s, unsigned long *out) __must_check;

/*
 * parse_size - @s as a number of bytes: a number as parse_u64 takes it and at most one suffix,
 * K, M, G or T in either case (powers of 1024), after which "B" or "iB" may stand.  Errors as
 * parse_u64.
 */
int parse_size(const char *s, u64 *bytes) __must_check;

/*
 * parse_list - numbers separated by commas, at most @max of them, into @values.
 * How many (1 or more), -E2BIG if there are more than @max, else as parse_u64.
 */
int parse_list(const char *s, u64 *values, int max) __must_check;

/*
 * parse_word - cut the next word off @cursor, in place.
 *
 * Words are separated by blanks, tabs and newlines.  Double quotes, which may start inside a word
 * (run="a; b"), keep blanks; they are removed.  A backslash keeps the next character.  Returns the
 * NUL-terminated word and moves @cursor behind it, or NULL at the end of the text.  A quote that
 * is never closed ends with the text; *unclosed (may be NULL) is then set to true.
 */
char *parse_word(char **cursor, bool *unclosed);

/*
 * parse_words - cut @line into at most @max words (argv), by parse_word.
 * The number of words, -E2BIG if there are more than @max, -EINVAL for an unclosed quote.
 */
int parse_words(char *line, char **argv, int max);

#endif
