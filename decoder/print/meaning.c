/* SPDX-License-Identifier: MIT */
/* What each kind of event means, in words. */
#include <inttypes.h>
#include <string.h>

#include "decoder/class/class.h"
#include "decoder/fields/event_names.h"
#include "decoder/print/impl.h"
#include "decoder/model/tally.h"
#include "decoder/util/virtqueue.h"

static const char *name_or(const struct spec_name *names, unsigned value)
{
	const char *name = spec_name_of(names, value);

	return name ? name : "?";
}

static void put_position(struct text *t, const struct vqt_ring *ring, uint16_t pos)
{
	if (ring->known & VQT_RING_PACKED)
		text_add(t, "slot %u%s", virtq_slot(pos), virtq_wrap(pos) ? "" : "'");
	else
		text_add(t, "%u", pos);
}

static void put_kick(struct text *t, const struct event *e, bool ascii)
{
	static const char *const via[] = { "?", "MMIO", "ioeventfd", "legacy register", "call" };
	const struct vqt_kick *k = &e->rec->kick;
	unsigned have = VQT_RING_LAST_AVAIL;

	text_add(t, "kick q%u", k->h.queue);
	if (k->ring.known & VQT_RING_AVAIL_IDX)
		have |= VQT_RING_AVAIL_IDX;
	if ((k->ring.known & have) == have && have != VQT_RING_LAST_AVAIL) {
		text_add(t, " (avail %u %s %u)", k->ring.last_avail, ascii ? "->" : "→",
			 k->ring.avail_idx);
	} else if (k->ring.known & VQT_RING_LAST_AVAIL) {
		text_puts(t, " (at ");
		put_position(t, &k->ring, k->ring.last_avail);
		text_puts(t, ")");
	}
	text_add(t, " by %s", via[k->via < 5 ? k->via : 0]);
	if (k->width)
		text_add(t, ", value 0x%0*x", 2 * (k->width <= 4 ? k->width : 4), k->value);
	if (e->self)
		text_puts(t, e->dev->tells_self ? " [the device's own]"
						: " [the device's own, or for nothing]");
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
		{ VQT_CHAIN_AGAIN, "popped again" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (flags & rows[i].bit)
			text_add(t, " [%s]", rows[i].text);
}

/* More of a chain: descriptors, or only bytes of its buffers. */
static void put_continuation(struct text *t, const struct vqt_avail *a)
{
	text_add(t, "... head %u, ", a->head);
	if (a->ndesc > 1)
		text_add(t, "descriptors %u to %u", a->first, a->first + a->ndesc - 1);
	else if (a->ndesc)
		text_add(t, "descriptor %u", a->first);
	else
		text_add(t, "more bytes of %u buffer%s", a->nseg, a->nseg == 1 ? "" : "s");
	if (a->flags & VQT_CHAIN_DERIVED)
		text_puts(t, ", as the device read them");
}

static void put_avail(struct text *t, const struct event *e, bool ascii)
{
	const struct vqt_avail *a = &e->rec->avail;
	const struct model_request *r = e->req;
	char what[160] = "";

	if (!r) {
		text_add(t, "avail head %u, %u descriptors", a->head, a->ndesc);
		return;
	}
	if (a->first) {
		put_continuation(t, a);
		return;
	}
	class_describe(e->dev ? e->dev->class : NULL, &r->io, what, sizeof(what));
	if (r->before)
		text_add(t, "in flight since before the trace%s: ",
			 a->flags & VQT_CHAIN_LIKELY ? " (likely)" : "");
	text_add(t, "%s, %u descriptor%s", what, model_descriptors(r),
		 model_descriptors(r) == 1 ? "" : "s");
	if (model_indirect(r))
		text_puts(t, " (indirect)");
	text_add(t, ", head %u", a->head);
	put_chain_flags(t, a->flags);
	if (e->head_in_flight)
		text_puts(t, " [head was still in flight]");
}

/* Popped before it was recorded: it took longer than the records show. */
static void put_latency(struct text *t, const struct event *e)
{
	const struct model_request *r = e->req;

	if (r->avail_ts) {
		text_duration(t, e->latency);
		return;
	}
	text_puts(t, "at least ");
	text_duration(t, event_at_least(e));
	if (r->before)
		text_puts(t, ", since before the trace");
}

static void put_used(struct text *t, const struct event *e, bool ascii)
{
	const struct vqt_used *u = &e->rec->used;
	char result[40] = "";

	if (u->flags & VQT_USED_DETACHED) {
		text_add(t, "given up: id %u", u->id);
		return;
	}
	text_add(t, "used id %u len %u", u->id, u->len);
	if (!e->req) {
		text_puts(t, e->unknown_id ? " [no such chain seen in flight]"
			     : e->unnamed  ? ", in flight since before the trace"
					   : "");
		return;
	}
	class_result(e->dev ? e->dev->class : NULL, &e->req->io, result, sizeof(result));
	text_add(t, "%s%s, ", result[0] ? " " : "", result);
	put_latency(t, e);
}

static void put_irq(struct text *t, const struct event *e, bool ascii)
{
	const struct vqt_irq *i = &e->rec->irq;

	switch (i->kind) {
	case VQT_IRQ_SIGNAL:
	case VQT_IRQ_CONFIG:
	case VQT_IRQ_HANDLER:
	case VQT_IRQ_CONFIG_HANDLER:
		text_puts(t, i->kind == VQT_IRQ_CONFIG || i->kind == VQT_IRQ_CONFIG_HANDLER
				     ? "configuration change interrupt"
				     : "interrupt");
		if (i->kind >= VQT_IRQ_HANDLER)
			text_puts(t, " handled");
		if (i->vector != VQT_NO_VECTOR)
			text_add(t, ": MSI-X vector %u", i->vector);
		break;
	case VQT_IRQ_MSIX: text_add(t, "MSI-X vector %u delivered", i->vector); break;
	case VQT_IRQ_INTX: text_puts(t, i->level ? "INTx asserted" : "INTx released"); break;
	default: text_add(t, "interrupt of kind %u", i->kind);
	}
}

static void put_ring(struct text *t, const struct event *e, bool ascii)
{
	static const char *const why[] = { "", ", at a status write", ", sampled" };
	static const char *const pending[] = { "", ", no kick pending", ", a kick pending" };
	const struct vqt_ringstate *s = &e->rec->ring;
	const struct vqt_ring *g = &s->ring;

	text_add(t, "ring q%u: ", e->rec->h.queue);
	if (g->known & VQT_RING_PACKED)
		text_add(t, "driver's flags %u, device's flags %u", g->avail_flags, g->used_flags);
	else
		text_add(t, "avail %u flags %u, used %u flags %u, used_event %u, avail_event %u",
			 g->avail_idx, g->avail_flags, g->used_idx, g->used_flags, g->used_event,
			 g->avail_event);
	if (g->known & VQT_RING_LAST_AVAIL) {
		text_puts(t, ", next to take ");
		put_position(t, g, g->last_avail);
		if (g->known & VQT_RING_SLOT)
			text_puts(t, g->known & VQT_RING_FILLED ? " (filled)" : " (empty)");
	}
	text_puts(t, why[s->why < 3 ? s->why : 0]);
	text_puts(t, pending[s->pending < 3 ? s->pending : 0]);
}

static void put_data(struct text *t, const struct event *e, bool ascii)
{
	char what[160];

	text_add(t, "bytes of head %u, not readable earlier", e->rec->data.head);
	if (!e->req)
		return;
	class_describe(e->dev->class, &e->req->io, what, sizeof(what));
	text_add(t, ": %s", what);
}

static void put_device(struct text *t, const struct event *e, bool ascii)
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
}

