/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/stuck/calls.h"
#include "decoder/stuck/stuck.h"
#include "decoder/util/hash.h"
#include "decoder/util/json.h"

#define THREADS_MAX 1024

struct open_call {
	char function[48];
	uint64_t ts;
	uint16_t device;
};

/* The functions that a thread is in. */
struct thread {
	uint64_t key; /* source << 32 | tid */
	struct open_call open[STUCK_CALLS];
	unsigned depth; /* may be more than STUCK_CALLS */
	char access[96];
	UT_hash_handle hh;
};

struct stuck_calls {
	struct thread *threads;
};

struct stuck_calls *stuck_calls_new(void)
{
	return calloc(1, sizeof(struct stuck_calls));
}

void stuck_calls_free(struct stuck_calls *c)
{
	if (!c)
		return;
	hash_free(c->threads);
	free(c);
}

static void drop(struct stuck_calls *c, struct thread *t)
{
	HASH_DEL(c->threads, t);
	free(t);
}

/* The kernel was booted again, or a return may be lost: nothing is known of its threads. */
static void forget(struct stuck_calls *c, unsigned source)
{
	struct thread *t, *next;

	HASH_ITER (hh, c->threads, t, next)
		if (t->key >> 32 == source)
			drop(c, t);
}

static void name_of(const struct record *r, char out[48])
{
	size_t len;
	const char *text = record_text(r, &len);

	snprintf(out, 48, "%.*s", len < 47 ? (int)len : 47, text ? text : "");
}

static int enter(struct stuck_calls *c, struct thread *t, uint64_t key, const struct event *e)
{
	if (!t && HASH_COUNT(c->threads) >= THREADS_MAX)
		return 0;
	if (!t)
		hash_add_new(c->threads, key, key, t);
	if (!t)
		return -ENOMEM;
	if (t->depth < STUCK_CALLS) {
		struct open_call *o = &t->open[t->depth];

		name_of(e->rec, o->function);
		o->ts = e->ts;
		o->device = e->rec->h.device;
	}
	t->depth++;
	return 0;
}

/* A function returns, and so have all that it had called, even if that was not recorded. */
static void leave(struct stuck_calls *c, struct thread *t, const struct event *e)
{
	unsigned depth = t ? t->depth : 0;
	char name[48];

	if (!t)
		return;
	name_of(e->rec, name);
	if (depth <= STUCK_CALLS)
		while (depth && strcmp(t->open[depth - 1].function, name))
			depth--;
	if (!depth)
		return;
	t->depth = depth - 1;
	if (!t->depth)
		drop(c, t);
}

static void note_access(struct thread *t, const struct event *e)
{
	const struct vqt_reg *r = &e->rec->reg;

	if (t && e->field)
		snprintf(t->access, sizeof(t->access), "%s %s 0x%" PRIx64,
			 r->op == VQT_WRITE ? "wrote" : "read", e->field->name, r->value);
}

int stuck_calls_feed(struct stuck_calls *c, const struct event *e)
{
	const struct vqt_hdr *h = &e->rec->h;
	uint64_t key = (uint64_t)h->source << 32 | h->tid;
	struct thread *t;

	if (h->type == VQT_SOURCE || h->type == VQT_LOSS || e->gap)
		forget(c, h->source);
	if ((h->type != VQT_GUEST && h->type != VQT_REG) || !h->tid)
		return 0;
	HASH_FIND(hh, c->threads, &key, sizeof(key), t);
	if (h->type == VQT_REG) {
		note_access(t, e);
		return 0;
	}
	/* what runs in interrupts is on top of what a thread does, and not what it waits in */
	if (e->rec->guest.what != VQT_GUEST_LIFECYCLE && e->rec->guest.what != VQT_GUEST_CONFIG_OP)
		return 0;
	if (e->rec->guest.phase == VQT_GUEST_ENTRY)
		return enter(c, t, key, e);
	if (e->rec->guest.phase == VQT_GUEST_RETURN)
		leave(c, t, e);
	return 0;
}

static void put_functions(struct stuck_call *to, const struct thread *t, const struct model *m)
{
	for (unsigned i = 0; i < to->n; i++) {
		const struct model_device *d = model_device(m, t->open[i].device);

		memcpy(to->function[i], t->open[i].function, sizeof(to->function[i]));
		if (d)
			snprintf(to->device, sizeof(to->device), "%s", d->name);
	}
}

size_t stuck_calls_end(const struct stuck_calls *c, const struct model *m,
		       const uint64_t last_of[256], uint64_t end, struct stuck_call **calls)
{
	struct stuck_call *out = calloc(HASH_COUNT(c->threads) + 1, sizeof(*out));
	size_t n = 0;

	*calls = out;
	for (const struct thread *t = c->threads; out && t; t = t->hh.next) {
		unsigned named = t->depth < STUCK_CALLS ? t->depth : STUCK_CALLS;
		const struct open_call *last = &t->open[named - 1];
		struct stuck_call *to = &out[n];

		if (end < last->ts || end - last->ts < STUCK_WATCH_NS)
			continue;
		to->tid = (uint32_t)t->key;
		to->age = end - last->ts;
		to->silent = end - last_of[t->key >> 32 & 0xff];
		to->n = named;
		put_functions(to, t, m);
		snprintf(to->access, sizeof(to->access), "%s", t->access);
		n++;
	}
	return n;
}

void stuck_calls_print(FILE *to, const struct stuck_call *call, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		TEXT(t, 1024);

		for (unsigned k = 0; k < call[i].n; k++) {
			text_puts(&t, k ? " > " : "");
			text_untrusted(&t, call[i].function[k], strlen(call[i].function[k]));
			if (!call[i].function[k][0])
				text_puts(&t, "?");
		}
		fprintf(to, "%s%sa driver is in %s, for %.1f s", call[i].device,
			call[i].device[0] ? ": " : "", t.buf, (double)call[i].age / 1e9);
		fprintf(to, "%s%s", call[i].access[0] ? "; its last access " : "", call[i].access);
		if (call[i].silent >= STUCK_WATCH_NS)
			fprintf(to, "; nothing was recorded of its kernel in the last %.1f s",
				(double)call[i].silent / 1e9);
		fputc('\n', to);
	}
}

struct json_object *stuck_calls_json(const struct stuck_call *call, size_t n)
{
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < n; i++) {
		struct json_object *o = json_object_new_object();
		struct json_object *functions = json_object_new_array();

		if (call[i].device[0])
			json_put_str(o, "device", call[i].device);
		json_put_u64(o, "thread", call[i].tid);
		for (unsigned k = 0; k < call[i].n; k++)
			json_object_array_add(functions,
					      json_object_new_string(call[i].function[k]));
		json_object_object_add(o, "functions", functions);
		json_put_u64(o, "age_ns", call[i].age);
		json_put_u64(o, "silent_ns", call[i].silent);
		if (call[i].access[0])
			json_put_str(o, "access", call[i].access);
		json_object_array_add(list, o);
	}
	return list;
}
