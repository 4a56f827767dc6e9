/* SPDX-License-Identifier: MIT */
/*
 * The state of a device and its queues when the capture began: from QEMU's memory where
 * the offsets are known, else from QMP.
 */
#include <linux/virtio_config.h>
#include <stdio.h>
#include <string.h>

#include "bpf/device/flight.h"
#include "bpf/device/state.h"
#include "bpf/session/emit.h"
#include "decoder/util/virtqueue.h"

struct state {
	struct vqt_device_state s;
	uint8_t config[256];
};

const struct query_device *state_answer(const struct device *d)
{
	return d->gone ? NULL : query_find(&d->target->qmp, d->who.path);
}

/* PCI 6.8.2: the Enable bit of the MSI-X capability, in QEMU's configuration space. */
static void msix_from_memory(const struct device *d, struct state *r)
{
	uint8_t c[256];
	unsigned at;

	if (!d->who.pci_config ||
	    !process_mem_all(&d->target->mem, d->who.pci_config, c, sizeof(c)))
		return;
	r->s.known |= VQT_KNOWN_MSIX;
	at = c[0x06] & 0x10 ? c[0x34] & 0xfc : 0; /* is there a list of capabilities */
	for (unsigned n = 0; at >= 0x40 && at <= 0xfc && n < 48; n++, at = c[at + 1] & 0xfc)
		if (c[at] == 0x11)
			r->s.msix = c[at + 3] >> 7;
}

static void from_memory(const struct device *d, struct state *r)
{
	const struct qemu *q = d->target->q;
	const struct process_memory *m = &d->target->mem;
	uint64_t len = 0;

	if (q->layout.vdev_status != VQP_UNKNOWN &&
	    process_mem_all(m, d->who.vdev + q->layout.vdev_status, &r->s.status, 1))
		r->s.known |= VQT_KNOWN_STATUS;
	if (process_mem_all(m, d->who.vdev + q->layout.vdev_features, &r->s.accepted[0], 8))
		r->s.known |= VQT_KNOWN_ACCEPTED;
	if (q->vdev_host_features != VQP_UNKNOWN &&
	    process_mem_all(m, d->who.vdev + q->vdev_host_features, &r->s.offered[0], 8))
		r->s.known |= VQT_KNOWN_OFFERED;
	/* A driver accepts only what was offered: anything else means that the offsets are wrong. */
	if (r->s.known & VQT_KNOWN_OFFERED && r->s.accepted[0] & ~r->s.offered[0])
		r->s.known &= ~VQT_KNOWN_OFFERED;
	if (q->vdev_config != VQP_UNKNOWN &&
	    process_mem_all(m, d->who.vdev + q->vdev_config_len, &len, 8) && len && len <= 256 &&
	    process_mem_all(m, process_pointer(m, d->who.vdev + q->vdev_config), r->config, len)) {
		r->s.known |= VQT_KNOWN_CONFIG;
		r->s.config_len = (uint16_t)len;
	}
	msix_from_memory(d, r);
}

uint32_t state_in_memory(const struct device *d)
{
	struct state r = {};

	from_memory(d, &r);
	return r.s.known;
}

static void from_qmp(struct device *d, struct state *r)
{
	const struct query_device *m = state_answer(d);
	uint32_t fills = m ? m->known & ~r->s.known : 0;
	char text[200];

	if (!m)
		return;
	if (fills & VQT_KNOWN_STATUS)
		r->s.status = m->status;
	if (fills & VQT_KNOWN_OFFERED)
		memcpy(r->s.offered, m->offered, sizeof(r->s.offered));
	if (fills & VQT_KNOWN_ACCEPTED)
		memcpy(r->s.accepted, m->accepted, sizeof(r->s.accepted));
	r->s.known |= fills;
	/* Offered features do not change while a device runs: both sources must agree. */
	if (m->known & ~fills & VQT_KNOWN_OFFERED && m->offered[0] != r->s.offered[0]) {
		snprintf(
			text, sizeof(text),
			"offered features: QEMU's memory says 0x%llx, QMP 0x%llx; the former is used",
			(unsigned long long)r->s.offered[0], (unsigned long long)m->offered[0]);
		target_note(d->target, d->r.h.device, text);
	}
}

/* The device's positions in its rings; unknown if a vhost back end serves them. */
static void positions(const struct device *d, const uint8_t *vq, bool packed,
		      struct vqt_queue_state *s)
{
	const struct vqp_proc *l = &d->target->q->layout;

	if (d->r.flags & VQT_DEV_DATAPATH_ELSEWHERE || l->vq_last == VQP_UNKNOWN ||
	    l->vq_used == VQP_UNKNOWN ||
	    (packed && (l->vq_last_wrap == VQP_UNKNOWN || l->vq_used_wrap == VQP_UNKNOWN)))
		return;
	memcpy(&s->last_avail, vq + l->vq_last, 2);
	memcpy(&s->used, vq + l->vq_used, 2);
	if (packed) {
		s->last_avail = virtq_position(s->last_avail, vq[l->vq_last_wrap] & 1);
		s->used = virtq_position(s->used, vq[l->vq_used_wrap] & 1);
	}
	s->known |= VQT_KNOWN_INDEX;
}

