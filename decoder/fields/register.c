/* SPDX-License-Identifier: MIT */
/* Fields of register accesses.  What a value means depends on the register. */
#include <linux/pci_regs.h>
#include <string.h>
#include <strings.h>

#include "decoder/fields/fields.h"
#include "decoder/fields/event_names.h"

#define REGION_LAST VQT_REGION_BAR

static bool refused(const struct event *e)
{
	return e->rec->reg.flags & VQT_REG_FAILED;
}

static unsigned class_of(const struct event *e)
{
	return e->dev ? e->dev->virtio_id : 0;
}

FIELD_TEXT_GETTER(region, true, spec_region_name(e->rec->reg.region))

/* The capability in PCI configuration space that the access is to: 4.1.4, PCI 7.5. */
static bool get_capability(const struct event *e, unsigned i, struct field_value *v)
{
	const uint8_t *cap;
	const char *name;

	if (!e->pci_cap || !e->dev || e->pci_cap > sizeof(e->dev->pci) - 4)
		return false;
	cap = e->dev->pci + e->pci_cap;
	name = spec_name_of(spec_pci_caps, cap[0]);
	if (cap[0] == PCI_CAP_ID_VNDR)
		name = spec_name_of(spec_cap_types, cap[3]);
	return name && field_set_str(v, name);
}

FIELD_TEXT_GETTER(field, e->field, e->field->name)
FIELD_GETTER(part, e->field && e->field_offset, e->field_offset)
FIELD_GETTER(select,
	     e->field && (e->field->kind == SPEC_FEATURES || e->field->flags & SPEC_PER_QUEUE),
	     e->select)
FIELD_GETTER(value, !refused(e), e->rec->reg.value)
FIELD_GETTER(before, e->before_known, e->before)
static bool get_via(const struct event *e, unsigned i, struct field_value *v)
{
	const struct vqt_reg *r = &e->rec->reg;

	if (r->flags & VQT_REG_VIA_CFG)
		return field_set_str(v, "window");
	if (r->region == VQT_REGION_PCI)
		return field_set_str(v, "config");
	return field_set_str(v, r->flags & VQT_REG_PIO ? "pio" : "mmio");
}

static const struct spec_name vias[] = {
	{ 0, "mmio" }, { 1, "pio" }, { 2, "config" }, { 3, "window" }, { 0, NULL },
};

static const char *region_word(unsigned n)
{
	const char *name;

	if (n > REGION_LAST)
		return NULL;
	name = n ? spec_region_name(n) : NULL;
	return name ? name : "";
}

/* Field names: of the fixed regions, then of every class's configuration. */
static const char *field_word(unsigned n)
{
	const struct class *c;

	for (unsigned r = 1; r <= REGION_LAST; r++) {
		const struct spec_fields *t = class_region_fields(r, 0);

		if (n < t->count)
			return t->field[n].name;
		n -= (unsigned)t->count;
	}
	for (size_t k = 0; (c = class_nth(k)); k++) {
		if (n < c->config.count)
			return c->config.field[n].name;
		n -= (unsigned)c->config.count;
	}
	return NULL;
}

static bool name_value(const struct spec_name *names, const char *word, uint64_t *value)
{
	for (; names && names->name; names++) {
		if (!strcasecmp(names->name, word)) {
			*value = names->value;
			return true;
		}
	}
	return false;
}

static bool any_field_knows(const struct spec_fields *t, const char *word)
{
	uint64_t value;

	for (size_t i = 0; i < t->count; i++)
		if (name_value(t->field[i].names, word, &value))
			return true;
	return false;
}

static bool anything_knows(const char *word)
{
	const struct class *c;

	if (class_feature_by_name(0, word) >= 0)
		return true;
	for (unsigned r = 1; r <= REGION_LAST; r++)
		if (any_field_knows(class_region_fields(r, 0), word))
			return true;
	for (size_t k = 0; (c = class_nth(k)); k++)
		if (any_field_knows(&c->config, word) || class_feature_by_name(c->id, word) >= 0)
			return true;
	return false;
}

