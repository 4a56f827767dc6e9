/* SPDX-License-Identifier: MIT */
/* The replay engine: keeps records until they can be played, and plays them. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/class/class.h"
#include "decoder/spec/constants.h"
#include "emu/replay/class.h"
#include "emu/replay/impl.h"
#include "emu/replay/qemu/qemu.h"

/* Looked ahead for the chains of a kick: so many records, so many bytes. */
#define AHEAD 512
#define AHEAD_BYTES (8u << 20)

const struct replay_target_ops *const replay_targets[] = {
	&replay_target_emu,
	&replay_target_qemu,
	NULL,
};

/* --- accounts --------------------------------------------------------------------------- */

void replay_skipped(struct replay *r, struct replay_instance *i, const char *why)
{
	unsigned k = 0;
	i->n.skipped++;
	r->n.skipped++;
	while (k < REPLAY_SKIPS - 1 && r->skip[k].why && strcmp(r->skip[k].why, why))
		k++;
	if (!r->skip[k].why)
		r->skip[k].why = why;
	r->skip[k].count++;
}

void replay_differs(struct replay *r, struct replay_instance *i, const struct event *e,
		    const struct replay_found *f, const char *subject, const char *recorded,
		    const char *replayed)
{
	struct replay_divergence d = {
		.number = f->number ? f->number : e->number,
		.device = i->d->id,
		.queue = f->queue,
		.clause = f->clause ? f->clause : "",
		.hint = f->hint ? f->hint
			: i->gap
				? "Records are missing before it (the sequence numbers have a gap): "
				  "it may be for want of them."
				: "",
		.related = f->related,
	};
	if (i->doubt) {
		replay_skipped(r, i, "what was lost, or left out, before it may decide");
		return;
	}
	snprintf(d.name, sizeof(d.name), "%s", i->d->name);
	snprintf(d.subject, sizeof(d.subject), "%s", subject);
	snprintf(d.recorded, sizeof(d.recorded), "%s", recorded);
	snprintf(d.replayed, sizeof(d.replayed), "%s", replayed);
	d.declared = replay_declared_meet(r->opt.declared, r->ops->name, subject);
	if (d.declared) {
		i->n.declared++;
		r->n.declared++;
	} else {
		i->n.divergences++;
		r->n.divergences++;
	}
	if (r->opt.diverged)
		r->opt.diverged(r->opt.opaque, &d);
}

/* Trouble of the target: keeps the words, returns rc. */
static int trouble(struct replay *r, struct replay_instance *i, int rc)
{
	const char *why = i && i->target ? r->ops->error(i->target) : "";
	snprintf(r->error, sizeof(r->error), "%s: %s", i ? i->d->name : "replay",
		 *why ? why : strerror(-rc));
	return rc;
}

/* --- the target's side --------------------------------------------------------------------- */

#define IRQS 256

int replay_settle(struct replay *r, struct replay_instance *i, const struct event *e)
{
	struct replay_irq irq[IRQS];
	int ret = r->ops->wait(i->target, 0), n;
	if (ret < 0)
		return ret;
	/* first the interrupts: what they tell of has been used by then */
	n = r->ops->irqs(i->target, irq, IRQS);
	if (n < 0)
		return n;
	ret = 0;
	for (unsigned k = 0; k < i->d->num_queues && ret == 0; k++) {
		struct replay_queue *q = &i->queue[k];
		uint64_t before = q->used_replayed;
		if (q->up && q->chains)
			ret = replay_ring_collect(r, i, q, e);
		i->used_since_isr |= q->used_replayed != before;
	}
	for (int k = 0; k < n && ret >= 0; k++) {
		if (irq[k].kind == VQT_IRQ_INTX)
			i->line = irq[k].level;
		if (irq[k].kind != VQT_IRQ_INTX || irq[k].level)
			replay_notifications_irq(r, i, e, REPLAYED, &irq[k], NULL);
	}
	return ret;
}

struct replay_queue *replay_queue_of(struct replay_instance *i, const struct event *e)
{
	return e->queue && e->queue->index < i->d->num_queues ? &i->queue[e->queue->index] : NULL;
}

/* --- one event ------------------------------------------------------------------------------- */

