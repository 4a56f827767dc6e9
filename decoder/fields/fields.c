/* SPDX-License-Identifier: MIT */
/* The table itself, how a field is read, and the keys that every event has. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "decoder/fields/fields.h"
#include "decoder/fields/event_names.h"

#define BIT(type) (1ULL << (type))
#define ANY (~0ULL)
#define RINGS (BIT(VQT_KICK) | BIT(VQT_AVAIL) | BIT(VQT_USED) | BIT(VQT_RING))
#define CHAINS (BIT(VQT_AVAIL) | BIT(VQT_USED) | BIT(VQT_DATA))

const struct field_group field_groups[] = {
	{ "", "Event", ANY, fields_event, false },
	{ "session", "Session", BIT(VQT_SESSION), fields_session, false },
	{ "source_info", "Source", BIT(VQT_SOURCE), fields_source, false },
	{ "device_info", "Device", BIT(VQT_DEVICE), fields_device, false },
	{ "device_state", "Device state, learned", BIT(VQT_DEVICE_STATE), fields_device_state,
	  false },
	{ "queue_state", "Queue state, learned", BIT(VQT_QUEUE_STATE), fields_queue_state, false },
	{ "register", "Register access", BIT(VQT_REG), fields_register, false },
	{ "kick", "Available buffer notification", BIT(VQT_KICK), fields_kick, false },
	{ "avail", "Available chain", BIT(VQT_AVAIL), fields_avail, true },
	{ "used", "Used chain", BIT(VQT_USED), fields_used, true },
	{ "data", "Bytes of a chain, read late", BIT(VQT_DATA), fields_data, true },
	{ "request", "Request", CHAINS | BIT(VQT_BACKEND), fields_request, true },
	{ "ring", "Ring in memory", RINGS, fields_ring, true },
	{ "sample", "Ring sample", BIT(VQT_RING), fields_sample, false },
	{ "buffers", "Captured bytes", CHAINS, fields_buffers, true },
	{ "interrupt", "Interrupt", BIT(VQT_IRQ), fields_interrupt, false },
	{ "tally", "Tally of a queue", BIT(VQT_TALLY), fields_tally, false },
	{ "vhost_user", "vhost-user message", BIT(VQT_VHOST_USER), fields_vhost_user, false },
	{ "lifecycle", "Lifecycle", BIT(VQT_LIFECYCLE), fields_lifecycle, false },
	{ "guest", "Guest driver", BIT(VQT_GUEST), fields_guest, false },
	{ "backend", "Block backend", BIT(VQT_BACKEND), fields_backend, false },
	{ "clock", "Clock", BIT(VQT_CLOCK), fields_clock, false },
	{ "loss", "Loss", BIT(VQT_LOSS), fields_loss, false },
	{ "note", "Note", BIT(VQT_NOTE), fields_note, false },
	{ "stack_info", "Call stack", BIT(VQT_STACK), fields_stack, false },
	{ "exchange", "Clock exchange", BIT(VQT_EXCHANGE), fields_exchange, false },
	{ NULL, NULL, 0, NULL, false },
};

/* Records are little-endian, and so are the hosts this runs on. */
static uint64_t read_at(const struct record *r, unsigned at, unsigned size)
{
	const uint8_t *p = (const uint8_t *)r + at;
	uint64_t u = 0;

	switch (size) {
	case 1: return *p;
	case 2: return get_le16(p);
	case 4: return get_le32(p);
	default: memcpy(&u, p, sizeof(u)); return u;
	}
}

bool field_set_word(struct field_value *v, const char *name, uint64_t number)
{
	if (!name)
		snprintf(v->buf, sizeof(v->buf), "%" PRIu64, number);
	return field_set_str(v, name ? name : v->buf);
}

/* Apart from field_get(), which has nothing to save on the stack for most fields. */
static __attribute__((noinline)) bool get_in_record(const struct field *f, const struct record *r,
						    struct field_value *v)
{
	v->u = read_at(r, f->at, f->size);
	if (f->kind == FIELD_STR)
		return field_set_word(v, spec_name_of(f->names, v->u), v->u);
	if (f->kind == FIELD_BOOL)
		v->u = f->bit ? (v->u & f->bit) != 0 : v->u != 0;
	else if (f->kind == FIELD_I64 && f->size == 4)
		v->u = (uint64_t)(int64_t)(int32_t)v->u;
	return true;
}

bool field_get(const struct field *f, const struct event *e, unsigned i, struct field_value *v)
{
	if (f->known && !(read_at(e->rec, f->known_at, 2) & f->known))
		return false;
	return f->get ? f->get(e, i, v) : get_in_record(f, e->rec, v);
}

const struct field *field_by_path(const char *path)
{
	for (const struct field_group *g = field_groups; g->name; g++)
		for (const struct field *f = g->fields; f->path; f++)
			if (!strcmp(f->path, path))
				return f;
	return NULL;
}

const struct field_group *field_group_of(const struct field *f)
{
	for (const struct field_group *g = field_groups; g->name; g++)
		for (const struct field *at = g->fields; at->path; at++)
			if (at == f)
				return g;
	return NULL;
}

const struct field *field_nth(unsigned n)
{
	for (const struct field_group *g = field_groups; g->name; g++)
		for (const struct field *f = g->fields; f->path; f++)
			if (!n--)
				return f;
	return NULL;
}

