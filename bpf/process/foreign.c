/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bpf/process/foreign.h"
#include "bpf/process/reader.h"
#include "decoder/util/clock.h"

/* --- the attempt ------------------------------------------------------------- */

/* How long we have waited for a processor; 0 where the kernel does not say. */
static uint64_t waited_ns(void)
{
	char text[64] = "", *second;
	int fd = open("/proc/thread-self/schedstat", O_RDONLY | FOREIGN_OPEN);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (fd >= 0)
		close(fd);
	second = n > 0 ? strchr(text, ' ') : NULL;
	return (second ? strtoull(second, NULL, 10) : 0) + reader_waited_ns();
}

/* Has more time passed than is allowed, and not only because others had the processors? */
static bool is_late(const struct foreign *f)
{
	uint64_t now = clock_ns(CLOCK_MONOTONIC), waited;

	if (now <= f->wall)
		return false;
	waited = waited_ns() - f->waited;
	return now - f->wall > (waited < FOREIGN_WAIT_NS ? waited : FOREIGN_WAIT_NS);
}

uint64_t foreign_clock(void)
{
	return clock_ns(CLOCK_MONOTONIC) - waited_ns();
}

void foreign_init(struct foreign *f, pid_t pid, const struct foreign_stop *stop)
{
	*f = (struct foreign){ .pid = pid, .pause = FOREIGN_PAUSE_NS };
	if (stop)
		f->stop = *stop;
	foreign_begin(f);
}

void foreign_begin(struct foreign *f)
{
	foreign_begin_large(f, 1);
}

/* Asking what the clocks say is several system calls. */
static void start_clocks(struct foreign *f)
{
	f->cpu = clock_ns(CLOCK_THREAD_CPUTIME_ID) + FOREIGN_CPU_NS * f->unstarted;
	f->wall = clock_ns(CLOCK_MONOTONIC) + FOREIGN_WALL_NS * f->unstarted;
	f->waited = waited_ns();
	f->unstarted = 0;
}

/* Whether it begins: the clocks are still to be started. */
static bool renew(struct foreign *f, unsigned times)
{
	if (f->resume && clock_ns(CLOCK_MONOTONIC) < f->resume)
		return false;
	f->calls = (uint64_t)FOREIGN_CALLS * times;
	f->bytes = FOREIGN_BYTES * times;
	f->unstarted = times;
	f->err = 0;
	return true;
}

void foreign_begin_large(struct foreign *f, unsigned times)
{
	if (renew(f, times))
		start_clocks(f);
}

void foreign_begin_with_use(struct foreign *f)
{
	renew(f, 1);
}

static int end(struct foreign *f, int err)
{
	f->err = err;
	if (err == -ETIMEDOUT) {
		f->resume = clock_ns(CLOCK_MONOTONIC) + f->pause;
		f->pause *= 2;
	}
	return err;
}

#define SMALL 65536

int foreign_spend(struct foreign *f, uint64_t bytes)
{
	bool timed;

	if (f->err)
		return f->err;
	if (f->stop.asked && f->stop.asked(f->stop.ctx))
		return end(f, -EINTR);
	if (f->unstarted)
		start_clocks(f);
	/* asking for the time costs half as much as a small read: not each time */
	timed = bytes > SMALL || !(f->calls & 15);
	if (!f->calls || bytes > f->bytes ||
	    (timed && (clock_ns(CLOCK_THREAD_CPUTIME_ID) > f->cpu || is_late(f))))
		return end(f, -ETIMEDOUT);
	f->calls--;
	f->bytes -= bytes;
	return 0;
}

/* --- memory -------------------------------------------------------------------- */

/* All four of them, of the "Uid:" line. */
static bool user_ids(struct foreign *f, unsigned id[4])
{
	char text[1024], *at;

	if (foreign_proc(f, "status", text, sizeof(text)) < 0)
		return false;
	at = strstr(text, "\nUid:");
	return at && sscanf(at, "\nUid: %u %u %u %u", &id[0], &id[1], &id[2], &id[3]) == 4;
}

long foreign_user(struct foreign *f)
{
	unsigned id[4];

	return user_ids(f, id) ? (long)id[0] : -1;
}

static bool may_hang;

void foreign_may_hang(void)
{
	may_hang = true;
}

/*
 * Whether it is of a user who could stop us without that, too: root, or the one whom we work for.  Of
 * all others memory is read by a thread that can be left behind, which takes longer.
 */
static bool is_trusted(struct foreign *f)
{
	unsigned id[4];

	if (f->known || may_hang)
		return f->trusted || may_hang;
	f->known = true;
	f->trusted = user_ids(f, id) && id[1] == id[0] && id[2] == id[0] && id[3] == id[0] &&
		     (!id[0] || id[0] == geteuid());
	return f->trusted;
}

