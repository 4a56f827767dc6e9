/* SPDX-License-Identifier: MIT */
/*
 * What a rule is: a row of the table at the end of a file of decoder/check/rules.  A
 * new rule is one row, and a function if none of those there fits.
 */
#ifndef VQT_DECODER_CHECK_RULE_H
#define VQT_DECODER_CHECK_RULE_H

#include "decoder/check/check.h"

/* The events at which rules are called; one event can be several of these. */
enum trigger {
	AT_STATUS_WRITE, /* device_status; 0 too */
	AT_STATUS_READ,
	AT_OFFER_READ, /* device_feature */
	AT_FEATURE_WRITE, /* driver_feature */
	AT_FEATURE_READ,
	AT_COMMON, /* any access to the common or legacy registers */
	AT_QUEUE_WRITE, /* any per-queue register */
	AT_QUEUE_READ,
	AT_ENABLE, /* queue_enable = 1, a legacy queue address that is not 0 */
	AT_QRESET_WRITE, /* queue_reset */
	AT_QRESET_READ,
	AT_VECTOR_WRITE, /* config_msix_vector, queue_msix_vector */
	AT_VECTOR_READ,
	AT_CONFIG_READ, /* device configuration, in any region */
	AT_CONFIG_WRITE,
	AT_GENERATION, /* config_generation read */
	AT_PCI_READ,
	AT_PCI_WRITE,
	AT_CAP, /* a virtio capability has been read whole: once each, rule_context.cap */
	AT_CAPS, /* the capability list has been read to its end, once */
	AT_VIA_CFG, /* an access through the PCI configuration access window */
	AT_ISR_READ,
	AT_ISR_ACK, /* InterruptACK of virtio-mmio written */
	AT_NOTIFY, /* a write to the notification structure, whether it is a kick or not */
	AT_KICK,
	AT_RING, /* the event holds a snapshot of the ring, in order with the queue's other events */
	AT_CHAIN, /* a chain was popped, and all its descriptors are known */
	AT_REQUEST, /* and its request header is known, too */
	AT_USED,
	AT_QUEUE_IRQ, /* a notification of used buffers */
	AT_CONFIG_IRQ, /* a notification of a configuration change */
	AT_MSIX, /* an MSI-X message */
	AT_INTX, /* the line was asserted or released */
	AT_ERROR, /* the device reports an error */
	AT_CHANGED, /* a chain in memory has changed since it was popped */
	AT_SAMPLE, /* a periodic snapshot of the ring: rule_context.ring */
	AT_RINGS, /* the device reports the addresses it uses for a queue */
	AT_TICK, /* time has passed; for each device */
	AT_END, /* the trace is over; for each device */
	AT_TRIGGERS,
};
#define AT(trigger) (1ULL << AT_##trigger)

/*
 * Conditions beside the triggers, ORed to them in a row: most rules do not apply to
 * most events, and a condition here saves the call.
 */
enum only {
	ONLY_PACKED = 46, /* the queue or the snapshot is packed */
	ONLY_SPLIT, /* the queue or the snapshot is split */
	ONLY_EVENT_IDX, /* VIRTIO_F_EVENT_IDX accepted */
	ONLY_NO_EVENT_IDX,
	ONLY_IN_ORDER, /* VIRTIO_F_IN_ORDER accepted */
	ONLY_SUSPEND, /* VIRTIO_F_SUSPEND accepted */
	ONLY_LEGACY, /* the legacy interface was used since the reset */
	ONLY_TABLE, /* the chain has an indirect descriptor */
	ONLY_SEEN_KICK, /* not by eventfd */
	ONLY_FIRST, /* nothing was popped, or nothing used, on this queue yet */
	ONLY_QRESET, /* the queue was reset by itself */
	ONLY_OBLIGATION_IRQ, /* a used buffer notification is due */
	ONLY_STALL, /* available entries have not been popped */
	ONLY_UNUSUAL, /* the request is no IN or OUT, or not known */
	ONLY_SERVED, /* devices of this type take and complete requests as they come */
	ONLY_PCI, /* the transport is virtio-pci, or not known */
	ONLY_MMIO, /* the transport is virtio-mmio */
};
#define ONLY(where) (1ULL << ONLY_##where)
#define ONLY_ANY (~0ULL << ONLY_PACKED)

/* What a rule needs a trace to have recorded. */
#define NEED_LIFE 0x001 /* the device since its reset, without loss */
#define NEED_REGS 0x002 /* accesses to virtio registers */
#define NEED_PCI 0x004 /* PCI configuration accesses */
#define NEED_CONFIG 0x008 /* device configuration reads */
#define NEED_KICK 0x010
#define NEED_RING 0x020 /* ring snapshots */
#define NEED_CHAIN 0x040 /* descriptors from guest memory */
#define NEED_USED 0x080 /* completions */
#define NEED_BYTES 0x100 /* leading bytes of buffers (request headers) */
#define NEED_IRQ 0x200 /* interrupts, of the kind the rule is about */
#define NEED_FLIGHT 0x400 /* the queue since it was enabled, without loss */
#define NEED_AGREED \
	0x800 /* features and queue set-up: since the reset, or learned later; without loss */
