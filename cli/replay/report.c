/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/replay/report.h"
#include "decoder/util/array.h"
#include "decoder/util/json.h"
#include "decoder/util/text.h"

#define KEEP 200 /* differences reported in full */
#define BEFORE 4 /* events shown before each */
#define FOLLOWERS 200 /* of each that are kept */

/* A difference that follows from another. */
struct follower {
	uint64_t number;
	uint16_t queue;
	char subject[80], recorded[128], replayed[128];
};

struct difference {
	struct replay_divergence d;
	uint64_t following; /* differences that follow from it; some of them: */
	struct follower *follower;
	unsigned nfollower, follower_cap;
	char *lines[BEFORE + 1]; /* oldest first; the last is the event itself */
	unsigned nlines;
};

struct replay_report {
	struct difference kept[KEEP];
	unsigned count;
	uint64_t more; /* not kept */
	unsigned next; /* the first whose event has not been read again */
};

struct replay_report *replay_report_new(void)
{
	return calloc(1, sizeof(struct replay_report));
}

void replay_report_free(struct replay_report *r)
{
	if (!r)
		return;
	for (unsigned i = 0; i < r->count; i++) {
		for (unsigned k = 0; k < r->kept[i].nlines; k++)
			free(r->kept[i].lines[k]);
		free(r->kept[i].follower);
	}
	free(r);
}

static void add_follower(struct replay_report *r, const struct replay_divergence *d)
{
	unsigned i = r->count;

	while (i && r->kept[i - 1].d.id != d->follows)
		i--;
	if (!i)
		return; /* the first one is not kept either */
	struct difference *t = &r->kept[i - 1];

	t->following++;
	if (t->nfollower == FOLLOWERS ||
	    !array_room(t->follower, t->follower_cap, t->nfollower + 1))
		return;
	struct follower *f = &t->follower[t->nfollower++];

	*f = (struct follower){ .number = d->number, .queue = d->queue };
	memcpy(f->subject, d->subject, sizeof(f->subject));
	memcpy(f->recorded, d->recorded, sizeof(f->recorded));
	memcpy(f->replayed, d->replayed, sizeof(f->replayed));
}

void replay_report_difference(struct replay_report *r, const struct replay_divergence *d)
{
	if (d->follows) {
		add_follower(r, d);
		return;
	}
	if (r->count == KEEP) {
		r->more++;
		return;
	}
	r->kept[r->count++].d = *d;
}

static int by_number(const void *a, const void *b)
{
	const struct difference *x = a, *y = b;

	return x->d.number < y->d.number ? -1 : x->d.number > y->d.number;
}

bool replay_report_wants_context(struct replay_report *r)
{
	qsort(r->kept, r->count, sizeof(r->kept[0]), by_number);
	r->next = 0;
	return r->count;
}

static char *line_of(const struct event *e, const struct model *m, struct line_options *o)
{
	char *text;
	TEXT(t, LINE_SIZE);

	print_line_text(&t, e, m, o);
	return asprintf(&text, "%7llu %s", (unsigned long long)e->number, t.buf) < 0 ? NULL : text;
}

/* Is this event to be shown with a difference that follows soon? */
static bool near_one(const struct replay_report *r, const struct event *e)
{
	for (unsigned i = r->next; i < r->count; i++)
		if (r->kept[i].d.number >= e->number)
			return r->kept[i].d.number - e->number < 64;
	return false;
}

static int push(struct difference *t, const char *line)
{
	char *copy = strdup(line);

	if (!copy)
		return -ENOMEM;
	if (t->nlines == BEFORE + 1) {
		free(t->lines[0]);
		memmove(t->lines, t->lines + 1, BEFORE * sizeof(t->lines[0]));
		t->nlines--;
	}
	t->lines[t->nlines++] = copy;
	return 0;
}

int replay_report_context(struct replay_report *r, const struct event *e, const struct model *m,
			  struct line_options *o)
{
	while (r->next < r->count && r->kept[r->next].d.number < e->number)
		r->next++;
	if (r->next == r->count)
		return 1;
	if (!near_one(r, e) || !e->dev) {
		o->last = e->ts; /* the next line's delta is from here */
		o->any = true;
		return 0;
	}
	char *line = line_of(e, m, o);
	int rc = line ? 0 : -ENOMEM;

