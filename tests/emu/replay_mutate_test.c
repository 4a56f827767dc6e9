/* SPDX-License-Identifier: MIT */
/*
 * Replay catches a device that answered wrongly: recordings with one answer
 * changed, of each kind, and the event that replay must name.
 */
#include <stdlib.h>

#include "decoder/spec/constants.h"
#include "decoder/class/blk.h"
#include "tests/emu/testbed.h"
#include "tests/emu/recording.h"
#include "tests/emu/tap.h"

/* Records are unmodified between cases. */
struct saved {
	unsigned at;
	uint32_t len;
	uint8_t bytes[2048];
};

static void *change(struct recording *t, unsigned at, struct saved *s)
{
	s->at = at;
	s->len = t->len[at];
	if (s->len > sizeof(s->bytes))
		exit(1);
	memcpy(s->bytes, recording_at(t, at), s->len);
	return recording_at(t, at);
}

static void put_back(struct recording *t, const struct saved *s)
{
	memcpy(recording_at(t, s->at), s->bytes, s->len);
}

/* The nth record (from 0) that one likes; -1: there are not so many. */
static int nth(struct recording *t, int n, bool (*like)(const void *rec))
{
	for (unsigned i = 0; i < t->count; i++)
		if (like(recording_at(t, i)) && n-- == 0)
			return (int)i;
	return -1;
}

static bool is_used(const void *rec)
{
	return ((const struct vqt_hdr *)rec)->type == VQT_USED;
}

static bool is_signal(const void *rec)
{
	const struct vqt_irq *r = rec;
	return r->h.type == VQT_IRQ && r->kind == VQT_IRQ_SIGNAL;
}

static bool reads(const void *rec, unsigned region, unsigned offset)
{
	const struct vqt_reg *r = rec;
	return r->h.type == VQT_REG && r->op == VQT_READ && r->region == region &&
	       r->offset == offset;
}

static bool is_feature(const void *rec)
{
	return reads(rec, VQT_REGION_COMMON, VIRTIO_PCI_COMMON_DF);
}

static bool is_status(const void *rec)
{
	return reads(rec, VQT_REGION_COMMON, VIRTIO_PCI_COMMON_STATUS) &&
	       ((const struct vqt_reg *)rec)->value;
}

static bool is_vendor(const void *rec)
{
	return reads(rec, VQT_REGION_PCI, PCI_VENDOR_ID);
}

static bool is_size(const void *rec)
{
	return reads(rec, VQT_REGION_COMMON, VIRTIO_PCI_COMMON_Q_SIZE);
}

static bool is_queues(const void *rec)
{
	return reads(rec, VQT_REGION_COMMON, VIRTIO_PCI_COMMON_NUMQ);
}

static bool is_table(const void *rec)
{
	return reads(rec, VQT_REGION_MSIX_TABLE, 8);
}

static bool is_isr(const void *rec)
{
	return reads(rec, VQT_REGION_ISR, 0);
}

static bool is_legacy_features(const void *rec)
{
	return reads(rec, VQT_REGION_LEGACY, VIRTIO_PCI_HOST_FEATURES);
}

static bool is_legacy_status(const void *rec)
{
	return reads(rec, VQT_REGION_LEGACY, VIRTIO_PCI_STATUS);
}

static const struct {
	const char *trace, *what, *subject;
	bool (*like)(const void *rec);
	int which;
	uint64_t flip;
} registers[] = {
	{ "traces/qemu7-q1.pcap", "a feature, first time", "register.common.device_feature[0]",
	  is_feature, 0, 1 << 9 },
	{ "traces/qemu7-q1.pcap", "a feature, second time", "register.common.device_feature[0]",
	  is_feature, 2, 1 << 6 },
	{ "traces/qemu7-q1.pcap", "a feature of the core", "register.common.device_feature[1]",
	  is_feature, 5, 1 },
	{ "traces/qemu7-q1.pcap", "device_status", "register.common.device_status", is_status, 2,
	  8 },
	{ "traces/qemu7-q1.pcap", "device_status needs reset", "register.common.device_status",
	  is_status, 6, 0x40 },
	{ "traces/qemu7-q1.pcap", "a vendor id", "register.pci.vendor_id", is_vendor, 1, 0x10 },
	{ "traces/qemu11-mq4.pcap", "queue_size", "register.common.queue_size", is_size, 2, 0x80 },
	{ "traces/qemu11-mq4.pcap", "num_queues", "register.common.num_queues", is_queues, 0, 1 },
	{ "traces/qemu7-packed.pcap", "an MSI-X entry", "register.msix", is_table, 3, 1 },
	{ "traces/qemu7-intx.pcap", "ISR, a reserved bit", "register.isr.isr_status", is_isr, 5,
	  4 },
	{ "traces/qemu7-intx.pcap", "ISR, the configuration bit", "register.isr.isr_status", is_isr,
	  7, 2 },
	{ "traces/qemu7-legacy.pcap", "legacy device_features", "register.legacy.device_features",
	  is_legacy_features, 1, 1 << 27 },
	{ "traces/qemu7-legacy.pcap", "legacy device_status", "register.legacy.device_status",
	  is_legacy_status, 3, 4 },
};

