/* SPDX-License-Identifier: MIT */
/*
 * Statistics of what is neither a request nor a moment: the negotiation in force, buffers that
 * are posted in advance, chains that the capture could not read.
 */
#include <linux/virtio_blk.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_pci.h>
#include <linux/virtio_ring.h>
#include <stdlib.h>

#include "decoder/stats/print.h"
#include "decoder/stats/stats.h"
#include "tests/unit/record_builder.h"
#include "tests/unit/tap.h"

#define RUNNING 0x0f
#define BIT(n) (UINT64_C(1) << (n))

static struct record_builder t;
static struct stats *s;

static void add(unsigned type, void *fixed, size_t size, const void *tail, size_t n)
{
	builder_add(&t, type, fixed, size, tail, n);
	CHECK_EQ(stats_feed(s, t.model, &t.e, true), 0);
}

/* A device of this type, recorded by this kind of source. */
static void begin(uint16_t virtio_id, unsigned kind)
{
	struct vqt_source src = { .kind = (uint16_t)kind };
	struct vqt_device d = { .virtio_id = virtio_id, .bdf = ~0U };

	memset(&t, 0, sizeof(t));
	builder_begin(&t);
	s = stats_new();
	add(VQT_SOURCE, &src, sizeof(src), NULL, 0);
	add(VQT_DEVICE, &d, sizeof(d), NULL, 0);
}

static void end(void)
{
	stats_free(s);
	builder_finish(&t);
}

static void write_common(uint32_t offset, unsigned width, uint64_t value)
{
	builder_write(&t, VQT_REGION_COMMON, offset, width, value);
	CHECK_EQ(stats_feed(s, t.model, &t.e, true), 0);
}

/* What the device offers, and the driver left: with a bit that only the legacy interface has, 6.3. */
#define LEFT BIT(VIRTIO_RING_F_INDIRECT_DESC)
#define LEFT_BY_LEGACY BIT(VIRTIO_F_NOTIFY_ON_EMPTY)

static void learn(uint8_t status, uint64_t accepted)
{
	struct vqt_device_state v = {
		.known = VQT_KNOWN_STATUS | VQT_KNOWN_ACCEPTED | VQT_KNOWN_OFFERED,
		.status = status,
		.accepted = { accepted, 0 },
		.offered = { accepted | LEFT | LEFT_BY_LEGACY, 0 },
	};

	add(VQT_DEVICE_STATE, &v, sizeof(v), NULL, 0);
}

static void learn_queue(uint16_t size)
{
	struct vqt_queue_state v = {
		.known = VQT_KNOWN_SIZE | VQT_KNOWN_ENABLED,
		.size = size,
		.enabled = 1,
	};

	add(VQT_QUEUE_STATE, &v, sizeof(v), NULL, 0);
}

static void lifecycle(uint16_t what)
{
	struct vqt_lifecycle l = { .what = what };

	add(VQT_LIFECYCLE, &l, sizeof(l), NULL, 0);
}

/* A chain of one descriptor at t.queue. */
static void pop(uint64_t ts, uint16_t head, bool writable, uint32_t len, uint16_t flags)
{
	struct vqt_desc d = { 0x1000, len, writable ? VRING_DESC_F_WRITE : 0, 0 };
	struct vqt_avail a = { .head = head, .pos = head, .flags = flags };

	a.ndesc = a.ndirect = !(flags & VQT_CHAIN_CUT);
	t.ts = ts;
	add(VQT_AVAIL, &a, sizeof(a), &d, a.ndesc * sizeof(d));
}

static void use(uint64_t ts, uint16_t head, uint32_t len)
{
	struct vqt_used u = { .id = head, .len = len };

	t.ts = ts;
	add(VQT_USED, &u, sizeof(u), NULL, 0);
}

static const struct stats_device *dev(void)
{
	return stats_device(s, 1);
}

