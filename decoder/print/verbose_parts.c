/* SPDX-License-Identifier: MIT */
/* The parts of the tree that say more than a name and a number. */
#include <inttypes.h>
#include <linux/virtio_ring.h>
#include <string.h>

#include "decoder/fields/event_names.h"
#include "decoder/print/verbose_impl.h"
#include "decoder/util/virtqueue.h"

/* --- bits --- */

/* ".... 1..." : the bits of mask as they are, the others as dots, four at a time. */
static void put_pattern(struct text *t, unsigned width, uint64_t mask, uint64_t value)
{
	for (unsigned i = width; i--;) {
		if (!(mask >> i & 1))
			text_puts(t, ".");
		else
			text_puts(t, value >> i & 1 ? "1" : "0");
		if (i && i % 4 == 0)
			text_puts(t, " ");
	}
	text_puts(t, " = ");
}

static void bit_line(struct view *p, unsigned depth, unsigned width, uint64_t mask, uint64_t value,
		     const char *name)
{
	TEXT(t, 256);

	put_pattern(&t, width, mask, value);
	if (mask & (mask - 1))
		text_add(&t, "%s: %" PRIu64, name, (value & mask) / (mask & -mask));
	else
		text_add(&t, "%s: %s", name, value & mask ? "set" : "not set");
	view_line(p, depth, &t);
}

void view_bits(struct view *p, unsigned depth, unsigned width, const struct spec_name *names,
	       uint64_t value)
{
	uint64_t unknown = value;

	if (!width || width > 64)
		width = 16; /* a value that a function made: rings have 16-bit flags */
	if (width < 64)
		unknown &= (1ULL << width) - 1;
	for (; names->name; names++) {
		if (width < 64 && names->value >> width)
			continue;
		bit_line(p, depth, width, names->value, value, names->name);
		unknown &= ~names->value;
	}
	for (unsigned i = 0; i < width; i++)
		if (unknown >> i & 1)
			bit_line(p, depth, width, 1ULL << i, value, "undefined");
}

/* The same of 32 feature bits of a device type. */
static void view_features(struct view *p, unsigned depth, unsigned virtio_id, unsigned word,
			  uint32_t bits)
{
	for (unsigned i = 0; i < 32 && word < 4; i++) {
		const struct spec_feature *f = class_feature(virtio_id, word * 32 + i);
		char name[32];

		snprintf(name, sizeof(name), "bit %u, undefined", word * 32 + i);
		if (f || bits >> i & 1)
			bit_line(p, depth, 32, 1U << i, bits, f ? f->name : name);
	}
}

/* --- registers --- */

static unsigned class_of(const struct event *e)
{
	return e->dev ? e->dev->virtio_id : 0;
}

static void register_value(struct view *p, unsigned depth, uint64_t value)
{
	const struct vqt_reg *r = &p->e->rec->reg;
	const struct spec_field *f = p->e->field;

	if (!f || r->width > 8)
		return;
	if (f->kind == SPEC_FEATURES && r->width == 4 && !p->e->field_offset)
		view_features(p, depth, class_of(p->e), p->e->select, (uint32_t)value);
	else if (f->kind == SPEC_BITS && f->names && !p->e->field_offset)
		view_bits(p, depth, 8U * (r->width < f->width ? r->width : f->width), f->names,
			  value);
}

static void register_field(struct text *t, const struct event *e, uint64_t value)
{
	const struct spec_field *f = e->field;

	if (f->section)
		text_add(t, " (%s%s)", strncmp(f->section, "PCI", 3) ? "virtio " : "", f->section);
	if (e->rec->reg.op == VQT_WRITE && f->flags & SPEC_RO)
		text_puts(t, " [read-only for the driver]");
}

static void queue_select(struct text *t, const struct event *e, uint64_t value)
{
	if (e->field && e->field->kind == SPEC_FEATURES)
		text_add(t, " (feature bits %" PRIu64 " to %" PRIu64 ")", value * 32,
			 value * 32 + 31);
	else
		text_puts(t, " (queue)");
}

static void feature_set(struct view *p, unsigned depth, const uint64_t recorded[2])
{
	uint64_t bits[2];

	model_state_features(p->e, recorded, bits);
	for (unsigned i = 0; i < 128; i++) {
		const struct spec_feature *f;

		if (!(bits[i / 64] >> i % 64 & 1))
			continue;
		f = class_feature(class_of(p->e), i);
		view_printf(p, depth, "bit %u = %s", i,
			    f		     ? f->name
			    : class_of(p->e) ? "undefined"
					     : "of a device type that is not known");
	}
}

void view_feature_bits(struct view *p, unsigned depth, uint64_t bits)
{
	feature_set(p, depth, (const uint64_t[2]){ bits & ~VQT_VHOST_FEATURES, 0 });
}

static void offered(struct view *p, unsigned depth, uint64_t value)
{
	feature_set(p, depth, p->e->rec->device_state.offered);
}

