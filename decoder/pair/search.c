/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <linux/virtio_pci.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/pair/chain.h"
#include "decoder/pair/search.h"
#include "decoder/spec/spec.h"
#include "decoder/util/array.h"
#include "decoder/util/hash.h"

#define SAMPLE_MAX 65536
#define DEVICES 65536

/* What an event is recognised by. */
enum kind {
	BY_CONTENT, /* a chain, and the first bytes that the driver wrote */
	BY_SHAPE, /* a chain, where one side has no bytes */
	BY_ADDRESS, /* of a queue, written to a register */
	KINDS
};

struct sample_entry {
	uint64_t key; /* sorted by it */
	uint64_t number;
	uint16_t device;
	uint8_t source;
};

struct sample {
	struct sample_entry *entry;
	size_t n, cap;
	uint64_t mask; /* keys with any of these bits are left out */
};

struct search {
	struct sample sample[MERGE_SIDES][KINDS];
	struct search_match *match;
	size_t n, cap;
	size_t chains; /* of the matches: chains, not addresses */
	uint16_t peer[DEVICES]; /* by the guest's id */
	uint8_t source; /* of the host's process */
};

struct search *search_new(void)
{
	return calloc(1, sizeof(struct search));
}

void search_free(struct search *s)
{
	if (!s)
		return;
	for (unsigned side = 0; side < MERGE_SIDES; side++)
		for (unsigned k = 0; k < KINDS; k++)
			free(s->sample[side][k].entry);
	free(s->match);
	free(s);
}

/* Too many: keep half of the keys. */
static void thin(struct sample *p)
{
	size_t n = 0;

	p->mask = p->mask << 1 | 1;
	for (size_t i = 0; i < p->n; i++)
		if (!(p->entry[i].key & p->mask))
			p->entry[n++] = p->entry[i];
	p->n = n;
}

static int keep(struct sample *p, const struct record *rec, uint64_t key, uint64_t number)
{
	if (key & p->mask)
		return 0;
	while (p->n == SAMPLE_MAX && p->mask != UINT64_MAX)
		thin(p);
	if (p->n == SAMPLE_MAX || key & p->mask)
		return 0;
	if (!array_room(p->entry, p->cap, p->n + 1))
		return -ENOMEM;
	p->entry[p->n++] = (struct sample_entry){ key, number, rec->h.device, rec->h.source };
	return 0;
}

bool search_is_address(const struct vqt_reg *r)
{
	const struct spec_field *f;

	if (r->op != VQT_WRITE || !r->value || r->flags & (VQT_REG_FAILED | VQT_REG_VIA_CFG))
		return false;
	f = spec_fields_at(spec_region_fields(r->region), r->offset, r->width);
	if (!f || f->offset != r->offset)
		return false;
	return f->id == SPEC_REG_QUEUE_DESC || f->id == SPEC_REG_QUEUE_DRIVER ||
	       f->id == SPEC_REG_QUEUE_DEVICE || f->id == SPEC_REG_QUEUE_PFN;
}

static int add_chain(struct sample p[KINDS], const struct record *rec, uint64_t number)
{
	struct chain_id id;

	if (!chain_id_of(rec, &id))
		return 0;
	if (id.content && keep(&p[BY_CONTENT], rec, hash_mix(id.shape, id.content), number))
		return -ENOMEM;
	return keep(&p[BY_SHAPE], rec, id.shape, number);
}

int search_add(struct search *s, enum merge_side side, const struct record *rec, uint64_t number)
{
	struct sample *p = s->sample[side];
	uint64_t key;

	if (rec->h.type == VQT_AVAIL)
		return add_chain(p, rec, number);
	if (rec->h.type != VQT_REG || !search_is_address(&rec->reg))
		return 0;
	/* the driver writes them in halves: so may the device have got them, or not */
	key = hash_mix((uint64_t)rec->reg.region << 32 | rec->reg.offset, (uint32_t)rec->reg.value);
	return keep(&p[BY_ADDRESS], rec, key, number);
}

/* --- what matches ------------------------------------------------------------------------ */

