/* SPDX-License-Identifier: MIT */
/*
 * Counts of a trace in the words of tests/lab/witness: "key value" lines, so that
 * the two can be compared line by line.  usage: count TRACE
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/trace.h"

#define DEVICES 16
#define QUEUES 16

static struct {
	uint32_t bdf;
	unsigned order; /* rank in PCI order */
	uint64_t set_status, status_writes, resets;
	uint64_t reads[16], writes[16];
	struct {
		uint64_t notify, pop, fill, irq, data, late, again, derived;
	} queue[QUEUES];
	uint64_t intx[2], msix, config_irq;
	uint64_t ok, ioerr, unsupp;
	bool seen;
} dev[DEVICES];

static uint64_t lost, notes, bytes, types[64];

static const char *const regions[16] = {
	[VQT_REGION_PCI] = "pci", [VQT_REGION_COMMON] = "common", [VQT_REGION_NOTIFY] = "notify",
	[VQT_REGION_ISR] = "isr", [VQT_REGION_DEVICE] = "device",
	[VQT_REGION_MSIX_TABLE] = "msix-table", [VQT_REGION_MSIX_PBA] = "msix-pba",
	[VQT_REGION_LEGACY] = "legacy",
};

static void count_reg(unsigned d, const struct vqt_reg *r)
{
	bool status = (r->region == VQT_REGION_COMMON && r->offset == 20) ||
		      (r->region == VQT_REGION_LEGACY && r->offset == 18);

	if (r->op == VQT_READ) {
		dev[d].reads[r->region & 15]++;
		return;
	}
	dev[d].writes[r->region & 15]++;
	if (status) {
		dev[d].status_writes++;
		dev[d].resets += r->value == 0;
	}
}

static void count(const struct record *r)
{
	unsigned d = r->h.device < DEVICES ? r->h.device : 0;
	unsigned q = r->h.queue < QUEUES ? r->h.queue : 0;

	types[r->h.type & 63]++;
	bytes += r->len + 16;
	switch (r->h.type) {
	case VQT_DEVICE:
		dev[d].bdf = r->device.bdf;
		dev[d].seen = true;
		break;
	case VQT_REG:
		count_reg(d, &r->reg);
		break;
	case VQT_KICK:
		dev[d].queue[q].notify++;
		break;
	case VQT_AVAIL:
		dev[d].queue[q].pop++;
		dev[d].queue[q].late += !!(r->avail.flags & VQT_CHAIN_LATE);
		dev[d].queue[q].again += !!(r->avail.flags & VQT_CHAIN_AGAIN);
		dev[d].queue[q].derived += !!(r->avail.flags & VQT_CHAIN_DERIVED);
		break;
	case VQT_USED:
		dev[d].queue[q].fill++;
		dev[d].ok += r->used.status == 0;
		dev[d].ioerr += r->used.status == 1;
		dev[d].unsupp += r->used.status == 2;
		break;
	case VQT_DATA:
		dev[d].queue[q].data++;
		break;
	case VQT_IRQ:
		if (r->irq.kind == VQT_IRQ_SIGNAL)
			dev[d].queue[q].irq++;
		else if (r->irq.kind == VQT_IRQ_INTX)
			dev[d].intx[r->irq.level & 1]++;
		else if (r->irq.kind == VQT_IRQ_MSIX)
			dev[d].msix++;
		else
			dev[d].config_irq++;
		break;
	case VQT_LIFE:
		dev[d].set_status += r->life.what == VQT_LIFE_SET_STATUS;
		break;
	case VQT_LOSS:
		lost += r->loss.lost;
		break;
	case VQT_NOTE:
		notes++;
		break;
	}
}

static void print_device(unsigned d, unsigned n)
{
	printf("dev.%u.set_status %" PRIu64 "\n", n, dev[d].set_status);
	printf("dev.%u.status_writes %" PRIu64 "\n", n, dev[d].status_writes);
	printf("dev.%u.resets %" PRIu64 "\n", n, dev[d].resets);
	for (unsigned r = 0; r < 16; r++)
		if (regions[r] && (dev[d].reads[r] || dev[d].writes[r]))
			printf("dev.%u.reg.%s.reads %" PRIu64 "\ndev.%u.reg.%s.writes %" PRIu64 "\n",
			       n, regions[r], dev[d].reads[r], n, regions[r], dev[d].writes[r]);
	for (unsigned q = 0; q < QUEUES; q++) {
		if (!dev[d].queue[q].notify && !dev[d].queue[q].pop)
			continue;
		printf("dev.%u.queue.%u.notify %" PRIu64 "\n", n, q, dev[d].queue[q].notify);
		printf("dev.%u.queue.%u.pop %" PRIu64 "\n", n, q, dev[d].queue[q].pop);
		printf("dev.%u.queue.%u.fill %" PRIu64 "\n", n, q, dev[d].queue[q].fill);
		printf("dev.%u.queue.%u.irq %" PRIu64 "\n", n, q, dev[d].queue[q].irq);
		printf("dev.%u.queue.%u.data %" PRIu64 "\n", n, q, dev[d].queue[q].data);
		printf("dev.%u.queue.%u.late %" PRIu64 "\n", n, q, dev[d].queue[q].late);
		printf("dev.%u.queue.%u.again %" PRIu64 "\n", n, q, dev[d].queue[q].again);
		printf("dev.%u.queue.%u.derived %" PRIu64 "\n", n, q, dev[d].queue[q].derived);
	}
	printf("dev.%u.complete.ok %" PRIu64 "\n", n, dev[d].ok);
	printf("dev.%u.complete.ioerr %" PRIu64 "\n", n, dev[d].ioerr);
	printf("dev.%u.complete.unsupp %" PRIu64 "\n", n, dev[d].unsupp);
	printf("dev.%u.intx.assert %" PRIu64 "\n", n, dev[d].intx[1]);
	printf("dev.%u.config_irq %" PRIu64 "\n", n, dev[d].config_irq);
	printf("dev.%u.msix %" PRIu64 "\n", n, dev[d].msix);
}

int main(int argc, char **argv)
{
	struct trace_reader *t;
	struct trace_error err;
	struct record rec;
	bool again = false;
	int n;

	if (argc != 2 || trace_open(&t, argv[1], &err)) {
		fprintf(stderr, "count: %s\n", argc == 2 ? err.text : "usage: count TRACE");
		return 2;
	}
	while ((n = trace_next(t, &rec, &again, &err)) == 1)
		count(&rec);
	if (n < 0)
		fprintf(stderr, "count: %s\n", err.text);
	trace_close(t);
	for (unsigned d = 0; d < DEVICES; d++) {
		unsigned rank = 0;

		if (!dev[d].seen)
			continue;
		for (unsigned o = 0; o < DEVICES; o++)
			rank += dev[o].seen && dev[o].bdf < dev[d].bdf;
		print_device(d, rank);
	}
	printf("lost %" PRIu64 "\nnotes %" PRIu64 "\nbytes %" PRIu64 "\n", lost, notes, bytes);
	return n < 0 ? 2 : 0;
}
