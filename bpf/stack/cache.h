/* SPDX-License-Identifier: MIT */
/* Inside bpf/stack: names of addresses that were looked up before: stacks have most of theirs in common. */
#ifndef VQT_BPF_STACK_CACHE_H
#define VQT_BPF_STACK_CACHE_H

#include "bpf/stack/table.h"

#define SYMBOL_CACHE_MAX 32768 /* then it begins anew */

struct symbol_cache;

struct symbol_cache *symbol_cache_new(void); /* NULL: no memory */
void symbol_cache_free(struct symbol_cache *n);
/* What is mapped has changed. */
void symbol_cache_forget(struct symbol_cache *n);
/*
 * Add the frames of an address as they were added before; false: they are not known.  within: as in
 * symbol_add_frames().  *room becomes false if there was none for all.
 */
bool symbol_cache_find(const struct symbol_cache *n, uint64_t pc, uint64_t within,
		       struct stack_frames *out, bool *room);
/* Keep the frames of out from number `first` on, whose symbols begin at byte `at`. */
void symbol_cache_keep(struct symbol_cache *n, uint64_t pc, uint64_t within,
		       const struct stack_frames *out, unsigned first, size_t at);

#endif
