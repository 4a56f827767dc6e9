/* SPDX-License-Identifier: MIT */
/*
 * Bounds-checked access to event records.  Only this code turns bytes from a trace file, a
 * pipe or a kernel buffer into a typed record: struct record holds an aligned copy of the
 * fixed part and checked pointers to the rest.
 */
#ifndef VQT_DECODER_TRACE_RECORD_H
#define VQT_DECODER_TRACE_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "decoder/trace/event.h"

/* A parsed record.  It points into the bytes it was parsed from, and is valid while they are. */
struct record {
	union {
		struct vqt_hdr h;
		struct vqt_session session;
		struct vqt_source source;
		struct vqt_device device;
		struct vqt_device_state device_state;
		struct vqt_queue_state queue_state;
		struct vqt_clock clock;
		struct vqt_loss loss;
		struct vqt_note note;
		struct vqt_stack stack;
		struct vqt_exchange exchange;
		struct vqt_class class;
		struct vqt_reg reg;
		struct vqt_kick kick;
		struct vqt_ringstate ring;
		struct vqt_avail avail;
		struct vqt_used used;
		struct vqt_irq irq;
		struct vqt_data data;
		struct vqt_tally tally;
		struct vqt_lifecycle lifecycle;
		struct vqt_guest guest;
		struct vqt_backend backend;
		struct vqt_return returned;
		struct vqt_routes routes;
		struct vqt_vhost_user vhost_user;
	};
	const uint8_t *raw; /* the whole record */
	uint32_t len;
	const uint8_t *tail; /* what follows the fixed part */
	uint32_t tail_len;
	const uint8_t *segs; /* avail, used, data: where the segments begin; tally: the groups */
	uint32_t segs_len;
	uint32_t stack_id; /* events: of the VQT_STACK where it happened; 0: none is recorded */
	struct vqt_call call; /* events: the calls around it; zeroes: none are recorded */
	const char *function; /* events: VQT_TAG_FUNCTION, not NUL-terminated; NULL: none */
	uint32_t function_len;
	uint32_t within; /* VQT_TAG_WITHIN, ns; 0: none */
	const uint8_t
		*carried; /* a packet: events before this one; in none that a reader hands out */
	uint32_t carried_len;
};

/*
 * Parse one record.  0; -ENOTSUP for a type this version does not know (h is
 * filled in, skip it); -EBADMSG when lengths and counts do not fit, with *why
 * (if not NULL) pointing at a static sentence.
 */
int record_parse(struct record *r, const void *bytes, size_t len, const char **why);

/*
 * Bytes of the record that this version knows: without what a newer writer put behind them; of
 * a type that it does not know the header.
 */
size_t record_known_len(const struct record *r);

/* Name of a record type: "register", "kick", "avail" ...: the `event` key. */
const char *record_type_name(unsigned type);
int record_type_by_name(const char *name); /* -ENOENT */
/*
 * Bytes of the fixed part of a type, 0 for one this version does not know; *least gets those of the
 * oldest writers' records, 0 where they are the same.
 */
unsigned record_fixed_size(unsigned type, unsigned *least);

/* Descriptor i of an avail record; i < r->avail.ndesc. */
struct vqt_desc record_desc(const struct record *r, unsigned i);
/* Head i of a kick record; i < r->kick.nheads. */
uint16_t record_head(const struct record *r, unsigned i);

/* Route i of a routes record; i < r->routes.n. */
struct vqt_route record_route(const struct record *r, unsigned i);

/* Iterate captured bytes: start with pos = 0. Returns 1 and fills, or 0 at the end. */
struct record_seg {
	uint16_t desc;
	uint32_t offset; /* in the buffer */
	const uint8_t *bytes;
	uint16_t len;
};
int record_seg_next(const struct record *r, uint32_t *pos, struct record_seg *out);

/* The same for the groups of a tally, and for the buckets of a group. */
struct record_group {
	struct vqt_tally_group g;
	const uint8_t *buckets; /* g.nbucket of them: record_bucket() */
};
int record_group_next(const struct record *r, uint32_t *pos, struct record_group *out);
struct vqt_tally_bucket record_bucket(const struct record_group *g, uint32_t i);

/* The value of TLV `tag` of a descriptive record, or NULL; *len gets its length in bytes. */
const char *record_tlv(const struct record *r, unsigned tag, size_t *len);
/* Copies it into buf, NUL-terminated and cut to fit; "" when absent.  Returns buf. */
char *record_tlv_str(const struct record *r, unsigned tag, char *buf, size_t size);

/*
 * The callbacks of a class record: start with pos = 0.  Returns 1 and fills in, or 0 at the end.
 * The texts are not NUL-terminated.
 */
struct record_callback {
	struct vqt_callback c;
	const char *callback, *function;
	size_t callback_len, function_len;
};
int record_callback_next(const struct record *r, uint32_t *pos, struct record_callback *out);

/*
 * Text of note, lifecycle and guest records, not NUL-terminated; *len gets its length.  Of a guest
 * record it is the name of the function, which the record may have as a number.
 */
const char *record_text(const struct record *r, size_t *len);

/*
 * Number of available entries that the device has not popped, by 2.7.6; -1 where the record
 * does not say so.  Records of packed rings never do.
 */
static inline int record_ring_backlog(const struct vqt_ring *r)
{
	const uint16_t need = VQT_RING_AVAIL_IDX | VQT_RING_LAST_AVAIL;
	if (r->known & VQT_RING_PACKED || (r->known & need) != need)
		return -1;
	return (uint16_t)(r->avail_idx - r->last_avail);
}

/*
 * Whether an available entry waits for the device: 1 or 0; -1 where the record does not say
 * so. By 2.7.6 (split), 2.8.1 (packed).
 */
static inline int record_ring_waits(const struct vqt_ring *r)
{
	if (!(r->known & VQT_RING_LAST_AVAIL))
		return -1;
	if (r->known & VQT_RING_PACKED)
		return r->known & VQT_RING_SLOT ? !!(r->known & VQT_RING_FILLED) : -1;
	return r->known & VQT_RING_AVAIL_IDX ? r->avail_idx != r->last_avail : -1;
}

/* Little-endian reads for the bytes in segments and configuration. */
static inline uint16_t get_le16(const void *p)
{
	const uint8_t *b = p;
	return (uint16_t)(b[0] | b[1] << 8);
}

static inline uint32_t get_le32(const void *p)
{
	return get_le16(p) | (uint32_t)get_le16((const uint8_t *)p + 2) << 16;
}

static inline uint64_t get_le64(const void *p)
{
	return get_le32(p) | (uint64_t)get_le32((const uint8_t *)p + 4) << 32;
}

#endif
