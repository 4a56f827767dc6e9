/* SPDX-License-Identifier: MIT */
/* Looking at processes: this one, which exports what a QEMU does, and a child. */
#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bpf/process/memory.h"
#include "bpf/process/state.h"
#include "bpf/qemu/process.h"
#include "decoder/util/child.h"
#include "tests/unit/tap.h"

static int read_pid(struct process *p, pid_t pid)
{
	struct foreign f;

	foreign_init(&f, pid, NULL);
	return process_read(p, &f);
}

static void self(void)
{
	struct process p;

	CHECK_EQ(read_pid(&p, getpid()), 0);
	CHECK_EQ(p.pid, getpid());
	CHECK(strstr(p.object_name, "process_test") != NULL);
	CHECK(!access(p.object, R_OK));
	CHECK(p.text != 0);
	CHECK(process_matches(&p, p.comm) && process_matches(&p, strrchr(p.object_name, '/') + 1));
	CHECK(!process_matches(&p, "another"));
	CHECK_EQ(read_pid(&p, 0x3fffffff), (uint64_t)-ESRCH);
}

static void named(void)
{
	static const char *const argv[] = {
		"/bin/sh", "-c",  "sleep 60; :", "sh", "-name", "guest=vm1,debug-threads=on",
		"-uuid",   "abc", NULL,
	};
	struct process p;
	struct child c;

	CHECK_EQ(child_start(&c, (char *const *)argv, NULL, 0), 0);
	CHECK(process_alive(c.pid) && !process_stopped(c.pid));
	CHECK_EQ(read_pid(&p, c.pid), (uint64_t)-ENOEXEC);
	CHECK_STR(p.name, "vm1");
	CHECK_STR(p.uuid, "abc");
	CHECK(process_matches(&p, "vm1") && process_matches(&p, "ABC"));
	CHECK(strstr(p.cmdline, "-c sleep 60; : sh -name guest=vm1") != NULL);
	child_stop(&c);
	CHECK_EQ(read_pid(&p, p.pid), (uint64_t)-ESRCH);
	CHECK(!process_alive(p.pid) && process_stopped(p.pid));
}

/* Two pages, nothing behind them. */
static void memory(void)
{
	struct foreign f;
	struct process_memory m = process_memory(&f);
	char *page =
		mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t at = (uintptr_t)page, start, end;
	struct iovec range[2] = { { page + 10, 2 }, { page + 4094, 4 } };
	char buf[64];

	foreign_init(&f, getpid(), NULL);
	munmap(page + 2 * 4096, 4096);
	memset(page, 'a', 2 * 4096);
	CHECK_EQ(process_mem(&m, at + 2 * 4096 - 8, buf, 16), 8);
	CHECK(!process_mem_all(&m, at + 2 * 4096 - 8, buf, 16));
	CHECK(process_mem_all(&m, at, buf, 16));
	CHECK_EQ(process_mem(&m, at + 2 * 4096, buf, 16), (uint64_t)-EFAULT);
	page[4097] = 'b';
	CHECK(process_mem_ranges(&m, range, 2, buf));
	CHECK(!memcmp(buf, "aaaaab", 6));
	range[1].iov_base = page + 2 * 4096 - 2;
	CHECK(!process_mem_ranges(&m, range, 2, buf));
	/* a text over two pages, one that ends with the memory, and one cut to fit */
	page[4100] = 0;
	CHECK_EQ(strlen(process_string(&m, at + 4090, buf, sizeof(buf))), 10);
	CHECK_EQ(strlen(process_string(&m, at + 2 * 4096 - 5, buf, sizeof(buf))), 5);
	CHECK_EQ(strlen(process_string(&m, at, buf, 8)), 7);
	CHECK_STR(process_string(&m, at + 2 * 4096, buf, sizeof(buf)), "");
	CHECK_STR(process_string(&m, 0, buf, sizeof(buf)), "");
	CHECK_EQ(process_pointer(&m, at + 2 * 4096 - 4), 0);
	CHECK(process_mapping(&f, at + 4097, &start, &end));
	CHECK(start <= at && end == at + 2 * 4096);
	CHECK(!process_mapping(&f, 0, &start, &end));
	munmap(page, 2 * 4096);
}

static void eventfds(void)
{
	int fd = eventfd(0, 0), pair[2];
	struct foreign f;

	foreign_init(&f, getpid(), NULL);
	CHECK_EQ(process_eventfd(&f, fd), 0);
	CHECK_EQ(eventfd_write(fd, 3), 0);
	CHECK_EQ(process_eventfd(&f, fd), 1);
	close(fd);
	CHECK(process_eventfd(&f, fd) < 0);
	CHECK_EQ(pipe(pair), 0);
	CHECK_EQ(process_eventfd(&f, pair[0]), (uint64_t)-EINVAL);
	close(pair[0]);
	close(pair[1]);
}

static const struct tap_test tests[] = {
	{ "a process that maps a QEMU", self },
	{ "the name and UUID of its guest", named },
	{ "its memory, up to its end", memory },
	{ "counts of eventfds", eventfds },
};
TAP_MAIN(tests)
