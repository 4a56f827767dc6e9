/* SPDX-License-Identifier: MIT */
/*
 * Where in a class its callbacks are, from the code that calls them.  QEMU's cast of a class
 * names the type, so it is seen which structure the called word is in.
 */
#include <string.h>

#include "bpf/code/insn.h"
#include "bpf/qemu/layout.h"
#include "bpf/qom/classes_impl.h"

#define CALLS 64 /* through slots, of one function */
#define CALLEES 48 /* functions that one calls */

/* The type whose class each structure is. */
static const char *const kinds[CLASS_KINDS] = {
	[CLASS_KIND_DEVICE] = "device",		[CLASS_KIND_PCI] = "pci-device",
	[CLASS_KIND_VIRTIO_PCI] = "virtio-pci", [CLASS_KIND_VIRTIO] = "virtio-device",
	[CLASS_KIND_BUS] = "virtio-bus",	[CLASS_KIND_RESETTABLE] = "resettable",
};

static const struct {
	const char *name;
	enum class_kind kind;
} slots[CLASS_SLOTS] = {
	[CLASS_DEVICE_REALIZE] = { "DeviceClass.realize", CLASS_KIND_DEVICE },
	[CLASS_DEVICE_UNREALIZE] = { "DeviceClass.unrealize", CLASS_KIND_DEVICE },
	[CLASS_DEVICE_RESET] = { "DeviceClass.reset", CLASS_KIND_DEVICE },
	[CLASS_PCI_REALIZE] = { "PCIDeviceClass.realize", CLASS_KIND_PCI },
	[CLASS_PCI_EXIT] = { "PCIDeviceClass.exit", CLASS_KIND_PCI },
	[CLASS_VIRTIO_PCI_PARENT_DC_REALIZE] = { "VirtioPCIClass.parent_dc_realize",
						 CLASS_KIND_VIRTIO_PCI },
	[CLASS_VIRTIO_PCI_REALIZE] = { "VirtioPCIClass.realize", CLASS_KIND_VIRTIO_PCI },
	[CLASS_VIRTIO_REALIZE] = { "VirtioDeviceClass.realize", CLASS_KIND_VIRTIO },
	[CLASS_VIRTIO_UNREALIZE] = { "VirtioDeviceClass.unrealize", CLASS_KIND_VIRTIO },
	[CLASS_VIRTIO_GET_FEATURES] = { "VirtioDeviceClass.get_features", CLASS_KIND_VIRTIO },
	[CLASS_VIRTIO_SET_FEATURES] = { "VirtioDeviceClass.set_features", CLASS_KIND_VIRTIO },
	[CLASS_VIRTIO_GET_FEATURES_EX] = { "VirtioDeviceClass.get_features_ex", CLASS_KIND_VIRTIO },
	[CLASS_VIRTIO_SET_FEATURES_EX] = { "VirtioDeviceClass.set_features_ex", CLASS_KIND_VIRTIO },
	[CLASS_VIRTIO_GET_CONFIG] = { "VirtioDeviceClass.get_config", CLASS_KIND_VIRTIO },
	[CLASS_VIRTIO_SET_CONFIG] = { "VirtioDeviceClass.set_config", CLASS_KIND_VIRTIO },
	[CLASS_VIRTIO_RESET] = { "VirtioDeviceClass.reset", CLASS_KIND_VIRTIO },
	[CLASS_VIRTIO_SET_STATUS] = { "VirtioDeviceClass.set_status", CLASS_KIND_VIRTIO },
	[CLASS_VIRTIO_GUEST_NOTIFIER_MASK] = { "VirtioDeviceClass.guest_notifier_mask",
					       CLASS_KIND_VIRTIO },
	[CLASS_VIRTIO_START_IOEVENTFD] = { "VirtioDeviceClass.start_ioeventfd", CLASS_KIND_VIRTIO },
	[CLASS_VIRTIO_STOP_IOEVENTFD] = { "VirtioDeviceClass.stop_ioeventfd", CLASS_KIND_VIRTIO },
	[CLASS_BUS_NOTIFY] = { "VirtioBusClass.notify", CLASS_KIND_BUS },
	[CLASS_BUS_SET_GUEST_NOTIFIERS] = { "VirtioBusClass.set_guest_notifiers", CLASS_KIND_BUS },
	[CLASS_BUS_PRE_PLUGGED] = { "VirtioBusClass.pre_plugged", CLASS_KIND_BUS },
	[CLASS_BUS_DEVICE_PLUGGED] = { "VirtioBusClass.device_plugged", CLASS_KIND_BUS },
	[CLASS_BUS_DEVICE_UNPLUGGED] = { "VirtioBusClass.device_unplugged", CLASS_KIND_BUS },
	[CLASS_BUS_IOEVENTFD_ENABLED] = { "VirtioBusClass.ioeventfd_enabled", CLASS_KIND_BUS },
	[CLASS_BUS_IOEVENTFD_ASSIGN] = { "VirtioBusClass.ioeventfd_assign", CLASS_KIND_BUS },
	[CLASS_RESET_ENTER] = { "ResettableClass.phases.enter", CLASS_KIND_RESETTABLE },
	[CLASS_RESET_HOLD] = { "ResettableClass.phases.hold", CLASS_KIND_RESETTABLE },
	[CLASS_RESET_EXIT] = { "ResettableClass.phases.exit", CLASS_KIND_RESETTABLE },
};

