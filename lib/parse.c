/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * parse.c - numbers, sizes and words out of text
 *
 * Written out because the C library's strtoul() sets errno, which this kernel hasn't.
 */
#include <lib/parse.h>

#include <base/errno.h>

static int digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return 16;
}

/* Read a number's digits at *s and move it behind them. */
static int scan_number(const char **s, u64 *out)
{
	const char *p = *s;
	unsigned base = 10;
	u64 n = 0;

	if (p[0] == '0' && (p[1] == 'x' || p[1] == 'X')) {
		base = 16;
		p += 2;
	}
	if (digit_value(*p) >= (int)base)
		return -EINVAL;
	for (; digit_value(*p) < (int)base; p++) {
		unsigned digit = (unsigned)digit_value(*p);

		if (n > (~(u64)0 - digit) / base)
			return -ERANGE;
		n = n * base + digit;
	}
	*s = p;
	*out = n;
	return 0;
}

int parse_u64(const char *s, u64 *out)
{
	u64 n;
	int err = scan_number(&s, &n);

	if (err)
		return err;
	if (*s)
		return -EINVAL;
	*out = n;
	return 0;
}

int parse_ulong(const char *s, unsigned long *out)
{
	u64 n;
	int err = parse_u64(s, &n);

	if (err)
		return err;
	if (n > ~0UL)
		return -ERANGE;
	*out = (unsigned long)n;
	return 0;
}

/* The shift that a size's suffix stands for, and move *s behind the suffix. */
static unsigned scan_suffix(const char **s)
{
	static const char letters[] = "kmgt";
	unsigned i;

	for (i = 0; letters[i]; i++) {
		if ((**s | 0x20) != letters[i])
			continue;
		(*s)++;
		if ((*s)[0] == 'i' && (*s)[1] == 'B')
			(*s)++;
		if (**s == 'B')
			(*s)++;
		return 10 * (i + 1);
	}
	return 0;
}

int parse_size(const char *s, u64 *bytes)
{
	unsigned shift;
	u64 n;
	int err = scan_number(&s, &n);

	if (err)
		return err;
	shift = scan_suffix(&s);
	if (*s)
		return -EINVAL;
	if (n > ~(u64)0 >> shift)
		return -ERANGE;
	*bytes = n << shift;
	return 0;
}

int parse_list(const char *s, u64 *values, int max)
{
	int n = 0;

	for (;;) {
		u64 value;
		int err = scan_number(&s, &value);

		if (err)
			return err;
		if (*s && *s != ',')
			return -EINVAL;
		if (n == max)
			return -E2BIG;
		values[n++] = value;
		if (!*s++)
			return n;
	}
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

char *parse_word(char **cursor, bool *unclosed)
{
	char *p = *cursor, *word, *to;
	bool quoted = false;

	while (is_blank(*p))
		p++;
	if (unclosed)
		*unclosed = false;
	if (!*p) {
		*cursor = p;
		return NULL;
	}
	for (word = to = p; *p && (quoted || !is_blank(*p)); p++) {
		if (*p == '"') {
			quoted = !quoted;
			continue;
		}
		if (*p == '\\' && p[1])
			p++;
		*to++ = *p;
	}
	if (unclosed)
		*unclosed = quoted;
	*cursor = *p ? p + 1 : p;
	*to = '\0';
	return word;
}

int parse_words(char *line, char **argv, int max)
{
	bool unclosed;
	char *word;
	int n = 0;

	while ((word = parse_word(&line, &unclosed))) {
		if (unclosed)
			return -EINVAL;
		if (n == max)
			return -E2BIG;
		argv[n++] = word;
	}
	return n;
}
