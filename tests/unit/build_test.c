/* SPDX-License-Identifier: MIT */
/* Building records: what is built parses to the same, and no part exceeds the buffer. */
#include <stdlib.h>
#include <string.h>

#include "decoder/trace/build.h"
#include "decoder/trace/record.h"
#include "tests/unit/tap.h"

static void chain(void)
{
	static const struct vqt_desc desc[2] = { { 0x1000, 16, 1, 1 }, { 0x2000, 5, 0, 0 } };
	_Alignas(8) uint8_t buf[256];
	struct build b;
	struct vqt_avail *a = build_begin(&b, buf, sizeof(buf), VQT_AVAIL, sizeof(*a));
	struct record r;
	struct record_seg s;
	uint32_t pos = 0;

	CHECK(a && a->h.type == VQT_AVAIL && a->h.queue == VQT_NO_QUEUE && !a->nseg);
	a->ndesc = a->ndirect = 2;
	CHECK(build_bytes(&b, desc, sizeof(desc)));
	for (unsigned i = 0; i < 2; i++) {
		uint8_t *at = build_seg(&b, (uint16_t)i, 3 * i, 5);

		CHECK(at && !at[0] && !at[7]); /* with its padding */
		if (at)
			memcpy(at, i ? "world" : "hello", 5);
		a->nseg++;
	}
	CHECK_EQ(b.len, sizeof(*a) + 2 * 16 + 2 * (8 + 8));
	CHECK(!record_parse(&r, buf, b.len, NULL));
	CHECK_EQ(record_desc(&r, 1).addr, 0x2000);
	CHECK(record_seg_next(&r, &pos, &s) == 1 && s.desc == 0 && s.len == 5);
	CHECK(record_seg_next(&r, &pos, &s) == 1 && s.desc == 1 && s.offset == 3);
	CHECK(!memcmp(s.bytes, "world", 5));
	CHECK(!record_seg_next(&r, &pos, &s));
	pos = 0;
	a = build_begin(&b, buf, sizeof(buf), VQT_KICK, sizeof(struct vqt_kick));
	CHECK(a && !record_parse(&r, buf, b.len, NULL));
	CHECK(!record_seg_next(&r, &pos, &s)); /* of a record that has none */
}

static void texts(void)
{
	static char big[BUILD_TEXT_MAX + 100];
	_Alignas(8) static uint8_t buf[8192];
	struct build b;
	struct record r;
	size_t len;

	memset(big, 'x', sizeof(big) - 1);
	CHECK(build_begin(&b, buf, sizeof(buf), VQT_SESSION, sizeof(struct vqt_session)));
	CHECK(build_text(&b, VQT_TAG_HOST, NULL) && build_text(&b, VQT_TAG_OS, ""));
	CHECK_EQ(b.len, sizeof(struct vqt_session));
	CHECK(build_text(&b, VQT_TAG_TOOL, "tool") && build_text(&b, VQT_TAG_COMMAND, big));
	CHECK(!record_parse(&r, buf, b.len, NULL));
	CHECK(record_tlv(&r, VQT_TAG_TOOL, &len) && len == 4);
	CHECK(record_tlv(&r, VQT_TAG_COMMAND, &len) && len == BUILD_TEXT_MAX);
	CHECK(!record_tlv(&r, VQT_TAG_HOST, &len));
}

