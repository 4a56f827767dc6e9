/* SPDX-License-Identifier: MIT */
/* Light capture, user-space side: reads the counters of the BPF programs. */
#ifndef VQT_BPF_CAPTURE_LIGHT_H
#define VQT_BPF_CAPTURE_LIGHT_H

#include "bpf/session/session.h"

/*
 * light_prepare() is called before the programs are loaded, light_open() after.  0 or
 * negative errno.
 */
int light_prepare(struct capture *c);
int light_open(struct capture *c);
void light_close(struct capture *c);
/* The trace begins for this target: what was counted before is not part of it. */
void light_begin(struct target *t);
/* Write the VQT_TALLY records if their interval has passed (now in ns). */
void light_tick(struct capture *c, uint64_t now);
/* Write them now. */
void light_read(struct capture *c);

#endif
