/* SPDX-License-Identifier: MIT */
/*
 * Registers: writes are done, reads are done and compared.  The rows below say
 * which bits of which registers may differ though both devices are right.
 */
#include <errno.h>
#include <stdio.h>

#include "decoder/class/class.h"
#include "decoder/spec/constants.h"
#include "decoder/util/virtqueue.h"
#include "emu/replay/impl.h"

enum vary {
	VARY_GENERATION, /* any value, which changes with the configuration: 4.1.4.3.1 */
	VARY_ISR, /* set whenever the device notifies, 4.1.4.5 */
	VARY_PENDING, /* likewise, PCI 6.8.2 */
	VARY_RESETTING, /* a reset may take its time, 2.4.1 */
	VARY_QUEUE, /* so may the reset of a queue, 2.6.1.2 */
	VARY_STATUS, /* bits that the driver cleared, or DRIVER_OK without bus mastering */
	VARY_CONFIG, /* a change of the configuration that was not made here */
	VARY_MASTER, /* bus mastering, which QEMU switches on for a legacy driver */
};

static const struct row {
	uint8_t region, width;
	uint16_t offset;
	uint64_t mask; /* bits that may vary */
	enum vary how;
} rows[] = {
	{ VQT_REGION_COMMON, 1, VIRTIO_PCI_COMMON_CFGGENERATION, 0xff, VARY_GENERATION },
	{ VQT_REGION_COMMON, 1, VIRTIO_PCI_COMMON_STATUS, 0xff, VARY_RESETTING },
	{ VQT_REGION_COMMON, 2, VIRTIO_PCI_COMMON_Q_RESET, 0x01, VARY_QUEUE },
	{ VQT_REGION_COMMON, 1, VIRTIO_PCI_COMMON_STATUS, 0xff, VARY_STATUS },
	{ VQT_REGION_LEGACY, 1, VIRTIO_PCI_STATUS, 0xff, VARY_RESETTING },
	{ VQT_REGION_LEGACY, 1, VIRTIO_PCI_STATUS, 0xff, VARY_STATUS },
	{ VQT_REGION_PCI, 1, PCI_COMMAND, PCI_COMMAND_MASTER, VARY_MASTER },
	{ VQT_REGION_MMIO, 4, VIRTIO_MMIO_CONFIG_GENERATION, UINT32_MAX, VARY_GENERATION },
	{ VQT_REGION_MMIO, 4, VIRTIO_MMIO_STATUS, 0xff, VARY_RESETTING },
	{ VQT_REGION_MMIO, 4, VIRTIO_MMIO_STATUS, 0xff, VARY_STATUS },
	{ VQT_REGION_MMIO, 4, VIRTIO_MMIO_QUEUE_RESET, 1, VARY_QUEUE },
	{ VQT_REGION_MMIO, 4, VIRTIO_MMIO_INTERRUPT_STATUS, VIRTIO_MMIO_INT_VRING, VARY_ISR },
	{ VQT_REGION_MMIO, 4, VIRTIO_MMIO_INTERRUPT_STATUS, VIRTIO_MMIO_INT_CONFIG, VARY_CONFIG },
	{ VQT_REGION_LEGACY, 1, VIRTIO_PCI_ISR, VIRTIO_PCI_ISR_QUEUE, VARY_ISR },
	{ VQT_REGION_ISR, 1, 0, VIRTIO_PCI_ISR_QUEUE, VARY_ISR },
	{ VQT_REGION_LEGACY, 1, VIRTIO_PCI_ISR, VIRTIO_PCI_ISR_CONFIG, VARY_CONFIG },
	{ VQT_REGION_ISR, 1, 0, VIRTIO_PCI_ISR_CONFIG, VARY_CONFIG },
	{ VQT_REGION_PCI, 2, PCI_STATUS, PCI_STATUS_INTERRUPT, VARY_ISR },
	{ VQT_REGION_PCI, 2, PCI_STATUS, PCI_STATUS_INTERRUPT, VARY_CONFIG },
};

