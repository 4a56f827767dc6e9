/* SPDX-License-Identifier: MIT */
/*
 * diff: a trace is like itself, however times and addresses lie; every seeded
 * change of meaning is found, and named first.
 */
#include <glob.h>
#include <linux/virtio_pci.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/diff/diff.h"
#include "tests/unit/record_builder.h"
#include "tests/unit/tap.h"
#include "tests/unit/trace_buffer.h"

static bool feed(struct model *m, const struct trace_buffer *t, size_t i, struct record *rec,
		 struct event *e)
{
	int rc = record_parse(rec, t->bytes[i], t->len[i], NULL);

	return rc != -74 /* EBADMSG */ && !model_feed(m, rec, i + 1, e);
}

static void survey(struct diff *d, enum diff_side side, const struct trace_buffer *t)
{
	static bool spoke[65536];
	struct model *m = model_new();
	struct model_device *dev;
	struct record rec;
	struct event e;

	memset(spoke, 0, sizeof(spoke));
	for (size_t i = 0; i < t->n; i++)
		if (feed(m, t, i, &rec, &e) && diff_speaks(&e))
			spoke[e.dev->id] = true;
	for (unsigned i = 0; (dev = model_device_nth(m, i)); i++)
		if (spoke[dev->id])
			CHECK_EQ(diff_add_device(d, side, dev), 0);
	model_free(m);
}

static struct diff *compare(const struct trace_buffer *a, const struct trace_buffer *b,
			    uint32_t classes)
{
	const struct trace_buffer *t[DIFF_SIDES] = { a, b };
	struct diff *d = diff_new(classes);
	struct model *m[DIFF_SIDES] = { model_new(), model_new() };
	size_t at[DIFF_SIDES] = { 0, 0 };
	bool ended[DIFF_SIDES] = { false, false };

	survey(d, DIFF_A, a);
	survey(d, DIFF_B, b);
	CHECK_EQ(diff_match(d), 0);
	while (!ended[DIFF_A] || !ended[DIFF_B]) {
		enum diff_side side = diff_wants(d);
		struct record rec;
		struct event e;

		if (at[side] == t[side]->n) {
			CHECK(!ended[side]);
			if (ended[side])
				break;
			ended[side] = true;
			CHECK_EQ(diff_end(d, side), 0);
		} else if (feed(m[side], t[side], at[side]++, &rec, &e)) {
			CHECK_EQ(diff_feed(d, side, &e), 0);
		}
	}
	CHECK_EQ(diff_finish(d), 0);
	model_free(m[DIFF_A]);
	model_free(m[DIFF_B]);
	return d;
}

static void show(const struct diff *d)
{
	const struct difference *x;

	for (size_t i = 0; (x = diff_nth(d, i)) && i < 12; i++)
		printf("#   %s: %s: #%" PRIu64 " '%s' | #%" PRIu64 " '%s' x%" PRIu64 "\n",
		       diff_class_name(x->class), x->subject, x->number[0], x->text[0],
		       x->number[1], x->text[1], x->count);
}

static void expect_same(const struct trace_buffer *a, const struct trace_buffer *b,
			const char *what)
{
	struct diff *d = compare(a, b, diff_classes_strict());

	if (diff_total(d)) {
		printf("# %s differs:\n", what);
		tap_failed = true;
		show(d);
	}
	diff_free(d);
}

/* --- no differences ------------------------------------------------------------- */

static void every_trace_is_like_itself(void)
{
	glob_t g;

	CHECK_EQ(glob("traces/*.pcap", 0, NULL, &g), 0);
	CHECK(g.gl_pathc >= 10);
	for (size_t i = 0; i < g.gl_pathc; i++) {
		struct trace_buffer t;

		CHECK(trace_buffer_load(&t, g.gl_pathv[i]));
		expect_same(&t, &t, g.gl_pathv[i]);
		trace_buffer_free(&t);
	}
	globfree(&g);
}

static bool is_address(const struct vqt_reg *r)
{
	return r->region == VQT_REGION_COMMON && r->offset >= VIRTIO_PCI_COMMON_Q_DESCLO &&
	       r->offset <= VIRTIO_PCI_COMMON_Q_USEDHI;
}

