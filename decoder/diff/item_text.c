/* SPDX-License-Identifier: MIT */
/* Items in words: their subjects and values. */
#include <inttypes.h>
#include <string.h>

#include "decoder/class/class.h"
#include "decoder/diff/impl.h"
#include "decoder/fields/event_names.h"
#include "decoder/util/text.h"

static void put_capability(struct text *s, uint32_t at)
{
	const char *name = spec_name_of(spec_pci_caps, at >> 8);

	if (at >> 8 == 9 && spec_name_of(spec_cap_types, at & 0xff))
		name = spec_name_of(spec_cap_types, at & 0xff);
	text_puts(s, name ? name : "capability");
	text_puts(s, ".");
}

static void put_register_name(struct text *s, const struct diff_item *t)
{
	if (t->field && t->field->flags & SPEC_PER_QUEUE)
		text_add(s, "queue %u: ", t->select);
	if (!t->field) {
		text_add(s, "%s+0x%x", spec_region_name(t->region), t->at);
		return;
	}
	if (t->region == VQT_REGION_DEVICE)
		text_puts(s, "config.");
	if (t->region == VQT_REGION_PCI && t->class == DIFF_VECTORS) {
		text_puts(s, "MSI-X enable");
		return;
	}
	if (t->region == VQT_REGION_PCI)
		text_puts(s, "pci.");
	if (t->region == VQT_REGION_PCI && t->at)
		put_capability(s, t->at);
	text_puts(s, t->field->name);
	if (t->field->kind == SPEC_FEATURES)
		text_add(s, "[%u]", t->select);
}

static void put_register_value(struct text *s, const struct diff_item *t, unsigned virtio_id)
{
	const struct spec_field *f = t->field;
	char buf[200];

	if (f && t->region == VQT_REGION_PCI && t->class == DIFF_VECTORS)
		text_puts(s, t->v[0] ? "on" : "off");
	else if (f && f->kind == SPEC_FEATURES)
		text_puts(s, class_format_features(buf, sizeof(buf), virtio_id, t->select,
						   (uint32_t)t->v[0]));
	else if (f && f->kind == SPEC_BYTES && f->width <= 8)
		for (unsigned i = 0; i < f->width; i++)
			text_add(s, "%s%02x", i ? ":" : "", (unsigned)(t->v[0] >> 8 * i) & 0xff);
	else if (f && f->kind != SPEC_BYTES)
		text_puts(s, class_format_value(buf, sizeof(buf), f, virtio_id, t->v[0]));
	else
		text_add(s, "0x%0*" PRIx64, 2 * (t->width <= 8 ? t->width : 8), t->v[0]);
}

static void put_lifecycle_args(struct text *s, const struct diff_item *t,
			       const struct lifecycle_step *step)
{
	uint64_t first = t->v[0];

	if (t->at == VQT_LIFECYCLE_VIRTIO_INIT || t->at == VQT_LIFECYCLE_GUEST_NOTIFIER) {
		text_add(s, ", %s %" PRIu64, step->arg[1].name, first >> 32);
		first &= 0xffffffff;
	}
	if (step->arg[0].name && first)
		text_add(s, step->arg[0].kind == SPEC_HEX ? ", %s 0x%" PRIx64 : ", %s %" PRIu64,
			 step->arg[0].name, first);
}

static void put_lifecycle(struct text *s, const struct diff_item *t, bool args)
{
	const struct lifecycle_step *step = lifecycle_step(t->at);

	if (!step) {
		text_add(s, "step %u", t->at);
		return;
	}
	text_puts(s, step->name);
	if (t->select != VQT_NO_QUEUE)
		text_add(s, " q%u", t->select);
	if (t->text && *t->text) {
		text_puts(s, " ");
		text_untrusted(s, t->text, strlen(t->text));
	}
	if (args)
		put_lifecycle_args(s, t, step);
}

