/* SPDX-License-Identifier: MIT */
/*
 * Plants markers in every field of every device type, and in every name and text of a trace,
 * and looks for them after anonymising.  It walks the tables of decoder/class, so that a new
 * type is tested without an edit here.
 */
#include <errno.h>
#include <linux/virtio_ring.h>
#include <string.h>

#include "decoder/class/blk.h"
#include "decoder/edit/anonymise.h"
#include "decoder/trace/build.h"
#include "tests/unit/record_builder.h"
#include "tests/unit/tap.h"

#define SIZE 256 /* of a buffer, and of the configuration that is looked at */
#define UNKNOWN_TYPE 999

static struct record_builder t;
static struct anonymise *a;
static uint8_t out[VQT_RECORD_MAX + 4096] __attribute__((aligned(8)));
static size_t out_len;

/* The byte planted at an offset: never 0, and not what a class puts there instead. */
static uint8_t marker(uint32_t at)
{
	return (uint8_t)('A' + at % 26);
}

static void anonymise(void)
{
	memcpy(out, t.bytes, t.len);
	out_len = anonymise_record(a, &t.e, out, t.len, sizeof(out), "a test");
}

static void add(unsigned type, void *fixed, size_t size, const void *tail, size_t n)
{
	builder_add(&t, type, fixed, size, tail, n);
	anonymise();
}

/* type 0: no record describes the device. */
static void begin(unsigned type, uint64_t accepted)
{
	struct vqt_device d = { .virtio_id = (uint16_t)type, .bdf = ~0U };
	struct vqt_device_state s = { .known = VQT_KNOWN_ACCEPTED, .accepted = { accepted } };

	builder_begin(&t);
	a = anonymise_new();
	t.device = 7;
	t.queue = VQT_NO_QUEUE;
	if (type) {
		builder_add(&t, VQT_DEVICE, &d, sizeof(d), NULL, 0);
		builder_add(&t, VQT_DEVICE_STATE, &s, sizeof(s), NULL, 0);
	}
}

static void end(void)
{
	builder_finish(&t);
	anonymise_free(a);
}

/* --- device configuration ------------------------------------------------------------- */

/* By its name; does not rely on what the table says of the field. */
static bool names_somebody(const struct spec_field *f)
{
	static const char *const whole[] = { "mac", "tag", "card", "guest_cid", "emerg_wr" };

	for (size_t i = 0; i < sizeof(whole) / sizeof(*whole); i++)
		if (!strcmp(f->name, whole[i]))
			return true;
	return strstr(f->name, "serial") || strstr(f->name, "uuid") || strstr(f->name, "u.");
}

/* Numbers stay; names, addresses and bytes do not. */
static bool may_show(const struct class *c, const struct class_variant *v, uint32_t at)
{
	const struct spec_field *f = v ? spec_fields_at(&v->fields, at, 1) : NULL;

	if (!f && c)
		f = spec_fields_at(&c->config, at, 1);
	return f && f->kind != SPEC_BYTES && !(f->flags & SPEC_IDENTITY) && !names_somebody(f);
}

static void look_at_config(const struct class *c, const struct class_variant *v, uint32_t at,
			   bool shown)
{
	if (shown == may_show(c, v, at))
		return;
	printf("# %s: configuration byte %u is %s\n", c ? c->name : "unknown type", at,
	       shown ? "shown" : "hidden");
	tap_failed = true;
}

static void config_by_register(const struct class *c, const struct class_variant *v,
			       unsigned region, uint32_t base, unsigned width)
{
	for (uint32_t at = 0; at + width <= SIZE; at += width) {
		const struct vqt_reg *r = (const void *)out;
		uint64_t value = 0;

		if (v)
			builder_write(&t, region, base + v->selector, 1, v->value);
		if (v && v->selector >= at && v->selector < at + width)
			continue;
		for (unsigned i = 0; i < width; i++)
			value |= (uint64_t)marker(at + i) << 8 * i;
		builder_read(&t, region, base + at, width, value);
		anonymise();
		for (unsigned i = 0; i < width; i++)
			look_at_config(c, v, at + i,
				       (uint8_t)(r->value >> 8 * i) == marker(at + i));
	}
}

