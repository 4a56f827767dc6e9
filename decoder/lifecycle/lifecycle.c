/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/fields/event_names.h"
#include "decoder/lifecycle/lifecycle.h"
#include "decoder/lifecycle/tree.h"
#include "decoder/print/line.h"
#include "decoder/trace/guest.h"
#include "decoder/util/array.h"
#include "decoder/util/hash.h"

#define THREADS_MAX 256
#define STACKS_MAX 8 /* of a thread, whose calls are followed at a time */
#define TYPES_MAX 1024 /* whose initialisation waits for a device of theirs */

/* Or one of the stacks that a thread runs on: those of coroutines, whose calls are in none of another's. */
struct thread {
	uint64_t key; /* source << 32 | tid */
	struct thread *next; /* another stack of it */
	struct tree tree;
	struct call {
		size_t node; /* SIZE_MAX: it has none */
		uint64_t id; /* which call it is: see call_id() and function_of() */
	} open[TREE_DEPTH_MAX]; /* that have not returned */
	unsigned depth; /* may be more than TREE_DEPTH_MAX */
	bool access; /* the outermost call is a register access: only what it does is of interest */
	char type
		[64]; /* the outermost call is of this type of device, and of no device; "": of none */
	UT_hash_handle hh;
};

/* A tree that is of a type of device. */
struct of_type {
	char type[64];
	struct tree tree;
};

struct lifecycle_print {
	bool ascii;
	struct tree_printer out;
	struct thread *threads;
	struct of_type *type;
	size_t ntypes, cap;
};

struct lifecycle_print *lifecycle_print_new(FILE *to, bool json, bool ascii, bool stacks)
{
	struct lifecycle_print *p = calloc(1, sizeof(*p));

	if (p) {
		p->out = (struct tree_printer){ .to = to, .json = json, .stacks = stacks };
		p->ascii = ascii;
	}
	return p;
}

static void thread_free(struct lifecycle_print *p, struct thread *t)
{
	struct thread *next;

	HASH_DEL(p->threads, t);
	for (; t; t = next) {
		next = t->next;
		tree_fini(&t->tree);
		free(t);
	}
}

void lifecycle_print_free(struct lifecycle_print *p)
{
	struct thread *t, *next;

	if (!p)
		return;
	HASH_ITER (hh, p->threads, t, next)
		thread_free(p, t);
	for (size_t i = 0; i < p->ntypes; i++)
		tree_fini(&p->type[i].tree);
	free(p->type);
	free(p);
}

/* --- types of devices ------------------------------------------------------------------------ */

/* Types are many and devices few: a type is shown when there is a device of it. */
static int keep_type(struct lifecycle_print *p, struct thread *t)
{
	struct of_type *o;

	if (p->ntypes == TYPES_MAX) {
		tree_clear(&t->tree);
		return 0;
	}
	if (!array_room(p->type, p->cap, p->ntypes + 1))
		return -ENOMEM;
	o = &p->type[p->ntypes++];
	*o = (struct of_type){ .tree = t->tree };
	memcpy(o->type, t->type, sizeof(o->type));
	t->tree = (struct tree){ 0 };
	return 0;
}

/*
 * Whether a type is one of a device's: "virtio-blk-pci" has virtio-blk-device, virtio-blk-pci-base
 * and others, whose names begin alike.
 */
static bool is_of(const char *type, const char *device)
{
	static const char *const ends[] = { "-pci", "-device", "-ccw" };
	size_t len = strlen(device);

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		const char *at = strstr(device, ends[i]);

		if (at && (size_t)(at - device) < len)
			len = (size_t)(at - device);
	}
	if (!len || strncmp(type, device, len))
		return false;
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		if (!strncmp(type + len, ends[i], strlen(ends[i])))
			return true;
	return !type[len] || !strcmp(type + len, "-base");
}

static void put_types(struct lifecycle_print *p, const struct model_device *d)
{
	size_t left = 0;

	for (size_t i = 0; i < p->ntypes; i++) {
		if (!is_of(p->type[i].type, d->type_name)) {
			p->type[left++] = p->type[i];
			continue;
		}
		tree_print(&p->out, &p->type[i].tree);
		tree_fini(&p->type[i].tree);
	}
	p->ntypes = left;
}

/* --- observing ------------------------------------------------------------------------------- */

/* The outermost call has returned, or never will. */
static int put_tree(struct lifecycle_print *p, struct thread *t)
{
	int rc = 0;

	if (t->type[0])
		rc = keep_type(p, t);
	else if (!t->access || t->tree.n > 1)
		tree_print(&p->out, &t->tree);
	tree_clear(&t->tree);
	t->access = false;
	t->type[0] = 0;
	t->depth = 0;
	return rc;
}

static void put_trees(struct lifecycle_print *p, struct thread *t)
{
	for (; t; t = t->next)
		put_tree(p, t);
}

void lifecycle_print_finish(struct lifecycle_print *p)
{
	for (struct thread *t = p->threads; t; t = t->hh.next)
		put_trees(p, t);
}

