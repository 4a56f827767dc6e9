/* SPDX-License-Identifier: MIT */
/* What no rule looks at, with the reason: beside the rules, and tested to be complete. */
#include "decoder/rule_refs.h"

const struct rule_left_out rule_left_out[] = {
	{ "NET-*", "the network device: its rules come with its chapter" },
	{ 0 },
};
