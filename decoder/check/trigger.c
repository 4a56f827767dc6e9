/* SPDX-License-Identifier: MIT */
/* What an event is to the rules: which triggers, and what evidence. */
#include "decoder/check/impl.h"

/* Registers that have triggers of their own, in all transports. */
static const struct {
	uint64_t on_write, on_read;
} registers[SPEC_REGS] = {
	[SPEC_REG_DEVICE_STATUS] = { AT(STATUS_WRITE), AT(STATUS_READ) },
	[SPEC_REG_DEVICE_FEATURES] = { 0, AT(OFFER_READ) },
	[SPEC_REG_DRIVER_FEATURES] = { AT(FEATURE_WRITE), AT(FEATURE_READ) },
	[SPEC_REG_CONFIG_GENERATION] = { 0, AT(GENERATION) },
	[SPEC_REG_CONFIG_VECTOR] = { AT(VECTOR_WRITE), AT(VECTOR_READ) },
	[SPEC_REG_QUEUE_VECTOR] = { AT(VECTOR_WRITE), AT(VECTOR_READ) },
	[SPEC_REG_QUEUE_RESET] = { AT(QRESET_WRITE), AT(QRESET_READ) },
	[SPEC_REG_ISR] = { 0, AT(ISR_READ) },
	[SPEC_REG_ISR_ACK] = { AT(ISR_ACK), 0 },
};

static bool is_enable(const struct rule_context *ctx)
{
	return is_write(ctx) && reg(ctx)->value &&
	       register_is(ctx, legacy_access(ctx) ? SPEC_REG_QUEUE_PFN : SPEC_REG_QUEUE_ENABLE);
}

/*
 * All ones: what the bus answers where no device does, as it was removed or its memory space turned
 * off.  Of its status, whose bits exclude each other, that is no value.
 */
static bool nobody_answers(const struct rule_context *ctx)
{
	return register_is(ctx, SPEC_REG_DEVICE_STATUS) && !is_write(ctx) &&
	       (reg(ctx)->value & 0xff) == 0xff;
}

static uint64_t of_register(struct rule_context *ctx)
{
	const struct spec_field *f = ctx->e->field;
	bool write = is_write(ctx);
	uint64_t at = 0;

	if (!f || nobody_answers(ctx))
		return 0;
	if (write)
		at = registers[f->id].on_write;
	else if (!(f->flags & SPEC_WO)) /* reading DriverFeatures of virtio-mmio shows nothing */
		at = registers[f->id].on_read;
	if (f->flags & SPEC_PER_QUEUE)
		at |= write ? AT(QUEUE_WRITE) : AT(QUEUE_READ);
	if (is_enable(ctx))
		at |= AT(ENABLE);
	return at;
}

/* 4.1.4.10: device configuration follows the legacy header; 4.2.2: at 0x100. */
static bool in_config(const struct rule_context *ctx)
{
	switch (reg(ctx)->region) {
	case VQT_REGION_DEVICE: return true;
	case VQT_REGION_LEGACY: return reg(ctx)->offset >= spec_legacy_config_base(ctx->dev->msix);
	case VQT_REGION_MMIO: return reg(ctx)->offset >= 0x100;
	}
	return false;
}

static bool seen(const struct model_device *m, unsigned at, unsigned n)
{
	return check_pci(m, at, n, &(uint32_t){ 0 });
}

static uint64_t new_cap(struct rule_context *ctx)
{
	const struct model_device *m = ctx->dev;
	unsigned at = ctx->e->pci_cap, bit = at / 4, type;

	if (!at || at >= 256 || m->pci[at] != PCI_CAP_ID_VNDR || ctx->d->pci.caps_seen >> bit & 1 ||
	    !seen(m, at + 2, 2))
		return 0;
	type = m->pci[at + 3];
	/* A vendor's own is known by its first words; the others have at least 16 bytes, not all used. */
	if (type == 9 ? !seen(m, at + 4, 2)
		      : !seen(m, at + 4, 1) || !seen(m, at + 8, 4) || !seen(m, at + 12, 4))
		return 0;
	if (type == 8 && !seen(m, at + 5, 1))
		return 0;
	if ((type == 2 || type == 8) && m->pci[at + 2] >= 20 && !seen(m, at + 16, 4))
		return 0;
	ctx->d->pci.caps_seen |= 1ULL << bit;
	ctx->cap = at;
	return AT(CAP);
}

/* Every capability was read, down to the one without a next; cfg_type where there is one. */
static bool caps_whole(const struct model_device *m)
{
	uint32_t at, head;

	if (!check_pci(m, PCI_CAPABILITY_LIST, 1, &at))
		return false;
	at &= ~3U;
	for (int i = 0; i < 48 && at; i++) {
		if (!check_pci(m, at, 2, &head))
			return false;
		if ((head & 0xff) == PCI_CAP_ID_VNDR && !seen(m, at + 3, 1))
			return false;
		at = head >> 8 & ~3U & 0xff;
	}
	return !at;
}

static uint64_t of_pci(struct rule_context *ctx)
{
	uint64_t at = is_write(ctx) ? AT(PCI_WRITE) : AT(PCI_READ);

	if (is_write(ctx))
		return at;
	at |= new_cap(ctx);
	if (!ctx->d->pci.caps_whole && reg(ctx)->offset >= PCI_CAPABILITY_LIST &&
	    caps_whole(ctx->dev)) {
		ctx->d->pci.caps_whole = true;
		at |= AT(CAPS);
	}
	return at;
}

