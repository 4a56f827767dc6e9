/* SPDX-License-Identifier: MIT */
/* How registers are accessed: 4.1.3.1, 4.1.4.3. */
#include <inttypes.h>

#include "decoder/check/impl.h"

static bool by_rows(const struct look *l)
{
	return reg(l)->region == VQT_REGION_COMMON || reg(l)->region == VQT_REGION_DEVICE;
}

static const char *op(const struct look *l)
{
	return is_write(l) ? "write to" : "read of";
}

static enum verdict read_only(struct look *l)
{
	if (!is_write(l) || !l->e->field || reg(l)->region == VQT_REGION_MMIO)
		return RULE_NA;
	if ((reg(l)->region == VQT_REGION_LEGACY) != (l->rule->arg != 0))
		return RULE_NA;
	if (!(l->e->field->flags & SPEC_RO))
		return RULE_HELD;
	return fail(l, "%s is read-only and 0x%" PRIx64 " was written to it", l->e->field->name,
		    reg(l)->value);
}

/* 4.1.3.1: the width of the field, aligned; 64-bit fields in halves. */
static enum verdict width(struct look *l)
{
	const struct spec_field *f = l->e->field;
	unsigned want;

	if (!by_rows(l) || !f || f->kind == SPEC_BYTES || f->width > 8)
		return RULE_NA;
	want = f->width == 8 ? 4 : f->width;
	if (f->width == 8 && reg(l)->width == 8 && !l->e->field_offset)
		return RULE_NA; /* a rule of its own */
	if (reg(l)->width == want && !(l->e->field_offset % want))
		return RULE_HELD;
	return fail(l, "a %u-byte %s %s, which has %u byte%s, at offset %u in it", reg(l)->width,
		    op(l), f->name, f->width, f->width == 1 ? "" : "s", l->e->field_offset);
}

static enum verdict whole_64(struct look *l)
{
	const struct spec_field *f = l->e->field;

	if (!by_rows(l) || !f || f->width != 8 || f->kind == SPEC_BYTES)
		return RULE_NA;
	if (reg(l)->width != 8)
		return RULE_HELD;
	return fail(l, "an 8-byte %s %s", op(l), f->name);
}

static enum verdict nowhere(struct look *l)
{
	if (reg(l)->region != VQT_REGION_COMMON)
		return RULE_NA;
	if (l->e->field)
		return RULE_HELD;
	return fail(l,
		    "a %u-byte %s the common configuration at offset 0x%x, where there is no field",
		    reg(l)->width, op(l), reg(l)->offset);
}

static const struct {
	unsigned feature;
	const char *field;
} optional[] = {
	{ F_NOTIF_CONFIG_DATA, "queue_notif_config_data" },
	{ VIRTIO_F_RING_RESET, "queue_reset" },
	{ F_ADMIN_VQ, "admin_queue_index" },
	{ F_ADMIN_VQ, "admin_queue_num" },
};

static enum verdict without_feature(struct look *l)
{
	if (reg(l)->region != VQT_REGION_COMMON || !l->e->field || l->e->field->feature < 0)
		return RULE_NA;
	for (size_t i = 0; i < sizeof(optional) / sizeof(optional[0]); i++) {
		if (!field_is(l, optional[i].field) || !offered_known(l, optional[i].feature))
			continue;
		if (offered(l, optional[i].feature))
			return RULE_HELD;
		also(l, l->d->n_offer, "the features offered");
		return fail(l, "a %s %s, whose feature is not offered", op(l), l->e->field->name);
	}
	return RULE_NA;
}

static enum verdict admin_range(struct look *l)
{
	uint64_t index = reg(l)->value;

	if (!accepted(l, F_ADMIN_VQ) || !l->d->num_queues_known)
		return RULE_NA;
	if (field_is(l, "admin_queue_num") && l->d->admin_index_known) {
		if (index + l->d->admin_index <= 0x10000)
			return RULE_HELD;
		return fail(l, "admin_queue_num is %" PRIu64 " and admin_queue_index %u", index,
			    l->d->admin_index);
	}
	if (!field_is(l, "admin_queue_index"))
		return RULE_NA;
	if (index >= l->d->num_queues)
		return RULE_HELD;
	return fail(l, "admin_queue_index is %" PRIu64 " and num_queues %u", index,
		    l->d->num_queues);
}

static const struct lesson access = {
	.why = "Devices decode registers by offset and width. Hypervisors split, merge or drop what they do\n"
	       "not expect: an access of another width works on one and returns 0, or another register, on\n"
	       "the next.",
	.right = "1-byte fields with 1-byte accesses, 2-byte fields with aligned 2-byte accesses\n"
		 "4- and 8-byte fields with aligned 4-byte accesses, low half first\n",
};

#define DRIVER CHECK_DRIVER, CHECK_MUST, 0
#define CHECK_ACCESS NEED_REGS, AT(COMMON) | AT(CONFIG_READ) | AT(CONFIG_WRITE)

const struct rule rules_common[] = {
	{ "access-width", "PCICAP-D1 T13", DRIVER, "4.1.3.1",
	  "A field is accessed in its own width and aligned, 64-bit ones by 32-bit halves.",
	  CHECK_ACCESS, width, 0, &access, "a 4-byte read of device_status" },
	{ "access-64-bit", "PCICAP-D1", CHECK_DRIVER, CHECK_SUSPICIOUS, 0, "4.1.3.1",
	  "64-bit fields are accessed by 32-bit halves; whole accesses mostly work and are not promised.",
	  CHECK_ACCESS, whole_64, 0, &access, "an 8-byte write to queue_desc" },
	{ "access-nowhere", "T13", CHECK_DRIVER, CHECK_STRUCTURAL, 0, "4.1.4.3",
	  "Accesses to the common configuration are to fields it has.", NEED_REGS, AT(COMMON),
	  nowhere, 0, &access, "a read at offset 0x80" },
	{ "read-only-written", "COMMON-D1", DRIVER, "4.1.4.3.2",
	  "device_feature, num_queues, config_generation, queue_notify_off and queue_notif_config_data "
	  "are not written.",
	  NEED_REGS, AT(COMMON), read_only, 0, &access, "num_queues <- 4" },
	{ "legacy-read-only-written", "T10", CHECK_DRIVER, CHECK_STRUCTURAL, 0, "4.1.4.10",
	  "In the legacy interface features of the device and queue sizes are the device's to say.",
	  NEED_REGS, AT(COMMON), read_only, 1, &access, "the legacy queue_size <- 64" },
	{ "register-without-feature", "T08", CHECK_DRIVER, CHECK_STRUCTURAL, 0, "4.1.4.3",
	  "Registers that belong to a feature are used when it is offered.",
	  NEED_REGS | NEED_AGREED, AT(COMMON), without_feature, 0, &access,
	  "queue_reset <- 1 without VIRTIO_F_RING_RESET" },
	{ "admin-queue-range", "COMMON-V16", CHECK_DEVICE, CHECK_MUST, 0, "4.1.4.3.1",
	  "Administration queues are numbered beyond all others.", NEED_REGS | NEED_AGREED,
	  AT(COMMON), admin_range, 0, &access, "num_queues = 3, admin_queue_index = 2" },
	ROW_END,
};
