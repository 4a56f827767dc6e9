/* SPDX-License-Identifier: MIT */
/*
 * What a request costs in the device itself: an in-process driver reads blocks
 * from a disk in memory, split and packed rings, beside a memcpy of the same bytes.
 *
 *   rings [REQUESTS [RUNS]]
 */
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#if defined(__x86_64__)
#include <x86intrin.h>
#endif

#include "decoder/spec/constants.h"
#include "tests/emu/testbed.h"

#define DISK (64ull << 20)
#define DEPTH_MAX 64
#define RUNS_MAX 32

/* --- the clocks --------------------------------------------------------------- */

static int counter = -1;

/* The CPU's own cycles of this thread where the kernel gives them, else the time stamps'. */
static const char *clock_open(void)
{
	struct perf_event_attr a = { .type = PERF_TYPE_HARDWARE,
				     .size = sizeof(a),
				     .config = PERF_COUNT_HW_CPU_CYCLES,
				     .exclude_kernel = 1,
				     .exclude_hv = 1 };

	counter = (int)syscall(SYS_perf_event_open, &a, 0, -1, -1, 0);
	if (counter >= 0)
		return "cycles of the CPU (perf_event_open)";
#if defined(__x86_64__)
	return "cycles of the time stamp counter (rdtsc: the CPU's own are not to be had here)";
#else
	return "no cycles to be had here";
#endif
}

