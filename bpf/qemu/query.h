/* SPDX-License-Identifier: MIT */
/*
 * Asking a running QEMU over QMP what its virtio devices are and in which state.
 * The answers come from the process being examined: every field may be absent,
 * of another type, or nonsense.
 */
#ifndef VQT_BPF_QEMU_QUERY_H
#define VQT_BPF_QEMU_QUERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define QUERY_DEVICES 256
#define QUERY_QUEUES 1024

struct query_queue {
	uint64_t desc, driver, device; /* guest-physical addresses of the three areas */
	uint16_t size, last_avail, used;
	bool known;
};

struct query_device {
	char path[256]; /* QOM path of the VirtIODevice */
	uint16_t virtio_id, queues;
	uint32_t bdf; /* bus << 8 | slot << 3 | function; ~0 unknown */
	bool vhost; /* its rings are served by another process or by the kernel */
	uint32_t known; /* VQT_KNOWN_STATUS, _OFFERED, _ACCEPTED */
	uint8_t status;
	uint64_t offered[2], accepted[2];
	struct query_queue *queue; /* nqueue of them */
	size_t nqueue;
};

struct query_answer {
	struct query_device *dev;
	size_t n;
	bool states_unsafe; /* states were not asked for: that question may end this QEMU */
};

/* Should the state of the device at this path be asked for? */
typedef bool query_wants(void *ctx, const char *path);

/*
 * Ask over a connected stream socket which devices there are, and for the state of
 * those that wants() names.  Errors are those of qmp_command(); -EOPNOTSUPP: this QEMU
 * has no x-query-virtio (7.2 introduced it).  *out is to be freed in any case.
 */
int query_devices(int fd, query_wants *wants, void *ctx, struct query_answer *out);
/*
 * What was answered about the device whose proxy (or, without one, which itself) has this
 * QOM path; NULL nothing.
 */
const struct query_device *query_find(const struct query_answer *a, const char *path);
void query_free(struct query_answer *a);

#endif
