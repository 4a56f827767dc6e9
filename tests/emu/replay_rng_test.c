/* SPDX-License-Identifier: MIT */
/* A device type that replay knows nothing of: its answers are those of the recording. */
#include <stdlib.h>

#include "decoder/spec/constants.h"
#include "emu/class/class.h"
#include "tests/emu/recording.h"
#include "tests/emu/tap.h"
#include "tests/emu/testbed.h"

#define REQUESTS 8

static const struct emu_class *rng(void)
{
	for (unsigned i = 0; emu_classes[i]; i++)
		if (emu_classes[i]->virtio_id == VIRTIO_ID_RNG)
			return emu_classes[i];
	return NULL;
}

static void record(struct recording *t, uint64_t features)
{
	struct emu_tap_config tap = { .emit = recording_emit, .opaque = t, .snaplen = 64 };
	void *config = calloc(1, rng()->setup->config_size);
	struct emu_testbed_options o = { .tap = &tap,
					 .dev = { .v.cls = rng(), .v.class_config = config } };
	struct emu_driver_options d = { .features = { features } };
	struct emu_testbed *r;
	memset(t, 0, sizeof(*t));
	if (emu_testbed_new(&r, &o) < 0 || emu_driver_start(&r->drv, &d) < 0)
		exit(1);
	struct emu_driver_queue *q = &r->drv.queue[0];
	struct emu_seg seg = { emu_driver_alloc(&r->drv, 64, 16), 64, true };
	for (unsigned i = 0; i < REQUESTS; i++) {
		uint64_t cookie;
		uint32_t len;
		emu_driver_add(&r->drv, q, &seg, 1, false, 0);
		emu_driver_kick(&r->drv, q);
		emu_driver_run(&r->drv);
		if (emu_driver_get(&r->drv, q, &cookie, &len) != 1)
			exit(1);
		emu_driver_interrupts(&r->drv, q, true);
	}
	emu_testbed_free(r);
	free(config);
}

static const uint8_t *nth_answer(const struct recording *t, unsigned n, const struct vqt_used **u)
{
	for (unsigned i = 0; i < t->count; i++) {
		*u = (const void *)t->bytes[i];
		if ((*u)->h.type == VQT_USED && n-- == 0)
			return t->bytes[i] + sizeof(struct vqt_used) + sizeof(struct vqt_seg);
	}
	return NULL;
}

static void test_answers(uint64_t features, const char *ring)
{
	struct recording t, again = { 0 };
	struct replay_options opt = { .emit = recording_emit, .opaque = &again, .snaplen = 64 };
	const struct vqt_used *x, *y;
	struct outcome o;
	unsigned same = 0;
	record(&t, features);
	recording_replay(&t, &opt, &o);
	ok(o.rc == 0 && !o.n.divergences, "%s: no difference", ring);
	is(o.n.requests.not_compared, REQUESTS, "%s: all requests complete", ring);
	is(o.n.requests.compared, 0, "%s: none is compared with itself", ring);
	for (unsigned n = 0; n < REQUESTS; n++) {
		const uint8_t *a = nth_answer(&t, n, &x), *b = nth_answer(&again, n, &y);
		same += a && b && x->len == 64 && y->len == 64 && !memcmp(a, b, 64);
	}
	is(same, REQUESTS, "%s: with the recorded entropy", ring);
	recording_free(&t);
	recording_free(&again);
}

/* A completion that the recording does not have is not made up. */
static void test_lost(void)
{
	struct recording t;
	struct outcome o;
	const struct vqt_used *u;
	record(&t, 0);
	for (unsigned i = 0; i < t.count; i++) {
		u = (const void *)t.bytes[i];
		if (u->h.type == VQT_USED) {
			recording_delete(&t, i);
			break;
		}
	}
	recording_replay(&t, NULL, &o);
	ok(o.rc == 0 && o.n.requests.not_compared == REQUESTS - 1,
	   "an answer is missing: the others");
	recording_free(&t);
}

int main(void)
{
	test_answers(0, "split");
	test_answers(1ull << VIRTIO_F_RING_PACKED, "packed");
	test_lost();
	return done();
}
