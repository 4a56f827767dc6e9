/* SPDX-License-Identifier: MIT */
/* The timeline that viewers are given: what becomes of requests whose ends or begins are missing. */
#include <linux/virtio_blk.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_ring.h>
#include <stdlib.h>
#include <unistd.h>

#include "decoder/export/timeline.h"
#include "decoder/trace/file.h"
#include "tests/unit/conversation.h"
#include "tests/unit/tap.h"

#define ITEMS 8192
#define SEQUENCES 4096
#define TRACKS 512

/* What the writer was given, and held against what every writer relies on. */
static struct seen {
	unsigned n, tracks, lanes, ended, begun;
	uint64_t last[SEQUENCES];
	int depth[TRACKS]; /* slices that have not ended */
	struct {
		enum timeline_what what;
		char name[80], category[16], state[32];
		uint64_t track, ts, flow[4], count;
		unsigned nflow;
	} item[ITEMS];
	uint64_t flows; /* the highest number */
	uint32_t sequences; /* the same */
	unsigned through[ITEMS]; /* by flow: items */
	bool wrong;
} seen;

static int on_begin(void *opaque, uint64_t ts, int64_t wall)
{
	seen.begun++;
	return 0;
}

static int on_track(void *opaque, const struct timeline_track *t)
{
	CHECK_EQ(t->id, seen.tracks + 1);
	CHECK(!t->parent || t->parent->id < t->id);
	CHECK(*t->name && t->id < TRACKS);
	seen.tracks++;
	seen.lanes += t->kind == TIMELINE_LANE;
	return t->id < TRACKS ? 0 : -1;
}

static int on_item(void *opaque, const struct timeline_item *i)
{
	__typeof__(&seen.item[0]) k = &seen.item[seen.n++];

	CHECK(seen.begun == 1 && i->track->id <= seen.tracks);
	CHECK(i->sequence && i->sequence < SEQUENCES);
	CHECK(i->ts >= seen.last[i->sequence % SEQUENCES]);
	seen.last[i->sequence % SEQUENCES] = i->ts;
	seen.sequences = i->sequence > seen.sequences ? i->sequence : seen.sequences;
	k->what = i->what;
	k->track = i->track->id;
	k->ts = i->ts;
	k->count = i->count;
	snprintf(k->name, sizeof(k->name), "%s", i->name ? i->name : "");
	snprintf(k->category, sizeof(k->category), "%s", i->category ? i->category : "");
	for (unsigned n = 0; n < i->narg; n++)
		if (!strcmp(i->arg[n].key, "state"))
			snprintf(k->state, sizeof(k->state), "%s", i->arg[n].text);
	k->nflow = i->nflow;
	for (unsigned n = 0; n < i->nflow; n++) {
		uint64_t f = i->flow[n].id;

		if (n < 4)
			k->flow[n] = f;
		seen.flows = f > seen.flows ? f : seen.flows;
		seen.through[f % ITEMS]++;
	}
	seen.depth[k->track] += i->what == TIMELINE_BEGIN ? 1 : i->what == TIMELINE_END ? -1 : 0;
	CHECK(seen.depth[k->track] >= 0);
	return seen.n < ITEMS ? 0 : -1;
}

static int on_end(void *opaque)
{
	seen.ended++;
	for (uint64_t f = 1; f <= seen.flows; f++)
		CHECK(seen.through[f % ITEMS] >= 2);
	return 0;
}

static const struct timeline_writer writer = { on_begin, on_track, on_item, on_end };

static unsigned slices_open(void)
{
	unsigned n = 0;

	for (unsigned i = 0; i < TRACKS; i++)
		n += (unsigned)seen.depth[i];
	return n;
}

static unsigned count(enum timeline_what what, const char *category, const char *name)
{
	unsigned n = 0;

	for (unsigned i = 0; i < seen.n; i++)
		n += seen.item[i].what == what && !strcmp(seen.item[i].category, category) &&
		     (!name || !strcmp(seen.item[i].name, name));
	return n;
}

static unsigned states(const char *state)
{
	unsigned n = 0;

	for (unsigned i = 0; i < seen.n; i++)
		n += seen.item[i].what == TIMELINE_END && !strcmp(seen.item[i].state, state);
	return n;
}

