/* SPDX-License-Identifier: MIT */
/*
 * Joins what the driver's side and the device's recorded of a request: by queue, position and
 * head, and by what is asked for.  A life ends when nothing more is to come from either side.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "decoder/model/impl.h"
#include "decoder/trace/guest.h"

#define ISSUED_MAX 1024 /* requests of a queue that the driver was handed and has not added */
#define WAITING_MAX 1024 /* lives of a queue that wait for an interrupt, or for blk-mq */

enum side { DEVICE, DRIVER, SIDES };

/* A request that was handed to the driver. */
struct issue {
	uint64_t rq, sector, made, issued;
	int32_t tag;
	uint32_t tid;
	struct issue *prev, *next;
};

/* What is remembered of a queue, on either side. */
struct model_lives {
	struct issue *issued; /* driver */
	unsigned n_issued;
	struct life_links *undecided; /* driver: added since it looked whether to kick */
	struct life_links *pushed; /* device: no interrupt since */
	struct life_links *taken; /* driver: blk-mq has not completed it */
	unsigned n_pushed, n_taken;
	uint64_t handled; /* driver: when the handler ran last */
};

struct life_links {
	struct model_life life;
	struct model_request *req[SIDES]; /* in flight on that side */
	bool used[SIDES]; /* the device has pushed it; the driver has taken it */
	struct model_lives *lives[SIDES]; /* of the queue there */
	bool looked; /* the driver has looked whether to kick */
	bool undecided, pushed, taken; /* is in that list */
	struct life_links *prev, *next; /* all */
	struct life_links *prev_undecided, *next_undecided;
	struct life_links *prev_pushed, *next_pushed;
	struct life_links *prev_taken, *next_taken;
};

/* --- the lists --------------------------------------------------------------------------------- */

static struct model_lives *get_lives(struct model_queue *q)
{
	if (!q->lives)
		q->lives = calloc(1, sizeof(*q->lives));
	return q->lives;
}

static void drop_issue(struct model_lives *s, struct issue *i)
{
	DL_DELETE(s->issued, i);
	s->n_issued--;
	free(i);
}

static void leave_undecided(struct life_links *l)
{
	if (l->undecided)
		DL_DELETE2(l->lives[DRIVER]->undecided, l, prev_undecided, next_undecided);
	l->undecided = false;
}

static void leave_pushed(struct life_links *l)
{
	if (!l->pushed)
		return;
	DL_DELETE2(l->lives[DEVICE]->pushed, l, prev_pushed, next_pushed);
	l->lives[DEVICE]->n_pushed--;
	l->pushed = false;
}

static void leave_taken(struct life_links *l)
{
	if (!l->taken)
		return;
	DL_DELETE2(l->lives[DRIVER]->taken, l, prev_taken, next_taken);
	l->lives[DRIVER]->n_taken--;
	l->taken = false;
}

/* It is nobody's any more. */
static void detach(struct model *m, struct life_links *l)
{
	leave_undecided(l);
	leave_pushed(l);
	leave_taken(l);
	for (unsigned side = 0; side < SIDES; side++)
		if (l->req[side])
			l->req[side]->life = NULL;
	DL_DELETE(m->lives, l);
}

/* Nothing more will be seen of it: observers get it with this event. */
static void end_life(struct model *m, struct life_links *l)
{
	const struct model_device *one = l->life.device ? l->life.device : l->life.driver;

	detach(m, l);
	/* of a driver whose times are not known it may have been recorded at another time */
	l->life.other_recorded = (!l->life.device || !l->life.driver) && one->peer &&
				 l->life.error != VQT_CLOCK_UNKNOWN;
	l->life.next = m->ended;
	m->ended = &l->life;
}

static void discard(struct model *m, struct life_links *l)
{
	detach(m, l);
	free(l);
}

void model_lives_let_go(struct model *m)
{
	while (m->ended) {
		struct model_life *l = m->ended;

		m->ended = l->next;
		free(l->links);
	}
}

static bool over_at_device(const struct life_links *l)
{
	return !l->life.device || (l->used[DEVICE] && (!l->pushed || l->life.driver));
}

static bool over_at_driver(const struct life_links *l)
{
	return !l->life.driver || (l->used[DRIVER] && !l->taken);
}

static void end_if_over(struct model *m, struct life_links *l)
{
	if (over_at_device(l) && over_at_driver(l))
		end_life(m, l);
}

/* The oldest of a list that has become too long waits no longer. */
static void limit(struct model *m, struct model_lives *s)
{
	while (s->n_pushed > WAITING_MAX) {
		struct life_links *l = s->pushed;

		leave_pushed(l);
		end_if_over(m, l);
	}
	while (s->n_taken > WAITING_MAX) {
		struct life_links *l = s->taken;

		leave_taken(l);
		end_if_over(m, l);
	}
}

