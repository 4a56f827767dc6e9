/* SPDX-License-Identifier: MIT */
/* The keys: one table, from which the help is made, too. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/top/screen.h"
#include "cli/top/screen_impl.h"
#include "decoder/print/line.h"
#include "decoder/util/number.h"

static bool in_table(const struct screen *x)
{
	return x->panel == &panel_table;
}

static void show_panel(struct screen *x, const struct panel *p)
{
	if (p->device && !screen_selected_device(x)) {
		screen_message(x, true, "select a device or a queue first (arrows)");
		return;
	}
	x->panel = p;
	x->scroll = x->aside = 0;
}

#define SIDESTEP 8 /* characters of a line */

static void press_aside(struct screen *x, int by)
{
	size_t most = in_table(x) ? top_columns_count() - 2 : LINE_SIZE,
	       step = in_table(x) ? 1 : SIDESTEP;

	if (by > 0)
		x->aside = x->aside + step < most ? x->aside + step : most;
	else
		x->aside -= step < x->aside ? step : x->aside;
}

static void press_move(struct screen *x, int by)
{
	size_t at = screen_list_index(x), page = LINES > 8 ? (size_t)LINES - 8 : 1, n;

	n = by == 2 || by == -2 ? page : by == 3 || by == -3 ? (size_t)1 << 30 : 1;
	if (in_table(x)) {
		screen_list_select(x, by > 0 ? at + n : at > n ? at - n : 0);
		return;
	}
	if (by > 0)
		x->scroll = x->scroll + n + page < x->lines ? x->scroll + n
			    : x->lines > page		    ? x->lines - page
							    : 0;
	else
		x->scroll -= n < x->scroll ? n : x->scroll;
}

static void press_enter(struct screen *x, int arg)
{
	const struct top_row *r = screen_selected(x);

	if (!r || !in_table(x))
		return;
	if (r->kind == TOP_QUEUE) {
		show_panel(x, &panel_requests);
		return;
	}
	x->only_source = r->source;
	x->only_device = r->kind == TOP_DEVICE ? r->device : 0;
	x->deepest = TOP_QUEUE;
	screen_list_rows(x);
	screen_list_select(x, 1);
}

static void press_back(struct screen *x, int arg)
{
	if (!in_table(x)) {
		x->panel = &panel_table;
		x->aside = 0;
	} else if (x->only_device)
		x->only_device = 0;
	else
		x->only_source = 0;
	x->scroll = 0;
	screen_list_rows(x);
}

static void press_depth(struct screen *x, int depth)
{
	x->deepest = (enum top_kind)depth;
	x->panel = &panel_table;
	screen_list_rows(x);
}

static void press_panel(struct screen *x, int which)
{
	static const struct panel *const panels[] = {
		&panel_help,   &panel_heat,	&panel_timeline, &panel_device,
		&panel_events, &panel_requests, &panel_stages,
	};

	show_panel(x, x->panel == panels[which] ? &panel_table : panels[which]);
}

static void press_sort(struct screen *x, int by)
{
	int n = (int)top_columns_count();

	x->sort = (x->sort + 1 + by + n + 1) % (n + 1) - 1;
	screen_list_rows(x);
	screen_message(x, false, "sorted by %s",
		       x->sort < 0 ? "VM, device and queue, by load" : top_columns[x->sort].title);
}

static void press_reverse(struct screen *x, int arg)
{
	x->reverse = !x->reverse;
	screen_list_rows(x);
}

static void press_pause(struct screen *x, int arg)
{
	if (x->s->ops == &top_file)
		top_file_pause(x->s, !x->s->paused);
	else
		x->frozen = !x->frozen;
}

static bool playing(struct screen *x)
{
	if (x->s->ops != &top_file)
		screen_message(x, true, "that is for traces (top -r FILE)");
	return x->s->ops == &top_file;
}

static void press_step(struct screen *x, int arg)
{
	if (playing(x) && !top_file_step(x->s))
		screen_message(x, false, "that was the last event");
	else if (x->s->ops == &top_file)
		top_core_tick(x->core, x->s->ops->now(x->s));
}

static void press_seek(struct screen *x, int secs)
{
	if (!playing(x))
		return;
	if (top_file_seek(x->s, secs))
		screen_message(x, true, "%s", x->s->problem);
	top_core_tick(x->core, x->s->ops->now(x->s));
	screen_list_rows(x);
}

static void press_speed(struct screen *x, int up)
{
	if (!playing(x))
		return;
	top_file_speed(x->s, up ? x->s->speed * 2 : x->s->speed / 2);
	screen_message(x, false, "speed %gx", x->s->speed);
}

