/* SPDX-License-Identifier: MIT */
#include <fnmatch.h>
#include <string.h>

#include "decoder/check/class.h"

/* In the order of the specification. */
static const struct rule_table *const tables[] = {
	&rules_status,	   &rules_reset,  &rules_features, &rules_config,   &rules_chain,
	&rules_used,	   &rules_ring,	  &rules_packed,   &rules_memory,   &rules_stall,
	&rules_suspend,	   &rules_legacy, &rules_pci,	   &rules_window,   &rules_common,
	&rules_queue,	   &rules_isr,	  &rules_msix,	   &rules_notify,   &rules_mmio,
	&rules_blk_config, &rules_blk,	  &rules_blk_used, &rules_blk_zone, &rules_blk_legacy,
};
#define TABLES (sizeof(tables) / sizeof(tables[0]))

const struct rule *rule_nth(unsigned n)
{
	for (size_t t = 0; t < TABLES; n -= tables[t++]->n)
		if (n < tables[t]->n)
			return &tables[t]->rules[n];
	return NULL;
}

static bool in_table(const struct rule *r, const struct rule_table *t)
{
	return r >= t->rules && r < t->rules + t->n;
}

int rule_index(const struct rule *r)
{
	unsigned before = 0;

	for (size_t t = 0; t < TABLES; before += tables[t++]->n)
		if (in_table(r, tables[t]))
			return (int)(before + (unsigned)(r - tables[t]->rules));
	return -1;
}

static const struct rule_table *table_of(const struct rule *r)
{
	size_t t = 0;

	while (!in_table(r, tables[t]))
		t++;
	return tables[t];
}

unsigned rule_virtio_id(const struct rule *r)
{
	const struct check_class *class = table_of(r)->class;

	return class ? class->virtio_id : 0;
}

const struct explanation *rule_explanation(const struct rule *r)
{
	return r->explanation ? r->explanation : &table_of(r)->explanation;
}

const struct check_class *check_class(unsigned virtio_id)
{
	static const struct check_class none;

	for (size_t t = 0; t < TABLES; t++)
		if (tables[t]->class && tables[t]->class->virtio_id == virtio_id)
			return tables[t]->class;
	return &none;
}

static bool of_pci(const struct rule *r)
{
	return !strncmp(r->section, "4.1.", 4);
}

const char *rule_section(const struct rule *r, bool mmio, bool legacy)
{
	if (mmio)
		return r->mmio ? r->mmio : r->section;
	return legacy && r->legacy ? r->legacy : r->section;
}

uint64_t rule_at(const struct rule *r)
{
	return r->at | (of_pci(r) && !r->mmio ? ONLY(PCI) : 0);
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
