/* SPDX-License-Identifier: MIT */
/* Every rule: found where it is broken, by no more than it entails; not found where it is not. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/check_cases.h"
#include "tests/unit/conversation.h"

static unsigned n, bad;

static void ok(bool good, const char *what, const char *rule)
{
	printf("%sok %u - %s %s\n", good ? "" : "not ", ++n, rule, what);
	bad += !good;
}

static bool listed(const char *list, const char *id)
{
	size_t len = strlen(id);

	for (; list && *list; list += strcspn(list, ","), list += *list == ',')
		if (!strncmp(list, id, len) && (list[len] == ',' || !list[len]))
			return true;
	return false;
}

static void show(const struct conversation *s)
{
	for (unsigned i = 0; i < s->nfound; i++)
		printf("#   %s at %llu: %s\n", s->found[i].rule->id,
		       (unsigned long long)s->found[i].number, s->found[i].seen);
}

/* Found at the marked event; nothing else but what is entailed. */
static bool broken_right(const struct conversation *s, const struct check_case *c)
{
	bool there = false, others = false;

	for (unsigned i = 0; i < s->nfound; i++) {
		if (!strcmp(s->found[i].rule->id, c->rule))
			there |= !s->mark || s->found[i].number == s->mark;
		else
			others |= !listed(c->also, s->found[i].rule->id);
	}
	return there && !others && !s->error;
}

static bool near_right(const struct conversation *s, const struct check_case *c)
{
	for (unsigned i = 0; i < s->nfound; i++)
		if (!strcmp(s->found[i].rule->id, c->rule) ||
		    !listed(c->also, s->found[i].rule->id))
			return false;
	return !s->error;
}

static void run(const struct check_case *c)
{
	static struct conversation s;
	bool good;

	memset(&s, 0, sizeof(s));
	conversation_begin(&s, NULL);
	conversation_run(&s, c->broken);
	conversation_end(&s);
	good = broken_right(&s, c);
	ok(good, "is found", c->rule);
	if (!good) {
		printf("# expected at %llu\n", (unsigned long long)s.mark);
		show(&s);
	}
	memset(&s, 0, sizeof(s));
	conversation_begin(&s, NULL);
	conversation_run(&s, c->near);
	conversation_end(&s);
	good = near_right(&s, c);
	ok(good, "is not found in the near miss", c->rule);
	if (!good)
		show(&s);
}

/* All cases of a rule; false if there is none. */
static bool run_cases(const char *id)
{
	const struct check_case *c;
	bool any = false;

	for (unsigned i = 0; (c = check_case_nth(i)); i++)
		if (!strcmp(c->rule, id)) {
			run(c);
			any = true;
		}
	return any;
}

int main(int argc, char **argv)
{
	const struct check_case *other;
	const struct rule *r;

	for (unsigned i = 0; (r = rule_nth(i)); i++) {
		if (argc > 1 && strcmp(argv[1], r->id))
			continue;
		if (!run_cases(r->id))
			ok(false, "has a case", r->id);
	}
	for (unsigned i = 0; (other = check_case_nth(i)); i++)
		if (!rule_by_id(other->rule))
			ok(false, "is a rule", other->rule);
	printf("1..%u\n", n);
	return bad != 0;
}
