/* SPDX-License-Identifier: MIT */
/*
 * The record types of a trace: one record for each captured event of a virtio device.
 *
 * Every capture (QEMU probes, guest probes, the emulator, the proxy, a replay) emits these
 * records and every reader consumes them.  A record is one packet of a trace file
 * (decoder/trace/file.h).  BPF C includes this header too, so it uses only fixed-width
 * integers and fixed layouts.
 *
 * All fields are little-endian and naturally aligned; strings are bytes without a
 * terminating NUL unless said otherwise.  Readers must not trust any length or count here:
 * use the accessors of decoder/trace/record.h, which check them.  Section numbers are those
 * of virtio 1.4.
 *
 * Compatibility: VQT_VERSION_MAJOR changes when an old reader would misunderstand; MINOR
 * when records are added or grow at their end.  Readers skip unknown types and ignore bytes
 * past the struct they know, except where a record ends in a counted array.
 *
 * Since minor version 6, an event may have tagged values (struct vqt_tlv) behind all that its type
 * has, from the next multiple of 4 bytes on.  What is added to events later is such a value, so that
 * it is not taken for one.
 */
#ifndef VQT_DECODER_TRACE_EVENT_H
#define VQT_DECODER_TRACE_EVENT_H

#ifdef __bpf__ /* no C library there */
#include <linux/types.h>
typedef __u8 uint8_t;
typedef __u16 uint16_t;
typedef __u32 uint32_t;
typedef __u64 uint64_t;
typedef __s32 int32_t;
typedef __s64 int64_t;
#else
#include <stdint.h>
#endif

#define VQT_VERSION_MAJOR 1
/*
 * 1: VQT_TALLY; 2: vqt_ringstate.why, .pending; 3: VQT_RING_SLOT; 4: vqt_loss.flags,
 * VQT_VHOST_USER, VQT_CHAIN_BEFORE, VQT_LIFECYCLE_NOTIFIER_ATTACH; 5: what a driver's kernel
 * records (VQT_GUEST, VQT_IRQ_HANDLER, VQT_REG_DERIVED, VQT_SRC_GUEST); 6: both sides in one
 * trace (vqt_device.peer, vqt_avail.adding, vqt_clock.reason, VQT_CLOCK_MAPPED); call stacks
 * (VQT_STACK, VQT_TAG_STACK), which were defined before, and otherwise, but never written; 7: all
 * register accesses of a kernel's virtio-mmio driver, and its legacy configuration (VQT_REG_MSIX);
 * VQT_TAG_CARRIED; vqt_guest.function; VQT_EXCHANGE; 8: calls of functions of QEMU (VQT_TAG_CALL,
 * VQT_TAG_FUNCTION, VQT_RETURN, more steps of VQT_LIFECYCLE), VQT_ROUTES, VQT_CLASS, VQT_SRC_MEMORY,
 * VQT_SRC_PROXY_PASSIVE, VQT_TAG_WITHIN
 */
#define VQT_VERSION_MINOR 8

/* The largest record: libpcap and tshark stop at packets longer than this. */
#define VQT_RECORD_MAX 262144

/* Header values for a record without device or queue. */
#define VQT_NO_DEVICE 0
#define VQT_NO_QUEUE 0xffff

enum vqt_type {
	/* Descriptive records. */
	VQT_SESSION = 1, /* struct vqt_session, first record of a trace */
	VQT_SOURCE = 2, /* struct vqt_source */
	VQT_DEVICE = 3, /* struct vqt_device */
	VQT_DEVICE_STATE = 4, /* struct vqt_device_state: learned, not seen */
	VQT_QUEUE_STATE = 5, /* struct vqt_queue_state: learned, not seen */
	VQT_CLOCK = 6, /* struct vqt_clock */
	VQT_LOSS = 7, /* struct vqt_loss */
	VQT_NOTE = 8, /* struct vqt_note */
	VQT_STACK = 9, /* struct vqt_stack */
	VQT_EXCHANGE = 10, /* struct vqt_exchange */
	VQT_CLASS = 11, /* struct vqt_class */
	/* Events of devices and queues. */
	VQT_REG = 16, /* struct vqt_reg */
	VQT_KICK = 17, /* struct vqt_kick */
	VQT_RING = 18, /* struct vqt_ringstate */
	VQT_AVAIL = 19, /* struct vqt_avail */
	VQT_USED = 20, /* struct vqt_used */
	VQT_IRQ = 21, /* struct vqt_irq */
	VQT_DATA = 22, /* struct vqt_data */
	VQT_TALLY = 23, /* struct vqt_tally: many events of a queue, only counted */
	VQT_VHOST_USER = 24, /* struct vqt_vhost_user: a message of that protocol */
	/* Events around them. */
	VQT_LIFECYCLE = 32, /* struct vqt_lifecycle */
	VQT_GUEST = 33, /* struct vqt_guest */
	VQT_BACKEND = 34, /* struct vqt_backend */
	VQT_RETURN = 35, /* struct vqt_return: a function has returned */
	VQT_ROUTES = 36, /* struct vqt_routes: KVM's table of interrupt routes */
};

/* The header of every record. */
struct vqt_hdr {
	uint64_t ts; /* ns on the source's clock (see vqt_source, vqt_clock) */
	uint32_t seq; /* per source, counts lost records too; wraps */
	uint32_t tid; /* thread that caused the event (0 unknown) */
	uint16_t device; /* trace-wide device id, VQT_NO_DEVICE */
	uint16_t queue; /* virtqueue index, VQT_NO_QUEUE */
	uint8_t type; /* enum vqt_type */
	uint8_t source; /* trace-wide source id, from 1 */
	uint16_t cpu; /* host or guest CPU it ran on */
};

/*
 * Optional, extensible tail of the descriptive records, and of events: a run of these, each
 * followed by len bytes and padded to a multiple of 4.
 */
struct vqt_tlv {
	uint16_t tag; /* enum vqt_tag */
	uint16_t len; /* bytes of value, padding not counted */
};

