/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dt.h - reading the flattened device tree
 *
 * One tree at a time.  dt_init checks the whole blob once; every function here
 * may be called only after it returned 0.  The blob is read, never written.
 * Boot hart only until dt_set_blob; after that the tree is constant and may be
 * read from any context.
 *
 * Errors: 0 or -errno, and @err gets one sentence that names node and property.
 * -EINVAL: the tree lies.  -ENOSPC: the caller's array is too small, the count
 * needed is returned.  Harmless oddities are no errors; the caller is told by a flag.
 *
 * Nodes are named by `int node`, the offset of a node in the structure block,
 * as libfdt counts: libfdt's functions take it, with dt_blob().
 */
#ifndef LIB_DT_H
#define LIB_DT_H

#include <base/compiler.h>
#include <base/types.h>

#define DT_MAX_DEPTH   32	 /* nodes inside nodes */
#define DT_MAX_BYTES   (1 << 20) /* of a whole tree */
#define DT_PATH_LEN    128	 /* dt_path's buffer, for messages: longer paths end in "..." */
#define DT_MAX_NODES   8	 /* NUMA nodes */
#define DT_MAX_WINDOWS 32	 /* dma-ranges entries on the way from a device to memory */

struct dt_error {
	char text[192];
};

/* Give @err a sentence; returns @code, so that `return dt_fail(err, -EINVAL, ...)` reads well. */
int dt_fail(struct dt_error *err, int code, const char *fmt, ...) __printf(3, 4);

/* ---- the blob (dt.c, dt_check.c) ---- */

/*
 * dt_init - check all of the tree at @blob, of which @max_bytes can be read, and make it current.
 * Header, every tag, name, length and string is checked, so that later reads need not.
 */
int dt_init(const void *blob, size_t max_bytes, struct dt_error *err) __must_check;

/* dt_set_blob - the same bytes are now at @blob (a copy of dt_blob(), dt_blob_bytes() long). */
void dt_set_blob(const void *blob);

const void *dt_blob(void);
size_t dt_blob_bytes(void);

/* dt_path - the path of @node into @buf (DT_PATH_LEN is plenty), for messages; returns @buf. */
const char *dt_path(int node, char *buf, size_t size);

/* ---- nodes and properties (dt_node.c) ---- */

/* dt_prop - a property's value and its length in bytes, or NULL. */
const void *dt_prop(int node, const char *name, int *len);

/* dt_prop_u32 - a property of one cell: 0, -ENOENT if it isn't there, -EINVAL if it's no cell. */
int dt_prop_u32(int node, const char *name, u32 *value) __must_check;

/* dt_prop_string - a property's (first) string, or NULL if there is none or it isn't terminated. */
const char *dt_prop_string(int node, const char *name);

/* dt_node_name - "serial@10000000" */
const char *dt_node_name(int node);

/* dt_available - status is absent, "okay" or "ok" (of this node; parents aren't looked at). */
bool dt_available(int node);

/* dt_compatible - one of @node's compatible strings is @compatible. */
bool dt_compatible(int node, const char *compatible);

/* dt_find_compatible - the first enabled node after @after (-1: from the root) with the string, or
 * -1.  A node below a disabled one isn't found. */
int dt_find_compatible(int after, const char *compatible);

/* dt_find_path - node of a path or of an alias (up to ':'), or -1. */
int dt_find_path(const char *path);

/*
 * dt_reg - entry @index of @node's reg as CPU addresses, translated through every `ranges` above.
 * 0; -ENOENT if there is no such entry; -EINVAL if it's malformed, wraps around or some bus
 * doesn't pass it on.  Walks the tree from its root: for probing, not for hot paths.
 */
int dt_reg(int node, unsigned index, struct phys_range *out, struct dt_error *err) __must_check;

/* ---- memory (dt_memory.c) ---- */

struct dt_bank {
	struct phys_range range; /* as the tree has it: not page-aligned; may be empty */
	int nid;		 /* 0 .. dt_nr_nids() - 1 */
	int node;
	bool hotpluggable;
	bool no_nid; /* it names no numa-node-id although another bank does */
};

/* dt_for_each_bank - call @fn for each reg entry of every enabled memory node, in tree order, until
 * it returns non-zero, which is returned then. */
int dt_for_each_bank(int (*fn)(const struct dt_bank *bank, void *arg, struct dt_error *err),
		     void *arg, struct dt_error *err) __must_check;

enum dt_rsv_kind {
	DT_RSV_MEMRESERVE, /* an entry of the /memreserve/ list; node is -1 */
	DT_RSV_STATIC,	   /* a /reserved-memory node with reg */
	DT_RSV_DYNAMIC,	   /* one with size: the place is the kernel's choice */
	DT_RSV_MALFORMED,  /* one with neither: to be reported and ignored */
};

struct dt_reservation {
	enum dt_rsv_kind kind;
	struct phys_range range; /* MEMRESERVE, STATIC: may be empty */
	int node;
	bool no_map, reusable;
	/* DYNAMIC: */
	u64 size, align;	  /* bytes; align is a power of two */
	struct phys_range *where; /* alloc-ranges, in order of preference */
	unsigned nr_where;	  /* 0: anywhere */
};

/* dt_for_each_reservation - as dt_for_each_bank, through /memreserve/ and /reserved-memory.
 * What the entry points to is valid during the call only. */