const char *class_slot_name(enum class_slot slot)
{
	return slots[slot].name;
}

const char *class_slot_type(enum class_slot slot)
{
	return kinds[slots[slot].kind];
}

bool class_slot_of_interface(enum class_slot slot)
{
	return slots[slot].kind == CLASS_KIND_RESETTABLE;
}

bool class_slot_newer(enum class_slot slot)
{
	return slot == CLASS_VIRTIO_GET_FEATURES_EX || slot == CLASS_VIRTIO_SET_FEATURES_EX;
}

/* --- rules -------------------------------------------------------------------------- */

#define ANYWHERE .after = CLASS_SLOTS, .before = CLASS_SLOTS
#define EXPORTED(slot, function) \
	{ \
		slot, function, ANYWHERE \
	}

static const struct class_rule rules[] = {
	/* device_class_set_parent_realize(dc, realize, &parent): *parent = dc->realize */
	{ CLASS_DEVICE_REALIZE, "device_class_set_parent_realize", .argument = true, ANYWHERE },
	{ CLASS_DEVICE_UNREALIZE, "device_class_set_parent_unrealize", .argument = true, ANYWHERE },
	{ CLASS_DEVICE_RESET, "device_class_set_parent_reset", .argument = true, ANYWHERE },
	{ CLASS_DEVICE_RESET, "device_class_set_legacy_reset", .argument = true, ANYWHERE },
	/* pci_qdev_realize() calls PCIDeviceClass.realize, pci_qdev_unrealize() its exit */
	{ CLASS_PCI_EXIT, .type = "pci-device", .via = CLASS_DEVICE_UNREALIZE, ANYWHERE },
	{ CLASS_PCI_REALIZE, .type = "pci-device", .via = CLASS_DEVICE_REALIZE,
	  .after = CLASS_SLOTS, .before = CLASS_PCI_EXIT },
	/* virtio_pci_dc_realize() calls the one that it replaced */
	{ CLASS_VIRTIO_PCI_PARENT_DC_REALIZE, .type = "virtio-pci", .via = CLASS_DEVICE_REALIZE,
	  ANYWHERE },
	{ CLASS_VIRTIO_PCI_REALIZE, .type = "virtio-pci", .via = CLASS_PCI_REALIZE, ANYWHERE },
	/* virtio_device_realize() calls unrealize where what follows realize fails */
	{ CLASS_VIRTIO_UNREALIZE, .type = "virtio-device", .via = CLASS_DEVICE_UNREALIZE,
	  ANYWHERE },
	{ CLASS_VIRTIO_REALIZE, .type = "virtio-device", .via = CLASS_DEVICE_REALIZE,
	  .after = CLASS_SLOTS, .before = CLASS_VIRTIO_UNREALIZE },
	EXPORTED(CLASS_VIRTIO_GET_CONFIG, "virtio_config_readb"),
	EXPORTED(CLASS_VIRTIO_SET_CONFIG, "virtio_config_writeb"),
	/* beside get_features_ex of newer ones, which gets the address of the features instead */
	{ CLASS_VIRTIO_GET_FEATURES, "virtio_bus_device_plugged", .loaded = true,
	  .after = CLASS_VIRTIO_UNREALIZE, .before = CLASS_VIRTIO_GET_CONFIG },
	{ CLASS_VIRTIO_SET_FEATURES, "virtio_set_features", .callees = true,
	  .after = CLASS_VIRTIO_GET_FEATURES, .before = CLASS_VIRTIO_GET_CONFIG },
	{ CLASS_VIRTIO_SET_FEATURES, "virtio_set_features_ex", .callees = true,
	  .after = CLASS_VIRTIO_GET_FEATURES, .before = CLASS_VIRTIO_GET_CONFIG },
	{ CLASS_VIRTIO_GET_FEATURES_EX, "virtio_bus_device_plugged", .inside = true,
	  .after = CLASS_VIRTIO_UNREALIZE, .before = CLASS_VIRTIO_GET_FEATURES },
	{ CLASS_VIRTIO_SET_FEATURES_EX, "virtio_set_features_ex", .callees = true,
	  .after = CLASS_VIRTIO_GET_FEATURES_EX, .before = CLASS_VIRTIO_GET_FEATURES },
	/* beside validate_features, which is before get_config, and get_vhost, which is last */
	{ CLASS_VIRTIO_SET_STATUS, "virtio_set_status", .after = CLASS_VIRTIO_SET_CONFIG,
	  .before = CLASS_SLOTS },
	{ CLASS_VIRTIO_RESET, "virtio_reset", .after = CLASS_VIRTIO_SET_CONFIG,
	  .before = CLASS_VIRTIO_SET_STATUS },
	EXPORTED(CLASS_VIRTIO_START_IOEVENTFD, "virtio_bus_start_ioeventfd"),
	{ CLASS_VIRTIO_STOP_IOEVENTFD, "virtio_bus_stop_ioeventfd", .callees = true, ANYWHERE },
	EXPORTED(CLASS_BUS_DEVICE_UNPLUGGED, "virtio_bus_device_unplugged"),
	{ CLASS_BUS_DEVICE_PLUGGED, "virtio_bus_device_plugged", .after = CLASS_SLOTS,
	  .before = CLASS_BUS_DEVICE_UNPLUGGED, .last = true },
	{ CLASS_BUS_PRE_PLUGGED, "virtio_bus_device_plugged", .after = CLASS_SLOTS,
	  .before = CLASS_BUS_DEVICE_PLUGGED },
	EXPORTED(CLASS_BUS_IOEVENTFD_ENABLED, "virtio_bus_start_ioeventfd"),
	EXPORTED(CLASS_BUS_IOEVENTFD_ASSIGN, "virtio_bus_set_host_notifier"),
	/* virtio_notify_vector() */
	{ CLASS_BUS_NOTIFY, "virtio_notify_config", .callees = true, .after = CLASS_SLOTS,
	  .before = CLASS_BUS_DEVICE_UNPLUGGED },
	EXPORTED(CLASS_BUS_SET_GUEST_NOTIFIERS, "vhost_net_start"),
	EXPORTED(CLASS_BUS_SET_GUEST_NOTIFIERS, "virtio_scsi_dataplane_start"),
	/* virtio_pci_set_guest_notifier() */
	{ CLASS_VIRTIO_GUEST_NOTIFIER_MASK, .type = "virtio-pci-bus",
	  .via = CLASS_BUS_SET_GUEST_NOTIFIERS, .callees = true, .after = CLASS_VIRTIO_SET_STATUS,
	  .before = CLASS_VIRTIO_START_IOEVENTFD },
};

