/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * console.c - the port that the user sits at
 *
 * One port, `active`: the firmware's (SBI) until console_init() found a driver for the
 * node that stdout-path names, and for ever if none takes it.
 *
 * Output: whole calls of console_write() stay together.  Lines end in CR LF on the wire.
 * Input: by interrupt, or polled where the port has none (the firmware's, or no driver of
 * its interrupt controller).  Either way the port is emptied into `typed`.  Interrupts stop
 * while `typed` is full (rx_stopped), so what is pasted waits in the port and its sender.
 * Polling, an idle hart sleeps for less than the port's FIFO takes to fill at POLL_BAUD.
 *
 * Locking: `lock` is held while the port sends, which is long on real wire, so interrupts
 * stay on.  An interrupt handler therefore never waits for it: its messages go into the
 * log, and whoever holds the lock calls log_show() after giving it back.  A hart that is
 * told to stop (panic elsewhere) while it holds the lock ends its line first (ipi.c).
 * `input_lock` is a leaf of a few instructions, interrupts off.
 * Not here: levels, time stamps (log.c), line editing (shell/line.c).
 */
#define LOG_PREFIX "console: "
#include <kernel/console.h>

#include <asm/sbi.h>
#include <base/errno.h>
#include <kernel/log.h>
#include <kernel/percpu.h>
#include <kernel/smp.h>
#include <kernel/spinlock.h>
#include <kernel/time.h>
#include <lib/dt.h>

#include <string.h>

#define TYPED_MAX     512	/* characters, a power of two */
#define FORCE_AFTER   10000000u /* polls of the lock before a panic ignores it */
#define FORCE_AT_ONCE 1000	/* the same if nobody is there to give it back */
#define POLL_BAUD     115200	/* a port is polled often enough for this speed */
#define SBI_CHUNK     128
#define CTRL_C	      3

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
	int holder;	       /* hart that holds lock, + 1 (lock; read by anyone for itself) */
	bool in_line;	       /* what was sent last was no newline (lock) */
	struct console active; /* changed by console_init() only */
	int node;	       /* of active, -1: none (console_init) */
	spinlock_t input_lock;
	char typed[TYPED_MAX]; /* (input_lock) */
	unsigned head, tail;   /* free-running; typed[tail .. head) waits (input_lock) */
	bool rx_stopped;       /* no interrupts until there is room (input_lock) */
	void (*wait)(bool (*ready)(void)); /* NULL: the port is polled */
	void (*wake)(void);
} con = {
	.lock = SPINLOCK_RANKED(LOCK_CONSOLE),
	.input_lock = SPINLOCK_RANKED(LOCK_INPUT),
	.node = -1,
	.active = { .name = "sbi", .ops = &sbi_ops, .rx_fifo = 16 },
};

static void note_holder(void)
{
	WRITE_ONCE(con.holder, (int)smp_processor_id() + 1);
}

bool console_trylock(void)
{
	if (!spin_trylock(&con.lock))
		return false;
	note_holder();
	return true;
}

void console_lock(void)
{
	spin_lock(&con.lock);
	note_holder();
}

bool console_held_here(void)
{
	return READ_ONCE(con.holder) == (int)smp_processor_id() + 1;
}

/* Another hart holds the lock, and runs: it gives the lock back at the end of its line. */
static bool holder_runs(void)
{
	int holder = READ_ONCE(con.holder);

	return holder && !console_held_here() &&
	       hart_info((unsigned)holder - 1)->state == HART_ONLINE;
}

void console_lock_by_force(void)
{
	/* The hart that holds the lock may have stopped, or one that waited its turn; or it's this
	 * one, and the panic came in between. */
	for (unsigned i = 0; i < FORCE_AFTER && (i < FORCE_AT_ONCE || holder_runs()); i++) {
		if (console_trylock())
			return;
		cpu_relax();
	}
	spin_lock_init_ranked(&con.lock, LOCK_CONSOLE);
	console_lock();
	if (con.in_line)
		console_emit("\n", 1); /* whose line was cut short is of no interest any more */
}

