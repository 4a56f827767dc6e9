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

#include "decoder/trace/event.h"

struct capture;

/* An error in words: cause, then remedy, without a trailing newline. */
struct capture_error {
	char text[512];
};

#define CAPTURE_BUFFER (16 << 20)

struct capture_options {
	uint32_t snaplen; /* leading bytes of each buffer; 0 none */
	size_t buffer; /* bytes between kernel and reader, a power of two; 0 default */
	uint64_t queues; /* bit n: queue n, bit 63: all from 63 on; 0 all */
	const char *const *devices; /* names to record, NULL-terminated; NULL all */
	bool delivery; /* MSI-X messages too, not only decisions to interrupt */
	bool no_lifecycle;
	uint32_t tables; /* at most so many queues are followed; 0 default (8192) */
	bool qmp_only; /* take from QMP all that QMP can tell (tests) */
	/*
	 * Light: count and measure inside the kernel, a VQT_TALLY of each queue every
	 * so many ns; no records of registers, kicks, chains and completions.  0: full.
	 */
	uint64_t light;
	/*
	 * Every so many ns a VQT_RING of each queue that is set up and not being used at
	 * that moment, 0 none: shows what waits where nothing happens.  Not when light.
	 */
	uint64_t sample;
	bool empty; /* attach programs that do nothing, to measure what probes cost */
	const char *command; /* of the capture, for the session record */
	/* Called for each record, in order; the bytes are valid during the call. */
	void (*record)(void *ctx, const void *record, size_t len);
	void *ctx;
};

/* Load the programs.  -EPERM, -ENOSYS and others with *err saying what to do. */
int capture_open(struct capture **out, const struct capture_options *options,
		 struct capture_error *err);
/*
 * Probe a process, running or stopped; late: it has been running, so its state
 * is to be learned.  -ENOEXEC: it is no QEMU.
 */
int capture_attach(struct capture *c, pid_t pid, bool late, struct capture_error *err);
/* Take the probes out of one process. */
void capture_detach(struct capture *c, pid_t pid);
/*
 * Hand on what has arrived; waits up to timeout_ms when there is nothing.
 * Records handed on, or negative errno (EINTR).
 */
int capture_poll(struct capture *c, int timeout_ms);
/* A descriptor that can be read when much has arrived; what is less only time tells. */
int capture_fd(const struct capture *c);
/* Take all probes out, hand on everything that is left. */
void capture_stop(struct capture *c);
void capture_close(struct capture *c);

/* Records a file needs to be understood from its start: session, sources, devices, state. */
void capture_preamble(struct capture *c);

/* --- what there is to know ------------------------------------------------- */

struct capture_stats {
	uint64_t records, bytes; /* handed on; bytes without file overhead */
	uint64_t by_type[64]; /* enum vqt_type */
	uint64_t lost; /* records */
	uint64_t lost_why[5]; /* enum vqt_loss_why */
	uint64_t chains_missed; /* popped by the device without being recorded */
	unsigned targets, alive; /* processes */
};
void capture_stats(const struct capture *c, struct capture_stats *out);

/*
 * What the programs cost: how often they ran and for how long, since the first
 * call, which makes the kernel count.  Entering and leaving a probe comes on top.
 * 0, or negative errno where the kernel does not tell.
 */
int capture_cost(struct capture *c, uint64_t *hits, uint64_t *ns);

/* A probe that was wanted and is not there. */
struct capture_missing {
	pid_t pid;
	char probe[48];
	char reason[64];
	const char *costs; /* what the trace lacks */
};
size_t capture_missing(const struct capture *c, struct capture_missing *out, size_t max);

/* Devices seen so far. */
struct capture_device {
	uint16_t id, virtio_id;
	uint32_t flags; /* VQT_DEV_* */
	pid_t pid;
	char name[64]; /* "blk0" or the user's id */
	char type[64];
	bool recorded; /* asked for */
};
size_t capture_devices(const struct capture *c, struct capture_device *out, size_t max);

/* Fill in what a running QEMU tells on a QMP socket; -EPROTO when the answer is not QMP. */
int capture_qmp(struct capture *c, pid_t pid, const char *socket, struct capture_error *err);

#endif
