/* SPDX-License-Identifier: MIT */
/* The registers of virtio-mmio, version 1 and 2, of a disk and of an entropy source, in any order. */
#include <stdlib.h>

#include "emu/class/class.h"
#include "tests/emu/testbed.h"
#include "tests/fuzz/input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define RAM (64u << 10)

static void emit(void *opaque, const void *record, size_t len)
{
	if (len > VQT_RECORD_MAX)
		abort();
}

/* Values that mean something to some register. */
static uint64_t value(struct input *in)
{
	static const uint32_t some[] = { 0, 1, 3, 8, 11, 15, 0x1000, 0x2000, 0x3000, ~0u };
	uint8_t which = (uint8_t)take(in, 1);

	return which < 0x80 ? some[which % 10] : take(in, which & 1 ? 4 : 2);
}

static void step(struct emu_testbed *r, struct input *in)
{
	uint8_t op = (uint8_t)take(in, 1);
	uint32_t off = (uint32_t)take(in, 1) << (op & 8 ? 0 : 2);
	unsigned width = op & 16 ? 1u << (op >> 5 & 3) : 4;
	uint8_t buf[64];

	switch (op & 7) {
	case 0:
	case 1:
	case 2: emu_device_store(r->dev, 0, off, width, value(in)); break;
	case 3: emu_device_load(r->dev, 0, off, width); break;
	case 4: emu_device_read(r->dev, 0, off, buf, take(in, 1) & 63); break;
	case 5: /* memory */ r->ram[take(in, 2) % RAM] = (uint8_t)take(in, 1); break;
	case 6: emu_virtio_run(&r->dev->v, 4); break;
	default: emu_virtio_config_changed(r->v);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct emu_tap_config tap = { .emit = emit, .snaplen = 32 };
	struct input in = { data, size };
	uint8_t how = (uint8_t)take(&in, 1);
	struct emu_testbed_options o = { .ram_size = RAM,
					 .disk_size = RAM,
					 .hold_run = true,
					 .tap = how & 4 ? &tap : NULL,
					 .dev = { .transport = &emu_transport_mmio,
						  .mmio_version = how & 1 ? 1 : 2,
						  .v.queues = 1 + (how >> 3 & 3),
						  .v.queue_size = 8,
						  .v.features = ~0ull } };
	struct emu_testbed *r;

	if (how & 2)
		o.dev.v.cls = emu_classes[1];
	if (emu_testbed_new(&r, &o) < 0)
		return 0;
	while (in.left)
		step(r, &in);
	emu_virtio_run(&r->dev->v, 0);
	emu_testbed_free(r);
	return 0;
}
