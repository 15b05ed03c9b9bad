# SPDX-License-Identifier: BSD-2-Clause
"""hartwood.py - the kernel's own structures, for gdb

Loaded by `make gdb`.  Commands: hw-offset hw-harts hw-zones hw-page hw-buddy hw-memblock hw-log.

Everything is read from the stopped kernel through its debugging information, so a field
that moves needs no change here; one that is renamed is an error that names it.
A kernel whose addresses are random (docs/hardening.md) runs elsewhere than it is linked; the first
command moves the symbols there, as does hw-offset alone.  Set breakpoints after that, or boot with
nokaslr.
Kernel addresses can be read only on a hart that has paging on; when the chosen one is inside
the firmware, a command reads through another hart and leaves the choice as it was.
"""

import gdb

PAGE_SHIFT = 12
# The block word of a descriptor: see mm/page.h.
ORDER_MASK, KIND_MASK = 0x0f, 0x30
FREE, USED = 0x10, 0x30
KINDS = {0: "no head", FREE: "free", USED: "used"}
ZONE_SHIFT = 24


def variable(name, file=None):
    return gdb.parse_and_eval(f"'{file}'::{name}" if file else name)


def text(array):
    return array.string() if array.type.code != gdb.TYPE_CODE_ARRAY else array.string(length=-1)


def enum_name(value, prefix):
    name = str(value)
    return name[len(prefix):].lower() if name.startswith(prefix) else name


def reads_kernel():
    try:
        is_set_up()
        return True
    except gdb.MemoryError:
        return False


def hart_with_paging():
    """Select a hart through which kernel addresses can be read, the chosen one if it can."""
    chosen = gdb.selected_thread()
    if chosen is None:
        raise gdb.GdbError("there is no kernel to read: `target remote` first")
    for hart in [chosen, *gdb.selected_inferior().threads()]:
        hart.switch()
        follow_image()
        if reads_kernel():
            return chosen
    chosen.switch()
    raise gdb.GdbError("no hart has paging on just now: `continue`, stop again")


class Image:
    """How far above its link address the kernel runs, as the symbols have it."""

    offset = 0


def follow_image():
    """Move the symbols to where the image runs: stvec has trap_entry's address there."""
    word = (1 << gdb.lookup_type("long").sizeof * 8) - 1
    if not int(gdb.parse_and_eval("$satp")) & word:
        return
    runs = int(gdb.parse_and_eval("$stvec")) & word
    expected = int(gdb.parse_and_eval("(unsigned long)&trap_entry")) & word
    if runs == expected or (runs - expected) % 4096:
        return
    Image.offset = (Image.offset + runs - expected) & word
    gdb.execute(f"symbol-file -o {Image.offset:#x} {gdb.current_progspace().filename}",
                to_string=True)


def is_set_up():
    return int(variable("nr_zones")) > 0


class Command(gdb.Command):
    """A command whose subclass has usage, takes (how many arguments) and show()."""

    usage, takes = "", (0,)

    def __init__(self):
        super().__init__(self.name, gdb.COMMAND_DATA)

    def invoke(self, arguments, from_tty):
        argv = gdb.string_to_argv(arguments)
        if len(argv) not in self.takes:
            raise gdb.GdbError(f"usage: {self.name} {self.usage}".rstrip())
        chosen = hart_with_paging()
        try:
            self.show(*argv)
        except gdb.error as why:
            raise gdb.GdbError(str(why))
        finally:
            chosen.switch()


class Offset(Command):
    """How far above its link address the kernel runs (KASLR); the symbols follow it there."""

    name = "hw-offset"

    def show(self):
        print(f"the image runs {Image.offset:#x} above where it is linked")


class Harts(Command):
    """The harts that the kernel uses: number, hart id, node, state, stack, per-hart data."""

    name = "hw-harts"

    def show(self):
        harts = variable("harts", "kernel/core/smp.c")
        nr = int(variable("nr_harts"))
        print("cpu  hart id  node  state     IPIs      stack              local")
        for cpu in range(nr):
            h = harts[cpu]
            print(f"{cpu:3}  {int(h['hartid']):7}  {int(h['nid']):4}  "
                  f"{enum_name(h['state'], 'HART_'):8}  {int(h['ipis']):<8}  "
                  f"{int(h['stack']):#018x} {int(h['local']):#x}")


