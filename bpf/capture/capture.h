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

#include "bpf/process/foreign.h"
#include "decoder/trace/event.h"

struct capture;

struct source_error; /* decoder/source/source.h */

#define CAPTURE_BUFFER (16 << 20)

struct capture_options {
	uint32_t snaplen; /* leading bytes of each buffer; 0 none */
	size_t buffer; /* bytes between kernel and reader, a power of two; 0 default */
	uint64_t queues; /* bit n: queue n, bit 63: all from 63 on; 0 all */
	const char *const *devices; /* names to record, NULL-terminated; NULL all */
	const char *without; /* id of a device that is not recorded; NULL */
	bool delivery; /* MSI-X messages too, not only decisions to interrupt */
	bool no_lifecycle;
	bool no_backend; /* not what the devices' block back ends do */
	uint32_t tables; /* at most so many queues are followed; 0 default (8192) */
	bool qmp_only; /* use QMP even where memory has the answer (tests) */
	/*
	 * Interval in ns of a light capture, 0 for a full one.  The BPF programs only count and
	 * measure, and every interval gives one VQT_TALLY for each queue.  There are no records of
	 * registers, kicks, chains and completions.
	 */
	uint64_t light;
	/*
	 * Interval in ns of samples, 0 for none.  Every interval gives one VQT_RING for each queue
	 * that is set up and idle at that time, so that the trace shows requests that wait in an
	 * idle queue. Not used in a light capture.
	 */
	uint64_t sample;
	bool lifecycle; /* calls of functions, with their ends; functions without names, too */
	uint32_t stacks; /* bit n: events of type VQT_REG + n have the call stack */
	bool empty; /* attach BPF programs that do nothing, to measure the cost of probes */
	const char *command; /* of the capture, for the session record */
	/* Called for each record, in order; the bytes are valid during the call. */
	void (*record)(void *ctx, const void *record, size_t len);
	void *ctx;
	struct foreign_stop stop; /* of reading the processes' memory and files */
};

/* Load the BPF programs.  0, or -EPERM, -ENOSYS or another negative errno; *err says what to do. */
int capture_open(struct capture **out, const struct capture_options *options,
		 struct source_error *err);
/*
 * A running QEMU's QMP socket.  It is asked for devices and state that memory does not show,
 * before there are probes whose records would wait; meanwhile those of other processes are
 * passed on.  It may fail, or hang, without any harm to the capture but a delay of
 * QUERY_TOTAL_MS and, if it accepts no connection, QUERY_ANSWER_MS.
 */
struct capture_monitor {
	const char *socket;
	struct source_error *why; /* empty text: it has answered */
};

/*
 * Attach the probes to a process, running or stopped.  late: the process has been running,
 * so the capture reads the state of its devices.  qmp: NULL if there is no such socket.
 * -ENOEXEC: the process is not a QEMU.
 */
int capture_attach(struct capture *c, pid_t pid, bool late, const struct capture_monitor *qmp,
		   struct source_error *err);
/*
 * Pass the records that have arrived to options.record; wait up to timeout_ms when there are
 * none. Returns the number of records passed on, or negative errno (EINTR).
 */
int capture_poll(struct capture *c, int timeout_ms);
/*
 * A file descriptor that becomes readable when the kernel buffer has filled to a threshold.
 * Smaller amounts do not make it readable: also call capture_poll() at intervals.
 */
int capture_fd(const struct capture *c);
/* Pass on what was counted and not written yet (light capture). */
void capture_settle(struct capture *c);
/* Remove all probes and pass on all remaining records. */
void capture_stop(struct capture *c);
void capture_close(struct capture *c);

/* Write the records that a reader needs before all others: session, sources, devices, state. */
void capture_preamble(struct capture *c);

/* --- information about the capture ----------------------------------------- */

struct capture_stats {
	uint64_t records; /* passed on */
	uint64_t by_type[64]; /* enum vqt_type */
	uint64_t lost; /* records */
	uint64_t lost_why[5]; /* enum vqt_loss_why */
	uint64_t chains_missed; /* popped by the device without being recorded */
	uint64_t stacks_missed; /* that were asked for */
	uint64_t calls_missed; /* that are in the trace as events only */
	uint64_t stacks_unread; /* stacks with frames in files that cannot be read */
	bool stacks_given_up; /* of a process: its files make unwinding fail */
	unsigned alive; /* processes */
};
void capture_stats(const struct capture *c, struct capture_stats *out);

/*
 * Cost of the BPF programs: how often they ran and for how many ns, counted since the first
 * call, which turns the kernel's counting on.  Entering and leaving a probe costs extra time
 * that is not included.  0, or negative errno where the kernel does not count.
 */
int capture_cost(struct capture *c, uint64_t *hits, uint64_t *ns);

/* A probe that was requested but could not be attached. */
struct capture_missing {
	pid_t pid;
	char probe[48];
	char reason[64];
	const char *costs; /* what is missing from the trace */
};
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
