/* SPDX-License-Identifier: MIT */
/* What KVM's tracepoints show of a guest's accesses becomes registers, kicks and interrupts. */
#include <linux/kvm.h>
#include <stdarg.h>

#include "bpf/kvm/exits.h"
#include "bpf/kvm/machine.h"
#include "bpf/kvm/tracepoints.h"
#include "decoder/check/rule.h"
#include "decoder/trace/event.h"
#include "tests/unit/fake_pci.h"
#include "tests/unit/record_builder.h"
#include "tests/unit/tap.h"

/* --- what comes out ------------------------------------------------------------------------- */

static char said[8192];
static struct machine *machine;
static uint16_t ids;
static bool with_config; /* are accesses to configuration space said, too? */

static void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void say(const char *fmt, ...)
{
	size_t at = strlen(said);
	va_list args;

	va_start(args, fmt);
	vsnprintf(said + at, sizeof(said) - at, fmt, args);
	va_end(args);
}

static void on_reg(const struct vqt_reg *r)
{
	static const char *const names[] = {
		[VQT_REGION_PCI] = "pci",	[VQT_REGION_COMMON] = "common",
		[VQT_REGION_NOTIFY] = "notify", [VQT_REGION_ISR] = "isr",
		[VQT_REGION_DEVICE] = "device", [VQT_REGION_MSIX_TABLE] = "table",
		[VQT_REGION_MSIX_PBA] = "pba",	[VQT_REGION_LEGACY] = "legacy",
	};

	if (r->region == VQT_REGION_PCI && !with_config)
		return;
	say("%u:%s+%u/%u%s%llx%s%s ", r->h.device, names[r->region], r->offset, r->width,
	    r->op == VQT_WRITE ? "<" : "=", (unsigned long long)r->value,
	    r->flags & VQT_REG_PIO ? "(pio)" : "", r->flags & VQT_REG_VIA_CFG ? "(cfg)" : "");
}

static void on_irq(const struct vqt_irq *i)
{
	if (i->kind == VQT_IRQ_INTX)
		say("%u:intx=%u ", i->h.device, i->level);
	else
		say("%u:msix%d ", i->h.device, i->vector == VQT_NO_VECTOR ? -1 : i->vector);
}

static void on_record(void *ctx, void *record, size_t len)
{
	const struct vqt_hdr *h = record;
	const struct vqt_device *d = record;
	const struct vqt_kick *k = record;
	const struct vqt_loss *l = record;

	switch (h->type) {
	case VQT_REG: on_reg(record); break;
	case VQT_IRQ: on_irq(record); break;
	case VQT_DEVICE:
		say("%u:type%u@%x%s%s%s ", h->device, d->virtio_id, d->bdf,
		    d->flags & VQT_DEV_LATE ? ",late" : "",
		    d->flags & VQT_DEV_TRANSITIONAL ? ",transitional" : "",
		    d->flags & VQT_DEV_GONE ? ",gone" : "");
		break;
	case VQT_KICK:
		say("%u:kick%d/%u<%x,%u ", h->device, h->queue == VQT_NO_QUEUE ? -1 : h->queue,
		    k->width, k->value, k->via);
		break;
	case VQT_LOSS: say("%u:lost%llu ", h->device, (unsigned long long)l->lost); break;
	}
}

static void begin(bool late)
{
	const struct machine_config c = { on_record, NULL, &ids, late };

	ids = 0;
	with_config = false;
	*said = 0;
	machine = machine_new(&c);
}

/* What was said since the last time. */
#define SAID(want) \
	do { \
		size_t n_ = strlen(said); \
		if (n_) \
			said[n_ - 1] = 0; \
		CHECK_STR(said, want); \
		*said = 0; \
	} while (0)

static void end(void)
{
	machine_free(machine);
}

/* --- what goes in --------------------------------------------------------------------------- */

static void hit(unsigned kind, uint64_t addr, unsigned width, uint64_t value)
{
	struct vqk_event e = {
		.kind = (uint16_t)kind, .width = width, .count = 1, .addr = addr, .value = value
	};

	machine_event(machine, &e);
}

static void write_at(uint64_t addr, unsigned width, uint64_t value)
{
	hit(VQK_MMIO_WRITE, addr, width, value);
}

static void read_at(uint64_t addr, unsigned width, uint64_t value)
{
	hit(VQK_MMIO_READ, addr, width, value);
}

/* --- structures ----------------------------------------------------------------------------- */

