/* SPDX-License-Identifier: MIT */
/* The tap's records: whole, parsable, in order, and the same in every run. */
#include <stdlib.h>

#include "decoder/trace/record.h"
#include "decoder/spec/constants.h"
#include "decoder/class/blk.h"
#include "tests/emu/testbed.h"
#include "tests/emu/tap.h"

#define BIT(n) (1ull << (n))

struct log {
	uint8_t *bytes;
	size_t len, cap;
	unsigned count[256], bad;
	uint32_t next_seq;
	bool session_first;
	struct record last[256]; /* of each type */
	uint8_t keep[256][4096];
};

static void emit(void *opaque, const void *rec, size_t len)
{
	struct log *l = opaque;
	struct record r;
	const char *why = NULL;
	if (record_parse(&r, rec, len, &why) < 0) {
		printf("# bad record: %s\n", why ? why : "?");
		l->bad++;
		return;
	}
	if (!l->len)
		l->session_first = r.h.type == VQT_SESSION;
	l->bad += r.h.seq != l->next_seq++;
	l->count[r.h.type]++;
	if (len <= sizeof(l->keep[0])) {
		memcpy(l->keep[r.h.type], rec, len);
		record_parse(&l->last[r.h.type], l->keep[r.h.type], len, NULL);
	}
	if (l->len + len > l->cap) {
		l->cap = (l->len + len) * 2;
		l->bytes = realloc(l->bytes, l->cap);
	}
	memcpy(l->bytes + l->len, rec, len);
	l->len += len;
}

static void play(struct log *l, uint64_t features, bool dma)
{
	struct emu_tap_config t = { .emit = emit, .opaque = l, .snaplen = 32 };
	struct emu_testbed_options o = { .tap = &t,
					 .message_dma = dma,
					 .dev = { .v.queues = 2, .v.queue_size = 8 } };
	struct emu_driver_options d = { .queues = 2, .features = { features } };
	struct emu_testbed *r;
	if (emu_testbed_new(&r, &o) < 0 || emu_driver_start(&r->drv, &d) < 0)
		exit(1);
	uint64_t data = emu_driver_alloc(&r->drv, 4096, 4096);
	memset(emu_driver_ptr(&r->drv, data), 0xab, 4096);
	struct emu_blk_request q = { .type = VIRTIO_BLK_T_OUT,
				     .sector = 3,
				     .data = data,
				     .len = 1024,
				     .pieces = 2,
				     .indirect = true };
	emu_driver_blk(&r->drv, 1, &q);
	q = (struct emu_blk_request){
		.type = VIRTIO_BLK_T_IN, .sector = 3, .data = data, .len = 1024, .in = true
	};
	emu_driver_blk(&r->drv, 0, &q);
	emu_blk_resize(r->v, 4096);
	struct vqt_note note = { .h = { .type = VQT_NOTE, .queue = VQT_NO_QUEUE } };
	emu_tap_put(r->tap, &note, sizeof(note));
	emu_tap_note(r->tap, VQT_NOTE_INFO, "a note");
	struct emu_seg bad[] = { { data, 16, true }, { data, 16, false } };
	emu_driver_add(&r->drv, &r->drv.queue[0], bad, 2, false, 0);
	emu_driver_kick(&r->drv, &r->drv.queue[0]);
	emu_driver_run(&r->drv);
	emu_driver_reset(&r->drv);
	emu_testbed_free(r);
}

static void test(uint64_t features, bool dma, const char *name)
{
	struct log *a = calloc(1, sizeof(*a)), *b = calloc(1, sizeof(*b));
	play(a, features, dma);
	play(b, features, dma);
	ok(!a->bad, "%s: every record parses, none is missing", name);
	ok(a->session_first, "%s: the session comes first", name);
	ok(a->len == b->len && !memcmp(a->bytes, b->bytes, a->len),
	   "%s: two runs are equal (%zu bytes)", name, a->len);
	ok(a->count[VQT_SOURCE] == 1 && a->count[VQT_DEVICE] == 1, "%s: source and device", name);
	is(a->count[VQT_KICK], 3, "%s: kicks", name);
	is(a->count[VQT_AVAIL], 3, "%s: chains, the bad one too", name);
	is(a->count[VQT_USED], 2, "%s: completions", name);
	is(a->count[VQT_BACKEND], 4, "%s: backend", name);
	ok(a->count[VQT_IRQ] >= 5, "%s: interrupts", name);
	ok(a->count[VQT_LIFECYCLE] >= 8, "%s: life", name);
	const struct record *u = &a->last[VQT_USED], *v = &a->last[VQT_AVAIL];
	ok(u->used.flags & VQT_USED_STATUS && u->used.status == 0, "%s: status byte", name);
	is(u->used.len, 1025, "%s: used length", name);
	is(u->used.nseg, 2, "%s: leading bytes of two buffers", name);
	struct record_seg s;
	uint32_t pos = 0;
	ok(record_seg_next(u, &pos, &s) == 1 && s.len == 32 && s.bytes[0] == 0xab,
	   "%s: their contents", name);
	is(v->avail.ndesc, 2, "%s: descriptors", name);
	is(v->h.queue, 0, "%s: queue", name);
	const struct record *k = &a->last[VQT_KICK];
	is(k->kick.via, VQT_KICK_MMIO, "%s: kick by register", name);
	is(!!k->kick.ring.known, !dma, "%s: ring state where it costs no message", name);
	free(a->bytes);
	free(b->bytes);
	free(a);
	free(b);
}

int main(void)
{
	uint64_t packed = BIT(VIRTIO_F_RING_PACKED),
		 all = BIT(VIRTIO_RING_F_EVENT_IDX) | BIT(VIRTIO_RING_F_INDIRECT_DESC);
	test(0, false, "split");
	test(all, false, "split, all");
	test(packed, false, "packed");
	test(packed | all, false, "packed, all");
	test(all, true, "messages");
	/* without a tap nothing happens */
	emu_tap_reg(NULL, 0, 0, 0, 0, 0, 0);
	emu_tap_kick(NULL, 0, NULL, 0, 0, 0);
	emu_tap_note(NULL, 0, "");
	emu_tap_put(NULL, NULL, 0);
	emu_tap_avail(NULL, 0, NULL, NULL, NULL);
	emu_tap_used(NULL, 0, NULL, 0, NULL, NULL, NULL);
	return done();
}
