/* SPDX-License-Identifier: MIT */
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <string.h>

#include "bpf/look/queue.h"
#include "bpf/process/state.h"
#include "decoder/trace/record.h"
#include "decoder/util/virtqueue.h"

#define READINGS 3 /* attempts to get two equal readings */
#define PACKED_MAX 1024 /* entries of a packed ring that are looked at */

/* The words of both sides, 2.7.6, 2.7.8, 2.8.10. */
struct words {
	uint16_t avail_flags, avail_idx, used_flags, used_idx, used_event, avail_event;
};

struct reading {
	uint8_t vq[VQP_VQ_BYTES];
	struct words w;
};

static bool has(const struct queue_device *d, unsigned bit)
{
	return d->features >> bit & 1;
}

static bool read_words(const struct process_memory *m, const struct queue_device *d, uint32_t num,
		       const uint64_t area[VRING_AREAS], struct words *w)
{
	struct iovec range[4] = {
		{ (void *)area[VRING_DRIVER], 4 },
		{ (void *)area[VRING_DEVICE], 4 },
		{ (void *)(area[VRING_DRIVER] + virtq_used_event_at(num)), 2 },
		{ (void *)(area[VRING_DEVICE] + virtq_avail_event_at(num)), 2 },
	};
	bool events = !has(d, VIRTIO_F_RING_PACKED) && has(d, VIRTIO_RING_F_EVENT_IDX);

	memset(w, 0, sizeof(*w));
	return process_mem_ranges(m, range, events ? 4 : 2, w);
}

static bool read_once(struct machine *m, const struct queue_device *d, uint64_t vq,
		      struct queue_look *l, struct reading *r)
{
	const struct vqp_proc *o = &m->q->layout;
	uint32_t num;

	if (!process_mem_all(&m->mem, vq, r->vq, sizeof(r->vq)))
		return false;
	num = get_le32(r->vq + o->vq_num);
	l->size = (uint16_t)num;
	l->gpa[VRING_DESC] = get_le64(r->vq + o->vq_desc);
	l->gpa[VRING_DRIVER] = get_le64(r->vq + o->vq_avail);
	l->gpa[VRING_DEVICE] = get_le64(r->vq + o->vq_used_addr);
	return num && num <= 32768 && l->gpa[VRING_DESC] &&
	       vring_areas(&m->mem, get_le64(r->vq + o->vq_caches), num,
			   has(d, VIRTIO_F_RING_PACKED), l->host) &&
	       read_words(&m->mem, d, num, l->host, &r->w);
}

/* --- positions ------------------------------------------------------------------- */

/* How far a split index is ahead of another; -1: no ring of this size can be so. */
static int32_t ahead(uint16_t to, uint16_t from, uint16_t size)
{
	uint16_t n = (uint16_t)(to - from);

	return n <= size ? n : -1;
}

/*
 * Chains that the driver asked to be told of and has not taken: it writes used_event when it
 * has taken all before.  A value that no such position can have says that it does not want
 * to be told; Linux writes 0 for that, which may be a position, too.
 */
static int32_t unreaped_split(const struct queue_device *d, const struct words *w, uint16_t size)
{
	int32_t behind = ahead(w->used_idx, w->used_event, size);

	if (!has(d, VIRTIO_RING_F_EVENT_IDX))
		return w->avail_flags & VRING_AVAIL_F_NO_INTERRUPT ? 0 : -1;
	if (!behind || ahead(w->used_event, w->used_idx, size) > 0)
		return 0;
	return behind < 0 || ahead(w->avail_idx, w->used_event, size) < 0 ? 0
	       : w->used_event == 0					  ? -1
									  : behind;
}

