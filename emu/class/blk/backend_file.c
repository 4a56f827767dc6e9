/* SPDX-License-Identifier: MIT */
/*
 * Sectors in a file or block device: io_uring, or pread and pwrite where the kernel has
 * none.  A flush completes when fdatasync does.  An offset or length that is not aligned
 * as O_DIRECT requires goes through the page cache, which Linux keeps coherent with direct
 * I/O.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <liburing.h>
#include <linux/fs.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "emu/class/blk/backend.h"

#define DEPTH 256

struct file_backend {
	struct emu_backend b;
	int fd, buffered; /* buffered: a second descriptor without O_DIRECT, or fd; files 0, 1 of the ring */
	bool uring;
	struct io_uring ring;
	unsigned queued, inflight, limit;
	struct emu_io *wait, **wait_tail; /* the submission ring was full */
};

static int io_fd(const struct file_backend *f, const struct emu_io *io)
{
	uint64_t at = io->offset + io->progress;
	if (f->fd == f->buffered || !((at | io->bytes | io->progress) & (f->b.align - 1)))
		return f->fd;
	return f->buffered;
}

/* Drop n transferred bytes from the front of the vector. */
static void advance(struct emu_io *io, size_t n)
{
	io->progress += n;
	while (io->niov && n >= io->iov->iov_len) {
		n -= io->iov->iov_len;
		io->iov++;
		io->niov--;
	}
	if (n) {
		io->iov->iov_base = (char *)io->iov->iov_base + n;
		io->iov->iov_len -= n;
	}
}

static void zero_rest(struct emu_io *io)
{
	for (int i = 0; i < io->niov; i++)
		memset(io->iov[i].iov_base, 0, io->iov[i].iov_len);
}

/* Write zeroes, where fallocate cannot. */
static int write_zeroes(struct file_backend *f, const struct emu_io *io)
{
	static const uint8_t zero[65536];
	uint64_t done = 0;
	while (done < io->bytes) {
		uint64_t left = io->bytes - done;
		ssize_t n = pwrite(f->buffered, zero, left < sizeof(zero) ? left : sizeof(zero),
				   io->offset + done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EIO;
		done += n;
	}
	return 0;
}

static int fallocate_mode(const struct emu_io *io)
{
	bool punch = io->op == EMU_IO_DISCARD || io->flags & EMU_IO_UNMAP;
	return FALLOC_FL_KEEP_SIZE | (punch ? FALLOC_FL_PUNCH_HOLE : FALLOC_FL_ZERO_RANGE);
}

/* fallocate was refused: a discard is advice and need not happen, zeroes must. */
static int finish_fallocate(struct file_backend *f, struct emu_io *io, int ret)
{
	if (ret == -EOPNOTSUPP || ret == -ENOSYS || ret == -EINVAL)
		ret = io->op == EMU_IO_DISCARD ? 0 : write_zeroes(f, io);
	if (ret == 0 && io->flags & EMU_IO_FUA && fdatasync(f->fd) < 0)
		ret = -errno;
	return ret;
}

/* --- one after the other ---------------------------------------------------------- */

static int transfer(struct file_backend *f, struct emu_io *io)
{
	while (io->niov) {
		int n = io->niov < IOV_MAX ? io->niov : IOV_MAX, fd = io_fd(f, io);
		uint64_t at = io->offset + io->progress;
		ssize_t got = io->op == EMU_IO_READ ? preadv(fd, io->iov, n, at)
						    : pwritev(fd, io->iov, n, at);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0) {
			if (io->op == EMU_IO_WRITE)
				return -EIO;
			zero_rest(io); /* past the end of a file that is not whole sectors */
			return 0;
		}
		advance(io, got);
	}
	return io->flags & EMU_IO_FUA && fdatasync(f->fd) < 0 ? -errno : 0;
}

static int do_sync(struct file_backend *f, struct emu_io *io)
{
	int ret;
	switch (io->op) {
	case EMU_IO_FLUSH: return fdatasync(f->fd) < 0 ? -errno : 0;
	case EMU_IO_DISCARD:
	case EMU_IO_ZEROES:
		do
			ret = fallocate(f->fd, fallocate_mode(io), io->offset, io->bytes) ? -errno
											  : 0;
		while (ret == -EINTR);
		return finish_fallocate(f, io, ret);
	default: return transfer(f, io);
	}
}