static bool for_queue(const struct replay_pending *p, const struct event *e)
{
	return p->rec.h.device == e->rec->h.device && p->rec.h.queue == e->rec->h.queue;
}

/* Is this chain among those that the kick's ring showed as available? */
static bool shown(const struct replay_queue *q, const struct vqt_kick *k, uint16_t pos)
{
	uint16_t left = k->ring.avail_idx - pos;
	return !q->packed && k->ring.known & VQT_RING_AVAIL_IDX && left && left <= q->size;
}

static int publish(struct replay *r, struct replay_instance *i, struct replay_queue *q,
		   struct replay_pending *p)
{
	const char *why;
	int ret = replay_ring_publish(r, i, q, p, &why);
	if (ret == 0) {
		q->torn = true;
		replay_skipped(r, i, why);
	}
	return ret;
}

/* Chains that were in the ring when it was kicked, as later records show them. */
static int publish_ahead(struct replay *r, struct replay_instance *i, struct replay_queue *q,
			 const struct event *e)
{
	const struct vqt_kick *k = &e->rec->kick;
	bool counted = !q->packed && k->ring.known & VQT_RING_AVAIL_IDX;
	for (struct replay_pending *p = r->first; p; p = p->next) {
		if (p->rec.h.type == VQT_REG && p->rec.h.device == e->rec->h.device &&
		    p->rec.reg.op == VQT_WRITE)
			break;
		if (!for_queue(p, e))
			continue;
		if (p->rec.h.type == VQT_AVAIL && !p->published && !p->rec.avail.first) {
			const struct vqt_avail *a = &p->rec.avail;
			if ((counted && !shown(q, k, a->pos)) || a->flags & VQT_CHAIN_AGAIN ||
			    replay_ring_chain(q, a->head))
				break;
			int ret = publish(r, i, q, p);
			if (ret < 0)
				return ret;
		} else if (p->rec.h.type != VQT_AVAIL && !counted) {
			break; /* only what follows at once is surely there */
		} else if (p->rec.h.type == VQT_KICK || p->rec.h.type == VQT_LIFECYCLE) {
			break;
		}
	}
	return replay_ring_show(r, i, q);
}

/* 4.1.5.2: what the driver writes to notify of this queue. */
static uint32_t kick_value(const struct event *e, const struct replay_queue *q)
{
	const struct vqt_kick *k = &e->rec->kick;
	uint32_t at = q->avail;
	if (k->width && k->via != VQT_KICK_IOEVENTFD)
		return k->value;
	if (!replay_has(e, VIRTIO_F_NOTIFICATION_DATA))
		return q->index;
	if (q->packed)
		at = at % q->size | (at < q->size ? 0x8000 : 0);
	return q->index | at << 16;
}

static int kick(struct replay *r, struct replay_instance *i, struct replay_queue *q,
		const struct event *e, bool nudge)
{
	struct replay_kick k = {
		.queue = q->index,
		.notify_off = i->d->notify_off[q->index],
		.value = nudge ? q->index : kick_value(e, q),
		.width = replay_has(e, VIRTIO_F_NOTIFICATION_DATA) ? 4 : 2,
		.legacy = i->d->transitional && !replay_has(e, VIRTIO_F_VERSION_1),
		.nudge = nudge,
	};
	if (!nudge && e->rec->kick.width && e->rec->kick.via != VQT_KICK_IOEVENTFD)
		k.width = e->rec->kick.width;
	int ret = r->ops->kick(i->target, &k);
	return ret == -ENXIO ? 0 : ret;
}

static int play_kick(struct replay *r, struct replay_instance *i, const struct event *e)
{
	struct replay_queue *q = replay_queue_of(i, e);
	i->driver_at = e->number;
	if (!q || !q->up)
		return 0;
	int ret = replay_ring_apply(r, i, q, &e->rec->kick.ring);
	if (ret == 0)
		ret = publish_ahead(r, i, q, e);
	if (ret >= 0)
		ret = kick(r, i, q, e, false);
	return ret < 0 ? ret : replay_settle(r, i, e);
}

