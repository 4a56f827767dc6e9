/* SPDX-License-Identifier: MIT */
/* The in-process driver's side of the rings: 2.7.13 to 2.7.14, 2.8.20 to 2.8.22. */
#include <errno.h>
#include <string.h>

#include "decoder/trace/event.h"
#include "decoder/trace/record.h"
#include "decoder/spec/constants.h"
#include "decoder/util/virtqueue.h"
#include "emu/driver/driver.h"

static void put16(void *p, uint16_t v)
{
	memcpy(p, &v, sizeof(v));
}

static void put_split(uint8_t *p, const struct emu_seg *s, uint16_t flags, uint16_t next)
{
	struct vqt_desc d = { .addr = s->gpa, .len = s->len, .flags = flags, .next = next };
	memcpy(p, &d, sizeof(d));
}

static void put_packed(uint8_t *p, const struct emu_seg *s, uint16_t flags, uint16_t id)
{
	struct vqt_desc d = { .addr = s->gpa, .len = s->len, .flags = id, .next = flags };
	memcpy(p, &d, sizeof(d)); /* id precedes flags: 2.8.13 */
}

static uint16_t take_free(struct emu_driver_queue *q)
{
	uint16_t i = q->free[q->free_head];
	q->free_head = (q->free_head + 1) % q->size;
	q->free_count--;
	return i;
}

static void give_free(struct emu_driver_queue *q, uint16_t i)
{
	q->free[(q->free_head + q->free_count) % q->size] = i;
	q->free_count++;
}

/* The table of a slot, with room for n entries. */
static uint64_t table_of(struct emu_driver *d, struct emu_driver_slot *s, unsigned n)
{
	if (s->table_cap < n) {
		s->table = emu_driver_alloc(d, virtq_desc_at(n), 16);
		s->table_cap = s->table ? n : 0;
	}
	return s->table;
}

static int write_table(struct emu_driver *d, struct emu_driver_queue *q, uint16_t id,
		       const struct emu_seg *seg, unsigned n, struct emu_seg *one)
{
	uint64_t table = table_of(d, &q->slot[id], n);
	if (!table)
		return -ENOMEM;
	uint8_t *p = emu_driver_ptr(d, table);
	for (unsigned i = 0; i < n; i++) {
		uint16_t flags = seg[i].writable ? VRING_DESC_F_WRITE : 0;
		if (q->packed)
			put_packed(p + virtq_desc_at(i), &seg[i], flags, 0);
		else
			put_split(p + virtq_desc_at(i), &seg[i],
				  flags | (i + 1 < n ? VRING_DESC_F_NEXT : 0),
				  i + 1 < n ? i + 1 : 0);
	}
	*one = (struct emu_seg){ .gpa = table, .len = virtq_desc_at(n) };
	return 0;
}

static int add_split(struct emu_driver *d, struct emu_driver_queue *q, const struct emu_seg *seg,
		     unsigned n, uint16_t extra)
{
	uint16_t head = q->free[q->free_head];
	for (unsigned i = 0; i < n; i++) {
		uint16_t at = take_free(q), flags = extra;
		flags |= seg[i].writable ? VRING_DESC_F_WRITE : 0;
		flags |= i + 1 < n ? VRING_DESC_F_NEXT : 0;
		q->slot[at].next = i + 1 < n ? q->free[q->free_head] : 0;
		put_split(q->p_desc + virtq_desc_at(at), &seg[i], flags, q->slot[at].next);
	}
	put16(q->p_driver + virtq_avail_at(q->avail % q->size), head);
	q->avail++;
	__atomic_store_n((uint16_t *)(void *)(q->p_driver + VIRTQ_RING_IDX), q->avail,
			 __ATOMIC_RELEASE);
	return head;
}

static int add_packed(struct emu_driver *d, struct emu_driver_queue *q, const struct emu_seg *seg,
		      unsigned n, uint16_t extra)
{
	uint16_t id = take_free(q), first = virtq_slot(q->avail), first_flags = 0;
	for (unsigned i = 0; i < n; i++) {
		uint16_t flags = extra | virtq_available_flags(virtq_wrap(q->avail));
		flags |= seg[i].writable ? VRING_DESC_F_WRITE : 0;
		flags |= i + 1 < n ? VRING_DESC_F_NEXT : 0;
		uint8_t *p = q->p_desc + virtq_desc_at(virtq_slot(q->avail));
		if (i == 0) { /* 2.8.21: made available last */
			first_flags = flags;
			flags = get_le16(p + VIRTQ_PACKED_FLAGS);
		}
		put_packed(p, &seg[i], flags, id);
		q->avail = virtq_advance(q->avail, 1, q->size);
	}
	__atomic_store_n(
		(uint16_t *)(void *)(q->p_desc + virtq_desc_at(first) + VIRTQ_PACKED_FLAGS),
		first_flags, __ATOMIC_RELEASE);
	q->free_desc -= n;
	return id;
}

int emu_driver_add(struct emu_driver *d, struct emu_driver_queue *q, const struct emu_seg *seg,
		   unsigned n, bool indirect, uint64_t cookie)
{
	struct emu_seg one;
	unsigned need = indirect ? 1 : n;
	uint16_t extra = 0;
	if (!q->free_count || (q->packed ? q->free_desc : q->free_count) < need)
		return -ENOSPC;
	if (indirect) {
		int ret = write_table(d, q, q->free[q->free_head], seg, n, &one);
		if (ret < 0)
			return ret;
		seg = &one;
		extra = VRING_DESC_F_INDIRECT;
	}
	int id = q->packed ? add_packed(d, q, seg, need, extra) : add_split(d, q, seg, need, extra);
	q->slot[id].cookie = cookie;
	q->slot[id].ndesc = need;
	q->slot[id].busy = true;
	q->added += q->packed ? need : 1;
	return id;
}

