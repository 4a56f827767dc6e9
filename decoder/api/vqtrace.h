/* SPDX-License-Identifier: MIT */
/*
 * libvqtrace: read traces of vqtrace, look at their events, check them against virtio 1.4.
 *
 *   struct vqtrace *t;
 *   const struct vqtrace_event *e;
 *
 *   if (!vqtrace_open(&t, "t.pcap", NULL, 0)) {
 *           while (vqtrace_next(t, &e) == 1)
 *                   ...
 *           vqtrace_close(t);
 *   }
 *
 * The library never prints, ends the process, or changes signals and locale.  Traces may be of
 * anybody: whatever they hold, the functions return errors and what is readable.  Memory is bounded
 * by the devices, queues and requests in flight of a trace, not by its length.
 *
 * Threads: a trace and what belongs to it is used by one thread at a time; different traces need no
 * lock.  Errors are negative errno values.  See libvqtrace(3).
 */
#ifndef VQTRACE_H
#define VQTRACE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct vqtrace; /* an open trace */
struct vqtrace_event; /* valid until the next vqtrace_next() or vqtrace_close() of its trace */
struct vqtrace_field; /* what an event can say; valid for ever */

/* The release of the library that runs: "0.1". */
const char *vqtrace_version(void);

/* --- reading ------------------------------------------------------------------------------- */

/*
 * Open a trace, plain or compressed, "-" for standard input.  0, and *out is the caller's, who closes
 * it.  Else *out is NULL, and `error` (if not NULL) has a line of UTF-8 for people, cut to its size: -EBADMSG
 * no trace, -EPROTOTYPE a pcap of something else, -ENODATA empty, -EOPNOTSUPP compressed in a way
 * that cannot be read here, -ENOMEM, or what open(2) and read(2) say.
 */
int vqtrace_open(struct vqtrace **out, const char *path, char *error, size_t size);

/* The same of bytes in memory, which stay the caller's and have to outlive the trace. */
int vqtrace_open_memory(struct vqtrace **out, const void *bytes, size_t len, char *error,
			size_t size);

/*
 * The next event.  1, and *out is it; 0 at the end of the trace; -EBADMSG where the trace is broken:
 * vqtrace_error() says how, and the next call goes on behind that place, or returns 0 if nothing is
 * readable there; -EPROTONOSUPPORT: the trace has a later format; -ENOMEM.  After these two no event
 * follows.  *out is NULL without an event.
 */
int vqtrace_next(struct vqtrace *t, const struct vqtrace_event **out);

/* The last error of vqtrace_next() or vqtrace_check(), a line for people; "" none. */
const char *vqtrace_error(const struct vqtrace *t);

/* Events so far. */
uint64_t vqtrace_events(const struct vqtrace *t);

/* Events that the trace lacks so far, as it tells; *more (if not NULL): 1 if more than those may be lost. */
uint64_t vqtrace_lost(const struct vqtrace *t, int *more);

/* Ends all that belongs to the trace; NULL is fine. */
void vqtrace_close(struct vqtrace *t);

/* --- what an event says -------------------------------------------------------------------- */

enum vqtrace_kind {
	VQTRACE_UNSIGNED, /* a number, 64 bits */
	VQTRACE_SIGNED,
	VQTRACE_TIME, /* ns, unsigned */
	VQTRACE_BOOLEAN, /* the number 0 or 1 */
	VQTRACE_TEXT,
	VQTRACE_BYTES
};

/* Later releases may have more kinds; values of all are there as text. */

/*
 * A field by its name, one of those that 'vqtrace show --fields' lists: "event", "device",
 * "request.type", "used.latency"; NULL if there is none.  Look it up once, before reading.
 */
const struct vqtrace_field *vqtrace_field(const char *name);

/* All fields in order, from 0; NULL past the end. */
const struct vqtrace_field *vqtrace_field_nth(unsigned n);

const char *vqtrace_field_name(const struct vqtrace_field *f);
const char *vqtrace_field_help(const struct vqtrace_field *f); /* a line for people */
enum vqtrace_kind vqtrace_field_kind(const struct vqtrace_field *f);
int vqtrace_field_is_array(const struct vqtrace_field *f); /* 1: has elements, 0: has one value */