enum vqt_tag {
	VQT_TAG_END = 0,
	VQT_TAG_HOST = 1, /* host name */
	VQT_TAG_OS = 2, /* kernel release and machine */
	VQT_TAG_TOOL = 3, /* "vqtrace 0.1" */
	VQT_TAG_COMMAND = 4, /* command line of the capture, or of the source */
	VQT_TAG_NAME = 5, /* the user's name for it: "blk0", guest name */
	VQT_TAG_EXE = 6, /* path of the traced binary */
	VQT_TAG_BUILD_ID = 7, /* lower-case hex */
	VQT_TAG_VERSION = 8, /* version of the traced program */
	VQT_TAG_ID = 9, /* the user's id of a device (QEMU id=) */
	VQT_TAG_TYPENAME = 10, /* QOM or crate type, "virtio-blk-pci" */
	VQT_TAG_PATH = 11, /* QOM path, sysfs path */
	VQT_TAG_ORIGIN = 12, /* provenance: where a shipped trace is from */
	VQT_TAG_FILTER = 13, /* session: a copy of a trace, without what this did not match */
	VQT_TAG_STACK = 14, /* event: uint32_t, id of the VQT_STACK at which it happened */
	VQT_TAG_CARRIED = 15, /* the packet of an event: the events before it; the last value */
	VQT_TAG_CALL = 16, /* event: struct vqt_call */
	VQT_TAG_FUNCTION = 17, /* event: the function that was called; see struct vqt_call */
	VQT_TAG_CALLBACK =
		18, /* class: struct vqt_callback and its names; as often as there are any */
	/*
	 * avail, used: uint32_t ns; it happened at most so long before the time of the record, which is
	 * when it was found (since minor version 8).  0xffffffff: longer.
	 */
	VQT_TAG_WITHIN = 19,
};

/*
 * VQT_TAG_CALL: the calls around an event.  Calls have numbers from 1 of hdr.source.
 *
 * VQT_TAG_FUNCTION is there if the type of the event does not say which function it is: its name in
 * the program's symbols; or its role ("VirtioDeviceClass.realize of virtio-blk-device"); or
 * "fn_ADDRESS", by where it begins in its file.
 */
struct vqt_call {
	uint32_t call; /* that begins with this event, and ends with its VQT_RETURN; 0: none */
	uint32_t
		within; /* the innermost call of this thread that had begun before; 0: none known */
};

/*
 * VQT_TAG_CARRIED: events that came just before the packet's own, of the same source, in their order
 * and with the sequence numbers before its own, without what most headers have in common.  The
 * readers of traces hand them out as records of their own, and no record has this value then
 * (decoder/trace/carried.h).  "number" is 7 bits a byte, the least first, the highest bit set in all
 * but the last byte.
 *
 *	number count of the events
 *	number ns between the first of them and the packet's own
 *	of each event:
 *	  uint8_t type, with VQT_CARRIED_WHO
 *	  with VQT_CARRIED_WHO numbers tid, device, queue + 1 (0: none), cpu; else they are those of
 *	    the event before it, of the first one those of the packet's own
 *	  number ns since the event before it, not of the first
 *	  number bytes behind its header, at most VQT_CARRIED_MAX; of each 8 of them (fewer at the end)
 *	    a byte whose bit n says that byte n is not 0, then those bytes
 */
#define VQT_CARRIED_WHO 0x80
#define VQT_CARRIED_MAX 256

/* VQT_SESSION */
struct vqt_session {
	struct vqt_hdr h;
	uint16_t major, minor; /* of this vocabulary */
	uint32_t snaplen; /* leading bytes kept of each buffer */
	int64_t wall; /* CLOCK_REALTIME minus the record clock, ns */
	/* struct vqt_tlv ... */
};

enum vqt_source_kind {
	VQT_SRC_UNKNOWN = 0,
	VQT_SRC_QEMU = 1, /* uprobes in a QEMU process: the device's view */
	/*
	 * Tracepoints of KVM on the host: register accesses, kicks and interrupts as they leave and enter
	 * the guest, by whatever device; no rings, no chains.  An interrupt whose device is not known for
	 * sure is left out.
	 */
	VQT_SRC_KVM = 2,
	/*
	 * Probes in the kernel that drives the device, a guest's or a host's: the driver's view.  Its
	 * register accesses, kicks, chains, completions and interrupts are those that the driver
	 * makes, adds, takes and handles, at the time when it does.
	 */
	VQT_SRC_GUEST = 3,
	VQT_SRC_EMU = 4, /* our device's tap */
	VQT_SRC_REPLAY = 5, /* a replay against a device */
	VQT_SRC_PROXY =
		6, /* vhost-user proxy: rings as the proxy reads them, not as the device does */
	/*
	 * Rings read from beside a running device, again and again, without any probe.  An event has
	 * the time when it was found (VQT_TAG_WITHIN).  When a chain is popped, kicks, interrupts
	 * and register accesses are not seen, and nothing follows from that they are not there.
	 */
	VQT_SRC_MEMORY = 7, /* since minor version 8 */
	/*
	 * vhost-user proxy through which only messages pass: kicks and calls go straight from one side
	 * to the other.  It reads rings as VQT_SRC_MEMORY does.
	 */
	VQT_SRC_PROXY_PASSIVE = 8, /* since minor version 8 */
};

/* VQT_SOURCE: hdr.source is the id being described. */
struct vqt_source {
	struct vqt_hdr h;
	uint16_t kind; /* enum vqt_source_kind */
	uint16_t clock; /* enum vqt_clock_id */
	uint32_t pid;
	/* struct vqt_tlv ... */
};

enum vqt_clock_id {
	VQT_CLOCK_MONOTONIC = 0, /* of the host */
	VQT_CLOCK_GUEST = 1, /* of a guest; vqt_clock records relate it */
	VQT_CLOCK_VIRTUAL = 2, /* counted, not measured (emulator, replay) */
	/*
	 * Of a guest, its times already changed to the trace's clock; each is right to +-error of the
	 * latest vqt_clock record about the source.
	 */
	VQT_CLOCK_MAPPED = 3,
};

enum vqt_transport {
	VQT_TRANSPORT_UNKNOWN = 0,
	VQT_TRANSPORT_PCI = 1, /* 4.1 */
	VQT_TRANSPORT_MMIO = 2, /* 4.2 */
	VQT_TRANSPORT_CCW = 3, /* 4.3 */
};

/* vqt_device.flags */
#define VQT_DEV_TRANSITIONAL 0x01 /* has a legacy interface */
#define VQT_DEV_DATAPATH_ELSEWHERE 0x02 /* vhost, vhost-user, vDPA: rings not served here */
#define VQT_DEV_LATE 0x04 /* capture began after the device did */
#define VQT_DEV_GONE 0x08 /* unplugged; the id is not used again */