/* Another time, another machine, another place in memory. */
static void relocate(struct trace_buffer *t)
{
	for (size_t i = 0; i < t->n; i++) {
		struct vqt_hdr *h = (void *)t->bytes[i];
		struct vqt_reg *r = (void *)h;

		h->ts = h->ts * 3 + 123456789;
		h->tid += 77;
		h->cpu ^= 1;
		if (h->type == VQT_REG && (is_address(r) || r->region == VQT_REGION_MSIX_TABLE))
			r->value += 0x100000;
		if (h->type == VQT_REG && r->region == VQT_REGION_LEGACY && r->offset == 8 &&
		    r->value)
			r->value += 0x100;
		if (h->type == VQT_DEVICE)
			((struct vqt_device *)h)->handle ^= 0xffff000;
		if (h->type == VQT_AVAIL) {
			struct vqt_avail *a = (void *)h;
			struct vqt_desc *desc = (void *)(a + 1);

			for (unsigned k = 0; k < a->ndesc; k++)
				desc[k].addr += 0x40000000;
		}
	}
}

static void time_and_place_do_not_matter(void)
{
	static const char *const paths[] = {
		"traces/qemu7-q1.pcap",	       "traces/qemu7-packed-mq4.pcap",
		"traces/qemu11-legacy.pcap",   "traces/qemu7-net.pcap",
		"traces/qemu7-two-disks.pcap",
	};

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		struct trace_buffer a, b;

		CHECK(trace_buffer_load(&a, paths[i]));
		trace_buffer_copy(&b, &a);
		relocate(&b);
		expect_same(&a, &b, paths[i]);
		trace_buffer_free(&a);
		trace_buffer_free(&b);
	}
}

static void addresses_when_asked_for(void)
{
	struct trace_buffer a, b;
	struct diff *d;

	CHECK(trace_buffer_load(&a, "traces/qemu7-q1.pcap"));
	trace_buffer_copy(&b, &a);
	relocate(&b);
	d = compare(&a, &b, 1U << DIFF_ADDRESSES);
	CHECK(diff_total(d) > 0);
	diff_free(d);
	trace_buffer_free(&a);
	trace_buffer_free(&b);
}

/* Waiting longer for a reset, reading a register once more: polling. */
static bool is_status_zero(const struct event *e)
{
	return e->rec->h.type == VQT_REG && e->rec->reg.op == VQT_READ && e->field &&
	       e->field->id == SPEC_REG_DEVICE_STATUS && !e->rec->reg.value;
}

static bool is_config_read(const struct event *e)
{
	return e->rec->h.type == VQT_REG && e->rec->reg.op == VQT_READ &&
	       e->rec->reg.region == VQT_REGION_DEVICE;
}

static void repeat(struct trace_buffer *to, const struct trace_buffer *from, size_t index,
		   unsigned times)
{
	memset(to, 0, sizeof(*to));
	for (size_t i = 0; i < from->n; i++)
		for (unsigned k = 0; k < (i == index ? times : 1); k++)
			trace_buffer_add(to, from->bytes[i], from->len[i]);
}

static void polling_does_not_matter(void)
{
	struct trace_buffer a, b;
	size_t at;

	CHECK(trace_buffer_load(&a, "traces/qemu7-q1.pcap"));
	CHECK(trace_buffer_find(&a, is_status_zero, 0, &at));
	repeat(&b, &a, at, 40);
	expect_same(&a, &b, "status polled");
	trace_buffer_free(&b);
	CHECK(trace_buffer_find(&a, is_config_read, 3, &at));
	repeat(&b, &a, at, 5);
	expect_same(&a, &b, "config read again");
	trace_buffer_free(&a);
	trace_buffer_free(&b);
}

/* Looks at rings are the capture's doing. */
static void samples_do_not_matter(void)
{
	struct trace_buffer a, b = { 0 };
	unsigned n = 0;

	CHECK(trace_buffer_load(&a, "traces/qemu7-q1.pcap"));
	for (size_t i = 0; i < a.n; i++) {
		const struct vqt_used *u = (const void *)a.bytes[i];
		struct vqt_ringstate s = { .why = VQT_RING_PERIODIC, .pending = VQT_PENDING_NO };

		trace_buffer_add(&b, a.bytes[i], a.len[i]);
		if (u->h.type != VQT_USED)
			continue;
		s.h = u->h;
		s.h.type = VQT_RING;
		s.ring = u->ring;
		trace_buffer_add(&b, &s, sizeof(s));
		n++;
	}
	CHECK(n > 10);
	expect_same(&a, &b, "sampled");
	expect_same(&b, &a, "not sampled");
	trace_buffer_free(&a);
	trace_buffer_free(&b);
}

