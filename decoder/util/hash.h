/* SPDX-License-Identifier: MIT */
/*
 * uthash, told not to end the process when there is no memory: HASH_ADD() then
 * leaves the element out of the table, and it is still the caller's.
 */
#ifndef VQT_DECODER_UTIL_HASH_H
#define VQT_DECODER_UTIL_HASH_H

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

/* After HASH_ADD(): is it in the table? */
#define hash_holds(element) ((element)->hh.tbl != NULL)

#endif
