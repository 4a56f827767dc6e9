/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <json-c/json.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "bpf/qemu/qmp.h"
#include "decoder/trace/event.h"
#include "decoder/spec/spec.h"

#define REPLY_MAX (4 << 20)
#define SKIPPED_MAX 1000 /* events before an answer */
#define TIMEOUT_MS 10000 /* of one answer: QEMU's main thread may be held up */
#define PATIENCE 30 /* seconds for all of them */

struct qmp {
	int fd;
	char *buf;
	size_t len;
	time_t until;
	qmp_wants *wants;
	void *ctx;
};

/*
 * x-query-virtio-status ends QEMU 11.1.3 with an assertion, whatever the device.
 * Features grew to 128 bits in 10.2; 7.2 answers well.
 */
#define STATUS_MAJOR 10 /* from here on it is not asked */

static time_t seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec;
}

int qmp_connect(const char *path)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd, err;

	if (strlen(path) >= sizeof(sa.sun_path))
		return -ENAMETOOLONG;
	strcpy(sa.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&sa, sizeof(sa))) {
		err = -errno;
		close(fd);
		return err;
	}
	return fd;
}

/* --- messages -------------------------------------------------------------- */

static int wait_for(const struct qmp *q, short what)
{
	struct pollfd p = { .fd = q->fd, .events = what };

	return seconds() > q->until || poll(&p, 1, TIMEOUT_MS) <= 0 ? -ETIMEDOUT : 0;
}

/* One line, without its end; into a JSON object the caller owns. */
static int qmp_line(struct qmp *q, struct json_object **out)
{
	char *nl;

	while (!(nl = memchr(q->buf, '\n', q->len))) {
		ssize_t n;

		if (q->len == REPLY_MAX)
			return -EMSGSIZE;
		if (wait_for(q, POLLIN))
			return -ETIMEDOUT;
		n = recv(q->fd, q->buf + q->len, REPLY_MAX - q->len, MSG_DONTWAIT);
		if (n <= 0)
			return n ? -errno : -ECONNRESET;
		q->len += (size_t)n;
	}
	*nl = 0;
	*out = json_tokener_parse(q->buf);
	q->len -= (size_t)(nl + 1 - q->buf);
	memmove(q->buf, nl + 1, q->len);
	if (json_object_is_type(*out, json_type_object))
		return 0;
	json_object_put(*out);
	return -EBADMSG;
}

static int qmp_send(struct qmp *q, const char *line, size_t len)
{
	while (len) {
		ssize_t n = wait_for(q, POLLOUT)
				    ? -1
				    : send(q->fd, line, len, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n <= 0)
			return -EPIPE;
		line += n;
		len -= (size_t)n;
	}
	return 0;
}

/*
 * Run a command, of a device at path (NULL none) and of its queue (< 0 none);
 * events in between are skipped.  *ret is owned by *reply.
 */
static int qmp_run(struct qmp *q, const char *command, const char *path, int queue,
		   struct json_object **reply, struct json_object **ret)
{
	struct json_object *cmd = json_object_new_object(), *args;
	const char *text;
	char line[2048];
	int err, n;

	json_object_object_add(cmd, "execute", json_object_new_string(command));
	if (path) {
		args = json_object_new_object();
		json_object_object_add(args, "path", json_object_new_string(path));
		if (queue >= 0)
			json_object_object_add(args, "queue", json_object_new_int(queue));
		json_object_object_add(cmd, "arguments", args);
	}
	text = json_object_to_json_string(cmd);
	n = snprintf(line, sizeof(line), "%s\n", text);
	json_object_put(cmd);
	if (n >= (int)sizeof(line))
		return -EMSGSIZE;
	err = qmp_send(q, line, (size_t)n);
	for (unsigned skipped = 0; !err && skipped < SKIPPED_MAX; skipped++) {
		err = qmp_line(q, reply);
		if (err)
			return err;
		if (json_object_object_get_ex(*reply, "return", ret))
			return 0;
		if (json_object_object_get_ex(*reply, "error", NULL))
			err = -EOPNOTSUPP;
		json_object_put(*reply); /* an event */
	}
	return err ? err : -EBADMSG;
}

/* --- values ---------------------------------------------------------------- */

static const char *string_of(struct json_object *o, const char *key)
{
	struct json_object *v;

	return json_object_object_get_ex(o, key, &v) && json_object_is_type(v, json_type_string)
		       ? json_object_get_string(v)
		       : NULL;
}

static uint64_t number_of(struct json_object *o, const char *key, uint64_t otherwise)
{
	struct json_object *v;

	return json_object_object_get_ex(o, key, &v) && json_object_is_type(v, json_type_int)
		       ? json_object_get_uint64(v)
		       : otherwise;
}

static struct json_object *member(struct json_object *o, const char *key, json_type type)
{
	struct json_object *v;

	return json_object_object_get_ex(o, key, &v) && json_object_is_type(v, type) ? v : NULL;
}

