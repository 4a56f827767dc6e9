/* SPDX-License-Identifier: MIT */
/* The walk of QEMU's tree of objects: what is found, and trees that lie. */
#include <errno.h>
#include <stdlib.h>

#include "bpf/qom/qom.h"
#include "tests/unit/fake_tree.h"
#include "tests/unit/tap.h"

static uint8_t bytes[FAKE_SIZE];
static struct fake_memory mem;
static uint64_t root, machine, disk;
static char said[4096];

static bool visit(void *ctx, const struct process_memory *m, uint64_t obj, uint64_t parent,
		  const char *name)
{
	size_t at = strlen(said);
	char type[64];

	snprintf(said + at, sizeof(said) - at, "%s:%s ", name,
		 qom_typename(m, obj, type, sizeof(type)));
	return !ctx || strcmp(name, ctx);
}

static int walk(const char *not_below)
{
	*said = 0;
	return qom_walk(&mem.m, root, visit, (void *)not_below);
}

static void begin(void)
{
	memset(bytes, 0, sizeof(bytes));
	fake_init(&mem, bytes, sizeof(bytes));
	root = fake_tree(&mem, &machine, &disk);
}

static void found(void)
{
	begin();
	CHECK_EQ(walk(NULL), 3);
	CHECK_STR(said, "machine:pc disk0:virtio-blk-pci virtio-backend:virtio-blk-device ");
	CHECK_EQ(walk("disk0"), 2);
	CHECK_STR(said, "machine:pc disk0:virtio-blk-pci ");
}

static void no_tree(void)
{
	begin();
	CHECK_EQ(qom_walk(&mem.m, 0, visit, NULL), (uint64_t)-ENOENT);
	CHECK_EQ(qom_walk(&mem.m, 7, visit, NULL), (uint64_t)-ENOENT);
	fake_put64(&mem, root, disk); /* not a container */
	CHECK_EQ(walk(NULL), (uint64_t)-ENOENT);
	mem.size = 0;
	CHECK_EQ(walk(NULL), (uint64_t)-ENOENT);
}

/* A child whose parent is another is none, nor is one behind a key that is not its name. */
static void not_believed(void)
{
	begin();
	fake_put64(&mem, disk + FAKE_PARENT, machine + 8);
	CHECK_EQ(walk(NULL), 1);
	begin();
	fake_put64(&mem, fake_table_of(&mem, machine) + 40, FAKE_BASE); /* keys */
	CHECK_EQ(walk(NULL), 1);
	begin();
	fake_put64(&mem, fake_table_of(&mem, machine), 3); /* a size that is no power of two */
	CHECK_EQ(walk(NULL), 1);
	begin();
	fake_put64(&mem, fake_table_of(&mem, machine), 1ULL << 40);
	CHECK_EQ(walk(NULL), 1);
}

/* An object that contains itself. */
static void endless(void)
{
	uint64_t table;

	begin();
	fake_child(&mem, disk, "again", disk);
	fake_put64(&mem, disk + FAKE_PARENT, disk);
	CHECK_EQ(walk(NULL), 1);
	begin();
	fake_child(&mem, machine, "again", machine);
	table = fake_table_of(&mem, machine);
	CHECK(table != 0);
	fake_put64(&mem, machine + FAKE_PARENT, machine);
	CHECK(walk(NULL) >= 0); /* ends */
}

static const struct tap_test tests[] = {
	{ "objects, their names and types", found },
	{ "no tree there", no_tree },
	{ "what does not confirm itself", not_believed },
	{ "an object that contains itself", endless },
};
TAP_MAIN(tests)
