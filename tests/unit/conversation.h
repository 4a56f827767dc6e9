/* SPDX-License-Identifier: MIT */
/*
 * Conversations of a driver and a device, written in words and fed to a model and a
 * checker: one line is enough to break a rule.  Statements are separated by ";",
 * their words by blanks.
 *
 *     "up; avail; kick; pop 5: readable 16, writable 512, writable 1; ! use 5 len 8192"
 *
 * Numbers are as in C.  N is a number, [x] may be left out, {x} may come any number of
 * times, a|b is one of them.
 *
 *   conversation = statement {; statement}
 *   statement    = [!] piece | [!] event | setting
 *
 * "!" marks the event at which the finding is expected (the last one of a piece).
 * A piece is a row of `pieces` in conversation.c: "up" brings a device from its reset to
 * DRIVER_OK, "request" is a whole request.
 *
 * Registers:
 *   write REG N                a register is written
 *   read REG N                 a register is read, as N
 *   window write|read REG N    the same, by the PCI configuration access window
 *   offer LOW HIGH             feature words 0 and 1 are read
 *   accept LOW HIGH            and written
 *     REG = NAME | status | isr | SPACE.NAME | SPACE@OFFSET, then [/WIDTH] [+OFFSET]
 *                              a NAME alone is of the common configuration, "status" is
 *                              device_status; widths are in bytes, the field's own by default.
 *                              After @OFFSET the width is needed. Names of config are those of
 *                              a block device; for another type write config@OFFSET/WIDTH
 *     SPACE = common | config | legacy | mmio | pci | notify
 *
 * Rings, of the queue chosen last (0 at first):
 *   queue N                    choose a queue
 *   packed                     rings are packed from here on
 *   avail [N]                  N entries (1) are made available
 *   ring {FIELD N}             what the ring holds from here on; FIELD = avail_idx | last_avail |
 *                              avail_flags | used_event | used_idx | used_flags | avail_event |
 *                              filled (packed: whether the next slot is available)
 *   kick [width N] [value N] [heads N]
 *                              by eventfd, or by a write of so many bytes; then so many heads follow
 *   pop HEAD [at POSITION] [flags CHAIN_FLAG|N] [: DESC {, DESC} [| DESC {, DESC}]]
 *       [type NAME|N] [sector N] {segment SECTOR SECTORS FLAGS} [headerless]
 *                              a chain is popped; after | those of its indirect table; without
 *                              descriptors: header, 4096 bytes, status; without a type: IN of sector 8
 *     DESC = [indirect] readable|writable LENGTH [at ADDRESS] [flags N] [next N] [times N]
 *   use ID [at POSITION] [flags N] [len N] [status N] [bytes DESC VALUE]
 *       [zone DESC START CAPACITY POINTER TYPE STATE]
 *                              a chain is used: 4097 bytes, OK; with 8 bytes of descriptor DESC,
 *                              or a report of one zone there
 *   sample [status | pending yes|no|unknown]
 *                              a snapshot of the ring by itself: asked for, at a status write, or
 *                              periodic, when a kick pends or not
 *
 * Interrupts:
 *   interrupt                  the device decides to notify of used buffers
 *   interrupt config           of a configuration change
 *   interrupt vector N [queue] an MSI-X message, of the chosen queue if it says so
 *   intx N                     the line goes to that level
 *
 * The rest:
 *   device TYPE TRANSPORT      another device begins, and what follows is about it: "device net pci"
 *   learned LOW HIGH           of a device in use: these features accepted, no MSI-X
 *   source qemu|proxy          what follows was recorded there, not in our own device
 *   thread N                   what follows was done by this thread
 *   wait Nms                   time passes
 *   lose                       three records are lost
 *   reset-machine              the machine is reset
 *   restore-status N           QEMU sets device_status without the driver
 *   error                      the device reports that it cannot go on
 *   lifecycle STEP {N}         any other step of the queue's life: decoder/fields/event_names.c
 *   backend begin|end HEAD     the backend's flush for this chain
 */
#ifndef VQT_TESTS_UNIT_CONVERSATION_H
#define VQT_TESTS_UNIT_CONVERSATION_H

#include "decoder/check/check.h"
#include "decoder/check/rule.h"
#include "tests/unit/record_builder.h"

#define CONVERSATION_FINDINGS 64

struct conversation {
	struct record_builder t;
	struct check *c;
	struct vqt_ring ring[4];
	bool packed;
	uint16_t size; /* of packed rings */
	uint64_t mark; /* event at which the finding is expected, 0 none */
	struct {
		const struct rule *rule;
		uint64_t number, nth;
		unsigned nbefore, queue;
		char seen[160];
	} found[CONVERSATION_FINDINGS];
	unsigned nfound;
	bool error; /* a statement was not understood; it has been printed to stderr */
	/* Set before conversation_begin(): */
	bool no_reset; /* as a late capture begins */
	uint16_t kind; /* enum vqt_source_kind; 0: our device */
	void (*hook)(void *opaque, const struct conversation *s,
		     const struct finding *f); /* or NULL */
	void *opaque; /* of hook */
};

/* A block device, and a checker of the rules that `selection` names (check_new()). */
void conversation_begin(struct conversation *s, const char *selection);
void conversation_run(struct conversation *s, const char *text);
void conversation_end(struct conversation *s); /* the trace ends, then everything is freed */
/* Findings of a rule. */
unsigned conversation_count(const struct conversation *s, const char *id);

#endif
