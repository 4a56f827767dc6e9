/* SPDX-License-Identifier: MIT */
#include <inttypes.h>

#include "decoder/requests/life.h"

/* The parts of a life that have a column: from one point to another, over those between. */
static const struct column {
	enum life_point from, to;
} columns[] = {
	{ LIFE_MADE, LIFE_ADDING }, /* blk-mq */
	{ LIFE_ADDING, LIFE_ADDED }, /* add */
	{ LIFE_ADDED, LIFE_POPPED }, /* >pop */
	{ LIFE_POPPED, LIFE_PUSHED }, /* device */
	{ LIFE_PUSHED, LIFE_TAKEN }, /* >take */
	{ LIFE_TAKEN, LIFE_COMPLETED }, /* done */
};

const char *const life_heading =
	"descs    blk-mq       add      >pop    device     >take      done      "
	"+-    result";

const char *life_device(const struct model_life *l)
{
	return (l->device ? l->device : l->driver)->name;
}

uint64_t life_begin(const struct model_life *l)
{
	for (unsigned p = 0; p < LIFE_POINTS; p++)
		if (l->at[p])
			return l->at[p];
	return 0;
}

static const struct class *class_of(const struct model_life *l)
{
	return l->device ? l->device->class : l->driver->class;
}

void life_put_request(struct text *t, const struct model_life *l)
{
	char what[96];

	class_describe(class_of(l), &l->io, what, sizeof(what));
	text_puts(t, what);
}

static void put_span(struct text *t, uint64_t from, uint64_t to)
{
	TEXT(d, 24);

	if (from && to)
		text_duration(&d, to > from ? to - from : 0);
	else
		text_puts(&d, "-");
	text_add(t, " %9s", d.buf);
}

void life_put_times(struct text *t, const struct model_life *l)
{
	TEXT(error, 24);
	char result[24] = "";

	text_add(t, "%5u", l->ndesc);
	for (unsigned i = 0; i < sizeof(columns) / sizeof(columns[0]); i++)
		put_span(t, l->at[columns[i].from], l->at[columns[i].to]);
	if (l->error == VQT_CLOCK_UNKNOWN)
		text_puts(&error, "unknown");
	else if (!l->device || !l->driver)
		text_puts(&error, "-");
	else
		text_duration(&error, l->error);
	text_add(t, " %9s ", error.buf);
	class_result(class_of(l), &l->io, result, sizeof(result));
	text_add(t, "%s len %u", result, l->io.used_len);
	if (l->at[LIFE_SUBMITTED] && l->at[LIFE_ANSWERED] >= l->at[LIFE_SUBMITTED]) {
		text_puts(t, ", ");
		text_duration(t, l->at[LIFE_ANSWERED] - l->at[LIFE_SUBMITTED]);
		text_puts(t, " in the back end");
	}
	if (l->other_recorded)
		text_add(t, ", not recorded by the %s's side", l->device ? "driver" : "device");
}

static void json_points(FILE *to, const struct model_life *l)
{
	const char *before = "";

	fprintf(to, ",\"points\":{");
	for (unsigned p = 0; p < LIFE_POINTS; p++) {
		if (!l->at[p])
			continue;
		fprintf(to, "%s\"%s\":%" PRIu64, before, life_point_name(p), l->at[p]);
		before = ",";
	}
	fprintf(to, "}");
}

static void json_spans(FILE *to, const struct model_life *l)
{
	struct life_span s[LIFE_POINTS];
	unsigned n = life_spans(l, s);

	fprintf(to, ",\"until\":{");
	for (unsigned i = 0; i < n; i++)
		fprintf(to, "%s\"%s\":%" PRIu64, i ? "," : "", life_point_name(s[i].to), s[i].ns);
	fprintf(to, "}");
}

void life_print_json(FILE *to, const struct model_life *l)
{
	char result[24] = "";

	class_result(class_of(l), &l->io, result, sizeof(result));
	fprintf(to, "{\"number\":%" PRIu64 ",\"device\":\"%s\",\"queue\":%u,\"head\":%u", l->number,
		life_device(l), l->queue, l->head);
	if (l->io.type)
		fprintf(to, ",\"type\":\"%s\"", l->io.type->json);
	if (l->io.typed)
		fprintf(to, ",\"sector\":%" PRIu64, l->io.sector);
	fprintf(to, ",\"bytes\":%" PRIu64 ",\"descriptors\":%u", l->io.bytes, l->ndesc);
	if (l->rq)
		fprintf(to, ",\"tag\":%d", l->tag);
	fprintf(to, ",\"sides\":\"%s\"", !l->device ? "driver" : !l->driver ? "device" : "both");
	if (l->device && l->driver && l->error == VQT_CLOCK_UNKNOWN)
		fprintf(to, ",\"error\":null");
	else if (l->device && l->driver)
		fprintf(to, ",\"error\":%u", l->error);
	json_points(to, l);
	json_spans(to, l);
	fprintf(to, ",\"status\":\"%s\",\"len\":%u,\"state\":\"used\"}\n", result, l->io.used_len);
}
