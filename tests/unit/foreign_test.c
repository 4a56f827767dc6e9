/* SPDX-License-Identifier: MIT */
/*
 * Reading another process is limited in calls, bytes and time, ends when the user asks for it,
 * and never waits for a file.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bpf/process/foreign.h"
#include "bpf/process/memory.h"
#include "bpf/process/reader.h"
#include "bpf/qemu/discover.h"
#include "bpf/qemu/process.h"
#include "bpf/qom/qom.h"
#include "decoder/util/clock.h"
#include "tests/unit/false_tree.h"
#include "tests/unit/tap.h"
#include "tests/unit/tiny_elf.h"

static bool yes(void *ctx)
{
	return *(bool *)ctx;
}

static void limits(void)
{
	bool stop = false;
	const struct foreign_stop when = { yes, &stop };
	struct iovec word = { &word, 8 };
	struct foreign f;
	char buf[8];

	foreign_init(&f, getpid(), &when);
	CHECK_EQ(foreign_memory(&f, &word, 1, buf), 8);
	stop = true;
	CHECK_EQ(foreign_memory(&f, &word, 1, buf), (uint64_t)-EINTR);
	stop = false;
	CHECK_EQ(foreign_spend(&f, 0), (uint64_t)-EINTR); /* until the next attempt */
	foreign_begin(&f);
	CHECK_EQ(foreign_spend(&f, 0), 0);
	for (unsigned i = 0; i < FOREIGN_CALLS && !f.err; i++)
		foreign_spend(&f, 0);
	CHECK_EQ(f.err, (uint64_t)-ETIMEDOUT);
	CHECK_EQ(foreign_memory(&f, &word, 1, buf), (uint64_t)-ETIMEDOUT);
	/* what reached a limit is left alone for a while */
	foreign_begin(&f);
	CHECK_EQ(foreign_spend(&f, 0), (uint64_t)-ETIMEDOUT);
	foreign_init(&f, getpid(), NULL);
	CHECK_EQ(foreign_spend(&f, FOREIGN_BYTES), 0);
	CHECK_EQ(foreign_spend(&f, 1), (uint64_t)-ETIMEDOUT);
}

static uint64_t passed(uint64_t since)
{
	return clock_ns(CLOCK_MONOTONIC) - since;
}

/* An attempt that begins with its use: what passes before that does not count, and its limits are the same. */
static void with_use(void)
{
	struct foreign f;

	foreign_init(&f, getpid(), NULL);
	foreign_begin_with_use(&f);
	usleep(FOREIGN_WALL_NS / 1000 + 50000);
	CHECK_EQ(foreign_spend(&f, 0), 0);
	CHECK_EQ(foreign_spend(&f, FOREIGN_BYTES), 0);
	CHECK_EQ(foreign_spend(&f, 1), (uint64_t)-ETIMEDOUT);
	foreign_begin_with_use(&f); /* too early */
	CHECK_EQ(foreign_spend(&f, 0), (uint64_t)-ETIMEDOUT);
}

/* Time that passes counts; but not while others have the processor. */
static void busy_host(void)
{
	enum { HOGS = 20 };
	cpu_set_t before, one;
	struct foreign f;
	pid_t hog[HOGS];
	uint64_t begun;

	foreign_init(&f, getpid(), NULL);
	usleep(FOREIGN_WALL_NS / 1000 + 50000);
	CHECK_EQ(foreign_spend(&f, 0), (uint64_t)-ETIMEDOUT);
	CHECK_EQ(sched_getaffinity(0, sizeof(before), &before), 0);
	CPU_ZERO(&one);
	for (int cpu = 0; !CPU_COUNT(&one) && cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &before))
			CPU_SET(cpu, &one);
	CHECK_EQ(sched_setaffinity(0, sizeof(one), &one), 0);
	for (unsigned i = 0; i < HOGS; i++) {
		hog[i] = fork();
		if (!hog[i]) {
			alarm(60); /* if nobody ends it */
			for (;;)
				;
		}
	}
	foreign_init(&f, getpid(), NULL);
	begun = clock_ns(CLOCK_MONOTONIC);
	/* a part of the processor, too small for the limit on computing */
	while (passed(begun) < FOREIGN_WALL_NS + FOREIGN_WALL_NS / 4)
		;
	CHECK_EQ(foreign_spend(&f, 0), 0);
	for (unsigned i = 0; i < HOGS; i++) {
		kill(hog[i], SIGKILL);
		waitpid(hog[i], NULL, 0);
	}
	sched_setaffinity(0, sizeof(before), &before);
}

