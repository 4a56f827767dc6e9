/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/class/class.h"
#include "decoder/requests/life.h"
#include "decoder/requests/table.h"
#include "decoder/util/text.h"

/* Completions of one queue waiting for their interrupt; older ones go out without. */
#define WAITING_MAX 256

struct row {
	uint64_t number, since, kick, avail, submitted, answered, used, irq; /* ns, 0 unknown */
	uint64_t now; /* ns: of the record */
	uint64_t least; /* ns it has been in flight, at least; 0 if it was popped at a known time */
	uint32_t ndesc, used_len;
	uint64_t sector, bytes;
	uint16_t head;
	bool typed, done, dropped, before, likely, in_back_end, failed;
	char what[96], result[24];
	const char *type;
};

struct waiting {
	uint32_t key; /* device << 16 | queue */
	unsigned n;
	unsigned resets; /* of the device when they completed */
	struct row row[WAITING_MAX];
	UT_hash_handle hh;
};

/* A request in flight that was selected. */
struct chosen {
	uint64_t number;
	UT_hash_handle hh;
};

struct request_table {
	FILE *to;
	bool json, headed;
	bool lives; /* the heading is that of rows of lives */
	bool selects;
	struct chosen *chosen; /* uthash; empty unless it selects */
	bool narrow; /* two lines a request */
	uint64_t first_ts, last_ts;
	bool any;
	struct waiting *queues;
};

#define WIDTH 120 /* of a line with a usual result */
#define COL_SPANS 68 /* of what is on the second line, if there are two */
#define COL_SPANS_NARROW 9

struct request_table *request_table_new(FILE *to, bool json, unsigned width)
{
	struct request_table *t = calloc(1, sizeof(*t));

	if (t) {
		t->to = to;
		t->json = json;
		t->narrow = width && width < WIDTH;
	}
	return t;
}

void request_table_selects(struct request_table *t)
{
	t->selects = true;
}

static struct chosen *find_chosen(const struct request_table *t, uint64_t number)
{
	struct chosen *c;

	HASH_FIND(hh, t->chosen, &number, sizeof(number), c);
	return c;
}

/* Was it selected? */
static bool forget(struct request_table *t, uint64_t number)
{
	struct chosen *c = find_chosen(t, number);

	if (!c)
		return false;
	HASH_DEL(t->chosen, c);
	free(c);
	return true;
}

/* Requests that end, and one that begins and was selected.  0 or -ENOMEM. */
static int choose(struct request_table *t, const struct event *e, bool selected)
{
	struct chosen *c;

	for (const struct model_request *r = e->dropped; r; r = r->next)
		forget(t, r->number);
	if (e->req && e->rec->h.type == VQT_USED && !e->req->lived)
		forget(t, e->req->number);
	if (!selected || !e->req || e->rec->h.type != VQT_AVAIL || find_chosen(t, e->req->number))
		return 0;
	hash_add_new(t->chosen, number, e->req->number, c);
	return c ? 0 : -ENOMEM;
}

static void put_span(struct text *t, uint64_t from, uint64_t to, size_t column)
{
	TEXT(d, 24);

	if (from && to && to >= from)
		text_duration(&d, to - from);
	else
		text_puts(&d, "-");
	text_add(t, "%*s", (int)column, d.buf);
}

/* What is known of the time of a request that was popped before it was recorded. */
static void put_least(struct text *t, const struct row *r)
{
	if (r->least) {
		text_puts(t, ", at least ");
		text_duration(t, r->least);
	}
	if (r->before)
		text_puts(t, ", since before the trace");
	if (r->likely && !r->done)
		text_puts(t, " (likely)");
}

/* How much of it was the back end's; or that this is what it waits for. */
static void put_back_end(struct text *t, const struct row *r)
{
	if (!r->submitted || (r->answered ? r->answered : r->now) < r->submitted ||
	    (!r->answered && !r->in_back_end))
		return;
	text_puts(t, ", ");
	text_duration(t, (r->answered ? r->answered : r->now) - r->submitted);
	text_puts(t, r->answered ? " in the back end" : " and more in the back end");
	if (r->failed && !r->done)
		text_puts(t, ", which failed it");
}

static void begin_spans(const struct request_table *t, struct text *line)
{
	if (t->narrow)
		text_add(line, "\n%*s", COL_SPANS_NARROW, "");
	else
		text_pad(line, COL_SPANS);
}

static void print_heading(struct request_table *t)
{
	TEXT(line, 160);

	if (t->headed && !t->lives)
		return;
	t->headed = true;
	t->lives = false;
	text_add(&line, "%8s %12s %-8s request", "event", "time", "queue");
	begin_spans(t, &line);
	text_add(&line, "%5s %9s %9s %9s result", "descs", "kick>pop", "pop>used", "used>irq");
	fprintf(t->to, "%s\n", line.buf);
}

