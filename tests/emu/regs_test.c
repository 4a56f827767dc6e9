/* SPDX-License-Identifier: MIT */
/* Registers: PCI, common configuration, interrupts, resets, the legacy interface. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "decoder/trace/event.h"
#include "decoder/spec/constants.h"
#include "decoder/class/blk.h"
#include "emu/transport/virtio_pci.h"
#include "tests/emu/testbed.h"
#include "tests/emu/tap.h"

#define BIT(n) (1ull << (n))
#define COMMON(name) VIRTIO_PCI_COMMON_##name

static struct emu_testbed *testbed(struct emu_testbed_options o)
{
	struct emu_testbed *r = NULL;
	if (emu_testbed_new(&r, &o) < 0)
		exit(1);
	return r;
}

static uint64_t rd(struct emu_testbed *r, uint32_t off, unsigned w)
{
	return emu_driver_read(&r->drv, &r->drv.common, off, w);
}

static void wr(struct emu_testbed *r, uint32_t off, unsigned w, uint64_t v)
{
	emu_driver_write(&r->drv, &r->drv.common, off, w, v);
}

static uint32_t cfg(struct emu_testbed *r, uint32_t off, unsigned w)
{
	return emu_device_load(r->dev, EMU_REGION_CONFIG, off, w);
}

static void set_cfg(struct emu_testbed *r, uint32_t off, unsigned w, uint32_t v)
{
	emu_device_store(r->dev, EMU_REGION_CONFIG, off, w, v);
}

static int start(struct emu_testbed *r, uint64_t features, bool legacy, bool intx)
{
	struct emu_driver_options d = {
		.queues = r->v->nqueues, .legacy = legacy, .no_msix = intx, .features = { features }
	};
	return emu_driver_start(&r->drv, &d);
}

/* One 512-byte read. */
static int read_one(struct emu_testbed *r, struct emu_blk_request *q)
{
	if (!q->data)
		q->data = emu_driver_alloc(&r->drv, 512, 512);
	q->type = VIRTIO_BLK_T_IN;
	q->len = 512;
	q->in = true;
	return emu_driver_blk(&r->drv, 0, q);
}

static unsigned cap_of(struct emu_testbed *r, uint8_t id)
{
	unsigned at = cfg(r, PCI_CAPABILITY_LIST, 1);
	while (at && cfg(r, at, 1) != id)
		at = cfg(r, at + 1, 1);
	return at;
}

static void test_ids(void)
{
	struct emu_testbed *r = testbed((struct emu_testbed_options){ .dev = { .express = true } });
	is(cfg(r, 0, 4), 0x10421af4, "modern: vendor and device id, 4.1.2.1");
	is(cfg(r, PCI_REVISION_ID, 1), 1, "modern: revision 1");
	ok(cfg(r, PCI_SUBSYSTEM_ID, 2) >= 0x40, "modern: subsystem id");
	is(cfg(r, PCI_CLASS_REVISION, 4) >> 8, 0x010000, "class code");
	is(cfg(r, PCI_HEADER_TYPE, 1), 0, "header type");
	is(cfg(r, 0x100, 4), 0, "extended space is empty");
	is(cfg(r, 4096, 4), UINT32_MAX, "nothing beyond");
	is(cfg(r, 1, 2), UINT32_MAX, "misaligned configuration read");
	is(cfg(r, 0, 8), UINT32_MAX, "no 8-byte configuration access");
	set_cfg(r, 0, 4, 0);
	set_cfg(r, 1, 4, 0);
	is(cfg(r, 0, 4), 0x10421af4, "ids are read-only");
	emu_testbed_free(r);
	r = testbed((struct emu_testbed_options){ .dev = { .v.transitional = true } });
	is(cfg(r, 0, 4), 0x10011af4, "transitional: device id, 4.1.2.1");
	is(cfg(r, PCI_REVISION_ID, 1), 0, "transitional: revision 0");
	is(cfg(r, PCI_SUBSYSTEM_ID, 2), 2, "transitional: subsystem id is the device type");
	is(cfg(r, PCI_BASE_ADDRESS_0, 4), 1, "transitional: BAR 0 is I/O");
	is(cfg(r, 256, 4), UINT32_MAX, "conventional: 256 bytes");
	emu_testbed_free(r);
}

static void test_bars(void)
{
	struct emu_testbed *r = testbed(
		(struct emu_testbed_options){ .dev = { .v.transitional = true, .v.queues = 4 } });
	uint64_t a;
	is((uint64_t)-emu_testbed_bar_address(emu_vpci_pci(r->dev), 4, &a), ENODEV,
	   "BARs do not decode after reset");
	is(emu_driver_probe(&r->drv), 0, "probe");
	is(r->drv.bar_size[0], 128, "I/O BAR size");
	is(r->drv.bar_size[1], 4096, "MSI-X BAR size");
	is(r->drv.bar_size[4], 16384, "modern BAR size");
	is(emu_testbed_bar_address(emu_vpci_pci(r->dev), 4, &a), 0, "decodes");
	ok(a >= 0xe0000000 && a % 16384 == 0, "at the address given");
	is(emu_testbed_bar_address(emu_vpci_pci(r->dev), 0, &a), 0, "I/O decodes");
	is(a, 0xc000, "at the port given");
	is((uint64_t)-emu_testbed_bar_address(emu_vpci_pci(r->dev), 5, &a), ENODEV,
	   "BAR 5 is not there");
	is(cfg(r, PCI_BASE_ADDRESS_0 + 8, 4), 0, "BAR 2 reads 0");
	is(emu_device_region_size(r->dev, 4), 16384, "region size");
	is(emu_device_region_size(r->dev, EMU_REGION_CONFIG), 256, "configuration region size");
	is(emu_device_region_size(r->dev, 9), 0, "no region 9");
	ok(r->drv.common.found && r->drv.notify.found && r->drv.isr.found && r->drv.config.found &&
		   r->drv.window.found,
	   "all five virtio capabilities");
	is(r->drv.notify_multiplier, 4, "notify multiplier");
	is(r->drv.vectors, 5, "vectors: queues and one");
	emu_testbed_free(r);
}

