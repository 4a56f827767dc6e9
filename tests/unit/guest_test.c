/* SPDX-License-Identifier: MIT */
/* Records of a driver's kernel: their bounds, their words, and the driver's view in the model. */
#include <errno.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_pci.h>
#include <linux/virtio_ring.h>

#include "bpf/guest/device.h"
#include "bpf/guest/functions.h"
#include "decoder/check/rule.h"
#include "decoder/trace/guest.h"
#include "tests/unit/record_builder.h"
#include "tests/unit/tap.h"

/* A VQT_GUEST of these bytes after the fixed part. */
static int parse(struct record *r, struct vqt_guest g, const void *tail, size_t len)
{
	static _Alignas(8) uint8_t bytes[256];

	g.h.type = VQT_GUEST;
	memcpy(bytes, &g, sizeof(g));
	memcpy(bytes + sizeof(g), tail, len);
	return record_parse(r, bytes, sizeof(g) + len, NULL);
}

static void bounds(void)
{
	const uint8_t tail[64 + 8] = { 1, 2, 3 };
	struct record r;

	CHECK_EQ(parse(&r, (struct vqt_guest){ .nargs = 2, .len = 4 }, tail, 20), 0);
	CHECK_EQ(record_guest_arg(&r, 0), 0x030201);
	CHECK_EQ(record_known_len(&r), sizeof(struct vqt_guest) + 20);
	CHECK_EQ(parse(&r, (struct vqt_guest){ .nargs = 2, .len = 4 }, tail, 19), -EBADMSG);
	CHECK_EQ(parse(&r, (struct vqt_guest){ .nargs = 9 }, tail, 72), -EBADMSG);
	CHECK_EQ(parse(&r, (struct vqt_guest){ .nargs = 8 }, tail, 64), 0);
	CHECK_EQ(parse(&r, (struct vqt_guest){ .len = 0xffff }, tail, 64), -EBADMSG);
}

static void words(void)
{
	const char name[] = "vp_set_status";
	const struct guest_function *f;
	uint8_t tail[8 + sizeof(name)] = { 3 };
	struct record r;
	size_t len;

	memcpy(tail + 8, name, sizeof(name) - 1);
	CHECK_EQ(parse(&r, (struct vqt_guest){ .nargs = 1, .len = sizeof(name) - 1 }, tail,
		       sizeof(tail)),
		 0);
	f = guest_function_of(&r);
	CHECK(f && !strcmp(f->name, name) && f->what == VQT_GUEST_CONFIG_OP);
	CHECK(guest_value_of(&r, 0) && guest_value_of(&r, 0)->kind == GUEST_STATUS);
	CHECK(!guest_value_of(&r, 1) && !guest_value_of(&r, 9));
	CHECK(record_text(&r, &len) == (const char *)r.tail + 8 && len == sizeof(name) - 1);
	/* a name that nobody knows, and none */
	tail[8] = 'X';
	CHECK_EQ(parse(&r, (struct vqt_guest){ .nargs = 1, .len = 5 }, tail, 13), 0);
	CHECK(!guest_function_of(&r) && !guest_value_of(&r, 0));
	CHECK_EQ(parse(&r, (struct vqt_guest){ .what = VQT_GUEST_RQ_ISSUE }, tail, 0), 0);
	CHECK_STR(guest_function_of(&r)->name, "block_rq_issue");
	/* by its number, which is part of the format; a newer writer's has no name here */
	CHECK_EQ(parse(&r, (struct vqt_guest){ .function = 16 }, tail, 0), 0);
	CHECK_STR(guest_function_of(&r)->name, "virtblk_done");
	CHECK(!memcmp(record_text(&r, &len), "virtblk_done", 12) && len == 12);
	CHECK_EQ(parse(&r, (struct vqt_guest){ .function = 60000 }, tail, 0), 0);
	CHECK(!guest_function_of(&r) && !guest_value_of(&r, 0));
	record_text(&r, &len);
	CHECK_EQ(len, 0);
}

/* What a probe records, the decoder has a word for. */
static void tables_agree(void)
{
	CHECK(probed_count <= VQG_FUNCTIONS);
	for (unsigned i = 0; i < probed_count; i++) {
		const struct vqg_function *p = &probed_functions[i].f;
		const struct guest_function *f = guest_function_named(p->name, strlen(p->name));

		if (p->flags & VQG_SILENT)
			continue;
		CHECK(f != NULL);
		if (!f) {
			printf("# %s\n", p->name);
			continue;
		}
		CHECK_EQ(f->what, p->what);
		CHECK_EQ(p->name_len, strlen(p->name));
		CHECK_EQ(f->number, p->number);
		CHECK(!p->number || guest_function_numbered(p->number) == f);
		for (unsigned n = 0; n < p->nargs; n++)
			CHECK(f->entry[n].name != NULL);
		for (unsigned n = 0; n < i; n++)
			CHECK(strcmp(probed_functions[n].f.name, p->name) != 0);
	}
}

