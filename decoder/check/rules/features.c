/* SPDX-License-Identifier: MIT */
/* Feature negotiation: 2.2, 6. */
#include <linux/pci_regs.h>
#include <stdio.h>

#include "decoder/check/class.h"
#include "decoder/check/context.h"

#define FEATURES_OK VIRTIO_CONFIG_S_FEATURES_OK

static const char *name(const struct rule_context *ctx, unsigned bit)
{
	static _Thread_local char buf[2][48];
	static _Thread_local unsigned n;
	const struct spec_feature *f = class_feature(ctx->dev->virtio_id, bit);
	char *to = buf[n++ & 1];

	if (f)
		return f->name;
	snprintf(to, sizeof(buf[0]), "bit %u", bit);
	return to;
}

static bool has(const uint64_t set[2], unsigned bit)
{
	return set[bit / 64] >> (bit % 64) & 1;
}

static enum verdict not_offered(struct rule_context *ctx)
{
	unsigned word = ctx->e->select;
	uint32_t extra;

	if (word > 3 || !(ctx->dev->offered_known >> word & 1))
		return RULE_NA;
	extra = (uint32_t)(ctx->dev->accepted[word / 2] >> (32 * (word % 2))) &
		~(uint32_t)(ctx->dev->offered[word / 2] >> (32 * (word % 2)));
	if (!extra)
		return RULE_PASSED;
	rule_related(ctx, ctx->d->features.n_offer, "the features offered");
	return rule_fail(ctx, "%s was accepted, but is not offered",
			 name(ctx, word * 32 + (unsigned)__builtin_ctz(extra)));
}

/* The first bit of `set` that lacks what it requires; -1 none. */
static int unmet(const struct rule_context *ctx, const uint64_t set[2], const char **missing)
{
	for (unsigned bit = 0; bit < 128; bit++) {
		const struct spec_feature *f;
		uint64_t lack[2];

		if (!has(set, bit))
			continue;
		f = class_feature(ctx->dev->virtio_id, bit);
		if (!f || spec_feature_missing(f, set, lack) == SPEC_MISSING_NONE)
			continue;
		*missing = name(ctx, lack[0] ? (unsigned)__builtin_ctzll(lack[0])
					     : 64 + (unsigned)__builtin_ctzll(lack[1]));
		return (int)bit;
	}
	return -1;
}

static enum verdict prerequisite(struct rule_context *ctx)
{
	const char *missing;
	int bit;

	if (!settles(ctx))
		return RULE_NA;
	bit = unmet(ctx, ctx->dev->accepted, &missing);
	if (bit < 0)
		return RULE_PASSED;
	rule_related(ctx, ctx->d->features.n_accept, "the features accepted");
	return rule_fail(ctx, "%s was accepted without %s", name(ctx, (unsigned)bit), missing);
}

static enum verdict offer_prerequisite(struct rule_context *ctx)
{
	const char *missing;
	int bit;

	if ((ctx->dev->offered_known & 3) != 3 && reg(ctx)->region != VQT_REGION_LEGACY)
		return RULE_NA;
	bit = unmet(ctx, ctx->dev->offered, &missing);
	if (bit < 0)
		return RULE_PASSED;
	return rule_fail(ctx, "%s is offered without %s", name(ctx, (unsigned)bit), missing);
}

/* arg: enum spec_feature_kind that nobody may accept. */
static enum verdict accepted_kind(struct rule_context *ctx)
{
	if (!settles(ctx))
		return RULE_NA;
	for (unsigned bit = 0; bit < 128; bit++)
		if (has(ctx->dev->accepted, bit) &&
		    class_feature_kind(ctx->dev->virtio_id, bit, ctx->dev->transport) ==
			    ctx->rule->arg) {
			rule_related(ctx, ctx->d->features.n_accept, "the features accepted");
			return rule_fail(ctx, "%s was accepted", name(ctx, bit));
		}
	return RULE_PASSED;
}

static enum verdict offered_kind(struct rule_context *ctx)
{
	unsigned word = ctx->e->select;