const char *field_kind_name(unsigned kind)
{
	static const char *const names[] = {
		[FIELD_U64] = "integer", [FIELD_I64] = "integer", [FIELD_HEX] = "integer",
		[FIELD_TIME] = "ns",	 [FIELD_STR] = "text",	  [FIELD_BOOL] = "boolean",
		[FIELD_BYTES] = "bytes",
	};

	return kind < sizeof(names) / sizeof(names[0]) ? names[kind] : "?";
}

/* The session record comes before there is a clock to put it on. */
FIELD_GETTER(ts, true, e->ts ? e->ts : e->rec->h.ts)
FIELD_GETTER(number, true, e->number)
FIELD_TEXT_GETTER(source, e->source,
		  e->source->name[0] ? e->source->name : event_source_kind(e->source->kind))
static bool get_device(const struct event *e, unsigned i, struct field_value *v)
{
	if (!e->dev || i > 1 || (i && !e->dev->user_id[0]))
		return false;
	return field_set_str(v, i ? e->dev->user_id : e->dev->name);
}

FIELD_TEXT_GETTER(device_type, e->dev && e->dev->virtio_id,
		  class_name(e->dev->virtio_id, v->buf, sizeof(v->buf)))
FIELD_TEXT_GETTER(device_id, e->dev && e->dev->user_id[0], e->dev->user_id)

static bool get_queue(const struct event *e, unsigned i, struct field_value *v)
{
	if (e->rec->h.queue != VQT_NO_QUEUE)
		return field_set_u64(v, e->rec->h.queue);
	return e->queue && field_set_u64(v, e->queue->index);
}

FIELD_TEXT_GETTER(event, true, record_type_name(e->rec->h.type))
FIELD_GETTER(thread, e->rec->h.tid, e->rec->h.tid)
FIELD_GETTER(delta, true, e->delta)
FIELD_GETTER(since, true, e->since)
FIELD_GETTER(missing, e->gap, e->gap)
FIELD_GETTER(status, e->dev && e->dev->status_known, e->dev->status)
FIELD_GETTER(within, e->rec->within, e->rec->within)
FIELD_GETTER(stack_id, e->rec->stack_id, e->rec->stack_id)
/* Its address, where the function is unknown.  The record of a stack has it in its own object. */
static bool get_frame(const struct event *e, unsigned i, struct field_value *v)
{
	const struct model_frame *f;

	if (!e->stack || !e->rec->stack_id || i >= e->stack->n)
		return false;
	f = &e->stack->frame[i];
	if (!*f->symbol)
		snprintf(v->buf, sizeof(v->buf), "0x%" PRIx64, f->pc);
	return field_set_str(v, *f->symbol ? f->symbol : v->buf);
}

static const char *event_word(unsigned n)
{
	const char *name;

	if (n > VQT_BACKEND)
		return NULL;
	name = record_type_name(n);
	return record_type_by_name(name) == (int)n ? name : "";
}

static const char *device_type_word(unsigned n)
{
	const struct class *c = class_nth(n);

	return c ? c->name : NULL;
}

const struct field fields_event[] = {
	{ "ts", FIELD_TIME, .get = get_ts, .label = "Time", .help = "time on the trace's clock" },
	{ "number", FIELD_U64, .get = get_number, .label = "Number",
	  .help = "number of the event in the trace, from 1" },
	{ "seq", FIELD_U64, FIELD_AT(h.seq), .label = "Sequence",
	  .help = "sequence number of its source; counts lost events too" },
	{ "source", FIELD_STR, .get = get_source, .label = "Source",
	  .help = "name of the source, or its kind: qemu, kvm, guest, emu, replay" },
	{ "device", FIELD_STR, FIELD_ALIASES, .get = get_device, .label = "Device",
	  .help = "device: its type and a count, such as blk0; filters take its user's id, too" },
	{ "device_type", FIELD_STR, .get = get_device_type, .word = device_type_word,
	  .label = "Device type", .help = "type of the device: blk, net, ..." },
	{ "device_id", FIELD_STR, FIELD_FILTER, .get = get_device_id, .label = "Device id",
	  .help = "the id its user gave the device (filters only)" },
	{ "device_status", FIELD_HEX, FIELD_FILTER, .get = get_status, .label = "Device status",
	  .names = spec_status_bits,
	  .help = "status of the device after the event (filters only)" },
	{ "queue", FIELD_U64, .get = get_queue, .label = "Queue", .help = "virtqueue index" },
	{ "event", FIELD_STR, .get = get_event, .word = event_word, .label = "Event",
	  .help = "what happened: register, kick, avail, used, interrupt, ..." },
	{ "thread", FIELD_U64, .get = get_thread, .label = "Thread", .help = "thread that did it" },
	{ "cpu", FIELD_U64, FIELD_AT(h.cpu), .label = "CPU", .help = "processor it ran on" },
	{ "delta", FIELD_TIME, .get = get_delta, .label = "Delta",
	  .help = "time since the event before" },
	{ "since", FIELD_TIME, FIELD_FILTER, .get = get_since, .label = "Since",
	  .help = "time since the first event (filters only)" },
	{ "missing", FIELD_U64, .get = get_missing, .label = "Missing",
	  .help = "events missing before this one, by its sequence number" },
	{ "within", FIELD_TIME, .get = get_within, .label = "Within",
	  .help = "it may have happened so long before its time, when it was found" },
	{ "stack_id", FIELD_U64, .get = get_stack_id, .label = "Stack",
	  .help = "number of the call stack where it happened, if that was recorded" },
	{ "stack", FIELD_STR, FIELD_ARRAY, .get = get_frame, .label = "Call stack",
	  .help = "its frames, the innermost first: function, offset and module, or an address" },
	{ .path = NULL },
};
