/* SPDX-License-Identifier: MIT */
#include "decoder/spec/vhost_user.h"
#include "decoder/edit/anonymise.h"

#include <stdlib.h>
#include <string.h>

#include "decoder/edit/hide.h"
#include "decoder/edit/names.h"
#include "decoder/fields/event_names.h"
#include "decoder/trace/build.h"
#include "decoder/trace/guest.h"

#define NUMBERS_MAX 1024
#define TEXT_MAX 4096

/* Numbers that only tell things apart (threads, pointers): counted from 1, as they appear. */
struct numbers {
	uint64_t seen[NUMBERS_MAX];
	unsigned n;
};

struct anonymise {
	struct names *names;
	struct numbers threads, cookies;
};

struct anonymise *anonymise_new(void)
{
	struct anonymise *a = calloc(1, sizeof(*a));

	if (a)
		a->names = names_new();
	if (a && !a->names) {
		free(a);
		a = NULL;
	}
	return a;
}

void anonymise_free(struct anonymise *a)
{
	if (!a)
		return;
	names_free(a->names);
	free(a);
}

/* --- names ------------------------------------------------------------------------- */

void anonymise_learn(struct anonymise *a, const struct event *e)
{
	static const struct {
		unsigned tag;
		void (*learn)(struct names *, const char *, size_t);
	} tags[] = {
		{ VQT_TAG_HOST, names_learn },	    { VQT_TAG_NAME, names_learn },
		{ VQT_TAG_ID, names_learn },	    { VQT_TAG_COMMAND, names_learn_words },
		{ VQT_TAG_EXE, names_learn_words }, { VQT_TAG_PATH, names_learn_words },
	};
	unsigned type = e->rec->h.type;

	if (type != VQT_SESSION && type != VQT_SOURCE && type != VQT_DEVICE)
		return;
	for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++) {
		size_t len;
		const char *s = record_tlv(e->rec, tags[i].tag, &len);

		/* The device's new name. */
		if (s && !(e->dev && strlen(e->dev->name) == len && !memcmp(e->dev->name, s, len)))
			tags[i].learn(a->names, s, len);
	}
}

/* --- descriptive records ------------------------------------------------------------ */

static size_t rewrite_tlvs(struct anonymise *a, const struct event *e, uint8_t *buf, size_t fixed,
			   size_t size, const char *origin)
{
	static const unsigned kept[] = {
		VQT_TAG_TOOL, VQT_TAG_BUILD_ID, VQT_TAG_VERSION, VQT_TAG_TYPENAME, VQT_TAG_FILTER,
	};
	struct build b = { .bytes = buf, .size = size, .len = fixed };
	char text[TEXT_MAX];
	size_t n;

	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
		const char *value = record_tlv(e->rec, kept[i], &n);

		if (value && kept[i] != VQT_TAG_BUILD_ID) {
			n = names_scrub(a->names, value, n, text, sizeof(text));
			value = text;
		}
		if (value)
			build_tlv(&b, kept[i], value, n);
	}
	if (e->rec->h.type == VQT_DEVICE && e->dev && record_tlv(e->rec, VQT_TAG_ID, &n)) {
		build_text(&b, VQT_TAG_ID, e->dev->name);
	} else if (e->rec->h.type == VQT_SESSION && origin) {
		n = names_scrub(a->names, origin, strlen(origin), text, sizeof(text));
		build_tlv(&b, VQT_TAG_ORIGIN, text, n);
	}
	return b.len;
}

static size_t describe(struct anonymise *a, const struct event *e, uint8_t *buf, size_t size,
		       const char *origin)
{
	switch (e->rec->h.type) {
	case VQT_SESSION: return rewrite_tlvs(a, e, buf, sizeof(struct vqt_session), size, origin);
	case VQT_SOURCE:
		((struct vqt_source *)(void *)buf)->pid = 0;
		return rewrite_tlvs(a, e, buf, sizeof(struct vqt_source), size, NULL);
	default:
		((struct vqt_device *)(void *)buf)->handle = 0;
		return rewrite_tlvs(a, e, buf, sizeof(struct vqt_device), size, NULL);
	}
}

static size_t retext(struct anonymise *a, const struct event *e, uint8_t *buf, size_t size,
		     size_t fixed, uint16_t *field)
{
	char text[TEXT_MAX];
	size_t len, n;
	const char *s = record_text(e->rec, &len);

	n = names_scrub(a->names, s, len, text,
			sizeof(text) < size - fixed ? sizeof(text) : size - fixed);
	memcpy(buf + fixed, text, n);
	*field = (uint16_t)n;
	return fixed + n;
}

static size_t lifecycle(struct anonymise *a, const struct event *e, uint8_t *buf, size_t size)
{
	struct vqt_lifecycle *l = (void *)buf;
	const struct lifecycle_step *step = lifecycle_step(l->what);

	for (size_t i = 0; i < sizeof(l->arg) / sizeof(l->arg[0]); i++)
		if (!step || !step->arg[i].name)
			l->arg[i] = 0;
	if (l->what == VQT_LIFECYCLE_ADD_QUEUE)
		l->arg[1] = 0; /* a pointer into the program */
	if (l->what == VQT_LIFECYCLE_DEVICE_DEL) { /* a person's name for any device */
		l->len = 0;
		return sizeof(*l);
	}
	return retext(a, e, buf, size, sizeof(*l), &l->len);
}