const struct class_rule *class_rule_next(const struct class_rule *r)
{
	r = r ? r + 1 : rules;
	return r < rules + sizeof(rules) / sizeof(rules[0]) ? r : NULL;
}

unsigned class_rule_number(const struct class_rule *r)
{
	_Static_assert(sizeof(rules) / sizeof(rules[0]) <= CLASS_RULES, "too many rules");
	return (unsigned)(r - rules);
}

/*
 * resettable_class_set_parent_phases(rc, enter, hold, exit, &parent) copies the three phases, which
 * are one after the other, and replaces them: it uses nothing else of rc.
 */
static void find_phases(struct class_layout *l, const struct qemu *q)
{
	uint64_t addr = elf_symbol(q->elf, "resettable_class_set_parent_phases");
	int64_t least = INT32_MAX, most = -1;
	struct function *f;

	if (!addr || function_open(&f, q->elf, addr))
		return;
	for (size_t i = 0; i < f->n; i++) {
		const struct insn *in = &f->insn[i];

		if (!f->reached[i] || !in->load_width || in->load.base != VALUE_ARG(0) ||
		    in->load.scale)
			continue;
		least = in->load.off < least ? in->load.off : least;
		most = in->load.off + in->load_width > most ? in->load.off + in->load_width : most;
	}
	function_close(f);
	if (least <= 0 || least % 8 || most - least != 24)
		return;
	l->offset[CLASS_RESET_ENTER] = (uint32_t)least;
	l->offset[CLASS_RESET_HOLD] = (uint32_t)least + 8;
	l->offset[CLASS_RESET_EXIT] = (uint32_t)least + 16;
}

