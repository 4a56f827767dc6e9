/* SPDX-License-Identifier: MIT */
/*
 * Where calls of functions are recorded (capture_options.lifecycle): which functions, what they are
 * called, and the tags of events that say in which call they happened.
 */
#ifndef VQT_BPF_CALLS_CALLS_H
#define VQT_BPF_CALLS_CALLS_H

#include "bpf/session/session.h"

struct calls;

/* Of a target whose probes are known, before they are attached.  0 or -ENOMEM. */
int calls_open(struct target *t);
void calls_close(struct target *t);
/* Number of the name of an exported function, for the cookie of its probe; 0: it needs none. */
uint32_t calls_name(struct target *t, const struct qemu_probe *p);
/* A record of the type VQP_CALL has come. */
void calls_take(struct target *t, const void *record, size_t len);
/*
 * The record with what is known of the calls around it: the record itself, or a copy that is valid
 * until the next call, of *len bytes.  NULL: it is not to be written.
 */
void *calls_append(struct target *t, void *record, size_t *len);
/*
 * Find the functions that have no exported name, and their ends (t->ends): 0 or negative errno, -ENOENT if
 * there is no such function.
 */
int calls_find(struct target *t);
/* Attach to them, to all or to none of them: 0 or negative errno. */
int calls_attach(struct target *t);
void calls_detach(struct target *t);

#endif
