/* SPDX-License-Identifier: MIT */
/* Where and how a driver kicks: 2.9, 4.1.4.4, 4.1.5.2. */
#include "decoder/check/impl.h"

static const struct vqt_kick *kick(const struct look *l)
{
	return &l->e->rec->kick;
}

static bool data(const struct look *l)
{
	return accepted(l, F_NOTIFICATION_DATA);
}

static bool config_data(const struct look *l)
{
	return accepted(l, F_NOTIF_CONFIG_DATA);
}

/* Value and width were seen, and features are settled. */
static bool visible(const struct look *l)
{
	return kick(l)->via == VQT_KICK_MMIO && kick(l)->width && modern(l) && negotiated(l);
}

/* arg: 1 with NOTIFICATION_DATA */
static enum verdict width(struct look *l)
{
	unsigned want = l->rule->arg ? 4 : 2;

	if (!visible(l) || data(l) != (l->rule->arg != 0))
		return RULE_NA;
	if (kick(l)->width == want)
		return RULE_HELD;
	return fail(l, "queue %u was kicked by a write of %u bytes", l->q->index, kick(l)->width);
}

/* arg: bit 0 with NOTIFICATION_DATA, bit 1 with NOTIF_CONFIG_DATA */
static enum verdict value(struct look *l)
{
	unsigned low = kick(l)->value & 0xffff, want = l->q->index;

	if (!visible(l) || data(l) != (l->rule->arg & 1) || config_data(l) != (l->rule->arg >> 1))
		return RULE_NA;
	if (config_data(l)) {
		if (!l->q->notify_config_known)
			return RULE_NA;
		want = (unsigned)l->q->notify_config;
	}
	if (low == want)
		return RULE_HELD;
	return fail(l, "queue %u was kicked with %u, not %u", l->q->index, low, want);
}

/* 2.9: next_off and next_wrap say where the driver will go on. */
static enum verdict next(struct look *l)
{
	uint16_t where = (uint16_t)(kick(l)->value >> 16);
	const struct vqt_ring *r = &kick(l)->ring;

	if (!visible(l) || !data(l) || !l->queue->size_known || !l->queue->size)
		return RULE_NA;
	if (l->queue->packed) {
		if ((where & 0x7fff) < l->queue->size)
			return RULE_HELD;
		return fail(l, "the kick says next_off %u in a ring of %u", where & 0x7fff,
			    l->queue->size);
	}
	if (!(r->known & VQT_RING_AVAIL_IDX))
		return RULE_NA;
	if ((int16_t)(where - r->avail_idx) <= 0 &&
	    (uint16_t)(r->avail_idx - where) <= l->queue->size)
		return RULE_HELD;
	return fail(l, "the kick says available index %u and avail.idx is %u", where, r->avail_idx);
}

/* Where a queue is kicked, from the start of the notification structure: 4.1.4.4. False: not known. */
static bool place(const struct look *l, const struct model_queue *q, uint64_t *offset)
{
	uint32_t multiplier = 0;
	bool known = !q->notify_off;
	unsigned cap;

	for (unsigned i = 0; !known && (cap = model_pci_cap(l->dev, PCI_CAP_ID_VNDR, i)); i++)
		known = l->dev->pci[cap + 3] == VIRTIO_PCI_CAP_NOTIFY_CFG && cap < 240 &&
			check_pci(l->dev, cap + 16, 4, &multiplier);
	*offset = (uint64_t)q->notify_off * multiplier;
	return known;
}

/*
 * A write the device has no queue for.  Some captures tell of the write of every
 * kick, too: one at the place of an enabled queue is in order.
 */
static enum verdict nowhere(struct look *l)
{
	bool unsure = false, meant = false;
	uint64_t offset;

	if (l->d->n_error || l->d->n_needs_reset || l->d->reset_wait)
		return RULE_NA;
	for (const struct model_queue *q = l->dev->queues; q; q = q->hh.next) {
		if (!q->enabled)
			continue;
		if (!place(l, q, &offset))
			unsure = true;
		else if (offset == reg(l)->offset)
			return RULE_HELD;
		meant |= q->index == (reg(l)->value & 0xffff);
	}
	if (unsure)
		return RULE_NA;
	if (meant)
		also(l, l->d->n_driver_ok, "DRIVER_OK set");
	else
		also(l, l->d->n_setup, "the last write to a queue register");
	return fail(l, "%u was written at offset 0x%x of the notification structure%s",
		    (unsigned)reg(l)->value, reg(l)->offset,
		    meant ? ", which is no queue's place" : "; there is no such queue enabled");
}

