/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * set_memory.h - who may write or execute pages of the kernel's
 *
 *     code = vmalloc(bytes); ... write it ...
 *     err = set_memory_rox((unsigned long)code, nr);      code runs now, and nobody can change it
 *     ...
 *     set_memory_nx((unsigned long)code, nr);             before vfree(code), both of them
 *     set_memory_rw((unsigned long)code, nr);
 *
 * What they have in common:
 * @addr: a multiple of PAGE_SIZE, of the linear map, of vmalloc() or vmap(); @numpages of it, 0 or
 *   more.  The pages are the caller's, and go back writable and not executable.  Code isn't in
 *   high memory.
 * Result: 0; -EINVAL if @addr isn't aligned, there aren't as many addresses, or a page would be
 *   writable and executable, by @addr and the linear map's address together; -ENOENT if one isn't
 *   mapped; -EPERM if one is the kernel image's; -ENOMEM.  After an error the rights are
 *   what they were.  When it returns, every hart knows.
 * Larger leaves are split, and stay so.
 * Not looked for: other mappings that vmap() made of a page. Who makes two sees to their rights.
 * Context: interrupts on, no spin lock held (all harts are fenced).
 */
#ifndef MM_SET_MEMORY_H
#define MM_SET_MEMORY_H

#include <base/compiler.h>

/* set_memory_ro, set_memory_rw - nobody can write it, by the linear map's address neither; or
 * anybody can, by both. */
int __must_check set_memory_ro(unsigned long addr, int numpages);
int set_memory_rw(unsigned long addr, int numpages);

/* set_memory_x, set_memory_nx - it can be executed (what was written to it before, on each hart),
 * by @addr alone; or it can't. */
int __must_check set_memory_x(unsigned long addr, int numpages);
int set_memory_nx(unsigned long addr, int numpages);

/* set_memory_rox - as set_memory_ro() and set_memory_x(). */
int __must_check set_memory_rox(unsigned long addr, int numpages);

#endif
