/* SPDX-License-Identifier: MIT */
/*
 * Asks a running QEMU over QMP for its virtio devices and their state.  The answers are not
 * trusted: every field may be absent, of another type, or nonsense.
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
	bool vhost; /* another process or the kernel serves its rings */
	uint32_t known; /* VQT_KNOWN_STATUS, _OFFERED, _ACCEPTED */
	uint8_t status;
	uint64_t offered[2], accepted[2];
	struct query_queue *queue; /* nqueue of them */
	size_t nqueue;
};

struct query_answer {
	struct query_device *dev;
	size_t n;
	bool states_unsafe; /* states were not requested: the command can crash this QEMU */
};

/* Who asks. */
struct query_asker {
	/* Whether to request the state of the device at this path. */
	bool (*wants)(void *ctx, const char *path);
	/* Waits for an answer, and may do other work meanwhile: struct qmp.  NULL: poll(2). */
	int (*wait)(void *ctx, int fd, int ms);
	void *ctx;
};

/* Limits in ms of one answer, and of all together. */
#define QUERY_ANSWER_MS 1000
#define QUERY_TOTAL_MS 3000

/*
 * Ask over a connected stream socket for the list of devices, and for the state of those for
 * which wants() returns true.  Errors are those of qmp_command(); -EOPNOTSUPP: this QEMU has
 * no x-query-virtio (new in 7.2).  The caller frees *out with query_free(), also after an
 * error.
 */
int query_devices(int fd, const struct query_asker *by, struct query_answer *out);
/*
 * The answer for the device with this QOM path: the path of its proxy, or its own path if it
 * has no proxy.  NULL if there is none.
 */
const struct query_device *query_find(const struct query_answer *a, const char *path);
void query_free(struct query_answer *a);

#endif
