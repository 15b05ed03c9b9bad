/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * log.c - printk(), and when a message reaches the console
 *
 * A message is formatted on the caller's stack, stamped and put into the ring under
 * `lock`.  Showing it is a second step under the console's lock: whoever gets that lock
 * writes out everything that waits, other harts' messages too, and looks again after
 * giving it back, so no message is left behind:
 *
 *     shown <= ring.next.seq; messages in [shown, next) wait for the console.
 *
 * Nobody waits for that, but threads that may, when so much waits to be shown that it could be
 * overwritten before.
 *
 * Stages: until log_console_start() messages only collect, because a character through
 * the firmware costs 60 times one through the UART.  In an emergency (panic) each message
 * is written before printk() returns, through the firmware if there is no console yet,
 * and locks are taken by force after a while.
 *
 * Locking: `lock` is a leaf, interrupts off, held for the copy of one message.  A hart
 * that faults while it holds `lock` and reports that goes on without it (`holder`).
 * Cost: the formatting, about 40 instructions, and on the console 10 a character.
 */
#include <kernel/log.h>

#include <base/errno.h>
#include <kernel/bootargs.h>
#include <kernel/console.h>
#include <kernel/log_ring.h>
#include <kernel/percpu.h>
#include <kernel/preempt.h>
#include <kernel/smp.h>
#include <kernel/spinlock.h>
#include <kernel/time.h>
#include <lib/parse.h>

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define BUF_BYTES   (1u << CONFIG_LOG_BUF_SHIFT)
#define FORCE_AFTER 1000000u /* polls of a lock in an emergency before it is ignored */
#define LEVEL_ALL   (LOG_DEBUG + 1)

static char ring_buf[BUF_BYTES] __aligned(8);

static struct {
	spinlock_t lock;
	int holder;	      /* hart that holds lock, + 1 (lock; read by anyone for itself) */
	struct log_ring ring; /* (lock) */
	u64 shown;	      /* the next message for the console (console's lock) */
	unsigned level;	      /* messages below it are shown */
	bool console;	      /* log_console_start() was called */
	bool emergency;
} log = {
	.lock = SPINLOCK_RANKED(LOCK_LOG),
	.ring = { .buf = ring_buf, .size = BUF_BYTES },
	.level = CONFIG_LOGLEVEL,
};

/* Take the ring's lock; false if this hart has it already or it can't be had any more. */
static bool lock_ring(unsigned long *flags)
{
	int self = (int)smp_processor_id() + 1;

	local_irq_save(*flags);
	if (READ_ONCE(log.holder) == self)
		return false;
	if (unlikely(log.emergency)) {
		for (unsigned i = 0; !spin_trylock(&log.lock); i++) {
			if (i == FORCE_AFTER)
				return false;
			cpu_relax();
		}
	} else {
		spin_lock(&log.lock);
	}
	WRITE_ONCE(log.holder, self);
	return true;
}

static void unlock_ring(bool locked, unsigned long flags)
{
	if (locked) {
		WRITE_ONCE(log.holder, 0);
		spin_unlock(&log.lock);
	}
	local_irq_restore(flags);
}

bool log_read(u64 *seq, struct log_record *rec, char *text)
{
	unsigned long flags;
	bool locked = lock_ring(&flags);
	const char *in_ring;
	bool found = log_ring_get(&log.ring, seq, rec, &in_ring);

	if (found) {
		memcpy(text, in_ring, rec->len);
		text[rec->len] = '\0';
	}
	unlock_ring(locked, flags);
	return found;
}

size_t log_format_stamp(char *buf, u64 ns)
{
	char digits[LOG_STAMP_MAX];
	u64 sec = ns / 1000000000;
	u32 left = (u32)sec;
	u32 us = (u32)(ns - sec * 1000000000) / 1000;
	size_t n = 0, at = 0;

	digits[n++] = ' ';
	digits[n++] = ']';
	for (int i = 0; i < 6; i++, us /= 10)
		digits[n++] = (char)('0' + us % 10);
	digits[n++] = '.';
	for (int i = 0; i < 5 || left; i++, left /= 10)
		digits[n++] = left || i == 0 ? (char)('0' + left % 10) : ' ';
	digits[n++] = '[';
	while (n)
		buf[at++] = digits[--n];
	return at;
}

