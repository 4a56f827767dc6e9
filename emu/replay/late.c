/* SPDX-License-Identifier: MIT */
/*
 * A trace that began late: do what the driver must have done before, as far as the
 * records of the state at its beginning say (device_state, queue_state): 3.1.1.
 */
#include <errno.h>

#include "decoder/spec/constants.h"
#include "emu/replay/impl.h"

static int common(struct replay_instance *i, uint32_t off, unsigned width, uint64_t value)
{
	int ret = replay_write(i, VQT_REGION_COMMON, off, width, value);
	return ret == -ENXIO ? 0 : ret;
}

static int features(struct replay_instance *i, const struct event *e)
{
	int ret = common(i, VIRTIO_PCI_COMMON_STATUS, 1,
			 VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER);
	for (unsigned w = 0; w < 4 && ret == 0; w++) {
		ret = common(i, VIRTIO_PCI_COMMON_GFSELECT, 4, w);
		if (ret == 0)
			ret = common(i, VIRTIO_PCI_COMMON_GF, 4,
				     (uint32_t)(e->dev->accepted[w / 2] >> w % 2 * 32));
	}
	return ret < 0 ? ret
		       : common(i, VIRTIO_PCI_COMMON_STATUS, 1,
				VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER |
					VIRTIO_CONFIG_S_FEATURES_OK);
}

static int queue(struct replay_instance *i, const struct event *e, const struct model_queue *m)
{
	const struct {
		uint8_t off, width;
		uint64_t value;
	} writes[] = {
		{ VIRTIO_PCI_COMMON_Q_SELECT, 2, m->index },
		{ VIRTIO_PCI_COMMON_Q_SIZE, 2, m->size },
		{ VIRTIO_PCI_COMMON_Q_MSIX, 2, m->vector },
		{ VIRTIO_PCI_COMMON_Q_DESCLO, 4, (uint32_t)m->desc },
		{ VIRTIO_PCI_COMMON_Q_DESCHI, 4, m->desc >> 32 },
		{ VIRTIO_PCI_COMMON_Q_AVAILLO, 4, (uint32_t)m->driver },
		{ VIRTIO_PCI_COMMON_Q_AVAILHI, 4, m->driver >> 32 },
		{ VIRTIO_PCI_COMMON_Q_USEDLO, 4, (uint32_t)m->device },
		{ VIRTIO_PCI_COMMON_Q_USEDHI, 4, m->device >> 32 },
		{ VIRTIO_PCI_COMMON_Q_ENABLE, 2, 1 },
	};
	int ret = replay_ring_up(i, e, m);
	/* what was used before the trace may be announced in it */
	i->queue[m->index].side[RECORDED].news = true;
	for (unsigned n = 0; n < sizeof(writes) / sizeof(writes[0]) && ret == 0; n++)
		ret = common(i, writes[n].off, writes[n].width, writes[n].value);
	return ret;
}

/*
 * The vectors' messages, which the driver set up before the trace began: where they go is
 * the platform's, but no vector is masked.
 */
static int unmask(struct replay_instance *i)
{
	static const uint32_t entry[] = { 0xfee00000, 0, 0, 0 }; /* address, data, control */
	int ret = 0;
	for (unsigned n = 0; n < i->d->layout.vectors && ret == 0; n++)
		for (unsigned k = 0; k < 4 && ret == 0; k++)
			ret = replay_write(i, VQT_REGION_MSIX_TABLE,
					   n * PCI_MSIX_ENTRY_SIZE + 4 * k, 4, entry[k]);
	return ret == -ENXIO ? 0 : ret;
}

/* With MSI-X enabled the device interrupts by vectors, and the legacy interface has two of them. */
int replay_msix_assume(struct replay_instance *i, bool on)
{
	uint64_t at = 0, head = 0, flags;
	int ret = replay_read(i, VQT_REGION_PCI, PCI_CAPABILITY_LIST, 1, &at);
	for (unsigned n = 0; ret == 0 && at >= 0x40 && n < 48; n++, at = head >> 8 & 0xff) {
		at &= ~3u;
		ret = replay_read(i, VQT_REGION_PCI, at, 2, &head);
		if (ret < 0 || (head & 0xff) != PCI_CAP_ID_MSIX)
			continue;
		ret = replay_read(i, VQT_REGION_PCI, at + PCI_MSIX_FLAGS, 2, &flags);
		if (ret < 0)
			return ret;
		i->msix_assumed = on;
		ret = on ? unmask(i) : 0;
		flags = on ? flags | PCI_MSIX_FLAGS_ENABLE
			   : flags & ~(uint64_t)PCI_MSIX_FLAGS_ENABLE;
		return ret < 0 ? ret
			       : replay_write(i, VQT_REGION_PCI, at + PCI_MSIX_FLAGS, 2, flags);
	}
	return ret;
}

int replay_late(struct replay_instance *i, const struct event *e)
{
	const struct model_device *d = e->dev;
	int ret = 0;
	i->state_reported = false;
	/* 4.1.4.10: the legacy interface has no register for the ring's positions */
	if (!(d->status & VIRTIO_CONFIG_S_DRIVER_OK) || !replay_has(e, VIRTIO_F_VERSION_1) ||
	    i->d->transport == VQT_TRANSPORT_MMIO)
		return 0;
	i->blind = false;
	i->touched = true;
	if (d->msix)
		ret = replay_msix_assume(i, true);
	if (ret == 0)
		ret = features(i, e);
	for (const struct model_queue *q = d->queues; q && ret == 0; q = q->hh.next)
		if (q->enabled && q->addr_known && q->index < i->d->num_queues)
			ret = queue(i, e, q);
	if (ret == 0)
		ret = common(i, VIRTIO_PCI_COMMON_STATUS, 1, d->status);
	return ret;
}
