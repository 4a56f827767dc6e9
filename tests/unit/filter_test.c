/* SPDX-License-Identifier: MIT */
/* The filter language: what it refuses and where, what it matches. */
#include <errno.h>
#include <linux/virtio_blk.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_ring.h>
#include <stdlib.h>

#include "decoder/fields/fields.h"
#include "decoder/filter/filter.h"
#include "decoder/trace/build.h"
#include "tests/unit/record_builder.h"
#include "tests/unit/tap.h"

static struct record_builder t;

static void begin(void)
{
	memset(&t, 0, sizeof(t));
	builder_begin(&t);
}

static bool matches(const char *text)
{
	struct filter_error err;
	struct filter *f;
	bool yes;

	if (filter_compile(&f, text, &err)) {
		printf("# '%s' column %d: %s\n", text, err.column, err.text);
		tap_failed = true;
		return false;
	}
	yes = filter_match(f, &t.e);
	filter_free(f);
	return yes;
}

static void check(const char *text, bool want, int line)
{
	if (matches(text) == want)
		return;
	printf("# line %d: '%s' is not %s\n", line, text, want ? "true" : "false");
	tap_failed = true;
}

#define YES(text) check(text, true, __LINE__)
#define NO(text) check(text, false, __LINE__)

/* --- errors --- */

static const struct {
	const char *text;
	int column, length;
	const char *says; /* a part of the message */
} errors[] = {
	{ "", 0, 0, "empty" },
	{ " \t\n", 0, 0, "empty" },
	/* words and signs */
	{ "event = kick", 7, 1, "write '=='" },
	{ "kick | used", 6, 1, "'||' or 'or'" },
	{ "device == \"blk0", 11, 5, "not closed" },
	{ "device == \"blk0\\", 11, 6, "not closed" },
	{ "kick $ used", 6, 1, "'$' has no meaning" },
	{ "kick \x01", 6, 1, "byte 0x01" },
	{ "queue == 12abc", 10, 5, "not a number" },
	{ "queue == 18446744073709551616", 10, 20, "64 bits" },
	{ "queue == 0x10000000000000000", 10, 19, "64 bits" },
	{ "request.bytes > 99999999T", 17, 9, "64 bits" },
	{ "queue == 1.5", 10, 3, "fraction" },
	/* structure */
	{ "event ==", 9, 1, "ends where a number, a word or a quoted string" },
	{ "event == kick &&", 17, 1, "ends where the name of a field" },
	{ "(event == kick", 15, 1, "ends where &&, || or ')'" },
	{ "event == kick)", 14, 1, "&&, || or the end" },
	{ "event kick", 7, 4, "a comparison such as ==" },
	{ "== kick", 1, 2, "the name of a field" },
	{ "\"event\" == kick", 1, 7, "the name of a field" },
	{ "queue in {}", 11, 1, "a number, a word" },
	{ "queue in {1 2}", 13, 1, "',', '..' or '}'" },
	{ "queue in 1", 10, 1, "'{'" },
	{ "queue == 1 kick", 12, 4, "&&, || or the end" },
	/* names */
	{ "evnt == kick", 1, 4, "did you mean 'event'?" },
	{ "event == kick && register.vlaue == 1", 18, 14, "did you mean 'register.value'?" },
	{ "sector > 5", 1, 6, "did you mean 'request.sector'?" },
	{ "regster", 1, 7, "did you mean 'register'?" },
	{ "zzzzzzzzzz", 1, 10, "--fields" },
	{ "register == 1", 1, 8, "several fields" },
	{ "avail.descriptors > 1", 1, 17, "avail.descriptors.addr" },
	{ "event == kik", 10, 3, "did you mean 'kick'?" },
	{ "request.type == flsh", 17, 4, "did you mean 'flush'?" },
	{ "register.op == x", 16, 1, "it can be read, write" },
	{ "avail.flags & LOP", 15, 3, "did you mean 'LOOP'?" },
	{ "register.value & FEATURES_KO", 18, 11, "no register or feature" },
	{ "queue == zero", 10, 4, "is a number" },
	/* types */
	{ "event < kick", 7, 1, "no order" },
	{ "request.type == 4", 17, 1, "is text" },
	{ "queue == \"0\"", 10, 3, "is a number" },
	{ "queue == -1", 10, 2, "never negative" },
	{ "queue == 1ms", 10, 3, "no time" },
	{ "used.latency > 4k", 16, 2, "is a time" },
	{ "request.latency > 5", 19, 1, "write 5ms" },
	{ "since in {7 .. 8s}", 11, 1, "write 7ms" },
	{ "used.latency > 0.5", 16, 3, "0.5ms" },
	{ "used.latency > 5mss", 16, 4, "units are" },
	{ "event & 1", 9, 1, "no number" },
	{ "queue contains \"1\"", 16, 3, "not text" },
	{ "queue ~ \"1\"", 9, 3, "not text" },
	{ "buffers.bytes ~ \"1\"", 17, 3, "not text" },
	{ "note.text contains 5", 20, 1, "quote" },
	{ "note.text ~ \"(\"", 13, 3, "regular expression" },
	{ "note.text ~ \"((a{99}){99}){99}\"", 13, 19, "repeats too much" },
	{ "note.text ~ \"x++++++++++++++++++++++++++++++\"", 13, 33, "repeats too much" },
	{ "note.text ~ \"[+[:alpha:]]((((((((((((x+)+)+)+)+)+)+)+)+)+)+)+\"", 13, 50,
	  "repeats too much" },
	{ "note.text ~ \"(a?b?c?d?e?f?){400}\"", 13, 21, "repeats too much" },
	{ "event in {kick..used}", 11, 10, "no ranges" },
	{ "queue in {4..2}", 11, 4, "wrong way round" },
	{ "avail.descriptors.write == 2", 28, 1, "true or false" },
	{ "buffers.bytes contains 0x123", 24, 5, "even number of digits" },
	{ "register.value in {ACKNOWLEDGE..5}", 20, 14, "a range needs numbers" },
};

