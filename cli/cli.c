/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <langinfo.h>
#include <locale.h>
#include <time.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/cli.h"
#include "decoder/filter/filter.h"
#include "decoder/trace/file.h"
#include "decoder/util/option.h"
#include "decoder/util/outlet.h"
#include "decoder/util/text.h"
#include "decoder/util/wrap.h"

#define WORDS_MAX (256u << 10) /* bytes on standard error that wait for a slow reader */

int cli_trouble_status = CLI_TROUBLE;
const struct cli_command *const *cli_commands;
const struct cli_command *cli_current;

static struct outlet *errors; /* NULL: standard error may wait */

static enum { COLOR_AUTO, COLOR_ALWAYS, COLOR_NEVER } color_when;

void cli_note(const char *lines)
{
	size_t last = strlen(lines);
	TEXT(t, 16384);

	text_untrusted_lines(&t, lines);
	fprintf(stderr, "%s%s", t.buf, last && lines[last - 1] == '\n' ? "" : "\n");
}

static void put_line(const char *text)
{
	TEXT(t, 16384);

	text_untrusted(&t, text, strlen(text));
	fprintf(stderr, "%s\n", t.buf);
}

static void last_words(void)
{
	outlet_drain(errors, OUTLET_HURRY);
}

void cli_never_wait(void)
{
	int fd = outlet_needed(STDERR_FILENO)
			 ? fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1)
			 : -1;
	FILE *f = fd < 0 ? NULL : outlet_open(fd, WORDS_MAX, &errors);

	if (!f) {
		if (fd >= 0)
			close(fd);
		return;
	}
	outlet_drop(errors);
	stderr = f;
	atexit(last_words);
}

bool cli_never_waits(void)
{
	return errors;
}

bool cli_words_kept(void)
{
	return errors && !outlet_push(errors) && outlet_kept(errors);
}

/* --- the width of the terminal -------------------------------------------------- */

static FILE *fitted; /* cli_text(), if it is not standard output itself */
static unsigned fitted_width;

/* What was written and is no line yet. */
static struct {
	char buf[16384];
	size_t len;
} pending;

static ssize_t fit(void *cookie, const char *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (bytes[i] != '\n' && pending.len < sizeof(pending.buf))
			pending.buf[pending.len++] = bytes[i];
		if (bytes[i] != '\n' && pending.len < sizeof(pending.buf))
			continue;
		if (wrap_write(stdout, pending.buf, pending.len, fitted_width))
			return 0;
		pending.len = 0;
	}
	return fflush(stdout) ? 0 : (ssize_t)len;
}

FILE *cli_text(void)
{
	if (!fitted && (fitted_width = cli_width(stdout)))
		fitted = fopencookie(NULL, "w", (cookie_io_functions_t){ .write = fit });
	return fitted ? fitted : stdout;
}

/* lines: names in it cannot have made any */
static void complain(const char *kind, bool lines, const char *fmt, va_list ap)
{
	char text[4096];

	cli_progress_hide();
	if (fitted)
		fflush(fitted);
	fflush(stdout);
	fprintf(stderr, "vqtrace%s%s: %s", cli_current ? " " : "",
		cli_current ? cli_current->name : "", kind);
	vsnprintf(text, sizeof(text), fmt, ap);
	if (lines)
		cli_note(text);
	else
		put_line(text);
}

void cli_say(const char *fmt, ...)
{
	char text[4096];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	put_line(text);
}

int cli_error(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	complain("", false, fmt, ap);
	va_end(ap);
	return CLI_TROUBLE;
}

int cli_error_lines(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	complain("", true, fmt, ap);
	va_end(ap);
	return CLI_TROUBLE;
}

void cli_warn(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	complain("warning: ", false, fmt, ap);
	va_end(ap);
}

static int point_at_help(void)
{
	fprintf(stderr, "Try 'vqtrace %s --help'.\n", cli_current ? cli_current->name : "help");
	return CLI_TROUBLE;
}

int cli_usage(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	complain("", false, fmt, ap);
	va_end(ap);
	return point_at_help();
}

int cli_usage_lines(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	complain("", true, fmt, ap);
	va_end(ap);
	return point_at_help();
}

void cli_consider(struct cli_guess *g, const char *name)
{
	size_t len = strlen(g->word), n = strlen(name), d;

	if (!len || len > TEXT_DISTANCE_MAX || n > TEXT_DISTANCE_MAX)
		return;
	d = text_distance(g->word, len, name, n);
	/* A name that differs in more letters is not what was meant. */
	if (d > len / 3 || (g->best && d >= g->distance))
		return;
	g->best = name;
	g->distance = d;
}