#define NEED_MSIX 0x1000 /* whether MSI-X is enabled */
#define NEED_PROMPT 0x2000 /* ring snapshots taken when a side acted, not by an observer */
#define NEED_DEVICE 0x4000 /* when the device pops and uses, not when the driver adds and takes */
#define NEED_EXACT 0x8000 /* every access and value, also what the driver's kernel does not show */

enum verdict {
	RULE_NA, /* does not apply here */
	RULE_PASSED,
	RULE_BROKEN,
};

struct rule_context;
struct check_class;

/* For `check --explain`. */
struct explanation {
	const char *why; /* it matters */
	const char *right; /* a correct sequence, one step a line */
};

/*
 * A row.  Rows are written with designated initialisers behind one macro that says
 * who has to obey and how strictly: { DRIVER_MUST, .id = "...", ... }.
 */
struct rule {
	uint8_t party; /* enum check_party */
	uint8_t severity; /* enum check_severity */
	const char *id; /* what users write: "kick-before-driver-ok"; never changes */
	const char *section; /* of virtio 1.4: "2.1.1" */
	/*
	 * A rule of virtio-pci (section 4.1) is for that transport alone, unless virtio-mmio has the
	 * same one: then its section there.  legacy: its section for the legacy interface of
	 * virtio-pci, if that is another one.
	 */
	const char *mmio, *legacy;
	/*
	 * By spaces, and at least one: its statements there (tests/unit/check_refs.h), I01.. of
	 * a structural rule, T01.. of a violation that shipped (decoder/check/KNOWN.md).
	 */
	const char *refs;
	const char *text; /* what is required: one sentence in our words */
	unsigned needs; /* NEED_*: without them the rule is not decidable */
	uint64_t at; /* AT(), ONLY(): the events at which check is called */
	enum verdict (*check)(struct rule_context *ctx);
	unsigned arg; /* for functions that serve several rows */
	const struct explanation *explanation; /* if that of its table does not fit; or NULL */
	const char *wrong; /* a sequence that breaks the rule, in one line */
};

#define DRIVER_MUST .party = CHECK_DRIVER, .severity = CHECK_MUST
#define DRIVER_STRUCTURAL .party = CHECK_DRIVER, .severity = CHECK_STRUCTURAL
#define DRIVER_SHOULD .party = CHECK_DRIVER, .severity = CHECK_SHOULD
#define DRIVER_SUSPICIOUS .party = CHECK_DRIVER, .severity = CHECK_SUSPICIOUS
#define DEVICE_MUST .party = CHECK_DEVICE, .severity = CHECK_MUST
#define DEVICE_STRUCTURAL .party = CHECK_DEVICE, .severity = CHECK_STRUCTURAL
#define DEVICE_SHOULD .party = CHECK_DEVICE, .severity = CHECK_SHOULD
#define DEVICE_SUSPICIOUS .party = CHECK_DEVICE, .severity = CHECK_SUSPICIOUS
/* The rules of one topic. */
struct rule_table {
	const struct rule *rules;
	unsigned n;
	union {
		struct explanation;
		struct explanation explanation; /* the same, as a whole */
	};
	const struct check_class *class; /* of the one device type they are about; NULL any */
};
#define RULES(rows) .rules = (rows), .n = sizeof(rows) / sizeof((rows)[0])

/* All rules in order: NULL past the end. */
const struct rule *rule_nth(unsigned n);
/* Where the specification says it, for a device on virtio-mmio, or used by the legacy interface. */
const char *rule_section(const struct rule *r, bool mmio, bool legacy);
uint64_t rule_at(const struct rule *r); /* `at`, and what follows from its section */
int rule_index(const struct rule *r); /* the n of rule_nth(); -1 if it is none of them */
unsigned rule_virtio_id(const struct rule *r); /* the one device type it is about; 0 any */
const struct explanation *rule_explanation(const struct rule *r);
const struct rule *rule_by_id(const char *id); /* NULL */
/* Whether a word is among the refs of a rule. */
bool rule_has_ref(const struct rule *r, const char *ref);
/* Whether a glob matches the rule's id, one of its refs, its party or its severity. */
bool rule_matches(const struct rule *r, const char *glob);

/* The tables in their files. */
extern const struct rule_table rules_status, rules_reset, rules_features, rules_common, rules_queue,
	rules_config, rules_pci, rules_window, rules_msix, rules_isr, rules_mmio, rules_chain,
	rules_used, rules_ring, rules_packed, rules_notify, rules_stall, rules_suspend,
	rules_memory, rules_blk_zone, rules_legacy, rules_blk, rules_blk_config, rules_blk_used,
	rules_blk_legacy;

#endif
