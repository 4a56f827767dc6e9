/* SPDX-License-Identifier: MIT */
/* QEMUs that run: attached to as they come, let go as they end. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bpf/capture/capture.h"
#include "bpf/qemu/process.h"
#include "cli/cli.h"
#include "cli/top/source.h"
#include "decoder/trace/file.h"

#define LOOK_EVERY UINT64_C(1000000000)

/* What saving came to: an error ends it, and is said. */
static void saved(struct top_source *s, int err)
{
	if (!err)
		return;
	trace_finish(s->save);
	s->save = NULL;
	snprintf(s->problem, sizeof(s->problem), "saving ended: %s", strerror(-err));
}

static void on_record(void *ctx, const void *record, size_t len)
{
	struct top_source *s = ctx;
	struct record rec;

	if (s->save)
		saved(s, trace_write(s->save, record, len));
	if (!record_parse(&rec, record, len, NULL))
		top_core_feed(s->core, &rec);
}

static bool is_known(const struct top_source *s, pid_t pid)
{
	for (size_t i = 0; i < s->nknown; i++)
		if (s->known[i] == pid)
			return true;
	return false;
}

static bool is_chosen(const struct top_source *s, const struct process *p)
{
	const struct top_options *o = s->o;

	for (size_t i = 0; i < o->npids; i++)
		if (o->pid[i] == p->pid)
			return true;
	for (size_t i = 0; i < o->names.n; i++)
		if (process_matches(p, o->names.item[i]))
			return true;
	return !o->npids && !o->names.n;
}

/* Forget those that ended: their number may be given to another. */
static void forget_dead(struct top_source *s)
{
	for (size_t i = 0; i < s->nknown;)
		if (process_alive(s->known[i]))
			i++;
		else
			s->known[i] = s->known[--s->nknown];
}

static void attach_new(struct top_source *s)
{
	static struct process all[256];
	size_t n = process_list(all, sizeof(all) / sizeof(all[0]));
	struct capture_error err;

	forget_dead(s);
	for (size_t i = 0; i < n; i++) {
		if (is_known(s, all[i].pid) || !is_chosen(s, &all[i]) ||
		    s->nknown == sizeof(s->known) / sizeof(s->known[0]))
			continue;
		s->known[s->nknown++] = all[i].pid; /* tried once: a second time fails alike */
		if (capture_attach(s->capture, all[i].pid, true, &err))
			snprintf(s->problem, sizeof(s->problem), "%.300s", err.text);
	}
}

static int open_live(struct top_source *s)
{
	struct capture_options o = {
		.snaplen = 16, /* a request's header */
		.devices = s->o->devices.n ? s->o->devices.item : NULL,
		.sample = CAPTURE_SAMPLE,
		.light = s->o->light ? s->o->delay : 0,
		.command = s->o->light ? "vqtrace top --light" : "vqtrace top",
		.record = on_record,
		.ctx = s,
	};
	struct capture_error err;

	if (capture_open(&s->capture, &o, &err)) {
		cli_error("%s", err.text);
		return CLI_TROUBLE;
	}
	attach_new(s);
	s->looked = cli_clock();
	if (!s->nknown) {
		capture_preamble(
			s->capture); /* the time of day, which else comes with the first QEMU */
		snprintf(s->problem, sizeof(s->problem), "no QEMU %s; waiting for one to start",
			 s->o->names.n ? "that -n names runs" : "runs that we may see");
	}
	if (s->o->npids && !s->nknown) {
		cli_error(
			"none of these processes is a QEMU that runs; 'vqtrace record -p' lists those");
		return CLI_TROUBLE;
	}
	if (s->problem[0] && s->nknown == s->o->npids && s->o->npids == 1) {
		cli_error("%s", s->problem);
		return CLI_TROUBLE;
	}
	return CLI_OK;
}

/* Which VMs have ended: the rows say so. */
static void mark_dead(struct top_source *s)
{
	for (size_t i = 0; i < s->core->nrows; i++) {
		struct top_row *r = s->core->row[i];
		const struct model_source *m =
			r->kind == TOP_VM ? model_source(s->core->model, r->source) : NULL;

		if (m && m->pid)
			r->gone = !process_alive((pid_t)m->pid);
	}
}

static int poll_live(struct top_source *s, int timeout_ms)
{
	int n = capture_poll(s->capture, timeout_ms);
	uint64_t now = cli_clock();
	struct capture_stats stats;

	if (s->save)
		saved(s, trace_flush(s->save));
	if (now - s->looked >= LOOK_EVERY) {
		s->looked = now;
		attach_new(s);
		mark_dead(s);
	}
	capture_stats(s->capture, &stats);
	snprintf(s->status, sizeof(s->status), "%u QEMU%s, %s", stats.alive,
		 stats.alive == 1 ? "" : "s", s->o->light ? "light" : "full");
	/* Chosen processes that have all ended end it; a name may come again. */
	if (n <= 0 && s->o->npids && !s->o->names.n && !stats.alive)
		return 0;
	return 1;
}

static uint64_t now_live(const struct top_source *s)
{
	return cli_clock();
}

static void close_live(struct top_source *s)
{
	capture_close(s->capture);
	if (s->save)
		trace_finish(s->save);
	s->capture = NULL;
	s->save = NULL;
	s->cost_hits = s->cost_ns = 0;
}

int top_live_save(struct top_source *s, const char *path)
{
	struct trace_error err;

	if (s->save && trace_finish(s->save))
		snprintf(s->problem, sizeof(s->problem), "the saved trace may be incomplete");
	s->save = NULL;
	if (!path)
		return CLI_OK;
	if (!s->capture) {
		snprintf(s->problem, sizeof(s->problem),
			 "a trace is being shown: there is nothing new to save");
		return CLI_TROUBLE;
	}
	if (trace_create(&s->save, path, &err)) {
		snprintf(s->problem, sizeof(s->problem), "%.300s", err.text);
		return CLI_TROUBLE;
	}
	/* To be understood from its beginning: who speaks, and what is known of each device. */
	capture_preamble(s->capture);
	return CLI_OK;
}

bool top_live_cost(struct top_source *s, double secs, double *hits, double *share)
{
	uint64_t h, ns;

	if (!s->capture || capture_cost(s->capture, &h, &ns) || secs <= 0)
		return false;
	*hits = (double)(h - s->cost_hits) / secs;
	*share = (double)(ns - s->cost_ns) / 1e9 / secs;
	s->cost_hits = h;
	s->cost_ns = ns;
	return true;
}

const struct top_source_ops top_live = {
	.open = open_live,
	.poll = poll_live,
	.now = now_live,
	.close = close_live,
};
