# SPDX-License-Identifier: BSD-2-Clause
# libfdt: where tools/setup unpacks it, and the files we use.  fdt_overlay.c is
# left out: it calls strtoul, which keeps errno in thread-local storage.

LIBFDT_SRC   := build/libfdt
LIBFDT_FILES := fdt.c fdt_addresses.c fdt_check.c fdt_empty_tree.c fdt_ro.c fdt_rw.c \
		fdt_strerror.c fdt_sw.c fdt_wip.c
