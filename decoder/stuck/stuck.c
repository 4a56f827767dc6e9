/* SPDX-License-Identifier: MIT */
#include <linux/virtio_ring.h>
#include <stddef.h>
#include <string.h>

#include "decoder/stuck/stuck.h"
#include "decoder/util/virtqueue.h"

static const struct {
	const char *name, *actor;
	bool stuck;
} verdicts[STUCK_VERDICTS] = {
	[STUCK_IDLE] = { "idle", "", false },
	[STUCK_UNUSED] = { "unused", "", false },
	[STUCK_MOVES] = { "moves", "", false },
	[STUCK_SLOW] = { "slow", "back end", false },
	[STUCK_CANNOT_TELL] = { "cannot-tell", "", false },
	[STUCK_STOPPED] = { "stopped", "user", true },
	[STUCK_PAUSED] = { "paused", "user", true },
	[STUCK_NEEDS_RESET] = { "needs-reset", "driver", true },
	[STUCK_NOT_KICKED] = { "not-kicked", "driver", true },
	[STUCK_KICK_LOST] = { "kick-lost", "machine", true },
	[STUCK_KICK_WAITS] = { "kick-waits", "device", true },
	[STUCK_NOT_POPPED] = { "not-popped", "device", true },
	[STUCK_NOT_ANSWERED] = { "not-answered", "back end", true },
	[STUCK_FAILED] = { "failed", "user", true },
	[STUCK_NOT_PUBLISHED] = { "not-published", "device", true },
	[STUCK_NOT_RAISED] = { "not-raised", "device", true },
	[STUCK_HELD] = { "interrupt-waits", "device", true },
	[STUCK_FUNCTION_MASKED] = { "function-masked", "driver", true },
	[STUCK_VECTOR_MASKED] = { "vector-masked", "driver", true },
	[STUCK_INTX_DISABLED] = { "intx-disabled", "driver", true },
	[STUCK_NOT_DELIVERED] = { "not-delivered", "machine", true },
	[STUCK_NOT_SERVED] = { "not-served", "driver", true },
	[STUCK_IRQ_LOST] = { "interrupt-lost", "machine", true },
	[STUCK_NOT_REAPED] = { "not-reaped", "driver", true },
};

bool stuck_is(enum stuck_verdict v)
{
	return verdicts[v].stuck;
}

const char *stuck_name(enum stuck_verdict v)
{
	return verdicts[v].name;
}

/* What was completed was not taken, and the device may have to interrupt for it first. */
static bool maybe_not_raised(const struct stuck_facts *f, enum stuck_verdict v)
{
	return v == STUCK_NOT_REAPED && f->irq_raised == STUCK_UNKNOWN &&
	       f->path != STUCK_PATH_NONE;
}

const char *stuck_actor(const struct stuck_facts *f, enum stuck_verdict v)
{
	return maybe_not_raised(f, v) ? "driver or device" : verdicts[v].actor;
}

/* --- the judgement ---------------------------------------------------------------- */

/*
 * An interrupt that has not reached the driver, whether or not its ring shows why it was sent.
 * It may be another queue's, with which this one shares the vector.  An INTx line proves
 * nothing: a driver that polls leaves it asserted, as firmware does.
 */
static bool undelivered(const struct stuck_facts *f)
{
	return f->unreaped && f->path == STUCK_PATH_MSIX &&
	       (f->pending == STUCK_YES || f->irq_held == STUCK_YES);
}

/* Chains that somebody should do something about, at least; -1: unknown. */
static int32_t outstanding(const struct stuck_facts *f)
{
	int32_t n = f->unreaped > 0 && !f->packed ? f->unreaped : f->unreaped > 0 || undelivered(f);

	if (f->reclaimed)
		n = 0;
	if (f->by_driver)
		return f->posted ? 0 : f->flight;
	if (f->posted)
		return n;
	if (f->waiting < 0 || f->flight < 0)
		return n ? n : -1;
	return n + f->waiting + f->flight;
}