static void test_structures(void)
{
	struct function f = disk(0x10);

	begin(false);
	enumerate(&f);
	SAID("1:type2@10");
	write_at(COMMON + 20, 1, 3);
	read_at(COMMON + 4, 4, 0x30000000);
	read_at(ISR, 1, 1);
	read_at(DEVICE + 0x20, 8, 0x800);
	write_at(MSIX + 8, 4, 0x41);
	read_at(MSIX + 0x800, 8, 0);
	SAID("1:common+20/1<3 1:common+4/4=30000000 1:isr+0/1=1 1:device+32/8=800 "
	     "1:table+8/4<41 1:pba+0/8=0");
	read_at(BAR4 - 4, 4, 0);
	read_at(BAR4 + 0x4000, 4, 0);
	read_at((uint32_t)BAR4, 4, 0);
	read_at(MSIX + 0x20, 4, 0); /* behind the table's two entries */
	SAID("");
	CHECK_EQ(machine_stats(machine).elsewhere, 4);
	end();
}

static void test_config_is_recorded(void)
{
	struct function f = disk(0x10);

	begin(false);
	with_config = true;
	config_read(&f, 0, 2);
	SAID("1:type0@10 1:pci+0/2=1af4");
	config_read(&f, 2, 2);
	SAID("1:type2@10 1:pci+2/2=1042");
	config_write(&f, 0x14, 4, ~0U);
	SAID("1:pci+20/4<ffffffff");
	config_read(&f, 0xf, 1);
	SAID("1:pci+15/1=0");
	/* another function, none, and a cycle that is none */
	f.bdf = 0x18;
	config_read(&f, 4, 4);
	hit(VQK_PIO_WRITE, 0xcf8, 4, 0x80001800);
	hit(VQK_PIO_READ, 0xcfc, 4, ~0U);
	hit(VQK_PIO_WRITE, 0xcf8, 4, 0x00001000);
	hit(VQK_PIO_READ, 0xcfc, 4, 0x10421af4);
	hit(VQK_PIO_WRITE, 0xcf8, 1, 0x10);
	SAID("");
	end();
}

static void test_length_unread(void)
{
	struct function f = disk(0x10);

	begin(false);
	config_read(&f, 0, 4);
	size_bar(&f, 4);
	place(&f, MSIX, BAR4);
	read_caps(&f, false); /* as SeaBIOS does */
	*said = 0;
	read_at(COMMON + 0xfff, 1, 0);
	read_at(ISR, 1, 0);
	read_at(NOTIFY + 0xfff, 1, 0); /* to the end of the BAR */
	read_at(NOTIFY + 0x1000, 1, 0);
	SAID("1:common+4095/1=0 1:isr+0/1=0 1:notify+4095/1=0");
	end();
}

static void test_bar_moves(void)
{
	struct function f = disk(0x10);

	begin(false);
	enumerate(&f);
	*said = 0;
	config_write(&f, 0x24, 4, 0x39);
	read_at(ISR, 1, 1);
	SAID("");
	read_at(ISR + 0x100000000ull, 1, 1);
	SAID("1:isr+0/1=1");
	config_write(&f, 0x20, 4, ~0U); /* its size is asked for: it is nowhere */
	read_at(0x39fffff000ull + 0x1000, 1, 1);
	read_at(ISR + 0x100000000ull, 1, 1);
	config_write(&f, 0x20, 4, 0);
	SAID("");
	config_write(&f, PCI_COMMAND, 2, 5); /* memory space is off */
	read_at(ISR + 0x100000000ull, 1, 1);
	SAID("");
	config_write(&f, PCI_COMMAND, 1, 2);
	read_at(ISR + 0x100000000ull, 1, 1);
	SAID("1:isr+0/1=1");
	end();
}

static void test_half_an_address(void)
{
	struct function f = disk(0x10);

	begin(false);
	config_read(&f, 0, 4);
	read_caps(&f, true);
	config_read(&f, 0x20, 4); /* its lower half: 64 bits wide */
	config_write(&f, 0x20, 4, 0x10000000);
	*said = 0;
	read_at(0x10001000, 1, 0);
	SAID(""); /* where it is, the upper half tells */
	config_write(&f, 0x24, 4, 0);
	read_at(0x10001000, 1, 0);
	SAID("1:isr+0/1=0");
	end();
}

/* A capability may name the upper half of a BAR, or one that there is not. */
static void test_bad_bar(void)
{
	struct function f = disk(0x10);

	begin(false);
	f.bytes[0x44] = 5;
	f.bytes[0x54] = 6;
	f.bytes[0x64] = 0xff;
	set32(f.bytes + 0x78, 0xfffff000);
	enumerate(&f);
	*said = 0;
	for (uint64_t at = 0; at < 0x4000; at += 0x1000)
		read_at(BAR4 + at, 1, 0);
	read_at(0x38, 1, 0);
	read_at(0xfffff000, 1, 0);
	SAID("");
	read_at(BAR4 + 0xfffff000, 1, 0); /* behind its BAR, but that is what the device says */
	SAID("1:notify+0/1=0");
	end();
	begin(false);
	f.bytes[0x44] = 0xff;
	config_read(&f, 0, 4);
	for (unsigned n = 0; n < 6; n++)
		size_bar(&f, n);
	place(&f, MSIX, BAR4);
	read_caps(&f, false); /* nor how long it is */
	*said = 0;
	read_at(COMMON, 1, 0);
	SAID("");
	end();
}

