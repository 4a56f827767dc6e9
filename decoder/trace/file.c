/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <pcap/pcap.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "decoder/trace/backlog.h"
#include "decoder/trace/carried.h"
#include "decoder/trace/compress.h"
#include "decoder/trace/file.h"
#include "decoder/trace/writebuf.h"
#include "decoder/util/create.h"
#include "decoder/util/outlet.h"

#define LINKTYPE DLT_USER0
#define KEPT_MAX (16u << 20) /* bytes that wait for a slow reader */
#define KEPT_LOSSES \
	(4u << 20) /* of them, not for events: descriptions, and a compressor's output */
#define BLOCK 4096 /* bytes to write: less is not worth a system call while more comes */
#define BROKEN_MAX 1000 /* records in a row, after which nothing is expected of the rest */

struct trace_reader {
	pcap_t *pcap;
	struct compress *packed; /* NULL: a plain file */
	struct carried carried; /* by the packet that was read last */
	uint64_t number, bytes, wall, packet_wall;
	uint64_t size; /* of the file, 0 unknown */
	unsigned broken; /* records in a row */
	bool have_session;
	bool cut; /* the file ended within a record, and this was reported */
};

static int fail(struct trace_error *err, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static int fail(struct trace_error *err, int code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	return code;
}

/* libpcap reports all errors as English text: map them to our errors. */
static int fail_pcap(struct trace_error *err, const char *path, const char *text)
{
	if (strstr(text, "truncated dump file") && strstr(text, "tried to read 4"))
		return fail(err, -ENODATA,
			    "%s: is empty or too short to be a trace; was the capture started?",
			    path);
	if (strstr(text, "unknown file format") || strstr(text, "bad dump file format"))
		return fail(err, -EBADMSG,
			    "%s: is not a pcap file; give a file written by 'vqtrace record -w'",
			    path);
	return fail(err, -EBADMSG, "%s: %s; give a file written by 'vqtrace record -w'", path,
		    text);
}

/* Bytes of a regular file, else 0. */
static uint64_t size_of(FILE *f)
{
	int fd = fileno(f);
	struct stat st;

	return fd >= 0 && !fstat(fd, &st) && S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0;
}

static int reader_new(struct trace_reader **out, FILE *f, const char *path, struct trace_error *err)
{
	char text[PCAP_ERRBUF_SIZE];
	struct trace_reader *t;
	const char *why;
	int link;

	t = calloc(1, sizeof(*t));
	if (!t) {
		fclose(f);
		return fail(err, -ENOMEM, "%s: no memory", path);
	}
	t->size = size_of(f);
	t->bytes = sizeof(struct pcap_file_header);
	link = compress_reader(&f, &t->packed, &why);
	if (link) {
		fclose(f);
		free(t);
		return fail(err, link, "%s: %s", path, why);
	}
	t->pcap = pcap_fopen_offline_with_tstamp_precision(f, PCAP_TSTAMP_PRECISION_NANO, text);
	if (!t->pcap) {
		why = t->packed ? compress_error(t->packed) : NULL;
		int rc =
			why ? fail(err, -EBADMSG, "%s: %s", path, why) : fail_pcap(err, path, text);

		fclose(f);
		free(t);
		return rc;
	}
	link = pcap_datalink(t->pcap);
	if (link != LINKTYPE) {
		const char *name = pcap_datalink_val_to_name(link);

		trace_close(t);
		return fail(err, -EPROTOTYPE,
			    "%s: holds %s packets (link type %d), not virtio events (USER0, 147); "
			    "it was not written by vqtrace",
			    path, name ? name : "other", link);
	}
	*out = t;
	return 0;
}

/*
 * A second file descriptor, so that closing the reader closes this one only; it is not
 * inherited by started programs.
 */
static int dup_above(int fd)
{
	return fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
}

static FILE *open_std(int fd, const char *mode)
{
	int copy = dup_above(fd);
	FILE *f = copy < 0 ? NULL : fdopen(copy, mode);

	if (!f && copy >= 0)
		close(copy);
	return f;
}

int trace_open(struct trace_reader **out, const char *path, struct trace_error *err)
{
	bool std = !strcmp(path, "-");
	FILE *f = std ? open_std(STDIN_FILENO, "rb") : fopen(path, "rbe");

	if (!f)
		return fail(err, -errno, "%s: cannot be opened: %s", path, strerror(errno));
	return reader_new(out, f, std ? "standard input" : path, err);
}

int trace_open_fd(struct trace_reader **out, int fd, const char *path, struct trace_error *err)
{
	FILE *f = fdopen(fd, "rb");

	if (f)
		return reader_new(out, f, path, err);
	close(fd);
	return fail(err, -ENOMEM, "%s: no memory", path);
}

int trace_open_memory(struct trace_reader **out, const void *bytes, size_t len,
		      struct trace_error *err)
{
	/* "r" never writes: the cast only serves fmemopen's prototype. */
	FILE *f = len ? fmemopen((void *)(uintptr_t)bytes, len, "rb") : NULL;

	if (!f)
		return fail(err, -ENODATA, "the trace is empty");
	return reader_new(out, f, "memory", err);
}

/* A record that cannot be used: the next one is counted from where it was. */
static int fail_record(struct trace_reader *t, const char *why, bool *again,
		       struct trace_error *err)
{
	t->number++;
	*again = t->have_session && ++t->broken < BROKEN_MAX;
	t->cut = !*again;
	return fail(err, -EBADMSG, "record %llu is broken: %s%s", (unsigned long long)t->number,
		    why,
		    t->broken == BROKEN_MAX ? "; so are those before it, and no more is read" : "");
}

static int check_version(struct trace_reader *t, const struct record *rec, struct trace_error *err)
{
	if (t->have_session)
		return 1;
	if (rec->h.type != VQT_SESSION)
		return fail(err, -EBADMSG,
			    "record 1 is no session description: the file's beginning "
			    "is missing, or it was not written by vqtrace");
	if (rec->session.major != VQT_VERSION_MAJOR)
		return fail(err, -EPROTONOSUPPORT,
			    "the trace has format version %u.%u, this vqtrace reads %u.x; "
			    "use the vqtrace that wrote it, or a newer one",
			    rec->session.major, rec->session.minor, VQT_VERSION_MAJOR);
	t->have_session = true;
	return 1;
}

/* The next packet, into t->carried: 1, or what trace_next() says. */
static int next_packet(struct trace_reader *t, bool *again, struct trace_error *err)
{
	struct pcap_pkthdr *hdr;
	const u_char *bytes;
	const char *why = "";
	struct record rec;
	int rc;

	rc = pcap_next_ex(t->pcap, &hdr, &bytes);
	if (rc == PCAP_ERROR_BREAK)
		return 0;
	if (rc < 0) {
		const char *unpacked = t->packed ? compress_error(t->packed) : NULL;

		t->cut = true;
		return fail(err, -EBADMSG,
			    "the file ends or breaks after record %llu (%s); "
			    "what is before it is shown",
			    (unsigned long long)t->number,
			    unpacked ? unpacked : pcap_geterr(t->pcap));
	}
	t->bytes += 16 + hdr->caplen;
	t->packet_wall = (uint64_t)hdr->ts.tv_sec * 1000000000ULL + (uint64_t)hdr->ts.tv_usec;
	rc = record_parse(&rec, bytes, hdr->caplen, &why);
	if (rc == -EBADMSG)
		return fail_record(t, why, again, err);
	rc = check_version(t, &rec, err);
	if (rc == 1)
		carried_begin(&t->carried, &rec);
	return rc;
}

int trace_next(struct trace_reader *t, struct record *rec, bool *again, struct trace_error *err)
{
	const char *why = "";
	int rc = 1;

	*again = false;
	if (t->cut)
		return 0;
	if (!t->carried.pending)
		rc = next_packet(t, again, err);
	if (rc != 1)
		return rc;
	rc = carried_next(&t->carried, rec, &why);
	if (rc == -EBADMSG)
		return fail_record(t, why, again, err);
	t->number++;
	t->broken = 0;
	t->wall = t->packet_wall - (t->carried.own.h.ts - rec->h.ts);
	return rc;
}

uint64_t trace_number(const struct trace_reader *t)
{
	return t->number;
}

uint64_t trace_bytes(const struct trace_reader *t)
{
	return t->bytes;
}

int trace_progress(const struct trace_reader *t)
{
	uint64_t at = t->packed ? compress_bytes(t->packed) : t->bytes;

	if (!t->size)
		return -1;
	return at < t->size ? (int)((unsigned __int128)at * 1000 / t->size) : 1000;
}

uint64_t trace_wall(const struct trace_reader *t)
{
	return t->wall;
}

void trace_close(struct trace_reader *t)
{
	if (!t)
		return;
	pcap_close(t->pcap);
	free(t);
}

struct trace_writer {
	pcap_t *pcap;
	pcap_dumper_t *dump;
	FILE *file;
	int fd; /* of the file, which the stream has; -1: none of its own */
	struct compress *packed; /* NULL: a plain file */
	struct backlog backlog;
	struct writebuf
		buf; /* of a plain file; of others libpcap writes each packet to the stream */
	uint64_t bytes;
	int64_t wall;
	bool have_session;
	bool batched; /* somebody calls trace_batch() */
	uint64_t last_ts;
	int error;
};

static FILE *make_live(FILE *f, struct outlet **o)
{
	int fd = f && outlet_needed(fileno(f)) ? dup_above(fileno(f)) : -1;
	FILE *live = fd < 0 ? NULL : outlet_open(fd, KEPT_MAX, o);

	if (!live && fd >= 0)
		close(fd);
	if (!live)
		return f;
	fclose(f);
	return live;
}

/* f NULL: errno, and why, say why. */
static int create(struct trace_writer **out, FILE *f, const char *path, bool live,
		  struct trace_error *err, const char *why)
{
	bool std = !strcmp(path, "-");
	int rc = f ? -EIO : -errno;
	struct trace_writer *w = calloc(1, sizeof(*w));

	if (f && !w)
		rc = -ENOMEM;
	if (f || !why)
		why = strerror(-rc);
	if (!f || !w)
		goto failed;
	w->fd = std ? -1 : fileno(f);
	if (live)
		f = make_live(f, &w->backlog.outlet);
	if (w->backlog.outlet)
		w->fd = -1;
	w->backlog.limit = KEPT_MAX;
	w->backlog.reserve = KEPT_LOSSES;
	rc = std ? 0 : compress_writer(&f, path, &w->packed, &why);
	if (rc)
		goto failed;
	w->file = f;
	w->pcap = pcap_open_dead_with_tstamp_precision(LINKTYPE, VQT_RECORD_MAX,
						       PCAP_TSTAMP_PRECISION_NANO);
	if (!w->packed && !w->backlog.outlet)
		rc = writebuf_open(&w->buf, fileno(f), !std);
	if (rc) {
		why = strerror(-rc);
		goto failed;
	}
	rc = -EIO;
	w->dump = w->pcap ? pcap_dump_fopen(w->pcap, f) : NULL;
	if (w->dump) {
		w->bytes = 24;
		*out = w;
		return 0;
	}
	why = w->pcap ? pcap_geterr(w->pcap) : "no memory";
failed:
	fail(err, rc, "%s: cannot be written: %s", path, why);
	if (w && w->pcap)
		pcap_close(w->pcap);
	if (w)
		writebuf_free(&w->buf);
	if (f)
		fclose(f);
	free(w);
	return rc;
}

static int create_path(struct trace_writer **out, const char *path, bool live,
		       struct trace_error *err)
{
	const char *why = NULL;
	FILE *f = strcmp(path, "-") ? create_stream(path, &why) : open_std(STDOUT_FILENO, "wb");

	return create(out, f, path, live, err, why);
}

int trace_create(struct trace_writer **out, const char *path, struct trace_error *err)
{
	return create_path(out, path, false, err);
}

int trace_create_live(struct trace_writer **out, const char *path, struct trace_error *err)
{
	return create_path(out, path, true, err);
}

int trace_create_live_fd(struct trace_writer **out, int fd, const char *path,
			 struct trace_error *err)
{
	FILE *f = fdopen(fd, "wb");
	int code = errno;

	if (!f)
		close(fd);
	errno = code;
	return create(out, f, path, true, err, NULL);
}

/* Of a plain file: what libpcap has put into the stream comes first, the head of the file. */
static int write_out(struct trace_writer *w, size_t least)
{
	if (!w->error && w->buf.len && w->buf.len >= least)
		w->error = fflush(w->file) ? -errno : writebuf_flush(&w->buf);
	return w->error;
}

static int put_buffered(struct trace_writer *w, uint64_t ns, const void *record, size_t len)
{
	if (!writebuf_put(&w->buf, ns, record, len) && !write_out(w, 0))
		writebuf_put(&w->buf, ns, record, len);
	return w->batched ? w->error : write_out(w, BLOCK);
}

static int put_packet(struct trace_writer *w, uint64_t ns, const void *record, size_t len)
{
	struct pcap_pkthdr hdr = { .caplen = (uint32_t)len, .len = (uint32_t)len };

	hdr.ts.tv_sec = (time_t)(ns / 1000000000ULL);
	hdr.ts.tv_usec = (suseconds_t)(ns % 1000000000ULL);
	errno = 0;
	pcap_dump((u_char *)w->dump, &hdr, record);
	return !ferror(w->file) ? 0 : errno ? -errno : -EIO;
}

static int put(struct trace_writer *w, uint64_t ts, const void *record, size_t len)
{
	uint64_t ns = ts + (uint64_t)w->wall;

	w->error = w->buf.bytes ? put_buffered(w, ns, record, len) : put_packet(w, ns, record, len);
	if (!w->error)
		w->bytes += 16 + len;
	return w->error;
}

static int put_losses(struct trace_writer *w, uint64_t ts)
{
	struct vqt_loss l;

	while (!w->error && backlog_tell(&w->backlog, ts, &l))
		put(w, ts, &l, sizeof(l));
	return w->error;
}

int trace_write(struct trace_writer *w, const void *record, size_t len)
{
	struct vqt_hdr h;

	if (w->error)
		return w->error;
	if (len < sizeof(h) || len > VQT_RECORD_MAX)
		return -EMSGSIZE;
	memcpy(&h, record, sizeof(h));
	if (!w->have_session) {
		struct vqt_session s;

		if (h.type != VQT_SESSION || len < sizeof(s))
			return -EINVAL;
		memcpy(&s, record, sizeof(s));
		w->wall = s.wall;
		w->have_session = true;
	}
	if (backlog_drops(&w->backlog, &h))
		return 0;
	w->last_ts = h.ts;
	if (put_losses(w, h.ts))
		return w->error;
	return put(w, h.ts, record, len);
}

void trace_batches(struct trace_writer *w)
{
	w->batched = true;
}

int trace_batch(struct trace_writer *w, bool all)
{
	return write_out(w, all ? 0 : BLOCK);
}

int trace_flush(struct trace_writer *w)
{
	write_out(w, 0);
	if (!w->error && fflush(w->file))
		w->error = -errno;
	if (!w->error && w->packed &&
	    (!w->backlog.outlet || outlet_room(w->backlog.outlet) >= KEPT_LOSSES))
		w->error = compress_flush(w->packed, 0);
	if (!w->error && w->backlog.outlet)
		w->error = outlet_push(w->backlog.outlet);
	return w->error;
}

uint64_t trace_dropped(const struct trace_writer *w)
{
	return w->backlog.dropped;
}

bool trace_waiting(const struct trace_writer *w)
{
	return w->backlog.outlet && outlet_kept(w->backlog.outlet);
}

bool trace_removed(const struct trace_writer *w)
{
	struct stat st;

	return w->fd >= 0 && !fstat(w->fd, &st) && S_ISREG(st.st_mode) && !st.st_nlink;
}

uint64_t trace_written(const struct trace_writer *w)
{
	return w->packed ? compress_bytes(w->packed) : w->bytes;
}

int trace_finish(struct trace_writer *w)
{
	return trace_finish_within(w, -1);
}

int trace_finish_within(struct trace_writer *w, int ms)
{
	int rc;

	if (!w)
		return 0;
	put_losses(w, w->last_ts);
	write_out(w, 0);
	if (!w->error && fflush(w->file))
		w->error = -errno;
	if (!w->error && w->packed)
		w->error = compress_flush(w->packed, 1);
	if (!w->error && w->backlog.outlet)
		w->error = outlet_drain(w->backlog.outlet, ms);
	rc = w->error;
	pcap_dump_close(w->dump);
	pcap_close(w->pcap);
	writebuf_free(&w->buf);
	free(w);
	return rc;
}