/* Ask the user for a line at the bottom of the screen; false: cancelled. */
static bool ask(struct screen *x, const char *what, char *answer, size_t size)
{
	size_t n = strlen(answer);
	bool done = false, ok = false;

	timeout(-1);
	while (!done) {
		int c;

		screen_put_bar(x, LINES - 1, PAINT_PLAIN, "");
		screen_put(x, LINES - 1, screen_put(x, LINES - 1, 0, PAINT_WARN, "%s: ", what),
			   PAINT_PLAIN, "%s", answer);
		curs_set(1);
		refresh();
		c = getch();
		if (c == '\n' || c == '\r' || c == KEY_ENTER)
			done = ok = true;
		else if (c == 27 || c == ERR)
			done = true;
		else if ((c == KEY_BACKSPACE || c == 127 || c == 8) && n)
			answer[--n] = '\0';
		else if (c == ('u' & 31))
			answer[n = 0] = '\0';
		else if (c >= ' ' && c < 256 && c != 127 && n + 1 < size) {
			answer[n++] = (char)c;
			answer[n] = '\0';
		}
	}
	curs_set(0);
	timeout(0); /* as loop() in screen.c needs it */
	return ok;
}

static void press_filter(struct screen *x, int arg)
{
	struct filter_error err;
	struct filter *f = NULL;
	char text[sizeof(x->filter)];

	snprintf(text, sizeof(text), "%s", x->filter);
	if (!ask(x, "filter (as in show -Y; empty: none)", text, sizeof(text)))
		return;
	if (text[0] && filter_compile(&f, text, &err)) {
		screen_message(x, true, "column %d: %s", err.column, err.text);
		return;
	}
	filter_free(x->core->filter);
	x->core->filter = f;
	snprintf(x->filter, sizeof(x->filter), "%s", text);
}

/* The next row whose name has the word in it. */
static void search(struct screen *x)
{
	size_t from = screen_list_index(x);

	for (size_t i = 1; i <= x->nlist && x->search[0]; i++)
		if (strcasestr(x->list[(from + i) % x->nlist]->name, x->search)) {
			screen_list_select(x, (from + i) % x->nlist);
			return;
		}
	if (x->search[0])
		screen_message(x, true, "nothing is called '%s'", x->search);
}

static void press_search(struct screen *x, int again)
{
	x->panel = &panel_table;
	if (!again) {
		x->search[0] = '\0';
		if (!ask(x, "search", x->search, sizeof(x->search)))
			return;
	}
	search(x);
}

static void press_delay(struct screen *x, int arg)
{
	char text[24] = "";
	unsigned long long ns;

	if (!ask(x, "delay between two updates (1s, 500ms)", text, sizeof(text)) || !text[0])
		return;
	if (!number_duration(text, &ns) || ns < 50000000)
		screen_message(x, true, "'%s' is not a time of 50ms or more", text);
	else
		x->o->delay = ns;
}

/* A file that is there is written over only if the user says so. */
static bool may_write(struct screen *x, const char *path)
{
	char answer[8] = "", question[300];

	if (access(path, F_OK))
		return true;
	snprintf(question, sizeof(question), "%.200s is there already; overwrite it? (yes, no)",
		 path);
	if (ask(x, question, answer, sizeof(answer)) && (answer[0] == 'y' || answer[0] == 'Y'))
		return true;
	screen_message(x, false, "nothing was written");
	return false;
}

static void press_save(struct screen *x, int arg)
{
	char path[256] = "vqtrace-top.pcap";

	if (x->s->save) {
		top_live_save(x->s, NULL);
		screen_message(x, false, "saving ended");
		return;
	}
	if (x->s->ops != &top_live) {
		screen_message(x, true, "a trace is being shown: there is nothing new to save");
		return;
	}
	if (!ask(x, "save what comes to", path, sizeof(path)) || !path[0])
		return;
	if (!may_write(x, path))
		return;
	if (top_live_save(x->s, path))
		screen_message(x, true, "%s", x->s->problem);
	else
		screen_message(x, false, "saving to %s; w ends it", path);
}

static void press_screenshot(struct screen *x, int arg)
{
	char path[64];
	time_t now = time(NULL);
	struct tm tm;
	int err;

	localtime_r(&now, &tm);
	strftime(path, sizeof(path), "vqtrace-top-%Y%m%d-%H%M%S.txt", &tm);
	err = screen_save_text(path);
	if (err)
		screen_message(x, true, "%s: %s", path, strerror(-err));
	else
		screen_message(x, false, "this screen is in %s", path);
}