static void test_power_and_flr(void)
{
	struct emu_testbed *r = testbed((struct emu_testbed_options){ .dev = { .express = true } });
	start(r, 0, false, false);
	unsigned pm = cap_of(r, PCI_CAP_ID_PM), exp = cap_of(r, PCI_CAP_ID_EXP);
	set_cfg(r, pm + PCI_PM_CTRL, 2, 3);
	is(cfg(r, pm + PCI_PM_CTRL, 2) & 3, 3, "D3hot");
	set_cfg(r, pm + PCI_PM_CTRL, 2, 2);
	is(cfg(r, pm + PCI_PM_CTRL, 2) & 3, 3, "D2 is not supported: no change");
	set_cfg(r, pm + PCI_PM_CTRL, 2, 0);
	is(emu_driver_status(&r->drv), 0xf, "D0 again with its state (No_Soft_Reset)");
	ok(cfg(r, exp + PCI_EXP_DEVCAP, 4) & PCI_EXP_DEVCAP_FLR, "FLR capable");
	set_cfg(r, exp + PCI_EXP_DEVCTL, 2, PCI_EXP_DEVCTL_BCR_FLR);
	is(cfg(r, PCI_COMMAND, 2), 0, "FLR: command register cleared");
	is(r->v->status, 0, "FLR: device reset");
	is(cfg(r, PCI_BASE_ADDRESS_4, 4), 0xc, "FLR: BAR address cleared");
	emu_testbed_free(r);
}

/* 2.1, 3.1.1 */
static void test_status(void)
{
	struct emu_testbed *r = testbed((struct emu_testbed_options){ 0 });
	emu_driver_probe(&r->drv);
	is(rd(r, COMMON(STATUS), 1), 0, "status 0 at first");
	wr(r, COMMON(STATUS), 1, 1);
	wr(r, COMMON(STATUS), 1, 2);
	is(rd(r, COMMON(STATUS), 1), 3, "a bit is not cleared by leaving it out");
	wr(r, COMMON(STATUS), 1, 0x73);
	is(rd(r, COMMON(STATUS), 1), 3,
	   "NEEDS_RESET, SUSPEND and reserved bits are not the driver's");
	wr(r, COMMON(STATUS), 1, 0x83);
	is(rd(r, COMMON(STATUS), 1), 0x83, "FAILED is");
	wr(r, COMMON(STATUS), 1, 0);
	is(rd(r, COMMON(STATUS), 1), 0, "reset");
	is(start(r, 0, false, false), 0, "started");
	wr(r, COMMON(GFSELECT), 4, 0);
	uint32_t before = rd(r, COMMON(GF), 4);
	wr(r, COMMON(GF), 4, 0);
	is(rd(r, COMMON(GF), 4), before, "features are settled after FEATURES_OK");
	wr(r, COMMON(STATUS), 1, 0x8f);
	struct emu_blk_request q = { 0 };
	is((uint64_t)-read_one(r, &q), ETIMEDOUT, "nothing is served after FAILED");
	emu_testbed_free(r);
}

static void test_features(void)
{
	struct emu_testbed *r =
		testbed((struct emu_testbed_options){ .dev = { .v.transitional = true } });
	emu_driver_probe(&r->drv);
	uint64_t f = 0;
	for (unsigned s = 0; s < 2; s++) {
		wr(r, COMMON(DFSELECT), 4, s);
		is(rd(r, COMMON(DFSELECT), 4), s, "device_feature_select reads back");
		f |= rd(r, COMMON(DF), 4) << 32 * s;
	}
	is(f, emu_virtio_core_features() | emu_blk.features, "features offered, no legacy bits");
	wr(r, COMMON(DFSELECT), 4, 4);
	is(rd(r, COMMON(DF), 4), 0, "no features beyond 127");
	wr(r, COMMON(GFSELECT), 4, 4);
	wr(r, COMMON(GF), 4, 1);
	is(rd(r, COMMON(GF), 4), 0, "none to be accepted there, either");
	uint32_t old = emu_device_load(r->dev, 0, VIRTIO_PCI_HOST_FEATURES, 4);
	ok(old & BIT(VIRTIO_F_ANY_LAYOUT) && old & BIT(VIRTIO_F_NOTIFY_ON_EMPTY),
	   "legacy bits there");
	emu_testbed_free(r);
	/* prerequisites: CONFIG_WCE offers FLUSH along */
	r = testbed((struct emu_testbed_options){
		.blk = { .features = BIT(VIRTIO_BLK_F_CONFIG_WCE) } });
	ok(emu_virtio_offers(r->v, VIRTIO_BLK_F_FLUSH), "CONFIG_WCE brings FLUSH");
	emu_testbed_free(r);
}

