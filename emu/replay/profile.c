/* SPDX-License-Identifier: MIT */
/* The first reading of a trace: what its events show of each device. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/util/hash.h"
#include "decoder/spec/constants.h"
#include "decoder/util/virtqueue.h"
#include "emu/replay/profile_impl.h"

/* --- devices ------------------------------------------------------------------------ */

static struct replay_finding *find(const struct replay_profile *g, unsigned id)
{
	struct replay_finding *f;
	uint16_t key = id;
	HASH_FIND(hh, g->devices, &key, sizeof(key), f);
	return f;
}

static struct replay_finding *get(struct replay_profile *g, const struct model_device *d)
{
	struct replay_finding *f = find(g, d->id);
	if (f)
		return f;
	f = calloc(1, sizeof(*f));
	if (!f)
		return NULL;
	f->change = calloc(1, sizeof(*f->change));
	f->changes = 1;
	f->key = f->d.id = d->id;
	f->d.mem_first = UINT64_MAX;
	f->d.bdf = ~0U;
	if (f->change)
		HASH_ADD(hh, g->devices, key, sizeof(f->key), f);
	if (hash_holds(f))
		return f;
	free(f->change);
	free(f);
	return NULL;
}

/* --- registers ------------------------------------------------------------------------ */

/* The size of the expansion ROM: all ones written into its address, with or without bit 0. */
static void profile_rom(struct replay_finding *f, const struct vqt_reg *r)
{
	uint32_t address = r->value & PCI_ROM_ADDRESS_MASK;
	if (r->op == VQT_WRITE) {
		f->rom_probe = address == (uint32_t)PCI_ROM_ADDRESS_MASK;
	} else if (f->rom_probe && address) {
		f->rom_mask = address;
		f->rom_sized = true;
	}
}

/* Which bits of the command register can be set is, for many, the device's choice. */
static void profile_command(struct replay_finding *f, const struct vqt_reg *r)
{
	for (unsigned i = 0; i < r->width && i < 4; i++) {
		unsigned byte = r->offset + i - PCI_COMMAND;
		uint8_t v = r->value >> 8 * i;
		if (r->offset + i < PCI_COMMAND || byte > 1)
			continue;
		if (r->op == VQT_WRITE)
			f->command_written =
				(f->command_written & ~(0xff << 8 * byte)) | v << 8 * byte;
		for (unsigned b = 0; r->op == VQT_READ && b < 8; b++)
			if (f->command_written >> (8 * byte + b) & 1)
				replay_vote(&f->command[8 * byte + b], v >> b & 1);
	}
}

/*
 * To size a BAR, drivers write ones into its address; below 4096 some leave out the type
 * bits, or more.
 */
#define BAR_LOW 0xfffu

/* Bytes that a driver read before anyone wrote them. */
static void profile_pci(struct replay_finding *f, const struct vqt_reg *r)
{
	for (unsigned i = 0; i < r->width && i < 8 && r->offset < EMU_PCI_CONFIG - i; i++) {
		unsigned at = r->offset + i;
		uint8_t v = r->value >> 8 * i;
		if (at == PCI_STATUS) /* Interrupt Status varies */
			v &= ~PCI_STATUS_INTERRUPT;
		if (r->op == VQT_WRITE)
			replay_set_bit(f->pci_written, at);
		else if (!replay_bit(f->pci_written, at))
			replay_vote(&f->pci[at], v);
		else if (at >= PCI_BASE_ADDRESS_0 && at < PCI_BASE_ADDRESS_0 + 24 &&
			 f->bar_probe[(at - PCI_BASE_ADDRESS_0) / 4])
			f->bar_mask[at - PCI_BASE_ADDRESS_0] = v;
	}
	profile_command(f, r);
	if (r->offset == PCI_ROM_ADDRESS && r->width == 4)
		profile_rom(f, r);
	if (r->width != 4 || r->offset < PCI_BASE_ADDRESS_0 || r->offset % 4 ||
	    r->offset >= PCI_BASE_ADDRESS_0 + 24)
		return;
	unsigned bar = (r->offset - PCI_BASE_ADDRESS_0) / 4;
	if (r->op == VQT_WRITE) /* ones in the address: the next read gives the size */
		f->bar_probe[bar] = (r->value | BAR_LOW) == UINT32_MAX;
	else if (f->bar_probe[bar])
		f->bar_sized[bar] = true;
}

