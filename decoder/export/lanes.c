/* SPDX-License-Identifier: MIT */
/* A request as a slice with stages, the instants of its threads, and the flow through them. */
#include <errno.h>
#include <string.h>

#include "decoder/class/class.h"
#include "decoder/export/timeline_impl.h"
#include "decoder/util/array.h"

#define ROWS (3 * LIFE_POINTS + 4)
#define LINKS 9 /* what add_point() and the slice itself have */
#define ARGS_WHICH 3 /* the first of its arguments say which request it is */

struct row {
	struct timeline_item i;
	struct timeline_flow flow;
	bool on_lane;
};

/* What is made of one request. */
struct slice {
	struct timeline *t;
	const struct done *d;
	const struct model_device *dev; /* whose queue it is shown at */
	struct line *line; /* of that */
	struct row row[ROWS];
	unsigned n;
	uint64_t begin, end; /* ns: of the slice; end UINT64_MAX: it has none */
	struct args args, ended; /* of its begin, and of its end */
	char what[96], result[24];
	struct { /* through which its flow goes, in the order of the points */
		uint64_t ts;
		struct notification *held;
		unsigned row; /* if none is held */
		bool counts; /* towards the two that a flow needs */
	} link[LINKS];
	unsigned nlinks;
};

static struct row *add(struct slice *s, enum timeline_what what, const struct track *on,
		       uint64_t ts, const char *name, const char *category)
{
	struct row *r = &s->row[s->n++];

	*r = (struct row){
		.i = { .what = what,
		       .track = on ? &on->t : NULL,
		       .ts = ts,
		       .name = name,
		       .category = category },
		.on_lane = !on,
	};
	return r;
}

static void link_held(struct slice *s, struct line *l, bool interrupts, enum life_point p)
{
	uint64_t ts = s->d->life.at[p];
	struct notification *m =
		l ? notification_at(interrupts ? &l->interrupts : &l->kicks, ts) : NULL;

	if (!m || s->nlinks == LINKS)
		return;
	s->link[s->nlinks].ts = ts;
	s->link[s->nlinks].held = m;
	s->link[s->nlinks++].counts = true;
}

static void link_row(struct slice *s, bool counts)
{
	if (s->nlinks == LINKS)
		return;
	s->link[s->nlinks].ts = s->row[s->n - 1].i.ts;
	s->link[s->nlinks].held = NULL;
	s->link[s->nlinks].row = s->n - 1;
	s->link[s->nlinks++].counts = counts;
}

/* --- what is said of it ------------------------------------------------------------------------ */

static void describe(struct slice *s)
{
	const struct model_life *l = &s->d->life;
	const struct class *class = s->dev->class;

	class_describe(class, &l->io, s->what, sizeof(s->what));
	args_text(&s->args, "device", s->dev->name);
	args_number(&s->args, "queue", l->queue);
	args_number(&s->args, "event", l->number);
	args_untrusted(&s->args, "request", s->what, strlen(s->what));
	args_number(&s->args, "head", l->head);
	args_number(&s->args, "descriptors", l->ndesc);
	args_number(&s->args, "bytes", l->io.bytes);
	if (l->io.typed)
		args_number(&s->args, "sector", l->io.sector);
	if (l->device && l->driver && l->error == VQT_CLOCK_UNKNOWN)
		args_text(&s->args, "error", "unknown: the clocks of both sides are not aligned");
	else if (l->device && l->driver)
		args_number(&s->args, "error_ns", l->error);
	if (s->d->before)
		args_text(&s->args, "begin",
			  s->d->likely ? "before the trace (likely)" : "before the trace");
	else if (!l->at[LIFE_POPPED] && !l->at[LIFE_ADDED])
		args_text(&s->args, "begin", "not in the trace");
	if (s->d->at_least)
		args_number(&s->args, "at_least_ns", s->d->at_least);
}

static void describe_end(struct slice *s)
{
	const struct model_life *l = &s->d->life;
	struct args *a = &s->ended;

	if (s->d->state == TRIP_RESET) {
		args_text(a, "state", "cancelled by reset");
		return;
	}
	class_result(s->dev->class, &l->io, s->result, sizeof(s->result));
	args_text(a, "state", s->d->detached ? "dropped by the device" : "used");
	args_untrusted(a, "result", s->result, strlen(s->result));
	args_number(a, "len", l->io.used_len);
	if (l->at[LIFE_POPPED] && l->at[LIFE_PUSHED] >= l->at[LIFE_POPPED])
		args_number(a, "pop_to_used_ns", l->at[LIFE_PUSHED] - l->at[LIFE_POPPED]);
}

