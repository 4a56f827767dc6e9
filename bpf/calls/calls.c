/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/calls/calls.h"
#include "bpf/calls/impl.h"
#include "bpf/device/class.h"
#include "decoder/trace/build.h"

int calls_open(struct target *t)
{
	struct calls *c;

	if (!t->c->o.lifecycle)
		return 0;
	c = t->calls = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	c->name = calloc(VQP_NAMES, sizeof(*c->name));
	c->names = 1;
	return c->name ? 0 : -ENOMEM;
}

void calls_close(struct target *t)
{
	if (!t->calls)
		return;
	free(t->calls->name);
	free(t->calls->functions);
	free(t->calls);
	t->calls = NULL;
}

uint32_t calls_name_add(struct calls *c, const char *name)
{
	if (c->names == VQP_NAMES)
		return 0;
	snprintf(c->name[c->names].text, CALLS_NAME, "%s", name);
	return c->names++;
}

uint32_t calls_name(struct target *t, const struct qemu_probe *p)
{
	return p->flags & QEMU_PROBE_CALLS_ONLY ? calls_name_add(t->calls, p->name) : 0;
}

void calls_take(struct target *t, const void *record, size_t len)
{
	const struct vqt_hdr *h = record;
	struct waiting *w;

	if (!t->calls || len < sizeof(w->call))
		return;
	w = &t->calls->waiting[h->seq % CALLS_WAITING];
	w->seq = h->seq;
	w->here = true;
	memcpy(&w->call, record, sizeof(w->call));
}

#define TRIES 3 /* to read the class that has a function */

/* --- names of callbacks ------------------------------------------------------------------------ */

/* Roles that are called for every request, interrupt or read of the configuration. */
static bool is_unwanted(const char *role)
{
	static const char *const hot[] = {
		"VirtioBusClass.notify ",
		"VirtioBusClass.ioeventfd_enabled ",
		"VirtioDeviceClass.guest_notifier_mask ",
		"VirtioDeviceClass.get_config ",
	};

	for (size_t i = 0; i < sizeof(hot) / sizeof(hot[0]); i++)
		if (!strncmp(role, hot[i], strlen(hot[i])))
			return true;
	return false;
}

/* A callback gets the name of its role, and the one that symbols have. */
static void name_callback(struct target *t, struct call_name *n, const struct vqt_lifecycle *l,
			  const struct device *d)
{
	struct classes *c = class_all(t);
	uint64_t address = c ? n->callback + classes_bias(c) : 0;
	const char *role = c ? classes_role(c, address) : NULL;
	enum vqt_callback_naming how;
	char name[128];
	bool read = false;

	if (!role && c && n->tries < TRIES) {
		n->tries++;
		read = class_learn(t, l->arg[0], d);
		role = classes_role(c, address);
	}
	if (!role) { /* it is in none of the places that are known */
		if (read)
			n->state = NAMING_UNWANTED;
		return;
	}
	n->state = is_unwanted(role) ? NAMING_UNWANTED : NAMING_DONE;
	classes_name(c, address, name, sizeof(name), &how);
	if (how == VQT_NAMED_SYMBOL)
		snprintf(n->text, CALLS_NAME, "%.60s, %s", name, role);
	else
		snprintf(n->text, CALLS_NAME, "%s", role);
}

/* --- tags --------------------------------------------------------------------------------------- */

/* The innermost call around that is written. */
static uint32_t written(const struct calls *c, uint32_t call)
{
	for (unsigned i = 0; i < VQP_CALLS && call && c->dropped[call % CALLS_WAITING].call == call;
	     i++)
		call = c->dropped[call % CALLS_WAITING].within;
	return call;
}

/* Whether the event is a call of a function that is of no interest. */
static bool drops(struct target *t, const struct vqt_hdr *h, const struct vqp_call *call)
{
	struct calls *c = t->calls;
	struct call_name *n = call->name && call->name < c->names ? &c->name[call->name] : NULL;

	if (!n || !n->callback || h->type != VQT_LIFECYCLE)
		return false;
	if (n->state == NAMING_OPEN)
		name_callback(t, n, (const void *)h,
			      h->device < DEVICES ? t->c->device[h->device] : NULL);
	if (n->state != NAMING_UNWANTED)
		return false;
	c->dropped[call->call % CALLS_WAITING].call = call->call;
	c->dropped[call->call % CALLS_WAITING].within = call->within;
	return true;
}

void *calls_append(struct target *t, void *record, size_t *len)
{
	const struct vqt_hdr *h = record;
	struct calls *c = t->calls;
	struct vqt_call tag;
	struct waiting *w;
	struct build b;

	if (!c || h->type < VQT_REG || *len > VQP_REC_MAX)
		return record;
	if (h->type == VQT_RETURN) {
		uint32_t call = ((const struct vqt_return *)record)->call;

		return written(c, call) == call ? record : NULL;
	}
	w = &c->waiting[h->seq % CALLS_WAITING];
	if (!w->here || w->seq != h->seq)
		return record;
	w->here = false;
	if (drops(t, h, &w->call))
		return NULL;
	tag = (struct vqt_call){ w->call.call, written(c, w->call.within) };
	memcpy(c->event, record, *len);
	b = (struct build){ .bytes = c->event, .size = sizeof(c->event), .len = *len };
	build_value(&b, VQT_TAG_CALL, &tag, sizeof(tag));
	if (w->call.name && w->call.name < c->names)
		build_value(&b, VQT_TAG_FUNCTION, c->name[w->call.name].text,
			    strlen(c->name[w->call.name].text));
	*len = b.len;
	return c->event;
}
