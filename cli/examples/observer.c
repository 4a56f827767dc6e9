/* SPDX-License-Identifier: MIT */
/*
 * An observer of one's own: how long the device had each request, by device:
 * DEVICE REQUESTS SUM MAX EVENT, times in ns, EVENT the number of that of the slowest one.
 *   cc -o observer observer.c $(pkg-config --cflags --libs libvqtrace) && ./observer t.pcap
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <vqtrace.h>

#define DEVICES_MAX 64

static struct device {
	char name[64];
	uint64_t requests, sum, max, slowest;
} device[DEVICES_MAX];

static void observe(const char *name, uint64_t ns, uint64_t number)
{
	struct device *d = device;

	while (d < device + DEVICES_MAX - 1 && d->requests && strcmp(d->name, name))
		d++;
	snprintf(d->name, sizeof(d->name), "%s", name);
	d->requests++;
	d->sum += ns;
	if (ns > d->max) {
		d->max = ns;
		d->slowest = number;
	}
}

int main(int argc, char **argv)
{
	const struct vqtrace_field *number = vqtrace_field("number"),
				   *name = vqtrace_field("device");
	const struct vqtrace_field *latency = vqtrace_field("used.latency");
	const struct vqtrace_event *e;
	char error[256], words[64];
	struct vqtrace *t;
	uint64_t ns, n;
	int rc;

	if (argc != 2 || vqtrace_open(&t, argv[1], error, sizeof(error))) {
		printf("%s\n", argc != 2 ? "usage: observer TRACE" : error);
		return 2;
	}
	/* -ENOENT: the event is another one, or when the device popped it is not known. */
	while ((rc = vqtrace_next(t, &e)) == 1)
		if (!vqtrace_get_u64(e, latency, 0, &ns) && !vqtrace_get_u64(e, number, 0, &n) &&
		    vqtrace_get_text(e, name, 0, words, sizeof(words)) >= 0)
			observe(words, ns, n);
	for (struct device *d = device; d < device + DEVICES_MAX && d->requests; d++)
		printf("%s %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", d->name, d->requests,
		       d->sum, d->max, d->slowest);
	vqtrace_close(t);
	return rc ? 2 : 0;
}
