/* SPDX-License-Identifier: MIT */
/* The entropy device (5.4).  The smallest whole device type, and the file to copy. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "decoder/spec/constants.h"
#include "decoder/util/number.h"
#include "emu/class/class.h"

#define REQUEST_MAX 4096 /* bytes written for one request, however long its buffer is */
#define PIECE 256 /* getrandom(2) always returns this many bytes in one call */

struct rng {
	bool chosen, seeded;
	uint64_t state; /* of the generator, where a seed was given */
};

/* splitmix64: the same bytes for the same seed, on any machine. */
static void from_seed(struct rng *r, uint8_t *buf, size_t len)
{
	for (size_t i = 0; i < len; i += 8) {
		uint64_t z = r->state += 0x9e3779b97f4a7c15;
		z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
		z = (z ^ z >> 27) * 0x94d049bb133111eb;
		z ^= z >> 31;
		for (size_t b = 0; b < 8 && i + b < len; b++)
			buf[i + b] = z >> 8 * b;
	}
}

static int init(struct emu_virtio *v, const void *config)
{
	struct rng *r = calloc(1, sizeof(*r));
	if (!r)
		return -ENOMEM;
	if (config)
		*r = *(const struct rng *)config;
	v->priv = r;
	return 0;
}

static void fini(struct emu_virtio *v)
{
	free(v->priv);
}

static void handle(struct emu_queue *q, struct emu_chain *c)
{
	struct rng *r = q->v->priv;
	uint64_t len = c->chain.write_len < REQUEST_MAX ? c->chain.write_len : REQUEST_MAX,
		 done = 0;
	uint8_t bytes[PIECE];
	if (c->chain.nread) /* 5.4.6.1 */
		emu_virtio_break(q->v, q, "a device-readable buffer in the entropy queue");
	while (done < len && !q->v->broken) { /* 5.4.6.2: len may be below the buffer's size */
		size_t n = len - done < PIECE ? len - done : PIECE;
		if (r->seeded)
			from_seed(r, bytes, n);
		else if (getrandom(bytes, n, 0) != (ssize_t)n)
			break;
		if (emu_chain_write(q->v->mem, c, done, bytes, n) < 0)
			break;
		done += n;
	}
	if (!done && !q->v->broken) /* 5.4.6.2: at least one byte */
		emu_virtio_break(q->v, q, "no entropy could be written to a buffer");
	emu_queue_complete(q, c, done);
}

static int set_seed(void *config, const char *value, struct text *why)
{
	struct rng *r = config;
	unsigned long long seed;
	if (!number_parse(value, UINT64_MAX, &seed))
		return option_refuse(why, "not a number");
	r->seeded = true;
	r->state = seed;
	return 0;
}

static const struct option_row options[] = {
	{ OPTION_FLAG, 0, "rng", NULL, "random bytes from getrandom(2)",
	  OPTION_TO(struct rng, chosen) },
	{ OPTION_CALL, 0, "rng-seed", "N", "bytes that follow from N instead: for tests, not keys",
	  .call = set_seed },
	{},
};

static const struct emu_class_setup setup = {
	.title = "An entropy source",
	.options = options,
	.config_size = sizeof(struct rng),
};

const struct emu_class emu_rng = {
	.virtio_id = VIRTIO_ID_RNG,
	.name = "rng",
	.pci_class = 0x00ff00,
	.pci_transitional = 0x1005,
	.queues_max = 1,
	.setup = &setup,
	.init = init,
	.fini = fini,
	.handle = handle,
};
