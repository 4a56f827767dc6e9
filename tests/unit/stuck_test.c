/* SPDX-License-Identifier: MIT */
/* Who has to act next: every case of the facts, what unknown facts do, and traces. */
#include <stdlib.h>
#include <unistd.h>

#include "decoder/stuck/report.h"
#include "decoder/stuck/stuck.h"
#include "decoder/stuck/trace.h"
#include "tests/unit/record_builder.h"
#include "decoder/trace/event.h"
#include "tests/unit/conversation.h"
#include "tests/unit/tap.h"

/* Rows change a part of FACTS. */
#pragma GCC diagnostic ignored "-Woverride-init"

/* A device in use at which nothing is outstanding, and that stood still for two seconds. */
#define FACTS \
	.driver_ok = STUCK_YES, .needs_reset = STUCK_NO, .stopped = STUCK_NO, .paused = STUCK_NO, \
	.moved = STUCK_NO, .watched = 2000000000, .unpublished = -1
#define MSIX .path = STUCK_PATH_MSIX
#define INTX .path = STUCK_PATH_INTX

static const struct row {
	const char *what;
	struct stuck_facts f;
	enum stuck_verdict v;
	const char *words; /* that the answer has, or that prove it; NULL */
} rows[] = {
	{ "nothing", { FACTS }, STUCK_IDLE, "nothing is outstanding" },
	{ "without EVENT_IDX", { FACTS, .unreaped = -1 }, STUCK_IDLE, "cannot be seen" },
	{ "no driver", { FACTS, .driver_ok = STUCK_NO, .waiting = 3 }, STUCK_UNUSED, NULL },
	{ "unknown positions",
	  { FACTS, .waiting = -1, .flight = -1, .unreaped = -1 },
	  STUCK_CANNOT_TELL,
	  "positions of the device are unknown" },
	{ "unknown positions of another process",
	  { FACTS, .waiting = -1, .flight = -1, .unreaped = -1, .elsewhere = true },
	  STUCK_CANNOT_TELL,
	  "another process or the kernel serves the ring" },
	{ "unknown, but something is used",
	  { FACTS, .waiting = -1, .flight = -1, .unreaped = 2, MSIX },
	  STUCK_NOT_REAPED,
	  "whether the device has interrupted it is unknown" },
	{ "three descriptors of a packed ring",
	  { FACTS, .unreaped = 3, .packed = true, MSIX, .irq_raised = STUCK_YES, .moved = STUCK_YES,
	    .completed = 5, .flight = 1 },
	  STUCK_MOVES,
	  "3 descriptors completed and not taken" },
	{ "the driver's side",
	  { FACTS, .flight = 2, .waiting = -1, .unreaped = -1, .by_driver = true },
	  STUCK_CANNOT_TELL,
	  "2 added by the driver and not taken back; only the driver's side was recorded" },
	{ "the driver's side, nothing outstanding",
	  { FACTS, .waiting = -1, .unreaped = -1, .by_driver = true },
	  STUCK_IDLE,
	  "nothing is outstanding" },
	{ "the driver's side moves",
	  { FACTS, .flight = 2, .waiting = -1, .unreaped = -1, .by_driver = true,
	    .moved = STUCK_YES, .completed = 1 },
	  STUCK_MOVES,
	  NULL },
	{ "posted buffers", { FACTS, .posted = true, .waiting = 256 }, STUCK_IDLE, NULL },
	{ "posted buffers popped", { FACTS, .posted = true, .flight = 1 }, STUCK_IDLE, NULL },
	{ "received and not taken",
	  { FACTS, .posted = true, .waiting = 250, .unreaped = 6, MSIX },
	  STUCK_NOT_REAPED,
	  NULL },
	/* the machine */
	{ "stopped", { FACTS, .stopped = STUCK_YES, .flight = 1 }, STUCK_STOPPED, "SIGCONT" },
	{ "stopped and idle", { FACTS, .stopped = STUCK_YES }, STUCK_IDLE, NULL },
	{ "stopped for a part of the time",
	  { FACTS, .stopped = STUCK_UNKNOWN, .moved = STUCK_UNKNOWN, .flight = 1 },
	  STUCK_CANNOT_TELL,
	  NULL },
	{ "paused",
	  { FACTS, .paused = STUCK_YES, .state = "io-error", .flight = 1 },
	  STUCK_PAUSED,
	  "paused (io-error)" },
	{ "paused and idle", { FACTS, .paused = STUCK_YES }, STUCK_IDLE, NULL },
	{ "run state unknown",
	  { FACTS, .paused = STUCK_UNKNOWN, .flight = 1 },
	  STUCK_NOT_ANSWERED,
	  NULL },
	{ "needs reset",
	  { FACTS, .needs_reset = STUCK_YES, .waiting = 1 },
	  STUCK_NEEDS_RESET,
	  NULL },
	/* two looks */
	{ "one look",
	  { FACTS, .moved = STUCK_UNKNOWN, .flight = 1 },
	  STUCK_CANNOT_TELL,
	  "watched" },
	{ "too short", { FACTS, .watched = 900000000, .flight = 1 }, STUCK_CANNOT_TELL, NULL },
	{ "moves",
	  { FACTS, .moved = STUCK_YES, .flight = 4, .completed = 1000 },
	  STUCK_MOVES,
	  "1000 completed in 2.0 s (500/s)" },
	{ "slow",
	  { FACTS, .moved = STUCK_YES, .flight = 8, .completed = 2 },
	  STUCK_SLOW,
	  "8 in flight; 2 completed in 2.0 s (1/s)" },
	/* the kick */
	{ "not kicked",
	  { FACTS, .waiting = 1, .kick_wanted = STUCK_YES, .kick_pending = STUCK_NO },
	  STUCK_NOT_KICKED,
	  "the eventfd of kicks is empty" },
	{ "kick lost, by the driver's own trace",
	  { FACTS, .waiting = 1, .kick_wanted = STUCK_YES, .kick_pending = STUCK_NO,
	    .driver_kicked = STUCK_YES },
	  STUCK_KICK_LOST,
	  "by its own trace the driver has kicked" },
	{ "not kicked, by the driver's own trace",
	  { FACTS, .waiting = 1, .kick_wanted = STUCK_YES, .kick_pending = STUCK_NO,
	    .driver_kicked = STUCK_NO },
	  STUCK_NOT_KICKED,
	  "has not kicked for it" },
	{ "kick waits",
	  { FACTS, .waiting = 1, .kick_wanted = STUCK_YES, .kick_pending = STUCK_YES },
	  STUCK_KICK_WAITS,
	  "holds one" },
	{ "no kick needed",
	  { FACTS, .waiting = 1, .kick_wanted = STUCK_NO, .kick_pending = STUCK_NO },
	  STUCK_NOT_POPPED,
	  "looks by itself" },
	{ "kick seen",
	  { FACTS, .waiting = 1, .kick_wanted = STUCK_YES, .kick_seen = STUCK_YES },
	  STUCK_NOT_POPPED,
	  "the trace has the kick" },
	{ "kick unknown",
	  { FACTS, .waiting = 1, .kick_wanted = STUCK_YES },
	  STUCK_CANNOT_TELL,
	  "on its way" },
	{ "wish for a kick unknown",
	  { FACTS, .waiting = 1, .kick_pending = STUCK_NO },
	  STUCK_CANNOT_TELL,
	  "was asked for" },
	/* the back end */
	{ "not answered",
	  { FACTS, .flight = 3 },
	  STUCK_NOT_ANSWERED,
	  "has not answered 3 requests for at least 2.0 s" },
	{ "not answered, age known",
	  { FACTS, .flight = 1, .oldest = 7500000000 },
	  STUCK_NOT_ANSWERED,
	  "1 request, the oldest for 7.5 s" },
	{ "not answered, while other queues of the device are at 1/s",
	  { FACTS, .flight = 4, .device_flight = 16, .device_completed = 2 },
	  STUCK_SLOW,
	  "none completed" },
	{ "not answered, while other queues of the device are fast",
	  { FACTS, .flight = 4, .device_flight = 16, .device_completed = 2000 },
	  STUCK_NOT_ANSWERED,
	  NULL },
	{ "the thread of the device hangs",
	  { FACTS, .flight = 2, .waiting = 2, .kick_wanted = STUCK_YES, .kick_pending = STUCK_YES },
	  STUCK_KICK_WAITS,
	  NULL },
	{ "vhost",
	  { FACTS, .flight = 1, .elsewhere = true },
	  STUCK_NOT_ANSWERED,
	  "another process" },
	{ "in flight, and more waits",
	  { FACTS, .flight = 1, .waiting = 2, .kick_wanted = STUCK_NO },
	  STUCK_NOT_ANSWERED,
	  NULL },
	{ "failed by the back end",
	  { FACTS, .flight = 2, .failed = 1 },
	  STUCK_FAILED,
	  "waits to be tried again" },
	{ "not published", { FACTS, .flight = 1, .unpublished = 1 }, STUCK_NOT_PUBLISHED, NULL },
	/* the interrupt */
	{ "not raised",
	  { FACTS, .unreaped = 1, MSIX, .irq_raised = STUCK_NO },
	  STUCK_NOT_RAISED,
	  "has not decided" },
	{ "function masked",
	  { FACTS, .unreaped = 1, MSIX, .irq_raised = STUCK_YES, .function_masked = STUCK_YES,
	    .pending = STUCK_YES },
	  STUCK_FUNCTION_MASKED,
	  "pending bit array is set" },
	{ "vector masked",
	  { FACTS, .unreaped = 1, MSIX, .function_masked = STUCK_NO, .vector_masked = STUCK_YES },
	  STUCK_VECTOR_MASKED,
	  "Vector Control" },
	{ "masked, by the pending bit alone",
	  { FACTS, .unreaped = -1, MSIX, .vector_masked = STUCK_YES, .pending = STUCK_YES },
	  STUCK_VECTOR_MASKED,
	  NULL },
	{ "pending for another queue",
	  { FACTS, .unreaped = 0, MSIX, .vector_masked = STUCK_YES, .pending = STUCK_YES },
	  STUCK_IDLE,
	  NULL },
	{ "masked, and nothing to say",
	  { FACTS, MSIX, .vector_masked = STUCK_YES },
	  STUCK_IDLE,
	  NULL },
	{ "pending and not masked",
	  { FACTS, .unreaped = 1, MSIX, .function_masked = STUCK_NO, .vector_masked = STUCK_NO,
	    .pending = STUCK_YES },
	  STUCK_NOT_DELIVERED,
	  NULL },
	{ "in the eventfd to the guest",
	  { FACTS, .unreaped = 1, MSIX, .irq_held = STUCK_YES },
	  STUCK_HELD,
	  "holds an interrupt" },
	{ "sent and not served",
	  { FACTS, .unreaped = 1, MSIX, .irq_raised = STUCK_YES, .function_masked = STUCK_NO,
	    .vector_masked = STUCK_NO, .pending = STUCK_NO },
	  STUCK_NOT_REAPED,
	  "sent and not served" },
	{ "sent and not arrived, by the driver's own trace",
	  { FACTS, .unreaped = 1, MSIX, .irq_raised = STUCK_YES, .pending = STUCK_NO,
	    .handled = STUCK_NO },
	  STUCK_IRQ_LOST,
	  "lost on its way" },
	{ "handled and not taken",
	  { FACTS, .unreaped = 1, MSIX, .irq_raised = STUCK_YES, .handled = STUCK_YES },
	  STUCK_NOT_REAPED,
	  "handler has run since" },
	{ "completions that nobody waits for",
	  { FACTS, .unreaped = 3, MSIX, .irq_raised = STUCK_YES, .reclaimed = true },
	  STUCK_IDLE,
	  NULL },
	{ "INTx disabled",
	  { FACTS, .unreaped = 1, INTX, .intx_disabled = STUCK_YES, .intx_asserted = STUCK_YES },
	  STUCK_INTX_DISABLED,
	  NULL },
	{ "INTx not served",
	  { FACTS, .unreaped = 1, INTX, .intx_disabled = STUCK_NO, .intx_asserted = STUCK_YES },
	  STUCK_NOT_SERVED,
	  "has not read it" },
	{ "INTx served, nothing taken",
	  { FACTS, .unreaped = 1, INTX, .intx_disabled = STUCK_NO, .intx_asserted = STUCK_NO },
	  STUCK_NOT_REAPED,
	  "the driver has read it" },
	{ "a driver that polls leaves INTx asserted",
	  { FACTS, .unreaped = -1, INTX, .intx_asserted = STUCK_YES },
	  STUCK_IDLE,
	  "cannot be seen" },
	{ "no vector",
	  { FACTS, .unreaped = 1, .path = STUCK_PATH_NONE },
	  STUCK_NOT_REAPED,
	  "no interrupt vector" },
};

