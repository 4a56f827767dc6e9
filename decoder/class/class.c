/* SPDX-License-Identifier: MIT */
/* Functions that use a device type: its callbacks, and its additions to the core's tables. */
#include "decoder/class/class.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "decoder/spec/tables.h"
#include "decoder/util/text.h"

static const struct spec_fields no_fields;

/* --- requests --- */

void class_parse(const struct class *c, struct class_request *r)
{
	if (c && c->parse)
		c->parse(r);
	else
		r->bytes = r->readable + r->writable;
}

void class_describe(const struct class *c, const struct class_request *r, char *buf, size_t len)
{
	if (c && c->describe)
		c->describe(r, buf, len);
	else if (!r->writable)
		snprintf(buf, len, "%" PRIu64 " bytes to the device", r->readable);
	else if (!r->readable)
		snprintf(buf, len, "%" PRIu64 " bytes of room", r->writable);
	else
		snprintf(buf, len, "%" PRIu64 " bytes to the device, %" PRIu64 " bytes of room",
			 r->readable, r->writable);
}

void class_result(const struct class *c, const struct class_request *r, char *buf, size_t len)
{
	const char *name;

	buf[0] = '\0';
	if (c && c->result) {
		c->result(r, buf, len);
		return;
	}
	if (!r->status_known)
		return;
	name = c ? spec_name_of(c->statuses, r->status) : NULL;
	if (name)
		snprintf(buf, len, "%s", name);
	else
		snprintf(buf, len, "status 0x%02x", r->status);
}

const struct spec_fields *class_header(const struct class *c, const struct class_request *r)
{
	const struct spec_fields *fields = c && c->header ? c->header(r) : NULL;

	return fields ? fields : &no_fields;
}

int class_status_at(const struct class *c, const struct class_request *r)
{
	return c && c->status_at ? c->status_at(r) : CLASS_STATUS_NONE;
}

bool class_extent(const struct class *c, const struct class_request *r, struct class_extent *x)
{
	return c && c->extent && c->extent(r, x);
}

bool class_block_io(const struct class *c, const struct class_request *r, struct class_extent *x)
{
	return c && c->block_io && c->block_io(r, x);
}

bool class_failed(const struct class *c, const struct class_request *r)
{
	if (!r->status_known)
		return false;
	return c && c->failed ? c->failed(r->status) : r->status != 0;
}

struct class_visible class_visible(const struct class *c, const struct class_request *r,
				   bool writable)
{
	if (c && c->visible)
		return c->visible(r, writable);
	return (struct class_visible){ .tail = UINT64_MAX };
}

static bool queue_has(const struct class *c, unsigned index, const uint64_t *features,
		      unsigned queues, unsigned flag)
{
	unsigned number;
	const struct spec_queue *q =
		spec_queue_row(c ? c->queues : NULL, index, features, queues, &number);

	return q && q->flags & flag;
}

bool class_queue_posted(const struct class *c, unsigned index, const uint64_t *features,
			unsigned queues)
{
	return queue_has(c, index, features, queues, SPEC_QUEUE_POSTED);
}

bool class_queue_reclaimed(const struct class *c, unsigned index, const uint64_t *features,
			   unsigned queues)
{
	return queue_has(c, index, features, queues, SPEC_QUEUE_RECLAIMED);
}

bool class_posted(const struct class *c, const struct class_request *r, unsigned queues)
{
	if (c && c->queues)
		return class_queue_posted(c, r->queue, r->accepted, queues);
	return !r->readable;
}

const struct spec_request *class_request_type(const struct class *c, uint32_t type)
{
	return c ? spec_request(c->requests, type) : NULL;
}

const struct spec_request *class_only_type(const struct class *c)
{
	return c && c->requests && c->requests[0].name && !c->requests[1].name ? c->requests : NULL;
}

static bool contains(const uint32_t *types, size_t n, uint32_t type)
{
	while (n--)
		if (types[n] == type)
			return true;
	return false;
}

size_t class_counted_types(uint32_t *types, size_t max)
{
	const struct class *c;
	size_t n = 0;

	for (size_t i = 0; (c = class_nth(i)); i++)
		for (const struct spec_request *r = c->requests; r && r->name; r++)
			if (r->flags & SPEC_REQ_COUNTED && n < max && !contains(types, n, r->type))
				types[n++] = r->type;
	return n;
}

/* --- device configuration --- */

