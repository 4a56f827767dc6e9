/* SPDX-License-Identifier: MIT */
/* What registers and memory slots tell: which rings there are, and when they end. */
#include <linux/virtio_config.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/follow/impl.h"
#include "decoder/spec/constants.h"
#include "decoder/util/virtqueue.h"

/* Times of different processors differ by less. */
#define SKEW_NS UINT64_C(50000)

/* --- processes ------------------------------------------------------------------------------- */

static struct follow_vmm *vmm_of(const struct follow_source *f, uint8_t kvm)
{
	for (unsigned i = 0; i < f->nvmms; i++)
		if (f->vmm[i]->kvm == kvm)
			return f->vmm[i];
	return NULL;
}

static void free_queue(struct follow_queue *q)
{
	follow_withdraw(q);
	snoop_fini(&q->snoop);
	free(q);
}

void follow_free_vmm(struct follow_vmm *v)
{
	while (v->devices) {
		struct follow_device *d = v->devices;

		while (d->queues) {
			struct follow_queue *q = d->queues;

			d->queues = q->next;
			free_queue(q);
		}
		v->devices = d->next;
		free(d);
	}
	share_close(&v->share);
	free(v);
}

/* A process is described: its rings are another source of the trace. */
static void on_source(struct follow_source *f, const struct vqt_source *s)
{
	struct follow_vmm *v = vmm_of(f, s->h.source);

	if (!v) {
		v = f->nvmms < SOURCE_PIDS ? calloc(1, sizeof(*v)) : NULL;
		if (!v) {
			f->failed = true;
			return;
		}
		v->all = f;
		v->kvm = s->h.source;
		v->source = (uint8_t)(s->h.source + SOURCE_PIDS);
		v->pid = (pid_t)s->pid;
		/* a look is short: what one breaks off is lost */
		foreign_init(&v->foreign, v->pid, NULL);
		share_init(&v->share, &v->foreign);
		v->copies.m = &v->share.m;
		f->vmm[f->nvmms++] = v;
	}
	follow_describe_vmm(v);
}

/* --- devices and queues ---------------------------------------------------------------------- */

static struct follow_device *device_of(struct follow_vmm *v, uint16_t id)
{
	struct follow_source *f = v->all;
	struct follow_device *d = v->devices;

	while (d && d->sink.device != id)
		d = d->next;
	if (d)
		return d;
	d = calloc(1, sizeof(*d));
	if (!d)
		return NULL;
	d->vmm = v;
	d->sink = (struct snoop_sink){ .record = follow_record,
				       .at_most = follow_at_most,
				       .opaque = d,
				       .space = f->space,
				       .device = id,
				       .snaplen = f->request.snaplen };
	d->next = v->devices;
	v->devices = d;
	return d;
}

static struct follow_queue *queue_of(struct follow_device *d, uint16_t index)
{
	struct follow_vmm *v = d->vmm;
	struct follow_queue *q = d->queues;

	while (q && q->index != index)
		q = q->next;
	if (q)
		return q;
	q = v->nqueues < FOLLOW_QUEUES ? calloc(1, sizeof(*q)) : NULL;
	if (!q) {
		if (!v->full)
			follow_note(v, d->sink.device, VQT_NOTE_WARNING,
				    "more queues than are followed: of this one and of those that "
				    "come later no request is recorded");
		v->full = true;
		return NULL;
	}
	v->nqueues++;
	q->device = d;
	q->index = index;
	q->guest = (struct guest_memory){ .m = &v->share.m, .find = slots_find, .map = &v->slots };
	q->copies = (struct copies_of){ &v->copies, &q->guest };
	q->memory = (struct ring_memory){ .read = copies_read,
					  .load = copies_load,
					  .renew = copies_renew,
					  .opaque = &q->copies };
	snoop_init(&q->snoop, &q->memory, &d->sink, index);
	q->next = d->queues;
	d->queues = q;
	return q;
}

/* --- what the model knows of a queue --------------------------------------------------------- */

struct follow_setup follow_setup_of(const struct model_device *d, const struct model_queue *q)
{
	struct follow_setup s = { 0 };

