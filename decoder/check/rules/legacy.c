/* SPDX-License-Identifier: MIT */
/* What a legacy driver may do before negotiation is over: 3.1.2. */
#include "decoder/check/rules/blk.h"

static enum verdict write_lost(struct look *l)
{
	const struct owed *o = &l->d->early;
	uint8_t v = (uint8_t)reg(l)->value;

	if (!o->number || reg(l)->width != 1 || !offered_known(l, 0) ||
	    !offered(l, VIRTIO_BLK_F_CONFIG_WCE) ||
	    spec_field_offset(reg(l)->region, reg(l)->offset, l->dev->msix) != BLK_WRITEBACK)
		return RULE_NA;
	if (v == o->a)
		return RULE_HELD;
	also(l, o->number, "writeback written");
	return fail(l, "writeback reads %u after %u was written before the features were read", v,
		    o->a);
}

/* Kicked, something is there, and the device does not look: for as long as the driver waited. */
static enum verdict early_ignored(struct look *l)
{
	const unsigned need = VQT_RING_AVAIL_IDX | VQT_RING_LAST_AVAIL;
	const struct vqt_ring *r = check_ring(l->e);
	const struct owed *o = &l->q->early;

	if (!o->number || driver_ok(l) || r->known & VQT_RING_PACKED || (r->known & need) != need ||
	    l->e->rec->h.type == VQT_AVAIL || r->last_avail != o->b ||
	    r->avail_idx == r->last_avail)
		return RULE_NA;
	if (l->now - o->ts < STALL || l->driver_ts < o->ts + STALL / 2)
		return RULE_HELD;
	also(l, o->number, "the kick");
	l->q->early.number = 0;
	return fail(l,
		    "avail.idx is %u, the device was kicked and has taken up to %u: it waits for "
		    "DRIVER_OK",
		    r->avail_idx, r->last_avail);
}

static const struct lesson lesson = {
	.why = "Legacy drivers were written before there was an order of initialisation: they set the\n"
	       "cache mode first, and read the partition table before they say DRIVER_OK. A device that\n"
	       "insists hangs their boot.",
	.right = "ACKNOWLEDGE|DRIVER, a queue address, a request, a kick: served\n"
		 "then DRIVER_OK\n",
};

const struct rule rules_legacy[] = {
	{ "legacy-config-write-lost", "INIT-V1", CHECK_DEVICE, CHECK_MUST, VIRTIO_ID_BLOCK, "3.1.2",
	  "Through the legacy interface configuration can be written before features are read.",
	  NEED_REGS | NEED_CONFIG | NEED_LIFE, AT(CONFIG_READ), write_lost, 0, &lesson,
	  "writeback <- 0, = 1, then features are read" },
	{ "legacy-early-use-ignored", "INIT-V2", CHECK_DEVICE, CHECK_MUST, 0, "3.1.2",
	  "Through the legacy interface the device works before DRIVER_OK.",
	  NEED_REGS | NEED_RING | NEED_KICK | NEED_LIFE, AT(RING), early_ignored, 0, &lesson,
	  "status 0x03, a kick, and nothing is taken" },
	ROW_END,
};
