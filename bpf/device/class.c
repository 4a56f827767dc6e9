/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "bpf/device/class.h"
#include "bpf/session/emit.h"
#include "decoder/trace/build.h"
#include "decoder/util/text.h"

#define TRIES 10
#define WORK 8 /* times the usual limits: functions are decoded */

/* The objects that a device consists of; 0: it has none, or it is not known. */
struct parts {
	uint64_t proxy, bus, vdev;
};

bool class_due(const struct device *d)
{
	return d->target->c->o.lifecycle && d->complete && d->wanted && !d->gone && !d->fresh &&
	       !d->placeholder && !d->classes_written && d->class_tries < TRIES && d->who.vdev;
}

struct classes *class_all(struct target *t)
{
	uint64_t bias = t->p.text - elf_address(t->q->elf, t->p.text_offset);

	if (!t->classes)
		classes_open(&t->classes, t->q, bias);
	return t->classes;
}

static struct parts parts_of(const struct device *d, const struct process_memory *m)
{
	const struct vqp_proc *l = &d->target->q->layout;
	struct parts p = { .proxy = d->who.proxy, .vdev = d->who.vdev };

	if (p.vdev && l->dev_bus != VQP_UNKNOWN)
		p.bus = process_pointer(m, p.vdev + l->dev_bus);
	return p;
}

bool class_learn(struct target *t, uint64_t object, const struct device *d)
{
	/* an attempt of its own: at the end of a capture that of the target is used up by unwinding */
	struct foreign work;
	struct process_memory mem = process_memory(&work);
	struct class_view *v = malloc(sizeof(*v));
	struct classes *c = class_all(t);
	bool whole = c && v;
	struct parts p = { 0 };

	foreign_init(&work, t->p.pid, &t->foreign.stop);
	foreign_begin(&work);
	if (t->q->work)
		foreign_begin_large(t->q->work, WORK);
	if (d)
		p = parts_of(d, &mem);
	const uint64_t objects[] = { object, p.proxy, p.bus, p.vdev };
	for (size_t i = 0; whole && i < sizeof(objects) / sizeof(objects[0]); i++)
		if (objects[i])
			whole = !classes_read(c, &mem, objects[i], v);
	free(v);
	return whole && p.vdev;
}

/* Where the object is in the proxy, which has `size` bytes. */
static uint32_t offset_in(uint64_t proxy, uint64_t size, const struct class_view *v)
{
	uint64_t at = v->object - proxy;

	if (!proxy || v->object == proxy || at >= size || v->instance_size > size - at)
		return VQT_CLASS_UNKNOWN;
	return (uint32_t)at;
}

static void write_view(struct device *d, enum vqt_class_of of, const struct class_view *v,
		       uint32_t offset)
{
	_Alignas(8) uint8_t buf[8192];
	struct build b;
	struct vqt_class *r = build_begin(&b, buf, sizeof(buf), VQT_CLASS, sizeof(*r));
	TEXT(types, CLASS_TYPES * 65);

	target_stamp(d->target, &r->h, VQT_CLASS, d->r.h.device);
	r->object = v->object;
	r->address = v->class;
	r->bias = classes_bias(d->target->classes);
	r->object_size = v->instance_size;
	r->size = v->class_size;
	r->offset = offset;
	r->of = of;
	for (unsigned i = 0; i < v->ntypes; i++)
		text_add(&types, "%s%s", i ? " " : "", v->type[i]);
	build_text(&b, VQT_TAG_TYPENAME, types.buf);
	for (unsigned i = 0; i < v->nfunctions; i++) {
		const struct class_function *f = &v->function[i];
		struct vqt_callback c = {
			.function = f->address,
			.offset = f->offset,
			.naming = (uint8_t)f->naming,
		};

		build_callback(&b, &c, class_slot_name(f->slot), f->name);
	}
	target_emit(d->target, buf, b.len);
}

void class_write(struct device *d)
{
	struct target *t = d->target;
	struct classes *c = class_all(t);
	struct parts p = parts_of(d, &t->mem);
	const uint64_t objects[] = { p.proxy, p.bus, p.vdev };
	struct class_view *v = calloc(3, sizeof(*v));
	bool whole = c && v;

	if (t->q->work)
		foreign_begin_large(t->q->work, WORK);
	for (unsigned i = 0; i < 3 && whole; i++)
		if (objects[i])
			whole = !classes_read(c, &t->mem, objects[i], &v[i]);
	/* what the last one led to may name what was unknown in the first */
	for (unsigned i = 0; i < 3 && whole; i++)
		if (objects[i])
			whole = !classes_read(c, &t->mem, objects[i], &v[i]);
	for (unsigned i = 0; i < 3 && whole; i++)
		if (objects[i])
			write_view(d, VQT_CLASS_PROXY + i, &v[i],
				   offset_in(p.proxy, v[0].instance_size, &v[i]));
	d->classes_written = whole;
	if (!whole && ++d->class_tries == TRIES)
		target_note(t, d->r.h.device, "the classes of this device could not be read");
	free(v);
}
