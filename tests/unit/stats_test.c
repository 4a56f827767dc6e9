/* SPDX-License-Identifier: MIT */
/* Statistics of conversations made by hand: exact figures. */
#include <linux/virtio_blk.h>
#include <linux/virtio_config.h>
#include <linux/virtio_pci.h>
#include <linux/virtio_ring.h>
#include <stdlib.h>

#include "decoder/stats/stats.h"
#include "tests/unit/record_builder.h"
#include "tests/unit/tap.h"

static struct record_builder t;
static struct stats *s;

static void feed(bool counted)
{
	CHECK_EQ(stats_feed(s, t.model, &t.e, counted), 0);
}

static void at(uint64_t ts)
{
	t.ts = ts;
}

static void begin(void)
{
	memset(&t, 0, sizeof(t));
	builder_begin(&t);
	s = stats_new();
	at(10);
	builder_write(&t, VQT_REGION_COMMON, VIRTIO_PCI_COMMON_STATUS, 1, 0x0f);
	feed(true);
}

static void end(void)
{
	stats_free(s);
	builder_finish(&t);
}

/* What the driver publishes: entries last..idx wait. */
static void kick(uint64_t ts, uint16_t last, uint16_t idx)
{
	at(ts);
	builder_kick(&t, last, idx);
	feed(true);
}

/* The device takes entry pos: a request with n bytes of data. */
static void take(uint64_t ts, uint16_t pos, uint16_t head, uint32_t type, uint64_t sector,
		 uint32_t n)
{
	uint16_t way = type == VIRTIO_BLK_T_IN ? VRING_DESC_F_WRITE : 0;
	struct {
		struct vqt_desc d[3];
		struct vqt_seg seg;
		struct virtio_blk_outhdr hdr;
	} tail = {
		.d = {
			{ 0x1000, 16, VRING_DESC_F_NEXT, 1 },
			{ 0x2000, n, (uint16_t)(VRING_DESC_F_NEXT | way), 2 },
			{ 0x3000, 1, VRING_DESC_F_WRITE, 0 },
		},
		.seg = { .len = 16 },
		.hdr = { .type = type, .sector = sector },
	};
	struct vqt_avail a = { .head = head, .pos = pos, .ndesc = 3, .ndirect = 3, .nseg = 1 };

	at(ts);
	builder_add(&t, VQT_AVAIL, &a, sizeof(a), &tail, sizeof(tail));
	feed(true);
}

static void use(uint64_t ts, uint16_t head, uint8_t status)
{
	at(ts);
	builder_used(&t, head, 1, status);
	feed(true);
}

static void irq(uint64_t ts)
{
	at(ts);
	builder_irq(&t, VQT_IRQ_SIGNAL, 1);
	feed(true);
}

static const struct stats_device *dev(void)
{
	return stats_device(s, 1);
}

static const struct stats_queue *queue(void)
{
	return stats_queue(dev(), t.queue);
}

static const struct hist *span(unsigned which)
{
	static const struct hist none;

	return queue()->span[which] ? queue()->span[which] : &none;
}

/* --- histograms --- */

