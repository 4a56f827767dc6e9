/* SPDX-License-Identifier: MIT */
/* One event of the recording: what the driver did is done, what the device did is compared. */
#include <errno.h>

#include "decoder/spec/constants.h"
#include "decoder/util/virtqueue.h"
#include "emu/replay/impl.h"

/* --- buffers are made available ---------------------------------------------------------- */

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

static int publish(struct replay_queue *q, struct replay_pending *p)
{
	const char *why;
	int ret = replay_ring_publish(q, p, &why);
	if (ret == 0) {
		q->torn = true;
		replay_skipped(q->i, NULL, why);
	}
	return ret;
}

/* Chains that were in the ring when it was kicked, as later records show them. */
static int publish_ahead(struct replay_queue *q, const struct event *e)
{
	const struct vqt_kick *k = &e->rec->kick;
	bool counted = !q->packed && k->ring.known & VQT_RING_AVAIL_IDX;
	for (struct replay_pending *p = q->i->r->first; p; p = p->next) {
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
			int ret = publish(q, p);
			if (ret < 0)
				return ret;
		} else if (p->rec.h.type != VQT_AVAIL && !counted) {
			break; /* only chains that follow at once are surely in the ring */
		} else if (p->rec.h.type == VQT_KICK || p->rec.h.type == VQT_LIFECYCLE) {
			break;
		}
	}
	return replay_ring_show(q);
}

/* 4.1.5.2: what the driver writes to notify of this queue. */
static uint32_t kick_value(const struct event *e, const struct replay_queue *q)
{
	const struct vqt_kick *k = &e->rec->kick;
	if (k->width && k->via != VQT_KICK_IOEVENTFD)
		return k->value;
	if (!replay_has(e, VIRTIO_F_NOTIFICATION_DATA))
		return q->index;
	return q->index | (q->packed ? virtq_numbered(q->avail, q->size) : q->avail) << 16;
}

static int kick(struct replay_queue *q, const struct event *e, bool nudge)
{
	struct replay_instance *i = q->i;
	struct replay_kick k = {
		.queue = q->index,
		.notify_off = i->d->notify_off[q->index],
		.value = nudge ? q->index : kick_value(e, q),
		.width = replay_has(e, VIRTIO_F_NOTIFICATION_DATA) ? 4 : 2,
		.legacy = replay_legacy(i, e),
		.nudge = nudge,
	};
	if (!nudge && e->rec->kick.width && e->rec->kick.via != VQT_KICK_IOEVENTFD)
		k.width = e->rec->kick.width;
	int ret = i->ops->kick(i->target, &k);
	return ret == -ENXIO ? 0 : ret;
}

static int play_kick(struct replay_instance *i, const struct event *e)
{
	struct replay_queue *q = replay_queue_of(i, e);
	i->driver_at = e->number;
	i->resets = REPLAY_NO_RESET;
	i->touched = true;
	if (!q || !q->up)
		return 0;
	int ret = replay_ring_apply(q, &e->rec->kick.ring);
	if (ret == 0)
		ret = publish_ahead(q, e);
	if (ret >= 0)
		ret = kick(q, e, false);
	return ret < 0 ? ret : replay_settle(i, e);
}

/* The head is still in flight, as its completion is not in the trace: complete it now. */
static int make_room(struct replay_queue *q, const struct event *e, struct replay_chain *c)
{
	struct replay_instance *i = q->i;
	struct record none = { .h = { .type = VQT_USED } };
	struct replay_answer a = { .queue = q->index, .head = c->head, .used = &none };
	int ret = i->ops->complete && !c->done ? i->ops->complete(i->target, &a) : 0;
	if (ret == 0)
		ret = replay_settle(i, e);
	replay_skipped(i, NULL, "completions that are not in the trace");
	replay_ring_forget(q, c);
	return ret;
}

static int play_avail(struct replay_instance *i, const struct event *e, struct replay_pending *p)
{
	struct replay_queue *q = replay_queue_of(i, e);
	const struct vqt_avail *a = &e->rec->avail;
	struct replay_chain *c;
	int ret;
	if (!q || !q->up)
		return 0;
	ret = replay_ring_apply(q, &a->ring);
	c = replay_ring_chain(q, a->head);
	if (ret < 0 || a->first || (c && a->flags & VQT_CHAIN_AGAIN))
		return ret;
	if (!p->published) { /* added while the device was processing the ring: no kick */
		if (c)
			ret = make_room(q, e, c);
		if (ret == 0)
			ret = publish(q, p);
		if (ret > 0)
			ret = replay_ring_show(q);
		if (ret == 0)
			ret = kick(q, e, true);
		if (ret < 0)
			return ret;
		c = replay_ring_chain(q, a->head);
	}
	if (c)
		c->popped = true;
	q->popped++;
	return replay_settle(i, e);
}

/* The configuration changes to what the driver read of it from then on. */
static int change_config(struct replay_instance *i, const struct event *e)
{
	const struct replay_config *now = replay_profile_change(i->r->profile, i->d->id, e->number);
	if (!now || (now->asked && !i->scripted))
		return 0;
	i->config_moved = true;
	i->config_once = now->once;
	int ret = i->ops->config_change ? i->ops->config_change(i->target, now) : -ENOTSUP;
	for (unsigned n = 0; n < sizeof(now->known);
	     n++) /* these bytes are right, or not, from now on */
		i->config_unmade[n] = (i->config_unmade[n] & ~now->known[n]) |
				      (ret == -ENOTSUP ? now->known[n] : 0);
	if (ret == -ENOTSUP) {
		i->unmade = true;
		replay_skipped(i, NULL, "configuration changes, which this target cannot make");
		return 0;
	}
	i->config_differs |= now->any;
	i->n.environment += !now->asked;
	return ret < 0 ? ret : replay_settle(i, e);
}

