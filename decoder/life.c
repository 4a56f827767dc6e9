/* SPDX-License-Identifier: MIT */
#include "decoder/life.h"

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define DEC(n) { n, SPEC_DEC }
#define HEX(n) { n, SPEC_HEX }

static const struct life_step steps[] = {
	[VQT_LIFE_TYPE_REGISTER] = { "type_register", "virtio_pci_types_register",
		"the device type became known", .text = "type" },
	[VQT_LIFE_INSTANCE_INIT] = { "instance_init", "virtio_instance_init_common",
		"the device object was made" },
	[VQT_LIFE_REALIZE] = { "realize", "qdev_realize", "the device is brought into being" },
	[VQT_LIFE_VIRTIO_INIT] = { "virtio_init", "virtio_init",
		"the virtio device was set up", { DEC("device type"), DEC("config size") } },
	[VQT_LIFE_ADD_QUEUE] = { "add_queue", "virtio_add_queue", "a virtqueue was added",
		{ DEC("size"), HEX("handler") } },
	[VQT_LIFE_BUS_PLUGGED] = { "bus_plugged", "virtio_bus_device_plugged",
		"the device was plugged into its transport" },
	[VQT_LIFE_BAR] = { "bar", "pci_register_bar", "a PCI base address register was declared",
		{ DEC("number"), HEX("type") } },
	[VQT_LIFE_REGION] = { "region", "memory_region_init_io", "a register region was made",
		{ HEX("size") }, "name" },
	[VQT_LIFE_MSIX_INIT] = { "msix_init", "msix_init", "MSI-X was set up",
		{ DEC("vectors"), DEC("table bar") } },
	[VQT_LIFE_IOEVENTFD_START] = { "ioeventfd_start", "virtio_bus_start_ioeventfd",
		"kicks arrive by eventfd from here on" },
	[VQT_LIFE_IOEVENTFD_STOP] = { "ioeventfd_stop", "virtio_bus_stop_ioeventfd",
		"kicks arrive as register writes again" },
	[VQT_LIFE_DATAPLANE_START] = { "dataplane_start", "virtio_blk_data_plane_start",
		"queues are served in an iothread from here on" },
	[VQT_LIFE_DATAPLANE_STOP] = { "dataplane_stop", "virtio_blk_data_plane_stop",
		"queues are served in the main loop again" },
	[VQT_LIFE_HOST_NOTIFIER] = { "host_notifier", "virtio_bus_set_host_notifier",
		"an eventfd for kicks was set or cleared", { DEC("assign") } },
	[VQT_LIFE_GUEST_NOTIFIER] = { "guest_notifier", "virtio_queue_set_guest_notifier_fd_handler",
		"an eventfd for interrupts was set or cleared", { DEC("assign"), DEC("irqfd") } },
	[VQT_LIFE_MSI_ROUTE] = { "msi_route", "kvm_irqchip_add_msi_route",
		"an interrupt route for an MSI-X vector was made", { DEC("vector") } },
	[VQT_LIFE_GSI_COMMIT] = { "gsi_commit", "kvm_irqchip_commit_routes",
		"interrupt routes were handed to the kernel" },
	[VQT_LIFE_IRQFD] = { "irqfd", "kvm_irqchip_add_irqfd_notifier_gsi",
		"an eventfd was tied to an interrupt", { DEC("gsi") } },
	[VQT_LIFE_RESET] = { "reset", "virtio_reset", "the device was reset" },
	[VQT_LIFE_SET_STATUS] = { "set_status", "virtio_set_status",
		"the device takes a new status", { HEX("status") } },
	[VQT_LIFE_SET_FEATURES] = { "set_features", "virtio_set_features",
		"the device takes the driver's features", { HEX("features") } },
	[VQT_LIFE_SET_RINGS] = { "set_rings", "virtio_queue_set_rings",
		"the device takes a queue's areas", { HEX("desc"), HEX("driver"), HEX("device") } },
	[VQT_LIFE_SET_NUM] = { "set_num", "virtio_queue_set_num",
		"the device takes a queue's size", { DEC("size") } },
	[VQT_LIFE_SET_VECTOR] = { "set_vector", "virtio_queue_set_vector",
		"the device takes a queue's vector", { DEC("vector") } },
	[VQT_LIFE_QUEUE_ENABLE] = { "queue_enable", "virtio_queue_enable", "a queue was enabled" },
	[VQT_LIFE_QUEUE_RESET] = { "queue_reset", "virtio_queue_reset", "a queue was reset" },
	[VQT_LIFE_ERROR] = { "error", "virtio_error", "the device declared itself broken",
		.text = "the device's words" },
	[VQT_LIFE_CONFIG_CHANGE] = { "config_change", "virtio_notify_config",
		"the device configuration changed" },
	[VQT_LIFE_DELETE_QUEUE] = { "delete_queue", "virtio_del_queue", "a virtqueue was removed" },
	[VQT_LIFE_UNREALIZE] = { "unrealize", "virtio_cleanup", "the device was taken down" },
	[VQT_LIFE_UNPOP] = { "unpop", "virtqueue_unpop",
		"the device put chains back that it had taken", { DEC("count") } },
	[VQT_LIFE_VHOST_START] = { "vhost_start", "vhost_dev_start",
		"the data path leaves this process" },
	[VQT_LIFE_VHOST_STOP] = { "vhost_stop", "vhost_dev_stop",
		"the data path comes back to this process" },
};

