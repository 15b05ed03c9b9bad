/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ns16550.c - the 16550 UART and its relatives
 *
 * Registers are `1 << reg-shift` bytes apart and read and written `reg-io-width` bytes
 * at a time.  The firmware has set speed and format; the speed changes only if stdout-path
 * asks for one ("...:115200n8") and the node tells the clock.
 *
 * THRE (transmitter holding register empty) means that the whole transmit FIFO is empty,
 * so FIFO characters can follow without another look: one poll for 16 characters.
 * Sending is polled, as messages must get out in any context; receiving interrupts.
 *
 * snps,dw-apb-uart: a write to LCR while the UART is busy is lost, and raises a "busy
 * detect" interrupt that only reading USR clears; LCR is read back.  It may also claim a
 * receive timeout when nothing is there, until the data register is read.
 */
#define LOG_PREFIX "ns16550: "
#include "console_irq.h"

#include <asm/io.h>
#include <base/errno.h>
#include <kernel/log.h>
#include <lib/dt.h>
#include <mm/ioremap.h>

enum {
	REG_DATA = 0, /* transmit and receive; low byte of the divisor with LCR_DLAB */
	REG_IER = 1,  /* interrupts; high byte of the divisor with LCR_DLAB */
	REG_FCR = 2,  /* written: FIFO control */
	REG_IIR = 2,  /* read: what interrupted, and whether there are FIFOs */
	REG_LCR = 3,
	REG_MCR = 4,
	REG_LSR = 5,
	NR_REGS = 8,
	REG_USR = 31, /* DesignWare: status; reading it ends a busy-detect interrupt */
};

#define FCR_ENABLE    0x01
#define IER_RX	      0x01 /* interrupt when a character has arrived */
#define IIR_FIFOS     0xc0 /* both bits: FIFOs that work */
#define IIR_NONE      0x01 /* nothing interrupts */
#define IIR_CAUSE     0x0f
#define IIR_BUSY      0x07 /* DesignWare: LCR was written while it was busy */
#define IIR_TIMEOUT   0x0c /* characters have waited in the FIFO */
#define LCR_DLAB      0x80
#define MCR_DTR_RTS   0x03
#define MCR_OUT2      0x08 /* lets interrupts out, where it's wired so */
#define LSR_READY     0x01 /* a character is there */
#define LSR_THRE      0x20
#define LSR_IDLE      0x40 /* FIFO and shift register are empty */
#define FIFO_DEPTH    16
#define MAX_SHIFT     4
#define POLLS_TO_IDLE 1000000 /* far longer than any FIFO takes */

static struct ns16550 {
	volatile u8 *base;
	unsigned shift; /* log2 of the bytes between registers */
	unsigned width; /* bytes an access: 1, 2, 4 */
	unsigned fifo;	/* characters that fit after THRE */
	bool has_usr;	/* DesignWare's registers are there */
} port;

static u8 get(const struct ns16550 *p, unsigned reg)
{
	const volatile u8 *at = p->base + (reg << p->shift);

	if (p->width == 1)
		return mmio_read8(at);
	return p->width == 2 ? (u8)mmio_read16(at) : (u8)mmio_read32(at);
}

static void put(const struct ns16550 *p, unsigned reg, u8 value)
{
	volatile u8 *at = p->base + (reg << p->shift);

	if (p->width == 1)
		mmio_write8(at, value);
	else if (p->width == 2)
		mmio_write16(at, value);
	else
		mmio_write32(at, value);
}

static void ns16550_write(struct console *con, const char *s, size_t n)
{
	const struct ns16550 *p = con->priv;

	while (n) {
		size_t burst = min(n, (size_t)p->fifo);

		while (!(get(p, REG_LSR) & LSR_THRE))
			;
		n -= burst;
		for (; burst; burst--)
			put(p, REG_DATA, (u8)*s++);
	}
}

static size_t ns16550_read(struct console *con, char *buf, size_t n)
{
	const struct ns16550 *p = con->priv;
	size_t got = 0;

	while (got < n && (get(p, REG_LSR) & LSR_READY))
		buf[got++] = (char)get(p, REG_DATA);
	return got;
}

static void ns16550_rx_interrupt(struct console *con, bool on)
{
	put(con->priv, REG_IER, on ? IER_RX : 0);
}

static const struct console_ops ops = { .write = ns16550_write,
					.read = ns16550_read,
					.rx_interrupt = ns16550_rx_interrupt };

static enum irqreturn ns16550_interrupt(unsigned int irq, void *dev)
{
	const struct ns16550 *p = dev;
	u8 cause = get(p, REG_IIR) & IIR_CAUSE;