static void buckets(void)
{
	CHECK_EQ(hist_bucket(0), 0);
	CHECK_EQ(hist_bucket(31), 31);
	CHECK_EQ(hist_bucket(32), 32);
	CHECK_EQ(hist_bucket(33), 32);
	CHECK_EQ(hist_bucket(34), 33);
	CHECK_EQ(hist_lower(33), 34);
	CHECK_EQ(hist_upper(33), 35);
	CHECK_EQ(hist_bucket((UINT64_C(1) << 40) - 1), HIST_BUCKETS - 2);
	CHECK_EQ(hist_bucket(UINT64_C(1) << 40), HIST_BUCKETS - 1);
	CHECK_EQ(hist_bucket(UINT64_MAX), HIST_BUCKETS - 1);
	CHECK_EQ(hist_upper(HIST_BUCKETS - 1), UINT64_MAX);
	CHECK_EQ(hist_lower(HIST_BUCKETS - 1), UINT64_C(1) << 40);
	CHECK_EQ(coarse_bucket(UINT64_MAX), COARSE_BUCKETS - 1);
	CHECK_EQ(coarse_lower(COARSE_BUCKETS - 1), UINT64_C(1) << 40);
	/* Buckets are contiguous, and never wider than a sixteenth of their least. */
	for (unsigned b = 0; b < HIST_BUCKETS - 1; b++) {
		uint64_t lo = hist_lower(b), hi = hist_upper(b);

		if (hist_lower(b + 1) != hi + 1 || hist_bucket(lo) != b || hist_bucket(hi) != b ||
		    (hi - lo + 1) * 16 > (lo > 16 ? lo : 16))
			CHECK_EQ(b, ~0U);
	}
	for (unsigned b = 0; b < COARSE_BUCKETS - 1; b++) {
		uint64_t lo = coarse_lower(b), hi = coarse_upper(b);

		if (coarse_lower(b + 1) != hi + 1 || coarse_bucket(lo) != b ||
		    coarse_bucket(hi) != b || (hi - lo + 1) * 4 > (lo > 4 ? lo : 4))
			CHECK_EQ(b, ~0U);
	}
}

static void percentiles(void)
{
	static struct hist h;

	memset(&h, 0, sizeof(h));
	CHECK_EQ(hist_percentile(&h, 500000), 0);
	CHECK_EQ(hist_mean(&h), 0);
	for (uint64_t v = 1; v <= 20; v++)
		hist_add(&h, v, 1);
	CHECK_EQ(h.count, 20);
	CHECK_EQ(h.min, 1);
	CHECK_EQ(h.max, 20);
	CHECK_EQ(h.sum, 210);
	CHECK_EQ(hist_mean(&h), 10);
	CHECK_EQ(hist_percentile(&h, 0), 1);
	CHECK_EQ(hist_percentile(&h, 500000), 10);
	CHECK_EQ(hist_percentile(&h, 500001), 11);
	CHECK_EQ(hist_percentile(&h, 950000), 19);
	CHECK_EQ(hist_percentile(&h, 1000000), 20);
	hist_add(&h, 1000, 980); /* bucket 992..1023, but 1000 is the most there is */
	CHECK_EQ(hist_percentile(&h, 500000), 1000);
	hist_add(&h, 1010, 1);
	CHECK_EQ(hist_percentile(&h, 500000), 1010);
	hist_add(&h, 5000, 1);
	CHECK_EQ(hist_percentile(&h, 500000), 1023);
	CHECK_EQ(hist_percentile(&h, 1000000), 5000);
	hist_add(&h, 7, 0);
	CHECK_EQ(h.count, 1002);
	hist_add(&h, UINT64_MAX, 1000000000);
	CHECK_EQ(hist_percentile(&h, 500000), UINT64_MAX);
}

/* Against sorting, for values of all magnitudes: never below, never more than 1/16 above. */
static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void percentiles_of_many(void)
{
	static const uint32_t ppm[] = { 1, 10000, 250000, 500000, 900000, 990000, 999000, 1000000 };
	enum { N = 5000 };
	static uint64_t v[N];
	static struct hist h, half;
	uint64_t x = 88172645463325252ULL;

	memset(&h, 0, sizeof(h));
	memset(&half, 0, sizeof(half));
	for (unsigned i = 0; i < N; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		v[i] = x >> (25 + x % 39);
		hist_add(i % 2 ? &h : &half, v[i], 1);
	}
	hist_merge(&h, &half);
	CHECK_EQ(h.count, N);
	qsort(v, N, sizeof(v[0]), compare);
	CHECK_EQ(h.min, v[0]);
	CHECK_EQ(h.max, v[N - 1]);
	for (unsigned i = 0; i < sizeof(ppm) / sizeof(ppm[0]); i++) {
		uint64_t rank = ((uint64_t)N * ppm[i] + 999999) / 1000000,
			 got = hist_percentile(&h, ppm[i]);

		CHECK(got >= v[rank - 1]);
		CHECK(got <= v[rank - 1] + v[rank - 1] / 16);
		CHECK_EQ(hist_bucket(got), hist_bucket(v[rank - 1]));
	}
}

