/* SPDX-License-Identifier: MIT */
/*
 * The QOM classes of live devices: whose function each callback of a class is.  Where in a class
 * a callback is, is read from the code that calls it: a function casts the class to a type, whose
 * name it gives, and calls through a word of it.  What is not found so is unknown.
 */
#ifndef VQT_BPF_QOM_CLASSES_H
#define VQT_BPF_QOM_CLASSES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/process/memory.h"
#include "bpf/qemu/discover.h"
#include "decoder/trace/event.h"

/* The callbacks, by the structure that declares them. */
enum class_slot {
	CLASS_DEVICE_REALIZE,
	CLASS_DEVICE_UNREALIZE,
	CLASS_DEVICE_RESET, /* "legacy_reset" since 9.2 */
	CLASS_PCI_REALIZE,
	CLASS_PCI_EXIT,
	CLASS_VIRTIO_PCI_PARENT_DC_REALIZE,
	CLASS_VIRTIO_PCI_REALIZE,
	CLASS_VIRTIO_REALIZE,
	CLASS_VIRTIO_UNREALIZE,
	CLASS_VIRTIO_GET_FEATURES,
	CLASS_VIRTIO_SET_FEATURES,
	CLASS_VIRTIO_GET_FEATURES_EX, /* since 10.2; older ones have none */
	CLASS_VIRTIO_SET_FEATURES_EX,
	CLASS_VIRTIO_GET_CONFIG,
	CLASS_VIRTIO_SET_CONFIG,
	CLASS_VIRTIO_RESET,
	CLASS_VIRTIO_SET_STATUS,
	CLASS_VIRTIO_GUEST_NOTIFIER_MASK,
	CLASS_VIRTIO_START_IOEVENTFD,
	CLASS_VIRTIO_STOP_IOEVENTFD,
	CLASS_BUS_NOTIFY,
	CLASS_BUS_SET_GUEST_NOTIFIERS,
	CLASS_BUS_PRE_PLUGGED,
	CLASS_BUS_DEVICE_PLUGGED,
	CLASS_BUS_DEVICE_UNPLUGGED,
	CLASS_BUS_IOEVENTFD_ENABLED,
	CLASS_BUS_IOEVENTFD_ASSIGN,
	/* of the class that the object's class has for this interface; offsets are in that one */
	CLASS_RESET_ENTER,
	CLASS_RESET_HOLD,
	CLASS_RESET_EXIT,
	CLASS_SLOTS
};

#define CLASS_UNKNOWN UINT32_MAX /* an offset */

struct classes; /* of one process */

/*
 * bias: what the process adds to the object's link addresses.  q must outlive *out.  0 or
 * -ENOMEM.
 */
int classes_open(struct classes **out, const struct qemu *q, uint64_t bias);
void classes_close(struct classes *c); /* NULL is allowed */

uint64_t classes_bias(const struct classes *c);

/* "VirtioDeviceClass.realize" */
const char *class_slot_name(enum class_slot slot);

struct class_function {
	enum class_slot slot;
	uint32_t offset; /* in the class; CLASS_UNKNOWN: not found, so the address is, too */
	uint64_t address; /* in the process; 0: the class has no such callback */
	enum vqt_callback_naming naming;
	char name[128];
};

#define CLASS_TYPES 16

/* The class of one object. */
struct class_view {
	uint64_t object, class; /* addresses in the process */
	uint32_t instance_size, class_size; /* bytes */
	unsigned ntypes;
	char type[CLASS_TYPES][64]; /* from the object's own to "object" */
	unsigned nfunctions;
	struct class_function function[CLASS_SLOTS]; /* those that its types declare */
};

/*
 * Read the class of an object.  0; -EFAULT: it cannot be read or is not consistent, and nothing
 * was learned from it.  Each call may find more of the layout; what it names is kept as roles.
 */
int classes_read(struct classes *c, const struct process_memory *m, uint64_t object,
		 struct class_view *out);

/*
 * The role of a function of which an address in the process is known to be its beginning:
 * "VirtioDeviceClass.realize of virtio-blk-device", by the first class that was read with it;
 * NULL: none has it.  Valid until classes_close().
 */
const char *classes_role(const struct classes *c, uint64_t address);
/* A name in any case: a symbol's, a role, or fn_ADDRESS.  Returns buf. */
char *classes_name(const struct classes *c, uint64_t address, char *buf, size_t size,
		   enum vqt_callback_naming *how);

#endif
