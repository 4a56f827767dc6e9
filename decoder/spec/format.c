/* SPDX-License-Identifier: MIT */
/* Values of the specification tables as people read them. */
#include "decoder/spec/tables.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Text under construction: `need` is its length, of which `len` - 1 bytes fit. */
struct out {
	char *buf;
	size_t len, need;
	unsigned items; /* of a list joined by "|" */
};

static void put(struct out *o, const char *s, size_t n)
{
	if (o->need < o->len)
		memcpy(o->buf + o->need, s, n < o->len - o->need ? n : o->len - o->need);
	o->need += n;
}

__attribute__((format(printf, 2, 3))) static void putf(struct out *o, const char *fmt, ...)
{
	char tmp[128];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(tmp, sizeof(tmp), fmt, ap);
	va_end(ap);
	if (n > 0)
		put(o, tmp, (size_t)n < sizeof(tmp) ? (size_t)n : sizeof(tmp) - 1);
}

static void item(struct out *o)
{
	if (o->items++)
		put(o, "|", 1);
}

static char *finish(struct out *o)
{
	size_t dots;

	if (!o->len)
		return o->buf;
	if (o->need < o->len) {
		o->buf[o->need] = '\0';
		return o->buf;
	}
	dots = o->len - 1 < 3 ? o->len - 1 : 3;
	memset(o->buf + o->len - 1 - dots, '.', dots);
	o->buf[o->len - 1] = '\0';
	return o->buf;
}

static uint64_t width_mask(unsigned width)
{
	return width >= 8 ? UINT64_MAX : (UINT64_C(1) << (8 * width)) - 1;
}

static void put_hex(struct out *o, unsigned width, uint64_t value)
{
	putf(o, "0x%0*" PRIx64, (int)(2 * (width < 8 ? width : 8)), value);
}

static void put_bits(struct out *o, const struct spec_name *names, uint64_t bits)
{
	for (; names && names->name; names++) {
		uint64_t mask = names->value, got = bits & mask;

		if (!got)
			continue;
		item(o);
		if (mask & (mask - 1))
			putf(o, "%s=%" PRIu64, names->name, got / (mask & -mask));
		else
			putf(o, "%s", names->name);
		bits &= ~mask;
	}
	if (bits) {
		item(o);
		putf(o, "0x%" PRIx64, bits);
	}
}

static void put_features(struct out *o, const struct spec_feature *own, unsigned select,
			 uint32_t bits)
{
	for (unsigned i = 0; i < 32; i++) {
		uint64_t bit = (uint64_t)select * 32 + i;
		const struct spec_feature *f = bit < 128 ? spec_feature(own, (unsigned)bit) : NULL;

		if (!(bits & UINT32_C(1) << i))
			continue;
		item(o);
		if (f)
			putf(o, "%s", spec_feature_short(f));
		else
			putf(o, "bit %" PRIu64, bit);
	}
}

char *spec_format_status(char *buf, size_t len, unsigned status)
{
	struct out o = { .buf = buf, .len = len };

	if (status)
		put_bits(&o, spec_status_bits, status);
	else
		putf(&o, "RESET");
	putf(&o, " (0x%02x)", status);
	return finish(&o);
}

char *spec_format_bits(char *buf, size_t len, const struct spec_name *names, uint64_t bits)
{
	struct out o = { .buf = buf, .len = len };

	if (bits)
		put_bits(&o, names, bits);
	else
		putf(&o, "none");
	return finish(&o);
}

char *spec_format_features(char *buf, size_t len, const struct spec_feature *own, unsigned select,
			   uint32_t bits)
{
	struct out o = { .buf = buf, .len = len };

	put_features(&o, own, select, bits);
	if (!o.items)
		putf(&o, "none");
	return finish(&o);
}

char *spec_format_feature_set(char *buf, size_t len, const struct spec_feature *own,
			      const uint64_t bits[2])
{
	struct out o = { .buf = buf, .len = len };

	for (unsigned word = 0; word < 4; word++)
		put_features(&o, own, word, (uint32_t)(bits[word / 2] >> (word % 2 * 32)));
	if (!o.items)
		putf(&o, "none");
	return finish(&o);
}

/* As they lie in memory: registers are little-endian numbers. */
static void put_bytes(struct out *o, unsigned width, uint64_t value)
{
	for (unsigned i = 0; i < width && i < 8; i++)
		putf(o, "%s%02x", i ? ":" : "", (unsigned)(value >> (8 * i) & 0xff));
}

static void put_enum(struct out *o, const struct spec_name *names, uint64_t value)
{
	const char *name = spec_name_of(names, value);

	if (name)
		putf(o, "%s (%" PRIu64 ")", name, value);
	else
		putf(o, "%" PRIu64, value);
}