static void test_errors(void)
{
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		struct filter_error err;
		struct filter *f;
		int rc = filter_compile(&f, errors[i].text, &err);

		if (rc == -EINVAL && !f && err.column == errors[i].column &&
		    err.length == errors[i].length && strstr(err.text, errors[i].says))
			continue;
		printf("# '%s': %d, column %d+%d: %s\n#  wanted %d+%d: %s\n", errors[i].text, rc,
		       err.column, err.length, rc ? err.text : "", errors[i].column,
		       errors[i].length, errors[i].says);
		tap_failed = true;
		filter_free(f);
	}
}

static char *repeated(const char *begin, const char *middle, const char *end, size_t n)
{
	size_t m = strlen(middle);
	char *s = malloc(strlen(begin) + n * m + strlen(end) + 1), *at;

	at = stpcpy(s, begin);
	for (size_t i = 0; i < n; i++)
		at = stpcpy(at, middle);
	strcpy(at, end);
	return s;
}

static void refused(char *text, const char *says)
{
	struct filter_error err;
	struct filter *f;

	CHECK_EQ(filter_compile(&f, text, &err), -EINVAL);
	CHECK(strstr(err.text, says));
	free(text);
}

static void test_limits(void)
{
	struct filter_error err;
	struct filter *f;
	char *s;

	refused(repeated("", "(", "", 60000), "too deeply");
	refused(repeated("", "!", "kick", 1000), "too deeply");
	refused(repeated("", "not kick and (", "", 700), "too deeply");
	refused(repeated("kick", " ", "", FILTER_TEXT_MAX), "longer");
	/* A long chain is not deep. */
	s = repeated("kick", " or kick", "", 5000);
	CHECK_EQ(filter_compile(&f, s, &err), 0);
	filter_free(f);
	free(s);
}

