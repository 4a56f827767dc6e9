/* SPDX-License-Identifier: MIT */
/*
 * What of the limits of reading another process a QEMU uses up, step by step of attaching to it.
 * usage: limits PID
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/look/look.h"
#include "bpf/qom/qom.h"
#include "decoder/util/clock.h"

/* What an attempt had before it began, and what it has left now. */
static void report(const char *step, const struct foreign *f, unsigned times)
{
	uint64_t now = clock_ns(CLOCK_THREAD_CPUTIME_ID), calls = FOREIGN_CALLS * (uint64_t)times;
	uint64_t bytes = FOREIGN_BYTES * times, cpu = FOREIGN_CPU_NS * times;
	uint64_t spent = now - (f->cpu - cpu);

	printf("%s\t%llu\t%.2f\t%llu\t%.2f\t%.1f\t%.2f\t%s\n", step,
	       (unsigned long long)(calls - f->calls),
	       100.0 * (double)(calls - f->calls) / (double)calls,
	       (unsigned long long)(bytes - f->bytes) / 1024,
	       100.0 * (double)(bytes - f->bytes) / (double)bytes, (double)spent / 1e6,
	       100.0 * (double)spent / (double)cpu, f->err ? "a limit was reached" : "");
}

static bool visit(void *ctx, const struct process_memory *m, uint64_t obj, uint64_t parent,
		  const char *name)
{
	++*(unsigned *)ctx;
	return true;
}

static int walk(const struct look *l)
{
	struct foreign f;
	struct process_memory m = process_memory(&f);
	unsigned objects = 0;

	foreign_init(&f, l->m.p.pid, NULL);
	qom_walk(&m, l->m.q->root + l->m.bias, visit, &objects);
	report("its tree of objects", &f, 1);
	return objects ? 0 : 1;
}

int main(int argc, char **argv)
{
	pid_t pid = argc == 2 ? (pid_t)atoi(argv[1]) : 0;
	struct source_error err;
	struct foreign f;
	struct process p;
	struct qemu *q;
	struct look *l;
	int rc;

	foreign_init(&f, pid, NULL);
	if (process_read(&p, &f))
		return 1;
	report("is it a QEMU", &f, 1);
	if (qemu_open(&q, p.object, NULL))
		return 1;
	report("decoding it", q->work, 8);
	qemu_close(q);
	if (look_open(&l, pid, NULL, &err))
		return 1;
	rc = walk(l);
	look_begin(l);
	report("a look at all its queues", &l->m.foreign, 1);
	look_close(l);
	return rc;
}
