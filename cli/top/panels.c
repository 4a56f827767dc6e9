/* SPDX-License-Identifier: MIT */
/*
 * The panels but the table (cli/top/table.c): each draws the data of the core; none has
 * state of its own.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/top/screen_impl.h"
#include "decoder/class/class.h"
#include "decoder/print/line.h"
#include "decoder/check/rule.h"
#include "decoder/util/array.h"

/* --- requests in flight ---------------------------------------------------- */

static int by_age(const void *a, const void *b)
{
	const struct model_request *const *p = a, *const *q = b;

	if ((*p)->seen_ts != (*q)->seen_ts)
		return (*p)->seen_ts < (*q)->seen_ts ? -1 : 1;
	return (*p)->number < (*q)->number ? -1 : (*p)->number > (*q)->number;
}

/* Of the selected queue, or of all queues of the selected device; to be freed. */
static const struct model_request **in_flight(struct screen *x, const struct model_device *d,
					      size_t *n)
{
	const struct model_request **all = NULL;
	size_t cap = 0;

	*n = 0;
	for (const struct model_queue *q = d->queues; q; q = q->hh.next) {
		if (x->kind == TOP_QUEUE && q->index != x->queue)
			continue;
		for (const struct model_request *r = q->in_flight; r; r = r->hh.next) {
			if (!array_room(all, cap, *n + 1))
				break;
			all[(*n)++] = r;
		}
	}
	if (all)
		qsort(all, *n, sizeof(*all), by_age);
	return all;
}

/* Chains in flight since before the trace of which only the number is known. */
static void draw_unnamed(struct screen *x, int y, int h, const struct model_device *d)
{
	for (const struct model_queue *q = d->queues; q; q = q->hh.next) {
		size_t line = x->lines;

		if (!q->unnamed || (x->kind == TOP_QUEUE && q->index != x->queue))
			continue;
		x->lines++;
		if (line >= x->scroll && line - x->scroll < (size_t)(h - 1))
			screen_put(x, y + 1 + (int)(line - x->scroll), 0, PAINT_PLAIN,
				   "%10s %5u %5s %10s  %s%u since before the trace", "-", q->index,
				   "-", "-", q->unnamed_more ? "at least " : "", q->unnamed);
	}
}

static void draw_requests(struct screen *x, int y, int h)
{
	const struct model_device *d = screen_selected_device(x);
	uint64_t now = x->core->tick_ts > x->core->ts ? x->core->tick_ts : x->core->ts;
	const struct model_request **all;
	size_t n;

	screen_put_bar(x, y, PAINT_HEAD, "     EVENT QUEUE  HEAD        AGE  REQUEST");
	if (x->o->sources->request.light) {
		screen_put(
			x, y + 2, 2, PAINT_NOTE,
			"light mode counts requests and does not know them one by one; l switches");
		return;
	}
	all = in_flight(x, d, &n);
	x->lines = n;
	for (int i = 0; i < h - 1 && x->scroll + (size_t)i < n; i++) {
		const struct model_request *r = all[x->scroll + (size_t)i];
		uint64_t age = now > r->seen_ts ? now - r->seen_ts : 0;
		char what[120] = "";
		TEXT(took, 32);

		text_puts(&took, r->avail_ts ? "" : ">"); /* at least */
		text_duration(&took, age);
		class_describe(d->class, &r->io, what, sizeof(what));
		screen_put(x, y + 1 + i, 0, age > STATS_STALL_NS ? PAINT_BAD : PAINT_PLAIN,
			   "%10" PRIu64 " %5u %5u %10s  %s, %u descriptors%s%s", r->number,
			   r->queue, r->head, took.buf, what, r->ndesc - (r->ndirect < r->ndesc),
			   r->before ? ", since before the trace" : "",
			   r->flags & VQT_CHAIN_LIKELY ? " (likely)" : "");
	}
	draw_unnamed(x, y, h, d);
	if (!n && !x->lines)
		screen_put(x, y + 2, 2, PAINT_NOTE,
			   d && d->no_rings ? "what is in flight is not known: KVM shows no rings"
					    : "nothing is in flight");
	free(all);
}

const struct panel panel_requests = { .name = "requests in flight, oldest first",
				      .draw = draw_requests,
				      .device = true };