static void accepted(struct view *p, unsigned depth, uint64_t value)
{
	feature_set(p, depth, p->e->rec->device_state.accepted);
}

/* --- rings: what event suppression says, 2.7.7, 2.7.10, 2.8.10 --- */

static bool is_packed(const struct event *e)
{
	return e->rec->ring.ring.known & VQT_RING_PACKED;
}

static bool event_idx(const struct event *e)
{
	return e->dev && model_accepted(e->dev, VIRTIO_RING_F_EVENT_IDX);
}

static void put_position(struct text *t, uint16_t pos)
{
	text_add(t, "slot %u, wrap counter %u", virtq_slot(pos), virtq_wrap(pos));
}

static void suppression(struct text *t, const struct event *e, uint64_t flags, const char *what)
{
	static const char *const packed[] = { "every", "no",
					      "the next at a position:", "reserved:" };

	if (is_packed(e))
		text_add(t, " (wants %s %s)", packed[flags & 3], what);
	else if (event_idx(e))
		text_puts(t, " (not used: VIRTIO_F_EVENT_IDX was accepted)");
	else
		text_add(t, " (wants %s %s)", flags & 1 ? "no" : "every", what);
}

static void avail_flags(struct text *t, const struct event *e, uint64_t value)
{
	suppression(t, e, value, "interrupt");
}

static void used_flags(struct text *t, const struct event *e, uint64_t value)
{
	suppression(t, e, value, "kick");
}

static void event_position(struct text *t, const struct event *e, uint64_t value, bool wanted,
			   const char *what, const char *index)
{
	if (is_packed(e)) {
		text_puts(t, " (");
		put_position(t, value);
		text_puts(t, wanted ? ")" : "; not used)");
	} else if (event_idx(e)) {
		text_add(t, " (wants %s when %s passes it)", what, index);
	} else {
		text_puts(t, " (not used: VIRTIO_F_EVENT_IDX was not accepted)");
	}
}

static void used_event(struct text *t, const struct event *e, uint64_t value)
{
	event_position(t, e, value, (e->rec->ring.ring.avail_flags & 3) == 2, "an interrupt",
		       "the used index");
}

static void avail_event(struct text *t, const struct event *e, uint64_t value)
{
	event_position(t, e, value, (e->rec->ring.ring.used_flags & 3) == 2, "a kick",
		       "the available index");
}

/* A position where packed, a free-running index where split: say its slot. */
static void ring_index(struct text *t, const struct event *e, uint64_t value)
{
	const struct model_queue *q = e->queue;

	if (is_packed(e)) {
		text_puts(t, " (");
		put_position(t, value);
		text_puts(t, ")");
	} else if (q && q->size_known && q->size) {
		text_add(t, " (slot %" PRIu64 ")", value % q->size);
	}
}

/* --- the others --- */

static void lifecycle_args(struct view *p, unsigned depth, uint64_t value)
{
	const struct vqt_lifecycle *l = &p->e->rec->lifecycle;
	const struct lifecycle_step *s = lifecycle_step(l->what);

	if (l->what == VQT_LIFECYCLE_SET_STATUS)
		view_bits(p, depth, 8, spec_status_bits, l->arg[0]);
	for (unsigned i = 0; s && i < 3 && s->arg[i].name; i++)
		view_printf(p, depth,
			    s->arg[i].kind == SPEC_HEX ? "%s: 0x%" PRIx64 : "%s: %" PRIu64,
			    s->arg[i].name, (uint64_t)l->arg[i]);
}

static void lifecycle_meaning(struct text *t, const struct event *e, uint64_t value)
{
	const struct lifecycle_step *s = lifecycle_step(e->rec->lifecycle.what);

	if (s)
		text_add(t, " (%s)", s->meaning);
}

static void loss_why(struct text *t, const struct event *e, uint64_t value)
{
	text_add(t, " (%s)", event_loss_why(e->rec->loss.why));
}

static void used_len(struct text *t, const struct event *e, uint64_t value)
{
	if (e->req)
		text_add(t, " of %" PRIu64 " writable", e->req->writable);
}

static void sector(struct text *t, const struct event *e, uint64_t value)
{
	if (value <= UINT64_MAX / 512)
		text_add(t, " (byte %" PRIu64 ")", value * 512);
}

static void device_type(struct text *t, const struct event *e, uint64_t value)
{
	const struct class *c = class_find((unsigned)value);

	if (c)
		text_add(t, " (%s, virtio %s)", c->title, c->section);
}

