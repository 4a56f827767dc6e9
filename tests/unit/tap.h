/* SPDX-License-Identifier: MIT */
/* Test Anything Protocol for C tests: TEST functions, CHECK inside, tap_main at the end. */
#ifndef VQT_TESTS_UNIT_TAP_H
#define VQT_TESTS_UNIT_TAP_H

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

struct tap_test {
	const char *name;
	void (*run)(void);
};

static bool tap_failed;

#define CHECK(cond) \
	do { \
		if (!(cond)) { \
			printf("# %s:%d: %s\n", __FILE__, __LINE__, #cond); \
			tap_failed = true; \
		} \
	} while (0)

#define CHECK_EQ(got, want) \
	do { \
		uint64_t g_ = (uint64_t)(got), w_ = (uint64_t)(want); \
		if (g_ != w_) { \
			printf("# %s:%d: %s is %" PRIu64 " (0x%" PRIx64 "), not %" PRIu64 "\n", \
			       __FILE__, __LINE__, #got, g_, g_, w_); \
			tap_failed = true; \
		} \
	} while (0)

#define CHECK_STR(got, want) \
	do { \
		const char *g_ = (got), *w_ = (want); \
		if (strcmp(g_, w_)) { \
			printf("# %s:%d: \"%s\"\n#   is not \"%s\"\n", __FILE__, __LINE__, g_, \
			       w_); \
			tap_failed = true; \
		} \
	} while (0)

static inline int tap_main(const struct tap_test *tests, size_t n)
{
	int bad = 0;

	printf("1..%zu\n", n);
	for (size_t i = 0; i < n; i++) {
		tap_failed = false;
		tests[i].run();
		printf("%sok %zu - %s\n", tap_failed ? "not " : "", i + 1, tests[i].name);
		fflush(stdout);
		bad |= tap_failed;
	}
	return bad;
}

#define TAP_MAIN(tests) \
	int main(void) \
	{ \
		return tap_main(tests, sizeof(tests) / sizeof((tests)[0])); \
	}

#endif