static struct thread *thread_of(struct lifecycle_print *p, const struct event *e, bool make)
{
	uint64_t key = (uint64_t)e->rec->h.source << 32 | e->rec->h.tid;
	struct thread *t;

	HASH_FIND(hh, p->threads, &key, sizeof(key), t);
	if (t || !make)
		return t;
	if (HASH_COUNT(p->threads) >= THREADS_MAX) { /* threads end, and their numbers return */
		put_trees(p, p->threads);
		thread_free(p, p->threads);
	}
	hash_add_new(p->threads, key, key, t);
	return t;
}

static char *meaning(const struct lifecycle_print *p, const struct event *e)
{
	TEXT(t, 2048);

	print_meaning(&t, e, p->ascii);
	return strdup(t.buf);
}

/* NULL: there is none, it is not wanted, or there is no memory for it. */
static char *stack(const struct lifecycle_print *p, const struct event *e)
{
	const struct model_stack *s = p->out.json || p->out.stacks ? e->stack : NULL;
	TEXT(t, 16384);

	for (unsigned i = 0; s && i < s->n; i++) {
		if (*s->frame[i].symbol)
			text_untrusted(&t, s->frame[i].symbol, strlen(s->frame[i].symbol));
		else
			text_add(&t, "0x%" PRIx64, s->frame[i].pc);
		text_puts(&t, "\n");
	}
	if (s && s->cut)
		text_puts(&t, "...\n");
	return s ? strdup(t.buf) : NULL;
}

/* Add a node; it is in the calls that are open.  0 or -ENOMEM. */
static int add(const struct lifecycle_print *p, struct thread *t, const struct event *e, bool call)
{
	struct tree_node n = { .ts = e->since, .depth = (uint16_t)t->depth, .call = call };

	n.text = meaning(p, e);
	n.stack = stack(p, e);
	if (e->rec->h.type == VQT_LIFECYCLE)
		n.what = e->rec->lifecycle.what;
	if (e->dev)
		memcpy(n.device, e->dev->name, sizeof(n.device));
	return tree_add(&t->tree, n);
}

static int enter(const struct lifecycle_print *p, struct thread *t, const struct event *e,
		 uint64_t id, bool selected)
{
	size_t before = t->tree.n;
	int rc = selected ? add(p, t, e, true) : 0;

	if (t->depth < TREE_DEPTH_MAX)
		t->open[t->depth] = (struct call){ t->tree.n > before ? before : SIZE_MAX, id };
	t->depth++;
	return rc;
}

/* It is over, with this result ("": none), which stands in the line of the call. */
static int note_result(struct tree_node *n, const struct event *e, const char *result)
{
	char *both;

	n->end = e->since > n->ts ? e->since : n->ts + 1;
	if (e->dev) /* which device it is may have become known in between */
		memcpy(n->device, e->dev->name, sizeof(n->device));
	if (!*result)
		return 0;
	if (asprintf(&both, "%s = %s", n->text, result) < 0)
		return -ENOMEM;
	free(n->text);
	n->text = both;
	return 0;
}

/* How deep the call is, from 1; those in it have returned, unseen.  0: there is no such call. */
static unsigned depth_of(const struct thread *t, uint64_t id)
{
	unsigned depth = t->depth < TREE_DEPTH_MAX ? t->depth : TREE_DEPTH_MAX;

	while (depth && t->open[depth - 1].id != id)
		depth--;
	return depth;
}

static struct tree_node *node_of(struct thread *t, unsigned depth)
{
	size_t at = depth <= TREE_DEPTH_MAX ? t->open[depth - 1].node : SIZE_MAX;

	return at < t->tree.n ? &t->tree.node[at] : NULL;
}

/* The call at this depth returns. */
static int leave(struct lifecycle_print *p, struct thread *t, unsigned depth)
{
	t->depth = depth - 1;
	return t->depth ? 0 : put_tree(p, t);
}

/* Outside of all calls: a tree of its own. */
static int alone(struct lifecycle_print *p, const struct event *e)
{
	struct thread t = { .key = 0 };
	int rc = add(p, &t, e, false);

	tree_print(&p->out, &t.tree);
	tree_fini(&t.tree);
	return rc;
}

/* --- a driver's kernel: calls are of functions, by name ---------------------------------------- */

static uint64_t function_of(const struct event *e)
{
	size_t len;
	const char *name = record_text(e->rec, &len);
	uint64_t h = e->rec->guest.what;

	for (size_t i = 0; i < len; i++)
		h = hash_mix(h, (uint8_t)name[i]);
	return h;
}

static int leave_function(struct lifecycle_print *p, struct thread *t, const struct event *e)
{
	unsigned depth = t->depth > TREE_DEPTH_MAX ? t->depth : depth_of(t, function_of(e));
	struct tree_node *n = depth ? node_of(t, depth) : NULL;
	char *text, *result;
	int rc = 0;

	if (!depth)
		return 0; /* it was entered before the trace, or that was lost */
	if (n) {
		text = meaning(p, e);
		if (!text)
			return -ENOMEM;
		result = strstr(text, " returns ");
		rc = note_result(n, e, result ? result + strlen(" returns ") : "");
		free(text);
	}
	return rc ? rc : leave(p, t, depth);
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
		return enter(p, t, e, function_of(e), selected);
	if (g->phase == VQT_GUEST_RETURN)
		return leave_function(p, t, e);
	if (!selected)
		return 0;
	return t->depth ? add(p, t, e, false) : alone(p, e);
}

