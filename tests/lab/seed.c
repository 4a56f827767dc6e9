/* SPDX-License-Identifier: MIT */
/*
 * Put into a trace what must not leave a machine: names, paths, data, a serial
 * number, each with a marker that can be searched for.
 *
 * usage: seed IN.pcap OUT.pcap
 */
#include <stdio.h>
#include <string.h>

#include "decoder/model/model.h"
#include "decoder/trace/build.h"
#include "decoder/trace/file.h"

static uint8_t buf[VQT_RECORD_MAX + 4096];

static size_t put(size_t len, unsigned tag, const char *value)
{
	struct build b = { .bytes = buf, .size = sizeof(buf), .len = len };

	build_text(&b, tag, value);
	return b.len;
}

static void fill(uint8_t *bytes, size_t n, const char *with)
{
	for (size_t i = 0; i < n; i++)
		bytes[i] = (uint8_t)with[i % strlen(with)];
}

/* Data of reads and writes, and the answer to GET_ID; headers and status stay. */
static void seed_data(const struct event *e)
{
	struct record_seg s;
	uint32_t pos = 0;
	bool used = e->rec->h.type == VQT_USED;

	while (e->req && record_seg_next(e->rec, &pos, &s)) {
		uint8_t *at = buf + (s.bytes - e->rec->raw);

		if (s.len < 20 || (!used && e->req->type_raw != 1))
			continue;
		fill(at, s.len, e->req->type_raw == 8 ? "SeededSerial" : "SeededPayload");
	}
}

static size_t seed_record(const struct event *e, size_t len)
{
	switch (e->rec->h.type) {
	case VQT_SESSION:
		len = put(len, VQT_TAG_HOST, "SeededHost.example");
		return put(len, VQT_TAG_COMMAND, "vqtrace record -w /home/SeededPath/x");
	case VQT_SOURCE:
		len = put(len, VQT_TAG_NAME, "SeededGuest");
		return put(len, VQT_TAG_EXE, "/opt/SeededPath/qemu");
	case VQT_DEVICE:
		len = put(sizeof(struct vqt_device), VQT_TAG_ID, "SeededSecretDisk");
		return put(len, VQT_TAG_PATH, "/machine/peripheral/SeededSecretDisk");
	case VQT_AVAIL:
	case VQT_USED: seed_data(e);
	}
	return len;
}

/* Notes name what they are about. */
static int say(struct trace_writer *w, unsigned level, const char *text)
{
	struct vqt_note *n = (void *)buf;

	memset(n, 0, sizeof(*n));
	n->h.type = VQT_NOTE;
	n->h.source = 1;
	n->h.queue = VQT_NO_QUEUE;
	n->level = (uint16_t)level;
	n->len = (uint16_t)strlen(text);
	memcpy(n + 1, text, n->len);
	return trace_write(w, buf, sizeof(*n) + n->len);
}

int main(int argc, char **argv)
{
	struct model *m = model_new();
	struct trace_reader *in;
	struct trace_writer *out;
	struct trace_error err;
	struct record r;
	struct event e;
	bool again;

	if (argc != 3 || !m || trace_open(&in, argv[1], &err) || trace_create(&out, argv[2], &err))
		return 2;
	while (trace_next(in, &r, &again, &err) == 1) {
		if (model_feed(m, &r, trace_number(in), &e))
			return 2;
		memcpy(buf, r.raw, r.len);
		if (trace_write(out, buf, seed_record(&e, r.len)))
			return 2;
		if (r.h.type == VQT_SOURCE &&
		    (say(out, VQT_NOTE_WARNING,
			 "no probe for x in /usr/SeededPath/qemu on "
			 "SeededHost.example (guest SeededGuest, disk SeededSecretDisk)") ||
		     say(out, VQT_NOTE_COMMENT, "SeededTag: anything")))
			return 2;
	}
	trace_close(in);
	model_free(m);
	return trace_finish(out) ? 2 : 0;
}