static void print_text(struct request_table *t, const char *device, unsigned queue,
		       const struct row *r)
{
	TEXT(line, 512);

	print_heading(t);
	text_add(&line, "%8" PRIu64 " %5" PRIu64 ".%06" PRIu64 " %s:%u", r->number,
		 r->since / 1000000000, r->since % 1000000000 / 1000, device, queue);
	text_pad(&line, 31);
	text_puts(&line, r->what);
	begin_spans(t, &line);
	text_add(&line, "%5u ", r->ndesc);
	put_span(&line, r->kick, r->avail, 9);
	put_span(&line, r->avail, r->used, 10);
	put_span(&line, r->used, r->irq, 10);
	if (r->done)
		text_add(&line, " %s len %u", r->result, r->used_len);
	else
		text_puts(&line, r->dropped ? " cancelled by reset" : " still in flight");
	put_back_end(&line, r);
	put_least(&line, r);
	fprintf(t->to, "%s\n", line.buf);
}

static void json_time(FILE *to, const char *key, uint64_t ns)
{
	if (ns)
		fprintf(to, ",\"%s\":%" PRIu64, key, ns);
}

static void print_json_row(struct request_table *t, const char *device, unsigned queue,
			   const struct row *r)
{
	fprintf(t->to, "{\"number\":%" PRIu64 ",\"device\":\"%s\",\"queue\":%u,\"head\":%u",
		r->number, device, queue, r->head);
	if (r->type)
		fprintf(t->to, ",\"type\":\"%s\"", r->type);
	if (r->typed)
		fprintf(t->to, ",\"sector\":%" PRIu64, r->sector);
	fprintf(t->to, ",\"bytes\":%" PRIu64 ",\"descriptors\":%u", r->bytes, r->ndesc);
	json_time(t->to, "kick", r->kick);
	json_time(t->to, "avail", r->avail);
	json_time(t->to, "submitted", r->submitted);
	json_time(t->to, "answered", r->answered);
	json_time(t->to, "used", r->used);
	json_time(t->to, "irq", r->irq);
	json_time(t->to, "at_least", r->least);
	if (r->before)
		fprintf(t->to, ",\"before_trace\":true%s",
			r->likely && !r->done ? ",\"likely\":true" : "");
	if (r->done)
		fprintf(t->to, ",\"status\":\"%s\",\"len\":%u", r->result, r->used_len);
	fprintf(t->to, ",\"state\":\"%s\"}\n",
		r->done	     ? "used"
		: r->dropped ? "reset"
			     : "in_flight");
}

static void print_row(struct request_table *t, const struct model_device *d, unsigned queue,
		      const struct row *r)
{
	if (t->json)
		print_json_row(t, d ? d->name : "?", queue, r);
	else
		print_text(t, d ? d->name : "?", queue, r);
}

/*
 * now: of the event that ended it, which may have been so much earlier (within), or of the latest
 * one
 */
static void fill(struct request_table *t, struct row *row, const struct model_device *d,
		 const struct model_request *r, uint64_t now, uint32_t within)
{
	const struct class *class = d ? d->class : NULL;

	*row = (struct row){
		.number = r->number,
		.since = r->seen_ts - t->first_ts,
		.kick = r->kick_ts,
		.avail = r->avail_ts,
		.submitted = r->backend_ts,
		.answered = r->backend_end_ts,
		.failed = r->failed,
		.used = r->used_ts,
		.now = now,
		.ndesc = model_descriptors(r),
		.used_len = r->used_len,
		.sector = r->sector,
		.bytes = r->bytes,
		.head = r->head,
		.typed = r->typed,
		.done = r->done,
		.before = r->before,
		.likely = r->flags & VQT_CHAIN_LIKELY,
		.type = r->type ? r->type->json : NULL,
	};
	if (!r->avail_ts && now > r->seen_ts + within)
		row->least = now - r->seen_ts - within;
	class_describe(class, &r->io, row->what, sizeof(row->what));
	if (r->done)
		class_result(class, &r->io, row->result, sizeof(row->result));
}

static void life_heads(struct request_table *t)
{
	TEXT(line, 200);

	if (t->headed && t->lives)
		return;
	text_add(&line, "%8s %12s %-8s request", "event", "time", "queue");
	begin_spans(t, &line);
	fprintf(t->to, "%s%s\n", line.buf, life_heading);
	t->headed = t->lives = true;
}

static void print_life(struct request_table *t, const struct model_life *l)
{
	uint64_t since = life_begin(l) - t->first_ts;
	TEXT(line, 512);

	if (t->json) {
		life_print_json(t->to, l);
		return;
	}
	life_heads(t);
	text_add(&line, "%8" PRIu64 " %5" PRIu64 ".%06" PRIu64 " %s:%u", l->number,
		 since / 1000000000, since % 1000000000 / 1000, life_device(l), l->queue);
	text_pad(&line, 31);
	life_put_request(&line, l);
	begin_spans(t, &line);
	life_put_times(&line, l);
	fprintf(t->to, "%s\n", line.buf);
}

