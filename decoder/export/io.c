/* SPDX-License-Identifier: MIT */
/* Finds the I/O in a trace, and puts its steps in the order of their times. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "decoder/export/io.h"
#include "decoder/util/array.h"

/*
 * Steps that are held back, so that what is learned later and happened earlier (a kick, of which the
 * pop says that it announced the request) comes before them.
 */
#define HELD 65536

struct io {
	io_put *put;
	void *opaque;
	struct io_item *heap; /* the earliest first */
	size_t n, cap;
	uint64_t order, left_out, untimed;
};

struct io *io_new(io_put *put, void *opaque)
{
	struct io *s = calloc(1, sizeof(*s));

	if (s) {
		s->put = put;
		s->opaque = opaque;
	}
	return s;
}

/* --- the heap ------------------------------------------------------------------------------ */

static bool before(const struct io_item *a, const struct io_item *b)
{
	return a->ts != b->ts ? a->ts < b->ts : a->order < b->order;
}

static void swap(struct io_item *a, struct io_item *b)
{
	struct io_item t = *a;

	*a = *b;
	*b = t;
}

static int hold(struct io *s, const struct io_item *item)
{
	size_t i = s->n;

	if (!array_room(s->heap, s->cap, s->n + 1))
		return -ENOMEM;
	s->heap[s->n++] = *item;
	for (; i && before(&s->heap[i], &s->heap[(i - 1) / 2]); i = (i - 1) / 2)
		swap(&s->heap[i], &s->heap[(i - 1) / 2]);
	return 0;
}

static int put_first(struct io *s)
{
	struct io_item first = s->heap[0];
	size_t i = 0, least;

	s->heap[0] = s->heap[--s->n];
	for (;; i = least) {
		least = i;
		for (size_t c = 2 * i + 1; c <= 2 * i + 2 && c < s->n; c++)
			least = before(&s->heap[c], &s->heap[least]) ? c : least;
		if (least == i)
			break;
		swap(&s->heap[i], &s->heap[least]);
	}
	return s->put(s->opaque, &first);
}

/* --- the events ---------------------------------------------------------------------------- */

static int add(struct io *s, const struct event *e, const struct class_extent *x, enum io_step step,
	       uint64_t ts)
{
	const struct model_request *r = e->req;
	const struct io_item item = {
		.ts = ts,
		.order = s->order++,
		.step = step,
		.op = x->op,
		.offset = x->offset,
		.bytes = x->bytes,
		.device = e->dev,
		/* who kicked is not who pops */
		.tid = step == IO_QUEUED ? 0 : e->rec->h.tid,
		.failed = step == IO_COMPLETED && class_failed(e->dev->class, &r->io),
	};
	int rc = hold(s, &item);

	while (!rc && s->n > HELD)
		rc = put_first(s);
	return rc;
}

/* The whole chain is known with this event, and so is what it asks for. */
static bool is_known_now(const struct event *e)
{
	const struct model_request *r = e->req;
	bool again = e->rec->h.type == VQT_AVAIL ? r->flags & VQT_CHAIN_AGAIN : !e->typed_now;

	return !again && !(r->flags & VQT_CHAIN_MORE);
}

static int issued(struct io *s, const struct event *e)
{
	const struct model_request *r = e->req;
	struct class_extent x = { 0 };
	int rc = 0;

	if (!is_known_now(e) || !r->typed)
		return 0;
	if (!class_block_io(e->dev->class, &r->io, &x)) {
		s->left_out++;
		return 0;
	}
	if (!r->avail_ts) {
		s->untimed++;
		return 0;
	}
	if (r->announce_ts)
		rc = add(s, e, &x, IO_QUEUED, r->announce_ts);
	return rc ? rc : add(s, e, &x, IO_ISSUED, r->avail_ts);
}

static int completed(struct io *s, const struct event *e)
{
	struct class_extent x = { 0 };

	if (!e->req->typed || !class_block_io(e->dev->class, &e->req->io, &x))
		return 0;
	return add(s, e, &x, IO_COMPLETED, e->ts);
}

int io_feed(struct io *s, const struct event *e, bool matched)
{
	/* of two views of one device the device's own */
	if (!matched || !e->dev || !e->dev->class || !e->dev->class->block_io || !e->req ||
	    e->req->posted || model_second_view(e->dev))
		return 0;
	switch (e->rec->h.type) {
	case VQT_AVAIL:
	case VQT_DATA: return issued(s, e);
	case VQT_USED: return completed(s, e);
	}
	return 0;
}

int io_finish(struct io *s)
{
	int rc = 0;

	while (!rc && s->n)
		rc = put_first(s);
	return rc;
}

void io_lack(struct text *t, uint64_t n, const char *what)
{
	if (n)
		text_add(t, "%s%" PRIu64 " request%s (%s)", t->len ? ", " : "left out: ", n,
			 n == 1 ? "" : "s", what);
}

void io_lacks(const struct io *s, struct text *t, bool completions)
{
	io_lack(t, s->left_out, "no I/O of one range");
	io_lack(t, s->untimed,
		completions ? "popped at an unknown time; only their completions are there"
			    : "popped at an unknown time");
	if (!s->order && !t->len)
		text_puts(t, "no I/O of a block device was matched");
}

void io_free(struct io *s)
{
	if (!s)
		return;
	free(s->heap);
	free(s);
}
