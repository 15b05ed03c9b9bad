/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * microchip.c - DMA limits of PolarFire SoC
 *
 * The PCIe root port reaches memory through the fabric's 32-bit interface; where its windows
 * point to is in dma-ranges.
 */
#include <lib/dma_limit.h>

DMA_LIMIT("microchip,pcie-host-1.0", 32);
