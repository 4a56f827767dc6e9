/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/print/lifecycle.h"
#include "decoder/print/line.h"
#include "decoder/trace/guest.h"
#include "decoder/util/array.h"
#include "decoder/util/hash.h"
#include "decoder/util/json.h"

#define NODES_MAX 4096 /* of a tree; what is beyond is counted */
#define DEPTH_MAX 32
#define THREADS_MAX 256

/* A call, or something that happened in one. */
struct node {
	uint64_t ts, end; /* ns since the first event; end 0: no call, or it has not returned */
	uint16_t depth;
	bool call;
	char device[40];
	char *text;
};

struct thread {
	uint64_t key; /* source << 32 | tid */
	struct node *node;
	size_t n, cap;
	struct call {
		size_t node; /* SIZE_MAX: it has none */
		uint64_t function; /* hash of its name */
	} open[DEPTH_MAX]; /* that have not returned */
	unsigned depth; /* may be more than DEPTH_MAX */
	uint64_t left_out;
	UT_hash_handle hh;
};

struct lifecycle_print {
	FILE *to;
	bool json, ascii, headed;
	struct thread *threads;
};

struct lifecycle_print *lifecycle_print_new(FILE *to, bool json, bool ascii)
{
	struct lifecycle_print *p = calloc(1, sizeof(*p));

	if (p) {
		p->to = to;
		p->json = json;
		p->ascii = ascii;
	}
	return p;
}

static void clear(struct thread *t)
{
	for (size_t i = 0; i < t->n; i++)
		free(t->node[i].text);
	t->n = 0;
	t->left_out = 0;
}

void lifecycle_print_free(struct lifecycle_print *p)
{
	struct thread *t, *next;

	if (!p)
		return;
	HASH_ITER (hh, p->threads, t, next) {
		HASH_DEL(p->threads, t);
		clear(t);
		free(t->node);
		free(t);
	}
	free(p);
}

/* --- printing -------------------------------------------------------------------------------- */

static void put_line(struct lifecycle_print *p, const struct node *n)
{
	TEXT(took, 24);
	TEXT(line, 64);

	if (!p->headed)
		fprintf(p->to, "%12s %9s %-14s what\n", "time", "took", "device");
	p->headed = true;
	if (n->end)
		text_duration(&took, n->end - n->ts);
	else if (n->call)
		text_puts(&took, "not over");
	text_add(&line, "%5" PRIu64 ".%06" PRIu64 " %9s %-14s ", n->ts / 1000000000,
		 n->ts % 1000000000 / 1000, took.buf, n->device);
	fprintf(p->to, "%s%*s%s\n", line.buf, 2 * (n->depth < DEPTH_MAX ? n->depth : DEPTH_MAX), "",
		n->text);
}

static struct json_object *node_json(const struct node *n)
{
	struct json_object *o = json_object_new_object();

	json_put_u64(o, "since", n->ts);
	if (n->call && n->end)
		json_put_u64(o, "took", n->end - n->ts);
	if (n->device[0])
		json_put_str(o, "device", n->device);
	json_put_str(o, "what", n->text);
	return o;
}

/* The node at *at and all that is in it; *at becomes the one after these. */
static struct json_object *tree_json(const struct thread *t, size_t *at)
{
	const struct node *n = &t->node[(*at)++];
	struct json_object *o = node_json(n), *list = NULL;

	while (*at < t->n && t->node[*at].depth > n->depth && n->depth < DEPTH_MAX) {
		if (!list)
			list = json_object_new_array();
		json_object_array_add(list, tree_json(t, at));
	}
	if (list)
		json_object_object_add(o, "inside", list);
	return o;
}

static void put_tree(struct lifecycle_print *p, struct thread *t)
{
	for (size_t i = 0; p->json && i < t->n;) {
		struct json_object *o = tree_json(t, &i);

		if (t->left_out && i == t->n)
			json_put_u64(o, "left_out", t->left_out);
		json_print(p->to, o, JSON_C_TO_STRING_NOSLASHESCAPE);
	}
	for (size_t i = 0; !p->json && i < t->n; i++)
		put_line(p, &t->node[i]);
	if (t->left_out && !p->json)
		fprintf(p->to, "%37s  and %" PRIu64 " more\n", "", t->left_out);
	clear(t);
}

void lifecycle_print_finish(struct lifecycle_print *p)
{
	for (struct thread *t = p->threads; t; t = t->hh.next)
		put_tree(p, t);
}

/* --- observing ------------------------------------------------------------------------------- */

static struct thread *thread_of(struct lifecycle_print *p, const struct event *e, bool make)
{
	uint64_t key = (uint64_t)e->rec->h.source << 32 | e->rec->h.tid;
	struct thread *t;

	HASH_FIND(hh, p->threads, &key, sizeof(key), t);
	if (t || !make)
		return t;
	if (HASH_COUNT(p->threads) >= THREADS_MAX) { /* threads end, and their numbers return */
		t = p->threads;
		put_tree(p, t);
		HASH_DEL(p->threads, t);
		free(t->node);
		free(t);
	}
	hash_add_new(p->threads, key, key, t);
	return t;
}

