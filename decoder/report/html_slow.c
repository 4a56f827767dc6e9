/* SPDX-License-Identifier: MIT */
/* The slowest requests on the page: how their time was spent, and their events. */
#include <inttypes.h>

#include "decoder/report/html_impl.h"

#define BAR 1000.0 /* its width, in its own units */

/* --- a bar of its stages, as long as it took in relation to the slowest --- */

static void put_piece(FILE *to, const char *class, uint64_t begin, uint64_t from, uint64_t until,
		      uint64_t longest)
{
	if (!from || until <= from || from < begin)
		return;
	fprintf(to, "<rect class=\"%s\" x=\"%.1f\" y=\"0\" width=\"%.1f\" height=\"10\"/>", class,
		BAR * (double)(from - begin) / (double)longest,
		BAR * (double)(until - from) / (double)longest);
}

static void put_bar(FILE *to, const struct slow_request *r, uint64_t longest)
{
	uint64_t begin = r->announced ? r->announced : r->popped ? r->popped : r->seen;
	uint64_t end = begin + r->ns;

	if (!longest)
		return;
	fprintf(to,
		"<svg class=\"bar\" xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %.0f 10\" "
		"preserveAspectRatio=\"none\" aria-hidden=\"true\">",
		BAR);
	if (r->popped)
		put_piece(to, "wait", begin, r->announced, r->popped, longest);
	put_piece(to, "service", begin, r->popped ? r->popped : r->seen, end, longest);
	if (r->submitted)
		put_piece(to, "back", begin, r->submitted,
			  r->answered && r->answered < end ? r->answered : end, longest);
	fputs("</svg>", to);
}

/* --- a row --- */

static void put_span(FILE *to, uint64_t from, uint64_t until)
{
	fputs("<td>", to);
	if (from && until >= from) {
		TEXT(t, 24);

		text_duration(&t, until - from);
		fputs(t.buf, to);
	} else {
		fputc('-', to);
	}
	fputs("</td>", to);
}

static void put_end(FILE *to, const struct slow_request *r)
{
	fprintf(to, "<td class=\"words%s\">", r->failed ? " bad" : "");
	if (r->end == SLOW_USED)
		html_text(to, *r->result ? r->result : "completed");
	else
		fputs(r->end == SLOW_RESET ? "cancelled by a reset" : "in flight at the end", to);
	if (r->before)
		fputs(", popped before the trace", to);
	fputs("</td>", to);
}

static void put_row(FILE *to, const struct stat_view *v, const struct slow_request *r, bool least,
		    uint64_t longest)
{
	const struct model_device *dev = model_device(v->model, r->device);

	fprintf(to,
		"<tr data-request=\"%" PRIu64 "\"><td>%" PRIu64
		"</td><td class=\"words\">%s:%u</td>",
		r->number, r->number, dev ? dev->name : "?", r->queue);
	fputs("<td class=\"what\">", to);
	html_text(to, r->what);
	fprintf(to, "</td><td>%s", least ? "at least " : "");
	html_duration(to, "took", r->ns);
	fputs("</td><td class=\"words\">", to);
	put_bar(to, r, longest);
	fputs("</td>", to);
	put_span(to, r->popped ? r->announced : 0, r->popped);
	put_span(to, r->popped, r->used);
	put_span(to, r->answered ? r->submitted : 0, r->answered);
	put_span(to, r->interrupted ? r->used : 0, r->interrupted);
	put_end(to, r);
	fputs("</tr>\n", to);
}

/* --- its events --- */

/* Both sides: how long until each point. */
static void put_life(FILE *to, const struct slow_request *r)
{
	struct life_span span[LIFE_POINTS];
	unsigned n = r->life.number ? life_spans(&r->life, span) : 0;

	if (!n)
		return;
	fputs("<p class=\"note\">Of both sides: ", to);
	for (unsigned i = 0; i < n; i++) {
		TEXT(t, 24);

		text_duration(&t, span[i].ns);
		fprintf(to, "%s%s until %s", i ? ", " : "", t.buf, life_point_name(span[i].to));
		if (span[i].crosses && r->life.error) {
			t.len = 0;
			text_duration(&t, r->life.error);
			fprintf(to, " (&#177;%s)", t.buf);
		}
	}
	fputs(".</p>\n", to);
}

