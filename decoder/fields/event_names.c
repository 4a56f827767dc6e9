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

/* A step: its name, QEMU's function for it, what it means to people. */
#define STEP(what, n, f, m, ...) \
	[VQT_LIFECYCLE_##what] = { .name = n, .function = f, .meaning = m, ##__VA_ARGS__ }

static const struct lifecycle_step steps[] = {
	STEP(TYPE_REGISTER, "type_register", "virtio_pci_types_register",
	     "the device type became known", .text = "type"),
	STEP(INSTANCE_INIT, "instance_init", "virtio_instance_init_common",
	     "the device object was made"),
	STEP(REALIZE, "realize", "qdev_realize", "the device is brought into being",
	     .result = STEP_SUCCESS),
	STEP(VIRTIO_INIT, "virtio_init", "virtio_init", "the virtio device was set up",
	     .arg = { DEC("device type"), DEC("config size") }),
	STEP(ADD_QUEUE, "add_queue", "virtio_add_queue", "a virtqueue was added",
	     .arg = { DEC("size"), HEX("handler") }),
	STEP(BUS_PLUGGED, "bus_plugged", "virtio_bus_device_plugged",
	     "the device was plugged into its transport"),
	STEP(BAR, "bar", "pci_register_bar", "a PCI base address register was declared",
	     .arg = { DEC("number"), HEX("type") }),
	STEP(REGION, "region", "memory_region_init_io", "a register region was made",
	     .arg = { HEX("size") }, .text = "name"),
	STEP(MSIX_INIT, "msix_init", "msix_init", "MSI-X was set up",
	     .arg = { DEC("vectors"), DEC("table bar") }, .result = STEP_ERRNO),
	STEP(IOEVENTFD_START, "ioeventfd_start", "virtio_bus_start_ioeventfd",
	     "kicks arrive by eventfd from here on"),
	STEP(IOEVENTFD_STOP, "ioeventfd_stop", "virtio_bus_stop_ioeventfd",
	     "kicks arrive as register writes again"),
	STEP(DATAPLANE_START, "dataplane_start", "virtio_blk_data_plane_start",
	     "queues are served in an iothread from here on"),
	STEP(DATAPLANE_STOP, "dataplane_stop", "virtio_blk_data_plane_stop",
	     "queues are served in the main loop again"),
	STEP(HOST_NOTIFIER, "host_notifier", "virtio_bus_set_host_notifier",
	     "an eventfd for kicks was set or cleared", .arg = { DEC("assign") },
	     .result = STEP_ERRNO),
	STEP(GUEST_NOTIFIER, "guest_notifier", "virtio_queue_set_guest_notifier_fd_handler",
	     "an eventfd for interrupts was set or cleared",
	     .arg = { DEC("assign"), DEC("irqfd") }),
	STEP(MSI_ROUTE, "msi_route", "kvm_irqchip_add_msi_route",
	     "an interrupt route for an MSI-X vector was made", .arg = { DEC("vector") },
	     .result = STEP_GSI),
	STEP(GSI_COMMIT, "gsi_commit", "kvm_irqchip_commit_routes",
	     "interrupt routes were handed to the kernel"),
	STEP(IRQFD, "irqfd", "kvm_irqchip_add_irqfd_notifier_gsi",
	     "an eventfd was tied to an interrupt", .arg = { DEC("gsi") }, .result = STEP_ERRNO),
	STEP(RESET, "reset", "virtio_reset", "the device was reset"),
	STEP(SET_STATUS, "set_status", "virtio_set_status", "the device takes a new status",
	     .arg = { HEX("status") }),
	STEP(SET_FEATURES, "set_features", "virtio_set_features",
	     "the device takes the driver's features", .arg = { HEX("features") }),
	STEP(SET_RINGS, "set_rings", "virtio_queue_set_rings", "the device takes a queue's areas",
	     .arg = { HEX("desc"), HEX("driver"), HEX("device") }),
	STEP(SET_NUM, "set_num", "virtio_queue_set_num", "the device takes a queue's size",
	     .arg = { DEC("size") }),
	STEP(SET_VECTOR, "set_vector", "virtio_queue_set_vector",
	     "the device takes a queue's vector", .arg = { DEC("vector") }),
	STEP(QUEUE_ENABLE, "queue_enable", "virtio_queue_enable", "a queue was enabled"),
	STEP(QUEUE_RESET, "queue_reset", "virtio_queue_reset", "a queue was reset"),
	STEP(ERROR, "error", "virtio_error", "the device declared itself broken",
	     .text = "the device's words"),
	STEP(CONFIG_CHANGE, "config_change", "virtio_notify_config",
	     "the device configuration changed"),
	STEP(DELETE_QUEUE, "delete_queue", "virtio_del_queue", "a virtqueue was removed"),
	STEP(UNREALIZE, "unrealize", "virtio_cleanup", "the device was taken down"),
	STEP(UNPOP, "unpop", "virtqueue_unpop", "the device put chains back that it had popped",
	     .arg = { DEC("count") }),
	STEP(VHOST_START, "vhost_start", "vhost_dev_start", "the data path leaves this process"),
	STEP(VHOST_STOP, "vhost_stop", "vhost_dev_stop",
	     "the data path comes back to this process"),
	STEP(CHAIN_CHANGED, "chain_changed", "virtqueue_push",
	     "a chain in flight is not in memory as it was popped",
	     .arg = { DEC("head"), DEC("descriptor"), DEC("header") }),
	STEP(NOTIFIER_ATTACH, "notifier_attach", "virtio_queue_aio_attach_host_notifier",
	     "the device listens for kicks of a queue, and notifies itself"),
	STEP(CLASS_INIT, "class_init", "TypeInfo.class_init", "the class of a type is filled in",
	     .text = "type"),
	STEP(OBJECT_INIT, "object_init", "TypeInfo.instance_init",
	     "an object is made, as one of its types", .text = "type of the object"),
	STEP(CALLBACK, "callback", "a function of its class", "a function of its class is called"),
	STEP(DEVICE_ADD, "device_add", "qdev_device_add_from_qdict", "a device is asked for"),
	STEP(DEVICE_DEL, "device_del", "qdev_unplug", "a device is to be removed", .text = "id"),
	STEP(PROPERTY, "property", "object_property_set", "a property of the device is set",
	     .text = "name"),
	STEP(AIO_CONTEXT, "aio_context", "blk_set_aio_context",
	     "the back end is given to a thread"),
};

const struct lifecycle_step *lifecycle_step(unsigned what)
{
	return what < ARRAY_LEN(steps) && steps[what].name ? &steps[what] : NULL;
}

const char *lifecycle_step_name(unsigned what)
{
	if (what >= ARRAY_LEN(steps))
		return NULL;
	return steps[what].name ? steps[what].name : "";
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
	{ VQT_SRC_UNKNOWN, "unknown" },
	{ VQT_SRC_QEMU, "qemu" },
	{ VQT_SRC_KVM, "kvm" },
	{ VQT_SRC_GUEST, "guest" },
	{ VQT_SRC_EMU, "emu" },
	{ VQT_SRC_REPLAY, "replay" },
	{ VQT_SRC_PROXY, "proxy" },
	{ VQT_SRC_MEMORY, "memory" },
	{ VQT_SRC_PROXY_PASSIVE, "passive-proxy" },
	{ 0, NULL },
};

const struct spec_name event_clock_ids[] = {
	{ VQT_CLOCK_MONOTONIC, "monotonic" },
	{ VQT_CLOCK_GUEST, "guest" },
	{ VQT_CLOCK_VIRTUAL, "virtual" },
	{ VQT_CLOCK_MAPPED, "guest, mapped" },
	{ 0, NULL },
};

const struct spec_name event_clock_reasons[] = {
	{ VQT_CLOCK_CONTINUES, "continues" },
	{ VQT_CLOCK_START, "start" },
	{ VQT_CLOCK_PAUSE, "pause" },
	{ VQT_CLOCK_STEP, "step" },
	{ VQT_CLOCK_BACK, "back" },
	{ VQT_CLOCK_RATE, "rate" },
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
	{ VQT_IRQ_HANDLER, "handler" },
	{ VQT_IRQ_CONFIG_HANDLER, "config_handler" },
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
	{ VQT_CHAIN_BEFORE, "BEFORE" },
	{ VQT_CHAIN_LIKELY, "LIKELY" },
	{ VQT_CHAIN_AGAIN, "AGAIN" },
	{ VQT_CHAIN_BAD_TABLE, "BAD_TABLE" },
	{ 0, NULL },
};

const struct spec_name event_used_flags[] = {
	{ VQT_USED_STATUS, "STATUS" },	     { VQT_USED_BATCHED, "BATCHED" },
	{ VQT_USED_SYNTHETIC, "SYNTHETIC" }, { VQT_USED_DETACHED, "DETACHED" },
	{ VQT_USED_WRITE, "WRITE" },	     { 0, NULL },
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

const struct spec_name event_class_of[] = {
	{ VQT_CLASS_PROXY, "proxy" },
	{ VQT_CLASS_BUS, "bus" },
	{ VQT_CLASS_DEVICE, "device" },
	{ 0, NULL },
};

const struct spec_name event_callback_namings[] = {
	{ VQT_NAMED_ADDRESS, "address" },
	{ VQT_NAMED_ROLE, "role" },
	{ VQT_NAMED_SYMBOL, "symbol" },
	{ 0, NULL },
};

const struct spec_name event_guest_steps[] = {
	{ VQT_GUEST_LIFECYCLE, "lifecycle" },
	{ VQT_GUEST_CONFIG_OP, "config_op" },
	{ VQT_GUEST_ADD, "add" },
	{ VQT_GUEST_KICK_PREPARE, "kick_prepare" },
	{ VQT_GUEST_NOTIFY, "notify" },
	{ VQT_GUEST_CALLBACKS, "callbacks" },
	{ VQT_GUEST_INTERRUPT, "interrupt" },
	{ VQT_GUEST_GET_BUF, "get_buf" },
	{ VQT_GUEST_SUBMIT, "submit" },
	{ VQT_GUEST_DONE, "done" },
	{ VQT_GUEST_RQ_ISSUE, "rq_issue" },
	{ VQT_GUEST_RQ_COMPLETE, "rq_complete" },
	{ 0, NULL },
};

const struct spec_name event_guest_phases[] = {
	{ VQT_GUEST_ENTRY, "entry" },
	{ VQT_GUEST_RETURN, "return" },
	{ VQT_GUEST_POINT, "point" },
	{ VQT_GUEST_DERIVED, "derived" },
	{ 0, NULL },
};

const struct spec_name event_vhost_user_froms[] = {
	{ VQT_FROM_FRONT_END, "front_end" },
	{ VQT_FROM_BACK_END, "back_end" },
	{ VQT_FROM_BACK_END_CHANNEL, "back_end_channel" },
	{ VQT_FROM_FRONT_END_CHANNEL, "front_end_channel" },
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
