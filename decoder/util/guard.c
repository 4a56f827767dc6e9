/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "decoder/util/guard.h"

#define MAPPINGS 65530 /* vm.max_map_count, where it cannot be read */

/*
 * All mappings of the process, for the signal handler.  It interrupts this same thread at
 * an access to one of them, so never while the list is changed.
 */
static struct guard *all;
static unsigned number; /* of them */
static volatile sig_atomic_t any_lost;

/*
 * How many there may be.  The kernel refuses to replace a mapping when the process has as many
 * as it allows, so half of them stay free.  To replace a whole one takes one more for a moment;
 * to replace a page of it may split it in three.
 */
static unsigned limit = MAPPINGS / 2;

/* First get the memory, then move it there: what fails leaves the old mapping as it was. */
static bool replace(uint8_t *at, size_t len)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		return false;
	if (mremap(p, len, len, MREMAP_MAYMOVE | MREMAP_FIXED, at) == at)
		return true;
	munmap(p, len);
	return false;
}

static void on_sigbus(int sig, siginfo_t *info, void *context)
{
	uint8_t *at = info->si_addr;

	for (struct guard *g = all; g; g = g->next) {
		if (at < g->base || at >= g->base + g->len)
			continue;
		g->lost = any_lost = 1;
		/* a system that never overcommits has no memory for the whole of a huge one */
		if (replace(g->base, g->len) ||
		    replace(g->base + ((size_t)(at - g->base) & ~(g->unit - 1)), g->unit))
			return;
	}
	signal(SIGBUS, SIG_DFL); /* not one of them: the repeated access ends the process */
}

static unsigned max_map_count(void)
{
	unsigned n = 0;
	FILE *f = fopen("/proc/sys/vm/max_map_count", "re");

	if (f && fscanf(f, "%u", &n) != 1)
		n = 0;
	if (f)
		fclose(f);
	return n ? n : MAPPINGS;
}

int guard_install(void)
{
	struct sigaction sa = { .sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO };

	limit = max_map_count() / 2;
	return sigaction(SIGBUS, &sa, NULL) < 0 ? -errno : 0;
}

unsigned guard_limit(void)
{
	return limit;
}

bool guard_any_lost(void)
{
	return any_lost;
}

/* Huge pages are mapped whole. */
static uint64_t unit_of(const struct stat *st)
{
	uint64_t unit = (uint64_t)sysconf(_SC_PAGESIZE), block = (uint64_t)st->st_blksize;

	return st->st_blksize > 0 && block > unit && !(block & (block - 1)) ? block : unit;
}

int guard_map(struct guard *g, int fd, uint64_t offset, uint64_t size, int prot, uint8_t **at)
{
	struct stat st;
	uint64_t unit, skip, len;
	void *base;

	if (number >= limit)
		return -ENOSPC;
	if (fstat(fd, &st) < 0)
		return -errno;
	/* memory is a file (memfd, tmpfs, hugetlbfs) that must be as long as the range */
	if (!S_ISREG(st.st_mode) || st.st_size < 0 || !size || offset > (uint64_t)st.st_size ||
	    size > (uint64_t)st.st_size - offset)
		return -EINVAL;
	unit = unit_of(&st);
	skip = offset & (unit - 1);
	len = (skip + size + unit - 1) & ~(unit - 1);
	if (len < size || len > SIZE_MAX / 2)
		return -EINVAL;
	base = mmap(NULL, len, prot, MAP_SHARED | MAP_NORESERVE, fd, (off_t)(offset - skip));
	if (base == MAP_FAILED)
		return -errno;
	madvise(base, len, MADV_DONTDUMP); /* a core dump must not hold a guest's memory */
	*g = (struct guard){ .next = all, .base = base, .len = len, .unit = unit };
	all = g;
	number++;
	*at = g->base + skip;
	return 0;
}

void guard_unmap(struct guard *g)
{
	if (!g->base)
		return;
	for (struct guard **p = &all; *p; p = &(*p)->next)
		if (*p == g) {
			*p = g->next;
			number--;
			break;
		}
	munmap(g->base, g->len);
	g->base = NULL;
}
