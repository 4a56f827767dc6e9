/* SPDX-License-Identifier: MIT */
/*
 * Memory of a process that is none of ours: a tree of objects with words of it changed,
 * walked, and each object looked at as a device, with its class.  Input: offset (2 bytes), word (8 bytes).
 */
#include <stdlib.h>

#include "bpf/qom/classes.h"
#include "bpf/qom/identity.h"
#include "bpf/qom/qom.h"
#include "tests/unit/fake_tree.h"
#include "tests/unit/tiny_elf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t bytes[FAKE_SIZE];
static struct fake_memory mem;

static void look(uint64_t proxy, uint64_t vdev)
{
	static const struct vqp_proc layout = { .dev_bus = 96, .vdev_vq = 200, .vq_size = 64 };
	struct identity who = { .proxy = proxy, .vdev = vdev };
	struct vqt_device r = { .bdf = ~0U };

	for (int i = 0; i < 2; i++)
		identity_read(&who, &r, &mem.m, &layout, i);
	if (!memchr(who.user_id, 0, sizeof(who.user_id)) ||
	    !memchr(who.typename, 0, sizeof(who.typename)) ||
	    !memchr(who.path, 0, sizeof(who.path)) || (who.path[0] && who.path[0] != '/') ||
	    r.queues > VQP_QUEUE_MAX)
		abort();
}

/* The disk's class and its parent's, as TypeImpl has them: name, sizes, ..., parent, class. */
static void classify(uint64_t disk)
{
	uint64_t type[2] = { fake_new(&mem, 256), fake_new(&mem, 256) }, class[2];

	for (unsigned i = 0; i < 2; i++) {
		class[i] = fake_new(&mem, 256);
		fake_put64(&mem, type[i], fake_string(&mem, i ? "device" : "virtio-blk-pci"));
		fake_put64(&mem, type[i] + 8, 256);
		fake_put64(&mem, type[i] + 16, 1024);
		fake_put64(&mem, type[i] + 96, class[i]);
		fake_put64(&mem, class[i], type[i]);
	}
	fake_put64(&mem, type[0] + 80, fake_string(&mem, "device"));
	fake_put64(&mem, type[0] + 88, type[1]);
	fake_put64(&mem, disk, class[0]);
}

static void read_class(uint64_t obj)
{
	static const uint8_t code[] = { 0xc3 };
	static struct tiny_elf t;
	static struct class_view v;
	struct qemu q = { .root = 0 };
	struct classes *c;

	tiny_elf(&t, code, sizeof(code));
	if (elf_open_memory(&q.elf, "fuzz", t.bytes, t.size) || classes_open(&c, &q, FAKE_BASE))
		abort();
	for (unsigned i = 0; i < 2; i++) {
		int err = classes_read(c, &mem.m, obj, &v);

		if (v.ntypes > CLASS_TYPES || v.nfunctions > CLASS_SLOTS || (err && v.ntypes))
			abort();
		for (unsigned k = 0; k < v.ntypes; k++)
			if (!v.type[k][0] || !memchr(v.type[k], 0, sizeof(v.type[k])))
				abort();
	}
	classes_close(c);
	elf_close(q.elf);
}

static bool visit(void *ctx, const struct process_memory *m, uint64_t obj, uint64_t parent,
		  const char *name)
{
	unsigned *left = ctx;

	if (*left) {
		--*left;
		look(obj, parent);
		look(0, obj);
	}
	return true;
}

/* A bus, queues and a PCI configuration space for the disk to have. */
static void furnish(uint64_t disk, uint64_t machine)
{
	uint64_t bus = fake_object(&mem, "virtio-pci-bus", 128), config = fake_new(&mem, 256);
	uint64_t pci = fake_object(&mem, "PCIE", 128), vqs = fake_new(&mem, 256);

	fake_put64(&mem, bus + FAKE_BUS_PARENT, disk);
	fake_put64(&mem, pci + FAKE_BUS_PARENT, machine);
	fake_put64(&mem, disk + FAKE_DEVICE_ID, fake_string(&mem, "disk0"));
	fake_put64(&mem, disk + FAKE_DEVICE_PATH, fake_string(&mem, "/machine/peripheral/disk0"));
	fake_put64(&mem, disk + 88, pci);
	fake_put64(&mem, disk + 96, bus);
	fake_put64(&mem, disk + 168, config);
	fake_put32(&mem, config, 0x10421af4);
	fake_put64(&mem, disk + 200, vqs);
	fake_put32(&mem, vqs + 4, 256);
	fake_put(&mem, disk + 224, "virtio-blk-pci", 15);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t root, machine, disk;
	unsigned left = 64;
	int n;

	memset(bytes, 0, sizeof(bytes));
	fake_init(&mem, bytes, sizeof(bytes));
	root = fake_tree(&mem, &machine, &disk);
	furnish(disk, machine);
	classify(disk);
	for (; size >= 10; data += 10, size -= 10) {
		uint16_t at;

		memcpy(&at, data, 2);
		if (at <= FAKE_SIZE - 8)
			memcpy(bytes + at, data + 2, 8);
	}
	n = qom_walk(&mem.m, root, visit, &left);
	if (n > 65536)
		abort();
	look(disk, 0);
	read_class(disk);
	return 0;
}