/* --- QEMU: calls have numbers -------------------------------------------------------------------- */

static bool is_of_type(const struct event *e)
{
	unsigned what = e->rec->lifecycle.what;

	return e->rec->h.type == VQT_LIFECYCLE &&
	       (what == VQT_LIFECYCLE_TYPE_REGISTER || what == VQT_LIFECYCLE_CLASS_INIT);
}

/* The stack of a thread on which this call is open; NULL. */
static struct thread *stack_with(struct thread *t, uint64_t id)
{
	while (t && !depth_of(t, id))
		t = t->next;
	return t;
}

/*
 * A stack of the thread for a call that is in none of its others.  If there are many, the calls of one
 * have ended unseen.  0 or -ENOMEM.
 */
static int stack_free(struct lifecycle_print *p, struct thread *first, struct thread **out)
{
	struct thread *t = first;
	unsigned n = 1;

	while (t->depth && t->next) {
		t = t->next;
		n++;
	}
	*out = t;
	if (!t->depth)
		return 0;
	if (n < STACKS_MAX) {
		*out = t->next = calloc(1, sizeof(*t));
		return t->next ? 0 : -ENOMEM;
	}
	*out = first;
	return put_tree(p, first);
}

static int begin_call(struct lifecycle_print *p, struct thread *t, const struct event *e,
		      bool selected)
{
	const char *text;
	size_t len;

	if (!t->depth) {
		t->access = e->rec->h.type == VQT_REG;
		if (is_of_type(e)) {
			text = record_text(e->rec, &len);
			snprintf(t->type, sizeof(t->type), "%.*s", (int)len, text);
			if (!t->type[0])
				t->type[0] = '?';
		}
	}
	return enter(p, t, e, e->rec->call.call, selected);
}

static int feed_qemu(struct lifecycle_print *p, const struct event *e, bool selected)
{
	const struct vqt_call *c = &e->rec->call;
	struct thread *first, *t;
	int rc;

	if (!c->call && !c->within) /* types are no devices */
		return selected && e->rec->h.type != VQT_REG && !is_of_type(e) ? alone(p, e) : 0;
	first = thread_of(p, e, true);
	if (!first)
		return -ENOMEM;
	t = c->within ? stack_with(first, c->within) : NULL;
	if (t)
		t->depth = depth_of(t, c->within); /* those further in have ended unseen */
	if (c->call) {
		rc = t ? 0 : stack_free(p, first, &t);
		return rc ? rc : begin_call(p, t, e, selected);
	}
	if (!selected || (!t && e->rec->h.type == VQT_REG))
		return 0;
	return t ? add(p, t, e, false) : alone(p, e);
}

/* What a call returned, where that says something: in words. */
static void put_result(struct text *to, const struct tree_node *n, uint64_t value)
{
	const struct lifecycle_step *s = lifecycle_step(n->what);
	int number = (int)value;

	switch (s ? s->result : STEP_NOTHING) {
	case STEP_NOTHING: break;
	case STEP_GSI:
		if (number >= 0)
			text_add(to, "gsi %d", number);
		/* fall through */
	case STEP_ERRNO:
		if (number < 0 && number > -4096)
			text_puts(to, strerror(-number));
		break;
	case STEP_SUCCESS:
		if (!(value & 0xff))
			text_puts(to, "failure");
		break;
	}
}

static int feed_return(struct lifecycle_print *p, const struct event *e)
{
	struct thread *t = stack_with(thread_of(p, e, false), e->rec->returned.call);
	unsigned depth = t ? depth_of(t, e->rec->returned.call) : 0;
	struct tree_node *n = depth ? node_of(t, depth) : NULL;
	TEXT(result, 128);
	int rc = 0;

	if (!depth)
		return 0;
	if (n) {
		if (!(e->rec->returned.flags & VQT_RETURN_JUMPED))
			put_result(&result, n, e->rec->returned.value);
		rc = note_result(n, e, result.buf);
	}
	return rc ? rc : leave(p, t, depth);
}

int lifecycle_print_feed(struct lifecycle_print *p, const struct event *e, bool selected)
{
	struct thread *t;

	switch (e->rec->h.type) {
	case VQT_GUEST: return feed_guest(p, e, selected);
	case VQT_RETURN: return feed_return(p, e);
	case VQT_DEVICE:
		if (e->dev)
			put_types(p, e->dev);
		return 0;
	case VQT_REG:
		if (!event_by_driver(e))
			return feed_qemu(p, e, selected);
		t = selected ? thread_of(p, e, false) : NULL;
		return t && t->depth ? add(p, t, e, false) : 0;
	case VQT_LIFECYCLE:
	case VQT_ROUTES: return feed_qemu(p, e, selected);
	}
	return 0;
}