static void test_format(void)
{
	struct filter_error err;
	struct filter *f;
	char buf[600], *s;

	filter_compile(&f, "kick && evnt == used", &err);
	CHECK_STR(filter_error_format(buf, sizeof(buf), "kick && evnt == used", &err),
		  "there is no field 'evnt'; did you mean 'event'?\n"
		  "  kick && evnt == used\n"
		  "          ^~~~");
	/* Two bytes of UTF-8 are one column; a tab is one blank. */
	filter_compile(&f, "device == \"\xc3\xa9\"\t&& evnt", &err);
	CHECK_STR(filter_error_format(buf, sizeof(buf), "device == \"\xc3\xa9\"\t&& evnt", &err),
		  "there is no field 'evnt'; did you mean 'event'?\n"
		  "  device == \"\xc3\xa9\" && evnt\n"
		  "                   ^~~~");
	/* The end of the text has a place too. */
	filter_compile(&f, "queue ==", &err);
	filter_error_format(buf, sizeof(buf), "queue ==", &err);
	CHECK(strstr(buf, "\n  queue ==\n          ^"));
	/* Only what is near is shown of a long one, and never more than fits. */
	s = repeated("", "kick or ", "evnt", 1000);
	filter_compile(&f, s, &err);
	filter_error_format(buf, sizeof(buf), s, &err);
	CHECK(strlen(buf) < 300 && strstr(buf, "or evnt\n"));
	CHECK(strlen(filter_error_format(buf, 10, s, &err)) < 10);
	free(s);
	/* Nowhere in particular. */
	filter_compile(&f, "", &err);
	CHECK_STR(filter_error_format(buf, sizeof(buf), "", &err), "the filter is empty");
}

/* --- matching --- */

static void test_register(void)
{
	begin();
	builder_write(&t, VQT_REGION_COMMON, 0x14, 1, 0);
	builder_write(&t, VQT_REGION_COMMON, 0x14, 1, 0x0b);
	YES("event == register");
	YES("event == \"register\"");
	YES("event == REGISTER");
	NO("event == \"REGISTER\"");
	NO("event != register");
	YES("event ne kick");
	YES("event in {kick, register}");
	NO("event not in {kick, register}");
	YES("register");
	NO("kick");
	NO("avail.descriptors");
	YES("register.field == device_status && register.op == write");
	YES("register.value == 0xb and register.value ge 11 and register.value le 0xb");
	NO("register.value gt 11 or register.value lt 11");
	YES("register.value & FEATURES_OK");
	YES("register.value & features_ok");
	NO("register.value & DRIVER_OK");
	YES("register.value & 0x18 == 8");
	NO("register.value & 0x18 == 0x18");
	YES("register.value & 0x18 != 0x18");
	YES("register.value & FEATURES_OK && !(register.before & FEATURES_OK)");
	YES("register.text contains \"DRIVER|FEATURES\"");
	YES("register.text ~ \"^ACK.*OK\"");
	/* repetitions side by side do not multiply */
	YES("register.text ~ \"^([A-Z]+[|]?)+([[:upper:]_]{2,30}[^]{+(]+){0,9}(FEAT|[a-z{]+)+(U)+(R)+(E)+(S)+_+O+K+ \"");
	NO("register.text matches \"^OK\"");
	YES("device == blk0 && device_type == blk && device != blk1");
	YES("device_status & FEATURES_OK");
	YES("source == qemu and not missing and number == 5");
	NO("queue");
	NO("queue == 0");
	NO("queue != 0"); /* absent: nothing to be different */
	YES("!(queue == 0)");
	YES("ts > 1ms and ts < 2ms and delta == 1us and delta == 1000ns and delta == 0.001ms");
	NO("delta > 1us or since > 1s or since >= 1m or since >= 1h");
	builder_finish(&t);
}

