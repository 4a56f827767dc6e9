/* SPDX-License-Identifier: MIT */
/*
 * vqload: submits an exactly known amount of block I/O and says what it did.
 *
 *	vqload [--step N] JOB[+JOB...]
 *	JOB: OP[,key=value...]
 *
 * Jobs joined by '+' start together, one process each. Each prints one line,
 * "VQLOAD {json}", when all have ended. This is the guest's half of a truth
 * test, so nothing here is approximate: every request is O_DIRECT and aligned,
 * counted when it is submitted and again when it has ended. What the block
 * layer makes of it is the other half of exactness: with merging off
 * (queue/nomerges=2, as tests/guest/init sets it) a request no larger than
 * queue/max_sectors_kb is one virtio-blk request.
 *
 *	read write	aligned reads, patterned writes
 *	verify		reads that check the pattern of an earlier write
 *	rw		both; wpct= of 100 are writes
 *	flush		fdatasync: one VIRTIO_BLK_T_FLUSH each (write-back cache)
 *	discard		BLKDISCARD
 *	zero		BLKZEROOUT (VIRTIO_BLK_T_WRITE_ZEROES)
 *	id		reads /sys/block/DEV/serial (VIRTIO_BLK_T_GET_ID)
 *	hog		no I/O: holds its CPU at real-time priority, busy= ms at a time, n or t
 *
 *	dev=vda		block device
 *	bs=4k		bytes a request
 *	n=1		requests to submit; or
 *	t=SECONDS	submit until the time is up, then drain
 *	qd=1		requests in flight (Linux AIO); flush, discard, zero and
 *			id are always one at a time
 *	rand, seed=1	uniformly random offsets; the seed also makes the pattern
 *	off=0 size=0	byte range to stay inside (0: to the end of the device)
 *	iov=1		scatter a request over this many separate buffers, which
 *			become that many data descriptors
 *	fsync=K		a flush after every K writes (drains the queue first)
 *	gap=0		ms to sleep after each request (qd=1), or between two busy times of hog
 *	busy=5		ms
 *	times		print "VQTIME dev sector start end" for each read or write, the times
 *			in ns of CLOCK_MONOTONIC just before it is submitted, and after it ended
 *	hist		print the latency histogram, too: [[least ns of the bucket, count], ...]
 *	cpu=A or A-B	pin to a CPU; a range makes one job for each, each with
 *			its own share of the byte range
 *
 * Numbers take k, m, g. The pattern depends on sector and seed only, so
 * "verify" finds what "write" with the same seed left, in any order.
 * Exit status: 0, or 1 if a request failed or data did not compare equal, or 2
 * for a usage or set-up error.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/fs.h>
#include <sched.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { SECTOR = 512, MAX_JOBS = 64, MAX_QD = 1024, MAX_IOV = 512, MAX_TIMED = 100000 };
#define HUGE_PAGE (2UL << 20)
#define PATTERN_MAGIC 0x636172747176ULL /* "vqtrac" */

enum op { OP_READ, OP_WRITE, OP_VERIFY, OP_RW, OP_FLUSH, OP_DISCARD, OP_ZERO, OP_ID, OP_HOG };

static const char *const op_names[] = {
	[OP_READ] = "read", [OP_WRITE] = "write", [OP_VERIFY] = "verify",
	[OP_RW] = "rw",	    [OP_FLUSH] = "flush", [OP_DISCARD] = "discard",
	[OP_ZERO] = "zero", [OP_ID] = "id",	  [OP_HOG] = "hog",
};
#define N_OPS (sizeof(op_names) / sizeof(op_names[0]))

struct job {
	enum op op;
	char dev[32];
	uint64_t bs, n, qd, seed, off, size, iov, fsync, wpct, gap, busy;
	double seconds;
	bool random, hist, times;
	long cpu, cpu_last; /* cpu_last only while parsing */
};

/* Latency histogram: 16 sub-buckets an octave, so a percentile is within 6 %. */
enum { SUB_BITS = 4, N_BUCKETS = 64 << SUB_BITS };

