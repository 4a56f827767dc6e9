/* SPDX-License-Identifier: MIT */
/*
 * A hostile guest: it drives the first virtio-blk device as no driver may, and changes descriptors,
 * indices, registers and features while requests run.  After that it is a right driver again, and
 * says whether the device serves it.  Multiboot; its command line:
 *
 *   seed=N    what it does follows from this (1)
 *   rounds=N  so many times from reset to reset (50)
 *   again     the right driver resets and begins again when nothing is answered for long: where what
 *             is behind the device comes back after a while
 *
 * It prints the seed, "half", "rounds done" and, once a sector that it has written is read back, "healthy";
 * then it goes on as a right driver, for ever.
 *
 * Where the device may be made to write is the arena, or no memory at all: a device that does as it
 * is told must not be able to harm this program.
 */
#include "bare.h"

#define ARENA 0x1000000U /* 16 MiB; the guest has 64 */
#define ARENA_SIZE 0x100000U
#define QUEUES 4
#define STEPS 200 /* of a round, at most */
#define PATIENCE 20000 /* reads of a register; after that a round goes on without */

enum { COMMON_SELECT = 0, COMMON_FEATURE = 4, DRIVER_SELECT = 8, DRIVER_FEATURE = 12 };
enum { STATUS = 20, QUEUE_SELECT = 22, QUEUE_SIZE = 24, QUEUE_VECTOR = 26, QUEUE_ENABLE = 28 };
enum { QUEUE_NOTIFY = 30, QUEUE_DESC = 32, QUEUE_DRIVER = 40, QUEUE_DEVICE = 48, QUEUE_RESET = 58 };

/* A queue's areas in the arena; where data and indirect tables are. */
static struct queue {
	volatile struct desc *desc;
	volatile uint16_t *avail, *used;
	uint32_t size, kick;
} queue[QUEUES];

static uint32_t state = 1;

static uint32_t rnd(uint32_t n)
{
	state ^= state << 13;
	state ^= state >> 17;
	state ^= state << 5;
	return n ? state % n : state;
}

static uint32_t one_in(uint32_t n)
{
	return !rnd(n);
}

/* --- what is written ------------------------------------------------------------------------ */

/* In the arena, or where no memory is. */
static uint64_t address(void)
{
	switch (rnd(24)) {
	case 0: return ~0ULL - rnd(4096);
	case 1: return 0x100000000000ULL + rnd(0);
	case 2: return ARENA + ARENA_SIZE - rnd(64); /* its end is within memory */
	case 3: return 0xfee00000; /* no memory: interrupts, which are off */
	default: return ARENA + rnd(ARENA_SIZE / 2);
	}
}

/* What is behind the arena is memory that nobody uses, for 15 MiB. */
static uint32_t length(void)
{
	static const uint32_t odd[] = { 0, 1, 15, 16, 511, 513, 0x7fff, 0xffff, 0xffffffff };

	return one_in(4) ? odd[rnd(9)] : 512 * (1 + rnd(8));
}

static void set_desc(volatile struct desc *d, uint64_t addr, uint32_t len, uint32_t flags,
		     uint32_t next)
{
	d->addr = addr;
	d->len = len;
	d->flags = (uint16_t)flags;
	d->next = (uint16_t)next;
}

static void any_desc(volatile struct desc *d, uint32_t size)
{
	set_desc(d, address(), length(), one_in(3) ? rnd(0x10000) : rnd(8),
		 one_in(8) ? rnd(0x10000) : rnd(size));
}