# ---- pages ----

class Pages:
    """Where descriptors are, and which frame each is for."""

    def __init__(self):
        layout = variable("va_layout")
        self.base = int(layout["vmemmap_base"])
        self.first = int(layout["phys_base"]) >> PAGE_SHIFT
        self.linear = int(layout["linear_base"]), int(layout["linear_bytes"])
        self.type = gdb.lookup_type("struct page")
        self.index_base = int(variable("memmap_base"))

    def page(self, pfn):
        address = self.base + (pfn - self.first) * self.type.sizeof
        return gdb.Value(address).cast(self.type.pointer()).dereference()

    def pfn_of_index(self, index):
        address = self.index_base + index * self.type.sizeof
        return (address - self.base) // self.type.sizeof + self.first

    def pfn_of_argument(self, argument):
        """A frame number, or an address: of the linear map, physical, or of a descriptor."""
        value = int(gdb.parse_and_eval(argument).cast(gdb.lookup_type("unsigned long long")))
        mask = (1 << gdb.lookup_type("long").sizeof * 8) - 1
        offset = ((value & mask) - self.linear[0]) & mask
        if offset < self.linear[1]:
            return self.first + (offset >> PAGE_SHIFT)
        index = ((value & mask) - self.base) // self.type.sizeof
        if 0 <= index < self.linear[1] >> PAGE_SHIFT:
            return self.first + index
        return value >> PAGE_SHIFT if value >= 1 << 31 else value

    def in_memory(self, pfn):
        segments = variable("mem_segments")
        for i in range(int(variable("nr_mem_segments"))):
            if int(segments[i]["start_pfn"]) <= pfn < int(segments[i]["end_pfn"]):
                return segments[i]["zone"].dereference()
        return None

    def head_of(self, pfn):
        """The head of the block that holds @pfn: from head to head, from the top order down."""
        orders = gdb.lookup_type("struct zone")["area"].type.range()[1] + 1
        at = pfn & ~((1 << orders - 1) - 1)
        while at <= pfn:
            block = int(self.page(at)["block"]) if self.in_memory(at) is not None else 0
            pages = 1 << (block & ORDER_MASK) if block & KIND_MASK else 1
            if pfn < at + pages:
                return at
            at += pages
        raise gdb.GdbError(f"no block holds frame {pfn}: the map is broken from {at} on")


def flag_names(flags):
    fields = gdb.lookup_type("enum page_flag").fields()
    return [f.name[3:] for f in fields if f.name.startswith("PG_") and flags >> f.enumval & 1]


class Page(Command):
    """The descriptor of a page and the block that holds it.

    PFN is a frame number; ADDRESS one of the linear map, of a struct page, or physical
    (0x80000000 and up)."""

    name, usage, takes = "hw-page", "PFN | ADDRESS", (1,)

    def show(self, argument):
        if not is_set_up():
            raise gdb.GdbError("there are no descriptors yet")
        pages = Pages()
        pfn = pages.pfn_of_argument(argument)
        zone = pages.in_memory(pfn)
        if zone is None:
            raise gdb.GdbError(f"frame {pfn} ({pfn << PAGE_SHIFT:#x}) is no memory of the kernel's")
        head = pages.head_of(pfn)
        page = pages.page(head)
        block, flags = int(page["block"]), int(page["flags"])
        kind = KINDS[block & KIND_MASK]
        if kind == "used" and "reserved" in flag_names(flags):
            kind = "reserved"
        print(f"frame {pfn} at {pfn << PAGE_SHIFT:#x}, node {int(zone['nid'])}, "
              f"zone {text(zone['name'])}")
        print(f"block {head} of order {block & ORDER_MASK}: {kind}"
              + ("" if head == pfn else f", page {pfn - head} of it"))
        print(f"flags {flags & (1 << ZONE_SHIFT) - 1:#x} {' '.join(flag_names(flags))}".rstrip())
        print(f"refcount {int(page['_refcount'])}, index {int(page['index'])}, "
              f"mapping {int(page['mapping_word']):#x}")
        print(f"descriptor {int(page.address):#x}")


