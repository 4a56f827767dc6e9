/* SPDX-License-Identifier: MIT */
/*
 * The PCI function of QEMU's device, accessed from outside its machine: where its
 * registers are, and how its interrupts become visible.  BARs are where the recorded
 * driver placed them; if it did not, or if this machine has memory there, they are
 * placed elsewhere.  MSI-X messages are directed to guest memory, one word for each
 * vector; the driver reads back the address and data that it wrote.
 */
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/spec/constants.h"
#include "emu/replay/qemu/impl.h"

/* The host bridge of a q35 machine, at 0:0.0. */
#define MCH_PCIEXBAR 0x60
#define MCH_PAM0 0x90
#define MCH_PAMS 7
#define ECAM 0xb0000000u /* above all low memory, as firmware sets it */

#define OUR_MMIO 0xe0000000u
#define OUR_MMIO_STEP 0x01000000u
#define OUR_PORTS 0xd000u
#define OUR_PORTS_STEP 0x100u
#define LOCAL_APIC_SPACE 0xfec00000u /* from there to 4 GiB: interrupt controllers */
#define LEGACY_LENGTH 256u

static int cfg_read(struct replay_target *t, uint32_t off, unsigned width, uint32_t *value)
{
	return qemu_trouble(t, qtest_pci_read(&t->qtest, t->bdf, off, width, value));
}

static int cfg_write(struct replay_target *t, uint32_t off, unsigned width, uint32_t value)
{
	return qemu_trouble(t, qtest_pci_write(&t->qtest, t->bdf, off, width, value));
}

static int memory(struct replay_target *t, uint64_t at, unsigned width, uint64_t *value, bool write)
{
	return qemu_trouble(t, write ? qtest_write(&t->qtest, at, width, *value)
				     : qtest_read(&t->qtest, at, width, value));
}

/* --- making it reachable ------------------------------------------------------------------ */

static int read_layout(struct replay_target *t)
{
	const struct emu_pci_layout none = { 0 };
	uint8_t pci[EMU_PCI_CONFIG] = { 0 };
	uint32_t v;
	int rc = 0;

	for (unsigned at = 0; !rc && at < 256; at += 4) {
		rc = cfg_read(t, at, 4, &v);
		v = htole32(v);
		memcpy(pci + at, &v, 4);
	}
	t->layout = none;
	if (!rc && get_le16(pci + PCI_STATUS) & PCI_STATUS_CAP_LIST)
		replay_layout_read(&t->layout, pci, NULL, &none);
	return rc;
}

/* As firmware does: map memory, not ROM, below 1 MiB. */
static int open_low_memory(struct replay_target *t)
{
	int rc = 0;

	for (unsigned i = 0; i < MCH_PAMS && !rc; i++)
		rc = qtest_pci_write(&t->qtest, 0, MCH_PAM0 + i, 1, i ? 0x33 : 0x30);
	return qemu_trouble(t, rc);
}

/* Let the root port of a PCI Express function forward everything. */
static int open_root_port(struct replay_target *t, uint16_t port)
{
	static const struct {
		uint8_t off, width;
		uint32_t value;
	} set[] = {
		{ PCI_PRIMARY_BUS, 4, 0x00010100 },
		{ PCI_IO_BASE, 2, 0xf000 },
		{ PCI_MEMORY_BASE, 4, 0xfff00000 },
		{ PCI_PREF_MEMORY_BASE, 4, 0xfff10001 },
		{ PCI_PREF_BASE_UPPER32, 4, 1 },
		{ PCI_PREF_LIMIT_UPPER32, 4, 0xff },
		{ PCI_COMMAND, 2, PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER },
	};
	int rc = 0;

	for (size_t i = 0; i < sizeof(set) / sizeof(set[0]) && !rc; i++)
		rc = qtest_pci_write(&t->qtest, port, set[i].off, set[i].width, set[i].value);
	return qemu_trouble(t, rc);
}

