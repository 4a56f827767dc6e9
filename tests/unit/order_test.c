/* SPDX-License-Identifier: MIT */
/* Records of several processors put back into order; what is missing, and for how long. */
#include <stdlib.h>

#include "bpf/session/order.h"
#include "decoder/trace/event.h"
#include "tests/unit/tap.h"

static struct order *o;
static char said[4096]; /* "1 2 (3 lost) 6": what was handed on */

static void say(const char *fmt, unsigned n)
{
	size_t at = strlen(said);

	snprintf(said + at, sizeof(said) - at, fmt, at ? " " : "", n);
}

static void on_record(void *ctx, void *record, size_t len)
{
	say("%s%u", ((struct vqt_hdr *)record)->seq);
}

static void on_lost(void *ctx, uint32_t count, uint64_t ts)
{
	say("%s(%u lost)", count);
}

static const struct order_ops ops = { .record = on_record, .lost = on_lost };

static void begin(void)
{
	*said = 0;
	o = order_new(&ops, NULL);
}

static void put(uint32_t seq, uint64_t now)
{
	struct vqt_hdr h = { .seq = seq, .ts = seq };

	CHECK_EQ(order_put(o, &h, sizeof(h), now), 0);
}

static void in_order(void)
{
	begin();
	for (uint32_t i = 0; i < 5; i++)
		put(i, i);
	CHECK_STR(said, "0 1 2 3 4");
	order_free(o);
}

/* No program numbers two alike; if one did, neither would make others wait or be lost. */
static void alike(void)
{
	begin();
	put(1, 0);
	put(1, 0);
	put(2, 0);
	put(0, 0);
	CHECK_STR(said, "0 1 1 2");
	put(5, 0);
	put(5, 0);
	put(6, 0);
	order_expire(o, 0, 0);
	CHECK_STR(said, "0 1 1 2 (2 lost) 5 5 6");
	order_free(o);
}

static void swapped(void)
{
	begin();
	put(2, 0);
	put(4, 0);
	put(1, 0);
	put(3, 0);
	CHECK_STR(said, "");
	put(0, 0);
	CHECK_STR(said, "0 1 2 3 4");
	order_free(o);
}

static int take(uint32_t seq)
{
	const struct vqt_hdr h = { .seq = seq, .ts = seq };

	return order_take(o, &h, sizeof(h));
}

/* What need not wait is taken without a time; what has to is not, and is for order_put(). */
static void taken(void)
{
	begin();
	CHECK_EQ(take(0), 1);
	CHECK_EQ(take(1), 1);
	CHECK_EQ(take(3), 0);
	CHECK_STR(said, "0 1");
	CHECK(!order_waits(o));
	put(3, 0);
	CHECK(order_waits(o));
	CHECK_EQ(take(4), 0);
	put(4, 0);
	CHECK_EQ(take(2), 1); /* and those that waited for it */
	CHECK_STR(said, "0 1 2 3 4");
	CHECK(!order_waits(o));
	put(6, 0);
	order_expire(o, 1, 0);
	CHECK_EQ(take(5), 1); /* late */
	CHECK_EQ(take(7), 1);
	CHECK_STR(said, "0 1 2 3 4 (1 lost) 6 5 7");
	order_free(o);
}

/* The record is a copy, whatever its length, which may be changed. */
static void on_copy(void *ctx, void *record, size_t len)
{
	const void **from = ctx;

	CHECK(record != *from && !memcmp(record, *from, len));
	memset(record, 0xff, len);
}

static void copied(void)
{
	static const struct order_ops copies = { .record = on_copy };
	static const size_t lens[] = { 64, 65536, 24, 100000, 24 };
	_Alignas(8) static uint8_t bytes[100000];
	const void *from = bytes;

	o = order_new(&copies, &from);
	for (uint32_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		memset(bytes, (int)i + 1, sizeof(bytes));
		((struct vqt_hdr *)bytes)->seq = i;
		CHECK_EQ(order_take(o, bytes, lens[i]), 1);
		CHECK_EQ(bytes[lens[i] - 1], i + 1);
	}
	order_free(o);
}

/* A record that is missing is waited for as long as is said, then counted where it was. */
static void missing(void)
{
	begin();
	put(0, 0);
	put(3, 100);
	put(4, 150);
	order_expire(o, 200, 100);
	CHECK_STR(said, "0");
	order_expire(o, 201, 100);
	CHECK_STR(said, "0 (2 lost) 3 4");
	put(1, 300); /* better late than never */
	put(5, 300);
	CHECK_STR(said, "0 (2 lost) 3 4 1 5");
	put(9, 300);
	put(7, 300);
	order_expire(o, 300, 0);
	CHECK_STR(said, "0 (2 lost) 3 4 1 5 (1 lost) 7 (1 lost) 9");
	order_free(o);
}

static void wraps(void)
{
	begin();
	put(~0U / 2, 0);
	order_expire(o, 0, 0);
	put(~0U - 1, 0);
	order_expire(o, 0, 0);
	*said = 0;
	put(1, 0);
	put(0, 0);
	put(~0U, 0);
	CHECK_STR(said, "4294967295 0 1");
	order_free(o);
}

/* What waits is bounded by its bytes: then the missing one is given up. */
static void bounded(void)
{
	static uint8_t big[65536] __attribute__((aligned(8)));
	struct vqt_hdr *h = (struct vqt_hdr *)big;
	unsigned n = 0;

	begin();
	while (!*said && n < 4096) {
		h->seq = ++n;
		CHECK_EQ(order_put(o, big, sizeof(big), 0), 0);
	}
	CHECK(n > 512 && n < 2048);
	CHECK(!strncmp(said, "(1 lost) 1 2 3 ", 15));
	order_free(o);
}

/* Free with records waiting: nothing is handed on, and nothing leaks. */
static void left(void)
{
	begin();
	put(7, 0);
	put(5, 0);
	order_free(o);
	CHECK_STR(said, "");
	order_free(NULL);
}

static const struct tap_test tests[] = {
	{ "in order", in_order },
	{ "swapped", swapped },
	{ "two of one number", alike },
	{ "missing", missing },
	{ "in order without waiting", taken },
	{ "copies", copied },
	{ "numbers wrap around", wraps },
	{ "bounded", bounded },
	{ "freed while some wait", left },
};

TAP_MAIN(tests)
