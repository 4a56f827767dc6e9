/* SPDX-License-Identifier: MIT */
/* Offsets in the structures of the kernel and its virtio modules, from BTF, which may be any bytes. */
#ifndef VQT_BPF_GUEST_LAYOUT_H
#define VQT_BPF_GUEST_LAYOUT_H

#include <stdbool.h>
#include <stdint.h>

#include "bpf/prog/guest.h"
#include "decoder/util/text.h"

struct btf;

/* Where a type is defined: the kernel itself, if the driver is built in, or a module. */
enum kernel_module {
	KERNEL_VIRTIO,
	KERNEL_VIRTIO_RING,
	KERNEL_VIRTIO_PCI,
	KERNEL_VIRTIO_MMIO,
	KERNEL_VIRTIO_BLK,
	KERNEL_VIRTIO_NET,
	KERNEL_MODULES
};

/*
 * Fill in those offsets that are VQG_UNKNOWN and in this BTF: of the kernel, which may have all types, or
 * of a module.  modules: bit n: types of enum kernel_module n.  True: one was found.
 */
bool guest_layout_find(struct vqg_layout *l, const struct btf *btf, unsigned modules);
/* What is not known, as "struct.member, ..."; empty: all is. */
void guest_layout_missing(const struct vqg_layout *l, struct text *to);
/*
 * How the functions of this name, from type `first` on, give the features that they read, by their types;
 * unknown, if they do not agree.
 */
enum vqg_gives guest_layout_gives(const struct btf *btf, uint32_t first, const char *function);

#endif
