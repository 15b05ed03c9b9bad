/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sifive_uart.c - the UART of SiFive's FU540 and FU740
 *
 * Sending is polled, as messages must get out in any context; receiving interrupts.
 *
 * Facts: FU540-C000 manual, chapter 13.  Both FIFOs have 8 entries.  Bit 31 of TXDATA
 * reads as 1 while the transmit FIFO is full; reading RXDATA takes a character, and bit
 * 31 of what was read says that there was none.  Speed is left as the firmware set it:
 * its clock comes from the PRCI, which this kernel doesn't drive.
 */
#define LOG_PREFIX "sifive-uart: "
#include "console_irq.h"

#include <asm/io.h>
#include <base/errno.h>
#include <kernel/log.h>
#include <lib/dt.h>
#include <mm/ioremap.h>

#define TXDATA	  0x00
#define RXDATA	  0x04
#define TXCTRL	  0x08
#define RXCTRL	  0x0c
#define IE	  0x10
#define IP	  0x14
#define REG_BYTES 0x1c

#define FULL_OR_EMPTY (1u << 31)
#define CTRL_ENABLE   1u
#define RX_WATERMARK  0x70000u /* of RXCTRL: more characters than that interrupt */
#define IRQ_RX	      2u
#define FIFO_DEPTH    8

static void sifive_write(struct console *con, const char *s, size_t n)
{
	volatile u8 *base = con->priv;

	while (n--) {
		while (mmio_read32(base + TXDATA) & FULL_OR_EMPTY)
			;
		mmio_write32(base + TXDATA, (u8)*s++);
	}
}

static size_t sifive_read(struct console *con, char *buf, size_t n)
{
	volatile u8 *base = con->priv;
	size_t got = 0;

	while (got < n) {
		u32 data = mmio_read32(base + RXDATA);

		if (data & FULL_OR_EMPTY)
			break;
		buf[got++] = (char)data;
	}
	return got;
}

static void sifive_rx_interrupt(struct console *con, bool on)
{
	volatile u8 *base = con->priv;

	mmio_write32(base + IE, on ? IRQ_RX : 0);
}

static const struct console_ops ops = { .write = sifive_write,
					.read = sifive_read,
					.rx_interrupt = sifive_rx_interrupt };

static volatile u8 *port; /* the console's registers */

static enum irqreturn sifive_interrupt(unsigned int irq, void *dev)
{
	(void)irq;
	(void)dev;
	if (!(mmio_read32(port + IP) & mmio_read32(port + IE) & IRQ_RX))
		return IRQ_NONE;
	console_interrupt();
	return IRQ_HANDLED;
}

static int sifive_start(const struct dt_console *dt, struct console *con)
{
	volatile u8 *base = early_ioremap(dt->reg.start, REG_BYTES);

	if (!base) {
		pr_err("registers at 0x%llx can't be mapped", PA(dt->reg.start));
		return -ENOMEM;
	}
	mmio_write32(base + IE, 0);
	mmio_write32(base + TXCTRL, mmio_read32(base + TXCTRL) | CTRL_ENABLE);
	mmio_write32(base + RXCTRL, (mmio_read32(base + RXCTRL) & ~RX_WATERMARK) | CTRL_ENABLE);
	port = base;
	*con = (struct console){
		.name = "sifive-uart", .ops = &ops, .priv = (void *)base, .rx_fifo = FIFO_DEPTH
	};
	return 0;
}

static const char *const compatible[] = { "sifive,uart0", NULL };
static const struct console_driver sifive_console = { compatible, sifive_start };
TABLE_ENTRY(console_driver, sifive_console);

static int sifive_probe(int node)
{
	return console_irq_start(node, sifive_interrupt, "sifive_uart", NULL);
}

static const struct driver sifive_uart_driver = { "sifive_uart", compatible, DRIVER_DEVICE,
						  sifive_probe };
TABLE_ENTRY(driver, sifive_uart_driver);
