/* SPDX-License-Identifier: MIT */
/*
 * Inside bpf/process: memory of a process that may make us wait for ever.  A page of a file system that
 * the process serves itself (FUSE), or that it handles itself (userfaultfd), comes when it likes; until
 * then the system call can be ended by SIGKILL only.  So a thread makes the call, and is left behind
 * where it does not return in time.
 */
#ifndef VQT_BPF_PROCESS_READER_H
#define VQT_BPF_PROCESS_READER_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

struct foreign; /* bpf/process/foreign.h */

/* Threads that are left behind at a time; while there are so many nothing is read. */
#define READERS_MAX 16

/*
 * n address ranges, len bytes in all, into buf: bytes read, or negative errno.  -ETIMEDOUT: it takes
 * longer than FOREIGN_WALL_NS; -EINTR: the end was asked for.  To be called by one thread of ours only.
 */
ssize_t reader_memory(const struct foreign *f, const struct iovec *range, unsigned n, void *buf,
		      size_t len);
/* The thread that waits for questions, if there is one, ends. */
void reader_end(void);
/*
 * How long the threads have waited for a processor, of the time that was spent in reader_memory(); 0 where
 * the kernel does not say.
 */
uint64_t reader_waited_ns(void);

#endif
