/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "bpf/stack/cache.h"
#include "decoder/util/hash.h"

struct key {
	uint64_t pc, within;
};

struct name {
	struct key key;
	unsigned frames;
	UT_hash_handle hh;
	char symbols[]; /* of each, with a NUL behind it */
};

struct symbol_cache {
	struct name *all;
	unsigned n;
};

struct symbol_cache *symbol_cache_new(void)
{
	return calloc(1, sizeof(struct symbol_cache));
}

void symbol_cache_forget(struct symbol_cache *n)
{
	hash_free(n->all);
	n->all = NULL;
	n->n = 0;
}

void symbol_cache_free(struct symbol_cache *n)
{
	if (!n)
		return;
	symbol_cache_forget(n);
	free(n);
}

bool symbol_cache_find(const struct symbol_cache *n, uint64_t pc, uint64_t within,
		       struct stack_frames *out, bool *room)
{
	const struct key key = { .pc = pc, .within = within };
	const struct name *found;
	const char *s;

	HASH_FIND(hh, n->all, &key, sizeof(key), found);
	if (!found)
		return false;
	s = found->symbols;
	for (unsigned i = 0; i < found->frames && *room; i++, s += strlen(s) + 1)
		*room = stack_add_frame(out, pc, s);
	return true;
}

void symbol_cache_keep(struct symbol_cache *n, uint64_t pc, uint64_t within,
		       const struct stack_frames *out, unsigned first, size_t at)
{
	struct name *k = calloc(1, sizeof(*k) + out->len - at);

	if (!k)
		return;
	if (n->n == SYMBOL_CACHE_MAX)
		symbol_cache_forget(n);
	k->key = (struct key){ .pc = pc, .within = within };
	k->frames = out->n - first;
	memcpy(k->symbols, out->symbols + at, out->len - at);
	HASH_ADD(hh, n->all, key, sizeof(k->key), k);
	if (hash_holds(k))
		n->n++;
	else
		free(k);
}