/*
 * The value of a field in this event.  i: the element of an array, from 0; of other fields 0.
 * Elements may be read in any order; one after the other is fastest.  An array ends where the first
 * of its fields has no value ("buffers.descriptor" of those named "buffers."); each of the others may
 * have none in an element before.
 * -ENOENT: this event says nothing of it, or has no such element.  f NULL: -EINVAL.  Then nothing is
 * stored, but that the text is empty.
 *
 * Numbers: 0 and *out; -EINVAL if the field has texts or bytes; -ERANGE: i64 of a number above
 * INT64_MAX, u64 of one below 0.
 */
int vqtrace_get_u64(const struct vqtrace_event *e, const struct vqtrace_field *f, unsigned i,
		    uint64_t *out);
int vqtrace_get_i64(const struct vqtrace_event *e, const struct vqtrace_field *f, unsigned i,
		    int64_t *out);

/*
 * Any kind as text that is safe to print: numbers in decimal, "true" or "false", bytes in hexadecimal;
 * of texts, which may be of a guest or user, control characters and what is not UTF-8 are \xNN,
 * invisible characters \uNNNN.  Returns the length of the whole text, at most INT_MAX; buf, of size bytes,
 * gets as much of it as fits and a NUL byte (size 0: nothing, and buf may be NULL).
 */
int vqtrace_get_text(const struct vqtrace_event *e, const struct vqtrace_field *f, unsigned i,
		     char *buf, size_t size);

/*
 * The bytes of a text or of bytes as they are, hostile, without a NUL byte at the end.  Returns how many
 * there are; buf gets as many as fit.  -EINVAL if the field has numbers.
 */
int vqtrace_get_bytes(const struct vqtrace_event *e, const struct vqtrace_field *f, unsigned i,
		      void *buf, size_t size);

/* --- the checker --------------------------------------------------------------------------- */

enum vqtrace_party { VQTRACE_DRIVER, VQTRACE_DEVICE };

enum vqtrace_severity { /* from the worst */
			VQTRACE_MUST, /* the specification says MUST, MUST NOT or SHALL */
			VQTRACE_STRUCTURAL, /* no such word, but nothing works otherwise */
			VQTRACE_SHOULD,
			VQTRACE_SUSPICIOUS /* legal or unclear, and often a mistake */
};

/*
 * Check events as they are read: to be called before the first vqtrace_next().  rules: NULL for all,
 * or a selection as of 'vqtrace check --rules'.  0; -ENOENT: a word of it names no rule, see
 * vqtrace_error(); -EBUSY: an event was read, or the checker is on; -ENOMEM.
 */
int vqtrace_check(struct vqtrace *t, const char *rules);

/* A rule that was broken.  Texts are safe to print, and valid as long as the finding. */
struct vqtrace_finding;

/*
 * The next finding that became certain with the latest vqtrace_next(), also with the one that returned
 * 0 (what was still due at the end); NULL: there is none, or no more.  A finding is valid until the
 * next vqtrace_next() or vqtrace_close().
 */
const struct vqtrace_finding *vqtrace_next_finding(struct vqtrace *t);

const char *vqtrace_finding_rule(const struct vqtrace_finding *f); /* "kick-before-driver-ok" */
enum vqtrace_party vqtrace_finding_party(const struct vqtrace_finding *f); /* who broke it */
enum vqtrace_severity vqtrace_finding_severity(const struct vqtrace_finding *f);
const char *vqtrace_finding_section(const struct vqtrace_finding *f); /* of virtio 1.4: "2.1.1" */
const char *vqtrace_finding_device(const struct vqtrace_finding *f); /* "blk0" */
int vqtrace_finding_queue(const struct vqtrace_finding *f); /* -1: of no queue */
uint64_t vqtrace_finding_event(const struct vqtrace_finding *f); /* number of the event, from 1 */
uint64_t vqtrace_finding_since(const struct vqtrace_finding *f); /* ns since the first event */
const char *vqtrace_finding_seen(const struct vqtrace_finding *f); /* what happened */
const char *vqtrace_finding_expected(const struct vqtrace_finding *f); /* what is required */

/* Findings so far of this severity or worse. */
uint64_t vqtrace_findings(const struct vqtrace *t, enum vqtrace_severity severity);

/*
 * Whether anything was decided about a party so far.  0: that it has no findings says nothing, as the
 * trace lacks what its rules need.
 */
int vqtrace_decided(const struct vqtrace *t, enum vqtrace_party party);

#ifdef __cplusplus
}
#endif

#endif