static void config_by_state(const struct class *c, const struct class_variant *v)
{
	struct vqt_device_state s = { .known = VQT_KNOWN_CONFIG, .config_len = SIZE };
	uint8_t config[SIZE + 16];

	for (uint32_t at = 0; at < sizeof(config); at++)
		config[at] = marker(at);
	if (v)
		config[v->selector] = v->value;
	add(VQT_DEVICE_STATE, &s, sizeof(s), config, sizeof(config));
	CHECK_EQ(out_len, sizeof(s) + SIZE); /* and nothing behind it */
	for (uint32_t at = 0; at < SIZE; at++)
		if (!v || at != v->selector)
			look_at_config(c, v, at, out[sizeof(s) + at] == marker(at));
}

static void config_of(const struct class *c, unsigned type, const struct class_variant *v)
{
	for (unsigned width = 1; width <= 8; width *= 2) {
		begin(type, 0);
		config_by_register(c, v, VQT_REGION_DEVICE, 0, width);
		config_by_register(c, v, VQT_REGION_MMIO, 0x100, width);
		if (type)
			config_by_register(c, v, VQT_REGION_LEGACY, 20, width);
		end();
	}
	begin(type, 0);
	config_by_state(c, v);
	end();
}

static void test_config(void)
{
	const struct class *c;

	for (size_t i = 0; (c = class_nth(i)); i++) {
		config_of(c, c->id, NULL);
		for (const struct class_variant *v = c->variants; v && v->fields.count; v++)
			config_of(c, c->id, v);
	}
	config_of(NULL, UNKNOWN_TYPE, NULL);
	config_of(NULL, 0, NULL);
}

/* A late trace of a legacy device does not say where the configuration begins. */
static void test_legacy_late(void)
{
	struct vqt_device d = { .virtio_id = 1, .bdf = ~0U, .flags = VQT_DEV_LATE };

	begin(1, 0);
	builder_add(&t, VQT_DEVICE, &d, sizeof(d), NULL, 0);
	for (uint32_t at = 20; at < 30; at++) {
		builder_read(&t, VQT_REGION_LEGACY, at, 1, marker(at));
		anonymise();
		CHECK(((const struct vqt_reg *)(const void *)out)->value != marker(at));
	}
	end();
}

/* The window of 4.1.4.9 shows any region; here nothing says which. */
static void test_window(void)
{
	const struct vqt_reg *r = (const void *)out;

	begin(1, 0);
	builder_read(&t, VQT_REGION_PCI, 0x34, 1, 0x40);
	builder_read(&t, VQT_REGION_PCI, 0x40, 4, 0x05140009); /* PCI_CFG, the last one */
	builder_read(&t, VQT_REGION_PCI, 0x50, 4, 0x41424344);
	CHECK(t.e.field && t.e.field->id == SPEC_REG_PCI_CFG_DATA);
	anonymise();
	CHECK_EQ(r->value, 0);
	builder_read(&t, VQT_REGION_PCI, 0x104, 4, 0x41424344); /* say, a serial number */
	anonymise();
	CHECK_EQ(r->value, 0);
	builder_read(&t, VQT_REGION_BAR, 0, 4, 0x41424344);
	anonymise();
	CHECK_EQ(r->value, 0);
	builder_read(&t, VQT_REGION_COMMON, 0, 4, 0x41424344);
	anonymise();
	CHECK_EQ(r->value, 0x41424344);
	end();
}

/* --- requests ------------------------------------------------------------------------- */

/* What of a request is no number of its header, and yet nobody's secret. */
static bool excused(const struct class *c, const struct spec_request *row, unsigned queue,
		    bool writable, uint32_t at)
{
	if (!strcmp(c->name, "net"))
		return writable ? queue % 2 == 0 && at < 12 : queue % 2 == 0 && at < 4;
	if (strcmp(c->name, "blk") || !row)
		return false;
	if (!writable)
		return row->flags & SPEC_REQ_SEGMENTS;
	return row->type == VIRTIO_BLK_T_GET_LIFETIME || row->type == VIRTIO_BLK_T_ZONE_REPORT ||
	       (row->flags & SPEC_REQ_RESULT && at >= SIZE - 9);
}

struct asked {
	const struct class *c;
	const struct spec_request *row; /* NULL: the first bytes are no type */
	unsigned queue;
	bool readable, writable;
	uint8_t first[4];
	unsigned nfirst;
};

