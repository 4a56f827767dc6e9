/* SPDX-License-Identifier: MIT */
/* Which rules are selected, and what became of each. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "decoder/check/impl.h"

int check_index_rules(struct check *c)
{
	while (rule_nth(c->nrules))
		c->nrules++;
	c->rule = calloc(c->nrules, sizeof(*c->rule));
	c->tally = calloc(c->nrules, sizeof(*c->tally));
	if (!c->rule || !c->tally)
		return -ENOMEM;
	for (unsigned i = 0; i < c->nrules; i++) {
		c->rule[i] = rule_nth(i);
		c->tally[i].virtio_id = rule_virtio_id(c->rule[i]);
	}
	return 0;
}

static bool select_word(struct check *c, const char *word, bool on)
{
	bool any = false;

	for (unsigned i = 0; i < c->nrules; i++) {
		if (!rule_matches(c->rule[i], word))
			continue;
		c->tally[i].selected = on;
		any = true;
	}
	return any;
}

int check_select(struct check *c, const char *text, const char **bad)
{
	bool all = !text || !*text || *text == '!';

	for (unsigned i = 0; i < c->nrules; i++)
		c->tally[i].selected = all;
	while (text && *text) {
		size_t n = strcspn(text, ",");
		bool off = *text == '!';
		char word[96];

		snprintf(word, sizeof(word), "%.*s", (int)(n - off), text + off);
		if (n && (n - off >= sizeof(word) || !select_word(c, word, !off))) {
			if (bad)
				*bad = text;
			return -ENOENT;
		}
		text += n + (text[n] == ',');
	}
	return 0;
}

/* --- what became of a rule -------------------------------------------------- */

static const struct {
	unsigned need;
	const char *why; /* in the whole trace */
	const char *then; /* when the rule needed it, if that is another sentence; or NULL */
} reasons[] = {
	{ NEED_REGS, "register accesses were not recorded", NULL },
	{ NEED_PCI, "PCI configuration accesses were not recorded", NULL },
	{ NEED_CONFIG, "device configuration accesses were not recorded", NULL },
	{ NEED_KICK, "kicks were not recorded", NULL },
	{ NEED_CHAIN, "descriptor chains were not recorded", NULL },
	{ NEED_USED, "completions were not recorded", NULL },
	{ NEED_RING, "ring states were not recorded", NULL },
	{ NEED_BYTES, "leading bytes of buffers were not recorded", NULL },
	{ NEED_PROMPT,
	  "ring states were read by an observer, not when the driver or the device acted", NULL },
	{ NEED_DEVICE,
	  "the driver's side was recorded: when the device pops and uses chains is not known",
	  NULL },
	{ NEED_EXACT,
	  "the driver's side was recorded: its kernel does not show each access, and each value",
	  NULL },
	{ NEED_IRQ, "interrupts were not recorded",
	  "no interrupt of the device had been recorded by then" },
	{ NEED_LIFE, "no reset was recorded, or records were lost since", NULL },
	{ NEED_AGREED,
	  "what was negotiated and set up is not known: the recording began later, or records "
	  "were lost",
	  NULL },
	{ NEED_MSIX, "whether MSI-X is enabled is not known", NULL },
	{ NEED_FLIGHT, "the queue was not recorded from its start, or records were lost since",
	  NULL },
};

static const char *why_not(unsigned missing, bool then)
{
	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (missing & reasons[i].need)
			return then && reasons[i].then ? reasons[i].then : reasons[i].why;
	return NULL;
}

/* A device that is said to be of the type has not shown it to the end. */
static bool type_unsettled(const struct check *c, unsigned virtio_id)
{
	for (const struct check_device *d = c->devices; d; d = d->hh.next)
		if (d->virtio_id == virtio_id && !d->type_settled)
			return true;
	return false;
}

void check_tally(const struct check *c, const struct rule *r, struct check_tally *out)
{
	int i = rule_index(r);
	const struct tally *t;
	unsigned never;

	*out = (struct check_tally){ 0 };
	if (i < 0)
		return;
	t = &c->tally[i];
	out->selected = t->selected;
	out->passed = t->passed;
	out->broken = t->broken;
	out->blocked = t->blocked;
	if (t->passed || t->broken)
		return;
	never = r->needs & ~(c->have | NEEDS_BY_TIME);
	if (!never && t->virtio_id && type_unsettled(c, t->virtio_id))
		out->why = "that the device is of this type does not show in its requests";
	else if (c->undecodable && never & (NEED_CHAIN | NEED_USED | NEED_RING | NEED_BYTES))
		out->why =
			"rings are in the guest's byte order, which is not known: legacy virtio-ccw";
	else if (c->no_rings && (never ? never : t->blocked_by) == NEED_IRQ)
		out->why = "KVM does not tell of each interrupt whose it is";
	else if (c->no_notifications && !never && t->blocked_by & NEED_DEVICE)
		out->why = "memory does not show when the device pops and uses chains";
	else
		out->why = never ? why_not(never, false) : why_not(t->blocked_by, true);
}
