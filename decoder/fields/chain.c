/* SPDX-License-Identifier: MIT */
/* Fields of kicks, rings, chains, requests and interrupts: 2.7, 2.8. */
#include <inttypes.h>
#include <linux/virtio_ring.h>
#include <stdio.h>
#include <string.h>

#include "decoder/fields/fields.h"
#include "decoder/fields/event_names.h"

/* --- kick --- */

FIELD_GETTER(kick_new, record_ring_backlog(&e->rec->kick.ring) >= 0,
	     (uint64_t)record_ring_backlog(&e->rec->kick.ring))
FIELD_GETTER(kick_value, e->rec->kick.width, e->rec->kick.value)
FIELD_GETTER(kick_head, i < e->rec->kick.nheads, record_head(e->rec, i))
FIELD_GETTER(kick_self, e->self, 1)

const struct field fields_kick[] = {
	{ "kick.via", FIELD_STR, FIELD_AT(kick.via), .names = event_kick_vias, .label = "Via",
	  .help = "mmio, ioeventfd, legacy or call" },
	{ "kick.value", FIELD_HEX, .get = get_kick_value, .label = "Value",
	  .help = "as written; unseen by ioeventfd" },
	{ "kick.width", FIELD_U64, FIELD_AT(kick.width), FIELD_IF(kick.width, 0xff),
	  .label = "Width", .help = "bytes written, where seen" },
	{ "kick.new", FIELD_U64, .get = get_kick_new, .label = "New entries",
	  .help = "available entries the device has not popped yet" },
	{ "kick.heads", FIELD_U64, FIELD_ARRAY, .get = get_kick_head, .label = "Heads",
	  .help = "descriptor heads of the first new entries" },
	{ "kick.self", FIELD_BOOL, .get = get_kick_self, .label = "Own",
	  .help = "by eventfd and for nothing: the device's own, no driver's; not counted" },
	{ .path = NULL },
};

/* --- ring: at the same place in every record that has one --- */

#define RING(member, bit) FIELD_AT(ring.ring.member), FIELD_IF(ring.ring.known, bit)
_Static_assert(offsetof(struct vqt_kick, ring) == offsetof(struct vqt_ringstate, ring) &&
		       offsetof(struct vqt_avail, ring) == offsetof(struct vqt_ringstate, ring) &&
		       offsetof(struct vqt_used, ring) == offsetof(struct vqt_ringstate, ring),
	       "rings");

const struct field fields_ring[] = {
	{ "ring.packed", FIELD_BOOL, FIELD_AT(ring.ring.known), FIELD_IF(ring.ring.known, 0xffff),
	  .bit = VQT_RING_PACKED, .label = "Packed",
	  .help = "packed layout: positions carry the wrap counter in bit 15" },
	{ "ring.avail_idx", FIELD_U64, RING(avail_idx, VQT_RING_AVAIL_IDX),
	  .label = "Available index", .help = "the driver's index" },
	{ "ring.avail_flags", FIELD_HEX, RING(avail_flags, VQT_RING_AVAIL_FLAGS),
	  .label = "Available flags", .help = "the driver's; packed: its event suppression flags" },
	{ "ring.used_event", FIELD_U64, RING(used_event, VQT_RING_USED_EVENT),
	  .label = "Used event", .help = "where the driver wants the next interrupt" },
	{ "ring.last_avail", FIELD_U64, RING(last_avail, VQT_RING_LAST_AVAIL),
	  .label = "Next to take", .help = "the device's position in the available ring" },
	{ "ring.filled", FIELD_BOOL, RING(known, VQT_RING_SLOT), .bit = VQT_RING_FILLED,
	  .label = "Filled",
	  .help = "packed: the slot to take next holds an available descriptor" },
	{ "ring.used_idx", FIELD_U64, RING(used_idx, VQT_RING_USED_IDX | VQT_RING_USED_POS),
	  .label = "Used index", .help = "the device's index; packed: its next used slot" },
	{ "ring.used_flags", FIELD_HEX, RING(used_flags, VQT_RING_USED_FLAGS),
	  .label = "Used flags", .help = "the device's; packed: its event suppression flags" },
	{ "ring.avail_event", FIELD_U64, RING(avail_event, VQT_RING_AVAIL_EVENT),
	  .label = "Available event", .help = "where the device wants the next kick" },
	{ .path = NULL },
};

