/* SPDX-License-Identifier: MIT */
/* Records as the BPF programs send them: right in form, with anything that a guest or its QEMU may choose in them. */
#ifndef VQT_TESTS_FUZZ_PROGRAMS_H
#define VQT_TESTS_FUZZ_PROGRAMS_H

#include "decoder/trace/record.h"
#include "tests/fuzz/input.h"

#define PROGRAMS_BYTES 8192 /* of a record, at most */

static inline size_t programs_fixed(unsigned type)
{
	switch (type) {
	case VQT_DEVICE: return sizeof(struct vqt_device);
	case VQT_QUEUE_STATE: return sizeof(struct vqt_queue_state);
	case VQT_LOSS: return sizeof(struct vqt_loss);
	case VQT_REG: return sizeof(struct vqt_reg);
	case VQT_KICK: return sizeof(struct vqt_kick);
	case VQT_RING: return sizeof(struct vqt_ringstate);
	case VQT_AVAIL: return sizeof(struct vqt_avail);
	case VQT_USED: return sizeof(struct vqt_used);
	case VQT_IRQ: return sizeof(struct vqt_irq);
	case VQT_DATA: return sizeof(struct vqt_data);
	case VQT_LIFECYCLE: return sizeof(struct vqt_lifecycle);
	case VQT_GUEST: return sizeof(struct vqt_guest);
	case VQT_BACKEND: return sizeof(struct vqt_backend);
	case VQT_RETURN: return sizeof(struct vqt_return);
	case VQT_ROUTES: return sizeof(struct vqt_routes);
	}
	return 0;
}

/* The counts that say what the bytes behind the fixed part are. */
static inline void programs_count(uint8_t *record, unsigned type, size_t tail)
{
	if (type == VQT_LIFECYCLE)
		((struct vqt_lifecycle *)(void *)record)->len = (uint16_t)tail;
	else if (type == VQT_KICK)
		((struct vqt_kick *)(void *)record)->nheads = (uint16_t)(tail / 4 * 2);
	else if (type == VQT_AVAIL)
		((struct vqt_avail *)(void *)record)->ndesc =
			(uint16_t)(tail / sizeof(struct vqt_desc));
	else if (type == VQT_ROUTES)
		((struct vqt_routes *)(void *)record)->n =
			(uint32_t)(tail / sizeof(struct vqt_route));
	else if (type == VQT_GUEST)
		((struct vqt_guest *)(void *)record)->len = (uint16_t)tail;
}

/*
 * A record of this type into buf, which has PROGRAMS_BYTES and is aligned; its length, 0 if no program
 * sends it so.  Times go on from *ts, now and then back.
 */
static inline size_t take_record(struct input *in, unsigned type, uint8_t *buf, uint64_t *ts)
{
	size_t fixed = programs_fixed(type), head = sizeof(struct vqt_hdr);
	uint8_t how = (uint8_t)take(in, 1);
	size_t n = how & 31, tail = (size_t)take(in, how & 128 ? 2 : 1);
	struct vqt_hdr *h = (void *)buf;
	const uint8_t *p = take_bytes(in, &n);
	struct record r;

	memset(buf, 0, PROGRAMS_BYTES);
	if (n)
		memcpy(buf + head, p, n < fixed - head ? n : fixed - head);
	tail = tail < PROGRAMS_BYTES / 2 ? tail : PROGRAMS_BYTES / 2;
	n = tail;
	p = take_bytes(in, &n);
	if (n)
		memcpy(buf + fixed, p, n);
	if (how & 32)
		programs_count(buf, type, tail);
	*ts += take(in, 1);
	h->ts = how & 64 ? *ts - take(in, 1) : *ts;
	h->device = (uint16_t)(take(in, 1) % 12);
	h->queue = (uint16_t)take(in, 1);
	h->queue = h->queue == 255 ? VQT_NO_QUEUE : h->queue;
	h->type = (uint8_t)type;
	return record_parse(&r, buf, fixed + tail, NULL) ? 0 : fixed + tail;
}

#endif
