/* SPDX-License-Identifier: MIT */
/* Test Anything Protocol for plain C tests. */
#ifndef VQT_TESTS_EMU_TAP_H
#define VQT_TESTS_EMU_TAP_H

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static int tap_count, tap_failed;

__attribute__((format(printf, 2, 3), unused)) static bool ok(bool pass, const char *fmt, ...)
{
	va_list ap;
	printf("%sok %d - ", pass ? "" : "not ", ++tap_count);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	tap_failed += !pass;
	return pass;
}

/* Two numbers are equal. */
#define is(got, want, ...) \
	do { \
		uint64_t got_ = (uint64_t)(got), want_ = (uint64_t)(want); \
		if (!ok(got_ == want_, __VA_ARGS__)) \
			printf("# %s:%d: got 0x%" PRIx64 ", want 0x%" PRIx64 "\n", __FILE__, \
			       __LINE__, got_, want_); \
	} while (0)

__attribute__((unused)) static int done(void)
{
	printf("1..%d\n", tap_count);
	if (tap_failed)
		printf("# %d of %d failed\n", tap_failed, tap_count);
	return tap_failed != 0;
}

#endif
