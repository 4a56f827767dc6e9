/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "bpf/guest/stacks.h"
#include "bpf/prog/guest.h"
#include "decoder/trace/build.h"
#include "decoder/util/hash.h"
#include "decoder/util/text.h"

#define KEYS_MAX (4 * VQG_STACKS)
#define ENTRY_BYTES 32

/* Stacks of different keys may be the same one: they differ in frames that are left out. */
struct key {
	uint64_t key;
	struct stack *stack;
	UT_hash_handle hh;
};

struct stack {
	uint64_t content; /* hash of its addresses */
	uint32_t id;
	bool written; /* to this file */
	size_t len;
	UT_hash_handle hh;
	_Alignas(8) uint8_t record[]; /* the VQT_STACK */
};

struct stacks {
	struct key *by_key;
	struct stack *by_content;
	struct stack *by_id[VQG_STACKS];
	uint32_t n;
};

struct stacks *stacks_new(void)
{
	return calloc(1, sizeof(struct stacks));
}

void stacks_free(struct stacks *s)
{
	if (!s)
		return;
	hash_free(s->by_key);
	hash_free(s->by_content);
	free(s);
}

static struct key *find(const struct stacks *s, uint64_t key)
{
	struct key *k;

	HASH_FIND(hh, s->by_key, &key, sizeof(key), k);
	return k;
}

/* --- frames that count -------------------------------------------------------------------- */

struct frames {
	uint64_t pc[VQG_STACK_RAW];
	unsigned n;
	char symbols[VQG_RECORD];
	size_t len, named; /* bytes of symbols; of them, not of the NULs */
	const char *before; /* the symbol of the latest one */
};

static bool begins(const char *s, const char *with)
{
	return !strncmp(s, with, strlen(with));
}

/* What a tracepoint calls is not of where it is. */
static bool is_noise(const char *symbol)
{
	return begins(symbol, "bpf_") || begins(symbol, "__bpf_") || begins(symbol, "__traceiter_");
}

static bool same_function(const char *a, const char *b)
{
	size_t n = strcspn(a, "+");

	return n && n == strcspn(b, "+") && !memcmp(a, b, n);
}

static void add_frame(struct frames *f, uint64_t pc, const char *symbol)
{
	size_t n = strlen(symbol);

	f->before = memcpy(f->symbols + f->len, symbol, n + 1);
	f->len += n + 1;
	f->named += n;
	f->pc[f->n++] = pc;
}

/*
 * The first frame is where the function was probed: by a trap or a trampoline, a few bytes behind its
 * begin.  It is called the same however that was.
 */
static void add_entry(struct frames *f, uint64_t pc, const char *symbol)
{
	const char *plus = strchr(symbol, '+');
	TEXT(name, 160);
	char *size;
	unsigned long by = plus ? strtoul(plus + 1, &size, 16) : 0;

	if (!by || by >= ENTRY_BYTES || *size != '/') {
		add_frame(f, pc, symbol);
		return;
	}
	text_add(&name, "%.*s+0x0%s", (int)(plus - symbol), symbol, size);
	add_frame(f, pc - by, name.buf);
}

/*
 * The name that begins at *text, which is then behind it.  An address, which the kernel gives where
 * it has no name, is none.
 */
static const char *next_name(const char **text, const char *end)
{
	const char *name = *text;

	if (name == end)
		return "";
	*text += strlen(name);
	*text += *text < end;
	return begins(name, "0x") ? "" : name;
}

/*
 * Not those of tracing: what a tracepoint calls comes first.  A function that has a trampoline is
 * there twice: where it calls that, and where it goes on from there.
 */
static void choose_frames(struct frames *f, const struct vqg_stack *found, const char *text)
{
	const char *end = text + found->len;
	bool trampoline = false;

	f->n = 0;
	f->len = f->named = 0;
	f->before = "";
	for (unsigned i = 0; i < found->n; i++) {
		const char *name = next_name(&text, end);
		bool first = trampoline && same_function(name, f->before);

		trampoline = begins(name, "bpf_trampoline_");
		if (trampoline || first || (!f->n && is_noise(name) && i + 1U < found->n))
			continue;
		if (f->n)
			add_frame(f, found->pc[found->first + i], name);
		else
			add_entry(f, found->pc[found->first + i], name);
	}
}

/* --- records ----------------------------------------------------------------------------------- */

static struct stack *make_stack(const struct frames *f, bool cut, uint64_t content)
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
	r->flags = cut ? VQT_STACK_CUT : 0;
	if (f->named && build_bytes(&b, f->symbols, f->len))
		r->len = (uint32_t)f->len;
	k->len = b.len;
	k->content = content;
	return k;
}

/* The one of these frames; NULL: no memory, or there are too many. */
static struct stack *get_stack(struct stacks *s, const struct frames *f, bool cut)
{
	uint64_t content = cut;
	struct stack *k;

	for (unsigned i = 0; i < f->n; i++)
		content = hash_mix(content, f->pc[i]);
	HASH_FIND(hh, s->by_content, &content, sizeof(content), k);
	if (k || s->n == VQG_STACKS)
		return k;
	k = make_stack(f, cut, content);
	if (!k)
		return NULL;
	HASH_ADD(hh, s->by_content, content, sizeof(k->content), k);
	if (!hash_holds(k)) {
		free(k);
		return NULL;
	}
	s->by_id[s->n] = k;
	k->id = ++s->n;
	((struct vqt_stack *)(void *)k->record)->id = k->id;
	return k;
}

void stacks_add(struct stacks *s, const void *record, size_t len)
{
	const uint8_t *tail = (const uint8_t *)record + sizeof(struct vqt_hdr);
	char text[VQG_RECORD - VQG_STACK_RAW]; /* a NUL more for each frame is room enough */
	struct vqg_stack found;
	struct frames f;
	struct key *k;

	if (len < sizeof(struct vqt_hdr) + sizeof(found) || HASH_COUNT(s->by_key) == KEYS_MAX)
		return;
	memcpy(&found, tail, sizeof(found));
	if (found.first > VQG_STACK_RAW || found.n > VQG_STACK_RAW - found.first || !found.n ||
	    found.len > len - sizeof(struct vqt_hdr) - sizeof(found) || found.len >= sizeof(text) ||
	    find(s, found.key))
		return;
	memcpy(text, tail + sizeof(found), found.len);
	text[found.len] = 0;
	choose_frames(&f, &found, text);
	hash_add_new(s->by_key, key, found.key, k);
	if (k)
		k->stack = get_stack(s, &f, found.cut);
}

uint32_t stacks_id(const struct stacks *s, uint64_t key)
{
	const struct key *k = find(s, key);

	return k && k->stack ? k->stack->id : 0;
}

size_t stacks_describe(struct stacks *s, uint32_t id, uint8_t *buf, size_t size)
{
	struct stack *k = id && id <= s->n ? s->by_id[id - 1] : NULL;

	if (!k || k->written || k->len > size)
		return 0;
	k->written = true;
	memcpy(buf, k->record, k->len);
	return k->len;
}

void stacks_describe_again(struct stacks *s)
{
	for (uint32_t i = 0; i < s->n; i++)
		s->by_id[i]->written = false;
}