void console_unlock(void)
{
	WRITE_ONCE(con.holder, 0);
	spin_unlock(&con.lock);
	smp_stop_if_told();
}

void console_emit(const char *s, size_t n)
{
	while (n) {
		const char *newline = memchr(s, '\n', n);
		size_t run = newline ? (size_t)(newline - s) : n;

		con.in_line = true;
		if (run)
			con.active.ops->write(&con.active, s, run);
		if (!newline)
			return;
		con.active.ops->write(&con.active, "\r\n", 2);
		con.in_line = false;
		s += run + 1;
		n -= run + 1;
	}
}

void console_write(const char *s, size_t n)
{
	console_lock();
	console_emit(s, n);
	console_unlock();
	log_show();
}

/* Move what has arrived into `typed`; false if that's nothing.  What doesn't fit stays in the port,
 * which is kept from interrupting for it. input_lock is held. */
static bool empty_port(void)
{
	bool some = false;
	char got[64];
	size_t n;

	do {
		size_t room = TYPED_MAX - (con.head - con.tail);

		n = con.active.ops->read(&con.active, got, min(room, sizeof(got)));
		for (size_t i = 0; i < n; i++)
			con.typed[con.head++ % TYPED_MAX] = got[i];
		some = some || n;
	} while (n);
	if (con.wait && con.head - con.tail == TYPED_MAX) {
		con.active.ops->rx_interrupt(&con.active, false);
		con.rx_stopped = true;
	}
	return some;
}

/* The same where nothing else does it. input_lock is held. */
static void poll_port(void)
{
	if (!con.wait)
		empty_port();
}

/* Characters were taken out of `typed`: let the port interrupt again if there's room. input_lock is
 * held. */
static void made_room(void)
{
	if (likely(!con.rx_stopped) || con.head - con.tail > TYPED_MAX / 2)
		return;
	con.rx_stopped = false;
	con.active.ops->rx_interrupt(&con.active, true);
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
	made_room();
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
	made_room();
	spin_unlock_irqrestore(&con.input_lock, flags);
	return found;
}

/* A character is there. */
static bool has_input(void)
{
	unsigned long flags;
	bool some;

	spin_lock_irqsave(&con.input_lock, flags);
	poll_port();
	some = con.head != con.tail;
	spin_unlock_irqrestore(&con.input_lock, flags);
	return some;
}

void console_wait_input(void)
{
	/* Three quarters of the time in which the FIFO fills; a character has 10 bits. */
	u64 pause_ns = con.active.rx_fifo * (10ull * 1000000000 / POLL_BAUD) * 3 / 4;

	if (con.wait) {
		con.wait(has_input);
		return;
	}
	while (!has_input())
		arch_wait_ns(pause_ns);
}

bool console_interrupt(void)
{
	unsigned long flags;
	bool some;

	spin_lock_irqsave(&con.input_lock, flags);
	some = empty_port();
	spin_unlock_irqrestore(&con.input_lock, flags);
	if (some && con.wake) /* a port may interrupt for another reason before it's asked to */
		con.wake();
	return some;
}

void console_use_interrupts(void (*wait)(bool (*ready)(void)), void (*wake)(void))
{
	unsigned long flags;

	spin_lock_irqsave(&con.input_lock, flags);
	con.wake = wake;
	con.wait = wait;
	con.active.ops->rx_interrupt(&con.active, true);
	spin_unlock_irqrestore(&con.input_lock, flags);
}

int console_node(void)
{
	return con.node;
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
	con.node = port.node;
	return 0;
}

void __init console_init(void)
{
	if (start_port())
		pr_notice("the firmware's stays in use, which is slow");
	log_console_start();
}

const char *console_name(void)
{
	return con.active.name;
}