static const struct guest_step guest_steps[] = {
	[VQT_GUEST_PROBE] = { "probe", "virtio_pci_probe", { NULL } },
	[VQT_GUEST_REGISTER] = { "register", "register_virtio_device", { NULL } },
	[VQT_GUEST_DEV_PROBE] = { "dev_probe", "virtio_dev_probe", { NULL } },
	[VQT_GUEST_DRIVER_PROBE] = { "driver_probe", "virtblk_probe", { NULL } },
	[VQT_GUEST_FIND_VQS] = { "find_vqs", "vp_find_vqs", { NULL } },
	[VQT_GUEST_QUEUE_RQ] = { "queue_rq", "virtio_queue_rq", { NULL } },
	[VQT_GUEST_COMMIT_RQS] = { "commit_rqs", "virtio_commit_rqs", { NULL } },
	[VQT_GUEST_ADD] = { "add", "virtqueue_add_sgs", { NULL } },
	[VQT_GUEST_NOTIFY] = { "notify", "vp_notify", { NULL } },
	[VQT_GUEST_IRQ] = { "irq", "vring_interrupt", { NULL } },
	[VQT_GUEST_DONE] = { "done", "virtblk_done", { NULL } },
	[VQT_GUEST_GET_BUF] = { "get_buf", "virtqueue_get_buf", { NULL } },
	[VQT_GUEST_REG] = { "register_access", "vp_modern_*", { "value" } },
};

const struct life_step *life_step(unsigned what)
{
	return what < ARRAY_LEN(steps) && steps[what].name ? &steps[what] : NULL;
}

const struct guest_step *guest_step(unsigned what)
{
	return what < ARRAY_LEN(guest_steps) && guest_steps[what].name ? &guest_steps[what] : NULL;
}

const char *life_step_name(unsigned what)
{
	if (what >= ARRAY_LEN(steps))
		return NULL;
	return steps[what].name ? steps[what].name : "";
}

const char *guest_step_name(unsigned what)
{
	if (what >= ARRAY_LEN(guest_steps))
		return NULL;
	return guest_steps[what].name ? guest_steps[what].name : "";
}

const struct spec_name life_source_kinds[] = {
	{ VQT_SRC_UNKNOWN, "unknown" },
	{ VQT_SRC_QEMU, "qemu" },
	{ VQT_SRC_KVM, "kvm" },
	{ VQT_SRC_GUEST, "guest" },
	{ VQT_SRC_EMU, "emu" },
	{ VQT_SRC_REPLAY, "replay" },
	{ 0, NULL },
};

const struct spec_name life_clock_ids[] = {
	{ VQT_CLOCK_MONOTONIC, "monotonic" },
	{ VQT_CLOCK_GUEST, "guest" },
	{ VQT_CLOCK_VIRTUAL, "virtual" },
	{ 0, NULL },
};

