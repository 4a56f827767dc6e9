/* SPDX-License-Identifier: MIT */
/* A small object for stack_fuzz: functions, one of them inlined, and their call frame information. */
int seed_enter(int n);

static inline __attribute__((always_inline)) int inlined(int n)
{
	volatile char room[100];

	room[n & 63] = (char)n;
	return room[n & 31] + n;
}

static __attribute__((noinline)) int inner(int n)
{
	return inlined(n) * 3 + inlined(n + 1);
}

int seed_enter(int n)
{
	return inner(n) + inner(n + 7);
}
