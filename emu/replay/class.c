/* SPDX-License-Identifier: MIT */
/* Device types; and the class of the emulator whose answers are those of the recording. */
#include <errno.h>
#include <stdlib.h>

#include "decoder/trace/record.h"
#include "decoder/spec/constants.h"
#include "emu/replay/class.h"

/* In emu_chain.priv, as the chain's own links belong to the queue. */
struct held {
	struct emu_chain *chain;
	struct held *next;
};

struct any {
	struct held *first; /* newest first */
};

static int any_init(struct emu_virtio *v, const void *config)
{
	v->priv = calloc(1, sizeof(struct any));
	return v->priv ? 0 : -ENOMEM;
}

static void any_fini(struct emu_virtio *v)
{
	free(v->priv);
}

static void any_handle(struct emu_queue *q, struct emu_chain *c)
{
	struct any *a = q->v->priv;
	struct held *h = c->priv;
	if (!h) {
		h = calloc(1, sizeof(*h));
		c->priv = h;
		c->priv_free = free;
	}
	if (!h) {
		emu_virtio_break(q->v, q, "no memory for a request");
		emu_queue_complete(q, c, 0);
		return;
	}
	h->chain = c;
	h->next = a->first;
	a->first = h;
}

/* It is waited for at a reset only: every chain is completed. */
static int any_poll(struct emu_virtio *v, bool wait)
{
	struct any *a = v->priv;
	int n = 0;
	while (wait && a->first) {
		struct emu_chain *c = a->first->chain;
		a->first = a->first->next;
		emu_queue_complete(c->queue, c, 0);
		n++;
	}
	return n;
}

/* Write the recorded bytes to where they were. */
static void write_bytes(struct emu_virtio *v, const struct emu_chain *c, const struct record *used)
{
	struct record_seg seg;
	uint32_t pos = 0;
	while (record_seg_next(used, &pos, &seg)) {
		const struct vqt_desc *d =
			seg.desc < c->chain.ndesc ? &c->chain.desc[seg.desc] : NULL;
		if (!d || !(d->flags & VRING_DESC_F_WRITE) || seg.offset > d->len ||
		    seg.len > d->len - seg.offset)
			continue;
		emu_mem_write(v->mem, d->addr + seg.offset, seg.bytes, seg.len);
	}
}

int replay_class_answer(struct emu_virtio *v, const struct replay_answer *a)
{
	struct any *any = v->priv;
	struct held **at = &any->first;
	while (*at &&
	       ((*at)->chain->chain.head != a->head || (*at)->chain->queue->index != a->queue))
		at = &(*at)->next;
	if (!*at)
		return -ENOENT;
	struct emu_chain *c = (*at)->chain;
	*at = (*at)->next;
	/* 2.7.8.2: where the device may write nothing, it has written nothing */
	bool writes = c->chain.write_len && !replay_class(v->cls->virtio_id)->writes_nothing;
	if (writes)
		write_bytes(v, c, a->used);
	emu_queue_complete(c->queue, c, writes ? a->len : 0);
	return 0;
}

const struct emu_class replay_class_any = {
	.virtio_id = 0,
	.name = "any",
	.pci_class = 0x00ff00,
	.pci_transitional = 0x1000,
	.init = any_init,
	.fini = any_fini,
	.handle = any_handle,
	.poll = any_poll,
};

/* --- device types ---------------------------------------------------------------------- */

static const struct replay_class *const classes[] = {
	&replay_balloon,
	&replay_blk,
	&replay_net,
};

const struct replay_class *replay_class(unsigned virtio_id)
{
	static const struct replay_class none = { 0 };
	for (unsigned i = 0; i < sizeof(classes) / sizeof(classes[0]); i++)
		if (classes[i]->virtio_id == virtio_id)
			return classes[i];
	return &none;
}

bool replay_scripted(const struct replay_device *d)
{
	const struct replay_class *c = replay_class(d->virtio_id);
	return !c->device || (c->scripted && c->scripted(d));
}
