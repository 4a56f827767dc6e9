/* SPDX-License-Identifier: MIT */
/*
 * A copy of a trace with hostile names: all text in it that a guest, a user or another process may
 * have chosen gets bytes of KIND at its end, and printable bytes of buffers, configurations and
 * messages are replaced by them.  Records of kinds that the trace may not have, and in which names
 * stand, come at its end.  Each kind has the letters PWN, by which tests know that a name got
 * anywhere; "line" makes a line that begins with them.
 *
 * usage: hostile KIND IN.pcap OUT.pcap
 *        hostile KIND        prints its bytes
 *        hostile --list      lists the kinds
 */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "decoder/trace/build.h"
#include "decoder/trace/file.h"

#define RUN 4 /* so many printable bytes are taken for text */
#define TEXT_MAX 4096

static const struct kind {
	const char *name, *bytes;
} kinds[] = {
	{ "control", "PWN\x1b]0;PWN\x07\x1b[31m\x1b[2J\x7f\b\t\v" },
	{ "line", "PWN\nPWN: forged\r\nPWN\rPWN\n" },
	{ "c1", "PWN\xc2\x9b"
		"31m\xc2\x85\xc2\x90PWN\xc2\x9c\xc2\x80" },
	{ "raw", "PWN\x9b"
		 "31m\x85\x90PWN\x9c\x80\x9d" },
	{ "invalid", "PWN\xff\xfe\xc3(\xed\xa0\x80\xf5\x80\x80\x80\xc0\xaf\xe2\x82" },
	{ "bidi", "PWN\xe2\x80\xae\xe2\x81\xa6\xe2\x80\xa8\xef\xbb\xbf\xf3\xa0\x80\x81" },
	{ "none", "PWN\xef\xbf\xbe\xef\xbf\xbf\xf0\x9f\xbf\xbe" }, /* no characters, though UTF-8 */
	{ "quote", "PWN\"'`\\<&>]]>--><![CDATA[,;{}$(x)%s%n#\\n" },
#define LONG_4 "\xe8\xaa\x9e\xc3\xa9\xe8\xaa\x9e\xc3\xa9\xe8\xaa\x9e\xc3\xa9\xe8\xaa\x9e\xc3\xa9"
#define LONG_16 LONG_4 LONG_4 LONG_4 LONG_4
#define LONG_64 LONG_16 LONG_16 LONG_16 LONG_16
	{ "long", "PWN" LONG_64 LONG_64 LONG_64 LONG_64 }, /* cut within a character somewhere */
};

static const struct kind *kind;

static size_t room(size_t n)
{
	return (n + 3) & ~(size_t)3;
}

/* `old` with the bytes of the kind behind it. */
static size_t with_bytes(char *to, size_t size, const void *old, size_t n)
{
	size_t more = strlen(kind->bytes);

	if (n > size - more)
		n = size - more;
	memcpy(to, old, n);
	memcpy(to + n, kind->bytes, more);
	return n + more;
}

/* Printable bytes become those of the kind. */
static void replace_runs(uint8_t *p, size_t len)
{
	size_t n;

	for (size_t i = 0; i < len; i += n + 1) {
		for (n = 0; i + n < len && p[i + n] >= 0x20 && p[i + n] < 0x7f; n++)
			;
		for (size_t k = 0; n >= RUN && k < n; k++)
			p[i + k] = (uint8_t)kind->bytes[k % strlen(kind->bytes)];
	}
}

static void add_callback(struct build *b, const uint8_t *p, size_t n)
{
	struct vqt_callback c;
	char name[TEXT_MAX], function[TEXT_MAX];
	size_t rest;

	memcpy(&c, p, sizeof(c));
	rest = n - sizeof(c) - c.len;
	name[with_bytes(name, sizeof(name) - 1, p + sizeof(c), c.len)] = '\0';
	function[with_bytes(function, sizeof(function) - 1, p + sizeof(c) + c.len, rest)] = '\0';
	build_callback(b, &c, name, function);
}

/* Tagged values from `at` on. */
static void add_values(struct build *b, const struct record *r, size_t at)
{
	char text[TEXT_MAX];
	struct vqt_tlv tlv;

	for (; at + sizeof(tlv) <= r->len; at += sizeof(tlv) + room(tlv.len)) {
		const uint8_t *value = r->raw + at + sizeof(tlv);

		memcpy(&tlv, r->raw + at, sizeof(tlv));
		if (tlv.tag == VQT_TAG_END || tlv.len > r->len - at - sizeof(tlv))
			return;
		switch (tlv.tag) {
		case VQT_TAG_STACK:
		case VQT_TAG_CALL:
		case VQT_TAG_WITHIN: build_value(b, tlv.tag, value, tlv.len); break;
		case VQT_TAG_CALLBACK: add_callback(b, value, tlv.len); break;
		default:
			build_value(b, tlv.tag, text,
				    with_bytes(text, sizeof(text), value, tlv.len));
		}
	}
}

