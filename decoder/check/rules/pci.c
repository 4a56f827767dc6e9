/* SPDX-License-Identifier: MIT */
/* PCI configuration space and the virtio capabilities in it: 4.1.2, 4.1.4. */
#include <inttypes.h>

#include "decoder/check/context.h"

static unsigned pci8(const struct rule_context *ctx, unsigned at)
{
	return ctx->dev->pci[at & 0xfff];
}

/* This read gave the last byte that was missing of the field. */
static bool reads(const struct rule_context *ctx, unsigned at, unsigned width)
{
	return reg(ctx)->offset < at + width && reg(ctx)->offset + reg(ctx)->width > at;
}

static enum verdict vendor(struct rule_context *ctx)
{
	uint32_t v;

	if (!reads(ctx, PCI_VENDOR_ID, 2) || !check_pci(ctx->dev, PCI_VENDOR_ID, 2, &v) ||
	    v == 0xffff)
		return RULE_NA;
	if (v == 0x1af4)
		return RULE_PASSED;
	return rule_fail(ctx, "the vendor ID is 0x%04x", v);
}

static enum verdict device_id(struct rule_context *ctx)
{
	uint32_t v;

	if (!reads(ctx, PCI_DEVICE_ID, 2) || !check_pci(ctx->dev, PCI_DEVICE_ID, 2, &v) ||
	    v == 0xffff || !ctx->dev->virtio_id)
		return RULE_NA;
	if (v == 0x1040 + ctx->dev->virtio_id ||
	    (v < 0x1040 && class_id_of_pci(v, ctx->dev->virtio_id) == ctx->dev->virtio_id))
		return RULE_PASSED;
	return rule_fail(ctx, "the device ID is 0x%04x for device type %u", v, ctx->dev->virtio_id);
}

static bool transitional(const struct rule_context *ctx, uint32_t *id)
{
	return check_pci(ctx->dev, PCI_DEVICE_ID, 2, id) && *id >= 0x1000 && *id < 0x1040;
}

static bool modern_id(const struct rule_context *ctx, uint32_t *id)
{
	return check_pci(ctx->dev, PCI_DEVICE_ID, 2, id) && *id >= 0x1040 && *id < 0x1080;
}

static enum verdict revision(struct rule_context *ctx)
{
	bool old = ctx->rule->arg;
	uint32_t v, id;

	if (!reads(ctx, PCI_REVISION_ID, 1) || !check_pci(ctx->dev, PCI_REVISION_ID, 1, &v) ||
	    !(old ? transitional(ctx, &id) : modern_id(ctx, &id)))
		return RULE_NA;
	if (old ? !v : v >= 1)
		return RULE_PASSED;
	return rule_fail(ctx, "device ID 0x%04x has revision %u", id, v);
}

static enum verdict subsystem(struct rule_context *ctx)
{
	bool old = ctx->rule->arg;
	uint32_t v, id;

	if (!reads(ctx, PCI_SUBSYSTEM_ID, 2) || !check_pci(ctx->dev, PCI_SUBSYSTEM_ID, 2, &v) ||
	    !(old ? transitional(ctx, &id) : modern_id(ctx, &id)) || (old && !ctx->dev->virtio_id))
		return RULE_NA;
	if (old ? v == ctx->dev->virtio_id : v >= 0x40)
		return RULE_PASSED;
	return rule_fail(ctx, "device ID 0x%04x has subsystem device ID 0x%04x", id, v);
}

static enum verdict bar0(struct rule_context *ctx)
{
	uint32_t id;

	if (reg(ctx)->offset != PCI_BASE_ADDRESS_0 || reg(ctx)->width != 4 ||
	    !transitional(ctx, &id))
		return RULE_NA;
	if (reg(ctx)->value & PCI_BASE_ADDRESS_SPACE_IO)
		return RULE_PASSED;
	return rule_fail(ctx, "device ID 0x%04x, but BAR 0 reads 0x%08x, which is no I/O region",
			 id, (uint32_t)reg(ctx)->value);
}

static enum verdict legacy_id(struct rule_context *ctx)
{
	uint32_t id;

