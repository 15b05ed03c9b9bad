/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * switch.h - host stand-in: threads are named in headers, none is switched
 */
#ifndef ASM_SWITCH_H
#define ASM_SWITCH_H

struct switch_context {
	unsigned long unused;
};

#endif
