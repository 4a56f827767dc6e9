/* SPDX-License-Identifier: MIT */
/* Call stacks: described once, and never shown where they do not belong. */
#include <errno.h>
#include <linux/virtio_pci.h>
#include <stdlib.h>

#include "bpf/guest/stacks.h"
#include "bpf/prog/guest.h"
#include "decoder/edit/anonymise.h"
#include "decoder/fields/fields.h"
#include "decoder/filter/filter.h"
#include "decoder/print/json.h"
#include "decoder/print/verbose.h"
#include "decoder/stacks/flame.h"
#include "decoder/stacks/stacks.h"
#include "decoder/trace/build.h"
#include "decoder/trace/stacks.h"
#include "tests/unit/record_builder.h"
#include "tests/unit/tap.h"

static struct record_builder t;

static void begin(void)
{
	memset(&t, 0, sizeof(t));
	builder_begin(&t);
}

/* A stack of two frames: the first has this name, the second has none. */
static void describe(uint32_t id, const char *name)
{
	struct vqt_stack s = { .id = id, .nframes = 2, .len = (uint32_t)strlen(name) + 2 };
	uint64_t pc[2] = { 0x1000 + id, 0xffffffffc0123456 };
	uint8_t tail[128] = { 0 };

	memcpy(tail, pc, sizeof(pc));
	memcpy(tail + sizeof(pc), name, strlen(name));
	builder_add(&t, VQT_STACK, &s, sizeof(s), tail, sizeof(pc) + s.len);
}

/* A kick at this stack. */
static void kick_at(uint32_t id)
{
	struct {
		struct vqt_tlv tlv;
		uint32_t id;
	} tail = { { VQT_TAG_STACK, sizeof(id) }, id };
	struct vqt_kick k = { .via = VQT_KICK_CALL };

	builder_add(&t, VQT_KICK, &k, sizeof(k), &tail, sizeof(tail));
}

static bool matches(const char *text)
{
	struct filter_error err;
	struct filter *f;
	bool yes;

	if (filter_compile(&f, text, &err)) {
		printf("# '%s': %s\n", text, err.text);
		tap_failed = true;
		return false;
	}
	yes = filter_match(f, &t.e);
	filter_free(f);
	return yes;
}

/* What is printed of the last event; the caller frees it. */
static char *printed(bool json)
{
	char *text;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	if (json)
		CHECK_EQ(print_json(f, &t.e), 0);
	else
		CHECK_EQ(print_verbose(f, &t.e, t.model, true), 0);
	fclose(f);
	return text;
}

static bool prints(bool json, const char *what)
{
	char *text = printed(json);
	bool found = strstr(text, what) != NULL;

	if (!found)
		printf("# %s", text);
	free(text);
	return found;
}

static void shown(void)
{
	begin();
	describe(3, "vp_notify+0x0/0x20 [virtio_pci]");
	CHECK(t.e.stack && t.e.stack->n == 2);
	CHECK(!matches("stack_id"));
	kick_at(3);
	CHECK(matches("stack_id == 3"));
	CHECK(matches("stack contains \"vp_notify\""));
	CHECK(matches("stack contains \"0xffffffffc0123456\"")); /* no name: its address */
	CHECK(!matches("stack contains \"virtqueue\""));
	CHECK(prints(true, "\"stack_id\":3,\"stack\":[\"vp_notify+0x0/0x20 [virtio_pci]\","
			   "\"0xffffffffc0123456\"]"));
	CHECK(prints(false, "    Call stack 3\n"
			    "        #0 0x0000000000001003 vp_notify+0x0/0x20 [virtio_pci]\n"
			    "        #1 0xffffffffc0123456\n"));
	builder_kick(&t, 0, 0);
	CHECK(!matches("stack_id") && !matches("stack"));
	builder_finish(&t);
}

/* Where it is not known which one it was, none is shown. */
static void unknown(void)
{
	struct vqt_source s = { .kind = VQT_SRC_GUEST };

	begin();
	kick_at(3);
	CHECK(!t.e.stack && t.e.rec->stack_id == 3);
	CHECK(matches("stack_id == 3") && !matches("stack"));
	CHECK(prints(false, "Call stack 3, which is not in the trace\n"));
	describe(3, "first");
	describe(4, "other");
	describe(3, "second"); /* of an id that is used again, the latest */
	kick_at(3);
	CHECK(matches("stack contains \"second\"") && !matches("stack contains \"first\""));
	t.source = 2; /* another source's */
	kick_at(3);
	CHECK(!t.e.stack);
	t.source = 1;
	builder_add(&t, VQT_SOURCE, &s, sizeof(s), NULL, 0); /* it begins again */
	kick_at(3);
	CHECK(!t.e.stack);
	describe(0, "none"); /* no id */
	CHECK(!t.e.stack);
	kick_at(0);
	CHECK(!t.e.stack && !t.e.rec->stack_id);
	builder_finish(&t);
}

