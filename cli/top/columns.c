/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
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

#define RATE(name, expression) \
	static double name##_value(const struct top_row *r) \
	{ \
		return top_per_second(r, expression); \
	} \
	static void put_##name(const struct top_row *r, struct text *t) \
	{ \
		put_number(t, name##_value(r)); \
	}

RATE(requests, r->now.used)
RATE(kicks, r->now.kicks)
RATE(irqs, r->now.interrupts)

static double in_value(const struct top_row *r)
{
	return top_per_second(r, r->now.bytes_in) / 1e6;
}

static double out_value(const struct top_row *r)
{
	return top_per_second(r, r->now.bytes_out) / 1e6;
}

static void put_in(const struct top_row *r, struct text *t)
{
	put_number(t, in_value(r));
}

static void put_out(const struct top_row *r, struct text *t)
{
	put_number(t, out_value(r));
}

static double per_kick_value(const struct top_row *r)
{
	return r->now.kicks ? (double)r->now.popped / (double)r->now.kicks : 0;
}

static double per_irq_value(const struct top_row *r)
{
	return r->now.interrupts ? (double)r->now.used / (double)r->now.interrupts : 0;
}

static void put_per_kick(const struct top_row *r, struct text *t)
{
	if (r->now.kicks)
		text_add(t, "%.1f", per_kick_value(r));
	else
		text_puts(t, "-");
}

static void put_per_irq(const struct top_row *r, struct text *t)
{
	if (r->now.interrupts)
		text_add(t, "%.1f", per_irq_value(r));
	else
		text_puts(t, "-");
}

static double flight_value(const struct top_row *r)
{
	return r->flight;
}

static void put_flight(const struct top_row *r, struct text *t)
{
	text_add(t, "%u", r->flight);
	if (r->size)
		text_add(t, "/%u", r->size);
}

static double percentile(const struct top_row *r, uint32_t ppm)
{
	return (double)hist_percentile(&r->service, ppm);
}

static double p50_value(const struct top_row *r)
{
	return percentile(r, 500000);
}

static double p99_value(const struct top_row *r)
{
	return percentile(r, 990000);
}

static void put_latency(struct text *t, const struct top_row *r, uint32_t ppm)
{
	if (r->service.count)
		text_duration(t, hist_percentile(&r->service, ppm));
	else
		text_puts(t, "-");
}

static void put_p50(const struct top_row *r, struct text *t)
{
	put_latency(t, r, 500000);
}

static void put_p99(const struct top_row *r, struct text *t)
{
	put_latency(t, r, 990000);
}

static double errors_value(const struct top_row *r)
{
	return (double)(r->all.errors + r->all.device_errors);
}

static void put_errors(const struct top_row *r, struct text *t)
{
	text_add(t, "%" PRIu64, r->all.errors + r->all.device_errors);
}

static double findings_value(const struct top_row *r)
{
	return (double)r->findings;
}

static void put_findings(const struct top_row *r, struct text *t)
{
	text_add(t, "%" PRIu64, r->findings);
}

const struct top_column top_columns[] = {
	{ "NAME", 18, true, "VM, its devices, their queues", put_name, NULL, 0 },
	{ "TYPE", 6, true, "device type", put_type, NULL, 5 },
	{ "STATE", 12, true, "device status, ring layout, or how long it has been stalled",
	  put_state, NULL, 3 },
	{ "REQ/S", 6, false, "requests completed a second", put_requests, requests_value, 0 },
	{ "IN MB/S", 7, false, "data to the driver (reads)", put_in, in_value, 1 },
	{ "OUT MB/S", 8, false, "data from the driver (writes)", put_out, out_value, 1 },
	{ "FLIGHT", 9, false, "requests popped and not used yet, of the ring's entries", put_flight,
	  flight_value, 0 },
	{ "KICK/S", 6, false, "available buffer notifications a second", put_kicks, kicks_value,
	  4 },
	{ "R/KICK", 6, false, "requests for each of those", put_per_kick, per_kick_value, 6 },
	{ "IRQ/S", 6, false, "used buffer notifications a second", put_irqs, irqs_value, 4 },
	{ "R/IRQ", 6, false, "requests for each of those", put_per_irq, per_irq_value, 6 },
	{ "P50", 7, false, "half of the requests took at most this, from popped to used", put_p50,
	  p50_value, 2 },
	{ "P99", 7, false, "99 % of the requests took at most this", put_p99, p99_value, 1 },
	{ "ERR", 4, false, "requests that failed, and errors of the device, in all", put_errors,
	  errors_value, 2 },
	{ "FIND", 4, false, "findings of the checker, in all", put_findings, findings_value, 3 },
};

size_t top_columns_count(void)
{
	return sizeof(top_columns) / sizeof(top_columns[0]);
}