static void look_split(const struct machine *m, const struct queue_device *d,
		       const struct reading *r, struct queue_look *l)
{
	const struct vqp_proc *o = &m->q->layout;
	const struct words *w = &r->w;
	struct stuck_facts *f = &l->f;
	bool elsewhere = d->elsewhere;

	l->avail = w->avail_idx;
	l->popped = get_le16(r->vq + o->vq_last);
	l->used = w->used_idx;
	l->used_event = w->used_event;
	/* Whoever writes the used ring keeps its own position: QEMU does not if they differ. */
	if (o->vq_used != VQP_UNKNOWN && get_le16(r->vq + o->vq_used) != w->used_idx)
		elsewhere = true;
	f->elsewhere = elsewhere;
	if (elsewhere) {
		l->popped = l->used;
		f->waiting = 0;
		f->flight = ahead(l->avail, l->used, l->size);
	} else {
		f->waiting = ahead(l->avail, l->popped, l->size);
		f->flight = ahead(l->popped, l->used, l->size);
	}
	f->unreaped = unreaped_split(d, w, l->size);
	if (f->waiting > 0 && has(d, VIRTIO_RING_F_EVENT_IDX))
		f->kick_wanted = (uint16_t)(l->avail - w->avail_event - 1) < f->waiting ? STUCK_YES
											: STUCK_NO;
	else if (f->waiting > 0)
		f->kick_wanted = w->used_flags & VRING_USED_F_NO_NOTIFY ? STUCK_NO : STUCK_YES;
}

static bool read_packed(const struct process_memory *m, const struct queue_look *l,
			struct vring_packed_desc desc[PACKED_MAX])
{
	return l->size <= PACKED_MAX &&
	       process_mem_all(m, l->host[VRING_DESC], desc, l->size * sizeof(desc[0]));
}

/* Chains that are available from position `at` on; *after is the position behind them. */
static int32_t count_packed(const struct queue_look *l, const struct vring_packed_desc *desc,
			    uint16_t at, uint16_t *after)
{
	int32_t chains = 0;

	*after = at;
	for (unsigned i = 0; i < l->size; i++) {
		uint16_t flags = desc[virtq_slot(at) % l->size].flags;

		if (!virtq_is_available(flags, virtq_wrap(at)))
			break;
		at = virtq_advance(at, 1, l->size);
		if (flags & VRING_DESC_F_NEXT)
			continue;
		chains++;
		*after = at;
	}
	return chains;
}

/*
 * Who serves the ring keeps its positions.  But a driver that wants to be told of the next
 * used entry names its position: from there on the ring shows what was used, then what is
 * available.  Behind it a slot that still looks available is the rest of a chain, or it is
 * outstanding because the driver named a later position: then the number is unknown.
 */
static void look_packed_elsewhere(const struct machine *m, const struct words *w,
				  struct queue_look *l)
{
	struct vring_packed_desc desc[PACKED_MAX];
	struct stuck_facts *f = &l->f;
	uint16_t at = w->avail_flags; /* off_wrap; flags follow */
	bool unclear = false;

	l->used_event = at;
	if (w->avail_idx != VRING_PACKED_EVENT_FLAG_DESC || virtq_slot(at) >= l->size ||
	    !read_packed(&m->mem, l, desc))
		return;
	f->waiting = f->unreaped = 0;
	while (f->unreaped < l->size && virtq_is_used(desc[virtq_slot(at)].flags, virtq_wrap(at))) {
		at = virtq_advance(at, 1, l->size);
		f->unreaped++;
	}
	l->popped = l->used = at;
	f->flight = count_packed(l, desc, at, &l->avail);
	at = l->avail;
	for (uint32_t n = virtq_slots_between(l->used_event, at, l->size); n < l->size; n++) {
		unclear |= virtq_is_available(desc[virtq_slot(at)].flags, !virtq_wrap(at));
		at = virtq_advance(at, 1, l->size);
	}
	if (f->unreaped || unclear)
		f->flight = -1;
}