static void end_waiting(struct model *m, struct model_lives *s)
{
	while (s->pushed) {
		struct life_links *l = s->pushed;

		leave_pushed(l);
		end_if_over(m, l);
	}
	while (s->taken) {
		struct life_links *l = s->taken;

		leave_taken(l);
		end_if_over(m, l);
	}
}

void model_lives_reset(struct model *m, struct model_queue *q)
{
	struct model_lives *s = q->lives;

	if (!s)
		return;
	while (s->issued)
		drop_issue(s, s->issued);
	while (s->undecided)
		leave_undecided(s->undecided);
	end_waiting(m, s);
	s->handled = 0;
}

const struct model_life *model_finish(struct model *m)
{
	model_lives_let_go(m);
	for (unsigned i = 0; i < m->ndevice; i++)
		for (struct model_queue *q = m->device[i]->queues; q; q = q->hh.next)
			if (q->lives)
				end_waiting(m, q->lives);
	return m->ended;
}

void model_lives_free(struct model *m, struct model_queue *q)
{
	model_lives_reset(m, q);
	free(q->lives);
	q->lives = NULL;
}

/* One side gives it up; what the other one has seen of it stays. */
static void leave_side(struct life_links *l, enum side side)
{
	if (side == DEVICE) {
		leave_pushed(l);
		l->life.device = NULL;
	} else {
		leave_undecided(l);
		leave_taken(l);
		l->life.driver = NULL;
	}
	for (enum life_point p = 0; p < LIFE_POINTS; p++)
		if (life_point_of_driver(p) == (side == DRIVER))
			l->life.at[p] = 0;
	l->req[side]->life = NULL;
	l->req[side] = NULL;
	l->lives[side] = NULL;
}

void model_life_dropped(struct model *m, struct model_request *r)
{
	struct life_links *l = r->life ? r->life->links : NULL;
	enum side side;

	if (!l)
		return;
	/* it was cancelled, or its end was not recorded */
	side = l->req[DEVICE] == r ? DEVICE : DRIVER;
	if (!l->req[!side] && !l->used[!side]) {
		discard(m, l);
		return;
	}
	leave_side(l, side);
	end_if_over(m, l);
}

/* --- joining ------------------------------------------------------------------------------------- */

static struct life_links *new_life(struct model *m, const struct event *e)
{
	struct life_links *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	l->life.links = l;
	l->life.number = e->number;
	l->life.queue = e->queue->index;
	DL_APPEND(m->lives, l);
	return l;
}

/* Do both sides speak of the same request? */
static bool same_request(const struct model_request *a, const struct model_request *b)
{
	if (a->pos != b->pos || a->readable != b->readable || a->writable != b->writable)
		return false;
	return !a->typed || !b->typed || (a->type_raw == b->type_raw && a->sector == b->sector);
}

/* The life that the other side has begun, of the chain that this one records now. */
static struct life_links *begun_by_peer(const struct event *e, const struct model_request *r,
					enum side side)
{
	const struct model_queue *q =
		e->dev->peer ? model_queue(e->dev->peer, e->queue->index) : NULL;
	const struct model_request *other = q ? model_in_flight(q, r->head) : NULL;
	struct life_links *l = other && other->life ? other->life->links : NULL;

	return l && !l->req[side] && !l->lives[side] && same_request(other, r) ? l : NULL;
}

static void note_error(const struct event *e, struct model_life *l)
{
	/* times of another clock are either mapped, or compared with ours by nobody */
	uint32_t error = e->source->mapped		      ? e->source->error
			 : event_by_driver(e) && e->dev->peer ? VQT_CLOCK_UNKNOWN
							      : 0;

	l->error = error > l->error ? error : l->error;
}

/* What is asked for, as far as this side's record tells it better. */
static void note_request(struct model_life *l, const struct model_request *r)
{
	bool result = l->io.done && l->io.status_known;

	if (l->io.typed && !r->typed)
		return;
	if (result && !r->status_known)
		return;
	l->io = r->io;
	l->io.accepted = NULL;
	l->ndesc = model_descriptors(r);
}

static bool may_be(const struct issue *i, const struct model_request *r, uint32_t tid)
{
	return i->tid == tid &&
	       (!r->type || !(r->type->flags & SPEC_REQ_SECTOR) || i->sector == r->sector);
}

/*
 * The request that the thread was handed before it added this chain.  Of two that ask for the same,
 * one may be from before, and its addition was lost: which it is nobody can say.
 */