static uint64_t cycles(void)
{
	uint64_t n = 0;

	if (counter >= 0)
		return read(counter, &n, sizeof(n)) == sizeof(n) ? n : 0;
#if defined(__x86_64__)
	return __rdtsc();
#else
	return 0;
#endif
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* --- the work ----------------------------------------------------------------- */

struct bed {
	const char *name;
	bool packed, event_idx, indirect;
	struct emu_testbed *testbed;
	struct emu_blk_request req[DEPTH_MAX];
};

static int bed_open(struct bed *b)
{
	struct emu_testbed_options o = { .ram_size = 32 << 20, .dev = { .v.queue_size = 256 } };
	struct emu_driver_options d = {
		.features = { emu_blk.features | (b->packed ? 1ull << VIRTIO_F_RING_PACKED : 0) |
			      (b->event_idx ? 1ull << VIRTIO_RING_F_EVENT_IDX : 0) |
			      (b->indirect ? 1ull << VIRTIO_RING_F_INDIRECT_DESC : 0) }
	};

	if (emu_backend_mem(&o.blk.backend, NULL, DISK) < 0 ||
	    emu_testbed_new(&b->testbed, &o) < 0 || emu_driver_start(&b->testbed->drv, &d) < 0)
		return -1;
	for (unsigned i = 0; i < DEPTH_MAX; i++)
		b->req[i] = (struct emu_blk_request){
			.in = true,
			.indirect = b->indirect,
			.data = emu_driver_alloc(&b->testbed->drv, 4096, 4096),
			.header = emu_driver_alloc(&b->testbed->drv, 32, 64)
		};
	return b->req[DEPTH_MAX - 1].header ? 0 : -1;
}

/* n requests, depth at a time: made available, kicked, served, returned. */
static void serve(struct bed *b, unsigned n, unsigned depth, uint32_t len)
{
	struct emu_driver *d = &b->testbed->drv;
	struct emu_driver_queue *q = &d->queue[0];
	uint64_t cookie;
	uint32_t got;

	for (unsigned done = 0; done < n;) {
		unsigned back = 0;

		for (unsigned i = 0; i < depth; i++) {
			b->req[i].len = len;
			b->req[i].sector = (done + i) * 37ull % (DISK / 4096) * 8;
			emu_driver_blk_add(d, q, &b->req[i]);
		}
		emu_driver_kick(d, q);
		emu_virtio_run(&b->testbed->dev->v, 0);
		while (emu_driver_get(d, q, &cookie, &got) > 0)
			back += got == len + 1;
		if (back != depth) {
			fprintf(stderr, "%s: %u of %u came back\n", b->name, back, depth);
			exit(2);
		}
		done += depth;
	}
}

static uint8_t *disk, *ram;

static void copy(unsigned n, uint32_t len)
{
	for (unsigned i = 0; i < n; i++) {
		memcpy(ram + i % DEPTH_MAX * 4096, disk + i * 37ull % (DISK / 4096) * 4096, len);
		__asm__ volatile("" ::: "memory");
	}
}

/* --- the table ---------------------------------------------------------------- */

struct sample {
	double seconds;
	uint64_t cycles;
};

static int faster(const void *x, const void *y)
{
	const struct sample *a = x, *b = y;

	return a->seconds < b->seconds ? -1 : a->seconds > b->seconds;
}

static void measure(struct bed *beds, unsigned nbeds, unsigned n, unsigned runs, unsigned depth,
		    uint32_t len)
{
	struct sample s[8][RUNS_MAX], base;

	/* interleaved; the last one is the plain copy */
	for (unsigned r = 0; r < runs; r++)
		for (unsigned i = 0; i <= nbeds; i++) {
			double t = now();
			uint64_t c = cycles();

			if (i < nbeds)
				serve(&beds[i], n, depth, len);
			else
				copy(n, len);
			s[i][r] = (struct sample){ now() - t, cycles() - c };
		}
	for (unsigned i = 0; i <= nbeds; i++)
		qsort(s[i], runs, sizeof(s[i][0]), faster);
	base = s[nbeds][runs / 2];
	for (unsigned i = 0; i <= nbeds; i++) {
		struct sample m = s[i][runs / 2];

		printf("%-30s %5u %6u %8.2f %8.0f %8.0f %8.2fx\n",
		       i < nbeds ? beds[i].name : "memcpy", depth, len, n / m.seconds / 1e6,
		       m.seconds / n * 1e9, (double)m.cycles / n, m.seconds / base.seconds);
	}
}

int main(int argc, char **argv)
{
	static struct bed beds[] = {
		{ .name = "split" },
		{ .name = "split, event index, indirect", .event_idx = true, .indirect = true },
		{ .name = "packed", .packed = true },
		{ .name = "packed, event index, indirect",
		  .packed = true,
		  .event_idx = true,
		  .indirect = true },
	};
	unsigned n = argc > 1 ? (unsigned)atoi(argv[1]) : 256000,
		 nbeds = sizeof(beds) / sizeof(beds[0]);
	unsigned runs = argc > 2 ? (unsigned)atoi(argv[2]) : 7;

	n = n / DEPTH_MAX * DEPTH_MAX;
	if (!n || !runs || runs > RUNS_MAX) {
		fprintf(stderr, "usage: rings [REQUESTS [RUNS]]\n");
		return 2;
	}
	disk = malloc(DISK);
	ram = malloc(DEPTH_MAX * 4096);
	if (!disk || !ram)
		return 2;
	memset(disk, 1, DISK);
	for (unsigned i = 0; i < nbeds; i++) {
		if (bed_open(&beds[i]) < 0) {
			fprintf(stderr, "%s: cannot be set up\n", beds[i].name);
			return 2;
		}
		/* every page of its disk is touched once before it counts */
		serve(&beds[i], DISK / 4096, DEPTH_MAX, 4096);
	}
	printf("-- reads from memory in process, the driver's part included; medians of %u interleaved "
	       "runs of %u\n   %s\n",
	       runs, n, clock_open());
	printf("%-30s %5s %6s %8s %8s %8s %9s\n", "ring", "depth", "bytes", "M/s", "ns", "cycles",
	       "of memcpy");
	measure(beds, nbeds, n, runs, 1, 4096);
	measure(beds, nbeds, n, runs, 64, 4096);
	measure(beds, nbeds, n, runs, 64, 512);
	for (unsigned i = 0; i < nbeds; i++)
		emu_testbed_free(beds[i].testbed);
	free(disk);
	free(ram);
	return 0;
}
