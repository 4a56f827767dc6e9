/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "decoder/trace/pcapng.h"

#define SECTION 0x0a0d0d0aU
#define INTERFACE 1U
#define PACKET 6U
#define ORDER 0x1a2b3c4dU
#define USER0 147
#define OPT_COMMENT 1
#define OPT_TSRESOL 9
#define COMMENT_MAX 65000U

static void put16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)v;
	p[1] = (uint8_t)(v >> 8);
}

static void put32(uint8_t *p, uint32_t v)
{
	put16(p, v & 0xffff);
	put16(p + 2, v >> 16);
}

static size_t padded(size_t n)
{
	return (n + 3) & ~(size_t)3;
}

static int put(FILE *to, const void *bytes, size_t n)
{
	return n && fwrite(bytes, 1, n, to) != n ? (errno ? -errno : -EIO) : 0;
}

static int put_padded(FILE *to, const void *bytes, size_t n)
{
	static const uint8_t zero[4];
	int rc = put(to, bytes, n);

	return rc ? rc : put(to, zero, padded(n) - n);
}

int pcapng_begin(FILE *to)
{
	uint8_t b[28 + 32] = { 0 }, *i = b + 28;

	put32(b, SECTION);
	put32(b + 4, 28);
	put32(b + 8, ORDER);
	put16(b + 12, 1); /* version 1.0 */
	memset(b + 16, 0xff, 8); /* length of the section: unspecified */
	put32(b + 24, 28);
	put32(i, INTERFACE);
	put32(i + 4, 32);
	put16(i + 8, USER0);
	put16(i + 16, OPT_TSRESOL);
	put16(i + 18, 1);
	i[20] = 9; /* 10^-9 s */
	put32(i + 28, 32); /* after the end of options at 24 */
	return put(to, b, sizeof(b));
}

int pcapng_packet(FILE *to, uint64_t wall, const void *bytes, size_t len, const char *comment)
{
	size_t n = comment ? strlen(comment) : 0, size;
	uint8_t b[28], option[4], end[8] = { 0 };
	int rc;

	if (n > COMMENT_MAX)
		n = COMMENT_MAX;
	size = 28 + padded(len) + (n ? 4 + padded(n) + 4 : 0) + 4;
	put32(b, PACKET);
	put32(b + 4, (uint32_t)size);
	put32(b + 8, 0);
	put32(b + 12, (uint32_t)(wall >> 32));
	put32(b + 16, (uint32_t)wall);
	put32(b + 20, (uint32_t)len);
	put32(b + 24, (uint32_t)len);
	rc = put(to, b, sizeof(b));
	if (!rc)
		rc = put_padded(to, bytes, len);
	put16(option, OPT_COMMENT);
	put16(option + 2, (unsigned)n);
	if (!rc && n)
		rc = put(to, option, sizeof(option));
	if (!rc && n)
		rc = put_padded(to, comment, n);
	put32(end + 4, (uint32_t)size);
	/* With options comes their end, which is 4 zero bytes. */
	return rc ? rc : put(to, n ? end : end + 4, n ? 8 : 4);
}
