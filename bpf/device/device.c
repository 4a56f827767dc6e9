/* SPDX-License-Identifier: MIT */
/* Tracks devices: their identity, name, and whether they are recorded. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/virtio_config.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bpf/device/class.h"
#include "bpf/device/device.h"
#include "bpf/device/state.h"
#include "bpf/process/state.h"
#include "bpf/prog/qemu.skel.h"
#include "bpf/qom/qom.h"
#include "bpf/session/describe.h"
#include "bpf/session/emit.h"
#include "decoder/class/class.h"
#include "decoder/spec/spec.h"

/* Reads of a device that QEMU has not realized; one at each housekeeping. */
#define TRIES 500
/* ms that the reader waits for QEMU to name a device */
#define NAMING 20

struct device *device_get(struct target *t, uint16_t id)
{
	struct capture *c = t->c;
	struct device *d;

	if (!id || id >= DEVICES)
		return NULL;
	if (c->device[id])
		return c->device[id];
	d = calloc(1, sizeof(*d));
	if (!d)
		return NULL;
	d->target = t;
	d->wanted = true;
	d->r.bdf = ~0U;
	d->r.h.device = id;
	c->device[id] = d;
	return d;
}

/* --- identity --------------------------------------------------------------- */

/* Fill in from QMP what memory did not show. */
static void look_qmp(struct device *d)
{
	const struct query_device *m = state_answer(d);

	if (!m)
		return;
	if (!d->r.virtio_id)
		d->r.virtio_id = m->virtio_id;
	if (!d->r.queues)
		d->r.queues = m->queues;
	if (d->r.bdf == ~0U)
		d->r.bdf = m->bdf;
	if (m->vhost)
		d->r.flags |= VQT_DEV_DATAPATH_ELSEWHERE;
}

/*
 * Whether the object is still this device: QEMU may have freed it, and created another one
 * there.  The BPF programs know that at once, user space when it reads their record.  They
 * know the VirtIODevice of a proxy, too, once they have seen one.
 */
static bool is_same(const struct device *d, struct identity *who)
{
	struct vqp_key k = { .ptr = who->proxy ? who->proxy : who->vdev,
			     .tgid = (uint32_t)d->target->p.pid };
	int fd = bpf_map__fd(d->target->c->skel->maps.devices);
	struct vqp_dev e;
	int err = k.ptr ? bpf_map_lookup_elem(fd, &k, &e) : -EINVAL;

	if (err) /* absent: unplugged, and QEMU may create another object there at any moment */
		return err != -ENOENT;
	if (!who->vdev && e.id == d->r.h.device)
		who->vdev = e.vdev;
	return !e.id || e.id == d->r.h.device;
}

static void look(struct device *d)
{
	struct identity who = d->who;
	struct vqt_device r = d->r;

	if (!d->gone && is_same(d, &who)) {
		identity_read(&who, &r, &d->target->mem, &d->target->q->layout, d->realized);
		if (is_same(d, &who)) { /* also after it was read */
			d->who = who;
			d->r = r;
		}
	}
	if (!strncmp(d->who.typename, "vhost-", 6))
		d->r.flags |= VQT_DEV_DATAPATH_ELSEWHERE;
	look_qmp(d);
}

/* --- names and filters ----------------------------------------------------- */

/* "blk0": its class, and a number that no other device of this class and process has. */
static void name_device(struct device *d)
{
	struct capture *c = d->target->c;
	char buf[32];

	if (!d->r.virtio_id)
		return;
	d->number = 0;
	for (unsigned i = 0; i < DEVICES; i++) {
		const struct device *other = c->device[i];

		if (other && other->target == d->target && other->name[0] &&
		    other->r.virtio_id == d->r.virtio_id && other->number >= d->number)
			d->number = other->number + 1;
	}
	snprintf(d->name, sizeof(d->name), "%.20s%u", class_name(d->r.virtio_id, buf, sizeof(buf)),
		 d->number);
}

/*
 * Whether the word is our name of the device.  It is not if a user's id has the same form:
 * then "blk1" means the device with that id.
 */
static bool named(const struct device *d, const char *word)
{
	size_t n = strcspn(d->name, "0123456789");
	const char *id = d->who.user_id;

	if (strcmp(word, d->name))
		return false;
	return strncmp(id, d->name, n) || !id[n] || id[n + strspn(id + n, "0123456789")];
}

/* QEMU has not named it yet. */
static bool nameless(const struct device *d)
{
	return !d->who.path[0] && !d->who.user_id[0];
}

static bool is_wanted(const struct capture *c, const struct device *d)
{
	if (c->o.without && !strcmp(c->o.without, d->who.user_id))
		return false;
	if (!c->o.devices)
		return true;
	for (const char *const *w = c->o.devices; *w; w++)
		if (!strcmp(*w, d->who.user_id) || named(d, *w) || !strcmp(*w, d->who.path) ||
		    !strcmp(*w, d->who.typename))
			return true;
	return nameless(d); /* not decided */
}

