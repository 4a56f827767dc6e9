/* SPDX-License-Identifier: MIT */
/* The page: its head, what it says of the trace, and what it consists of. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "decoder/report/html_impl.h"
#include "decoder/report/svg.h"
#include "decoder/util/xml.h"

void html_text(FILE *to, const char *s)
{
	xml_escape(to, s, strlen(s));
}

void html_duration(FILE *to, const char *name, uint64_t ns)
{
	TEXT(t, 24);

	text_duration(&t, ns);
	fprintf(to, "<data data-name=\"%s\" value=\"%" PRIu64 "\">%s</data>", name, ns, t.buf);
}

void html_count(FILE *to, const char *name, uint64_t n)
{
	fprintf(to, "<data data-name=\"%s\" value=\"%" PRIu64 "\">%" PRIu64 "</data>", name, n, n);
}

/* --- style --- */

static const struct plot_colors light = {
	.ink = "#222",
	.paper = "#fff",
	.grid = "#ddd",
	.faint = "#666",
	.line = { "#0b5cad", "#b3400a", "#7a1fa2", "#3d7a1f", "#00737a" },
	.shade = { "#cfe3f7", "#08306b" },
};
static const struct plot_colors dark = {
	.ink = "#ddd",
	.paper = "#16191d",
	.grid = "#3a3f46",
	.faint = "#9aa3ad",
	.line = { "#6cb6ff", "#ff9d5c", "#d7a1f5", "#8fd16a", "#54d1d8" },
	.shade = { "#1d3a57", "#d6ebff" },
};

static const char style[] =
	":root{color-scheme:light dark;--ink:#222;--paper:#fff;--line:#ddd;--faint:#666;--soft:#f4f6f8;"
	"--bad:#a8200d;--link:#0b5cad;--wait:#d98032;--service:#3b7fc4;--back:#1d4f86;--irq:#8a8a8a}\n"
	"@media (prefers-color-scheme:dark){:root{--ink:#ddd;--paper:#16191d;--line:#3a3f46;"
	"--faint:#9aa3ad;--soft:#1f242a;--bad:#ff8f7d;--link:#6cb6ff;--wait:#e59a55;--service:#5f9fe0;"
	"--back:#a9cdf2;--irq:#8a8a8a}"
	"path[fill^=\"url(#stage\"],rect[style*=\"stage-\"]{filter:invert(.88)}}\n"
	"body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);margin:0 auto;"
	"max-width:70rem;padding:1rem 1.25rem 4rem}\n"
	"h1{font-size:1.6rem;margin:.5rem 0;overflow-wrap:anywhere}h2{font-size:1.3rem;margin:2.5rem 0 .5rem;"
	"border-top:1px solid var(--line);padding-top:1rem}h3{font-size:1.02rem;margin:1.6rem 0 .4rem}\n"
	"a{color:var(--link)}nav a{margin-right:1rem}p{margin:.4rem 0;max-width:50rem}.faint{color:var(--faint)}"
	".bad{color:var(--bad)}.note{color:var(--faint);font-size:.9em}\n"
	"table{border-collapse:collapse;font-size:.85rem;font-variant-numeric:tabular-nums}"
	"th,td{padding:.2rem .55rem;text-align:right;border-bottom:1px solid var(--line);white-space:nowrap}"
	"th{font-weight:600;color:var(--faint)}.words,td.what{text-align:left}td.what{white-space:normal;"
	"min-width:14rem;overflow-wrap:anywhere}tbody tr:hover{background:var(--soft)}\n"
	".wide{overflow-x:auto}pre{overflow-x:auto;background:var(--soft);padding:.8rem;font-size:.8rem;"
	"line-height:1.35}summary{cursor:pointer;color:var(--link)}\n"
	".cards{display:flex;flex-wrap:wrap;gap:.6rem;margin:.8rem 0;padding:0;list-style:none}.cards li"
	"{background:var(--soft);border-radius:.4rem;padding:.45rem .8rem;min-width:6.5rem}.cards b{display:block;"
	"font-size:1.15rem}.cards span{color:var(--faint);font-size:.8rem}\n"
	"svg.plot{width:100%;height:auto;max-width:960px;display:block}svg.bar{width:13rem;height:.8rem;"
	"vertical-align:middle}.wait{fill:var(--wait)}.service{fill:var(--service)}.back{fill:var(--back)}"
	".irq{fill:var(--irq)}.key{display:inline-block;width:1.6rem;height:.7rem;margin:0 .3rem 0 .9rem}\n"
	"tr.events td{text-align:left;padding:0 0 .4rem 2rem}tr.events table td{padding:.1rem .55rem}"
	"tr.events table{margin:.3rem 0}.tools{display:none;position:sticky;top:0;background:var(--paper);padding:.3rem 0;z-index:1;gap:.4rem;align-items:center;margin:.5rem 0}"
	".tools button{font:inherit;padding:.1rem .6rem;color:var(--ink);background:var(--soft);border:1px solid "
	"var(--line);border-radius:.3rem}.js .tools{display:flex}.js svg.plot{touch-action:pan-y}"
	".hit:hover{fill-opacity:.12}.sel{fill:var(--link);fill-opacity:.2}\n"
	"@media print{body{max-width:none;font-size:11px}.tools,nav{display:none!important}"
	"h2{break-before:auto}table,svg.plot{break-inside:auto}tr{break-inside:avoid}pre{white-space:pre-wrap}}\n";

