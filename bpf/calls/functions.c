/* SPDX-License-Identifier: MIT */
/* Attaches to the functions that have no exported name: those that types and classes hold. */
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/calls/calls.h"
#include "bpf/calls/ends.h"
#include "bpf/calls/impl.h"
#include "bpf/prog/qemu.skel.h"
#include "bpf/qom/types.h"

#define CANDIDATES 256 /* functions that one class_init hands on */

/* A function that has no exported name, to be probed. */
struct function_probe {
	uint64_t addr;
	uint32_t name;
	uint8_t link;
	bool begins; /* instance_init of "device": the first of any device */
};

struct functions {
	struct function_probe at[VQP_NAMES];
	size_t n;
};

static struct function_probe *find(struct functions *f, uint64_t addr)
{
	for (size_t i = 0; i < f->n; i++)
		if (f->at[i].addr == addr)
			return &f->at[i];
	return NULL;
}

/* Whether a probe of an exported function is there. */
static bool is_probed(const struct target *t, uint64_t addr)
{
	uint64_t offset = elf_offset(t->q->elf, addr);

	for (size_t i = 0; i < t->q->nprobes; i++)
		if (t->q->probe[i].begin == offset)
			return true;
	return false;
}

/* A function in this role; several types may have one. */
static void function_add(struct target *t, struct functions *f, uint64_t addr, uint8_t link,
			 const char *role, const char *type)
{
	struct function_probe *p = addr ? find(f, addr) : NULL;
	struct calls *c = t->calls;
	char name[CALLS_NAME];

	if (!addr || (p && p->link != link))
		return;
	if (p) {
		char *text = c->name[p->name].text;
		size_t len = strlen(text);

		snprintf(text + len, CALLS_NAME - len, ", %s", type);
		p->begins |= !strcmp(type, "device");
		return;
	}
	snprintf(name, sizeof(name), "%s of %s", role, type);
	if (f->n == VQP_NAMES || is_probed(t, addr) || c->names == VQP_NAMES)
		return;
	f->at[f->n++] = (struct function_probe){ .addr = addr,
						 .name = calls_name_add(c, name),
						 .link = link,
						 .begins = !strcmp(type, "device") };
}

static void callbacks_add(struct target *t, struct functions *f, const struct qemu_type *type)
{
	uint64_t candidate[CANDIDATES];
	size_t n = types_candidates(t->q->elf, type->class_init, candidate, CANDIDATES);
	char name[32];

	for (size_t i = 0; i < n; i++) {
		if (find(f, candidate[i]) || is_probed(t, candidate[i]) || f->n == VQP_NAMES ||
		    t->calls->names == VQP_NAMES)
			continue;
		snprintf(name, sizeof(name), "fn_%llx", (unsigned long long)candidate[i]);
		f->at[f->n++] = (struct function_probe){ .addr = candidate[i],
							 .name = calls_name_add(t->calls, name),
							 .link = LINK_CALLBACK };
		t->calls->name[t->calls->names - 1].callback = candidate[i];
	}
}

static int functions_find(struct target *t, struct functions *f)
{
	struct types *types;
	int err = types_find(&types, t->q->elf);

	if (err)
		return err;
	for (size_t i = 0; i < types_count(types); i++) {
		const struct qemu_type *type = types_at(types, i);

		function_add(t, f, type->class_init, LINK_CLASS_INIT, "class_init", type->name);
		function_add(t, f, type->instance_init, LINK_OBJECT_INIT, "instance_init",
			     type->name);
	}
	for (size_t i = 0; i < types_count(types); i++)
		callbacks_add(t, f, types_at(types, i));
	types_free(types);
	return f->n ? 0 : -ENOENT;
}

/* The cookie of a probe at the begin of such a function. */
static uint64_t cookie_of(const struct target *t, const struct function_probe *p)
{
	static const struct {
		uint8_t what, object;
	} rows[] = {
		[LINK_CLASS_INIT] = { VQT_LIFECYCLE_CLASS_INIT, VQP_OBJ_NONE },
		[LINK_OBJECT_INIT] = { VQT_LIFECYCLE_OBJECT_INIT, VQP_LIFECYCLE_TYPENAME },
		[LINK_CALLBACK] = { VQT_LIFECYCLE_CALLBACK, 0 },
	};
	uint64_t cookie =
		VQP_COOKIE(rows[p->link].object) | VQP_COOKIE_OFF(p->name) |
		VQP_COOKIE_AUX(rows[p->link].what |
			       (end_points_has(t->ends, p->addr) ? VQP_AUX_CALL : VQP_AUX_NAMED) |
			       (p->begins ? VQP_AUX_BEGINS : 0)) |
		VQP_COOKIE_REG(0, VQP_RDI);

	/* what a callback is called for is recorded, too */
	cookie |= VQP_COOKIE_REG(1, p->link == LINK_CALLBACK ? VQP_RDI : VQP_NO_REG);
	for (int i = 2; i < 5; i++)
		cookie |= VQP_COOKIE_REG(i, VQP_NO_REG);
	return cookie;
}

/* 0, also when there is nothing to attach to, or negative errno. */
static int attach_link(struct target *t, unsigned link, struct bpf_program *program)
{
	const struct functions *f = t->calls->functions;
	struct attach_point *points = calloc(f->n + 1, sizeof(*points));
	int err = points ? 0 : -ENOMEM;
	size_t n = 0;

	for (size_t i = 0; points && i < f->n; i++)
		if (f->at[i].link == link)
			points[n++] = (struct attach_point){
				.offset = elf_offset(t->q->elf, f->at[i].addr),
				.cookie = cookie_of(t, &f->at[i]),
			};
	if (n)
		err = attach_points(&t->calls->link[link], program, true, t->p.pid, t->p.object,
				    points, n);
	free(points);
	return err;
}

int calls_find(struct target *t)
{
	struct functions *f = t->calls->functions = calloc(1, sizeof(*f));
	int err = f ? functions_find(t, f) : -ENOMEM;

	for (size_t i = 0; !err && i < f->n; i++)
		end_points_add(t->ends, f->at[i].addr);
	return err;
}

int calls_attach(struct target *t)
{
	const struct qemu_bpf *s = t->c->skel;
	int err = attach_link(t, LINK_CLASS_INIT, s->progs.on_lifecycle);

	if (!err)
		err = attach_link(t, LINK_OBJECT_INIT, s->progs.on_object_init);
	if (!err)
		err = attach_link(t, LINK_CALLBACK, s->progs.on_callback);
	if (err)
		calls_detach(t);
	return err;
}

void calls_detach(struct target *t)
{
	for (unsigned i = 0; t->calls && i < LINKS; i++) {
		attach_detach(t->calls->link[i]);
		t->calls->link[i] = NULL;
	}
}
