/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sbi.c - calls into the firmware
 *
 * Extensions are probed once; an extension that is missing has a fallback (legacy console
 * and timer) or an error.  Hart masks name one hart at a time, with its id as the base, so
 * sparse and large hart ids need no window arithmetic.
 *
 * Specification: RISC-V Supervisor Binary Interface, chapters Base, Legacy, TIME, IPI,
 * RFENCE, HSM, SRST, DBCN, FWFT.
 */
#include <asm/sbi.h>

#include <asm/memory.h>
#include <base/errno.h>
#include <stdio.h>

#define EXT_BASE	 0x10
#define EXT_TIME	 0x54494d45
#define EXT_IPI		 0x735049
#define EXT_RFENCE	 0x52464e43
#define EXT_HSM		 0x48534d
#define EXT_SRST	 0x53525354
#define EXT_DBCN	 0x4442434e
#define EXT_FWFT	 0x46574654
#define LEGACY_SET_TIMER 0
#define LEGACY_PUTCHAR	 1
#define LEGACY_GETCHAR	 2

static struct {
	const char *name;
	long id;
	bool there;
} extensions[] __ro_after_init = {
	{ "TIME", EXT_TIME, false }, { "IPI", EXT_IPI, false },	  { "RFENCE", EXT_RFENCE, false },
	{ "HSM", EXT_HSM, false },   { "SRST", EXT_SRST, false }, { "DBCN", EXT_DBCN, false },
	{ "FWFT", EXT_FWFT, false },
};
enum { HAVE_TIME, HAVE_IPI, HAVE_RFENCE, HAVE_HSM, HAVE_SRST, HAVE_DBCN, HAVE_FWFT };

struct sbiret sbi_ecall(long ext, long fid, unsigned long arg0, unsigned long arg1,
			unsigned long arg2, unsigned long arg3, unsigned long arg4)
{
	register unsigned long a0 __asm__("a0") = arg0;
	register unsigned long a1 __asm__("a1") = arg1;
	register unsigned long a2 __asm__("a2") = arg2;
	register unsigned long a3 __asm__("a3") = arg3;
	register unsigned long a4 __asm__("a4") = arg4;
	register long a6 __asm__("a6") = fid;
	register long a7 __asm__("a7") = ext;

	__asm__ volatile("ecall"
			 : "+r"(a0), "+r"(a1)
			 : "r"(a2), "r"(a3), "r"(a4), "r"(a6), "r"(a7)
			 : "memory");
	return (struct sbiret){ (long)a0, (long)a1 };
}

static struct sbiret call(long ext, long fid, unsigned long a0, unsigned long a1, unsigned long a2)
{
	return sbi_ecall(ext, fid, a0, a1, a2, 0, 0);
}

void __init sbi_init(void)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(extensions); i++) {
		struct sbiret r = call(EXT_BASE, 3, (unsigned long)extensions[i].id, 0, 0);

		extensions[i].there = !r.error && r.value;
	}
}

void __init sbi_describe(char *buf, size_t size)
{
	static const char *const names[] = { "BBL",    "OpenSBI", "Xvisor",
					     "KVM",    "RustSBI", "Diosix",
					     "Coffer", "Xen",	  "PolarFire HSS" };
	unsigned long spec = (unsigned long)call(EXT_BASE, 0, 0, 0, 0).value;
	unsigned long id = (unsigned long)call(EXT_BASE, 1, 0, 0, 0).value;
	unsigned long version = (unsigned long)call(EXT_BASE, 2, 0, 0, 0).value;
	int n;

	n = snprintf(buf, size, "%s %lu.%lu, SBI %lu.%lu:",
		     id < ARRAY_SIZE(names) ? names[id] : "unknown firmware", version >> 16,
		     version & 0xffff, spec >> 24 & 0x7f, spec & 0xffffff);
	for (unsigned int i = 0; i < ARRAY_SIZE(extensions) && n > 0 && (size_t)n < size; i++) {
		if (extensions[i].there)
			n += snprintf(buf + n, size - (size_t)n, " %s", extensions[i].name);
	}
}

/* The physical address of bytes in the image or the linear map. */
static phys_addr_t console_pa(const char *s)
{
	unsigned long va = (unsigned long)s;

	if (va - va_layout.linear_base < va_layout.linear_bytes)
		return __pa(s);
	return va >= va_layout.image_va ? __pa_symbol(s) : 0;
}

void sbi_console_write(const char *s, size_t len)
{
	phys_addr_t pa = console_pa(s);

	while (extensions[HAVE_DBCN].there && pa && len) {
		/* Address in two registers: the upper one is for bits above XLEN. */
		unsigned long high = sizeof(long) == 4 ? (unsigned long)(pa >> 16 >> 16) : 0;
		struct sbiret r = call(EXT_DBCN, 0, len, (unsigned long)pa, high);

		if (r.error || r.value <= 0)
			break;
		s += r.value;
		pa += (phys_addr_t)r.value;
		len -= (size_t)r.value;
	}
	while (len--)
		call(LEGACY_PUTCHAR, 0, (unsigned char)*s++, 0, 0);
}

int sbi_console_getchar(void)
{
	return (int)call(LEGACY_GETCHAR, 0, 0, 0, 0).error;
}

void sbi_set_timer(u64 time)
{
	unsigned long high = sizeof(long) == 4 ? (unsigned long)(time >> 32) : 0;

	if (extensions[HAVE_TIME].there)
		call(EXT_TIME, 0, (unsigned long)time, high, 0);
	else
		call(LEGACY_SET_TIMER, 0, (unsigned long)time, high, 0);
}

int sbi_send_ipi(unsigned long hartid)
{
	if (!extensions[HAVE_IPI].there)
		return -EIO;
	return call(EXT_IPI, 0, 1, hartid, 0).error ? -EIO : 0;
}

int sbi_remote_sfence(unsigned long mask, unsigned long base, unsigned long start,
		      unsigned long bytes)
{
	if (!extensions[HAVE_RFENCE].there)
		return -EIO;
	return sbi_ecall(EXT_RFENCE, 1, mask, base, start, bytes, 0).error ? -EIO : 0;
}

bool sbi_has_rfence(void)
{
	return extensions[HAVE_RFENCE].there;
}

int sbi_fwft_set(unsigned long feature, unsigned long value)
{
	if (!extensions[HAVE_FWFT].there)
		return -EIO;
	return call(EXT_FWFT, 0, feature, value, 0).error ? -EIO : 0;
}

int sbi_hart_start(unsigned long hartid, phys_addr_t pa, unsigned long opaque)
{
	struct sbiret r = { SBI_ERR_NOT_SUPPORTED, 0 };

	if (extensions[HAVE_HSM].there)
		r = call(EXT_HSM, 0, hartid, (unsigned long)pa, opaque);
	return r.error ? -EIO : 0;
}

void sbi_hart_stop(void)
{
	call(EXT_HSM, 1, 0, 0, 0);
}

long sbi_hart_status(unsigned long hartid)
{
	struct sbiret r = call(EXT_HSM, 2, hartid, 0, 0);

	return r.error ? r.error : r.value;
}

void sbi_system_reset(unsigned int type, bool failed)
{
	if (extensions[HAVE_SRST].there)
		call(EXT_SRST, 0, type, failed, 0);
}
