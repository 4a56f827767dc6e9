/* SPDX-License-Identifier: MIT */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "bpf/memory/switches.h"
#include "bpf/prog/switch.skel.h"
#include "decoder/util/clock.h"

#define TRACEPOINTS 2
/* Percent: with less, looks by time need it, which count what happens. */
#define SHARE_LEAST 5
#define FIRST_PID_NAMESPACE 0xeffffffcU /* its inode, always */

struct switches {
	struct switch_bpf *skel;
	struct bpf_link *link[TRACEPOINTS];
	struct ring_buffer *rb;
	void (*found)(void *opaque, const struct vqs_snapshot *s);
	void *opaque;
	uint32_t generation[VQS_RINGS]; /* of each ring that is looked at; 0: of none */
	uint32_t generations; /* that there were */
	struct {
		pid_t pid; /* 0: unused */
		struct vqs_machine m;
	} machine[VQS_MACHINES];
	unsigned share;
	uint32_t most; /* ns of each VQS_PERIOD, of one machine */
};

static int on_sample(void *opaque, void *data, size_t len)
{
	const struct switches *s = opaque;
	const struct vqs_snapshot *snapshot = data;
	const size_t head = offsetof(struct vqs_snapshot, bytes);

	if (len >= head && snapshot->n <= VQS_BLOCKS &&
	    len >= head + (size_t)snapshot->n * VQS_BLOCK && snapshot->ring < VQS_RINGS)
		s->found(s->opaque, snapshot);
	return 0;
}

static int load(struct switch_bpf *skel)
{
	struct stat st;

	if (stat("/proc/self/ns/pid", &st))
		return -errno;
	if (st.st_ino != FIRST_PID_NAMESPACE) {
		skel->rodata->pid_dev = st.st_dev;
		skel->rodata->pid_ino = st.st_ino;
	}
	return switch_bpf__load(skel);
}

/* A thread is about to wake another one, and to sleep: both in its own context. */
static int attach(struct switches *s)
{
	static const char *const tracepoint[] = { "sched_waking", "sched_switch" };

	for (unsigned i = 0; i < TRACEPOINTS; i++) {
		s->link[i] =
			bpf_program__attach_raw_tracepoint(s->skel->progs.on_switch, tracepoint[i]);
		if (!s->link[i])
			return -errno;
	}
	return 0;
}

struct switches *switches_open(unsigned share,
			       void (*found)(void *opaque, const struct vqs_snapshot *s),
			       void *opaque, struct text *why)
{
	struct switches *s = calloc(1, sizeof(*s));
	int code = s ? 0 : -ENOMEM;

	if (!code) {
		s->found = found;
		s->opaque = opaque;
		s->share = share;
		s->skel = switch_bpf__open();
		code = s->skel ? load(s->skel) : -errno;
	}
	if (!code) {
		s->rb = ring_buffer__new(bpf_map__fd(s->skel->maps.snapshots), on_sample, s, NULL);
		code = s->rb ? 0 : -errno;
	}
	code = code ? code : attach(s);
	if (!code)
		return s;
	text_add(why, "%s",
		 code == -EPERM || code == -EACCES ? "no permission to load BPF programs"
						   : strerror(-code));
	switches_close(s);
	return NULL;
}

void switches_close(struct switches *s)
{
	if (!s)
		return;
	for (unsigned i = 0; i < TRACEPOINTS; i++)
		bpf_link__destroy(s->link[i]);
	ring_buffer__free(s->rb);
	switch_bpf__destroy(s->skel);
	free(s);
}

/* --- rings ------------------------------------------------------------------------------------- */

/* Each machine's part of the share: what all take together must leave something for our own looks. */
static void divide_share(struct switches *s)
{
	uint32_t n = 0;

	for (unsigned i = 0; i < VQS_MACHINES; i++)
		n += s->machine[i].pid != 0;
	s->most = VQS_PERIOD / 100 * s->share / (n ? n : 1);
}

/* Tell the programs of a machine; one without rings is not looked at. */
static int tell_machine(struct switches *s, unsigned i)
{
	uint32_t key = (uint32_t)s->machine[i].pid;
	struct vqs_machine *m = &s->machine[i].m;
	const uint64_t none[2] = { 0 };

	m->most = s->most;
	if (bpf_map_update_elem(bpf_map__fd(s->skel->maps.spending), &key, none, BPF_NOEXIST) &&
	    errno != EEXIST)
		return -errno;
	return bpf_map_update_elem(bpf_map__fd(s->skel->maps.machines), &key, m, BPF_ANY) ? -errno
											  : 0;
}

/* There are more or fewer machines than before. */
static void tell_machines(struct switches *s)
{
	divide_share(s);
	for (unsigned i = 0; i < VQS_MACHINES; i++)
		if (s->machine[i].pid)
			tell_machine(s, i);
}

/* The machine of this process, or room for it; -ENOSPC: there is none. */
static int find(const struct switches *s, pid_t pid)
{
	int room = -ENOSPC;

	for (int i = 0; i < VQS_MACHINES; i++) {
		if (s->machine[i].pid == pid)
			return i;
		if (room < 0 && !s->machine[i].pid)
			room = i;
	}
	return room;
}

