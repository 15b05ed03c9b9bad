/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sbi.h - calls into the firmware (RISC-V SBI specification, 0.2 and later)
 *
 * An ecall costs 250 instructions and more in M-mode: none is on a hot path, and
 * none but the panic's is made with interrupts off for longer than it must.
 */
#ifndef ASM_SBI_H
#define ASM_SBI_H

#include <base/compiler.h>

struct sbiret {
	long error; /* 0 or SBI_ERR_* */
	long value;
};

#define SBI_ERR_FAILED	      -1
#define SBI_ERR_NOT_SUPPORTED -2
#define SBI_ERR_INVALID_PARAM -3

struct sbiret sbi_ecall(long ext, long fid, unsigned long a0, unsigned long a1, unsigned long a2,
			unsigned long a3, unsigned long a4);

/* Probe the extensions that the other functions use.  Boot hart, once; needs no memory. */
void sbi_init(void);

/* One line about the firmware for the log: "OpenSBI 1.1, SBI 1.0, TIME IPI RFENCE HSM SRST". */
void sbi_describe(char *buf, size_t size);

/*
 * Write to the firmware's console: DBCN where it is, else one legacy call a character.
 * @s lies in the kernel image or the linear map.  Any context; slow (340 instructions a byte).
 */
void sbi_console_write(const char *s, size_t len);

/* One character from the firmware's console, or -1. */
int sbi_console_getchar(void);

/* Interrupt this hart at @time (in timebase ticks, as read_time()); ~0 for never. */
void sbi_set_timer(u64 time);

/* Software interrupt to one hart, by hart id.  0 or -EIO. */
int sbi_send_ipi(unsigned long hartid);

/*
 * sfence.vma for [start, start + bytes) on the harts of @mask, bit 0 of which is hart id @base
 * @bytes of -1UL: for everything.  Returns when they have done it; 0, or -EIO without RFENCE.
 */
int sbi_remote_sfence(unsigned long mask, unsigned long base, unsigned long start,
		      unsigned long bytes);

/* sbi_has_rfence - sbi_remote_sfence() works. */
bool sbi_has_rfence(void);

/* sbi_fwft_set - have the firmware give this hart's @feature another value; 0, or -EIO. */
int sbi_fwft_set(unsigned long feature, unsigned long value);
#define SBI_FWFT_PTE_AD_HW_UPDATING 4

/* Start a hart at @pa with a0 = hartid, a1 = @opaque, paging off.  0 or -EIO. */
int sbi_hart_start(unsigned long hartid, phys_addr_t pa, unsigned long opaque);
/* Stop this hart until it is started again; returns only if the firmware can't. */
void sbi_hart_stop(void);
#define SBI_HSM_STARTED	      0
#define SBI_HSM_STOPPED	      1
#define SBI_HSM_START_PENDING 2
/* One of the HSM states; negative where unknown. */
long sbi_hart_status(unsigned long hartid);

#define SBI_RESET_SHUTDOWN    0
#define SBI_RESET_COLD_REBOOT 1
/* Power off or reboot; returns if the firmware can't do that. @failed: because of a panic. */
void sbi_system_reset(unsigned int type, bool failed);

#endif
