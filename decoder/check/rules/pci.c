/* SPDX-License-Identifier: MIT */
/* PCI configuration space and the virtio capabilities in it: 4.1.2, 4.1.4. */
#include <inttypes.h>

#include "decoder/check/impl.h"

static unsigned pci8(const struct rule_context *ctx, unsigned at)
{
	return ctx->dev->pci[at & 0xfff];
}

static uint32_t pci32(const struct rule_context *ctx, unsigned at)
{
	return get_le32(ctx->dev->pci + (at & 0xffc));
}

static bool known(const struct rule_context *ctx, unsigned at, unsigned width, uint32_t *v)
{
	return check_pci(ctx->dev, at, width, v);
}

/* This read gave the last byte that was missing of the field. */
static bool reads(const struct rule_context *ctx, unsigned at, unsigned width)
{
	return reg(ctx)->offset < at + width && reg(ctx)->offset + reg(ctx)->width > at;
}

static enum verdict vendor(struct rule_context *ctx)
{
	uint32_t v;

	if (!reads(ctx, PCI_VENDOR_ID, 2) || !known(ctx, PCI_VENDOR_ID, 2, &v) || v == 0xffff)
		return RULE_NA;
	if (v == 0x1af4)
		return RULE_PASSED;
	return rule_fail(ctx, "the vendor ID is 0x%04x", v);
}

static enum verdict device_id(struct rule_context *ctx)
{
	uint32_t v;

	if (!reads(ctx, PCI_DEVICE_ID, 2) || !known(ctx, PCI_DEVICE_ID, 2, &v) || v == 0xffff ||
	    !ctx->dev->virtio_id)
		return RULE_NA;
	if (v == 0x1040 + ctx->dev->virtio_id ||
	    (v < 0x1040 && spec_virtio_id_of_pci(v, ctx->dev->virtio_id) == ctx->dev->virtio_id))
		return RULE_PASSED;
	return rule_fail(ctx, "the device ID is 0x%04x for device type %u", v, ctx->dev->virtio_id);
}

static bool transitional(const struct rule_context *ctx, uint32_t *id)
{
	return known(ctx, PCI_DEVICE_ID, 2, id) && *id >= 0x1000 && *id < 0x1040;
}

static bool modern_id(const struct rule_context *ctx, uint32_t *id)
{
	return known(ctx, PCI_DEVICE_ID, 2, id) && *id >= 0x1040 && *id < 0x1080;
}

static enum verdict revision(struct rule_context *ctx)
{
	bool old = ctx->rule->arg;
	uint32_t v, id;

