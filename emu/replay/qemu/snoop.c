/* SPDX-License-Identifier: MIT */
/*
 * What happens to QEMU's device in a replay, as a trace (replay -w).  QEMU tells
 * nobody, but all that reaches its device passes through here, and its rings lie
 * in memory that is ours, too: chains are read before a notification is sent, as
 * the device will find them, and used entries when they appear.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/spec/constants.h"
#include "emu/replay/qemu/class.h"
#include "emu/replay/qemu/impl.h"
#include "emu/virtio/tap.h"

#define MAX_CHAIN 1024
#define LEGACY_PAGE 4096u

struct watched {
	struct emu_ring ring;
	bool made, up;
	uint16_t size;
	uint64_t area[3]; /* desc, driver, device */
	struct emu_chain *chains; /* in flight */
};

struct qemu_snoop {
	struct emu_tap *tap;
	struct emu_mem *mem;
	const struct replay_device *d;
	struct watched *queue;
	uint16_t select;
	uint32_t feature_select;
	uint64_t accepted;
};

/* --- rings ------------------------------------------------------------------------------- */

static void down(struct watched *q)
{
	while (q->chains) {
		struct emu_chain *c = q->chains;

		q->chains = c->next;
		emu_chain_free(c);
	}
	q->up = false;
}

static bool has(const struct qemu_snoop *w, unsigned bit)
{
	return w->accepted >> bit & 1;
}

static void up(struct qemu_snoop *w, struct watched *q, bool legacy)
{
	struct emu_ring *r = &q->ring;

	down(q);
	if (!q->made && emu_ring_init(r, w->mem))
		return;
	q->made = true;
	r->ops = !legacy && has(w, VIRTIO_F_RING_PACKED) ? &emu_ring_packed : &emu_ring_split;
	r->size = q->size;
	r->desc = q->area[0];
	r->driver = q->area[1];
	r->device = q->area[2];
	r->max_chain = MAX_CHAIN;
	r->indirect = has(w, VIRTIO_RING_F_INDIRECT_DESC);
	r->event_idx = has(w, VIRTIO_RING_F_EVENT_IDX);
	emu_ring_rewind(r);
	q->up = q->size && !r->ops->start(r);
}

/* The chains that the device will find. */
static void take(struct qemu_snoop *w, uint16_t n, struct watched *q)
{
	for (;;) {
		struct emu_chain *c = emu_chain_new();
		struct vqt_ring before;
		int rc;

		if (!c)
			return;
		q->ring.ops->snapshot(&q->ring, &before);
		rc = q->ring.ops->pop(&q->ring, c);
		if (rc <= 0) {
			emu_chain_free(c);
			q->up = !rc; /* broken by the driver: the device will not go on either */
			return;
		}
		emu_tap_avail(w->tap, n, &before, w->mem, c);
		c->next = q->chains;
		q->chains = c;
	}
}

/* One used entry, if there is: its id, length and position. */
static bool next_used(struct watched *q, uint16_t *id, uint32_t *len, uint16_t *pos)
{
	struct emu_ring *r = &q->ring;

	if (r->ops == &emu_ring_split) {
		uint16_t idx;
		uint32_t elem[2];

		if (emu_ring_load16(r, 2, 2, &idx) < 0 || idx == r->used ||
		    emu_ring_read(r, 2, 4 + 8ull * (r->used % r->size), elem, sizeof(elem)) < 0)
			return false;
		*id = elem[0];
		*len = elem[1];
		*pos = r->used;
	} else {
		struct {
			uint64_t addr;
			uint32_t len;
			uint16_t id, flags;
		} d; /* 2.8.13 */
		bool avail, used;

		if (emu_ring_read(r, 0, 16ull * r->used, &d, sizeof(d)) < 0)
			return false;
		avail = d.flags >> VRING_PACKED_DESC_F_AVAIL & 1;
		used = d.flags >> VRING_PACKED_DESC_F_USED & 1;
		if (avail != used || used != r->used_wrap || !q->chains)
			return false;
		*id = d.id;
		*len = d.len;
		*pos = r->used | r->used_wrap << 15;
	}
	return true;
}

static void advance(struct emu_ring *r, unsigned slots)
{
	if (r->ops == &emu_ring_split) {
		r->used++;
		return;
	}
	r->used += slots;
	if (r->used >= r->size) {
		r->used -= r->size;
		r->used_wrap = !r->used_wrap;
	}
}

