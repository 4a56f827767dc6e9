/* SPDX-License-Identifier: MIT */
/*
 * A libblkio client of a vhost-user-blk server: measures, or writes in every way
 * there is and keeps a copy of what the disk must then hold.
 *
 *   client SOCKET bench DEPTH SECONDS [QUEUES]  random reads of 4 KiB, a second: a number
 *   client SOCKET verify QUEUES SEED COPY       COPY: what is on the disk afterwards
 *   client SOCKET load DEPTH REQUESTS [QUEUES]  writes, then reads that must find them; so many
 *                                               requests in all
 */
#include <blkio.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>

#define BLOCK 4096u
#define QUEUES_MAX 16
#define DEPTH_MAX 256
#define PART (64 * BLOCK)
#define ROUND 16 /* writes in flight on each queue */
#define MUST(call) \
	do { \
		int ret_ = (call); \
		if (ret_ < 0) \
			die(#call, ret_); \
	} while (0)

static struct blkio *b;
static struct blkioq *queue[QUEUES_MAX];
static unsigned nqueues;
static uint64_t capacity, rng = 88172645463325252ull;
static struct blkio_mem_region mem;

static void die(const char *what, int err)
{
	fprintf(stderr, "client: %s: %s (%s)\n", what, strerror(-err), blkio_get_error_msg());
	exit(2);
}

static uint64_t rnd(void)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return rng;
}

static void open_device(const char *path, unsigned queues, size_t len)
{
	nqueues = queues && queues <= QUEUES_MAX ? queues : 1;
	MUST(blkio_create("virtio-blk-vhost-user", &b));
	MUST(blkio_set_str(b, "path", path));
	MUST(blkio_connect(b));
	MUST(blkio_get_uint64(b, "capacity", &capacity));
	MUST(blkio_set_int(b, "num-queues", (int)nqueues));
	MUST(blkio_start(b));
	MUST(blkio_alloc_mem_region(b, &mem, len));
	MUST(blkio_map_mem_region(b, &mem));
	for (unsigned i = 0; i < nqueues; i++)
		queue[i] = blkio_get_queue(b, (int)i);
}

/* Wait for n completions, all of which must be well. */
static void reap(struct blkioq *q, int n)
{
	struct blkio_completion c[DEPTH_MAX];
	int got;

	for (; n > 0; n -= got) {
		got = blkioq_do_io(q, c, 1, n < DEPTH_MAX ? n : DEPTH_MAX, NULL);
		if (got < 0)
			die("blkioq_do_io", got);
		for (int i = 0; i < got; i++)
			if (c[i].ret)
				die(c[i].error_msg ? c[i].error_msg : "a request", c[i].ret);
	}
}

/* --- measuring ---------------------------------------------------------------- */

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void read_somewhere(struct blkioq *q, uintptr_t slot)
{
	blkioq_read(q, rnd() % (capacity / BLOCK) * BLOCK, (char *)mem.addr + BLOCK * slot, BLOCK,
		    (void *)slot, 0);
}

/* Depth requests always in flight on each queue; one thread serves all. */
static int bench(const char *path, unsigned depth, double seconds, unsigned queues)
{
	struct blkio_completion c[DEPTH_MAX];
	double begin, end;
	uint64_t n = 0;

	depth = depth && depth <= DEPTH_MAX ? depth : 1;
	open_device(path, queues, (size_t)BLOCK * depth * (queues ? queues : 1));
	begin = now();
	end = begin + seconds;
	for (unsigned i = 0; i < nqueues; i++)
		for (unsigned k = 0; k < depth; k++)
			read_somewhere(queue[i], i * depth + k);
	while (now() < end)
		for (unsigned i = 0; i < nqueues; i++) {
			int got = blkioq_do_io(queue[i], c, 1, (int)depth, NULL);

			if (got < 0)
				die("blkioq_do_io", got);
			n += (unsigned)got;
			for (int k = 0; k < got; k++) {
				if (c[k].ret)
					die("a read", c[k].ret);
				read_somewhere(queue[i], (uintptr_t)c[k].user_data);
			}
		}
	printf("%.0f\n", (double)n / (now() - begin));
	for (unsigned i = 0; i < nqueues; i++)
		reap(queue[i], (int)depth);
	return 0;
}

