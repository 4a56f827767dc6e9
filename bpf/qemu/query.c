/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/qemu/query.h"
#include "decoder/class/class.h"
#include "decoder/trace/event.h"
#include "decoder/util/clock.h"
#include "decoder/util/qmp.h"

#define BRIDGES_MAX 8 /* nested */

struct query {
	struct qmp qmp;
	uint64_t until; /* ms, CLOCK_MONOTONIC */
	const struct query_asker *by;
};

/*
 * x-query-virtio-status ends QEMU 11.1.3 with an assertion, whatever the device.
 * Features grew to 128 bits in 10.2; 7.2 answers well.
 */
#define STATUS_MAJOR 10 /* from this version on the command is not used */

static uint64_t now_ms(void)
{
	return clock_ns(CLOCK_MONOTONIC) / 1000000;
}

/*
 * Run a command about the device at path (NULL: no device) and its queue (< 0: no queue).
 * The caller releases *ret.
 */
static int run(struct query *q, const char *command, const char *path, int queue,
	       struct json_object **ret)
{
	struct json_object *args = NULL;
	uint64_t now = now_ms();

	*ret = NULL;
	if (now >= q->until)
		return -ETIMEDOUT;
	if (q->until - now < QUERY_ANSWER_MS)
		q->qmp.patience = (int)(q->until - now);
	if (path) {
		args = json_object_new_object();
		json_object_object_add(args, "path", json_object_new_string(path));
		if (queue >= 0)
			json_object_object_add(args, "queue", json_object_new_int(queue));
	}
	return qmp_command(&q->qmp, command, args, ret);
}

/* --- values ---------------------------------------------------------------- */

/* "VIRTIO_..._F_FLUSH: Flush command supported": the word before the colon. */
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
	/* a vhost-user protocol bit, which is never offered to the driver under this name */
	if (!strcmp(name, "VHOST_USER_F_PROTOCOL_FEATURES"))
		return 30;
	return class_feature_by_name(virtio_id, name);
}

static void features_in(struct json_object *list, unsigned virtio_id, uint64_t out[2], bool *whole)
{
	for (size_t i = 0; i < qmp_length(list); i++) {
		char name[64];
		int bit = word_of(json_object_array_get_idx(list, i), name, sizeof(name))
				  ? feature_bit(virtio_id, name)
				  : -1;

		if (bit >= 0 && bit < 128)
			out[bit / 64] |= 1ULL << (bit & 63);
		else
			*whole = false; /* unknown name: its bit is missing from the set */
	}
}

/* Features come by name; those that QEMU has no name for come as a number. */
static bool features_of(struct json_object *status, const char *key, unsigned virtio_id,
			uint64_t out[2])
{
	struct json_object *o = qmp_member(status, key, json_type_object);
	bool whole = o != NULL;

	out[0] = out[1] = 0;
	if (!o)
		return false;
	features_in(qmp_member(o, "transports", json_type_array), virtio_id, out, &whole);
	features_in(qmp_member(o, "dev-features", json_type_array), virtio_id, out, &whole);
	out[0] |= qmp_number(o, "unknown-dev-features", 0);
	out[1] |= qmp_number(o, "unknown-dev-features2", 0);
	return whole;
}

/* 2.1: "VIRTIO_CONFIG_S_DRIVER_OK: Driver setup and ready" and the like */
static bool status_of(struct json_object *ret, uint8_t *out)
{
	static const char prefix[] = "VIRTIO_CONFIG_S_";
	struct json_object *o = qmp_member(ret, "status", json_type_object);
	struct json_object *list = qmp_member(o, "statuses", json_type_array);

	*out = (uint8_t)qmp_number(o, "unknown-statuses", 0);
	for (size_t i = 0; i < qmp_length(list); i++) {
		char name[64] = "";

		word_of(json_object_array_get_idx(list, i), name, sizeof(name));
		if (strncmp(name, prefix, sizeof(prefix) - 1))
			continue;
		for (const struct spec_name *n = spec_status_bits; n->name; n++)
			if (!strcmp(name + sizeof(prefix) - 1, n->name))
				*out |= (uint8_t)n->value;
	}
	return list != NULL;
}

/* --- devices --------------------------------------------------------------- */

static struct query_device *remember(struct query_answer *a, const char *path)
{
	struct query_device *d;

	if (a->n == QUERY_DEVICES || strlen(path) >= sizeof(d->path))
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

static int ask_queue(struct query *q, const struct query_device *d, unsigned n,
		     struct query_queue *out)
{
	struct json_object *ret;
	int err = run(q, "x-query-virtio-queue-status", d->path, (int)n, &ret);