static void intervals(void)
{
	static struct hist before, now, diff;

	memset(&now, 0, sizeof(now));
	hist_add(&now, 10, 3);
	hist_add(&now, 100000, 1);
	before = now;
	hist_sub(&diff, &now, &before);
	CHECK_EQ(diff.count, 0);
	CHECK_EQ(diff.max, 0);
	hist_add(&now, 1000, 4);
	hist_sub(&diff, &now, &before);
	CHECK_EQ(diff.count, 4);
	CHECK_EQ(diff.sum, 4000);
	CHECK_EQ(diff.min, hist_lower(hist_bucket(1000)));
	CHECK_EQ(diff.max, hist_upper(hist_bucket(1000)));
	CHECK_EQ(hist_percentile(&diff, 500000), 1023);
}

static void coarse(void)
{
	uint32_t b[COARSE_BUCKETS] = { 0 };

	CHECK_EQ(coarse_percentile(b, 500000, 99), 0);
	b[coarse_bucket(100)] = 3; /* 96..111 */
	b[coarse_bucket(5000)] = 1;
	CHECK_EQ(coarse_percentile(b, 500000, 6000), 111);
	CHECK_EQ(coarse_percentile(b, 990000, 5001), 5001);
}

/* --- requests --- */

static void one_request(void)
{
	struct stats_counts c;
	const struct stats_group *in;

	begin();
	kick(1000000000, 0, 1);
	take(1000002000, 0, 5, VIRTIO_BLK_T_IN, 64, 4096);
	CHECK_EQ(queue()->flight, 1);
	use(1000012000, 5, 0);
	CHECK_EQ(queue()->flight, 0);
	irq(1000013000);
	CHECK_EQ(span(STATS_WAIT)->count, 1);
	CHECK_EQ(span(STATS_WAIT)->max, 2000);
	CHECK_EQ(span(STATS_SERVICE)->max, 10000);
	CHECK_EQ(span(STATS_TOTAL)->max, 12000);
	CHECK_EQ(span(STATS_NOTIFY)->max, 1000);
	CHECK_EQ(span(STATS_BACKEND)->count, 0);
	CHECK_EQ(span(STATS_SERVICE)->bucket[hist_bucket(10000)], 1);
	stats_queue_counts(s, queue(), 0, &c);
	CHECK_EQ(c.kicks, 1);
	CHECK_EQ(c.kick_batch[1], 1);
	CHECK_EQ(c.popped, 1);
	CHECK_EQ(c.used, 1);
	CHECK_EQ(c.interrupts, 1);
	CHECK_EQ(c.irq_batch[1], 1);
	CHECK_EQ(c.bytes_in, 4096);
	CHECK_EQ(c.bytes_out, 0);
	CHECK_EQ(c.descriptors, 3);
	CHECK_EQ(c.status[0], 1);
	CHECK_EQ(c.flight_ns, 10000);
	CHECK_EQ(c.busy_ns, 10000);
	in = dev()->type[0];
	CHECK(in && in->counts.used == 1 && in->service.max == 10000);
	CHECK_STR(stats_type_name(t.e.dev->class, 0), "in");
	CHECK(dev()->size[4] && dev()->size[4]->counts.bytes_in == 4096);
	CHECK_STR(stats_size_name(4), "4 KiB");
	CHECK_EQ(dev()->counts.reg_writes, 1);
	CHECK_EQ(stats_total(s)->first_ts, 10);
	CHECK_EQ(stats_total(s)->last_ts, 1000013000);
	CHECK_EQ(dev()->first_ts, 1000000000);
	CHECK_EQ(dev()->last_ts, 1000012000);
	end();
}

