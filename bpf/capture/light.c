/* SPDX-License-Identifier: MIT */
/*
 * Light capture, user-space side: turns what the BPF programs counted in each queue since
 * the last read into a VQT_TALLY.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bpf/device/device.h"
#include "bpf/capture/light.h"
#include "bpf/capture/target.h"
#include "bpf/prog/qemu.skel.h"
#include "bpf/session/emit.h"
#include "decoder/class/class.h"
#include "decoder/util/histogram.h"

_Static_assert(VQP_HIST_SUB_BITS == HIST_SUB_BITS && VQP_HIST_OCTAVES == HIST_OCTAVES &&
		       VQP_HIST_BUCKETS == HIST_BUCKETS,
	       "one kind of histogram");

/* The largest tally there can be: every bucket of every group. */
#define GROUP_BYTES \
	(sizeof(struct vqt_tally_group) + HIST_BUCKETS * sizeof(struct vqt_tally_bucket))
#define TALLY_BYTES (sizeof(struct vqt_tally) + VQP_GROUPS * GROUP_BYTES)
_Static_assert(TALLY_BYTES < VQT_RECORD_MAX, "a tally fits a record");

struct light {
	struct vqp_tally *map; /* shared with the BPF programs */
	size_t bytes;
	uint64_t last; /* time of the last read */
	struct vqp_tally before[VQP_TALLIES]; /* the counters at the last read */
	uint32_t type[VQP_TYPES]; /* of the groups */
	size_t ntypes;
	_Alignas(8) uint8_t record[TALLY_BYTES];
};

int light_prepare(struct capture *c)
{
	int err = bpf_map__set_max_entries(c->skel->maps.tallies, VQP_TALLIES);
	uint32_t type[VQP_TYPES];
	size_t n = class_counted_types(type, VQP_TYPES);

	c->skel->rodata->max_tallies = VQP_TALLIES;
	c->skel->rodata->tally_types = (uint32_t)n;
	for (size_t i = 0; i < n; i++)
		c->skel->rodata->tally_type[i] = type[i];
	return err;
}

int light_open(struct capture *c)
{
	size_t one = (sizeof(struct vqp_tally) + 7) & ~(size_t)7;
	long page = sysconf(_SC_PAGESIZE);
	struct light *l = calloc(1, sizeof(*l));
	void *map;

	if (!l)
		return -ENOMEM;
	l->bytes = (one * VQP_TALLIES + (size_t)page - 1) & ~((size_t)page - 1);
	map = mmap(NULL, l->bytes, PROT_READ | PROT_WRITE, MAP_SHARED,
		   bpf_map__fd(c->skel->maps.tallies), 0);
	if (map == MAP_FAILED) {
		free(l);
		return -errno;
	}
	l->map = map;
	l->last = capture_now();
	l->ntypes = class_counted_types(l->type, VQP_TYPES);
	c->light = l;
	return 0;
}

void light_close(struct capture *c)
{
	if (!c->light)
		return;
	munmap(c->light->map, c->light->bytes);
	free(c->light);
	c->light = NULL;
}

/* The programs count the bytes of all buffers: subtract the requests' headers and status. */
static void data_bytes(struct vqt_tally_group *g, const struct class *class)
{
	uint64_t out = class->framing_out * g->used, in = class->framing_in * g->used;

	g->bytes_out -= g->bytes_out < out ? g->bytes_out : out;
	g->bytes_in -= g->bytes_in < in ? g->bytes_in : in;
}

/* Append one group's increments since the last read; nothing if there are none. */
static size_t put_group(uint8_t *to, uint32_t type, const struct class *class,
			const struct vqp_group *now, const struct vqp_group *before)
{
	struct vqt_tally_group g = {
		.type = type,
		.used = now->used - before->used,
		.errors = now->errors - before->errors,
		.bytes_in = now->bytes_in - before->bytes_in,
		.bytes_out = now->bytes_out - before->bytes_out,
		.timed = now->timed - before->timed,
		.sum = now->sum - before->sum,
	};
	size_t len = sizeof(g);

	if (!g.used)
		return 0;
	for (uint32_t i = 0; i < HIST_BUCKETS; i++) {
		struct vqt_tally_bucket b = { i, now->bucket[i] - before->bucket[i] };

		if (!b.count)
			continue;
		memcpy(to + len, &b, sizeof(b));
		len += sizeof(b);
		g.nbucket++;
	}
	if (class)
		data_bytes(&g, class);
	memcpy(to, &g, sizeof(g));
	return len;
}

