/* SPDX-License-Identifier: MIT */
/* The time that lists of processes may take, with processes, costs and a clock that are made up. */
#include <string.h>

#include "bpf/process/foreign.h"
#include "bpf/qemu/budget.h"
#include "tests/unit/tap.h"

#define MS UINT64_C(1000000)
#define S (1000 * MS)

static struct budget b;
static uint64_t now; /* ns */
static unsigned long long started; /* when each process was */
static pid_t ended; /* a process that is there no more */

static unsigned long long begun(pid_t pid)
{
	return started + (unsigned)pid;
}

static bool alive(pid_t pid)
{
	return pid != ended;
}

static void begin(void)
{
	memset(&b, 0, sizeof(b));
	now = 1000 * S;
	started = 1;
	ended = 0;
}

/* One process of a list, if it is read: true. */
static bool reads(pid_t pid, long uid, uint64_t cpu, uint64_t wall, bool too_long)
{
	const struct budget_process p = { pid, uid, begun };
	const struct budget_cost cost = { cpu, wall, too_long };

	if (!budget_allows(&b, &p, now))
		return false;
	budget_took(&b, &p, &cost, now);
	now += wall;
	return true;
}

/* So many of a user, in a list: those that were read. */
static unsigned reads_of(long uid, unsigned n, uint64_t cpu, uint64_t wall)
{
	unsigned read = 0;

	for (unsigned i = 0; i < n; i++)
		read += reads((pid_t)(uid * 1000 + i), uid, cpu, wall, false);
	return read;
}

static bool says(const char *want)
{
	TEXT(line, 160);

	return budget_newly_left_out(&b, &line) ? !strcmp(line.buf, want) && !line.cut : !want;
}

/* His are left out, from when they have taken what those of one user may; others are not. */
static void one_user(void)
{
	TEXT(line, 160);

	begin();
	budget_begin(&b, alive);
	CHECK_EQ(reads_of(1000, 300, 20 * MS, 20 * MS), 26);
	CHECK_EQ(reads_of(1001, 20, 20 * MS, 20 * MS), 20);
	CHECK_EQ(reads_of(0, 20, 20 * MS, 20 * MS), 20);
	CHECK(budget_left_out(&b, 0, &line));
	CHECK_STR(line.buf,
		  "274 processes of user 1000 are left out: reading others of his takes too "
		  "long");
	CHECK(!budget_left_out(&b, 1, &line));
	CHECK(says(line.buf));
	CHECK(says(NULL)); /* once */
}

/* The same for time that passes while nothing is computed: files that come slowly. */
static void slow_files(void)
{
	begin();
	budget_begin(&b, alive);
	CHECK_EQ(reads_of(1000, 300, MS, 300 * MS), 11);
	CHECK_EQ(reads_of(0, 5, MS, 300 * MS), 5);
	CHECK(says(
		"289 processes of user 1000 are left out: reading others of his takes too long"));
	CHECK(says(NULL));
}

/* Each time for twice as long; when all goes well it begins anew. */
static void pauses(void)
{
	begin();
	for (uint64_t pause = FOREIGN_PAUSE_NS; pause < 100 * S; pause *= 2) {
		budget_begin(&b, alive);
		CHECK_EQ(reads_of(1000, 6, 100 * MS, 100 * MS), 6);
		now += pause - 1;
		budget_begin(&b, alive);
		CHECK_EQ(reads_of(1000, 6, 100 * MS, 100 * MS), 0);
		CHECK_EQ(reads_of(0, 1, 100 * MS, 100 * MS), 1);
		now += 1;
	}
	CHECK(says("6 processes of user 1000 are left out: reading others of his takes too long"));
	budget_begin(&b, alive);
	CHECK_EQ(reads_of(1000, 6, MS, MS), 6);
	CHECK(says(NULL));
	budget_begin(&b, alive);
	CHECK_EQ(reads_of(1000, 7, 100 * MS, 100 * MS), 6);
	CHECK(says("1 processes of user 1000 are left out: reading others of his takes too long"));
	now += FOREIGN_PAUSE_NS;
	budget_begin(&b, alive);
	CHECK_EQ(reads_of(1000, 6, MS, MS), 6);
}

/* However many users join in. */
static void all_users(void)
{
	unsigned read = 0;

	begin();
	budget_begin(&b, alive);
	for (long uid = 1000; uid < 1100; uid++)
		read += reads_of(uid, 10, 50 * MS, 50 * MS);
	CHECK_EQ(read, 61); /* 10 each take what they may, but the last that was begun */
	CHECK_EQ(reads_of(0, 10, 50 * MS, 50 * MS), 0);
	CHECK(says("949 processes are left out: reading others takes too long"));
	CHECK(says(NULL));
	budget_begin(&b, alive);
	CHECK_EQ(reads_of(0, 10, MS, MS), 10);
}

/* More users than are told apart: they share, and none is without a limit. */
static void many_users(void)
{
	TEXT(line, 160);

	begin();
	budget_begin(&b, alive);
	for (long uid = 1; uid < BUDGET_USERS; uid++)
		CHECK_EQ(reads_of(uid, 1, MS, MS), 1);
	CHECK_EQ(reads_of(5000, 4, 100 * MS, 100 * MS), 4);
	CHECK_EQ(reads_of(5001, 4, 100 * MS, 100 * MS), 2);
	CHECK_EQ(reads_of(1, 4, 100 * MS, 100 * MS), 4);
	CHECK(budget_left_out(&b, 0, &line));
	CHECK_STR(line.buf,
		  "2 processes of user 5000 and others are left out: reading others of his "
		  "takes too long");
}

/* A process that takes too long is left alone, for longer each time; another one of its number is not. */
static void one_process(void)
{
	begin();
	for (uint64_t pause = FOREIGN_PAUSE_NS; pause < 100 * S; pause *= 2) {
		budget_begin(&b, alive);
		CHECK(reads(5, 1000, MS, MS, true));
		CHECK(reads(6, 1000, MS, MS, false));
		now += pause - 2 * MS;
		budget_begin(&b, alive);
		CHECK(!reads(5, 1000, MS, MS, true));
		CHECK(reads(6, 1000, 0, MS, false));
	}
	CHECK(says("process 5: reading it takes too long: its mappings or files are not those of a "
		   "QEMU; it is left out"));
	CHECK(says(NULL));
	started++;
	CHECK(reads(5, 1000, MS, MS, false));
	started--;
	ended = 5;
	budget_begin(&b, alive);
	CHECK_EQ(b.nslow, 0);
}

/* More of them than are remembered: the one is forgotten that would be read first. */
static void many_processes(void)
{
	begin();
	for (pid_t pid = 1; pid <= BUDGET_SLOW + 1; pid++) {
		budget_begin(&b, alive);
		CHECK(reads(pid, 1000, MS, MS, true));
	}
	budget_begin(&b, alive);
	CHECK_EQ(b.nslow, BUDGET_SLOW);
	CHECK(!reads(2, 1000, MS, MS, true) && !reads(BUDGET_SLOW + 1, 1000, MS, MS, true));
	CHECK(reads(1, 1000, MS, MS, false));
}

static const struct tap_test tests[] = {
	{ "processes of one user", one_user },
	{ "files that come slowly", slow_files },
	{ "how long a user is left out", pauses },
	{ "processes of many users", all_users },
	{ "more users than are told apart", many_users },
	{ "a process that takes too long", one_process },
	{ "many of those", many_processes },
};
TAP_MAIN(tests)
