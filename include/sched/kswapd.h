/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kswapd.h - the threads of the memory manager
 */
#ifndef SCHED_KSWAPD_H
#define SCHED_KSWAPD_H

/* node_daemons_init - start a thread for each node with memory and each <mm/node_daemon.h>.  After
 * sched_start_services(). */
void node_daemons_init(void);

#endif
