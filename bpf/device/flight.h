/* SPDX-License-Identifier: MIT */
/* The chains in flight when a capture begins late: found in the rings, written as records. */
#ifndef VQT_BPF_DEVICE_FLIGHT_H
#define VQT_BPF_DEVICE_FLIGHT_H

#include "bpf/session/session.h"

struct flight;

/*
 * The chains in flight in the VirtQueue at `vq`, number n of the device, whose state and
 * accepted features are these.  NULL: there are none to be written, or the ring cannot be
 * read.  The caller makes sure that the positions are still the same.
 */
struct flight *flight_find(struct device *d, unsigned n, uint64_t vq, uint64_t features,
			   const struct vqt_queue_state *s);
/* Write a VQT_AVAIL of each, with what its buffers begin with. */
void flight_write(struct flight *f);
void flight_free(struct flight *f); /* NULL is fine */

#endif
