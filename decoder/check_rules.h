/* SPDX-License-Identifier: MIT */
/* Rules for people and programs: the list of them, a page about one. */
#ifndef VQT_DECODER_CHECK_RULES_H
#define VQT_DECODER_CHECK_RULES_H

#include <stdio.h>

#include "decoder/rule.h"

struct json_object;

/* The rules that `c` selects, one a line; json: an object a line.  0 or negative errno. */
int check_list(FILE *to, const struct check *c, bool json);
/* A page: what the rule means, why it matters, right and wrong, known bugs.  0 or negative errno. */
int check_explain(FILE *to, const struct rule *rule);
/* Adds what a row says to an object: rule, party, severity, section, clauses, expected. */
void check_rule_json(struct json_object *o, const struct rule *rule);
/* "register accesses": what a rule needs a trace to have; NULL past the end of the bits of `needs`. */
const char *check_need_name(unsigned needs, unsigned nth);

#endif
