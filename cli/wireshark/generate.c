/* SPDX-License-Identifier: MIT */
/*
 * Writes the tables of the decoder as Lua: the first part of vqtrace.lua, the dissector for
 * Wireshark, whose other parts are the .lua files beside this one.  No name of a field, a register, a
 * feature or a value stands in those.
 *
 * usage: generate > tables.lua
 */
#include <linux/pci_regs.h>
#include <stdio.h>
#include <string.h>

#include "cli/wireshark/lua.h"
#include "decoder/class/class.h"
#include "decoder/fields/event_names.h"
#include "decoder/fields/fields.h"
#include "decoder/spec/tables.h"
#include "decoder/spec/vhost_user.h"
#include "decoder/trace/guest.h"
#include "decoder/util/histogram.h"
#include "decoder/util/text.h"

#define TYPES 256

/* --- tables of the specification ------------------------------------------------------------ */

static void put_spec_fields(const struct spec_fields *all)
{
	lua_begin("fields");
	for (size_t i = 0; i < all->count; i++) {
		const struct spec_field *f = &all->field[i];

		lua_begin(NULL);
		lua_number("offset", f->offset);
		lua_number("width", f->width);
		lua_number("kind", f->kind);
		lua_number("flags", f->flags);
		lua_string("name", f->name);
		lua_number("id", f->id);
		lua_names("names", f->names);
		lua_end();
	}
	lua_end();
}

/* The same where the place says what they are of. */
static void put_layout(const char *key, const struct spec_fields *all)
{
	lua_begin(key);
	put_spec_fields(all);
	lua_end();
}

static void put_features(const char *key, const struct spec_feature *f)
{
	lua_begin(key);
	for (; f && f->name; f++) {
		lua_begin(NULL);
		lua_number("bit", f->bit);
		lua_string("name", f->name);
		lua_string("short", spec_feature_short(f));
		lua_end();
	}
	lua_end();
}

static void put_requests(const struct spec_request *r)
{
	lua_begin("requests");
	for (; r && r->name; r++) {
		lua_begin(NULL);
		lua_number("type", r->type);
		lua_string("name", r->name);
		lua_string("json", r->json);
		lua_number("flags", r->flags);
		lua_end();
	}
	lua_end();
}

/* The header of its requests, of whichever queue has one. */
static void put_header(const struct class *c)
{
	const uint64_t all[2] = { UINT64_MAX, UINT64_MAX };
	struct class_request r = { .accepted = all, .readable = CLASS_HEAD_BYTES };

	for (r.queue = 0; r.queue < 4; r.queue++)
		if (class_header(c, &r)->count)
			break;
	if (class_header(c, &r)->count)
		put_layout("header", class_header(c, &r));
}

static void put_variants(const struct class_variant *v)
{
	lua_begin("variants");
	for (; v && v->fields.count; v++) {
		lua_begin(NULL);
		lua_number("selector", v->selector);
		lua_number("value", v->value);
		put_spec_fields(&v->fields);
		lua_end();
	}
	lua_end();
}

/* What its functions do is in class.lua, by the name of the class. */
static void put_class(const struct class *c)
{
	lua_begin(NULL);
	lua_number("id", c->id);
	lua_string("name", c->name);
	lua_string("title", c->title);
	lua_number("transitional", c->transitional);
	put_features("features", c->features);
	put_layout("config", &c->config);
	put_variants(c->variants);
	put_header(c);
	put_requests(c->requests);
	lua_names("statuses", c->statuses);
	lua_begin("failed"); /* status bytes that are a failure */
	for (unsigned status = 0; status < 256; status++)
		lua_element(c->failed ? c->failed((uint8_t)status) : status != 0);
	lua_end();
	lua_flag("reads_written", c->reads_written);
	lua_flag("has_parse", c->parse);
	lua_flag("has_describe", c->describe);
	lua_flag("has_result", c->result);
	lua_flag("has_is_request", c->is_request);
	lua_flag("has_extent", c->extent);
	lua_flag("has_status", c->status_at);
	lua_flag("has_header", c->header);
	lua_end();
}