bool cli_color_set(const char *when)
{
	if (!strcmp(when, "auto"))
		color_when = COLOR_AUTO;
	else if (!strcmp(when, "always"))
		color_when = COLOR_ALWAYS;
	else if (!strcmp(when, "never"))
		color_when = COLOR_NEVER;
	else
		return false;
	return true;
}

bool cli_color(FILE *to)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

	if (color_when != COLOR_AUTO)
		return color_when == COLOR_ALWAYS;
	return !(no && *no) && isatty(fileno(to)) && term && strcmp(term, "dumb");
}

unsigned cli_width(FILE *to)
{
	struct winsize size;

	return isatty(fileno(to)) && !ioctl(fileno(to), TIOCGWINSZ, &size) ? size.ws_col : 0;
}

bool cli_ascii(void)
{
	setlocale(LC_CTYPE, "");
	return strcmp(nl_langinfo(CODESET), "UTF-8") != 0;
}

bool cli_is_stdout(const char *path)
{
	return path && !strcmp(path, "-");
}

int cli_output(bool failed)
{
	if (!failed && (!fitted || !fflush(fitted)) && !fflush(stdout))
		return CLI_OK;
	return errno == EPIPE ? CLI_TROUBLE : cli_error("standard output: %s", strerror(errno));
}

static bool has_filter(const struct cli_command *c)
{
	for (const struct option_row *o = c->options; o->kind != OPTION_END; o++)
		if (o->letter == 'Y')
			return true;
	return false;
}

void cli_join_words(char *to, size_t size, int argc, char **argv)
{
	struct text t = { .buf = to, .size = size };

	text_puts(&t, "vqtrace");
	for (int i = 0; i < argc; i++) {
		text_puts(&t, " ");
		text_puts(&t, argv[i]);
	}
}

int cli_trace_path(const char **path, int argc, char **argv)
{
	if (!*path && optind < argc)
		*path = argv[optind++];
	if (optind < argc)
		return cli_usage("'%s' is one argument too many%s", argv[optind],
				 has_filter(cli_current) ? "; a filter goes after -Y, quoted" : "");
	if (!*path)
		return cli_usage("which trace? give -r FILE, or -r - for standard input");
	if (!strcmp(*path, "-") && isatty(STDIN_FILENO))
		return cli_usage("-r -: standard input is a terminal; pipe a trace into it");
	return CLI_OK;
}

int cli_filter(struct filter **out, const char *text)
{
	struct filter_error err;
	char words[1024];

	if (!text || !filter_compile(out, text, &err))
		return CLI_OK;
	filter_error_format(words, sizeof(words), text, &err);
	return cli_error_lines("filter: %s", words);
}

static void ignore_first_interrupt(int sig)
{
}

/*
 * Ctrl-C goes to all processes of a pipe, but what record writes at its end still has to be
 * read and shown.  So if `path` is standard input, the first SIGINT is ignored here and the
 * second ends this process.
 */
static void leave_interrupt(const char *path)
{
	struct sigaction act = { .sa_handler = ignore_first_interrupt,
				 .sa_flags = SA_RESTART | SA_RESETHAND };

	if (!strcmp(path, "-"))
		sigaction(SIGINT, &act, NULL);
}

int cli_trace_read(struct trace_reader **t, const char *path)
{
	leave_interrupt(path);
	return cli_trace_open(t, path);
}

int cli_trace_open(struct trace_reader **t, const char *path)
{
	struct trace_error err;

	return trace_open(t, path, &err) ? cli_error("%s", err.text) : CLI_OK;
}

bool cli_trace_next(struct trace_reader *t, struct record *rec, bool say, bool *broken)
{
	struct trace_error err;
	bool again;
	int rc;

	while ((rc = trace_next(t, rec, &again, &err)) < 0) {
		if (say)
			cli_error("%s", err.text);
		*broken = true;
		if (!again)
			return false;
	}
	if (rc && say)
		cli_progress(t, NULL);
	else
		cli_progress_hide();
	return rc;
}

static void (*on_end)(int sig);

static void catch_ends(void (*handler)(int), int flags)
{
	struct sigaction act = { .sa_handler = handler, .sa_flags = flags };

	sigaction(SIGINT, &act, NULL);
	sigaction(SIGTERM, &act, NULL);
}

static void first_end(int sig)
{
	catch_ends(on_end, 0);
	on_end(sig);
}

void cli_catch_ends(void (*handler)(int))
{
	on_end = handler;
	catch_ends(first_end, SA_RESTART);
}

uint64_t cli_clock(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ULL + (uint64_t)ts.tv_nsec;
}