static void sort(struct sample *p)
{
	if (p->n)
		qsort(p->entry, p->n, sizeof(p->entry[0]), array_by_u64);
}

/* How many entries from i on have its key. */
static size_t alike(const struct sample *p, size_t i)
{
	size_t n = 1;

	while (i + n < p->n && p->entry[i + n].key == p->entry[i].key)
		n++;
	return n;
}

/* What is there once in each of the samples. */
static int join(struct search *s, enum kind kind)
{
	struct sample *host = &s->sample[MERGE_HOST][kind], *guest = &s->sample[MERGE_GUEST][kind];
	size_t h = 0, g = 0;

	sort(host);
	sort(guest);
	while (h < host->n && g < guest->n) {
		const struct sample_entry *a = &host->entry[h], *b = &guest->entry[g];
		size_t nh = alike(host, h), ng = alike(guest, g);

		if (a->key == b->key && nh == 1 && ng == 1) {
			if (!array_room(s->match, s->cap, s->n + 1))
				return -ENOMEM;
			s->match[s->n++] = (struct search_match){ { a->number, b->number },
								  { a->device, b->device },
								  a->source,
								  kind != BY_ADDRESS };
		}
		if (a->key <= b->key)
			h += nh;
		if (b->key <= a->key)
			g += ng;
	}
	return 0;
}

static int by_number(const void *x, const void *y)
{
	const struct search_match *a = x, *b = y;

	if (a->number[MERGE_GUEST] != b->number[MERGE_GUEST])
		return a->number[MERGE_GUEST] < b->number[MERGE_GUEST] ? -1 : 1;
	return a->number[MERGE_HOST] < b->number[MERGE_HOST]
		       ? -1
		       : a->number[MERGE_HOST] > b->number[MERGE_HOST];
}

/*
 * The longest series of matches whose order is the same in both traces; the others are chance,
 * or neighbours that one side recorded in the other order.
 */
static int put_in_order(struct search *s)
{
	size_t *last = calloc(s->n + 1, sizeof(*last)); /* of a series of each length: its end */
	size_t *before = calloc(s->n + 1, sizeof(*before)); /* each one's, in its series */
	size_t most = 0;

	if (!last || !before) {
		free(last);
		free(before);
		return -ENOMEM;
	}
	qsort(s->match, s->n, sizeof(s->match[0]), by_number);
	for (size_t i = 0; i < s->n; i++) {
		size_t low = 0, high = most;

		while (low < high) { /* the longest series that it can continue */
			size_t mid = (low + high) / 2;

			if (s->match[last[mid]].number[MERGE_HOST] < s->match[i].number[MERGE_HOST])
				low = mid + 1;
			else
				high = mid;
		}
		before[i] = low ? last[low - 1] : i;
		last[low] = i;
		most = low == most ? most + 1 : most;
	}
	for (size_t i = most ? last[most - 1] : 0, n = most; n; i = before[i])
		last[--n] = i;
	for (size_t n = 0; n < most; n++)
		s->match[n] = s->match[last[n]];
	s->n = most;
	free(last);
	free(before);
	return 0;
}

/* --- which device is which ------------------------------------------------------------------ */

struct votes {
	uint64_t pair; /* the host's device << 16 | the guest's; sorted by it */
	size_t n;
};

static int most_votes(const void *x, const void *y)
{
	const struct votes *a = x, *b = y;

	return a->n > b->n ? -1 : a->n < b->n ? 1 : array_by_u64(&a->pair, &b->pair);
}

/* Keep the matches with the process that has most of them: a guest has only one. */
static void keep_process(struct search *s)
{
	size_t votes[256] = { 0 }, n = 0;
	unsigned best = 0;

	for (size_t i = 0; i < s->n; i++)
		votes[s->match[i].source]++;
	for (unsigned i = 1; i < 256; i++)
		if (votes[i] > votes[best])
			best = i;
	for (size_t i = 0; i < s->n; i++)
		if (s->match[i].source == best)
			s->match[n++] = s->match[i];
	s->n = n;
	s->source = (uint8_t)best;
}

