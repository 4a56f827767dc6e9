/* SPDX-License-Identifier: MIT */
/*
 * A client of QEMU's monitor protocol: docs/interop/qmp-spec of QEMU.  The server
 * is not trusted: an answer is bounded in bytes, values, nesting and time, and each
 * value in it may be absent or of another type.
 */
#ifndef VQT_DECODER_UTIL_QMP_H
#define VQT_DECODER_UTIL_QMP_H

#include <json-c/json.h>
#include <stddef.h>
#include <stdint.h>

#define QMP_ANSWER_MAX (4u << 20) /* bytes of one answer, the events before it included */
#define QMP_EVENTS_MAX 1000 /* events before one answer */
/* Values in one answer: "{}" is 2 bytes of it, and some 700 of memory. */
#define QMP_VALUES_MAX 32768

struct qmp {
	int fd; /* a connected stream socket; it stays the caller's */
	int patience; /* ms, for one answer */
	/*
	 * Waits until fd is readable or ms have passed, and may serve other descriptors
	 * meanwhile; negative errno ends the command.  Also called now and then, with 0 ms,
	 * where a server says so much that there is nothing to wait for.  NULL: poll(2).
	 */
	int (*wait)(void *opaque, int fd, int ms);
	void *opaque;
	/* private */
	struct json_tokener *parser;
	char in[4096]; /* received and not parsed yet: from at, have in all */
	size_t at, have;
	unsigned pieces; /* received since the latest wait */
};

/*
 * Connect to the server that listens at a path: a descriptor, or negative errno.
 * -ETIMEDOUT: it does not accept connections; -EINTR.
 */
int qmp_connect(const char *path);

/* Returns 0 or -ENOMEM; patience is the time for one answer in ms. */
int qmp_init(struct qmp *q, int fd, int patience);
void qmp_fini(struct qmp *q);

/*
 * Read the server's greeting and leave negotiation mode.  *version, unless NULL, is
 * the "qemu" object of the greeting, to be released with json_object_put(); NULL if
 * the server gave none.  Errors are those of qmp_command(), except that a server
 * that refuses qmp_capabilities gives -EPROTO.
 */
int qmp_greet(struct qmp *q, struct json_object **version);

/*
 * Run a command and skip the events that arrive before its answer.  args, which may
 * be NULL, is released.  *ret is what the server returned, to be released with
 * json_object_put(); it may be NULL, which is JSON's null.
 *
 * -EOPNOTSUPP: the server answered with an error.  -EPROTO: what it sent is not QMP, or
 * exceeds a bound.  -ETIMEDOUT, -EINTR.  -EPIPE: it closed the connection.
 * After any error but -EOPNOTSUPP the connection is of no further use.
 */
int qmp_command(struct qmp *q, const char *command, struct json_object *args,
		struct json_object **ret);

/* --- values of answers ------------------------------------------------------ */

/* A member of that type: NULL if o is no object, or has no such member. */
struct json_object *qmp_member(struct json_object *o, const char *key, enum json_type type);
/* The text belongs to o; NULL if there is none. */
const char *qmp_string(struct json_object *o, const char *key);
uint64_t qmp_number(struct json_object *o, const char *key, uint64_t otherwise);
/* Elements of an array; 0 if it is none. */
size_t qmp_length(struct json_object *o);

#endif