/* --- what only a sample says --- */

const struct field fields_sample[] = {
	{ "sample.why", FIELD_STR, FIELD_AT(ring.why), .names = event_ring_whys, .label = "Taken",
	  .help = "asked, status (at a write of device_status) or periodic" },
	{ "sample.pending", FIELD_STR, FIELD_AT(ring.pending), .names = event_pendings,
	  .label = "Kick pending",
	  .help = "the driver has kicked and the device not heard of it: unknown, no or yes" },
	{ .path = NULL },
};

/* --- avail --- */

FIELD_GETTER(first, e->rec->avail.first, e->rec->avail.first)
FIELD_GETTER(again, e->head_in_flight, 1)
FIELD_GETTER(desc_addr, i < e->rec->avail.ndesc, record_desc(e->rec, i).addr)
FIELD_GETTER(desc_len, i < e->rec->avail.ndesc, record_desc(e->rec, i).len)
FIELD_GETTER(desc_flags, i < e->rec->avail.ndesc, record_desc(e->rec, i).flags)
FIELD_GETTER(desc_next, i < e->rec->avail.ndesc, record_desc(e->rec, i).next)
FIELD_GETTER(desc_write, i < e->rec->avail.ndesc,
	     (record_desc(e->rec, i).flags & VRING_DESC_F_WRITE) != 0)

FIELD_GETTER(desc_indirect, i < e->rec->avail.ndesc,
	     (unsigned)e->rec->avail.first + i >= e->rec->avail.ndirect)

FIELD_GETTER(adding, e->rec->avail.adding && e->rec->avail.adding != VQT_ADDING_MORE,
	     (uint64_t)e->rec->avail.adding *VQT_ADDING_NS)

const struct field fields_avail[] = {
	{ "avail.head", FIELD_U64, FIELD_AT(avail.head), .label = "Head",
	  .help = "descriptor index of the chain; packed: buffer id" },
	{ "avail.pos", FIELD_U64, FIELD_AT(avail.pos), .label = "Position",
	  .help = "available index it was at; packed: slot, wrap counter in bit 15" },
	{ "avail.count", FIELD_U64, FIELD_AT(avail.ndesc), .label = "Descriptors",
	  .help = "descriptors in this event" },
	{ "avail.direct", FIELD_U64, FIELD_AT(avail.ndirect), .label = "Direct",
	  .help = "how many of the chain are not from an indirect table" },
	{ "avail.first", FIELD_U64, .get = get_first, .label = "First",
	  .help = "place in the chain of the first one, for a continued chain" },
	{ "avail.flags", FIELD_HEX, FIELD_AT(avail.flags), .names = event_chain_flags,
	  .label = "Flags", .help = "what is particular about the chain" },
	{ "avail.adding", FIELD_TIME, .get = get_adding, .label = "Adding since",
	  .help = "a driver's trace: so long before this time it began to add the chain" },
	{ "avail.in_flight", FIELD_BOOL, .get = get_again, .label = "Head was still in flight",
	  .help = "the head had been popped before and not used yet" },
	{ "avail.descriptors.addr", FIELD_HEX, FIELD_ARRAY, .get = get_desc_addr,
	  .label = "Address", .help = "guest-physical address" },
	{ "avail.descriptors.len", FIELD_U64, FIELD_ARRAY, .get = get_desc_len, .label = "Length",
	  .help = "bytes" },
	{ "avail.descriptors.flags", FIELD_HEX, FIELD_ARRAY, .get = get_desc_flags,
	  .names = spec_desc_flags, .label = "Flags", .help = "NEXT, WRITE, INDIRECT, ..." },
	{ "avail.descriptors.next", FIELD_U64, FIELD_ARRAY, .get = get_desc_next, .label = "Next",
	  .help = "next descriptor; packed: buffer id" },
	{ "avail.descriptors.write", FIELD_BOOL, FIELD_ARRAY, .get = get_desc_write,
	  .label = "Write", .help = "for the device to write" },
	{ "avail.descriptors.indirect", FIELD_BOOL, FIELD_ARRAY, .get = get_desc_indirect,
	  .label = "Indirect", .help = "from the indirect table" },
	{ .path = NULL },
};

/* --- request --- */

