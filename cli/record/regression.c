/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/record/regression.h"
#include "decoder/edit/anonymise.h"
#include "decoder/check/check.h"
#include "decoder/check/rule.h"
#include "decoder/edit/shrink.h"
#include "decoder/trace/file.h"

#define SIZE_LIMIT (1024 * 1024 - 16384) /* what traces/ takes, less room for the last records */
#define RULES_MAX 1024

/* What a trace says about itself, to hold two against each other. */
struct account {
	bool broken[RULES_MAX]; /* rules, by number */
	uint64_t warnings; /* chains that do not fit: unknown, in flight twice, missing */
	uint64_t events;
	char origin[400];
};

struct making {
	const char *in, *origin;
	char out[4096], text[600];
	struct account before, after;
	struct shrink *shrink;
	struct anonymise *anonymise;
	struct trace_writer *w;
	unsigned keep;
	bool cut, warned;
};

static void found(void *opaque, const struct finding *f)
{
	struct account *v = opaque;

	for (unsigned i = 0; i < RULES_MAX && rule_nth(i); i++)
		if (rule_nth(i) == f->rule)
			v->broken[i] = true;
}

/* An error that was printed where it happened; no other is that. */
#define SAID (-EDOM)

/*
 * Read a trace through a model.  each: called with every event; negative ends
 * it, and is returned.  A trace that breaks off is taken up to there.
 */
static int read_trace(const char *path, bool *warned,
		      int (*each)(void *opaque, const struct event *e), void *opaque)
{
	struct trace_reader *t;
	struct trace_error err;
	struct record rec;
	struct event e;
	struct model *m;
	bool again = true;
	int rc;

	if (trace_open(&t, path, &err)) {
		cli_error("%s", err.text);
		return SAID;
	}
	m = model_new();
	rc = m ? 1 : -ENOMEM;
	while (m && (rc = trace_next(t, &rec, &again, &err)) == 1) {
		rc = model_feed(m, &rec, trace_number(t), &e);
		if (!rc)
			rc = each(opaque, &e);
		if (rc < 0)
			break;
	}
	if (rc == -EBADMSG) {
		if (!*warned)
			cli_warn("%s", err.text);
		*warned = true;
		rc = 0;
	}
	model_free(m);
	trace_close(t);
	return rc < 0 ? rc : 0;
}

struct judging {
	struct account *v;
	struct making *k; /* also plan, in the first reading; or NULL */
};

static int judge_event(void *opaque, const struct event *e)
{
	struct judging *j = opaque;
	struct account *v = j->v;
	int rc = 0;

	v->events++;
	v->warnings += e->unknown_id + e->head_in_flight + (e->gap != 0);
	if (e->rec->h.type == VQT_SESSION)
		record_tlv_str(e->rec, VQT_TAG_ORIGIN, v->origin, sizeof(v->origin));
	if (e->rec->h.type == VQT_SOURCE && !v->origin[0]) {
		char version[160];

		record_tlv_str(e->rec, VQT_TAG_VERSION, version, sizeof(version));
		if (version[0])
			snprintf(v->origin, sizeof(v->origin), "%s%.160s",
				 e->rec->source.kind == VQT_SRC_QEMU ? "QEMU " : "", version);
	}
	if (j->k) {
		anonymise_learn(j->k->anonymise, e);
		rc = shrink_plan(j->k->shrink, e);
	}
	return rc;
}

/* The checker wants the model, which read_trace() keeps: a pass of its own. */
static int check_trace(const char *path, struct account *v)
{
	struct trace_reader *t;
	struct trace_error err;
	struct check *c = NULL;
	struct record rec;
	struct event e;
	struct model *m = model_new();
	bool again;
	int rc = m ? check_new(&c, NULL, found, v, NULL) : -ENOMEM;

	if (!rc)
		rc = trace_open(&t, path, &err);
	if (rc) {
		model_free(m);
		check_free(c);
		return rc;
	}
	while (!rc && trace_next(t, &rec, &again, &err) == 1) {
		rc = model_feed(m, &rec, trace_number(t), &e);
		if (!rc)
			rc = check_feed(c, m, &e);
	}
	if (!rc)
		rc = check_finish(c, m);
	check_free(c);
	model_free(m);
	trace_close(t);
	return rc;
}

static int write_event(void *opaque, const struct event *e)
{
	static uint8_t buf[VQT_RECORD_MAX + 4096] __attribute__((aligned(8)));
	struct making *k = opaque;
	size_t len;

	if (k->cut || !shrink_apply(k->shrink, e, buf, &len))
		return 0;
	len = anonymise_record(k->anonymise, e, buf, len, sizeof(buf), k->text);
	if (!len) {
		shrink_left_out(k->shrink, e);
		return 0;
	}
	if (trace_written(k->w) + len > SIZE_LIMIT) {
		k->cut = true;
		return 0;
	}
	return trace_write(k->w, buf, len);
}

