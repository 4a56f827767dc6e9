/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "decoder/stacks/flame.h"
#include "decoder/stacks/impl.h"
#include "decoder/util/mix.h"
#include "decoder/util/text.h"
#include "decoder/util/xml.h"

/* Pixels. */
#define MARGIN 10
#define INNER 1180
#define WIDTH (MARGIN + INNER + MARGIN)
#define ROW 17
#define HEAD 44 /* title, and what was left out */
#define LETTER 6.7 /* of a fixed width */
#define NARROW 0.1 /* what is narrower is not seen */

#define LEVELS 256 /* of frames */
#define PLACES 2 /* the first two levels are no functions, but a device and an event */

struct frame {
	const char *name; /* in the text of a stack: it ends at ';' or NUL */
	size_t len;
	uint64_t begin; /* events to the left of it */
};

/* All stacks in their order: those with the same beginning are neighbours. */
struct flame {
	FILE *to; /* NULL: only count */
	uint64_t total, least; /* events: of all; of the narrowest frame that is drawn */
	struct frame open[LEVELS];
	unsigned nopen, levels; /* levels that are drawn, at most */
	uint64_t at; /* events so far */
	uint64_t drawn, narrow, deep; /* frames; events of stacks that have more levels */
};

/* --- drawing --------------------------------------------------------------------------- */

/* As much of a name as fits, in whole characters. */
static void put_label(FILE *to, const struct frame *f, double width)
{
	size_t room = (size_t)((width - 6) / LETTER), n = 0, letters = 0, two_less = 0;

	while (n < f->len && letters <= room) {
		size_t c = text_utf8(f->name + n, f->len - n);

		if (letters + 2 == room)
			two_less = n;
		n += c ? c : 1;
		letters++;
	}
	if (letters <= room) {
		xml_escape(to, f->name, n);
	} else {
		xml_escape(to, f->name, two_less);
		fputs("..", to);
	}
}

/* One colour a name, light enough for black letters: yellow to red, and grey for what is no function. */
static void put_fill(FILE *to, const struct frame *f, unsigned level)
{
	uint64_t h = 0;

	for (size_t i = 0; i < f->len; i++)
		h = hash_mix(h, (unsigned char)f->name[i]);
	if (level < PLACES || (f->len == 3 && !memcmp(f->name, "...", 3)))
		fputs("#c8c8c8", to);
	else
		fprintf(to, "#%02x%02x%02x", 0xf0 + (unsigned)(h >> 8 & 0xf),
			0x98 + (unsigned)(h >> 16 & 0x3f), 0x50 + (unsigned)(h >> 24 & 0x1f));
}

static void draw(struct flame *f, const struct frame *frame, unsigned level)
{
	uint64_t n = f->at - frame->begin;
	double scale = (double)INNER / (double)f->total, width = (double)n * scale;
	double x = MARGIN + (double)frame->begin * scale;
	unsigned y = HEAD + (f->levels - 1 - level) * ROW;

	fputs("<g><title>", f->to);
	xml_escape(f->to, frame->name, frame->len);
	fprintf(f->to,
		" (%" PRIu64 " event%s, %.2f%%)</title><rect x=\"%.1f\" y=\"%u\" width=\"%.1f\" "
		"height=\"%d\" fill=\"",
		n, n == 1 ? "" : "s", 100.0 * (double)n / (double)f->total, x, y, width, ROW - 1);
	put_fill(f->to, frame, level);
	fputs("\"/>", f->to);
	if (width >= 6 + 3 * LETTER) {
		fprintf(f->to, "<text x=\"%.1f\" y=\"%u\">", x + 3, y + 12);
		put_label(f->to, frame, width);
		fputs("</text>", f->to);
	}
	fputs("</g>\n", f->to);
}

/* --- the frames of all stacks ------------------------------------------------------------ */

static void close_frames(struct flame *f, unsigned keep)
{
	while (f->nopen > keep) {
		const struct frame *frame = &f->open[--f->nopen];

		if (f->at - frame->begin < f->least) {
			f->narrow++;
			continue;
		}
		f->drawn++;
		if (f->to)
			draw(f, frame, f->nopen);
		else if (f->nopen >= f->levels)
			f->levels = f->nopen + 1;
	}
}

