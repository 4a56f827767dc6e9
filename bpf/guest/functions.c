/* SPDX-License-Identifier: MIT */
#include <linux/virtio_mmio.h>
#include <linux/virtio_pci.h>
#include <stddef.h>

#include "bpf/guest/functions.h"
#include "decoder/trace/event.h"

/* A function: module, name, VQT_GUEST_*, VQG_* object; then special, flags, arguments. */
#define F(mod, function, what_, object_, ...) \
	NEEDED(NULL, mod, function, what_, object_, __VA_ARGS__)
/* The same, and what the trace lacks without it. */
#define NEEDED(costs_, mod, function, what_, object_, ...) \
	{ \
		.costs = costs_, .module = mod, \
		.f = { .name = #function, \
		       .name_len = sizeof(#function) - 1, \
		       .what = VQT_GUEST_##what_, \
		       .object = VQG_##object_, \
		       __VA_ARGS__ }, \
	}
/* One whose records have its number, as every request calls it. */
#define HOT(mod, function, ...) F(mod, function, __VA_ARGS__, NUMBER(function))
#define NUMBER(function) .number = VQT_FUNCTION_##function
#define DOES(special_) .special = VQG_##special_
#define ARG(n) .nargs = 1, .arg = { n }
#define ARG2(n, m) .nargs = 2, .arg = { n, m }

/*
 * Register accesses of a function, in their order: op, region, offset, width, value.  A read's
 * value is known at the return; so is the order of what comes after it.
 */
#define WRITE(region_, offset_, width_, from_, n_) \
	{ \
		.op = VQT_WRITE, .width = width_, .from = VQG_FROM_##from_, .n = n_, \
		.offset = offset_, .region = VQT_REGION_##region_ \
	}
#define THEN_WRITE(region_, offset_, width_, from_, n_) \
	{ \
		.op = VQT_WRITE, .width = width_, .from = VQG_FROM_##from_, .n = n_, \
		.offset = offset_, .region = VQT_REGION_##region_, .at_return = 1 \
	}
#define READ(region_, offset_, width_, from_) \
	{ \
		.op = VQT_READ, .width = width_, .from = VQG_FROM_##from_, .offset = offset_, \
		.region = VQT_REGION_##region_, .at_return = 1 \
	}
#define R(mod, function, object_, ...) \
	F(mod, function, CONFIG_OP, object_, .special = VQG_REGISTERS, .flags = VQG_SILENT, \
	  .access = { __VA_ARGS__ })
#define MODERN(function, ...) R("virtio_pci_modern_dev", function, MDEV, __VA_ARGS__)
#define LEGACY_(function, ...) R("virtio_pci_legacy_dev", function, LDEV, __VA_ARGS__)
#define SELECT WRITE(COMMON, VIRTIO_PCI_COMMON_Q_SELECT, 2, ARG, 1)
#define LEGACY_SELECT WRITE(LEGACY, VIRTIO_PCI_QUEUE_SEL, 2, ARG, 1)
#define VIRTIO_PCI_COMMON_Q_RESET_ 58 /* newer than this kernel's header may be: 4.1.4.3 */

const struct probed probed_functions[] = {
	/* The device is found, and its registers are mapped. */
	F(NULL, pci_enable_device, LIFECYCLE, NOTHING, .flags = VQG_INSIDE),
	F("virtio_pci", virtio_pci_probe, LIFECYCLE, PCI),
	F("virtio_pci", virtio_pci_modern_probe, LIFECYCLE, VDEV),
	F("virtio_pci", virtio_pci_legacy_probe, LIFECYCLE, VDEV),
	F("virtio_pci_modern_dev", vp_modern_probe, LIFECYCLE, MDEV),
	F("virtio_pci_legacy_dev", vp_legacy_probe, LIFECYCLE, LDEV),
	F("virtio_pci_modern_dev", vp_modern_map_capability, LIFECYCLE, MDEV, ARG2(1, 2)),
	F("virtio_mmio", virtio_mmio_probe, LIFECYCLE, NOTHING),
	NEEDED("when devices are registered", "virtio", register_virtio_device, LIFECYCLE, VDEV),
	F("virtio", unregister_virtio_device, LIFECYCLE, VDEV),
	F("virtio", virtio_dev_match, LIFECYCLE, DEV),
	/* A driver takes it. */
	NEEDED("features, as they were negotiated", "virtio", virtio_dev_probe, LIFECYCLE, DEV,
	       DOES(PROBE)),
	F("virtio", virtio_features_ok, LIFECYCLE, VDEV),
	F("virtio_blk", virtblk_probe, LIFECYCLE, VDEV),
	F("virtio_net", virtnet_probe, LIFECYCLE, VDEV),
	F("virtio_console", virtcons_probe, LIFECYCLE, VDEV),
	F("virtio_rng", virtrng_probe, LIFECYCLE, VDEV),
	F("virtio_balloon", virtballoon_probe, LIFECYCLE, VDEV),
	F("virtio_scsi", virtscsi_probe, LIFECYCLE, VDEV),
	F("9pnet_virtio", p9_virtio_probe, LIFECYCLE, VDEV),
	F("virtiofs", virtio_fs_probe, LIFECYCLE, VDEV),
	F("virtio_gpu", virtio_gpu_probe, LIFECYCLE, VDEV),
	F("virtio_input", virtinput_probe, LIFECYCLE, VDEV),
	F("virtio_crypto", virtcrypto_probe, LIFECYCLE, VDEV),
	F("vmw_vsock_virtio_transport", virtio_vsock_probe, LIFECYCLE, VDEV),
	F("virtio_pmem", virtio_pmem_probe, LIFECYCLE, VDEV),
	F("virtio_mem", virtio_mem_probe, LIFECYCLE, VDEV),
	F("virtio_iommu", viommu_probe, LIFECYCLE, VDEV),
	F("virtio_snd", virtsnd_probe, LIFECYCLE, VDEV),
	F("i2c_virtio", virtio_i2c_probe, LIFECYCLE, VDEV),
	F("gpio_virtio", virtio_gpio_probe, LIFECYCLE, VDEV),
	F("virtio_blk", init_vq, LIFECYCLE, VBLK),
	F("virtio_console", init_vqs, LIFECYCLE, NOTHING),
	F("virtio_net", virtnet_find_vqs, LIFECYCLE, NOTHING),
	F("virtio_pci", vp_find_vqs_msix, LIFECYCLE, VDEV, ARG(1)),
	F("virtio_pci", setup_vq, LIFECYCLE, VDEV),
	F("virtio_pci", vp_setup_vq, LIFECYCLE, VDEV, ARG(1)),
	F("virtio_ring", vring_create_virtqueue, LIFECYCLE, NOTHING, .flags = VQG_INSIDE,
	  ARG2(0, 1)),
	F("virtio_ring", vring_del_virtqueue, LIFECYCLE, VQ, DOES(FORGET)),
	F(NULL, blk_mq_alloc_tag_set, LIFECYCLE, NOTHING, .flags = VQG_INSIDE, DOES(TAG_SET)),
	F(NULL, device_add_disk, LIFECYCLE, NOTHING, .flags = VQG_INSIDE),
	F(NULL, register_netdev, LIFECYCLE, NOTHING, .flags = VQG_INSIDE),
	F("virtio", virtio_config_changed, LIFECYCLE, VDEV),
	F("virtio_blk", virtblk_config_changed_work, LIFECYCLE, NOTHING),
	F("virtio_net", virtnet_config_changed_work, LIFECYCLE, NOTHING),
	/* It ends, sleeps and wakes. */
	F("virtio", virtio_reset_device, LIFECYCLE, VDEV),
	F("virtio_ring", virtio_break_device, LIFECYCLE, VDEV),
	F("virtio", virtio_dev_remove, LIFECYCLE, DEV),
	F("virtio_blk", virtblk_remove, LIFECYCLE, VDEV),
	F("virtio_net", virtnet_remove, LIFECYCLE, VDEV),
	F("virtio_pci", virtio_pci_remove, LIFECYCLE, PCI, DOES(DELETE)),
	F("virtio", virtio_device_freeze, LIFECYCLE, VDEV),
	F("virtio", virtio_device_restore, LIFECYCLE, VDEV),
	/* struct virtio_config_ops */
	F("virtio_pci", vp_get, CONFIG_OP, VDEV, DOES(CONFIG_GET), ARG2(1, 3)),
	F("virtio_pci", vp_set, CONFIG_OP, VDEV, DOES(CONFIG_SET), ARG2(1, 3)),
	F("virtio_pci", vp_generation, CONFIG_OP, VDEV),
	F("virtio_pci", vp_get_status, CONFIG_OP, VDEV),
	F("virtio_pci", vp_set_status, CONFIG_OP, VDEV, ARG(1)),
	F("virtio_pci", vp_reset, CONFIG_OP, VDEV),
	F("virtio_pci", vp_modern_find_vqs, CONFIG_OP, VDEV, ARG(1)),
	F("virtio_pci", vp_find_vqs, CONFIG_OP, VDEV, ARG(1)),
	F("virtio_pci", vp_del_vqs, CONFIG_OP, VDEV),
	F("virtio_pci", vp_synchronize_vectors, CONFIG_OP, VDEV),
	F("virtio_pci", vp_get_features, CONFIG_OP, VDEV, DOES(FEATURES)),
	F("virtio_pci", vp_finalize_features, CONFIG_OP, VDEV),
	F("virtio_pci", vp_bus_name, CONFIG_OP, VDEV),
	F("virtio_pci", vp_set_vq_affinity, CONFIG_OP, VQ),
	F("virtio_pci", vp_get_vq_affinity, CONFIG_OP, VDEV, ARG(1)),
	F("virtio_pci", vp_get_shm_region, CONFIG_OP, VDEV, ARG(2)),
	F("virtio_pci", vp_modern_disable_vq_and_reset, CONFIG_OP, VQ, DOES(FORGET)),
	F("virtio_pci", vp_modern_enable_vq_after_reset, CONFIG_OP, VQ),
	F("virtio_mmio", vm_get, CONFIG_OP, VDEV, ARG2(1, 3)),
	F("virtio_mmio", vm_set, CONFIG_OP, VDEV, ARG2(1, 3)),
	F("virtio_mmio", vm_generation, CONFIG_OP, VDEV, DOES(REGISTERS),
	  .access = { READ(MMIO, VIRTIO_MMIO_CONFIG_GENERATION, 4, RET) }),
	F("virtio_mmio", vm_get_status, CONFIG_OP, VDEV, DOES(REGISTERS),
	  .access = { READ(MMIO, VIRTIO_MMIO_STATUS, 4, RET) }),
	F("virtio_mmio", vm_set_status, CONFIG_OP, VDEV, DOES(REGISTERS), ARG(1),
	  .access = { WRITE(MMIO, VIRTIO_MMIO_STATUS, 4, ARG, 1) }),
	F("virtio_mmio", vm_reset, CONFIG_OP, VDEV, DOES(REGISTERS),
	  .access = { WRITE(MMIO, VIRTIO_MMIO_STATUS, 4, CONST, 0) }),
	F("virtio_mmio", vm_find_vqs, CONFIG_OP, VDEV, ARG(1)),
	F("virtio_mmio", vm_del_vqs, CONFIG_OP, VDEV),
	F("virtio_mmio", vm_get_features, CONFIG_OP, VDEV, DOES(FEATURES)),
	F("virtio_mmio", vm_finalize_features, CONFIG_OP, VDEV),
	/* Registers: 4.1.4.3. */
	MODERN(vp_modern_get_features, WRITE(COMMON, VIRTIO_PCI_COMMON_DFSELECT, 4, CONST, 0),
	       READ(COMMON, VIRTIO_PCI_COMMON_DF, 4, RET),
	       THEN_WRITE(COMMON, VIRTIO_PCI_COMMON_DFSELECT, 4, CONST, 1),
	       READ(COMMON, VIRTIO_PCI_COMMON_DF, 4, RET_HIGH)),
	MODERN(vp_modern_get_driver_features,
	       WRITE(COMMON, VIRTIO_PCI_COMMON_GFSELECT, 4, CONST, 0),
	       READ(COMMON, VIRTIO_PCI_COMMON_GF, 4, RET),
	       THEN_WRITE(COMMON, VIRTIO_PCI_COMMON_GFSELECT, 4, CONST, 1),
	       READ(COMMON, VIRTIO_PCI_COMMON_GF, 4, RET_HIGH)),
	MODERN(vp_modern_set_features, WRITE(COMMON, VIRTIO_PCI_COMMON_GFSELECT, 4, CONST, 0),
	       WRITE(COMMON, VIRTIO_PCI_COMMON_GF, 4, ARG, 1),
	       WRITE(COMMON, VIRTIO_PCI_COMMON_GFSELECT, 4, CONST, 1),
	       WRITE(COMMON, VIRTIO_PCI_COMMON_GF, 4, ARG_HIGH, 1)),
	MODERN(vp_modern_generation, READ(COMMON, VIRTIO_PCI_COMMON_CFGGENERATION, 1, RET)),
	MODERN(vp_modern_get_status, READ(COMMON, VIRTIO_PCI_COMMON_STATUS, 1, RET)),
	MODERN(vp_modern_set_status, WRITE(COMMON, VIRTIO_PCI_COMMON_STATUS, 1, ARG, 1)),
	MODERN(vp_modern_config_vector, WRITE(COMMON, VIRTIO_PCI_COMMON_MSIX, 2, ARG, 1),
	       READ(COMMON, VIRTIO_PCI_COMMON_MSIX, 2, RET)),
	MODERN(vp_modern_queue_vector, SELECT, WRITE(COMMON, VIRTIO_PCI_COMMON_Q_MSIX, 2, ARG, 2),
	       READ(COMMON, VIRTIO_PCI_COMMON_Q_MSIX, 2, RET)),
	MODERN(vp_modern_queue_address, SELECT,
	       WRITE(COMMON, VIRTIO_PCI_COMMON_Q_DESCLO, 4, ARG, 2),
	       WRITE(COMMON, VIRTIO_PCI_COMMON_Q_DESCHI, 4, ARG_HIGH, 2),
	       WRITE(COMMON, VIRTIO_PCI_COMMON_Q_AVAILLO, 4, ARG, 3),
	       WRITE(COMMON, VIRTIO_PCI_COMMON_Q_AVAILHI, 4, ARG_HIGH, 3),
	       WRITE(COMMON, VIRTIO_PCI_COMMON_Q_USEDLO, 4, ARG, 4),
	       WRITE(COMMON, VIRTIO_PCI_COMMON_Q_USEDHI, 4, ARG_HIGH, 4)),
	MODERN(vp_modern_set_queue_enable, SELECT,
	       WRITE(COMMON, VIRTIO_PCI_COMMON_Q_ENABLE, 2, ARG, 2)),
	MODERN(vp_modern_get_queue_enable, SELECT,
	       READ(COMMON, VIRTIO_PCI_COMMON_Q_ENABLE, 2, RET)),
	MODERN(vp_modern_set_queue_size, SELECT,
	       WRITE(COMMON, VIRTIO_PCI_COMMON_Q_SIZE, 2, ARG, 2)),
	MODERN(vp_modern_get_queue_size, SELECT, READ(COMMON, VIRTIO_PCI_COMMON_Q_SIZE, 2, RET)),
	MODERN(vp_modern_get_num_queues, READ(COMMON, VIRTIO_PCI_COMMON_NUMQ, 2, RET)),
	MODERN(vp_modern_set_queue_reset, SELECT,
	       WRITE(COMMON, VIRTIO_PCI_COMMON_Q_RESET_, 2, CONST, 1)),
	/* The same of the legacy interface: 4.1.4.10. */
	LEGACY_(vp_legacy_get_features, READ(LEGACY, VIRTIO_PCI_HOST_FEATURES, 4, RET)),
	LEGACY_(vp_legacy_get_driver_features, READ(LEGACY, VIRTIO_PCI_GUEST_FEATURES, 4, RET)),
	LEGACY_(vp_legacy_set_features, WRITE(LEGACY, VIRTIO_PCI_GUEST_FEATURES, 4, ARG, 1)),
	LEGACY_(vp_legacy_get_status, READ(LEGACY, VIRTIO_PCI_STATUS, 1, RET)),
	LEGACY_(vp_legacy_set_status, WRITE(LEGACY, VIRTIO_PCI_STATUS, 1, ARG, 1)),
	LEGACY_(vp_legacy_config_vector, WRITE(LEGACY, VIRTIO_MSI_CONFIG_VECTOR, 2, ARG, 1),
		READ(LEGACY, VIRTIO_MSI_CONFIG_VECTOR, 2, RET)),
	LEGACY_(vp_legacy_queue_vector, LEGACY_SELECT,
		WRITE(LEGACY, VIRTIO_MSI_QUEUE_VECTOR, 2, ARG, 2),
		READ(LEGACY, VIRTIO_MSI_QUEUE_VECTOR, 2, RET)),
	LEGACY_(vp_legacy_set_queue_address, LEGACY_SELECT,
		WRITE(LEGACY, VIRTIO_PCI_QUEUE_PFN, 4, ARG, 2)),
	LEGACY_(vp_legacy_get_queue_size, LEGACY_SELECT,
		READ(LEGACY, VIRTIO_PCI_QUEUE_NUM, 2, RET)),
	/* The ring. */
	F("virtio_ring", virtqueue_add_sgs, ADD, VQ, DOES(ADD), .flags = VQG_SILENT),
	F("virtio_ring", virtqueue_add_outbuf, ADD, VQ, DOES(ADD), .flags = VQG_SILENT),
	F("virtio_ring", virtqueue_add_outbuf_premapped, ADD, VQ, DOES(ADD), .flags = VQG_SILENT),
	F("virtio_ring", virtqueue_add_inbuf, ADD, VQ, DOES(ADD), .flags = VQG_SILENT),
	F("virtio_ring", virtqueue_add_inbuf_ctx, ADD, VQ, DOES(ADD), .flags = VQG_SILENT),
	F("virtio_ring", virtqueue_add_inbuf_premapped, ADD, VQ, DOES(ADD), .flags = VQG_SILENT),
	NEEDED("whether kicks were needed", "virtio_ring", virtqueue_kick_prepare, KICK_PREPARE, VQ,
	       DOES(PREPARE), .flags = VQG_ONLY_RETURN, NUMBER(virtqueue_kick_prepare)),
	HOT("virtio_pci", vp_notify, NOTIFY, VQ, DOES(NOTIFY), .flags = VQG_ONLY_RETURN),
	HOT("virtio_mmio", vm_notify, NOTIFY, VQ, DOES(NOTIFY), .flags = VQG_ONLY_RETURN),
	HOT("virtio_pci", vp_notify_with_data, NOTIFY, VQ, DOES(NOTIFY_DATA),
	    .flags = VQG_ONLY_RETURN),
	HOT("virtio_mmio", vm_notify_with_data, NOTIFY, VQ, DOES(NOTIFY_DATA),
	    .flags = VQG_ONLY_RETURN),
	HOT("virtio_ring", virtqueue_disable_cb, CALLBACKS, VQ, DOES(CALLBACKS),
	    .flags = VQG_ONLY_RETURN),
	HOT("virtio_ring", virtqueue_enable_cb, CALLBACKS, VQ, DOES(CALLBACKS),
	    .flags = VQG_ONLY_RETURN),
	HOT("virtio_ring", virtqueue_enable_cb_prepare, CALLBACKS, VQ, DOES(CALLBACKS),
	    .flags = VQG_ONLY_RETURN),
	HOT("virtio_ring", virtqueue_enable_cb_delayed, CALLBACKS, VQ, DOES(CALLBACKS),
	    .flags = VQG_ONLY_RETURN),
	F("virtio_ring", virtqueue_get_buf, GET_BUF, VQ, DOES(TAKE), .flags = VQG_SILENT),
	NEEDED("completions", "virtio_ring", virtqueue_get_buf_ctx, GET_BUF, VQ, DOES(TAKE),
	       .flags = VQG_SILENT),
	HOT("virtio_pci", vp_interrupt, INTERRUPT, IRQ_VDEV),
	HOT("virtio_mmio", vm_interrupt, INTERRUPT, IRQ_VDEV),
	F("virtio_pci", vp_vring_interrupt, INTERRUPT, IRQ_VDEV, DOES(SHARED), .flags = VQG_SILENT),
	F("virtio_pci", vp_config_changed, INTERRUPT, IRQ_VDEV, DOES(CONFIG_HANDLER)),
	NEEDED("interrupts of queues", "virtio_ring", vring_interrupt, INTERRUPT, IRQ_VQ,
	       DOES(HANDLER), .flags = VQG_ONLY_RETURN, NUMBER(vring_interrupt)),
	/* virtio_blk, virtio_net */
	NEEDED("requests of the block layer", "virtio_blk", virtio_queue_rq, SUBMIT, HCTX,
	       DOES(QUEUE_RQ), NUMBER(virtio_queue_rq)),
	HOT("virtio_blk", virtio_queue_rqs, SUBMIT, RQLIST, DOES(QUEUE_RQ)),
	HOT("virtio_blk", virtio_commit_rqs, SUBMIT, HCTX, DOES(QUEUE_RQ)),
	HOT("virtio_blk", virtblk_done, DONE, VQ),
	HOT("virtio_net", start_xmit, SUBMIT, NET),
	HOT("virtio_net", virtnet_poll, DONE, NAPI_RX),
	HOT("virtio_net", virtnet_poll_tx, DONE, NAPI_TX),
	HOT("virtio_net", skb_xmit_done, DONE, VQ),
	HOT("virtio_net", skb_recv_done, DONE, VQ),
};
const unsigned probed_count = sizeof(probed_functions) / sizeof(probed_functions[0]);
