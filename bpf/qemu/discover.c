/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/code/insn.h"
#include "bpf/qemu/backend.h"
#include "bpf/qemu/discover.h"
#include "bpf/qemu/layout.h"
#include "bpf/qemu/probes.h"
#include "decoder/trace/event.h"

static const char *const program_names[QEMU_PROGRAMS] = {
	[QEMU_KICK] = "on_kick",
	[QEMU_POP] = "on_pop",
	[QEMU_FILL] = "on_fill",
	[QEMU_SIGNAL] = "on_signal",
	[QEMU_REG_WRITE] = "on_reg_write",
	[QEMU_REG_READ] = "on_reg_read",
	[QEMU_REG_RETURN] = "on_reg_return",
	[QEMU_CONFIG] = "on_config",
	[QEMU_CONFIG_RETURN] = "on_config_return",
	[QEMU_IRQ] = "on_irq",
	[QEMU_LIFECYCLE] = "on_lifecycle",
	[QEMU_SUBMIT] = "on_submit",
	[QEMU_ANSWER] = "on_answer",
	[QEMU_OBJECT_INIT] = "on_object_init",
	[QEMU_CALLBACK] = "on_callback",
	[QEMU_VM_IOCTL] = "on_vm_ioctl",
	[QEMU_CALL_END] = "on_call_end",
};

const char *qemu_program_name(enum qemu_program p)
{
	return program_names[p];
}

bool qemu_program_is_return(enum qemu_program p)
{
	return p == QEMU_REG_RETURN || p == QEMU_CONFIG_RETURN;
}

static struct qemu_probe *probe_add(struct qemu *q, const char *name, const struct probe_row *row)
{
	struct qemu_probe *p;

	if (q->nprobes == QEMU_PROBES)
		return NULL;
	p = &q->probe[q->nprobes++];
	*p = (struct qemu_probe){ 0 };
	snprintf(p->name, sizeof(p->name), "%s", name);
	p->costs = row->costs;
	p->program = row->program;
	p->flags = row->flags;
	p->placed = "";
	return p;
}

/* Place a probe at instruction i of f, with the registers that hold its arguments there. */
static void place(struct qemu *q, struct qemu_probe *p, const struct probe_row *row,
		  const struct function *f, size_t i, const char *placed)
{
	uint64_t cookie = VQP_COOKIE(row->what) | VQP_COOKIE_AUX(row->aux);

	for (unsigned s = 0; s < PROBE_SLOTS; s++) {
		int64_t off = 0;
		unsigned arg = row->arg[s] - PROBE_ARG(0), reg = VQP_NO_REG;

		if (row->arg[s])
			reg = s ? function_arg_reg(f, i, arg)
				: function_arg_reg_near(f, i, arg, &off);
		if (row->arg[s] && reg == VQP_NO_REG)
			return;
		cookie |= VQP_COOKIE_REG(s, reg);
		if (!s && off < 8192 && off > -8192)
			cookie |= VQP_COOKIE_OFF(-off);
	}
	p->addr = f->insn[i].addr;
	p->offset = elf_offset(q->elf, p->addr);
	p->emulated = f->insn[i].emulated;
	p->cookie = cookie;
	p->placed = placed;
}

static unsigned arg_mask(const struct probe_row *row)
{
	unsigned mask = 0;

	for (unsigned s = 0; s < PROBE_SLOTS; s++)
		if (row->arg[s])
			mask |= 1U << (row->arg[s] - PROBE_ARG(0));
	return mask;
}

/* At the begin of a function all arguments are where its caller put them. */
static void place_at_begin(struct qemu *q, struct qemu_probe *p, const struct probe_row *row,
			   uint64_t start)
{
	static const uint8_t reg[] = { VQP_RDI, VQP_RSI, VQP_RDX, VQP_RCX, VQP_R8, VQP_R9 };

	p->begin = elf_offset(q->elf, start);
	p->begin_cookie = VQP_COOKIE(row->what) | VQP_COOKIE_AUX(row->aux | VQP_AUX_CALL);
	for (unsigned s = 0; s < PROBE_SLOTS; s++)
		p->begin_cookie |= VQP_COOKIE_REG(s, row->arg[s] ? reg[row->arg[s] - PROBE_ARG(0)]
								 : VQP_NO_REG);
}

