/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bpf/kvm/stream.h"
#include "bpf/process/foreign.h"
#include "decoder/trace/build.h"
#include "decoder/util/clock.h"

static void emit(struct kvm_process *p, void *record, size_t len)
{
	struct kvm_source *k = p->all;
	struct vqt_hdr *h = record;

	h->seq = p->out_seq++;
	h->source = p->source;
	k->handed++;
	k->request.record(k->request.ctx, record, len);
}

/* --- what describes the trace ---------------------------------------------------------------- */

void kvm_describe_session(struct kvm_source *k)
{
	_Alignas(8) uint8_t buf[8192];
	struct build b;
	struct vqt_session *s = build_session(&b, buf, sizeof(buf), k->request.command);

	s->h.ts = clock_ns(CLOCK_MONOTONIC);
	s->snaplen = k->hooks.slot ? k->request.snaplen : 0; /* it reads no buffer itself */
	s->wall = k->wall;
	k->request.record(k->request.ctx, buf, b.len);
}

static void add_names(struct build *b, pid_t pid)
{
	struct foreign f;
	char text[4096];

	foreign_init(&f, pid, NULL);
	if (foreign_proc(&f, "comm", text, sizeof(text)) > 0) {
		text[strcspn(text, "\n")] = 0;
		build_text(b, VQT_TAG_NAME, text);
	}
	if (foreign_link(&f, "exe", text, sizeof(text)) > 0)
		build_text(b, VQT_TAG_EXE, text);
}

static void describe_process(struct kvm_process *p)
{
	_Alignas(8) uint8_t buf[8192];
	struct build b;
	struct vqt_source *s = build_begin(&b, buf, sizeof(buf), VQT_SOURCE, sizeof(*s));

	s->h.ts = p->last_ts;
	s->kind = VQT_SRC_KVM;
	s->clock = VQT_CLOCK_MONOTONIC;
	s->pid = (uint32_t)p->pid;
	add_names(&b, p->pid);
	emit(p, buf, b.len);
	if (p->all->late)
		kvm_note(p, VQT_NOTE_WARNING,
			 "the machine ran before this: a device is known from when the guest reads "
			 "its PCI configuration space (in Linux: lspci -v, as root), its features, "
			 "queues and MSI-X vectors from when the guest sets them up");
}

void kvm_describe(struct kvm_source *k)
{
	kvm_describe_session(k);
	for (unsigned i = 0; i < k->nprocesses; i++)
		describe_process(k->process[i]);
	/* a reader names them by their order, which is that of the first file */
	for (unsigned id = 1; id <= k->devices; id++)
		for (unsigned i = 0; i < k->nprocesses; i++)
			machine_describe(k->process[i]->machine, k->process[i]->last_ts,
					 (uint16_t)id);
}

void kvm_note(struct kvm_process *p, unsigned level, const char *text)
{
	_Alignas(8) uint8_t buf[2048];
	struct build b;
	struct vqt_note *n = build_begin(&b, buf, sizeof(buf), VQT_NOTE, sizeof(*n));
	size_t len = strnlen(text, 1024);

	n->h.ts = p->last_ts;
	n->level = (uint16_t)level;
	n->len = (uint16_t)len;
	build_bytes(&b, text, len);
	emit(p, buf, b.len);
}

/* --- hits ------------------------------------------------------------------------------------ */

static void on_slot(struct kvm_process *p, const struct vqk_event *e)
{
	TEXT(t, 160);

	text_add(&t, "memory slot %u.%u: ", e->count >> 16, e->count & 0xffff);
	if (e->value)
		text_add(&t, "guest-physical 0x%llx, %llu bytes, host-virtual 0x%llx",
			 (unsigned long long)e->addr, (unsigned long long)e->value,
			 (unsigned long long)e->host);
	else
		text_puts(&t, "removed");
	kvm_note(p, VQT_NOTE_INFO, t.buf);
}