	if (reported(ctx) || reg(ctx)->region != VQT_REGION_LEGACY ||
	    !check_pci(ctx->dev, PCI_DEVICE_ID, 2, &id))
		return RULE_NA;
	if (transitional(ctx, &id))
		return RULE_PASSED;
	return rule_fail(ctx, "the legacy interface of device ID 0x%04x is in use", id);
}

/* arg: 0 modern registers, 1 legacy ones */
static enum verdict unsought(struct rule_context *ctx)
{
	uint32_t cap;
	bool old = reg(ctx)->region == VQT_REGION_LEGACY;

	if (old != (ctx->rule->arg != 0) || !ctx->d->known.from_start ||
	    !(ctx->d->have & NEED_PCI) || reg(ctx)->region == VQT_REGION_MMIO || ctx->d->n_setup ||
	    ctx->d->status.n_write)
		return RULE_NA;
	if (check_pci(ctx->dev, PCI_CAPABILITY_LIST, 1, &cap))
		return RULE_PASSED;
	return rule_fail(ctx, "registers are accessed, but the capability list was not read");
}

/* A list without virtio capabilities: a legacy device. */
static enum verdict not_there(struct rule_context *ctx)
{
	if (reported(ctx) || reg(ctx)->region != VQT_REGION_COMMON || !ctx->d->pci.caps_whole)
		return RULE_NA;
	if (model_pci_cap(ctx->dev, PCI_CAP_ID_VNDR, 0))
		return RULE_PASSED;
	return rule_fail(ctx,
			 "the modern registers are used, but the list has no virtio capability");
}

/* The list holds no capability of type arg. */
static enum verdict missing(struct rule_context *ctx)
{
	unsigned at, n = 0, any = 0;

	while ((at = model_pci_cap(ctx->dev, PCI_CAP_ID_VNDR, n++))) {
		any++;
		if (pci8(ctx, at + 3) == ctx->rule->arg)
			return RULE_PASSED;
	}
	if (!any || (ctx->rule->arg == 4 && !(ctx->dev->class && ctx->dev->class->config.count)))
		return RULE_NA;
	return rule_fail(ctx, "the list has %u virtio capabilities, but none of type %u", any,
			 ctx->rule->arg);
}

static enum verdict cap_len(struct rule_context *ctx)
{
	static const uint8_t least[] = {
		[1] = 16, [2] = 20, [3] = 16, [4] = 16, [5] = 20, [8] = 24
	};
	unsigned type = pci8(ctx, ctx->cap + 3), len = pci8(ctx, ctx->cap + 2), n = 0, other;

	if (type < sizeof(least) && len < least[type])
		return rule_fail(ctx, "the capability of type %u at 0x%02x has cap_len %u", type,
				 ctx->cap, len);
	for (; (other = model_pci_cap(ctx->dev, PCI_CAP_ID_VNDR, n)); n++)
		if (other > ctx->cap && other < ctx->cap + len)
			return rule_fail(
				ctx,
				"the capability at 0x%02x has cap_len %u, but another begins at 0x%02x",
				ctx->cap, len, other);
	return RULE_PASSED;
}

/* arg: type; its structure begins at a multiple of 4 */
static enum verdict aligned(struct rule_context *ctx)
{
	if (pci8(ctx, ctx->cap + 3) != ctx->rule->arg)
		return RULE_NA;
	if (!(pci32(ctx, ctx->cap + 8) % 4))
		return RULE_PASSED;
	return rule_fail(ctx, "the capability of type %u has offset 0x%x", ctx->rule->arg,
			 pci32(ctx, ctx->cap + 8));
}

static enum verdict in_bar(struct rule_context *ctx)
{
	unsigned type = pci8(ctx, ctx->cap + 3), bar = pci8(ctx, ctx->cap + 4);
	uint64_t end = (uint64_t)pci32(ctx, ctx->cap + 8) + pci32(ctx, ctx->cap + 12);

	if ((type > 4 && type != 8) || !type || bar > 5 || !ctx->d->pci.bar_size[bar])
		return RULE_NA;
	if ((type == 8) != (ctx->rule->arg != 0))
		return RULE_NA;
	if (end <= ctx->d->pci.bar_size[bar])
		return RULE_PASSED;
	return rule_fail(ctx,
			 "the capability of type %u reaches to 0x%" PRIx64
			 ", but BAR %u has 0x%x bytes",
			 type, end, bar, ctx->d->pci.bar_size[bar]);
}

