/* SPDX-License-Identifier: MIT */
/* Prints one row for each request: how its time was spent. */
#ifndef VQT_DECODER_REQUESTS_TABLE_H
#define VQT_DECODER_REQUESTS_TABLE_H

#include <stdbool.h>
#include <stdio.h>

#include "decoder/model/model.h"

struct request_table;

/*
 * json: one object a line instead of a table.  width: columns of the terminal, 0 if it goes to
 * none; on a narrow one a request takes two lines.  NULL: no memory.
 */
struct request_table *request_table_new(FILE *to, bool json, unsigned width);
/*
 * Not all events will be selected: of the requests in flight at the end, those are printed whose
 * pop was.
 */
void request_table_selects(struct request_table *t);
/*
 * Observe an event.  A row is printed when the interrupt after its completion is seen, or it is
 * clear that none will come; of events that are not selected nothing is.  0 or -ENOMEM.
 */
int request_table_feed(struct request_table *t, const struct model *m, const struct event *e,
		       bool selected);
/* Print what is over now that the trace is (model_finish()). */
void request_table_lives(struct request_table *t, const struct model_life *lives);
/* Print the rows not printed yet, and the requests still in flight. */
void request_table_finish(struct request_table *t, const struct model *m);
void request_table_free(struct request_table *t);

#endif
