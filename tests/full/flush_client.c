/* SPDX-License-Identifier: MIT */
/*
 * Writes to a served disk with a FLUSH now and then until the server dies, then looks whether the
 * image has all that a FLUSH had covered.
 *
 *   flush_client SOCKET IMAGE SEED [lose]
 *
 * Each write of a block carries its version, which only grows.  A sector of the image must hold
 * one that is no older than the latest whose completion came before a FLUSH that was completed,
 * and none that was never written.  "lose": such a sector is overwritten before it looks.
 *
 * It says "flushed" after the first FLUSH, and at the end how many blocks it compared.  Exit
 * status 0; 1: something was lost; 2: trouble.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "vfio_user.h"

#define BLOCK 4096u
#define SECTORS (BLOCK / 512)
#define BLOCKS 256u
#define DEPTH 64u /* requests; the last one is the FLUSH */
#define WRITES 16 /* between two FLUSHes, at least */
#define RAM (1u << 20)
#define FLUSH_BIT (1u << VIRTIO_BLK_F_FLUSH)

struct word {
	uint32_t seed, block, version, sector;
};

static uint8_t *mem;
static uint64_t rng;
static uint32_t seed;
static uint32_t issued[BLOCKS], acked[BLOCKS], covered[BLOCKS], flushed[BLOCKS];
static bool busy[BLOCKS]; /* a write of it is in flight */
static uint32_t of_slot[DEPTH]; /* the block that a request writes, from 1; 0: none */
static bool flushing;
static uint16_t avail, used;
static unsigned since, flushes;

static uint32_t rnd(uint32_t n)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return (uint32_t)(rng >> 11) % n;
}

static uint8_t *data_of(unsigned slot)
{
	return mem + DATA + slot * BLOCK;
}

static uint8_t *header_of(unsigned slot)
{
	return mem + 0x8000 + slot * 32;
}

static void fill(uint8_t *p, uint32_t block, uint32_t version)
{
	for (uint32_t s = 0; s < SECTORS; s++)
		for (uint32_t at = 0; at < 512; at += sizeof(struct word)) {
			struct word w = { seed, block, version, s << 16 | at };

			memcpy(p + s * 512 + at, &w, sizeof(w));
		}
}

/* The version that a sector of an image has; -1: what it has was never written whole. */
static int64_t version_of(const uint8_t *p, uint32_t block, uint32_t s)
{
	static const uint8_t none[512];
	struct word first, w;

	if (!memcmp(p, none, sizeof(none)))
		return 0;
	memcpy(&first, p, sizeof(first));
	for (uint32_t at = 0; at < 512; at += sizeof(w)) {
		memcpy(&w, p + at, sizeof(w));
		if (w.seed != seed || w.block != block || w.version != first.version ||
		    w.sector != (s << 16 | at))
			return -1;
	}
	return first.version;
}

/* Chain of a request: header, data unless it is a FLUSH, status. */
static void submit(unsigned slot, uint32_t type, uint64_t sector)
{
	struct virtio_blk_outhdr h = { .type = type, .sector = sector };
	uint16_t d = (uint16_t)(3 * slot), idx;
	uint64_t header = (uint64_t)(header_of(slot) - mem), data = (uint64_t)(data_of(slot) - mem);
	struct chain_desc desc[] = {
		{ header, 16, 1, (uint16_t)(type == VIRTIO_BLK_T_FLUSH ? d + 2 : d + 1) },
		{ data, BLOCK, 1, (uint16_t)(d + 2) },
		{ header + 16, 1, 2, 0 },
	};

	memcpy(header_of(slot), &h, sizeof(h));
	header_of(slot)[16] = 0xff;
	memcpy(mem + DESC + 16 * d, desc, sizeof(desc));
	memcpy(mem + AVAIL + 4 + 2 * (avail % ENTRIES), &d, sizeof(d));
	idx = ++avail;
	__atomic_store_n((uint16_t *)(void *)(mem + AVAIL + 2), idx, __ATOMIC_SEQ_CST);
}

static void write_some(unsigned slot)
{
	uint32_t block = rnd(BLOCKS);

	if (busy[block])
		return;
	busy[block] = true;
	of_slot[slot] = block + 1;
	since++;
	fill(data_of(slot), block, ++issued[block]);
	submit(slot, VIRTIO_BLK_T_OUT, (uint64_t)block * SECTORS);
}

