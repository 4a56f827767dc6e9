/* SPDX-License-Identifier: MIT */
/*
 * A virtqueue as a QEMU keeps it in its memory, and its ring, with words of them changed, also between
 * two reads; looked at from outside, with what is in flight.  Input: kind of ring; then each change:
 * the read before which it happens (1 byte), where (2 bytes), a word (8 bytes).
 */
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <stdlib.h>

#include "bpf/look/requests.h"
#include "decoder/util/virtqueue.h"
#include "tests/fuzz/input.h"
#include "tests/unit/fake_memory.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SIZE 8u
#define GPA UINT64_C(0x100000)
enum { VQ = 0x100, CACHES = 0x800, PROXY = 0x1000, CONFIG = 0x2000, RING = 0x4000 };
enum { DRIVER = RING + 0x1000, DEVICE = RING + 0x2000, BUFFERS = RING + 0x3000 };

static uint8_t bytes[FAKE_SIZE];
static struct fake_memory fake;
static struct input changes;
static unsigned reads;
static ssize_t (*really)(const struct process_memory *m, const struct iovec *range, unsigned n,
			 void *buf);

static void put(uint32_t at, uint64_t v, size_t n)
{
	memcpy(bytes + at, &v, n);
}

static ssize_t changing(const struct process_memory *m, const struct iovec *range, unsigned n,
			void *buf)
{
	while (changes.left && changes.p[0] <= reads) {
		uint64_t word;
		uint32_t at;

		take(&changes, 1);
		at = (uint32_t)take(&changes, 2);
		word = take(&changes, 8);
		put(at % (FAKE_SIZE - 8), word, 8);
	}
	reads++;
	return really(&fake.m, range, n, buf);
}

static void put_cache(unsigned i, uint32_t area, uint64_t len)
{
	put(CACHES + 16 + i * 64, FAKE_BASE + area, 8);
	put(CACHES + 32 + i * 64, len, 8);
}

static void put_desc(uint32_t at, uint64_t addr, uint32_t len, unsigned a, unsigned b)
{
	put(at, addr, 8);
	put(at + 8, len, 4);
	put(at + 12, a, 2);
	put(at + 14, b, 2);
}

/* Two chains are in flight: a header and what follows it. */
static void furnish(bool packed)
{
	memset(bytes, 0, sizeof(bytes));
	put(VQ, SIZE, 8);
	put(VQ + 8, GPA, 8);
	put(VQ + 16, GPA + 0x1000, 8);
	put(VQ + 24, GPA + 0x2000, 8);
	put(VQ + 32, FAKE_BASE + CACHES, 8);
	put(VQ + 40, 2, 2); /* popped; nothing is used */
	put(VQ + 48, 0x101, 2); /* wrap counters */
	put(CONFIG + 6, 0x10, 2);
	put(CONFIG + 0x34, 0x40, 1);
	put(CONFIG + 0x40, 0x80000011, 4); /* MSI-X, on */
	put_cache(0, RING, virtq_desc_at(SIZE));
	put_cache(1, DRIVER, virtq_driver_len(SIZE, packed));
	put_cache(2, DEVICE, virtq_device_len(SIZE, packed));
	for (unsigned i = 0; i < SIZE; i++)
		if (packed)
			put_desc(RING + 16 * i, GPA + 0x3000, 16, i, i < 2 ? 0x80 : 0x8000);
		else
			put_desc(RING + 16 * i, GPA + 0x3000 + 16 * i, 16, i & 1 ? 2 : 1, i + 1);
	put(DRIVER + 2, packed ? 0 : 2, 2);
	put(DRIVER + 6, 2, 2);
}

static void look_twice(struct look *l, struct look_device *d)
{
	struct queue_look first;
	struct stuck_row *row = d->row;

	queue_look(&l->m, &d->q, FAKE_BASE + VQ, &first);
	queue_look(&l->m, &d->q, FAKE_BASE + VQ, &d->queue->last);
	if (!first.read || !d->queue->last.read)
		return;
	queue_moved(&first, &d->queue->last);
	queue_completed(&first, &d->queue->last);
	row->facts = d->queue->last.f;
	row->facts.elsewhere = d->q.elsewhere;
	row->verdict = stuck_judge(&row->facts);
	if (!stuck_is(row->verdict))
		row->verdict = STUCK_SLOW;
	look_requests(l, d, 0);
	if (row->nrequests > STUCK_REQUESTS)
		abort();
	for (size_t i = 0; i < row->nrequests; i++)
		if (!memchr(row->request[i].text, 0, sizeof(row->request[i].text)))
			abort();
	TEXT(t, 4096);
	stuck_say(&row->facts, row->verdict, &t);
	stuck_prove(&row->facts, row->verdict, &t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct qemu q;
	static struct stuck_row row;
	struct look_queue queue = { 0 };
	struct look l = { .m.q = &q };
	struct look_device d = { .virtio_id = 2, .queue = &queue, .row = &row, .nqueues = 1 };
	uint8_t how;

	changes = (struct input){ data, size };
	how = (uint8_t)take(&changes, 1);
	reads = 0;
	memset(&row, 0, sizeof(row));
	memset(&q.layout, 0xff, sizeof(q.layout)); /* all unknown */
	q.layout.vq_num = 0;
	q.layout.vq_desc = 8;
	q.layout.vq_avail = 16;
	q.layout.vq_used_addr = 24;
	q.layout.vq_caches = 32;
	q.layout.vq_last = 40;
	q.layout.vq_used = 42;
	q.layout.vq_last_wrap = 48;
	q.layout.vq_used_wrap = 49;
	q.layout.vq_vector = 44;
	l.m.vq_signalled = how & 8 ? 46 : VQP_UNKNOWN;
	l.m.msix_table = how & 16 ? 0 : VQP_UNKNOWN;
	l.m.msix_pba = 8;
	l.m.msix_masked = 16;
	d.q = (struct queue_device){
		.proxy = FAKE_BASE + PROXY,
		.pci_config = how & 32 ? FAKE_BASE + CONFIG : 0,
		.pci = how & 32,
		.features = (uint64_t)(how & 1) << VIRTIO_F_RING_PACKED |
			    (uint64_t)(how >> 1 & 1) << VIRTIO_RING_F_EVENT_IDX |
			    UINT64_C(1) << VIRTIO_RING_F_INDIRECT_DESC |
			    (uint64_t)(how >> 7) << VIRTIO_F_IN_ORDER,
		.elsewhere = how & 4,
	};
	fake_init(&fake, bytes, sizeof(bytes));
	furnish(how & 1);
	really = fake.m.read;
	fake.m.read = changing;
	foreign_init(&l.m.foreign, getpid(), NULL);
	l.m.mem = fake.m;
	look_twice(&l, &d);
	return 0;
}
