/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/check/annotate.h"
#include "decoder/check/report/report.h"
#include "decoder/trace/pcapng.h"
#include "decoder/util/create.h"
#include "decoder/util/text.h"

/* What pcapng holds of a comment is less than 64 KiB. */
#define COMMENT 60000

struct annotate {
	FILE *to;
	int err;
	bool any;
	/* The last record waits: findings at the end of the trace belong to it, too. */
	uint64_t wall;
	uint32_t len;
	struct text comment;
	char text[COMMENT];
	uint8_t bytes[VQT_RECORD_MAX];
};

int annotate_open(struct annotate **out, const char *path)
{
	struct annotate *a = calloc(1, sizeof(*a));
	const char *why;
	int rc;

	*out = NULL;
	if (!a)
		return -ENOMEM;
	a->comment = (struct text){ .buf = a->text, .size = sizeof(a->text) };
	a->to = create_stream(path, &why);
	if (!a->to) {
		rc = -errno;
		free(a);
		return rc;
	}
	a->err = pcapng_begin(a->to);
	*out = a;
	return 0;
}

static void put(struct annotate *a)
{
	if (a->any && !a->err)
		a->err = pcapng_packet(a->to, a->wall, a->bytes, a->len, a->text);
	a->any = false;
	a->comment.len = 0;
	a->text[0] = '\0';
}

void annotate_record(struct annotate *a, const struct record *rec, uint64_t wall)
{
	put(a);
	a->any = true;
	a->wall = wall;
	a->len = rec->len;
	memcpy(a->bytes, rec->raw, rec->len);
}

void annotate_finding(struct annotate *a, const struct finding *f)
{
	char line[1400];

	report_comment(line, sizeof(line), f);
	if (a->comment.len)
		text_puts(&a->comment, "\n");
	text_puts(&a->comment, line);
}

int annotate_close(struct annotate *a)
{
	int rc;

	put(a);
	rc = a->err;
	if (fclose(a->to) && !rc)
		rc = -errno;
	free(a);
	return rc;
}
