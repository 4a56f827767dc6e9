/* SPDX-License-Identifier: MIT */
/* Events carried by the packet of a later one: what comes out is what went in, however it is cut. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/trace/build.h"
#include "decoder/trace/carried.h"
#include "decoder/trace/feed.h"
#include "decoder/trace/file.h"
#include "tests/unit/tap.h"

#define WALL 1700000000000000000ULL

/* Records one behind the other: what was written, and what was read. */
struct log {
	uint8_t *bytes;
	size_t len, n, at[20000]; /* record i is bytes [at[i], at[i + 1]) */
};

static void log_add(struct log *l, const void *record, size_t len)
{
	if (l->n + 1 >= sizeof(l->at) / sizeof(l->at[0]))
		abort();
	l->bytes = realloc(l->bytes, l->len + len);
	memcpy(l->bytes + l->len, record, len);
	l->at[l->n++] = l->len;
	l->len += len;
	l->at[l->n] = l->len;
}

static void log_clear(struct log *l)
{
	free(l->bytes);
	l->bytes = NULL;
	l->len = l->n = 0;
}

static struct log written, read_back;
static struct log packets; /* the trace, as pcap; a "record" of it is a packet */
static struct carrier carrier;

static int put(void *ctx, uint64_t ts, const void *record, size_t len)
{
	uint64_t wall = ts + WALL;
	uint32_t head[4] = { (uint32_t)(wall / 1000000000), (uint32_t)(wall % 1000000000),
			     (uint32_t)len, (uint32_t)len };
	uint8_t *packet = malloc(sizeof(head) + len);

	memcpy(packet, head, sizeof(head));
	memcpy(packet + sizeof(head), record, len);
	log_add(&packets, packet, sizeof(head) + len);
	free(packet);
	return 0;
}

static void add(const void *record, size_t len)
{
	log_add(&written, record, len);
	CHECK_EQ(carrier_write(&carrier, record, len), 0);
}

static void begin(void)
{
	static const uint32_t head[6] = { 0xa1b23c4d, 4 << 16 | 2, 0, 0, VQT_RECORD_MAX, 147 };
	struct vqt_session s = { .major = VQT_VERSION_MAJOR, .wall = (int64_t)WALL };

	log_clear(&written);
	log_clear(&read_back);
	log_clear(&packets);
	memset(&carrier, 0, sizeof(carrier));
	carrier.put = put;
	log_add(&packets, head, sizeof(head));
	s.h.type = VQT_SESSION;
	s.h.ts = 900;
	add(&s, sizeof(s));
}

static void check_read_back(void)
{
	CHECK_EQ(read_back.n, written.n);
	CHECK_EQ(read_back.len, written.len);
	if (read_back.n == written.n && read_back.len == written.len) {
		CHECK(!memcmp(read_back.at, written.at, written.n * sizeof(written.at[0])));
		CHECK(!memcmp(read_back.bytes, written.bytes, written.len));
	}
	log_clear(&read_back);
}

/* What the reader of files makes of it; each record at its own time, under its own number. */
static void check_file(void)
{
	struct trace_reader *t;
	struct trace_error err;
	struct record r;
	bool again;

	CHECK_EQ(trace_open_memory(&t, packets.bytes, packets.len, &err), 0);
	while (trace_next(t, &r, &again, &err) == 1) {
		CHECK(!r.carried);
		log_add(&read_back, r.raw, r.len);
		CHECK_EQ(trace_number(t), read_back.n);
		CHECK_EQ(trace_wall(t), r.h.ts + WALL);
	}
	CHECK_EQ(trace_bytes(t), packets.len);
	trace_close(t);
	check_read_back();
}

/* And that of streams, of bytes that come `step` at a time. */
static void check_feed(size_t step)
{
	struct trace_feed *f = trace_feed_new();
	struct record r;

	for (size_t at = 0; at < packets.len; at += step) {
		size_t room, n = packets.len - at < step ? packets.len - at : step;
		uint8_t *to = trace_feed_room(f, &room);
		enum feed_result got;

		CHECK(room >= n);
		memcpy(to, packets.bytes + at, n);
		trace_feed_add(f, n);
		while ((got = trace_feed_next(f, &r)) != FEED_MORE) {
			CHECK(got == FEED_BEGIN || got == FEED_RECORD);
			if (got == FEED_RECORD)
				log_add(&read_back, r.raw, r.len);
		}
	}
	trace_feed_free(f);
	check_read_back();
}

