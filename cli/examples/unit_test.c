/* SPDX-License-Identifier: MIT */
/*
 * A trace checked in a unit test: a driver must not break what the specification demands of it.
 * TAP on standard output; what was found in comments: RULE DEVICE PARTY EVENT: WHAT
 *   cc -o unit_test unit_test.c $(pkg-config --cflags --libs libvqtrace) && ./unit_test t.pcap
 */
#include <stdio.h>
#include <vqtrace.h>

static void report(const struct vqtrace_finding *f)
{
	printf("# %s %s %s %llu: %s (virtio 1.4, %s)\n", vqtrace_finding_rule(f),
	       vqtrace_finding_device(f),
	       vqtrace_finding_party(f) == VQTRACE_DRIVER ? "driver" : "device",
	       (unsigned long long)vqtrace_finding_event(f), vqtrace_finding_seen(f),
	       vqtrace_finding_section(f));
}

/* How often the driver broke a rule of this severity or a worse one; -1: the trace cannot tell. */
static int violations(const char *path, enum vqtrace_severity worst)
{
	const struct vqtrace_finding *f;
	const struct vqtrace_event *e;
	char error[256];
	struct vqtrace *t;
	int rc, n = 0;

	if (vqtrace_open(&t, path, error, sizeof(error)) || vqtrace_check(t, NULL)) {
		printf("# %s\n", t ? vqtrace_error(t) : error);
		vqtrace_close(t);
		return -1;
	}
	do {
		rc = vqtrace_next(
			t, &e); /* its findings are there until the next call, also at the end */
		while ((f = vqtrace_next_finding(t))) {
			report(f);
			n += vqtrace_finding_party(f) == VQTRACE_DRIVER &&
			     vqtrace_finding_severity(f) <= worst;
		}
	} while (rc == 1);
	if (rc)
		printf("# %s\n", vqtrace_error(t));
	/* Without findings the driver did well only if something could be decided. */
	n = rc || !vqtrace_decided(t, VQTRACE_DRIVER) ? -1 : n;
	vqtrace_close(t);
	return n;
}

int main(int argc, char **argv)
{
	int n = argc == 2 ? violations(argv[1], VQTRACE_STRUCTURAL) : -1;

	printf("%s 1 - the driver keeps to the specification\n1..1\n", n ? "not ok" : "ok");
	return n < 0 ? 2 : n > 0;
}
