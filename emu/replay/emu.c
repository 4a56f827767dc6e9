/* SPDX-License-Identifier: MIT */
/* The emulator as a target of replay.  It has no clock: nothing is waited for. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/spec/constants.h"
#include "emu/replay/class.h"
#include "emu/replay/layout.h"
#include "emu/transport/virtio_pci.h"
#include "emu/replay/target.h"

#define IRQS 4096
#define MAX_CHAIN 1024 /* QEMU's VIRTQUEUE_MAX_SIZE, whatever the queue's size */

struct replay_target {
	const struct replay_device *d;
	struct emu_device *dev;
	struct emu_mem *mem;
	struct emu_tap *tap;
	const struct replay_class *class; /* NULL: answers are those of the recording */
	void *backend; /* of the class; owned by dev */
	struct emu_class any; /* replay_class_any under the device's own id */
	struct replay_disk *ram; /* guest memory: sparse, zero where nothing was written */
	struct replay_irq irq[IRQS];
	unsigned nirq;
};

static bool on_mmio(const struct replay_target *t)
{
	return t->d->transport == VQT_TRANSPORT_MMIO;
}

/* --- interrupts ------------------------------------------------------------------- */

static void push_irq(struct replay_target *t, struct replay_irq irq)
{
	if (t->nirq < IRQS) /* further ones would not change the comparison */
		t->irq[t->nirq++] = irq;
}

static void host_msix(void *opaque, uint16_t vector)
{
	push_irq(opaque, (struct replay_irq){ .kind = VQT_IRQ_MSIX, .vector = vector });
}

static void host_intx(void *opaque, bool level)
{
	push_irq(opaque, (struct replay_irq){
				 .kind = VQT_IRQ_INTX, .vector = VQT_NO_VECTOR, .level = level });
}

static int emu_irqs(struct replay_target *t, struct replay_irq *out, unsigned max)
{
	unsigned n = t->nirq < max ? t->nirq : max;
	memcpy(out, t->irq, n * sizeof(*out));
	memmove(t->irq, t->irq + n, (t->nirq - n) * sizeof(*out));
	t->nirq -= n;
	return n;
}

/* --- guest memory ------------------------------------------------------------------- */

static int ram_read(void *opaque, uint64_t gpa, void *buf, size_t len)
{
	struct replay_target *t = opaque;
	replay_disk_get(t->ram, gpa, buf, NULL, len);
	return 0;
}

/* The engine has seen to it that there is room: see struct replay_target_ops. */
static int ram_write(void *opaque, uint64_t gpa, const void *buf, size_t len)
{
	struct replay_target *t = opaque;
	return replay_disk_fill(t->ram, gpa, buf, len);
}

static const struct emu_mem_ops ram_ops = { .read = ram_read, .write = ram_write };

/* There is memory everywhere; what is written takes room. */
static int emu_touch(struct replay_target *t, uint64_t gpa, uint64_t len)
{
	return emu_mem_check(t->mem, gpa, len, EMU_MEM_WRITE);
}

static int emu_read(struct replay_target *t, uint64_t gpa, void *buf, size_t len)
{
	return emu_mem_read(t->mem, gpa, buf, len);
}

static int emu_write(struct replay_target *t, uint64_t gpa, const void *buf, size_t len)
{
	return emu_mem_write(t->mem, gpa, buf, len);
}

static uint64_t emu_memory(struct replay_target *t)
{
	return replay_disk_size(t->ram);
}

/* --- lifecycle --------------------------------------------------------------------------- */

static void begin_trace(struct replay_target *t, const struct replay_target_config *cfg)
{
	if (!cfg->tap.emit)
		return;
	t->tap = emu_tap_new(&cfg->tap);
	emu_tap_source(t->tap, "emu", 0);
	emu_tap_device(t->tap, t->d->virtio_id, on_mmio(t) ? VQT_TRANSPORT_MMIO : VQT_TRANSPORT_PCI,
		       t->d->transitional ? VQT_DEV_TRANSITIONAL : 0, t->d->bdf, t->d->num_queues,
		       t->d->user_id, "vqtrace emulator");
}

/*
 * The layout that was read is impossible.  To play the recording all the same, registers
 * lie where the emulator has them, and what was read is compared with that.
 */