static void put_device_state(struct text *t, const struct event *e, bool ascii)
{
	const struct vqt_device_state *s = &e->rec->device_state;
	uint64_t accepted[2], offered[2];
	char buf[160];

	model_state_features(e, s->accepted, accepted);
	model_state_features(e, s->offered, offered);
	text_puts(t, "learned:");
	if (s->known & VQT_KNOWN_STATUS)
		text_add(t, " status %s", spec_format_status(buf, sizeof(buf), s->status));
	if (s->known & VQT_KNOWN_ACCEPTED)
		text_add(t, " accepted 0x%" PRIx64, accepted[0]);
	if (s->known & VQT_KNOWN_OFFERED)
		text_add(t, " offered 0x%" PRIx64, offered[0]);
	if (s->known == VQT_KNOWN_CONFIG) /* after a change of it */
		text_add(t, " configuration, %u bytes", s->config_len);
}

/* The device's position; in a split ring also the number of requests it holds. */
static void put_positions(struct text *t, const struct event *e)
{
	const struct vqt_queue_state *s = &e->rec->queue_state;
	const struct vqt_ring ring = { .known =
					       e->queue && e->queue->packed ? VQT_RING_PACKED : 0 };

	text_puts(t, ", next to take ");
	put_position(t, &ring, s->last_avail);
	text_puts(t, ", next used ");
	put_position(t, &ring, s->used);
	if (!ring.known)
		text_add(t, " (%u in flight)", (uint16_t)(s->last_avail - s->used));
}

