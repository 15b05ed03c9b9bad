/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cadence.c - DMA limits of Cadence's Ethernet and SD controllers (FU540, FU740, MPFS)
 *
 * Whether the GEM has 64-bit descriptors and the SD controller 64-bit DMA stands in registers
 * that only a driver reads; before that 32 bits are all that can be relied on.
 */
#include <lib/dma_limit.h>

DMA_LIMIT("sifive,fu540-c000-gem", 32);
DMA_LIMIT("cdns,macb", 32);
DMA_LIMIT("cdns,sd4hc", 32);
