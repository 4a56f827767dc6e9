/* SPDX-License-Identifier: MIT */
/* Tokens that differ, into differences for people; equal ones are folded. */
#include <inttypes.h>
#include <linux/virtio_config.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/diff/impl.h"
#include "decoder/fields/event_names.h"
#include "decoder/util/text.h"

#define GROUPS_MAX 4096 /* kinds of differences that are told apart */

struct tale {
	struct diff *d;
	struct diff_pair_impl *p;
	const struct diff_item *t[DIFF_SIDES];
	uint64_t near[DIFF_SIDES];
};

/* Where in A it would stand; what only B has, as far behind what both said last as in B. */
static uint64_t order_of(const struct tale *t)
{
	if (t->t[DIFF_A])
		return 2 * t->t[DIFF_A]->number;
	if (t->t[DIFF_B] && t->t[DIFF_B]->number > t->near[DIFF_B])
		return 2 * (t->near[DIFF_A] + t->t[DIFF_B]->number - t->near[DIFF_B]) + 1;
	return 2 * t->near[DIFF_A] + 1;
}

static uint64_t number_of(const struct diff_item *t, unsigned class)
{
	if (!t)
		return 0;
	return class == DIFF_COMPLETIONS && t->done ? t->done : t->number;
}

static struct diff_group *get_group(struct diff *d, uint64_t key, bool *made)
{
	struct diff_group *g;

	*made = false;
	HASH_FIND(hh, d->group, &key, sizeof(key), g);
	if (g)
		return g;
	g = HASH_COUNT(d->group) < GROUPS_MAX ? calloc(1, sizeof(*g)) : NULL;
	if (!g)
		return NULL;
	g->key = key;
	HASH_ADD(hh, d->group, key, sizeof(g->key), g);
	if (!hash_holds(g)) {
		free(g);
		return NULL;
	}
	*made = true;
	return g;
}

/* each: with these very texts, else one of its subject. */
static void add(const struct tale *t, unsigned class, bool each, const char *subject, const char *a,
		const char *b)
{
	uint64_t order = order_of(t), key = hash_mix(class, (uint64_t)(t->p - t->d->pair));
	struct difference *x;
	struct diff_group *g;
	bool made;

	if (!diff_on(t->d, class))
		return;
	key = hash_mix_text(key, subject);
	key = hash_mix(key, !*a << 1 | !*b);
	if (each)
		key = hash_mix_text(hash_mix(hash_mix_text(key, a), 1), b);
	t->d->total++;
	g = get_group(t->d, key, &made);
	if (!g) {
		t->d->unreported++;
		return;
	}
	x = &g->pub;
	x->count++;
	if (!made) {
		uint64_t n = number_of(t->t[!t->t[DIFF_A]], class);

		if (x->nalso < DIFF_EXAMPLES && n)
			x->also[x->nalso++] = n;
		if (x->order <= order)
			return;
	}
	x->class = class;
	x->pair = (unsigned)(t->p - t->d->pair);
	x->order = order;
	snprintf(x->subject, sizeof(x->subject), "%s", subject);
	snprintf(x->text[DIFF_A], sizeof(x->text[DIFF_A]), "%s", a);
	snprintf(x->text[DIFF_B], sizeof(x->text[DIFF_B]), "%s", b);
	for (int side = 0; side < DIFF_SIDES; side++) {
		x->number[side] = number_of(t->t[side], class);
		x->near[side] = x->number[side]		      ? x->number[side]
				: t->near[side] == DIFF_WHOLE ? 0
							      : t->near[side];
	}
}

/* --- set-up ------------------------------------------------------------------ */

static void put_capability(struct text *s, uint32_t at)
{
	const char *name = spec_name_of(spec_pci_caps, at >> 8);

	if (at >> 8 == 9 && spec_name_of(spec_cap_types, at & 0xff))
		name = spec_name_of(spec_cap_types, at & 0xff);
	text_puts(s, name ? name : "capability");
	text_puts(s, ".");
}

