/* SPDX-License-Identifier: MIT */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_pci.h>
#include <string.h>
#include <sys/utsname.h>

#include "bpf/guest/stacks.h"
#include "bpf/guest/stream.h"
#include "bpf/prog/guest.skel.h"
#include "decoder/trace/build.h"
#include "decoder/util/clock.h"

#define SOURCE_ID 1

/* --- records out ------------------------------------------------------------------- */

static void emit(struct guest_source *g, void *record, size_t len)
{
	struct vqt_hdr *h = record;

	h->seq = g->out_seq++;
	h->source = SOURCE_ID;
	g->events += h->type >= VQT_REG;
	g->handed++;
	g->request.record(g->request.ctx, record, len);
}

/* --- stacks ------------------------------------------------------------------------- */

/*
 * Take the program's reference off the record, and its stack's number from it.  What was taken
 * and is not known is counted.
 */
static uint32_t take_stack(struct guest_source *g, const struct vqt_hdr *h, size_t *len)
{
	struct vqg_stack_ref ref;
	uint32_t id;

	if (h->source != VQG_SOURCE_STACK || !g->stacks || *len < sizeof(*h) + sizeof(ref))
		return 0;
	*len -= sizeof(ref);
	memcpy(&ref, (const uint8_t *)h + *len, sizeof(ref));
	id = stacks_id(g->stacks, ref.key[0] | (uint64_t)ref.key[1] << 32);
	g->no_stack += !id;
	return id;
}

static void describe_stack(struct guest_source *g, uint32_t id, uint64_t ts)
{
	_Alignas(8) uint8_t buf[STACKS_RECORD];
	size_t len = stacks_describe(g->stacks, id, buf, sizeof(buf));

	((struct vqt_hdr *)(void *)buf)->ts = ts;
	if (len)
		emit(g, buf, len);
}

/* An event, with its stack, if it has one (id). */
static void emit_event(struct guest_source *g, void *record, size_t len, uint32_t id)
{
	_Alignas(8) uint8_t buf[VQG_RECORD + 512 + BUILD_STACK_MAX];
	struct build b = { .bytes = buf, .size = sizeof(buf), .len = len };

	if (!id || len > sizeof(buf)) {
		emit(g, record, len);
		return;
	}
	describe_stack(g, id, ((const struct vqt_hdr *)record)->ts);
	memcpy(buf, record, len);
	build_stack(&b, id);
	emit(g, buf, b.len);
}

/* --- what describes the trace --------------------------------------------------------- */

static void describe_session(struct guest_source *g)
{
	_Alignas(8) uint8_t buf[8192];
	struct build b;
	struct vqt_session *s = build_session(&b, buf, sizeof(buf), g->request.command);

	s->h.ts = clock_ns(CLOCK_MONOTONIC);
	s->snaplen = g->request.snaplen;
	s->wall = g->wall;
	emit(g, buf, b.len);
}

static void describe_source(struct guest_source *g)
{
	_Alignas(8) uint8_t buf[1024];
	struct build b;
	struct vqt_source *s = build_begin(&b, buf, sizeof(buf), VQT_SOURCE, sizeof(*s));
	struct utsname u;

	s->h.ts = clock_ns(CLOCK_MONOTONIC);
	s->kind = VQT_SRC_GUEST;
	s->clock = VQT_CLOCK_GUEST;
	if (!uname(&u)) {
		build_text(&b, VQT_TAG_NAME, u.nodename);
		build_text(&b, VQT_TAG_VERSION, u.release);
	}
	emit(g, buf, b.len);
}

void guest_describe_device(struct guest_source *g, struct guest_device *d)
{
	_Alignas(8) uint8_t buf[1024];
	size_t len;

	d->r.h.ts = g->last_ts ? g->last_ts : clock_ns(CLOCK_MONOTONIC);
	len = guest_device_record(d, buf, sizeof(buf));
	d->written = true;
	if (len)
		emit(g, buf, len);
}

static void lose(struct guest_source *g, uint64_t count, uint64_t ts, unsigned why)
{
	struct vqt_loss l = { .lost = count, .why = why };

	l.h = (struct vqt_hdr){ .ts = ts ? ts : clock_ns(CLOCK_MONOTONIC),
				.type = VQT_LOSS,
				.queue = VQT_NO_QUEUE };
	g->lost += count;
	emit(g, &l, sizeof(l));
}

void guest_lost(struct guest_source *g, uint64_t count)
{
	lose(g, count, g->last_ts, VQT_LOSS_LIMIT);
}

void guest_describe(struct guest_source *g)
{
	describe_session(g);
	describe_source(g);
	if (g->stacks)
		stacks_describe_again(g->stacks); /* when an event has it */
	for (unsigned i = 0; i < VQG_DEVICES; i++)
		if (g->device[i].written)
			guest_describe_device(g, &g->device[i]);
}

uint64_t guest_counter(const struct guest_source *g, enum vqg_counter which)
{
	uint32_t key = which;
	uint64_t v = 0;

	bpf_map_lookup_elem(bpf_map__fd(g->skel->maps.counters), &key, &v);
	return v;
}

/* --- records in ------------------------------------------------------------------------ */

