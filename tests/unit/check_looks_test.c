/* SPDX-License-Identifier: MIT */
/*
 * Rings that are looked at by time: whatever is in the trace, no rule that needs kicks, interrupts,
 * or when the device acted, accuses somebody of what was not seen, or says that it was in order.
 */
#include <string.h>

#include "decoder/check/rule.h"
#include "tests/unit/check_cases.h"
#include "tests/unit/conversation.h"
#include "tests/unit/tap.h"

#define UNSEEN (NEED_KICK | NEED_IRQ | NEED_DEVICE | NEED_PROMPT)

static unsigned unseen, decided; /* findings; rules in order, of those that need what is not seen */
static unsigned others; /* findings of other rules */
static unsigned tried; /* rules that need what is not seen */

static void one(uint16_t kind, const char *text)
{
	static struct conversation s;
	struct check_tally t;
	const struct rule *r;

	memset(&s, 0, sizeof(s));
	s.kind = kind;
	conversation_begin(&s, NULL);
	conversation_run(&s, text);
	for (unsigned i = 0; (r = rule_nth(i)); i++) {
		if (!(r->needs & UNSEEN))
			continue;
		check_tally(s.c, r, &t);
		decided += t.passed || t.broken;
		tried++;
	}
	conversation_end(&s);
	for (unsigned i = 0; i < s.nfound; i++)
		*(s.found[i].rule->needs & UNSEEN ? &unseen : &others) += 1;
}

static void all(uint16_t kind)
{
	const struct check_case *c;

	unseen = decided = others = tried = 0;
	for (unsigned i = 0; (c = check_case_nth(i)); i++) {
		one(kind, c->broken);
		one(kind, c->near);
	}
}

static void by_our_device(void)
{
	all(VQT_SRC_EMU);
	CHECK(tried && unseen && decided && others);
}

static void by_passive_proxy(void)
{
	all(VQT_SRC_PROXY_PASSIVE);
	CHECK_EQ(unseen, 0);
	CHECK_EQ(decided, 0);
	CHECK(others);
}

static void from_memory(void)
{
	all(VQT_SRC_MEMORY);
	CHECK_EQ(unseen, 0);
	CHECK_EQ(decided, 0);
	CHECK(others);
}

static const struct tap_test tests[] = {
	{ "all of them are found, or in order, where everything is seen", by_our_device },
	{ "a passive proxy", by_passive_proxy },
	{ "memory", from_memory },
};

TAP_MAIN(tests)
