/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <getopt.h>
#include <string.h>

#include "cli/options.h"
#include "decoder/util/number.h"
#include "decoder/util/text.h"

#define OPTIONS_MAX 96 /* of a command and all sources together */
#define CODE_FIRST 256 /* getopt's codes: this plus the number of the option */
#define HELP_COLUMN 26
#define HELP_WIDTH 80

/* What getopt_long() wants to know, made of the tables. */
struct scanner {
	struct option longs[OPTIONS_MAX + 2];
	char letters[2 * OPTIONS_MAX + 8];
	const struct option_row *row[OPTIONS_MAX];
	struct cli_option_group *group[OPTIONS_MAX];
	unsigned n;
};

static const struct option_row help_row = {
	.kind = OPTION_FLAG, .letter = 'h', .name = "help", .help = "print this page"
};

static int argument_of(const struct option_row *o)
{
	return !o->value ? no_argument : *o->value == '[' ? optional_argument : required_argument;
}

static void scanner_add(struct scanner *s, const struct option_row *o, struct cli_option_group *g)
{
	size_t len = strlen(s->letters);

	if (o->kind == OPTION_HEADING || s->n == OPTIONS_MAX)
		return;
	s->row[s->n] = o;
	s->group[s->n] = g;
	s->longs[s->n] = (struct option){ o->name, argument_of(o), NULL, CODE_FIRST + (int)s->n };
	s->n++;
	if (o->letter)
		snprintf(s->letters + len, sizeof(s->letters) - len, "%c%s", o->letter,
			 o->value ? ":" : "");
}

/* The number of the option that getopt_long() found. */
static unsigned number_of(const struct scanner *s, int code)
{
	unsigned i = 0;

	if (code >= CODE_FIRST)
		return (unsigned)(code - CODE_FIRST);
	while (i < s->n && s->row[i]->letter != code)
		i++;
	return i;
}

/* --- what is wrong with an option ------------------------------------------ */

/* The option that a word begins, "--colo" or "--color=x"; NULL for none, or several. */
static const struct option *long_option(const char *word, const struct option *longs, bool *several)
{
	size_t n = strcspn(word, "=");
	const struct option *found = NULL;

	*several = false;
	for (; longs->name; longs++) {
		if (strncmp(longs->name, word, n))
			continue;
		if (!longs->name[n])
			return longs;
		*several |= found != NULL;
		found = longs;
	}
	return *several ? NULL : found;
}

/* getopt returns the same value for the short and the long option: argv[optind - 1] shows which. */
static int bad_option(const struct scanner *s, int c, char **argv)
{
	const char *word = argv[optind - 1], *valued = strchr(word, '=');
	bool is_long = !strncmp(word, "--", 2) && word[2], several = false;
	const struct option *o = is_long ? long_option(word + 2, s->longs, &several) : NULL;
	struct cli_guess g;
	char name[64];

	if (o && c == '?' && o->has_arg == no_argument && valued)
		return cli_usage("--%s takes no value", o->name);
	if (o && c == ':' && !valued)
		return cli_usage("--%s needs a value", o->name);
	if (!is_long || o)
		return cli_usage(c == ':' ? "-%c needs a value" : "no option '-%c'", optopt);
	snprintf(name, sizeof(name), "%.*s", (int)strcspn(word + 2, "="), word + 2);
	if (several)
		return cli_usage("'--%s' begins several options; write it in full", name);
	g = (struct cli_guess){ .word = name };
	for (unsigned i = 0; i < s->n; i++)
		cli_consider(&g, s->row[i]->name);
	return cli_usage("no option '--%s'%s%s%s", name, g.best ? "; did you mean '--" : "",
			 g.best ? g.best : "", g.best ? "'?" : "");
}

static int bad_value(const struct option_row *o, const char *value, const char *why)
{
	TEXT(shown, 1024);
	char name[40];

	if (value)
		text_untrusted(&shown, value, strlen(value));
	if (o->letter)
		snprintf(name, sizeof(name), "-%c", o->letter);
	else
		snprintf(name, sizeof(name), "--%s", o->name);
	return cli_usage_lines("%s %s: %s", name, shown.buf, why);
}

/* --- values ---------------------------------------------------------------- */

static void store(void *to, size_t size, unsigned long long v)
{
	uint8_t v8 = (uint8_t)v;
	uint16_t v16 = (uint16_t)v;
	uint32_t v32 = (uint32_t)v;
	uint64_t v64 = v;

	memcpy(to,
	       size == 1   ? (void *)&v8
	       : size == 2 ? (void *)&v16
	       : size == 4 ? (void *)&v32
			   : (void *)&v64,
	       size);
}

static int store_number(const struct option_row *o, void *to, const char *value, struct text *why)
{
	uint64_t limit = o->size >= 8 ? UINT64_MAX : (UINT64_C(1) << 8 * o->size) - 1;
	unsigned long long v, max = o->max ? o->max : limit;
	bool ok = o->kind == OPTION_NUMBER ? number_parse(value, max, &v)
		  : o->kind == OPTION_SIZE ? number_size(value, &v)
					   : number_duration(value, &v);

	if (ok && v >= o->min && v <= max) {
		store(to, o->size, v);
		return 0;
	}
	return option_refuse(why, "not %s", o->want);
}

static int store_choice(const struct option_row *o, void *to, const char *value, struct text *why)
{
	unsigned i;

	for (i = 0; o->choices[i]; i++)
		if (!strcmp(o->choices[i], value)) {
			store(to, o->size, i);
			return 0;
		}
	text_add(why, "the choices are");
	for (i = 0; o->choices[i]; i++)
		text_add(why, "%s %s", !i ? "" : o->choices[i + 1] ? "," : " and", o->choices[i]);
	return -EINVAL;
}

