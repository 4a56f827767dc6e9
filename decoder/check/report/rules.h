/* SPDX-License-Identifier: MIT */
/* Rules for people and programs: the list of them, a page about one. */
#ifndef VQT_DECODER_CHECK_REPORT_RULES_H
#define VQT_DECODER_CHECK_REPORT_RULES_H

#include <stdio.h>

#include "decoder/check/rule.h"

struct json_object;

/*
 * Two conversations about a rule as lines of a timeline without times, in ASCII:
 * one that breaks it ("! " before the event at which that is certain) and one in
 * order.
 */
struct check_example {
	const char *rule, *wrong, *right;
};
/* Of every rule: made by the build from the tests of the rules.  Ends with rule NULL; in the program only. */
extern const struct check_example check_examples[];

/* The rules that `c` selects, one a line; json: an object a line.  0 or negative errno. */
int check_list(FILE *to, const struct check *c, bool json, unsigned width);
/*
 * A page: what the rule means, why it matters, right and wrong, known bugs;
 * with an example or NULL.  0 or negative errno.
 */
int check_explain(FILE *to, const struct rule *rule, const struct check_example *example,
		  bool ascii);
/*
 * Adds what a row says to an object: rule, party, severity, section, clauses, expected.
 * section: for the device it is about; NULL: for any, with those of the transports it has others for.
 */
void check_rule_json(struct json_object *o, const struct rule *rule, const char *section);

#endif
