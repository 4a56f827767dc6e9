/* SPDX-License-Identifier: MIT */
/*
 * What the checker remembers of a device and of a queue, by topic.  The file named
 * with each struct writes it; rules read, and settle obligations.
 *
 * Members n_X are the numbers of events, 0 for never; ts_X are their times in ns.
 */
#ifndef VQT_DECODER_CHECK_MEMORY_H
#define VQT_DECODER_CHECK_MEMORY_H

#include "decoder/model/model.h"

/* What the device or the driver has to do since an event. */
struct obligation {
	uint64_t number, ts; /* of that event; number 0: nothing */
	uint32_t a, b; /* as the rule likes */
};

/* --- of a queue ------------------------------------------------------------- */

/* The reset of one queue (2.6.1). */
enum qreset {
	QRESET_NONE,
	QRESET_ASKED, /* 1 written */
	QRESET_DONE, /* 0 read back */
};

/* Why a used buffer notification is due. */
enum irq_by {
	IRQ_BY_EVENT, /* used_event or off/wrap was reached */
	IRQ_BY_FLAGS, /* not suppressed */
	IRQ_BY_EMPTY, /* NOTIFY_ON_EMPTY, 6.3 */
};

/* registers.c: its registers since the device's reset. */
struct check_queue_setup {
	uint64_t n_enable, n_size, n_size_read, n_desc, n_driver, n_device, n_vector;
	uint64_t n_vector_read; /* and it was there */
	struct obligation vector_unread; /* written, not read back; a: value */
	uint64_t n_reset, n_reset_read;
	uint64_t n_stopped; /* QueueReady of virtio-mmio: 0 written, not read back */
	bool stopped; /* it was, and read back: enabled again it is no new queue */
	enum qreset reset;
	uint64_t n_align; /* QueueAlign of virtio-mmio */
	bool legacy; /* set up by the legacy queue address */
	bool notify_config_known;
	uint64_t notify_config; /* queue_notif_config_data */
};

/* queue.c: the positions of the ring, known from its start on. */
struct check_positions {
	uint16_t next_avail, next_used; /* expected; packed: slot | wrap << 15 */
	bool avail_unsure;
	bool used_unsure; /* after a batch in a packed ring */
	bool any_used, last_batched;
	uint16_t last_used_id;
	uint32_t slots; /* ring descriptors in flight */
	uint64_t last_in_order; /* the event at which the chain used last was popped */
};

/* queue.c: the latest snapshot of the ring, and who took it. */
struct check_snapshot {
	struct vqt_ring ring;
	uint32_t tid;
	uint64_t number, ts;
};

/* queue.c: the latest events, and how many. */
struct check_traffic {
	uint64_t n_avail, n_used, n_kick, n_irq;
	uint64_t n_stuck; /* the chain that was reported as stuck */
	uint64_t completions, irqs; /* since the start */
	uint64_t ts_irq;
};

/* queue.c and irq.c: used buffer notifications. */
struct check_queue_irq {
	struct obligation due; /* a: used_event, b: enum irq_by */
	uint32_t due_tid; /* the thread that has to send it */
	struct obligation
		extra; /* one that nobody asked for; a: used_event | flags << 16, b: by flags */
	bool crossed; /* since the last interrupt one was due, or nobody knows */
	bool signals; /* the device's own decisions are recorded, not only MSI-X messages */
	bool used_event_moved;
	unsigned suppressed; /* snapshots in a row with NO_INTERRUPT set */
};

/*
 * queue.c: where used_event and avail_event are with EVENT_IDX, in a split ring without it: how
 * often the words there have moved to where a side stands.  Other changes: data of somebody.
 */
struct check_word {
	bool known, foreign;
	uint16_t value;
	unsigned moves;
};
struct check_beyond {
	struct check_word avail_event, used_event;
};

/* Rules on values in a ring: what was found wrong, which later snapshots find again. */
enum check_found {
	FOUND_DRIVER_FLAGS,
	FOUND_DEVICE_FLAGS,
	FOUND_DRIVER_OFFSET,
	FOUND_DEVICE_OFFSET,
	FOUND_AVAIL_IDX,
	FOUND_USED_IDX, /* how far from the elements written */
	FOUNDS,
};
struct check_value {
	bool wrong;
	uint16_t value;
};

/* queue.c: kicks. */
struct check_kicks {
	uint16_t avail; /* avail_idx at the last kick; packed: last_avail, if it brought nothing */
	bool avail_known;
	unsigned idle; /* in a row that brought nothing */
	uint64_t n_idle, ts_idle; /* the first of them */
	struct obligation early; /* kicked before DRIVER_OK, legacy; b: last_avail */
};

/*
 * queue.c: entries that wait.  What samples prove: nothing was available and the
 * device asked for a kick at the next entry (asked); since then, samples have seen
 * entries wait (waiting) with no kick pending, or with one; and the driver's first
 * event after that (ts_alive).
 */
struct check_waiting {
	struct obligation stall; /* in snapshots; a: avail_idx, b: last_avail */
	bool stall_whole; /* the trace has all kicks for them */
	struct obligation asked; /* a: avail_event, b: last_avail */
	struct obligation sampled; /* a: avail_idx, b: last_avail */
	uint8_t pending; /* enum vqt_pending, of all those samples */
	uint64_t ts_alive;
};

