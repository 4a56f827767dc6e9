/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "decoder/merge/guest_file.h"

#define FED_EVERY 1024 /* records read ahead between two looks at what they have decided */

struct guest_file *guest_file_new(struct merge_guest *report)
{
	struct guest_file *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	f->report = report;
	f->merging = merging_new(report, &f->ids);
	if (f->merging)
		return f;
	free(f);
	return NULL;
}

void guest_file_free(struct guest_file *f)
{
	if (!f)
		return;
	merging_free(f->merging);
	for (unsigned i = 0; i < MERGE_SIDES; i++)
		stream_close(&f->ahead[i]);
	stream_close(&f->out);
	free(f);
}

int guest_file_begin(struct guest_file *f, struct merge_host *h, const char *host,
		     struct trace_error *err)
{
	const char *path[MERGE_SIDES] = { [MERGE_HOST] = host, [MERGE_GUEST] = f->report->path };
	int rc = merging_link(f->merging, h, err);

	f->match = merging_matches(f->merging, &f->matches);
	for (unsigned i = 0; i < MERGE_SIDES && !rc; i++)
		rc = stream_open(&f->ahead[i], path[i], err);
	return rc ? rc : stream_open(&f->out, f->report->path, err);
}

/* Up to the record of this number, that included. */
static int read_ahead(struct guest_file *f, enum merge_side side, uint64_t number)
{
	struct stream *s = &f->ahead[side];

	for (; s->has && s->number <= number; stream_next(s)) {
		int rc = merging_feed(f->merging, side, &s->rec);

		if (!rc && ++f->since_fed % FED_EVERY == 0)
			rc = merging_fed(f->merging);
		if (rc)
			return rc;
	}
	return 0;
}

static int step_ahead(struct guest_file *f)
{
	static const struct search_match end = { .number = { UINT64_MAX, UINT64_MAX } };
	const struct search_match *m = f->at < f->matches ? &f->match[f->at++] : &end;
	int rc = read_ahead(f, MERGE_HOST, m->number[MERGE_HOST]);

	if (!rc)
		rc = read_ahead(f, MERGE_GUEST, m->number[MERGE_GUEST]);
	if (rc)
		return rc;
	return m == &end ? merging_fed_all(f->merging) : merging_fed(f->merging);
}

int guest_file_next(struct guest_file *f, uint64_t *ts, struct trace_error *err)
{
	while (f->out.has && !merging_accepts(f->merging, &f->out.rec)) {
		f->report->refused +=
			f->out.rec.h.type != VQT_SESSION && !merging_consumes(&f->out.rec);
		stream_next(&f->out);
	}
	while (f->out.has) {
		int rc = merging_time(f->merging, &f->out.rec, ts, err);

		if (!rc)
			rc = step_ahead(f);
		if (rc)
			return rc;
	}
	return 0;
}

int guest_file_write(struct guest_file *f, struct merge_host *h)
{
	int rc = merging_write(f->merging, h, &f->out.rec);

	if (!rc)
		stream_next(&f->out);
	return rc;
}

void guest_file_report(struct guest_file *f)
{
	merging_report(f->merging);
	f->report->cut = f->out.cut;
	f->report->broken = f->out.broken;
	snprintf(f->report->cut_text, sizeof(f->report->cut_text), "%.190s", f->out.why.text);
}
