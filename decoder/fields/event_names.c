/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "decoder/fields/event_names.h"

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
/* Arguments of a step: a name, and how its number is read. */
#define DEC(n) \
	{ \
		n, SPEC_DEC \
	}
#define HEX(n) \
	{ \
		n, SPEC_HEX \
	}

static const struct lifecycle_step steps[] = {
	[VQT_LIFECYCLE_TYPE_REGISTER] = { .name = "type_register",
					  .function = "virtio_pci_types_register",
					  .meaning = "the device type became known",
					  .text = "type" },
	[VQT_LIFECYCLE_INSTANCE_INIT] = { .name = "instance_init",
					  .function = "virtio_instance_init_common",
					  .meaning = "the device object was made" },
	[VQT_LIFECYCLE_REALIZE] = { .name = "realize",
				    .function = "qdev_realize",
				    .meaning = "the device is brought into being" },
	[VQT_LIFECYCLE_VIRTIO_INIT] = { .name = "virtio_init",
					.function = "virtio_init",
					.meaning = "the virtio device was set up",
					.arg = { DEC("device type"), DEC("config size") } },
	[VQT_LIFECYCLE_ADD_QUEUE] = { .name = "add_queue",
				      .function = "virtio_add_queue",
				      .meaning = "a virtqueue was added",
				      .arg = { DEC("size"), HEX("handler") } },
	[VQT_LIFECYCLE_BUS_PLUGGED] = { .name = "bus_plugged",
					.function = "virtio_bus_device_plugged",
					.meaning = "the device was plugged into its transport" },
	[VQT_LIFECYCLE_BAR] = { .name = "bar",
				.function = "pci_register_bar",
				.meaning = "a PCI base address register was declared",
				.arg = { DEC("number"), HEX("type") } },
	[VQT_LIFECYCLE_REGION] = { .name = "region",
				   .function = "memory_region_init_io",
				   .meaning = "a register region was made",
				   .arg = { HEX("size") },
				   .text = "name" },
	[VQT_LIFECYCLE_MSIX_INIT] = { .name = "msix_init",
				      .function = "msix_init",
				      .meaning = "MSI-X was set up",
				      .arg = { DEC("vectors"), DEC("table bar") } },
	[VQT_LIFECYCLE_IOEVENTFD_START] = { .name = "ioeventfd_start",
					    .function = "virtio_bus_start_ioeventfd",
					    .meaning = "kicks arrive by eventfd from here on" },
	[VQT_LIFECYCLE_IOEVENTFD_STOP] = { .name = "ioeventfd_stop",
					   .function = "virtio_bus_stop_ioeventfd",
					   .meaning = "kicks arrive as register writes again" },
	[VQT_LIFECYCLE_DATAPLANE_START] = { .name = "dataplane_start",
					    .function = "virtio_blk_data_plane_start",
					    .meaning =
						    "queues are served in an iothread from here on" },
	[VQT_LIFECYCLE_DATAPLANE_STOP] = { .name = "dataplane_stop",
					   .function = "virtio_blk_data_plane_stop",
					   .meaning = "queues are served in the main loop again" },
	[VQT_LIFECYCLE_HOST_NOTIFIER] = { .name = "host_notifier",
					  .function = "virtio_bus_set_host_notifier",
					  .meaning = "an eventfd for kicks was set or cleared",
					  .arg = { DEC("assign") } },
	[VQT_LIFECYCLE_GUEST_NOTIFIER] = { .name = "guest_notifier",
					   .function = "virtio_queue_set_guest_notifier_fd_handler",
					   .meaning =
						   "an eventfd for interrupts was set or cleared",
					   .arg = { DEC("assign"), DEC("irqfd") } },
	[VQT_LIFECYCLE_MSI_ROUTE] = { .name = "msi_route",
				      .function = "kvm_irqchip_add_msi_route",
				      .meaning = "an interrupt route for an MSI-X vector was made",
				      .arg = { DEC("vector") } },
	[VQT_LIFECYCLE_GSI_COMMIT] = { .name = "gsi_commit",
				       .function = "kvm_irqchip_commit_routes",
				       .meaning = "interrupt routes were handed to the kernel" },
	[VQT_LIFECYCLE_IRQFD] = { .name = "irqfd",
				  .function = "kvm_irqchip_add_irqfd_notifier_gsi",
				  .meaning = "an eventfd was tied to an interrupt",
				  .arg = { DEC("gsi") } },
	[VQT_LIFECYCLE_RESET] = { .name = "reset",
				  .function = "virtio_reset",
				  .meaning = "the device was reset" },
	[VQT_LIFECYCLE_SET_STATUS] = { .name = "set_status",
				       .function = "virtio_set_status",
				       .meaning = "the device takes a new status",
				       .arg = { HEX("status") } },
	[VQT_LIFECYCLE_SET_FEATURES] = { .name = "set_features",
					 .function = "virtio_set_features",
					 .meaning = "the device takes the driver's features",
					 .arg = { HEX("features") } },
	[VQT_LIFECYCLE_SET_RINGS] = { .name = "set_rings",
				      .function = "virtio_queue_set_rings",
				      .meaning = "the device takes a queue's areas",
				      .arg = { HEX("desc"), HEX("driver"), HEX("device") } },
	[VQT_LIFECYCLE_SET_NUM] = { .name = "set_num",
				    .function = "virtio_queue_set_num",
				    .meaning = "the device takes a queue's size",
				    .arg = { DEC("size") } },
	[VQT_LIFECYCLE_SET_VECTOR] = { .name = "set_vector",
				       .function = "virtio_queue_set_vector",
				       .meaning = "the device takes a queue's vector",
				       .arg = { DEC("vector") } },
	[VQT_LIFECYCLE_QUEUE_ENABLE] = { .name = "queue_enable",
					 .function = "virtio_queue_enable",
					 .meaning = "a queue was enabled" },
	[VQT_LIFECYCLE_QUEUE_RESET] = { .name = "queue_reset",
					.function = "virtio_queue_reset",
					.meaning = "a queue was reset" },
	[VQT_LIFECYCLE_ERROR] = { .name = "error",
				  .function = "virtio_error",
				  .meaning = "the device declared itself broken",
				  .text = "the device's words" },
	[VQT_LIFECYCLE_CONFIG_CHANGE] = { .name = "config_change",
					  .function = "virtio_notify_config",
					  .meaning = "the device configuration changed" },
	[VQT_LIFECYCLE_DELETE_QUEUE] = { .name = "delete_queue",
					 .function = "virtio_del_queue",
					 .meaning = "a virtqueue was removed" },
	[VQT_LIFECYCLE_UNREALIZE] = { .name = "unrealize",
				      .function = "virtio_cleanup",
				      .meaning = "the device was taken down" },
	[VQT_LIFECYCLE_UNPOP] = { .name = "unpop",
				  .function = "virtqueue_unpop",
				  .meaning = "the device put chains back that it had popped",
				  .arg = { DEC("count") } },
	[VQT_LIFECYCLE_VHOST_START] = { .name = "vhost_start",
					.function = "vhost_dev_start",
					.meaning = "the data path leaves this process" },
	[VQT_LIFECYCLE_VHOST_STOP] = { .name = "vhost_stop",
				       .function = "vhost_dev_stop",
				       .meaning = "the data path comes back to this process" },
	[VQT_LIFECYCLE_CHAIN_CHANGED] = { .name = "chain_changed",
					  .function = "virtqueue_push",
					  .meaning =
						  "a chain in flight is not in memory as it was popped",
					  .arg = { DEC("head"), DEC("descriptor"),
						   DEC("header") } },
};

