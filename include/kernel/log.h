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

#define pr_emerg(fmt, ...)  printk(LOG_EMERG, LOG_PREFIX fmt, ##__VA_ARGS__)
#define pr_err(fmt, ...)    printk(LOG_ERR, LOG_PREFIX fmt, ##__VA_ARGS__)
#define pr_warn(fmt, ...)   printk(LOG_WARNING, LOG_PREFIX fmt, ##__VA_ARGS__)
#define pr_notice(fmt, ...) printk(LOG_NOTICE, LOG_PREFIX fmt, ##__VA_ARGS__)
#define pr_info(fmt, ...)   printk(LOG_INFO, LOG_PREFIX fmt, ##__VA_ARGS__)
#define pr_debug(fmt, ...)  printk(LOG_DEBUG, LOG_PREFIX fmt, ##__VA_ARGS__)

#endif
