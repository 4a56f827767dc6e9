/* SPDX-License-Identifier: MIT */
/* Looks that the kernel takes at the rings that are followed (bpf/memory/switches.h). */
#include <string.h>

#include "bpf/follow/impl.h"
#include "decoder/util/clock.h"

uint64_t follow_now(const struct follow_vmm *v)
{
	uint64_t now = v->copies.as_of ? v->copies.as_of : clock_ns(CLOCK_MONOTONIC);

	/* what waits may have been read before this, and have a later time */
	if (now < v->read)
		now = v->read;
	return now > v->all->flushed ? now : v->all->flushed;
}

/* --- which rings ------------------------------------------------------------------------------- */

/* The largest slot that is smaller than the one before; of equal ones that which comes after it. */
static const struct slot *next_slot(const struct slots *s, const struct slot *before)
{
	const struct slot *next = NULL;

	for (unsigned i = 0; i < s->n; i++) {
		const struct slot *at = &s->slot[i];

		if (before && (at->len > before->len || (at->len == before->len && at <= before)))
			continue;
		if (!next || at->len > next->len)
			next = at;
	}
	return next;
}

void follow_withdraw(struct follow_queue *q)
{
	struct follow_vmm *v = q->device->vmm;

	if (!q->offered)
		return;
	switches_remove(v->all->switches, v->pid, q->number);
	v->all->by_number[q->number] = NULL;
	q->offered = false;
}

static void offer(struct follow_queue *q)
{
	struct follow_vmm *v = q->device->vmm;
	struct follow_source *f = v->all;
	struct vqs_ring r = snapshot_ring(&q->snoop.ring, q->host, q->device->sink.snaplen);
	const struct slot *s = NULL;
	int n;

	follow_withdraw(q);
	if (!f->switches || !q->snoop.on || v->slots.several ||
	    !snapshot_can(&q->snoop.ring, q->host))
		return;
	while (r.nareas < VQS_AREAS && (s = next_slot(&v->slots, s)))
		snapshot_ring_area(&r, s->gpa, s->gpa + s->len, s->host - s->gpa);
	n = switches_add(f->switches, v->pid, &r);
	if (n < 0)
		return;
	q->number = n;
	q->offered = true;
	f->by_number[n] = q;
}

void follow_offer_all(struct follow_vmm *v)
{
	for (struct follow_device *d = v->devices; d; d = d->next)
		for (struct follow_queue *q = d->queues; q; q = q->next)
			offer(q);
}

/* --- snapshots ---------------------------------------------------------------------------------- */

void follow_on_snapshot(void *opaque, const struct vqs_snapshot *s)
{
	struct follow_source *f = opaque;
	struct follow_queue *q = f->by_number[s->ring];
	struct words_ring words = snapshot_words(s);
	uint64_t word[COPIES_WORDS], chains, unread;
	struct copies *c;

	if (f->failed || !q || !switches_is_current(f->switches, s) || q->device->vmm->gone ||
	    !snapshot_goes_on(s, &q->snoop.ring, q->host))
		return;
	c = &q->device->vmm->copies;
	follow_attempt(q->device->vmm, clock_ns(CLOCK_MONOTONIC));
	chains = q->snoop.stats.chains;
	unread = q->snoop.stats.unread;
	if (s->since > q->looked)
		q->looked = s->since;
	words_moving(&q->snoop.ring, q->host, word);
	copies_watch(c, word, COPIES_WORDS);
	copies_take(c, s);
	looks_leave_out(&f->looks, true); /* when it came is not when it is read here */
	follow_words(q, &words);
	looks_leave_out(&f->looks, false);
	follow_looked(q, s->began);
	chains = q->snoop.stats.chains - chains;
	unread = q->snoop.stats.unread - unread;
	snapshot_weigh(&f->trust, chains - unread, unread);
	f->snapshots++;
}
