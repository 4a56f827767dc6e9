/* SPDX-License-Identifier: MIT */
/* NBD: github.com/NetworkBlockDevice/nbd, doc/proto.md.  Numbers are big-endian. */
#include <endian.h>
#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "decoder/util/array.h"
#include "emu/replay/qemu/nbd.h"

#define MAGIC 0x4e42444d41474943ull /* "NBDMAGIC" */
#define OPTION 0x49484156454f5054ull /* "IHAVEOPT" */
#define OPTION_REPLY 0x3e889045565a9ull
#define REQUEST 0x25609513u
#define REPLY 0x67446698u

#define FIXED_NEWSTYLE 1u
#define NO_ZEROES 2u

enum { OPT_EXPORT_NAME = 1, OPT_ABORT = 2, OPT_INFO = 6, OPT_GO = 7 };
enum { REP_ACK = 1, REP_INFO = 3 };
#define REP_ERR_UNSUP 0x80000001u
enum { INFO_EXPORT = 0, INFO_BLOCK_SIZE = 3 };

enum {
	HAS_FLAGS = 0x01,
	READ_ONLY = 0x02,
	SEND_FLUSH = 0x04,
	SEND_FUA = 0x08,
	SEND_TRIM = 0x20,
	SEND_WRITE_ZEROES = 0x40
};

#define OPTION_MAX 8192u
#define IN_MAX (NBD_MAX_IO + 4096)
#define CHUNK 65536u

enum { GREET, CLIENT_FLAGS, OPTIONS, TRANSMISSION };

struct option {
	uint64_t magic;
	uint32_t option, len;
} __attribute__((packed));

struct option_reply {
	uint64_t magic;
	uint32_t option, type, len;
} __attribute__((packed));

struct request {
	uint32_t magic;
	uint16_t flags, type;
	uint64_t cookie, offset;
	uint32_t len;
} __attribute__((packed));

struct reply {
	uint32_t magic, error;
	uint64_t cookie;
} __attribute__((packed));

/* A request kept back, and what it writes. */
struct nbd_held {
	struct nbd_held *next;
	int64_t id;
	struct request r;
	uint32_t ndata;
	uint8_t data[];
};

/* --- buffers ---------------------------------------------------------------------------- */

/* Room for len bytes at the end of what is to be sent; NULL: no memory. */
static void *put(struct nbd *n, size_t len)
{
	if (!array_room(n->out, n->out_cap, n->out_len + len))
		return NULL;
	n->out_len += len;
	return memset(n->out + n->out_len - len, 0, len);
}

static int put_bytes(struct nbd *n, const void *bytes, size_t len)
{
	void *p = put(n, len);

	if (!p)
		return -ENOMEM;
	memcpy(p, bytes, len);
	return 0;
}

static void eat(struct nbd *n, size_t len)
{
	n->have -= len;
	memmove(n->in, n->in + len, n->have);
}

/* --- handshake -------------------------------------------------------------------------- */

static int greet(struct nbd *n)
{
	struct {
		uint64_t magic, option;
		uint16_t flags;
	} __attribute__((packed))
	g = { htobe64(MAGIC), htobe64(OPTION), htobe16(FIXED_NEWSTYLE | NO_ZEROES) };

	n->phase = CLIENT_FLAGS;
	return put_bytes(n, &g, sizeof(g));
}

static int client_flags(struct nbd *n)
{
	uint32_t flags;

	if (n->have < sizeof(flags))
		return 0;
	memcpy(&flags, n->in, sizeof(flags));
	n->no_zeroes = be32toh(flags) & NO_ZEROES;
	eat(n, sizeof(flags));
	n->phase = OPTIONS;
	return 1;
}

static int option_reply(struct nbd *n, uint32_t option, uint32_t type, const void *data,
			uint32_t len)
{
	struct option_reply r = { htobe64(OPTION_REPLY), htobe32(option), htobe32(type),
				  htobe32(len) };

	if (put_bytes(n, &r, sizeof(r)))
		return -ENOMEM;
	return len ? put_bytes(n, data, len) : 0;
}

static uint16_t export_flags(const struct nbd *n)
{
	return HAS_FLAGS | SEND_FLUSH | SEND_FUA | SEND_TRIM | SEND_WRITE_ZEROES |
	       (n->disk->read_only ? READ_ONLY : 0);
}

