/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <stddef.h>

#include "bpf/stack/confine.h"

#define CALL(name) SCMP_SYS(name)

static const int denied[] = {
	CALL(open),	      CALL(creat),
	CALL(openat2),	      CALL(open_by_handle_at),
	CALL(execve),	      CALL(execveat),
	CALL(socket),	      CALL(socketpair),
	CALL(ptrace),	      CALL(process_vm_writev),
	CALL(io_uring_setup),
};

int stack_confine(void)
{
	/* the third argument of openat(): its flags, without the one that process/foreign.h gives */
	const struct scmp_arg_cmp other = SCMP_A2_64(SCMP_CMP_MASKED_EQ, O_NOCTTY, 0);
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
	int ret;

	if (!ctx)
		return -ENOMEM;
	ret = seccomp_rule_add_array(ctx, SCMP_ACT_ERRNO(EACCES), CALL(openat), 1, &other);
	for (size_t i = 0; !ret && i < sizeof(denied) / sizeof(denied[0]); i++)
		ret = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EACCES), denied[i], 0);
	if (!ret)
		ret = seccomp_load(ctx);
	seccomp_release(ctx);
	return ret;
}
