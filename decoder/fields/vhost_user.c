/* SPDX-License-Identifier: MIT */
/* Messages between a vhost-user front end and a back end (VQT_VHOST_USER). */
#include "decoder/fields/fields.h"
#include "decoder/fields/event_names.h"
#include "decoder/spec/vhost_user.h"

static bool get_message(const struct event *e, unsigned i, struct field_value *v)
{
	const struct spec_message *m = spec_vhost_user_of(&e->rec->vhost_user);

	return field_set_word(v, m ? m->name : NULL, e->rec->vhost_user.request);
}

/* The ith field of the payload that the record holds; NULL. */
static const struct spec_field *nth_field(const struct event *e, unsigned i)
{
	const struct spec_fields *all = spec_vhost_user_payload(&e->rec->vhost_user);
	const struct spec_field *f = i < all->count ? &all->field[i] : NULL;

	return f && f->offset + f->width <= e->rec->vhost_user.len ? f : NULL;
}

static uint64_t value_of(const struct event *e, const struct spec_field *f)
{
	uint64_t value = 0;

	for (unsigned b = 0; b < f->width; b++)
		value |= (uint64_t)e->rec->tail[f->offset + b] << 8 * b;
	return value;
}

static bool get_field(const struct event *e, unsigned i, struct field_value *v)
{
	const struct spec_field *f = nth_field(e, i);

	return f && field_set_str(v, f->name);
}

static bool get_value(const struct event *e, unsigned i, struct field_value *v)
{
	const struct spec_field *f = nth_field(e, i);

	return f && field_set_u64(v, value_of(e, f));
}

FIELD_GETTER(reply, true, !!(e->rec->vhost_user.flags & VHOST_USER_REPLY))
FIELD_GETTER(need_reply, true, !!(e->rec->vhost_user.flags & VHOST_USER_NEED_REPLY))
FIELD_GETTER(refused, spec_vhost_user_is_ack(&e->rec->vhost_user) && e->rec->vhost_user.len >= 8,
	     get_le64(e->rec->tail) != 0)

const struct field fields_vhost_user[] = {
	{ "vhost_user.request", FIELD_STR, .get = get_message, .label = "Message",
	  .help = "SET_VRING_BASE and the like; the number of one without a name" },
	{ "vhost_user.from", FIELD_STR, FIELD_AT(vhost_user.from), .names = event_vhost_user_froms,
	  .label = "From",
	  .help = "front_end, back_end; of requests of the back end: back_end_channel and "
		  "front_end_channel" },
	{ "vhost_user.reply", FIELD_BOOL, .get = get_reply, .label = "Reply",
	  .help = "it answers a request" },
	{ "vhost_user.need_reply", FIELD_BOOL, .get = get_need_reply, .label = "Needs a reply",
	  .help = "the sender wants to know whether it was carried out" },
	{ "vhost_user.refused", FIELD_BOOL, .get = get_refused, .label = "Refused",
	  .help = "such a reply says that it was not" },
	{ "vhost_user.size", FIELD_U64, FIELD_AT(vhost_user.size), .label = "Size",
	  .help = "bytes of the payload" },
	{ "vhost_user.descriptors", FIELD_U64, FIELD_AT(vhost_user.fds), .label = "Descriptors",
	  .help = "file descriptors that came with it" },
	{ "vhost_user.payload.field", FIELD_STR, FIELD_ARRAY, .get = get_field, .label = "Field",
	  .help = "name of a field of the payload" },
	{ "vhost_user.payload.value", FIELD_HEX, FIELD_ARRAY, .get = get_value, .label = "Value",
	  .help = "its value" },
	{ .path = NULL },
};
