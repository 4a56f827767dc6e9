/* SPDX-License-Identifier: MIT */
/* Messages of vhost-user as lines and trees. */
#include <inttypes.h>
#include <string.h>

#include "decoder/print/impl.h"
#include "decoder/print/verbose_impl.h"
#include "decoder/spec/vhost_user.h"

#define REGION_FIELDS 4 /* of each region in a table of memory, behind their number */

static uint64_t value_of(const struct event *e, const struct spec_field *f)
{
	uint64_t value = 0;

	for (unsigned b = 0; b < f->width; b++)
		value |= (uint64_t)e->rec->tail[f->offset + b] << 8 * b;
	return value;
}

/* How many fields of the payload are there: of a table of regions those that it has. */
static size_t fields_of(const struct event *e, const struct spec_fields *all)
{
	const struct vqt_vhost_user *m = &e->rec->vhost_user;
	size_t n = 0, most = all->count;

	while (n < most && all->field[n].offset + all->field[n].width <= m->len) {
		if (!n && most > REGION_FIELDS && all->count % REGION_FIELDS == 1) {
			uint64_t regions = value_of(e, &all->field[0]);

			most = regions < most / REGION_FIELDS ? 1 + regions * REGION_FIELDS : most;
		}
		n++;
	}
	return n;
}

static void put_value(struct text *t, const struct event *e, const struct spec_field *f)
{
	uint64_t value = value_of(e, f);
	char buf[160];

	text_add(t, "%s ", f->name);
	text_puts(t, spec_format_value(buf, sizeof(buf), f, value));
}

void print_vhost_user(struct text *t, const struct event *e, bool ascii)
{
	const struct vqt_vhost_user *m = &e->rec->vhost_user;
	const struct spec_message *row = spec_vhost_user_of(m);
	const struct spec_fields *all = spec_vhost_user_payload(m);
	size_t n = fields_of(e, all);

	if (row)
		text_add(t, "vhost-user %s", row->name);
	else
		text_add(t, "vhost-user request %u (unknown)", m->request);
	if (spec_vhost_user_is_ack(m)) {
		uint64_t result = n ? value_of(e, &all->field[0]) : 0;

		if (!n)
			text_puts(t, ": a reply without a result");
		else if (result)
			text_add(t, ": REFUSED (%" PRIu64 ")", result);
		else
			text_puts(t, ": done");
		return;
	}
	if (m->flags & VHOST_USER_REPLY)
		text_puts(t, " =");
	for (size_t i = 0; i < n && i <= 2 * REGION_FIELDS; i++) {
		text_puts(t, i ? ", " : " ");
		put_value(t, e, &all->field[i]);
	}
	if (n > 2 * REGION_FIELDS + 1)
		text_puts(t, ", ...");
	if (m->size > spec_vhost_user_covered(m) && m->size > m->len && m->size - m->len >= 8)
		text_add(t, ", %u bytes", m->size - m->len);
	if (m->fds)
		text_add(t, ", %u descriptor%s", m->fds, m->fds == 1 ? "" : "s");
	if (m->flags & VHOST_USER_NEED_REPLY && !(m->flags & VHOST_USER_REPLY))
		text_puts(t, ", wants a reply");
}

static void put_features(struct view *p, unsigned depth, uint64_t bits)
{
	view_feature_bits(p, depth, bits);
	if (bits >> 26 & 1)
		view_printf(p, depth, "bit 26 = VHOST_F_LOG_ALL");
	if (bits >> 30 & 1)
		view_printf(p, depth, "bit 30 = VHOST_USER_F_PROTOCOL_FEATURES");
}

void view_vhost_user(struct view *p, unsigned depth)
{
	const struct spec_fields *all = spec_vhost_user_payload(&p->e->rec->vhost_user);
	size_t n = fields_of(p->e, all);

	for (size_t i = 0; i < n; i++) {
		TEXT(t, 256);

		text_puts(&t, "Payload ");
		put_value(&t, p->e, &all->field[i]);
		view_line(p, depth, &t);
		if (all->field[i].kind == SPEC_HEX && !strcmp(all->field[i].name, "features"))
			put_features(p, depth + 1, value_of(p->e, &all->field[i]));
	}
}
