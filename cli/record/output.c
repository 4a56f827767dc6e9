/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "cli/cli.h"
#include "cli/record/output.h"

static unsigned digits(unsigned n)
{
	unsigned d = 1;

	while (n >= 10) {
		n /= 10;
		d++;
	}
	return d;
}

/* Names as tcpdump makes them: FILE, FILE1, FILE2; with -W padded and reused; or by time. */
static void name_file(struct record_out *o)
{
	time_t t = time(NULL);
	struct tm tm;

	if (o->rotate_ns && strchr(o->path, '%') && localtime_r(&t, &tm) &&
	    strftime(o->current, sizeof(o->current), o->path, &tm))
		return;
	if (o->files && o->rotate_size)
		snprintf(o->current, sizeof(o->current), "%s%0*u", o->path,
			 (int)digits(o->files - 1), o->n % o->files);
	else if (o->n)
		snprintf(o->current, sizeof(o->current), "%s%u", o->path, o->n);
	else
		snprintf(o->current, sizeof(o->current), "%s", o->path);
}

int record_out_open(struct record_out *o, struct trace_error *err)
{
	int code;

	name_file(o);
	code = trace_create_live(&o->w, o->current, err);
	o->n += !code;
	o->begun = cli_clock();
	return code;
}

void record_out_write(struct record_out *o, const void *record, size_t len)
{
	if (!o->w || o->err || o->full)
		return;
	o->err = trace_write(o->w, record, len);
	if (o->max_size && record_out_bytes(o) >= o->max_size)
		o->full = true;
}

bool record_out_due(const struct record_out *o, uint64_t now)
{
	if (!o->w || !strcmp(o->path, "-"))
		return false;
	return (o->rotate_size && trace_written(o->w) >= o->rotate_size) ||
	       (o->rotate_ns && now - o->begun >= o->rotate_ns);
}

int record_out_next(struct record_out *o, struct trace_error *err)
{
	uint64_t written = o->w ? trace_written(o->w) : 0;
	int code = record_out_close(o, -1);

	if (code) {
		o->total -= written; /* record_out_settle() sees how much of it there is */
		o->err = code;
		snprintf(err->text, sizeof(err->text), "%.256s: %s", o->current, strerror(-code));
		return code;
	}
	/* -W with files by time alone: that many, then the end, as tcpdump does */
	if (o->files && !o->rotate_size && o->n >= o->files) {
		o->full = true;
		return 0;
	}
	return record_out_open(o, err);
}

bool record_out_settle(struct record_out *o)
{
	struct stat st;

	if (!strcmp(o->path, "-"))
		return false;
	if (o->w && !o->err)
		o->err = trace_flush(o->w);
	if (!o->err)
		return false;
	if (o->w) {
		o->total -= trace_written(o->w);
		record_out_close(o, -1);
	}
	if (stat(o->current, &st) || !S_ISREG(st.st_mode))
		return false;
	o->total += (uint64_t)st.st_size;
	return true;
}

uint64_t record_out_bytes(const struct record_out *o)
{
	return o->total + (o->w ? trace_written(o->w) : 0);
}

uint64_t record_out_lost(const struct record_out *o)
{
	return o->lost + (o->w ? trace_dropped(o->w) : 0);
}

int record_out_close(struct record_out *o, int ms)
{
	int err = 0;

	if (!o->w)
		return 0;
	if (trace_removed(o->w))
		cli_warn("%s was removed while it was written: what was recorded in it is lost",
			 o->current);
	o->total += trace_written(o->w);
	o->lost += trace_dropped(o->w);
	err = trace_finish_within(o->w, ms);
	o->w = NULL;
	return err;
}