/* VQT_DEVICE: hdr.device is the id being described.  A later record replaces an earlier one. */
struct vqt_device {
	struct vqt_hdr h;
	uint16_t virtio_id; /* 5: device type, 0 unknown */
	uint16_t transport; /* enum vqt_transport */
	uint32_t flags; /* VQT_DEV_* */
	uint32_t bdf; /* PCI segment<<16|bus<<8|devfn, ~0 unknown */
	uint16_t queues; /* virtqueues the device has, 0 unknown */
	uint16_t peer; /* id of the same device as its other side recorded it; VQT_NO_DEVICE */
	uint64_t handle; /* pointer in the source, for correlation only */
	/* struct vqt_tlv ... */
};

/* vqt_device_state.known */
#define VQT_KNOWN_STATUS 0x01
#define VQT_KNOWN_OFFERED 0x02
#define VQT_KNOWN_ACCEPTED 0x04
#define VQT_KNOWN_CONFIG 0x08
#define VQT_KNOWN_MSIX 0x10

/* VQT_DEVICE_STATE: asked for (QMP, memory), where the traffic was missed. */
struct vqt_device_state {
	struct vqt_hdr h;
	uint32_t known; /* VQT_KNOWN_* */
	uint8_t status; /* 2.1 */
	uint8_t msix; /* MSI-X enabled */
	uint16_t config_len; /* bytes of device configuration that follow */
	uint64_t offered[2], accepted[2]; /* feature bits 0-127 */
	/* uint8_t config[config_len] */
};

/*
 * Feature bits that have a meaning for vhost and vhost-user only: VHOST_F_LOG_ALL and
 * VHOST_USER_F_PROTOCOL_FEATURES.  A proxy sees them; before minor version 4 it recorded the
 * first.
 */
#define VQT_VHOST_FEATURES (1ull << 26 | 1ull << 30)

/* vqt_queue_state.known */
#define VQT_KNOWN_SIZE 0x01
#define VQT_KNOWN_ADDR 0x02
#define VQT_KNOWN_VECTOR 0x04
#define VQT_KNOWN_ENABLED 0x08
#define VQT_KNOWN_INDEX 0x10 /* last_avail, used */

/* VQT_QUEUE_STATE */
struct vqt_queue_state {
	struct vqt_hdr h;
	uint32_t known;
	uint16_t size, vector;
	uint64_t desc, driver, device; /* guest-physical: 2.7, 2.8 areas */
	/*
	 * The device's private positions; packed: bit 15 wrap.  A chain between them is in flight;
	 * records of the queue may follow that are older than the positions.
	 */
	uint16_t last_avail, used;
	uint8_t enabled, pad[3];
};

enum vqt_clock_reason {
	VQT_CLOCK_CONTINUES = 0,
	VQT_CLOCK_START = 1, /* nothing is known from before */
	VQT_CLOCK_PAUSE = 2, /* the other clock stood still: its machine was stopped */
	VQT_CLOCK_STEP = 3, /* it was set forward */
	VQT_CLOCK_BACK = 4, /* it was set back: a snapshot was loaded */
	VQT_CLOCK_RATE = 5, /* its rate changed by more than clocks do */
};

#define VQT_CLOCK_UNKNOWN 0xffffffff /* vqt_clock.error */

/* VQT_CLOCK: at hdr.ts of hdr.source the clock of source `other` stood at `there`. */
struct vqt_clock {
	struct vqt_hdr h;
	uint8_t other;
	uint8_t reason; /* enum vqt_clock_reason: what has happened since the record before */
	uint8_t pad[2];
	uint32_t error; /* half width of the uncertainty, ns; VQT_CLOCK_UNKNOWN */
	uint64_t there;
};

/*
 * VQT_EXCHANGE: two clocks compared by a question and its answer, over the connection that carries a
 * guest's trace.  The host's trace and the guest's have one each, with the same nonce; together
 * they say that the guest's times were not before the question was sent, and not after its answer
 * came.
 */
struct vqt_exchange {
	struct vqt_hdr h; /* ts 0: the record has only its place, and is of the times below */
	uint64_t nonce; /* random; 0, of a guest: from here on it answers questions */
	/*
	 * ns on the clock of who recorded it.  Of a host: the question was sent at `from` at the
	 * earliest, its answer had come at `until`.  Of a guest: it had read the question at `from`,
	 * and answered at `until` at the earliest.
	 */
	uint64_t from, until;
	/*
	 * ns.  Of a host: at both times its CLOCK_REALTIME was ahead of the clock by this, at least
	 * and at most.  Of a guest: between the two times its host's CLOCK_REALTIME was `wall`, as a
	 * PTP clock of KVM says; wall_most is the same.  Both 0: unknown.
	 */
	int64_t wall, wall_most;
};

/* Which of the objects that a device consists of. */
enum vqt_class_of {
	VQT_CLASS_PROXY = 1, /* the transport's: of virtio-pci the PCI function */
	VQT_CLASS_BUS = 2, /* between the two: "virtio-pci-bus" */
	VQT_CLASS_DEVICE = 3, /* the virtio device itself: "virtio-blk-device" */
};

#define VQT_CLASS_UNKNOWN 0xffffffff /* an offset */

/*
 * VQT_CLASS: the class of one object of hdr.device, in QEMU's memory.  VQT_TAG_TYPENAME has the
 * object's type and all its parents, each after its child, with blanks between.  A later record
 * of the same device and kind of object replaces an earlier one.
 */
struct vqt_class {
	struct vqt_hdr h;
	uint64_t object, address; /* of the object and of its class, in the process */
	uint64_t bias; /* addresses in the process minus those in its object file */
	uint32_t object_size, size; /* bytes of the object, of the class */
	uint32_t offset; /* of the object in the proxy; VQT_CLASS_UNKNOWN: it is not within it */
	uint16_t of; /* enum vqt_class_of */
	uint16_t pad;
	/* struct vqt_tlv ... */
};

enum vqt_callback_naming {
	VQT_NAMED_ADDRESS = 0, /* the function has no name: "fn_", its address in its file */
	VQT_NAMED_ROLE =
		1, /* by what it is for: "VirtioDeviceClass.realize of virtio-blk-device" */
	VQT_NAMED_SYMBOL = 2, /* by a symbol */
};

/* VQT_TAG_CALLBACK: a callback that a class has, and whose function it is. */
struct vqt_callback {
	uint64_t function; /* address in the process; 0: the class has none there */
	/*
	 * In the class, of a ResettableClass in the one for that interface; VQT_CLASS_UNKNOWN: not
	 * found, nor is the function known.
	 */
	uint32_t offset;
	uint8_t naming; /* enum vqt_callback_naming */
	uint8_t pad;
	uint16_t len; /* bytes of the first text: "VirtioDeviceClass.realize" */
	/* char callback[len], function[]: the rest of the value */
};