static int play_irq(struct replay_instance *i, const struct event *e)
{
	const struct vqt_irq *k = &e->rec->irq;
	struct replay_irq irq = { .kind = k->kind, .level = k->level, .vector = k->vector };
	/* When a driver's handler runs does not tell when, or how often, the device notified it. */
	if (k->kind >= VQT_IRQ_HANDLER) {
		replay_skipped(i, NULL,
			       "interrupts, of which only the driver's handler was recorded");
		return 0;
	}
	if (k->kind == VQT_IRQ_CONFIG)
		return change_config(i, e);
	if ((i->d->signals && k->kind != VQT_IRQ_SIGNAL) || (k->kind == VQT_IRQ_INTX && !k->level))
		return 0;
	if (k->kind == VQT_IRQ_SIGNAL)
		irq.kind = replay_msix(i, e) ? VQT_IRQ_MSIX : VQT_IRQ_INTX;
	if (k->kind == VQT_IRQ_SIGNAL && e->rec->h.queue == VQT_NO_QUEUE)
		return 0;
	replay_notifications_irq(i, e, RECORDED, &irq,
				 e->rec->h.queue != VQT_NO_QUEUE ? replay_queue_of(i, e) : NULL);
	return 0;
}

/* The device was reset, and the record of the driver's write may be lost: write it here. */
static int reset_by_hand(struct replay_instance *i, const struct event *e)
{
	replay_queues_gone(i, e);
	struct replay_status_reg s = replay_status_reg(i, false);
	int ret = replay_write(i, s.region, s.offset, s.width, 0);
	if (ret == -ENXIO) {
		s = replay_status_reg(i, true);
		ret = replay_write(i, s.region, s.offset, s.width, 0);
	}
	i->doubt = false;
	return ret < 0 && ret != -ENXIO ? ret : replay_settle(i, e);
}

/* What the driver's last access did was played then; and it may have reset the device. */
static enum replay_cause take_cause(struct replay_instance *i, const struct event *e)
{
	enum replay_cause cause = e->rec->h.tid == i->resets_tid ? i->resets : REPLAY_NO_RESET;
	if (!e->rec->h.tid) /* without threads: the first reset is the driver's */
		i->resets = REPLAY_NO_RESET;
	return cause;
}

/*
 * By the platform, also of a device that no driver has set up: its PCI function is reset.
 * Before the first access of a late trace, it may as well be what the driver did just before.
 */
static int platform_reset(struct replay_instance *i, const struct event *e)
{
	if (!i->touched || !i->ops->platform_reset)
		return 0;
	replay_queues_gone(i, e);
	i->blind = i->doubt = i->gap = i->unsure = i->touched = i->msix_unknown = false;
	int ret = i->ops->platform_reset(i->target);
	return ret < 0 ? ret : replay_settle(i, e);
}

static int follow_reset(struct replay_instance *i, const struct event *e)
{
	switch (take_cause(i, e)) {
	case REPLAY_RESET_STATUS: return 0;
	case REPLAY_RESET_FUNCTION: replay_queues_gone(i, e); return 0;
	case REPLAY_RESET_QUEUE: return e->status_before ? reset_by_hand(i, e) : 0;
	case REPLAY_NO_RESET: break;
	}
	if (i->doubt && e->status_before) /* the driver's own write may be lost */
		return reset_by_hand(i, e);
	return platform_reset(i, e);
}

static int reset(struct replay_instance *i, const struct event *e)
{
	int ret = follow_reset(i, e);
	i->status_set = i->status_wrote = 0;
	i->broken = 0;
	i->master_off = i->master_given = false;
	return ret;
}

static int play_lifecycle(struct replay_instance *i, const struct event *e)
{
	switch (e->rec->lifecycle.what) {
	case VQT_LIFECYCLE_RESET: return reset(i, e);
	case VQT_LIFECYCLE_SET_STATUS:
		i->recorded_status = e->rec->lifecycle.arg[0] & 0xff;
		i->status_unseen = i->recorded_status & ~i->status_set;
		return 0;
	case VQT_LIFECYCLE_CONFIG_CHANGE: return change_config(i, e);
	}
	return 0;
}

int replay_play(struct replay_instance *i, const struct event *e, struct replay_pending *p)
{
	switch (e->rec->h.type) {
	case VQT_REG: return replay_play_reg(i, e);
	case VQT_KICK: return play_kick(i, e);
	case VQT_AVAIL: return play_avail(i, e, p);
	case VQT_USED: {
		int ret = replay_play_used(i, e);
		return ret < 0 ? ret : change_config(i, e); /* if that is what was asked for */
	}
	case VQT_IRQ: return play_irq(i, e);
	case VQT_LIFECYCLE: return play_lifecycle(i, e);
	case VQT_DEVICE_STATE:
		if (!(e->rec->device_state.known & ~VQT_KNOWN_CONFIG))
			return 0; /* the configuration changed, and nothing else */
		i->state_reported = true;
		return 0;
	case VQT_QUEUE_STATE: i->state_reported = true; return 0;
	}
	return 0;
}
