/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "cli/check/run.h"
#include "cli/cli.h"
#include "decoder/check/rule.h"

/* Found when time passed or the trace ended: the event at hand is another device's. */
static bool elsewhere(const struct check_run *r, const struct finding *f)
{
	const struct event *e = r->event;

	return !e || e->dev != f->device ||
	       (f->queue != VQT_NO_QUEUE && e->queue && e->queue->index != f->queue);
}

/* Filters look at the event; where there is none of the device's own, only at device and queue. */
static bool matches(const struct check_run *r, const struct finding *f)
{
	struct record rec = { .h = { .type = VQT_NOTE,
				     .ts = f->ts,
				     .source = f->device->source,
				     .device = f->device->id,
				     .queue = (uint16_t)f->queue } };
	struct event e = { .rec = &rec, .number = f->number, .ts = f->ts, .since = f->since };

	if (!r->filter)
		return true;
	if (!elsewhere(r, f))
		return filter_match(r->filter, r->event);
	rec.raw = rec.tail = rec.segs = (const uint8_t *)"";
	e.dev = model_device(r->model, f->device->id);
	if (e.dev && f->queue != VQT_NO_QUEUE)
		e.queue = model_queue(e.dev, f->queue);
	e.source = model_source(r->model, f->device->source);
	return filter_match(r->filter, &e);
}

static void on_finding(void *opaque, const struct finding *f)
{
	struct check_run *r = opaque;
	uint64_t before = report_count(r->out);

	if (r->full || r->err || !cli_window_has(&r->window, f->since) || !matches(r, f))
		return;
	if (r->found && f->rule->severity <= r->report.severity)
		r->found(r->opaque, f);
	r->err = report_finding(r->out, f, r->model, r->kept);
	if (!r->err && r->flush && fflush(r->report.to))
		r->err = -errno;
	if (r->count && report_count(r->out) > before && report_count(r->out) == r->count)
		r->full = true;
}

static void on_contradiction(void *opaque, const struct sides_contradiction *c)
{
	struct check_run *r = opaque;

	if (r->full || r->err || !cli_window_has(&r->window, c->since))
		return;
	r->err = report_contradiction(r->out, c);
	if (!r->err && r->flush && fflush(r->report.to))
		r->err = -errno;
}

int check_run_begin(struct check_run *r)
{
	const char *bad = NULL;
	int rc = check_new(&r->check, r->rules, on_finding, r, &bad);

	if (rc == -ENOENT)
		return cli_error(
			"--rules: '%.*s' names no rule; 'vqtrace check --list' lists them, with their "
			"clauses and parties",
			(int)strcspn(bad, ","), bad);
	r->model = model_new();
	r->kept = recent_new();
	if (!rc)
		rc = report_new(&r->out, &r->report);
	if (!r->rules && !r->filter)
		r->sides = sides_new(on_contradiction, r);
	if (!rc && r->model && r->kept && (r->sides || r->rules || r->filter))
		return CLI_OK;
	return cli_error("%s", strerror(rc ? -rc : ENOMEM));
}

int check_run_record(struct check_run *r, const struct record *rec, uint64_t number)
{
	struct event e;
	int rc = model_feed(r->model, rec, number, &e);

	if (rc)
		return rc;
	recent_event_add(r->kept, &e);
	r->events++;
	r->event = &e;
	rc = check_feed(r->check, r->model, &e);
	if (r->sides)
		sides_feed(r->sides, r->model, &e);
	r->event = NULL;
	return rc ? rc : r->err;
}

int check_run_end(struct check_run *r)
{
	int rc = r->full ? 0 : check_finish(r->check, r->model);

	if (!r->err)
		r->err = rc;
	if (r->sides) {
		sides_finish(r->sides, r->model);
		report_sides(r->out, sides_counts(r->sides));
	}
	if (!r->err)
		r->err = report_end(r->out, r->check, r->model, r->events);
	if (!r->err && fflush(r->report.to))
		r->err = -errno;
	if (r->err) {
		/* It is no error when the reader of a pipe stops reading; a full disk is one. */
		if (r->err != -EPIPE)
			cli_error("the findings cannot be written: %s", strerror(-r->err));
		return CLI_TROUBLE;
	}
	if (report_contradictions(r->out) && r->report.format > REPORT_JSON)
		cli_warn("the two sides contradict each other %llu times, which this format has no "
			 "place for; -T text tells where",
			 (unsigned long long)report_contradictions(r->out));
	if (report_count(r->out) || report_contradictions(r->out))
		return CLI_FINDINGS;
	if (!model_device_nth(r->model, 0))
		cli_warn("there is no virtio device in this trace: nothing was checked");
	else if (report_undecided(r->check, CHECK_PARTIES))
		cli_warn("nothing was decidable: the summary says what the trace lacks");
	return CLI_OK;
}

bool check_run_decided(const struct check_run *r)
{
	return model_device_nth(r->model, 0) && !report_undecided(r->check, CHECK_PARTIES);
}

void check_run_free(struct check_run *r)
{
	report_free(r->out);
	check_free(r->check);
	sides_free(r->sides);
	recent_free(r->kept);
	model_free(r->model);
}
