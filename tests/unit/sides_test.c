/* SPDX-License-Identifier: MIT */
/* What both sides recorded of a device, compared: what agrees, what contradicts, what is unknown. */
#include <linux/virtio_ids.h>
#include <linux/virtio_pci.h>
#include <linux/virtio_ring.h>
#include <stdlib.h>

#include "decoder/check/sides.h"
#include "tests/unit/record_builder.h"
#include "tests/unit/tap.h"

#define ERROR 5000 /* ns, of the driver's clock */

struct both {
	struct record_builder t;
	struct sides *s;
	uint32_t seq[3]; /* by source */
	unsigned found;
	char text[200];
	uint64_t driver, host;
};

static void on_found(void *opaque, const struct sides_contradiction *c)
{
	struct both *b = opaque;

	b->found++;
	b->driver = c->driver;
	b->host = c->host;
	snprintf(b->text, sizeof(b->text), "%s", c->text);
	CHECK_STR(c->device->name, "blk0");
}

static void feed(struct both *b)
{
	sides_feed(b->s, b->t.model, &b->t.e);
}

/* Each source counts its own records. */
static void as(struct both *b, uint8_t source)
{
	b->seq[b->t.source] = b->t.seq;
	b->t.seq = b->seq[source];
	b->t.source = source;
	b->t.device = source;
}

static void as_driver(struct both *b)
{
	as(b, 2);
	b->t.tid = 77;
}

static void as_device(struct both *b)
{
	as(b, 1);
	b->t.tid = 5;
}

static void describe_driver(struct both *b)
{
	struct vqt_device device = { .virtio_id = VIRTIO_ID_BLOCK, .peer = 1, .bdf = ~0U };

	as_driver(b);
	builder_add(&b->t, VQT_DEVICE, &device, sizeof(device), NULL, 0);
	CHECK(b->t.e.dev->peer != NULL);
}

static void begin_sources(struct both *b)
{
	struct vqt_source source = { .kind = VQT_SRC_GUEST, .clock = VQT_CLOCK_MAPPED };
	struct vqt_clock clock = { .other = 2, .error = ERROR };

	memset(b, 0, sizeof(*b));
	builder_begin(&b->t);
	b->t.source = 1;
	b->s = sides_new(on_found, b);
	as_driver(b);
	b->t.device = 0;
	builder_add(&b->t, VQT_SOURCE, &source, sizeof(source), NULL, 0);
	as_device(b);
	builder_add(&b->t, VQT_CLOCK, &clock, sizeof(clock), NULL, 0);
}

static void begin(struct both *b)
{
	begin_sources(b);
	describe_driver(b);
}

static void end(struct both *b)
{
	sides_finish(b->s, b->t.model);
	sides_free(b->s);
	builder_finish(&b->t);
}

static void call_of(struct both *b, const char *name, unsigned phase)
{
	struct vqt_guest g = { .what = VQT_GUEST_LIFECYCLE,
			       .phase = (uint8_t)phase,
			       .len = (uint16_t)strlen(name) };

	as_driver(b);
	builder_add(&b->t, VQT_GUEST, &g, sizeof(g), name, strlen(name));
	feed(b);
}

static void call(struct both *b, unsigned phase)
{
	call_of(b, "vp_set_status", phase);
}

/* A write by a function of the driver's, and what the device got: -1 nothing. */
static void wrote(struct both *b, uint64_t value, int64_t got)
{
	call(b, VQT_GUEST_ENTRY);
	builder_write(&b->t, VQT_REGION_COMMON, VIRTIO_PCI_COMMON_STATUS, 1, value);
	feed(b);
	as_device(b);
	if (got >= 0) {
		builder_write(&b->t, VQT_REGION_COMMON, VIRTIO_PCI_COMMON_STATUS, 1, (uint64_t)got);
		feed(b);
	}
	call(b, VQT_GUEST_RETURN);
}

/* Time passes, and the device's side is recorded then, too. */
static void later(struct both *b)
{
	b->t.ts += 10 * ERROR;
	as_device(b);
	builder_read(&b->t, VQT_REGION_COMMON, VIRTIO_PCI_COMMON_CFGGENERATION, 1, 0);
	feed(b);
}

static void lose(struct both *b)
{
	struct vqt_loss loss = { .lost = 1, .why = VQT_LOSS_BUFFER };

	builder_add(&b->t, VQT_LOSS, &loss, sizeof(loss), NULL, 0);
	feed(b);
}