static void look_packed(const struct machine *m, const struct queue_device *d,
			const struct reading *r, struct queue_look *l)
{
	const struct vqp_proc *o = &m->q->layout;
	struct vring_packed_desc desc[PACKED_MAX];
	struct stuck_facts *f = &l->f;
	uint32_t event, to;

	f->elsewhere = d->elsewhere;
	if (d->elsewhere) {
		look_packed_elsewhere(m, &r->w, l);
		return;
	}
	if (o->vq_last_wrap == VQP_UNKNOWN || o->vq_used == VQP_UNKNOWN ||
	    o->vq_used_wrap == VQP_UNKNOWN || get_le16(r->vq + o->vq_last) >= l->size)
		return;
	l->popped = virtq_position(get_le16(r->vq + o->vq_last), r->vq[o->vq_last_wrap] & 1);
	l->used = virtq_position(get_le16(r->vq + o->vq_used), r->vq[o->vq_used_wrap] & 1);
	/* Each area begins with off_wrap, then flags. */
	l->used_event = r->w.avail_flags;
	l->avail = l->popped;
	if (read_packed(&m->mem, l, desc))
		f->waiting = count_packed(l, desc, l->popped, &l->avail);
	/* QEMU counts the chains; the positions count descriptors. */
	f->flight = o->vq_inuse == VQP_UNKNOWN ? -1 : (int32_t)get_le32(r->vq + o->vq_inuse);
	if (f->flight > l->size)
		f->flight = -1;
	f->unreaped =
		stuck_unreaped_packed(r->w.avail_idx, l->used_event, l->used, l->avail, l->size);
	if (f->waiting <= 0)
		return;
	switch (r->w.used_idx) {
	case VRING_PACKED_EVENT_FLAG_DISABLE: f->kick_wanted = STUCK_NO; break;
	case VRING_PACKED_EVENT_FLAG_ENABLE: f->kick_wanted = STUCK_YES; break;
	case VRING_PACKED_EVENT_FLAG_DESC:
		event = virtq_slots_between(l->popped, r->w.used_flags, l->size);
		to = virtq_slots_between(l->popped, l->avail, l->size);
		f->kick_wanted = event < to ? STUCK_YES : STUCK_NO;
		break;
	}
}

/* --- kick and interrupt ------------------------------------------------------------ */

/* struct EventNotifier { int rfd, wfd; bool initialized; }: does it hold a count? */
static enum stuck_fact held(struct machine *m, const uint8_t *n, int *fd)
{
	int rfd = (int)get_le32(n), count;

	if (rfd < 0 || rfd != (int)get_le32(n + 4) || n[8] != 1)
		return STUCK_UNKNOWN;
	count = process_eventfd(&m->foreign, rfd);
	*fd = count < 0 ? 0 : rfd;
	return count < 0 ? STUCK_UNKNOWN : count ? STUCK_YES : STUCK_NO;
}

static void look_msix(struct machine *m, const struct queue_device *d, struct queue_look *l)
{
	uint64_t pointer[2]; /* msix_table, msix_pba */
	struct stuck_facts *f = &l->f;
	uint8_t byte;

	if (m->msix_table == VQP_UNKNOWN || l->vector >= 2048 ||
	    !process_mem_all(&m->mem, d->proxy + m->msix_table, pointer, sizeof(pointer)))
		return;
	if (process_mem_all(&m->mem, d->proxy + m->msix_masked, &byte, 1) && byte <= 1)
		f->function_masked = byte ? STUCK_YES : STUCK_NO;
	if (process_mem_all(&m->mem, pointer[0] + l->vector * 16U + 12, &byte, 1))
		f->vector_masked = byte & 1 ? STUCK_YES : STUCK_NO;
	if (process_mem_all(&m->mem, pointer[1] + l->vector / 8, &byte, 1))
		f->pending = byte >> l->vector % 8 & 1 ? STUCK_YES : STUCK_NO;
}

/* PCI 6.8.2: is MSI-X enabled? */
static bool msix_enabled(const uint8_t c[256])
{
	unsigned at = c[0x06] & 0x10 ? c[0x34] & 0xfc : 0;

	for (unsigned n = 0; at >= 0x40 && at <= 0xfc && n < 48; n++, at = c[at + 1] & 0xfc)
		if (c[at] == 0x11)
			return c[at + 3] >> 7;
	return false;
}