static const char *const reasons[] = {
	[VARY_GENERATION] = "config_generation, whose value is free",
	[VARY_ISR] = "the ISR status, whose timing may differ",
	[VARY_PENDING] = "pending MSI-X vectors, whose timing may differ",
	[VARY_RESETTING] = "device_status while the recorded device was resetting",
	[VARY_QUEUE] = "queue_reset while the recorded device was resetting the queue",
	[VARY_CONFIG] = "the ISR status after a change that this target cannot make",
	[VARY_MASTER] = "bus mastering, which QEMU switches on for a legacy driver that did not",
};

uint8_t replay_status_free(const struct replay_instance *i, const char **why)
{
	uint8_t cleared = i->status_set & ~i->status_wrote;
	if (i->master_off)
		*why = "DRIVER_OK after bus mastering was switched off";
	if (cleared)
		*why = "bits of device_status that the driver cleared, which it must not (2.1.1)";
	return cleared | (i->master_off ? VIRTIO_CONFIG_S_DRIVER_OK : 0);
}

/* Is the access to this register, on either interface? */
static bool is_to(const struct event *e, enum spec_reg id)
{
	return e->field && e->field->id == id && !e->field_offset;
}

static bool is_reset(const struct event *e)
{
	return is_to(e, SPEC_REG_DEVICE_STATUS) && !(e->rec->reg.value & 0xff);
}

/*
 * What a driver did to PCI and MSI-X registers stays when it resets the device:
 * where not all of it is in the trace, a difference there may be a consequence.
 */
static bool unsure_of(const struct replay_instance *i, const struct vqt_reg *r)
{
	return i->doubt ||
	       (i->unsure && (r->region == VQT_REGION_PCI || r->region == VQT_REGION_MSIX_TABLE));
}

static bool may_vary(const struct replay_instance *i, const struct row *w, uint64_t recorded)
{
	switch (w->how) {
	case VARY_GENERATION: return !i->generation_steady;
	case VARY_ISR: return i->used_since_isr; /* so either value is right */
	case VARY_RESETTING: return i->status_reset && recorded == i->status_was;
	case VARY_QUEUE: return i->queue_resetting;
	case VARY_CONFIG: return i->unmade;
	case VARY_MASTER: return i->master_given;
	default: return true;
	}
}

/* The bits of this access that may vary now, and why. */
static uint64_t varying(const struct replay_instance *i, const struct vqt_reg *r, const char **why)
{
	uint64_t mask = 0;
	if (r->region == VQT_REGION_MSIX_PBA) {
		*why = reasons[VARY_PENDING];
		return ~0ull;
	}
	for (unsigned n = 0; n < sizeof(rows) / sizeof(rows[0]); n++) {
		const struct row *w = &rows[n];
		if (w->region != r->region || w->offset < r->offset ||
		    w->offset + w->width > r->offset + r->width)
			continue;
		unsigned shift = 8 * (w->offset - r->offset);
		uint64_t bits = w->mask;
		if (w->how == VARY_STATUS)
			bits = replay_status_free(i, why);
		else if (!may_vary(i, w, r->value >> shift & 0xff))
			continue;
		else
			*why = reasons[w->how];
		mask |= bits << shift;
	}
	return mask;
}

/* Registers whose value depends on events before the trace. */
static bool blind_to(const struct replay_instance *i, const struct event *e)
{
	const unsigned region = e->rec->reg.region, off = e->rec->reg.offset;
	if (region == VQT_REGION_MMIO && /* 4.2.2: what it is, and its configuration */
	    (off < VIRTIO_MMIO_DEVICE_FEATURES || off >= VIRTIO_MMIO_CONFIG))
		return false;
	return i->blind && region != VQT_REGION_DEVICE && region != VQT_REGION_PCI &&
	       region != VQT_REGION_MSIX_TABLE && !is_to(e, SPEC_REG_NUM_QUEUES);
}

