/* SPDX-License-Identifier: MIT */
/* Lives of requests: both sides' records joined, and what is missing left out. */
#include <linux/virtio_blk.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_pci.h>
#include <linux/virtio_ring.h>
#include <stdlib.h>

#include "decoder/stats/print.h"
#include "decoder/stats/stats.h"
#include "decoder/report/svg_impl.h"
#include "decoder/trace/build.h"
#include "tests/unit/record_builder.h"
#include "tests/unit/tap.h"

static struct record_builder t;
static unsigned n_lives;
static struct model_life last; /* the latest one that is over */

static uint32_t seq[3]; /* of each source */

static void from(uint8_t source)
{
	seq[t.source] = t.seq;
	t.seq = seq[source];
	t.source = source;
}

static void on_device(void)
{
	from(1);
	t.device = 1;
	t.tid = 70;
}

static void on_driver(void)
{
	from(2);
	t.device = 9;
	t.tid = 3;
}

static void watch(void)
{
	for (const struct model_life *l = t.e.lives; l; l = l->next) {
		n_lives++;
		last = *l;
	}
}

static void begin(bool both)
{
	struct vqt_source s = { .kind = VQT_SRC_GUEST, .clock = VQT_CLOCK_MAPPED };
	struct vqt_device d = { .virtio_id = VIRTIO_ID_BLOCK, .peer = both ? 1 : 0 };
	struct vqt_clock c = { .other = 2, .error = 30 };

	memset(&t, 0, sizeof(t));
	memset(seq, 0, sizeof(seq));
	builder_begin(&t);
	n_lives = 0;
	t.source = 1;
	from(2);
	t.device = 0;
	builder_add(&t, VQT_SOURCE, &s, sizeof(s), NULL, 0);
	t.device = 9;
	builder_add(&t, VQT_DEVICE, &d, sizeof(d), NULL, 0);
	from(1);
	t.device = 0;
	builder_add(&t, VQT_CLOCK, &c, sizeof(c), NULL, 0);
}

static void guest(unsigned what, unsigned phase, int64_t ret, uint64_t rq, uint64_t sector)
{
	struct vqt_guest g = {
		.what = (uint16_t)what, .phase = (uint8_t)phase, .nargs = 6, .ret = ret
	};
	uint64_t arg[6] = { rq, 5, 0, sector, 4096, t.ts - 500 };

	on_driver();
	builder_add(&t, VQT_GUEST, &g, sizeof(g), arg, sizeof(arg));
	watch();
}

static void issue(uint64_t rq, uint64_t sector)
{
	guest(VQT_GUEST_RQ_ISSUE, VQT_GUEST_POINT, 0, rq, sector);
}

static void complete(uint64_t rq)
{
	guest(VQT_GUEST_RQ_COMPLETE, VQT_GUEST_POINT, 0, rq, 0);
}

static void decide(bool kick)
{
	guest(VQT_GUEST_KICK_PREPARE, VQT_GUEST_RETURN, kick, 0, 0);
}

static void chain(uint16_t head, uint16_t pos, uint64_t sector, uint16_t adding)
{
	struct {
		struct vqt_desc d[2];
		struct vqt_seg s;
		struct virtio_blk_outhdr h;
	} tail = { .d = { { 0x1000, 16, VRING_DESC_F_NEXT, 1 },
			  { 0x2000, 4097, VRING_DESC_F_WRITE, 0 } },
		   .s = { .len = 16 },
		   .h = { .type = VIRTIO_BLK_T_IN, .sector = sector } };
	struct vqt_avail a = {
		.head = head, .pos = pos, .ndesc = 2, .ndirect = 2, .nseg = 1, .adding = adding
	};

	builder_add(&t, VQT_AVAIL, &a, sizeof(a), &tail, sizeof(tail));
	watch();
}

static void add(uint16_t head, uint16_t pos, uint64_t sector)
{
	on_driver();
	chain(head, pos, sector, 10);
}