static void take_issue(struct model_lives *s, struct model_life *l, const struct model_request *r,
		       uint32_t tid)
{
	struct issue *i, *next, *found = NULL;
	bool sole = true, asks = r->type && r->type->flags & SPEC_REQ_SECTOR;

	DL_FOREACH (s->issued, i) {
		if (!may_be(i, r, tid))
			continue;
		sole = !found;
		found = found ? found : i;
		if (!sole || !asks)
			break;
	}
	if (!found)
		return;
	if (sole) {
		l->rq = found->rq;
		l->tag = found->tag;
		l->at[LIFE_MADE] = found->made;
		l->at[LIFE_ISSUED] = found->issued;
		drop_issue(s, found);
		return;
	}
	DL_FOREACH_SAFE (s->issued, i, next)
		if (may_be(i, r, tid))
			drop_issue(s, i);
}

static void added(struct life_links *l, const struct event *e, const struct model_request *r)
{
	const struct vqt_avail *a = &e->rec->avail;
	struct model_lives *s = l->lives[DRIVER];
	uint64_t adding = (uint64_t)a->adding * VQT_ADDING_NS;

	l->life.driver = e->dev;
	l->life.added = e->number;
	l->life.at[LIFE_ADDED] = e->ts;
	if (a->adding && a->adding != VQT_ADDING_MORE && e->ts > adding)
		l->life.at[LIFE_ADDING] = e->ts - adding;
	take_issue(s, &l->life, r, e->rec->h.tid);
	DL_APPEND2(s->undecided, l, prev_undecided, next_undecided);
	l->undecided = true;
}

static void popped(struct life_links *l, const struct event *e, const struct model_request *r)
{
	l->life.device = e->dev;
	l->life.popped = e->number;
	/* a packed ring does not tell which kick announced it: the latest, if that came after it */
	l->life.at[LIFE_KICKED] = r->announce_ts || !l->life.driver ? r->announce_ts : r->kick_ts;
	l->life.at[LIFE_POPPED] = r->avail_ts;
}

int model_life_avail(struct model *m, struct event *e, struct model_request *r)
{
	enum side side = e->dev->by_driver ? DRIVER : DEVICE;
	struct life_links *l;

	if ((!e->dev->peer && side == DEVICE) || r->posted || r->before || r->life ||
	    e->rec->avail.flags & (VQT_CHAIN_DERIVED | VQT_CHAIN_AGAIN))
		return 0;
	l = begun_by_peer(e, r, side);
	if (!l)
		l = new_life(m, e);
	if (!l || !get_lives(e->queue)) {
		if (l && !l->lives[!side])
			discard(m, l);
		return -ENOMEM;
	}
	l->lives[side] = e->queue->lives;
	l->req[side] = r;
	r->life = &l->life;
	r->lived = true;
	l->life.head = r->head;
	l->life.pos = r->pos;
	note_request(&l->life, r);
	note_error(e, &l->life);
	if (side == DRIVER)
		added(l, e, r);
	else
		popped(l, e, r);
	return 0;
}

/* A kick before the request was added was not for it. */
static void tidy(struct model_life *l)
{
	uint64_t added = l->at[LIFE_ADDING] ? l->at[LIFE_ADDING] : l->at[LIFE_ADDED];
	uint64_t slack = l->error == VQT_CLOCK_UNKNOWN ? 0 : l->error;

	if (l->driver && l->device && l->at[LIFE_KICKED] && l->at[LIFE_KICKED] + slack < added)
		l->at[LIFE_KICKED] = 0;
	/* and a kick after the device had found the request, neither */
	if (l->at[LIFE_POPPED] && l->at[LIFE_NOTIFIED] > l->at[LIFE_POPPED] + slack)
		l->at[LIFE_NOTIFIED] = 0;
	if (l->at[LIFE_POPPED] && l->at[LIFE_DECIDED] > l->at[LIFE_POPPED] + slack)
		l->at[LIFE_DECIDED] = 0;
	/* an interrupt before it was used was not for it: the driver found it in passing */
	if (l->at[LIFE_PUSHED] && l->at[LIFE_HANDLED] &&
	    l->at[LIFE_HANDLED] + slack < l->at[LIFE_PUSHED])
		l->at[LIFE_HANDLED] = 0;
}

void model_life_used(struct model *m, struct event *e, struct model_request *r)
{
	struct life_links *l = r->life ? r->life->links : NULL;
	struct model_lives *s;
	enum side side;

	if (!l)
		return;
	/* as it was when it began: a trace may say later that the device is the driver's */
	side = l->req[DEVICE] == r ? DEVICE : DRIVER;
	s = l->lives[side];
	l->req[side] = NULL;
	l->used[side] = true;
	r->life = NULL;
	note_request(&l->life, r);
	note_error(e, &l->life);
	if (side == DEVICE) {
		l->life.at[LIFE_SUBMITTED] = r->backend_ts;
		l->life.at[LIFE_ANSWERED] = r->backend_end_ts;
		l->life.at[LIFE_PUSHED] = e->ts;
		DL_APPEND2(s->pushed, l, prev_pushed, next_pushed);
		s->n_pushed++;
		l->pushed = true;
	} else {
		l->life.at[LIFE_TAKEN] = e->ts;
		if (s->handled > l->life.at[LIFE_ADDED])
			l->life.at[LIFE_HANDLED] = s->handled;
		leave_undecided(l);
		if (l->life.rq) {
			DL_APPEND2(s->taken, l, prev_taken, next_taken);
			s->n_taken++;
			l->taken = true;
		}
	}
	tidy(&l->life);
	end_if_over(m, l);
	limit(m, s);
}

