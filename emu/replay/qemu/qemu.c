/* SPDX-License-Identifier: MIT */
/*
 * QEMU's own device as a target of replay.  The processors of the QEMU that is started
 * sleep; its device is accessed over qtest as by a driver, its memory is shared with this
 * process, and the disk below the device is served by this process (NBD), which so knows
 * what is in flight.  One thread: while it waits for QEMU, it serves QEMU's disk.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "decoder/spec/constants.h"
#include "emu/replay/class.h"
#include "emu/replay/qemu/class.h"
#include "emu/replay/qemu/impl.h"

#define BINARY "qemu-system-x86_64"
#define IOAPIC_INTX 16 /* q35: PCI interrupts arrive from this input on */
#define IMPATIENT_MS 300 /* QEMU may be waiting for I/O that is held back (a reset does) */
#define QUIET_ROUNDS 4 /* answers of QEMU without new I/O before it counts as idle */
#define QUIET_MS 400 /* and so much time, for work that cannot be observed */
#define IDLE_MS 4
#define RESET_PORT 0xcf9
#define RESET_HARD 0x06

/* --- waiting ---------------------------------------------------------------------------- */

int qemu_trouble(struct replay_target *t, int rc)
{
	char words[140]; /* the end of what it said */

	if (rc >= 0)
		return rc;
	if (rc == -EPIPE && child_ended(&t->child, QEMU_END_MS)) {
		child_words(&t->child, words, sizeof(words));
		snprintf(t->why, sizeof(t->why), "%s (%s) %s", t->binary, t->version, words);
	} else if (t->qtest.why[0]) {
		snprintf(t->why, sizeof(t->why), "%s (%s): %s", t->binary, t->version,
			 t->qtest.why);
	} else {
		snprintf(t->why, sizeof(t->why), "%s (%s): %s", t->binary, t->version,
			 strerror(-rc));
	}
	/* -ENXIO and -EFAULT have a meaning for the engine, which is not meant here */
	return rc == -ENXIO || rc == -EFAULT ? -EIO : rc;
}

static void drain_net(struct replay_target *t)
{
	char buf[4096];
	ssize_t n;

	while ((n = recv(t->backend_fd[0], buf, sizeof(buf), MSG_DONTWAIT)) > 0)
		t->moved++;
	if (!n) { /* closed: if QEMU ended, qtest reports that */
		close(t->backend_fd[0]);
		t->backend_fd[0] = -1;
	}
}

static void serve_backend(struct replay_target *t)
{
	if (!t->disk && t->backend_fd[0] >= 0)
		drain_net(t);
	for (unsigned i = 0; t->disk && i < t->ends; i++) {
		int rc = t->backend_fd[i] < 0 ? 0 : nbd_run(&t->nbd[i]);

		if (rc > 0)
			t->moved++;
		if (rc < 0) {
			close(t->backend_fd[i]);
			t->backend_fd[i] = -1;
		}
	}
}

/* Do the I/O that is held back with this id, or (0) all of it: how much, or negative errno. */
static int release(struct replay_target *t, int64_t id)
{
	int n = 0, rc = 0;

	for (unsigned i = 0; t->disk && i < t->ends && rc >= 0; i++) {
		rc = nbd_release(&t->nbd[i], id);
		n += rc;
	}
	return rc < 0 ? rc : n;
}

static bool keeps_back(const struct replay_target *t)
{
	for (unsigned i = 0; i < t->ends; i++)
		if (t->nbd[i].held)
			return true;
	return false;
}