static void check_all(void)
{
	CHECK_EQ(carrier_flush(&carrier), 0);
	check_file();
	check_feed(1);
	check_feed(4099);
}

/* --- what goes in ------------------------------------------------------------------- */

static uint32_t state;

static uint32_t chance(uint32_t n)
{
	state = state * 1664525 + 1013904223;
	return (state >> 8) % n;
}

static void fill(uint8_t *to, size_t n)
{
	for (size_t i = 0; i < n; i++)
		to[i] = chance(3) ? 0 : (uint8_t)chance(256);
}

/* A stream with all that ends a run of carried events, and all that one can contain. */
static void anything(uint32_t seed)
{
	_Alignas(8) uint8_t record[4096];
	struct vqt_hdr h = { .ts = 1000, .source = 1, .device = 1 };

	begin();
	state = seed;
	for (int i = 0; i < 3000; i++) {
		struct build b = { .bytes = record, .size = sizeof(record) };
		struct vqt_guest g = { .what = (uint16_t)chance(10) };
		size_t n = chance(10) ? 0 : chance(300);

		h.ts += chance(20) ? chance(100000) : (uint64_t)chance(1000) << 30;
		h.seq += chance(50) ? 1 : chance(5);
		h.source = (uint8_t)(1 + !chance(100));
		h.type = VQT_GUEST;
		if (!chance(4)) {
			h.tid = chance(2) ? chance(100) : UINT32_MAX;
			h.device = (uint16_t)chance(4);
			h.queue = (uint16_t)(chance(3) - 1U);
			h.cpu = (uint16_t)chance(1U << 16);
		}
		if (!chance(200)) /* of another processor's clock */
			h.ts -= chance(1000);
		g.h = h;
		g.nargs = (uint8_t)chance(VQT_GUEST_ARGS + 1);
		g.len = (uint16_t)n;
		g.ret = chance(2) ? 0 : -1;
		memcpy(record, &g, sizeof(g));
		fill(record + sizeof(g), 8U * g.nargs + n);
		b.len = sizeof(g) + 8U * g.nargs + n;
		if (!chance(6))
			build_stack(&b, 1 + chance(5));
		if (!chance(60)) {
			struct vqt_loss l = { .h = h, .lost = 1 };

			l.h.type = VQT_LOSS;
			add(&l, sizeof(l));
		} else {
			add(record, b.len);
		}
		if (!chance(80))
			CHECK_EQ(carrier_flush(&carrier), 0);
	}
	check_all();
}

static void round_trip(void)
{
	for (uint32_t seed = 1; seed <= 8; seed++)
		anything(seed);
	CHECK(packets.n < written.n / 2);
}

static void kick(uint32_t seq, uint64_t ts, uint32_t value)
{
	struct vqt_kick k = { .value = value };

	k.h = (struct vqt_hdr){
		.ts = ts, .seq = seq, .tid = 7, .device = 1, .type = VQT_KICK, .source = 1
	};
	add(&k, sizeof(k));
}

/* These bytes are a file format: what was written once is read for ever. */
static void format(void)
{
	static const uint8_t value[] = {
		2,
		50, /* events, ns from the first to the packet's own */
		VQT_KICK | VQT_CARRIED_WHO,
		7,
		1,
		1,
		0, /* who */
		24,
		0,
		0,
		1,
		0x34, /* its length; 0x34 in the third eight */
		VQT_KICK,
		40,
		24,
		0,
		0,
		3,
		0x78,
		0x56, /* 40 ns later */
	};
	struct record r;

	begin();
	kick(5, 1000, 0x34);
	kick(6, 1040, 0x5678);
	kick(7, 1050, 1);
	CHECK_EQ(carrier_flush(&carrier), 0);
	CHECK_EQ(packets.n, 3);
	CHECK_EQ(record_parse(&r, packets.bytes + packets.at[2] + 16,
			      packets.at[3] - packets.at[2] - 16, NULL),
		 0);
	CHECK_EQ(r.h.seq, 7);
	CHECK_EQ(r.len, sizeof(struct vqt_kick));
	CHECK_EQ(r.carried_len, sizeof(value));
	CHECK(r.carried_len == sizeof(value) && !memcmp(r.carried, value, sizeof(value)));
	check_all();
}