static void look_at_buffer(const struct asked *q, bool writable, const uint8_t *bytes)
{
	const struct class_request *r = t.e.req ? &t.e.req->io : NULL;

	for (uint32_t at = writable ? 0 : q->nfirst; at < SIZE; at++) {
		const struct spec_field *f =
			writable || !r ? NULL : spec_fields_at(class_header(q->c, r), at, 1);

		if (bytes[at] != marker(at) || (f && class_config_shown(f)) ||
		    (q->c && r && excused(q->c, q->row, q->queue, writable, at)) ||
		    (writable && r && at + 1 == SIZE &&
		     class_status_at(q->c, r) != CLASS_STATUS_NONE))
			continue;
		printf("# %s queue %u: byte %u of what the %s writes is shown\n",
		       q->c ? q->c->name : "unknown type", q->queue, at,
		       writable ? "device" : "driver");
		tap_failed = true;
		return;
	}
}

/* A segment that holds all of a buffer. */
static size_t segment(uint8_t *tail, size_t len, size_t size, const struct asked *q, unsigned desc,
		      bool first)
{
	struct build b = { .bytes = tail, .size = size, .len = len };
	uint8_t *bytes = build_seg(&b, (uint16_t)desc, 0, SIZE);

	for (uint32_t at = 0; at < SIZE; at++)
		bytes[at] = first && at < q->nfirst ? q->first[at] : marker(at);
	return b.len;
}

#define SEG_BYTES (sizeof(struct vqt_seg) + SIZE)

static void request(const struct asked *q)
{
	const struct vqt_desc desc[2] = {
		{ 0x1000, SIZE, q->readable ? VRING_DESC_F_NEXT : VRING_DESC_F_WRITE, 1 },
		{ 0x2000, SIZE, VRING_DESC_F_WRITE, 0 },
	};
	unsigned n = q->readable && q->writable ? 2 : 1;
	struct vqt_avail av = { .ndesc = (uint16_t)n, .ndirect = (uint16_t)n, .nseg = q->readable };
	struct vqt_used u = { .flags = VQT_USED_STATUS, .status = 'Z', .len = SIZE, .nseg = 1 };
	struct vqt_data d = { .nseg = 1 };
	_Alignas(8) uint8_t tail[sizeof(desc) + SEG_BYTES];
	size_t len = n * sizeof(*desc);
	struct vqt_desc d0 = desc[0];

	if (n == 1)
		d0.flags &= (uint16_t)~VRING_DESC_F_NEXT;
	t.queue = (uint16_t)q->queue;
	memcpy(tail, desc, sizeof(desc));
	memcpy(tail, &d0, sizeof(d0));
	if (q->readable)
		len = segment(tail, len, sizeof(tail), q, 0, true);
	add(VQT_AVAIL, &av, sizeof(av), tail, len);
	if (q->readable)
		look_at_buffer(q, false, out + out_len - SIZE);
	if (q->readable) {
		len = segment(tail, 0, sizeof(tail), q, 0, true);
		add(VQT_DATA, &d, sizeof(d), tail, len);
		look_at_buffer(q, false, out + out_len - SIZE);
	}
	len = segment(tail, 0, sizeof(tail), q, n - 1, false);
	if (!q->writable)
		u.nseg = 0;
	add(VQT_USED, &u, sizeof(u), tail, u.nseg ? len : 0);
	if (q->writable)
		look_at_buffer(q, true, out + out_len - SIZE);
	if (class_status_at(q->c, t.e.req ? &t.e.req->io : NULL) == CLASS_STATUS_NONE)
		CHECK(((const struct vqt_used *)(const void *)out)->status == 0);
	/* An answer to a chain that the trace does not have. */
	u.id = 0x4141;
	u.nseg = 1;
	add(VQT_USED, &u, sizeof(u), tail, len);
	look_at_buffer(q, true, out + out_len - SIZE);
}

static void shapes(struct asked q)
{
	for (q.queue = 0; q.queue < 6; q.queue++)
		for (unsigned shape = 1; shape < 4; shape++) {
			q.readable = shape & 1;
			q.writable = shape & 2;
			request(&q);
		}
}