static void test_list_is_a_loop(void)
{
	struct function f = disk(0x10);

	begin(false);
	enumerate(&f);
	f.bytes[0x41] = 0x98;
	config_read(&f, 0x40, 2);
	*said = 0;
	read_at(ISR, 1, 0);
	SAID("1:isr+0/1=0");
	end();
}

static void test_late(void)
{
	struct function f = disk(0x10);

	begin(true);
	place(&f, MSIX, BAR4); /* before anything of it was read */
	read_at(ISR, 1, 0);
	SAID("");
	for (unsigned at = 0; at < 256; at += 4) /* lspci: it writes nothing */
		config_read(&f, at, 4);
	SAID("1:type2@10,late");
	read_at(ISR, 1, 0);
	write_at(NOTIFY + 8, 2, 1); /* its notify_off is not known: the queue by what is written */
	hit(VQK_MMIO_FAST, NOTIFY + 8, 0, 0);
	hit(VQK_MSI, 0xfee00000, 4, 0x41);
	SAID("1:isr+0/1=0 1:kick1/2<1,1 1:kick-1/0<0,2");
	CHECK_EQ(machine_stats(machine).unknown_msi, 1);
	end();
}

static void test_window(void)
{
	struct function f = disk(0x10);

	begin(false);
	enumerate(&f);
	with_config = true;
	*said = 0;
	config_write(&f, 0x88, 1, 4);
	config_write(&f, 0x8c, 4, 20);
	config_write(&f, 0x90, 4, 1);
	*said = 0;
	config_write(&f, 0x94, 1, 3);
	SAID("1:pci+148/1<3 1:common+20/1<3(cfg)");
	config_read(&f, 0x94, 4);
	SAID("1:common+20/1=0(cfg) 1:pci+148/4=0");
	config_write(&f, 0x90, 4, 8); /* not a width */
	config_write(&f, 0x94, 4, 3);
	SAID("1:pci+144/4<8 1:pci+148/4<3");
	end();
}

/* Something is accessed through it, and it is not known what, or with which value. */
static void test_window_unclear(void)
{
	struct vqk_event string = { .kind = VQK_PIO_WRITE, .width = 4, .count = 2, .addr = 0xcfc };
	struct function f = disk(0x10);

	begin(false);
	enumerate(&f);
	write_at(COMMON + 22, 2, 1);
	config_write(&f, 0x88, 1, 4);
	config_write(&f, 0x90, 4, 4);
	hit(VQK_PIO_WRITE, 0xcf8, 4, 0x8000108c);
	machine_event(machine, &string);
	*said = 0;
	config_write(&f, 0x94, 4, 3); /* the offset in it is not known */
	SAID("1:lost1");
	read_at(COMMON + 30, 2, 1); /* of which queue? */
	write_at(NOTIFY + 4, 2, 9);
	SAID("1:common+30/2=1 1:kick9/2<9,1");
	config_write(&f, 0x8c, 4, 20);
	config_read(&f, 0x94, 1); /* a part of what is accessed */
	config_write(&f, 0x96, 2, 0);
	SAID("1:lost1 1:lost1");
	config_write(&f, 0x8c, 4, 0xfff000);
	config_read(&f, 0x94, 4); /* no structure is known there */
	SAID("");
	CHECK_EQ(machine_stats(machine).elsewhere, 1);
	end();
}

/* --- the legacy interface -------------------------------------------------------------------- */

static void test_legacy(void)
{
	struct function f = { .bdf = 0x20 };

	begin(false);
	set32(f.bytes, 0x10001af4);
	f.writable[PCI_COMMAND] = 7;
	add_bar(&f, 0, 0x40, 1);
	f.writable[0x12] = f.writable[0x13] = 0; /* ports have 16 bits */
	config_read(&f, 0, 4);
	SAID("1:type1@20,transitional");
	size_bar(&f, 0);
	config_write(&f, 0x10, 4, 0xc000);
	config_write(&f, PCI_COMMAND, 2, 1);
	hit(VQK_PIO_WRITE, 0xc012, 1, 1);
	hit(VQK_PIO_WRITE, 0xc010, 2, 1);
	hit(VQK_PIO_READ, 0xc03f, 1, 7);
	hit(VQK_PIO_READ, 0xc040, 1, 7);
	hit(VQK_PIO_WRITE, 0xc010, 1, 1); /* which queue that is depends on the device */
	read_at(0xc010, 2, 0);
	SAID("1:legacy+18/1<1(pio) 1:legacy+16/2<1(pio) 1:kick1/2<1,3 1:legacy+63/1=7(pio) "
	     "1:legacy+16/1<1(pio)");
	end();
}

