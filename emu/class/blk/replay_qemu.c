/* SPDX-License-Identifier: MIT */
/* A recorded block device as properties of QEMU's virtio-blk-pci. */
#include "decoder/class/blk.h"
#include "emu/replay/qemu/class.h"

static const struct qemu_bit bits[] = {
	/* 5.2.3 */
	{ VIRTIO_BLK_F_CONFIG_WCE, "config-wce" },
	{ VIRTIO_BLK_F_FLUSH, "write-cache" },
	{ VIRTIO_BLK_F_DISCARD, "discard" },
	{ VIRTIO_BLK_F_WRITE_ZEROES, "write-zeroes" },
};

/* A number of the device configuration, and the unit of QEMU's property for it. */
static const struct field {
	uint8_t at, width;
	enum { BLOCKS, SECTORS, EXPONENT, NOT_ZERO } kind;
	const char *property;
} fields[] = {
	/* 5.2.4 */
	{ BLK_CFG_BLK_SIZE, 4, NOT_ZERO, "logical_block_size" },
	{ BLK_CFG_PHYS_EXP, 1, EXPONENT, "physical_block_size" },
	{ BLK_CFG_MIN_IO, 2, BLOCKS, "min_io_size" },
	{ BLK_CFG_OPT_IO, 4, BLOCKS, "opt_io_size" },
	{ BLK_CFG_DISCARD_SECTORS, 4, NOT_ZERO, "max-discard-sectors" },
	{ BLK_CFG_DISCARD_ALIGN, 4, SECTORS, "discard_granularity" },
	{ BLK_CFG_ZEROES_SECTORS, 4, NOT_ZERO, "max-write-zeroes-sectors" },
};

static void set_field(struct qemu_properties *p, const struct field *f, uint64_t v, uint64_t block)
{
	switch (f->kind) {
	case NOT_ZERO: break;
	case BLOCKS: v *= block; break;
	case SECTORS: v *= BLK_SECTOR; break;
	case EXPONENT: v = v < 32 ? block << v : block; break;
	}
	if ((f->kind == NOT_ZERO && !v) || v > INT64_MAX)
		return;
	if (f->kind != SECTORS || v > block) /* else QEMU's default is the same */
		qemu_set_number(p, f->property, v);
}

/* QEMU takes text, not bytes. */
static bool printable(const char *s)
{
	while (*s >= ' ' && *s <= '~')
		s++;
	return !*s;
}

static void properties(struct qemu_properties *p, const struct replay_device *d)
{
	uint64_t block, v;

	qemu_set_text(p, "drive", "disk0");
	qemu_set_bits(p, bits, sizeof(bits) / sizeof(bits[0]));
	if (!qemu_field(d, BLK_CFG_BLK_SIZE, 4, &block) || !block)
		block = BLK_SECTOR;
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (qemu_field(d, fields[i].at, fields[i].width, &v))
			set_field(p, &fields[i], v, block);
	if (qemu_field(d, BLK_CFG_CYLINDERS, 4, &v) && v & 0xffff && v >> 16 & 0xff && v >> 24) {
		qemu_set_number(p, "cyls", v & 0xffff);
		qemu_set_number(p, "heads", v >> 16 & 0xff);
		qemu_set_number(p, "secs", v >> 24);
	}
	if (qemu_field(d, BLK_CFG_SEG_MAX, 4, &v)) /* 126: QEMU's older machine types */
		qemu_set_flag(p, "seg-max-adjust", v != 126 || d->queue_size[0] == 128);
	if (d->num_queues_known && d->num_queues)
		qemu_set_number(p, "num-queues", d->num_queues);
	if (d->queue_size[0])
		qemu_set_number(p, "queue-size", d->queue_size[0]);
	if (d->serial[0] && printable(d->serial))
		qemu_set_name(p, "serial", d->serial);
	/* Errors are reported to the driver; each request is an I/O of its own. */
	qemu_set_text(p, "rerror", "report");
	qemu_set_text(p, "werror", "report");
	qemu_set_flag(p, "request-merging", false);
}

const struct qemu_class qemu_blk = {
	.type = "virtio-blk-pci",
	.disk = true,
	.properties = properties,
};