ssize_t foreign_memory(struct foreign *f, const struct iovec *range, unsigned n, void *buf)
{
	struct iovec local = { .iov_base = buf };
	ssize_t got;
	int err;

	for (unsigned i = 0; i < n; i++)
		local.iov_len += range[i].iov_len;
	err = foreign_spend(f, local.iov_len);
	if (err)
		return err;
	if (!is_trusted(f)) {
		got = reader_memory(f, range, n, buf, local.iov_len);
		return got == -ETIMEDOUT || got == -EINTR ? end(f, (int)got) : got;
	}
	got = process_vm_readv(f->pid, &local, 1, range, n, 0);
	return got < 0 ? -errno : got;
}

void foreign_renew(void)
{
	reader_end();
}

/* --- files ----------------------------------------------------------------------- */

/*
 * Whatever the path leads to, it is looked at before it is opened: opening a FIFO would wait
 * for a writer, and opening a device may do something.
 */
int foreign_open(struct foreign *f, const char *path)
{
	char self[40];
	struct stat st;
	int err = foreign_spend(f, 0), at, fd;

	if (err)
		return err;
	at = open(path, O_PATH | FOREIGN_OPEN);
	if (at < 0)
		return -errno;
	if (fstat(at, &st) || !S_ISREG(st.st_mode)) {
		close(at);
		return -ENOEXEC;
	}
	snprintf(self, sizeof(self), "/proc/self/fd/%d", at);
	fd = open(self, O_RDONLY | O_NONBLOCK | FOREIGN_OPEN);
	err = fd < 0 ? -errno : 0;
	close(at);
	return err ? err : fd;
}

int foreign_pread(struct foreign *f, int fd, void *buf, size_t len, uint64_t offset)
{
	int err = foreign_spend(f, len);

	for (size_t at = 0; at < len && !err;) {
		ssize_t n = pread(fd, (char *)buf + at, len - at, (off_t)(offset + at));

		if (n > 0)
			at += (size_t)n;
		else
			err = n ? -errno : -ENODATA;
	}
	return err;
}

char *foreign_path(const struct foreign *f, char *buf, size_t size, const char *name)
{
	snprintf(buf, size, "/proc/%d/%s", (int)f->pid, name);
	return buf;
}

static int open_proc(struct foreign *f, const char *name)
{
	char path[64];
	int err = foreign_spend(f, 0), fd;

	if (err)
		return err;
	fd = open(foreign_path(f, path, sizeof(path), name), O_RDONLY | FOREIGN_OPEN);
	return fd < 0 ? -errno : fd;
}

ssize_t foreign_proc(struct foreign *f, const char *name, char *buf, size_t size)
{
	int fd = open_proc(f, name);
	ssize_t n = 0;
	size_t at = 0;

	if (fd < 0)
		return fd;
	while (at < size - 1) {
		n = foreign_spend(f, size - 1 - at);
		if (!n)
			n = read(fd, buf + at, size - 1 - at);
		if (n <= 0)
			break;
		at += (size_t)n;
	}
	close(fd);
	buf[at] = 0;
	return n < 0 && !at ? -EACCES : (ssize_t)at;
}

ssize_t foreign_link(struct foreign *f, const char *name, char *buf, size_t size)
{
	char path[64];
	int err = foreign_spend(f, 0);
	ssize_t n;

	if (err)
		return err;
	n = readlink(foreign_path(f, path, sizeof(path), name), buf, size - 1);
	if (n < 0)
		return -errno;
	buf[n] = 0;
	return n;
}

int foreign_lines_open(struct foreign_lines *l, struct foreign *f, const char *name)
{
	l->by = f;
	l->at = l->have = 0;
	l->fd = open_proc(f, name);
	l->err = l->fd < 0 ? l->fd : 0;
	return l->err;
}

static bool more(struct foreign_lines *l)
{
	ssize_t n;

	l->err = foreign_spend(l->by, sizeof(l->buf));
	if (l->err)
		return false;
	n = read(l->fd, l->buf, sizeof(l->buf));
	l->err = n < 0 ? -errno : 0;
	l->at = 0;
	l->have = n > 0 ? (size_t)n : 0;
	return n > 0;
}

bool foreign_line(struct foreign_lines *l, char *line, size_t size)
{
	size_t n = 0;

	for (;;) {
		size_t len, room = size - 1 - n;
		const char *end;

		if (l->at == l->have && !more(l)) {
			line[n] = 0;
			return n > 0 && !l->err;
		}
		end = memchr(l->buf + l->at, '\n', l->have - l->at);
		len = end ? (size_t)(end - l->buf) - l->at : l->have - l->at;
		memcpy(line + n, l->buf + l->at, len < room ? len : room);
		n += len < room ? len : room;
		l->at += len + (end != NULL);
		if (end) {
			line[n] = 0;
			return true;
		}
	}
}

void foreign_lines_close(struct foreign_lines *l)
{
	if (l->fd >= 0)
		close(l->fd);
	l->fd = -1;
}
