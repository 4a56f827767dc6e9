/* SPDX-License-Identifier: MIT */
#include "bpf/qemu/probes.h"
#include "decoder/trace/event.h"

#define A(n) PROBE_ARG(n)
/* A lifecycle step: the function, the step, the type of its first argument, arguments by slot. */
#define LIFE_FLAGS(sym, step, object, flags_, ...) \
	{ \
		.symbol = sym, .program = QEMU_LIFECYCLE, .flags = flags_, .aux = step, \
		.what = object, .arg = { __VA_ARGS__ }, .costs = "that lifecycle step" \
	}
/* A call, which takes its time; or only a moment. */
#define LIFE(sym, step, object, ...) \
	LIFE_FLAGS(sym, step, object, QEMU_PROBE_LIFE | QEMU_PROBE_CALL, __VA_ARGS__)
#define LIFE_OPTIONAL(sym, step, object, ...) \
	LIFE_FLAGS(sym, step, object, QEMU_PROBE_LIFE | QEMU_PROBE_CALL | QEMU_PROBE_OPTIONAL, \
		   __VA_ARGS__)
#define MOMENT(sym, step, object, ...) LIFE_FLAGS(sym, step, object, QEMU_PROBE_LIFE, __VA_ARGS__)
/* Recorded only where calls are. */
#define CALL(sym, step, object, ...) \
	LIFE_FLAGS(sym, step, object, \
		   QEMU_PROBE_LIFE | QEMU_PROBE_CALL | QEMU_PROBE_CALLS_ONLY | \
			   QEMU_PROBE_OPTIONAL, \
		   __VA_ARGS__)
/* The same, of an object that may be a device's. */
#define OF_OBJECT(sym, step, flags_, ...) \
	{ \
		.symbol = sym, .program = QEMU_CALLBACK, .aux = step, .what = flags_, \
		.flags = QEMU_PROBE_LIFE | QEMU_PROBE_CALL | QEMU_PROBE_CALLS_ONLY, \
		.arg = { __VA_ARGS__ }, .costs = "that lifecycle step" \
	}

/* What is submitted to the block layer: opaque, offset, length. */
#define SUBMIT(sym, op, ...) \
	{ \
		.symbol = sym, .program = QEMU_SUBMIT, .flags = QEMU_PROBE_HOT, .aux = op, \
		.arg = { __VA_ARGS__ }, .costs = "when requests are given to the back end" \
	}

