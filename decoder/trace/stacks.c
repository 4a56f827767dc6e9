/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "decoder/trace/event.h"
#include "decoder/trace/stacks.h"
#include "decoder/util/hash.h"

#define STACKS_BYTES (16U << 20)

struct kept_stack {
	uint64_t key; /* source << 32 | id */
	bool written; /* to this file */
	size_t len;
	UT_hash_handle hh;
	_Alignas(8) uint8_t record[];
};

static struct kept_stack *find(const struct kept_stacks *s, uint8_t source, uint32_t id)
{
	uint64_t key = (uint64_t)source << 32 | id;
	struct kept_stack *k = NULL;

	if (s->by_source[source])
		HASH_FIND(hh, s->by_source[source], &key, sizeof(key), k);
	return k;
}

static void drop(struct kept_stacks *s, struct kept_stack *k)
{
	s->bytes -= sizeof(*k) + k->len;
	HASH_DEL(s->by_source[k->key >> 32], k);
	free(k);
}

int kept_stacks_add(struct kept_stacks *s, const void *record, size_t len, bool written)
{
	struct kept_stack *k;
	struct vqt_stack r;

	memcpy(&r, record, sizeof(r)); /* a file's records are anywhere */
	k = find(s, r.h.source, r.id);
	if (s->bytes > STACKS_BYTES || len > STACKS_BYTES - s->bytes) {
		if (!k)
			return 0;
		/* the one with this number that is in the file is another one: say so */
		r.nframes = r.len = 0;
		record = &r;
		len = sizeof(r);
		written = false;
	}
	if (k)
		drop(s, k);
	k = calloc(1, sizeof(*k) + len);
	if (!k)
		return -ENOMEM;
	k->key = (uint64_t)r.h.source << 32 | r.id;
	k->written = written;
	k->len = len;
	memcpy(k->record, record, len);
	((struct vqt_hdr *)(void *)k->record)->seq = 0;
	((struct vqt_hdr *)(void *)k->record)->ts = 0;
	HASH_ADD(hh, s->by_source[r.h.source], key, sizeof(k->key), k);
	if (!hash_holds(k)) {
		free(k);
		return -ENOMEM;
	}
	s->bytes += sizeof(*k) + len;
	return 0;
}

const void *kept_stacks_needed(struct kept_stacks *s, uint8_t source, uint32_t id, size_t *len)
{
	struct kept_stack *k = id ? find(s, source, id) : NULL;

	if (!k || k->written)
		return NULL;
	k->written = true;
	*len = k->len;
	return k->record;
}

void kept_stacks_again(struct kept_stacks *s)
{
	for (unsigned i = 0; i < 256; i++)
		for (struct kept_stack *k = s->by_source[i]; k; k = k->hh.next)
			k->written = false;
}

void kept_stacks_forget(struct kept_stacks *s, uint8_t source)
{
	struct kept_stack *k, *next;

	HASH_ITER (hh, s->by_source[source], k, next)
		drop(s, k);
}

void kept_stacks_free(struct kept_stacks *s)
{
	for (unsigned i = 0; i < 256; i++)
		hash_free(s->by_source[i]);
	s->bytes = 0;
}