	for (unsigned i = r->next; !rc && i < r->count; i++) {
		const struct replay_divergence *d = &r->kept[i].d;

		if (d->number < e->number + 64 && d->number >= e->number && d->device == e->dev->id)
			rc = push(&r->kept[i], line);
	}
	free(line);
	return rc;
}

static const char *paint(bool color, const char *sgr)
{
	return color ? sgr : "";
}

static void print_difference(FILE *to, const struct replay_divergence *d, bool color)
{
	const char *off = paint(color, "\033[0m");

	fprintf(to, "%sevent %llu  %s", paint(color, d->declared ? "\033[1m" : "\033[1;31m"),
		(unsigned long long)d->number, d->name);
	if (d->queue != VQT_NO_QUEUE)
		fprintf(to, ":%u", d->queue);
	fprintf(to, "  %s%s\n", d->subject, off);
	fprintf(to, "    recorded: %s\n    replayed: %s\n", d->recorded, d->replayed);
	if (*d->clause)
		fprintf(to, "    decided by: %s%s\n",
			strncmp(d->clause, "PCI", 3) ? "virtio 1.4, " : "", d->clause);
	if (d->related)
		fprintf(to, "    see also: event %llu\n", (unsigned long long)d->related);
	if (d->declared) {
		fprintf(to, "    declared (line %u): ", d->declared->line);
		text_write_untrusted(to, d->declared->reason);
		fputc('\n', to);
	} else if (*d->hint) {
		fprintf(to, "    %s\n", d->hint);
	}
}

void replay_report_now(FILE *to, const struct replay_divergence *d, const struct line_options *line)
{
	print_difference(to, d, line->color);
}

static void print_followers(FILE *to, const struct difference *t, bool verbose)
{
	if (!t->following)
		return;
	fprintf(to, "    and %llu that follow%s%s\n", (unsigned long long)t->following,
		t->following == 1 ? "s" : "", verbose ? ":" : " (-V lists them)");
	for (unsigned k = 0; verbose && k < t->nfollower; k++) {
		const struct follower *f = &t->follower[k];

		fprintf(to, "      event %llu  %s", (unsigned long long)f->number, t->d.name);
		if (f->queue != VQT_NO_QUEUE)
			fprintf(to, ":%u", f->queue);
		fprintf(to, "  %s  recorded: %s; replayed: %s\n", f->subject, f->recorded,
			f->replayed);
	}
	if (verbose && t->nfollower < t->following)
		fprintf(to, "      ... and %llu more\n",
			(unsigned long long)(t->following - t->nfollower));
}

static void print_differences(FILE *to, const struct replay_report *r,
			      const struct replay_report_options *o)
{
	for (unsigned i = 0; i < r->count; i++) {
		const struct difference *t = &r->kept[i];

		if (t->d.declared && !o->verbose)
			continue;
		print_difference(to, &t->d, o->color);
		for (unsigned k = 0; k < t->nlines; k++)
			fprintf(to, "    %s%s", k + 1 == t->nlines ? ">" : " ", t->lines[k]);
		print_followers(to, t, o->verbose);
		putc('\n', to);
	}
	if (r->more)
		fprintf(to, "... and %llu more differences\n\n", (unsigned long long)r->more);
}

static void print_compared(FILE *to, const char *what, const struct replay_compared *c)
{
	if (!c->compared && !c->not_compared)
		return;
	fprintf(to, "  %-12s %llu compared, %llu equal", what, (unsigned long long)c->compared,
		(unsigned long long)c->equal);
	if (c->not_compared)
		fprintf(to, ", %llu not compared", (unsigned long long)c->not_compared);
	putc('\n', to);
}

static void print_devices(FILE *to, const struct replay *p)
{
	struct replay_device_report d;

	for (unsigned n = 0; replay_report(p, n, &d); n++) {
		if (d.played)
			fprintf(to,
				"  %-12s virtio %u, %u queue%s, %s: %llu events, "
				"%llu requests compared, %llu not, %llu difference%s\n",
				d.device->name, d.device->virtio_id, d.device->num_queues,
				d.device->num_queues == 1 ? "" : "s",
				d.device->transitional ? "transitional" : "modern",
				(unsigned long long)d.counts.events,
				(unsigned long long)d.counts.requests.compared,
				(unsigned long long)d.counts.requests.not_compared,
				(unsigned long long)d.counts.divergences,
				d.counts.divergences == 1 ? "" : "s");
		else
			fprintf(to, "  %-12s not replayed: %s\n", d.device->name, d.why);
	}
}