static void put_register_name(struct text *s, const struct diff_item *t)
{
	if (t->field && t->field->flags & SPEC_PER_QUEUE)
		text_add(s, "queue %u: ", t->select);
	if (!t->field) {
		text_add(s, "%s+0x%x", spec_region_name(t->region), t->at);
		return;
	}
	if (t->region == VQT_REGION_DEVICE)
		text_puts(s, "config.");
	if (t->region == VQT_REGION_PCI && t->class == DIFF_VECTORS) {
		text_puts(s, "MSI-X enable");
		return;
	}
	if (t->region == VQT_REGION_PCI)
		text_puts(s, "pci.");
	if (t->region == VQT_REGION_PCI && t->at)
		put_capability(s, t->at);
	text_puts(s, t->field->name);
	if (t->field->kind == SPEC_FEATURES)
		text_add(s, "[%u]", t->select);
}

static void put_features(struct text *s, unsigned virtio_id, unsigned word, uint32_t bits)
{
	const char *sep = "";

	for (unsigned i = 0; i < 32; i++) {
		const struct spec_feature *f = class_feature(virtio_id, word * 32 + i);

		if (!(bits >> i & 1))
			continue;
		if (f)
			text_add(s, "%s%s", sep, f->name);
		else
			text_add(s, "%sbit %u", sep, word * 32 + i);
		sep = ", ";
	}
	if (!bits)
		text_puts(s, "none");
}

static void put_value(struct text *s, const struct diff_item *t, unsigned virtio_id)
{
	const struct spec_field *f = t->field;
	char buf[200];

	if (f && t->region == VQT_REGION_PCI && t->class == DIFF_VECTORS)
		text_puts(s, t->v[0] ? "on" : "off");
	else if (f && f->kind == SPEC_FEATURES)
		text_puts(s, class_format_features(buf, sizeof(buf), virtio_id, t->select,
						   (uint32_t)t->v[0]));
	else if (f && f->kind == SPEC_BYTES && f->width <= 8)
		for (unsigned i = 0; i < f->width; i++)
			text_add(s, "%s%02x", i ? ":" : "", (unsigned)(t->v[0] >> 8 * i) & 0xff);
	else if (f && f->kind != SPEC_BYTES)
		text_puts(s, class_format_value(buf, sizeof(buf), f, virtio_id, t->v[0]));
	else
		text_add(s, "0x%0*" PRIx64, 2 * (t->width <= 8 ? t->width : 8), t->v[0]);
}

static void put_lifecycle_args(struct text *s, const struct diff_item *t,
			       const struct lifecycle_step *step)
{
	uint64_t first = t->v[0];

	if (t->at == VQT_LIFECYCLE_VIRTIO_INIT || t->at == VQT_LIFECYCLE_GUEST_NOTIFIER) {
		text_add(s, ", %s %" PRIu64, step->arg[1].name, first >> 32);
		first &= 0xffffffff;
	}
	if (step->arg[0].name && first)
		text_add(s, step->arg[0].kind == SPEC_HEX ? ", %s 0x%" PRIx64 : ", %s %" PRIu64,
			 step->arg[0].name, first);
}

static void put_lifecycle(struct text *s, const struct diff_item *t, bool args)
{
	const struct lifecycle_step *step = lifecycle_step(t->at);

	if (!step) {
		text_add(s, "step %u", t->at);
		return;
	}
	text_puts(s, step->name);
	if (t->select != VQT_NO_QUEUE)
		text_add(s, " q%u", t->select);
	if (t->text && *t->text) {
		text_puts(s, " ");
		text_untrusted(s, t->text, strlen(t->text));
	}
	if (args)
		put_lifecycle_args(s, t, step);
}

