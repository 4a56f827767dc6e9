/* SPDX-License-Identifier: MIT */
/* What the back end gets and answers: of which requests, also where the device merged them. */
#include <linux/virtio_blk.h>
#include <linux/virtio_ring.h>

#include "decoder/stats/stats.h"
#include "tests/unit/record_builder.h"
#include "tests/unit/tap.h"

static struct record_builder t;
static struct stats *s;

static void feed(void)
{
	CHECK_EQ(stats_feed(s, t.model, &t.e, true), 0);
}

static void begin(void)
{
	memset(&t, 0, sizeof(t));
	builder_begin(&t);
	s = stats_new();
}

static void finish(void)
{
	stats_free(s);
	builder_finish(&t);
}

static void pop(uint16_t head, uint32_t type, uint64_t sector, uint32_t sectors)
{
	const bool in = type == VIRTIO_BLK_T_IN;
	const struct vqt_desc d[3] = {
		{ 0x1000, 16, VRING_DESC_F_NEXT, 1 },
		{ 0x2000, sectors * 512,
		  (uint16_t)(VRING_DESC_F_NEXT | (in ? VRING_DESC_F_WRITE : 0)), 2 },
		{ 0x9000, 1, VRING_DESC_F_WRITE, 0 },
	};

	builder_avail(&t, head, d, 3, type, sector);
	feed();
}

static void backend(uint16_t head, unsigned op, bool over, int ret, uint64_t sector,
		    uint64_t sectors)
{
	struct vqt_backend b = { .op = (uint8_t)op,
				 .phase = over,
				 .head = head,
				 .ret = ret,
				 .offset = sector * 512,
				 .bytes = sectors * 512 };

	builder_add(&t, VQT_BACKEND, &b, sizeof(b), NULL, 0);
	feed();
}

static void submit(uint16_t head, unsigned op, uint64_t sector, uint64_t sectors)
{
	backend(head, op, false, 0, sector, sectors);
}

static void answer(uint16_t head, int ret) /* as QEMU's: without the range */
{
	backend(head, VQT_BACKEND_WRITE, true, ret, 0, 0);
}

static void push(uint16_t head)
{
	builder_used(&t, head, 1, 0);
	feed();
}

static const struct model_request *request(uint16_t head)
{
	static const struct model_request none;
	const struct model_queue *q = model_queue(model_device(t.model, 1), 0);
	const struct model_request *r = q ? model_in_flight(q, head) : NULL;

	CHECK(r != NULL);
	return r ? r : &none;
}

static void is_in(uint16_t head, bool submitted)
{
	CHECK_EQ(request(head)->submitted, submitted);
	CHECK_EQ(request(head)->backend_ts != 0, submitted);
	CHECK_EQ(request(head)->backend_end_ts, 0);
}

static void single(void)
{
	uint64_t submitted;

	begin();
	pop(1, VIRTIO_BLK_T_OUT, 8, 8);
	pop(2, VIRTIO_BLK_T_OUT, 16, 8); /* the next one on the disk, but not merged */
	submit(1, VQT_BACKEND_WRITE, 8, 8);
	CHECK(t.e.req == request(1) && !t.e.req->merged);
	submitted = t.e.ts;
	is_in(2, false);
	answer(1, 0);
	CHECK_EQ(request(1)->backend_ts, submitted);
	CHECK_EQ(request(1)->backend_end_ts, t.e.ts);
	is_in(2, false);
	/* only its end was recorded: when it was submitted is not known */
	answer(2, 0);
	CHECK_EQ(request(2)->backend_ts, 0);
	CHECK_EQ(request(2)->backend_end_ts, t.e.ts);
	answer(7, 0); /* of no request that is known */
	CHECK(!t.e.req);
	finish();
}