/* A value as text; of a feature word, only the features that `other` lacks. */
static void describe(const struct event *e, uint64_t value, uint64_t other, char *buf, size_t size)
{
	const struct vqt_reg *r = &e->rec->reg;
	char names[64];
	if (e->field && e->field->kind == SPEC_FEATURES && r->width == 4) {
		uint32_t only = value & ~other;
		class_format_features(names, sizeof(names), e->dev->virtio_id, e->select, only);
		snprintf(buf, size, "0x%08x (%s%s)", (uint32_t)value,
			 only ? "only here: " : "nothing more", only ? names : "");
	} else if (e->field) {
		class_format_access(buf, size, e->field, e->dev->virtio_id,
				    e->field->offset + e->field_offset, r->width, value);
	} else {
		snprintf(buf, size, "0x%0*llx", 2 * r->width, (unsigned long long)value);
	}
}

static void subject(const struct event *e, char *buf, size_t size)
{
	const struct vqt_reg *r = &e->rec->reg;
	const char *region = spec_region_name(r->region);
	char field[64];
	if (e->field)
		spec_format_field(field, sizeof(field), e->field,
				  e->field->offset + e->field_offset, r->width);
	else
		snprintf(field, sizeof(field), "0x%x", r->offset);
	if (e->field && e->field->kind == SPEC_FEATURES)
		snprintf(buf, size, "register.%s.%s[%u]", region ? region : "?", field, e->select);
	else
		snprintf(buf, size, "register.%s.%s", region ? region : "?", field);
}

static void differ(struct replay_instance *i, const struct event *e, uint64_t mine)
{
	char name[80], recorded[128], replayed[128];
	struct replay_found f = {
		.clause = e->field ? e->field->section : NULL,
		.queue = e->field && e->field->flags & SPEC_PER_QUEUE ? (uint16_t)e->select
								      : VQT_NO_QUEUE,
	};
	subject(e, name, sizeof(name));
	describe(e, e->rec->reg.value, mine, recorded, sizeof(recorded));
	describe(e, mine, e->rec->reg.value, replayed, sizeof(replayed));
	unsigned before = i->r->differences;
	replay_differs(i, e, &f, name, recorded, replayed);
	/* what the driver accepted and only one of them has decides how rings are used */
	if (e->field && e->field->kind == SPEC_FEATURES && e->select < 4 && !i->lacks_feature &&
	    i->r->differences != before &&
	    (e->rec->reg.value ^ mine) &
		    (uint32_t)(i->d->accepted_ever[e->select / 2] >> e->select % 2 * 32))
		i->lacks_feature = i->r->differences;
}

/* The offset of an access in the device configuration; false: it is elsewhere. */
static bool config_offset(const struct event *e, uint32_t *off)
{
	const struct vqt_reg *r = &e->rec->reg;
	const uint32_t base = r->region == VQT_REGION_LEGACY ? spec_legacy_config_base(e->dev->msix)
			      : r->region == VQT_REGION_MMIO ? VIRTIO_MMIO_CONFIG
							     : 0;
	if ((r->region != VQT_REGION_DEVICE && !base) || r->offset < base)
		return false;
	*off = r->offset - base;
	return true;
}

/* Does this device have the value from this very read? */
static bool only_here(const struct replay_instance *i, const struct event *e)
{
	const struct vqt_reg *r = &e->rec->reg;
	uint32_t off = r->offset;
	bool once = i->ops->from_trace;
	if (is_to(e, SPEC_REG_DEVICE_FEATURES))
		return once && (r->region == VQT_REGION_LEGACY
					? i->d->legacy_once
					: e->select < 4 && i->d->offered_once >> e->select & 1);
	if (r->region != VQT_REGION_PCI && !config_offset(e, &off))
		return false;
	for (unsigned n = 0; n < r->width && once; n++, off++)
		once = r->region == VQT_REGION_PCI
			       ? off < EMU_PCI_CONFIG && replay_bit(i->d->pci_once, off)
			       : off < REPLAY_CONFIG_MAX && replay_bit(i->config_once, off) &&
					 !replay_bit(i->config_wrote, off);
	return once;
}

static void equal(struct replay_instance *i, const struct event *e)
{
	char name[80];
	subject(e, name, sizeof(name));
	replay_cause_over(i, name);
}

