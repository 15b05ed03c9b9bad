/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * virtio.c - the DMA limit of virtio over MMIO
 *
 * The legacy interface (version 1, QEMU's default) takes a ring's address as a 32-bit page
 * number: 44 bits.  Virtio 1.2, 4.2.4.
 */
#include <lib/dma_limit.h>

DMA_LIMIT("virtio,mmio", 44);
