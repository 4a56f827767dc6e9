/* SPDX-License-Identifier: MIT */
/* Kicks and interrupts, until it is known which requests they were for; and findings. */
#include <errno.h>
#include <string.h>

#include "decoder/check/rule.h"
#include "decoder/export/timeline_impl.h"
#include "decoder/util/array.h"

static void put_notification(struct timeline *t, struct notifications *m, struct notification *one)
{
	const struct model_device *d = model_device(t->m, one->device);
	struct args a = { .n = 0 };
	struct timeline_item i = {
		.what = TIMELINE_INSTANT,
		.track = &one->on->t,
		.ts = one->ts,
		.name = one->name,
		.category = one->category,
		.arg = a.arg,
		.flow = one->flow,
		.nflow = one->nflow,
	};

	args_text(&a, "device", d ? d->name : "?");
	if (one->queue != VQT_NO_QUEUE)
		args_number(&a, "queue", one->queue);
	args_number(&a, "event", one->number);
	if (one->detail != UINT64_MAX)
		args_number(&a, "vector", one->detail);
	if (one->nflow)
		args_number(&a, "requests", one->nflow);
	i.narg = a.n;
	put_item(t, &m->sequence, &i);
	free(one->flow);
	*one = (struct notification){ .ts = 0 };
}

static void put_first(struct timeline *t, struct notifications *m)
{
	put_notification(t, m, &m->ring[m->first]);
	m->first = (m->first + 1) % NOTIFICATIONS;
	m->n--;
}

void notification_hold(struct timeline *t, struct notifications *m, const struct event *e,
		       const char *name, const char *category, uint64_t detail)
{
	struct track *on = track_of_thread(t, e);

	if (!on)
		return;
	if (!m->ring)
		m->ring = calloc(NOTIFICATIONS, sizeof(*m->ring));
	if (!m->ring) {
		t->rc = -ENOMEM;
		return;
	}
	if (m->n == NOTIFICATIONS)
		put_first(t, m);
	m->ring[(m->first + m->n++) % NOTIFICATIONS] = (struct notification){
		.ts = e->ts,
		.number = e->number,
		.on = on,
		.name = name,
		.category = category,
		.device = e->dev->id,
		.queue = e->queue ? e->queue->index : VQT_NO_QUEUE,
		.detail = detail,
	};
}

struct notification *notification_at(struct notifications *m, uint64_t ts)
{
	for (unsigned i = m->n; ts && i-- > 0;) {
		struct notification *one = &m->ring[(m->first + i) % NOTIFICATIONS];

		if (one->ts == ts)
			return one->nflow < NOTIFICATION_FLOWS ? one : NULL;
	}
	return NULL;
}

void notification_flow(struct timeline *t, struct notification *m, struct timeline_flow f)
{
	if (!array_room(m->flow, m->cap, m->nflow + 1))
		t->rc = -ENOMEM;
	else
		m->flow[m->nflow++] = f;
}

void notifications_put(struct timeline *t, struct notifications *m)
{
	while (m->n)
		put_first(t, m);
}

void notifications_free(struct notifications *m)
{
	for (unsigned i = 0; m->ring && i < NOTIFICATIONS; i++)
		free(m->ring[i].flow);
	free(m->ring);
}

/* --- findings: at the end, as what they are about may be long past ----------------------------- */

int timeline_finding(struct timeline *t, const struct finding *f)
{
	struct kept *k;

	if (t->nkept == KEPT_MAX) {
		t->kept_more++;
		return 0;
	}
	if (!array_room(t->kept, t->kept_cap, t->nkept + 1))
		return -ENOMEM;
	k = &t->kept[t->nkept++];
	*k = (struct kept){ f->ts, f->number, t->nkept, f->rule, f->device, f->queue, "" };
	memcpy(k->seen, f->seen, strnlen(f->seen, sizeof(k->seen) - 1));
	return 0;
}

static void put_finding(struct timeline *t, struct sequence *s, const struct kept *k)
{
	struct track *on = track_of_device(t, k->device);
	struct args a = { .n = 0 };
	struct timeline_item i = {
		.what = TIMELINE_INSTANT,
		.track = on ? &on->t : NULL,
		.ts = k->ts,
		.name = k->rule->id,
		.category = "finding",
		.arg = a.arg,
	};

	args_text(&a, "severity", check_severity_name(k->rule->severity));
	args_text(&a, "by", check_party_name(k->rule->party));
	args_untrusted(&a, "seen", k->seen, strlen(k->seen));
	args_text(&a, "expected", k->rule->text);
	if (k->queue != VQT_NO_QUEUE)
		args_number(&a, "queue", k->queue);
	args_number(&a, "event", k->number);
	i.narg = a.n;
	if (on)
		put_item(t, s, &i);
}

/* Has anything else of it been matched? */
static bool is_shown(const struct timeline *t, const struct model_device *d)
{
	const struct track_key key = { .of = TRACK_DEVICE, .device = device_key(d) };
	struct track *k;

	HASH_FIND(hh, t->track, &key, sizeof(key), k);
	return k;
}

static int by_time(const void *a, const void *b)
{
	const struct kept *x = a, *y = b;

	if (x->ts != y->ts)
		return x->ts < y->ts ? -1 : 1;
	return x->nth < y->nth ? -1 : x->nth > y->nth;
}

void findings_put(struct timeline *t)
{
	struct sequence s = { .id = 0 };

	if (t->nkept)
		qsort(t->kept, t->nkept, sizeof(*t->kept), by_time);
	for (size_t i = 0; i < t->nkept && !t->rc; i++)
		if (t->kept[i].device && is_shown(t, t->kept[i].device))
			put_finding(t, &s, &t->kept[i]);
}
