/* SPDX-License-Identifier: MIT */
/*
 * The session of a capture: the processes that are traced, and their devices.  What session/,
 * device/, calls/ and capture/ work on together.
 */
#ifndef VQT_BPF_SESSION_SESSION_H
#define VQT_BPF_SESSION_SESSION_H

#include "bpf/process/memory.h"
#include "bpf/qemu/discover.h"
#include "bpf/qemu/process.h"
#include "bpf/qemu/query.h"
#include "bpf/qom/classes.h"
#include "bpf/qom/identity.h"
#include "bpf/session/attach.h"
#include "bpf/session/options.h"
#include "bpf/session/order.h"
#include "bpf/session/stats.h"
#include "decoder/source/source.h"

#define TARGETS 64
#define DEVICES 1024
#define MISSING 128

/* Where the device is in a ring; packed: bit 15 wrap. */
struct position {
	uint16_t last_avail, used;
	bool known;
};

/* A device, with the facts known so far. */
struct device {
	struct vqt_device r; /* as in its latest VQT_DEVICE */
	struct target *target;
	struct identity who;
	char name[64]; /* our name for it: "blk0" */
	bool wanted, complete, gone, written, state_written;
	bool realized; /* QEMU has realized it: its PCI identity is final */
	/*
	 * QEMU creates some objects only to list their properties, and frees them.  So a device is
	 * described only when its second event arrives; until then `making` holds the first one.
	 */
	bool fresh;
	bool decided; /* it is one, and what waited for that (capture/hold.h) is being passed on */
	struct vqt_lifecycle *making;
	size_t making_len;
	bool noted; /* the note about its data path elsewhere was written */
	bool placeholder; /* reported by QMP, not yet found in memory */
	uint32_t state_known; /* VQT_KNOWN_* as last written */
	uint8_t status; /* as learned, and as the driver has written it since the reset */
	struct position *position; /* of each queue, as last sent by the programs; NULL: never */
	unsigned number; /* counts devices of its class: 0 in "blk0" */
	unsigned tries;
	unsigned class_tries; /* readings of its classes that failed */
	bool classes_written;
};

/* Records that wait until it is known what becomes of an object (capture/hold.h). */
struct hold {
	uint8_t *bytes; /* records, each after its length */
	size_t len, cap;
	unsigned n;
	uint64_t
		since; /* ns: when the first of them came; 0: others need not wait for them any more */
};

/* A traced process. */
struct target {
	struct capture *c;
	struct process p;
	struct foreign foreign; /* limits of reading it; each poll is an attempt */
	struct process_memory mem;
	struct qemu *q;
	struct order *order;
	struct attach *attach[QEMU_PROGRAMS];
	uint32_t out_seq; /* seq of the next record passed on */
	uint64_t last_ts, written_ts; /* of the latest record that came, and that was written */
	uint64_t light_since; /* time from which a light capture counts it */
	uint64_t region_done[VQP_REGIONS]; /* upper bound of each region after its last widening */
	uint8_t source;
	int end_fd; /* of the process, readable when it has ended; -1: the kernel gives none */
	bool late, dead;
	bool heard; /* records have come since its memory was last looked at */
	bool listed; /* the devices present at attach are all known */
	bool endless; /* the tree of objects exceeded the limits */
	struct stacks *stacks; /* NULL: none are recorded */
	struct end_points *ends; /* NULL: none are needed */
	struct calls *calls; /* NULL: none are recorded */
	struct classes *classes; /* NULL: none has been read */
	struct hold hold;
	struct samples *samples; /* read, not yet written; NULL if sampling is off */
	struct query_answer qmp; /* used only where memory gave no answer */
};

struct capture {
	struct capture_options o;
	struct qemu_bpf *skel;
	struct ring_buffer *rb;
	int wake_fd; /* readable when there is much to read, or a process has ended */
	uint64_t consume_until; /* ns: then other things have their turn; 0: never */
	unsigned consumed; /* records taken in all turns; wraps */
	bool behind; /* that turn has left some */
	bool multi;
	int64_t wall; /* CLOCK_REALTIME minus CLOCK_MONOTONIC */
	struct target *target[TARGETS];
	size_t ntargets;
	struct device *device[DEVICES]; /* by id */
	struct capture_missing missing[MISSING];
	size_t nmissing;
	struct capture_stats stats;
	uint64_t seen_lost; /* records dropped by a full buffer that explained gaps so far */
	uint64_t tick; /* time of the last housekeeping */
	uint64_t sampled; /* time of the last samples */
	unsigned handed; /* records passed on by the current poll */
	struct light *light; /* NULL: not a light capture */
	int cost_fd; /* the kernel counts run time while it is open; 0: not open */
};

#endif
