/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "decoder/class/blk.h"
#include "decoder/check/impl.h"
#include "decoder/util/hash.h"

#define TICK (SECONDS / 4)
#define TYPES 64 /* virtio device ids */
#define PLANS 512 /* a trace has some 20 kinds of events; a hostile one any number */

struct tally {
	uint64_t held, broken, blocked;
	unsigned blocked_by; /* NEED_* */
	unsigned virtio_id; /* the one device type, 0 any */
	bool selected;
};

/* What a rule needs at each event, close together: this is the hot path. */
struct slot {
	enum verdict (*check)(struct rule_context *ctx);
	const struct rule *rule;
	unsigned index, needs;
};

/*
 * The rules that look at an event of certain moments and a certain device type,
 * each once, by the first of the moments.  There are as many as there are kinds
 * of events, made when the first of a kind comes.
 */
struct plan {
	struct plan_key {
		uint64_t triggers, virtio_id; /* AT() and ONLY() */
	} key;
	UT_hash_handle hh;
	unsigned n;
	struct slot slot[];
};

struct check {
	check_found *found;
	void *opaque;
	unsigned nrules;
	struct tally *tally; /* by rule */
	const struct rule **rule; /* all */
	bool own[TYPES]; /* device types that have rules of their own */
	struct plan *plans;
	struct plan *recent[64]; /* of them, by a hash of the key */
	unsigned nplans;
	struct cdev *devices;
	struct cdev *last; /* most events speak of the same one */
	unsigned have; /* of any device */
	uint64_t next_tick, now, since, number;
	uint64_t driver_ts[256]; /* by source */
	struct {
		uint32_t tid;
		uint8_t source;
		uint64_t ts;
	} spoke[64]; /* threads and when they spoke last, the latest of those that share a place */
	uint64_t lost[256]; /* by source: the latest event after a loss, 0 none */
};

static const char *const parties[] = { "driver", "device" };
static const char *const severities[] = { "must", "structural", "should", "suspicious" };

const char *check_party_name(unsigned party)
{
	return party < CHECK_PARTIES ? parties[party] : "?";
}

const char *check_severity_name(unsigned severity)
{
	return severity < CHECK_SEVERITIES ? severities[severity] : "?";
}

int check_severity_by_name(const char *name)
{
	for (int i = 0; i < CHECK_SEVERITIES; i++)
		if (!strcmp(name, severities[i]))
			return i;
	return -ENOENT;
}

/* --- selection -------------------------------------------------------------- */

static bool select_word(struct check *c, const char *word, bool on)
{
	bool any = false;

	for (unsigned i = 0; i < c->nrules; i++) {
		if (!rule_matches(c->rule[i], word))
			continue;
		c->tally[i].selected = on;
		any = true;
	}
	return any;
}

static int select_rules(struct check *c, const char *text, const char **bad)
{
	bool all = !text || !*text || *text == '!';

	for (unsigned i = 0; i < c->nrules; i++)
		c->tally[i].selected = all;
	while (text && *text) {
		size_t n = strcspn(text, ",");
		bool off = *text == '!';
		char word[96];

		snprintf(word, sizeof(word), "%.*s", (int)(n - off), text + off);
		if (n && (n - off >= sizeof(word) || !select_word(c, word, !off))) {
			if (bad)
				*bad = text;
			return -ENOENT;
		}
		text += n + (text[n] == ',');
	}
	return 0;
}

static int index_rules(struct check *c)
{
	while (rule_nth(c->nrules))
		c->nrules++;
	c->rule = calloc(c->nrules, sizeof(*c->rule));
	c->tally = calloc(c->nrules, sizeof(*c->tally));
	if (!c->rule || !c->tally)
		return -ENOMEM;
	for (unsigned i = 0; i < c->nrules; i++) {
		c->rule[i] = rule_nth(i);
		c->tally[i].virtio_id = rule_virtio_id(c->rule[i]);
		if (c->tally[i].virtio_id < TYPES)
			c->own[c->tally[i].virtio_id] = true;
	}
	return 0;
}

/*
 * In the order of moments, then of the rules.  Those that are not selected run,
 * too: what they find in order or not is what others go by (a refused chain is
 * the device's fault only if it was a good one).
 */