/* What stands behind an event, whatever it is. */
static void hostile(void)
{
	static const struct {
		const char *bytes;
		size_t n;
		uint32_t id;
	} tails[] = {
		{ "\16\0\4\0\5\0\0\0", 8, 5 },
		{ "\16\0\4\0\5\0\0", 7, 0 },
		{ "\16\0\4\0", 4, 0 },
		{ "\16\0\3\0\5\0\0\0", 8, 0 }, /* of another length */
		{ "\16\0\10\0\5\0\0\0\0\0\0\0", 12, 0 },
		{ "\16\0\377\377\5\0\0\0", 8, 0 },
		{ "\143\0\1\0x\0\0\0\16\0\4\0\6\0\0\0", 16, 6 }, /* behind one of another tag */
		{ "\0\0\0\0\16\0\4\0\6\0\0\0", 12, 0 }, /* behind the end */
		{ "xyz", 3, 0 },
	};
	struct vqt_kick k = { .via = VQT_KICK_CALL };

	begin();
	for (size_t i = 0; i < sizeof(tails) / sizeof(tails[0]); i++) {
		builder_add(&t, VQT_KICK, &k, sizeof(k), tails[i].bytes, tails[i].n);
		CHECK_EQ(t.rec.stack_id, tails[i].id);
		CHECK_EQ(record_known_len(&t.rec), sizeof(k));
	}
	builder_finish(&t);
}

/* Behind a text, which ends anywhere; and what may be anywhere is no stack. */
static void built(void)
{
	static const char name[] = "vp_reset";
	_Alignas(8) uint8_t bytes[128];
	struct record r;

	for (unsigned n = 0; n < sizeof(name); n++) {
		struct build b;
		struct vqt_guest *g = build_begin(&b, bytes, sizeof(bytes), VQT_GUEST, sizeof(*g));
		size_t len = sizeof(*g) + n;

		g->len = (uint16_t)n;
		memcpy(bytes + sizeof(*g), name, n);
		b.len = len;
		CHECK(build_stack(&b, 77));
		CHECK(b.len - len <= BUILD_STACK_MAX && b.len % 4 == 0);
		CHECK_EQ(record_parse(&r, bytes, b.len, NULL), 0);
		CHECK_EQ(r.stack_id, 77);
		CHECK_EQ(record_known_len(&r), len);
		b.len = b.size = len;
		CHECK(!build_stack(&b, 77) && b.len == len);
	}
}

static void frames_bounded(void)
{
	struct vqt_stack s = { .h.type = VQT_STACK, .id = 1, .nframes = 2, .len = 4 };
	_Alignas(8) uint8_t bytes[sizeof(s) + 20] = { 0 };
	struct record r;

	memcpy(bytes, &s, sizeof(s));
	CHECK_EQ(record_parse(&r, bytes, sizeof(bytes), NULL), 0);
	CHECK_EQ(record_parse(&r, bytes, sizeof(bytes) - 1, NULL), -EBADMSG);
	((struct vqt_stack *)(void *)bytes)->len = 0xfffffff8; /* with the frames, it wraps */
	CHECK_EQ(record_parse(&r, bytes, sizeof(bytes), NULL), -EBADMSG);
	((struct vqt_stack *)(void *)bytes)->len = 0;
	((struct vqt_stack *)(void *)bytes)->nframes = 3;
	CHECK_EQ(record_parse(&r, bytes, sizeof(bytes), NULL), -EBADMSG);
}

/* Anonymised, a trace has neither stacks nor what refers to them. */
static void anonymised(void)
{
	struct anonymise *a = anonymise_new();
	_Alignas(8) uint8_t buf[65536];
	struct record r;
	size_t len;

	begin();
	describe(3, "vp_notify");
	memcpy(buf, t.bytes, t.len);
	CHECK_EQ(anonymise_record(a, &t.e, buf, t.len, sizeof(buf), NULL), 0);
	kick_at(3);
	memcpy(buf, t.bytes, t.len);
	len = anonymise_record(a, &t.e, buf, t.len, sizeof(buf), NULL);
	CHECK_EQ(record_parse(&r, buf, len, NULL), 0);
	CHECK_EQ(r.stack_id, 0);
	builder_finish(&t);
	anonymise_free(a);
}