	if (word > 3)
		return RULE_NA;
	for (unsigned bit = word * 32; bit < word * 32 + 32; bit++) {
		enum spec_feature_kind kind;

		if (!has(ctx->dev->offered, bit))
			continue;
		kind = class_feature_kind(ctx->dev->virtio_id, bit, ctx->dev->transport);
		if (kind == SPEC_FEATURE_RESERVED || kind == SPEC_FEATURE_UNDEFINED ||
		    kind == SPEC_FEATURE_TRANSPORT)
			return rule_fail(ctx,
					 "%s is offered, but version 1.4 does not define it here",
					 name(ctx, bit));
	}
	return RULE_PASSED;
}

/* arg: a bit that is to be accepted when offered. */
static enum verdict refused(struct rule_context *ctx)
{
	unsigned bit = ctx->rule->arg;

	if (!settles(ctx) || !offered_known(ctx, bit) || !offered(ctx, bit))
		return RULE_NA;
	if (bit >= 32 && reg(ctx)->region == VQT_REGION_LEGACY)
		return RULE_NA;
	if (accepted(ctx, bit))
		return RULE_PASSED;
	rule_related(ctx, ctx->d->features.n_offer, "the features offered");
	rule_related(ctx, ctx->d->features.n_accept, "the features accepted");
	return rule_fail(ctx, "%s is offered, but was not accepted", name(ctx, bit));
}

static enum verdict version_1_missing(struct rule_context *ctx)
{
	if (reg(ctx)->region != VQT_REGION_COMMON || ctx->e->select != 1)
		return RULE_NA;
	if (reg(ctx)->value & 1)
		return RULE_PASSED;
	return rule_fail(ctx, "device_feature[1] reads 0x%08x, without VIRTIO_F_VERSION_1",
			 (uint32_t)reg(ctx)->value);
}

/* A device without virtio's capabilities is legacy altogether: not transitional, not held to this. */
static enum verdict any_layout_missing(struct rule_context *ctx)
{
	if (reg(ctx)->region != VQT_REGION_LEGACY || !model_pci_cap(ctx->dev, PCI_CAP_ID_VNDR, 0))
		return RULE_NA;
	if (reg(ctx)->value >> VIRTIO_F_ANY_LAYOUT & 1)
		return RULE_PASSED;
	return rule_fail(ctx, "the legacy device_features read 0x%08x, without VIRTIO_F_ANY_LAYOUT",
			 (uint32_t)reg(ctx)->value);
}

static enum verdict any_layout_refused(struct rule_context *ctx)
{
	return reg(ctx)->region == VQT_REGION_LEGACY ? refused(ctx) : RULE_NA;
}

static enum verdict unused_bit(struct rule_context *ctx)
{
	if (!settles(ctx))
		return RULE_NA;
	if (!accepted(ctx, 30))
		return RULE_PASSED;
	rule_related(ctx, ctx->d->features.n_accept, "the features accepted");
	return rule_fail(ctx, "bit 30 was accepted");
}

static enum verdict offer_changed(struct rule_context *ctx)
{
	if (!ctx->e->before_known || !(ctx->d->features.offer_read >> ctx->e->select & 1) ||
	    ctx->d->legacy)
		return RULE_NA;
	if ((uint32_t)ctx->e->before == (uint32_t)reg(ctx)->value || reg(ctx)->width != 4)
		return RULE_PASSED;
	rule_related(ctx, ctx->d->features.n_offer, "the features offered before");
	return rule_fail(ctx, "device_feature[%u] reads 0x%08x; it read 0x%08x before",
			 ctx->e->select, (uint32_t)reg(ctx)->value, (uint32_t)ctx->e->before);
}

static enum verdict accept_lost(struct rule_context *ctx)
{
	unsigned word = ctx->e->select;
	uint32_t lost;

