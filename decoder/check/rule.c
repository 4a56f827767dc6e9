/* SPDX-License-Identifier: MIT */
#include <fnmatch.h>
#include <string.h>

#include "decoder/check/rule.h"

/* In the order of the specification. */
static const struct rule *const tables[] = {
	rules_status,  rules_reset,    rules_features, rules_config,	 rules_chain,
	rules_used,    rules_ring,     rules_packed,   rules_memory,	 rules_stall,
	rules_suspend, rules_legacy,   rules_pci,      rules_window,	 rules_common,
	rules_queue,   rules_isr,      rules_msix,     rules_notify,	 rules_blk_config,
	rules_blk,     rules_blk_used, rules_blk_zone, rules_blk_legacy,
};

#define TABLES (sizeof(tables) / sizeof(tables[0]))

/* Rows of a table, counted once; whoever else counts finds the same. */
static unsigned rows(size_t t)
{
	static unsigned count[TABLES];
	unsigned n = 0;

	if (count[t])
		return count[t];
	while (tables[t][n].id)
		n++;
	return count[t] = n;
}

const struct rule *rule_nth(unsigned n)
{
	for (size_t t = 0; t < TABLES; n -= rows(t++))
		if (n < rows(t))
			return &tables[t][n];
	return NULL;
}

int rule_index(const struct rule *r)
{
	unsigned before = 0;

	for (size_t t = 0; t < TABLES; before += rows(t++))
		if (r >= tables[t] && r < tables[t] + rows(t))
			return (int)(before + (unsigned)(r - tables[t]));
	return -1;
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