static enum verdict shm_id(struct rule_context *ctx)
{
	unsigned n = 0, other;

	if (pci8(ctx, ctx->cap + 3) != 8)
		return RULE_NA;
	for (; (other = model_pci_cap(ctx->dev, PCI_CAP_ID_VNDR, n)); n++)
		if (other != ctx->cap && ctx->d->pci.caps_seen >> (other / 4 & 63) & 1 &&
		    pci8(ctx, other + 3) == 8 && pci8(ctx, other + 5) == pci8(ctx, ctx->cap + 5))
			return rule_fail(
				ctx,
				"shared memory capabilities at 0x%02x and 0x%02x both have id %u",
				other, ctx->cap, pci8(ctx, ctx->cap + 5));
	return RULE_PASSED;
}

static enum verdict vendor_cap(struct rule_context *ctx)
{
	unsigned vendor_id = pci32(ctx, ctx->cap + 4) & 0xffff, len = pci8(ctx, ctx->cap + 2);

	if (pci8(ctx, ctx->cap + 3) != 9)
		return RULE_NA;
	if (!ctx->rule->arg && vendor_id == 0x1af4)
		return rule_fail(ctx, "the vendor data capability at 0x%02x has vendor_id 0x1af4",
				 ctx->cap);
	if (ctx->rule->arg && len % 4)
		return rule_fail(ctx, "the vendor data capability at 0x%02x has cap_len %u",
				 ctx->cap, len);
	return RULE_PASSED;
}

static bool in_vendor_cap(const struct rule_context *ctx)
{
	unsigned at = ctx->e->pci_cap;

	return at && at < 256 && pci8(ctx, at) == PCI_CAP_ID_VNDR && pci8(ctx, at + 3) == 9 &&
	       reg(ctx)->offset < at + pci8(ctx, at + 2);
}

static enum verdict vendor_used(struct rule_context *ctx)
{
	if (!in_vendor_cap(ctx))
		return RULE_NA;
	return rule_fail(ctx, "0x%" PRIx64 " was written into the vendor data capability",
			 reg(ctx)->value);
}

static enum verdict vendor_unread(struct rule_context *ctx)
{
	unsigned at = ctx->e->pci_cap;

	if (!in_vendor_cap(ctx) || reg(ctx)->offset < at + 6)
		return RULE_NA;
	if (ctx->d->pci.vendor_read >> (at / 4 & 63) & 1)
		return RULE_PASSED;
	return rule_fail(
		ctx,
		"data of the vendor capability at 0x%02x is accessed, but its vendor_id was not read",
		at);
}

static enum verdict cap_written(struct rule_context *ctx)
{
	unsigned at = ctx->e->pci_cap, type;

	if (!at || at >= 240 || pci8(ctx, at) != PCI_CAP_ID_VNDR)
		return RULE_NA;
	type = pci8(ctx, at + 3);
	if (type == 5 || type == 9 || reg(ctx)->offset >= at + pci8(ctx, at + 2))
		return RULE_NA;
	return rule_fail(ctx, "0x%" PRIx64 " was written into the capability of type %u at 0x%02x",
			 reg(ctx)->value, type, at);
}

/* --- notification capability ------------------------------------------------ */

struct notify_cap {
	uint32_t offset, length, multiplier;
	bool data; /* NOTIFICATION_DATA is offered */
};

static bool notify_cap(const struct rule_context *ctx, struct notify_cap *n)
{
	unsigned at;

	if (!offered_known(ctx, VIRTIO_F_NOTIFICATION_DATA))
		return false;
	for (unsigned i = 0; (at = model_pci_cap(ctx->dev, PCI_CAP_ID_VNDR, i)); i++) {
		if (pci8(ctx, at + 3) != 2)
			continue;
		n->data = offered(ctx, VIRTIO_F_NOTIFICATION_DATA);
		return check_pci(ctx->dev, at + 8, 4, &n->offset) &&
		       check_pci(ctx->dev, at + 12, 4, &n->length) &&
		       check_pci(ctx->dev, at + 16, 4, &n->multiplier);
	}
	return false;
}

