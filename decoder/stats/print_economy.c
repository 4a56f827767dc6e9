/* SPDX-License-Identifier: MIT */
/* What notifications cost: kicks and interrupts for each request, and those that were spared. */
#include <inttypes.h>

#include "decoder/stats/print_impl.h"
#include "decoder/util/json.h"

void stat_text_count(struct text *t, uint64_t n, const char *one, const char *many)
{
	text_add(t, "%" PRIu64 " %s", n, n == 1 ? one : many);
}

static void batches(struct text *t, const uint64_t *batch, const char *intro)
{
	for (unsigned i = 0; i < STATS_BATCHES; i++) {
		if (!batch[i])
			continue;
		text_add(t, "%s%s (%" PRIu64 ")", intro, stats_batch_name(i), batch[i]);
		intro = ", ";
	}
}

static bool any(const uint64_t *batch)
{
	for (unsigned i = 0; i < STATS_BATCHES; i++)
		if (batch[i])
			return true;
	return false;
}

/* Posted buffers are no requests. */
static uint64_t requests(const struct stats_counts *c)
{
	return c->popped > c->posted ? c->popped - c->posted : 0;
}

void stat_text_kicks(struct text *t, const struct stats_counts *c, const struct stats_device *d)
{
	stat_text_count(t, c->kicks, "kick", "kicks");
	if (c->kicks && (c->popped != c->posted || !c->posted))
		text_add(t, ", %.2f requests each", stats_ratio(c->popped - c->posted, c->kicks));
	if (c->kicks_empty)
		text_add(t, ", %" PRIu64 " when nothing was available", c->kicks_empty);
	else if (c->kicks && !any(c->kick_batch) && !d->tallied)
		text_puts(t, "; what was available then is unknown");
	batches(t, c->kick_batch, "; entries waiting ");
}

void stat_text_interrupts(struct text *t, const struct stats_counts *c,
			  const struct stats_device *d)
{
	stat_text_count(t, c->interrupts, "interrupt", "interrupts");
	if (c->interrupts)
		text_add(t, ", %.2f completions each", stats_ratio(c->used, c->interrupts));
	if (c->irqs_empty)
		text_add(t, ", %" PRIu64 " with nothing new", c->irqs_empty);
	batches(t, c->irq_batch, "; of completions ");
	if (c->config_irqs)
		text_add(t, "; %" PRIu64 " of configuration changes", c->config_irqs);
}

/* "31 of 70 kicks" */
static void put_spared(struct text *t, const char *intro, uint64_t n, uint64_t all,
		       const char *what)
{
	text_add(t, "%s%" PRIu64 " of %" PRIu64 " %s", intro, n < all ? all - n : 0, all, what);
}

void stat_text_per_request(struct text *t, const struct stats_counts *c,
			   const struct stats_device *d)
{
	uint64_t n = requests(c);
	const char *comma = "";

	/* none: it polls, or they were not recorded */
	if (n && c->kicks) {
		text_add(t, "%.2f kicks", stats_ratio(c->kicks, n));
		comma = ", ";
	}
	if (c->used && c->interrupts) {
		text_add(t, "%s%.2f interrupts", comma, stats_ratio(c->interrupts, c->used));
		comma = ", ";
	}
	if (!*comma)
		return;
	comma = "; spared ";
	if (n && c->kicks) {
		put_spared(t, d->by_eventfd ? "; spared at most " : comma, c->kicks, n, "kicks");
		comma = ", ";
	}
	if (c->used && c->interrupts)
		put_spared(t, comma, c->interrupts, c->used, "interrupts");
}

static void put_unknown(struct text *t, uint64_t known, uint64_t all)
{
	if (known < all)
		text_add(t, "; of %" PRIu64 " that is unknown", all - known);
}

void stat_text_announced(struct text *t, const struct stats_counts *c, const struct stats_device *d)
{
	uint64_t n = requests(c), known = c->announced + c->found;

	if (!n || d->tallied)
		return;
	if (!known) {
		if (!d->stages || !(d->stages->kicked + d->stages->unkicked))
			text_puts(t, "which requests needed a kick is unknown");
		return;
	}
	text_puts(t, "a kick announced ");
	stat_text_count(t, c->announced, "request", "requests");
	text_add(t, ", %" PRIu64 " the device found before it saw one", c->found);
	put_unknown(t, known, n);
}

void stat_text_wanted(struct text *t, const struct stats_counts *c, const struct stats_device *d)
{
	uint64_t known = c->irqs_wanted + c->irqs_unwanted;

	if (!c->used || d->tallied)
		return;
	if (!known) {
		if (!d->stages || !(d->stages->interrupted + d->stages->passing))
			text_puts(t, "for which completions the driver wanted an interrupt is "
				     "unknown");
		return;
	}
	text_puts(t, "the driver wanted an interrupt for ");
	stat_text_count(t, c->irqs_wanted, "completion", "completions");
	text_add(t, ", none for %" PRIu64, c->irqs_unwanted);
	put_unknown(t, known, c->used);
}

/* --- JSON --- */

static void put_ratio(struct json_object *o, const char *key, uint64_t n, uint64_t by)
{
	char text[40];

	snprintf(text, sizeof(text), "%.3f", stats_ratio(n, by));
	json_object_object_add(o, key,
			       n && by ? json_object_new_double_s(stats_ratio(n, by), text) : NULL);
}

static void put_if(struct json_object *o, const char *key, bool known, uint64_t n)
{
	json_object_object_add(o, key, known ? json_object_new_uint64(n) : NULL);
}

static uint64_t less(uint64_t all, uint64_t n)
{
	return n < all ? all - n : 0;
}

struct json_object *stat_economy_json(const struct stats_counts *c, const struct stats_device *d)
{
	struct json_object *o = json_object_new_object();
	uint64_t n = requests(c), announced = c->announced + c->found,
		 wanted = c->irqs_wanted + c->irqs_unwanted;

	put_ratio(o, "kicks_per_request", c->kicks, n);
	put_ratio(o, "interrupts_per_completion", c->interrupts, c->used);
	put_if(o, "kicks_spared", n && c->kicks, less(n, c->kicks));
	json_object_object_add(o, "kicks_by_eventfd", json_object_new_boolean(d->by_eventfd));
	put_if(o, "interrupts_spared", c->used && c->interrupts, less(c->used, c->interrupts));
	put_if(o, "kicks_empty", any(c->kick_batch), c->kicks_empty);
	put_if(o, "interrupts_empty", any(c->irq_batch), c->irqs_empty);
	put_if(o, "announced", announced, c->announced);
	put_if(o, "found", announced, c->found);
	put_if(o, "announced_unknown", !d->tallied, less(n, announced));
	put_if(o, "wanted", wanted, c->irqs_wanted);
	put_if(o, "not_wanted", wanted, c->irqs_unwanted);
	put_if(o, "wanted_unknown", !d->tallied, less(c->used, wanted));
	return o;
}