static void add_stack(struct flame *f, const char *text, uint64_t n)
{
	unsigned level = 0;

	for (const char *s = text; s; level++) {
		size_t len = strcspn(s, ";");

		if (level == LEVELS) {
			f->deep += n;
			break;
		}
		if (level == f->nopen || f->open[level].len != len ||
		    memcmp(f->open[level].name, s, len) != 0) {
			close_frames(f, level);
			f->open[f->nopen++] =
				(struct frame){ .name = s, .len = len, .begin = f->at };
		}
		s = s[len] ? s + len + 1 : NULL;
	}
	close_frames(f, level);
	f->at += n;
}

static void add_all(struct flame *f, const struct stack_counts *s)
{
	f->at = f->drawn = f->narrow = f->deep = 0;
	for (const struct stack_count *c = s->by_text; c; c = c->hh.next)
		add_stack(f, c->text, c->n);
	close_frames(f, 0);
}

/* --- the picture ------------------------------------------------------------------------- */

static void put_head(struct flame *f, const struct stack_counts *s, const char *of)
{
	static const char style[] =
		"svg{background:#fff}text{font:11px monospace;fill:#000}"
		".t,.n{font-family:sans-serif}.t{font-size:14px;font-weight:bold}"
		"g:hover rect{stroke:#000}"
		"@media(prefers-color-scheme:dark){svg{background:#181818}"
		".t,.n{fill:#eee}g:hover rect{stroke:#fff}}";
	unsigned height = HEAD + (f->levels ? f->levels : 1) * ROW + MARGIN;
	TEXT(name, 200);

	text_untrusted(&name, of, strlen(of));
	fprintf(f->to,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %u\" width=\"%d\" "
		"height=\"%u\" role=\"img\">\n<style>%s</style>\n<title>Call stacks of ",
		WIDTH, height, WIDTH, height, style);
	xml_escape(f->to, name.buf, name.len);
	fprintf(f->to,
		"</title>\n<text class=\"t\" x=\"%d\" y=\"18\">%" PRIu64 " events by call stack: ",
		MARGIN, f->total);
	xml_escape(f->to, name.buf, name.len);
	fprintf(f->to, "</text>\n<text class=\"n\" x=\"%d\" y=\"36\">", MARGIN);
	if (f->narrow)
		fprintf(f->to,
			"%" PRIu64 " frames of fewer than %" PRIu64 " events are not drawn. ",
			f->narrow, f->least);
	if (f->deep)
		fprintf(f->to, "Of %" PRIu64 " events only the outermost %d levels are drawn. ",
			f->deep, LEVELS);
	if (s->without)
		fprintf(f->to, "%" PRIu64 " events have no call stack. ", s->without);
	if (s->left_out)
		fprintf(f->to, "%" PRIu64 " events are not counted: too many different stacks.",
			s->left_out);
	fputs("</text>\n", f->to);
}

/* What is drawn is found out by counting, as the picture begins with its height. */
static void choose(struct flame *f, const struct stack_counts *s)
{
	f->least = (uint64_t)(NARROW * (double)f->total / INNER);
	f->least += !f->least;
	for (add_all(f, s); f->drawn > FLAME_FRAMES; add_all(f, s)) {
		f->least *= 2;
		f->levels = 0;
	}
}

int flame_svg(FILE *to, struct stack_counts *s, const char *of)
{
	struct flame f = { .to = NULL };

	stack_counts_sort(s);
	for (const struct stack_count *c = s->by_text; c; c = c->hh.next)
		f.total += c->n;
	choose(&f, s);
	f.to = to;
	put_head(&f, s, of);
	add_all(&f, s);
	if (!f.total)
		fprintf(to,
			"<text class=\"n\" x=\"%d\" y=\"%d\">no event has a call stack: see "
			"'vqtrace record --stacks'</text>\n",
			MARGIN, HEAD + 12);
	return fputs("</svg>\n", to) < 0 || ferror(to) ? -EIO : 0;
}