static const struct sides_count *count(const struct both *b, enum sides_what what)
{
	return &sides_counts(b->s)[what];
}

static void registers(void)
{
	struct both b;

	begin(&b);
	later(&b);
	wrote(&b, 1, 1);
	later(&b);
	wrote(&b, 3, 3);
	CHECK_EQ(count(&b, SIDES_WRITE)->agree, 1); /* the second one's time has not passed */
	later(&b);
	CHECK_EQ(count(&b, SIDES_WRITE)->agree, 2);
	CHECK_EQ(b.found, 0);
	wrote(&b, 11, 9);
	later(&b);
	CHECK_EQ(count(&b, SIDES_WRITE)->differ, 1);
	CHECK_STR(b.text, "the driver wrote device_status = 0xb, the device got 0x9");
	CHECK(b.host > b.driver);
	wrote(&b, 15, -1);
	later(&b);
	CHECK_EQ(count(&b, SIDES_WRITE)->missing, 1);
	CHECK_STR(b.text, "the driver wrote device_status = 0xf, and the device has not seen that");
	CHECK_EQ(b.host, 0);
	CHECK_EQ(b.found, 2);
	end(&b);
}

/* What may have been, or is still to come, contradicts nothing. */
static void unknown(void)
{
	struct both b;

	begin(&b);
	/* no register of the device was ever recorded on its side */
	wrote(&b, 1, -1);
	as_device(&b);
	b.t.ts += 10 * ERROR;
	builder_irq(&b.t, VQT_IRQ_SIGNAL, 0);
	feed(&b);
	CHECK_EQ(count(&b, SIDES_WRITE)->unknown, 1);
	/* the device's record of it may be lost */
	later(&b);
	wrote(&b, 3, -1);
	as_device(&b);
	lose(&b);
	later(&b);
	CHECK_EQ(count(&b, SIDES_WRITE)->unknown, 2);
	/* in two halves */
	call(&b, VQT_GUEST_ENTRY);
	builder_write(&b.t, VQT_REGION_DEVICE, 0, 8, 5);
	feed(&b);
	as_device(&b);
	builder_write(&b.t, VQT_REGION_DEVICE, 0, 4, 5);
	feed(&b);
	builder_write(&b.t, VQT_REGION_DEVICE, 4, 4, 0);
	feed(&b);
	call(&b, VQT_GUEST_RETURN);
	later(&b);
	CHECK_EQ(count(&b, SIDES_WRITE)->unknown, 3);
	/* the function has not returned when the trace ends */
	call(&b, VQT_GUEST_ENTRY);
	builder_write(&b.t, VQT_REGION_COMMON, VIRTIO_PCI_COMMON_STATUS, 1, 15);
	feed(&b);
	later(&b);
	sides_finish(b.s, b.t.model);
	CHECK_EQ(count(&b, SIDES_WRITE)->unknown, 4);
	CHECK_EQ(b.found, 0);
	end(&b);
}

static void avail(struct both *b, uint16_t head, uint64_t addr)
{
	const struct vqt_desc desc[] = { { addr, 16, VRING_DESC_F_NEXT, 1 },
					 { 0x2000, 1, VRING_DESC_F_WRITE, 0 } };

	builder_avail(&b->t, head, desc, 2, 4, 0);
	feed(b);
}

static void used(struct both *b, uint16_t head, uint32_t len)
{
	builder_used(&b->t, head, len, 0);
	feed(b);
}

static void chains(void)
{
	struct both b;

	begin(&b);
	as_driver(&b);
	avail(&b, 0, 0x1000);
	as_device(&b);
	avail(&b, 0, 0x1000);
	used(&b, 0, 1);
	as_driver(&b);
	used(&b, 0, 1);
	CHECK_EQ(count(&b, SIDES_CHAIN)->agree, 1);
	CHECK_EQ(count(&b, SIDES_USED)->agree, 1);
	/* in the other order, as far as the clocks are known */
	as_device(&b);
	avail(&b, 1, 0x1000);
	as_driver(&b);
	avail(&b, 1, 0x9000);
	CHECK_EQ(count(&b, SIDES_CHAIN)->differ, 1);
	CHECK_STR(b.text,
		  "the device popped head 1 with a buffer at another address than the driver "
		  "added");
	as_device(&b);
	used(&b, 1, 1);
	as_driver(&b);
	used(&b, 1, 513);
	CHECK_EQ(count(&b, SIDES_USED)->differ, 1);
	CHECK_STR(b.text, "the driver took id 1 with length 513, the device wrote 1");
	/* what the device used before it was reset is not what its driver takes later */
	as_device(&b);
	avail(&b, 2, 0x1000);
	used(&b, 2, 7);
	builder_write(&b.t, VQT_REGION_COMMON, VIRTIO_PCI_COMMON_STATUS, 1, 0);
	feed(&b);
	as_driver(&b);
	avail(&b, 2, 0x1000);
	used(&b, 2, 1);
	CHECK_EQ(count(&b, SIDES_USED)->differ, 1);
	CHECK_EQ(b.found, 2);
	end(&b);
}

