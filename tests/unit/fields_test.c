/* SPDX-License-Identifier: MIT */
/* What events say: JSON that parses back, whatever the trace holds; the tree; hex dumps. */
#include <json-c/json.h>
#include <linux/virtio_ring.h>
#include <stdlib.h>

#include "decoder/fields/fields.h"
#include "decoder/print/hex.h"
#include "decoder/util/hexdump.h"
#include "decoder/print/json.h"
#include "decoder/print/verbose.h"
#include "decoder/trace/build.h"
#include "tests/unit/record_builder.h"
#include "tests/unit/tap.h"

static struct record_builder t;
static char *text; /* of the last thing printed */
static size_t text_len;

static void begin(void)
{
	memset(&t, 0, sizeof(t));
	builder_begin(&t);
}

static const char *json_text(void)
{
	FILE *f;

	free(text);
	f = open_memstream(&text, &text_len);
	CHECK_EQ(print_json(f, &t.e), 0);
	fclose(f);
	return text;
}

static const char *tree_text(void)
{
	FILE *f;

	free(text);
	f = open_memstream(&text, &text_len);
	CHECK_EQ(print_verbose(f, &t.e, t.model, true), 0);
	fclose(f);
	return text;
}

/* The last event as JSON, parsed strictly; the caller puts it. */
static struct json_object *json(void)
{
	struct json_tokener *tok = json_tokener_new();
	struct json_object *o;

	json_tokener_set_flags(tok, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	json_text();
	o = json_tokener_parse_ex(tok, text, (int)text_len - 1);
	if (!o || json_tokener_get_error(tok) != json_tokener_success ||
	    json_tokener_get_parse_end(tok) != text_len - 1 || text[text_len - 1] != '\n') {
		printf("# not a line of JSON: %s: %.300s\n",
		       json_tokener_error_desc(json_tokener_get_error(tok)), text);
		tap_failed = true;
	}
	json_tokener_free(tok);
	return o;
}

/* "register.value", "avail.descriptors.1.len" in an object; NULL. */
static struct json_object *at(struct json_object *o, const char *path)
{
	char copy[128], *save, *part;

