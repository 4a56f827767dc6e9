/* SPDX-License-Identifier: MIT */
/* Findings for programs: JSON lines, and SARIF 2.1.0 for whoever shows code scanning results. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/check/report/impl.h"
#include "decoder/check/report/rules.h"
#include "decoder/util/json.h"

#define FLAGS (JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE)

static void put(struct json_object *o, const char *key, struct json_object *value)
{
	json_object_object_add(o, key, value);
}

static void print(struct report *r, struct json_object *o, const char *end)
{
	json_write(r->o.to, o, FLAGS, end);
	json_object_put(o);
}

/* --- JSON lines ------------------------------------------------------------- */

static struct json_object *before(const struct finding *f, const struct report_context *x)
{
	struct json_object *list = json_object_new_array();

	for (unsigned i = 0; i < x->n; i++) {
		struct json_object *o = json_object_new_object();

		json_put_u64(o, "number", x->line[i].number);
		if (x->line[i].what)
			put(o, "what", json_object_new_string(x->line[i].what));
		if (x->line[i].text)
			put(o, "text", json_object_new_string(x->line[i].text));
		json_object_array_add(list, o);
	}
	return list;
}

static void json_finding(struct report *r, const struct finding *f, const struct report_context *x)
{
	struct json_object *o = json_object_new_object();

	put(o, "type", json_object_new_string("finding"));
	json_put_u64(o, "number", f->number);
	json_put_u64(o, "ts", f->ts);
	json_put_u64(o, "since", f->since);
	put(o, "device", json_object_new_string(f->device->name));
	if (f->queue != VQT_NO_QUEUE)
		json_put_u64(o, "queue", f->queue);
	check_rule_json(o, f->rule, f->section);
	json_put_u64(o, "nth", f->nth);
	put(o, "seen", json_object_new_string(f->seen));
	put(o, "events", before(f, x));
	print(r, o, "\n");
}

static void json_rules(struct report *r, const struct check *c)
{
	const struct rule *rule;
	struct check_tally t;

	for (unsigned i = 0; (rule = report_rule(c, &i, &t));) {
		struct json_object *o = json_object_new_object();

		put(o, "type", json_object_new_string("rule"));
		check_rule_json(o, rule, NULL);
		put(o, "state", json_object_new_string(report_states[report_state(&t)]));
		json_put_u64(o, "broken", t.broken);
		json_put_u64(o, "passed", t.passed);
		json_put_u64(o, "undecided", t.blocked);
		if (t.why)
			put(o, "why", json_object_new_string(t.why));
		print(r, o, "\n");
	}
}

/* Of each party, whether anything was: if not, that there are no findings says nothing. */
static struct json_object *decided(const struct check *c)
{
	struct json_object *o = json_object_new_object();

	for (unsigned p = 0; p < CHECK_PARTIES; p++)
		put(o, check_party_name(p), json_object_new_boolean(!report_undecided(c, p)));
	return o;
}

static void json_contradiction(struct report *r, const struct sides_contradiction *c)
{
	struct json_object *o = json_object_new_object();

	put(o, "type", json_object_new_string("contradiction"));
	put(o, "what", json_object_new_string(sides_key(c->what)));
	put(o, "device", json_object_new_string(c->device->name));
	if (c->queue != VQT_NO_QUEUE)
		json_put_u64(o, "queue", c->queue);
	json_put_u64(o, "driver_event", c->driver);
	put(o, "device_event", c->host ? json_object_new_int64((int64_t)c->host) : NULL);
	json_put_u64(o, "since", c->since);
	put(o, "text", json_object_new_string(c->text));
	print(r, o, "\n");
}

/* What was compared of both sides; null where no device has both. */
static struct json_object *json_sides(const struct report *r)
{
	struct json_object *all = r->sides ? json_object_new_object() : NULL;

	for (unsigned i = 0; r->sides && i < SIDES_WHATS; i++) {
		struct json_object *o = json_object_new_object();

		json_put_u64(o, "agree", r->sides[i].agree);
		json_put_u64(o, "differ", r->sides[i].differ);
		json_put_u64(o, "missing", r->sides[i].missing);
		json_put_u64(o, "unknown", r->sides[i].unknown);
		put(all, sides_key(i), o);
	}
	return all;
}