/* And the other way round: there is no word for what nothing records. */
static void words_are_used(void)
{
	const struct guest_function *f;

	for (unsigned i = 0; (f = guest_function_nth(i)); i++) {
		bool tracepoint = f->what == VQT_GUEST_RQ_ISSUE || f->what == VQT_GUEST_RQ_COMPLETE;
		bool used = f->proof || tracepoint;

		for (unsigned n = 0; n < probed_count && !used; n++)
			used = !strcmp(probed_functions[n].f.name, f->name) &&
			       !(probed_functions[n].f.flags & VQG_SILENT);
		if (!used)
			printf("# %s\n", f->name);
		CHECK(used);
	}
}

static struct record_builder t;

/* The driver adds a chain, and then kicks: nothing is known of when the device pops it. */
static void driver_view(void)
{
	struct vqt_source s = { .kind = VQT_SRC_GUEST, .clock = VQT_CLOCK_GUEST };
	struct vqt_device d = { .virtio_id = VIRTIO_ID_BLOCK, .bdf = 0x20 };
	const struct vqt_desc desc = { 64, 512, VRING_DESC_F_WRITE, 0 };
	struct vqt_avail a = { .head = 7, .ndesc = 1, .ndirect = 1 };
	struct vqt_kick k = { .via = VQT_KICK_CALL };
	struct vqt_used u = { .id = 7, .len = 512 };

	memset(&t, 0, sizeof(t));
	builder_begin(&t);
	builder_add(&t, VQT_SOURCE, &s, sizeof(s), NULL, 0);
	builder_add(&t, VQT_DEVICE, &d, sizeof(d), NULL, 0);
	CHECK(t.e.dev->by_driver);
	builder_add(&t, VQT_KICK, &k, sizeof(k), NULL, 0);
	builder_add(&t, VQT_AVAIL, &a, sizeof(a), &desc, sizeof(desc));
	CHECK(event_by_driver(&t.e) && t.e.req && t.e.req->avail_ts == t.e.ts);
	CHECK(!t.e.req->kick_ts && !t.e.req->announce_ts);
	builder_add(&t, VQT_USED, &u, sizeof(u), NULL, 0);
	CHECK(t.e.req && t.e.latency);
	builder_finish(&t);
}

static unsigned findings;

static void found(void *opaque, const struct finding *f)
{
	const unsigned *party = opaque;

	if (!party || f->rule->party == *party) {
		printf("# %s: %s\n", f->rule->id, f->seen);
		findings++;
	}
}

static void check_it(struct check *c)
{
	CHECK_EQ(check_feed(c, t.model, &t.e), 0);
}

/*
 * A driver adds a chain before DRIVER_OK, which only its kick would make wrong, and never takes
 * it back: nothing is known of the device.
 */
static void nobody_accuses_the_device(void)
{
	const struct vqt_desc desc[] = { { 64, 16, VRING_DESC_F_NEXT, 1 },
					 { 128, 513, VRING_DESC_F_WRITE, 0 } };
	struct vqt_source s = { .kind = VQT_SRC_GUEST, .clock = VQT_CLOCK_GUEST };
	struct vqt_avail a = { .head = 7, .ndesc = 2, .ndirect = 2 };
	struct vqt_device d = { .virtio_id = VIRTIO_ID_BLOCK, .bdf = 0x20 };
	unsigned device = CHECK_DEVICE;
	struct check_tally tally;
	struct check *c;

	memset(&t, 0, sizeof(t));
	builder_begin(&t);
	findings = 0;
	CHECK_EQ(check_new(&c, NULL, found, &device, NULL), 0);
	builder_add(&t, VQT_SOURCE, &s, sizeof(s), NULL, 0);
	check_it(c);
	builder_add(&t, VQT_DEVICE, &d, sizeof(d), NULL, 0);
	check_it(c);
	for (unsigned i = 0; i < 3; i++) { /* reset, ACKNOWLEDGE, DRIVER */
		builder_write(&t, VQT_REGION_COMMON, VIRTIO_PCI_COMMON_STATUS, 1, (1 << i) - 1);
		check_it(c);
		builder_read(&t, VQT_REGION_COMMON, VIRTIO_PCI_COMMON_STATUS, 1, (1 << i) - 1);
		check_it(c);
	}
	builder_add(&t, VQT_AVAIL, &a, sizeof(a), desc, sizeof(desc));
	check_it(c);
	t.ts += 3600000000000;
	builder_read(&t, VQT_REGION_COMMON, VIRTIO_PCI_COMMON_STATUS, 1, 3);
	check_it(c);
	CHECK_EQ(check_finish(c, t.model), 0);
	CHECK_EQ(findings, 0);
	check_tally(c, rule_by_id("served-before-driver-ok"), &tally);
	CHECK(!tally.passed && tally.why && strstr(tally.why, "the driver's side was recorded"));
	check_tally(c, rule_by_id("request-stuck"), &tally);
	CHECK(!tally.passed && tally.why && strstr(tally.why, "the driver's side was recorded"));
	check_free(c);
	builder_finish(&t);
}