static void print_skips(FILE *to, const struct replay *p)
{
	struct replay_skip skip[REPLAY_SKIPS];
	unsigned n = replay_skips(p, skip);

	for (unsigned i = 0; i < n; i++)
		fprintf(to, "    %6llu  %s\n", (unsigned long long)skip[i].count, skip[i].why);
}

static void print_unmet(FILE *to, const struct replay_declared *declared, const char *against)
{
	const struct replay_declaration *d;

	for (unsigned n = 0; (d = replay_declared_nth(declared, against, n)); n++) {
		if (d->met)
			continue;
		fprintf(to, "the declaration in line %u matches no difference: ", d->line);
		text_write_untrusted(to, d->subject);
		fputc(' ', to);
		text_write_untrusted(to, d->clause);
		fputs(" (remove it)\n", to);
	}
}

static void print_text(FILE *to, const struct replay_report *r, const struct replay *p,
		       const struct replay_declared *declared,
		       const struct replay_report_options *o)
{
	const struct replay_counts n = replay_counts(p);

	print_differences(to, r, o);
	print_unmet(to, declared, o->against);
	if (o->quiet)
		return;
	text_write_untrusted(to, o->trace);
	fputs(" against ", to);
	text_write_untrusted(to, o->against);
	fprintf(to, ": %llu events played, ", (unsigned long long)n.events);
	if (n.divergences) {
		fprintf(to, "%s%llu difference%s%s", paint(o->color, "\033[1;31m"),
			(unsigned long long)n.divergences, n.divergences == 1 ? "" : "s",
			paint(o->color, "\033[0m"));
		if (n.following)
			fprintf(to, " and %llu that follow%s", (unsigned long long)n.following,
				n.following == 1 ? "s" : "");
		putc('\n', to);
	} else if (!replay_compared_any(&n)) {
		fputs("so nothing was compared\n", to);
	} else {
		fprintf(to, "no difference%s\n", n.skipped ? " in what was compared" : "");
	}
	print_devices(to, p);
	print_compared(to, "registers", &n.registers);
	print_compared(to, "requests", &n.requests);
	print_compared(to, "data bytes", &n.data);
	print_compared(to, "interrupts", &n.interrupts);
	print_compared(to, "final rings", &n.rings);
	if (n.environment)
		fprintf(to,
			"  %-12s %llu disk errors and configuration changes repeated as recorded\n",
			"environment", (unsigned long long)n.environment);
	if (n.declared)
		fprintf(to, "  %-12s %llu differences that were declared%s\n", "declared",
			(unsigned long long)n.declared, o->verbose ? "" : " (-V shows them)");
	if (n.skipped)
		fprintf(to, "  %-12s %llu answers, because\n", "not compared",
			(unsigned long long)n.skipped);
	print_skips(to, p);
}

/* --- JSON ----------------------------------------------------------------------------- */

static void put_compared(struct json_object *o, const char *key, const struct replay_compared *c)
{
	struct json_object *v = json_object_new_object();

	json_put_u64(v, "compared", c->compared);
	json_put_u64(v, "equal", c->equal);
	json_put_u64(v, "not_compared", c->not_compared);
	json_object_object_add(o, key, v);
}

static void put_counts(struct json_object *o, const struct replay_counts *n)
{
	json_put_u64(o, "events", n->events);
	put_compared(o, "registers", &n->registers);
	put_compared(o, "requests", &n->requests);
	put_compared(o, "interrupts", &n->interrupts);
	put_compared(o, "rings", &n->rings);
	put_compared(o, "data", &n->data);
	json_put_u64(o, "skipped", n->skipped);
	json_put_u64(o, "environment", n->environment);
	json_put_u64(o, "declared", n->declared);
	json_put_u64(o, "divergences", n->divergences);
	json_put_u64(o, "following", n->following);
}

static struct json_object *followers_json(const struct difference *t)
{
	struct json_object *list = json_object_new_array();