static void look_interrupt(struct machine *m, const struct queue_device *d, const struct reading *r,
			   struct queue_look *l)
{
	const struct vqp_proc *o = &m->q->layout;
	struct stuck_facts *f = &l->f;
	uint8_t c[256];
	bool pci = d->pci && d->pci_config && process_mem_all(&m->mem, d->pci_config, c, sizeof(c));

	l->vector = VQT_NO_VECTOR;
	if (o->vq_vector != VQP_UNKNOWN)
		l->vector = get_le16(r->vq + o->vq_vector);
	if (pci && msix_enabled(c)) {
		f->path = l->vector == VQT_NO_VECTOR ? STUCK_PATH_NONE : STUCK_PATH_MSIX;
		if (f->path == STUCK_PATH_MSIX)
			look_msix(m, d, l);
		/* guest_notifier lies in front of host_notifier */
		if (o->vq_notifier != VQP_UNKNOWN && o->vq_notifier >= 12)
			f->irq_held = held(m, r->vq + o->vq_notifier - 12, &f->irq_fd);
	} else if (pci || d->mmio) {
		f->path = STUCK_PATH_INTX;
		if (pci)
			f->intx_disabled = c[0x05] & 0x04 ? STUCK_YES : STUCK_NO;
		if (d->isr_known)
			f->intx_asserted = d->isr & 1 ? STUCK_YES : STUCK_NO;
	}
	/* With EVENT_IDX the device remembers up to where it has decided on interrupts. */
	if (m->vq_signalled != VQP_UNKNOWN && has(d, VIRTIO_RING_F_EVENT_IDX) && !f->elsewhere &&
	    r->vq[m->vq_signalled + 2] == 1)
		f->irq_raised = get_le16(r->vq + m->vq_signalled) == get_le16(r->vq + o->vq_used)
					? STUCK_YES
					: STUCK_NO;
}

/* --- a look --------------------------------------------------------------------------- */

void queue_look(struct machine *m, const struct queue_device *d, uint64_t vq, struct queue_look *l)
{
	const struct vqp_proc *o = &m->q->layout;
	struct reading before, after;

	memset(l, 0, sizeof(*l));
	l->f.waiting = l->f.flight = l->f.unreaped = l->f.unpublished = -1;
	l->f.packed = has(d, VIRTIO_F_RING_PACKED);
	for (unsigned i = 0; i < READINGS; i++) {
		memset(&before, 0, sizeof(before));
		memset(&after, 0, sizeof(after));
		if (!read_once(m, d, vq, l, &before))
			return;
		if (o->vq_notifier != VQP_UNKNOWN && before.vq[o->vq_notifier + 12] == 1)
			l->f.kick_pending = held(m, before.vq + o->vq_notifier, &l->f.kick_fd);
		if (!read_once(m, d, vq, l, &after))
			return;
		l->unstable = memcmp(&before, &after, sizeof(before)) != 0;
		if (!l->unstable)
			break;
	}
	l->read = true;
	if (l->f.packed)
		look_packed(m, d, &after, l);
	else
		look_split(m, d, &after, l);
	look_interrupt(m, d, &after, l);
}

bool queue_moved(const struct queue_look *a, const struct queue_look *b)
{
	const struct stuck_facts *f = &a->f, *g = &b->f;

	return a->unstable || b->unstable || a->avail != b->avail || a->popped != b->popped ||
	       a->used != b->used || a->used_event != b->used_event || a->vector != b->vector ||
	       f->kick_pending != g->kick_pending || f->kick_wanted != g->kick_wanted ||
	       f->irq_raised != g->irq_raised || f->irq_held != g->irq_held ||
	       f->function_masked != g->function_masked || f->vector_masked != g->vector_masked ||
	       f->pending != g->pending || f->intx_asserted != g->intx_asserted ||
	       f->intx_disabled != g->intx_disabled;
}

uint32_t queue_completed(const struct queue_look *a, const struct queue_look *b)
{
	return b->f.packed ? virtq_slots_between(a->used, b->used, b->size)
			   : (uint16_t)(b->used - a->used);
}
