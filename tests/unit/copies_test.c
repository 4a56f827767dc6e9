/* SPDX-License-Identifier: MIT */
/* Guest memory in copies of blocks: what is read from a copy, and what is not. */
#include "bpf/memory/copies.h"
#include "tests/unit/fake_memory.h"
#include "tests/unit/tap.h"

#define GPA UINT64_C(0x4000000)
#define BASE (128 * COPIES_BLOCK) /* FAKE_BASE: a whole number of blocks */

_Static_assert(BASE == FAKE_BASE, "addresses of blocks");

static uint8_t bytes[FAKE_SIZE];
static struct fake_memory fake;
static struct guest_memory guest;
static struct copies copies;
static struct copies_of of = { &copies, &guest };
static unsigned calls;
static void (*meanwhile)(void); /* in the middle of a call */
static ssize_t (*really)(const struct process_memory *m, const struct iovec *range, unsigned n,
			 void *buf);

static ssize_t counted(const struct process_memory *m, const struct iovec *range, unsigned n,
		       void *buf)
{
	unsigned before = meanwhile && n > 2 ? 2 : n; /* the words */
	ssize_t got, more;

	calls++;
	got = really(m, range, before, buf);
	if (got < 0 || before == n)
		return got;
	meanwhile();
	more = really(m, range + before, n - before, (uint8_t *)buf + got);
	return more < 0 ? got : got + more;
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
		bytes[i] = (uint8_t)(i * 7 + i / COPIES_BLOCK);
	calls = 0;
	meanwhile = NULL;
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
				       COPIES_BLOCK - 1,
				       COPIES_BLOCK,
				       COPIES_BLOCK + 1,
				       2 * COPIES_BLOCK,
				       3 * COPIES_BLOCK };

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
	CHECK(reads(100, 16) && reads(200, 16) && reads(COPIES_BLOCK - 96, 96));
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
	for (unsigned block = 0; block < 5; block++)
		CHECK(reads(block * COPIES_BLOCK, 8));
	calls = 0;
	CHECK(copies_load(&of, GPA, &word, 2) == 0);
	for (unsigned block = 0; block < 5; block++)
		CHECK(reads(block * COPIES_BLOCK, 8));
	CHECK_EQ(calls, 1);
	/* more than there is room for */
	for (unsigned round = 0; round < 3; round++)
		for (unsigned block = 0; block < FAKE_SIZE / COPIES_BLOCK; block++)
			CHECK(reads(block * COPIES_BLOCK + round, 8));
}

static bool loads(uint64_t at)
{
	uint16_t word;

	return copies_load(&of, GPA + at, &word, 2) == 0 && !memcmp(&word, bytes + at, 2);
}

static void change(void)
{
	bytes[8] ^= 1;
}

/* Words that are watched are read with the blocks, before and after them. */
static void watched(void)
{
	static const uint64_t word[] = { FAKE_BASE + 8, FAKE_BASE + COPIES_BLOCK + 8 };

	begin(FAKE_SIZE);
	copies_watch(&copies, word, 2);
	for (unsigned block = 0; block < 4; block++)
		CHECK(reads(block * COPIES_BLOCK, 8));
	copies_renew(&of);
	calls = 0;
	for (unsigned i = 0; i < 2; i++) {
		CHECK(loads(8) && loads(COPIES_BLOCK + 8));
		for (unsigned block = 0; block < 4; block++)
			CHECK(reads(block * COPIES_BLOCK, 8));
	}
	CHECK_EQ(calls, 1);
	/* a block that was not here: the words are read after it, too */
	CHECK(reads(5 * COPIES_BLOCK, 8) && loads(8) && loads(COPIES_BLOCK + 8));
	CHECK_EQ(calls, 2);
	CHECK(loads(16)); /* another word, with all that comes after it */
	CHECK(loads(8) && loads(COPIES_BLOCK + 8) && reads(5 * COPIES_BLOCK, 8));
	CHECK_EQ(calls, 3);
	/* of a large range nobody knows when it was read */
	CHECK(reads(0, 3 * COPIES_BLOCK));
	CHECK_EQ(calls, 4);
	CHECK(loads(8));
	CHECK_EQ(calls, 5);
}

/* One that changes while the blocks are read is read again, and the blocks after it. */
static void moving(void)
{
	static const uint64_t word[] = { FAKE_BASE + 8, FAKE_BASE + COPIES_BLOCK + 8 };
	uint16_t first;

	begin(FAKE_SIZE);
	copies_watch(&copies, word, 2);
	for (unsigned block = 0; block < 4; block++)
		CHECK(reads(block * COPIES_BLOCK, 8));
	copies_renew(&of);
	calls = 0;
	meanwhile = change;
	memcpy(&first, bytes + 8, 2);
	CHECK(reads(2 * COPIES_BLOCK, 8) && loads(COPIES_BLOCK + 8));
	CHECK_EQ(calls, 1);
	meanwhile = NULL;
	CHECK(memcmp(&first, bytes + 8, 2) && loads(8));
	CHECK_EQ(calls, 2);
	CHECK(loads(8) && loads(COPIES_BLOCK + 8) && reads(2 * COPIES_BLOCK, 8));
	CHECK_EQ(calls, 2);
}