/* A text of n bytes at `at`, whose length is a 16-bit number at `len`. */
static void add_counted(struct build *b, const struct record *r, size_t at, size_t n, size_t len)
{
	char text[TEXT_MAX];
	uint16_t now = (uint16_t)with_bytes(text, sizeof(text), r->raw + at, n);

	memcpy(b->bytes + len, &now, sizeof(now));
	build_bytes(b, text, now);
	b->len -= room(now) - now;
	add_values(b, r, at + room(n));
}

static void add_symbols(struct build *b, const struct record *r)
{
	const char *s = (const char *)r->tail + 8 * r->stack.nframes, *end = s + r->stack.len;
	char all[16 * TEXT_MAX];
	uint32_t n = 0;

	for (; s < end && n < sizeof(all) - TEXT_MAX; s += strnlen(s, (size_t)(end - s)) + 1) {
		n += (uint32_t)with_bytes(all + n, TEXT_MAX - 1, s, strnlen(s, (size_t)(end - s)));
		all[n++] = '\0';
	}
	build_bytes(b, r->tail, 8 * r->stack.nframes);
	memcpy(b->bytes + offsetof(struct vqt_stack, len), &n, sizeof(n));
	build_bytes(b, all, n);
}

static void replace_segs(struct build *b, const struct record *r)
{
	struct record_seg seg;
	uint32_t pos = 0;

	while (record_seg_next(r, &pos, &seg))
		replace_runs(b->bytes + (seg.bytes - r->raw), seg.len);
}

static size_t rewrite(const struct record *r, uint8_t *out, size_t size)
{
	struct build b = { .bytes = out, .size = size, .len = r->len - r->tail_len };
	size_t tail = b.len;

	memcpy(out, r->raw, r->len);
	switch (r->h.type) {
	case VQT_SESSION:
	case VQT_SOURCE:
	case VQT_DEVICE:
	case VQT_CLASS: add_values(&b, r, tail); return b.len;
	case VQT_NOTE:
		add_counted(&b, r, tail, r->note.len, offsetof(struct vqt_note, len));
		return b.len;
	case VQT_LIFECYCLE:
		add_counted(&b, r, tail, r->lifecycle.len, offsetof(struct vqt_lifecycle, len));
		return b.len;
	case VQT_GUEST:
		if (!r->guest.len && !r->function)
			break;
		build_bytes(&b, r->tail, 8 * r->guest.nargs);
		add_counted(&b, r, b.len, r->guest.len, offsetof(struct vqt_guest, len));
		return b.len;
	case VQT_STACK: add_symbols(&b, r); return b.len;
	case VQT_DEVICE_STATE: replace_runs(out + tail, r->device_state.config_len); break;
	case VQT_VHOST_USER: replace_runs(out + tail, r->vhost_user.len); break;
	case VQT_AVAIL:
	case VQT_USED:
	case VQT_DATA: replace_segs(&b, r); break;
	default: break;
	}
	return r->len;
}

/* --- records of kinds that the trace may not have ------------------------------------------- */

#define FIRST_DEVICE 60000 /* numbers that no trace has */
#define STACK 60000

struct more {
	struct trace_writer *out;
	struct build b;
	uint8_t bytes[16 * TEXT_MAX] __attribute__((aligned(8)));
	uint64_t ts; /* of the last record */
	uint32_t seq; /* of source 1 */
	uint16_t device; /* the one that records are of */
	bool failed;
};

static void *begin(struct more *m, unsigned type, size_t size)
{
	return build_begin(&m->b, m->bytes, sizeof(m->bytes), type, size);
}

static void end(struct more *m)
{
	struct vqt_hdr *h = (void *)m->bytes;

	h->ts = ++m->ts;
	h->seq = ++m->seq;
	h->source = 1;
	h->device = m->device;
	m->failed |= trace_write(m->out, m->bytes, m->b.len) != 0;
}

static void fill(uint8_t *bytes, size_t n)
{
	memset(bytes, 'x', n);
	replace_runs(bytes, n);
}

