/* SPDX-License-Identifier: MIT */
/*
 * Building event records, the counterpart of decoder/trace/record.h: the fixed
 * part, then descriptors, segments of buffers, TLVs or text.  Every part is
 * checked against the room that is left, and padded with zeroes to a multiple of
 * 4 bytes; what does not fit leaves the record as it was.  Counts in the fixed
 * part (ndesc, nseg, len) are the caller's to set.
 */
#ifndef VQT_DECODER_TRACE_BUILD_H
#define VQT_DECODER_TRACE_BUILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "decoder/trace/event.h"

struct build {
	uint8_t *bytes; /* the caller's, aligned to 8 */
	size_t size; /* of the buffer: VQT_RECORD_MAX at most is worth having */
	size_t len; /* of the record so far */
};

/*
 * Begin a record of this type in the buffer: `fixed` bytes of zeroes, a header for
 * no queue.  Returns the fixed part, to be filled in; NULL when there is no room.
 */
void *build_begin(struct build *b, void *bytes, size_t size, unsigned type, size_t fixed);

/*
 * A session of this host and program, as it begins a trace: the versions, the host, its kernel,
 * the tool, the command line (NULL: unknown).  The caller sets ts, snaplen and wall.
 */
struct vqt_session *build_session(struct build *b, void *bytes, size_t size, const char *command);

/* Append n bytes; false when they do not fit. */
bool build_bytes(struct build *b, const void *p, size_t n);
/* Append a value of a descriptive record; false when it does not fit. */
bool build_tlv(struct build *b, unsigned tag, const void *value, size_t n);
/* The same for a string, cut at BUILD_TEXT_MAX bytes; NULL and "" leave the tag out. */
#define BUILD_TEXT_MAX 4000
bool build_text(struct build *b, unsigned tag, const char *s);
/*
 * Append a callback of a class record with its two names; c->len is set here.  False when it does
 * not fit.
 */
bool build_callback(struct build *b, const struct vqt_callback *c, const char *callback,
		    const char *function);
/*
 * Append a tagged value to an event.  Nothing may be appended to it afterwards but other tagged
 * values.  False when it does not fit.
 */
bool build_value(struct build *b, unsigned tag, const void *value, size_t n);
/* The same: the id of the stack at which it happened. */
bool build_stack(struct build *b, uint32_t id);
#define BUILD_STACK_MAX 11 /* bytes that it appends at most */
/*
 * Append a segment of n bytes of descriptor desc, from this offset in its buffer.  Returns
 * the place for the bytes, which are zero until the caller writes them, or NULL when there
 * is no room.  A caller that cannot get the bytes removes the segment: it restores the
 * former b->len.
 */
uint8_t *build_seg(struct build *b, uint16_t desc, uint32_t offset, uint16_t n);

/* Copies bytes of guest memory: 0 or negative errno. */
typedef int build_read(void *opaque, uint64_t gpa, void *buf, size_t len);

/* Buffers of a chain whose leading bytes a record shall have. */
struct build_buffers {
	const struct vqt_desc *desc;
	uint32_t first, end; /* descriptors [first, end) */
	uint32_t table; /* the one that refers to an indirect table, or BUILD_NO_TABLE */
	bool writable; /* direction */
	uint32_t each; /* bytes of a buffer at most */
	uint64_t total; /* bytes of all buffers at most: what the device says it wrote */
	build_read *read;
	void *opaque;
};
#define BUILD_NO_TABLE UINT32_MAX
/* Append them as segments; what cannot be read is left out.  Returns their number. */
unsigned build_segs(struct build *b, const struct build_buffers *from);

#endif