/* Whatever the interleaving: which kick announced a request, and when. */
static void who_announced(void)
{
	begin();
	kick(1000, 0, 1);
	kick(2000, 0, 2); /* before the first was popped */
	take(3000, 0, 0, VIRTIO_BLK_T_IN, 0, 512);
	CHECK_EQ(t.e.req->announce_ts, 1000);
	take(3100, 1, 3, VIRTIO_BLK_T_IN, 8, 512);
	CHECK_EQ(t.e.req->announce_ts, 2000);
	/* published without a kick, since the device was at it anyway */
	take(3200, 2, 6, VIRTIO_BLK_T_IN, 16, 512);
	CHECK_EQ(t.e.req->announce_ts, 0);
	CHECK_EQ(t.e.req->kick_ts, 2000);
	/* a kick for chains that have already been popped announces nothing */
	kick(3300, 3, 3);
	take(4000, 3, 9, VIRTIO_BLK_T_IN, 16, 512);
	CHECK_EQ(t.e.req->announce_ts, 0);
	/* one for three */
	kick(5000, 4, 7);
	take(5100, 4, 12, VIRTIO_BLK_T_IN, 16, 512);
	take(5200, 5, 15, VIRTIO_BLK_T_IN, 16, 512);
	take(5300, 6, 18, VIRTIO_BLK_T_IN, 16, 512);
	CHECK_EQ(t.e.req->announce_ts, 5000);
	CHECK_EQ(span(STATS_WAIT)->count, 5);
	CHECK_EQ(span(STATS_WAIT)->sum, 2000 + 1100 + 100 + 200 + 300);
	CHECK_EQ(queue()->counts.kicks, 4);
	CHECK_EQ(queue()->counts.kicks_empty, 1);
	CHECK_EQ(queue()->counts.announced, 5);
	CHECK_EQ(queue()->counts.found, 2); /* and the device found these by itself */
	CHECK_EQ(queue()->counts.kick_batch[2], 2);
	CHECK_EQ(queue()->waiting_max, 3);
	end();
	begin(); /* over the wrap of the index */
	kick(6000, 65535, 1);
	take(6100, 65535, 21, VIRTIO_BLK_T_IN, 16, 512);
	take(6200, 0, 24, VIRTIO_BLK_T_IN, 16, 512);
	CHECK_EQ(t.e.req->announce_ts, 6000);
	end();
}

static void packed_kick(void)
{
	struct vqt_kick k = { .ring = { .known = VQT_RING_PACKED }, .via = VQT_KICK_IOEVENTFD };

	begin();
	at(1000);
	builder_add(&t, VQT_KICK, &k, sizeof(k), NULL, 0);
	feed(true);
	take(1100, 0, 0, VIRTIO_BLK_T_IN, 0, 512);
	CHECK_EQ(t.e.req->announce_ts, 1000);
	take(1200, 1, 1, VIRTIO_BLK_T_IN, 0, 512); /* nobody knows */
	CHECK_EQ(t.e.req->announce_ts, 0);
	CHECK_EQ(span(STATS_WAIT)->count, 1);
	CHECK_EQ(dev()->counts.announced, 1);
	CHECK_EQ(dev()->counts.found, 0);
	end();
}

static void depth(void)
{
	struct stats_counts c;

	begin();
	take(1000, 0, 0, VIRTIO_BLK_T_IN, 0, 512);
	take(1100, 1, 3, VIRTIO_BLK_T_IN, 0, 512);
	take(1300, 2, 6, VIRTIO_BLK_T_IN, 0, 512);
	use(1600, 3, 0);
	stats_queue_counts(s, queue(), 2000, &c);
	CHECK_EQ(c.flight_ns, 100 + 2 * 200 + 3 * 300 + 2 * 400);
	CHECK_EQ(c.busy_ns, 1000);
	CHECK_EQ(queue()->flight, 2);
	CHECK_EQ(queue()->flight_max, 3);
	CHECK_EQ(dev()->flight_max, 3);
	/* a reset takes the rest back */
	at(3000);
	builder_write(&t, VQT_REGION_COMMON, VIRTIO_PCI_COMMON_STATUS, 1, 0);
	feed(true);
	CHECK_EQ(queue()->flight, 0);
	CHECK_EQ(dev()->flight, 0);
	stats_device_counts(s, dev(), 9000, &c);
	CHECK_EQ(c.dropped, 2);
	CHECK_EQ(c.flight_ns, 100 + 2 * 200 + 3 * 300 + 2 * 1400);
	CHECK_EQ(c.busy_ns, 2000);
	CHECK_EQ(c.popped, 3);
	CHECK_EQ(c.used, 1);
	end();
}