static void put_subject(struct text *s, const struct diff_item *t)
{
	switch (t->kind) {
	case ITEM_REGISTER:
		put_register_name(s, t);
		if (t->class == DIFF_FEATURES)
			text_puts(s, t->op == VQT_READ ? " offered" : " accepted");
		else if (t->class != DIFF_PCI && t->op == VQT_WRITE)
			text_puts(s, " written");
		break;
	case ITEM_STATUS: text_puts(s, "device_status written"); break;
	case ITEM_ANSWER:
	case ITEM_CHECK:
		text_puts(s, t->kind == ITEM_CHECK ? "device_status read after FEATURES_OK"
						   : "device_status read");
		break;
	case ITEM_QUEUE_RESET: text_add(s, "queue %u: queue_reset written", t->select); break;
	case ITEM_ERROR: text_puts(s, "error"); break;
	case ITEM_CONFIG_IRQ: text_puts(s, "configuration change interrupt"); break;
	case ITEM_LIFE: put_lifecycle(s, t, false); break;
	}
}

static void put_said(struct text *s, const struct diff_item *t, unsigned virtio_id)
{
	char buf[160];

	switch (t->kind) {
	case ITEM_REGISTER: put_value(s, t, virtio_id); break;
	case ITEM_STATUS:
		text_puts(s, spec_format_status(buf, sizeof(buf), (unsigned)t->v[0] & 0xff));
		if (t->v[0] & 0x100)
			text_puts(s, " with requests in flight");
		break;
	case ITEM_ANSWER:
	case ITEM_CHECK:
		text_puts(s, spec_format_status(buf, sizeof(buf), (unsigned)t->v[0]));
		break;
	case ITEM_ERROR: text_untrusted(s, t->text, strlen(t->text)); break;
	case ITEM_LIFE: put_lifecycle(s, t, true); break;
	default: text_puts(s, "seen");
	}
}

/* Of two sets of features only what differs is worth reading. */
static void tell_features(const struct tale *t, const char *subject)
{
	const struct diff_item *a = t->t[DIFF_A], *b = t->t[DIFF_B];
	uint32_t only_a = (uint32_t)(a->v[0] & ~b->v[0]), only_b = (uint32_t)(b->v[0] & ~a->v[0]);
	TEXT(ta, 224);
	TEXT(tb, 224);

	text_puts(&ta, only_a ? "has " : "lacks ");
	put_features(&ta, t->p->virtio_id, a->select, only_a ? only_a : only_b);
	text_puts(&tb, only_b ? "has " : "lacks ");
	put_features(&tb, t->p->virtio_id, a->select, only_b ? only_b : only_a);
	add(t, DIFF_FEATURES, true, subject, ta.buf, tb.buf);
}

/* A register that one driver reads and the other does not is another, lesser thing. */
static unsigned class_alone(const struct diff_item *t)
{
	return t->kind == ITEM_REGISTER && t->op == VQT_READ ? DIFF_READS : t->class;
}

static void tell_setup(const struct tale *t)
{
	const struct diff_item *a = t->t[DIFF_A], *b = t->t[DIFF_B], *one = a ? a : b;
	TEXT(subject, 96);
	TEXT(ta, 224);
	TEXT(tb, 224);

	put_subject(&subject, one);
	if (a && b && one->class == DIFF_FEATURES) {
		tell_features(t, subject.buf);
		return;
	}
	if (a)
		put_said(&ta, a, t->p->virtio_id);
	if (b)
		put_said(&tb, b, t->p->virtio_id);
	add(t, a && b ? one->class : class_alone(one), true, subject.buf, ta.buf, tb.buf);
}

/* --- requests ------------------------------------------------------------------ */

static void put_type(struct text *s, const struct diff_item *t)
{
	if (t->request)
		text_puts(s, t->request->name);
	else if (t->v[REQ_TYPE] != REQ_NONE)
		text_add(s, "type %" PRIu64, t->v[REQ_TYPE]);
	else
		text_puts(s, "requests");
}

static void put_request(struct text *s, const struct diff_item *t)
{
	put_type(s, t);
	if (t->v[REQ_TYPE] == REQ_NONE) {
		text_add(s, " of %" PRIu64 " + %" PRIu64 " bytes", t->v[REQ_BYTES] & 0xffffffff,
			 t->v[REQ_BYTES] >> 32);
	} else {
		if (!t->request || t->request->flags & (SPEC_REQ_SECTOR | SPEC_REQ_SEGMENTS))
			text_add(s, " sector %" PRIu64, t->v[REQ_SECTOR]);
		if (t->v[REQ_BYTES])
			text_add(s, ", %" PRIu64 " bytes", t->v[REQ_BYTES]);
	}
	text_add(s, " on q%u", t->queue);
}