static void test_registers(void)
{
	for (unsigned i = 0; i < sizeof(registers) / sizeof(registers[0]); i++) {
		struct recording t;
		struct outcome o;
		recording_load(&t, registers[i].trace);
		int at = nth(&t, registers[i].which, registers[i].like);
		if (!ok(at >= 0, "%s is in %s", registers[i].what, registers[i].trace))
			continue;
		((struct vqt_reg *)recording_at(&t, at))->value ^= registers[i].flip;
		recording_replay(&t, NULL, &o);
		ok(outcome_names(&o, at + 1, registers[i].subject) && o.differences == 1,
		   "%s: caught, nothing else", registers[i].what);
		recording_free(&t);
	}
}

/*
 * The driver reads these once in that trace: the specification or other parts of the trace
 * determine them.
 */
static const struct {
	const char *trace, *what, *subject;
	uint8_t region, width;
	uint16_t offset;
	int which; /* of the reads of that register in that width */
	uint64_t flip;
} once[] = {
	{ "qemu7-q1", "subsystem vendor", "register.pci.subsystem_vendor_id", VQT_REGION_PCI, 2,
	  0x2c, 0, 0x10 },
	{ "qemu7-q1", "subsystem id", "register.pci.subsystem_id", VQT_REGION_PCI, 2, 0x2e, 0, 1 },
	{ "qemu7-legacy", "subsystem id, transitional", "register.pci.subsystem_id", VQT_REGION_PCI,
	  2, 0x2e, 0, 1 },
	{ "qemu7-q1", "latency timer", "register.pci.", VQT_REGION_PCI, 1, 0x0d, 0, 0x40 },
	{ "qemu7-edk2", "offset of the common structure", "register.pci.", VQT_REGION_PCI, 4, 0x48,
	  0, 0x1000 },
	{ "qemu7-edk2", "length of the ISR structure", "register.pci.", VQT_REGION_PCI, 4, 0x5c, 0,
	  2 },
	{ "qemu7-edk2", "padding of a capability", "register.pci.", VQT_REGION_PCI, 4, 0x64, 0,
	  0x100 },
	{ "qemu7-edk2", "notify_off_multiplier", "register.pci.notify_off_multiplier",
	  VQT_REGION_PCI, 4, 0x80, 0, 8 },
	{ "qemu7-q1", "MSI-X table", "register.pci.msix_table", VQT_REGION_PCI, 4, 0x9c, 0, 0x800 },
	{ "qemu7-ipxe", "a feature the driver took", "register.common.device_feature",
	  VQT_REGION_COMMON, 2, VIRTIO_PCI_COMMON_DF, 0, 1 << 5 },
	{ "qemu11-mq4", "num_queues of the configuration", "register.device.num_queues",
	  VQT_REGION_DEVICE, 2, BLK_CFG_NUM_QUEUES, 0, 1 },
	{ "qemu11-mq4", "a capacity that is too small", "register.device.capacity",
	  VQT_REGION_DEVICE, 4, BLK_CFG_CAPACITY, 0, 0x20000 },
	{ "qemu11-mq4", "a capacity that cannot be", "register.device.capacity", VQT_REGION_DEVICE,
	  4, BLK_CFG_CAPACITY + 4, 0, 1u << 31 },
	{ "qemu11-mq4", "block size", "register.device.blk_size", VQT_REGION_DEVICE, 4,
	  BLK_CFG_BLK_SIZE, 0, 1 },
	{ "qemu11-resize-q1", "capacity of a disk that grew", "register.device.capacity",
	  VQT_REGION_DEVICE, 4, BLK_CFG_CAPACITY, 2, 0x20000 },
};

