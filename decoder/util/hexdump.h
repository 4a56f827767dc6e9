/* SPDX-License-Identifier: MIT */
/* Bytes as people know them from hexdump -C: offset, 16 bytes, ASCII. */
#ifndef VQT_DECODER_UTIL_HEXDUMP_H
#define VQT_DECODER_UTIL_HEXDUMP_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* offset is that of the first byte. indent begins each line. 0 or negative errno. */
int hexdump(FILE *to, const uint8_t *bytes, size_t len, uint64_t offset, const char *indent);

#endif