static void merge(struct vqp_group *to, struct vqp_group *from)
{
	to->used += from->used;
	to->errors += from->errors;
	to->bytes_in += from->bytes_in;
	to->bytes_out += from->bytes_out;
	to->timed += from->timed;
	to->sum += from->sum;
	for (unsigned i = 0; i < HIST_BUCKETS; i++)
		to->bucket[i] += from->bucket[i];
	memset(from, 0, sizeof(*from));
}

/*
 * The BPF programs do not know the class of a device.  So a request whose first word is a
 * type of another class is moved to the group of all others, and errors count only if the
 * class has a status byte at the end.
 */
static void interpret(const struct light *l, const struct class *class, struct vqp_tally *t)
{
	bool status = class_status_at(class, NULL) == CLASS_STATUS_LAST;

	for (size_t i = 0; i < l->ntypes; i++) {
		const struct spec_request *r = class_request_type(class, l->type[i]);

		if (!r || !(r->flags & SPEC_REQ_COUNTED))
			merge(&t->group[VQP_GROUP_OTHER], &t->group[i]);
	}
	for (unsigned i = 0; i < VQP_GROUPS && !status; i++)
		t->group[i].errors = 0;
}

/* The type of a group's requests. */
static uint32_t type_of(const struct light *l, const struct class *class, unsigned group)
{
	const struct spec_request *only = class_only_type(class);

	if (group < l->ntypes)
		return l->type[group];
	return only ? only->type : VQT_TALLY_OTHER;
}

static void write_tally(struct device *d, const struct vqp_tally *now,
			const struct vqp_tally *before, uint64_t interval)
{
	struct target *t = d->target;
	struct light *l = t->c->light;
	const struct class *class = class_find(d->r.virtio_id);
	struct vqt_tally *r = (void *)l->record;
	size_t len = sizeof(*r);

	memset(r, 0, sizeof(*r));
	if (t->last_ts < l->last)
		t->last_ts = l->last;
	target_stamp(t, &r->h, VQT_TALLY, now->dev);
	r->h.queue = now->index;
	r->interval = interval;
	r->kicks = now->kicks - before->kicks;
	r->popped = now->popped - before->popped;
	r->interrupts = now->signals - before->signals;
	r->detached = now->detached - before->detached;
	r->dropped = now->dropped - before->dropped;
	r->flight = now->flight;
	r->flight_max = now->flight_max;
	for (unsigned i = 0; i < VQP_GROUPS; i++) {
		size_t n = put_group(l->record + len, type_of(l, class, i), class, &now->group[i],
				     &before->group[i]);

		r->ngroup += n != 0;
		len += n;
	}
	target_emit(t, r, len);
}

static void look_at(struct capture *c, struct vqp_tally *shared, struct vqp_tally *before,
		    uint64_t since)
{
	static const struct vqp_tally none;
	struct target *t = capture_target(c, (pid_t)shared->tgid);
	struct device *d = t && shared->dev ? device_get(t, shared->dev) : NULL;
	uint32_t owner = __atomic_load_n(&shared->owner, __ATOMIC_ACQUIRE);
	struct vqp_tally *now;

	/* Copy first: the programs go on counting. */
	now = malloc(sizeof(*now));
	if (!now)
		return;
	memcpy(now, shared, sizeof(*now));
	if (d)
		interpret(c->light, class_find(d->r.virtio_id), now);
	if (d && d->wanted && !d->gone && memcmp(now, before, offsetof(struct vqp_tally, began)))
		write_tally(d, now, before,
			    c->light->last - (t->light_since > since ? t->light_since : since));
	memcpy(before, now, sizeof(*before));
	free(now);
	if (owner != VQP_TALLY_GONE && t && !t->dead)
		return;
	*before = none;
	memset((uint8_t *)shared + sizeof(shared->owner), 0,
	       sizeof(*shared) - sizeof(shared->owner));
	__atomic_store_n(&shared->owner, VQP_TALLY_FREE, __ATOMIC_RELEASE);
}

void light_read(struct capture *c)
{
	struct light *l = c->light;
	uint64_t since = l->last;

	l->last = capture_now();
	for (size_t i = 0; i < VQP_TALLIES; i++) {
		uint32_t owner = __atomic_load_n(&l->map[i].owner, __ATOMIC_ACQUIRE);

		if (owner == VQP_TALLY_USED || owner == VQP_TALLY_GONE)
			look_at(c, &l->map[i], &l->before[i], since);
	}
}

void light_begin(struct target *t)
{
	struct light *l = t->c->light;

	t->light_since = capture_now();
	for (size_t i = 0; i < VQP_TALLIES; i++)
		if (l->map[i].tgid == (uint32_t)t->p.pid)
			memcpy(&l->before[i], &l->map[i], sizeof(l->before[i]));
}

void light_tick(struct capture *c, uint64_t now)
{
	if (c->light && now - c->light->last >= c->o.light)
		light_read(c);
}
