/* SPDX-License-Identifier: MIT */
/*
 * Where a process has the memory of its guest: the memory slots that it has given to KVM.  From when
 * KVM is asked to change a slot, what was there is unknown; what is there is known when KVM has done
 * it.  Pure.
 */
#ifndef VQT_BPF_FOLLOW_SLOTS_H
#define VQT_BPF_FOLLOW_SLOTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/prog/kvm.h"

#define SLOTS_MAX 512 /* what is in others is unknown */

struct slot {
	uint16_t id;
	uint64_t gpa, len, host;
};

struct slots {
	struct slot slot[SLOTS_MAX];
	unsigned n;
	uint32_t fd; /* the machine's descriptor in the process, as far as the event has it */
	bool any; /* there was an event */
	/*
	 * The process has several machines.  Which of them a device is of nobody knows: nothing is
	 * found any more.
	 */
	bool several;
};

enum slots_change {
	SLOTS_SAME, /* all is where it was */
	SLOTS_LESS, /* *was is unknown from now on */
	SLOTS_MORE, /* something is known now */
};

/* VQK_SLOT or VQK_SLOT_SET. */
enum slots_change slots_event(struct slots *s, const struct vqk_event *e, struct slot *was);
/* Nothing is known any more. */
void slots_clear(struct slots *s);
/* map: a struct slots.  False: these bytes are not known to be in one slot. */
bool slots_find(const void *map, uint64_t gpa, size_t len, uint64_t *host);

#endif