/* --- latency over time ----------------------------------------------------- */

#define HEAT_LOW 10 /* 1 us */
#define HEAT_HIGH 34 /* 17 s */

static uint64_t heat_at(const struct top_past *p, int octave)
{
	uint64_t n = 0;
	int lo = octave <= HEAT_LOW ? 0 : octave,
	    hi = octave >= HEAT_HIGH ? TOP_OCTAVES - 1 : octave;

	for (int o = lo; o <= hi; o++)
		n += p->octave[o];
	return n;
}

static unsigned heat_level(uint64_t n, uint64_t most)
{
	unsigned log = n ? 64 - (unsigned)__builtin_clzll(n) : 0;
	unsigned top = most ? 64 - (unsigned)__builtin_clzll(most) : 1;

	return n ? 1 + log * 7 / top : 0;
}

static void draw_heat(struct screen *x, int y, int h)
{
	const struct top_row *r = screen_selected(x);
	int width = COLS - 22, rows = HEAT_HIGH - HEAT_LOW + 1, step = rows > h - 3 ? 2 : 1;
	uint64_t most = 0, all = 0;

	if (width > TOP_HISTORY)
		width = TOP_HISTORY;
	screen_put_bar(x, y, PAINT_HEAD,
		       "   UP TO  requests by latency (up) and time (right is now)");
	for (int i = 0; i < width; i++)
		for (int o = HEAT_LOW; o <= HEAT_HIGH; o++) {
			const struct top_past *p = top_row_past(r, (unsigned)i);

			most = p && heat_at(p, o) > most ? heat_at(p, o) : most;
		}
	for (int line = 0; line * step < rows && line < h - 2; line++) {
		int o = HEAT_HIGH - line * step;
		TEXT(to, 32);

		text_duration(&to, UINT64_C(1) << (o + 1));
		screen_put(x, y + 1 + line, 0, PAINT_PLAIN, "%8s ", to.buf);
		all = 0;
		for (int i = 0; i < width; i++) {
			const struct top_past *p = top_row_past(r, (unsigned)(width - 1 - i));
			uint64_t n =
				!p ? 0
				   : heat_at(p, o) +
						(step == 2 && o > HEAT_LOW ? heat_at(p, o - 1) : 0);

			all += n;
			if (n)
				screen_put(x, y + 1 + line, 9 + i,
					   heat_level(n, most) > 5 ? PAINT_BAD : PAINT_WARN, "%s",
					   screen_spark(x, heat_level(n, most)));
		}
		screen_put(x, y + 1 + line, 10 + width, PAINT_PLAIN, "%10" PRIu64, all);
	}
}

const struct panel panel_heat = { .name = "latency over time", .draw = draw_heat, .device = true };

/* --- timeline -------------------------------------------------------------- */

static void draw_timeline(struct screen *x, int y, int h)
{
	const struct model_device *d = screen_selected_device(x);
	unsigned queue = x->kind == TOP_QUEUE ? x->queue : VQT_NO_QUEUE;
	struct line_options o = { .ascii = x->ascii };
	const struct event *e[512];
	uint64_t before = x->core->number + 1;
	size_t n = 0, skip = x->scroll;

	while (n < (size_t)h && n < sizeof(e) / sizeof(e[0])) {
		const struct event *one =
			recent_event_before(x->core->recent, before, d->id, queue);

		if (!one)
			break;
		before = one->number;
		if (skip) {
			skip--;
			continue;
		}
		if (!x->core->filter || filter_match(x->core->filter, one))
			e[n++] = one;
	}
	x->lines = x->scroll + n + (size_t)h;
	for (size_t i = 0; i < n; i++) {
		const struct event *one = e[n - 1 - i];
		TEXT(t, LINE_SIZE);

		print_line_text(&t, one, x->core->model, &o);
		t.buf[t.len - 1] = '\0';
		screen_put_line(x, y + (int)i,
				one->rec->h.type == VQT_LOSS ? PAINT_BAD : PAINT_PLAIN, t.buf);
	}
}

const struct panel panel_timeline = { .name = "timeline", .draw = draw_timeline, .device = true };

/* --- device ---------------------------------------------------------------- */