static const struct guest_step guest_steps[] = {
	[VQT_GUEST_PROBE] = { .name = "probe", .function = "virtio_pci_probe" },
	[VQT_GUEST_REGISTER] = { .name = "register", .function = "register_virtio_device" },
	[VQT_GUEST_DEV_PROBE] = { .name = "dev_probe", .function = "virtio_dev_probe" },
	[VQT_GUEST_DRIVER_PROBE] = { .name = "driver_probe", .function = "virtblk_probe" },
	[VQT_GUEST_FIND_VQS] = { .name = "find_vqs", .function = "vp_find_vqs" },
	[VQT_GUEST_QUEUE_RQ] = { .name = "queue_rq", .function = "virtio_queue_rq" },
	[VQT_GUEST_COMMIT_RQS] = { .name = "commit_rqs", .function = "virtio_commit_rqs" },
	[VQT_GUEST_ADD] = { .name = "add", .function = "virtqueue_add_sgs" },
	[VQT_GUEST_NOTIFY] = { .name = "notify", .function = "vp_notify" },
	[VQT_GUEST_IRQ] = { .name = "irq", .function = "vring_interrupt" },
	[VQT_GUEST_DONE] = { .name = "done", .function = "virtblk_done" },
	[VQT_GUEST_GET_BUF] = { .name = "get_buf", .function = "virtqueue_get_buf" },
	[VQT_GUEST_REG] = { .name = "register_access",
			    .function = "vp_modern_*",
			    .arg = { "value" } },
};

const struct lifecycle_step *lifecycle_step(unsigned what)
{
	return what < ARRAY_LEN(steps) && steps[what].name ? &steps[what] : NULL;
}

const struct guest_step *guest_step(unsigned what)
{
	return what < ARRAY_LEN(guest_steps) && guest_steps[what].name ? &guest_steps[what] : NULL;
}

const char *lifecycle_step_name(unsigned what)
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

const char *event_source_kind(unsigned kind)
{
	const char *name = spec_name_of(event_source_kinds, kind);

	return name ? name : "unknown";
}