/* Header, data, status: right but for what the dice say. */
static uint32_t almost_right(struct queue *q)
{
	uint32_t head = rnd(q->size), data = rnd(q->size), status = rnd(q->size);
	uint32_t header = ARENA + 0x80000 + 16 * rnd(1024), in = rnd(2);
	volatile uint32_t *h = (volatile uint32_t *)header;

	h[0] = one_in(8) ? rnd(32) : in ? 0 : 1;
	h[1] = 0;
	h[2] = one_in(16) ? rnd(0) : rnd(2048);
	h[3] = 0;
	set_desc(q->desc + head, header, one_in(16) ? length() : 16, 1, data);
	set_desc(q->desc + data, one_in(4) ? address() : ARENA + 0x40000 + 512 * rnd(512),
		 one_in(4) ? length() : 512 * (1 + rnd(8)), in ? 3 : 1, status);
	set_desc(q->desc + status, ARENA + 0x90000 + rnd(4096), one_in(16) ? length() : 1, 2, 0);
	if (one_in(6)) { /* as an indirect table, in which the chain may be as it is here */
		uint32_t table = one_in(4) ? (uint32_t)q->desc : ARENA + 0xa0000 + 16 * rnd(256);

		for (uint32_t i = 0; i < 3; i++)
			any_desc((volatile struct desc *)table + i, 4);
		set_desc(q->desc + head, table, one_in(4) ? length() : 16 * (1 + rnd(64)),
			 4 | (one_in(8) ? 1 : 0), data);
	}
	return head;
}

static void offer(struct queue *q, uint32_t head)
{
	uint16_t idx = q->avail[1];

	q->avail[2 + idx % q->size] = (uint16_t)head;
	__asm__ volatile("" ::: "memory");
	q->avail[1] = (uint16_t)(idx + 1);
}

static void kick(struct queue *q)
{
	__asm__ volatile("mfence" ::: "memory");
	put(q->kick, 2, one_in(32) ? rnd(0x10000) : (uint32_t)(q - queue));
}

/* --- registers -------------------------------------------------------------------------------- */

static void select(uint32_t n)
{
	put(common + QUEUE_SELECT, 2, n);
}

/* Where an area of a queue may be: also on others, or not in memory. */
static void place(uint32_t reg, volatile void *right)
{
	uint64_t at = one_in(16) ? address() : (uint32_t)right;

	if (one_in(32))
		at += 1 + rnd(16);
	put(common + reg, 4, (uint32_t)at);
	put(common + reg + 4, 4, (uint32_t)(at >> 32));
}

static void set_queue(uint32_t n)
{
	struct queue *q = queue + n;
	uint32_t base = ARENA + 0xc0000 + n * 0x8000;

	q->desc = (volatile struct desc *)base;
	q->avail = (volatile uint16_t *)(base + 0x4000);
	q->used = (volatile uint16_t *)(base + 0x5000);
	q->size = 1U << rnd(8);
	select(n);
	put(common + QUEUE_SIZE, 2, one_in(16) ? rnd(0x10000) : q->size);
	place(QUEUE_DESC, q->desc);
	place(QUEUE_DRIVER, q->avail);
	place(QUEUE_DEVICE, q->used);
	for (uint32_t i = 0; i < 2 + q->size; i++)
		q->avail[i] = 0;
	q->kick = notify + (get(common + QUEUE_NOTIFY, 2) & 0xff) * multiplier;
	put(common + QUEUE_ENABLE, 2, one_in(32) ? rnd(0x10000) : 1);
}

static void features(void)
{
	for (uint32_t i = 0; i < 2; i++) {
		uint32_t offered;

		put(common + COMMON_SELECT, 4, i);
		offered = get(common + COMMON_FEATURE, 4);
		put(common + DRIVER_SELECT, 4, one_in(32) ? rnd(0) : i);
		/* VERSION_1 mostly, a packed ring (bit 34) sometimes */
		offered &= rnd(0) | (one_in(16) ? 0 : i);
		put(common + DRIVER_FEATURE, 4, one_in(16) ? rnd(0) : offered);
	}
}

static void reset(void)
{
	put(common + STATUS, 1, 0);
	for (uint32_t i = 0; i < PATIENCE && get(common + STATUS, 1); i++)
		;
}

