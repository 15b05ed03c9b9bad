/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * power.h - switching the machine off other than by the firmware
 */
#ifndef DRIVERS_POWER_H
#define DRIVERS_POWER_H

/*
 * power_init - find a device that can end the machine with a status
 * QEMU's "sifive,test0": after a panic with panic=poweroff the emulator exits with 1, which a
 * firmware's shutdown call can't say.  Boot hart, once; maps a page of registers.
 */
void power_init(void);

#endif