static void pop(uint16_t head, uint16_t pos, uint64_t sector)
{
	on_device();
	chain(head, pos, sector, 0);
}

static void notify(void)
{
	on_driver();
	builder_kick(&t, 0, 1);
}

static void kick(uint16_t last_avail, uint16_t avail)
{
	on_device();
	builder_kick(&t, last_avail, avail);
}

static void back_end(uint16_t head, bool over, uint64_t sector)
{
	struct vqt_backend b = {
		.op = VQT_BACKEND_READ, .phase = over, .head = head, .offset = sector * 512
	};

	on_device();
	builder_add(&t, VQT_BACKEND, &b, sizeof(b), NULL, 0);
	watch();
}

static void push(uint16_t head)
{
	on_device();
	builder_used(&t, head, 4097, 0);
	watch();
}

static void take(uint16_t head)
{
	on_driver();
	builder_used(&t, head, 4097, 0);
	watch();
}

static void irq(bool driver)
{
	if (driver)
		on_driver();
	else
		on_device();
	builder_irq(&t, driver ? VQT_IRQ_HANDLER : VQT_IRQ_SIGNAL, VQT_NO_VECTOR);
	watch();
}

static uint64_t sum(const struct model_life *l)
{
	struct life_span s[LIFE_POINTS];
	unsigned n = life_spans(l, s);
	uint64_t all = 0;

	for (unsigned i = 0; i < n; i++)
		all += s[i].ns;
	return all;
}

static void whole(void)
{
	struct life_span s[LIFE_POINTS];
	unsigned n, crossing = 0;

	begin(true);
	issue(0xabc, 64);
	add(3, 0, 64);
	decide(true);
	notify();
	kick(0, 1);
	pop(3, 0, 64);
	back_end(3, false, 64);
	back_end(3, true, 64);
	push(3);
	irq(false);
	irq(true);
	take(3);
	CHECK_EQ(n_lives, 0);
	complete(0xabc);
	CHECK_EQ(n_lives, 1);
	CHECK(last.device && last.driver && last.device->peer == last.driver);
	CHECK_EQ(last.rq, 0xabc);
	CHECK_EQ(last.tag, 5);
	CHECK_EQ(last.error, 30);
	CHECK(last.kicked && !last.other_recorded);
	CHECK(last.io.typed && last.io.sector == 64 && last.io.status_known && last.ndesc == 2);
	for (enum life_point p = 0; p < LIFE_POINTS; p++) {
		CHECK(last.at[p] != 0);
		if (p)
			CHECK(last.at[p] > last.at[p - 1]);
	}
	CHECK_EQ(last.at[LIFE_ADDED] - last.at[LIFE_ADDING], 160);
	CHECK_EQ(last.at[LIFE_ISSUED] - last.at[LIFE_MADE], 500);
	CHECK_EQ(sum(&last), last.at[LIFE_COMPLETED] - last.at[LIFE_MADE]);
	n = life_spans(&last, s);
	CHECK_EQ(n, LIFE_POINTS - 1);
	for (unsigned i = 0; i < n; i++)
		crossing += s[i].crosses;
	CHECK_EQ(crossing, 2);
	builder_finish(&t);
}

/* The clocks are not exact: what comes later may be recorded earlier. */
static void wrong_way_round(void)
{
	begin(true);
	pop(3, 0, 64);
	add(3, 0, 64);
	take(3);
	CHECK_EQ(n_lives, 0);
	push(3);
	CHECK_EQ(n_lives, 1);
	CHECK(last.device && last.driver);
	CHECK_EQ(sum(&last), last.at[LIFE_PUSHED] - last.at[LIFE_ADDING]); /* none is below 0 */
	builder_finish(&t);
}

