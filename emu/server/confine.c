/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "emu/server/confine.h"

/* --- landlock ------------------------------------------------------------------------- */

/* Newer than what some headers have. */
struct ruleset_attr {
	uint64_t fs, net, scoped;
};
#define NET_ALL 0x3 /* ABI 4: bind and connect of TCP */
#define SCOPE_ALL 0x3 /* ABI 6: abstract sockets, signals to others */

static const uint64_t fs_by_abi[] = {
	0,	0x1fff, /* 1: execute to make_sym */
	0x3fff, /* 2: refer */
	0x7fff, 0x7fff, /* 3: truncate */
	0xffff, /* 5: ioctl on devices */
};

static int landlock(int *abi_out)
{
	int abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	*abi_out = abi < 0 ? 0 : abi;
	if (abi < 1)
		return abi < 0 && errno != ENOSYS && errno != EOPNOTSUPP ? -errno : -ENOSYS;
	struct ruleset_attr a = { .fs = fs_by_abi[abi > 5 ? 5 : abi],
				  .net = abi >= 4 ? NET_ALL : 0,
				  .scoped = abi >= 6 ? SCOPE_ALL : 0 };
	size_t size = abi >= 6	 ? sizeof(a)
		      : abi >= 4 ? offsetof(struct ruleset_attr, scoped)
				 : offsetof(struct ruleset_attr, net);
	int fd = syscall(SYS_landlock_create_ruleset, &a, size, 0);
	if (fd < 0)
		return -errno;
	/* without a rule for a path: none can be reached */
	int ret = syscall(SYS_landlock_restrict_self, fd, 0) < 0 ? -errno : 0;
	close(fd);
	return ret;
}

/* --- seccomp ---------------------------------------------------------------------------- */

#define CALL(name) SCMP_SYS(name)
static const int calls[] = {
	/* the client and the loop */
	CALL(accept4),
	CALL(recvmsg),
	CALL(recvfrom),
	CALL(sendmsg),
	CALL(poll),
	CALL(ppoll),
	CALL(epoll_ctl),
	CALL(epoll_wait),
	CALL(epoll_pwait),
	CALL(epoll_pwait2),
	CALL(close),
	/* disk, trace, event descriptors */
	CALL(read),
	CALL(write),
	CALL(readv),
	CALL(writev),
	CALL(pread64),
	CALL(pwrite64),
	CALL(preadv),
	CALL(pwritev),
	CALL(preadv2),
	CALL(pwritev2),
	CALL(lseek),
	CALL(fsync),
	CALL(fdatasync),
	CALL(fallocate),
	CALL(ftruncate),
	CALL(fstat),
	CALL(io_uring_enter),
	/* memory; mmap and mprotect are below */
	CALL(munmap),
	CALL(mremap),
	CALL(madvise),
	CALL(brk),
	CALL(memfd_create),
	/* used by the C library itself */
	CALL(futex),
	CALL(rt_sigaction),
	CALL(rt_sigprocmask),
	CALL(rt_sigreturn),
	CALL(rt_sigpending),
	CALL(setitimer),
	CALL(wait4), /* for the helper */
	CALL(sigaltstack),
	CALL(clock_gettime),
	CALL(clock_nanosleep),
	CALL(gettimeofday),
	CALL(getrandom),
	CALL(getpid),
	CALL(gettid),
	CALL(sched_yield),
	CALL(restart_syscall),
	CALL(exit),
	CALL(exit_group),
};

/* A proxy has descriptors of its own between the two sides. */
static const int proxy_calls[] = { CALL(eventfd2), CALL(dup), CALL(timerfd_settime) };

/* System calls that are allowed with one form of argument `arg` only. */
static const struct {
	int call;
	unsigned arg;
	enum scmp_compare op;
	uint64_t a, b; /* a value; of a masked comparison the mask, then the value */
} narrow[] = {
	{ CALL(sendto), 4, SCMP_CMP_EQ, 0, 0 }, /* to its peer */
	{ CALL(prctl), 0, SCMP_CMP_EQ, PR_SET_TIMERSLACK, 0 },
	{ CALL(mmap), 2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0 },
	{ CALL(mprotect), 2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0 },
	{ CALL(fcntl), 1, SCMP_CMP_EQ, F_GETFL, 0 },
	{ CALL(fcntl), 1, SCMP_CMP_EQ, F_SETFL, 0 },
	{ CALL(ioctl), 1, SCMP_CMP_EQ, TCGETS, 0 }, /* isatty(3) */
	/* the C library's fstat(3) */
	{ CALL(newfstatat), 3, SCMP_CMP_MASKED_EQ, AT_EMPTY_PATH, AT_EMPTY_PATH },
};

static int add_calls(scmp_filter_ctx ctx, const int *call, size_t n)
{
	int ret = 0;
	for (size_t i = 0; ret == 0 && i < n; i++) {
		ret = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, call[i], 0);
		if (ret == -EDOM || ret == -EOPNOTSUPP) /* not on this architecture */
			ret = 0;
	}
	return ret;
}

static int seccomp_rules(scmp_filter_ctx ctx, bool proxy)
{
	int ret = add_calls(ctx, calls, sizeof(calls) / sizeof(calls[0]));
	if (ret == 0 && proxy)
		ret = add_calls(ctx, proxy_calls, sizeof(proxy_calls) / sizeof(proxy_calls[0]));
	for (size_t i = 0; ret == 0 && i < sizeof(narrow) / sizeof(narrow[0]); i++) {
		struct scmp_arg_cmp arg = { narrow[i].arg, narrow[i].op, narrow[i].a, narrow[i].b };
		ret = seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, narrow[i].call, 1, &arg);
		if (ret == -EDOM || ret == -EOPNOTSUPP)
			ret = 0;
	}
	/* streams only: a datagram could be sent from one of a pair to anybody */
	struct scmp_arg_cmp pair[] = { { 0, SCMP_CMP_EQ, AF_UNIX, 0 },
				       { 1, SCMP_CMP_EQ, SOCK_STREAM | SOCK_CLOEXEC, 0 } };
	if (ret == 0 && proxy)
		ret = seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, CALL(socketpair), 2, pair);
	return ret;
}

/*
 * Other system calls fail with EPERM instead of ending the process: a C library may try
 * one that this list does not know, and can do without it.
 */
static int seccomp(bool proxy)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	if (!ctx)
		return -ENOMEM;
	int ret = seccomp_rules(ctx, proxy);
	if (ret == 0)
		ret = seccomp_load(ctx);
	seccomp_release(ctx);
	return ret;
}

static bool took(int ret, const char *name, struct confine_result *r)
{
	if (ret < 0 && ret != -ENOSYS && !r->failed) {
		r->failed = name;
		r->error = ret;
	}
	return ret == 0;
}

int confine(bool proxy, struct confine_result *out)
{
	*out = (struct confine_result){ 0 };
	int ret = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : 0;
	out->no_new_privs = took(ret, "no_new_privs", out);
	if (ret < 0)
		return ret; /* the others need it */
	out->landlock = took(landlock(&out->landlock_abi), "landlock", out);
	out->seccomp = took(seccomp(proxy), "seccomp", out);
	return out->error;
}
