/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cmd_vmalloc.c - vmallocinfo: the areas at addresses of the vmalloc region
 *
 * Lines are Linux's, but for what it says of nodes.
 */
#include <kernel/symbols.h>
#include <mm/vmalloc.h>
#include <shell/shell.h>
#include <string.h>

static void print_area(const struct vm_struct *vm)
{
	char who[KSYM_NAME];

	shell_printf("0x%lx-0x%lx %10lu %s", vm->node.start, vm->node.end, vm->size,
		     symbol_format(who, sizeof(who), (unsigned long)vm->caller));
	if (vm->nr_pages)
		shell_printf(" pages=%lu", (unsigned long)vm->nr_pages);
	if (vm->flags & VM_IOREMAP)
		shell_printf(" phys=0x%llx ioremap", PA(vm->phys_addr));
	if (vm->flags & VM_STACK)
		shell_printf(vm->owner ? " stack of %s" : " stack, of no thread", vm->owner);
	shell_printf("%s%s%s%s\n", vm->flags & VM_ALLOC ? " vmalloc" : "",
		     vm->flags & VM_MAP ? " vmap" : "", vm->flags & VM_USERMAP ? " user" : "",
		     vm->flags & VM_HUGE      ? " huge"
		     : vm->flags & VM_WINDOWS ? " windows"
					      : "");
}

static int run_vmallocinfo(int argc, char **argv)
{
	struct vmalloc_info info;
	struct vm_struct vm;
	unsigned long at = 0;

	if (argc == 2 && !strcmp(argv[1], "-v")) {
		shell_printf("%lu areas are sound\n", vmalloc_validate());
		return 0;
	}
	if (argc != 1)
		return SHELL_USAGE;
	while (vmalloc_next(&at, &vm))
		print_area(&vm);
	vmalloc_info(&info);
	shell_printf("%lu areas of %lu KiB, %lu blocks for small ones; %lu KiB of addresses wait "
		     "for a fence, %lu purges; largest gap %lu KiB\n",
		     info.areas, info.used / 1024, info.blocks, info.lazy / 1024, info.purges,
		     info.largest / 1024);
	return 0;
}

static const struct shell_cmd cmd_vmallocinfo = {
	.name = "vmallocinfo",
	.usage = "[-v]",
	.help = "areas at addresses of the vmalloc region, and who made them; -v: check all",
	.run = run_vmallocinfo,
};
TABLE_ENTRY(shell_cmd, cmd_vmallocinfo);
