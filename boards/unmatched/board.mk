# SPDX-License-Identifier: BSD-2-Clause
# No emulator of this board: `make BOARD=unmatched image` and its README.md.