static void errors_and_types(void)
{
	begin();
	take(1000, 0, 0, VIRTIO_BLK_T_OUT, 0, 1024);
	use(2000, 0, VIRTIO_BLK_S_IOERR);
	take(3000, 1, 0, VIRTIO_BLK_T_OUT, 2, 1024);
	use(4000, 0, 0);
	take(5000, 2, 0, 4711, 0, 0);
	use(6000, 0, VIRTIO_BLK_S_UNSUPP);
	use(7000, 77, 0); /* of nothing */
	CHECK_EQ(dev()->counts.used, 3);
	CHECK_EQ(dev()->counts.errors, 2);
	CHECK_EQ(dev()->counts.unknown, 1);
	CHECK_EQ(dev()->counts.status[VIRTIO_BLK_S_IOERR], 1);
	CHECK_EQ(dev()->counts.status[VIRTIO_BLK_S_UNSUPP], 1);
	CHECK_EQ(dev()->counts.bytes_out, 1024); /* of what succeeded */
	CHECK(dev()->type[STATS_TYPES - STATS_TYPE_OTHERS + STATS_TYPE_UNKNOWN]);
	CHECK_STR(stats_type_name(NULL, STATS_TYPES - STATS_TYPE_OTHERS), "unknown");
	end();
}

static void interrupts(void)
{
	begin();
	for (uint16_t i = 0; i < 5; i++)
		take(1000 + i, i, i, VIRTIO_BLK_T_IN, 0, 512);
	use(2000, 0, 0);
	use(2100, 1, 0);
	use(2200, 2, 0);
	irq(2500);
	at(2600);
	builder_irq(&t, VQT_IRQ_MSIX, 1); /* the message of the same one */
	feed(true);
	irq(2700);
	CHECK_EQ(dev()->counts.interrupts, 2);
	CHECK_EQ(dev()->counts.irqs_empty, 1);
	CHECK_EQ(dev()->counts.irq_batch[2], 1);
	CHECK_EQ(dev()->counts.irq_batch[0], 1);
	CHECK_EQ(span(STATS_NOTIFY)->count, 1); /* one of the three called for it: the last, */
	CHECK_EQ(span(STATS_NOTIFY)->max, 300); /* as no ring says otherwise */
	at(2800);
	builder_irq(&t, VQT_IRQ_CONFIG, 0);
	feed(true);
	CHECK_EQ(dev()->counts.interrupts, 2);
	CHECK_EQ(dev()->counts.config_irqs, 1);
	end();
	/* A device that never says that it decides: the message counts. */
	begin();
	take(1000, 0, 0, VIRTIO_BLK_T_IN, 0, 512);
	use(2000, 0, 0);
	at(2600);
	builder_irq(&t, VQT_IRQ_MSIX, 1);
	feed(true);
	CHECK_EQ(dev()->counts.interrupts, 1);
	end();
}

static void use_with(uint64_t ts, uint16_t head, uint16_t pos, const struct vqt_ring *ring)
{
	struct vqt_used u = { .id = head, .pos = pos, .ring = *ring };

	at(ts);
	builder_add(&t, VQT_USED, &u, sizeof(u), NULL, 0);
	feed(true);
}

