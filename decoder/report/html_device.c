/* SPDX-License-Identifier: MIT */
/* A device on the page: its figures, its picture, what the checker found. */
#include <inttypes.h>
#include <string.h>

#include "decoder/check/rule.h"
#include "decoder/report/html_impl.h"
#include "decoder/report/svg.h"

static void put_heading(FILE *to, const struct stats_device *d, const struct model_device *dev)
{
	fprintf(to, "<section id=\"device-%u\" data-device=\"%s\">\n<h2>%s: %s", d->id, dev->name,
		dev->name, dev->class ? dev->class->title : "virtio device");
	if (*dev->user_id) {
		fputs(" \xe2\x80\x9c", to);
		html_text(to, dev->user_id);
		fputs("\xe2\x80\x9d", to);
	}
	fputs("</h2>\n", to);
	if (*dev->type_name) {
		fputs("<p class=\"faint\">", to);
		html_text(to, dev->type_name);
		fputs("</p>\n", to);
	}
}

/* --- cards: what one looks for first --- */

static void begin_card(FILE *to)
{
	fputs("<li><b>", to);
}

static void end_card(FILE *to, const char *what)
{
	fprintf(to, "</b><span>%s</span></li>\n", what);
}

static void card_count(FILE *to, const char *name, uint64_t n, const char *what)
{
	begin_card(to);
	html_count(to, name, n);
	end_card(to, what);
}

static void card_size(FILE *to, const char *name, uint64_t n, const char *what)
{
	TEXT(t, 24);

	text_size(&t, n);
	begin_card(to);
	fprintf(to, "<data data-name=\"%s\" value=\"%" PRIu64 "\">%s</data>", name, n, t.buf);
	end_card(to, what);
}

static void put_cards(FILE *to, const struct stat_view *v, const struct stats_device *d,
		      const struct model_device *dev)
{
	const struct hist *service = d->span[STATS_SERVICE];
	uint64_t ns = stats_active_ns(v->stats, d->first_ts, d->last_ts, d->flight);
	struct stats_counts c;

	stats_device_counts(v->stats, d, 0, &c);
	fputs("<ul class=\"cards\">\n", to);
	card_count(to, "used", c.used,
		   c.posted ? "requests and buffers completed" : "requests completed");
	card_count(to, "errors", c.errors, "of them failed");
	if (ns) {
		begin_card(to);
		fprintf(to, "%.*f", stats_rate(c.used, ns) < 100, stats_rate(c.used, ns));
		end_card(to, "a second");
	}
	card_size(to, "bytes_in", c.bytes_in, "to the driver");
	card_size(to, "bytes_out", c.bytes_out, "from the driver");
	if (service && service->count) {
		begin_card(to);
		html_duration(to, "p50", hist_percentile(service, 500000));
		end_card(to, dev->by_driver ? "median, added to taken" : "median service");
		begin_card(to);
		html_duration(to, "p99", hist_percentile(service, 990000));
		end_card(to, "p99");
		begin_card(to);
		html_duration(to, "max", service->max);
		end_card(to, "slowest");
	}
	if (!d->tallied && stats_depth_known(d->hidden, &c))
		card_count(to, "in_flight_max", d->flight_max, "in flight at most");
	if (c.stalls)
		card_count(to, "stalls", c.stalls, "stalls of 1 s and more");
	fputs("</ul>\n", to);
}

/* What is in no figure of time. */
static void put_unknown(FILE *to, const struct stat_view *v, const struct stats_device *d,
			const struct model_device *dev)
{
	struct stats_counts c;

	stats_device_counts(v->stats, d, 0, &c);
	if (dev->no_rings)
		fputs("<p class=\"note\">Requests are unknown: KVM does not show them.</p>\n", to);
	if (d->tallied)
		fputs("<p class=\"note\">Counted by a light capture: waiting, requests in flight over "
		      "time, sizes and the events of requests are not in the trace.</p>\n",
		      to);
	if (c.untimed) {
		fputs("<p class=\"note\">", to);
		html_count(to, "untimed", c.untimed);
		fputs(" requests were popped at an unknown time: how long they took is known from below "
		      "only, and they are in no percentile and no picture.</p>\n",
		      to);
	}
	if (d->flight && !d->tallied) {
		fputs("<p class=\"note\">", to);
		html_count(to, "in_flight", d->flight);
		fputs(" requests were in flight at the end: they are in no percentile.</p>\n", to);
	}
}

/* --- times --- */

static void time_cell(FILE *to, const char *name, uint64_t ns)
{
	fputs("<td>", to);
	html_duration(to, name, ns);
	fputs("</td>", to);
}