/* Until fd is readable or ms are over, serve the others: 1, 0, or negative errno. */
static int serve_until(struct replay_target *t, int fd, int ms)
{
	struct pollfd p[2 + QEMU_ENDS] = {
		{ .fd = fd, .events = POLLIN },
		{ .fd = t->child.err, .events = POLLIN },
	};
	bool backend = false;
	int n;

	for (unsigned i = 0; i < t->ends; i++)
		p[2 + i] = (struct pollfd){ .fd = t->backend_fd[i],
					    .events = !t->disk ? POLLIN : nbd_events(&t->nbd[i]) };
	n = poll(p, 2 + t->ends, ms);
	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	if (p[1].revents)
		child_listen(&t->child);
	for (unsigned i = 0; i < t->ends; i++)
		backend |= p[2 + i].revents != 0;
	if (backend)
		serve_backend(t);
	return p[0].revents != 0;
}

/* qtest and QMP wait here for an answer. */
static int wait_answer(void *opaque, int fd, int ms)
{
	struct replay_target *t = opaque;
	bool impatient = keeps_back(t) && ms > IMPATIENT_MS;
	uint64_t moved = t->moved;
	int rc = serve_until(t, fd, impatient ? IMPATIENT_MS : ms);

	if (!rc && impatient && moved == t->moved)
		release(t, 0);
	return rc;
}

/* --- lifecycle --------------------------------------------------------------------------------- */

static int say(char *why, size_t size, int rc, const char *what)
{
	snprintf(why, size, "%s: %s", what, strerror(-rc));
	return rc;
}

/* Two ends of a socket: theirs is given to the child. */
static int socket_pair(int *ours, int *theirs)
{
	int fd[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd))
		return -errno;
	*ours = fd[0];
	*theirs = fd[1];
	return 0;
}

#define AT(what) (QEMU_FD_##what - CHILD_FD)

static int start(struct replay_target *t, bool plain, char *why, size_t size)
{
	struct qemu_args args;
	int fds[QEMU_FDS] = { -1, t->ram_fd, qemu_bios(), qemu_rom(), -1 };
	int *backend = fds + AT(BACKEND), bad = fds[AT(BIOS)] < 0 ? fds[AT(BIOS)] : fds[AT(ROM)];
	int rc = bad < 0 ? bad : socket_pair(&t->qtest_fd, &fds[0]);
	int qmp_fd = -1;
	unsigned n;

	t->ends = 1 + t->d->resizes;
	for (n = 0; n < QEMU_ENDS; n++)
		backend[n] = -1;
	if (!rc)
		rc = socket_pair(&qmp_fd, &fds[AT(QMP)]);
	if (qmp_init(&t->qmp, qmp_fd, QEMU_ANSWER_MS) && !rc)
		rc = -ENOMEM;
	t->qmp.wait = wait_answer;
	t->qmp.opaque = t;
	for (n = 0; !rc && n < t->ends; n++) {
		rc = socket_pair(&t->backend_fd[n], &backend[n]);
		if (!rc && t->disk)
			rc = nbd_init(&t->nbd[n], t->backend_fd[n], qemu_disk_nbd(t->disk, n));
	}
	qemu_args(&args, t->binary, t->d, &t->about, t->ram_size, plain);
	if (!rc)
		rc = args.failed ? -ENOMEM
				 : child_start(&t->child, args.v, fds, AT(BACKEND) + t->ends);
	qemu_args_fini(&args);
	for (unsigned i = 0; i < QEMU_FDS; i++)
		if (fds[i] >= 0 && fds[i] != t->ram_fd)
			close(fds[i]);
	return rc ? say(why, size, rc, t->binary) : 0;
}

/* Connect, and set up what firmware would have. */
static int greet(struct replay_target *t, char *why, size_t size)
{
	int rc;

	qtest_init(&t->qtest, t->qtest_fd, QEMU_ANSWER_MS);
	t->qtest.wait = wait_answer;
	t->qtest.opaque = t;
	rc = qemu_trouble(t, qtest_intercept(&t->qtest, "ioapic"));
	if (!rc)
		rc = qemu_pci_setup(t);
	if (rc)
		snprintf(why, size, "%s", *t->why ? t->why : strerror(-rc));
	return rc;
}