void probe_function(struct qemu *q, const char *name, uint64_t addr, const struct probe_row *row)
{
	struct qemu_probe *p = probe_add(q, name, row);
	struct function *f;
	size_t i;

	if (!p || !addr || function_open(&f, q->elf, addr))
		return;
	if (row->flags & QEMU_PROBE_CALL && f->start == addr)
		place_at_begin(q, p, row, addr);
	/* of a configuration access the place of the return address is recorded */
	i = qemu_program_is_return(row->program) || row->program == QEMU_CONFIG || f->start != addr
		    ? function_at(f, addr)
		    : function_probe_point(f, arg_mask(row));
	if (i < f->n)
		place(q, p, row, f, i,
		      qemu_program_is_return(row->program) ? "return"
		      : i				   ? "early"
							   : "entry");
	function_close(f);
}

/* --- kicks ----------------------------------------------------------------- */

static const struct probe_row kick_row = {
	.costs = "kicks by ioeventfd",
	.program = QEMU_KICK,
	.flags = QEMU_PROBE_HOT,
	.arg = { PROBE_ARG(0) },
};

static void kick_at(struct qemu *q, struct qemu_probe *p, uint64_t addr)
{
	uint64_t enabled = elf_symbol(q->elf, "trace_events_enabled_count");
	uint64_t state = elf_symbol(q->elf, "_TRACE_VIRTIO_QUEUE_NOTIFY_DSTATE");
	struct function *f;
	size_t i;

	if (function_open(&f, q->elf, addr))
		return;
	/* At this point QEMU has decided to handle the kick. */
	i = function_trace_site(f, enabled, state);
	if (i < f->n)
		place(q, p, &kick_row, f, i, "trace site");
	if (!p->addr)
		place(q, p, &kick_row, f, function_probe_point(f, 1), "early");
	function_close(f);
}

/*
 * virtio_queue_notify_vq is static.  The exported notifier handler calls or jumps to it,
 * with the VirtQueue that contains the notifier; the only other function that it calls so is
 * event_notifier_test_and_clear.  The polling path also calls virtio_queue_notify_vq.
 */
static void probe_kick(struct qemu *q)
{
	uint64_t clear = elf_symbol(q->elf, "event_notifier_test_and_clear");
	uint64_t read = elf_symbol(q->elf, "virtio_queue_host_notifier_read");
	struct qemu_probe *p = probe_add(q, "virtio_queue_notify_vq", &kick_row);
	struct function *f;

	if (!p || !read || function_open(&f, q->elf, read))
		return;
	for (size_t i = 0; i < f->n && !p->addr; i++) {
		const struct insn *in = &f->insn[i];
		struct value v = f->in[i][VQP_RDI];

		if ((in->kind == INSN_CALL || in->kind == INSN_JMP) && in->target != clear &&
		    (in->target < f->start || in->target >= f->end) && f->reached[i] &&
		    v.base == VALUE_ARG(0) && v.off < 0)
			kick_at(q, p, in->target);
	}
	function_close(f);
}

/* --- pops ------------------------------------------------------------------ */

static const struct probe_row pop_row = {
	.symbol = "virtqueue_pop",
	.costs = "descriptor chains and requests",
	.program = QEMU_POP,
	.flags = QEMU_PROBE_HOT | QEMU_PROBE_ESSENTIAL,
	.arg = { PROBE_ARG(0) },
};

/* Where functions know that there is a chain: functions, and the branches in them. */
struct pop_sites {
	uint64_t branch[2], function[2];
	size_t n;
	bool odd;
};

#define TEST_BEFORE 6 /* instructions between the load of the size and the branch */

/* Whether the size of the queue is read for that branch: then it is the one that is looked for. */
static bool asks_size(const struct qemu *q, const struct function *f, size_t branch)
{
	for (size_t i = branch; i > 0 && branch - i < TEST_BEFORE; i--) {
		const struct insn *in = &f->insn[i - 1];

		if (in->kind != INSN_OTHER)
			return false;
		if (in->load_width == 4 && in->load.base == VALUE_ARG(0) && !in->load.scale &&
		    in->load.off == q->layout.vq_num)
			return true;
	}
	return false;
}

/*
 * virtqueue_split_pop() and virtqueue_packed_pop() first ask whether the queue is empty, then whether
 * as many chains are in use as it has entries.  The branch on that second question is behind the first
 * one; on the way to it nothing else looks at the number of chains in use.
 */
static void pop_sites_in(const struct qemu *q, const struct function *f, struct pop_sites *s)
{
	const struct value inuse = { .base = VALUE_ARG(0), .off = q->layout.vq_inuse };
	size_t at[3], n = function_first_tests(f, inuse, 4, at, 3);

	for (size_t i = 0; i < n; i++) {
		s->odd |= s->n == 2 || !f->insn[at[i]].emulated || !asks_size(q, f, at[i]);
		for (size_t k = 0; k < s->n; k++)
			s->odd |= s->branch[k] == f->insn[at[i]].addr;
		if (s->odd)
			return;
		s->branch[s->n] = f->insn[at[i]].addr;
		s->function[s->n++] = f->start;
	}
}

