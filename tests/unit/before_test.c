/* SPDX-License-Identifier: MIT */
/* Chains in flight since before the trace, and what is known only from below. */
#include <linux/virtio_blk.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_pci.h>
#include <linux/virtio_ring.h>
#include <stdlib.h>

#include "decoder/stats/stats.h"
#include "tests/unit/record_builder.h"
#include "tests/unit/tap.h"

static struct record_builder t;

static struct model_device *dev(void)
{
	return model_device(t.model, 1);
}

static void begin(void)
{
	memset(&t, 0, sizeof(t));
	builder_begin(&t);
}

/* The device's positions are learned, as at the beginning of a late trace. */
static void learn(uint16_t last_avail, uint16_t used)
{
	struct vqt_queue_state s = { .known = VQT_KNOWN_SIZE | VQT_KNOWN_INDEX,
				     .size = 64,
				     .last_avail = last_avail,
				     .used = used };

	builder_add(&t, VQT_QUEUE_STATE, &s, sizeof(s), NULL, 0);
}

/* One descriptor, writable, with these flags; a ring whose used index is known, if not 0. */
static void chain(uint16_t head, uint16_t pos, uint16_t flags, uint16_t used_idx)
{
	const struct vqt_desc d = { 64, 512, VRING_DESC_F_WRITE, 0 };
	struct vqt_avail a = { .head = head, .pos = pos, .flags = flags, .ndesc = 1, .ndirect = 1 };

	a.ring.used_idx = used_idx;
	a.ring.known = used_idx ? VQT_RING_USED_IDX : 0;
	builder_add(&t, VQT_AVAIL, &a, sizeof(a), &d, sizeof(d));
}

static void before_counted(void)
{
	begin();
	learn(103, 100);
	CHECK_EQ(t.e.queue->unnamed, 3);
	CHECK_EQ(model_flight(t.e.queue), 3);
	/* found in the ring */
	chain(7, 100, VQT_CHAIN_BEFORE, 0);
	CHECK(t.e.req->before && !t.e.req->avail_ts && t.e.req->seen_ts == t.e.ts);
	CHECK_EQ(t.e.queue->popped, 0);
	CHECK_EQ(model_flight(t.e.queue), 3);
	/* known by its completion */
	chain(9, 103, VQT_CHAIN_DERIVED | VQT_CHAIN_LATE, 100);
	CHECK(t.e.req->before);
	CHECK_EQ(model_flight(t.e.queue), 3);
	CHECK_EQ(model_flight_before(dev(), t.e.queue), 3);
	builder_used(&t, 9, 512, 0);
	CHECK(t.e.req && t.e.req->before && !t.e.latency);
	/* not known at all */
	builder_used(&t, 11, 512, 0);
	CHECK(t.e.unnamed && !t.e.unknown_id);
	CHECK_EQ(model_flight(t.e.queue), 1);
	/* the first one's contents once more, at its completion */
	chain(7, 103, VQT_CHAIN_DERIVED | VQT_CHAIN_LATE, 102);
	CHECK(!t.e.head_in_flight && t.e.req->before);
	CHECK_EQ(t.e.req->ndesc, 1);
	CHECK_EQ(t.e.req->number, 5);
	builder_used(&t, 7, 512, 0);
	CHECK(t.e.req && t.e.ts > t.e.req->seen_ts + 1000);
	CHECK_EQ(model_flight(t.e.queue), 0);
	builder_used(&t, 7, 512, 0);
	CHECK(t.e.unknown_id);
	builder_finish(&t);
}

