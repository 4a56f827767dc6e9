/* SPDX-License-Identifier: MIT */
/* Guest memory, found from pieces of it: where it begins and ends on different machines. */
#include "bpf/capture/memory.h"
#include "tests/unit/tap.h"

#define GIB (1ULL << 30)
#define HVA 0x7f0000000000ULL /* where QEMU has the mapping */

/* A piece [lo, hi), whose guest address `at` is the first byte of a mapping of `size` bytes. */
static struct vqp_region widened(uint64_t lo, uint64_t hi, uint64_t at, uint64_t size,
				 uint64_t low_end)
{
	struct vqp_region g = { .lo = lo, .hi = hi, .delta = HVA - at };

	memory_widen(&g, HVA, HVA + size, low_end);
	CHECK_EQ(g.delta, HVA - at);
	return g;
}

#define WANT(from, to, ...) \
	do { \
		struct vqp_region got = widened(__VA_ARGS__); \
		CHECK_EQ(got.lo, from); \
		CHECK_EQ(got.hi, to); \
	} while (0)

/* Memory below the hole is at 0; the rest, at 4 GiB, is further back in the same mapping. */
static void pc(void)
{
	WANT(0, GIB / 4, 0, GIB / 4, 0, GIB / 4, 0);
	WANT(0, 2 * GIB, 4096, 8192, 0, 5 * GIB, 0);
	WANT(0, 3 * GIB, 4096, 8192, 0, 5 * GIB, 3 * GIB);
	WANT(0, GIB, 0, 2 * GIB, 0, 5 * GIB, GIB);
	/* i440fx has up to 3.5 GiB below the hole: an address seen there is no mistake */
	WANT(0, 2 * GIB + 4096, 0, 2 * GIB + 4096, 0, 3 * GIB, 0);
	WANT(4 * GIB, 7 * GIB, 4 * GIB, 5 * GIB, 2 * GIB, 5 * GIB, 0);
}

/* A memory device has a mapping of its own. */
static void dimm(void)
{
	WANT(5 * GIB, 6 * GIB, 5 * GIB + 4096, 5 * GIB + 8192, 5 * GIB, GIB, 0);
}

/* The machines virt of arm64 and riscv64, pseries: RAM is one block, wherever it begins. */
static void one_block(void)
{
	WANT(GIB, GIB + GIB / 4, GIB + 4096, GIB + 8192, GIB, GIB / 4, 0);
	WANT(2 * GIB, 2 * GIB + GIB / 4, 2 * GIB, 2 * GIB + 8192, 2 * GIB, GIB / 4, 0);
	WANT(GIB, 9 * GIB, GIB + 4096, GIB + 8192, GIB, 8 * GIB, 0);
	WANT(2 * GIB, 6 * GIB, 3 * GIB, 5 * GIB, 2 * GIB, 4 * GIB, 0);
	WANT(0, 8 * GIB, 4096, 5 * GIB, 0, 8 * GIB, 0);
}

static const struct tap_test tests[] = {
	{ "a PC's memory and its hole", pc },
	{ "a memory device", dimm },
	{ "memory of other machines", one_block },
};

TAP_MAIN(tests)