	for (unsigned k = 0; k < t->nfollower; k++) {
		const struct follower *f = &t->follower[k];
		struct json_object *o = json_object_new_object();

		json_put_u64(o, "event", f->number);
		if (f->queue != VQT_NO_QUEUE)
			json_put_u64(o, "queue", f->queue);
		json_put_str(o, "subject", f->subject);
		json_put_str(o, "recorded", f->recorded);
		json_put_str(o, "replayed", f->replayed);
		json_object_array_add(list, o);
	}
	return list;
}

static struct json_object *difference_json(const struct difference *t)
{
	struct json_object *o = json_object_new_object(), *lines = json_object_new_array();

	json_put_u64(o, "event", t->d.number);
	json_put_str(o, "device", t->d.name);
	if (t->d.queue != VQT_NO_QUEUE)
		json_put_u64(o, "queue", t->d.queue);
	json_put_str(o, "subject", t->d.subject);
	json_put_str(o, "recorded", t->d.recorded);
	json_put_str(o, "replayed", t->d.replayed);
	if (*t->d.clause)
		json_put_str(o, "clause", t->d.clause);
	if (*t->d.hint)
		json_put_str(o, "hint", t->d.hint);
	if (t->d.related)
		json_put_u64(o, "related", t->d.related);
	if (t->d.declared)
		json_put_str(o, "declared", t->d.declared->reason);
	for (unsigned k = 0; k < t->nlines; k++)
		json_object_array_add(lines, json_object_new_string_len(
						     t->lines[k], (int)strcspn(t->lines[k], "\n")));
	json_object_object_add(o, "context", lines);
	json_put_u64(o, "following", t->following);
	if (t->nfollower)
		json_object_object_add(o, "follow", followers_json(t));
	return o;
}

static struct json_object *devices(const struct replay *p)
{
	struct json_object *all = json_object_new_array();
	struct replay_device_report d;

	for (unsigned n = 0; replay_report(p, n, &d); n++) {
		struct json_object *o = json_object_new_object();

		json_put_str(o, "device", d.device->name);
		json_object_object_add(o, "played", json_object_new_boolean(d.played));
		if (*d.why)
			json_put_str(o, "why", d.why);
		if (d.played) {
			json_put_str(o, "version", d.against);
			put_counts(o, &d.counts);
		}
		json_object_array_add(all, o);
	}
	return all;
}

static void print_json_report(FILE *to, const struct replay_report *r, const struct replay *p,
			      const struct replay_declared *declared,
			      const struct replay_report_options *o)
{
	struct json_object *all = json_object_new_object(), *list = json_object_new_array();
	struct json_object *skips = json_object_new_array(), *unmet = json_object_new_array();
	struct replay_skip skip[REPLAY_SKIPS];
	const struct replay_declaration *d;
	const struct replay_counts counts = replay_counts(p);
	unsigned n = replay_skips(p, skip);

	json_put_str(all, "trace", o->trace);
	json_put_str(all, "against", o->against);
	put_counts(all, &counts);
	for (unsigned i = 0; i < n; i++) {
		struct json_object *s = json_object_new_object();

		json_put_str(s, "why", skip[i].why);
		json_put_u64(s, "count", skip[i].count);
		json_object_array_add(skips, s);
	}
	json_object_object_add(all, "skips", skips);
	for (unsigned i = 0; i < r->count; i++)
		json_object_array_add(list, difference_json(&r->kept[i]));
	json_object_object_add(all, "differences", list);
	for (n = 0; (d = replay_declared_nth(declared, o->against, n)); n++)
		if (!d->met)
			json_object_array_add(unmet, json_object_new_string(d->subject));
	json_object_object_add(all, "unmet", unmet);
	json_object_object_add(all, "devices", devices(p));
	json_print(to, all, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
}

void replay_report_print(FILE *to, struct replay_report *r, const struct replay *p,
			 const struct replay_declared *declared,
			 const struct replay_report_options *o)
{
	if (o->json)
		print_json_report(to, r, p, declared, o);
	else
		print_text(to, r, p, declared, o);
}

bool replay_report_findings(const struct replay_report *r, const struct replay *p,
			    const struct replay_declared *declared, const char *against)
{
	const struct replay_declaration *d;

	for (unsigned n = 0; (d = replay_declared_nth(declared, against, n)); n++)
		if (!d->met)
			return true;
	return replay_counts(p).divergences;
}