/* A device of each type whose configuration has a name, and of one that nobody knows. */
static void add_devices(struct more *m)
{
	static const uint16_t types[] = { 26, 9, 18, 2, 999 }; /* fs, 9p, input, blk */
	uint8_t config[256];

	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
		struct vqt_device *d = begin(m, VQT_DEVICE, sizeof(*d));
		struct vqt_device_state *s;

		m->device = (uint16_t)(FIRST_DEVICE + i);
		d->virtio_id = types[i];
		d->bdf = ~0U;
		for (unsigned tag = VQT_TAG_HOST; tag <= VQT_TAG_FILTER; tag++)
			build_text(&m->b, tag, kind->bytes);
		end(m);
		fill(config, sizeof(config));
		s = begin(m, VQT_DEVICE_STATE, sizeof(*s));
		s->known = VQT_KNOWN_CONFIG | VQT_KNOWN_STATUS;
		s->config_len = sizeof(config);
		build_bytes(&m->b, config, sizeof(config));
		end(m);
	}
}

static void add_texts(struct more *m)
{
	struct vqt_note *note;
	struct vqt_guest *g;
	size_t n = strlen(kind->bytes);

	for (unsigned level = VQT_NOTE_INFO; level <= VQT_NOTE_COMMENT; level++) {
		note = begin(m, VQT_NOTE, sizeof(*note));
		note->level = (uint16_t)level;
		note->len = (uint16_t)n;
		build_bytes(&m->b, kind->bytes, n);
		end(m);
	}
	for (unsigned what = 0; what <= VQT_LIFECYCLE_AIO_CONTEXT + 1; what++) {
		struct vqt_lifecycle *l = begin(m, VQT_LIFECYCLE, sizeof(*l));

		l->what = (uint16_t)what;
		l->len = (uint16_t)n;
		build_bytes(&m->b, kind->bytes, n);
		m->b.len -= room(n) - n;
		build_value(&m->b, VQT_TAG_FUNCTION, kind->bytes, n);
		end(m);
	}
	g = begin(m, VQT_GUEST, sizeof(*g));
	g->what = VQT_GUEST_CONFIG_OP;
	g->len = (uint16_t)n;
	build_bytes(&m->b, kind->bytes, n);
	end(m);
}

/* A message of vhost-user, and a kick with its call stack. */
static void add_others(struct more *m)
{
	struct vqt_vhost_user *v = begin(m, VQT_VHOST_USER, sizeof(*v));
	struct vqt_stack *s;
	struct vqt_kick *k;
	size_t n = strlen(kind->bytes) + 1;
	const uint64_t pc[2] = { 0x1000, 0x2000 };
	uint8_t payload[64];

	v->request = 99;
	v->from = VQT_FROM_FRONT_END;
	v->size = sizeof(payload);
	v->len = sizeof(payload);
	fill(payload, sizeof(payload));
	build_bytes(&m->b, payload, sizeof(payload));
	end(m);
	s = begin(m, VQT_STACK, sizeof(*s));
	s->id = STACK;
	s->nframes = 2;
	s->len = (uint32_t)(2 * n);
	build_bytes(&m->b, pc, sizeof(pc));
	build_bytes(&m->b, kind->bytes, n);
	m->b.len -= room(n) - n;
	build_bytes(&m->b, kind->bytes, n);
	end(m);
	k = begin(m, VQT_KICK, sizeof(*k));
	k->h.queue = 0;
	build_stack(&m->b, STACK);
	end(m);
}

static int copy(struct trace_reader *in, struct trace_writer *out)
{
	static uint8_t buf[VQT_RECORD_MAX] __attribute__((aligned(8)));
	static struct more m;
	struct trace_error err;
	struct record r;
	bool again;
	int rc;

	while ((rc = trace_next(in, &r, &again, &err)) == 1) {
		if (trace_write(out, buf, rewrite(&r, buf, sizeof(buf))))
			return 2;
		m.ts = r.h.ts > m.ts ? r.h.ts : m.ts;
		m.seq = r.h.source == 1 ? r.h.seq : m.seq;
	}
	m.out = out;
	add_devices(&m);
	m.device = FIRST_DEVICE + 3;
	add_texts(&m);
	add_others(&m);
	if (m.failed)
		return 2;
	if (rc < 0)
		fprintf(stderr, "hostile: %s\n", err.text);
	return rc < 0 ? 2 : 0;
}

int main(int argc, char **argv)
{
	struct trace_reader *in;
	struct trace_writer *out;
	struct trace_error err;
	int rc;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (argc == 2 && !strcmp(argv[1], "--list"))
			puts(kinds[i].name);
		else if (argc == 2 && !strcmp(argv[1], kinds[i].name))
			fputs(kinds[i].bytes, stdout);
		else if (argc == 4 && !strcmp(argv[1], kinds[i].name))
			kind = &kinds[i];
	if (!kind)
		return argc != 2;
	if (trace_open(&in, argv[2], &err) || trace_create(&out, argv[3], &err)) {
		fprintf(stderr, "hostile: %s\n", err.text);
		return 2;
	}
	rc = copy(in, out);
	trace_close(in);
	return trace_finish(out) ? 2 : rc;
}