/* --- kicks ---------------------------------------------------------------------------------- */

static void learn_queue(unsigned n, unsigned notify_off)
{
	write_at(COMMON + 22, 2, n);
	read_at(COMMON + 30, 2, notify_off);
}

static void test_kicks(void)
{
	struct function f = disk(0x10);

	begin(false);
	enumerate(&f);
	learn_queue(0, 2);
	write_at(COMMON + 20, 4, 0x00010000); /* queue_select with what is before it */
	read_at(COMMON + 28, 4, 0x00010001); /* queue_enable and queue_notify_off */
	*said = 0;
	write_at(NOTIFY + 8, 2, 0);
	write_at(NOTIFY + 4, 4, 0x70001);
	hit(VQK_MMIO_FAST, NOTIFY + 8, 0, 0);
	SAID("1:kick0/2<0,1 1:kick1/4<70001,1 1:kick0/0<0,2");
	write_at(NOTIFY + 12, 2, 1); /* no queue has this address */
	hit(VQK_MMIO_FAST, NOTIFY + 12, 0, 0);
	hit(VQK_MMIO_FAST, ISR, 0, 0); /* not a kick, and not known what it is */
	SAID("1:notify+12/2<1 1:kick-1/0<0,2 1:lost1");
	learn_queue(0, 1); /* two queues at one address */
	*said = 0;
	write_at(NOTIFY + 4, 2, 0);
	write_at(NOTIFY + 4, 2, 1);
	write_at(NOTIFY + 4, 2, 2);
	hit(VQK_MMIO_FAST, NOTIFY + 4, 0, 0);
	SAID("1:kick0/2<0,1 1:kick1/2<1,1 1:notify+4/2<2 1:kick-1/0<0,2");
	CHECK_EQ(machine_stats(machine).kicks, 7);
	end();
}

static void test_lost_hits(void)
{
	struct function f = disk(0x10);

	begin(false);
	enumerate(&f);
	with_config = true;
	*said = 0;
	machine_lost(machine);
	hit(VQK_PIO_READ, 0xcfc, 4, 0x10421af4); /* of which function? */
	read_at(COMMON + 30, 2, 1); /* of which queue? */
	SAID("1:common+30/2=1");
	write_at(NOTIFY + 4, 2, 7);
	SAID("1:kick7/2<7,1");
	config_read(&f, 0, 4);
	SAID("1:pci+0/4=10421af4");
	end();
}

static void test_odd_accesses(void)
{
	struct function f = disk(0x10);
	struct vqk_event string = {
		.kind = VQK_PIO_WRITE, .width = 4, .count = 5, .addr = 0xcfc, .value = 1
	};

	begin(false);
	enumerate(&f);
	*said = 0;
	read_at(DEVICE, 16, 0);
	read_at(DEVICE, 3, 0);
	read_at(DEVICE, 0, 0);
	SAID("1:lost1 1:lost1 1:lost1");
	write_at(COMMON + 22, 2, 1);
	write_at(COMMON + 16, 16, 0); /* which queue does that choose? */
	read_at(COMMON + 30, 2, 1);
	write_at(NOTIFY + 4, 2, 9);
	SAID("1:common+22/2<1 1:lost1 1:common+30/2=1 1:kick9/2<9,1");
	machine_event(machine, &string);
	read_at(COMMON + 0xffe, 4, 0x11223344); /* ends behind it */
	write_at(MSIX + 0x1e, 4, ~0U);
	SAID("1:lost4 1:common+4094/4=11223344 1:table+30/4<ffffffff");
	end();
}

