/* SPDX-License-Identifier: MIT */
/* Numbers as people write them on a command line.  false, and no change, for anything else. */
#ifndef VQT_DECODER_UTIL_NUMBER_H
#define VQT_DECODER_UTIL_NUMBER_H

#include <stdbool.h>
#include <stdint.h>

/* Decimal, 0x hexadecimal or 0 octal; at most max. */
bool number_parse(const char *s, unsigned long long max, unsigned long long *out);
/* "64k", "10M", "1G" (powers of 1024), or bytes. */
bool number_size(const char *s, unsigned long long *out);
/* "500ms", "10s", "6.5s", "5m", "1h", or seconds; result in ns. */
bool number_duration(const char *s, unsigned long long *ns);

static inline bool number_is_power_of_2(uint64_t n)
{
	return n && !(n & (n - 1));
}

#endif