/* The answers about the configuration since its last change. */
static struct replay_vote *config_votes(struct replay_finding *f)
{
	return f->change[f->changes - 1].config;
}

int replay_changed(struct replay_finding *f, uint64_t number, bool asked)
{
	if (f->changes > REPLAY_CHANGES_MAX)
		return 0;
	if (!(f->changes & (f->changes - 1))) { /* a power of two: full */
		struct replay_change *p = reallocarray(f->change, f->changes * 2, sizeof(*p));
		if (!p)
			return -ENOMEM;
		f->change = p;
	}
	struct replay_change *c = &f->change[f->changes++];
	memset(c, 0, sizeof(*c));
	c->number = number;
	c->differs.asked = asked;
	return 0;
}

/* Two reports in a row, by the device and by its interrupt, are one change. */
static int profile_change(struct replay_finding *f, uint64_t number)
{
	f->just_changed = true;
	return replay_changed(f, number, false);
}

static void profile_config(struct replay_finding *f, const struct vqt_reg *r, uint32_t off)
{
	struct replay_vote *votes = config_votes(f);
	for (unsigned i = 0; i < r->width && i < 8 && off < REPLAY_CONFIG_MAX - i; i++) {
		unsigned at = off + i;
		if (r->op == VQT_WRITE)
			replay_set_bit(f->config_written, at);
		else if (!replay_bit(f->config_written, at))
			replay_vote(&votes[at], (uint8_t)(r->value >> 8 * i));
	}
}

/* A register of the modern or of the legacy interface. */
static void profile_register(struct replay_finding *f, const struct event *e)
{
	const struct vqt_reg *r = &e->rec->reg;
	const struct spec_field *s = e->field;
	struct replay_queue_finding *q =
		e->select < REPLAY_QUEUES_MAX ? &f->queue[e->select] : NULL;
	const bool read = r->op == VQT_READ, legacy = r->region == VQT_REGION_LEGACY;
	const bool whole = s && !e->field_offset && r->width == s->width;
	switch (s ? s->id : SPEC_REG_NONE) {
	case SPEC_REG_DEVICE_FEATURES:
		if (read && whole && (legacy || e->select < 4))
			replay_vote(legacy ? &f->legacy : &f->feature[e->select], r->value);
		break;
	case SPEC_REG_NUM_QUEUES:
		if (read && whole)
			replay_vote(&f->num_queues, r->value);
		break;
	case SPEC_REG_DEVICE_STATUS:
		for (unsigned i = 0; read && r->value & VIRTIO_CONFIG_S_FEATURES_OK && i < 2; i++)
			f->agreed[i] |= legacy ? 0 : e->dev->accepted[i];
		for (unsigned i = 0; !read && !(r->value & 0xff) && i < REPLAY_QUEUES_MAX; i++)
			f->queue[i].written = false;
		break;
	case SPEC_REG_QUEUE_SIZE:
		if (q && !read)
			q->written = true;
		else if (q && !q->written && whole)
			replay_vote(&q->size, r->value);
		break;
	case SPEC_REG_QUEUE_SIZE_MAX:
		if (q && read && whole)
			replay_vote(&q->size, r->value);
		break;
	case SPEC_REG_VERSION:
		if (read && whole)
			replay_vote(&f->mmio_version, r->value);
		break;
	case SPEC_REG_NONE: /* VendorID has no id, as nobody else asks for it */
		if (r->region == VQT_REGION_MMIO && r->offset == VIRTIO_MMIO_VENDOR_ID && read)
			replay_vote(&f->mmio_vendor, r->value);
		break;
	case SPEC_REG_QUEUE_NOTIFY_OFF:
		if (q && read && whole)
			replay_vote(&q->notify_off, r->value);
		break;
	}
}

