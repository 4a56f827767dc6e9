/* SPDX-License-Identifier: MIT */
/*
 * The tap passes what happens in the device, as records of decoder/trace/event.h, to a
 * callback.  Time comes from the caller or is counted, one tick a record, so that runs
 * repeat byte for byte.
 */
#ifndef VQT_EMU_VIRTIO_TAP_H
#define VQT_EMU_VIRTIO_TAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "decoder/source/snoop.h"
#include "decoder/trace/event.h"
#include "emu/virtio/ring.h"

struct emu_tap;

struct emu_tap_config {
	void (*emit)(void *opaque, const void *record, size_t len);
	uint64_t (*now)(void *opaque); /* ns; NULL: a virtual clock */
	void *opaque;
	uint64_t tick; /* of the virtual clock, ns a record; 0: 1000 */
	uint32_t snaplen; /* bytes kept of each buffer; 0: 64 */
	uint16_t device; /* trace-wide device id; 0: 1 */
	uint8_t source; /* trace-wide source id; 0: 1 */
	uint16_t kind; /* enum vqt_source_kind; 0: VQT_SRC_EMU */
};

struct emu_tap *emu_tap_new(const struct emu_tap_config *cfg); /* NULL: no memory */
void emu_tap_free(struct emu_tap *t);
/* For a snooper: its records go into this tap.  -ENOMEM; out->space is the caller's to free. */
int emu_tap_sink(struct emu_tap *t, struct snoop_sink *out);

/* Descriptive records.  Strings may be NULL. */
void emu_tap_session(struct emu_tap *t, const char *tool, const char *command, int64_t wall);
void emu_tap_source(struct emu_tap *t, const char *name, uint32_t pid);
void emu_tap_device(struct emu_tap *t, unsigned virtio_id, unsigned transport, unsigned flags,
		    uint32_t bdf, unsigned queues, const char *id, const char *type_name);
void emu_tap_note(struct emu_tap *t, unsigned level, const char *text);
/*
 * A vhost-user message: from is enum vqt_vhost_user_from; fds: descriptors that came with it.  Only
 * as much of the payload is recorded as its known fields cover.
 */
void emu_tap_vhost_user(struct emu_tap *t, unsigned from, uint32_t request, uint32_t flags,
			const uint8_t *payload, uint32_t size, unsigned fds);

/* Events.  With t == NULL they do nothing. */
void emu_tap_reg(struct emu_tap *t, unsigned region, unsigned op, unsigned width, unsigned flags,
		 uint32_t offset, uint64_t value);
void emu_tap_kick(struct emu_tap *t, uint16_t queue, struct emu_ring *r, uint32_t value,
		  unsigned via, unsigned width);
/* The state of a ring between other events: enum vqt_ring_why, enum vqt_pending. */
void emu_tap_ring(struct emu_tap *t, uint16_t queue, struct emu_ring *r, unsigned why,
		  unsigned pending);
void emu_tap_avail(struct emu_tap *t, uint16_t queue, const struct vqt_ring *before,
		   struct emu_mem *m, const struct emu_chain *c);
void emu_tap_used(struct emu_tap *t, uint16_t queue, const struct vqt_ring *before, uint16_t pos,
		  struct emu_mem *m, const struct emu_chain *c, const struct ring_entry *e);
void emu_tap_irq(struct emu_tap *t, uint16_t queue, unsigned kind, uint16_t vector, unsigned level);
void emu_tap_lifecycle(struct emu_tap *t, unsigned what, uint16_t queue, uint64_t arg0,
		       uint64_t arg1, uint64_t arg2, const char *text);
void emu_tap_backend(struct emu_tap *t, uint16_t queue, uint16_t head, unsigned op, bool end,
		     int ret, uint64_t offset, uint64_t bytes, uint64_t cookie);
/*
 * State that a server has learned from its client, without seeing accesses.  known:
 * VQT_KNOWN_*; config may be NULL.
 */
void emu_tap_device_state(struct emu_tap *t, uint32_t known, uint8_t status,
			  const uint64_t offered[2], const uint64_t accepted[2],
			  const uint8_t *config, uint16_t config_len);
void emu_tap_queue_state(struct emu_tap *t, uint16_t queue, const struct emu_ring *r,
			 uint16_t last_avail, uint16_t used);
/* A record that the caller has built; its header is completed here. */
void emu_tap_put(struct emu_tap *t, void *record, size_t len);
/* The same, of something that was seen at ts (ns): not before the tap's latest record. */
void emu_tap_put_at(struct emu_tap *t, void *record, size_t len, uint64_t ts);

#endif
