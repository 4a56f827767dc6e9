/* SPDX-License-Identifier: MIT */
/*
 * vqtrace complete: what shells ask when a person presses Tab.  All that they offer is found here, from
 * the tables of options and what runs; their files in cli/completion only ask.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/complete/offer.h"
#include "decoder/util/option.h"

#define ROWS 128 /* options of a command and of all sources */

struct line {
	const struct cli_command *c;
	struct option_row row[ROWS]; /* copies: a command may make some only to show them */
	unsigned n;
	unsigned operands;
	struct offer o;
};

/* --- printing --------------------------------------------------------------------------- */

/* Whether it can be typed, and is shown as it is. */
static bool is_plain(const char *s)
{
	TEXT(shown, 600);

	text_untrusted(&shown, s, strlen(s));
	return *s && !shown.cut && !strcmp(shown.buf, s);
}

void offer(const struct offer *o, const char *candidate, const char *help)
{
	const char *begun = o->word + o->kept;

	if (strncmp(candidate, begun, strlen(begun)) || !is_plain(candidate))
		return;
	printf("%.*s%s", (int)o->kept, o->word, candidate);
	if (help && *help) {
		putchar('\t');
		text_write_untrusted(stdout, help);
	}
	putchar('\n');
}

/* --- the words before -------------------------------------------------------------------- */

/* more_options() has no place for a context. */
static struct line *collected;

static void collect(FILE *to, const struct option_row *o)
{
	if (o->kind != OPTION_HEADING && o->name && collected->n < ROWS)
		collected->row[collected->n++] = *o;
}

static int collect_all(struct line *l)
{
	static const struct option_row help = {
		.kind = OPTION_FLAG, .letter = 'h', .name = "help", .help = "print the help"
	};
	FILE *nowhere = fopen("/dev/null", "we");

	if (!nowhere)
		return -1;
	collected = l;
	for (const struct option_row *o = l->c->options; o->kind != OPTION_END; o++)
		collect(nowhere, o);
	if (l->c->more_options)
		l->c->more_options(nowhere, collect);
	collect(nowhere, &help);
	fclose(nowhere);
	return 0;
}

static const struct option_row *by_letter(const struct line *l, char letter)
{
	for (unsigned i = 0; i < l->n; i++)
		if (l->row[i].letter == letter)
			return &l->row[i];
	return NULL;
}

/* The option of this name, or the first that begins so, as getopt_long() takes it. */
static const struct option_row *by_name(const struct line *l, const char *name, size_t len)
{
	const struct option_row *found = NULL;

	for (unsigned i = 0; i < l->n; i++) {
		if (strncmp(l->row[i].name, name, len))
			continue;
		if (!l->row[i].name[len])
			return &l->row[i];
		if (!found)
			found = &l->row[i];
	}
	return found;
}

static bool needs_value(const struct option_row *o)
{
	return o && o->value && *o->value != '[';
}

/*
 * The option that a word gives a value to, and where in the word that begins; NULL: none.  *next: the
 * value is the next word, instead.
 */
static const struct option_row *option_in(const struct line *l, const char *word,
					  const char **value, bool *next)
{
	const struct option_row *o;

	*value = NULL;
	*next = false;
	if (!strncmp(word, "--", 2)) {
		size_t len = strcspn(word + 2, "=");

		o = by_name(l, word + 2, len);
		if (word[2 + len])
			*value = word + 2 + len + 1;
		*next = !*value && needs_value(o);
		return *value || *next ? o : NULL;
	}
	for (const char *at = word + 1; *at; at++) {
		o = by_letter(l, *at);
		if (!needs_value(o))
			continue;
		*next = !at[1];
		*value = at[1] ? at + 1 : NULL;
		return o;
	}
	return NULL;
}

static bool is_option(const char *word)
{
	return word[0] == '-' && word[1];
}

static void remember(struct line *l, const struct option_row *o, const char *value)
{
	if (!strcmp(o->name, "read"))
		l->o.trace = value;
	else if (!strcmp(o->name, "name"))
		l->o.name = value;
	else if (!strcmp(o->name, "pid"))
		l->o.pid = strtol(value, NULL, 10);
}

/*
 * Read the words before the cursor.  The option whose value the cursor is at, or NULL.  *command: the
 * word that begins another command line, 0 for none; *only_operands: after "--".
 */
static const struct option_row *read_words(struct line *l, char **word, int n, int *command,
					   bool *only_operands)
{
	const struct option_row *o;
	const char *value;
	bool next;

	for (int i = 0; i < n; i++) {
		if (!*only_operands && !strcmp(word[i], "--")) {
			*only_operands = true;
		} else if (*only_operands || !is_option(word[i])) {
			if (l->c->runs_command) {
				*command = i;
				return NULL;
			}
			if (l->operands < OFFER_OPERANDS)
				l->o.operand[l->operands] = word[i];
			l->operands++;
		} else if ((o = option_in(l, word[i], &value, &next))) {
			if (next && ++i == n)
				return o;
			remember(l, o, next ? word[i] : value);
		}
	}
	if (l->c->runs_command && (*only_operands || (*l->o.word && *l->o.word != '-')))
		*command = n;
	return NULL;
}

