/* SPDX-License-Identifier: MIT */
/* Processes that run QEMU: finding them, what they map, what their memory says. */
#ifndef VQT_BPF_QEMU_PROCESS_H
#define VQT_BPF_QEMU_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

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
 * Look at one process.  -ESRCH no such process, -EACCES not readable (whose?),
 * -ENOEXEC it runs, but maps no QEMU.
 */
int process_read(struct process *p, pid_t pid);
/* All QEMU processes, at most max; the number found. */
size_t process_list(struct process *out, size_t max);
/* Does a user's word mean this process: guest name, UUID, command name. */
bool process_matches(const struct process *p, const char *word);

/*
 * Memory of a process: what is read there is not trusted.  Tests and fuzzers put memory
 * of their own in its place.
 */
struct process_memory {
	pid_t pid;
	/*
	 * Read n ranges of addresses, one behind the other, into buf, which has room for
	 * them.  Bytes read, fewer where a range ends in a hole; or negative errno.
	 */
	ssize_t (*read)(const struct process_memory *m, const struct iovec *range, unsigned n,
			void *buf);
};
struct process_memory process_memory(pid_t pid);

/* Bytes read (fewer at a hole), or negative errno. */
ssize_t process_mem(const struct process_memory *m, uint64_t addr, void *buf, size_t len);
/* False when some of it could not be read; then buf holds nothing of use. */
bool process_mem_all(const struct process_memory *m, uint64_t addr, void *buf, size_t len);
/* The same of n ranges, one behind the other in buf, at one moment as far as the system allows. */
bool process_mem_ranges(const struct process_memory *m, const struct iovec *range, unsigned n,
			void *buf);
/* A pointer in it; 0 when unreadable. */
uint64_t process_pointer(const struct process_memory *m, uint64_t addr);
/* A C string, cut to fit; "" when unreadable. */
char *process_string(const struct process_memory *m, uint64_t addr, char *buf, size_t size);

/* Bounds of the mapping that holds addr. */
bool process_mapping(pid_t pid, uint64_t addr, uint64_t *start, uint64_t *end);
bool process_alive(pid_t pid);
/* Stopped by a signal or a debugger; also true if its state cannot be read. */
bool process_stopped(pid_t pid);
/* Is the count of its eventfd fd above 0?  1, 0, or negative errno if it is no eventfd. */
int process_eventfd(pid_t pid, int fd);

#endif