/* Not more wait than are read at once, and what is large or not an event waits for nothing. */
static void limits(void)
{
	_Alignas(8) uint8_t big[sizeof(struct vqt_guest) + VQT_CARRIED_MAX] = { 0 };
	struct vqt_guest *g = (void *)big;

	begin();
	for (uint32_t i = 0; i < 1000; i++)
		kick(i, 1000 + i, i);
	CHECK(packets.n >= 1000 / (CARRIER_EVENTS + 1));
	g->h = (struct vqt_hdr){ .ts = 5000, .seq = 1000, .type = VQT_GUEST, .source = 1 };
	g->len = VQT_CARRIED_MAX;
	add(big, sizeof(big));
	CHECK_EQ(carrier.held_len, 0);
	check_all();
}

static int closed(void *ctx, uint64_t ts, const void *record, size_t len)
{
	return -EPIPE;
}

static void nobody_reads(void)
{
	int rc = 0;

	begin();
	carrier.put = closed;
	for (uint32_t i = 0; i < 100 && !rc; i++) {
		struct vqt_kick k = { .h = { .seq = i, .type = VQT_KICK } };

		rc = carrier_write(&carrier, &k, sizeof(k));
	}
	CHECK_EQ(rc, -EPIPE);
}

/* --- what others may write ------------------------------------------------------------- */

/* A kick that carries these bytes. */
static size_t packet_of(uint8_t *to, size_t size, const uint8_t *value, size_t n)
{
	struct build b;
	struct vqt_kick *k = build_begin(&b, to, size, VQT_KICK, sizeof(*k));

	k->h.ts = 1000;
	k->h.seq = 100;
	CHECK(build_value(&b, VQT_TAG_CARRIED, value, n));
	return b.len;
}

/* How many come out before the packet's own, which always does; *bad: something was refused. */
static unsigned carried_by(const uint8_t *value, size_t n, bool *bad)
{
	_Alignas(8) uint8_t bytes[4096];
	struct carried *c = calloc(1, sizeof(*c));
	const char *why = NULL;
	struct record r;
	unsigned count = 0;
	int rc;

	CHECK_EQ(record_parse(&r, bytes, packet_of(bytes, sizeof(bytes), value, n), NULL), 0);
	*bad = false;
	carried_begin(c, &r);
	while ((rc = carried_next(c, &r, &why)) && !(rc == 1 && r.h.seq == 100)) {
		CHECK(rc == 1 || (rc == -EBADMSG && why && !*bad));
		*bad |= rc < 0;
		count += rc == 1;
		CHECK(rc < 0 || (r.h.ts <= 1000 && r.h.type >= VQT_REG));
	}
	CHECK_EQ(rc, 1);
	CHECK_EQ(carried_next(c, &r, &why), 0);
	free(c);
	return count;
}