/* Only the completion that the driver waits for is late when the interrupt is. */
static void due(void)
{
	struct vqt_ring ring = { .known = VQT_RING_USED_EVENT | VQT_RING_AVAIL_FLAGS,
				 .used_event = 1 };

	begin();
	builder_write(&t, VQT_REGION_COMMON, VIRTIO_PCI_COMMON_GF, 4,
		      1U << VIRTIO_RING_F_EVENT_IDX);
	for (uint16_t i = 0; i < 6; i++)
		take(1000 + i, i, i, VIRTIO_BLK_T_IN, 0, 512);
	use_with(2000, 0, 0, &ring);
	use_with(2100, 1, 1, &ring);
	use_with(2200, 2, 2, &ring);
	irq(2700);
	CHECK_EQ(span(STATS_NOTIFY)->count, 1);
	CHECK_EQ(span(STATS_NOTIFY)->max, 600);
	CHECK_EQ(dev()->counts.irqs_unwanted, 2);
	CHECK_EQ(dev()->counts.irq_batch[2], 1);
	use_with(3000, 3, 3, &ring);
	/* An interrupt after the reset says nothing about the requests before it. */
	at(4000);
	builder_write(&t, VQT_REGION_COMMON, VIRTIO_PCI_COMMON_STATUS, 1, 0);
	feed(true);
	irq(5000);
	CHECK_EQ(span(STATS_NOTIFY)->count, 1);
	CHECK_EQ(dev()->counts.irqs_empty, 1);
	/* without the event index it is a flag */
	ring.avail_flags = VRING_AVAIL_F_NO_INTERRUPT;
	take(6000, 0, 0, VIRTIO_BLK_T_IN, 0, 512);
	take(6000, 1, 1, VIRTIO_BLK_T_IN, 0, 512);
	use_with(6100, 0, 0, &ring);
	ring.avail_flags = 0;
	use_with(6200, 1, 1, &ring);
	irq(6201);
	CHECK_EQ(span(STATS_NOTIFY)->min, 1);
	CHECK_EQ(dev()->counts.irqs_unwanted, 4);
	CHECK_EQ(dev()->counts.irqs_wanted, 2);
	end();
}

static void access_pattern(void)
{
	const struct stats_access *a;

	begin();
	take(1000, 0, 0, VIRTIO_BLK_T_IN, 0, 4096);
	take(1001, 1, 1, VIRTIO_BLK_T_IN, 8, 4096);
	take(1002, 2, 2, VIRTIO_BLK_T_IN, 1000, 512);
	take(1003, 3, 3, VIRTIO_BLK_T_IN, 16, 4096); /* the first run goes on */
	take(1004, 4, 4, VIRTIO_BLK_T_IN, 1001, 1024);
	take(1005, 5, 5, VIRTIO_BLK_T_FLUSH, 0, 0); /* lies nowhere */
	a = &dev()->access;
	CHECK_EQ(a->sequential, 3);
	CHECK_EQ(a->random, 2);
	CHECK_EQ(a->align[0], 2);
	CHECK_EQ(a->align[3], 3);
	CHECK_EQ(a->sector_min, 0);
	CHECK_EQ(a->sector_end, 1003);
	end();
}

static void stalls(void)
{
	begin();
	take(1000, 0, 0, VIRTIO_BLK_T_IN, 0, 512);
	take(500000000, 1, 1, VIRTIO_BLK_T_IN, 0, 512);
	CHECK_EQ(stats_stalled_for(queue(), 900001000), 900000000);
	use(1000001000, 0, 0);
	CHECK_EQ(dev()->counts.stalls, 1);
	CHECK_EQ(queue()->stall_max, 1000000000);
	use(1100000000, 1, 0); /* 1.1 s after it was popped, but there was progress */
	CHECK_EQ(dev()->counts.stalls, 1);
	CHECK_EQ(stats_stalled_for(queue(), 9900001000), 0);
	end();
}

static void filtered(void)
{
	begin();
	kick(1000, 0, 2);
	take(2000, 0, 0, VIRTIO_BLK_T_IN, 0, 512);
	at(2100);
	builder_read_request(&t, 9, 8);
	feed(false);
	CHECK_EQ(queue()->flight, 2);
	at(3000);
	builder_used(&t, 9, 1, 0);
	feed(false);
	use(4000, 0, 0);
	at(5000);
	builder_irq(&t, VQT_IRQ_SIGNAL, 1);
	feed(false);
	CHECK_EQ(dev()->counts.popped, 1);
	CHECK_EQ(dev()->counts.used, 1);
	CHECK_EQ(dev()->counts.interrupts, 0);
	CHECK_EQ(span(STATS_SERVICE)->count, 1);
	CHECK_EQ(span(STATS_NOTIFY)->count, 1);
	CHECK_EQ(span(STATS_NOTIFY)->max, 1000);
	end();
}

/* --- time --- */

