/* SPDX-License-Identifier: MIT */
/*
 * Trace events as JSON ("Trace Event Format"): the timeline for chrome://tracing and what else reads
 * it.  A machine is a process there, and each of its tracks a thread.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "decoder/export/export.h"
#include "decoder/export/timeline.h"

struct chrome {
	struct viewer viewer; /* first */
	FILE *to;
	bool any;
};

/* Names have no control characters, and are UTF-8. */
static void put_string(FILE *to, const char *s)
{
	putc('"', to);
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			putc('\\', to);
		putc(*s, to);
	}
	putc('"', to);
}

static uint64_t process_of(const struct timeline_track *t)
{
	while (t->parent)
		t = t->parent;
	return t->id;
}

static void open_event(struct chrome *c, const char *phase, const struct timeline_track *t)
{
	fprintf(c->to, "%s{\"ph\":\"%s\",\"pid\":%" PRIu64 ",\"tid\":%" PRIu64,
		c->any ? ",\n" : "\n", phase, process_of(t), t->id);
	c->any = true;
}

static void put_ts(struct chrome *c, uint64_t ts)
{
	fprintf(c->to, ",\"ts\":%" PRIu64 ".%03u", ts / 1000, (unsigned)(ts % 1000));
}

/* The names of what it is in, too: threads have no groups here. */
static void put_path(struct chrome *c, const struct timeline_track *t)
{
	TEXT(path, 800);
	const struct timeline_track *up[8];
	unsigned n = 0;

	for (; t->parent && n < 8; t = t->parent)
		up[n++] = t;
	while (n--) {
		text_puts(&path, path.len ? " " : "");
		text_puts(&path, up[n]->name);
		if (up[n]->nth)
			text_add(&path, " %u", up[n]->nth + 1);
	}
	put_string(c->to, path.len ? path.buf : t->name);
}

static int begin(void *opaque, uint64_t ts, int64_t wall)
{
	struct chrome *c = opaque;

	fputs("{\"displayTimeUnit\":\"ns\",\"otherData\":{\"tool\":\"vqtrace\"", c->to);
	if (wall)
		fprintf(c->to, ",\"realtime_minus_ts_ns\":%" PRId64, wall);
	fputs("},\"traceEvents\":[", c->to);
	return 0;
}

static void put_meta(struct chrome *c, const struct timeline_track *t, const char *what)
{
	open_event(c, "M", t);
	fprintf(c->to, ",\"name\":\"%s\",\"args\":{\"name\":", what);
	put_path(c, t);
	fputs("}}", c->to);
	open_event(c, "M", t);
	fprintf(c->to, ",\"name\":\"%.*s_sort_index\",\"args\":{\"sort_index\":%" PRIu64 "}}",
		what[0] == 'p' ? 7 : 6, what, t->id);
}

static int track(void *opaque, const struct timeline_track *t)
{
	struct chrome *c = opaque;

	if (!t->parent)
		put_meta(c, t, "process_name");
	if (t->kind != TIMELINE_COUNTER)
		put_meta(c, t, "thread_name");
	return ferror(c->to) ? -EIO : 0;
}

static void put_args(struct chrome *c, const struct timeline_item *i)
{
	if (!i->narg)
		return;
	fputs(",\"args\":{", c->to);
	for (unsigned k = 0; k < i->narg; k++) {
		fprintf(c->to, "%s\"%s\":", k ? "," : "", i->arg[k].key);
		if (i->arg[k].text)
			put_string(c->to, i->arg[k].text);
		else
			fprintf(c->to, "%" PRIu64, i->arg[k].number);
	}
	fputs("}", c->to);
}

/* To the slice, or the instant, that was printed before, which is of the same time. */
static void put_flow(struct chrome *c, const struct timeline_item *i, const struct timeline_flow *f)
{
	static const char *const phases[] = {
		[TIMELINE_FIRST] = "s", [TIMELINE_STEP] = "t", [TIMELINE_LAST] = "f"
	};

	open_event(c, phases[f->role], i->track);
	put_ts(c, i->ts);
	fprintf(c->to, ",\"bp\":\"e\",\"id\":%" PRIu64 ",\"cat\":\"request\",\"name\":\"request\"}",
		f->id);
}

static void put_count(struct chrome *c, const struct timeline_item *i)
{
	open_event(c, "C", i->track);
	put_ts(c, i->ts);
	fputs(",\"name\":", c->to);
	put_path(c, i->track);
	fprintf(c->to, ",\"args\":{\"value\":%" PRIu64 "}}", i->count);
}

static int item(void *opaque, const struct timeline_item *i)
{
	struct chrome *c = opaque;
	/* flows go to slices only: an instant with some is a slice that takes no time */
	const char *phase = i->what == TIMELINE_BEGIN ? "B"
			    : i->what == TIMELINE_END ? "E"
			    : i->nflow		      ? "X"
						      : "i";

	if (i->what == TIMELINE_COUNT) {
		put_count(c, i);
		return ferror(c->to) ? -EIO : 0;
	}
	open_event(c, phase, i->track);
	put_ts(c, i->ts);
	if (*phase == 'X')
		fputs(",\"dur\":0", c->to);
	if (*phase == 'i')
		fputs(",\"s\":\"t\"", c->to);
	if (i->what != TIMELINE_END) {
		fprintf(c->to, ",\"cat\":\"%s\",\"name\":", i->category);
		put_string(c->to, i->name);
	}
	put_args(c, i);
	putc('}', c->to);
	for (unsigned k = 0; k < i->nflow; k++)
		put_flow(c, i, &i->flow[k]);
	return ferror(c->to) ? -EIO : 0;
}

static int end(void *opaque)
{
	struct chrome *c = opaque;

	fputs("\n]}\n", c->to);
	return ferror(c->to) ? -EIO : 0;
}

static const struct timeline_writer writer = {
	.begin = begin,
	.track = track,
	.item = item,
	.end = end,
};

static void *make(const struct export_output *o)
{
	struct chrome *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->to = o->to;
	c->viewer.timeline = timeline_new(&writer, c, o->model);
	if (c->viewer.timeline)
		return c;
	free(c);
	return NULL;
}

static void release(void *x)
{
	struct chrome *c = x;

	timeline_free(c->viewer.timeline);
	free(c);
}

const struct export_format export_chrome = {
	.name = "chrome",
	.make = make,
	.feed = viewer_feed,
	.finding = viewer_finding,
	.finish = viewer_finish,
	.lacks = viewer_lacks,
	.free = release,
};
