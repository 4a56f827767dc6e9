/* SPDX-License-Identifier: MIT */
/*
 * Any conversation before the checker and its reports.  First byte odd: the rest
 * is a file; bit 1: commands, a few bytes each, of which plausible records are
 * made, so that mutations change what is said and not whether it can be read;
 * else records with a 16-bit length before each.  The next bits choose a format.
 */
#include <linux/virtio_blk.h>
#include <linux/virtio_ids.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/check/report/report.h"
#include "tests/fuzz/records.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static FILE *null;

struct run {
	struct model *m;
	struct check *c;
	struct recent *kept;
	struct report *out;
	uint64_t n;
	/* commands */
	const uint8_t *at, *end;
	uint64_t ts;
	uint32_t seq;
	uint16_t device, queue;
};

static void found(void *opaque, const struct finding *f)
{
	struct run *r = opaque;
	char line[256];

	if (!f->rule || !f->seen || f->nbefore > CHECK_RELATED || f->number > r->n)
		abort();
	for (unsigned i = 0; i < f->nbefore; i++)
		if (!f->before[i].number || f->before[i].number >= f->number || !f->before[i].what)
			abort();
	report_comment(line, sizeof(line), f);
	if (report_finding(r->out, f, r->m, r->kept))
		abort();
}

static void feed(void *to, const struct record *rec)
{
	struct run *r = to;
	struct event e;

	if (model_feed(r->m, rec, ++r->n, &e))
		abort();
	recent_event_add(r->kept, &e);
	if (check_feed(r->c, r->m, &e))
		abort();
}

/* --- commands --------------------------------------------------------------- */

static unsigned byte(struct run *r)
{
	return r->at < r->end ? *r->at++ : 0;
}

/* Small numbers, and the ones at which things go wrong. */
static uint64_t number(struct run *r)
{
	static const uint64_t odd[] = {
		0xff,	0x100,	 0x101,	 0x7fff,     0x8000,	 0x8001,     0xfffe,
		0xffff, 0x10000, 0x1ff0, 1ULL << 31, 0xffffffff, 1ULL << 32, 1ULL << 63,
		~0ULL,	4096,	 4097,	 512,	     65536,	 0x30006a46, 0x10000000,
	};
	unsigned b = byte(r);

	if (b < 0xc0)
		return b;
	if (b < 0xc0 + sizeof(odd) / sizeof(odd[0]))
		return odd[b - 0xc0];
	b = byte(r) | byte(r) << 8;
	return b;
}

static void say(struct run *r, unsigned type, void *fixed, size_t size, const void *tail, size_t n)
{
	uint8_t bytes[4096];
	struct vqt_hdr *h = fixed;
	struct record rec;

	h->type = (uint8_t)type;
	h->ts = r->ts;
	h->seq = ++r->seq;
	h->source = 1;
	h->tid = r->seq & 1;
	h->device = r->device;
	h->queue = type < VQT_KICK && type != VQT_LIFECYCLE ? VQT_NO_QUEUE : r->queue;
	r->ts += 1000;
	memcpy(bytes, fixed, size);
	if (n)
		memcpy(bytes + size, tail, n);
	if (!record_parse(&rec, bytes, size + n, NULL))
		feed(r, &rec);
}

static void describe(struct run *r, unsigned id, unsigned transport)
{
	struct vqt_device d = {
		.virtio_id = (uint16_t)id,
		.transport = (uint8_t)transport,
		.bdf = r->device * 8,
	};

	say(r, VQT_DEVICE, &d, sizeof(d), NULL, 0);
}

static void begin(struct run *r)
{
	struct vqt_session s = { .major = VQT_VERSION_MAJOR, .snaplen = 64 };
	struct vqt_source src = { .kind = VQT_SRC_QEMU };

	r->ts = 1000000;
	src.kind = byte(r) & 1 ? VQT_SRC_EMU : VQT_SRC_QEMU;
	say(r, VQT_SESSION, &s, sizeof(s), NULL, 0);
	say(r, VQT_SOURCE, &src, sizeof(src), NULL, 0);
	r->device = 1;
	describe(r, VIRTIO_ID_BLOCK, VQT_TRANSPORT_PCI);
}

