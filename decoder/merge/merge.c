/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "decoder/merge/guest_file.h"
#include "decoder/merge/merge.h"

#define PROGRESS_EVERY 4096 /* records */

struct merge {
	const struct merge_job *job;
	struct merge_result *result;
	struct merge_host host;
	struct trace_writer *to;
	struct guest_file *guest[MERGE_GUESTS];
	struct stream out; /* the host's */
	struct trace_error *err;
};

static void progress(const struct merge_job *job, const struct trace_reader *t, const char *what)
{
	if (job->progress)
		job->progress(job->ctx, t, what);
}

static int refuse(struct trace_error *err, int code, const char *what, const char *path)
{
	snprintf(err->text, sizeof(err->text), "%.200s%s", path, what);
	return code;
}

/* --- which trace is the host's ------------------------------------------------------------------ */

/*
 * A guest's trace has no other source than its kernel; the host's has at least one.  Sources are
 * described before they record anything.
 */
static int is_of_driver(const char *path, bool *driver, struct trace_error *err)
{
	struct stream s;
	int rc = stream_open(&s, path, err);

	if (rc)
		return rc;
	while (s.has && s.rec.h.type != VQT_SOURCE)
		stream_next(&s);
	if (!s.has)
		rc = refuse(err, -EINVAL, ": it does not say what recorded it: no vqtrace capture",
			    path);
	*driver = s.has && s.rec.source.kind == VQT_SRC_GUEST;
	stream_close(&s);
	return rc;
}

static int sort_paths(struct merge *m, struct trace_error *err)
{
	struct merge_result *r = m->result;

	for (unsigned i = 0; i < m->job->paths; i++) {
		const char *path = m->job->path[i];
		bool driver;
		int rc = is_of_driver(path, &driver, err);

		if (rc)
			return rc;
		if (driver && r->guests == MERGE_GUESTS)
			return refuse(err, -E2BIG, ": more guests than can be merged at once",
				      path);
		if (driver)
			r->guest[r->guests++].path = path;
		else if (r->host)
			return refuse(
				err, -EINVAL,
				": a second trace that was not recorded in a guest; one host's "
				"trace and its guests' can be merged",
				path);
		else
			r->host = path;
	}
	if (!r->host)
		return refuse(err, -EINVAL,
			      ": recorded in a guest, like all of these traces; one has to be of "
			      "the host",
			      m->job->path[0]);
	if (!r->guests)
		return refuse(err, -EINVAL,
			      ": not recorded in a guest; a trace of 'vqtrace record -i guest' is "
			      "needed, too",
			      m->job->path[0]);
	m->host.name = r->host;
	return 0;
}

/* --- what they have in common --------------------------------------------------------------------- */

static int look_at_host(struct merge *m, const struct record *rec, uint64_t number)
{
	int rc = merge_host_look(&m->host, rec);

	for (unsigned i = 0; !rc && i < m->result->guests; i++)
		rc = merging_look(m->guest[i]->merging, MERGE_HOST, rec, number);
	return rc;
}

static int look(struct merge *m, struct guest_file *guest, const char *path,
		struct trace_error *err)
{
	struct stream s;
	int rc = stream_open(&s, path, err);

	for (; !rc && s.has; stream_next(&s)) {
		rc = guest ? merging_look(guest->merging, MERGE_GUEST, &s.rec, s.number)
			   : look_at_host(m, &s.rec, s.number);
		if (s.number % PROGRESS_EVERY == 0)
			progress(m->job, s.t, "looking for what is in both traces");
	}
	stream_close(&s);
	return rc;
}

/* --- writing -------------------------------------------------------------------------------------- */

static int write_host(struct merge *m)
{
	const struct record *rec = &m->out.rec;
	bool first = rec->h.type == VQT_DEVICE && !m->host.written[rec->h.device];
	int rc;

	if (rec->h.type == VQT_SESSION && rec->session.minor < VQT_VERSION_MINOR) {
		uint8_t *copy = malloc(rec->len);

		if (!copy)
			return -ENOMEM;
		memcpy(copy, rec->raw, rec->len);
		((struct vqt_session *)(void *)copy)->minor = VQT_VERSION_MINOR;
		rc = trace_write(m->to, copy, rec->len);
		free(copy);
	} else {
		rc = trace_write(m->to, rec->raw, rec->len);
	}
	if (first)
		m->host.written[rec->h.device] = true;
	for (unsigned i = 0; !rc && first && i < m->result->guests; i++)
		rc = merging_described(m->guest[i]->merging, &m->host, rec->h.device);
	m->result->host_records++;
	if (m->out.number % PROGRESS_EVERY == 0)
		progress(m->job, m->out.t, "merging");
	stream_next(&m->out);
	return rc;
}