static enum stuck_verdict judge_interrupt(const struct stuck_facts *f)
{
	if (f->path == STUCK_PATH_MSIX) {
		if (f->function_masked == STUCK_YES)
			return STUCK_FUNCTION_MASKED;
		if (f->vector_masked == STUCK_YES)
			return STUCK_VECTOR_MASKED;
		if (f->irq_held == STUCK_YES)
			return STUCK_HELD;
		if (f->pending == STUCK_YES)
			return STUCK_NOT_DELIVERED;
	}
	if (f->path == STUCK_PATH_INTX) {
		if (f->intx_disabled == STUCK_YES)
			return STUCK_INTX_DISABLED;
		if (f->intx_asserted == STUCK_YES)
			return STUCK_NOT_SERVED;
	}
	if (f->irq_raised == STUCK_YES && f->handled == STUCK_NO)
		return STUCK_IRQ_LOST;
	return f->irq_raised == STUCK_NO ? STUCK_NOT_RAISED : STUCK_NOT_REAPED;
}

static enum stuck_verdict judge_kick(const struct stuck_facts *f)
{
	if (f->kick_pending == STUCK_YES)
		return STUCK_KICK_WAITS;
	if (f->kick_wanted == STUCK_NO || f->kick_seen == STUCK_YES)
		return STUCK_NOT_POPPED;
	if (f->driver_kicked == STUCK_YES && f->kick_pending == STUCK_NO)
		return STUCK_KICK_LOST;
	return f->kick_wanted == STUCK_YES && f->kick_pending == STUCK_NO ? STUCK_NOT_KICKED
									  : STUCK_CANNOT_TELL;
}

/*
 * The back end answers other queues of the device, so slowly that the turn of this one need
 * not have come: not even three times as many as are in flight.
 */
static bool turn_to_come(const struct stuck_facts *f)
{
	return f->device_completed && f->device_completed / 3 <= (uint32_t)f->device_flight;
}

/*
 * Chains pass the steps in order, so the step that is missing nearest to the end comes
 * first: what was used, then what is in flight, then what waits.
 */
static enum stuck_verdict judge_round(const struct stuck_facts *f)
{
	if (f->unreaped > 0 || undelivered(f))
		return judge_interrupt(f);
	/* That a kick is left unread says more than what its device's back end owes. */
	if (f->waiting > 0 && !f->posted && f->kick_pending == STUCK_YES)
		return STUCK_KICK_WAITS;
	if (f->flight > 0 && !f->posted)
		return f->failed > 0	    ? STUCK_FAILED
		       : f->unpublished > 0 ? STUCK_NOT_PUBLISHED
		       : turn_to_come(f)    ? STUCK_SLOW
					    : STUCK_NOT_ANSWERED;
	return judge_kick(f);
}

/* Slow: at this rate a chain waits a second and more (Little's law). */
static bool slow(const struct stuck_facts *f, int32_t n)
{
	return f->watched >= STUCK_WATCH_NS && f->flight > 0 && !f->posted && !f->by_driver &&
	       (uint64_t)n * f->watched >= (uint64_t)f->completed * 1000000000;
}

enum stuck_verdict stuck_judge(const struct stuck_facts *f)
{
	int32_t n = outstanding(f);

	if (f->driver_ok == STUCK_NO)
		return STUCK_UNUSED;
	if (n < 0)
		return STUCK_CANNOT_TELL;
	if (!n)
		return STUCK_IDLE;
	if (f->stopped == STUCK_YES)
		return STUCK_STOPPED;
	if (f->moved == STUCK_YES)
		return slow(f, n) ? STUCK_SLOW : STUCK_MOVES;
	if (f->moved == STUCK_UNKNOWN || f->watched < STUCK_WATCH_NS || f->by_driver)
		return STUCK_CANNOT_TELL;
	if (f->paused == STUCK_YES)
		return STUCK_PAUSED;
	if (f->needs_reset == STUCK_YES)
		return STUCK_NEEDS_RESET;
	return judge_round(f);
}

bool stuck_unseen(const struct stuck_facts *f)
{
	return f->unreaped < 0 && !f->posted && !f->by_driver &&
	       !(f->path == STUCK_PATH_INTX && f->intx_asserted == STUCK_NO);
}

