/* SPDX-License-Identifier: MIT */
/* What the checker remembers of configuration space: the device's and that of PCI. */
#include "decoder/check/impl.h"

/* The event itself is a read of that byte. */
static bool reads_config(const struct rule_context *ctx, unsigned at)
{
	uint32_t from;

	if (!ctx->e || ctx->e->rec->h.type != VQT_REG || is_write(ctx) ||
	    reg(ctx)->region != VQT_REGION_DEVICE)
		return false;
	from = config_offset(ctx);
	return at >= from && at < from + reg(ctx)->width;
}

bool check_config(const struct rule_context *ctx, unsigned offset, unsigned width, uint64_t *value)
{
	const struct model_device *m = ctx->dev;

	*value = 0;
	if (offset + width > sizeof(m->config))
		return false;
	for (unsigned i = offset; i < offset + width; i++)
		if (!bit_set(m->config_known, i))
			return false;
	/* Once something was missed only what was read since counts. */
	for (unsigned i = offset; ctx->d->known.config_unsure && i < offset + width; i++)
		if (i < CHECK_CONFIG && !bit_set(ctx->d->config.known, i) && !reads_config(ctx, i))
			return false;
	memcpy(value, m->config + offset, width); /* little-endian, as the host */
	return true;
}

bool check_pci(const struct model_device *d, unsigned offset, unsigned width, uint32_t *value)
{
	*value = 0;
	for (unsigned i = 0; i < width; i++) {
		if (offset + i >= sizeof(d->pci) || !bit_set(d->pci_known, offset + i))
			return false;
		*value |= (uint32_t)d->pci[offset + i] << (8 * i);
	}
	return true;
}

/* --- device configuration --------------------------------------------------- */

/* Word of the read that last covered the byte. */
static void config_read(struct rule_context *ctx)
{
	uint32_t at = config_offset(ctx);
	struct check_device *d = ctx->d;

	d->config.n_read = ctx->number;
	d->config.read_width = reg(ctx)->width;
	for (unsigned i = 0; i < reg(ctx)->width && i < 8 && at + i < CHECK_CONFIG; i++) {
		uint8_t byte = (uint8_t)(reg(ctx)->value >> (8 * i));

		bool other = bit_set(d->config.known, at + i) && d->config.bytes[at + i] != byte;

		if (other && d->suspend.state == SUSPEND_DONE &&
		    d->config.n_word[(at + i) / 4] > d->suspend.n_done)
			d->suspend.change = obligation(ctx, 0, 0);
		if (other && !d->config.change.n_new) {
			d->config.change.n_old = d->config.n_word[(at + i) / 4];
			d->config.change.n_new = ctx->number;
			d->config.change.offset = at;
			d->config.change.width = reg(ctx)->width;
			d->config.change.old_width = d->config.width[(at + i) / 4];
			d->config.change.across_features_ok =
				d->status.n_features_ok > d->config.change.n_old;
			d->config.change.generation = d->config.generation;
			d->config.change.generation_known =
				d->config.n_generation_same &&
				d->config.n_generation_same < d->config.change.n_old;
		}
		d->config.bytes[at + i] = byte;
		d->config.known[(at + i) / 8] |= (uint8_t)(1 << (at + i) % 8);
	}
	for (uint32_t w = at / 4; w <= (at + reg(ctx)->width - 1) / 4 && w < CHECK_CONFIG / 4;
	     w++) {
		d->config.n_word[w] = ctx->number;
		d->config.width[w] = reg(ctx)->width;
	}
	/* A field of more than 32 bits, in parts: 2.5.1 */
	if (ctx->e->field && ctx->e->field->width == 8 && reg(ctx)->width < 8)
		d->config.torn = obligation(ctx, at & ~7U, (uint32_t)(d->config.n_generation != 0));
}

/* What the driver writes may change anything; only what the device changes is of interest. */
static void config_written(struct rule_context *ctx)
{
	uint32_t at = config_offset(ctx);
	struct check_device *d = ctx->d;

	if (d->suspend.state == SUSPEND_DONE && at < CHECK_CONFIG && bit_set(d->config.known, at) &&
	    d->config.bytes[at] != (uint8_t)reg(ctx)->value)
		d->suspend.write = obligation(
			ctx, at, (uint8_t)reg(ctx)->value | (uint32_t)d->config.bytes[at] << 8);
	memset(ctx->d->config.known, 0, sizeof(ctx->d->config.known));
	ctx->d->config.change.n_new = 0;
}

