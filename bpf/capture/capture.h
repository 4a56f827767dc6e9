/* SPDX-License-Identifier: MIT */
/*
 * A capture session: probes in one or more QEMU processes, and their events as records in
 * causal order, ready for trace_write().
 */
#ifndef VQT_BPF_CAPTURE_CAPTURE_H
#define VQT_BPF_CAPTURE_CAPTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "bpf/session/options.h"
#include "bpf/session/stats.h"

struct capture;

struct source_error; /* decoder/source/source.h */

/* Load the BPF programs.  0, or -EPERM, -ENOSYS or another negative errno; *err says what to do. */
int capture_open(struct capture **out, const struct capture_options *options,
		 struct source_error *err);
/*
 * Attach the probes to a process, running or stopped.  late: the process has been running,
 * so the capture reads the state of its devices.  qmp: NULL if there is no such socket.
 * -ENOEXEC: the process is not a QEMU.
 */
int capture_attach(struct capture *c, pid_t pid, bool late, const struct capture_monitor *qmp,
		   struct source_error *err);
/*
 * Wait up to timeout_ms, unless there is much to read before, and pass the records that have arrived to
 * options.record; at most 0.1 s of them at a time (capture_behind()).  Returns the number of records passed on, or negative errno (EINTR).
 */
int capture_poll(struct capture *c, int timeout_ms);
/*
 * A file descriptor that becomes readable when the kernel buffer has filled to a threshold, or when a
 * process has ended.  Smaller amounts do not make it readable: also call capture_poll() at intervals.
 */
int capture_fd(const struct capture *c);
bool capture_behind(const struct capture *c); /* records are left that nothing will wake us for */
/* Pass on what was counted and not written yet (light capture). */
void capture_settle(struct capture *c);
/* Remove all probes and pass on all remaining records. */
void capture_stop(struct capture *c);
void capture_close(struct capture *c);

/* Write the records that a reader needs before all others: session, sources, devices, state. */
void capture_preamble(struct capture *c);

/* --- information about the capture ----------------------------------------- */

/* What costs no system call: processes that run, and records lost. */
unsigned capture_alive(const struct capture *c);
uint64_t capture_lost(const struct capture *c);
void capture_stats(const struct capture *c, struct capture_stats *out);

/*
 * Cost of the BPF programs: how often they ran and for how many ns, counted since the first
 * call, which turns the kernel's counting on.  Entering and leaving a probe costs extra time
 * that is not included.  0, or negative errno where the kernel does not count.
 */
int capture_cost(struct capture *c, uint64_t *hits, uint64_t *ns);

size_t capture_missing(const struct capture *c, struct capture_missing *out, size_t max);

/* Devices seen so far. */
struct capture_device {
	uint16_t id, virtio_id;
	uint32_t flags; /* VQT_DEV_* */
	pid_t pid;
	char name[64]; /* "blk0" or the user's id */
	char type[64];
	bool recorded; /* selected by options.devices */
};
size_t capture_devices(const struct capture *c, struct capture_device *out, size_t max);

#endif
