/* SPDX-License-Identifier: MIT */
/*
 * Guest memory that a client shares: its descriptors are mapped here and added to the
 * device's memory by guest-physical address.  When a client truncates a file, the device
 * reads zeroes and server_maps_lost() reports it, instead of SIGBUS ending the process.
 */
#ifndef VQT_EMU_SERVER_MAP_H
#define VQT_EMU_SERVER_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "decoder/util/guard.h"
#include "emu/virtio/memory.h"

struct server_map {
	struct server_map *next; /* of this server */
	uint64_t gpa, size;
	uint64_t user; /* the client's own address (vhost-user) */
	struct guard guard; /* its mapping; none: reached by messages */
};

struct server_maps {
	struct emu_mem *mem; /* borrowed */
	struct server_map *list;
	unsigned count;
};

/* fd -1: reached by messages.  The caller keeps the descriptor. */
int server_map_add(struct server_maps *m, uint64_t gpa, uint64_t size, uint64_t user, int fd,
		   uint64_t offset, unsigned prot);
/* Exactly that range; -ENOENT. */
int server_map_del(struct server_maps *m, uint64_t gpa, uint64_t size);
void server_maps_clear(struct server_maps *m);
/* A client's address as guest-physical; -EFAULT unless len bytes lie in one range. */
int server_map_translate(const struct server_maps *m, uint64_t user, uint64_t len, uint64_t *gpa);
bool server_maps_lost(const struct server_maps *m);
/* Shared memory of a client that is no guest memory, guarded likewise; server_unmap() unmaps it. */
int server_map_file(struct server_map *map, int fd, uint64_t offset, uint64_t size, unsigned prot,
		    uint8_t **at);
void server_unmap(struct server_map *map);

#endif
