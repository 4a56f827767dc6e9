/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "emu/server/map.h"

#define MAPPINGS 65530 /* vm.max_map_count, where it cannot be read */

/*
 * All mappings of the process, for the signal handler.  It interrupts this same thread at
 * an access to guest memory, so never while the list is changed.
 */
static struct server_map *all;
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
	for (struct server_map *m = all; m; m = m->all) {
		if (at < m->base || at >= m->base + m->len)
			continue;
		m->lost = any_lost = 1;
		/* a system that never overcommits has no memory for the whole of a huge one */
		if (replace(m->base, m->len) ||
		    replace(m->base + ((size_t)(at - m->base) & ~(m->unit - 1)), m->unit))
			return;
	}
	signal(SIGBUS, SIG_DFL); /* not guest memory: the repeated access ends the process */
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

int server_map_guard(void)
{
	struct sigaction sa = { .sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO };
	limit = max_map_count() / 2;
	return sigaction(SIGBUS, &sa, NULL) < 0 ? -errno : 0;
}

unsigned server_map_limit(void)
{
	return limit;
}

int server_map_file(struct server_map *map, int fd, uint64_t offset, uint64_t size, unsigned prot,
		    uint8_t **at)
{
	struct stat st;
	if (number >= limit)
		return -ENOSPC;
	if (fstat(fd, &st) < 0)
		return -errno;
	/* memory is a file (memfd, tmpfs, hugetlbfs) that must be as long as the range */
	if (!S_ISREG(st.st_mode) || st.st_size < 0 || !size || offset > (uint64_t)st.st_size ||
	    size > (uint64_t)st.st_size - offset)
		return -EINVAL;
	uint64_t unit = sysconf(_SC_PAGESIZE); /* huge pages are mapped whole */
	if (st.st_blksize > 0 && (uint64_t)st.st_blksize > unit &&
	    !(st.st_blksize & (st.st_blksize - 1)))
		unit = st.st_blksize;
	uint64_t skip = offset & (unit - 1), len = (skip + size + unit - 1) & ~(unit - 1);
	int p = (prot & EMU_MEM_READ ? PROT_READ : 0) | (prot & EMU_MEM_WRITE ? PROT_WRITE : 0);
	if (len < size || len > SIZE_MAX / 2)
		return -EINVAL;
	void *base = mmap(NULL, len, p, MAP_SHARED | MAP_NORESERVE, fd, offset - skip);
	if (base == MAP_FAILED)
		return -errno;
	madvise(base, len, MADV_DONTDUMP); /* a core dump must not hold a guest's memory */
	map->base = base;
	map->len = len;
	map->unit = unit;
	map->lost = 0;
	map->all = all;
	all = map;
	number++;
	*at = map->base + skip;
	return 0;
}

void server_unmap(struct server_map *map)
{
	if (!map->base)
		return;
	for (struct server_map **p = &all; *p; p = &(*p)->all)
		if (*p == map) {
			*p = map->all;
			number--;
			break;
		}
	munmap(map->base, map->len);
	map->base = NULL;
}

int server_map_add(struct server_maps *m, uint64_t gpa, uint64_t size, uint64_t user, int fd,
		   uint64_t offset, unsigned prot)
{
	struct server_map *map = calloc(1, sizeof(*map));
	uint8_t *at = NULL;
	if (!map)
		return -ENOMEM;
	map->gpa = gpa;
	map->size = size;
	map->user = user;
	int ret = fd < 0 ? 0 : server_map_file(map, fd, offset, size, prot, &at);
	if (ret == 0)
		ret = emu_mem_add(m->mem, gpa, size, at, prot);
	if (ret < 0) {
		server_unmap(map);
		free(map);
		return ret;
	}
	map->next = m->list;
	m->list = map;
	m->count++;
	return 0;
}

int server_map_del(struct server_maps *m, uint64_t gpa, uint64_t size)
{
	for (struct server_map **p = &m->list; *p; p = &(*p)->next) {
		struct server_map *map = *p;
		if (map->gpa != gpa || map->size != size)
			continue;
		*p = map->next;
		m->count--;
		emu_mem_del(m->mem, gpa, size);
		server_unmap(map);
		free(map);
		return 0;
	}
	return -ENOENT;
}

void server_maps_clear(struct server_maps *m)
{
	emu_mem_clear(m->mem);
	while (m->list) {
		struct server_map *map = m->list;
		m->list = map->next;
		server_unmap(map);
		free(map);
	}
	m->count = 0;
}

int server_map_translate(const struct server_maps *m, uint64_t user, uint64_t len, uint64_t *gpa)
{
	for (const struct server_map *map = m->list; map; map = map->next) {
		if (user < map->user || user - map->user >= map->size ||
		    len > map->size - (user - map->user))
			continue;
		*gpa = map->gpa + (user - map->user);
		return 0;
	}
	return -EFAULT;
}

bool server_maps_lost(const struct server_maps *m)
{
	if (!any_lost)
		return false;
	for (const struct server_map *map = m->list; map; map = map->next)
		if (map->lost)
			return true;
	return false;
}
