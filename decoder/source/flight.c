/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/source/flight.h"
#include "decoder/spec/constants.h"
#include "decoder/util/virtqueue.h"

#define FAR INT32_MAX
#define ROUNDS 8 /* each may settle chains that decide others; the rest stays undecided */

void ring_flight_fini(struct ring_flight *f)
{
	free(f->chain);
	*f = (struct ring_flight){ 0 };
}

static int add(struct ring_flight *f, uint16_t head, uint16_t pos, bool sure)
{
	struct ring_flight_chain *more = realloc(f->chain, (f->n + 1) * sizeof(*more));

	if (!more)
		return -ENOMEM;
	f->chain = more;
	f->chain[f->n++] = (struct ring_flight_chain){ head, pos, sure };
	return 0;
}

/* An area, copied as a whole; NULL with *err. */
static void *copy_area(const struct ring_reader *r, enum ring_area area, int *err)
{
	size_t len = ring_area_len(r, area);
	void *copy = malloc(len);

	*err = copy ? 0 : -ENOMEM;
	if (copy && ring_read(r, area, 0, copy, len) < 0) {
		free(copy);
		copy = NULL;
		*err = -EFAULT;
	}
	return copy;
}

/* --- split ---------------------------------------------------------------------------- */

enum { UNDECIDED, IN_FLIGHT, DONE };

/*
 * The latest entries of both rings as a history.  Entries are counted from the next used
 * one: it is 0, the latest used one -1.  The k-th chain used, and the p-th made available,
 * have the numbers k and p.
 *
 * Between two uses of an id, it was made available; so its last use belongs to its last
 * entry in the available ring (it is DONE) or to the one before that (it is IN_FLIGHT), and
 * the earlier ones follow in pairs.  A use comes after its entry was made available and
 * before the id was again; and it comes before all later uses.  So each pair bounds how many
 * entries had been made available at that use, and the bounds of an earlier use hold for a
 * later one, and the other way round.  An assumption about an id that breaks the bounds is
 * wrong.
 */
struct history {
	int32_t size; /* of the ring */
	int32_t flight, waiting; /* entries popped and not used; not popped */
	int32_t navail, nused; /* entries that are known: up to -1 and flight - 1 */
	uint16_t *avail, *used; /* the oldest first; ids */
	int32_t *prev_avail, *prev_used; /* index of the entry before with that id, -1 none */
	int32_t *last_avail, *last_used; /* by id */
	int32_t *lo, *hi; /* by use: how many had been made available */
	uint8_t *state; /* by id */
	uint8_t *sure; /* by id: IN_FLIGHT whether the ring is new or not */
	bool whole; /* the ring is new: there were no older entries */
};

static void history_fini(struct history *h)
{
	free(h->avail);
	free(h->prev_avail);
}

/* All tables in two pieces of memory. */
static int history_init(struct history *h, int32_t size)
{
	size_t n = (size_t)size;

	*h = (struct history){ .size = size };
	h->avail = calloc(n, 2 * sizeof(*h->avail) + 2 * sizeof(*h->state));
	h->prev_avail = calloc(n, 6 * sizeof(*h->prev_avail));
	if (!h->avail || !h->prev_avail) {
		history_fini(h);
		return -ENOMEM;
	}
	h->used = h->avail + n;
	h->state = (uint8_t *)(h->used + n);
	h->sure = h->state + n;
	h->prev_used = h->prev_avail + n;
	h->last_avail = h->prev_used + n;
	h->last_used = h->last_avail + n;
	h->lo = h->last_used + n;
	h->hi = h->lo + n;
	return 0;
}

static int32_t number_of(const struct history *h, int32_t entry)
{
	return h->flight - h->navail + entry;
}

static void chain_up(const uint16_t *id, int32_t n, int32_t size, int32_t *last, int32_t *prev)
{
	for (int32_t i = 0; i < size; i++)
		last[i] = -1;
	for (int32_t i = 0; i < n; i++) {
		prev[i] = id[i] < size ? last[id[i]] : -1;
		if (id[i] < size)
			last[id[i]] = i;
	}
}

