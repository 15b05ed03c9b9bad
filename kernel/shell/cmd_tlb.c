/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cmd_tlb.c - tlb: what page tables and fences use on this machine, and how often
 */
#include <asm/mmu.h>
#include <asm/sbi.h>
#include <asm/tlb.h>
#include <kernel/smp.h>
#include <lib/dt.h>
#include <shell/shell.h>

static void print_leaves(void)
{
	static const char units[] = "KMGT";
	unsigned long sizes = arch_leaf_sizes();

	shell_puts("leaves            ");
	for (unsigned bit = 12; bit < 8 * sizeof(long); bit++) {
		if (sizes >> bit & 1)
			shell_printf(" %u%c", 1U << bit % 10, units[bit / 10 - 1]);
	}
	shell_puts("\n");
}

static void print_harts(void)
{
	static const char *const updates[] = { [AD_UNKNOWN] = "as the hart likes",
					       [AD_BY_FAULT] = "by a fault",
					       [AD_BY_HARDWARE] = "by the hart (Svadu)" };

	shell_puts("cpu  ASID bits  accessed, dirty\n");
	for (unsigned cpu = 0; cpu < nr_harts; cpu++) {
		const struct hart_info *h = hart_info(cpu);

		if (h->state == HART_ONLINE)
			shell_printf("%3u  %9u  %s\n", cpu, h->asid_bits, updates[h->ad_updates]);
	}
}

static int run_tlb(int argc, char **argv)
{
	struct tlb_counts n;

	(void)argv;
	if (argc != 1)
		return SHELL_USAGE;
	tlb_read_counts(&n);
	shell_printf("mode               %s\n", arch_paging_name());
	print_leaves();
	shell_printf("kinds of memory    %s\n",
		     arch_has_kinds() ? "by entry (Svpbmt)" : "by address (PMA)");
	shell_printf("ASIDs              %u bits\n", arch_asid_bits());
	shell_printf("fences             %s\n", tlb_how());
	shell_printf("other harts        %s\n",
		     sbi_has_rfence() ? "by the firmware (RFENCE)" : "by calling them");
	shell_printf("flushes            %lu, %lu of all addresses, %lu by calling harts\n",
		     n.flushes, n.full, n.by_ipi);
	shell_printf("faults             %lu tried again, %lu set accessed or dirty\n", n.retried,
		     n.marked);
	print_harts();
	return 0;
}

static const struct shell_cmd cmd_tlb = {
	.name = "tlb",
	.usage = "",
	.help = "what page tables and fences use on this machine, and how often",
	.run = run_tlb,
};
TABLE_ENTRY(shell_cmd, cmd_tlb);