void page_line(struct page *p, enum paint paint, const char *fmt, ...)
{
	size_t at = p->n++;
	char buf[512];
	va_list ap;

	if (at < p->x->scroll || at - p->x->scroll >= (size_t)p->h)
		return;
	va_start(ap, fmt);
	vsnprintf(buf, sizeof(buf), fmt, ap);
	va_end(ap);
	screen_put_line(p->x, p->y + (int)(at - p->x->scroll), paint, buf);
}

void page_words(struct page *p, enum paint paint, const char *first, const char *words)
{
	size_t left = strlen(words), indent = strlen(first);
	size_t room = COLS > (int)indent + 20 ? (size_t)COLS - indent : 20;

	do {
		size_t n = text_line(words, left, room);

		page_line(p, paint, "%s%.*s", first, (int)n, words);
		n += strspn(words + n, " ");
		words += n;
		left -= n;
		first = &"          "[10 - (indent < 10 ? indent : 10)];
	} while (left);
}

static void page_features(struct page *p, const struct model_device *d)
{
	page_line(p, PAINT_NOTE, "Features (offered, accepted)");
	for (unsigned bit = 0; bit < 128; bit++) {
		const struct spec_feature *f = class_feature(d->virtio_id, bit);
		bool off = d->offered[bit / 64] & SPEC_BIT(bit),
		     acc = d->accepted[bit / 64] & SPEC_BIT(bit);

		if (!off && !acc)
			continue;
		page_line(p,
			  off && acc ? PAINT_GOOD
			  : acc	     ? PAINT_BAD
				     : PAINT_PLAIN,
			  "  %s %s  %3u %s", off ? "offered" : "-      ",
			  acc ? "accepted" : "-       ", bit,
			  f ? spec_feature_short(f) : "unknown");
	}
}

static bool known(const struct model_device *d, uint32_t at, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (at + i >= sizeof(d->config) ||
		    !(d->config_known[(at + i) / 8] >> ((at + i) % 8) & 1))
			return false;
	return true;
}

static void page_config(struct page *p, const struct model_device *d)
{
	page_line(p, PAINT_NOTE, "Configuration (as read or written)");
	for (size_t i = 0; d->class && i < d->class->config.count; i++) {
		const struct spec_field *f = &d->class->config.field[i];
		uint64_t v = 0;
		char buf[128];

		if (f->width > 8 || !known(d, f->offset, f->width))
			continue;
		for (unsigned b = f->width; b--;)
			v = v << 8 | d->config[f->offset + b];
		page_line(p, PAINT_PLAIN, "  %-28s %s", f->name,
			  class_format_value(buf, sizeof(buf), f, d->virtio_id, v));
	}
}

static void page_queues(struct page *p, const struct model_device *d)
{
	page_line(p, PAINT_NOTE, "Queues");
	for (const struct model_queue *q = d->queues; q; q = q->hh.next) {
		char name[48], vector[24] = "none";

		if (q->vector != VQT_NO_VECTOR)
			snprintf(vector, sizeof(vector), "%u", q->vector);
		class_queue_name(name, sizeof(name), d->virtio_id, q->index, d->accepted,
				 d->num_queues);
		page_line(p, PAINT_PLAIN, "  q%-3u %-14s %s size %u, %s, vector %s", q->index, name,
			  q->packed ? "packed" : "split", q->size,
			  q->enabled ? "enabled" : "not enabled", vector);
		if (q->addr_known)
			page_line(p, PAINT_PLAIN,
				  "       desc 0x%" PRIx64 " driver 0x%" PRIx64
				  " device 0x%" PRIx64,
				  q->desc, q->driver, q->device);
	}
}