static void fill_plan(struct check *c, struct plan *p)
{
	uint64_t done = 0;

	for (uint64_t left = p->key.triggers & ~ONLY_ANY; left; left &= left - 1) {
		uint64_t trigger = left & -left;

		for (unsigned i = 0; i < c->nrules; i++) {
			const struct rule *r = c->rule[i];

			if (!(r->at & trigger) || r->at & done ||
			    r->at & ONLY_ANY & ~p->key.triggers)
				continue;
			if (c->tally[i].virtio_id && c->tally[i].virtio_id != p->key.virtio_id)
				continue;
			p->slot[p->n++] =
				(struct slot){ r->check, r, i,
					       r->needs & (NEED_LIFE | NEED_FLIGHT | NEED_IRQ |
							   NEED_AGREED | NEED_MSIX | NEED_PROMPT) };
		}
		done |= trigger;
	}
}

static void free_plans(struct check *c)
{
	struct plan *p, *next;

	HASH_ITER (hh, c->plans, p, next) {
		HASH_DEL(c->plans, p);
		free(p);
	}
	memset(c->recent, 0, sizeof(c->recent));
	c->nplans = 0;
}

static struct plan *new_plan(struct check *c, const struct plan_key *key)
{
	struct plan *p = calloc(1, sizeof(*p) + c->nrules * sizeof(p->slot[0])), *fit;

	if (!p)
		return NULL;
	p->key = *key;
	fill_plan(c, p);
	fit = realloc(p, sizeof(*p) + p->n * sizeof(p->slot[0]));
	p = fit ? fit : p;
	HASH_ADD(hh, c->plans, key, sizeof(p->key), p);
	if (!hash_holds(p)) {
		free(p);
		return NULL;
	}
	c->nplans++;
	return p;
}

static struct plan *find_plan(struct check *c, uint64_t triggers, unsigned virtio_id)
{
	/* All types without rules of their own share plans: there can be many in a hostile trace. */
	bool own = virtio_id < TYPES && c->own[virtio_id];
	struct plan_key key = { triggers, own ? virtio_id : 0 };
	struct plan **recent =
		&c->recent[(triggers * 0x9e3779b97f4a7c15ULL >> 58 ^ key.virtio_id) & 63];
	struct plan *p = *recent;

	if (p && p->key.triggers == key.triggers && p->key.virtio_id == key.virtio_id)
		return p;
	HASH_FIND(hh, c->plans, &key, sizeof(key), p);
	if (p)
		return *recent = p;
	if (c->nplans == PLANS)
		free_plans(c);
	return *recent = new_plan(c, &key);
}

int check_new(struct check **out, const char *selection, check_found *found, void *opaque,
	      const char **bad)
{
	struct check *c = calloc(1, sizeof(*c));
	int rc;

	*out = NULL;
	if (!c)
		return -ENOMEM;
	c->found = found;
	c->opaque = opaque;
	rc = index_rules(c);
	if (!rc)
		rc = select_rules(c, selection, bad);
	if (rc) {
		check_free(c);
		return rc;
	}
	*out = c;
	return 0;
}

void check_free(struct check *c)
{
	struct cdev *d, *next;

	if (!c)
		return;
	HASH_ITER (hh, c->devices, d, next) {
		HASH_DEL(c->devices, d);
		check_free_queues(d);
		free(d->nth);
		free(d->zones);
		free(d);
	}
	free_plans(c);
	free(c->rule);
	free(c->tally);
	free(c);
}

/* --- running ---------------------------------------------------------------- */

/* Evidence that must be there each time and is not; the rest shows in what events there are. */
static unsigned lacking(const struct rule_context *ctx)
{
	return (ctx->d->born ? 0 : NEED_LIFE) | (ctx->q && ctx->q->flight ? 0 : NEED_FLIGHT) |
	       (ctx->d->have & NEED_IRQ ? 0 : NEED_IRQ) | (ctx->d->agreed ? 0 : NEED_AGREED) |
	       (ctx->d->msix_sure ? 0 : NEED_MSIX) |
	       (ctx->e && ctx->e->source && ctx->e->source->kind == VQT_SRC_PROXY ? NEED_PROMPT
										  : 0);
}

static bool has_table(const struct model_request *r)
{
	for (uint32_t i = 0; i < r->ndirect && i < r->ndesc; i++)
		if (r->desc[i].flags & VRING_DESC_F_INDIRECT)
			return true;
	return r->ndirect < r->ndesc;
}

