/* SPDX-License-Identifier: MIT */
/*
 * Late attach.  The object tree of a running QEMU lists all its devices; a QMP socket can
 * add facts.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bpf/capture/capture.h"
#include "bpf/capture/late.h"
#include "bpf/device/device.h"
#include "bpf/device/state.h"
#include "bpf/prog/qemu.skel.h"
#include "bpf/qom/qom.h"
#include "bpf/session/emit.h"
#include "decoder/util/qmp.h"
#include "decoder/util/socket.h"

#define FOUND 256

/* A virtio device and its proxy, in the memory of the process. */
struct found {
	uint64_t vdev, proxy;
	char path[256];
};

struct search {
	struct target *t;
	struct found f[FOUND];
	size_t n;
};

static bool begins(const char *s, const char *with)
{
	return !strncmp(s, with, strlen(with));
}

static bool visit(void *ctx, const struct process_memory *m, uint64_t obj, uint64_t parent,
		  const char *name)
{
	struct search *s = ctx;
	uint64_t proxy;
	char type[64];

	qom_typename(m, obj, type, sizeof(type));
	if (!begins(type, "virtio-") && !begins(type, "vhost-"))
		return true;
	proxy = identity_slot(m, &s->t->q->layout, obj);
	if (!proxy && !strcmp(name, "virtio-backend"))
		proxy = parent;
	if (!proxy)
		return true;
	if (s->n < FOUND) {
		struct found *f = &s->f[s->n++];

		*f = (struct found){ .vdev = obj, .proxy = proxy };
		process_string(m, process_pointer(m, obj + IDENTITY_PATH), f->path,
			       sizeof(f->path));
	}
	return false;
}

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct found *)a)->path, ((const struct found *)b)->path);
}

/* Enter the device into the BPF programs' map, under both addresses. */
static int introduce(struct capture *c, pid_t pid, const struct found *f, uint16_t id)
{
	struct vqp_dev e = { .id = id, .vdev = f->vdev, .proxy = f->proxy };
	struct vqp_key x = { .ptr = f->proxy, .tgid = (uint32_t)pid };
	struct vqp_key v = { .ptr = f->vdev, .tgid = (uint32_t)pid };
	int fd = bpf_map__fd(c->skel->maps.devices);

	if (bpf_map_update_elem(fd, &x, &e, BPF_NOEXIST) ||
	    bpf_map_update_elem(fd, &v, &e, BPF_ANY))
		return -errno;
	return 0;
}

static uint16_t next_id(struct capture *c)
{
	return (uint16_t)(__atomic_fetch_add(&c->skel->bss->last_device, 1, __ATOMIC_RELAXED) + 1);
}

/* Find the virtio devices of s->t: a number of objects, or negative errno. */
static int find(struct search *s)
{
	const struct target *t = s->t;
	uint64_t bias = t->p.text - elf_address(t->q->elf, t->p.text_offset);

	return t->q->root && !t->c->o.qmp_only ? qom_walk(&t->mem, t->q->root + bias, visit, s)
					       : -ENOENT;
}

void late_find(struct target *t)
{
	struct search *s = calloc(1, sizeof(*s));
	int n;

	if (!s)
		return;
	foreign_begin(&t->foreign);
	s->t = t;
	n = find(s);
	t->listed = n > 0;
	if (n == -ETIMEDOUT || n == -E2BIG)
		t->endless = true;
	/* Hash table order has no meaning: number the devices in the order of their paths. */
	qsort(s->f, s->n, sizeof(s->f[0]), by_path);
	for (size_t i = 0; i < s->n; i++) {
		uint16_t id = next_id(t->c);
		struct device *d = device_get(t, id);

		if (!d || introduce(t->c, t->p.pid, &s->f[i], id))
			continue;
		d->who.proxy = d->r.handle = s->f[i].proxy;
		d->who.vdev = s->f[i].vdev;
		d->r.flags |= VQT_DEV_LATE;
		d->realized = true;
		device_meet(d);
	}
	free(s);
}

void late_describe(struct target *t)
{
	struct capture *c = t->c;

	foreign_begin(&t->foreign);
	for (size_t i = 0; i < DEVICES; i++)
		if (c->device[i] && c->device[i]->target == t)
			device_refresh(c->device[i]);
	if (t->endless)
		target_note(t, VQT_NO_DEVICE,
			    "QEMU's tree of objects did not end within the limits of reading it: "
			    "some devices may not be listed");
	else if (!t->listed && !c->o.qmp_only)
		target_note(t, VQT_NO_DEVICE,
			    "QEMU's tree of objects could not be read: devices without traffic "
			    "are not listed unless QMP names them");
}

/* --- QMP ------------------------------------------------------------------- */

