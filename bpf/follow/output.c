/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/follow/output.h"

void output_free(struct output *o)
{
	free(o->bytes);
	free(o->item);
	o->bytes = NULL;
	o->item = NULL;
	o->n = o->room = o->len = o->size = 0;
}

static int make_room(struct output *o, size_t len)
{
	size_t size = o->size ? o->size : 65536, room = o->room ? o->room : 256;
	void *p;

	while (size - o->len < len)
		size *= 2;
	if (size != o->size) {
		p = realloc(o->bytes, size);
		if (!p)
			return -ENOMEM;
		o->bytes = p;
		o->size = size;
	}
	if (o->n < o->room)
		return 0;
	room = o->room ? 2 * o->room : room;
	p = realloc(o->item, room * sizeof(*o->item));
	if (!p)
		return -ENOMEM;
	o->item = p;
	o->room = room;
	return 0;
}

int output_put(struct output *o, const void *record, size_t len, bool read)
{
	size_t padded = (len + 7) & ~(size_t)7; /* records are aligned to 8 */
	struct output_item item = { .at = o->len, .len = len, .read = read };
	struct vqt_hdr h;

	if (make_room(o, padded))
		return -ENOMEM;
	memcpy(&h, record, sizeof(h));
	item.ts = h.ts;
	memcpy(o->bytes + o->len, record, len);
	o->len += padded;
	/* almost always it is the latest one; equal times keep their order */
	size_t i = o->n++;
	for (; i && !o->as_put && o->item[i - 1].ts > item.ts; i--)
		o->item[i] = o->item[i - 1];
	o->item[i] = item;
	o->reads += read;
	return 0;
}

static bool is_of(const struct vqt_hdr *h, uint8_t source, uint16_t device, uint16_t queue)
{
	return h->source == source && h->device == device &&
	       (queue == VQT_NO_QUEUE || h->queue == queue);
}

unsigned output_drop(struct output *o, uint8_t source, uint16_t device, uint16_t queue, uint64_t ts)
{
	size_t left = 0;
	unsigned n = 0;

	for (size_t i = 0; i < o->n; i++) {
		const struct output_item *item = &o->item[i];

		if (item->read && item->ts > ts &&
		    is_of((const void *)(o->bytes + item->at), source, device, queue))
			n++;
		else
			o->item[left++] = *item;
	}
	o->n = left;
	o->reads -= n;
	return n;
}

bool output_waits(const struct output *o)
{
	return o->reads != 0;
}

bool output_full(const struct output *o)
{
	return o->len > OUTPUT_BYTES;
}

void output_flush(struct output *o)
{
	for (size_t i = 0; i < o->n; i++)
		o->emit(o->ctx, o->bytes + o->item[i].at, o->item[i].len);
	o->n = o->len = o->reads = 0;
}