enum vqt_loss_why {
	VQT_LOSS_BUFFER = 1, /* the ring buffer was full */
	VQT_LOSS_MEMORY = 2, /* memory of the source could not be read */
	VQT_LOSS_LIMIT = 3, /* a fixed table was full (devices, queues, in flight) */
	VQT_LOSS_FILE = 4, /* found by the reader: a gap in sequence numbers */
};

/* vqt_loss.flags, since minor version 4 */
#define VQT_LOSS_MORE 0x01 /* more than `lost` went missing; how many is unknown */

/*
 * VQT_LOSS: `lost` records of hdr.source went missing since the last one.  Before minor version 4
 * a proxy wrote 1 where it did not know how many.
 */
struct vqt_loss {
	struct vqt_hdr h;
	uint64_t lost;
	uint32_t why; /* enum vqt_loss_why */
	uint32_t flags; /* VQT_LOSS_* */
};

enum vqt_note_level {
	VQT_NOTE_INFO = 0,
	VQT_NOTE_WARNING = 1, /* the trace lacks something */
	VQT_NOTE_COMMENT = 2, /* from a person */
};

/* VQT_NOTE: text for people, e.g. a probe that could not be attached. */
struct vqt_note {
	struct vqt_hdr h;
	uint16_t level; /* enum vqt_note_level */
	uint16_t len; /* bytes of text that follow */
	uint32_t pad;
	/* char text[len] (UTF-8) */
};

/* vqt_stack.flags */
#define VQT_STACK_CUT 0x01 /* there are more frames, further out */

/*
 * VQT_STACK: a call stack, described once, before the first event that has its id in a VQT_TAG_STACK.
 * An event and its stack cannot be taken apart so, and events without one cost nothing.
 *
 * An id is one of hdr.source, and means this stack until the source is described again (VQT_SOURCE)
 * or the id is.  An event whose id is not described has a stack that is unknown.
 *
 * Frame 0 is the function that was probed, at its begin or the place of the probe (of a tracepoint:
 * where it is in its function); of an event that a process makes when a function returns, it is where
 * that returns to.  The addresses of the others are those that calls return to; the last is the
 * outermost one, in a kernel the way into it, an interrupt's or a system call's.
 */
struct vqt_stack {
	struct vqt_hdr h;
	uint32_t id; /* from 1 */
	uint16_t nframes;
	uint16_t flags; /* VQT_STACK_* */
	uint32_t len; /* bytes of symbol text, NUL after each frame's; empty: unknown */
	uint32_t pad;
	/*
	 * uint64_t pc[nframes]; char symbols[len]: "name+0xoffset/0xsize [module] (source:line)"; of a
	 * process also "name (inlined) [module]", and where there is no name "+0xoffset [module] (why)"
	 */
};

enum vqt_region {
	VQT_REGION_PCI = 1, /* PCI configuration space */
	VQT_REGION_COMMON = 2, /* 4.1.4.3 */
	VQT_REGION_NOTIFY = 3, /* 4.1.4.4 */
	VQT_REGION_ISR = 4, /* 4.1.4.5 */
	VQT_REGION_DEVICE = 5, /* 4.1.4.6 */
	VQT_REGION_MSIX_TABLE = 6, /* PCI 6.8.2 */
	VQT_REGION_MSIX_PBA = 7,
	VQT_REGION_LEGACY = 8, /* 4.1.4.10, 2.5.4: legacy I/O BAR, device config behind it */
	VQT_REGION_MMIO = 9, /* 4.2.2 */
	VQT_REGION_BAR = 10, /* inside a BAR, in no known structure */
};

#define VQT_READ 0
#define VQT_WRITE 1

/* vqt_reg.flags */
#define VQT_REG_VIA_CFG 0x01 /* through the PCI configuration access window, 4.1.4.9 */
#define VQT_REG_FAILED 0x02 /* the access was refused; value is not meaningful */
#define VQT_REG_PIO 0x04 /* by port I/O */
/*
 * Recorded in the driver's kernel: a function was called, or returned, whose accesses are known.
 * The time of the access lies between them.
 */
#define VQT_REG_DERIVED 0x08
/* Legacy, and derived: MSI-X is enabled, so that the device configuration begins at 24: 4.1.4.10. */
#define VQT_REG_MSIX 0x10

/*
 * VQT_REG: one register access as the device saw it.  Reads are recorded when
 * they return; writes before the device acts, so that what follows from a
 * write comes after it.
 */
struct vqt_reg {
	struct vqt_hdr h;
	uint8_t region; /* enum vqt_region */
	uint8_t op; /* VQT_READ, VQT_WRITE */
	uint8_t width; /* bytes: 1, 2, 4, 8 */
	uint8_t flags; /* VQT_REG_* */
	uint32_t offset; /* from the start of the region */
	uint64_t value; /* host-endian number, zero-extended */
};

/* vqt_ring.known */
#define VQT_RING_PACKED 0x8000 /* fields have their packed meaning */
#define VQT_RING_AVAIL_IDX 0x01
#define VQT_RING_AVAIL_FLAGS 0x02
#define VQT_RING_USED_EVENT 0x04
#define VQT_RING_USED_IDX 0x08
#define VQT_RING_USED_FLAGS 0x10
#define VQT_RING_AVAIL_EVENT 0x20
#define VQT_RING_LAST_AVAIL 0x40
#define VQT_RING_USED_POS 0x80 /* packed: used_idx is the device's next used slot */
#define VQT_RING_SLOT 0x100 /* packed: what the slot at last_avail holds is known: */
#define VQT_RING_FILLED 0x200 /* an available descriptor (else: none) */

/*
 * Contents of the ring memory at the time of a record, before the device acted. Packed
 * (2.8): avail_flags/used_event are the driver's event suppression structure (flags, desc),
 * used_flags/avail_event the device's; avail_idx is absent; positions carry the wrap counter
 * in bit 15.
 */
struct vqt_ring {
	uint16_t avail_idx; /* 2.7.6 */
	uint16_t avail_flags; /* 2.7.6; packed: driver event flags, 2.8.10 */
	uint16_t used_event; /* 2.7.7; packed: driver event off|wrap<<15 */
	uint16_t used_idx; /* 2.7.8; packed: device's next used slot */
	uint16_t used_flags; /* 2.7.8; packed: device event flags */
	uint16_t avail_event; /* 2.7.10; packed: device event off|wrap<<15 */
	uint16_t last_avail; /* device's next entry to pop; packed: slot|wrap<<15 */
	uint16_t known; /* VQT_RING_* */
};

