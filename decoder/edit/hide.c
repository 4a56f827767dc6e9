/* SPDX-License-Identifier: MIT */
#include "decoder/edit/hide.h"

#include <linux/pci_regs.h>
#include <linux/virtio_pci.h>
#include <linux/virtio_ring.h>
#include <string.h>

#define MMIO_CONFIG 0x100 /* 4.2.2 */

/* --- device configuration ----------------------------------------------------------- */

/* What is shown for a byte of the configuration of d (NULL: unknown) at offset `at`. */
static uint8_t config_byte(const struct model_device *d, uint32_t at, uint8_t byte)
{
	const struct spec_field *f =
		d ? class_config_at(d->class, d->config, sizeof(d->config), at, 1) : NULL;

	if (class_config_shown(f))
		return byte;
	return f && f->instead ? f->instead[at - f->offset] : 0;
}

static void hide_config(const struct model_device *d, uint32_t offset, uint8_t *bytes, size_t n)
{
	for (size_t k = 0; k < n; k++)
		bytes[k] = config_byte(d, offset + (uint32_t)k, bytes[k]);
}

void hide_state(const struct event *e, uint8_t *rec, size_t len)
{
	hide_config(e->dev, 0, rec + sizeof(struct vqt_device_state),
		    len - sizeof(struct vqt_device_state));
}

/* Whether MSI-X is known to be on or off: it moves the legacy device configuration. */
static bool msix_known(const struct model_device *d)
{
	unsigned cap = model_pci_cap(d, PCI_CAP_ID_MSIX, 0);

	/* It is off until a write that this trace would have. */
	return !(d->flags & VQT_DEV_LATE) ||
	       (cap && d->pci_known[(cap + 3) / 8] >> (cap + 3) % 8 & 1);
}

static void hide_legacy(const struct model_device *d, uint32_t offset, uint8_t *bytes, size_t n)
{
	uint32_t without = spec_legacy_config_base(0), with = spec_legacy_config_base(1);
	bool known = d && msix_known(d);

	for (size_t k = 0; k < n; k++) {
		uint32_t at = offset + (uint32_t)k;

		if (at >= without && !(known && d->msix))
			bytes[k] = config_byte(d, at - without, bytes[k]);
		if (at >= with && !(known && !d->msix))
			bytes[k] = config_byte(d, at - with, bytes[k]);
	}
}

/* A field of a capability in PCI configuration space; false: not all of it is known. */
static bool cap_field(const struct model_device *d, unsigned at, unsigned width, uint32_t *value)
{
	*value = 0;
	for (unsigned i = 0; i < width; i++) {
		if (at + i >= sizeof(d->pci) || !(d->pci_known[(at + i) / 8] >> (at + i) % 8 & 1))
			return false;
		*value |= (uint32_t)d->pci[at + i] << 8 * i;
	}
	return true;
}

static bool cap_place(const struct model_device *d, unsigned cap, uint32_t *bar, uint32_t *offset)
{
	return cap_field(d, cap + offsetof(struct virtio_pci_cap, bar), 1, bar) &&
	       cap_field(d, cap + offsetof(struct virtio_pci_cap, offset), 4, offset);
}

/*
 * The window to other regions (4.1.4.9): where in the device configuration it stands; -1
 * elsewhere, -2 unknown.
 */
static int64_t window_in_config(const struct model_device *d, unsigned cap)
{
	uint32_t bar, offset, type, its_bar, its_offset, length;
	unsigned other;

	if (!cap || !cap_place(d, cap, &bar, &offset))
		return -2;
	for (unsigned n = 0; (other = model_pci_cap(d, PCI_CAP_ID_VNDR, n)); n++) {
		if (!cap_field(d, other + offsetof(struct virtio_pci_cap, cfg_type), 1, &type))
			return -2;
		if (type != VIRTIO_PCI_CAP_DEVICE_CFG)
			continue;
		if (!cap_place(d, other, &its_bar, &its_offset) ||
		    !cap_field(d, other + offsetof(struct virtio_pci_cap, length), 4, &length))
			return -2;
		if (bar == its_bar && offset >= its_offset && offset - its_offset < length)
			return offset - its_offset;
		return -1;
	}
	return -2;
}

static void hide_window(const struct event *e, uint8_t *bytes, size_t n)
{
	int64_t at = window_in_config(e->dev, e->pci_cap);

	if (at == -2)
		memset(bytes, 0, n);
	else if (at >= 0)
		hide_config(e->dev, (uint32_t)at, bytes, n);
}

