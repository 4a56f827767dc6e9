/* SPDX-License-Identifier: MIT */
/* What stacks and their symbols are kept in, and what of a hostile file is not believed. */
#include <stdlib.h>
#include <string.h>

#include "bpf/stack/cache.h"
#include "bpf/stack/debug_file.h"
#include "bpf/stack/table.h"
#include "bpf/stack/unwind_impl.h"
#include "decoder/util/text.h"
#include "tests/unit/tap.h"

static struct stack_frames walked, named;

static const char *symbol(unsigned n)
{
	const char *s = named.symbols;

	while (n--)
		s += strlen(s) + 1;
	return s;
}

static bool valid(struct unwind_answer *a, size_t symbols)
{
	return unwind_answer_valid(a, offsetof(struct unwind_answer, symbols) + symbols);
}

static void answers(void)
{
	static struct unwind_answer a;

	a = (struct unwind_answer){ .n = 2, .len = 5, .named = 3, .symbols = "ab\0c" };
	CHECK(valid(&a, 5));
	CHECK(!valid(&a, 4) && !valid(&a, 6)); /* of another length than it says */
	CHECK(!unwind_answer_valid(&a, offsetof(struct unwind_answer, symbols) - 1));
	a.symbols[4] = 'd'; /* the last has no end */
	CHECK(!valid(&a, 5));
	a.symbols[4] = 0;
	a.n = 3; /* more frames than symbols */
	CHECK(!valid(&a, 5));
	a.n = 1;
	CHECK(!valid(&a, 5));
	a.n = STACK_FRAMES + 1;
	CHECK(!valid(&a, 5));
	a.n = 2;
	a.named = 6;
	CHECK(!valid(&a, 5));
	a = (struct unwind_answer){ .n = 0 };
	CHECK(!valid(&a, 0));
}

static bool leads_to(const char *link, const char *want)
{
	char path[100] = "";
	bool some = debug_file_alternate_path(link, path, sizeof(path));

	return want ? some && !strcmp(path, want) : !some;
}

/* Nowhere but below /usr/lib/debug/.dwz. */
static void shared_paths(void)
{
	TEXT(t, 300);

	CHECK(leads_to("/usr/lib/debug/.dwz/x86_64-linux-gnu/a.debug",
		       "/usr/lib/debug/.dwz/x86_64-linux-gnu/a.debug"));
	CHECK(leads_to("../../.dwz/a", "/usr/lib/debug/.dwz/a"));
	CHECK(leads_to("/home/me/.dwz/a", "/usr/lib/debug/.dwz/a"));
	CHECK(leads_to("/etc/shadow", NULL));
	CHECK(leads_to("/dev/watchdog", NULL));
	CHECK(leads_to(".dwz/a", NULL));
	CHECK(leads_to("x/.dwz/../../../../dev/watchdog", NULL));
	CHECK(leads_to("x/.dwz/a/../b", NULL));
	for (unsigned i = 0; i < 200; i++)
		text_puts(&t, i ? "a" : "/.dwz/");
	CHECK(leads_to(t.buf, NULL));
}

static void cached(void)
{
	struct symbol_cache *c = symbol_cache_new();
	bool room = true;

	named = (struct stack_frames){ .n = 0 };
	stack_add_frame(&named, 1, "before");
	stack_add_frame(&named, 7, "a (inlined)");
	stack_add_frame(&named, 7, "b");
	symbol_cache_keep(c, 7, 6, &named, 1, strlen("before") + 1);
	named = (struct stack_frames){ .n = 0 };
	CHECK(!symbol_cache_find(c, 7, 7, &named, &room)); /* the same pc, but no return address */
	CHECK(symbol_cache_find(c, 7, 6, &named, &room) && room);
	CHECK_EQ(named.n, 2);
	CHECK_STR(symbol(0), "a (inlined)");
	CHECK_STR(symbol(1), "b");
	while (stack_add_frame(&named, 9, ""))
		;
	named.n--, named.len--;
	CHECK(symbol_cache_find(c, 7, 6, &named, &room) && !room); /* for one of two */
	symbol_cache_forget(c);
	CHECK(!symbol_cache_find(c, 7, 6, &named, &room));
	/* however many: it stays bounded, and the latest is known */
	named = (struct stack_frames){ .n = 0 };
	stack_add_frame(&named, 1, "x");
	for (uint64_t i = 0; i < 2 * SYMBOL_CACHE_MAX + 5; i++)
		symbol_cache_keep(c, i, i, &named, 0, 0);
	CHECK(!symbol_cache_find(c, 5, 5, &named, &room));
	room = true;
	CHECK(symbol_cache_find(c, 2 * SYMBOL_CACHE_MAX + 4, 2 * SYMBOL_CACHE_MAX + 4, &named,
				&room));
	symbol_cache_free(c);
}

static void other_files(void)
{
	struct stack_table *t = stack_table_new();

	walked = (struct stack_frames){ .files = 1 };
	stack_add_frame(&walked, 0x1000, "");
	CHECK_EQ(stack_table_add(t, &walked, &walked), 1);
	walked.files = 2;
	CHECK_EQ(stack_table_find(t, &walked), 0);
	CHECK_EQ(stack_table_add(t, &walked, &walked), 2);
	walked.files = 1;
	CHECK_EQ(stack_table_find(t, &walked), 1);
	stack_table_free(t);
}

static void words(void)
{
	static const struct stack_word known[] = {
		{ "kicks", 1 }, { "all", 0xffff }, { "setup", 6 }, {}
	};
	TEXT(why, 200);

	CHECK_EQ(stack_words(known, "", &why), 7);
	CHECK_EQ(stack_words(known, "kicks", &why), 1);
	CHECK_EQ(stack_words(known, "kicks,setup", &why), 7);
	CHECK_EQ(stack_words(known, NULL, &why), 0);
	CHECK(!why.len);
	CHECK_EQ(stack_words(known, "kicks,", &why), 0);
	CHECK_STR(why.buf, "--stacks: want some of kicks, all, setup, with commas");
	CHECK_EQ(stack_words(known, "kick", &why), 0);
}

static const struct tap_test tests[] = {
	{ "what a worker answers", answers },
	{ "paths of what debug files share", shared_paths },
	{ "addresses that were named before", cached },
	{ "the same addresses in other files", other_files },
	{ "what may be asked for", words },
};

TAP_MAIN(tests)
