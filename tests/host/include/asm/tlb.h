/* SPDX-License-Identifier: BSD-2-Clause */
/* tlb.h - host stand-in: fences change nothing but the model of a test */
#include "../../../../arch/riscv/include/asm/tlb.h"
