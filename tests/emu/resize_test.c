/* SPDX-License-Identifier: MIT */
/* A disk that becomes larger or smaller while a driver uses it: 5.2.4, 5.2.6.2, 2.5. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "decoder/spec/constants.h"
#include "decoder/class/blk.h"
#include "tests/emu/testbed.h"
#include "tests/emu/tap.h"

#define MIB (1u << 20)

static char path[] = "/tmp/vqtrace-resize.XXXXXX";
static struct emu_testbed *r;
static uint64_t data;

static off_t file_size(void)
{
	struct stat st;
	return stat(path, &st) < 0 ? -1 : st.st_size;
}

static void cut(off_t size)
{
	if (truncate(path, size) < 0)
		exit(1);
}

static void up(const struct emu_file_options *fo, bool no_msix)
{
	struct emu_testbed_options o = { 0 };
	struct emu_driver_options d = { .features = { emu_blk.features }, .no_msix = no_msix };
	cut(0);
	cut(MIB);
	emu_testbed_free(r);
	r = NULL;
	if (emu_backend_file(&o.blk.backend, path, fo) < 0 || emu_testbed_new(&r, &o) < 0 ||
	    emu_driver_start(&r->drv, &d) < 0)
		exit(1);
	data = emu_driver_alloc(&r->drv, 65536, 4096);
}

static uint8_t *mem(void)
{
	return emu_driver_ptr(&r->drv, data);
}

/* Add a request, let all be done: the status byte. */
static uint8_t ask(uint32_t type, uint64_t sector, uint32_t len, bool in)
{
	struct emu_blk_request q = {
		.type = type, .sector = sector, .data = data, .len = len, .in = in
	};
	uint64_t cookie;
	uint32_t used;
	emu_driver_blk_add(&r->drv, &r->drv.queue[0], &q);
	emu_driver_kick(&r->drv, &r->drv.queue[0]);
	emu_driver_run(&r->drv);
	emu_virtio_drain(&r->dev->v);
	if (emu_driver_get(&r->drv, &r->drv.queue[0], &cookie, &used) != 1 ||
	    used != (in ? len + 1 : 1))
		return 0xee;
	return *(uint8_t *)emu_driver_ptr(&r->drv, q.header + 16);
}

static uint8_t zeroes(uint64_t sector, uint32_t count)
{
	struct virtio_blk_discard_write_zeroes s = { .sector = sector, .num_sectors = count };
	memcpy(mem(), &s, sizeof(s));
	return ask(VIRTIO_BLK_T_WRITE_ZEROES, 0, sizeof(s), false);
}

static uint64_t capacity(void)
{
	uint64_t c = 0;
	emu_driver_config(&r->drv, BLK_CFG_CAPACITY, &c, 8);
	return c;
}

static uint8_t generation(void)
{
	return emu_driver_read(&r->drv, &r->drv.common, VIRTIO_PCI_COMMON_CFGGENERATION, 1);
}

static void test_grow(unsigned flags, const char *name)
{
	struct emu_file_options fo = { .flags = flags };
	up(&fo, false);
	is(capacity(), 2048, "%s: 1 MiB", name);
	uint8_t g = generation();
	cut(2 * MIB);
	int fd = open(path, O_WRONLY);
	if (fd < 0 || pwrite(fd, "new sectors", 11, 3 * MIB / 2) != 11)
		exit(1);
	close(fd);
	is(ask(VIRTIO_BLK_T_IN, 3072, 512, true), 1, "%s: beyond the end until it is told", name);
	is(generation(), g, "%s: nothing has changed", name);
	is(r->msix[0], 0, "%s: nor was it told", name);
	is((uint64_t)emu_blk_rescan(r->v), 1, "%s: rescan", name);
	is(r->msix[0], 1, "%s: configuration interrupt", name);
	is(generation(), (uint8_t)(g + 1), "%s: generation", name);
	is(capacity(), 4096, "%s: 2 MiB", name);
	is(ask(VIRTIO_BLK_T_IN, 3072, 512, true), 0, "%s: a new sector is read", name);
	ok(!memcmp(mem(), "new sectors", 12), "%s: with what is there", name);
	is(ask(VIRTIO_BLK_T_OUT, 4095, 512, false), 0, "%s: the last one is written", name);
	is(ask(VIRTIO_BLK_T_IN, 4096, 512, true), 1, "%s: there is no next", name);
	is((uint64_t)emu_blk_rescan(r->v), 0, "%s: no other size", name);
	is(generation(), (uint8_t)(g + 1), "%s: no other generation", name);
	is(r->msix[0], 1, "%s: no other interrupt", name);
}

