/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/emu/check.h"

/* Whether a word is in "a,b,c". */
static bool watch_listed(const char *list, const char *word)
{
	size_t len = strlen(word);

	for (; list && *list; list += strcspn(list, ","), list += *list == ',')
		if (!strncmp(list, word, len) && (list[len] == ',' || !list[len]))
			return true;
	return false;
}

static unsigned index_of(const struct rule *r)
{
	unsigned i = 0;

	while (rule_nth(i) != r)
		i++;
	return i;
}

static void found(void *opaque, const struct finding *f)
{
	struct watch *w = opaque;

	w->hit[index_of(f->rule)] = 1;
	if (watch_listed(w->except, f->rule->id))
		return;
	if (!w->found++)
		snprintf(w->first, sizeof(w->first), "%s at %llu: %s", f->rule->id,
			 (unsigned long long)f->number, f->seen);
}

static void emit(void *opaque, const void *bytes, size_t len)
{
	struct watch *w = opaque;
	struct record r;
	struct event e;

	if (record_parse(&r, bytes, len, NULL) || model_feed(w->model, &r, ++w->number, &e) ||
	    check_feed(w->check, w->model, &e))
		abort();
}

static uint64_t now(void *opaque)
{
	struct watch *w = opaque;

	return w->time += w->tick;
}

void watch_begin(struct watch *w, uint64_t tick, const char *except)
{
	unsigned rules = 0;

	while (rule_nth(rules))
		rules++;
	*w = (struct watch){ .tick = tick, .except = except };
	w->hit = calloc(rules, 1);
	w->model = model_new();
	if (!w->hit || !w->model || check_new(&w->check, NULL, found, w, NULL))
		abort();
}

struct emu_tap_config watch_tap(struct watch *w)
{
	return (struct emu_tap_config){ .emit = emit, .now = now, .opaque = w };
}

void watch_end(struct watch *w)
{
	check_finish(w->check, w->model);
}

bool watch_hit(const struct watch *w, const char *rule)
{
	const struct rule *r = rule_by_id(rule);

	return r && w->hit[index_of(r)];
}

void watch_free(struct watch *w)
{
	check_free(w->check);
	model_free(w->model);
	free(w->hit);
}