static void files(void)
{
	char dir[] = "/tmp/vqtrace-foreign-XXXXXX", path[64], buf[16];
	struct foreign f;
	int fd;

	foreign_init(&f, getpid(), NULL);
	CHECK(mkdtemp(dir) != NULL);
	snprintf(path, sizeof(path), "%s/f", dir);
	CHECK_EQ(mkfifo(path, 0600), 0);
	CHECK_EQ(foreign_open(&f, path), (uint64_t)-ENOEXEC); /* does not wait for a writer */
	unlink(path);
	CHECK_EQ(foreign_open(&f, path), (uint64_t)-ENOENT);
	CHECK_EQ(foreign_open(&f, dir), (uint64_t)-ENOEXEC);
	CHECK_EQ(foreign_open(&f, "/dev/zero"), (uint64_t)-ENOEXEC);
	fd = open(path, O_CREAT | O_RDWR, 0600);
	CHECK_EQ(write(fd, "0123456789", 10), 10);
	close(fd);
	fd = foreign_open(&f, path);
	CHECK(fd >= 0);
	CHECK_EQ(foreign_pread(&f, fd, buf, 4, 6), 0);
	CHECK(!memcmp(buf, "6789", 4));
	CHECK_EQ(foreign_pread(&f, fd, buf, 5, 6), (uint64_t)-ENODATA);
	close(fd);
	unlink(path);
	rmdir(dir);
}

static void lines(void)
{
	struct foreign_lines l;
	struct foreign f;
	char line[64], cut[8], all[4096];
	unsigned n = 0, heap = 0;

	foreign_init(&f, getpid(), NULL);
	CHECK_EQ(foreign_lines_open(&l, &f, "maps"), 0);
	for (; foreign_line(&l, line, sizeof(line)); n++)
		heap += strchr(line, '-') != NULL;
	CHECK(n > 10 && heap == n && !l.err);
	foreign_lines_close(&l);
	CHECK_EQ(foreign_lines_open(&l, &f, "maps"), 0);
	for (n = 0; foreign_line(&l, cut, sizeof(cut)); n++)
		CHECK_EQ(strlen(cut), 7);
	CHECK_EQ(n, heap);
	foreign_lines_close(&l);
	CHECK_EQ(foreign_lines_open(&l, &f, "nothing"), (uint64_t)-ENOENT);
	CHECK(foreign_proc(&f, "status", all, sizeof(all)) > 100);
	CHECK_EQ(foreign_proc(&f, "status", cut, sizeof(cut)), 7);
}

/* --- memory that never comes ------------------------------------------------------- */

/*
 * A child of another user, with two pages at *pages: the first does not come until somebody brings it,
 * which nobody does.  0: this needs root and userfaultfd.
 */
static pid_t withholder(uint64_t *pages)
{
	int to[2];
	pid_t pid;

	CHECK_EQ(pipe(to), 0);
	pid = fork();
	if (!pid) {
		char *at = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
				0);
		struct uffdio_api api = { .api = UFFD_API };
		struct uffdio_register reg = { .range = { (uintptr_t)at, 4096 },
					       .mode = UFFDIO_REGISTER_MODE_MISSING };
		int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);

		memcpy(at + 4096, "there", 6);
		if (fd < 0 || ioctl(fd, UFFDIO_API, &api) || ioctl(fd, UFFDIO_REGISTER, &reg) ||
		    setgid(65534) || setuid(65534) || write(to[1], &at, sizeof(at)) != sizeof(at))
			_exit(1);
		alarm(300); /* if nobody ends it */
		for (;;)
			pause();
	}
	close(to[1]);
	if (read(to[0], pages, sizeof(*pages)) != sizeof(*pages)) {
		waitpid(pid, NULL, 0);
		pid = 0;
	}
	close(to[0]);
	return pid;
}

static bool reads(struct foreign *f, uint64_t at, int want)
{
	struct iovec range = { (void *)at, 6 };
	char buf[6];

	return foreign_memory(f, &range, 1, buf) == want && (want < 0 || !strcmp(buf, "there"));
}

/* When it has been waited for a moment. */
static bool later(void *ctx)
{
	return ++*(unsigned *)ctx > 2;
}

/*
 * A person need not wait for the limit.  What has not begun to read yet is not left behind; so there are
 * as many as there may be after some more attempts.
 */
