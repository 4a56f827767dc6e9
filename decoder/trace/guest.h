/* SPDX-License-Identifier: MIT */
/*
 * The functions of a kernel's virtio drivers that a VQT_GUEST record can be about, and what
 * its arguments are.  The names are Linux's.
 */
#ifndef VQT_DECODER_TRACE_GUEST_H
#define VQT_DECODER_TRACE_GUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "decoder/trace/record.h"

enum guest_kind {
	GUEST_NONE,
	GUEST_NUMBER,
	GUEST_SIGNED, /* 32 bits */
	GUEST_HEX,
	GUEST_ERRNO, /* 0, or negative errno */
	GUEST_BOOL,
	GUEST_POINTER, /* means something to this kernel only */
	GUEST_STATUS, /* device status, 2.1 */
	GUEST_FEATURES, /* feature bits 0 to 63 */
	GUEST_REQ_OP, /* enum req_op in the low byte, flags above */
	GUEST_TIME, /* ns on the kernel's clock */
};

struct guest_value {
	const char *name;
	uint8_t kind; /* enum guest_kind */
};

struct guest_function {
	const char *name; /* the kernel's */
	uint8_t what; /* enum vqt_guest_what */
	uint8_t number; /* enum vqt_guest_function; 0: a record has its name */
	struct guest_value entry[VQT_GUEST_ARGS]; /* arguments of the record of its entry */
	struct guest_value at_return[VQT_GUEST_ARGS]; /* and of its return; a tracepoint's: entry */
	uint8_t ret; /* enum guest_kind of its result */
	const char *proof; /* inlined: what proves that it ran */
};

/* By its name; NULL if it is none of ours. */
const struct guest_function *guest_function_named(const char *name, size_t len);
/* By its number (enum vqt_guest_function); NULL: 0, or one of a newer writer. */
const struct guest_function *guest_function_numbered(unsigned number);
/* The function of a VQT_GUEST record: by its number, its text, or `what` where it has neither; NULL. */
const struct guest_function *guest_function_of(const struct record *r);
const struct guest_function *guest_function_nth(unsigned n); /* NULL after the last */

/* The record's argument i, i < guest.nargs. */
static inline uint64_t record_guest_arg(const struct record *r, unsigned i)
{
	return get_le64(r->tail + 8 * i);
}

/* What argument i is; NULL: unknown. */
const struct guest_value *guest_value_of(const struct record *r, unsigned i);

#endif