/* arg: 1 for devices that offer NOTIFICATION_DATA */
static bool of_device(const struct rule_context *ctx, struct notify_cap *n)
{
	return reg(ctx)->region == VQT_REGION_COMMON && notify_cap(ctx, n) &&
	       n->data == (ctx->rule->arg != 0);
}

static enum verdict notify_aligned(struct rule_context *ctx)
{
	struct notify_cap n;

	if (!of_device(ctx, &n))
		return RULE_NA;
	if (!(n.offset % (n.data ? 4 : 2)))
		return RULE_PASSED;
	return rule_fail(ctx, "the notification structure is at offset 0x%x", n.offset);
}

static enum verdict notify_multiplier(struct rule_context *ctx)
{
	struct notify_cap n;

	if (!of_device(ctx, &n))
		return RULE_NA;
	if (!n.multiplier ||
	    (!(n.multiplier & (n.multiplier - 1)) && n.multiplier >= (n.data ? 4U : 2U)))
		return RULE_PASSED;
	return rule_fail(ctx, "notify_off_multiplier is %u", n.multiplier);
}

/* The selected queue does not exist: its size reads 0, or it is beyond num_queues. */
static bool absent(const struct rule_context *ctx)
{
	const struct model_queue *m = model_queue(ctx->dev, ctx->dev->queue_select);

	if (ctx->q && ctx->q->setup.n_size_read && m && !m->size_max)
		return true;
	return ctx->d->num_queues_known && ctx->dev->queue_select >= ctx->d->num_queues &&
	       !offered(ctx, VIRTIO_F_ADMIN_VQ);
}

static enum verdict notify_length(struct rule_context *ctx)
{
	unsigned least;
	struct notify_cap n;
	uint64_t end;

	if (!register_is(ctx, SPEC_REG_QUEUE_NOTIFY_OFF) || !of_device(ctx, &n) || absent(ctx))
		return RULE_NA;
	least = n.data ? 4 : 2;
	end = reg(ctx)->value * n.multiplier + least;
	if (end <= n.length)
		return RULE_PASSED;
	return rule_fail(ctx,
			 "queue_notify_off %" PRIu64 " times %u needs 0x%" PRIx64
			 " bytes, but there are 0x%x",
			 reg(ctx)->value, n.multiplier, end, n.length);
}

static enum verdict status_bit(struct rule_context *ctx)
{
	uint32_t v;

	if (!reads(ctx, PCI_STATUS, 1) || !check_pci(ctx->dev, PCI_STATUS, 2, &v) ||
	    ctx->dev->msix || !ctx->d->irqs.intx.number ||
	    ctx->now - ctx->d->irqs.intx.ts < 1000000)
		return RULE_NA;
	if (v & PCI_STATUS_INTERRUPT)
		return RULE_PASSED;
	rule_related(ctx, ctx->d->irqs.intx.number, "INTx asserted");
	return rule_fail(ctx, "the PCI status reads 0x%04x while INTx is asserted", v);
}

static const struct explanation identity = {
	.why = "Operating systems choose drivers by these numbers, and decide by them whether the device\n"
	       "has a legacy interface.",
	.right =
		"modern: vendor 0x1af4, device 0x1040 + type, revision 1 or more, subsystem 0x40 or more\n"
		"transitional: device 0x1000 to 0x103f, revision 0, subsystem = type, BAR 0 in I/O space\n",
};

