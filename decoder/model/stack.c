/* SPDX-License-Identifier: MIT */
/* Call stacks: each is described once, and events have its id. */
#include <errno.h>
#include <string.h>

#include "decoder/model/impl.h"

#define STACKS_BYTES (64U << 20) /* of all stacks of a trace that are remembered */

/* The stacks of a source have one key space: source << 32 | id. */
struct known_stack {
	uint64_t key;
	size_t size;
	UT_hash_handle hh;
	struct model_stack s;
	/* struct model_frame[s.n]; the text of their symbols, with a NUL behind it */
};

struct known_stacks {
	struct known_stack *by_source[256]; /* by key */
	size_t bytes;
};

static uint64_t key_of(unsigned source, uint32_t id)
{
	return (uint64_t)source << 32 | id;
}

static void forget(struct known_stacks *k, struct known_stack *s)
{
	k->bytes -= s->size;
	HASH_DEL(k->by_source[s->key >> 32], s);
	free(s);
}

/* Symbols are NUL-terminated one after the other; those that are missing are "". */
static void fill_in(struct known_stack *s, const struct record *r)
{
	struct model_frame *frame = (struct model_frame *)(s + 1);
	char *text = (char *)(frame + r->stack.nframes), *end = text + r->stack.len;

	memcpy(text, r->tail + 8U * r->stack.nframes, r->stack.len);
	*end = 0;
	s->s = (struct model_stack){ .id = r->stack.id,
				     .n = r->stack.nframes,
				     .cut = r->stack.flags & VQT_STACK_CUT,
				     .frame = frame };
	for (unsigned i = 0; i < r->stack.nframes; i++) {
		frame[i] = (struct model_frame){ get_le64(r->tail + 8U * i), text };
		text += strlen(text);
		text += text < end;
	}
}

int model_stack(struct model *m, struct event *e)
{
	const struct record *r = e->rec;
	uint64_t key = key_of(r->h.source, r->stack.id);
	struct known_stacks *k = m->stacks;
	struct known_stack *s;
	size_t size = sizeof(*s) + r->stack.nframes * sizeof(struct model_frame) + r->stack.len + 1;

	if (!k)
		k = m->stacks = calloc(1, sizeof(*k));
	if (!k)
		return -ENOMEM;
	HASH_FIND(hh, k->by_source[r->h.source], &key, sizeof(key), s);
	if (s)
		forget(k, s);
	if (!r->stack.id || size > STACKS_BYTES - k->bytes)
		return 0;
	s = calloc(1, size);
	if (!s)
		return -ENOMEM;
	s->key = key;
	s->size = size;
	HASH_ADD(hh, k->by_source[r->h.source], key, sizeof(s->key), s);
	if (!hash_holds(s)) {
		free(s);
		return -ENOMEM;
	}
	k->bytes += size;
	fill_in(s, r);
	e->stack = &s->s;
	return 0;
}

const struct model_stack *model_stack_of(const struct model *m, const struct record *r)
{
	uint64_t key = key_of(r->h.source, r->stack_id);
	struct known_stack *s = NULL;

	if (r->stack_id && m->stacks)
		HASH_FIND(hh, m->stacks->by_source[r->h.source], &key, sizeof(key), s);
	return s ? &s->s : NULL;
}

void model_forget_stacks(struct model *m, unsigned source)
{
	struct known_stack *s, *next;

	if (!m->stacks)
		return;
	HASH_ITER (hh, m->stacks->by_source[source & 0xff], s, next)
		forget(m->stacks, s);
}

void model_free_stacks(struct model *m)
{
	for (unsigned i = 0; m->stacks && i < 256; i++)
		hash_free(m->stacks->by_source[i]);
	free(m->stacks);
}
