/* SPDX-License-Identifier: MIT */
#ifndef VQT_BPF_CAPTURE_TARGET_H
#define VQT_BPF_CAPTURE_TARGET_H

#include "bpf/session/session.h"

/* target.c also has capture_attach(). */
/* All its probes end at once, though it takes time to remove them. */
void target_end(struct target *t);
/* Remove its probes; what it sent before is still read. */
void target_detach(struct target *t);
void target_free(struct target *t);
/* Whether any probe of this capture uses the program. */
bool target_needs(const struct capture *c, const char *program);
/* The latest traced process that has this pid; NULL. */
struct target *capture_target(const struct capture *c, pid_t pid);

#endif