static char *meaning(const struct lifecycle_print *p, const struct event *e)
{
	TEXT(t, 1024);

	print_meaning(&t, e, p->ascii);
	return strdup(t.buf);
}

/* Add a node; it is in the calls that are open.  0 or -ENOMEM. */
static int add(const struct lifecycle_print *p, struct thread *t, const struct event *e, bool call)
{
	struct node *n;

	if (t->n >= NODES_MAX) {
		t->left_out++;
		return 0;
	}
	if (!array_room(t->node, t->cap, t->n + 1))
		return -ENOMEM;
	n = &t->node[t->n];
	*n = (struct node){ .ts = e->since, .depth = (uint16_t)t->depth, .call = call };
	n->text = meaning(p, e);
	if (!n->text)
		return -ENOMEM;
	if (e->dev)
		memcpy(n->device, e->dev->name, sizeof(n->device));
	t->n++;
	return 0;
}

static uint64_t function_of(const struct event *e)
{
	size_t len;
	const char *name = record_text(e->rec, &len);
	uint64_t h = e->rec->guest.what;

	for (size_t i = 0; i < len; i++)
		h = hash_mix(h, (uint8_t)name[i]);
	return h;
}

static int enter(const struct lifecycle_print *p, struct thread *t, const struct event *e,
		 bool selected)
{
	size_t before = t->n;
	int rc = selected ? add(p, t, e, true) : 0;

	if (t->depth < DEPTH_MAX)
		t->open[t->depth] =
			(struct call){ t->n > before ? before : SIZE_MAX, function_of(e) };
	t->depth++;
	return rc;
}

/* What it returned stands in the line of the call. */
static int note_result(const struct lifecycle_print *p, struct node *n, const struct event *e)
{
	char *text = meaning(p, e), *result = text ? strstr(text, " returns") : NULL, *both;

	n->end = e->since > n->ts ? e->since : n->ts + 1;
	if (e->dev) /* which device it is may have become known in between */
		memcpy(n->device, e->dev->name, sizeof(n->device));
	if (!text)
		return -ENOMEM;
	if (result && strlen(result) > strlen(" returns ")) {
		both = NULL;
		if (asprintf(&both, "%s =%s", n->text, result + strlen(" returns")) < 0) {
			free(text);
			return -ENOMEM;
		}
		free(n->text);
		n->text = both;
	}
	free(text);
	return 0;
}

/* The innermost call of the function that returns; those in it have returned, unseen.  0: none. */
static unsigned depth_of(const struct thread *t, uint64_t function)
{
	unsigned depth = t->depth;

	while (depth && (depth > DEPTH_MAX || t->open[depth - 1].function != function))
		depth--;
	return depth;
}

static int leave(struct lifecycle_print *p, struct thread *t, const struct event *e)
{
	unsigned depth = t->depth > DEPTH_MAX ? t->depth : depth_of(t, function_of(e));
	size_t at;
	int rc = 0;

	if (!depth)
		return 0; /* it was entered before the trace, or that was lost */
	t->depth = depth - 1;
	at = t->depth < DEPTH_MAX ? t->open[t->depth].node : SIZE_MAX;
	if (at < t->n)
		rc = note_result(p, &t->node[at], e);
	if (!t->depth)
		put_tree(p, t);
	return rc;
}

/* Outside of all calls: a tree of its own. */
static int alone(struct lifecycle_print *p, const struct event *e)
{
	struct thread t = { .key = 0 };
	int rc = add(p, &t, e, false);

	put_tree(p, &t);
	free(t.node);
	return rc;
}

static int feed_guest(struct lifecycle_print *p, const struct event *e, bool selected)
{
	const struct vqt_guest *g = &e->rec->guest;
	struct thread *t;

	if (g->what != VQT_GUEST_LIFECYCLE && g->what != VQT_GUEST_CONFIG_OP)
		return 0;
	t = thread_of(p, e, true);
	if (!t)
		return -ENOMEM;
	if (g->phase == VQT_GUEST_ENTRY)
		return enter(p, t, e, selected);
	if (g->phase == VQT_GUEST_RETURN)
		return leave(p, t, e);
	if (!selected)
		return 0;
	return t->depth ? add(p, t, e, false) : alone(p, e);
}

int lifecycle_print_feed(struct lifecycle_print *p, const struct event *e, bool selected)
{
	struct thread *t;

	switch (e->rec->h.type) {
	case VQT_GUEST: return feed_guest(p, e, selected);
	case VQT_REG:
		t = selected && event_by_driver(e) ? thread_of(p, e, false) : NULL;
		return t && t->depth ? add(p, t, e, false) : 0;
	case VQT_LIFECYCLE: /* types are no devices */
		return selected && e->rec->lifecycle.what != VQT_LIFECYCLE_TYPE_REGISTER
			       ? alone(p, e)
			       : 0;
	}
	return 0;
}