	if (!d->status_known || !(d->status & VIRTIO_CONFIG_S_DRIVER_OK) || !q->enabled ||
	    !q->size_known || !q->addr_known || !q->desc || !q->driver || !q->device || !q->size ||
	    q->size > VIRTQ_SIZE_MAX)
		return s;
	s.up = true;
	s.features = d->accepted[0];
	s.size = q->size;
	s.area[RING_DESC] = q->desc;
	s.area[RING_DRIVER] = q->driver;
	s.area[RING_DEVICE] = q->device;
	return s;
}

static bool is_same(const struct follow_setup *a, const struct follow_setup *b)
{
	return a->up == b->up && a->features == b->features && a->size == b->size &&
	       !memcmp(a->area, b->area, sizeof(a->area));
}

/* What was read from then on was read of something else. */
static void drop(struct follow_queue *q, uint64_t ts)
{
	struct follow_device *d = q->device;
	struct follow_source *f = d->vmm->all;
	unsigned n = output_drop(&f->out, d->vmm->source, d->sink.device, q->index,
				 ts > SKEW_NS ? ts - SKEW_NS : 0);

	f->dropped += n;
	q->more |= n != 0;
}

/* It was one way until ts (ns), and may be another one now. */
static void end_changed(struct follow_device *d, const struct model_device *md, uint64_t ts)
{
	for (struct follow_queue *q = d->queues; q; q = q->next) {
		const struct model_queue *mq = model_queue(md, q->index);
		struct follow_setup now = { 0 };

		if (mq && !d->blocked)
			now = follow_setup_of(md, mq);
		if (!q->setup.up || is_same(&now, &q->setup))
			continue;
		drop(q, ts);
		follow_end(q);
		q->setup = (struct follow_setup){ .up = false };
		/* changed, and not reset: what the device does with that nobody knows */
		q->refused = now.up;
	}
}

static void begin_new(struct follow_device *d, const struct model_device *md, uint64_t ts)
{
	for (const struct model_queue *mq = md->queues; mq && !d->blocked; mq = mq->hh.next) {
		struct follow_setup s = follow_setup_of(md, mq);
		struct follow_queue *q = s.up ? queue_of(d, mq->index) : NULL;

		if (!q || q->setup.up || q->refused)
			continue;
		q->setup = s;
		q->fresh = true;
		q->kicked = false;
		q->before = q->snoop.stats.chains;
		follow_begin(q, ts);
	}
}

/* A queue that is not set up any more can be followed when it is again. */
static void forgive(struct follow_device *d, const struct model_device *md)
{
	for (struct follow_queue *q = d->queues; q; q = q->next) {
		const struct model_queue *mq = model_queue(md, q->index);

		if (!mq || !follow_setup_of(md, mq).up)
			q->refused = false;
	}
}

/* --- records of the source kvm --------------------------------------------------------------- */

/* Accesses are missing: a reset may be among them. */
static void on_loss(struct follow_vmm *v, uint16_t device, uint64_t ts)
{
	for (struct follow_device *d = v->devices; d; d = d->next) {
		struct model_device *md = model_device(v->all->model, d->sink.device);

		if (device != VQT_NO_DEVICE && d->sink.device != device)
			continue;
		d->blocked = true;
		d->resets = md ? md->resets : 0;
		if (md)
			end_changed(d, md, ts);
	}
}

static bool says_setup(const struct vqt_hdr *h, const struct vqt_reg *r)
{
	return h->type == VQT_REG && r->op == VQT_WRITE &&
	       (r->region == VQT_REGION_COMMON || r->region == VQT_REGION_LEGACY);
}

static void on_kick(struct follow_vmm *v, const struct vqt_hdr *h)
{
	struct follow_device *d = device_of(v, h->device);

	for (struct follow_queue *q = d ? d->queues : NULL; q; q = q->next)
		if (q->index == h->queue || h->queue == VQT_NO_QUEUE) {
			q->kicked = true;
			q->active = h->ts;
		}
}

/* What ends with it, before it goes into the trace. */
static struct follow_device *before(struct follow_vmm *v, const struct event *e)
{
	const struct vqt_hdr *h = &e->rec->h;
	struct follow_device *d = NULL;

