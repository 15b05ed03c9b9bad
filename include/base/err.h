/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * err.h - a pointer or an error in one word: the last page of addresses holds no object
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <base/compiler.h>

#define MAX_ERRNO 4095

static inline void *ERR_PTR(long err)
{
	return (void *)err;
}

static inline long PTR_ERR(const void *ptr)
{
	return (long)ptr;
}

static inline bool IS_ERR(const void *ptr)
{
	return unlikely((unsigned long)ptr >= (unsigned long)-MAX_ERRNO);
}

#endif
