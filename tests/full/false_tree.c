/* SPDX-License-Identifier: MIT */
/*
 * Preloaded into a QEMU: replaces its tree of objects by one of 65536 children at each of
 * three levels, with names that are escape sequences.  With FALSE_TREE=withheld the memory of the
 * tree never comes to who reads it; this is begun as root, and goes on as nobody.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/unit/false_tree.h"

static void *withheld; /* NULL: nothing is */

static void *withhold(void)
{
	void *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = { .range = { (uintptr_t)at, 4096 },
				       .mode = UFFDIO_REGISTER_MODE_MISSING };
	int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);

	if (fd < 0 || ioctl(fd, UFFDIO_API, &api) || ioctl(fd, UFFDIO_REGISTER, &reg) ||
	    setgid(65534) || setuid(65534)) {
		fputs("cannot withhold memory\n", stderr);
		_exit(1);
	}
	return at;
}

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
	if (withheld) {
		root->properties = (uintptr_t)withheld;
		fputs("replaced\n", stderr);
		return NULL;
	}
	a.class = b.class = root->class;
	fill(&b, &b, name);
	fill(&a, &b, name);
	fill(root, &a, name);
	fputs("replaced\n", stderr);
	return NULL;
}

__attribute__((constructor)) static void begin(void)
{
	const char *how = getenv("FALSE_TREE");
	pthread_t t;

	if (how && !strcmp(how, "withheld"))
		withheld = withhold();
	pthread_create(&t, NULL, replace, NULL);
}
