/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <linux/virtio_ring.h>

#include "decoder/print/hex.h"
#include "decoder/util/hexdump.h"
#include "decoder/util/text.h"

/* Which buffer a segment is of: "descriptor 2, driver-written, 512 bytes at 0x1000". */
static void describe(struct text *t, const struct event *e, const struct record_seg *seg)
{
	const struct model_request *r = e->req;
	const struct vqt_desc *d;

	text_add(t, "    descriptor %u", seg->desc);
	if (r && seg->desc < r->ndesc) {
		d = &r->desc[seg->desc];
		text_add(t, ", %s, %u bytes at 0x%" PRIx64,
			 d->flags & VRING_DESC_F_WRITE ? "device-written" : "driver-written",
			 d->len, (uint64_t)d->addr);
	}
	text_puts(t, ":\n");
}

int print_hex(FILE *to, const struct event *e)
{
	unsigned type = e->rec->h.type;
	struct record_seg seg;
	uint32_t pos = 0;

	if (type != VQT_AVAIL && type != VQT_USED && type != VQT_DATA)
		return 0;
	while (record_seg_next(e->rec, &pos, &seg)) {
		TEXT(t, 160);

		describe(&t, e, &seg);
		if (fwrite(t.buf, 1, t.len, to) != t.len)
			return -EIO;
		if (hexdump(to, seg.bytes, seg.len, seg.offset, "      "))
			return -EIO;
	}
	return 0;
}
