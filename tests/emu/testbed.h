/* SPDX-License-Identifier: MIT */
/*
 * A device, its memory and a driver in one process, without a server between
 * them.  The device is a block device with a disk unless another class is given.
 */
#ifndef VQT_TESTS_EMU_TESTBED_H
#define VQT_TESTS_EMU_TESTBED_H

#include "emu/class/blk/blk.h"
#include "emu/transport/pci.h"
#include "emu/transport/transport.h"
#include "emu/driver/driver.h"
#include "emu/virtio/fault.h"
#include "tests/emu/backend_defer.h"
#include "tests/emu/blk_driver.h"

struct emu_testbed_options {
	/* mem, host, tap and fault are set here; cls NULL or &emu_blk: class_config, too */
	struct emu_device_config dev;
	struct emu_blk_config blk; /* backend NULL: memory, wrapped in a deferring one */
	uint64_t ram_size; /* 0: 4 MiB, at guest-physical 0 */
	uint64_t disk_size; /* 0: 1 MiB */
	bool message_dma; /* memory is reached by callbacks only */
	bool hold_run; /* the driver's waiting does not run the device */
	const struct emu_tap_config *tap; /* NULL: none */
	struct emu_fault fault; /* id 0: behaves */
};

struct emu_testbed {
	struct emu_testbed_options opt;
	struct emu_mem *mem;
	uint8_t *ram;
	struct emu_backend *backend; /* emu_backend_defer's, unless one was given; NULL: no disk */
	struct emu_device *dev;
	struct emu_virtio *v;
	struct emu_tap *tap;
	struct emu_fault fault;
	struct emu_driver drv; /* probed by emu_driver_start */
	uint32_t msix[2048], msix_total;
	bool intx;
};

int emu_testbed_new(struct emu_testbed **out, const struct emu_testbed_options *opt);
void emu_testbed_free(struct emu_testbed *r);
/* Address of a BAR as programmed: 0, or -ENODEV while its decoding is off. */
int emu_testbed_bar_address(const struct emu_pci *p, unsigned bar, uint64_t *addr);
/* Guest memory, checked; NULL outside. */
void *emu_testbed_at(struct emu_testbed *r, uint64_t gpa, uint64_t len);

#endif