static void compare(struct replay_instance *i, const struct event *e, uint64_t mine)
{
	const struct vqt_reg *reg = &e->rec->reg;
	const char *why = NULL;
	uint64_t all = reg->width < 8 ? (1ull << 8 * reg->width) - 1 : ~0ull;
	uint64_t wrong = (reg->value ^ mine) & all, vary = wrong ? varying(i, reg, &why) : 0;
	if (wrong & vary && !(wrong & ~vary)) {
		replay_skipped(i, &i->n.registers, why);
		return;
	}
	if (wrong && unsure_of(i, reg)) {
		replay_skipped(i, &i->n.registers,
			       i->doubt ? REPLAY_DOUBT
					: "registers set before the trace began, or while "
					  "records were lost");
		return;
	}
	if (!wrong && only_here(i, e)) {
		replay_skipped(
			i, &i->n.registers,
			"registers that were read once, so that this device has them from there");
		return;
	}
	replay_compared(&i->n.registers, !wrong);
	if (wrong)
		differ(i, e, mine);
	else if (i->ncauses)
		equal(i, e);
}

/*
 * The value is free, but it must not change while the configuration does not.  So the
 * step since the last read is compared; after a configuration change, whether there was
 * a step where the configuration that the driver reads differs: 4.1.4.3.1.
 */
static void compare_generation(struct replay_instance *i, const struct event *e, uint64_t mine)
{
	const uint32_t mask = e->rec->reg.width == 1 ? UINT8_MAX : UINT32_MAX;
	uint32_t recorded = e->rec->reg.value, was = i->generation[REPLAYED];
	uint32_t moved = (recorded - i->generation[RECORDED]) & mask;
	bool known = i->generation_known;
	i->generation[RECORDED] = recorded;
	i->generation[REPLAYED] = mine;
	i->generation_known = true;
	bool stuck = i->config_differs && !moved && mine != was;
	bool free = i->config_moved && !stuck;
	i->config_moved = i->config_differs = false;
	if (!known || free) {
		replay_skipped(i, &i->n.registers, reasons[VARY_GENERATION]);
		return;
	}
	i->generation_steady = true;
	/* as if both values had been equal at the last read */
	compare(i, e, (recorded - moved + ((uint32_t)mine - was)) & mask);
	i->generation_steady = false;
}

/* Is a bit of these set for a byte of the access? */
static bool touches(const uint8_t set[REPLAY_CONFIG_MAX / 8], uint32_t off, unsigned width)
{
	for (unsigned n = 0; n < width && off < REPLAY_CONFIG_MAX - n; n++)
		if (replay_bit(set, off + n))
			return true;
	return false;
}

/*
 * Why the device configuration has no value here that could be compared, NULL: it has.  What
 * a driver's write does to it is known only to a device of that type.
 */
static const char *config_unknown(const struct replay_instance *i, const struct event *e)
{
	const unsigned width = e->rec->reg.width,
		       selectors = e->dev->class ? e->dev->class->selectors : 0;
	uint32_t off;
	if (i->msix_unknown && e->rec->reg.region == VQT_REGION_LEGACY &&
	    e->rec->reg.offset >= spec_legacy_config_base(false))
		return "legacy configuration whose place MSI-X decides, which is not known";
	if (!config_offset(e, &off))
		return NULL;
	if (touches(i->config_unmade, off, width))
		return "configuration that changed in a way which this target cannot make";
	if (i->scripted && selectors && off + width > selectors)
		return "configuration that the driver selects, of a device that vqtrace does not "
		       "emulate";
	if (i->scripted && touches(i->config_wrote, off, width))
		return "configuration that the driver wrote, of a device that vqtrace does not "
		       "emulate";
	return NULL;
}

