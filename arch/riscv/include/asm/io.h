/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * io.h - device registers
 *
 * Accesses to one device stay in program order, as ioremap()ed memory is strongly
 * ordered I/O.  Against normal memory they are not ordered: that takes mb().
 */
#ifndef ASM_IO_H
#define ASM_IO_H

#include <base/types.h>

static inline u8 mmio_read8(const volatile void *reg)
{
	return *(const volatile u8 *)reg;
}

static inline u16 mmio_read16(const volatile void *reg)
{
	return *(const volatile u16 *)reg;
}

static inline u32 mmio_read32(const volatile void *reg)
{
	return *(const volatile u32 *)reg;
}

static inline void mmio_write8(volatile void *reg, u8 value)
{
	*(volatile u8 *)reg = value;
}

static inline void mmio_write16(volatile void *reg, u16 value)
{
	*(volatile u16 *)reg = value;
}

static inline void mmio_write32(volatile void *reg, u32 value)
{
	*(volatile u32 *)reg = value;
}

#endif
