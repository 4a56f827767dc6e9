/* SPDX-License-Identifier: MIT */
/* The panel of stages: where the requests of a device or a queue spend their time. */
#include <inttypes.h>

#include "cli/top/screen_impl.h"
#include "decoder/stats/print.h"

#define BAR_AT 50 /* column */
#define BAR 26
#define HELP_AT (BAR_AT + BAR + 2)
#define HELP_WIDTH 46

/* Why there is nothing to see. */
static void page_reason(struct page *p, const struct model_device *d, const struct top_row *r)
{
	if (r && r->stages->all.requests)
		page_words(
			p, PAINT_NOTE, "  ",
			"requests have ended, but how the clocks of the two sides were related is "
			"not known");
	else if (p->x->o->sources->request.light)
		page_words(
			p, PAINT_NOTE, "  ",
			"light mode counts requests and does not know them one by one; l switches");
	else if (d->peer || d->by_driver)
		page_words(p, PAINT_NOTE, "  ",
			   p->x->filter[0]
				   ? "no request has ended yet with an event that the filter "
				     "matches; of both sides that is the driver's"
				   : "no request has ended yet");
	else
		page_words(
			p, PAINT_NOTE, "  ",
			"only the device's side is recorded, and no request of it with its back "
			"end, so it is not known where a request is before and after. 'vqtrace record -i guest' records the driver's side; "
			"'vqtrace merge' makes one trace of both, which 'vqtrace top -r' shows");
}

static void page_stage(struct page *p, const struct stats_stages *s, const struct stages_alike *all,
		       enum life_point point)
{
	const struct hist *h = &s->until[point];
	uint64_t error = stages_error(s, point);
	size_t at = p->n;
	TEXT(mean, 24);
	TEXT(p99, 24);
	TEXT(part, 16);

	stat_text_stage(&mean, hist_mean(h), error);
	stat_text_stage(&p99, hist_percentile(h, 990000), error);
	stat_text_stage_share(&part, s, all, point);
	page_line(p, stages_longest(all) == point ? PAINT_WARN : PAINT_PLAIN,
		  "%-11s %9" PRIu64 " %9s %9s %6s%*s%s", life_point_name(point), h->count, mean.buf,
		  p99.buf, part.buf, HELP_AT - 48, "",
		  COLS >= HELP_AT + HELP_WIDTH ? life_point_help(point) : "");
	/* what was moved sideways has no room for it */
	if (at >= p->x->scroll && at - p->x->scroll < (size_t)p->h && !p->x->aside)
		screen_put_gauge(p->x, p->y + (int)(at - p->x->scroll), BAR_AT, BAR,
				 stats_ratio(all->sum[point], stages_sum(all)));
}

static void page_head(struct page *p, const struct stats_stages *s, bool now)
{
	TEXT(t, 256);

	text_add(&t, "%" PRIu64 " requests %s; whole p50 ", s->requests,
		 now ? "ended in the last interval"
		     : "since the beginning (none in the last interval)");
	text_duration(&t, hist_percentile(&s->whole, 500000));
	text_puts(&t, ", p99 ");
	text_duration(&t, hist_percentile(&s->whole, 990000));
	if (s->error.count) {
		text_puts(&t, "; times between the sides to +-");
		text_duration(&t, hist_percentile(&s->error, 990000));
	}
	page_words(p, PAINT_PLAIN, "", t.buf);
}

/* The stages that take the time; a stage is named by the point that ends it. */
static void page_words_of(struct page *p, const struct stats_stages *s,
			  const struct stages_alike *all)
{
	struct stages_alike slow;
	TEXT(t, 256);

	stat_text_longest(&t, s, all);
	page_words(p, PAINT_WARN, "most of the time: ", t.buf);
	t.len = 0;
	stages_slowest(s, 10000, &slow);
	text_add(&t, "%" PRIu64 ": ", slow.requests);
	stat_text_longest(&t, s, &slow);
	page_words(p, PAINT_PLAIN, "of the slowest ", t.buf);
}

static void page_helps(struct page *p, const struct stats_stages *s)
{
	page_line(p, PAINT_PLAIN, "%s", "");
	for (enum life_point at = 0; at < LIFE_POINTS; at++)
		if (s->until[at].count)
			page_line(p, PAINT_NOTE, "%-11s %s", life_point_name(at),
				  life_point_help(at));
}

static void draw_stages(struct screen *x, int y, int h)
{
	const struct top_row *r = top_core_staged(x->core, screen_selected(x));
	struct page p = { .x = x, .y = y + 1, .h = h - 1 };
	const struct stats_stages *s;
	struct stages_alike all;
	bool now;

	screen_put_bar(x, y, PAINT_HEAD, "UNTIL        REQUESTS      MEAN       P99      %");
	now = r && r->stages->now.whole.count;
	if (!r || (!now && !r->stages->all.whole.count)) {
		page_line(&p, PAINT_PLAIN, "%s", "");
		page_reason(&p, screen_selected_device(x), r);
		x->lines = p.n;
		return;
	}
	s = now ? &r->stages->now : &r->stages->all;
	stages_slowest(s, 1000000, &all);
	for (enum life_point at = 0; at < LIFE_POINTS; at++)
		if (s->until[at].count)
			page_stage(&p, s, &all, at);
	page_line(&p, PAINT_PLAIN, "%s", "");
	page_words_of(&p, s, &all);
	page_head(&p, s, now);
	if (COLS < HELP_AT + HELP_WIDTH)
		page_helps(&p, s);
	x->lines = p.n;
}

const struct panel panel_stages = { .name = "stages of requests",
				    .draw = draw_stages,
				    .device = true };
