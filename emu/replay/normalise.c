/* SPDX-License-Identifier: MIT */
/*
 * What a recorded device must have said, whatever it did say: fields that the
 * specification fixes, or that something else in the trace tells (how the program
 * with the device made it, what was used, what was agreed on).  The stand-in says
 * that, so that a wrong answer is a difference also where the question was put only
 * once.  A field that nothing else tells of is taken as it was read.
 */
#include <string.h>

#include "decoder/trace/record.h"
#include "decoder/class/class.h"
#include "decoder/spec/constants.h"
#include "decoder/class/blk.h"
#include "emu/replay/profile_impl.h"

#define QEMU_NOTIFY_QUEUES 1024u /* its notification structure has room for so many */

static bool known(const struct replay_device *d, unsigned at)
{
	return d->pci_known[at / 8] >> at % 8 & 1;
}

/* What was read of these bytes of configuration space was this. */
static void say(struct replay_device *d, unsigned at, unsigned len, uint32_t value)
{
	for (unsigned i = 0; i < len; i++)
		if (known(d, at + i))
			d->pci[at + i] = value >> 8 * i;
}

static void say_config(struct replay_device *d, unsigned at, unsigned len, uint64_t value)
{
	for (unsigned i = 0; i < len; i++)
		if (d->config_known[(at + i) / 8] >> (at + i) % 8 & 1)
			d->config[at + i] = value >> 8 * i;
}

static bool power_of_2(uint64_t n)
{
	return n && !(n & (n - 1));
}

/* Was it seen how QEMU made the device?  Then its layout has no secrets. */
static bool from_qemu(const struct replay_finding *f)
{
	for (unsigned t = VIRTIO_PCI_CAP_COMMON_CFG; t <= VIRTIO_PCI_CAP_DEVICE_CFG; t++)
		if (!f->region_len[t])
			return false;
	return f->bar_life[4];
}

/* --- features, 2.2 -------------------------------------------------------------------- */

static void must_offer(struct replay_device *d, unsigned bit)
{
	if (d->offered_known >> bit / 32 & 1)
		d->offered[bit / 64] |= 1ull << bit % 64;
}

void replay_normalise_features(struct replay_finding *f)
{
	struct replay_device *d = &f->d;
	for (unsigned b = 0; b < 128; b++) {
		if (f->agreed[b / 64] >> b % 64 & 1) /* what FEATURES_OK confirmed was offered */
			must_offer(d, b);
		if (!(d->offered[b / 64] >> b % 64 & 1))
			continue;
		const struct spec_feature *s = class_feature(d->virtio_id, b);
		for (unsigned n = 0; s && n < 128; n++) /* 2.2.2 */
			if ((s->requires[n / 64] | s->offers[n / 64]) >> n % 64 & 1)
				must_offer(d, n);
	}
	if (d->legacy_known)
		d->legacy_offered |= f->agreed_legacy;
	if (d->virtio_id == VIRTIO_ID_BLOCK && f->added > 1) /* 5.2.5 */
		must_offer(d, VIRTIO_BLK_F_MQ);
	if (d->virtio_id == VIRTIO_ID_BLOCK && f->wrote) /* 5.2.6.2: else it had failed */
		d->offered[0] &= ~(1ull << VIRTIO_BLK_F_RO);
}

/* --- queues, 4.1.4.3 and 4.1.4.4 ------------------------------------------------------- */

/* The size most queues have. */
static uint16_t common_size(const struct replay_device *d)
{
	struct replay_vote v = { 0 };
	for (unsigned i = 0; i < d->num_queues; i++)
		if (power_of_2(d->queue_size[i]))
			replay_vote(&v, d->queue_size[i]);
	return v.any ? v.value : 256;
}

