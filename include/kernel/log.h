/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * log.h - kernel messages
 *
 * A message is one line with a level and a time stamp, kept in a ring that
 * `dmesg` prints and, if its level is below the console's (loglevel=), shown
 * on the console.  Messages are written from any context with interrupts on
 * or off; they never sleep and never allocate.
 *
 * A file names itself once, before its includes:  #define LOG_PREFIX "zones: "
 */
#ifndef KERNEL_LOG_H
#define KERNEL_LOG_H

#include <base/compiler.h>
#include <base/types.h>

#include <stdarg.h>

enum log_level {
	LOG_EMERG,   /* the kernel is about to stop */
	LOG_ERR,     /* something asked for can't be had */
	LOG_WARNING, /* unexpected, handled */
	LOG_NOTICE,  /* what a user wants to see of a normal boot */
	LOG_INFO,    /* one line a subsystem */
	LOG_DEBUG,
};

#ifndef LOG_PREFIX
#define LOG_PREFIX ""
#endif

/* printk - write one message; @fmt without the trailing newline. Any context. */
void printk(enum log_level level, const char *fmt, ...) __printf(2, 3);
void vprintk(enum log_level level, const char *fmt, va_list args) __printf(2, 0);

/* printk_deferred - the same into the log only: whoever writes to the console next shows it. */
void printk_deferred(enum log_level level, const char *fmt, ...) __printf(2, 3);

#define LOG_TEXT_MAX 255 /* characters of a message; what is longer is cut and ends in "..." */

/* A message as the ring keeps it, without its text. */
struct log_record {
	u64 seq; /* 0, 1, 2 ... of all messages since boot */
	u64 ns;	 /* when, since boot */
	enum log_level level;
	unsigned len; /* characters of text */
};

/*
 * log_read - copy the oldest message whose number is at least *@seq into @text
 * (LOG_TEXT_MAX + 1 bytes, ended with NUL) and set *@seq to the one after it.
 * Returns false when there is none.  Any context.
 */
bool log_read(u64 *seq, struct log_record *rec, char *text);

/*
 * log_format_stamp - write "[    0.012345] " for @ns since boot into @buf, which
 * has LOG_STAMP_MAX bytes.  Returns the length; no NUL is added.
 */
#define LOG_STAMP_MAX 24
size_t log_format_stamp(char *buf, u64 ns);

/* Messages of a level below this are shown on the console as they come (loglevel=). */
void log_set_console_level(unsigned level);
unsigned log_console_level(void);

/*
 * log_console_start - a console driver is there: write out what waited for it,
 * and from now on every message when it comes.  Boot hart, no locks held.
 */
void log_console_start(void);

/* log_show - write out what waits, if the console is free. For whoever kept it busy. */
void log_show(void);

/*
 * log_flush_emergency - write out every message that still waits, through the
 * console or else the firmware, whatever its level.  From now on each message
 * is written before printk() returns, and no lock is waited for for long: its
 * holder may be the hart that panicked, or one that was stopped.  For panic().
 */
void log_flush_emergency(void);

#define pr_emerg(fmt, ...)  printk(LOG_EMERG, LOG_PREFIX fmt, ##__VA_ARGS__)
#define pr_err(fmt, ...)    printk(LOG_ERR, LOG_PREFIX fmt, ##__VA_ARGS__)
#define pr_warn(fmt, ...)   printk(LOG_WARNING, LOG_PREFIX fmt, ##__VA_ARGS__)
#define pr_notice(fmt, ...) printk(LOG_NOTICE, LOG_PREFIX fmt, ##__VA_ARGS__)
#define pr_info(fmt, ...)   printk(LOG_INFO, LOG_PREFIX fmt, ##__VA_ARGS__)
#define pr_debug(fmt, ...)  printk(LOG_DEBUG, LOG_PREFIX fmt, ##__VA_ARGS__)

#endif
