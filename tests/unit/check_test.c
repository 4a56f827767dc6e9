/* SPDX-License-Identifier: MIT */
/* The checker: selection, accountability, soundness, loss. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "decoder/check/known.h"
#include "tests/unit/check_refs.h"
#include "tests/unit/conversation.h"
#include "tests/unit/tap.h"

static struct conversation s;

static void begin(const char *selection)
{
	memset(&s, 0, sizeof(s));
	conversation_begin(&s, selection);
}

static void show(void)
{
	for (unsigned i = 0; i < s.nfound; i++)
		printf("#   %s at %llu: %s\n", s.found[i].rule->id,
		       (unsigned long long)s.found[i].number, s.found[i].seen);
}

/* A conversation in order: nothing at all is found. */
static void clean(const char *words)
{
	begin(NULL);
	conversation_run(&s, words);
	conversation_end(&s);
	CHECK(!s.error);
	CHECK_EQ(s.nfound, 0);
	if (s.nfound)
		show();
}

static void split(void)
{
	clean("read-caps; negotiate; read-config; setup; write queue_msix_vector 0xffff; "
	      "read queue_msix_vector 0xffff; enable; driver-ok; request; avail 2; kick; "
	      "pop 1: readable 16, readable 4096, writable 1 type OUT sector 16; pop 4; use 1 len 1; "
	      "interrupt; use 4; interrupt; avail; kick; pop 7: readable 16, writable 1 type FLUSH; "
	      "use 7 len 1; interrupt; avail; kick; "
	      "pop 9: readable 16, readable 16, writable 1 type DISCARD segment 0 8 0; use 9 len 1; "
	      "interrupt; read isr 0");
}

static void indirect_event(void)
{
	clean("up-event; read-config; ring used_event 0; avail; kick; "
	      "pop 5: indirect readable 48 | readable 16, writable 4096, writable 1; use 5; interrupt; "
	      "ring used_event 1; avail 2; kick; "
	      "pop 5: indirect readable 64 | readable 16, writable 4096, writable 4096, writable 1; "
	      "use 5 len 8193; interrupt; ring used_event 2; "
	      "pop 6: readable 16, indirect readable 32 | writable 512, writable 1; use 6 len 513; "
	      "interrupt");
}

static void packed(void)
{
	clean("up-packed; read-config; kick; pop 0; use 0; interrupt; kick; pop 1; pop 2; use 2; "
	      "interrupt; use 1; interrupt; kick; "
	      "pop 1: indirect readable 48 | readable 16, writable 512, writable 1; use 1 len 513; "
	      "interrupt; kick; pop 0; use 0; interrupt; kick; pop 0; use 0; interrupt");
}

static void legacy(void)
{
	clean("reset-legacy; acknowledge-legacy; read legacy.device_features 0x39006a46; "
	      "write legacy.driver_features 0x18006a46; read legacy@20/4 0x1000; read legacy@24/4 0; "
	      "read legacy@20/4 0x1000; read legacy@24/4 0; write legacy.queue_select 0; "
	      "read legacy.queue_size 256; write legacy.queue_address 0x10; "
	      "write legacy.device_status 7; avail; kick; pop 5; use 5; interrupt; intx 1; "
	      "read legacy.isr_status 1; intx 0; reset-legacy; write legacy.queue_select 0; "
	      "write legacy.queue_address 0; reset-machine; write legacy.device_status 1");
}

static void intx(void)
{
	clean("up; avail; kick; pop 5; use 5; interrupt; intx 1; read isr 1; intx 0; avail; kick; "
	      "pop 6; use 6; interrupt; intx 1; read isr 1; intx 0; interrupt config; intx 1; "
	      "read isr 2; intx 0; read config_generation 0; read config.capacity/4 4096; "
	      "read config.capacity/4+4 0; read config_generation 0");
}

static void again(void)
{
	clean("up; request; avail; kick; pop 5; use 5; interrupt; write status 0; read status 0; up; "
	      "request; avail 2; kick; pop 7; pop 8; write status 0; use 7; use 8; read status 0; up; "
	      "request; reset-machine; up; request");
}

static void one_queue(void)
{
	clean("up-queue-reset; request; avail; kick; pop 5; write queue_reset 1; read queue_reset 1; "
	      "read queue_reset 0; read queue_enable 0; setup; enable; request");
}

static void suspended(void)
{
	clean("up-suspend; request; avail; kick; pop 5; write status 31; use 5; interrupt; "
	      "read status 27; write status 15; read status 15; request");
}

/* ACKNOWLEDGE and DRIVER at once, features written twice: reported, but not as violations. */
static void widespread(void)
{
	begin("must,structural");
	conversation_run(
		&s,
		"write status 0; read status 0; write status 3; offer; accept; accept; features-ok; "
		"setup; enable; driver-ok; request");
	conversation_end(&s);
	CHECK_EQ(s.nfound, 0);
	begin(NULL);
	conversation_run(
		&s,
		"write status 0; read status 0; write status 3; offer; accept; accept; features-ok; "
		"setup; enable; driver-ok; request");
	conversation_end(&s);
	CHECK_EQ(s.nfound, 1);
	CHECK_EQ(conversation_count(&s, "status-steps-merged"), 1);
}

