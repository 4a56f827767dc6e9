/* SPDX-License-Identifier: MIT */
/* Which of the host's devices a guest's are, and the numbers that they get. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "decoder/merge/guest_impl.h"
#include "decoder/util/array.h"

/* --- the host ---------------------------------------------------------------------------------- */

static int note_identity(struct merge_host *h, const struct vqt_device *d)
{
	if (d->bdf == ~0U || !d->virtio_id)
		return 0;
	if (!h->identity_at[d->h.device]) {
		if (!array_room(h->identity, h->cap, h->n + 1))
			return -ENOMEM;
		h->identity_at[d->h.device] = (uint32_t)++h->n;
	}
	h->identity[h->identity_at[d->h.device] - 1] =
		(struct merge_identity){ d->h.device, d->virtio_id, d->h.source, d->bdf };
	return 0;
}

int merge_host_look(struct merge_host *h, const struct record *rec)
{
	h->used_source[rec->h.source] = true;
	h->used_device[rec->h.device] = true;
	return rec->h.type == VQT_DEVICE ? note_identity(h, &rec->device) : 0;
}

void merge_host_free(struct merge_host *h)
{
	free(h->identity);
}

/* --- what both have in common ----------------------------------------------------------------- */

static struct side *get_side(struct merging *g, uint16_t id)
{
	if (g->place[id] || id == VQT_NO_DEVICE)
		return merging_side(g, id);
	if (g->sides == MERGE_GUEST_DEVICES || !array_room(g->side, g->cap, g->sides + 1))
		return NULL;
	g->side[g->sides] = (struct side){ .who = { .id = id, .bdf = ~0U } };
	g->place[id] = (uint16_t)++g->sides;
	return merging_side(g, id);
}

static int note_device(struct merging *g, const struct record *rec)
{
	struct side *d = get_side(g, rec->h.device);

	if (!d)
		return rec->h.device == VQT_NO_DEVICE || g->sides == MERGE_GUEST_DEVICES ? 0
											 : -ENOMEM;
	d->who.virtio_id = rec->device.virtio_id ? rec->device.virtio_id : d->who.virtio_id;
	if (rec->device.bdf != ~0U)
		d->who.bdf = rec->device.bdf;
	return 0;
}

int merging_look(struct merging *g, enum merge_side side, const struct record *rec, uint64_t number)
{
	if (side == MERGE_GUEST && rec->h.type == VQT_SOURCE && !g->own_source)
		g->own_source = rec->h.source;
	if (side == MERGE_GUEST && rec->h.source != g->own_source)
		return 0;
	if (side == MERGE_GUEST && rec->h.type == VQT_DEVICE && note_device(g, rec))
		return -ENOMEM;
	if (side == MERGE_GUEST && !merging_side(g, rec->h.device))
		return 0;
	if (side == MERGE_HOST && g->process_known && rec->h.source != g->host_source)
		return 0;
	return search_add(g->search, side, rec, number);
}

void merging_of_process(struct merging *g, uint8_t host_source, bool content)
{
	g->process_known = true;
	g->host_source = host_source;
	g->content = content;
}

/* Which of the host's devices it is.  Its description may have been written without that. */
static void link_to(struct merging *g, struct side *d, uint16_t peer)
{
	if (peer == VQT_NO_DEVICE)
		return;
	d->peer = peer;
	d->alone = d->described.bytes != NULL;
	g->shared[peer] = g->fresh[peer] = g->any_fresh = true;
	g->report->linked++;
}

/* A device without any traffic is known by its place on the bus. */
static void link_by_address(struct merging *g, const struct merge_host *h, struct side *d)
{
	const struct merge_identity *found = NULL;

	for (size_t i = 0; i < g->sides; i++)
		if (&g->side[i] != d && g->side[i].who.bdf == d->who.bdf &&
		    g->side[i].who.virtio_id == d->who.virtio_id)
			return; /* it was plugged in twice */
	for (size_t i = 0; i < h->n; i++) {
		const struct merge_identity *o = &h->identity[i];

		if (o->source != g->host_source || o->bdf != d->who.bdf ||
		    o->virtio_id != d->who.virtio_id || g->shared[o->id])
			continue;
		if (found && found->id != o->id)
			return; /* one was unplugged, and which it is nobody can say */
		found = o;
	}
	if (found)
		link_to(g, d, found->id);
}

static void link_devices(struct merging *g, const struct merge_host *h)
{
	for (size_t i = 0; i < g->sides; i++) {
		struct side *d = &g->side[i];
		uint16_t peer = search_peer(g->search, d->who.id);

		if (d->peer == VQT_NO_DEVICE && !g->shared[peer])
			link_to(g, d, peer);
	}
	for (size_t i = 0; i < g->sides; i++)
		if (g->side[i].peer == VQT_NO_DEVICE && g->side[i].who.bdf != ~0U)
			link_by_address(g, h, &g->side[i]);
	g->report->devices = (unsigned)g->sides;
}

