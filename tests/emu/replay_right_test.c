/* SPDX-License-Identifier: MIT */
/*
 * What differs between two devices that are both right, or follows from what replay knows of
 * the recorded one, is no difference; beside each, an answer that is wrong all the same.
 */
#include <linux/virtio_ids.h>
#include <linux/virtio_net.h>
#include <stdlib.h>

#include "decoder/class/blk.h"
#include "decoder/spec/constants.h"
#include "tests/emu/recording.h"
#include "tests/emu/tap.h"

static bool is_reg(const struct vqt_reg *r, unsigned op, unsigned region, unsigned offset)
{
	return r->h.type == VQT_REG && r->op == op && r->region == region && r->offset == offset;
}

static bool is_used(const void *rec)
{
	return ((const struct vqt_hdr *)rec)->type == VQT_USED;
}

/* The nth such access (from 0), from record `from` on; exits where there is none. */
static unsigned find(struct recording *t, unsigned from, int n, unsigned op, unsigned region,
		     unsigned offset)
{
	for (unsigned i = from; i < t->count; i++)
		if (is_reg(recording_at(t, i), op, region, offset) && n-- == 0)
			return i;
	printf("Bail out! no such register access\n");
	exit(1);
}

static struct vqt_reg *reg_at(struct recording *t, unsigned n)
{
	return recording_at(t, n);
}

static void put_reg(struct recording *t, unsigned n, unsigned op, unsigned region, unsigned offset,
		    unsigned width, uint64_t value)
{
	struct vqt_reg r = { .h.type = VQT_REG,
			     .op = op,
			     .region = region,
			     .offset = offset,
			     .width = width,
			     .value = value };
	recording_splice(t, n, &r, sizeof(r));
}

static void put_step(struct recording *t, unsigned n, unsigned what, uint64_t arg, uint32_t tid)
{
	struct vqt_lifecycle l = { .h.type = VQT_LIFECYCLE, .what = what, .arg = { arg } };
	struct vqt_hdr *h = recording_splice(t, n, &l, sizeof(l));
	h->tid = tid;
}

static void cut(struct recording *t, unsigned n)
{
	while (t->count > n)
		recording_delete(t, t->count - 1);
}

static void none(struct recording *t, const char *what)
{
	struct outcome o;
	recording_replay(t, NULL, &o);
	if (!ok(o.rc == 0 && !o.differences && o.n.registers.equal > 10, "%s", what))
		outcome_names(&o, 0, "nothing");
}

static void one(struct recording *t, unsigned n, const char *subject, const char *what)
{
	struct outcome o;
	recording_replay(t, NULL, &o);
	ok(outcome_names(&o, n + 1, subject) && o.differences == 1, "%s: a wrong answer is found",
	   what);
}

/* --- resets by the platform -------------------------------------------------------------- */

#define MAIN_LOOP 77777 /* a thread that is no processor's */

/*
 * Firmware has placed the BARs of a device that no driver uses; then the machine is reset.
 * status: write 0 to device_status just before, in the same thread as the reset or not.
 */
static void test_reset(bool status, bool same_thread)
{
	static const char *const words = "a machine is reset";
	struct recording t;
	recording_load(&t, "traces/qemu7-q1.pcap");
	unsigned first = find(&t, 0, 0, VQT_WRITE, VQT_REGION_COMMON, VIRTIO_PCI_COMMON_STATUS);
	uint32_t processor = ((struct vqt_hdr *)recording_at(&t, first))->tid;
	unsigned placed = find(&t, 0, 0, VQT_READ, VQT_REGION_PCI, PCI_BASE_ADDRESS_4);
	uint64_t fresh = reg_at(&t, placed)->value, set = fresh;
	for (unsigned i = placed; i < first; i++)
		if (is_reg(recording_at(&t, i), VQT_WRITE, VQT_REGION_PCI, PCI_BASE_ADDRESS_4))
			set = reg_at(&t, i)->value | fresh;
	cut(&t, status ? first + 1 : first);
	put_step(&t, t.count, VQT_LIFECYCLE_RESET, 0, same_thread ? processor : MAIN_LOOP);
	/* as after a reset, unless it was the driver's own */
	bool kept = status && same_thread;
	put_reg(&t, t.count, VQT_READ, VQT_REGION_PCI, PCI_COMMAND, 2,
		kept ? PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_SERR : 0);
	put_reg(&t, t.count, VQT_READ, VQT_REGION_PCI, PCI_BASE_ADDRESS_4, 4, kept ? set : fresh);
	none(&t, words);
	reg_at(&t, t.count - 1)->value = kept ? fresh : set;
	one(&t, t.count - 1, "register.pci.bar4", words);
	recording_free(&t);
}

