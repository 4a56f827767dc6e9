/* SPDX-License-Identifier: MIT */
/*
 * Turns a device's set-up into items.
 *
 * A step (status write, reset, error) becomes an item at once.  Facts learned between steps
 * (features, fields, queue set-up) have no order: each is kept once, with its last value,
 * and they go into the stream sorted when the device goes live or is reset.  Therefore
 * polling, reading twice or reading in another order makes no difference.
 */
#include <errno.h>
#include <linux/pci_regs.h>
#include <linux/virtio_config.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/diff/impl.h"

#define PENDING_MAX 2048 /* facts between two steps; more of them are flushed in pieces */

enum treatment {
	FACT, /* compare the value */
	FACT_READ, /* compare only what the driver reads */
	FACT_SET, /* compare only whether it is not 0 */
	IGNORE, /* selectors, values that change with time, facts of other events */
	STATUS,
	QUEUE_RESET,
};

/* How to compare each register, on any transport. */
static const struct {
	enum treatment treatment;
	enum diff_class class;
} treatments[SPEC_REGS] = {
	[SPEC_REG_NONE] = { FACT, DIFF_REGISTERS },
	[SPEC_REG_DEVICE_FEATURES_SELECT] = { IGNORE, DIFF_REGISTERS },
	[SPEC_REG_DEVICE_FEATURES] = { FACT_READ, DIFF_FEATURES },
	[SPEC_REG_DRIVER_FEATURES_SELECT] = { IGNORE, DIFF_REGISTERS },
	[SPEC_REG_DRIVER_FEATURES] = { FACT, DIFF_FEATURES },
	[SPEC_REG_CONFIG_VECTOR] = { FACT, DIFF_VECTORS },
	[SPEC_REG_NUM_QUEUES] = { FACT, DIFF_REGISTERS },
	[SPEC_REG_DEVICE_STATUS] = { STATUS, DIFF_STATUS },
	[SPEC_REG_CONFIG_GENERATION] = { IGNORE, DIFF_REGISTERS },
	[SPEC_REG_ISR] = { IGNORE, DIFF_REGISTERS },
	[SPEC_REG_ISR_ACK] = { IGNORE, DIFF_REGISTERS },
	[SPEC_REG_QUEUE_SELECT] = { IGNORE, DIFF_REGISTERS },
	[SPEC_REG_QUEUE_SIZE] = { FACT, DIFF_QUEUES },
	[SPEC_REG_QUEUE_SIZE_MAX] = { FACT, DIFF_QUEUES },
	[SPEC_REG_QUEUE_ALIGN] = { FACT, DIFF_QUEUES },
	[SPEC_REG_QUEUE_VECTOR] = { FACT, DIFF_VECTORS },
	[SPEC_REG_QUEUE_ENABLE] = { FACT, DIFF_QUEUES },
	[SPEC_REG_QUEUE_NOTIFY] = { IGNORE, DIFF_REGISTERS },
	[SPEC_REG_QUEUE_NOTIFY_OFF] = { FACT, DIFF_REGISTERS },
	[SPEC_REG_QUEUE_NOTIFY_DATA] = { FACT, DIFF_REGISTERS },
	[SPEC_REG_QUEUE_DESC] = { FACT, DIFF_ADDRESSES },
	[SPEC_REG_QUEUE_DRIVER] = { FACT, DIFF_ADDRESSES },
	[SPEC_REG_QUEUE_DEVICE] = { FACT, DIFF_ADDRESSES },
	[SPEC_REG_QUEUE_PFN] = { FACT_SET, DIFF_QUEUES },
	[SPEC_REG_QUEUE_RESET] = { QUEUE_RESET, DIFF_STATUS },
	[SPEC_REG_ADMIN_QUEUE_INDEX] = { FACT, DIFF_REGISTERS },
	[SPEC_REG_ADMIN_QUEUE_NUM] = { FACT, DIFF_REGISTERS },
};

/* The subject: a register by what it is on any transport, another field by its name. */
static uint64_t hash_subject(const struct diff_item *t)
{
	uint64_t h = hash_mix(t->kind, (uint64_t)t->op << 32 | t->select);
	const struct spec_field *f = t->field;

	h = hash_mix(h, t->region == VQT_REGION_PCI ? t->at : 0);
	if (f && f->id)
		return hash_mix(h, f->id | (uint64_t)(f->flags & (SPEC_LO | SPEC_HI)) << 8);
	if (f)
		return hash_mix_text(h, f->name);
	return hash_mix(h, (uint64_t)t->region << 40 | (uint64_t)t->width << 32 | t->at);
}

