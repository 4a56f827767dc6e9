/* SPDX-License-Identifier: MIT */
/* Whether call stacks can be taken and named here, by doing it. */
#ifndef VQT_BPF_STACK_TRY_H
#define VQT_BPF_STACK_TRY_H

#include <stdbool.h>

struct text;

/* Unwind this process, and say in *how with what.  False: it does not work; *how says what does not. */
bool unwind_try(struct text *how);

/*
 * Whether debug information is asked of servers (DEBUGINFOD_URLS), in *how.  False: it should be, and
 * cannot.
 */
bool debuginfod_try(struct text *how);

#endif
