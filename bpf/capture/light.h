/* SPDX-License-Identifier: MIT */
/* Light capture, the reading side. */
#ifndef VQT_BPF_CAPTURE_LIGHT_H
#define VQT_BPF_CAPTURE_LIGHT_H

#include "bpf/capture/impl.h"

/* Before the programs are loaded, and after: 0 or negative errno. */
int light_prepare(struct capture *c);
int light_open(struct capture *c);
void light_close(struct capture *c);
/* Write the tallies, if it is time (now in ns). */
void light_tick(struct capture *c, uint64_t now);
/* Write them now. */
void light_read(struct capture *c);

#endif
