/* SPDX-License-Identifier: MIT */
/*
 * A little of everything through libblkio's virtio-blk-vhost-user driver: a
 * driver of virtio-blk that is no guest.  In a folder of its own because only
 * tests/lab/conformance builds it, where libblkio has been unpacked.
 *
 * usage: client SOCKET [QUEUES]     prints libblkio's properties of the device, exits 1 on trouble
 */
#include <blkio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK 4096
#define DEPTH 16

static void must(int rc, const char *what)
{
	if (rc < 0) {
		fprintf(stderr, "client: %s: %s: %s\n", what, strerror(-rc), blkio_get_error_msg());
		exit(1);
	}
}

static void wait_for(struct blkioq *q, int n, const char *what)
{
	struct blkio_completion done[DEPTH];

	must(blkioq_do_io(q, done, n, n, NULL), what);
	for (int i = 0; i < n; i++)
		must(done[i].ret, what);
}

/* Writes, then reads back what was written: DEPTH at a time, rounds of them. */
static void data(struct blkioq *q, unsigned char *mem, unsigned rounds)
{
	for (unsigned round = 0; round < rounds; round++) {
		for (unsigned i = 0; i < DEPTH * BLOCK; i++)
			mem[i] = (unsigned char)(i * 7 + round + i / BLOCK);
		for (unsigned i = 0; i < DEPTH; i++)
			blkioq_write(q, (round * DEPTH + i) * BLOCK, mem + i * BLOCK, BLOCK, NULL, 0);
		wait_for(q, DEPTH, "write");
		memset(mem, 0, DEPTH * BLOCK);
		for (unsigned i = 0; i < DEPTH; i++)
			blkioq_read(q, (round * DEPTH + i) * BLOCK, mem + i * BLOCK, BLOCK, NULL, 0);
		wait_for(q, DEPTH, "read");
		for (unsigned i = 0; i < DEPTH * BLOCK; i++)
			if (mem[i] != (unsigned char)(i * 7 + round + i / BLOCK))
				must(-1, "what was read is not what was written");
	}
}

static void vectors(struct blkioq *q, unsigned char *mem)
{
	struct iovec iov[4];

	for (unsigned i = 0; i < 4; i++)
		iov[i] = (struct iovec){ mem + i * 2 * BLOCK, BLOCK };
	blkioq_readv(q, 0, iov, 4, NULL, 0);
	wait_for(q, 1, "read in four parts");
	blkioq_writev(q, 1 << 20, iov, 4, NULL, BLKIO_REQ_FUA);
	wait_for(q, 1, "write through, in four parts");
}

static void rest(struct blkioq *q)
{
	blkioq_flush(q, NULL, 0);
	wait_for(q, 1, "flush");
	blkioq_discard(q, 2 << 20, 64 << 10, NULL, 0);
	wait_for(q, 1, "discard");
	blkioq_write_zeroes(q, 3 << 20, 64 << 10, NULL, 0);
	wait_for(q, 1, "write zeroes");
	blkioq_write_zeroes(q, 3 << 20, 64 << 10, NULL, BLKIO_REQ_NO_UNMAP);
	wait_for(q, 1, "write zeroes, no unmap");
	blkioq_flush(q, NULL, 0);
	wait_for(q, 1, "flush");
}

static void properties(struct blkio *b)
{
	static const char *const names[] = { "capacity", "max-queues", "max-segments", "queue-size" };
	char *value;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!blkio_get_str(b, names[i], &value)) {
			printf("%s %s\n", names[i], value);
			free(value);
		}
}

int main(int argc, char **argv)
{
	int queues = argc > 2 ? atoi(argv[2]) : 1;
	struct blkio_mem_region region;
	struct blkio *b;

	if (argc < 2 || queues < 1) {
		fprintf(stderr, "usage: client SOCKET [QUEUES]\n");
		return 1;
	}
	must(blkio_create("virtio-blk-vhost-user", &b), "create");
	must(blkio_set_str(b, "path", argv[1]), "path");
	must(blkio_connect(b), "connect");
	must(blkio_set_int(b, "num-queues", queues), "num-queues");
	must(blkio_start(b), "start");
	properties(b);
	must(blkio_alloc_mem_region(b, &region, 1 << 20), "memory");
	must(blkio_map_mem_region(b, &region), "map");
	for (int i = 0; i < queues; i++) {
		data(blkio_get_queue(b, i), region.addr, 2);
		vectors(blkio_get_queue(b, i), region.addr);
		rest(blkio_get_queue(b, i));
	}
	blkio_unmap_mem_region(b, &region);
	blkio_free_mem_region(b, &region);
	blkio_destroy(&b);
	return 0;
}
