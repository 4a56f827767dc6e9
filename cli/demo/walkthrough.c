/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/util/array.h"
#include "cli/check/run.h"
#include "cli/cli.h"
#include "cli/demo/walkthrough.h"
#include "decoder/class/class.h"
#include "decoder/model/init_steps.h"
#include "decoder/model/model.h"
#include "decoder/lifecycle/lifecycle.h"
#include "decoder/print/line.h"
#include "decoder/print/verbose.h"
#include "decoder/check/rule.h"
#include "decoder/trace/file.h"
#include "decoder/util/text.h"

/* Lines shown of one step before the rest is only counted. */
#define STEP_LINES 12
#define BUILD_LINES 24
#define LIFE_SHOWN 10

struct walkthrough {
	const char *path;
	struct line_options line;
	struct model *model;
	/* What is being listed, and how much of it. */
	unsigned listed, hidden;
	/* The initialisation being shown: of the first block device. */
	uint16_t device;
	unsigned resets, step, drivers;
	bool live;
	/* Requests. */
	uint64_t types[32], requests, errors;
	uint64_t *latency;
	size_t nlatency, cap;
	uint64_t slowest, slowest_number, slowest_end;
	uint64_t full_number; /* the request shown in full */
	/* The driver's side. */
	uint16_t driver; /* the disk as its driver recorded it, 0: it did not */
	bool used; /* it has added a chain */
	struct lifecycle_print *tree;
	bool out_of_memory;
	unsigned lives;
	struct model_life life;
	const struct class *life_class;
};

typedef void walkthrough_fn(struct walkthrough *t, const struct event *e);

static void heading(const char *title, const char *command, const char *path)
{
	printf("\n== %s\n", title);
	if (command) {
		fputs("   $ vqtrace show -r ", stdout);
		text_write_untrusted(stdout, path);
		printf(" %s\n", command);
	}
	putchar('\n');
}

/* One pass over the trace. */
static int walk(struct walkthrough *t, walkthrough_fn *fn)
{
	struct trace_error err;
	struct trace_reader *r;
	struct record rec;
	struct event e;
	bool again;
	int rc;

	if (cli_trace_open(&r, t->path))
		return CLI_TROUBLE;
	model_free(t->model);
	t->model = model_new();
	t->line.any = false;
	while ((rc = trace_next(r, &rec, &again, &err)) == 1 || (rc < 0 && again)) {
		if (rc < 0)
			continue;
		if (!t->model || model_feed(t->model, &rec, trace_number(r), &e)) {
			snprintf(err.text, sizeof(err.text), "no memory");
			rc = -ENOMEM;
			break;
		}
		fn(t, &e);
	}
	trace_close(r);
	return rc < 0 ? cli_error("%s", err.text) : CLI_OK;
}

static void list(struct walkthrough *t, const struct event *e, unsigned limit)
{
	if (t->listed < limit)
		print_line(stdout, e, t->model, &t->line);
	else
		t->hidden++;
	t->listed++;
}

static void end_list(struct walkthrough *t)
{
	if (t->hidden)
		printf("%27s... and %u more\n", "", t->hidden);
	t->listed = t->hidden = 0;
}

static void show_build(struct walkthrough *t, const struct event *e)
{
	unsigned type = e->rec->h.type;

	if (t->live || type == VQT_NOTE)
		return;
	if (type == VQT_REG) {
		t->live = true; /* a driver accesses the device, so QEMU has built it */
		return;
	}
	if (type == VQT_LIFECYCLE && (!e->dev || e->queue) &&
	    e->rec->lifecycle.what != VQT_LIFECYCLE_ADD_QUEUE)
		return; /* types of other devices; resets of queues that are not there */
	if (event_by_driver(e))
		return; /* the driver's side has a section of its own */
	if (type == VQT_LIFECYCLE || type == VQT_DEVICE || type == VQT_SOURCE ||
	    type == VQT_SESSION)
		list(t, e, BUILD_LINES);
}

static void begin_lifecycle(struct walkthrough *t, const struct event *e)
{
	static const char *const who[] = {
		"The first driver: the firmware (SeaBIOS) sets the device up",
		"The second driver: Linux resets it and does it again",
	};
	char command[128];

	end_list(t);
	t->resets = e->dev->resets;
	t->step = 0;
	snprintf(command, sizeof(command), "-Y 'device == \"%s\" && register'", e->dev->name);
	heading(t->drivers < 2 ? who[t->drivers] : "The next driver", command, t->path);
	t->drivers++;
}

/* The demo's guest has one. */
static bool is_disk(const struct model_device *d)
{
	return d->class && !strcmp(d->class->name, "blk");
}