	if (word > 3 || !ctx->e->before_known || !(ctx->d->features.accept_written >> word & 1) ||
	    !(ctx->dev->offered_known >> word & 1) || reg(ctx)->width != 4)
		return RULE_NA;
	lost = (uint32_t)ctx->e->before & ~(uint32_t)reg(ctx)->value &
	       (uint32_t)(ctx->dev->offered[word / 2] >> (32 * (word % 2)));
	if (!lost)
		return RULE_PASSED;
	rule_related(ctx, ctx->d->features.n_accept, "the features accepted");
	return rule_fail(ctx,
			 "driver_feature[%u] reads without 0x%08x, which was offered and written",
			 word, lost);
}

/* What the device did with FEATURES_OK: only the first read after it tells. */
static bool answers(const struct rule_context *ctx)
{
	return ctx->d->status.n_features_ok && !ctx->d->features.answered &&
	       !ctx->d->reset.awaited && (ctx->dev->offered_known & 3) == 3;
}

static bool within_offer(const struct rule_context *ctx)
{
	return !(ctx->dev->accepted[0] & ~ctx->dev->offered[0]) &&
	       !(ctx->dev->accepted[1] & ~ctx->dev->offered[1]);
}

/* Features a device may insist on: 6.2, and those of its type. */
static bool may_insist(const struct rule_context *ctx)
{
	const uint64_t ring = 1ULL << VIRTIO_F_VERSION_1 | 1ULL << VIRTIO_F_ACCESS_PLATFORM |
			      1ULL << VIRTIO_F_ORDER_PLATFORM;

	return (ring | ctx->d->class->insists) & ctx->dev->offered[0] & ~ctx->dev->accepted[0];
}

static enum verdict valid_refused(struct rule_context *ctx)
{
	const char *missing;

	if (!answers(ctx) || may_insist(ctx))
		return RULE_NA;
	if (reg(ctx)->value & FEATURES_OK)
		return RULE_PASSED;
	if (!within_offer(ctx) || unmet(ctx, ctx->dev->accepted, &missing) >= 0)
		return RULE_NA;
	rule_related(ctx, ctx->d->features.n_accept, "the features accepted");
	rule_related(ctx, ctx->d->status.n_features_ok, "FEATURES_OK set");
	return rule_fail(ctx, "FEATURES_OK was refused for a valid subset of what is offered");
}

static enum verdict invalid_agreed(struct rule_context *ctx)
{
	if (!answers(ctx))
		return RULE_NA;
	if (within_offer(ctx) || !(reg(ctx)->value & FEATURES_OK))
		return RULE_PASSED;
	rule_related(ctx, ctx->d->features.n_accept, "the features accepted");
	rule_related(ctx, ctx->d->status.n_features_ok, "FEATURES_OK set");
	return rule_fail(
		ctx,
		"the device kept FEATURES_OK although features were accepted that it does not offer");
}

static enum verdict agreed_before(struct rule_context *ctx)
{
	if (!answers(ctx) || !ctx->d->agreed.known ||
	    memcmp(ctx->d->agreed.set, ctx->dev->accepted, sizeof(ctx->d->agreed.set)))
		return RULE_NA;
	if (reg(ctx)->value & FEATURES_OK)
		return RULE_PASSED;
	rule_related(ctx, ctx->d->agreed.number, "the same features agreed to");
	rule_related(ctx, ctx->d->status.n_features_ok, "FEATURES_OK set");
	return rule_fail(ctx, "the device refused features that it agreed to before");
}

/* --- SR-IOV ----------------------------------------------------------------- */

/* 1 there is one, 0 there is none, -1 the extended list was not read to its end. */
static int sriov_cap(const struct rule_context *ctx, unsigned *at)
{
	unsigned where = 0x100;
	uint32_t head;

	for (int i = 0; i < 64; i++) {
		if (!check_pci(ctx->dev, where, 4, &head))
			return -1;
		if ((head & 0xffff) == PCI_EXT_CAP_ID_SRIOV) {
			*at = where;
			return 1;
		}
		where = head >> 20 & 0xffc;
		if (where < 0x100)
			return 0;
	}
	return -1;
}

/* Offered, or accepted: by whom the rule is about. */
static enum verdict sriov_unfounded(struct rule_context *ctx)
{
	bool driver = ctx->rule->party == CHECK_DRIVER;
	unsigned at;
	int cap;

