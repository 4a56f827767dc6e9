/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as what a host and its guest recorded: the guest's trace is the same records with
 * another clock, some left out, so that there is something to be joined.  The input is as
 * trace_fuzz has it; the byte at its end says how the two differ.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "decoder/check/sides.h"
#include "decoder/lifecycle/lifecycle.h"
#include "decoder/merge/merge.h"
#include "decoder/model/model.h"
#include "decoder/requests/table.h"
#include "decoder/stats/print.h"
#include "tests/fuzz/records.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static FILE *null;

enum { HOST, GUEST, MERGED, FILES };

struct file {
	int fd;
	char path[32];
	struct trace_writer *w;
};

struct run {
	struct file f[FILES];
	unsigned how;
	uint64_t n;
	uint8_t bytes[VQT_RECORD_MAX];
};

static void must_at(bool holds, const char *what, int line)
{
	if (holds)
		return;
	fprintf(stderr, "merge_fuzz.c:%d: does not hold: %s\n", line, what);
	abort();
}
#define must(holds) must_at(holds, #holds, __LINE__)

static void begin(struct file *f)
{
	f->fd = memfd_create("trace", 0);
	snprintf(f->path, sizeof(f->path), "/proc/self/fd/%d", f->fd);
	must(f->fd >= 0);
}

static void describe(struct file *f, unsigned kind)
{
	struct vqt_session s = { .h = { .type = VQT_SESSION, .queue = VQT_NO_QUEUE },
				 .major = VQT_VERSION_MAJOR };
	struct vqt_source o = { .h = { .type = VQT_SOURCE, .source = 1, .queue = VQT_NO_QUEUE },
				.kind = (uint16_t)kind };
	struct trace_error err;

	must(!trace_create(&f->w, f->path, &err));
	must(!trace_write(f->w, &s, sizeof(s)) && !trace_write(f->w, &o, sizeof(o)));
}

/* What blk-mq does with it, which those who are fed have no records of. */
static void point(struct file *f, const struct vqt_hdr *of, unsigned what, uint16_t head)
{
	struct {
		struct vqt_guest g;
		uint64_t arg[6];
	} r = { .g = { .h = *of, .what = (uint16_t)what, .phase = VQT_GUEST_POINT, .nargs = 6 },
		.arg = { head + 1u, head, 0, 0, 4096, of->ts - 100 } };

	r.g.h.type = VQT_GUEST;
	must(!trace_write(f->w, &r, sizeof(r)));
}

static void feed(void *to, const struct record *rec)
{
	struct run *r = to;
	struct vqt_hdr *h = (void *)r->bytes;

	if (rec->h.type == VQT_SESSION || rec->h.type == VQT_SOURCE)
		return;
	memcpy(r->bytes, rec->raw, rec->len);
	h->source = 1;
	must(!trace_write(r->f[HOST].w, r->bytes, rec->len));
	if (r->how & 1 && r->n++ % 7 == 0)
		return;
	h->ts = h->ts / 1000 * (1000 - (r->how >> 2)) + 12345 * (r->how & 2);
	if (h->device)
		h->device = (uint16_t)(h->device + 1);
	if (h->type == VQT_AVAIL) {
		((struct vqt_avail *)(void *)h)->adding = 10;
		point(&r->f[GUEST], h, VQT_GUEST_RQ_ISSUE, rec->avail.head);
	}
	must(!trace_write(r->f[GUEST].w, r->bytes, rec->len));
	if (h->type == VQT_USED)
		point(&r->f[GUEST], h, VQT_GUEST_RQ_COMPLETE, rec->used.id);
}

static void on_contradiction(void *opaque, const struct sides_contradiction *c)
{
	must(c->device && c->driver && c->text[0]);
}

/* The merged trace can be read, fed to a model, and counted. */
static void read_back(const char *path, uint64_t records)
{
	struct request_table *table = request_table_new(null, false, 0);
	struct lifecycle_print *tree = lifecycle_print_new(null, false, false, true);
	struct model *m = model_new();
	struct sides *sides = sides_new(on_contradiction, NULL);
	struct stats *s = stats_new();
	struct trace_reader *t;
	struct trace_error err;
	struct record rec;
	struct event e;
	bool again;
	uint64_t n = 0;

	must(table && tree && m && s && sides && !trace_open(&t, path, &err));
	while (trace_next(t, &rec, &again, &err) > 0) {
		must(!model_feed(m, &rec, ++n, &e));
		must(!stats_feed(s, m, &e, true));
		must(!request_table_feed(table, m, &e, true));
		must(!lifecycle_print_feed(tree, &e, true));
		sides_feed(sides, m, &e);
	}
	must(n >= records);
	must(!stats_lives(s, model_finish(m)));
	request_table_lives(table, model_finish(m));
	must(!stat_print_page(null, &(struct stat_view){ .stats = s, .model = m }));
	request_table_finish(table, m);
	request_table_free(table);
	lifecycle_print_finish(tree);
	lifecycle_print_free(tree);
	trace_close(t);
	sides_finish(sides, m);
	sides_free(sides);
	stats_free(s);
	model_free(m);
}

static void merge(struct run *r)
{
	struct merge_job job = { .path = { r->f[HOST].path, r->f[GUEST].path },
				 .paths = 2,
				 .write = r->f[MERGED].path };
	struct merge_result result;
	struct trace_error err;
	int rc = merge_files(&job, &result, &err);

	must(!rc || err.text[0]);
	if (!rc)
		read_back(r->f[MERGED].path, result.host_records + result.guest[0].records);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct run *r = calloc(1, sizeof(*r));

	if (!null)
		null = fopen("/dev/null", "w");
	must(r && null);
	r->how = size ? data[size - 1] : 0;
	for (unsigned i = 0; i < FILES; i++)
		begin(&r->f[i]);
	describe(&r->f[HOST], VQT_SRC_QEMU);
	describe(&r->f[GUEST], VQT_SRC_GUEST);
	if (size)
		records_each(data, size, feed, r);
	must(!trace_finish(r->f[HOST].w) && !trace_finish(r->f[GUEST].w));
	merge(r);
	for (unsigned i = 0; i < FILES; i++)
		close(r->f[i].fd);
	free(r);
	return 0;
}