/* The guest whose next record is the earliest; NULL: the host's is, or there is none. */
static int earliest(struct merge *m, struct guest_file **which)
{
	uint64_t least = m->out.rec.h.ts;
	bool any = m->out.has;

	*which = NULL;
	for (unsigned i = 0; i < m->result->guests; i++) {
		uint64_t ts;
		int rc = guest_file_next(m->guest[i], &ts, m->err);

		if (rc < 0)
			return rc;
		if (!rc || (any && (int64_t)(ts - least) >= 0))
			continue;
		any = true;
		least = ts;
		*which = m->guest[i];
	}
	return 0;
}

static int write_all(struct merge *m)
{
	/* the host's session begins the trace */
	int rc;

	for (unsigned i = 0; i < m->result->guests; i++)
		merging_not_before(m->guest[i]->merging, m->out.has ? m->out.rec.h.ts : 0);
	rc = m->out.has ? write_host(m) : 0;

	while (!rc) {
		struct guest_file *g;

		rc = earliest(m, &g);
		if (rc)
			return rc;
		if (!g && !m->out.has)
			return 0;
		rc = g ? guest_file_write(g, &m->host) : write_host(m);
	}
	return rc;
}

/* A file that is no whole trace is none. */
static void remove_file(const char *path)
{
	struct stat s;

	if (strcmp(path, "-") && !lstat(path, &s) && S_ISREG(s.st_mode))
		unlink(path);
}

static int write_record(void *to, const void *record, size_t len)
{
	return trace_write(to, record, len);
}

static int write_file(struct merge *m)
{
	int rc = trace_create(&m->to, m->job->write, m->err), end;

	if (rc)
		return rc;
	m->host.write = write_record;
	m->host.ctx = m->to;
	rc = write_all(m);
	for (unsigned i = 0; !rc && i < m->result->guests; i++)
		rc = merging_check(m->guest[i]->merging, &m->host, m->err);
	end = trace_finish(m->to);
	rc = rc ? rc : end;
	if (rc && !m->err->text[0])
		snprintf(m->err->text, sizeof(m->err->text), "%.200s: %s", m->job->write,
			 strerror(-rc));
	if (rc)
		remove_file(m->job->write);
	return rc;
}

static int run(struct merge *m, struct trace_error *err)
{
	struct merge_result *r = m->result;
	int rc = sort_paths(m, err);

	for (unsigned i = 0; !rc && i < r->guests; i++) {
		m->guest[i] = guest_file_new(&r->guest[i]);
		rc = m->guest[i] ? look(m, m->guest[i], r->guest[i].path, err) : -ENOMEM;
	}
	if (!rc)
		rc = look(m, NULL, r->host, err);
	for (unsigned i = 0; !rc && i < r->guests; i++)
		rc = guest_file_begin(m->guest[i], &m->host, r->host, err);
	if (!rc)
		rc = stream_open(&m->out, r->host, err);
	return rc ? rc : write_file(m);
}

int merge_files(const struct merge_job *job, struct merge_result *out, struct trace_error *err)
{
	struct merge *m = calloc(1, sizeof(*m));
	int rc = -ENOMEM;

	*out = (struct merge_result){ .host = NULL };
	err->text[0] = '\0';
	if (m) {
		m->job = job;
		m->result = out;
		m->err = err;
		rc = run(m, err);
	}
	if (rc && !err->text[0])
		snprintf(err->text, sizeof(err->text), "%s", strerror(-rc));
	for (unsigned i = 0; m && i < out->guests; i++) {
		if (!rc)
			guest_file_report(m->guest[i]);
		guest_file_free(m->guest[i]);
	}
	if (m) {
		out->host_cut = m->out.cut;
		out->host_broken = m->out.broken;
		snprintf(out->cut_text, sizeof(out->cut_text), "%.190s", m->out.why.text);
		stream_close(&m->out);
		merge_host_free(&m->host);
	}
	free(m);
	return rc;
}
