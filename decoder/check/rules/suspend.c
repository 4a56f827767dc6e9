/* SPDX-License-Identifier: MIT */
/* Suspending a device: 3.4, VIRTIO_F_SUSPEND. */
#include "decoder/check/impl.h"

#define DRIVER_OK VIRTIO_CONFIG_S_DRIVER_OK
#define NEEDS_RESET VIRTIO_CONFIG_S_NEEDS_RESET

static bool on(const struct look *l)
{
	return accepted(l, F_SUSPEND);
}

static uint8_t value(const struct look *l)
{
	return (uint8_t)reg(l)->value;
}

/* Asked for, and what became of it; a device that fails says NEEDS_RESET. */
static bool between(const struct look *l)
{
	return on(l) && l->d->suspend != SUSPEND_NO;
}

static void when(struct look *l)
{
	also(l, l->d->n_suspend, "SUSPEND written");
	also(l, l->d->n_suspended, "the device suspended");
	also(l, l->d->n_resume, "DRIVER_OK written to resume");
}

static enum verdict out_of_place(struct look *l)
{
	if (!(value(l) & S_SUSPEND) || l->e->status_before & S_SUSPEND)
		return RULE_NA;
	if (on(l) && l->d->n_driver_ok)
		return RULE_HELD;
	return fail(l, "SUSPEND was written %s",
		    on(l) ? "before DRIVER_OK" : "and VIRTIO_F_SUSPEND is not negotiated");
}

/* Anything but looking at the status. */
static enum verdict unverified(struct look *l)
{
	if (!between(l) || l->d->suspend != SUSPEND_ASKED || !is_write(l))
		return RULE_NA;
	if (field_is(l, "device_status") && !value(l))
		return RULE_NA;
	when(l);
	return fail(l, "%s was written and device_status has not shown SUSPEND without DRIVER_OK",
		    l->e->field ? l->e->field->name : "a register");
}

static enum verdict kicked(struct look *l)
{
	if (!on(l))
		return RULE_NA;
	if (l->d->suspend != SUSPEND_ASKED && l->d->suspend != SUSPEND_DONE)
		return RULE_HELD;
	when(l);
	return fail(l, "queue %u was kicked while the device is suspended", l->q->index);
}

static enum verdict made_available(struct look *l)
{
	const struct vqt_ring *r = l->ring, *before = &l->q->ring;

	if (!on(l) || l->d->suspend != SUSPEND_DONE || r->known & VQT_RING_PACKED ||
	    !(r->known & before->known & VQT_RING_AVAIL_IDX) || l->q->n_ring < l->d->n_suspend)
		return RULE_NA;
	if (r->avail_idx == before->avail_idx)
		return RULE_HELD;
	when(l);
	return fail(l, "avail.idx is %u and was %u when the device was suspended", r->avail_idx,
		    before->avail_idx);
}

static enum verdict config_written(struct look *l)
{
	if (!between(l) || l->d->suspend == SUSPEND_RESUMING)
		return RULE_NA;
	when(l);
	return fail(l, "the device configuration was written while the device is suspended");
}

static enum verdict hasty(struct look *l)
{
	if (!on(l) || l->d->suspend != SUSPEND_RESUMING)
		return RULE_NA;
	when(l);
	return fail(l, "%s before device_status has shown DRIVER_OK without SUSPEND",
		    l->e->rec->h.type == VQT_KICK ? "the queue was kicked"
						  : "the device configuration was written");
}

static enum verdict early_obeyed(struct look *l)
{
	if (!(l->d->ever & S_SUSPEND) || l->d->n_driver_ok || l->d->reset_wait)
		return RULE_NA;
	if (!(value(l) & S_SUSPEND))
		return RULE_HELD;
	also(l, l->d->n_status, "the last status write");
	return fail(l, "device_status shows SUSPEND on a device that was never set up");
}

static enum verdict active(struct look *l)
{
	if (!on(l) || l->d->suspend != SUSPEND_DONE)
		return RULE_NA;
	when(l);
	return fail(l, "the device %s while suspended",
		    l->e->rec->h.type == VQT_AVAIL  ? "took a chain"
		    : l->e->rec->h.type == VQT_USED ? "used a chain"
						    : "sent a notification");
}

static enum verdict not_drained(struct look *l)
{
	if (!on(l) || l->d->suspend != SUSPEND_ASKED || !(value(l) & S_SUSPEND) ||
	    value(l) & DRIVER_OK)
		return RULE_NA;
	for (struct cqueue *q = l->d->queues; q; q = q->hh.next) {
		const struct model_queue *m = model_queue(l->dev, q->index);

		if (!m || !q->flight || !m->n_in_flight)
			continue;
		when(l);
		also(l, q->n_avail, "the last chain taken");
		return fail_queue(l, q->index, "the device shows SUSPEND with %u chains in flight",
				  m->n_in_flight);
	}
	return RULE_HELD;
}