/* A name stands for its bit only where the register has it. */
static void test_names(void)
{
	begin();
	builder_write(&t, VQT_REGION_COMMON, 0x18, 2,
		      8); /* queue_size, the number of FEATURES_OK */
	YES("register.value & 8");
	NO("register.value & FEATURES_OK");
	YES("register.select == 0 and queue == 0");
	builder_write(&t, VQT_REGION_COMMON, 8, 4, 0);
	builder_write(&t, VQT_REGION_COMMON, 12, 4, 1 << VIRTIO_BLK_F_FLUSH);
	YES("register.value & VIRTIO_BLK_F_FLUSH");
	YES("register.value & FLUSH");
	NO("register.value & VERSION_1"); /* bit 32: in the next word */
	builder_write(&t, VQT_REGION_COMMON, 8, 4, 1);
	builder_write(&t, VQT_REGION_COMMON, 12, 4, 1);
	YES("register.value & VIRTIO_F_VERSION_1 and register.select == 1");
	NO("register.value & VIRTIO_BLK_F_FLUSH");
	builder_finish(&t);
}

static void test_chain(void)
{
	begin();
	builder_kick(&t, 41, 43);
	YES("kick and ring and ring.avail_idx == 43 and kick.new == 2 and kick.via == ioeventfd");
	NO("ring.used_idx");
	NO("kick.value");
	NO("ring.packed"); /* a boolean alone: it is true */
	YES("ring.packed == false");
	builder_read_request(&t, 5, 2048);
	YES("request.type == in"); /* also a keyword */
	YES("request.type in {flush, in}");
	YES("request.type == IN && request.sector == 2048 && request.bytes == 4k");
	YES("request.bytes in {1..4095, 4KiB} and request.bytes < 1M");
	NO("request.bytes in {1..4095, 4097..8k}");
	/* Arrays: any element; != and not in: none. */
	YES("avail.descriptors.len == 16 and avail.descriptors.len == 1");
	NO("avail.descriptors.len == 17");
	NO("avail.descriptors.len != 16");
	YES("avail.descriptors.len != 17");
	YES("avail.descriptors.len not in {2..15}");
	NO("avail.descriptors.len not in {2..16}");
	YES("avail.descriptors.flags & WRITE");
	NO("avail.descriptors.flags & INDIRECT");
	YES("avail.descriptors.write and avail.descriptors");
	NO("avail.descriptors.indirect");
	NO("avail.in_flight");
	NO("avail.flags & 0x3ff or avail.flags & LOOP");
	YES("buffers.bytes contains 0x0008 and buffers.descriptor == 0");
	YES("buffers.bytes contains \"\\x00\\x08\"");
	NO("buffers.bytes contains 0x0108");
	YES("device == \"blk0\" && (event == kick || request.type == in)");
	builder_used(&t, 5, 4097, 1);
	YES("used and used.status == IOERR and used.status_byte == 1 and used.len > 4k");
	YES("used.latency == 1us and request.latency > 999ns");
	NO("used.unknown");
	builder_used(&t, 6, 0, 0);
	YES("used.unknown and not request");
	builder_irq(&t, VQT_IRQ_MSIX, 1);
	YES("interrupt.vector == 1 and interrupt.kind == msix and not interrupt.level");
	builder_finish(&t);
}

