/* SPDX-License-Identifier: MIT */
#include "decoder/trace/compress.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/trace/compress_impl.h"

#define CHUNK 65536 /* bytes of the compressed file at once */
#define FREE_SIZE (64ULL << 20) /* so much is never too much */
#define RATIO_MAX 1000 /* traces shrink to a tenth or a fiftieth */

static const struct compress_format *const formats[] = { &compress_gzip, &compress_zstd };

struct compress {
	const struct compress_format *format;
	void *state;
	FILE *file; /* the compressed one */
	bool write, ended;
	bool held; /* reading: the output was full, so the format may hold more */
	const char *why;
	uint64_t packed, plain; /* bytes so far */
	struct compress_step step; /* reading: what is left of the chunk */
	uint8_t chunk[CHUNK];
};

/* --- reading ------------------------------------------------------------------------- */

static ssize_t give_up(struct compress *c, int error, const char *why)
{
	c->why = why;
	errno = error;
	return -1;
}

static bool refill(struct compress *c)
{
	size_t n = fread(c->chunk, 1, CHUNK, c->file);

	c->packed += n;
	c->step.in = c->chunk;
	c->step.in_len = n;
	return n > 0;
}

static ssize_t read_packed(void *cookie, char *buf, size_t size)
{
	struct compress *c = cookie;
	int rc = 0;

	c->step.out = (uint8_t *)buf;
	c->step.out_len = size;
	while (c->step.out_len == size) {
		if (!c->step.in_len && !c->held && !refill(c))
			return ferror(c->file) ? -1 : 0;
		c->held = false;
		rc = c->format->read(c->state, &c->step, &c->why);
		if (rc)
			return give_up(c, -rc, c->why);
	}
	c->held = !c->step.out_len;
	c->plain += size - c->step.out_len;
	if (c->plain > FREE_SIZE && c->plain / RATIO_MAX > c->packed)
		return give_up(c, EFBIG,
			       "it grows to more than 1000 times its size when it is decompressed");
	return (ssize_t)(size - c->step.out_len);
}

/* --- writing ------------------------------------------------------------------------- */

/* Negative errno. */
static int put(struct compress *c, const void *bytes, size_t n, enum compress_end end)
{
	struct compress_step s = { .in = bytes, .in_len = n };
	int more = 1;

	while (more > 0) {
		size_t got;

		s.out = c->chunk;
		s.out_len = CHUNK;
		more = c->format->write(c->state, &s, end);
		got = CHUNK - s.out_len;
		c->packed += got;
		if (got && fwrite(c->chunk, 1, got, c->file) != got)
			return errno ? -errno : -EIO;
	}
	return more;
}

static ssize_t write_packed(void *cookie, const char *buf, size_t size)
{
	int rc = put(cookie, buf, size, COMPRESS_MORE);

	if (!rc)
		return (ssize_t)size;
	errno = -rc;
	return 0;
}

int compress_flush(struct compress *c, int end)
{
	int rc = 0;

	errno = 0;
	if (!c->ended)
		rc = put(c, NULL, 0, end ? COMPRESS_END : COMPRESS_FLUSH);
	c->ended |= end;
	if (!rc && fflush(c->file))
		rc = -errno;
	return rc;
}

/* --- both ---------------------------------------------------------------------------- */

static int close_packed(void *cookie)
{
	struct compress *c = cookie;
	int rc;

	c->format->close(c->state, c->write);
	rc = fclose(c->file);
	free(c);
	return rc;
}

static int open_packed(FILE **f, const struct compress_format *format, bool write,
		       struct compress **out, const char **why)
{
	static const cookie_io_functions_t reads = { .read = read_packed, .close = close_packed },
					   writes = { .write = write_packed,
						      .close = close_packed };
	struct compress *c = calloc(1, sizeof(*c));
	FILE *outer = NULL;

	*why = "no memory";
	if (!c)
		return -ENOMEM;
	c->format = format;
	c->file = *f;
	c->write = write;
	c->state = format->open(write, why);
	if (c->state)
		outer = fopencookie(c, write ? "wb" : "rb", write ? writes : reads);
	if (!outer) {
		if (c->state)
			format->close(c->state, write);
		free(c);
		return -ENOTSUP;
	}
	*f = outer;
	*out = c;
	return 0;
}

int compress_reader(FILE **f, struct compress **c, const char **why)
{
	uint8_t head[4];
	size_t n = fread(head, 1, sizeof(head), *f);

	*c = NULL;
	for (size_t i = n; i-- > 0;)
		if (ungetc(head[i], *f) == EOF) {
			*why = "its beginning cannot be read";
			return -EIO;
		}
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
		if (n >= formats[i]->magic_len &&
		    !memcmp(head, formats[i]->magic, formats[i]->magic_len))
			return open_packed(f, formats[i], false, c, why);
	return 0;
}

int compress_writer(FILE **f, const char *path, struct compress **c, const char **why)
{
	size_t len = strlen(path);

	*c = NULL;
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		size_t n = strlen(formats[i]->suffix);

		if (len > n && !strcmp(path + len - n, formats[i]->suffix))
			return open_packed(f, formats[i], true, c, why);
	}
	return 0;
}

const char *compress_error(const struct compress *c)
{
	return c->why;
}

uint64_t compress_bytes(const struct compress *c)
{
	return c->packed;
}