/* Begin to conclude from the latest entries alone, so many of each ring. */
static void history_begin(struct history *h, int32_t navail, int32_t nused)
{
	memmove(h->avail, h->avail + (h->navail - navail), (size_t)navail * sizeof(*h->avail));
	memmove(h->used, h->used + (h->nused - nused), (size_t)nused * sizeof(*h->used));
	h->navail = navail;
	h->nused = nused;
	chain_up(h->avail, navail, h->size, h->last_avail, h->prev_avail);
	chain_up(h->used, nused, h->size, h->last_used, h->prev_used);
	for (int32_t i = 0; i < nused; i++) {
		int32_t k = i - nused, all = h->flight + h->waiting;

		h->lo[i] = k + 1;
		h->hi[i] = k + h->size < all ? k + h->size : all; /* an id is available once */
	}
	memset(h->state, UNDECIDED, (size_t)h->size);
}

/*
 * Whether the bounds of an id's uses fit: the lower ones as if the id was in the state
 * `low`, the upper ones as if in `high`.  `write`: narrow the known ones by them.
 */
static bool bound(struct history *h, int32_t id, int low, int high, bool write)
{
	int32_t last = h->last_avail[id], before = h->prev_avail[last];
	int32_t at = low == DONE ? last : before; /* the entry that the use belongs to */
	int32_t next = high == DONE ? -1 : last; /* the next entry with this id */

	for (int32_t u = h->last_used[id]; u >= 0; u = h->prev_used[u]) {
		int32_t lo = at >= 0 ? number_of(h, at) + 1 : h->lo[u];
		int32_t hi = next >= 0 ? number_of(h, next) : FAR;

		if (at < 0 && h->whole)
			return false;
		lo = lo > h->lo[u] ? lo : h->lo[u];
		hi = hi < h->hi[u] ? hi : h->hi[u];
		if (lo > hi)
			return false;
		if (write) {
			h->lo[u] = lo;
			h->hi[u] = hi;
		}
		next = next >= 0 ? h->prev_avail[next] : high == DONE ? last : -1;
		high = IN_FLIGHT;
		at = at >= 0 ? h->prev_avail[at] : -1;
	}
	if (at < 0)
		return true;
	/* its use is older than those that are known */
	if (h->whole || !h->nused || number_of(h, at) + 1 > h->hi[0])
		return false;
	if (write && h->lo[0] < number_of(h, at) + 1)
		h->lo[0] = number_of(h, at) + 1;
	return true;
}

/* What holds for a use holds for the uses after it, or before it.  False: it cannot be. */
static bool propagate(struct history *h)
{
	for (int32_t i = 1; i < h->nused; i++)
		if (h->lo[i] < h->lo[i - 1])
			h->lo[i] = h->lo[i - 1];
	for (int32_t i = h->nused - 1; i > 0; i--)
		if (h->hi[i - 1] > h->hi[i])
			h->hi[i - 1] = h->hi[i];
	for (int32_t i = 0; i < h->nused; i++)
		if (h->lo[i] > h->hi[i])
			return false;
	return true;
}

/* Settle one id, if the bounds do.  1: they did; 0; -EBADMSG: neither state fits. */
static int settle(struct history *h, int32_t id)
{
	bool flight = bound(h, id, IN_FLIGHT, IN_FLIGHT, false);
	bool done = bound(h, id, DONE, DONE, false);

	if (!flight && !done)
		return -EBADMSG;
	h->state[id] = !done ? IN_FLIGHT : !flight ? DONE : UNDECIDED;
	bound(h, id, flight ? IN_FLIGHT : DONE, done ? DONE : IN_FLIGHT, true);
	return h->state[id] != UNDECIDED;
}

/* False: no history can have left these entries. */
static bool conclude(struct history *h)
{
	bool more = true;

	for (unsigned round = 0; more && round < ROUNDS; round++) {
		more = false;
		for (int32_t id = 0; id < h->size; id++) {
			int ret = h->last_avail[id] < 0 || h->state[id] != UNDECIDED
					  ? 0
					  : settle(h, id);

			if (ret < 0)
				return false;
			more |= ret > 0;
		}
		if (!propagate(h))
			return false;
	}
	return true;
}

