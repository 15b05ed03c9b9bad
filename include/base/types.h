/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * types.h - the integer types that every layer uses
 *
 * phys_addr_t is 64 bits wide on rv32 too: Sv32 reaches 34 bits.  A page frame
 * number (pfn) is an unsigned long.  Ranges are [start, end), always.
 */
#ifndef BASE_TYPES_H
#define BASE_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int8_t s8;
typedef int16_t s16;
typedef int32_t s32;
typedef int64_t s64;

typedef u64 phys_addr_t;

/* A stretch of physical addresses, in bytes. */
struct phys_range {
	phys_addr_t start;
	phys_addr_t end; /* first byte that is not part of it */
};

/* printf conversions for a phys_addr_t, without and with all ten digits. */
#define PRIpa "llx"
#define PA(x) ((unsigned long long)(x))

#endif
