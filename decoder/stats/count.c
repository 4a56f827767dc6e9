/* SPDX-License-Identifier: MIT */
/* Adding to the counts, latencies and ring figures of what an event counts for. */
#include <errno.h>
#include <stdlib.h>

#include "decoder/stats/impl.h"

unsigned stats_batch_of(uint64_t n)
{
	unsigned b = n ? 64 - (unsigned)__builtin_clzll(n) : 0;

	return b < STATS_BATCHES ? b : STATS_BATCHES - 1;
}

int stats_add_span(struct feed *f, unsigned span, uint64_t from, uint64_t to)
{
	struct hist *d, *q;
	uint64_t ns = to > from ? to - from : 0;

	if (!f->counted || !from)
		return 0;
	d = STATS_MADE(&f->d->span[span]);
	q = f->q ? STATS_MADE(&f->q->span[span]) : NULL;
	if (!d || (f->q && !q))
		return -ENOMEM;
	hist_add(d, ns, 1);
	if (q)
		hist_add(q, ns, 1);
	return 0;
}

void stats_follow_ring(struct feed *f, const struct vqt_ring *r)
{
	int waiting = record_ring_backlog(r);

	if (!f->q || waiting < 0)
		return;
	f->q->waiting = (uint16_t)waiting;
	if (f->q->waiting > f->q->waiting_max)
		f->q->waiting_max = f->q->waiting;
}