/* What the driver reads first of a device tells that it is one: by then the device has answered. */
static void first_reads(struct both *b, uint64_t got)
{
	begin_sources(b);
	later(b);
	b->t.ts += 10 * ERROR;
	call_of(b, "virtio_mmio_probe", VQT_GUEST_ENTRY);
	as_device(b);
	builder_read(&b->t, VQT_REGION_COMMON, VIRTIO_PCI_COMMON_NUMQ, 2, got);
	feed(b);
	describe_driver(b);
	builder_read(&b->t, VQT_REGION_COMMON, VIRTIO_PCI_COMMON_NUMQ, 2, 4);
	feed(b);
	later(b);
	later(b);
}

static void before_the_driver(void)
{
	struct both b;

	first_reads(&b, 4);
	CHECK_EQ(count(&b, SIDES_READ)->agree, 1);
	CHECK_EQ(b.found, 0);
	end(&b);
	first_reads(&b, 5);
	CHECK_EQ(count(&b, SIDES_READ)->differ, 1);
	end(&b);
}

/* What an interrupt's handler has read is concluded, so it contradicts nobody. */
static void isr_status(void)
{
	struct both b;

	begin(&b);
	later(&b);
	call(&b, VQT_GUEST_ENTRY);
	as_device(&b);
	builder_read(&b.t, VQT_REGION_ISR, 0, 1, 3);
	feed(&b);
	as_driver(&b);
	builder_read(&b.t, VQT_REGION_ISR, 0, 1, 1);
	feed(&b);
	call(&b, VQT_GUEST_RETURN);
	later(&b);
	CHECK_EQ(count(&b, SIDES_READ)->unknown, 1);
	CHECK_EQ(b.found, 0);
	end(&b);
}

/* Between the call and its access an interrupt comes: the call is not over when that is. */
static void interrupted(void)
{
	struct both b;

	begin(&b);
	later(&b);
	call(&b, VQT_GUEST_ENTRY);
	builder_write(&b.t, VQT_REGION_COMMON, VIRTIO_PCI_COMMON_STATUS, 1, 7);
	feed(&b);
	call_of(&b, "virtio_config_changed", VQT_GUEST_ENTRY);
	call_of(&b, "virtio_config_changed", VQT_GUEST_RETURN);
	later(&b);
	later(&b);
	as_device(&b);
	builder_write(&b.t, VQT_REGION_COMMON, VIRTIO_PCI_COMMON_STATUS, 1, 7);
	feed(&b);
	call(&b, VQT_GUEST_RETURN);
	later(&b);
	later(&b);
	CHECK_EQ(count(&b, SIDES_WRITE)->agree, 1);
	CHECK_EQ(b.found, 0);
	end(&b);
}

/* In older traces the access stands in front of the entry of its function. */
static void in_front(void)
{
	struct both b;

	begin(&b);
	later(&b);
	call(&b, VQT_GUEST_RETURN);
	builder_write(&b.t, VQT_REGION_COMMON, VIRTIO_PCI_COMMON_STATUS, 1, 0);
	feed(&b);
	call(&b, VQT_GUEST_ENTRY);
	later(&b);
	later(&b);
	as_device(&b);
	builder_write(&b.t, VQT_REGION_COMMON, VIRTIO_PCI_COMMON_STATUS, 1, 0);
	feed(&b);
	call(&b, VQT_GUEST_RETURN);
	later(&b);
	later(&b);
	CHECK_EQ(count(&b, SIDES_WRITE)->agree, 1);
	CHECK_EQ(b.found, 0);
	end(&b);
}

static const struct tap_test tests[] = {
	{ "registers", registers },
	{ "what cannot be compared", unknown },
	{ "chains and completions", chains },
	{ "registers read before the driver is known", before_the_driver },
	{ "the ISR status", isr_status },
	{ "a call that is interrupted", interrupted },
	{ "an access in front of its function", in_front },
};
TAP_MAIN(tests)
