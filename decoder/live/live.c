/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/live/impl.h"

/* Times in ns. */
#define HOST_LATE (1000 * MS) /* after so long no earlier record of the host is expected */
#define HURRY_EVERY (250 * MS)
/* Bytes of records that wait; with more of the host's, no guest is waited for. */
#define HOST_BYTES (32U << 20)
#define GUEST_BYTES (16U << 20)
#define KEPT_BYTES (8U << 20) /* of the host's that are written, for guests that come late */

struct live *live_new(uint64_t patience, live_write *write, void *ctx)
{
	struct live *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	l->host.name = "the host's records";
	l->patience = patience;
	l->waiting.keep = KEPT_BYTES;
	l->host.write = write;
	l->host.ctx = ctx;
	return l;
}

static void free_guest(struct live_one *g)
{
	merging_free(g->merging);
	waiting_free(&g->waiting);
	free(g);
}

void live_free(struct live *l)
{
	if (!l)
		return;
	for (unsigned i = 0; i < l->guests; i++)
		free_guest(l->guest[i]);
	waiting_free(&l->waiting);
	merge_host_free(&l->host);
	free(l);
}

int live_add_guest(struct live *l, const char *name, pid_t pid)
{
	struct live_one *g;

	if (l->guests == MERGE_GUESTS)
		return -E2BIG;
	g = calloc(1, sizeof(*g));
	if (!g)
		return -ENOMEM;
	g->name = g->report.path = g->before.path = name;
	g->pid = pid;
	l->guest[l->guests] = g;
	return (int)l->guests++;
}

void live_set_process(struct live *l, unsigned guest, pid_t pid)
{
	l->guest[guest]->pid = pid;
}

/* --- boots ------------------------------------------------------------------------------------ */

static void add_clock(struct align_counts *to, const struct align_counts *c)
{
	to->before += c->before;
	to->after += c->after;
	to->examined += c->examined;
	to->outliers += c->outliers;
	to->steps += c->steps;
	to->rates += c->rates;
	to->late += c->late;
	to->lost += c->lost;
}

static void add_report(struct merge_guest *to, const struct merge_guest *r)
{
	bool first = !to->timed;

	to->devices = r->devices > to->devices ? r->devices : to->devices;
	to->linked = r->linked > to->linked ? r->linked : to->linked;
	for (unsigned i = 0; i < MERGE_SIDES; i++)
		to->pairs.chains[i] += r->pairs.chains[i];
	to->pairs.paired += r->pairs.paired;
	to->pairs.exchanges += r->pairs.exchanges;
	to->pairs.ptp += r->pairs.ptp;
	to->pairs.ptp_wrong += r->pairs.ptp_wrong;
	add_clock(&to->clock, &r->clock);
	if (r->timed && (first || r->error_least < to->error_least))
		to->error_least = r->error_least;
	if (r->error_most > to->error_most)
		to->error_most = r->error_most;
	to->records += r->records;
	to->timed += r->timed;
	to->untimed += r->untimed;
	to->refused += r->refused;
}

void live_refuse(struct live_one *g, const char *why)
{
	snprintf(g->state.refused, sizeof(g->state.refused), "%.390s", why);
}

static void end_boot(struct live_one *g)
{
	if (g->merging) {
		merging_report(g->merging);
		add_report(&g->before, &g->report);
	}
	merging_free(g->merging);
	g->merging = NULL;
}

static int begin_boot(struct live_one *g)
{
	end_boot(g);
	g->report = (struct merge_guest){ .path = g->name };
	g->merging = merging_new(&g->report, &g->ids);
	g->ended = g->again = false;
	g->state.refused[0] = '\0';
	g->heard = g->link_at = 0;
	g->link_every = LIVE_LINK_EVERY;
	g->state.boots++;
	if (!g->merging)
		return -ENOMEM;
	if (!g->ends)
		return 0;
	g->ends = false;
	g->ended = true;
	return merging_fed_all(g->merging);
}

int live_guest_ends(struct live *l, unsigned guest)
{
	struct live_one *g = l->guest[guest];

	g->ends = g->again;
	if (!g->merging || g->ended)
		return 0;
	g->ended = true;
	return merging_fed_all(g->merging);
}

int live_guest_begins(struct live *l, unsigned guest)
{
	struct live_one *g = l->guest[guest];
	int rc;

	if (!g->merging) {
		rc = begin_boot(g);
		return rc ? rc : live_look_back(l, g);
	}
	if (!g->heard && !g->ended)
		return 0; /* nothing has come of the one before */
	rc = live_guest_ends(l, guest);
	g->again = true;
	return rc;
}

bool live_guest_wants(const struct live *l, unsigned guest)
{
	const struct live_one *g = l->guest[guest];

	return !g->again && waiting_bytes(&g->waiting) < GUEST_BYTES;
}

/* --- in ------------------------------------------------------------------------------------- */

static int write_host(struct live *l, const struct record *rec)
{
	bool first = rec->h.type == VQT_DEVICE && !l->host.written[rec->h.device];
	int rc = l->host.write(l->host.ctx, rec->raw, rec->len);

	if (first)
		l->host.written[rec->h.device] = true;
	for (unsigned i = 0; !rc && first && i < l->guests; i++)
		if (l->guest[i]->merging)
			rc = merging_described(l->guest[i]->merging, &l->host, rec->h.device);
	return rc;
}