/* After the driver has reset the device the page still tells what it had negotiated. */
static void kept_over_reset(void)
{
	begin(VIRTIO_ID_BLOCK, VQT_SRC_QEMU);
	write_common(VIRTIO_PCI_COMMON_STATUS, 1, 0x03);
	write_common(VIRTIO_PCI_COMMON_GFSELECT, 4, 1);
	write_common(VIRTIO_PCI_COMMON_GF, 4, BIT(VIRTIO_F_VERSION_1 - 32));
	write_common(VIRTIO_PCI_COMMON_Q_SELECT, 2, 1);
	write_common(VIRTIO_PCI_COMMON_Q_SIZE, 2, 64);
	write_common(VIRTIO_PCI_COMMON_Q_MSIX, 2, 3);
	write_common(VIRTIO_PCI_COMMON_Q_ENABLE, 2, 1);
	write_common(VIRTIO_PCI_COMMON_STATUS, 1, RUNNING);
	CHECK_EQ(dev()->ready.times, 1);
	CHECK_EQ(dev()->ready.over, 0);
	write_common(VIRTIO_PCI_COMMON_STATUS, 1, 0);
	CHECK_EQ(dev()->ready.over, t.e.number);
	write_common(VIRTIO_PCI_COMMON_Q_SELECT, 2, 1);
	write_common(VIRTIO_PCI_COMMON_Q_SIZE, 2, 256);
	CHECK(dev()->ready.known && !dev()->ready.learned);
	CHECK_EQ(dev()->ready.accepted[0], BIT(VIRTIO_F_VERSION_1));
	CHECK_EQ(stats_queue(dev(), 1)->size, 64);
	CHECK_EQ(stats_queue(dev(), 1)->vector, 3);
	CHECK(stats_queue(dev(), 1)->set_up);
	end();
}

/* The device has one set of features for both interfaces: what is offered depends on the one in use. */
static void learned_of_either_interface(void)
{
	begin(VIRTIO_ID_BLOCK, VQT_SRC_QEMU);
	learn(RUNNING, BIT(VIRTIO_F_VERSION_1));
	CHECK_EQ(dev()->ready.offered[0], BIT(VIRTIO_F_VERSION_1) | LEFT);
	end();
	begin(VIRTIO_ID_BLOCK, VQT_SRC_QEMU);
	learn(RUNNING & ~VIRTIO_CONFIG_S_FEATURES_OK, BIT(VIRTIO_RING_F_EVENT_IDX));
	CHECK_EQ(dev()->ready.offered[0], BIT(VIRTIO_RING_F_EVENT_IDX) | LEFT | LEFT_BY_LEGACY);
	end();
}

/* A proxy sees no registers; two of the feature bits that it sees are vhost's own. */
static void learned_by_a_proxy(void)
{
	uint64_t accepted = BIT(VIRTIO_F_VERSION_1) | BIT(VIRTIO_RING_F_EVENT_IDX);

	begin(VIRTIO_ID_BLOCK, VQT_SRC_PROXY);
	learn(0x0b, accepted);
	CHECK(!dev()->ready.known); /* it is not in force yet */
	learn(RUNNING, accepted | BIT(26) | BIT(30));
	learn_queue(128);
	CHECK(dev()->ready.known && dev()->ready.learned);
	CHECK_EQ(dev()->ready.accepted[0], accepted);
	CHECK_EQ(dev()->ready.offered[0], accepted | LEFT);
	lifecycle(VQT_LIFECYCLE_RESET);
	CHECK_EQ(dev()->ready.over, t.e.number);
	CHECK_EQ(dev()->ready.accepted[0], accepted);
	CHECK_EQ(stats_queue(dev(), 0)->size, 128);
	end();
	begin(VIRTIO_ID_BLOCK, VQT_SRC_QEMU); /* elsewhere these bits are the device's */
	learn(RUNNING, accepted | BIT(26));
	CHECK_EQ(dev()->ready.accepted[0], accepted | BIT(26));
	end();
}

