/* SPDX-License-Identifier: MIT */
/*
 * Between the files of vhost-user: the data path of a virtio device whose registers are
 * the client's (QEMU's vhost-user-*-pci, libblkio).  The protocol is QEMU's
 * interop/vhost-user.
 */
#ifndef VQT_EMU_SERVER_VHOST_USER_H
#define VQT_EMU_SERVER_VHOST_USER_H

#include "emu/server/server.h"
#include "emu/server/map.h"
#include "emu/virtio/device.h"

enum vhost_user_request {
	VH_GET_FEATURES = 1,
	VH_SET_FEATURES = 2,
	VH_SET_OWNER = 3,
	VH_RESET_OWNER = 4,
	VH_SET_MEM_TABLE = 5,
	VH_SET_LOG_BASE = 6,
	VH_SET_LOG_FD = 7,
	VH_SET_VRING_NUM = 8,
	VH_SET_VRING_ADDR = 9,
	VH_SET_VRING_BASE = 10,
	VH_GET_VRING_BASE = 11,
	VH_SET_VRING_KICK = 12,
	VH_SET_VRING_CALL = 13,
	VH_SET_VRING_ERR = 14,
	VH_GET_PROTOCOL_FEATURES = 15,
	VH_SET_PROTOCOL_FEATURES = 16,
	VH_GET_QUEUE_NUM = 17,
	VH_SET_VRING_ENABLE = 18,
	VH_SEND_RARP = 19,
	VH_NET_SET_MTU = 20,
	VH_SET_BACKEND_REQ_FD = 21,
	VH_IOTLB_MSG = 22,
	VH_SET_VRING_ENDIAN = 23,
	VH_GET_CONFIG = 24,
	VH_SET_CONFIG = 25,
	VH_CREATE_CRYPTO_SESSION = 26,
	VH_CLOSE_CRYPTO_SESSION = 27,
	VH_POSTCOPY_ADVISE = 28,
	VH_POSTCOPY_LISTEN = 29,
	VH_POSTCOPY_END = 30,
	VH_GET_INFLIGHT_FD = 31,
	VH_SET_INFLIGHT_FD = 32,
	VH_GPU_SET_SOCKET = 33,
	VH_RESET_DEVICE = 34,
	VH_VRING_KICK = 35,
	VH_GET_MAX_MEM_SLOTS = 36,
	VH_ADD_MEM_REG = 37,
	VH_REM_MEM_REG = 38,
	VH_SET_STATUS = 39,
	VH_GET_STATUS = 40,
	VH_GET_SHARED_OBJECT = 41,
	VH_SET_DEVICE_STATE_FD = 42,
	VH_CHECK_DEVICE_STATE = 43,
	VH_REQUESTS
};

#define VH_BACKEND_CONFIG_CHANGE 2 /* sent by us on the channel of SET_BACKEND_REQ_FD */

/* flags */
#define VH_VERSION 0x1
#define VH_VERSION_MASK 0x3
#define VH_REPLY 0x4
#define VH_NEED_REPLY 0x8

#define VH_F_PROTOCOL_FEATURES 30 /* feature bit */
enum { /* protocol feature bits */
       VH_P_MQ = 0,
       VH_P_REPLY_ACK = 3,
       VH_P_BACKEND_REQ = 5,
       VH_P_PAGEFAULT = 8,
       VH_P_CONFIG = 9,
       VH_P_HOST_NOTIFIER = 11,
       VH_P_INFLIGHT = 12,
       VH_P_RESET_DEVICE = 13,
       VH_P_MEM_SLOTS = 15,
       VH_P_STATUS = 16,
       VH_P_XEN_MMAP = 17,
};

#define VH_TABLE_REGIONS 8 /* in one SET_MEM_TABLE */
#define VH_MEM_SLOTS 512
#define VH_MAX_MSG 4096
#define VH_NO_FD 0x100 /* SET_VRING_KICK and its like */

struct vhost_user_hdr {
	uint32_t request, flags, size; /* of what follows */
};

struct vhost_user_region {
	uint64_t gpa, size, user, offset;
};

struct vhost_user_addr {
	uint32_t index, flags;
	uint64_t desc, used, avail, log;
};

struct vhost_user_inflight {
	uint64_t size, offset;
	uint16_t queues, queue_size;
};

struct vhost_user;

/* A request that a server before this one did not finish. */
struct vhost_user_left {
	uint64_t counter;
	struct emu_again again;
};

struct vhost_user_ring {
	struct server_source kick;
	struct vhost_user *u;
	int call, err;
	uint16_t num;
	bool has_addr, enabled, started, running;
	struct vhost_user_addr addr; /* the client's own addresses */
	uint32_t base;
	uint8_t *track; /* its part of the in-flight memory; NULL: not tracked */
	uint64_t counter; /* of requests, to keep their order */
	struct vhost_user_left *left; /* to be processed again, oldest first */
	unsigned nleft;
	struct packed_track *packed; /* vhost_user_packed.c */
};

struct vhost_user {
	struct server server;
	struct emu_virtio v;
	uint64_t features; /* accepted */
	uint64_t protocol;
	bool features_known;
	bool broke; /* and it was said that the driver broke the device */
	int channel; /* to the client, for messages that begin here; -1: none */
	/* What clients wrote to the configuration, and a bit for each byte that they did. */
	uint8_t wrote[256], wrote_known[256 / 8];
	struct vhost_user_ring *ring; /* one a queue of v */
	/* requests in flight, in memory that outlives this process */
	struct server_map track_map;
	uint8_t *track;
	uint16_t track_size; /* entries a queue */
	bool track_packed; /* their layout */
};

/*
 * The areas of a ring by guest-physical address: the client names them by its own.  Only their
 * first bytes are looked up; the ring's code checks that they are in memory.  0 or -EFAULT.
 */
int vhost_user_place(const struct server_maps *m, const struct vhost_user_addr *a, uint64_t *desc,
		     uint64_t *driver, uint64_t *device);

/* How this back end handles a message; tables of handlers have one at the request's place. */
typedef int vhost_user_handler(struct vhost_user *u, const struct vhost_user_hdr *h, uint8_t *p,
			       size_t len);

static inline bool vhost_user_has(const struct vhost_user *u, unsigned protocol_bit)
{
	return u->protocol >> protocol_bit & 1;
}

int vhost_user_reply(struct vhost_user *u, const struct vhost_user_hdr *h, const void *body,
		     size_t len, int fd);

/* vhost_user_ring.c: rings and memory */
extern vhost_user_handler *const vhost_user_ring_handlers[VH_REQUESTS];
void vhost_user_rings_stop(struct vhost_user *u); /* after draining; bases are kept */
void vhost_user_rings_start(struct vhost_user *u); /* those that the client has set up */
void vhost_user_rings_drop(struct vhost_user *u); /* release all that belonged to the client */

/* vhost_user_inflight.c: requests that outlive this process, 'inflight I/O tracking' */
extern vhost_user_handler *const vhost_user_inflight_handlers[VH_REQUESTS];
void vhost_user_inflight_drop(struct vhost_user *u);
/* A ring is about to run: find the requests that were left in flight. */
int vhost_user_inflight_start(struct vhost_user_ring *r, struct emu_queue *q);
/* It runs: process those again. */
void vhost_user_inflight_redo(struct vhost_user_ring *r, struct emu_queue *q);

/* vhost_user_packed.c: the same for packed rings, whose layout differs */
uint64_t vhost_user_packed_len(uint16_t queue_size);
int vhost_user_packed_start(struct vhost_user_ring *r, struct emu_queue *q);
void vhost_user_packed_drop(struct vhost_user_ring *r);

#endif
