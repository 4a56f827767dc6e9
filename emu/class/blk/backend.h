/* SPDX-License-Identifier: MIT */
/*
 * Block backends: where a device's sectors are.  Asynchronous: submit() starts an I/O, and
 * its done() is called once, from submit() itself or from poll().  A server waits for fd()
 * and calls poll(), or emu_virtio_run() for a device.  Nothing here depends on virtio.
 */
#ifndef VQT_EMU_CLASS_BLK_BACKEND_H
#define VQT_EMU_CLASS_BLK_BACKEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

enum emu_io_op {
	EMU_IO_READ = 1, /* numbers of enum vqt_backend_op */
	EMU_IO_WRITE = 2,
	EMU_IO_FLUSH = 3,
	EMU_IO_DISCARD = 4,
	EMU_IO_ZEROES = 5,
};

#define EMU_IO_FUA 1 /* durable before done() */
#define EMU_IO_UNMAP 2 /* zeroes may deallocate */

/* One I/O.  The submitter owns it and its iov until done(). */
struct emu_io {
	uint8_t op; /* enum emu_io_op */
	uint8_t flags; /* EMU_IO_* */
	int niov;
	uint64_t offset,
		bytes; /* both in bytes; bytes is what iov holds, where the op moves data */
	struct iovec *iov;
	void (*done)(struct emu_io *io, int ret); /* 0 or negative errno */
	uint64_t tag; /* of the submitter: queue << 16 | head, for those who reorder */
	/* the backend's while submitted */
	struct emu_io *next;
	int ret, step;
	uint64_t progress;
};

struct emu_backend {
	const struct emu_backend_ops *ops;
	uint64_t size; /* bytes */
	uint32_t align; /* memory and length alignment it needs, 1 none */
	bool read_only;
	bool can_discard; /* discard frees something */
};

struct emu_backend_ops {
	void (*submit)(struct emu_backend *b, struct emu_io *io);
	void (*commit)(struct emu_backend *b); /* start what was submitted; may be NULL */
	int (*poll)(struct emu_backend *b, bool wait); /* how many were completed; may be NULL */
	int (*fd)(struct emu_backend *b); /* readable when poll() has work; -1 none */
	int (*resize)(struct emu_backend *b, uint64_t size); /* bytes; 0 or negative errno */
	/* Read the size again, where others may change it; NULL: nobody can. */
	int (*reload)(struct emu_backend *b);
	void (*close)(struct emu_backend *b);
};

/* Contents in memory; `data` (may be NULL: allocated, zero) is borrowed. */
int emu_backend_mem(struct emu_backend **out, void *data, uint64_t size);
/* Reads zeroes, discards writes: for measuring. */
int emu_backend_null(struct emu_backend **out, uint64_t size);

#define EMU_FILE_READ_ONLY 1
#define EMU_FILE_DIRECT 2 /* O_DIRECT */
#define EMU_FILE_LOCK 8 /* -EBUSY if another process uses the image for 2 s; none can while we do */
#define EMU_FILE_NO_URING 4 /* pread and pwrite even where io_uring works */
struct emu_file_options {
	unsigned flags;
	unsigned depth; /* io_uring entries, 0: 256 */
};
/* A raw file or block device.  Negative errno of open(2). */
int emu_backend_file(struct emu_backend **out, const char *path,
		     const struct emu_file_options *opt);
/* After -EBUSY: which process has the image locked, in words. */
void emu_backend_file_holder(const char *path, char *who, size_t size);
bool emu_backend_file_uring(const struct emu_backend *b); /* is io_uring in use? */

static inline void emu_backend_commit(struct emu_backend *b)
{
	if (b->ops->commit)
		b->ops->commit(b);
}
static inline int emu_backend_poll(struct emu_backend *b, bool wait)
{
	return b->ops->poll ? b->ops->poll(b, wait) : 0;
}
static inline int emu_backend_fd(struct emu_backend *b)
{
	return b->ops->fd ? b->ops->fd(b) : -1;
}
static inline void emu_backend_close(struct emu_backend *b)
{
	if (b)
		b->ops->close(b);
}

#endif