/* --- seeded changes --------------------------------------------------------------- */

static bool is_reg(const struct event *e, const char *name, unsigned op)
{
	return e->rec->h.type == VQT_REG && e->rec->reg.op == op && e->field &&
	       !strcmp(e->field->name, name);
}

static bool offered(const struct event *e)
{
	return is_reg(e, "device_feature", VQT_READ);
}

static bool offered_legacy(const struct event *e)
{
	return is_reg(e, "device_features", VQT_READ);
}

static bool accepted(const struct event *e)
{
	return is_reg(e, "driver_feature", VQT_WRITE) || is_reg(e, "driver_features", VQT_WRITE);
}

static bool status_written(const struct event *e)
{
	return is_reg(e, "device_status", VQT_WRITE);
}

static bool features_checked(const struct event *e)
{
	return is_reg(e, "device_status", VQT_READ) && e->rec->reg.value == 0x0b;
}

static bool size_read(const struct event *e)
{
	return is_reg(e, "queue_size", VQT_READ);
}

static bool size_written(const struct event *e)
{
	return is_reg(e, "queue_size", VQT_WRITE);
}

static bool enabled(const struct event *e)
{
	return is_reg(e, "queue_enable", VQT_WRITE);
}

static bool vector_read(const struct event *e)
{
	return is_reg(e, "queue_msix_vector", VQT_READ);
}

static bool notify_off(const struct event *e)
{
	return is_reg(e, "queue_notify_off", VQT_READ);
}

static bool capacity(const struct event *e)
{
	return is_reg(e, "capacity", VQT_READ);
}

/* A capture with --delivery has each interrupt twice: decided, and sent. */
static void deliveries_are_no_more_interrupts(void)
{
	struct trace_buffer a, b = { 0 };
	unsigned sent = 0;

	CHECK(trace_buffer_load(&a, "traces/qemu7-q1.pcap"));
	for (size_t i = 0; i < a.n; i++) {
		struct vqt_irq *irq = (void *)a.bytes[i];

		trace_buffer_add(&b, a.bytes[i], a.len[i]);
		if (irq->h.type != VQT_IRQ || irq->kind != VQT_IRQ_SIGNAL)
			continue;
		trace_buffer_add(&b, a.bytes[i], a.len[i]);
		((struct vqt_irq *)(void *)b.bytes[b.n - 1])->kind = VQT_IRQ_MSIX;
		sent++;
	}
	CHECK(sent > 10);
	expect_same(&a, &b, "with deliveries");
	trace_buffer_free(&a);
	trace_buffer_free(&b);
}

static bool is_avail(const struct event *e)
{
	return e->rec->h.type == VQT_AVAIL;
}

static bool is_used(const struct event *e)
{
	return e->rec->h.type == VQT_USED;
}

static bool is_kick(const struct event *e) /* of a queue that was idle, with something to take */
{
	const struct vqt_ring *r = &e->rec->kick.ring;

	return e->rec->h.type == VQT_KICK && !e->queue->n_in_flight &&
	       (r->known & VQT_RING_PACKED || r->avail_idx != r->last_avail);
}

static bool is_irq(const struct event *e)
{
	return e->rec->h.type == VQT_IRQ && e->rec->irq.kind == VQT_IRQ_SIGNAL;
}

static void value(uint8_t *rec, uint64_t arg)
{
	((struct vqt_reg *)rec)->value ^= arg;
}

static void used_status(uint8_t *rec, uint64_t arg)
{
	((struct vqt_used *)rec)->status = (uint8_t)arg;
}

static void used_len(uint8_t *rec, uint64_t arg)
{
	((struct vqt_used *)rec)->len -= (uint32_t)arg;
}

static void used_id(uint8_t *rec, uint64_t arg)
{
	((struct vqt_used *)rec)->id += (uint16_t)arg;
}

static struct vqt_seg *first_seg(uint8_t *rec)
{
	struct vqt_avail *a = (void *)rec;