static void put_events(FILE *to, const struct slow_request *r)
{
	fprintf(to,
		"<tr class=\"events\"><td colspan=\"10\"><details><summary>%u event%s</summary>\n",
		r->nevents + r->more, r->nevents + r->more == 1 ? "" : "s");
	put_life(to, r);
	fputs("<table>\n<tbody>\n", to);
	for (unsigned i = 0; i < r->nevents; i++) {
		const struct slow_event *e = &r->event[i];
		uint64_t before = i ? r->event[i - 1].since : e->since;
		TEXT(t, 24);

		text_duration(&t, e->since > before ? e->since - before : 0);
		fprintf(to,
			"<tr><td>%" PRIu64 "</td><td>%" PRIu64 ".%06" PRIu64
			" s</td><td>%s%s</td><td class=\"what\">",
			e->number, e->since / 1000000000, e->since % 1000000000 / 1000,
			i ? "+" : "", i ? t.buf : "");
		html_text(to, e->what);
		fputs("</td></tr>\n", to);
	}
	if (r->more)
		fprintf(to, "<tr><td colspan=\"4\">and %u more</td></tr>\n", r->more);
	fputs("</tbody></table></details></td></tr>\n", to);
}

static void put_list(FILE *to, const struct stat_view *v, const struct slow *slow, bool least)
{
	const struct slow_request *r = slow_nth(slow, least, 0);
	uint64_t longest = r ? r->ns : 0;

	if (!r)
		return;
	fprintf(to,
		"<div class=\"wide\"><table class=\"slow\">\n<thead><tr><th scope=\"col\">event</th><th "
		"scope=\"col\" class=\"words\">queue</th><th scope=\"col\" class=\"words\">request</th><th "
		"scope=\"col\">took</th><th scope=\"col\" class=\"words\"></th><th "
		"scope=\"col\">waiting</th><th scope=\"col\">service</th><th scope=\"col\">back "
		"end</th><th scope=\"col\">next interrupt after</th><th scope=\"col\" "
		"class=\"words\">end</th></tr></thead>\n<tbody%s>\n",
		least ? " data-least=\"yes\"" : "");
	for (unsigned n = 0; (r = slow_nth(slow, least, n)); n++) {
		put_row(to, v, r, least, longest);
		put_events(to, r);
	}
	fputs("</tbody></table></div>\n", to);
}

void html_slow(FILE *to, const struct stat_view *v, const struct slow *slow)
{
	fputs("<h2 id=\"slow\">Slowest requests</h2>\n", to);
	fprintf(to,
		"<p>At most %d of <data data-name=\"timed\" value=\"%" PRIu64 "\">%" PRIu64
		"</data> whose time is known, from the kick that announced them (else from their pop) until "
		"the device had used them.<span class=\"key\" style=\"background:var(--wait)\"></span>"
		"waiting<span class=\"key\" style=\"background:var(--service)\"></span>service<span "
		"class=\"key\" style=\"background:var(--back)\"></span>of it in the back end</p>\n",
		SLOW_MOST, slow_count(slow, false), slow_count(slow, false));
	put_list(to, v, slow, false);
	if (!slow_nth(slow, false, 0))
		fputs("<p>None.</p>\n", to);
	if (!slow_nth(slow, true, 0))
		return;
	fprintf(to,
		"<h3>Requests whose time is known from below only</h3>\n<p>Popped at an unknown time, "
		"cancelled, or in flight at the end: at most %d of %" PRIu64 ".</p>\n",
		SLOW_MOST, slow_count(slow, true));
	put_list(to, v, slow, true);
}