static const struct rule rows[] = {
	{ DEVICE_MUST, .id = "pci-vendor-id", .section = "4.1.2.1", .refs = "PCIDISC-V3",
	  .text = "The PCI vendor ID is 0x1AF4.", .needs = NEED_PCI, .at = AT(PCI_READ),
	  .check = vendor, .explanation = &identity, .wrong = "vendor 0x1af5" },
	{ DEVICE_MUST, .id = "pci-device-id", .section = "4.1.2.1", .refs = "PCIDISC-V4",
	  .text = "The PCI device ID is 0x1040 plus the device type, or the type's transitional one.",
	  .needs = NEED_PCI, .at = AT(PCI_READ), .check = device_id, .explanation = &identity,
	  .wrong = "a block device with 0x1041" },
	{ DEVICE_SHOULD, .id = "pci-revision", .section = "4.1.2.1", .refs = "PCIDISC-V7",
	  .text = "A non-transitional device has a revision of 1 or more.", .needs = NEED_PCI,
	  .at = AT(PCI_READ), .check = revision, .explanation = &identity,
	  .wrong = "device 0x1042, revision 0" },
	{ DEVICE_SHOULD, .id = "pci-subsystem", .section = "4.1.2.1", .refs = "PCIDISC-V8",
	  .text = "A non-transitional device has a subsystem device ID of 0x40 or more.",
	  .needs = NEED_PCI, .at = AT(PCI_READ), .check = subsystem, .explanation = &identity,
	  .wrong = "device 0x1042, subsystem 2" },
	{ DEVICE_MUST, .id = "pci-revision-transitional", .section = "4.1.2.3", .refs = "PCILEG-V1",
	  .text = "A transitional device has revision 0.", .needs = NEED_PCI, .at = AT(PCI_READ),
	  .check = revision, .arg = 1, .explanation = &identity,
	  .wrong = "device 0x1001, revision 1" },
	{ DEVICE_MUST, .id = "pci-subsystem-transitional", .section = "4.1.2.3",
	  .refs = "PCILEG-V2",
	  .text = "A transitional device has its device type as subsystem device ID.",
	  .needs = NEED_PCI, .at = AT(PCI_READ), .check = subsystem, .arg = 1,
	  .explanation = &identity, .wrong = "device 0x1001, subsystem 1" },
	{ DEVICE_MUST, .id = "pci-legacy-bar", .section = "4.1.4.10",
	  .refs = "PCILEG-V4 PCILEG-V9 PCIDISC-V6",
	  .text = "A transitional device has its legacy interface in I/O space in BAR 0.",
	  .needs = NEED_PCI, .at = AT(PCI_READ), .check = bar0, .explanation = &identity,
	  .wrong = "device 0x1001, BAR 0 in memory" },
	{ DEVICE_MUST, .id = "pci-legacy-id", .section = "4.1.2.3", .refs = "PCILEG-V3",
	  .text = "Only devices with a transitional ID have a legacy interface.",
	  .needs = NEED_PCI | NEED_REGS, .at = AT(COMMON), .check = legacy_id,
	  .explanation = &identity, .wrong = "device 0x1042 answers on legacy registers" },
	{ DRIVER_MUST, .id = "pci-list-unread", .section = "4.1.5.1.1.1", .refs = "PCILEG-D6 T20",
	  .text = "The driver looks for the virtio capabilities before it accesses registers.",
	  .needs = NEED_PCI | NEED_REGS, .at = AT(COMMON), .check = unsought,
	  .wrong = "device_status is read at an address nobody looked up" },
	{ DRIVER_MUST, .id = "pci-list-unread-legacy", .section = "4.1.5.1.1.1",
	  .refs = "PCILEG-D4",
	  .text = "A transitional driver looks for the virtio capabilities before it uses the "
		  "legacy interface.",
	  .needs = NEED_PCI | NEED_REGS, .at = AT(COMMON), .check = unsought, .arg = 1,
	  .wrong = "BAR 0 is used without a look" },
	{ DRIVER_MUST, .id = "pci-modern-without-caps", .section = "4.1.5.1.1.1",
	  .refs = "PCILEG-D5",
	  .text = "The driver treats a device without virtio capabilities as a legacy device and "
		  "uses BAR 0.",
	  .needs = NEED_PCI | NEED_REGS, .at = AT(COMMON), .check = not_there,
	  .wrong = "modern registers at a guessed address" },
	{ DEVICE_MUST, .id = "cap-common-missing", .section = "4.1.4.3.1",
	  .refs = "COMMON-V2 PCIDISC-V1",
	  .text = "The device has a common configuration capability.", .needs = NEED_PCI,
	  .at = AT(CAPS), .check = missing, .arg = 1, .wrong = "no type 1" },
	{ DEVICE_MUST, .id = "cap-notify-missing", .section = "4.1.4.4.1", .refs = "NOTIFYCAP-V1",
	  .text = "The device has a notification capability.", .needs = NEED_PCI, .at = AT(CAPS),
	  .check = missing, .arg = 2, .wrong = "no type 2" },
	{ DEVICE_MUST, .id = "cap-isr-missing", .section = "4.1.4.5.1", .refs = "ISR-V1",
	  .text = "The device has an ISR status capability.", .needs = NEED_PCI, .at = AT(CAPS),
	  .check = missing, .arg = 3, .wrong = "no type 3" },
	{ DEVICE_MUST, .id = "cap-device-missing", .section = "4.1.4.6", .refs = "PCIDEV-V1",
	  .text = "A device whose type has configuration fields has a device configuration capability.",
	  .needs = NEED_PCI, .at = AT(CAPS), .check = missing, .arg = 4,
	  .wrong = "a block device without type 4" },
	{ DEVICE_MUST, .id = "cap-window-missing", .section = "4.1.4.9.1", .refs = "PCICFG-V1",
	  .text = "The device has a PCI configuration access capability.", .needs = NEED_PCI,
	  .at = AT(CAPS), .check = missing, .arg = 5, .wrong = "no type 5" },
	{ DEVICE_MUST, .id = "cap-length", .section = "4.1.4.2", .refs = "PCICAP-V5 T20",
	  .text = "cap_len covers the whole capability and does not reach into the next one.",
	  .needs = NEED_PCI, .at = AT(CAP), .check = cap_len,
	  .wrong = "a notification capability of 16 bytes" },
	{ DEVICE_MUST, .id = "cap-common-aligned", .section = "4.1.4.3.1", .refs = "COMMON-V1",
	  .text = "The common configuration begins at a multiple of 4.", .needs = NEED_PCI,
	  .at = AT(CAP), .check = aligned, .arg = 1, .wrong = "offset 0x1002" },
	{ DEVICE_MUST, .id = "cap-device-aligned", .section = "4.1.4.6.1", .refs = "PCIDEV-V2",
	  .text = "The device configuration begins at a multiple of 4.", .needs = NEED_PCI,
	  .at = AT(CAP), .check = aligned, .arg = 4, .wrong = "offset 0x2001" },
	{ DEVICE_STRUCTURAL, .id = "cap-outside-bar", .section = "4.1.4", .refs = "PCIDISC-V1 T20",
	  .text = "A structure lies inside the BAR that its capability names.", .needs = NEED_PCI,
	  .at = AT(CAP), .check = in_bar,
	  .wrong = "offset 0x3000, length 0x2000 in a BAR of 0x4000" },
	{ DEVICE_MUST, .id = "cap-shm-outside-bar", .section = "4.1.4.7.1", .refs = "PCIDEV-V3",
	  .text = "A shared memory region lies inside the BAR that its capability names.",
	  .needs = NEED_PCI, .at = AT(CAP), .check = in_bar, .arg = 1,
	  .wrong = "a region past the end of its BAR" },
	{ DEVICE_MUST, .id = "cap-shm-id", .section = "4.1.4.7.1", .refs = "PCIDEV-V4",
	  .text = "Shared memory regions have distinct ids.", .needs = NEED_PCI, .at = AT(CAP),
	  .check = shm_id, .wrong = "two regions with id 0" },
	{ DEVICE_MUST, .id = "cap-vendor-id", .section = "4.1.4.8.1", .refs = "PCIDEV-V6",
	  .text = "The vendor_id of a vendor data capability is not that of virtio.",
	  .needs = NEED_PCI, .at = AT(CAP), .check = vendor_cap,
	  .wrong = "type 9 with vendor_id 0x1af4" },
	{ DEVICE_MUST, .id = "cap-vendor-length", .section = "4.1.4.8.1", .refs = "PCIDEV-V7",
	  .text = "The length of a vendor data capability is a multiple of 4 bytes.",
	  .needs = NEED_PCI, .at = AT(CAP), .check = vendor_cap, .arg = 1, .wrong = "cap_len 14" },
	{ DRIVER_SHOULD, .id = "cap-vendor-written", .section = "4.1.4.8.2", .refs = "PCIDEV-D1",
	  .text = "The driver uses vendor data for debugging and reporting, and seldom writes it.",
	  .needs = NEED_PCI, .at = AT(PCI_WRITE), .check = vendor_used,
	  .wrong = "a write into type 9" },
	{ DRIVER_MUST, .id = "cap-vendor-unread", .section = "4.1.4.8.2", .refs = "PCIDEV-D2",
	  .text = "The driver reads vendor_id before other vendor data.", .needs = NEED_PCI,
	  .at = AT(PCI_READ) | AT(PCI_WRITE), .check = vendor_unread,
	  .wrong = "data of type 9 is read first" },
	{ DRIVER_MUST, .id = "cap-written", .section = "4.1.4.1", .refs = "PCICAP-D10",
	  .text = "The driver does not write virtio capabilities, except the configuration "
		  "access window.",
	  .needs = NEED_PCI, .at = AT(PCI_WRITE), .check = cap_written,
	  .wrong = "a write to the length of COMMON_CFG" },
	{ DEVICE_MUST, .id = "notify-offset", .section = "4.1.4.4.1", .refs = "NOTIFYCAP-V2",
	  .text = "The notification structure begins at a multiple of 2.",
	  .needs = NEED_PCI | NEED_AGREED, .at = AT(QUEUE_READ), .check = notify_aligned,
	  .wrong = "offset 0x3001" },
	{ DEVICE_MUST, .id = "notify-multiplier", .section = "4.1.4.4.1", .refs = "NOTIFYCAP-V3",
	  .text = "notify_off_multiplier is 0 or a power of 2 that is at least 2.",
	  .needs = NEED_PCI | NEED_AGREED, .at = AT(QUEUE_READ), .check = notify_multiplier,
	  .wrong = "notify_off_multiplier = 6" },
	{ DEVICE_MUST, .id = "notify-length", .section = "4.1.4.4.1",
	  .refs = "NOTIFYCAP-V4 NOTIFYCAP-V5",
	  .text = "The notification structure has room for every queue.",
	  .needs = NEED_PCI | NEED_AGREED, .at = AT(QUEUE_READ), .check = notify_length,
	  .wrong = "queue_notify_off 3, multiplier 4, length 8" },
	{ DEVICE_MUST, .id = "notify-offset-data", .section = "4.1.4.4.1", .refs = "NOTIFYCAP-V7",
	  .text = "With VIRTIO_F_NOTIFICATION_DATA the notification structure begins at a "
		  "multiple of 4.",
	  .needs = NEED_PCI | NEED_AGREED, .at = AT(QUEUE_READ), .check = notify_aligned, .arg = 1,
	  .wrong = "offset 0x3002" },
	{ DEVICE_MUST, .id = "notify-multiplier-data", .section = "4.1.4.4.1",
	  .refs = "NOTIFYCAP-V6",
	  .text = "With VIRTIO_F_NOTIFICATION_DATA notify_off_multiplier is 0 or a power of 2 "
		  "that is at least 4.",
	  .needs = NEED_PCI | NEED_AGREED, .at = AT(QUEUE_READ), .check = notify_multiplier,
	  .arg = 1, .wrong = "notify_off_multiplier = 2" },
	{ DEVICE_MUST, .id = "notify-length-data", .section = "4.1.4.4.1",
	  .refs = "NOTIFYCAP-V8 NOTIFYCAP-V9",
	  .text = "With VIRTIO_F_NOTIFICATION_DATA the notification structure has room for 4 "
		  "bytes for every queue.",
	  .needs = NEED_PCI | NEED_AGREED, .at = AT(QUEUE_READ), .check = notify_length, .arg = 1,
	  .wrong = "queue_notify_off 1, multiplier 4, length 6" },
	{ DEVICE_MUST, .id = "pci-interrupt-status", .section = "4.1.4.5.1", .refs = "ISR-V4",
	  .text = "Without MSI-X the interrupt bit of the PCI status register is set while ISR "
		  "status is not 0.",
	  .needs = NEED_PCI | NEED_IRQ | NEED_MSIX, .at = AT(PCI_READ), .check = status_bit,
	  .wrong = "INTx asserted, PCI status without 0x8" },
};

const struct rule_table rules_pci = {
	RULES(rows),
	.why = "The capability list says where the device's structures are. A driver that relies on a wrong\n"
	       "list maps the wrong memory; a driver that does not read the list works with one\n"
	       "hypervisor's layout only.",
	.right = "walk the list: COMMON_CFG, NOTIFY_CFG, ISR_CFG, DEVICE_CFG, PCI_CFG\n"
		 "each cap_len covers its structure, each region lies inside its BAR\n"
		 "notify address = cap.offset + queue_notify_off * notify_off_multiplier\n",
};