static void tell_ring(const struct switches *s, uint32_t ring, const struct vqs_ring *r)
{
	bpf_map_update_elem(bpf_map__fd(s->skel->maps.rings), &ring, r, BPF_ANY);
}

static int unused(const struct switches *s)
{
	for (int i = 0; i < VQS_RINGS; i++)
		if (!s->generation[i])
			return i;
	return -ENOSPC;
}

int switches_add(struct switches *s, pid_t pid, const struct vqs_ring *ring)
{
	int i = find(s, pid), n = unused(s);
	struct vqs_ring r = *ring;
	struct vqs_machine *m;
	int code;

	if (i < 0 || n < 0 || s->machine[i].m.n == VQS_EACH)
		return -ENOSPC;
	m = &s->machine[i].m;
	if (!s->machine[i].pid) {
		s->machine[i].pid = pid;
		tell_machines(s);
	}
	s->generations += s->generations + 1 ? 1 : 2; /* 0 is none */
	r.pid = (uint32_t)pid;
	r.generation = 0; /* a program may be reading it */
	tell_ring(s, (uint32_t)n, &r);
	r.generation = s->generation[n] = s->generations;
	tell_ring(s, (uint32_t)n, &r);
	m->ring[m->n++] = (uint32_t)n;
	code = tell_machine(s, (unsigned)i);
	if (!code)
		return n;
	switches_remove(s, pid, n);
	return code;
}

static void forget(struct switches *s, int i)
{
	uint32_t key = (uint32_t)s->machine[i].pid;

	bpf_map_delete_elem(bpf_map__fd(s->skel->maps.machines), &key);
	bpf_map_delete_elem(bpf_map__fd(s->skel->maps.spending), &key);
	s->machine[i].pid = 0;
	tell_machines(s);
}

void switches_remove(struct switches *s, pid_t pid, int ring)
{
	const struct vqs_ring none = { 0 };
	struct vqs_machine *m;
	int i = find(s, pid);
	unsigned kept = 0;

	if (i < 0 || s->machine[i].pid != pid)
		return;
	m = &s->machine[i].m;
	for (unsigned k = 0; k < m->n; k++)
		if (m->ring[k] != (uint32_t)ring)
			m->ring[kept++] = m->ring[k];
	m->n = kept;
	if (kept)
		tell_machine(s, (unsigned)i);
	else
		forget(s, i);
	tell_ring(s, (uint32_t)ring, &none);
	s->generation[ring] = 0;
}

bool switches_is_current(const struct switches *s, const struct vqs_snapshot *snapshot)
{
	return s->generation[snapshot->ring] &&
	       s->generation[snapshot->ring] == snapshot->generation;
}

void switches_consume(struct switches *s)
{
	ring_buffer__consume(s->rb);
}

uint64_t switches_count(const struct switches *s, enum vqs_counter which)
{
	int cpus = libbpf_num_possible_cpus();
	uint64_t *each = cpus > 0 ? calloc((size_t)cpus, sizeof(*each)) : NULL, sum = 0;
	uint32_t key = which;

	if (each && !bpf_map_lookup_elem(bpf_map__fd(s->skel->maps.counters), &key, each))
		for (int k = 0; k < cpus; k++)
			sum += each[k];
	free(each);
	return sum;
}

void switches_report(const struct switches *s, const struct source_request *r, uint64_t began)
{
	static const char *const missed[VQS_COUNTERS] = {
		[VQS_OVER] = "left out, as they would have cost more than that share",
		[VQS_FULL] = "found what was not read in time",
		[VQS_PART] = "did not find all: pages were not present, or it was too much",
		[VQS_TORN] = "saw the ring go on meanwhile",
	};
	uint64_t took = clock_ns(CLOCK_MONOTONIC) - began, c[VQS_COUNTERS];
	TEXT(t, 300);

	for (unsigned i = 0; i < VQS_COUNTERS; i++)
		c[i] = switches_count(s, i);
	text_add(&t, "%llu looks by the machine's own threads, %.1f %% of a processor core",
		 (unsigned long long)c[VQS_LOOKS],
		 took ? 100.0 * (double)c[VQS_NS] / (double)took : 0);
	for (unsigned i = 0; i < VQS_COUNTERS; i++)
		if (c[i] && missed[i])
			text_add(&t, "; %llu %s", (unsigned long long)c[i], missed[i]);
	source_say(r, SOURCE_INFO, "%s", t.buf);
}

struct switches *switches_for(unsigned share, bool poll_only,
			      void (*found)(void *opaque, const struct vqs_snapshot *s),
			      void *opaque, const struct source_request *r)
{
	struct switches *s;
	TEXT(why, 128);

	if (poll_only || share < SHARE_LEAST)
		return NULL;
	s = switches_open(share / 2, found, opaque, &why);
	if (!s)
		source_say(
			r, SOURCE_INFO,
			"the kernel cannot look whenever a thread of the machine wakes another (%s): "
			"looks are by time only, and miss more",
			why.buf);
	return s;
}