/* Make the programs skip the device. */
static void skip_in_kernel(struct device *d)
{
	struct capture *c = d->target->c;
	int fd = bpf_map__fd(c->skel->maps.devices);
	const uint64_t ptr[2] = { d->who.proxy, d->who.vdev };

	for (size_t i = 0; i < 2; i++) {
		struct vqp_key k = { .ptr = ptr[i], .tgid = (uint32_t)d->target->p.pid };
		struct vqp_dev e;

		if (!ptr[i] || bpf_map_lookup_elem(fd, &k, &e))
			continue;
		e.skip = 1;
		bpf_map_update_elem(fd, &k, &e, BPF_EXIST);
	}
}

static void skip_queues(struct device *d)
{
	const struct vqp_proc *l = &d->target->q->layout;
	int fd = bpf_map__fd(d->target->c->skel->maps.queues);
	uint64_t vq = d->who.vdev ? process_pointer(&d->target->mem, d->who.vdev + l->vdev_vq) : 0;

	for (unsigned i = 0; vq && i < d->r.queues; i++) {
		struct vqp_key k = { .ptr = vq + (uint64_t)i * l->vq_size,
				     .tgid = (uint32_t)d->target->p.pid };
		struct vqp_queue q;

		if (bpf_map_lookup_elem(fd, &k, &q))
			continue;
		q.skip = 1;
		bpf_map_update_elem(fd, &k, &q, BPF_EXIST);
	}
}

void device_meet(struct device *d)
{
	look(d);
	if (!d->name[0])
		name_device(d);
	d->wanted = is_wanted(d->target->c, d);
	if (!d->wanted) {
		skip_in_kernel(d);
		skip_queues(d);
	}
}

/* --- its description --------------------------------------------------------- */

static void write_device(struct device *d)
{
	d->written = true;
	describe_device(d);
}

/* The device was found in memory: end the placeholder that only QMP reported. */
static void retire_placeholder(struct device *d)
{
	struct capture *c = d->target->c;

	for (size_t i = 0; i < DEVICES && d->who.path[0]; i++) {
		struct device *p = c->device[i];

		if (p && p != d && p->placeholder && !p->gone && p->target == d->target &&
		    !strcmp(p->who.path, d->who.path))
			device_gone(p);
	}
}

static bool is_complete(const struct device *d)
{
	return d->realized && d->who.path[0] && d->who.vdev && d->r.queues && d->r.virtio_id &&
	       (d->r.transport == VQT_TRANSPORT_PCI ? d->r.bdf != ~0U : d->r.transport);
}

void device_refresh(struct device *d)
{
	struct vqt_device before = d->r;
	struct identity who = d->who;

	d->realized |= d->tries >= TRIES;
	device_meet(d);
	if (!d->placeholder)
		retire_placeholder(d);
	d->complete = is_complete(d) || ++d->tries > TRIES;
	if (!d->wanted) {
		d->complete = d->complete || d->who.vdev;
		return;
	}
	/* Readers use the later of two descriptions. */
	if (!d->written || memcmp(&before, &d->r, sizeof(before)) ||
	    strcmp(who.user_id, d->who.user_id) || strcmp(who.typename, d->who.typename) ||
	    strcmp(who.path, d->who.path))
		write_device(d);
	if (d->target->late && (d->who.vdev || d->placeholder) && !d->state_written)
		state_write(d);
	if (class_due(d))
		class_write(d);
}

void device_answered(struct device *d)
{
	const struct query_device *m = state_answer(d);

	device_refresh(d);
	if (d->wanted && d->target->late && m && (m->known & ~d->state_known))
		state_write(d);
}

void device_gone(struct device *d)
{
	d->r.flags |= VQT_DEV_GONE;
	d->gone = true;
	write_device(d);
}

/* The object was freed and never became a device that a driver could see. */
static void end_object(struct device *d)
{
	if (d->written && !d->gone)
		device_gone(d);
	d->gone = true;
	free(d->making);
	d->making = NULL;
}

/* Other devices that were at this address: QEMU has freed them. */
static void end_former(const struct target *t, uint16_t id, uint64_t handle)
{
	for (size_t i = 0; i < DEVICES; i++) {
		struct device *d = t->c->device[i];

		if (d && i != id && d->target == t && !d->gone && d->r.handle == handle)
			end_object(d);
	}
}

/* --- records of the device ---------------------------------------------------- */

void device_seen(struct target *t, const struct vqt_device *r)
{
	struct device *d = device_get(t, r->h.device);
	char type[64];

	if (!d)
		return;
	if (r->flags & VQT_DEV_GONE) {
		end_object(d);
		return;
	}
	end_former(t, r->h.device, r->handle);
	d->who = (struct identity){ .proxy = 0 };
	d->r = (struct vqt_device){ .h.device = r->h.device, .bdf = ~0U };
	/*
	 * The BPF programs assign an id to a proxy, and to a VirtIODevice only if it has no proxy.
	 */
	qom_typename(&t->mem, r->handle, type, sizeof(type));
	if (strstr(type, "-device"))
		d->who.vdev = r->handle;
	else
		d->who.proxy = r->handle;
	d->r.handle = r->handle;
	if (t->late)
		d->r.flags |= VQT_DEV_LATE;
	d->tries = 0;
	d->fresh = true;
	d->decided = false;
}