int dt_for_each_reservation(int (*fn)(const struct dt_reservation *rsv, void *arg,
				      struct dt_error *err),
			    void *arg, struct dt_error *err) __must_check;

/* ---- nodes (dt_numa.c): numa-node-id values, which may be sparse, become 0, 1, ... ---- */

/* dt_nr_nids - how many nodes have memory; 1 without numa-node-id.  After dt_for_each_bank. */
int dt_nr_nids(void);

/* dt_numa_id - the numa-node-id that @nid stands for. */
u32 dt_numa_id(int nid);

/* dt_distance - from /distance-map, or 10 to itself and 20 to another.  After dt_read_distances. */
unsigned dt_distance(int from, int to);

/* dt_read_distances - read /distance-map.  A bad map is an error and leaves the defaults. */
int dt_read_distances(struct dt_error *err) __must_check;

/* ---- harts (dt_hart.c) ---- */

enum dt_isa {
	DT_ISA_SSTC = 0x01,
	DT_ISA_SVPBMT = 0x02,
	DT_ISA_SVNAPOT = 0x04,
	DT_ISA_SVINVAL = 0x08,
	DT_ISA_ZICBOM = 0x10,
	DT_ISA_ZICBOZ = 0x20,
	DT_ISA_ZBA = 0x40,
	DT_ISA_ZBB = 0x80,
	DT_ISA_ZIHINTPAUSE = 0x100,
	DT_ISA_SSAIA = 0x200,
	DT_ISA_SVADE = 0x400,
	DT_ISA_SVADU = 0x800,
};

enum dt_hart_state {
	DT_HART_USABLE,
	DT_HART_DISABLED, /* status isn't okay */
	DT_HART_NO_MMU,	  /* no mmu-type, or riscv,none */
};

struct dt_hart {
	u64 hartid;
	int node;
	int nid; /* of memory: a hart whose own node has none gets the nearest */
	enum dt_hart_state state;
	u8 va_bits;	/* mmu-type: 32, 39, 48, 57 (a hint: boards lie); 0: none */
	u32 isa;	/* enum dt_isa */
	u32 cbom_block; /* bytes of a cache block, 0 without Zicbom */
	u32 cboz_block;
};

/*
 * dt_read_harts - every hart of /cpus in tree order; *nr is how many there are.
 * @timebase: ticks of the time CSR a second.  -ENOSPC if @max is too small (nothing else is wrong
 * then).  -ENODEV: no usable hart with an MMU.  A hart id that stands twice is an error.
 */
int dt_read_harts(struct dt_hart *harts, unsigned max, unsigned *nr, u32 *timebase,
		  struct dt_error *err) __must_check;

/* dt_common_isa - what all usable harts have; 0 where /cpus can't be read.  Needs no memory. */
u32 dt_common_isa(void);

/* ---- /chosen (dt_chosen.c) ---- */

struct dt_chosen {
	const char *bootargs;	  /* in the blob (moves with dt_set_blob), or NULL */
	const char *stdout_path;  /* as written, or NULL */
	struct phys_range initrd; /* empty: none */
	const char *ignored;	  /* a property whose value makes no sense, or NULL */
};

/* dt_read_chosen - never fails: without /chosen all is empty. */
void dt_read_chosen(struct dt_chosen *chosen);

/* dt_each_seed - @fn for the value, in the blob, of each seed that there is, to use or overwrite
 * it: rng-seed, then kaslr-seed, of any length but 0. */
void dt_each_seed(void (*fn)(void *value, size_t bytes));

struct dt_console {
	int node;
	struct phys_range reg; /* CPU addresses of the first reg entry */
	unsigned reg_shift;    /* a register is 1 << reg_shift bytes from the next */
	unsigned reg_io_width; /* bytes of an access: 1, 2 or 4 */
	unsigned reg_offset;
	u32 clock_hz;	  /* clock-frequency, 0 if unknown */
	u32 baud;	  /* from the options or current-speed, 0 if neither */
	char options[16]; /* what follows the ':' of stdout-path, "" if nothing */
};

/* dt_find_stdout - the port that stdout-path (or linux,stdout-path) names.
 * -ENOENT if none is named, -ENODEV if it's disabled, -EINVAL if it can't be read; @err says it. */
int dt_find_stdout(struct dt_console *con, struct dt_error *err) __must_check;

/* ---- DMA (dt_dma.c) ---- */

struct dma_limit;

struct dt_dma_device {
	int node;
	const struct dma_limit *limit; /* the line that its compatible matched */
	bool coherent;		       /* dma-coherent, inherited; RISC-V's default is coherent */
	unsigned first_range;	       /* in dt_dma_map.range */
	unsigned nr_ranges;	       /* CPU addresses that it reaches, sorted, disjoint */
};

struct dt_dma_map {
	struct dt_dma_device *device;
	unsigned max_devices, nr_devices; /* nr_*: found, even if there was no room */
	struct phys_range *range;
	unsigned max_ranges, nr_ranges;
};

/*
 * dt_read_dma - each enabled node that a DMA_LIMIT line matches, with what it reaches.
 * The limit is folded with the dma-ranges of each bus above, and with its own if it's a PCI host.
 * -ENOSPC if an array of @map is too small; nr_devices and nr_ranges say what is needed.
 */
int dt_read_dma(struct dt_dma_map *map, struct dt_error *err) __must_check;

#endif
