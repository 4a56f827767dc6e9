/* SPDX-License-Identifier: MIT */
/* A register access in words. */
#include <inttypes.h>
#include <linux/pci_regs.h>
#include <string.h>

#include "decoder/print/impl.h"

static void put_value(struct text *t, const struct event *e)
{
	const struct vqt_reg *r = &e->rec->reg;
	char buf[256];

	if (r->flags & VQT_REG_FAILED) {
		text_puts(t, "(refused)");
	} else if (e->field && e->field->kind == SPEC_FEATURES && r->width == 4) {
		class_put_features(t, e->dev ? e->dev->virtio_id : 0, e->select, (uint32_t)r->value,
				   "|");
		text_add(t, (uint32_t)r->value ? " (0x%08x)" : "none", (uint32_t)r->value);
	} else if (e->field && !e->field_offset && r->width >= e->field->width &&
		   e->field->kind != SPEC_BYTES) {
		uint64_t mask = e->field->width >= 8 ? ~0ULL : (1ULL << 8 * e->field->width) - 1;

		text_puts(t, class_format_value(buf, sizeof(buf), e->field,
						e->dev ? e->dev->virtio_id : 0, r->value & mask));
		if (r->width > e->field->width)
			text_add(t, " (0x%" PRIx64 " over %u bytes)", r->value, r->width);
	} else {
		text_add(t, "0x%0*" PRIx64, 2 * (r->width <= 8 ? r->width : 8), r->value);
	}
}

static void queue_enabled(struct text *t, const struct event *e)
{
	const struct model_queue *q = e->queue;

	text_add(t, "queue %u: enable, size %u, desc 0x%" PRIx64 " %s 0x%" PRIx64 " %s 0x%" PRIx64,
		 q->index, q->size, q->desc, q->packed ? "driver" : "avail", q->driver,
		 q->packed ? "device" : "used", q->device);
	if (q->vector != VQT_NO_VECTOR)
		text_add(t, ", vector %u", q->vector);
}

/* "pci.COMMON_CFG." or "pci.MSIX.": the capability an access falls into. */
static void put_capability(struct text *t, const struct event *e)
{
	const uint8_t *cap = e->dev->pci + e->pci_cap;
	const char *name = spec_name_of(spec_pci_caps, cap[0]);

	if (cap[0] == PCI_CAP_ID_VNDR && spec_name_of(spec_cap_types, cap[3]))
		name = spec_name_of(spec_cap_types, cap[3]);
	if (name)
		text_add(t, "pci.%s.", name);
	else
		text_add(t, "pci.cap 0x%02x.", cap[0]);
}

static void put_register_name(struct text *t, const struct event *e)
{
	const struct vqt_reg *r = &e->rec->reg;
	const struct spec_field *f = e->field;

	if (f && f->flags & SPEC_PER_QUEUE)
		text_add(t, "queue %u: ", e->select);
	if (!f) {
		text_add(t, "%s+0x%x", spec_region_name(r->region), r->offset);
		return;
	}
	if (r->region == VQT_REGION_MSIX_TABLE)
		text_add(t, "msix[%u].", r->offset / 16);
	else if (e->pci_cap)
		put_capability(t, e);
	else if (r->region == VQT_REGION_PCI || r->region == VQT_REGION_DEVICE)
		text_add(t, "%s.", r->region == VQT_REGION_PCI ? "pci" : "config");
	text_puts(t, f->name);
	if (f->kind == SPEC_FEATURES)
		text_add(t, "[%u]", e->select);
	else if (e->field_offset && f->width == 8 && e->field_offset == 4)
		text_puts(t, ".hi");
	else if (!e->field_offset && f->width == 8 && r->width == 4)
		text_puts(t, ".lo");
	else if (e->field_offset)
		text_add(t, "+%u", e->field_offset);
}

/* Fields laid out like the region (or capability) of an access, and where they begin. */
static const struct spec_fields *layout(const struct event *e, uint32_t *base)
{
	const struct vqt_reg *r = &e->rec->reg;

	*base = e->pci_cap;
	if (e->pci_cap)
		return spec_pci_cap_fields(e->dev->pci[e->pci_cap], e->dev->pci[e->pci_cap + 3]);
	return class_region_fields(r->region, e->dev ? e->dev->virtio_id : 0);
}

/* An access to several fields at once: each by name. False if it is not one. */
static bool put_several(struct text *t, const struct event *e, const char *sign)
{
	const struct vqt_reg *r = &e->rec->reg;
	uint32_t base, at = r->offset, end = at + r->width;
	const struct spec_fields *fields = layout(e, &base);
	const char *sep = "";
	char buf[256];

	if ((r->region != VQT_REGION_PCI && r->region != VQT_REGION_COMMON) || !e->field ||
	    e->field_offset || r->width > 8 || r->width <= e->field->width)
		return false;
	while (at < end) {
		const struct spec_field *f = spec_fields_at(fields, at - base, 1);

		if (!f || f->offset != at - base || f->width > end - at)
			break;
		text_puts(t, sep);
		if (e->pci_cap)
			put_capability(t, e);
		text_add(t, "%s %s %s", f->name, sign,
			 class_format_value(buf, sizeof(buf), f, 0,
					    r->value >> 8 * (at - r->offset) &
						    ((1ULL << 8 * f->width) - 1)));
		sep = ", ";
		at += f->width;
	}
	if (at < end)
		text_add(t, "%s... (0x%0*" PRIx64 " over %u bytes)", sep, 2 * r->width, r->value,
			 r->width);
	return true;
}

void print_register(struct text *t, const struct event *e, bool ascii)
{
	const struct vqt_reg *r = &e->rec->reg;
	bool write = r->op == VQT_WRITE;
	const char *sign = !write ? "=" : ascii ? "<-" : "←";

	if (write && e->queue && e->field && e->field->id == SPEC_REG_QUEUE_ENABLE &&
	    r->value == 1) {
		queue_enabled(t, e);
		return;
	}
	if (!put_several(t, e, sign)) {
		put_register_name(t, e);
		text_add(t, " %s ", sign);
		put_value(t, e);
	}
	if (r->flags & VQT_REG_VIA_CFG)
		text_puts(t, " (through the PCI configuration window)");
}
