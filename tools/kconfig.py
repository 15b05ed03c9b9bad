#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""kconfig.py - the .config of one board and the header made from it

    kconfig.py --board BOARD --out DIR [--also FILE] ACTION

    sync           DIR/.config from boards/BOARD/defconfig if there is none (or if it
                   is still exactly what the defconfig gave last time), else brought up
                   to date with the Kconfig files; DIR/include/autoconf.h from it
    defconfig      the same, whatever DIR/.config says now
    olddefconfig   new options get their default
    menuconfig     change options by hand
    --also FILE    options that are set on top of the defconfig (more than once: in that order)
    savedefconfig  boards/BOARD/defconfig := what differs from the defaults
"""

import argparse
import os
import sys

import kconfiglib


def die(text):
    sys.exit(f"kconfig: {text}")


class Config:
    def __init__(self, board, out, also):
        self.also = also
        self.defconfig = f"boards/{board}/defconfig"
        self.path = f"{out}/.config"
        self.pristine = f"{out}/.config.from-defconfig"
        self.header = f"{out}/include/autoconf.h"
        if not os.path.exists(self.defconfig):
            known = ", ".join(sorted(os.listdir("boards")))
            die(f"no {self.defconfig}: BOARD is one of {known}")
        os.makedirs(f"{out}/include", exist_ok=True)
        self.kconfig = kconfiglib.Kconfig("Kconfig", warn_to_stderr=False)
        self.kconfig.warn_assign_redun = False
        self.kconfig.warn_assign_override = False

    def load(self, path, replace=True):
        """Read one configuration file; an assignment that Kconfig refuses is an error."""
        self.kconfig.warnings.clear()
        self.kconfig.load_config(path, replace=replace)
        wrong = [w for w in self.kconfig.warnings]
        if wrong and path in (self.defconfig, *self.also):
            die("\n".join(wrong))
        for w in wrong:
            print(f"kconfig: {w}", file=sys.stderr)

    def untouched(self):
        try:
            with open(self.path) as a, open(self.pristine) as b:
                return a.read() == b.read()
        except FileNotFoundError:
            return not os.path.exists(self.path)

    def from_defconfig(self):
        self.load(self.defconfig)
        for path in self.also:
            self.load(path, replace=False)
        self.write()
        with open(self.path) as a, open(self.pristine, "w") as b:
            b.write(a.read())

    def write(self):
        self.kconfig.write_config(self.path)
        self.kconfig.write_autoconf(self.header)

    def sync(self):
        if self.untouched():
            self.from_defconfig()
        else:
            self.olddefconfig()

    def olddefconfig(self):
        self.load(self.path)
        self.write()

    def savedefconfig(self):
        self.load(self.path)
        with open(self.defconfig) as f:
            head = [line for line in f if line.startswith("#") and "is not set" not in line]
        self.kconfig.write_min_config(self.defconfig, header="".join(head))
        print(f"{self.defconfig} written")

    def menuconfig(self):
        import menuconfig
        if not os.path.exists(self.path):
            self.from_defconfig()
        os.environ["KCONFIG_CONFIG"] = self.path
        menuconfig.menuconfig(self.kconfig)
        self.olddefconfig()


def main():
    actions = ("sync", "defconfig", "olddefconfig", "menuconfig", "savedefconfig")
    parser = argparse.ArgumentParser(description="configure the kernel")
    parser.add_argument("--board", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--also", action="append", default=[])
    parser.add_argument("action", choices=actions)
    args = parser.parse_args()
    config = Config(args.board, args.out, args.also)
    if args.action == "defconfig":
        config.from_defconfig()
        print(f"{config.path} written")
    else:
        getattr(config, args.action)()


if __name__ == "__main__":
    main()
