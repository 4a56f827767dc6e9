/* SPDX-License-Identifier: MIT */
/* Backends: files by io_uring and without, direct I/O, memory, deferral; guest memory. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "emu/class/blk/backend.h"
#include "decoder/spec/constants.h"
#include "decoder/class/blk.h"
#include "emu/virtio/memory.h"
#include "tests/emu/testbed.h"
#include "tests/emu/tap.h"

#define SIZE (1u << 20)

struct call {
	struct emu_io io;
	struct iovec iov[8];
	int done, ret;
};

static int order[64], ordered;

static void on_done(struct emu_io *io, int ret)
{
	struct call *c = (struct call *)io;
	c->done++;
	c->ret = ret;
	if (ordered < 64)
		order[ordered++] = (int)io->tag;
}

static void submit(struct emu_backend *b, struct call *c, uint8_t op, uint64_t off, void *buf,
		   size_t len, int pieces, uint8_t flags)
{
	memset(c, 0, sizeof(*c));
	c->io = (struct emu_io){ .op = op,
				 .offset = off,
				 .bytes = len,
				 .iov = c->iov,
				 .done = on_done,
				 .flags = flags };
	for (int i = 0; buf && i < pieces; i++) {
		size_t from = len * i / pieces, to = len * (i + 1) / pieces;
		c->iov[c->io.niov++] = (struct iovec){ (char *)buf + from, to - from };
	}
	b->ops->submit(b, &c->io);
}

static int io(struct emu_backend *b, uint8_t op, uint64_t off, void *buf, size_t len, int pieces,
	      uint8_t flags)
{
	struct call c;
	submit(b, &c, op, off, buf, len, pieces, flags);
	for (unsigned i = 0; !c.done && i < 1000; i++) {
		emu_backend_commit(b);
		emu_backend_poll(b, true);
	}
	return c.done == 1 ? c.ret : -ETIME;
}

static bool all(const uint8_t *p, size_t n, uint8_t v)
{
	while (n--)
		if (*p++ != v)
			return false;
	return true;
}

static void exercise(struct emu_backend *b, const char *name)
{
	uint8_t *w = aligned_alloc(4096, 65536), *r = aligned_alloc(4096, 65536);
	memset(w, 0x5a, 65536);
	is(b->size, SIZE, "%s: size", name);
	is((uint64_t)io(b, EMU_IO_WRITE, 4096, w, 16384, 3, 0), 0, "%s: write", name);
	is((uint64_t)io(b, EMU_IO_WRITE, 32768, w, 4096, 1, EMU_IO_FUA), 0, "%s: write through",
	   name);
	is((uint64_t)io(b, EMU_IO_FLUSH, 0, NULL, 0, 0, 0), 0, "%s: flush", name);
	is((uint64_t)io(b, EMU_IO_READ, 0, r, 65536, 5, 0), 0, "%s: read", name);
	ok(all(r, 4096, 0) && all(r + 4096, 16384, 0x5a) && all(r + 20480, 12288, 0) &&
		   all(r + 32768, 4096, 0x5a),
	   "%s: data", name);
	is((uint64_t)io(b, EMU_IO_READ, 4096, r, 4096, 1, 0), 0, "%s: read, one piece", name);
	is((uint64_t)io(b, EMU_IO_DISCARD, 4096, NULL, 4096, 0, 0), 0, "%s: discard", name);
	is((uint64_t)io(b, EMU_IO_ZEROES, 8192, NULL, 4096, 0, 0), 0, "%s: zeroes", name);
	is((uint64_t)io(b, EMU_IO_ZEROES, 12288, NULL, 4096, 0, EMU_IO_UNMAP | EMU_IO_FUA), 0,
	   "%s: zeroes with unmap", name);
	is((uint64_t)io(b, EMU_IO_READ, 4096, r, 16384, 2, 0), 0, "%s: read again", name);
	ok(all(r + 4096, 8192, 0) && all(r + 12288, 4096, 0x5a), "%s: zeroes read", name);
	is((uint64_t)io(b, EMU_IO_WRITE, 512, w, 512, 1, 0), 0, "%s: half a page", name);
	is((uint64_t)io(b, EMU_IO_READ, 0, r, 1024, 1, 0), 0, "%s: and back", name);
	ok(all(r, 512, 0) && all(r + 512, 512, 0x5a), "%s: its data", name);
	struct call many[100];
	for (unsigned i = 0; i < 100; i++)
		submit(b, &many[i], EMU_IO_READ, i * 4096, r, 4096, 1, 0);
	emu_backend_commit(b);
	unsigned got = 0;
	for (unsigned tries = 0; got < 100 && tries < 1000; tries++) {
		emu_backend_poll(b, true);
		for (got = 0; got < 100 && many[got].done == 1; got++)
			;
	}
	is(got, 100, "%s: a hundred at once", name);
	is((uint64_t)io(b, EMU_IO_READ, 0, NULL, 0, 0, 0), 0, "%s: nothing", name);
	free(w);
	free(r);
}

static char path[] = "/tmp/vqtrace-backend-XXXXXX";

static void test_file(unsigned flags, unsigned depth, const char *name)
{
	struct emu_backend *b;
	struct emu_file_options o = { .flags = flags, .depth = depth };
	if (truncate(path, 0) < 0 || truncate(path, SIZE) < 0)
		return;
	int ret = emu_backend_file(&b, path, &o);
	if (ret == -EINVAL && flags & EMU_FILE_DIRECT) {
		ok(1, "%s # SKIP this file system has no O_DIRECT", name);
		return;
	}
	is((uint64_t)ret, 0, "%s: open", name);
	printf("# %s: %s\n", name, emu_backend_file_uring(b) ? "io_uring" : "pread");
	exercise(b, name);
	ok((emu_backend_fd(b) >= 0) == emu_backend_file_uring(b), "%s: descriptor to wait on",
	   name);
	is((uint64_t)b->ops->resize(b, SIZE + 4096), 0, "%s: grow", name);
	is(b->size, SIZE + 4096, "%s: grown", name);
	emu_backend_close(b);
}

/* The locks are those of QEMU: open file descriptions stand for processes. */
static void test_lock(void)
{
	struct emu_backend *a, *b;
	struct emu_file_options rw = { .flags = EMU_FILE_LOCK }, ro = rw;
	struct flock qemu = { .l_type = F_RDLCK, .l_start = 101, .l_len = 1 };
	int fd;
	ro.flags |= EMU_FILE_READ_ONLY;
	if (truncate(path, SIZE) < 0)
		return;
	is((uint64_t)emu_backend_file(&a, path, &rw), 0, "lock: the first writer");
	is((uint64_t)-emu_backend_file(&b, path, &rw), EBUSY, "lock: a second writer is refused");
	is((uint64_t)-emu_backend_file(&b, path, &ro), EBUSY, "lock: and a reader");
	emu_backend_close(a);
	is((uint64_t)emu_backend_file(&a, path, &ro), 0, "lock: afterwards a reader");
	is((uint64_t)emu_backend_file(&b, path, &ro), 0, "lock: and a second reader");
	emu_backend_close(a);
	emu_backend_close(b);
	fd = open(path, O_RDWR | O_CLOEXEC);
	is((uint64_t)fcntl(fd, F_OFD_SETLK, &qemu), 0, "lock: a QEMU writes the image");
	is((uint64_t)-emu_backend_file(&b, path, &rw), EBUSY, "lock: which is respected");
	close(fd);
	is((uint64_t)emu_backend_file(&b, path, &rw), 0, "lock: until it ends");
	emu_backend_close(b);
}

