/* SPDX-License-Identifier: MIT */
/*
 * Asking a running QEMU over QMP what its virtio devices are and in which state.
 * The answers come from the process being examined: every field may be absent,
 * of another type, or nonsense.
 */
#ifndef VQT_BPF_QEMU_QMP_H
#define VQT_BPF_QEMU_QMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define QMP_DEVICES 256
#define QMP_QUEUES 1024

struct qmp_queue {
	uint64_t desc, driver, device; /* guest-physical */
	uint16_t size, last_avail, used;
	bool known;
};

struct qmp_device {
	char path[256]; /* QOM path of the VirtIODevice */
	uint16_t virtio_id, queues;
	uint32_t bdf; /* ~0 unknown */
	bool vhost; /* its rings are served elsewhere */
	uint32_t known; /* VQT_KNOWN_STATUS, _OFFERED, _ACCEPTED */
	uint8_t status;
	uint64_t offered[2], accepted[2];
	struct qmp_queue *queue; /* nqueue of them */
	size_t nqueue;
};

struct qmp_answer {
	struct qmp_device *dev;
	size_t n;
	bool shy; /* this QEMU was not asked for states: it may not survive it */
};

/* Should the state of the device at this path be asked for? */
typedef bool qmp_wants(void *ctx, const char *path);

/* Connect to a QMP server's socket: a descriptor, or negative errno. */
int qmp_connect(const char *path);
/*
 * Ask over a connected stream socket which devices there are, and about those
 * that wants() names.  -EBADMSG: no QMP; -ETIMEDOUT; -EOPNOTSUPP: no
 * x-query-virtio (it came with 7.2).  *out is to be freed in any case.
 */
int qmp_ask(int fd, qmp_wants *wants, void *ctx, struct qmp_answer *out);
void qmp_free(struct qmp_answer *a);

#endif
