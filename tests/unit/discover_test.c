/* SPDX-License-Identifier: MIT */
/* Finding one's way in a QEMU binary. */
#include <bpf/libbpf.h>

#include "bpf/prog/qemu.h"
#include "bpf/prog/qemu.skel.h"
#include "bpf/qemu/discover.h"
#include "tests/unit/tap.h"

/* The loader finds programs by name: one that is renamed would silently never be attached. */
static void programs_exist(void)
{
	struct qemu_bpf *skel = qemu_bpf__open();

	CHECK(skel != NULL);
	for (unsigned role = 0; skel && role < QEMU_PROGRAMS; role++) {
		const char *name = qemu_program_name(role);

		if (!bpf_object__find_program_by_name(skel->obj, name)) {
			printf("# no program is called %s\n", name);
			tap_failed = true;
		}
	}
	qemu_bpf__destroy(skel);
}

static const struct tap_test tests[] = {
	{ "each role has its program", programs_exist },
};
TAP_MAIN(tests)