static void slices(void)
{
	uint64_t used = 0, first;

	begin();
	first = stats_total(s)->start_ts;
	for (unsigned i = 0; i < 100; i++) {
		take(first + i * 1000000, (uint16_t)i, 0, VIRTIO_BLK_T_IN, 0, 512);
		use(first + i * 1000000 + 100 + i, 0, 0);
	}
	CHECK_EQ(stats_total(s)->slice_ns, 1000000);
	CHECK_EQ(dev()->nslices, 100);
	CHECK_EQ(dev()->slice[42].used, 1);
	CHECK_EQ(dev()->slice[42].service_max, 142);
	CHECK_EQ(dev()->slice[42].service_min, 142);
	CHECK_EQ(dev()->slice[42].flight_max, 1);
	CHECK_EQ(dev()->slice[42].flight_ns, 142);
	/* idle time has no slices */
	for (unsigned i = 0; i < 28; i++) {
		take(first + 200000000 + i * 1000000, (uint16_t)(100 + i), 0, VIRTIO_BLK_T_IN, 0,
		     512);
		use(first + 200000000 + i * 1000000 + 100, 0, 0);
	}
	CHECK_EQ(stats_total(s)->slice_ns, 1000000);
	CHECK_EQ(dev()->nslices, 128);
	CHECK_EQ(dev()->slice[100].index, 200);
	CHECK_EQ(stats_slice_start(s, 200), 200000000);
	/* outgrown: pairs are joined, nothing is lost */
	take(first + 240000000, 128, 0, VIRTIO_BLK_T_IN, 0, 512);
	CHECK_EQ(stats_total(s)->slice_ns, 2000000);
	CHECK_EQ(dev()->nslices, 50 + 14 + 1);
	CHECK_EQ(dev()->slice[50].index, 100);
	CHECK_EQ(dev()->slice[21].used, 2);
	CHECK_EQ(dev()->slice[21].service_min, 142);
	CHECK_EQ(dev()->slice[21].flight_ns, 142 + 143);
	CHECK_EQ(dev()->slice[21].queue_used[0], 2);
	CHECK_EQ(dev()->slice[21].type_used[0], 2);
	CHECK_EQ(dev()->slice[21].bytes_in, 1024);
	CHECK_EQ(dev()->slice[21].service_max, 143);
	CHECK_EQ(dev()->slice[21].service_sum, 142 + 143);
	/* in flight until the end: so are the slices */
	CHECK_EQ(stats_end(s), 0);
	CHECK_EQ(dev()->slice[64].used, 0);
	CHECK_EQ(dev()->slice[64].flight_max, 1);
	/* a time far out, as hostile files have it */
	use(UINT64_C(1) << 63, 0, 0);
	CHECK(dev()->nslices <= STATS_SLICES);
	for (unsigned i = 0; i < dev()->nslices; i++)
		used += dev()->slice[i].used;
	CHECK_EQ(used, 129);
	/* and one before the beginning */
	take(5, 101, 0, VIRTIO_BLK_T_IN, 0, 512);
	CHECK_EQ(dev()->slice[0].popped, 130);
	end();
}

static void differences(void)
{
	struct stats_counts a, b;

	begin();
	kick(1000, 0, 1);
	take(2000, 0, 0, VIRTIO_BLK_T_IN, 0, 512);
	stats_device_counts(s, dev(), 0, &a);
	use(5000, 0, 0);
	stats_device_counts(s, dev(), 0, &b);
	stats_counts_sub(&b, &b, &a);
	CHECK_EQ(b.kicks, 0);
	CHECK_EQ(b.used, 1);
	CHECK_EQ(b.bytes_in, 512);
	CHECK_EQ(b.flight_ns, 3000);
	end();
}

static void sizes(void)
{
	CHECK_EQ(stats_size_class(0), 0);
	CHECK_EQ(stats_size_class(1), 1);
	CHECK_EQ(stats_size_class(512), 1);
	CHECK_EQ(stats_size_class(513), 2);
	CHECK_EQ(stats_size_class(1 << 20), 12);
	CHECK_STR(stats_size_name(12), "1 MiB");
	CHECK_EQ(stats_size_class((8 << 20) + 1), STATS_SIZES - 1);
	CHECK_EQ(stats_size_class(UINT64_MAX), STATS_SIZES - 1);
	CHECK(!stats_size_name(STATS_SIZES));
	for (unsigned i = 0; i < STATS_SIZES; i++)
		CHECK_EQ(stats_size_class(stats_size_limit(i)), i);
}