static const char *name_of(const struct slice *s)
{
	return s->d->life.io.type ? s->d->life.io.type->name : s->d->posted ? "buffer" : "request";
}

/* --- its points --------------------------------------------------------------------------------- */

static void add_point_instant(struct slice *s, struct track *on, enum life_point p,
			      const char *name)
{
	struct row *r;

	if (!on || !s->d->life.at[p])
		return;
	r = add(s, TIMELINE_INSTANT, on, s->d->life.at[p], name, name);
	r->i.arg = s->args.arg;
	r->i.narg = ARGS_WHICH;
	link_row(s, true);
}

/* The instants and the parts of its flow at a point. */
static void add_point(struct slice *s, enum life_point p)
{
	const struct done *d = s->d;
	struct line *device =
		d->life.device ? queue_line_if_any(s->t, d->life.device, d->life.queue) : NULL;
	struct line *driver =
		d->life.driver ? queue_line_if_any(s->t, d->life.driver, d->life.queue) : NULL;

	switch (p) {
	case LIFE_ADDED: add_point_instant(s, d->driver.began, p, "add"); break;
	case LIFE_NOTIFIED: link_held(s, driver, false, p); break;
	case LIFE_KICKED: link_held(s, device, false, p); break;
	case LIFE_POPPED: add_point_instant(s, d->device.began, p, "pop"); break;
	case LIFE_PUSHED: add_point_instant(s, d->device.ended, p, "used"); break;
	case LIFE_RAISED: link_held(s, device, true, p); break;
	case LIFE_HANDLED: link_held(s, driver, true, p); break;
	case LIFE_TAKEN: add_point_instant(s, d->driver.ended, p, "take"); break;
	default: break;
	}
}

/* The end of one that was not used: by a reset, or there is none. */
static void add_open_end(struct slice *s, uint64_t at)
{
	bool reset = s->d->state == TRIP_RESET;

	add(s, TIMELINE_BEGIN, NULL, at,
	    reset ? "until the reset" : "in flight at the end of the trace", "stage");
	s->end = reset ? (s->d->end > at ? s->d->end : at) : UINT64_MAX;
	if (reset)
		add(s, TIMELINE_END, NULL, s->end, NULL, NULL);
}

static void add_slice(struct slice *s)
{
	const struct model_life *l = &s->d->life;
	enum life_point last = LIFE_POINTS;
	uint64_t at = 0;
	struct row *r;

	for (enum life_point p = 0; p < LIFE_POINTS; p++) {
		uint64_t from = at;

		if (!l->at[p])
			continue;
		/* what lies before an earlier point takes no time: clocks of two sides are not exact */
		at = l->at[p] > at ? l->at[p] : at;
		if (last == LIFE_POINTS) {
			s->begin = at;
			r = add(s, TIMELINE_BEGIN, NULL, at, name_of(s),
				s->d->posted ? "posted" : "request");
			r->i.arg = s->args.arg;
			r->i.narg = s->args.n;
		} else {
			r = add(s, TIMELINE_BEGIN, NULL, from, life_point_help(p), "stage");
			if (last == LIFE_POPPED)
				link_row(s, false);
			add(s, TIMELINE_END, NULL, at, NULL, NULL);
		}
		add_point(s, p);
		last = p;
	}
	s->end = at;
	if (s->d->state != TRIP_USED)
		add_open_end(s, at);
	if (s->end == UINT64_MAX)
		return;
	r = add(s, TIMELINE_END, NULL, s->end, NULL, NULL);
	r->i.arg = s->ended.arg;
	r->i.narg = s->ended.n;
}

/* When it began is not known: an instant when it ended, or was found. */
static void add_instant(struct slice *s)
{
	struct track *on = track_of_queue(s->t, s->dev, s->d->life.queue);
	uint64_t at = s->d->end;
	struct row *r;

	for (enum life_point p = 0; p < LIFE_POINTS; p++)
		at = s->d->life.at[p] && s->d->state == TRIP_USED ? s->d->life.at[p] : at;
	if (!on)
		return;
	r = add(s, TIMELINE_INSTANT, on, at, name_of(s),
		s->d->state == TRIP_IN_FLIGHT ? "in flight" : "ended");
	r->i.arg = s->args.arg;
	r->i.narg = s->args.n;
	for (enum life_point p = 0; p < LIFE_POINTS; p++)
		add_point(s, p);
}

