/* SPDX-License-Identifier: MIT */
/* What this kernel lets this user do, found out by doing it. */
#ifndef VQT_BPF_CAPTURE_KERNEL_H
#define VQT_BPF_CAPTURE_KERNEL_H

#include <stdbool.h>
#include <stddef.h>

struct probe_result {
	const char *what, *found, *remedy;
	int err; /* negative errno, 0 works */
	bool needed; /* no recording without it */
};

/* Try everything; the number of results. */
size_t probe_kernel(struct probe_result *out, size_t max);
/* Effective capabilities, bit n: capability n. */
unsigned long long probe_capabilities(void);

#endif