static void access(struct run *r, unsigned region, unsigned offset, unsigned width, unsigned op)
{
	struct vqt_reg g = {
		.region = (uint8_t)region,
		.op = op & 1,
		.width = (uint8_t)width,
		.offset = offset,
		.value = number(r),
		.flags = op & 0x40 ? VQT_REG_VIA_CFG : 0,
	};

	if (width < 8)
		g.value &= (1ULL << 8 * width) - 1;
	say(r, VQT_REG, &g, sizeof(g), NULL, 0);
}

/* A register by its place in the tables, in its own width unless the command says otherwise. */
static void named(struct run *r, unsigned region)
{
	unsigned op = byte(r), offset = byte(r), width = op & 2 ? 1U << (op >> 2 & 3) : 0;
	const struct spec_field *f;

	if (region == VQT_REGION_PCI || region == VQT_REGION_MMIO)
		offset += op & 0x10 ? 0x100 : 0;
	f = class_field_at(region, VIRTIO_ID_BLOCK, offset, 1, 0);
	if (!width)
		width = f && f->width <= 8 ? (f->width == 8 ? 4 : f->width) : 4;
	if (width == 3 || (width > 4 && width < 8))
		width = 4;
	access(r, region, offset, width, op);
}

static struct vqt_ring ring(struct run *r)
{
	unsigned known = byte(r);
	struct vqt_ring g = { .known = known & 0x7f };

	if (!known)
		return g;
	if (known & 0x80)
		g.known |= VQT_RING_PACKED;
	g.avail_idx = (uint16_t)number(r);
	g.last_avail = (uint16_t)number(r);
	known = byte(r);
	g.avail_flags = known & 3;
	g.used_flags = known >> 2 & 3;
	if (known & 0x10)
		g.used_event = (uint16_t)number(r);
	if (known & 0x20)
		g.avail_event = (uint16_t)number(r);
	if (known & 0x40)
		g.used_idx = (uint16_t)number(r);
	return g;
}

static void kick(struct run *r)
{
	struct vqt_kick k = { .ring = ring(r), .via = (uint8_t)(1 + (byte(r) & 3)) };

	if (k.via != VQT_KICK_IOEVENTFD) {
		k.width = (uint8_t)(1U << (byte(r) & 3));
		k.value = (uint32_t)number(r);
	}
	say(r, VQT_KICK, &k, sizeof(k), NULL, 0);
}

static void avail(struct run *r)
{
	unsigned n = byte(r) & 15, with = byte(r);
	struct vqt_avail a = {
		.ring = ring(r),
		.head = (uint16_t)number(r),
		.pos = (uint16_t)number(r),
		.ndesc = (uint16_t)n,
		.ndirect = (uint16_t)n,
		.nseg = with & 1,
	};
	uint8_t tail[16 * sizeof(struct vqt_desc) + sizeof(struct vqt_seg) + 32] = { 0 };
	struct virtio_blk_outhdr hdr = { 0 };
	struct vqt_seg seg = { .len = 32 };
	size_t len = 0;

	if (with & 2)
		a.ndirect = 1;
	if (with & 4)
		a.flags = (uint16_t)(1U << (byte(r) % 10));
	for (unsigned i = 0; i < n; i++) {
		struct vqt_desc d = { .addr = 0x1000 * i,
				      .flags = byte(r) & 7,
				      .next = (uint16_t)(i + 1) };

		if (with & 8)
			d.next = (uint16_t)number(r);
		d.len = (uint32_t)number(r);
		memcpy(tail + len, &d, sizeof(d));
		len += sizeof(d);
	}
	if (a.nseg) {
		hdr.type = (uint32_t)number(r);
		hdr.sector = number(r);
		memcpy(tail + len, &seg, sizeof(seg));
		len += sizeof(seg);
		memcpy(tail + len, &hdr, sizeof(hdr));
		for (unsigned i = 0; with & 16 && i < 16; i++)
			tail[len + sizeof(hdr) + i] = (uint8_t)byte(r);
		len += 32;
	}
	say(r, VQT_AVAIL, &a, sizeof(a), tail, len);
}

static void used(struct run *r)
{
	struct vqt_used u = {
		.ring = ring(r),
		.id = (uint16_t)number(r),
		.pos = (uint16_t)number(r),
		.len = (uint32_t)number(r),
		.flags = byte(r) & 15,
		.status = (uint8_t)byte(r),
	};

	say(r, VQT_USED, &u, sizeof(u), NULL, 0);
}