static void put_queue_state(struct text *t, const struct event *e, bool ascii)
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
	if (s->known & VQT_KNOWN_INDEX)
		put_positions(t, e);
}

static void put_tlv(struct text *t, const struct event *e, const char *before, unsigned tag)
{
	size_t len;
	const char *s = record_tlv(e->rec, tag, &len);

	if (!s)
		return;
	text_puts(t, before);
	text_untrusted(t, s, len);
}

static void put_session(struct text *t, const struct event *e, bool ascii)
{
	text_puts(t, "trace by");
	put_tlv(t, e, " ", VQT_TAG_TOOL);
	put_tlv(t, e, " on ", VQT_TAG_HOST);
	put_tlv(t, e, " ", VQT_TAG_OS);
	text_add(t, ", %u bytes of each buffer", e->rec->session.snaplen);
	put_tlv(t, e, ", only what matched ", VQT_TAG_FILTER);
}

static void put_source(struct text *t, const struct event *e, bool ascii)
{
	text_add(t, "source %u: %s", e->rec->h.source,
		 name_or(event_source_kinds, e->rec->source.kind));
	put_tlv(t, e, " ", VQT_TAG_NAME);
	put_tlv(t, e, " ", VQT_TAG_VERSION);
	put_tlv(t, e, " ", VQT_TAG_EXE);
	if (e->rec->source.pid)
		text_add(t, ", pid %u", e->rec->source.pid);
}

static void put_loss(struct text *t, const struct event *e, bool ascii)
{
	text_puts(t, "LOST ");
	model_put_lost(t, model_loss_of(e), "events");
	text_add(t, ": %s", name_or(event_loss_whys, e->rec->loss.why));
}

static void put_note(struct text *t, const struct event *e, bool ascii)
{
	size_t len;
	const char *s = record_text(e->rec, &len);

	text_puts(t, e->rec->note.level == VQT_NOTE_WARNING ? "warning: " : "note: ");
	text_untrusted(t, s, len);
}

static void put_lifecycle_args(struct text *t, const struct event *e,
			       const struct lifecycle_step *step)
{
	const struct vqt_lifecycle *l = &e->rec->lifecycle;
	char buf[160];

	if (l->what == VQT_LIFECYCLE_SET_STATUS) {
		text_add(t, " %s", spec_format_status(buf, sizeof(buf), (unsigned)l->arg[0]));
		return;
	}
	for (int i = 0; i < 3 && step->arg[i].name; i++)
		text_add(t, step->arg[i].kind == SPEC_HEX ? "%s %s 0x%" PRIx64 : "%s %s %" PRIu64,
			 i ? "," : "", step->arg[i].name, l->arg[i]);
}