enum vqt_kick_via {
	VQT_KICK_MMIO =
		1, /* the register write itself reached the device; by KVM: it left the guest */
	VQT_KICK_IOEVENTFD = 2, /* by eventfd (or polling it): value and width are unknown */
	VQT_KICK_LEGACY = 3, /* legacy Queue Notify register */
	VQT_KICK_CALL = 4, /* a function call (in-process driver) */
};

/* VQT_KICK: an available buffer notification arrived (4.1.5.2). */
struct vqt_kick {
	struct vqt_hdr h;
	struct vqt_ring ring;
	uint32_t value; /* as written; unknown (0) by ioeventfd */
	uint8_t via; /* enum vqt_kick_via */
	uint8_t width; /* bytes written, 0 unknown */
	uint16_t nheads; /* entries that follow */
	/*
	 * uint16_t heads[nheads]: split: avail ring entries from last_avail up to
	 * avail_idx, the first VQT_KICK_HEADS of them; padded to 4 bytes.
	 */
};
#define VQT_KICK_HEADS 16

enum vqt_ring_why {
	VQT_RING_ASKED = 0, /* requested; also before minor version 2, when it was not recorded */
	/*
	 * The driver writes device_status, and the device has not acted on it yet.  The sample
	 * precedes the write of a 0 (a reset) in the trace and follows any other write.
	 */
	VQT_RING_STATUS = 1,
	VQT_RING_PERIODIC = 2, /* at an interval */
};

/* Whether a driver's notification (4.1.5.2) is on its way and has not reached the device. */
enum vqt_pending {
	VQT_PENDING_UNKNOWN = 0, /* and before minor version 2 */
	VQT_PENDING_NO = 1,
	VQT_PENDING_YES = 2,
};

/*
 * VQT_RING: a sample of a ring, not tied to a kick, pop or push.  A periodic sample is read
 * from outside the device.  All its fields are of one time, during which the ring did not
 * change, but events of other queues may lie between that time and the sample's place in the
 * trace.
 */
struct vqt_ringstate {
	struct vqt_hdr h;
	struct vqt_ring ring;
	/* since minor version 2 */
	uint8_t why; /* enum vqt_ring_why */
	uint8_t pending; /* enum vqt_pending, when the ring was read */
	uint8_t pad[6];
};
#define VQT_RINGSTATE_SIZE_1 40 /* without the fields of minor version 2 */

/* A descriptor as in guest memory: 2.7.5 (split), 2.8.13 (packed: next is id). */
struct vqt_desc {
	uint64_t addr; /* guest-physical */
	uint32_t len;
	uint16_t flags; /* VIRTQ_DESC_F_*, VIRTQ_DESC_F_AVAIL/USED */
	uint16_t next;
};

/* Leading bytes of one buffer.  Follows the descriptors; padded to 4 bytes. */
struct vqt_seg {
	uint16_t desc; /* index into the record's chain (vqt_avail.first + i) */
	uint16_t len; /* bytes that follow */
	uint32_t offset; /* offset in the buffer of the first of these bytes */
};

/* vqt_avail.flags */
#define VQT_CHAIN_MORE 0x0001 /* continued in the next VQT_AVAIL of this head */
#define VQT_CHAIN_CUT 0x0002 /* longer than was captured */
#define VQT_CHAIN_LOOP 0x0004 /* ended because it exceeded the queue size */
#define VQT_CHAIN_BAD_NEXT 0x0008 /* ended at an index outside the table */
#define VQT_CHAIN_BAD_HEAD 0x0010 /* the head itself is outside the table */
#define VQT_CHAIN_NO_TABLE 0x0020 /* the indirect table could not be read */
#define VQT_CHAIN_DERIVED 0x0040 /* from the device's parsed copy, not from guest memory */
#define VQT_CHAIN_LATE 0x0080 /* read after the device had popped it */
#define VQT_CHAIN_AGAIN 0x0100 /* popped again after an un-pop */
#define VQT_CHAIN_BAD_TABLE 0x0200 /* indirect length is 0 or not a multiple of 16 */
/*
 * In flight since before the trace, as found in the ring: not an event of this time.  When it
 * was made available and popped is unknown.
 */
#define VQT_CHAIN_BEFORE 0x0400
#define VQT_CHAIN_LIKELY 0x0800 /* with BEFORE: the ring does not prove that it is this chain */

/* vqt_avail.adding */
#define VQT_ADDING_NS 16
#define VQT_ADDING_MORE 0xffff

/*
 * VQT_AVAIL: the device pops a chain from the available ring (2.7.13, 2.8.21). Descriptors:
 * first the ndirect ones of the ring or table, in chain order, then those of the indirect
 * table which the first INDIRECT among them names (2.7.5.3, 2.8.19), in the order of their
 * chain.
 */
struct vqt_avail {
	struct vqt_hdr h;
	struct vqt_ring ring;
	uint16_t head; /* split: descriptor index; packed: buffer id */
	uint16_t pos; /* split: free-running available index; packed: slot|wrap<<15 */
	uint16_t flags; /* VQT_CHAIN_* */
	uint16_t first; /* index in the chain of the first descriptor here; with DERIVED: of head's
			 * chain in flight, whose table could not be read before */
	uint16_t ndesc; /* descriptors in this record */
	uint16_t ndirect; /* of the whole chain, how many are not from an indirect table */
	uint16_t nseg; /* struct vqt_seg that follow the descriptors */
	/*
	 * Recorded by a driver's kernel: it began to add the chain so long before
	 * hdr.ts, in units of VQT_ADDING_NS, rounded up; VQT_ADDING_MORE: longer; 0: unknown.  The
	 * device may have popped it at any time since.
	 */
	uint16_t adding;
	/* struct vqt_desc desc[ndesc]; nseg * { struct vqt_seg; bytes, padded to 4 } */
};

/* vqt_used.flags */
#define VQT_USED_STATUS 0x01 /* status holds the last writable byte */
#define VQT_USED_BATCHED 0x02 /* written; a later record's used_idx publishes it */
#define VQT_USED_SYNTHETIC 0x04 /* inferred from ring memory, not from the device's call */
#define VQT_USED_DETACHED 0x08 /* the device dropped the chain without using it */
#define VQT_USED_WRITE \
	0x10 /* packed: its descriptor has WRITE; without it len is reserved (2.8.4) */