/* The class of an object: its callbacks, those that are broken left out. */
static void class(void)
{
	static const struct vqt_callback found = { .function = 0x5000,
						   .offset = 0x90,
						   .naming = VQT_NAMED_ROLE };
	static const struct vqt_callback not_found = { .offset = VQT_CLASS_UNKNOWN };
	_Alignas(8) uint8_t buf[512];
	struct vqt_callback broken = { .len = 9 };
	struct build b;
	struct vqt_class *k = build_begin(&b, buf, sizeof(buf), VQT_CLASS, sizeof(*k));
	struct record_callback c;
	struct record r;
	uint32_t pos = 0;
	char text[64];

	k->of = VQT_CLASS_BUS;
	CHECK(build_text(&b, VQT_TAG_TYPENAME, "virtio-pci-bus virtio-bus"));
	CHECK(build_callback(&b, &found, "VirtioBusClass.notify", "a function"));
	CHECK(build_tlv(&b, VQT_TAG_CALLBACK, "short", 5));
	CHECK(build_tlv(&b, VQT_TAG_CALLBACK, &broken, sizeof(broken)));
	CHECK(build_callback(&b, &not_found, "VirtioBusClass.x", ""));
	CHECK(!record_parse(&r, buf, b.len, NULL));
	CHECK_STR(record_type_name(r.h.type), "class");
	CHECK_EQ(r.class.of, VQT_CLASS_BUS);
	CHECK_STR(record_tlv_str(&r, VQT_TAG_TYPENAME, text, sizeof(text)),
		  "virtio-pci-bus virtio-bus");
	CHECK_EQ(record_callback_next(&r, &pos, &c), 1);
	CHECK_EQ(c.c.function, 0x5000);
	CHECK_EQ(c.c.offset, 0x90);
	CHECK_EQ(c.c.naming, VQT_NAMED_ROLE);
	CHECK(c.callback_len == 21 && !memcmp(c.callback, "VirtioBusClass.notify", 21));
	CHECK(c.function_len == 10 && !memcmp(c.function, "a function", 10));
	CHECK_EQ(record_callback_next(&r, &pos, &c), 1);
	CHECK_EQ(c.c.offset, VQT_CLASS_UNKNOWN);
	CHECK_EQ(c.function_len, 0);
	CHECK_EQ(record_callback_next(&r, &pos, &c), 0);
	b.size = b.len + 30;
	CHECK(!build_callback(&b, &found, "VirtioBusClass.notify", "a function"));
}

/* Every part in every room there can be: it fits, or nothing changes. */
static void room(void)
{
	enum { FIXED = sizeof(struct vqt_note), MOST = 64 };

	for (size_t size = 0; size < FIXED + MOST; size++)
		for (size_t n = 0; n < MOST; n++)
			for (unsigned part = 0; part < 3; part++) {
				size_t need = ((n + 3) & ~3UL) + (part == 1   ? 4
								  : part == 2 ? 8
									      : 0);
				uint8_t *buf = aligned_alloc(8, (size + 8) & ~7UL), bytes[MOST];
				struct build b;
				bool got;

				memset(buf, 0xa5, (size + 8) & ~7UL);
				memset(bytes, 1, sizeof(bytes));
				if (!build_begin(&b, buf, size, VQT_NOTE, FIXED)) {
					CHECK(size < FIXED);
					free(buf);
					continue;
				}
				got = part == 0	  ? build_bytes(&b, bytes, n)
				      : part == 1 ? build_tlv(&b, VQT_TAG_NAME, bytes, n)
						  : build_seg(&b, 1, 2, (uint16_t)n) != NULL;
				CHECK_EQ(got, need <= size - FIXED);
				CHECK_EQ(b.len, FIXED + (got ? need : 0));
				for (size_t i = b.len; i < ((size + 8) & ~7UL); i++)
					CHECK_EQ(buf[i], 0xa5);
				free(buf);
			}
}

static void too_long(void)
{
	static uint8_t buf[VQT_RECORD_MAX] __attribute__((aligned(8)));
	struct build b;

	CHECK(build_begin(&b, buf, sizeof(buf), VQT_NOTE, sizeof(struct vqt_note)));
	CHECK(!build_tlv(&b, VQT_TAG_NAME, buf, UINT16_MAX + 1UL)); /* its length has 16 bits */
	CHECK(!build_bytes(&b, buf, SIZE_MAX));
	CHECK(!build_bytes(&b, buf, SIZE_MAX - 2));
	CHECK_EQ(b.len, sizeof(struct vqt_note));
	CHECK(!build_begin(&b, buf, sizeof(buf), VQT_NOTE, sizeof(struct vqt_hdr) - 1));
}

static const struct tap_test tests[] = {
	{ "the class of an object", class },
	{ "descriptors and segments", chain },
	{ "values with tags", texts },
	{ "no part exceeds the buffer", room },
	{ "lengths beyond 16 bits, and beyond all", too_long },
};

TAP_MAIN(tests)