static void one_side_lost(void)
{
	begin(true);
	pop(3, 0, 64); /* its addition was lost */
	push(3);
	irq(false);
	CHECK_EQ(n_lives, 1);
	CHECK(last.device && !last.driver && last.other_recorded);
	issue(0x10, 72);
	add(4, 1, 72); /* and here its pop and use */
	take(4);
	complete(0x10);
	CHECK_EQ(n_lives, 2);
	CHECK(!last.device && last.driver && last.other_recorded);
	CHECK(!last.at[LIFE_POPPED] && !last.at[LIFE_PUSHED]);
	builder_finish(&t);
}

/* A stale chain of the driver's, whose use was lost, is not the one that is popped now. */
static void not_the_same(void)
{
	begin(true);
	add(3, 0, 64);
	pop(3, 0, 72);
	push(3);
	irq(false);
	CHECK_EQ(n_lives, 1);
	CHECK(last.device && !last.driver);
	CHECK_EQ(last.io.sector, 72);
	take(3);
	CHECK_EQ(n_lives, 2);
	CHECK(!last.device && last.driver);
	builder_finish(&t);
}

/* A kick of before the request was added was not for it. */
static void found_awake(void)
{
	begin(true);
	kick(0, 1);
	add(3, 1, 64);
	decide(false);
	pop(3, 1, 64);
	push(3);
	take(3);
	CHECK_EQ(n_lives, 1);
	CHECK(last.driver && last.device && !last.at[LIFE_KICKED] && !last.kicked);
	builder_finish(&t);
}

/* A request whose addition was lost is not the next one for the same sector. */
static void lost_addition(void)
{
	begin(false);
	issue(0x1, 8);
	complete(0x1);
	issue(0x2, 8);
	add(0, 1, 8);
	take(0);
	complete(0x2);
	CHECK_EQ(n_lives, 1);
	CHECK_EQ(last.rq, 2);
	issue(0x3, 8);
	issue(0x4, 8);
	issue(0x3, 8); /* again: its end was lost, too */
	add(1, 2, 8);
	take(1);
	CHECK_EQ(n_lives, 2);
	CHECK(!last.rq); /* 3 or 4 */
	builder_finish(&t);
}

/* Two requests handed over before both are added; and one kick, or none. */
static void batch(void)
{
	begin(true);
	issue(0x1, 8);
	issue(0x2, 16);
	add(0, 0, 16);
	add(1, 1, 8);
	decide(false);
	pop(0, 0, 16);
	pop(1, 1, 8);
	push(0);
	push(1);
	irq(false);
	irq(true);
	take(0);
	complete(0x2);
	CHECK_EQ(n_lives, 1);
	CHECK_EQ(last.io.sector, 16);
	CHECK(!last.kicked && last.at[LIFE_DECIDED] && !last.at[LIFE_NOTIFIED]);
	take(1);
	complete(0x1);
	CHECK_EQ(n_lives, 2);
	CHECK_EQ(last.io.sector, 8);
	builder_finish(&t);
}

static void ends_with_reset(void)
{
	begin(true);
	issue(0x1, 8);
	add(0, 0, 8);
	pop(0, 0, 8);
	on_device();
	builder_write(&t, VQT_REGION_COMMON, VIRTIO_PCI_COMMON_STATUS, 1, 0);
	take(0);
	complete(0x1);
	CHECK_EQ(n_lives, 1);
	CHECK(!last.device && last.driver); /* the device's part was cancelled */
	builder_finish(&t);
}

/* What waits when the trace ends is over, too. */
static void ends_with_trace(void)
{
	const struct model_life *l;
	unsigned n = 0;

	begin(true);
	pop(3, 0, 64);
	push(3); /* no interrupt */
	issue(0x1, 8);
	add(4, 1, 8);
	pop(4, 1, 8);
	push(4);
	take(4); /* not completed */
	pop(5, 2, 16); /* in flight */
	CHECK_EQ(n_lives, 0);
	for (l = model_finish(t.model); l; l = l->next)
		n++;
	CHECK_EQ(n, 2);
	CHECK(!model_finish(t.model));
	builder_finish(&t);
}