/* VQT_USED: the device returns a chain (2.7.8, 2.8.13). */
struct vqt_used {
	struct vqt_hdr h;
	struct vqt_ring ring; /* before the used entry is written */
	uint32_t len; /* as the device reports it */
	uint16_t id; /* split: head index; packed: buffer id */
	uint16_t pos; /* split: free-running used index of the entry; packed: slot|wrap<<15 */
	uint8_t flags; /* VQT_USED_* */
	uint8_t status; /* last device-writable byte: virtio-blk status, 5.2.6 */
	uint16_t nseg; /* struct vqt_seg that follow: device-written bytes */
	uint32_t pad;
	/* nseg * { struct vqt_seg; bytes, padded to 4 } */
};

enum vqt_irq_kind {
	VQT_IRQ_SIGNAL = 1, /* the device decided to notify (eventfd or call) */
	VQT_IRQ_MSIX = 2, /* the MSI-X message was sent */
	VQT_IRQ_INTX = 3, /* line asserted (level 1) or released (0) */
	VQT_IRQ_CONFIG = 4, /* configuration change notification decided */
	/* Recorded in the driver's kernel: */
	VQT_IRQ_HANDLER = 5, /* the queue's handler runs; vector: the one it has */
	VQT_IRQ_CONFIG_HANDLER = 6, /* the handler of configuration changes runs */
};

#define VQT_NO_VECTOR 0xffff /* 4.1.5.1.2 */

/* VQT_IRQ: hdr.queue is the queue notified for, where known. */
struct vqt_irq {
	struct vqt_hdr h;
	uint16_t vector; /* MSI-X, VQT_NO_VECTOR */
	uint8_t kind; /* enum vqt_irq_kind */
	uint8_t level; /* INTx */
	uint32_t pad;
};

/* VQT_DATA: bytes of a chain's buffers that could not be read with its VQT_AVAIL. */
struct vqt_data {
	struct vqt_hdr h;
	uint16_t head; /* the chain in flight */
	uint16_t nseg;
	uint32_t pad;
	/* nseg * { struct vqt_seg; bytes, padded to 4 } */
};

/*
 * Lifecycle steps of a device.  The comments name QEMU's functions; other sources use the
 * nearest step.  decoder/fields/event_names.c describes `arg` and the text of each step.
 */
enum vqt_lifecycle_what {
	VQT_LIFECYCLE_TYPE_REGISTER = 1, /* virtio_pci_types_register */
	VQT_LIFECYCLE_INSTANCE_INIT = 2, /* virtio_instance_init_common */
	VQT_LIFECYCLE_REALIZE = 3, /* qdev_realize */
	VQT_LIFECYCLE_VIRTIO_INIT = 4, /* virtio_init: arg0 device id, arg1 config size */
	VQT_LIFECYCLE_ADD_QUEUE = 5, /* virtio_add_queue: arg0 size, arg1 handle_output */
	VQT_LIFECYCLE_BUS_PLUGGED = 6, /* virtio_bus_device_plugged */
	VQT_LIFECYCLE_BAR = 7, /* pci_register_bar: arg0 number, arg1 type */
	VQT_LIFECYCLE_REGION = 8, /* memory_region_init_io: arg0 size, text name */
	VQT_LIFECYCLE_MSIX_INIT = 9, /* msix_init: arg0 vectors, arg1 table bar */
	VQT_LIFECYCLE_IOEVENTFD_START = 10, /* virtio_bus_start_ioeventfd */
	VQT_LIFECYCLE_IOEVENTFD_STOP = 11,
	VQT_LIFECYCLE_DATAPLANE_START = 12, /* virtio_blk_data_plane_start */
	VQT_LIFECYCLE_DATAPLANE_STOP = 13,
	VQT_LIFECYCLE_HOST_NOTIFIER = 14, /* virtio_bus_set_host_notifier: arg0 assign */
	VQT_LIFECYCLE_GUEST_NOTIFIER = 15, /* fd handler set: arg0 assign, arg1 irqfd */
	VQT_LIFECYCLE_MSI_ROUTE = 16, /* kvm_irqchip_add_msi_route: arg0 vector */
	VQT_LIFECYCLE_GSI_COMMIT = 17, /* KVM_SET_GSI_ROUTING */
	VQT_LIFECYCLE_IRQFD = 18, /* kvm_irqchip_add_irqfd_notifier_gsi: arg0 gsi */
	VQT_LIFECYCLE_RESET = 19, /* virtio_reset */
	VQT_LIFECYCLE_SET_STATUS = 20, /* virtio_set_status: arg0 */
	VQT_LIFECYCLE_SET_FEATURES = 21, /* virtio_set_features: arg0 */
	VQT_LIFECYCLE_SET_RINGS = 22, /* virtio_queue_set_rings: arg0..2 desc, driver, device */
	VQT_LIFECYCLE_SET_NUM = 23, /* virtio_queue_set_num: arg0 */
	VQT_LIFECYCLE_SET_VECTOR = 24, /* virtio_queue_set_vector: arg0 */
	VQT_LIFECYCLE_QUEUE_ENABLE = 25, /* virtio_queue_enable */
	VQT_LIFECYCLE_QUEUE_RESET = 26, /* virtio_queue_reset */
	VQT_LIFECYCLE_ERROR = 27, /* virtio_error: text is the error message */
	VQT_LIFECYCLE_CONFIG_CHANGE = 28, /* virtio_notify_config */
	VQT_LIFECYCLE_DELETE_QUEUE = 29, /* virtio_del_queue */
	VQT_LIFECYCLE_UNREALIZE = 30, /* virtio_cleanup, unplug */
	VQT_LIFECYCLE_UNPOP = 31, /* virtqueue_unpop, virtqueue_rewind: arg0 count */
	VQT_LIFECYCLE_VHOST_START =
		32, /* vhost_dev_start: the data path moves out of this process */
	VQT_LIFECYCLE_VHOST_STOP = 33,
	/*
	 * Guest memory of a chain has changed between its pop and its completion: arg0 head or id,
	 * arg1 descriptor of the chain, arg2 what differs: 0 the descriptor itself, 1 the first
	 * VQT_HEADER_BYTES of the device-readable part.  Precedes the VQT_USED.
	 */
	VQT_LIFECYCLE_CHAIN_CHANGED = 34,
	/*
	 * virtio_queue_aio_attach_host_notifier: the device begins to listen for kicks of a queue, or
	 * again after its block layer was drained, and notifies itself in case it missed one.  A kick
	 * that follows and finds nothing is not the driver's.
	 */
	VQT_LIFECYCLE_NOTIFIER_ATTACH = 35,
	/* Only in a trace that has the calls of functions: */
	VQT_LIFECYCLE_CLASS_INIT = 36, /* TypeInfo.class_init: text name of the type */
	/*
	 * TypeInfo.instance_init of one of an object's types (VQT_TAG_FUNCTION says of which): text
	 * name of the object's own type.
	 */
	VQT_LIFECYCLE_OBJECT_INIT = 37,
	/*
	 * A function that a class of the object holds, VQT_TAG_FUNCTION says in what role: arg0 its
	 * first argument, an address.
	 */
	VQT_LIFECYCLE_CALLBACK = 38,
	/* hmp_device_add, qmp_device_add, qdev_device_add_from_qdict */
	VQT_LIFECYCLE_DEVICE_ADD = 39,
	/* hmp_device_del, qmp_device_del, qdev_unplug: text id of the device */
	VQT_LIFECYCLE_DEVICE_DEL = 40,
	VQT_LIFECYCLE_PROPERTY = 41, /* object_property_set: text name of the property */
	VQT_LIFECYCLE_AIO_CONTEXT = 42, /* blk_set_aio_context: the back end moves to a thread */
};