void replay_normalise_queues(struct replay_finding *f)
{
	struct replay_device *d = &f->d;
	bool packed = d->offered[0] >> VIRTIO_F_RING_PACKED & 1;
	for (unsigned i = 0; i < d->num_queues; i++) {
		const struct replay_queue_finding *q = &f->queue[i];
		if (q->added) /* it was seen at its creation */
			d->queue_size[i] = q->added;
		else if (d->queue_size[i] && !packed && !power_of_2(d->queue_size[i]))
			d->queue_size[i] = common_size(d);
		if (from_qemu(f))
			d->notify_off[i] = i;
	}
}

/* --- device configuration, 2.5 --------------------------------------------------------- */

static void normalise_blk(struct replay_finding *f)
{
	struct replay_device *d = &f->d;
	uint64_t capacity = get_le64(d->config + BLK_CFG_CAPACITY);
	uint32_t block = get_le32(d->config + BLK_CFG_BLK_SIZE);
	capacity &= INT64_MAX / BLK_SECTOR; /* of bytes that can be counted */
	if (capacity < f->sectors_used) /* 5.2.6.1 */
		capacity = f->sectors_used;
	say_config(d, BLK_CFG_CAPACITY, 8, capacity);
	if (d->offered[0] >> VIRTIO_BLK_F_BLK_SIZE & 1 &&
	    (!power_of_2(block) || block < BLK_SECTOR || block > 1u << 20))
		say_config(d, BLK_CFG_BLK_SIZE, 4, BLK_SECTOR);
	if (d->offered[0] >> VIRTIO_BLK_F_MQ & 1) /* 5.2.4: as many as the device has */
		say_config(d, BLK_CFG_NUM_QUEUES, 2, d->num_queues);
	if (d->offered[0] >> VIRTIO_BLK_F_CONFIG_WCE & 1 && d->config[BLK_CFG_WRITEBACK] > 1)
		say_config(d, BLK_CFG_WRITEBACK, 1, 1);
	if (d->offered[0] >> VIRTIO_BLK_F_WRITE_ZEROES & 1 && d->config[BLK_CFG_ZEROES_UNMAP] > 1)
		say_config(d, BLK_CFG_ZEROES_UNMAP, 1, 1);
}

static void normalise_net(struct replay_finding *f)
{
	struct replay_device *d = &f->d;
	const unsigned status = 6, pairs = 8; /* 5.1.4 */
	bool control = d->offered[0] >> 17 & 1;
	say_config(d, status + 1, 1, 0);
	say_config(d, status, 1, d->config[status] & 3);
	if (d->offered[0] >> 22 & 1 && control && f->added > 2) /* MQ: all but the control queue */
		say_config(d, pairs, 2, (f->added - 1) / 2);
}

void replay_normalise_config(struct replay_finding *f)
{
	if (f->d.virtio_id == VIRTIO_ID_BLOCK)
		normalise_blk(f);
	if (f->d.virtio_id == VIRTIO_ID_NET)
		normalise_net(f);
}

/* --- PCI: the header ---------------------------------------------------------------------- */

static unsigned transitional_id(unsigned virtio_id)
{
	for (unsigned id = 0x1000; id < 0x1040; id++)
		if (class_id_of_pci(id, 0) == virtio_id)
			return id;
	return 0;
}

/* 4.1.2: which of its two numbers. */
static void normalise_id(struct replay_finding *f, bool legacy)
{
	struct replay_device *d = &f->d;
	unsigned modern = VIRTIO_PCI_ID_MODERN + d->virtio_id, old = transitional_id(d->virtio_id);
	unsigned id = get_le16(d->pci + PCI_DEVICE_ID);
	if (!d->virtio_id || (id == modern && !legacy) || (id == old && !from_qemu(f)))
		return;
	if (legacy && old)
		say(d, PCI_DEVICE_ID, 2, old);
	else if (!legacy)
		say(d, PCI_DEVICE_ID, 2, modern);
}