static void test_records(void)
{
	struct vqt_lifecycle life = { .what = VQT_LIFECYCLE_ADD_QUEUE, .arg = { 256, 77 } };
	struct vqt_backend end = { .op = VQT_BACKEND_READ, .phase = 1, .head = 0xffff, .ret = -5 };
	struct vqt_device_state state = {
		.known = VQT_KNOWN_ACCEPTED,
		.accepted = { 1ULL << 32 | 1 << VIRTIO_BLK_F_FLUSH, 0 },
	};
	struct vqt_note note = { .len = 5 };

	begin();
	builder_add(&t, VQT_LIFECYCLE, &life, sizeof(life), NULL, 0);
	YES("lifecycle.step == add_queue and lifecycle.args == 256 and lifecycle.args == 77");
	NO("lifecycle.args == 0");
	NO("lifecycle.text");
	builder_add(&t, VQT_BACKEND, &end, sizeof(end), NULL, 0);
	YES("backend.ret == -5 and backend.ret < 0 and backend.ret in {-9..-1} and backend.op == read");
	builder_add(&t, VQT_DEVICE_STATE, &state, sizeof(state), NULL, 0);
	YES("device_state.accepted & FLUSH and device_state.accepted & VERSION_1");
	NO("device_state.accepted & VIRTIO_BLK_F_MQ or device_state.offered");
	builder_add(&t, VQT_NOTE, &note, sizeof(note), "a\0\"b\n", 5);
	YES("note.text contains \"\\\"b\" and note.text contains \"\\0\" and note.level == info");
	YES("note.text == \"a\\0\\\"b\\n\"");
	builder_finish(&t);
}

/* Every field can be asked of every event, present or not. */
static void test_every_field(void)
{
	const struct field *f;
	struct filter_error err;

	begin();
	builder_read_request(&t, 1, 1);
	for (unsigned n = 0; (f = field_nth(n)); n++) {
		struct filter *c;

		CHECK_EQ(filter_compile(&c, f->path, &err), 0);
		filter_match(c, &t.e);
		filter_free(c);
		CHECK(field_by_path(f->path) == f);
		CHECK(f->help && f->label && field_group_of(f));
	}
	builder_finish(&t);
}

/* A device has a name and, of its user, an id; QEMU's users write ids with any characters. */
static void test_device(void)
{
	struct vqt_device d = { .virtio_id = VIRTIO_ID_9P, .bdf = ~0U };
	_Alignas(8) uint8_t tail[64];
	struct build b = { .bytes = tail, .size = sizeof(tail) };

	begin();
	build_text(&b, VQT_TAG_ID, "virtio-disk0:1");
	t.device = 2;
	builder_add(&t, VQT_DEVICE, &d, sizeof(d), tail, b.len);
	YES("device == 9p0");
	YES("device == virtio-disk0:1 && device_id == virtio-disk0:1");
	YES("device in {blk0, virtio-disk0:1} and device contains disk");
	NO("device != 9p0 or device == virtio-disk0 or device != virtio-disk0:1");
	builder_finish(&t);
}

/* What the timeline says: "3 descriptors (indirect)". */
static void test_indirect(void)
{
	const struct vqt_desc d[] = {
		{ 0x9000, 48, VRING_DESC_F_INDIRECT, 0 },
		{ 0x1000, 16, VRING_DESC_F_NEXT, 1 },
		{ 0x2000, 512, VRING_DESC_F_NEXT | VRING_DESC_F_WRITE, 2 },
		{ 0x3000, 1, VRING_DESC_F_WRITE, 0 },
	};
	struct vqt_avail a = { .ndesc = 4, .ndirect = 1 };

	begin();
	t.queue = 0;
	builder_add(&t, VQT_AVAIL, &a, sizeof(a), d, sizeof(d));
	YES("request.descriptors == 3 and avail.count == 4");
	builder_finish(&t);
}

static const struct tap_test tests[] = {
	{ "errors name the problem and its column", test_errors },
	{ "hostile filters meet limits", test_limits },
	{ "an error is shown under its text", test_format },
	{ "registers, comparisons, bits, sets, presence", test_register },
	{ "names of bits are those of the register", test_names },
	{ "kicks, chains, requests, completions", test_chain },
	{ "other records, signed numbers, text with any byte", test_records },
	{ "every field can be filtered by", test_every_field },
	{ "a device by its name and by its user's id", test_device },
	{ "descriptors of an indirect table", test_indirect },
};

TAP_MAIN(tests)
