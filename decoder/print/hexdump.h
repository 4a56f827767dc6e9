/* SPDX-License-Identifier: MIT */
/* Bytes as people know them from hexdump -C: offset, 16 bytes, ASCII. */
#ifndef VQT_DECODER_PRINT_HEXDUMP_H
#define VQT_DECODER_PRINT_HEXDUMP_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "decoder/model/model.h"

/* offset is that of the first byte. indent begins each line. 0 or negative errno. */
int hexdump(FILE *to, const uint8_t *bytes, size_t len, uint64_t offset, const char *indent);
/* The captured bytes of an event's buffers, each under a line that says which it is. */
int print_hex(FILE *to, const struct event *e);

#endif