static void put_number(struct text *s, const struct class *c, const struct diff_item *t,
		       unsigned which)
{
	uint64_t v = t->v[which];
	const char *name = c && which == REQ_STATUS ? spec_name_of(c->statuses, v) : NULL;

	if (which == REQ_TYPE)
		put_type(s, t);
	else if (which == REQ_BYTES && t->v[REQ_TYPE] == REQ_NONE)
		text_add(s, "%" PRIu64 " to, %" PRIu64 " from the device", v & 0xffffffff, v >> 32);
	else if (which == REQ_USED_LEN && v == REQ_NONE)
		text_puts(s, "never completed");
	else if (which == REQ_USED_LEN && v == REQ_NONE - 1)
		text_puts(s, "given up by the device");
	else if (v == REQ_NONE)
		text_puts(s, "not known");
	else if (name)
		text_puts(s, name);
	else
		text_add(s, "%" PRIu64, v);
}

static const struct {
	unsigned which;
	const char *name;
	enum diff_class class;
	bool each; /* the values are worth telling apart */
} values[] = {
	{ REQ_TYPE, "type", DIFF_REQUESTS, true },
	{ REQ_SECTOR, "sector", DIFF_REQUESTS, false },
	{ REQ_BYTES, "length", DIFF_REQUESTS, false },
	{ REQ_SEGMENTS, "segments", DIFF_SEGMENTS, true },
	{ REQ_STATUS, "status", DIFF_COMPLETIONS, true },
	{ REQ_USED_LEN, "used length", DIFF_COMPLETIONS, false },
};

static bool never_done(const struct diff_item *t)
{
	return t->v[REQ_USED_LEN] == REQ_NONE;
}

static void tell_value(const struct tale *t, size_t i)
{
	const struct class *class = class_find(t->p->virtio_id);
	TEXT(subject, 96);
	TEXT(ta, 224);
	TEXT(tb, 224);

	put_type(&subject, t->t[DIFF_A]);
	text_add(&subject, ": %s", values[i].name);
	put_number(&ta, class, t->t[DIFF_A], values[i].which);
	put_number(&tb, class, t->t[DIFF_B], values[i].which);
	if (!values[i].each && values[i].which == REQ_SECTOR && t->t[DIFF_A]->v[REQ_BYTES]) {
		text_add(&ta, " (%" PRIu64 " bytes)", t->t[DIFF_A]->v[REQ_BYTES]);
		text_add(&tb, " (%" PRIu64 " bytes)", t->t[DIFF_B]->v[REQ_BYTES]);
	}
	add(t, values[i].class, values[i].each, subject.buf, ta.buf, tb.buf);
}

static void tell_framing(const struct tale *t)
{
	const struct diff_item *a = t->t[DIFF_A], *b = t->t[DIFF_B];
	TEXT(subject, 96);

	put_type(&subject, a);
	text_puts(&subject, ": chain");
	if (a->indirect != b->indirect)
		add(t, DIFF_REQUESTS, true, subject.buf, a->indirect ? "indirect" : "direct",
		    b->indirect ? "indirect" : "direct");
	if (a->at != b->at) {
		char ba[80], bb[80];

		spec_format_bits(ba, sizeof(ba), event_chain_flags, a->at);
		spec_format_bits(bb, sizeof(bb), event_chain_flags, b->at);
		add(t, DIFF_ERRORS, true, subject.buf, ba, bb);
	}
}

static void tell_undone(const struct tale *t)
{
	TEXT(subject, 96);
	TEXT(ta, 64);
	TEXT(tb, 64);

	put_type(&subject, t->t[DIFF_A]);
	text_puts(&subject, ": completion");
	text_puts(&ta, never_done(t->t[DIFF_A]) ? "never completed" : "completed");
	text_puts(&tb, never_done(t->t[DIFF_B]) ? "never completed" : "completed");
	add(t, DIFF_COMPLETIONS, true, subject.buf, ta.buf, tb.buf);
}