#define VQT_HEADER_BYTES 16

#define VQT_TALLY_OTHER 0xffffffff

/* Count of one bucket of struct hist (decoder/util/histogram.h). */
struct vqt_tally_bucket {
	uint32_t bucket, count;
};

/* Completions of one request type since the previous tally. */
struct vqt_tally_group {
	uint32_t type; /* as in the header (blk: 5.2.6); VQT_TALLY_OTHER: all other types */
	uint32_t nbucket; /* struct vqt_tally_bucket that follow */
	uint64_t used; /* completions */
	uint64_t errors; /* completions with a status other than success */
	uint64_t bytes_in, bytes_out; /* data to and from the driver */
	uint64_t timed, sum; /* completions of known duration (those in the buckets), sum in ns */
};

/*
 * VQT_TALLY: what a light capture counted of a queue in the last `interval` ns, since its
 * previous tally.  A duration is the time from pop to used.
 */
struct vqt_tally {
	struct vqt_hdr h;
	uint64_t interval;
	uint64_t kicks, popped, interrupts;
	uint64_t detached, dropped; /* dropped by the device; cancelled by a reset */
	uint32_t flight, flight_max; /* requests in flight now, and most ever */
	uint32_t ngroup; /* struct vqt_tally_group that follow, each with its buckets */
	uint32_t pad;
};

/* VQT_LIFECYCLE */
struct vqt_lifecycle {
	struct vqt_hdr h;
	uint16_t what; /* enum vqt_lifecycle_what */
	uint16_t len; /* bytes of text that follow */
	uint32_t pad;
	uint64_t arg[3];
	/* char text[len] */
};

/* vqt_return.flags */
#define VQT_RETURN_JUMPED 1 /* it has jumped to another function, which returns in its place */

/* VQT_RETURN: the function of a call (VQT_TAG_CALL) has returned, or has jumped to another one. */
struct vqt_return {
	struct vqt_hdr h;
	uint32_t call;
	uint32_t flags; /* VQT_RETURN_* */
	/* in the register of results; of a function without a result it is anything; jumped: not known */
	uint64_t value;
};

enum vqt_route_kind {
	VQT_ROUTE_IRQCHIP = 1, /* KVM_IRQ_ROUTING_IRQCHIP: a pin of an interrupt controller */
	VQT_ROUTE_MSI = 2, /* KVM_IRQ_ROUTING_MSI */
};

/* One route: what happens when `gsi` is raised. */
struct vqt_route {
	uint32_t gsi;
	uint32_t kind; /* KVM_IRQ_ROUTING_*, enum vqt_route_kind */
	uint64_t address; /* MSI: what is written where; irqchip: number of the controller */
	uint32_t data; /* irqchip: of the pin */
	uint32_t pad;
};

#define VQT_ROUTES_MAX 1024 /* that are recorded of a table */

/*
 * VQT_ROUTES: the table of interrupt routes that a machine gives to KVM (ioctl
 * KVM_SET_GSI_ROUTING); it replaces the one before.
 */
struct vqt_routes {
	struct vqt_hdr h;
	uint32_t total; /* in the table */
	uint32_t n; /* struct vqt_route that follow: all, or the first ones */
	/* struct vqt_route route[n] */
};

/*
 * What a function of the driver's kernel does; decoder/trace/guest.h has the functions, and
 * says what the arguments of each are.
 */
enum vqt_guest_what {
	VQT_GUEST_LIFECYCLE = 1, /* a step of a device's or driver's life: probe, find_vqs, ... */
	VQT_GUEST_CONFIG_OP = 2, /* a callback of struct virtio_config_ops */
	VQT_GUEST_ADD = 3, /* virtqueue_add_*: not written, the chain is a VQT_AVAIL */
	VQT_GUEST_KICK_PREPARE = 4, /* virtqueue_kick_prepare: is a notification needed? */
	VQT_GUEST_NOTIFY = 5, /* virtqueue_notify; the write is a VQT_KICK */
	VQT_GUEST_CALLBACKS = 6, /* virtqueue_disable_cb, virtqueue_enable_cb and its like */
	VQT_GUEST_INTERRUPT = 7, /* vp_interrupt, vring_interrupt; the queue's is a VQT_IRQ */
	VQT_GUEST_GET_BUF = 8, /* virtqueue_get_buf_ctx: not written, it is a VQT_USED */
	VQT_GUEST_SUBMIT = 9, /* virtio_queue_rq, virtio_queue_rqs, virtio_commit_rqs, start_xmit */
	VQT_GUEST_DONE = 10, /* virtblk_done, skb_xmit_done, virtnet_poll, ... */
	VQT_GUEST_RQ_ISSUE = 11, /* tracepoint block_rq_issue: a request begins */
	VQT_GUEST_RQ_COMPLETE = 12, /* tracepoint block_rq_complete */
};

enum vqt_guest_phase {
	VQT_GUEST_ENTRY = 0,
	VQT_GUEST_RETURN = 1, /* ret is its result, if it has one */
	VQT_GUEST_POINT = 2, /* neither: a tracepoint */
	/*
	 * The kernel has inlined this function into others, and something else proves that it ran
	 * (decoder/trace/guest.h).
	 */
	VQT_GUEST_DERIVED = 3,
};

#define VQT_GUEST_ARGS 8