static void test_file_odd(void)
{
	struct emu_backend *b;
	struct emu_file_options o = { .flags = EMU_FILE_READ_ONLY };
	uint8_t buf[4096];
	is((uint64_t)-emu_backend_file(&b, "/nonexistent/file", NULL), ENOENT, "no such file");
	is((uint64_t)-emu_backend_file(&b, "/dev/null", NULL), EINVAL, "not a file of sectors");
	is((uint64_t)emu_backend_file(&b, path, &o), 0, "read-only");
	is((uint64_t)-io(b, EMU_IO_WRITE, 0, buf, 512, 1, 0), EROFS, "no writes");
	is((uint64_t)-io(b, EMU_IO_DISCARD, 0, NULL, 512, 0, 0), EROFS, "no discards");
	is((uint64_t)io(b, EMU_IO_FLUSH, 0, NULL, 0, 0, 0), 0, "flush");
	emu_backend_close(b);
	for (unsigned uring = 0; uring < 2; uring++) {
		o = (struct emu_file_options){ .flags = uring ? 0 : EMU_FILE_NO_URING };
		if (truncate(path, 1000) < 0)
			return;
		is((uint64_t)emu_backend_file(&b, path, &o), 0, "not whole sectors");
		memset(buf, 0xff, sizeof(buf));
		is((uint64_t)io(b, EMU_IO_READ, 512, buf, 1024, 2, 0), 0,
		   "read over the end of the file");
		ok(all(buf + 488, 536, 0), "gives zeroes");
		emu_backend_close(b);
	}
	emu_backend_close(NULL);
}

