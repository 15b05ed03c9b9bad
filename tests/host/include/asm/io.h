/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * io.h - host stand-in: a test's model of the device answers every access
 */
#ifndef ASM_IO_H
#define ASM_IO_H

#include <base/types.h>

u32 fake_read(const volatile void *reg, unsigned bytes);
void fake_write(volatile void *reg, unsigned bytes, u32 value);

#define mmio_read8(reg)		 ((u8)fake_read(reg, 1))
#define mmio_read16(reg)	 ((u16)fake_read(reg, 2))
#define mmio_read32(reg)	 fake_read(reg, 4)
#define mmio_write8(reg, value)	 fake_write(reg, 1, value)
#define mmio_write16(reg, value) fake_write(reg, 2, value)
#define mmio_write32(reg, value) fake_write(reg, 4, value)

#endif
