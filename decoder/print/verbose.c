/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

#include "decoder/print/line.h"
#include "decoder/print/verbose.h"
#include "decoder/print/verbose_impl.h"

#define INDENT 4
#define SECOND UINT64_C(1000000000)

static void write_out(struct view *p, const char *s, size_t n)
{
	if (fwrite(s, 1, n, p->to) != n)
		p->failed = true;
}

void view_line(struct view *p, unsigned depth, const struct text *t)
{
	static const char spaces[] = "                                ";
	TEXT(plain, 8192);

	if (p->ascii) {
		text_puts(&plain, t->buf);
		text_ascii(&plain);
		plain.cut |= t->cut;
		t = &plain;
	}
	write_out(p, spaces,
		  depth * INDENT < sizeof(spaces) - 1 ? depth * INDENT : sizeof(spaces) - 1);
	write_out(p, t->buf, t->len);
	write_out(p, t->cut ? "...\n" : "\n", t->cut ? 4 : 1);
}

void view_printf(struct view *p, unsigned depth, const char *fmt, ...)
{
	va_list ap;
	int n;
	TEXT(t, 512);

	va_start(ap, fmt);
	n = vsnprintf(t.buf, t.size, fmt, ap);
	va_end(ap);
	if (n < 0)
		return;
	t.cut = (size_t)n >= t.size;
	t.len = t.cut ? t.size - 1 : (size_t)n;
	view_line(p, depth, &t);
}

static void put_ns(struct text *t, uint64_t ns)
{
	text_add(t, "%" PRIu64 ".%09" PRIu64, ns / SECOND, ns % SECOND);
}

/* "Event 12 at 0.001234567 s (+12.0 us), blk0 queue 0, avail: IN sector 2048 ..." */
static void heading(struct view *p)
{
	const struct event *e = p->e;
	TEXT(t, 2048);
	TEXT(what, 1536);

	text_add(&t, "Event %" PRIu64 " at ", e->number);
	put_ns(&t, e->since);
	text_puts(&t, " s (+");
	text_duration(&t, e->delta);
	text_puts(&t, ")");
	if (e->dev)
		text_add(&t, ", %s", e->dev->name);
	if (e->queue || e->rec->h.queue != VQT_NO_QUEUE)
		text_add(&t, " queue %u", e->queue ? e->queue->index : e->rec->h.queue);
	text_add(&t, ", %s", record_type_name(e->rec->h.type));
	view_line(p, 0, &t);
	print_meaning(&what, e, p->ascii);
	if (what.len)
		view_line(p, 1, &what);
}

/* UTC, so that the same trace reads the same everywhere. */
static void put_wall(struct text *t, uint64_t ns)
{
	time_t sec = (time_t)(ns / SECOND);
	struct tm tm;
	char day[40];

	if (!gmtime_r(&sec, &tm) || !strftime(day, sizeof(day), "%Y-%m-%d %H:%M:%S", &tm))
		return;
	text_add(t, "%s.%09" PRIu64 " UTC", day, ns % SECOND);
}

/* Where and when, on two lines: every event has them. */
static void origin(struct view *p)
{
	const struct event *e = p->e;
	struct field_value v;
	TEXT(t, 512);
	TEXT(when, 128);

	text_puts(&t, "Source: ");
	if (field_get(field_by_path("source"), e, 0, &v))
		text_untrusted(&t, v.str, v.len);
	text_add(&t, ", sequence %u", e->rec->h.seq);
	if (e->rec->h.tid)
		text_add(&t, ", thread %u", e->rec->h.tid);
	text_add(&t, ", CPU %u", e->rec->h.cpu);
	view_line(p, 1, &t);
	text_puts(&when, "Time: ");
	if (model_wall(p->m)) {
		put_wall(&when, e->ts + (uint64_t)model_wall(p->m));
		text_puts(&when, ", clock ");
	}
	put_ns(&when, e->ts);
	view_line(p, 1, &when);
	if (e->gap)
		view_printf(p, 1, "Missing: %" PRIu64 " events before this one", e->gap);
}

static void put_bytes(struct text *t, const uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len && !t->cut; i++)
		text_add(t, i ? " %02x" : "%02x", p[i]);
}