/* Both are static: virtqueue_pop() jumps to them or calls them with its queue, or they are inlined. */
static void pop_sites_find(struct qemu *q, const struct function *f, struct pop_sites *s)
{
	struct function *callee;

	pop_sites_in(q, f, s);
	for (size_t i = 0; i < f->n && !s->odd; i++) {
		const struct insn *in = &f->insn[i];
		struct value v = f->in[i][VQP_RDI];

		if ((in->kind != INSN_CALL && in->kind != INSN_JMP) || !f->reached[i] ||
		    (in->target >= f->start && in->target < f->end) || v.base != VALUE_ARG(0) ||
		    v.off || v.scale || function_open(&callee, q->elf, in->target))
			continue;
		if (callee->start == in->target)
			pop_sites_in(q, callee, s);
		function_close(callee);
	}
}

static bool pop_at(struct qemu *q, uint64_t function, uint64_t branch)
{
	struct qemu_probe *p = probe_add(q, pop_row.symbol, &pop_row);
	struct function *f;

	if (!p || function_open(&f, q->elf, function))
		return false;
	place(q, p, &pop_row, f, function_at(f, branch), "not empty");
	function_close(f);
	p->flags |=
		QEMU_PROBE_DEEP; /* these functions have arrays for all descriptors of a queue */
	return p->addr;
}

/*
 * A queue that turns out to be empty costs a hit where the probe is at the begin of virtqueue_pop(), and
 * there the program can only guess from the ring what QEMU is going to find.  The program asks the ring
 * wherever it is.
 */
static void probe_pop(struct qemu *q)
{
	struct pop_sites s = { .n = 0 };
	uint64_t addr = elf_symbol(q->elf, pop_row.symbol);
	size_t before = q->nprobes, begin;
	struct function *f;

	if (q->layout.vq_inuse != VQP_UNKNOWN && !function_open(&f, q->elf, addr)) {
		pop_sites_find(q, f, &s);
		function_close(f);
	}
	if (s.n != 2 || s.odd || !pop_at(q, s.function[0], s.branch[0]) ||
	    !pop_at(q, s.function[1], s.branch[1]))
		q->nprobes = before;
	begin = q->nprobes;
	probe_function(q, pop_row.symbol, addr, &pop_row);
	if (begin > before && begin < q->nprobes)
		q->probe[begin].flags |= QEMU_PROBE_SHALLOW;
}

/* --- notifications --------------------------------------------------------- */

static const struct {
	const char *function, *state, *out[2];
	unsigned flags;
} signals[] = {
	{ "virtio_notify_irqfd",
	  "_TRACE_VIRTIO_NOTIFY_IRQFD_DSTATE",
	  { "event_notifier_set", "defer_call" },
	  QEMU_PROBE_HOT | QEMU_PROBE_OPTIONAL },
	{ "virtio_notify", "_TRACE_VIRTIO_NOTIFY_DSTATE", { NULL, NULL }, QEMU_PROBE_HOT },
};

/* Without trace events: the call that signals, or the load of the vector to signal. */
static size_t signal_site(struct qemu *q, const struct function *f, const char *const out[2])
{
	for (size_t k = 0; k < 2; k++) {
		uint64_t target = out[k] ? elf_symbol(q->elf, out[k]) : 0;
		size_t i = target ? function_call_site(f, target) : f->n;

		if (i < f->n)
			return i;
	}
	for (size_t i = 0; i < f->n; i++) {
		const struct insn *in = &f->insn[i];

		if (in->load_width == 2 && in->load.base == VALUE_CONST && in->load.scale == 1 &&
		    in->load.off == q->layout.vq_vector)
			return i;
	}
	/* or the tail call that has the queue as its argument */
	for (size_t i = 0; i < f->n; i++)
		if (f->insn[i].kind == INSN_JMP && f->reached[i] &&
		    (f->insn[i].target < f->start || f->insn[i].target >= f->end) &&
		    f->in[i][VQP_RDI].base == VALUE_CONST && f->in[i][VQP_RDI].scale == 1)
			return i;
	return f->n;
}