static void requests_of(const struct class *c, unsigned type, uint64_t accepted)
{
	struct asked q = { .c = c };

	begin(type, accepted);
	shapes(q);
	for (q.row = c ? c->requests : NULL; q.row && q.row->name; q.row++) {
		q.nfirst = 4;
		memcpy(q.first,
		       (uint8_t[]){ (uint8_t)q.row->type, (uint8_t)(q.row->type >> 8),
				    (uint8_t)(q.row->type >> 16), (uint8_t)(q.row->type >> 24) },
		       4);
		shapes(q);
	}
	q.row = NULL;
	q.nfirst = 2;
	for (unsigned i = 0; i < 64; i++) { /* a command's class and number */
		q.first[0] = (uint8_t)(i / 8);
		q.first[1] = (uint8_t)(i % 8);
		shapes(q);
	}
	end();
}

static void test_requests(void)
{
	const struct class *c;

	for (size_t i = 0; (c = class_nth(i)); i++)
		for (unsigned version_1 = 0; version_1 < 2; version_1++)
			requests_of(c, c->id, (uint64_t)version_1 << 32);
	requests_of(NULL, UNKNOWN_TYPE, 0);
}

/* --- names and texts ------------------------------------------------------------------ */

#define MARK "Seeded"

static bool marked(void)
{
	return memmem(out, out_len, MARK, strlen(MARK)) != NULL;
}

/* Every tag there is and some that are not, each with a value of its own; last a comma. */
static size_t tags(uint8_t *tail, size_t size)
{
	struct build b = { .bytes = tail, .size = size };
	char text[120];

	for (unsigned tag = 1; tag < 20; tag++) {
		if (tag == VQT_TAG_TOOL || tag == VQT_TAG_BUILD_ID || tag == VQT_TAG_VERSION ||
		    tag == VQT_TAG_TYPENAME || tag == VQT_TAG_FILTER)
			snprintf(text, sizeof(text), "virtio %u", tag);
		else if (tag == VQT_TAG_COMMAND)
			snprintf(text, sizeof(text),
				 "qemu -name guest=" MARK "Guest,x=y -drive "
				 "file=/home/" MARK "User/vqtrace/disk.img,serial=" MARK
				 "Serial -S");
		else
			snprintf(text, sizeof(text), MARK "%u", tag);
		build_text(&b, tag, text);
	}
	return b.len;
}

static void described(unsigned type, void *fixed, size_t size)
{
	_Alignas(8) uint8_t tail[4096];

	builder_add(&t, type, fixed, size, tail, tags(tail, sizeof(tail)));
	anonymise_learn(a, &t.e);
	anonymise();
	CHECK(out_len > size && !marked());
	if (type == VQT_SOURCE)
		CHECK_EQ(((const struct vqt_source *)(const void *)out)->pid, 0);
	if (type == VQT_DEVICE)
		CHECK_EQ(((const struct vqt_device *)(const void *)out)->handle, 0);
}

static const char *scrubbed(const char *text, unsigned level)
{
	static char got[200];
	struct vqt_note n = { .level = (uint16_t)level, .len = (uint16_t)strlen(text) };
	const struct vqt_note *o = (const void *)out;

	add(VQT_NOTE, &n, sizeof(n), text, n.len);
	if (!out_len)
		return "left out";
	snprintf(got, sizeof(got), "%.*s", o->len, (const char *)(o + 1));
	return got;
}

static void test_texts(void)
{
	struct vqt_session s = { .major = VQT_VERSION_MAJOR };
	struct vqt_source src = { .pid = 1234 };
	struct vqt_device d = { .virtio_id = 2, .bdf = ~0U, .handle = 0x4141414141414141 };

	begin(2, 0);
	described(VQT_SESSION, &s, sizeof(s));
	described(VQT_SOURCE, &src, sizeof(src));
	described(VQT_DEVICE, &d, sizeof(d));
	CHECK_STR(scrubbed("no probe for virtio_init in /usr/bin/x", VQT_NOTE_WARNING),
		  "no probe for virtio_init in (...)");
	CHECK_STR(scrubbed("x" MARK "5y on " MARK "1, " MARK "Guest", VQT_NOTE_INFO),
		  "x(...)y on (...), (...)");
	CHECK_STR(scrubbed("serial " MARK "Serial of disk.img", VQT_NOTE_INFO),
		  "serial (...) of (...)");
	CHECK_STR(scrubbed("at 52:54:00:aa:bb:cc and 10.0.2.15: '" MARK "' is 0x41414141",
			   VQT_NOTE_INFO),
		  "at (...) and (...) (...) is 0x41414141");
	CHECK_STR(scrubbed("by vqtrace 0.1", VQT_NOTE_INFO), "by vqtrace 0.1");
	CHECK_STR(scrubbed("uuid 6ba7b810-9dad-11d1-80b4-00c04fd430c8", VQT_NOTE_INFO),
		  "uuid (...)");
	CHECK_STR(scrubbed("anything", VQT_NOTE_COMMENT), "left out");
	end();
}