	return (void *)((struct vqt_desc *)(a + 1) + a->ndesc);
}

static void req_type(uint8_t *rec, uint64_t arg)
{
	((uint32_t *)(first_seg(rec) + 1))[0] = (uint32_t)arg;
}

static void req_sector(uint8_t *rec, uint64_t arg)
{
	((uint32_t *)(first_seg(rec) + 1))[2] ^= (uint32_t)arg;
}

static void req_length(uint8_t *rec, uint64_t arg)
{
	struct vqt_avail *a = (void *)rec;

	((struct vqt_desc *)(a + 1))[a->ndesc - 2].len -= (uint32_t)arg;
}

static const struct seeded {
	const char *name, *trace;
	bool (*where)(const struct event *e);
	unsigned nth;
	void (*change)(uint8_t *rec, uint64_t arg); /* NULL: the record is left out */
	uint64_t arg;
	unsigned class;
	const char *subject;
} seeded[] = {
	{ "a feature not offered", "q1", offered, 2, value, 0x40, DIFF_FEATURES,
	  "device_feature[0] offered" },
	{ "a legacy feature not offered", "legacy", offered_legacy, 0, value, 0x200, DIFF_FEATURES,
	  "device_features[0] offered" },
	{ "a feature not accepted", "q1", accepted, 3, value, 0x100, DIFF_FEATURES,
	  "driver_feature[1] accepted" },
	{ "ACKNOWLEDGE not written", "q1", status_written, 6, NULL, 0, DIFF_STATUS,
	  "device_status written" },
	{ "another status written", "q1", status_written, 8, value, 0x80, DIFF_STATUS,
	  "device_status written" },
	{ "FEATURES_OK refused", "q1", features_checked, 0, value, 0x08, DIFF_STATUS,
	  "device_status read after FEATURES_OK" },
	{ "features not checked", "q1", features_checked, 0, NULL, 0, DIFF_STATUS,
	  "device_status read after FEATURES_OK" },
	{ "a smaller queue offered", "q1", size_read, 1, value, 0x180, DIFF_QUEUES,
	  "queue 0: queue_size" },
	{ "a smaller queue used", "packed", size_written, 0, value, 0x180, DIFF_QUEUES,
	  "queue 0: queue_size written" },
	{ "a queue not enabled", "mq4", enabled, 3, NULL, 0, DIFF_QUEUES,
	  "queue 2: queue_enable written" },
	{ "a vector refused", "q1", vector_read, 0, value, 0xfffe, DIFF_VECTORS,
	  "queue 0: queue_msix_vector" },
	{ "another notify offset", "q1", notify_off, 0, value, 1, DIFF_REGISTERS,
	  "queue 0: queue_notify_off" },
	{ "another capacity", "q1", capacity, 0, value, 8, DIFF_CONFIG, "config.capacity" },
	{ "another type", "q1", is_avail, 20, req_type, 1, DIFF_REQUESTS, "IN" },
	{ "another sector", "q1", is_avail, 20, req_sector, 8, DIFF_REQUESTS, "IN: sector" },
	{ "a shorter request", "q1", is_avail, 20, req_length, 512, DIFF_REQUESTS, "IN: length" },
	{ "a shorter request, packed", "packed-mq4", is_avail, 9, req_length, 512, DIFF_REQUESTS,
	  "IN: length" },
	{ "a request left out", "q1", is_avail, 1, NULL, 0, DIFF_REQUESTS, "IN" },
	{ "an I/O error", "q1", is_used, 33, used_status, 1, DIFF_COMPLETIONS, "OUT: status" },
	{ "a shorter answer", "q1", is_used, 12, used_len, 1, DIFF_COMPLETIONS, "IN: used length" },
	{ "never completed", "q1", is_used, 1, NULL, 0, DIFF_COMPLETIONS, "IN: completion" },
	{ "completion of nothing", "q1", is_used, 2, used_id, 77, DIFF_COMPLETIONS,
	  "GET_ID: completion" },
	{ "a kick lost", "q1", is_kick, 5, NULL, 0, DIFF_NOTIFY, "request on an idle queue" },
	{ "a kick lost, packed", "packed", is_kick, 5, NULL, 0, DIFF_NOTIFY,
	  "request on an idle queue" },
	{ "an interrupt lost", "q1", is_irq, 1, NULL, 0, DIFF_NOTIFY, "completion" },
	{ "an interrupt lost, packed", "packed", is_irq, 1, NULL, 0, DIFF_NOTIFY, "completion" },
};