/* Nothing is held against anybody whose beginning was not seen. */
static void late(void)
{
	memset(&s, 0, sizeof(s));
	s.no_reset = true;
	conversation_begin(&s, NULL);
	conversation_run(
		&s,
		"ring avail_idx 7; ring last_avail 7; ring used_idx 5; write status 15; use 3; use 9; "
		"interrupt; avail; kick; pop 4; use 4; interrupt; write queue_enable 1; kick; "
		"read status 15; pop 5 at 99; use 77 at 3");
	conversation_end(&s);
	CHECK_EQ(s.nfound, 0);
	if (s.nfound)
		show();
}

static void lost(void)
{
	begin(NULL);
	conversation_run(
		&s,
		"up; request; avail; kick; pop 5; lose; use 6; use 5; use 9; interrupt; write status 11; "
		"avail 39; kick; pop 17 at 40; use 17 at 40; interrupt");
	CHECK_EQ(s.nfound, 0);
	if (s.nfound)
		show();
	/* a reset, and all is known again */
	conversation_run(&s, "up; request; avail; kick; pop 5; use 6");
	conversation_end(&s);
	CHECK_EQ(conversation_count(&s, "used-id-unknown"), 1);
}

static void migrated(void)
{
	begin(NULL);
	conversation_run(
		&s,
		"reset-machine; restore-status 15; avail; kick; pop 5 at 700; use 5 at 699; interrupt");
	conversation_end(&s);
	CHECK_EQ(s.nfound, 0);
	if (s.nfound)
		show();
}

/* --- findings --------------------------------------------------------------- */

static void findings(void)
{
	begin(NULL);
	conversation_run(&s, "negotiate; setup; enable; avail; kick; kick; write status 15");
	CHECK_EQ(conversation_count(&s, "kick-before-driver-ok"), 2);
	CHECK_EQ(s.found[1].nth, 2);
	CHECK_EQ(s.found[0].queue, 0);
	CHECK(s.found[0].nbefore >= 2);
	CHECK_STR(
		s.found[0].seen,
		"queue 0 was kicked while device_status is ACKNOWLEDGE|DRIVER|FEATURES_OK (0x0b)");
	conversation_end(&s);
}

static unsigned selected(const char *selection)
{
	struct check_tally t;
	struct check *c;
	const struct rule *r;
	unsigned n = 0;

	if (check_new(&c, selection, NULL, NULL, NULL))
		return 0;
	for (unsigned i = 0; (r = rule_nth(i)); i++) {
		check_tally(c, r, &t);
		n += t.selected;
	}
	check_free(c);
	return n;
}

static void selection(void)
{
	unsigned all = selected(NULL);
	const char *bad = NULL;
	struct check *c;

	CHECK(all > 250);
	CHECK_EQ(selected("kick-before-driver-ok"), 1);
	CHECK_EQ(selected("INIT-D13"), 1);
	CHECK(selected("blk-*") > 40);
	CHECK_EQ(selected("driver") + selected("device"), all);
	CHECK_EQ(selected("!blk-*") + selected("blk-*"), all);
	CHECK_EQ(selected("blk-*,!blk-status-range") + 1, selected("blk-*"));
	CHECK_EQ(check_new(&c, "blk-*,nonsense", NULL, NULL, &bad), -ENOENT);
	CHECK(bad && !strcmp(bad, "nonsense"));
}

static void undecidable(void)
{
	struct check_tally t;

	begin(NULL);
	conversation_run(&s, "up; request");
	check_finish(s.c, s.t.model);
	check_tally(s.c, rule_by_id("cap-length"), &t);
	CHECK(t.why && !strcmp(t.why, "PCI configuration accesses were not recorded"));
	check_tally(s.c, rule_by_id("kick-before-driver-ok"), &t);
	CHECK(!t.why);
	CHECK_EQ(t.passed, 1);
	check_tally(s.c, rule_by_id("blk-flush-sector"), &t);
	CHECK(!t.why && !t.passed); /* no FLUSH: nothing to say */
	conversation_end(&s);
}

/* From beside, a notification may be judged by a used_event that is newer than it. */
static void beside(void)
{
	static const char words[] =
		"up-event; ring used_event 0; request; ring used_event 40; avail; kick; pop 5; use 5; "
		"interrupt; avail; kick width 2";
	const struct rule *r = rule_by_id("interrupt-unasked");
	struct check_tally t;

	begin(NULL);
	conversation_run(&s, words);
	CHECK_EQ(conversation_count(&s, "interrupt-unasked"), 1);
	conversation_end(&s);
	begin(NULL);
	conversation_run(&s, "source proxy");
	conversation_run(&s, words);
	CHECK(!s.error);
	check_finish(s.c, s.t.model);
	CHECK_EQ(conversation_count(&s, "interrupt-unasked"), 0);
	check_tally(s.c, r, &t);
	CHECK(t.blocked);
	CHECK(t.why && !strncmp(t.why, "ring states were read by an observer", 36));
	conversation_end(&s);
}