static const struct view_extra extras[] = {
	{ "register.field", register_field, NULL },
	{ "register.select", queue_select, NULL },
	{ "register.value", NULL, register_value },
	{ "ring.avail_idx", ring_index, NULL },
	{ "ring.avail_flags", avail_flags, NULL },
	{ "ring.used_event", used_event, NULL },
	{ "ring.last_avail", ring_index, NULL },
	{ "ring.used_idx", ring_index, NULL },
	{ "ring.used_flags", used_flags, NULL },
	{ "ring.avail_event", avail_event, NULL },
	{ "avail.pos", ring_index, NULL },
	{ "used.pos", ring_index, NULL },
	{ "used.len", used_len, NULL },
	{ "request.sector", sector, NULL },
	{ "device_info.type", device_type, NULL },
	{ "device_state.offered", NULL, offered },
	{ "device_state.accepted", NULL, accepted },
	{ "lifecycle.step", lifecycle_meaning, NULL },
	{ "lifecycle.args", NULL, lifecycle_args },
	{ "loss.why", loss_why, NULL },
};

const struct view_extra *view_extra(const char *path)
{
	for (size_t i = 0; i < sizeof(extras) / sizeof(extras[0]); i++)
		if (!strcmp(extras[i].path, path))
			return &extras[i];
	return NULL;
}

/* --- arrays of objects --- */

/* `next` is the buffer id where packed, and nothing in a packed indirect table (2.8.7). */
static void put_desc(struct text *t, const struct vqt_desc *d, bool packed, bool table)
{
	char flags[64];

	text_add(t, "0x%016" PRIx64 ", %u byte%s, ", (uint64_t)d->addr, d->len,
		 d->len == 1 ? "" : "s");
	text_puts(t, spec_format_bits(flags, sizeof(flags), spec_desc_flags, d->flags));
	if (d->flags & VRING_DESC_F_INDIRECT)
		text_puts(t, " (names the indirect table)");
	else
		text_puts(t,
			  d->flags & VRING_DESC_F_WRITE ? " (device writes)" : " (device reads)");
	if (packed && !table)
		text_add(t, ", id %u", d->next);
	else if (!packed && d->flags & VRING_DESC_F_NEXT)
		text_add(t, ", next %u", d->next);
}

void view_descriptors(struct view *p, unsigned depth)
{
	const struct vqt_avail *a = &p->e->rec->avail;

	for (unsigned i = 0; i < a->ndesc; i++) {
		struct vqt_desc d = record_desc(p->e->rec, i);
		bool table = (unsigned)a->first + i >= a->ndirect;
		TEXT(t, 256);

		text_add(&t, "%s %u: ", table ? "Indirect descriptor" : "Descriptor", a->first + i);
		put_desc(&t, &d, is_packed(p->e), table);
		view_line(p, depth, &t);
	}
}

void view_buffers(struct view *p, unsigned depth)
{
	struct record_seg seg;
	uint32_t pos = 0;

	while (record_seg_next(p->e->rec, &pos, &seg)) {
		TEXT(t, 256);

		text_add(&t, "Of descriptor %u: %u bytes from %u:", seg.desc, seg.len, seg.offset);
		for (unsigned i = 0; i < seg.len && i < 16; i++)
			text_add(&t, " %02x", seg.bytes[i]);
		text_puts(&t, seg.len > 16 ? " ..." : "");
		view_line(p, depth, &t);
	}
}

void view_frames(struct view *p, unsigned depth)
{
	const struct model_stack *s = p->e->stack;

	for (unsigned i = 0; s && i < s->n; i++) {
		TEXT(t, 512);

		text_add(&t, "#%u 0x%016" PRIx64 "%s", i, s->frame[i].pc,
			 *s->frame[i].symbol ? " " : "");
		text_untrusted(&t, s->frame[i].symbol, strlen(s->frame[i].symbol));
		view_line(p, depth, &t);
	}
	if (s && s->cut)
		view_printf(p, depth, "...");
}

void view_stack(struct view *p, unsigned depth)
{
	uint32_t id = p->e->rec->stack_id;

	if (!id)
		return;
	view_printf(p, depth, "Call stack %u%s", id,
		    p->e->stack ? "" : ", which is not in the trace");
	view_frames(p, depth + 1);
}

/* --- request headers --- */

static void header_line(struct view *p, unsigned depth, const struct spec_field *f, uint64_t value)
{
	const struct spec_request *r = NULL;
	char buf[64];

	if (f->id == SPEC_REG_REQUEST_TYPE)
		r = class_request_type(p->e->dev->class, (uint32_t)value);
	class_format_value(buf, sizeof(buf), f, class_of(p->e), value);
	view_printf(p, depth, "Header %s: %s%s%s%s (virtio %s)", f->name, buf, r ? " (" : "",
		    r ? r->name : "", r ? ")" : "", f->section);
}

void view_header(struct view *p, unsigned depth)
{
	const struct model_request *r = p->e->req;
	const struct spec_fields *fields;

	if (!r || !p->e->dev)
		return;
	fields = class_header(p->e->dev->class, &r->io);
	for (size_t k = 0; k < fields->count; k++) {
		const struct spec_field *f = &fields->field[k];
		uint64_t value = 0;

		if (f->offset + f->width > r->head_len)
			return;
		for (unsigned b = 0; b < f->width; b++)
			value |= (uint64_t)r->head_bytes[f->offset + b] << 8 * b;
		header_line(p, depth, f, value);
	}
}