	if (!settles(ctx) ||
	    !(driver ? accepted(ctx, VIRTIO_F_SR_IOV) : offered_known(ctx, VIRTIO_F_SR_IOV)))
		return RULE_NA;
	cap = sriov_cap(ctx, &at);
	if (cap < 0)
		return RULE_NA;
	if (cap || (!driver && !offered(ctx, VIRTIO_F_SR_IOV)))
		return RULE_PASSED;
	return rule_fail(ctx, "VIRTIO_F_SR_IOV %s, but the function has no SR-IOV capability",
			 driver ? "was accepted" : "is offered");
}

static enum verdict sriov_enabled(struct rule_context *ctx)
{
	unsigned at;

	if (sriov_cap(ctx, &at) != 1 || reg(ctx)->offset != at + PCI_SRIOV_CTRL ||
	    !(reg(ctx)->value & PCI_SRIOV_CTRL_VFE))
		return RULE_NA;
	if (ctx->d->agreed.known && ctx->d->agreed.set[0] >> VIRTIO_F_SR_IOV & 1)
		return RULE_PASSED;
	return rule_fail(ctx,
			 "virtual functions were enabled, but VIRTIO_F_SR_IOV was not negotiated");
}

static const struct rule rows[] = {
	{ DRIVER_MUST, .id = "feature-not-offered", .section = "2.2.1", .refs = "FEAT-D1 T08",
	  .text = "The driver accepts only features that the device offers.",
	  .needs = NEED_REGS | NEED_AGREED, .at = AT(FEATURE_WRITE), .check = not_offered,
	  .wrong = "device_feature[0] = 0x44, driver_feature[0] <- 0x46" },
	{ DRIVER_MUST, .id = "feature-without-prerequisite", .section = "2.2.1",
	  .refs = "FEAT-D1 T08",
	  .text = "The driver accepts a feature only together with the features it requires.",
	  .needs = NEED_REGS | NEED_AGREED, .at = AT(STATUS_WRITE), .check = prerequisite,
	  .wrong = "a net driver accepts GUEST_TSO4 without GUEST_CSUM" },
	{ DRIVER_MUST, .id = "feature-reserved-accepted", .section = "2.2.1",
	  .refs = "FEAT-D3 FEAT-D4",
	  .text = "The driver accepts no feature bits that are reserved or that the "
		  "specification does not describe.",
	  .needs = NEED_REGS | NEED_AGREED, .at = AT(STATUS_WRITE), .check = accepted_kind,
	  .arg = SPEC_FEATURE_RESERVED, .wrong = "bit 44 is accepted" },
	{ DRIVER_MUST, .id = "feature-other-transport-accepted", .section = "2.2.1",
	  .refs = "FEAT-D5",
	  .text = "The driver accepts no feature bits that this transport does not support.",
	  .needs = NEED_REGS | NEED_AGREED, .at = AT(STATUS_WRITE), .check = accepted_kind,
	  .arg = SPEC_FEATURE_TRANSPORT, .wrong = "SR_IOV is accepted on virtio-mmio" },
	{ DRIVER_MUST, .id = "feature-undefined-accepted", .section = "2.2.1",
	  .refs = "FEAT-D6 FEAT-D3",
	  .text = "The driver accepts no feature bits that are not defined for the device type.",
	  .needs = NEED_REGS | NEED_AGREED, .at = AT(STATUS_WRITE), .check = accepted_kind,
	  .arg = SPEC_FEATURE_UNDEFINED, .wrong = "a block driver accepts bit 20" },
	{ DRIVER_MUST, .id = "version-1-refused", .section = "6.1", .refs = "BITS-D1 PCILEG-D1 T07",
	  .text = "The driver accepts VIRTIO_F_VERSION_1 when the device offers it.",
	  .needs = NEED_REGS | NEED_AGREED, .at = AT(STATUS_WRITE), .check = refused,
	  .arg = VIRTIO_F_VERSION_1, .wrong = "driver_feature[1] <- 0" },
	{ DRIVER_SHOULD, .id = "access-platform-refused", .section = "6.1", .refs = "BITS-D3 T09",
	  .text = "The driver accepts VIRTIO_F_ACCESS_PLATFORM when the device offers it: "
		  "otherwise the device may not be able to use its addresses.",
	  .needs = NEED_REGS | NEED_AGREED, .at = AT(STATUS_WRITE), .check = refused,
	  .arg = VIRTIO_F_ACCESS_PLATFORM, .wrong = "bit 33 is offered and ignored" },
	{ DRIVER_SHOULD, .id = "packed-refused", .section = "6.1", .refs = "BITS-D5",
	  .text = "The driver accepts VIRTIO_F_RING_PACKED when the device offers it.",
	  .needs = NEED_REGS | NEED_AGREED, .at = AT(STATUS_WRITE), .check = refused,
	  .arg = VIRTIO_F_RING_PACKED, .wrong = "bit 34 is offered and ignored" },
	{ DRIVER_SHOULD, .id = "order-platform-refused", .section = "6.1", .refs = "BITS-D6",
	  .text = "The driver accepts VIRTIO_F_ORDER_PLATFORM when the device offers it.",
	  .needs = NEED_REGS | NEED_AGREED, .at = AT(STATUS_WRITE), .check = refused,
	  .arg = VIRTIO_F_ORDER_PLATFORM, .wrong = "bit 36 is offered and ignored" },
	{ DRIVER_SHOULD, .id = "notif-config-data-refused", .section = "6.1", .refs = "BITS-D12",
	  .text = "The driver accepts VIRTIO_F_NOTIF_CONFIG_DATA when the device offers it.",
	  .needs = NEED_REGS | NEED_AGREED, .at = AT(STATUS_WRITE), .check = refused,
	  .arg = VIRTIO_F_NOTIF_CONFIG_DATA, .wrong = "bit 39 is offered and ignored" },
	{ DEVICE_MUST, .id = "version-1-not-offered", .section = "6.2", .refs = "BITS-V1",
	  .text = "A device with the modern interface offers VIRTIO_F_VERSION_1.",
	  .needs = NEED_REGS | NEED_AGREED, .at = AT(OFFER_READ), .check = version_1_missing,
	  .wrong = "device_feature[1] = 0" },
	{ DEVICE_MUST, .id = "offer-without-prerequisite", .section = "2.2.2", .refs = "FEAT-V1",
	  .text = "The device offers a feature only together with the features it requires.",
	  .needs = NEED_REGS | NEED_AGREED, .at = AT(OFFER_READ), .check = offer_prerequisite,
	  .wrong = "a net device offers MQ without CTRL_VQ" },
	{ DEVICE_SUSPICIOUS, .id = "feature-undefined-offered", .section = "2.2.2",
	  .refs = "FEAT-V3",
	  .text = "The device offers no feature bits that version 1.4 of the specification does "
		  "not define.",
	  .needs = NEED_REGS | NEED_AGREED, .at = AT(OFFER_READ), .check = offered_kind,
	  .wrong = "a block device offers bit 20" },
	{ DEVICE_MUST, .id = "offer-changed", .section = "4.1.4.3.1", .refs = "COMMON-V3",
	  .text = "device_feature reads the same each time.", .needs = NEED_REGS | NEED_LIFE,
	  .at = AT(OFFER_READ), .check = offer_changed,
	  .wrong = "device_feature[0] = 0x44, and later 0x40" },
	{ DEVICE_MUST, .id = "accepted-not-shown", .section = "4.1.4.3.1", .refs = "COMMON-V4",
	  .text = "driver_feature reads back the valid bits that the driver wrote.",
	  .needs = NEED_REGS | NEED_LIFE, .at = AT(FEATURE_READ), .check = accept_lost,
	  .wrong = "driver_feature[0] <- 0x44, = 0x40" },
	{ DEVICE_SHOULD, .id = "valid-features-refused", .section = "2.2.2", .refs = "FEAT-V2",
	  .text = "The device accepts any valid subset of the features it offers.",
	  .needs = NEED_REGS | NEED_LIFE, .at = AT(STATUS_READ), .check = valid_refused,
	  .wrong = "FEATURES_OK is cleared though all is offered and complete" },
	{ DEVICE_MUST, .id = "invalid-features-agreed", .section = "2.2.2", .refs = "FEAT-V2",
	  .text = "The device clears FEATURES_OK when the driver has accepted features that it "
		  "does not offer.",
	  .needs = NEED_REGS | NEED_LIFE, .at = AT(STATUS_READ), .check = invalid_agreed,
	  .wrong = "a bit is accepted that is not offered, FEATURES_OK stays" },
	{ DEVICE_SHOULD, .id = "features-agreed-before", .section = "2.2.2", .refs = "FEAT-V4",
	  .text = "The device accepts a set of features that it accepted before the last reset.",
	  .needs = NEED_REGS | NEED_LIFE, .at = AT(STATUS_READ), .check = agreed_before,
	  .wrong = "the same features: FEATURES_OK stayed, after a reset it does not" },
	{ DEVICE_MUST, .id = "any-layout-not-offered", .section = "6.3", .refs = "BITS-B1",
	  .text = "A transitional device offers VIRTIO_F_ANY_LAYOUT through its legacy interface.",
	  .needs = NEED_REGS | NEED_PCI | NEED_AGREED, .at = AT(OFFER_READ),
	  .check = any_layout_missing, .wrong = "legacy features without bit 27" },
	{ DRIVER_SUSPICIOUS, .id = "any-layout-refused", .section = "6.3", .refs = "BITS-B1",
	  .text = "A transitional driver accepts VIRTIO_F_ANY_LAYOUT; many do not, and keep to "
		  "the old layout.",
	  .needs = NEED_REGS | NEED_AGREED, .at = AT(STATUS_WRITE), .check = any_layout_refused,
	  .arg = VIRTIO_F_ANY_LAYOUT, .wrong = "bit 27 is offered and ignored" },
	{ DRIVER_SHOULD, .id = "bit-30-accepted", .section = "6.3", .refs = "BITS-B2",
	  .text = "The driver does not accept bit 30, which detects drivers that accept whatever "
		  "is offered.",
	  .needs = NEED_REGS | NEED_AGREED, .at = AT(STATUS_WRITE), .check = unused_bit,
	  .wrong = "driver_feature[0] <- 0x40000000" },
	{ DRIVER_MUST, .id = "sr-iov-without-capability", .section = "6.1", .refs = "BITS-D9",
	  .text = "The driver accepts VIRTIO_F_SR_IOV only on a function with an SR-IOV capability.",
	  .needs = NEED_REGS | NEED_PCI | NEED_AGREED, .at = AT(STATUS_WRITE),
	  .check = sriov_unfounded,
	  .wrong = "bit 37 is accepted, no capability 0x10 in extended space" },
	{ DEVICE_MUST, .id = "sr-iov-offer", .section = "6.2", .refs = "BITS-V9",
	  .text = "The device offers VIRTIO_F_SR_IOV only if it has an SR-IOV capability.",
	  .needs = NEED_REGS | NEED_PCI | NEED_AGREED, .at = AT(STATUS_WRITE),
	  .check = sriov_unfounded,
	  .wrong = "bit 37 is offered, no capability 0x10 in extended space" },
	{ DRIVER_MUST, .id = "sr-iov-enabled-early", .section = "6.1", .refs = "BITS-D10",
	  .text = "The driver enables virtual functions only after negotiating VIRTIO_F_SR_IOV.",
	  .needs = NEED_REGS | NEED_PCI | NEED_LIFE, .at = AT(PCI_WRITE), .check = sriov_enabled,
	  .wrong = "VF Enable is set before FEATURES_OK" },
};

const struct rule_table rules_features = {
	RULES(rows),
	.why = "A feature bit changes the meaning of registers, rings or requests. Unless both sides agree\n"
	       "on exactly the same set, one reads memory in another way than the other wrote it.",
	.right = "device_feature_select <- 0, read device_feature; the same for 1\n"
		 "driver_feature <- what is offered AND understood, with everything it requires\n"
		 "FEATURES_OK set and still there when read again\n",
};