static enum verdict not_told(struct look *l)
{
	if (!on(l) || l->d->suspend != SUSPEND_ASKED || !(value(l) & S_SUSPEND) ||
	    value(l) & DRIVER_OK)
		return RULE_NA;
	for (struct cqueue *q = l->d->queues; q; q = q->hh.next)
		if (q->flight && q->irq.number && l->now - q->irq.ts > 1000000) {
			when(l);
			also(l, q->irq.number, "the chain used");
			return fail_queue(
				l, q->index,
				"the device shows SUSPEND and owes a used buffer notification");
		}
	return RULE_HELD;
}

/* arg: SUSPEND_ASKED or SUSPEND_RESUMING, and nothing has become of it */
static enum verdict undecided(struct look *l)
{
	uint64_t since = l->rule->arg == SUSPEND_ASKED ? l->d->n_suspend : l->d->n_resume;

	if (!on(l) || (unsigned)l->d->suspend != l->rule->arg || value(l) & NEEDS_RESET)
		return RULE_NA;
	if (l->rule->arg == SUSPEND_ASKED ? value(l) & S_SUSPEND && !(value(l) & DRIVER_OK)
					  : !(value(l) & S_SUSPEND) && value(l) & DRIVER_OK)
		return RULE_HELD;
	if (l->now - l->d->ts_status < STALL || l->d->n_status != since)
		return RULE_NA;
	when(l);
	return fail(l, "device_status reads 0x%02x a second after it was told to %s", value(l),
		    l->rule->arg == SUSPEND_ASKED ? "suspend" : "resume");
}

static enum verdict config_changed(struct look *l)
{
	uint32_t at = spec_field_offset(reg(l)->region, reg(l)->offset, l->dev->msix);

	if (!on(l) || l->d->suspend != SUSPEND_DONE || at >= CHECK_CONFIG ||
	    !bit_set(l->d->config_known, at) || l->d->n_config[at / 4] <= l->d->n_suspended)
		return RULE_NA;
	if (l->d->config[at] == (uint8_t)reg(l)->value)
		return RULE_HELD;
	when(l);
	also(l, l->d->n_config[at / 4], "read before");
	return fail(l, "the device configuration changed at offset %u while suspended", at);
}

static enum verdict write_taken(struct look *l)
{
	const struct owed *o = &l->d->susp_write;
	uint32_t at = spec_field_offset(reg(l)->region, reg(l)->offset, l->dev->msix);

	if (!on(l) || l->d->suspend != SUSPEND_DONE || !o->number || o->a < at ||
	    o->a >= at + reg(l)->width || o->a - at > 7)
		return RULE_NA;
	if ((uint8_t)(reg(l)->value >> (8 * (o->a - at))) != (uint8_t)o->b)
		return RULE_HELD;
	when(l);
	also(l, o->number, "the configuration written");
	return fail(
		l,
		"byte %u of the device configuration reads 0x%02x, as it was written while suspended",
		o->a, o->b & 0xff);
}

static enum verdict change_untold(struct look *l)
{
	struct owed *o = &l->d->susp_change;

	if (!o->number || !on(l) || l->d->suspend != SUSPEND_NO || !l->d->ts_resumed ||
	    l->now - l->d->ts_resumed < STALL)
		return RULE_NA;
	if (l->d->n_config_irq > o->number) {
		o->number = 0;
		return RULE_HELD;
	}
	when(l);
	also(l, o->number, "read with another value");
	o->number = 0;
	return fail(
		l,
		"the configuration changed while suspended, and no notification came since the resume");
}

static const struct lesson lesson = {
	.why = "A suspended device is about to lose its memory or its power: what it still does then is\n"
	       "lost, or written where nothing of it may be any more.",
	.right = "device_status <- ...|SUSPEND, read until SUSPEND without DRIVER_OK\n"
		 "no buffers, no kicks, no configuration writes; no notifications either\n"
		 "device_status <- ...|DRIVER_OK, read until DRIVER_OK without SUSPEND\n",
};

#define REGS (NEED_REGS | NEED_LIFE)
#define DRIVER CHECK_DRIVER, CHECK_MUST, 0
#define DEVICE CHECK_DEVICE, CHECK_MUST, 0

