/* SPDX-License-Identifier: MIT */
/* The faults of the device by name. */
#include <string.h>

#include "emu/virtio/fault.h"

#define ROW(id, name, rank, clauses, what) \
	{ \
		EMU_FAULT_##id, name, rank, clauses, what \
	}

const struct emu_fault_row emu_faults[] = {
	ROW(STATUS_BIT_CLEARED, "status-bit-cleared", 3, "STATUS-D2",
	    "a status bit disappears without a reset"),
	ROW(RESET_STUCK, "reset-stuck", 4, "RESET-V1 COMMON-V7",
	    "device_status never returns to 0"),
	ROW(RESET_KEEPS_ENABLE, "reset-keeps-enable", 5, "COMMON-V8",
	    "queue_enable survives a reset"),
	ROW(RESET_KEEPS_ISR, "reset-keeps-isr", 5, "RESET-V2", "ISR and INTx survive a reset"),
	ROW(RESET_STILL_USES, "reset-still-uses", 5, "RESET-V2",
	    "a request is used after the reset completed"),
	ROW(GENERATION_STUCK, "generation-stuck", 11, "COMMON-V6",
	    "config_generation stays though the configuration changed"),
	ROW(VECTOR_AFTER_RESET, "vector-after-reset", 15, "MSIX-V7",
	    "config_msix_vector survives a reset"),
	ROW(IRQ_FOR_NO_VECTOR, "irq-for-no-vector", 15, "NOTIFY-V1 NOTIFY-V2",
	    "an unmapped event is delivered through vector 0"),
	ROW(ABSENT_QUEUE_SIZE, "absent-queue-size", 16, "COMMON-V14", "an absent queue has a size"),
	ROW(CAP_LEN, "cap-len", 20, "PCICAP-V5", "cap_len of the common structure is too small"),
	ROW(CFG_WINDOW, "cfg-window", 20, "PCICFG-V2 PCICFG-V3",
	    "the PCI configuration access window ignores its offset"),
	ROW(CONFIG_IRQ_SPURIOUS, "config-irq-spurious", 21, "I19",
	    "a configuration interrupt without a change"),
	ROW(ISR_NOT_CLEARED, "isr-not-cleared", 21, "ISR-V5", "reading ISR does not clear it"),
	ROW(ISR_NO_CONFIG, "isr-no-config", 21, "ISR-V2",
	    "a configuration notification without its ISR bit"),
	ROW(NEEDS_RESET_SILENT, "needs-reset-silent", 22, "STATUS-V3",
	    "DEVICE_NEEDS_RESET without a configuration notification"),
	ROW(SETS_FAILED, "sets-failed", 22, "STATUS-V2", "the device sets FAILED"),
	ROW(IRQ_LOST, "irq-lost", 23, "SPLIT-V9 SPLIT-V11",
	    "a used buffer notification is not sent"),
	ROW(IRQ_EXTRA, "irq-extra", 23, "SPLIT-V8 SPLIT-V12", "a suppressed notification is sent"),
	ROW(AVAIL_EVENT_STALE, "avail-event-stale", 24, "SPLIT-V19",
	    "avail_event is not moved on when the ring is empty"),
	ROW(USED_FLAGS, "used-flags-stuck", 24, "SPLIT-V17",
	    "NO_NOTIFY stays set on an empty ring"),
	ROW(KICK_IGNORED, "kick-ignored", 24, "SPLIT-V19",
	    "the device does not look at the ring after a kick"),
	ROW(USED_ID_UNKNOWN, "used-id-unknown", 32, "I05 I11",
	    "a used id that was never available"),
	ROW(USED_ID_DUPLICATE, "used-id-duplicate", 32, "I05 I11", "an id is used twice"),
	ROW(USED_ID_MIDDLE, "used-id-middle", 32, "I05", "a used id in the middle of a chain"),
	ROW(USED_LEN_ZERO, "used-len-zero", 33, "SPLIT-V13",
	    "used length 0 though bytes were written"),
	ROW(USED_LEN_NO_STATUS, "used-len-no-status", 33, "SPLIT-V13",
	    "used length leaves the status byte out"),
	ROW(USED_LEN_TOO_LONG, "used-len-too-long", 33, "I09",
	    "used length beyond the writable buffers"),
	ROW(REFUSES_FRAMING, "refuses-framing", 35, "SPLIT-V1",
	    "requests not made of three descriptors fail"),
	ROW(WRAP_NOT_TOGGLED, "wrap-not-toggled", 36, "I15",
	    "the used wrap counter stays at the end of a packed ring"),
	ROW(OUT_OF_ORDER, "out-of-order", 37, "BITS-V5", "IN_ORDER negotiated, order not kept"),
	ROW(WRITES_RO, "writes-ro", 39, "BLKOP-V3", "a write to a read-only device ends in OK"),
	ROW(FLUSH_REFUSED, "flush-refused", 39, "BLKINIT-V1", "a negotiated FLUSH ends in UNSUPP"),
	ROW(BAD_FLAGS_OK, "bad-flags-ok", 40, "BLKOP-V4 BLKOP-V5",
	    "an unsupported request or flag ends in OK"),
	ROW(STATUS_UNWRITTEN, "status-unwritten", 0, "I26",
	    "a request is used without a status byte"),
	ROW(STATUS_RESERVED, "status-reserved", 0, "I26", "a status byte with a reserved value"),
	ROW(NEVER_COMPLETES, "never-completes", 0, "I27", "a request is popped and never used"),
	ROW(CONSUMES_EARLY, "consumes-early", 0, "STATUS-V1", "buffers are used before DRIVER_OK"),
	ROW(OFFERS_WITHOUT_PREREQ, "offers-without-prerequisite", 0, "FEAT-V1",
	    "a feature is offered without the one it requires"),
	ROW(FEATURES_OK_ALWAYS, "features-ok-always", 0, "FEAT-V2",
	    "FEATURES_OK is accepted whatever was written"),
	ROW(WRITES_READABLE, "writes-readable", 0, "SPLIT-V3 PACKED-V4",
	    "the device writes to a device-readable buffer"),
	{ 0 },
};

const struct emu_fault_row *emu_fault_by_name(const char *name)
{
	for (const struct emu_fault_row *r = emu_faults; r->name; r++)
		if (!strcmp(r->name, name))
			return r;
	return NULL;
}