static void test_defer(void)
{
	struct emu_backend *inner, *b;
	struct call c[4];
	uint8_t buf[512];
	emu_backend_mem(&inner, NULL, SIZE);
	emu_backend_defer(&b, inner);
	exercise(b, "defer");
	emu_backend_defer_hold(b, true);
	for (unsigned i = 0; i < 4; i++) {
		memset(&c[i], 0, sizeof(c[i]));
		c[i].io = (struct emu_io){ .op = EMU_IO_READ,
					   .bytes = 512,
					   .iov = c[i].iov,
					   .niov = 1,
					   .done = on_done,
					   .tag = i + 10 };
		c[i].iov[0] = (struct iovec){ buf, 512 };
		b->ops->submit(b, &c[i].io);
	}
	is(emu_backend_defer_held(b), 4, "held");
	ordered = 0;
	is((uint64_t)emu_backend_defer_release(b, 3), 0, "the last");
	is((uint64_t)emu_backend_defer_release_tag(b, 11), 0, "by tag");
	is((uint64_t)-emu_backend_defer_release_tag(b, 11), ENOENT, "it is gone");
	is((uint64_t)-emu_backend_defer_release(b, 7), ENOENT, "no seventh");
	emu_backend_defer_hold(b, false);
	ok(ordered == 4 && order[0] == 13 && order[1] == 11 && order[2] == 10 && order[3] == 12,
	   "order");
	emu_backend_defer_hold(b, true);
	b->ops->submit(b, &c[0].io);
	is((uint64_t)emu_backend_poll(b, true), 1, "waiting lets go");
	is((uint64_t)emu_backend_fd(b), (uint64_t)-1, "no descriptor");
	is((uint64_t)b->ops->resize(b, 4096), 0, "resize");
	is(b->size, 4096, "resized");
	is((uint64_t)-io(b, EMU_IO_READ, 4096, buf, 512, 1, 0), EINVAL, "beyond the end");
	emu_backend_close(b);
	emu_backend_mem(&b, buf, 512);
	is((uint64_t)-b->ops->resize(b, 1024), ENOTSUP, "borrowed memory does not grow");
	emu_backend_close(b);
	emu_backend_null(&b, SIZE);
	is((uint64_t)io(b, EMU_IO_WRITE, 0, buf, 512, 1, 0), 0, "null: write");
	is((uint64_t)io(b, EMU_IO_READ, 0, buf, 512, 1, 0), 0, "null: read");
	is((uint64_t)b->ops->resize(b, 2 * SIZE), 0, "null: resize");
	emu_backend_close(b);
}

