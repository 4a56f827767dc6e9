/* SPDX-License-Identifier: MIT */
/* Values of the specification tables as people read them. */
#include "decoder/spec/tables.h"

#include <inttypes.h>
#include <string.h>

#include "decoder/util/text.h"

static _Thread_local char nowhere[1]; /* for a text without room */

static struct text start(char *buf, size_t len)
{
	struct text t = { .buf = len ? buf : nowhere, .size = len ? len : 1 };

	t.buf[0] = '\0';
	return t;
}

/* Of a list. */
static void item(struct text *t)
{
	if (t->len)
		text_puts(t, "|");
}

static char *finish(struct text *t)
{
	size_t dots = t->size - 1 < 3 ? t->size - 1 : 3;

	if (t->cut)
		memset(t->buf + t->size - 1 - dots, '.', dots);
	return t->buf == nowhere ? NULL : t->buf;
}

static uint64_t width_mask(unsigned width)
{
	return width >= 8 ? UINT64_MAX : (UINT64_C(1) << (8 * width)) - 1;
}

static void put_hex(struct text *t, unsigned width, uint64_t value)
{
	text_add(t, "0x%0*" PRIx64, (int)(2 * (width < 8 ? width : 8)), value);
}

static void put_bits(struct text *t, const struct spec_name *names, uint64_t bits)
{
	for (; names && names->name; names++) {
		uint64_t mask = names->value, got = bits & mask;

		if (!got)
			continue;
		item(t);
		if (mask & (mask - 1))
			text_add(t, "%s=%" PRIu64, names->name, got / (mask & -mask));
		else
			text_add(t, "%s", names->name);
		bits &= ~mask;
	}
	if (bits) {
		item(t);
		text_add(t, "0x%" PRIx64, bits);
	}
}

static void put_features(struct text *t, const struct spec_feature *own, unsigned select,
			 uint32_t bits)
{
	for (unsigned i = 0; i < 32; i++) {
		uint64_t bit = (uint64_t)select * 32 + i;
		const struct spec_feature *f = bit < 128 ? spec_feature(own, (unsigned)bit) : NULL;

		if (!(bits & UINT32_C(1) << i))
			continue;
		item(t);
		if (f)
			text_add(t, "%s", spec_feature_short(f));
		else
			text_add(t, "bit %" PRIu64, bit);
	}
}

char *spec_format_status(char *buf, size_t len, unsigned status)
{
	struct text t = start(buf, len);

	if (status)
		put_bits(&t, spec_status_bits, status);
	else
		text_add(&t, "RESET");
	text_add(&t, " (0x%02x)", status);
	return finish(&t);
}

char *spec_format_bits(char *buf, size_t len, const struct spec_name *names, uint64_t bits)
{
	struct text t = start(buf, len);

	if (bits)
		put_bits(&t, names, bits);
	else
		text_add(&t, "none");
	return finish(&t);
}

char *spec_format_features(char *buf, size_t len, const struct spec_feature *own, unsigned select,
			   uint32_t bits)
{
	struct text t = start(buf, len);

	put_features(&t, own, select, bits);
	if (!t.len)
		text_add(&t, "none");
	return finish(&t);
}

char *spec_format_feature_set(char *buf, size_t len, const struct spec_feature *own,
			      const uint64_t bits[2])
{
	struct text t = start(buf, len);

	for (unsigned word = 0; word < 4; word++)
		put_features(&t, own, word, (uint32_t)(bits[word / 2] >> (word % 2 * 32)));
	if (!t.len)
		text_add(&t, "none");
	return finish(&t);
}

/* As they lie in memory: registers are little-endian numbers. */
static void put_bytes(struct text *t, unsigned width, uint64_t value)
{
	for (unsigned i = 0; i < width && i < 8; i++)
		text_add(t, "%s%02x", i ? ":" : "", (unsigned)(value >> (8 * i) & 0xff));
}

static void put_enum(struct text *t, const struct spec_name *names, uint64_t value)
{
	const char *name = spec_name_of(names, value);

	if (name)
		text_add(t, "%s (%" PRIu64 ")", name, value);
	else
		text_add(t, "%" PRIu64, value);
}

char *spec_format_value(char *buf, size_t len, const struct spec_field *f, uint64_t value)
{
	struct text t = start(buf, len);

	value &= width_mask(f->width);
	switch (f->kind) {
	case SPEC_DEC: text_add(&t, "%" PRIu64, value); break;
	case SPEC_ENUM: put_enum(&t, f->names, value); break;
	case SPEC_BITS:
		if (f->names == spec_status_bits)
			return spec_format_status(buf, len, (unsigned)value);
		if (!value) {
			put_hex(&t, f->width, value);
			break;
		}
		put_bits(&t, f->names, value);
		text_add(&t, " (");
		put_hex(&t, f->width, value);
		text_add(&t, ")");
		break;
	case SPEC_VECTOR:
		if (value == VQT_NO_VECTOR)
			text_add(&t, "NO_VECTOR");
		else
			text_add(&t, "%" PRIu64, value);
		break;
	case SPEC_BYTES: put_bytes(&t, f->width, value); break;
	default: put_hex(&t, f->width, value); break;
	}
	return finish(&t);
}

char *spec_format_access(char *buf, size_t len, const struct spec_field *f, uint32_t offset,
			 unsigned width, uint64_t value)
{
	struct text t = start(buf, len);

	if (f && offset == f->offset && width == f->width)
		return spec_format_value(buf, len, f, value);
	value &= width_mask(width);
	if (f && f->kind == SPEC_BYTES)
		put_bytes(&t, width, value);
	else
		put_hex(&t, width, value);
	return finish(&t);
}

char *spec_format_field(char *buf, size_t len, const struct spec_field *f, uint32_t offset,
			unsigned width)
{
	struct text t = start(buf, len);
	uint32_t at = offset - f->offset;

	text_add(&t, "%s", f->name);
	if (f->width == 8 && width == 4 && at % 4 == 0)
		text_add(&t, at ? ".hi" : ".lo");
	else if (at || width < f->width)
		text_add(&t, "+%" PRIu32, at);
	if ((uint64_t)at + width > f->width)
		text_add(&t, "...");
	return finish(&t);
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

static void put_queue(struct text *t, const char *name, unsigned number)
{
	const char *mark = strchr(name, '#');

	if (mark)
		text_add(t, "%.*s%u%s", (int)(mark - name), name, number, mark + 1);
	else
		text_add(t, "%s", name);
}

static const struct spec_queue *find_row(const struct spec_queue *q, unsigned i, bool shift,
					 const uint64_t *features, unsigned queues,
					 unsigned *number)
{
	unsigned n, end;

	for (; q && q->name; q++) {
		if (shift && (q->flags & SPEC_QUEUE_SHIFT) && features &&
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

/* A queue beyond those that are left when others close the gaps: then nobody closes them. */
const struct spec_queue *spec_queue_row(const struct spec_queue *rows, unsigned index,
					const uint64_t *features, unsigned queues, unsigned *number)
{
	const struct spec_queue *q = find_row(rows, index, true, features, queues, number);

	return q ? q : find_row(rows, index, false, features, queues, number);
}

char *spec_queue_name(char *buf, size_t len, const struct spec_queue *rows, unsigned index,
		      const uint64_t *features, unsigned queues)
{
	unsigned number;
	const struct spec_queue *q = spec_queue_row(rows, index, features, queues, &number);
	struct text t = start(buf, len);

	if (q)
		put_queue(&t, q->name, number);
	else
		text_add(&t, "queue %u", index);
	return finish(&t);
}