static int play_read(struct replay_instance *i, const struct event *e)
{
	const struct vqt_reg *reg = &e->rec->reg;
	uint64_t mine = 0;
	int ret = replay_read(i, reg->region, reg->offset, reg->width, &mine);
	if (ret == -ENXIO) {
		replay_skipped(i, &i->n.registers,
			       "registers that the replayed device does not have");
		return 0;
	}
	if (ret < 0)
		return ret;
	const char *why = config_unknown(i, e);
	if (why)
		replay_skipped(i, &i->n.registers, why);
	else if (is_to(e, SPEC_REG_ISR) && e->dev->by_driver)
		replay_skipped(i, &i->n.registers,
			       "the ISR status, when only the driver's handler was recorded");
	else if (blind_to(i, e))
		replay_skipped(i, &i->n.registers, "registers set before the trace began");
	else if (is_to(e, SPEC_REG_CONFIG_GENERATION) && reg->width == e->field->width)
		compare_generation(i, e, mine);
	else
		compare(i, e, mine);
	if (is_reset(e))
		i->status_reset = false;
	ret = replay_settle(i, e);
	if (is_to(e, SPEC_REG_ISR))
		i->used_since_isr = i->unmade = false;
	return ret;
}

/* --- writes --------------------------------------------------------------------------------- */

/*
 * Where a driver of virtio-mmio version 1 put a queue without saying how large pages are, or
 * how the used ring is aligned: as our device, and QEMU's, takes it.
 */
static bool placed(const struct event *e, struct model_queue *q)
{
	const uint32_t page = e->dev->guest_page_size ? e->dev->guest_page_size : 1;
	const uint32_t align = q->align ? q->align : VIRTIO_PCI_VRING_ALIGN;
	if (e->rec->reg.region != VQT_REGION_MMIO || !is_to(e, SPEC_REG_QUEUE_PFN) ||
	    !e->rec->reg.value || !q->size_known || page & (page - 1) || align & (align - 1))
		return false;
	q->desc = e->rec->reg.value * page;
	q->driver = virtq_legacy_driver(q->desc, q->size);
	q->device = virtq_legacy_device(q->desc, q->size, align);
	q->addr_known = true;
	return true;
}

/* Take down, or set up, the rings that the recorded driver does with this write. */
static int follow_queues(struct replay_instance *i, const struct event *e)
{
	int ret = 0;
	for (unsigned n = 0; n < i->d->num_queues && ret == 0; n++) {
		struct replay_queue *q = &i->queue[n];
		const struct model_queue *m = model_queue(e->dev, n);
		struct model_queue at = m ? *m : (struct model_queue){ 0 };
		if (q->up && !at.enabled)
			replay_queue_gone(q, e);
		else if (!q->up && at.enabled &&
			 (at.addr_known || (e->select == n && placed(e, &at))))
			ret = replay_ring_up(i, e, &at);
	}
	return ret;
}

/* Which writes reset the device, in QEMU at least. */
static enum replay_cause cause_of(const struct event *e)
{
	const struct vqt_reg *r = &e->rec->reg;
	const uint8_t cap = e->pci_cap ? e->dev->pci[e->pci_cap] : 0;
	if (is_reset(e))
		return REPLAY_RESET_STATUS;
	if (is_to(e, SPEC_REG_QUEUE_PFN) && !r->value)
		return REPLAY_RESET_QUEUE;
	if (r->region == VQT_REGION_PCI && (cap == PCI_CAP_ID_EXP || cap == PCI_CAP_ID_PM))
		return REPLAY_RESET_FUNCTION;
	return REPLAY_NO_RESET;
}

/* device_status and the command register as the driver leaves them: see replay_status_free(). */
static void follow_function(struct replay_instance *i, const struct event *e)
{
	const struct vqt_reg *r = &e->rec->reg;
	const bool master = e->dev->pci[PCI_COMMAND] & PCI_COMMAND_MASTER;
	i->resets = cause_of(e);
	i->msix_unknown |= i->unsure && r->region == VQT_REGION_PCI &&
			   r->offset >= PCI_STD_HEADER_SIZEOF && !e->pci_cap;
	i->resets_tid = e->rec->h.tid;
	if (r->region == VQT_REGION_PCI && r->offset <= PCI_COMMAND &&
	    r->offset + r->width > PCI_COMMAND) {
		i->master_off |= !master;
		i->master_given = false;
	}
	if (!is_to(e, SPEC_REG_DEVICE_STATUS))
		return;
	i->master_off = false;
	i->status_wrote = r->value;
	i->status_set = is_reset(e) ? 0 : i->status_set | i->status_wrote;
	if (r->region == VQT_REGION_LEGACY && r->value & VIRTIO_CONFIG_S_DRIVER_OK)
		i->master_given = !master;
}

