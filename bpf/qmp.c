/* SPDX-License-Identifier: MIT */
/*
 * Asking a running QEMU over QMP for what its memory did not tell.  The answers
 * come from the process being examined: every field may be absent, of another
 * type, or nonsense, and only fills gaps.
 */
#include <errno.h>
#include <json-c/json.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "bpf/capture_impl.h"

#define REPLY_MAX (4 << 20)
#define TIMEOUT_MS 3000

struct qmp {
	int fd;
	char *buf;
	size_t len;
};

static int qmp_connect(const char *path)
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

/* One line, without its end; into a JSON object the caller owns. */
static int qmp_line(struct qmp *q, struct json_object **out)
{
	char *nl;

	while (!(nl = memchr(q->buf, '\n', q->len))) {
		struct pollfd p = { .fd = q->fd, .events = POLLIN };
		ssize_t n;

		if (q->len == REPLY_MAX)
			return -EMSGSIZE;
		if (poll(&p, 1, TIMEOUT_MS) <= 0)
			return -ETIMEDOUT;
		n = recv(q->fd, q->buf + q->len, REPLY_MAX - q->len, 0);
		if (n <= 0)
			return n ? -errno : -ECONNRESET;
		q->len += (size_t)n;
	}
	*nl = 0;
	*out = json_tokener_parse(q->buf);
	q->len -= (size_t)(nl + 1 - q->buf);
	memmove(q->buf, nl + 1, q->len);
	return json_object_is_type(*out, json_type_object) ? 0 : (json_object_put(*out), -EBADMSG);
}

/* Run a command; events in between are skipped.  *ret is owned by *reply. */
static int qmp_run(struct qmp *q, const char *command, const char *path,
		   struct json_object **reply, struct json_object **ret)
{
	struct json_object *cmd = json_object_new_object(), *args;
	char line[1024];
	int err = 0, n;

	json_object_object_add(cmd, "execute", json_object_new_string(command));
	if (path) {
		args = json_object_new_object();
		json_object_object_add(args, "path", json_object_new_string(path));
		json_object_object_add(cmd, "arguments", args);
	}
	n = snprintf(line, sizeof(line), "%s\n", json_object_to_json_string(cmd));
	json_object_put(cmd);
	if (n >= (int)sizeof(line) || send(q->fd, line, (size_t)n, MSG_NOSIGNAL) != n)
		return -EPIPE;
	for (unsigned skipped = 0; skipped < 1000; skipped++) {
		err = qmp_line(q, reply);
		if (err)
			return err;
		if (json_object_object_get_ex(*reply, "return", ret))
			return 0;
		if (json_object_object_get_ex(*reply, "error", NULL)) {
			json_object_put(*reply);
			return -EOPNOTSUPP;
		}
		json_object_put(*reply); /* an event */
	}
	return -EBADMSG;
}

static const char *string_of(struct json_object *o, const char *key)
{
	struct json_object *v;

	return json_object_object_get_ex(o, key, &v) && json_object_is_type(v, json_type_string) ?
		       json_object_get_string(v) : NULL;
}

static int64_t number_of(struct json_object *o, const char *key, int64_t otherwise)
{
	struct json_object *v;

	return json_object_object_get_ex(o, key, &v) && json_object_is_type(v, json_type_int) ?
		       json_object_get_int64(v) : otherwise;
}

static struct qmp_device *remember(struct target *t, const char *path)
{
	struct qmp_device *d;

	if (t->nqmp == QMP_DEVICES)
		return NULL;
	d = &t->qmp[t->nqmp++];
	memset(d, 0, sizeof(*d));
	d->bdf = ~0U;
	snprintf(d->path, sizeof(d->path), "%s", path);
	return d;
}

