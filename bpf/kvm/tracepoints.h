/* SPDX-License-Identifier: MIT */
/*
 * The tracepoints that are recorded, and whether this kernel has them as the programs expect them
 * (bpf/prog/kvm.bpf.c).  What a tracepoint has, tracefs tells.
 */
#ifndef VQT_BPF_KVM_TRACEPOINTS_H
#define VQT_BPF_KVM_TRACEPOINTS_H

#include <stdbool.h>
#include <stddef.h>

#include "decoder/util/text.h"

struct tracepoint_field {
	const char *name;
	unsigned offset, size; /* bytes */
};

enum tracepoint_use {
	TRACEPOINT_NEEDED, /* nothing is recorded without it */
	TRACEPOINT_USUAL,
	TRACEPOINT_EXITS, /* for counts of exits only */
	TRACEPOINT_COMMAND, /* only where a command is recorded from its start */
	TRACEPOINT_SLOTS, /* for who has to know where guest memory is */
};

struct tracepoint {
	const char *group, *name; /* the program has the same name */
	enum tracepoint_use use;
	const char *costs; /* what a trace lacks without it */
	struct tracepoint_field field[6];
};

/* Ends with group NULL. */
extern const struct tracepoint tracepoints[];

struct tracefs {
	int dir; /* of its root */
	bool mounted; /* it was found mounted */
};

/*
 * Open tracefs: where it is mounted, else a mount of our own that is nowhere in the tree of files, so
 * that nothing changes for others.  Negative errno: *why says it.
 */
int tracefs_open(struct tracefs *t, struct text *why);
void tracefs_close(struct tracefs *t);
/* 0; -ENOENT: the kernel has no such tracepoint; -EPROTO: it is another one than the program's. */
int tracepoint_check(const struct tracefs *t, const struct tracepoint *p);
/* The number by which perf_event_open() knows it, or negative errno. */
int tracepoint_id(const struct tracefs *t, const struct tracepoint *p);
/* A line of a format file: whether it describes a field of this name. */
bool tracepoint_line(const char *line, struct tracepoint_field *field);
/* Where sched_process_fork has the child's number: 20 or 44; 0: elsewhere. */
unsigned tracepoint_child(const struct tracefs *t);

#endif
