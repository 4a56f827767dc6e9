/* SPDX-License-Identifier: MIT */
/* The call stacks of a process's events, where they were asked for. */
#ifndef VQT_BPF_CAPTURE_STACKS_H
#define VQT_BPF_CAPTURE_STACKS_H

#include "bpf/session/session.h"

/* 0 or -ENOMEM; nothing is done where no stacks are recorded. */
int stacks_open(struct target *t);
void stacks_close(struct target *t);
/* A program has sent what a stack is unwound from: it belongs to the event of the same number. */
void stacks_take(struct target *t, const void *record, size_t len);
/*
 * An event is passed on: it with its stack, if it has one.  The result is valid until the next call;
 * *len becomes its length.
 */
void *stacks_append(struct target *t, void *record, size_t *len);
/*
 * Events whose stack could not be told apart; stacks with frames whose file cannot be read; and whether
 * unwinding has been given up.
 */
uint64_t stacks_unknown(const struct target *t);
uint64_t stacks_unread(const struct target *t);
bool stacks_given_up(const struct target *t);
/* A file begins: describe the stacks again. */
void stacks_again(struct target *t);

#endif
