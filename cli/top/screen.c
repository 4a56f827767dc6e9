/* SPDX-License-Identifier: MIT */
/* The screen of top: what is selected, the frame, the loop, the terminal. */
#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/top/screen.h"
#include "cli/top/screen_impl.h"

/* --- what is selected ------------------------------------------------------ */

static bool is_row(const struct screen *x, const struct top_row *r)
{
	return r->kind == x->kind && r->source == x->source && r->device == x->device &&
	       r->queue == x->queue;
}

size_t list_index(const struct screen *x)
{
	for (size_t i = 0; i < x->nlist; i++)
		if (is_row(x, x->list[i]))
			return i;
	return 0;
}

void list_select(struct screen *x, size_t i)
{
	const struct top_row *r;

	if (!x->nlist)
		return;
	r = x->list[i < x->nlist ? i : x->nlist - 1];
	x->kind = r->kind;
	x->source = r->source;
	x->device = r->device;
	x->queue = r->queue;
}

struct top_row *selected(struct screen *x)
{
	for (size_t i = 0; i < x->core->nrows; i++)
		if (is_row(x, x->core->row[i]))
			return x->core->row[i];
	return NULL;
}

struct model_device *selected_device(struct screen *x)
{
	const struct top_row *r = selected(x);

	return r && r->kind != TOP_VM ? model_device(x->core->model, r->device) : NULL;
}

static struct screen *sorting; /* qsort() has no room for it */

static int by_column(const void *a, const void *b)
{
	const struct top_row *p = *(struct top_row *const *)a, *q = *(struct top_row *const *)b;
	const struct top_column *c = &top_columns[sorting->sort];
	double v = c->value ? c->value(p) - c->value(q) : 0;
	int o = v < 0 ? 1 : v > 0 ? -1 : 0; /* the most first */

	if (!c->value) {
		TEXT(s, 80);
		TEXT(t, 80);

		c->text(p, &s);
		c->text(q, &t);
		o = strcmp(s.buf, t.buf);
	}
	if (sorting->reverse)
		o = -o;
	return o			? o
	       : p->device != q->device ? (p->device < q->device ? -1 : 1)
					: (int)p->queue - (int)q->queue;
}

void list_rows(struct screen *x)
{
	const struct top_core *c = x->core;

	if (x->list_cap < c->nrows) {
		struct top_row **more = realloc(x->list, c->nrows * sizeof(*more));

		if (!more)
			return;
		x->list = more;
		x->list_cap = c->nrows;
	}
	x->nlist = 0;
	for (size_t i = 0; i < c->nrows; i++) {
		struct top_row *r = c->row[i];

		if (r->kind > x->deepest || (x->only_source && r->source != x->only_source) ||
		    (x->only_device && (r->kind == TOP_VM || r->device != x->only_device)))
			continue;
		/* Sorted by a figure, sums would hide what they are the sums of. */
		if (x->sort >= 0 && r->kind != x->deepest)
			continue;
		x->list[x->nlist++] = r;
	}
	sorting = x;
	if (x->sort >= 0)
		qsort(x->list, x->nlist, sizeof(*x->list), by_column);
	if (x->nlist && !(selected(x) && is_row(x, x->list[list_index(x)])))
		list_select(x, 0);
}

void message(struct screen *x, bool bad, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(x->message, sizeof(x->message), fmt, ap);
	va_end(ap);
	x->message_bad = bad;
	if (bad)
		beep();
}

/* --- the frame ------------------------------------------------------------- */

static void draw_head(struct screen *x)
{
	char line[256], cost[96] = "";
	size_t n;

	if (x->cost_known)
		snprintf(cost, sizeof(cost), ", %.0f probe hits/s, %.2f%% of a core", x->hits,
			 100 * x->share);
	snprintf(line, sizeof(line), "vqtrace top: %s%s%s, every %gs", x->s->status, cost,
		 x->frozen ? ", FROZEN" : "", (double)x->o->delay / 1e9);
	put_bar_line(x, 0, PAINT_PLAIN, line);
	put_bar_line(x, 1, PAINT_PLAIN, "");
	n = (size_t)put(x, 1, 0, PAINT_NOTE, "%s", x->panel->name);
	if (x->panel->device && selected_device(x))
		n = (size_t)put(x, 1, (int)n, PAINT_NOTE, " of %s%s%s", selected_device(x)->name,
				x->kind == TOP_QUEUE ? " " : "",
				x->kind == TOP_QUEUE ? selected(x)->name : "");
	if (x->filter[0])
		n = (size_t)put(x, 1, (int)n, PAINT_WARN, "  [%s]", x->filter);
	if (x->s->save)
		n = (size_t)put(x, 1, (int)n, PAINT_WARN, "  SAVING");
	if (top_core_lost(x->core))
		put(x, 1, (int)n, PAINT_BAD, "  %llu LOST",
		    (unsigned long long)top_core_lost(x->core));
}

static void draw(struct screen *x)
{
	erase();
	if (x->panel->device && !selected_device(x))
		x->panel = &panel_table;
	draw_head(x);
	if (LINES > 4)
		x->panel->draw(x, 2, LINES - 3);
	if (x->message[0])
		put(x, LINES - 1, 0, x->message_bad ? PAINT_BAD : PAINT_PLAIN, "%s", x->message);
	else if (x->s->problem[0])
		put(x, LINES - 1, 0, PAINT_WARN, "%s", x->s->problem);
	else
		put(x, LINES - 1, 0, PAINT_NOTE,
		    "h help  Enter into  Esc back  t timeline  m map  i device  "
		    "e findings  q quit");
	refresh();
}

