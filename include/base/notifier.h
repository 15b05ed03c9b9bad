/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * notifier.h - who wants to be called when something happens, with Linux's names
 */
#ifndef BASE_NOTIFIER_H
#define BASE_NOTIFIER_H

struct notifier_block {
	int (*notifier_call)(struct notifier_block *nb, unsigned long action, void *data);
	struct notifier_block *next; /* the chain's */
	int priority;		     /* the highest is called first */
};

#define NOTIFY_DONE	 0x0000 /* not its business */
#define NOTIFY_OK	 0x0001
#define NOTIFY_STOP_MASK 0x8000 /* call no other */

#endif