static void put_classes(void)
{
	const struct class *c;

	lua_begin("classes");
	for (size_t i = 0; (c = class_nth(i)); i++)
		put_class(c);
	lua_end();
	put_features("features", spec_core_features);
}

static void put_regions(void)
{
	lua_begin("regions");
	for (unsigned r = VQT_REGION_PCI; r <= VQT_REGION_BAR; r++) {
		lua_begin(NULL);
		lua_string("name", spec_region_name(r));
		put_spec_fields(spec_region_fields(r));
		lua_end();
	}
	lua_end();
}

/* By the capability's id, and of vendor-specific ones by the type as well: 4.1.4. */
static void put_caps(void)
{
	const struct spec_fields *unknown = spec_pci_cap_fields(255, 0);

	put_layout("cap_unknown", unknown);
	lua_begin("caps");
	for (unsigned id = 0; id < 255; id++)
		if (spec_pci_cap_fields(id, 0) != unknown && id != PCI_CAP_ID_VNDR) {
			lua_begin_at(id);
			put_spec_fields(spec_pci_cap_fields(id, 0));
			lua_end();
		}
	lua_end();
	lua_begin("vendor_caps");
	for (unsigned type = 0; type < 256; type++) {
		lua_begin_at(type);
		put_spec_fields(spec_pci_cap_fields(PCI_CAP_ID_VNDR, type));
		lua_end();
	}
	lua_end();
}

static void put_messages(const char *key, bool of_back_end)
{
	lua_begin(key);
	for (uint32_t n = 0; n < 256; n++) {
		const struct spec_message *m = spec_vhost_user(n, of_back_end);

		if (!m)
			continue;
		lua_begin_at(n);
		lua_string("name", m->name);
		lua_flag("replies", m->replies);
		put_layout("request", &m->request);
		put_layout("reply", &m->reply);
		lua_end();
	}
	lua_end();
}

static void put_protocol(void)
{
	/* SET_FEATURES has no reply of its own: what answers it is an acknowledgement. */
	const struct vqt_vhost_user ack = { .request = 2, .flags = VHOST_USER_REPLY };

	put_messages("messages", false);
	put_messages("back_end_messages", true);
	put_layout("ack", spec_vhost_user_payload(&ack));
}

/* --- the vocabulary of events ------------------------------------------------------------------- */

static void put_types(void)
{
	lua_begin("types");
	for (unsigned t = 0; t < TYPES; t++) {
		unsigned least, size = record_fixed_size(t, &least);

		if (!size)
			continue;
		lua_begin_at(t);
		lua_string("name", record_type_name(t));
		lua_number("size", size);
		lua_number("least", least);
		lua_end();
	}
	lua_end();
}

static void put_steps(void)
{
	lua_begin("steps");
	for (unsigned n = 0; lifecycle_step_name(n); n++) {
		const struct lifecycle_step *s = lifecycle_step(n);

		if (!s)
			continue;
		lua_begin_at(n);
		lua_string("name", s->name);
		lua_string("func", s->function);
		for (int i = 0; i < 3 && s->arg[i].name; i++) {
			lua_begin(NULL);
			lua_string("name", s->arg[i].name);
			lua_flag("hex", s->arg[i].kind == SPEC_HEX);
			lua_end();
		}
		lua_end();
	}
	lua_end();
}

static void put_values(const char *key, const struct guest_value *v)
{
	lua_begin(key);
	for (unsigned i = 0; i < VQT_GUEST_ARGS && v[i].name; i++) {
		lua_begin(NULL);
		lua_string("name", v[i].name);
		lua_number("kind", v[i].kind);
		lua_end();
	}
	lua_end();
}

