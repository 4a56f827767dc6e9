/* SPDX-License-Identifier: MIT */
/*
 * How many requests of each type a trace has, and how many failed: DEVICE TYPE REQUESTS ERRORS.
 *   cc -o count count.c $(pkg-config --cflags --libs libvqtrace) && ./count t.pcap
 */
#include <stdio.h>
#include <string.h>
#include <vqtrace.h>

#define ROWS_MAX 256

static struct row {
	char device[64], type[64];
	unsigned long requests, errors;
} row[ROWS_MAX];

static void count(const char *device, const char *type, int error)
{
	struct row *r = row;

	while (r < row + ROWS_MAX - 1 && r->requests &&
	       (strcmp(r->device, device) || strcmp(r->type, type)))
		r++;
	snprintf(r->device, sizeof(r->device), "%s", device);
	snprintf(r->type, sizeof(r->type), "%s", type);
	r->requests++;
	r->errors += error;
}

int main(int argc, char **argv)
{
	const struct vqtrace_field *id = vqtrace_field("used.id"), *name = vqtrace_field("device");
	const struct vqtrace_field *type = vqtrace_field("request.type");
	const struct vqtrace_field *result = vqtrace_field("used.status");
	const struct vqtrace_event *e;
	char error[256], device[64], word[64], status[64];
	struct vqtrace *t;
	int rc;

	if (argc != 2 || vqtrace_open(&t, argv[1], error, sizeof(error))) {
		printf("%s\n", argc != 2 ? "usage: count TRACE" : error);
		return 2;
	}
	while ((rc = vqtrace_next(t, &e)) == 1) {
		if (vqtrace_get_text(e, id, 0, NULL, 0) < 0)
			continue; /* the event is not the end of a request */
		vqtrace_get_text(e, name, 0, device, sizeof(device));
		if (vqtrace_get_text(e, type, 0, word, sizeof(word)) < 0)
			strcpy(word, "-"); /* devices of this class name no types */
		count(device, word,
		      vqtrace_get_text(e, result, 0, status, sizeof(status)) > 0 &&
			      strcmp(status, "OK"));
	}
	for (struct row *r = row; r < row + ROWS_MAX && r->requests; r++)
		printf("%s %s %lu %lu\n", r->device, r->type, r->requests, r->errors);
	vqtrace_close(t);
	return rc ? 2 : 0;
}
