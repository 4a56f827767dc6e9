/* SPDX-License-Identifier: MIT */
#include <sys/random.h>
#include <sys/socket.h>

#include "decoder/align/align.h"
#include "decoder/live/exchange.h"
#include "decoder/trace/question.h"
#include "decoder/util/clock.h"

#define LEAST UINT64_C(1000000000) /* ns between questions */
#define MOST UINT64_C(5000000000) /* ns without a bound: ask, however long answers take */
#define BACK_OFF 6 /* times the interval doubles, to a minute */

bool exchange_due(const struct exchange *x, uint64_t told, uint64_t now)
{
	unsigned doubled = x->unanswered < BACK_OFF ? x->unanswered : BACK_OFF;
	uint64_t age = now - told;

	if (!x->answers || now - x->asked < LEAST << doubled)
		return false;
	if (!told || age >= MOST)
		return (int64_t)age > 0;
	/* what the drift may have made of it, and half of what an answer leaves open */
	return age >= LEAST && age / 1000000 * ALIGN_DRIFT_MAX / 1000 > x->took / 2;
}

/* How far CLOCK_REALTIME is ahead of CLOCK_MONOTONIC: by how much it was read between two reads. */
static void read_wall(int64_t *least, int64_t *most)
{
	for (unsigned i = 0; i < 3; i++) {
		uint64_t before = clock_ns(CLOCK_MONOTONIC), wall = clock_ns(CLOCK_REALTIME);
		int64_t high = (int64_t)(wall - before);
		int64_t low = (int64_t)(wall - clock_ns(CLOCK_MONOTONIC));

		*most = i && *most < high ? *most : high;
		*least = i && *least > low ? *least : low;
	}
}

/*
 * What holds at both times.  The two clocks are slewed alike, so only a wall clock that was set makes
 * them differ; then it is unknown.
 */
static void add_wall(const struct exchange *x, struct vqt_exchange *out)
{
	int64_t least, most;

	read_wall(&least, &most);
	least = x->wall > least ? x->wall : least;
	most = x->wall_most < most ? x->wall_most : most;
	if (least > most)
		return;
	out->wall = least;
	out->wall_most = most;
}

static bool send_question(int fd, uint64_t nonce)
{
	char bytes[QUESTION_BYTES];

	question_make(bytes, nonce);
	return send(fd, bytes, sizeof(bytes), MSG_DONTWAIT | MSG_NOSIGNAL) > 0;
}

void exchange_ask(struct exchange *x, int fd)
{
	uint64_t nonce;

	x->unanswered += x->unanswered < BACK_OFF;
	x->nonce = 0;
	read_wall(&x->wall, &x->wall_most);
	x->asked = clock_ns(CLOCK_MONOTONIC);
	if (getrandom(&nonce, sizeof(nonce), GRND_NONBLOCK) != sizeof(nonce) || !nonce)
		return;
	/* where only a part of it went, it is none, and the next one is found behind it */
	if (send_question(fd, nonce))
		x->nonce = nonce;
}

/* One that waited long for its answer says nothing of the next one, but for a while. */
static void note_time(struct exchange *x, uint64_t took)
{
	x->took = !x->took || took < x->took ? took : x->took + (took - x->took) / 4;
}

bool exchange_take(struct exchange *x, const struct record *rec, uint64_t now,
		   struct vqt_exchange *out)
{
	if (rec->h.type != VQT_EXCHANGE)
		return false;
	x->answers |= !rec->exchange.nonce;
	if (!x->nonce || rec->exchange.nonce != x->nonce)
		return false;
	*out = (struct vqt_exchange){
		.h = { .type = VQT_EXCHANGE, .queue = VQT_NO_QUEUE },
		.nonce = x->nonce,
		.from = x->asked,
		.until = now,
	};
	add_wall(x, out);
	x->nonce = 0;
	x->unanswered = 0;
	note_time(x, now - x->asked);
	return true;
}
