/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "bpf/stack/table.h"
#include "decoder/trace/build.h"
#include "decoder/util/hash.h"
#include "decoder/util/text.h"

struct stack {
	uint64_t
		content; /* hash of its addresses and files: of ten thousand two are alike by a chance of 10^-12 */
	uint32_t id;
	bool written; /* to this file */
	size_t len;
	UT_hash_handle hh;
	_Alignas(8) uint8_t record[]; /* the VQT_STACK */
};

struct stack_table {
	struct stack *by_content;
	struct stack *by_id[STACKS_MAX];
	uint32_t n;
};

bool stack_add_frame(struct stack_frames *f, uint64_t pc, const char *symbol)
{
	size_t n = strlen(symbol);

	if (f->n == STACK_FRAMES || n + 1 > sizeof(f->symbols) - f->len) {
		f->cut = true;
		return false;
	}
	memcpy(f->symbols + f->len, symbol, n + 1);
	f->len += n + 1;
	f->named += n;
	f->pc[f->n++] = pc;
	return true;
}

struct stack_table *stack_table_new(void)
{
	return calloc(1, sizeof(struct stack_table));
}

void stack_table_free(struct stack_table *s)
{
	if (!s)
		return;
	hash_free(s->by_content);
	free(s);
}

static uint64_t content_of(const struct stack_frames *f)
{
	uint64_t content = hash_mix(f->cut, f->files);

	for (unsigned i = 0; i < f->n; i++)
		content = hash_mix(content, f->pc[i]);
	return content;
}

static struct stack *find(const struct stack_table *s, uint64_t content)
{
	struct stack *k;

	HASH_FIND(hh, s->by_content, &content, sizeof(content), k);
	return k;
}

bool stack_table_full(const struct stack_table *s)
{
	return s->n == STACKS_MAX;
}

uint32_t stack_table_find(const struct stack_table *s, const struct stack_frames *f)
{
	const struct stack *k = find(s, content_of(f));

	return k ? k->id : 0;
}

static struct stack *make_stack(const struct stack_frames *f, uint64_t content)
{
	size_t size = sizeof(struct vqt_stack) + 8U * f->n + f->len + 3;
	struct stack *k = calloc(1, sizeof(*k) + size);
	struct vqt_stack *r = k ? (void *)k->record : NULL;
	struct build b;

	if (!k)
		return NULL;
	build_begin(&b, k->record, size, VQT_STACK, sizeof(*r));
	build_bytes(&b, f->pc, 8U * f->n);
	r->nframes = (uint16_t)f->n;
	r->flags = f->cut ? VQT_STACK_CUT : 0;
	if (f->named && build_bytes(&b, f->symbols, f->len))
		r->len = (uint32_t)f->len;
	k->len = b.len;
	k->content = content;
	return k;
}

uint32_t stack_table_add(struct stack_table *s, const struct stack_frames *f,
			 const struct stack_frames *named)
{
	uint64_t content = content_of(f);
	struct stack *k = find(s, content);

	if (k)
		return k->id;
	k = s->n < STACKS_MAX ? make_stack(named, content) : NULL;
	if (!k)
		return 0;
	HASH_ADD(hh, s->by_content, content, sizeof(k->content), k);
	if (!hash_holds(k)) {
		free(k);
		return 0;
	}
	s->by_id[s->n] = k;
	k->id = ++s->n;
	((struct vqt_stack *)(void *)k->record)->id = k->id;
	return k->id;
}

size_t stack_table_describe(struct stack_table *s, uint32_t id, uint8_t *buf, size_t size)
{
	struct stack *k = id && id <= s->n ? s->by_id[id - 1] : NULL;

	if (!k || k->written || k->len > size)
		return 0;
	k->written = true;
	memcpy(buf, k->record, k->len);
	return k->len;
}

void stack_table_describe_again(struct stack_table *s)
{
	for (uint32_t i = 0; i < s->n; i++)
		s->by_id[i]->written = false;
}

/* --- --stacks ------------------------------------------------------------------------- */

static uint32_t word_mask(const struct stack_word *words, const char *s, size_t n)
{
	for (; words->name; words++)
		if (strlen(words->name) == n && !memcmp(words->name, s, n))
			return words->mask;
	return 0;
}

uint32_t stack_words(const struct stack_word *words, const char *value, struct text *why)
{
	uint32_t all = 0;

	for (const char *s = value && !*value ? STACK_WORDS_USUAL : value; s;) {
		size_t n = strcspn(s, ",");
		uint32_t mask = word_mask(words, s, n);

		if (!mask) {
			text_add(why, "--stacks: want some of ");
			for (const struct stack_word *w = words; w->name; w++)
				text_add(why, "%s, ", w->name);
			text_add(why, "with commas");
			return 0;
		}
		all |= mask;
		s = s[n] ? s + n + 1 : NULL;
	}
	return all;
}