/* A device that was not found in memory: until the guest uses it, only its path is known. */
static void add_unseen(struct target *t, const struct query_device *m)
{
	struct device *d = device_get(t, next_id(t->c));
	char *tail;

	if (!d)
		return;
	snprintf(d->who.path, sizeof(d->who.path), "%s", m->path);
	tail = strstr(d->who.path, "/virtio-backend");
	if (tail)
		*tail = 0;
	if (begins(d->who.path, "/machine/peripheral/"))
		snprintf(d->who.user_id, sizeof(d->who.user_id), "%.100s", d->who.path + 20);
	d->r.flags |= VQT_DEV_LATE;
	d->placeholder = true;
	device_meet(d);
	device_refresh(d);
}

void late_answered(struct target *t)
{
	struct capture *c = t->c;

	for (size_t k = 0; k < t->qmp.n; k++) {
		bool seen = false;

		for (size_t i = 0; i < DEVICES && !seen; i++)
			seen = c->device[i] && c->device[i]->target == t &&
			       state_answer(c->device[i]) == &t->qmp.dev[k];
		if (!seen)
			add_unseen(t, &t->qmp.dev[k]);
	}
	for (size_t i = 0; i < DEVICES; i++)
		if (c->device[i] && c->device[i]->target == t && state_answer(c->device[i]))
			device_answered(c->device[i]);
}

#define WHOLE (VQT_KNOWN_STATUS | VQT_KNOWN_OFFERED | VQT_KNOWN_ACCEPTED)
#define STEP_MS 20 /* between two looks at what other processes have sent */

/* What is being asked, and the objects that were found in memory before. */
struct question {
	struct target *t;
	struct search s;
	uint64_t served; /* when the records of other processes were passed on */
};

/* Do not ask QMP for what memory shows: each question delays the guest. */
static bool wants(void *ctx, const char *path)
{
	struct question *a = ctx;
	const char *tail = strstr(path, "/virtio-backend");
	size_t n = tail ? (size_t)(tail - path) : strlen(path);

	for (size_t i = 0; i < a->s.n; i++) {
		const struct found *f = &a->s.f[i];
		struct device d = { .target = a->t, .who = { .vdev = f->vdev } };

		if (!strncmp(f->path, path, n) &&
		    (!f->path[n] || !strcmp(f->path + n, "/virtio-backend")) &&
		    (state_in_memory(&d) & WHOLE) == WHOLE)
			return false;
	}
	return true;
}

/* A monitor that sends byte after byte keeps us from waiting; pass on the records all the same. */
static void pass_on(struct question *a)
{
	uint64_t now = capture_now();

	if (!a->t->c->ntargets || now - a->served < STEP_MS * UINT64_C(1000000))
		return;
	a->served = now;
	capture_poll(a->t->c, 0);
}

/* Wait for an answer; meanwhile pass on the records of processes that are probed already. */
static int serve_others(void *ctx, int fd, int ms)
{
	struct question *a = ctx;
	struct capture *c = a->t->c;
	uint64_t end = capture_now() + (uint64_t)ms * 1000000;

	for (;;) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		uint64_t now = capture_now();
		int n;

		if (c->o.stop.asked && c->o.stop.asked(c->o.stop.ctx))
			return -EINTR;
		pass_on(a);
		if (now >= end)
			return 0;
		n = poll(&p, fd >= 0, end - now < STEP_MS * UINT64_C(1000000) ? 1 : STEP_MS);
		if (n)
			return n < 0 ? -errno : 0;
	}
}

static int connect_to(struct question *a, const char *socket)
{
	for (int ms = 0;; ms += STEP_MS) {
		int fd = socket_try_connect(socket), err;

		if (fd != -EAGAIN)
			return fd;
		if (ms >= QUERY_ANSWER_MS)
			return -ETIMEDOUT;
		err = serve_others(a, -1, STEP_MS);
		if (err)
			return err;
	}
}

static const char *reason(int code)
{
	switch (code) {
	case -EPROTO: return "the answer is not QMP";
	case -EPIPE: return "the connection was closed";
	case -EOPNOTSUPP: return "this QEMU has no x-query-virtio (7.2 and later do)";
	}
	return strerror(-code);
}

void late_ask(struct target *t, const struct capture_monitor *qmp)
{
	struct question *a = calloc(1, sizeof(*a));
	const struct query_asker by = { wants, serve_others, a };
	int fd = -ENOMEM, code = fd;

	if (a) {
		a->t = a->s.t = t;
		foreign_begin(&t->foreign);
		find(&a->s);
		code = fd = connect_to(a, qmp->socket);
	}
	if (fd >= 0) {
		foreign_begin(&t->foreign);
		code = query_devices(fd, &by, &t->qmp); /* answers from before a failure count */
		close(fd);
	}
	free(a);
	if (code < 0)
		source_fail(qmp->why, code,
			    "QMP socket %.200s: %s; what was missed stays unknown%s", qmp->socket,
			    reason(code),
			    code == -ETIMEDOUT ? " (does another client hold it? libvirt holds its "
						 "domains' monitors)"
					       : "");
}