static int link_devices(struct search *s)
{
	struct votes *v = calloc(s->n ? s->n : 1, sizeof(*v));
	uint8_t *used = calloc(DEVICES, 1);
	size_t n = 0, pairs = 0;

	if (!v || !used) {
		free(v);
		free(used);
		return -ENOMEM;
	}
	for (; n < s->n; n++)
		v[n].pair = (uint64_t)s->match[n].device[MERGE_HOST] << 16 |
			    s->match[n].device[MERGE_GUEST];
	if (n)
		qsort(v, n, sizeof(*v), array_by_u64);
	for (size_t i = 0; i < n; i++) {
		if (!pairs || v[pairs - 1].pair != v[i].pair)
			v[pairs++] = (struct votes){ v[i].pair, 0 };
		v[pairs - 1].n++;
	}
	if (pairs)
		qsort(v, pairs, sizeof(*v), most_votes);
	for (size_t i = 0; i < pairs; i++) {
		uint16_t host = (uint16_t)(v[i].pair >> 16), guest = (uint16_t)v[i].pair;

		if (!used[host] && s->peer[guest] == VQT_NO_DEVICE) {
			s->peer[guest] = host;
			used[host] = 1;
		}
	}
	free(v);
	free(used);
	return 0;
}

/* Matches of devices that are not each other's are chance. */
static void keep_peers(struct search *s)
{
	size_t n = 0;

	for (size_t i = 0; i < s->n; i++)
		if (s->peer[s->match[i].device[MERGE_GUEST]] == s->match[i].device[MERGE_HOST])
			s->match[n++] = s->match[i];
	s->n = n;
}

bool search_has_content(const struct search *s)
{
	return s->sample[MERGE_HOST][BY_CONTENT].n && s->sample[MERGE_GUEST][BY_CONTENT].n;
}

/* The samples of chains that are compared. */
static enum kind chain_kind(const struct search *s)
{
	return search_has_content(s) ? BY_CONTENT : BY_SHAPE;
}

int search_finish(struct search *s)
{
	int rc;

	s->n = s->chains = 0;
	memset(s->peer, 0, sizeof(s->peer));
	rc = join(s, chain_kind(s));
	if (!rc)
		rc = join(s, BY_ADDRESS);
	if (rc || !s->n)
		return rc;
	keep_process(s);
	rc = link_devices(s);
	if (rc)
		return rc;
	keep_peers(s);
	rc = put_in_order(s);
	for (size_t i = 0; i < s->n; i++)
		s->chains += s->match[i].chain;
	return rc;
}

struct search_chains search_chains(const struct search *s)
{
	const struct sample *p[MERGE_SIDES] = { &s->sample[MERGE_HOST][chain_kind(s)],
						&s->sample[MERGE_GUEST][chain_kind(s)] };
	uint64_t mask = p[MERGE_HOST]->mask | p[MERGE_GUEST]->mask;
	struct search_chains c = { .match = s->chains };

	for (unsigned side = 0; side < MERGE_SIDES; side++)
		for (size_t i = 0; i < p[side]->n; i++) {
			const struct sample_entry *e = &p[side]->entry[i];

			c.side[side] += !(e->key & mask) &&
					(side == MERGE_GUEST || !s->n || e->source == s->source);
		}
	return c;
}

#define ENOUGH 64 /* chains that two boots do not have in common by chance */

bool search_belongs(const struct search *s)
{
	struct search_chains c = search_chains(s);
	size_t fewer =
		c.side[MERGE_HOST] < c.side[MERGE_GUEST] ? c.side[MERGE_HOST] : c.side[MERGE_GUEST];
	size_t least = fewer / 20 < ENOUGH ? fewer / 20 : ENOUGH;

	if (!s->n)
		return false;
	return fewer < ENOUGH / 4 ? c.match || !fewer : c.match > least;
}

const struct search_match *search_matches(const struct search *s, size_t *n)
{
	*n = s->n;
	return s->match;
}

uint16_t search_peer(const struct search *s, uint16_t guest_device)
{
	return s->peer[guest_device];
}