	if (err)
		return err;
	out->size = (uint16_t)qmp_number(ret, "vring-num", 0);
	out->desc = qmp_number(ret, "vring-desc", 0);
	out->driver = qmp_number(ret, "vring-avail", 0);
	out->device = qmp_number(ret, "vring-used", 0);
	out->last_avail = (uint16_t)qmp_number(ret, "last-avail-idx", 0);
	out->used = (uint16_t)qmp_number(ret, "used-idx", 0);
	out->known = qmp_member(ret, "vring-num", json_type_int) != NULL;
	json_object_put(ret);
	return 0;
}

/*
 * Do not ask about queues of a vhost device: QEMU would ask the back end for its position,
 * and in the vhost-user protocol that request stops the ring.
 */
static void ask_queues(struct query *q, struct query_device *d)
{
	unsigned n = d->queues < QUERY_QUEUES ? d->queues : QUERY_QUEUES;

	d->queue = n && !d->vhost ? calloc(n, sizeof(*d->queue)) : NULL;
	if (!d->queue)
		return;
	for (; d->nqueue < n; d->nqueue++)
		if (ask_queue(q, d, (unsigned)d->nqueue, &d->queue[d->nqueue]))
			break;
}

static int ask_device(struct query *q, struct query_answer *a, const char *path)
{
	struct query_device *d = remember(a, path);
	struct json_object *ret, *v;
	int err;

	if (!d || a->states_unsafe || !q->by->wants(q->by->ctx, path))
		return 0;
	err = run(q, "x-query-virtio-status", path, -1, &ret);
	if (err)
		return err == -EOPNOTSUPP ? 0 : err;
	d->virtio_id = (uint16_t)qmp_number(ret, "device-id", 0);
	d->queues = (uint16_t)qmp_number(ret, "num-vqs", 0);
	v = qmp_member(ret, "vhost-started", json_type_boolean);
	d->vhost =
		(v && json_object_get_boolean(v)) || qmp_member(ret, "vhost-dev", json_type_object);
	if (status_of(ret, &d->status))
		d->known |= VQT_KNOWN_STATUS;
	if (features_of(ret, "host-features", d->virtio_id, d->offered))
		d->known |= VQT_KNOWN_OFFERED;
	if (features_of(ret, "guest-features", d->virtio_id, d->accepted))
		d->known |= VQT_KNOWN_ACCEPTED;
	json_object_put(ret);
	ask_queues(q, d);
	return 0;
}

/*
 * Find the PCI addresses of the devices on one bus and on the buses behind its bridges.  The
 * answer of query-pci names a device only by the id that the user gave.
 */
static void take_addresses(struct query_answer *a, struct json_object *devices, unsigned depth)
{
	for (size_t i = 0; i < qmp_length(devices) && depth < BRIDGES_MAX; i++) {
		struct json_object *o = json_object_array_get_idx(devices, i), *bridge;
		const char *id = qmp_string(o, "qdev_id");
		char path[160];

		bridge = qmp_member(o, "pci_bridge", json_type_object);
		take_addresses(a, qmp_member(bridge, "devices", json_type_array), depth + 1);
		if (!id || !*id)
			continue;
		snprintf(path, sizeof(path), "/machine/peripheral/%.100s/virtio-backend", id);
		for (size_t k = 0; k < a->n; k++)
			if (!strcmp(a->dev[k].path, path))
				a->dev[k].bdf = (uint32_t)((qmp_number(o, "bus", 0) & 0xff) << 8 |
							   (qmp_number(o, "slot", 0) & 31) << 3 |
							   (qmp_number(o, "function", 0) & 7));
	}
}

static int ask(struct query *q, struct query_answer *a)
{
	struct json_object *version, *list;
	int err = qmp_greet(&q->qmp, &version);

	a->states_unsafe = qmp_number(version, "major", STATUS_MAJOR) >= STATUS_MAJOR;
	json_object_put(version);
	if (!err)
		err = run(q, "x-query-virtio", NULL, -1, &list);
	if (err)
		return err;
	for (size_t i = 0; i < qmp_length(list) && !err; i++) {
		const char *path = qmp_string(json_object_array_get_idx(list, i), "path");

		if (path)
			err = ask_device(q, a, path);
	}
	json_object_put(list);
	if (err || run(q, "query-pci", NULL, -1, &list))
		return err;
	for (size_t i = 0; i < qmp_length(list); i++)
		take_addresses(
			a,
			qmp_member(json_object_array_get_idx(list, i), "devices", json_type_array),
			0);
	json_object_put(list);
	return 0;
}

int query_devices(int fd, const struct query_asker *by, struct query_answer *out)
{
	struct query q = { .until = now_ms() + QUERY_TOTAL_MS, .by = by };
	int err = qmp_init(&q.qmp, fd, QUERY_ANSWER_MS);

	q.qmp.wait = by->wait;
	q.qmp.opaque = by->ctx;
	memset(out, 0, sizeof(*out));
	if (!err)
		err = ask(&q, out);
	qmp_fini(&q.qmp);
	return err;
}

const struct query_device *query_find(const struct query_answer *a, const char *path)
{
	static const char inside[] = "/virtio-backend";
	size_t n = strlen(path);

	for (size_t i = 0; i < a->n && n; i++) {
		const char *p = a->dev[i].path;

		if (!strncmp(p, path, n) && (!p[n] || !strcmp(p + n, inside)))
			return &a->dev[i];
	}
	return NULL;
}

void query_free(struct query_answer *a)
{
	for (size_t i = 0; i < a->n; i++)
		free(a->dev[i].queue);
	free(a->dev);
	memset(a, 0, sizeof(*a));
}