struct result {
	uint64_t reads, writes, flushes, discards, zeroes, ids;
	uint64_t read_bytes, write_bytes, discard_bytes, zero_bytes;
	uint64_t done, errors, miscompares;
	uint64_t sector_min, sector_max; /* first and last sector touched */
	uint64_t start_ns, end_ns;
	uint64_t lat_min, lat_max, lat[N_BUCKETS];
};

struct slot {
	struct iocb iocb;
	struct iovec iov[MAX_IOV];
	char *buf;
	uint64_t sector, submit_ns;
	bool write;
};

struct timed {
	uint64_t sector, start_ns, end_ns;
};

struct run {
	const struct job *job;
	struct timed *timed; /* of MAX_TIMED requests, if they are wanted */
	unsigned ntimed;
	struct result *res;
	int fd;
	uint64_t rng, next; /* next: request number, for sequential offsets */
	uint64_t deadline_ns;
	aio_context_t ctx;
	struct slot *slots;
	uint64_t stride; /* bytes between two buffers of one request */
};

static void __attribute__((format(printf, 1, 2), noreturn)) die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fputs("vqload: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
	exit(2);
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* splitmix64: a counter-based generator, so a pattern word needs no state. */
static uint64_t mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15ULL;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
	return x ^ (x >> 31);
}

/* --- the pattern: magic, sector, seed, then a keyed stream, then a checksum --- */

static void pattern_sector(uint64_t *w, uint64_t sector, uint64_t seed)
{
	uint64_t key = mix(sector ^ mix(seed)), sum = 0;

	w[0] = PATTERN_MAGIC;
	w[1] = sector;
	w[2] = seed;
	for (unsigned i = 3; i < 63; i++)
		w[i] = key = key * 6364136223846793005ULL + 1442695040888963407ULL;
	for (unsigned i = 0; i < 63; i++)
		sum = (sum << 1 | sum >> 63) ^ w[i];
	w[63] = sum;
}

static void slot_fill(struct run *r, struct slot *s)
{
	uint64_t sector = s->sector;

	for (uint64_t i = 0; i < r->job->iov; i++)
		for (char *p = s->iov[i].iov_base, *e = p + s->iov[i].iov_len; p < e; p += SECTOR)
			pattern_sector((uint64_t *)p, sector++, r->job->seed);
}

static void slot_verify(struct run *r, const struct slot *s)
{
	uint64_t want[SECTOR / 8], sector = s->sector;

	for (uint64_t i = 0; i < r->job->iov; i++)
		for (char *p = s->iov[i].iov_base, *e = p + s->iov[i].iov_len; p < e; p += SECTOR) {
			pattern_sector(want, sector++, r->job->seed);
			r->res->miscompares += memcmp(p, want, SECTOR) != 0;
		}
}

/* --- accounting --- */

static void touched(struct result *res, uint64_t sector, uint64_t bytes)
{
	uint64_t last = sector + bytes / SECTOR - 1;

	if (sector < res->sector_min)
		res->sector_min = sector;
	if (last > res->sector_max || res->sector_max == UINT64_MAX)
		res->sector_max = last;
}

static unsigned bucket_of(uint64_t ns)
{
	unsigned log = 63 - (unsigned)__builtin_clzll(ns | 1);

	if (log < SUB_BITS)
		return (unsigned)ns;
	return (log - SUB_BITS + 1) << SUB_BITS |
	       ((ns >> (log - SUB_BITS)) & ((1u << SUB_BITS) - 1));
}

static uint64_t bucket_value(unsigned b)
{
	unsigned octave = b >> SUB_BITS, sub = b & ((1u << SUB_BITS) - 1);

	return octave ? (uint64_t)(sub + (1u << SUB_BITS)) << (octave - 1) : sub;
}

static void ended(struct result *res, uint64_t submit_ns, bool failed)
{
	uint64_t ns = now_ns() - submit_ns;

	res->done++;
	res->errors += failed;
	res->lat[bucket_of(ns)]++;
	if (ns < res->lat_min)
		res->lat_min = ns;
	if (ns > res->lat_max)
		res->lat_max = ns;
}

