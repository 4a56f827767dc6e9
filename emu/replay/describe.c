/* SPDX-License-Identifier: MIT */
/*
 * From what a trace showed of a device to a device that can be built: features, queues
 * and configuration; describe_pci.c has PCI.
 *
 * A field that the specification fixes, or that something else in the trace decides (how
 * QEMU made the device, what was used, what was agreed on), gets that value whatever was
 * read, so that a wrong answer is a difference even where the driver asked only once.
 * Any other field is as it was read.
 */
#include <string.h>

#include "decoder/spec/constants.h"
#include "decoder/class/class.h"
#include "decoder/util/number.h"
#include "emu/replay/profile_impl.h"

void replay_vote(struct replay_vote *v, uint64_t value)
{
	v->reads++;
	if (!v->any || (!v->count && v->value != value)) {
		v->any = true;
		v->value = value;
		v->count = 1;
	} else if (v->value == value) {
		v->count++;
	} else {
		v->count--;
	}
}

static void fill_bytes(struct replay_finding *f)
{
	const struct replay_vote *config = f->change[0].config;
	struct replay_device *d = &f->d;
	for (unsigned i = 0; i < EMU_PCI_CONFIG; i++) {
		if (!f->pci[i].any)
			continue;
		d->pci[i] = f->pci[i].value;
		replay_set_bit(d->pci_known, i);
		if (f->pci[i].reads == 1 && !replay_from_qemu(f))
			replay_set_bit(d->pci_once, i);
	}
	for (unsigned i = 0; i < REPLAY_CONFIG_MAX; i++) {
		if (!config[i].any)
			continue;
		d->config[i] = config[i].value;
		replay_set_bit(d->config_known, i);
		if (config[i].reads == 1)
			replay_set_bit(d->config_once, i);
		d->config_len = i + 1;
	}
	if (f->config_len > d->config_len)
		d->config_len =
			f->config_len < REPLAY_CONFIG_MAX ? f->config_len : REPLAY_CONFIG_MAX;
}

/* --- features, 2.2 ---------------------------------------------------------------------- */

/* As read; else as learned from the device, which has one set for both interfaces. */
static void fill_features(struct replay_finding *f)
{
	struct replay_device *d = &f->d;
	const struct replay_vote *learned = f->learned_feature;
	for (unsigned i = 0; i < 4; i++) {
		uint32_t word = f->feature[i].any ? f->feature[i].value
				: i		  ? learned[i].value
				    : learned[i].value & ~class_legacy_features(d->virtio_id);
		if (!f->feature[i].any && !learned[i].any)
			continue;
		d->offered[i / 2] |= (uint64_t)word << i % 2 * 32;
		d->offered_known |= 1 << i;
		d->offered_once |= (f->feature[i].reads + learned[i].reads == 1) << i;
	}
	d->legacy_once = f->legacy.reads + learned[0].reads == 1;
	d->legacy_known = f->legacy.any || learned[0].any;
	d->legacy_offered = f->legacy.any ? f->legacy.value : learned[0].value;
	/*
	 * Features that were never read at one interface: use those of the other one and
	 * those accepted.
	 */
	if (!(d->offered_known & 1))
		d->offered[0] |=
			d->legacy_known ? d->legacy_offered : (uint32_t)d->accepted_ever[0];
	if (!(d->offered_known & 2))
		d->offered[0] |= d->accepted_ever[0] & ~(uint64_t)UINT32_MAX;
	if (!(d->offered_known & 12))
		d->offered[1] |= d->accepted_ever[1];
	if (!d->legacy_known)
		d->legacy_offered = d->offered[0];
}

void replay_must_offer(struct replay_device *d, unsigned bit)
{
	if (d->offered_known >> bit / 32 & 1)
		d->offered[bit / 64] |= 1ull << bit % 64;
}

static void normalise_features(struct replay_finding *f)
{
	struct replay_device *d = &f->d;
	for (unsigned b = 0; b < 128; b++) {
		if (f->agreed[b / 64] >> b % 64 & 1) /* confirmed by FEATURES_OK, so offered */
			replay_must_offer(d, b);
		if (!replay_offers(d, b))
			continue;
		const struct spec_feature *s = class_feature(d->virtio_id, b);
		for (unsigned n = 0; s && n < 128; n++) /* 2.2.2 */
			if ((s->requires[n / 64] | s->offers[n / 64]) >> n % 64 & 1)
				replay_must_offer(d, n);
	}
	if (d->legacy_known)
		d->legacy_offered |= f->agreed_legacy;
}

