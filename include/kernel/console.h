/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * console.h - the one serial port that the user sits at
 *
 * The port is the one that /chosen/stdout-path names; the driver is found by
 * `compatible` in the table of console drivers.  Until console_init(), and where
 * no driver matches, output goes through the firmware (SBI), slowly.
 */
#ifndef KERNEL_CONSOLE_H
#define KERNEL_CONSOLE_H

#include <base/table.h>
#include <base/types.h>

struct dt_console; /* lib/dt.h */
struct console;

struct console_ops {
	/* Writes all of @s as it is; waits for room.  Called with the console's lock held. */
	void (*write)(struct console *con, const char *s, size_t n);
	/* Takes at most @n characters that have arrived; never waits. */
	size_t (*read)(struct console *con, char *buf, size_t n);
};

struct console {
	const char *name; /* "ns16550a" */
	const struct console_ops *ops;
	void *priv;	  /* the driver's own */
	unsigned rx_fifo; /* characters that wait in the port before one is lost */
};

struct console_driver {
	const char *const *compatible; /* ends with NULL */
	/*
	 * Takes the port @dt over and fills *@con; 0, or -errno after saying why in
	 * the log.  The port's settings are left as the firmware had them unless
	 * stdout-path has options.
	 */
	int (*probe)(const struct dt_console *dt, struct console *con);
};
TABLE_DECLARE(console_driver);

/*
 * console_init - find and start the console, then write out the log so far.
 * After early_ioremap() works, interrupts on or off, boot hart only.
 */
void console_init(void);

/* console_name - "ns16550a", "sbi", ... for messages and `harts`-like commands. */
const char *console_name(void);

/* console_write - write @n characters, '\n' as CR LF.  Any context; waits for the port. */
void console_write(const char *s, size_t n);

/* console_getchar - the next character typed, or -1; never waits. */
int console_getchar(void);

/*
 * console_interrupted - true if ^C was typed; forgets it and what was typed before it.
 * What is typed ahead otherwise stays for console_getchar().  Never waits.
 */
bool console_interrupted(void);

/* console_wait_input - wait until a character is there; the hart sleeps between polls. */
void console_wait_input(void);

/*
 * For log.c, which writes many lines under one lock: take the console's lock if it is
 * free, or after a while by force (panic), write as console_write() does, give it back.
 */
bool console_trylock(void);
void console_lock_by_force(void);
void console_emit(const char *s, size_t n);
void console_unlock(void);

#endif
