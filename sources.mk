# SPDX-License-Identifier: BSD-2-Clause
# The kernel's source files: one line each, sorted, the objects relative to the top folder.
# obj-$(CONFIG_X) += ... compiles a file only where the option is on.

obj-$(CONFIG_SERIAL_NS16550) += drivers/console/ns16550.o
obj-$(CONFIG_SERIAL_SIFIVE) += drivers/console/sifive_uart.o
obj-y += kernel/core/bootargs.o
obj-y += kernel/core/console.o
obj-y += kernel/core/log.o
obj-y += kernel/core/log_ring.o
obj-$(CONFIG_BENCH) += kernel/shell/bench.o
obj-y += kernel/shell/cmd_crash.o
obj-y += kernel/shell/cmd_dmesg.o
obj-y += kernel/shell/cmd_dt.o
obj-y += kernel/shell/cmd_harts.o
obj-y += kernel/shell/cmd_iomem.o
obj-y += kernel/shell/cmd_mem.o
obj-y += kernel/shell/cmd_memmap.o
obj-y += kernel/shell/cmd_peek.o
obj-y += kernel/shell/cmd_system.o
obj-$(CONFIG_KTAP) += kernel/shell/ktap.o
obj-y += kernel/shell/line.o
obj-y += kernel/shell/shell.o
obj-y += lib/parse.o
obj-y += mm/memblock.o