const char *event_loss_why(unsigned why)
{
	static const char *const words[] = {
		[VQT_LOSS_BUFFER] = "the ring buffer was full",
		[VQT_LOSS_MEMORY] = "memory of the source could not be read",
		[VQT_LOSS_LIMIT] = "a fixed table of the capture was full",
		[VQT_LOSS_FILE] = "a gap in the sequence numbers",
	};

	return why < ARRAY_LEN(words) && words[why] ? words[why] : "for an unknown reason";
}

const struct spec_name event_source_kinds[] = {
	{ VQT_SRC_UNKNOWN, "unknown" }, { VQT_SRC_QEMU, "qemu" },
	{ VQT_SRC_KVM, "kvm" },		{ VQT_SRC_GUEST, "guest" },
	{ VQT_SRC_EMU, "emu" },		{ VQT_SRC_REPLAY, "replay" },
	{ VQT_SRC_PROXY, "proxy" },	{ 0, NULL },
};

const struct spec_name event_clock_ids[] = {
	{ VQT_CLOCK_MONOTONIC, "monotonic" },
	{ VQT_CLOCK_GUEST, "guest" },
	{ VQT_CLOCK_VIRTUAL, "virtual" },
	{ 0, NULL },
};

const struct spec_name event_transports[] = {
	{ VQT_TRANSPORT_UNKNOWN, "unknown" },
	{ VQT_TRANSPORT_PCI, "pci" },
	{ VQT_TRANSPORT_MMIO, "mmio" },
	{ VQT_TRANSPORT_CCW, "ccw" },
	{ 0, NULL },
};

const struct spec_name event_device_flags[] = {
	{ VQT_DEV_TRANSITIONAL, "TRANSITIONAL" },
	{ VQT_DEV_DATAPATH_ELSEWHERE, "DATAPATH_ELSEWHERE" },
	{ VQT_DEV_LATE, "LATE" },
	{ VQT_DEV_GONE, "GONE" },
	{ 0, NULL },
};

const struct spec_name event_reg_ops[] = {
	{ VQT_READ, "read" },
	{ VQT_WRITE, "write" },
	{ 0, NULL },
};

const struct spec_name event_ring_whys[] = {
	{ VQT_RING_ASKED, "asked" },
	{ VQT_RING_STATUS, "status" },
	{ VQT_RING_PERIODIC, "periodic" },
	{ 0, NULL },
};

const struct spec_name event_pendings[] = {
	{ VQT_PENDING_UNKNOWN, "unknown" },
	{ VQT_PENDING_NO, "no" },
	{ VQT_PENDING_YES, "yes" },
	{ 0, NULL },
};

const struct spec_name event_kick_vias[] = {
	{ VQT_KICK_MMIO, "mmio" },
	{ VQT_KICK_IOEVENTFD, "ioeventfd" },
	{ VQT_KICK_LEGACY, "legacy" },
	{ VQT_KICK_CALL, "call" },
	{ 0, NULL },
};

const struct spec_name event_irq_kinds[] = {
	{ VQT_IRQ_SIGNAL, "signal" },
	{ VQT_IRQ_MSIX, "msix" },
	{ VQT_IRQ_INTX, "intx" },
	{ VQT_IRQ_CONFIG, "config" },
	{ 0, NULL },
};

const struct spec_name event_chain_flags[] = {
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

const struct spec_name event_used_flags[] = {
	{ VQT_USED_STATUS, "STATUS" },
	{ VQT_USED_BATCHED, "BATCHED" },
	{ VQT_USED_SYNTHETIC, "SYNTHETIC" },
	{ VQT_USED_DETACHED, "DETACHED" },
	{ 0, NULL },
};

const struct spec_name event_loss_whys[] = {
	{ VQT_LOSS_BUFFER, "buffer" },
	{ VQT_LOSS_MEMORY, "memory" },
	{ VQT_LOSS_LIMIT, "limit" },
	{ VQT_LOSS_FILE, "file" },
	{ 0, NULL },
};

const struct spec_name event_note_levels[] = {
	{ VQT_NOTE_INFO, "info" },
	{ VQT_NOTE_WARNING, "warning" },
	{ VQT_NOTE_COMMENT, "comment" },
	{ 0, NULL },
};

const struct spec_name event_guest_phases[] = {
	{ 0, "entry" },
	{ 1, "return" },
	{ 2, "point" },
	{ 0, NULL },
};

const struct spec_name event_backend_ops[] = {
	{ VQT_BACKEND_READ, "read" },	  { VQT_BACKEND_WRITE, "write" },
	{ VQT_BACKEND_FLUSH, "flush" },	  { VQT_BACKEND_DISCARD, "discard" },
	{ VQT_BACKEND_ZEROES, "zeroes" }, { 0, NULL },
};

const struct spec_name event_backend_phases[] = {
	{ 0, "start" },
	{ 1, "end" },
	{ 0, NULL },
};

void event_format_bdf(char *buf, size_t len, uint32_t bdf)
{
	snprintf(buf, len, "%04x:%02x:%02x.%x", bdf >> 16, bdf >> 8 & 0xff, bdf >> 3 & 0x1f,
		 bdf & 7);
}