/* Buffers of a receive queue wait for packets: neither load nor latency nor a stall. */
static void posted_buffers(void)
{
	struct stats_counts c;

	begin(VIRTIO_ID_NET, VQT_SRC_PROXY);
	learn(RUNNING, BIT(VIRTIO_F_VERSION_1));
	learn_queue(256);
	pop(1000000, 0, true, 2048, 0);
	pop(1000100, 1, true, 2048, 0);
	CHECK_EQ(dev()->flight, 0);
	CHECK_EQ(dev()->posted, 2);
	CHECK_EQ(stats_queue(dev(), 0)->posted, 2);
	CHECK_EQ(stats_stalled_for(stats_queue(dev(), 0), UINT64_C(9000000000)), 0);
	use(UINT64_C(5000000000), 0, 112);
	stats_device_counts(s, dev(), UINT64_C(6000000000), &c);
	CHECK_EQ(c.popped, 2);
	CHECK_EQ(c.posted, 2);
	CHECK_EQ(c.used, 1);
	CHECK_EQ(c.busy_ns, 0);
	CHECK_EQ(c.flight_ns, 0);
	CHECK_EQ(c.stalls, 0);
	CHECK(!dev()->span[STATS_SERVICE]);
	t.queue = 1; /* what the driver sends is a request */
	pop(UINT64_C(5000001000), 7, false, 60, 0);
	CHECK_EQ(dev()->flight, 1);
	use(UINT64_C(5000003000), 7, 0);
	CHECK(dev()->span[STATS_SERVICE] && dev()->span[STATS_SERVICE]->count == 1);
	CHECK_EQ(dev()->span[STATS_SERVICE]->max, 2000);
	t.queue = 0;
	add(VQT_USED, &(struct vqt_used){ .id = 1, .flags = VQT_USED_DETACHED },
	    sizeof(struct vqt_used), NULL, 0);
	CHECK_EQ(dev()->counts.detached, 0); /* nothing was given up */
	lifecycle(VQT_LIFECYCLE_RESET);
	CHECK_EQ(dev()->posted, 0);
	stats_device_counts(s, dev(), 0, &c);
	CHECK_EQ(c.dropped, 0);
	end();
}

/* Which queue that is depends on the features: 5.5.2 as Linux and QEMU do it. */
static void posted_by_features(void)
{
	begin(VIRTIO_ID_BALLOON, VQT_SRC_QEMU);
	learn(RUNNING, BIT(VIRTIO_F_VERSION_1) | BIT(1) | BIT(5)); /* STATS_VQ, PAGE_REPORTING */
	t.queue = 2;
	pop(1000000, 0, false, 80, 0); /* the device keeps the statistics */
	CHECK_EQ(dev()->posted, 1);
	CHECK_EQ(dev()->flight, 0);
	t.queue = 3;
	pop(1000200, 0, true, 4096, 0); /* free pages are reported at once */
	CHECK_EQ(dev()->flight, 1);
	use(1000400, 0, 0);
	CHECK_EQ(dev()->span[STATS_SERVICE]->count, 1);
	end();
}

static void cut_chains(void)
{
	begin(VIRTIO_ID_BLOCK, VQT_SRC_PROXY);
	pop(1000000, 0, true, 0, VQT_CHAIN_CUT | VQT_CHAIN_LATE);
	pop(1000100, 1, true, 0, VQT_CHAIN_CUT | VQT_CHAIN_LATE);
	use(1000200, 0, 513);
	CHECK_EQ(dev()->counts.cut, 2);
	CHECK_EQ(dev()->counts.cut_bytes, 513);
	end();
}

static char *printed(int print(FILE *to, const struct stat_view *v))
{
	struct stat_view v = { .stats = s, .model = t.model };
	static char *text;
	size_t len;
	FILE *to;

	free(text);
	to = open_memstream(&text, &len);
	CHECK_EQ(print(to, &v), 0);
	fclose(to);
	return text;
}