static void merged(void)
{
	uint64_t submitted, answered;

	begin();
	pop(3, VIRTIO_BLK_T_OUT, 24, 16);
	pop(1, VIRTIO_BLK_T_OUT, 8, 8);
	pop(2, VIRTIO_BLK_T_OUT, 16, 8);
	pop(4, VIRTIO_BLK_T_OUT, 40, 8); /* behind it */
	pop(5, VIRTIO_BLK_T_IN, 16, 8); /* another operation */
	submit(1, VQT_BACKEND_WRITE, 8, 32);
	CHECK_EQ(t.e.req->merged, 2);
	submitted = t.e.ts;
	for (uint16_t head = 1; head <= 3; head++) {
		is_in(head, true);
		CHECK_EQ(request(head)->backend_ts, submitted);
	}
	is_in(4, false);
	is_in(5, false);
	submit(4, VQT_BACKEND_WRITE, 40, 8);
	answer(1, 0);
	answered = t.e.ts;
	for (uint16_t head = 1; head <= 3; head++)
		CHECK_EQ(request(head)->backend_end_ts, answered);
	is_in(4, true);
	CHECK(!request(1)->merged);
	/* the head's number is used again: those of before are not its */
	push(1);
	pop(1, VIRTIO_BLK_T_OUT, 100, 8);
	pop(6, VIRTIO_BLK_T_OUT, 108, 8);
	submit(1, VQT_BACKEND_WRITE, 100, 16);
	answer(1, 0);
	CHECK_EQ(request(2)->backend_end_ts, answered);
	CHECK_EQ(request(6)->backend_end_ts, t.e.ts);
	is_in(4, true);
	finish();
}

/* Where it is not certain which requests were merged, nothing is said of any but the first. */
static void unproven(void)
{
	begin();
	pop(1, VIRTIO_BLK_T_OUT, 8, 8);
	pop(2, VIRTIO_BLK_T_OUT, 16, 8);
	pop(3, VIRTIO_BLK_T_OUT, 16, 8); /* or this one */
	submit(1, VQT_BACKEND_WRITE, 8, 16);
	is_in(1, true);
	is_in(2, false);
	is_in(3, false);
	answer(1, 0);
	is_in(2, false);
	/* a piece in between is missing */
	pop(4, VIRTIO_BLK_T_OUT, 100, 8);
	pop(5, VIRTIO_BLK_T_OUT, 116, 8);
	submit(4, VQT_BACKEND_WRITE, 100, 24);
	is_in(5, false);
	/* the last one would end behind it */
	pop(6, VIRTIO_BLK_T_OUT, 200, 8);
	pop(7, VIRTIO_BLK_T_OUT, 208, 16);
	submit(6, VQT_BACKEND_WRITE, 200, 16);
	is_in(7, false);
	/* it does not begin with the first one */
	pop(8, VIRTIO_BLK_T_OUT, 300, 8);
	pop(9, VIRTIO_BLK_T_OUT, 308, 8);
	submit(9, VQT_BACKEND_WRITE, 300, 16);
	is_in(8, false);
	finish();
}

/* A record that is missing may be of another one of the same place. */
static void after_loss(void)
{
	struct vqt_loss l = { .lost = 1, .why = VQT_LOSS_LIMIT };

	begin();
	pop(1, VIRTIO_BLK_T_OUT, 8, 8);
	builder_add(&t, VQT_LOSS, &l, sizeof(l), NULL, 0);
	pop(2, VIRTIO_BLK_T_OUT, 16, 8);
	submit(1, VQT_BACKEND_WRITE, 8, 16);
	is_in(2, false);
	/* and the one that is submitted may be another one of the same head */
	CHECK_EQ(request(1)->backend_ts, 0);
	answer(1, 0);
	CHECK_EQ(request(1)->backend_end_ts, 0);
	pop(3, VIRTIO_BLK_T_OUT, 100, 8);
	pop(4, VIRTIO_BLK_T_OUT, 108, 8);
	submit(3, VQT_BACKEND_WRITE, 100, 16);
	is_in(4, true);
	CHECK(model_in_back_end(t.model, request(3)) && model_in_back_end(t.model, request(4)));
	CHECK(!model_in_back_end(t.model, request(2)));
	/* an answer may be that of a later one */
	builder_add(&t, VQT_LOSS, &l, sizeof(l), NULL, 0);
	CHECK(!model_in_back_end(t.model, request(3)));
	answer(3, 0);
	is_in(3, true);
	is_in(4, true);
	/* a gap in the numbers of records says the same */
	pop(5, VIRTIO_BLK_T_OUT, 200, 8);
	submit(5, VQT_BACKEND_WRITE, 200, 8);
	CHECK(model_in_back_end(t.model, request(5)));
	t.seq++;
	pop(6, VIRTIO_BLK_T_OUT, 300, 8);
	CHECK(!model_in_back_end(t.model, request(5)));
	finish();
}

/* What is submitted is not what the request asks for: it is another one. */
static void another(void)
{
	begin();
	pop(1, VIRTIO_BLK_T_OUT, 8, 8);
	submit(1, VQT_BACKEND_READ, 8, 8);
	is_in(1, false);
	submit(1, VQT_BACKEND_WRITE, 80, 8);
	is_in(1, false);
	submit(1, VQT_BACKEND_WRITE, 12, 4); /* a piece of it */
	is_in(1, true);
	finish();
}

