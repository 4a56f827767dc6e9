/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>

#include "decoder/pair/chain.h"
#include "decoder/pair/pair.h"
#include "decoder/util/array.h"
#include "decoder/util/hash.h"

#define TWINS_MAX 65536
#define HELD_MAX 65536
#define RUNNING_MAX 64
/*
 * ns of guest time that a bound waits for older ones: a chain may lie in the ring for long
 * before it is popped, and only then its bound is known.
 */
#define HOLD UINT64_C(1000000000)

struct times {
	uint64_t begin, end;
	bool begun, ended;
};

/* A chain, or a write to a register, that one side or both have recorded. */
struct twin {
	uint64_t key;
	struct times side[MERGE_SIDES];
	uint64_t place[MERGE_SIDES]; /* of its chain in flight: flight.place; 0 none */
	UT_hash_handle hh; /* in the order of their first record */
};

/* A chain in flight on one side. */
struct flight {
	uint64_t place; /* 1 << 48 | device << 32 | queue << 16 | head */
	struct twin *twin;
	UT_hash_handle hh;
};

struct bound {
	uint64_t guest, host;
	bool before;
};

/* A function of a driver that writes a register, and has not returned as far as is known. */
struct running {
	uint32_t tid;
	uint64_t key;
};

/* A question that one side, or both, have recorded. */
struct asked {
	uint64_t nonce;
	bool has[MERGE_SIDES];
	struct vqt_exchange side[MERGE_SIDES];
	UT_hash_handle hh; /* in the order of their first record */
};

struct pair {
	struct align *to;
	bool content;
	struct twin *twins;
	struct flight *flights[MERGE_SIDES];
	struct asked *asked;
	struct bound *held; /* a heap: the oldest first */
	size_t n_held, cap_held;
	uint64_t now; /* the latest guest time */
	bool any;
	uint64_t told[2]; /* host time of the latest bound: lower, upper */
	struct running running[RUNNING_MAX];
	unsigned n_running;
	struct pair_counts counts;
};

struct pair *pair_new(struct align *to, bool content)
{
	struct pair *p = calloc(1, sizeof(*p));

	if (p) {
		p->to = to;
		p->content = content;
	}
	return p;
}

static void drop_flight(struct pair *p, enum merge_side side, struct flight *f)
{
	if (f->twin)
		f->twin->place[side] = 0;
	HASH_DEL(p->flights[side], f);
	free(f);
}

static struct flight *find_flight(const struct pair *p, enum merge_side side, uint64_t place)
{
	struct flight *f;

	HASH_FIND(hh, p->flights[side], &place, sizeof(place), f);
	return f;
}

static void drop_twin(struct pair *p, struct twin *t)
{
	for (unsigned side = 0; side < MERGE_SIDES; side++) {
		struct flight *f = t->place[side] ? find_flight(p, side, t->place[side]) : NULL;

		if (f)
			drop_flight(p, side, f);
	}
	HASH_DEL(p->twins, t);
	free(t);
}

static void drop_all(struct pair *p)
{
	struct twin *t, *next;

	HASH_ITER (hh, p->twins, t, next)
		drop_twin(p, t);
	for (unsigned side = 0; side < MERGE_SIDES; side++) {
		struct flight *f, *after;

		HASH_ITER (hh, p->flights[side], f, after)
			drop_flight(p, side, f);
	}
	p->n_running = 0;
}

void pair_free(struct pair *p)
{
	struct asked *a, *next;

	if (!p)
		return;
	drop_all(p);
	HASH_ITER (hh, p->asked, a, next) {
		HASH_DEL(p->asked, a);
		free(a);
	}
	free(p->held);
	free(p);
}

/* --- bounds, in the order of guest time ------------------------------------------------------ */

static bool earlier(const struct bound *a, const struct bound *b)
{
	return (int64_t)(a->guest - b->guest) < 0;
}

static void swap(struct bound *a, struct bound *b)
{
	const struct bound t = *a;

	*a = *b;
	*b = t;
}

