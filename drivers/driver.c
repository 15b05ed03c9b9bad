/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * driver.c - which driver takes which node, and when
 *
 * One walk over the tree makes a list of the devices that have a driver, in tree order; the
 * driver of the first of a node's compatible strings wins, as the most exact stands first.  After
 * that only the list is looked at.
 *
 * State of a device: WAITING until its level's turn, then what probe() answered.
 * Locking: none; the boot thread alone probes.  The list is constant after the walk but for states.
 */
#define LOG_PREFIX "drivers: "

#include <drivers/driver.h>

#include <base/types.h>
#include <kernel/log.h>
#include <lib/dt_irq.h>
#include <mm/discover.h>
#include <mm/page_alloc.h>
#include <sched/irq.h>
#include <string.h>

#define WAITING 1

struct device {
	int node;
	int state; /* WAITING, 0 or -errno */
	const struct driver *drv;
};

static struct {
	struct device *list;
	unsigned int nr, max, order;
	bool walked;
} devices;

static const struct driver *driver_for(const char *compatible)
{
	const struct driver *drv;

	for_each_table(driver, drv) {
		for (const char *const *c = drv->compatible; *c; c++) {
			if (!strcmp(*c, compatible))
				return drv;
		}
	}
	return NULL;
}

static const struct driver *match(const struct dt_visit *v)
{
	const char *at = v->compatible, *end = at + v->compatible_bytes;
	const struct driver *drv = NULL;

	while (at && at < end && !drv) {
		const char *nul = memchr(at, '\0', (size_t)(end - at));

		if (!nul)
			break;
		drv = driver_for(at);
		at = nul + 1;
	}
	return drv;
}

static int grow(void)
{
	unsigned int order = devices.list ? devices.order + 1 : 0;
	struct device *more = (void *)__get_free_pages(GFP_KERNEL, order);

	if (!more)
		return -ENOMEM;
	if (devices.list) {
		memcpy(more, devices.list, devices.nr * sizeof(*more));
		free_pages((unsigned long)devices.list, devices.order);
	}
	devices.list = more;
	devices.order = order;
	devices.max = (unsigned int)((PAGE_SIZE << order) / sizeof(*more));
	return 0;
}

static int note_node(const struct dt_visit *v, void *arg)
{
	const struct driver *drv = v->enabled ? match(v) : NULL;
	int err = irq_note_node(v);

	(void)arg;
	if (!drv || err)
		return err;
	if (devices.nr == devices.max)
		err = grow();
	if (!err)
		devices.list[devices.nr++] = (struct device){ v->node, WAITING, drv };
	return err;
}

/* Probe @d if its level's turn has come; true if something changed. */
static bool probe(struct device *d, enum driver_level level)
{
	const char *name = dt_node_name(d->node);
	int was = d->state;

	if (d->drv->level > level || (was != WAITING && was != -EPROBE_DEFER))
		return false;
	d->state = d->drv->probe(d->node);
	if (!d->state)
		pr_info("%s: %s", name, d->drv->name);
	else if (d->state == -ENODEV)
		pr_debug("%s: not for %s", name, d->drv->name);
	else if (d->state != -EPROBE_DEFER)
		pr_err("%s: %s failed: error %d", name, d->drv->name, -d->state);
	return d->state != was;
}

/* Those of the level, and once more those that were deferred, of the levels before it too, while
 * one gets on. */
static void probe_level(enum driver_level level)
{
	bool progress;

	do {
		progress = false;
		for (unsigned int i = 0; i < devices.nr; i++)
			progress = probe(&devices.list[i], level) || progress;
	} while (progress);
}

void drivers_probe(enum driver_level last)
{
	if (!devices.walked) {
		if (dt_for_each_node(note_node, NULL))
			pr_err("no memory for the list of devices");
		devices.walked = true;
	}
	for (unsigned int level = 0; level <= last; level++)
		probe_level((enum driver_level)level);
	if (last != NR_DRIVER_LEVELS - 1)
		return;
	for (unsigned int i = 0; i < devices.nr; i++) {
		struct device *d = &devices.list[i];

		if (d->state == -EPROBE_DEFER)
			pr_err("%s: %s still waits for a device that it needs",
			       dt_node_name(d->node), d->drv->name);
	}
}

/* The list of limited devices is in the tree's order. */
zone_mask_t dev_zone_reach(int node)
{
	const struct dt_dma_map *map = discover_dma_map();
	unsigned int low = 0, high = map->nr_devices;

	while (low < high) {
		unsigned int mid = (low + high) / 2;

		if (map->device[mid].node < node)
			low = mid + 1;
		else
			high = mid;
	}
	if (low == map->nr_devices || map->device[low].node != node)
		return (zone_mask_t)~0;
	return discover_reach(low);
}
