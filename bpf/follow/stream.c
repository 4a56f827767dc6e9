/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "bpf/follow/impl.h"
#include "decoder/trace/build.h"
#include "decoder/util/clock.h"

static void put_at(struct follow_vmm *v, void *record, size_t len, bool read, uint64_t ts)
{
	struct follow_source *f = v->all;
	struct vqt_hdr *h = record;

	h->ts = ts;
	h->source = v->source;
	if (output_put(&f->out, record, len, read))
		f->failed = true;
}

static void put(struct follow_vmm *v, void *record, size_t len)
{
	put_at(v, record, len, false, v->all->stamp ? v->all->stamp : clock_ns(CLOCK_MONOTONIC));
}

void follow_emit(void *ctx, void *record, size_t len)
{
	struct follow_source *f = ctx;
	struct vqt_hdr *h = record;

	for (unsigned i = 0; i < f->nvmms; i++)
		if (f->vmm[i]->source == h->source)
			h->seq = f->vmm[i]->out_seq++;
	f->handed++;
	if (h->ts > f->flushed)
		f->flushed = h->ts;
	f->request.record(f->request.ctx, record, len);
}

void follow_describe_vmm(struct follow_vmm *v)
{
	_Alignas(8) uint8_t buf[512];
	struct build b;
	struct vqt_source *r = build_begin(&b, buf, sizeof(buf), VQT_SOURCE, sizeof(*r));
	struct model_source *kvm = model_source(v->all->model, v->kvm);

	r->kind = VQT_SRC_MEMORY;
	r->clock = VQT_CLOCK_MONOTONIC;
	r->pid = (uint32_t)v->pid;
	if (kvm)
		build_text(&b, VQT_TAG_NAME, kvm->name);
	put(v, buf, b.len);
	follow_note(
		v, VQT_NO_DEVICE, VQT_NOTE_INFO,
		"the rings are read from beside the device, where registers and memory slots say "
		"that they are: a chain or completion has the time when it was found, and says "
		"how long before that it may have happened");
}

void follow_note(struct follow_vmm *v, uint16_t device, unsigned level, const char *text)
{
	_Alignas(8) uint8_t buf[1024];
	struct build b;
	struct vqt_note *n = build_begin(&b, buf, sizeof(buf), VQT_NOTE, sizeof(*n));
	size_t len = strnlen(text, 900);

	n->h.device = device;
	n->level = (uint16_t)level;
	n->len = (uint16_t)len;
	build_bytes(&b, text, len);
	put(v, buf, b.len);
}

void follow_lost_more(struct follow_queue *q)
{
	struct vqt_loss l = { .why = VQT_LOSS_MEMORY, .flags = VQT_LOSS_MORE };

	l.h = (struct vqt_hdr){ .type = VQT_LOSS,
				.device = q->device->sink.device,
				.queue = q->index };
	q->snoop.stats.lost_more++;
	put(q->device->vmm, &l, sizeof(l));
}

static struct follow_queue *queue_of(struct follow_device *d, uint16_t index)
{
	struct follow_queue *q = d->queues;

	while (q && q->index != index)
		q = q->next;
	return q;
}

void follow_record(void *opaque, void *record, size_t len)
{
	struct follow_device *d = opaque;
	const struct vqt_hdr *h = record;
	struct build b = { .bytes = record, .size = VQT_RECORD_MAX, .len = len };
	struct follow_queue *q = queue_of(d, h->queue);
	uint64_t now = follow_now(d->vmm); /* once: what is within is counted back from it */
	bool event = h->type == VQT_USED || h->type == VQT_AVAIL;

	looks_event(&d->vmm->all->looks, record);
	if (q && event)
		looks_add_within(&d->vmm->all->looks, now, q->looked, &b);
	if (h->type == VQT_QUEUE_STATE) {
		put(d->vmm, record, b.len);
		return;
	}
	d->vmm->read = now;
	put_at(d->vmm, record, b.len, true, now);
}