static void submit_more(void)
{
	for (unsigned i = 0; i < 8; i++) {
		unsigned slot = rnd(DEPTH - 1);

		if (!of_slot[slot])
			write_some(slot);
	}
	if (!flushing && since >= WRITES && !rnd(4)) {
		flushing = true;
		since = 0;
		memcpy(covered, acked, sizeof(acked));
		submit(DEPTH - 1, VIRTIO_BLK_T_FLUSH, 0);
	}
}

static void complete(unsigned slot)
{
	uint32_t block;

	if (slot >= DEPTH || header_of(slot)[16]) {
		fprintf(stderr, "request %u: status %u\n", slot,
			slot < DEPTH ? header_of(slot)[16] : 0);
		exit(2);
	}
	if (slot == DEPTH - 1) {
		flushing = false;
		memcpy(flushed, covered, sizeof(covered));
		if (!flushes++ && write(STDOUT_FILENO, "flushed\n", 8) != 8)
			exit(2);
		return;
	}
	block = of_slot[slot] - 1;
	of_slot[slot] = 0;
	busy[block] = false;
	acked[block] = issued[block];
}

static void complete_all(void)
{
	while (__atomic_load_n((uint16_t *)(void *)(mem + USED + 2), __ATOMIC_SEQ_CST) != used) {
		uint32_t id;

		memcpy(&id, mem + USED + 4 + 8 * (used++ % ENTRIES), sizeof(id));
		complete(id / 3);
	}
}

/* false: the server is no more. */
static bool kick(void)
{
	struct region_write w = { 0x3000, 4, 2, 0 };
	struct header h = { .command = WRITE, .size = sizeof(h) + 18, .flags = NO_REPLY };
	struct iovec v[] = { { &h, sizeof(h) }, { &w, 18 } };
	struct msghdr m = { .msg_iov = v, .msg_iovlen = 2 };
	char c;

	if (sendmsg(fd, &m, MSG_NOSIGNAL) < 0)
		return false;
	return recv(fd, &c, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

static void lose_one(uint8_t *image)
{
	for (uint32_t b = 0; b < BLOCKS; b++)
		if (flushed[b]) {
			memset(image + (size_t)b * BLOCK + 512, 0, 512);
			return;
		}
	fprintf(stderr, "nothing was flushed that could be lost\n");
	exit(2);
}

static int compare(const char *path, bool lose)
{
	static uint8_t image[BLOCKS * BLOCK];
	unsigned blocks = 0, newer = 0, lost = 0;
	int img = open(path, O_RDONLY);

	if (img < 0 || pread(img, image, sizeof(image), 0) != (ssize_t)sizeof(image))
		fail(path);
	if (lose)
		lose_one(image);
	for (uint32_t b = 0; b < BLOCKS; b++) {
		blocks += flushed[b] > 0;
		for (uint32_t s = 0; s < SECTORS; s++) {
			int64_t v = version_of(image + (size_t)b * BLOCK + s * 512, b, s);

			newer += v > flushed[b];
			if (v >= flushed[b] && v <= issued[b])
				continue;
			if (!lost++)
				printf("block %u sector %u: version %lld, flushed %u, written %u\n",
				       b, s, (long long)v, flushed[b], issued[b]);
		}
	}
	printf("%u flushes, %u blocks compared, %u sectors newer, %u lost\n", flushes, blocks,
	       newer, lost);
	return lost > 0;
}

int main(int argc, char **argv)
{
	int ram = memfd_create("ram", 0);

	if (argc < 4 || ftruncate(ram, RAM))
		return 2;
	seed = (uint32_t)atoi(argv[3]);
	rng = 88172645463325252ull + seed;
	mem = mmap(NULL, RAM, PROT_READ | PROT_WRITE, MAP_SHARED, ram, 0);
	if (mem == MAP_FAILED)
		fail("mmap");
	set_up(argv[1], ram, RAM, FLUSH_BIT);
	do {
		submit_more();
		complete_all();
	} while (kick());
	complete_all(); /* what it said before it died counts */
	return compare(argv[2], argc > 4);
}