int qemu_pci_setup(struct replay_target *t)
{
	unsigned slot = qemu_slot(t->d);
	int rc = open_low_memory(t);

	t->bdf = t->d->layout.express ? 1 << 8 : slot << 3;
	if (!rc && t->d->layout.express)
		rc = open_root_port(t, slot << 3);
	if (!rc)
		rc = read_layout(t);
	if (rc)
		return rc;
	if (!t->vector)
		t->vector = calloc(QEMU_VECTORS, sizeof(*t->vector));
	if (!t->vector)
		return -ENOMEM;
	t->bars_known = false;
	memset(t->vector, 0, QEMU_VECTORS * sizeof(*t->vector));
	return 0;
}

/* --- BARs -------------------------------------------------------------------------------- */

static int read_bars(struct replay_target *t)
{
	for (unsigned i = 0; i < REPLAY_BARS; i++) {
		uint32_t low, high = 0;
		int rc = cfg_read(t, PCI_BASE_ADDRESS_0 + i * 4, 4, &low);

		if (rc)
			return rc;
		t->bar_io[i] = low & PCI_BASE_ADDRESS_SPACE_IO;
		if (t->bar_io[i]) {
			t->bar[i] = low & PCI_BASE_ADDRESS_IO_MASK;
			continue;
		}
		t->bar[i] = low & (uint32_t)PCI_BASE_ADDRESS_MEM_MASK;
		if (!(low & PCI_BASE_ADDRESS_MEM_TYPE_64) || i + 1 == REPLAY_BARS)
			continue;
		rc = cfg_read(t, PCI_BASE_ADDRESS_0 + (i + 1) * 4, 4, &high);
		if (rc)
			return rc;
		t->bar[i] |= (uint64_t)high << 32;
		t->bar[++i] = 0;
	}
	t->bars_known = true;
	t->bars_good = 0;
	return 0;
}

/* Does an access to this BAR reach the device? */
static bool reachable(struct replay_target *t, unsigned bar, uint32_t command)
{
	uint64_t at = t->bar[bar];

	if (t->bar_io[bar])
		return command & PCI_COMMAND_IO && at;
	return command & PCI_COMMAND_MEMORY && at && !qemu_ram_at(t, at, 1) &&
	       at != (at & 0xfffff) && !(at >= LOCAL_APIC_SPACE && at < 1ull << 32);
}

