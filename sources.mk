# SPDX-License-Identifier: BSD-2-Clause
# The kernel's source files: one line each, sorted, the objects relative to the top folder.
# obj-$(CONFIG_X) += ... compiles a file only where the option is on.

obj-y += lib/parse.o
obj-y += mm/memblock.o