void class_layout_init(struct class_layout *l, const struct qemu *q)
{
	*l = (struct class_layout){ .tried = 0 };
	for (unsigned s = 0; s < CLASS_SLOTS; s++)
		l->offset[s] = CLASS_UNKNOWN;
	find_phases(l, q);
}

void class_layout_bounds(struct class_layout *l, const char *type, uint64_t above, uint64_t size)
{
	for (unsigned k = 0; k < CLASS_KINDS; k++)
		if (!strcmp(kinds[k], type)) {
			l->own[k].from = above;
			l->own[k].to = size;
		}
}

/* --- calls through a class ------------------------------------------------------------ */

/* The words of a class that functions call through, each once. */
struct called {
	const char *type;
	uint64_t cast; /* the function object_class_dynamic_cast_assert */
	bool loaded, inside; /* only calls with such a second argument */
	uint64_t from, to;
	uint32_t offset[CALLS];
	size_t n;
};

static void add(struct called *c, int64_t offset)
{
	if (offset < 0 || (uint64_t)offset < c->from || (uint64_t)offset + 8 > c->to ||
	    offset % 8 || c->n == CALLS)
		return;
	for (size_t i = 0; i < c->n; i++)
		if (c->offset[i] == offset)
			return;
	c->offset[c->n++] = (uint32_t)offset;
}

/* Whether instruction i casts a class to the type, whose name is the second argument. */
static bool is_cast(const struct called *c, const struct function *f, size_t i)
{
	const struct value name = f->in[i][VQP_RSI];
	const char *type;

	if (f->insn[i].kind != INSN_CALL || !c->cast || f->insn[i].target != c->cast ||
	    !f->reached[i] || name.base != VALUE_CONST || name.scale)
		return false;
	type = elf_string(f->elf, (uint64_t)name.off, 63);
	return type && !strcmp(type, c->type);
}

/*
 * Whether the value points into a class that is cast to the type: it is based on the result of
 * the cast; or on what was cast, as a compiler may know that both are the same.
 */
static bool is_class(const struct called *c, const struct function *f, struct value v)
{
	if (v.base < VALUE_LOAD || v.scale)
		return false;
	if (is_cast(c, f, (size_t)(v.base - VALUE_LOAD)))
		return true;
	for (size_t i = 0; i < f->n; i++) {
		struct value cast = f->in[i][VQP_RDI];

		if (cast.base == v.base && !cast.scale && !cast.off && is_cast(c, f, i))
			return true;
	}
	return false;
}