static uint64_t where_queue(const struct rule_context *ctx)
{
	bool ring_packed = ctx->ring && ctx->ring->known & VQT_RING_PACKED,
	     packed = ctx->queue && ctx->queue->packed;

	return (ring_packed || packed ? ONLY(PACKED) : 0) |
	       (!ring_packed || !packed ? ONLY(SPLIT) : 0) |
	       (ctx->q->any_used && ctx->q->n_chain ? 0 : ONLY(FIRST)) |
	       (ctx->q->n_reset ? ONLY(QRESET) : 0) |
	       (ctx->q->irq.number ? ONLY(OBLIGATION_IRQ) : 0) |
	       (ctx->q->stall.number || ctx->q->waiting.number ? ONLY(STALL) : 0);
}

/* What applies of ONLY(). */
static uint64_t where(const struct rule_context *ctx)
{
	bool plain = ctx->req && ctx->req->typed && ctx->req->type_raw <= VIRTIO_BLK_T_OUT;

	return (ctx->q ? where_queue(ctx) : ONLY(PACKED) | ONLY(SPLIT)) |
	       (accepted(ctx, VIRTIO_RING_F_EVENT_IDX) ? ONLY(EVENT_IDX) : ONLY(NO_EVENT_IDX)) |
	       (accepted(ctx, VIRTIO_F_IN_ORDER) ? ONLY(IN_ORDER) : 0) |
	       (accepted(ctx, VIRTIO_F_SUSPEND) ? ONLY(SUSPEND) : 0) |
	       (ctx->d->legacy ? ONLY(LEGACY) : 0) |
	       (ctx->req && has_table(ctx->req) ? ONLY(TABLE) : 0) | (plain ? 0 : ONLY(UNUSUAL)) |
	       (ctx->dev->virtio_id == VIRTIO_ID_BLOCK ? ONLY(SERVED) : 0) |
	       (ctx->e && ctx->e->rec->h.type == VQT_KICK &&
				ctx->e->rec->kick.via == VQT_KICK_IOEVENTFD
			? 0
			: ONLY(SEEN_KICK));
}

static int run_triggers(struct rule_context *ctx, uint64_t triggers)
{
	struct tally *tally = ctx->c->tally;
	struct plan *p;

	if (!triggers)
		return 0;
	p = find_plan(ctx->c, triggers | where(ctx), ctx->dev->virtio_id);
	if (!p)
		return -ENOMEM;
	ctx->lacks = lacking(ctx);
	for (const struct slot *s = p->slot, *end = s + p->n; s < end; s++) {
		struct tally *t = &tally[s->index];
		enum verdict v;

		if (s->needs & ctx->lacks) {
			t->blocked++;
			t->blocked_by |= s->needs & ctx->lacks;
			continue;
		}
		ctx->rule = s->rule;
		ctx->index = s->index;
		ctx->f.nbefore = 0;
		v = s->check(ctx);
		t->held += v == RULE_PASSED;
	}
	return 0;
}

void rule_related(struct rule_context *ctx, uint64_t number, const char *what)
{
	unsigned at = ctx->f.nbefore;

	if (!number || number >= ctx->number || at == CHECK_RELATED)
		return;
	for (unsigned i = 0; i < at; i++)
		if (ctx->f.before[i].number == number)
			return;
	for (; at && ctx->f.before[at - 1].number > number; at--)
		ctx->f.before[at] = ctx->f.before[at - 1];
	ctx->f.before[at].number = number;
	ctx->f.before[at].what = what;
	ctx->f.nbefore++;
}

static uint64_t count_finding(struct rule_context *ctx)
{
	ctx->c->tally[ctx->index].broken++;
	if (!ctx->d->nth)
		ctx->d->nth = calloc(ctx->c->nrules, sizeof(*ctx->d->nth));
	return ctx->d->nth ? ++ctx->d->nth[ctx->index] : 1;
}

static enum verdict report(struct rule_context *ctx, unsigned queue, const char *fmt, va_list ap)
{
	char seen[512];

	vsnprintf(seen, sizeof(seen), fmt, ap);
	ctx->f.rule = ctx->rule;
	ctx->f.number = ctx->number;
	ctx->f.ts = ctx->now;
	ctx->f.since = ctx->since;
	ctx->f.device = ctx->dev;
	ctx->f.queue = queue;
	ctx->f.seen = seen;
	if (ctx->q && ctx->rule->party == CHECK_DRIVER && ctx->e &&
	    ctx->e->rec->h.type == VQT_AVAIL)
		ctx->q->chain_faulty = true;
	ctx->f.nth = count_finding(ctx);
	if (ctx->c->found && ctx->c->tally[ctx->index].selected)
		ctx->c->found(ctx->c->opaque, &ctx->f);
	ctx->f.nbefore = 0;
	return RULE_BROKEN;
}

