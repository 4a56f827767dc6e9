/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/trace/carried.h"
#include "decoder/trace/feed.h"

#define LINKTYPE_USER0 147
#define FILE_HEADER 24 /* bytes of a pcap's header */
#define PACKET_HEADER 16 /* of a packet's */
#define CAPACITY (2 * (VQT_RECORD_MAX + PACKET_HEADER) + FILE_HEADER)

struct trace_feed {
	size_t at, n; /* bytes [at, n) are not looked at */
	bool inside; /* of a trace: at `at` a packet begins, or another trace */
	bool ended;
	struct feed_counts counts;
	struct carried carried; /* by a packet in `bytes`, which stays until they are handed out */
	uint8_t bytes[CAPACITY];
};

/* All but the snapshot length, which is of no use: little-endian as our records are. */
static const uint8_t header[FILE_HEADER] = {
	0x4d,
	0x3c,
	0xb2,
	0xa1, /* nanoseconds */
	2,
	0,
	4,
	0, /* version 2.4 */
	[20] = LINKTYPE_USER0,
};
#define SNAPLEN_AT 16

struct trace_feed *trace_feed_new(void)
{
	return calloc(1, sizeof(struct trace_feed));
}

void trace_feed_free(struct trace_feed *f)
{
	free(f);
}

uint8_t *trace_feed_room(struct trace_feed *f, size_t *room)
{
	if (f->at && !f->carried.pending) {
		memmove(f->bytes, f->bytes + f->at, f->n - f->at);
		f->n -= f->at;
		f->at = 0;
	}
	*room = CAPACITY - f->n;
	return f->bytes + f->n;
}

void trace_feed_add(struct trace_feed *f, size_t n)
{
	f->n += n;
}

void trace_feed_restart(struct trace_feed *f)
{
	f->counts.skipped += f->n - f->at;
	f->counts.bad += f->carried.pending ? f->carried.left + 1 : 0;
	f->at = f->n = 0;
	f->inside = f->ended = f->carried.pending = false;
}

void trace_feed_end(struct trace_feed *f)
{
	f->ended = true;
}

/*
 * How many bytes from `at` on are as in a trace's header: all of it, or as many as have come; 0: they
 * are not.
 */
static size_t like_header(const struct trace_feed *f, size_t at)
{
	size_t i;

	for (i = 0; i < FILE_HEADER && at + i < f->n; i++)
		if (f->bytes[at + i] != header[i] && (i < SNAPLEN_AT || i >= SNAPLEN_AT + 4))
			return 0;
	return i;
}

/* The first place in [from, to) where a header begins, as far as its bytes are there; or `to`. */
static size_t find_header(const struct trace_feed *f, size_t from, size_t to)
{
	while (from < to) {
		const uint8_t *p = memchr(f->bytes + from, header[0], to - from);

		if (!p)
			return to;
		from = (size_t)(p - f->bytes);
		if (like_header(f, from))
			return from;
		from++;
	}
	return to;
}

/* Can a packet begin here?  Its 16 bytes are there. */
static bool plausible(const struct trace_feed *f, size_t at)
{
	const uint8_t *p = f->bytes + at;
	uint32_t ns = get_le32(p + 4), len = get_le32(p + 8);

	return ns < 1000000000 && len == get_le32(p + 12) && len >= sizeof(struct vqt_hdr) &&
	       len <= VQT_RECORD_MAX;
}

static enum feed_result begin(struct trace_feed *f, size_t at)
{
	f->counts.skipped += at - f->at;
	f->at = at + FILE_HEADER;
	f->inside = true;
	f->counts.begun++;
	return FEED_BEGIN;
}

/* Nothing is known of where packets begin: look for the next trace. */
static enum feed_result look_for_trace(struct trace_feed *f)
{
	size_t at = find_header(f, f->at, f->n);

	if (like_header(f, at) == FILE_HEADER)
		return begin(f, at);
	f->counts.skipped += at - f->at;
	f->at = at;
	return FEED_MORE;
}

static enum feed_result lose_place(struct trace_feed *f)
{
	f->counts.bad++;
	f->counts.skipped++;
	f->at++;
	f->inside = false;
	return FEED_BAD;
}

enum whole { WHOLE, CUT, UNDECIDED };

/* Is the packet's record a VQT_SESSION?  It is the first of a trace, and there is no other. */
static bool is_session(const struct trace_feed *f, size_t at)
{
	return f->bytes[at + PACKET_HEADER + offsetof(struct vqt_hdr, type)] == VQT_SESSION;
}

/*
 * The packet ends at `end`.  If the bytes of a trace's header are among its own, it is either a
 * record of somebody who writes a trace, or it was cut there, and another trace begins.  The
 * packet behind it decides: only behind a whole one there is another, which begins no trace.
 */
static enum whole is_whole(const struct trace_feed *f, size_t end, size_t *header_at)
{
	*header_at = find_header(f, f->at + PACKET_HEADER, end);
	if (*header_at == end)
		return WHOLE;
	if (f->n < end + PACKET_HEADER + sizeof(struct vqt_hdr))
		return f->ended ? WHOLE : UNDECIDED;
	if (like_header(f, end) || (plausible(f, end) && !is_session(f, end)))
		return WHOLE;
	return like_header(f, *header_at) == FILE_HEADER ? CUT : WHOLE;
}

/* Of the packet that came last. */
static enum feed_result next_carried(struct trace_feed *f, struct record *rec)
{
	const char *why;

	if (carried_next(&f->carried, rec, &why) == -EBADMSG) {
		f->counts.bad++;
		return FEED_BAD;
	}
	f->counts.records++;
	return FEED_RECORD;
}

enum feed_result trace_feed_next(struct trace_feed *f, struct record *rec)
{
	size_t at = f->at, header_at, begun;
	uint32_t len;

	if (f->carried.pending)
		return next_carried(f, rec);

	if (!f->inside)
		return look_for_trace(f);
	begun = like_header(f, at);
	if (begun == FILE_HEADER)
		return begin(f, at);
	if (f->n - at < PACKET_HEADER || begun >= PACKET_HEADER)
		return FEED_MORE;
	if (!plausible(f, at))
		return lose_place(f);
	len = get_le32(f->bytes + at + 8);
	if (f->n - at < PACKET_HEADER + len)
		return FEED_MORE;
	switch (is_whole(f, at + PACKET_HEADER + len, &header_at)) {
	case UNDECIDED: return FEED_MORE;
	case CUT: f->counts.bad++; return begin(f, header_at);
	case WHOLE: break;
	}
	f->at = at + PACKET_HEADER + len;
	if (record_parse(rec, f->bytes + at + PACKET_HEADER, len, NULL) == -EBADMSG) {
		f->counts.bad++;
		return FEED_BAD;
	}
	carried_begin(&f->carried, rec);
	return next_carried(f, rec);
}

void trace_feed_counts(const struct trace_feed *f, struct feed_counts *out)
{
	*out = f->counts;
}
