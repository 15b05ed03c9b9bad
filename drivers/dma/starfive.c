/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * starfive.c - DMA limits of StarFive JH7100 and JH7110
 *
 * dw_mmc: the IDMAC of both chips was built with 32-bit addresses.  dwmac: its capability
 * register says 40.  PCIe: the host's inbound window is 256 GiB from bus address 0.
 * cdns,usb3: 32 until the xHCI's own capabilities allow more.  pl080: 32-bit registers.
 */
#include <lib/dma_limit.h>

DMA_LIMIT("starfive,jh7110-mmc", 32);
DMA_LIMIT("snps,dw-mshc", 32);
DMA_LIMIT("starfive,jh7110-dwmac", 40);
DMA_LIMIT("starfive,jh7110-pcie", 38);
DMA_LIMIT("cdns,usb3", 32);
DMA_LIMIT("arm,pl080", 32);