static void seed(const struct seeded *s)
{
	char path[64];
	struct trace_buffer a, b;
	const struct difference *x;
	struct diff *d;
	size_t at = 0;
	uint8_t *rec;

	snprintf(path, sizeof(path), "traces/qemu7-%s.pcap", s->trace);
	CHECK(trace_buffer_load(&a, path));
	trace_buffer_copy(&b, &a);
	rec = trace_buffer_find(&b, s->where, s->nth, &at);
	CHECK(rec != NULL);
	if (rec && s->change)
		s->change(rec, s->arg);
	else if (rec)
		trace_buffer_remove(&b, at);
	d = compare(&a, &b, diff_classes_default());
	x = diff_nth(d, 0);
	if (!x || x->class != s->class || strcmp(x->subject, s->subject)) {
		printf("# %s (event %zu) is not named first:\n", s->name, at + 1);
		show(d);
		tap_failed = true;
	}
	if (x && x->number[DIFF_A] && x->number[DIFF_A] > at + 2 && s->class != DIFF_COMPLETIONS) {
		printf("# %s (event %zu) is told at event %" PRIu64 "\n", s->name, at + 1,
		       x->number[DIFF_A]);
		tap_failed = true;
	}
	diff_free(d);
	d = compare(&b, &a, diff_classes_default()); /* and the other way round */
	CHECK(diff_total(d) > 0);
	diff_free(d);
	trace_buffer_free(&a);
	trace_buffer_free(&b);
}

static void seeded_changes_are_named_first(void)
{
	for (size_t i = 0; i < sizeof(seeded) / sizeof(seeded[0]); i++)
		seed(&seeded[i]);
}

/* --- long traces ------------------------------------------------------------------- */

/* n reads at distinct sectors from `first`; one fails; every eighth pair is swapped. */
static void long_tape(struct trace_buffer *t, unsigned first, unsigned n, unsigned fails, bool swap)
{
	struct record_builder k = { 0 };

	memset(t, 0, sizeof(*t));
	builder_begin(&k);
	trace_buffer_add(t, k.bytes, k.len); /* the device, as the last record said */
	for (unsigned i = 0; i < n; i++) {
		unsigned s = first + (swap && i % 8 < 2 ? i ^ 1 : i);

		builder_kick(&k, (uint16_t)i, (uint16_t)(i + 1));
		trace_buffer_add(t, k.bytes, k.len);
		builder_read_request(&k, 0, s);
		trace_buffer_add(t, k.bytes, k.len);
		builder_used(&k, 0, 4097, s == fails);
		trace_buffer_add(t, k.bytes, k.len);
	}
	builder_finish(&k);
}

static void one_error_among_many_requests(void)
{
	struct trace_buffer a, b;
	struct diff *d;

	long_tape(&a, 0, 20000, ~0U, false);
	long_tape(&b, 0, 20000, 12345, true);
	d = compare(&a, &b, diff_classes_default());
	CHECK_EQ(diff_total(d), 1);
	CHECK(diff_nth(d, 0) && !strcmp(diff_nth(d, 0)->subject, "IN: status"));
	CHECK_EQ(diff_pair_nth(d, 0)->alike[DIFF_REQUESTS], 19999);
	diff_free(d);
	d = compare(&a, &b, diff_classes_strict());
	CHECK(diff_total(d) > 1); /* the order */
	diff_free(d);
	trace_buffer_free(&a);
	trace_buffer_free(&b);
}

static void requests_more_on_one_side(void)
{
	struct trace_buffer a, b;
	struct diff *d;

	long_tape(&a, 3000, 9000, ~0U, false);
	long_tape(&b, 0, 12000, ~0U, false);
	d = compare(&a, &b, diff_classes_default());
	CHECK_EQ(diff_total(d), 3000);
	CHECK_EQ(diff_pair_nth(d, 0)->alike[DIFF_REQUESTS], 9000);
	CHECK(diff_nth(d, 0) && !diff_nth(d, 0)->text[DIFF_A][0]);
	CHECK_EQ(diff_nth(d, 0)->count, 3000); /* folded */
	diff_free(d);
	trace_buffer_free(&a);
	trace_buffer_free(&b);
}

