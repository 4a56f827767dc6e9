/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/fields/event_names.h"
#include "decoder/lifecycle/classes.h"
#include "decoder/util/hash.h"
#include "decoder/util/json.h"
#include "decoder/util/text.h"

#define OBJECTS 3

struct device {
	uint16_t id;
	uint64_t seen[OBJECTS]; /* hash of the latest record, 0: none */
	/* records to be printed, NULL: none; only those of the latest device are kept */
	uint8_t *record[OBJECTS];
	size_t len[OBJECTS];
	char name[40], user_id[64], type[64];
	UT_hash_handle hh;
};

struct classes_print {
	FILE *to;
	bool json;
	struct device *devices, *last;
	uint64_t printed;
};

struct classes_print *classes_print_new(FILE *to, bool json)
{
	struct classes_print *p = calloc(1, sizeof(*p));

	if (p) {
		p->to = to;
		p->json = json;
	}
	return p;
}

void classes_print_free(struct classes_print *p)
{
	struct device *d, *next;

	if (!p)
		return;
	HASH_ITER (hh, p->devices, d, next) {
		HASH_DEL(p->devices, d);
		for (unsigned i = 0; i < OBJECTS; i++)
			free(d->record[i]);
		free(d);
	}
	free(p);
}

/* --- text --------------------------------------------------------------------------- */

static void put_types(struct text *t, const struct record *r)
{
	size_t n;
	const char *s = record_tlv(r, VQT_TAG_TYPENAME, &n);

	for (size_t at = 0; at < n;) {
		const char *end = memchr(s + at, ' ', n - at);
		size_t len = end ? (size_t)(end - s) - at : n - at;

		text_puts(t, at ? " < " : "");
		text_untrusted(t, s + at, len);
		at += len + 1;
	}
}

static void text_callback(FILE *to, const struct record *r, const struct record_callback *c)
{
	TEXT(line, 512);

	text_puts(&line, "    ");
	text_untrusted(&line, c->callback, c->callback_len);
	text_pad(&line, 42);
	if (c->c.offset == VQT_CLASS_UNKNOWN) {
		text_puts(&line, "       unknown");
		fprintf(to, "%s\n", line.buf);
		return;
	}
	text_add(&line, "+0x%-4" PRIx32 " ", c->c.offset);
	if (!c->c.function) {
		text_puts(&line, "none");
	} else {
		text_add(&line, "0x%-10" PRIx64 " ", c->c.function - r->class.bias);
		text_untrusted(&line, c->function, c->function_len);
	}
	fprintf(to, "%s\n", line.buf);
}

static void text_object(FILE *to, const struct record *r)
{
	const char *of = spec_name_of(event_class_of, r->class.of);
	struct record_callback c;
	uint32_t pos = 0;
	TEXT(line, 2048);

	text_add(&line, "  %s, %" PRIu32 " bytes at 0x%" PRIx64, of ? of : "object",
		 r->class.object_size, r->class.object);
	if (r->class.offset != VQT_CLASS_UNKNOWN)
		text_add(&line, ", within the proxy at +0x%" PRIx32, r->class.offset);
	fprintf(to, "%s\n", line.buf);
	line.len = 0;
	line.buf[0] = 0;
	put_types(&line, r);
	fprintf(to, "    %s\n", line.buf);
	while (record_callback_next(r, &pos, &c))
		text_callback(to, r, &c);
}

static void text_device(struct classes_print *p, const struct device *d)
{
	TEXT(line, 512);

	text_untrusted(&line, d->name, strlen(d->name));
	if (d->user_id[0] && strcmp(d->user_id, d->name)) {
		text_puts(&line, " (");
		text_untrusted(&line, d->user_id, strlen(d->user_id));
		text_puts(&line, ")");
	}
	if (d->type[0]) {
		text_puts(&line, ", ");
		text_untrusted(&line, d->type, strlen(d->type));
	}
	fprintf(p->to, "%s%s\n", p->printed ? "\n" : "", line.buf);
}

/* --- JSON --------------------------------------------------------------------------- */

static void put_bytes(struct json_object *o, const char *key, const char *s, size_t n)
{
	json_object_object_add(o, key, json_object_new_string_len(s, (int)n));
}

static struct json_object *types_json(const struct record *r)
{
	struct json_object *list = json_object_new_array();
	size_t n;
	const char *s = record_tlv(r, VQT_TAG_TYPENAME, &n);

	for (size_t at = 0; at < n;) {
		const char *end = memchr(s + at, ' ', n - at);
		size_t len = end ? (size_t)(end - s) - at : n - at;

		json_object_array_add(list, json_object_new_string_len(s + at, (int)len));
		at += len + 1;
	}
	return list;
}

static struct json_object *callback_json(const struct record *r, const struct record_callback *c)
{
	const char *naming = spec_name_of(event_callback_namings, c->c.naming);
	struct json_object *o = json_object_new_object();