static void see_used(struct qemu_snoop *w, uint16_t n, struct watched *q)
{
	struct vqt_ring before;
	uint16_t id, pos;
	uint32_t len;

	while (next_used(q, &id, &len, &pos)) {
		struct emu_chain **at = &q->chains, *c;

		q->ring.ops->snapshot(&q->ring, &before);
		if (q->ring.ops == &emu_ring_split)
			before.used_idx = q->ring.used; /* as it was before this one */

		while (*at && (*at)->head != id)
			at = &(*at)->next;
		c = *at;
		if (!c) { /* an id that is not in flight: nothing more can be told */
			q->up = false;
			return;
		}
		*at = c->next;
		emu_tap_used(w->tap, n, &before, pos, w->mem, c, id, len);
		advance(&q->ring, c->ndirect);
		q->ring.popped--;
		emu_ring_set_busy(&q->ring, id, false);
		emu_chain_free(c);
	}
}

void qemu_snoop_used(struct qemu_snoop *w)
{
	for (unsigned i = 0; w && i < w->d->num_queues; i++)
		if (w->queue[i].up && w->queue[i].chains)
			see_used(w, i, &w->queue[i]);
}

/* --- registers that shape rings -------------------------------------------------------------- */

static void all_down(struct qemu_snoop *w)
{
	for (unsigned i = 0; i < w->d->num_queues; i++) {
		down(&w->queue[i]);
		w->queue[i].size = w->d->queue_size[i];
	}
	w->accepted = w->select = w->feature_select = 0;
}

static void set_half(uint64_t *v, bool high, unsigned width, uint64_t half)
{
	if (width == 8)
		*v = half;
	else if (high)
		*v = (uint32_t)*v | half << 32;
	else
		*v = *v >> 32 << 32 | (uint32_t)half;
}

static void common_write(struct qemu_snoop *w, uint32_t off, unsigned width, uint64_t v)
{
	struct watched *q = w->select < w->d->num_queues ? &w->queue[w->select] : NULL;

	if (off == VIRTIO_PCI_COMMON_STATUS && !v)
		all_down(w);
	else if (off == VIRTIO_PCI_COMMON_GFSELECT)
		w->feature_select = v;
	else if (off == VIRTIO_PCI_COMMON_GF && w->feature_select < 2)
		set_half(&w->accepted, w->feature_select, 4, v);
	else if (off == VIRTIO_PCI_COMMON_Q_SELECT)
		w->select = v;
	else if (q && off == VIRTIO_PCI_COMMON_Q_SIZE)
		q->size = v;
	else if (q && off >= VIRTIO_PCI_COMMON_Q_DESCLO && off <= VIRTIO_PCI_COMMON_Q_USEDHI)
		set_half(&q->area[(off - VIRTIO_PCI_COMMON_Q_DESCLO) / 8], off & 4, width, v);
	else if (q && off == VIRTIO_PCI_COMMON_Q_ENABLE && v)
		up(w, q, false);
	else if (q && off == VIRTIO_PCI_COMMON_Q_RESET && v)
		down(q);
}

static void legacy_write(struct qemu_snoop *w, uint32_t off, uint64_t v)
{
	struct watched *q = w->select < w->d->num_queues ? &w->queue[w->select] : NULL;

	if (off == VIRTIO_PCI_STATUS && !v) {
		all_down(w);
	} else if (off == VIRTIO_PCI_GUEST_FEATURES) {
		w->accepted = v;
	} else if (off == VIRTIO_PCI_QUEUE_SEL) {
		w->select = v;
	} else if (q && off == VIRTIO_PCI_QUEUE_PFN) { /* 2.7.2: one page-aligned block */
		uint64_t used;

		q->size = w->d->queue_size[w->select];
		q->area[0] = v * LEGACY_PAGE;
		q->area[1] = q->area[0] + 16ull * q->size;
		used = q->area[1] + 6 + 2ull * q->size;
		q->area[2] = (used + LEGACY_PAGE - 1) / LEGACY_PAGE * LEGACY_PAGE;
		if (v)
			up(w, q, true);
		else
			down(q);
	}
}