/* Hexadecimal digits of a field: those of the access for what a register holds. */
static int digits(const struct field *f, const struct event *e)
{
	if (f->size)
		return 2 * f->size;
	return e->rec->h.type == VQT_REG && e->rec->reg.width <= 8 ? 2 * e->rec->reg.width : 0;
}

static void put_value(struct text *t, const struct field *f, const struct event *e,
		      const struct field_value *v)
{
	switch (f->kind) {
	case FIELD_U64: text_add(t, "%" PRIu64, v->u); break;
	case FIELD_I64: text_add(t, "%" PRId64, (int64_t)v->u); break;
	case FIELD_HEX: text_add(t, "0x%0*" PRIx64, digits(f, e), v->u); break;
	case FIELD_TIME: text_duration(t, v->u); break;
	case FIELD_STR: text_untrusted(t, v->str, v->len); break;
	case FIELD_BOOL: text_puts(t, v->u ? "yes" : "no"); break;
	case FIELD_BYTES: put_bytes(t, v->bytes, v->len); break;
	}
}

static void put_elements(struct text *t, const struct field *f, const struct event *e,
			 struct field_value *v)
{
	for (unsigned i = 0; !t->cut && (i == 0 || field_get(f, e, i, v)); i++) {
		text_puts(t, i ? ", " : "");
		put_value(t, f, e, v);
	}
}

static void field_line(struct view *p, unsigned depth, const struct field *f)
{
	const struct view_extra *x = view_extra(f->path);
	struct field_value v;
	char bits[200];
	TEXT(t, 1200);

	if (!field_get(f, p->e, 0, &v))
		return;
	text_add(&t, "%s: ", f->label);
	if (f->flags & FIELD_ARRAY)
		put_elements(&t, f, p->e, &v);
	else
		put_value(&t, f, p->e, &v);
	if (x && x->after)
		x->after(&t, p->e, v.u);
	/* Flags of the capture's own are few and mostly clear: named, not drawn. */
	if (f->kind == FIELD_HEX && f->names && f->names != spec_status_bits)
		text_add(&t, " (%s)", spec_format_bits(bits, sizeof(bits), f->names, v.u));
	view_line(p, depth, &t);
	if (f->names == spec_status_bits)
		view_bits(p, depth + 1, 8, f->names, v.u);
	if (x && x->below)
		x->below(p, depth + 1, v.u);
}

/* Groups and arrays which have a shape of their own. */
static const struct {
	const char *prefix;
	void (*print)(struct view *p, unsigned depth);
} shapes[] = {
	{ "avail.descriptors.", view_descriptors },
	{ "buffers.", view_buffers },
	{ "stack_info.frames.", view_frames },
	{ "vhost_user.payload.", view_vhost_user },
};

static void print_fields(struct view *p, const struct field_group *g)
{
	size_t done = 0; /* shapes already printed, a bit each */

	for (const struct field *f = g->fields; f->path; f++) {
		bool shaped = false;

		for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
			if (strncmp(f->path, shapes[i].prefix, strlen(shapes[i].prefix)))
				continue;
			shaped = true;
			if (!(done >> i & 1))
				shapes[i].print(p, 2);
			done |= (size_t)1 << i;
		}
		if (!shaped && !(f->flags & FIELD_FILTER))
			field_line(p, 2, f);
	}
}

static bool has_any(const struct field_group *g, const struct event *e)
{
	struct field_value v;

	for (const struct field *f = g->fields; f->path; f++)
		if (!(f->flags & FIELD_FILTER) && field_get(f, e, 0, &v))
			return true;
	return false;
}

int print_verbose(FILE *to, const struct event *e, const struct model *m, bool ascii)
{
	struct view p = { .to = to, .e = e, .m = m, .ascii = ascii };

	heading(&p);
	origin(&p);
	for (const struct field_group *g = field_groups + 1; g->name; g++) {
		if (!field_group_has(g, e) || !has_any(g, e))
			continue;
		view_printf(&p, 1, "%s", g->title);
		print_fields(&p, g);
		if (!strcmp(g->name, "request"))
			view_header(&p, 2);
	}
	view_stack(&p, 1);
	return p.failed ? -EIO : 0;
}