/* Every step of 3.1.1 with what was said in it. */
static void show_init(struct walkthrough *t, const struct event *e)
{
	unsigned steps = init_steps_of(e);

	if (!steps || (t->device && e->dev->id != t->device) || !is_disk(e->dev) ||
	    model_second_view(e->dev))
		return;
	t->device = e->dev->id;
	if (!t->drivers || (e->dev->resets != t->resets))
		begin_lifecycle(t, e);
	for (unsigned s = INIT_RESET; s < INIT_STEPS; s++) {
		/* Steps follow each other; only a reset begins again. */
		if (!(steps >> s & 1) || s == t->step || (s < t->step && s != INIT_RESET))
			continue;
		end_list(t);
		printf("   step %u  %s\n", s, init_step_title(s));
		t->step = s;
	}
	list(t, e, STEP_LINES);
}

static void note_latency(struct walkthrough *t, uint64_t ns)
{
	if (array_room(t->latency, t->cap, t->nlatency + 1))
		t->latency[t->nlatency++] = ns;
}

static void count_requests(struct walkthrough *t, const struct event *e)
{
	const struct model_request *r = e->req;

	if (e->rec->h.type != VQT_USED || !r || !e->dev || !r->type || model_second_view(e->dev))
		return;
	t->requests++;
	t->types[r->type->type % 32]++;
	t->errors += class_failed(e->dev->class, &r->io);
	if (r->avail_ts)
		note_latency(t, e->latency);
	/* Linux's first requests carry on from here: show one with some data. */
	if (!t->full_number && e->dev->resets && r->bytes >= 4096)
		t->full_number = r->number;
	if (e->latency > t->slowest) {
		t->slowest = e->latency;
		t->slowest_number = r->number;
		t->slowest_end = e->number;
	}
}

static void show_full(struct walkthrough *t, const struct event *e)
{
	if (e->req && e->req->number == t->full_number)
		print_verbose(stdout, e, t->model, t->line.ascii);
}

static void show_slowest(struct walkthrough *t, const struct event *e)
{
	if (e->number >= t->slowest_number && e->number <= t->slowest_end + 1 && e->queue)
		list(t, e, STEP_LINES);
}

static void print_counts(struct walkthrough *t)
{
	TEXT(line, 512);
	const char *sep = "";

	for (unsigned i = 0; i < 32; i++) {
		const struct spec_request *r = class_request_type(class_by_name("blk"), i);

		if (!t->types[i] || !r)
			continue;
		text_add(&line, "%s%" PRIu64 " %s", sep, t->types[i], r->name);
		sep = ", ";
	}
	printf("   events lost: %" PRIu64 "%s\n", model_lost(t->model).records,
	       model_lost(t->model).more ? " or more" : "");
	qsort(t->latency, t->nlatency, sizeof(*t->latency), array_by_u64);
	printf("   %" PRIu64 " requests: %s; %" PRIu64 " failed\n", t->requests, line.buf,
	       t->errors);
	line.len = 0;
	if (!t->nlatency)
		return;
	text_puts(&line, "median ");
	text_duration(&line, t->latency[t->nlatency / 2]);
	text_puts(&line, ", 99th percentile ");
	text_duration(&line, t->latency[t->nlatency * 99 / 100]);
	text_puts(&line, ", slowest ");
	text_duration(&line, t->slowest);
	printf("   device time: %s\n", line.buf);
}

static int show_requests(struct walkthrough *t)
{
	char command[160];
	int rc;

	rc = walk(t, count_requests);
	if (rc || !t->nlatency)
		return rc;
	if (t->full_number) {
		snprintf(command, sizeof(command), "-V -Y 'request && number >= %" PRIu64 "' -c 2",
			 t->full_number);
		heading("One request in full: a chain of descriptors, and its completion", command,
			t->path);
		rc = walk(t, show_full);
	}
	heading("All requests", "--requests", t->path);
	print_counts(t);
	snprintf(command, sizeof(command), "-Y 'number in {%" PRIu64 " .. %" PRIu64 "}'",
		 t->slowest_number, t->slowest_end + 1);
	heading("What was going on during the slowest one", command, t->path);
	rc |= walk(t, show_slowest);
	end_list(t);
	return rc;
}

/* --- the driver's side ------------------------------------------------------ */

/* From the bus to the disk. */
static void show_calls(struct walkthrough *t, const struct event *e)
{
	bool its = e->dev && e->dev->id == t->driver;

	if (lifecycle_print_feed(t->tree, e, its && !t->used))
		t->out_of_memory = true;
	t->used |= its && e->rec->h.type == VQT_AVAIL; /* the disk is there */
}

/* A request that had to wait for a kick and an interrupt, as most have: the tenth. */
static void find_life(struct walkthrough *t, const struct event *e)
{
	for (const struct model_life *l = e->lives; l; l = l->next) {
		if (!l->device || !l->driver || !is_disk(l->device) || !l->rq ||
		    l->error == VQT_CLOCK_UNKNOWN)
			continue;
		t->lives++;
		if (t->lives == LIFE_SHOWN || (t->lives < LIFE_SHOWN && !t->life.device))
			t->life = *l;
	}
}