/* The names cover every count, in order. */
static void names(void)
{
	size_t at = 0;

	for (const struct stats_count_name *n = stats_count_names; n->name; n++) {
		CHECK_EQ(n->at, at);
		CHECK(n->help && n->n);
		at += n->n * sizeof(uint64_t);
	}
	CHECK_EQ(at, sizeof(struct stats_counts));
}

/* Memory is bounded however many queues and threads a trace invents. */
static void many(void)
{
	unsigned n = 0, threads = 0;

	begin();
	for (unsigned i = 0; i < STATS_QUEUES_MAX + 100; i++) {
		t.queue = (uint16_t)i;
		builder_kick(&t, 0, 1);
		t.rec.h.tid = i + 1;
		feed(true);
	}
	for (const struct stats_queue *q = dev()->queues; q; q = q->hh.next)
		n++;
	for (const struct stats_thread *h = stats_threads(s); h; h = h->hh.next)
		threads++;
	CHECK_EQ(n, STATS_QUEUES_MAX);
	CHECK_EQ(stats_total(s)->left_out, 100);
	CHECK(threads <= STATS_THREADS_MAX + 1);
	CHECK_EQ(dev()->counts.kicks, STATS_QUEUES_MAX + 100);
	t.queue = VQT_NO_QUEUE;
	builder_kick(&t, 0, 1);
	feed(true);
	CHECK_EQ(stats_total(s)->left_out, 101);
	CHECK_EQ(dev()->counts.kicks, STATS_QUEUES_MAX + 101);
	end();
}

/* A light capture's word on a queue: n completions, some still in flight. */
static void tally(uint64_t ts, uint64_t n, uint32_t flight)
{
	const struct vqt_tally_group group = { .type = VIRTIO_BLK_T_IN, .used = n };
	struct vqt_tally y = { .interval = 1000000000,
			       .popped = n,
			       .flight = flight,
			       .flight_max = flight,
			       .ngroup = n ? 1 : 0 };

	at(ts);
	builder_add(&t, VQT_TALLY, &y, sizeof(y), &group, n ? sizeof(group) : 0);
	feed(true);
}

static void stalls_of_tallies(void)
{
	begin();
	tally(1000000000, 0, 0);
	for (uint64_t sec = 2; sec < 9; sec++) { /* busy, with something in flight at each look */
		tally(sec * 1000000000, 4000, 3);
		CHECK_EQ(stats_stalled_for(queue(), sec * 1000000000 + 999999999), 0);
	}
	/* nothing more comes: counted from the end of the interval that would have shown it */
	CHECK_EQ(stats_stalled_for(queue(), 11000000000), 2000000000);
	tally(12000000000, 0, 4); /* more is popped, nothing completed */
	CHECK_EQ(stats_stalled_for(queue(), 12000000000), 3000000000);
	tally(13000000000, 4, 0);
	CHECK_EQ(stats_stalled_for(queue(), 20000000000), 0);
	end();
}

static const struct tap_test tests[] = {
	{ "buckets of a histogram", buckets },
	{ "percentiles of a few", percentiles },
	{ "percentiles of many, against sorting", percentiles_of_many },
	{ "histograms of intervals", intervals },
	{ "coarse histograms", coarse },
	{ "one request", one_request },
	{ "which kick announced a request", who_announced },
	{ "kicks of a packed ring", packed_kick },
	{ "in flight over time, and a reset", depth },
	{ "errors, unknown types, unknown completions", errors_and_types },
	{ "interrupts are counted once", interrupts },
	{ "which completion an interrupt is for", due },
	{ "sequential, random, alignment", access_pattern },
	{ "stalls", stalls },
	{ "stalls seen by tallies", stalls_of_tallies },
	{ "only what is counted", filtered },
	{ "slices of time", slices },
	{ "differences", differences },
	{ "classes of size", sizes },
	{ "names of counts", names },
	{ "bounded memory", many },
};

TAP_MAIN(tests)
