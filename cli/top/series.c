/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/metrics/exposition.h"
#include "cli/top/series.h"

/* What is gone stays so long on the page: the last counts have been scraped then. */
#define GONE_NS UINT64_C(600000000000)

static void put_label_u64(FILE *to, const char *name, uint64_t value)
{
	char digits[24];

	snprintf(digits, sizeof(digits), "%" PRIu64, value);
	exposition_label(to, name, digits);
}

/*
 * Of a row, its VM and its device; numbered: with the device's number in the trace, too.  To be
 * freed, NULL without memory.
 */
static char *make_labels(const struct top_core *c, const struct top_row *vm,
			 const struct top_row *device, const struct top_row *r, bool numbered)
{
	const struct model_source *s = model_source(c->model, r->source);
	char *labels = NULL, name[sizeof(r->name) + 16];
	size_t len;
	FILE *to = open_memstream(&labels, &len);

	if (!to)
		return NULL;
	exposition_label(to, "vm", vm ? vm->name : "");
	put_label_u64(to, "pid", s ? s->pid : 0);
	snprintf(name, sizeof(name), numbered ? "%s#%u" : "%s", device ? device->name : "",
		 r->device);
	exposition_label(to, "device", name);
	exposition_label(to, "type", device ? device->type : "");
	if (r->kind == TOP_QUEUE)
		put_label_u64(to, "queue", r->queue);
	if (fclose(to)) {
		free(labels);
		return NULL;
	}
	return labels;
}

/*
 * Devices may have the same labels: one that was unplugged, and the one that was plugged in again
 * with its name.  The later one goes on with the series, unless it is the one that is gone.
 */
static bool goes_on(const struct top_row *later, const struct top_row *r)
{
	return r->gone || !later->gone;
}

/* Do two that are there have the same name?  An id may be what another one without any is called. */
static bool is_taken(const struct series *all, const char *labels, const struct top_row *r)
{
	const struct series *s = NULL;

	if (labels && !r->gone)
		HASH_FIND_STR(all, labels, s);
	return s && !s->row->gone;
}

static int add_series(struct series **all, const struct top_core *c, char *labels,
		      struct top_row *r)
{
	const struct stats_device *d = stats_device(c->stats, r->device);
	struct series *s;

	HASH_FIND_STR(*all, labels, s);
	if (s) {
		free(labels);
		if (!goes_on(r, s->row))
			return 0;
	} else {
		s = calloc(1, sizeof(*s));
		if (!s) {
			free(labels);
			return -ENOMEM;
		}
		s->labels = labels;
		HASH_ADD_KEYPTR(hh, *all, s->labels, strlen(s->labels), s);
		if (!hash_holds(s)) {
			free(labels);
			free(s);
			return -ENOMEM;
		}
	}
	s->row = r;
	s->model = model_device(c->model, r->device);
	s->device = d;
	s->queue = d && r->kind == TOP_QUEUE ? stats_queue(d, r->queue) : NULL;
	top_core_counts(c, r, &s->counts);
	return 0;
}

/* Rows come as they are drawn: a VM, its devices, in each its queues. */
int top_series_find(struct series **all, const struct top_core *c)
{
	const struct top_row *vm = NULL, *device = NULL;

	for (size_t i = 0; i < c->nrows; i++) {
		struct top_row *r = c->row[i];
		char *labels;

		if (r->kind == TOP_VM)
			vm = r;
		if (r->kind == TOP_DEVICE)
			device = r;
		if (r->kind == TOP_VM || (r->gone_ts && c->tick_ts - r->gone_ts >= GONE_NS))
			continue;
		labels = make_labels(c, vm, device, r, false);
		if (is_taken(*all, labels, r)) {
			free(labels);
			labels = make_labels(c, vm, device, r, true);
		}
		if (!labels || add_series(all, c, labels, r))
			return -ENOMEM;
	}
	return 0;
}

void top_series_free(struct series *all)
{
	struct series *s, *next;

	HASH_ITER (hh, all, s, next) {
		HASH_DEL(all, s);
		free(s->labels);
		free(s);
	}
}
