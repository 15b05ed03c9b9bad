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
	/* Interrupt when a character has arrived, or don't.  NULL: it can't. */
	void (*rx_interrupt)(struct console *con, bool on);
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

/*
 * console_wait_input - wait until a character is there
 * With interrupts from the port the thread sleeps until then; else it polls, often enough that
 * nothing typed is lost, and sleeps in between.  A thread, or the boot code.
 */
void console_wait_input(void);

/* console_node - the port's node in the device tree; -1: the firmware's console. */
int console_node(void);

/*
 * console_use_interrupts - from now on console_interrupt() is called when characters arrive
 * @wait sleeps until its argument returns true, @wake has it look again: the scheduler's part,
 * which stands above this file.  The port isn't polled any more.  Once.
 */
void console_use_interrupts(void (*wait)(bool (*ready)(void)), void (*wake)(void));

/* console_interrupt - take in what has arrived; false if there was nothing.  From the driver's
 * interrupt handler. */
bool console_interrupt(void);

/*
 * For log.c, which writes many lines under one lock: take the console's lock if it is
 * free, or wait for it, or take it after a while by force (panic), write as
 * console_write() does, give it back.
 */
bool console_trylock(void);
void console_lock(void);
void console_lock_by_force(void);
void console_emit(const char *s, size_t n);
void console_unlock(void);

/* console_held_here - this hart holds the console's lock. */
bool console_held_here(void);

#endif