const struct spec_name life_transports[] = {
	{ VQT_TRANSPORT_UNKNOWN, "unknown" },
	{ VQT_TRANSPORT_PCI, "pci" },
	{ VQT_TRANSPORT_MMIO, "mmio" },
	{ VQT_TRANSPORT_CCW, "ccw" },
	{ 0, NULL },
};

const struct spec_name life_device_flags[] = {
	{ VQT_DEV_TRANSITIONAL, "TRANSITIONAL" },
	{ VQT_DEV_DATAPATH_ELSEWHERE, "DATAPATH_ELSEWHERE" },
	{ VQT_DEV_LATE, "LATE" },
	{ VQT_DEV_GONE, "GONE" },
	{ 0, NULL },
};

const struct spec_name life_reg_ops[] = {
	{ VQT_READ, "read" },
	{ VQT_WRITE, "write" },
	{ 0, NULL },
};

const struct spec_name life_kick_vias[] = {
	{ VQT_KICK_MMIO, "mmio" },
	{ VQT_KICK_IOEVENTFD, "ioeventfd" },
	{ VQT_KICK_LEGACY, "legacy" },
	{ VQT_KICK_CALL, "call" },
	{ 0, NULL },
};

const struct spec_name life_irq_kinds[] = {
	{ VQT_IRQ_SIGNAL, "signal" },
	{ VQT_IRQ_MSIX, "msix" },
	{ VQT_IRQ_INTX, "intx" },
	{ VQT_IRQ_CONFIG, "config" },
	{ 0, NULL },
};

const struct spec_name life_chain_flags[] = {
	{ VQT_CHAIN_MORE, "MORE" },
	{ VQT_CHAIN_CUT, "CUT" },
	{ VQT_CHAIN_LOOP, "LOOP" },
	{ VQT_CHAIN_BAD_NEXT, "BAD_NEXT" },
	{ VQT_CHAIN_BAD_HEAD, "BAD_HEAD" },
	{ VQT_CHAIN_NO_TABLE, "NO_TABLE" },
	{ VQT_CHAIN_DERIVED, "DERIVED" },
	{ VQT_CHAIN_LATE, "LATE" },
	{ VQT_CHAIN_AGAIN, "AGAIN" },
	{ VQT_CHAIN_BAD_TABLE, "BAD_TABLE" },
	{ 0, NULL },
};

const struct spec_name life_used_flags[] = {
	{ VQT_USED_STATUS, "STATUS" },
	{ VQT_USED_BATCHED, "BATCHED" },
	{ VQT_USED_SYNTHETIC, "SYNTHETIC" },
	{ VQT_USED_DETACHED, "DETACHED" },
	{ 0, NULL },
};

const struct spec_name life_loss_whys[] = {
	{ VQT_LOSS_BUFFER, "buffer" },
	{ VQT_LOSS_MEMORY, "memory" },
	{ VQT_LOSS_LIMIT, "limit" },
	{ VQT_LOSS_FILE, "file" },
	{ 0, NULL },
};

const struct spec_name life_note_levels[] = {
	{ VQT_NOTE_INFO, "info" },
	{ VQT_NOTE_WARNING, "warning" },
	{ VQT_NOTE_COMMENT, "comment" },
	{ 0, NULL },
};

const struct spec_name life_guest_phases[] = {
	{ 0, "entry" },
	{ 1, "return" },
	{ 2, "point" },
	{ 0, NULL },
};

const struct spec_name life_backend_ops[] = {
	{ VQT_BACKEND_READ, "read" },
	{ VQT_BACKEND_WRITE, "write" },
	{ VQT_BACKEND_FLUSH, "flush" },
	{ VQT_BACKEND_DISCARD, "discard" },
	{ VQT_BACKEND_ZEROES, "zeroes" },
	{ 0, NULL },
};

const struct spec_name life_backend_phases[] = {
	{ 0, "start" },
	{ 1, "end" },
	{ 0, NULL },
};
