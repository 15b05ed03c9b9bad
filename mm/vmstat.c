/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vmstat.c - adding up what each hart counted
 *
 * A hart that goes off keeps its per-CPU area, and so its counts: the sum runs over all harts.
 *
 * Locking: none; a word is read whole, and the words aren't of one moment.
 * Cost: harts * events for all_vm_events().
 * Not here: counting itself (vmstat.h), how it's shown (kernel/shell/cmd_vmstat.c).
 */
#include <mm/vmstat.h>

#include <kernel/smp.h>

#include <stddef.h>

DEFINE_PER_CPU(struct vm_event_state, vm_event_states);

/* One string, so that there is no table of pointers to relocate. */
#define VM_EVENT_TEXT(name) #name "\0"
static const char names[] = VM_EVENTS(VM_EVENT_TEXT);

unsigned long vm_event_sum(enum vm_event_item item)
{
	unsigned long sum = 0;

	for (unsigned int cpu = 0; cpu < nr_harts; cpu++)
		sum += READ_ONCE(per_cpu_ptr(&vm_event_states, cpu)->event[item]);
	return sum;
}

void all_vm_events(unsigned long sum[NR_VM_EVENT_ITEMS])
{
	for (int item = 0; item < NR_VM_EVENT_ITEMS; item++)
		sum[item] = vm_event_sum((enum vm_event_item)item);
}

char *vm_event_name(enum vm_event_item item, char *name)
{
	const char *from = names;
	char *to = name;

	for (int skip = (int)item; skip; from++)
		skip -= !*from;
	do
		*to++ = (char)(*from | (*from >= 'A' && *from <= 'Z' ? 0x20 : 0));
	while (*from++);
	return name;
}