enum verdict rule_fail(struct rule_context *ctx, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	report(ctx, ctx->q ? ctx->q->index : VQT_NO_QUEUE, fmt, ap);
	va_end(ap);
	return RULE_BROKEN;
}

enum verdict rule_fail_queue(struct rule_context *ctx, unsigned queue, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	report(ctx, queue, fmt, ap);
	va_end(ap);
	return RULE_BROKEN;
}

static struct cdev *find_device(struct check *c, struct model_device *m)
{
	struct cdev *d;

	if (c->last && c->last->id == m->id)
		return c->last;
	HASH_FIND(hh, c->devices, &m->id, sizeof(m->id), d);
	if (!d) {
		d = calloc(1, sizeof(*d));
		if (!d)
			return NULL;
		d->id = m->id;
		d->m = m;
		d->n_lost = c->lost[m->source]; /* its beginning may be what was lost */
		HASH_ADD(hh, c->devices, id, sizeof(d->id), d);
		if (!hash_holds(d)) {
			free(d);
			return NULL;
		}
	}
	c->last = d;
	return d;
}

/* Rules about time, for every device: what is owed and overdue?  0 or -ENOMEM. */
static int tick(struct check *c, struct rule_context *from, uint64_t trigger)
{
	struct rule_context ctx = *from;

	for (struct cdev *d = c->devices; d; d = d->hh.next) {
		ctx.d = d;
		ctx.dev = d->m;
		ctx.q = NULL;
		ctx.queue = NULL;
		ctx.req = NULL;
		ctx.ring = NULL;
		ctx.driver_ts = c->driver_ts[d->m->source];
		if (run_triggers(&ctx, trigger))
			return -ENOMEM;
	}
	return 0;
}

static void loss(struct check *c, unsigned source, uint64_t number)
{
	c->lost[source & 0xff] = number;
	for (struct cdev *d = c->devices; d; d = d->hh.next)
		if (d->m->source == source)
			check_forget(d, number);
}

/* The queue an event is about: for registers the selected one.  0 or -ENOMEM. */
static int find_queue(struct rule_context *ctx)
{
	unsigned index;

	if (ctx->e->rec->h.type != VQT_REG) {
		if (!ctx->queue)
			return 0;
		index = ctx->queue->index;
	} else {
		if (!ctx->e->field || !(ctx->e->field->flags & SPEC_PER_QUEUE))
			return 0;
		index = ctx->dev->queue_select;
	}
	ctx->q = check_queue(ctx->d, index);
	return ctx->q ? 0 : -ENOMEM;
}

static unsigned spoke_at(uint32_t tid, uint8_t source)
{
	return (tid * 31 + source) % 64;
}

uint64_t check_spoke(const struct rule_context *ctx, uint32_t tid)
{
	uint8_t source = ctx->e ? ctx->e->rec->h.source : 0;
	unsigned at = spoke_at(tid, source);

	return ctx->c->spoke[at].tid == tid && ctx->c->spoke[at].source == source
		       ? ctx->c->spoke[at].ts
		       : 0;
}

/* Samples are ours, not the device's thread's. */
static void note_thread(struct check *c, const struct vqt_hdr *h, uint64_t ts)
{
	unsigned at = spoke_at(h->tid, h->source);

	if (h->type < VQT_REG || h->type == VQT_RING)
		return;
	c->spoke[at].tid = h->tid;
	c->spoke[at].source = h->source;
	c->spoke[at].ts = ts;
}

static void note_have(struct check *c, struct rule_context *ctx)
{
	const struct vqt_hdr *h = &ctx->e->rec->h;

	ctx->d->have |= check_have(ctx->e);
	/* Our own device tells of every interrupt; elsewhere one must have been seen. */
	if (ctx->e->source && ctx->e->source->kind == VQT_SRC_EMU)
		ctx->d->have |= NEED_IRQ;
	c->have |= ctx->d->have;
	if (h->type == VQT_REG || h->type == VQT_KICK) {
		ctx->d->driver_ts = ctx->e->ts;
		c->driver_ts[h->source] = ctx->e->ts;
	}
	if (!ctx->d->first_ts)
		ctx->d->first_ts = ctx->e->ts;
}