/* A legacy driver gives up its queue by writing 0: QEMU resets the device, but not its function. */
static void test_queue_given_up(void)
{
	struct recording t;
	recording_load(&t, "traces/qemu7-seabios-legacy.pcap");
	unsigned end = find(&t, 0, 1, VQT_READ, VQT_REGION_PCI, PCI_BASE_ADDRESS_0);
	while (!is_reg(recording_at(&t, end), VQT_WRITE, VQT_REGION_LEGACY, VIRTIO_PCI_STATUS) ||
	       !(reg_at(&t, end)->value & VIRTIO_CONFIG_S_DRIVER_OK))
		end++;
	cut(&t, end + 1);
	put_reg(&t, t.count, VQT_WRITE, VQT_REGION_LEGACY, VIRTIO_PCI_QUEUE_PFN, 4, 0);
	put_step(&t, t.count, VQT_LIFECYCLE_RESET, 0, reg_at(&t, end)->h.tid);
	put_reg(&t, t.count, VQT_READ, VQT_REGION_LEGACY, VIRTIO_PCI_STATUS, 1, 0);
	put_reg(&t, t.count, VQT_READ, VQT_REGION_PCI, PCI_COMMAND, 2,
		PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_SERR);
	none(&t, "a legacy driver gives up a queue");
	recording_free(&t);
}

/* --- PCI ------------------------------------------------------------------------------- */

/* A driver that sizes BARs with another value than all ones reads the same. */
static void test_sizing(const char *trace, unsigned bar, uint32_t ones)
{
	struct recording t;
	char what[80];
	unsigned at = PCI_BASE_ADDRESS_0 + 4 * bar;
	recording_load(&t, trace);
	for (unsigned i = 0; i < t.count; i++)
		if (is_reg(recording_at(&t, i), VQT_WRITE, VQT_REGION_PCI, at) &&
		    reg_at(&t, i)->value == UINT32_MAX)
			reg_at(&t, i)->value = ones;
	snprintf(what, sizeof(what), "BAR %u is sized with 0x%08x", bar, ones);
	none(&t, what);
	recording_free(&t);
}

/* Which bits of the command register there are is the device's choice. */
static void test_command(uint16_t bits, uint16_t kept)
{
	const uint16_t on = PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;
	struct recording t;
	recording_load(&t, "traces/qemu7-q1.pcap");
	/* of a device that is not QEMU's */
	for (unsigned i = 0; i < t.count;) {
		struct vqt_lifecycle *l = recording_at(&t, i);
		if (l->h.type == VQT_LIFECYCLE && l->what == VQT_LIFECYCLE_REGION)
			recording_delete(&t, i);
		else
			i++;
	}
	for (unsigned k = 0; k < 3; k++) {
		put_reg(&t, t.count, VQT_WRITE, VQT_REGION_PCI, PCI_COMMAND, 2, on | bits);
		put_reg(&t, t.count, VQT_READ, VQT_REGION_PCI, PCI_COMMAND, 2, on | kept);
	}
	none(&t, "bits of the command register that this device has or has not");
	reg_at(&t, t.count - 1)->value ^= PCI_COMMAND_MASTER;
	one(&t, t.count - 1, "register.pci.command", "the command register");
	recording_free(&t);
}

