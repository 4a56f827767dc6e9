/* SPDX-License-Identifier: MIT */
/*
 * Long conversations with our device, made short: rings that wrap many times,
 * split and packed, every kind of suppression.  What is left is a conversation:
 * positions follow each other, the checker finds what it found, nothing of the
 * data is in it.
 */
#include <stdlib.h>

#include "decoder/edit/anonymise.h"
#include "decoder/check/check.h"
#include "decoder/check/rule.h"
#include "decoder/edit/shrink.h"
#include "decoder/spec/constants.h"
#include "decoder/class/blk.h"
#include "decoder/util/virtqueue.h"
#include "tests/emu/testbed.h"
#include "tests/emu/tap.h"
#include "tests/unit/record_builder.h"
#include "tests/unit/trace_buffer.h"

#define BIT(n) (1ull << (n))
#define MARK "SeCrEtMaRk"

static void emit(void *opaque, const void *rec, size_t len)
{
	trace_buffer_add(opaque, rec, len);
}

struct play {
	struct emu_testbed *r;
	uint64_t data;
	uint32_t seed;
	bool indirect;
};

static unsigned dice(struct play *p, unsigned n)
{
	p->seed = p->seed * 1664525 + 1013904223;
	return (p->seed >> 16) % n;
}

/* One to three requests at once; now and then something else than reading or writing. */
static void round_of(struct play *p)
{
	struct emu_driver *d = &p->r->drv;
	struct emu_driver_queue *q = &d->queue[dice(p, d->opt.queues)];
	static struct emu_blk_request req[3];
	unsigned n = 1 + dice(p, 3), what = dice(p, 40), done = 0;
	uint64_t cookie;
	uint32_t len;

	for (unsigned i = 0; i < n; i++) {
		bool in = dice(p, 2);

		req[i] = (struct emu_blk_request){
			.type = in ? VIRTIO_BLK_T_IN : VIRTIO_BLK_T_OUT,
			.sector = dice(p, 100),
			.data = p->data,
			.in = in,
			.len = dice(p, 2) ? 512 : 1024,
			.indirect = p->indirect,
		};
		if (what == 7)
			req[i].sector = 1 << 30; /* beyond the end: IOERR */
		if (what == 9) {
			req[i].type = VIRTIO_BLK_T_GET_ID;
			req[i].in = true;
			req[i].len = 20;
		}
		memcpy(emu_driver_ptr(d, p->data), MARK, sizeof(MARK));
		if (emu_driver_blk_add(d, q, &req[i]) < 0)
			n = i;
	}
	emu_driver_kick(d, q);
	for (int tries = 0; done < n && tries < 10; tries++) {
		emu_driver_run(d);
		while (emu_driver_get(d, q, &cookie, &len) == 1)
			done++;
	}
}

static void play(struct trace_buffer *t, uint64_t features, const struct emu_driver_options *how,
		 unsigned rounds)
{
	struct emu_tap_config c = { .emit = emit, .opaque = t, .snaplen = 64 };
	struct emu_testbed_options o = {
		.tap = &c,
		.ram_size = 16 << 20,
		.dev = { .v.queues = how->queues,
			 .v.queue_size = 16,
			 .v.transitional = how->legacy },
	};
	struct emu_driver_options d = *how;
	struct play p = { .seed = 7, .indirect = features & BIT(VIRTIO_RING_F_INDIRECT_DESC) };

	d.features[0] = features;
	if (emu_testbed_new(&p.r, &o) < 0)
		exit(1);
	for (int life = 0; life < 2; life++) {
		if (emu_driver_start(&p.r->drv, &d) < 0)
			exit(1);
		if (features & ~p.r->drv.accepted[0])
			exit(1); /* not what is to be tested */
		p.data = emu_driver_alloc(&p.r->drv, 4096, 4096);
		for (unsigned i = 0; i < rounds; i++)
			round_of(&p);
		emu_driver_reset(&p.r->drv);
	}
	emu_testbed_free(p.r);
}

struct report {
	bool broken[1024];
	unsigned warnings, requests, errors, jumps, marks, lost;
	unsigned unsignalled; /* reads of the interrupt status that found what nobody signalled */
	bool signalled;
	size_t bytes;
};