static void judges(void)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *r = &rows[i];
		enum stuck_verdict v = stuck_judge(&r->f);
		TEXT(words, 1024);

		stuck_say(&r->f, v, &words);
		stuck_prove(&r->f, v, &words);
		if (v != r->v)
			printf("# %s: %s\n", r->what, stuck_name(v));
		CHECK_EQ(v, r->v);
		CHECK(!words.cut);
		if (r->words && !strstr(words.buf, r->words)) {
			printf("# %s: %s\n", r->what, words.buf);
			tap_failed = true;
		}
	}
}

/* Every fact in turn becomes unknown: who is accused then was accused before, or nobody is. */
static void unknown_accuses_nobody(void)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		enum stuck_fact *of[] = { NULL, NULL, NULL, NULL, NULL, NULL };
		struct stuck_facts f = rows[i].f;

		of[0] = &f.moved;
		of[1] = &f.kick_wanted;
		of[2] = &f.kick_pending;
		of[3] = &f.pending;
		of[4] = &f.driver_kicked;
		of[5] = &f.handled;
		for (size_t k = 0; k < 6; k++) {
			enum stuck_fact was = *of[k];
			enum stuck_verdict v;

			*of[k] = STUCK_UNKNOWN;
			v = stuck_judge(&f);
			CHECK(!stuck_is(v) || stuck_is(rows[i].v));
			if (k == 0 && f.stopped != STUCK_YES)
				CHECK(!stuck_is(v)); /* without two looks nobody is accused */
			*of[k] = was;
		}
	}
}