/* --- io_uring ------------------------------------------------------------------------ */

static bool prepare(struct file_backend *f, struct emu_io *io)
{
	struct io_uring_sqe *s = io_uring_get_sqe(&f->ring);
	int n = io->niov < IOV_MAX ? io->niov : IOV_MAX;
	uint64_t at = io->offset + io->progress;
	if (!s)
		return false;
	switch (io->op) {
	case EMU_IO_FLUSH: io_uring_prep_fsync(s, f->fd, IORING_FSYNC_DATASYNC); break;
	case EMU_IO_DISCARD:
	case EMU_IO_ZEROES:
		io_uring_prep_fallocate(s, f->fd, fallocate_mode(io), io->offset, io->bytes);
		break;
	case EMU_IO_READ:
		if (n == 1)
			io_uring_prep_read(s, io_fd(f, io), io->iov->iov_base, io->iov->iov_len,
					   at);
		else
			io_uring_prep_readv(s, io_fd(f, io), io->iov, n, at);
		break;
	default:
		io_uring_prep_writev(s, io_fd(f, io), io->iov, n, at);
		if (io->flags & EMU_IO_FUA)
			s->rw_flags = RWF_DSYNC;
		break;
	}
	s->fd = s->fd == f->fd ? 0 : 1;
	s->flags |= IOSQE_FIXED_FILE;
	io_uring_sqe_set_data(s, io);
	f->queued++;
	return true;
}

static void queue_io(struct file_backend *f, struct emu_io *io)
{
	io->next = NULL;
	/* the completion ring is twice the submission ring: never overflow it */
	if (!f->wait && f->inflight + f->queued < f->limit && prepare(f, io))
		return;
	*f->wait_tail = io;
	f->wait_tail = &io->next;
}

/* Submit those that had to wait for room in the ring. */
static void refill(struct file_backend *f)
{
	while (f->wait && f->inflight + f->queued < f->limit && prepare(f, f->wait)) {
		f->wait = f->wait->next;
		if (!f->wait)
			f->wait_tail = &f->wait;
	}
}

#define SUBMIT_TRIES 2000
#define SUBMIT_MS 1

static void file_commit(struct emu_backend *b)
{
	struct file_backend *f = (struct file_backend *)b;
	unsigned tries = 0;
	if (!f->uring)
		return;
	refill(f);
	while (f->queued) {
		int n = io_uring_submit(&f->ring);
		/* EAGAIN: no memory now.  With none in flight nothing would wake who waits for fd(). */
		if (n <= 0 && !f->inflight && tries++ < SUBMIT_TRIES) {
			poll(NULL, 0, SUBMIT_MS);
			continue;
		}
		if (n <= 0)
			return; /* poll() tries again */
		f->queued -= n;
		f->inflight += n;
		refill(f);
	}
}

/* A completion: true when the I/O is over. */
static bool completed(struct file_backend *f, struct emu_io *io, int res)
{
	bool data = io->op == EMU_IO_READ || io->op == EMU_IO_WRITE;
	if (res == -EINTR || res == -EAGAIN) {
		queue_io(f, io);
		return false;
	}
	if (!data && io->op != EMU_IO_FLUSH)
		res = finish_fallocate(f, io, res);
	if (data && res == 0 && io->niov) {
		if (io->op == EMU_IO_READ)
			zero_rest(io);
		else
			res = -EIO;
	} else if (data && res > 0) {
		advance(io, res);
		if (io->niov) { /* short: the rest */
			queue_io(f, io);
			return false;
		}
	}
	io->done(io, res < 0 ? res : 0);
	return true;
}

static int file_poll(struct emu_backend *b, bool wait)
{
	struct file_backend *f = (struct file_backend *)b;
	int n = 0;
	if (!f->uring)
		return 0;
	do {
		struct io_uring_cqe *cqe;
		file_commit(b);
		if (wait && !n && f->inflight && io_uring_wait_cqe(&f->ring, &cqe) == -EBADF)
			return n;
		while (io_uring_peek_cqe(&f->ring, &cqe) == 0) {
			struct emu_io *io = io_uring_cqe_get_data(cqe);
			int res = cqe->res;
			io_uring_cqe_seen(&f->ring, cqe);
			f->inflight--;
			n += completed(f, io, res);
		}
		file_commit(b);
	} while (wait && !n && (f->inflight || f->queued || f->wait));
	return n;
}

