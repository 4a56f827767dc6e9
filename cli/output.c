/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/output.h"
#include "decoder/util/create.h"

#define REST_NS 100000000 /* a system call for a few records is made this often */

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

static int task_next(struct trace_out *o, int *gives)
{
	const char *why;

	o->n += !o->n; /* the first one is opened by whoever asks */
	name_file(o);
	o->n++;
	*gives = create_file(o->current, 0, &why);
	return *gives < 0 ? *gives : 0;
}

/* Somebody else may have put something in its place: a link is not followed. */
static int task_again(const struct trace_out *o, int *gives)
{
	*gives = open(o->current, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
	return *gives < 0 ? -errno : 0;
}

int trace_out_task(void *opaque, uint32_t arg, int *gives)
{
	return arg == TRACE_OUT_AGAIN ? task_again(opaque, gives) : task_next(opaque, gives);
}

int trace_out_open(struct trace_out *o, struct trace_error *err)
{
	int fd, code;

	name_file(o);
	o->begun = cli_clock();
	if (!o->n || !o->helper) {
		code = trace_create_live(&o->w, o->current, err);
	} else {
		fd = helper_ask(o->helper, o->helper_task, TRACE_OUT_NEXT);
		code = fd < 0 ? fd : trace_create_live_fd(&o->w, fd, o->current, err);
		if (fd < 0)
			snprintf(err->text, sizeof(err->text), "%.256s: cannot be written: %s",
				 o->current, strerror(-fd));
	}
	if (!code && o->batches)
		trace_batches(o->w);
	o->n += !code;
	return code;
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

void trace_out_batch(struct trace_out *o, uint64_t now)
{
	bool all = now - o->rest >= REST_NS;

	if (!o->w || o->err)
		return;
	if (all)
		o->rest = now;
	o->err = trace_batch(o->w, all);
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
	uint64_t written = o->w ? trace_written(o->w) : 0;
	int code = trace_out_close(o, -1);

	if (code) {
		o->total -= written; /* trace_out_settle() sees how much of it there is */
		o->err = code;
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

/* The current file, to be read again. */
static int open_again(const struct trace_out *o)
{
	if (o->helper)
		return helper_ask(o->helper, o->helper_task, TRACE_OUT_AGAIN);
	return open(o->current, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
}

int trace_out_settle(struct trace_out *o)
{
	struct stat st;
	int fd;

	if (!strcmp(o->path, "-"))
		return -1;
	if (o->w && !o->err)
		o->err = trace_flush(o->w);
	if (!o->err)
		return -1;
	if (o->w) {
		o->total -= trace_written(o->w);
		trace_out_close(o, -1);
	}
	fd = open_again(o);
	if (fd < 0)
		return -1;
	if (fstat(fd, &st) || !S_ISREG(st.st_mode)) {
		close(fd);
		return -1;
	}
	o->total += (uint64_t)st.st_size;
	return fd;
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
	if (trace_removed(o->w))
		cli_warn("%s was removed while it was written: what was recorded in it is lost",
			 o->current);
	o->total += trace_written(o->w);
	o->lost += trace_dropped(o->w);
	err = trace_finish_within(o->w, ms);
	o->w = NULL;
	return err;
}

const char *trace_out_error(int err)
{
	return err == -ETIMEDOUT ? "its reader stopped reading"
	       : err == -ETIME	 ? "its reader was too slow to read the rest in time"
				 : strerror(-err);
}