static void found(void *opaque, const struct finding *f)
{
	struct report *r = opaque;

	for (unsigned i = 0; i < 1024 && rule_nth(i); i++)
		if (rule_nth(i) == f->rule)
			r->broken[i] = true;
}

static bool has(const uint8_t *bytes, size_t n, const char *what)
{
	return memmem(bytes, n, what, strlen(what)) != NULL;
}

/* Positions of one queue must follow each other: `next` is where the next one belongs. */
struct expected {
	bool known;
	uint16_t avail;
};

static uint16_t after(const struct event *e)
{
	const struct vqt_avail *a = &e->rec->avail;

	return virtq_after(a->pos, a->ndirect, e->queue->size, a->ring.known & VQT_RING_PACKED);
}

static void look_line(struct report *r, const struct event *e)
{
	const struct vqt_reg *reg = &e->rec->reg;

	if (e->rec->h.type == VQT_IRQ && e->rec->irq.kind == VQT_IRQ_SIGNAL)
		r->signalled = true;
	if (e->rec->h.type != VQT_REG || !e->field || e->field->id != SPEC_REG_ISR ||
	    reg->op != VQT_READ)
		return;
	r->unsignalled += (reg->value & 1) && !r->signalled;
	r->signalled = false;
}

static void look(struct report *r, struct expected *x, const struct event *e)
{
	const struct vqt_avail *a = &e->rec->avail;

	look_line(r, e);

	r->warnings += e->unknown_id + e->head_in_flight;
	r->lost += e->gap != 0;
	r->bytes += e->rec->len;
	r->marks += has(e->rec->raw, e->rec->len, MARK);
	if (e->rec->h.type == VQT_USED && e->rec->used.status == 1)
		r->errors++;
	if (e->dropped || (e->field && e->field->id == SPEC_REG_DEVICE_STATUS && !e->dev->status))
		memset(x, 0, 64 * sizeof(*x));
	if (e->rec->h.type != VQT_AVAIL || a->first || !e->queue || e->queue->index >= 64)
		return;
	x += e->queue->index;
	r->requests++;
	r->jumps += x->known && x->avail != a->pos;
	r->jumps += a->ring.known & VQT_RING_LAST_AVAIL && a->ring.last_avail != a->pos;
	x->known = true;
	x->avail = after(e);
}

static void judge(struct report *r, const struct trace_buffer *t)
{
	struct expected x[64] = { { 0 } };
	struct model *m = model_new();
	struct check *c;

	memset(r, 0, sizeof(*r));
	check_new(&c, NULL, found, r, NULL);
	for (size_t i = 0; i < t->n; i++) {
		struct record rec;
		struct event e;

		if (record_parse(&rec, t->bytes[i], t->len[i], NULL) == -74)
			continue;
		model_feed(m, &rec, i + 1, &e);
		check_feed(c, m, &e);
		look(r, x, &e);
	}
	check_finish(c, m);
	check_free(c);
	model_free(m);
}

static void make_short(struct trace_buffer *out, const struct trace_buffer *in, unsigned keep)
{
	static uint8_t buf[VQT_RECORD_MAX + 4096] __attribute__((aligned(8)));
	struct shrink *s = shrink_new(keep);
	struct anonymise *a = anonymise_new();

	memset(out, 0, sizeof(*out));
	for (int pass = 0; pass < 2; pass++) {
		struct model *m = model_new();

		for (size_t i = 0; i < in->n; i++) {
			struct record rec;
			struct event e;
			size_t len;

			if (record_parse(&rec, in->bytes[i], in->len[i], NULL) == -74)
				continue;
			model_feed(m, &rec, i + 1, &e);
			if (!pass) {
				anonymise_learn(a, &e);
				shrink_plan(s, &e);
			} else if (shrink_apply(s, &e, buf, &len)) {
				len = anonymise_record(a, &e, buf, len, sizeof(buf), "a test");
				if (len)
					trace_buffer_add(out, buf, len);
				else
					shrink_left_out(s, &e);
			}
		}
		if (!pass)
			shrink_plan_end(s);
		model_free(m);
	}
	shrink_free(s);
	anonymise_free(a);
}

