/* SPDX-License-Identifier: MIT */
/* A live source of events. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/top/feed.h"
#include "decoder/trace/file.h"
#include "decoder/util/outlet.h"

#define LOOK_EVERY UINT64_C(1000000000)

/* An error of the trace that is being saved ends the saving; the screen says so. */
static void note_save(struct top_feed *s, int err)
{
	if (!err)
		return;
	trace_finish_within(s->save, OUTLET_HURRY);
	s->save = NULL;
	snprintf(s->problem, sizeof(s->problem), "saving ended: %s", strerror(-err));
}

static void on_record(void *ctx, const void *record, size_t len)
{
	struct top_feed *s = ctx;
	struct record rec;

	if (s->save)
		note_save(s, trace_write(s->save, record, len));
	if (!record_parse(&rec, record, len, NULL))
		top_core_feed(s->core, &rec);
}

static void on_words(void *ctx, enum source_level level, const char *text)
{
	struct top_feed *s = ctx;

	if (level == SOURCE_WARNING)
		snprintf(s->problem, sizeof(s->problem), "%.300s", text);
}

static bool is_ended(void *ctx)
{
	const struct top_feed *s = ctx;

	return s->stop && *s->stop;
}

static int open_live(struct top_feed *s)
{
	struct sources_choice *c = s->o->sources;
	struct source_child none;
	struct source_error err;
	int code;

	c->request.follow = true;
	c->request.command = c->request.light ? "vqtrace top --light" : "vqtrace top";
	c->request.record = on_record;
	c->request.say = on_words;
	c->request.ended = is_ended;
	c->request.ctx = s;
	code = c->ops->open(&s->source, c->config, &c->request, &err);
	if (!code)
		code = c->ops->begin(s->source, NULL, &none, &err);
	if (code)
		cli_error_lines("%s", err.text);
	s->looked = cli_clock();
	return code ? CLI_TROUBLE : CLI_OK;
}

/* The rows of VMs that have ended say so. */
static void mark_dead(struct top_feed *s)
{
	for (size_t i = 0; i < s->core->nrows; i++) {
		struct top_row *r = s->core->row[i];
		const struct model_source *m =
			r->kind == TOP_VM ? model_source(s->core->model, r->source) : NULL;

		if (m && m->pid)
			r->gone = s->source->ops->alive &&
				  !s->source->ops->alive(s->source, (pid_t)m->pid);
	}
}

static int poll_live(struct top_feed *s, int timeout_ms)
{
	const struct sources_choice *c = s->o->sources;
	int more = source_step(s->source, s->keyboard, timeout_ms);
	uint64_t now = cli_clock();
	struct source_stats stats;

	if (s->save)
		note_save(s, trace_flush(s->save));
	if (now - s->looked >= LOOK_EVERY) {
		s->looked = now;
		mark_dead(s);
	}
	c->ops->stats(s->source, &stats);
	snprintf(s->status, sizeof(s->status), "%u %s%s, %s", stats.alive, c->ops->noun,
		 stats.alive == 1 ? "" : "s", c->request.light ? "light" : "full");
	/*
	 * If all processes chosen by pid have ended, top ends; a process with a chosen name
	 * may start again.
	 */
	return more > 0 || stats.alive || !c->request.npids || c->request.names.n;
}

static uint64_t now_live(const struct top_feed *s)
{
	return cli_clock();
}

static void close_live(struct top_feed *s)
{
	if (s->source)
		s->source->ops->close(s->source);
	if (s->save)
		trace_finish_within(s->save, OUTLET_HURRY);
	s->source = NULL;
	s->save = NULL;
	s->cost_hits = s->cost_ns = 0;
}

int top_live_save(struct top_feed *s, const char *path)
{
	struct trace_error err;
	int code;

	if (s->save && trace_finish_within(s->save, OUTLET_HURRY))
		snprintf(s->problem, sizeof(s->problem), "the saved trace may be incomplete");
	s->save = NULL;
	if (!path)
		return CLI_OK;
	if (!s->source) {
		snprintf(s->problem, sizeof(s->problem),
			 "a trace is being shown: there is nothing new to save");
		return CLI_TROUBLE;
	}
	code = trace_create_live(&s->save, path, &err);
	if (code) {
		snprintf(s->problem, sizeof(s->problem), "%.250s%s", err.text,
			 code == -EACCES ? " (top has given up its rights in others' folders)"
					 : "");
		return CLI_TROUBLE;
	}
	/* The trace begins with what is known of sources and devices. */
	s->source->ops->describe(s->source);
	return CLI_OK;
}

bool top_live_cost(struct top_feed *s, double secs, double *hits, double *share)
{
	uint64_t h, ns;

	if (!s->source || !s->source->ops->cost || secs <= 0 ||
	    !s->source->ops->cost(s->source, &h, &ns))
		return false;
	*hits = (double)(h - s->cost_hits) / secs;
	*share = (double)(ns - s->cost_ns) / 1e9 / secs;
	s->cost_hits = h;
	s->cost_ns = ns;
	return true;
}

const struct top_feed_ops top_live = {
	.open = open_live,
	.poll = poll_live,
	.now = now_live,
	.close = close_live,
};