static uint64_t percentile(const struct result *res, unsigned permille)
{
	uint64_t want = (res->done * permille + 999) / 1000, seen = 0;

	for (unsigned b = 0; b < N_BUCKETS; b++)
		if ((seen += res->lat[b]) >= want && seen)
			return bucket_value(b);
	return 0;
}

/* --- choosing the next request --- */

static bool more(const struct run *r)
{
	return r->deadline_ns ? now_ns() < r->deadline_ns : r->next < r->job->n;
}

static uint64_t next_offset(struct run *r)
{
	uint64_t blocks = r->job->size / r->job->bs, k = r->next++;

	if (r->job->random)
		k = mix(r->rng++);
	return r->job->off + k % blocks * r->job->bs;
}

/* --- reads and writes: Linux AIO on raw system calls --- */

static void slot_prepare(struct run *r, struct slot *s)
{
	const struct job *j = r->job;
	uint64_t off = next_offset(r);

	s->sector = off / SECTOR;
	s->write = j->op == OP_WRITE || (j->op == OP_RW && mix(r->rng++ ^ 0x5a5a) % 100 < j->wpct);
	if (s->write)
		slot_fill(r, s);
	s->iocb = (struct iocb){
		.aio_data = (uint64_t)(uintptr_t)s,
		.aio_lio_opcode = s->write ? IOCB_CMD_PWRITEV : IOCB_CMD_PREADV,
		.aio_fildes = (uint32_t)r->fd,
		.aio_buf = (uint64_t)(uintptr_t)s->iov,
		.aio_nbytes = j->iov,
		.aio_offset = (int64_t)off,
	};
	touched(r->res, s->sector, j->bs);
	r->res->reads += !s->write;
	r->res->read_bytes += s->write ? 0 : j->bs;
	r->res->writes += s->write;
	r->res->write_bytes += s->write ? j->bs : 0;
	s->submit_ns = now_ns();
}

static void submit(struct run *r, struct iocb **list, long n)
{
	while (n > 0) {
		long done = syscall(SYS_io_submit, r->ctx, n, list);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			die("io_submit: %s", strerror(errno));
		list += done;
		n -= done;
	}
}

static long reap(struct run *r, struct slot **idle, long min, long max)
{
	struct io_event ev[MAX_QD];
	long n;

	do
		n = syscall(SYS_io_getevents, r->ctx, min, max, ev, NULL);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		die("io_getevents: %s", strerror(errno));
	for (long i = 0; i < n; i++) {
		struct slot *s = (struct slot *)(uintptr_t)ev[i].data;
		bool failed = ev[i].res != (int64_t)r->job->bs;

		ended(r->res, s->submit_ns, failed);
		if (r->timed && r->ntimed < MAX_TIMED)
			r->timed[r->ntimed++] = (struct timed){ s->sector, s->submit_ns, now_ns() };
		if (!failed && r->job->op == OP_VERIFY)
			slot_verify(r, s);
		idle[i] = s;
	}
	return n;
}

static void flush_once(struct run *r)
{
	uint64_t t = now_ns();

	r->res->flushes++;
	ended(r->res, t, fdatasync(r->fd) != 0);
}

/* A flush between writes: is it time? Only when the queue is empty is its place exact. */
static bool flush_due(const struct run *r, uint64_t *last)
{
	uint64_t w = r->res->writes;

	if (!r->job->fsync || w == *last || w % r->job->fsync)
		return false;
	*last = w;
	return true;
}

static void run_aio(struct run *r)
{
	long qd = (long)r->job->qd, n_idle = qd, flight = 0;
	struct slot *idle[MAX_QD];
	struct iocb *batch[MAX_QD];
	uint64_t flushed = 0;
	bool drain = false;

	for (long i = 0; i < qd; i++)
		idle[i] = &r->slots[i];
	do {
		long n = 0;

		while (!drain && n_idle && more(r)) {
			struct slot *s = idle[--n_idle];

			slot_prepare(r, s);
			batch[n++] = &s->iocb;
			drain = flush_due(r, &flushed);
		}
		submit(r, batch, n);
		flight += n;
		if (flight) {
			n = reap(r, idle + n_idle, drain ? flight : 1, flight);
			n_idle += n;
			flight -= n;
			if (r->job->gap)
				usleep((useconds_t)r->job->gap * 1000);
		}
		if (drain && !flight) {
			flush_once(r);
			drain = false;
		}
	} while (flight || more(r));
}

