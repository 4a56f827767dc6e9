/* SPDX-License-Identifier: MIT */
/* Memory of another process that is a shared file: read by a mapping, whatever becomes of the file. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bpf/memory/share.h"
#include "tests/unit/tap.h"

#define PAGES 8
#define PAGE 4096

static int fd;
static uint8_t *there, *private_there; /* in the child, and here at the same address */
static pid_t child;
static struct foreign foreign;
static struct share share;

static void begin(void)
{
	fd = memfd_create("guest", MFD_CLOEXEC);
	CHECK(fd >= 0 && !ftruncate(fd, PAGES * PAGE));
	there = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	private_there =
		mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	child = fork();
	if (!child) {
		for (unsigned i = 0; i < PAGES; i += 2) /* each second page */
			there[i * PAGE] = (uint8_t)(i + 1);
		private_there[0] = 77;
		raise(SIGSTOP);
		_exit(0);
	}
	waitpid(child, NULL, WUNTRACED);
	foreign_init(&foreign, child, NULL);
	share_init(&share, &foreign);
}

static void end(void)
{
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	share_close(&share);
	munmap(there, PAGES * PAGE);
	munmap(private_there, PAGE);
	close(fd);
}

static bool reads(const uint8_t *at, unsigned want)
{
	uint8_t v = 0xee;

	return process_mem_all(&share.m, (uintptr_t)at, &v, 1) && v == want;
}

static bool may_map(void)
{
	share_learn(&share, (uintptr_t)there, PAGE);
	if (!share.n)
		printf("# files cannot be mapped here: %s\n", strerror(-share.err));
	return share.n;
}

static void mapped(void)
{
	uint64_t calls;
	TEXT(t, 700);

	begin();
	if (may_map()) {
		CHECK(reads(there, 1) && reads(there + 2 * PAGE, 3));
		calls = foreign.calls;
		CHECK(reads(there, 1) && reads(there + 2 * PAGE, 3));
		CHECK_EQ(foreign.calls, calls); /* no system call */
		share_put_way(&share, &t);
		CHECK(strstr(t.buf, "mapping of the file") && strstr(t.buf, "guest"));
		/* mapped still after its end */
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
		CHECK(reads(there, 1));
	}
	end();
}

/* Reading gives the file no page that it had not. */
static void untouched(void)
{
	struct stat before, after;

	begin();
	if (may_map()) {
		CHECK(reads(there, 1));
		fstat(fd, &before);
		for (unsigned i = 0; i < PAGES; i++)
			if (share.window[0]->touched[i / 8] >> i % 8 & 1)
				CHECK(!(i & 1));
		fstat(fd, &after);
		CHECK_EQ(before.st_blocks, after.st_blocks);
		CHECK_EQ(before.st_blocks, PAGES / 2 * (PAGE / 512));
	}
	end();
}

/* Shorter than it was: no bytes, no signal. */
static void truncated(void)
{
	uint8_t v;

	begin();
	if (may_map()) {
		CHECK(reads(there + 2 * PAGE, 3));
		CHECK(!ftruncate(fd, PAGE));
		CHECK(!process_mem_all(&share.m, (uintptr_t)there + 2 * PAGE, &v, 1));
		share_check(&share);
		CHECK_EQ(share.n, 0);
		CHECK(reads(there, 1)); /* by a system call */
	}
	end();
}

static void private(void)
{
	TEXT(t, 700);

	begin();
	share_learn(&share, (uintptr_t)private_there, PAGE);
	CHECK_EQ(share.n, 0);
	CHECK(reads(private_there, 77));
	share_put_way(&share, &t);
	CHECK(strstr(t.buf, "system call"));
	end();
}

static const struct tap_test tests[] = {
	{ "read by a mapping", mapped },
	{ "pages that the process has not are not touched", untouched },
	{ "a file that becomes shorter", truncated },
	{ "private memory", private },
};

TAP_MAIN(tests)
