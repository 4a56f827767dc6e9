/* SPDX-License-Identifier: MIT */
/* Completions: matched by request, compared in length, status and data. */
#include <errno.h>
#include <stdio.h>

#include "emu/replay/class.h"
#include "emu/replay/impl.h"

#define PATIENCE 1000 /* ms, the longest single wait */

/* --- comparing -------------------------------------------------------------------------- */

void replay_completion_differs(struct replay_completion *l, const char *subject, const char *clause,
			       const char *hint, const char *recorded, const char *replayed)
{
	l->equal = false;
	l->doubtful = l->i->doubt;
	replay_differs(l->i, l->e,
		       &(struct replay_found){ .clause = clause,
					       .hint = hint,
					       .queue = l->q->index,
					       .related = l->c ? l->c->number : 0 },
		       subject, recorded, replayed);
}

static void compare_len(struct replay_completion *l)
{
	char recorded[32], replayed[32];
	if (l->e->rec->used.len == l->c->len)
		return;
	snprintf(recorded, sizeof(recorded), "%u", l->e->rec->used.len);
	snprintf(replayed, sizeof(replayed), "%u", l->c->len);
	replay_completion_differs(l, "request.used_len", l->q->packed ? "2.8.14" : "2.7.8.2", NULL,
				  recorded, replayed);
}

static void status_name(char *buf, size_t size, unsigned virtio_id, uint8_t status)
{
	const struct class *c = class_find(virtio_id);
	const char *name = c && c->statuses ? spec_name_of(c->statuses, status) : NULL;
	if (name)
		snprintf(buf, size, "%s (%u)", name, status);
	else
		snprintf(buf, size, "0x%02x", status);
}

/* The guest address of the status byte; false: the request has none, or it was not captured. */
static bool find_status(const struct replay_completion *l, uint64_t *gpa)
{
	const struct model_request *r = l->e->req;
	const int at = class_status_at(l->e->dev->class, r ? &r->io : NULL);
	uint64_t left = at;
	*gpa = l->c->status_at;
	if (at == CLASS_STATUS_LAST)
		return l->c->has_status && l->e->rec->used.flags & VQT_USED_STATUS;
	for (uint32_t k = 0; at >= 0 && r && r->status_known && k < l->c->ndesc; k++) {
		const struct vqt_desc *d = &l->c->desc[k];
		if (d->flags & VRING_DESC_F_INDIRECT || !(d->flags & VRING_DESC_F_WRITE))
			continue;
		*gpa = d->addr + left;
		if (left < d->len)
			return true;
		left -= d->len;
	}
	return false;
}

static int compare_status(struct replay_completion *l)
{
	const uint8_t recorded_status = l->e->req ? l->e->req->status : l->e->rec->used.status;
	char recorded[40], replayed[40];
	const char *hint = NULL;
	uint8_t status;
	uint64_t at;
	if (!find_status(l, &at)) {
		const struct model_request *r = l->e->req;
		if (class_status_at(l->e->dev->class, r ? &r->io : NULL) != CLASS_STATUS_NONE &&
		    l->c->has_status)
			replay_skipped(l->i, NULL,
				       "the status of requests, where it was not captured");
		return 0;
	}
	int ret = l->i->ops->mem_read(l->i->target, at, &status, 1);
	if (ret < 0)
		return ret;
	if (l->c->fail) {
		replay_declared_meet(l->i->r->opt.declared, l->i->ops->name, "io-error");
		l->i->n.environment++;
	}
	if (status == recorded_status)
		return 0;
	status_name(recorded, sizeof(recorded), l->i->d->virtio_id, recorded_status);
	status_name(replayed, sizeof(replayed), l->i->d->virtio_id, status);
	if (recorded_status == l->i->class->backend_error && !status)
		hint = "If the recorded disk failed, the device is not at fault: use --io-errors, or "
		       "declare io-error.";
	replay_completion_differs(l, "request.status", l->i->class->section, hint, recorded,
				  replayed);
	return 0;
}

/* --- matching ---------------------------------------------------------------------------- */

/* Let the target complete this chain, and wait until it has. */
static int complete(struct replay_completion *l)
{
	struct replay_answer a = {
		.queue = l->q->index,
		.head = l->c->head,
		.len = l->e->rec->used.len,
		.used = l->e->rec,
	};
	unsigned patience = 1;
	int ret = 0;
	if (l->i->ops->complete)
		ret = l->i->ops->complete(l->i->target, &a);
	if (ret == 0)
		ret = replay_settle(l->i, l->e);
	while (ret == 0 && !l->c->done) {
		ret = l->i->ops->wait(l->i->target, patience);
		if (ret <= 0)
			break;
		patience = patience < PATIENCE ? patience * 2 : PATIENCE;
		ret = replay_settle(l->i, l->e);
	}
	return ret < 0 ? ret : replay_settle(l->i, l->e);
}