/* Nobody knows how many: not in the record, nor where an earlier version wrote 1. */
static void losses(void)
{
	struct vqt_loss l = { .lost = 2, .why = VQT_LOSS_MEMORY };
	uint64_t packed = BIT(VIRTIO_F_VERSION_1) | BIT(VIRTIO_F_RING_PACKED);
	const char *text;

	begin(VIRTIO_ID_NET, VQT_SRC_PROXY);
	learn(RUNNING, packed);
	learn_queue(256);
	add(VQT_LOSS, &l, sizeof(l), NULL, 0);
	CHECK_EQ(stats_total(s)->lost.records, 2);
	CHECK(!stats_total(s)->lost.more);
	CHECK(strstr(printed(stat_print_page), ", 2 LOST"));
	l.flags = VQT_LOSS_MORE;
	add(VQT_LOSS, &l, sizeof(l), NULL, 0);
	CHECK(strstr(printed(stat_print_page), "4 and an unknown number more LOST"));
	text = printed(stat_print_json);
	CHECK(strstr(text, "\"lost\":null") && strstr(text, "\"lost_at_least\":4"));
	end();
	begin(VIRTIO_ID_NET, VQT_SRC_PROXY); /* as before minor version 4 */
	learn(RUNNING, packed);
	learn_queue(256);
	l.lost = 1;
	l.flags = 0;
	add(VQT_LOSS, &l, sizeof(l), NULL, 0);
	CHECK_EQ(stats_total(s)->lost.records, 0);
	CHECK(stats_total(s)->lost.more);
	CHECK(strstr(printed(stat_print_page), ", an unknown number LOST"));
	end();
}

/* --- light captures --- */

#define SEC UINT64_C(1000000000)

/* A tally of n reads of 4 KiB, each of some 100 us, in the second before ts. */
static void tally(uint64_t ts, uint32_t n, uint32_t flight)
{
	struct {
		struct vqt_tally_group g;
		struct vqt_tally_bucket b;
	} tail = {
		.g = { .type = VIRTIO_BLK_T_IN,
		       .nbucket = 1,
		       .used = n,
		       .errors = 1,
		       .bytes_in = n * UINT64_C(4096),
		       .timed = n,
		       .sum = n * UINT64_C(100000) },
		.b = { hist_bucket(100000), n },
	};
	struct vqt_tally y = { .interval = SEC,
			       .kicks = n,
			       .popped = n,
			       .flight = flight,
			       .flight_max = 8,
			       .ngroup = 1 };

	t.ts = ts;
	add(VQT_TALLY, &y, sizeof(y), &tail, sizeof(tail));
}

static void begin_light(void)
{
	begin(VIRTIO_ID_BLOCK, VQT_SRC_QEMU);
	learn_queue(256);
	tally(10 * SEC, 4000, 2);
	tally(11 * SEC, 4000, 2);
}

/* Counts belong to the whole interval, of the first tally, too. */
static void tallies_over_time(void)
{
	struct stats_counts c;
	uint64_t used = 0, most = 0;

	begin_light();
	CHECK_EQ(stats_active_ns(s, dev()->first_ts, dev()->last_ts, dev()->flight), 2 * SEC);
	stats_device_counts(s, dev(), 100 * SEC, &c); /* long after the last tally */
	CHECK_EQ(c.used, 8000);
	CHECK_EQ(c.flight_ns, 8000 * UINT64_C(100000));
	for (unsigned i = 0; i < dev()->nslices; i++) {
		used += dev()->slice[i].used;
		most = dev()->slice[i].used > most ? dev()->slice[i].used : most;
	}
	CHECK_EQ(used, 8000);
	/* nowhere more than the rate of 4000/s gives, but for rounding */
	CHECK(most <= 4000 * stats_total(s)->slice_ns / SEC + 2);
	CHECK(dev()->nslices >= 2 * SEC / stats_total(s)->slice_ns);
	end();
}

