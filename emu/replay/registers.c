/* SPDX-License-Identifier: MIT */
/*
 * Registers: writes are done, reads are done and compared.  The rows below say
 * which bits of which registers may differ though both devices are right.
 */
#include <errno.h>
#include <stdio.h>

#include "decoder/class/class.h"
#include "decoder/spec/constants.h"
#include "emu/replay/impl.h"

enum vary {
	VARY_GENERATION, /* any value, which changes with the configuration: 4.1.4.3.1 */
	VARY_ISR, /* set whenever the device notifies, 4.1.4.5 */
	VARY_PENDING, /* likewise, PCI 6.8.2 */
	VARY_RESETTING, /* a reset may take its time, 2.4.1 */
	VARY_QUEUE, /* so may the reset of a queue, 2.6.1.2 */
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
	{ VQT_REGION_LEGACY, 1, VIRTIO_PCI_STATUS, 0xff, VARY_RESETTING },
	{ VQT_REGION_LEGACY, 1, VIRTIO_PCI_ISR, VIRTIO_PCI_ISR_QUEUE, VARY_ISR },
	{ VQT_REGION_ISR, 1, 0, VIRTIO_PCI_ISR_QUEUE, VARY_ISR },
	{ VQT_REGION_PCI, 2, PCI_STATUS, PCI_STATUS_INTERRUPT, VARY_ISR },
};

static const char *const reasons[] = {
	[VARY_GENERATION] = "config_generation, whose value is free",
	[VARY_ISR] = "the ISR status, whose timing may differ",
	[VARY_PENDING] = "pending MSI-X vectors, whose timing may differ",
	[VARY_RESETTING] = "device_status while the recorded device was resetting",
	[VARY_QUEUE] = "queue_reset while the recorded device was resetting the queue",
};

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
		if (!may_vary(i, w, r->value >> shift & 0xff))
			continue;
		mask |= w->mask << shift;
		*why = reasons[w->how];
	}
	return mask;
}

/* Registers whose value depends on events before the trace. */
static bool blind_to(const struct replay_instance *i, const struct event *e)
{
	const unsigned region = e->rec->reg.region;
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
	replay_differs(i, e, &f, name, recorded, replayed);
}

static void compare(struct replay_instance *i, const struct event *e, uint64_t mine)
{
	const struct vqt_reg *reg = &e->rec->reg;
	const char *why = NULL;
	uint64_t all = reg->width < 8 ? (1ull << 8 * reg->width) - 1 : ~0ull;
	uint64_t wrong = (reg->value ^ mine) & all, vary = wrong ? varying(i, reg, &why) : 0;
	if (wrong & vary && !(wrong & ~vary)) {
		replay_skipped(i, why);
		return;
	}
	if (wrong && unsure_of(i, reg)) {
		replay_skipped(i, i->doubt ? REPLAY_DOUBT
					   : "registers set before the trace began, or while "
					     "records were lost");
		return;
	}
	replay_compared(&i->n.registers, !wrong);
	if (wrong)
		differ(i, e, mine);
}

/*
 * The value is free, but it must not change while the configuration does not.  So the
 * step since the last read is compared; after a configuration change, whether there was
 * a step where the configuration that the driver reads differs: 4.1.4.3.1.
 */
static void compare_generation(struct replay_instance *i, const struct event *e, uint64_t mine)
{
	uint8_t recorded = e->rec->reg.value, moved = recorded - i->generation[RECORDED];
	bool known = i->generation_known;
	uint8_t was = i->generation[REPLAYED];
	i->generation[RECORDED] = recorded;
	i->generation[REPLAYED] = mine;
	i->generation_known = true;
	bool stuck = i->config_differs && !moved && mine != was;
	bool free = i->config_moved && !stuck;
	i->config_moved = i->config_differs = false;
	if (!known || free) {
		replay_skipped(i, reasons[VARY_GENERATION]);
		return;
	}
	i->generation_steady = true;
	/* as if both values had been equal at the last read */
	compare(i, e, (uint8_t)(recorded - moved + (uint8_t)(mine - was)));
	i->generation_steady = false;
}

static int play_read(struct replay_instance *i, const struct event *e)
{
	const struct vqt_reg *reg = &e->rec->reg;
	uint64_t mine = 0;
	int ret = replay_read(i, reg->region, reg->offset, reg->width, &mine);
	if (ret == -ENXIO) {
		replay_skipped(i, "registers that the replayed device does not have");
		return 0;
	}
	if (ret < 0)
		return ret;
	if (blind_to(i, e))
		replay_skipped(i, "registers set before the trace began");
	else if (is_to(e, SPEC_REG_CONFIG_GENERATION) && reg->width == 1)
		compare_generation(i, e, mine);
	else
		compare(i, e, mine);
	if (is_reset(e))
		i->status_reset = false;
	ret = replay_settle(i, e);
	if (is_to(e, SPEC_REG_ISR))
		i->used_since_isr = false;
	return ret;
}

/* --- writes --------------------------------------------------------------------------------- */

/* Take down, or set up, the rings that the recorded driver does with this write. */
static int follow_queues(struct replay_instance *i, const struct event *e)
{
	int ret = 0;
	for (unsigned n = 0; n < i->d->num_queues && ret == 0; n++) {
		struct replay_queue *q = &i->queue[n];
		const struct model_queue *m = model_queue(e->dev, n);
		bool enabled = m && m->enabled && m->addr_known;
		if (q->up && !enabled)
			replay_queue_gone(q, e);
		else if (!q->up && enabled)
			ret = replay_ring_up(i, e, m);
	}
	return ret;
}

static int play_write(struct replay_instance *i, const struct event *e)
{
	const struct vqt_reg *reg = &e->rec->reg;
	if ((reg->region == VQT_REGION_NOTIFY || is_to(e, SPEC_REG_QUEUE_NOTIFY)) && i->d->kicks)
		return 0; /* the kick record that follows is played instead */
	if (blind_to(i, e) && !is_reset(e)) {
		replay_skipped(i, "what the driver did to a device set up before the trace began");
		return 0;
	}
	int ret = follow_queues(i, e);
	if (ret < 0)
		return ret;
	if (is_to(e, SPEC_REG_QUEUE_RESET))
		i->queue_resetting = true;
	if (is_reset(e)) {
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
		replay_skipped(i, "registers that the replayed device does not have");
		ret = 0;
	}
	return ret < 0 ? ret : replay_settle(i, e);
}

int replay_play_reg(struct replay_instance *i, const struct event *e)
{
	const struct vqt_reg *reg = &e->rec->reg;
	bool width = reg->width == 1 || reg->width == 2 || reg->width == 4 || reg->width == 8;
	/* 4.1.4.9: accesses through the window are replayed as the PCI accesses that cause them */
	if (reg->flags & (VQT_REG_FAILED | VQT_REG_VIA_CFG))
		return 0;
	if (!width || reg->region == VQT_REGION_BAR || reg->region == VQT_REGION_MMIO ||
	    (reg->region == VQT_REGION_PCI && reg->width == 8)) {
		replay_skipped(i, "accesses that reach no register");
		return 0;
	}
	if (reg->op == VQT_WRITE) {
		i->driver_at = e->number;
		return play_write(i, e);
	}
	int ret = play_read(i, e);
	i->driver_at = e->number;
	return ret;
}
