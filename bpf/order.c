/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/order.h"
#include "decoder/event.h"

/* More than this waiting for one missing record is more than we keep: seconds of heavy load. */
#define WAITING_MAX (1 << 18)

struct waiting {
	struct waiting *next;
	uint64_t since;
	size_t len;
	_Alignas(8) uint8_t bytes[];
};

struct order {
	const struct order_ops *ops;
	void *ctx;
	uint32_t next; /* sequence number to hand on */
	struct waiting *first; /* sorted */
	struct waiting *last;
	size_t n;
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

/* Hand on the first one waiting. */
static void pop_first(struct order *o)
{
	struct waiting *w = o->first;

	o->first = w->next;
	if (!o->first)
		o->last = NULL;
	o->n--;
	o->next = seq_of(w->bytes) + 1;
	o->ops->record(o->ctx, w->bytes, w->len);
	free(w);
}

static void drain(struct order *o)
{
	while (o->first && seq_of(o->first->bytes) == o->next)
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

int order_put(struct order *o, const void *record, size_t len, uint64_t now)
{
	uint32_t seq = seq_of(record);
	struct waiting *w, **at = &o->first;

	w = malloc(sizeof(*w) + len);
	if (!w)
		return -ENOMEM;
	w->since = now;
	w->len = len;
	memcpy(w->bytes, record, len);
	/* Late beyond the window: already counted as lost, but better late than never. */
	if ((int32_t)(seq - o->next) < 0) {
		o->ops->record(o->ctx, w->bytes, len);
		free(w);
		return 0;
	}
	/* Almost always it belongs at the end. */
	if (o->last && (int32_t)(seq - seq_of(o->last->bytes)) > 0)
		at = &o->last->next;
	else
		while (*at && (int32_t)(seq_of((*at)->bytes) - seq) < 0)
			at = &(*at)->next;
	w->next = *at;
	*at = w;
	if (!w->next)
		o->last = w;
	o->n++;
	drain(o);
	if (o->n > WAITING_MAX)
		give_up(o);
	return 0;
}

void order_expire(struct order *o, uint64_t now, uint64_t window)
{
	while (o->first && (!window || now - o->first->since > window))
		give_up(o);
}

void order_free(struct order *o)
{
	while (o && o->first) {
		struct waiting *w = o->first;

		o->first = w->next;
		free(w);
	}
	free(o);
}
