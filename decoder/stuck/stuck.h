/* SPDX-License-Identifier: MIT */
/*
 * Who has to act next in a virtqueue, and what proves it.
 *
 * A request makes a round: the driver makes it available and kicks, the device pops it, the
 * back end answers, the device writes the used ring and interrupts, the driver takes what
 * was used.  The facts say how far the round has come; the answer is the party whose step is
 * missing.  A fact may be unknown, and an answer that needs it is then "cannot tell".
 */
#ifndef VQT_DECODER_STUCK_STUCK_H
#define VQT_DECODER_STUCK_STUCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "decoder/util/text.h"

enum stuck_fact { STUCK_UNKNOWN, STUCK_NO, STUCK_YES };

/* How the device interrupts for this queue. */
enum stuck_path { STUCK_PATH_UNKNOWN, STUCK_PATH_NONE, STUCK_PATH_INTX, STUCK_PATH_MSIX };

/* Zeroes are "unknown", except for the counts, of which -1 is. */
struct stuck_facts {
	/* The machine. */
	enum stuck_fact stopped; /* its process, by a signal or a debugger */
	enum stuck_fact paused; /* its processors do not run */
	const char *state; /* the run state in QEMU's words; NULL unknown */
	/* The device. */
	enum stuck_fact driver_ok; /* 2.1: the driver has set DRIVER_OK */
	enum stuck_fact needs_reset; /* 2.1.2: the device has given up */
	bool elsewhere; /* another process or the kernel serves the rings */
	/* Recorded by the driver's side: `flight` are added and not taken, the other counts unknown. */
	bool by_driver;
	bool packed; /* the ring: `unreaped` counts descriptors, not chains */
	/* Chains, by how far they have come. */
	int32_t waiting; /* made available, not popped */
	int32_t flight; /* popped, not used; of a device that is elsewhere: or not popped */
	int32_t failed; /* of those in flight: the back end's answer was an error, and none has followed */
	int32_t unpublished; /* of those in flight: answered by the back end; -1 unknown */
	int32_t unreaped; /* used, and the driver has asked to be told of them */
	bool reclaimed; /* nobody waits for what is unreaped: the driver takes it when it adds more */
	bool posted; /* its buffers wait for events outside: they are not outstanding */
	/* The kick, 2.7.13.4, 2.8.21. */
	enum stuck_fact kick_wanted; /* the device asked for one for what waits */
	enum stuck_fact kick_seen; /* a trace has one for what waits */
	enum stuck_fact kick_pending; /* it waits in the eventfd */
	/* By the driver's own trace: it has kicked for it, and the device has seen no kick since. */
	enum stuck_fact driver_kicked;
	int kick_fd, irq_fd; /* the eventfds of kicks and to the guest in the process; 0 unknown */
	/* The interrupt, 2.7.7, 2.8.10, 4.1.4.5, 4.1.5.1.2. */
	enum stuck_path path;
	enum stuck_fact irq_raised; /* the device decided to interrupt for what is unreaped */
	enum stuck_fact irq_held; /* it waits in the eventfd to the guest */
	enum stuck_fact handled; /* by the driver's own trace: its handler has run since */
	enum stuck_fact function_masked, vector_masked, pending; /* MSI-X */
	enum stuck_fact intx_disabled, intx_asserted; /* INTx: command register; ISR and line */
	/* Two looks at the positions of both sides. */
	enum stuck_fact moved;
	uint64_t watched; /* ns between them */
	uint32_t completed; /* chains used in this time */
	/* The same for all queues of the device, which may share a back end; 0 unknown. */
	uint32_t device_completed;
	int32_t device_flight;
	uint64_t oldest; /* ns that the oldest chain in flight has waited; 0 unknown */
	bool oldest_more; /* at least so long */
};

enum stuck_verdict {
	STUCK_IDLE, /* nothing is outstanding */
	STUCK_UNUSED, /* the driver does not use the device */
	STUCK_MOVES,
	STUCK_SLOW,
	STUCK_CANNOT_TELL,
	/* Stuck: something is outstanding, and nothing moves. */
	STUCK_STOPPED,
	STUCK_PAUSED,
	STUCK_NEEDS_RESET,
	STUCK_NOT_KICKED,
	STUCK_KICK_LOST, /* between the driver, which has kicked, and the device */
	STUCK_KICK_WAITS,
	STUCK_NOT_POPPED,
	STUCK_NOT_ANSWERED,
	STUCK_FAILED, /* the back end has failed them, and they wait to be tried again */
	STUCK_NOT_PUBLISHED,
	STUCK_NOT_RAISED,
	STUCK_HELD, /* the interrupt waits in the eventfd to the guest */
	STUCK_FUNCTION_MASKED,
	STUCK_VECTOR_MASKED,
	STUCK_INTX_DISABLED,
	STUCK_NOT_DELIVERED, /* pending, though nothing masks it */
	STUCK_NOT_SERVED, /* INTx: asserted, and the driver does not read the ISR */
	STUCK_IRQ_LOST, /* between the device, which has interrupted, and the driver's handler */
	STUCK_NOT_REAPED,
	STUCK_VERDICTS
};

/* At least this long between the two looks for "nothing moves". */
#define STUCK_WATCH_NS UINT64_C(1000000000)

/*
 * The facts that are yes, no or unknown, one row each: the key of JSON, and what is said of
 * it where it proves something; NULL: nothing is.  Proofs come in this order.
 */
enum stuck_group { STUCK_OF_MACHINE, STUCK_OF_KICK, STUCK_OF_IRQ, STUCK_OF_MSIX, STUCK_OF_INTX };
struct stuck_named {
	const char *key;
	enum stuck_group group;
	size_t offset; /* of an enum stuck_fact, in struct stuck_facts */
	const char *yes, *no;
};
extern const struct stuck_named stuck_named[]; /* ends with key NULL */
static inline enum stuck_fact stuck_fact_of(const struct stuck_named *n,
					    const struct stuck_facts *f)
{
	return *(const enum stuck_fact *)((const char *)f + n->offset);
}

enum stuck_verdict stuck_judge(const struct stuck_facts *f);
/*
 * `unreaped` of a packed ring of `size` slots, by the driver's event suppression structure
 * (2.8.10): its flags say what its position means.  used, avail: the device's next positions,
 * wrap counter in bit 15.  -1 unknown: the driver wants to be told, and does not say from where.
 */
int32_t stuck_unreaped_packed(uint16_t flags, uint16_t used_event, uint16_t used, uint16_t avail,
			      uint16_t size);
/*
 * Whether the ring does not show what the driver has taken of what was used: it has no
 * EVENT_IDX, or its driver has switched notifications off.
 */
bool stuck_unseen(const struct stuck_facts *f);
/* Is it a verdict of something outstanding that nothing moves? */
bool stuck_is(enum stuck_verdict v);
/* Its name in JSON: "not-kicked"; and who has to act next: "driver", "" nobody. */
const char *stuck_name(enum stuck_verdict v);
const char *stuck_actor(const struct stuck_facts *f, enum stuck_verdict v);
/* The verdict as a sentence, with numbers; and what proves it, sentences separated by "; ". */
void stuck_say(const struct stuck_facts *f, enum stuck_verdict v, struct text *to);
void stuck_prove(const struct stuck_facts *f, enum stuck_verdict v, struct text *to);

#endif
