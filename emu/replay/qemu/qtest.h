/* SPDX-License-Identifier: MIT */
/*
 * A client of QEMU's qtest protocol: lines of text over a stream socket, one answer
 * for each command.  It accesses ports and memory of a machine whose processors stand
 * still.  Answers are not trusted: lines are bounded, numbers are checked, waiting is
 * bounded.
 */
#ifndef VQT_EMU_REPLAY_QEMU_QTEST_H
#define VQT_EMU_REPLAY_QEMU_QTEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define QTEST_LINE 512
#define QTEST_IRQS 1024

struct qtest_irq {
	uint16_t line;
	bool level;
};

struct qtest {
	int fd; /* borrowed, non-blocking */
	/*
	 * Wait until fd is readable, at most ms: 1, 0 time is over, negative errno.  NULL:
	 * poll(2).  An owner that also serves the machine's disk does so in this function.
	 */
	int (*wait)(void *opaque, int fd, int ms);
	void *opaque;
	int patience; /* ms for one answer */
	char in[QTEST_LINE];
	size_t have;
	struct qtest_irq irq[QTEST_IRQS]; /* a ring */
	unsigned irq_first, nirq;
	char why[160]; /* of the last failure, in words */
};

void qtest_init(struct qtest *q, int fd, int patience);

/*
 * All: 0, or negative errno with words in q->why: -ETIMEDOUT no answer, -EPIPE
 * closed, -EPROTO not an answer of this protocol, -EIO an answer FAIL.
 */
/* Port I/O: width 1, 2, 4. */
int qtest_in(struct qtest *q, uint16_t port, unsigned width, uint32_t *value);
int qtest_out(struct qtest *q, uint16_t port, unsigned width, uint32_t value);
/* Memory: width 1, 2, 4, 8; one access of that width where the device allows it. */
int qtest_read(struct qtest *q, uint64_t addr, unsigned width, uint64_t *value);
int qtest_write(struct qtest *q, uint64_t addr, unsigned width, uint64_t value);
/* The configuration space of bus:devfn by ports 0xcf8 and 0xcfc; off below 256, aligned. */
int qtest_pci_read(struct qtest *q, uint16_t bdf, uint8_t off, unsigned width, uint32_t *value);
int qtest_pci_write(struct qtest *q, uint16_t bdf, uint8_t off, unsigned width, uint32_t value);
/* From now on changes of this device's (QOM path) input lines are reported, and have no effect. */
int qtest_intercept(struct qtest *q, const char *path);
/* A command without effect: when it is answered, earlier work of QEMU's main loop is done. */
int qtest_barrier(struct qtest *q);
/* The oldest change of an intercepted line that was reported. */
bool qtest_next_irq(struct qtest *q, struct qtest_irq *irq);

#endif