/* --- notifications ------------------------------------------------------------------- */

void emu_driver_kick_now(struct emu_driver *d, struct emu_driver_queue *q)
{
	static const struct emu_place bar0;
	uint32_t value = q->notify_value;
	q->added = 0;
	q->kicked = q->avail;
	d->kicks++;
	if (d->opt.legacy) {
		emu_driver_write(d, &bar0, VIRTIO_PCI_QUEUE_NOTIFY, 2, value);
		return;
	}
	if (!emu_driver_has(d, VIRTIO_F_NOTIFICATION_DATA)) {
		emu_driver_write(d, &d->notify, q->notify_off, 2, value);
		return;
	}
	emu_driver_write(d, &d->notify, q->notify_off, 4,
			 value | (uint32_t)q->avail << 16); /* 2.9 */
}

static bool wants_kick(struct emu_driver_queue *q)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (!q->packed) {
		if (!q->event_idx)
			return !(get_le16(q->p_device) & VRING_USED_F_NO_NOTIFY);
		uint16_t event = get_le16(q->p_device + virtq_avail_event_at(q->size));
		return virtq_need_event(event, q->avail, q->kicked);
	}
	uint16_t flags = get_le16(q->p_device + VIRTQ_EVENT_FLAGS) & VIRTQ_EVENT_FLAGS_MASK;
	uint16_t event = get_le16(q->p_device + VIRTQ_EVENT_POS);
	if (flags != VRING_PACKED_EVENT_FLAG_DESC)
		return flags == VRING_PACKED_EVENT_FLAG_ENABLE;
	return virtq_packed_need_event(event, q->avail, q->added, q->size);
}

bool emu_driver_kick(struct emu_driver *d, struct emu_driver_queue *q)
{
	if (!q->added)
		return false;
	if (wants_kick(q)) {
		emu_driver_kick_now(d, q);
		return true;
	}
	q->kicked = q->avail;
	q->added = 0;
	return false;
}

void emu_driver_interrupts(struct emu_driver *d, struct emu_driver_queue *q, bool on)
{
	q->no_interrupts = !on;
	if (!q->packed) {
		if (q->event_idx) /* as far away as can be, or the next one */
			put16(q->p_driver + virtq_used_event_at(q->size),
			      on ? q->used : q->used - 1);
		else
			put16(q->p_driver, on ? 0 : VRING_AVAIL_F_NO_INTERRUPT);
	} else {
		put16(q->p_driver + VIRTQ_EVENT_POS, q->used);
		put16(q->p_driver + VIRTQ_EVENT_FLAGS, !on ? VRING_PACKED_EVENT_FLAG_DISABLE
						       : q->event_idx
							       ? VRING_PACKED_EVENT_FLAG_DESC
							       : VRING_PACKED_EVENT_FLAG_ENABLE);
	}
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

/* --- taking back ------------------------------------------------------------------------ */

static void release(struct emu_driver_queue *q, uint16_t id)
{
	struct emu_driver_slot *s = &q->slot[id];
	s->busy = false;
	if (q->packed) {
		q->free_desc += s->ndesc;
		give_free(q, id);
		return;
	}
	/* as remembered: a device may have written to the table */
	for (uint16_t i = 0, at = id; i < s->ndesc; i++) {
		give_free(q, at);
		at = q->slot[at].next;
	}
}

/* The next used element: 1, or 0. */
static int next_used(struct emu_driver_queue *q, uint32_t *id, uint32_t *len)
{
	if (!q->packed) {
		uint16_t idx = __atomic_load_n((uint16_t *)(void *)(q->p_device + VIRTQ_RING_IDX),
					       __ATOMIC_ACQUIRE);
		if (idx == q->used)
			return 0;
		*id = get_le32(q->p_device + virtq_used_at(q->used % q->size));
		*len = get_le32(q->p_device + virtq_used_at(q->used % q->size) + 4);
		return 1;
	}
	const uint8_t *p = q->p_desc + virtq_desc_at(virtq_slot(q->used));
	uint16_t flags = __atomic_load_n((const uint16_t *)(const void *)(p + VIRTQ_PACKED_FLAGS),
					 __ATOMIC_ACQUIRE);
	if (!virtq_is_used(flags, virtq_wrap(q->used)))
		return 0;
	*id = get_le16(p + VIRTQ_PACKED_ID);
	*len = flags & VRING_DESC_F_WRITE ? get_le32(p + 8) : 0;
	return 1;
}

int emu_driver_get(struct emu_driver *d, struct emu_driver_queue *q, uint64_t *cookie,
		   uint32_t *len)
{
	uint32_t id;
	if (!next_used(q, &id, len))
		return 0;
	if (id >= q->size || !q->slot[id].busy) {
		d->why = "the device used an id that is not in flight";
		return -EPROTO;
	}
	*cookie = q->slot[id].cookie;
	q->used = virtq_after(q->used, q->slot[id].ndesc, q->size, q->packed);
	release(q, id);
	if (!q->no_interrupts && q->event_idx) /* 2.7.7.1: keep asking for the next */
		emu_driver_interrupts(d, q, true);
	return 1;
}
