/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * map.h - a picture of memory, a character for each stretch of pages (cmd_memmap.c)
 */
#ifndef SHELL_MAP_H
#define SHELL_MAP_H

#include <mm/memmap.h>

/* What a picture shows. */
struct map_style {
	unsigned (*kind)(const struct memmap_block *block); /* 0 to 31 */
	char (*cell)(unsigned seen); /* of a stretch with these kinds, a bit each; not 0 */
};

/* map_draw - each zone with its frame of addresses.  0, or -EINTR after ^C.  Shell's context. */
int map_draw(const struct map_style *style);

#endif