static void begin_round(void)
{
	if (!one_in(8))
		reset();
	put(common + STATUS, 1, 1);
	put(common + STATUS, 1, 3);
	features();
	put(common + STATUS, 1, 11);
	for (uint32_t i = 0; i < QUEUES; i++)
		if (!i || one_in(2))
			set_queue(i);
	if (!one_in(16))
		put(common + STATUS, 1, 15);
}

/* Any register of the common structure, written with anything, or read. */
static void any_register(void)
{
	uint32_t width = 1U << rnd(3), at = rnd(64) & ~(width - 1);

	if (at >= QUEUE_DESC && at < QUEUE_DESC + 24)
		place(QUEUE_DESC + 8 * rnd(3), queue[0].desc + rnd(64));
	else if (one_in(3))
		get(common + at, width);
	else
		put(common + at, width, rnd(0));
}

/* Memory decoding or bus mastering off for a moment; or the BARs. */
static void configuration(void)
{
	uint32_t command = config_read(4), at = 0x10 + 4 * rnd(6), bar = config_read(at);

	switch (rnd(4)) {
	case 0: config_write(4, command & ~4U); break;
	case 1: config_write(4, command & ~2U); break;
	case 2: config_write(at, ~0U); break;
	default: config_read(rnd(64) * 4);
	}
	if (one_in(2))
		put(queue[0].kick, 2, 0);
	config_write(at, bar);
	config_write(4, command | 6);
}

/* --- a round ------------------------------------------------------------------------------------ */

/* Some of what is there is changed, again and again, while the device may be at it. */
static void race(struct queue *q)
{
	uint32_t at = rnd(q->size), head = q->avail[2 + at];
	volatile struct desc *d = q->desc + head % q->size;
	struct desc was = { d->addr, d->len, d->flags, d->next };

	kick(q);
	for (uint32_t i = rnd(200); i; i--) {
		any_desc(d, q->size);
		set_desc(d, was.addr, was.len, was.flags, was.next);
		q->avail[2 + at] = (uint16_t)rnd(q->size);
		if (one_in(64))
			q->avail[1] = (uint16_t)(q->avail[1] + rnd(4));
		if (one_in(128))
			q->used[1] = (uint16_t)rnd(0);
	}
}

static void step(void)
{
	struct queue *q = queue + (one_in(4) ? rnd(QUEUES) : 0);

	if (!q->desc)
		q = queue;
	switch (rnd(20)) {
	case 0:
	case 1:
	case 2:
	case 3:
	case 4:
		for (uint32_t i = 1 + rnd(8); i; i--)
			offer(q, almost_right(q));
		kick(q);
		break;
	case 5:
	case 6:
	case 7: race(q); break;
	case 8: any_desc(q->desc + rnd(q->size), q->size); break;
	case 9: offer(q, one_in(4) ? rnd(0x10000) : rnd(q->size)); break;
	case 10:
		q->avail[1] = (uint16_t)(q->avail[1] + (one_in(4) ? rnd(0x10000) : rnd(300)));
		break;
	case 11: q->avail[0] = (uint16_t)rnd(4); break;
	case 12: q->used[rnd(2 + 4 * q->size)] = (uint16_t)rnd(0); break;
	case 13: any_register(); break;
	case 14: set_queue((uint32_t)(q - queue)); break; /* while it runs */
	case 15:
		select((uint32_t)(q - queue));
		put(common + QUEUE_RESET, 2, 1);
		break;
	case 16: features(); break;
	case 17: put(common + STATUS, 1, one_in(2) ? 0 : rnd(256)); break; /* not awaited */
	case 18: configuration(); break;
	default: kick(q);
	}
}

static void round(void)
{
	begin_round();
	for (uint32_t i = rnd(STEPS); i; i--)
		step();
}

/* --- a right driver ------------------------------------------------------------------------------ */