int diff_setup_step(const struct diff_event *s, unsigned stream, struct diff_item *t)
{
	t->number = s->e->number;
	if (!diff_on(s->d, t->class)) {
		free(t->text);
		return 0;
	}
	t->key[1] = hash_subject(t);
	t->key[0] = hash_mix(t->key[1], t->v[0]);
	if (t->text)
		t->key[0] = hash_mix_text(t->key[0], t->text);
	return diff_stream_add(s, stream, t);
}

/* Order of facts in the stream: by subject, then by time. */
static int by_subject(const void *x, const void *y)
{
	const struct diff_item *a = x, *b = y;

	if (a->class != b->class)
		return a->class < b->class ? -1 : 1;
	if (a->select != b->select)
		return a->select < b->select ? -1 : 1;
	if (a->at != b->at)
		return a->at < b->at ? -1 : 1;
	if (a->key[1] != b->key[1])
		return a->key[1] < b->key[1] ? -1 : 1;
	return a->number < b->number ? -1 : a->number > b->number;
}

int diff_setup_flush(const struct diff_event *s)
{
	struct item_list *l = &s->h->pending;
	int rc = 0;

	if (l->n)
		qsort(item_at(l, 0), l->n, sizeof(struct diff_item), by_subject);
	for (size_t i = 0; i < l->n && !rc; i++)
		rc = diff_stream_add(s, STREAM_SETUP, item_at(l, i));
	l->n = l->first = 0; /* they own no text */
	return rc;
}

/* Add a fact; a fact that is already pending only gets the new value. */
static int learn(const struct diff_event *s, struct diff_item *t)
{
	struct item_list *l = &s->h->pending;

	if (!diff_on(s->d, t->class))
		return 0;
	t->kind = ITEM_REGISTER;
	t->number = s->e->number;
	t->key[1] = hash_subject(t);
	t->key[0] = hash_mix(t->key[1], t->v[0]);
	for (size_t i = l->n; i-- > 0;) {
		if (item_at(l, i)->key[1] != t->key[1])
			continue;
		if (item_at(l, i)->key[0] == t->key[0])
			return 0;
		break;
	}
	if (l->n >= PENDING_MAX && diff_setup_flush(s))
		return -ENOMEM;
	return item_append(l, t);
}

static uint64_t bytes_at(const uint8_t *bytes, unsigned n)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < n && i < 8; i++)
		v |= (uint64_t)bytes[i] << (8 * i);
	for (unsigned i = 8; i < n; i++)
		v = hash_mix(v, bytes[i]);
	return v;
}

static bool known(const uint8_t *map, size_t at, size_t n)
{
	for (size_t i = at; i < at + n; i++)
		if (!(map[i / 8] >> (i % 8) & 1))
			return false;
	return true;
}

/* Compare device configuration by whole fields, however the driver read them. */
static int config(const struct diff_event *s, uint32_t offset)
{
	const struct vqt_reg *r = &s->e->rec->reg;
	const struct model_device *dev = s->e->dev;
	const struct spec_fields *fields = class_region_fields(VQT_REGION_DEVICE, dev->virtio_id);
	bool any = false;
	int rc = 0;

	for (size_t i = 0; i < fields->count && !rc; i++) {
		const struct spec_field *f = &fields->field[i];
		struct diff_item t = {
			.class = DIFF_CONFIG,
			.field = f,
			.op = r->op,
			.region = VQT_REGION_DEVICE,
			.at = f->offset,
			.width = (uint8_t)(f->width < 255 ? f->width : 255),
		};

		if (f->offset >= offset + r->width || offset >= f->offset + f->width)
			continue;
		any = true;
		if (f->offset + f->width > sizeof(dev->config) ||
		    !known(dev->config_known, f->offset, f->width))
			continue;
		t.v[0] = bytes_at(dev->config + f->offset, f->width);
		rc = learn(s, &t);
	}
	if (!any && !rc) {
		struct diff_item t = {
			.class = DIFF_CONFIG,
			.op = r->op,
			.region = VQT_REGION_DEVICE,
			.at = offset,
			.width = r->width,
			.v = { r->value },
		};

		rc = learn(s, &t);
	}
	return rc;
}

