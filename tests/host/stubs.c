/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stubs.c - the host's printk, panic and warn_at, and what is left out
 *
 * Apart from harness.c because tools and fuzzers use them too.
 */
#include "harness.h"

#include <kernel/log.h>
#include <asm/trap.h>
#include <kernel/panic.h>
#include <kernel/symbols.h>
#include <kernel/trace.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char log_text[1 << 16];
static size_t log_len;

jmp_buf host_panic_jmp;
bool host_panic_expected;
char host_panic_text[512];
unsigned host_warnings;
bool host_verbose;

void host_log_clear(void)
{
	log_len = 0;
	log_text[0] = '\0';
}

const char *host_log(void)
{
	return log_text;
}

bool host_log_contains(const char *part)
{
	return strstr(log_text, part) != NULL;
}

void printk(enum log_level level, const char *fmt, ...)
{
	char line[1024];
	size_t len;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (host_verbose)
		fprintf(stderr, "<%d>%s\n", level, line);
	len = strlen(line);
	if (log_len + len + 2 > sizeof(log_text))
		log_len = 0; /* old messages go: tests look at the latest */
	memcpy(log_text + log_len, line, len);
	log_len += len;
	log_text[log_len++] = '\n';
	log_text[log_len] = '\0';
}

void warn_at(const char *file, int line, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	host_warnings++;
	printk(LOG_WARNING, "WARN at %s:%d: %s", file, line, text);
}

void panic(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(host_panic_text, sizeof(host_panic_text), fmt, ap);
	va_end(ap);
	if (host_panic_expected) {
		host_panic_expected = false;
		longjmp(host_panic_jmp, 1);
	}
	fprintf(stderr, "panic: %s\n", host_panic_text);
	abort();
}

/* ---- nothing is traced here, and code has no names ---- */

void trace_write(u32 event, u32 who, unsigned long a, unsigned long b)
{
}

unsigned int page_user_trace(unsigned long *pcs, unsigned int max)
{
	return 0;
}

unsigned long symbol_start(unsigned long pc)
{
	return 0;
}

char *symbol_trace(const u32 *trace, unsigned int max, char *text, size_t bytes)
{
	*text = '\0';
	return text;
}

const char *symbol_format(char *buf, size_t size, unsigned long pc)
{
	snprintf(buf, size, "?");
	return buf;
}

unsigned long symbol_address(const char *name)
{
	return 0;
}