/* --- traces ------------------------------------------------------------------------------------ */

static char path[] = "/tmp/vqtrace-export-XXXXXX";

static struct trace_writer *create(void)
{
	struct trace_writer *w = NULL;
	struct trace_error err;

	strcpy(path + sizeof(path) - 7, "XXXXXX");
	close(mkstemp(path));
	if (trace_create(&w, path, &err))
		printf("# %s\n", err.text);
	return w;
}

/* Walk through what was written. */
static void walk(struct trace_writer *w, bool matched)
{
	struct model *m = model_new();
	struct timeline *t = timeline_new(&writer, NULL, m);
	struct trace_reader *r = NULL;
	bool again;
	struct trace_error err;
	struct record rec;
	struct event e;

	memset(&seen, 0, sizeof(seen));
	CHECK(!trace_finish(w) && !trace_open(&r, path, &err));
	while (r && trace_next(r, &rec, &again, &err) == 1) {
		CHECK(!model_feed(m, &rec, trace_number(r), &e));
		CHECK(!timeline_feed(t, &e, matched));
	}
	CHECK(!timeline_finish(t, model_finish(m)));
	CHECK_EQ(seen.ended, 1);
	trace_close(r);
	timeline_free(t);
	model_free(m);
	unlink(path);
}

static void conversation(const char *text)
{
	static struct conversation s;

	memset(&s, 0, sizeof(s));
	s.t.writer = create();
	conversation_begin(&s, "reset-not-awaited");
	conversation_run(&s, text);
	CHECK(!s.error);
	conversation_end(&s);
	walk(s.t.writer, true);
}

/* --- requests of a device ------------------------------------------------------------------------ */

#define TWO "up; avail 2; kick; pop 0; pop 3; "

static void overlapping(void)
{
	conversation(
		TWO
		"use 0; use 3; interrupt; avail 2; kick; pop 0; pop 3; use 3; use 0; interrupt");
	CHECK_EQ(count(TIMELINE_BEGIN, "request", "IN"), 4);
	CHECK_EQ(states("used"), 4);
	CHECK_EQ(seen.lanes, 2);
	CHECK_EQ(slices_open(), 0);
	CHECK_EQ(count(TIMELINE_INSTANT, "pop", "pop"), 4);
	CHECK_EQ(count(TIMELINE_INSTANT, "used", "used"), 4);
	/* one kick and one interrupt for two requests each */
	CHECK_EQ(count(TIMELINE_INSTANT, "kick", "kick"), 2);
	for (unsigned i = 0; i < seen.n; i++)
		if (!strcmp(seen.item[i].category, "kick") ||
		    !strcmp(seen.item[i].category, "interrupt"))
			CHECK_EQ(seen.item[i].nflow, 2);
	CHECK_EQ(seen.flows, 4);
	for (uint64_t f = 1; f <= 4; f++)
		CHECK_EQ(seen.through[f], 5); /* kick, pop, the stage, used, interrupt */
}

static void reset(void)
{
	uint64_t at = 0;

	conversation(TWO "use 3; write status 0");
	CHECK_EQ(count(TIMELINE_BEGIN, "request", "IN"), 2);
	CHECK_EQ(count(TIMELINE_BEGIN, "stage", "until the reset"), 1);
	CHECK_EQ(states("cancelled by reset"), 1);
	CHECK_EQ(states("used"), 1);
	CHECK_EQ(slices_open(), 0);
	for (unsigned i = 0; i < seen.n; i++)
		at = !strcmp(seen.item[i].state, "cancelled by reset") ? seen.item[i].ts : at;
	for (unsigned i = 0; i < seen.n; i++)
		if (!strncmp(seen.item[i].name, "status RESET", 12) && seen.item[i].ts >= at)
			at = 0;
	CHECK_EQ(at, 0);
}

/* No interrupt after a reset is for what was used before it. */
static void interrupt_after_reset(void)
{
	conversation(TWO "use 3; use 0; write status 0; interrupt");
	CHECK_EQ(states("used"), 2);
	CHECK_EQ(count(TIMELINE_BEGIN, "stage", "used, until the device interrupts"), 0);
}