/* An interval that the record stretches over the tally before it is cut there. */
static void hostile_intervals(void)
{
	struct vqt_tally y = { .interval = UINT64_MAX, .popped = UINT64_MAX, .kicks = 7 };
	uint64_t kicks = 0;

	begin(VIRTIO_ID_BLOCK, VQT_SRC_QEMU);
	t.ts = 5 * SEC;
	add(VQT_TALLY, &y, sizeof(y), NULL, 0);
	t.ts = UINT64_MAX - 5;
	add(VQT_TALLY, &y, sizeof(y), NULL, 0);
	t.ts = 3 * SEC;
	y.interval = 0;
	add(VQT_TALLY, &y, sizeof(y), NULL, 0);
	for (unsigned i = 0; i < dev()->nslices; i++)
		kicks += dev()->slice[i].kicks;
	CHECK_EQ(kicks, 21);
	end();
}

/* What a light capture does not know is unknown, and never 0. */
static void unknown_of_tallies(void)
{
	const char *text;

	begin_light();
	text = printed(stat_print_page);
	CHECK(!strstr(text, "0.0 descriptors") && !strstr(text, "while busy"));
	CHECK(strstr(text, "2 of unknown status"));
	CHECK(strstr(text, "unknown       counted by a light capture"));
	CHECK(strstr(text, "8000 completed in 2.00 s (4000.0/s)"));
	text = printed(stat_print_json);
	CHECK(strstr(text, "\"busy_ns\":null") && strstr(text, "\"descriptors\":null"));
	CHECK(strstr(text, "\"busy\":null") && strstr(text, "\"sizes\":null"));
	CHECK(strstr(text, "\"used\":8000") && strstr(text, "\"in_flight_mean\":0.400"));
	end();
	begin(VIRTIO_ID_BLOCK, VQT_SRC_QEMU); /* a full one knows them */
	learn_queue(256);
	pop(1000000, 0, true, 513, 0);
	use(1001000, 0, 513);
	CHECK(strstr(printed(stat_print_page), "1.0 descriptors each"));
	text = printed(stat_print_json);
	CHECK(!strstr(text, "\"busy_ns\":null") && !strstr(text, "\"descriptors\":null"));
	CHECK(!strstr(text, "\"busy\":null") && !strstr(text, "\"sizes\":null"));
	/* but no kick was recorded, and no ring */
	CHECK(strstr(text, "\"kicks_spared\":null") && strstr(text, "\"kicks_empty\":null"));
	CHECK(strstr(text, "\"announced\":null") && strstr(text, "\"announced_unknown\":1"));
	CHECK(strstr(text, "\"wanted\":null") && strstr(text, "\"wanted_unknown\":1"));
	CHECK(strstr(printed(stat_print_page), "which requests needed a kick is unknown"));
	end();
}

/* KVM shows no request: that is no request's not being there. */
static void unknown_of_kvm(void)
{
	struct vqt_kick k = { .via = VQT_KICK_MMIO, .width = 2 };
	const char *text;

	begin(VIRTIO_ID_BLOCK, VQT_SRC_KVM);
	t.ts = SEC;
	add(VQT_KICK, &k, sizeof(k), NULL, 0);
	text = printed(stat_print_page);
	CHECK(strstr(text, "requests      not in the trace"));
	CHECK(strstr(text, "notifications 1 kick; 0 interrupts known to be its own"));
	CHECK(strstr(text, "errors        unknown") && !strstr(text, "completed"));
	CHECK(strstr(printed(stat_print_json), "\"requests_recorded\":false"));
	end();
	begin(VIRTIO_ID_BLOCK, VQT_SRC_QEMU);
	add(VQT_KICK, &k, sizeof(k), NULL, 0);
	CHECK(strstr(printed(stat_print_page), "0 completed"));
	CHECK(!strstr(printed(stat_print_json), "requests_recorded"));
	end();
}