/* Of what one instruction writes again and again to the data port the last value is not known. */
static void test_string_instructions(void)
{
	struct function f = disk(0x10);
	struct vqk_event string = {
		.kind = VQK_PIO_WRITE, .width = 4, .count = 3, .addr = 0xcfc, .value = 0xfd000000
	};

	begin(false);
	enumerate(&f);
	with_config = true;
	*said = 0;
	hit(VQK_PIO_WRITE, 0xcf8, 4, 0x80001014);
	machine_event(machine, &string);
	SAID("1:pci+20/4<fd000000 1:lost2");
	write_at(MSIX, 4, 1); /* BAR 1 is there no more, nor known to be there */
	write_at(0xfd000000, 4, 1);
	read_at(ISR, 1, 0);
	SAID("1:isr+0/1=0");
	config_read(&f, 0x14, 4); /* that may be its size */
	write_at(MSIX, 4, 1);
	SAID("1:pci+20/4=febfe000");
	config_write(&f, 0x14, 4, (uint32_t)MSIX);
	write_at(MSIX, 4, 1);
	SAID("1:pci+20/4<febfe000 1:table+0/4<1");
	string.kind = VQK_PIO_READ;
	string.value = MSIX;
	machine_event(machine, &string);
	write_at(MSIX, 4, 1);
	SAID("1:pci+20/4=febfe000 1:lost2 1:table+0/4<1");
	end();
}

/* Two at one address, whether by a structure or by what else is in a BAR. */
static void test_overlapping(void)
{
	struct function f = disk(0x10), g = disk(0x18);

	begin(false);
	enumerate(&f);
	enumerate(&g);
	*said = 0;
	read_at(ISR, 1, 1);
	SAID("1:lost1 2:lost1");
	CHECK_EQ(machine_stats(machine).overlapping, 1);
	config_write(&g, 0x20, 4, 0x10000000);
	config_write(&g, 0x14, 4, (uint32_t)MSIX + 0x1000);
	write_at(NOTIFY + 8, 2, 0);
	SAID("1:kick0/2<0,1");
	config_write(&f, 0x14, 4, 0x10000000); /* behind the table and before the PBA */
	config_write(&f, PCI_COMMAND, 2, 7);
	config_write(&g, 0x24, 4, 0);
	write_at(0x10000400, 4, 0);
	read_at(0x10000000, 4, 0);
	SAID("2:lost1 1:lost1 2:lost1");
	config_write(&f, PCI_COMMAND, 2, 0); /* it decodes nothing */
	read_at(0x10000004, 4, 7);
	SAID("2:common+4/4=7");
	CHECK_EQ(machine_stats(machine).overlapping, 3);
	end();
}

/* --- interrupts ----------------------------------------------------------------------------- */

static void set_vector(uint64_t table, unsigned n, uint64_t addr, uint32_t data)
{
	write_at(table + 16 * n, 8, addr);
	write_at(table + 16 * n + 8, 4, data);
}

static void test_messages(void)
{
	struct function f = disk(0x10), g = disk(0x18);

	begin(false);
	enumerate(&f);
	config_read(&g, 0, 4);
	for (unsigned n = 0; n < 6; n++)
		size_bar(&g, n);
	place(&g, 0xfebff000, BAR4 + 0x4000);
	read_caps(&g, true);
	set_vector(MSIX, 2, 0xfee01000, 0x41);
	hit(VQK_MSI, 0xfee01000, 4, 0x41); /* MSI-X is off: it is another device's */
	set_vector(MSIX, 2, 0, 0);
	config_write(&f, 0x9a, 2, 0x8001);
	config_write(&g, 0x9a, 2, 0x8001);
	write_at(MSIX, 4, 0xfee00000);
	write_at(MSIX + 8, 2, 0x40); /* not all of it */
	set_vector(MSIX, 1, 0xfee01000, 0x41);
	set_vector(0xfebff000, 0, 0x1fee02000, 0x41);
	set_vector(0xfebff000, 1, 0xfee03000, 0x42);
	*said = 0;
	hit(VQK_MSI, 0xfee01000, 4, 0x41);
	hit(VQK_MSI, 0xfee02000, 4, 0x41);
	hit(VQK_MSI, 0x1fee02000, 4, 0x41);
	hit(VQK_MSI, 0x1000, 4, 0x41); /* as QEMU sends it itself */
	SAID("1:msix1 2:msix0 2:msix0 1:msix1");
	hit(VQK_MSI, 0x2fee02000, 4, 0x41);
	hit(VQK_MSI, 0xfee01000, 4, 0x42);
	hit(VQK_MSI, 0xfee00000, 4, 0x40);
	SAID("");
	set_vector(MSIX, 0, 0xfee01000, 0x41); /* which of the two? */
	set_vector(0xfebff000, 0, 0xfee03000, 0x42);
	*said = 0;
	hit(VQK_MSI, 0xfee01000, 4, 0x41);
	SAID("1:msix-1");
	set_vector(0xfebff000, 1, 0xfee01000, 0x41); /* which device? */
	*said = 0;
	hit(VQK_MSI, 0xfee01000, 4, 0x41);
	SAID("");
	CHECK_EQ(machine_stats(machine).unknown_msi, 5);
	end();
}