static void in_flight(void)
{
	conversation(TWO "use 0; interrupt");
	CHECK_EQ(count(TIMELINE_BEGIN, "stage", "in flight at the end of the trace"), 1);
	CHECK_EQ(slices_open(), 2); /* the request and that stage */
	CHECK_EQ(states("used"), 1);
}

/* Completions that no interrupt follows do not wait for ever, and lanes are used again. */
static void polled(void)
{
	static char text[32768];
	size_t n = 0;

	n += (size_t)snprintf(text, sizeof(text), "up");
	for (unsigned i = 0; i < 600; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "; avail; pop 0; use 0");
	conversation(text);
	CHECK_EQ(count(TIMELINE_BEGIN, "request", "IN"), 600);
	CHECK_EQ(states("used"), 600);
	CHECK_EQ(seen.lanes, 1);
}

/* Counted from the beginning to the end. */
static void counters(void)
{
	uint64_t most = 0, last = 9;
	unsigned rates = 0;

	conversation(TWO "use 0; use 3; interrupt; wait 2000ms; avail; kick; pop 0; use 0");
	for (unsigned i = 0; i < seen.n; i++) {
		if (seen.item[i].what != TIMELINE_COUNT)
			continue;
		most = seen.item[i].count > most && seen.item[i].count < 10 ? seen.item[i].count
									    : most;
		last = seen.item[i].count < 10 ? seen.item[i].count : last;
		rates += seen.item[i].count >= 10 ? (unsigned)seen.item[i].count / 10 : 0;
	}
	CHECK_EQ(most, 2);
	CHECK_EQ(last, 0);
	CHECK_EQ(rates, 3);
}

static void nothing_matched(void)
{
	static struct conversation s;

	memset(&s, 0, sizeof(s));
	s.t.writer = create();
	conversation_begin(&s, "reset-not-awaited");
	conversation_run(&s, TWO "use 0; interrupt; write status 0");
	conversation_end(&s);
	walk(s.t.writer, false);
	CHECK_EQ(seen.n, 0);
	CHECK_EQ(seen.tracks, 0);
}

/* --- both sides, and what was recorded before ----------------------------------------------------- */

static struct record_builder t;
static uint32_t seq[3];

static void from(uint8_t source, uint16_t device)
{
	seq[t.source] = t.seq;
	t.seq = seq[source];
	t.source = source;
	t.device = device;
	t.tid = source == 1 ? 70 : 3;
}

static void begin(void)
{
	struct vqt_source s = { .kind = VQT_SRC_GUEST, .clock = VQT_CLOCK_MAPPED };
	struct vqt_device d = { .virtio_id = VIRTIO_ID_BLOCK, .peer = 1 };
	struct vqt_clock c = { .other = 2, .error = 3000 };

	memset(&t, 0, sizeof(t));
	memset(seq, 0, sizeof(seq));
	t.writer = create();
	builder_begin(&t);
	t.source = 1;
	from(2, 0);
	builder_add(&t, VQT_SOURCE, &s, sizeof(s), NULL, 0);
	from(2, 9);
	builder_add(&t, VQT_DEVICE, &d, sizeof(d), NULL, 0);
	from(1, 0);
	builder_add(&t, VQT_CLOCK, &c, sizeof(c), NULL, 0);
}

static void chain(bool driver, uint16_t head, uint16_t flags)
{
	struct vqt_desc d[2] = { { 0x1000, 16, VRING_DESC_F_NEXT, 1 },
				 { 0x2000, 4097, VRING_DESC_F_WRITE, 0 } };
	struct vqt_avail a = {
		.head = head, .flags = flags, .ndesc = 2, .ndirect = 2, .adding = driver
	};

	from(driver ? 2 : 1, driver ? 9 : 1);
	builder_add(&t, VQT_AVAIL, &a, sizeof(a), d, sizeof(d));
}

static void use(bool driver, uint16_t head)
{
	from(driver ? 2 : 1, driver ? 9 : 1);
	builder_used(&t, head, 4097, 0);
}

static void irq(bool driver)
{
	from(driver ? 2 : 1, driver ? 9 : 1);
	builder_irq(&t, driver ? VQT_IRQ_HANDLER : VQT_IRQ_SIGNAL, VQT_NO_VECTOR);
}