static void ask_device(struct target *t, struct qmp *q, const char *path)
{
	struct json_object *reply, *ret, *v;
	struct qmp_device *d = remember(t, path);

	if (!d || qmp_run(q, "x-query-virtio-status", path, &reply, &ret))
		return;
	d->virtio_id = (uint16_t)number_of(ret, "device-id", 0);
	d->queues = (uint16_t)number_of(ret, "num-vqs", 0);
	if (json_object_object_get_ex(ret, "vhost-started", &v))
		d->vhost = json_object_get_boolean(v);
	json_object_put(reply);
}

/* Devices of one bus and of those behind its bridges; by the user's id. */
static void ask_pci(struct target *t, struct json_object *devices, unsigned depth)
{
	size_t n = json_object_is_type(devices, json_type_array) && depth < 8 ?
			   json_object_array_length(devices) : 0;

	for (size_t i = 0; i < n; i++) {
		struct json_object *o = json_object_array_get_idx(devices, i), *bridge, *below;
		const char *id = string_of(o, "qdev_id");
		char path[160];

		if (json_object_object_get_ex(o, "pci_bridge", &bridge) &&
		    json_object_object_get_ex(bridge, "devices", &below))
			ask_pci(t, below, depth + 1);
		if (!id || !*id)
			continue;
		snprintf(path, sizeof(path), "/machine/peripheral/%.100s/virtio-backend", id);
		for (size_t k = 0; k < t->nqmp; k++)
			if (!strcmp(t->qmp[k].path, path))
				t->qmp[k].bdf = (uint32_t)((number_of(o, "bus", 0) & 0xff) << 8 |
							   (number_of(o, "slot", 0) & 31) << 3 |
							   (number_of(o, "function", 0) & 7));
	}
}

static int ask(struct target *t, struct qmp *q)
{
	struct json_object *reply, *ret, *list;
	int err = qmp_line(q, &reply); /* the greeting */

	if (err)
		return err;
	err = json_object_object_get_ex(reply, "QMP", NULL) ? 0 : -EBADMSG;
	json_object_put(reply);
	if (!err)
		err = qmp_run(q, "qmp_capabilities", NULL, &reply, &ret);
	if (err)
		return err;
	json_object_put(reply);
	err = qmp_run(q, "x-query-virtio", NULL, &reply, &list);
	if (err)
		return err;
	for (size_t i = 0; json_object_is_type(list, json_type_array) &&
			   i < json_object_array_length(list); i++) {
		const char *path = string_of(json_object_array_get_idx(list, i), "path");

		if (path)
			ask_device(t, q, path);
	}
	json_object_put(reply);
	if (qmp_run(q, "query-pci", NULL, &reply, &ret))
		return 0;
	for (size_t i = 0; json_object_is_type(ret, json_type_array) &&
			   i < json_object_array_length(ret); i++) {
		struct json_object *devices;

		if (json_object_object_get_ex(json_object_array_get_idx(ret, i), "devices", &devices))
			ask_pci(t, devices, 0);
	}
	json_object_put(reply);
	return 0;
}

int capture_qmp(struct capture *c, pid_t pid, const char *socket, struct capture_error *err)
{
	struct qmp q = { .fd = -1 };
	struct target *t = NULL;
	int code = -ESRCH;

	for (size_t i = 0; i < c->ntargets; i++)
		if (c->target[i]->p.pid == pid)
			t = c->target[i];
	q.buf = malloc(REPLY_MAX);
	if (t && q.buf)
		code = q.fd = qmp_connect(socket);
	if (q.fd >= 0)
		code = ask(t, &q);
	if (code < 0)
		snprintf(err->text, sizeof(err->text),
			 "QMP socket %.200s: %s; what was missed stays unknown%s", socket,
			 code == -EBADMSG    ? "the answer is not QMP" :
			 code == -EOPNOTSUPP ? "this QEMU has no x-query-virtio (7.2 and later do)" :
					       strerror(-code),
			 code == -ETIMEDOUT ? " (does another client hold it?)" : "");
	if (q.fd >= 0)
		close(q.fd);
	free(q.buf);
	return code < 0 ? code : 0;
}