static void hostile(void)
{
	static const struct row {
		const char *name;
		unsigned count; /* that can be used */
		uint8_t n, value[40];
	} rows[] = {
		{ "nothing", 0, 0, { 0 } },
		{ "none", 0, 2, { 0, 0 } },
		{ "fewer than it says", 1, 7, { 200, 1, 0, VQT_IRQ, 8, 0, 0 } },
		{ "a count without an end", 0, 3, { 0x80, 0x80, 0x80 } },
		{ "a count of 70 bits",
		  0,
		  11,
		  { 255, 255, 255, 255, 255, 255, 255, 255, 255, 127, 0 } },
		{ "2^32 of them", 0, 7, { 0x80, 0x80, 0x80, 0x80, 0x10, 0, VQT_IRQ } },
		{ "before the clock began", 0, 6, { 1, 0xe9, 7, VQT_IRQ, 8, 0 } },
		{ "after the packet", 1, 10, { 2, 10, VQT_IRQ, 8, 0, VQT_IRQ, 11, 8, 0, 0 } },
		{ "no event", 0, 5, { 1, 0, VQT_NOTE, 8, 0 } },
		{ "one too long", 0, 6, { 1, 0, VQT_IRQ, 0x81, 2, 0 } },
		{ "a byte outside of it", 0, 8, { 1, 0, VQT_IRQ, 9, 0, 2, 1, 1 } },
		{ "a type that is too short", 0, 4, { 1, 0, VQT_IRQ, 0 } },
		{ "a device of 17 bits",
		  0,
		  12,
		  { 1, 0, VQT_IRQ | VQT_CARRIED_WHO, 1, 0x80, 0x80, 4, 0, 0, 8, 0, 0 } },
		{ "one that carries another",
		  0,
		  20,
		  { 1, 0, VQT_IRQ, 16, 0, 0xff, VQT_TAG_CARRIED, 0, 4, 0, 1, 0, 1, 1 } },
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		bool bad;
		unsigned n = carried_by(rows[i].value, rows[i].n, &bad);

		CHECK_EQ(n, rows[i].count);
		CHECK(bad);
		if (n != rows[i].count || !bad)
			printf("# %s\n", rows[i].name);
	}
}

/* A packet as it is written, cut and changed anywhere. */
static void damaged(void)
{
	uint8_t value[2000];
	size_t n = 0;
	bool bad;

	begin();
	for (uint32_t i = 0; i < 40; i++)
		kick(i, 500 + i, i * 0x01010101);
	memcpy(value, carrier.run, n = carrier.run_len);
	memmove(value + 3, value, n);
	value[0] = 39;
	value[1] = 0xf4, value[2] = 3;
	n += 3;
	CHECK_EQ(carried_by(value, n, &bad), 39);
	CHECK(!bad);
	for (size_t cut = 0; cut < n; cut++) {
		CHECK(carried_by(value, cut, &bad) < 39);
		CHECK(bad);
	}
	state = 1;
	for (unsigned i = 0; i < 20000; i++) {
		uint8_t changed[2000];

		memcpy(changed, value, n);
		for (unsigned k = 0; k < 1 + i % 3; k++)
			changed[chance((uint32_t)n)] = (uint8_t)chance(256);
		carried_by(changed, n, &bad);
	}
}

/* In a file: the record is refused by its number, and what comes after it is read. */
static void broken_in_a_file(void)
{
	struct trace_reader *t;
	struct trace_error err;
	struct record r;
	unsigned good = 0, bad = 0;
	bool again;
	int rc;

	begin();
	for (uint32_t i = 0; i < 10; i++)
		kick(i, 1000 + i, i);
	CHECK_EQ(carrier_flush(&carrier), 0);
	kick(10, 2000, 1);
	CHECK_EQ(carrier_flush(&carrier), 0);
	packets.bytes[packets.at[2] + 16 + sizeof(struct vqt_kick) + 4 + 2] = VQT_NOTE;
	CHECK_EQ(trace_open_memory(&t, packets.bytes, packets.len, &err), 0);
	while ((rc = trace_next(t, &r, &again, &err)) == 1 || (rc < 0 && again)) {
		good += rc == 1;
		bad += rc < 0;
		if (rc < 0)
			CHECK(strstr(err.text, "record 2 is broken"));
	}
	CHECK_EQ(good, 3); /* the session, the packet's own, the next */
	CHECK_EQ(bad, 1);
	trace_close(t);
}

static const struct tap_test tests[] = {
	{ "what is written is read, of any records", round_trip },
	{ "the format", format },
	{ "limits of what waits", limits },
	{ "an output that fails", nobody_reads },
	{ "values that nobody writes", hostile },
	{ "values that are damaged", damaged },
	{ "a packet of a file that is broken", broken_in_a_file },
};

int main(void)
{
	int rc = tap_main(tests, sizeof(tests) / sizeof(tests[0]));

	log_clear(&written);
	log_clear(&read_back);
	log_clear(&packets);
	return rc;
}
