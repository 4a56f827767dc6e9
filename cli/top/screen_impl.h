/* SPDX-License-Identifier: MIT */
/* What the files of the screen share: state, panels, drawing. */
#ifndef VQT_CLI_TOP_SCREEN_IMPL_H
#define VQT_CLI_TOP_SCREEN_IMPL_H

#include <curses.h>
#include <stdbool.h>

#include "cli/top/columns.h"
#include "cli/top/feed.h"

/* Colours; terminals without colours show attributes instead (cli/top/draw.c). */
enum paint {
	PAINT_PLAIN,
	PAINT_HEAD,
	PAINT_BAD,
	PAINT_GOOD,
	PAINT_WARN,
	PAINT_NOTE,
	PAINT_SELECTED,
	PAINTS
};

struct screen;
struct key;

/* One view of the data; one constant each. */
struct panel {
	const char *name; /* in the title line */
	void (*draw)(struct screen *x, int y, int h); /* h lines from line y on */
	bool device; /* about the selected device: shows nothing without one */
};

extern const struct panel panel_table, panel_requests, panel_heat, panel_timeline, panel_device,
	panel_events, panel_stages, panel_help;

struct screen {
	const struct key *keys;
	struct top_feed *s;
	struct top_options *o;
	struct top_core *core;
	const struct panel *panel;
	/* What the table shows: all, or one VM's, one device's. */
	enum top_kind deepest; /* rows below are folded away */
	unsigned only_source, only_device; /* 0 all */
	struct top_row **list; /* as drawn: sorted, chosen; borrowed rows */
	size_t nlist, list_cap;
	size_t top; /* first line that is seen */
	/* The selected row, by its ids: rows move. */
	enum top_kind kind;
	unsigned source, device, queue;
	size_t scroll; /* of panels that are longer than the screen */
	size_t lines; /* how long the panel was when it was drawn */
	int sort; /* column, -1: as they belong together, the busiest first */
	size_t aside; /* columns of the table, or characters of a line, that are left out */
	size_t hidden; /* columns that did not fit when the table was drawn */
	bool reverse;
	char search[64], filter[512];
	char message[320];
	bool message_bad;
	bool frozen; /* live: the rows stand still */
	bool ascii, color;
	bool quit;
	bool cost_known;
	double hits, share; /* probe hits a second, share of a core in probes */
};

/* --- drawing (cli/top/draw.c) --- */

void screen_start_colors(void); /* the terminal has colours */
/* Text at y, x, cut at the right edge; returns the column behind it. */
int screen_put(struct screen *x, int y, int at, enum paint p, const char *fmt, ...)
	__attribute__((format(printf, 4 + 1, 4 + 2)));
/* A line of its own, which the user may have moved sideways. */
void screen_put_line(struct screen *x, int y, enum paint p, const char *text);
/* A line over the whole width. */
void screen_put_bar(struct screen *x, int y, enum paint p, const char *text);
/* "[####    ]": share of 0 to 1. */
void screen_put_gauge(struct screen *x, int y, int at, int width, double share);
/* One character for a level of 0 to 8. */
const char *screen_spark(const struct screen *x, unsigned level);
/* The last `width` ticks of a row; value: which figure of a tick. */
void screen_put_sparkline(struct screen *x, int y, int at, int width, const struct top_row *r,
			  double (*value)(const struct top_past *p));
/* Save the screen as text into a file; 0 or negative errno. */
int screen_save_text(const char *path);

/* A page that may be longer than the screen: the lines that are visible are drawn. */
struct page {
	struct screen *x;
	int y, h; /* where, and how many lines */
	size_t n; /* lines so far */
};
void page_line(struct page *p, enum paint paint, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Words in as many lines as they need, behind the first `indent` characters of each. */
void page_words(struct page *p, enum paint paint, const char *first, const char *words);

/* --- what is listed and selected (cli/top/list.c) --- */

/* The selected row; NULL if there is none. */
struct top_row *screen_selected(struct screen *x);
/* The selected device, or that of the selected queue; NULL if there is none. */
struct model_device *screen_selected_device(struct screen *x);
void screen_message(struct screen *x, bool bad, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Make the list of the table anew. */
void screen_list_rows(struct screen *x);
size_t screen_list_index(const struct screen *x); /* of the selected row, 0 if it is not there */
void screen_list_select(struct screen *x, size_t i);

struct key {
	int code[3]; /* curses key codes; 0 unused */
	const char *name, *help;
	void (*press)(struct screen *x, int arg);
	int arg;
};
extern const struct key screen_keys[]; /* ends with name NULL */
void screen_press_key(struct screen *x, int code);

#endif