/* A queue as QEMU keeps it; false when it cannot be read. */
static bool queue_from_memory(const struct device *d, uint64_t vq, bool packed,
			      struct vqt_queue_state *s)
{
	const struct vqp_proc *l = &d->target->q->layout;
	uint8_t b[VQP_VQ_BYTES];
	uint32_t num;

	if (!vq || !process_mem_all(&d->target->mem, vq, b, sizeof(b)))
		return false;
	memcpy(&num, b + l->vq_num, 4);
	memcpy(&s->desc, b + l->vq_desc, 8);
	memcpy(&s->driver, b + l->vq_avail, 8);
	memcpy(&s->device, b + l->vq_used_addr, 8);
	s->size = (uint16_t)num;
	s->known = VQT_KNOWN_SIZE | VQT_KNOWN_ADDR | VQT_KNOWN_ENABLED;
	s->enabled = s->desc != 0;
	if (l->vq_vector != VQP_UNKNOWN) {
		memcpy(&s->vector, b + l->vq_vector, 2);
		s->known |= VQT_KNOWN_VECTOR;
	}
	positions(d, b, packed, s);
	return true;
}

static bool queue_from_qmp(const struct device *d, unsigned n, struct vqt_queue_state *s)
{
	const struct query_device *m = state_answer(d);

	if (!m || n >= m->nqueue || !m->queue[n].known)
		return false;
	s->size = m->queue[n].size;
	s->desc = m->queue[n].desc;
	s->driver = m->queue[n].driver;
	s->device = m->queue[n].device;
	s->enabled = s->desc != 0;
	s->known = VQT_KNOWN_SIZE | VQT_KNOWN_ADDR | VQT_KNOWN_ENABLED;
	return true;
}

static void write_queue(struct device *d, unsigned n, struct vqt_queue_state *s)
{
	target_stamp(d->target, &s->h, VQT_QUEUE_STATE, d->r.h.device);
	s->h.queue = (uint16_t)n;
	target_emit(d->target, s, sizeof(*s));
}

/*
 * Where QEMU stood when it had loaded the device's state, as the BPF programs saw it.  Memory is read
 * later: QEMU may be at work again.  Returns whether it is; then the rings are not those of the
 * positions.
 */
static bool use_positions(const struct device *d, unsigned n, struct vqt_queue_state *s)
{
	const struct position *was =
		d->position && n < VQP_QUEUE_MAX ? &d->position[n] : &(struct position){ 0 };

	if (!was->known || !(s->known & VQT_KNOWN_INDEX) ||
	    (was->last_avail == s->last_avail && was->used == s->used))
		return false;
	s->last_avail = was->last_avail;
	s->used = was->used;
	return true;
}

#define READINGS 4 /* attempts to read a ring while its positions stay the same */

/*
 * A queue in QEMU's memory, and the chains in flight in it.  If the positions change all the
 * time, the device is at work, and only their number is written.
 */
static bool queue_by_memory(struct device *d, unsigned n, uint64_t vq, uint64_t features)
{
	bool packed = features >> VIRTIO_F_RING_PACKED & 1;
	struct vqt_queue_state s = {}, again = {};
	struct flight *f = NULL;
	bool moved_on;

	if (!queue_from_memory(d, vq, packed, &s))
		return false;
	moved_on = use_positions(d, n, &s);
	for (unsigned i = 0; !moved_on && i < READINGS && s.known & VQT_KNOWN_INDEX && s.enabled;
	     i++) {
		f = flight_find(d, n, vq, features, &s);
		if (!f || (queue_from_memory(d, vq, packed, &again) && again.used == s.used &&
			   again.last_avail == s.last_avail))
			break;
		flight_free(f);
		f = NULL;
		s = again;
		moved_on = use_positions(d, n, &s);
	}
	write_queue(d, n, &s);
	flight_write(f);
	flight_free(f);
	return true;
}

void state_write(struct device *d)
{
	const struct vqp_proc *l = &d->target->q->layout;
	struct state r = {};
	uint64_t vq;

	if (d->who.vdev && !d->target->c->o.qmp_only)
		from_memory(d, &r);
	from_qmp(d, &r);
	if (!r.s.known)
		return;
	d->state_known = r.s.known;
	d->state_written = true;
	if (r.s.known & VQT_KNOWN_STATUS)
		d->status = r.s.status;
	target_stamp(d->target, &r.s.h, VQT_DEVICE_STATE, d->r.h.device);
	target_emit(d->target, &r, sizeof(r.s) + r.s.config_len);
	vq = d->who.vdev && !d->target->c->o.qmp_only && l->vdev_vq != VQP_UNKNOWN &&
			     l->vq_size != VQP_UNKNOWN
		     ? process_pointer(&d->target->mem, d->who.vdev + l->vdev_vq)
		     : 0;
	for (unsigned i = 0; i < d->r.queues; i++) {
		struct vqt_queue_state s = {};

		if (queue_by_memory(d, i, vq ? vq + (uint64_t)i * l->vq_size : 0,
				    r.s.known & VQT_KNOWN_ACCEPTED ? r.s.accepted[0] : 0))
			continue;
		if (queue_from_qmp(d, i, &s))
			write_queue(d, i, &s);
	}
}
