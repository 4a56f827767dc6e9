/* SPDX-License-Identifier: MIT */
#ifndef VQT_BPF_LOOK_REQUESTS_H
#define VQT_BPF_LOOK_REQUESTS_H

#include "bpf/look/look.h"

/*
 * If requests of a stuck or slow queue are in flight, find out which: their number, and the
 * oldest of them.
 */
void look_requests(struct look *l, struct look_device *d, unsigned queue);

#endif
