/* SPDX-License-Identifier: MIT */
/* Internal to the printers of statistics: subjects as rows, figures as columns. */
#ifndef VQT_DECODER_STATS_PRINT_IMPL_H
#define VQT_DECODER_STATS_PRINT_IMPL_H

#include "decoder/stats/print.h"
#include "decoder/util/text.h"

/* One subject of a table, filled by stat_rows(). */
struct stat_row {
	const struct stat_view *view;
	unsigned by; /* enum stat_by */
	const struct model_device *dev; /* NULL: a thread */
	const struct stats_device *d; /* NULL: a thread */
	const struct stats_queue *q; /* by queue */
	const struct stats_thread *t; /* by thread */
	const struct stats_slice *slice; /* by time */
	unsigned index; /* of the type, size or slice */
	struct stats_counts counts;
	const struct hist *service; /* NULL: none, or by time */
	uint64_t ns; /* that rates are over */
};

typedef int stat_row_fn(void *opaque, const struct stat_row *row);
/*
 * Call fn for each subject: of one device, or d NULL: of all.  By queue in order
 * of index.  Stops at what is not 0 and returns it.
 */
int stat_rows(const struct stat_view *v, enum stat_by by, const struct stats_device *d,
	      stat_row_fn *fn, void *opaque);

enum stat_cell_kind {
	CELL_TEXT, /* s */
	CELL_COUNT, /* u */
	CELL_NS, /* u */
	CELL_BYTES, /* u */
	CELL_REAL, /* real */
	CELL_BYTE_RATE, /* real */
	CELL_SECONDS, /* u in ns: a point in time, not a duration */
};

struct stat_cell {
	uint64_t u;
	double real;
	const char *s; /* also: text to show instead of a number, if not NULL */
	char buf[40];
};

struct stat_column {
	const char *name; /* JSON, CSV */
	const char *title; /* text; NULL: not there */
	unsigned views; /* 1 << enum stat_by, STAT_PAGE of it */
	enum stat_cell_kind kind;
	/* Fill in the cell, which is zeroed; false: the row has no such value. */
	bool (*get)(const struct stat_row *r, const struct stat_column *col, struct stat_cell *c);
	bool full; /* a light capture does not know it */
	bool rings; /* nor does a source that sees no ring: model_no_rings() */
	size_t count, by; /* for some: offsets in struct stats_counts */
	unsigned percentile; /* for some: index in stat_percentiles */
};
/* Fill in the cell, zeroed here; false: the row has no such value, or *unknown: nobody knows. */
bool stat_cell(const struct stat_row *r, const struct stat_column *col, struct stat_cell *c,
	       bool *unknown);
/* The same as text shows it. */
void stat_cell_text(const struct stat_column *col, const struct stat_row *r, struct text *t);
/* On the page, too, where the table is about one device. */
#define STAT_PAGE(by) (1U << ((by) + STAT_BYS))
extern const struct stat_column stat_columns[]; /* ends with name NULL */

/* A text table of these rows; column selects a bit of stat_column.views. */
int stat_print_table(FILE *to, const struct stat_view *v, enum stat_by by,
		     const struct stats_device *d, unsigned column, const char *indent);

/* Whether only some events were counted. */
static inline bool stat_partial(const struct stat_view *v)
{
	return v->filter || v->window;
}

#define STAT_WIDTH_MIN 60
/* Columns that text may take, of those that it likes to take. */
static inline unsigned stat_width(const struct stat_view *v, unsigned likes)
{
	if (!v->width || v->width > likes)
		return likes;
	return v->width < STAT_WIDTH_MIN ? STAT_WIDTH_MIN : v->width;
}

/* All columns that text may take; 0: as many as it likes. */
static inline unsigned stat_width_all(const struct stat_view *v)
{
	return v->width ? stat_width(v, v->width) : 0;
}

/* Percentiles that are shown. */
#define STAT_PERCENTILES 4
extern const struct stat_percentile {
	const char *name, *title; /* "p99", "p99.9" */
	uint32_t ppm;
} stat_percentiles[STAT_PERCENTILES];

/* Bytes a second, without the "/s"; double, as a rate can exceed 64 bits. */
void stat_text_byte_rate(struct text *t, double rate);
/* The negotiated features and queues at the last DRIVER_OK, or the current ones. */
void stat_features(const struct model_device *dev, const struct stats_device *d,
		   uint64_t offered[2], uint64_t accepted[2]);
/* "qemu pid 4711" */
const char *stat_source_name(const struct model *m, unsigned source, char *buf, size_t len);

/* "1 kick", "2 kicks" */
void stat_text_count(struct text *t, uint64_t n, const char *one, const char *many);
/*
 * What notifications cost a device's requests, and what was spared (decoder/stats/print_economy.c);
 * c: its counts.  Each may have nothing to say, and appends nothing then.
 */
void stat_text_kicks(struct text *t, const struct stats_counts *c, const struct stats_device *d);
void stat_text_interrupts(struct text *t, const struct stats_counts *c,
			  const struct stats_device *d);
void stat_text_per_request(struct text *t, const struct stats_counts *c,
			   const struct stats_device *d);
void stat_text_announced(struct text *t, const struct stats_counts *c,
			 const struct stats_device *d);
void stat_text_wanted(struct text *t, const struct stats_counts *c, const struct stats_device *d);
/* The same as an object; null is unknown. */
struct json_object *stat_economy_json(const struct stats_counts *c, const struct stats_device *d);

/* In as many lines as so many columns need; 0: in one. */
void stat_print_words(FILE *to, const struct text *t, unsigned width);
/*
 * The table of stages (decoder/stats/stages.h) and in words which takes the time; nothing where
 * there are none.  of: what its first line begins with; width: columns, 0 as many as it takes;
 * explained: also say what each stage is where there is no room for that beside it.
 */
void stat_print_stages(FILE *to, const struct stats_stages *s, const char *of, unsigned width,
		       bool explained);

#endif