static void follow_config(struct replay_instance *i, const struct event *e)
{
	uint32_t off;
	for (unsigned n = 0; config_offset(e, &off) && n < e->rec->reg.width; n++)
		if (off < REPLAY_CONFIG_MAX - n)
			replay_set_bit(i->config_wrote, off + n);
}

static int play_write(struct replay_instance *i, const struct event *e)
{
	const struct vqt_reg *reg = &e->rec->reg;
	if ((reg->region == VQT_REGION_NOTIFY || is_to(e, SPEC_REG_QUEUE_NOTIFY)) && i->d->kicks)
		return 0; /* the kick record that follows is played instead */
	/* a reset does not change GuestPageSize */
	if (blind_to(i, e) && !is_reset(e) && !is_to(e, SPEC_REG_GUEST_PAGE_SIZE)) {
		replay_skipped(i, NULL,
			       "what the driver did to a device set up before the trace began");
		return 0;
	}
	int ret = follow_queues(i, e);
	if (ret < 0)
		return ret;
	follow_function(i, e);
	follow_config(i, e);
	if (is_to(e, SPEC_REG_QUEUE_RESET))
		i->queue_resetting = true;
	if (is_reset(e)) {
		i->broken = 0;
		i->blind = i->doubt = i->gap = i->queue_resetting = false;
		i->status_reset = true;
		i->status_was = e->status_before;
		i->used_since_isr = false;
	} else if (is_to(e, SPEC_REG_DEVICE_STATUS)) {
		i->status_reset = false;
	}
	if (is_to(e, SPEC_REG_MSIX_CONTROL))
		i->msix_assumed = false; /* the model knows from now on */
	ret = replay_write(i, reg->region, reg->offset, reg->width, reg->value);
	if (ret == -ENXIO) {
		replay_skipped(i, NULL, "registers that the replayed device does not have");
		ret = 0;
	}
	return ret < 0 ? ret : replay_settle(i, e);
}

/*
 * What a kernel's driver wrote into PCI configuration space is not recorded, but what it did then
 * shows it: vectors in use, or where it looks for the configuration of a legacy device.
 */
static int follow_msix(struct replay_instance *i, const struct event *e)
{
	bool off = e->rec->reg.region == VQT_REGION_LEGACY &&
		   e->rec->reg.offset >= spec_legacy_config_base(false);
	if (!e->dev->by_driver || e->dev->msix == i->msix_assumed || (!e->dev->msix && !off))
		return 0;
	return replay_msix_assume(i, e->dev->msix);
}

int replay_play_reg(struct replay_instance *i, const struct event *e)
{
	const struct vqt_reg *reg = &e->rec->reg;
	i->touched = true;
	if (is_to(e, SPEC_REG_DEVICE_STATUS))
		i->recorded_status = -1;
	bool width = reg->width == 1 || reg->width == 2 || reg->width == 4 || reg->width == 8;
	/* 4.1.4.9: accesses through the window are replayed as the PCI accesses that cause them */
	if (reg->flags & (VQT_REG_FAILED | VQT_REG_VIA_CFG))
		return 0;
	if (!width || reg->region == VQT_REGION_BAR ||
	    (reg->region == VQT_REGION_MMIO) != (i->d->transport == VQT_TRANSPORT_MMIO) ||
	    (reg->region == VQT_REGION_PCI && reg->width == 8)) {
		replay_skipped(i, NULL, "accesses that reach no register");
		return 0;
	}
	int ret = follow_msix(i, e);
	if (ret < 0)
		return ret;
	if (reg->op == VQT_WRITE) {
		i->driver_at = e->number;
		return play_write(i, e);
	}
	i->resets = REPLAY_NO_RESET;
	ret = play_read(i, e);
	i->driver_at = e->number;
	return ret;
}
