/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "decoder/util/clock.h"
#include "decoder/util/qmp.h"
#include "decoder/util/socket.h"

#define CONNECT_MS 1000
#define CONNECT_STEP_MS 20
#define DEPTH_MAX 32 /* of objects and arrays in each other */
#define PIECES_MAX 16 /* received one after the other, without a wait */

int qmp_connect(const char *path)
{
	for (int ms = 0;; ms += CONNECT_STEP_MS) {
		int fd = socket_try_connect(path);

		if (fd != -EAGAIN)
			return fd;
		if (ms >= CONNECT_MS)
			return -ETIMEDOUT;
		if (poll(NULL, 0, CONNECT_STEP_MS) < 0)
			return -errno;
	}
}

int qmp_init(struct qmp *q, int fd, int patience)
{
	memset(q, 0, sizeof(*q));
	q->fd = fd;
	q->patience = patience;
	q->parser = json_tokener_new_ex(DEPTH_MAX);
	return q->parser ? 0 : -ENOMEM;
}

void qmp_fini(struct qmp *q)
{
	if (q->parser)
		json_tokener_free(q->parser);
	q->parser = NULL;
}

/* --- messages -------------------------------------------------------------- */

/* What is left of the time, the bytes and the values of one answer. */
struct budget {
	int64_t until; /* ms, CLOCK_MONOTONIC */
	size_t bytes, values;
};

static int64_t now_ms(void)
{
	return clock_ns(CLOCK_MONOTONIC) / 1000000;
}

static struct budget new_budget(const struct qmp *q)
{
	return (struct budget){ .until = now_ms() + q->patience,
				.bytes = QMP_ANSWER_MAX,
				.values = QMP_VALUES_MAX };
}

static int wait_for(const struct qmp *q, const struct budget *b, short events)
{
	struct pollfd p = { .fd = q->fd, .events = events };
	int64_t left = b->until - now_ms();

	if (left <= 0)
		return -ETIMEDOUT;
	if (q->wait && events == POLLIN) {
		int err = q->wait(q->opaque, q->fd, (int)left);

		return err < 0 ? err : 0;
	}
	return poll(&p, 1, (int)left) < 0 ? -errno : 0;
}

/* The turn of others, where we have waited for nothing so long. */
static int yield(struct qmp *q)
{
	int err = q->wait && ++q->pieces % PIECES_MAX == 0 ? q->wait(q->opaque, q->fd, 0) : 0;

	return err < 0 ? err : 0;
}

static int receive(struct qmp *q, struct budget *b)
{
	for (;;) {
		ssize_t n = recv(q->fd, q->in, sizeof(q->in), MSG_DONTWAIT);
		int err;

		if (n > 0) {
			q->at = 0;
			q->have = (size_t)n;
			return yield(q);
		}
		if (!n || (errno != EAGAIN && errno != EINTR))
			return -EPIPE;
		err = wait_for(q, b, POLLIN);
		if (err)
			return err;
	}
}

static int send_all(struct qmp *q, const struct budget *b, const char *text, size_t len)
{
	while (len) {
		ssize_t n = send(q->fd, text, len, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n > 0) {
			text += n;
			len -= (size_t)n;
			continue;
		}
		if (errno != EAGAIN && errno != EINTR)
			return -EPIPE;
		n = wait_for(q, b, POLLOUT);
		if (n)
			return (int)n;
	}
	return 0;
}

/* Take what was parsed off the budget; false: it exceeds that. */
static bool spend(struct budget *b, const char *text, size_t n)
{
	size_t values = 0;

	/* each value comes behind one of these, but the outermost */
	for (size_t i = 0; i < n; i++)
		values += text[i] == ',' || text[i] == '{' || text[i] == '[';
	if (n > b->bytes || values > b->values)
		return false;
	b->bytes -= n;
	b->values -= values;
	return true;
}

/* The next message, an object that the caller owns. */
static int next_message(struct qmp *q, struct budget *b, struct json_object **out)
{
	json_tokener_reset(q->parser);
	for (;;) {
		enum json_tokener_error e;
		size_t used;
		int err = q->at < q->have ? 0 : receive(q, b);

		if (err)
			return err;
		*out = json_tokener_parse_ex(q->parser, q->in + q->at, (int)(q->have - q->at));
		e = json_tokener_get_error(q->parser);
		used = e == json_tokener_continue ? q->have - q->at
						  : json_tokener_get_parse_end(q->parser);
		if (!spend(b, q->in + q->at, used))
			e = json_tokener_error_size;
		q->at += used;
		if (e == json_tokener_continue)
			continue;
		if (e == json_tokener_success && json_object_is_type(*out, json_type_object))
			return 0;
		json_object_put(*out);
		*out = NULL;
		return -EPROTO;
	}
}

int qmp_command(struct qmp *q, const char *command, struct json_object *args,
		struct json_object **ret)
{
	struct json_object *o = json_object_new_object(), *v;
	struct budget b = new_budget(q);
	const char *text;
	size_t len;
	int err;

	*ret = NULL;
	json_object_object_add(o, "execute", json_object_new_string(command));
	if (args)
		json_object_object_add(o, "arguments", args);
	text = json_object_to_json_string_length(
		o, JSON_C_TO_STRING_SPACED | JSON_C_TO_STRING_NOSLASHESCAPE, &len);
	err = text ? send_all(q, &b, text, len) : -ENOMEM;
	if (!err)
		err = send_all(q, &b, "\n", 1);
	json_object_put(o);
	for (unsigned i = 0; !err && i <= QMP_EVENTS_MAX; i++) {
		err = next_message(q, &b, &o);
		if (err)
			return err;
		if (json_object_object_get_ex(o, "return", &v)) {
			*ret = json_object_get(v);
			json_object_put(o);
			return 0;
		}
		if (json_object_object_get_ex(o, "error", NULL))
			err = -EOPNOTSUPP;
		else if (!json_object_object_get_ex(o, "event", NULL))
			err = -EPROTO;
		json_object_put(o);
	}
	return err ? err : -EPROTO;
}

int qmp_greet(struct qmp *q, struct json_object **version)
{
	struct budget b = new_budget(q);
	struct json_object *o, *v;
	int err = next_message(q, &b, &o);

	if (version)
		*version = NULL;
	if (err)
		return err;
	v = qmp_member(o, "QMP", json_type_object);
	err = v ? 0 : -EPROTO;
	if (v && version)
		*version = json_object_get(qmp_member(qmp_member(v, "version", json_type_object),
						      "qemu", json_type_object));
	json_object_put(o);
	if (err)
		return err;
	err = qmp_command(q, "qmp_capabilities", NULL, &v);
	json_object_put(v);
	return err == -EOPNOTSUPP ? -EPROTO : err;
}

/* --- values ---------------------------------------------------------------- */

struct json_object *qmp_member(struct json_object *o, const char *key, enum json_type type)
{
	struct json_object *v;

	return json_object_is_type(o, json_type_object) && json_object_object_get_ex(o, key, &v) &&
			       json_object_is_type(v, type)
		       ? v
		       : NULL;
}

const char *qmp_string(struct json_object *o, const char *key)
{
	struct json_object *v = qmp_member(o, key, json_type_string);

	return v ? json_object_get_string(v) : NULL;
}

uint64_t qmp_number(struct json_object *o, const char *key, uint64_t otherwise)
{
	struct json_object *v = qmp_member(o, key, json_type_int);

	return v ? json_object_get_uint64(v) : otherwise;
}

size_t qmp_length(struct json_object *o)
{
	return json_object_is_type(o, json_type_array) ? json_object_array_length(o) : 0;
}
