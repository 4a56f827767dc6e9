/* SPDX-License-Identifier: MIT */
/* What the checker remembers of configuration space: the device's and that of PCI. */
#include "decoder/check/impl.h"

/* --- device configuration --------------------------------------------------- */

static uint32_t config_offset(const struct rule_context *ctx)
{
	return spec_field_offset(reg(ctx)->region, reg(ctx)->offset, ctx->dev->msix);
}

/* Word of the read that last covered the byte. */
void check_config_read(struct rule_context *ctx)
{
	uint32_t at = config_offset(ctx);
	struct cdev *d = ctx->d;

	d->n_config_read = ctx->number;
	d->config_width = reg(ctx)->width;
	if (!at && ctx->dev->virtio_id == VIRTIO_ID_BLOCK) {
		d->capacity_read.number = 0;
		d->capacity_reads++;
	}
	for (unsigned i = 0; i < reg(ctx)->width && i < 8 && at + i < CHECK_CONFIG; i++) {
		uint8_t byte = (uint8_t)(reg(ctx)->value >> (8 * i));

		bool other = bit_set(d->config_known, at + i) && d->config[at + i] != byte;

		if (other && d->suspend == SUSPEND_DONE &&
		    d->n_config[(at + i) / 4] > d->n_suspended)
			d->susp_change = (struct obligation){ ctx->number, ctx->now, 0, 0 };
		if (other && !d->diff.n_new) {
			d->diff.n_old = d->n_config[(at + i) / 4];
			d->diff.n_new = ctx->number;
			d->diff.offset = at;
			d->diff.width = reg(ctx)->width;
			d->diff.old_width = d->width[(at + i) / 4];
			d->diff.across_features_ok = d->n_features_ok > d->diff.n_old;
			d->diff.generation = d->generation;
			d->diff.generation_known =
				d->n_generation_same && d->n_generation_same < d->diff.n_old;
		}
		d->config[at + i] = byte;
		d->config_known[(at + i) / 8] |= (uint8_t)(1 << (at + i) % 8);
	}
	for (uint32_t w = at / 4; w <= (at + reg(ctx)->width - 1) / 4 && w < CHECK_CONFIG / 4;
	     w++) {
		d->n_config[w] = ctx->number;
		d->width[w] = reg(ctx)->width;
	}
	/* A field of more than 32 bits, in parts: 2.5.1 */
	if (ctx->e->field && ctx->e->field->width == 8 && reg(ctx)->width < 8)
		d->torn = (struct obligation){ ctx->number, ctx->now, at & ~7U,
					       (uint32_t)(d->n_generation != 0) };
}

/* What the driver writes may change anything; only what the device changes is of interest. */
void check_config_written(struct rule_context *ctx)
{
	uint32_t at = config_offset(ctx);
	struct cdev *d = ctx->d;

	if (d->suspend == SUSPEND_DONE && at < CHECK_CONFIG && bit_set(d->config_known, at) &&
	    d->config[at] != (uint8_t)reg(ctx)->value)
		d->susp_write = (struct obligation){ ctx->number, ctx->now, at,
						     (uint8_t)reg(ctx)->value |
							     (uint32_t)d->config[at] << 8 };
	d->early.number = 0;
	if (reg(ctx)->region == VQT_REGION_LEGACY && at == 32 && reg(ctx)->width == 1 &&
	    !d->n_offer && !d->n_feature_write && ctx->dev->virtio_id == VIRTIO_ID_BLOCK)
		d->early =
			(struct obligation){ ctx->number, ctx->now, (uint8_t)reg(ctx)->value, 0 };
	memset(ctx->d->config_known, 0, sizeof(ctx->d->config_known));
	ctx->d->diff.n_new = 0;
}

void check_generation_read(struct rule_context *ctx)
{
	struct cdev *d = ctx->d;

	if (d->nochange.number) {
		if (d->n_generation && d->generation == (uint8_t)reg(ctx)->value)
			d->nochange_generation = true;
		else
			d->nochange.number = 0;
	}
	d->diff.n_new = 0;
	d->torn.number = 0;
	if (!d->n_generation || d->generation != (uint8_t)reg(ctx)->value)
		d->n_generation_same = ctx->number;
	d->n_generation = ctx->number;
	d->generation = (uint8_t)reg(ctx)->value;
}

/* --- PCI -------------------------------------------------------------------- */

static void bar_access(struct rule_context *ctx)
{
	unsigned bar = (reg(ctx)->offset - PCI_BASE_ADDRESS_0) / 4;
	uint32_t v = (uint32_t)reg(ctx)->value, size;

	if (is_write(ctx)) {
		ctx->d->bar_sizing =
			(uint8_t)((ctx->d->bar_sizing & ~(1 << bar)) | (v >= 0xfffffff0U) << bar);
		return;
	}
	if (!(ctx->d->bar_sizing >> bar & 1))
		return;
	ctx->d->bar_sizing &= (uint8_t) ~(1 << bar);
	size = v & 1 ? v & ~3U : v & ~15U;
	ctx->d->bar_size[bar] = v & 1 ? (~size & 0xffff) + 1 : ~size + 1;
}

void check_pci_access(struct rule_context *ctx)
{
	unsigned at = ctx->e->pci_cap;

	if (at && ctx->dev->pci[at & 0xfff] == PCI_CAP_ID_MSIX && reg(ctx)->offset <= at + 3 &&
	    reg(ctx)->offset + reg(ctx)->width >= at + 4)
		ctx->d->msix_sure = true;
	/* A write cannot change the size, but the model takes it for the register. */
	if (at && !is_write(ctx) && ctx->dev->pci[at & 0xfff] == PCI_CAP_ID_MSIX &&
	    reg(ctx)->offset <= at + 2 && reg(ctx)->offset + reg(ctx)->width >= at + 4)
		ctx->d->msix_table = (get_le16(ctx->dev->pci + at + 2) & PCI_MSIX_FLAGS_QSIZE) + 1;
	if (reg(ctx)->offset >= PCI_BASE_ADDRESS_0 && reg(ctx)->offset <= PCI_BASE_ADDRESS_5 &&
	    reg(ctx)->width == 4 && !(reg(ctx)->offset & 3))
		bar_access(ctx);
	if (at && at < 256 && !is_write(ctx) && ctx->dev->pci[at] == PCI_CAP_ID_VNDR &&
	    ctx->dev->pci[at + 3] == 9 && reg(ctx)->offset < at + 6 &&
	    reg(ctx)->offset + reg(ctx)->width > at + 4)
		ctx->d->vendor_read |= 1ULL << at / 4;
	ctx->d->window.number = 0;
	if (is_write(ctx) && field_is(ctx, "pci_cfg_data") && at && at < 240)
		ctx->d->window =
			(struct obligation){ ctx->number, ctx->now, (uint32_t)reg(ctx)->value,
					     get_le32(ctx->dev->pci + at + 8) };
}

void check_via_cfg(struct rule_context *ctx)
{
	ctx->d->n_via = ctx->number;
	ctx->d->via_value = reg(ctx)->value;
	ctx->d->via_offset = reg(ctx)->offset;
	ctx->d->via_region = reg(ctx)->region;
	ctx->d->via_failed = reg(ctx)->flags & VQT_REG_FAILED;
}
