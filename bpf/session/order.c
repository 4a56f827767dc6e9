/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "bpf/session/order.h"
#include "decoder/trace/event.h"

/* Bytes kept while a record is missing: some seconds of heavy load. */
#define WAITING_BYTES (64 << 20)

struct waiting {
	struct waiting *prev, *next;
	uint64_t since;
	size_t len;
	_Alignas(8) uint8_t bytes[];
};

struct order {
	const struct order_ops *ops;
	void *ctx;
	uint32_t next; /* sequence number to pass on */
	struct waiting *first; /* sorted */
	size_t bytes;
	void *copy; /* of a record that need not wait: where it comes from it cannot be changed */
	size_t room; /* bytes of the copy */
};

struct order *order_new(const struct order_ops *ops, void *ctx)
{
	struct order *o = calloc(1, sizeof(*o));

	if (o) {
		o->ops = ops;
		o->ctx = ctx;
	}
	return o;
}

static uint32_t seq_of(const void *record)
{
	return ((const struct vqt_hdr *)record)->seq;
}

/* Pass on the first waiting record. */
static void pop_first(struct order *o)
{
	struct waiting *w = o->first;

	DL_DELETE(o->first, w);
	o->bytes -= sizeof(*w) + w->len;
	o->next = seq_of(w->bytes) + 1;
	o->ops->record(o->ctx, w->bytes, w->len);
	free(w);
}

/* Those that nothing is missing before; of two of one number the second, too. */
static void drain(struct order *o)
{
	while (o->first && (int32_t)(seq_of(o->first->bytes) - o->next) <= 0)
		pop_first(o);
}

static void give_up(struct order *o)
{
	const struct vqt_hdr *h = (const void *)o->first->bytes;

	if (h->seq != o->next)
		o->ops->lost(o->ctx, h->seq - o->next, h->ts);
	pop_first(o);
	drain(o);
}

static int copy(struct order *o, const void *record, size_t len)
{
	if (len > o->room) {
		void *more = realloc(o->copy, len);

		if (!more)
			return -ENOMEM;
		o->copy = more;
		o->room = len;
	}
	memcpy(o->copy, record, len);
	return 0;
}

int order_take(struct order *o, const void *record, size_t len)
{
	uint32_t seq = seq_of(record);
	int err;

	if ((int32_t)(seq - o->next) > 0)
		return 0;
	err = copy(o, record, len);
	if (err)
		return err;
	/* One of before came after the window and was counted as lost; it is passed on all the same. */
	if (seq == o->next)
		o->next++;
	o->ops->record(o->ctx, o->copy, len);
	drain(o);
	return 1;
}

int order_put(struct order *o, const void *record, size_t len, uint64_t now)
{
	uint32_t seq = seq_of(record);
	struct waiting *w, *before;
	int taken = order_take(o, record, len);

	if (taken)
		return taken < 0 ? taken : 0;
	before = o->first ? o->first->prev : NULL; /* the last one */
	w = malloc(sizeof(*w) + len);
	if (!w)
		return -ENOMEM;
	w->since = now;
	w->len = len;
	memcpy(w->bytes, record, len);
	/* Almost always the record belongs at the end of the list, or near it. */
	while (before && (int32_t)(seq_of(before->bytes) - seq) > 0)
		before = before == o->first ? NULL : before->prev;
	DL_APPEND_ELEM(o->first, before, w);
	o->bytes += sizeof(*w) + len;
	while (o->bytes > WAITING_BYTES)
		give_up(o);
	return 0;
}

bool order_waits(const struct order *o)
{
	return o->first != NULL;
}

void order_expire(struct order *o, uint64_t now, uint64_t window)
{
	while (o->first && (!window || now - o->first->since > window))
		give_up(o);
}

void order_free(struct order *o)
{
	struct waiting *w, *next;

	if (!o)
		return;
	DL_FOREACH_SAFE (o->first, w, next)
		free(w);
	free(o->copy);
	free(o);
}
