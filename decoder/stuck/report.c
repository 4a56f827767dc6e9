/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "decoder/stuck/report.h"
#include "decoder/util/json.h"

static bool quiet(const struct stuck_row *r)
{
	return r->verdict == STUCK_IDLE || r->verdict == STUCK_UNUSED;
}

static void device_name(const struct stuck_row *r, struct text *to)
{
	text_untrusted(to, r->device, strlen(r->device));
	if (!r->id[0])
		return;
	text_puts(to, " (");
	text_untrusted(to, r->id, strlen(r->id));
	text_puts(to, ")");
}

static void print_request(FILE *to, const struct stuck_request *q)
{
	TEXT(text, 512);

	text_untrusted(&text, q->text, strlen(q->text));
	fprintf(to, "    head %u%s%s%s", q->head, q->sure ? "" : " (likely)", text.len ? ": " : "",
		text.buf);
	if (q->age)
		fprintf(to, ", for %s%.1f s", q->older ? "at least " : "", (double)q->age / 1e9);
	fputc('\n', to);
}

static const char *label(enum stuck_verdict v)
{
	return stuck_is(v)	  ? "STUCK: "
	       : v == STUCK_SLOW  ? "slow: "
	       : v == STUCK_MOVES ? "moves: "
				  : "";
}

static void print_row(FILE *to, const struct stuck_row *r)
{
	TEXT(name, 512);
	TEXT(words, 512);
	TEXT(proof, 1024);

	device_name(r, &name);
	stuck_say(&r->facts, r->verdict, &words);
	stuck_prove(&r->facts, r->verdict, &proof);
	fprintf(to, "%s queue %u %s: %s%s\n", name.buf, r->queue, r->name, label(r->verdict),
		words.buf);
	if (stuck_is(r->verdict))
		fprintf(to, "    to act next: the %s\n", stuck_actor(&r->facts, r->verdict));
	if (proof.len)
		fprintf(to, "    proof: %s\n", proof.buf);
	for (size_t i = 0; i < r->nrequests; i++)
		print_request(to, &r->request[i]);
	if (r->nrequests && r->facts.flight > (int32_t)r->nrequests)
		fprintf(to, "    and %d more\n", r->facts.flight - (int32_t)r->nrequests);
}

/* The queues of a device in which nothing is outstanding, in one line. */
static void print_quiet(FILE *to, const struct stuck_row *first, size_t n)
{
	size_t idle = 0, unused = 0, unseen = 0;
	TEXT(name, 512);

	for (size_t i = 0; i < n; i++) {
		idle += first[i].verdict == STUCK_IDLE;
		unused += first[i].verdict == STUCK_UNUSED;
		unseen += first[i].verdict == STUCK_IDLE && stuck_unseen(&first[i].facts);
	}
	device_name(first, &name);
	if (unused == n)
		fprintf(to, "%s: the driver does not use the device\n", name.buf);
	else if (idle)
		fprintf(to, "%s: %s%zu queue%s: nothing is outstanding%s\n", name.buf,
			idle == n ? "" : "the other ", idle, idle == 1 ? "" : "s",
			unseen ? " at the device (what the driver has taken cannot be seen)" : "");
}

void stuck_print(FILE *to, const struct stuck_row *row, size_t n, bool all)
{
	for (size_t i = 0, end; i < n; i = end) {
		for (end = i; end < n && !strcmp(row[end].device, row[i].device); end++)
			if (all || !quiet(&row[end]))
				print_row(to, &row[end]);
		if (!all)
			print_quiet(to, &row[i], end - i);
	}
}

size_t stuck_count(const struct stuck_row *row, size_t n)
{
	size_t stuck = 0;

	for (size_t i = 0; i < n; i++)
		stuck += stuck_is(row[i].verdict);
	return stuck;
}

/* --- JSON ---------------------------------------------------------------------------- */

static void put_count(struct json_object *o, const char *key, int32_t n)
{
	if (n >= 0)
		json_put_u64(o, key, (uint64_t)n);
	else
		json_object_object_add(o, key, NULL);
}

static void put_fact(struct json_object *o, const char *key, enum stuck_fact f)
{
	json_object_object_add(o, key,
			       f == STUCK_UNKNOWN ? NULL : json_object_new_boolean(f == STUCK_YES));
}

static struct json_object *facts_json(const struct stuck_facts *f)
{
	struct json_object *o = json_object_new_object();

	put_count(o, "waiting", f->waiting);
	put_count(o, "in_flight", f->flight);
	put_count(o, "not_published", f->unpublished);
	put_count(o, "not_reaped", f->unreaped);
	json_object_object_add(o, "posted", json_object_new_boolean(f->posted));
	json_object_object_add(o, "served_elsewhere", json_object_new_boolean(f->elsewhere));
	for (const struct stuck_named *n = stuck_named; n->key; n++)
		put_fact(o, n->key, stuck_fact_of(n, f));
	if (f->kick_fd)
		json_put_u64(o, "kick_eventfd", (uint64_t)f->kick_fd);
	if (f->irq_fd)
		json_put_u64(o, "interrupt_eventfd", (uint64_t)f->irq_fd);
	json_put_u64(o, "watched_ns", f->watched);
	json_put_u64(o, "completed", f->completed);
	return o;
}

struct json_object *stuck_json(const struct stuck_row *r)
{
	struct json_object *o = json_object_new_object(), *list = json_object_new_array();
	TEXT(words, 512);
	TEXT(proof, 1024);

	stuck_say(&r->facts, r->verdict, &words);
	stuck_prove(&r->facts, r->verdict, &proof);
	json_put_str(o, "device", r->device);
	if (r->id[0])
		json_put_str(o, "id", r->id);
	json_put_str(o, "type", r->type);
	json_put_u64(o, "queue", r->queue);
	json_put_str(o, "name", r->name);
	json_put_str(o, "verdict", stuck_name(r->verdict));
	json_object_object_add(o, "stuck", json_object_new_boolean(stuck_is(r->verdict)));
	if (stuck_actor(&r->facts, r->verdict)[0])
		json_put_str(o, "next", stuck_actor(&r->facts, r->verdict));
	json_put_str(o, "words", words.buf);
	json_put_str(o, "proof", proof.buf);
	for (size_t i = 0; i < r->nrequests; i++) {
		struct json_object *q = json_object_new_object();

		json_put_u64(q, "head", r->request[i].head);
		json_object_object_add(q, "sure", json_object_new_boolean(r->request[i].sure));
		if (r->request[i].age)
			json_put_u64(q, r->request[i].older ? "age_ns_at_least" : "age_ns",
				     r->request[i].age);
		json_put_str(q, "request", r->request[i].text);
		json_object_array_add(list, q);
	}
	json_object_object_add(o, "requests", list);
	json_object_object_add(o, "facts", facts_json(&r->facts));
	return o;
}