static int unrelated(const struct merging *g, const struct merge_host *h, struct trace_error *err)
{
	struct search_chains c = search_chains(g->search);
	size_t n;

	search_matches(g->search, &n);
	if (!n)
		snprintf(err->text, sizeof(err->text),
			 "%.100s and %.100s do not belong together: no chain of descriptors and no "
			 "address of a queue is in both; are they of the same machine and time?",
			 h->name, g->report->path);
	else
		snprintf(err->text, sizeof(err->text),
			 "%.100s and %.100s do not belong together: their queues are at the same "
			 "addresses, but of %zu and %zu chains that were looked at %zu are the "
			 "same; are they of the same boot?",
			 h->name, g->report->path, c.side[MERGE_HOST], c.side[MERGE_GUEST],
			 c.match);
	return -EXDEV;
}

static uint8_t unused_source(struct merge_host *h)
{
	for (unsigned i = 255; i; i--)
		if (!h->used_source[i]) {
			h->used_source[i] = true;
			return (uint8_t)i;
		}
	return 0;
}

static uint16_t unused_device(struct merge_host *h)
{
	for (unsigned i = 0x8000; i < MERGE_DEVICES; i++)
		if (!h->used_device[i]) {
			h->used_device[i] = true;
			return (uint16_t)i;
		}
	return VQT_NO_DEVICE;
}

int merging_number(struct merging *g, struct merge_host *h, struct side *d)
{
	uint16_t *kept = &g->ids->of_peer[d->peer];

	if (d->id == VQT_NO_DEVICE && d->peer != VQT_NO_DEVICE)
		d->id = *kept;
	else if (d->id == VQT_NO_DEVICE && g->ids->spares)
		d->id = g->ids->spare[--g->ids->spares];
	if (d->id == VQT_NO_DEVICE && g->ids->numbers++ < MERGE_NUMBERS)
		d->id = unused_device(h);
	if (d->peer != VQT_NO_DEVICE)
		*kept = d->id;
	return d->id == VQT_NO_DEVICE ? -E2BIG : 0;
}

static int begin_numbers(struct merging *g, struct merge_host *h, struct trace_error *err)
{
	bool source = g->ids->source || (g->ids->source = unused_source(h));

	for (size_t i = 0; i < g->sides && source; i++)
		if (merging_number(g, h, &g->side[i]))
			source = false;
	if (source)
		return 0;
	snprintf(err->text, sizeof(err->text), "%.200s: no number is left for %s of it",
		 g->report->path, g->ids->source ? "a device" : "the source");
	return -E2BIG;
}

/* Devices that were described without what is known by now. */
static int describe_again(struct merging *g, struct merge_host *h)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < g->sides; i++)
		if (g->side[i].alone && h->written[g->side[i].peer])
			rc = merging_described(g, h, g->side[i].peer);
	return rc;
}

/* Whether any of its devices can be found among the host's: by traffic, or by a place on a bus. */
static bool is_findable(const struct merging *g)
{
	size_t n;

	search_matches(g->search, &n);
	for (size_t i = 0; !n && i < g->sides; i++)
		n = g->side[i].who.bdf != ~0U;
	return n != 0;
}

int merging_link(struct merging *g, struct merge_host *h, struct trace_error *err)
{
	int rc = search_finish(g->search);
	size_t n;

	if (rc)
		return rc;
	if (!g->pair && g->process_known && !is_findable(g))
		return -EXDEV; /* of virtio-mmio only: the addresses of their queues are still to come */
	if (!g->pair && !g->process_known) {
		if (!search_belongs(g->search))
			return unrelated(g, h, err);
		g->host_source = search_matches(g->search, &n)[0].source;
		g->process_known = true;
		g->content = search_has_content(g->search);
	}
	if (!g->pair)
		g->pair = pair_new(g->align, g->content);
	if (!g->pair)
		return -ENOMEM;
	link_devices(g, h);
	rc = begin_numbers(g, h, err);
	return rc ? rc : describe_again(g, h);
}

bool merging_linked(const struct merging *g)
{
	return g->pair != NULL;
}

bool merging_misses(const struct merging *g)
{
	for (size_t i = 0; i < g->sides; i++)
		if (g->side[i].peer == VQT_NO_DEVICE)
			return true;
	return false;
}

const struct search_match *merging_matches(const struct merging *g, size_t *n)
{
	return search_matches(g->search, n);
}
