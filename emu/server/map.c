/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "emu/server/map.h"

int server_map_file(struct server_map *map, int fd, uint64_t offset, uint64_t size, unsigned prot,
		    uint8_t **at)
{
	int p = (prot & EMU_MEM_READ ? PROT_READ : 0) | (prot & EMU_MEM_WRITE ? PROT_WRITE : 0);

	return guard_map(&map->guard, fd, offset, size, p, at);
}

void server_unmap(struct server_map *map)
{
	guard_unmap(&map->guard);
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
	if (!guard_any_lost())
		return false;
	for (const struct server_map *map = m->list; map; map = map->next)
		if (map->guard.lost)
			return true;
	return false;
}
