/* SPDX-License-Identifier: MIT */
/* PCI configuration space, BARs, the access window and MSI-X, in any order. */
#include <stdlib.h>
#include <string.h>

#include "tests/emu/testbed.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	struct emu_testbed_options o = { .ram_size = 64 << 10,
					 .disk_size = 64 << 10,
					 .dev = { .v.queues = 1 + (data[0] & 3),
						  .v.queue_size = 8,
						  .v.transitional = data[0] & 4,
						  .express = data[0] & 8,
						  .vectors = data[0] & 16 ? VQT_NO_VECTOR
									  : data[1] & 63,
						  .msix_elsewhere = data[0] & 32,
						  .ignore_bus_master = data[0] & 64 } };
	struct emu_testbed *r;
	uint8_t buf[64];
	if (emu_testbed_new(&r, &o) < 0)
		return 0;
	if (data[0] & 128)
		emu_driver_probe(&r->drv);
	for (size_t i = 2; i + 8 <= size; i += 8) {
		const uint8_t *p = data + i;
		uint32_t off = p[1] | p[2] << 8, value;
		memcpy(&value, p + 4, 4);
		unsigned width = 1u << (p[3] & 3), region = p[3] >> 2 & 7;
		switch (p[0] % 7) {
		case 0:
			emu_device_store(r->dev, EMU_REGION_CONFIG, off & 0xff, width, value);
			break;
		case 1: emu_device_load(r->dev, EMU_REGION_CONFIG, off & 0x1fff, width); break;
		case 2:
			emu_device_store(r->dev, region, off, width, value | (uint64_t)value << 32);
			break;
		case 3: emu_device_load(r->dev, region, off, width); break;
		case 4: emu_device_read(r->dev, region, off, buf, value & 63); break;
		case 5:
			memset(buf, value, sizeof(buf));
			emu_device_write(r->dev, region, off, buf, value >> 8 & 63);
			break;
		default: emu_virtio_config_changed(r->v); emu_virtio_run(&r->dev->v, 4);
		}
	}
	emu_testbed_free(r);
	return 0;
}