/* A driver that looks at nothing of the capabilities but their ids and links. */
static void test_pointers_only(void)
{
	struct recording t;
	uint8_t cap[256] = { 0 };
	unsigned left = 0;
	recording_load(&t, "traces/qemu7-q1.pcap");
	for (unsigned i = 0; i < t.count; i++) {
		const struct vqt_reg *r = recording_at(&t, i);
		if (is_reg(r, VQT_READ, VQT_REGION_PCI, r->offset) && r->offset >= 0x40 &&
		    r->offset < 256 && r->width <= 2 && (r->value & 0xff) == PCI_CAP_ID_VNDR)
			cap[r->offset] = 1;
	}
	for (unsigned i = 0; i < t.count;) {
		const struct vqt_reg *r = recording_at(&t, i);
		const struct vqt_lifecycle *l = recording_at(&t, i);
		bool inside = is_reg(r, VQT_READ, VQT_REGION_PCI, r->offset) && r->offset >= 0x40 &&
			      r->offset < 0x98 && !cap[r->offset] && !cap[r->offset - 1];
		if (inside || (l->h.type == VQT_LIFECYCLE && l->what == VQT_LIFECYCLE_REGION))
			recording_delete(&t, i);
		else
			i++;
	}
	for (unsigned i = 0; i < 256; i++)
		left += cap[i];
	is(left, 5, "the ids of five capabilities are left");
	none(&t, "capabilities are walked by pointers only");
	recording_free(&t);
}

/* --- configuration ------------------------------------------------------------------------- */

/* Played, and (but for what was not compared) equal. */
static void skips(struct recording *t, unsigned registers, unsigned interrupts, const char *what)
{
	struct outcome o;
	recording_replay(t, NULL, &o);
	if (!ok(o.rc == 0 && !o.differences, "%s", what))
		outcome_names(&o, 0, "nothing");
	is(o.n.registers.not_compared, registers, "%s: registers not compared", what);
	is(o.n.interrupts.not_compared, interrupts, "%s: interrupts not compared", what);
}

/* 5.8.4: what the configuration holds is selected by the driver. */
static void test_selected(void)
{
	static const struct {
		uint8_t select, size;
	} of[] = { { 1, 21 }, { 3, 8 }, { 1, 21 }, { 0x11, 29 } };
	struct recording t;
	struct outcome o;
	recording_load(&t, "traces/qemu7-q1.pcap");
	recording_set_type(&t, VIRTIO_ID_INPUT);
	recording_replay(&t, NULL, &o);
	for (unsigned i = 0; i < 4; i++) {
		put_reg(&t, t.count, VQT_WRITE, VQT_REGION_DEVICE, 0, 1, of[i].select);
		put_reg(&t, t.count, VQT_READ, VQT_REGION_DEVICE, 2, 1, of[i].size);
	}
	skips(&t, (unsigned)o.n.registers.not_compared + 4, 0, "configuration by selection");
	recording_free(&t);
}

/* What a driver's write does to the configuration, the emulator knows of its own devices only. */
static void test_written(void)
{
	struct recording t;
	struct outcome o;
	recording_load(&t, "traces/qemu7-q1.pcap");
	recording_set_type(&t, VIRTIO_ID_IOMEM);
	recording_replay(&t, NULL, &o);
	put_reg(&t, t.count, VQT_WRITE, VQT_REGION_DEVICE, 4, 4, 256);
	put_reg(&t, t.count, VQT_READ, VQT_REGION_DEVICE, 4, 4, 256);
	skips(&t, (unsigned)o.n.registers.not_compared + 1, 0, "configuration written");
	recording_free(&t);
}