static void draw_device(struct screen *x, int y, int h)
{
	const struct model_device *d = screen_selected_device(x);
	struct page p = { .x = x, .y = y, .h = h };
	char status[128], pci[40] = "";

	if (d->bdf != ~0U)
		snprintf(pci, sizeof(pci), "PCI %02x:%02x.%x, ", d->bdf >> 8 & 0xff,
			 d->bdf >> 3 & 31, d->bdf & 7);
	page_line(&p, PAINT_WARN, "%s: %s%s%s", d->name,
		  d->class ? d->class->title : "unknown device", d->user_id[0] ? ", id " : "",
		  d->user_id);
	page_line(&p, PAINT_PLAIN, "  status %s",
		  d->status_known ? spec_format_status(status, sizeof(status), d->status)
				  : "unknown");
	page_line(&p, PAINT_PLAIN, "  %s%s interrupts, initialised %u time%s", pci,
		  d->msix ? "MSI-X" : "INTx", d->resets + 1, d->resets ? "s" : "");
	page_line(&p, PAINT_PLAIN, "%s", "");
	page_queues(&p, d);
	page_line(&p, PAINT_PLAIN, "%s", "");
	page_features(&p, d);
	page_line(&p, PAINT_PLAIN, "%s", "");
	page_config(&p, d);
	x->lines = p.n;
}

const struct panel panel_device = { .name = "device", .draw = draw_device, .device = true };

/* --- findings and stalls --------------------------------------------------- */

static void page_finding(struct page *p, const struct top_finding *f)
{
	const struct model_device *d = model_device(p->x->core->model, f->device);
	char queue[16] = "", seen[200];

	if (f->queue != VQT_NO_QUEUE)
		snprintf(queue, sizeof(queue), ":%u", f->queue);
	page_line(p, f->rule->severity == CHECK_MUST ? PAINT_BAD : PAINT_WARN,
		  "event %" PRIu64 " %s%s %s %s: %s", f->number, d ? d->name : "-", queue,
		  check_party_name(f->rule->party), check_severity_name(f->rule->severity),
		  f->rule->id);
	snprintf(seen, sizeof(seen), "%s%s", f->seen, f->nth > 1 ? " (again)" : "");
	page_words(p, PAINT_PLAIN, "    ", seen);
}

static void draw_events(struct screen *x, int y, int h)
{
	struct page p = { .x = x, .y = y, .h = h };
	const struct top_core *c = x->core;

	for (size_t i = 0; i < c->nrows; i++)
		if (c->row[i]->kind == TOP_QUEUE && c->row[i]->stalled) {
			const struct model_device *d = model_device(c->model, c->row[i]->device);
			TEXT(ago, 32);

			text_duration(&ago, c->row[i]->stalled);
			page_line(&p, PAINT_BAD,
				  "STALL %s %s: %u in flight, nothing completed for %s",
				  d ? d->name : "?", c->row[i]->name, c->row[i]->flight, ago.buf);
		}
	if (top_core_lost(c).records || top_core_lost(c).more) {
		TEXT(lost, 64);

		model_put_lost(&lost, top_core_lost(c), "events");
		page_line(&p, PAINT_BAD, "LOSS  %s were not recorded", lost.buf);
	}
	if (x->s->problem[0])
		page_words(&p, PAINT_WARN, "NOTE  ", x->s->problem);
	if (!c->check)
		page_line(&p, PAINT_NOTE, "the checker is off%s",
			  x->o->sources->request.light ? ": light mode records no events" : "");
	for (uint64_t i = 0; i < c->nfindings && i < TOP_FINDINGS; i++)
		page_finding(&p, &c->finding[(c->nfindings - 1 - i) % TOP_FINDINGS]);
	if (c->check && !c->nfindings)
		page_line(&p, PAINT_GOOD, "the checker has found nothing");
	x->lines = p.n;
}

const struct panel panel_events = { .name = "findings, stalls, losses", .draw = draw_events };

/* --- help ------------------------------------------------------------------ */

static void draw_help(struct screen *x, int y, int h)
{
	struct page p = { .x = x, .y = y, .h = h };

	page_line(&p, PAINT_NOTE, "Keys");
	for (const struct key *k = x->keys; k->name; k++)
		if (k->help)
			page_line(&p, PAINT_PLAIN, "  %-16s %s", k->name, k->help);
	page_line(&p, PAINT_PLAIN, "%s", "");
	page_line(&p, PAINT_NOTE, "Columns");
	for (size_t i = 0; i < top_columns_count(); i++)
		page_line(&p, PAINT_PLAIN, "  %-16s %s", top_columns[i].title, top_columns[i].help);
	page_line(&p, PAINT_PLAIN, "  %-16s %s", "RING",
		  "how full the ring is: waiting and in flight");
	x->lines = p.n;
}

const struct panel panel_help = { .name = "help", .draw = draw_help };