static void pop_held(struct pair *p)
{
	const struct bound b = p->held[0];
	size_t at = 0;

	p->held[0] = p->held[--p->n_held];
	for (;;) {
		size_t least = at;

		for (size_t c = 2 * at + 1; c <= 2 * at + 2 && c < p->n_held; c++)
			if (earlier(&p->held[c], &p->held[least]))
				least = c;
		if (least == at)
			break;
		swap(&p->held[least], &p->held[at]);
		at = least;
	}
	if (b.before)
		align_before(p->to, b.guest, b.host);
	else
		align_after(p->to, b.guest, b.host);
}

static int hold(struct pair *p, uint64_t guest, uint64_t host, bool before)
{
	size_t at;

	if (p->now - guest > HOLD && (int64_t)(p->now - guest) > 0)
		return 0; /* too old to say anything */
	if (!p->told[before] || (int64_t)(host - p->told[before]) > 0)
		p->told[before] = host;
	if (p->n_held == HELD_MAX)
		pop_held(p);
	if (!array_room(p->held, p->cap_held, p->n_held + 1))
		return -ENOMEM;
	at = p->n_held++;
	p->held[at] = (struct bound){ guest, host, before };
	for (; at && earlier(&p->held[at], &p->held[(at - 1) / 2]); at = (at - 1) / 2)
		swap(&p->held[at], &p->held[(at - 1) / 2]);
	return 0;
}

void pair_release(struct pair *p)
{
	while (p->n_held)
		pop_held(p);
}

/* Guest time goes on; where it goes back, what was before has nothing to do with what comes. */
static void advance(struct pair *p, uint64_t guest)
{
	int64_t by = (int64_t)(guest - p->now);

	if (p->any && by < -(int64_t)HOLD) {
		pair_release(p);
		drop_all(p);
	}
	if (!p->any || by > 0 || by < -(int64_t)HOLD)
		p->now = guest;
	p->any = true;
	while (p->n_held && (int64_t)(p->now - p->held[0].guest) > (int64_t)HOLD)
		pop_held(p);
}

/* --- chains and registers --------------------------------------------------------------------- */

/* It has this side, too, now: what that says; and what is over is forgotten. */
static int compare(struct pair *p, struct twin *t)
{
	const struct times *g = &t->side[MERGE_GUEST], *h = &t->side[MERGE_HOST];

	if (!g->begun || !h->begun || !g->ended || !h->ended)
		return 0;
	if (hold(p, g->end, h->end, false))
		return -ENOMEM;
	drop_twin(p, t);
	return 0;
}

/* The twin that this side has not begun yet, or a new one; NULL: no memory. */
static struct twin *twin_for(struct pair *p, enum merge_side side, uint64_t key)
{
	struct twin *t;

	HASH_FIND(hh, p->twins, &key, sizeof(key), t);
	if (t && t->side[side].begun) {
		drop_twin(p,
			  t); /* the same again: the other side's record of the first one is lost */
		t = NULL;
	}
	if (t)
		return t;
	if (HASH_COUNT(p->twins) >= TWINS_MAX)
		drop_twin(p, p->twins);
	hash_add_new(p->twins, key, key, t);
	return t;
}

/* One side begins; NULL: no memory. */
static struct twin *begin(struct pair *p, enum merge_side side, uint64_t key, uint64_t ts)
{
	struct twin *t = twin_for(p, side, key);
	const struct times *g, *h;

	if (!t)
		return NULL;
	t->side[side].begin = ts;
	t->side[side].begun = true;
	g = &t->side[MERGE_GUEST];
	h = &t->side[MERGE_HOST];
	if (g->begun && h->begun && hold(p, g->begin, h->begin, true))
		return NULL;
	return t;
}

static uint64_t place_of(const struct record *rec, uint16_t device, uint16_t head)
{
	return UINT64_C(1) << 48 | (uint64_t)device << 32 | (uint32_t)rec->h.queue << 16 | head;
}

