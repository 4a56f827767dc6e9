/* SPDX-License-Identifier: MIT */
/*
 * The capabilities of this process (capabilities(7)): which of those that recording needs it has, what
 * each is for, how to get it, and giving up all others.  A set of them is a mask, bit n is capability n.
 */
#ifndef VQT_BPF_PROCESS_CAPS_H
#define VQT_BPF_PROCESS_CAPS_H

#include <linux/capability.h>
#include <stdbool.h>
#include <stdint.h>

#include "decoder/util/text.h"

#define CAPS(name) (UINT64_C(1) << CAP_##name)
#define CAPS_PROBES (CAPS(BPF) | CAPS(PERFMON))
/* To look into processes of other users: their state; files that only they may read; deleted ones. */
#define CAPS_FOREIGN (CAPS(SYS_PTRACE) | CAPS(DAC_READ_SEARCH) | CAPS(CHECKPOINT_RESTORE))

/* Those in effect; CAP_SYS_ADMIN brings those that were once a part of it. */
uint64_t caps_held(void);
/* "CAP_BPF"; what it is needed for: "to load BPF programs".  Of those that this table knows. */
struct caps_row {
	unsigned bit; /* CAP_* */
	const char *name, *what;
};
extern const struct caps_row caps_rows[]; /* ends with a name that is NULL */

/* "CAP_BPF, CAP_PERFMON" */
void caps_put(struct text *t, uint64_t caps);
/* How to give this program these, and not root. */
void caps_put_remedy(struct text *t, uint64_t give);
/*
 * Why something was not permitted that needs `need`: which of these is missing, what for, and how to
 * give it along with the others of `give`; or that none is missing.
 */
void caps_explain(struct text *t, uint64_t need, uint64_t give);
/*
 * Give up all but these, for good: nothing that this process does or executes later gets more.  Of a
 * process with one thread.  0 or negative errno; what could be given up then is.
 */
int caps_keep(uint64_t keep);

#endif