/* The same of a virtio-mmio device, of which few registers are recorded; they are in `written`. */
static void few_registers(void)
{
	static const uint8_t written[] = { 0, 1, 3, 11, 15 };
	struct vqt_source s = { .kind = VQT_SRC_GUEST, .clock = VQT_CLOCK_GUEST };
	struct vqt_device d = { .virtio_id = VIRTIO_ID_BLOCK,
				.transport = VQT_TRANSPORT_MMIO,
				.bdf = ~0U };
	struct check *c;

	memset(&t, 0, sizeof(t));
	builder_begin(&t);
	findings = 0;
	CHECK_EQ(check_new(&c, NULL, found, NULL, NULL), 0);
	t.device = 2;
	builder_add(&t, VQT_SOURCE, &s, sizeof(s), NULL, 0);
	builder_add(&t, VQT_DEVICE, &d, sizeof(d), NULL, 0);
	check_it(c);
	for (unsigned i = 0; i < sizeof(written); i++) {
		builder_write(&t, VQT_REGION_MMIO, VIRTIO_MMIO_STATUS, 4, written[i]);
		check_it(c);
		builder_read(&t, VQT_REGION_MMIO, VIRTIO_MMIO_STATUS, 4, written[i]);
		check_it(c);
	}
	CHECK_EQ(check_finish(c, t.model), 0);
	CHECK_EQ(findings, 0);
	check_free(c);
	builder_finish(&t);
}

/* The vector registers of a legacy device are no configuration. */
static void legacy_vectors(void)
{
	struct vqt_source s = { .kind = VQT_SRC_GUEST, .clock = VQT_CLOCK_GUEST };
	struct vqt_device d = { .virtio_id = VIRTIO_ID_BLOCK, .bdf = 0x20 };

	memset(&t, 0, sizeof(t));
	builder_begin(&t);
	builder_add(&t, VQT_SOURCE, &s, sizeof(s), NULL, 0);
	t.device = 2;
	builder_add(&t, VQT_DEVICE, &d, sizeof(d), NULL, 0);
	builder_write(&t, VQT_REGION_LEGACY, VIRTIO_MSI_CONFIG_VECTOR, 2, 0);
	CHECK(t.e.field && t.e.field->id == SPEC_REG_CONFIG_VECTOR);
	builder_write(&t, VQT_REGION_LEGACY, VIRTIO_MSI_QUEUE_VECTOR, 2, 1);
	CHECK(t.e.field && t.e.field->id == SPEC_REG_QUEUE_VECTOR);
	builder_finish(&t);
}

static void device_names(void)
{
	struct guest_device d = { .parent = "0000:00:04.0", .virtio = "virtio1" };
	struct option_list names = { .n = 0 };
	char device[64];

	d.r.virtio_id = VIRTIO_ID_BLOCK;
	CHECK(guest_device_chosen(&d, &names));
	names = (struct option_list){ .item = { "virtio0" }, .n = 1 };
	CHECK(!guest_device_chosen(&d, &names));
	names.item[names.n++] = "0000:00:04.0";
	CHECK(guest_device_chosen(&d, &names));
	names = (struct option_list){ .item = { "blk0" }, .n = 1 };
	CHECK(guest_device_chosen(&d, &names));
	CHECK(!guest_port_queues("/dev/null"));
	CHECK(!guest_port_queues(NULL));
	CHECK(!guest_port_device("/dev/virtio-ports/none", device, sizeof(device)));
	CHECK(guest_port_device("/dev/null", device, sizeof(device)));
	CHECK_STR(device, "/dev/null");
}

static const struct tap_test tests[] = {
	{ "arguments and text within the record", bounds },
	{ "functions and what their arguments are", words },
	{ "probes and words agree", tables_agree },
	{ "words that are used", words_are_used },
	{ "the driver's view in the model", driver_view },
	{ "the driver's view does not accuse the device", nobody_accuses_the_device },
	{ "few registers of virtio-mmio accuse nobody", few_registers },
	{ "vectors of a legacy device", legacy_vectors },
	{ "names of devices and ports", device_names },
};

TAP_MAIN(tests)
