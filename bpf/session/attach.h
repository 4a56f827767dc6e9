/* SPDX-License-Identifier: MIT */
/*
 * Attaching uprobes: all of a program's at once where the kernel has
 * uprobe_multi links (6.6), one by one through perf events elsewhere.
 */
#ifndef VQT_BPF_SESSION_ATTACH_H
#define VQT_BPF_SESSION_ATTACH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct bpf_program;
struct attach;

/* Does this kernel have uprobe_multi links?  Programs must be loaded for them. */
bool attach_have_multi(void);
/* May uprobe programs sleep (Linux 6.0), so that they can read any mapped page? */
bool attach_can_sleep(void);
/* Call before the program is loaded: sets the kind of link it will get and whether it may sleep. */
void attach_prepare(struct bpf_program *prog, bool multi, bool sleep);

struct attach_point {
	uint64_t offset; /* in the file */
	uint64_t cookie;
	int err; /* filled in: negative errno when it could not be attached */
};

/*
 * Attach prog at n points of an object that pid has mapped.  Returns 0 when at least one
 * point was attached; each point's err says why it was not.  The caller passes *out to
 * attach_detach().
 */
int attach_points(struct attach **out, struct bpf_program *prog, bool multi, pid_t pid,
		  const char *object, struct attach_point *points, size_t n);
void attach_detach(struct attach *a);
/* Test whether uprobes work: attach a probe to this program at a file offset, and remove it. */
int attach_try(uint64_t offset);

#endif