/* --- everything else: one at a time --- */

static void range_once(struct run *r)
{
	bool zero = r->job->op == OP_ZERO;
	uint64_t off = next_offset(r), range[2] = { off, r->job->bs }, t = now_ns();

	touched(r->res, off / SECTOR, r->job->bs);
	*(zero ? &r->res->zeroes : &r->res->discards) += 1;
	*(zero ? &r->res->zero_bytes : &r->res->discard_bytes) += r->job->bs;
	ended(r->res, t, ioctl(r->fd, zero ? BLKZEROOUT : BLKDISCARD, range) != 0);
}

static void id_once(struct run *r)
{
	char path[80], text[64];
	uint64_t t = now_ns();
	ssize_t n = -1;
	int fd;

	snprintf(path, sizeof(path), "/sys/block/%s/serial", r->job->dev);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		n = read(fd, text, sizeof(text));
		close(fd);
	}
	r->next++;
	r->res->ids++;
	ended(r->res, t, n < 0);
}

static void run_each(struct run *r, void (*once)(struct run *))
{
	while (more(r))
		once(r);
}

static void flush_one(struct run *r)
{
	r->next++;
	flush_once(r);
}

/* Nothing else runs on its CPU for a while, again and again. */
static void run_hog(struct run *r)
{
	const struct sched_param p = { .sched_priority = 90 };

	if (sched_setscheduler(0, SCHED_FIFO, &p))
		die("hog: %s", strerror(errno));
	for (; more(r); r->next++) {
		uint64_t until = now_ns() + r->job->busy * 1000000;

		while (now_ns() < until)
			;
		usleep((useconds_t)r->job->gap * 1000);
	}
}

static void print_times(const struct run *r)
{
	for (unsigned i = 0; i < r->ntimed; i++)
		printf("VQTIME %s %llu %llu %llu\n", r->job->dev,
		       (unsigned long long)r->timed[i].sector,
		       (unsigned long long)r->timed[i].start_ns,
		       (unsigned long long)r->timed[i].end_ns);
	fflush(stdout);
}

/* --- set-up --- */

/*
 * One arena on huge pages: a buffer is then physically contiguous, and a
 * request has exactly iov= data segments (two buffers of one request are kept
 * apart so that the block layer cannot join them).
 */
static void map_buffers(struct run *r)
{
	uint64_t piece = r->job->bs / r->job->iov;
	uint64_t gap = r->job->iov > 1 ? SECTOR : 0, per, size;
	char *p;

	r->stride = (piece + gap + SECTOR - 1) & ~(uint64_t)(SECTOR - 1);
	per = (r->stride * r->job->iov + 4095) & ~4095ULL;
	size = (per * r->job->qd + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1);
	p = mmap(NULL, size + HUGE_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		 0);
	if (p == MAP_FAILED)
		die("no memory for %llu bytes of buffers", (unsigned long long)size);
	p = (char *)(((uintptr_t)p + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1));
	madvise(p, size, MADV_HUGEPAGE);
	memset(p, 0, size);
	r->slots = calloc(r->job->qd, sizeof(*r->slots));
	if (!r->slots)
		die("no memory for %llu requests", (unsigned long long)r->job->qd);
	for (uint64_t i = 0; i < r->job->qd; i++) {
		r->slots[i].buf = p + i * per;
		for (uint64_t k = 0; k < r->job->iov; k++)
			r->slots[i].iov[k] =
				(struct iovec){ r->slots[i].buf + k * r->stride, piece };
	}
}