static uint64_t of_access(struct rule_context *ctx)
{
	uint64_t at = reg(ctx)->flags & VQT_REG_VIA_CFG ? AT(VIA_CFG) : 0;

	if (reg(ctx)->flags & VQT_REG_FAILED)
		return 0;
	switch (reg(ctx)->region) {
	case VQT_REGION_PCI: return of_pci(ctx);
	case VQT_REGION_NOTIFY: return at | (is_write(ctx) ? AT(NOTIFY) : 0);
	case VQT_REGION_ISR: return at | (is_write(ctx) ? 0 : AT(ISR_READ));
	}
	/* Where its fields are depends on MSI-X, which a driver's record says. */
	if (reg(ctx)->region == VQT_REGION_LEGACY && reg(ctx)->offset >= 20 &&
	    !ctx->d->known.msix && !ctx->dev->by_driver) {
		ctx->d->known.config_unsure = true;
		return at;
	}
	if (in_config(ctx))
		return at | (is_write(ctx) ? AT(CONFIG_WRITE) : AT(CONFIG_READ));
	if (reg(ctx)->region == VQT_REGION_COMMON || reg(ctx)->region == VQT_REGION_LEGACY ||
	    reg(ctx)->region == VQT_REGION_MMIO)
		return at | AT(COMMON) | of_register(ctx);
	return at;
}

/* On the vector of configuration changes, too, a message is a queue's only if its record says so. */
static bool of_queue(const struct rule_context *ctx)
{
	return ctx->q && (ctx->e->rec->h.queue != VQT_NO_QUEUE ||
			  ctx->e->rec->irq.vector != ctx->dev->config_vector);
}

static uint64_t of_irq(const struct rule_context *ctx)
{
	switch (ctx->e->rec->irq.kind) {
	case VQT_IRQ_SIGNAL: return ctx->q ? AT(QUEUE_IRQ) : 0;
	case VQT_IRQ_MSIX: return AT(MSIX) | (of_queue(ctx) ? AT(QUEUE_IRQ) : 0);
	case VQT_IRQ_INTX: return AT(INTX);
	case VQT_IRQ_CONFIG: return AT(CONFIG_IRQ);
	}
	return 0;
}

static uint64_t of_chain(const struct rule_context *ctx)
{
	const struct vqt_avail *a = &ctx->e->rec->avail;

	if (!ctx->req || !ctx->q || a->flags & (VQT_CHAIN_MORE | VQT_CHAIN_LIKELY))
		return 0;
	return AT(CHAIN) | (ctx->req->typed ? AT(REQUEST) : 0);
}

static uint64_t of_ring(const struct rule_context *ctx, bool sample)
{
	if (!ctx->ring->known)
		return 0;
	return sample ? AT(SAMPLE) : AT(RING);
}

static uint64_t of_life(unsigned what)
{
	switch (what) {
	case VQT_LIFECYCLE_ERROR: return AT(ERROR);
	case VQT_LIFECYCLE_CHAIN_CHANGED: return AT(CHANGED);
	case VQT_LIFECYCLE_SET_RINGS: return AT(RINGS);
	}
	return 0;
}

uint64_t check_triggers(struct rule_context *ctx)
{
	const struct record *r = ctx->e->rec;

	if (ctx->e->undecodable)
		return ctx->q && r->h.type == VQT_KICK ? AT(KICK) : 0;
	switch (r->h.type) {
	case VQT_REG: return of_access(ctx);
	case VQT_KICK: return ctx->q ? (ctx->e->self ? 0 : AT(KICK)) | of_ring(ctx, false) : 0;
	case VQT_RING: return ctx->q ? of_ring(ctx, r->ring.why == VQT_RING_PERIODIC) : 0;
	case VQT_AVAIL: return ctx->q ? of_chain(ctx) | of_ring(ctx, false) : 0;
	case VQT_DATA:
		return ctx->e->typed_now && ctx->req && !(ctx->req->flags & VQT_CHAIN_MORE)
			       ? AT(REQUEST)
			       : 0;
	case VQT_USED:
		return ctx->q ? (r->used.flags & VQT_USED_DETACHED ? 0 : AT(USED)) |
					of_ring(ctx, false)
			      : 0;
	case VQT_IRQ: return of_irq(ctx);
	case VQT_LIFECYCLE: return of_life(r->lifecycle.what);
	}
	return 0;
}

/* What the event proves is recorded for its device. */
unsigned check_have(const struct event *e)
{
	const struct record *r = e->rec;
	const struct vqt_ring *ring = check_ring(e);
	unsigned need_ring = ring && ring->known ? NEED_RING : 0;

	if (e->undecodable)
		return r->h.type == VQT_KICK ? NEED_KICK : 0;
	switch (r->h.type) {
	case VQT_REG:
		if (r->reg.region == VQT_REGION_PCI)
			return NEED_PCI;
		if (r->reg.region == VQT_REGION_DEVICE ||
		    (r->reg.region == VQT_REGION_LEGACY && r->reg.offset >= 20) ||
		    (r->reg.region == VQT_REGION_MMIO && r->reg.offset >= 0x100))
			return NEED_REGS | NEED_CONFIG;
		return NEED_REGS;
	case VQT_KICK: return NEED_KICK | need_ring;
	case VQT_RING: return need_ring;
	case VQT_AVAIL:
		return (r->avail.flags & VQT_CHAIN_DERIVED ? 0 : NEED_CHAIN) | need_ring |
		       (r->avail.nseg ? NEED_BYTES : 0);
	case VQT_DATA: return r->data.nseg ? NEED_BYTES : 0;
	case VQT_USED: return NEED_USED | need_ring;
	case VQT_IRQ: /* a handler that runs does not tell what the device decided */
		return r->irq.kind < VQT_IRQ_HANDLER ? NEED_IRQ : 0;
	}
	return 0;
}