static void probe_signals(struct qemu *q)
{
	uint64_t enabled = elf_symbol(q->elf, "trace_events_enabled_count");

	for (size_t k = 0; k < sizeof(signals) / sizeof(signals[0]); k++) {
		struct probe_row row = { .costs = "interrupt decisions",
					 .program = QEMU_SIGNAL,
					 .flags = (uint8_t)signals[k].flags,
					 .arg = { PROBE_ARG(1) } };
		uint64_t addr = elf_symbol(q->elf, signals[k].function);
		struct qemu_probe *p = probe_add(q, signals[k].function, &row);
		struct function *f;
		size_t i;

		if (!p || !addr || function_open(&f, q->elf, addr))
			continue;
		i = function_trace_site(f, enabled, elf_symbol(q->elf, signals[k].state));
		if (i < f->n)
			place(q, p, &row, f, i, "trace site");
		if (!p->addr && (i = signal_site(q, f, signals[k].out)) < f->n)
			place(q, p, &row, f, i, "call site");
		function_close(f);
	}
}

/* --- register handlers ----------------------------------------------------- */

static const struct {
	const char *string, *name;
	uint16_t aux;
	bool direct; /* the string itself is the region's name */
} regions[] = {
	{ "virtio-pci-common-%s", "common", VQT_REGION_COMMON, false },
	{ "virtio-pci-isr-%s", "isr", VQT_REGION_ISR, false },
	{ "virtio-pci-device-%s", "device", VQT_REGION_DEVICE, false },
	{ "virtio-pci-notify-%s", "notify", VQT_REGION_NOTIFY | VQP_AUX_MMIO_NOTIFY, false },
	{ "virtio-pci-notify-pio-%s", "notify-pio",
	  VQT_REGION_NOTIFY | VQP_AUX_MMIO_NOTIFY | VQP_AUX_IS_PIO, false },
	{ "virtio-pci", "legacy", VQT_REGION_LEGACY | VQP_AUX_IS_PIO, true },
	{ "msix-table", "msix-table", VQT_REGION_MSIX_TABLE, true },
	{ "msix-pba", "msix-pba", VQT_REGION_MSIX_PBA, true },
	{ "virtio-mmio", "mmio", VQT_REGION_MMIO, true },
};

static bool have_handler(const struct qemu *q, uint64_t addr)
{
	uint64_t start, end;

	for (size_t i = 0; i < q->nprobes; i++)
		if (q->probe[i].program >= QEMU_REG_WRITE &&
		    q->probe[i].program <= QEMU_REG_RETURN &&
		    !elf_function(q->elf, q->probe[i].addr, &start, &end) && start == addr)
			return true;
	return false;
}

static void probe_handler(struct qemu *q, size_t r, const char *what, uint64_t addr,
			  struct probe_row row)
{
	char name[48];

	snprintf(name, sizeof(name), "%s %s", regions[r].name, what);
	row.aux = regions[r].aux;
	if (row.aux & VQP_AUX_MMIO_NOTIFY) /* hit by every request; a kick is no call */
		row.flags &= ~QEMU_PROBE_CALL;
	probe_function(q, name, addr, &row);
}

static void probe_handlers(struct qemu *q, size_t r, uint64_t read, uint64_t write)
{
	static const struct probe_row rd = { .costs = "reads of this region",
					     .program = QEMU_REG_READ,
					     .arg = { PROBE_ARG(0), PROBE_ARG(1), PROBE_ARG(2) } };
	static const struct probe_row ret = { .costs = "reads of this region",
					      .program = QEMU_REG_RETURN,
					      .arg = { 0 } };
	static const struct probe_row wr = { .costs = "writes of this region",
					     .program = QEMU_REG_WRITE,
					     .flags = QEMU_PROBE_CALL,
					     .arg = { PROBE_ARG(0), PROBE_ARG(1), PROBE_ARG(2),
						      PROBE_ARG(3) } };

	/* Compilers merge identical handlers: then the first region has the probe. */
	if (!have_handler(q, read)) {
		probe_handler(q, r, "read", read, rd);
		probe_handler(q, r, "read", read, ret);
	}
	if (!have_handler(q, write))
		probe_handler(q, r, "write", write, wr);
}