static void test(const char *name, uint64_t features, const struct emu_driver_options *how)
{
	struct trace_buffer whole = { 0 }, small;
	static struct report a, b;
	int worse = 0, less = 0;

	play(&whole, features, how, 1500);
	make_short(&small, &whole, 2);
	judge(&a, &whole);
	judge(&b, &small);
	for (unsigned i = 0; i < 1024; i++) {
		if (b.broken[i] && !a.broken[i])
			printf("# new: %s\n", rule_nth(i)->id);
		if (!b.broken[i] && a.broken[i])
			printf("# gone: %s\n", rule_nth(i)->id);
		worse += b.broken[i] && !a.broken[i];
		less += !b.broken[i] && a.broken[i];
	}
	printf("# %s: %u of %u requests, %zu of %zu bytes\n", name, b.requests, a.requests, b.bytes,
	       a.bytes);
	ok(a.requests > 4000 && a.marks > 100 && !a.jumps, "%s: the whole is as it should be",
	   name);
	ok(b.requests >= 40 && b.requests * 10 < a.requests, "%s: much shorter", name);
	is(b.errors > 0, a.errors > 0, "%s: errors stay", name);
	is(b.errors, a.errors, "%s: all of them", name);
	is(b.jumps, 0, "%s: positions follow each other", name);
	is(b.warnings + b.lost, 0, "%s: nothing is missing or too many", name);
	is(b.unsignalled, a.unsignalled, "%s: interrupts stay with what asked for them", name);
	is(worse, 0, "%s: breaks no other rule", name);
	is(less, 0, "%s: shows what the whole shows", name);
	is(b.marks, 0, "%s: none of the data", name);
	trace_buffer_free(&whole);
	trace_buffer_free(&small);
}

/* --- one interrupt line for several queues --------------------------------------- */

static struct record_builder line;
static struct trace_buffer line_trace;
static uint16_t line_next[2];

static void line_add(void)
{
	trace_buffer_add(&line_trace, line.bytes, line.len);
}

/* A whole request of one of the queues, and its interrupt. */
static void line_request(unsigned queue)
{
	line.queue = (uint16_t)queue;
	builder_kick(&line, line_next[queue], line_next[queue] + 1);
	line_add();
	line_next[queue]++;
	builder_read_request(&line, 0, 8);
	line_add();
	builder_used(&line, 0, 4097, 0);
	line_add();
	builder_irq(&line, VQT_IRQ_SIGNAL, VQT_NO_VECTOR);
	line_add();
}

/* The driver asks what the interrupt was for: used buffers. */
static void line_served(void)
{
	builder_read(&line, VQT_REGION_ISR, 0, 1, 1);
	line_add();
}

/* Each read of the status stays with the signal that it saw, or goes with it. */
static void one_line(void)
{
	static struct report a, b;
	struct trace_buffer small;

	builder_begin(&line);
	for (unsigned i = 0; i < 200; i++) {
		line_request(i & 1);
		if (i % 10 == 7) /* now and then one read serves both */
			line_request(~i & 1);
		line_served();
	}
	builder_finish(&line);
	make_short(&small, &line_trace, 2);
	judge(&a, &line_trace);
	judge(&b, &small);
	printf("# one line: %u of %u requests\n", b.requests, a.requests);
	is(a.unsignalled, 0, "one line for two queues: the whole is as it should be");
	ok(b.requests >= 4 && b.requests * 2 < a.requests, "one line for two queues: shorter");
	is(b.unsignalled, 0, "one line for two queues: no status without a signal");
	trace_buffer_free(&line_trace);
	trace_buffer_free(&small);
}

int main(void)
{
	const struct emu_driver_options modern = { .queues = 1 }, two = { .queues = 2 },
					intx = { .queues = 1, .no_msix = true },
					intx2 = { .queues = 2, .no_msix = true },
					legacy = { .queues = 1, .legacy = true, .no_msix = true };
	uint64_t packed = BIT(VIRTIO_F_RING_PACKED), idx = BIT(VIRTIO_RING_F_EVENT_IDX),
		 indirect = BIT(VIRTIO_RING_F_INDIRECT_DESC);

	test("split", 0, &modern);
	test("split, event index", idx, &modern);
	test("split, indirect, two queues", idx | indirect, &two);
	test("packed", packed, &modern);
	test("packed, event index", packed | idx, &two);
	test("packed, indirect", packed | idx | indirect, &modern);
	test("INTx", idx, &intx);
	test("INTx, two queues", idx, &intx2);
	test("legacy", 0, &legacy);
	one_line();
	return done();
}
