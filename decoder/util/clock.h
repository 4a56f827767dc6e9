/* SPDX-License-Identifier: MIT */
#ifndef VQT_DECODER_UTIL_CLOCK_H
#define VQT_DECODER_UTIL_CLOCK_H

#include <stdint.h>
#include <time.h>

/* Nanoseconds of CLOCK_MONOTONIC, CLOCK_REALTIME ... */
static inline uint64_t clock_ns(clockid_t clock)
{
	struct timespec ts;
	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

/* What to add to CLOCK_MONOTONIC to get CLOCK_REALTIME, ns. */
static inline int64_t clock_wall_offset(void)
{
	return (int64_t)(clock_ns(CLOCK_REALTIME) - clock_ns(CLOCK_MONOTONIC));
}

#endif