static void nothing_in_common(void)
{
	struct trace_buffer a, b;
	struct diff *d;

	long_tape(&a, 0, 15000, ~0U, false);
	long_tape(&b, 1000000, 15000, ~0U, false);
	d = compare(&a, &b, diff_classes_default());
	CHECK_EQ(diff_total(d), 15000);
	CHECK(diff_nth(d, 0) && !strcmp(diff_nth(d, 0)->subject, "IN: sector"));
	CHECK(!diff_nth(d, 1));
	diff_free(d);
	trace_buffer_free(&a);
	trace_buffer_free(&b);
}

/* --- devices ------------------------------------------------------------------------ */

static struct model_device *device(struct model_device *m, uint16_t id, const char *name,
				   const char *user, unsigned type, uint32_t bdf)
{
	memset(m, 0, sizeof(*m));
	m->id = id;
	snprintf(m->name, sizeof(m->name), "%s", name);
	snprintf(m->user_id, sizeof(m->user_id), "%s", user);
	m->virtio_id = type;
	m->bdf = bdf;
	return m;
}

static void devices_are_matched(void)
{
	struct diff *d = diff_new(diff_classes_default());
	struct model_device m;
	enum diff_side side;

	diff_add_device(d, DIFF_A, device(&m, 1, "blk0", "root", 2, 0x20));
	diff_add_device(d, DIFF_A, device(&m, 2, "blk1", "", 2, 0x28));
	diff_add_device(d, DIFF_A, device(&m, 3, "blk2", "", 2, 0x30));
	diff_add_device(d, DIFF_A, device(&m, 4, "net0", "", 1, 0x38));
	diff_add_device(d, DIFF_A, device(&m, 5, "blk3", "forced", 2, 0x40));
	diff_add_device(d, DIFF_B, device(&m, 1, "blk0", "", 2, 0x48));
	diff_add_device(d, DIFF_B, device(&m, 2, "blk1", "", 2, 0x28));
	diff_add_device(d, DIFF_B, device(&m, 3, "blk2", "root", 2, 0x50));
	diff_add_device(d, DIFF_B, device(&m, 4, "blk3", "", 2, 0x58));
	CHECK_EQ(diff_force(d, "none", "blk3", &side), -2);
	CHECK_EQ(side, DIFF_A);
	CHECK_EQ(diff_force(d, "forced", "blk3", &side), 0);
	CHECK_EQ(diff_force(d, "forced", "blk0", &side), -16);
	CHECK_EQ(diff_match(d), 0);
	CHECK_STR(diff_pair_nth(d, 0)->name[DIFF_B], "blk2");
	CHECK_STR(diff_pair_nth(d, 0)->by, "id");
	CHECK_STR(diff_pair_nth(d, 1)->name[DIFF_B], "blk1");
	CHECK_STR(diff_pair_nth(d, 1)->by, "PCI address");
	CHECK_STR(diff_pair_nth(d, 2)->name[DIFF_B], "blk0");
	CHECK_STR(diff_pair_nth(d, 2)->by, "order");
	CHECK_STR(diff_pair_nth(d, 3)->name[DIFF_B], "");
	CHECK_STR(diff_pair_nth(d, 4)->by, "-d");
	CHECK(!diff_pair_nth(d, 5));
	diff_free(d);
}

static const struct tap_test tests[] = {
	{ "every trace is like itself", every_trace_is_like_itself },
	{ "time and place do not matter", time_and_place_do_not_matter },
	{ "addresses are compared when asked for", addresses_when_asked_for },
	{ "polling does not matter", polling_does_not_matter },
	{ "samples do not matter", samples_do_not_matter },
	{ "deliveries are no more interrupts", deliveries_are_no_more_interrupts },
	{ "seeded changes are found and named first", seeded_changes_are_named_first },
	{ "one error among many requests", one_error_among_many_requests },
	{ "requests more on one side", requests_more_on_one_side },
	{ "nothing in common", nothing_in_common },
	{ "devices are matched", devices_are_matched },
};

TAP_MAIN(tests)
