/* SPDX-License-Identifier: MIT */
/*
 * The conversations by which each rule is tested (tests/unit/check_cases_*.c),
 * as `vqtrace show` prints them, in C: for the pages of `vqtrace check
 * --explain`.  The build runs this, so the pages show only conversations that are tested.
 *
 * usage: examples > examples.c
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "decoder/check/report/impl.h"
#include "tests/unit/check_cases.h"
#include "tests/unit/conversation.h"

#define LINES 4096
#define TIME 27 /* the columns of a line before the device's name */
#define PAUSE 1000000 /* ns: shorter ones say nothing in a conversation that was made up */
#define AFTER 7 /* lines of a right conversation from where it differs */

/* A conversation with what was found in it. */
struct spoken {
	const char *rule; /* of interest */
	uint64_t mark;
	struct model *m;
	struct recent *kept;
	char *line[LINES]; /* by event number */
	uint64_t ts[LINES];
	unsigned n;
	bool found;
	char *wrong; /* the events of the finding */
};

static void put_pause(FILE *to, uint64_t ns)
{
	TEXT(t, 32);

	if (ns < PAUSE)
		return;
	text_duration(&t, ns);
	fprintf(to, "  ... %s later\n", t.buf);
}

static void on_finding(void *opaque, const struct finding *f)
{
	struct report r = { .o = { .ascii = true } };
	struct spoken *k = opaque;
	struct report_context x;
	uint64_t last = 0;
	size_t len;
	FILE *to;

	if (k->found || strcmp(f->rule->id, k->rule) || (k->mark && f->number != k->mark))
		return;
	k->found = true;
	to = open_memstream(&k->wrong, &len);
	if (!to || report_context(&x, &r, f, k->m, k->kept)) {
		perror("examples");
		exit(1);
	}
	for (unsigned i = 0; i < x.n; i++) {
		const struct event *e = recent_event(k->kept, x.line[i].number);

		if (last)
			put_pause(to, e->ts - last);
		last = e->ts;
		fprintf(to, "%c %s", i + 1 == x.n ? '!' : ' ', x.line[i].text + TIME);
		if (x.line[i].what)
			fprintf(to, "   (%s)", x.line[i].what);
		fputc('\n', to);
	}
	fprintf(to, "  seen: %s\n", f->seen);
	report_context_free(&x);
	fclose(to);
}

static void take(struct spoken *k, struct check *c, const struct record *rec, uint64_t number)
{
	struct line_options o = { .ascii = true };
	char *text = NULL;
	struct event e;
	size_t len;
	FILE *to;

	if (model_feed(k->m, rec, number, &e))
		abort();
	recent_event_add(k->kept, &e);
	to = open_memstream(&text, &len);
	print_line(to, &e, k->m, &o);
	fclose(to);
	text[len - 1] = '\0';
	k->line[k->n] = text;
	k->ts[k->n++] = e.ts;
	if (check_feed(c, k->m, &e))
		abort();
}

static void run_words(const char *path, const char *words, uint64_t *mark)
{
	static struct conversation s;
	struct trace_error err;

	memset(&s, 0, sizeof(s));
	if (trace_create(&s.t.writer, path, &err)) {
		fprintf(stderr, "examples: %s\n", err.text);
		exit(2);
	}
	conversation_begin(&s, NULL);
	conversation_run(&s, words);
	*mark = s.mark;
	conversation_end(&s);
	trace_finish(s.t.writer);
}

static void listen(struct spoken *k, const char *rule, const char *words)
{
	const char *dir = getenv("TMPDIR");
	struct trace_reader *t;
	struct trace_error err;
	struct record rec;
	struct check *c;
	char path[512];
	bool again;
	int fd;

	snprintf(path, sizeof(path), "%s/vqtrace-example-XXXXXX", dir ? dir : "/tmp");
	fd = mkstemp(path);
	memset(k, 0, sizeof(*k));
	k->rule = rule;
	run_words(path, words, &k->mark);
	k->m = model_new();
	k->kept = recent_new();
	if (fd < 0 || check_new(&c, rule, on_finding, k, NULL) || trace_open(&t, path, &err)) {
		fprintf(stderr, "examples: %s cannot be read again\n", path);
		exit(2);
	}
	while (k->n < LINES && trace_next(t, &rec, &again, &err) == 1)
		take(k, c, &rec, trace_number(t));
	check_finish(c, k->m);
	check_free(c);
	trace_close(t);
	close(fd);
	unlink(path);
}

static void forget(struct spoken *k)
{
	for (unsigned i = 0; i < k->n; i++)
		free(k->line[i]);
	free(k->wrong);
	recent_free(k->kept);
	model_free(k->m);
}

/* As text inside quotes. */
static void quote(const char *s)
{
	for (; *s; s++) {
		if (*s == '\n')
			fputs("\\n\"\n\t  \"", stdout);
		else if (*s == '"' || *s == '\\')
			printf("\\%c", *s);
		else
			putchar(*s);
	}
}

/* From where it differs from the wrong one; the rest is the same. */
static void put_right(const struct spoken *right, const struct spoken *wrong)
{
	unsigned same = 0, from, to;
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	while (same < right->n && same < wrong->n &&
	       !strcmp(right->line[same] + TIME, wrong->line[same] + TIME))
		same++;
	from = same >= 2 ? same - 2 : 0;
	if (same == right->n)
		from = right->n > 3 ? right->n - 3 : 0;
	to = same + AFTER < right->n ? same + AFTER : right->n;
	for (unsigned i = from; i < to; i++) {
		if (i > from)
			put_pause(f, right->ts[i] - right->ts[i - 1]);
		fprintf(f, "  %s\n", right->line[i] + TIME);
	}
	if (to < right->n)
		fprintf(f, "  ... and %u more events in order\n", right->n - to);
	fclose(f);
	quote(text);
	free(text);
}

static void example(const struct check_case *c)
{
	static struct spoken wrong, right;

	listen(&wrong, c->rule, c->broken);
	listen(&right, c->rule, c->near);
	if (!wrong.found || right.found) {
		/* Tests will say so, too; the program is built all the same, its page without an example. */
		fprintf(stderr, "examples: %s is %s\n", c->rule,
			right.found ? "broken by its near miss" : "not broken");
		forget(&wrong);
		forget(&right);
		return;
	}
	printf("\t{ \"%s\",\n\t  \"", c->rule);
	quote(wrong.wrong);
	fputs("\",\n\t  \"", stdout);
	put_right(&right, &wrong);
	fputs("\" },\n", stdout);
	forget(&wrong);
	forget(&right);
}

int main(void)
{
	const struct check_case *c;
	const struct rule *r;

	for (unsigned i = 0; (r = rule_nth(i)); i++)
		if (!r->refs) {
			fprintf(stderr, "rule %s: its row has no .refs\n", r->id);
			return 1;
		}
	puts("/* Made by tests/lab/examples.c from tests/unit/check_cases_*.c. */\n"
	     "#include \"decoder/check/report/rules.h\"\n\n"
	     "const struct check_example check_examples[] = {");
	for (unsigned i = 0; (c = check_case_nth(i)); i++)
		example(c);
	puts("\t{ NULL, NULL, NULL },\n};");
	return fflush(stdout) ? 2 : 0;
}
