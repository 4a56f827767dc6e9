/* SPDX-License-Identifier: MIT */
/* Tests which kernel features this user may use, by using them. */
#ifndef VQT_BPF_CAPTURE_KERNEL_H
#define VQT_BPF_CAPTURE_KERNEL_H

#include <stdbool.h>
#include <stddef.h>

struct probe_result {
	const char *what, *found, *remedy;
	int err; /* 0: works, else negative errno */
	bool needed; /* a capture is impossible without it */
};

/* Run all tests; returns the number of results. */
size_t probe_kernel(struct probe_result *out, size_t max);

#endif
