/* SPDX-License-Identifier: MIT */
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <string.h>

#include "bpf/kvm/task.h"

uint32_t task_flags_in(const struct btf *btf)
{
	int id = btf__find_by_name_kind(btf, "task_struct", BTF_KIND_STRUCT);
	const struct btf_type *t = id > 0 ? btf__type_by_id(btf, (uint32_t)id) : NULL;

	for (uint32_t i = 0; t && i < btf_vlen(t); i++) {
		const char *name = btf__name_by_offset(btf, btf_members(t)[i].name_off);

		if (name && !strcmp(name, "flags") && !btf_member_bitfield_size(t, i))
			return btf_member_bit_offset(t, i) / 8;
	}
	return 0;
}

uint32_t task_flags_offset(void)
{
	libbpf_print_fn_t print = libbpf_set_print(NULL); /* it would complain to the terminal */
	struct btf *btf = btf__load_vmlinux_btf();
	uint32_t at = btf ? task_flags_in(btf) : 0;

	btf__free(btf);
	libbpf_set_print(print);
	return at;
}