/* The head is in use still: its completion is not in the trace. */
static int make_room(struct replay *r, struct replay_instance *i, struct replay_queue *q,
		     const struct event *e, struct replay_chain *c)
{
	struct record none = { .h = { .type = VQT_USED } };
	struct replay_answer a = { .queue = q->index, .head = c->head, .used = &none };
	int ret = r->ops->complete && !c->done ? r->ops->complete(i->target, &a) : 0;
	if (ret == 0)
		ret = replay_settle(r, i, e);
	replay_skipped(r, i, "completions that are not in the trace");
	replay_ring_forget(q, c);
	return ret;
}

static int play_avail(struct replay *r, struct replay_instance *i, const struct event *e,
		      struct replay_pending *p)
{
	struct replay_queue *q = replay_queue_of(i, e);
	const struct vqt_avail *a = &e->rec->avail;
	struct replay_chain *c;
	int ret;
	if (!q || !q->up)
		return 0;
	ret = replay_ring_apply(r, i, q, &a->ring);
	c = replay_ring_chain(q, a->head);
	if (ret < 0 || a->first || (c && a->flags & VQT_CHAIN_AGAIN))
		return ret;
	if (!p->published) { /* added while the device was looking: nobody kicked */
		if (c)
			ret = make_room(r, i, q, e, c);
		if (ret == 0)
			ret = publish(r, i, q, p);
		if (ret > 0)
			ret = replay_ring_show(r, i, q);
		if (ret == 0)
			ret = kick(r, i, q, e, true);
		if (ret < 0)
			return ret;
		c = replay_ring_chain(q, a->head);
	}
	if (c)
		c->popped = true;
	replay_notifications_popped(q);
	return replay_settle(r, i, e);
}

/* What the driver read of it from then on says what it became. */
static int change_config(struct replay *r, struct replay_instance *i, const struct event *e)
{
	const struct replay_config *now = replay_profile_change(r->profile, i->d->id, e->number);
	if (!now)
		return 0;
	i->config_moved = true;
	i->config_differs |= now->any;
	int ret = r->ops->config_change ? r->ops->config_change(i->target, now) : -ENOTSUP;
	if (ret == -ENOTSUP) {
		replay_skipped(r, i, "changes of the configuration, which cannot be made here");
		return 0;
	}
	i->n.environment++;
	r->n.environment++;
	return ret < 0 ? ret : replay_settle(r, i, e);
}

static int play_irq(struct replay *r, struct replay_instance *i, const struct event *e)
{
	const struct vqt_irq *k = &e->rec->irq;
	bool signals = replay_profile_signals(r->profile, i->d->id);
	struct replay_irq irq = { .kind = k->kind, .level = k->level, .vector = k->vector };
	if (k->kind == VQT_IRQ_CONFIG)
		return change_config(r, i, e);
	if ((signals && k->kind != VQT_IRQ_SIGNAL) || (k->kind == VQT_IRQ_INTX && !k->level))
		return 0;
	if (k->kind == VQT_IRQ_SIGNAL)
		irq.kind = replay_msix(i, e) ? VQT_IRQ_MSIX : VQT_IRQ_INTX;
	if (k->kind == VQT_IRQ_SIGNAL && e->rec->h.queue == VQT_NO_QUEUE)
		return 0;
	replay_notifications_irq(r, i, e, RECORDED, &irq,
				 e->rec->h.queue != VQT_NO_QUEUE ? replay_queue_of(i, e) : NULL);
	return 0;
}

void replay_queue_gone(struct replay *r, struct replay_instance *i, struct replay_queue *q,
		       const struct event *e)
{
	replay_notifications_end(r, i, q, e, true);
	if (q->used_recorded && !q->chains && !i->doubt && !q->torn) {
		uint32_t wrap = replay_ring_wrap(q);
		bool equal = q->used_last % wrap == q->used % wrap;
		i->n.rings.compared++;
		r->n.rings.compared++;
		i->n.rings.equal += equal;
		r->n.rings.equal += equal;
		if (!equal) {
			char a[48], b[48];
			snprintf(a, sizeof(a), "position %u", q->used_last % wrap);
			snprintf(b, sizeof(b), "position %u", q->used % wrap);
			replay_differs(
				r, i, e,
				&(struct replay_found){ .queue = q->index, .clause = "2.7.8" },
				"ring.final", a, b);
		}
	}
	replay_ring_down(q);
}