/* Light and full capture record different things, so all data begins anew. */
static void press_light(struct screen *x, int arg)
{
	const struct sources_choice *c = x->o->sources;
	uint64_t *light = &x->o->sources->request.light;

	if (x->s->ops != &top_live || !(c->ops->takes & SOURCE_TAKES_LIGHT)) {
		screen_message(x, true, "what is being shown has no light mode");
		return;
	}
	/* this takes seconds on a busy machine */
	move(LINES - 1, 0);
	clrtoeol();
	screen_put(x, LINES - 1, 0, PAINT_NOTE, "detaching and attaching anew ...");
	refresh();
	x->s->ops->close(x->s);
	filter_free(x->core->filter);
	x->core->filter = NULL;
	x->filter[0] = '\0';
	top_core_free(x->core);
	x->nlist = 0;
	*light = *light ? 0 : x->o->delay;
	x->panel = &panel_table;
	if (top_core_init(x->core, !*light))
		x->core->err = -ENOMEM;
	else if (x->s->ops->open(x->s))
		x->quit = true;
	screen_message(x, false, *light ? "light: counters in the kernel" : "full: every event");
}

static void press_quit(struct screen *x, int arg)
{
	x->quit = true;
}

const struct key screen_keys[] = {
	{ { 'h', '?', KEY_F(1) }, "h ? F1", "this help", press_panel, 0 },
	{ { KEY_UP, 'k' }, "arrows, j k", "move", press_move, -1 },
	{ { KEY_DOWN, 'j' }, "down", NULL, press_move, 1 },
	{ { KEY_PPAGE }, "PgUp PgDn", "a page up, a page down", press_move, -2 },
	{ { KEY_NPAGE }, "page down", NULL, press_move, 2 },
	{ { KEY_HOME, 'g' }, "Home End, g G", "to the first, to the last", press_move, -3 },
	{ { KEY_END, 'G' }, "end", NULL, press_move, 3 },
	{ { '\n', '\r', KEY_ENTER },
	  "Enter",
	  "into it: VM, device, queue, requests in flight",
	  press_enter,
	  0 },
	{ { 27, KEY_BACKSPACE, 127 }, "Esc Backspace", "back", press_back, 0 },
	{ { '1' }, "1 2 3", "fold to VMs, devices, queues", press_depth, TOP_VM },
	{ { '2' }, "2", NULL, press_depth, TOP_DEVICE },
	{ { '3' }, "3", NULL, press_depth, TOP_QUEUE },
	{ { 'r' }, "r", "requests in flight of the selected device or queue", press_panel, 5 },
	{ { 'm' }, "m", "map of latency over time", press_panel, 1 },
	{ { 'b' }, "b", "stages: where requests spend their time", press_panel, 6 },
	{ { 't' }, "t", "timeline, as 'vqtrace show' prints it", press_panel, 2 },
	{ { 'i' }, "i", "the device: status, queues, features, configuration", press_panel, 3 },
	{ { 'e' }, "e", "findings of the checker, stalls, losses", press_panel, 4 },
	{ { '>', KEY_F(6) }, "< > F6", "sort by the column before, after", press_sort, 1 },
	{ { '<' }, "<", NULL, press_sort, -1 },
	{ { 'I' }, "I", "the other way round", press_reverse, 0 },
	{ { '\\', KEY_F(4) }, "\\ F4", "filter what is counted and listed", press_filter, 0 },
	{ { '/', KEY_F(3) }, "/ F3", "search a name; n: the next", press_search, 0 },
	{ { 'n' }, "n", NULL, press_search, 1 },
	{ { ' ' }, "space", "pause and go on", press_pause, 0 },
	{ { '.' }, ".", "a trace: one event on", press_step, 0 },
	{ { KEY_RIGHT },
	  "left right",
	  "sideways: other columns, the ends of lines",
	  press_aside,
	  1 },
	{ { KEY_LEFT }, "left", NULL, press_aside, -1 },
	{ { ']' }, "[ ]", "a trace: 5 seconds back, on", press_seek, 5 },
	{ { '[' }, "[", NULL, press_seek, -5 },
	{ { '+', '=' }, "+ -", "a trace: twice, half as fast", press_speed, 1 },
	{ { '-' }, "-", NULL, press_speed, 0 },
	{ { 'd' }, "d", "delay between two updates", press_delay, 0 },
	{ { 'l' }, "l", "light or full capture", press_light, 0 },
	{ { 'w' }, "w", "save what comes from now on as a trace; again: end that", press_save, 0 },
	{ { 's' }, "s", "this screen as text into a file", press_screenshot, 0 },
	{ { 'q', KEY_F(10) }, "q F10", "quit", press_quit, 0 },
	{ .name = NULL },
};

void screen_press_key(struct screen *x, int code)
{
	for (const struct key *k = screen_keys; k->name; k++)
		for (size_t i = 0; i < 3; i++)
			if (k->code[i] && k->code[i] == code) {
				x->message[0] = '\0';
				k->press(x, k->arg);
				return;
			}
}
