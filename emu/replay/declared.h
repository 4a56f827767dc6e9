/* SPDX-License-Identifier: MIT */
/*
 * Declared differences: a file beside a trace says where the replayed device may
 * answer otherwise than the recorded one, by which clause and why.  One a line:
 *
 *     TARGET SUBJECT CLAUSE REASON...
 *
 * TARGET is emu, qemu or * ; SUBJECT as replay prints it, with the wildcards of
 * fnmatch(3);
 * CLAUSE a section of the specification, or "-" for none;
 * the rest of the line is for people.  The subject io-error is not a difference:
 * it says that the IOERRs of the recording were its backend's.  Lines that are
 * empty or begin with # are skipped.  A declaration that matches nothing is a finding.
 */
#ifndef VQT_EMU_REPLAY_DECLARED_H
#define VQT_EMU_REPLAY_DECLARED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct replay_declaration {
	unsigned line;
	char *target, *subject, *clause, *reason;
	uint64_t met; /* how often */
};

struct replay_declared;

/* Parse the text of such a file: 0, -EINVAL with a reason in why[size], -ENOMEM. */
int replay_declared_parse(struct replay_declared **out, const char *text, size_t len, char *why,
			  size_t size);
void replay_declared_free(struct replay_declared *d);
/* The declaration for a subject against this target, counted as met; NULL: none. */
const struct replay_declaration *replay_declared_meet(struct replay_declared *d, const char *target,
						      const char *subject);
/* Is io-error declared for this target?  It is met when a request is failed for it. */
bool replay_declared_io_errors(const struct replay_declared *d, const char *target);
/* The nth declaration for this target; NULL: no more. */
const struct replay_declaration *replay_declared_nth(const struct replay_declared *d,
						     const char *target, unsigned n);

#endif
