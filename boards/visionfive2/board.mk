# SPDX-License-Identifier: BSD-2-Clause
# No emulator of this board: `make BOARD=visionfive2 image` and its README.md.
