/* SPDX-License-Identifier: MIT */
/*
 * What is no request: life-cycle events, status, losses, and the calls of functions, of a driver's
 * kernel and of QEMU, as slices of their threads.
 */
#include <errno.h>
#include <string.h>

#include "decoder/export/timeline_impl.h"
#include "decoder/fields/event_names.h"
#include "decoder/trace/guest.h"
#include "decoder/util/array.h"

#define CALLS_MAX 64 /* that have not returned, of a thread */

struct call {
	uint64_t key; /* a call's number, or the function */
};

static void put_begin(struct timeline *t, struct track *on, const struct event *e, const char *name,
		      uint64_t key)
{
	struct args a = { .n = 0 };
	struct timeline_item i = {
		.what = TIMELINE_BEGIN,
		.track = &on->t,
		.ts = e->ts,
		.name = name,
		.category = "call",
		.arg = a.arg,
	};
	size_t cap = on->calls_cap;

	/* beyond that, or before what is there, it would not nest */
	if (on->ncalls == CALLS_MAX || e->ts < on->calls_last) {
		t->calls_left_out++;
		return;
	}
	if (!array_room(on->calls, cap, on->ncalls + 1)) {
		t->rc = -ENOMEM;
		return;
	}
	on->calls_cap = (unsigned)cap;
	on->calls[on->ncalls++].key = key;
	on->calls_last = e->ts;
	if (e->dev)
		args_text(&a, "device", e->dev->name);
	if (e->queue)
		args_number(&a, "queue", e->queue->index);
	args_number(&a, "event", e->number);
	i.narg = a.n;
	put_item(t, &on->sequence, &i);
}

/* Calls within it whose return was not recorded end with it at the latest. */
static void put_return(struct timeline *t, struct track *on, const struct event *e, uint64_t key)
{
	static const struct timeline_arg unseen = {
		.key = "end", .text = "not recorded: at the latest, when its caller returned"
	};
	unsigned at = on->ncalls;
	uint64_t ts = e->ts > on->calls_last ? e->ts : on->calls_last;

	while (at && on->calls[at - 1].key != key)
		at--;
	for (unsigned n = on->ncalls; at && n >= at; n--) {
		struct timeline_item i = { .what = TIMELINE_END,
					   .track = &on->t,
					   .ts = ts,
					   .arg = &unseen,
					   .narg = n > at };

		put_item(t, &on->sequence, &i);
		on->ncalls = n - 1;
		on->calls_last = ts;
	}
}

static void put_instant(struct timeline *t, struct track *on, const struct event *e,
			const char *name, const char *category, struct args *a)
{
	struct timeline_item i = {
		.what = TIMELINE_INSTANT,
		.track = on ? &on->t : NULL,
		.ts = e->ts,
		.name = name,
		.category = category,
		.arg = a->arg,
	};

	args_number(a, "event", e->number);
	i.narg = a->n;
	if (on)
		put_item(t, &on->sequence, &i);
}

/* --- of a driver's kernel ---------------------------------------------------------------------- */

static void guest_call(struct timeline *t, const struct event *e, bool matched)
{
	const struct guest_function *f = guest_function_of(e->rec);
	struct track *on =
		matched || e->rec->guest.phase == VQT_GUEST_RETURN ? track_of_thread(t, e) : NULL;
	uint64_t key = (uint64_t)(uintptr_t)f;
	struct args a = { .n = 0 };
	TEXT(name, 80);
	const char *text;
	size_t len;

	if (!on)
		return;
	text = record_text(e->rec, &len);
	text_untrusted(&name, text, len < 64 ? len : 64);
	if (!name.len)
		text_puts(&name, "call");
	if (!f)
		key = hash_mix_text(1, name.buf);
	switch (e->rec->guest.phase) {
	case VQT_GUEST_ENTRY: put_begin(t, on, e, name.buf, key); break;
	case VQT_GUEST_RETURN: put_return(t, on, e, key); break;
	default:
		if (e->dev)
			args_text(&a, "device", e->dev->name);
		put_instant(t, on, e, name.buf, "driver", &a);
	}
}

/* --- of QEMU ------------------------------------------------------------------------------------ */

static void lifecycle(struct timeline *t, const struct event *e)
{
	const struct vqt_lifecycle *l = &e->rec->lifecycle;
	const struct lifecycle_step *step = lifecycle_step(l->what);
	struct track *on = e->dev ? track_of_device(t, e->dev) : track_of_source(t, e->source);
	struct args a = { .n = 0 };
	const char *text;
	TEXT(name, 80);
	size_t len;

	if (e->rec->function)
		text_untrusted(&name, e->rec->function,
			       e->rec->function_len < 64 ? e->rec->function_len : 64);
	if (!name.len)
		text_puts(&name, step ? step->name : "lifecycle");
	if (e->rec->call.call) {
		struct track *thread = track_of_thread(t, e);

		if (thread)
			put_begin(t, thread, e, name.buf, e->rec->call.call);
		return;
	}
	if (e->queue)
		args_number(&a, "queue", e->queue->index);
	if (step)
		args_text(&a, "meaning", step->meaning);
	for (unsigned i = 0; step && i < 3; i++)
		if (step->arg[i].name)
			args_number(&a, step->arg[i].name, l->arg[i]);
	text = record_text(e->rec, &len);
	if (len)
		args_untrusted(&a, "text", text, len < 200 ? len : 200);
	put_instant(t, on, e, name.buf, "lifecycle", &a);
}

static void returned(struct timeline *t, const struct event *e)
{
	struct track *on = track_of_thread(t, e);

	if (on)
		put_return(t, on, e, e->rec->returned.call);
}

/* --- the rest ----------------------------------------------------------------------------------- */

static void status(struct timeline *t, const struct event *e)
{
	struct track *on = track_of_device(t, e->dev);
	struct args a = { .n = 0 };
	char words[120];
	TEXT(name, 160);

	spec_format_status(words, sizeof(words), e->dev->status);
	text_add(&name, "status %s", words);
	args_number(&a, "before", e->status_before);
	put_instant(t, on, e, name.buf, "status", &a);
}

/* Records that are not in the trace: where, and how many. */
static void loss(struct timeline *t, const struct event *e)
{
	struct track *on = e->source ? track_of_source(t, e->source) : NULL;
	bool said = e->rec->h.type == VQT_LOSS;
	struct model_loss lost = { .records = e->gap };
	struct args a = { .n = 0 };
	TEXT(name, 120);

	if (said)
		lost = model_loss_of(e);
	model_put_lost(&name, lost, "events");
	/* a filter leaves out what the sequence numbers count, but what a record says was lost */
	text_puts(&name, !said && model_filtered(t->m) ? " left out by a filter" : " lost");
	put_instant(t, on, e, name.buf, "loss", &a);
}

void calls_feed(struct timeline *t, const struct event *e, bool matched)
{
	unsigned type = e->rec->h.type;

	if (t->rc)
		return;
	if (type == VQT_GUEST)
		guest_call(t, e, matched);
	else if (type == VQT_RETURN)
		returned(t, e);
	if (!matched)
		return;
	if (type == VQT_LIFECYCLE)
		lifecycle(t, e);
	if (e->dev && type == VQT_REG && e->status_before != e->dev->status)
		status(t, e);
	if (type == VQT_LOSS || e->gap)
		loss(t, e);
}