	if (h->type == VQT_LOSS)
		on_loss(v, h->device, h->ts);
	else if (h->type == VQT_KICK)
		on_kick(v, h);
	else if (h->type == VQT_DEVICE && e->rec->device.flags & VQT_DEV_GONE)
		on_loss(v, h->device, h->ts);
	else if (says_setup(h, &e->rec->reg) && e->dev)
		d = device_of(v, h->device);
	if (!d)
		return NULL;
	if (d->blocked && e->dev->resets != d->resets)
		d->blocked = false;
	end_changed(d, e->dev, h->ts);
	forgive(d, e->dev);
	return d;
}

void follow_on_kvm(struct follow_source *f, const void *record, size_t len)
{
	struct follow_device *d = NULL;
	struct follow_vmm *v;
	struct record rec;
	struct event e = { 0 };
	const char *why;
	bool fed = !f->failed && !record_parse(&rec, record, len, &why) &&
		   !model_feed(f->model, &rec, ++f->number, &e);

	v = fed ? vmm_of(f, rec.h.source) : NULL;
	if (v && !v->gone) {
		f->stamp = rec.h.ts;
		d = before(v, &e);
		f->stamp = 0;
	}
	if (output_put(&f->out, record, len, false)) {
		f->failed = true;
		f->request.record(f->request.ctx, record, len);
	}
	if (fed && rec.h.type == VQT_SOURCE)
		on_source(f, &rec.source);
	if (d)
		begin_new(d, e.dev, rec.h.ts);
}

/* --- memory slots ----------------------------------------------------------------------------- */

static bool touches(const struct follow_queue *q, const struct slot *was)
{
	for (unsigned i = 0; i < RING_AREAS; i++)
		if (q->setup.area[i] >= was->gpa && q->setup.area[i] - was->gpa < was->len)
			return true;
	return false;
}

static void lose_slot(struct follow_vmm *v, const struct slot *was, uint64_t ts)
{
	v->all->stamp = ts;
	for (struct follow_device *d = v->devices; d; d = d->next)
		for (struct follow_queue *q = d->queues; q; q = q->next) {
			drop(q, ts);
			if (q->setup.up && touches(q, was))
				follow_suspend(q);
			else if (q->more)
				follow_lost_more(q);
			q->more = false;
		}
	v->all->stamp = 0;
}

/* Those that are set up, and could not be followed until now. */
static void gain_slot(struct follow_vmm *v, uint64_t ts)
{
	for (struct follow_device *d = v->devices; d; d = d->next)
		for (struct follow_queue *q = d->queues; q; q = q->next)
			if (q->setup.up && !q->snoop.on && !q->refused && !d->blocked)
				follow_begin(q, ts);
}

void follow_on_slot(struct follow_source *f, uint8_t source, const struct vqk_event *e)
{
	struct follow_vmm *v = vmm_of(f, source);
	struct slot was;

	if (!v)
		return;
	switch (slots_event(&v->slots, e, &was)) {
	case SLOTS_SAME: return;
	case SLOTS_LESS: lose_slot(v, &was, e->h.ts); break;
	case SLOTS_MORE: gain_slot(v, e->h.ts); break;
	}
	follow_offer_all(v);
}

void follow_drop_all(struct follow_source *f)
{
	for (unsigned i = 0; i < f->nvmms; i++)
		for (struct follow_device *d = f->vmm[i]->devices; d; d = d->next)
			for (struct follow_queue *q = d->queues; q; q = q->next) {
				drop(q, 0);
				if (q->more)
					follow_lost_more(q);
				q->more = false;
			}
}

void follow_forget_slots(struct follow_source *f)
{
	const struct slot all = { .len = UINT64_MAX };

	for (unsigned i = 0; i < f->nvmms; i++) {
		follow_note(
			f->vmm[i], VQT_NO_DEVICE, VQT_NOTE_WARNING,
			"changes of memory slots were lost: where guest memory is is unknown until "
			"it is set again");
		slots_clear(&f->vmm[i]->slots);
		lose_slot(f->vmm[i], &all, 0);
		follow_offer_all(f->vmm[i]);
	}
}
