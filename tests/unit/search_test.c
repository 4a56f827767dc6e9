/* SPDX-License-Identifier: MIT */
/* What two traces have in common: chains and addresses, by which devices and places are matched. */
#include <linux/virtio_pci.h>
#include <linux/virtio_ring.h>
#include <stdlib.h>

#include "decoder/pair/chain.h"
#include "decoder/pair/search.h"
#include "decoder/trace/build.h"
#include "tests/unit/tap.h"

static _Alignas(8) uint8_t bytes[512];
static struct record rec;

static void parse(const struct build *b)
{
	if (record_parse(&rec, bytes, b->len, NULL))
		abort();
}

static void chain_of(struct build *b, uint16_t device, uint16_t pos, uint16_t head)
{
	struct vqt_avail *a = build_begin(b, bytes, sizeof(bytes), VQT_AVAIL, sizeof(*a));

	a->h.device = device;
	a->h.source = 1;
	a->h.queue = 0;
	a->pos = pos;
	a->head = head;
	a->ndesc = a->ndirect = 2;
}

static void buffers(struct build *b, uint64_t addr, uint16_t flags)
{
	const struct vqt_desc d[2] = { { addr, 16, VRING_DESC_F_NEXT | flags, 1 },
				       { addr + 4096, 512, VRING_DESC_F_WRITE, 0 } };

	build_bytes(b, d, sizeof(d));
}

/* A chain of two buffers; content 0: its bytes were not recorded. */
static void chain(uint16_t device, uint16_t pos, uint64_t addr, uint64_t content)
{
	struct vqt_avail *a = (void *)bytes;
	struct build b;
	uint8_t *seg;

	chain_of(&b, device, pos, pos % 64);
	buffers(&b, addr, 0);
	if (content) {
		seg = build_seg(&b, 0, 0, 16);
		memcpy(seg, &content, sizeof(content));
		a->nseg = 1;
	}
	parse(&b);
}

static void address(uint16_t device, uint32_t offset, uint64_t value)
{
	struct build b;
	struct vqt_reg *r = build_begin(&b, bytes, sizeof(bytes), VQT_REG, sizeof(*r));

	r->h.device = device;
	r->h.source = 1;
	r->region = VQT_REGION_COMMON;
	r->op = VQT_WRITE;
	r->width = 4;
	r->offset = offset;
	r->value = value;
	parse(&b);
}

static void add(struct search *s, enum merge_side side, uint64_t number)
{
	CHECK_EQ(search_add(s, side, &rec, number), 0);
}

static size_t matches(const struct search *s)
{
	size_t n;

	search_matches(s, &n);
	return n;
}

static void recognised(void)
{
	struct chain_id a, b;
	struct build x;
	struct vqt_avail *v = (void *)bytes;

	chain(1, 7, 0x1000, 5);
	CHECK(chain_id_of(&rec, &a));
	chain(2, 7, 0x1000, 5); /* the device's number is each side's own */
	CHECK(chain_id_of(&rec, &b));
	CHECK(a.shape == b.shape && a.content == b.content && chain_id_agree(&a, &b));
	chain(1, 7, 0x1000, 6);
	CHECK(chain_id_of(&rec, &b) && a.shape == b.shape && !chain_id_agree(&a, &b));
	chain(1, 7, 0x1000, 0);
	CHECK(chain_id_of(&rec, &b) && !b.content && chain_id_agree(&a, &b));
	chain(1, 8, 0x1000, 5);
	CHECK(chain_id_of(&rec, &b) && a.shape != b.shape);
	chain(1, 7, 0x2000, 5);
	CHECK(chain_id_of(&rec, &b) && a.shape != b.shape);
	chain_of(&x, 1, 7, 7);
	buffers(&x, 0x1000, VRING_DESC_F_WRITE); /* another direction */
	parse(&x);
	CHECK(chain_id_of(&rec, &b) && a.shape != b.shape);
	v->flags = VQT_CHAIN_CUT;
	parse(&x);
	CHECK(!chain_id_of(&rec, &b));
	address(1, VIRTIO_PCI_COMMON_Q_DESCLO, 0x1000);
	CHECK(!chain_id_of(&rec, &b));
}

/* Two devices, whose chains are the same but for their buffers, in one process. */
static void devices(void)
{
	struct search *s = search_new();
	const struct search_match *m;
	size_t n;

	for (uint16_t i = 0; i < 100; i++) {
		chain(3, i, 0x100000 + i * 8192u, i + 1u);
		add(s, MERGE_HOST, 1000 + 2u * i);
		chain(4, i, 0x900000 + i * 8192u, i + 1u);
		add(s, MERGE_HOST, 1001 + 2u * i);
		chain(1, i, 0x900000 + i * 8192u, i + 1u);
		add(s, MERGE_GUEST, 1 + 2u * i);
		chain(2, i, 0x100000 + i * 8192u, i + 1u);
		add(s, MERGE_GUEST, 2 + 2u * i);
	}
	CHECK_EQ(search_finish(s), 0);
	CHECK_EQ(search_peer(s, 1), 4);
	CHECK_EQ(search_peer(s, 2), 3);
	CHECK_EQ(search_peer(s, 9), VQT_NO_DEVICE);
	m = search_matches(s, &n);
	CHECK(n >= 100); /* neighbours in the other order are left out */
	for (size_t i = 1; i < n; i++)
		CHECK(m[i].number[0] > m[i - 1].number[0] && m[i].number[1] > m[i - 1].number[1]);
	search_free(s);
}