def zones():
    table = variable("zone_table")
    return [table[i].dereference() for i in range(int(variable("nr_zones")))]


class Zones(Command):
    """Every zone: its range and how many of its pages are free."""

    name = "hw-zones"

    def show(self):
        for z in zones():
            start, end = (int(z[f]) << PAGE_SHIFT for f in ("start_pfn", "end_pfn"))
            print(f"node {int(z['nid'])} zone {text(z['name']):8} [{start:#x}, {end:#x}) "
                  f"free {int(z['nr_free'])}, managed {int(z['managed_pages'])}, "
                  f"present {int(z['present_pages'])}, lock "
                  + ("taken" if int(z["lock"]["owner"]) != int(z["lock"]["next"]) else "free"))


class Buddy(Command):
    """The free blocks of each order; with an argument, the frames that head order ORDER's."""

    name, usage, takes = "hw-buddy", "[ORDER]", (0, 1)

    def show(self, order=None):
        for z in zones():
            types = range(z["area"].type.range()[1] + 1)
            orders = z["area"][0].type.range()[1] + 1
            head = f"node {int(z['nid'])} zone {text(z['name'])}"
            if order is None:
                counts = [sum(int(z["area"][t][o]["nr"]) for t in types) for o in range(orders)]
                print(f"{head:24}" + "".join(f"{n:7}" for n in counts))
            elif not order.isdigit() or int(order) >= orders:
                raise gdb.GdbError(f"an order is 0 to {orders - 1}")
            else:
                print(head + ": " + " ".join(f"{pfn:#x}" for t in types
                                             for pfn in self.blocks(z["area"][t][int(order)])))

    @staticmethod
    def blocks(area):
        pages = Pages()
        index, left = int(area["first"]), int(area["nr"])
        while index and left:
            pfn = pages.pfn_of_index(index)
            yield pfn
            index, left = int(pages.page(pfn)["next"]), left - 1


class Memblock(Command):
    """The banks of memory and what was reserved of them at boot."""

    name = "hw-memblock"

    def show(self):
        flags = {f.enumval: f.name[len("MEMBLOCK_"):]
                 for f in gdb.lookup_type("enum memblock_flags").fields()}
        memblock = variable("memblock")
        for list_name in ("memory", "reserved"):
            regions = memblock[list_name]
            print(f"{list_name}: {int(regions['nr'])} regions, {int(regions['total']) >> 10} KiB")
            for i in range(int(regions["nr"])):
                r = regions["regions"][i]
                base, size, what = int(r["base"]), int(r["size"]), int(r["flags"])
                if list_name == "memory":
                    names = [f"node {int(r['nid'])}"]
                    names += [flags[bit] for bit in (1, 2) if what & bit]
                else:
                    names = [flags.get(what & 0xf0, hex(what))]
                print(f"  [{base:#x}, {base + size:#x}) {' '.join(names)}")


class Log(Command):
    """The kernel's log, as dmesg prints it."""

    name = "hw-log"

    def show(self):
        ring = variable("log", "kernel/core/log.c")["ring"]
        header = gdb.lookup_type("struct header")
        size, base = int(ring["size"]), int(ring["buf"])
        off, seq = int(ring["first"]["off"]), int(ring["first"]["seq"])
        while seq < int(ring["next"]["seq"]):
            h = gdb.Value(base + off).cast(header.pointer()).dereference() \
                if size - off >= header.sizeof else None
            if h is None or int(h["len"]) == 0xffff:
                off = 0
                continue
            length, ns = int(h["len"]), int(h["ns"])
            message = gdb.selected_inferior().read_memory(base + off + header.sizeof, length)
            print(f"[{ns // 10**9:5}.{ns % 10**9 // 1000:06}] "
                  + bytes(message).decode(errors="replace"))
            off += -(-(header.sizeof + length) // 8) * 8
            seq += 1


for command in (Offset, Harts, Zones, Page, Buddy, Memblock, Log):
    command()
