/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "bpf/guest/stacks.h"
#include "bpf/prog/guest.h"
#include "bpf/stack/table.h"
#include "decoder/trace/event.h"
#include "decoder/util/hash.h"
#include "decoder/util/text.h"

#define KEYS_MAX (4 * VQG_STACKS)
#define ENTRY_BYTES 32

/* Stacks of different keys may be the same one: they differ in frames that are left out. */
struct key {
	uint64_t key;
	uint32_t id; /* 0: there were too many */
	UT_hash_handle hh;
};

struct stacks {
	struct key *by_key;
	struct stack_table *table;
};

_Static_assert(VQG_STACK_RAW <= STACK_FRAMES && VQG_RECORD <= STACK_TEXT, "a stack has room");

struct stacks *stacks_new(void)
{
	struct stacks *s = calloc(1, sizeof(*s));

	if (s)
		s->table = stack_table_new();
	if (s && s->table)
		return s;
	free(s);
	return NULL;
}

void stacks_free(struct stacks *s)
{
	if (!s)
		return;
	hash_free(s->by_key);
	stack_table_free(s->table);
	free(s);
}

static struct key *find(const struct stacks *s, uint64_t key)
{
	struct key *k;

	HASH_FIND(hh, s->by_key, &key, sizeof(key), k);
	return k;
}

/* --- frames that count -------------------------------------------------------------------- */

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

/*
 * The first frame is where the function was probed: by a trap or a trampoline, a few bytes behind its
 * begin.  It is called the same however that was.
 */
static void add_entry(struct stack_frames *f, uint64_t pc, const char *symbol)
{
	const char *plus = strchr(symbol, '+');
	TEXT(name, 160);
	char *size;
	unsigned long by = plus ? strtoul(plus + 1, &size, 16) : 0;

	if (!by || by >= ENTRY_BYTES || *size != '/') {
		stack_add_frame(f, pc, symbol);
		return;
	}
	text_add(&name, "%.*s+0x0%s", (int)(plus - symbol), symbol, size);
	stack_add_frame(f, pc - by, name.buf);
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
static void choose_frames(struct stack_frames *f, const struct vqg_stack *found, const char *text)
{
	const char *end = text + found->len, *before = "";
	bool trampoline = false;

	*f = (struct stack_frames){ .cut = found->cut };
	for (unsigned i = 0; i < found->n; i++) {
		const char *name = next_name(&text, end);
		bool first = trampoline && same_function(name, before);

		trampoline = begins(name, "bpf_trampoline_");
		if (trampoline || first || (!f->n && is_noise(name) && i + 1U < found->n))
			continue;
		before = f->symbols + f->len;
		if (f->n)
			stack_add_frame(f, found->pc[found->first + i], name);
		else
			add_entry(f, found->pc[found->first + i], name);
	}
}

/* --- records ----------------------------------------------------------------------------------- */

void stacks_add(struct stacks *s, const void *record, size_t len)
{
	const uint8_t *tail = (const uint8_t *)record + sizeof(struct vqt_hdr);
	char text[VQG_RECORD - VQG_STACK_RAW]; /* a NUL more for each frame is room enough */
	struct vqg_stack found;
	struct stack_frames f;
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
		k->id = stack_table_add(s->table, &f, &f);
}

uint32_t stacks_id(const struct stacks *s, uint64_t key)
{
	const struct key *k = find(s, key);

	return k ? k->id : 0;
}

size_t stacks_describe(struct stacks *s, uint32_t id, uint8_t *buf, size_t size)
{
	return stack_table_describe(s->table, id, buf, size);
}

void stacks_describe_again(struct stacks *s)
{
	stack_table_describe_again(s->table);
}
