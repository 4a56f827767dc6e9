/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "emu/transport/virtio_pci.h"
#include "decoder/spec/constants.h"
#include "decoder/trace/record.h"
#include "tests/emu/testbed.h"

int emu_testbed_bar_address(const struct emu_pci *p, unsigned bar, uint64_t *addr)
{
	const struct emu_pci_bar *b = bar < EMU_PCI_BARS ? &p->l.bar[bar] : NULL;
	if (!b || !b->size)
		return -ENODEV;
	bool io = b->flags & EMU_BAR_IO;
	uint16_t need = io ? PCI_COMMAND_IO : PCI_COMMAND_MEMORY;
	if (!(get_le16(p->config + PCI_COMMAND) & need))
		return -ENODEV;
	const uint8_t *r = p->config + PCI_BASE_ADDRESS_0 + 4 * bar;
	*addr = get_le32(r) & (io ? ~3u : ~15u);
	if (!io && b->flags & EMU_BAR_64)
		*addr |= (uint64_t)get_le32(r + 4) << 32;
	return 0;
}

static void on_msix(void *opaque, uint16_t vector)
{
	struct emu_testbed *r = opaque;
	r->msix[vector % 2048]++;
	r->msix_total++;
}

static void on_intx(void *opaque, bool level)
{
	struct emu_testbed *r = opaque;
	r->intx = level;
}

static uint32_t bus_config_read(void *opaque, uint32_t off, unsigned width)
{
	struct emu_testbed *r = opaque;
	return emu_device_load(r->dev, EMU_REGION_CONFIG, off, width);
}

static void bus_config_write(void *opaque, uint32_t off, unsigned width, uint32_t value)
{
	struct emu_testbed *r = opaque;
	emu_device_store(r->dev, EMU_REGION_CONFIG, off, width, value);
}

static uint64_t bus_bar_read(void *opaque, unsigned bar, uint64_t off, unsigned width)
{
	struct emu_testbed *r = opaque;
	uint64_t addr;
	if (emu_testbed_bar_address(emu_vpci_pci(r->dev), bar, &addr) < 0)
		return UINT64_MAX; /* nobody answers */
	return emu_device_load(r->dev, bar, off, width);
}

static void bus_bar_write(void *opaque, unsigned bar, uint64_t off, unsigned width, uint64_t value)
{
	struct emu_testbed *r = opaque;
	uint64_t addr;
	if (emu_testbed_bar_address(emu_vpci_pci(r->dev), bar, &addr) == 0)
		emu_device_store(r->dev, bar, off, width, value);
}

static void bus_run(void *opaque)
{
	struct emu_testbed *r = opaque;
	if (!r->opt.hold_run)
		emu_virtio_run(&r->dev->v, 0);
}

static int dma_read(void *opaque, uint64_t gpa, void *buf, size_t len)
{
	struct emu_testbed *r = opaque;
	memcpy(buf, r->ram + gpa, len);
	return 0;
}

static int dma_write(void *opaque, uint64_t gpa, const void *buf, size_t len)
{
	struct emu_testbed *r = opaque;
	memcpy(r->ram + gpa, buf, len);
	return 0;
}

static const struct emu_mem_ops dma = { .read = dma_read, .write = dma_write };

static int make_memory(struct emu_testbed *r)
{
	r->mem = emu_mem_new();
	r->ram = aligned_alloc(4096, r->opt.ram_size);
	if (!r->mem || !r->ram)
		return -ENOMEM;
	memset(r->ram, 0, r->opt.ram_size);
	emu_mem_set_ops(r->mem, &dma, r);
	return emu_mem_add(r->mem, 0, r->opt.ram_size, r->opt.message_dma ? NULL : r->ram,
			   EMU_MEM_READ | EMU_MEM_WRITE);
}

static int make_disk(struct emu_testbed *r)
{
	struct emu_backend *inner;
	if (r->opt.dev.v.cls && r->opt.dev.v.cls != &emu_blk)
		return 0;
	r->opt.dev.v.cls = &emu_blk;
	r->opt.dev.v.class_config = &r->opt.blk;
	r->backend = r->opt.blk.backend;
	if (r->backend)
		return 0;
	int ret = emu_backend_mem(&inner, NULL, r->opt.disk_size);
	if (ret < 0)
		return ret;
	ret = emu_backend_defer(&r->backend, inner);
	if (ret < 0)
		emu_backend_close(inner);
	r->opt.blk.backend = r->backend;
	return ret;
}

static int make_device(struct emu_testbed *r)
{
	struct emu_device_config *c = &r->opt.dev;
	c->v.mem = r->mem;
	c->v.tap = r->tap;
	c->v.fault = r->fault.id ? &r->fault : NULL;
	c->host = (struct emu_device_host){ .msix = on_msix, .intx = on_intx, .opaque = r };
	emu_tap_session(r->tap, "vqtrace", NULL, 0);
	emu_tap_source(r->tap, "in-process device", 0);
	emu_tap_device(r->tap, c->v.cls->virtio_id, VQT_TRANSPORT_PCI,
		       c->v.transitional ? VQT_DEV_TRANSITIONAL : 0, 0,
		       c->v.queues ? c->v.queues : 1, "dev0", "vqtrace-device");
	int ret = emu_device_new(&r->dev, c);
	if (ret < 0)
		return ret;
	r->v = &r->dev->v;
	struct emu_bus bus = { .config_read = bus_config_read,
			       .config_write = bus_config_write,
			       .bar_read = bus_bar_read,
			       .bar_write = bus_bar_write,
			       .run = bus_run,
			       .opaque = r,
			       .ram = r->ram,
			       .ram_size = r->opt.ram_size };
	return emu_driver_init(&r->drv, &bus);
}

int emu_testbed_new(struct emu_testbed **out, const struct emu_testbed_options *opt)
{
	struct emu_testbed *r = calloc(1, sizeof(*r));
	if (!r)
		return -ENOMEM;
	r->opt = *opt;
	r->fault = opt->fault;
	r->opt.ram_size = opt->ram_size ? opt->ram_size : 4u << 20;
	r->opt.disk_size = opt->disk_size ? opt->disk_size : 1u << 20;
	int ret = make_memory(r);
	if (ret == 0)
		ret = make_disk(r);
	if (ret == 0 && opt->tap) {
		r->tap = emu_tap_new(opt->tap);
		ret = r->tap ? 0 : -ENOMEM;
	}
	if (ret == 0)
		ret = make_device(r);
	if (ret < 0) {
		emu_testbed_free(r);
		return ret;
	}
	*out = r;
	return 0;
}

void emu_testbed_free(struct emu_testbed *r)
{
	if (!r)
		return;
	emu_driver_fini(&r->drv);
	if (r->dev)
		emu_device_free(r->dev); /* takes the backend along */
	else
		emu_backend_close(r->backend);
	emu_tap_free(r->tap);
	emu_mem_free(r->mem);
	free(r->ram);
	free(r);
}

void *emu_testbed_at(struct emu_testbed *r, uint64_t gpa, uint64_t len)
{
	if (gpa > r->opt.ram_size || len > r->opt.ram_size - gpa)
		return NULL;
	return r->ram + gpa;
}
