/* SPDX-License-Identifier: MIT */
/* Objects as QEMU has them in its memory, as far as they are read: built in a fake_memory. */
#ifndef VQT_TESTS_UNIT_FAKE_QEMU_H
#define VQT_TESTS_UNIT_FAKE_QEMU_H

#include <stdlib.h>

#include "tests/unit/fake_memory.h"

/* struct Object, DeviceState, BusState: what is read of them lies at these offsets. */
#define FAKE_PROPERTIES 16
#define FAKE_PARENT 32
#define FAKE_DEVICE_ID 40
#define FAKE_DEVICE_PATH 48
#define FAKE_BUS_PARENT 40
#define FAKE_BUS_NAME 48

static inline void fake_put(struct fake_memory *f, uint64_t addr, const void *p, size_t n)
{
	memcpy(f->bytes + (addr - FAKE_BASE), p, n);
}

static inline void fake_put64(struct fake_memory *f, uint64_t addr, uint64_t v)
{
	fake_put(f, addr, &v, sizeof(v));
}

static inline void fake_put32(struct fake_memory *f, uint64_t addr, uint32_t v)
{
	fake_put(f, addr, &v, sizeof(v));
}

/* Unused memory, 16-aligned. */
static inline uint64_t fake_new(struct fake_memory *f, size_t n)
{
	uint64_t at = f->next;

	if (n > FAKE_SIZE - (at - FAKE_BASE))
		abort();
	f->next += (n + 15) & ~15ULL;
	return at;
}

static inline uint64_t fake_string(struct fake_memory *f, const char *s)
{
	uint64_t at = fake_new(f, strlen(s) + 1);

	fake_put(f, at, s, strlen(s) + 1);
	return at;
}

/* Object -> class -> type -> name */
static inline void fake_type(struct fake_memory *f, uint64_t obj, const char *type)
{
	uint64_t class = fake_new(f, 8), impl = fake_new(f, 8);

	fake_put64(f, impl, fake_string(f, type));
	fake_put64(f, class, impl);
	fake_put64(f, obj, class);
}

static inline uint64_t fake_object(struct fake_memory *f, const char *type, size_t size)
{
	uint64_t obj = fake_new(f, size);

	fake_type(f, obj, type);
	return obj;
}

#endif
