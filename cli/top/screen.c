/* SPDX-License-Identifier: MIT */
/* The screen of top: the frame, the loop, the terminal. */
#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/top/screen.h"
#include "cli/top/screen_impl.h"

/* --- the frame ------------------------------------------------------------- */

static void draw_head(struct screen *x)
{
	struct model_loss lost = top_core_lost(x->core);
	char line[256], cost[96] = "";
	size_t n;

	if (x->cost_known)
		snprintf(cost, sizeof(cost), ", %.0f probe hits/s, %.2f%% of a core", x->hits,
			 100 * x->share);
	for (int i = 0; i < 2; i++) {
		int len =
			snprintf(line, sizeof(line), "vqtrace top: %s%s%s, every %gs", x->s->status,
				 cost, x->frozen ? ", FROZEN" : "", (double)x->o->delay / 1e9);

		if (len <= COLS)
			break;
		cost[0] = '\0'; /* rather than what is behind it */
	}
	screen_put_bar(x, 0, PAINT_PLAIN, line);
	screen_put_bar(x, 1, PAINT_PLAIN, "");
	n = (size_t)screen_put(x, 1, 0, PAINT_NOTE, "%s", x->panel->name);
	if (x->panel->device && screen_selected_device(x))
		n = (size_t)screen_put(x, 1, (int)n, PAINT_NOTE, " of %s%s%s",
				       screen_selected_device(x)->name,
				       x->kind == TOP_QUEUE ? " " : "",
				       x->kind == TOP_QUEUE ? screen_selected(x)->name : "");
	if (x->panel == &panel_table && x->hidden)
		n = (size_t)screen_put(x, 1, (int)n, PAINT_NOTE, "  (%s: %zu more columns)",
				       x->ascii ? "left, right" : "← →", x->hidden);
	if (x->filter[0])
		n = (size_t)screen_put(x, 1, (int)n, PAINT_WARN, "  [%s]", x->filter);
	if (x->s->save)
		n = (size_t)screen_put(x, 1, (int)n, PAINT_WARN, "  SAVING");
	if (lost.more)
		screen_put(x, 1, (int)n, PAINT_BAD, "  UNKNOWN NUMBER LOST");
	else if (lost.records)
		screen_put(x, 1, (int)n, PAINT_BAD, "  %llu LOST",
			   (unsigned long long)lost.records);
}

static void draw(struct screen *x)
{
	erase();
	if (x->panel->device && !screen_selected_device(x))
		x->panel = &panel_table;
	draw_head(x);
	if (LINES > 4)
		x->panel->draw(x, 2, LINES - 3);
	if (x->message[0])
		screen_put(x, LINES - 1, 0, x->message_bad ? PAINT_BAD : PAINT_PLAIN, "%s",
			   x->message);
	else if (strlen(x->s->problem) > (size_t)COLS && COLS > 20)
		screen_put(x, LINES - 1, 0, PAINT_WARN, "%.*s... (e: all)", COLS - 12,
			   x->s->problem);
	else if (x->s->problem[0])
		screen_put(x, LINES - 1, 0, PAINT_WARN, "%s", x->s->problem);
	else
		screen_put(x, LINES - 1, 0, PAINT_NOTE,
			   "h help  Enter into  Esc back  t timeline  m map  i device  "
			   "e findings  q quit");
	refresh();
}

static void tick(struct screen *x, double secs)
{
	if (!x->frozen && !(x->s->ops == &top_file && x->s->paused && x->core->tick_ts))
		top_core_tick(x->core, x->s->ops->now(x->s));
	x->cost_known = top_live_cost(x->s, secs, &x->hits, &x->share);
	screen_list_rows(x);
}

static volatile sig_atomic_t end_signal;

static void on_end(int sig)
{
	end_signal = sig;
}

/* Keys are answered at once; otherwise the screen is drawn after an update, or 4 times a second. */
static void loop(struct screen *x)
{
	uint64_t last = cli_clock(), drawn = 0, now;
	bool changed = true;

	tick(x, 0);
	while (!x->quit && !end_signal && !x->core->err) {
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
			screen_press_key(x, c);
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
 * The screen runs in a child process.  If the child crashes, the parent restores the
 * terminal; if the parent is killed, the child gets SIGTERM and ends in order.
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
		return -1; /* the child, or no child could be made: show the screen in this process */
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
	/* leave the alternate screen, show the cursor, reset attributes and keypad */
	fputs("\033[?1049l\033[?25h\033[0m\033[?1l\033>\r\n", stdout);
	fflush(stdout);
	return cli_error("the screen was ended by signal %d (%s)", WTERMSIG(status),
			 strsignal(WTERMSIG(status)));
}

int top_screen_guard(void)
{
	if (!isatty(STDOUT_FILENO))
		return cli_error(
			"standard output is not a terminal; -b prints tables, -b -T json objects");
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
	x->s->stop = &end_signal;
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		signal(ends[i], on_end);
	x->color = cli_color(stdout) && has_colors();
	if (x->color)
		screen_start_colors();
	cbreak();
	noecho();
	nonl();
	keypad(stdscr, true);
	set_escdelay(25);
	curs_set(0);
	return true;
}

int top_screen_run(struct top_feed *s, struct top_options *o)
{
	struct screen *x = calloc(1, sizeof(*x));
	bool failed;

	if (!x)
		return cli_error("no memory");
	*x = (struct screen){ .s = s,
			      .o = o,
			      .core = s->core,
			      .keys = screen_keys,
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
