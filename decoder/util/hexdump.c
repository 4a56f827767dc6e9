/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>

#include "decoder/util/hexdump.h"
#include "decoder/util/text.h"

#define WIDTH 16

static void put_ascii(struct text *t, const uint8_t *bytes, size_t n)
{
	text_puts(t, " |");
	for (size_t i = 0; i < n; i++)
		text_add(t, "%c", bytes[i] >= 0x20 && bytes[i] < 0x7f ? bytes[i] : '.');
	text_puts(t, "|\n");
}

int hexdump(FILE *to, const uint8_t *bytes, size_t len, uint64_t offset, const char *indent)
{
	for (size_t at = 0; at < len; at += WIDTH) {
		size_t n = len - at < WIDTH ? len - at : WIDTH;
		TEXT(t, 160);

		text_add(&t, "%s%08" PRIx64, indent, offset + at);
		for (size_t i = 0; i < WIDTH; i++) {
			text_puts(&t, i % 8 ? " " : "  ");
			if (i < n)
				text_add(&t, "%02x", bytes[at + i]);
			else
				text_puts(&t, "  ");
		}
		text_puts(&t, " ");
		put_ascii(&t, bytes + at, n);
		if (fwrite(t.buf, 1, t.len, to) != t.len)
			return -EIO;
	}
	return 0;
}