/* --- so many ------------------------------------------------------------------ */

struct load {
	unsigned depth;
	uint64_t blocks, made, done, wrong;
	bool reading;
	uint64_t block[QUEUES_MAX * DEPTH_MAX]; /* of each slot */
};

static void stamp(uint64_t *at, uint64_t block)
{
	for (unsigned i = 0; i < BLOCK / sizeof(*at); i++)
		at[i] = block << 16 | i;
}

static void next(struct load *l, unsigned q, uintptr_t slot)
{
	char *at = (char *)mem.addr + BLOCK * slot;

	l->block[slot] = l->reading ? rnd() % l->blocks : l->made;
	l->made++;
	if (l->reading) {
		memset(at, 0x5a, BLOCK);
		blkioq_read(queue[q], l->block[slot] * BLOCK, at, BLOCK, (void *)slot, 0);
	} else {
		stamp((uint64_t *)(void *)at, l->block[slot]);
		blkioq_write(queue[q], l->block[slot] * BLOCK, at, BLOCK, (void *)slot, 0);
	}
}

static void finished(struct load *l, uintptr_t slot)
{
	uint64_t want[BLOCK / sizeof(uint64_t)];

	l->done++;
	stamp(want, l->block[slot]);
	l->wrong += memcmp(want, (char *)mem.addr + BLOCK * slot, BLOCK) != 0;
}

/* One turn of all queues: depth requests in flight on each until all are made. */
static void half(struct load *l, bool reading)
{
	struct blkio_completion c[DEPTH_MAX];

	l->reading = reading;
	l->made = l->done = 0;
	for (unsigned q = 0; q < nqueues; q++)
		for (unsigned i = 0; i < l->depth && l->made < l->blocks; i++)
			next(l, q, q * l->depth + i);
	while (l->done < l->blocks)
		for (unsigned q = 0; q < nqueues; q++) {
			/* waiting in one while another has work would be no load */
			int got = blkioq_do_io(queue[q], c, nqueues == 1, (int)l->depth, NULL);

			if (got < 0)
				die("blkioq_do_io", got);
			for (int i = 0; i < got; i++) {
				if (c[i].ret)
					die("a request", c[i].ret);
				finished(l, (uintptr_t)c[i].user_data);
				if (l->made < l->blocks)
					next(l, q, (uintptr_t)c[i].user_data);
			}
		}
}

static int load(const char *path, unsigned depth, uint64_t requests, unsigned queues)
{
	static struct load l;

	l.depth = depth && depth <= DEPTH_MAX ? depth : 1;
	open_device(path, queues, (size_t)BLOCK * l.depth * QUEUES_MAX);
	l.blocks = requests / 2;
	if (!l.blocks || l.blocks > capacity / BLOCK)
		die("that many requests do not fit the disk", -EINVAL);
	half(&l, false);
	half(&l, true);
	printf("%llu requests, %llu wrong\n", (unsigned long long)l.blocks * 2,
	       (unsigned long long)l.wrong);
	blkio_destroy(&b);
	return l.wrong ? 1 : 0;
}

/* --- integrity ---------------------------------------------------------------- */

static uint8_t *copy; /* of the disk */

static void fill(uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i += 8) {
		uint64_t v = rnd();

		memcpy(p + i, &v, n - i < 8 ? n - i : 8);
	}
}

/* One round on one queue: writes of various kinds, each to a place of its own. */
static void write_round(unsigned index, uint8_t *buf, uint64_t base, uint64_t blocks, bool last)
{
	static struct iovec all[QUEUES_MAX][ROUND][4];
	struct iovec(*iov)[4] = all[index];
	struct blkioq *q = queue[index];
	uint64_t step = blocks / ROUND;

	for (unsigned i = 0; i < ROUND; i++, buf += 4 * BLOCK) {
		uint64_t at = (base + i * step + rnd() % (step - 4)) * BLOCK;
		size_t len = (1 + rnd() % 8) * 512 * (1 + (i & 3));
		unsigned how = rnd() % 8;

		if (how == 0) {
			blkioq_write_zeroes(q, at, len, NULL, rnd() & 1 ? BLKIO_REQ_NO_UNMAP : 0);
			memset(copy + at, 0, len);
			continue;
		}
		fill(buf, len);
		memcpy(copy + at, buf, len);
		if (how < 5) {
			blkioq_write(q, at, buf, len, NULL, 0);
			continue;
		}
		/* in four pieces, none of them a sector */
		for (unsigned k = 0, part = 0; k < 4; k++, part += len / 4 - 4)
			iov[i][k] = (struct iovec){ buf + part, k < 3 ? len / 4 - 4 : len - part };
		blkioq_writev(q, at, iov[i], 4, NULL, last ? BLKIO_REQ_FUA : 0);
	}
}