/* Whether a PCI configuration field belongs to the device, not to the platform's choices. */
static bool pci_matters(const struct spec_field *f, uint16_t cap, const uint8_t *pci)
{
	static const char *const names[] = { "vendor_id",
					     "device_id",
					     "revision_id",
					     "prog_if",
					     "subclass",
					     "base_class",
					     "subsystem_vendor_id",
					     "subsystem_id",
					     "interrupt_pin",
					     "cap_id",
					     "cfg_type",
					     "bar",
					     "offset",
					     "length",
					     "notify_off_multiplier",
					     "msix_table",
					     "msix_pba",
					     "id" };

	if (cap && pci[cap] == PCI_CAP_ID_VNDR && pci[cap + 3] == 5)
		return false; /* an access window (4.1.4.9): its fields only select what to read */
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(names[i], f->name))
			return true;
	return false;
}

static int msix_enabled(const struct diff_event *s, const struct spec_field *f,
			const uint8_t *control)
{
	struct diff_item t = {
		.class = DIFF_VECTORS,
		.field = f,
		.op = VQT_WRITE,
		.region = VQT_REGION_PCI,
		.width = 2,
		.v = { get_le16(control) & PCI_MSIX_FLAGS_ENABLE },
	};

	return learn(s, &t);
}

static int pci(const struct diff_event *s)
{
	const struct vqt_reg *r = &s->e->rec->reg;
	const struct model_device *dev = s->e->dev;
	uint16_t cap = s->e->pci_cap;
	const struct spec_fields *fields =
		cap && cap < sizeof(dev->pci) - 4
			? spec_pci_cap_fields(dev->pci[cap], dev->pci[cap + 3])
			: class_region_fields(VQT_REGION_PCI, 0);
	int rc = 0;

	for (size_t i = 0; i < fields->count && !rc; i++) {
		const struct spec_field *f = &fields->field[i];
		uint32_t at = f->offset + cap;
		struct diff_item t = {
			.class = DIFF_PCI,
			.field = f,
			.op = r->op,
			.region = VQT_REGION_PCI,
			.width = (uint8_t)f->width,
		};

		if (at >= r->offset + r->width || r->offset >= at + f->width || f->width > 8 ||
		    at + f->width > sizeof(dev->pci) || !known(dev->pci_known, at, f->width))
			continue;
		if (r->op == VQT_WRITE && cap && f->id == SPEC_REG_MSIX_CONTROL)
			rc = msix_enabled(s, f, dev->pci + at);
		if (r->op == VQT_WRITE || !pci_matters(f, cap, dev->pci))
			continue;
		t.v[0] = bytes_at(dev->pci + at, f->width);
		t.at = cap ? (uint32_t)dev->pci[cap] << 8 | dev->pci[cap + 3] : 0;
		if (cap && dev->pci[cap] != PCI_CAP_ID_VNDR)
			t.at = (uint32_t)dev->pci[cap] << 8;
		rc = learn(s, &t);
	}
	return rc;
}

static unsigned count_dropped(const struct event *e)
{
	unsigned n = 0;

	for (const struct model_request *r = e->dropped; r; r = r->next)
		n++;
	return n;
}

static int status_write(const struct diff_event *s, uint8_t value)
{
	struct diff_item t = { .class = DIFF_STATUS, .kind = ITEM_STATUS, .op = VQT_WRITE };
	uint8_t now = value & ~s->e->status_before;
	int rc = 0;

	t.v[0] = value;
	if (!value)
		t.v[0] |= count_dropped(s->e) ? 0x100 : 0;
	s->h->resetting = !value;
	if (!value || now & VIRTIO_CONFIG_S_DRIVER_OK)
		rc = diff_setup_flush(s);
	s->h->checking = now & VIRTIO_CONFIG_S_FEATURES_OK;
	return rc ? rc : diff_setup_step(s, STREAM_SETUP, &t);
}

/* A status read is an item when it is not what the driver wrote. */
static int status_read(const struct diff_event *s, uint8_t value)
{
	struct diff_item t = { .class = DIFF_STATUS, .op = VQT_READ, .v = { value } };
	bool checking = s->h->checking;

	s->h->checking = false;
	if (s->h->resetting) { /* the number of reads while waiting for a reset varies, 4.1.4.3.2 */
		s->h->resetting = value != 0;
		return 0;
	}
	t.kind = checking ? ITEM_CHECK : ITEM_ANSWER;
	if (!checking && (value == s->e->status_before || !s->e->before_known))
		return 0;
	return diff_setup_step(s, STREAM_SETUP, &t);
}