static void profile_reg(struct replay_finding *f, const struct event *e)
{
	const struct vqt_reg *r = &e->rec->reg;
	const uint32_t config = spec_legacy_config_base(e->dev->msix);
	if (r->flags & VQT_REG_FAILED || !r->width || r->width > 8)
		return;
	f->legacy_seen |= r->region == VQT_REGION_LEGACY;
	f->modern_seen |= r->region == VQT_REGION_COMMON;
	if (r->region == VQT_REGION_PCI)
		profile_pci(f, r);
	else if (r->region == VQT_REGION_DEVICE)
		profile_config(f, r, r->offset);
	else if (r->region == VQT_REGION_LEGACY && r->offset >= config)
		profile_config(f, r, r->offset - config);
	else if (r->region == VQT_REGION_MMIO && r->offset >= VIRTIO_MMIO_CONFIG)
		profile_config(f, r, r->offset - VIRTIO_MMIO_CONFIG);
	else if (r->region == VQT_REGION_COMMON || r->region == VQT_REGION_LEGACY ||
		 r->region == VQT_REGION_MMIO)
		profile_register(f, e);
	else if (r->region == VQT_REGION_MSIX_TABLE && r->offset / 16 + 1 > f->vectors_used)
		f->vectors_used = r->offset / 16 + 1;
}

/* Queues are created in order; not every event has the number. */
static void profile_added(struct replay_finding *f, unsigned queue, uint64_t size)
{
	if (queue == VQT_NO_QUEUE)
		queue = f->added;
	if (queue >= REPLAY_QUEUES_MAX)
		return;
	f->queue[queue].added = size;
	if (queue >= f->added)
		f->added = queue + 1;
}

/* QEMU names the memory regions of a device; newer versions append the device type. */
static void profile_region(struct replay_finding *f, const char *text, size_t len, uint64_t size)
{
	static const char *const names[] = {
		[0] = "virtio-pci",
		[VIRTIO_PCI_CAP_COMMON_CFG] = "virtio-pci-common",
		[VIRTIO_PCI_CAP_NOTIFY_CFG] = "virtio-pci-notify",
		[VIRTIO_PCI_CAP_ISR_CFG] = "virtio-pci-isr",
		[VIRTIO_PCI_CAP_DEVICE_CFG] = "virtio-pci-device",
	};
	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		size_t n = strlen(names[i]);
		if (len < n || memcmp(text, names[i], n) || (len > n && (!i || text[n] != '-')) ||
		    (len > n + 4 && !memcmp(text + n, "-pio", 4)))
			continue;
		f->region_len[i] = size;
	}
}

static int profile_lifecycle(struct replay_finding *f, const struct event *e)
{
	const struct vqt_lifecycle *l = &e->rec->lifecycle;
	size_t len;
	const char *text = record_text(e->rec, &len);
	switch (l->what) {
	case VQT_LIFECYCLE_VIRTIO_INIT:
		f->born = true;
		f->config_len = l->arg[1];
		break;
	case VQT_LIFECYCLE_REALIZE:
	case VQT_LIFECYCLE_BUS_PLUGGED: f->born = true; break;
	case VQT_LIFECYCLE_ADD_QUEUE: profile_added(f, e->rec->h.queue, l->arg[0]); break;
	case VQT_LIFECYCLE_BAR:
		if (l->arg[0] < REPLAY_BARS) {
			f->bar_recorded[l->arg[0]] = true;
			f->bar_type[l->arg[0]] = l->arg[1];
		}
		break;
	case VQT_LIFECYCLE_REGION: profile_region(f, text, len, l->arg[0]); break;
	case VQT_LIFECYCLE_MSIX_INIT:
		f->msix_recorded = true;
		f->vectors = l->arg[0];
		f->msix_bar = l->arg[1];
		break;
	case VQT_LIFECYCLE_CONFIG_CHANGE: return profile_change(f, e->number);
	case VQT_LIFECYCLE_RESET: f->command_written = 0; break; /* if it was the platform's */
	}
	return 0;
}

