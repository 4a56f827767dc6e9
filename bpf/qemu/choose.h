/* SPDX-License-Identifier: MIT */
/* Which QEMU a person means. */
#ifndef VQT_BPF_QEMU_CHOOSE_H
#define VQT_BPF_QEMU_CHOOSE_H

#include "bpf/process/foreign.h"
#include "decoder/source/source.h"
#include "decoder/util/text.h"

#define CHOOSE_PROCESSES 256

/* A line for each QEMU that runs. */
void choose_list(struct text *lines);
/* The one QEMU that a name means: 0; or -ESRCH, with the reason and a list of candidates. */
int choose_named(const char *word, const struct foreign_stop *stop, pid_t *pid, struct text *why);
/* Warn of the processes that the last list left out, each time there are others. */
void choose_say_left_out(const struct source_request *r);

#endif
