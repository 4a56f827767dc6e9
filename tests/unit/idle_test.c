/* SPDX-License-Identifier: MIT */
/* Idle processors, from the text of /proc/stat. */
#include "decoder/util/idle.h"
#include "tests/unit/tap.h"

static const char stat_text[] = "cpu  10 1 20 300 40 5 6 0 0 0\n"
				"cpu0 5 1 10 100 10 5 6 0 0 0\n"
				"cpu1 5 0 10 200 30 0 0 0 0 0\n"
				"intr 12345 0 9\n"
				"cpu7 1 1 1 1000 1000 1 1 1 1 1\n";

static cpu_set_t of(unsigned a, unsigned b)
{
	cpu_set_t s;

	CPU_ZERO(&s);
	CPU_SET(a, &s);
	CPU_SET(b, &s);
	return s;
}

static void sums(void)
{
	cpu_set_t both = of(0, 1), one = of(1, 1), none = of(5, 6);

	CHECK_EQ(idle_ticks(stat_text, &both), 340);
	CHECK_EQ(idle_ticks(stat_text, &one), 230);
	CHECK_EQ(idle_ticks(stat_text, &none), 0);
	CHECK_EQ(idle_ticks("", &both), 0);
	/* cut anywhere */
	CHECK_EQ(idle_ticks("cpu0 1 2", &both), 0);
	CHECK_EQ(idle_ticks("cpu", &both), 0);
}

/* What the system says, of which only bounds are known. */
static void here(void)
{
	struct idle i;
	int percent;

	idle_open(&i);
	CHECK(i.fd >= 0);
	CHECK_EQ(idle_percent(&i, 1000000000), -1); /* since when? */
	percent = idle_percent(&i, UINT64_C(1000000000) * 1000000);
	CHECK(percent >= -1 && percent <= 1); /* next to nothing of so long a time */
	CHECK_EQ(idle_percent(&i, 5), -1); /* the time went back */
	idle_close(&i);
	CHECK_EQ(idle_percent(&i, UINT64_C(2000000000000)), -1);
}

static const struct tap_test tests[] = {
	{ "ticks of those that may be used", sums },
	{ "of this system", here },
};

TAP_MAIN(tests)
