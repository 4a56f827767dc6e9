/* SPDX-License-Identifier: MIT */
/* The classes of QEMU's objects (VQT_CLASS). */
#include "decoder/fields/event_names.h"
#include "decoder/fields/fields.h"

static bool nth_callback(const struct event *e, unsigned i, struct record_callback *c)
{
	uint32_t pos = 0;

	do {
		if (!record_callback_next(e->rec, &pos, c))
			return false;
	} while (i--);
	return true;
}

static bool set_text(struct field_value *v, const char *s, size_t n)
{
	v->str = s;
	v->len = n;
	return true;
}

static bool get_types(const struct event *e, unsigned i, struct field_value *v)
{
	size_t n;
	const char *s = record_tlv(e->rec, VQT_TAG_TYPENAME, &n);

	return s && set_text(v, s, n);
}

static bool get_offset(const struct event *e, unsigned i, struct field_value *v)
{
	return e->rec->class.offset != VQT_CLASS_UNKNOWN && field_set_u64(v, e->rec->class.offset);
}

static bool get_callback_name(const struct event *e, unsigned i, struct field_value *v)
{
	struct record_callback c;

	return nth_callback(e, i, &c) && set_text(v, c.callback, c.callback_len);
}

static bool get_callback_offset(const struct event *e, unsigned i, struct field_value *v)
{
	struct record_callback c;

	if (!nth_callback(e, i, &c))
		return false;
	return field_set_u64(v, c.c.offset == VQT_CLASS_UNKNOWN ? UINT64_MAX : c.c.offset);
}

static bool get_callback_address(const struct event *e, unsigned i, struct field_value *v)
{
	struct record_callback c;

	return nth_callback(e, i, &c) && field_set_u64(v, c.c.function);
}

static bool get_callback_function(const struct event *e, unsigned i, struct field_value *v)
{
	struct record_callback c;

	return nth_callback(e, i, &c) && set_text(v, c.function, c.function_len);
}

const struct field fields_class[] = {
	{ "class.of", FIELD_STR, FIELD_AT(class.of), .names = event_class_of, .label = "Of",
	  .help = "proxy (the PCI function of virtio-pci), bus or device (the virtio device)" },
	{ "class.types", FIELD_STR, .get = get_types, .label = "Types",
	  .help = "the object's type and its parents, with blanks between" },
	{ "class.object", FIELD_HEX, FIELD_AT(class.object), .label = "Object",
	  .help = "address of the object" },
	{ "class.offset", FIELD_U64, .get = get_offset, .label = "Offset",
	  .help = "of the object in the proxy, if it is embedded there" },
	{ "class.object_size", FIELD_U64, FIELD_AT(class.object_size), .label = "Object size",
	  .help = "bytes" },
	{ "class.address", FIELD_HEX, FIELD_AT(class.address), .label = "Address",
	  .help = "address of the class" },
	{ "class.size", FIELD_U64, FIELD_AT(class.size), .label = "Size", .help = "bytes" },
	{ "class.bias", FIELD_HEX, FIELD_AT(class.bias), .label = "Bias",
	  .help = "addresses of functions in the process minus those in the object file" },
	{ "class.callbacks.name", FIELD_STR, FIELD_ARRAY, .get = get_callback_name,
	  .label = "Callback", .help = "the callback, as QEMU's structure declares it" },
	{ "class.callbacks.offset", FIELD_I64, FIELD_ARRAY, .get = get_callback_offset,
	  .label = "Offset", .help = "in the class; -1: not found" },
	{ "class.callbacks.address", FIELD_HEX, FIELD_ARRAY, .get = get_callback_address,
	  .label = "Address", .help = "of the function; 0: there is none, or it was not found" },
	{ "class.callbacks.function", FIELD_STR, FIELD_ARRAY, .get = get_callback_function,
	  .label = "Function", .help = "its name: a symbol, its role, or fn_ADDRESS" },
	{ .path = NULL },
};
