/* SPDX-License-Identifier: MIT */
/*
 * Interface between the programs that probe a kernel's virtio drivers and user space: what is
 * known of a probed function, and offsets in the kernel's structures.  Included by BPF C:
 * fixed layouts and <linux/types.h> only.
 */
#ifndef VQT_BPF_PROG_GUEST_H
#define VQT_BPF_PROG_GUEST_H

#include <linux/types.h>

/* An offset that was not found; what needs it is not recorded. */
#define VQG_UNKNOWN 0xffff

/*
 * Offsets in the kernel's structures.  User space reads them from BTF, the kernel's and its
 * modules', and writes them here: the programs are loaded before the modules, whose types
 * CO-RE could not find then.
 */
struct vqg_layout {
	/* struct virtio_device, virtio_device_id, device, kobject, virtio_driver */
	__u16 vdev_dev, vdev_id_device, vdev_features;
	__u16 dev_parent, dev_driver, dev_kobj_name;
	__u16 drv_driver, drv_features, drv_nfeatures;
	/* struct pci_dev, virtio_pci_device, virtio_pci_modern_device, _legacy_device, _vq_info */
	__u16 pci_dev, vpd_pci, vpd_legacy, vpd_vqs, vpd_msix, mdev_pci, ldev_pci;
	__u16 vqi_vector;
	/* struct virtqueue, vring_virtqueue */
	__u16 vq_vdev, vq_index;
	__u16 vvq_packed, vvq_event, vvq_added, vvq_last_used;
	__u16 split_num, split_desc, split_avail, split_used, split_idx, split_state;
	__u16 state_size, state_table; /* struct vring_desc_state_split */
	__u16 packed_num, packed_desc, packed_driver, packed_device, packed_wrap, packed_next;
	__u16 packed_state, pstate_size, pstate_table;
	/* struct request, blk_mq_hw_ctx, blk_mq_queue_data, request_queue, virtio_blk, tag_set */
	__u16 rq_q, rq_hctx, rq_flags, rq_tag, rq_len, rq_sector, rq_start;
	__u16 hctx_queue, hctx_num, q_data, vblk_vdev;
	__u16 set_queues, set_depth, set_node;
	/* struct net_device: what the driver has behind it; virtnet_info, receive_queue, send_queue */
	__u16 net_size, net_priv, vi_vdev, rxq_napi, rxq_vq, txq_napi, txq_vq;
};

/* What the programs and user space share besides maps. */
struct vqg_shared {
	struct vqg_layout layout; /* written again when a module has come */
	__u32 snaplen;
	/* Address of the kernel's page_offset_base; 0: unknown, or another machine than x86-64. */
	__u64 linear_map_at;
	/* Where the kernel is entered: by interrupts, system calls; 0: unknown. */
	__u64 entry_text, entry_size;
	__u32 next_seq;
	__u32 last_device;
	/*
	 * The queues of the virtio port that the trace goes to, the type of a device with ports, and
	 * who writes there: a process, and the device and inode of its PID namespace.
	 */
	__u64 output_queues; /* bit n: queue n; 0: it goes elsewhere */
	__u32 output_type;
	__u64 pid_dev, pid_ino;
	__u32 pid;
};

/* How the first argument of a function leads to the device. */
enum vqg_object {
	VQG_NOTHING, /* it does not: the device of the function that called it */
	VQG_VDEV, /* struct virtio_device; a virtio_pci_device, virtio_mmio_device begins with one */
	VQG_DEV, /* struct device inside one */
	VQG_PCI, /* struct pci_dev */
	VQG_MDEV, /* struct virtio_pci_modern_device */
	VQG_LDEV, /* struct virtio_pci_legacy_device */
	VQG_VQ, /* struct virtqueue */
	VQG_HCTX, /* struct blk_mq_hw_ctx of a virtio_blk */
	VQG_VBLK, /* struct virtio_blk */
	VQG_RQLIST, /* points to the first struct request of a list */
	VQG_NET, /* the second one: struct net_device of a virtio_net */
	VQG_NAPI_RX, /* struct napi_struct of its receive_queue, or its send_queue */
	VQG_NAPI_TX,
	VQG_IRQ_VDEV, /* the second one: struct virtio_device, as in VQG_VDEV */
	VQG_IRQ_VQ, /* the second one: struct virtqueue */
};