/* The trace may begin after the driver placed the BARs: do what it must have done. */
static int place_bar(struct replay_target *t, unsigned bar, uint32_t command)
{
	uint32_t at =
		t->bar_io[bar] ? OUR_PORTS + bar * OUR_PORTS_STEP : OUR_MMIO + bar * OUR_MMIO_STEP;
	bool here = reachable(t, bar, PCI_COMMAND_IO | PCI_COMMAND_MEMORY);
	int rc = here ? 0 : cfg_write(t, PCI_BASE_ADDRESS_0 + bar * 4, 4, at);

	if (!rc && !here && !t->bar_io[bar] && bar + 1 < REPLAY_BARS && !t->bar[bar + 1])
		rc = cfg_write(t, PCI_BASE_ADDRESS_0 + (bar + 1) * 4, 4, 0);
	if (!rc)
		rc = cfg_write(t, PCI_COMMAND, 2,
			       command | PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	return rc ? rc : read_bars(t);
}

static int ensure_bar(struct replay_target *t, unsigned bar)
{
	uint32_t command;
	int rc = t->bars_known ? 0 : read_bars(t);

	if (rc || t->bars_good >> bar & 1)
		return rc;
	rc = cfg_read(t, PCI_COMMAND, 2, &command);
	if (!rc && !reachable(t, bar, command))
		rc = place_bar(t, bar, command);
	t->bars_good |= 1 << bar;
	return rc;
}

/* --- configuration space ------------------------------------------------------------------- */

static int ecam(struct replay_target *t, uint32_t off, uint64_t *at)
{
	*at = ECAM + ((uint64_t)t->bdf << 12) + off;
	return qemu_trouble(t, qtest_pci_write(&t->qtest, 0, MCH_PCIEXBAR, 4, ECAM | 1));
}

static int pci_access(struct replay_target *t, uint32_t off, unsigned width, uint64_t *value,
		      bool write)
{
	uint32_t v = 0;
	uint64_t at;
	int rc;

	if (off % width || off + width > (t->d->layout.express ? EMU_PCI_CONFIG : 256))
		return -ENXIO;
	if (write)
		t->bars_known &= off >= PCI_BASE_ADDRESS_5 + 4 || off + width <= PCI_COMMAND;
	if (off < 256 && write)
		return cfg_write(t, off, width, (uint32_t)*value);
	if (off < 256) {
		rc = cfg_read(t, off, width, &v);
		*value = v;
		return rc;
	}
	rc = ecam(t, off, &at);
	if (rc)
		return rc;
	return memory(t, at, width, value, write);
}

/* --- registers ------------------------------------------------------------------------------- */

static int bar_access(struct replay_target *t, const struct replay_place *p, uint32_t off,
		      unsigned width, uint64_t *value, bool write)
{
	uint64_t at;
	uint32_t v = 0;
	int rc = ensure_bar(t, p->bar);

	if (rc)
		return rc;
	at = t->bar[p->bar] + p->offset + off;
	if (!t->bar_io[p->bar])
		return memory(t, at, width, value, write);
	if (width > 4)
		return -ENXIO;
	if (write)
		return qemu_trouble(t, qtest_out(&t->qtest, at, width, (uint32_t)*value));
	rc = qtest_in(&t->qtest, at, width, &v);
	*value = v;
	return qemu_trouble(t, rc);
}

/* --- MSI-X ------------------------------------------------------------------------------------ */

/*
 * Address and data of an entry are ours: QEMU is given those of a word in guest memory,
 * the driver reads back what it wrote.
 */
static int msix_access(struct replay_target *t, const struct replay_place *p, uint32_t off,
		       unsigned width, uint64_t *value, bool write)
{
	struct qemu_vector *e = &t->vector[off / 16];
	unsigned field = width == 4 && off % 4 == 0 ? off % 16 / 4 : 3;
	uint64_t word = t->doorbell + off / 16 * 4, given;
	int rc;

	if (field == 3)
		return bar_access(t, p, off, width, value, write);
	if (write) {
		e->wrote[field] = *value;
		e->given[field] = field == 0 ? word : field == 1 ? word >> 32 : off / 16 + 1;
		e->written |= 1 << field;
		given = e->given[field];
		return bar_access(t, p, off, 4, &given, true);
	}
	rc = bar_access(t, p, off, width, value, false);
	if (!rc && e->written >> field & 1 && *value == e->given[field])
		*value = e->wrote[field];
	return rc;
}

/* An access of 8 bytes is two of 4. */
static int msix_halves(struct replay_target *t, const struct replay_place *p, uint32_t off,
		       uint64_t *value, bool write)
{
	uint64_t low = (uint32_t)*value, high = *value >> 32;
	int rc = msix_access(t, p, off, 4, &low, write);

	if (!rc)
		rc = msix_access(t, p, off + 4, 4, &high, write);
	if (!rc && !write)
		*value = low | high << 32;
	return rc;
}

unsigned qemu_msix_take(struct replay_target *t, struct replay_irq *out, unsigned max)
{
	uint32_t *bell = (uint32_t *)qemu_ram_at(t, t->doorbell, QEMU_VECTORS * 4);
	unsigned n = 0;

	for (unsigned i = 0; bell && i < t->layout.vectors && n < max; i++)
		if (t->vector[i].written && __atomic_exchange_n(&bell[i], 0, __ATOMIC_ACQUIRE))
			out[n++] = (struct replay_irq){ .kind = VQT_IRQ_MSIX, .vector = i };
	return n;
}

int qemu_access(struct replay_target *t, unsigned region, uint32_t off, unsigned width,
		uint64_t *value, bool write)
{
	struct replay_place p = { .length = LEGACY_LENGTH };

	if (region == VQT_REGION_PCI)
		return pci_access(t, off, width, value, write);
	if (region == VQT_REGION_LEGACY ? !qemu_legacy(t->d)
					: !replay_layout_place(&t->layout, region, &p))
		return -ENXIO;
	if (off > p.length || width > p.length - off)
		return -ENXIO;
	if (region != VQT_REGION_MSIX_TABLE)
		return bar_access(t, &p, off, width, value, write);
	return width == 8 && off % 4 == 0 ? msix_halves(t, &p, off, value, write)
					  : msix_access(t, &p, off, width, value, write);
}