static void put_functions(void)
{
	const struct guest_function *f;

	lua_begin("functions");
	for (unsigned n = 0; (f = guest_function_nth(n)); n++) {
		lua_begin(NULL);
		lua_string("name", f->name);
		lua_number("what", f->what);
		lua_number("number", f->number);
		lua_number("ret", f->ret);
		lua_string("proof", f->proof);
		put_values("entry", f->entry);
		put_values("at_return", f->at_return);
		lua_end();
	}
	lua_end();
}

/* --- names for -Y, JSON and the tree -------------------------------------------------------------- */

static void put_field(const struct field *f)
{
	static const char *const kinds[] = {
		[FIELD_U64] = "u64",	 [FIELD_I64] = "i64", [FIELD_HEX] = "hex",
		[FIELD_TIME] = "time",	 [FIELD_STR] = "str", [FIELD_BOOL] = "bool",
		[FIELD_BYTES] = "bytes",
	};

	lua_begin(NULL);
	lua_string("path", f->path);
	lua_string("kind", kinds[f->kind]);
	lua_string("label", f->label);
	lua_string("help", f->help);
	lua_flag("array", f->flags & FIELD_ARRAY);
	lua_flag("filter", f->flags & FIELD_FILTER);
	lua_flag("get", f->get);
	if (!f->get) {
		lua_number("at", f->at);
		lua_number("size", f->size);
		lua_number("bit", f->bit);
	}
	if (f->known) {
		lua_number("known_at", f->known_at);
		lua_number("known", f->known);
	}
	lua_names("names", f->names);
	lua_end();
}

static void put_groups(void)
{
	lua_begin("groups");
	for (const struct field_group *g = field_groups; g->name; g++) {
		lua_begin(NULL);
		lua_string("name", g->name);
		lua_string("title", g->title);
		lua_flag("memory", g->memory);
		lua_begin("events");
		for (unsigned t = 0; t < 64; t++)
			if (g->events >> t & 1)
				lua_set(t);
		lua_end();
		lua_begin("fields");
		for (const struct field *f = g->fields; f->path; f++)
			put_field(f);
		lua_end();
		lua_end();
	}
	lua_end();
}

/* Characters that are shown by their number: of a text for people. */
static void put_format_characters(void)
{
	uint32_t from = 0;

	lua_begin("format_characters");
	for (uint32_t c = 1; c <= 0x110000; c++) {
		bool is = c < 0x110000 && text_is_format(c);

		if (is && !from)
			from = c;
		if (is || !from)
			continue;
		lua_begin(NULL);
		lua_element(from);
		lua_element(c - 1);
		lua_end();
		from = 0;
	}
	lua_end();
}

static void put_errors(void)
{
	lua_begin("errors");
	for (int error = 1; error < 4096; error++) {
		const char *text = strerror(error);

		if (!strncmp(text, "Unknown", 7))
			continue;
		lua_string_at((unsigned)error, text);
	}
	lua_end();
}

static void put_histogram(void)
{
	lua_begin("bucket_lower");
	for (unsigned b = 0; b < HIST_BUCKETS; b++)
		lua_element(hist_lower(b));
	lua_end();
}

int main(void)
{
	printf("-- Generated from the tables of vqtrace " VQTRACE_VERSION
	       "; see vqtrace-wireshark(7).\n"
	       "-- SPDX-License-Identifier: MIT\n"
	       "local V = {}\n");
	lua_string("version", VQTRACE_VERSION);
	put_types();
	put_groups();
	put_steps();
	put_functions();
	put_classes();
	put_regions();
	put_caps();
	put_protocol();
	put_format_characters();
	put_histogram();
	put_errors();
	lua_names("status_bits", spec_status_bits);
	lua_names("descriptor_flags", spec_desc_flags);
	lua_names("pci_caps", spec_pci_caps);
	lua_names("cap_types", spec_cap_types);
	lua_names("source_kinds", event_source_kinds);
	lua_names("loss_whys", event_loss_whys);
	lua_names("class_of", event_class_of);
	lua_constants();
	return fflush(stdout) || ferror(stdout) ? 1 : 0;
}