/* --- requests ------------------------------------------------------------------------- */

static void profile_range(struct replay_finding *f, uint64_t gpa, uint64_t len)
{
	if (!len || gpa + (len - 1) < gpa)
		return;
	if (gpa < f->d.mem_first)
		f->d.mem_first = gpa;
	if (gpa + (len - 1) > f->d.mem_last)
		f->d.mem_last = gpa + (len - 1);
}

static void profile_avail(struct replay_finding *f, const struct event *e)
{
	for (unsigned i = 0; i < e->rec->avail.ndesc; i++) {
		struct vqt_desc d = record_desc(e->rec, i);
		profile_range(f, d.addr, d.len);
	}
	const struct model_queue *q = e->queue;
	if (!q || !q->addr_known)
		return;
	profile_range(f, q->desc, virtq_desc_at(q->size));
	profile_range(f, q->driver, virtq_driver_len(q->size, false)); /* the longer ones */
	profile_range(f, q->device, virtq_device_len(q->size, false));
}

static int remember(struct replay_profile *g, uint64_t number, bool backend, bool error)
{
	struct replay_outcome *o;
	HASH_FIND(hh, g->outcomes, &number, sizeof(number), o);
	if (!o) {
		hash_add_new(g->outcomes, number, number, o);
		if (!o)
			return -ENOMEM;
	}
	o->backend |= backend;
	o->error |= error;
	return 0;
}

static int profile_used(struct replay_profile *g, struct replay_finding *f, const struct event *e)
{
	const struct model_request *r = e->req;
	int ret = r && f->class->learn ? f->class->learn(f, e) : 0;
	if (ret < 0)
		return ret;
	if (!r || !r->status_known || !r->status || r->status != f->class->backend_error)
		return 0;
	return remember(g, r->number, false, true);
}

/* The disk failed; with it did all requests that the recorded device had merged. */
static int profile_backend(struct replay_profile *g, const struct event *e)
{
	const struct vqt_backend *b = &e->rec->backend;
	int ret = 0;
	if (!e->req || !b->phase || b->ret >= 0)
		return 0;
	ret = remember(g, e->req->number, true, false);
	for (const struct model_request *r = e->queue->in_flight; r && !ret; r = r->hh.next)
		if (r != e->req && e->req->submission && r->submission == e->req->submission)
			ret = remember(g, r->number, true, false);
	return ret;
}

/* A trace that began after the device was set up may begin with records of its state. */
static void profile_state(struct replay_finding *f, const struct event *e)
{
	const struct vqt_device_state *s = &e->rec->device_state;
	for (unsigned i = 0; s->known & VQT_KNOWN_OFFERED && i < 4; i++)
		replay_vote(&f->learned_feature[i], (uint32_t)(s->offered[i / 2] >> i % 2 * 32));
	for (unsigned i = 0; s->known & VQT_KNOWN_CONFIG && i < s->config_len; i++)
		if (i < REPLAY_CONFIG_MAX)
			replay_vote(&config_votes(f)[i], e->rec->tail[i]);
}

/* An interrupt was sent by this vector, or a queue has it. */
static void profile_vector(struct replay_finding *f, unsigned kind, uint16_t vector)
{
	if (vector == VQT_NO_VECTOR || (kind != VQT_IRQ_SIGNAL && kind != VQT_IRQ_MSIX))
		return;
	f->d.vectored = true;
	if (vector < REPLAY_VECTORS_MAX && vector >= f->vectors_sent)
		f->vectors_sent = vector + 1;
}