/* Positions are read while records of the same events wait to be written. */
static void before_raced(void)
{
	begin();
	learn(103, 101); /* 101 and 102 are in flight; 102 is popped in the trace */
	chain(3, 102, VQT_CHAIN_BEFORE, 0); /* found there, too */
	chain(3, 102, 0, 0);
	CHECK(!t.e.head_in_flight && !t.e.req->before && t.e.req->avail_ts == t.e.ts);
	CHECK_EQ(model_flight(t.e.queue), 2);
	CHECK_EQ(t.e.queue->popped, 1);
	chain(4, 103, 0, 0);
	CHECK_EQ(model_flight(t.e.queue), 3);
	builder_finish(&t);

	begin();
	learn(103, 101);
	chain(3, 102, 0, 0); /* counted, not found */
	CHECK_EQ(model_flight(t.e.queue), 2);
	chain(8, 103, VQT_CHAIN_DERIVED | VQT_CHAIN_LATE, 100); /* used as entry 100: not counted */
	CHECK(!t.e.req->before);
	builder_used(&t, 8, 512, 0);
	CHECK_EQ(model_flight(t.e.queue), 2);
	builder_finish(&t);
}

static void before_likely(void)
{
	begin();
	learn(11, 10);
	chain(5, 10, VQT_CHAIN_BEFORE | VQT_CHAIN_LIKELY, 0);
	CHECK_EQ(model_flight(t.e.queue), 1);
	chain(5, 11, 0, 0); /* the driver has it: another one was in flight */
	CHECK(!t.e.head_in_flight);
	CHECK_EQ(model_flight(t.e.queue), 2);
	CHECK_EQ(t.e.queue->unnamed, 1);
	chain(5, 12, 0, 0);
	CHECK(t.e.head_in_flight);
	builder_finish(&t);

	begin();
	learn(11, 10);
	chain(5, 10, VQT_CHAIN_BEFORE, 0);
	chain(5, 11, 0, 0);
	CHECK(t.e.head_in_flight); /* the ring proved it */
	builder_finish(&t);
}

static void before_ends(void)
{
	begin();
	learn(103, 100);
	builder_write(&t, VQT_REGION_COMMON, VIRTIO_PCI_COMMON_STATUS, 1, 0);
	CHECK_EQ(model_flight(model_queue(dev(), 0)), 0);
	builder_finish(&t);

	begin(); /* more than the queue has room for; positions beside what is known */
	learn(1000, 10);
	CHECK_EQ(model_flight(t.e.queue), 0);
	builder_read_request(&t, 1, 0);
	learn(103, 100);
	CHECK_EQ(model_flight(t.e.queue), 1);
	builder_finish(&t);
}

/* The positions of a packed ring count descriptors. */
static void before_packed(void)
{
	begin();
	builder_write(&t, VQT_REGION_COMMON, VIRTIO_PCI_COMMON_GFSELECT, 4, 1);
	builder_write(&t, VQT_REGION_COMMON, VIRTIO_PCI_COMMON_GF, 4,
		      1 << (VIRTIO_F_RING_PACKED - 32) | 1);
	learn(2, 62 | 1 << 15);
	CHECK_EQ(t.e.queue->unnamed, 1);
	CHECK(t.e.queue->unnamed_more);
	builder_used(&t, 1, 0, 0);
	builder_used(&t, 2, 0, 0);
	CHECK(!t.e.unknown_id);
	CHECK_EQ(model_flight(t.e.queue), 0);
	builder_finish(&t);
}

/* What the chains that are named leave of them is other chains'. */
static void before_overtaken(void)
{
	begin();
	builder_write(&t, VQT_REGION_COMMON, VIRTIO_PCI_COMMON_GFSELECT, 4, 1);
	builder_write(&t, VQT_REGION_COMMON, VIRTIO_PCI_COMMON_GF, 4,
		      1 << (VIRTIO_F_RING_PACKED - 32) | 1);
	learn(9 | 1 << 15, 3 | 1 << 15); /* six descriptors */
	chain(5, 4 | 1 << 15, VQT_CHAIN_BEFORE | VQT_CHAIN_LIKELY, 0);
	CHECK_EQ(model_flight(t.e.queue), 2);
	CHECK(t.e.queue->unnamed_more);
	chain(6, 6 | 1 << 15, VQT_CHAIN_BEFORE | VQT_CHAIN_LIKELY, 0);
	CHECK_EQ(t.e.queue->unnamed, 1);
	chain(5, 9 | 1 << 15, 0, 0); /* the driver has it: another one was in flight */
	CHECK_EQ(t.e.queue->unnamed, 1);
	CHECK_EQ(t.e.queue->unnamed_slots, 5);
	builder_used(&t, 6, 512, 0);
	builder_used(&t, 1, 512, 0); /* of one descriptor, or more */
	CHECK(t.e.unnamed && !t.e.unknown_id);
	CHECK_EQ(t.e.queue->unnamed, 0);
	CHECK(t.e.queue->unnamed_more);
	builder_finish(&t);
}

