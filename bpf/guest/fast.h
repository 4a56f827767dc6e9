/* SPDX-License-Identifier: MIT */
/*
 * Trampolines (fentry, fexit) at the functions that each request passes.  They take over from
 * the kprobes when the modules are there.
 */
#ifndef VQT_BPF_GUEST_FAST_H
#define VQT_BPF_GUEST_FAST_H

#include <stdbool.h>
#include <stdint.h>

struct bpf_object;
struct fast;
struct guest_bpf;
struct kernel_types;
struct attach;

/*
 * The slow programs' maps are shared; all three outlive the result.  between: called after each
 * function, as those of a module may take seconds.  NULL: no memory.
 */
struct fast *fast_new(struct guest_bpf *slow, struct kernel_types *types, struct attach *kprobes,
		      uint32_t stacks, void (*between)(void *ctx), void *ctx);
/*
 * Do the next bit of work, which may take a second: the programs of a module that has come, or
 * the removal of a kprobe that does nothing any more.  False: there is nothing to do now.
 */
bool fast_step(struct fast *f);
unsigned fast_count(const struct fast *f); /* functions that have them */
/* Calls that programs missed because they were running already. */
uint64_t fast_missed(const struct fast *f);
/* The same for the programs of one object; 0 where the kernel does not count. */
uint64_t fast_missed_by(const struct bpf_object *o);
void fast_close(struct fast *f);

#endif
