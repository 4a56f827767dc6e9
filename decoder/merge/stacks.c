/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "decoder/merge/stacks.h"
#include "decoder/trace/event.h"
#include "decoder/util/hash.h"

#define STACKS_BYTES (16U << 20)

struct merge_stack {
	uint32_t id;
	bool written; /* to this file */
	size_t len;
	UT_hash_handle hh;
	_Alignas(8) uint8_t record[];
};

static struct merge_stack *find(struct merge_stacks *s, uint32_t id)
{
	struct merge_stack *k;

	HASH_FIND(hh, s->by_id, &id, sizeof(id), k);
	return k;
}

static void drop(struct merge_stacks *s, struct merge_stack *k)
{
	s->bytes -= k->len;
	HASH_DEL(s->by_id, k);
	free(k);
}

int merge_stacks_keep(struct merge_stacks *s, uint32_t id, const void *record, size_t len)
{
	struct merge_stack *k = find(s, id);

	if (k)
		drop(s, k);
	if (len > STACKS_BYTES - s->bytes)
		return 0;
	k = calloc(1, sizeof(*k) + len);
	if (!k)
		return -ENOMEM;
	k->id = id;
	k->written = true;
	k->len = len;
	memcpy(k->record, record, len);
	((struct vqt_hdr *)(void *)k->record)->seq = 0;
	((struct vqt_hdr *)(void *)k->record)->ts = 0;
	HASH_ADD(hh, s->by_id, id, sizeof(k->id), k);
	if (!hash_holds(k)) {
		free(k);
		return -ENOMEM;
	}
	s->bytes += len;
	return 0;
}

const void *merge_stacks_needed(struct merge_stacks *s, uint32_t id, size_t *len)
{
	struct merge_stack *k = id && s->by_id ? find(s, id) : NULL;

	if (!k || k->written)
		return NULL;
	k->written = true;
	*len = k->len;
	return k->record;
}

void merge_stacks_again(struct merge_stacks *s)
{
	for (struct merge_stack *k = s->by_id; k; k = k->hh.next)
		k->written = false;
}

void merge_stacks_forget(struct merge_stacks *s)
{
	hash_free(s->by_id);
	s->by_id = NULL;
	s->bytes = 0;
}
