/* SPDX-License-Identifier: MIT */
#include "decoder/util/outlet.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "decoder/util/clock.h"

#define PIECE PIPE_BUF /* so much a pipe takes without waiting when it is ready for any */
#define EARLY (8 * PIECE) /* kept bytes from which a write tries to hand them on */
#define PAUSE 10 /* ms, until what is ready but took nothing is asked again */

struct outlet {
	int fd, error;
	bool socket, drop;
	size_t limit, at, kept; /* a ring: `kept` bytes from `at` on */
	uint8_t bytes[];
};

bool outlet_needed(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && (S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode));
}

void outlet_attach(struct outlet *o, int fd)
{
	struct stat st;

	o->fd = fd;
	o->socket = fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode);
}

void outlet_drop(struct outlet *o)
{
	o->drop = true;
}

size_t outlet_room(const struct outlet *o)
{
	return o->limit - o->kept;
}

size_t outlet_kept(const struct outlet *o)
{
	return o->kept;
}

/* The descriptor is shared with other processes: its flags are not changed. */
static ssize_t put(const struct outlet *o, const uint8_t *p, size_t n)
{
	return o->socket ? send(o->fd, p, n, MSG_DONTWAIT | MSG_NOSIGNAL)
			 : write(o->fd, p, n < PIECE ? n : PIECE);
}

/* Wait at most ms until the reader takes something.  1: it does; 0: it does not; negative errno. */
static int ready(const struct outlet *o, int ms)
{
	struct pollfd p = { .fd = o->fd, .events = POLLOUT };
	int rc = poll(&p, 1, ms);

	return rc < 0 ? -errno : rc;
}

static int rest(int ms)
{
	return poll(NULL, 0, ms) < 0 ? -errno : 0;
}

int outlet_push(struct outlet *o)
{
	while (o->kept && !o->error && ready(o, 0) > 0) {
		size_t n = o->limit - o->at < o->kept ? o->limit - o->at : o->kept;
		ssize_t put_now = put(o, o->bytes + o->at, n);

		if (!put_now || (put_now < 0 && (errno == EAGAIN || errno == EINTR)))
			break;
		if (put_now < 0) {
			o->error = -errno;
			break;
		}
		o->at = (o->at + (size_t)put_now) % o->limit;
		o->kept -= (size_t)put_now;
	}
	if (!o->kept)
		o->at = 0; /* most of the time little of it is touched */
	return o->error;
}

/* How long to wait for a reader. */
struct patience {
	int ms; /* while it takes nothing; -1: no limit */
	uint64_t took; /* when it last took something */
	uint64_t hurry; /* when the end began; 0: it has not */
};

/* What is left of ms since then; -1: there is no limit. */
static int left(int ms, uint64_t since)
{
	uint64_t passed = (clock_ns(CLOCK_MONOTONIC) - since) / 1000000;

	return ms < 0 ? -1 : passed < (uint64_t)ms ? ms - (int)passed : 0;
}

static bool is_over(const struct patience *p)
{
	return p->hurry && !left(OUTLET_END, p->hurry);
}

/* The first signal begins the hurry, more of them do not. */
static void hurry(struct patience *p)
{
	if (p->hurry)
		return;
	p->hurry = p->took = clock_ns(CLOCK_MONOTONIC);
	p->ms = OUTLET_HURRY;
}

/* Let the reader take something.  0, or why this is the end. */
static int drain_some(struct outlet *o, struct patience *p)
{
	size_t before = o->kept;
	int rc = ready(o, left(p->ms, p->took));

	if (rc > 0)
		rc = outlet_push(o);
	else if (!rc)
		rc = -ETIMEDOUT;
	if (o->kept < before)
		p->took = clock_ns(CLOCK_MONOTONIC);
	else if (!rc) /* a virtio port says that it is ready, and takes nothing */
		rc = left(p->ms, p->took) ? rest(PAUSE) : -ETIMEDOUT;
	return rc;
}

int outlet_drain(struct outlet *o, int ms)
{
	uint64_t now = clock_ns(CLOCK_MONOTONIC);
	struct patience p = { ms, now, ms >= 0 && ms <= OUTLET_HURRY ? now : 0 };
	int rc = outlet_push(o);

	while (!rc && o->kept) {
		rc = is_over(&p) ? -ETIME : drain_some(o, &p);
		if (rc == -EINTR) {
			hurry(&p);
			rc = 0;
		}
	}
	return rc;
}

static void keep(struct outlet *o, const uint8_t *p, size_t n)
{
	size_t end = (o->at + o->kept) % o->limit;
	size_t first = o->limit - end < n ? o->limit - end : n;

	memcpy(o->bytes + end, p, first);
	memcpy(o->bytes, p + first, n - first);
	o->kept += n;
}

static ssize_t on_write(void *cookie, const char *p, size_t n)
{
	struct outlet *o = cookie;

	if (n > outlet_room(o))
		outlet_push(o);
	if (n > outlet_room(o) && o->drop)
		return (ssize_t)n;
	if (n > outlet_room(o) && !o->error)
		o->error = -ENOBUFS; /* whoever wrote did not ask for room */
	if (!o->error)
		keep(o, (const uint8_t *)p, n);
	if (o->kept >= EARLY || o->drop)
		outlet_push(o);
	errno = -o->error;
	return o->error ? 0 : (ssize_t)n;
}

static int on_close(void *cookie)
{
	struct outlet *o = cookie;
	int rc = o->fd < 0 ? 0 : close(o->fd);

	free(o);
	return rc;
}

FILE *outlet_open(int fd, size_t limit, struct outlet **out)
{
	static const cookie_io_functions_t io = { .write = on_write, .close = on_close };
	struct outlet *o = malloc(sizeof(*o) + limit);
	FILE *f;

	if (!o)
		return NULL;
	*o = (struct outlet){ .limit = limit };
	outlet_attach(o, fd);
	f = fopencookie(o, "wb", io);
	if (!f) {
		free(o);
		return NULL;
	}
	setvbuf(f, NULL, _IONBF, 0); /* what it keeps is here alone */
	*out = o;
	return f;
}
