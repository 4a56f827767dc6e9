/* SPDX-License-Identifier: MIT */
/* Each report names the section for the transport, and the interface, of the device it is about. */
#include <stdlib.h>

#include "decoder/check/report/recent.h"
#include "decoder/check/report/report.h"
#include "decoder/check/report/rules.h"
#include "tests/unit/conversation.h"
#include "tests/unit/tap.h"

#define MMIO_UP \
	"read mmio.MagicValue 0x74726976; read mmio.Version 2; write mmio.Status 0; " \
	"read mmio.Status 0; write mmio.Status 1; write mmio.Status 3; " \
	"write mmio.DeviceFeaturesSel 0; read mmio.DeviceFeatures 0x30006a46; " \
	"write mmio.DeviceFeaturesSel 1; read mmio.DeviceFeatures 1; " \
	"write mmio.DriverFeaturesSel 0; write mmio.DriverFeatures 0x10006a46; " \
	"write mmio.DriverFeaturesSel 1; write mmio.DriverFeatures 1; write mmio.Status 11; " \
	"read mmio.Status 11; write mmio.Status 15; avail; kick width 4"
/* kick-not-enabled, on each. */
#define MODERN "negotiate; driver-ok; avail; kick width 2"
#define MMIO "device blk mmio; " MMIO_UP
#define UNSAID "device blk unknown; " MMIO_UP
#define LEGACY "up-legacy; write legacy.queue_address 0; avail; kick width 2"

struct reports {
	struct report *report;
	struct recent *recent;
	const char *section; /* of kick-not-enabled */
};

static void found(void *opaque, const struct conversation *s, const struct finding *f)
{
	struct reports *r = opaque;

	if (strcmp(f->rule->id, "kick-not-enabled"))
		return;
	r->section = f->section;
	report_finding(r->report, f, s->t.model, r->recent);
}

/* The report of a conversation, without the list of all rules before it.  The caller frees it. */
static char *reported(const char *words, enum report_format format, const char **section)
{
	static struct conversation s;
	struct report_options o = { .format = format, .trace = "t", .severity = CHECK_SUSPICIOUS };
	struct reports r = { 0 };
	char *text = NULL;
	size_t len;

	o.to = open_memstream(&text, &len);
	r.recent = recent_new();
	CHECK(o.to && r.recent && !report_new(&r.report, &o));
	memset(&s, 0, sizeof(s));
	s.hook = found;
	s.opaque = &r;
	conversation_begin(&s, "kick-not-enabled");
	conversation_run(&s, words);
	CHECK(!s.error);
	check_finish(s.c, s.t.model);
	CHECK(!report_end(r.report, s.c, s.t.model, 1));
	report_free(r.report);
	recent_free(r.recent);
	conversation_end(&s);
	fclose(o.to);
	*section = r.section;
	return text;
}

static void findings(void)
{
	static const struct {
		const char *words, *section;
	} row[] = {
		{ MODERN, "4.1.4.4" },
		{ MMIO, "4.2.3.3" },
		{ UNSAID, "4.2.3.3" },
		{ LEGACY, "4.1.4.10" },
	};
	static const struct {
		enum report_format format;
		const char *form;
	} forms[] = {
		{ REPORT_TEXT, "virtio 1.4, %s; I17" },
		{ REPORT_JSON, "\"section\":\"%s\"" },
		{ REPORT_JUNIT, "broken 1 times; virtio 1.4, %s; I17" },
	};

	for (unsigned i = 0; i < sizeof(row) / sizeof(row[0]); i++)
		for (unsigned n = 0; n < sizeof(forms) / sizeof(forms[0]); n++) {
			const char *section = NULL;
			char *text = reported(row[i].words, forms[n].format, &section), want[80];

			snprintf(want, sizeof(want), forms[n].form, row[i].section);
			CHECK_STR(section ? section : "", row[i].section);
			CHECK(strstr(text, want));
			free(text);
		}
}

/* Of one rule, broken on two transports. */
static void both(void)
{
	const char *section = NULL;
	char *text = reported(MODERN "; " MMIO, REPORT_JUNIT, &section);

	CHECK(strstr(text, "broken 2 times; virtio 1.4, 4.1.4.4, 4.2.3.3; I17"));
	free(text);
}

/* Where a rule stands by itself all its sections are named. */
static void rules(void)
{
	const struct rule *r = rule_by_id("kick-not-enabled");
	struct check *c;
	char *text = NULL;
	size_t len;
	FILE *to = open_memstream(&text, &len);

	CHECK(to && !check_new(&c, "kick-not-enabled", NULL, NULL, NULL));
	check_list(to, c, true, 0);
	check_explain(to, r, NULL, true);
	fclose(to);
	check_free(c);
	CHECK(strstr(text, "\"section\":\"4.1.4.4\",\"section_mmio\":\"4.2.3.3\","
			   "\"section_legacy\":\"4.1.4.10\""));
	CHECK(strstr(text, "virtio 1.4, 4.1.4.4, of virtio-mmio 4.2.3.3, of the legacy interface "
			   "4.1.4.10; I17"));
	free(text);
}

static const struct tap_test tests[] = {
	{ "findings", findings },
	{ "findings of one rule on two transports", both },
	{ "rules", rules },
};

TAP_MAIN(tests)