static void names(void)
{
	const struct stuck_facts unknown = { FACTS, .unreaped = 1, MSIX },
				 raised = { FACTS, .unreaped = 1, MSIX, .irq_raised = STUCK_YES };

	CHECK(!strcmp(stuck_actor(&unknown, STUCK_NOT_REAPED), "driver or device"));
	CHECK(!strcmp(stuck_actor(&raised, STUCK_NOT_REAPED), "driver"));
	for (unsigned v = 0; v < STUCK_VERDICTS; v++) {
		struct stuck_facts f = { FACTS };
		TEXT(words, 256);

		CHECK(stuck_name(v) && *stuck_name(v));
		CHECK(stuck_actor(&f, v) != NULL && (!stuck_is(v) || *stuck_actor(&f, v)));
		stuck_say(&f, v, &words);
		CHECK(words.len > 0);
	}
}

/* --- traces ----------------------------------------------------------------------------- */

/* What is answered for queue 0 of the device at the end of a conversation. */
static struct stuck_row end_of(const char *text)
{
	static struct conversation c;
	struct stuck_trace *t = stuck_trace_new();
	struct trace_reader *r;
	struct trace_error err;
	struct stuck_row *rows_of = NULL, row = { .verdict = STUCK_VERDICTS };
	char path[] = "/tmp/vqtrace-stuck-XXXXXX";
	struct record rec;
	bool again;
	int fd = mkstemp(path);
	size_t n;

