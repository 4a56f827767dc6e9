/* SPDX-License-Identifier: MIT */
/* Feature negotiation: 2.2, 6. */
#include <linux/pci_regs.h>
#include <stdio.h>

#include "decoder/check/impl.h"

#define FEATURES_OK VIRTIO_CONFIG_S_FEATURES_OK
#define DRIVER_OK VIRTIO_CONFIG_S_DRIVER_OK

static const char *name(const struct rule_context *ctx, unsigned bit)
{
	static _Thread_local char buf[2][48];
	static _Thread_local unsigned n;
	const struct spec_feature *f = spec_feature(ctx->dev->virtio_id, bit);
	char *to = buf[n++ & 1];

	if (f)
		return f->name;
	snprintf(to, sizeof(buf[0]), "bit %u", bit);
	return to;
}

/* The moment of truth: FEATURES_OK, or DRIVER_OK where the interface has no such step. */
static bool settles(const struct rule_context *ctx)
{
	uint8_t now = (uint8_t)reg(ctx)->value & (uint8_t)~ctx->e->status_before;

	return now & (reg(ctx)->region == VQT_REGION_LEGACY ? DRIVER_OK : FEATURES_OK);
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
	rule_related(ctx, ctx->d->n_offer, "the features offered");
	return rule_fail(ctx, "%s was accepted and is not offered",
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
		f = spec_feature(ctx->dev->virtio_id, bit);
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
	rule_related(ctx, ctx->d->n_feature_write, "the features accepted");
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
		    spec_feature_kind(ctx->dev->virtio_id, bit, ctx->dev->transport) ==
			    ctx->rule->arg) {
			rule_related(ctx, ctx->d->n_feature_write, "the features accepted");
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
		kind = spec_feature_kind(ctx->dev->virtio_id, bit, ctx->dev->transport);
		if (kind == SPEC_FEATURE_RESERVED || kind == SPEC_FEATURE_UNDEFINED ||
		    kind == SPEC_FEATURE_TRANSPORT)
			return rule_fail(ctx, "%s is offered, which version 1.4 does not know here",
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
	rule_related(ctx, ctx->d->n_offer, "the features offered");
	rule_related(ctx, ctx->d->n_feature_write, "the features accepted");
	return rule_fail(ctx, "%s is offered and was not accepted", name(ctx, bit));
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
	rule_related(ctx, ctx->d->n_feature_write, "the features accepted");
	return rule_fail(ctx, "bit 30 was accepted");
}

static enum verdict offer_changed(struct rule_context *ctx)
{
	if (!ctx->e->before_known || !(ctx->d->offer_read >> ctx->e->select & 1) || ctx->d->legacy)
		return RULE_NA;
	if ((uint32_t)ctx->e->before == (uint32_t)reg(ctx)->value || reg(ctx)->width != 4)
		return RULE_PASSED;
	rule_related(ctx, ctx->d->n_offer, "the features offered before");
	return rule_fail(ctx, "device_feature[%u] reads 0x%08x and read 0x%08x before",
			 ctx->e->select, (uint32_t)reg(ctx)->value, (uint32_t)ctx->e->before);
}

static enum verdict accept_lost(struct rule_context *ctx)
{
	unsigned word = ctx->e->select;
	uint32_t lost;

	if (word > 3 || !ctx->e->before_known || !(ctx->d->accept_written >> word & 1) ||
	    !(ctx->dev->offered_known >> word & 1) || reg(ctx)->width != 4)
		return RULE_NA;
	lost = (uint32_t)ctx->e->before & ~(uint32_t)reg(ctx)->value &
	       (uint32_t)(ctx->dev->offered[word / 2] >> (32 * (word % 2)));
	if (!lost)
		return RULE_PASSED;
	rule_related(ctx, ctx->d->n_feature_write, "the features accepted");
	return rule_fail(ctx,
			 "driver_feature[%u] reads without 0x%08x, which was offered and written",
			 word, lost);
}

/* What the device did with FEATURES_OK: only the first read after it tells. */
static bool answers(const struct rule_context *ctx)
{
	return ctx->d->n_features_ok && !ctx->d->features_checked && !ctx->d->reset_wait &&
	       (ctx->dev->offered_known & 3) == 3;
}

static bool within_offer(const struct rule_context *ctx)
{
	return !(ctx->dev->accepted[0] & ~ctx->dev->offered[0]) &&
	       !(ctx->dev->accepted[1] & ~ctx->dev->offered[1]);
}

/* Features a device may insist on (6.2), and those a model of disk needs (5.2.5.2). */
static bool may_insist(const struct rule_context *ctx)
{
	static const unsigned bits[] = { VIRTIO_F_VERSION_1, VIRTIO_F_ACCESS_PLATFORM,
					 VIRTIO_F_ORDER_PLATFORM };

	for (size_t i = 0; i < sizeof(bits) / sizeof(bits[0]); i++)
		if (offered(ctx, bits[i]) && !accepted(ctx, bits[i]))
			return true;
	return ctx->dev->virtio_id == VIRTIO_ID_BLOCK && offered(ctx, 17) && !accepted(ctx, 17);
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
	rule_related(ctx, ctx->d->n_feature_write, "the features accepted");
	rule_related(ctx, ctx->d->n_features_ok, "FEATURES_OK set");
	return rule_fail(ctx, "FEATURES_OK was refused for a valid subset of what is offered");
}

static enum verdict invalid_agreed(struct rule_context *ctx)
{
	if (!answers(ctx))
		return RULE_NA;
	if (within_offer(ctx))
		return RULE_PASSED;
	if (!(reg(ctx)->value & FEATURES_OK))
		return RULE_PASSED;
	rule_related(ctx, ctx->d->n_feature_write, "the features accepted");
	rule_related(ctx, ctx->d->n_features_ok, "FEATURES_OK set");
	return rule_fail(ctx,
			 "FEATURES_OK stayed although features were accepted that are not offered");
}

static enum verdict agreed_before(struct rule_context *ctx)
{
	if (!answers(ctx) || !ctx->d->ok_set_known ||
	    memcmp(ctx->d->ok_set, ctx->dev->accepted, sizeof(ctx->d->ok_set)))
		return RULE_NA;
	if (reg(ctx)->value & FEATURES_OK)
		return RULE_PASSED;
	rule_related(ctx, ctx->d->n_ok_set, "the same features agreed to");
	rule_related(ctx, ctx->d->n_features_ok, "FEATURES_OK set");
	return rule_fail(ctx, "FEATURES_OK was refused for features that were agreed to before");
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

static enum verdict sriov_accepted(struct rule_context *ctx)
{
	unsigned at;

	if (!settles(ctx) || !accepted(ctx, VIRTIO_F_SR_IOV))
		return RULE_NA;
	if (sriov_cap(ctx, &at))
		return RULE_PASSED;
	return rule_fail(ctx,
			 "VIRTIO_F_SR_IOV was accepted and the function has no SR-IOV capability");
}

static enum verdict sriov_offered(struct rule_context *ctx)
{
	unsigned at;
	int cap;

	if (!settles(ctx) || !offered_known(ctx, VIRTIO_F_SR_IOV))
		return RULE_NA;
	cap = sriov_cap(ctx, &at);
	if (cap < 0 || !offered(ctx, VIRTIO_F_SR_IOV))
		return cap < 0 ? RULE_NA : RULE_PASSED;
	if (cap)
		return RULE_PASSED;
	return rule_fail(ctx,
			 "VIRTIO_F_SR_IOV is offered and the function has no SR-IOV capability");
}

static enum verdict sriov_enabled(struct rule_context *ctx)
{
	unsigned at;

	if (sriov_cap(ctx, &at) != 1 || reg(ctx)->offset != at + PCI_SRIOV_CTRL ||
	    !(reg(ctx)->value & PCI_SRIOV_CTRL_VFE))
		return RULE_NA;
	if (ctx->d->ok_set_known && ctx->d->ok_set[0] >> VIRTIO_F_SR_IOV & 1)
		return RULE_PASSED;
	return rule_fail(ctx,
			 "virtual functions were enabled and VIRTIO_F_SR_IOV was never negotiated");
}

static const struct explanation offer = {
	.why = "A feature bit changes the meaning of registers, rings or requests. Unless both sides hold\n"
	       "exactly the same set, one of them reads memory in a way the other did not write it.",
	.right = "device_feature_select <- 0, read device_feature; the same for 1\n"
		 "driver_feature <- what is offered AND understood, with everything it requires\n"
		 "FEATURES_OK set and still there when read again\n",
};

#define DRIVER CHECK_DRIVER, CHECK_MUST, 0
#define DRIVER_SHOULD CHECK_DRIVER, CHECK_SHOULD, 0
#define DEVICE CHECK_DEVICE, CHECK_MUST, 0
#define WRITE NEED_REGS | NEED_AGREED, AT(STATUS_WRITE)

const struct rule rules_features[] = {
	{ "feature-not-offered", "FEAT-D1 T08", DRIVER, "2.2.1",
	  "The driver accepts only what the device offers.", NEED_REGS | NEED_AGREED,
	  AT(FEATURE_WRITE), not_offered, 0, &offer,
	  "device_feature[0] = 0x44, driver_feature[0] <- 0x46" },
	{ "feature-without-prerequisite", "FEAT-D1 T08", DRIVER, "2.2.1",
	  "Whoever accepts a feature accepts those it requires.", WRITE, prerequisite, 0, &offer,
	  "a net driver accepts GUEST_TSO4 without GUEST_CSUM" },
	{ "feature-reserved-accepted", "FEAT-D3 FEAT-D4", DRIVER, "2.2.1",
	  "Bits that are reserved or that the specification does not describe are not accepted.",
	  WRITE, accepted_kind, SPEC_FEATURE_RESERVED, &offer, "bit 44 is accepted" },
	{ "feature-other-transport-accepted", "FEAT-D5", DRIVER, "2.2.1",
	  "Bits that this transport does not support are not accepted.", WRITE, accepted_kind,
	  SPEC_FEATURE_TRANSPORT, &offer, "SR_IOV is accepted on virtio-mmio" },
	{ "feature-undefined-accepted", "FEAT-D6 FEAT-D3", DRIVER, "2.2.1",
	  "Bits that the device type does not define are not accepted.", WRITE, accepted_kind,
	  SPEC_FEATURE_UNDEFINED, &offer, "a block driver accepts bit 20" },
	{ "version-1-refused", "BITS-D1 PCILEG-D1 T07", DRIVER, "6.1",
	  "VIRTIO_F_VERSION_1 is accepted when it is offered.", WRITE, refused, VIRTIO_F_VERSION_1,
	  &offer, "driver_feature[1] <- 0" },
	{ "access-platform-refused", "BITS-D3 T09", DRIVER_SHOULD, "6.1",
	  "VIRTIO_F_ACCESS_PLATFORM is accepted when it is offered: without it addresses may mean "
	  "nothing to the device.",
	  WRITE, refused, VIRTIO_F_ACCESS_PLATFORM, &offer, "bit 33 is offered and ignored" },
	{ "packed-refused", "BITS-D5", DRIVER_SHOULD, "6.1",
	  "VIRTIO_F_RING_PACKED is accepted when it is offered.", WRITE, refused,
	  VIRTIO_F_RING_PACKED, &offer, "bit 34 is offered and ignored" },
	{ "order-platform-refused", "BITS-D6", DRIVER_SHOULD, "6.1",
	  "VIRTIO_F_ORDER_PLATFORM is accepted when it is offered.", WRITE, refused,
	  VIRTIO_F_ORDER_PLATFORM, &offer, "bit 36 is offered and ignored" },
	{ "notif-config-data-refused", "BITS-D12", DRIVER_SHOULD, "6.1",
	  "VIRTIO_F_NOTIF_CONFIG_DATA is accepted when it is offered.", WRITE, refused,
	  VIRTIO_F_NOTIF_CONFIG_DATA, &offer, "bit 39 is offered and ignored" },
	{ "version-1-not-offered", "BITS-V1", DEVICE, "6.2",
	  "A device with the modern registers offers VIRTIO_F_VERSION_1.", NEED_REGS | NEED_AGREED,
	  AT(OFFER_READ), version_1_missing, 0, &offer, "device_feature[1] = 0" },
	{ "offer-without-prerequisite", "FEAT-V1", DEVICE, "2.2.2",
	  "Whatever a device offers, it offers what that requires.", NEED_REGS | NEED_AGREED,
	  AT(OFFER_READ), offer_prerequisite, 0, &offer, "a net device offers MQ without CTRL_VQ" },
	{ "feature-undefined-offered", "FEAT-V3", CHECK_DEVICE, CHECK_SUSPICIOUS, 0, "2.2.2",
	  "A device offers features of the specification, this or a later one, only.",
	  NEED_REGS | NEED_AGREED, AT(OFFER_READ), offered_kind, 0, &offer,
	  "a block device offers bit 20" },
	{ "offer-changed", "COMMON-V3", DEVICE, "4.1.4.3.1",
	  "What is offered does not change between reads.", NEED_REGS | NEED_LIFE, AT(OFFER_READ),
	  offer_changed, 0, &offer, "device_feature[0] = 0x44, and later 0x40" },
	{ "accepted-not-shown", "COMMON-V4", DEVICE, "4.1.4.3.1",
	  "driver_feature reads back the valid bits that were written.", NEED_REGS | NEED_LIFE,
	  AT(FEATURE_READ), accept_lost, 0, &offer, "driver_feature[0] <- 0x44, = 0x40" },
	{ "valid-features-refused", "FEAT-V2", CHECK_DEVICE, CHECK_SHOULD, 0, "2.2.2",
	  "A device agrees to any valid subset of what it offers.", NEED_REGS | NEED_LIFE,
	  AT(STATUS_READ), valid_refused, 0, &offer,
	  "FEATURES_OK is cleared though all is offered and complete" },
	{ "invalid-features-agreed", "FEAT-V2", DEVICE, "2.2.2",
	  "A device does not keep FEATURES_OK when features were accepted that it does not offer.",
	  NEED_REGS | NEED_LIFE, AT(STATUS_READ), invalid_agreed, 0, &offer,
	  "a bit is accepted that is not offered, FEATURES_OK stays" },
	{ "features-agreed-before", "FEAT-V4", CHECK_DEVICE, CHECK_SHOULD, 0, "2.2.2",
	  "Features that were agreed to once are agreed to again after a reset.",
	  NEED_REGS | NEED_LIFE, AT(STATUS_READ), agreed_before, 0, &offer,
	  "the same features: FEATURES_OK stayed, after a reset it does not" },
	{ "any-layout-not-offered", "BITS-B1", DEVICE, "6.3",
	  "A transitional device offers VIRTIO_F_ANY_LAYOUT through its legacy interface.",
	  NEED_REGS | NEED_PCI | NEED_AGREED, AT(OFFER_READ), any_layout_missing, 0, &offer,
	  "legacy features without bit 27" },
	{ "any-layout-refused", "BITS-B1", CHECK_DRIVER, CHECK_SUSPICIOUS, 0, "6.3",
	  "A transitional driver accepts VIRTIO_F_ANY_LAYOUT; drivers that do not are common and keep "
	  "to the old layout.",
	  WRITE, any_layout_refused, VIRTIO_F_ANY_LAYOUT, &offer, "bit 27 is offered and ignored" },
	{ "bit-30-accepted", "BITS-B2", DRIVER_SHOULD, "6.3",
	  "Bit 30 finds drivers that take whatever is offered; it is not to be accepted.", WRITE,
	  unused_bit, 0, &offer, "driver_feature[0] <- 0x40000000" },
	{ "sr-iov-without-capability", "BITS-D9", DRIVER, "6.1",
	  "VIRTIO_F_SR_IOV is for functions with an SR-IOV capability.",
	  NEED_REGS | NEED_PCI | NEED_AGREED, AT(STATUS_WRITE), sriov_accepted, 0, &offer,
	  "bit 37 is accepted, no capability 0x10 in extended space" },
	{ "sr-iov-offer", "BITS-V9", DEVICE, "6.2",
	  "VIRTIO_F_SR_IOV is offered only by functions with an SR-IOV capability.",
	  NEED_REGS | NEED_PCI | NEED_AGREED, AT(STATUS_WRITE), sriov_offered, 0, &offer,
	  "bit 37 is offered, no capability 0x10 in extended space" },
	{ "sr-iov-enabled-early", "BITS-D10", DRIVER, "6.1",
	  "Virtual functions are enabled after VIRTIO_F_SR_IOV was negotiated.",
	  NEED_REGS | NEED_PCI | NEED_LIFE, AT(PCI_WRITE), sriov_enabled, 0, &offer,
	  "VF Enable is set before FEATURES_OK" },
	ROW_END,
};
