/* SPDX-License-Identifier: MIT */
/*
 * Guest memory as a client hands it over: descriptors mapped here and made
 * known to the device by guest-physical address.  A client that cuts a file
 * short under our feet gets zeroes and is found out (door_maps_lost), instead
 * of ending us with SIGBUS.
 */
#ifndef VQT_EMU_SERVER_MAP_H
#define VQT_EMU_SERVER_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "emu/virtio/mem.h"

struct door_map {
	struct door_map *next, *all; /* of this door; of the process */
	uint64_t gpa, size;
	uint64_t user; /* where the client has it (vhost-user) */
	uint8_t *base; /* NULL: not mapped, reached by messages */
	size_t len;
	volatile int lost; /* set by the SIGBUS handler: the file is shorter than it was */
};

struct door_maps {
	struct emu_mem *mem; /* borrowed */
	struct door_map *list;
	unsigned count;
};

/* fd -1: reached by messages.  Does not take the descriptor. */
int door_map_add(struct door_maps *m, uint64_t gpa, uint64_t size, uint64_t user, int fd,
		 uint64_t offset, unsigned prot);
/* Exactly that range; -ENOENT. */
int door_map_del(struct door_maps *m, uint64_t gpa, uint64_t size);
void door_maps_clear(struct door_maps *m);
/* A client's address as guest-physical; -EFAULT unless len bytes lie in one range. */
int door_map_translate(const struct door_maps *m, uint64_t user, uint64_t len, uint64_t *gpa);
bool door_maps_lost(const struct door_maps *m);
/* Plain shared memory of a client, guarded likewise; door_unmap() ends it. */
int door_map_file(struct door_map *map, int fd, uint64_t offset, uint64_t size, unsigned prot,
		  uint8_t **at);
void door_unmap(struct door_map *map);
/* Take SIGBUS over, once in a process. */
int door_map_guard(void);

#endif
