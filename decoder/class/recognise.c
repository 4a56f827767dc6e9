/* SPDX-License-Identifier: MIT */
/* The type of a device that nobody named, from what its features and requests can belong to. */
#include "decoder/class/class.h"

#include "decoder/spec/constants.h"

/* Bits of the device type (2.2): the others are the same for all types. */
static bool of_the_type(unsigned bit)
{
	return bit < 24 || (bit >= 50 && bit < 128);
}

bool class_can_offer(const struct class *c, const uint64_t offered[2])
{
	for (unsigned bit = 0; bit < 128; bit++)
		if (offered[bit / 64] >> bit % 64 & 1 && of_the_type(bit) &&
		    !spec_feature(c->features, bit))
			return false;
	return true;
}

bool class_can_have_config(const struct class *c, size_t len)
{
	const struct spec_field *last =
		c->config.count ? &c->config.field[c->config.count - 1] : NULL;

	return !len || (last && len <= (size_t)last->offset + last->width &&
			len >= c->config.field[0].width);
}

/* The only type that fits; with `own` only those that have a protocol feature of vhost-user. */
static const struct class *only_fit(const struct class_evidence *v, bool own)
{
	const struct class *c, *found = NULL;

	for (size_t i = 0; (c = class_nth(i)); i++) {
		if ((own && !(v->vhost_user & c->vhost_user_only)) ||
		    !class_can_offer(c, v->offered) || !class_can_have_config(c, v->config_len))
			continue;
		if (found)
			return NULL;
		found = c;
	}
	return found;
}

/* DPDK's library offers the protocol features of network devices for all: they count last. */
const struct class *class_recognise(const struct class_evidence *v)
{
	const struct class *c;
	bool any = v->config_len != 0;

	for (unsigned bit = 0; bit < 128; bit++)
		any |= of_the_type(bit) && v->offered[bit / 64] >> bit % 64 & 1;
	c = any ? only_fit(v, false) : NULL;
	return c ? c : only_fit(v, true);
}

const struct class *class_of_request(const struct class_request *r)
{
	const struct class *c, *found = NULL;

	for (size_t i = 0; (c = class_nth(i)); i++) {
		if (!c->is_request || !c->is_request(r))
			continue;
		if (found)
			return NULL;
		found = c;
	}
	return found;
}
