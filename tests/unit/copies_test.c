/* SPDX-License-Identifier: MIT */
/* Guest memory in copies of pages: what is read from a copy, and what is not. */
#include "bpf/memory/copies.h"
#include "tests/unit/fake_memory.h"
#include "tests/unit/tap.h"

#define GPA UINT64_C(0x4000000)
#define BASE (16 * COPIES_PAGE) /* FAKE_BASE: a whole number of pages */

_Static_assert(BASE == FAKE_BASE, "addresses of pages");

static uint8_t bytes[FAKE_SIZE];
static struct fake_memory fake;
static struct guest_memory guest;
static struct copies copies;
static struct copies_of of = { &copies, &guest };
static unsigned calls;
static ssize_t (*really)(const struct process_memory *m, const struct iovec *range, unsigned n,
			 void *buf);

static ssize_t counted(const struct process_memory *m, const struct iovec *range, unsigned n,
		       void *buf)
{
	calls++;
	return really(m, range, n, buf);
}

static void begin(size_t size)
{
	fake_init(&fake, bytes, size);
	really = fake.m.read;
	fake.m.read = counted;
	memset(&copies, 0, sizeof(copies));
	copies.m = &fake.m;
	guest = (struct guest_memory){ .m = &fake.m, .areas_only = true };
	guest_learn(&guest, GPA, FAKE_BASE, FAKE_SIZE);
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 7 + i / COPIES_PAGE);
	calls = 0;
}

static bool reads(uint64_t at, size_t len)
{
	static uint8_t buf[FAKE_SIZE];

	memset(buf, 0xee, sizeof(buf));
	return copies_read(&of, GPA + at, buf, len) == 0 && !memcmp(buf, bytes + at, len);
}

static void right(void)
{
	static const size_t lens[] = { 1,
				       2,
				       16,
				       COPIES_PAGE - 1,
				       COPIES_PAGE,
				       COPIES_PAGE + 1,
				       2 * COPIES_PAGE,
				       3 * COPIES_PAGE };

	begin(FAKE_SIZE);
	for (unsigned i = 0; i < sizeof(lens) / sizeof(lens[0]); i++)
		for (uint64_t at = 0; at + lens[i] <= FAKE_SIZE; at += 1021)
			CHECK(reads(at, lens[i]));
}

static void from_copy(void)
{
	uint8_t byte;
	uint16_t word;

	begin(FAKE_SIZE);
	CHECK(reads(100, 16) && reads(200, 16) && reads(4000, 96));
	CHECK_EQ(calls, 1);
	bytes[100] ^= 1;
	CHECK(copies_read(&of, GPA + 100, &byte, 1) == 0 && byte == (bytes[100] ^ 1));
	copies_renew(&of);
	CHECK(reads(100, 1));
	CHECK_EQ(calls, 2);
	/* a load is of now, and so is what is read after it */
	bytes[100] ^= 1;
	bytes[300] ^= 1;
	CHECK(copies_load(&of, GPA + 300, &word, 2) == 0 && !memcmp(&word, bytes + 300, 2));
	CHECK_EQ(calls, 3);
	CHECK(reads(100, 1));
	CHECK_EQ(calls, 3);
}

/* What was wanted lately comes with what is wanted now. */
static void together(void)
{
	uint16_t word;

	begin(FAKE_SIZE);
	for (unsigned page = 0; page < 5; page++)
		CHECK(reads(page * COPIES_PAGE, 8));
	calls = 0;
	CHECK(copies_load(&of, GPA, &word, 2) == 0);
	for (unsigned page = 0; page < 5; page++)
		CHECK(reads(page * COPIES_PAGE, 8));
	CHECK_EQ(calls, 3);
	/* more than there is room for */
	for (unsigned round = 0; round < 3; round++)
		for (unsigned page = 0; page < FAKE_SIZE / COPIES_PAGE; page++)
			CHECK(reads(page * COPIES_PAGE + round, 8));
}

/* Pages go away: those that are left are read, the others are not made up. */
static void gone(void)
{
	uint16_t word;

	begin(FAKE_SIZE);
	for (unsigned page = 0; page < 6; page++)
		CHECK(reads(page * COPIES_PAGE, 8));
	fake.size = 3 * COPIES_PAGE;
	CHECK(copies_load(&of, GPA + COPIES_PAGE, &word, 2) == 0);
	CHECK(reads(0, 8) && reads(2 * COPIES_PAGE, 8));
	CHECK(!reads(4 * COPIES_PAGE, 8));
	CHECK(!reads(3 * COPIES_PAGE - 4, 8));
	CHECK(reads(COPIES_PAGE, 8));
	CHECK(copies_load(&of, GPA + 3 * COPIES_PAGE, &word, 2) < 0);
	/* half a page: the word is there, and no copy */
	fake.size = 3 * COPIES_PAGE - 100;
	CHECK(copies_load(&of, GPA + 2 * COPIES_PAGE, &word, 2) == 0);
	fake.size = 0;
	CHECK(copies_load(&of, GPA, &word, 2) < 0 && !reads(0, 1));
	CHECK(copies_read(&of, GPA - 1, &word, 1) < 0);
	CHECK(copies_read(&of, GPA + FAKE_SIZE - 1, &word, 2) < 0);
}

static const struct tap_test tests[] = {
	{ "what is read is what is there", right },
	{ "a copy serves until it is forgotten", from_copy },
	{ "pages that were wanted lately come together", together },
	{ "pages that go away", gone },
};

TAP_MAIN(tests)
