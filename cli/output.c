/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli/cli.h"
#include "cli/output.h"

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
static void name_file(struct trace_out *o)
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

int trace_out_task(void *opaque, uint32_t arg, int *gives)
{
	struct trace_out *o = opaque;

	o->n += !o->n; /* the first one is opened by whoever asks */
	name_file(o);
	o->n++;
	*gives = open(o->current, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	return *gives < 0 ? -errno : 0;
}

int trace_out_open(struct trace_out *o, struct trace_error *err)
{
	int fd;

	name_file(o);
	o->begun = cli_clock();
	if (!o->n++ || !o->helper)
		return trace_create_live(&o->w, o->current, err);
	fd = helper_ask(o->helper, o->helper_task, 0);
	if (fd >= 0)
		return trace_create_live_fd(&o->w, fd, o->current, err);
	snprintf(err->text, sizeof(err->text), "%.256s: cannot be written: %s", o->current,
		 strerror(-fd));
	return fd;
}

void trace_out_write(struct trace_out *o, const void *record, size_t len)
{
	if (!o->w || o->err || o->full)
		return;
	o->err = trace_write(o->w, record, len);
	o->records += !o->err;
	if (o->max_size && trace_out_bytes(o) >= o->max_size)
		o->full = true;
}

bool trace_out_due(const struct trace_out *o, uint64_t now)
{
	if (!o->w || !strcmp(o->path, "-"))
		return false;
	return (o->rotate_size && trace_written(o->w) >= o->rotate_size) ||
	       (o->rotate_ns && now - o->begun >= o->rotate_ns);
}

int trace_out_next(struct trace_out *o, struct trace_error *err)
{
	int code = trace_out_close(o, -1);

	if (code) {
		snprintf(err->text, sizeof(err->text), "%.256s: %s", o->current, strerror(-code));
		return code;
	}
	/* -W with files by time alone: that many, then the end, as tcpdump does */
	if (o->files && !o->rotate_size && o->n >= o->files) {
		o->full = true;
		return 0;
	}
	return trace_out_open(o, err);
}

uint64_t trace_out_bytes(const struct trace_out *o)
{
	return o->total + (o->w ? trace_written(o->w) : 0);
}

uint64_t trace_out_lost(const struct trace_out *o)
{
	return o->lost + (o->w ? trace_dropped(o->w) : 0);
}

int trace_out_close(struct trace_out *o, int ms)
{
	int err = 0;

	if (!o->w)
		return 0;
	o->total += trace_written(o->w);
	o->lost += trace_dropped(o->w);
	err = trace_finish_within(o->w, ms);
	o->w = NULL;
	return err;
}
