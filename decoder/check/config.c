/* SPDX-License-Identifier: MIT */
/* What the checker remembers of configuration space: the device's and that of PCI. */
#include "decoder/check/impl.h"

/* --- device configuration --------------------------------------------------- */

static uint32_t config_offset(const struct look *l)
{
	return spec_field_offset(reg(l)->region, reg(l)->offset, l->dev->msix);
}

/* Word of the read that last covered the byte. */
void check_config_read(struct look *l)
{
	uint32_t at = config_offset(l);
	struct cdev *d = l->d;

	d->n_config_read = l->number;
	d->config_width = reg(l)->width;
	if (!at && l->dev->virtio_id == VIRTIO_ID_BLOCK) {
		d->capacity_read.number = 0;
		d->capacity_reads++;
	}
	for (unsigned i = 0; i < reg(l)->width && i < 8 && at + i < CHECK_CONFIG; i++) {
		uint8_t byte = (uint8_t)(reg(l)->value >> (8 * i));

		bool other = bit_set(d->config_known, at + i) && d->config[at + i] != byte;

		if (other && d->suspend == SUSPEND_DONE &&
		    d->n_config[(at + i) / 4] > d->n_suspended)
			d->susp_change = (struct owed){ l->number, l->now, 0, 0 };
		if (other && !d->diff.n_new) {
			d->diff.n_old = d->n_config[(at + i) / 4];
			d->diff.n_new = l->number;
			d->diff.offset = at;
			d->diff.width = reg(l)->width;
			d->diff.old_width = d->width[(at + i) / 4];
			d->diff.across_features_ok = d->n_features_ok > d->diff.n_old;
			d->diff.generation = d->generation;
			d->diff.generation_known =
				d->n_generation_same && d->n_generation_same < d->diff.n_old;
		}
		d->config[at + i] = byte;
		d->config_known[(at + i) / 8] |= (uint8_t)(1 << (at + i) % 8);
	}
	for (uint32_t w = at / 4; w <= (at + reg(l)->width - 1) / 4 && w < CHECK_CONFIG / 4; w++) {
		d->n_config[w] = l->number;
		d->width[w] = reg(l)->width;
	}
	/* A field of more than 32 bits, in parts: 2.5.1 */
	if (l->e->field && l->e->field->width == 8 && reg(l)->width < 8)
		d->torn = (struct owed){ l->number, l->now, at & ~7U,
					 (uint32_t)(d->n_generation != 0) };
}

/* What the driver writes may change anything; only what the device changes is of interest. */
void check_config_written(struct look *l)
{
	uint32_t at = config_offset(l);
	struct cdev *d = l->d;

	if (d->suspend == SUSPEND_DONE && at < CHECK_CONFIG && bit_set(d->config_known, at) &&
	    d->config[at] != (uint8_t)reg(l)->value)
		d->susp_write =
			(struct owed){ l->number, l->now, at,
				       (uint8_t)reg(l)->value | (uint32_t)d->config[at] << 8 };
	d->early.number = 0;
	if (reg(l)->region == VQT_REGION_LEGACY && at == 32 && reg(l)->width == 1 && !d->n_offer &&
	    !d->n_feature_write && l->dev->virtio_id == VIRTIO_ID_BLOCK)
		d->early = (struct owed){ l->number, l->now, (uint8_t)reg(l)->value, 0 };
	memset(l->d->config_known, 0, sizeof(l->d->config_known));
	l->d->diff.n_new = 0;
}

void check_generation_read(struct look *l)
{
	struct cdev *d = l->d;

	if (d->nochange.number) {
		if (d->n_generation && d->generation == (uint8_t)reg(l)->value)
			d->nochange_generation = true;
		else
			d->nochange.number = 0;
	}
	d->diff.n_new = 0;
	d->torn.number = 0;
	if (!d->n_generation || d->generation != (uint8_t)reg(l)->value)
		d->n_generation_same = l->number;
	d->n_generation = l->number;
	d->generation = (uint8_t)reg(l)->value;
}

/* --- PCI -------------------------------------------------------------------- */

static void bar_access(struct look *l)
{
	unsigned bar = (reg(l)->offset - PCI_BASE_ADDRESS_0) / 4;
	uint32_t v = (uint32_t)reg(l)->value, size;

	if (is_write(l)) {
		l->d->bar_sizing =
			(uint8_t)((l->d->bar_sizing & ~(1 << bar)) | (v >= 0xfffffff0U) << bar);
		return;
	}
	if (!(l->d->bar_sizing >> bar & 1))
		return;
	l->d->bar_sizing &= (uint8_t) ~(1 << bar);
	size = v & 1 ? v & ~3U : v & ~15U;
	l->d->bar_size[bar] = v & 1 ? (~size & 0xffff) + 1 : ~size + 1;
}

void check_pci_access(struct look *l)
{
	unsigned at = l->e->pci_cap;

	if (at && l->dev->pci[at & 0xfff] == PCI_CAP_ID_MSIX && reg(l)->offset <= at + 3 &&
	    reg(l)->offset + reg(l)->width >= at + 4)
		l->d->msix_sure = true;
	/* A write cannot change the size, but the model takes it for the register. */
	if (at && !is_write(l) && l->dev->pci[at & 0xfff] == PCI_CAP_ID_MSIX &&
	    reg(l)->offset <= at + 2 && reg(l)->offset + reg(l)->width >= at + 4)
		l->d->msix_table = (get_le16(l->dev->pci + at + 2) & PCI_MSIX_FLAGS_QSIZE) + 1;
	if (reg(l)->offset >= PCI_BASE_ADDRESS_0 && reg(l)->offset <= PCI_BASE_ADDRESS_5 &&
	    reg(l)->width == 4 && !(reg(l)->offset & 3))
		bar_access(l);
	if (at && at < 256 && !is_write(l) && l->dev->pci[at] == PCI_CAP_ID_VNDR &&
	    l->dev->pci[at + 3] == 9 && reg(l)->offset < at + 6 &&
	    reg(l)->offset + reg(l)->width > at + 4)
		l->d->vendor_read |= 1ULL << at / 4;
	l->d->window.number = 0;
	if (is_write(l) && field_is(l, "pci_cfg_data") && at && at < 240)
		l->d->window = (struct owed){ l->number, l->now, (uint32_t)reg(l)->value,
					      get_le32(l->dev->pci + at + 8) };
}

void check_via_cfg(struct look *l)
{
	l->d->n_via = l->number;
	l->d->via_value = reg(l)->value;
	l->d->via_offset = reg(l)->offset;
	l->d->via_region = reg(l)->region;
	l->d->via_failed = reg(l)->flags & VQT_REG_FAILED;
}