static int store_item(struct option_list *list, const char *value, struct text *why)
{
	if (list->n == OPTION_LIST_MAX)
		return option_refuse(why, "at most %u of them", OPTION_LIST_MAX);
	list->item[list->n++] = value;
	return 0;
}

static int set(const struct option_row *o, void *config, const char *value, struct text *why)
{
	void *to = (char *)config + o->to;

	switch (o->kind) {
	case OPTION_FLAG: *(bool *)to = true; return 0;
	case OPTION_TEXT: *(const char **)to = value; return 0;
	case OPTION_LIST: return store_item(to, value, why);
	case OPTION_NUMBER:
	case OPTION_SIZE:
	case OPTION_TIME: return store_number(o, to, value, why);
	case OPTION_CHOICE: return store_choice(o, to, value, why);
	default: return o->call(config, value, why);
	}
}

int cli_option_color(void *config, const char *value, struct text *why)
{
	if (cli_color_set(value))
		return 0;
	return option_refuse(why, "the choices are auto, always and never");
}

int cli_option_bisect(void *config, const char *value, struct text *why)
{
	cli_trouble_status = CLI_TROUBLE_BISECT;
	return 0;
}

/* An option before it may be wrong, which must not look like a bad commit. */
static void look_for_bisect(int argc, char **argv, const struct scanner *s)
{
	bool taken = false;

	for (unsigned i = 0; i < s->n; i++)
		taken |= s->row[i]->call == cli_option_bisect;
	for (int i = 1; taken && i < argc && strcmp(argv[i], "--"); i++)
		if (!strcmp(argv[i], "--bisect"))
			cli_trouble_status = CLI_TROUBLE_BISECT;
}

/* --- the command line ------------------------------------------------------ */

static int parse_one(const struct scanner *s, int code)
{
	unsigned i = number_of(s, code);
	struct cli_option_group *g = s->group[i];
	TEXT(why, 1536); /* may list names */

	if (s->row[i] == &help_row) {
		cli_help(stdout, cli_current);
		return 1 + CLI_OK;
	}
	if (set(s->row[i], g->config, optarg, &why))
		return 1 + bad_value(s->row[i], optarg, why.buf);
	if (!g->given)
		g->given = s->row[i];
	return 0;
}

int cli_parse_groups(int argc, char **argv, struct cli_option_group *groups, unsigned n)
{
	struct scanner s = { .n = 0 };
	int c, stop = 0;

	/* "+": the words of a command that is to be run are not for us */
	strcpy(s.letters, cli_current->runs_command ? "+:" : ":");
	for (unsigned i = 0; i < n; i++)
		for (const struct option_row *o = groups[i].rows; o->kind != OPTION_END; o++)
			scanner_add(&s, o, &groups[i]);
	scanner_add(&s, &help_row, NULL);
	look_for_bisect(argc, argv, &s);
	opterr = 0;
	optind = 1;
	while (!stop && (c = getopt_long(argc, argv, s.letters, s.longs, NULL)) != -1)
		stop = c == '?' || c == ':' ? 1 + bad_option(&s, c, argv) : parse_one(&s, c);
	return stop;
}

int cli_parse(int argc, char **argv, void *config)
{
	struct cli_option_group g = { .rows = cli_current->options, .config = config };

	return cli_parse_groups(argc, argv, &g, 1);
}

int cli_no_operands(int argc, char **argv)
{
	return optind < argc ? 1 + cli_usage("'%s' is one argument too many", argv[optind]) : 0;
}

/* --- --help ---------------------------------------------------------------- */

/* Words from column `at` on, in lines that begin at HELP_COLUMN. */
static void print_wrapped(FILE *to, const char *words, int at)
{
	while (*words) {
		int n = (int)strcspn(words, " ");

		if (at > HELP_COLUMN && at + 1 + n > HELP_WIDTH) {
			fputc('\n', to);
			at = 0;
		}
		if (at < HELP_COLUMN)
			at += fprintf(to, "%*s", HELP_COLUMN - at, "");
		else if (at > HELP_COLUMN)
			at += fprintf(to, " ");
		at += fprintf(to, "%.*s", n, words);
		words += n + strspn(words + n, " ");
	}
	fputc('\n', to);
}

static void print_row(FILE *to, const struct option_row *o)
{
	int at = 0;

	if (o->kind == OPTION_HEADING)
		fprintf(to, "\n%s:\n", o->help);
	if (o->kind == OPTION_HEADING || !o->help)
		return;
	at += fprintf(to, "  ");
	if (o->letter)
		at += fprintf(to, "-%c, ", o->letter);
	at += fprintf(to, "--%s", o->name);
	if (o->value)
		at += fprintf(to, "%s%s", *o->value == '[' ? "" : " ", o->value);
	if (at + 2 > HELP_COLUMN) {
		fputc('\n', to);
		at = 0;
	}
	print_wrapped(to, o->help, at);
}

void cli_help(FILE *to, const struct cli_command *c)
{
	const char *line = c->synopsis;

	for (bool first = true; *line; first = false) {
		int n = (int)strcspn(line, "\n");

		fprintf(to, "%s vqtrace %s %.*s\n", first ? "usage:" : "      ", c->name, n, line);
		line += n + (line[n] != '\0');
	}
	fprintf(to, "\n%s", c->about);
	if (c->options[0].kind != OPTION_HEADING)
		fputc('\n', to);
	for (const struct option_row *o = c->options; o->kind != OPTION_END; o++)
		print_row(to, o);
	print_row(to, &help_row);
	if (c->more_options)
		c->more_options(to, print_row);
	fprintf(to, "\n%s", c->notes);
}