static bool is_read(const void *rec, unsigned i)
{
	const struct vqt_reg *r = rec;
	return reads(rec, once[i].region, once[i].offset) && r->width == once[i].width;
}

static void test_once(void)
{
	for (unsigned i = 0; i < sizeof(once) / sizeof(once[0]); i++) {
		struct recording t;
		struct outcome o;
		char path[80];
		unsigned at = 0;
		snprintf(path, sizeof(path), "traces/%s.pcap", once[i].trace);
		recording_load(&t, path);
		for (int n = once[i].which; at < t.count; at++)
			if (is_read(recording_at(&t, at), i) && n-- == 0)
				break;
		if (ok(at < t.count, "%s: is in %s", once[i].what, path)) {
			((struct vqt_reg *)recording_at(&t, at))->value ^= once[i].flip;
			recording_replay(&t, NULL, &o);
			ok(outcome_names(&o, at + 1, once[i].subject), "%s: caught", once[i].what);
		}
		recording_free(&t);
	}
}

/* Only the device's own answers show these values. */
static bool is_free(const struct vqt_reg *r, unsigned offset)
{
	static const struct {
		uint8_t region;
		uint16_t first, last;
	} rows[] = {
		{ VQT_REGION_COMMON, VIRTIO_PCI_COMMON_DF,
		  VIRTIO_PCI_COMMON_DF + 3 }, /* not taken */
		{ VQT_REGION_DEVICE, BLK_CFG_CAPACITY, BLK_CFG_CAPACITY + 7 }, /* not used */
		{ VQT_REGION_DEVICE, BLK_CFG_CYLINDERS, BLK_CFG_SECTORS },
		{ VQT_REGION_DEVICE, BLK_CFG_PHYS_EXP, BLK_CFG_OPT_IO + 3 },
		{ VQT_REGION_ISR, 0, 0 }, /* may be set at any time */
	};
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].region == r->region && offset >= rows[i].first &&
		    offset <= rows[i].last)
			return true;
	return false;
}

/* Every answer of a register in a trace, a bit of each byte: few are nobody's business. */
static void test_all(const char *trace, uint8_t flip, unsigned step)
{
	struct recording t;
	unsigned tried = 0, caught = 0, bad = 0, n = 0;
	recording_load(&t, trace);
	for (unsigned i = 0; i < t.count; i++) {
		struct vqt_reg *r = recording_at(&t, i);
		if (r->h.type != VQT_REG || r->op != VQT_READ || r->flags & VQT_REG_FAILED)
			continue;
		for (unsigned b = 0; b < r->width; b++) {
			struct outcome o;
			if (n++ % step)
				continue;
			r->value ^= (uint64_t)flip << 8 * b;
			recording_replay(&t, NULL, &o);
			r->value ^= (uint64_t)flip << 8 * b;
			bool found = o.rc == 0 && o.differences;
			tried++;
			caught += found;
			bad += !found && !is_free(r, r->offset + b);
			if (!found && !is_free(r, r->offset + b))
				printf("# event %u region %u offset %u\n", i + 1, r->region,
				       r->offset + b);
		}
	}
	ok(!bad && caught * 100 > tried * 97, "%s: %u of %u changed answers caught", trace, caught,
	   tried);
	recording_free(&t);
}

static void bend_len(struct vqt_used *u)
{
	u->len -= 1;
}

static void bend_status(struct vqt_used *u)
{
	u->status ^= 2;
}

static void bend_status_ioerr(struct vqt_used *u)
{
	u->status = VIRTIO_BLK_S_IOERR;
}

static void bend_id(struct vqt_used *u)
{
	u->id += 77;
}

static const struct {
	const char *what, *subject;
	void (*bend)(struct vqt_used *u);
} answers[] = {
	{ "used length", "request.used_len", bend_len },
	{ "status byte", "request.status", bend_status },
	{ "status byte IOERR", "request.status", bend_status_ioerr },
	{ "used id", "request.used_id", bend_id },
};

/* Every fifth completion of a trace, bent in each way. */
static void test_answers(const char *trace)
{
	struct recording t;
	unsigned tried = 0;
	recording_load(&t, trace);
	for (unsigned k = 0; k < sizeof(answers) / sizeof(answers[0]); k++) {
		bool good = true;
		for (int n = (int)k, at; (at = nth(&t, n, is_used)) >= 0; n += 9, tried++) {
			struct saved s;
			struct outcome o;
			answers[k].bend(change(&t, at, &s));
			recording_replay(&t, NULL, &o);
			good &= outcome_names(&o, at + 1, answers[k].subject);
			put_back(&t, &s);
		}
		ok(good, "%s: %s", trace, answers[k].what);
	}
	ok(tried > 20, "%s: in %u places", trace, tried);
	recording_free(&t);
}