/* All entries of a large table send the same: not all are looked at for each message. */
static void test_crowded(void)
{
	struct function f = disk(0x10);

	f.bytes[0x9a] = 0xff;
	f.bytes[0x9b] = 1;
	begin(false);
	enumerate(&f);
	config_write(&f, 0x9a, 2, 0x81ff);
	for (unsigned n = 0; n < 512; n++)
		set_vector(MSIX, n, 0xfee01000, 0x41);
	*said = 0;
	hit(VQK_MSI, 0xfee01000, 4, 0x41);
	SAID("");
	CHECK_EQ(machine_stats(machine).crowded, 1);
	CHECK_EQ(machine_stats(machine).unknown_msi, 1);
	for (unsigned n = 0; n < 512; n++)
		set_vector(MSIX, n, 0xfee01000, 0x1000 + n);
	*said = 0;
	for (unsigned n = 0; n < 512; n += 511)
		hit(VQK_MSI, 0xfee01000, 4, 0x1000 + n);
	SAID("1:msix0 1:msix511");
	CHECK_EQ(machine_stats(machine).unknown_msi, 1);
	end();
}

/* Of a guest that ran before, and after hits were lost, others may have the line. */
static void test_lines_unknown(void)
{
	for (unsigned late = 0; late < 2; late++) {
		struct function f = disk(0x10);

		begin(late);
		enumerate(&f);
		config_read(&f, PCI_INTERRUPT_PIN, 1);
		config_write(&f, PCI_INTERRUPT_LINE, 1, 11);
		if (!late)
			machine_lost(machine);
		*said = 0;
		hit(VQK_LINE, 11, 0, 1);
		SAID("");
		CHECK_EQ(machine_stats(machine).unknown_line, 1);
		end();
	}
}

/* It is unplugged, and another device, of whatever kind, gets its addresses. */
static void test_unplugged(void)
{
	struct function f = disk(0x10), gone = { .bdf = 0x10 };

	begin(false);
	enumerate(&f);
	*said = 0;
	read_at(ISR, 1, 0);
	SAID("1:isr+0/1=0");
	memset(gone.bytes, 0xff, sizeof(gone.bytes));
	config_read(&gone, 0, 4);
	read_at(ISR, 1, 0);
	write_at(NOTIFY, 2, 0);
	SAID("");
	end();
}

static void test_lines(void)
{
	struct function f = disk(0x10), other = { .bdf = 0x08 };

	begin(false);
	enumerate(&f);
	config_read(&f, PCI_INTERRUPT_PIN, 1);
	config_write(&f, PCI_INTERRUPT_LINE, 1, 11);
	*said = 0;
	hit(VQK_LINE, 11, 0, 0);
	hit(VQK_LINE, 11, 0, 1);
	hit(VQK_LINE, 11, 0, 1);
	hit(VQK_LINE, 10, 0, 1);
	hit(VQK_LINE, 11, 0, 0);
	SAID("1:intx=1 1:intx=0");
	config_write(&f, 0x9a, 2, 0x8001); /* MSI-X is on: it is not this device */
	hit(VQK_LINE, 11, 0, 1);
	SAID("");
	config_write(&f, 0x9a, 2, 1);
	hit(VQK_LINE, 11, 0, 1);
	hit(VQK_LINE, 11, 0, 0);
	SAID("1:intx=1 1:intx=0");
	set32(other.bytes, 0x70108086); /* another device, which may have a pin, has this line */
	config_write(&other, PCI_INTERRUPT_LINE, 1, 11);
	hit(VQK_LINE, 11, 0, 1);
	SAID("");
	config_read(&other, PCI_INTERRUPT_PIN, 1); /* it has none */
	hit(VQK_LINE, 11, 0, 1);
	SAID("1:intx=1");
	CHECK_EQ(machine_stats(machine).unknown_line, 3);
	end();
}

/* --- configuration space in memory ------------------------------------------------------------ */

