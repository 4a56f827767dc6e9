/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as a trace, through the public library: each field of each event in each way, and the
 * checker.  Inputs are those of trace_fuzz: the first byte odd: the rest is a file; even: records with a
 * length of 16 bits before each, of which a file is made.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/api/vqtrace.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t pcap_header[24] = { 0x4d, 0x3c, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0,  0,
					 0,    0,    0,	   0,	 0, 0, 0, 4, 0, 147 };

static uint8_t *file_of_records(const uint8_t *data, size_t size, size_t *len)
{
	uint8_t *file = malloc(sizeof(pcap_header) + 9 * size), *p = file;

	if (!file)
		abort();
	memcpy(p, pcap_header, sizeof(pcap_header));
	p += sizeof(pcap_header);
	while (size >= 2) {
		size_t n = data[0] | (size_t)data[1] << 8;
		uint8_t header[16] = { 0 };

		data += 2;
		size -= 2;
		n = n < size ? n : size;
		header[8] = header[12] = (uint8_t)n;
		header[9] = header[13] = (uint8_t)(n >> 8);
		memcpy(p, header, sizeof(header));
		memcpy(p + sizeof(header), data, n);
		p += sizeof(header) + n;
		data += n;
		size -= n;
	}
	*len = (size_t)(p - file);
	return file;
}

static void expect(int what)
{
	if (!what)
		abort();
}

static void values(const struct vqtrace_event *e)
{
	const struct vqtrace_field *f;

	for (unsigned n = 0; (f = vqtrace_field_nth(n)); n++)
		for (unsigned i = 0; i < 3; i++) {
			char text[32], whole[4096], bytes[16];
			uint64_t u;
			int64_t s;
			int len = vqtrace_get_text(e, f, i, whole, sizeof(whole));

			if (len < 0) {
				expect(len == -ENOENT && !*whole);
				break;
			}
			expect(strlen(whole) == (size_t)len || (size_t)len >= sizeof(whole));
			expect(vqtrace_get_text(e, f, i, text, sizeof(text)) == len);
			expect(!strncmp(text, whole, strlen(text)));
			expect(vqtrace_get_text(e, f, i, NULL, 0) == len);
			for (const char *c = whole; *c; c++)
				expect((unsigned char)*c >= ' ' && *c != 0x7f);
			if (vqtrace_field_kind(f) >= VQTRACE_TEXT) {
				expect(vqtrace_get_u64(e, f, i, &u) == -EINVAL);
				expect(vqtrace_get_bytes(e, f, i, bytes, sizeof(bytes)) >= 0);
			} else {
				expect(vqtrace_get_bytes(e, f, i, bytes, 0) == -EINVAL);
				if (!vqtrace_get_u64(e, f, i, &u) && !vqtrace_get_i64(e, f, i, &s))
					expect((uint64_t)s == u);
			}
		}
}

static void findings(struct vqtrace *t)
{
	const struct vqtrace_finding *f;

	while ((f = vqtrace_next_finding(t)))
		expect(*vqtrace_finding_rule(f) && *vqtrace_finding_section(f) &&
		       *vqtrace_finding_seen(f) && *vqtrace_finding_expected(f) &&
		       vqtrace_finding_queue(f) >= -1 && vqtrace_finding_device(f) &&
		       vqtrace_finding_event(f) + vqtrace_finding_since(f) != UINT64_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct vqtrace_event *e;
	uint8_t *made = NULL;
	struct vqtrace *t;
	uint64_t n = 0;
	char error[128];
	int rc;

	if (!size)
		return 0;
	if (*data++ & 1)
		size--;
	else
		data = made = file_of_records(data, size - 1, &size);
	rc = vqtrace_open_memory(&t, data, size, error, sizeof(error));
	expect(rc ? !t && rc < 0 && *error : t && !*error);
	if (t)
		expect(!vqtrace_check(t, NULL) && vqtrace_check(t, NULL) == -EBUSY);
	while (t && (rc = vqtrace_next(t, &e))) {
		expect((rc == 1) == (e != NULL) && (rc == 1) == !*vqtrace_error(t));
		findings(t);
		if (rc == 1 && ++n % 16 == 1)
			values(e);
		if (rc == -ENOMEM)
			break;
	}
	if (t) {
		findings(t);
		expect(!vqtrace_next(t, &e) && !e && vqtrace_events(t) == n);
		expect(vqtrace_findings(t, VQTRACE_MUST) <=
		       vqtrace_findings(t, VQTRACE_SUSPICIOUS));
		vqtrace_decided(t, VQTRACE_DRIVER);
		vqtrace_lost(t, NULL);
	}
	vqtrace_close(t);
	free(made);
	return 0;
}