	put_bytes(o, "name", c->callback, c->callback_len);
	if (c->c.offset == VQT_CLASS_UNKNOWN) {
		json_object_object_add(o, "offset", NULL);
		return o;
	}
	json_put_u64(o, "offset", c->c.offset);
	if (!c->c.function) {
		json_object_object_add(o, "function", NULL);
		return o;
	}
	put_bytes(o, "function", c->function, c->function_len);
	json_put_str(o, "named_by", naming ? naming : "unknown");
	json_put_u64(o, "address", c->c.function);
	json_put_u64(o, "file_address", c->c.function - r->class.bias);
	return o;
}

static struct json_object *object_json(const struct record *r)
{
	const char *of = spec_name_of(event_class_of, r->class.of);
	struct json_object *o = json_object_new_object(), *list = json_object_new_array();
	struct record_callback c;
	uint32_t pos = 0;

	json_put_str(o, "of", of ? of : "unknown");
	json_object_object_add(o, "types", types_json(r));
	json_put_u64(o, "object", r->class.object);
	json_put_u64(o, "object_size", r->class.object_size);
	if (r->class.offset != VQT_CLASS_UNKNOWN)
		json_put_u64(o, "object_offset", r->class.offset);
	json_put_u64(o, "class", r->class.address);
	json_put_u64(o, "class_size", r->class.size);
	while (record_callback_next(r, &pos, &c))
		json_object_array_add(list, callback_json(r, &c));
	json_object_object_add(o, "callbacks", list);
	return o;
}

/* --- devices ------------------------------------------------------------------------ */

/* The record of one of its objects; it was checked when it came. */
static bool parse(const struct device *d, unsigned i, struct record *r)
{
	return d->record[i] && !record_parse(r, d->record[i], d->len[i], NULL);
}

static int print_json(struct classes_print *p, const struct device *d)
{
	struct json_object *o = json_object_new_object(), *list = json_object_new_array();
	struct record r;
	int err;

	json_put_str(o, "device", d->name);
	if (d->user_id[0])
		json_put_str(o, "id", d->user_id);
	if (d->type[0])
		json_put_str(o, "type", d->type);
	for (unsigned i = 0; i < OBJECTS; i++)
		if (parse(d, i, &r))
			json_object_array_add(list, object_json(&r));
	json_object_object_add(o, "objects", list);
	err = json_write(p->to, o, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, "\n");
	json_object_put(o);
	return err;
}

static int print_last(struct classes_print *p)
{
	struct device *d = p->last;
	struct record r;
	int err = 0;

	if (!d || !(d->record[0] || d->record[1] || d->record[2]))
		return 0;
	if (p->json)
		err = print_json(p, d);
	else
		text_device(p, d);
	for (unsigned i = 0; i < OBJECTS && !p->json; i++)
		if (parse(d, i, &r))
			text_object(p->to, &r);
	for (unsigned i = 0; i < OBJECTS; i++) {
		free(d->record[i]);
		d->record[i] = NULL;
	}
	p->printed++;
	return err;
}

static struct device *get(struct classes_print *p, const struct event *e)
{
	uint16_t id = e->rec->h.device;
	struct device *d;

	HASH_FIND(hh, p->devices, &id, sizeof(id), d);
	if (!d)
		hash_add_new(p->devices, id, id, d);
	return d;
}

/* Of all behind the header, whose time and number differ when a class is described again. */
static uint64_t hash_of(const struct record *r)
{
	uint64_t h = r->len;

	for (size_t i = sizeof(struct vqt_hdr); i < r->len; i++)
		h = hash_mix(h, r->raw[i]);
	return h ? h : 1;
}

int classes_print_feed(struct classes_print *p, const struct event *e, bool selected)
{
	const struct record *r = e->rec;
	unsigned i = r->h.type == VQT_CLASS && r->tail ? r->class.of - 1U : OBJECTS;
	struct device *d;
	uint64_t hash;
	int err;

	if (!selected || i >= OBJECTS)
		return 0;
	d = get(p, e);
	if (!d)
		return -ENOMEM;
	if (d != p->last && (err = print_last(p)))
		return err;
	p->last = d;
	hash = hash_of(r);
	if (d->seen[i] == hash)
		return 0;
	free(d->record[i]);
	d->record[i] = malloc(r->len);
	if (!d->record[i])
		return -ENOMEM;
	memcpy(d->record[i], r->raw, r->len);
	d->len[i] = r->len;
	d->seen[i] = hash;
	if (e->dev) {
		snprintf(d->name, sizeof(d->name), "%s", e->dev->name);
		snprintf(d->user_id, sizeof(d->user_id), "%s", e->dev->user_id);
		snprintf(d->type, sizeof(d->type), "%s", e->dev->type_name);
	}
	return 0;
}

uint64_t classes_print_finish(struct classes_print *p)
{
	print_last(p);
	return p->printed;
}