static int virtio_register(const struct diff_event *s, const struct spec_field *f,
			   enum treatment how, enum diff_class class)
{
	const struct vqt_reg *r = &s->e->rec->reg;
	bool whole = !s->e->field_offset && r->width >= f->width;
	struct diff_item t = {
		.class = (uint8_t) class,
		.field = f,
		.op = r->op,
		.region = r->region,
		.at = f->offset,
		.width = r->width,
		.v = { r->value },
		.select = (uint16_t)(f->flags & SPEC_PER_QUEUE || f->kind == SPEC_FEATURES
					     ? s->e->select
					     : 0),
	};

	if (whole && f->width < 8)
		t.v[0] &= (1ULL << 8 * f->width) - 1;
	if (!whole) { /* a part: identified by its place */
		t.field = NULL;
		t.at = r->offset;
	}
	switch (how) {
	case FACT_READ: return r->op == VQT_READ ? learn(s, &t) : 0;
	case FACT_SET: t.v[0] = t.v[0] != 0; return r->op == VQT_WRITE ? learn(s, &t) : 0;
	case FACT: return learn(s, &t);
	case STATUS:
		return r->op == VQT_WRITE ? status_write(s, (uint8_t)t.v[0])
					  : status_read(s, (uint8_t)t.v[0]);
	case QUEUE_RESET:
		t.kind = ITEM_QUEUE_RESET;
		return r->op == VQT_WRITE && t.v[0] ? diff_setup_step(s, STREAM_SETUP, &t) : 0;
	case IGNORE: break;
	}
	return 0;
}

static int reg(const struct diff_event *s)
{
	const struct vqt_reg *r = &s->e->rec->reg;
	const struct spec_field *f = s->e->field;
	bool msix = s->e->dev->msix;

	if (r->flags & VQT_REG_FAILED || r->width > 8)
		return 0;
	switch (r->region) {
	case VQT_REGION_PCI: return pci(s);
	case VQT_REGION_DEVICE: return config(s, r->offset);
	case VQT_REGION_LEGACY:
		if (r->offset >= spec_legacy_config_base(msix))
			return config(s, r->offset - spec_legacy_config_base(msix));
		break;
	case VQT_REGION_MMIO:
		if (r->offset >= 0x100)
			return config(s, r->offset - 0x100);
		break;
	case VQT_REGION_COMMON: break;
	default: return 0;
	}
	if (!f) {
		struct diff_item t = {
			.class = DIFF_REGISTERS,
			.op = r->op,
			.region = r->region,
			.at = r->offset,
			.width = r->width,
			.v = { r->value },
		};

		return learn(s, &t);
	}
	return virtio_register(s, f, treatments[f->id].treatment, treatments[f->id].class);
}

/* Features that a late capture asked for stand in for those whose reads it missed. */
static int device_state(const struct diff_event *s)
{
	const struct vqt_device_state *st = &s->e->rec->device_state;
	const struct spec_fields *fields = class_region_fields(VQT_REGION_COMMON, 0);
	static const struct {
		unsigned known;
		enum spec_reg id;
		uint8_t op;
	} sets[] = {
		{ VQT_KNOWN_OFFERED, SPEC_REG_DEVICE_FEATURES, VQT_READ },
		{ VQT_KNOWN_ACCEPTED, SPEC_REG_DRIVER_FEATURES, VQT_WRITE },
	};
	int rc = 0;

	for (unsigned i = 0; i < 4 && !rc; i++) {
		const uint64_t *set = i < 2 ? st->offered : st->accepted;
		const struct spec_field *f = spec_field_by_id(fields, sets[i / 2].id);
		struct diff_item t = {
			.class = DIFF_FEATURES,
			.field = f,
			.op = sets[i / 2].op,
			.width = 4,
			.region = VQT_REGION_COMMON,
			.at = f ? f->offset : 0,
			.select = i % 2,
			.v = { (uint32_t)(set[0] >> (32 * (i % 2))) },
		};

		if (f && st->known & sets[i / 2].known)
			rc = learn(s, &t);
	}
	return rc;
}

int diff_setup_feed(const struct diff_event *s)
{
	switch (s->e->rec->h.type) {
	case VQT_REG: return reg(s);
	case VQT_DEVICE_STATE: return device_state(s);
	}
	return 0;
}
