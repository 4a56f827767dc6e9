/* SPDX-License-Identifier: MIT */
#include "cli/wireshark/lua.h"

#include <inttypes.h>
#include <stdio.h>

#include "decoder/spec/spec.h"

static unsigned depth;

static void put_key(const char *key)
{
	if (key && !depth)
		printf("V.%s = ", key);
	else if (key)
		printf("[\"%s\"]=", key); /* some are words of Lua's */
}

static void end_member(void)
{
	fputs(depth ? "," : "\n", stdout);
}

void lua_begin(const char *key)
{
	put_key(key);
	putchar('{');
	depth++;
}

void lua_begin_at(unsigned index)
{
	printf("[%u]={", index);
	depth++;
}

void lua_end(void)
{
	depth--;
	putchar('}');
	end_member();
	if (depth == 1)
		putchar('\n');
}

void lua_number(const char *key, int64_t value)
{
	put_key(key);
	printf("%" PRId64, value);
	end_member();
}

void lua_u64(const char *key, uint64_t value)
{
	put_key(key);
	printf("{%" PRIu32 ",%" PRIu32 "}", (uint32_t)value, (uint32_t)(value >> 32));
	end_member();
}

void lua_string(const char *key, const char *value)
{
	if (!value)
		return;
	put_key(key);
	putchar('"');
	for (; *value; value++) {
		if (*value == '"' || *value == '\\')
			printf("\\%c", *value);
		else if ((unsigned char)*value < 0x20)
			printf("\\%03u", (unsigned char)*value);
		else
			putchar(*value);
	}
	putchar('"');
	end_member();
}

void lua_string_at(unsigned index, const char *value)
{
	printf("[%u]=", index);
	lua_string(NULL, value);
}

void lua_flag(const char *key, bool value)
{
	if (!value)
		return;
	put_key(key);
	fputs("true", stdout);
	end_member();
}

void lua_element(uint64_t value)
{
	const uint64_t most = UINT64_C(1) << 53;

	printf("%" PRIu64 ",", value < most ? value : most);
}

void lua_set(unsigned index)
{
	printf("[%u]=true,", index);
}

void lua_names(const char *key, const struct spec_name *names)
{
	if (!names)
		return;
	lua_begin(key);
	for (; names->name; names++) {
		lua_begin(NULL);
		lua_element(names->value);
		lua_string(NULL, names->name);
		lua_end();
	}
	lua_end();
}