/* Paper is white, whatever the screen is. */
static void put_style(FILE *to)
{
	fputs("<style>\n", to);
	fputs(style, to);
	plot_style(to, &light);
	fputs("\n@media (prefers-color-scheme:dark){", to);
	plot_style(to, &dark);
	fputs("}\n@media print{:root{--ink:#000;--paper:#fff;--line:#bbb;--faint:#444;--soft:#f4f4f4;"
	      "--bad:#a8200d;--link:#000}path[fill^=\"url(#stage\"],rect[style*=\"stage-\"]{filter:none}",
	      to);
	plot_style(to, &light);
	fputs("}\n</style>\n", to);
}

static void head(FILE *to, const char *of)
{
	fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n"
	      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
	      "style-src 'unsafe-inline'; script-src 'unsafe-inline'\"/>\n"
	      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n<title>",
	      to);
	html_text(to, of);
	fputs(": vqtrace stat</title>\n", to);
	put_style(to);
	fputs("</head>\n<body>\n", to);
}

/* --- the trace --- */

static void put_wall(FILE *to, const struct stat_view *v)
{
	int64_t wall = model_wall(v->model);
	uint64_t ns = stats_total(v->stats)->start_ts + (uint64_t)wall;
	time_t t = (time_t)(ns / 1000000000);
	struct tm tm;
	char buf[64];

	if (wall && localtime_r(&t, &tm) && strftime(buf, sizeof(buf), "%Y-%m-%d %H:%M:%S %z", &tm))
		fprintf(to, ", begun at %s", buf);
}

static void put_trace(FILE *to, const struct stat_view *v, const char *of)
{
	const struct stats_total *total = stats_total(v->stats);

	fputs("<h1>", to);
	html_text(to, of);
	fputs("</h1>\n<p id=\"trace\">", to);
	html_count(to, "events", total->events);
	fputs(" events in ", to);
	html_duration(to, "duration", total->last_ts - total->first_ts);
	put_wall(to, v);
	fputs(".</p>\n", to);
	if (v->window) {
		fputs("<p>Counted is the time ", to);
		html_text(to, v->window);
		fputs(" after the first event.</p>\n", to);
	}
	if (v->filter) {
		fputs("<p>Counted are events that match <code>", to);
		html_text(to, v->filter);
		fputs("</code>.</p>\n", to);
	}
	if (!total->lost.records && !total->lost.more)
		return;
	fputs("<p class=\"bad\">", to);
	if (total->lost.more)
		fputs("At least ", to);
	html_count(to, "lost", total->lost.records);
	fputs(" events were lost while recording: figures and findings lack them.</p>\n", to);
}