int32_t stuck_unreaped_packed(uint16_t flags, uint16_t used_event, uint16_t used, uint16_t avail,
			      uint16_t size)
{
	uint32_t behind;

	if (flags == VRING_PACKED_EVENT_FLAG_DISABLE)
		return 0;
	if (flags != VRING_PACKED_EVENT_FLAG_DESC)
		return -1;
	behind = virtq_slots_between(used_event, used, size);
	if (behind > size || virtq_slots_between(used_event, avail, size) > size)
		return 0;
	return (int32_t)behind;
}

/* --- in words ---------------------------------------------------------------------- */

static const char *s(int32_t n)
{
	return n == 1 ? "" : "s";
}

static void say_time(uint64_t ns, struct text *to)
{
	text_add(to, "%.1f s", (double)ns / 1e9);
}

static void say_outstanding(const struct stuck_facts *f, struct text *to)
{
	const struct {
		int32_t n;
		const char *what;
	} part[] = {
		{ f->unreaped, f->packed && f->unreaped == 1
				       ? "descriptor completed and not taken by the driver"
			       : f->packed ? "descriptors completed and not taken by the driver"
					   : "completed and not taken by the driver" },
		{ f->posted ? 0 : f->flight, f->elsewhere ? "available to the back end and not used"
					     : f->by_driver
						     ? "added by the driver and not taken back"
						     : "in flight" },
		{ f->posted ? 0 : f->waiting, "not popped" },
	};
	const char *between = "";

	for (size_t i = 0; i < sizeof(part) / sizeof(part[0]); i++) {
		if (part[i].n <= 0)
			continue;
		text_add(to, "%s%d %s", between, part[i].n, part[i].what);
		between = ", ";
	}
	if (!*between)
		text_puts(to, "an interrupt not delivered");
}

static void say_rate(const struct stuck_facts *f, struct text *to)
{
	double rate = (double)f->completed * 1e9 / (double)(f->watched ? f->watched : 1);

	say_outstanding(f, to);
	if (f->completed)
		text_add(to, "; %u completed in ", f->completed);
	else
		text_puts(to, "; none completed in ");
	say_time(f->watched, to);
	text_add(to, rate < 10 ? " (%.2g/s)" : " (%.0f/s)", rate);
	if (!f->completed && f->device_completed)
		text_add(to, ", and %u in other queues of the device", f->device_completed);
}

static void say_not_answered(const struct stuck_facts *f, struct text *to)
{
	text_add(to, "%s has not answered %d request%s",
		 f->elsewhere ? "the back end in another process or the kernel" : "the back end",
		 f->flight, s(f->flight));
	if (f->oldest) {
		text_add(to, ", the oldest for %s", f->oldest_more ? "at least " : "");
		say_time(f->oldest, to);
	} else {
		text_puts(to, " for at least ");
		say_time(f->watched, to);
	}
}

static void say_cannot(const struct stuck_facts *f, struct text *to)
{
	if (outstanding(f) < 0) {
		text_puts(to, f->elsewhere
				      ? "cannot tell: another process or the kernel serves the "
					"ring and keeps its positions"
				      : "cannot tell: the positions of the device are unknown");
	} else if (f->moved == STUCK_UNKNOWN || f->watched < STUCK_WATCH_NS) {
		text_puts(to, "cannot tell yet: ");
		say_outstanding(f, to);
		text_puts(to, "; it was not watched for a second");
	} else if (f->by_driver) {
		text_puts(to, "cannot tell: ");
		say_outstanding(f, to);
		text_puts(to, "; only the driver's side was recorded, not what the device did");
	} else {
		text_add(to,
			 "cannot tell: %d chain%s not popped, and it is unknown whether a kick %s",
			 f->waiting, f->waiting == 1 ? " is" : "s are",
			 f->kick_pending == STUCK_UNKNOWN ? "is on its way" : "was asked for");
	}
}

