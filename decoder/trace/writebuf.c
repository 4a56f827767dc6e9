/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "decoder/trace/event.h"
#include "decoder/trace/writebuf.h"

/* Of a pcap file, before each packet. */
struct packet {
	uint32_t sec, ns, caplen, len;
};

#define ROOM (VQT_RECORD_MAX + sizeof(struct packet))

int writebuf_open(struct writebuf *b, int fd, bool cut)
{
	*b = (struct writebuf){ .fd = fd, .cut = cut };
	b->bytes = malloc(ROOM);
	return b->bytes ? 0 : -ENOMEM;
}

void writebuf_free(struct writebuf *b)
{
	free(b->bytes);
	b->bytes = NULL;
}

/* The end of the last whole packet within the first `done` bytes. */
static size_t whole(const struct writebuf *b, size_t done)
{
	size_t at = 0;

	while (done - at >= sizeof(struct packet)) {
		struct packet p;

		memcpy(&p, b->bytes + at, sizeof(p));
		if (p.caplen > done - at - sizeof(p))
			break;
		at += sizeof(p) + p.caplen;
	}
	return at;
}

/* After `done` bytes nothing more could be written: leave a file that ends with a whole packet. */
static void take_back(const struct writebuf *b, size_t done)
{
	off_t more = (off_t)(done - whole(b, done)), end = lseek(b->fd, 0, SEEK_CUR);
	struct stat st;

	if (!b->cut || !more || end < more || fstat(b->fd, &st) || !S_ISREG(st.st_mode) ||
	    st.st_size != end || ftruncate(b->fd, end - more))
		return;
	lseek(b->fd, end - more, SEEK_SET);
}

int writebuf_flush(struct writebuf *b)
{
	size_t done = 0;
	int err = 0;

	while (done < b->len && !err) {
		ssize_t n = write(b->fd, b->bytes + done, b->len - done);

		if (n > 0)
			done += (size_t)n;
		else if (!n)
			err = -EIO;
		else if (errno != EINTR)
			err = -errno;
	}
	if (err)
		take_back(b, done);
	b->len = 0;
	return err;
}

bool writebuf_put(struct writebuf *b, uint64_t wall_ns, const void *record, size_t len)
{
	const struct packet p = {
		.sec = (uint32_t)(wall_ns / 1000000000),
		.ns = (uint32_t)(wall_ns % 1000000000),
		.caplen = (uint32_t)len,
		.len = (uint32_t)len,
	};

	if (b->len + sizeof(p) + len > ROOM)
		return false;
	memcpy(b->bytes + b->len, &p, sizeof(p));
	memcpy(b->bytes + b->len + sizeof(p), record, len);
	b->len += sizeof(p) + len;
	return true;
}