/* vqt_guest.function: what is called for every request (decoder/trace/guest.h has its name). */
enum vqt_guest_function {
	VQT_FUNCTION_NAMED = 0, /* the text is its name, or `what` says which it is */
	VQT_FUNCTION_virtqueue_kick_prepare = 1,
	VQT_FUNCTION_vp_notify = 2,
	VQT_FUNCTION_vm_notify = 3,
	VQT_FUNCTION_vp_notify_with_data = 4,
	VQT_FUNCTION_vm_notify_with_data = 5,
	VQT_FUNCTION_virtqueue_disable_cb = 6,
	VQT_FUNCTION_virtqueue_enable_cb = 7,
	VQT_FUNCTION_virtqueue_enable_cb_prepare = 8,
	VQT_FUNCTION_virtqueue_enable_cb_delayed = 9,
	VQT_FUNCTION_vp_interrupt = 10,
	VQT_FUNCTION_vm_interrupt = 11,
	VQT_FUNCTION_vring_interrupt = 12,
	VQT_FUNCTION_virtio_queue_rq = 13,
	VQT_FUNCTION_virtio_queue_rqs = 14,
	VQT_FUNCTION_virtio_commit_rqs = 15,
	VQT_FUNCTION_virtblk_done = 16,
	VQT_FUNCTION_start_xmit = 17,
	VQT_FUNCTION_virtnet_poll = 18,
	VQT_FUNCTION_virtnet_poll_tx = 19,
	VQT_FUNCTION_skb_xmit_done = 20,
	VQT_FUNCTION_skb_recv_done = 21,
};

/* VQT_GUEST: a step of the driver, in the kernel of a guest or of a host with virtio devices. */
struct vqt_guest {
	struct vqt_hdr h;
	uint16_t what; /* enum vqt_guest_what */
	uint8_t phase; /* enum vqt_guest_phase */
	uint8_t nargs; /* that follow, at most VQT_GUEST_ARGS */
	uint16_t len; /* bytes of text that follow them: the name of the function */
	uint16_t function; /* enum vqt_guest_function; 0: the text says it, or `what` */
	int64_t ret;
	/* uint64_t arg[nargs]; char text[len] */
};

enum vqt_backend_op {
	VQT_BACKEND_READ = 1,
	VQT_BACKEND_WRITE = 2,
	VQT_BACKEND_FLUSH = 3,
	VQT_BACKEND_DISCARD = 4,
	VQT_BACKEND_ZEROES = 5,
};

/*
 * VQT_BACKEND: the block layer below the device gets something to do, and has done it.  QEMU
 * merges requests of one queue: then `head` is that of the first, and the range that of all.  Its
 * ends have no range, and op 0 where the start was not seen.
 */
struct vqt_backend {
	struct vqt_hdr h;
	uint8_t op; /* enum vqt_backend_op */
	uint8_t phase; /* 0 start, 1 end */
	uint16_t head; /* head of the request that it serves, 0xffff unknown */
	int32_t ret; /* on end: 0, bytes or negative errno */
	uint64_t offset, bytes;
	uint64_t cookie; /* pairs start and end */
};

enum vqt_vhost_user_from {
	VQT_FROM_FRONT_END = 1,
	VQT_FROM_BACK_END = 2, /* a reply */
	VQT_FROM_BACK_END_CHANNEL = 3, /* a request of its own (SET_BACKEND_REQ_FD) */
	VQT_FROM_FRONT_END_CHANNEL = 4, /* the reply to it */
};

#define VQT_VHOST_USER_BYTES 512 /* of a payload that are recorded at most */

/*
 * VQT_VHOST_USER: a message between a vhost-user front end and a back end, before it is handed
 * on.  The contents of device configuration are not recorded: see VQT_DEVICE_STATE.
 */
struct vqt_vhost_user {
	struct vqt_hdr h;
	uint32_t request, flags, size; /* as in the message: size of its payload */
	uint8_t from; /* enum vqt_vhost_user_from */
	uint8_t fds; /* descriptors that came with it */
	uint16_t len; /* leading bytes of the payload that follow */
	/* uint8_t payload[len] */
};

/* The layouts are a file format: they must not change. */
#define VQT_SIZE(s, n) _Static_assert(sizeof(struct s) == (n), #s " changed size")
VQT_SIZE(vqt_hdr, 24);
VQT_SIZE(vqt_tlv, 4);
VQT_SIZE(vqt_session, 40);
VQT_SIZE(vqt_source, 32);
VQT_SIZE(vqt_device, 48);
VQT_SIZE(vqt_device_state, 64);
VQT_SIZE(vqt_queue_state, 64);
VQT_SIZE(vqt_clock, 40);
VQT_SIZE(vqt_loss, 40);
VQT_SIZE(vqt_note, 32);
VQT_SIZE(vqt_stack, 40);
VQT_SIZE(vqt_exchange, 64);
VQT_SIZE(vqt_class, 64);
VQT_SIZE(vqt_callback, 16);
VQT_SIZE(vqt_reg, 40);
VQT_SIZE(vqt_ring, 16);
VQT_SIZE(vqt_kick, 48);
VQT_SIZE(vqt_ringstate, 48);
VQT_SIZE(vqt_desc, 16);
VQT_SIZE(vqt_seg, 8);
VQT_SIZE(vqt_avail, 56);
VQT_SIZE(vqt_used, 56);
VQT_SIZE(vqt_irq, 32);
VQT_SIZE(vqt_data, 32);
VQT_SIZE(vqt_tally, 88);
VQT_SIZE(vqt_tally_group, 56);
VQT_SIZE(vqt_tally_bucket, 8);
VQT_SIZE(vqt_lifecycle, 56);
VQT_SIZE(vqt_return, 40);
VQT_SIZE(vqt_route, 24);
VQT_SIZE(vqt_routes, 32);
VQT_SIZE(vqt_call, 8);
VQT_SIZE(vqt_guest, 40);
VQT_SIZE(vqt_backend, 56);
VQT_SIZE(vqt_vhost_user, 40);
#undef VQT_SIZE
#define VQT_OFFSET(s, f, n) \
	_Static_assert(__builtin_offsetof(struct s, f) == (n), #s "." #f " moved")
VQT_OFFSET(vqt_hdr, device, 16);
VQT_OFFSET(vqt_hdr, type, 20);
VQT_OFFSET(vqt_stack, len, 32);
VQT_OFFSET(vqt_reg, value, 32);
VQT_OFFSET(vqt_kick, value, 40);
VQT_OFFSET(vqt_ringstate, why, VQT_RINGSTATE_SIZE_1);
VQT_OFFSET(vqt_avail, head, 40);
VQT_OFFSET(vqt_used, len, 40);
VQT_OFFSET(vqt_used, flags, 48);
VQT_OFFSET(vqt_lifecycle, arg, 32);
VQT_OFFSET(vqt_guest, ret, 32);
VQT_OFFSET(vqt_backend, offset, 32);
#undef VQT_OFFSET

#endif