static void on_hit(void *ctx, void *record, size_t len)
{
	struct kvm_process *p = ctx;
	struct vqk_event *e = record;

	/* Clocks of processors differ by more than the time between two hits. */
	if (e->h.ts < p->last_ts)
		e->h.ts = p->last_ts;
	p->last_ts = e->h.ts;
	if (p->all->hooks.slot && (e->kind == VQK_SLOT || e->kind == VQK_SLOT_SET))
		p->all->hooks.slot(p->all->hooks.ctx, p->source, e);
	if (e->kind == VQK_SLOT)
		on_slot(p, e);
	else
		machine_event(p->machine, e);
}

static void on_lost(void *ctx, uint32_t count, uint64_t ts)
{
	struct kvm_process *p = ctx;
	struct vqt_loss l = { .lost = count, .why = VQT_LOSS_BUFFER };

	if (ts >
	    p->last_ts) /* that of the next hit, which may be earlier by its processor's clock */
		p->last_ts = ts;
	l.h = (struct vqt_hdr){ .ts = p->last_ts, .type = VQT_LOSS, .queue = VQT_NO_QUEUE };
	p->missing += count;
	p->all->lost += count;
	p->out_seq += count;
	emit(p, &l, sizeof(l));
	machine_lost(p->machine);
}

static const struct order_ops order_ops = { .record = on_hit, .lost = on_lost };

static void on_machine(void *ctx, void *record, size_t len)
{
	struct kvm_process *p = ctx;

	if (((const struct vqt_hdr *)record)->type == VQT_LOSS)
		p->all->lost += ((const struct vqt_loss *)record)->lost;
	emit(p, record, len);
}

/* --- processes ------------------------------------------------------------------------------- */

void kvm_process_free(struct kvm_process *p)
{
	if (!p)
		return;
	machine_free(p->machine);
	order_free(p->order);
	free(p);
}

static struct kvm_process *make(struct kvm_source *k, pid_t pid)
{
	struct kvm_process *p = calloc(1, sizeof(*p));
	const struct machine_config c = { on_machine, p, &k->devices, k->late };

	if (!p)
		return NULL;
	p->all = k;
	p->pid = pid;
	p->source = (uint8_t)(k->nprocesses + 1);
	p->order = order_new(&order_ops, p);
	p->machine = machine_new(&c);
	if (p->order && p->machine)
		return p;
	kvm_process_free(p);
	return NULL;
}

struct kvm_process *kvm_process_get(struct kvm_source *k, pid_t pid, uint64_t ts)
{
	struct kvm_process *p;

	for (unsigned i = 0; i < k->nprocesses; i++)
		if (k->process[i]->pid == pid)
			return k->process[i];
	p = k->nprocesses < SOURCE_PIDS ? make(k, pid) : NULL;
	if (!p) {
		k->strangers++;
		return NULL;
	}
	k->process[k->nprocesses++] = p;
	p->last_ts = ts;
	describe_process(p);
	return p;
}

void kvm_hit(struct kvm_source *k, const struct vqk_event *e)
{
	struct kvm_process *p = kvm_process_get(k, (pid_t)e->pid, e->h.ts);

	k->hits++;
	if (p && !order_take(p->order, e, sizeof(*e)))
		order_put(p->order, e, sizeof(*e), clock_ns(CLOCK_MONOTONIC));
}

bool kvm_settled(const struct kvm_source *k)
{
	for (unsigned i = 0; i < k->nprocesses; i++)
		if (order_waits(k->process[i]->order))
			return false;
	return true;
}

void kvm_expire(struct kvm_source *k, uint64_t window)
{
	uint64_t now = clock_ns(CLOCK_MONOTONIC);

	for (unsigned i = 0; i < k->nprocesses; i++)
		order_expire(k->process[i]->order, now, window);
}

void kvm_dropped(struct kvm_source *k, pid_t pid, uint64_t n)
{
	struct kvm_process *p = kvm_process_get(k, pid, clock_ns(CLOCK_MONOTONIC));

	if (!p || n <= p->missing) /* what came after them has shown the gap */
		return;
	n -= p->missing;
	on_lost(p, n < UINT32_MAX ? (uint32_t)n : UINT32_MAX, p->last_ts);
}