/* A device that the emulator does not have notifies when it likes. */
static void test_notifies(void)
{
	struct recording t;
	struct outcome o;
	recording_load(&t, "traces/qemu7-q1.pcap");
	recording_set_type(&t, VIRTIO_ID_CONSOLE);
	recording_replay(&t, NULL, &o);
	for (unsigned i = t.count; i-- > 0;) {
		struct vqt_irq *r = recording_at(&t, i);
		if (r->h.type != VQT_IRQ || r->kind != VQT_IRQ_SIGNAL)
			continue;
		struct vqt_irq again = *r;
		struct vqt_hdr *h = recording_splice(&t, i + 1, &again, sizeof(again));
		h->queue = again.h.queue;
		break;
	}
	skips(&t, (unsigned)o.n.registers.not_compared, 1, "a notification for nothing used");
	recording_free(&t);
}

/*
 * Of a device that the emulator does not have, what it writes is not compared; where it can
 * write nothing, or ours does not, its used length is.
 */
static void test_lengths(void)
{
	struct recording t;
	struct outcome o;
	unsigned last = 0;
	recording_load(&t, "traces/qemu7-q1.pcap");
	recording_set_type(&t, VIRTIO_ID_BALLOON);
	for (unsigned i = 0; i < t.count; i++)
		if (is_used(recording_at(&t, i))) {
			((struct vqt_used *)recording_at(&t, i))->len = 0;
			last = i;
		}
	recording_replay(&t, NULL, &o);
	ok(o.rc == 0 && !o.differences && o.n.requests.equal == 70 && !o.n.requests.not_compared,
	   "a balloon writes nothing");
	((struct vqt_used *)recording_at(&t, last))->len = 1;
	one(&t, last, "request.used_len", "a balloon writes nothing");
	recording_free(&t);
	recording_load(&t, "traces/qemu7-net.pcap");
	last = 0;
	for (unsigned i = 0; i < t.count; i++) {
		struct vqt_used *u = recording_at(&t, i);
		if (is_used(u) && u->h.queue == 1 && !u->len)
			last = i;
	}
	((struct vqt_used *)recording_at(&t, last))->len = 1;
	one(&t, last, "request.used_len", "a packet is sent");
	recording_free(&t);
}

/* A link goes down and up: on a device that cannot do so, what was read then is not compared. */
static void test_link(bool can)
{
	struct recording t;
	struct replay_target_ops ops = replay_target_emu;
	struct replay_options opt = { .against = &ops };
	struct outcome o;
	if (!can)
		ops.config_change = NULL;
	recording_load(&t, "traces/qemu7-link-net.pcap");
	recording_replay(&t, &opt, &o);
	ok(o.rc == 0 && !o.differences && o.n.registers.not_compared > 1, "%s",
	   can ? "set_link" : "set_link, on a device that cannot");
	unsigned at = 0;
	while (!is_reg(recording_at(&t, at), VQT_READ, VQT_REGION_DEVICE, 6) ||
	       reg_at(&t, at)->width != 2)
		at++;
	reg_at(&t, at)->value ^= 0x100;
	recording_replay(&t, &opt, &o);
	ok(outcome_names(&o, at + 1, "register.device.status") && o.differences == 1,
	   "before that, a wrong status is found");
	recording_free(&t);
}

