/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "decoder/stacks/impl.h"
#include "decoder/util/text.h"

#define BYTES_MAX (64U << 20) /* of all stacks that are told apart */

/* Frames are told apart by ';', a count is behind the last blank. */
static void put_name(struct text *t, const char *s, size_t n)
{
	TEXT(name, 512);

	text_untrusted(&name, s, n);
	for (char *c = name.buf; *c; c++)
		if (*c == ';')
			*c = ':';
	text_puts(t, name.buf);
}

/*
 * "name+0xoffset/0xsize [file]" and "name (inlined) [file]" are the name, so that calls from different
 * places of a function are one frame.  What has no name remains whole.
 */
static size_t name_length(const char *symbol)
{
	const char *offset = strstr(symbol, "+0x"), *inlined = strstr(symbol, " (inlined)");

	if (inlined && (!offset || inlined < offset))
		offset = inlined;
	return offset ? (size_t)(offset - symbol) : 0;
}

static void put_frame(struct text *t, const struct model_frame *f)
{
	size_t n = f->symbol ? name_length(f->symbol) : 0;

	text_puts(t, ";");
	if (n)
		put_name(t, f->symbol, n);
	else if (f->symbol && *f->symbol)
		put_name(t, f->symbol, strlen(f->symbol));
	else
		text_add(t, "0x%" PRIx64, f->pc);
}

static void put_stack(struct text *t, const struct event *e)
{
	const struct model_stack *s = e->stack;
	const char *device = e->dev ? e->dev->name : "-";

	put_name(t, device, strlen(device));
	text_puts(t, ";");
	text_puts(t, record_type_name(e->rec->h.type));
	if (s->cut)
		text_puts(t, ";...");
	for (unsigned i = s->n; i-- > 0;)
		put_frame(t, &s->frame[i]);
}

int stack_counts_add(struct stack_counts *s, const struct event *e)
{
	TEXT(t, 32768);
	struct stack_count *c;

	if (e->rec->h.type < VQT_REG)
		return 0;
	if (!e->rec->stack_id || !e->stack || !e->stack->n) {
		/* samples and tallies are taken from outside */
		s->without += e->rec->h.type != VQT_RING && e->rec->h.type != VQT_TALLY;
		return 0;
	}
	put_stack(&t, e);
	HASH_FIND_STR(s->by_text, t.buf, c);
	if (!c && s->bytes + t.len > BYTES_MAX) {
		s->left_out++;
		return 0;
	}
	if (!c) {
		c = calloc(1, sizeof(*c) + t.len + 1);
		if (!c)
			return -ENOMEM;
		memcpy(c->text, t.buf, t.len + 1);
		HASH_ADD_STR(s->by_text, text, c);
		if (!hash_holds(c)) {
			free(c);
			return -ENOMEM;
		}
		s->bytes += sizeof(*c) + t.len;
	}
	c->n++;
	return 0;
}

/* A frame that ends is before one that goes on, whatever its letters. */
static int by_frames(const struct stack_count *a, const struct stack_count *b)
{
	const char *x = a->text, *y = b->text;

	while (*x && *x == *y)
		x++, y++;
	return (*x == ';' ? 1 : (unsigned char)*x) - (*y == ';' ? 1 : (unsigned char)*y);
}

void stack_counts_sort(struct stack_counts *s)
{
	HASH_SORT(s->by_text, by_frames);
}

int stack_counts_print(FILE *to, struct stack_counts *s)
{
	stack_counts_sort(s);
	for (struct stack_count *c = s->by_text; c; c = c->hh.next)
		fprintf(to, "%s %" PRIu64 "\n", c->text, c->n);
	stack_counts_free(s);
	return ferror(to) ? -EIO : 0;
}

void stack_counts_free(struct stack_counts *s)
{
	hash_free(s->by_text);
	s->by_text = NULL;
	s->bytes = 0;
}
