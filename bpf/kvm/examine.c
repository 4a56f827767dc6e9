/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "bpf/kvm/examine.h"
#include "bpf/kvm/tracepoints.h"

#ifdef __x86_64__
#define HAVE_PORTS true
#else
#define HAVE_PORTS false /* devices are found by the PC's configuration ports */
#endif

#define NEEDED (CAPS_PROBES | CAPS(DAC_READ_SEARCH))

enum source_verdict kvm_available(struct text *reason, struct text *remedy)
{
	if (!HAVE_PORTS) {
		text_puts(reason, "it knows how a PC's PCI configuration space is reached only");
		return SOURCE_UNAVAILABLE;
	}
	if (access("/dev/kvm", F_OK)) {
		text_puts(reason, "this host has no KVM (/dev/kvm)");
		text_puts(remedy, "load the module kvm_intel or kvm_amd");
		return SOURCE_UNAVAILABLE;
	}
	if (NEEDED & ~caps_held()) {
		text_puts(reason, "missing: ");
		caps_put(reason, NEEDED & ~caps_held());
		caps_put_remedy(remedy, KVM_CAPABILITIES);
		return SOURCE_UNAVAILABLE;
	}
	if (access("/sys/kernel/tracing", F_OK)) {
		text_puts(reason, "the kernel has no tracefs (CONFIG_TRACING)");
		return SOURCE_UNAVAILABLE;
	}
	return SOURCE_OK;
}

static void look_at_tracepoint(const struct tracefs *t, const struct tracepoint *p,
			       struct source_report *r)
{
	int code = tracepoint_check(t, p);

	if (!code && p->use != TRACEPOINT_NEEDED && !r->verbose)
		return;
	source_found(r,
		     !code			   ? SOURCE_OK
		     : p->use == TRACEPOINT_NEEDED ? SOURCE_UNAVAILABLE
						   : SOURCE_LIMITED,
		     p->name, !code || p->use != TRACEPOINT_NEEDED ? "" : "load kvm's modules",
		     "%s%s%s",
		     !code	       ? "as expected"
		     : code == -ENOENT ? "the kernel has no such tracepoint"
				       : "the kernel's is not as expected",
		     code && *p->costs ? ": a trace lacks " : "", code ? p->costs : "");
}

int kvm_examine(const char *target, struct source_report *r, struct source_error *err)
{
	TEXT(reason, 256);
	TEXT(remedy, 192);
	struct tracefs t;

	if (target)
		return source_fail(err, -EINVAL,
				   "%s: this source looks at no process before it records it",
				   target);
	if (kvm_available(&reason, &remedy) == SOURCE_UNAVAILABLE) {
		source_found(r, SOURCE_UNAVAILABLE, "KVM's tracepoints", remedy.buf, "%s",
			     reason.buf);
		return 0;
	}
	source_found(r, SOURCE_OK, "KVM", "", "/dev/kvm is there");
	if (tracefs_open(&t, &reason)) {
		source_found(r, SOURCE_UNAVAILABLE, "tracefs",
			     "mount -t tracefs tracefs /sys/kernel/tracing", "%s", reason.buf);
		return 0;
	}
	source_found(r, SOURCE_OK, "tracefs", "", "%s",
		     t.mounted ? "mounted" : "not mounted, and need not be");
	for (const struct tracepoint *p = tracepoints; p->group; p++)
		look_at_tracepoint(&t, p, r);
	tracefs_close(&t);
	return 0;
}