/* How many are in flight is known: that may say of the undecided which they are. */
static bool count(struct history *h)
{
	int32_t n[3] = { 0, 0, 0 };

	for (int32_t id = 0; id < h->size; id++)
		if (h->last_avail[id] >= 0)
			n[h->state[id]]++;
	if (n[IN_FLIGHT] > h->flight)
		return false;
	for (int32_t id = 0; id < h->size; id++)
		if (h->state[id] == UNDECIDED && n[IN_FLIGHT] + n[UNDECIDED] == h->flight)
			h->state[id] = IN_FLIGHT;
	return true;
}

static bool all_zero(const uint8_t *b, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (b[i])
			return false;
	return true;
}

/* Can the ring be in its first lap?  Then what it did not write yet is zero. */
static bool may_be_new(const struct ring_reader *r, const uint8_t *driver, const uint8_t *device,
		       uint16_t avail_idx)
{
	size_t a = virtq_avail_at(avail_idx), u = virtq_used_at(r->used);

	return r->used <= r->avail && r->avail <= avail_idx && avail_idx <= r->size &&
	       all_zero(driver + a, virtq_used_event_at(r->size) - a) &&
	       all_zero(device + u, virtq_avail_event_at(r->size) - u);
}

static void load(struct history *h, const struct ring_reader *r, const uint8_t *driver,
		 const uint8_t *device)
{
	h->navail = h->size - h->waiting;
	h->nused = h->size;
	for (int32_t i = 0; i < h->navail; i++) {
		uint32_t slot = (uint16_t)(r->avail - h->navail + i) % r->size;

		memcpy(&h->avail[i], driver + virtq_avail_at(slot), 2);
	}
	for (int32_t i = 0; i < h->nused; i++) {
		uint32_t slot = (uint16_t)(r->used + i) % r->size;

		memcpy(&h->used[i], device + virtq_used_at(slot), 2);
	}
}

static int name_split(struct ring_flight *f, const struct history *h, const struct ring_reader *r)
{
	for (int32_t i = 0; i < h->navail; i++) {
		uint16_t id = h->avail[i];
		int ret = 0;

		if (id < h->size && h->last_avail[id] == i && h->state[id] == IN_FLIGHT)
			ret = add(f, id, (uint16_t)(r->used + number_of(h, i)),
				  h->sure[id] == IN_FLIGHT);
		if (ret < 0)
			return ret;
	}
	return 0;
}

/* IN_ORDER (2.7.8): the entries after the last one used are those in flight. */
static int name_in_order(struct ring_flight *f, const struct history *h,
			 const struct ring_reader *r)
{
	for (int32_t i = h->navail - h->flight; i < h->navail; i++) {
		int ret = h->avail[i] < h->size
				  ? add(f, h->avail[i], (uint16_t)(r->used + number_of(h, i)), true)
				  : 0;

		if (ret < 0)
			return ret;
	}
	return 0;
}

/* `new`: the ring can be in its first lap; then the entries of that lap tell more. */
static int name_by_history(struct ring_flight *f, struct history *h, const struct ring_reader *r,
			   bool new)
{
	bool fits;

	history_begin(h, h->navail, h->nused);
	fits = conclude(h);
	if (fits)
		memcpy(h->sure, h->state, (size_t)h->size);
	else /* the entries of former laps were none: it is new */
		memset(h->sure, IN_FLIGHT, (size_t)h->size);
	if (new) {
		h->whole = true;
		history_begin(h, r->avail, r->used);
		fits = conclude(h);
	}
	return fits && count(h) ? name_split(f, h, r) : 0;
}

static int find_split(struct ring_flight *f, const struct ring_reader *r)
{
	uint16_t flight = (uint16_t)(r->avail - r->used), avail_idx, waiting;
	uint8_t *driver, *device = NULL;
	struct history h = { 0 };
	int ret;

	driver = copy_area(r, RING_DRIVER, &ret);
	if (driver)
		device = copy_area(r, RING_DEVICE, &ret);
	if (ret == 0)
		ret = history_init(&h, r->size);
	if (ret < 0)
		goto out;
	memcpy(&avail_idx, driver + VIRTQ_RING_IDX, 2);
	waiting = (uint16_t)(avail_idx - r->avail);
	ret = -EBADMSG;
	if (flight > r->size || waiting > r->size || flight + waiting > r->size)
		goto out;
	h.flight = flight;
	h.waiting = waiting;
	f->number = flight;
	f->exact = true;
	load(&h, r, driver, device);
	ret = !flight	    ? 0
	      : r->in_order ? name_in_order(f, &h, r)
			    : name_by_history(f, &h, r, may_be_new(r, driver, device, avail_idx));
out:
	history_fini(&h);
	free(driver);
	free(device);
	return ret;
}