/* What is read with them: the copies are of then, until they are forgotten a second time. */
static void looked(void)
{
	static const uint64_t word[] = { FAKE_BASE + 8, FAKE_BASE + COPIES_BLOCK + 8 };
	const struct iovec range[] = { { (void *)(FAKE_BASE + 100), 1 },
				       { (void *)(FAKE_BASE + 200), 200 } };
	uint8_t got[201];

	begin(FAKE_SIZE);
	for (unsigned block = 0; block < 4; block++)
		CHECK(reads(block * COPIES_BLOCK, 8));
	copies_watch(&copies, word, 2);
	calls = 0;
	CHECK(copies_look(&copies, range, 2, got) && got[0] == bytes[100]);
	CHECK(!memcmp(got + 1, bytes + 200, 200) && !memcmp(copies_word(&copies, 0), bytes + 8, 2));
	copies_renew(&of);
	CHECK(loads(8) && loads(COPIES_BLOCK + 8) && reads(3 * COPIES_BLOCK, 8));
	CHECK_EQ(calls, 1);
	copies_renew(&of);
	CHECK(reads(3 * COPIES_BLOCK, 8) && loads(8));
	CHECK_EQ(calls, 2);
	fake.size = 150;
	CHECK(!copies_look(&copies, range, 2, got) && !copies.fresh);
}

/* Some processors copy less than 8 bytes one by one, and the index may be written in between. */
static ssize_t by_bytes(const struct process_memory *m, const struct iovec *range, unsigned n,
			void *buf)
{
	size_t at = 0;

	for (unsigned i = 0; i < n; i++)
		for (size_t k = 0, len = range[i].iov_len; k < len;) {
			size_t step = len - k < 8 ? 1 : 8;
			struct iovec part = { (uint8_t *)range[i].iov_base + k, step };

			if (really(m, &part, 1, (uint8_t *)buf + at) != (ssize_t)step)
				return (ssize_t)at;
			k += step;
			at += step;
			if (bytes[9])
				memcpy(bytes + 8, (uint8_t[]){ 0xff, 0 }, 2);
			else
				memcpy(bytes + 8, (uint8_t[]){ 0, 1 }, 2);
		}
	return (ssize_t)at;
}

static void whole(void)
{
	static const uint64_t word[] = { FAKE_BASE + 8, FAKE_BASE + COPIES_BLOCK + 8 };
	const struct iovec range = { (void *)(FAKE_BASE + 100), 1 };
	uint8_t byte;
	uint16_t v;

	for (unsigned watch = 0; watch < 2; watch++)
		for (unsigned i = 0; i < 8; i++) {
			begin(FAKE_SIZE);
			fake.m.read = by_bytes;
			memcpy(bytes + 8, (uint8_t[]){ 0xff, 0 }, 2);
			copies_watch(&copies, word, watch ? 2 : 0);
			for (unsigned k = 0; k < i; k++)
				CHECK(copies_read(&of, GPA + k * COPIES_BLOCK, &byte, 1) == 0);
			CHECK(copies_load(&of, GPA + 8, &v, 2) == 0 && (v == 0xff || v == 0x100));
			CHECK(!watch || copies_look(&copies, &range, 1, &byte));
			memcpy(&v, copies_word(&copies, 0), 2);
			CHECK(!watch || v == 0xff || v == 0x100);
		}
}

/* What is watched goes away. */
static void lost_words(void)
{
	static const uint64_t word[] = { FAKE_BASE + 8, FAKE_BASE + FAKE_SIZE };

	begin(FAKE_SIZE);
	copies_watch(&copies, word, 2);
	CHECK(reads(0, 8) && loads(8) && loads(COPIES_BLOCK) && reads(COPIES_BLOCK + 8, 8));
	copies_watch(&copies, NULL, 0);
	calls = 0;
	CHECK(loads(8) && reads(0, 8));
	CHECK_EQ(calls, 1);
}

