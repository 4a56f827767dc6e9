/* SPDX-License-Identifier: MIT */
/* Traces of a host and its guest, of chains at known times and with clocks that are known. */
#ifndef VQT_TESTS_UNIT_TWO_SIDES_H
#define VQT_TESTS_UNIT_TWO_SIDES_H

#include <stdbool.h>
#include <stdint.h>

#include "decoder/trace/file.h"

#define US UINT64_C(1000)
#define MS (1000 * US)
#define SECOND (1000 * MS)
#define BEGIN (1000 * SECOND) /* host time of the first chain */
#define HOST_DEVICE 1
#define GUEST_DEVICE 7
#define HOST_PID 4711

/* A trace in memory, opened by its path in /proc. */
struct file {
	int fd;
	char path[32];
	struct trace_writer *w;
	uint32_t seq;
	bool stacks; /* chains have one of STACKS */
};
#define STACKS 3 /* chain n has 1 + n % STACKS; n is its position, up to 65535 */

extern uint8_t file_bytes[1024]; /* where a record is built that file_put() writes */

void file_make(struct file *f);
struct build;
void file_put(struct file *f, struct build *b, uint64_t ts);
/* What both kinds of traces begin with. */
void file_begin(struct file *f, unsigned kind, uint16_t device, uint64_t ts);
void file_end(struct file *f);
void put_avail(struct file *f, uint16_t device, uint32_t n, uint64_t ts, unsigned adding);
void put_stacks(struct file *f, uint64_t ts); /* describe them; chains have them from now on */
void put_used(struct file *f, uint16_t device, uint32_t n, uint64_t ts);
void put_step(struct file *f, uint64_t ts); /* something that the driver does */

void put_exchange(struct file *f, struct vqt_exchange x); /* its times and nonce are set */

/* The guest's clock: 40 ppm slow, behind by hours, and in the middle stopped, or set back. */
struct clocks {
	uint32_t chains;
	uint64_t pause, back;
	bool late; /* one record has a time of 50 ms before */
	bool mmio; /* the device has no place on a bus, and the driver places its queue */
};

uint64_t guest_time(const struct clocks *c, uint64_t host);
/* Host time at which the n-th chain is begun to be added. */
uint64_t added_at(const struct clocks *c, uint32_t n);
void record_both(const struct clocks *c, struct file *host, struct file *guest, uint64_t salt);

/* What a merged trace says of time. */
struct seen {
	uint32_t stackless; /* chains of the guest whose stack is not known, or another one's */
	uint32_t guests, hosts, wrong, unknown, backwards, clocks, reasons[6];
	uint32_t most; /* the largest error claimed of a chain, ns */
	uint16_t peer;
	uint16_t clock;
};

void look(struct seen *s, const struct clocks *c, const char *path);

#endif