static void print_life(const struct walkthrough *t)
{
	const struct model_life *l = &t->life;
	struct life_span s[LIFE_POINTS];
	unsigned n = life_spans(l, s);
	char what[96];

	class_describe(t->life_class, &l->io, what, sizeof(what));
	printf("   %s, tag %d, ring position %u\n", what, l->tag, l->pos);
	for (unsigned i = 0; i < n; i++) {
		TEXT(line, 200);

		text_add(&line, "   %-10s ", life_point_name(s[i].to));
		text_puts(&line, "+");
		text_duration(&line, s[i].ns);
		text_pad(&line, 24);
		text_puts(&line, life_point_help(s[i].to));
		if (s[i].crosses) {
			text_puts(&line, "; between the clocks, +-");
			text_duration(&line, l->error);
		}
		printf("%s\n", line.buf);
	}
}

static int show_driver(struct walkthrough *t)
{
	int rc;

	t->tree = lifecycle_print_new(stdout, false, t->line.ascii, false);
	if (!t->tree)
		return cli_error("no memory");
	heading("The same from the driver's side: from the bus to the disk, call by call",
		"--lifecycle", t->path);
	rc = walk(t, show_calls);
	lifecycle_print_finish(t->tree);
	lifecycle_print_free(t->tree);
	if (rc == CLI_OK && t->out_of_memory)
		rc = cli_error("no memory");
	if (rc == CLI_OK)
		rc = walk(t, find_life);
	if (rc || !t->life.device)
		return rc;
	t->life_class = class_by_name("blk");
	heading("One request, whole: from the block layer to the device and back", "--requests",
		t->path);
	print_life(t);
	return CLI_OK;
}

static void find_driver(struct walkthrough *t, const struct event *e)
{
	if (!t->driver && model_second_view(e->dev) && is_disk(e->dev))
		t->driver = e->dev->id;
}

/* --- rules ------------------------------------------------------------------ */

static void note_finding(void *opaque, const struct finding *f)
{
	const struct rule **first = opaque;

	if (!*first)
		*first = f->rule;
}

static int check_all(struct check_run *r, const char *path)
{
	struct trace_reader *t;
	struct trace_error err;
	struct record rec;
	bool again;
	int rc;

	if (cli_trace_open(&t, path))
		return CLI_TROUBLE;
	do
		rc = trace_next(t, &rec, &again, &err);
	while ((rc == 1 && !check_run_record(r, &rec, trace_number(t))) || (rc < 0 && again));
	trace_close(t);
	return check_run_end(r);
}

static int show_check(struct walkthrough *t)
{
	const struct rule *first = NULL;
	struct check_run r = {
		.report = { .to = stdout,
			    .trace = t->path,
			    .severity = CHECK_STRUCTURAL,
			    .fold = 1,
			    .color = t->line.color,
			    .ascii = t->line.ascii },
		.found = note_finding,
		.opaque = &first,
	};
	int rc;

	fputs("\n== Were the rules of virtio 1.4 kept, and if not, who broke them?\n"
	      "   $ vqtrace check -r ",
	      stdout);
	text_write_untrusted(stdout, t->path);
	fputs("\n\n", stdout);
	rc = check_run_begin(&r);
	if (rc == CLI_OK)
		rc = check_all(&r, t->path);
	check_run_free(&r);
	if (rc == CLI_TROUBLE)
		return rc;
	puts("\n   A finding names the rule, who broke it, and the events that matter; the one marked >\n"
	     "   made it certain. 'should' and 'suspicious' are only counted: --severity shows them.");
	if (first && !strcmp(first->id, "reset-not-awaited"))
		puts("   This one is known: SeaBIOS goes on without waiting for the reset (its issue 2). QEMU\n"
		     "   resets at once, so nobody notices here; a device in hardware may still be busy.");
	if (first)
		printf("   $ vqtrace check --explain %s\n", first->id);
	return CLI_OK;
}

int demo_walkthrough(const char *path, bool color, bool ascii)
{
	struct walkthrough t = { .path = path, .line = { .color = color, .ascii = ascii } };
	int rc;

	heading("QEMU builds the device", "-Y 'lifecycle || device_info'", path);
	rc = walk(&t, show_build);
	end_list(&t);
	if (rc == CLI_OK)
		rc = walk(&t, show_init);
	end_list(&t);
	if (rc == CLI_OK)
		rc = walk(&t, find_driver);
	if (rc == CLI_OK && t.driver)
		rc = show_driver(&t);
	if (rc == CLI_OK)
		rc = show_requests(&t);
	if (rc == CLI_OK)
		rc = show_check(&t);
	free(t.latency);
	model_free(t.model);
	return rc;
}