/* What a discard leaves is anyone's guess: write there again. */
static void discard_round(struct blkioq *q, uint8_t *buf, uint64_t base)
{
	uint64_t at = base * BLOCK;

	blkioq_discard(q, at, PART, NULL, 0);
	reap(q, 1);
	fill(buf, PART);
	memcpy(copy + at, buf, PART);
	blkioq_write(q, at, buf, PART, NULL, 0);
	reap(q, 1);
}

static unsigned compare(struct blkioq *q, uint8_t *buf)
{
	unsigned bad = 0;

	for (uint64_t at = 0; at < capacity; at += PART) {
		size_t n = capacity - at < PART ? capacity - at : PART;

		memset(buf, 0xa5, n);
		blkioq_read(q, at, buf, n, NULL, 0);
		reap(q, 1);
		if (memcmp(buf, copy + at, n) && !bad++)
			fprintf(stderr, "client: differs at %llu or behind\n",
				(unsigned long long)at);
	}
	return bad;
}

static int verify(const char *path, unsigned queues, uint64_t seed, const char *to)
{
	unsigned bad = 0;
	uint64_t blocks;
	uint8_t *buf;
	FILE *f;

	rng += seed * 0x9e3779b97f4a7c15ull;
	open_device(path, queues, (size_t)PART * QUEUES_MAX);
	buf = mem.addr;
	copy = malloc(capacity);
	if (!copy)
		die("memory", -ENOMEM);
	/* what is there already */
	for (uint64_t at = 0; at < capacity; at += PART) {
		size_t n = capacity - at < PART ? capacity - at : PART;

		blkioq_read(queue[0], at, buf, n, NULL, 0);
		reap(queue[0], 1);
		memcpy(copy + at, buf, n);
	}
	blocks = capacity / BLOCK / nqueues;
	for (unsigned round = 0; round < 40; round++) {
		for (unsigned i = 0; i < nqueues; i++)
			write_round(i, buf + (size_t)PART * i, blocks * i, blocks, round == 39);
		for (unsigned i = 0; i < nqueues; i++)
			reap(queue[i], ROUND);
		for (unsigned i = 0; i < nqueues && round % 10 == 5; i++)
			discard_round(queue[i], buf, blocks * i);
	}
	for (unsigned i = 0; i < nqueues; i++) {
		blkioq_flush(queue[i], NULL, 0);
		reap(queue[i], 1);
		bad += compare(queue[i], buf);
	}
	f = fopen(to, "w");
	if (!f || fwrite(copy, 1, capacity, f) != capacity || fclose(f))
		die(to, -errno);
	printf("%u queues, %u parts differ\n", nqueues, bad);
	blkio_destroy(&b);
	return bad ? 1 : 0;
}

int main(int argc, char **argv)
{
	if (argc >= 5 && !strcmp(argv[2], "bench"))
		return bench(argv[1], (unsigned)atoi(argv[3]), atof(argv[4]),
			     argc > 5 ? (unsigned)atoi(argv[5]) : 1);
	if (argc == 6 && !strcmp(argv[2], "verify"))
		return verify(argv[1], (unsigned)atoi(argv[3]), strtoull(argv[4], NULL, 0),
			      argv[5]);
	if (argc >= 5 && !strcmp(argv[2], "load"))
		return load(argv[1], (unsigned)atoi(argv[3]), strtoull(argv[4], NULL, 0),
			    argc > 5 ? (unsigned)atoi(argv[5]) : 1);
	fprintf(stderr, "usage: client SOCKET bench DEPTH SECONDS [QUEUES]\n"
			"       client SOCKET verify QUEUES SEED COPY\n"
			"       client SOCKET load DEPTH REQUESTS [QUEUES]\n");
	return 2;
}
