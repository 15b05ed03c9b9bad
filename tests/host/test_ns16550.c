/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_ns16550.c - the 16550 driver against a model of the chip
 *
 * The model fails the test where a chip would lose something: an access of another width, between
 * two registers, a character too many in the FIFO, a new line control while it sends (which
 * snps,dw-apb-uart ignores).
 */
#include "../../drivers/console/console_irq.h"
#include "harness.h"

#include <asm/io.h>
#include <base/errno.h>
#include <kernel/console.h>
#include <lib/dt.h>
#include <mm/ioremap.h>
#include <string.h>

enum { DATA, IER, IIR_FCR, LCR, MCR, LSR };
#define DLAB 0x80

static struct {
	u8 window[8 << 4] __aligned(16); /* addresses only: nothing is stored here */
	unsigned shift, width, offset;
	unsigned depth; /* of the FIFOs; 1: there are none */
	bool fifos_on, dead;
	u8 ier, lcr, mcr, divisor[2];
	char sent[512];
	unsigned nr_sent, in_fifo, looks; /* looks: times that LSR was read */
	const char *typed;
} chip;

static unsigned reg_of(const volatile void *reg, unsigned bytes)
{
	size_t at = (size_t)((const volatile u8 *)reg - chip.window) - chip.offset;

	EXPECT_EQ(bytes, chip.width);
	EXPECT(at % (1u << chip.shift) == 0);
	EXPECT(at >> chip.shift < 8);
	return (unsigned)(at >> chip.shift);
}

static u32 line_status(void)
{
	u32 lsr = *chip.typed ? 1 : 0;

	chip.looks++;
	if (chip.dead)
		return 0;
	if (!chip.in_fifo)
		return lsr | 0x60;
	/* The FIFO is empty before the shift register is. */
	return --chip.in_fifo ? lsr : lsr | 0x20;
}

u32 fake_read(const volatile void *reg, unsigned bytes)
{
	switch (reg_of(reg, bytes)) {
	case DATA:
		return *chip.typed ? (u8)*chip.typed++ : 0;
	case IIR_FCR:
		return chip.fifos_on && chip.depth > 1 ? 0xc1 : 1;
	case LCR:
		return chip.lcr;
	case LSR:
		return line_status();
	default:
		host_fail(__FILE__, __LINE__, "register %u is read", reg_of(reg, bytes));
	}
}

void fake_write(volatile void *reg, unsigned bytes, u32 value)
{
	unsigned nr = reg_of(reg, bytes);

	switch (nr) {
	case DATA:
	case IER:
		if (chip.lcr & DLAB) {
			chip.divisor[nr] = (u8)value;
		} else if (nr == IER) {
			chip.ier = (u8)value;
		} else {
			EXPECT(chip.in_fifo < chip.depth);
			chip.in_fifo++;
			chip.sent[chip.nr_sent++] = (char)value;
		}
		break;
	case IIR_FCR:
		chip.fifos_on = value & 1;
		break;
	case LCR:
		EXPECT_EQ(chip.in_fifo, 0);
		chip.lcr = (u8)value;
		break;
	case MCR:
		chip.mcr = (u8)value;
		break;
	default:
		host_fail(__FILE__, __LINE__, "register %u is written", nr);
	}
}

/* What the driver asks of others: no interrupts here, and a plain 16550. */
bool console_interrupt(void)
{
	return false;
}

int console_irq_start(int node, irq_handler_t handler, const char *name, void *dev)
{
	return -ENODEV;
}

bool dt_compatible(int node, const char *compatible)
{
	return false;
}

void *ioremap(phys_addr_t pa, size_t bytes)
{
	EXPECT_EQ(pa, 0x10000000);
	return bytes <= sizeof(chip.window) ? chip.window : NULL;
}

static const struct console_driver *driver(void)
{
	const struct console_driver *drv;

	for_each_table(console_driver, drv)
		return drv;
	return NULL;
}