/* Whether the second argument of a call is what it must be. */
static bool is_meant(const struct called *c, const struct function *f, struct value v)
{
	const struct insn *from = v.base >= VALUE_LOAD ? &f->insn[v.base - VALUE_LOAD] : NULL;

	if (c->inside)
		return v.base == VALUE_ARG(0) && !v.scale && v.off;
	if (c->loaded)
		return from && !v.scale && !v.off && from->load_width == 8 &&
		       from->load.base == VALUE_ARG(0);
	return true;
}

static void look(struct called *c, const struct function *f)
{
	for (size_t i = 0; i < f->n; i++) {
		struct value v = function_through(f, i);

		if (is_class(c, f, v) && is_meant(c, f, f->in[i][VQP_RSI]))
			add(c, v.off);
	}
}

static void look_callees(struct called *c, const struct function *f)
{
	uint64_t seen[CALLEES];
	size_t n = 0;

	for (size_t i = 0; i < f->n && n < CALLEES; i++) {
		const struct insn *in = &f->insn[i];
		struct function *callee;
		size_t k = 0;

		if ((in->kind != INSN_CALL && in->kind != INSN_JMP) ||
		    (in->target >= f->start && in->target < f->end))
			continue;
		while (k < n && seen[k] != in->target)
			k++;
		if (k < n)
			continue;
		seen[n++] = in->target;
		if (function_open_stack(&callee, f->elf, in->target))
			continue;
		look(c, callee);
		function_close(callee);
	}
}

/* --- applying a rule -------------------------------------------------------------------- */

static bool known(const struct class_layout *l, enum class_slot slot)
{
	return slot == CLASS_SLOTS || l->offset[slot] != CLASS_UNKNOWN;
}

/* The one that the rule means of those that were found; CLASS_UNKNOWN: that is not certain. */
static uint32_t choose(const struct class_layout *l, const struct class_rule *r,
		       const struct called *c)
{
	uint32_t found = CLASS_UNKNOWN;
	size_t possible = 0;

	for (size_t i = 0; i < c->n; i++) {
		uint32_t o = c->offset[i];

		if ((r->after != CLASS_SLOTS && o <= l->offset[r->after]) ||
		    (r->before != CLASS_SLOTS && o >= l->offset[r->before]))
			continue;
		possible++;
		if (found == CLASS_UNKNOWN || (r->last && o > found))
			found = o;
	}
	return possible == 1 || r->last ? found : CLASS_UNKNOWN;
}

static void look_called(struct class_layout *l, const struct qemu *q, const struct class_rule *r,
			uint64_t address)
{
	unsigned kind = slots[r->slot].kind;
	struct called c = {
		.type = kinds[kind],
		.cast = elf_symbol(q->elf, "object_class_dynamic_cast_assert"),
		.loaded = r->loaded,
		.inside = r->inside,
		.from = l->own[kind].from,
		.to = l->own[kind].to,
	};
	struct function *f;

	if (function_open_stack(&f, q->elf, address))
		return;
	look(&c, f);
	if (r->callees)
		look_callees(&c, f);
	function_close(f);
	l->offset[r->slot] = choose(l, r, &c);
}

void class_layout_apply(struct class_layout *l, const struct qemu *q, const struct class_rule *r,
			uint64_t address)
{
	uint64_t bit = 1ULL << class_rule_number(r);
	unsigned kind = slots[r->slot].kind;
	int64_t offset;

	if (l->tried & bit || known(l, r->slot) || !l->own[kind].to || !known(l, r->after) ||
	    !known(l, r->before) || (r->type && !address))
		return;
	if (r->symbol)
		address = elf_symbol(q->elf, r->symbol);
	l->tried |= bit;
	if (!address)
		return;
	if (!r->argument) {
		look_called(l, q, r, address);
		return;
	}
	offset = layout_first_load(q, r->symbol, VALUE_ARG(0), 8, -1);
	if (offset >= (int64_t)l->own[kind].from && (uint64_t)offset + 8 <= l->own[kind].to)
		l->offset[r->slot] = (uint32_t)offset;
}