/* One side still has it when all is freed; the sanitizers see what is read then. */
static void ends_with_model(void)
{
	begin(true);
	add(3, 0, 64);
	pop(3, 0, 64);
	push(3);
	irq(false);
	CHECK_EQ(n_lives, 0);
	builder_finish(&t);
	begin(true);
	pop(3, 0, 64);
	add(3, 0, 64);
	take(3);
	CHECK_EQ(n_lives, 0);
	builder_finish(&t);
}

/* One side gives a request up: what the other one has seen stays. */
static void one_side_drops(void)
{
	begin(true);
	add(3, 0, 64);
	pop(3, 0, 64);
	push(3);
	irq(false);
	CHECK_EQ(n_lives, 0);
	add(3, 1, 72); /* the driver took it back, unseen */
	CHECK_EQ(n_lives, 1);
	CHECK(last.device && !last.driver && last.other_recorded && !last.at[LIFE_ADDED]);
	pop(3, 1, 72);
	pop(3, 2, 80); /* the device used it, unseen */
	take(3);
	CHECK_EQ(n_lives, 2);
	CHECK(!last.device && last.driver && !last.at[LIFE_POPPED]);
	builder_finish(&t);
}

/* A kick that was found to be needed, and another look before it is made. */
static void looks_twice(void)
{
	begin(false);
	add(0, 0, 8);
	decide(true);
	add(1, 1, 16);
	decide(true);
	notify();
	take(0);
	CHECK(last.kicked && last.at[LIFE_NOTIFIED] > last.at[LIFE_DECIDED]);
	take(1);
	CHECK_EQ(n_lives, 2);
	CHECK(last.kicked && last.at[LIFE_DECIDED] > last.at[LIFE_ADDED]);
	builder_finish(&t);
}

static void driver_only(void)
{
	begin(false);
	issue(0x1, 8);
	add(0, 0, 8);
	decide(true);
	notify();
	irq(true);
	take(0);
	complete(0x1);
	CHECK_EQ(n_lives, 1);
	CHECK(!last.device && last.driver && !last.other_recorded);
	CHECK(last.at[LIFE_HANDLED] && !last.at[LIFE_POPPED]);
	CHECK_EQ(last.error, 30); /* of its times on the trace's clock */
	pop(0, 1, 16); /* of a device that only the device's side recorded there are none */
	push(0);
	irq(false);
	CHECK_EQ(n_lives, 1);
	builder_finish(&t);
}

static void stages(void)
{
	static struct stats_stages s;
	struct stages_alike a;

	memset(&s, 0, sizeof(s));
	last = (struct model_life){ .device = (void *)&s, .driver = (void *)&s, .error = 50 };
	for (unsigned i = 0; i < 200; i++) {
		last.at[LIFE_ADDED] = 1000;
		last.at[LIFE_POPPED] = 3000;
		last.at[LIFE_PUSHED] = i ? 9000 : 5000;
		last.at[LIFE_TAKEN] = i ? 10000 : 900000;
		stages_add(&s, &last);
	}
	last.error = VQT_CLOCK_UNKNOWN;
	stages_add(&s, &last);
	CHECK_EQ(s.requests, 201);
	CHECK_EQ(s.both, 201);
	CHECK_EQ(s.whole.count, 200);
	CHECK_EQ(s.error.count, 200);
	CHECK(s.crosses[LIFE_POPPED] && s.crosses[LIFE_TAKEN] && !s.crosses[LIFE_PUSHED]);
	stages_slowest(&s, 1000000, &a);
	CHECK_EQ(a.requests, 200);
	CHECK_EQ(stages_longest(&a), LIFE_PUSHED);
	stages_slowest(&s, 5000, &a);
	CHECK_EQ(a.requests, 1);
	CHECK_EQ(stages_longest(&a), LIFE_TAKEN);
	stages_slowest(&(struct stats_stages){ 0 }, 10000, &a);
	CHECK_EQ(stages_longest(&a), LIFE_POINTS);
}

