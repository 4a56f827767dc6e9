/* SPDX-License-Identifier: MIT */
/* For every rule, a conversation that breaks it and a similar one that does not. */
#ifndef VQT_TESTS_UNIT_CHECK_CASES_H
#define VQT_TESTS_UNIT_CHECK_CASES_H

struct check_case {
	const char *rule;
	const char *broken; /* statements (conversation.h); the marked event is the finding */
	const char *near; /* a similar conversation that does not break the rule */
	const char *also; /* other rules that `broken` breaks, and `near` may: "a,b" */
};

/* End with rule NULL. */
extern const struct check_case check_cases_core[], check_cases_setup[], check_cases_ring[],
	check_cases_pci[], check_cases_mmio[], check_cases_blk[];

/* Of all tables; NULL past the end. */
const struct check_case *check_case_nth(unsigned n);

#endif