/* 5.1.6.5.2: the driver sets the MAC address, and reads it. */
static void test_mac(uint8_t status)
{
	struct recording t;
	struct outcome o;
	unsigned at = 0;
	recording_load(&t, "traces/qemu7-net.pcap");
	for (unsigned i = 0; i < t.count && !at; i++) {
		struct vqt_avail *a = recording_at(&t, i);
		uint8_t *bytes;
		if (a->h.type != VQT_AVAIL || a->h.queue != 2 || !a->nseg)
			continue;
		bytes = (uint8_t *)(a + 1) + a->ndesc * sizeof(struct vqt_desc) +
			sizeof(struct vqt_seg);
		bytes[0] = VIRTIO_NET_CTRL_MAC;
		bytes[1] = VIRTIO_NET_CTRL_MAC_ADDR_SET;
		at = i;
	}
	for (; at < t.count && !is_used(recording_at(&t, at)); at++)
		;
	((struct vqt_used *)recording_at(&t, at))->status = status;
	const uint16_t net = ((struct vqt_hdr *)recording_at(&t, at))->device;
	unsigned mac = 0;
	while (!is_reg(recording_at(&t, mac), VQT_READ, VQT_REGION_DEVICE, 0) ||
	       reg_at(&t, mac)->h.device != net)
		mac++;
	struct vqt_reg read = *reg_at(&t, mac);
	read.value ^= 0x42;
	recording_splice(&t, at + 1, &read, sizeof(read));
	recording_replay(&t, NULL, &o);
	if (status == VIRTIO_NET_OK)
		ok(o.rc == 0 && !o.differences, "a MAC address that the driver set");
	else
		ok(outcome_names(&o, at + 2, "register.device.mac"), "one that it could not set");
	recording_free(&t);
}

/* --- device_status ------------------------------------------------------------------------ */

