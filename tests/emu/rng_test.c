/* SPDX-License-Identifier: MIT */
/* The entropy device: what it writes, how much, and what it refuses. */
#include <errno.h>
#include <stdlib.h>

#include "decoder/spec/constants.h"
#include "emu/class/class.h"
#include "tests/emu/tap.h"
#include "tests/emu/testbed.h"

#define BUFFER 8192

static const struct emu_class *rng(void)
{
	for (unsigned i = 0; emu_classes[i]; i++)
		if (emu_classes[i]->virtio_id == VIRTIO_ID_RNG)
			return emu_classes[i];
	return NULL;
}

/* A driver on a device of that seed (NULL: the kernel's entropy). */
static struct emu_testbed *up(const char *seed, uint64_t features)
{
	const struct emu_class_setup *s = rng()->setup;
	void *config = calloc(1, s->config_size);
	struct emu_testbed_options o = { .dev = { .v.cls = rng(), .v.class_config = config } };
	struct emu_driver_options d = { .features = { features } };
	struct emu_testbed *r = NULL;
	TEXT(why, 64);
	for (const struct option_row *p = s->options; seed && p->kind != OPTION_END; p++)
		if (!strcmp(p->name, "rng-seed") && p->call(config, seed, &why))
			exit(1);
	if (emu_testbed_new(&r, &o) < 0 || emu_driver_start(&r->drv, &d) < 0)
		exit(1);
	free(config);
	return r;
}

/* Offer these pieces; the used length, or negative errno. */
static int64_t offer(struct emu_testbed *r, const struct emu_seg *seg, unsigned n)
{
	struct emu_driver_queue *q = &r->drv.queue[0];
	uint64_t cookie;
	uint32_t len;
	int ret = emu_driver_add(&r->drv, q, seg, n, false, 0);
	if (ret < 0)
		return ret;
	emu_driver_kick(&r->drv, q);
	emu_driver_run(&r->drv);
	ret = emu_driver_get(&r->drv, q, &cookie, &len);
	return ret < 0 ? ret : ret ? (int64_t)len : -ETIMEDOUT;
}

/* Ask for len bytes, all of which the device must give. */
static const uint8_t *ask(struct emu_testbed *r, uint32_t len)
{
	struct emu_seg seg = { emu_driver_alloc(&r->drv, BUFFER, 16), len, true };
	is(offer(r, &seg, 1), len, "%u bytes are given", len);
	return emu_driver_ptr(&r->drv, seg.gpa);
}

static bool all_zero(const uint8_t *p, size_t n)
{
	while (n--)
		if (*p++)
			return false;
	return true;
}

static void test_entropy(uint64_t features, const char *ring)
{
	struct emu_testbed *r = up(NULL, features);
	const uint8_t *a = ask(r, 64), *b = ask(r, 64), *c = ask(r, 1000);
	ok(!all_zero(a, 64) && !all_zero(b, 64) && !all_zero(c + 936, 64), "%s: not zero", ring);
	ok(memcmp(a, b, 64) != 0, "%s: two requests differ", ring);
	ok(memcmp(c, c + 256, 256) != 0, "%s: pieces of one request differ", ring);
	ok(all_zero(a + 64, BUFFER - 64), "%s: nothing beyond the buffer", ring);
	is(r->v->config_len, 0, "%s: no configuration", ring);
	emu_testbed_free(r);
}

static void test_seed(void)
{
	struct emu_testbed *r = up("7", 0), *same = up("7", 0), *other = up("8", 0);
	const uint8_t *a = ask(r, 300), *b = ask(same, 300), *c = ask(other, 300);
	ok(!memcmp(a, b, 300), "a seed gives the same bytes again");
	ok(memcmp(a, c, 300) != 0, "another seed gives others");
	ok(memcmp(a, ask(r, 300), 300) != 0, "the next request gives others");
	emu_testbed_free(r);
	emu_testbed_free(same);
	emu_testbed_free(other);
}

/* 5.4.6.2: a buffer need not be filled, so what one request takes is bounded. */
static void test_bound(void)
{
	struct emu_testbed *r = up("1", 0);
	uint64_t at = emu_driver_alloc(&r->drv, BUFFER, 16);
	struct emu_seg seg[] = { { at, 100, true }, { at + 4096, 4096, true } };
	is(offer(r, seg, 2), 4096, "the used length is what was written");
	const uint8_t *p = emu_driver_ptr(&r->drv, at);
	ok(!all_zero(p, 100) && !all_zero(p + 4096 + 3990, 6), "in both pieces");
	ok(all_zero(p + 4096 + 3996, 100), "and nothing more");
	emu_testbed_free(r);
}

static void refused(struct emu_seg *seg, unsigned n, const char *what)
{
	struct emu_testbed *r = up("1", 0);
	for (unsigned i = 0; i < n; i++)
		seg[i].gpa += emu_driver_alloc(&r->drv, BUFFER, 16);
	is(offer(r, seg, n), -ETIMEDOUT, "%s: not used", what);
	ok(emu_driver_status(&r->drv) & VIRTIO_CONFIG_S_NEEDS_RESET, "%s: needs a reset", what);
	is(emu_driver_reset(&r->drv), 0, "%s: and a reset is enough", what);
	emu_testbed_free(r);
}

int main(void)
{
	struct emu_seg readable[] = { { 0, 16, false }, { 0, 64, true } },
		       nothing[] = { { 0, 16, false } }, outside[] = { { 1ull << 40, 64, true } };
	test_entropy(0, "split");
	test_entropy(1ull << VIRTIO_F_RING_PACKED, "packed");
	test_seed();
	test_bound();
	refused(readable, 2, "a device-readable buffer");
	refused(nothing, 1, "no device-writable buffer");
	refused(outside, 1, "a buffer outside memory");
	return done();
}