static void test_common(void)
{
	struct emu_testbed *r = testbed((struct emu_testbed_options){
		.dev = { .v.queues = 2, .v.queue_sizes = (const uint16_t[]){ 64, 0 } } });
	emu_driver_probe(&r->drv);
	is(rd(r, COMMON(NUMQ), 2), 2, "num_queues");
	is(rd(r, COMMON(Q_SIZE), 2), 64, "queue_size");
	is(rd(r, COMMON(Q_MSIX), 2), VQT_NO_VECTOR, "vectors are unmapped after reset");
	is(rd(r, COMMON(MSIX), 2), VQT_NO_VECTOR, "configuration vector, too");
	wr(r, COMMON(Q_MSIX), 2, 2);
	is(rd(r, COMMON(Q_MSIX), 2), 2, "vector reads back");
	wr(r, COMMON(Q_MSIX), 2, 3);
	is(rd(r, COMMON(Q_MSIX), 2), VQT_NO_VECTOR, "a vector beyond the table does not map");
	wr(r, COMMON(Q_DESCLO), 8, 0x123456789a000ull);
	is(rd(r, COMMON(Q_DESCHI), 4), 0x12345, "64-bit write, high half");
	is(rd(r, COMMON(Q_DESCLO), 8), 0x123456789a000ull, "64-bit read");
	wr(r, COMMON(Q_AVAILHI), 4, 7);
	wr(r, COMMON(Q_USEDLO), 4, 0x4000);
	is(rd(r, COMMON(Q_AVAILLO), 8), 7ull << 32, "driver area");
	is(rd(r, COMMON(Q_USEDLO), 8), 0x4000, "device area");
	is(rd(r, COMMON(Q_SIZE), 4), 0, "wrong width reads 0");
	wr(r, COMMON(Q_SIZE), 1, 8);
	is(rd(r, COMMON(Q_SIZE), 2), 64, "wrong width is not written");
	wr(r, COMMON(NUMQ), 2, 9);
	is(rd(r, COMMON(NUMQ), 2), 2, "read-only stays");
	is(rd(r, COMMON(Q_NDATA), 2), 0, "queue_notif_config_data without its feature");
	is(rd(r, COMMON(ADM_Q_NUM), 2), 0, "no administration queues");
	is(rd(r, 16, 8), 0, "no 64-bit access elsewhere");
	wr(r, COMMON(Q_SELECT), 2, 1);
	is(rd(r, COMMON(Q_SELECT), 2), 1, "queue_select");
	is(rd(r, COMMON(Q_SIZE), 2), 0, "a queue of size 0 is absent");
	wr(r, COMMON(Q_ENABLE), 2, 1);
	wr(r, COMMON(Q_MSIX), 2, 1);
	wr(r, COMMON(Q_SIZE), 2, 8);
	wr(r, COMMON(Q_DESCLO), 8, 4096);
	wr(r, COMMON(Q_RESET), 2, 1);
	is(rd(r, COMMON(Q_ENABLE), 2) | rd(r, COMMON(Q_DESCLO), 8) | rd(r, COMMON(Q_RESET), 2) |
		   rd(r, COMMON(Q_NOFF), 2),
	   0, "and cannot be set up");
	is(rd(r, COMMON(Q_MSIX), 2), VQT_NO_VECTOR, "nor mapped");
	emu_testbed_free(r);
}

static void test_config(void)
{
	struct emu_testbed *r = testbed((struct emu_testbed_options){ 0 });
	uint64_t capacity;
	uint32_t u32;
	is(start(r, emu_blk.features, false, false), 0, "started");
	emu_driver_config(&r->drv, 0, &capacity, 8);
	is(capacity, 2048, "capacity");
	is(emu_driver_read(&r->drv, &r->drv.config, 0, 8), 2048, "capacity in one access");
	is(emu_driver_read(&r->drv, &r->drv.config, 200, 4), 0, "beyond the structure: 0");
	emu_driver_config(&r->drv, BLK_CFG_SEG_MAX, &u32, 4);
	is(u32, 254, "seg_max");
	uint8_t g = rd(r, COMMON(CFGGENERATION), 1);
	is(emu_blk_resize(r->v, 4096), 0, "resize");
	is(rd(r, COMMON(CFGGENERATION), 1), g + 1, "generation moves on");
	is(r->msix[0], 1, "configuration interrupt");
	emu_blk_resize(r->v, 2048);
	is(rd(r, COMMON(CFGGENERATION), 1), g + 1, "not again before somebody read");
	emu_driver_config(&r->drv, 0, &capacity, 8);
	is(capacity, 2048, "new capacity");
	emu_driver_write(&r->drv, &r->drv.config, BLK_CFG_WRITEBACK, 1, 0);
	is(emu_driver_read(&r->drv, &r->drv.config, BLK_CFG_WRITEBACK, 1), 0,
	   "writeback is writable");
	emu_driver_write(&r->drv, &r->drv.config, BLK_CFG_WRITEBACK, 1, 7);
	is(emu_driver_read(&r->drv, &r->drv.config, BLK_CFG_WRITEBACK, 1), 0, "0 or 1 only");
	emu_driver_write(&r->drv, &r->drv.config, 0, 4, 1);
	is(emu_driver_read(&r->drv, &r->drv.config, 0, 4), 2048, "capacity is not");
	emu_driver_write(&r->drv, &r->drv.config, 300, 4, 1);
	emu_testbed_free(r);
}

