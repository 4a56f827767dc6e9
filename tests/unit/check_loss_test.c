/* SPDX-License-Identifier: MIT */
/*
 * Soundness: the checker finds no violation in a recording with a hole that it does not
 * find in the whole one.  The test replaces runs of records of each shipped trace by a
 * loss record, then cuts off beginnings and ends.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/check/rule.h"
#include "decoder/trace/file.h"

#define HOLES 40 /* for each trace; more by the second argument */
#define RULES_MAX 1024

struct trace {
	char name[128];
	uint8_t **rec;
	size_t *len, n, cap;
};

struct run {
	struct model *model;
	struct check *check;
	uint64_t number;
	bool *found; /* by rule */
	char what[256];
	const bool *allowed;
};

static unsigned tests, bad;
static uint64_t state = 0x9e3779b97f4a7c15;

static uint64_t rnd(uint64_t below)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (state >> 11) % below;
}

static unsigned index_of(const struct rule *r)
{
	static const struct rule *all[RULES_MAX];
	static unsigned n;

	while (!n || (all[n - 1] && n < RULES_MAX)) {
		all[n] = rule_nth(n);
		n++;
	}
	for (unsigned i = 0; i < n; i++)
		if (all[i] == r)
			return i;
	abort();
}

static void found(void *opaque, const struct finding *f)
{
	struct run *run = opaque;
	unsigned i = index_of(f->rule);

	run->found[i] = true;
	if (run->allowed && !run->allowed[i] && !run->what[0])
		snprintf(run->what, sizeof(run->what), "%s at %llu: %s", f->rule->id,
			 (unsigned long long)f->number, f->seen);
}

static void begin(struct run *run, const bool *allowed)
{
	*run = (struct run){ .allowed = allowed };
	run->found = calloc(RULES_MAX, sizeof(*run->found));
	run->model = model_new();
	if (!run->model || !run->found || check_new(&run->check, NULL, found, run, NULL))
		abort();
}

static void feed(struct run *run, const void *bytes, size_t len)
{
	struct record r;
	struct event e;

	if (record_parse(&r, bytes, len, NULL))
		return;
	if (model_feed(run->model, &r, ++run->number, &e) || check_feed(run->check, run->model, &e))
		abort();
}

static void end(struct run *run)
{
	check_finish(run->check, run->model);
	check_free(run->check);
	model_free(run->model);
}

static void load(struct trace *t, const char *path)
{
	struct trace_error err;
	struct trace_reader *in;
	struct record rec;
	bool again;

	if (trace_open(&in, path, &err))
		abort();
	while (trace_next(in, &rec, &again, &err) == 1) {
		if (t->n == t->cap) {
			t->cap = t->cap ? 2 * t->cap : 4096;
			t->rec = realloc(t->rec, t->cap * sizeof(*t->rec));
			t->len = realloc(t->len, t->cap * sizeof(*t->len));
		}
		t->rec[t->n] = malloc(rec.len);
		memcpy(t->rec[t->n], rec.raw, rec.len);
		t->len[t->n++] = rec.len;
	}
	trace_close(in);
}

static void unload(struct trace *t)
{
	for (size_t i = 0; i < t->n; i++)
		free(t->rec[i]);
	free(t->rec);
	free(t->len);
}

/* Where descriptions end: nobody loses those. */
static size_t first_event(const struct trace *t)
{
	size_t i = 0;

	while (i < t->n && ((const struct vqt_hdr *)t->rec[i])->type < VQT_REG)
		i++;
	return i;
}

static void tell_loss(struct run *run, const struct trace *t, size_t from, size_t n)
{
	uint64_t lost[256] = { 0 };

	for (size_t i = from; i < from + n; i++)
		lost[((const struct vqt_hdr *)t->rec[i])->source]++;
	for (unsigned s = 1; s < 256; s++) {
		struct vqt_loss loss = {
			.h = { .type = VQT_LOSS, .source = (uint8_t)s, .queue = VQT_NO_QUEUE },
			.lost = lost[s],
			.why = VQT_LOSS_BUFFER
		};

		loss.h.ts = ((const struct vqt_hdr *)t->rec[from])->ts;
		if (lost[s])
			feed(run, &loss, sizeof(loss));
	}
}