/* The device was reset; by whom, is lost. */
static int reset_by_hand(struct replay *r, struct replay_instance *i, const struct event *e)
{
	for (unsigned n = 0; n < i->d->num_queues; n++)
		if (i->queue[n].up)
			replay_queue_gone(r, i, &i->queue[n], e);
	int ret = r->ops->reg_write(i->target, VQT_REGION_COMMON, VIRTIO_PCI_COMMON_STATUS, 1, 0);
	if (ret == -ENXIO)
		ret = r->ops->reg_write(i->target, VQT_REGION_LEGACY, VIRTIO_PCI_STATUS, 1, 0);
	i->doubt = false;
	return ret < 0 && ret != -ENXIO ? ret : replay_settle(r, i, e);
}

static int play_life(struct replay *r, struct replay_instance *i, const struct event *e)
{
	int ret;
	switch (e->rec->life.what) {
	case VQT_LIFECYCLE_RESET: /* the driver's own has passed already */
		if (!e->status_before || !r->ops->platform_reset)
			return 0;
		if (i->doubt) /* the driver's own write may be lost */
			return reset_by_hand(r, i, e);
		for (unsigned n = 0; n < i->d->num_queues; n++)
			if (i->queue[n].up)
				replay_queue_gone(r, i, &i->queue[n], e);
		i->blind = i->doubt = i->gap = i->unsure = false;
		ret = r->ops->platform_reset(i->target);
		return ret < 0 ? ret : replay_settle(r, i, e);
	case VQT_LIFECYCLE_CONFIG_CHANGE: return change_config(r, i, e);
	}
	return 0;
}

/* A capture that loses records says so; a gap alone is the work of someone else. */
static void lose(struct replay *r, bool told)
{
	for (unsigned n = 0; n < r->ninstance; n++) {
		struct replay_instance *i = &r->instance[n];
		i->gap |= !told;
		if (!told || !i->target)
			continue;
		i->doubt = i->unsure = true;
		replay_forget_disk(i); /* a write may be among what is lost */
	}
}

static struct replay_instance *instance_of(struct replay *r, const struct event *e)
{
	for (unsigned n = 0; e->dev && n < r->ninstance; n++)
		if (r->instance[n].d->id == e->dev->id)
			return &r->instance[n];
	return NULL;
}

static int play(struct replay *r, struct replay_instance *i, const struct event *e,
		struct replay_pending *p)
{
	switch (e->rec->h.type) {
	case VQT_REG: return replay_play_reg(r, i, e);
	case VQT_KICK: return play_kick(r, i, e);
	case VQT_AVAIL: return play_avail(r, i, e, p);
	case VQT_USED: return replay_play_used(r, i, e);
	case VQT_IRQ: return play_irq(r, i, e);
	case VQT_LIFECYCLE: return play_life(r, i, e);
	case VQT_DEVICE_STATE:
		if (!(e->rec->device_state.known & ~VQT_KNOWN_CONFIG))
			return 0; /* the configuration changed, and nothing else */
		i->state_told = true;
		return 0;
	case VQT_QUEUE_STATE: i->state_told = true; return 0;
	}
	return 0;
}

static int play_first(struct replay *r)
{
	struct replay_pending *p = r->first;
	struct event e;
	int ret = model_feed(r->model, &p->rec, p->number, &e);
	r->first = p->next;
	if (!r->first)
		r->last = &r->first;
	r->waiting--;
	r->waiting_bytes -= p->len;
	if (ret == 0) {
		r->now = e.ts;
		if (r->opt.event)
			ret = r->opt.event(r->opt.opaque, &e, r->model);
	}
	if (ret == 0 && (e.gap || p->rec.h.type == VQT_LOSS))
		lose(r, p->rec.h.type == VQT_LOSS);
	struct replay_instance *i = ret == 0 ? instance_of(r, &e) : NULL;
	if (i && i->target) {
		i->n.events++;
		r->n.events++;
		if (i->state_told && p->rec.h.type >= VQT_REG)
			ret = replay_late(r, i, &e);
		if (ret == 0)
			ret = play(r, i, &e, p);
		if (ret < 0)
			trouble(r, i, ret);
	}
	if (ret < 0 && !*r->error)
		trouble(r, NULL, ret);
	free(p);
	return ret < 0 ? ret : 0;
}