/* Known lives in, exact figures out: of the device, its queue and its type; of an interval. */
static void stages_kept_apart(void)
{
	static struct stats_stages before, now;
	const struct stats_device *d;
	struct stats *s = stats_new();

	begin(true);
	on_device();
	for (unsigned i = 0; i < 3; i++) {
		t.queue = i == 2;
		add(0, (uint16_t)i, 8);
		CHECK(!stats_feed(s, t.model, &t.e, true));
		pop(0, (uint16_t)i, 8);
		CHECK(!stats_feed(s, t.model, &t.e, true));
		push(0);
		CHECK(!stats_feed(s, t.model, &t.e, true));
		irq(false);
		CHECK(!stats_feed(s, t.model, &t.e, true));
		take(0);
		CHECK(!stats_feed(s, t.model, &t.e, true));
		d = stats_device(s, 1);
		if (!i)
			before = *d->stages;
	}
	CHECK_EQ(d->stages->requests, 3);
	CHECK_EQ(stats_queue(d, 0)->stages->requests, 2);
	CHECK_EQ(stats_queue(d, 1)->stages->requests, 1);
	CHECK(d->type_stages[0] && d->type_stages[0]->requests == 3); /* IN */
	CHECK(!d->type_stages[1]);
	CHECK(!stats_device(s, 9)->stages); /* they are the device's */
	stages_sub(&now, d->stages, &before);
	CHECK_EQ(now.requests, 2);
	CHECK_EQ(now.both, 2);
	CHECK_EQ(now.until[LIFE_PUSHED].count, 2);
	CHECK_EQ(now.until[LIFE_PUSHED].sum,
		 d->stages->until[LIFE_PUSHED].sum - before.until[LIFE_PUSHED].sum);
	CHECK_EQ(stages_error(&now, LIFE_POPPED), 30);
	CHECK_EQ(stages_error(&now, LIFE_PUSHED), 0);
	stats_free(s);
	builder_finish(&t);
}

/* However many queues there are, memory is bounded; the device's stages have all of them. */
static void stages_of_many_queues(void)
{
	const struct stats_device *d;
	struct stats *s = stats_new();
	unsigned apart = 0, queues = 0;

	begin(false);
	for (unsigned i = 0; i < STATS_STAGES_MAX + 6; i++) {
		t.queue = (uint16_t)i;
		add(0, 0, 8);
		CHECK(!stats_feed(s, t.model, &t.e, true));
		take(0);
		CHECK(!stats_feed(s, t.model, &t.e, true));
	}
	d = stats_device(s, 9);
	for (const struct stats_queue *q = d->queues; q; q = q->hh.next) {
		queues++;
		apart += q->stages != NULL;
	}
	CHECK_EQ(queues, STATS_STAGES_MAX + 6);
	CHECK_EQ(apart, STATS_STAGES_MAX - 1); /* and a type */
	CHECK_EQ(d->stages->requests, STATS_STAGES_MAX + 6);
	CHECK_EQ(d->type_stages[0]->requests, STATS_STAGES_MAX + 6);
	stats_free(s);
	builder_finish(&t);
}

