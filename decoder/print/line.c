/* SPDX-License-Identifier: MIT */
/* The columns of the timeline. */
#include <errno.h>
#include <inttypes.h>
#include <time.h>

#include "decoder/print/impl.h"

/* Columns of the line, in characters; a date moves those after it. */
#define COL_DEVICE 27
#define COL_ARROW 36
#define DATE_WIDTH 11
#define NUMBER_WIDTH 9

static const char *const arrows[2][3] = { { "· ", "→ ", "← " }, { ". ", "> ", "< " } };
/* Driver's words cyan, device's green, the rest plain; loss and errors red. */
static const char *const colors[] = { "", "\033[36m", "\033[32m" };
#define RED "\033[31m"
#define PLAIN "\033[0m"

static void put_time(struct text *t, const struct event *e, const struct model *m,
		     const struct line_options *o)
{
	uint64_t ns = o->time == LINE_RELATIVE ? e->since : e->ts + (uint64_t)model_wall(m);
	time_t sec = (time_t)(ns / 1000000000);
	unsigned usec = (unsigned)(ns % 1000000000 / 1000);
	struct tm tm;
	char day[40];

	if ((o->time == LINE_WALL || o->time == LINE_DATE) && localtime_r(&sec, &tm)) {
		strftime(day, sizeof(day), o->time == LINE_DATE ? "%Y-%m-%d %H:%M:%S" : "%H:%M:%S",
			 &tm);
		text_add(t, "%s.%06u", day, usec);
	} else {
		text_u64(t, (uint64_t)sec, 6, ' ');
		text_puts(t, ".");
		text_u64(t, usec, 6, '0');
	}
}

static void put_delta(struct text *t, const struct event *e, const struct line_options *o)
{
	TEXT(d, 24);

	if (o->any) {
		text_puts(&d, "+");
		text_duration(&d, e->ts > o->last ? e->ts - o->last : 0);
	}
	text_puts(t, &"           "[d.len < 11 ? d.len : 11]);
	text_puts(t, d.buf);
}

static void put_queue_name(struct text *t, const struct event *e)
{
	text_puts(t, e->dev->name);
	text_puts(t, ":");
	text_u64(t, e->queue->index, 0, ' ');
}

static bool is_alarm(const struct event *e, const struct model *m)
{
	return e->rec->h.type == VQT_LOSS || (e->gap && !model_filtered(m)) ||
	       (e->rec->h.type == VQT_LIFECYCLE && e->rec->lifecycle.what == VQT_LIFECYCLE_ERROR) ||
	       (e->rec->h.type == VQT_USED && e->req && class_failed(e->dev->class, &e->req->io));
}

void print_line_text(struct text *t, const struct event *e, const struct model *m,
		     struct line_options *o)
{
	unsigned shift = (o->time == LINE_DATE ? DATE_WIDTH : 0) + (o->number ? NUMBER_WIDTH : 0);
	enum direction dir = print_direction(e);
	TEXT(what, 1536);

	if (o->number) {
		text_u64(t, e->number, NUMBER_WIDTH - 1, ' ');
		text_puts(t, " ");
	}
	put_time(t, e, m, o);
	put_delta(t, e, o);
	text_pad(t, COL_DEVICE + shift);
	if (e->dev && e->queue && e->rec->h.queue != VQT_NO_QUEUE)
		put_queue_name(t, e);
	else if (e->dev)
		text_puts(t, e->dev->name);
	print_meaning(&what, e, o->ascii);
	text_pad(t, COL_ARROW + shift);
	text_puts(t, arrows[o->ascii][dir]);
	if (o->color)
		text_puts(t, is_alarm(e, m) ? RED : colors[dir]);
	text_puts(t, what.buf);
	if (e->gap && !model_filtered(m))
		text_add(t, " [%" PRIu64 " events are missing before this one]", e->gap);
	if (o->color)
		text_puts(t, PLAIN);
	text_puts(t, "\n");
	if (o->ascii)
		text_ascii(t);
	if (t->cut)
		t->buf[t->len - 1] = '\n';
	o->last = e->ts;
	o->any = true;
}

int print_line(FILE *to, const struct event *e, const struct model *m, struct line_options *o)
{
	TEXT(t, LINE_SIZE);

	print_line_text(&t, e, m, o);
	return fwrite(t.buf, 1, t.len, to) == t.len ? 0 : -EIO;
}