static void end(void)
{
	builder_finish(&t);
	walk(t.writer, true);
}

static void both_sides(void)
{
	begin();
	chain(true, 3, 0);
	from(2, 9);
	builder_kick(&t, 0, 1);
	from(1, 1);
	builder_kick(&t, 0, 1);
	chain(false, 3, 0);
	use(false, 3);
	irq(false);
	irq(true);
	use(true, 3);
	end();
	CHECK_EQ(count(TIMELINE_BEGIN, "request", NULL), 1); /* and not one a side */
	CHECK_EQ(seen.flows, 1);
	/* add, the driver's kick, the device's, pop, the stage, used, interrupt, handler, take */
	CHECK_EQ(seen.through[1], 9);
	CHECK_EQ(slices_open(), 0);
}

/* Clocks are not exact: the driver took it before the device used it, or so it seems. */
static void wrong_way_round(void)
{
	begin();
	chain(false, 3, 0);
	chain(true, 3, 0);
	use(true, 3);
	use(false, 3);
	irq(false);
	end();
	CHECK_EQ(count(TIMELINE_BEGIN, "request", NULL), 1);
	CHECK_EQ(slices_open(), 0);
	/* of the lane, of the interrupt, and of each side's counters and rates */
	CHECK_EQ(seen.sequences, 6);
}

/* Records that go back in time begin another sequence. */
static void back_in_time(void)
{
	begin();
	for (uint16_t i = 0; i < 20; i++) {
		t.ts -= i % 3 ? 0 : 50000;
		from(1, 1);
		builder_kick(&t, i, (uint16_t)(i + 1));
		chain(false, i, 0);
		t.ts -= i % 5 ? 0 : 90000;
		use(false, i);
		irq(false);
	}
	end();
	CHECK_EQ(count(TIMELINE_INSTANT, "kick", "kick"), 20);
}

static void before(void)
{
	begin();
	chain(false, 3, VQT_CHAIN_BEFORE);
	chain(false, 4, VQT_CHAIN_BEFORE);
	use(false, 3);
	end();
	CHECK_EQ(count(TIMELINE_BEGIN, "request", NULL), 0);
	CHECK_EQ(count(TIMELINE_INSTANT, "ended", NULL), 1);
	CHECK_EQ(count(TIMELINE_INSTANT, "in flight", NULL), 1);
	CHECK_EQ(count(TIMELINE_INSTANT, "pop", NULL), 0);
	CHECK_EQ(count(TIMELINE_INSTANT, "used", NULL), 1);
}

static void call(unsigned phase, const char *name)
{
	struct vqt_guest g = { .what = VQT_GUEST_LIFECYCLE,
			       .phase = (uint8_t)phase,
			       .len = (uint16_t)strlen(name) };

	from(2, 9);
	builder_add(&t, VQT_GUEST, &g, sizeof(g), name, strlen(name));
}

/* Returns without a call, calls without a return, and more of them than are followed. */
static void calls(void)
{
	begin();
	call(VQT_GUEST_RETURN, "lost_entry");
	call(VQT_GUEST_ENTRY, "outer_one");
	call(VQT_GUEST_ENTRY, "lost_return");
	call(VQT_GUEST_RETURN, "outer_one");
	end();
	CHECK_EQ(count(TIMELINE_BEGIN, "call", NULL), 2);
	CHECK_EQ(slices_open(), 0);

	begin();
	for (unsigned i = 0; i < 200; i++)
		call(VQT_GUEST_ENTRY, i ? "deep" : "outer_one");
	call(VQT_GUEST_RETURN, "outer_one");
	end();
	CHECK_EQ(slices_open(), 0);
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "requests that overlap, and their flows", overlapping },
		{ "a reset", reset },
		{ "an interrupt after a reset", interrupt_after_reset },
		{ "in flight at the end", in_flight },
		{ "no interrupts", polled },
		{ "counters", counters },
		{ "nothing matched", nothing_matched },
		{ "both sides", both_sides },
		{ "the wrong way round", wrong_way_round },
		{ "back in time", back_in_time },
		{ "since before the trace", before },
		{ "calls", calls },
	};

	return tap_main(tests, sizeof(tests) / sizeof(tests[0]));
}