void qemu_snoop_reg(struct qemu_snoop *w, unsigned region, unsigned op, unsigned width,
		    uint32_t off, uint64_t value)
{
	bool legacy = region == VQT_REGION_LEGACY;

	if (!w)
		return;
	emu_tap_reg(w->tap, region, op, width, legacy ? VQT_REG_PIO : 0, off, value);
	if (op == VQT_WRITE && region == VQT_REGION_COMMON)
		common_write(w, off, width, value);
	else if (op == VQT_WRITE && legacy)
		legacy_write(w, off, value);
}

void qemu_snoop_kick(struct qemu_snoop *w, const struct replay_kick *k)
{
	struct watched *q = w && k->queue < w->d->num_queues ? &w->queue[k->queue] : NULL;

	if (!q || !q->up)
		return;
	see_used(w, k->queue, q);
	if (!k->nudge)
		emu_tap_kick(w->tap, k->queue, &q->ring, k->value,
			     k->legacy ? VQT_KICK_LEGACY : VQT_KICK_MMIO, k->width);
	if (q->up)
		take(w, k->queue, q);
}

void qemu_snoop_config(struct qemu_snoop *w)
{
	if (w)
		emu_tap_lifecycle(w->tap, VQT_LIFECYCLE_CONFIG_CHANGE, VQT_NO_QUEUE, 0, 0, 0, NULL);
}

void qemu_snoop_irq(struct qemu_snoop *w, const struct replay_irq *irq)
{
	if (w)
		emu_tap_irq(w->tap, VQT_NO_QUEUE, irq->kind, irq->vector, irq->level);
}

/* --- life -------------------------------------------------------------------------------------- */

void qemu_snoop_free(struct qemu_snoop *w)
{
	if (!w)
		return;
	for (unsigned i = 0; w->queue && i < w->d->num_queues; i++) {
		down(&w->queue[i]);
		if (w->queue[i].made)
			emu_ring_fini(&w->queue[i].ring);
	}
	free(w->queue);
	emu_mem_free(w->mem);
	emu_tap_free(w->tap);
	free(w);
}

/* Guest memory as the device sees it. */
static int add_memory(struct qemu_snoop *w, struct replay_target *t)
{
	const struct {
		uint64_t first, end;
	} parts[] = { { 0, 0xa0000 },
		      { 0xc0000, t->ram_low },
		      { 1ull << 32, (1ull << 32) + (t->ram_size - t->ram_low) } };
	int rc = 0;

	for (unsigned i = 0; i < 3 && !rc; i++)
		if (parts[i].end > parts[i].first)
			rc = emu_mem_add(
				w->mem, parts[i].first, parts[i].end - parts[i].first,
				qemu_ram_at(t, parts[i].first, parts[i].end - parts[i].first),
				EMU_MEM_READ | EMU_MEM_WRITE);
	return rc;
}

int qemu_snoop_new(struct qemu_snoop **out, struct replay_target *t,
		   const struct replay_target_config *cfg)
{
	struct emu_tap_config tap = { .emit = cfg->emit,
				      .now = cfg->now,
				      .opaque = cfg->opaque,
				      .snaplen = cfg->snaplen,
				      .device = cfg->device->id,
				      .source = cfg->source,
				      .kind = VQT_SRC_REPLAY };
	struct qemu_snoop *w = calloc(1, sizeof(*w));
	char name[80];

	if (!w)
		return -ENOMEM;
	w->d = cfg->device;
	w->tap = emu_tap_new(&tap);
	w->mem = emu_mem_new();
	w->queue = calloc(w->d->num_queues + 1u, sizeof(*w->queue));
	if (!w->tap || !w->mem || !w->queue || add_memory(w, t)) {
		qemu_snoop_free(w);
		return -ENOMEM;
	}
	all_down(w);
	snprintf(name, sizeof(name), "replay against %s", t->version);
	emu_tap_source(w->tap, name, 0);
	emu_tap_device(w->tap, w->d->virtio_id, VQT_TRANSPORT_PCI,
		       qemu_legacy(w->d) ? VQT_DEV_TRANSITIONAL : 0, w->d->bdf, w->d->num_queues,
		       w->d->user_id, t->class->type);
	/* Whoever replays that knows that it begins where the device does. */
	if (!w->d->late)
		emu_tap_lifecycle(w->tap, VQT_LIFECYCLE_BUS_PLUGGED, VQT_NO_QUEUE, 0, 0, 0, NULL);
	*out = w;
	return 0;
}