static void stop(struct replay_target *t)
{
	child_stop(&t->child);
	if (t->qtest_fd >= 0)
		close(t->qtest_fd);
	if (t->qmp.fd >= 0)
		close(t->qmp.fd);
	qmp_fini(&t->qmp);
	t->qtest_fd = t->qmp.fd = -1;
	t->greeted = false;
	for (unsigned i = 0; i < QEMU_ENDS; i++) {
		if (t->backend_fd[i] >= 0)
			close(t->backend_fd[i]);
		t->backend_fd[i] = -1;
		nbd_fini(&t->nbd[i]);
	}
}

/* QEMU may refuse the values of an incomplete or bad trace: then try without them. */
static int launch(struct replay_target *t, char *why, size_t size)
{
	int rc = -EPIPE;

	for (int plain = 0; plain < 2 && rc == -EPIPE; plain++) {
		if (plain)
			stop(t);
		rc = start(t, plain, why, size);
		if (!rc)
			rc = greet(t, why, size);
	}
	return rc;
}

static void qemu_destroy(struct replay_target *t)
{
	if (!t)
		return;
	stop(t);
	qemu_disk_free(t->disk);
	qemu_snoop_free(t->snoop);
	qemu_ram_free(t);
	qemu_about_fini(&t->about);
	free(t->vector);
	free(t);
}

static int qemu_create(struct replay_target **out, const struct replay_target_config *cfg,
		       char *why, size_t size)
{
	const struct qemu_class *class = replay_class(cfg->device->virtio_id)->qemu;
	struct replay_target *t;
	int rc;

	if (!class) {
		snprintf(why, size, "playing a device of type %u against QEMU is not implemented",
			 cfg->device->virtio_id);
		return -ENOTSUP;
	}
	t = calloc(1, sizeof(*t));
	if (!t)
		return -ENOMEM;
	t->d = cfg->device;
	t->class = class;
	t->sectors = cfg->device->sectors;
	t->ram_fd = t->qtest_fd = t->qmp.fd = t->child.err = -1;
	for (unsigned i = 0; i < QEMU_ENDS; i++)
		t->backend_fd[i] = -1;
	snprintf(t->binary, sizeof(t->binary), "%s", cfg->binary ? cfg->binary : BINARY);
	rc = qemu_ask(&t->about, t->binary, class->type, why, size);
	snprintf(t->version, sizeof(t->version), "QEMU %s", t->about.version);
	if (!rc && (rc = qemu_ram_new(t, cfg)))
		say(why, size, rc, "guest memory");
	if (!rc && cfg->tap.emit && (rc = qemu_snoop_new(&t->snoop, t, cfg)))
		say(why, size, rc, "writing a trace");
	if (!rc && class->disk)
		rc = qemu_disk_new(&t->disk, cfg, why, size);
	if (!rc)
		rc = launch(t, why, size);
	if (rc) {
		qemu_destroy(t);
		return rc;
	}
	*out = t;
	return 0;
}

static const char *qemu_version(struct replay_target *t)
{
	return t->version;
}

static const char *qemu_error(struct replay_target *t)
{
	return t->why;
}

/* --- requests ------------------------------------------------------------------------------- */

static int qemu_request(struct replay_target *t, const struct replay_request *r)
{
	if (t->disk)
		qemu_disk_request(t->disk, r);
	return 0;
}

static int qemu_kick(struct replay_target *t, const struct replay_kick *k)
{
	const struct emu_pci_cap *notify =
		replay_layout_cap(&t->layout, PCI_CAP_ID_VNDR, VIRTIO_PCI_CAP_NOTIFY_CFG);
	uint32_t at = notify ? k->notify_off * notify->multiplier : 0;
	uint64_t value = k->value;

	t->quiet_ms = 0;
	qemu_snoop_kick(t->snoop, k);
	if (k->legacy)
		return qemu_access(t, VQT_REGION_LEGACY, VIRTIO_PCI_QUEUE_NOTIFY, 2, &value, true);
	return qemu_access(t, VQT_REGION_NOTIFY, at, k->width == 4 ? 4 : 2, &value, true);
}