	memset(&c, 0, sizeof(c));
	CHECK_EQ(trace_create(&c.t.writer, path, &err), 0);
	conversation_begin(&c, NULL);
	conversation_run(&c, text);
	CHECK(!c.error);
	trace_finish(c.t.writer);
	c.t.writer = NULL;
	conversation_end(&c);
	CHECK_EQ(trace_open(&r, path, &err), 0);
	while (trace_next(r, &rec, &again, &err) > 0)
		CHECK_EQ(stuck_trace_feed(t, &rec), 0);
	n = stuck_trace_end(t, &rows_of);
	if (n)
		row = rows_of[0];
	free(rows_of);
	trace_close(r);
	stuck_trace_free(t);
	unlink(path);
	close(fd);
	return row;
}

/* One chain was used, at slot 0; where the driver wants to be told, and whether it does. */
static enum stuck_verdict packed_end(const char *interrupt, const char *driver)
{
	char text[512];

	snprintf(
		text, sizeof(text),
		"packed; up; avail; kick; pop 5; use 5; %s; ring last_avail 0x8001 used_idx 0x8001 "
		"filled 0 %s; sample pending no; wait 3000ms; sample pending no",
		interrupt, driver);
	return end_of(text).verdict;
}

static void packed_traces(void)
{
	CHECK_EQ(packed_end("wait 1ms", "avail_flags 2 used_event 0x8000"), STUCK_NOT_RAISED);
	CHECK_EQ(packed_end("interrupt", "avail_flags 2 used_event 0x8000"), STUCK_NOT_REAPED);
	CHECK_EQ(packed_end("interrupt", "avail_flags 2 used_event 0x8001"), STUCK_IDLE);
	/* it wants to be told later, of nothing, or of everything: what it took is unknown */
	CHECK_EQ(packed_end("wait 1ms", "avail_flags 2 used_event 0x8004"), STUCK_IDLE);
	CHECK_EQ(packed_end("wait 1ms", "avail_flags 1 used_event 0x8000"), STUCK_IDLE);
	CHECK_EQ(packed_end("wait 1ms", "avail_flags 0 used_event 0x8000"), STUCK_IDLE);
}

