/* SPDX-License-Identifier: MIT */
/* Text of unknown origin: what is printed of it, and what is left where it does not fit. */
#include <stdlib.h>
#include <string.h>

#include "decoder/util/text.h"
#include "tests/unit/tap.h"

static void check_shown(const char *bytes, const char *want)
{
	char *streamed = NULL;
	size_t len = 0;
	FILE *to = open_memstream(&streamed, &len);
	TEXT(t, 256);

	text_untrusted(&t, bytes, strlen(bytes));
	CHECK_STR(t.buf, want);
	if (!to)
		return;
	text_write_untrusted(to, bytes);
	fclose(to);
	CHECK_STR(streamed, want);
	free(streamed);
}

static void test_untrusted(void)
{
	check_shown("plain, \xc3\xa4 \xe8\xaa\x9e \xf0\x9f\x98\x80",
		    "plain, \xc3\xa4 \xe8\xaa\x9e \xf0\x9f\x98\x80");
	check_shown("\x1b[2J\n\r\t\x7f", "\\x1b[2J\\x0a\\x0d\\x09\\x7f");
	check_shown("\xc2\x9b\x9b\xc2\xa0", "\\xc2\\x9b\\x9b\xc2\xa0");
	check_shown("\xe2\x80\xae\xe2\x80\xa8\xf3\xa0\x80\x81", "\\u202e\\u2028\\U000e0001");
	check_shown("\xff\xed\xa0\x80\xe8\xaa", "\\xff\\xed\\xa0\\x80\\xe8\\xaa");
	/* what is escaped once stays so */
	check_shown("\\x1b", "\\x1b");
	/* characters that lie across the pieces in which a stream is written */
	check_shown(
		"0123456789012345678\xe8\xaa\x9e\xe8\xaa\x9e\xe8\xaa\x9e\xe8\xaa\x9e\xe8\xaa\x9e\xe8"
		"\xaa\x9e\xe8\xaa\x9e\x1b",
		"0123456789012345678\xe8\xaa\x9e\xe8\xaa\x9e\xe8\xaa\x9e\xe8\xaa\x9e\xe8\xaa\x9e\xe8"
		"\xaa\x9e\xe8\xaa\x9e\\x1b");
}

/* Whatever room there is, what is left of text is text. */
static void test_cut(void)
{
	static const char long_name[] = "\xe8\xaa\x9e\xc3\xa9\xf0\x9f\x98\x80z\xe8\xaa\x9e";

	for (size_t size = 1; size <= sizeof(long_name); size++)
		for (unsigned how = 0; how < 3; how++) {
			char buf[sizeof(long_name)] = "";
			struct text t = { .buf = buf, .size = size };
			size_t n = 0;

			if (how == 0)
				text_puts(&t, long_name);
			else if (how == 1)
				text_add(&t, "%s", long_name);
			else
				text_untrusted(&t, long_name, strlen(long_name));
			CHECK(t.len == strlen(buf) && t.len < size);
			CHECK_EQ(t.cut, size < sizeof(long_name));
			CHECK(how == 2 || t.len + 4 >= size);
			while (n < t.len && text_utf8(buf + n, t.len - n))
				n += text_utf8(buf + n, t.len - n);
			CHECK_EQ(n, t.len);
		}
}

static const struct tap_test tests[] = {
	{ "bytes of unknown origin", test_untrusted },
	{ "what does not fit is cut between characters", test_cut },
};
TAP_MAIN(tests)