static void put_times(FILE *to, const struct stats_device *d, const struct model_device *dev)
{
	bool headed = false;

	for (unsigned i = 0; i < STATS_SPANS; i++) {
		const struct hist *h = d->span[i];

		if (!h || !h->count)
			continue;
		if (!headed)
			fputs("<h3>Times</h3>\n<div class=\"wide\"><table>\n<thead><tr><th scope=\"col\" "
			      "class=\"words\">latency</th><th scope=\"col\">number</th><th "
			      "scope=\"col\">least</th><th scope=\"col\">mean</th><th "
			      "scope=\"col\">p50</th><th scope=\"col\">p90</th><th "
			      "scope=\"col\">p99</th><th scope=\"col\">p99.9</th><th "
			      "scope=\"col\">most</th></tr></thead>\n<tbody>\n",
			      to);
		headed = true;
		fprintf(to, "<tr data-span=\"%s\"><td class=\"words\">%s</td><td>",
			stats_span_names[i].name, stats_span_title(i, dev));
		html_count(to, "count", h->count);
		fputs("</td>", to);
		time_cell(to, "min", h->min);
		time_cell(to, "mean", hist_mean(h));
		time_cell(to, "p50", hist_percentile(h, 500000));
		time_cell(to, "p90", hist_percentile(h, 900000));
		time_cell(to, "p99", hist_percentile(h, 990000));
		time_cell(to, "p99_9", hist_percentile(h, 999000));
		time_cell(to, "max", h->max);
		fputs("</tr>\n", to);
	}
	if (headed)
		fputs("</tbody></table></div>\n", to);
}

/* --- findings --- */

static void put_finding(FILE *to, const struct stat_finding *f)
{
	fprintf(to,
		"<tr data-rule=\"%s\"><td class=\"words\">%s</td><td class=\"words\">%s</td><td "
		"class=\"words\">%s</td><td>",
		f->rule->id, f->rule->id, check_party_name(f->rule->party),
		check_severity_name(f->rule->severity));
	html_count(to, "count", f->count);
	fprintf(to, "</td><td>%" PRIu64 "</td><td class=\"what\">", f->number);
	html_text(to, f->seen);
	fputs("<br/><span class=\"faint\">", to);
	html_text(to, f->rule->text);
	fprintf(to, " (virtio 1.4, %s)</span></td></tr>\n", f->section);
}

static void put_findings(FILE *to, const struct stat_view *v, const struct stats_device *d)
{
	const struct stat_finding *f;
	unsigned n = 0;

	fputs("<h3>Findings</h3>\n", to);
	for (; (f = stat_findings_nth(v->findings, d->id, n)); n++) {
		if (!n)
			fputs("<div class=\"wide\"><table>\n<thead><tr><th class=\"words\" "
			      "scope=\"col\">rule</th><th class=\"words\" scope=\"col\">party</th><th "
			      "class=\"words\" scope=\"col\">severity</th><th scope=\"col\">times</th><th "
			      "scope=\"col\">first event</th><th class=\"words\" "
			      "scope=\"col\">seen, and required</th></tr></thead>\n<tbody>\n",
			      to);
		put_finding(to, f);
	}
	if (n)
		fputs("</tbody></table></div>\n", to);
	else
		fprintf(to, "<p>%s</p>\n",
			d->tallied ? "Unknown: a light capture has no events to check."
			: !check_decided(v->check, d->id) ? "Unknown: nothing was decidable of it."
							  : "None.");
}

/* --- all of it --- */

static int put_tables(FILE *to, const struct stat_view *v, const struct stats_device *d,
		      const struct model_device *dev)
{
	int rc = 0;

	if (dev->no_rings || !d->queues)
		return 0;
	fputs("<h3>By queue</h3>\n", to);
	rc = stat_print_html(to, v, STAT_BY_QUEUE, d);
	if (rc || !d->counts.used)
		return rc;
	fputs("<h3>By type</h3>\n", to);
	rc = stat_print_html(to, v, STAT_BY_TYPE, d);
	if (rc)
		return rc;
	fputs("<h3>By size</h3>\n", to);
	return stat_print_html(to, v, STAT_BY_SIZE, d);
}

int html_device(FILE *to, const struct stat_view *v, const struct stats_device *d,
		const struct model_device *dev)
{
	int rc;

	put_heading(to, d, dev);
	if (!dev->no_rings)
		put_cards(to, v, d, dev);
	put_unknown(to, v, d, dev);
	if (v->findings)
		put_findings(to, v, d);
	fputs("<h3>Over time</h3>\n", to);
	plot_device(to, v, d);
	put_times(to, d, dev);
	rc = put_tables(to, v, d, dev);
	fputs("</section>\n", to);
	return rc;
}