/* --- what the programs find -------------------------------------------------------------- */

/* A stack as a program sends it: the names of its frames, after one that does not count. */
static void find(struct stacks *s, uint64_t key, unsigned n, const char *const *names)
{
	struct {
		struct vqt_hdr h;
		struct vqg_stack s;
		char text[1024];
	} found = { .h.type = VQT_STACK, .s = { .key = key, .first = 1, .n = (uint16_t)n } };

	for (unsigned i = 0; i < n; i++) {
		size_t len = strlen(names[i]) + 1;
		const char *plus = strchr(names[i], '+');

		memcpy(found.text + found.s.len, names[i], len);
		found.s.len = (uint16_t)(found.s.len + len);
		/* the same place in a function has the same address */
		for (const char *c = names[i]; c < plus; c++)
			found.s.pc[1 + i] += (unsigned char)*c;
		found.s.pc[1 + i] =
			(found.s.pc[1 + i] << 16) + (plus ? strtoul(plus, NULL, 16) : 0);
	}
	stacks_add(s, &found, sizeof(found.h) + sizeof(found.s) + found.s.len);
}

#define FIND(s, key, ...) \
	find(s, key, sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(char *), \
	     (const char *const[]){ __VA_ARGS__ })

/* The names of a description, with spaces; "": it is in the file already. */
static const char *names_of(struct stacks *s, uint32_t id)
{
	static _Alignas(8) uint8_t buf[STACKS_RECORD];
	static char text[STACKS_RECORD];
	size_t len = stacks_describe(s, id, buf, sizeof(buf));
	struct record r;

	text[0] = 0;
	if (!len)
		return text;
	CHECK_EQ(record_parse(&r, buf, len, NULL), 0);
	CHECK_EQ(r.stack.id, id);
	memcpy(text, r.tail + 8U * r.stack.nframes, r.stack.len);
	for (uint32_t i = 0; i + 1 < r.stack.len; i++)
		if (!text[i])
			text[i] = '|';
	return text;
}

static void found(void)
{
	struct stacks *s = stacks_new();
	uint32_t id;

	FIND(s, 10, "vp_notify+0x1/0x20 [virtio_pci]", "virtqueue_notify+0x1b/0x40", "0xffff");
	id = stacks_id(s, 10);
	CHECK_EQ(id, 1);
	CHECK_EQ(stacks_id(s, 11), 0);
	CHECK(!strcmp(names_of(s, id),
		      "vp_notify+0x0/0x20 [virtio_pci]|virtqueue_notify+0x1b/0x40|"));
	CHECK(!strcmp(names_of(s, id), "")); /* once in a file */
	stacks_describe_again(s);
	CHECK(*names_of(s, id));
	/* the same, by a trampoline */
	FIND(s, 11, "vp_notify+0x5/0x20 [virtio_pci]", "virtqueue_notify+0x1b/0x40", "0xffff");
	CHECK_EQ(stacks_id(s, 11), id);
	FIND(s, 12, "vp_notify+0x5/0x20 [virtio_pci]", "virtqueue_notify+0x1f/0x40", "0xffff");
	CHECK_EQ(stacks_id(s, 12), 2);
	/* one that is on the way; and what a tracepoint calls */
	FIND(s, 13, "bpf_trace_run2+0x1/0x2", "__bpf_trace_x+0x1/0x2",
	     "blk_mq_start_request+0xbf/0x140", "done+0x60/0xd0", "bpf_trampoline_1+0x87/0x1000",
	     "done+0x5/0xd0", "irq+0x1/0x2");
	CHECK(!strcmp(names_of(s, stacks_id(s, 13)),
		      "blk_mq_start_request+0xbf/0x140|done+0x60/0xd0|irq+0x1/0x2"));
	FIND(s, 14, "0x1"); /* no names at all */
	CHECK(!strcmp(names_of(s, stacks_id(s, 14)), ""));
	CHECK_EQ(stacks_id(s, 14), 4);
	stacks_free(s);
}

/* More than can be told apart: those that were found first stay, the others are unknown. */
static void too_many(void)
{
	struct stacks *s = stacks_new();
	char name[32];

	for (unsigned i = 0; i < VQG_STACKS + 10; i++) {
		snprintf(name, sizeof(name), "f+0x%x/0x9", i + 64);
		FIND(s, i + 1, name);
	}
	CHECK_EQ(stacks_id(s, VQG_STACKS), VQG_STACKS);
	CHECK_EQ(stacks_id(s, VQG_STACKS + 1), 0);
	CHECK_EQ(stacks_id(s, 1), 1);
	stacks_free(s);
}

