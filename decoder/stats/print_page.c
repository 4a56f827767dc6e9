/* SPDX-License-Identifier: MIT */
/* The page of a device. */
#include <errno.h>
#include <inttypes.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <string.h>

#include "decoder/fields/event_names.h"
#include "decoder/check/rule.h"
#include "decoder/stats/print_impl.h"

#define TOP_FINDINGS 8
#define WIDTH 100
#define INDENT 16

struct page {
	FILE *to;
	const struct stat_view *v;
	const struct stats_device *d;
	const struct model_device *dev;
	struct stats_counts c;
	uint64_t ns; /* active */
};

/* A line, or with wrapping several: "  label         text". */
static void say(struct page *p, const char *label, const struct text *t)
{
	const char *at = t->buf;
	size_t left = t->len;

	while (left) {
		size_t n = text_line(at, left, stat_width(p->v, WIDTH) - INDENT);

		fprintf(p->to, "  %-*s%.*s\n", INDENT - 2, label, (int)n, at);
		label = "";
		at += n;
		left -= n;
		while (left && *at == ' ')
			at++, left--;
	}
}

/* --- trace --- */

static void trace_line(FILE *to, const struct stat_view *v)
{
	const struct stats_total *s = stats_total(v->stats);
	TEXT(t, 1024);

	stat_text_count(&t, s->events, "event", "events");
	text_puts(&t, " in ");
	text_duration(&t, s->last_ts - s->first_ts);
	text_puts(&t, ", ");
	if (s->lost.records || s->lost.more) {
		model_put_lost(&t, s->lost, "");
		text_puts(&t, " LOST: figures are too low, times may be wrong");
	} else {
		text_puts(&t, "none lost");
	}
	for (unsigned i = 0; i < 256; i++) {
		char name[48];

		if (model_source(v->model, i) && model_source(v->model, i)->kind)
			text_add(&t, ", from %s",
				 stat_source_name(v->model, i, name, sizeof(name)));
	}
	if (s->left_out)
		text_add(&t, "; %" PRIu64 " events of no queue, or of more than are kept apart",
			 s->left_out);
	stat_print_words(to, &t, stat_width_all(v));
	if (v->filter) {
		fputs("counted: what matches ", to);
		text_write_untrusted(to, v->filter);
		fputc('\n', to);
	}
	if (v->window)
		fprintf(to, "counted: %s\n", v->window);
}

/* --- negotiation --- */

static void title(struct page *p)
{
	const struct model_device *m = p->dev;
	char bdf[24];
	TEXT(t, 512);

	text_add(&t, "%s: %s", m->name, m->class ? m->class->title : "unknown device type");
	if (m->type_name[0]) {
		text_puts(&t, ", ");
		text_untrusted(&t, m->type_name, strlen(m->type_name));
	}
	if (m->bdf != ~0U) {
		event_format_bdf(bdf, sizeof(bdf), m->bdf);
		text_add(&t, " at %s", bdf);
	}
	if (m->user_id[0]) {
		text_puts(&t, ", id ");
		text_untrusted(&t, m->user_id, strlen(m->user_id));
	}
	fprintf(p->to, "\n%s\n", t.buf);
	if (!m->recognised)
		return;
	t.len = 0;
	text_puts(&t, "recognised by its features, configuration and requests");
	if (m->recorded_id)
		text_add(&t, "; it was recorded as %s, which they contradict",
			 class_name(m->recorded_id, bdf, sizeof(bdf)));
	say(p, "type", &t);
}

static unsigned count_bits(const uint64_t set[2])
{
	return (unsigned)(__builtin_popcountll(set[0]) + __builtin_popcountll(set[1]));
}

static bool bit(const uint64_t set[2], unsigned n)
{
	return set[n / 64] >> n % 64 & 1;
}

static void feature_line(struct page *p, const char *label, const uint64_t set[2])
{
	char names[2048];
	TEXT(t, 2304);

	if (!set[0] && !set[1])
		return;
	class_format_feature_set(names, sizeof(names), p->dev->virtio_id, set);
	text_add(&t, "%u: %s", count_bits(set), names);
	say(p, label, &t);
}