int live_host(struct live *l, const void *record, size_t len, uint64_t now)
{
	struct record rec;
	int rc = record_parse(&rec, record, len, NULL);

	if (rc == -EBADMSG)
		return rc;
	rc = merge_host_look(&l->host, &rec);
	if (rec.h.type == VQT_SOURCE)
		l->pid_of[rec.h.source] = (pid_t)rec.source.pid;
	if (rec.h.type == VQT_SESSION)
		l->snaplen = rec.session.snaplen;
	l->number++;
	l->begun = l->begun ? l->begun : now;
	for (unsigned i = 0; !rc && i < l->guests; i++)
		rc = live_learn(l, l->guest[i], MERGE_HOST, &rec, l->number, now);
	if (rc)
		return rc;
	return l->direct ? write_host(l, &rec) : waiting_add(&l->waiting, &rec, now);
}

static void take_session(struct live_one *g, const struct record *rec)
{
	char why[120];

	g->snaplen = rec->session.snaplen;
	if (rec->session.major == VQT_VERSION_MAJOR)
		return;
	snprintf(
		why, sizeof(why),
		"it has format version %u.%u, this vqtrace reads %u.x; use the same vqtrace in the "
		"guest",
		rec->session.major, rec->session.minor, VQT_VERSION_MAJOR);
	live_refuse(g, why);
}

int live_guest(struct live *l, unsigned guest, const struct record *rec, uint64_t now)
{
	struct live_one *g = l->guest[guest];
	int rc;

	if (!g->merging || g->ended || g->state.refused[0]) {
		g->state.unwritten += !merging_consumes(rec);
		return 0;
	}
	if (!g->heard)
		g->heard = now;
	g->number++;
	if (rec->h.type == VQT_SESSION) {
		take_session(g, rec);
		return 0;
	}
	rc = live_learn(l, g, MERGE_GUEST, rec, g->number, now);
	if (rc || merging_consumes(rec))
		return rc;
	if (!merging_accepts(g->merging, rec)) {
		g->report.refused++;
		return 0;
	}
	/*
	 * While it is not known whose guest this is, more has to be read to find out.  So its events
	 * are left out, and counted, once they fill half of the room.
	 */
	if (!merging_linked(g->merging) && waiting_bytes(&g->waiting) > GUEST_BYTES / 2 &&
	    rec->h.type >= VQT_REG) {
		g->state.unwritten++;
		return 0;
	}
	return waiting_add(&g->waiting, rec, now);
}

/* --- out ------------------------------------------------------------------------------------ */

enum next {
	NOTHING, /* and nothing is expected */
	SILENT, /* nothing, but something may come */
	NOT_DECIDED, /* something whose time is not known yet */
	READY
};

/*
 * Nothing has come of this guest yet.  Its recorder begins before the driver of the port that it
 * writes to, so its first records come late, and are waited for.
 */
static enum next first_word(const struct live *l, const struct live_one *g, uint64_t now)
{
	return !g->number && now - l->begun < l->patience ? SILENT : NOTHING;
}

/* The state of a guest's next record; READY: *ts is the host's time of it. */
static enum next guest_next(struct live *l, struct live_one *g, uint64_t now, uint64_t *ts)
{
	struct trace_error err;
	int rc;

	if (!g->waiting.records && (!g->merging || g->ended || g->state.refused[0]))
		return g->again ? SILENT : first_word(l, g, now);
	if (!g->waiting.records)
		return SILENT;
	if (!merging_linked(g->merging) && !g->ended)
		return NOT_DECIDED;
	merging_not_before(g->merging, l->last);
	merging_came(g->merging, g->waiting.came);
	rc = merging_linked(g->merging) ? merging_time(g->merging, &g->waiting.rec, ts, &err)
					: -EXDEV;
	if (rc > 0)
		return READY;
	if (!rc)
		return NOT_DECIDED;
	g->state.unwritten += g->waiting.records; /* their times will never be known */
	waiting_free(&g->waiting);
	return NOTHING;
}

static uint64_t host_time(const struct live *l, const struct record *rec)
{
	return rec->h.ts || rec->h.type >= VQT_REG ? rec->h.ts : l->last;
}

/* Has a guest without a READY record been waited for long enough to write what is of that time? */
static bool is_late(const struct live *l, enum next next, uint64_t ts, uint64_t now)
{
	return next == NOTHING || (int64_t)(now - ts) >= (int64_t)l->patience;
}

/*
 * What is to be written next: the earliest that there is.  Each guest that is SILENT or NOT_DECIDED
 * may have something earlier, and is waited for, until patience ends.
 */
struct choice {
	struct live_one *guest; /* NULL: the host */
	uint64_t ts;
	bool any;
	bool sure; /* nothing that is earlier will come, or it is not waited for */
};

static struct choice choose(struct live *l, uint64_t now, bool all)
{
	struct choice c = { .any = l->waiting.records, .sure = true };
	enum next next[MERGE_GUESTS];
	bool pressed = all || waiting_bytes(&l->waiting) > HOST_BYTES;

