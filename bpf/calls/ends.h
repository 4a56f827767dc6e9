/* SPDX-License-Identifier: MIT */
/*
 * Where the functions of a QEMU end whose ends are recorded: places for ordinary probes.  A probe of the
 * kernel's for returns writes over the return address, and the kernel ends the process if a coroutine
 * makes it meet those in another order than they were written in.
 */
#ifndef VQT_BPF_CALLS_ENDS_H
#define VQT_BPF_CALLS_ENDS_H

#include "bpf/session/session.h"

struct end_points;

/* Of the object of a target.  0 or -ENOMEM. */
int end_points_open(struct end_points **out, struct target *t);
void end_points_close(struct end_points *e); /* NULL is allowed */

/* Add a function, by its address in the object.  Whether its ends are known. */
bool end_points_add(struct end_points *e, uint64_t addr);
/* The same of a function that was added. */
bool end_points_has(const struct end_points *e, uint64_t addr);
/*
 * Then: add the functions that those jump to, where that costs little, and attach the program to all ends.
 * If that fails, no function has any.
 */
void end_points_attach(struct end_points *e, struct bpf_program *program);
/* When nothing more is to be found: write a note of the functions whose ends are not known. */
void end_points_done(struct end_points *e);

/*
 * The returns of one function alone, before end_points_done(); the number of them, 0: they are not
 * known.
 */
size_t end_points_of(struct target *t, uint64_t addr, struct attach_point *out, size_t max);

#endif