/* What a function's program does besides the VQT_GUEST record. */
enum vqg_special {
	VQG_PLAIN,
	VQG_REGISTERS, /* register accesses in place of it: vqg_function.access */
	VQG_CONFIG_GET, /* vp_get(vdev, offset, buf, len) */
	VQG_CONFIG_SET,
	VQG_ADD, /* virtqueue_add_*: VQT_AVAIL */
	VQG_PREPARE, /* virtqueue_kick_prepare */
	VQG_NOTIFY, /* vp_notify(vq): VQT_KICK */
	VQG_NOTIFY_DATA, /* the same, with what vring_notification_data() says */
	VQG_SHARED, /* vp_vring_interrupt: it calls the next for every queue */
	VQG_HANDLER, /* vring_interrupt: VQT_IRQ */
	VQG_CONFIG_HANDLER,
	VQG_TAKE, /* virtqueue_get_buf_ctx: VQT_USED */
	VQG_CALLBACKS, /* virtqueue_enable_cb and its like */
	VQG_PROBE, /* virtio_dev_probe: features */
	VQG_FEATURES, /* what the device offers: vqg_function.gives */
	VQG_TAG_SET, /* blk_mq_alloc_tag_set */
	VQG_QUEUE_RQ, /* virtio_queue_rq(hctx, bd), virtio_queue_rqs(list): the queue is a virtio_blk's */
	VQG_FORGET, /* the queue ends, or is reset: what is remembered of its chains */
	VQG_DELETE, /* pci remove: the device's id is not used again */
};

/* Where the value of a register access comes from. */
enum vqg_from {
	VQG_FROM_CONST,
	VQG_FROM_ARG, /* its low bytes */
	VQG_FROM_ARG_HIGH, /* its high 32 bits */
	VQG_FROM_RET,
	VQG_FROM_RET_HIGH,
};

/* How a function that reads features gives them. */
enum vqg_gives {
	VQG_GIVES_UNKNOWN, /* not recorded */
	VQG_GIVES_RESULT,
	VQG_GIVES_ARG1, /* it writes to where its second argument points: Linux 6.17 */
};

struct vqg_access {
	__u8 op; /* VQT_READ, VQT_WRITE */
	__u8 width;
	__u8 from; /* enum vqg_from */
	__u8 n; /* of the argument, or the constant */
	__u16 offset;
	__u8 region; /* enum vqt_region; 0: no more accesses */
	__u8 at_return; /* the value is known then */
};

#define VQG_ACCESSES 8
#define VQG_NAME 32

#define VQG_SILENT 0x01 /* no VQT_GUEST record */
#define VQG_INSIDE 0x02 /* only where a function of virtio called it */
#define VQG_ONLY_RETURN 0x04 /* no record of its entry */

/* A probed function; a probe's cookie is its index in the map of functions. */
struct vqg_function {
	char name[VQG_NAME];
	__u16 what; /* enum vqt_guest_what */
	__u8 object; /* enum vqg_object */
	__u8 special; /* enum vqg_special */
	__u8 flags;
	__u8 fast; /* a trampoline (fentry, fexit) sees new calls; the kprobe ends those it began */
	__u8 nargs; /* recorded */
	__u8 name_len; /* 0: the name is not recorded, `what` says it */
	__u8 number; /* enum vqt_guest_function: recorded in place of the name; 0: none */
	__u8 gives; /* enum vqg_gives; known when its BTF is */
	__u8 arg[5]; /* which, from 0 */
	struct vqg_access access[VQG_ACCESSES];
};

#define VQG_VVQ_BYTES 384 /* of a struct vring_virtqueue that one read copies */
#define VQG_FUNCTIONS 256
#define VQG_FRAMES 16 /* functions inside each other in a thread */
#define VQG_RECORD 8192 /* bytes of the largest record */
#define VQG_CHAIN 256 /* descriptors of a chain that are recorded */
#define VQG_SCRATCH_PER_CPU 4
#define VQG_DEVICES 256 /* ids in a trace, from 1; each plugged in again has a new one */

/* A device, by the address of the struct device that it hangs on. */
struct vqg_device {
	__u16 id; /* in the trace */
	__u8 skip; /* not asked for */
	__u8 typed; /* its virtio device and type are known */
	__u8 has_offered; /* offered is known */
	__u8 pad[3];
	__u64 vdev, offered;
	__u64 skip_queues; /* bit n: queue n is not recorded */
};

/* What user space learns of a device when it is first seen: the tail of a VQT_DEVICE. */
struct vqg_found {
	__u64 vdev; /* 0 unknown yet */
	char parent[32]; /* name of the parent: 0000:00:04.0 */
};

#define VQG_STACK_RAW 96 /* frames that are asked for; some of the first may be the probe's own */
#define VQG_STACKS 4096 /* different ones that are told apart */

/* A call stack, once: the tail of a VQT_STACK, which has no number of its own. */
struct vqg_stack {
	__u64 key;
	__u16 first, n; /* frames [first, first + n) count */
	__u16 len; /* bytes of text behind it: the name of each, with a NUL */
	__u16 cut; /* there may be more */
	__u64 pc[VQG_STACK_RAW];
};

/* An event whose header has this source ends in a reference to its stack. */
#define VQG_SOURCE_STACK 0xff

struct vqg_stack_ref {
	__u32 key[2]; /* low, high */
};

enum vqg_counter {
	VQG_LOST_BUFFER, /* the ring buffer was full */
	VQG_MISSED, /* calls that were not followed, or not to their end */
	VQG_STACKS_MISSED, /* stacks that were asked for and could not be taken */
	VQG_COUNTERS,
};

#endif