	if (!reads(ctx, PCI_REVISION_ID, 1) || !known(ctx, PCI_REVISION_ID, 1, &v) ||
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

	if (!reads(ctx, PCI_SUBSYSTEM_ID, 2) || !known(ctx, PCI_SUBSYSTEM_ID, 2, &v) ||
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
	return rule_fail(ctx, "device ID 0x%04x and BAR 0 reads 0x%08x, not an I/O region", id,
			 (uint32_t)reg(ctx)->value);
}

static enum verdict legacy_id(struct rule_context *ctx)
{
	uint32_t id;

	if (told(ctx))
		return RULE_NA;
	if (reg(ctx)->region != VQT_REGION_LEGACY || !known(ctx, PCI_DEVICE_ID, 2, &id))
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

	if (old != (ctx->rule->arg != 0) || !ctx->d->from_start || !(ctx->d->have & NEED_PCI) ||
	    reg(ctx)->region == VQT_REGION_MMIO || ctx->d->n_setup || ctx->d->n_status)
		return RULE_NA;
	if (known(ctx, PCI_CAPABILITY_LIST, 1, &cap))
		return RULE_PASSED;
	return rule_fail(ctx, "registers are accessed and the capability list was never looked at");
}

/* A list without virtio capabilities: a legacy device. */
static enum verdict not_there(struct rule_context *ctx)
{
	if (told(ctx))
		return RULE_NA;
	if (reg(ctx)->region != VQT_REGION_COMMON || !ctx->d->caps_whole)
		return RULE_NA;
	if (model_pci_cap(ctx->dev, PCI_CAP_ID_VNDR, 0))
		return RULE_PASSED;
	return rule_fail(ctx,
			 "the modern registers are used and the list has no virtio capability");
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
	return rule_fail(ctx, "the list has %u virtio capabilities and none of type %u", any,
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
				"the capability at 0x%02x has cap_len %u and another begins at 0x%02x",
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

	if ((type > 4 && type != 8) || !type || bar > 5 || !ctx->d->bar_size[bar])
		return RULE_NA;
	if ((type == 8) != (ctx->rule->arg != 0))
		return RULE_NA;
	if (end <= ctx->d->bar_size[bar])
		return RULE_PASSED;
	return rule_fail(
		ctx, "the capability of type %u reaches to 0x%" PRIx64 " and BAR %u has 0x%x bytes",
		type, end, bar, ctx->d->bar_size[bar]);
}

static enum verdict shm_id(struct rule_context *ctx)
{
	unsigned n = 0, other;

	if (pci8(ctx, ctx->cap + 3) != 8)
		return RULE_NA;
	for (; (other = model_pci_cap(ctx->dev, PCI_CAP_ID_VNDR, n)); n++)
		if (other != ctx->cap && ctx->d->caps_seen >> (other / 4 & 63) & 1 &&
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
	if (ctx->d->vendor_read >> (at / 4 & 63) & 1)
		return RULE_PASSED;
	return rule_fail(
		ctx,
		"data of the vendor capability at 0x%02x is accessed, its vendor_id was not read",
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
		return known(ctx, at + 8, 4, &n->offset) && known(ctx, at + 12, 4, &n->length) &&
		       known(ctx, at + 16, 4, &n->multiplier);
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

static enum verdict notify_length(struct rule_context *ctx)
{
	unsigned least;
	struct notify_cap n;
	uint64_t end;

	if (!field_is(ctx, "queue_notify_off") || !of_device(ctx, &n))
		return RULE_NA;
	least = n.data ? 4 : 2;
	end = reg(ctx)->value * n.multiplier + least;
	if (end <= n.length)
		return RULE_PASSED;
	return rule_fail(ctx,
			 "queue_notify_off %" PRIu64 " times %u needs 0x%" PRIx64
			 " bytes and there are 0x%x",
			 reg(ctx)->value, n.multiplier, end, n.length);
}

static enum verdict status_bit(struct rule_context *ctx)
{
	uint32_t v;

	if (!reads(ctx, PCI_STATUS, 1) || !known(ctx, PCI_STATUS, 2, &v) || ctx->dev->msix ||
	    !ctx->d->intx.number || ctx->now - ctx->d->intx.ts < 1000000)
		return RULE_NA;
	if (v & PCI_STATUS_INTERRUPT)
		return RULE_PASSED;
	rule_related(ctx, ctx->d->intx.number, "INTx asserted");
	return rule_fail(ctx, "the PCI status reads 0x%04x while INTx is asserted", v);
}

static const struct explanation identity = {
	.why = "Operating systems bind drivers by these numbers, and decide by them whether the legacy\n"
	       "interface exists.",
	.right =
		"modern: vendor 0x1af4, device 0x1040 + type, revision 1 or more, subsystem 0x40 or more\n"
		"transitional: device 0x1000 to 0x103f, revision 0, subsystem = type, BAR 0 in I/O space\n",
};

static const struct explanation caps = {
	.why = "The capability list is the map of the device. A driver that trusts a wrong one maps the\n"
	       "wrong memory; one that does not read it works with one hypervisor's layout only.",
	.right = "walk the list: COMMON_CFG, NOTIFY_CFG, ISR_CFG, DEVICE_CFG, PCI_CFG\n"
		 "each cap_len covers its structure, each region lies inside its BAR\n"
		 "notify address = cap.offset + queue_notify_off * notify_off_multiplier\n",
};

#define DEVICE CHECK_DEVICE, CHECK_MUST, 0
#define DEVICE_SHOULD CHECK_DEVICE, CHECK_SHOULD, 0
#define DRIVER CHECK_DRIVER, CHECK_MUST, 0
#define READ NEED_PCI, AT(PCI_READ)
#define CAP NEED_PCI, AT(CAP)

const struct rule rules_pci[] = {
	{ "pci-vendor-id", "PCIDISC-V3", DEVICE, "4.1.2.1", "The PCI vendor ID is 0x1AF4.", READ,
	  vendor, 0, &identity, "vendor 0x1af5" },
	{ "pci-device-id", "PCIDISC-V4", DEVICE, "4.1.2.1",
	  "The PCI device ID is 0x1040 plus the device type, or the type's transitional one.", READ,
	  device_id, 0, &identity, "a block device with 0x1041" },
	{ "pci-revision", "PCIDISC-V7", DEVICE_SHOULD, "4.1.2.1",
	  "A non-transitional device has a revision of 1 or more.", READ, revision, 0, &identity,
	  "device 0x1042, revision 0" },
	{ "pci-subsystem", "PCIDISC-V8", DEVICE_SHOULD, "4.1.2.1",
	  "A non-transitional device has a subsystem device ID of 0x40 or more.", READ, subsystem,
	  0, &identity, "device 0x1042, subsystem 2" },
	{ "pci-revision-transitional", "PCILEG-V1", DEVICE, "4.1.2.3",
	  "A transitional device has revision 0.", READ, revision, 1, &identity,
	  "device 0x1001, revision 1" },
	{ "pci-subsystem-transitional", "PCILEG-V2", DEVICE, "4.1.2.3",
	  "A transitional device has its device type as subsystem device ID.", READ, subsystem, 1,
	  &identity, "device 0x1001, subsystem 1" },
	{ "pci-legacy-bar", "PCILEG-V4 PCILEG-V9 PCIDISC-V6", DEVICE, "4.1.4.10",
	  "A transitional device has its legacy interface in I/O space at BAR 0.", READ, bar0, 0,
	  &identity, "device 0x1001, BAR 0 in memory" },
	{ "pci-legacy-id", "PCILEG-V3", DEVICE, "4.1.2.3",
	  "Only devices with a transitional ID have a legacy interface.", NEED_PCI | NEED_REGS,
	  AT(COMMON), legacy_id, 0, &identity, "device 0x1042 answers on legacy registers" },
	{ "pci-list-unread", "PCILEG-D6 T20", DRIVER, "4.1.5.1.1.1",
	  "A driver looks for the virtio capabilities before it uses the registers.",
	  NEED_PCI | NEED_REGS, AT(COMMON), unsought, 0, &caps,
	  "device_status is read at an address nobody looked up" },
	{ "pci-list-unread-legacy", "PCILEG-D4", DRIVER, "4.1.5.1.1.1",
	  "A transitional driver looks for the virtio capabilities before it falls back.",
	  NEED_PCI | NEED_REGS, AT(COMMON), unsought, 1, &caps, "BAR 0 is used without a look" },
	{ "pci-modern-without-caps", "PCILEG-D5", DRIVER, "4.1.5.1.1.1",
	  "Without virtio capabilities a device is a legacy one and used through BAR 0.",
	  NEED_PCI | NEED_REGS, AT(COMMON), not_there, 0, &caps,
	  "modern registers at a guessed address" },
	{ "cap-common-missing", "COMMON-V2 PCIDISC-V1", DEVICE, "4.1.4.3.1",
	  "There is a common configuration capability.", NEED_PCI, AT(CAPS), missing, 1, &caps,
	  "no type 1" },
	{ "cap-notify-missing", "NOTIFYCAP-V1", DEVICE, "4.1.4.4.1",
	  "There is a notification capability.", NEED_PCI, AT(CAPS), missing, 2, &caps,
	  "no type 2" },
	{ "cap-isr-missing", "ISR-V1", DEVICE, "4.1.4.5.1", "There is an ISR status capability.",
	  NEED_PCI, AT(CAPS), missing, 3, &caps, "no type 3" },
	{ "cap-device-missing", "PCIDEV-V1", DEVICE, "4.1.4.6",
	  "A device type with a configuration has a device configuration capability.", NEED_PCI,
	  AT(CAPS), missing, 4, &caps, "a block device without type 4" },
	{ "cap-window-missing", "PCICFG-V1", DEVICE, "4.1.4.9.1",
	  "There is a PCI configuration access capability.", NEED_PCI, AT(CAPS), missing, 5, &caps,
	  "no type 5" },
	{ "cap-length", "PCICAP-V5 T20", DEVICE, "4.1.4.2",
	  "cap_len covers the whole capability, and nothing of the next.", CAP, cap_len, 0, &caps,
	  "a notification capability of 16 bytes" },
	{ "cap-common-aligned", "COMMON-V1", DEVICE, "4.1.4.3.1",
	  "The common configuration begins at a multiple of 4.", CAP, aligned, 1, &caps,
	  "offset 0x1002" },
	{ "cap-device-aligned", "PCIDEV-V2", DEVICE, "4.1.4.6.1",
	  "The device configuration begins at a multiple of 4.", CAP, aligned, 4, &caps,
	  "offset 0x2001" },
	{ "cap-outside-bar", "PCIDISC-V1 T20", CHECK_DEVICE, CHECK_STRUCTURAL, 0, "4.1.4",
	  "A structure lies inside the BAR that its capability names.", CAP, in_bar, 0, &caps,
	  "offset 0x3000, length 0x2000 in a BAR of 0x4000" },
	{ "cap-shm-outside-bar", "PCIDEV-V3", DEVICE, "4.1.4.7.1",
	  "A shared memory region lies inside the BAR that its capability names.", CAP, in_bar, 1,
	  &caps, "a region past the end of its BAR" },
	{ "cap-shm-id", "PCIDEV-V4", DEVICE, "4.1.4.7.1",
	  "Shared memory regions have different ids.", CAP, shm_id, 0, &caps,
	  "two regions with id 0" },
	{ "cap-vendor-id", "PCIDEV-V6", DEVICE, "4.1.4.8.1",
	  "A vendor data capability is of another vendor than virtio itself.", CAP, vendor_cap, 0,
	  &caps, "type 9 with vendor_id 0x1af4" },
	{ "cap-vendor-length", "PCIDEV-V7", DEVICE, "4.1.4.8.1",
	  "A vendor data capability has a multiple of 4 bytes.", CAP, vendor_cap, 1, &caps,
	  "cap_len 14" },
	{ "cap-vendor-written", "PCIDEV-D1", CHECK_DRIVER, CHECK_SHOULD, 0, "4.1.4.8.2",
	  "Vendor data is for debugging and reporting, and seldom written.", NEED_PCI,
	  AT(PCI_WRITE), vendor_used, 0, &caps, "a write into type 9" },
	{ "cap-vendor-unread", "PCIDEV-D2", DRIVER, "4.1.4.8.2",
	  "vendor_id is read before vendor data is.", NEED_PCI, AT(PCI_READ) | AT(PCI_WRITE),
	  vendor_unread, 0, &caps, "data of type 9 is read first" },
	{ "cap-written", "PCICAP-D10", DRIVER, "4.1.4.1",
	  "Virtio capabilities are not written, but for the configuration access window.", NEED_PCI,
	  AT(PCI_WRITE), cap_written, 0, &caps, "a write to the length of COMMON_CFG" },
	{ "notify-offset", "NOTIFYCAP-V2", DEVICE, "4.1.4.4.1",
	  "The notification structure begins at a multiple of 2.", NEED_PCI | NEED_AGREED,
	  AT(QUEUE_READ), notify_aligned, 0, &caps, "offset 0x3001" },
	{ "notify-multiplier", "NOTIFYCAP-V3", DEVICE, "4.1.4.4.1",
	  "notify_off_multiplier is 0 or a power of 2 from 2.", NEED_PCI | NEED_AGREED,
	  AT(QUEUE_READ), notify_multiplier, 0, &caps, "notify_off_multiplier = 6" },
	{ "notify-length", "NOTIFYCAP-V4 NOTIFYCAP-V5", DEVICE, "4.1.4.4.1",
	  "The notification structure has room for every queue.", NEED_PCI | NEED_AGREED,
	  AT(QUEUE_READ), notify_length, 0, &caps, "queue_notify_off 3, multiplier 4, length 8" },
	{ "notify-offset-data", "NOTIFYCAP-V7", DEVICE, "4.1.4.4.1",
	  "With VIRTIO_F_NOTIFICATION_DATA the notification structure begins at a multiple of 4.",
	  NEED_PCI | NEED_AGREED, AT(QUEUE_READ), notify_aligned, 1, &caps, "offset 0x3002" },
	{ "notify-multiplier-data", "NOTIFYCAP-V6", DEVICE, "4.1.4.4.1",
	  "With VIRTIO_F_NOTIFICATION_DATA notify_off_multiplier is 0 or a power of 2 from 4.",
	  NEED_PCI | NEED_AGREED, AT(QUEUE_READ), notify_multiplier, 1, &caps,
	  "notify_off_multiplier = 2" },
	{ "notify-length-data", "NOTIFYCAP-V8 NOTIFYCAP-V9", DEVICE, "4.1.4.4.1",
	  "With VIRTIO_F_NOTIFICATION_DATA the structure has room for 4 bytes for every queue.",
	  NEED_PCI | NEED_AGREED, AT(QUEUE_READ), notify_length, 1, &caps,
	  "queue_notify_off 1, multiplier 4, length 6" },
	{ "pci-interrupt-status", "ISR-V4", DEVICE, "4.1.4.5.1",
	  "Without MSI-X the interrupt bit of the PCI status shows that ISR status is not 0.",
	  NEED_PCI | NEED_IRQ | NEED_MSIX, AT(PCI_READ), status_bit, 0, &caps,
	  "INTx asserted, PCI status without 0x8" },
	ROW_END,
};