/* --- kicks, interrupts, blk-mq --------------------------------------------------------------------- */

/* The device's: it reports what it has used since the last one. */
static void raised(struct model *m, const struct event *e, struct model_lives *s)
{
	while (s->pushed) {
		struct life_links *l = s->pushed;

		leave_pushed(l);
		if (!l->used[DRIVER])
			l->life.at[LIFE_RAISED] = e->ts;
		end_if_over(m, l);
	}
}

void model_life_irq(struct model *m, struct event *e)
{
	unsigned kind = e->rec->irq.kind;

	if (!e->queue || !e->queue->lives)
		return;
	if (kind == VQT_IRQ_HANDLER)
		e->queue->lives->handled = e->ts;
	else if (kind != VQT_IRQ_CONFIG && kind != VQT_IRQ_CONFIG_HANDLER)
		raised(m, e, e->queue->lives);
}

/* The driver's: of all that it has added since it looked last. */
void model_life_kick(struct event *e)
{
	struct life_links *l;

	if (!e->queue || !e->queue->lives || !e->dev->by_driver)
		return;
	while ((l = e->queue->lives->undecided)) {
		leave_undecided(l);
		l->life.at[LIFE_NOTIFIED] = e->ts;
		l->life.kicked = true;
	}
}

static void decided(struct event *e, struct model_lives *s)
{
	/* from the latest on, up to those of an earlier look, which wait for their kick */
	for (struct life_links *l = s->undecided ? s->undecided->prev_undecided : NULL;
	     l && !l->looked; l = l == s->undecided ? NULL : l->prev_undecided) {
		l->life.at[LIFE_DECIDED] = e->ts;
		l->looked = true;
	}
	while (!e->rec->guest.ret && s->undecided)
		leave_undecided(s->undecided); /* no kick follows */
}

/* It is begun anew, or over: what was remembered of it, its addition to the ring was lost. */
static void forget_issue(struct model_lives *s, uint64_t rq)
{
	struct issue *i, *next;

	DL_FOREACH_SAFE (s->issued, i, next)
		if (i->rq == rq)
			drop_issue(s, i);
}

static int issued(struct event *e, struct model_lives *s)
{
	const struct record *r = e->rec;
	struct issue *i;

	if (r->guest.nargs < 6)
		return 0;
	forget_issue(s, record_guest_arg(r, 0));
	i = calloc(1, sizeof(*i));
	if (!i)
		return -ENOMEM;
	i->rq = record_guest_arg(r, 0);
	i->tag = (int32_t)record_guest_arg(r, 1);
	i->sector = record_guest_arg(r, 3);
	i->made = record_guest_arg(r, 5);
	/* it would not have been made yet, or before the clock began */
	if (i->made > r->h.ts || r->h.ts - i->made >= e->ts)
		i->made = 0;
	else if (i->made)
		i->made = e->ts - (r->h.ts - i->made);
	i->issued = e->ts;
	i->tid = r->h.tid;
	if (s->n_issued == ISSUED_MAX)
		drop_issue(s, s->issued);
	DL_APPEND(s->issued, i);
	s->n_issued++;
	return 0;
}

static void completed(struct model *m, struct event *e, struct model_lives *s)
{
	uint64_t rq = e->rec->guest.nargs ? record_guest_arg(e->rec, 0) : 0;
	struct life_links *l;

	forget_issue(s, rq);
	DL_FOREACH2(s->taken, l, next_taken)
	if (l->life.rq == rq)
		break;
	if (!l)
		return;
	l->life.at[LIFE_COMPLETED] = e->ts;
	leave_taken(l);
	end_if_over(m, l);
}

int model_life_guest(struct model *m, struct event *e)
{
	const struct vqt_guest *g = &e->rec->guest;
	struct model_lives *s = e->queue ? get_lives(e->queue) : NULL;

	if (!e->queue)
		return 0;
	if (!s)
		return -ENOMEM;
	if (g->what == VQT_GUEST_RQ_ISSUE)
		return issued(e, s);
	if (g->what == VQT_GUEST_RQ_COMPLETE)
		completed(m, e, s);
	else if (g->what == VQT_GUEST_KICK_PREPARE && g->phase == VQT_GUEST_RETURN)
		decided(e, s);
	return 0;
}