static void right_set_up(void)
{
	uint32_t base = ARENA + 0xc0000;

	config_write(4, config_read(4) | 6);
	put(common + STATUS, 1, 0);
	while (get(common + STATUS, 1))
		;
	for (uint32_t i = 0; i < 0x8000; i += 4)
		*(volatile uint32_t *)(base + i) = 0;
	put(common + STATUS, 1, 1);
	put(common + STATUS, 1, 3);
	for (uint32_t i = 0; i < 2; i++) {
		put(common + DRIVER_SELECT, 4, i);
		put(common + DRIVER_FEATURE, 4, i); /* VERSION_1 and nothing else */
	}
	put(common + STATUS, 1, 11);
	if (get(common + STATUS, 1) != 11)
		end("sick: no FEATURES_OK");
	queue[0].desc = (volatile struct desc *)base;
	queue[0].avail = (volatile uint16_t *)(base + 0x4000);
	queue[0].used = (volatile uint16_t *)(base + 0x5000);
	queue[0].size = 8;
	select(0);
	put(common + QUEUE_SIZE, 2, 8);
	put64(common + QUEUE_DESC, queue[0].desc);
	put64(common + QUEUE_DRIVER, queue[0].avail);
	put64(common + QUEUE_DEVICE, queue[0].used);
	put(common + QUEUE_ENABLE, 2, 1);
	put(common + STATUS, 1, 15);
}

static int begins_again;

/* A sector written or read; its status, or -1: no answer. */
static int right_request(uint32_t type, uint32_t data)
{
	volatile uint32_t *header = (volatile uint32_t *)(ARENA + 0x1000);
	volatile uint8_t *status = (volatile uint8_t *)(ARENA + 0x1100);
	uint16_t next = (uint16_t)(queue[0].avail[1] + 1);

	header[0] = type;
	header[1] = header[3] = 0;
	header[2] = 7;
	*status = 0xff;
	set_desc(queue[0].desc, (uint32_t)header, 16, 1, 1);
	set_desc(queue[0].desc + 1, data, 512, type ? 1 : 3, 2);
	set_desc(queue[0].desc + 2, (uint32_t)status, 1, 2, 0);
	offer(queue, 0);
	__asm__ volatile("mfence" ::: "memory");
	put(queue[0].kick, 2, 0);
	for (uint32_t i = 0; queue[0].used[1] != next; i++) {
		if (begins_again && i == 100 * PATIENCE)
			return -1;
		__asm__ volatile("pause");
	}
	return *status;
}

/* Whether it was answered. */
static int right_driver(void)
{
	volatile uint32_t *out = (volatile uint32_t *)(ARENA + 0x2000), *in = out + 0x400;

	for (uint32_t i = 0; i < 128; i++) {
		out[i] = rnd(0);
		in[i] = 0;
	}
	for (uint32_t type = 2; type--;) {
		int status = right_request(type, (uint32_t)(type ? out : in));

		if (status < 0)
			return 0;
		if (status)
			end("sick: a request failed");
	}
	for (uint32_t i = 0; i < 128; i++)
		if (in[i] != out[i])
			end("sick: what was read is not what was written");
	return 1;
}

void start(const uint32_t *info)
{
	const char *line = info[0] & 4 ? (const char *)info[4] : "";
	uint32_t rounds = find(line, "rounds=") ? number(find(line, "rounds=")) : 50;
	uint32_t seed = find(line, "seed=") ? number(find(line, "seed=")) : 1;

	state = (seed * 2654435761U) | 1;
	print("seed ");
	print_number(seed);
	print("\n");
	if (!find_disk())
		end("no disk");
	config_write(4, config_read(4) | 6);
	read_capabilities();
	for (uint32_t i = 0; i < rounds; i++) {
		round();
		if (i == rounds / 2)
			print("half\n");
	}
	print("rounds done\n");
	select(0);
	queue[0].kick = notify + get(common + QUEUE_NOTIFY, 2) * multiplier;
	begins_again = find(line, "again") != 0;
	do
		right_set_up();
	while (!right_driver());
	print("healthy\n");
	begins_again = 0;
	for (;;)
		right_driver();
}
