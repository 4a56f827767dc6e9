/* SPDX-License-Identifier: MIT */
/* Turns items that differ into differences in words; several of the same kind become one. */
#include <inttypes.h>
#include <linux/virtio_config.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/diff/impl.h"
#include "decoder/fields/event_names.h"
#include "decoder/util/text.h"

#define GROUPS_MAX 4096 /* kinds of differences to store; others are only counted */

struct report {
	struct diff *d;
	struct diff_pair_impl *p;
	const struct diff_item *t[DIFF_SIDES];
	uint64_t near[DIFF_SIDES];
};

/*
 * Place of a difference in the order of A.  An item that only B has comes as far behind the
 * last common item as it does in B.
 */
static uint64_t order_of(const struct report *t)
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
	if (g || HASH_COUNT(d->group) >= GROUPS_MAX)
		return g;
	hash_add_new(d->group, key, key, g);
	*made = g;
	return g;
}

/* each: merge only differences with the same texts, not all differences of one subject. */
static void add(const struct report *t, unsigned class, bool each, const char *subject,
		const char *a, const char *b)
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

		if (x->nrelated < DIFF_EXAMPLES && n)
			x->related[x->nrelated++] = n;
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

/* For two feature sets show only the bits that differ. */
static void report_features(const struct report *t, const char *subject)
{
	const struct diff_item *a = t->t[DIFF_A], *b = t->t[DIFF_B];
	uint32_t only_a = (uint32_t)(a->v[0] & ~b->v[0]), only_b = (uint32_t)(b->v[0] & ~a->v[0]);
	TEXT(ta, 224);
	TEXT(tb, 224);

	text_puts(&ta, only_a ? "has " : "lacks ");
	class_put_features(&ta, t->p->virtio_id, a->select, only_a ? only_a : only_b, ", ");
	text_puts(&tb, only_b ? "has " : "lacks ");
	class_put_features(&tb, t->p->virtio_id, a->select, only_b ? only_b : only_a, ", ");
	add(t, DIFF_FEATURES, true, subject, ta.buf, tb.buf);
}

/* A register that only one driver reads belongs to the class DIFF_READS. */
static unsigned class_alone(const struct diff_item *t)
{
	return t->kind == ITEM_REGISTER && t->op == VQT_READ ? DIFF_READS : t->class;
}

static void report_setup(const struct report *t)
{
	const struct diff_item *a = t->t[DIFF_A], *b = t->t[DIFF_B], *one = a ? a : b;
	TEXT(subject, 96);
	TEXT(ta, 224);
	TEXT(tb, 224);

	item_put_subject(&subject, one);
	if (a && b && one->class == DIFF_FEATURES) {
		report_features(t, subject.buf);
		return;
	}
	if (a)
		item_put_value(&ta, a, t->p->virtio_id);
	if (b)
		item_put_value(&tb, b, t->p->virtio_id);
	add(t, a && b ? one->class : class_alone(one), true, subject.buf, ta.buf, tb.buf);
}

/* --- requests ------------------------------------------------------------------ */

static const struct {
	unsigned which;
	const char *name;
	enum diff_class class;
	bool each; /* do not merge with other values */
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

static void report_value(const struct report *t, size_t i)
{
	const struct class *class = class_find(t->p->virtio_id);
	TEXT(subject, 96);
	TEXT(ta, 224);
	TEXT(tb, 224);

	item_put_type(&subject, t->t[DIFF_A]);
	text_add(&subject, ": %s", values[i].name);
	item_put_number(&ta, class, t->t[DIFF_A], values[i].which);
	item_put_number(&tb, class, t->t[DIFF_B], values[i].which);
	if (!values[i].each && values[i].which == REQ_SECTOR && t->t[DIFF_A]->v[REQ_BYTES]) {
		text_add(&ta, " (%" PRIu64 " bytes)", t->t[DIFF_A]->v[REQ_BYTES]);
		text_add(&tb, " (%" PRIu64 " bytes)", t->t[DIFF_B]->v[REQ_BYTES]);
	}
	add(t, values[i].class, values[i].each, subject.buf, ta.buf, tb.buf);
}

static void report_framing(const struct report *t)
{
	const struct diff_item *a = t->t[DIFF_A], *b = t->t[DIFF_B];
	TEXT(subject, 96);

	item_put_type(&subject, a);
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

static void report_undone(const struct report *t)
{
	TEXT(subject, 96);
	TEXT(ta, 64);
	TEXT(tb, 64);

	item_put_type(&subject, t->t[DIFF_A]);
	text_puts(&subject, ": completion");
	text_puts(&ta, never_done(t->t[DIFF_A]) ? "never completed" : "completed");
	text_puts(&tb, never_done(t->t[DIFF_B]) ? "never completed" : "completed");
	add(t, DIFF_COMPLETIONS, true, subject.buf, ta.buf, tb.buf);
}

static void report_request(const struct report *t)
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
				report_value(t, i);
		if (undone)
			report_undone(t);
		report_framing(t);
		if (t->d->total == before)
			t->p->pub.alike[DIFF_REQUESTS]++;
		diff_report_notify(t->d, t->p, a, b);
		return;
	}
	item_put_type(&subject, one);
	item_put_request(&text, one);
	add(t, DIFF_REQUESTS, false, subject.buf, a ? text.buf : "", b ? text.buf : "");
}