	if (c.any)
		c.ts = host_time(l, &l->waiting.rec);
	for (unsigned i = 0; i < l->guests; i++) {
		uint64_t ts;

		next[i] = guest_next(l, l->guest[i], now, &ts);
		if (next[i] != READY || (c.any && (int64_t)(ts - c.ts) >= 0))
			continue;
		c = (struct choice){ l->guest[i], ts, true, true };
	}
	if (c.guest && !l->waiting.records)
		c.sure = all || (int64_t)(now - c.ts) >= (int64_t)HOST_LATE;
	for (unsigned i = 0; i < l->guests; i++)
		if (next[i] != READY)
			c.sure &= pressed || is_late(l, next[i], c.ts, now);
	return c;
}

static int write_one(struct live *l, const struct choice *c)
{
	struct live_one *g = c->guest;
	int rc;

	if (g) {
		rc = merging_write(g->merging, &l->host, &g->waiting.rec);
		if (rc == -E2BIG) {
			live_refuse(g, "it has more devices than there are numbers for");
			rc = 0;
		}
		waiting_drop(&g->waiting);
	} else {
		rc = write_host(l, &l->waiting.rec);
		waiting_drop(&l->waiting);
	}
	if ((int64_t)(c->ts - l->last) > 0)
		l->last = c->ts;
	return rc;
}

static int write_all(struct live *l, uint64_t now, bool all)
{
	int rc = 0;

	while (!rc) {
		struct choice c = choose(l, now, all);

		if (!c.any || !c.sure)
			break;
		rc = write_one(l, &c);
	}
	return rc;
}

/* Decide the guest's clock now if its records have waited for too long; all: in any case. */
static int hurry(const struct live *l, struct live_one *g, uint64_t now, bool all)
{
	bool old = now - g->waiting.came >= l->patience / 3 * 2 ||
		   waiting_bytes(&g->waiting) > GUEST_BYTES / 2;

	if (!g->merging || g->ended || !g->waiting.records || !merging_linked(g->merging))
		return 0;
	if (!all && (!old || now - g->hurried < HURRY_EVERY))
		return merging_fed(g->merging);
	g->hurried = now;
	return merging_hurry(g->merging);
}

static int check(struct live *l, struct live_one *g)
{
	struct trace_error err;

	if (g->merging && !g->state.refused[0] && merging_check(g->merging, &l->host, &err)) {
		live_refuse(g, err.text);
		g->state.unwritten += g->waiting.records;
		waiting_free(&g->waiting);
	}
	return g->again && !g->waiting.records ? begin_boot(g) : 0;
}

static int step(struct live *l, uint64_t now, bool all)
{
	int rc = live_link(l, now);

	for (unsigned i = 0; !rc && i < l->guests; i++)
		rc = hurry(l, l->guest[i], now, all);
	if (!rc)
		rc = write_all(l, now, all);
	for (unsigned i = 0; !rc && i < l->guests; i++)
		rc = check(l, l->guest[i]);
	return rc;
}

int live_step(struct live *l, uint64_t now)
{
	return step(l, now, false);
}

int live_flush(struct live *l, uint64_t now)
{
	return step(l, now, true);
}

void live_describe_begin(struct live *l)
{
	l->direct = true;
}

int live_describe_end(struct live *l)
{
	int rc = 0;

	l->direct = false;
	for (unsigned i = 0; !rc && i < l->guests; i++)
		if (l->guest[i]->merging)
			rc = merging_describe(l->guest[i]->merging, &l->host);
	return rc;
}

int live_give_up(struct live *l)
{
	int rc = 0;

	for (unsigned i = 0; i < l->guests; i++) {
		l->guest[i]->state.unwritten += l->guest[i]->waiting.records;
		waiting_free(&l->guest[i]->waiting);
	}
	while (!rc && l->waiting.records) {
		rc = l->host.write(l->host.ctx, l->waiting.rec.raw, l->waiting.rec.len);
		waiting_drop(&l->waiting);
	}
	return rc;
}

int live_end(struct live *l, uint64_t now)
{
	int rc = 0;

	for (unsigned i = 0; i < l->guests; i++)
		l->guest[i]->link_at = 0;
	rc = live_link(l, now);
	for (unsigned i = 0; !rc && i < l->guests; i++)
		rc = live_guest_ends(l, i);
	return rc ? rc : write_all(l, now, true);
}

bool live_linked(const struct live *l, unsigned guest)
{
	const struct live_one *g = l->guest[guest];

	return g->merging && merging_linked(g->merging);
}

bool live_told(const struct live *l, unsigned guest, uint64_t *until)
{
	const struct live_one *g = l->guest[guest];

	if (!live_linked(l, guest) || g->ended || g->state.refused[0])
		return false;
	*until = merging_told(g->merging);
	return true;
}

const struct merge_guest *live_report(const struct live *l, unsigned guest, struct live_state *out)
{
	struct live_one *g = l->guest[guest];

	if (g->merging)
		end_boot(g);
	*out = g->state;
	return &g->before;
}