static void tell_request(const struct tale *t)
{
	const struct diff_item *a = t->t[DIFF_A], *b = t->t[DIFF_B], *one = a ? a : b;
	TEXT(subject, 96);
	TEXT(text, 224);

	if (a && b) {
		bool undone = never_done(a) != never_done(b);
		uint64_t before = t->d->total;

		for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
			if (a->v[values[i].which] != b->v[values[i].which] &&
			    !(undone && values[i].class == DIFF_COMPLETIONS) &&
			    !(a->v[REQ_TYPE] != b->v[REQ_TYPE] && values[i].which != REQ_TYPE))
				tell_value(t, i);
		if (undone)
			tell_undone(t);
		tell_framing(t);
		if (t->d->total == before)
			t->p->pub.alike[DIFF_REQUESTS]++;
		diff_report_notify(t->d, t->p, a, b);
		return;
	}
	put_type(&subject, one);
	put_request(&text, one);
	add(t, DIFF_REQUESTS, false, subject.buf, a ? text.buf : "", b ? text.buf : "");
}

void diff_report(struct diff *d, struct diff_pair_impl *p, const struct diff_item *a,
		 const struct diff_item *b, const uint64_t near[DIFF_SIDES])
{
	struct tale t = { d, p, { a, b }, { near[DIFF_A], near[DIFF_B] } };

	if ((a ? a : b)->kind == ITEM_REQUEST)
		tell_request(&t);
	else
		tell_setup(&t);
}

void diff_report_moved(struct diff *d, struct diff_pair_impl *p, const struct diff_item *a,
		       const struct diff_item *b)
{
	struct tale t = { d, p, { a, b }, { a->number, b->number } };
	TEXT(subject, 96);
	TEXT(ta, 224);
	TEXT(tb, 224);

	put_type(&subject, a);
	text_puts(&subject, a->queue == b->queue ? ": order" : ": queue");
	put_request(&ta, a);
	put_request(&tb, b);
	add(&t, DIFF_ORDER, false, subject.buf, ta.buf, tb.buf);
	diff_report_notify(d, p, a, b);
}

void diff_report_notify(struct diff *d, struct diff_pair_impl *p, const struct diff_item *a,
			const struct diff_item *b)
{
	static const char *const kick[] = { "", "with a kick", "without a kick" };
	static const char *const irq[] = { "", "followed by an interrupt",
					   "no interrupt, though asked for" };
	struct tale t = { d, p, { a, b }, { a->number, b->number } };

	if (!diff_on(d, DIFF_NOTIFY))
		return;
	if (a->kicked && b->kicked && a->kicked != b->kicked)
		add(&t, DIFF_NOTIFY, true, DIFF_IDLE_KICK, kick[a->kicked], kick[b->kicked]);
	if (a->interrupted && b->interrupted && a->interrupted != b->interrupted)
		add(&t, DIFF_NOTIFY, true, "completion", irq[a->interrupted], irq[b->interrupted]);
}

/* --- whole devices ---------------------------------------------------------------- */

static void tell_fact(struct diff *d, struct diff_pair_impl *p, const char *subject, uint64_t a,
		      uint64_t b)
{
	struct tale t = { .d = d, .p = p };
	char ta[24], tb[24];

	snprintf(ta, sizeof(ta), "%" PRIu64, a);
	snprintf(tb, sizeof(tb), "%" PRIu64, b);
	if (a != b)
		add(&t, DIFF_DEVICE, true, subject, ta, tb);
}

static void tell_words(struct diff *d, struct diff_pair_impl *p, const char *subject, const char *a,
		       const char *b)
{
	struct tale t = { .d = d, .p = p };
	TEXT(ta, 96);
	TEXT(tb, 96);

	text_untrusted(&ta, a, strlen(a));
	text_untrusted(&tb, b, strlen(b));
	if (strcmp(a, b))
		add(&t, DIFF_DEVICE, true, subject, ta.buf, tb.buf);
}

