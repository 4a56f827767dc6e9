/* SPDX-License-Identifier: MIT */
/*
 * The conformance checker: rules of virtio 1.4 applied to a conversation.  An
 * observer of the model: feed it every event the model made, live or from a
 * file, and it calls back with each finding.  Memory is bounded by the numbers of
 * devices, queues and rules; it does not grow with the length of a trace.
 */
#ifndef VQT_DECODER_CHECK_CHECK_H
#define VQT_DECODER_CHECK_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "decoder/model/model.h"

enum check_party {
	CHECK_DRIVER,
	CHECK_DEVICE,
	CHECK_PARTIES,
};

/* From the worst; a threshold means this or worse. */
enum check_severity {
	CHECK_MUST, /* the text says MUST, MUST NOT or SHALL */
	CHECK_STRUCTURAL, /* no such word, but nothing works otherwise */
	CHECK_SHOULD, /* SHOULD, SHOULD NOT */
	CHECK_SUSPICIOUS, /* legal or unclear, and often a mistake */
	CHECK_SEVERITIES,
};

struct rule;

#define CHECK_RELATED 4

/* One violation.  Everything is borrowed for the duration of the callback. */
struct finding {
	const struct rule *rule;
	uint64_t
		number; /* of the event at which it became certain; 0 at the end of an empty trace */
	uint64_t ts, since;
	const struct model_device *device;
	unsigned queue; /* VQT_NO_QUEUE */
	const char *section; /* of virtio 1.4, for the device's transport and interface; static */
	const char *seen; /* a sentence without a full stop; what was expected is rule->text */
	struct {
		uint64_t number; /* of an earlier event that matters */
		const char *what; /* "FEATURES_OK set" */
	} before[CHECK_RELATED]; /* in order of number */
	unsigned nbefore;
	uint64_t nth; /* of this rule with this device, from 1 */
};

struct check;
typedef void check_found(void *opaque, const struct finding *f);

/*
 * A checker for the rules that `selection` names: comma-separated globs of rule
 * ids, clause refs, parties or severities; ! before one excludes it; NULL or ""
 * is all.  0; -ENOMEM; -ENOENT with *bad (if not NULL) at the word that names
 * nothing.
 */
int check_new(struct check **out, const char *selection, check_found *found, void *opaque,
	      const char **bad);
void check_free(struct check *c);
/* After model_feed() filled in `e`, for every event in order.  0 or -ENOMEM. */
int check_feed(struct check *c, const struct model *m, const struct event *e);
/* The trace is over: reports what is still due.  0 or -ENOMEM. */
int check_finish(struct check *c, const struct model *m);

/* Whether a rule is selected, and what became of it so far. */
struct check_tally {
	bool selected;
	uint64_t passed; /* events that obeyed it */
	uint64_t broken;
	uint64_t blocked; /* events at which it could not be decided */
	const char
		*why; /* "register accesses were not recorded"; NULL: decidable, or never came up */
};
void check_tally(const struct check *c, const struct rule *r, struct check_tally *out);
/* Whether a device, by its id in the trace, obeyed or broke any rule so far: else no findings say nothing. */
bool check_decided(const struct check *c, uint16_t device);

const char *check_party_name(unsigned party); /* "driver" */
extern const char *const check_severity_names[]; /* "must"; ends with NULL */
const char *check_severity_name(unsigned severity);
int check_severity_by_name(const char *name); /* -ENOENT */

#endif