static int report_export(struct nbd *n, uint32_t option)
{
	struct {
		uint16_t info;
		uint64_t size;
		uint16_t flags;
	} __attribute__((packed))
	e = { htobe16(INFO_EXPORT), htobe64(n->disk->size), htobe16(export_flags(n)) };
	struct {
		uint16_t info;
		uint32_t min, preferred, max;
	} __attribute__((packed))
	b = { htobe16(INFO_BLOCK_SIZE), htobe32(1), htobe32(4096), htobe32(NBD_MAX_IO) };
	int rc = option_reply(n, option, REP_INFO, &e, sizeof(e));

	if (!rc)
		rc = option_reply(n, option, REP_INFO, &b, sizeof(b));
	if (!rc)
		rc = option_reply(n, option, REP_ACK, NULL, 0);
	if (option == OPT_GO)
		n->phase = TRANSMISSION;
	return rc;
}

static int old_export(struct nbd *n)
{
	struct {
		uint64_t size;
		uint16_t flags;
	} __attribute__((packed)) e = { htobe64(n->disk->size), htobe16(export_flags(n)) };

	n->phase = TRANSMISSION;
	if (put_bytes(n, &e, sizeof(e)))
		return -ENOMEM;
	return n->no_zeroes || put(n, 124) ? 0 : -ENOMEM;
}

static int option(struct nbd *n)
{
	struct option o;
	uint32_t len, what;
	int rc;

	if (n->have < sizeof(o))
		return 0;
	memcpy(&o, n->in, sizeof(o));
	len = be32toh(o.len);
	what = be32toh(o.option);
	if (be64toh(o.magic) != OPTION || len > OPTION_MAX)
		return -EPROTO;
	if (n->have < sizeof(o) + len)
		return 0;
	eat(n, sizeof(o) + len);
	if (what == OPT_INFO || what == OPT_GO) /* any name is that of the one disk */
		rc = report_export(n, what);
	else if (what == OPT_EXPORT_NAME)
		rc = old_export(n);
	else if (what == OPT_ABORT)
		rc = -EPIPE;
	else
		rc = option_reply(n, what, REP_ERR_UNSUP, NULL, 0);
	return rc ? rc : 1;
}

/* --- transmission ------------------------------------------------------------------------- */

/* Errors of the protocol have the numbers of Linux, but only these. */
static uint32_t error_number(int rc)
{
	static const int known[] = { EPERM, EIO, ENOMEM, EINVAL, ENOSPC, EOVERFLOW, ENOTSUP };

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (rc == -known[i])
			return known[i];
	return rc ? EIO : 0;
}

/* Of the answer that begins at `at`. */
static void set_error(struct nbd *n, size_t at, int rc)
{
	uint32_t e = htobe32(error_number(rc));

	memcpy(n->out + at + offsetof(struct reply, error), &e, sizeof(e));
}

static int do_read(struct nbd *n, size_t at, uint64_t off, uint32_t len)
{
	void *p = put(n, len);
	int rc;

	if (!p)
		return -ENOMEM;
	rc = n->disk->read(n->disk->opaque, off, p, len);
	set_error(n, at, rc);
	if (rc)
		n->out_len -= len;
	return 0;
}

static bool outside(const struct nbd *n, uint64_t off, uint32_t len)
{
	return off > n->disk->size || len > n->disk->size - off;
}

static int do_it(struct nbd *n, size_t at, const struct request *r, const uint8_t *data)
{
	uint64_t off = be64toh(r->offset);
	uint32_t len = be32toh(r->len);
	uint16_t type = be16toh(r->type);
	const struct nbd_disk *d = n->disk;
	int rc = -EINVAL;

	if (type == NBD_FLUSH || type == NBD_CACHE)
		return 0;
	if (type == NBD_READ && !outside(n, off, len))
		return do_read(n, at, off, len);
	if (d->read_only)
		rc = -EPERM;
	else if (outside(n, off, len))
		rc = type == NBD_WRITE ? -ENOSPC : -EINVAL;
	else if (type == NBD_WRITE)
		rc = d->write(d->opaque, off, data, len);
	else if (type == NBD_TRIM || type == NBD_ZEROES)
		rc = d->zero(d->opaque, off, len, type == NBD_TRIM);
	set_error(n, at, rc);
	return 0;
}

/* Answer one request; err: it fails with that. */
static int serve(struct nbd *n, const struct request *r, const uint8_t *data, int err)
{
	struct reply *reply = put(n, sizeof(*reply));
	size_t at = n->out_len - sizeof(*reply);

	if (!reply)
		return -ENOMEM;
	reply->magic = htobe32(REPLY);
	reply->cookie = r->cookie;
	if (!err)
		return do_it(n, at, r, data);
	set_error(n, at, err);
	return 0;
}

/* --- keeping back ------------------------------------------------------------------------- */

