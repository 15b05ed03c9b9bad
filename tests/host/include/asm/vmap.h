/* SPDX-License-Identifier: BSD-2-Clause */
/* vmap.h - host stand-in: areas have a table of a test's own */
#include "../../../../arch/riscv/include/asm/vmap.h"