/* No figure says more than the clocks do. */
static void stages_in_words(void)
{
	static struct stats_stages s;
	struct stages_alike a;
	TEXT(out, 200);

	stat_text_stage(&out, 1234567, 0);
	text_puts(&out, " ");
	stat_text_stage(&out, 1234567, 99999);
	text_puts(&out, " ");
	stat_text_stage(&out, 1234567, 100000);
	text_puts(&out, " ");
	stat_text_stage(&out, 1234567, 2000000);
	CHECK_STR(out.buf, "1.23 ms 1.23 ms 1.20 ms <2.00 ms");
	memset(&s, 0, sizeof(s));
	last = (struct model_life){ .device = (void *)&s, .driver = (void *)&s, .error = 100 };
	for (unsigned i = 0; i < 100; i++) {
		last.at[LIFE_ADDED] = 1000;
		last.at[LIFE_POPPED] = 4000; /* 3000, +-100 */
		last.at[LIFE_PUSHED] = 11000; /* 7000 */
		stages_add(&s, &last);
	}
	stages_slowest(&s, 1000000, &a);
	CHECK_EQ(stages_rival(&s, &a), LIFE_POINTS);
	out.len = 0;
	stat_text_longest(&out, &s, &a);
	CHECK_STR(out.buf, "70 % until pushed (at the device, until it has used it)");
	out.len = 0;
	stat_text_stage_share(&out, &s, &a, LIFE_PUSHED);
	text_puts(&out, " ");
	stat_text_stage_share(&out, &s, &a, LIFE_POPPED);
	CHECK_STR(out.buf, "70.0 30");
	last.error = 5000; /* now it may be either */
	for (unsigned i = 0; i < 100; i++)
		stages_add(&s, &last);
	stages_slowest(&s, 1000000, &a);
	CHECK_EQ(stages_longest(&a), LIFE_PUSHED);
	CHECK_EQ(stages_rival(&s, &a), LIFE_POPPED);
	out.len = 0;
	stat_text_stage_share(&out, &s, &a, LIFE_POPPED);
	CHECK_STR(out.buf, "<50");
}

static const char *plotted(const struct stats_stages *s)
{
	static char *text;
	size_t len;
	FILE *to;

	free(text);
	to = open_memstream(&text, &len);
	plot_stages(to, s, "blk0", 0);
	fclose(to);
	return text;
}

/* 90 fast requests in the left half, 10 slow ones in the right one; the stages from above. */
static void stages_plotted(void)
{
	static struct stats_stages s;
	const char *svg;

	memset(&s, 0, sizeof(s));
	CHECK_EQ(plot_stages_height(NULL), 0);
	CHECK_EQ(plot_stages_height(&s), 0);
	last = (struct model_life){ .device = (void *)&s, .driver = (void *)&s, .error = 10 };
	for (unsigned i = 0; i < 100; i++) {
		last.at[LIFE_ADDED] = 1000;
		last.at[LIFE_POPPED] = i < 90 ? 4000 : 11000; /* 30 %; 10 % */
		last.at[LIFE_PUSHED] = i < 90 ? 11000 : 101000;
		stages_add(&s, &last);
	}
	svg = plotted(&s);
	CHECK(strstr(svg, "<path fill=\"url(#stage-popped)\" "
			  "d=\"M76.0 24.0H466.0V81.0H76.0zM466.0 24.0H856.0V43.0H466.0z\"/>"));
	CHECK(strstr(svg, "<path fill=\"url(#stage-pushed)\" "
			  "d=\"M76.0 81.0H466.0V214.0H76.0zM466.0 43.0H856.0V214.0H466.0z\"/>"));
	CHECK(strstr(svg, "100 requests; most of the time: 81 % until pushed"));
	CHECK(strstr(svg, ">popped: in the ring, until the device pops it (19 %)<"));
	CHECK(!strstr(svg, "stage-taken"));
	CHECK(plot_stages_height(&s) > 214);
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "a request, whole", whole },
		{ "the wrong way round", wrong_way_round },
		{ "one side is lost", one_side_lost },
		{ "another request in the same place", not_the_same },
		{ "a device that is awake", found_awake },
		{ "an addition that was lost", lost_addition },
		{ "a batch, and no kick", batch },
		{ "a reset", ends_with_reset },
		{ "the end of the trace", ends_with_trace },
		{ "the end of the model", ends_with_model },
		{ "one side drops it", one_side_drops },
		{ "two looks before a kick", looks_twice },
		{ "the driver's side alone", driver_only },
		{ "stages", stages },
		{ "stages of queues and types, and of an interval", stages_kept_apart },
		{ "stages of many queues", stages_of_many_queues },
		{ "stages in words, no finer than they are known", stages_in_words },
		{ "stages in a picture", stages_plotted },
	};

	return tap_main(tests, sizeof(tests) / sizeof(tests[0]));
}