void diff_report(struct diff *d, struct diff_pair_impl *p, const struct diff_item *a,
		 const struct diff_item *b, const uint64_t near[DIFF_SIDES])
{
	struct report t = { d, p, { a, b }, { near[DIFF_A], near[DIFF_B] } };

	if ((a ? a : b)->kind == ITEM_REQUEST)
		report_request(&t);
	else
		report_setup(&t);
}

void diff_report_moved(struct diff *d, struct diff_pair_impl *p, const struct diff_item *a,
		       const struct diff_item *b)
{
	struct report t = { d, p, { a, b }, { a->number, b->number } };
	TEXT(subject, 96);
	TEXT(ta, 224);
	TEXT(tb, 224);

	item_put_type(&subject, a);
	text_puts(&subject, a->queue == b->queue ? ": order" : ": queue");
	item_put_request(&ta, a);
	item_put_request(&tb, b);
	add(&t, DIFF_ORDER, false, subject.buf, ta.buf, tb.buf);
	diff_report_notify(d, p, a, b);
}

void diff_report_notify(struct diff *d, struct diff_pair_impl *p, const struct diff_item *a,
			const struct diff_item *b)
{
	static const char *const kick[] = { "", "with a kick", "without a kick" };
	static const char *const irq[] = { "", "followed by an interrupt",
					   "no interrupt, though asked for" };
	struct report t = { d, p, { a, b }, { a->number, b->number } };

	if (!diff_on(d, DIFF_NOTIFY))
		return;
	if (a->kicked && b->kicked && a->kicked != b->kicked)
		add(&t, DIFF_NOTIFY, true, DIFF_IDLE_KICK, kick[a->kicked], kick[b->kicked]);
	if (a->interrupted && b->interrupted && a->interrupted != b->interrupted)
		add(&t, DIFF_NOTIFY, true, "completion", irq[a->interrupted], irq[b->interrupted]);
}

/* --- whole devices ---------------------------------------------------------------- */

static void report_fact(const struct report *t, const char *subject, uint64_t a, uint64_t b)
{
	char ta[24], tb[24];

	snprintf(ta, sizeof(ta), "%" PRIu64, a);
	snprintf(tb, sizeof(tb), "%" PRIu64, b);
	if (a != b)
		add(t, DIFF_DEVICE, true, subject, ta, tb);
}

static void report_words(const struct report *t, const char *subject, const char *a, const char *b)
{
	TEXT(ta, 96);
	TEXT(tb, 96);

	text_untrusted(&ta, a, strlen(a));
	text_untrusted(&tb, b, strlen(b));
	if (strcmp(a, b))
		add(t, DIFF_DEVICE, true, subject, ta.buf, tb.buf);
}

void diff_report_pair(struct diff *d, struct diff_pair_impl *p)
{
	const struct model_device *a = &p->half[DIFF_A].facts, *b = &p->half[DIFF_B].facts;
	const struct report t = { .d = d, .p = p };
	bool there[] = { p->half[DIFF_A].there, p->half[DIFF_B].there };

	if (!there[DIFF_A] || !there[DIFF_B]) {
		report_words(&t, "device", there[DIFF_A] ? a->name : "",
			     there[DIFF_B] ? b->name : "");
		return;
	}
	report_fact(&t, "virtio device ID", a->virtio_id, b->virtio_id);
	report_words(&t, "transport", spec_name_of(event_transports, a->transport) ?: "unknown",
		     spec_name_of(event_transports, b->transport) ?: "unknown");
	report_words(&t, "data path", a->flags & VQT_DEV_DATAPATH_ELSEWHERE ? "elsewhere" : "here",
		     b->flags & VQT_DEV_DATAPATH_ELSEWHERE ? "elsewhere" : "here");
	if (a->num_queues && b->num_queues)
		report_fact(&t, "queues", a->num_queues, b->num_queues);
}

/* Rates that timing does not explain: they differ by more than a factor of four a request. */
static bool far_off(uint64_t n, uint64_t of, uint64_t m, uint64_t per)
{
	if (of < 16 || per < 16)
		return false;
	return n * per > 4 * m * of || m * of > 4 * n * per;
}

static void report_rate(struct diff *d, struct diff_pair_impl *p, const char *subject,
			const uint64_t n[DIFF_SIDES])
{
	struct report t = { .d = d, .p = p };
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

/* How kicks reach the device, which partly depends on the kind of machine. */
static void report_vias(struct diff *d, struct diff_pair_impl *p)
{
	struct report t = { .d = d, .p = p };
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
		report_vias(d, p);
	if (d->seen[DIFF_A] & d->seen[DIFF_B] & 1ULL << VQT_KICK)
		report_rate(d, p, "kicks", p->pub.kicks);
	if (d->seen[DIFF_A] & d->seen[DIFF_B] & 1ULL << VQT_IRQ)
		report_rate(d, p, "interrupts", p->pub.irqs);
}
