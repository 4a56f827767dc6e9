/* SPDX-License-Identifier: MIT */
/* Finds processes that run QEMU and reads their mappings and memory. */
#ifndef VQT_BPF_QEMU_PROCESS_H
#define VQT_BPF_QEMU_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "bpf/qemu/foreign.h"

struct process {
	pid_t pid;
	char comm[32];
	char name[128]; /* -name guest=..., "" none */
	char uuid[40]; /* -uuid */
	char cmdline[4096]; /* arguments separated by blanks */
	char object[512]; /* the mapped object that is QEMU, as this process can open it */
	uint64_t text, text_offset; /* where its code is mapped, from which offset */
	char object_name[512]; /* its path as the process sees it */
};

/*
 * Read one process, in one attempt of f.  -ESRCH: no such process; -EACCES: not readable by
 * this user; -ENOEXEC: the process maps no QEMU; -ETIMEDOUT: it maps too much to find out;
 * -EINTR.
 */
int process_read(struct process *p, struct foreign *f);
/*
 * All QEMU processes, at most max; the number found.  The time is limited, also for the
 * processes of one user together: who makes them slow to read hides only his own.
 */
size_t process_list(struct process *out, size_t max, const struct foreign_stop *stop);
/* Whether the word names this process: its guest name, UUID or command name. */
bool process_matches(const struct process *p, const char *word);

/*
 * Whether it was started with this argument, with one dash or two: 1 or 0; negative errno if its
 * command line cannot be read, or is too long.
 */
int process_has_option(struct foreign *f, const char *option);

/*
 * Access to the memory of a process.  Its contents are not trusted.  Tests and fuzzers
 * supply their own memory here.
 */
struct process_memory {
	struct foreign *by; /* borrowed; NULL: not of a process */
	/*
	 * Read n address ranges into buf, one after the other; buf has room for all of them.
	 * Returns the bytes read, fewer where a range ends in a hole, or negative errno.
	 */
	ssize_t (*read)(const struct process_memory *m, const struct iovec *range, unsigned n,
			void *buf);
};
struct process_memory process_memory(struct foreign *f);

/* Bytes read (fewer at a hole), or negative errno. */
ssize_t process_mem(const struct process_memory *m, uint64_t addr, void *buf, size_t len);
/* False when not all of it could be read; the contents of buf are then undefined. */
bool process_mem_all(const struct process_memory *m, uint64_t addr, void *buf, size_t len);
/*
 * The same for n ranges, placed in buf one after the other.  One system call reads them all,
 * which is as close to the same time as the system allows.
 */
bool process_mem_ranges(const struct process_memory *m, const struct iovec *range, unsigned n,
			void *buf);
/* The pointer at addr; 0 when unreadable. */
uint64_t process_pointer(const struct process_memory *m, uint64_t addr);
/* The C string at addr, cut to fit; "" when unreadable. */
char *process_string(const struct process_memory *m, uint64_t addr, char *buf, size_t size);

/* A line of /proc/PID/maps. */
struct process_mapping {
	uint64_t start, end, offset, inode; /* inode 0: no file */
	unsigned major, minor; /* of the file's device */
	char perms[5]; /* "r-xp" */
	char path[512]; /* as the process sees it; "" none */
};
/* The next one of the lines of `maps`; false: no more. */
bool process_next_mapping(struct foreign_lines *l, struct process_mapping *m);
/* A path by which this process can open what the other has mapped, whatever its root directory. */
void process_openable(const struct foreign *f, const struct process_mapping *m, char *out,
		      size_t size);
/* Bounds of the mapping that holds addr. */
bool process_mapping(struct foreign *f, uint64_t addr, uint64_t *start, uint64_t *end);
bool process_alive(pid_t pid);
/* Whether it is stopped by a signal or a debugger; also true if its state cannot be read. */
bool process_stopped(pid_t pid);
/* Whether the count of its eventfd is above 0: 1 or 0; negative errno if fd is not an eventfd. */
int process_eventfd(struct foreign *f, int fd);

#endif