static void interrupt(struct run *r)
{
	unsigned b = byte(r);
	struct vqt_irq i = {
		.kind = (uint8_t)(1 + (b & 3)),
		.level = b >> 2 & 1,
		.vector = b & 8 ? VQT_NO_VECTOR : (uint16_t)(b >> 4),
	};

	say(r, VQT_IRQ, &i, sizeof(i), NULL, 0);
}

static void life(struct run *r)
{
	struct vqt_lifecycle l = { .what = (uint16_t)(byte(r) % 40),
				   .arg = { number(r), number(r) } };

	say(r, VQT_LIFECYCLE, &l, sizeof(l), NULL, 0);
}

static void lose(struct run *r)
{
	struct vqt_loss l = { .lost = byte(r), .why = VQT_LOSS_BUFFER };

	if (l.lost & 1)
		r->seq += 3;
	else
		say(r, VQT_LOSS, &l, sizeof(l), NULL, 0);
}

static void sample(struct run *r)
{
	struct vqt_ringstate s = { .ring = ring(r) };
	unsigned how = byte(r);

	s.why = how & 3;
	s.pending = how >> 2 & 3;

	say(r, VQT_RING, &s, sizeof(s), NULL, 0);
}

static void command(struct run *r)
{
	static const uint8_t regions[] = {
		VQT_REGION_COMMON, VQT_REGION_COMMON,	  VQT_REGION_COMMON,   VQT_REGION_DEVICE,
		VQT_REGION_PCI,	   VQT_REGION_ISR,	  VQT_REGION_NOTIFY,   VQT_REGION_LEGACY,
		VQT_REGION_MMIO,   VQT_REGION_MSIX_TABLE, VQT_REGION_MSIX_PBA, VQT_REGION_BAR,
	};
	static void (*const others[])(struct run *) = {
		kick, kick, avail, avail, used, used, interrupt, interrupt, sample, life, lose,
	};
	unsigned b = byte(r);

	if (b < 64) {
		access(r, VQT_REGION_COMMON, 20, 1, b); /* device_status */
	} else if (b < 144) {
		named(r, regions[b % sizeof(regions)]);
	} else if (b < 232) {
		others[b % (sizeof(others) / sizeof(others[0]))](r);
	} else if (b < 240) {
		r->ts += (uint64_t)byte(r) * 100000000;
	} else if (b < 248) {
		r->queue = b & 3 ? b & 3 : (uint16_t)number(r);
	} else if (b < 252) {
		r->device = 1 + (b & 3);
	} else {
		r->device = 1 + byte(r) % 5;
		describe(r, byte(r) & 31, byte(r) & 3);
	}
}

static void as_commands(struct run *r)
{
	begin(r);
	while (r->at < r->end)
		command(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct run r = { .at = data + 1, .end = data + size };
	struct report_options o = { .trace = "fuzz",
				    .severity = CHECK_SUSPICIOUS,
				    .verbose = true };

	if (!null)
		null = fopen("/dev/null", "w");
	if (!size || !null)
		return 0;
	o.to = null;
	o.format = (enum report_format)(data[0] >> 2 & 3);
	/*
	 * Findings are the same in all formats.  Print SARIF for some inputs only, as it
	 * begins with every rule, which takes long.
	 */
	if (o.format == REPORT_SARIF && data[0] & 0x70)
		o.format = REPORT_TEXT;
	o.fold = data[0] & 0x80 ? 0 : 3;
	r.m = model_new();
	r.kept = recent_new();
	if (!r.m || !r.kept || check_new(&r.c, NULL, found, &r, NULL) || report_new(&r.out, &o))
		abort();
	if (data[0] & 1)
		records_of_file(r.at, (size_t)(r.end - r.at), feed, &r);
	else if (data[0] & 2)
		as_commands(&r);
	else
		records_bare(r.at, (size_t)(r.end - r.at), feed, &r);
	check_finish(r.c, r.m);
	if (report_end(r.out, r.c, r.m, r.n))
		abort();
	report_free(r.out);
	check_free(r.c);
	recent_free(r.kept);
	model_free(r.m);
	return 0;
}
