/* SPDX-License-Identifier: MIT */
#include <fnmatch.h>
#include <string.h>

#include "decoder/rule.h"

/* In the order of the specification. */
static const struct rule *const tables[] = {
	rules_status, rules_reset, rules_features, rules_config, rules_chain, rules_used,
	rules_ring, rules_packed, rules_stall, rules_suspend, rules_pci, rules_window,
	rules_common, rules_queue, rules_isr, rules_msix, rules_notify, rules_blk_config,
	rules_blk, rules_blk_used, rules_blk_legacy,
};

const struct rule *rule_nth(unsigned n)
{
	for (size_t t = 0; t < sizeof(tables) / sizeof(tables[0]); t++)
		for (const struct rule *r = tables[t]; r->id; r++)
			if (!n--)
				return r;
	return NULL;
}

const struct rule *rule_by_id(const char *id)
{
	const struct rule *r;

	for (unsigned i = 0; (r = rule_nth(i)); i++)
		if (!strcmp(r->id, id))
			return r;
	return NULL;
}

static bool next_ref(const char **at, char *ref, size_t size)
{
	size_t n;

	*at += strspn(*at, " ");
	n = strcspn(*at, " ");
	if (!n || n >= size)
		return false;
	memcpy(ref, *at, n);
	ref[n] = '\0';
	*at += n;
	return true;
}

bool rule_has_ref(const struct rule *r, const char *ref)
{
	const char *at = r->refs;
	char one[32];

	while (next_ref(&at, one, sizeof(one)))
		if (!strcmp(one, ref))
			return true;
	return false;
}

bool rule_matches(const struct rule *r, const char *glob)
{
	const char *at = r->refs;
	char one[32];

	if (!fnmatch(glob, r->id, 0) || !strcmp(glob, check_party_name(r->party)) ||
	    !strcmp(glob, check_severity_name(r->severity)))
		return true;
	while (next_ref(&at, one, sizeof(one)))
		if (!fnmatch(glob, one, 0))
			return true;
	return false;
}