/* 4.1.5.3: INTx, ISR */
static void test_intx(void)
{
	struct emu_testbed *r = testbed((struct emu_testbed_options){ 0 });
	struct emu_blk_request q = { 0 };
	is(start(r, 0, false, true), 0, "started without MSI-X");
	is(read_one(r, &q), 0, "request");
	ok(r->intx, "INTx asserted");
	ok(cfg(r, PCI_STATUS, 2) & PCI_STATUS_INTERRUPT, "PCI status shows it");
	ok(cfg(r, PCI_COMMAND, 4) & PCI_STATUS_INTERRUPT << 16, "in a 32-bit read, too");
	set_cfg(r, PCI_COMMAND, 2, 0x7 | PCI_COMMAND_INTX_DISABLE);
	ok(!r->intx, "INTx disabled");
	ok(cfg(r, PCI_STATUS, 2) & PCI_STATUS_INTERRUPT, "status still shows it");
	set_cfg(r, PCI_COMMAND, 2, 0x7);
	ok(r->intx, "and back");
	is(emu_driver_read(&r->drv, &r->drv.isr, 0, 4), 0, "a wide ISR read does nothing");
	is(emu_driver_read(&r->drv, &r->drv.isr, 0, 1), VIRTIO_PCI_ISR_QUEUE, "ISR: queue");
	ok(!r->intx, "read clears");
	is(emu_driver_read(&r->drv, &r->drv.isr, 0, 1), 0, "ISR is 0");
	emu_virtio_config_changed(r->v);
	is(emu_driver_read(&r->drv, &r->drv.isr, 0, 1), VIRTIO_PCI_ISR_CONFIG,
	   "ISR: configuration");
	read_one(r, &q);
	ok(r->intx, "asserted again");
	wr(r, COMMON(STATUS), 1, 0);
	ok(!r->intx, "reset releases the line");
	is(r->msix_total, 0, "no message was sent");
	emu_testbed_free(r);
}

static void test_msix(void)
{
	struct emu_testbed *r = testbed((struct emu_testbed_options){ 0 });
	struct emu_blk_request q = { 0 };
	is(start(r, 0, false, false), 0, "started with MSI-X");
	unsigned m = cap_of(r, PCI_CAP_ID_MSIX);
	is(cfg(r, m + PCI_MSIX_FLAGS, 2) & PCI_MSIX_FLAGS_QSIZE, 1, "table size");
	is(emu_device_load(r->dev, 1, 16, 8), 0xfee00000, "entry 1, address");
	is(emu_device_load(r->dev, 1, 24, 4), 0x41, "entry 1, data");
	is(emu_device_load(r->dev, 1, 17, 2), 0, "narrow accesses are not for it");
	emu_device_store(r->dev, 1, 25, 1, 9);
	is(emu_device_load(r->dev, 1, 24, 4), 0x41, "nor are narrow writes");
	read_one(r, &q);
	is(r->msix[1], 1, "vector 1");
	ok(!r->intx && !(cfg(r, PCI_STATUS, 2) & PCI_STATUS_INTERRUPT), "no INTx");
	emu_device_store(r->dev, 1, 16 + 12, 4, 1);
	read_one(r, &q);
	is(r->msix[1], 1, "masked");
	is(emu_device_load(r->dev, 1, 2048, 8), 2, "pending");
	emu_device_store(r->dev, 1, 2048, 8, 0);
	is(emu_device_load(r->dev, 1, 2048, 4), 2, "pending bits are read-only");
	emu_device_store(r->dev, 1, 16 + 12, 4, 0);
	is(r->msix[1], 2, "sent on unmasking");
	is(emu_device_load(r->dev, 1, 2048, 8), 0, "no longer pending");
	set_cfg(r, m + PCI_MSIX_FLAGS, 2, PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL);
	read_one(r, &q);
	is(r->msix[1], 2, "function masked");
	set_cfg(r, m + PCI_MSIX_FLAGS, 2, PCI_MSIX_FLAGS_ENABLE);
	is(r->msix[1], 3, "sent on function unmask");
	wr(r, COMMON(Q_SELECT), 2, 0);
	wr(r, COMMON(Q_MSIX), 2, VQT_NO_VECTOR);
	read_one(r, &q);
	is(r->msix_total, 3, "no vector, no interrupt");
	emu_virtio_config_changed(r->v);
	is(r->msix[0], 1, "configuration vector");
	is(emu_driver_read(&r->drv, &r->drv.isr, 0, 1), VIRTIO_PCI_ISR_CONFIG,
	   "ISR shows a configuration change under MSI-X, too (4.1.4.5.1)");
	is(emu_device_load(r->dev, 1, 3000, 4), 0, "between table and pending bits: 0");
	emu_testbed_free(r);
	r = testbed((struct emu_testbed_options){ .dev = { .msix_elsewhere = true } });
	start(r, 0, false, false);
	emu_device_store(r->dev, 1, 16 + 12, 4, 1);
	q = (struct emu_blk_request){ 0 };
	read_one(r, &q);
	is(r->msix[1], 1, "masks kept by the host: ours do not count");
	emu_testbed_free(r);
}