static size_t length(struct json_object *o)
{
	return json_object_is_type(o, json_type_array) ? json_object_array_length(o) : 0;
}

/* "VIRTIO_BLK_F_FLUSH: Flush command supported": the word before the colon. */
static bool word_of(struct json_object *o, char *buf, size_t size)
{
	const char *s = json_object_is_type(o, json_type_string) ? json_object_get_string(o) : NULL;

	if (!s)
		return false;
	snprintf(buf, size, "%.*s", (int)(strcspn(s, ":") & 0xff), s);
	return true;
}

static int feature_bit(unsigned virtio_id, const char *name)
{
	/* the vhost-user protocol's own, offered to no driver as such */
	if (!strcmp(name, "VHOST_USER_F_PROTOCOL_FEATURES"))
		return 30;
	return spec_feature_by_name(virtio_id, name);
}

static void features_in(struct json_object *list, unsigned virtio_id, uint64_t out[2], bool *whole)
{
	for (size_t i = 0; i < length(list); i++) {
		char name[64];
		int bit = word_of(json_object_array_get_idx(list, i), name, sizeof(name))
				  ? feature_bit(virtio_id, name)
				  : -1;

		if (bit >= 0 && bit < 128)
			out[bit / 64] |= 1ULL << (bit & 63);
		else
			*whole = false; /* a name we do not know: bits are missing */
	}
}

/* Features by name, and as a number those that QEMU has no name for. */
static bool features_of(struct json_object *status, const char *key, unsigned virtio_id,
			uint64_t out[2])
{
	struct json_object *o = member(status, key, json_type_object);
	bool whole = o != NULL;

	out[0] = out[1] = 0;
	if (!o)
		return false;
	features_in(member(o, "transports", json_type_array), virtio_id, out, &whole);
	features_in(member(o, "dev-features", json_type_array), virtio_id, out, &whole);
	out[0] |= number_of(o, "unknown-dev-features", 0);
	out[1] |= number_of(o, "unknown-dev-features2", 0);
	return whole;
}

/* 2.1: "VIRTIO_CONFIG_S_DRIVER_OK: Driver setup and ready" and the like */
static bool status_of(struct json_object *ret, uint8_t *out)
{
	static const struct {
		const char *word;
		uint8_t bit;
	} words[] = {
		{ "VIRTIO_CONFIG_S_ACKNOWLEDGE", 1 }, { "VIRTIO_CONFIG_S_DRIVER", 2 },
		{ "VIRTIO_CONFIG_S_DRIVER_OK", 4 },   { "VIRTIO_CONFIG_S_FEATURES_OK", 8 },
		{ "VIRTIO_CONFIG_S_SUSPEND", 16 },    { "VIRTIO_CONFIG_S_NEEDS_RESET", 64 },
		{ "VIRTIO_CONFIG_S_FAILED", 128 },
	};
	struct json_object *o = member(ret, "status", json_type_object);
	struct json_object *list = o ? member(o, "statuses", json_type_array) : NULL;

	*out = o ? (uint8_t)number_of(o, "unknown-statuses", 0) : 0;
	for (size_t i = 0; i < length(list); i++) {
		char name[64] = "";

		word_of(json_object_array_get_idx(list, i), name, sizeof(name));
		for (size_t w = 0; w < sizeof(words) / sizeof(words[0]); w++)
			if (!strcmp(name, words[w].word))
				*out |= words[w].bit;
	}
	return list != NULL;
}

/* --- devices --------------------------------------------------------------- */

static struct qmp_device *remember(struct qmp_answer *a, const char *path)
{
	struct qmp_device *d;

	if (a->n == QMP_DEVICES || strlen(path) >= sizeof(d->path))
		return NULL;
	d = realloc(a->dev, (a->n + 1) * sizeof(*d));
	if (!d)
		return NULL;
	a->dev = d;
	d = &a->dev[a->n++];
	memset(d, 0, sizeof(*d));
	d->bdf = ~0U;
	snprintf(d->path, sizeof(d->path), "%s", path);
	return d;
}

static int ask_queue(struct qmp *q, const struct qmp_device *d, unsigned n, struct qmp_queue *out)
{
	struct json_object *reply, *ret;
	int err = qmp_run(q, "x-query-virtio-queue-status", d->path, (int)n, &reply, &ret);

	if (err)
		return err;
	out->size = (uint16_t)number_of(ret, "vring-num", 0);
	out->desc = number_of(ret, "vring-desc", 0);
	out->driver = number_of(ret, "vring-avail", 0);
	out->device = number_of(ret, "vring-used", 0);
	out->last_avail = (uint16_t)number_of(ret, "last-avail-idx", 0);
	out->used = (uint16_t)number_of(ret, "used-idx", 0);
	out->known = member(ret, "vring-num", json_type_int) != NULL;
	json_object_put(reply);
	return 0;
}

/*
 * Never of a vhost device: QEMU would ask the back-end for its position, and by
 * the vhost-user protocol that question stops the ring.
 */