static void pin(long cpu)
{
	cpu_set_t set;

	if (cpu < 0)
		return;
	CPU_ZERO(&set);
	CPU_SET((unsigned)cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		die("cpu=%ld: %s", cpu, strerror(errno));
}

static void run_open(struct run *r, const struct job *j, struct result *res)
{
	char path[64];

	*r = (struct run){ .job = j, .res = res, .fd = -1, .rng = mix(j->seed) };
	res->sector_min = res->sector_max = res->lat_min = UINT64_MAX;
	pin(j->cpu);
	snprintf(path, sizeof(path), "/dev/%s", j->dev);
	if (j->times)
		r->timed = calloc(MAX_TIMED, sizeof(*r->timed));
	if (j->op < OP_ID) {
		bool reads = j->op == OP_READ || j->op == OP_VERIFY;

		r->fd = open(path, (reads ? O_RDONLY : O_RDWR) | O_DIRECT | O_CLOEXEC);
		if (r->fd < 0)
			die("%s: %s", path, strerror(errno));
	}
	if (j->op <= OP_RW) {
		map_buffers(r);
		if (syscall(SYS_io_setup, (unsigned)j->qd, &r->ctx))
			die("io_setup(%llu): %s", (unsigned long long)j->qd, strerror(errno));
	}
}

static void job_run(const struct job *j, struct result *res, int ready_fd, int go_fd)
{
	struct run r;
	char byte;

	run_open(&r, j, res);
	close(ready_fd);
	if (read(go_fd, &byte, 1) < 0)
		die("start signal: %s", strerror(errno));
	res->start_ns = now_ns();
	if (j->seconds > 0)
		r.deadline_ns = res->start_ns + (uint64_t)(j->seconds * 1e9);
	switch (j->op) {
	case OP_FLUSH: run_each(&r, flush_one); break;
	case OP_DISCARD:
	case OP_ZERO: run_each(&r, range_once); break;
	case OP_ID: run_each(&r, id_once); break;
	case OP_HOG: run_hog(&r); break;
	default: run_aio(&r);
	}
	res->end_ns = now_ns();
	print_times(&r);
}

/* --- parsing --- */

static uint64_t number(const char *key, const char *text)
{
	char *end;
	uint64_t v;

	errno = 0;
	v = strtoull(text, &end, 0);
	if (*end == 'k' || *end == 'K')
		v <<= 10, end++;
	else if (*end == 'm' || *end == 'M')
		v <<= 20, end++;
	else if (*end == 'g' || *end == 'G')
		v <<= 30, end++;
	if (errno || end == text || *end)
		die("%s=%s: not a number", key, text);
	return v;
}

static void parse_cpu(struct job *j, const char *text)
{
	char *end;

	j->cpu = j->cpu_last = strtol(text, &end, 10);
	if (*end == '-')
		j->cpu_last = strtol(end + 1, &end, 10);
	if (*end || j->cpu < 0 || j->cpu_last < j->cpu)
		die("cpu=%s: want A or A-B", text);
}

static void parse_key(struct job *j, char *word)
{
	char *val = strchr(word, '=');
	const struct {
		const char *name;
		uint64_t *to;
	} keys[] = {
		{ "bs", &j->bs },     { "n", &j->n },	      { "qd", &j->qd },
		{ "seed", &j->seed }, { "off", &j->off },     { "size", &j->size },
		{ "iov", &j->iov },   { "fsync", &j->fsync }, { "wpct", &j->wpct },
		{ "gap", &j->gap },   { "busy", &j->busy },
	};

	if (!strcmp(word, "rand")) {
		j->random = true;
		return;
	}
	if (!strcmp(word, "times")) {
		j->times = true;
		return;
	}
	if (!strcmp(word, "hist")) {
		j->hist = true;
		return;
	}
	if (!val)
		die("%s: unknown word; see the head of vqload.c", word);
	*val++ = 0;
	if (!strcmp(word, "dev")) {
		snprintf(j->dev, sizeof(j->dev), "%s", val);
		return;
	}
	if (!strcmp(word, "t")) {
		j->seconds = strtod(val, NULL);
		return;
	}
	if (!strcmp(word, "cpu")) {
		parse_cpu(j, val);
		return;
	}
	for (unsigned i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (!strcmp(word, keys[i].name)) {
			*keys[i].to = number(word, val);
			return;
		}
	die("%s=%s: unknown key; see the head of vqload.c", word, val);
}

static uint64_t device_size(const char *dev)
{
	char path[64];
	unsigned long long sectors = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/sys/block/%s/size", dev);
	f = fopen(path, "re");
	if (!f || fscanf(f, "%llu", &sectors) != 1)
		die("%s: no such block device", dev);
	fclose(f);
	return sectors * SECTOR;
}

static void check_job(struct job *j)
{
	uint64_t dev_size = device_size(j->dev);

	if (!j->size && j->off < dev_size)
		j->size = dev_size - j->off;
	if (!j->bs || j->bs % SECTOR || j->off % SECTOR)
		die("bs= and off= must be multiples of %d", SECTOR);
	if (j->size < j->bs || j->off + j->size > dev_size)
		die("off=%llu size=%llu: does not hold one request inside %s (%llu bytes)",
		    (unsigned long long)j->off, (unsigned long long)j->size, j->dev,
		    (unsigned long long)dev_size);
	if (!j->qd || j->qd > MAX_QD)
		die("qd= must be 1 to %d", MAX_QD);
	if (!j->iov || j->iov > MAX_IOV || j->bs % (j->iov * SECTOR))
		die("iov= must be 1 to %d and divide bs= into whole sectors", MAX_IOV);
}

static void parse_job(struct job *j, char *text)
{
	char *save, *word = strtok_r(text, ",", &save);
	unsigned op;

	for (op = 0; op < N_OPS; op++)
		if (word && !strcmp(word, op_names[op]))
			break;
	if (op == N_OPS)
		die("%s: unknown operation; want read write verify rw flush discard zero id hog",
		    word ? word : "(nothing)");
	*j = (struct job){ .op = (enum op)op,
			   .dev = "vda",
			   .bs = 4096,
			   .n = 1,
			   .qd = 1,
			   .seed = 1,
			   .iov = 1,
			   .wpct = 50,
			   .busy = 5,
			   .cpu = -1,
			   .cpu_last = -1 };
	while ((word = strtok_r(NULL, ",", &save)))
		parse_key(j, word);
	check_job(j);
}

/* cpu=A-B: one job for each CPU, with equal shares of the range and seeds of their own */
static unsigned expand_cpus(struct job *jobs, unsigned n)
{
	struct job *first = &jobs[n - 1];
	unsigned count = (unsigned)(first->cpu_last - first->cpu) + 1;
	uint64_t share = first->size / count / first->bs * first->bs;

	if (first->cpu < 0 || count == 1)
		return n;
	if (n - 1 + count > MAX_JOBS || !share)
		die("cpu=: too many jobs, or too small a range to share");
	for (unsigned i = 1; i < count; i++) {
		first[i] = *first;
		first[i].cpu += i;
		first[i].seed += i;
		first[i].off += i * share;
		first[i].size = share;
	}
	first->size = share;
	return n - 1 + count;
}

static unsigned parse_jobs(struct job *jobs, char *text)
{
	char *save;
	unsigned n = 0;

	for (char *t = strtok_r(text, "+", &save); t; t = strtok_r(NULL, "+", &save)) {
		if (n == MAX_JOBS)
			die("more than %d jobs in one step", MAX_JOBS);
		parse_job(&jobs[n++], t);
		n = expand_cpus(jobs, n);
	}
	if (!n)
		die("usage: vqload [--step N] OP[,key=value...][+OP...]; see the head of vqload.c");
	return n;
}

/* --- output --- */

static void print_histogram(const struct result *r)
{
	const char *comma = "";

	printf(",\"lat_histogram\":[");
	for (unsigned b = 0; b < N_BUCKETS; b++)
		if (r->lat[b]) {
			printf("%s[%llu,%llu]", comma, (unsigned long long)bucket_value(b),
			       (unsigned long long)r->lat[b]);
			comma = ",";
		}
	printf("]");
}

static void print_result(unsigned long step, unsigned i, const struct job *j,
			 const struct result *r)
{
	uint64_t ns = r->end_ns - r->start_ns;
	bool any = r->sector_min != UINT64_MAX;
#define U(x) ((unsigned long long)(x))

	printf("VQLOAD {\"step\":%lu,\"job\":%u,\"op\":\"%s\",\"dev\":\"%s\",\"cpu\":%ld,"
	       "\"bs\":%llu,\"qd\":%llu,\"iov\":%llu,\"seed\":%llu,\"random\":%s,",
	       step, i, op_names[j->op], j->dev, j->cpu, U(j->bs), U(j->qd), U(j->iov), U(j->seed),
	       j->random ? "true" : "false");
	printf("\"reads\":%llu,\"read_bytes\":%llu,\"writes\":%llu,\"write_bytes\":%llu,"
	       "\"flushes\":%llu,\"discards\":%llu,\"discard_bytes\":%llu,"
	       "\"zeroes\":%llu,\"zero_bytes\":%llu,\"get_ids\":%llu,",
	       U(r->reads), U(r->read_bytes), U(r->writes), U(r->write_bytes), U(r->flushes),
	       U(r->discards), U(r->discard_bytes), U(r->zeroes), U(r->zero_bytes), U(r->ids));
	printf("\"done\":%llu,\"errors\":%llu,\"miscompares\":%llu,\"sector_min\":%lld,"
	       "\"sector_max\":%lld,\"elapsed_ns\":%llu,\"iops\":%llu,",
	       U(r->done), U(r->errors), U(r->miscompares), any ? (long long)r->sector_min : -1,
	       any ? (long long)r->sector_max : -1, U(ns),
	       U(ns ? (double)r->done * 1e9 / (double)ns : 0));
	printf("\"lat_min_ns\":%llu,\"lat_p50_ns\":%llu,\"lat_p90_ns\":%llu,\"lat_p99_ns\":%llu,"
	       "\"lat_p999_ns\":%llu,\"lat_max_ns\":%llu",
	       U(r->done ? r->lat_min : 0), U(percentile(r, 500)), U(percentile(r, 900)),
	       U(percentile(r, 990)), U(percentile(r, 999)), U(r->lat_max));
	if (j->hist)
		print_histogram(r);
	printf("}\n");
#undef U
}

static int run_jobs(const struct job *jobs, struct result *res, unsigned n)
{
	int go[2], ready[2], status, rc = 0;
	char byte;

	if (pipe2(go, O_CLOEXEC) || pipe2(ready, O_CLOEXEC))
		die("pipe: %s", strerror(errno));
	for (unsigned i = 0; i < n; i++) {
		pid_t pid = fork();

		if (pid < 0)
			die("fork: %s", strerror(errno));
		if (!pid) {
			close(go[1]);
			close(ready[0]);
			job_run(&jobs[i], &res[i], ready[1], go[0]);
			_exit(0);
		}
	}
	/* end of file on "ready": every job has opened and mapped what it needs */
	close(ready[1]);
	if (read(ready[0], &byte, 1) < 0)
		die("jobs: %s", strerror(errno));
	close(go[1]);
	while (wait(&status) > 0)
		if (!WIFEXITED(status) || WEXITSTATUS(status))
			rc = 2;
	return rc;
}

int main(int argc, char **argv)
{
	static struct job jobs[MAX_JOBS];
	unsigned long step = 0;
	struct result *res;
	unsigned n;
	int rc;

	if (argc > 2 && !strcmp(argv[1], "--step")) {
		step = strtoul(argv[2], NULL, 10);
		argv += 2;
		argc -= 2;
	}
	if (argc == 2 && !strcmp(argv[1], "--help")) {
		puts("usage: vqload [--step N] OP[,key=value...][+OP...]\n"
		     "OP: read write verify rw flush discard zero id\n"
		     "keys: dev bs n t qd rand seed off size iov fsync wpct cpu hist");
		return 0;
	}
	if (argc != 2 || argv[1][0] == '-')
		die("usage: vqload [--step N] OP[,key=value...][+OP...]; see the head of vqload.c");
	n = parse_jobs(jobs, argv[1]);
	res = mmap(NULL, n * sizeof(*res), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		   0);
	if (res == MAP_FAILED)
		die("no memory for results");
	rc = run_jobs(jobs, res, n);
	for (unsigned i = 0; i < n; i++) {
		print_result(step, i, &jobs[i], &res[i]);
		if (!rc && (res[i].errors || res[i].miscompares))
			rc = 1;
	}
	return rc;
}
