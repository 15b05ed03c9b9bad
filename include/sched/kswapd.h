/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kswapd.h - the threads of the memory manager
 */
#ifndef SCHED_KSWAPD_H
#define SCHED_KSWAPD_H

#include <base/types.h>

/* node_daemons_init - start a thread for each node with memory and each <mm/node_daemon.h>.  After
 * sched_start_services(). */
void node_daemons_init(void);

/* node_daemons_rest - sleep until none of them works or has been asked to, for @ns at most; true
 * then.  They may be asked again at once. */
bool node_daemons_rest(u64 ns);

#endif