static struct replay_chain *oldest(struct replay_queue *q, bool only_popped)
{
	struct replay_chain *first = NULL;
	for (struct replay_chain *c = q->chains; c; c = c->hh.next)
		if ((c->popped || !only_popped) && (!first || c->order < first->order))
			first = c;
	return first;
}

/* The recording used an id that was not in flight: complete the oldest chain instead. */
static int unknown_id(struct replay_completion *l)
{
	char recorded[64], replayed[64] = "nothing to use";
	l->c = oldest(l->q, true);
	snprintf(recorded, sizeof(recorded), "used id %u, which is not in flight",
		 l->e->rec->used.id);
	if (l->c)
		snprintf(replayed, sizeof(replayed), "id %u is in flight", l->c->head);
	replay_completion_differs(l, "request.used_id", l->q->packed ? "2.8.14" : "2.7.8", NULL,
				  recorded, replayed);
	if (!l->c)
		return 0;
	int ret = complete(l);
	replay_ring_forget(l->q, l->c);
	return ret;
}

static int in_order(struct replay_completion *l)
{
	char recorded[48], replayed[48];
	struct replay_chain *want = l->c, *first = oldest(l->q, false);
	int ret = 0;
	if (!first || first == want)
		return 0;
	snprintf(recorded, sizeof(recorded), "id %u is used first", want->head);
	snprintf(replayed, sizeof(replayed), "id %u is used first", first->head);
	replay_completion_differs(l, "request.order", l->q->packed ? "2.8.8" : "2.7.9", NULL,
				  recorded, replayed);
	while (ret == 0 && first && first->order < want->order && !want->done) {
		l->c = first;
		ret = complete(l);
		for (first = l->q->chains; first && (first->done || first->order > want->order);)
			first = first->hh.next;
	}
	l->c = want;
	return ret;
}

static int compare(struct replay_completion *l)
{
	char recorded[48];
	int ret = 0;
	if (!l->c->done) {
		const char *hint = NULL;
		if (!replay_legacy(l->i, l->e) && !(l->e->dev->status & VIRTIO_CONFIG_S_DRIVER_OK))
			hint = "The driver has not set DRIVER_OK; before that the replayed device "
			       "processes no buffers (3.1.1).";
		snprintf(recorded, sizeof(recorded), "used, length %u", l->e->rec->used.len);
		replay_completion_differs(l, "request.completion", "2.7.13", hint, recorded,
					  "never used");
		return 0;
	}
	/* Without a part that the device writes there is one right answer, for any device. */
	l->scripted = l->i->scripted && l->c->has_status && !l->i->class->writes_nothing;
	if (l->scripted)
		return 0;
	compare_len(l);
	if (l->i->scripted)
		return 0;
	ret = compare_status(l);
	if (ret == 0 && l->e->req && l->i->class->compare)
		ret = l->i->class->compare(l);
	return ret;
}

static int not_played(struct replay_instance *i, const struct event *e, const char *why)
{
	replay_skipped(i, &i->n.requests, why);
	if (e->req && i->class->unplayed)
		i->class->unplayed(i, e->req);
	return 0;
}

static void count(const struct replay_completion *l)
{
	struct replay_compared *n = &l->i->n.requests;
	if (l->scripted && l->equal)
		replay_skipped(l->i, n, REPLAY_SCRIPTED);
	else if (l->doubtful)
		n->not_compared++; /* replay_differs() has said why */
	else
		replay_compared(n, l->equal);
}

int replay_play_used(struct replay_instance *i, const struct event *e)
{
	struct replay_queue *q = replay_queue_of(i, e);
	const struct vqt_used *u = &e->rec->used;
	struct replay_completion l = { .i = i, .q = q, .e = e, .equal = true };
	int ret = 0;
	if (!q || !q->up) {
		i->used_since_isr = true; /* of which this device knows nothing */
		return not_played(i, e, "requests of a queue whose set-up is not in the trace");
	}
	ret = replay_ring_apply(q, &u->ring);
	if (ret < 0)
		return ret;
	l.c = replay_ring_chain(q, u->id);
	replay_notifications_used(q, RECORDED, e, replay_ring_position(q, u->pos), l.c);
	q->used_recorded++;
	q->used_last = replay_ring_position(q, u->pos) + (q->packed && l.c ? l.c->ndirect : 1);
	if (!l.c && !e->unknown_id) {
		q->torn = true;
		return not_played(i, e, "requests that could not be laid out");
	}
	if (!l.c || !l.c->popped) {
		ret = unknown_id(&l);
		count(&l);
		return ret;
	}
	if (q->in_order)
		ret = in_order(&l);
	if (ret == 0)
		ret = complete(&l);
	if (ret == 0)
		ret = compare(&l);
	count(&l);
	replay_ring_forget(q, l.c);
	return ret;
}
