/* SPDX-License-Identifier: MIT */
/* For every rule a conversation that breaks it and one that nearly does. */
#ifndef VQT_TESTS_UNIT_CHECK_CASES_H
#define VQT_TESTS_UNIT_CHECK_CASES_H

struct check_case {
	const char *rule;
	const char *broken; /* words (conversation.h); the finding belongs to the marked one */
	const char *near; /* the same or a like conversation in order: not found */
	const char *also; /* other rules that `broken` breaks, and `near` may: "a,b" */
};

/* End with rule NULL. */
extern const struct check_case check_cases_core[], check_cases_setup[], check_cases_ring[],
	check_cases_pci[], check_cases_blk[];

/* Of all tables; NULL past the end. */
const struct check_case *check_case_nth(unsigned n);

#endif