static const char *const sentences[STUCK_VERDICTS] = {
	[STUCK_IDLE] = "nothing is outstanding",
	[STUCK_UNUSED] = "the driver does not use the device",
	[STUCK_NEEDS_RESET] = "the device has given up (DEVICE_NEEDS_RESET): the driver has to "
			      "reset it",
	[STUCK_NOT_KICKED] = "the driver has not kicked, or its kick was lost",
	[STUCK_KICK_LOST] = "the driver has kicked, and the device has not seen it: the kick was "
			    "lost on its way",
	[STUCK_KICK_WAITS] = "the kick waits in the eventfd: the device has to read it",
	[STUCK_NOT_POPPED] = "the device has to pop what the driver made available",
	[STUCK_FAILED] = "the back end has failed what was asked for, and it waits to be tried "
			 "again: the machine may have been stopped for that (werror, rerror)",
	[STUCK_NOT_PUBLISHED] = "the back end has answered, and the device has not put that into "
				"the used ring",
	[STUCK_NOT_RAISED] = "the device has not raised the interrupt that the driver asked for",
	[STUCK_HELD] = "the interrupt was raised and waits in the eventfd to the guest",
	[STUCK_FUNCTION_MASKED] = "the interrupt is masked: the driver has set Function Mask of "
				  "MSI-X",
	[STUCK_VECTOR_MASKED] = "the interrupt is masked: the driver has masked its MSI-X vector",
	[STUCK_INTX_DISABLED] = "the interrupt is masked: the driver has set Interrupt Disable in "
				"the PCI command register",
	[STUCK_NOT_DELIVERED] = "the interrupt is pending and was not delivered, though nothing "
				"masks it",
	[STUCK_NOT_SERVED] = "the interrupt was sent, and the driver does not serve it",
	[STUCK_IRQ_LOST] =
		"the device has interrupted, and the driver's handler has not run since: "
		"the interrupt was lost on its way",
	[STUCK_NOT_REAPED] = "the driver has not taken what was completed: the interrupt was sent "
			     "and not served",
};

void stuck_say(const struct stuck_facts *f, enum stuck_verdict v, struct text *to)
{
	switch (v) {
	case STUCK_IDLE:
		text_puts(to, stuck_unseen(f) ? "nothing is outstanding at the device; what the "
						"driver has taken cannot be seen"
					      : sentences[v]);
		return;
	case STUCK_MOVES:
	case STUCK_SLOW: say_rate(f, to); return;
	case STUCK_NOT_ANSWERED: say_not_answered(f, to); return;
	case STUCK_CANNOT_TELL: say_cannot(f, to); return;
	case STUCK_STOPPED:
		text_puts(to, "QEMU is stopped by a signal or a debugger: nothing can move until "
			      "it continues (SIGCONT); ");
		say_outstanding(f, to);
		return;
	case STUCK_PAUSED:
		text_puts(to, "the machine is paused (");
		if (f->state) /* as a monitor says it */
			text_untrusted(to, f->state, strlen(f->state));
		else
			text_puts(to, "its processors do not run");
		text_puts(to, "): nothing can move until it continues; ");
		say_outstanding(f, to);
		return;
	case STUCK_NOT_REAPED:
		if (f->path == STUCK_PATH_NONE) {
			text_puts(to, "the driver has not taken what was completed; it has asked "
				      "for no interrupt vector, so it has to look itself");
			return;
		}
		if (maybe_not_raised(f, v)) {
			text_puts(to, "the driver has not taken what was completed; whether the "
				      "device has interrupted it is unknown");
			return;
		}
		break;
	default: break;
	}
	text_puts(to, sentences[v]);
}

static void point(struct text *to, const char *words)
{
	text_add(to, "%s%s", to->len ? "; " : "", words);
}

#define FACT(member, key_, group_, yes_, no_) \
	{ \
		.key = key_, .group = group_, .offset = offsetof(struct stuck_facts, member), \
		.yes = yes_, .no = no_ \
	}