static bool keep(struct device *d, const void *record, size_t len)
{
	struct vqt_lifecycle *copy = realloc(d->making, len);

	if (!copy)
		return false;
	memcpy(copy, record, len);
	d->making = copy;
	d->making_len = len;
	return true;
}

/*
 * QEMU was creating the device when the probe sent the record.  Usually QEMU has finished
 * when user space reads the record; if not, QEMU sets the names within a few microseconds.
 */
static void wait_for_names(struct device *d)
{
	for (int ms = 0; ms < NAMING && nameless(d) && process_alive(d->target->p.pid); ms++) {
		if (ms)
			usleep(1000);
		look(d);
	}
}

/* QEMU has freed the device before it was looked at: its type is in the step. */
static void name_by_step(struct device *d, const struct vqt_lifecycle *l, size_t len)
{
	if (d->who.typename[0] || l->h.type != VQT_LIFECYCLE ||
	    (l->what != VQT_LIFECYCLE_REALIZE && l->what != VQT_LIFECYCLE_OBJECT_INIT) ||
	    len < sizeof(*l) + l->len)
		return;
	snprintf(d->who.typename, sizeof(d->who.typename), "%.*s", (int)l->len,
		 (const char *)(l + 1));
	d->r.virtio_id = (uint16_t)identity_class(d->who.typename);
}

bool device_keeps(struct device *d, const void *record, size_t len)
{
	const struct vqt_lifecycle *l = record;

	if (!d->fresh)
		return false;
	if (!d->target->c->o.lifecycle && l->h.type == VQT_LIFECYCLE &&
	    l->what == VQT_LIFECYCLE_INSTANCE_INIT && keep(d, record, len))
		return true;
	d->fresh = false;
	wait_for_names(d);
	name_by_step(d, l, len);
	device_refresh(d);
	if (d->making && d->wanted && !d->target->c->o.no_lifecycle) {
		d->making->h.ts = d->target->last_ts; /* later records have been written already */
		target_emit(d->target, d->making, d->making_len);
	}
	free(d->making);
	d->making = NULL;
	return false;
}

/* The driver writes device_status. */
static void hear_status(struct device *d, const struct vqt_reg *r)
{
	const struct spec_field *f;

	if (r->op != VQT_WRITE)
		return;
	f = spec_fields_at(spec_region_fields(r->region), r->offset, r->width);
	if (f && f->id == SPEC_REG_DEVICE_STATUS)
		d->status = (uint8_t)r->value;
}

/* A driver sees only realized devices, and QEMU ends realizing with a reset. */
void device_hear(struct device *d, const struct vqt_hdr *h)
{
	const struct vqt_lifecycle *l = (const void *)h;

	d->realized |= h->type == VQT_REG || h->type == VQT_KICK || h->type == VQT_AVAIL ||
		       (h->type == VQT_LIFECYCLE && l->what == VQT_LIFECYCLE_RESET);
	if (h->type == VQT_REG)
		hear_status(d, (const void *)h);
	else if (h->type == VQT_LIFECYCLE && l->what == VQT_LIFECYCLE_RESET)
		d->status = 0;
}

void device_position(struct device *d, const struct vqt_queue_state *s)
{
	if (!d->position)
		d->position = calloc(VQP_QUEUE_MAX, sizeof(*d->position));
	if (d->position && s->h.queue < VQP_QUEUE_MAX)
		d->position[s->h.queue] = (struct position){ s->last_avail, s->used, true };
}

/*
 * QEMU sets the device_status of an incoming migration or of a snapshot when the machine
 * starts again; of what the driver did before nothing was recorded.  Of a device that was
 * there when the capture began, the status is known only if memory or QMP told it.
 */
void device_restored(struct device *d, const struct vqt_hdr *h)
{
	const struct vqt_lifecycle *l = (const void *)h;
	uint8_t written = d->status | VIRTIO_CONFIG_S_NEEDS_RESET;

	if (h->type != VQT_LIFECYCLE || l->what != VQT_LIFECYCLE_SET_STATUS)
		return;
	if (!d->target->c->o.light && (!d->target->late || d->state_known & VQT_KNOWN_STATUS) &&
	    (uint8_t)l->arg[0] & ~written) {
		d->status = (uint8_t)l->arg[0];
		device_meet(d);
		state_write(d);
	}
	free(d->position); /* they hold for this moment only */
	d->position = NULL;
}

void device_lifecycle(struct target *t, const struct vqt_lifecycle *l)
{
	struct device *d = l->h.device ? device_get(t, l->h.device) : NULL;

	if (!d || l->what != VQT_LIFECYCLE_VHOST_START || d->noted)
		return;
	d->noted = true;
	if (!(d->r.flags & VQT_DEV_DATAPATH_ELSEWHERE)) {
		d->r.flags |= VQT_DEV_DATAPATH_ELSEWHERE;
		write_device(d);
	}
	target_note(t, l->h.device,
		    "the data path of this device is not in this process (vhost): "
		    "its rings are served elsewhere and not recorded");
}

void device_free(struct device *d)
{
	free(d->making);
	free(d->position);
	free(d);
}
