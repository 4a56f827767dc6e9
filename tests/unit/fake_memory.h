/* SPDX-License-Identifier: MIT */
/* Memory of a process that is a buffer of the test: the address FAKE_BASE is its first byte. */
#ifndef VQT_TESTS_UNIT_FAKE_MEMORY_H
#define VQT_TESTS_UNIT_FAKE_MEMORY_H

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "bpf/process/memory.h"

#define FAKE_BASE 0x10000ULL
#define FAKE_SIZE 65536

struct fake_memory {
	struct process_memory m; /* first: what is under test gets its address */
	uint8_t *bytes;
	size_t size; /* of what can be read: 0 when the process has ended */
	uint64_t next; /* unused from here on */
};

static ssize_t fake_read(const struct process_memory *m, const struct iovec *range, unsigned n,
			 void *buf)
{
	const struct fake_memory *f = (const struct fake_memory *)m;
	ssize_t got = 0;

	for (unsigned i = 0; i < n; i++) {
		uint64_t at = (uint64_t)(uintptr_t)range[i].iov_base - FAKE_BASE;
		size_t want = range[i].iov_len, have = at < f->size ? f->size - at : 0;

		have = have < want ? have : want;
		if (have)
			memcpy((uint8_t *)buf + got, f->bytes + at, have);
		got += (ssize_t)have;
		if (have < want)
			break;
	}
	return got ? got : -EFAULT;
}

static inline void fake_init(struct fake_memory *f, uint8_t *bytes, size_t size)
{
	*f = (struct fake_memory){
		.m = { .read = fake_read }, .bytes = bytes, .size = size, .next = FAKE_BASE + 16
	};
}

#endif