int replay_feed(struct replay *r, const struct record *rec, uint64_t number)
{
	struct replay_pending *p;
	int ret = 0;
	if (r->stopped || (r->opt.until && number > r->opt.until)) {
		r->stopped = true;
		return 1;
	}
	p = malloc(sizeof(*p) + rec->len);
	if (!p) {
		trouble(r, NULL, -ENOMEM);
		return -ENOMEM;
	}
	memset(p, 0, sizeof(*p));
	memcpy(p->bytes, rec->raw, rec->len);
	p->number = number;
	p->len = rec->len;
	if (record_parse(&p->rec, p->bytes, p->len, NULL)) { /* it was parsed before */
		free(p);
		return 0;
	}
	*r->last = p;
	r->last = &p->next;
	r->waiting++;
	r->waiting_bytes += p->len;
	while (ret == 0 && (r->waiting > AHEAD || r->waiting_bytes > AHEAD_BYTES))
		ret = play_first(r);
	return ret;
}

/* --- the end ----------------------------------------------------------------------------------- */

static void final_status(struct replay *r, struct replay_instance *i, const struct event *e)
{
	uint64_t mine = 0;
	bool legacy = i->d->transitional && !replay_has(e, VIRTIO_F_VERSION_1);
	if (i->blind || i->doubt || !e->dev->status_known)
		return;
	if (legacy ? r->ops->reg_read(i->target, VQT_REGION_LEGACY, VIRTIO_PCI_STATUS, 1, &mine)
		   : r->ops->reg_read(i->target, VQT_REGION_COMMON, VIRTIO_PCI_COMMON_STATUS, 1,
				      &mine))
		return;
	i->n.registers.compared++;
	r->n.registers.compared++;
	if (mine == e->dev->status) {
		i->n.registers.equal++;
		r->n.registers.equal++;
		return;
	}
	char recorded[80], replayed[80];
	spec_format_status(recorded, sizeof(recorded), e->dev->status);
	spec_format_status(replayed, sizeof(replayed), (unsigned)mine);
	replay_differs(r, i, e, &(struct replay_found){ .clause = "2.1", .queue = VQT_NO_QUEUE },
		       "state.device_status", recorded, replayed);
}

int replay_finish(struct replay *r)
{
	struct record none = { .h = { .type = VQT_NOTE } };
	int ret = 0;
	while (ret == 0 && r->first)
		ret = play_first(r);
	for (unsigned n = 0; n < r->ninstance && ret == 0; n++) {
		struct replay_instance *i = &r->instance[n];
		struct event e = { .rec = &none, .dev = model_device(r->model, i->d->id) };
		if (!i->target || !e.dev)
			continue;
		e.number = i->driver_at;
		final_status(r, i, &e);
		for (unsigned k = 0; k < i->d->num_queues; k++)
			if (i->queue[k].up)
				replay_queue_gone(r, i, &i->queue[k], &e);
	}
	return ret;
}

/* --- beginning ------------------------------------------------------------------------------------ */

static uint64_t tap_now(void *opaque)
{
	return ((struct replay *)opaque)->now;
}

static void tap_emit(void *opaque, const void *record, size_t len)
{
	struct replay *r = opaque;
	r->opt.emit(r->opt.opaque, record, len);
}

static const char *unplayable(const struct replay *r, const struct replay_device *d)
{
	if (r->opt.only && strcmp(r->opt.only, d->name) && strcmp(r->opt.only, d->user_id))
		return "not asked for";
	if (!d->virtio_id)
		return "the trace does not say what type of device it is";
	if (d->transport != VQT_TRANSPORT_PCI && d->transport != VQT_TRANSPORT_UNKNOWN)
		return "it is not on PCI; only virtio over PCI can be replayed";
	return NULL;
}