static int make_usual(struct replay_target *t, struct emu_device_config *dev)
{
	const struct emu_pci_layout *read = dev->layout;
	struct emu_pci_layout l;
	dev->layout = NULL;
	emu_vpci_layout(&l, dev);
	l.vendor = read->vendor;
	l.device = read->device;
	l.revision = read->revision;
	l.class_code = read->class_code;
	l.subsys_vendor = read->subsys_vendor;
	l.subsys = read->subsys;
	l.pin = read->pin;
	dev->layout = &l;
	int ret = emu_device_new(&t->dev, dev);
	dev->layout = read;
	return ret;
}

static int make_device(struct replay_target *t, const struct replay_target_config *cfg, char *why,
		       size_t size)
{
	const struct replay_device *d = cfg->device;
	const struct replay_class *class = replay_class(d->virtio_id);
	void *config = NULL;
	struct emu_device_config dev = {
		.v.cls = &t->any,
		.v.mem = t->mem,
		.host = { .msix = host_msix, .intx = host_intx, .opaque = t },
		.v.tap = t->tap,
		.v.transitional = d->transitional,
		.express = d->layout.express,
		.ignore_bus_master = true,
		.msix_elsewhere = true,
		.v.queues = d->num_queues,
		.v.queue_sizes = d->queue_size,
		.vectors = d->layout.vectors ? d->layout.vectors : VQT_NO_VECTOR,
		.v.features_exact = d->offered,
		.v.legacy_exact = d->transitional ? &d->legacy_offered : NULL,
		.v.config_exact = d->config,
		.v.config_exact_len = d->config_len,
		.v.max_chain = MAX_CHAIN,
		.layout = &d->layout,
		.transport = on_mmio(t) ? &emu_transport_mmio : &emu_transport_pci,
		.mmio_version = d->mmio_version,
		.mmio_vendor = d->mmio_vendor,
	};
	t->any = replay_class_any;
	t->any.virtio_id = d->virtio_id;
	int ret = 0;
	if (!replay_scripted(d)) {
		ret = class->make(&t->backend, &config, cfg, why, size);
		dev.v.cls = class->device;
		dev.v.class_config = config;
		t->class = class;
	}
	if (ret == 0)
		ret = emu_device_new(&t->dev, &dev);
	else
		t->backend = NULL;
	if (ret == -EINVAL && !on_mmio(t))
		ret = make_usual(t, &dev);
	free(config);
	if (ret < 0 && *why)
		return ret;
	if (ret < 0) {
		if (t->backend)
			class->unmake(t->backend);
		snprintf(why, size, "%s",
			 ret == -ENOMEM ? "no memory"
					: "its registers are laid out in a way that cannot be");
		return ret == -ENOMEM ? ret : -ENOTSUP;
	}
	return 0;
}

static void emu_destroy(struct replay_target *t)
{
	if (!t)
		return;
	emu_device_free(t->dev);
	emu_mem_free(t->mem);
	replay_disk_free(t->ram);
	emu_tap_free(t->tap);
	free(t);
}

static int emu_create(struct replay_target **out, const struct replay_target_config *cfg, char *why,
		      size_t size)
{
	struct replay_target *t = calloc(1, sizeof(*t));
	if (!t)
		return -ENOMEM;
	t->d = cfg->device;
	t->mem = emu_mem_new();
	t->ram = replay_disk_new(UINT64_MAX);
	begin_trace(t, cfg);
	int ret = t->mem && t->ram && (t->tap || !cfg->tap.emit) ? 0 : -ENOMEM;
	if (ret == 0)
		emu_mem_set_ops(t->mem, &ram_ops, t);
	if (ret == 0)
		ret = emu_mem_add(t->mem, 0, UINT64_MAX, NULL, EMU_MEM_READ | EMU_MEM_WRITE);
	if (ret == 0)
		ret = make_device(t, cfg, why, size);
	if (ret < 0) {
		t->dev = NULL;
		emu_destroy(t);
		return ret;
	}
	*out = t;
	return 0;
}

static const char *emu_version(struct replay_target *t)
{
	return "vqtrace " VQTRACE_VERSION;
}

/* --- accesses ------------------------------------------------------------------------ */

static int place(struct replay_target *t, unsigned region, uint32_t off, unsigned width,
		 struct replay_place *p)
{
	if (region == VQT_REGION_MMIO)
		*p = (struct replay_place){ .length = emu_device_region_size(t->dev, 0) };
	else if (region == VQT_REGION_LEGACY && t->d->transitional)
		*p = (struct replay_place){ .length = emu_device_region_size(t->dev, 0) };
	else if (!replay_layout_place(&emu_vpci_pci(t->dev)->l, region, p))
		return -ENXIO;
	return off > p->length || width > p->length - off ? -ENXIO : 0;
}

