/* SPDX-License-Identifier: MIT */
/* Counts the checker's findings by rule and device, with the first example of each. */
#ifndef VQT_DECODER_STATS_FINDINGS_H
#define VQT_DECODER_STATS_FINDINGS_H

#include "decoder/check/check.h"

struct stat_finding {
	const struct rule *rule;
	const char *section; /* of the first: struct finding */
	uint16_t device; /* trace id */
	uint64_t count;
	uint64_t number; /* of the first */
	char seen[160]; /* of the first; cut */
};

struct stat_findings;

struct stat_findings *stat_findings_new(void); /* NULL: no memory */
void stat_findings_free(struct stat_findings *f);
/* Callback of type check_found; opaque is the struct stat_findings. */
void stat_findings_add(void *opaque, const struct finding *f);
/* 0; -ENOMEM when memory ran out for some findings. */
int stat_findings_error(const struct stat_findings *f);
/* The nth finding of a device, the worst and most frequent first; NULL past the end. */
const struct stat_finding *stat_findings_nth(const struct stat_findings *f, unsigned device,
					     unsigned n);

#endif