FIELD_GETTER(req_number, e->req, e->req->number)
static bool get_req_type(const struct event *e, unsigned i, struct field_value *v)
{
	if (!e->req)
		return false;
	if (e->req->type)
		return field_set_str(v, e->req->type->json);
	if (!e->req->typed)
		return false;
	snprintf(v->buf, sizeof(v->buf), "%" PRIu32, e->req->type_raw);
	return field_set_str(v, v->buf);
}

FIELD_GETTER(req_sector,
	     e->req && e->req->typed &&
		     (!e->req->type || e->req->type->flags & (SPEC_REQ_SECTOR | SPEC_REQ_SEGMENTS)),
	     e->req->sector)
FIELD_GETTER(req_bytes, e->req, e->req->bytes)
FIELD_GETTER(req_descriptors, e->req, model_descriptors(e->req))
FIELD_GETTER(req_readable, e->req, e->req->readable)
FIELD_GETTER(req_writable, e->req, e->req->writable)
FIELD_GETTER(req_wait, e->req && e->req->kick_ts && e->req->avail_ts >= e->req->kick_ts,
	     e->req->avail_ts - e->req->kick_ts)
FIELD_GETTER(req_backend,
	     e->req && e->req->backend_ts && e->req->backend_end_ts >= e->req->backend_ts,
	     e->req->backend_end_ts - e->req->backend_ts)
FIELD_GETTER(latency, e->req && e->req->done && e->req->avail_ts, e->latency)
FIELD_GETTER(at_least, event_at_least(e), event_at_least(e))
FIELD_GETTER(before, e->unnamed || (e->req && e->req->before), 1)
/* Request types of all classes, one after the other. */
static const char *request_word(unsigned n)
{
	const struct class *c;

	for (size_t k = 0; (c = class_nth(k)); k++)
		for (const struct spec_request *r = c->requests; r && r->name; r++)
			if (!n--)
				return r->json;
	return NULL;
}

const struct field fields_request[] = {
	{ "request.number", FIELD_U64, .get = get_req_number, .label = "Made available in event",
	  .help = "number of the event in which the device popped it" },
	{ "request.type", FIELD_STR, .get = get_req_type, .word = request_word, .label = "Type",
	  .help = "in, out, flush, ...; a number for an unknown type" },
	{ "request.sector", FIELD_U64, .get = get_req_sector, .label = "Sector",
	  .help = "first sector, in units of 512 bytes" },
	{ "request.bytes", FIELD_U64, .get = get_req_bytes, .label = "Bytes",
	  .help = "bytes of data, header and status not counted" },
	{ "request.descriptors", FIELD_U64, .get = get_req_descriptors, .label = "Descriptors",
	  .help = "descriptors of its buffers, in the ring or in an indirect table" },
	{ "request.readable", FIELD_U64, .get = get_req_readable, .label = "Readable",
	  .help = "bytes for the device to read" },
	{ "request.writable", FIELD_U64, .get = get_req_writable, .label = "Writable",
	  .help = "bytes for the device to write" },
	{ "request.wait", FIELD_TIME, .get = get_req_wait, .label = "Since the kick",
	  .help = "from the kick before it until the device popped it" },
	{ "request.backend", FIELD_TIME, .get = get_req_backend, .label = "In the backend",
	  .help = "time in the block backend, where traced" },
	{ "request.latency", FIELD_TIME, .get = get_latency, .label = "Latency",
	  .help = "from popped to used, once it is; absent if the time of popping is not known" },
	{ "request.at_least", FIELD_TIME, .get = get_at_least, .label = "In flight at least",
	  .help = "where the time of popping is not known: how long it is known to be in flight" },
	{ "request.before_trace", FIELD_BOOL, .get = get_before, .label = "Since before the trace",
	  .help = "the device had popped it before the trace began" },
	{ .path = NULL },
};

/* --- used --- */

static bool get_used_status(const struct event *e, unsigned i, struct field_value *v)
{
	const struct class *c = e->dev ? e->dev->class : NULL;
	unsigned status = e->req ? e->req->status : e->rec->used.status;
	const char *name;

	/* Of a chain that was not seen: the last byte, where the class always has it there. */
	if (e->req ? !e->req->status_known
		   : !(e->rec->used.flags & VQT_USED_STATUS) ||
			     class_status_at(c, NULL) != CLASS_STATUS_LAST)
		return false;
	name = spec_name_of(c->statuses, status);
	if (name)
		return field_set_str(v, name);
	snprintf(v->buf, sizeof(v->buf), "%u", status);
	return field_set_str(v, v->buf);
}

