/* SPDX-License-Identifier: MIT */
/*
 * Guest memory in copies of blocks.  Each read of another process is a system call, whose cost hardly
 * depends on whether it reads 2 bytes or a few blocks.  So a block is copied when a part of it is
 * wanted, with the blocks that were wanted lately; and all copies are forgotten whenever what was
 * read before must not count any more.
 *
 * The words that say how far a ring is are read before the blocks and again after them, in the same
 * system call, which reads its ranges in order.  If a word was the same both times, then it had this
 * value before the blocks were read and after: who asks for it gets it without another call.
 */
#ifndef VQT_BPF_MEMORY_COPIES_H
#define VQT_BPF_MEMORY_COPIES_H

#include "bpf/memory/words.h"
#include "bpf/prog/switch.h"
#include "bpf/qemu/guest.h"

#define COPIES_BLOCK VQS_BLOCK /* bytes that another processor wrote cost as much as a range */
#define COPIES_BLOCKS 12 /* that one call reads */
#define COPIES_MOST VQS_BLOCKS
#define COPIES_WORDS 2
#define COPIES_RANGES 4
#define COPIES_FRONT 512U

struct copies {
	const struct process_memory *m; /* borrowed */
	/* private: blocks by number in the process, the one that was wanted last first; 0: none */
	struct {
		uint64_t block;
		uint32_t time; /* when it was wanted */
	} recent[COPIES_BLOCKS];
	uint32_t time; /* counts calls after which something was wanted */
	bool wanted; /* since the latest call */
	unsigned n; /* copies there are */
	uint64_t block[COPIES_MOST]; /* of each copy */
	uint64_t word[COPIES_WORDS]; /* addresses in the process */
	unsigned words;
	bool told; /* the words were read before the copies, and after the latest of them */
	bool fresh; /* nothing was asked for since copies_look() */
	/* as the guest has them, each with what is around it (bpf/memory/words.h) */
	uint8_t before[WORDS_BYTES * COPIES_WORDS], after[WORDS_BYTES * COPIES_WORDS];
	uint8_t bytes[COPIES_FRONT + COPIES_MOST * COPIES_BLOCK + WORDS_BYTES * COPIES_WORDS];
	/*
	 * ns, CLOCK_MONOTONIC: all that was read since copies_watch() was there at this time.  0: now,
	 * or some of it is.
	 */
	uint64_t as_of;
	bool unsure; /* of then, but not in the order in which it is asked for: renewed, it is read anew */
};

/*
 * The addresses in the process of words of 16 bits that are asked for often, n <= COPIES_WORDS of
 * them.  Forgets all copies.
 */
void copies_watch(struct copies *c, const uint64_t *word, unsigned n);
/*
 * Read these ranges of the process (at most COPIES_RANGES, and COPIES_FRONT bytes with the words) to
 * buf, one after the other, and in the same call what is watched and was wanted lately: the next
 * copies_renew() keeps it, as it is of now.  False: not all of it could be read.
 */
bool copies_look(struct copies *c, const struct iovec *range, unsigned n, void *buf);
/*
 * Take the copies out of a snapshot: what it has is read as it was then.  What it lacks is read as it is
 * now: then the words must not have changed since, or all is read anew.
 */
void copies_take(struct copies *c, const struct vqs_snapshot *s);
/* The WORDS_BYTES around a word that is watched, as copies_look() read them first. */
static inline const uint8_t *copies_word(const struct copies *c, unsigned i)
{
	return c->before + (size_t)WORDS_BYTES * i;
}

/* What struct ring_memory wants, of one guest memory.  opaque: struct copies_of. */
struct copies_of {
	struct copies *c; /* borrowed, as the other */
	const struct guest_memory *g;
};
int copies_read(void *opaque, uint64_t gpa, void *buf, size_t len);
int copies_load(void *opaque, uint64_t gpa, void *buf, size_t len);
void copies_renew(void *opaque);

#endif
