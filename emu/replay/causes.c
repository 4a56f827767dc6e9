/* SPDX-License-Identifier: MIT */
/*
 * One cause is reported as one difference.  A later difference follows from an earlier one of
 * the same device when it is about the same completion; when it says the same again; when a
 * register still reads differently; and when it is about a ring or a device that has been out
 * of step since.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/util/array.h"
#include "emu/replay/impl.h"

#define CAUSES 256 /* remembered for each device; what follows from later ones is not folded */

static bool begins(const char *subject, const char *with)
{
	return !strncmp(subject, with, strlen(with));
}

/* May it be because buffers are not processed, or not as they were recorded? */
static bool of_processing(const char *subject)
{
	return begins(subject, "interrupt.") || begins(subject, "ring.") ||
	       !strcmp(subject, "request.completion") || !strcmp(subject, "request.used_id") ||
	       !strcmp(subject, "request.order");
}

/* From here on the recorded ring and the replayed one are out of step. */
static bool breaks_queue(const char *subject)
{
	return begins(subject, "ring.used") || !strcmp(subject, "request.completion") ||
	       !strcmp(subject, "request.used_id");
}

static bool of_status(const char *subject)
{
	return begins(subject, "state.device_status") ||
	       !strcmp(subject, "register.common.device_status") ||
	       !strcmp(subject, "register.legacy.device_status");
}

/* Does it repeat this one, or is it about the same completion? */
static bool repeats(const struct replay_cause_of *c, const struct replay_divergence *d,
		    uint32_t request)
{
	if (c->number == d->number && c->queue == d->queue && begins(c->subject, "request.") &&
	    begins(d->subject, "request."))
		return true;
	if (strcmp(c->subject, d->subject) || c->queue != d->queue)
		return false;
	return (c->open && begins(c->subject, "register.")) ||
	       (c->request == request && !strcmp(c->recorded, d->recorded) &&
		!strcmp(c->replayed, d->replayed));
}

static unsigned broken_queue(const struct replay_instance *i)
{
	for (unsigned n = 0; n < i->d->num_queues; n++)
		if (i->queue[n].broken)
			return i->queue[n].broken;
	return 0;
}

static unsigned find(const struct replay_instance *i, const struct replay_divergence *d,
		     uint32_t request)
{
	for (unsigned n = 0; n < i->ncauses; n++)
		if (repeats(&i->cause[n], d, request))
			return i->cause[n].id;
	if (!of_processing(d->subject) && !of_status(d->subject))
		return 0;
	if (d->queue < i->d->num_queues && i->queue[d->queue].broken)
		return i->queue[d->queue].broken;
	if (i->broken)
		return i->broken;
	return begins(d->subject, "state.") ? broken_queue(i) : i->lacks_feature;
}

static void remember(struct replay_instance *i, const struct replay_divergence *d, uint32_t request)
{
	if (i->ncauses == CAUSES || !array_room(i->cause, i->causes_cap, i->ncauses + 1))
		return;
	struct replay_cause_of *c = &i->cause[i->ncauses++];
	*c = (struct replay_cause_of){ .id = d->id,
				       .queue = d->queue,
				       .request = request,
				       .number = d->number,
				       .open = true };
	memcpy(c->subject, d->subject, sizeof(c->subject));
	memcpy(c->recorded, d->recorded, sizeof(c->recorded));
	memcpy(c->replayed, d->replayed, sizeof(c->replayed));
}

void replay_cause(struct replay_instance *i, const struct event *e, struct replay_divergence *d)
{
	const struct model_request *r = e->req;
	const uint32_t request = r && r->typed ? r->type_raw : 0;
	d->id = ++i->r->differences;
	d->follows = find(i, d, request);
	if (!d->follows)
		remember(i, d, request);
	const unsigned cause = d->follows ? d->follows : d->id;
	if (breaks_queue(d->subject) && d->queue < i->d->num_queues && !i->queue[d->queue].broken)
		i->queue[d->queue].broken = cause;
	if (of_status(d->subject) && !i->broken)
		i->broken = cause;
}

void replay_cause_over(struct replay_instance *i, const char *subject)
{
	for (unsigned n = 0; n < i->ncauses; n++)
		if (!strcmp(i->cause[n].subject, subject))
			i->cause[n].open = false;
}
