/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "bpf/device/device.h"
#include "bpf/capture/hold.h"
#include "bpf/capture/stream.h"
#include "bpf/session/emit.h"
#include "decoder/util/array.h"

#define RECORDS_MAX 2048
#define BYTES_MAX (4u << 20)
#define PATIENCE UINT64_C(200000000) /* ns that the records of other devices wait */

/* What waits: a length, then the record, from a multiple of 8 bytes on. */
#define HEAD 8
static size_t room_of(size_t len)
{
	return HEAD + ((len + 7) & ~(size_t)7);
}

/* Steps that an object goes through whatever becomes of it. */
static bool says_nothing(const struct vqt_hdr *h)
{
	const struct vqt_lifecycle *l = (const void *)h;

	if (h->type == VQT_RETURN)
		return true;
	return h->type == VQT_LIFECYCLE &&
	       (l->what == VQT_LIFECYCLE_OBJECT_INIT || l->what == VQT_LIFECYCLE_INSTANCE_INIT ||
		l->what == VQT_LIFECYCLE_PROPERTY || l->what == VQT_LIFECYCLE_CALLBACK);
}

static bool is_open(struct target *t, uint16_t id)
{
	const struct device *d = id ? device_get(t, id) : NULL;

	return d && d->fresh && !d->decided;
}

bool hold_needed(struct target *t, const struct vqt_hdr *h, size_t len)
{
	if (!t->c->o.lifecycle || len < sizeof(*h))
		return false;
	if (!is_open(t, h->device))
		return t->hold.since != 0;
	if (says_nothing(h))
		return true;
	device_get(t, h->device)->decided = true;
	hold_release(t, false);
	return t->hold.since != 0;
}

bool hold_put(struct target *t, const void *record, size_t len)
{
	struct hold *h = &t->hold;
	uint64_t size = len;

	if (h->n == RECORDS_MAX || h->len + room_of(len) > BYTES_MAX) {
		hold_release(t, true);
		return false;
	}
	if (!array_room(h->bytes, h->cap, h->len + room_of(len)))
		return false;
	if (!h->since)
		h->since = capture_now();
	memcpy(h->bytes + h->len, &size, HEAD);
	memcpy(h->bytes + h->len + HEAD, record, len);
	h->len += room_of(len);
	h->n++;
	return true;
}

/* The next one of `h`, from *at on; NULL at the end. */
static void *next(const struct hold *h, size_t *at, size_t *len)
{
	uint64_t size;
	void *record;

	if (*at >= h->len)
		return NULL;
	memcpy(&size, h->bytes + *at, HEAD);
	record = h->bytes + *at + HEAD;
	*len = (size_t)size;
	*at += room_of(*len);
	return record;
}

void hold_release(struct target *t, bool all)
{
	struct hold had = t->hold;
	uint64_t ts = t->last_ts;
	size_t at = 0, len;
	void *record;

	/* what stays is put again: passing a record on may lead to new ones */
	t->hold = (struct hold){ 0 };
	while ((record = next(&had, &at, &len))) {
		struct vqt_hdr *h = record;

		if (!all && is_open(t, h->device) && hold_put(t, record, len))
			continue;
		if (h->ts < t->written_ts)
			h->ts = t->written_ts;
		t->last_ts = h->ts;
		stream_pass(t, record, len);
	}
	free(had.bytes);
	t->last_ts = ts;
	t->hold.since = t->hold.n ? had.since : 0;
}

void hold_before(struct target *t, uint16_t device)
{
	struct hold had = t->hold;
	size_t at = 0, len;
	void *record;

	if (!had.n)
		return;
	if (!is_open(t, device)) {
		hold_release(t, false);
		return;
	}
	t->hold = (struct hold){ 0 };
	while ((record = next(&had, &at, &len)))
		if (((struct vqt_hdr *)record)->device != device)
			hold_put(t, record, len);
	free(had.bytes);
	t->hold.since = t->hold.n ? had.since : 0;
}

void hold_tick(struct target *t, uint64_t now)
{
	if (!t->hold.since || now < t->hold.since || now - t->hold.since < PATIENCE)
		return;
	hold_release(t, false);
	t->hold.since = 0;
}

void hold_free(struct target *t)
{
	free(t->hold.bytes);
	t->hold = (struct hold){ 0 };
}
