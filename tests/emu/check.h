/* SPDX-License-Identifier: MIT */
/* A checker that reads the records of a tap, to find rules that the emulator breaks. */
#ifndef VQT_TESTS_EMU_CHECK_H
#define VQT_TESTS_EMU_CHECK_H

#include "decoder/check/rule.h"
#include "emu/virtio/tap.h"

struct watch {
	struct model *model;
	struct check *check;
	uint64_t number, time, tick; /* ns a record */
	const char *except; /* "a,b": rules that are not counted */
	unsigned found; /* others */
	uint8_t *hit; /* by rule */
	char first[256]; /* of the others: rule and what was seen */
};

void watch_begin(struct watch *w, uint64_t tick, const char *except);
/* The configuration of a tap that feeds the checker; w must outlive the tap. */
struct emu_tap_config watch_tap(struct watch *w);
/* The trace ends: obligations that are not met now count as findings. */
void watch_end(struct watch *w);
bool watch_hit(const struct watch *w, const char *rule);
void watch_free(struct watch *w);

#endif
