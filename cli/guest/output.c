/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <linux/vm_sockets.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

#include "bpf/guest/device.h"
#include "cli/guest/output.h"
#include "cli/guest/ptp.h"
#include "decoder/trace/backlog.h"
#include "decoder/trace/carried.h"
#include "decoder/trace/event.h"
#include "decoder/trace/question.h"
#include "decoder/util/clock.h"
#include "decoder/util/create.h"
#include "decoder/util/outlet.h"

#define KEPT (8U << 20) /* bytes that wait for the reader */
#define KEPT_DESCRIPTIONS (1U << 20) /* of them, not for events */
#define RETRY 100000000ULL /* ns between two attempts to open a device, or to read from it */
#define PROMPT 65536 /* bytes that may wait for the reader before an answer */
#define SYNC 1000000000ULL /* ns after which a compressed file has what was written */

struct output {
	const char *where;
	bool open; /* there is a reader */
	int err;
	unsigned cid, port; /* vsock */
	bool vsock;
	int connecting; /* its socket, until the host answers; -1: none */
	FILE *to;
	z_stream *deflate; /* NULL: its bytes are written as they are */
	bool squeezed; /* something is in it */
	struct backlog backlog; /* of the outlet behind it */
	struct carrier carrier;
	bool begun;
	uint64_t bytes, tried, flushed, last_ts;
	int64_t wall; /* of the session: packets have the time of the wall clock */
	uint8_t source; /* what is recorded; 0: it is not described yet */
	int asks; /* where the host's questions come; -1: nowhere */
	bool offered; /* it has been said that they are answered */
	uint64_t closed; /* ns: when there was nobody at its other end; 0 never */
	struct question question;
	struct ptp ptp;
};

static carrier_put put;

/* --- opening --------------------------------------------------------------------- */

/* A serial line would change some bytes. */
static void make_raw(int fd)
{
	struct termios t;

	if (tcgetattr(fd, &t))
		return;
	cfmakeraw(&t);
	tcsetattr(fd, TCSANOW, &t);
}

static int begin_connecting(struct output *o)
{
	struct sockaddr_vm to = {
		.svm_family = AF_VSOCK,
		.svm_cid = o->cid,
		.svm_port = o->port,
	};
	int fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), err;

	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) && errno != EINPROGRESS) {
		err = -errno;
		close(fd);
		return err;
	}
	o->connecting = fd;
	return 0;
}

/* -EINPROGRESS: the host has not answered yet. */
static int open_vsock(struct output *o)
{
	int err = o->connecting < 0 ? begin_connecting(o) : 0, fd = o->connecting;
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	socklen_t len = sizeof(err);

	if (err)
		return err;
	if (poll(&p, 1, 0) <= 0)
		return -EINPROGRESS;
	o->connecting = -1;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len))
		err = errno;
	if (!err)
		return fd;
	close(fd);
	return -err;
}

static int open_device(const char *name)
{
	const int flags = O_NOCTTY | O_NONBLOCK | O_CLOEXEC;
	struct stat st;
	bool reads = !stat(name, &st) && S_ISCHR(st.st_mode);
	int fd = open(name, flags | (reads ? O_RDWR : O_WRONLY));

	return fd < 0 && reads && (errno == EACCES || errno == EPERM) ? open(name, flags | O_WRONLY)
								      : fd;
}

static int open_path(const char *name)
{
	bool device = !strncmp(name, "/dev/", 5);
	const char *why;
	char port[512];
	int fd;

	if (device && guest_port_device(name, port, sizeof(port)))
		name = port;
	fd = device ? open_device(name) : create_file(name, O_NONBLOCK, &why);
	if (fd < 0)
		return device ? -errno : fd;
	if (device && isatty(fd))
		make_raw(fd);
	return fd;
}

