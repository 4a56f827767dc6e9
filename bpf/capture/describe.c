/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "bpf/capture/describe.h"
#include "bpf/capture/emit.h"
#include "decoder/trace/file.h"

#define TEXT_MAX 4000 /* bytes of one text */

static size_t put_text(uint8_t *buf, size_t at, size_t size, unsigned tag, const char *s)
{
	size_t len = strlen(s);
	size_t n = len ? trace_put_tlv(buf, at, size, tag, s, len < TEXT_MAX ? len : TEXT_MAX) : 0;

	return n ? n : at;
}

void describe_session(struct capture *c)
{
	_Alignas(8) uint8_t buf[8192] = {};
	struct vqt_session *s = (void *)buf;
	struct utsname u;
	char os[256] = "";
	size_t at = sizeof(*s);

	s->h.ts = capture_now();
	s->h.type = VQT_SESSION;
	s->h.queue = VQT_NO_QUEUE;
	s->major = VQT_VERSION_MAJOR;
	s->minor = VQT_VERSION_MINOR;
	s->snaplen = c->o.snaplen;
	s->wall = c->wall;
	if (!uname(&u)) {
		snprintf(os, sizeof(os), "%.64s %.100s %.64s", u.sysname, u.release, u.machine);
		at = put_text(buf, at, sizeof(buf), VQT_TAG_HOST, u.nodename);
		at = put_text(buf, at, sizeof(buf), VQT_TAG_OS, os);
	}
	at = put_text(buf, at, sizeof(buf), VQT_TAG_TOOL, "vqtrace " VQTRACE_VERSION);
	at = put_text(buf, at, sizeof(buf), VQT_TAG_COMMAND, c->o.command ? c->o.command : "");
	emit_record(c, buf, at);
}

void describe_source(struct target *t)
{
	_Alignas(8) uint8_t buf[8192] = {};
	struct vqt_source *s = (void *)buf;
	size_t at = sizeof(*s);

	target_stamp(t, &s->h, VQT_SOURCE, VQT_NO_DEVICE);
	s->kind = VQT_SRC_QEMU;
	s->clock = VQT_CLOCK_MONOTONIC;
	s->pid = (uint32_t)t->p.pid;
	at = put_text(buf, at, sizeof(buf), VQT_TAG_NAME, t->p.name);
	at = put_text(buf, at, sizeof(buf), VQT_TAG_EXE, t->p.object_name);
	at = put_text(buf, at, sizeof(buf), VQT_TAG_VERSION, t->q->version);
	at = put_text(buf, at, sizeof(buf), VQT_TAG_BUILD_ID, elf_build_id(t->q->elf));
	at = put_text(buf, at, sizeof(buf), VQT_TAG_COMMAND, t->p.cmdline);
	target_emit(t, buf, at);
}

void describe_device(struct device *d)
{
	_Alignas(8) uint8_t buf[1024] = {};
	struct vqt_device *r = (void *)buf;
	uint16_t id = d->r.h.device;
	size_t at = sizeof(*r);

	target_stamp(d->target, &d->r.h, VQT_DEVICE, id);
	*r = d->r;
	at = put_text(buf, at, sizeof(buf), VQT_TAG_NAME, d->name);
	at = put_text(buf, at, sizeof(buf), VQT_TAG_ID, d->who.user_id);
	at = put_text(buf, at, sizeof(buf), VQT_TAG_TYPENAME, d->who.typename);
	at = put_text(buf, at, sizeof(buf), VQT_TAG_PATH, d->who.path);
	target_emit(d->target, buf, at);
}
