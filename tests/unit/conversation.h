/* SPDX-License-Identifier: MIT */
/*
 * Conversations as a line of words, fed to a model and a checker: one line is
 * enough to break a rule.  Words are separated by spaces; numbers as in C.
 *
 *   s:REG=N     write a register of the common configuration, by name
 *   g:REG=N     it is read as N; /W after the name: in W bytes; +O: at offset O in it
 *   S=N g=N     device_status written, read
 *   ls: lg:     the legacy registers      cs: cg:   device configuration
 *   ps:A/W=N pg: PCI configuration space at A, W bytes    v: before any of them: by the window
 *   isr=N       ISR status read           n:O=N     written at O of the notification structure
 *   qN          the queue that follows    A[N]      N chains are made available (1)
 *   K           kick by eventfd           Kw[=V]    by a write of w bytes; :N after: N entries, all head 0
 *   C[H][@P][^F][:D,..[|D,..]][%T[,S[;S.N.F..]]]  a chain is taken: head, position, flags, descriptors
 *               rL readable, wL writable, &A then: address, fX flags, >N next, *N as often; after | those of a table
 *               (an i before: INDIRECT); T,S type and sector, then segments; %- no header bytes
 *   U[H][@P][^F][=L[,S]]  a chain is used: length, status; ;D.V 8 bytes, ;zD.. a zone
 *   I M[V] N X[L]  interrupts: decided, MSI-X vector, configuration, INTx level
 *   G           a ring sample             r.K=N     the ring from here on: ai la af ue ui uf ae, fi: filled
 *   Gn Gy Gu    a periodic one: no kick pends, one does, nobody knows    GS at a status write
 *   qemu        what follows QEMU tells, whose kicks may pend in an eventfd
 *   proxy       what follows one tells that looks from beside, at its own moments
 *   packed      the ring is packed        E         the device reports an error
 *   E:W=A,B,C   a life step W of the queue          BH bH  the backend's flush for head H begins, ends
 *   R           the machine is reset      Q=N       QEMU sets status N
 *   L           records are lost          T+N       N ms pass
 *   th=N        a thread that speaks from here on
 *   D=T,P       another device of type T at transport P begins and speaks from here on
 *   ms: mg:     virtio-mmio registers     as:A/W=N ag: the common configuration by place; las: lag: legacy
 *   @NAME       one of the pieces below   !WORD     the finding is expected here
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
	const char *error; /* the word nobody understood */
	bool no_reset; /* begin as a late capture does */
};

/* A talk, a checker of these rules. */
void conversation_begin(struct conversation *s, const char *selection);
void conversation_run(struct conversation *s, const char *words);
void conversation_end(struct conversation *s); /* the trace ends, then everything is freed */
/* Findings of a rule. */
unsigned conversation_count(const struct conversation *s, const char *id);

#endif
