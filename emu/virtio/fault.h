/* SPDX-License-Identifier: MIT */
/*
 * Rules that the device breaks on request, to test checkers, drivers and tools.  A device
 * without a struct emu_fault breaks no rule.
 */
#ifndef VQT_EMU_VIRTIO_FAULT_H
#define VQT_EMU_VIRTIO_FAULT_H

#include <stdbool.h>
#include <stdint.h>

enum emu_fault_id {
	EMU_FAULT_NONE,
	EMU_FAULT_STATUS_BIT_CLEARED, /* #3 */
	EMU_FAULT_RESET_STUCK, /* #4: status never returns to 0 */
	EMU_FAULT_RESET_KEEPS_ENABLE, /* #5: queue_enable survives */
	EMU_FAULT_RESET_KEEPS_ISR, /* #5: INTx stays asserted */
	EMU_FAULT_RESET_STILL_USES, /* #5: completes after the reset */
	EMU_FAULT_GENERATION_STUCK, /* #11 */
	EMU_FAULT_VECTOR_AFTER_RESET, /* #15 */
	EMU_FAULT_IRQ_FOR_NO_VECTOR, /* #15 */
	EMU_FAULT_ABSENT_QUEUE_SIZE, /* #16 */
	EMU_FAULT_CAP_LEN, /* #20 */
	EMU_FAULT_CFG_WINDOW, /* #20: ignores the offset */
	EMU_FAULT_CONFIG_IRQ_SPURIOUS, /* #21 */
	EMU_FAULT_ISR_NOT_CLEARED, /* #21 */
	EMU_FAULT_ISR_NO_CONFIG, /* #21: config notification without its ISR bit */
	EMU_FAULT_NEEDS_RESET_SILENT, /* #22: no configuration interrupt */
	EMU_FAULT_SETS_FAILED, /* #22 */
	EMU_FAULT_IRQ_LOST, /* #23 */
	EMU_FAULT_IRQ_EXTRA, /* suppression ignored */
	EMU_FAULT_AVAIL_EVENT_STALE, /* #24 */
	EMU_FAULT_USED_FLAGS, /* #24: NO_NOTIFY left set */
	EMU_FAULT_KICK_IGNORED, /* #24 */
	EMU_FAULT_USED_ID_UNKNOWN, /* #32 */
	EMU_FAULT_USED_ID_DUPLICATE, /* #32 */
	EMU_FAULT_USED_ID_MIDDLE, /* #32: not a head */
	EMU_FAULT_USED_LEN_ZERO, /* #33 */
	EMU_FAULT_USED_LEN_NO_STATUS, /* #33: one short */
	EMU_FAULT_USED_LEN_TOO_LONG, /* #33 */
	EMU_FAULT_REFUSES_FRAMING, /* #35 */
	EMU_FAULT_WRAP_NOT_TOGGLED, /* #36 */
	EMU_FAULT_OUT_OF_ORDER, /* #37 */
	EMU_FAULT_WRITES_RO, /* #39: OK for a write to a read-only device */
	EMU_FAULT_FLUSH_REFUSED, /* #39 */
	EMU_FAULT_BAD_FLAGS_OK, /* #40 */
	EMU_FAULT_STATUS_UNWRITTEN, /* I26 */
	EMU_FAULT_STATUS_RESERVED, /* I26: 0x55 */
	EMU_FAULT_NEVER_COMPLETES, /* I27 */
	EMU_FAULT_CONSUMES_EARLY, /* STATUS-V1: serves before DRIVER_OK */
	EMU_FAULT_OFFERS_WITHOUT_PREREQ, /* FEAT-V1 */
	EMU_FAULT_FEATURES_OK_ALWAYS, /* FEAT-V2 */
	EMU_FAULT_WRITES_READABLE, /* SPLIT-V3 */
	EMU_FAULT_COUNT
};

/* When to break the rule: at the `after`-th opportunity (from 0), `count` times (0: always). */
struct emu_fault {
	enum emu_fault_id id;
	uint32_t after, count;
	uint32_t seen; /* opportunities so far */
	uint16_t last_id; /* of the entry used before */
	bool last_id_valid;
};

/*
 * Called at each opportunity for fault `id`, and counts them: should the device break the
 * rule here?
 */
static inline bool emu_fault_hit(struct emu_fault *f, enum emu_fault_id id)
{
	if (!f || f->id != id)
		return false;
	uint32_t n = f->seen++;
	return n >= f->after && (!f->count || n - f->after < f->count);
}

/* The faults, by name. */
struct emu_fault_row {
	enum emu_fault_id id;
	const char *name; /* "used-len-zero" */
	uint8_t top40; /* rank in the list of shipped violations, 0 none */
	const char *clauses;
	const char *what; /* one sentence */
};
extern const struct emu_fault_row emu_faults[]; /* ends with name NULL */
const struct emu_fault_row *emu_fault_by_name(const char *name);

struct emu_virtio;
struct emu_queue;
struct emu_chain;
/* Change a used entry as the fault says. */
void emu_fault_used(struct emu_virtio *v, struct emu_queue *q, struct emu_chain *c, uint32_t *len);

#endif