static int begin_chain(struct pair *p, enum merge_side side, const struct record *rec,
		       uint16_t device, uint64_t ts)
{
	uint64_t place = place_of(rec, device, rec->avail.head);
	struct flight *f = find_flight(p, side, place);
	struct chain_id id;
	struct twin *t;

	if (f)
		drop_flight(p, side, f);
	if (!chain_id_of(rec, &id))
		return 0;
	p->counts.chains[side]++;
	t = begin(p, side, hash_mix(hash_mix(id.shape, p->content ? id.content : 0), device), ts);
	if (!t)
		return -ENOMEM;
	p->counts.paired += t->side[MERGE_GUEST].begun && t->side[MERGE_HOST].begun;
	hash_add_new(p->flights[side], place, place, f);
	if (!f)
		return -ENOMEM;
	f->twin = t;
	t->place[side] = place;
	return 0;
}

static int end_chain(struct pair *p, enum merge_side side, const struct record *rec,
		     uint16_t device, uint64_t ts)
{
	const struct vqt_used *u = &rec->used;
	struct flight *f = find_flight(p, side, place_of(rec, device, u->id));
	struct twin *t;

	if (!f)
		return 0;
	t = f->twin;
	drop_flight(p, side, f);
	if (u->flags & (VQT_USED_DETACHED | VQT_USED_SYNTHETIC)) {
		drop_twin(p, t);
		return 0;
	}
	t->side[side].end = ts;
	t->side[side].ended = true;
	return compare(p, t);
}

/* A write of half an address of a queue, which is like no other one; 0: it is none. */
static uint64_t register_key(const struct record *rec, uint16_t device)
{
	const struct vqt_reg *r = &rec->reg;

	if (rec->h.type != VQT_REG || !search_is_address(r))
		return 0;
	return hash_mix(hash_mix((uint64_t)r->region << 32 | r->offset, (uint32_t)r->value),
			~(uint64_t)device);
}

int pair_host(struct pair *p, const struct record *rec, uint16_t device)
{
	uint64_t key;
	struct twin *t;

	switch (rec->h.type) {
	case VQT_AVAIL:
		return rec->avail.flags & VQT_CHAIN_LATE
			       ? 0
			       : begin_chain(p, MERGE_HOST, rec, device, rec->h.ts);
	case VQT_USED: return end_chain(p, MERGE_HOST, rec, device, rec->h.ts);
	case VQT_REG:
		key = register_key(rec, device);
		t = key ? begin(p, MERGE_HOST, key, rec->h.ts) : NULL;
		if (!t)
			return key ? -ENOMEM : 0;
		t->side[MERGE_HOST].end = rec->h.ts;
		t->side[MERGE_HOST].ended = true;
		return compare(p, t);
	}
	return 0;
}

static int begin_register(struct pair *p, const struct record *rec, uint64_t key)
{
	struct twin *t = begin(p, MERGE_GUEST, key, rec->h.ts);

	if (!t)
		return -ENOMEM;
	if (p->n_running < RUNNING_MAX)
		p->running[p->n_running++] = (struct running){ rec->h.tid, key };
	return 0;
}

/* The thread does something else now: the functions that wrote registers have returned. */
static int end_registers(struct pair *p, const struct record *rec)
{
	unsigned n = 0;
	int rc = 0;

	for (unsigned i = 0; i < p->n_running; i++) {
		const struct running r = p->running[i];
		struct twin *t;

		if (r.tid != rec->h.tid) {
			p->running[n++] = r;
			continue;
		}
		HASH_FIND(hh, p->twins, &r.key, sizeof(r.key), t);
		if (!t || rc)
			continue;
		t->side[MERGE_GUEST].end = rec->h.ts;
		t->side[MERGE_GUEST].ended = true;
		rc = compare(p, t);
	}
	p->n_running = n;
	return rc;
}

/* When the driver began to add a chain. */
static uint64_t added_since(const struct record *rec)
{
	return rec->h.ts - (uint64_t)rec->avail.adding * VQT_ADDING_NS;
}