static int try_open(struct output *o)
{
	int fd = o->vsock ? open_vsock(o) : open_path(o->where);

	if (fd < 0)
		return fd;
	outlet_attach(o->backlog.outlet, fd);
	o->open = true;
	if ((fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDWR)
		o->asks = fd;
	return 0;
}

/* The driver of a device comes later, or the host has not opened its side. */
static bool may_come(const struct output *o, int err)
{
	if (o->vsock)
		return true;
	return !strncmp(o->where, "/dev/", 5) &&
	       (err == -ENOENT || err == -ENODEV || err == -ENXIO || err == -EBUSY);
}

static int parse_vsock(struct output *o, const char **why)
{
	o->vsock = !strncmp(o->where, "vsock:", 6);
	if (!o->vsock || sscanf(o->where + 6, "%u:%u", &o->cid, &o->port) == 2)
		return 0;
	*why = "want vsock:CID:PORT; the host's CID is 2";
	return -EINVAL;
}

static int open_where(struct output *o, const char **why)
{
	int err = parse_vsock(o, why);

	if (err)
		return err;
	if (!strcmp(o->where, "-")) {
		outlet_attach(o->backlog.outlet, STDOUT_FILENO);
		o->open = true;
		return 0;
	}
	err = try_open(o);
	if (!err || may_come(o, err))
		return 0;
	*why = strerror(-err);
	return err;
}

/* A file that is to be compressed, by its name. */
static int open_deflate(struct output *o)
{
	size_t len = strlen(o->where);
	z_stream *z;

	if (len < 4 || strcmp(o->where + len - 3, ".gz") || !strncmp(o->where, "/dev/", 5))
		return 0;
	z = calloc(1, sizeof(*z));
	/* The fastest: the system that is recorded is to notice little.  With a gzip header. */
	if (!z || deflateInit2(z, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
		free(z);
		return -ENOMEM;
	}
	o->deflate = z;
	return 0;
}

static void end_deflate(struct output *o)
{
	if (o->deflate)
		deflateEnd(o->deflate);
	free(o->deflate);
}

int output_open(struct output **out, const char *where, const char **why)
{
	struct output *o = calloc(1, sizeof(*o));
	int err = -ENOMEM;

	*out = NULL;
	*why = "no memory";
	if (!o)
		return err;
	o->where = where;
	o->connecting = o->asks = -1;
	o->carrier.put = put;
	o->carrier.ctx = o;
	o->backlog.limit = KEPT;
	o->backlog.reserve = KEPT_DESCRIPTIONS;
	o->to = outlet_open(-1, KEPT, &o->backlog.outlet);
	if (o->to && !open_deflate(o))
		err = open_where(o, why);
	if (!err) {
		*out = o;
		return 0;
	}
	if (o->to)
		fclose(o->to);
	end_deflate(o);
	free(o);
	return err;
}

/* --- writing ---------------------------------------------------------------------- */

static void squeeze(struct output *o, const void *bytes, size_t n, int how)
{
	z_stream *z = o->deflate;
	uint8_t out[4096];

	z->next_in = (Bytef *)(uintptr_t)bytes;
	z->avail_in = (uInt)n;
	do {
		z->next_out = out;
		z->avail_out = sizeof(out);
		deflate(z, how);
		o->bytes += fwrite(out, 1, sizeof(out) - z->avail_out, o->to);
	} while (!z->avail_out);
	o->squeezed = how == Z_NO_FLUSH;
}

static void keep(struct output *o, const void *bytes, size_t n)
{
	if (o->deflate)
		squeeze(o, bytes, n, Z_NO_FLUSH);
	else
		o->bytes += fwrite(bytes, 1, n, o->to);
}

static void put32(uint8_t *to, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		to[i] = (uint8_t)(v >> 8 * i);
}

/* Magic of nanosecond files, version 2.4, no zone, largest packet, LINKTYPE_USER0. */
static void keep_header(struct output *o)
{
	uint8_t h[24] = { 0 };

	put32(h, 0xa1b23c4d);
	h[4] = 2;
	h[6] = 4;
	put32(h + 16, VQT_RECORD_MAX);
	put32(h + 20, 147);
	keep(o, h, sizeof(h));
}

static int put(void *ctx, uint64_t ts, const void *record, size_t len)
{
	struct output *o = ctx;
	uint64_t wall = ts + (uint64_t)o->wall;
	uint8_t p[16];

	put32(p, (uint32_t)(wall / 1000000000));
	put32(p + 4, (uint32_t)(wall % 1000000000));
	put32(p + 8, (uint32_t)len);
	put32(p + 12, (uint32_t)len);
	keep(o, p, sizeof(p));
	keep(o, record, len);
	return 0;
}

static void put_losses(struct output *o, uint64_t ts)
{
	struct vqt_loss l;

	while (backlog_tell(&o->backlog, ts, &l))
		carrier_write(&o->carrier, &l, sizeof(l));
}

void output_record(struct output *o, const void *record, size_t len)
{
	const struct vqt_hdr *h = record;

	if (o->err)
		return;
	if (h->type == VQT_SESSION && !o->begun) {
		o->begun = true;
		o->wall = ((const struct vqt_session *)record)->wall;
		keep_header(o);
	}
	if (h->type == VQT_SOURCE)
		o->source = h->source;
	if (backlog_drops(&o->backlog, h))
		return;
	o->last_ts = h->ts;
	put_losses(o, h->ts);
	carrier_write(&o->carrier, record, len);
}

/* --- answering -------------------------------------------------------------------- */

/* It has no time of its own: what comes behind it may be of before. */
static void put_exchange(struct output *o, uint64_t nonce, uint64_t now)
{
	struct vqt_exchange x = {
		.h = { .type = VQT_EXCHANGE, .source = o->source, .queue = VQT_NO_QUEUE },
		.nonce = nonce,
		.from = now,
		.until = now,
	};

	if (nonce)
		ptp_read(&o->ptp, &x);
	carrier_flush(&o->carrier);
	put(o, o->last_ts, &x, sizeof(x));
}

/* The last question that has come; 0: none. */
static uint64_t read_question(struct output *o)
{
	uint8_t bytes[256];
	ssize_t n = read(o->asks, bytes, sizeof(bytes));
	uint64_t nonce = 0;

	if (!n || (n < 0 && errno != EAGAIN && errno != EINTR))
		o->closed = clock_ns(CLOCK_MONOTONIC);
	for (ssize_t i = 0; i < n; i++)
		question_read(&o->question, bytes[i], &nonce);
	return nonce;
}

int output_asks(const struct output *o)
{
	bool hears = o->asks >= 0 && !o->err && o->source &&
		     (!o->closed || clock_ns(CLOCK_MONOTONIC) - o->closed >= RETRY);

	return hears ? o->asks : -1;
}

void output_answer(struct output *o)
{
	uint64_t nonce, now;

	if (output_asks(o) < 0)
		return;
	nonce = read_question(o);
	now = clock_ns(CLOCK_MONOTONIC);
	/* one that waits long says little, and what is recorded needs the room */
	if (outlet_kept(o->backlog.outlet) >= PROMPT)
		return;
	if (!o->offered)
		put_exchange(o, 0, now);
	o->offered = true;
	if (nonce)
		put_exchange(o, nonce, now);
}

int output_flush(struct output *o)
{
	uint64_t now = clock_ns(CLOCK_MONOTONIC);

	if (!o->err && !o->open && now - o->tried >= RETRY) {
		int err = try_open(o);

		o->tried = now;
		if (err && !may_come(o, err))
			o->err = err;
		return o->err; /* the source first learns that it is there: what is written would be recorded */
	}
	if (o->err)
		return o->err;
	carrier_flush(&o->carrier);
	if (o->squeezed && now - o->flushed >= SYNC) {
		squeeze(o, NULL, 0, Z_SYNC_FLUSH);
		o->flushed = now;
	}
	o->err = outlet_push(o->backlog.outlet);
	return o->err;
}

uint64_t output_dropped(const struct output *o)
{
	return o->backlog.dropped;
}

uint64_t output_bytes(const struct output *o)
{
	return o->bytes - outlet_kept(o->backlog.outlet);
}

int output_finish(struct output *o, unsigned timeout_ms)
{
	uint64_t end = clock_ns(CLOCK_MONOTONIC) + timeout_ms * 1000000ULL;
	int err;

	if (!o->err) {
		put_losses(o, o->last_ts);
		carrier_flush(&o->carrier);
		if (o->deflate)
			squeeze(o, NULL, 0, Z_FINISH);
	}
	while (!output_flush(o) && !o->open && clock_ns(CLOCK_MONOTONIC) < end)
		usleep(20000);
	err = o->err;
	if (!err && outlet_kept(o->backlog.outlet))
		err = o->open ? outlet_drain(o->backlog.outlet, (int)timeout_ms) : -ETIMEDOUT;
	return err;
}

int output_close(struct output *o)
{
	int err = fclose(o->to) ? -errno : 0;

	if (o->connecting >= 0)
		close(o->connecting);
	ptp_close(&o->ptp);
	end_deflate(o);
	free(o);
	return err;
}
