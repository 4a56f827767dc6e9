/* SPDX-License-Identifier: MIT */
#include "decoder/model/model.h"
#include "decoder/util/text.h"
#include "emu/proxy/report.h"

static void report_rings(const struct source_request *r, const char *name,
			 const struct vhost_proxy_stats *v, bool passive)
{
	const struct snoop_stats *q = &v->rings;
	TEXT(t, 256);

	if (!passive)
		text_add(&t, ", %llu kicks, %llu calls", (unsigned long long)q->kicks,
			 (unsigned long long)q->calls);
	text_add(&t, "; of %llu chains ", (unsigned long long)q->chains);
	if (!passive)
		text_add(&t, "%llu seen late, ", (unsigned long long)q->late);
	source_say(r, SOURCE_INFO,
		   "%s: %llu front end%s, %llu messages%s%llu used before they could be read, %llu "
		   "without their status",
		   name, (unsigned long long)v->clients, v->clients == 1 ? "" : "s",
		   (unsigned long long)v->messages, t.buf, (unsigned long long)q->unread,
		   (unsigned long long)q->unsure);
}

static void report_lost(const struct source_request *r, const char *name,
			const struct snoop_stats *q, bool passive)
{
	TEXT(lost, 64);

	if (!q->lost && !q->lost_more)
		return;
	model_put_lost(&lost, (struct model_loss){ q->lost, q->lost_more != 0 }, "chains");
	source_say(r, SOURCE_WARNING, "%s: %s were gone before they could be read: %s", name,
		   lost.buf,
		   passive ? "this process got too little processor time"
			   : "both sides poll, and this process got no processor time");
}

void proxy_report(const struct source_request *r, const char *name,
		  const struct vhost_proxy_stats *v, bool passive)
{
	report_rings(r, name, v, passive);
	if (v->unknown)
		source_say(r, SOURCE_WARNING,
			   "%s: %llu messages of unknown kinds were handed on unchanged", name,
			   (unsigned long long)v->unknown);
	report_lost(r, name, &v->rings, passive);
}
