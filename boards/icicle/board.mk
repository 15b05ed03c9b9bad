# SPDX-License-Identifier: BSD-2-Clause
QEMU_SYSTEM  := qemu-system-riscv64
QEMU_MACHINE := microchip-icicle-kit
QEMU_SMP     := 5
# Less than 1537M is refused by the machine; the device tree has 1 + 2 GiB.
QEMU_MEM     := 3G
# The console is the second UART; Ctrl-A X leaves.
QEMU_CONSOLE := -display none -chardev stdio,id=con,mux=on,signal=off -mon chardev=con,mode=readline -serial null -serial chardev:con
QEMU_DTB     := build/icicle/board.dtb