static void verdict(struct run *run, const char *what, const struct trace *t, size_t from, size_t n)
{
	tests++;
	if (!run->what[0])
		return;
	bad++;
	printf("# %s: %s, records %zu to %zu: %s\n", t->name, what, from + 1, from + n, run->what);
}

/* Records [from, from + n) are missing and a record says so. */
static void hole(const struct trace *t, const bool *whole, size_t from, size_t n)
{
	struct run run;

	begin(&run, whole);
	for (size_t i = 0; i < from; i++)
		feed(&run, t->rec[i], t->len[i]);
	tell_loss(&run, t, from, n);
	/* Descriptions come again after a loss: a device made meanwhile is known. */
	for (size_t i = from; i < from + n; i++)
		if (((const struct vqt_hdr *)t->rec[i])->type == VQT_DEVICE)
			feed(&run, t->rec[i], t->len[i]);
	for (size_t i = from + n; i < t->n; i++)
		feed(&run, t->rec[i], t->len[i]);
	end(&run);
	verdict(&run, "a hole", t, from, n);
	free(run.found);
}

/* The recording began late: devices are marked so, as capture does. */
static void late(const struct trace *t, const bool *whole, size_t from)
{
	struct run run;

	begin(&run, whole);
	for (size_t i = 0; i < from; i++) {
		const struct vqt_hdr *h = (const void *)t->rec[i];
		struct vqt_device d;

		if (h->type == VQT_SESSION || h->type == VQT_SOURCE)
			feed(&run, t->rec[i], t->len[i]);
		if (h->type != VQT_DEVICE)
			continue;
		memcpy(&d, t->rec[i], sizeof(d));
		d.flags |= VQT_DEV_LATE;
		feed(&run, &d, sizeof(d));
	}
	for (size_t i = from; i < t->n; i++)
		feed(&run, t->rec[i], t->len[i]);
	end(&run);
	verdict(&run, "begun late", t, 0, from);
	free(run.found);
}

static void cut(const struct trace *t, const bool *whole, size_t n)
{
	struct run run;

	begin(&run, whole);
	for (size_t i = 0; i < n; i++)
		feed(&run, t->rec[i], t->len[i]);
	end(&run);
	verdict(&run, "cut off", t, n, t->n - n);
	free(run.found);
}

static void try(struct trace *t, unsigned holes)
{
	static const size_t most[] = { 1, 3, 10, 50, 300, 3000 };
	size_t first = first_event(t);
	unsigned before = bad;
	struct run whole;

	begin(&whole, NULL);
	for (size_t i = 0; i < t->n; i++)
		feed(&whole, t->rec[i], t->len[i]);
	end(&whole);
	for (unsigned i = 0; i < holes && t->n > first + 2; i++) {
		size_t from = first + rnd(t->n - first - 1), n = 1 + rnd(most[i % 6]);

		/* Most of what can go wrong is in the first few hundred. */
		if (i & 1 && t->n > first + 600)
			from = first + rnd(600);
		if (n > t->n - from)
			n = t->n - from;
		hole(t, whole.found, from, n);
		if (i % 4 == 0)
			late(t, whole.found, from);
		if (i % 4 == 1)
			cut(t, whole.found, from);
	}
	printf("%sok - %s: %zu records\n", bad > before ? "not " : "", t->name, t->n);
	free(whole.found);
}

int main(int argc, char **argv)
{
	DIR *dir = opendir("traces");
	struct dirent *d;
	unsigned n = 0;

	if (argc > 1)
		state = strtoull(argv[1], NULL, 0) | 1;
	while (dir && (d = readdir(dir))) {
		struct trace t = { 0 };
		char path[300];

		if (!strstr(d->d_name, ".pcap"))
			continue;
		snprintf(path, sizeof(path), "traces/%s", d->d_name);
		snprintf(t.name, sizeof(t.name), "%.120s", d->d_name);
		load(&t, path);
		try(&t, argc > 2 ? (unsigned)atoi(argv[2]) : HOLES);
		unload(&t);
		n++;
	}
	if (dir)
		closedir(dir);
	printf("# %u holes and cuts, %u accused wrongly\n1..%u\n", tests, bad, n);
	return bad || !n;
}
