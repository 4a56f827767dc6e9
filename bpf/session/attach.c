/* SPDX-License-Identifier: MIT */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bpf/session/attach.h"

/* Newer than the packaged kernel headers and libbpf: include/uapi/linux/bpf.h of 6.6. */
#define UPROBE_MULTI 48 /* BPF_TRACE_UPROBE_MULTI */

struct link_create_multi {
	uint32_t prog_fd, target_fd, attach_type, flags;
	uint64_t path, offsets, ref_ctr_offsets, cookies;
	uint32_t count, multi_flags, pid, pad;
};

struct attach {
	int fd; /* uprobe_multi */
	struct bpf_link **link; /* or one each */
	size_t n;
};

static int link_create(int prog, const char *path, const uint64_t *offsets, const uint64_t *cookies,
		       size_t n, pid_t pid)
{
	struct link_create_multi a = {
		.prog_fd = (uint32_t)prog,
		.attach_type = UPROBE_MULTI,
		.path = (uintptr_t)path,
		.offsets = (uintptr_t)offsets,
		.cookies = (uintptr_t)cookies,
		.count = (uint32_t)n,
		.pid = pid > 0 ? (uint32_t)pid : 0,
	};
	long fd = syscall(SYS_bpf, BPF_LINK_CREATE, &a, sizeof(a));

	return fd < 0 ? -errno : (int)fd;
}

/* A program that does nothing: its descriptor, or negative errno. */
static int load_empty(uint32_t attach_type, uint32_t flags)
{
	struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = attach_type,
		    .prog_flags = flags);
	int prog = bpf_prog_load(BPF_PROG_TYPE_KPROBE, NULL, "GPL", insns, 2, &opts);

	return prog < 0 ? -errno : prog;
}

bool attach_can_sleep(void)
{
	int prog = load_empty(0, BPF_F_SLEEPABLE);

	if (prog >= 0)
		close(prog);
	return prog >= 0;
}

bool attach_have_multi(void)
{
	int prog = load_empty(UPROBE_MULTI, 0), link;
	uint64_t offset = 0;

	if (prog < 0)
		return false;
	/*
	 * A kernel that has uprobe_multi links accepts all arguments before the path and rejects
	 * the path.
	 */
	link = link_create(prog, "/", &offset, NULL, 1, 0);
	if (link >= 0)
		close(link);
	close(prog);
	return link == -EBADF;
}

void attach_prepare(struct bpf_program *prog, bool multi, bool sleep)
{
	if (multi)
		bpf_program__set_expected_attach_type(prog, UPROBE_MULTI);
	if (sleep)
		bpf_program__set_flags(prog, bpf_program__flags(prog) | BPF_F_SLEEPABLE);
}

static int attach_multi(struct attach *a, struct bpf_program *prog, pid_t pid, const char *object,
			struct attach_point *points, size_t n)
{
	uint64_t *offsets = calloc(2 * n, sizeof(*offsets)), *cookies = offsets + n;

	if (!offsets)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		offsets[i] = points[i].offset;
		cookies[i] = points[i].cookie;
		points[i].err = 0;
	}
	a->fd = link_create(bpf_program__fd(prog), object, offsets, cookies, n, pid);
	free(offsets);
	return a->fd < 0 ? a->fd : 0;
}

static int attach_each(struct attach *a, struct bpf_program *prog, pid_t pid, const char *object,
		       struct attach_point *points, size_t n)
{
	int err = 0;

	a->link = calloc(n, sizeof(struct bpf_link *));
	if (!a->link)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		LIBBPF_OPTS(bpf_uprobe_opts, opts, .bpf_cookie = points[i].cookie);
		struct bpf_link *l = bpf_program__attach_uprobe_opts(
			prog, pid > 0 ? pid : -1, object, points[i].offset, &opts);

		points[i].err = l ? 0 : -errno;
		if (l)
			a->link[a->n++] = l;
		else
			err = points[i].err;
	}
	return a->n ? 0 : err;
}

int attach_points(struct attach **out, struct bpf_program *prog, bool multi, pid_t pid,
		  const char *object, struct attach_point *points, size_t n)
{
	struct attach *a = calloc(1, sizeof(*a));
	int err = -ENOMEM;

	*out = NULL;
	if (!a)
		return err;
	a->fd = -1;
	err = multi ? attach_multi(a, prog, pid, object, points, n)
		    : attach_each(a, prog, pid, object, points, n);
	if (err) {
		for (size_t i = 0; i < n; i++)
			points[i].err = err;
		attach_detach(a);
		return err;
	}
	*out = a;
	return 0;
}

void attach_detach(struct attach *a)
{
	if (!a)
		return;
	if (a->fd >= 0)
		close(a->fd);
	for (size_t i = 0; i < a->n; i++)
		bpf_link__destroy(a->link[i]);
	free(a->link);
	free(a);
}

int attach_try(uint64_t offset)
{
	bool multi = attach_have_multi();
	int prog = load_empty(multi ? UPROBE_MULTI : 0, 0), link;

	if (prog < 0)
		return prog;
	if (!multi) { /* perf events need no more permission than loading does */
		close(prog);
		return 0;
	}
	link = link_create(prog, "/proc/self/exe", &offset, NULL, 1, getpid());
	close(prog);
	if (link < 0)
		return link;
	close(link);
	return 0;
}
