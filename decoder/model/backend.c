/* SPDX-License-Identifier: MIT */
/*
 * What a device submits to its back end.  A device may merge requests: one submission then serves
 * several, and its record names the first of them only.  The others are those that fill the rest
 * of its range, if there is one way only to fill it.
 *
 * Records name requests by their heads, which are used again.  So while a record may be missing,
 * since the request was popped or submitted, nothing is certain: it may be of the next one.
 */
#include "decoder/model/impl.h"
#include "decoder/trace/event.h"

#define FLIGHT_MAX 4096 /* requests in flight among which parts are looked for */
#define MERGED_MAX 63 /* requests of one submission, the first not counted; QEMU merges 32 */

static uint64_t loss_at(const struct event *e)
{
	return e->source ? e->source->loss_at : 0;
}

bool model_in_back_end(const struct model *m, const struct model_request *r)
{
	const struct model_device *d = model_device(m, r->device);
	const struct model_source *s = d ? model_source(m, d->source) : NULL;

	return r->submitted && s && r->submission >= s->loss_at && !m->filtered;
}

/* What was known of earlier submissions is not all. */
static void doubt(struct model_request *r)
{
	r->backend_ts = r->backend_end_ts = r->submission = 0;
	r->submitted = r->merged = 0;
	r->failed = false;
}

static void begin(struct model_request *r, const struct event *e)
{
	/* What was before a retry is not its time: the machine may have been stopped. */
	if (r->failed || (!r->backend_ts && !r->backend_end_ts))
		r->backend_ts = e->ts;
	r->failed = false;
	r->backend_end_ts = 0;
	r->submission = e->number;
	if (r->submitted < UINT16_MAX)
		r->submitted++;
}

/* The request is answered when all that was submitted for it is. */
static void end(struct model_request *r, const struct event *e)
{
	if ((r->foreign && r->foreign == e->rec->backend.cookie) ||
	    (r->submission ? r->submission : r->number) < loss_at(e))
		return;
	r->failed = e->rec->backend.ret < 0;
	if (r->submitted)
		r->submitted--;
	if (!r->submitted)
		r->backend_end_ts = e->ts;
}

/* Requests not submitted that ask for a part of what follows the first one's. */
struct parts {
	struct model_request *r[MERGED_MAX];
	struct class_extent x[MERGED_MAX];
	unsigned n;
	bool too_many;
};

static void find_parts(const struct event *e, uint64_t from, struct parts *p)
{
	const struct vqt_backend *b = &e->rec->backend;
	struct class_extent x;

	for (struct model_request *r = e->queue->in_flight; r; r = r->hh.next) {
		if (r == e->req || r->submitted || !class_extent(e->dev->class, &r->io, &x) ||
		    x.op != b->op || !x.bytes || x.offset < from ||
		    x.offset - b->offset > b->bytes || x.bytes > b->bytes - (x.offset - b->offset))
			continue;
		if (p->n == MERGED_MAX) {
			p->too_many = true;
			return;
		}
		p->r[p->n] = r;
		p->x[p->n++] = x;
	}
}

/* The one that begins there; p->n: none, or several. */
static unsigned part_at(const struct parts *p, uint64_t offset)
{
	unsigned found = p->n;

	for (unsigned i = 0; i < p->n; i++) {
		if (p->x[i].offset != offset)
			continue;
		if (found < p->n)
			return p->n;
		found = i;
	}
	return found;
}

/* The submission of e->req is for more than that asks for. */
static void begin_merged(struct event *e)
{
	const struct vqt_backend *b = &e->rec->backend;
	unsigned n = 0, way[MERGED_MAX];
	struct class_extent first;
	struct parts p = { .n = 0 };
	uint64_t at;

	if (!class_extent(e->dev->class, &e->req->io, &first) || first.op != b->op ||
	    first.offset != b->offset || b->bytes <= first.bytes ||
	    b->offset > UINT64_MAX - b->bytes || e->queue->n_in_flight > FLIGHT_MAX)
		return;
	at = b->offset + first.bytes;
	find_parts(e, at, &p);
	if (p.too_many)
		return;
	while (at < b->offset + b->bytes) {
		unsigned i = part_at(&p, at);

		if (i == p.n || p.r[i]->number < loss_at(e))
			return;
		way[n++] = i;
		at += p.x[i].bytes;
	}
	if (at != b->offset + b->bytes)
		return;
	for (unsigned i = 0; i < n; i++)
		begin(p.r[way[i]], e);
	e->req->merged = (uint16_t)n;
}

/* It is submitted again before all of its submission was answered: of whom answers are is not known. */
static void doubt_merged(struct event *e)
{
	for (struct model_request *r = e->queue->in_flight; r; r = r->hh.next)
		if (r != e->req && r->submitted && r->submission == e->req->submission)
			doubt(r);
	e->req->merged = 0;
}

static void end_merged(struct event *e)
{
	uint64_t submission = e->req->submission;

	for (struct model_request *r = e->queue->in_flight; r; r = r->hh.next)
		if (r != e->req && r->submitted && r->submission == submission)
			end(r, e);
	e->req->merged = 0;
}

/* Whether a submission is for what the request asks; also if that is not known. */
static bool serves(const struct event *e)
{
	const struct vqt_backend *b = &e->rec->backend;
	struct class_extent x;

	return !class_extent(e->dev->class, &e->req->io, &x) ||
	       (x.op == b->op && b->offset >= x.offset && b->offset - x.offset <= x.bytes);
}

int model_backend(struct model *m, struct event *e)
{
	const struct vqt_backend *b = &e->rec->backend;

	if (!e->queue)
		return 0;
	e->req = model_in_flight(e->queue, b->head);
	if (!e->req)
		return 0;
	if (!b->phase && (e->req->number < loss_at(e) || !serves(e))) {
		doubt(e->req);
		e->req->foreign = b->cookie;
	} else if (b->phase) {
		if (e->req->merged)
			end_merged(e);
		end(e->req, e);
	} else {
		if (e->req->merged)
			doubt_merged(e);
		begin(e->req, e);
		begin_merged(e);
	}
	return 0;
}
