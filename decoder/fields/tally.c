/* SPDX-License-Identifier: MIT */
/* What a light capture counted (VQT_TALLY). */
#include <string.h>

#include "decoder/fields/fields.h"
#include "decoder/model/tally.h"

static bool nth_group(const struct event *e, unsigned i, struct record_group *g)
{
	uint32_t pos = 0;

	do {
		if (!record_group_next(e->rec, &pos, g))
			return false;
	} while (i--);
	return true;
}

#define GROUP_FIELD(name) \
	static bool get_##name(const struct event *e, unsigned i, struct field_value *v) \
	{ \
		struct record_group g; \
\
		return nth_group(e, i, &g) && field_set_u64(v, g.g.name); \
	}

GROUP_FIELD(used)
GROUP_FIELD(errors)
GROUP_FIELD(bytes_in)
GROUP_FIELD(bytes_out)
GROUP_FIELD(timed)
GROUP_FIELD(sum)

static bool get_type(const struct event *e, unsigned i, struct field_value *v)
{
	struct record_group g;

	if (!nth_group(e, i, &g))
		return false;
	return field_set_str(v, tally_type_name(e->dev, g.g.type));
}

static bool percentile(const struct event *e, unsigned i, uint32_t ppm, struct field_value *v)
{
	struct record_group g;
	struct hist h;

	if (!nth_group(e, i, &g) || !g.g.timed)
		return false;
	tally_hist(&g, &h);
	return field_set_u64(v, hist_percentile(&h, ppm));
}

static bool get_p50(const struct event *e, unsigned i, struct field_value *v)
{
	return percentile(e, i, 500000, v);
}

static bool get_p99(const struct event *e, unsigned i, struct field_value *v)
{
	return percentile(e, i, 990000, v);
}

const struct field fields_tally[] = {
	{ "tally.interval", FIELD_TIME, FIELD_AT(tally.interval), .label = "Interval",
	  .help = "time that it covers, up to its own" },
	{ "tally.kicks", FIELD_U64, FIELD_AT(tally.kicks), .label = "Kicks",
	  .help = "available buffer notifications in that time" },
	{ "tally.popped", FIELD_U64, FIELD_AT(tally.popped), .label = "Popped",
	  .help = "chains that the device popped" },
	{ "tally.interrupts", FIELD_U64, FIELD_AT(tally.interrupts), .label = "Interrupts",
	  .help = "used buffer notifications that the device decided to send" },
	{ "tally.detached", FIELD_U64, FIELD_AT(tally.detached), .label = "Given up",
	  .help = "chains that the device gave up without using them" },
	{ "tally.dropped", FIELD_U64, FIELD_AT(tally.dropped), .label = "Dropped",
	  .help = "chains in flight that a reset took back" },
	{ "tally.flight", FIELD_U64, FIELD_AT(tally.flight), .label = "In flight",
	  .help = "chains popped and not used at its end" },
	{ "tally.flight_max", FIELD_U64, FIELD_AT(tally.flight_max), .label = "Most in flight",
	  .help = "the most ever" },
	{ "tally.groups.type", FIELD_STR, FIELD_ARRAY, .get = get_type, .label = "Type",
	  .help = "type of the requests" },
	{ "tally.groups.used", FIELD_U64, FIELD_ARRAY, .get = get_used, .label = "Used",
	  .help = "completions" },
	{ "tally.groups.errors", FIELD_U64, FIELD_ARRAY, .get = get_errors, .label = "Errors",
	  .help = "completions with a status other than success" },
	{ "tally.groups.bytes_in", FIELD_U64, FIELD_ARRAY, .get = get_bytes_in, .label = "Bytes in",
	  .help = "data to the driver" },
	{ "tally.groups.bytes_out", FIELD_U64, FIELD_ARRAY, .get = get_bytes_out,
	  .label = "Bytes out", .help = "data from the driver" },
	{ "tally.groups.timed", FIELD_U64, FIELD_ARRAY, .get = get_timed, .label = "Timed",
	  .help = "completions whose time is known" },
	{ "tally.groups.sum", FIELD_U64, FIELD_ARRAY, .get = get_sum, .label = "Time in all",
	  .help = "ns that those took together" },
	{ "tally.groups.p50", FIELD_U64, FIELD_ARRAY, .get = get_p50, .label = "Median",
	  .help = "ns that half of them took at most" },
	{ "tally.groups.p99", FIELD_U64, FIELD_ARRAY, .get = get_p99, .label = "99th percentile",
	  .help = "ns that 99 % of them took at most" },
	{ .path = NULL },
};
