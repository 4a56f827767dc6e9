/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/qemu/discover.h"
#include "bpf/qemu/insn.h"
#include "bpf/qemu/layout.h"
#include "decoder/trace/event.h"

#define NONE 0xff

/* One row a probe on an exported function: which arguments go where in the cookie. */
struct row {
	const char *symbol;
	const char *costs;
	uint8_t program, flags;
	uint16_t aux;
	uint8_t what; /* low byte of the cookie */
	uint8_t arg[5]; /* C argument in each slot, NONE */
};

#define LIFE(sym, life, what_, ...) \
	{ \
		.symbol = sym, .program = QEMU_LIFECYCLE, .flags = QEMU_PROBE_LIFE, .aux = life, \
		.what = what_, .arg = { __VA_ARGS__ }, .costs = "that lifecycle step" \
	}
#define LIFECYCLE_OPT(sym, life, what_, ...) \
	{ \
		.symbol = sym, .program = QEMU_LIFECYCLE, \
		.flags = QEMU_PROBE_LIFE | QEMU_PROBE_OPTIONAL, .aux = life, .what = what_, \
		.arg = { __VA_ARGS__ }, .costs = "that lifecycle step" \
	}

static const struct row rows[] = {
	{ "virtqueue_pop",
	  "descriptor chains and requests",
	  QEMU_POP,
	  QEMU_PROBE_HOT | QEMU_PROBE_ESSENTIAL,
	  0,
	  0,
	  { 0, NONE, NONE, NONE, NONE } },
	{ "virtqueue_fill",
	  "completions",
	  QEMU_FILL,
	  QEMU_PROBE_HOT | QEMU_PROBE_ESSENTIAL,
	  0,
	  0,
	  { 0, 1, 2, 3, NONE } },
	{ "virtqueue_detach_element",
	  "chains given up unused",
	  QEMU_FILL,
	  0,
	  1,
	  0,
	  { 0, 1, 2, NONE, NONE } },
	{ "pci_host_config_write_common",
	  "PCI configuration writes",
	  QEMU_CONFIG,
	  0,
	  VQT_WRITE,
	  0,
	  { 0, 1, 3, 4, NONE } },
	{ "pci_host_config_write_common",
	  "which register accesses come by the PCI window",
	  QEMU_CONFIG_RETURN,
	  0,
	  0,
	  0,
	  { NONE, NONE, NONE, NONE, NONE } },
	{ "pci_host_config_read_common",
	  "PCI configuration reads",
	  QEMU_CONFIG,
	  0,
	  VQT_READ,
	  0,
	  { 0, 1, NONE, 3, NONE } },
	{ "pci_host_config_read_common",
	  "PCI configuration reads",
	  QEMU_CONFIG_RETURN,
	  0,
	  0,
	  0,
	  { NONE, NONE, NONE, NONE, NONE } },
	{ "pci_set_irq",
	  "INTx interrupts",
	  QEMU_IRQ,
	  0,
	  VQP_IRQ_INTX,
	  0,
	  { 0, 1, NONE, NONE, NONE } },
	{ "msix_notify",
	  "MSI-X messages as sent",
	  QEMU_IRQ,
	  QEMU_PROBE_DELIVERY,
	  VQP_IRQ_MSIX,
	  0,
	  { 0, 1, NONE, NONE, NONE } },
	{ "virtio_notify_config",
	  "configuration change interrupts",
	  QEMU_LIFECYCLE,
	  0,
	  0,
	  VQP_OBJ_VDEV | VQP_LIFECYCLE_IRQ,
	  { 0, NONE, NONE, NONE, NONE } },
	LIFE("virtio_pci_types_register", VQT_LIFECYCLE_TYPE_REGISTER, VQP_OBJ_NONE, 0, NONE, NONE,
	     NONE, NONE),
	LIFE("virtio_instance_init_common", VQT_LIFECYCLE_INSTANCE_INIT,
	     VQP_OBJ_QDEV | VQP_LIFECYCLE_TEXT, 0, 3, NONE, NONE, NONE),
	LIFE("qdev_realize", VQT_LIFECYCLE_REALIZE, VQP_OBJ_QDEV | VQP_LIFECYCLE_TYPENAME, 0, NONE,
	     NONE, NONE, NONE),
	LIFE("virtio_init", VQT_LIFECYCLE_VIRTIO_INIT, VQP_OBJ_VDEV, 0, 1, 2, NONE, NONE),
	LIFE("virtio_add_queue", VQT_LIFECYCLE_ADD_QUEUE, VQP_OBJ_VDEV, 0, 1, 2, NONE, NONE),
	LIFE("virtio_bus_device_plugged", VQT_LIFECYCLE_BUS_PLUGGED, VQP_OBJ_VDEV, 0, NONE, NONE,
	     NONE, NONE),
	LIFE("pci_register_bar", VQT_LIFECYCLE_BAR, VQP_OBJ_PCI, 0, 1, 2, NONE, NONE),
	LIFE("memory_region_init_io", VQT_LIFECYCLE_REGION, VQP_OBJ_QDEV | VQP_LIFECYCLE_TEXT, 1, 4,
	     5, NONE, NONE),
	LIFE("msix_init", VQT_LIFECYCLE_MSIX_INIT, VQP_OBJ_PCI, 0, 1, 3, NONE, NONE),
	LIFE("virtio_bus_start_ioeventfd", VQT_LIFECYCLE_IOEVENTFD_START, VQP_OBJ_BUS, 0, NONE,
	     NONE, NONE, NONE),
	LIFE("virtio_bus_stop_ioeventfd", VQT_LIFECYCLE_IOEVENTFD_STOP, VQP_OBJ_BUS, 0, NONE, NONE,
	     NONE, NONE),
	LIFECYCLE_OPT("virtio_blk_data_plane_start", VQT_LIFECYCLE_DATAPLANE_START, VQP_OBJ_VDEV, 0,
		      NONE, NONE, NONE, NONE),
	LIFECYCLE_OPT("virtio_blk_data_plane_stop", VQT_LIFECYCLE_DATAPLANE_STOP, VQP_OBJ_VDEV, 0,
		      NONE, NONE, NONE, NONE),
	LIFE("virtio_bus_set_host_notifier", VQT_LIFECYCLE_HOST_NOTIFIER, VQP_OBJ_BUS, 0, 2, NONE,
	     NONE, 1),
	LIFECYCLE_OPT("virtio_queue_set_guest_notifier_fd_handler", VQT_LIFECYCLE_GUEST_NOTIFIER,
		      VQP_OBJ_VQ, 0, 1, 2, NONE, NONE),
	LIFE("kvm_irqchip_add_msi_route", VQT_LIFECYCLE_MSI_ROUTE, VQP_OBJ_PCI, 2, 1, NONE, NONE,
	     NONE),
	LIFE("kvm_irqchip_commit_routes", VQT_LIFECYCLE_GSI_COMMIT, VQP_OBJ_NONE, 0, NONE, NONE,
	     NONE, NONE),
	LIFE("kvm_irqchip_add_irqfd_notifier_gsi", VQT_LIFECYCLE_IRQFD, VQP_OBJ_NONE, 0, 3, NONE,
	     NONE, NONE),
	LIFE("virtio_reset", VQT_LIFECYCLE_RESET, VQP_OBJ_VDEV | VQP_LIFECYCLE_REWIND, 0, NONE,
	     NONE, NONE, NONE),
	LIFE("virtio_set_status", VQT_LIFECYCLE_SET_STATUS, VQP_OBJ_VDEV, 0, 1, NONE, NONE, NONE),
	LIFE("virtio_set_features", VQT_LIFECYCLE_SET_FEATURES, VQP_OBJ_VDEV, 0, 1, NONE, NONE,
	     NONE),
	LIFE("virtio_queue_set_rings", VQT_LIFECYCLE_SET_RINGS, VQP_OBJ_VDEV | VQP_LIFECYCLE_REWIND,
	     0, 2, 3, 4, 1),
	LIFE("virtio_queue_set_num", VQT_LIFECYCLE_SET_NUM, VQP_OBJ_VDEV, 0, 2, NONE, NONE, 1),
	LIFE("virtio_queue_set_vector", VQT_LIFECYCLE_SET_VECTOR, VQP_OBJ_VDEV, 0, 2, NONE, NONE,
	     1),
	LIFE("virtio_queue_enable", VQT_LIFECYCLE_QUEUE_ENABLE, VQP_OBJ_VDEV, 0, NONE, NONE, NONE,
	     1),
	LIFE("virtio_queue_reset", VQT_LIFECYCLE_QUEUE_RESET, VQP_OBJ_VDEV | VQP_LIFECYCLE_REWIND,
	     0, NONE, NONE, NONE, 1),
	LIFE("virtio_error", VQT_LIFECYCLE_ERROR, VQP_OBJ_VDEV | VQP_LIFECYCLE_TEXT, 0, 1, NONE,
	     NONE, NONE),
	LIFE("virtio_del_queue", VQT_LIFECYCLE_DELETE_QUEUE, VQP_OBJ_VDEV, 0, NONE, NONE, NONE, 1),
	LIFE("virtio_cleanup", VQT_LIFECYCLE_UNREALIZE, VQP_OBJ_VDEV | VQP_LIFECYCLE_FORGET, 0,
	     NONE, NONE, NONE, NONE),
	LIFE("virtqueue_unpop", VQT_LIFECYCLE_UNPOP, VQP_OBJ_VQ, 0, NONE, NONE, NONE, NONE),
	LIFE("virtqueue_rewind", VQT_LIFECYCLE_UNPOP, VQP_OBJ_VQ, 0, 1, NONE, NONE, NONE),
	LIFECYCLE_OPT("vhost_dev_start", VQT_LIFECYCLE_VHOST_START, VQP_OBJ_VDEV, 1, NONE, NONE,
		      NONE, NONE),
	LIFECYCLE_OPT("vhost_dev_stop", VQT_LIFECYCLE_VHOST_STOP, VQP_OBJ_VDEV, 1, NONE, NONE, NONE,
		      NONE),
};

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
};