/* --- the word at the cursor ----------------------------------------------------------------- */

static void print_commands(struct offer *o)
{
	const struct cli_command *c;

	for (unsigned i = 0; (c = cli_commands[i]); i++)
		if (!c->hidden)
			offer(o, c->name, c->summary);
}

/*
 * The first line of the output says what may come, too: "words" nothing, "files" names of files, "command N"
 * another command line, which begins at word N and is not ours to complete.
 */
static int complete_command(struct offer *o, bool help)
{
	puts("words");
	print_commands(o);
	if (help)
		return CLI_OK;
	offer(o, "help", "explain a command");
	offer(o, "--help", "list the commands");
	offer(o, "--version", "print the version");
	return CLI_OK;
}

static int complete_option(const struct line *l)
{
	char name[80];

	puts("words");
	for (unsigned i = 0; i < l->n; i++) {
		const struct option_row *row = &l->row[i];

		snprintf(name, sizeof(name), "--%s", row->name);
		if (row->help)
			offer(&l->o, name, row->help);
		snprintf(name, sizeof(name), "-%c", row->letter);
		if (row->letter && row->help)
			offer(&l->o, name, row->help);
	}
	return CLI_OK;
}

/* "text|json", which --help shows; behind the bracket of "[=a|b]". */
static void print_alternatives(const struct offer *o, const char *value)
{
	char word[64];

	value += strspn(value, "[=");
	while (*value) {
		size_t n = strcspn(value, "|]");

		snprintf(word, sizeof(word), "%.*s", (int)n, value);
		offer(o, word, NULL);
		value += n + strspn(value + n, "|]");
	}
}

static bool is_file(const struct option_row *row)
{
	static const char *const words[] = { "FILE", "DIR", "PATH", "SOCKET", "BINARY", "LISTEN" };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strstr(row->value, words[i]))
			return true;
	return row->kind == OPTION_LIST && !strcmp(row->name, "disk");
}

static int complete_value(struct line *l, const struct option_row *row)
{
	const struct offer_values *v = offer_values;

	while (v->option && strcmp(v->option, row->name))
		v++;
	puts(is_file(row) ? "files" : "words");
	if (v->option && row->kind != OPTION_CHOICE)
		v->print(&l->o);
	else if (row->kind == OPTION_CHOICE)
		for (unsigned i = 0; row->choices[i]; i++)
			offer(&l->o, row->choices[i], NULL);
	else if (!is_file(row) && strchr(row->value, '|'))
		print_alternatives(&l->o, row->value);
	return CLI_OK;
}

static int complete_word(struct line *l, char **word, int n)
{
	const struct option_row *row;
	bool only_operands = false, next;
	const char *value;
	int command = -1;

	row = read_words(l, word, n, &command, &only_operands);
	if (row)
		return complete_value(l, row);
	if (command >= 0) {
		printf("command %d\n",
		       command + 2); /* its first word; the first of all is vqtrace's command */
		return CLI_OK;
	}
	if (!*l->o.word && l->c->runs_command) /* any program would be too many */
		return complete_option(l);
	if (only_operands || *l->o.word != '-') {
		puts("files");
		return CLI_OK;
	}
	row = option_in(l, l->o.word, &value, &next);
	if (!row || !value)
		return complete_option(l);
	l->o.kept = (size_t)(value - l->o.word);
	return complete_value(l, row);
}

/* --- the command ---------------------------------------------------------------------------- */

/* A word of this beside the command line would only disturb. */
static void be_quiet(void)
{
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (fd >= 0)
		dup2(fd, STDERR_FILENO);
	if (fd > STDERR_FILENO)
		close(fd);
}

static const struct cli_command *command_by_name(const char *name)
{
	for (unsigned i = 0; cli_commands[i]; i++)
		if (!strcmp(cli_commands[i]->name, name))
			return cli_commands[i];
	return NULL;
}

static int run(int argc, char **argv)
{
	struct line l = { .o.word = "" };

	be_quiet();
	argv++;
	argc--;
	if (argc && !strcmp(*argv, "--")) {
		argv++;
		argc--;
	}
	if (argc)
		l.o.word = argv[argc - 1];
	if (argc < 2)
		return complete_command(&l.o, false);
	if (argc == 2 && !strcmp(argv[0], "help"))
		return complete_command(&l.o, true);
	l.c = command_by_name(argv[0]);
	if (!l.c || l.c->hidden || collect_all(&l))
		return CLI_OK;
	return complete_word(&l, argv + 1, argc - 2);
}

const struct cli_command cmd_complete = {
	.name = "complete",
	.summary = "what a shell offers",
	.hidden = true,
	.run = run,
};
