/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <linux/pci_regs.h>
#include <linux/virtio_config.h>
#include <linux/virtio_pci.h>
#include <string.h>
#include <time.h>

#include "decoder/class.h"
#include "decoder/life.h"
#include "decoder/print_line.h"

/* Columns of the line, in characters. */
#define COL_DEVICE 27
#define COL_ARROW 36

enum direction { NEITHER, TO_DEVICE, TO_DRIVER };

static const char *const arrows[2][3] = { { "·", "→", "←" }, { ".", ">", "<" } };
/* Driver's words cyan, device's green, the rest plain; loss and errors red. */
static const char *const colors[] = { "", "\033[36m", "\033[32m" };
#define RED "\033[31m"
#define PLAIN "\033[0m"

static const char *gets_sign(const struct line_options *o)
{
	return o->ascii ? "<-" : "←";
}

static const char *name_or(const struct spec_name *names, unsigned value)
{
	const char *name = spec_name_of(names, value);

	return name ? name : "?";
}

static void put_features(struct text *t, unsigned virtio_id, uint32_t word, uint32_t bits)
{
	const char *sep = "";

	for (unsigned i = 0; i < 32; i++) {
		const struct spec_feature *f;

		if (!(bits >> i & 1))
			continue;
		f = spec_feature(virtio_id, word * 32 + i);
		if (f)
			text_add(t, "%s%s", sep, f->name);
		else
			text_add(t, "%sbit %u", sep, word * 32 + i);
		sep = "|";
	}
	text_add(t, bits ? " (0x%08x)" : "none", bits);
}

static void put_value(struct text *t, const struct event *e)
{
	const struct vqt_reg *r = &e->rec->reg;
	char buf[256];

	if (r->flags & VQT_REG_FAILED) {
		text_puts(t, "(refused)");
	} else if (e->field && e->field->kind == SPEC_FEATURES && r->width == 4) {
		put_features(t, e->dev ? e->dev->virtio_id : 0, e->select, (uint32_t)r->value);
	} else if (e->field && !e->field_offset && r->width >= e->field->width
		   && e->field->kind != SPEC_BYTES) {
		uint64_t mask = e->field->width >= 8 ? ~0ULL : (1ULL << 8 * e->field->width) - 1;

		text_puts(t, spec_format_value(buf, sizeof(buf), e->field,
					       e->dev ? e->dev->virtio_id : 0, r->value & mask));
		if (r->width > e->field->width)
			text_add(t, " (0x%" PRIx64 " over %u bytes)", r->value, r->width);
	} else {
		text_add(t, "0x%0*" PRIx64, 2 * (r->width <= 8 ? r->width : 8), r->value);
	}
}

static void queue_enabled(struct text *t, const struct event *e)
{
	const struct model_queue *q = e->queue;

	text_add(t, "queue %u: enable, size %u, desc 0x%" PRIx64 " %s 0x%" PRIx64 " %s 0x%" PRIx64,
		 q->index, q->size, q->desc, q->packed ? "driver" : "avail", q->driver,
		 q->packed ? "device" : "used", q->device);
	if (q->vector != VQT_NO_VECTOR)
		text_add(t, ", vector %u", q->vector);
}

/* "pci.COMMON_CFG." or "pci.MSIX.": the capability an access falls into. */
static void put_capability(struct text *t, const struct event *e)
{
	const uint8_t *cap = e->dev->pci + e->pci_cap;
	const char *name = spec_name_of(spec_pci_caps, cap[0]);

	if (cap[0] == PCI_CAP_ID_VNDR && spec_name_of(spec_cap_types, cap[3]))
		name = spec_name_of(spec_cap_types, cap[3]);
	if (name)
		text_add(t, "pci.%s.", name);
	else
		text_add(t, "pci.cap 0x%02x.", cap[0]);
}