/* Write out all that waits. The caller holds the console's lock. */
static void show_waiting(void)
{
	char line[LOG_STAMP_MAX + LOG_TEXT_MAX + 2];
	char text[LOG_TEXT_MAX + 1];
	struct log_record rec;
	u64 seq = log.shown;

	while (!smp_told_to_stop() && log_read(&seq, &rec, text)) {
		size_t n;

		if (rec.seq != log.shown) {
			n = (size_t)snprintf(line, sizeof(line), "** %u messages lost **\n",
					     (unsigned)(rec.seq - log.shown));
			console_emit(line, n);
		}
		if (rec.level >= log.level && !log.emergency) {
			WRITE_ONCE(log.shown, seq);
			continue;
		}
		n = log_format_stamp(line, rec.ns);
		memcpy(line + n, text, rec.len);
		n += rec.len;
		line[n++] = '\n';
		console_emit(line, n);
		/* Not before: a line that a panic cuts short is shown again, whole. */
		WRITE_ONCE(log.shown, seq);
	}
}

/* So much waits for the console that the ring might overflow before it's written. */
static bool is_behind(void)
{
	return READ_ONCE(log.ring.next.seq) - READ_ONCE(log.shown) > BUF_BYTES / 4 / LOG_TEXT_MAX;
}

void log_show(void)
{
	if (!log.console && !log.emergency)
		return;
	for (;;) {
		/* Between storing a message and finding the console taken; and between giving the
		 * console back and finding no message.  So one of the two sees the other. */
		smp_mb();
		if (READ_ONCE(log.shown) == READ_ONCE(log.ring.next.seq))
			return;
		if (!console_trylock()) {
			if (log.emergency)
				console_lock_by_force();
			else if (is_behind() && preemptible())
				console_lock();
			else
				return; /* whoever holds it will look after giving it back */
		}
		show_waiting();
		console_unlock();
	}
}

/* Into the ring. */
static void store(enum log_level level, const char *fmt, va_list args)
{
	char text[LOG_TEXT_MAX + 1];
	int len = vsnprintf(text, sizeof(text), fmt, args);
	unsigned long flags;
	bool locked;

	if (len < 0)
		return;
	if (len > LOG_TEXT_MAX) {
		len = LOG_TEXT_MAX;
		memcpy(text + len - 3, "...", 3);
	}
	if (len && text[len - 1] == '\n')
		len--;

	locked = lock_ring(&flags);
	log_ring_put(&log.ring, ktime_ns(), level, text, (unsigned)len);
	unlock_ring(locked, flags);
}

void vprintk(enum log_level level, const char *fmt, va_list args)
{
	store(level, fmt, args);
	log_show();
}

void printk_deferred(enum log_level level, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	store(level, fmt, args);
	va_end(args);
}

void printk(enum log_level level, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vprintk(level, fmt, args);
	va_end(args);
}

void __init log_console_start(void)
{
	log.console = true;
	log_show();
}

void log_flush_emergency(void)
{
	WRITE_ONCE(log.emergency, true);
	log_show();
}

void log_set_console_level(unsigned level)
{
	log.level = min(level, (unsigned)LEVEL_ALL);
}

unsigned log_console_level(void)
{
	return log.level;
}

static int __init parse_loglevel(const char *value)
{
	u64 level;

	if (parse_u64(value, &level) || level > LEVEL_ALL)
		return -EINVAL;
	log_set_console_level((unsigned)level);
	return 0;
}

static const struct bootarg arg_loglevel __initconst = {
	"loglevel", parse_loglevel, "0 (nothing) to 6 (all); messages of a level below it are shown"
};
TABLE_ENTRY(bootarg, arg_loglevel);
