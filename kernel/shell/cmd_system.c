/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cmd_system.c - the machine as a whole: ptdump, reboot, poweroff
 */
#include <asm/ptdump.h>
#include <asm/sbi.h>
#include <kernel/time.h>
#include <shell/shell.h>

#define DRAIN_NS 5000000 /* for the UART to send what is in its FIFO */

static void emit_line(const char *line)
{
	shell_puts(line);
	shell_puts("\n");
}

static int run_ptdump(int argc, char **argv)
{
	(void)argv;
	if (argc != 1)
		return SHELL_USAGE;
	ptdump(emit_line);
	return 0;
}

static const struct shell_cmd cmd_ptdump = {
	.name = "ptdump",
	.usage = "",
	.help = "the kernel's page table, a line for each run",
	.run = run_ptdump,
};
TABLE_ENTRY(shell_cmd, cmd_ptdump);

static int reset(unsigned type, const char *what)
{
	arch_wait_ns(DRAIN_NS);
	sbi_system_reset(type, false);
	shell_printf("%s: the firmware of this board can't\n", what);
	return -EOPNOTSUPP;
}

static int run_reboot(int argc, char **argv)
{
	return argc == 1 ? reset(SBI_RESET_COLD_REBOOT, argv[0]) : SHELL_USAGE;
}

static const struct shell_cmd cmd_reboot = {
	.name = "reboot",
	.usage = "",
	.help = "start the machine anew",
	.run = run_reboot,
};
TABLE_ENTRY(shell_cmd, cmd_reboot);

static int run_poweroff(int argc, char **argv)
{
	return argc == 1 ? reset(SBI_RESET_SHUTDOWN, argv[0]) : SHELL_USAGE;
}

static const struct shell_cmd cmd_poweroff = {
	.name = "poweroff",
	.usage = "",
	.help = "switch the machine off",
	.run = run_poweroff,
};
TABLE_ENTRY(shell_cmd, cmd_poweroff);
