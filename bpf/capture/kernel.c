/* SPDX-License-Identifier: MIT */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bpf/capture/capture.h"
#include "bpf/capture/kernel.h"
#include "bpf/session/attach.h"
#include "decoder/source/source.h"

static const struct bpf_insn nothing[] = {
	{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0 },
	{ .code = BPF_JMP | BPF_EXIT },
};

static int no_output(enum libbpf_print_level level, const char *format, va_list args)
{
	return 0;
}

static int try_program(enum bpf_prog_type type)
{
	int fd = bpf_prog_load(type, NULL, "GPL", nothing, 2, NULL);

	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

static int try_uprobe_program(void)
{
	return try_program(BPF_PROG_TYPE_KPROBE);
}

static int try_tracepoint(void)
{
	return try_program(BPF_PROG_TYPE_TRACEPOINT);
}

static int try_ringbuf(void)
{
	int fd = bpf_map_create(BPF_MAP_TYPE_RINGBUF, NULL, 0, 0, 65536, NULL);

	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

static int try_multi(void)
{
	return attach_have_multi() ? 0 : -EOPNOTSUPP;
}

static void ignore(void *ctx, const void *record, size_t len)
{
}

/* Load the programs of a capture, which runs the verifier. */
static int load(struct capture_options o)
{
	struct source_error err;
	struct capture *c;
	int code = capture_open(&c, &o, &err);

	capture_close(c);
	return code;
}

static int try_load(void)
{
	return load((struct capture_options){ .record = ignore });
}

static int try_load_all(void)
{
	return load((struct capture_options){ .record = ignore, .stacks = ~0U, .lifecycle = true });
}

/* A function of our own to put a probe on. */
__attribute__((noinline)) static int vqtrace_probe_here(int x)
{
	__asm__ volatile("");
	return x + 1;
}

/* Its offset in the file, from the mapping that contains it. */
static uint64_t own_offset(uintptr_t addr)
{
	FILE *f = fopen("/proc/self/maps", "re");
	unsigned long long start, end, offset;
	uint64_t found = 0;
	char line[512];

	while (f && !found && fgets(line, sizeof(line), f))
		if (sscanf(line, "%llx-%llx %*s %llx", &start, &end, &offset) == 3 &&
		    addr >= start && addr < end)
			found = addr - start + offset;
	if (f)
		fclose(f);
	return found;
}

static int try_attach(void)
{
	return attach_try(own_offset((uintptr_t)vqtrace_probe_here));
}

static const struct {
	const char *what, *found, *remedy;
	int (*try)(void);
	bool needed;
} trials[] = {
	{ "BPF uprobe programs", "load",
	  "run as root; see unprivileged_bpf_disabled, seccomp, LSMs", try_uprobe_program, true },
	{ "BPF ring buffer", "works", "needs Linux 5.8", try_ringbuf, true },
	{ "QEMU probe programs", "verified and loaded",
	  "needs Linux 5.17 and privileges; if it has them, please report this", try_load, true },
	{ "... with call stacks and calls", "verified and loaded",
	  "needed for --stacks and --lifecycle only; please report this", try_load_all, false },
	{ "attaching a uprobe", "works", "needs CAP_PERFMON and CONFIG_UPROBES", try_attach, true },
	{ "uprobe_multi links", "work (attach and detach at once)",
	  "needs Linux 6.6; without, stopping takes about 0.1 s a probe", try_multi, false },
	{ "BPF tracepoint programs", "load", "needed for KVM events only", try_tracepoint, false },
};

size_t probe_kernel(struct probe_result *out, size_t max)
{
	size_t n = 0;

	libbpf_set_print(no_output);
	for (; n < sizeof(trials) / sizeof(trials[0]) && n < max; n++)
		out[n] = (struct probe_result){ trials[n].what, trials[n].found, trials[n].remedy,
						trials[n].try(), trials[n].needed };
	return n;
}
