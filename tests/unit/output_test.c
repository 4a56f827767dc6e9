/* SPDX-License-Identifier: MIT */
/* The files of a recording: what is said of them is what there is, also when one cannot be written. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/output.h"
#include "tests/unit/tap.h"

#define LIMIT 100000 /* bytes of a file */

/* Of the program, which is not here. */
uint64_t cli_clock(void)
{
	return 1;
}

void cli_warn(const char *fmt, ...)
{
}

static char dir[] = "/tmp/vqtrace-record-output-test-XXXXXX";

/* The second file cannot be written to its end, which shows when it is to be closed. */
static void cut_short(void)
{
	struct rlimit before, limit;
	struct vqt_note note = { .h = { .type = VQT_NOTE, .device = VQT_NO_DEVICE } };
	struct vqt_session session = { .h = { .type = VQT_SESSION } };
	_Alignas(8) uint8_t record[1024] = { 0 };
	struct trace_out o = { .rotate_size = LIMIT / 2 };
	struct trace_error err = { "" };
	struct stat first, second;
	char path[64];
	int code = 0, fd;

	CHECK(mkdtemp(dir) != NULL);
	snprintf(path, sizeof(path), "%s/t.pcap", dir);
	o.path = path;
	note.len = sizeof(record) - sizeof(note);
	memcpy(record, &note, sizeof(note));
	CHECK_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
	limit = before;
	limit.rlim_cur = LIMIT;
	signal(SIGXFSZ, SIG_IGN);
	CHECK_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
	CHECK_EQ(trace_out_open(&o, &err), 0);
	trace_out_write(&o, &session, sizeof(session));
	for (unsigned i = 0; i < LIMIT && !o.err && !code; i++) {
		trace_out_write(&o, record, sizeof(record));
		if (!trace_out_due(&o, 1))
			continue;
		code = trace_out_next(&o, &err);
		if (!code)
			trace_out_write(&o, &session, sizeof(session));
		o.rotate_size = LIMIT + 500; /* less than what waits to be written */
	}
	CHECK_EQ(code, -EFBIG);
	CHECK_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
	fd = trace_out_settle(&o);
	CHECK(fd >= 0 && !close(fd));
	CHECK_EQ(o.n, 2);
	CHECK(!stat(o.current, &second) && !stat(path, &first) && second.st_size <= LIMIT);
	CHECK_EQ(trace_out_bytes(&o), (uint64_t)(first.st_size + second.st_size));
	unlink(o.current);
	unlink(path);
	rmdir(dir);
}

/* What was not begun is no file. */
static void no_next(void)
{
	struct trace_out o = { .path = "/nothing/t.pcap" };
	struct trace_error err;

	CHECK(trace_out_open(&o, &err) < 0);
	CHECK_EQ(o.n, 0);
	CHECK_EQ(trace_out_settle(&o), -1);
	CHECK_EQ(trace_out_bytes(&o), 0);
}

static const struct tap_test tests[] = {
	{ "a file that cannot be written to its end", cut_short },
	{ "a file that cannot be begun", no_next },
};

TAP_MAIN(tests)