static int emu_access(struct replay_target *t, unsigned region, uint32_t off, unsigned width,
		      uint64_t *value, bool write)
{
	struct replay_place p;
	if (on_mmio(t) != (region == VQT_REGION_MMIO))
		return -ENXIO;
	if (region == VQT_REGION_PCI && write)
		emu_device_store(t->dev, EMU_REGION_CONFIG, off, width, (uint32_t)*value);
	else if (region == VQT_REGION_PCI)
		*value = emu_device_load(t->dev, EMU_REGION_CONFIG, off, width);
	if (region == VQT_REGION_PCI)
		return 0;
	int ret = place(t, region, off, width, &p);
	if (ret < 0)
		return ret;
	if (!write) {
		*value = emu_device_load(t->dev, p.bar, p.offset + off, width);
		return 0;
	}
	emu_device_store(t->dev, p.bar, p.offset + off, width, *value);
	/* 2.4.1: what is in flight at a reset is not held any longer */
	if (emu_device_resetting(t->dev))
		emu_virtio_drain(&t->dev->v);
	return 0;
}

/* --- requests ------------------------------------------------------------------------- */

static uint64_t tag_of(uint16_t queue, uint16_t head)
{
	return (uint64_t)queue << 16 | head;
}

static int emu_request(struct replay_target *t, const struct replay_request *r)
{
	return r->fail && t->class ? t->class->fail(t->backend, tag_of(r->queue, r->head)) : 0;
}

static int emu_kick(struct replay_target *t, const struct replay_kick *k)
{
	struct emu_queue *q = emu_virtio_queue(&t->dev->v, k->queue);
	if (!q)
		return -ENXIO;
	if (k->nudge) {
		q->kicked = q->enabled;
		return 0;
	}
	uint64_t value = k->value;
	if (on_mmio(t))
		return emu_access(t, VQT_REGION_MMIO, VIRTIO_MMIO_QUEUE_NOTIFY, 4, &value, true);
	if (k->legacy)
		return emu_access(t, VQT_REGION_LEGACY, VIRTIO_PCI_QUEUE_NOTIFY, 2, &value, true);
	const struct emu_pci_cap *c = replay_layout_cap(&emu_vpci_pci(t->dev)->l, PCI_CAP_ID_VNDR,
							VIRTIO_PCI_CAP_NOTIFY_CFG);
	return emu_access(t, VQT_REGION_NOTIFY, c ? k->notify_off * c->multiplier : 0,
			  k->width == 4 ? 4 : 2, &value, true);
}

static int emu_complete(struct replay_target *t, const struct replay_answer *a)
{
	if (t->class) {
		t->class->complete(t->backend, tag_of(a->queue, a->head));
		return 0;
	}
	int ret = replay_class_answer(&t->dev->v, a);
	return ret == -ENOENT ? 0 : ret;
}

static int emu_wait(struct replay_target *t, unsigned patience)
{
	emu_virtio_run(&t->dev->v, 0);
	return 0;
}

static int emu_config_change(struct replay_target *t, const struct replay_config *now)
{
	struct emu_virtio *v = &t->dev->v;
	uint8_t config[REPLAY_CONFIG_MAX];
	memcpy(config, v->config, sizeof(config));
	for (unsigned i = 0; i < v->config_len; i++)
		if (replay_bit(now->known, i))
			config[i] = now->bytes[i];
	if (t->class && t->class->reconfigure(v, config))
		return 0;
	memcpy(v->config, config, sizeof(config));
	if (!now->asked)
		emu_virtio_config_changed(v);
	return 0;
}

static int emu_platform_reset(struct replay_target *t)
{
	emu_device_reset(t->dev);
	return 0;
}

const struct replay_target_ops replay_target_emu = {
	.name = "emu",
	.create = emu_create,
	.destroy = emu_destroy,
	.version = emu_version,
	.scripted = replay_scripted,
	.from_trace = true,
	.mmio = true,
	.access = emu_access,
	.mem_read = emu_read,
	.mem_write = emu_write,
	.mem_touch = emu_touch,
	.memory = emu_memory,
	.request = emu_request,
	.kick = emu_kick,
	.complete = emu_complete,
	.wait = emu_wait,
	.irqs = emu_irqs,
	.config_change = emu_config_change,
	.platform_reset = emu_platform_reset,
};
