/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dma_limit.h - how many address bits a kind of device drives
 *
 * A driver states the limit of its device in one line, beside the driver:
 *
 *     DMA_LIMIT("starfive,jh7110-mmc", 32);
 *
 * Boot matches these against the compatible strings of the enabled nodes of the
 * device tree; the ceilings of the devices present become zone boundaries.  A
 * device that no line names is taken to reach all memory.
 */
#ifndef LIB_DMA_LIMIT_H
#define LIB_DMA_LIMIT_H

#include <base/table.h>

struct dma_limit {
	const char *compatible;
	unsigned bits; /* bus addresses the device can drive: [0, 2^bits) */
};

TABLE_DECLARE(dma_limit);

#define DMA_LIMIT(compat, nr_bits)     DMA_LIMIT_(compat, nr_bits, __COUNTER__)
#define DMA_LIMIT_(compat, nr_bits, n) DMA_LIMIT__(compat, nr_bits, n)
#define DMA_LIMIT__(compat, nr_bits, n)                                         \
	static const struct dma_limit dma_limit_##n = { .compatible = (compat), \
							.bits = (nr_bits) };    \
	TABLE_ENTRY(dma_limit, dma_limit_##n)

#endif
