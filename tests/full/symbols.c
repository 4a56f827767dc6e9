/* SPDX-License-Identifier: MIT */
/*
 * A program that stops in functions of its own, and in those of libraries, for tests/full/symbols_test.sh:
 *   symbols            once
 *   symbols LIB LIB... in each, loaded and unloaded one after the other: likely at the same address
 */
#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>

#define FUNCTION __attribute__((noinline, noclone)) static

FUNCTION int innermost(int n)
{
	raise(SIGSTOP);
	return n + 1;
}

__attribute__((always_inline)) static inline int inlined_twice(int n)
{
	return innermost(n) * 3;
}

__attribute__((always_inline)) static inline int inlined_once(int n)
{
	return inlined_twice(n) + 7;
}

FUNCTION int middle(int n)
{
	volatile char room[500];

	room[n] = (char)n;
	return inlined_once(n) + room[n];
}

FUNCTION int outermost(int n)
{
	return middle(n) + 1;
}

FUNCTION int load(const char *path)
{
	void *lib = dlopen(path, RTLD_NOW);
	int (*enter)(int) = lib ? (int (*)(int))dlsym(lib, "enter") : NULL;
	int n = enter ? enter(3) : 0;

	if (!enter)
		fprintf(stderr, "%s\n", dlerror());
	if (lib)
		dlclose(lib);
	return n;
}

int main(int argc, char **argv)
{
	int n = 0;

	if (argc == 1)
		return outermost(3) < 0;
	while (*++argv)
		n += load(*argv);
	return n < 0;
}
