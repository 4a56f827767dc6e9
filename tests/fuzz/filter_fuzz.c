/* SPDX-License-Identifier: MIT */
/* Any bytes as a filter: compiled, its error shown, and asked of a few events. */
#include <stdlib.h>
#include <string.h>

#include "decoder/filter/filter.h"
#include "decoder/model/model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ask(const struct filter *f)
{
	static const struct vqt_reg reg = {
		.h = { .type = VQT_REG, .source = 1, .device = 1, .queue = VQT_NO_QUEUE },
		.region = VQT_REGION_COMMON,
		.op = VQT_WRITE,
		.width = 1,
		.offset = 0x14,
		.value = 11,
	};
	static const struct vqt_note note = { .h = { .type = VQT_NOTE, .source = 1 } };
	static const struct {
		struct vqt_avail a;
		struct vqt_desc d[2];
	} avail = {
		.a = { .h = { .type = VQT_AVAIL, .source = 1, .device = 1 },
		       .ndesc = 2,
		       .ndirect = 2 },
		.d = { { 0x1000, 16, 1, 1 }, { 0x2000, 1, 2, 0 } },
	};
	const struct {
		const void *bytes;
		size_t len;
	} records[] = {
		{ &reg, sizeof(reg) },
		{ &note, sizeof(note) },
		{ &avail, sizeof(avail) },
	};
	struct model *m = model_new();

	for (size_t i = 0; m && i < sizeof(records) / sizeof(records[0]); i++) {
		struct record r;
		struct event e;

		if (record_parse(&r, records[i].bytes, records[i].len, NULL) ||
		    model_feed(m, &r, i + 1, &e))
			abort();
		filter_match(f, &e);
	}
	model_free(m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1), shown[1024];
	struct filter_error err;
	struct filter *f;

	if (!text)
		return 0;
	if (size)
		memcpy(text, data, size);
	text[size] = '\0';
	if (filter_compile(&f, text, &err)) {
		if (f ||
		    strlen(filter_error_format(shown, sizeof(shown), text, &err)) >= sizeof(shown))
			abort();
	} else {
		ask(f);
		filter_free(f);
	}
	free(text);
	return 0;
}