static void test_ecam(void)
{
	struct function bridge = { .bdf = 0 };

	begin(false);
	with_config = true;
	memset(bridge.writable + 0x60, 0xff, 8);
	set32(bridge.bytes, 0x12378086); /* not a Q35 */
	config_read(&bridge, 0, 4);
	config_write(&bridge, 0x64, 4, 0);
	config_write(&bridge, 0x60, 4, 0xb0000001);
	read_at(0xb0000000 + (0x10 << 12), 4, 0x10421af4);
	SAID("");
	set32(bridge.bytes, 0x29c08086);
	config_read(&bridge, 0, 4);
	read_at(0xb0000000 + (0x10 << 12), 4, 0x10421af4);
	read_at(0xb0000000 + (0x10 << 12) + 0x100, 4, 0);
	SAID("1:type2@10 1:pci+0/4=10421af4 1:pci+256/4=0");
	write_at(0xb0000000 + (0x10 << 12) + 4, 2, 7);
	SAID("1:pci+4/2<7");
	read_at(0xb0000000 + (0x110 << 12), 4, 0x10421af4); /* bus 1 */
	SAID("2:type2@110 2:pci+0/4=10421af4");
	/* what accesses of other widths do depends on what is behind them */
	read_at(0xb0000000 + (0x18 << 12), 8, 0x000000001af41042);
	SAID("");
	read_at(0xb0000000 + (0x10 << 12) + 0x10, 8, 0);
	write_at(0xb0000000 + (0x10 << 12) + 0x20, 3, 0);
	SAID("1:lost1 1:lost1");
	config_write(&bridge, 0x60, 4, 0xb0000005); /* 64 buses only */
	read_at(0xb0000000 + (0x4010 << 12), 4, 0x10421af4);
	config_write(&bridge, 0x60, 4, 0xb0000000); /* off */
	read_at(0xb0000000 + (0x10 << 12), 4, 0x10421af4);
	SAID("");
	config_write(&bridge, 0x60, 4, 0xb0000001);
	write_at(0xb0000060, 8, 0xc0000001); /* where is it now? */
	read_at(0xb0000000 + (0x10 << 12), 4, 0x10421af4);
	read_at(0xc0000000 + (0x10 << 12), 4, 0x10421af4);
	SAID("");
	end();
}

/* A BAR of 64 bits that is written at once by a wide access may be anywhere. */
static void test_wide_bar(void)
{
	struct function bridge = { .bdf = 0 }, f = disk(0x10);

	begin(false);
	memset(bridge.writable + 0x60, 0xff, 8);
	set32(bridge.bytes, 0x29c08086);
	config_read(&bridge, 0, 4);
	config_write(&bridge, 0x64, 4, 0);
	config_write(&bridge, 0x60, 4, 0xb0000001);
	enumerate(&f);
	*said = 0;
	read_at(ISR, 1, 1);
	SAID("1:isr+0/1=1");
	write_at(0xb0000000 + (0x10 << 12) + 0x20, 8, 0x3a00000000);
	read_at(ISR, 1, 1);
	read_at(0x3a00001000, 1, 1);
	SAID("1:lost1");
	end();
}

/* --- devices come and go ----------------------------------------------------------------------- */

static void test_replaced(void)
{
	struct function f = disk(0x10);

	begin(false);
	enumerate(&f);
	*said = 0;
	set32(f.bytes, ~0U); /* unplugged: nothing answers, and nothing follows from that */
	config_read(&f, 0, 4);
	SAID("");
	set32(f.bytes, 0x10411af4);
	config_read(&f, 0, 4);
	SAID("1:type2@10,gone 2:type1@10");
	read_at(ISR, 1, 0);
	SAID("");
	set32(f.bytes, 0x100e8086);
	config_read(&f, 0, 4);
	config_read(&f, 4, 4);
	SAID("2:type1@10,gone");
	end();
}

static void test_limit(void)
{
	begin(false);
	for (unsigned i = 0; i < MACHINE_DEVICES + 2; i++) {
		struct function f = disk((uint16_t)(8 * (i + 1)));

		config_read(&f, 0, 4);
	}
	CHECK_EQ(machine_stats(machine).devices, MACHINE_DEVICES);
	CHECK_EQ(machine_stats(machine).limited, 2);
	*said = 0;
	for (uint16_t id = 1; id <= MACHINE_DEVICES; id++)
		machine_describe(machine, 7, id);
	CHECK(!strncmp(said, "1:type2@8 2:type2@10 ", 21));
	end();
}

/* --- around it ------------------------------------------------------------------------------- */

static void test_formats(void)
{
	struct tracepoint_field f = { .name = "len" };

	CHECK(tracepoint_line("\tfield:u32 len;\toffset:12;\tsize:4;\tsigned:0;\n", &f));
	CHECK_EQ(f.offset, 12);
	CHECK_EQ(f.size, 4);
	CHECK(!tracepoint_line("\tfield:u32 maxlen;\toffset:12;\tsize:4;\tsigned:0;\n", &f));
	CHECK(!tracepoint_line("\tfield:u32 len\n", &f));
	CHECK(!tracepoint_line("\tfield:u32 len;\tsize:4;\n", &f));
	CHECK(!tracepoint_line("name: len;\n", &f));
	CHECK(!tracepoint_line("", &f));
	f.name = "parent_comm";
	CHECK(tracepoint_line("\tfield:__data_loc char[] parent_comm;\toffset:8;\tsize:4;\n", &f));
}