/* A device on a file: durability options, direct I/O with unaligned guest buffers. */
static void test_device(unsigned flags, uint64_t features, uint8_t writeback)
{
	struct emu_file_options fo = { .flags = flags };
	struct emu_testbed_options o = { 0 };
	struct emu_driver_options d = { .features = { features } };
	struct emu_testbed *r;
	if (truncate(path, 0) < 0 || truncate(path, SIZE) < 0 ||
	    emu_backend_file(&o.blk.backend, path, &fo) < 0)
		return;
	if (emu_testbed_new(&r, &o) < 0)
		return;
	is((uint64_t)emu_driver_start(&r->drv, &d), 0, "device on a file");
	if (features)
		emu_driver_write(&r->drv, &r->drv.config, BLK_CFG_WRITEBACK, 1, writeback);
	uint64_t data = emu_driver_alloc(&r->drv, 2 << 20, 4096) + 8;
	uint8_t *p = emu_driver_ptr(&r->drv, data);
	for (unsigned i = 0; i < 65536; i++)
		p[i] = i * 7;
	bool good = true;
	for (unsigned i = 0; i < 2; i++) {
		struct emu_blk_request q = {
			.type = !i, .in = i, .sector = 1, .data = data, .len = 65536, .pieces = 7
		};
		if (i)
			memset(p, 0, 65536);
		int ret = -ETIMEDOUT;
		emu_driver_blk_add(&r->drv, &r->drv.queue[0], &q);
		emu_driver_kick(&r->drv, &r->drv.queue[0]);
		emu_driver_run(&r->drv);
		emu_virtio_drain(&r->dev->v);
		uint64_t cookie;
		ret = emu_driver_get(&r->drv, &r->drv.queue[0], &cookie, &q.used_len);
		good &= ret == 1 && *(uint8_t *)emu_driver_ptr(&r->drv, q.header + 16) == 0;
	}
	for (unsigned i = 0; i < 65536; i++)
		good &= p[i] == (uint8_t)(i * 7);
	ok(good, "flags %u features 0x%" PRIx64 " writeback %u", flags, features, writeback);
	ok(emu_virtio_fd(&r->dev->v) >= 0 || flags & EMU_FILE_NO_URING, "something to wait for");
	emu_testbed_free(r);
}

static int fail_read(void *o, uint64_t gpa, void *buf, size_t len)
{
	return gpa >= 0x9000 ? -EIO : (memset(buf, 0x77, len), 0);
}

static int fail_write(void *o, uint64_t gpa, const void *buf, size_t len)
{
	return gpa >= 0x9000 ? -EIO : 0;
}