/* Without all the names no text can be cleared of them. */
static void test_too_many_names(void)
{
	struct vqt_device d = { .virtio_id = 2, .bdf = ~0U };

	begin(2, 0);
	for (unsigned i = 0; i < 5000; i++) {
		_Alignas(8) uint8_t tail[64];
		struct build b = { .bytes = tail, .size = sizeof(tail) };
		char text[40];

		snprintf(text, sizeof(text), MARK "%u", i);
		build_text(&b, VQT_TAG_PATH, text);
		builder_add(&t, VQT_DEVICE, &d, sizeof(d), tail, b.len);
		anonymise_learn(a, &t.e);
	}
	CHECK_STR(scrubbed("about " MARK "4999", VQT_NOTE_INFO), "(...)");
	end();
}

/* Numbers of threads, pointers, what newer writers add, and bytes without a meaning. */
static void test_numbers(void)
{
	struct vqt_lifecycle l = { .what = VQT_LIFECYCLE_ADD_QUEUE,
				   .arg = { 64, 0x4141414141414141, 0x4141414141414141 },
				   .pad = 0x41414141 };
	struct vqt_guest g = { .what = 234, .nargs = 1, .ret = 0x4141414141414141 };
	struct vqt_backend b = { .cookie = 0x4141414141414141 };
	struct vqt_irq i = { .pad = 0x41414141 };
	const struct vqt_hdr *h = (const void *)out;
	const char newer[8] = "AAAAAAA";
	_Alignas(8) uint8_t unknown[128] = { 0 };
	struct record rec;
	const struct event e = { .rec = &rec };

	((struct vqt_hdr *)(void *)unknown)->type = 234; /* as no writer has today */
	begin(2, 0);
	t.tid = 0x41414141;
	add(VQT_LIFECYCLE, &l, sizeof(l), newer, sizeof(newer));
	CHECK(!memmem(out, out_len, "AAA", 3) && h->tid == 1);
	CHECK_EQ(((const struct vqt_lifecycle *)(const void *)out)->arg[0], 64);
	add(VQT_GUEST, &g, sizeof(g), newer, sizeof(newer));
	CHECK(!memmem(out, out_len, "AAA", 3) && h->tid == 1);
	add(VQT_BACKEND, &b, sizeof(b), newer, sizeof(newer));
	CHECK_EQ(((const struct vqt_backend *)(const void *)out)->cookie, 1);
	add(VQT_IRQ, &i, sizeof(i), newer, sizeof(newer));
	CHECK(out_len == sizeof(i) && !memmem(out, out_len, "AAA", 3));
	memset(out, 0, sizeof(out));
	rec = (struct record){ 0 };
	CHECK_EQ(record_parse(&rec, unknown, sizeof(unknown), NULL), -ENOTSUP);
	CHECK_EQ(record_known_len(&rec), sizeof(struct vqt_hdr));
	CHECK_EQ(anonymise_record(a, &e, out, sizeof(unknown), sizeof(out), "a test"), 0);
	end();
}

static const struct tap_test tests[] = {
	{ "device configuration of every type", test_config },
	{ "legacy configuration that is not known to begin at 20 or 24", test_legacy_late },
	{ "values of no known register", test_window },
	{ "requests of every type", test_requests },
	{ "names and texts", test_texts },
	{ "more names than can be kept", test_too_many_names },
	{ "numbers, pointers, bytes without a meaning", test_numbers },
};

TAP_MAIN(tests)
