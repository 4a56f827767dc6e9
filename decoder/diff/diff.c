/* SPDX-License-Identifier: MIT */
/* The classes of differences by name, and what a finished comparison holds. */
#include <errno.h>
#include <string.h>

#include "decoder/diff/impl.h"

static const struct {
	const char *name, *help;
} classes[DIFF_CLASSES] = {
	[DIFF_DEVICE] = { "device",
			  "type, transport, number of queues; devices that only one has" },
	[DIFF_STATUS] = { "status", "steps of initialisation, the device's answers, resets" },
	[DIFF_FEATURES] = { "features", "feature bits offered and accepted" },
	[DIFF_CONFIG] = { "config", "device configuration, by field" },
	[DIFF_QUEUES] = { "queues", "sizes and enabling of virtqueues" },
	[DIFF_VECTORS] = { "vectors", "MSI-X enabling and vectors" },
	[DIFF_REGISTERS] = { "registers", "all other virtio registers" },
	[DIFF_ERRORS] = { "errors", "the device in trouble, completions of nothing" },
	[DIFF_REQUESTS] = { "requests",
			    "type, sector and length of requests, indirect descriptors" },
	[DIFF_COMPLETIONS] = { "completions", "used length and status, requests left undone" },
	[DIFF_NOTIFY] = { "notify",
			  "kicks and interrupts that are missing, and how they are made" },
	[DIFF_PCI] = { "pci", "identity and capabilities in PCI configuration space" },
	[DIFF_LIFECYCLE] = { "lifecycle",
			     "steps of the device's creation and operation inside QEMU" },
	[DIFF_READS] = { "reads", "registers that only one driver reads" },
	[DIFF_SEGMENTS] = { "segments",
			    "into how many descriptors a request is cut: where its pages lie" },
	[DIFF_ORDER] = { "order", "equal requests in another order, or on another queue" },
	[DIFF_COUNTS] = { "counts", "how many kicks and interrupts there were" },
	[DIFF_ADDRESSES] = { "addresses", "where the driver put its rings (only with --only)" },
};

const char *diff_class_name(unsigned c)
{
	return c < DIFF_CLASSES ? classes[c].name : "";
}

const char *diff_class_help(unsigned c)
{
	return c < DIFF_CLASSES ? classes[c].help : "";
}

int diff_class_by_name(const char *name)
{
	for (int c = 0; c < DIFF_CLASSES; c++)
		if (!strcmp(classes[c].name, name))
			return c;
	return -ENOENT;
}

uint32_t diff_classes_default(void)
{
	return (1U << DIFF_READS) - 1;
}

uint32_t diff_classes_strict(void)
{
	return (1U << DIFF_ADDRESSES) - 1;
}

bool diff_speaks(const struct event *e)
{
	unsigned type = e->rec->h.type;

	return e->dev && (type == VQT_DEVICE_STATE || type == VQT_QUEUE_STATE ||
			  (type >= VQT_REG && type < VQT_LIFECYCLE));
}

const struct diff_pair *diff_pair_nth(const struct diff *d, unsigned n)
{
	return n < d->npair ? &d->pair[n].pub : NULL;
}

const struct difference *diff_nth(const struct diff *d, size_t n)
{
	return n < d->nsorted ? d->sorted[n] : NULL;
}

uint64_t diff_total(const struct diff *d)
{
	return d->total;
}

uint64_t diff_unreported(const struct diff *d)
{
	return d->unreported;
}

const char *diff_caveat(const struct diff *d, unsigned n)
{
	return n < d->ncaveat ? d->caveat[n] : NULL;
}