int pair_guest(struct pair *p, const struct record *rec, uint16_t device)
{
	uint64_t key;

	advance(p, rec->h.ts);
	if (device == VQT_NO_DEVICE && rec->h.type != VQT_GUEST)
		return 0;
	switch (rec->h.type) {
	case VQT_AVAIL:
		/* how long it took is not known: the device may have been faster */
		if (!rec->avail.adding || rec->avail.adding == VQT_ADDING_MORE)
			return 0;
		return begin_chain(p, MERGE_GUEST, rec, device, added_since(rec));
	case VQT_USED: return end_chain(p, MERGE_GUEST, rec, device, rec->h.ts);
	case VQT_REG: key = register_key(rec, device); return key ? begin_register(p, rec, key) : 0;
	case VQT_GUEST:
		/* an interrupt runs inside of what it interrupts */
		return rec->guest.what == VQT_GUEST_LIFECYCLE ||
				       rec->guest.what == VQT_GUEST_CONFIG_OP
			       ? end_registers(p, rec)
			       : 0;
	}
	return 0;
}

/* --- questions -------------------------------------------------------------------------------- */

static void drop_asked(struct pair *p, struct asked *a)
{
	HASH_DEL(p->asked, a);
	free(a);
}

/*
 * The host's time by its wall clock, of which the guest's PTP clock tells: between *low and *high.
 * false: there is none, or it is not a time between question and answer.  The host's wall clock may
 * have been set and set back in between, and the guest may lie: it is never taken for more.
 */
static bool ptp_time(struct pair *p, const struct vqt_exchange *g, const struct vqt_exchange *h,
		     uint64_t *low, uint64_t *high)
{
	bool right;

	if (!g->wall || (!h->wall && !h->wall_most))
		return false;
	*low = (uint64_t)g->wall - (uint64_t)h->wall_most;
	*high = (uint64_t)g->wall - (uint64_t)h->wall;
	right = h->wall <= h->wall_most && (int64_t)(h->until - *low) >= 0 &&
		(int64_t)(*high - h->from) >= 0;
	p->counts.ptp += right;
	p->counts.ptp_wrong += !right;
	return right;
}

static int compare_asked(struct pair *p, const struct asked *a)
{
	const struct vqt_exchange *g = &a->side[MERGE_GUEST], *h = &a->side[MERGE_HOST];
	uint64_t low, high;

	p->counts.exchanges++;
	if (hold(p, g->until, h->until, true) || hold(p, g->from, h->from, false))
		return -ENOMEM;
	if (!ptp_time(p, g, h, &low, &high))
		return 0;
	return hold(p, g->from, high, true) || hold(p, g->until, low, false) ? -ENOMEM : 0;
}

/* The guest's times of the question lie between the host's.  Who answers twice is believed once. */
int pair_exchange(struct pair *p, enum merge_side side, const struct record *rec)
{
	const struct vqt_exchange *x = &rec->exchange;
	struct asked *a;
	int rc = 0;

	if (!x->nonce || (int64_t)(x->until - x->from) < 0)
		return 0;
	if (side == MERGE_GUEST && p->any && (int64_t)(x->until - p->now) > 0)
		advance(p, x->until);
	HASH_FIND(hh, p->asked, &x->nonce, sizeof(x->nonce), a);
	if (a && a->has[side])
		return 0;
	if (!a && HASH_COUNT(p->asked) >= TWINS_MAX)
		drop_asked(p, p->asked);
	if (!a)
		hash_add_new(p->asked, nonce, x->nonce, a);
	if (!a)
		return -ENOMEM;
	a->has[side] = true;
	a->side[side] = *x;
	if (a->has[!side]) {
		rc = compare_asked(p, a);
		drop_asked(p, a);
	}
	return rc;
}

uint64_t pair_told(const struct pair *p)
{
	return p->told[0] && p->told[1]
		       ? (int64_t)(p->told[0] - p->told[1]) < 0 ? p->told[0] : p->told[1]
		       : 0;
}

void pair_counts(const struct pair *p, struct pair_counts *out)
{
	*out = p->counts;
}