	(void)irq;
	if (cause & IIR_NONE && cause != IIR_BUSY)
		return IRQ_NONE;
	if (cause == IIR_BUSY && p->has_usr)
		get(p, REG_USR);
	if (!console_interrupt() && cause == IIR_TIMEOUT)
		get(p, REG_DATA);
	return IRQ_HANDLED;
}

/* Is the transmitter empty before long? Where no UART is, a register may read as 0 for ever. */
static bool transmits(const struct ns16550 *p)
{
	for (unsigned polls = 0; polls < POLLS_TO_IDLE; polls++) {
		if (get(p, REG_LSR) & LSR_THRE)
			return true;
	}
	return false;
}

/* Sets the line control register; false if the UART is busy for too long to take it. */
static bool set_line_control(const struct ns16550 *p, u8 value)
{
	for (unsigned polls = 0; polls < POLLS_TO_IDLE; polls++) {
		if (!(get(p, REG_LSR) & LSR_IDLE))
			continue;
		put(p, REG_LCR, value);
		if (get(p, REG_LCR) == value)
			return true;
	}
	return false;
}

/* Sets @baud from @clock_hz; false if the divisor can't make it or the UART stays busy. */
static bool set_speed(const struct ns16550 *p, unsigned clock_hz, unsigned baud)
{
	unsigned divisor = (clock_hz / 8 / baud + 1) / 2;
	u8 format = (u8)(get(p, REG_LCR) & ~LCR_DLAB);

	if (!divisor || divisor > 0xffff || !set_line_control(p, format | LCR_DLAB))
		return false;
	put(p, REG_DATA, (u8)divisor);
	put(p, REG_IER, (u8)(divisor >> 8));
	return set_line_control(p, format);
}

static int ns16550_start(const struct dt_console *dt, struct console *con)
{
	bool has_usr = dt_compatible(dt->node, "snps,dw-apb-uart");
	u64 span =
		dt->reg_offset + ((has_usr ? REG_USR + 1ull : NR_REGS) << min(dt->reg_shift, 31u));
	unsigned width = dt->reg_io_width;
	u8 *regs;

	if (dt->reg_shift > MAX_SHIFT || (width != 1 && width != 2 && width != 4) ||
	    span > dt->reg.end - dt->reg.start) {
		pr_err("reg-shift %u, reg-io-width %u, reg-offset %u make no UART of %llu bytes",
		       dt->reg_shift, width, dt->reg_offset, PA(dt->reg.end - dt->reg.start));
		return -EINVAL;
	}
	regs = early_ioremap(dt->reg.start, (size_t)span);
	if (!regs) {
		pr_err("registers at 0x%llx can't be mapped", PA(dt->reg.start));
		return -ENOMEM;
	}
	port = (struct ns16550){
		.base = regs + dt->reg_offset,
		.shift = dt->reg_shift,
		.width = width,
		.fifo = 1,
		.has_usr = has_usr,
	};

	if (!transmits(&port)) {
		pr_err("the transmitter at 0x%llx is never empty: no UART there",
		       PA(dt->reg.start));
		return -ENODEV;
	}
	put(&port, REG_IER, 0);
	if (dt->options[0] && dt->baud && dt->clock_hz && !set_speed(&port, dt->clock_hz, dt->baud))
		pr_warn("%u baud from %u Hz can't be set, the speed stays", (unsigned)dt->baud,
			(unsigned)dt->clock_hz);
	if ((get(&port, REG_IIR) & IIR_FIFOS) != IIR_FIFOS)
		put(&port, REG_FCR, FCR_ENABLE);
	if ((get(&port, REG_IIR) & IIR_FIFOS) == IIR_FIFOS)
		port.fifo = FIFO_DEPTH;
	put(&port, REG_MCR, MCR_DTR_RTS | MCR_OUT2);

	*con = (struct console){
		.name = "ns16550a", .ops = &ops, .priv = &port, .rx_fifo = port.fifo
	};
	return 0;
}

static const char *const compatible[] = { "ns16550a",
					  "ns16550",
					  "ns8250",
					  "snps,dw-apb-uart",
					  "starfive,jh7100-uart",
					  "starfive,jh7110-uart",
					  NULL };
static const struct console_driver ns16550_console = { compatible, ns16550_start };
TABLE_ENTRY(console_driver, ns16550_console);

static int ns16550_probe(int node)
{
	return console_irq_start(node, ns16550_interrupt, "ns16550", &port);
}

static const struct driver ns16550_driver = { "ns16550", compatible, DRIVER_DEVICE, ns16550_probe };
TABLE_ENTRY(driver, ns16550_driver);
