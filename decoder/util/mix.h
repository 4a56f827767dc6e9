/* SPDX-License-Identifier: MIT */
/* A hash of numbers, for BPF programs, too: so it needs no header but the kernel's types. */
#ifndef VQT_DECODER_UTIL_MIX_H
#define VQT_DECODER_UTIL_MIX_H

#include <linux/types.h>

/*
 * Mixes v into the hash h; order matters.  64 bits wide, so that hashes may stand
 * for what they were made of: of n things, two are taken for one with a chance of
 * n * n / 2^65.  Not for input that an attacker chooses to collide.
 */
static inline __u64 hash_mix(__u64 h, __u64 v)
{
	h ^= v + 0x9e3779b97f4a7c15ULL + (h << 6) + (h >> 2);
	h ^= h >> 30;
	h *= 0xbf58476d1ce4e5b9ULL;
	h ^= h >> 27;
	h *= 0x94d049bb133111ebULL;
	return h ^ h >> 31;
}

#endif
