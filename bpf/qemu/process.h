/* SPDX-License-Identifier: MIT */
/* Finds processes that run QEMU. */
#ifndef VQT_BPF_QEMU_PROCESS_H
#define VQT_BPF_QEMU_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "bpf/process/foreign.h"
#include "decoder/util/text.h"

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
/*
 * What lists leave out because reading takes too long (budget.h), as a line: the n-th, false if there are no
 * more; the next that this has not told of yet.
 */
bool process_left_out(size_t n, struct text *line);
bool process_newly_left_out(struct text *line);
#define PROCESS_LEFT_OUT 160 /* bytes that are enough for a line */
/* Whether the word names this process: its guest name, UUID or command name. */
bool process_matches(const struct process *p, const char *word);

#endif