static void negotiation(struct page *p)
{
	const struct model_device *m = p->dev;
	const struct stats_ready *r = &p->d->ready;
	uint64_t offered[2], accepted[2], refused[2];
	char status[128];
	TEXT(t, 512);

	stat_features(m, p->d, offered, accepted);
	if (r->times) {
		text_add(&t, "DRIVER_OK set ");
		stat_text_count(&t, r->times, "time", "times");
	}
	if (r->known) {
		text_puts(&t, r->times ? r->learned ? "; learned" : ", last" : "learned");
		text_add(&t, " at event %" PRIu64, r->number);
		if (r->took_ns) {
			text_puts(&t, ", ");
			text_duration(&t, r->took_ns);
			text_puts(&t, " after the first status bit");
		}
		if (r->over)
			text_add(&t, "; in force until event %" PRIu64, r->over);
	} else {
		text_puts(&t, m->flags & VQT_DEV_LATE ? "before the trace began"
						      : "not seen to its end");
	}
	if (m->status_known) {
		spec_format_status(status, sizeof(status), m->status);
		text_add(&t, "; status at the end %s", status);
	}
	say(p, "negotiation", &t);
	if (accepted[0] || accepted[1]) {
		t.len = 0;
		text_add(&t, "%s interface, %s rings%s%s, %s",
			 bit(accepted, VIRTIO_F_VERSION_1) ? "modern" : "legacy",
			 bit(accepted, VIRTIO_F_RING_PACKED) ? "packed" : "split",
			 bit(accepted, VIRTIO_RING_F_INDIRECT_DESC) ? ", indirect" : "",
			 bit(accepted, VIRTIO_RING_F_EVENT_IDX) ? ", event index" : "",
			 (r->known ? r->msix : m->msix) ? "MSI-X" : "no MSI-X");
		say(p, "", &t);
	}
	feature_line(p, "accepted", accepted);
	for (unsigned i = 0; i < 2; i++)
		refused[i] = offered[i] & ~accepted[i];
	feature_line(p, "not accepted", refused);
	if (m->flags & VQT_DEV_DATAPATH_ELSEWHERE) {
		t.len = 0;
		text_puts(
			&t,
			"rings are served outside the traced process (vhost): no requests in the trace");
		say(p, "data path", &t);
	}
}

/* --- what went over the queues --- */

static void cut_chains(struct page *p)
{
	TEXT(t, 256);

	if (!p->c.cut)
		return;
	stat_text_count(&t, p->c.cut, "chain", "chains");
	text_puts(&t, " cut: the capture could not read all of the descriptors; the device wrote ");
	text_size(&t, p->c.cut_bytes);
	text_puts(&t, " in them, what the driver put there is unknown");
	say(p, "", &t);
}

static void in_flight(const struct page *p, struct text *t)
{
	const char *least = "";
	unsigned before = 0;

	for (const struct model_queue *q = p->dev->queues; q; q = q->hh.next) {
		before += model_flight_before(p->dev, q);
		least = q->unnamed_more ? "at least " : least;
	}
	if (!p->d->flight)
		return;
	text_add(t, "; %s%u still in flight", least, p->d->flight);
	if (before >= p->d->flight)
		text_puts(t, ", since before the trace");
	else if (before)
		text_add(t, ", %u of them since before the trace", before);
}

