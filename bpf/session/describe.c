/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "bpf/session/describe.h"
#include "bpf/session/emit.h"
#include "decoder/trace/build.h"

void describe_session(struct capture *c)
{
	_Alignas(8) uint8_t buf[8192];
	struct build b;
	struct vqt_session *s = build_session(&b, buf, sizeof(buf), c->o.command);

	s->h.ts = capture_now();
	s->snaplen = c->o.snaplen;
	s->wall = c->wall;
	emit_record(c, buf, b.len);
}

void describe_source(struct target *t)
{
	_Alignas(8) uint8_t buf[8192];
	struct build b;
	struct vqt_source *s = build_begin(&b, buf, sizeof(buf), VQT_SOURCE, sizeof(*s));

	target_stamp(t, &s->h, VQT_SOURCE, VQT_NO_DEVICE);
	s->kind = VQT_SRC_QEMU;
	s->clock = VQT_CLOCK_MONOTONIC;
	s->pid = (uint32_t)t->p.pid;
	build_text(&b, VQT_TAG_NAME, t->p.name);
	build_text(&b, VQT_TAG_EXE, t->p.object_name);
	build_text(&b, VQT_TAG_VERSION, t->q->version);
	build_text(&b, VQT_TAG_BUILD_ID, elf_build_id(t->q->elf));
	build_text(&b, VQT_TAG_COMMAND, t->p.cmdline);
	target_emit(t, buf, b.len);
}

void describe_device(struct device *d)
{
	_Alignas(8) uint8_t buf[1024];
	struct build b;
	struct vqt_device *r = build_begin(&b, buf, sizeof(buf), VQT_DEVICE, sizeof(*r));
	uint16_t id = d->r.h.device;

	target_stamp(d->target, &d->r.h, VQT_DEVICE, id);
	*r = d->r;
	build_text(&b, VQT_TAG_NAME, d->name);
	build_text(&b, VQT_TAG_ID, d->who.user_id);
	build_text(&b, VQT_TAG_TYPENAME, d->who.typename);
	build_text(&b, VQT_TAG_PATH, d->who.path);
	target_emit(d->target, buf, b.len);
}
