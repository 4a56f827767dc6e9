/* SPDX-License-Identifier: MIT */
#include <linux/kvm.h>
#include <stdio.h>
#include <stdlib.h>
#ifdef __x86_64__
#include <asm/svm.h>
#include <asm/vmx.h>
#endif

#include "bpf/kvm/exits.h"

#define SHOWN 8 /* reasons that are named; the others are summed up */

struct reason {
	uint32_t reason;
	const char *name;
};

static const struct reason user[] = {
	{ KVM_EXIT_UNKNOWN, "UNKNOWN" },
	{ KVM_EXIT_EXCEPTION, "EXCEPTION" },
	{ KVM_EXIT_IO, "IO" },
	{ KVM_EXIT_HYPERCALL, "HYPERCALL" },
	{ KVM_EXIT_DEBUG, "DEBUG" },
	{ KVM_EXIT_HLT, "HLT" },
	{ KVM_EXIT_MMIO, "MMIO" },
	{ KVM_EXIT_IRQ_WINDOW_OPEN, "IRQ_WINDOW_OPEN" },
	{ KVM_EXIT_SHUTDOWN, "SHUTDOWN" },
	{ KVM_EXIT_FAIL_ENTRY, "FAIL_ENTRY" },
	{ KVM_EXIT_INTR, "INTR" },
	{ KVM_EXIT_SET_TPR, "SET_TPR" },
	{ KVM_EXIT_TPR_ACCESS, "TPR_ACCESS" },
	{ KVM_EXIT_NMI, "NMI" },
	{ KVM_EXIT_INTERNAL_ERROR, "INTERNAL_ERROR" },
	{ KVM_EXIT_SYSTEM_EVENT, "SYSTEM_EVENT" },
	{ KVM_EXIT_IOAPIC_EOI, "IOAPIC_EOI" },
	{ KVM_EXIT_HYPERV, "HYPERV" },
	{ KVM_EXIT_X86_RDMSR, "X86_RDMSR" },
	{ KVM_EXIT_X86_WRMSR, "X86_WRMSR" },
};

#ifdef __x86_64__
static const struct reason vmx[] = { VMX_EXIT_REASONS };
static const struct reason svm[] = { SVM_EXIT_REASONS };
#else
static const struct reason vmx[1], svm[1];
#endif

#define TABLE(t) \
	{ \
		t, sizeof(t) / sizeof((t)[0]) \
	}

static const struct {
	const struct reason *rows;
	size_t n;
} tables[] = { [VQK_EXIT_USER] = TABLE(user),
	       [VQK_EXIT_VMX] = TABLE(vmx),
	       [VQK_EXIT_SVM] = TABLE(svm),
	       [VQK_EXIT_SIGNAL] = { NULL, 0 } };

const char *exit_name(const struct vqk_exit *why, char *buf, size_t size)
{
	if (why->kind == VQK_EXIT_SIGNAL)
		return "a signal";
	for (size_t i = 0; why->kind <= VQK_EXIT_SVM && i < tables[why->kind].n; i++)
		if (tables[why->kind].rows[i].reason == why->reason &&
		    tables[why->kind].rows[i].name)
			return tables[why->kind].rows[i].name;
	snprintf(buf, size, "reason %u", why->reason);
	return buf;
}

static int by_number(const void *a, const void *b)
{
	const struct exit_count *x = a, *y = b;

	if (x->n != y->n)
		return x->n < y->n ? 1 : -1;
	return x->why.reason < y->why.reason ? -1 : x->why.reason > y->why.reason;
}

static bool goes_to_user(const struct exit_count *c)
{
	return c->why.kind == VQK_EXIT_USER || c->why.kind == VQK_EXIT_SIGNAL;
}

void exits_put(struct text *t, struct exit_count *c, size_t n, bool to_user, uint64_t kicks)
{
	uint64_t all = 0, others = 0;
	unsigned shown = 0;

	qsort(c, n, sizeof(*c), by_number);
	for (size_t i = 0; i < n; i++)
		all += goes_to_user(&c[i]) == to_user ? c[i].n : 0;
	if (!all)
		return;
	text_add(t, "%llu exits of the guest to %s (", (unsigned long long)all,
		 to_user ? "user space" : "KVM");
	for (size_t i = 0; i < n; i++) {
		char buf[32];

		if (goes_to_user(&c[i]) != to_user)
			continue;
		if (shown == SHOWN) {
			others += c[i].n;
			continue;
		}
		text_add(t, "%s%s %llu", shown++ ? ", " : "",
			 exit_name(&c[i].why, buf, sizeof(buf)), (unsigned long long)c[i].n);
	}
	if (others)
		text_add(t, ", others %llu", (unsigned long long)others);
	text_puts(t, ")");
	if (kicks)
		text_add(t, ", %.1f a kick", (double)all / (double)kicks);
}