static void data_path(struct page *p)
{
	TEXT(t, 512);

	if (p->dev->no_rings) {
		text_puts(&t, "not in the trace: KVM shows registers, kicks and interrupts");
		say(p, "requests", &t);
		return;
	}
	if (!p->c.popped && !p->c.kicks && !p->d->flight) {
		text_puts(&t, "no requests");
		say(p, "requests", &t);
		return;
	}
	text_add(&t, "%" PRIu64 " completed", p->c.used);
	if (p->ns) {
		text_add(&t, " in ");
		text_duration(&t, p->ns);
		text_add(&t, " (%.1f/s)", stats_rate(p->c.used, p->ns));
	}
	text_puts(&t, "; ");
	text_size(&t, p->c.bytes_in);
	text_puts(&t, " in, ");
	text_size(&t, p->c.bytes_out);
	text_puts(&t, " out");
	if (p->ns) {
		text_puts(&t, " (");
		stat_text_byte_rate(&t, stats_rate(p->c.bytes_in, p->ns));
		text_puts(&t, "/s, ");
		stat_text_byte_rate(&t, stats_rate(p->c.bytes_out, p->ns));
		text_puts(&t, "/s)");
	}
	in_flight(p, &t);
	if (p->c.posted) {
		text_puts(&t, "; ");
		stat_text_count(&t, p->c.posted, "buffer", "buffers");
		text_add(&t, " posted, %u of them waiting", p->d->posted);
	}
	if (p->c.dropped)
		text_add(&t, "; %" PRIu64 " cancelled by reset", p->c.dropped);
	if (p->c.detached)
		text_add(&t, "; %" PRIu64 " given up by the device", p->c.detached);
	if (p->c.unknown)
		text_add(&t, "; %" PRIu64 " completions of nothing in flight", p->c.unknown);
	say(p, "requests", &t);
	if (p->c.used && !p->d->tallied) {
		t.len = 0;
		text_add(&t, "%.1f descriptors each; %.1f %% by an indirect table",
			 stats_ratio(p->c.descriptors, p->c.used),
			 100 * stats_ratio(p->c.indirect, p->c.used));
		say(p, "", &t);
	}
	cut_chains(p);
}

static void access_pattern(struct page *p)
{
	static const char *const names[STATS_ALIGNS] = {
		"512 B",  "1 KiB",  "2 KiB",   "4 KiB",	  "8 KiB",   "16 KiB",
		"32 KiB", "64 KiB", "128 KiB", "256 KiB", "512 KiB", "1 MiB",
	};
	const struct stats_access *a = &p->d->access;
	uint64_t n = a->sequential + a->random;
	const char *comma = "aligned to ";
	TEXT(t, 512);

	if (!n)
		return;
	text_add(&t, "%.1f %% of %" PRIu64 " sequential; sectors %" PRIu64 " to %" PRIu64,
		 100 * stats_ratio(a->sequential, n), n, a->sector_min, a->sector_end - 1);
	say(p, "access", &t);
	t.len = 0;
	for (unsigned i = 0; i < STATS_ALIGNS; i++) {
		if (!a->align[i])
			continue;
		text_add(&t, "%s%s %.1f %%", comma, names[i], 100 * stats_ratio(a->align[i], n));
		comma = ", ";
	}
	say(p, "", &t);
}

#define LATENCIES (STAT_PERCENTILES + 3)

/* The figures of a span: the least, the mean, percentiles, the most. */
static void latency_figures(const struct hist *h, uint64_t v[LATENCIES])
{
	v[0] = h->min;
	v[1] = hist_mean(h);
	for (unsigned k = 0; k < STAT_PERCENTILES; k++)
		v[2 + k] = hist_percentile(h, stat_percentiles[k].ppm);
	v[2 + STAT_PERCENTILES] = h->max;
}

/* The figures from one to another, each of all spans. */
static void latency_columns(struct page *p, unsigned from, unsigned to)
{
	bool headed = false;

	for (unsigned i = 0; i < STATS_SPANS; i++) {
		const struct hist *h = p->d->span[i];
		uint64_t v[LATENCIES];
		TEXT(t, 256);

		if (!h || !h->count)
			continue;
		if (!headed) {
			fprintf(p->to, "\n  %-18s %9s", "latency", "number");
			for (unsigned k = from; k < to; k++)
				fprintf(p->to, " %9s",
					k == 0		     ? "least"
					: k == 1	     ? "mean"
					: k == LATENCIES - 1 ? "most"
							     : stat_percentiles[k - 2].title);
			fputc('\n', p->to);
		}
		headed = true;
		latency_figures(h, v);
		text_add(&t, "  %-18s %9" PRIu64, stats_span_title(i, p->dev), h->count);
		for (unsigned k = from; k < to; k++) {
			TEXT(d, 24);

			text_duration(&d, v[k]);
			text_add(&t, " %9s", d.buf);
		}
		fprintf(p->to, "%s\n", t.buf);
	}
	if (p->c.untimed)
		fprintf(p->to,
			"%s  %" PRIu64 " of %" PRIu64 " completed requests were popped at a time "
			"that the trace does not have\n",
			headed ? "" : "\n", p->c.untimed, p->c.used);
}