/* FEATURES_OK in the status register; a feature's bit in the word that is selected. */
static bool resolve(const struct event *e, unsigned i, const char *word, uint64_t *value)
{
	int bit;

	if (!e)
		return anything_knows(word);
	if (!e->field)
		return false;
	if (e->field->kind != SPEC_FEATURES) {
		if (e->field_offset >= 8 || !name_value(e->field->names, word, value))
			return false;
		*value >>= 8 * e->field_offset;
		return true;
	}
	bit = class_feature_by_name(class_of(e), word);
	if (bit < 0 || (uint32_t)bit / 32 != e->select)
		return false;
	*value = 1ULL << (bit % 32);
	return true;
}

/* The value as text for people, where its field is known. */
static bool get_text(const struct event *e, unsigned i, struct field_value *v)
{
	const struct vqt_reg *r = &e->rec->reg;
	const struct spec_field *f = e->field;
	uint64_t value = r->value;

	if (!f || refused(e) || r->width > 8 || f->kind == SPEC_BYTES)
		return false;
	if (f->kind == SPEC_FEATURES) {
		if (r->width != 4 || e->field_offset || e->select > 3)
			return false;
		class_format_features(v->buf, sizeof(v->buf), class_of(e), e->select,
				      (uint32_t)value);
		return field_set_str(v, v->buf);
	}
	/* A part of a field means little by itself, but bits can be moved to their place. */
	if (e->field_offset) {
		if (f->kind != SPEC_BITS || e->field_offset >= 8)
			return false;
		value <<= 8 * e->field_offset;
	}
	if (f->width < 8)
		value &= (1ULL << 8 * f->width) - 1;
	class_format_value(v->buf, sizeof(v->buf), f, class_of(e), value);
	return field_set_str(v, v->buf);
}

const struct field fields_register[] = {
	{ "register.region", FIELD_STR, .get = get_region, .word = region_word, .label = "Region",
	  .help = "common, notify, isr, device, pci, msix_table, legacy, ..." },
	{ "register.op", FIELD_STR, FIELD_AT(reg.op), .names = event_reg_ops, .label = "Operation",
	  .help = "read or write" },
	{ "register.offset", FIELD_HEX, FIELD_AT(reg.offset), .label = "Offset",
	  .help = "from the start of the region" },
	{ "register.width", FIELD_U64, FIELD_AT(reg.width), .label = "Width",
	  .help = "bytes accessed" },
	{ "register.capability", FIELD_STR, .get = get_capability, .label = "Capability",
	  .help = "the PCI capability that the offset lies in" },
	{ "register.field", FIELD_STR, .get = get_field, .word = field_word, .label = "Field",
	  .help = "name of the register: device_status, queue_size, ..." },
	{ "register.part", FIELD_U64, .get = get_part, .label = "Part",
	  .help = "byte of the field that the access begins at, when not its first" },
	{ "register.select", FIELD_U64, .get = get_select, .label = "Select",
	  .help = "the feature word or queue that the register stands for" },
	{ "register.value", FIELD_HEX, .get = get_value, .resolve = resolve, .label = "Value",
	  .help = "the number read or written; names are those of the register" },
	{ "register.before", FIELD_HEX, .get = get_before, .resolve = resolve, .label = "Before",
	  .help = "the value known before, where one was" },
	{ "register.text", FIELD_STR, .get = get_text, .label = "Meaning",
	  .help = "what the value says" },
	{ "register.via", FIELD_STR, .get = get_via, .names = vias, .label = "Via",
	  .help = "mmio, pio, config, or window: the PCI configuration access window" },
	{ "register.failed", FIELD_BOOL, FIELD_AT(reg.flags), FIELD_IF(reg.flags, VQT_REG_FAILED),
	  .bit = VQT_REG_FAILED, .label = "Failed", .help = "the access was refused" },
	{ .path = NULL },
};
