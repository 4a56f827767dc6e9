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
	{ "in order", in_order },	   { "swapped", swapped },
	{ "two of one number", alike },	   { "missing", missing },
	{ "numbers wrap around", wraps },  { "bounded", bounded },
	{ "freed while some wait", left },
};

TAP_MAIN(tests)