/* In one table, or in as many as the width needs. */
static void latencies(struct page *p)
{
	unsigned room = (stat_width(p->v, WIDTH) - 30) / 10,
		 each = room < LATENCIES ? room : LATENCIES;

	for (unsigned from = 0; each && from < LATENCIES; from += each)
		latency_columns(p, from, from + each < LATENCIES ? from + each : LATENCIES);
}

static void economy(struct page *p)
{
	TEXT(kicks, 512);
	TEXT(irqs, 512);
	TEXT(each, 256);
	TEXT(kicked, 256);
	TEXT(wanted, 256);

	if (!p->c.popped && !p->c.kicks && !p->c.interrupts)
		return;
	if (p->dev->no_rings || p->dev->apart) {
		stat_text_count(&kicks, p->c.kicks, "kick", "kicks");
		text_puts(&kicks, "; ");
		stat_text_count(&kicks, p->c.interrupts, "interrupt", "interrupts");
		text_puts(&kicks, " known to be its own");
		say(p, "notifications", &kicks);
		return;
	}
	if (p->dev->no_notifications) {
		text_puts(&kicks, "not in the trace: memory shows neither kicks nor interrupts");
		say(p, "notifications", &kicks);
		return;
	}
	stat_text_kicks(&kicks, &p->c, p->d);
	say(p, "notifications", &kicks);
	stat_text_interrupts(&irqs, &p->c, p->d);
	say(p, "", &irqs);
	stat_text_per_request(&each, &p->c, p->d);
	say(p, "per request", &each);
	if (p->dev->by_driver)
		return; /* the stages tell */
	stat_text_announced(&kicked, &p->c, p->d);
	say(p, "", &kicked);
	stat_text_wanted(&wanted, &p->c, p->d);
	say(p, "", &wanted);
}

static void occupancy(struct page *p)
{
	bool known = stats_depth_known(p->d->hidden, &p->c);
	const char *comma = "";
	TEXT(t, 512);

	if (p->c.popped == p->c.posted && !p->d->flight)
		return;
	if (!p->v->filter && p->d->tallied)
		text_add(&t, "%.2f in flight on average, ", stats_ratio(p->c.flight_ns, p->ns));
	else if (known && !p->v->filter)
		text_add(&t, "%.2f in flight on average, %.2f while busy (%.1f %% of the time), ",
			 stats_ratio(p->c.flight_ns, p->ns),
			 stats_ratio(p->c.flight_ns, p->c.busy_ns),
			 100 * stats_ratio(p->c.busy_ns, p->ns));
	if (known)
		text_add(&t, "at most %u", p->d->flight_max);
	else
		text_puts(&t, "unknown: requests were recorded when they completed");
	text_puts(&t, "; at most waiting to be popped ");
	for (const struct stats_queue *q = p->d->queues; q; q = q->hh.next) {
		if (!q->waiting_max || t.len > 300 || q->posts)
			continue;
		text_add(&t, "%s%u of %u (q%u)", comma, q->waiting_max, q->size, q->index);
		comma = ", ";
	}
	if (!*comma)
		text_puts(&t, "unknown");
	say(p, "occupancy", &t);
}

static void errors(struct page *p)
{
	const struct class *class = p->dev->class;
	const char *comma = "";
	bool now;
	TEXT(t, 512);

	if (p->d->tallied && p->c.errors) {
		text_add(&t, "%" PRIu64 " of unknown status", p->c.errors);
		comma = ", ";
	}
	for (unsigned i = 1; i < STATS_STATUSES; i++) {
		const char *name =
			class && class->statuses ? spec_name_of(class->statuses, i) : NULL;

		if (!p->c.status[i] || !class || !class->statuses)
			continue;
		if (i == STATS_STATUSES - 1)
			text_add(&t, "%s%" PRIu64 " of another status", comma, p->c.status[i]);
		else if (name)
			text_add(&t, "%s%" PRIu64 " %s", comma, p->c.status[i], name);
		else
			text_add(&t, "%s%" PRIu64 " status %u", comma, p->c.status[i], i);
		comma = ", ";
	}
	if (p->c.device_errors)
		text_add(&t, "%s%" PRIu64 " declared by the device", comma, p->c.device_errors);
	if (!t.len)
		text_puts(&t, p->dev->no_rings ? "unknown" : "none");
	say(p, "errors", &t);
	t.len = 0;
	if (!p->c.stalls)
		return;
	stat_text_count(&t, p->c.stalls, "time", "times");
	text_puts(&t, " a queue had requests and completed none for 1 s and more; the longest ");
	text_duration(&t, stats_device_stall_max(p->v->stats, p->d, &now));
	text_puts(&t, now ? ", which goes on" : "");
	say(p, "stalls", &t);
}

