/* SPDX-License-Identifier: MIT */
/*
 * The messages of the vhost-user protocol (QEMU's interop/vhost-user) as tables: names, and what
 * their payload holds.
 */
#ifndef VQT_DECODER_SPEC_VHOST_USER_H
#define VQT_DECODER_SPEC_VHOST_USER_H

#include <stdbool.h>

#include "decoder/spec/spec.h"

/* vqt_vhost_user.flags, as in the header of a message */
#define VHOST_USER_REPLY 0x4
#define VHOST_USER_NEED_REPLY 0x8

struct spec_message {
	const char *name; /* "SET_VRING_BASE" */
	uint16_t least; /* bytes of payload of a request */
	bool replies; /* the protocol defines a reply */
	struct spec_fields request, reply; /* fields of the payload; empty: none is known */
};

/*
 * A message by the number of its request: one of the front end, or one of those that the back end sends of its
 * own accord.  NULL: unknown.
 */
const struct spec_message *spec_vhost_user(uint32_t request, bool of_back_end);

/*
 * Of a recorded message: the row, or NULL; the fields of its payload (never NULL), among them the
 * result of a reply that was asked for with NEED_REPLY; is it such a reply?
 */
struct vqt_vhost_user;
const struct spec_message *spec_vhost_user_of(const struct vqt_vhost_user *m);
const struct spec_fields *spec_vhost_user_payload(const struct vqt_vhost_user *m);
bool spec_vhost_user_is_ack(const struct vqt_vhost_user *m);
/* Leading bytes of the payload that these fields cover: the rest is nobody's to see. */
size_t spec_vhost_user_covered(const struct vqt_vhost_user *m);

#endif
