/* SPDX-License-Identifier: MIT */
/* What the checker found, kept until the next event is read. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/api/impl.h"
#include "decoder/check/rule.h"
#include "decoder/util/text.h"

#define SEEN_MAX 1024 /* bytes */

static bool room(struct vqtrace *t)
{
	size_t cap = t->cap ? 2 * t->cap : 8;
	struct vqtrace_finding *list;

	if (t->nfindings < t->cap)
		return true;
	list = realloc(t->finding, cap * sizeof(*list));
	if (!list)
		return false;
	t->finding = list;
	t->cap = cap;
	return true;
}

void api_on_finding(void *opaque, const struct finding *f)
{
	struct vqtrace *t = opaque;
	struct vqtrace_finding *to;
	TEXT(seen, SEEN_MAX);
	char *copy;

	t->count[f->rule->severity]++;
	text_untrusted(&seen, f->seen, strlen(f->seen));
	copy = room(t) ? strdup(seen.buf) : NULL;
	if (!copy) {
		t->failed = true;
		return;
	}
	to = &t->finding[t->nfindings++];
	*to = (struct vqtrace_finding){
		.rule = f->rule,
		.section = f->section,
		.number = f->number,
		.since = f->since,
		.queue = f->queue == VQT_NO_QUEUE ? -1 : (int)f->queue,
		.seen = copy,
	};
	snprintf(to->device, sizeof(to->device), "%s", f->device->name);
}

void api_drop_findings(struct vqtrace *t)
{
	for (size_t i = 0; i < t->nfindings; i++)
		free(t->finding[i].seen);
	t->nfindings = t->taken = 0;
}

const struct vqtrace_finding *vqtrace_next_finding(struct vqtrace *t)
{
	return t->taken < t->nfindings ? &t->finding[t->taken++] : NULL;
}

const char *vqtrace_finding_rule(const struct vqtrace_finding *f)
{
	return f->rule->id;
}

enum vqtrace_party vqtrace_finding_party(const struct vqtrace_finding *f)
{
	return f->rule->party == CHECK_DRIVER ? VQTRACE_DRIVER : VQTRACE_DEVICE;
}

static enum vqtrace_severity severity_of(unsigned severity)
{
	static const enum vqtrace_severity names[CHECK_SEVERITIES] = {
		[CHECK_MUST] = VQTRACE_MUST,
		[CHECK_STRUCTURAL] = VQTRACE_STRUCTURAL,
		[CHECK_SHOULD] = VQTRACE_SHOULD,
		[CHECK_SUSPICIOUS] = VQTRACE_SUSPICIOUS,
	};

	return names[severity];
}

enum vqtrace_severity vqtrace_finding_severity(const struct vqtrace_finding *f)
{
	return severity_of(f->rule->severity);
}

const char *vqtrace_finding_section(const struct vqtrace_finding *f)
{
	return f->section;
}

const char *vqtrace_finding_device(const struct vqtrace_finding *f)
{
	return f->device;
}

int vqtrace_finding_queue(const struct vqtrace_finding *f)
{
	return f->queue;
}

uint64_t vqtrace_finding_event(const struct vqtrace_finding *f)
{
	return f->number;
}

uint64_t vqtrace_finding_since(const struct vqtrace_finding *f)
{
	return f->since;
}

const char *vqtrace_finding_seen(const struct vqtrace_finding *f)
{
	return f->seen;
}

const char *vqtrace_finding_expected(const struct vqtrace_finding *f)
{
	return f->rule->text;
}

uint64_t vqtrace_findings(const struct vqtrace *t, enum vqtrace_severity severity)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < CHECK_SEVERITIES; i++)
		if (severity_of(i) <= severity)
			n += t->count[i];
	return n;
}

int vqtrace_decided(const struct vqtrace *t, enum vqtrace_party party)
{
	unsigned of = party == VQTRACE_DRIVER ? CHECK_DRIVER : CHECK_DEVICE;
	const struct rule *r;
	struct check_tally tally;

	for (unsigned i = 0; t->check && (r = rule_nth(i)); i++) {
		check_tally(t->check, r, &tally);
		if (r->party == of && tally.selected && (tally.passed || tally.broken))
			return 1;
	}
	return 0;
}
