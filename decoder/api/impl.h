/* SPDX-License-Identifier: MIT */
/* Internal to the library: what its opaque types are. */
#ifndef VQT_DECODER_API_IMPL_H
#define VQT_DECODER_API_IMPL_H

#include <stdbool.h>

#include "decoder/api/vqtrace.h"
#include "decoder/check/check.h"
#include "decoder/fields/fields.h"
#include "decoder/model/model.h"
#include "decoder/trace/file.h"

struct vqtrace_event {
	struct event e;
	/* The element of its FIELD_ORDERED arrays that was read last: from there to the next one. */
	struct field_value at;
	unsigned nth;
	bool found; /* there is one */
};

struct vqtrace_finding {
	const struct rule *rule;
	const char *section;
	uint64_t number, since;
	int queue; /* -1 none */
	char device[sizeof(((struct model_device *)0)->name)];
	char *seen; /* of its own */
};

struct vqtrace {
	struct trace_reader *reader;
	struct model *model;
	struct check *check; /* NULL: not asked for */
	struct record rec;
	struct vqtrace_event event;
	uint64_t events;
	bool begun; /* vqtrace_next() was called */
	bool over; /* no event follows */
	bool failed; /* a finding had no memory */
	struct vqtrace_finding *finding; /* of the latest vqtrace_next() */
	size_t nfindings, cap, taken;
	uint64_t count[CHECK_SEVERITIES];
	char error[512]; /* escaped */
};

/* findings.c */
void api_on_finding(void *opaque, const struct finding *f); /* opaque: the vqtrace */
void api_drop_findings(struct vqtrace *t); /* those of the vqtrace_next() before */

#endif