static void put_lifecycle(struct text *t, const struct event *e, bool ascii)
{
	const struct vqt_lifecycle *l = &e->rec->lifecycle;
	const struct lifecycle_step *step = lifecycle_step(l->what);
	size_t len;
	const char *s = record_text(e->rec, &len);

	if (!step) {
		text_add(t, "lifecycle step %u", l->what);
		return;
	}
	text_puts(t, step->name);
	if (l->h.queue != VQT_NO_QUEUE)
		text_add(t, " q%u", l->h.queue);
	if (len) {
		text_puts(t, " ");
		text_untrusted(t, s, len);
	}
	put_lifecycle_args(t, e, step);
	text_add(t, " [%s]", step->function);
}

static void put_group(struct text *t, const struct event *e, const struct record_group *g)
{
	struct hist h;

	tally_hist(g, &h);
	text_add(t, "%" PRIu64 " %s", g->g.used, tally_type_name(e->dev, g->g.type));
	if (g->g.errors)
		text_add(t, " (%" PRIu64 " ERRORS)", g->g.errors);
	if (!h.count)
		return;
	text_puts(t, " p50 ");
	text_duration(t, hist_percentile(&h, 500000));
	text_puts(t, " p99 ");
	text_duration(t, hist_percentile(&h, 990000));
}

static void put_tally(struct text *t, const struct event *e, bool ascii)
{
	const struct vqt_tally *y = &e->rec->tally;
	const char *before = "; used: ";
	struct record_group g;
	uint32_t pos = 0;

	text_puts(t, "in ");
	text_duration(t, y->interval);
	text_add(t, ": %" PRIu64 " popped, %" PRIu64 " kicks, %" PRIu64 " interrupts", y->popped,
		 y->kicks, y->interrupts);
	while (record_group_next(e->rec, &pos, &g)) {
		text_puts(t, before);
		put_group(t, e, &g);
		before = ", ";
	}
	if (y->dropped)
		text_add(t, "; %" PRIu64 " taken back by a reset", y->dropped);
	text_add(t, "; %u in flight", y->flight);
}

static void put_backend(struct text *t, const struct event *e, bool ascii)
{
	static const char *const ops[] = {
		"?", "read", "write", "flush", "discard", "write zeroes"
	};
	const struct vqt_backend *b = &e->rec->backend;

	text_add(t, "backend %s %s", ops[b->op < 6 ? b->op : 0], b->phase ? "done" : "start");
	if (b->bytes)
		text_add(t, " offset %" PRIu64 ", %" PRIu64 " bytes", b->offset, b->bytes);
	if (e->req && e->req->merged)
		text_add(t, " of %u requests", 1U + e->req->merged);
	if (b->phase && b->ret < 0 && b->ret > -4096)
		text_add(t, ": %s", strerror(-b->ret));
	else if (b->phase && b->ret < 0)
		text_add(t, ": error %" PRId32, b->ret);
}

static void put_clock(struct text *t, const struct event *e, bool ascii)
{
	const struct vqt_clock *c = &e->rec->clock;
	static const char *const reasons[] = {
		[VQT_CLOCK_PAUSE] = "; it has stood still",
		[VQT_CLOCK_STEP] = "; it was set forward",
		[VQT_CLOCK_BACK] = "; it was set back",
		[VQT_CLOCK_RATE] = "; its rate has changed",
	};

	text_add(t, "clock of source %u stood at %" PRIu64 " ns ", c->other, c->there);
	if (c->error == VQT_CLOCK_UNKNOWN)
		text_puts(t, "(how exactly is unknown)");
	else
		text_add(t, "(+-%u)", c->error);
	if (c->reason < sizeof(reasons) / sizeof(reasons[0]) && reasons[c->reason])
		text_puts(t, reasons[c->reason]);
}

static void put_exchange(struct text *t, const struct event *e, bool ascii)
{
	const struct vqt_exchange *x = &e->rec->exchange;

	if (!x->nonce) {
		text_puts(t, "questions about its clock are answered");
		return;
	}
	text_add(t, "question %016" PRIx64 " about a clock", x->nonce);
	if (e->source->kind == VQT_SRC_GUEST) {
		text_add(t, " was read at %" PRIu64 " ns%s", x->from,
			 x->wall ? ", with a PTP clock" : "");
		return;
	}
	text_puts(t, " was answered after ");
	text_duration(t, x->until > x->from ? x->until - x->from : 0);
}