/* Blocks go away: those that are left are read, the others are not made up. */
static void gone(void)
{
	uint16_t word;

	begin(FAKE_SIZE);
	for (unsigned block = 0; block < 6; block++)
		CHECK(reads(block * COPIES_BLOCK, 8));
	fake.size = 3 * COPIES_BLOCK;
	CHECK(copies_load(&of, GPA + COPIES_BLOCK, &word, 2) == 0);
	CHECK(reads(0, 8) && reads(2 * COPIES_BLOCK, 8));
	CHECK(!reads(4 * COPIES_BLOCK, 8));
	CHECK(!reads(3 * COPIES_BLOCK - 4, 8));
	CHECK(reads(COPIES_BLOCK, 8));
	CHECK(copies_load(&of, GPA + 3 * COPIES_BLOCK, &word, 2) < 0);
	/* half a block: the word is there, and no copy */
	fake.size = 3 * COPIES_BLOCK - 100;
	CHECK(copies_load(&of, GPA + 2 * COPIES_BLOCK, &word, 2) == 0);
	fake.size = 0;
	CHECK(copies_load(&of, GPA, &word, 2) < 0 && !reads(0, 1));
	CHECK(copies_read(&of, GPA - 1, &word, 1) < 0);
	CHECK(copies_read(&of, GPA + FAKE_SIZE - 1, &word, 2) < 0);
}

/* Blocks 0 and 1 as they are, with the words that are watched, at 1 s. */
static struct vqs_snapshot *snapshot(void)
{
	static struct vqs_snapshot s;

	memset(&s, 0, sizeof(s));
	s.ended = 1000000000;
	s.n = 2;
	memcpy(s.driver, bytes + 8, VQS_WORD);
	memcpy(s.device, bytes + COPIES_BLOCK + 8, VQS_WORD);
	for (unsigned i = 0; i < s.n; i++) {
		s.block[i] = FAKE_BASE / COPIES_BLOCK + i;
		memcpy(s.bytes + (size_t)i * COPIES_BLOCK, bytes + (size_t)i * COPIES_BLOCK,
		       COPIES_BLOCK);
	}
	return &s;
}

static void take_snapshot(void)
{
	static const uint64_t word[] = { FAKE_BASE + 8, FAKE_BASE + COPIES_BLOCK + 8 };

	begin(FAKE_SIZE);
	copies_watch(&copies, word, 2);
	copies_take(&copies, snapshot());
}

/* What a snapshot has is read as it was then, however often it is asked for. */
static void as_it_was(void)
{
	uint8_t byte;
	uint16_t value;

	take_snapshot();
	bytes[8] ^= 1;
	bytes[100] ^= 1;
	for (unsigned i = 0; i < 2; i++) {
		copies_renew(&of);
		CHECK(copies_read(&of, GPA + 100, &byte, 1) == 0 && byte == (bytes[100] ^ 1));
		CHECK(copies_load(&of, GPA + 8, &value, 2) == 0 &&
		      (value & 0xff) == (bytes[8] ^ 1));
	}
	CHECK_EQ(calls, 0);
	CHECK_EQ(copies.as_of, 1000000000);
}

/* What it lacks is read now; the words of then count if they have not changed since. */
static void lacking(void)
{
	uint16_t value;

	take_snapshot();
	CHECK(reads(4 * COPIES_BLOCK, 8));
	CHECK_EQ(calls, 1);
	CHECK_EQ(copies.as_of, 0);
	CHECK(loads(8));
	CHECK_EQ(calls, 1);
	/* they have: all is as of now */
	take_snapshot();
	bytes[8] ^= 1;
	CHECK(reads(4 * COPIES_BLOCK, 8));
	CHECK(copies_load(&of, GPA + 8, &value, 2) == 0 && (value & 0xff) == bytes[8]);
	CHECK_EQ(copies.as_of, 0);
	/* a word that is not watched is one of now, and so is what comes after it */
	take_snapshot();
	bytes[100] ^= 1;
	CHECK(loads(300) && reads(100, 1));
	CHECK_EQ(copies.as_of, 0);
}

/* What may not be in order is read anew before it is relied on. */
static void not_in_order(void)
{
	struct vqs_snapshot *s;

	take_snapshot();
	s = snapshot();
	s->unsure = 1;
	copies_take(&copies, s);
	copies_renew(&of); /* as a look begins */
	bytes[100] ^= 1;
	CHECK(!reads(100, 1));
	copies_renew(&of);
	CHECK(reads(100, 1));
	CHECK_EQ(copies.as_of, 0);
}

static const struct tap_test tests[] = {
	{ "what is read is what is there", right },
	{ "a copy serves until it is forgotten", from_copy },
	{ "blocks that were wanted lately come together", together },
	{ "words that are watched", watched },
	{ "a word that changes meanwhile", moving },
	{ "an index is read whole", whole },
	{ "a look", looked },
	{ "a word that is there no more", lost_words },
	{ "blocks that go away", gone },
	{ "a snapshot is read as it was", as_it_was },
	{ "what a snapshot lacks is read now", lacking },
	{ "a snapshot that is not in order", not_in_order },
};

TAP_MAIN(tests)