static void profile_identity(struct replay_finding *f, const struct model_device *m)
{
	const struct replay_class *class = replay_class(m->virtio_id);
	struct replay_device *d = &f->d;
	memcpy(d->name, m->name, sizeof(d->name));
	memcpy(d->user_id, m->user_id, sizeof(d->user_id));
	d->virtio_id = m->virtio_id;
	d->bdf = m->bdf;
	f->late = m->flags & VQT_DEV_LATE;
	f->transitional = m->flags & VQT_DEV_TRANSITIONAL;
	d->transport = m->transport;
	d->mmio_version = m->mmio_version;
	if (f->class && f->class != class && f->class->forget) /* a hostile trace */
		f->class->forget(f);
	f->class = class;
	if (m->num_queues && !f->num_queues.any)
		f->queues_reported = m->num_queues;
	for (unsigned i = 0; i < 2; i++)
		d->accepted_ever[i] |= m->accepted[i];
}

int replay_profile_feed(struct replay_profile *g, const struct event *e)
{
	if (!e->dev || model_second_view(e->dev))
		return 0; /* the device's own view is played */
	struct replay_finding *f = get(g, e->dev);
	if (!f)
		return -ENOMEM;
	profile_identity(f, e->dev);
	bool again = f->just_changed;
	f->just_changed = false;
	switch (e->rec->h.type) {
	case VQT_REG: profile_reg(f, e); break;
	case VQT_LIFECYCLE: return profile_lifecycle(f, e);
	case VQT_DEVICE_STATE: profile_state(f, e); break;
	case VQT_KICK: f->d.kicks = true; break;
	case VQT_IRQ:
		if (e->rec->irq.kind == VQT_IRQ_CONFIG && !again)
			return profile_change(f, e->number);
		f->d.signals |= e->rec->irq.kind == VQT_IRQ_SIGNAL;
		profile_vector(f, e->rec->irq.kind, e->rec->irq.vector);
		break;
	case VQT_QUEUE_STATE:
		if (e->rec->queue_state.known & VQT_KNOWN_VECTOR)
			profile_vector(f, VQT_IRQ_MSIX, e->rec->queue_state.vector);
		break;
	case VQT_AVAIL: profile_avail(f, e); break;
	case VQT_USED: return profile_used(g, f, e);
	case VQT_BACKEND: return profile_backend(g, e);
	}
	if (e->queue && e->queue->index < REPLAY_QUEUES_MAX && e->queue->index >= f->queues_seen)
		f->queues_seen = e->queue->index + 1;
	return 0;
}

struct replay_profile *replay_profile_new(void)
{
	return calloc(1, sizeof(struct replay_profile));
}

void replay_profile_free(struct replay_profile *g)
{
	struct replay_finding *f, *next;
	if (!g)
		return;
	HASH_ITER (hh, g->devices, f, next) {
		HASH_DEL(g->devices, f);
		if (f->class && f->class->forget)
			f->class->forget(f);
		free(f->change);
		free(f);
	}
	hash_free(g->outcomes);
	free(g);
}

void replay_profile_finish(struct replay_profile *g, const char *disk)
{
	for (struct replay_finding *f = g->devices; f; f = f->hh.next) {
		f->d.disk_path = disk;
		replay_describe(f);
	}
}

const struct replay_device *replay_profile_device(const struct replay_profile *g, unsigned n)
{
	struct replay_finding *f = g->devices;
	while (f && n--)
		f = f->hh.next;
	return f ? &f->d : NULL;
}

bool replay_profile_failed(const struct replay_profile *g, uint64_t number, bool any)
{
	struct replay_outcome *o;
	HASH_FIND(hh, g->outcomes, &number, sizeof(number), o);
	return o && o->error && (any || o->backend);
}

static int by_number(const void *number, const void *change)
{
	uint64_t a = *(const uint64_t *)number, b = ((const struct replay_change *)change)->number;
	return a < b ? -1 : a > b;
}

const struct replay_config *replay_profile_change(const struct replay_profile *g, unsigned device,
						  uint64_t number)
{
	const struct replay_finding *f = find(g, device);
	const struct replay_change *c =
		f ? bsearch(&number, f->change + 1, f->changes - 1, sizeof(*c), by_number) : NULL;
	return c ? &c->differs : NULL;
}