/* One side has no bytes of the buffers; what is there twice does not count. */
static void shapes(void)
{
	struct search *s = search_new();

	for (uint16_t i = 0; i < 50; i++) {
		chain(1, i, 0x1000u * i + 0x1000, 1);
		add(s, MERGE_HOST, i);
		chain(1, i, 0x1000u * i + 0x1000, 0);
		add(s, MERGE_GUEST, i);
	}
	add(s, MERGE_GUEST, 50);
	CHECK_EQ(search_finish(s), 0);
	CHECK_EQ(matches(s), 49);
	search_free(s);
}

static void addresses(void)
{
	struct search *s = search_new();

	address(5, VIRTIO_PCI_COMMON_Q_DESCLO, 0x12345000);
	add(s, MERGE_HOST, 77);
	address(6, VIRTIO_PCI_COMMON_Q_DESCLO, 0x12345000);
	add(s, MERGE_GUEST, 3);
	address(6, VIRTIO_PCI_COMMON_Q_DESCHI, 0x1); /* the same of many queues */
	add(s, MERGE_GUEST, 4);
	add(s, MERGE_HOST, 78);
	CHECK_EQ(search_finish(s), 0);
	CHECK_EQ(search_peer(s, 6), 5);
	search_free(s);
}

/* Two traces of different machines; and more chains than are kept. */
static void strangers(void)
{
	struct search *s = search_new();

	for (uint16_t i = 0; i < 1000; i++) {
		chain(1, i, 0x1000, i + 1u);
		add(s, MERGE_HOST, i);
		chain(1, i, 0x2000, i + 1u);
		add(s, MERGE_GUEST, i);
	}
	CHECK_EQ(search_finish(s), 0);
	CHECK_EQ(matches(s), 0);
	CHECK_EQ(search_peer(s, 1), VQT_NO_DEVICE);
	search_free(s);
}

/* Two boots of one system: the same addresses, and some of the first requests. */
static void boots(unsigned common, bool belong)
{
	struct search *s = search_new();

	address(1, VIRTIO_PCI_COMMON_Q_DESCLO, 0x12345000);
	add(s, MERGE_HOST, 0);
	add(s, MERGE_GUEST, 0);
	for (unsigned i = 0; i < 2000; i++) {
		chain(1, (uint16_t)i, 0x1000, i + 1u);
		add(s, MERGE_HOST, i + 1);
		chain(1, (uint16_t)i, 0x1000, i < common ? i + 1u : i + 5000u);
		add(s, MERGE_GUEST, i + 1);
	}
	CHECK_EQ(search_finish(s), 0);
	CHECK_EQ(search_peer(s, 1), 1);
	CHECK_EQ(search_chains(s).match, common);
	CHECK_EQ(search_chains(s).side[MERGE_HOST], 2000);
	CHECK_EQ(search_belongs(s), belong);
	search_free(s);
}

static void two_boots(void)
{
	boots(0, false);
	boots(10, false);
	boots(200, true); /* the recordings overlap for a while */
}

/* Of one side no chain was recorded: the addresses have to do. */
static void no_chains(void)
{
	struct search *s = search_new();

	address(1, VIRTIO_PCI_COMMON_Q_DESCLO, 0x12345000);
	add(s, MERGE_HOST, 0);
	add(s, MERGE_GUEST, 0);
	chain(1, 1, 0x1000, 1);
	add(s, MERGE_HOST, 1);
	CHECK_EQ(search_finish(s), 0);
	CHECK(search_belongs(s));
	search_free(s);
}

static void many(void)
{
	struct search *s = search_new();
	const struct search_match *m;
	size_t n, wrong = 0;

	for (unsigned i = 0; i < 300000; i++) {
		chain(1, (uint16_t)i, 0x1000, i + 1u);
		add(s, MERGE_HOST, i);
		if (i >= 100000) { /* the guest's trace begins late */
			chain(2, (uint16_t)i, 0x1000, i + 1u);
			add(s, MERGE_GUEST, i - 100000);
		}
	}
	CHECK_EQ(search_finish(s), 0);
	m = search_matches(s, &n);
	CHECK(n > 10000 && n <= 65536);
	for (size_t i = 0; i < n; i++)
		wrong += m[i].number[MERGE_HOST] != m[i].number[MERGE_GUEST] + 100000;
	CHECK_EQ(wrong, 0);
	CHECK(m[0].number[MERGE_GUEST] < 1000 && m[n - 1].number[MERGE_GUEST] > 199000);
	search_free(s);
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "what a chain is recognised by", recognised },
		{ "which device is which", devices },
		{ "without the buffers' bytes", shapes },
		{ "by the addresses of queues", addresses },
		{ "traces of different machines", strangers },
		{ "traces of two boots", two_boots },
		{ "no chain on one side", no_chains },
		{ "a sample of many", many },
	};

	return tap_main(tests, sizeof(tests) / sizeof(tests[0]));
}
