/* SPDX-License-Identifier: MIT */
/* The types of the kernel and its virtio modules: where their BTF is, and what is asked of it. */
#ifndef VQT_BPF_GUEST_TYPES_H
#define VQT_BPF_GUEST_TYPES_H

#include <stdbool.h>

#include "bpf/prog/guest.h"

struct kernel_types;

/*
 * The kernel's BTF.  modules: a folder with module files, whose types are read before they are
 * loaded; NULL: /lib/modules/RELEASE.  -ENOENT: the kernel has no BTF.
 */
int kernel_types_open(struct kernel_types **out, const char *modules);
void kernel_types_close(struct kernel_types *t);
/*
 * Fill in the offsets that can be found now.  True: an offset or a module was found that was not
 * known before.
 */
bool kernel_types_find(struct kernel_types *t, struct vqg_layout *l);
/* Whether the module is loaded, or built in, and has this function (for trampolines). */
bool kernel_types_has_module(struct kernel_types *t, const char *module);
bool kernel_types_has_function(struct kernel_types *t, const char *module, const char *function);
/* How a function gives the features that it read, by its type. */
enum vqg_gives kernel_types_gives(const struct kernel_types *t, const char *module,
				  const char *function);

#endif
