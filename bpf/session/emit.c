/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "bpf/session/emit.h"
#include "decoder/util/clock.h"

uint64_t capture_now(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

void emit_record(struct capture *c, const void *record, size_t len)
{
	const struct vqt_hdr *h = record;

	c->stats.records++;
	c->stats.by_type[h->type & 63]++;
	c->handed++;
	c->o.record(c->o.ctx, record, len);
}

void target_emit(struct target *t, void *record, size_t len)
{
	struct vqt_hdr *h = record;

	h->seq = t->out_seq++;
	if (h->ts > t->written_ts)
		t->written_ts = h->ts;
	emit_record(t->c, record, len);
}

void target_stamp(struct target *t, struct vqt_hdr *h, uint8_t type, uint16_t device)
{
	h->ts = t->last_ts ? t->last_ts : capture_now();
	h->type = type;
	h->source = t->source;
	h->device = device;
	h->queue = VQT_NO_QUEUE;
}

void target_note(struct target *t, uint16_t device, const char *text)
{
	struct {
		struct vqt_note n;
		char text[256];
	} r = {};
	size_t len = strnlen(text, sizeof(r.text));

	target_stamp(t, &r.n.h, VQT_NOTE, device);
	r.n.level = VQT_NOTE_WARNING;
	r.n.len = (uint16_t)len;
	memcpy(r.text, text, len);
	target_emit(t, &r, sizeof(r.n) + len);
}

void target_lost(struct target *t, uint32_t count, uint64_t ts, enum vqt_loss_why why)
{
	struct vqt_loss l = { .lost = count, .why = why };

	t->out_seq += count;
	if (ts >
	    t->last_ts) /* that of the next record, which may be earlier by its processor's clock */
		t->last_ts = ts;
	target_stamp(t, &l.h, VQT_LOSS, VQT_NO_DEVICE);
	t->c->stats.lost += count;
	t->c->stats.lost_why[why] += count;
	target_emit(t, &l, sizeof(l));
}