static void test_exits(void)
{
	struct exit_count c[] = {
		{ { VQK_EXIT_USER, KVM_EXIT_MMIO }, 3 },
		{ { VQK_EXIT_USER, KVM_EXIT_IO }, 30 },
		{ { VQK_EXIT_USER, 9999 }, 1 },
		{ { VQK_EXIT_SIGNAL, 0 }, 2 },
		{ { VQK_EXIT_VMX, 49 }, 5 },
		{ { VQK_EXIT_SVM, 0x400 }, 4 },
		{ { VQK_EXIT_SVM, 0xffffffff }, 1 },
		{ { 77, 1 }, 1 },
	};
	const size_t n = sizeof(c) / sizeof(c[0]);
	TEXT(t, 512);

	exits_put(&t, c, n, true, 4);
	CHECK_STR(t.buf, "36 exits of the guest to user space (IO 30, MMIO 3, a signal 2, "
			 "reason 9999 1), 9.0 a kick");
	t.len = 0;
	exits_put(&t, c, n, false, 0);
	CHECK(strstr(t.buf, "11 exits of the guest to KVM (EPT_MISCONFIG 5, npf 4, "));
	t.len = *t.buf = 0;
	exits_put(&t, c, 0, true, 1);
	CHECK_STR(t.buf, "");
}

/* --- what the checker makes of it -------------------------------------------------------------- */

static unsigned findings;

static void found(void *opaque, const struct finding *f)
{
	findings += !strcmp(f->rule->id, "isr-not-cleared");
}

static struct check_tally isr_without_interrupt(unsigned kind)
{
	struct vqt_source s = { .kind = (uint16_t)kind };
	struct vqt_device d = { .virtio_id = 2, .bdf = 0x10, .transport = VQT_TRANSPORT_PCI };
	static struct record_builder t;
	struct check_tally tally;
	struct check *c;

	findings = 0;
	memset(&t, 0, sizeof(t));
	builder_begin(&t);
	builder_add(&t, VQT_SOURCE, &s, sizeof(s), NULL, 0);
	builder_add(&t, VQT_DEVICE, &d, sizeof(d), NULL, 0);
	CHECK_EQ(check_new(&c, NULL, found, NULL, NULL), 0);
	for (unsigned i = 0; i < 6; i++) {
		if (i < 2)
			builder_write(&t, VQT_REGION_COMMON, VIRTIO_PCI_COMMON_STATUS, 1, i);
		else if (i == 2)
			builder_irq(&t, VQT_IRQ_INTX, VQT_NO_VECTOR);
		else
			builder_read(&t, VQT_REGION_ISR, 0, 1, 1);
		CHECK_EQ(check_feed(c, t.model, &t.e), 0);
	}
	CHECK_EQ(check_finish(c, t.model), 0);
	check_tally(c, rule_by_id("isr-not-cleared"), &tally);
	check_free(c);
	builder_finish(&t);
	return tally;
}

/* An interrupt that is not recorded may have come. */
static void test_check(void)
{
	struct check_tally tally = isr_without_interrupt(VQT_SRC_QEMU);

	CHECK(findings && tally.broken);
	tally = isr_without_interrupt(VQT_SRC_KVM);
	CHECK_EQ(findings, 0);
	CHECK(!tally.passed && tally.why && strstr(tally.why, "KVM does not tell"));
}

static const struct tap_test tests[] = {
	{ "structures of virtio where the capabilities say", test_structures },
	{ "accesses to configuration space", test_config_is_recorded },
	{ "a driver that does not read how long they are", test_length_unread },
	{ "a BAR that moves, is sized, is switched off", test_bar_moves },
	{ "half of a 64-bit address says nothing", test_half_an_address },
	{ "capabilities that name no BAR", test_bad_bar },
	{ "a capability list that is a loop", test_list_is_a_loop },
	{ "recording begins late", test_late },
	{ "the configuration access window", test_window },
	{ "the window onto something unknown", test_window_unclear },
	{ "the legacy interface", test_legacy },
	{ "the queue of a kick", test_kicks },
	{ "hits that are lost", test_lost_hits },
	{ "accesses of odd widths", test_odd_accesses },
	{ "string instructions at the data port", test_string_instructions },
	{ "several devices at one address", test_overlapping },
	{ "messages of MSI-X tables", test_messages },
	{ "many entries that send the same", test_crowded },
	{ "interrupt lines", test_lines },
	{ "lines that others may have", test_lines_unknown },
	{ "a function that is unplugged", test_unplugged },
	{ "configuration space in memory", test_ecam },
	{ "wide accesses to BARs", test_wide_bar },
	{ "a function is replaced", test_replaced },
	{ "too many devices", test_limit },
	{ "formats of tracepoints", test_formats },
	{ "exits in words", test_exits },
	{ "rules that need all interrupts", test_check },
};

TAP_MAIN(tests)
