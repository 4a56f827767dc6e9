/* SPDX-License-Identifier: MIT */
/* The trace of a served device: its files, and what each begins with. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "cli/serve/impl.h"
#include "decoder/spec/constants.h"
#include "decoder/util/clock.h"
#include "decoder/util/outlet.h"

static uint64_t now_ns(void *opaque)
{
	return clock_ns(CLOCK_MONOTONIC);
}

static void emit(void *opaque, const void *record, size_t len)
{
	struct serve_run *r = opaque;

	r->written++;
	if (!r->again)
		check_live_record(&r->check, record, len);
	if (r->traced)
		trace_out_write(&r->out, record, len);
}

/* What each file begins with.  The checker knows it already when it is written again. */
static void describe(struct serve_run *r, bool again)
{
	const struct emu_class *cls = r->cfg.cls;
	unsigned flags =
		(r->cfg.transitional ? VQT_DEV_TRANSITIONAL : 0) | (again ? VQT_DEV_LATE : 0);
	char name[64], id[32];

	r->again = again;
	emu_tap_session(r->cfg.tap, "vqtrace " VQTRACE_VERSION, r->command,
			(int64_t)(clock_ns(CLOCK_REALTIME) - now_ns(NULL)));
	snprintf(name, sizeof(name), "%s device", r->protocol->name);
	emu_tap_source(r->cfg.tap, name, (uint32_t)getpid());
	snprintf(name, sizeof(name), "%s-%s", r->protocol->name, cls->name);
	snprintf(id, sizeof(id), "%s0", cls->name);
	/* clients of vhost-user do not report their transport; QEMU's devices are PCI functions */
	emu_tap_device(r->cfg.tap, cls->virtio_id,
		       r->protocol->transport ? r->protocol->transport->id : VQT_TRANSPORT_PCI,
		       flags, ~0u, r->cfg.queues ? r->cfg.queues : 1, id, name);
	if (again)
		emu_virtio_describe(server_virtio(r->server));
	r->again = false;
}

int serve_trace_open(struct serve_run *r)
{
	struct trace_error err;

	if (!r->out.path && !r->check.on)
		return CLI_OK;
	if (check_live_begin(&r->check, r->out.path))
		return CLI_TROUBLE;
	r->out.helper = r->helper;
	r->out.helper_task = SERVE_NEXT_FILE;
	if (r->out.path && trace_out_open(&r->out, &err))
		return cli_error("%s", err.text);
	r->traced = r->out.path != NULL;
	r->begun = now_ns(NULL);
	r->tap.emit = emit;
	r->tap.now = now_ns;
	r->tap.opaque = r;
	r->cfg.tap = emu_tap_new(&r->tap);
	if (!r->cfg.tap)
		return cli_error("no memory for the trace");
	describe(r, false);
	return CLI_OK;
}

/* The device goes on: a guest depends on it.  What is kept for a reader of a pipe stays so. */
static void end(struct serve_run *r, const char *why)
{
	r->traced = false;
	if (!r->quiet)
		cli_say("the trace ends: %s; the device continues", why);
}

/* A trace that ended and waits for nobody, or that cannot be written. */
static void close_ended(struct serve_run *r)
{
	int err = trace_out_close(&r->out, 0);

	if (!r->out.err)
		r->out.err = err;
	if (r->out.err == -EPIPE && r->traced)
		end(r, "its reader has left");
	else if (r->out.err && r->out.err != -EPIPE)
		cli_error("%s: %s; the trace ends here, the device does not", r->out.current,
			  strerror(-r->out.err));
	r->traced = false;
}

static void next_file(struct serve_run *r)
{
	struct trace_error err;

	if (trace_out_next(&r->out, &err)) {
		cli_error("%s; the trace ends here, the device does not", err.text);
		r->out.err = -EIO;
		r->traced = false;
	} else if (r->out.full) {
		end(r, "it has all its files (-W)");
	} else {
		describe(r, true);
	}
}

void serve_trace_flush(struct serve_run *r)
{
	if (r->out.w && !r->out.err)
		r->out.err = trace_flush(r->out.w);
}

void serve_trace_step(struct serve_run *r)
{
	uint64_t now;

	if (r->out.w && (r->out.err || (!r->traced && !trace_waiting(r->out.w))))
		close_ended(r);
	if (!r->traced)
		return;
	now = now_ns(NULL);
	if (r->duration && now - r->begun >= r->duration)
		end(r, "--duration is over");
	else if (r->out.full)
		end(r, "it has reached --max-size");
	else if (trace_out_due(&r->out, now))
		next_file(r);
}

int serve_trace_close(struct serve_run *r, bool hurry, int code)
{
	uint64_t lost = trace_out_lost(&r->out);
	bool reported = r->out.err && !r->out.w;
	int err = trace_out_close(&r->out, hurry ? OUTLET_HURRY : -1);

	if (lost)
		cli_warn(CLI_PIPE_SLOW, (unsigned long long)lost);
	if (reported)
		return r->out.err == -EPIPE ? code : CLI_TROUBLE;
	if (!err || err == -EPIPE)
		return code;
	return cli_error("%s: %s; what was written until then is readable", r->out.current,
			 trace_out_error(err));
}
