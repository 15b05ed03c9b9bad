/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cmd_kfence.c - kfence: the pool of watched objects, what it found, or each object's story
 */
#include <base/errno.h>
#include <mm/kfence.h>
#include <shell/shell.h>

#include <string.h>

static int show_counts(void)
{
	struct kfence_counts c;

	kfence_count(&c);
	if (!c.objects) {
		shell_puts("kfence: off; `sysctl kfence.sample_interval=100` turns it on\n");
		return 0;
	}
	shell_printf("an object each %u ms; %u of %u in use, pool %p, %lu KiB\n", kfence_interval,
		     c.used, c.objects, kfence_pool, kfence_bytes / 1024);
	shell_printf("sampled %lu, freed %lu, no room for %lu\n", c.sampled, c.freed, c.full);
	for (unsigned kind = 0; kind < KFENCE_KINDS; kind++)
		shell_printf("%8lu %s\n", kfence_found[kind], kfence_kind_name(kind));
	return 0;
}

static int show_objects(void)
{
	struct kfence_object o;
	char text[256];

	for (unsigned nr = 0; kfence_get(nr, &o) && !shell_interrupted(); nr++) {
		bool used = o.state == KFENCE_USED;

		if (o.state == KFENCE_UNUSED)
			continue;
		shell_printf("%3u %p %lu bytes, %s\n", nr, o.start, (unsigned long)o.size,
			     kfence_event_text(used ? &o.alloc : &o.free,
					       used ? "allocated" : "freed", text, sizeof(text)));
	}
	return 0;
}

static int run_kfence(int argc, char **argv)
{
	if (argc == 1)
		return show_counts();
	return argc == 2 && !strcmp(argv[1], "objects") ? show_objects() : SHELL_USAGE;
}

static const struct shell_cmd cmd_kfence = {
	.name = "kfence",
	.usage = "[objects]",
	.help = "objects watched for memory errors: state and findings, or each object",
	.run = run_kfence,
};
TABLE_ENTRY(shell_cmd, cmd_kfence);
