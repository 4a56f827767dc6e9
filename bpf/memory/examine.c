/* SPDX-License-Identifier: MIT */
/* What can be read here of other processes. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bpf/look/find.h"
#include "bpf/memory/examine.h"
#include "bpf/memory/impl.h"
#include "bpf/process/caps.h"
#include "decoder/util/number.h"

#ifdef __x86_64__
#define HAVE_LAYOUT true
#else
#define HAVE_LAYOUT false /* QEMU's code is decoded on x86-64 only */
#endif

/* Of the Yama security module; 0 without it. */
static int ptrace_scope(void)
{
	FILE *f = fopen("/proc/sys/kernel/yama/ptrace_scope", "re");
	int scope = 0;

	if (f && fscanf(f, "%d", &scope) != 1)
		scope = 0;
	if (f)
		fclose(f);
	return scope;
}

/* Read the memory of a child: 0 or negative errno. */
static int try_reading(void)
{
	static volatile uint64_t word = 0x7672746163650001;
	struct foreign f;
	uint64_t read = 0;
	struct iovec range = { (void *)(uintptr_t)&word, sizeof(word) };
	pid_t pid = fork();
	ssize_t n;

	if (pid < 0)
		return -errno;
	if (!pid) {
		pause();
		_exit(0);
	}
	foreign_init(&f, pid, NULL);
	n = foreign_memory(&f, &range, 1, &read);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	return n < 0 ? (int)n : n == sizeof(word) && read == word ? 0 : -EIO;
}

enum source_verdict memory_available(struct text *reason, struct text *remedy)
{
	int code = HAVE_LAYOUT ? try_reading() : 0, scope = ptrace_scope();

	if (!HAVE_LAYOUT) {
		text_puts(reason, "it knows only how QEMU keeps its queues on x86-64");
		return SOURCE_UNAVAILABLE;
	}
	if (code) {
		text_add(reason, "the memory of another process cannot be read: %s",
			 strerror(-code));
		text_puts(remedy, scope == 3 ? "kernel.yama.ptrace_scope is 3, which only a reboot "
					       "changes"
					     : "a seccomp filter must let it");
		return SOURCE_UNAVAILABLE;
	}
	if (caps_held() & CAPS(SYS_PTRACE))
		return SOURCE_OK;
	text_puts(reason,
		  scope ? "without CAP_SYS_PTRACE only a QEMU that it starts itself can be read "
			  "(kernel.yama.ptrace_scope)"
			: "without CAP_SYS_PTRACE only QEMUs of this user can be read");
	caps_put_remedy(remedy, CAPS_FOREIGN | CAPS(SYS_NICE));
	return SOURCE_LIMITED;
}

static void look_devices(struct source_report *r, struct machine *m)
{
	struct look_search s = { .found = calloc(LOOK_DEVICES, sizeof(*s.found)) };
	int code = s.found ? look_find(m, &s) : -ENOMEM;

	source_found(r, code || !s.n ? SOURCE_LIMITED : SOURCE_OK, "virtio devices",
		     "they are looked for again while it is recorded", "%zu", s.n);
	for (size_t i = 0; i < s.n; i++)
		source_found(r, SOURCE_OK, s.found[i].who.typename, "", "%s%s%u queue%s",
			     s.found[i].who.user_id, *s.found[i].who.user_id ? ", " : "",
			     s.found[i].r.queues, s.found[i].r.queues == 1 ? "" : "s");
	free(s.found);
}

static void ignore(void *opaque, const struct vqs_snapshot *s)
{
}

static void look_by_kernel(struct source_report *r)
{
	TEXT(why, 128);
	struct switches *s = switches_open(1, ignore, NULL, &why);

	source_found(r, s ? SOURCE_OK : SOURCE_LIMITED, "looks by the kernel",
		     "run as root, or with CAP_BPF and CAP_PERFMON: without, more is only counted",
		     "%s",
		     s ? "whenever a thread of the QEMU wakes another or goes to sleep" : why.buf);
	switches_close(s);
}

static int look_process(pid_t pid, struct source_report *r, struct source_error *err)
{
	struct machine *m = calloc(1, sizeof(*m));
	int code = m ? machine_open(m, pid, NULL, err) : source_fail(err, -ENOMEM, "no memory");

	if (!code) {
		source_found(r, SOURCE_OK, "process", "", "%d %s%s%s", (int)pid, m->p.comm,
			     m->p.name[0] ? ", guest " : "", m->p.name);
		source_found(r, memory_can_follow(m) ? SOURCE_OK : SOURCE_UNAVAILABLE,
			     "QEMU's queues", "-i qemu needs less", "%s",
			     memory_can_follow(m) ? "where it keeps them is known" : "not found");
		look_devices(r, m);
	}
	if (m)
		machine_close(m);
	free(m);
	return code;
}

int memory_examine(const char *target, struct source_report *r, struct source_error *err)
{
	TEXT(reason, 256);
	TEXT(remedy, 192);
	unsigned long long pid;
	enum source_verdict v = memory_available(&reason, &remedy);
	bool hurries = caps_held() & CAPS(SYS_NICE);

	source_found(r, v, "memory of other processes", remedy.buf, "%s",
		     v == SOURCE_OK ? "can be read" : reason.buf);
	source_found(r, hurries ? SOURCE_OK : SOURCE_LIMITED, "priority",
		     "run as root, or with CAP_SYS_NICE", "%s",
		     !hurries ? "a busy host lets looks come late: more is only counted"
			      : "looks come before other work (SCHED_RR)");
	look_by_kernel(r);
	if (!target)
		return 0;
	if (!number_parse(target, 1 << 22, &pid))
		return source_fail(err, -EINVAL,
				   "%s: no process; this source looks at one that runs", target);
	return look_process((pid_t)pid, r, err);
}
