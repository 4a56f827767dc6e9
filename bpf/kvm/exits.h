/* SPDX-License-Identifier: MIT */
/* Why the guest's processors stopped running it, as counted, in words. */
#ifndef VQT_BPF_KVM_EXITS_H
#define VQT_BPF_KVM_EXITS_H

#include <stddef.h>
#include <stdint.h>

#include "bpf/prog/kvm.h"
#include "decoder/util/text.h"

struct exit_count {
	struct vqk_exit why;
	uint64_t n;
};

/* "MMIO", "EPT_MISCONFIG"; "reason 99" into buf for one that is not known. */
const char *exit_name(const struct vqk_exit *why, char *buf, size_t size);
/*
 * "1587 exits of the guest to user space (IO 1521, MMIO 64, a signal 2), 1.2 a kick": those to user
 * space, or those to KVM; the most frequent first.  Sorts them.  Nothing where there were none.
 */
void exits_put(struct text *t, struct exit_count *c, size_t n, bool to_user, uint64_t kicks);

#endif
