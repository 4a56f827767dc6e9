/* SPDX-License-Identifier: MIT */
/* A step of a driver: its function, what it was called with, what it returned. */
#include <inttypes.h>

#include "decoder/print/impl.h"
#include "decoder/trace/guest.h"

/* enum req_op, the low byte of a request's cmd_flags. */
static void put_req_op(struct text *t, uint64_t op)
{
	static const struct spec_name ops[] = {
		{ 0, "READ" },	  { 1, "WRITE" },	 { 2, "FLUSH" },
		{ 3, "DISCARD" }, { 5, "SECURE_ERASE" }, { 9, "WRITE_ZEROES" },
		{ 34, "DRV_IN" }, { 35, "DRV_OUT" },	 { 0, NULL },
	};
	const char *name = spec_name_of(ops, op & 0xff);

	if (name)
		text_puts(t, name);
	else
		text_add(t, "op %u", (unsigned)(op & 0xff));
}

/* A time of the event's clock, as how long before the event that was. */
static void put_guest_time(struct text *t, uint64_t now, uint64_t then)
{
	if (!then || then > now) {
		text_puts(t, "?");
		return;
	}
	text_duration(t, now - then);
	text_puts(t, " before");
}

static void put_guest_value(struct text *t, unsigned kind, uint64_t v)
{
	char buf[1024];

	switch (kind) {
	case GUEST_NONE: break;
	case GUEST_NUMBER: text_add(t, "%" PRIu64, v); break;
	case GUEST_SIGNED:
	case GUEST_ERRNO: text_add(t, "%" PRId32, (int32_t)v); break;
	case GUEST_BOOL: text_puts(t, v & 0xff ? "true" : "false"); break;
	case GUEST_STATUS:
		text_puts(t, spec_format_status(buf, sizeof(buf), (unsigned)v & 0xff));
		break;
	case GUEST_REQ_OP: put_req_op(t, v); break;
	default: text_add(t, "0x%" PRIx64, v); break;
	}
}

void print_guest(struct text *t, const struct event *e, bool ascii)
{
	const struct vqt_guest *g = &e->rec->guest;
	const struct guest_function *f = guest_function_of(e->rec);
	size_t len;
	const char *s = record_text(e->rec, &len);

	if (f)
		text_puts(t, f->name);
	else
		text_untrusted(t, s, len);
	if (g->h.queue != VQT_NO_QUEUE)
		text_add(t, " q%u", g->h.queue);
	if (g->phase == VQT_GUEST_RETURN)
		text_puts(t, " returns");
	if (g->phase == VQT_GUEST_RETURN && f && f->ret) {
		text_puts(t, " ");
		put_guest_value(t, f->ret, (uint64_t)g->ret);
	}
	for (unsigned i = 0; i < g->nargs; i++) {
		const struct guest_value *v = guest_value_of(e->rec, i);

		text_add(t, "%s %s ", i ? "," : "", v ? v->name : "?");
		if (v && v->kind == GUEST_TIME)
			put_guest_time(t, e->rec->h.ts, record_guest_arg(e->rec, i));
		else
			put_guest_value(t, v ? v->kind : GUEST_HEX, record_guest_arg(e->rec, i));
	}
	if (g->phase == VQT_GUEST_DERIVED)
		text_add(t, " (inlined; %s)", f && f->proof ? f->proof : "derived");
}