static void put_register_name(struct text *t, const struct event *e)
{
	const struct vqt_reg *r = &e->rec->reg;
	const struct spec_field *f = e->field;

	if (f && f->flags & SPEC_PER_QUEUE)
		text_add(t, "queue %u: ", e->select);
	if (!f) {
		text_add(t, "%s+0x%x", spec_region_name(r->region), r->offset);
		return;
	}
	if (r->region == VQT_REGION_MSIX_TABLE)
		text_add(t, "msix[%u].", r->offset / 16);
	else if (e->pci_cap)
		put_capability(t, e);
	else if (r->region == VQT_REGION_PCI || r->region == VQT_REGION_DEVICE)
		text_add(t, "%s.", r->region == VQT_REGION_PCI ? "pci" : "config");
	text_puts(t, f->name);
	if (f->kind == SPEC_FEATURES)
		text_add(t, "[%u]", e->select);
	else if (e->field_offset && f->width == 8 && e->field_offset == 4)
		text_puts(t, ".hi");
	else if (!e->field_offset && f->width == 8 && r->width == 4)
		text_puts(t, ".lo");
	else if (e->field_offset)
		text_add(t, "+%u", e->field_offset);
}

/* Fields laid out like the region (or capability) of an access, and where they begin. */
static const struct spec_fields *layout(const struct event *e, uint32_t *base)
{
	const struct vqt_reg *r = &e->rec->reg;

	*base = e->pci_cap;
	if (e->pci_cap)
		return spec_pci_cap_fields(e->dev->pci[e->pci_cap], e->dev->pci[e->pci_cap + 3]);
	return spec_region_fields(r->region, e->dev ? e->dev->virtio_id : 0);
}

/* An access to several fields at once: each by name. False if it is not one. */
static bool put_several(struct text *t, const struct event *e, const char *sign)
{
	const struct vqt_reg *r = &e->rec->reg;
	uint32_t base, at = r->offset, end = at + r->width;
	const struct spec_fields *fields = layout(e, &base);
	const char *sep = "";
	char buf[256];

	if ((r->region != VQT_REGION_PCI && r->region != VQT_REGION_COMMON) || !e->field
	    || e->field_offset || r->width > 8 || r->width <= e->field->width)
		return false;
	while (at < end) {
		const struct spec_field *f = spec_fields_at(fields, at - base, 1);

		if (!f || f->offset != at - base || f->width > end - at)
			break;
		text_puts(t, sep);
		if (e->pci_cap)
			put_capability(t, e);
		text_add(t, "%s %s %s", f->name, sign, spec_format_value(buf, sizeof(buf), f, 0,
			r->value >> 8 * (at - r->offset) & ((1ULL << 8 * f->width) - 1)));
		sep = ", ";
		at += f->width;
	}
	if (at < end)
		text_add(t, "%s... (0x%0*" PRIx64 " over %u bytes)", sep, 2 * r->width, r->value,
			 r->width);
	return true;
}

static enum direction put_reg(struct text *t, const struct event *e, const struct line_options *o)
{
	const struct vqt_reg *r = &e->rec->reg;
	bool write = r->op == VQT_WRITE;
	const char *sign = write ? gets_sign(o) : "=";

	if (write && e->queue && e->field && !strcmp(e->field->name, "queue_enable") && r->value == 1) {
		queue_enabled(t, e);
		return TO_DEVICE;
	}
	if (!put_several(t, e, sign)) {
		put_register_name(t, e);
		text_add(t, " %s ", sign);
		put_value(t, e);
	}
	if (r->flags & VQT_REG_VIA_CFG)
		text_puts(t, " (through the PCI configuration window)");
	return write ? TO_DEVICE : TO_DRIVER;
}

static void put_position(struct text *t, const struct vqt_ring *ring, uint16_t pos)
{
	if (ring->known & VQT_RING_PACKED)
		text_add(t, "slot %u%s", pos & 0x7fff, pos & 0x8000 ? "" : "'");
	else
		text_add(t, "%u", pos);
}

static enum direction put_kick(struct text *t, const struct event *e, const struct line_options *o)
{
	static const char *const via[] = { "?", "MMIO", "ioeventfd", "legacy register", "call" };
	const struct vqt_kick *k = &e->rec->kick;
	unsigned have = VQT_RING_LAST_AVAIL;