void diff_report_pair(struct diff *d, struct diff_pair_impl *p)
{
	const struct model_device *a = &p->half[DIFF_A].facts, *b = &p->half[DIFF_B].facts;
	bool there[] = { p->half[DIFF_A].there, p->half[DIFF_B].there };

	if (!there[DIFF_A] || !there[DIFF_B]) {
		tell_words(d, p, "device", there[DIFF_A] ? a->name : "",
			   there[DIFF_B] ? b->name : "");
		return;
	}
	tell_fact(d, p, "virtio device ID", a->virtio_id, b->virtio_id);
	tell_words(d, p, "transport", spec_name_of(event_transports, a->transport) ?: "unknown",
		   spec_name_of(event_transports, b->transport) ?: "unknown");
	tell_words(d, p, "data path", a->flags & VQT_DEV_DATAPATH_ELSEWHERE ? "elsewhere" : "here",
		   b->flags & VQT_DEV_DATAPATH_ELSEWHERE ? "elsewhere" : "here");
	if (a->num_queues && b->num_queues)
		tell_fact(d, p, "queues", a->num_queues, b->num_queues);
}

/* Rates that timing does not explain: more than four times as many a request. */
static bool far_off(uint64_t n, uint64_t of, uint64_t m, uint64_t per)
{
	if (of < 16 || per < 16)
		return false;
	return n * per > 4 * m * of || m * of > 4 * n * per;
}

static void tell_rate(struct diff *d, struct diff_pair_impl *p, const char *subject,
		      const uint64_t n[DIFF_SIDES])
{
	struct tale t = { .d = d, .p = p };
	const uint64_t *of = p->pub.requests;
	char text[DIFF_SIDES][64];

	for (int side = 0; side < DIFF_SIDES; side++)
		snprintf(text[side], sizeof(text[side]), "%" PRIu64 " for %" PRIu64 " requests",
			 n[side], of[side]);
	if (far_off(n[DIFF_A], of[DIFF_A], n[DIFF_B], of[DIFF_B])) {
		t.near[DIFF_A] = DIFF_WHOLE;
		add(&t, DIFF_NOTIFY, true, subject, text[DIFF_A], text[DIFF_B]);
	} else if (n[DIFF_A] != n[DIFF_B]) {
		add(&t, DIFF_COUNTS, true, subject, text[DIFF_A], text[DIFF_B]);
	}
}

/* How kicks reach the device: what kind of machine it is in has a say in it. */
static void tell_vias(struct diff *d, struct diff_pair_impl *p)
{
	struct tale t = { .d = d, .p = p };
	char text[DIFF_SIDES][64] = { "", "" };

	for (int side = 0; side < DIFF_SIDES; side++)
		for (const struct spec_name *n = event_kick_vias; n->name; n++)
			if (p->pub.vias[side] >> n->value & 1)
				snprintf(text[side] + strlen(text[side]), 64 - strlen(text[side]),
					 "%s%s", text[side][0] ? ", " : "", n->name);
	if (p->pub.vias[DIFF_A] != p->pub.vias[DIFF_B] && p->pub.vias[DIFF_A] &&
	    p->pub.vias[DIFF_B]) {
		t.near[DIFF_A] = DIFF_WHOLE;
		add(&t, DIFF_NOTIFY, true, "kicks arrive by", text[DIFF_A], text[DIFF_B]);
	}
}

void diff_report_counts(struct diff *d, struct diff_pair_impl *p)
{
	if (!p->half[DIFF_A].there || !p->half[DIFF_B].there)
		return;
	if (d->source[DIFF_A] == d->source[DIFF_B])
		tell_vias(d, p);
	if (d->seen[DIFF_A] & d->seen[DIFF_B] & 1ULL << VQT_KICK)
		tell_rate(d, p, "kicks", p->pub.kicks);
	if (d->seen[DIFF_A] & d->seen[DIFF_B] & 1ULL << VQT_IRQ)
		tell_rate(d, p, "interrupts", p->pub.irqs);
}