char *spec_format_value(char *buf, size_t len, const struct spec_field *f, uint64_t value)
{
	struct out o = { .buf = buf, .len = len };

	value &= width_mask(f->width);
	switch (f->kind) {
	case SPEC_DEC: putf(&o, "%" PRIu64, value); break;
	case SPEC_ENUM: put_enum(&o, f->names, value); break;
	case SPEC_BITS:
		if (f->names == spec_status_bits)
			return spec_format_status(buf, len, (unsigned)value);
		if (!value) {
			put_hex(&o, f->width, value);
			break;
		}
		put_bits(&o, f->names, value);
		putf(&o, " (");
		put_hex(&o, f->width, value);
		putf(&o, ")");
		break;
	case SPEC_VECTOR:
		if (value == VQT_NO_VECTOR)
			putf(&o, "NO_VECTOR");
		else
			putf(&o, "%" PRIu64, value);
		break;
	case SPEC_BYTES: put_bytes(&o, f->width, value); break;
	default: put_hex(&o, f->width, value); break;
	}
	return finish(&o);
}

char *spec_format_access(char *buf, size_t len, const struct spec_field *f, uint32_t offset,
			 unsigned width, uint64_t value)
{
	struct out o = { .buf = buf, .len = len };

	if (f && offset == f->offset && width == f->width)
		return spec_format_value(buf, len, f, value);
	value &= width_mask(width);
	if (f && f->kind == SPEC_BYTES)
		put_bytes(&o, width, value);
	else
		put_hex(&o, width, value);
	return finish(&o);
}

char *spec_format_field(char *buf, size_t len, const struct spec_field *f, uint32_t offset,
			unsigned width)
{
	struct out o = { .buf = buf, .len = len };
	uint32_t at = offset - f->offset;

	putf(&o, "%s", f->name);
	if (f->width == 8 && width == 4 && at % 4 == 0)
		putf(&o, at ? ".hi" : ".lo");
	else if (at || width < f->width)
		putf(&o, "+%" PRIu32, at);
	if ((uint64_t)at + width > f->width)
		putf(&o, "...");
	return finish(&o);
}

/* Rows of a group that repeats together, from q. */
static unsigned group(const struct spec_queue *q)
{
	unsigned n = 0;

	while (q[n].name && (q[n].flags & SPEC_QUEUE_REPEAT))
		n++;
	return n;
}

/* How many queues the repeated group has when `last` follows it; UINT32_MAX unknown. */
static unsigned repeated(const struct spec_queue *q, unsigned n, const uint64_t *features,
			 unsigned queues)
{
	const struct spec_queue *last = &q[n];

	if (!last->name || !(last->flags & SPEC_QUEUE_LAST))
		return UINT32_MAX;
	if (features && last->feature >= 0 && !(features[0] & SPEC_BIT(last->feature)))
		return UINT32_MAX;
	if (features && q->many && !(features[0] & q->many))
		return n;
	if (!queues || (!features && last->feature >= 0 && queues % n != 1))
		return UINT32_MAX;
	return (queues - 1) / n * n;
}

static void put_queue(struct out *o, const char *name, unsigned number)
{
	const char *mark = strchr(name, '#');

	if (mark)
		putf(o, "%.*s%u%s", (int)(mark - name), name, number, mark + 1);
	else
		putf(o, "%s", name);
}

/* The row of that virtqueue, and its number among those the row stands for; NULL. */
static const struct spec_queue *queue_row(const struct spec_queue *q, unsigned index,
					  const uint64_t *features, unsigned queues,
					  unsigned *number)
{
	unsigned i = index, n, end;

	for (; q && q->name; q++) {
		if ((q->flags & SPEC_QUEUE_SHIFT) && features &&
		    !(features[0] & SPEC_BIT(q->feature)))
			continue;
		n = group(q);
		end = n ? repeated(q, n, features, queues) : 1;
		if (i < end) {
			*number = n ? i / n + 1 : 0;
			return n ? &q[i % n] : q;
		}
		i -= end;
		q += n ? n - 1 : 0;
	}
	return NULL;
}

char *spec_queue_name(char *buf, size_t len, const struct spec_queue *rows, unsigned index,
		      const uint64_t *features, unsigned queues)
{
	unsigned number;
	const struct spec_queue *q = queue_row(rows, index, features, queues, &number);
	struct out o = { .buf = buf, .len = len };

	if (q)
		put_queue(&o, q->name, number);
	else
		putf(&o, "queue %u", index);
	return finish(&o);
}