static void normalise_header(struct replay_finding *f)
{
	struct replay_device *d = &f->d;
	bool legacy = from_qemu(f) ? f->bar_life[0] && f->bar_type[0] & PCI_BASE_ADDRESS_SPACE_IO
				   : f->legacy_seen || f->transitional;
	say(d, PCI_VENDOR_ID, 2, VIRTIO_PCI_VENDOR);
	normalise_id(f, legacy);
	if (legacy) { /* 4.1.2.3 */
		say(d, PCI_REVISION_ID, 1, 0);
		say(d, PCI_SUBSYSTEM_ID, 2, d->virtio_id);
	}
	if (d->virtio_id == VIRTIO_ID_BLOCK || d->virtio_id == VIRTIO_ID_NET)
		say(d, PCI_CLASS_DEVICE + 1, 1, d->virtio_id == VIRTIO_ID_BLOCK ? 1 : 2);
	if (f->born) { /* PCI 6.2: as reset leaves them */
		say(d, PCI_LATENCY_TIMER, 1, 0);
		say(d, PCI_BIST, 1, 0);
	}
	if (d->pci[PCI_INTERRUPT_PIN] > 4 || from_qemu(f))
		say(d, PCI_INTERRUPT_PIN, 1, 1);
	if (!from_qemu(f))
		return;
	say(d, PCI_SUBSYSTEM_VENDOR_ID, 2, VIRTIO_PCI_VENDOR);
	if (!legacy) {
		say(d, PCI_REVISION_ID, 1, 1);
		say(d, PCI_SUBSYSTEM_ID, 2, 0x1100);
	}
}

/* --- PCI: BARs ------------------------------------------------------------------------------ */

/* The mask of a BAR of this size and type. */
static uint32_t mask_of(uint64_t size, unsigned type)
{
	uint32_t mask = -(uint32_t)size;
	return size ? (mask & ~(type & 1 ? 3u : 15u)) | (type & (type & 1 ? 1 : 15)) : 0;
}

static unsigned bits(uint32_t v)
{
	return (unsigned)__builtin_popcount(v);
}

/* A mask has ones above, zeroes below: the one that is like this most. */
static uint32_t nearest_mask(uint32_t mask)
{
	uint32_t best = 0; /* there is none */
	for (unsigned n = mask & 1 ? 2 : 4; n < 32; n++) {
		uint32_t m = mask_of(1u << n, mask & (mask & 1 ? 1 : 15));
		if (bits(m ^ mask) < bits(best ^ mask))
			best = m;
	}
	return best;
}

static uint64_t qemu_bar_size(const struct replay_finding *f, const struct emu_pci_layout *normal,
			      unsigned bar)
{
	uint64_t size = 16;
	if (bar == 4)
		return from_qemu(f) ? normal->bar[4].size : 0;
	if (bar == 0 && f->bar_type[0] & 1) {
		while (size < f->region_len[0])
			size <<= 1;
		return f->region_len[0] ? size : 0;
	}
	return f->msix_life && bar == f->msix_bar ? normal->bar[1].size : 0;
}

static void normalise_bars(struct replay_finding *f, const struct emu_pci_layout *normal)
{
	bool made = false; /* which there are was seen when it was made */
	for (unsigned i = 0; i < REPLAY_BARS; i++)
		made |= f->bar_life[i];
	for (unsigned i = 0; i < REPLAY_BARS; i++) {
		uint8_t *at = f->bar_mask + 4 * i;
		uint32_t mask = get_le32(at);
		bool upper = i && f->bar_sized[i - 1] && (f->bar_mask[4 * i - 4] & 7) == 4;
		uint64_t size = f->bar_life[i] ? qemu_bar_size(f, normal, i) : 0;
		if (!f->bar_sized[i])
			continue;
		if (upper)
			mask = UINT32_MAX; /* no structure needs 4 GiB */
		else if (made && (size || !f->bar_life[i]))
			mask = mask_of(size, f->bar_type[i]);
		else
			mask = nearest_mask(mask);
		for (unsigned b = 0; b < 4; b++)
			at[b] = mask >> 8 * b;
	}
}