/* --- files --------------------------------------------------------------------------------- */

static void kept(void)
{
	struct kept_stacks s = { 0 };
	struct vqt_stack a = { .h = { .type = VQT_STACK, .source = 2, .seq = 5, .ts = 6 },
			       .id = 3 };
	struct vqt_stack b = a;
	const struct vqt_stack *again;
	size_t len;

	b.flags = VQT_STACK_CUT;
	CHECK(!kept_stacks_needed(&s, 2, 3, &len));
	CHECK_EQ(kept_stacks_add(&s, &a, sizeof(a), true), 0);
	CHECK(!kept_stacks_needed(&s, 2, 3, &len)); /* it was written just now */
	kept_stacks_again(&s);
	CHECK(!kept_stacks_needed(&s, 2, 4, &len) && !kept_stacks_needed(&s, 2, 0, &len));
	CHECK(!kept_stacks_needed(&s, 1, 3, &len));
	again = kept_stacks_needed(&s, 2, 3, &len);
	CHECK(again && len == sizeof(a) && again->id == 3 && !again->h.seq && !again->h.ts);
	CHECK(!kept_stacks_needed(&s, 2, 3, &len));
	CHECK_EQ(kept_stacks_add(&s, &b, sizeof(b), false), 0); /* another one of this id */
	again = kept_stacks_needed(&s, 2, 3, &len);
	CHECK(again && again->flags == VQT_STACK_CUT);
	kept_stacks_again(&s);
	kept_stacks_forget(&s, 1);
	CHECK(kept_stacks_needed(&s, 2, 3, &len));
	kept_stacks_again(&s);
	kept_stacks_forget(&s, 2);
	CHECK(!kept_stacks_needed(&s, 2, 3, &len));
	CHECK_EQ(s.bytes, 0);
	kept_stacks_free(&s);
}

/* Counted: equal stacks together, what separates frames not in their names, and what has none. */
static void folded(void)
{
	struct stack_counts s = { 0 };
	char *text = NULL;
	size_t len = 0;
	FILE *to = open_memstream(&text, &len);

	begin();
	describe(1, "vp;notify+0x10/0x20 [virtio_pci]");
	describe(2, "odd name\n (inlined) [libstdc++.so] (x.c:1)");
	describe(3, "odd name\n (inlined) [libstdc++.so] (x.c:2)");
	for (unsigned i = 0; i < 5; i++) {
		kick_at(i < 3 ? 1 : i - 1);
		CHECK_EQ(stack_counts_add(&s, &t.e), 0);
	}
	kick_at(77); /* is not described */
	CHECK_EQ(stack_counts_add(&s, &t.e), 0);
	CHECK_EQ(s.without, 1);
	CHECK_EQ(stack_counts_print(to, &s), 0);
	fclose(to);
	CHECK_STR(text, "blk0;kick;0xffffffffc0123456;odd name\\x0a 2\n"
			"blk0;kick;0xffffffffc0123456;vp:notify 3\n");
	free(text);
	builder_finish(&t);
}

/* --- drawn --------------------------------------------------------------------------------- */

/* A flame graph of what was counted; the caller frees it. */
static char *flame(struct stack_counts *s)
{
	char *text = NULL;
	size_t len = 0;
	FILE *to = open_memstream(&text, &len);

	CHECK_EQ(flame_svg(to, s, "<\x01&>"), 0);
	fclose(to);
	stack_counts_free(s);
	return text;
}

static void kicks_at(struct stack_counts *s, uint32_t id, unsigned n)
{
	while (n--) {
		kick_at(id);
		CHECK_EQ(stack_counts_add(s, &t.e), 0);
	}
}

/* How often it is there. */
static unsigned occurs(const char *text, const char *what)
{
	unsigned n = 0;

	while ((text = strstr(text, what))) {
		text++;
		n++;
	}
	return n;
}

