/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * csr.h - control and status registers of S-mode (privileged spec, chapter "Supervisor")
 */
#ifndef ASM_CSR_H
#define ASM_CSR_H

#ifdef __ASSEMBLER__
#define CSR_UL(x) x
#else
#define CSR_UL(x) x##UL
#endif

#define SSTATUS_SIE  CSR_UL(0x2)
#define SSTATUS_SPIE CSR_UL(0x20)
#define SSTATUS_SPP  CSR_UL(0x100)
#define SSTATUS_FS   CSR_UL(0x6000)
#define SSTATUS_VS   CSR_UL(0x600)
#define SSTATUS_SUM  CSR_UL(0x40000)
#define SSTATUS_MXR  CSR_UL(0x80000)

#define IRQ_S_SOFT  1
#define IRQ_S_TIMER 5
#define IRQ_S_EXT   9
#define SIE_SSIE    (CSR_UL(1) << IRQ_S_SOFT)
#define SIE_STIE    (CSR_UL(1) << IRQ_S_TIMER)
#define SIE_SEIE    (CSR_UL(1) << IRQ_S_EXT)

#ifdef CONFIG_ARCH_RV32I
#define SATP_MODE_SHIFT 31
#define SATP_ASID_MASK	CSR_UL(0x7fc00000)
#define SATP_MODE_32	1
#define CAUSE_INTERRUPT CSR_UL(0x80000000)
#else
#define SATP_MODE_SHIFT 60
#define SATP_ASID_MASK	CSR_UL(0x0ffff00000000000)
#define SATP_MODE_39	8
#define SATP_MODE_48	9
#define SATP_MODE_57	10
#define CAUSE_INTERRUPT CSR_UL(0x8000000000000000)
#endif

#define CAUSE_FETCH_PAGE_FAULT 12
#define CAUSE_LOAD_PAGE_FAULT  13
#define CAUSE_STORE_PAGE_FAULT 15

#ifndef __ASSEMBLER__

#define csr_read(csr)                                                       \
	({                                                                  \
		unsigned long _v;                                           \
		__asm__ volatile("csrr %0, " #csr : "=r"(_v) : : "memory"); \
		_v;                                                         \
	})
#define csr_write(csr, val) __asm__ volatile("csrw " #csr ", %0" : : "rK"(val) : "memory")
#define csr_set(csr, val)   __asm__ volatile("csrs " #csr ", %0" : : "rK"(val) : "memory")
#define csr_clear(csr, val) __asm__ volatile("csrc " #csr ", %0" : : "rK"(val) : "memory")
#define csr_read_clear(csr, val)                                                              \
	({                                                                                    \
		unsigned long _v;                                                             \
		__asm__ volatile("csrrc %0, " #csr ", %1" : "=r"(_v) : "rK"(val) : "memory"); \
		_v;                                                                           \
	})

/* csr_read_counter - the 64 bits of a counter, as u64, of which rv32 has a half in @high. */
#ifdef CONFIG_ARCH_RV32I
/* Read again if the upper half moved meanwhile. */
#define csr_read_counter(low, high)             \
	({                                      \
		u32 _h, _l;                     \
		do {                            \
			_h = csr_read(high);    \
			_l = csr_read(low);     \
		} while (_h != csr_read(high)); \
		(u64) _h << 32 | _l;            \
	})
#else
#define csr_read_counter(low, high) ((u64)csr_read(low))
#endif

#endif
#endif