/* --- PCI: capabilities, 4.1.4 ------------------------------------------------------------------ */

static const struct emu_pci_cap *usual(const struct emu_pci_layout *l, unsigned id, unsigned type)
{
	for (unsigned i = 0; i < EMU_PCI_CAPS && l->cap[i].id; i++)
		if (l->cap[i].id == id && (id != PCI_CAP_ID_VNDR || l->cap[i].type == type))
			return &l->cap[i];
	return NULL;
}

static bool fits(const struct replay_finding *f, unsigned at, unsigned type)
{
	static const uint8_t least[] = { [VIRTIO_PCI_CAP_COMMON_CFG] = 56,
					 [VIRTIO_PCI_CAP_NOTIFY_CFG] = 2,
					 [VIRTIO_PCI_CAP_ISR_CFG] = 1 };
	const uint8_t *p = f->d.pci + at;
	uint64_t offset = get_le32(p + VIRTIO_PCI_CAP_OFFSET);
	uint64_t length = get_le32(p + VIRTIO_PCI_CAP_LENGTH);
	unsigned bar = p[VIRTIO_PCI_CAP_BAR];
	uint32_t mask;
	if (bar >= REPLAY_BARS || (type < sizeof(least) && length < least[type]))
		return false;
	if (type != VIRTIO_PCI_CAP_ISR_CFG && offset % (type == VIRTIO_PCI_CAP_NOTIFY_CFG ? 2 : 4))
		return false;
	mask = get_le32(f->bar_mask + 4 * bar);
	mask &= mask & 1 ? ~3u : ~15u;
	return !f->bar_sized[bar] || (mask && offset + length <= -mask);
}

/* One structure's place; all of it is read in one go, so either all is known or little. */
static void normalise_place(struct replay_finding *f, const struct emu_pci_layout *normal,
			    unsigned at, unsigned type)
{
	struct replay_device *d = &f->d;
	const struct emu_pci_cap *u = usual(normal, PCI_CAP_ID_VNDR, type);
	bool whole = known(d, at + VIRTIO_PCI_CAP_BAR) && known(d, at + VIRTIO_PCI_CAP_OFFSET) &&
		     known(d, at + VIRTIO_PCI_CAP_LENGTH);
	uint32_t mult = get_le32(d->pci + at + VIRTIO_PCI_NOTIFY_CAP_MULT);
	if (!u || (!from_qemu(f) && (!whole || fits(f, at, type))))
		goto multiplier;
	say(d, at + VIRTIO_PCI_CAP_BAR, 1, u->bar);
	say(d, at + VIRTIO_PCI_CAP_OFFSET, 4, u->offset);
	say(d, at + VIRTIO_PCI_CAP_LENGTH, 4, from_qemu(f) ? f->region_len[type] : u->length);
multiplier:
	if (type != VIRTIO_PCI_CAP_NOTIFY_CFG)
		return;
	if (from_qemu(f))
		mult = f->region_len[type] / QEMU_NOTIFY_QUEUES;
	else if (mult && (!power_of_2(mult) || mult == 1)) /* 4.1.4.4 */
		mult = u ? u->multiplier : 4;
	say(d, at + VIRTIO_PCI_NOTIFY_CAP_MULT, 4, mult);
}

/* PCI 6.8.2; how many vectors, and in which BAR, was seen when it was made. */
static void normalise_msix(struct replay_finding *f, const struct emu_pci_layout *normal,
			   unsigned at)
{
	struct replay_device *d = &f->d;
	const struct emu_pci_cap *u = usual(normal, PCI_CAP_ID_MSIX, 0);
	if (!from_qemu(f) || !f->msix_life || !f->vectors || f->vectors > 2048 || !u)
		return;
	say(d, at + PCI_MSIX_FLAGS, 2, (uint32_t)f->vectors - 1);
	say(d, at + PCI_MSIX_TABLE, 4, u->offset | (uint32_t)f->msix_bar);
	say(d, at + PCI_MSIX_PBA, 4, u->pba_offset | (uint32_t)f->msix_bar);
}