static const char *status_word(unsigned n)
{
	const struct class *c;

	for (size_t k = 0; (c = class_nth(k)); k++)
		for (const struct spec_name *s = c->statuses; s && s->name; s++)
			if (!n--)
				return s->name;
	return NULL;
}

FIELD_GETTER(used_unknown, e->unknown_id, 1)
const struct field fields_used[] = {
	{ "used.id", FIELD_U64, FIELD_AT(used.id), .label = "Id",
	  .help = "head of the chain; packed: buffer id" },
	{ "used.len", FIELD_U64, FIELD_AT(used.len), .label = "Length",
	  .help = "bytes the device says it wrote" },
	{ "used.pos", FIELD_U64, FIELD_AT(used.pos), .label = "Position",
	  .help = "used index of the entry; packed: slot, wrap counter in bit 15" },
	{ "used.flags", FIELD_HEX, FIELD_AT(used.flags), .names = event_used_flags,
	  .label = "Flags", .help = "what is particular about the completion" },
	{ "used.status", FIELD_STR, .get = get_used_status, .word = status_word, .label = "Status",
	  .help = "OK, IOERR, UNSUPP, ... or the number" },
	{ "used.status_byte", FIELD_HEX, FIELD_FILTER, FIELD_AT(used.status),
	  FIELD_IF(used.flags, VQT_USED_STATUS), .label = "Status byte",
	  .help = "the status as a number (filters only)" },
	{ "used.latency", FIELD_TIME, .get = get_latency, .label = "Latency",
	  .help = "since the device popped it, where that is known" },
	{ "used.unknown", FIELD_BOOL, .get = get_used_unknown, .label = "No such chain in flight",
	  .help = "no chain of that id was in flight" },
	{ .path = NULL },
};

/* --- interrupt --- */

FIELD_GETTER(vector, e->rec->irq.vector != VQT_NO_VECTOR, e->rec->irq.vector)
FIELD_GETTER(level, e->rec->irq.kind == VQT_IRQ_INTX, e->rec->irq.level)
const struct field fields_interrupt[] = {
	{ "interrupt.kind", FIELD_STR, FIELD_AT(irq.kind), .names = event_irq_kinds,
	  .label = "Kind", .help = "signal, msix, intx or config" },
	{ "interrupt.vector", FIELD_U64, .get = get_vector, .label = "Vector",
	  .help = "MSI-X vector" },
	{ "interrupt.level", FIELD_U64, .get = get_level, .label = "Level",
	  .help = "INTx: 1 asserted, 0 released" },
	{ .path = NULL },
};

/* --- captured bytes --- */

/* Segment i; v remembers the one before, as their sizes differ. */
static bool get_seg(const struct event *e, unsigned i, struct field_value *v)
{
	if (!i)
		v->pos = 0;
	else if (i == v->nth)
		return true;
	v->nth = i;
	return record_seg_next(e->rec, &v->pos, &v->seg);
}

FIELD_GETTER(seg_desc, get_seg(e, i, v), v->seg.desc)
FIELD_GETTER(seg_offset, get_seg(e, i, v), v->seg.offset)
static bool get_seg_bytes(const struct event *e, unsigned i, struct field_value *v)
{
	if (!get_seg(e, i, v))
		return false;
	v->bytes = v->seg.bytes;
	v->len = v->seg.len;
	return true;
}

const struct field fields_buffers[] = {
	{ "buffers.descriptor", FIELD_U64, FIELD_ARRAY | FIELD_ORDERED, .get = get_seg_desc,
	  .label = "Descriptor", .help = "place in the chain of the buffer" },
	{ "buffers.offset", FIELD_U64, FIELD_ARRAY | FIELD_ORDERED, .get = get_seg_offset,
	  .label = "Offset", .help = "of the first byte in the buffer" },
	{ "buffers.bytes", FIELD_BYTES, FIELD_ARRAY | FIELD_ORDERED, .get = get_seg_bytes,
	  .label = "Bytes", .help = "the captured bytes" },
	{ .path = NULL },
};

const struct field fields_data[] = {
	{ "data.head", FIELD_U64, FIELD_AT(data.head), .label = "Head",
	  .help = "the chain in flight they belong to" },
	{ .path = NULL },
};