static uint64_t used_before(struct recording *t, unsigned at)
{
	while (at-- > 0)
		if (is_used(recording_at(t, at)))
			return at + 1;
	return 0;
}

/* A request at a time waits for each notification, so each one missed is seen. */
static void test_missing(const char *trace, bool gap, int step)
{
	struct recording t;
	unsigned tried = 0, good = 0;
	recording_load(&t, trace);
	for (int n = 1, at; (at = nth(&t, n, is_signal)) >= 0; n += step) {
		struct saved s;
		struct outcome o;
		change(&t, at, &s);
		recording_delete(&t, at);
		if (!gap)
			recording_renumber(&t, at, -1);
		recording_replay(&t, NULL, &o);
		tried++;
		good += o.differences == 1 && o.first.number <= (uint64_t)at &&
			!strcmp(o.first.subject, "interrupt.missing") &&
			(o.first.number == used_before(&t, at) ||
			 o.first.number + 8 > used_before(&t, at));
		if (!gap)
			recording_renumber(&t, at, 1);
		recording_insert(&t, at, s.bytes, s.len);
	}
	ok(tried > 2 && good >= tried - 1, "%s: %u of %u missing notifications%s", trace, good,
	   tried, gap ? " (with a gap)" : "");
	recording_free(&t);
}

static void test_spurious(const char *trace)
{
	struct recording t;
	bool good = true;
	recording_load(&t, trace);
	for (int n = 0, at; (at = nth(&t, n, is_signal)) >= 0; n += 8) {
		struct saved s;
		struct outcome o;
		change(&t, at, &s);
		recording_renumber(&t, at + 1, 1);
		recording_insert(&t, at + 1, s.bytes, s.len);
		((struct vqt_hdr *)recording_at(&t, at + 1))->seq++;
		recording_replay(&t, NULL, &o);
		good &= outcome_names(&o, at + 2, "interrupt.spurious") && o.differences == 1;
		recording_delete(&t, at + 1);
		recording_renumber(&t, at + 1, -1);
	}
	ok(good, "%s: notifications without a reason", trace);
	recording_free(&t);
}

static bool is_data(const void *rec)
{
	const struct vqt_used *u = rec;
	return is_used(rec) && u->nseg && u->len > 4096;
}

/* The last read is of what was read before. */
static void test_data(void)
{
	struct recording t;
	struct outcome o;
	unsigned caught = 0, wrong = 0;
	recording_load(&t, "traces/qemu7-q1.pcap");
	for (int n = 0, at; (at = nth(&t, n, is_data)) >= 0; n++) {
		struct saved s;
		uint8_t *u = change(&t, at, &s);
		u[sizeof(struct vqt_used) + sizeof(struct vqt_seg) + 5] ^= 0x20;
		recording_replay(&t, NULL, &o);
		caught += o.differences == 1 && o.first.number == (uint64_t)at + 1 &&
			  !strcmp(o.first.subject, "request.data");
		wrong += o.differences > 1 ||
			 (o.differences && strcmp(o.first.subject, "request.data"));
		put_back(&t, &s);
	}
	ok(caught >= 12, "wrong data: %u times caught", caught);
	is(wrong, 0, "wrong data is nothing but wrong data");
	recording_free(&t);
}

/* --- what no shipped trace has: our own device, recorded ------------------------------ */