const struct rule rules_suspend[] = {
	{ "suspend-out-of-place", "SUSP-D1", CHECK_DRIVER, CHECK_SHOULD, 0, "3.4.1",
	  "SUSPEND is set on a live device with VIRTIO_F_SUSPEND.", REGS, AT(STATUS_WRITE),
	  out_of_place, 0, &lesson, "SUSPEND before DRIVER_OK" },
	{ "suspend-unverified", "SUSP-D2", DRIVER, "3.4.1",
	  "After SUSPEND the driver reads device_status until the device is suspended.", REGS,
	  AT(COMMON) | AT(CONFIG_WRITE), unverified, 0, &lesson, "SUSPEND, then queue_select" },
	{ "suspend-made-available", "SUSP-D3", DRIVER, "3.4.1",
	  "No buffers are made available to a suspended device.", REGS | NEED_RING,
	  AT(RING) | ONLY(SPLIT) | ONLY(SUSPEND), made_available, 0, &lesson,
	  "avail.idx grows while suspended" },
	{ "suspend-kicked", "SUSP-D4", DRIVER, "3.4.1", "A suspended device is not kicked.",
	  REGS | NEED_KICK, AT(KICK) | ONLY(SUSPEND), kicked, 0, &lesson, "SUSPEND, kick" },
	{ "suspend-config-written", "SUSP-D5", DRIVER, "3.4.1",
	  "The configuration of a suspended device is not written.", REGS, AT(CONFIG_WRITE),
	  config_written, 0, &lesson, "SUSPEND, writeback <- 0" },
	{ "resume-not-awaited", "SUSP-D6", DRIVER, "3.4.1",
	  "After a resume the driver waits for DRIVER_OK without SUSPEND.", REGS,
	  AT(KICK) | AT(CONFIG_WRITE) | ONLY(SUSPEND), hasty, 0, &lesson, "DRIVER_OK, kick" },
	{ "suspend-early-obeyed", "SUSP-V1", DEVICE, "3.4.2",
	  "A device that is not set up ignores SUSPEND.", REGS, AT(STATUS_READ), early_obeyed, 0,
	  &lesson, "SUSPEND before DRIVER_OK, and it reads back" },
	{ "suspended-active", "SUSP-V3 SUSP-V8", DEVICE, "3.4.2",
	  "A suspended device leaves queues alone and sends no used buffer notifications.", REGS,
	  AT(CHAIN) | AT(USED) | AT(QUEUE_IRQ) | ONLY(SUSPEND), active, 0, &lesson,
	  "suspended, a chain is taken" },
	{ "suspended-config-notified", "SUSP-V4", DEVICE, "3.4.2",
	  "A suspended device does not notify of configuration changes.", REGS | NEED_IRQ,
	  AT(CONFIG_IRQ), active, 0, &lesson, "suspended, a configuration interrupt" },
	{ "suspended-config-changed", "SUSP-V3", DEVICE, "3.4.2",
	  "A suspended device changes nothing in its configuration.", REGS | NEED_CONFIG,
	  AT(CONFIG_READ), config_changed, 0, &lesson, "suspended, capacity reads 100, then 200" },
	{ "suspended-write-taken", "SUSP-V2", CHECK_DEVICE, CHECK_SHOULD, 0, "3.4.2",
	  "A suspended device ignores writes to its configuration.", REGS | NEED_CONFIG,
	  AT(CONFIG_READ), write_taken, 0, &lesson, "suspended, writeback <- 0, = 0" },
	{ "suspended-change-untold", "SUSP-V5", DEVICE, "3.4.2",
	  "What changed while suspended is notified after the resume.",
	  REGS | NEED_CONFIG | NEED_IRQ, AT(TICK) | AT(END), change_untold, 0, &lesson,
	  "suspended, capacity reads 100, then 200; resumed, no notification" },
	{ "suspend-undecided", "SUSP-V6", DEVICE, "3.4.2",
	  "A device that is told to suspend does, or sets DEVICE_NEEDS_RESET.", REGS,
	  AT(STATUS_READ), undecided, SUSPEND_ASKED, &lesson,
	  "SUSPEND, and device_status stays 0x1f" },
	{ "resume-undecided", "SUSP-V7", DEVICE, "3.4.2",
	  "A device that is told to resume does, or sets DEVICE_NEEDS_RESET.", REGS,
	  AT(STATUS_READ), undecided, SUSPEND_RESUMING, &lesson,
	  "DRIVER_OK, and device_status still shows SUSPEND" },
	{ "suspend-not-drained", "SUSP-V9", CHECK_DEVICE, CHECK_SHOULD, 0, "3.4.2",
	  "A device shows SUSPEND when all buffers it took have been used.", REGS | NEED_CHAIN,
	  AT(STATUS_READ), not_drained, 0, &lesson, "3 chains in flight, SUSPEND shows" },
	{ "suspend-not-told", "SUSP-V10", CHECK_DEVICE, CHECK_SHOULD, 0, "3.4.2",
	  "A device sends the notifications it owes before it shows SUSPEND.",
	  REGS | NEED_IRQ | NEED_RING, AT(STATUS_READ), not_told, 0, &lesson,
	  "a chain used, no notification, SUSPEND shows" },
	ROW_END,
};
