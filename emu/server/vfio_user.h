/* SPDX-License-Identifier: MIT */
/*
 * Between the files of vfio-user, protocol 0.1: a PCI function served to a client that has
 * its bus (QEMU's vfio-user-pci).  Little-endian; the structures are VFIO's.
 */
#ifndef VQT_EMU_SERVER_VFIO_USER_H
#define VQT_EMU_SERVER_VFIO_USER_H

#include "emu/transport/transport.h"
#include "emu/server/server.h"
#include "emu/server/map.h"

enum vfio_user_command {
	VU_VERSION = 1,
	VU_DMA_MAP = 2,
	VU_DMA_UNMAP = 3,
	VU_DEVICE_GET_INFO = 4,
	VU_GET_REGION_INFO = 5,
	VU_GET_REGION_IO_FDS = 6,
	VU_GET_IRQ_INFO = 7,
	VU_SET_IRQS = 8,
	VU_REGION_READ = 9,
	VU_REGION_WRITE = 10,
	VU_DMA_READ = 11, /* from us */
	VU_DMA_WRITE = 12, /* from us */
	VU_DEVICE_RESET = 13,
	VU_REGION_WRITE_MULTI = 15,
};

/* flags */
#define VU_TYPE 0xf
#define VU_REPLY 0x1
#define VU_NO_REPLY 0x10
#define VU_ERROR 0x20

struct vfio_user_hdr {
	uint16_t id, command;
	uint32_t size; /* header included */
	uint32_t flags, error;
};

#define VU_MAX_DATA (1u << 20)
#define VU_MAX_MSG (VU_MAX_DATA + 4096)
#define VU_REGIONS 9
#define VU_IRQS 5
#define VU_VECTORS 2048

struct vfio_user_dma_map {
	uint32_t argsz, flags; /* 1 readable, 2 writable */
	uint64_t offset, address, size;
};

struct vfio_user_dma_unmap {
	uint32_t argsz, flags; /* 2 all */
	uint64_t address, size;
};

struct vfio_user_region_access { /* data follows */
	uint64_t offset;
	uint32_t region, count;
};

struct vfio_user_dma_access { /* data follows */
	uint64_t address, count;
};

/* A message that is handled later, when the DMA of the device is over. */
struct vfio_user_later {
	struct vfio_user_later *next;
	struct server_in in;
	size_t bytes; /* of memory */
	unsigned fds;
};

struct vfio_user {
	struct server server;
	struct emu_device *dev;
	bool version_known;
	uint32_t client_data_max; /* the most data that the client accepts in a message */
	/* interrupts: 5.4 of VFIO's uapi, indexes INTX and MSIX */
	int intx_fd, vector_fd[VU_VECTORS];
	bool pending[VU_VECTORS]; /* sent while the vector had no descriptor */
	struct server_source intx_unmask;
	bool intx_level, intx_masked;
	/* the DMA message whose answer is awaited */
	struct {
		bool waiting;
		bool refused; /* the client waits for the answer to its reset: no DMA meanwhile */
		uint16_t id, command;
		uint8_t *in;
		size_t len;
		int ret;
	} dma;
	uint16_t next_id;
	int dma_timeout_ms;
	int64_t ends_us; /* when it was seen that the server is about to end; 0: not yet */
	struct vfio_user_later *later, **later_tail;
	size_t later_bytes; /* of all of them */
	unsigned later_fds;
	bool unmap_later; /* an unmapping is among them */
	uint8_t *scratch; /* replies with data */
};

/* vfio_user_irq.c */
int vfio_user_irq_info(struct vfio_user *u, uint32_t index, uint32_t *flags, uint32_t *count);
/* Negative errno for the reply. */
int vfio_user_set_irqs(struct vfio_user *u, const uint8_t *p, size_t len);
void vfio_user_irqs_init(struct vfio_user *u);
void vfio_user_irqs_drop(struct vfio_user *u);
void vfio_user_msix(void *opaque, uint16_t vector);
void vfio_user_intx(void *opaque, bool level);

/* vfio_user_dma.c: memory that comes without a descriptor, read and written by messages */
extern const struct emu_mem_ops vfio_user_dma_ops;
void vfio_user_dma_answer(struct vfio_user *u, const struct vfio_user_hdr *h, const uint8_t *p,
			  size_t len);

#endif