static void put_stack(struct text *t, const struct event *e, bool ascii)
{
	const struct model_stack *s = e->stack;

	text_add(t, "stack %u, %u frames", e->rec->stack.id, e->rec->stack.nframes);
	if (!s || !s->n || !*s->frame[0].symbol)
		return;
	text_puts(t, ": ");
	text_untrusted(t, s->frame[0].symbol, strlen(s->frame[0].symbol));
	if (s->n > 1 && *s->frame[1].symbol) {
		text_puts(t, ", called by ");
		text_untrusted(t, s->frame[1].symbol, strlen(s->frame[1].symbol));
	}
}

static const struct {
	void (*put)(struct text *t, const struct event *e, bool ascii);
	enum direction direction;
} rows[] = {
	[VQT_SESSION] = { put_session, NEITHER },
	[VQT_SOURCE] = { put_source, NEITHER },
	[VQT_DEVICE] = { put_device, NEITHER },
	[VQT_DEVICE_STATE] = { put_device_state, NEITHER },
	[VQT_QUEUE_STATE] = { put_queue_state, NEITHER },
	[VQT_CLOCK] = { put_clock, NEITHER },
	[VQT_LOSS] = { put_loss, NEITHER },
	[VQT_NOTE] = { put_note, NEITHER },
	[VQT_STACK] = { put_stack, NEITHER },
	[VQT_EXCHANGE] = { put_exchange, NEITHER },
	[VQT_REG] = { print_register, NEITHER }, /* as it reads or writes */
	[VQT_KICK] = { put_kick, TO_DEVICE },
	[VQT_RING] = { put_ring, NEITHER },
	[VQT_AVAIL] = { put_avail, TO_DEVICE },
	[VQT_USED] = { put_used, TO_DRIVER },
	[VQT_IRQ] = { put_irq, TO_DRIVER },
	[VQT_DATA] = { put_data, TO_DEVICE },
	[VQT_TALLY] = { put_tally, NEITHER },
	[VQT_LIFECYCLE] = { put_lifecycle, NEITHER },
	[VQT_GUEST] = { print_guest, TO_DEVICE },
	[VQT_BACKEND] = { put_backend, NEITHER },
	[VQT_VHOST_USER] = { print_vhost_user, NEITHER }, /* as it is sent */
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

enum direction print_direction(const struct event *e)
{
	unsigned type = e->rec->h.type;

	if (type == VQT_REG)
		return e->rec->reg.op == VQT_WRITE ? TO_DEVICE : TO_DRIVER;
	if (type == VQT_VHOST_USER)
		return e->rec->vhost_user.from == VQT_FROM_FRONT_END ||
				       e->rec->vhost_user.from == VQT_FROM_FRONT_END_CHANNEL
			       ? TO_DEVICE
			       : TO_DRIVER;
	return type < ROWS ? rows[type].direction : NEITHER;
}

/* Events with rings of another byte order; it is said why once. */
static bool put_undecodable(struct text *t, const struct event *e, bool ascii)
{
	static const char *const what[] = {
		[VQT_AVAIL] = "chain popped",
		[VQT_USED] = "chain used",
		[VQT_DATA] = "bytes of a chain",
		[VQT_RING] = "ring sample",
	};

	if (!e->undecodable)
		return false;
	if (e->rec->h.type == VQT_KICK)
		put_kick(t, e, ascii);
	else
		text_add(t, "%s, q%u", what[e->rec->h.type], e->rec->h.queue);
	if (e->undecodable_first)
		text_puts(t, " [rings in the guest's byte order, without VERSION_1: not decoded]");
	return true;
}

void print_meaning(struct text *t, const struct event *e, bool ascii)
{
	unsigned type = e->rec->h.type;

	if (put_undecodable(t, e, ascii))
		return;
	if (type < ROWS && rows[type].put)
		rows[type].put(t, e, ascii);
	else
		text_add(t, "event of type %u, unknown to this version", type);
}
