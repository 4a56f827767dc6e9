/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "bpf/look/machine.h"
#include "bpf/process/caps.h"
#include "bpf/process/state.h"
#include "bpf/qemu/layout.h"

static uint16_t offset(int64_t v)
{
	return v >= 0 && v < VQP_UNKNOWN ? (uint16_t)v : VQP_UNKNOWN;
}

/*
 * msix_is_masked(dev, vector) loads msix_function_masked, then msix_table; msix_set_pending
 * loads msix_pba, which is declared behind msix_table.
 */
static void find_msix(struct machine *m)
{
	m->msix_masked = offset(layout_first_load(m->q, "msix_is_masked", VALUE_ARG(0), 1, -1));
	m->msix_table = offset(layout_first_load(m->q, "msix_is_masked", VALUE_ARG(0), 8, -1));
	m->msix_pba = offset(layout_first_load(m->q, "msix_set_pending", VALUE_ARG(0), 8, -1));
	if (m->msix_table == VQP_UNKNOWN || m->msix_pba != m->msix_table + 8)
		m->msix_masked = m->msix_table = m->msix_pba = VQP_UNKNOWN;
}

/*
 * Declared one after the other: used_idx, used_wrap_counter, signalled_used,
 * signalled_used_valid, notification, queue_index.
 */
static void find_signalled(struct machine *m)
{
	const struct vqp_proc *l = &m->q->layout;

	m->vq_signalled = l->vq_used != VQP_UNKNOWN && l->vq_used_wrap == l->vq_used + 2 &&
					  l->vq_index == l->vq_used + 8
				  ? l->vq_used + 4
				  : VQP_UNKNOWN;
}

/* runstate_is_running() compares the run state with RUN_STATE_RUNNING. */
static void find_runstate(struct machine *m)
{
	uint64_t addr = elf_symbol(m->q->elf, "runstate_is_running");
	struct function *f;

	if (!addr || function_open(&f, m->q->elf, addr))
		return;
	for (size_t i = 0; i < f->n && !m->runstate; i++) {
		const struct insn *in = &f->insn[i];

		if (in->rip_ref && in->load_width == 4 && in->has_imm && in->imm >= 0) {
			m->runstate = in->rip_ref + m->bias;
			m->running = (uint32_t)in->imm;
		}
	}
	function_close(f);
}

/* RunState_lookup begins with a pointer to the array of names. */
static void name_state(struct machine *m, uint32_t value)
{
	uint64_t lookup = elf_symbol(m->q->elf, "RunState_lookup");
	uint64_t array = lookup ? elf_pointer(m->q->elf, lookup) : 0;
	uint64_t at = array && value < 64 ? elf_pointer(m->q->elf, array + 8ULL * value) : 0;
	const uint8_t *name = at ? elf_bytes(m->q->elf, at, sizeof(m->state)) : NULL;

	m->state[0] = 0;
	if (name && memchr(name, 0, sizeof(m->state)))
		memcpy(m->state, name, sizeof(m->state));
	for (const char *c = m->state; *c; c++)
		if ((*c < 'a' || *c > 'z') && *c != '-')
			m->state[0] = 0;
}

static int explain(struct source_error *err, pid_t pid, int code, const struct process *p)
{
	static const struct {
		int code;
		const char *words;
	} known[] = {
		{ -ESRCH, "no such process; 'vqtrace stuck' alone looks at all QEMUs" },
		{ -ENOEXEC, "is no QEMU system emulator; 'pgrep -a qemu' lists those" },
		{ -ENOENT, "is no QEMU system emulator; 'pgrep -a qemu' lists those" },
		{ -ETIMEDOUT, "reading it takes too long: its mappings, tables or files are not "
			      "those of a QEMU" },
		{ -ENOTSUP, "its virtqueues could not be understood; 'vqtrace doctor' says more" },
	};
	TEXT(why, 500);

	if (code == -EACCES || code == -EPERM) {
		caps_explain(&why, CAPS(SYS_PTRACE) | CAPS(DAC_READ_SEARCH), CAPS_FOREIGN);
		return source_fail(err, code, "process %d (%s): looking into it is %s", (int)pid,
				   p->comm, why.buf);
	}
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (known[i].code == code)
			return source_fail(err, code, "process %d (%s): %s", (int)pid, p->comm,
					   known[i].words);
	return source_fail(err, code, "process %d (%s): %s", (int)pid, p->comm, strerror(-code));
}

int machine_open(struct machine *m, pid_t pid, const struct foreign_stop *stop,
		 struct source_error *err)
{
	int code;

	memset(m, 0, sizeof(*m));
	foreign_init(&m->foreign, pid, stop);
	m->mem = process_memory(&m->foreign);
	code = process_read(&m->p, &m->foreign);
	if (!code)
		code = qemu_open(&m->q, m->p.object, stop);
	if (!code && (layout_unusable(&m->q->layout) || m->q->layout.vdev_vq == VQP_UNKNOWN ||
		      m->q->layout.vq_size == VQP_UNKNOWN || !m->q->root))
		code = -ENOTSUP;
	if (code)
		return explain(err, pid, code, &m->p);
	m->bias = m->p.text - elf_address(m->q->elf, m->p.text_offset);
	find_msix(m);
	find_signalled(m);
	find_runstate(m);
	return 0;
}

void machine_close(struct machine *m)
{
	qemu_close(m->q);
}

enum stuck_fact machine_stopped(const struct machine *m)
{
	return process_stopped(m->p.pid) ? STUCK_YES : STUCK_NO;
}

enum stuck_fact machine_paused(struct machine *m)
{
	uint32_t state;

	if (!m->runstate || !process_mem_all(&m->mem, m->runstate, &state, sizeof(state)))
		return !m->asked ? STUCK_UNKNOWN : m->asked_paused ? STUCK_YES : STUCK_NO;
	name_state(m, state);
	return state == m->running ? STUCK_NO : STUCK_YES;
}