static bool said_loss(const struct event *e)
{
	return e->gap || (e->rec->h.type == VQT_LOSS && e->rec->loss.lost);
}

int check_feed(struct check *c, const struct model *m, const struct event *e)
{
	struct rule_context ctx = {
		.c = c, .model = m, .e = e, .now = e->ts, .number = e->number, .since = e->since
	};
	uint64_t triggers;

	if (e->rec->h.type == VQT_SESSION)
		return 0;
	c->now = e->ts;
	c->since = e->since;
	c->number = e->number;
	if (said_loss(e))
		loss(c, e->rec->h.source, e->number);
	if (!e->dev)
		return 0;
	ctx.dev = e->dev;
	ctx.d = find_device(c, e->dev);
	if (!ctx.d)
		return -ENOMEM;
	ctx.queue = e->queue;
	/* A chain from before a loss may have been used since, and its id again. */
	ctx.req = e->req && e->req->number > ctx.d->n_lost ? e->req : NULL;
	if (find_queue(&ctx))
		return -ENOMEM;
	ctx.driver_ts = c->driver_ts[e->rec->h.source]; /* before this event */
	note_have(c, &ctx);
	if (ctx.q && e->rec->h.type == VQT_AVAIL && !e->rec->avail.first)
		ctx.q->chain_faulty = false;
	ctx.ring = check_ring(e);
	triggers = check_triggers(&ctx);
	if (run_triggers(&ctx, triggers))
		return -ENOMEM;
	check_remember(&ctx, triggers);
	note_thread(c, &e->rec->h, e->ts);
	if (e->ts >= c->next_tick) {
		c->next_tick = e->ts + TICK;
		return tick(c, &ctx, AT(TICK));
	}
	return 0;
}

int check_finish(struct check *c, const struct model *m)
{
	struct rule_context ctx = {
		.c = c, .model = m, .now = c->now, .number = c->number, .since = c->since
	};

	return tick(c, &ctx, AT(TICK) | AT(END));
}

/* --- what became of a rule -------------------------------------------------- */

static const struct {
	unsigned need;
	const char *why; /* not in the whole trace */
	const char *then; /* not at the events that asked for it, if that is another sentence */
} reasons[] = {
	{ NEED_REGS, "register accesses were not recorded", NULL },
	{ NEED_PCI, "PCI configuration accesses were not recorded", NULL },
	{ NEED_CONFIG, "device configuration accesses were not recorded", NULL },
	{ NEED_KICK, "kicks were not recorded", NULL },
	{ NEED_CHAIN, "descriptor chains were not recorded", NULL },
	{ NEED_USED, "completions were not recorded", NULL },
	{ NEED_RING, "ring states were not recorded", NULL },
	{ NEED_BYTES, "leading bytes of buffers were not recorded", NULL },
	{ NEED_PROMPT, "rings were looked at from beside, not by those who acted on them", NULL },
	{ NEED_IRQ, "interrupts were not recorded",
	  "no interrupt of the device had been recorded by then" },
	{ NEED_LIFE, "no reset was recorded, or records were lost since: history unknown", NULL },
	{ NEED_AGREED,
	  "what was negotiated and set up is not known: the recording began later, or records "
	  "were lost",
	  NULL },
	{ NEED_MSIX, "whether MSI-X is enabled is not known", NULL },
	{ NEED_FLIGHT, "the queue was not recorded from its start, or records were lost since",
	  NULL },
};

static const char *why_not(unsigned missing, bool then)
{
	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (missing & reasons[i].need)
			return then && reasons[i].then ? reasons[i].then : reasons[i].why;
	return NULL;
}

void check_tally(const struct check *c, const struct rule *r, struct check_tally *out)
{
	int i = rule_index(r);
	const struct tally *t;
	unsigned never;

	*out = (struct check_tally){ 0 };
	if (i < 0)
		return;
	t = &c->tally[i];
	out->selected = t->selected;
	out->held = t->held;
	out->broken = t->broken;
	out->blocked = t->blocked;
	if (t->held || t->broken)
		return;
	never = r->needs &
		~(c->have | NEED_LIFE | NEED_FLIGHT | NEED_AGREED | NEED_MSIX | NEED_PROMPT);
	out->why = never ? why_not(never, false) : why_not(t->blocked_by, true);
}
