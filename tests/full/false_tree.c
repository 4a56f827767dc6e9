/* SPDX-License-Identifier: MIT */
/*
 * Preloaded into a QEMU: replaces its tree of objects by one of 65536 children at each of
 * three levels, with names that are escape sequences.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "tests/unit/false_tree.h"

static void *replace(void *unused)
{
	static const char name[] = "a\033]0;own\007"; /* sets the title of a terminal */
	static struct object a, b;
	struct object *(*get_root)(void) =
		(struct object * (*)(void)) dlsym(RTLD_DEFAULT, "object_get_root");
	struct object *root;

	sleep(2); /* QEMU has made its own by then */
	root = get_root ? get_root() : NULL;
	if (!root)
		return NULL;
	a.class = b.class = root->class;
	fill(&b, &b, name);
	fill(&a, &b, name);
	fill(root, &a, name);
	fputs("replaced\n", stderr);
	return NULL;
}

__attribute__((constructor)) static void begin(void)
{
	pthread_t t;

	pthread_create(&t, NULL, replace, NULL);
}