/* queue.c: what samples show of chains in flight. */
struct check_held {
	struct obligation since; /* the first sample with these; a: used_idx, b: last_avail */
	unsigned samples; /* in a row, each soon after the one before */
	uint64_t ts; /* the latest */
	bool reported;
};

/* queue.c: the chain popped last, for what the device says right after it. */
struct check_chain {
	uint64_t number;
	bool faulty; /* a rule for drivers was broken by it */
	uint16_t flags; /* VQT_CHAIN_* */
	bool write_table, after_direct;
};

/* mmio.c: the chains used latest. */
#define CHECK_REAPED 8
struct check_reaped {
	uint16_t id[CHECK_REAPED];
	uint64_t number[CHECK_REAPED];
	unsigned n; /* of all */
};

struct check_queue {
	uint16_t index;
	UT_hash_handle hh;
	bool flight; /* chains in flight and positions are complete */
	bool draining; /* a reset was asked for; the device may still be busy */
	struct check_queue_setup setup;
	struct check_positions pos;
	struct check_snapshot last;
	struct check_traffic seen;
	struct check_queue_irq irq;
	struct check_beyond beyond;
	struct check_value found[FOUNDS];
	struct check_kicks kicks;
	struct check_waiting wait;
	struct check_held held;
	struct check_chain chain;
	struct check_reaped reaped;
};

/* --- of a device, from a reset to the next ---------------------------------- */

/* device.c and registers.c: the reset that began it. */
struct check_reset {
	uint64_t number; /* the event */
	bool written; /* by the driver */
	bool awaited; /* and 0 was not read back yet */
	uint64_t ts, n_done, reads; /* reads: of device_status while awaited */
};

/* registers.c: device_status. */
struct check_status {
	uint8_t written; /* as the driver last wrote it */
	uint8_t ever; /* every bit it wrote */
	uint8_t missed; /* bits that it left out, as was reported */
	uint64_t n_write, n_read, ts_write; /* the latest */
	/* The first time that each bit was written; NEEDS_RESET: read. */
	uint64_t n_ack, n_driver, n_features_ok, n_driver_ok, n_failed, n_needs_reset;
	uint64_t n_error; /* the device reported that it cannot go on */
	uint64_t ts_abandoned; /* ts_driver when it was found to have given up; 0 never */
};

/* registers.c: feature negotiation. */
struct check_features {
	bool answered, refused; /* status was read back after FEATURES_OK */
	bool unread; /* it was not, and that was reported */
	uint64_t n_refused;
	uint8_t offer_read, accept_written; /* feature words, a bit each */
	bool offer_selected, accept_selected; /* the select register was written */
	uint64_t n_offer, n_accept; /* the latest access to each */
};

/* registers.c: MSI-X vectors. */
#define CHECK_VECTORS 2048
struct check_vectors {
	struct obligation unread; /* config_msix_vector: written, not read back; a: value */
	uint64_t n_config;
	uint8_t mapped[CHECK_VECTORS / 8];
};

/* irq.c: interrupts. */
struct check_irqs {
	uint64_t n_config, n_queue; /* the latest notification of each kind */
	uint64_t n_config_seen, n_queue_seen; /* those at the latest read of ISR status */
	uint64_t ts_config, ts_queue;
	uint64_t
		n_change; /* the latest that may be one of a change: also a message on its vector */
	uint64_t n_any, n_msix, n_isr;
	bool intx_since_config, intx_since_queue, isr_read;
	struct obligation intx; /* the line is asserted */
	bool intx_handled; /* and was once, in this life of the driver, when ISR status was read */
	struct obligation needs_reset; /* NEEDS_RESET was read, and no notification came */
	struct obligation shared; /* a configuration change, by an interrupt that queues use too */
	struct obligation no_change; /* a configuration change notified, and none found yet */
	bool no_change_status, no_change_generation; /* read since, and unchanged */
	/* Changes by config_generation that no notification was for yet, and the other way round. */
	uint8_t changes_untold, told_unfound;
	/* mmio.c: InterruptStatus and InterruptACK of virtio-mmio */
	uint64_t n_ack, n_used; /* InterruptACK written; a chain used, of any queue */
	uint32_t shown; /* by InterruptStatus as read last, and not acknowledged since */
	uint64_t n_reaped; /* a chain used since n_ack was seen to be reaped */
	struct obligation unacknowledged; /* InterruptStatus showed bits; a: which */
	struct obligation unfounded; /* and no event for them was known; a: which */
};

/* config.c: a change between two reads of a byte. */
struct check_config_change {
	uint64_t n_old, n_new; /* the reads; 0: none pending */
	uint32_t offset, width, old_width;
	uint8_t generation; /* as read at or before n_old */
	bool generation_known, across_features_ok;
};