static void test_mem(void)
{
	static uint8_t a[4096], b[4096];
	static const struct emu_mem_ops ops = { fail_read, fail_write };
	struct emu_mem *m = emu_mem_new();
	struct iovec iov[4];
	uint8_t buf[8192];
	int n = 0;
	unsigned gen = emu_mem_generation(m);
	is((uint64_t)emu_mem_add(m, 0x2000, 4096, b, EMU_MEM_READ), 0, "add read-only");
	is((uint64_t)emu_mem_add(m, 0x1000, 4096, a, EMU_MEM_READ | EMU_MEM_WRITE), 0,
	   "add before it");
	ok(emu_mem_generation(m) != gen, "generation");
	is((uint64_t)-emu_mem_add(m, 0x1800, 4096, a, 3), EEXIST, "overlap");
	is((uint64_t)-emu_mem_add(m, 0x800, 4096, a, 3), EEXIST, "overlap from below");
	is((uint64_t)-emu_mem_add(m, 0, 0, a, 3), EINVAL, "empty");
	is((uint64_t)-emu_mem_add(m, UINT64_MAX, 2, a, 3), EINVAL, "wrap");
	is((uint64_t)emu_mem_add(m, UINT64_MAX - 4095, 4096, a, 3), 0, "the last page of all");
	is((uint64_t)emu_mem_read(m, UINT64_MAX - 10, buf, 11), 0, "readable");
	is((uint64_t)-emu_mem_read(m, UINT64_MAX - 10, buf, 12), EFAULT, "not past the end");
	is((uint64_t)emu_mem_read(m, 0x1800, buf, 4096), 0, "read across ranges");
	is((uint64_t)-emu_mem_read(m, 0x1800, buf, 8192), EFAULT, "read out of them");
	is((uint64_t)-emu_mem_write(m, 0x1800, buf, 4096), EFAULT, "write to read-only");
	is((uint64_t)emu_mem_write(m, 0x1800, buf, 2048), 0, "write");
	is((uint64_t)emu_mem_check(m, 0x1000, 8192, EMU_MEM_READ), 0, "check");
	is((uint64_t)-emu_mem_check(m, 0x1000, 8193, EMU_MEM_READ), EFAULT, "check beyond");
	is((uint64_t)-emu_mem_check(m, UINT64_MAX, 2, EMU_MEM_READ), EFAULT, "check wrap");
	ok(emu_mem_ptr(m, 0x1010, 16, EMU_MEM_READ) == a + 16, "pointer");
	ok(!emu_mem_ptr(m, 0x1ff8, 16, EMU_MEM_READ), "no pointer across");
	is((uint64_t)emu_mem_map(m, 0x1800, 4096, EMU_MEM_READ, iov, &n, 4), 0, "map");
	ok(n == 1 || n == 2, "in pieces");
	is((uint64_t)-emu_mem_map(m, 0x2ff0, 32, EMU_MEM_READ, iov, &n, 4), EFAULT, "map beyond");
	is((uint64_t)-emu_mem_map(m, UINT64_MAX, 2, EMU_MEM_READ, iov, &n, 4), EFAULT, "map wrap");
	n = 0;
	is((uint64_t)-emu_mem_map(m, 0x1800, 8, EMU_MEM_READ, iov, &n, 0), E2BIG,
	   "map without room");
	is((uint64_t)emu_mem_add(m, 0x8000, 0x2000, NULL, 3), 0, "add callbacks");
	is((uint64_t)-emu_mem_read(m, 0x8000, buf, 16), EFAULT, "no callbacks yet");
	is((uint64_t)-emu_mem_write(m, 0x8000, buf, 16), EFAULT, "to write with, either");
	emu_mem_set_ops(m, &ops, NULL);
	is((uint64_t)emu_mem_read(m, 0x8000, buf, 16), 0, "by callback");
	is(buf[15], 0x77, "its data");
	is((uint64_t)-emu_mem_read(m, 0x9000, buf, 16), EIO, "its error");
	is((uint64_t)emu_mem_write(m, 0x8000, buf, 16), 0, "write");
	is((uint64_t)-emu_mem_write(m, 0x9000, buf, 16), EIO, "write error");
	is((uint64_t)-emu_mem_map(m, 0x8000, 8, EMU_MEM_READ, iov, &n, 4), ENOTSUP, "not mappable");
	is(emu_mem_ranges(m), 4, "ranges");
	is((uint64_t)emu_mem_del(m, 0x1000, 0x2000), 2, "delete");
	is((uint64_t)-emu_mem_del(m, 0x1000, 0x2000), ENOENT, "once");
	is((uint64_t)-emu_mem_del(m, 0x8000, 0x1000), ENOENT, "only whole ranges");
	for (unsigned i = 0; i < 100; i++)
		emu_mem_add(m, 0x100000 + 0x2000 * ((i * 37) % 100), 0x1000, a, 3);
	is(emu_mem_ranges(m), 102, "many");
	is((uint64_t)emu_mem_read(m, 0x100000 + 0x2000 * 99, buf, 16), 0, "found");
	is((uint64_t)-emu_mem_read(m, 0x101000, buf, 16), EFAULT, "holes, too");
	emu_mem_clear(m);
	is((uint64_t)-emu_mem_read(m, 0x8000, buf, 1), EFAULT, "cleared");
	emu_mem_free(m);
	emu_mem_free(NULL);
}

int main(void)
{
	int fd = mkstemp(path);
	if (fd < 0)
		return 1;
	close(fd);
	test_mem();
	test_file(0, 0, "file");
	test_file(0, 4, "file, shallow ring");
	test_file(EMU_FILE_NO_URING, 0, "file without io_uring");
	test_file(EMU_FILE_DIRECT, 0, "direct");
	test_file(EMU_FILE_DIRECT | EMU_FILE_NO_URING, 0, "direct without io_uring");
	test_lock();
	test_file_odd();
	test_defer();
	for (unsigned flags = 0; flags < 8; flags += 2) {
		test_device(flags, 0, 0);
		test_device(flags, 1ull << VIRTIO_BLK_F_FLUSH | 1ull << VIRTIO_BLK_F_CONFIG_WCE, 0);
		test_device(flags, 1ull << VIRTIO_BLK_F_FLUSH | 1ull << VIRTIO_BLK_F_CONFIG_WCE, 1);
	}
	unlink(path);
	return done();
}