/* The ops given to memory_region_init_io after (or with) the region's name. */
static bool handlers_in(struct qemu *q, size_t r, uint64_t lea, uint64_t string, uint64_t init)
{
	struct function *f;
	bool found = false;

	if (function_open(&f, q->elf, lea))
		return false;
	for (size_t i = function_at(f, lea); i < f->n; i++) {
		struct value ops, name;
		uint64_t read, write;

		if (f->insn[i].kind != INSN_CALL || f->insn[i].target != init || !f->reached[i])
			continue;
		ops = f->in[i][VQP_RDX];
		name = f->in[i][VQP_R8];
		if (regions[r].direct && (name.base || (uint64_t)name.off != string))
			continue;
		if (ops.base || ops.scale)
			break;
		read = elf_pointer(q->elf, (uint64_t)ops.off);
		write = elf_pointer(q->elf, (uint64_t)ops.off + 8);
		if (elf_is_code(q->elf, read) && elf_is_code(q->elf, write) && read != write) {
			probe_handlers(q, r, read, write);
			found = true;
		}
		if (!regions[r].direct)
			break;
	}
	function_close(f);
	return found;
}

/*
 * Limit on the places that may name a region.  A QEMU has a few of each; a hostile file may
 * have many.
 */
#define STRINGS_MAX 32
#define LEAS_MAX 128

static bool probe_region(struct qemu *q, size_t r, uint64_t init)
{
	unsigned strings = 0, leas = 0;
	bool found = false;
	uint64_t s = 0;

	while (!found && strings++ < STRINGS_MAX &&
	       (s = elf_find_string(q->elf, regions[r].string, s)))
		for (uint64_t l = 0; leas++ < LEAS_MAX && (l = elf_find_lea(q->elf, s, l));)
			found |= handlers_in(q, r, l, s, init);
	return found;
}

static void probe_regions(struct qemu *q)
{
	uint64_t init = elf_symbol(q->elf, "memory_region_init_io");

	for (size_t r = 0; r < sizeof(regions) / sizeof(regions[0]); r++) {
		static const struct probe_row missing = {
			.costs = "register accesses of this region", .program = QEMU_REG_WRITE
		};
		if (!probe_region(q, r, init))
			probe_add(q, regions[r].name, &missing);
	}
}

/* --- a whole binary ---------------------------------------------------------- */

bool qemu_is(struct foreign *f, const char *path)
{
	struct elf *e;
	bool is;

	if (elf_open(&e, path, f))
		return false;
	is = elf_exports(e, "virtqueue_pop") && elf_exports(e, "virtqueue_fill");
	elf_close(e);
	return is;
}

const char *qemu_unusable(const struct qemu *q)
{
	for (size_t i = 0; i < q->nprobes; i++)
		if (q->probe[i].flags & QEMU_PROBE_ESSENTIAL && !q->probe[i].addr)
			return q->probe[i].name;
	return layout_unusable(&q->layout);
}

static void read_version(struct qemu *q)
{
	static const char prefix[] = "QEMU emulator version ";
	char buf[128], *nl;

	if (!elf_string_with(q->elf, prefix, buf, sizeof(buf)))
		return;
	nl = strchr(buf, '\n');
	if (nl)
		*nl = 0;
	snprintf(q->version, sizeof(q->version), "%s", buf + sizeof(prefix) - 1);
}

int qemu_open_elf(struct qemu **out, struct elf *e)
{
	struct qemu *q = calloc(1, sizeof(*q));
	int err = q ? 0 : -ENOMEM;

	*out = NULL;
	if (!err && !elf_symbol(e, "virtqueue_pop"))
		err = -ENOENT;
	if (err) {
		elf_close(e);
		free(q);
		return err;
	}
	q->elf = e;
	read_version(q);
	layout_find(q);
	probe_kick(q);
	probe_pop(q);
	for (size_t i = 0; i < probe_nrows; i++)
		probe_function(q, probe_rows[i].symbol, elf_symbol(e, probe_rows[i].symbol),
			       &probe_rows[i]);
	backend_probes(q);
	probe_signals(q);
	probe_regions(q);
	*out = q;
	return 0;
}

/* Decoding takes a multiple of what reading the tables of a process does. */
#define WORK 8

int qemu_open(struct qemu **out, const char *path, const struct foreign_stop *stop)
{
	struct foreign *work = calloc(1, sizeof(*work));
	struct elf *e;
	int err = work ? 0 : -ENOMEM;

	*out = NULL;
	if (!err) {
		foreign_init(work, 0, stop);
		foreign_begin_large(work, WORK);
		err = elf_open(&e, path, work);
	}
	if (!err)
		err = qemu_open_elf(out, e);
	if (work && work->err) {
		qemu_close(*out);
		*out = NULL;
		err = work->err;
	}
	if (err)
		free(work);
	else
		(*out)->work = work;
	return err;
}

void qemu_close(struct qemu *q)
{
	if (!q)
		return;
	elf_close(q->elf);
	free(q->work);
	free(q);
}
