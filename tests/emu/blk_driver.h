/* SPDX-License-Identifier: MIT */
/* Block requests through the in-process driver. */
#ifndef VQT_TESTS_EMU_BLK_DRIVER_H
#define VQT_TESTS_EMU_BLK_DRIVER_H

#include "emu/driver/driver.h"

/* One request.  The caller zeroes it and fills in the first part. */
struct emu_blk_request {
	uint32_t type;
	uint64_t sector;
	uint64_t data; /* guest-physical */
	uint32_t len;
	bool in; /* the device writes data */
	bool indirect;
	uint8_t pieces; /* data in so many descriptors; 0: 1 */
	/* filled in */
	uint64_t header; /* guest-physical: 16 bytes, status after them */
	uint8_t status; /* 0xff until written */
	uint32_t used_len;
};
int emu_driver_blk_add(struct emu_driver *d, struct emu_driver_queue *q, struct emu_blk_request *r);
/*
 * Offer the request, notify, run the device, get the used buffer: 0, -ETIMEDOUT if it was
 * not used, or an error of emu_driver_blk_add().
 */
int emu_driver_blk(struct emu_driver *d, uint16_t queue, struct emu_blk_request *r);

#endif