/* QEMU takes DRIVER_OK back while bus mastering is off; others do not. */
static void test_bus_master(bool reported, uint8_t status)
{
	struct recording t;
	recording_load(&t, "traces/qemu7-q1.pcap");
	put_reg(&t, t.count, VQT_WRITE, VQT_REGION_PCI, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	if (reported)
		put_step(&t, t.count, VQT_LIFECYCLE_SET_STATUS, status, MAIN_LOOP);
	none(&t, "bus mastering goes off");
	for (unsigned i = 0; i < 2; i++)
		put_reg(&t, t.count, VQT_READ, VQT_REGION_COMMON, VIRTIO_PCI_COMMON_STATUS, 1,
			status);
	none(&t, "bus mastering goes off, device_status is read");
	reg_at(&t, t.count - 2)->value ^= VIRTIO_CONFIG_S_FEATURES_OK;
	one(&t, t.count - 2, "register.common.device_status", "without bus mastering");
	recording_free(&t);
}

/* What a running device was learned to offer has bits that only the legacy interface shows. */
static void test_learned(void)
{
	struct recording t;
	recording_load(&t, "traces/qemu7-late.pcap");
	put_reg(&t, t.count, VQT_WRITE, VQT_REGION_COMMON, VIRTIO_PCI_COMMON_STATUS, 1, 0);
	for (unsigned i = 0; i < 6; i++) {
		put_reg(&t, t.count, VQT_WRITE, VQT_REGION_COMMON, VIRTIO_PCI_COMMON_DFSELECT, 4,
			i % 2);
		put_reg(&t, t.count, VQT_READ, VQT_REGION_COMMON, VIRTIO_PCI_COMMON_DF, 4,
			i % 2 ? 0x101 : 0x30006e54);
	}
	struct outcome o;
	recording_replay(&t, NULL, &o);
	if (!ok(o.rc == 0 && !o.differences && o.n.registers.equal >= 6, "features, learned"))
		outcome_names(&o, 0, "nothing");
	reg_at(&t, t.count - 3)->value ^= 1 << VIRTIO_RING_F_EVENT_IDX;
	one(&t, t.count - 3, "register.common.device_feature[0]", "features, learned");
	/* before they were read, what was learned is all that is known */
	cut(&t, t.count - 12);
	for (unsigned i = 0; i < 2; i++)
		put_reg(&t, t.count, VQT_READ, VQT_REGION_COMMON, VIRTIO_PCI_COMMON_NUMQ, 2, 1);
	recording_replay(&t, NULL, &o);
	ok(o.rc == 0 && !o.differences, "features learned, and not read");
	recording_free(&t);
}

/* A legacy driver that writes one bit of device_status at a time, without the ones before. */
static void test_alone(void)
{
	struct recording t;
	unsigned last = 0;
	recording_load(&t, "traces/qemu7-legacy.pcap");
	for (unsigned i = 0; i < t.count; i++) {
		struct vqt_reg *r = recording_at(&t, i);
		if (r->h.type != VQT_REG || r->region != VQT_REGION_LEGACY ||
		    r->offset != VIRTIO_PCI_STATUS || !(r->value & VIRTIO_CONFIG_S_DRIVER_OK))
			continue;
		r->value = VIRTIO_CONFIG_S_DRIVER_OK;
		last = r->op == VQT_READ ? i : last;
	}
	ok(last, "a legacy driver reads device_status");
	none(&t, "DRIVER_OK is written alone");
	reg_at(&t, last)->value ^= VIRTIO_CONFIG_S_DRIVER_OK;
	one(&t, last, "register.legacy.device_status", "DRIVER_OK alone");
	recording_free(&t);
}

/* --- what a single read tells ---------------------------------------------------------------- */

/* Nothing but this read tells the value, so it is equal to itself: not compared.  Read again, it is. */
static void test_once(void)
{
	struct recording t;
	struct outcome before, o;
	recording_load(&t, "traces/qemu7-q1.pcap");
	recording_set_type(&t, VIRTIO_ID_IOMEM);
	recording_replay(&t, NULL, &before);
	put_reg(&t, t.count, VQT_READ, VQT_REGION_DEVICE, 200, 4, 0x1234);
	recording_replay(&t, NULL, &o);
	ok(!o.differences && o.n.registers.equal == before.n.registers.equal &&
		   o.n.registers.not_compared == before.n.registers.not_compared + 1,
	   "a value that is read once is not compared");
	put_reg(&t, t.count, VQT_READ, VQT_REGION_DEVICE, 200, 4, 0x1234);
	recording_replay(&t, NULL, &o);
	ok(!o.differences && o.n.registers.equal == before.n.registers.equal + 2,
	   "a value that is read twice is");
	recording_free(&t);
}

/* --- one cause, one difference ------------------------------------------------------------- */

static void folds(struct recording *t, unsigned differences, unsigned following,
		  const char *subject, const char *what)
{
	struct outcome o;
	recording_replay(t, NULL, &o);
	ok(o.rc == 0 && !strcmp(o.first.subject, subject), "%s: %s", what, o.first.subject);
	is(o.differences, differences, "%s: differences", what);
	is(o.n.divergences, differences, "%s: as counted", what);
	if (following)
		is(o.following, following, "%s: what follows", what);
	else
		ok(o.following && o.n.following == o.following, "%s: %u follow", what, o.following);
	recording_free(t);
}

/* Some devices process buffers before DRIVER_OK; ours never does, so nothing is used. */
static void test_never_started(void)
{
	struct recording t;
	recording_load(&t, "traces/qemu7-edk2.pcap");
	for (unsigned i = 0; i < t.count; i++) {
		struct vqt_reg *r = recording_at(&t, i);
		if (is_reg(r, VQT_WRITE, VQT_REGION_COMMON, VIRTIO_PCI_COMMON_STATUS))
			r->value &= ~(uint64_t)VIRTIO_CONFIG_S_DRIVER_OK;
	}
	folds(&t, 1, 0, "request.completion", "DRIVER_OK is never written");
}

/* The same wrong answer to each request of a type; beside it another one, which is not hidden. */
static void test_same_again(bool other)
{
	struct recording t;
	unsigned n = 0, at = 0;
	recording_load(&t, "traces/qemu7-edk2.pcap");
	for (unsigned i = 0; i < t.count; i++) {
		struct vqt_used *u = recording_at(&t, i);
		if (!is_used(u) || u->len < 513 || n == 5)
			continue;
		u->status = VIRTIO_BLK_S_UNSUPP;
		at = i;
		n++;
	}
	if (other)
		((struct vqt_used *)recording_at(&t, at))->status = VIRTIO_BLK_S_IOERR;
	folds(&t, other ? 2 : 1, other ? 3 : 4, "request.status",
	      other ? "one of them is another" : "a wrong status, again and again");
}

/* An answer that is wrong in length and in status is one answer. */
static void test_same_completion(void)
{
	struct recording t;
	recording_load(&t, "traces/qemu7-edk2.pcap");
	for (unsigned i = 0; i < t.count; i++) {
		struct vqt_used *u = recording_at(&t, i);
		if (!is_used(u) || u->len < 513)
			continue;
		u->len--;
		u->status = VIRTIO_BLK_S_UNSUPP;
		break;
	}
	folds(&t, 1, 1, "request.used_len", "length and status of one request");
}

/* What was used before the trace began may be announced in it. */
static void test_announced_late(void)
{
	struct recording t;
	unsigned i = 0;
	recording_load(&t, "traces/qemu7-late.pcap");
	while (((struct vqt_hdr *)recording_at(&t, i))->type != VQT_IRQ)
		i++;
	struct vqt_irq irq = *(struct vqt_irq *)recording_at(&t, i);
	unsigned first = 0;
	while (((struct vqt_hdr *)recording_at(&t, first))->type != VQT_KICK)
		first++;
	struct vqt_hdr *h = recording_splice(&t, first, &irq, sizeof(irq));
	h->queue = irq.h.queue;
	struct outcome o;
	recording_replay(&t, NULL, &o);
	ok(o.rc == 0 && !o.differences && o.n.requests.equal == 7, "a notification comes first");
	h = recording_splice(&t, first + 1, &irq, sizeof(irq));
	h->queue = irq.h.queue;
	one(&t, first + 1, "interrupt.spurious", "a second one");
	recording_free(&t);
}

/* A register that keeps its wrong value; once it was right, another one is another cause. */
static void test_register_again(bool right_between)
{
	static const struct {
		uint16_t value;
		bool wrong;
	} reads[] = { { 1, true }, { 2, true }, { 0, false }, { 4, true } };
	struct recording t;
	uint64_t vendor = VIRTIO_PCI_VENDOR;
	recording_load(&t, "traces/qemu7-q1.pcap");
	for (unsigned i = 0; i < 4; i++)
		if (reads[i].wrong || right_between)
			put_reg(&t, t.count, VQT_READ, VQT_REGION_PCI, PCI_VENDOR_ID, 2,
				vendor ^ reads[i].value);
	folds(&t, right_between ? 2 : 1, right_between ? 1 : 2, "register.pci.vendor_id",
	      right_between ? "a register that was right in between"
			    : "a register that stays wrong");
}

int main(void)
{
	test_once();
	test_never_started();
	test_same_again(false);
	test_same_again(true);
	test_same_completion();
	test_announced_late();
	test_register_again(false);
	test_register_again(true);
	test_reset(false, false);
	test_reset(true, false);
	test_reset(true, true);
	test_queue_given_up();
	test_sizing("traces/qemu7-ipxe-legacy.pcap", 0, 0xfffffffe);
	test_sizing("traces/qemu7-ipxe-legacy.pcap", 0, 0xfffffffc);
	test_sizing("traces/qemu7-mq4.pcap", 4, 0xfffffff0);
	test_sizing("traces/qemu7-mq4.pcap", 1, 0xfffff000);
	test_command(PCI_COMMAND_PARITY | PCI_COMMAND_SERR, PCI_COMMAND_SERR);
	test_command(PCI_COMMAND_PARITY, PCI_COMMAND_PARITY);
	test_command(PCI_COMMAND_INVALIDATE | PCI_COMMAND_FAST_BACK, PCI_COMMAND_INVALIDATE);
	test_pointers_only();
	test_selected();
	test_written();
	test_notifies();
	test_lengths();
	test_link(true);
	test_link(false);
	test_mac(VIRTIO_NET_OK);
	test_mac(VIRTIO_NET_ERR);
	test_bus_master(true, 0x0b);
	test_bus_master(false, 0x0b);
	test_bus_master(false, 0x0f);
	test_learned();
	test_alone();
	return done();
}