static void json_end(struct report *r, const struct check *c, const struct model *m,
		     uint64_t events)
{
	struct json_object *o = json_object_new_object();

	json_rules(r, c);
	put(o, "type", json_object_new_string("summary"));
	put(o, "trace", json_object_new_string(r->o.trace));
	json_put_u64(o, "events", events);
	json_put_least(o, "lost", model_lost(m).records, model_lost(m).more);
	put(o, "severity", json_object_new_string(check_severity_name(r->o.severity)));
	json_put_u64(o, "findings", r->shown);
	json_put_u64(o, "less_severe", r->hidden);
	for (unsigned p = 0; p < CHECK_PARTIES; p++) {
		struct json_object *by = json_object_new_object();

		for (unsigned s = 0; s < CHECK_SEVERITIES; s++)
			json_put_u64(by, check_severity_name(s), r->by[p][s]);
		put(o, check_party_name(p), by);
	}
	put(o, "decided", decided(c));
	put(o, "sides", json_sides(r));
	print(r, o, "\n");
}

const struct report_ops report_json = {
	.finding = json_finding,
	.contradiction = json_contradiction,
	.end = json_end,
};

/* --- SARIF ------------------------------------------------------------------ */

static const char *level(unsigned severity)
{
	return severity <= CHECK_STRUCTURAL ? "error"
	       : severity == CHECK_SHOULD   ? "warning"
					    : "note";
}

static struct json_object *message(struct json_object *text)
{
	struct json_object *o = json_object_new_object();

	put(o, "text", text);
	return o;
}

static struct json_object *sarif_rule(const struct rule *rule)
{
	struct json_object *o = json_object_new_object(), *config = json_object_new_object();
	struct json_object *properties = json_object_new_object();
	char page[2048];

	put(o, "id", json_object_new_string(rule->id));
	put(o, "shortDescription", message(json_object_new_string(rule->text)));
	snprintf(page, sizeof(page), "%s\n%s", rule->text, rule_explanation(rule)->why);
	put(o, "fullDescription", message(json_object_new_string(page)));
	snprintf(page, sizeof(page), "Right:\n%s\nWrong:\n%s\nvqtrace check --explain %s",
		 rule_explanation(rule)->right, rule->wrong, rule->id);
	put(o, "help", message(json_object_new_string(page)));
	put(config, "level", json_object_new_string(level(rule->severity)));
	put(o, "defaultConfiguration", config);
	check_rule_json(properties, rule, NULL);
	put(o, "properties", properties);
	return o;
}

static void sarif_begin(struct report *r)
{
	const struct rule *rule;

	fputs("{\"version\":\"2.1.0\",\"$schema\":\"https://json.schemastore.org/sarif-2.1.0.json\",\n"
	      "\"runs\":[{\"tool\":{\"driver\":{\"name\":\"vqtrace\",\"version\":\"" VQTRACE_VERSION
	      "\",\n"
	      "\"rules\":[",
	      r->o.to);
	for (unsigned i = 0; (rule = rule_nth(i)); i++) {
		fputs(i ? ",\n" : "\n", r->o.to);
		print(r, sarif_rule(rule), "");
	}
	fputs("]}},\n\"columnKind\":\"unicodeCodePoints\",\n\"results\":[", r->o.to);
}

/* The name of a file as a URI reference (RFC 3986): what may stand stands, the rest is %XX. */
static struct json_object *uri(const char *path)
{
	TEXT(t, 2048);

	for (const unsigned char *p = (const unsigned char *)path; *p; p++)
		if (((*p | 0x20) >= 'a' && (*p | 0x20) <= 'z') || strchr("0123456789-._~/", *p))
			text_add(&t, "%c", *p);
		else
			text_add(&t, "%%%02X", *p);
	return json_object_new_string(t.buf);
}

