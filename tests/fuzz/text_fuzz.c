/* SPDX-License-Identifier: MIT */
/*
 * Words from outside: names that are printed, numbers of a command line, questions of a host to a guest,
 * selections of rules, differences that a file declares.  What is printed must be harmless.
 */
#include <stdlib.h>

#include "decoder/check/check.h"
#include "decoder/trace/question.h"
#include "decoder/util/json.h"
#include "decoder/util/number.h"
#include "decoder/util/text.h"
#include "emu/replay/declared.h"
#include "tests/fuzz/input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

/* UTF-8, no control character, nothing that changes the direction of others. */
static void check_harmless(const char *s, size_t len, bool lines)
{
	for (size_t at = 0, n; at < len; at += n) {
		uint8_t c = (uint8_t)s[at];

		n = 1;
		if (lines && c == '\n')
			continue;
		must(c >= 0x20 && c != 0x7f);
		if (c < 0x80)
			continue;
		n = text_utf8(s + at, len - at);
		must(n > 1 && !text_is_format(text_code_point(s + at, n)));
	}
}

static void escape(const uint8_t *data, size_t size)
{
	static char bytes[70000], json[70000];
	struct text t = { .buf = bytes, .size = sizeof(bytes) };
	struct text j = { .buf = json, .size = sizeof(json) };
	TEXT(small, 16);
	char *s = strndup((const char *)data, size);

	must(s != NULL);
	if (size > 6000)
		size = 6000;
	bytes[0] = json[0] = 0;
	text_untrusted(&t, (const char *)data, size);
	check_harmless(t.buf, t.len, false);
	text_untrusted(&small, (const char *)data, size);
	must(small.len < 16 && strlen(small.buf) == small.len);
	check_harmless(small.buf, small.len, false);
	t.len = 0;
	bytes[0] = 0;
	text_untrusted_lines(&t, s);
	check_harmless(t.buf, t.len, true);
	for (size_t at = 0, n; at < t.len; at += n) {
		n = text_line(t.buf + at, t.len - at, 1 + size % 80);
		must(n && n <= t.len - at);
	}
	text_ascii(&t);
	for (size_t at = 0; at < t.len; at++)
		must((uint8_t)t.buf[at] < 0x80);
	for (size_t at = 0, n; at < size; at += n) {
		n = 1;
		if (data[at] < 0x80)
			continue;
		n = json_character(&j, (const char *)data + at, size - at);
		must(n && n <= size - at);
	}
	check_harmless(j.buf, j.len, false);
	free(s);
}

static void numbers(struct input *in)
{
	unsigned long long v;
	char s[64], other[64];

	take_text(in, s, sizeof(s));
	take_text(in, other, sizeof(other));
	v = 77;
	if (number_parse(s, 1000, &v))
		must(v <= 1000);
	else
		must(v == 77);
	number_size(s, &v);
	number_duration(s, &v);
	must(text_distance(s, strlen(s) % TEXT_DISTANCE_MAX, other,
			   strlen(other) % TEXT_DISTANCE_MAX) <= TEXT_DISTANCE_MAX);
}

/* Whatever is before it, a question is understood, and none is found where there is none. */
static void questions(struct input *in)
{
	struct question q = { 0 };
	uint64_t asked = take(in, 8), nonce = 0, n = 0;
	char to[QUESTION_BYTES];

	while (in->left)
		if (question_read(&q, (uint8_t)take(in, 1), &nonce))
			must(nonce != 0);
	if (!asked)
		return;
	question_make(to, asked);
	question_read(&q, '\n', &nonce); /* what came before ends */
	for (size_t i = 0; i < sizeof(to); i++)
		n += question_read(&q, (uint8_t)to[i], &nonce);
	must(n == 1 && nonce == asked);
}

static void on_finding(void *opaque, const struct finding *f)
{
}

static void selection(struct input *in)
{
	const char *bad = NULL;
	struct check *c = NULL;
	char s[200];

	take_text(in, s, sizeof(s));
	if (check_new(&c, s, on_finding, NULL, &bad))
		must(bad >= s && bad <= s + strlen(s));
	check_free(c);
}

static void declared(const uint8_t *data, size_t size)
{
	struct replay_declared *d = NULL;
	char why[100] = "";

	if (replay_declared_parse(&d, (const char *)data, size, why, sizeof(why))) {
		must(memchr(why, 0, sizeof(why)) != NULL);
		return;
	}
	for (unsigned i = 0; replay_declared_nth(d, "emu", i); i++)
		must(i <= size);
	replay_declared_meet(d, "emu", "blk0:0 used 3");
	replay_declared_io_errors(d, "qemu");
	replay_declared_free(d);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };

	switch (take(&in, 1) % 5) {
	case 0: escape(in.p, in.left); break;
	case 1: numbers(&in); break;
	case 2: questions(&in); break;
	case 3: selection(&in); break;
	default: declared(in.p, in.left); break;
	}
	return 0;
}
