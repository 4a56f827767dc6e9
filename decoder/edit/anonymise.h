/* SPDX-License-Identifier: MIT */
/*
 * Removes from a trace what identifies a machine or its owner: data of requests, serial
 * numbers, MAC addresses and names, in device configuration and in requests; host and guest
 * names, command lines, paths, process and thread ids, pointers.  The conversation stays:
 * registers, rings, descriptors, request headers, lengths, status.  What is not known to be
 * harmless is removed.
 */
#ifndef VQT_DECODER_EDIT_ANONYMISE_H
#define VQT_DECODER_EDIT_ANONYMISE_H

#include <stddef.h>
#include <stdint.h>

#include "decoder/model/model.h"

struct anonymise;

struct anonymise *anonymise_new(void); /* NULL: no memory */
void anonymise_free(struct anonymise *a);

/* First pass, for every event: learn the names that may occur in texts. */
void anonymise_learn(struct anonymise *a, const struct event *e);

/*
 * Second pass: change the record of an event in place.  buf is aligned to 8 and has size
 * bytes of room, at least len + 64.  origin goes into the session record.  Returns the new
 * length; 0: leave the record out.
 */
size_t anonymise_record(struct anonymise *a, const struct event *e, uint8_t *buf, size_t len,
			size_t size, const char *origin);

#endif
