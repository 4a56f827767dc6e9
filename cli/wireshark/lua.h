/* SPDX-License-Identifier: MIT */
/*
 * Lua tables on standard output, for the generator.  Outside of all of them, members are those of the
 * table V.  A key NULL: the next element of a list.
 */
#ifndef VQT_CLI_WIRESHARK_LUA_H
#define VQT_CLI_WIRESHARK_LUA_H

#include <stdbool.h>
#include <stdint.h>

struct spec_name;

/* The members that follow, until lua_end(), are those of a table. */
void lua_begin(const char *key);
void lua_begin_at(unsigned index);
void lua_end(void);

void lua_number(const char *key, int64_t value);
/* Lua's numbers hold 53 bits: 64 of them as two numbers, the low half first. */
void lua_u64(const char *key, uint64_t value);
void lua_string(const char *key, const char *value); /* NULL: no member */
void lua_string_at(unsigned index, const char *value);
void lua_flag(const char *key, bool value); /* false: no member */
void lua_element(uint64_t value); /* of a list; at most 53 bits, more become the highest number */
void lua_set(unsigned index); /* [index] = true */
/* A list of { value, name }; NULL: no member. */
void lua_names(const char *key, const struct spec_name *names);

/* V.K: constants; V.O: where the members of records are, { offset, size }. */
void lua_constants(void);

#endif