static void withheld_interrupted(pid_t pid, uint64_t pages)
{
	unsigned asked = 0, n = 0;
	const struct foreign_stop when = { later, &asked };
	struct foreign f;

	for (; n < 1000; n++) {
		foreign_init(&f, pid, NULL);
		if (!reads(&f, pages + 4096, 6))
			break;
		f.stop = when;
		asked = 0;
		CHECK(reads(&f, pages, -EINTR));
	}
	CHECK(n >= READERS_MAX - 1 && n < 1000);
}

static void withheld(void)
{
	struct foreign f;
	uint64_t pages = 0, others;
	pid_t pid = withholder(&pages), other;
	bool back = false;

	if (!pid) {
		printf("# not tested: memory that never comes (it needs root and userfaultfd)\n");
		return;
	}
	other = withholder(&others);
	foreign_init(&f, pid, NULL);
	CHECK(reads(&f, pages + 4096, 6));
	foreign_renew();
	CHECK(reads(&f, pages + 4096, 6));
	CHECK(reads(&f, pages, -ETIMEDOUT));
	CHECK(reads(&f, pages + 4096, -ETIMEDOUT));
	foreign_begin(&f); /* too early */
	CHECK(reads(&f, pages + 4096, -ETIMEDOUT));
	foreign_init(&f, other, NULL);
	CHECK(reads(&f, others + 4096, 6));
	withheld_interrupted(pid, pages);
	/* when it has gone its pages need not come any more */
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	for (unsigned i = 0; i < 3000 && !back; i++, usleep(10000)) {
		foreign_init(&f, other, NULL);
		back = reads(&f, others + 4096, 6);
	}
	CHECK(back);
	kill(other, SIGKILL);
	waitpid(other, NULL, 0);
}

/* --- what lies ---------------------------------------------------------------------- */

static bool visit(void *ctx, const struct process_memory *m, uint64_t obj, uint64_t parent,
		  const char *name)
{
	return true;
}

/* A tree of 65536 children at each of three levels, in the memory of this process. */
static void false_tree(void)
{
	static const char *type = "container";
	static const char **name = &type;
	const char ***class = &name;
	static struct object root, a, b, c;
	struct object *pointer = &root;
	struct foreign f;
	struct process_memory m = process_memory(&f);
	int n;

	root.class = (uintptr_t) class;
	fill(&root, &a, "child");
	fill(&a, &b, "child");
	fill(&b, &c, "child");
	foreign_init(&f, getpid(), NULL);
	n = qom_walk(&m, (uintptr_t)&pointer, visit, NULL);
	CHECK(n == -E2BIG || n == -ETIMEDOUT);
}

/* A child that has mapped many large files, as code. */
static void many_files(void)
{
	static struct tiny_elf t;
	char dir[] = "/tmp/vqtrace-many-XXXXXX", path[64];
	struct process p;
	struct foreign f;
	int ready[2], n = 100;
	char byte;
	pid_t pid;

	tiny_elf(&t, "\xc3", 1);
	CHECK(mkdtemp(dir) != NULL && !pipe(ready));
	pid = fork();
	if (!pid) {
		for (int i = 0; i < n; i++) {
			int fd;

			snprintf(path, sizeof(path), "%s/%d", dir, i);
			fd = open(path, O_CREAT | O_RDWR, 0600);
			if (write(fd, t.bytes, t.size) != (ssize_t)t.size ||
			    ftruncate(fd, 1 << 30) ||
			    mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0) ==
				    MAP_FAILED)
				_exit(1);
			close(fd);
		}
		_exit(write(ready[1], "", 1) != 1 || pause());
	}
	CHECK_EQ(read(ready[0], &byte, 1), 1);
	foreign_init(&f, pid, NULL);
	/* This program is a QEMU, too: look at one of the files alone. */
	snprintf(path, sizeof(path), "%s/0", dir);
	CHECK(!qemu_is(&f, path));
	CHECK(FOREIGN_BYTES - f.bytes < 1 << 20); /* of 1 GiB */
	CHECK_EQ(process_read(&p, &f), 0);
	CHECK(FOREIGN_BYTES - f.bytes < 32 << 20);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	while (n--) {
		snprintf(path, sizeof(path), "%s/%d", dir, n);
		unlink(path);
	}
	rmdir(dir);
	close(ready[0]);
	close(ready[1]);
}

static const struct tap_test tests[] = {
	{ "an attempt ends at its limits, and when it is asked to", limits },
	{ "time that passes counts, waiting for a processor does not", busy_host },
	{ "an attempt that begins with its use", with_use },
	{ "only regular files are opened", files },
	{ "files of /proc by line", lines },
	{ "memory that never comes", withheld },
	{ "a tree of objects without end", false_tree },
	{ "large files are read in pieces", many_files },
};
TAP_MAIN(tests)
