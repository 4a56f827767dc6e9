/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "decoder/fields/fields.h"
#include "decoder/print/json.h"
#include "decoder/print/schema.h"
#include "decoder/util/json.h"

typedef struct json_object json;

static json *str(const char *s)
{
	return json_object_new_string(s);
}

static json *typed(const char *type)
{
	json *o = json_object_new_object();

	json_put_str(o, "type", type);
	return o;
}

static json *reference(const char *def)
{
	json *o = json_object_new_object();
	TEXT(t, 96);

	text_add(&t, "#/$defs/%s", def);
	json_put_str(o, "$ref", t.buf);
	return o;
}

/*
 * The words that a text usually is; others, and numbers in their place, may come.  Not those of device
 * types: a new one changes no schema.
 */
static void put_words(json *o, const struct field *f)
{
	json *list = json_object_new_array();

	for (const struct spec_name *n = f->names; n && n->name; n++)
		json_object_array_add(list, str(n->name));
	if (json_object_array_length(list))
		json_object_object_add(o, "examples", list);
	else
		json_object_put(list);
}

static json *value_schema(const struct field *f)
{
	json *o;

	switch (f->kind) {
	case FIELD_STR: o = typed("string"); break;
	case FIELD_BOOL: o = typed("boolean"); break;
	case FIELD_BYTES:
		o = typed("string");
		json_put_str(o, "pattern", "^([0-9a-f]{2})*$");
		break;
	default:
		o = typed("integer");
		json_object_object_add(o, "minimum",
				       f->kind == FIELD_I64 ? json_object_new_int64(INT64_MIN)
							    : json_object_new_int(0));
		json_object_object_add(o, "maximum",
				       f->kind == FIELD_I64 ? json_object_new_int64(INT64_MAX)
							    : json_object_new_uint64(UINT64_MAX));
	}
	if (f->kind == FIELD_TIME)
		json_put_str(o, "$comment", "nanoseconds");
	json_put_str(o, "description", f->help);
	if (f->kind == FIELD_STR)
		put_words(o, f);
	return o;
}

static json *array_of(json *items)
{
	json *o = typed("array");

	json_object_object_add(o, "items", items);
	json_object_object_add(o, "minItems", json_object_new_int(1));
	return o;
}

/* An object that has no other names. */
static json *closed(json *properties, json *required)
{
	json *o = typed("object");

	json_object_object_add(o, "properties", properties);
	if (json_object_array_length(required))
		json_object_object_add(o, "required", required);
	else
		json_object_put(required);
	json_object_object_add(o, "additionalProperties", json_object_new_boolean(false));
	return o;
}

/* The elements of an array of objects: fields f up to end, of which the first is always there. */
static json *elements(const struct field *f, const struct field *end, size_t skip)
{
	json *properties = json_object_new_object(), *required = json_object_new_array();

	json_object_array_add(required, str(f->path + skip));
	for (; f < end; f++)
		json_object_object_add(properties, f->path + skip, value_schema(f));
	return array_of(closed(properties, required));
}

/* In each object of its group: a number of the fixed part that has no condition. */
static bool always(const struct field *f)
{
	return !f->get && !f->known;
}

static void put_fields(json *properties, json *required, const struct field_group *g)
{
	size_t skip = g->name[0] ? strlen(g->name) + 1 : 0;

	for (const struct field *f = g->fields; f->path;) {
		const char *key = f->path + skip;
		const char *dot = f->flags & FIELD_ARRAY ? strchr(key, '.') : NULL;

		if (dot) {
			const struct field *end = f;
			size_t prefix = (size_t)(dot - f->path) + 1;
			TEXT(name, 64);

			text_add(&name, "%.*s", (int)(dot - key), key);
			while (end->path && !strncmp(end->path, f->path, prefix))
				end++;
			json_object_object_add(properties, name.buf, elements(f, end, prefix));
			f = end;
			continue;
		}
		if (f->flags & FIELD_ARRAY)
			json_object_object_add(properties, key, array_of(value_schema(f)));
		else if (!(f->flags & FIELD_FILTER))
			json_object_object_add(properties, key, value_schema(f));
		if (!(f->flags & (FIELD_ARRAY | FIELD_FILTER)) && always(f))
			json_object_array_add(required, str(key));
		f++;
	}
}

static json *group_schema(const struct field_group *g, bool with_request)
{
	json *properties, *required;

	if (g->fields->flags & FIELD_ARRAY) {
		const struct field *end = g->fields;

		while (end->path)
			end++;
		return elements(g->fields, end, strlen(g->name) + 1);
	}
	properties = json_object_new_object();
	required = json_object_new_array();
	put_fields(properties, required, g);
	if (with_request)
		json_object_object_add(properties, "request", reference("request"));
	return closed(properties, required);
}

static const struct field_group *own_group(unsigned type)
{
	for (const struct field_group *g = field_groups + 1; g->name; g++)
		if (!strcmp(g->name, record_type_name(type)))
			return g;
	return NULL;
}

static bool can_have(const struct field_group *g, unsigned type)
{
	return g->events >> type & 1;
}

/* Whether a group has events whose own object holds their request. */
static bool holds_request(const struct field_group *g, const struct field_group *request)
{
	for (unsigned type = 0; type < 64; type++)
		if (own_group(type) == g && can_have(request, type))
			return true;
	return false;
}

/* An event of one type: the keys of every event, and the groups that this type can have. */
static json *event_schema(unsigned type, const struct field_group *request)
{
	static const char *const every[] = { "ts", "number", "event", "delta" };
	json *properties = json_object_new_object(), *required = json_object_new_array();
	json *event = json_object_new_object();

	for (size_t i = 0; i < sizeof(every) / sizeof(every[0]); i++)
		json_object_array_add(required, str(every[i]));
	if (type == VQT_SESSION) {
		json *version = json_object_new_object();

		json_object_object_add(version, "const", json_object_new_int(JSON_VERSION));
		json_object_object_add(properties, "json_version", version);
		json_object_array_add(required, str("json_version"));
	}
	put_fields(properties, required, &field_groups[0]);
	json_put_str(event, "const", record_type_name(type));
	json_object_object_add(properties, "event", event);
	for (const struct field_group *g = field_groups + 1; g->name; g++)
		if (can_have(g, type) && g != request)
			json_object_object_add(properties, g->name, reference(g->name));
	return closed(properties, required);
}

int print_schema(FILE *to)
{
	json *o = json_object_new_object(), *defs = json_object_new_object();
	json *one = json_object_new_array();
	const struct field_group *request = NULL;

	for (const struct field_group *g = field_groups + 1; g->name; g++)
		if (!strcmp(g->name, "request"))
			request = g;
	for (const struct field_group *g = field_groups + 1; g->name; g++)
		json_object_object_add(defs, g->name, group_schema(g, holds_request(g, request)));
	for (unsigned type = 0; type < 64; type++) {
		const char *name = record_type_name(type);
		TEXT(def, 64);

		if (record_type_by_name(name) != (int)type)
			continue;
		text_add(&def, "event_%s", name);
		json_object_object_add(defs, def.buf, event_schema(type, request));
		json_object_array_add(one, reference(def.buf));
	}
	json_put_str(o, "$schema", "https://json-schema.org/draft/2020-12/schema");
	json_put_str(o, "$id", "urn:vqtrace:schema:show");
	json_put_str(o, "title", "vqtrace show -T json: an event, one object a line");
	json_put_str(o, "$comment", "made by vqtrace show --schema; see vqtrace-json(7)");
	json_object_object_add(o, "oneOf", one);
	json_object_object_add(o, "$defs", defs);
	return json_print(to, o, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE);
}