/* A frame that the recorded device received is sent to this one. */
static int send_frame(struct replay_target *t, const struct replay_answer *a)
{
	uint8_t frame[4 + 65550] = { 0 };
	unsigned header = t->class->frame(t->d, a);
	uint32_t len = header && a->len > header ? a->len - header : 0;
	struct record_seg seg;
	uint32_t pos = 0;

	if (!len || len > sizeof(frame) - 4)
		return 0;
	for (unsigned i = 0; i < 4; i++)
		frame[i] = len >> (24 - i * 8);
	if (record_seg_next(a->used, &pos, &seg) && !seg.offset && seg.len > header) {
		uint32_t n = seg.len - header;

		memcpy(frame + 4, seg.bytes + header, n < len ? n : len);
	}
	if (send(t->backend_fd[0], frame, 4 + len, MSG_NOSIGNAL | MSG_DONTWAIT) !=
	    (ssize_t)(4 + len))
		return 0; /* the missing frame will be a difference */
	t->moved++;
	return 0;
}

static int qemu_complete(struct replay_target *t, const struct replay_answer *a)
{
	int64_t id;
	int rc;

	t->quiet_ms = 0;
	if (!t->disk)
		return send_frame(t, a);
	id = qemu_disk_go(t->disk, a->queue, a->head);
	rc = id ? release(t, id) : 0;
	if (rc >= 0)
		serve_backend(t);
	return rc < 0 ? qemu_trouble(t, rc) : 0;
}

/*
 * An I/O that is held back may delay the one that is waited for: QEMU's NBD client has
 * 16 at a time, and 7.2 finishes a later one only with the first.  Then all are done,
 * in QEMU's own order, which is right as well.
 */
static void release_all(struct replay_target *t)
{
	if (t->quiet_ms >= IDLE_MS && keeps_back(t))
		t->moved += release(t, 0) > 0;
}

static int qemu_wait(struct replay_target *t, unsigned patience)
{
	uint64_t before = t->moved;
	int rc = 0;

	if (!patience) {
		rc = qemu_trouble(t, qtest_barrier(&t->qtest));
		return rc ? rc : 1;
	}
	for (unsigned i = 0; i < QUIET_ROUNDS && !rc; i++)
		rc = qemu_trouble(t, qtest_barrier(&t->qtest));
	if (rc)
		return rc;
	if (t->moved == before && t->quiet_ms) {
		unsigned ms = patience < QUIET_MS / 4 ? patience : QUIET_MS / 4;

		rc = serve_until(t, t->qtest_fd, ms);
		if (rc < 0)
			return rc;
		t->quiet_ms += ms;
		release_all(t);
	}
	if (t->moved != before)
		t->quiet_ms = 0;
	t->quiet_ms++;
	return t->quiet_ms < QUIET_MS;
}

static int qemu_irqs(struct replay_target *t, struct replay_irq *out, unsigned max)
{
	struct qtest_irq irq;
	unsigned n;
	int rc = qemu_trouble(
		t,
		qtest_barrier(
			&t->qtest)); /* all interrupts of used buffers have been reported by now */

	if (rc)
		return rc;
	n = qemu_msix_take(t, out, max);
	while (n < max && qtest_next_irq(&t->qtest, &irq))
		if (irq.line >= IOAPIC_INTX)
			out[n++] = (struct replay_irq){ .kind = VQT_IRQ_INTX,
							.level = irq.level,
							.vector = VQT_NO_VECTOR };
	qemu_snoop_used(t->snoop);
	for (unsigned i = 0; i < n; i++)
		qemu_snoop_irq(t->snoop, &out[i]);
	return n;
}

/* --- accesses, seen by the trace ------------------------------------------------------------- */

