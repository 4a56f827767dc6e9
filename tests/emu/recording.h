/* SPDX-License-Identifier: MIT */
/* For the tests of replay: a trace in memory, which can be changed and replayed. */
#ifndef VQT_TESTS_EMU_RECORDING_H
#define VQT_TESTS_EMU_RECORDING_H

#include "emu/replay/replay.h"

struct recording {
	uint8_t **bytes; /* records, aligned */
	uint32_t *len;
	unsigned count, cap;
};

void recording_load(struct recording *t, const char *path); /* exits when it cannot */
/* An emit function for emu_tap_config and replay_options; opaque is the struct recording. */
void recording_emit(void *opaque, const void *record, size_t len);
/* The record at n (from 0), to be changed in place. */
void *recording_at(struct recording *t, unsigned n);
void recording_insert(struct recording *t, unsigned n, const void *record, size_t len);
void recording_delete(struct recording *t, unsigned n);
/* Close the gap that a deleted record leaves in the sequence numbers, or make room for new ones. */
void recording_renumber(struct recording *t, unsigned from, int by);
/* As it would have been recorded after record n - 1: device, source, time and number are set. */
void *recording_splice(struct recording *t, unsigned n, const void *record, size_t len);
/* Its devices are of this type; what else told their type is changed, too. */
void recording_set_type(struct recording *t, unsigned type);
void recording_free(struct recording *t);

/* Event numbers count the records of the recording from 1: record n is event n + 1. */
struct outcome {
	int rc; /* of the replay: 0, or what went wrong */
	struct replay_counts n;
	unsigned differences, following; /* from those */
	struct replay_divergence first; /* of the lowest event number */
	char why[256];
};
/* Against opt->against, or the emulator. */
void recording_replay(struct recording *t, const struct replay_options *opt, struct outcome *out);
/* Is every difference about this event? */
bool outcome_names(const struct outcome *o, uint64_t number, const char *subject);

#endif