/* A life ends with an event of either side: what counts is whether its beginning was selected. */
void request_table_lives(struct request_table *t, const struct model_life *lives)
{
	for (const struct model_life *l = lives; l; l = l->next) {
		bool popped = forget(t, l->popped), added = forget(t, l->added);

		if (!t->selects || popped || added)
			print_life(t, l);
	}
}

static void flush_queue(struct request_table *t, const struct model *m, struct waiting *w,
			uint64_t irq)
{
	const struct model_device *d = model_device(m, w->key >> 16);

	for (unsigned i = 0; i < w->n; i++) {
		w->row[i].irq = irq;
		print_row(t, d, w->key & 0xffff, &w->row[i]);
	}
	w->n = 0;
}

static struct waiting *waiting_for(struct request_table *t, const struct event *e, bool make)
{
	uint32_t key = (uint32_t)e->dev->id << 16 | e->queue->index;
	struct waiting *w;

	HASH_FIND(hh, t->queues, &key, sizeof(key), w);
	if (w || !make)
		return w;
	hash_add_new(t->queues, key, key, w);
	return w;
}

/*
 * An interrupt after a reset is not for completions before it: the driver polled those, or
 * got none.
 */
static void flush_before_reset(struct request_table *t, const struct model *m,
			       const struct model_device *d)
{
	for (struct waiting *w = t->queues; w; w = w->hh.next)
		if (w->key >> 16 == d->id && w->resets != d->resets)
			flush_queue(t, m, w, 0);
}

int request_table_feed(struct request_table *t, const struct model *m, const struct event *e,
		       bool selected)
{
	struct waiting *w;

	if (t->selects && choose(t, e, selected))
		return -ENOMEM;
	if (!t->any && e->ts) {
		t->first_ts = e->ts - e->since;
		t->any = true;
	}
	request_table_lives(t, e->lives);
	if (!selected)
		return 0;
	t->last_ts = e->ts > t->last_ts ? e->ts : t->last_ts;
	/* resets are among these records, which are few */
	if (e->dev && (e->rec->h.type == VQT_REG || e->rec->h.type == VQT_LIFECYCLE))
		flush_before_reset(t, m, e->dev);
	for (struct model_request *r = e->dropped; r; r = r->next) {
		struct row row;

		fill(t, &row, e->dev, r, e->ts, e->rec->within);
		row.dropped = true;
		print_row(t, e->dev, r->queue, &row);
	}
	if (!e->dev || !e->queue)
		return 0;
	switch (e->rec->h.type) {
	case VQT_USED:
		if (!e->req || e->req->lived)
			return 0;
		w = waiting_for(t, e, true);
		if (!w)
			return -ENOMEM;
		if (w->n == WAITING_MAX)
			flush_queue(t, m, w, 0);
		w->resets = e->dev->resets;
		fill(t, &w->row[w->n++], e->dev, e->req, e->ts, e->rec->within);
		return 0;
	case VQT_IRQ:
		if (e->dev->apart)
			return 0;
		w = waiting_for(t, e, false);
		if (w)
			flush_queue(t, m, w, e->ts);
		return 0;
	}
	return 0;
}

/* Chains of which only the number is known. */
static void print_unnamed(struct request_table *t, const struct model_device *d,
			  const struct model_queue *q)
{
	const char *least = q->unnamed_more ? "at least " : "";

	if (!q->unnamed)
		return;
	if (t->json) {
		fprintf(t->to,
			"{\"device\":\"%s\",\"queue\":%u,\"unnamed\":%u,\"more\":%s,"
			"\"before_trace\":true,\"state\":\"in_flight\"}\n",
			d->name, q->index, q->unnamed, q->unnamed_more ? "true" : "false");
		return;
	}
	print_heading(t);
	fprintf(t->to, "%8s %12s %s:%u %s%u more still in flight, since before the trace: %s\n",
		"-", "-", d->name, q->index, least, q->unnamed, "the ring does not show which");
}

void request_table_finish(struct request_table *t, const struct model *m)
{
	const struct model_device *d;

	for (struct waiting *w = t->queues; w; w = w->hh.next)
		flush_queue(t, m, w, 0);
	for (unsigned i = 0; (d = model_device_nth(m, i)); i++)
		for (struct model_queue *q = d->queues; q; q = q->hh.next) {
			for (struct model_request *r = q->in_flight; r; r = r->hh.next) {
				struct row row;

				if (t->selects && !find_chosen(t, r->number))
					continue;
				fill(t, &row, d, r, t->last_ts, 0);
				row.in_back_end = model_in_back_end(m, r);
				print_row(t, d, q->index, &row);
			}
			if (!t->selects)
				print_unnamed(t, d, q);
		}
}

void request_table_free(struct request_table *t)
{
	if (!t)
		return;
	hash_free(t->queues);
	hash_free(t->chosen);
	free(t);
}