static const struct guest_before *before(const struct guest_source *g, const struct guest_device *d)
{
	for (size_t i = 0; i < g->nbefore; i++)
		if (!strcmp(g->before[i].parent, d->parent))
			return &g->before[i];
	return NULL;
}

/* Its set-up was missed; sysfs has told how it ended. */
static void describe_state(struct guest_source *g, const struct guest_device *d)
{
	const struct guest_before *b = before(g, d);
	_Alignas(8) uint8_t buf[128];
	size_t len = b ? guest_state_record(d, b, buf, sizeof(buf)) : 0;

	if (len)
		emit(g, buf, len);
}

static void device_found(struct guest_source *g, const void *record, size_t len)
{
	const struct vqt_hdr *h = record;
	struct guest_device *d = h->device < VQG_DEVICES ? &g->device[h->device] : NULL;
	struct vqg_device in_kernel;
	uint64_t parent;
	bool known;

	if (!d)
		return;
	guest_device_find(d, record, len);
	if (before(g, d))
		d->r.flags |= VQT_DEV_LATE;
	d->wanted = guest_device_chosen(d, &g->request.devices);
	parent = d->r.handle;
	/* What its type tells is known when that is: until then it may be one of the chosen ones. */
	if (!d->wanted && d->r.virtio_id &&
	    !bpf_map_lookup_elem(bpf_map__fd(g->skel->maps.devices), &parent, &in_kernel)) {
		in_kernel.skip = 1;
		bpf_map_update_elem(bpf_map__fd(g->skel->maps.devices), &parent, &in_kernel,
				    BPF_EXIST);
	}
	if (!d->wanted && d->r.virtio_id)
		return;
	known = d->written;
	guest_describe_device(g, d);
	if (!known)
		describe_state(g, d);
}

/*
 * virtio_device_ready() is an inline function in every kernel: it is proven by the write of
 * DRIVER_OK.
 */
static void derive_ready(struct guest_source *g, const struct vqt_reg *r, uint32_t stack)
{
	static const char name[] = "virtio_device_ready";
	struct {
		struct vqt_guest r;
		char text[sizeof(name) - 1];
	} x = { .r.h = r->h };
	bool status = (r->region == VQT_REGION_COMMON && r->offset == VIRTIO_PCI_COMMON_STATUS) ||
		      (r->region == VQT_REGION_LEGACY && r->offset == VIRTIO_PCI_STATUS) ||
		      (r->region == VQT_REGION_MMIO && r->offset == VIRTIO_MMIO_STATUS);

	if (r->op != VQT_WRITE || !status || !(r->value & VIRTIO_CONFIG_S_DRIVER_OK))
		return;
	x.r.h.type = VQT_GUEST;
	x.r.what = VQT_GUEST_LIFECYCLE;
	x.r.phase = VQT_GUEST_DERIVED;
	x.r.len = sizeof(x.text);
	memcpy(x.text, name, sizeof(x.text));
	emit_event(g, &x, sizeof(x.r) + sizeof(x.text), stack);
}

static void on_record(void *ctx, void *record, size_t len)
{
	struct guest_source *g = ctx;
	struct vqt_hdr *h = record;
	struct guest_device *d = h->device < VQG_DEVICES ? &g->device[h->device] : NULL;
	uint32_t stack;

	/* Clocks of processors differ by more than the time between two events. */
	if (h->ts < g->last_ts)
		h->ts = g->last_ts;
	g->last_ts = h->ts;
	if (h->type == VQT_DEVICE) {
		device_found(g, record, len);
		return;
	}
	if (d && d->r.virtio_id && !d->wanted)
		return;
	if (h->type == VQT_LOSS)
		g->lost += ((const struct vqt_loss *)record)->lost;
	if (h->type == VQT_GUEST && g->config.no_calls)
		return;
	stack = take_stack(g, h, &len);
	if (h->type == VQT_REG && !g->config.no_calls)
		derive_ready(g, record, stack);
	emit_event(g, record, len, stack);
}

static void on_lost(void *ctx, uint32_t count, uint64_t ts)
{
	struct guest_source *g = ctx;
	uint64_t full = guest_counter(g, VQG_LOST_BUFFER) - g->seen_full;

	g->seen_full += count < full ? count : full;
	g->out_seq += count;
	if (ts >
	    g->last_ts) /* that of the next record, which may be earlier by its processor's clock */
		g->last_ts = ts;
	lose(g, count, g->last_ts, full ? VQT_LOSS_BUFFER : VQT_LOSS_LIMIT);
}

void guest_lost_last(struct guest_source *g)
{
	uint64_t left = guest_counter(g, VQG_LOST_BUFFER) - g->seen_full;

	if (left)
		on_lost(g, (uint32_t)left, g->last_ts);
}

const struct order_ops guest_order_ops = { .record = on_record, .lost = on_lost };

void guest_take(struct guest_source *g, const void *record, size_t len)
{
	if (len < sizeof(struct vqt_hdr))
		return;
	if (((const struct vqt_hdr *)record)->type == VQT_STACK)
		stacks_add(g->stacks, record, len);
	else if (!order_take(g->order, record, len))
		order_put(g->order, record, len, clock_ns(CLOCK_MONOTONIC));
}