/* --- accountability --------------------------------------------------------- */

static bool in_list(const char *list, const char *ref)
{
	size_t n = strlen(ref);

	while (*list) {
		size_t len = strcspn(list, " ");

		if (len == n && !strncmp(list, ref, n))
			return true;
		if (len && list[len - 1] == '*' && !strncmp(list, ref, len - 1))
			return true;
		list += len + (list[len] == ' ');
	}
	return false;
}

static unsigned rules_of(const char *ref)
{
	const struct rule *r;
	unsigned n = 0;

	for (unsigned i = 0; (r = rule_nth(i)); i++)
		n += rule_has_ref(r, ref);
	return n;
}

static unsigned left_out(const char *ref)
{
	unsigned n = 0;

	for (const struct check_left_out *o = check_left_out; o->refs; o++)
		n += in_list(o->refs, ref);
	return n;
}

/* Every statement has a rule or a reason, and not both. */
static void accounted(void)
{
	unsigned n = 0;

	for (const struct check_ref *f = check_refs; f->ref; f++, n++) {
		bool ruled = rules_of(f->ref), out = left_out(f->ref);

		if (ruled == out) {
			printf("# %s: %s\n", f->ref,
			       ruled ? "a rule, and left out" : "unaccounted for");
			tap_failed = true;
		}
	}
	CHECK_EQ(n, 729); /* all of the text: 419, and 310 of the network device */
}

static void listed(const char *prefix, unsigned n)
{
	char ref[8];

	for (unsigned i = 1; i <= n; i++) {
		snprintf(ref, sizeof(ref), "%s%02u", prefix, i);
		if (!rules_of(ref)) {
			printf("# %s has no rule\n", ref);
			tap_failed = true;
		}
	}
}

static void shipped(void)
{
	listed("T", RULE_KNOWN);
	listed("I", CHECK_STRUCTURAL_RULES);
}

static bool known_ref(const char *ref)
{
	for (const struct check_ref *f = check_refs; f->ref; f++)
		if (!strcmp(f->ref, ref))
			return true;
	return (*ref == 'T' && atoi(ref + 1) <= RULE_KNOWN) || (*ref == 'I' && strlen(ref) == 3);
}

static void rows(void)
{
	const struct rule *r, *other;

	for (unsigned i = 0; (r = rule_nth(i)); i++) {
		char refs[128], *save = NULL;

		snprintf(refs, sizeof(refs), "%s", r->refs);
		for (char *ref = strtok_r(refs, " ", &save); ref; ref = strtok_r(NULL, " ", &save))
			if (!known_ref(ref)) {
				printf("# %s: what is %s?\n", r->id, ref);
				tap_failed = true;
			}
		CHECK(r->text && r->section && r->check && r->at && rule_explanation(r)->why &&
		      r->wrong);
		CHECK(r->text[strlen(r->text) - 1] == '.');
		for (unsigned j = 0; j < i && (other = rule_nth(j)); j++)
			if (!strcmp(other->id, r->id)) {
				printf("# %s twice\n", r->id);
				tap_failed = true;
			}
	}
}

/* A rule that says MUST has a statement that does, and none says less than all it has. */
static void severities(void)
{
	const struct rule *r;

	for (unsigned i = 0; (r = rule_nth(i)); i++) {
		bool must = false, any = false;

		for (const struct check_ref *f = check_refs; f->ref; f++) {
			if (!rule_has_ref(r, f->ref))
				continue;
			any = true;
			must |= f->force == 'M';
		}
		if (r->severity == CHECK_MUST && (!any || !must)) {
			printf("# %s says must and no statement does\n", r->id);
			tap_failed = true;
		}
	}
}

static const struct tap_test tests[] = {
	{ "in order: split ring", split },
	{ "in order: indirect descriptors, event index", indirect_event },
	{ "in order: packed ring", packed },
	{ "in order: legacy interface", legacy },
	{ "in order: INTx", intx },
	{ "in order: reset and set up again", again },
	{ "in order: reset of one queue", one_queue },
	{ "in order: suspend and resume", suspended },
	{ "widespread and harmless", widespread },
	{ "a late capture", late },
	{ "records lost", lost },
	{ "a migrated device", migrated },
	{ "what a finding says", findings },
	{ "selections", selection },
	{ "not decidable here", undecidable },
	{ "not decidable from beside", beside },
	{ "every statement has a rule or a reason", accounted },
	{ "every shipped violation and structural rule", shipped },
	{ "rows are complete", rows },
	{ "severities", severities },
};

TAP_MAIN(tests)
