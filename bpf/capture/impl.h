/* SPDX-License-Identifier: MIT */
/* Inside a capture session: a session, the processes it traces, and their devices. */
#ifndef VQT_BPF_CAPTURE_IMPL_H
#define VQT_BPF_CAPTURE_IMPL_H

#include <stdio.h>

#include "bpf/capture/attach.h"
#include "bpf/capture/capture.h"
#include "bpf/capture/order.h"
#include "bpf/qemu/discover.h"
#include "bpf/qemu/identity.h"
#include "bpf/qemu/process.h"
#include "bpf/qemu/query.h"

#define TARGETS 64
#define DEVICES 1024
#define MISSING 128

/* A device as far as it is known. */
struct device {
	struct vqt_device r; /* what was last written of it */
	struct target *target;
	struct identity who;
	char name[64]; /* ours: "blk0" */
	bool wanted, complete, gone, written, state_written;
	bool realized; /* QEMU has finished making it: its PCI identity is what it will be */
	/*
	 * QEMU creates objects only to list their properties, and frees them.  A device is
	 * described once a second event of it arrives; until then `making` holds the first.
	 */
	bool fresh;
	struct vqt_lifecycle *making;
	size_t making_len;
	bool noted; /* a note says that its data path is elsewhere */
	bool placeholder; /* known by QMP only, not yet seen in memory */
	uint32_t state_known; /* VQT_KNOWN_* as last written */
	unsigned number; /* of its class, for "blk0" */
	unsigned tries;
};

/* A traced process. */
struct target {
	struct capture *c;
	struct process p;
	struct process_memory mem;
	struct qemu *q;
	struct order *order;
	struct attach *attach[QEMU_PROGRAMS];
	uint32_t out_seq; /* of records handed on */
	uint64_t last_ts;
	uint64_t region_done[VQP_REGIONS]; /* upper bound of each region when it was last widened */
	uint8_t source;
	bool late, dead;
	bool listed; /* all devices there were are known */
	struct samples
		*samples; /* taken, and not yet at their place in the stream; NULL: none ever */
	struct query_answer qmp; /* fills gaps only */
};

struct capture {
	struct capture_options o;
	struct qemu_bpf *skel;
	struct ring_buffer *rb;
	bool multi;
	int64_t wall; /* CLOCK_REALTIME minus CLOCK_MONOTONIC */
	struct target *target[TARGETS];
	size_t ntargets;
	struct device *device[DEVICES]; /* by id */
	struct capture_missing missing[MISSING];
	size_t nmissing;
	struct capture_stats stats;
	uint64_t
		seen_lost; /* records dropped because the buffer was full, as far as gaps were explained by it */
	uint64_t tick; /* time of the last housekeeping */
	uint64_t sampled; /* of the last samples */
	unsigned handed; /* by the current poll */
	struct light *light; /* NULL: full */
	int cost_fd; /* the kernel counts while it is open; 0 not opened */
};

/* Write why into err, for a person; returns code. */
static inline int capture_fail(struct capture_error *err, int code, const char *text)
{
	snprintf(err->text, sizeof(err->text), "%s", text);
	return code;
}

#endif