static void findings(struct page *p)
{
	const struct stat_finding *f;
	const char *label = "findings";
	unsigned n = 0;

	if (!p->v->findings)
		return;
	for (; (f = stat_findings_nth(p->v->findings, p->dev->id, n)); n++) {
		TEXT(t, 512);

		if (f->rule->severity > CHECK_SHOULD)
			break; /* sorted */
		if (n >= TOP_FINDINGS)
			continue;
		text_add(&t, "%s %s ", check_severity_name(f->rule->severity), f->rule->id);
		stat_text_count(&t, f->count, "time", "times");
		text_add(&t, ", first at event %" PRIu64 ": %s", f->number, f->seen);
		say(p, label, &t);
		label = "";
	}
	if (n > TOP_FINDINGS)
		fprintf(p->to, "  %-*sand %u more rules; see vqtrace check\n", INDENT - 2, "",
			n - TOP_FINDINGS);
	if (!n)
		fprintf(p->to, "  %-*s%s\n", INDENT - 2, label,
			p->d->tallied ? "unknown: a light capture has no events to check"
			: !check_decided(p->v->check, p->dev->id)
				? "unknown: nothing was decidable of it"
				: "none");
}

/* What the figures leave out, so that nobody takes it for 0. */
static void unknowns(struct page *p)
{
	TEXT(t, 256);

	if (!p->d->tallied)
		return;
	text_puts(&t,
		  "counted by a light capture: descriptors, sizes, access, statuses, time busy, "
		  "stalls, what waits, and times of kicks and interrupts are not in the trace");
	say(p, "unknown", &t);
}

static int table(struct page *p, enum stat_by by)
{
	fputc('\n', p->to);
	return stat_print_table(p->to, p->v, by, p->d, STAT_PAGE(by), "  ");
}

static bool any_set_up(const struct stats_device *d)
{
	for (const struct stats_queue *q = d->queues; q; q = q->hh.next)
		if (q->set_up && q->counts.events)
			return true;
	return false;
}

static int print_device(struct page *p)
{
	int rc = 0;

	title(p);
	negotiation(p);
	data_path(p);
	access_pattern(p);
	economy(p);
	occupancy(p);
	errors(p);
	unknowns(p);
	findings(p);
	if (p->dev->no_rings)
		return 0; /* tables are of requests */
	if (p->c.popped || p->c.kicks || p->d->flight || any_set_up(p->d))
		rc = table(p, STAT_BY_QUEUE);
	if (!rc && p->c.used) {
		rc = table(p, STAT_BY_TYPE);
		rc = rc ? rc : table(p, STAT_BY_SIZE);
		latencies(p);
	}
	if (p->d->stages)
		fputc('\n', p->to);
	stat_print_stages(p->to, p->d->stages, "  ", stat_width_all(p->v), true);
	return rc;
}

int stat_print_page(FILE *to, const struct stat_view *v)
{
	struct page p = { .to = to, .v = v };
	unsigned shown = 0;
	int rc = 0;

	trace_line(to, v);
	for (unsigned i = 0; !rc && (p.d = stats_device_nth(v->stats, i)); i++) {
		p.dev = model_device(v->model, p.d->id);
		if (!p.dev || !p.d->counts.events)
			continue;
		stats_device_counts(v->stats, p.d, 0, &p.c);
		p.ns = stats_active_ns(v->stats, p.d->first_ts, p.d->last_ts, p.d->flight);
		rc = print_device(&p);
		shown++;
	}
	if (!shown)
		fprintf(to, stat_partial(v) ? "nothing matched\n" : "no virtio devices\n");
	return rc ? rc : ferror(to) ? -EIO : 0;
}
