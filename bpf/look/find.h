/* SPDX-License-Identifier: MIT */
/* The virtio devices of a QEMU, found in its tree of objects. */
#ifndef VQT_BPF_LOOK_FIND_H
#define VQT_BPF_LOOK_FIND_H

#include "bpf/look/machine.h"
#include "bpf/qom/identity.h"

#define LOOK_DEVICES 256

struct look_found {
	struct identity who;
	struct vqt_device r; /* what identity_read() fills in */
};

struct look_search {
	struct look_found *found; /* LOOK_DEVICES of them; the caller's */
	size_t n;
	bool endless; /* the tree exceeded the limits: some may be missing */
	/* Called for a PCI function that another process serves.  May be NULL. */
	void (*remote)(void *ctx, const char *name, const char *type);
	void *ctx;
	const struct machine *m; /* private */
};

/*
 * Find those that have queues, in the order of their paths, in one attempt.  0; negative errno:
 * -ENOENT when there is no tree (yet), -ESRCH when the process ended meanwhile.
 */
int look_find(struct machine *m, struct look_search *s);

#endif