static int begin(struct replay *r, struct replay_instance *i, const struct replay_device *d)
{
	struct replay_target_config cfg = {
		.device = d,
		.emit = r->opt.emit ? tap_emit : NULL,
		.now = tap_now,
		.opaque = r,
		.snaplen = r->opt.snaplen,
		.source = (uint8_t)(1 + (i - r->instance) % 255),
		.memory = r->opt.memory,
		.binary = r->opt.binary,
	};
	i->d = d;
	i->why = unplayable(r, d);
	if (i->why)
		return 0;
	i->blind = i->unsure = d->late;
	i->scripted = replay_scripted(d);
	i->queue = calloc(d->num_queues, sizeof(*i->queue));
	int ret = i->queue ? replay_requests_begin(i, d->disk_path) : -ENOMEM;
	for (unsigned n = 0; ret == 0 && n < d->num_queues; n++)
		i->queue[n].index = n;
	if (ret == 0)
		ret = r->ops->create(&i->target, &cfg, i->why_text, sizeof(i->why_text));
	if (ret == -ENOTSUP) {
		i->why = i->why_text;
		i->target = NULL;
		return 0;
	}
	if (ret == 0 && i->blind && d->vectored)
		ret = replay_msix_on(r, i);
	return ret;
}

static void begin_trace(struct replay *r)
{
	struct emu_tap_config cfg = { .emit = tap_emit,
				      .now = tap_now,
				      .opaque = r,
				      .snaplen = r->opt.snaplen,
				      .source = 255,
				      .kind = VQT_SRC_REPLAY };
	struct emu_tap *tap = r->opt.emit ? emu_tap_new(&cfg) : NULL;
	emu_tap_session(tap, "vqtrace " VQTRACE_VERSION, "vqtrace replay", r->opt.wall);
	emu_tap_free(tap);
}

int replay_new(struct replay **out, const struct replay_profile *g,
	       const struct replay_options *opt, char *why, size_t size)
{
	struct replay *r = calloc(1, sizeof(*r));
	unsigned n = 0;
	int ret = 0;
	if (!r)
		return -ENOMEM;
	r->profile = g;
	r->opt = *opt;
	r->ops = opt->against ? opt->against : &replay_target_emu;
	r->now = opt->start;
	r->last = &r->first;
	r->model = model_new();
	while (replay_profile_device(g, n))
		n++;
	r->instance = calloc(n ? n : 1, sizeof(*r->instance));
	if (!r->model || !r->instance)
		ret = -ENOMEM;
	else
		begin_trace(r);
	for (unsigned k = 0; k < n && ret == 0; k++) {
		struct replay_instance *i = &r->instance[r->ninstance++];
		ret = begin(r, i, replay_profile_device(g, k));
		if (ret < 0)
			snprintf(why, size, "%s: %s", replay_profile_device(g, k)->name,
				 *i->why_text ? i->why_text : strerror(-ret));
	}
	if (ret < 0) {
		replay_free(r);
		return ret;
	}
	*out = r;
	return 0;
}

void replay_free(struct replay *r)
{
	if (!r)
		return;
	while (r->first) {
		struct replay_pending *p = r->first;
		r->first = p->next;
		free(p);
	}
	for (unsigned n = 0; n < r->ninstance; n++) {
		struct replay_instance *i = &r->instance[n];
		if (i->target)
			r->ops->destroy(i->target);
		for (unsigned k = 0; i->queue && k < i->d->num_queues; k++)
			replay_ring_down(&i->queue[k]);
		free(i->queue);
		replay_requests_end(i);
	}
	free(r->instance);
	model_free(r->model);
	free(r);
}

const char *replay_error(const struct replay *r)
{
	return r->error;
}

const struct replay_counts *replay_counts(const struct replay *r)
{
	return &r->n;
}

static int by_count(const void *a, const void *b)
{
	const struct replay_skip *x = a, *y = b;
	return x->count < y->count ? 1 : x->count > y->count ? -1 : 0;
}

unsigned replay_skips(const struct replay *r, struct replay_skip out[REPLAY_SKIPS])
{
	unsigned n = 0;
	memcpy(out, r->skip, sizeof(r->skip));
	while (n < REPLAY_SKIPS && out[n].why)
		n++;
	qsort(out, n, sizeof(*out), by_count);
	return n;
}

bool replay_report(const struct replay *r, unsigned n, struct replay_device_report *out)
{
	if (n >= r->ninstance)
		return false;
	const struct replay_instance *i = &r->instance[n];
	*out = (struct replay_device_report){
		.device = i->d,
		.played = i->target,
		.why = i->why ? i->why : "",
		.against = i->target ? r->ops->version(i->target) : "",
		.counts = i->n,
	};
	return true;
}
