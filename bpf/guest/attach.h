/* SPDX-License-Identifier: MIT */
/*
 * Probes at functions of the kernel, by the events of tracefs: those of a module may be made
 * before the module is loaded, and then catch its first call.
 */
#ifndef VQT_BPF_GUEST_ATTACH_H
#define VQT_BPF_GUEST_ATTACH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/guest/functions.h"
#include "decoder/util/text.h"

struct attach;
struct bpf_program;

enum attach_state {
	ATTACH_DONE, /* hits from now on */
	ATTACH_WAITS, /* for its module */
	ATTACH_ABSENT, /* the kernel has no such function: another version, or inlined */
	ATTACH_FAILED,
};

struct attach_result {
	const struct probed *probed;
	enum attach_state state;
	int err; /* negative errno, if it failed */
};

/* Whether it is mounted, with kprobe events. */
bool attach_has_tracefs(void);
/* Find tracefs; mount it where that is allowed.  -ENOENT, -EPERM: *why says it. */
int attach_open(struct attach **out, struct text *why);
/* Make the event and attach both programs.  The result, also kept. */
enum attach_state attach_function(struct attach *a, unsigned index, struct bpf_program *entry,
				  struct bpf_program *at_return);
/* Remove the probes of a function. */
void attach_remove(struct attach *a, unsigned index);
/*
 * After virtio_pci has been loaded: attach to its functions that have the name of another one, by
 * their addresses.
 */
void attach_look_for_places(struct attach *a, struct bpf_program *entry,
			    struct bpf_program *at_return);
/* After a module has been loaded: which functions now hit. */
void attach_look_again(struct attach *a);
/* Address of the variable that says where the linear mapping of memory begins; 0: unknown. */
uint64_t attach_page_offset_base(const struct attach *a);
/* Where interrupts and system calls enter the kernel, [*start, *end); 0, 0: unknown. */
void attach_entry_text(const struct attach *a, uint64_t *start, uint64_t *end);
size_t attach_results(const struct attach *a, struct attach_result *out, size_t max);
/* Hits that the kernel did not report since the start; 0 where it does not count. */
unsigned long long attach_missed(const struct attach *a);
void attach_close(struct attach *a);

#endif
