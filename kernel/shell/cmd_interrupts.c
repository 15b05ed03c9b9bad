/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cmd_interrupts.c - interrupts: the lines in use, how often each hart handled them
 *
 * A column for each hart; behind it the line at its controller, the hart that it's delivered to,
 * the handler, and how many came that nobody wanted.
 */
#include <base/errno.h>
#include <kernel/smp.h>
#include <lib/parse.h>
#include <sched/irq.h>
#include <shell/shell.h>
#include <stdio.h>
#include <string.h>

static void print_state(const struct irq_desc *d)
{
	if (d->flags & IRQ_STORM)
		shell_puts("  storm: masked");
	else if (d->depth)
		shell_puts("  disabled");
	if (d->unwanted)
		shell_printf("  %lu unwanted", d->unwanted);
	shell_puts("\n");
}

static void print_irq(const struct irq_desc *d, void *arg)
{
	const char *name = d->name;
	char cpu[12] = "-";

	(void)arg;
	shell_printf("%4u:", d->irq);
	for (unsigned int i = 0; i < nr_harts; i++)
		shell_printf(" %9lu", d->count[i]);
	if (d->cpu != IRQ_NO_CPU)
		snprintf(cpu, sizeof(cpu), "%u", d->cpu);
	shell_printf("  %s line %-4u cpu %-3s %s", d->domain->name, d->hwirq, cpu,
		     name ? name : "-");
	print_state(d);
}

static int show(void)
{
	shell_puts(" irq ");
	for (unsigned int i = 0; i < nr_harts; i++)
		shell_printf(" %6s%3u", "cpu", i);
	shell_puts("\n");
	irq_for_each(print_irq, NULL);
	shell_puts(" IPI:");
	for (unsigned int i = 0; i < nr_harts; i++)
		shell_printf(" %9lu", hart_info(i)->ipis);
	shell_puts("  software interrupts\n");
	return 0;
}

static int move(const char *irq_text, const char *cpu_text)
{
	unsigned long irq, cpu;

	if (parse_ulong(irq_text, &irq) || parse_ulong(cpu_text, &cpu))
		return SHELL_USAGE;
	if (irq > ~0u || cpu > ~0u || irq_set_affinity((unsigned int)irq, (unsigned int)cpu)) {
		shell_printf("interrupts: irq %s can't be delivered to cpu %s\n", irq_text,
			     cpu_text);
		return -EINVAL;
	}
	return 0;
}

static int run_interrupts(int argc, char **argv)
{
	if (argc == 1)
		return show();
	if (argc == 4 && !strcmp(argv[1], "-m"))
		return move(argv[2], argv[3]);
	return SHELL_USAGE;
}

static const struct shell_cmd cmd_interrupts = {
	.name = "interrupts",
	.usage = "[-m IRQ CPU]",
	.help = "device interrupts by hart; -m: move one to another hart",
	.run = run_interrupts,
};
TABLE_ENTRY(shell_cmd, cmd_interrupts);
