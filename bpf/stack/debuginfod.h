/* SPDX-License-Identifier: MIT */
/*
 * Inside bpf/stack: debug information from a server, by elfutils' client (libdebuginfod, loaded when it is
 * needed).  Only where the user has set DEBUGINFOD_URLS.  A process of its own does it, as the one that
 * reads the files may neither make sockets nor open what it likes.
 */
#ifndef VQT_BPF_STACK_DEBUGINFOD_H
#define VQT_BPF_STACK_DEBUGINFOD_H

#include <stddef.h>
#include <stdint.h>

/* What is waited for all answers together: the asker has a limit of its own (unwind.c). */
#define DEBUGINFOD_WAIT_MS 6000

/* Start the client; nothing is done without DEBUGINFOD_URLS.  It ends with this process. */
void debuginfod_start(void);
/*
 * The file with the debug information of a build-id of 2 to 64 bytes: a descriptor; -1: there is none, or
 * not in time.  What comes later is in the client's cache then.
 */
int debuginfod_ask(const uint8_t *id, size_t len);

#endif