const struct spec_fields *class_region_fields(unsigned region, unsigned virtio_id)
{
	const struct class *c;

	if (region != VQT_REGION_DEVICE)
		return spec_region_fields(region);
	c = class_find(virtio_id);
	return c ? &c->config : &no_fields;
}

const struct spec_field *class_field_at(unsigned region, unsigned virtio_id, uint32_t offset,
					unsigned width, int msix)
{
	region = spec_field_region(region, &offset, msix);
	return spec_fields_at(class_region_fields(region, virtio_id), offset, width);
}

const struct spec_field *class_config_at(const struct class *c, const uint8_t *config, size_t len,
					 uint32_t offset, unsigned width)
{
	const struct spec_field *f;

	for (const struct class_variant *v = c ? c->variants : NULL; v && v->fields.count; v++) {
		if (v->selector >= len || config[v->selector] != v->value)
			continue;
		f = spec_fields_at(&v->fields, offset, width);
		if (f)
			return f;
	}
	return c ? spec_fields_at(&c->config, offset, width) : NULL;
}

bool class_config_shown(const struct spec_field *f)
{
	return f && !(f->flags & SPEC_IDENTITY) && f->kind != SPEC_BYTES;
}

/* --- features --- */

static const struct spec_feature *own_features(unsigned virtio_id)
{
	const struct class *c = class_find(virtio_id);

	return c ? c->features : NULL;
}

const struct spec_feature *class_feature(unsigned virtio_id, unsigned bit)
{
	return spec_feature(own_features(virtio_id), bit);
}

uint32_t class_legacy_features(unsigned virtio_id)
{
	uint32_t set = 0;

	for (unsigned b = 0; b < 32; b++) {
		const struct spec_feature *f = class_feature(virtio_id, b);

		if (f && f->legacy)
			set |= UINT32_C(1) << b;
	}
	return set;
}

int class_feature_by_name(unsigned virtio_id, const char *name)
{
	return spec_feature_by_name(own_features(virtio_id), name);
}

enum spec_feature_kind class_feature_kind(unsigned virtio_id, unsigned bit, unsigned transport)
{
	const struct class *c = class_find(virtio_id);
	/* Types with a chapter have a section of their own, the others just "5". */
	bool chapter = c && c->section[1];

	return spec_feature_kind(own_features(virtio_id), chapter, bit, transport);
}

/* --- text --- */

char *class_queue_name(char *buf, size_t len, unsigned virtio_id, unsigned index,
		       const uint64_t *features, unsigned queues)
{
	const struct class *c = class_find(virtio_id);

	return spec_queue_name(buf, len, c ? c->queues : NULL, index, features, queues);
}

char *class_format_features(char *buf, size_t len, unsigned virtio_id, unsigned select,
			    uint32_t bits)
{
	return spec_format_features(buf, len, own_features(virtio_id), select, bits);
}

void class_put_features(struct text *t, unsigned virtio_id, unsigned word, uint32_t bits,
			const char *between)
{
	const char *before = "";

	for (unsigned i = 0; i < 32; i++) {
		uint64_t bit = (uint64_t)word * 32 + i; /* word: of a guest, any number */
		const struct spec_feature *f =
			bit < 128 ? class_feature(virtio_id, (unsigned)bit) : NULL;

		if (!(bits >> i & 1))
			continue;
		text_puts(t, before);
		if (f)
			text_puts(t, f->name);
		else
			text_add(t, "bit %" PRIu64, bit);
		before = between;
	}
}

char *class_format_feature_set(char *buf, size_t len, unsigned virtio_id, const uint64_t bits[2])
{
	return spec_format_feature_set(buf, len, own_features(virtio_id), bits);
}

char *class_format_value(char *buf, size_t len, const struct spec_field *f, unsigned virtio_id,
			 uint64_t value)
{
	if (f->kind == SPEC_FEATURES)
		return class_format_features(buf, len, virtio_id, 0, (uint32_t)value);
	return spec_format_value(buf, len, f, value);
}

char *class_format_access(char *buf, size_t len, const struct spec_field *f, unsigned virtio_id,
			  uint32_t offset, unsigned width, uint64_t value)
{
	if (f && f->kind == SPEC_FEATURES && offset == f->offset && width == f->width)
		return class_format_features(buf, len, virtio_id, 0, (uint32_t)value);
	return spec_format_access(buf, len, f, offset, width, value);
}