static void traces(void)
{
	struct stuck_row r = end_of("up; avail; kick; pop 5; wait 3000ms; queue 1; kick");

	CHECK_EQ(r.verdict, STUCK_NOT_ANSWERED);
	CHECK_EQ(r.nrequests, 1);
	CHECK_EQ(r.request[0].head, 5);
	CHECK(r.request[0].age >= 3000000000);
	CHECK_STR(r.request[0].text, "IN sector 8, 8 sectors");
	r = end_of("up; avail; kick; pop 5; use 5; interrupt; wait 3000ms; queue 1; kick");
	CHECK(!stuck_is(r.verdict));
	/* within a second nothing is said to be stuck */
	r = end_of("up; avail; kick; pop 5; wait 300ms; queue 1; kick");
	CHECK(!stuck_is(r.verdict));
	/* samples show what waits */
	r = end_of("up; ring last_avail 0 avail_idx 1 used_idx 0; sample pending yes; wait 3000ms; "
		   "sample pending yes");
	CHECK_EQ(r.verdict, STUCK_KICK_WAITS);
	r = end_of("up; ring last_avail 0 avail_idx 1 used_idx 0; sample pending no; wait 3000ms; "
		   "sample pending no");
	CHECK_EQ(r.verdict, STUCK_NOT_KICKED);
	r = end_of("up; avail; kick; wait 3000ms; sample pending no");
	CHECK_EQ(r.verdict, STUCK_NOT_POPPED);
	packed_traces();
}

/* --- functions of drivers ------------------------------------------------------------------ */

struct calls {
	struct record_builder t;
	struct stuck_calls *calls;
};

static void call(struct calls *c, const char *name, unsigned what, unsigned phase)
{
	struct vqt_guest g = { .what = (uint16_t)what,
			       .phase = (uint8_t)phase,
			       .len = (uint16_t)strlen(name) };

	builder_add(&c->t, VQT_GUEST, &g, sizeof(g), name, strlen(name));
	CHECK_EQ(stuck_calls_feed(c->calls, &c->t.e), 0);
}