static void test_shrink(void)
{
	up(NULL, false);
	capacity();
	cut(MIB / 2 + 100);
	is((uint64_t)emu_blk_rescan(r->v), 1, "a smaller one");
	is(capacity(), 1024, "whole sectors");
	is(ask(VIRTIO_BLK_T_IN, 1023, 512, true), 0, "the last sector is there");
	is(ask(VIRTIO_BLK_T_IN, 1024, 512, true), 1, "read beyond the end");
	is(ask(VIRTIO_BLK_T_OUT, 1024, 512, false), 1, "write beyond the end");
	is(ask(VIRTIO_BLK_T_OUT, 1023, 1024, false), 1, "write across the end");
	is(zeroes(1000, 24), 0, "zero up to the end");
	is(zeroes(1000, 25), 1, "and one more");
	is((uint64_t)file_size(), MIB / 2 + 100, "the file has kept its size");
	cut(0);
	is((uint64_t)emu_blk_rescan(r->v), 1, "empty");
	is(capacity(), 0, "no sectors");
	is(ask(VIRTIO_BLK_T_IN, 0, 512, true), 1, "nothing to read");
	is(ask(VIRTIO_BLK_T_OUT, 0, 512, false), 1, "nor to write");
	is(ask(VIRTIO_BLK_T_FLUSH, 0, 0, false), 0, "a flush is as good as ever");
	is((uint64_t)file_size(), 0, "and so it stays");
	cut(MIB);
	is((uint64_t)emu_blk_rescan(r->v), 1, "back");
	is(ask(VIRTIO_BLK_T_OUT, 2047, 512, false), 0, "all of it");
}

static void test_intx(void)
{
	up(NULL, true);
	ok(!r->intx, "INTx silent");
	cut(2 * MIB);
	emu_blk_rescan(r->v);
	ok(r->intx, "INTx asserted");
	is(emu_driver_read(&r->drv, &r->drv.isr, 0, 1), VIRTIO_PCI_ISR_CONFIG, "ISR: bit 1 alone");
	ok(!r->intx, "released");
	is(r->msix_total, 0, "no message was sent");
}

/* 2.5, 4.1.4.3: without a driver nobody is interrupted; the next one finds the new size. */
static void test_no_driver(void)
{
	struct emu_driver_options d = { .features = { emu_blk.features } };
	up(NULL, false);
	uint64_t before = capacity();
	emu_driver_reset(&r->drv);
	cut(MIB * 3);
	is((uint64_t)emu_blk_rescan(r->v), 1, "rescan without a driver");
	is(r->msix_total, 0, "no interrupt");
	is((uint64_t)emu_driver_start(&r->drv, &d), 0, "the next driver");
	is(capacity(), 3 * before, "finds the new size");
}

