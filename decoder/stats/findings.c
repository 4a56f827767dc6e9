/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "decoder/util/hash.h"
#include "decoder/check/rule.h"
#include "decoder/stats/findings.h"
#include "decoder/util/text.h"

struct entry {
	struct {
		const struct rule *rule;
		uint64_t device;
	} key;
	struct stat_finding f;
	UT_hash_handle hh;
};

struct stat_findings {
	struct entry *entries; /* bounded by rules and devices */
	int err;
};

struct stat_findings *stat_findings_new(void)
{
	return calloc(1, sizeof(struct stat_findings));
}

void stat_findings_free(struct stat_findings *f)
{
	if (!f)
		return;
	hash_free(f->entries);
	free(f);
}

static int worse(const struct entry *a, const struct entry *b)
{
	if (a->f.rule->severity != b->f.rule->severity)
		return a->f.rule->severity < b->f.rule->severity ? -1 : 1;
	if (a->f.count != b->f.count)
		return a->f.count > b->f.count ? -1 : 1;
	return a->f.number < b->f.number ? -1 : a->f.number > b->f.number;
}

void stat_findings_add(void *opaque, const struct finding *found)
{
	struct stat_findings *f = opaque;
	struct entry *e, probe = { .key = { found->rule, found->device ? found->device->id : 0 } };
	struct text seen;

	HASH_FIND(hh, f->entries, &probe.key, sizeof(probe.key), e);
	if (!e) {
		hash_add_new(f->entries, key, probe.key, e);
		if (!e) {
			f->err = -ENOMEM;
			return;
		}
		e->f = (struct stat_finding){
			.rule = found->rule,
			.section = found->section,
			.device = (uint16_t)probe.key.device,
			.number = found->number,
		};
		seen = (struct text){ .buf = e->f.seen, .size = sizeof(e->f.seen) };
		text_puts(&seen, found->seen);
	}
	e->f.count++;
}

int stat_findings_error(const struct stat_findings *f)
{
	return f->err;
}

const struct stat_finding *stat_findings_nth(const struct stat_findings *f, unsigned device,
					     unsigned n)
{
	/* The cast is safe: sorting changes only the order of iteration. */
	HASH_SORT(((struct stat_findings *)f)->entries, worse);
	for (const struct entry *e = f->entries; e; e = e->hh.next)
		if (e->f.device == device && !n--)
			return &e->f;
	return NULL;
}