/* --- packed --------------------------------------------------------------------------- */

/*
 * A device that uses chains in another order than they came in writes its used descriptors
 * over those of older chains.  So the descriptors between the two positions are those of
 * the chains in flight only if none was overtaken, which nothing in the ring proves.
 */
static int name_packed(struct ring_flight *f, const struct ring_reader *r,
		       const struct vqt_desc *ring, uint32_t slots)
{
	uint16_t pos = r->used, start = pos;
	int ret = 0;

	for (uint32_t n = 0; n < slots && ret == 0; n++) {
		const struct vqt_desc *d = &ring[virtq_slot(pos)];
		uint16_t id = d->flags, flags = d->next; /* 2.8.13: the id precedes the flags */
		bool last = flags & VRING_DESC_F_INDIRECT || !(flags & VRING_DESC_F_NEXT);

		if (!virtq_is_available(flags, virtq_wrap(pos)) || (n + 1 == slots && !last))
			return -EBADMSG;
		pos = virtq_advance(pos, 1, r->size);
		if (!last)
			continue;
		ret = add(f, id, start, r->in_order);
		start = pos;
	}
	return ret;
}

/*
 * An id that the driver has used again was given back before: its earlier chain is done, and
 * another one, which was overwritten, is in flight.
 */
static int drop_done(struct ring_flight *f)
{
	uint8_t *later = calloc(UINT16_MAX + 1, 1);
	uint32_t to = f->n;

	if (!later)
		return -ENOMEM;
	for (uint32_t i = f->n; i--;) {
		if (later[f->chain[i].head])
			continue;
		later[f->chain[i].head] = 1;
		f->chain[--to] = f->chain[i];
	}
	memmove(f->chain, f->chain + to, (f->n - to) * sizeof(*f->chain));
	f->n -= to;
	free(later);
	return 0;
}

static int find_packed(struct ring_flight *f, const struct ring_reader *r)
{
	uint32_t slots = virtq_slots_between(r->used, r->avail, r->size);
	struct vqt_desc *ring;
	int ret;

	if (slots > r->size || virtq_slot(r->used) >= r->size || virtq_slot(r->avail) >= r->size)
		return -EBADMSG;
	f->number = slots ? 1 : 0;
	f->exact = slots <= 1;
	if (!slots)
		return 0;
	ring = copy_area(r, RING_DESC, &ret);
	if (!ring)
		return ret;
	ret = name_packed(f, r, ring, slots);
	free(ring);
	if (ret == 0)
		ret = drop_done(f);
	if (ret == 0 && r->in_order) {
		f->number = f->n;
		f->exact = true;
	}
	if (ret == -EBADMSG) /* their number stays as the positions say */
		f->n = 0;
	return ret == -EBADMSG ? 0 : ret;
}

/* -------------------------------------------------------------------------------------- */

int ring_flight_find(struct ring_flight *f, const struct ring_reader *r)
{
	int ret;

	*f = (struct ring_flight){ 0 };
	if (!r->size || r->size > VIRTQ_SIZE_MAX)
		return -EBADMSG;
	ret = r->packed ? find_packed(f, r) : find_split(f, r);
	if (ret < 0)
		ring_flight_fini(f);
	return ret;
}

int ring_flight_read(const struct ring_reader *r, const struct ring_flight_chain *f,
		     struct ring_chain *c)
{
	struct ring_reader at = *r;
	uint16_t after;
	int ret;

	c->head = f->head;
	c->pos = f->pos;
	if (!r->packed)
		return ring_chain_at_head(r, c);
	at.avail = f->pos;
	ret = ring_chain(&at, c, &after);
	return ret == 0 ? -EBADMSG : ret < 0 ? ret : 0;
}