/* config.c: device configuration as read. */
#define CHECK_CONFIG 256
struct check_config_space {
	uint8_t bytes[CHECK_CONFIG];
	uint8_t known[CHECK_CONFIG / 8]; /* bits */
	uint64_t n_word[CHECK_CONFIG / 4]; /* the reads, by word of 4 bytes */
	uint8_t width[CHECK_CONFIG / 4]; /* of those */
	uint64_t n_read; /* the latest, and its width */
	unsigned read_width;
	uint64_t n_generation, n_generation_same; /* the latest read; the first with that value */
	uint8_t generation;
	struct check_config_change change;
	struct obligation torn; /* a field of several words read in part; a: offset */
};

/* registers.c: the administration virtqueues, as read. */
struct check_admin {
	uint16_t index, num; /* num 0: unknown */
	bool index_known;
};

enum suspend {
	SUSPEND_NO,
	SUSPEND_ASKED, /* the driver wrote SUSPEND */
	SUSPEND_DONE, /* status showed SUSPEND without DRIVER_OK */
	SUSPEND_RESUMING, /* the driver wrote DRIVER_OK */
};

/* suspend.c */
struct check_suspend {
	enum suspend state;
	uint64_t n_asked, n_done, n_resume, ts_resumed;
	uint64_t n_hasty; /* the resume that was found not to be awaited */
	struct obligation
		write; /* configuration written meanwhile; a: offset, b: new byte | old << 8 */
	struct obligation change; /* and changed */
};

/* --- of a device, beyond a reset -------------------------------------------- */

/* device.c: how complete the knowledge is. */
struct check_known {
	bool born; /* the history since the reset is complete; ends at a reset */
	bool agreed; /* features and queue set-up are known; ends at a reset */
	bool from_start; /* seen since the device was made, and no reset was needed yet */
	bool config_unsure; /* some of what the model has of the configuration may be wrong */
	bool msix; /* the model knows whether MSI-X is enabled */
	uint64_t n_lost; /* the loss that ended what was known */
	uint64_t n_line; /* the latest event of the INTx line */
};

/* registers.c: a set of features that was once agreed on. */
struct check_agreed {
	uint64_t set[2];
	bool known;
	uint64_t number;
};

/* config.c and trigger.c: PCI configuration space. */
struct check_pci_space {
	uint64_t caps_seen; /* capabilities read whole: bit offset / 4 */
	bool caps_whole; /* all of them */
	uint32_t bar_size[6]; /* from sizing, 0 unknown */
	uint8_t bar_sizing; /* BARs to which all ones were written */
	uint64_t vendor_read; /* vendor capabilities whose vendor_id was read: bit offset / 4 */
	uint16_t msix_table; /* vectors, as read from the capability; 0 unknown */
};

/* config.c: the PCI configuration access window (4.1.4.9). */
struct check_window {
	struct obligation write; /* of pci_cfg_data; a: value, b: offset in the BAR */
	uint64_t n_access, value; /* the latest access it made */
	uint32_t offset;
	uint8_t region;
	bool failed; /* the register refused: there is no value */
};

/* mmio.c: what identifies a device of virtio-mmio, and its settings beyond a reset. */
#define CHECK_MMIO_MAGIC 0x74726976 /* 4.2.2 */
struct check_mmio {
	bool whole; /* every access since the device was made */
	bool no_device; /* DeviceID read 0 */
	bool other_magic; /* MagicValue read something else */
	uint64_t n_magic, n_version, n_device_id; /* read */
	uint64_t n_page_size, n_shm_select; /* written */
	uint64_t n_shm_length; /* the low half of SHMLen read, as shm_length_low */
	uint32_t shm_length_low;
};

/* remember.c: the queues that the device was made with (VQT_LIFECYCLE_ADD_QUEUE), in order. */
#define CHECK_ADDED 64
struct check_added {
	uint16_t size[CHECK_ADDED];
	uint64_t number[CHECK_ADDED]; /* of the events */
	unsigned n;
};

struct check_class;

struct check_device {
	uint16_t id;
	UT_hash_handle hh;
	struct model_device *model;
	struct check_queue *queues;
	struct check_queue *last_queue; /* they are never freed before the device */
	unsigned have; /* NEED_*: recorded for this device at all */
	/* From a reset to the next: check_device_reset() clears it. */
	bool modern, legacy; /* registers of which interface were used */
	uint64_t n_setup; /* the latest write to a queue register */
	struct check_reset reset;
	struct check_status status;
	struct check_features features;
	struct check_vectors vectors;
	struct check_irqs irqs;
	struct check_config_space config;
	struct check_admin admin;
	struct check_suspend suspend;
	/* Beyond. */
	struct check_known known;
	struct check_agreed agreed;
	struct check_pci_space pci;
	struct check_window window;
	struct check_mmio mmio;
	struct check_added added;
	uint16_t num_queues; /* as read from the register */
	bool num_queues_known;
	uint64_t ts_first, ts_driver; /* its first event; the driver's latest */
	unsigned virtio_id; /* of the model's device */
	bool type_settled; /* and the class is of that type; else of none */
	const struct check_class *class; /* never NULL */
	void *of_class; /* what it remembers; NULL if it has no need */
	uint32_t *nth; /* findings by rule */
	bool decided; /* a rule was obeyed or broken */
};

#endif