	snprintf(copy, sizeof(copy), "%s", path);
	for (part = strtok_r(copy, ".", &save); o && part; part = strtok_r(NULL, ".", &save)) {
		if (json_object_is_type(o, json_type_array))
			o = json_object_array_get_idx(o, strtoul(part, NULL, 10));
		else if (!json_object_object_get_ex(o, part, &o))
			o = NULL;
	}
	return o;
}

static void number(struct json_object *o, const char *path, uint64_t want)
{
	struct json_object *v = at(o, path);

	if (v && json_object_is_type(v, json_type_int) && json_object_get_uint64(v) == want)
		return;
	printf("# %s is %s, not %" PRIu64 "\n", path, v ? json_object_get_string(v) : "absent",
	       want);
	tap_failed = true;
}

static void string(struct json_object *o, const char *path, const char *want)
{
	struct json_object *v = at(o, path);

	if (v && json_object_is_type(v, json_type_string) &&
	    !strcmp(json_object_get_string(v), want))
		return;
	printf("# %s is %s, not %s\n", path, v ? json_object_get_string(v) : "absent", want);
	tap_failed = true;
}

static void test_register(void)
{
	struct json_object *o;

	begin();
	builder_write(&t, VQT_REGION_COMMON, 0x14, 1, 0);
	builder_write(&t, VQT_REGION_COMMON, 0x14, 1, 0x0b);
	o = json();
	CHECK_STR(text,
		  "{\"ts\":1004000,\"number\":5,\"seq\":5,\"source\":\"qemu\",\"device\":\"blk0\","
		  "\"device_type\":\"blk\",\"event\":\"register\",\"cpu\":0,\"delta\":1000,"
		  "\"register\":{\"region\":\"common\",\"op\":\"write\",\"offset\":20,\"width\":1,"
		  "\"field\":\"device_status\",\"value\":11,\"before\":0,"
		  "\"text\":\"ACKNOWLEDGE|DRIVER|FEATURES_OK (0x0b)\",\"via\":\"mmio\"}}\n");
	json_object_put(o);
	builder_write(&t, VQT_REGION_COMMON, 0x18, 2, 256);
	o = json();
	number(o, "queue", 0);
	number(o, "register.select", 0);
	json_object_put(o);
	builder_finish(&t);
}

static void test_request(void)
{
	struct json_object *o;

	begin();
	builder_kick(&t, 65535, 1);
	o = json();
	number(o, "kick.new", 2);
	number(o, "ring.avail_idx", 1);
	CHECK(!at(o, "ring.used_idx") && !at(o, "kick.value") && !at(o, "kick.heads"));
	json_object_put(o);
	builder_read_request(&t, 5, 2048);
	o = json();
	number(o, "avail.head", 5);
	CHECK_EQ(json_object_array_length(at(o, "avail.descriptors")), 3);
	number(o, "avail.descriptors.1.addr", 0x2000);
	number(o, "avail.descriptors.1.len", 4096);
	number(o, "avail.descriptors.1.flags", VRING_DESC_F_NEXT | VRING_DESC_F_WRITE);
	CHECK(json_object_get_boolean(at(o, "avail.descriptors.2.write")));
	CHECK(!json_object_get_boolean(at(o, "avail.descriptors.2.indirect")));
	string(o, "avail.request.type", "in");
	number(o, "avail.request.sector", 2048);
	number(o, "avail.request.bytes", 4096);
	string(o, "buffers.0.bytes", "00000000000000000008000000000000");
	CHECK(!at(o, "ring")); /* nothing known of it: no empty object */
	json_object_put(o);
	builder_used(&t, 5, 4097, 0);
	o = json();
	number(o, "used.latency", 1000);
	string(o, "used.status", "OK");
	string(o, "used.request.type", "in");
	json_object_put(o);
	builder_used(&t, 9, 0, 200);
	o = json();
	string(o, "used.status", "200");
	CHECK(json_object_get_boolean(at(o, "used.unknown")) && !at(o, "used.request"));
	json_object_put(o);
	builder_finish(&t);
}

static void say_note(const void *words, size_t n)
{
	struct vqt_note note = { .len = (uint16_t)n };

	builder_add(&t, VQT_NOTE, &note, sizeof(note), words, n);
}

static void test_hostile_text(void)
{
	static const struct {
		const char *bytes, *json;
	} rows[] = {
		{ "a\"b\\c/", "a\\\"b\\\\c/" },
		{ "\b\f\n\r\t\x01\x1f\x7f", "\\b\\f\\n\\r\\t\\u0001\\u001f\\u007f" },
		{ "\xc3\xa9\xe2\x86\x90\xf0\x9f\x98\x80", "\xc3\xa9\xe2\x86\x90\xf0\x9f\x98\x80" },
		/* cut, overlong, surrogate, too large, lone continuation, never valid */
		{ "x\xc3", "x\xef\xbf\xbd" },
		{ "\xc0\xaf", "\xef\xbf\xbd\xef\xbf\xbd" },
		{ "\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
		{ "\xf4\x90\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
		{ "\x80\xff", "\xef\xbf\xbd\xef\xbf\xbd" },
		{ "\xc2\x9b"
		  "31m",
		  "\\u009b31m" }, /* C1: a terminal would obey */
	};
	char want[200];

	begin();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		say_note(rows[i].bytes, strlen(rows[i].bytes));
		json_object_put(json());
		snprintf(want, sizeof(want), "\"note\":{\"level\":\"info\",\"text\":\"%s\"}}\n",
			 rows[i].json);
		if (strlen(text) < strlen(want))
			CHECK_STR(text, want);
		else
			CHECK_STR(text + strlen(text) - strlen(want), want);
	}
	say_note("a\0b", 3);
	json_text();
	CHECK(strstr(text, "\"a\\u0000b\""));
	builder_finish(&t);
}

/* Longer than any buffer in between. */
static void test_long_text(void)
{
	static char words[60000];
	struct json_object *o;

	memset(words, '\\', sizeof(words));
	begin();
	say_note(words, sizeof(words));
	o = json();
	CHECK_EQ(json_object_get_string_len(at(o, "note.text")), sizeof(words));
	json_object_put(o);
	builder_finish(&t);
}

static void test_descriptive(void)
{
	struct vqt_session s = { .major = 1, .minor = 2, .snaplen = 64, .wall = -5 };
	struct vqt_stack stack = { .id = 7, .nframes = 3, .len = 9 };
	struct vqt_device_state state = {
		.known = VQT_KNOWN_ACCEPTED | VQT_KNOWN_CONFIG,
		.accepted = { ~0ULL, 1 },
		.config_len = 2,
	};
	uint8_t tlvs[64], frames[3 * 8 + 9] = { 0x10, [8] = 0x20, [16] = 0x30 };
	struct json_object *o;
	struct build b = { .bytes = tlvs, .size = sizeof(tlvs) };

	begin();
	build_text(&b, VQT_TAG_HOST, "h\xff");
	build_text(&b, VQT_TAG_TOOL, "vqtrace 0.1");
	builder_add(&t, VQT_SESSION, &s, sizeof(s), tlvs, b.len);
	o = json();
	string(o, "session.version", "1.2");
	string(o, "session.tool", "vqtrace 0.1");
	string(o, "session.host", "h\xef\xbf\xbd");
	CHECK_EQ(json_object_get_int64(at(o, "session.wall")), -5);
	CHECK(!at(o, "session.os"));
	json_object_put(o);
	memcpy(frames + 24, "main\0\0abc", 9); /* the last one is not terminated */
	builder_add(&t, VQT_STACK, &stack, sizeof(stack), frames, sizeof(frames));
	o = json();
	number(o, "stack_info.id", 7);
	number(o, "stack_info.frames.2.pc", 0x30);
	string(o, "stack_info.frames.0.symbol", "main");
	string(o, "stack_info.frames.1.symbol", "");
	string(o, "stack_info.frames.2.symbol", "abc");
	CHECK(!at(o, "stack")); /* that is where an event happened */
	json_object_put(o);
	builder_add(&t, VQT_DEVICE_STATE, &state, sizeof(state), "\x01\xab", 2);
	o = json();
	number(o, "device_state.accepted.0", ~0ULL);
	number(o, "device_state.accepted.1", 1);
	string(o, "device_state.config", "01ab");
	CHECK(!at(o, "device_state.offered") && !at(o, "device_state.status"));
	json_object_put(o);
	builder_finish(&t);
}

/* Any record that parses prints as JSON that parses, and as a tree. */
static void test_any_record(void)
{
	static const uint8_t types[] = { 1,  2,	 3,  4,	 5,  6,	 7,  8,	 9,  16,
					 17, 18, 19, 20, 21, 22, 32, 33, 34, 99 };
	uint32_t seed = 1;
	unsigned parsed = 0;

	begin();
	for (unsigned i = 0; i < 20000; i++) {
		size_t n = 24 + i % 200;

		for (size_t k = 0; k < n; k++) {
			seed = seed * 1664525 + 1013904223;
			/* Small counts are those that fit. */
			t.bytes[k] = (uint8_t)(seed >> 24) & (seed >> 16 & 1 ? 0xff : 0x03);
		}
		t.bytes[20] = types[i % sizeof(types)];
		t.bytes[16] = 1;
		t.bytes[17] = 0;
		if (record_parse(&t.rec, t.bytes, n, NULL))
			continue;
		if (model_feed(t.model, &t.rec, ++t.number, &t.e))
			abort();
		json_object_put(json());
		tree_text();
		parsed++;
		if (tap_failed)
			break;
	}
	CHECK(parsed > 1000);
	builder_finish(&t);
}

static void says(const char *line)
{
	if (strstr(text, line))
		return;
	printf("# missing: %s\n", line);
	tap_failed = true;
}

static void test_tree(void)
{
	struct vqt_lifecycle life = { .what = VQT_LIFECYCLE_SET_STATUS, .arg = { 0x0f } };

	begin();
	builder_write(&t, VQT_REGION_COMMON, 0x14, 1, 0);
	builder_write(&t, VQT_REGION_COMMON, 0x14, 1, 0x8b);
	tree_text();
	says("Event 5 at 0.000004000 s (+1.00 us), blk0, register\n");
	says("\n        Value: 0x8b\n            .... ...1 = ACKNOWLEDGE: set\n");
	says("\n            .... .0.. = DRIVER_OK: not set\n            .... 1... = FEATURES_OK: set\n");
	says("\n            1... .... = FAILED: set\n");
	says("\n        Field: device_status (virtio 4.1.4.3)\n");
	builder_write(&t, VQT_REGION_COMMON, 8, 4, 0);
	builder_write(&t, VQT_REGION_COMMON, 12, 4, 0xa0000200);
	tree_text();
	says(" ..1. .... .... .... .... .... .... .... = VIRTIO_F_EVENT_IDX: set\n");
	says(" 1... .... .... .... .... .... .... .... = bit 31, undefined: set\n");
	says("Select: 0 (feature bits 0 to 31)\n");
	builder_kick(&t, 41, 43);
	tree_text();
	says("Available index: 43\n");
	builder_read_request(&t, 5, 2048);
	tree_text();
	says("Descriptor 1: 0x0000000000002000, 4096 bytes, NEXT|WRITE (device writes), next 2\n");
	says("Descriptor 2: 0x0000000000003000, 1 byte, WRITE (device writes)\n");
	says("Header sector: 2048 (virtio 5.2.6)\n");
	says("Flags: 0x0000 (none)\n");
	builder_add(&t, VQT_LIFECYCLE, &life, sizeof(life), NULL, 0);
	tree_text();
	says("Step: set_status (the device takes a new status)\n");
	says(".... .1.. = DRIVER_OK: set\n");
	say_note("\x1b[31m", 5);
	tree_text();
	says("Text: \\x1b[31m\n");
	builder_finish(&t);
}

/* What the rings ask for, in both layouts: 2.7.7, 2.7.10, 2.8.10. */
static void test_suppression(void)
{
	struct vqt_ringstate r = {
		.ring = { .avail_flags = 1,
			  .used_event = 7,
			  .known = VQT_RING_AVAIL_FLAGS | VQT_RING_USED_EVENT },
	};

	begin();
	builder_add(&t, VQT_RING, &r, sizeof(r), NULL, 0);
	tree_text();
	says("Available flags: 0x0001 (wants no interrupt)\n");
	says("Used event: 7 (not used: VIRTIO_F_EVENT_IDX was not accepted)\n");
	builder_write(&t, VQT_REGION_COMMON, 8, 4, 0);
	builder_write(&t, VQT_REGION_COMMON, 12, 4, 1U << VIRTIO_RING_F_EVENT_IDX);
	builder_add(&t, VQT_RING, &r, sizeof(r), NULL, 0);
	tree_text();
	says("Available flags: 0x0001 (not used: VIRTIO_F_EVENT_IDX was accepted)\n");
	says("Used event: 7 (wants an interrupt when the used index passes it)\n");
	r.ring.known |= VQT_RING_PACKED;
	r.ring.avail_flags = 2;
	r.ring.used_event = 0x8003;
	builder_add(&t, VQT_RING, &r, sizeof(r), NULL, 0);
	tree_text();
	says("Packed: yes\n");
	says("Used event: 32771 (slot 3, wrap counter 1)\n");
	builder_finish(&t);
}

/* What a sample says beside the ring; a record from before it said so says nothing. */
static void test_sample(void)
{
	struct vqt_ringstate r = {
		.ring = { .avail_idx = 5,
			  .last_avail = 4,
			  .known = VQT_RING_AVAIL_IDX | VQT_RING_LAST_AVAIL },
		.why = VQT_RING_PERIODIC,
		.pending = VQT_PENDING_YES,
	};

	begin();
	builder_add(&t, VQT_RING, &r, sizeof(r), NULL, 0);
	tree_text();
	says("Taken: periodic\n");
	says("Kick pending: yes\n");
	builder_add(&t, VQT_RING, &r, VQT_RINGSTATE_SIZE_1, NULL, 0);
	CHECK_EQ(t.e.rec->ring.ring.avail_idx, 5);
	tree_text();
	says("Taken: asked\n");
	says("Kick pending: unknown\n");
	builder_finish(&t);
}

static void test_hexdump(void)
{
	FILE *f;

	free(text);
	f = open_memstream(&text, &text_len);
	CHECK_EQ(hexdump(f, (const uint8_t *)"0123456789abcdef\x00\x7f~ ", 20, 0x200, "  "), 0);
	fclose(f);
	CHECK_STR(
		text,
		"  00000200  30 31 32 33 34 35 36 37  38 39 61 62 63 64 65 66  |0123456789abcdef|\n"
		"  00000210  00 7f 7e 20                                       |..~ |\n");
	begin();
	builder_read_request(&t, 5, 2048);
	free(text);
	f = open_memstream(&text, &text_len);
	CHECK_EQ(print_hex(f, &t.e), 0);
	fclose(f);
	says("    descriptor 0, driver-written, 16 bytes at 0x1000:\n");
	says(" 00000000  00 00 00 00 00 00 00 00  00 08 00 00 00 00 00 00  |");
	builder_finish(&t);
}

/* The disk is full, or nobody reads any more. */
static void test_write_error(void)
{
	FILE *full = fopen("/dev/full", "w");

	if (!full)
		return;
	setvbuf(full, NULL, _IONBF, 0);
	begin();
	CHECK(print_json(full, &t.e) < 0);
	CHECK(print_verbose(full, &t.e, t.model, true) < 0);
	builder_finish(&t);
	fclose(full);
}

/* The table keeps its promises: groups, prefixes, order, kinds. */
static void test_table(void)
{
	const struct field *f;

	for (const struct field_group *g = field_groups; g->name; g++) {
		size_t n = strlen(g->name);

		for (f = g->fields; f->path; f++) {
			CHECK(!n || (!strncmp(f->path, g->name, n) && f->path[n] == '.'));
			CHECK(f->get || f->size);
			CHECK(f->kind != FIELD_STR || f->get || f->names);
			CHECK(strcmp(field_kind_name(f->kind), "?"));
			CHECK(field_by_path(f->path) == f);
		}
	}
	CHECK(!field_by_path("nothing") && !field_by_path("register"));
}

/* A vhost-user message with this payload. */
static void message(unsigned from, uint32_t request, uint32_t flags, const void *payload, size_t n)
{
	struct vqt_vhost_user m = { .request = request,
				    .flags = flags,
				    .size = (uint32_t)n,
				    .from = (uint8_t)from,
				    .len = (uint16_t)n };

	builder_add(&t, VQT_VHOST_USER, &m, sizeof(m), payload, n);
}

static void vhost_user(void)
{
	const uint32_t base[] = { 1, 0x8000 };
	const uint64_t refused = 3, features = 1ull << 26 | 1ull << 32, far = 900;
	struct json_object *o;

	begin();
	message(VQT_FROM_FRONT_END, 10, 0x9, base, sizeof(base));
	o = json();
	string(o, "vhost_user.request", "SET_VRING_BASE");
	string(o, "vhost_user.from", "front_end");
	string(o, "vhost_user.payload.1.field", "base");
	number(o, "vhost_user.payload.1.value", 0x8000);
	json_object_put(o);
	CHECK(strstr(tree_text(), "SET_VRING_BASE queue 1, base 0x00008000, wants a reply"));
	message(VQT_FROM_BACK_END, 10, 0x5, &refused, 8);
	CHECK(strstr(tree_text(), "SET_VRING_BASE: REFUSED (3)"));
	CHECK(strstr(json_text(), "\"refused\":true"));
	message(VQT_FROM_FRONT_END, 2, 0x1, &features, 8);
	CHECK(strstr(tree_text(), "bit 26 = VHOST_F_LOG_ALL"));
	CHECK(strstr(tree_text(), "bit 32 = VIRTIO_F_VERSION_1"));
	/* whatever a file says */
	message(VQT_FROM_FRONT_END, 5, 0x1, &far, 8);
	CHECK(strstr(tree_text(), "SET_MEM_TABLE regions 900"));
	message(VQT_FROM_FRONT_END, 10, 0x1, base, 4);
	CHECK(strstr(tree_text(), "SET_VRING_BASE queue 1\n"));
	message(0, UINT32_MAX, UINT32_MAX, base, sizeof(base));
	CHECK(strstr(tree_text(), "request 4294967295 (unknown)"));
	json_object_put(json());
	message(VQT_FROM_BACK_END_CHANNEL, 2, 0x1, NULL, 0);
	CHECK(strstr(tree_text(), "BACKEND_CONFIG_CHANGE_MSG"));
	builder_finish(&t);
}

static const struct tap_test tests[] = {
	{ "messages of vhost-user", vhost_user },
	{ "the table is well formed", test_table },
	{ "JSON: registers, byte for byte", test_register },
	{ "JSON: kicks, chains, requests, completions", test_request },
	{ "JSON: hostile text", test_hostile_text },
	{ "JSON: long text", test_long_text },
	{ "JSON: descriptive records", test_descriptive },
	{ "JSON and tree of any record", test_any_record },
	{ "tree: bits, descriptors, headers", test_tree },
	{ "tree: what the rings ask for", test_suppression },
	{ "tree: what a sample says", test_sample },
	{ "hex dump", test_hexdump },
	{ "a failed write is told", test_write_error },
};

int main(void)
{
	int rc = tap_main(tests, sizeof(tests) / sizeof(tests[0]));

	free(text);
	return rc;
}