/* What is read beside a device shows no kick, and after a loss nobody knows what is in flight. */
static void unknown_of_memory(void)
{
	static const uint16_t kinds[] = { VQT_SRC_MEMORY, VQT_SRC_PROXY, VQT_SRC_QEMU };
	struct vqt_loss lost = { .lost = 300, .why = VQT_LOSS_MEMORY };
	uint32_t within = 500000000;
	struct vqt_used u = { .id = 2, .len = 1 };
	uint8_t tail[8] = { VQT_TAG_WITHIN, 0, 4, 0 };

	for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		bool beside = kinds[i] != VQT_SRC_QEMU;

		begin(VIRTIO_ID_BLOCK, kinds[i]);
		t.queue = 0;
		pop(SEC, 1, true, 16, VQT_CHAIN_LATE);
		add(VQT_LOSS, &lost, sizeof(lost), NULL, 0);
		use(2 * SEC, 1, 1);
		CHECK_EQ(!t.e.req, beside);
		end();
	}
	begin(VIRTIO_ID_BLOCK, VQT_SRC_MEMORY);
	t.queue = 0;
	pop(SEC, 2, true, 16, VQT_CHAIN_LATE);
	t.ts = 2 * SEC;
	memcpy(tail + 4, &within, sizeof(within));
	add(VQT_USED, &u, sizeof(u), tail, sizeof(tail));
	CHECK_EQ(t.e.rec->within, within);
	CHECK_EQ(event_at_least(&t.e), SEC - within);
	CHECK(strstr(printed(stat_print_page), "notifications not in the trace"));
	CHECK(strstr(printed(stat_print_json), "\"notifications_recorded\":false"));
	end();
}

/* KVM's kicks and interrupts, and chains that were found later: which came first is not known. */
static void apart(void)
{
	struct vqt_kick k = { .via = VQT_KICK_MMIO, .width = 2 };
	struct vqt_source s = { .kind = VQT_SRC_MEMORY };
	struct vqt_irq i = { .kind = VQT_IRQ_MSIX, .vector = VQT_NO_VECTOR };
	uint8_t source;

	begin(VIRTIO_ID_BLOCK, VQT_SRC_KVM);
	source = t.source;
	CHECK(t.e.dev->no_rings);
	t.source = (uint8_t)(source + 64);
	t.device = VQT_NO_DEVICE;
	add(VQT_SOURCE, &s, sizeof(s), NULL, 0);
	t.device = 1;
	t.queue = 0;
	for (unsigned n = 1; n < 4; n++) {
		t.source = source;
		t.ts = n * SEC;
		add(VQT_KICK, &k, sizeof(k), NULL, 0);
		add(VQT_IRQ, &i, sizeof(i), NULL, 0);
		t.source = (uint8_t)(source + 64);
		pop(n * SEC + 1000, 1, true, 16, VQT_CHAIN_LATE);
		CHECK(t.e.dev->apart && !t.e.dev->no_rings && !t.e.req->announce_ts);
		use(n * SEC + 2000, 1, 1);
		CHECK(t.e.req);
	}
	CHECK(strstr(printed(stat_print_page), "notifications 3 kicks; 3 interrupts known"));
	CHECK(strstr(printed(stat_print_page), "3 completed"));
	CHECK(!strstr(printed(stat_print_page), "kick to"));
	end();
}

static const struct tap_test tests[] = {
	{ "what was negotiated, after a reset", kept_over_reset },
	{ "features of a modern and of a legacy device", learned_of_either_interface },
	{ "what a proxy learned", learned_by_a_proxy },
	{ "posted buffers", posted_buffers },
	{ "posted by features", posted_by_features },
	{ "cut chains", cut_chains },
	{ "losses of unknown number", losses },
	{ "tallies over time", tallies_over_time },
	{ "intervals that cannot be", hostile_intervals },
	{ "what tallies do not tell", unknown_of_tallies },
	{ "what KVM does not tell", unknown_of_kvm },
	{ "what memory does not tell", unknown_of_memory },
	{ "KVM's kicks and memory's chains", apart },
};

TAP_MAIN(tests)
