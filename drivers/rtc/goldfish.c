/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * goldfish.c - the real-time clock of QEMU's virt machine
 *
 * Nanoseconds since 1970 in two registers; reading the low one latches the high one.  The alarm
 * raises a level interrupt, at once if its time has passed, which stays until it's cleared.
 *
 * Locking: `lock` (a leaf, interrupts off) for pairs of registers.
 * Facts: the google,goldfish-rtc binding, QEMU's documentation of the device.
 */
#define LOG_PREFIX "goldfish: "
#include <drivers/rtc.h>

#include <asm/io.h>
#include <drivers/driver.h>
#include <kernel/log.h>
#include <kernel/spinlock.h>
#include <lib/dt.h>
#include <mm/ioremap.h>
#include <sched/irq.h>

#define TIME_LOW	0x00
#define TIME_HIGH	0x04
#define ALARM_LOW	0x08 /* written last: sets the alarm */
#define ALARM_HIGH	0x0c
#define IRQ_ENABLED	0x10
#define CLEAR_INTERRUPT 0x1c
#define REG_BYTES	0x20

static spinlock_t lock = SPINLOCK_RANKED(LOCK_IRQ_CHIP);
static volatile u8 *base;
#define NO_ALARM ~0ull
static u64 alarm_ns = NO_ALARM; /* set and not cleared (lock) */

static u64 goldfish_now_ns(void)
{
	unsigned long flags;
	u64 low, high;

	spin_lock_irqsave(&lock, flags);
	low = mmio_read32(base + TIME_LOW);
	high = mmio_read32(base + TIME_HIGH);
	spin_unlock_irqrestore(&lock, flags);
	return high << 32 | low;
}

static void goldfish_set_alarm(u64 ns)
{
	unsigned long flags;

	spin_lock_irqsave(&lock, flags);
	alarm_ns = ns;
	mmio_write32(base + IRQ_ENABLED, 1);
	mmio_write32(base + ALARM_HIGH, (u32)(ns >> 32));
	mmio_write32(base + ALARM_LOW, (u32)ns);
	spin_unlock_irqrestore(&lock, flags);
}

/* No register says so. */
static bool goldfish_is_raised(void)
{
	unsigned long flags;
	u64 alarm;

	spin_lock_irqsave(&lock, flags);
	alarm = alarm_ns;
	spin_unlock_irqrestore(&lock, flags);
	return goldfish_now_ns() >= alarm;
}

static void goldfish_clear(void)
{
	unsigned long flags;

	spin_lock_irqsave(&lock, flags);
	alarm_ns = NO_ALARM;
	mmio_write32(base + CLEAR_INTERRUPT, 1);
	spin_unlock_irqrestore(&lock, flags);
}

static struct rtc goldfish = {
	.name = "goldfish",
	.now_ns = goldfish_now_ns,
	.set_alarm = goldfish_set_alarm,
	.is_raised = goldfish_is_raised,
	.clear = goldfish_clear,
};

const struct rtc *rtc_get(void)
{
	return base ? &goldfish : NULL;
}

static int goldfish_probe(int node)
{
	struct phys_range reg;
	struct dt_error why;
	int irq = irq_of_node(node, 0);

	if (irq == -EPROBE_DEFER)
		return irq;
	if (base)
		return -ENODEV; /* one is enough */
	if (dt_reg(node, 0, &reg, &why)) {
		pr_err("%s", why.text);
		return -EINVAL;
	}
	base = ioremap(reg.start, REG_BYTES);
	if (!base)
		return -ENOMEM;
	mmio_write32(base + IRQ_ENABLED, 0);
	goldfish_clear();
	goldfish.irq = irq < 0 ? 0 : (unsigned int)irq;
	return 0;
}

static const char *const compatible[] = { "google,goldfish-rtc", NULL };
static const struct driver goldfish_driver = { "goldfish", compatible, DRIVER_DEVICE,
					       goldfish_probe };
TABLE_ENTRY(driver, goldfish_driver);