static void record_testbed(struct recording *t, uint64_t features, unsigned requests)
{
	struct emu_tap_config tap = { .emit = recording_emit, .opaque = t, .snaplen = 64 };
	struct emu_testbed_options o = { .tap = &tap, .dev = { .v.queue_size = 16 } };
	struct emu_driver_options d = { .features = { features | 1ull << VIRTIO_F_VERSION_1 } };
	struct emu_testbed *r;
	memset(t, 0, sizeof(*t));
	o.dev.v.features = d.features[0];
	if (emu_testbed_new(&r, &o) < 0 || emu_driver_start(&r->drv, &d) < 0) {
		printf("Bail out! no testbed\n");
		exit(1);
	}
	struct emu_driver_queue *q = &r->drv.queue[0];
	struct emu_blk_request req[8];
	uint64_t data = emu_driver_alloc(&r->drv, 8 * 512, 4096);
	for (unsigned done = 0; done < requests; done += 4) {
		emu_backend_defer_hold(r->backend, true);
		for (unsigned k = 0; k < 4; k++) {
			req[k] = (struct emu_blk_request){ .type = done % 8 ? VIRTIO_BLK_T_IN
									    : VIRTIO_BLK_T_OUT,
							   .sector = k,
							   .data = data + 512 * k,
							   .len = 512,
							   .in = done % 8 };
			memset(emu_driver_ptr(&r->drv, data + 512 * k), 0x40 + k + done, 512);
			emu_driver_blk_add(&r->drv, q, &req[k]);
		}
		emu_driver_kick(&r->drv, q);
		emu_driver_run(&r->drv);
		emu_backend_defer_release(r->backend, 2); /* not in the order of asking */
		emu_driver_run(&r->drv);
		emu_backend_defer_hold(r->backend, false);
		emu_driver_run(&r->drv);
		uint64_t cookie;
		uint32_t len;
		while (emu_driver_get(&r->drv, q, &cookie, &len) == 1)
			;
		emu_driver_interrupts(&r->drv, q, true);
	}
	emu_testbed_free(r);
}

static void test_own(const char *what, uint64_t features)
{
	struct recording t;
	struct outcome o;
	record_testbed(&t, features, 24);
	recording_replay(&t, NULL, &o);
	ok(o.rc == 0 && !o.differences, "%s: a recording of our device replays", what);
	if (o.differences)
		outcome_names(&o, 0, "nothing");
	is(o.n.requests.equal, 24, "%s: all requests", what);
	ok(o.n.data.compared > 12 * 512 / 10 && o.n.data.compared == o.n.data.equal, "%s: data",
	   what);
	recording_free(&t);
}

/* 2.7.9: under IN_ORDER a completion out of turn is a difference, else it is none. */
static void test_order(uint64_t features, bool counts)
{
	struct recording t;
	struct outcome o;
	record_testbed(&t, features, 8);
	int a = nth(&t, 1, is_used), b = nth(&t, 2, is_used);
	struct vqt_used *x = recording_at(&t, a), *y = recording_at(&t, b);
	uint16_t id = x->id;
	x->id = y->id;
	y->id = id;
	recording_replay(&t, NULL, &o);
	if (counts)
		ok(outcome_names(&o, a + 1, "request.order"), "order under IN_ORDER");
	else
		ok(o.rc == 0 && !o.differences, "the order is free without IN_ORDER");
	recording_free(&t);
}

#define BIT(n) (1ull << (n))

int main(void)
{
	test_registers();
	test_once();
	test_all("traces/qemu7-q1.pcap", 0x01, 3);
	test_all("traces/qemu11-packed.pcap", 0x80, 5);
	test_all("traces/qemu7-edk2.pcap", 0x10, 7);
	test_all("traces/qemu7-seabios-legacy.pcap", 0x04, 3);
	test_answers("traces/qemu7-q1.pcap");
	test_answers("traces/qemu7-packed.pcap");
	test_missing("traces/qemu7-q1.pcap", false, 4);
	test_missing("traces/qemu7-q1.pcap", true, 9);
	test_missing("traces/qemu7-intx.pcap", false, 9);
	test_missing("traces/qemu7-packed.pcap", false, 9);
	test_missing("traces/qemu7-event-idx-off.pcap", false, 9);
	test_spurious("traces/qemu7-q1.pcap");
	test_spurious("traces/qemu7-intx.pcap");
	test_spurious("traces/qemu11-packed.pcap");
	test_data();
	test_own("split", BIT(VIRTIO_RING_F_EVENT_IDX) | BIT(VIRTIO_RING_F_INDIRECT_DESC));
	test_own("split, flags", 0);
	test_own("packed", BIT(VIRTIO_F_RING_PACKED) | BIT(VIRTIO_RING_F_EVENT_IDX));
	test_own("in order", BIT(VIRTIO_F_IN_ORDER));
	test_own("packed, in order", BIT(VIRTIO_F_IN_ORDER) | BIT(VIRTIO_F_RING_PACKED));
	test_order(BIT(VIRTIO_F_IN_ORDER), true);
	test_order(0, false);
	return done();
}