/* Functions are one frame, whatever the place in them; what is below a frame is within it. */
static void drawn(void)
{
	struct stack_counts s = { 0 };
	char *text;

	begin();
	describe(1, "vp_notify+0x10/0x20 [virtio_pci]");
	describe(2, "vp_notify+0x18/0x20 [virtio_pci]");
	describe(3, "a<b>&\"c\"+0x1/0x2 [x]");
	kicks_at(&s, 1, 1);
	kicks_at(&s, 2, 2);
	kicks_at(&s, 3, 1);
	kick_at(77);
	CHECK_EQ(stack_counts_add(&s, &t.e), 0);
	text = flame(&s);
	/* sorted: a<b> is to the left */
	CHECK(strstr(text, "<title>a&lt;b&gt;&amp;&quot;c&quot; (1 event, 25.00%)</title><rect "
			   "x=\"10.0\" y=\"44\" width=\"295.0\" height=\"16\""));
	CHECK(strstr(text, "<title>vp_notify (3 events, 75.00%)</title><rect x=\"305.0\" y=\"44\" "
			   "width=\"885.0\""));
	CHECK(strstr(text, "<title>0xffffffffc0123456 (4 events, 100.00%)</title><rect x=\"10.0\" "
			   "y=\"61\" width=\"1180.0\""));
	CHECK(strstr(text, "<title>kick (4 events, 100.00%)</title><rect x=\"10.0\" y=\"78\""));
	CHECK(strstr(text, "<title>blk0 (4 events, 100.00%)</title><rect x=\"10.0\" y=\"95\""));
	CHECK_EQ(occurs(text, "<rect "), 5);
	CHECK(strstr(text, "1 events have no call stack."));
	CHECK(strstr(text, ": &lt;\\x01&amp;&gt;</text>"));
	CHECK(!strstr(text, "not drawn"));
	free(text);
	builder_finish(&t);
}

/* Names that begin alike, and one that ends where others go on: neighbours all the same. */
static void drawn_once(void)
{
	static const char *const names[] = { "f+0x1/0x2", "f-+0x1/0x2", "f", "f!", "fa+0x1/0x2" };
	struct stack_counts s = { 0 };
	char *text;

	begin();
	for (unsigned i = 0; i < 5; i++) {
		describe(i + 1, names[i]);
		kicks_at(&s, i + 1, i + 1);
	}
	text = flame(&s);
	CHECK(strstr(text, "<title>f (4 events, ")); /* 1 and 3 */
	CHECK(strstr(text, "<title>f- (2 events, ") && strstr(text, "<title>f! (4 events, "));
	CHECK_EQ(occurs(text, "<rect "), 3 + 4);
	free(text);
	builder_finish(&t);
}

/* However many there are: so many are drawn, and the picture says that there are others. */
static void drawn_bounded(void)
{
	struct stack_counts s = { 0 };
	char name[64], *text;

	begin();
	for (unsigned i = 0; i < FLAME_FRAMES + 2000; i++) {
		snprintf(name, sizeof(name), "function%u+0x1/0x2", i);
		describe(1, name);
		kicks_at(&s, 1, i ? 1 : 5000);
	}
	text = flame(&s);
	CHECK(occurs(text, "<rect ") <= FLAME_FRAMES);
	CHECK(strstr(text, "<title>function0 (5000 events, "));
	CHECK(strstr(text, "11999 frames of fewer than 2 events are not drawn."));
	free(text);

	/* levels: a stack of more frames than are drawn */
	for (unsigned i = 0; i < 2; i++) {
		struct vqt_stack v = { .id = 9, .nframes = 300 };
		uint64_t pc[300];

		for (unsigned k = 0; k < 300; k++)
			pc[k] = 0x1000 + k;
		builder_add(&t, VQT_STACK, &v, sizeof(v), pc, sizeof(pc));
		kicks_at(&s, 9, 1);
	}
	text = flame(&s);
	CHECK_EQ(occurs(text, "<rect "), 256);
	CHECK(strstr(text, "Of 2 events only the outermost 256 levels are drawn."));
	free(text);

	text = flame(&s); /* nothing at all */
	CHECK(strstr(text, "no event has a call stack"));
	CHECK_EQ(occurs(text, "<rect "), 0);
	free(text);
	builder_finish(&t);
}

static const struct tap_test tests[] = {
	{ "drawn", drawn },
	{ "drawn once", drawn_once },
	{ "drawn within bounds", drawn_bounded },
	{ "counted", folded },
	{ "printed, and found by filters", shown },
	{ "a stack that is not described, of another source, of before", unknown },
	{ "what stands behind an event", hostile },
	{ "behind an event of any length", built },
	{ "frames and names stay in the record", frames_bounded },
	{ "not in an anonymous trace", anonymised },
	{ "frames that count, once", found },
	{ "more than are told apart", too_many },
	{ "written again to a new file, when needed", kept },
};

TAP_MAIN(tests)