const struct stuck_named stuck_named[] = {
	FACT(stopped, "process_stopped", STUCK_OF_MACHINE, NULL, NULL),
	FACT(paused, "machine_paused", STUCK_OF_MACHINE, NULL, NULL),
	FACT(driver_ok, "driver_ok", STUCK_OF_MACHINE, NULL, NULL),
	FACT(needs_reset, "needs_reset", STUCK_OF_MACHINE, NULL, NULL),
	FACT(moved, "moved", STUCK_OF_MACHINE, NULL, NULL), /* said with the time */
	FACT(kick_wanted, "kick_wanted", STUCK_OF_KICK,
	     "the device asked for a kick (avail_event or flags)",
	     "the device asked not to be kicked: it looks by itself"),
	FACT(kick_pending, "kick_pending", STUCK_OF_KICK, "the eventfd of kicks holds one",
	     "the eventfd of kicks is empty"),
	FACT(kick_seen, "kick_seen", STUCK_OF_KICK, "the trace has the kick",
	     "the trace has no kick for it"),
	FACT(driver_kicked, "driver_kicked", STUCK_OF_KICK,
	     "by its own trace the driver has kicked for it",
	     "by its own trace the driver has not kicked for it"),
	FACT(irq_raised, "interrupt_raised", STUCK_OF_IRQ,
	     "the device has decided on the interrupt",
	     "the device has not decided on the interrupt"),
	FACT(handled, "interrupt_handled", STUCK_OF_IRQ, "the driver's handler has run since",
	     "the driver's handler has not run since"),
	FACT(function_masked, "function_masked", STUCK_OF_MSIX, "Function Mask is set",
	     "Function Mask is clear"),
	FACT(vector_masked, "vector_masked", STUCK_OF_MSIX,
	     "Vector Control of its vector is masked",
	     "Vector Control of its vector is not masked"),
	FACT(pending, "vector_pending", STUCK_OF_MSIX, "its bit in the pending bit array is set",
	     "its pending bit is clear"),
	FACT(irq_held, "interrupt_in_eventfd", STUCK_OF_MSIX,
	     "the eventfd to the guest holds an interrupt", NULL),
	FACT(intx_disabled, "intx_disabled", STUCK_OF_INTX, "Interrupt Disable is set",
	     "Interrupt Disable is clear"),
	FACT(intx_asserted, "intx_asserted", STUCK_OF_INTX,
	     "the ISR status is set, so the driver has not read it",
	     "the ISR status is clear: the driver has read it"),
	{ .key = NULL },
};

static void prove_group(const struct stuck_facts *f, enum stuck_group group, struct text *to)
{
	for (const struct stuck_named *n = stuck_named; n->key; n++) {
		enum stuck_fact is = stuck_fact_of(n, f);
		const char *words = is == STUCK_YES ? n->yes : is == STUCK_NO ? n->no : NULL;

		if (n->group == group && words)
			point(to, words);
	}
}

static void prove_interrupt(const struct stuck_facts *f, struct text *to)
{
	if (f->unreaped > 0)
		point(to, "the driver asked to be told (used_event), and has not moved that on");
	prove_group(f, STUCK_OF_IRQ, to);
	if (f->path == STUCK_PATH_MSIX)
		prove_group(f, STUCK_OF_MSIX, to);
	if (f->path == STUCK_PATH_INTX)
		prove_group(f, STUCK_OF_INTX, to);
}

void stuck_prove(const struct stuck_facts *f, enum stuck_verdict v, struct text *to)
{
	if (!stuck_is(v) && v != STUCK_CANNOT_TELL)
		return;
	if (f->moved == STUCK_NO) {
		text_puts(to, "no position moved in ");
		say_time(f->watched, to);
	}
	if (v == STUCK_STOPPED || v == STUCK_PAUSED || v == STUCK_NEEDS_RESET)
		return;
	if (f->unreaped > 0 || undelivered(f))
		prove_interrupt(f, to);
	if (f->flight > 0 && !f->posted && !f->by_driver)
		point(to, f->elsewhere ? "the used index is behind the available index"
				       : "the device has popped more than it has used");
	if (f->waiting > 0 && !f->posted)
		prove_group(f, STUCK_OF_KICK, to);
}