static void tick(struct screen *x, double secs)
{
	if (!x->frozen && !(x->s->ops == &top_file && x->s->paused && x->core->tick_ts))
		top_core_tick(x->core, x->s->ops->now(x->s));
	x->cost_known = top_live_cost(x->s, secs, &x->hits, &x->share);
	list_rows(x);
}

static volatile sig_atomic_t told; /* to end */

static void on_end(int sig)
{
	told = sig;
}

/* Keys answer at once, the rest comes as it does; drawn no more than 20 times a second. */
static void loop(struct screen *x)
{
	uint64_t last = cli_clock(), drawn = 0, now;
	bool changed = true;

	tick(x, 0);
	while (!x->quit && !told && !x->core->err) {
		int c;

		x->s->ops->poll(x->s, 25);
		now = cli_clock();
		if (now - last >= x->o->delay) {
			tick(x, (double)(now - last) / 1e9);
			last = now;
			changed = true;
		}
		timeout(0);
		while ((c = getch()) != ERR && !x->quit) {
			press_key(x, c);
			changed = true;
		}
		if (changed || now - drawn > 250000000) {
			draw(x);
			drawn = now;
			changed = false;
		}
	}
}

/* --- the terminal ---------------------------------------------------------- */

static pid_t guarded;

static void pass_on(int sig)
{
	kill(guarded, sig);
}

/*
 * The screen runs in a child.  If that dies, this one puts the terminal back; if
 * this one is killed, the child is told and leaves in order.
 */
static int guard(void)
{
	struct termios before;
	bool tty = !tcgetattr(STDIN_FILENO, &before);
	pid_t parent = getpid(), child = fork();
	int status;

	if (child <= 0) {
		if (!child) {
			prctl(PR_SET_PDEATHSIG, SIGTERM);
			if (getppid() != parent)
				_exit(CLI_TROUBLE);
		}
		return -1; /* on with it, guarded or not */
	}
	guarded = child;
	signal(SIGINT, SIG_IGN);
	signal(SIGQUIT, SIG_IGN);
	signal(SIGTERM, pass_on);
	signal(SIGHUP, pass_on);
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	if (!WIFSIGNALED(status))
		return WEXITSTATUS(status);
	if (tty)
		tcsetattr(STDIN_FILENO, TCSANOW, &before);
	/* out of the alternate screen, cursor visible, plain letters, ordinary keys */
	fputs("\033[?1049l\033[?25h\033[0m\033[?1l\033>\r\n", stdout);
	fflush(stdout);
	cli_error("the screen was ended by signal %d (%s)", WTERMSIG(status),
		  strsignal(WTERMSIG(status)));
	return CLI_TROUBLE;
}

int top_screen_guard(void)
{
	if (!isatty(STDOUT_FILENO)) {
		cli_error(
			"standard output is not a terminal; -b prints tables, -b -T json objects");
		return CLI_TROUBLE;
	}
	return guard();
}

static bool begin(struct screen *x)
{
	static const int ends[] = { SIGTERM, SIGHUP, SIGINT };
	static FILE *tty;
	SCREEN *screen;

	setlocale(LC_ALL, "");
	x->ascii |= strcmp(nl_langinfo(CODESET), "UTF-8") != 0;
	/* Keys come from the terminal also when the trace comes through standard input. */
	tty = isatty(STDIN_FILENO) ? stdin : fopen("/dev/tty", "re");
	screen = tty ? newterm(NULL, stdout, tty) : NULL;
	/* TERM=dumb cannot move its cursor */
	if (screen && !tigetstr("cup")) {
		endwin();
		delscreen(screen);
		screen = NULL;
	}
	if (!screen) {
		cli_error("this terminal (TERM=%s) cannot be used for a screen; -b prints tables",
			  getenv("TERM") ? getenv("TERM") : "");
		return false;
	}
	x->s->keyboard = fileno(tty);
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		signal(ends[i], on_end);
	x->color = cli_color(stdout) && has_colors();
	if (x->color) {
		static const short fg[PAINTS] = { -1,		COLOR_CYAN, COLOR_RED, COLOR_GREEN,
						  COLOR_YELLOW, COLOR_CYAN, -1 };

		start_color();
		use_default_colors();
		for (short i = 1; i < PAINTS; i++)
			init_pair(i, fg[i], -1);
	}
	cbreak();
	noecho();
	nonl();
	keypad(stdscr, true);
	set_escdelay(25);
	curs_set(0);
	return true;
}

int top_screen_run(struct top_source *s, struct top_options *o)
{
	struct screen *x = calloc(1, sizeof(*x));
	bool failed;

	if (!x) {
		cli_error("no memory");
		return CLI_TROUBLE;
	}
	*x = (struct screen){ .s = s,
			      .o = o,
			      .core = s->core,
			      .panel = &panel_table,
			      .deepest = TOP_QUEUE,
			      .sort = -1,
			      .ascii = o->ascii };
	if (!begin(x)) {
		free(x);
		return CLI_TROUBLE;
	}
	loop(x);
	endwin();
	failed = x->core->err || (x->quit && s->ops == &top_live && !s->source);
	if (failed && s->problem[0])
		cli_error("%s", s->problem);
	free(x->list);
	free(x);
	return failed ? CLI_TROUBLE : CLI_OK;
}