static void test_bus_master(void)
{
	struct emu_testbed *r = testbed((struct emu_testbed_options){ 0 });
	struct emu_blk_request q = { 0 };
	start(r, 0, false, false);
	set_cfg(r, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	is((uint64_t)-read_one(r, &q), ETIMEDOUT, "no bus mastering, no service");
	set_cfg(r, PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	ok(emu_virtio_busy(&r->dev->v), "the kick is not forgotten");
	emu_virtio_run(&r->dev->v, 0);
	is(*(uint8_t *)emu_testbed_at(r, q.header + 16, 1), 0, "served when allowed");
	emu_testbed_free(r);
}

/*
 * A request is in flight when bus mastering goes off, as a kernel that is about to start another
 * one does: its end, in memory that may soon be another's, waits until it is on again.
 */
static void test_bus_master_in_flight(void)
{
	int disk = memfd_create("disk", 0);
	char path[40];
	struct emu_testbed_options opt = { 0 };
	snprintf(path, sizeof(path), "/proc/self/fd/%d", disk);
	if (ftruncate(disk, 1 << 20) < 0 || emu_backend_file(&opt.blk.backend, path, NULL) < 0)
		abort();
	bool uring = emu_backend_file_uring(opt.blk.backend);
	struct emu_testbed *r = testbed(opt);
	struct emu_blk_request q = { .data = 0x8000, .len = 512, .in = true };
	start(r, 0, false, false);
	struct pollfd p = { .fd = emu_virtio_fd(r->v), .events = POLLIN };
	emu_driver_blk_add(&r->drv, &r->drv.queue[0], &q);
	emu_driver_kick(&r->drv, &r->drv.queue[0]);
	uint8_t *status = emu_testbed_at(r, q.header + 16, 1);
	emu_virtio_run(r->v, 1);
	set_cfg(r, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	if (!uring) {
		ok(true, "without io_uring no request is in flight # SKIP");
	} else {
		is(poll(&p, 1, 10000), 1, "the disk has done it");
		emu_virtio_run(r->v, 0);
		is(*status, 0xff, "without bus mastering its end is not written");
		is(r->v->inflight, 1, "it is in flight still");
	}
	set_cfg(r, PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	emu_virtio_run(r->v, 0);
	is(*status, 0, "with bus mastering it is");
	set_cfg(r, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	wr(r, COMMON(STATUS), 1, 0);
	emu_virtio_run(r->v, 0);
	is(rd(r, COMMON(STATUS), 1), 0, "a reset needs none");
	emu_testbed_free(r);
	close(disk);
}

/* 4.1.4.9 */
static void test_window(void)
{
	struct emu_testbed *r = testbed((struct emu_testbed_options){ 0 });
	emu_driver_probe(&r->drv);
	unsigned at = r->drv.window.at;
	set_cfg(r, at + VIRTIO_PCI_CAP_BAR, 1, 4);
	set_cfg(r, at + VIRTIO_PCI_CAP_OFFSET, 4, COMMON(STATUS));
	set_cfg(r, at + VIRTIO_PCI_CAP_LENGTH, 4, 1);
	set_cfg(r, at + 16, 1, 1);
	is(rd(r, COMMON(STATUS), 1), 1, "write through the window");
	is(cfg(r, at + 16, 1), 1, "read through the window");
	set_cfg(r, at + VIRTIO_PCI_CAP_OFFSET, 4, COMMON(NUMQ));
	set_cfg(r, at + VIRTIO_PCI_CAP_LENGTH, 4, 2);
	is(cfg(r, at + 16, 4) & 0xffff, 1, "another register, two bytes");
	set_cfg(r, at + VIRTIO_PCI_CAP_LENGTH, 4, 3);
	cfg(r, at + 16, 4);
	set_cfg(r, at + VIRTIO_PCI_CAP_LENGTH, 4, 4);
	set_cfg(r, at + VIRTIO_PCI_CAP_OFFSET, 4, 0xfffffffc);
	cfg(r, at + 16, 4);
	set_cfg(r, at + VIRTIO_PCI_CAP_BAR, 1, 77);
	cfg(r, at + 16, 4);
	ok(1, "a window on nothing is harmless");
	emu_testbed_free(r);
}

/* Requests in flight when the driver resets: 2.4.1, COMMON-V7. */
static void test_reset_under_io(void)
{
	struct emu_testbed *r = testbed((struct emu_testbed_options){ 0 });
	struct emu_blk_request q = { .type = VIRTIO_BLK_T_IN, .len = 512, .in = true };
	start(r, BIT(VIRTIO_F_RING_RESET), false, false);
	q.data = emu_driver_alloc(&r->drv, 512, 512);
	emu_backend_defer_hold(r->backend, true);
	emu_driver_blk_add(&r->drv, &r->drv.queue[0], &q);
	emu_driver_kick(&r->drv, &r->drv.queue[0]);
	emu_driver_run(&r->drv);
	is(r->dev->v.inflight, 1, "in flight");
	wr(r, COMMON(STATUS), 1, 0);
	is(rd(r, COMMON(STATUS), 1), 0xf, "status is not 0 while memory may still be written");
	ok(emu_device_resetting(r->dev), "resetting");
	wr(r, COMMON(STATUS), 1, 1);
	is(rd(r, COMMON(STATUS), 1), 0xf, "nothing else is heard meanwhile");
	emu_backend_defer_release(r->backend, 0);
	is(rd(r, COMMON(STATUS), 1), 0, "then it is");
	const uint16_t *used = emu_testbed_at(r, r->drv.queue[0].device, 4);
	is(used[1], 0, "nothing was used");
	is(r->msix_total, 0, "nor notified");

	start(r, BIT(VIRTIO_F_RING_RESET), false, false);
	q.header = 0;
	emu_driver_blk_add(&r->drv, &r->drv.queue[0], &q);
	emu_driver_kick(&r->drv, &r->drv.queue[0]);
	emu_driver_run(&r->drv);
	wr(r, COMMON(Q_SELECT), 2, 0);
	wr(r, COMMON(Q_RESET), 2, 1);
	is(rd(r, COMMON(Q_RESET), 2), 1, "queue_reset is 1 while requests are in flight");
	wr(r, COMMON(Q_ENABLE), 2, 1);
	is(emu_virtio_drain(&r->dev->v), 0, "drained");
	is(rd(r, COMMON(Q_RESET), 2), 0, "queue_reset is over");
	is(rd(r, COMMON(Q_ENABLE), 2), 0, "queue_enable is 0");
	is(rd(r, COMMON(Q_SIZE), 2), 256, "size is the default");
	is(rd(r, COMMON(Q_MSIX), 2), VQT_NO_VECTOR, "vector is the default");
	emu_backend_defer_hold(r->backend, false);
	is(emu_driver_queue(&r->drv, 0), 0, "set up again");
	q = (struct emu_blk_request){ 0 };
	is(read_one(r, &q), 0, "and used");
	is(emu_driver_queue_reset(&r->drv, 0), 0, "queue reset when idle");
	emu_device_reset(r->dev);
	is(r->v->status, 0, "reset from outside");
	emu_testbed_free(r);
}

static void test_needs_reset(void)
{
	struct emu_testbed *r = testbed((struct emu_testbed_options){ 0 });
	struct emu_blk_request q = { 0 };
	start(r, 0, false, false);
	emu_virtio_break(r->v, NULL, "test");
	emu_virtio_break(r->v, NULL, "again");
	is(rd(r, COMMON(STATUS), 1), 0x4f, "DEVICE_NEEDS_RESET");
	is(r->msix[0], 1, "one configuration interrupt");
	is((uint64_t)-read_one(r, &q), ETIMEDOUT, "nothing is served");
	is(start(r, 0, false, false), 0, "a reset helps");
	q = (struct emu_blk_request){ 0 };
	is(read_one(r, &q), 0, "served");
	emu_testbed_free(r);
}

/* 3.4: SUSPEND */
static void test_suspend(void)
{
	struct emu_testbed *r =
		testbed((struct emu_testbed_options){ .dev = { .v.features = ~0ull } });
	struct emu_blk_request q = { .in = true, .len = 512 };
	start(r, BIT(VIRTIO_BLK_F_FLUSH), false, false);
	wr(r, COMMON(STATUS), 1, 0x1f);
	is(rd(r, COMMON(STATUS), 1), 0xf, "SUSPEND without its feature is not heard");
	start(r, BIT(VIRTIO_F_SUSPEND) | BIT(VIRTIO_BLK_F_FLUSH) | BIT(VIRTIO_BLK_F_CONFIG_WCE),
	      false, false);
	q.data = emu_driver_alloc(&r->drv, 512, 512);
	emu_backend_defer_hold(r->backend, true);
	emu_driver_blk_add(&r->drv, &r->drv.queue[0], &q);
	emu_driver_kick(&r->drv, &r->drv.queue[0]);
	emu_driver_run(&r->drv);
	wr(r, COMMON(STATUS), 1, 0x1f);
	is(rd(r, COMMON(STATUS), 1), 0xf, "not suspended while a request is in flight");
	emu_backend_defer_hold(r->backend, false);
	is(rd(r, COMMON(STATUS), 1), 0x1b, "suspended: SUSPEND, no DRIVER_OK");
	is(r->msix[1], 1, "its notification came before");
	struct emu_blk_request q2 = { 0 };
	is((uint64_t)-read_one(r, &q2), ETIMEDOUT, "nothing is served");
	emu_driver_write(&r->drv, &r->drv.config, BLK_CFG_WRITEBACK, 1, 0);
	is(emu_driver_read(&r->drv, &r->drv.config, BLK_CFG_WRITEBACK, 1), 1, "nor configured");
	emu_virtio_config_changed(r->v);
	is(r->msix[0], 0, "nor told");
	wr(r, COMMON(STATUS), 1, 0xf);
	is(rd(r, COMMON(STATUS), 1), 0xf, "resumed");
	is(r->msix[0], 1, "told now");
	emu_driver_run(&r->drv);
	is(*(uint8_t *)emu_testbed_at(r, q2.header + 16, 1), 0, "served now");
	wr(r, COMMON(STATUS), 1, 0x1f);
	is(rd(r, COMMON(STATUS), 1), 0x1b, "suspended at once when idle");
	is(emu_driver_reset(&r->drv), 0, "a reset ends it");
	emu_testbed_free(r);
}

static void test_legacy(void)
{
	struct emu_testbed *r = testbed(
		(struct emu_testbed_options){ .dev = { .v.transitional = true, .v.queues = 2 } });
	struct emu_blk_request q = { 0 };
	uint64_t capacity;
	is(start(r, BIT(VIRTIO_F_NOTIFY_ON_EMPTY) | BIT(VIRTIO_F_ANY_LAYOUT), true, false), 0,
	   "legacy start");
	is(read_one(r, &q), 0, "legacy request");
	is(r->msix[1], 1, "legacy vector");
	emu_driver_config(&r->drv, 0, &capacity, 8);
	is(capacity, 2048, "configuration behind the vectors");
	is(emu_device_load(r->dev, 0, VIRTIO_PCI_GUEST_FEATURES, 4),
	   BIT(VIRTIO_F_NOTIFY_ON_EMPTY) | BIT(VIRTIO_F_ANY_LAYOUT), "features read back");
	is(emu_device_load(r->dev, 0, VIRTIO_PCI_QUEUE_PFN, 4), r->drv.queue[1].desc >> 12,
	   "page number of the selected queue");
	is(emu_device_load(r->dev, 0, VIRTIO_PCI_QUEUE_SEL, 2), 1, "selected queue");
	emu_device_store(r->dev, 0, VIRTIO_PCI_QUEUE_NUM, 2, 8);
	is(emu_device_load(r->dev, 0, VIRTIO_PCI_QUEUE_NUM, 2), 256, "size is not the driver's");
	emu_device_store(r->dev, 0, VIRTIO_PCI_QUEUE_PFN, 4, 77);
	is(emu_device_load(r->dev, 0, VIRTIO_PCI_QUEUE_PFN, 4), r->drv.queue[1].desc >> 12,
	   "nor is a queue in use moved");
	emu_device_store(r->dev, 0, VIRTIO_PCI_QUEUE_PFN, 4, 0);
	is(emu_device_load(r->dev, 0, VIRTIO_PCI_QUEUE_PFN, 4), 0, "given up");
	emu_device_store(r->dev, 0, VIRTIO_PCI_QUEUE_SEL, 2, 9);
	emu_device_store(r->dev, 0, VIRTIO_PCI_QUEUE_PFN, 4, 1);
	emu_device_store(r->dev, 0, VIRTIO_MSI_QUEUE_VECTOR, 2, 1);
	is(emu_device_load(r->dev, 0, VIRTIO_MSI_QUEUE_VECTOR, 2), VQT_NO_VECTOR, "absent queue");
	is(emu_device_load(r->dev, 0, VIRTIO_PCI_QUEUE_NUM, 2), 0, "absent queue has size 0");
	is(emu_device_load(r->dev, 0, VIRTIO_MSI_CONFIG_VECTOR, 2), 0, "configuration vector");
	is(emu_device_load(r->dev, 0, VIRTIO_PCI_QUEUE_NOTIFY, 2), 0, "notify reads 0");
	emu_device_store(r->dev, 0, VIRTIO_PCI_QUEUE_NOTIFY, 2, 9);
	emu_device_store(r->dev, 0, 24 + BLK_CFG_WRITEBACK, 1, 0);
	is(emu_device_load(r->dev, 0, 24 + BLK_CFG_WRITEBACK, 1), 0, "writeback, legacy");
	emu_testbed_free(r);
	r = testbed((struct emu_testbed_options){ .dev = { .v.transitional = true } });
	q = (struct emu_blk_request){ 0 };
	is(start(r, 0, true, true), 0, "legacy without MSI-X");
	is(read_one(r, &q), 0, "request");
	ok(r->intx, "INTx");
	is(emu_device_load(r->dev, 0, VIRTIO_PCI_ISR, 1), 1, "legacy ISR");
	is(emu_device_load(r->dev, 0, 20, 8), 2048, "configuration behind 20 bytes");
	r->drv.opt.legacy = false;
	emu_driver_reset(&r->drv);
	is(start(r, 0, false, false), 0, "the same device, modern");
	emu_testbed_free(r);
}

static void test_regions(void)
{
	struct emu_testbed *r = testbed((struct emu_testbed_options){ 0 });
	uint8_t buf[256], one = 1;
	is(emu_device_read(r->dev, EMU_REGION_CONFIG, 0, buf, 256), 0, "whole configuration space");
	is(buf[0] | buf[1] << 8, 0x1af4, "vendor");
	is((uint64_t)-emu_device_read(r->dev, EMU_REGION_CONFIG, 200, buf, 100), EINVAL, "beyond");
	is((uint64_t)-emu_device_read(r->dev, 3, 0, buf, 1), EINVAL, "no such region");
	is(emu_device_write(r->dev, EMU_REGION_CONFIG, PCI_COMMAND, (const uint8_t[]){ 7, 0 }, 2),
	   0, "write");
	is(emu_device_write(r->dev, 4, COMMON(STATUS), &one, 1), 0, "status");
	is(emu_device_read(r->dev, 4, COMMON(STATUS), buf, 1), 0, "read");
	is(buf[0], 1, "status read");
	uint64_t a = 0x5000;
	is(emu_device_write(r->dev, 4, COMMON(Q_DESCLO), &a, 8), 0, "64 bits");
	is(emu_device_load(r->dev, 4, COMMON(Q_DESCLO), 4), 0x5000, "in one go");
	is(emu_device_read(r->dev, 4, 32, buf, 24), 0, "a longer read");
	is((uint64_t)-emu_device_write(r->dev, 4, 1 << 20, &one, 1), EINVAL, "write beyond");
	is(emu_device_load(r->dev, 4, 0x3000, 2), 0, "the notify region reads 0");
	is(emu_device_load(r->dev, 4, 0x3000 + 4096 - 2, 4), 0, "across its end");
	is((uint64_t)emu_virtio_fd(&r->dev->v), (uint64_t)-1, "nothing to wait for");
	emu_testbed_free(r);
}

/* A device laid out as another one was. */
static void test_layout(void)
{
	struct emu_testbed_options o = { 0 };
	struct emu_pci_layout l;
	uint64_t exact[2] = { BIT(32) | BIT(29) | BIT(24) | BIT(2), 0 };
	uint8_t bytes[60] = { 9, 8, 7 };
	o.dev = (struct emu_device_config){ .v.cls = &emu_blk,
					    .vectors = 3,
					    .v.features_exact = exact,
					    .v.config_exact = bytes,
					    .v.config_exact_len = sizeof(bytes) };
	emu_vpci_layout(&l, &o.dev);
	l.bar[2] = l.bar[4];
	l.bar[2].flags = 0;
	l.bar[4].size = 0;
	l.subsys = 0x1234;
	for (unsigned i = 0; l.cap[i].id; i++) {
		l.cap[i].at = 0x40 + 0x18 * i;
		if (l.cap[i].id == PCI_CAP_ID_VNDR)
			l.cap[i].bar = l.cap[i].type == VIRTIO_PCI_CAP_PCI_CFG ? 0 : 2;
		if (l.cap[i].type == VIRTIO_PCI_CAP_NOTIFY_CFG)
			l.cap[i].multiplier = 0;
	}
	o.dev.layout = &l;
	struct emu_testbed *r = testbed(o);
	struct emu_blk_request q = { 0 };
	is(start(r, exact[0], false, false), 0, "started");
	is(r->drv.common.bar, 2, "structures where they were put");
	is(r->drv.offered[0], exact[0], "features exactly as given");
	is(r->drv.subsys, 0x1234, "subsystem id");
	is(r->drv.vectors, 3, "vectors");
	is(emu_driver_read(&r->drv, &r->drv.config, 0, 4), 0x70809, "configuration bytes");
	is(read_one(r, &q), 0, "served, notify multiplier 0");
	emu_testbed_free(r);
	struct emu_device *d;
	struct emu_backend *b;
	struct emu_blk_config bc = { 0 };
	emu_backend_mem(&b, NULL, 4096);
	bc.backend = b;
	o.dev.v.class_config = &bc;
	l.cap[1].length = 1 << 20;
	is((uint64_t)-emu_device_new(&d, &o.dev), EINVAL, "a structure outside its BAR");
	emu_vpci_layout(&l, &o.dev);
	l.bar[4].size = 12345;
	is((uint64_t)-emu_device_new(&d, &o.dev), EINVAL, "a BAR that is no power of two");
	emu_vpci_layout(&l, &o.dev);
	l.cap[0].at = 0xfc;
	is((uint64_t)-emu_device_new(&d, &o.dev), EINVAL, "a capability over the end");
	emu_vpci_layout(&l, &o.dev);
	l.cap[0].pba_offset = 4096;
	is((uint64_t)-emu_device_new(&d, &o.dev), EINVAL, "pending bits outside the BAR");
	emu_vpci_layout(&l, &o.dev);
	l.vectors = 4000;
	l.bar[1].size = 1 << 20;
	l.cap[0].pba_offset = 1 << 19;
	is((uint64_t)-emu_device_new(&d, &o.dev), EINVAL, "too many vectors");
	o.dev.layout = NULL;
	o.dev.v.queue_size = 100;
	is((uint64_t)-emu_device_new(&d, &o.dev), EINVAL, "a queue size that is no power of two");
	o.dev.v.queue_size = 0;
	bc.capacity = 1000;
	is((uint64_t)-emu_device_new(&d, &o.dev), EINVAL, "a capacity beyond the backend");
	emu_backend_close(b);
	emu_device_free(NULL);
	emu_testbed_free(NULL);
	o = (struct emu_testbed_options){ .dev = { .vectors = VQT_NO_VECTOR } };
	r = testbed(o);
	is(start(r, 0, false, false), 0, "a device without MSI-X");
	is(r->drv.vectors, 0, "has no vectors");
	q = (struct emu_blk_request){ 0 };
	is(read_one(r, &q), 0, "works");
	ok(r->intx, "by INTx");
	emu_testbed_free(r);
}

/* A size for a packed ring, and then it is to be a split one. */
static void size_for_another_ring(bool early)
{
	struct emu_testbed *r = testbed((struct emu_testbed_options){ .dev = { .v.queues = 1 } });
	uint64_t features = BIT(VIRTIO_F_VERSION_1) | BIT(VIRTIO_F_RING_PACKED);
	emu_driver_probe(&r->drv);
	emu_driver_reset(&r->drv);
	for (unsigned i = 0; i < 3; i++) {
		wr(r, COMMON(GFSELECT), 4, 1);
		wr(r, COMMON(GF), 4, features >> 32);
		if (i == 0)
			wr(r, COMMON(Q_SIZE), 2, 7);
		features = BIT(VIRTIO_F_VERSION_1);
	}
	is(rd(r, COMMON(Q_SIZE), 2), 7, "a packed ring may have 7 entries");
	wr(r, COMMON(Q_DESCLO), 4, 0x1000);
	wr(r, COMMON(Q_AVAILLO), 4, 0x2000);
	wr(r, COMMON(Q_USEDLO), 4, 0x3000);
	if (early)
		wr(r, COMMON(Q_ENABLE), 2, 1);
	wr(r, COMMON(STATUS), 1, 11);
	is(rd(r, COMMON(STATUS), 1), 11, "split rings are agreed on");
	is(rd(r, COMMON(Q_SIZE), 2), early ? 7 : 256,
	   early ? "a queue in use stays" : "which have not");
	wr(r, COMMON(STATUS), 1, 15);
	is(!!(rd(r, COMMON(STATUS), 1) & VIRTIO_CONFIG_S_NEEDS_RESET), early, "but cannot run");
	emu_testbed_free(r);
}

int main(void)
{
	test_ids();
	test_bars();
	test_power_and_flr();
	test_status();
	test_features();
	test_common();
	test_config();
	test_intx();
	test_msix();
	test_bus_master();
	test_bus_master_in_flight();
	test_window();
	test_reset_under_io();
	test_needs_reset();
	test_suspend();
	test_legacy();
	test_regions();
	test_layout();
	size_for_another_ring(false);
	size_for_another_ring(true);
	return done();
}