static void ask_queues(struct qmp *q, struct qmp_device *d)
{
	unsigned n = d->queues < QMP_QUEUES ? d->queues : QMP_QUEUES;

	d->queue = n && !d->vhost ? calloc(n, sizeof(*d->queue)) : NULL;
	if (!d->queue)
		return;
	for (; d->nqueue < n; d->nqueue++)
		if (ask_queue(q, d, (unsigned)d->nqueue, &d->queue[d->nqueue]))
			break;
}

static int ask_device(struct qmp *q, struct qmp_answer *a, const char *path)
{
	struct qmp_device *d = remember(a, path);
	struct json_object *reply, *ret, *v;
	int err;

	if (!d || a->shy || !q->wants(q->ctx, path))
		return 0;
	err = qmp_run(q, "x-query-virtio-status", path, -1, &reply, &ret);
	if (err)
		return err == -EOPNOTSUPP ? 0 : err;
	d->virtio_id = (uint16_t)number_of(ret, "device-id", 0);
	d->queues = (uint16_t)number_of(ret, "num-vqs", 0);
	v = member(ret, "vhost-started", json_type_boolean);
	d->vhost = (v && json_object_get_boolean(v)) || member(ret, "vhost-dev", json_type_object);
	if (status_of(ret, &d->status))
		d->known |= VQT_KNOWN_STATUS;
	if (features_of(ret, "host-features", d->virtio_id, d->offered))
		d->known |= VQT_KNOWN_OFFERED;
	if (features_of(ret, "guest-features", d->virtio_id, d->accepted))
		d->known |= VQT_KNOWN_ACCEPTED;
	json_object_put(reply);
	ask_queues(q, d);
	return 0;
}

/* Devices of one bus and of those behind its bridges; by the user's id. */
static void take_pci(struct qmp_answer *a, struct json_object *devices, unsigned depth)
{
	for (size_t i = 0; i < length(devices) && depth < 8; i++) {
		struct json_object *o = json_object_array_get_idx(devices, i), *bridge;
		const char *id = string_of(o, "qdev_id");
		char path[160];

		bridge = member(o, "pci_bridge", json_type_object);
		if (bridge)
			take_pci(a, member(bridge, "devices", json_type_array), depth + 1);
		if (!id || !*id)
			continue;
		snprintf(path, sizeof(path), "/machine/peripheral/%.100s/virtio-backend", id);
		for (size_t k = 0; k < a->n; k++)
			if (!strcmp(a->dev[k].path, path))
				a->dev[k].bdf = (uint32_t)((number_of(o, "bus", 0) & 0xff) << 8 |
							   (number_of(o, "slot", 0) & 31) << 3 |
							   (number_of(o, "function", 0) & 7));
	}
}

/* {"QMP": {"version": {"qemu": {"major": 7, ...}}}} */
static int greet(struct qmp *q, struct qmp_answer *a)
{
	struct json_object *reply, *ret, *o;
	int err = qmp_line(q, &reply);

	if (err)
		return err;
	o = member(reply, "QMP", json_type_object);
	err = o ? 0 : -EBADMSG;
	o = o ? member(o, "version", json_type_object) : NULL;
	o = o ? member(o, "qemu", json_type_object) : NULL;
	a->shy = !o || number_of(o, "major", STATUS_MAJOR) >= STATUS_MAJOR;
	json_object_put(reply);
	if (!err)
		err = qmp_run(q, "qmp_capabilities", NULL, -1, &reply, &ret);
	if (!err)
		json_object_put(reply);
	return err;
}

static int ask(struct qmp *q, struct qmp_answer *a)
{
	struct json_object *reply, *list;
	int err = greet(q, a);

	if (!err)
		err = qmp_run(q, "x-query-virtio", NULL, -1, &reply, &list);
	if (err)
		return err;
	for (size_t i = 0; i < length(list) && !err; i++) {
		const char *path = string_of(json_object_array_get_idx(list, i), "path");

		if (path)
			err = ask_device(q, a, path);
	}
	json_object_put(reply);
	if (err || qmp_run(q, "query-pci", NULL, -1, &reply, &list))
		return err;
	for (size_t i = 0; i < length(list); i++)
		take_pci(a, member(json_object_array_get_idx(list, i), "devices", json_type_array),
			 0);
	json_object_put(reply);
	return 0;
}

int qmp_ask(int fd, qmp_wants *wants, void *ctx, struct qmp_answer *out)
{
	struct qmp q = { .fd = fd,
			 .buf = malloc(REPLY_MAX),
			 .until = seconds() + PATIENCE,
			 .wants = wants,
			 .ctx = ctx };
	int err;

	memset(out, 0, sizeof(*out));
	err = q.buf ? ask(&q, out) : -ENOMEM;
	free(q.buf);
	return err;
}

void qmp_free(struct qmp_answer *a)
{
	for (size_t i = 0; i < a->n; i++)
		free(a->dev[i].queue);
	free(a->dev);
	memset(a, 0, sizeof(*a));
}
