/* SPDX-License-Identifier: MIT */
/* How a device comes to be, in words: steps of its life, returns of functions, routes, classes. */
#include <inttypes.h>

#include "decoder/fields/event_names.h"
#include "decoder/print/impl.h"

static void put_lifecycle_args(struct text *t, const struct event *e,
			       const struct lifecycle_step *step)
{
	const struct vqt_lifecycle *l = &e->rec->lifecycle;
	char buf[160];

	if (l->what == VQT_LIFECYCLE_SET_STATUS) {
		text_add(t, " %s", spec_format_status(buf, sizeof(buf), (unsigned)l->arg[0]));
		return;
	}
	for (int i = 0; i < 3 && step->arg[i].name; i++)
		text_add(t, step->arg[i].kind == SPEC_HEX ? "%s %s 0x%" PRIx64 : "%s %s %" PRIu64,
			 i ? "," : "", step->arg[i].name, l->arg[i]);
}

void print_lifecycle_step(struct text *t, const struct event *e, bool ascii)
{
	const struct vqt_lifecycle *l = &e->rec->lifecycle;
	const struct lifecycle_step *step = lifecycle_step(l->what);
	size_t len;
	const char *s = record_text(e->rec, &len);

	if (!step) {
		text_add(t, "lifecycle step %u", l->what);
		return;
	}
	if (l->what == VQT_LIFECYCLE_CALLBACK && e->rec->function) {
		text_untrusted(t, e->rec->function, e->rec->function_len);
		return;
	}
	text_puts(t, step->name);
	if (l->h.queue != VQT_NO_QUEUE)
		text_add(t, " q%u", l->h.queue);
	if (len) {
		text_puts(t, " ");
		text_untrusted(t, s, len);
	}
	put_lifecycle_args(t, e, step);
	text_puts(t, " [");
	if (e->rec->function)
		text_untrusted(t, e->rec->function, e->rec->function_len);
	else
		text_puts(t, step->function);
	text_puts(t, "]");
}

void print_returned(struct text *t, const struct event *e, bool ascii)
{
	const struct vqt_return *r = &e->rec->returned;

	if (r->flags & VQT_RETURN_JUMPED)
		text_add(t, "call %u ends with a jump to a function that returns for it", r->call);
	else
		text_add(t, "call %u returns 0x%" PRIx64, r->call, r->value);
}

/* The messages of MSI-X; routes of the machine's own interrupt controllers are only counted. */
void print_routes(struct text *t, const struct event *e, bool ascii)
{
	const struct vqt_routes *r = &e->rec->routes;
	const char *between = ": ";

	text_add(t, "%u interrupt routes given to KVM", r->total);
	for (uint32_t i = 0; i < r->n; i++) {
		struct vqt_route route = record_route(e->rec, i);

		if (route.kind != VQT_ROUTE_MSI)
			continue;
		text_add(t, "%sgsi %u = MSI 0x%" PRIx64 " data 0x%x", between, route.gsi,
			 route.address, route.data);
		between = ", ";
	}
	text_puts(t, " [KVM_SET_GSI_ROUTING]");
}

void print_class(struct text *t, const struct event *e, bool ascii)
{
	const char *of = spec_name_of(event_class_of, e->rec->class.of), *types, *end;
	struct record_callback c;
	unsigned known = 0;
	uint32_t pos = 0;
	size_t n;

	while (record_callback_next(e->rec, &pos, &c))
		known += c.c.offset != VQT_CLASS_UNKNOWN;
	text_add(t, "class of the %s, ", of ? of : "object");
	types = record_tlv(e->rec, VQT_TAG_TYPENAME, &n);
	end = n ? memchr(types, ' ', n) : NULL;
	text_untrusted(t, types ? types : "", end ? (size_t)(end - types) : n);
	text_add(t, ", %u callbacks known", known);
}