/* A trace has packets where code has lines: the event is named in the place and in properties. */
static struct json_object *location(struct report *r, const struct finding *f, uint64_t number,
				    const char *text)
{
	struct json_object *o = json_object_new_object(), *physical = json_object_new_object();
	struct json_object *artifact = json_object_new_object(), *list = json_object_new_array();
	struct json_object *device = json_object_new_object(),
			   *properties = json_object_new_object();
	char name[96];

	put(artifact, "uri", uri(r->o.trace));
	put(physical, "artifactLocation", artifact);
	put(o, "physicalLocation", physical);
	put(device, "name", json_object_new_string(f->device->name));
	if (f->queue != VQT_NO_QUEUE)
		snprintf(name, sizeof(name), "%s/queue %u/event %" PRIu64, f->device->name,
			 f->queue, number);
	else
		snprintf(name, sizeof(name), "%s/event %" PRIu64, f->device->name, number);
	put(device, "fullyQualifiedName", json_object_new_string(name));
	json_object_array_add(list, device);
	put(o, "logicalLocations", list);
	if (text)
		put(o, "message", message(json_object_new_string(text)));
	json_put_u64(properties, "eventNumber", number);
	put(o, "properties", properties);
	return o;
}

static void sarif_finding(struct report *r, const struct finding *f, const struct report_context *x)
{
	struct json_object *o = json_object_new_object(), *list = json_object_new_array();
	struct json_object *properties = json_object_new_object();
	struct json_object *related = json_object_new_array();
	char text[1400];

	report_comment(text, sizeof(text), f);
	put(o, "ruleId", json_object_new_string(f->rule->id));
	put(o, "level", json_object_new_string(level(f->rule->severity)));
	put(o, "message", message(json_object_new_string(text)));
	json_object_array_add(list, location(r, f, f->number, NULL));
	put(o, "locations", list);
	for (unsigned i = 0; i + 1 < x->n; i++)
		json_object_array_add(
			related, location(r, f, x->line[i].number,
					  x->line[i].text ? x->line[i].text : x->line[i].what));
	put(o, "relatedLocations", related);
	json_put_u64(properties, "eventNumber", f->number);
	json_put_u64(properties, "ts", f->ts);
	put(properties, "device", json_object_new_string(f->device->name));
	if (f->queue != VQT_NO_QUEUE)
		json_put_u64(properties, "queue", f->queue);
	json_put_u64(properties, "nth", f->nth);
	put(o, "properties", properties);
	fputs(r->printed ? ",\n" : "\n", r->o.to);
	print(r, o, "");
}

/* No results from a party of which nothing was decided are no good news. */
static void sarif_undecided(struct json_object *list, const struct check *c)
{
	char text[96];

	for (unsigned p = 0; p < CHECK_PARTIES; p++) {
		struct json_object *o;

		if (!report_undecided(c, p))
			continue;
		o = json_object_new_object();
		snprintf(text, sizeof(text), "nothing was decidable of the %s",
			 check_party_name(p));
		put(o, "level", json_object_new_string("warning"));
		put(o, "message", message(json_object_new_string(text)));
		json_object_array_add(list, o);
	}
}

/* Rules that could not be decided are notifications; left out, they would look passed. */
static void sarif_end(struct report *r, const struct check *c, const struct model *m,
		      uint64_t events)
{
	struct json_object *list = json_object_new_array(), *properties;
	const struct rule *rule;
	struct check_tally t;
	char text[256];

	if (*r->trouble) {
		struct json_object *o = json_object_new_object();

		put(o, "level", json_object_new_string("error"));
		put(o, "message", message(json_object_new_string(r->trouble)));
		json_object_array_add(list, o);
	}
	sarif_undecided(list, c);
	for (unsigned i = 0; (rule = report_rule(c, &i, &t));) {
		struct json_object *o, *id;

		if (report_state(&t) != STATE_UNDECIDED)
			continue;
		o = json_object_new_object();
		id = json_object_new_object();
		put(id, "id", json_object_new_string(rule->id));
		put(o, "associatedRule", id);
		put(o, "level", json_object_new_string("note"));
		snprintf(text, sizeof(text), "not decidable here: %s", t.why);
		put(o, "message", message(json_object_new_string(text)));
		json_object_array_add(list, o);
	}
	fprintf(r->o.to,
		"],\n\"invocations\":[{\"executionSuccessful\":%s,\n\"toolExecutionNotifications\":",
		*r->trouble ? "false" : "true");
	print(r, list, "}],\n");
	properties = json_object_new_object();
	json_put_u64(properties, "events", events);
	json_put_least(properties, "lost", model_lost(m).records, model_lost(m).more);
	fputs("\"properties\":", r->o.to);
	print(r, properties, "}]}\n");
}

const struct report_ops report_sarif = {
	.begin = sarif_begin,
	.finding = sarif_finding,
	.end = sarif_end,
};
