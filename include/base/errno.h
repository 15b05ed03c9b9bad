/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * errno.h - error numbers, with Linux's names and values
 *
 * Functions return 0 or -Exxx.  The C library's <errno.h> is not used: its
 * errno variable lives in thread-local storage, which this kernel has not.
 */
#ifndef BASE_ERRNO_H
#define BASE_ERRNO_H

#define EPERM	     1
#define ENOENT	     2
#define EINTR	     4
#define EIO	     5
#define ENXIO	     6
#define E2BIG	     7
#define EAGAIN	     11
#define ENOMEM	     12
#define EFAULT	     14
#define EBUSY	     16
#define EEXIST	     17
#define ENODEV	     19
#define EINVAL	     22
#define ENOSPC	     28
#define ERANGE	     34
#define ENOSYS	     38
#define EOVERFLOW    75
#define EOPNOTSUPP   95
#define ETIMEDOUT    110
#define EALREADY     114
#define EPROBE_DEFER 517 /* a driver: ask again when others are probed */

#endif