static int target_access(struct replay_target *t, unsigned region, uint32_t off, unsigned width,
			 uint64_t *value, bool write)
{
	int rc;

	if (write)
		qemu_snoop_reg(t->snoop, region, VQT_WRITE, width, off, *value);
	rc = qemu_access(t, region, off, width, value, write);
	if (!rc && !write)
		qemu_snoop_reg(t->snoop, region, VQT_READ, width, off, *value);
	return rc;
}

/* --- from outside the driver ------------------------------------------------------------------ */

/*
 * NBD cannot resize a disk that is in use.  So the device is given another disk with the
 * same bytes; resizing that to its own size makes QEMU notify the driver.
 */
static int command(struct replay_target *t, const char *name, const char *args)
{
	struct json_object *ret = NULL;
	int rc = t->greeted ? 0 : qmp_greet(&t->qmp, NULL);

	t->greeted = true;
	if (!rc)
		rc = qmp_command(&t->qmp, name, json_tokener_parse(args), &ret);
	json_object_put(ret);
	return rc;
}

static int give_disk(struct replay_target *t, unsigned n, uint64_t bytes)
{
	char drive[128], size[64];
	int rc;

	snprintf(drive, sizeof(drive),
		 "{'path': '/machine/peripheral/dev', 'property': 'drive', 'value': 'disk%u'}", n);
	snprintf(size, sizeof(size), "{'node-name': 'disk%u', 'size': %llu}", n,
		 (unsigned long long)bytes);
	rc = command(t, "qom-set", drive);
	return rc ? rc : command(t, "block_resize", size);
}

static int qemu_config_change(struct replay_target *t, const struct replay_config *now)
{
	const char *args, *name = t->class->change ? t->class->change(now, &args) : NULL;
	unsigned n = 0;
	int rc;

	if (!now->any) /* QEMU 11 reports a change twice */
		return 0;
	if (name) {
		qemu_snoop_config(t->snoop);
		rc = command(t, name, args);
		return rc == -EOPNOTSUPP ? rc : qemu_trouble(t, rc);
	}
	while (n < t->d->resizes && t->d->resize[n] != now->sectors)
		n++;
	n = now->sectors == t->d->sectors ? 0 : n + 1;
	if (!t->d->resizes || t->d->read_only || n > t->d->resizes || now->sectors == t->sectors)
		return -ENOTSUP;
	qemu_snoop_config(t->snoop);
	rc = give_disk(t, n, now->sectors * 512);
	t->sectors = now->sectors;
	return rc == -EOPNOTSUPP ? rc : qemu_trouble(t, rc);
}

static int qemu_platform_reset(struct replay_target *t)
{
	uint32_t command = 0;
	int rc;

	release(t, 0);
	if (t->disk)
		qemu_disk_over(t->disk);
	/* The reset happens some time after it was requested: it clears this mark. */
	rc = qtest_pci_write(&t->qtest, t->bdf, PCI_INTERRUPT_LINE, 1, 0xa5);
	if (!rc)
		rc = qtest_out(&t->qtest, RESET_PORT, 1, RESET_HARD);
	for (int i = 0; i < 200 && !rc; i++) {
		rc = qtest_pci_read(&t->qtest, t->bdf, PCI_INTERRUPT_LINE, 1, &command);
		if (!rc && command != 0xa5)
			break;
		serve_until(t, -1, 5);
	}
	qemu_trouble(t, rc);
	return rc ? rc : qemu_pci_setup(t);
}

const struct replay_target_ops replay_target_qemu = {
	.name = "qemu",
	.create = qemu_create,
	.destroy = qemu_destroy,
	.version = qemu_version,
	.error = qemu_error,
	.access = target_access,
	.mem_read = qemu_mem_read,
	.mem_write = qemu_mem_write,
	.mem_touch = qemu_mem_touch,
	.request = qemu_request,
	.kick = qemu_kick,
	.complete = qemu_complete,
	.wait = qemu_wait,
	.irqs = qemu_irqs,
	.config_change = qemu_config_change,
	.platform_reset = qemu_platform_reset,
};