static int file_fd(struct emu_backend *b)
{
	struct file_backend *f = (struct file_backend *)b;
	return f->uring ? f->ring.ring_fd : -1;
}

/* Not all versions of liburing.so export the functions for these. */
static long ring_register(struct io_uring *ring, unsigned what, const void *arg, unsigned n)
{
	return syscall(SYS_io_uring_register, ring->ring_fd, what, arg, n);
}

/*
 * System calls of a ring pass seccomp unseen (emu/server/confine.c).  So it gets the operations
 * of prepare() only, on the disk only, for good.
 */
static bool restrict_ring(struct io_uring *ring, const int fd[2])
{
	static const uint8_t ops[] = { IORING_OP_READ, IORING_OP_READV, IORING_OP_WRITEV,
				       IORING_OP_FSYNC, IORING_OP_FALLOCATE };
	struct io_uring_restriction r[sizeof(ops) + 1] = { { 0 } };
	unsigned n = 0;

	for (; n < sizeof(ops); n++) {
		r[n].opcode = IORING_RESTRICTION_SQE_OP;
		r[n].sqe_op = ops[n];
	}
	/* what is required is also all that is allowed */
	r[n].opcode = IORING_RESTRICTION_SQE_FLAGS_REQUIRED;
	r[n++].sqe_flags = IOSQE_FIXED_FILE;
	return !ring_register(ring, IORING_REGISTER_FILES, fd, 2) &&
	       !ring_register(ring, IORING_REGISTER_RESTRICTIONS, r, n) &&
	       !ring_register(ring, IORING_REGISTER_ENABLE_RINGS, NULL, 0);
}

/* Kernels that cannot restrict a ring (before 5.10) are used without. */
static bool open_ring(struct file_backend *f, unsigned depth)
{
	const int fd[2] = { f->fd, f->buffered };

	if (io_uring_queue_init(depth, &f->ring, IORING_SETUP_R_DISABLED))
		return false;
	if (restrict_ring(&f->ring, fd))
		return true;
	io_uring_queue_exit(&f->ring);
	return false;
}

/* --- both -------------------------------------------------------------------------------- */

static void file_submit(struct emu_backend *b, struct emu_io *io)
{
	struct file_backend *f = (struct file_backend *)b;
	io->progress = 0;
	if (io->op != EMU_IO_READ && io->op != EMU_IO_FLUSH && b->read_only) {
		io->done(io, -EROFS);
		return;
	}
	if (f->uring && (io->bytes || io->op == EMU_IO_FLUSH))
		queue_io(f, io);
	else
		io->done(io, io->bytes || io->op == EMU_IO_FLUSH ? do_sync(f, io) : 0);
}

static int file_size(int fd, uint64_t *size, uint32_t *block)
{
	struct stat st;
	int bs;
	if (fstat(fd, &st) < 0)
		return -errno;
	*size = st.st_size;
	*block = 4096;
	if (S_ISBLK(st.st_mode)) {
		if (ioctl(fd, BLKGETSIZE64, size) < 0)
			return -errno;
		if (ioctl(fd, BLKSSZGET, &bs) == 0 && bs > 0)
			*block = bs;
	} else if (!S_ISREG(st.st_mode)) {
		return -EINVAL;
	}
	return 0;
}

static int file_resize(struct emu_backend *b, uint64_t size)
{
	struct file_backend *f = (struct file_backend *)b;
	if (size > b->size && !b->read_only && ftruncate(f->fd, size) < 0)
		return -errno;
	b->size = size;
	return 0;
}

static int file_reload(struct emu_backend *b)
{
	struct file_backend *f = (struct file_backend *)b;
	uint64_t size;
	uint32_t block;
	int ret = file_size(f->fd, &size, &block);
	if (ret == 0)
		b->size = size;
	return ret;
}

static void file_close(struct emu_backend *b)
{
	struct file_backend *f = (struct file_backend *)b;
	if (f->uring)
		io_uring_queue_exit(&f->ring);
	if (f->buffered != f->fd)
		close(f->buffered);
	close(f->fd);
	free(f);
}

static const struct emu_backend_ops file_ops = {
	.submit = file_submit,
	.commit = file_commit,
	.poll = file_poll,
	.fd = file_fd,
	.resize = file_resize,
	.reload = file_reload,
	.close = file_close,
};

