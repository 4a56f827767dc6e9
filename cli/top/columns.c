/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "cli/top/columns.h"

/* "0", "7.25", "123", "45.6k", "1.20M": at most five characters. */
static void put_number(struct text *t, double v)
{
	static const char units[] = " kMGT";
	unsigned u = 0;

	while (v >= 9999.5 && units[u + 1]) {
		v /= 1000;
		u++;
	}
	if (v >= 100 || v == (double)(uint64_t)v)
		text_add(t, "%.0f", v);
	else
		text_add(t, "%.*f", v >= 10 ? 1 : 2, v);
	if (u)
		text_add(t, "%c", units[u]);
}

static void put_name(const struct top_row *r, struct text *t)
{
	if (r->path[0]) {
		text_untrusted(t, r->path, strlen(r->path));
		return;
	}
	text_add(t, "%*s", 2 * (int)r->kind, "");
	text_untrusted(t, r->name, strlen(r->name));
}

static void put_type(const struct top_row *r, struct text *t)
{
	text_puts(t, r->kind == TOP_VM ? "VM" : r->kind == TOP_QUEUE ? "queue" : r->type);
}

static void put_state(const struct top_row *r, struct text *t)
{
	if (r->stalled) {
		text_puts(t, "STALLED ");
		text_duration(t, r->stalled);
	} else if (r->kind == TOP_VM) {
		text_puts(t, r->gone ? "ended" : "running");
	} else {
		text_puts(t, r->state);
	}
}

/* --- figures: -1 where there is none --- */

#define FIGURE(name, expression) \
	static double name(const struct top_row *r) \
	{ \
		return expression; \
	}

/* Of requests: a source that sees no ring does not know it. */
#define RING_FIGURE(name, expression) FIGURE(name, r->no_rings ? -1 : (expression))

RING_FIGURE(requests, top_per_second(r, r->counted.used))
FIGURE(kicks, top_per_second(r, r->counted.kicks))
FIGURE(interrupts, top_per_second(r, r->counted.interrupts))
RING_FIGURE(mb_in, top_per_second(r, r->counted.bytes_in) / 1e6)
RING_FIGURE(mb_out, top_per_second(r, r->counted.bytes_out) / 1e6)
RING_FIGURE(per_kick,
	    r->counted.kicks && r->counted.popped != r->counted.posted
		    ? (double)(r->counted.popped - r->counted.posted) / (double)r->counted.kicks
		    : -1)
RING_FIGURE(per_irq,
	    r->counted.interrupts ? (double)r->counted.used / (double)r->counted.interrupts : -1)
RING_FIGURE(flight, (double)r->flight)
FIGURE(p50, r->service.count ? (double)hist_percentile(&r->service, 500000) : -1)
FIGURE(p99, r->service.count ? (double)hist_percentile(&r->service, 990000) : -1)
RING_FIGURE(errors, (double)(r->all.errors + r->all.device_errors))
FIGURE(findings, r->tallied ? -1 : (double)r->findings)

static void put_flight(const struct top_row *r, struct text *t)
{
	if (r->no_rings)
		text_puts(t, "-");
	else
		text_add(t, "%u", r->flight);
	if (r->size)
		text_add(t, "/%u", r->size);
}

static void put_ratio(struct text *t, double v)
{
	text_add(t, "%.1f", v);
}

static void put_duration(struct text *t, double v)
{
	text_duration(t, (uint64_t)v);
}

static void put_count(struct text *t, double v)
{
	text_add(t, "%.0f", v);
}

void top_column_text(const struct top_column *c, const struct top_row *r, struct text *t)
{
	double v = c->value ? c->value(r) : 0;

	if (c->text)
		c->text(r, t);
	else if (v < 0)
		text_puts(t, "-");
	else
		c->put(t, v);
}

const struct top_column top_columns[] = {
	{ "NAME", 18, 0, "VM, its devices, their queues", .text = put_name, .left = true },
	{ "TYPE", 6, 5, "device type", .text = put_type, .left = true },
	{ "STATE", 14, 1, "device status, ring layout, or how long it has been stalled",
	  .text = put_state, .left = true },
	{ "REQ/S", 6, 0, "requests completed a second", .value = requests, .put = put_number },
	{ "IN MB/S", 7, 2, "data to the driver (reads)", .value = mb_in, .put = put_number },
	{ "OUT MB/S", 8, 2, "data from the driver (writes)", .value = mb_out, .put = put_number },
	{ "FLIGHT", 9, 0, "requests popped and not used yet, of the ring's entries",
	  .text = put_flight, .value = flight },
	{ "KICK/S", 6, 4, "available buffer notifications a second", .value = kicks,
	  .put = put_number },
	{ "R/KICK", 6, 6, "requests for each of those", .value = per_kick, .put = put_ratio },
	{ "IRQ/S", 6, 4, "used buffer notifications a second", .value = interrupts,
	  .put = put_number },
	{ "R/IRQ", 6, 6, "requests for each of those", .value = per_irq, .put = put_ratio },
	{ "P50", 7, 1, "half of the requests took at most this, from popped to used", .value = p50,
	  .put = put_duration },
	{ "P99", 7, 1, "99 % of the requests took at most this", .value = p99,
	  .put = put_duration },
	{ "ERR", 4, 1, "requests that failed, and errors of the device, in all", .value = errors,
	  .put = put_count },
	{ "FIND", 4, 1, "findings of the checker, in all", .value = findings, .put = put_count },
};

size_t top_columns_count(void)
{
	return sizeof(top_columns) / sizeof(top_columns[0]);
}
