/* SPDX-License-Identifier: MIT */
#include <fnmatch.h>
#include <string.h>

#include "decoder/check/class.h"

/* Rules of every device type, and types that have none of their own. */
static const struct check_class any;

/* In the order of the specification. */
static const struct {
	const struct rule *rule;
	const struct check_class *class;
} tables[] = {
	{ rules_status, &any },
	{ rules_reset, &any },
	{ rules_features, &any },
	{ rules_config, &any },
	{ rules_chain, &any },
	{ rules_used, &any },
	{ rules_ring, &any },
	{ rules_packed, &any },
	{ rules_memory, &any },
	{ rules_stall, &any },
	{ rules_suspend, &any },
	{ rules_legacy, &any },
	{ rules_pci, &any },
	{ rules_window, &any },
	{ rules_common, &any },
	{ rules_queue, &any },
	{ rules_isr, &any },
	{ rules_msix, &any },
	{ rules_notify, &any },
	{ rules_blk_config, &check_class_blk },
	{ rules_blk, &check_class_blk },
	{ rules_blk_used, &check_class_blk },
	{ rules_blk_zone, &check_class_blk },
	{ rules_blk_legacy, &check_class_blk },
};

#define TABLES (sizeof(tables) / sizeof(tables[0]))

/* Rows of a table, counted once; whoever else counts finds the same. */
static unsigned rows(size_t t)
{
	static unsigned count[TABLES];
	unsigned n = 0;

	if (count[t])
		return count[t];
	while (tables[t].rule[n].id)
		n++;
	return count[t] = n;
}

const struct rule *rule_nth(unsigned n)
{
	for (size_t t = 0; t < TABLES; n -= rows(t++))
		if (n < rows(t))
			return &tables[t].rule[n];
	return NULL;
}

static bool in_table(const struct rule *r, size_t t)
{
	return r >= tables[t].rule && r < tables[t].rule + rows(t);
}

int rule_index(const struct rule *r)
{
	unsigned before = 0;

	for (size_t t = 0; t < TABLES; before += rows(t++))
		if (in_table(r, t))
			return (int)(before + (unsigned)(r - tables[t].rule));
	return -1;
}

unsigned rule_virtio_id(const struct rule *r)
{
	for (size_t t = 0; t < TABLES; t++)
		if (in_table(r, t))
			return tables[t].class->virtio_id;
	return 0;
}

const struct check_class *check_class(unsigned virtio_id)
{
	for (size_t t = 0; t < TABLES; t++)
		if (tables[t].class->virtio_id == virtio_id)
			return tables[t].class;
	return &any;
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