/* Of routes that are not known to be messages or pins nothing is kept. */
static size_t routes(const struct event *e, uint8_t *buf)
{
	const struct vqt_routes *r = &e->rec->routes;

	for (uint32_t i = 0; i < r->n; i++) {
		struct vqt_route route = record_route(e->rec, i);

		route.pad = 0;
		if (route.kind != VQT_ROUTE_MSI && route.kind != VQT_ROUTE_IRQCHIP)
			route.address = route.data = 0;
		memcpy(buf + sizeof(*r) + i * sizeof(route), &route, sizeof(route));
	}
	return sizeof(*r) + r->n * sizeof(struct vqt_route);
}

static size_t guest(struct anonymise *a, const struct event *e, uint8_t *buf, size_t size)
{
	struct vqt_guest *g = (void *)buf;
	size_t fixed = sizeof(*g) + 8U * g->nargs;

	/* A number or a feature tells nothing of anybody; an address or a value may. */
	for (unsigned i = 0; i < g->nargs; i++) {
		const struct guest_value *v = guest_value_of(e->rec, i);

		if (!v || v->kind == GUEST_POINTER || v->kind == GUEST_TIME)
			memset(buf + sizeof(*g) + 8 * i, 0, 8);
	}
	if (!guest_function_of(e->rec) || guest_function_of(e->rec)->ret == GUEST_POINTER)
		g->ret = 0;
	if (g->function) {
		g->len = 0; /* it has a name */
		return fixed;
	}
	return retext(a, e, buf, size, fixed, &g->len);
}

/* Of a message only the fields that are known to hold nobody's data. */
static size_t known_payload(const struct event *e, uint8_t *buf, size_t len)
{
	struct vqt_vhost_user *m = (void *)buf;
	size_t n = spec_vhost_user_covered(m);

	if (n < m->len)
		m->len = (uint16_t)n;
	return len < sizeof(*m) + m->len ? len : sizeof(*m) + m->len;
}

/* --- all records ---------------------------------------------------------------------- */

static uint32_t renumber(struct numbers *s, uint64_t value)
{
	unsigned i = 0;

	if (!value)
		return 0;
	while (i < s->n && s->seen[i] != value)
		i++;
	if (i == s->n) {
		if (i == NUMBERS_MAX)
			return 0;
		s->seen[s->n++] = value;
	}
	return i + 1;
}

#define HOLE(type, member) \
	{ \
		offsetof(struct type, member), sizeof(((struct type *)0)->member) \
	}

/* Bytes of a record that mean nothing. */
static void clear_holes(uint8_t *buf, size_t len)
{
	static const struct hole {
		uint16_t offset, size;
	} holes[][2] = {
		[VQT_QUEUE_STATE] = { HOLE(vqt_queue_state, pad) },
		[VQT_CLOCK] = { HOLE(vqt_clock, pad) },
		[VQT_NOTE] = { HOLE(vqt_note, pad) },
		[VQT_RING] = { HOLE(vqt_ringstate, pad) },
		[VQT_USED] = { HOLE(vqt_used, pad) },
		[VQT_IRQ] = { HOLE(vqt_irq, pad) },
		[VQT_DATA] = { HOLE(vqt_data, pad) },
		[VQT_TALLY] = { HOLE(vqt_tally, pad) },
		[VQT_LIFECYCLE] = { HOLE(vqt_lifecycle, pad) },
	};
	unsigned type = ((const struct vqt_hdr *)(void *)buf)->type;

	for (unsigned i = 0; i < 2 && type < sizeof(holes) / sizeof(holes[0]); i++)
		if (holes[type][i].offset + holes[type][i].size <= len)
			memset(buf + holes[type][i].offset, 0, holes[type][i].size);
}

size_t anonymise_record(struct anonymise *a, const struct event *e, uint8_t *buf, size_t len,
			size_t size, const char *origin)
{
	struct vqt_hdr *h = (void *)buf;
	struct vqt_note *n = (void *)buf;
	struct vqt_backend *b = (void *)buf;
	size_t known = record_known_len(e->rec);

	if (!e->rec->tail)
		return 0; /* of a type that a newer writer has: it may contain anything */
	if (len > known)
		len = known; /* nobody knows what a newer writer put behind it */
	h->tid = renumber(&a->threads, h->tid);
	clear_holes(buf, len);
	switch (h->type) {
	case VQT_SESSION:
	case VQT_SOURCE:
	case VQT_DEVICE: return describe(a, e, buf, size, origin);
	case VQT_DEVICE_STATE: hide_state(e, buf, len); break;
	case VQT_NOTE:
		if (n->level == VQT_NOTE_COMMENT)
			return 0; /* people's comments may contain anything */
		return retext(a, e, buf, size, sizeof(*n), &n->len);
	case VQT_STACK:
	case VQT_RETURN: return 0; /* what refers to them is left out, too */
	case VQT_CLASS: return 0; /* addresses of the process */
	case VQT_REG: hide_register(e, buf); break;
	case VQT_USED: hide_status(e, buf); /* fall through */
	case VQT_AVAIL:
	case VQT_DATA: hide_segments(e, buf); break;
	case VQT_LIFECYCLE: return lifecycle(a, e, buf, size);
	case VQT_ROUTES: return routes(e, buf);
	case VQT_GUEST: return guest(a, e, buf, size);
	case VQT_VHOST_USER: return known_payload(e, buf, len);
	case VQT_BACKEND: b->cookie = renumber(&a->cookies, b->cookie); break;
	}
	return len;
}
