/* SPDX-License-Identifier: MIT */
#include "decoder/print/fold.h"

#include <errno.h>
#include <string.h>

bool line_folds(const struct event *e)
{
	unsigned what = e->rec->lifecycle.what;

	if (e->gap || e->rec->h.device)
		return false;
	return e->rec->h.type == VQT_RETURN ||
	       (e->rec->h.type == VQT_LIFECYCLE &&
		(what == VQT_LIFECYCLE_TYPE_REGISTER || what == VQT_LIFECYCLE_CLASS_INIT));
}

/* Whether a call of the run returns: its calls have numbers one after the other. */
static bool ends(const struct line_fold *f, const struct event *e)
{
	uint32_t call = e->rec->returned.call;

	return f->n && !e->gap && e->rec->h.type == VQT_RETURN && f->first_call &&
	       call - f->first_call <= f->last_call - f->first_call;
}

bool line_fold(struct line_fold *f, const struct event *e, const struct model *m,
	       struct line_options *o)
{
	if (!line_folds(e) && !ends(f, e))
		return false;
	if (e->rec->h.type == VQT_LIFECYCLE)
		f->step[e->rec->lifecycle.what == VQT_LIFECYCLE_CLASS_INIT]++;
	if (!f->n)
		f->first_call = e->rec->call.call;
	if (e->rec->call.call)
		f->last_call = e->rec->call.call;
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
	static const char *const name[] = { "type_register", "class_init" };
	const unsigned step[] = { f->step[0], f->step[1] };
	unsigned n = f->n, first = step[0] ? 0 : 1;
	char *meaning = n > 1 ? strstr(f->buf, name[first]) : NULL;

	f->n = f->step[0] = f->step[1] = 0;
	if (!n)
		return 0;
	if (meaning && step[first] > 1) {
		f->line.len = (size_t)(meaning - f->buf);
		text_add(&f->line, "%s of %u", name[first], step[first]);
		if (!first && step[1])
			text_add(&f->line, " and %s of %u", name[1], step[1]);
		text_puts(&f->line, " device types; -V lists them\n");
	}
	return fwrite(f->buf, 1, f->line.len, to) == f->line.len ? 0 : -EIO;
}