void item_put_subject(struct text *s, const struct diff_item *t)
{
	switch (t->kind) {
	case ITEM_REGISTER:
		put_register_name(s, t);
		if (t->class == DIFF_FEATURES)
			text_puts(s, t->op == VQT_READ ? " offered" : " accepted");
		else if (t->class != DIFF_PCI && t->op == VQT_WRITE)
			text_puts(s, " written");
		break;
	case ITEM_STATUS: text_puts(s, "device_status written"); break;
	case ITEM_ANSWER:
	case ITEM_CHECK:
		text_puts(s, t->kind == ITEM_CHECK ? "device_status read after FEATURES_OK"
						   : "device_status read");
		break;
	case ITEM_QUEUE_RESET: text_add(s, "queue %u: queue_reset written", t->select); break;
	case ITEM_ERROR: text_puts(s, "error"); break;
	case ITEM_CONFIG_IRQ: text_puts(s, "configuration change interrupt"); break;
	case ITEM_LIFECYCLE: put_lifecycle(s, t, false); break;
	}
}

void item_put_value(struct text *s, const struct diff_item *t, unsigned virtio_id)
{
	char buf[160];

	switch (t->kind) {
	case ITEM_REGISTER: put_register_value(s, t, virtio_id); break;
	case ITEM_STATUS:
		text_puts(s, spec_format_status(buf, sizeof(buf), (unsigned)t->v[0] & 0xff));
		if (t->v[0] & 0x100)
			text_puts(s, " with requests in flight");
		break;
	case ITEM_ANSWER:
	case ITEM_CHECK:
		text_puts(s, spec_format_status(buf, sizeof(buf), (unsigned)t->v[0]));
		break;
	case ITEM_ERROR: text_untrusted(s, t->text, strlen(t->text)); break;
	case ITEM_LIFECYCLE: put_lifecycle(s, t, true); break;
	default: text_puts(s, "seen");
	}
}

void item_put_type(struct text *s, const struct diff_item *t)
{
	if (t->request)
		text_puts(s, t->request->name);
	else if (t->v[REQ_TYPE] != REQ_NONE)
		text_add(s, "type %" PRIu64, t->v[REQ_TYPE]);
	else
		text_puts(s, "requests");
}

void item_put_request(struct text *s, const struct diff_item *t)
{
	item_put_type(s, t);
	if (t->v[REQ_TYPE] == REQ_NONE) {
		text_add(s, " of %" PRIu64 " + %" PRIu64 " bytes", t->v[REQ_BYTES] & 0xffffffff,
			 t->v[REQ_BYTES] >> 32);
	} else {
		if (!t->request || t->request->flags & (SPEC_REQ_SECTOR | SPEC_REQ_SEGMENTS))
			text_add(s, " sector %" PRIu64, t->v[REQ_SECTOR]);
		if (t->v[REQ_BYTES])
			text_add(s, ", %" PRIu64 " bytes", t->v[REQ_BYTES]);
	}
	text_add(s, " on q%u", t->queue);
}

void item_put_number(struct text *s, const struct class *c, const struct diff_item *t,
		     unsigned which)
{
	uint64_t v = t->v[which];
	const char *name = c && which == REQ_STATUS ? spec_name_of(c->statuses, v) : NULL;

	if (which == REQ_TYPE)
		item_put_type(s, t);
	else if (which == REQ_BYTES && t->v[REQ_TYPE] == REQ_NONE)
		text_add(s, "%" PRIu64 " to, %" PRIu64 " from the device", v & 0xffffffff, v >> 32);
	else if (which == REQ_USED_LEN && v == REQ_NONE)
		text_puts(s, "never completed");
	else if (which == REQ_USED_LEN && v == REQ_NONE - 1)
		text_puts(s, "given up by the device");
	else if (v == REQ_NONE)
		text_puts(s, "not known");
	else if (name)
		text_puts(s, name);
	else
		text_add(s, "%" PRIu64, v);
}
