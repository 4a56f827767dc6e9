/* SPDX-License-Identifier: MIT */
/*
 * Looks at the rings of machines by the kernel, whenever one of a machine's threads wakes another one or
 * goes to sleep (bpf/prog/switch.bpf.c): no probe in the machine, and nobody has to be woken for it.
 * Who serves a request is woken for it, so nearly all chains are seen while they are in flight.
 */
#ifndef VQT_BPF_MEMORY_SWITCHES_H
#define VQT_BPF_MEMORY_SWITCHES_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "bpf/prog/switch.h"
#include "decoder/source/source.h"
#include "decoder/util/text.h"

struct switches;

/*
 * share: percent of one core that the looks at all machines may take together.  found: each snapshot, in the order
 * in which they were taken.  NULL: this kernel, or this user, cannot; why says so.
 */
struct switches *switches_open(unsigned share,
			       void (*found)(void *opaque, const struct vqs_snapshot *s),
			       void *opaque, struct text *why);
/*
 * As it is wanted of a source whose looks take at most `share` percent of a core in all.  NULL: the kernel
 * does not look; where it should, r's user is told why.
 */
struct switches *switches_for(unsigned share, bool poll_only,
			      void (*found)(void *opaque, const struct vqs_snapshot *s),
			      void *opaque, const struct source_request *r);
void switches_close(struct switches *s);
/*
 * Look at a ring of the process, which is described by the caller but for its generation.  Returns its
 * number; -ENOSPC: there are too many; another negative errno.
 */
int switches_add(struct switches *s, pid_t pid, const struct vqs_ring *ring);
void switches_remove(struct switches *s, pid_t pid, int ring);
/* Is the snapshot one of the ring as it was added last? */
bool switches_is_current(const struct switches *s, const struct vqs_snapshot *snapshot);
/* Hand on what was found by now. */
void switches_consume(struct switches *s);
/* What looking has cost and missed so far. */
uint64_t switches_count(const struct switches *s, enum vqs_counter which);

/* Say that; began: ns, when looking began. */
void switches_report(const struct switches *s, const struct source_request *r, uint64_t began);

#endif
