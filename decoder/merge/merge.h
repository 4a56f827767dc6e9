/* SPDX-License-Identifier: MIT */
/*
 * The trace of a host and those of its guests become one: the guest's records among the host's,
 * at the host's time.  Each guest keeps a source and devices of its own, and each device names
 * its other side (vqt_device.peer).
 *
 *    both files ── search ──> which chains, devices and places are the same
 *    both files ── pair ──> align ──> clock           read ahead, roughly in order
 *    both files ── in the order of the host's time ──> one file
 *
 * Each file is read three times, and memory does not grow with it.
 */
#ifndef VQT_DECODER_MERGE_MERGE_H
#define VQT_DECODER_MERGE_MERGE_H

#include "decoder/pair/pair.h"
#include "decoder/trace/file.h"

#define MERGE_GUESTS 32 /* at most */

struct merge_job {
	const char *path[MERGE_GUESTS + 1]; /* the host's and its guests', in any order */
	unsigned paths;
	/*
	 * Where the result goes, as trace_create() has it.  Made when the traces are known to belong
	 * together, and removed again if it cannot be written whole.
	 */
	const char *write;
	/* Called now and then with what is being read; NULL: not wanted. */
	void (*progress)(void *ctx, const struct trace_reader *t, const char *what);
	void *ctx;
};

struct merge_guest {
	const char *path;
	unsigned devices, linked; /* that it recorded; of them those that the host has, too */
	struct pair_counts pairs;
	struct align_counts clock;
	uint32_t error_least, error_most; /* ns, of the records at known times */
	uint64_t records; /* written */
	uint64_t timed, untimed; /* of them at a time that is known, or not; others have none */
	uint64_t refused; /* not written: a guest can only speak for itself */
	uint64_t broken; /* records of its file that are invalid */
	bool cut; /* its file ends in the middle of a record: merged up to there */
	char cut_text[200];
};

struct merge_result {
	const char *host; /* the path of the host's trace */
	uint64_t host_records;
	uint64_t host_broken;
	bool host_cut;
	char cut_text[200];
	struct merge_guest guest[MERGE_GUESTS];
	unsigned guests;
};

/*
 * 0, or negative errno with err filled in: -EXDEV if the traces do not belong together, -EPIPE if
 * nobody reads the result any more.
 */
int merge_files(const struct merge_job *job, struct merge_result *out, struct trace_error *err);

#endif