static int keep(struct nbd *n, const struct request *r, const uint8_t *data, uint32_t ndata,
		int64_t id)
{
	struct nbd_held *h, **last = &n->held;

	if (n->nheld == NBD_HELD_MAX || ndata > NBD_MAX_IO - n->held_bytes)
		return serve(n, r, data, n->disk->going ? n->disk->going(n->disk->opaque, id) : 0);
	h = malloc(sizeof(*h) + ndata);
	if (!h)
		return -ENOMEM;
	h->next = NULL;
	h->id = id;
	h->r = *r;
	h->ndata = ndata;
	if (ndata)
		memcpy(h->data, data, ndata);
	while (*last)
		last = &(*last)->next;
	*last = h;
	n->nheld++;
	n->held_bytes += ndata;
	return 0;
}

int nbd_release(struct nbd *n, int64_t id)
{
	struct nbd_held **at = &n->held, *h;
	int done = 0, rc = 0;

	while (!rc && (h = *at)) {
		if (id && h->id != id) {
			at = &h->next;
			continue;
		}
		*at = h->next;
		n->nheld--;
		n->held_bytes -= h->ndata;
		rc = serve(n, &h->r, h->data,
			   n->disk->going ? n->disk->going(n->disk->opaque, h->id) : 0);
		free(h);
		done++;
	}
	return rc ? rc : done;
}

static int request(struct nbd *n)
{
	struct request r;
	uint32_t len;
	size_t data;
	uint16_t type;
	int64_t id = 0;
	int rc;

	if (n->have < sizeof(r))
		return 0;
	memcpy(&r, n->in, sizeof(r));
	len = be32toh(r.len);
	type = be16toh(r.type);
	data = type == NBD_WRITE ? len : 0;
	if (be32toh(r.magic) != REQUEST || ((data || type == NBD_READ) && len > NBD_MAX_IO))
		return -EPROTO;
	if (n->have < sizeof(r) + data)
		return 0;
	if (type == NBD_DISC)
		return -EPIPE;
	if (n->disk->came)
		id = n->disk->came(n->disk->opaque, type, be64toh(r.offset), len);
	if (id > 0)
		rc = keep(n, &r, n->in + sizeof(r), data, id);
	else
		rc = serve(n, &r, n->in + sizeof(r), id);
	eat(n, sizeof(r) + data);
	return rc ? rc : 1;
}

/* --- the socket ----------------------------------------------------------------------------- */

int nbd_init(struct nbd *n, int fd, const struct nbd_disk *disk)
{
	memset(n, 0, sizeof(*n));
	n->fd = fd;
	n->disk = disk;
	return greet(n);
}

void nbd_fini(struct nbd *n)
{
	while (n->held) {
		struct nbd_held *h = n->held;

		n->held = h->next;
		free(h);
	}
	free(n->in);
	free(n->out);
	memset(n, 0, sizeof(*n));
}

short nbd_events(const struct nbd *n)
{
	return n->out_len ? POLLOUT : POLLIN;
}

static int flush_out(struct nbd *n)
{
	while (n->out_len) {
		ssize_t w = send(n->fd, n->out + n->out_off, n->out_len - n->out_off,
				 MSG_DONTWAIT | MSG_NOSIGNAL);

		if (w < 0)
			return errno == EAGAIN || errno == EINTR ? 0 : -EPIPE;
		n->out_off += w;
		if (n->out_off == n->out_len)
			n->out_off = n->out_len = 0;
	}
	return 1;
}

static int take(struct nbd *n)
{
	ssize_t r;

	if (n->have >= IN_MAX) /* cannot be: a request is served as soon as it is complete */
		return -EPROTO;
	if (!array_room(n->in, n->in_cap, n->have + CHUNK))
		return -ENOMEM;
	r = recv(n->fd, n->in + n->have, CHUNK, MSG_DONTWAIT);
	if (r < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -EPIPE;
	n->have += r;
	return r ? 1 : -EPIPE;
}

static int step(struct nbd *n)
{
	switch (n->phase) {
	case CLIENT_FLAGS: return client_flags(n);
	case OPTIONS: return option(n);
	default: return request(n);
	}
}

int nbd_run(struct nbd *n)
{
	int did = 0, rc;

	for (;;) {
		/* One answer at a time: a client that does not read costs no memory. */
		if (n->out_len) {
			rc = flush_out(n);
			if (rc < 0 || n->out_len)
				return rc < 0 ? rc : did;
			did = 1;
		}
		rc = step(n);
		if (!rc)
			rc = take(n);
		if (rc <= 0)
			return rc < 0 ? rc : did;
		did = 1;
	}
}
