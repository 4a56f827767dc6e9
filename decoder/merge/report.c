/* SPDX-License-Identifier: MIT */
#include <inttypes.h>

#include "decoder/merge/report.h"

static void put_error(struct text *t, uint32_t ns)
{
	text_puts(t, "+-");
	text_duration(t, ns);
}

/* How well it is known when the guest's events were. */
static void put_clock(struct text *t, const struct merge_guest *g)
{
	if (!g->timed) {
		text_puts(t, "when its events were is not known");
		return;
	}
	text_puts(t, "times to ");
	put_error(t, g->error_least);
	text_puts(t, " at best, ");
	put_error(t, g->error_most);
	text_puts(t, " at worst");
	if (g->untimed)
		text_add(t, ", of %" PRIu64 " not known", g->untimed);
	if (g->clock.steps)
		text_add(t, "; its clock was stopped or set %" PRIu64 " times", g->clock.steps);
}

void merge_put_guest(struct text *t, const struct merge_guest *g)
{
	text_add(t,
		 "%" PRIu64 " events; %u of %u devices are the host's; %" PRIu64 " of %" PRIu64
		 " chains were recorded by the host, too; ",
		 g->records, g->linked, g->devices, g->pairs.paired, g->pairs.chains[MERGE_GUEST]);
	put_clock(t, g);
	if (g->pairs.exchanges)
		text_add(t, "; it was asked for its time %" PRIu64 " times", g->pairs.exchanges);
	if (g->pairs.ptp)
		text_add(t, ", %" PRIu64 " of them with its PTP clock", g->pairs.ptp);
	if (g->pairs.ptp_wrong)
		text_add(t,
			 "; its PTP clock contradicted all else %" PRIu64
			 " times, and was not used then",
			 g->pairs.ptp_wrong);
}
