/* SPDX-License-Identifier: MIT */
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <string.h>

#include "bpf/look/requests.h"
#include "bpf/qemu/guest.h"
#include "decoder/class/class.h"
#include "decoder/source/flight.h"
#include "decoder/util/virtqueue.h"

static bool has(const struct look_device *d, unsigned bit)
{
	return d->q.features >> bit & 1;
}

static void describe(const struct look_device *d, unsigned queue, const struct ring_reader *r,
		     const struct ring_chain *c, char *buf, size_t len)
{
	const struct class *class = class_find(d->virtio_id);
	const uint64_t accepted[2] = { d->q.features, 0 };
	struct class_request io = { .accepted = accepted, .queue = (uint16_t)queue };

	for (uint32_t i = 0; i < c->ndesc; i++) {
		const struct vqt_desc *e = &c->desc[i];
		uint32_t room = CLASS_HEAD_BYTES - io.head_len;

		if (e->flags & VRING_DESC_F_INDIRECT)
			continue;
		if (e->flags & VRING_DESC_F_WRITE) {
			io.writable += e->len;
			continue;
		}
		io.readable += e->len;
		room = e->len < room ? e->len : room;
		if (!room ||
		    r->mem->read(r->mem->opaque, e->addr, io.head_bytes + io.head_len, room) < 0)
			continue;
		io.head_len += room;
	}
	class_parse(class, &io);
	class_describe(class, &io, buf, len);
}

static void find(struct look *l, const struct look_device *d, unsigned queue)
{
	const struct look_queue *q = &d->queue[queue];
	struct stuck_row *row = &d->row[queue];
	struct guest_memory g = { .m = &l->m.mem, .areas_only = has(d, VIRTIO_F_ACCESS_PLATFORM) };
	const struct ring_memory mem = { .read = guest_read, .opaque = &g };
	struct ring_reader r = {
		.mem = &mem,
		.size = q->last.size,
		.packed = q->last.f.packed,
		.indirect = has(d, VIRTIO_RING_F_INDIRECT_DESC),
		.event_idx = has(d, VIRTIO_RING_F_EVENT_IDX),
		.in_order = has(d, VIRTIO_F_IN_ORDER),
		.area = { q->last.gpa[VRING_DESC], q->last.gpa[VRING_DRIVER],
			  q->last.gpa[VRING_DEVICE] },
		.avail = q->last.popped,
		.used = q->last.used,
	};
	struct ring_flight flight = { 0 };

	for (unsigned i = 0; i < RING_AREAS; i++)
		guest_learn(&g, q->last.gpa[i], q->last.host[i], ring_area_len(&r, i));
	/* Of a device that is elsewhere all that is available and not used is shown. */
	if (row->facts.elsewhere)
		r.avail = q->last.avail;
	if (ring_flight_find(&flight, &r))
		return;
	if (flight.exact && !row->facts.elsewhere)
		row->facts.flight = (int32_t)flight.number;
	for (uint32_t i = 0; i < flight.n && row->nrequests < STUCK_REQUESTS; i++) {
		struct stuck_request *to = &row->request[row->nrequests++];
		struct ring_chain c = { 0 };

		to->head = flight.chain[i].head;
		to->sure = flight.chain[i].sure;
		/* behind an IOMMU the addresses of buffers are not those of memory */
		if (!has(d, VIRTIO_F_ACCESS_PLATFORM) &&
		    !ring_flight_read(&r, &flight.chain[i], &c))
			describe(d, queue, &r, &c, to->text, sizeof(to->text));
		ring_chain_fini(&c);
	}
	ring_flight_fini(&flight);
}

void look_requests(struct look *l, struct look_device *d, unsigned queue)
{
	const struct stuck_row *row = &d->row[queue];

	if (row->facts.flight > 0 && !row->facts.posted && d->queue[queue].last.read &&
	    (row->verdict == STUCK_SLOW || stuck_is(row->verdict)))
		find(l, d, queue);
}