/* The order in which QEMU adds them, each with its length: 4.1.4. */
static const struct {
	uint8_t type, len;
} order[] = {
	{ VIRTIO_PCI_CAP_COMMON_CFG, 16 }, { VIRTIO_PCI_CAP_ISR_CFG, 16 },
	{ VIRTIO_PCI_CAP_DEVICE_CFG, 16 }, { VIRTIO_PCI_CAP_NOTIFY_CFG, 20 },
	{ VIRTIO_PCI_CAP_PCI_CFG, 20 },
};
#define ORDER (sizeof(order) / sizeof(order[0]))

static void sort(uint8_t *at, unsigned n)
{
	for (unsigned i = 1; i < n; i++)
		for (unsigned k = i; k && at[k] < at[k - 1]; k--) {
			uint8_t t = at[k];
			at[k] = at[k - 1];
			at[k - 1] = t;
		}
}

/* Every notification lands in the structure: 4.1.4.4. */
static void normalise_offsets(struct replay_device *d, unsigned at)
{
	uint64_t mult = get_le32(d->pci + at + VIRTIO_PCI_NOTIFY_CAP_MULT);
	uint64_t length = get_le32(d->pci + at + VIRTIO_PCI_CAP_LENGTH);
	if (!known(d, at + VIRTIO_PCI_NOTIFY_CAP_MULT) || !known(d, at + VIRTIO_PCI_CAP_LENGTH))
		return;
	for (unsigned i = 0; i < d->num_queues; i++)
		if (d->notify_off[i] * mult + 2 > length)
			d->notify_off[i] = i;
}

static void normalise_caps(struct replay_finding *f, const struct emu_pci_layout *normal)
{
	struct replay_device *d = &f->d;
	unsigned at = d->pci[PCI_CAPABILITY_LIST] & ~3u, n = 0;
	uint8_t vendor[8];
	for (unsigned i = 0; at >= 0x40 && known(d, at) && i < EMU_PCI_CAPS; i++) {
		if (d->pci[at] == PCI_CAP_ID_VNDR && n < sizeof(vendor))
			vendor[n++] = at;
		else if (d->pci[at] == PCI_CAP_ID_MSIX)
			normalise_msix(f, normal, at);
		at = known(d, at + 1) ? d->pci[at + 1] & ~3u : 0;
	}
	sort(vendor, n);
	for (unsigned i = 0; i < n; i++) {
		bool sure = from_qemu(f) && n == ORDER;
		unsigned type = sure ? order[i].type : d->pci[vendor[i] + VIRTIO_PCI_CAP_CFG_TYPE];
		if (sure) {
			say(d, vendor[i] + VIRTIO_PCI_CAP_CFG_TYPE, 1, type);
			say(d, vendor[i] + VIRTIO_PCI_CAP_LEN, 1, order[i].len);
			say(d, vendor[i] + VIRTIO_PCI_CAP_BAR + 1, 3, 0); /* id, padding */
		}
		if (type >= VIRTIO_PCI_CAP_COMMON_CFG && type <= VIRTIO_PCI_CAP_DEVICE_CFG &&
		    known(d, vendor[i] + VIRTIO_PCI_CAP_CFG_TYPE))
			normalise_place(f, normal, vendor[i], type);
		if (type == VIRTIO_PCI_CAP_NOTIFY_CFG)
			normalise_offsets(d, vendor[i]);
	}
}

void replay_normalise_pci(struct replay_finding *f, const struct emu_pci_layout *normal)
{
	normalise_header(f);
	normalise_bars(f, normal);
	normalise_caps(f, normal);
}