const char *qemu_program_name(enum qemu_program p)
{
	return program_names[p];
}

static bool is_return(enum qemu_program p)
{
	return p == QEMU_REG_RETURN || p == QEMU_CONFIG_RETURN;
}

static struct qemu_probe *probe_add(struct qemu *q, const char *name, const struct row *row)
{
	struct qemu_probe *p;

	if (q->nprobes == QEMU_PROBES)
		return NULL;
	p = &q->probe[q->nprobes++];
	snprintf(p->name, sizeof(p->name), "%s", name);
	p->costs = row->costs;
	p->program = row->program;
	p->flags = row->flags;
	p->placed = "";
	return p;
}

/* Put a probe at instruction i of f, with the registers that hold its arguments there. */
static void place(struct qemu *q, struct qemu_probe *p, const struct row *row,
		  const struct function *f, size_t i, const char *placed)
{
	uint64_t cookie = VQP_COOKIE(row->what) | VQP_COOKIE_AUX(row->aux);

	for (unsigned s = 0; s < 5; s++) {
		int64_t off = 0;
		unsigned reg = row->arg[s] == NONE ? VQP_NO_REG
			       : s		   ? function_arg_reg(f, i, row->arg[s])
						   : function_arg_reg_near(f, i, row->arg[s], &off);

		if (row->arg[s] != NONE && reg == VQP_NO_REG)
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

static unsigned arg_mask(const struct row *row)
{
	unsigned mask = 0;

	for (unsigned s = 0; s < 5; s++)
		if (row->arg[s] != NONE)
			mask |= 1U << row->arg[s];
	return mask;
}

/* Put a probe on the function at addr, at the first instruction where it is cheap. */
static void probe_function(struct qemu *q, const char *name, uint64_t addr, const struct row *row)
{
	struct qemu_probe *p = probe_add(q, name, row);
	struct function *f;
	size_t i;

	if (!p || !addr || function_open(&f, q->elf, addr))
		return;
	i = is_return(row->program) || f->start != addr ? function_at(f, addr)
							: function_probe_point(f, arg_mask(row));
	if (i < f->n)
		place(q, p, row, f, i, is_return(row->program) ? "return" : i ? "early" : "entry");
	function_close(f);
}

/* --- kicks ----------------------------------------------------------------- */

static const struct row kick_row = {
	.costs = "kicks by ioeventfd",
	.program = QEMU_KICK,
	.flags = QEMU_PROBE_HOT,
	.arg = { 0, NONE, NONE, NONE, NONE },
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
	i = function_trace_site(f, enabled, state, 0);
	if (i < f->n)
		place(q, p, &kick_row, f, i, "trace site");
	if (!p->addr)
		place(q, p, &kick_row, f, function_probe_point(f, 1), "early");
	function_close(f);
}

/*
 * virtio_queue_notify_vq is static: it is what the exported notifier handler
 * calls or jumps to besides event_notifier_test_and_clear, with the VirtQueue
 * that contains the notifier.  The polling path goes there too.
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
		size_t i = target ? function_call_site(f, target, 0) : f->n;

		if (i < f->n)
			return i;
	}
	for (size_t i = 0; i < f->n; i++) {
		const struct insn *in = &f->insn[i];

		if (in->load_width == 2 && in->load.base == VALUE_CONST && in->load.scale == 1 &&
		    in->load.off == q->layout.vq_vector)
			return i;
	}
	/* or the tail call with the queue as its argument */
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
		struct row row = { .costs = "interrupt decisions",
				   .program = QEMU_SIGNAL,
				   .flags = (uint8_t)signals[k].flags,
				   .arg = { 1, NONE, NONE, NONE, NONE } };
		uint64_t addr = elf_symbol(q->elf, signals[k].function);
		struct qemu_probe *p = probe_add(q, signals[k].function, &row);
		struct function *f;
		size_t i;

		if (!p || !addr || function_open(&f, q->elf, addr))
			continue;
		i = function_trace_site(f, enabled, elf_symbol(q->elf, signals[k].state), 0);
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
	for (size_t i = 0; i < q->nprobes; i++)
		if (q->probe[i].program >= QEMU_REG_WRITE &&
		    q->probe[i].program <= QEMU_REG_RETURN && q->probe[i].addr)
			if (q->probe[i].cookie && elf_bytes(q->elf, addr, 1) &&
			    q->probe[i].addr >= addr && q->probe[i].addr < addr + 64) {
				uint64_t s, e;

				if (!elf_function(q->elf, q->probe[i].addr, &s, &e) && s == addr)
					return true;
			}
	return false;
}

static void probe_handlers(struct qemu *q, size_t r, uint64_t read, uint64_t write)
{
	static const struct row rd = { .costs = "reads of this region",
				       .program = QEMU_REG_READ,
				       .arg = { 0, 1, 2, NONE, NONE } };
	static const struct row ret = { .costs = "reads of this region",
					.program = QEMU_REG_RETURN,
					.arg = { NONE, NONE, NONE, NONE, NONE } };
	static const struct row wr = { .costs = "writes of this region",
				       .program = QEMU_REG_WRITE,
				       .arg = { 0, 1, 2, 3, NONE } };
	struct row row;
	char name[48];

	/* Compilers fold identical handlers: then the first region has the probe. */
	if (!have_handler(q, read)) {
		snprintf(name, sizeof(name), "%s read", regions[r].name);
		row = rd;
		row.aux = regions[r].aux;
		probe_function(q, name, read, &row);
		probe_function(q, name, read, &ret);
	}
	if (!have_handler(q, write)) {
		snprintf(name, sizeof(name), "%s write", regions[r].name);
		row = wr;
		row.aux = regions[r].aux;
		probe_function(q, name, write, &row);
	}
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

/* Places that may name a region.  A QEMU has a few of each; a hostile file may have many. */
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
		static const struct row missing = { .costs = "register accesses of this region",
						    .program = QEMU_REG_WRITE };
		if (!probe_region(q, r, init))
			probe_add(q, regions[r].name, &missing);
	}
}

/* --- a whole binary ---------------------------------------------------------- */

bool qemu_is(const char *path)
{
	struct elf *e;
	bool is;

	if (elf_open(&e, path))
		return false;
	is = elf_symbol(e, "virtqueue_pop") && elf_symbol(e, "virtqueue_fill");
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
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		probe_function(q, rows[i].symbol, elf_symbol(q->elf, rows[i].symbol), &rows[i]);
	probe_signals(q);
	probe_regions(q);
	*out = q;
	return 0;
}

int qemu_open(struct qemu **out, const char *path)
{
	struct elf *e;
	int err = elf_open(&e, path);

	*out = NULL;
	return err ? err : qemu_open_elf(out, e);
}

void qemu_close(struct qemu *q)
{
	if (!q)
		return;
	elf_close(q->elf);
	free(q);
}