static int make_once(struct making *k)
{
	struct judging j = { .v = &k->before, .k = k };
	struct trace_error err;
	int rc, end;

	memset(&k->before, 0, sizeof(k->before));
	memset(&k->after, 0, sizeof(k->after));
	k->cut = false;
	k->shrink = shrink_new(k->keep);
	k->anonymise = anonymise_new();
	rc = k->shrink && k->anonymise ? read_trace(k->in, &k->warned, judge_event, &j) : -ENOMEM;
	if (!rc)
		rc = shrink_plan_end(k->shrink);
	if (rc)
		return rc;
	if (k->before.warnings)
		snprintf(k->text, sizeof(k->text), "%s (with gaps)",
			 k->origin ? k->origin : k->before.origin);
	else
		snprintf(k->text, sizeof(k->text), "%s", k->origin ? k->origin : k->before.origin);
	if (trace_create(&k->w, k->out, &err)) {
		cli_error("%s", err.text);
		return SAID;
	}
	rc = read_trace(k->in, &k->warned, write_event, k);
	end = trace_finish(k->w);
	k->w = NULL;
	j = (struct judging){ .v = &k->after };
	if (!rc)
		rc = end;
	if (!rc)
		rc = read_trace(k->out, &k->warned, judge_event, &j);
	if (!rc)
		rc = check_trace(k->in, &k->before);
	return rc ? rc : check_trace(k->out, &k->after);
}

/* Does the small one break other rules, or hold together less well, than the whole? */
static bool holds(const struct making *k)
{
	for (unsigned i = 0; i < RULES_MAX; i++) {
		if (k->after.broken[i] && !k->before.broken[i])
			return false;
		if (k->before.broken[i] && !k->after.broken[i] && !k->cut)
			return false;
	}
	return k->after.warnings <= k->before.warnings;
}

static void let_go(struct making *k)
{
	shrink_free(k->shrink);
	anonymise_free(k->anonymise);
	k->shrink = NULL;
	k->anonymise = NULL;
}

static void tell(const struct making *k, const char *name, bool quiet)
{
	const char *base = strrchr(name, '/') ? strrchr(name, '/') + 1 : name, *sep = "";
	struct shrink_stats s;

	shrink_stats(k->shrink, &s);
	if (!quiet)
		fprintf(stderr,
			"%s: %" PRIu64 " of %" PRIu64 " events, %" PRIu64 " of %" PRIu64
			" requests; data, serial numbers, names and paths replaced\n",
			k->out, k->after.events, s.events, s.requests_kept, s.requests);
	if (k->cut)
		cli_warn("%s: cut off at 1 MiB, as queues were never idle for it to be shortened; "
			 "record less, closer to what it is about",
			 k->out);
	for (unsigned i = 0; i < RULES_MAX && rule_nth(i) && k->cut; i++)
		if (k->before.broken[i] && !k->after.broken[i])
			cli_warn("%s: what breaks %s is behind the cut", k->out, rule_nth(i)->id);
	if (!quiet)
		fprintf(stderr, "the line for traces/LIST; then 'make regression' writes what is "
				"expected of it:\n");
	printf("%s.pcap ", base);
	for (unsigned i = 0; i < RULES_MAX && rule_nth(i); i++)
		if (k->after.broken[i]) {
			printf("%s%s", sep, rule_nth(i)->id);
			sep = ",";
		}
	printf("%s ?\n", *sep ? "" : "-");
}

/*
 * Make NAME.pcap of the trace at `in` and print the line for traces/LIST on
 * standard output.  The result is held against the original before it is kept.
 * origin: what to say of where it is from, NULL for what the trace says itself.
 * Returns enum cli_exit; errors are printed.
 */
static int make_test(const char *in, const char *name, const char *origin, bool quiet)
{
	static const unsigned keeps[] = { 3, 12, 48, ~0U };
	struct making k = { .in = in, .origin = origin };
	int rc = 0;

	if (snprintf(k.out, sizeof(k.out), "%s.pcap", name) >= (int)sizeof(k.out))
		return cli_usage("--regression %s: too long a name", name);
	if (!access(k.out, F_OK)) {
		cli_error("%s is there already; remove it, or give another name", k.out);
		return CLI_TROUBLE;
	}
	for (size_t i = 0; i < sizeof(keeps) / sizeof(keeps[0]); i++) {
		let_go(&k);
		k.keep = keeps[i];
		rc = make_once(&k);
		if (rc || holds(&k))
			break;
	}
	if (!rc && holds(&k)) {
		tell(&k, name, quiet);
		let_go(&k);
		return CLI_OK;
	}
	if (rc && rc != SAID)
		cli_error("%s: %s", k.out, strerror(-rc));
	else if (!rc)
		cli_error("%s: a shortened trace would not show what the whole one shows; "
			  "please report this",
			  k.out);
	unlink(k.out);
	let_go(&k);
	return CLI_TROUBLE;
}

int regression_begin(struct regression *r, const char **path)
{
	const char *dir = getenv("TMPDIR");
	int fd;

	if (!r->name)
		return r->read || r->origin ? cli_usage("-r and --origin go with --regression NAME")
					    : CLI_OK;
	if (r->read || *path)
		return CLI_OK;
	if (asprintf(&r->stdin_copy, "%s/vqtrace-XXXXXX", dir && *dir ? dir : "/tmp") < 0) {
		r->stdin_copy = NULL;
		return CLI_TROUBLE;
	}
	fd = mkostemp(r->stdin_copy, O_CLOEXEC);
	if (fd < 0) {
		cli_error("%s: %s; set TMPDIR", r->stdin_copy, strerror(errno));
		free(r->stdin_copy);
		r->stdin_copy = NULL;
		return CLI_TROUBLE;
	}
	close(fd);
	*path = r->stdin_copy;
	return CLI_OK;
}

int regression_end(struct regression *r, const char *path, int code, bool quiet)
{
	if (r->name && code != CLI_TROUBLE) {
		int made = make_test(r->read ? r->read : path, r->name, r->origin, quiet);

		code = made == CLI_OK ? code : made;
	}
	if (r->stdin_copy)
		unlink(r->stdin_copy);
	free(r->stdin_copy);
	return code;
}