static size_t after(struct calls *c, uint64_t ns, struct stuck_call **out)
{
	const uint64_t last[256] = { [1] = c->t.e.ts };

	return stuck_calls_end(c->calls, c->t.model, last, c->t.e.ts + ns, out);
}

/* The innermost function that has not returned, how it got there, and what it did there last. */
static void drivers(void)
{
	struct calls c = { .calls = stuck_calls_new() };
	struct vqt_loss loss = { .lost = 1, .why = VQT_LOSS_BUFFER };
	struct stuck_call *out;

	builder_begin(&c.t);
	c.t.tid = 7;
	call(&c, "virtio_dev_probe", VQT_GUEST_LIFECYCLE, VQT_GUEST_ENTRY);
	call(&c, "virtblk_probe", VQT_GUEST_LIFECYCLE, VQT_GUEST_ENTRY);
	call(&c, "init_vq", VQT_GUEST_LIFECYCLE, VQT_GUEST_ENTRY);
	call(&c, "init_vq", VQT_GUEST_LIFECYCLE, VQT_GUEST_RETURN);
	call(&c, "vp_reset", VQT_GUEST_CONFIG_OP, VQT_GUEST_ENTRY);
	call(&c, "virtio_queue_rq", VQT_GUEST_SUBMIT, VQT_GUEST_ENTRY);
	builder_read(&c.t, VQT_REGION_COMMON, 20, 1, 0x0f);
	CHECK_EQ(stuck_calls_feed(c.calls, &c.t.e), 0);
	CHECK_EQ(after(&c, 900000000, &out), 0); /* that may be its work */
	free(out);
	CHECK_EQ(after(&c, 2000000000, &out), 1);
	CHECK_EQ(out->n, 3);
	CHECK_STR(out->function[0], "virtio_dev_probe");
	CHECK_STR(out->function[2], "vp_reset");
	CHECK_STR(out->access, "read device_status 0xf");
	CHECK_STR(out->device, "blk0");
	CHECK_EQ(out->tid, 7);
	CHECK(out->age >= 2000000000);
	free(out);
	/* that of the outer ones returned, too, though one return was not recorded */
	call(&c, "virtblk_probe", VQT_GUEST_LIFECYCLE, VQT_GUEST_RETURN);
	CHECK_EQ(after(&c, 2000000000, &out), 1);
	CHECK_EQ(out->n, 1);
	free(out);
	call(&c, "virtio_dev_probe", VQT_GUEST_LIFECYCLE, VQT_GUEST_RETURN);
	CHECK_EQ(after(&c, 2000000000, &out), 0);
	free(out);
	/* what was lost may have been the return */
	call(&c, "virtblk_probe", VQT_GUEST_LIFECYCLE, VQT_GUEST_ENTRY);
	builder_add(&c.t, VQT_LOSS, &loss, sizeof(loss), NULL, 0);
	CHECK_EQ(stuck_calls_feed(c.calls, &c.t.e), 0);
	CHECK_EQ(after(&c, 2000000000, &out), 0);
	free(out);
	/* deeper than what is named */
	for (unsigned i = 0; i < STUCK_CALLS + 3; i++)
		call(&c, "vp_get", VQT_GUEST_CONFIG_OP, VQT_GUEST_ENTRY);
	for (unsigned i = 0; i < STUCK_CALLS + 2; i++)
		call(&c, "vp_get", VQT_GUEST_CONFIG_OP, VQT_GUEST_RETURN);
	CHECK_EQ(after(&c, 2000000000, &out), 1);
	CHECK_EQ(out->n, 1);
	free(out);
	builder_finish(&c.t);
	stuck_calls_free(c.calls);
}

static const struct tap_test tests[] = {
	{ "every case has its verdict", judges },
	{ "unknown facts accuse nobody", unknown_accuses_nobody },
	{ "every verdict has a name, a party and words", names },
	{ "at the end of a trace", traces },
	{ "functions of drivers that have not returned", drivers },
};
TAP_MAIN(tests)
