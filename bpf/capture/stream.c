/* SPDX-License-Identifier: MIT */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bpf/calls/calls.h"
#include "bpf/device/device.h"
#include "bpf/capture/hold.h"
#include "bpf/capture/light.h"
#include "bpf/device/sample.h"
#include "bpf/capture/stacks.h"
#include "bpf/capture/stream.h"
#include "bpf/prog/qemu.skel.h"
#include "bpf/session/emit.h"

uint64_t stream_counter(const struct capture *c, enum vqp_counter which)
{
	uint32_t key = which;
	uint64_t v = 0;

	bpf_map_lookup_elem(bpf_map__fd(c->skel->maps.counters), &key, &v);
	return v;
}

/*
 * Report a loss.  The reason is a full buffer, for as many records as the BPF programs
 * counted as not sent; otherwise a limit.
 */
static void on_lost(void *ctx, uint32_t count, uint64_t ts)
{
	struct target *t = ctx;
	struct capture *c = t->c;
	uint64_t full = stream_counter(c, VQP_LOST_BUFFER) - c->seen_lost;

	c->seen_lost += count < full ? count : full;
	target_lost(t, count, ts, full ? VQT_LOSS_BUFFER : VQT_LOSS_LIMIT);
}

void stream_lost_last(struct capture *c)
{
	uint64_t left = stream_counter(c, VQP_LOST_BUFFER) - c->seen_lost;

	if (left && c->ntargets)
		on_lost(c->target[0], (uint32_t)left, c->target[0]->last_ts);
}

/* Whether the record says that a device was unplugged. */
static bool is_end(const struct vqt_hdr *h)
{
	return h->type == VQT_LIFECYCLE &&
	       ((const struct vqt_lifecycle *)h)->what == VQT_LIFECYCLE_UNREALIZE;
}

static void on_record(void *ctx, void *record, size_t len)
{
	struct target *t = ctx;
	struct vqt_hdr *h = record;

	/*
	 * Times may go back a little: clocks of CPUs differ by more than the time between two
	 * events.
	 */
	if (h->ts < t->last_ts)
		h->ts = t->last_ts;
	t->last_ts = h->ts;
	if (h->type == VQT_DEVICE) {
		hold_before(t, h->device);
		device_seen(t, record);
	} else if (!hold_needed(t, h, len) || !hold_put(t, record, len)) {
		stream_pass(t, record, len);
	}
}

void stream_pass(struct target *t, void *record, size_t len)
{
	struct vqt_hdr *h = record;
	struct device *d;

	sample_flush(t, h->ts);
	if (t->c->light && is_end(h))
		light_read(t->c); /* write its last counts before its end */
	record = stacks_append(t, record, &len);
	h = record;
	d = h->device ? device_get(t, h->device) : NULL;
	if (h->type == VQT_QUEUE_STATE) {
		if (d)
			device_position(d, record);
		return;
	}
	if (d)
		device_hear(d, h);
	if (d && (device_keeps(d, record, len) || !d->wanted))
		return;
	if (h->type == VQT_LIFECYCLE)
		device_lifecycle(t, record);
	if (h->type == VQT_LOSS) {
		const struct vqt_loss *l = record;

		t->c->stats.lost += l->lost;
		t->c->stats.lost_why[l->why & 3] += l->lost;
	}
	if (h->type != VQT_LIFECYCLE || !t->c->o.no_lifecycle) {
		void *tagged = calls_append(t, record, &len);

		if (tagged)
			target_emit(t, tagged, len);
	}
	if (d)
		device_restored(d, h);
	if (d && is_end(h))
		device_gone(d);
}

const struct order_ops stream_ops = { .record = on_record, .lost = on_lost };

bool stream_take(struct capture *c, const void *record, size_t len)
{
	const struct vqt_hdr *h = record;
	struct target *t;

	if (len < sizeof(*h) || !h->source || h->source > c->ntargets)
		return false;
	t = c->target[h->source - 1];
	t->heard = true;
	if (h->type == VQP_CALL)
		calls_take(t, record, len);
	else if (h->type == VQT_STACK)
		stacks_take(t, record, len);
	else if (!order_take(t->order, record, len))
		order_put(t->order, record, len, capture_now());
	return h->type == VQT_STACK;
}