/* Numbers at the ends of their range, as a hostile trace has them. */
static void extremes(void)
{
	begin();
	pop(1, VIRTIO_BLK_T_OUT, UINT64_MAX / 512, 8);
	pop(2, VIRTIO_BLK_T_OUT, 0, 8);
	submit(1, VQT_BACKEND_WRITE, UINT64_MAX / 512, 16);
	is_in(2, false);
	pop(3, VIRTIO_BLK_T_OUT, UINT64_MAX, 8);
	submit(3, VQT_BACKEND_WRITE, UINT64_MAX, UINT64_MAX);
	pop(4, VIRTIO_BLK_T_OUT, 0, 0);
	pop(5, VIRTIO_BLK_T_OUT, 0, 0);
	submit(4, VQT_BACKEND_WRITE, 0, UINT64_MAX / 512);
	is_in(5, false);
	for (uint16_t head = 10; head < 200; head++) /* more than a device merges */
		pop(head, VIRTIO_BLK_T_OUT, 1000 + head, 1);
	submit(10, VQT_BACKEND_WRITE, 1010, 190);
	is_in(10, true);
	is_in(11, false);
	finish();
}

/* It is answered when all is, and submitted when first it was. */
static void several(void)
{
	uint64_t first;

	begin();
	pop(1, VIRTIO_BLK_T_OUT, 8, 16);
	submit(1, VQT_BACKEND_WRITE, 8, 8);
	first = t.e.ts;
	submit(1, VQT_BACKEND_WRITE, 16, 8);
	answer(1, 0);
	CHECK_EQ(request(1)->backend_end_ts, 0);
	answer(1, 0);
	CHECK_EQ(request(1)->backend_end_ts, t.e.ts);
	CHECK_EQ(request(1)->backend_ts, first);
	/* it failed, and is submitted again, with another one (rerror=stop, and the machine goes on) */
	pop(2, VIRTIO_BLK_T_OUT, 100, 8);
	pop(3, VIRTIO_BLK_T_OUT, 108, 8);
	submit(2, VQT_BACKEND_WRITE, 100, 16);
	answer(2, -5);
	CHECK_EQ(request(3)->backend_end_ts, t.e.ts);
	CHECK(request(2)->failed && request(3)->failed);
	/* the machine may have been stopped until then: that is no time of the back end */
	submit(2, VQT_BACKEND_WRITE, 100, 16);
	first = t.e.ts;
	CHECK(!request(2)->failed && !request(3)->failed);
	CHECK_EQ(request(3)->backend_end_ts, 0);
	answer(2, 0);
	for (uint16_t head = 2; head <= 3; head++) {
		CHECK_EQ(request(head)->backend_ts, first);
		CHECK_EQ(request(head)->backend_end_ts, t.e.ts);
	}
	finish();
}

/* The device's side alone says how much of the time was the back end's. */
static void stages(void)
{
	const struct stats_stages *st;
	struct stages_alike all;

	begin();
	pop(1, VIRTIO_BLK_T_OUT, 8, 8);
	push(1); /* not known */
	CHECK(!stats_device(s, 1)->stages);
	pop(1, VIRTIO_BLK_T_OUT, 8, 8);
	t.ts += 1000;
	submit(1, VQT_BACKEND_WRITE, 8, 8);
	t.ts += 9000;
	answer(1, 0);
	push(1);
	st = stats_device(s, 1)->stages;
	CHECK(st && st->requests == 1 && st->alone == 1 && !st->both && !st->unmatched);
	stages_slowest(st, 1000000, &all);
	CHECK_EQ(all.sum[LIFE_SUBMITTED], 2000);
	CHECK_EQ(all.sum[LIFE_ANSWERED], 10000);
	CHECK_EQ(all.sum[LIFE_PUSHED], 1000);
	CHECK_EQ(st->whole.max, 13000);
	CHECK_EQ(stages_longest(&all), LIFE_ANSWERED);
	finish();
}

static const struct tap_test tests[] = {
	{ "one submission of one request", single },
	{ "one of several requests", merged },
	{ "not certain which", unproven },
	{ "not certain after a loss", after_loss },
	{ "not what the request asks for", another },
	{ "numbers at the ends of their range", extremes },
	{ "several submissions of one request", several },
	{ "stages of the device's side alone", stages },
};
TAP_MAIN(tests)