const struct probe_row probe_rows[] = {
	{ .symbol = "virtqueue_fill",
	  .program = QEMU_FILL,
	  .flags = QEMU_PROBE_HOT | QEMU_PROBE_ESSENTIAL,
	  .arg = { A(0), A(1), A(2), A(3) },
	  .costs = "completions" },
	{ .symbol = "virtqueue_detach_element",
	  .program = QEMU_FILL,
	  .aux = 1,
	  .arg = { A(0), A(1), A(2) },
	  .costs = "chains given up unused" },
	SUBMIT("blk_aio_preadv", VQT_BACKEND_READ | VQP_AUX_QIOV, A(5), A(1), A(2)),
	SUBMIT("blk_aio_pwritev", VQT_BACKEND_WRITE | VQP_AUX_QIOV, A(5), A(1), A(2)),
	SUBMIT("blk_aio_flush", VQT_BACKEND_FLUSH, A(2)),
	SUBMIT("blk_aio_pdiscard", VQT_BACKEND_DISCARD, A(4), A(1), A(2)),
	SUBMIT("blk_aio_pwrite_zeroes", VQT_BACKEND_ZEROES, A(5), A(1), A(2)),
	{ .symbol = "pci_host_config_write_common",
	  .program = QEMU_CONFIG,
	  .aux = VQT_WRITE,
	  .arg = { A(0), A(1), A(3), A(4) },
	  .costs = "PCI configuration writes" },
	{ .symbol = "pci_host_config_write_common",
	  .program = QEMU_CONFIG_RETURN,
	  .costs = "which register accesses come by the PCI window" },
	{ .symbol = "pci_host_config_read_common",
	  .program = QEMU_CONFIG,
	  .aux = VQT_READ,
	  .arg = { A(0), A(1), 0, A(3) },
	  .costs = "PCI configuration reads" },
	{ .symbol = "pci_host_config_read_common",
	  .program = QEMU_CONFIG_RETURN,
	  .costs = "PCI configuration reads" },
	{ .symbol = "pci_set_irq",
	  .program = QEMU_IRQ,
	  .aux = VQP_IRQ_INTX,
	  .arg = { A(0), A(1) },
	  .costs = "INTx interrupts" },
	{ .symbol = "msix_notify",
	  .program = QEMU_IRQ,
	  .flags = QEMU_PROBE_DELIVERY,
	  .aux = VQP_IRQ_MSIX,
	  .arg = { A(0), A(1) },
	  .costs = "MSI-X messages as sent" },
	{ .symbol = "virtio_notify_config",
	  .program = QEMU_LIFECYCLE,
	  .what = VQP_OBJ_VDEV | VQP_LIFECYCLE_IRQ,
	  .arg = { A(0) },
	  .costs = "configuration change interrupts" },
	LIFE("virtio_pci_types_register", VQT_LIFECYCLE_TYPE_REGISTER, VQP_OBJ_NONE, A(0)),
	LIFE("virtio_instance_init_common", VQT_LIFECYCLE_INSTANCE_INIT,
	     VQP_OBJ_QDEV | VQP_LIFECYCLE_TEXT, A(0), A(3)),
	LIFE("qdev_realize", VQT_LIFECYCLE_REALIZE, VQP_OBJ_QDEV | VQP_LIFECYCLE_TYPENAME, A(0)),
	LIFE("virtio_init", VQT_LIFECYCLE_VIRTIO_INIT, VQP_OBJ_VDEV, A(0), A(1), A(2)),
	LIFE("virtio_add_queue", VQT_LIFECYCLE_ADD_QUEUE, VQP_OBJ_VDEV, A(0), A(1), A(2)),
	LIFE("virtio_bus_device_plugged", VQT_LIFECYCLE_BUS_PLUGGED, VQP_OBJ_VDEV, A(0)),
	LIFE("pci_register_bar", VQT_LIFECYCLE_BAR, VQP_OBJ_PCI, A(0), A(1), A(2)),
	MOMENT("memory_region_init_io", VQT_LIFECYCLE_REGION, VQP_OBJ_QDEV | VQP_LIFECYCLE_TEXT,
	       A(1), A(4), A(5)),
	LIFE("msix_init", VQT_LIFECYCLE_MSIX_INIT, VQP_OBJ_PCI, A(0), A(1), A(3)),
	LIFE("virtio_bus_start_ioeventfd", VQT_LIFECYCLE_IOEVENTFD_START, VQP_OBJ_BUS, A(0)),
	LIFE("virtio_bus_stop_ioeventfd", VQT_LIFECYCLE_IOEVENTFD_STOP, VQP_OBJ_BUS, A(0)),
	LIFE_OPTIONAL("virtio_blk_data_plane_start", VQT_LIFECYCLE_DATAPLANE_START, VQP_OBJ_VDEV,
		      A(0)),
	LIFE_OPTIONAL("virtio_blk_data_plane_stop", VQT_LIFECYCLE_DATAPLANE_STOP, VQP_OBJ_VDEV,
		      A(0)),
	LIFE("virtio_bus_set_host_notifier", VQT_LIFECYCLE_HOST_NOTIFIER, VQP_OBJ_BUS, A(0), A(2),
	     0, 0, A(1)),
	LIFE_OPTIONAL("virtio_queue_aio_attach_host_notifier", VQT_LIFECYCLE_NOTIFIER_ATTACH,
		      VQP_OBJ_VQ, A(0)),
	LIFE_OPTIONAL("virtio_queue_aio_attach_host_notifier_no_poll",
		      VQT_LIFECYCLE_NOTIFIER_ATTACH, VQP_OBJ_VQ, A(0)),
	LIFE_OPTIONAL("virtio_queue_set_guest_notifier_fd_handler", VQT_LIFECYCLE_GUEST_NOTIFIER,
		      VQP_OBJ_VQ, A(0), A(1), A(2)),
	LIFE("kvm_irqchip_add_msi_route", VQT_LIFECYCLE_MSI_ROUTE, VQP_OBJ_PCI, A(2), A(1)),
	LIFE("kvm_irqchip_commit_routes", VQT_LIFECYCLE_GSI_COMMIT, VQP_OBJ_NONE, A(0)),
	LIFE("kvm_irqchip_add_irqfd_notifier_gsi", VQT_LIFECYCLE_IRQFD, VQP_OBJ_NONE, A(0), A(3)),
	LIFE("virtio_reset", VQT_LIFECYCLE_RESET, VQP_OBJ_VDEV | VQP_LIFECYCLE_REWIND, A(0)),
	LIFE("virtio_set_status", VQT_LIFECYCLE_SET_STATUS, VQP_OBJ_VDEV, A(0), A(1)),
	LIFE("virtio_set_features", VQT_LIFECYCLE_SET_FEATURES, VQP_OBJ_VDEV, A(0), A(1)),
	LIFE("virtio_queue_set_rings", VQT_LIFECYCLE_SET_RINGS, VQP_OBJ_VDEV | VQP_LIFECYCLE_REWIND,
	     A(0), A(2), A(3), A(4), A(1)),
	LIFE("virtio_queue_set_num", VQT_LIFECYCLE_SET_NUM, VQP_OBJ_VDEV, A(0), A(2), 0, 0, A(1)),
	/* A reset calls it 1,024 times, and what the driver writes is seen as a register's write. */
	LIFE_FLAGS("virtio_queue_set_vector", VQT_LIFECYCLE_SET_VECTOR, VQP_OBJ_VDEV,
		   QEMU_PROBE_LIFE | QEMU_PROBE_CALLS_ONLY, A(0), A(2), 0, 0, A(1)),
	LIFE("virtio_queue_enable", VQT_LIFECYCLE_QUEUE_ENABLE, VQP_OBJ_VDEV, A(0), 0, 0, 0, A(1)),
	LIFE("virtio_queue_reset", VQT_LIFECYCLE_QUEUE_RESET, VQP_OBJ_VDEV | VQP_LIFECYCLE_REWIND,
	     A(0), 0, 0, 0, A(1)),
	MOMENT("virtio_error", VQT_LIFECYCLE_ERROR, VQP_OBJ_VDEV | VQP_LIFECYCLE_TEXT, A(0), A(1)),
	LIFE("virtio_del_queue", VQT_LIFECYCLE_DELETE_QUEUE, VQP_OBJ_VDEV, A(0), 0, 0, 0, A(1)),
	LIFE("virtio_cleanup", VQT_LIFECYCLE_UNREALIZE, VQP_OBJ_VDEV | VQP_LIFECYCLE_FORGET, A(0)),
	{ .symbol = "object_unparent",
	  .program = QEMU_LIFECYCLE,
	  .flags = QEMU_PROBE_LIFE,
	  .what = VQP_OBJ_ENDS,
	  .arg = { A(0) },
	  .costs = "the end of devices that could not be realized" },
	MOMENT("virtqueue_unpop", VQT_LIFECYCLE_UNPOP, VQP_OBJ_VQ, A(0)),
	MOMENT("virtqueue_rewind", VQT_LIFECYCLE_UNPOP, VQP_OBJ_VQ, A(0), A(1)),
	LIFE_OPTIONAL("vhost_dev_start", VQT_LIFECYCLE_VHOST_START, VQP_OBJ_VDEV, A(1)),
	LIFE_OPTIONAL("vhost_dev_stop", VQT_LIFECYCLE_VHOST_STOP, VQP_OBJ_VDEV, A(1)),
	CALL("hmp_device_add", VQT_LIFECYCLE_DEVICE_ADD, VQP_OBJ_NONE, A(0)),
	CALL("qmp_device_add", VQT_LIFECYCLE_DEVICE_ADD, VQP_OBJ_NONE, A(0)),
	CALL("qdev_device_add_from_qdict", VQT_LIFECYCLE_DEVICE_ADD, VQP_OBJ_NONE, A(0)),
	CALL("hmp_device_del", VQT_LIFECYCLE_DEVICE_DEL, VQP_OBJ_NONE, A(0)),
	CALL("qmp_device_del", VQT_LIFECYCLE_DEVICE_DEL, VQP_OBJ_NONE | VQP_LIFECYCLE_TEXT, A(0),
	     A(0)),
	OF_OBJECT("qdev_unplug", VQT_LIFECYCLE_DEVICE_DEL, 0, A(0)),
	OF_OBJECT("qdev_unrealize", VQT_LIFECYCLE_CALLBACK, 0, A(0)),
	OF_OBJECT("object_property_set", VQT_LIFECYCLE_PROPERTY, VQP_LIFECYCLE_TEXT, A(0), A(1)),
	CALL("blk_set_aio_context", VQT_LIFECYCLE_AIO_CONTEXT, VQP_OBJ_NONE, A(0)),
	{ .symbol = "kvm_vm_ioctl",
	  .program = QEMU_VM_IOCTL,
	  .flags = QEMU_PROBE_CALLS_ONLY,
	  .arg = { A(0), A(1), A(2) },
	  .costs = "the tables of interrupt routes" },
};

const size_t probe_nrows = sizeof(probe_rows) / sizeof(probe_rows[0]);
