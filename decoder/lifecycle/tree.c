/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/lifecycle/tree.h"
#include "decoder/print/line.h"
#include "decoder/util/array.h"
#include "decoder/util/json.h"

#define NODES_MAX 4096 /* of a tree; what is beyond is counted */

static void node_fini(struct tree_node *n)
{
	free(n->text);
	free(n->stack);
}

int tree_add(struct tree *t, struct tree_node n)
{
	if (!n.text || t->n >= NODES_MAX || !array_room(t->node, t->cap, t->n + 1)) {
		int rc = n.text && t->n >= NODES_MAX ? 0 : -ENOMEM;

		t->left_out += !rc;
		node_fini(&n);
		return rc;
	}
	t->node[t->n++] = n;
	return 0;
}

void tree_clear(struct tree *t)
{
	for (size_t i = 0; i < t->n; i++)
		node_fini(&t->node[i]);
	t->n = 0;
	t->left_out = 0;
}

void tree_fini(struct tree *t)
{
	tree_clear(t);
	free(t->node);
	*t = (struct tree){ 0 };
}

static int indent(const struct tree_node *n)
{
	return 2 * (n->depth < TREE_DEPTH_MAX ? n->depth : TREE_DEPTH_MAX);
}

static void put_stack(struct tree_printer *p, const struct tree_node *n)
{
	for (const char *at = n->stack; *at; at += strcspn(at, "\n") + 1)
		fprintf(p->to, "%37s %*s    at %.*s\n", "", indent(n), "", (int)strcspn(at, "\n"),
			at);
}

static void put_line(struct tree_printer *p, const struct tree_node *n)
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
	fprintf(p->to, "%s%*s%s\n", line.buf, indent(n), "", n->text);
	if (p->stacks && n->stack)
		put_stack(p, n);
}

static struct json_object *stack_json(const struct tree_node *n)
{
	struct json_object *list = json_object_new_array();

	for (const char *at = n->stack; *at; at += strcspn(at, "\n") + 1)
		json_object_array_add(list, json_object_new_string_len(at, (int)strcspn(at, "\n")));
	return list;
}

static struct json_object *node_json(const struct tree_node *n)
{
	struct json_object *o = json_object_new_object();

	json_put_u64(o, "since", n->ts);
	if (n->call && n->end)
		json_put_u64(o, "took", n->end - n->ts);
	if (n->device[0])
		json_put_str(o, "device", n->device);
	json_put_str(o, "what", n->text);
	if (n->stack)
		json_object_object_add(o, "stack", stack_json(n));
	return o;
}

/* The node at *at and all that is in it; *at becomes the one after these. */
static struct json_object *tree_json(const struct tree *t, size_t *at)
{
	const struct tree_node *n = &t->node[(*at)++];
	struct json_object *o = node_json(n), *list = NULL;

	while (*at < t->n && t->node[*at].depth > n->depth && n->depth < TREE_DEPTH_MAX) {
		if (!list)
			list = json_object_new_array();
		json_object_array_add(list, tree_json(t, at));
	}
	if (list)
		json_object_object_add(o, "inside", list);
	return o;
}

void tree_print(struct tree_printer *p, const struct tree *t)
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
}