static void test_refused(void)
{
	struct emu_testbed_options o = { .blk = { .zones = { .model = VIRTIO_BLK_Z_HM,
							     .zone_sectors = 256,
							     .max_append_sectors = 8 } } };
	emu_testbed_free(r);
	r = NULL;
	if (emu_backend_file(&o.blk.backend, path, NULL) < 0 || emu_testbed_new(&r, &o) < 0)
		exit(1);
	uint64_t was = emu_blk_capacity(r->v);
	cut(4 * MIB);
	is((uint64_t)-emu_blk_rescan(r->v), EINVAL, "zoned devices keep their size");
	is(emu_blk_capacity(r->v), was, "as it was");
	emu_testbed_free(r);
	memset(&o, 0, sizeof(o));
	r = NULL;
	if (emu_testbed_new(&r, &o) < 0)
		exit(1);
	is((uint64_t)-emu_blk_rescan(r->v), ENOTSUP, "memory has its size from us alone");
	is(emu_blk_capacity(r->v), 2048, "and keeps it");
	emu_testbed_free(r);
	memset(&o, 0, sizeof(o));
	r = NULL;
	emu_backend_null(&o.blk.backend, MIB);
	if (emu_testbed_new(&r, &o) < 0)
		exit(1);
	is((uint64_t)-emu_blk_rescan(r->v), ENOTSUP, "so does nothing");
}

/* What of a request is still to come when its sectors go is not done to what is not there. */
static void test_in_flight(void)
{
	struct emu_testbed_options o = { .blk = { .max_zeroes_seg = 2 } };
	struct emu_driver_options d = { .features = { emu_blk.features } };
	struct virtio_blk_discard_write_zeroes s[2] = { { .sector = 0, .num_sectors = 8 },
							{ .sector = 2040, .num_sectors = 8 } };
	struct emu_blk_request q = { .type = VIRTIO_BLK_T_WRITE_ZEROES, .len = sizeof(s) };
	uint64_t cookie;
	uint32_t used;
	emu_testbed_free(r);
	r = NULL;
	if (emu_testbed_new(&r, &o) < 0 || emu_driver_start(&r->drv, &d) < 0)
		exit(1);
	q.data = data = emu_driver_alloc(&r->drv, 4096, 4096);
	memcpy(mem(), s, sizeof(s));
	emu_backend_defer_hold(r->backend, true);
	emu_driver_blk_add(&r->drv, &r->drv.queue[0], &q);
	emu_driver_kick(&r->drv, &r->drv.queue[0]);
	emu_driver_run(&r->drv);
	is(emu_backend_defer_held(r->backend), 1, "the first of two ranges is under way");
	is((uint64_t)emu_blk_resize(r->v, 1024), 0, "the second is cut off");
	is((uint64_t)emu_backend_defer_release(r->backend, 0), 0, "the first is done");
	is(emu_backend_defer_held(r->backend), 0, "the second is not begun");
	emu_driver_run(&r->drv);
	is((uint64_t)emu_driver_get(&r->drv, &r->drv.queue[0], &cookie, &used), 1, "used");
	is(*(uint8_t *)emu_driver_ptr(&r->drv, q.header + 16), 1, "IOERR");
	is(used, 1, "length 1");
}

/* One backend in another. */
static void test_deferred(void)
{
	struct emu_backend *b, *file;
	cut(MIB);
	if (emu_backend_file(&file, path, NULL) < 0 || emu_backend_defer(&b, file) < 0)
		exit(1);
	cut(2 * MIB);
	is((uint64_t)b->ops->reload(b), 0, "deferred: reload");
	is(b->size, 2 * MIB, "deferred: size");
	emu_backend_close(b);
	emu_backend_mem(&file, NULL, MIB);
	emu_backend_defer(&b, file);
	is((uint64_t)-b->ops->reload(b), ENOTSUP, "deferred: nothing to reload");
	emu_backend_close(b);
}

int main(void)
{
	int fd = mkstemp(path);
	if (fd < 0)
		return 1;
	close(fd);
	test_grow(0, "io_uring");
	test_grow(EMU_FILE_NO_URING, "pread");
	test_shrink();
	test_intx();
	test_no_driver();
	test_refused();
	test_in_flight();
	test_deferred();
	emu_testbed_free(r);
	unlink(path);
	return done();
}