static int file_open(struct emu_backend **out, int fd, int buffered,
		     const struct emu_file_options *opt)
{
	uint64_t size;
	uint32_t block;
	int ret = file_size(fd, &size, &block);
	struct file_backend *f = ret < 0 ? NULL : calloc(1, sizeof(*f));
	if (!f) {
		close(fd);
		if (buffered != fd)
			close(buffered);
		return ret < 0 ? ret : -ENOMEM;
	}
	f->fd = fd;
	f->buffered = buffered;
	f->wait_tail = &f->wait;
	f->b = (struct emu_backend){ .ops = &file_ops,
				     .size = size,
				     .align = buffered != fd ? block : 1,
				     .read_only = opt->flags & EMU_FILE_READ_ONLY,
				     .can_discard = true };
	unsigned depth = opt->depth ? opt->depth : DEPTH;
	f->limit = 2 * depth;
	if (!(opt->flags & EMU_FILE_NO_URING))
		f->uring = open_ring(f, depth);
	*out = &f->b;
	return 0;
}

/*
 * QEMU's locks on images, which qemu-img and others respect (its block/file-posix.c): a byte
 * for each kind of access that is used, and one for each that no other may use.
 */
#define LOCK_USED 100
#define LOCK_ALONE 200
enum { USE_READ, USE_WRITE, USE_WRITE_UNCHANGED, USE_RESIZE };

static int lock_byte(int fd, off_t at)
{
	struct flock l = { .l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = at, .l_len = 1 };

	return fcntl(fd, F_OFD_SETLK, &l);
}

static bool is_locked(int fd, off_t at)
{
	struct flock l = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = at, .l_len = 1 };

	return !fcntl(fd, F_OFD_GETLK, &l) && l.l_type != F_UNLCK;
}

/* 0 or -EBUSY; a file system without locks has none to respect. */
static int lock_image(int fd, bool read_only)
{
	static const int alone[] = { USE_WRITE, USE_RESIZE };
	bool busy = false;

	if (lock_byte(fd, LOCK_USED + USE_READ))
		return 0;
	if (!read_only)
		lock_byte(fd, LOCK_USED + USE_WRITE);
	for (size_t i = 0; i < sizeof(alone) / sizeof(alone[0]); i++) {
		lock_byte(fd, LOCK_ALONE + alone[i]);
		busy |= is_locked(fd, LOCK_USED + alone[i]);
	}
	busy |= is_locked(fd, LOCK_ALONE + USE_READ);
	if (!read_only)
		busy |= is_locked(fd, LOCK_ALONE + USE_WRITE);
	return busy ? -EBUSY : 0;
}

#define LOCK_WAIT_MS 2000
#define LOCK_TRY_MS 20

/*
 * The locks of a process that was killed go when the kernel has ended its I/O, which is shortly after
 * the process: who starts a server again at once need not know that.
 */
static int wait_for_image(int fd, bool read_only)
{
	int rc = lock_image(fd, read_only);

	for (int ms = 0; rc == -EBUSY && ms < LOCK_WAIT_MS; ms += LOCK_TRY_MS) {
		usleep(LOCK_TRY_MS * 1000);
		rc = lock_image(fd, read_only);
	}
	return rc;
}

int emu_backend_file(struct emu_backend **out, const char *path, const struct emu_file_options *opt)
{
	static const struct emu_file_options defaults;
	opt = opt ? opt : &defaults;
	int mode = (opt->flags & EMU_FILE_READ_ONLY ? O_RDONLY : O_RDWR) | O_CLOEXEC;
	int fd = open(path, mode | (opt->flags & EMU_FILE_DIRECT ? O_DIRECT : 0));
	if (fd < 0)
		return -errno;
	if (opt->flags & EMU_FILE_LOCK && wait_for_image(fd, opt->flags & EMU_FILE_READ_ONLY)) {
		close(fd);
		return -EBUSY;
	}
	int buffered = fd;
	if (opt->flags & EMU_FILE_DIRECT) {
		buffered = open(path, mode);
		if (buffered < 0) {
			int err = errno;
			close(fd);
			return -err;
		}
	}
	return file_open(out, fd, buffered, opt);
}

bool emu_backend_file_uring(const struct emu_backend *b)
{
	return b->ops == &file_ops && ((const struct file_backend *)b)->uring;
}