static enum verdict not_enabled(struct look *l)
{
	if (l->q->draining || !l->d->n_status)
		return RULE_NA;
	if (l->queue->enabled)
		return RULE_HELD;
	also(l, l->d->n_reset, "the reset");
	also(l, l->d->n_setup, "the last write to a queue register");
	return fail(l, "queue %u was kicked and is not enabled", l->q->index);
}

static const struct lesson lesson = {
	.why = "The address and the value of a kick are computed from the notification capability, the\n"
	       "multiplier and queue_notify_off. Where they are wrong the device serves another queue, or\n"
	       "none: the request hangs with everything else in order.",
	.right = "address = cap.offset + queue_notify_off * notify_off_multiplier, in cap.bar\n"
		 "16 bits: the queue's index; 32 with NOTIFICATION_DATA, and where the driver is\n",
};

#define DRIVER CHECK_DRIVER, CHECK_MUST, 0
#define SEEN (NEED_REGS | NEED_KICK | NEED_AGREED), AT(KICK)

const struct rule rules_notify[] = {
	{ "kick-width", "NOTIFY-D1 T19", DRIVER, "4.1.5.2.1",
	  "Without VIRTIO_F_NOTIFICATION_DATA a kick is a 16-bit write.", SEEN | ONLY(SEEN_KICK),
	  width, 0, &lesson, "a 4-byte write" },
	{ "kick-width-data", "NOTIFY-D2 T19", DRIVER, "4.1.5.2.1",
	  "With VIRTIO_F_NOTIFICATION_DATA a kick is a 32-bit write.", SEEN | ONLY(SEEN_KICK),
	  width, 1, &lesson, "a 2-byte write" },
	{ "kick-value", "NOTIFY-D3 T19", DRIVER, "4.1.5.2.1",
	  "A kick's value is the index of the queue.", SEEN | ONLY(SEEN_KICK), value, 0, &lesson,
	  "0 is written at the address of queue 1" },
	{ "kick-value-data", "NOTIFY-D4 T19", DRIVER, "4.1.5.2.1",
	  "With VIRTIO_F_NOTIFICATION_DATA the low 16 bits of a kick are the index of the queue.",
	  SEEN | ONLY(SEEN_KICK), value, 1, &lesson, "the available index is in the low half" },
	{ "kick-value-config", "NOTIFY-D5 T19", DRIVER, "4.1.5.2.1",
	  "With VIRTIO_F_NOTIF_CONFIG_DATA a kick's value is queue_notif_config_data.",
	  SEEN | ONLY(SEEN_KICK), value, 2, &lesson, "the queue's index is written" },
	{ "kick-value-config-data", "NOTIFY-D6 T19", DRIVER, "4.1.5.2.1",
	  "With both features the low 16 bits of a kick are queue_notif_config_data.",
	  SEEN | ONLY(SEEN_KICK), value, 3, &lesson, "the queue's index is in the low half" },
	{ "kick-next", "PACKED-D4 T19", DRIVER, "2.8.16",
	  "With VIRTIO_F_NOTIFICATION_DATA a kick says where the driver goes on, inside the ring.",
	  SEEN | ONLY(SEEN_KICK), next, 0, &lesson, "next_off 300 in a ring of 256" },
	{ "kick-nowhere", "I17 T19", CHECK_DRIVER, CHECK_STRUCTURAL, 0, "4.1.4.4",
	  "Writes to the notification structure are at the address of an enabled queue.",
	  NEED_REGS | NEED_LIFE, AT(NOTIFY), nowhere, 0, &lesson,
	  "multiplier 4, queue 1 kicked at offset 2" },
	{ "kick-not-enabled", "I17 T19", CHECK_DRIVER, CHECK_STRUCTURAL, 0, "4.1.4.4",
	  "A queue is kicked when it is enabled.", NEED_REGS | NEED_LIFE | NEED_KICK, AT(KICK),
	  not_enabled, 0, &lesson, "queue 1 kicked, never enabled" },
	ROW_END,
};
