/* SPDX-License-Identifier: MIT */
/* What a capture is asked for. */
#ifndef VQT_BPF_SESSION_OPTIONS_H
#define VQT_BPF_SESSION_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/process/foreign.h"

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

#endif
