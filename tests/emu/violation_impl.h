/* SPDX-License-Identifier: MIT */
/* What the files of violations share. */
#ifndef VQT_TESTS_EMU_VIOLATION_IMPL_H
#define VQT_TESTS_EMU_VIOLATION_IMPL_H

#include "decoder/spec/constants.h"
#include "tests/emu/violation.h"

#define BIT(n) (1ull << (n))
#define COMMON(name) VIRTIO_PCI_COMMON_##name
#define NEXT VRING_DESC_F_NEXT
#define WRITE VRING_DESC_F_WRITE
#define INDIRECT VRING_DESC_F_INDIRECT
#define HDR 0x100000 /* above the rings in guest memory */
#define DATA 0x110000
#define TABLE 0x140000
#define STEPS EMU_VIOLATION_STEPS
#define IND BIT(VIRTIO_RING_F_INDIRECT_DESC)
#define EVT BIT(VIRTIO_RING_F_EVENT_IDX)
#define PACKED BIT(VIRTIO_F_RING_PACKED)

extern const struct emu_violation emu_violation_setup[],
	emu_violation_rings[]; /* end with name NULL */

/* Common configuration registers. */
uint64_t violation_rd(struct emu_testbed *r, uint32_t off, unsigned w);
void violation_wr(struct emu_testbed *r, uint32_t off, unsigned w, uint64_t v);
struct emu_driver_queue *violation_q0(struct emu_testbed *r);
void violation_header(struct emu_testbed *r, uint32_t type, uint64_t sector);
int violation_take_back(struct emu_testbed *r);
/* Offer these pieces, notify, run the device, get the used buffer. */
int violation_offer(struct emu_testbed *r, const struct emu_seg *seg, unsigned n, bool indirect);
int violation_request(struct emu_testbed *r, uint32_t type, uint64_t sector, uint32_t len, bool in);
/* A read request that breaks no rule. */
int violation_good(struct emu_testbed *r);
/* A raw split descriptor. */
void violation_desc(struct emu_testbed *r, unsigned i, uint64_t addr, uint32_t len, uint16_t flags,
		    uint16_t next);
/* A read in descriptors 0 to 2, to be changed before violation_publish(). */
void violation_chain(struct emu_testbed *r);
int violation_publish(struct emu_testbed *r, uint16_t head, uint16_t advance);

#endif
