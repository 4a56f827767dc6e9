/* SPDX-License-Identifier: MIT */
/*
 * How much of what a device says replay judges: every answer to a register read is
 * changed, a bit of each of its bytes at a time, and the trace replayed with it.  What
 * replay then finds nothing about is counted, by register.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/class/class.h"
#include "tests/emu/recording.h"

struct unfound {
	char name[96];
	unsigned count;
};

static struct unfound unfound[512];
static unsigned nunfound;
static unsigned long changed, missed;

static int by_count(const void *a, const void *b)
{
	const struct unfound *x = a, *y = b;

	return x->count < y->count ? 1 : x->count > y->count ? -1 : strcmp(x->name, y->name);
}

static void miss(const char *name)
{
	unsigned i = 0;

	missed++;
	while (i < nunfound && strcmp(unfound[i].name, name))
		i++;
	if (i == sizeof(unfound) / sizeof(*unfound))
		return; /* so many names are not read by anybody */
	if (i == nunfound)
		snprintf(unfound[nunfound++].name, sizeof(unfound->name), "%s", name);
	unfound[i].count++;
}

static unsigned class_of(struct recording *t, unsigned device)
{
	unsigned id = 0;

	for (unsigned i = 0; i < t->count; i++) {
		const struct vqt_device *d = recording_at(t, i);

		if (d->h.type == VQT_DEVICE && d->h.device == device && d->virtio_id)
			id = d->virtio_id;
	}
	return id;
}

/* Its legacy registers are named as if MSI-X was on; for a count that will do. */
static void name_of(char *to, size_t size, struct recording *t, const struct vqt_reg *r)
{
	const struct spec_field *f =
		class_field_at(r->region, class_of(t, r->h.device), r->offset, r->width, 1);
	uint32_t offset = spec_field_offset(r->region, r->offset, 1);
	char field[64];

	if (f)
		snprintf(to, size, "%s.%s", spec_region_name(r->region),
			 spec_format_field(field, sizeof(field), f, offset, r->width));
	else
		snprintf(to, size, "%s+%u", spec_region_name(r->region), r->offset);
}

/* t.pcap has its declarations in t.declared. */
static struct replay_declared *declared_of(const char *path)
{
	struct replay_declared *d = NULL;
	static char text[65536], name[4096], why[256];
	const char *dot = strrchr(path, '.');
	size_t len;
	FILE *f;

	snprintf(name, sizeof(name), "%.*s.declared", (int)(dot ? dot - path : (long)strlen(path)),
		 path);
	f = fopen(name, "re");
	if (!f)
		return NULL;
	len = fread(text, 1, sizeof(text), f);
	fclose(f);
	if (replay_declared_parse(&d, text, len, why, sizeof(why))) {
		fprintf(stderr, "%s: %s\n", name, why);
		exit(2);
	}
	return d;
}

static unsigned differences(struct recording *t, struct replay_options *o)
{
	struct outcome out;

	recording_replay(t, o, &out);
	return out.rc < 0 ? ~0U : out.differences; /* a replay that gives up has noticed, too */
}

static void mutate(const char *path)
{
	struct replay_options o = { .declared = declared_of(path) };
	unsigned long before = changed, missed_before = missed;
	struct recording t;
	unsigned base;

	o.io_errors = o.declared && replay_declared_io_errors(o.declared, "emu");
	recording_load(&t, path);
	base = differences(&t, &o);
	for (unsigned i = 0; i < t.count; i++) {
		struct vqt_reg *r = recording_at(&t, i);

		if (r->h.type != VQT_REG || r->op != VQT_READ)
			continue;
		for (unsigned bit = 0; bit < 8U * r->width; bit += 8) {
			char name[96];

			r->value ^= 1ULL << bit;
			changed++;
			if (differences(&t, &o) == base) {
				name_of(name, sizeof(name), &t, r);
				miss(name);
			}
			r->value ^= 1ULL << bit;
		}
	}
	printf("%-34s %6lu changed, %4lu not found\n",
	       strrchr(path, '/') ? strrchr(path, '/') + 1 : path, changed - before,
	       missed - missed_before);
	fflush(stdout);
	recording_free(&t);
	replay_declared_free(o.declared);
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		fprintf(stderr, "usage: mutation TRACE...\n");
		return 2;
	}
	for (int i = 1; i < argc; i++)
		mutate(argv[i]);
	printf("%lu answers changed, %lu of them not found (%.1f %%)\n", changed, missed,
	       changed ? 100.0 * (double)missed / (double)changed : 0);
	qsort(unfound, nunfound, sizeof(*unfound), by_count);
	for (unsigned i = 0; i < nunfound; i++)
		printf("  %5u  %s\n", unfound[i].count, unfound[i].name);
	return 0;
}