/* --- the flow ------------------------------------------------------------------------------------ */

/* Where both sides' clocks are not exact, an arrow follows the times and not the points. */
static void sort_links(struct slice *s)
{
	for (unsigned i = 1; i < s->nlinks; i++)
		for (unsigned k = i; k && s->link[k].ts < s->link[k - 1].ts; k--) {
			__typeof__(s->link[0]) swap = s->link[k];

			s->link[k] = s->link[k - 1];
			s->link[k - 1] = swap;
		}
}

static void add_flow(struct slice *s)
{
	unsigned n = 0;

	for (unsigned i = 0; i < s->nlinks; i++)
		n += s->link[i].counts;
	if (n < 2)
		return;
	sort_links(s);
	s->t->flows++;
	for (unsigned i = 0; i < s->nlinks; i++) {
		struct timeline_flow f = { s->t->flows, i == 0		     ? TIMELINE_FIRST
							: i == s->nlinks - 1 ? TIMELINE_LAST
									     : TIMELINE_STEP };
		struct row *r = &s->row[s->link[i].row];

		if (s->link[i].held) {
			notification_flow(s->t, s->link[i].held, f);
			continue;
		}
		r->flow = f;
		r->i.nflow = 1;
	}
}

/* --- its lane ------------------------------------------------------------------------------------ */

/*
 * Requests come in the order of their ends, more or less.  The lane whose end is the latest that is
 * not after this one's begin leaves most room for those to come.
 */
static size_t best_lane(const struct lanes *l, uint64_t begin)
{
	size_t low = 0, high = l->n;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (l->lane[mid].end <= begin)
			low = mid + 1;
		else
			high = mid;
	}
	return low; /* behind it; 0: none */
}

/* Takes a lane out of the list; .track NULL: there is no room. */
static struct lane take_lane(struct slice *s, struct lanes *l, unsigned kind)
{
	size_t i = best_lane(l, s->begin);
	struct lane lane = { .end = 0 };

	if (i) {
		lane = l->lane[i - 1];
		l->n--;
		memmove(&l->lane[i - 1], &l->lane[i], (l->n - (i - 1)) * sizeof(lane));
		return lane;
	}
	if (l->n < LANES_MAX)
		lane.track = track_of_lane(s->t, s->dev, s->d->life.queue, kind, (unsigned)l->n);
	return lane;
}

static void give_back(struct slice *s, struct lanes *l, struct lane lane)
{
	size_t i;

	lane.end = s->end;
	if (!array_room(l->lane, l->cap, l->n + 1)) {
		s->t->rc = -ENOMEM;
		return;
	}
	i = best_lane(l, lane.end);
	memmove(&l->lane[i + 1], &l->lane[i], (l->n - i) * sizeof(lane));
	l->lane[i] = lane;
	l->n++;
}

/* In the order of times; of the same time as they were added. */
static void put_rows(struct slice *s, struct sequence *q, const struct track *lane)
{
	const struct row *order[ROWS];

	for (unsigned i = 0; i < s->n; i++) {
		unsigned k = i;

		for (; k && s->row[i].i.ts < order[k - 1]->i.ts; k--)
			order[k] = order[k - 1];
		order[k] = &s->row[i];
	}
	for (unsigned i = 0; i < s->n; i++) {
		struct timeline_item item = order[i]->i;

		item.flow = &order[i]->flow;
		if (order[i]->on_lane)
			item.track = &lane->t;
		put_item(s->t, q, &item);
	}
}

void lane_put(struct timeline *t, const struct done *d)
{
	const struct model_life *l = &d->life;
	struct slice s = { .t = t, .d = d, .dev = l->device ? l->device : l->driver };
	unsigned kind = d->posted ? LANE_POSTED : LANE_REQUESTS;
	bool begun = l->at[LIFE_POPPED] || l->at[LIFE_ADDED];
	struct lane lane;

	s.line = queue_line(t, s.dev, l->queue);
	if (!s.line)
		return;
	describe(&s);
	describe_end(&s);
	if (begun)
		add_slice(&s);
	else
		add_instant(&s);
	add_flow(&s);
	if (!begun) {
		put_rows(&s, &s.line->instants, NULL);
		return;
	}
	lane = take_lane(&s, &s.line->lanes[kind], kind);
	if (!lane.track) {
		t->left_out++;
		return;
	}
	put_rows(&s, &lane.sequence, lane.track);
	give_back(&s, &s.line->lanes[kind], lane);
}