static void hide_value(const struct event *e, const struct vqt_reg *r, uint8_t *bytes, size_t n)
{
	switch (r->region) {
	case VQT_REGION_DEVICE: hide_config(e->dev, r->offset, bytes, n); break;
	case VQT_REGION_LEGACY: hide_legacy(e->dev, r->offset, bytes, n); break;
	case VQT_REGION_MMIO:
		if (r->offset >= MMIO_CONFIG)
			hide_config(e->dev, r->offset - MMIO_CONFIG, bytes, n);
		break;
	case VQT_REGION_PCI:
		if (e->dev && e->field && e->field->id == SPEC_REG_PCI_CFG_DATA)
			hide_window(e, bytes, n);
		else if (!e->dev || (!e->field && r->offset >= PCI_STD_HEADER_SIZEOF))
			memset(bytes, 0, n); /* serial numbers and vendors' own data, too */
		break;
	case VQT_REGION_COMMON:
	case VQT_REGION_NOTIFY:
	case VQT_REGION_ISR:
	case VQT_REGION_MSIX_TABLE:
	case VQT_REGION_MSIX_PBA: break;
	default: memset(bytes, 0, n); /* nobody knows what stands there */
	}
}

void hide_register(const struct event *e, uint8_t *rec)
{
	struct vqt_reg *r = (void *)rec;
	uint8_t bytes[sizeof(r->value)];
	unsigned n = r->width < sizeof(bytes) ? r->width : sizeof(bytes);

	for (unsigned i = 0; i < n; i++)
		bytes[i] = (uint8_t)(r->value >> 8 * i);
	hide_value(e, r, bytes, n);
	r->value = 0; /* also what is above its width */
	for (unsigned i = 0; i < n; i++)
		r->value |= (uint64_t)bytes[i] << 8 * i;
}

/* --- buffers ------------------------------------------------------------------------- */

/* Offset of a descriptor in its half of the chain, and which half that is; false: not in it. */
static bool place_of(const struct model_request *r, unsigned desc, bool *writable, uint64_t *at)
{
	if (!r || desc >= r->ndesc || r->desc[desc].flags & VRING_DESC_F_INDIRECT)
		return false;
	*at = 0;
	*writable = r->desc[desc].flags & VRING_DESC_F_WRITE;
	for (unsigned i = 0; i < desc; i++)
		if (!(r->desc[i].flags & VRING_DESC_F_INDIRECT) &&
		    !(r->desc[i].flags & VRING_DESC_F_WRITE) == !*writable)
			*at += r->desc[i].len;
	return true;
}

static void hide_segment(const struct event *e, const struct vqt_seg *seg, uint8_t *bytes)
{
	struct class_visible v = { .tail = UINT64_MAX };
	bool writable = false;
	uint64_t at = 0;

	if (e->dev && place_of(e->req, seg->desc, &writable, &at))
		v = class_visible(e->dev->class, &e->req->io, writable);
	at += seg->offset;
	for (unsigned i = 0; i < seg->len; i++, at++) {
		if (at < v.instead_len && at < v.tail)
			bytes[i] = (uint8_t)v.instead[at];
		else if (at >= v.head && at < v.tail)
			bytes[i] = 0;
	}
}

void hide_segments(const struct event *e, uint8_t *rec)
{
	size_t at = e->rec->segs ? (size_t)(e->rec->segs - e->rec->raw) : 0,
	       end = at + e->rec->segs_len;

	while (e->rec->segs && at + sizeof(struct vqt_seg) <= end) {
		struct vqt_seg seg;
		size_t room;

		memcpy(&seg, rec + at, sizeof(seg));
		at += sizeof(seg);
		room = (seg.len + 3U) & ~3U;
		if (room > end - at)
			return;
		hide_segment(e, &seg, rec + at);
		memset(rec + at + seg.len, 0, room - seg.len);
		at += room;
	}
}

/* The last byte that the device wrote is a status in some types only; in others it is data. */
void hide_status(const struct event *e, uint8_t *rec)
{
	struct vqt_used *u = (void *)rec;
	int at = e->dev ? class_status_at(e->dev->class, e->req ? &e->req->io : NULL)
			: CLASS_STATUS_NONE;

	if (u->flags & VQT_USED_STATUS &&
	    (at == CLASS_STATUS_LAST ||
	     (at >= 0 && e->req && (uint64_t)at + 1 == e->req->writable)))
		return;
	u->flags &= (uint8_t)~VQT_USED_STATUS;
	u->status = 0;
}