	text_add(t, "kick q%u", k->h.queue);
	if (k->ring.known & VQT_RING_AVAIL_IDX)
		have |= VQT_RING_AVAIL_IDX;
	if ((k->ring.known & have) == have && have != VQT_RING_LAST_AVAIL) {
		text_add(t, " (avail %u %s %u)", k->ring.last_avail, o->ascii ? "->" : "→",
			 k->ring.avail_idx);
	} else if (k->ring.known & VQT_RING_LAST_AVAIL) {
		text_puts(t, " (at ");
		put_position(t, &k->ring, k->ring.last_avail);
		text_puts(t, ")");
	}
	text_add(t, " by %s", via[k->via < 5 ? k->via : 0]);
	if (k->width)
		text_add(t, ", value 0x%0*x", 2 * (k->width <= 4 ? k->width : 4), k->value);
	return TO_DEVICE;
}

static void put_chain_flags(struct text *t, unsigned flags)
{
	static const struct {
		unsigned bit;
		const char *text;
	} rows[] = {
		{ VQT_CHAIN_CUT, "chain cut by the capture" },
		{ VQT_CHAIN_LOOP, "LOOP: more descriptors than the queue has" },
		{ VQT_CHAIN_BAD_NEXT, "next outside the table" },
		{ VQT_CHAIN_BAD_HEAD, "head outside the table" },
		{ VQT_CHAIN_NO_TABLE, "indirect table unreadable" },
		{ VQT_CHAIN_BAD_TABLE, "indirect table length no multiple of 16" },
		{ VQT_CHAIN_AGAIN, "taken again" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (flags & rows[i].bit)
			text_add(t, " [%s]", rows[i].text);
}

static enum direction put_avail(struct text *t, const struct event *e, const struct line_options *o)
{
	const struct vqt_avail *a = &e->rec->avail;
	const struct model_request *r = e->req;
	char what[160] = "";

	if (!r) {
		text_add(t, "avail head %u, %u descriptors", a->head, a->ndesc);
		return TO_DEVICE;
	}
	if (a->first) {
		text_add(t, "... head %u, descriptors %u to %u", a->head, a->first,
			 a->first + a->ndesc - 1);
		return TO_DEVICE;
	}
	class_ops(e->dev ? e->dev->virtio_id : 0)->describe(e->dev, r, what, sizeof(what));
	text_add(t, "%s, %u descriptor%s", what, r->ndesc - (r->ndirect < r->ndesc),
		 r->ndesc - (r->ndirect < r->ndesc) == 1 ? "" : "s");
	if (r->ndirect < r->ndesc)
		text_puts(t, " (indirect)");
	text_add(t, ", head %u", a->head);
	put_chain_flags(t, a->flags);
	if (e->head_in_flight)
		text_puts(t, " [head was still in flight]");
	return TO_DEVICE;
}

static enum direction put_used(struct text *t, const struct event *e, const struct line_options *o)
{
	const struct vqt_used *u = &e->rec->used;
	char result[40] = "";

	if (u->flags & VQT_USED_DETACHED) {
		text_add(t, "given up: id %u", u->id);
		return TO_DRIVER;
	}
	text_add(t, "used id %u len %u", u->id, u->len);
	if (!e->req) {
		text_puts(t, e->unknown_id ? " [no such chain seen in flight]" : "");
		return TO_DRIVER;
	}
	class_ops(e->dev ? e->dev->virtio_id : 0)->result(e->dev, e->req, result, sizeof(result));
	/* Seen only after the device had taken it: it has waited longer than we know. */
	text_add(t, "%s%s, %s", result[0] ? " " : "", result,
		 e->req->flags & VQT_CHAIN_LATE ? "at least " : "");
	text_duration(t, e->latency);
	return TO_DRIVER;
}

static enum direction put_irq(struct text *t, const struct event *e, const struct line_options *o)
{
	const struct vqt_irq *i = &e->rec->irq;

	switch (i->kind) {
	case VQT_IRQ_SIGNAL:
		text_puts(t, "interrupt");
		if (i->vector != VQT_NO_VECTOR)
			text_add(t, ": MSI-X vector %u", i->vector);
		break;
	case VQT_IRQ_MSIX:
		text_add(t, "MSI-X vector %u delivered", i->vector);
		break;
	case VQT_IRQ_INTX:
		text_puts(t, i->level ? "INTx asserted" : "INTx released");
		break;
	case VQT_IRQ_CONFIG:
		text_puts(t, "configuration change interrupt");
		if (i->vector != VQT_NO_VECTOR)
			text_add(t, ": MSI-X vector %u", i->vector);
		break;
	default:
		text_add(t, "interrupt of kind %u", i->kind);
	}
	return TO_DRIVER;
}

static enum direction put_ring(struct text *t, const struct event *e, const struct line_options *o)
{
	const struct vqt_ring *g = &e->rec->ring.ring;

	text_add(t, "ring q%u: avail %u flags %u, used %u flags %u, used_event %u, avail_event %u",
		 e->rec->h.queue, g->avail_idx, g->avail_flags, g->used_idx, g->used_flags,
		 g->used_event, g->avail_event);
	return NEITHER;
}

static enum direction put_data(struct text *t, const struct event *e, const struct line_options *o)
{
	char what[160];

	text_add(t, "bytes of head %u, not readable earlier", e->rec->data.head);
	if (!e->req)
		return TO_DEVICE;
	class_ops(e->dev->virtio_id)->describe(e->dev, e->req, what, sizeof(what));
	text_add(t, ": %s", what);
	return TO_DEVICE;
}

static enum direction put_device(struct text *t, const struct event *e, const struct line_options *o)
{
	const struct model_device *d = e->dev;
	const struct vqt_device *v = &e->rec->device;

	text_puts(t, "device");
	if (d && d->class)
		text_add(t, ": virtio-%s", d->class->name);
	if (d && d->type_name[0]) {
		text_puts(t, " ");
		text_untrusted(t, d->type_name, strlen(d->type_name));
	}
	if (d && d->user_id[0]) {
		text_puts(t, " id ");
		text_untrusted(t, d->user_id, strlen(d->user_id));
	}
	if (v->bdf != ~0U)
		text_add(t, " at %04x:%02x:%02x.%x", v->bdf >> 16, v->bdf >> 8 & 0xff,
			 v->bdf >> 3 & 0x1f, v->bdf & 7);
	if (v->flags & VQT_DEV_LATE)
		text_puts(t, " (was there before the capture)");
	if (v->flags & VQT_DEV_DATAPATH_ELSEWHERE)
		text_puts(t, " [data path is not in this process]");
	if (v->flags & VQT_DEV_GONE)
		text_puts(t, " is gone");
	return NEITHER;
}

static enum direction put_device_state(struct text *t, const struct event *e,
				       const struct line_options *o)
{
	const struct vqt_device_state *s = &e->rec->device_state;
	char buf[160];

	text_puts(t, "learned:");
	if (s->known & VQT_KNOWN_STATUS)
		text_add(t, " status %s", spec_format_status(buf, sizeof(buf), s->status));
	if (s->known & VQT_KNOWN_ACCEPTED)
		text_add(t, " accepted 0x%" PRIx64, s->accepted[0]);
	if (s->known & VQT_KNOWN_OFFERED)
		text_add(t, " offered 0x%" PRIx64, s->offered[0]);
	return NEITHER;
}

static enum direction put_queue_state(struct text *t, const struct event *e,
				      const struct line_options *o)
{
	const struct vqt_queue_state *s = &e->rec->queue_state;

	text_add(t, "learned: queue %u", s->h.queue);
	if (s->known & VQT_KNOWN_SIZE)
		text_add(t, " size %u", s->size);
	if (s->known & VQT_KNOWN_ADDR)
		text_add(t, " desc 0x%" PRIx64 " driver 0x%" PRIx64 " device 0x%" PRIx64, s->desc,
			 s->driver, s->device);
	if (s->known & VQT_KNOWN_VECTOR && s->vector != VQT_NO_VECTOR)
		text_add(t, " vector %u", s->vector);
	return NEITHER;
}

static enum direction put_session(struct text *t, const struct event *e,
				  const struct line_options *o)
{
	static const unsigned tags[] = { VQT_TAG_TOOL, VQT_TAG_HOST, VQT_TAG_OS };

	text_puts(t, "trace by");
	for (size_t i = 0; i < 3; i++) {
		size_t len;
		const char *s = record_tlv(e->rec, tags[i], &len);

		if (s)
			text_puts(t, i == 1 ? " on " : " ");
		if (s)
			text_untrusted(t, s, len);
	}
	text_add(t, ", %u bytes of each buffer", e->rec->session.snaplen);
	return NEITHER;
}

static enum direction put_source(struct text *t, const struct event *e,
				 const struct line_options *o)
{
	static const unsigned tags[] = { VQT_TAG_NAME, VQT_TAG_VERSION, VQT_TAG_EXE };

	text_add(t, "source %u: %s", e->rec->h.source, name_or(life_source_kinds, e->rec->source.kind));
	for (size_t i = 0; i < 3; i++) {
		size_t len;
		const char *s = record_tlv(e->rec, tags[i], &len);

		if (s)
			text_puts(t, " ");
		if (s)
			text_untrusted(t, s, len);
	}
	if (e->rec->source.pid)
		text_add(t, ", pid %u", e->rec->source.pid);
	return NEITHER;
}

static enum direction put_loss(struct text *t, const struct event *e, const struct line_options *o)
{
	text_add(t, "LOST %" PRIu64 " events: %s", e->rec->loss.lost,
		 name_or(life_loss_whys, e->rec->loss.why));
	return NEITHER;
}

static enum direction put_note(struct text *t, const struct event *e, const struct line_options *o)
{
	size_t len;
	const char *s = record_text(e->rec, &len);

	text_puts(t, e->rec->note.level == VQT_NOTE_WARNING ? "warning: " : "note: ");
	text_untrusted(t, s, len);
	return NEITHER;
}

static void put_life_args(struct text *t, const struct event *e, const struct life_step *step)
{
	const struct vqt_life *l = &e->rec->life;
	char buf[160];

	if (l->what == VQT_LIFE_SET_STATUS) {
		text_add(t, " %s", spec_format_status(buf, sizeof(buf), (unsigned)l->arg[0]));
		return;
	}
	for (int i = 0; i < 3 && step->arg[i].name; i++)
		text_add(t, step->arg[i].kind == SPEC_HEX ? "%s %s 0x%" PRIx64 : "%s %s %" PRIu64,
			 i ? "," : "", step->arg[i].name, l->arg[i]);
}

static enum direction put_life(struct text *t, const struct event *e, const struct line_options *o)
{
	const struct vqt_life *l = &e->rec->life;
	const struct life_step *step = life_step(l->what);
	size_t len;
	const char *s = record_text(e->rec, &len);

	if (!step) {
		text_add(t, "lifecycle step %u", l->what);
		return NEITHER;
	}
	text_puts(t, step->name);
	if (l->h.queue != VQT_NO_QUEUE)
		text_add(t, " q%u", l->h.queue);
	if (len) {
		text_puts(t, " ");
		text_untrusted(t, s, len);
	}
	put_life_args(t, e, step);
	text_add(t, " [%s]", step->function);
	return NEITHER;
}

static enum direction put_guest(struct text *t, const struct event *e, const struct line_options *o)
{
	static const char *const phase[] = { "", " returned", "" };
	const struct vqt_guest *g = &e->rec->guest;
	size_t len;
	const char *s = record_text(e->rec, &len);

	text_puts(t, "guest: ");
	text_untrusted(t, s, len);
	text_puts(t, phase[g->phase < 3 ? g->phase : 0]);
	if (g->phase == 1)
		text_add(t, " %d", g->ret);
	return TO_DEVICE;
}

static enum direction put_backend(struct text *t, const struct event *e,
				  const struct line_options *o)
{
	static const char *const ops[] = { "?", "read", "write", "flush", "discard", "write zeroes" };
	const struct vqt_backend *b = &e->rec->backend;

	text_add(t, "backend %s %s", ops[b->op < 6 ? b->op : 0], b->phase ? "done" : "start");
	if (b->bytes)
		text_add(t, " offset %" PRIu64 ", %" PRIu64 " bytes", b->offset, b->bytes);
	if (b->phase && b->ret < 0)
		text_add(t, ": %s", strerror(-b->ret));
	return NEITHER;
}

static enum direction put_clock(struct text *t, const struct event *e, const struct line_options *o)
{
	text_add(t, "clock of source %u stood at %" PRIu64 " ns (+-%u)", e->rec->clock.other,
		 e->rec->clock.there, e->rec->clock.error);
	return NEITHER;
}

static enum direction put_stack(struct text *t, const struct event *e, const struct line_options *o)
{
	text_add(t, "stack of %u frames for event %u", e->rec->stack.nframes, e->rec->stack.of);
	return NEITHER;
}

typedef enum direction put_fn(struct text *t, const struct event *e, const struct line_options *o);

static put_fn *const rows[] = {
	[VQT_SESSION] = put_session,
	[VQT_SOURCE] = put_source,
	[VQT_DEVICE] = put_device,
	[VQT_DEVICE_STATE] = put_device_state,
	[VQT_QUEUE_STATE] = put_queue_state,
	[VQT_CLOCK] = put_clock,
	[VQT_LOSS] = put_loss,
	[VQT_NOTE] = put_note,
	[VQT_STACK] = put_stack,
	[VQT_REG] = put_reg,
	[VQT_KICK] = put_kick,
	[VQT_RING] = put_ring,
	[VQT_AVAIL] = put_avail,
	[VQT_USED] = put_used,
	[VQT_IRQ] = put_irq,
	[VQT_DATA] = put_data,
	[VQT_LIFE] = put_life,
	[VQT_GUEST] = put_guest,
	[VQT_BACKEND] = put_backend,
};

static enum direction meaning(struct text *t, const struct event *e, const struct line_options *o)
{
	unsigned type = e->rec->h.type;

	if (type < sizeof(rows) / sizeof(rows[0]) && rows[type])
		return rows[type](t, e, o);
	text_add(t, "event of type %u, unknown to this version", type);
	return NEITHER;
}

void print_meaning(struct text *t, const struct event *e, const struct line_options *o)
{
	meaning(t, e, o);
}

static void put_time(struct text *t, const struct event *e, const struct model *m,
		     const struct line_options *o)
{
	uint64_t ns = o->time == LINE_RELATIVE ? e->since : e->ts + (uint64_t)model_wall(m);
	time_t sec = (time_t)(ns / 1000000000);
	unsigned usec = (unsigned)(ns % 1000000000 / 1000);
	struct tm tm;
	char day[16];

	if (o->time == LINE_WALL && localtime_r(&sec, &tm)) {
		strftime(day, sizeof(day), "%H:%M:%S", &tm);
		text_add(t, "%s.%06u", day, usec);
	} else {
		text_u64(t, (uint64_t)sec, 6, ' ');
		text_puts(t, ".");
		text_u64(t, usec, 6, '0');
	}
}

static void put_delta(struct text *t, const struct event *e, const struct line_options *o)
{
	TEXT(d, 24);

	if (o->any) {
		text_puts(&d, "+");
		text_duration(&d, e->ts > o->last ? e->ts - o->last : 0);
	}
	text_puts(t, &"           "[d.len < 11 ? d.len : 11]);
	text_puts(t, d.buf);
}

static void put_queue_name(struct text *t, const struct event *e)
{
	text_puts(t, e->dev->name);
	text_puts(t, ":");
	text_u64(t, e->queue->index, 0, ' ');
}

static bool is_alarm(const struct event *e)
{
	return e->rec->h.type == VQT_LOSS || e->gap
		|| (e->rec->h.type == VQT_LIFE && e->rec->life.what == VQT_LIFE_ERROR)
		|| (e->rec->h.type == VQT_USED && e->rec->used.status && e->req
		    && e->req->type && e->rec->used.flags & VQT_USED_STATUS);
}

int print_line(FILE *to, const struct event *e, const struct model *m, struct line_options *o)
{
	enum direction dir;
	TEXT(t, 2048);
	TEXT(what, 1536);

	put_time(&t, e, m, o);
	put_delta(&t, e, o);
	text_pad(&t, COL_DEVICE);
	if (e->dev && e->queue && e->rec->h.queue != VQT_NO_QUEUE)
		put_queue_name(&t, e);
	else if (e->dev)
		text_puts(&t, e->dev->name);
	dir = meaning(&what, e, o);
	text_pad(&t, COL_ARROW);
	text_puts(&t, arrows[o->ascii][dir]);
	text_puts(&t, " ");
	if (o->color)
		text_puts(&t, is_alarm(e) ? RED : colors[dir]);
	text_puts(&t, what.buf);
	if (e->gap)
		text_add(&t, " [%" PRIu64 " events are missing before this one]", e->gap);
	if (o->color)
		text_puts(&t, PLAIN);
	text_puts(&t, "\n");
	if (t.cut)
		t.buf[t.size - 2] = '\n';
	o->last = e->ts;
	o->any = true;
	return fwrite(t.buf, 1, t.len, to) == t.len ? 0 : -EIO;
}