/* Read late: when it was popped is not known, and nothing is measured from it. */
static void popped_unseen(void)
{
	begin();
	builder_kick(&t, 0, 1);
	chain(4, 0, VQT_CHAIN_LATE, 0);
	CHECK(!t.e.req->avail_ts && !t.e.req->kick_ts && !t.e.req->before);
	CHECK_EQ(t.e.queue->popped, 1);
	builder_used(&t, 4, 512, 0);
	CHECK_EQ(t.e.latency, 0);
	builder_finish(&t);
}

/* --- in statistics --- */

static struct stats *s;

static void count(void)
{
	CHECK_EQ(stats_feed(s, t.model, &t.e, true), 0);
}

static void counted_as_stalled(void)
{
	struct stats_counts c;
	bool now;

	begin();
	s = stats_new();
	learn(103, 100);
	count();
	chain(7, 100, VQT_CHAIN_BEFORE, 0);
	count();
	CHECK_EQ(stats_device(s, 1)->flight, 3);
	CHECK_EQ(stats_device(s, 1)->counts.popped, 0);
	t.ts += 5 * UINT64_C(1000000000);
	builder_irq(&t, VQT_IRQ_CONFIG, 0);
	count();
	stats_device_counts(s, stats_device(s, 1), 0, &c);
	CHECK_EQ(c.stalls, 1);
	CHECK(stats_device_stall_max(s, stats_device(s, 1), &now) >= 5 * UINT64_C(1000000000));
	CHECK(now);
	/* a reset ends it, and it still counts */
	builder_write(&t, VQT_REGION_COMMON, VIRTIO_PCI_COMMON_STATUS, 1, 0);
	count();
	stats_device_counts(s, stats_device(s, 1), 0, &c);
	CHECK_EQ(c.stalls, 1);
	CHECK_EQ(stats_device(s, 1)->flight, 0);
	stats_device_stall_max(s, stats_device(s, 1), &now);
	CHECK(!now);
	stats_free(s);
	builder_finish(&t);
}

static void not_measured(void)
{
	const struct stats_device *d;

	begin();
	s = stats_new();
	for (uint16_t i = 0; i < 4; i++) {
		builder_kick(&t, i, (uint16_t)(i + 1));
		count();
		chain(4, i, VQT_CHAIN_LATE | VQT_CHAIN_DERIVED, 0);
		count();
		builder_used(&t, 4, 512, 0);
		count();
	}
	d = stats_device(s, 1);
	CHECK_EQ(d->counts.used, 4);
	CHECK_EQ(d->counts.untimed, 4);
	CHECK(!d->span[STATS_SERVICE] || !d->span[STATS_SERVICE]->count);
	CHECK(!d->span[STATS_WAIT] || !d->span[STATS_WAIT]->count);
	CHECK(!d->span[STATS_TOTAL] || !d->span[STATS_TOTAL]->count);
	CHECK(!stats_depth_known(d->hidden, &d->counts));
	for (unsigned i = 0; i < STATS_TYPES; i++)
		CHECK(!d->type[i] || !d->type[i]->service.count);
	stats_free(s);
	builder_finish(&t);
}

static const struct tap_test tests[] = {
	{ "positions say how many are in flight", before_counted },
	{ "records older than the positions", before_raced },
	{ "a chain that is only likely in flight", before_likely },
	{ "resets and impossible positions", before_ends },
	{ "positions of a packed ring", before_packed },
	{ "chains in a packed ring that were overtaken", before_overtaken },
	{ "a chain read late", popped_unseen },
	{ "a stall that has not ended counts", counted_as_stalled },
	{ "what is known from below is not measured", not_measured },
};

TAP_MAIN(tests)