/* The generation has moved on by so much: as many changes, some of which were notified. */
static void changes_found(struct check_irqs *i, uint8_t n)
{
	i->changes_untold = n > i->told_unfound ? n - i->told_unfound : 0;
	i->told_unfound = 0;
}

static void generation_read(struct rule_context *ctx)
{
	uint8_t step = (uint8_t)((uint8_t)reg(ctx)->value - ctx->d->config.generation);
	struct check_device *d = ctx->d;

	if (d->config.n_generation && step)
		changes_found(&d->irqs, step);

	if (d->irqs.no_change.number) {
		if (d->config.n_generation && d->config.generation == (uint8_t)reg(ctx)->value)
			d->irqs.no_change_generation = true;
		else
			d->irqs.no_change.number = 0;
	}
	d->config.change.n_new = 0;
	d->config.torn.number = 0;
	if (!d->config.n_generation || d->config.generation != (uint8_t)reg(ctx)->value)
		d->config.n_generation_same = ctx->number;
	d->config.n_generation = ctx->number;
	d->config.generation = (uint8_t)reg(ctx)->value;
}

void check_remember_config(struct rule_context *ctx, uint64_t triggers)
{
	if (triggers & AT(CONFIG_READ))
		config_read(ctx);
	if (triggers & AT(CONFIG_WRITE))
		config_written(ctx);
	if (triggers & AT(GENERATION))
		generation_read(ctx);
}

/* --- PCI -------------------------------------------------------------------- */

static void bar_access(struct rule_context *ctx)
{
	unsigned bar = (reg(ctx)->offset - PCI_BASE_ADDRESS_0) / 4;
	uint32_t v = (uint32_t)reg(ctx)->value, size;

	if (is_write(ctx)) {
		ctx->d->pci.bar_sizing = (uint8_t)((ctx->d->pci.bar_sizing & ~(1 << bar)) |
						   (v >= 0xfffffff0U) << bar);
		return;
	}
	if (!(ctx->d->pci.bar_sizing >> bar & 1))
		return;
	ctx->d->pci.bar_sizing &= (uint8_t) ~(1 << bar);
	size = v & 1 ? v & ~3U : v & ~15U;
	ctx->d->pci.bar_size[bar] = v & 1 ? (~size & 0xffff) + 1 : ~size + 1;
}

void check_remember_pci(struct rule_context *ctx)
{
	unsigned at = ctx->e->pci_cap;

	if (at && ctx->dev->pci[at & 0xfff] == PCI_CAP_ID_MSIX && reg(ctx)->offset <= at + 3 &&
	    reg(ctx)->offset + reg(ctx)->width >= at + 4)
		ctx->d->known.msix = true;
	/* A write cannot change the size, but the model takes it for the register. */
	if (at && !is_write(ctx) && ctx->dev->pci[at & 0xfff] == PCI_CAP_ID_MSIX &&
	    reg(ctx)->offset <= at + 2 && reg(ctx)->offset + reg(ctx)->width >= at + 4)
		ctx->d->pci.msix_table =
			(get_le16(ctx->dev->pci + at + 2) & PCI_MSIX_FLAGS_QSIZE) + 1;
	if (reg(ctx)->offset >= PCI_BASE_ADDRESS_0 && reg(ctx)->offset <= PCI_BASE_ADDRESS_5 &&
	    reg(ctx)->width == 4 && !(reg(ctx)->offset & 3))
		bar_access(ctx);
	if (at && at < 256 && !is_write(ctx) && ctx->dev->pci[at] == PCI_CAP_ID_VNDR &&
	    ctx->dev->pci[at + 3] == 9 && reg(ctx)->offset < at + 6 &&
	    reg(ctx)->offset + reg(ctx)->width > at + 4)
		ctx->d->pci.vendor_read |= 1ULL << at / 4;
	ctx->d->window.write.number = 0;
	if (is_write(ctx) && register_is(ctx, SPEC_REG_PCI_CFG_DATA) && at && at < 240)
		ctx->d->window.write = obligation(ctx, (uint32_t)reg(ctx)->value,
						  get_le32(ctx->dev->pci + at + 8));
}

void check_remember_window(struct rule_context *ctx)
{
	ctx->d->window.n_access = ctx->number;
	ctx->d->window.value = reg(ctx)->value;
	ctx->d->window.offset = reg(ctx)->offset;
	ctx->d->window.region = reg(ctx)->region;
	ctx->d->window.failed = reg(ctx)->flags & VQT_REG_FAILED;
}