/* --- queues, 4.1.4.3 and 4.1.4.4 --------------------------------------------------------- */

static void witness(struct replay_vote *v, uint64_t value)
{
	replay_vote(v, value);
	replay_vote(v, value);
}

static void fill_queues(struct replay_finding *f)
{
	struct replay_device *d = &f->d;
	if (f->added) /* a record of creation counts twice as much as a read */
		witness(&f->num_queues, f->added);
	unsigned n = f->num_queues.any ? f->num_queues.value : 0;
	d->num_queues_known = n;
	for (unsigned i = 0; i < REPLAY_QUEUES_MAX; i++) {
		struct replay_queue_finding *q = &f->queue[i];
		/* QEMU's QueueSizeMax is no queue's own size */
		if (q->added && d->transport != VQT_TRANSPORT_MMIO)
			witness(&q->size, q->added);
		if (!f->num_queues.any && (q->size.any && q->size.value) && i >= n)
			n = i + 1;
		d->queue_size[i] = q->size.any ? q->size.value : q->added;
		d->notify_off[i] = q->notify_off.any ? q->notify_off.value : i;
	}
	if (!n)
		n = f->added;
	if (!n)
		n = f->queues_reported;
	if (n < f->queues_seen)
		n = f->queues_seen;
	d->num_queues = n && n <= REPLAY_QUEUES_MAX ? n : n ? REPLAY_QUEUES_MAX : 1;
	for (unsigned i = 0; i < d->num_queues; i++) /* never read: the usual size */
		if (!d->queue_size[i] && !f->queue[i].size.any)
			d->queue_size[i] = 256;
}

/* The size most queues have. */
static uint16_t common_size(const struct replay_device *d)
{
	struct replay_vote v = { 0 };
	for (unsigned i = 0; i < d->num_queues; i++)
		if (number_is_power_of_2(d->queue_size[i]))
			replay_vote(&v, d->queue_size[i]);
	return v.any ? v.value : 256;
}

static void normalise_queues(struct replay_finding *f)
{
	struct replay_device *d = &f->d;
	bool packed = replay_offers(d, VIRTIO_F_RING_PACKED);
	for (unsigned i = 0; i < d->num_queues; i++) {
		if (f->queue[i].added &&
		    d->transport != VQT_TRANSPORT_MMIO) /* its creation was recorded */
			d->queue_size[i] = f->queue[i].added;
		else if (d->queue_size[i] && !packed && !number_is_power_of_2(d->queue_size[i]))
			d->queue_size[i] = common_size(d);
		if (replay_from_qemu(f))
			d->notify_off[i] = i;
	}
}

/* --- device configuration, 2.5 ----------------------------------------------------------- */

void replay_set_config(struct replay_device *d, unsigned at, unsigned len, uint64_t value)
{
	for (unsigned i = 0; i < len; i++)
		if (replay_bit(d->config_known, at + i))
			d->config[at + i] = value >> 8 * i;
}

static void describe_changes(struct replay_finding *f)
{
	uint8_t now[REPLAY_CONFIG_MAX];
	memcpy(now, f->d.config, sizeof(now));
	for (unsigned n = 1; n < f->changes; n++) {
		struct replay_change *c = &f->change[n];
		if (f->class->describe_change)
			f->class->describe_change(f, c, now);
		for (unsigned i = 0; i < REPLAY_CONFIG_MAX; i++) {
			if (c->config[i].reads == 1)
				replay_set_bit(c->differs.once, i);
			if (!c->config[i].any || c->config[i].value == now[i])
				continue;
			now[i] = c->differs.bytes[i] = c->config[i].value;
			replay_set_bit(c->differs.known, i);
			c->differs.any = true;
		}
	}
}

void replay_describe(struct replay_finding *f)
{
	struct replay_device *d = &f->d;
	d->late = f->late || !f->born; /* the beginning of the trace may have been cut off */
	fill_bytes(f);
	fill_features(f);
	normalise_features(f);
	fill_queues(f);
	normalise_queues(f);
	if (f->class->normalise)
		f->class->normalise(f);
	if (d->transport != VQT_TRANSPORT_MMIO)
		replay_describe_pci(f);
	d->mmio_vendor = f->mmio_vendor.value;
	if (f->mmio_version.any) /* else as the registers in use tell */
		d->mmio_version = f->mmio_version.value;
	if (f->class->describe)
		f->class->describe(f);
	describe_changes(f);
}
