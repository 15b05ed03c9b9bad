/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * console.c - the port that the user sits at
 *
 * One port, `active`: the firmware's (SBI) until console_init() found a driver for the
 * node that stdout-path names, and for ever if none takes it.
 *
 * Output: whole calls of console_write() stay together.  Lines end in CR LF on the wire.
 * Input: polled.  A poll empties the port into `typed`, and an idle hart sleeps for less
 * than the port's FIFO takes to fill at POLL_BAUD, so that nothing typed or pasted is lost.
 *
 * Locking: `lock` is held while the port sends, which is long on real wire, so interrupts
 * stay on.  An interrupt handler therefore never waits for it: its messages go into the
 * log, and whoever holds the lock calls log_show() after giving it back.
 * `input_lock` is a leaf of a few instructions, interrupts off.
 * Not here: levels, time stamps (log.c), line editing (shell/line.c).
 */
#define LOG_PREFIX "console: "
#include <kernel/console.h>

#include <asm/sbi.h>
#include <base/errno.h>
#include <kernel/log.h>
#include <kernel/spinlock.h>
#include <kernel/time.h>
#include <lib/dt.h>

#include <string.h>

#define TYPED_MAX   512	      /* characters, a power of two */
#define FORCE_AFTER 10000000u /* polls of the lock before a panic ignores it */
#define POLL_BAUD   115200    /* a port is polled often enough for this speed */
#define SBI_CHUNK   128
#define CTRL_C	    3

static void sbi_write(struct console *con, const char *s, size_t n)
{
	/* The firmware reads physical memory: a stack's address is no use to it. */
	static char chunk[SBI_CHUNK];

	(void)con;
	while (n) {
		size_t part = min(n, (size_t)SBI_CHUNK);

		memcpy(chunk, s, part);
		sbi_console_write(chunk, part);
		s += part;
		n -= part;
	}
}

static size_t sbi_read(struct console *con, char *buf, size_t n)
{
	size_t got = 0;

	(void)con;
	for (int c; got < n && (c = sbi_console_getchar()) >= 0; got++)
		buf[got] = (char)c;
	return got;
}

static const struct console_ops sbi_ops = { .write = sbi_write, .read = sbi_read };

static struct {
	spinlock_t lock;
	struct console active; /* changed by console_init() only */
	spinlock_t input_lock;
	char typed[TYPED_MAX]; /* (input_lock) */
	unsigned head, tail;   /* free-running; typed[tail .. head) waits (input_lock) */
} con = {
	.lock = SPINLOCK_RANKED(LOCK_CONSOLE),
	.input_lock = SPINLOCK_RANKED(LOCK_INPUT),
	.active = { .name = "sbi", .ops = &sbi_ops, .rx_fifo = 16 },
};

bool console_trylock(void)
{
	return spin_trylock(&con.lock);
}

void console_lock_by_force(void)
{
	for (unsigned i = 0; i < FORCE_AFTER; i++) {
		if (spin_trylock(&con.lock))
			return;
		cpu_relax();
	}
	spin_lock_init_ranked(&con.lock, LOCK_CONSOLE);
	spin_lock(&con.lock);
}

void console_unlock(void)
{
	spin_unlock(&con.lock);
}

void console_emit(const char *s, size_t n)
{
	while (n) {
		const char *newline = memchr(s, '\n', n);
		size_t run = newline ? (size_t)(newline - s) : n;

		if (run)
			con.active.ops->write(&con.active, s, run);
		if (!newline)
			return;
		con.active.ops->write(&con.active, "\r\n", 2);
		s += run + 1;
		n -= run + 1;
	}
}

void console_write(const char *s, size_t n)
{
	spin_lock(&con.lock);
	console_emit(s, n);
	spin_unlock(&con.lock);
	log_show();
}

/* Move what has arrived into `typed`. What doesn't fit stays in the port. */
static void poll_port(void)
{
	char got[64];
	size_t n;

	do {
		size_t room = TYPED_MAX - (con.head - con.tail);

		n = con.active.ops->read(&con.active, got, min(room, sizeof(got)));
		for (size_t i = 0; i < n; i++)
			con.typed[con.head++ % TYPED_MAX] = got[i];
	} while (n);
}

int console_getchar(void)
{
	unsigned long flags;
	int c = -1;

	spin_lock_irqsave(&con.input_lock, flags);
	if (con.head == con.tail)
		poll_port();
	if (con.head != con.tail)
		c = (unsigned char)con.typed[con.tail++ % TYPED_MAX];
	spin_unlock_irqrestore(&con.input_lock, flags);
	return c;
}

bool console_interrupted(void)
{
	unsigned long flags;
	bool found = false;

	spin_lock_irqsave(&con.input_lock, flags);
	poll_port();
	for (unsigned at = con.tail; at != con.head && !found; at++) {
		if (con.typed[at % TYPED_MAX] != CTRL_C)
			continue;
		con.tail = at + 1;
		found = true;
	}
	spin_unlock_irqrestore(&con.input_lock, flags);
	return found;
}

void console_wait_input(void)
{
	/* Three quarters of the time in which the FIFO fills; a character has 10 bits. */
	u64 pause_ns = con.active.rx_fifo * (10ull * 1000000000 / POLL_BAUD) * 3 / 4;

	for (;;) {
		unsigned long flags;
		bool some;

		spin_lock_irqsave(&con.input_lock, flags);
		poll_port();
		some = con.head != con.tail;
		spin_unlock_irqrestore(&con.input_lock, flags);
		if (some)
			return;
		arch_wait_ns(pause_ns);
	}
}

static const struct console_driver *find_driver(int node)
{
	const struct console_driver *drv;

	for_each_table(console_driver, drv)
		for (const char *const *c = drv->compatible; *c; c++)
			if (dt_compatible(node, *c))
				return drv;
	return NULL;
}

/* Replaces the firmware's console by the board's port; 0 or -errno with the reason logged. */
static int start_port(void)
{
	const struct console_driver *drv;
	struct dt_console port;
	struct dt_error why;
	struct console found = { 0 };
	char path[DT_PATH_LEN];
	int err = dt_find_stdout(&port, &why);

	if (err) {
		pr_notice("%s", why.text);
		return err;
	}
	drv = find_driver(port.node);
	if (!drv) {
		const char *kind = dt_prop_string(port.node, "compatible");

		pr_notice("no driver for %s (%s)", dt_path(port.node, path, sizeof(path)),
			  kind ? kind : "not compatible with anything");
		return -ENODEV;
	}
	err = drv->probe(&port, &found);
	if (err)
		return err;
	pr_info("%s at 0x%llx", found.name, PA(port.reg.start));
	con.active = found;
	return 0;
}

void console_init(void)
{
	if (start_port())
		pr_notice("the firmware's stays in use, which is slow");
	log_console_start();
}

const char *console_name(void)
{
	return con.active.name;
}
