/* SPDX-License-Identifier: MIT */
#include "decoder/print/fold.h"

#include <errno.h>
#include <string.h>

bool line_folds(const struct event *e)
{
	return e->rec->h.type == VQT_LIFECYCLE &&
	       e->rec->lifecycle.what == VQT_LIFECYCLE_TYPE_REGISTER && !e->gap;
}

bool line_fold(struct line_fold *f, const struct event *e, const struct model *m,
	       struct line_options *o)
{
	if (!line_folds(e))
		return false;
	if (f->n++) {
		o->last = e->ts;
		return true;
	}
	f->line = (struct text){ .buf = f->buf, .size = sizeof(f->buf) };
	print_line_text(&f->line, e, m, o);
	return true;
}

int line_fold_end(FILE *to, struct line_fold *f)
{
	static const char step[] = "type_register";
	char *meaning = strstr(f->buf, step);
	unsigned n = f->n;

	f->n = 0;
	if (!n)
		return 0;
	if (n > 1 && meaning) {
		f->line.len = (size_t)(meaning - f->buf) + sizeof(step) - 1;
		text_add(&f->line, " of %u device types; -V lists them\n", n);
	}
	return fwrite(f->buf, 1, f->line.len, to) == f->line.len ? 0 : -EIO;
}