static void put_contents(FILE *to, const struct stat_view *v)
{
	const struct stats_device *d;

	fputs("<nav>", to);
	for (unsigned i = 0; (d = stats_device_nth(v->stats, i)); i++) {
		const struct model_device *dev = model_device(v->model, d->id);

		if (dev && d->counts.events)
			fprintf(to, "<a href=\"#device-%u\">%s</a>", d->id, dev->name);
	}
	fputs("<a href=\"#slow\">slowest requests</a><a href=\"#text\">as text</a></nav>\n"
	      "<div class=\"tools\"><button data-do=\"in\">zoom in</button><button data-do=\"out\">zoom "
	      "out</button><button data-do=\"left\">&#8592;</button><button "
	      "data-do=\"right\">&#8594;</button><button data-do=\"all\">all</button><span "
	      "class=\"faint\">or drag over a picture; double-click shows all</span></div>\n",
	      to);
}

/* The page that stat prints, word for word. */
static int put_text(FILE *to, const struct stat_view *v)
{
	struct stat_view wide = *v;
	char *text = NULL;
	size_t len = 0;
	FILE *page = open_memstream(&text, &len);
	int rc;

	if (!page)
		return -ENOMEM;
	wide.width = 0;
	rc = stat_print_page(page, &wide);
	if (fclose(page) && !rc)
		rc = -ENOMEM;
	fputs("<h2 id=\"text\">As text</h2>\n<p>What <code>vqtrace stat</code> prints.</p>\n<pre>",
	      to);
	for (char *at = text; !rc && at && at < text + len;) {
		size_t n = strcspn(at, "\n");

		xml_escape(to, at, n);
		fputc('\n', to);
		at += n + 1;
	}
	fputs("</pre>\n", to);
	free(text);
	return rc;
}

static void put_notes(FILE *to)
{
	fputs("<h2>How to read it</h2>\n"
	      "<p>A request waits from the first kick that announced it until the device pops it, and is in "
	      "service from then until the device puts it into the used ring. A percentile is the upper end "
	      "of a bucket of a histogram: never too low, at most 6.25 % too high; in the pictures, which "
	      "have wider buckets, at most 25 %.</p>\n"
	      "<p>A picture has at most 128 slices of time a device. Each holds all of its requests: the "
	      "least and the most are exact, whatever their number, and none is left out. Time in which "
	      "nothing happened takes no room: it is hatched, and says how long it was.</p>\n"
	      "<p>What a trace does not hold is unknown, and shown as \xe2\x80\x9c-\xe2\x80\x9d. A time that "
	      "is known from below only is shown as \xe2\x80\x9c"
	      "at least\xe2\x80\x9d, and enters no percentile and no picture.</p>\n",
	      to);
}

int report_html(FILE *to, const struct stat_view *v, const struct slow *slow, const char *of)
{
	const struct stats_device *d;
	unsigned shown = 0;
	int rc = 0;

	head(to, of);
	put_trace(to, v, of);
	put_contents(to, v);
	plot_patterns(to);
	for (unsigned i = 0; !rc && (d = stats_device_nth(v->stats, i)); i++) {
		const struct model_device *dev = model_device(v->model, d->id);

		if (!dev || !d->counts.events)
			continue;
		rc = html_device(to, v, d, dev);
		shown++;
	}
	if (!shown)
		fprintf(to, "<p>%s</p>\n",
			v->filter || v->window ? "Nothing matched." : "No virtio devices.");
	html_slow(to, v, slow);
	fputs("<h2>Threads</h2>\n", to);
	rc = rc ? rc : stat_print_html(to, v, STAT_BY_VCPU, NULL);
	rc = rc ? rc : put_text(to, v);
	put_notes(to);
	fprintf(to, "<script>\n%s</script>\n</body>\n</html>\n", html_script);
	return rc ? rc : ferror(to) ? -EIO : 0;
}