static struct dt_console port_of(unsigned shift, unsigned width, unsigned depth)
{
	memset(&chip, 0, sizeof(chip));
	chip.shift = shift;
	chip.width = width;
	chip.depth = depth;
	chip.ier = 0xff;
	chip.lcr = 3;
	chip.typed = "";
	return (struct dt_console){ .reg = { 0x10000000, 0x10000100 },
				    .reg_shift = shift,
				    .reg_io_width = width,
				    .clock_hz = 24000000 };
}

static void check_port(unsigned shift, unsigned width, unsigned depth)
{
	static const char text[] = "forty-two characters are more than FIFOs have";
	struct dt_console port = port_of(shift, width, depth);
	struct console con = { 0 };
	char got[8];

	EXPECT_EQ(driver()->probe(&port, &con), 0);
	EXPECT_EQ(chip.ier, 0);
	EXPECT_EQ(chip.mcr, 0xb);
	EXPECT_EQ(con.rx_fifo, depth);
	chip.looks = 0;
	con.ops->write(&con, text, strlen(text));
	EXPECT_EQ(chip.nr_sent, strlen(text));
	EXPECT(!memcmp(chip.sent, text, strlen(text)));
	chip.typed = "typed ahead";
	EXPECT_EQ(con.ops->read(&con, got, sizeof(got)), 8);
	EXPECT(!memcmp(got, "typed ah", 8));
	EXPECT_EQ(con.ops->read(&con, got, sizeof(got)), 3);
	EXPECT_EQ(con.ops->read(&con, got, sizeof(got)), 0);
}

TEST(every_layout_and_fifo)
{
	for (unsigned shift = 0; shift <= 4; shift++)
		for (unsigned width = 1; width <= min(4u, 1u << shift); width *= 2)
			for (unsigned depth = 1; depth <= 16; depth += 15)
				check_port(shift, width, depth);
}

TEST(registers_behind_an_offset)
{
	struct dt_console port = port_of(0, 1, 16);
	struct console con;

	port.reg_offset = chip.offset = 0x40;
	EXPECT_EQ(driver()->probe(&port, &con), 0);
	con.ops->write(&con, "x", 1);
	EXPECT_EQ(chip.sent[0], 'x');
}

TEST(speed_changes_only_if_asked)
{
	struct dt_console port = port_of(2, 4, 16);
	struct console con;

	port.baud = 115200; /* current-speed says so, stdout-path doesn't */
	EXPECT_EQ(driver()->probe(&port, &con), 0);
	EXPECT_EQ(chip.divisor[0] | chip.divisor[1] << 8, 0);
	strcpy(port.options, "115200n8");
	EXPECT_EQ(driver()->probe(&port, &con), 0);
	EXPECT_EQ(chip.divisor[0] | chip.divisor[1] << 8, 13);
	EXPECT_EQ(chip.lcr, 3);
	port.baud = 300;
	EXPECT_EQ(driver()->probe(&port, &con), 0);
	EXPECT_EQ(chip.divisor[0] | chip.divisor[1] << 8, 5000);
	port.baud = 4000000;
	host_log_clear();
	EXPECT_EQ(driver()->probe(&port, &con), 0);
	EXPECT(host_log_contains("4000000 baud from 24000000 Hz can't be set"));
	EXPECT_EQ(chip.divisor[0] | chip.divisor[1] << 8, 5000);
}

TEST(what_is_no_uart_is_refused)
{
	static const struct {
		unsigned shift, width, offset, bytes;
	} bad[] = { { 5, 1, 0, 0x100 },
		    { 2, 3, 0, 0x100 },
		    { 2, 8, 0, 0x100 },
		    { 2, 4, 0, 0x1f },
		    { 0, 1, 0xf9, 0x100 } };
	struct dt_console port;
	struct console con;

	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		port = port_of(bad[i].shift, bad[i].width, 16);
		port.reg_offset = bad[i].offset;
		port.reg.end = port.reg.start + bad[i].bytes;
		EXPECT_EQ(driver()->probe(&port, &con), -EINVAL);
	}
	port = port_of(0, 1, 16);
	chip.dead = true;
	EXPECT_EQ(driver()->probe(&port, &con), -ENODEV);
	EXPECT_EQ(chip.ier, 0xff);
}
