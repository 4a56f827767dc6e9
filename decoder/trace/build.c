/* SPDX-License-Identifier: MIT */
#include <linux/virtio_ring.h>
#include <string.h>

#include "decoder/trace/build.h"

void *build_begin(struct build *b, void *bytes, size_t size, unsigned type, size_t fixed)
{
	struct vqt_hdr *h = bytes;

	if (fixed > size || fixed < sizeof(*h))
		return NULL;
	*b = (struct build){ .bytes = bytes, .size = size, .len = fixed };
	memset(bytes, 0, fixed);
	h->type = (uint8_t)type;
	h->queue = VQT_NO_QUEUE;
	return bytes;
}

/* Room for n bytes and their padding, all zero; NULL: there is not as much. */
static uint8_t *extend(struct build *b, size_t n)
{
	size_t padded = (n + 3) & ~(size_t)3;
	uint8_t *at = b->bytes + b->len;

	if (padded < n || padded > b->size - b->len)
		return NULL;
	memset(at, 0, padded);
	b->len += padded;
	return at;
}

bool build_bytes(struct build *b, const void *p, size_t n)
{
	uint8_t *at = extend(b, n);

	if (at && n)
		memcpy(at, p, n);
	return at != NULL;
}

/* A small head, and n bytes behind it; NULL when both do not fit. */
static uint8_t *extend_after(struct build *b, const void *head, size_t size, size_t n)
{
	uint8_t *at = n <= UINT16_MAX ? extend(b, size + n) : NULL;

	if (!at)
		return NULL;
	memcpy(at, head, size);
	return at + size;
}

bool build_tlv(struct build *b, unsigned tag, const void *value, size_t n)
{
	struct vqt_tlv tlv = { .tag = (uint16_t)tag, .len = (uint16_t)n };
	uint8_t *at = extend_after(b, &tlv, sizeof(tlv), n);

	if (at && n)
		memcpy(at, value, n);
	return at != NULL;
}

bool build_text(struct build *b, unsigned tag, const char *s)
{
	return !s || !*s || build_tlv(b, tag, s, strnlen(s, BUILD_TEXT_MAX));
}

bool build_callback(struct build *b, const struct vqt_callback *c, const char *callback,
		    const char *function)
{
	size_t first = strnlen(callback, BUILD_TEXT_MAX), n = strnlen(function, BUILD_TEXT_MAX);
	struct {
		struct vqt_tlv tlv;
		uint8_t c[sizeof(*c)];
	} head = { .tlv = { VQT_TAG_CALLBACK, (uint16_t)(sizeof(*c) + first + n) } };
	struct vqt_callback own = *c;
	uint8_t *at = extend_after(b, &head, sizeof(head), first + n);

	if (!at)
		return false;
	own.len = (uint16_t)first;
	memcpy(at - sizeof(own), &own, sizeof(own));
	memcpy(at, callback, first);
	memcpy(at + first, function, n);
	return true;
}

bool build_value(struct build *b, unsigned tag, const void *value, size_t n)
{
	static const uint8_t zeroes[3];
	size_t before = b->len, pad = -b->len & 3;

	/* behind a text, whose end may be anywhere */
	if (pad > b->size - b->len)
		return false;
	memcpy(b->bytes + b->len, zeroes, pad);
	b->len += pad;
	if (build_tlv(b, tag, value, n))
		return true;
	b->len = before;
	return false;
}

bool build_stack(struct build *b, uint32_t id)
{
	return build_value(b, VQT_TAG_STACK, &id, sizeof(id));
}

uint8_t *build_seg(struct build *b, uint16_t desc, uint32_t offset, uint16_t n)
{
	struct vqt_seg seg = { .desc = desc, .len = n, .offset = offset };

	return extend_after(b, &seg, sizeof(seg), n);
}

static bool append_seg(struct build *b, const struct build_buffers *from, uint32_t i, uint64_t len)
{
	size_t before = b->len;
	uint16_t n = (uint16_t)(len < UINT16_MAX ? len : UINT16_MAX);
	uint8_t *at = n ? build_seg(b, (uint16_t)i, 0, n) : NULL;

	if (at && !from->read(from->opaque, from->desc[i].addr, at, n))
		return true;
	b->len = before;
	return false;
}

unsigned build_segs(struct build *b, const struct build_buffers *from)
{
	uint64_t left = from->total;
	unsigned count = 0;

	for (uint32_t i = from->first; i < from->end && left; i++) {
		const struct vqt_desc *d = &from->desc[i];
		uint64_t n = d->len < left ? d->len : left;

		if (i == from->table || !(d->flags & VRING_DESC_F_WRITE) == from->writable)
			continue;
		count += append_seg(b, from, i, n < from->each ? n : from->each);
		left -= n;
	}
	return count;
}
