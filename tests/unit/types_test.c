/* SPDX-License-Identifier: MIT */
/* QOM types in objects: this program is one, a made one has the older form, QEMUs are others. */
#include <stdlib.h>
#include <sys/stat.h>

#include "bpf/process/foreign.h"
#include "bpf/qom/types.h"
#include "tests/unit/tap.h"
#include "tests/unit/tiny_elf.h"

/* As QEMU declares it since 5.1. */
struct type_info {
	const char *name, *parent;
	size_t instance_size, instance_align;
	void (*instance_init)(void *), (*instance_post_init)(void *), (*instance_finalize)(void *);
	bool abstract;
	size_t class_size;
	void (*class_init)(void *), (*class_base_init)(void *);
	void *class_data;
	const void *interfaces;
};

struct pci_info {
	const char *base, *generic, *transitional, *non_transitional, *parent;
	size_t instance_size, class_size;
	void (*instance_init)(void *), (*instance_finalize)(void *), (*class_init)(void *);
	const void *interfaces;
};

struct fake_class {
	void (*realize)(void *), (*unrealize)(void *), (*reset)(void *);
	int (*get_features)(int);
};

void fake_blk_realize(void *);
void fake_blk_unrealize(void *);
void fake_blk_reset(void *);
int fake_blk_get_features(int);
void fake_class_init(void *);
void fake_device_class_init(void *);
void fake_instance_init(void *);
void fake_pci_class_init(void *);
void virtio_pci_types_register(const struct pci_info *);
void fake_register(void);

static volatile int effect;

void fake_blk_realize(void *d)
{
	effect = 1;
}
void fake_blk_unrealize(void *d)
{
	effect = 2;
}
void fake_blk_reset(void *d)
{
	effect = 3;
}
int fake_blk_get_features(int f)
{
	return f ^ effect;
}
void fake_instance_init(void *d)
{
	effect = 4;
}
void fake_device_class_init(void *d)
{
	effect = 5;
}
void fake_pci_class_init(void *d)
{
	effect = 6;
}
__attribute__((noinline, noclone)) void virtio_pci_types_register(const struct pci_info *i)
{
	effect = i->base != NULL;
	asm("" : : "r"(i) : "memory"); /* takes its argument in a register */
}

void fake_class_init(void *class)
{
	struct fake_class *c = class;

	c->realize = fake_blk_realize;
	c->unrealize = fake_blk_unrealize;
	c->reset = fake_blk_reset;
	c->get_features = fake_blk_get_features;
}

/* Used by nobody but what reads the object. */
__attribute__((used)) static struct type_info infos[] = {
	{ .name = "virtio-blk-device",
	  .parent = "virtio-device",
	  .instance_size = 0x360,
	  .instance_init = fake_instance_init,
	  .class_init = fake_class_init },
	{ .name = "virtio-device",
	  .parent = "device",
	  .instance_size = 0x228,
	  .class_size = 0x190,
	  .abstract = true,
	  .class_init = fake_device_class_init },
	{ .name = "object", .instance_size = 40, .abstract = true },
	{ .name = "unrelated", .parent = "device", .instance_size = 8 },
	{ .name = "device",
	  .parent = "object",
	  .instance_size = 160,
	  .class_size = 176,
	  .abstract = true,
	  .class_init = fake_device_class_init },
	{ .name = "virtio-pci",
	  .parent = "device",
	  .instance_size = 0x8000,
	  .class_size = 248,
	  .abstract = true,
	  .class_init = fake_pci_class_init },
	/* not one: no size is so large */
	{ .name = "virtio-false",
	  .parent = "device",
	  .instance_size = 1UL << 40,
	  .class_init = fake_class_init },
};

static struct pci_info disk = {
	.base = "virtio-blk-pci-base",
	.generic = "virtio-blk-pci",
	.transitional = "virtio-blk-pci-transitional",
	.non_transitional = "virtio-blk-pci-non-transitional",
	.instance_size = 0x8700,
	.instance_init = fake_instance_init,
	.class_init = fake_pci_class_init,
};

void fake_register(void)
{
	virtio_pci_types_register(&disk);
}

static struct foreign by;

static struct elf *open_file(const char *path)
{
	struct elf *e = NULL;

	foreign_init(&by, 0, NULL);
	foreign_begin_large(&by, 100); /* a sanitizer, a busy machine */
	foreign_begin_large(&by, 8);
	CHECK_EQ(elf_open(&e, path, &by), 0);
	return e;
}

static const struct qemu_type *named(const struct types *t, const char *name)
{
	static const struct qemu_type none = { .name = "", .parent = "" };
	const struct qemu_type *r = types_by_name(t, name);

	if (!r)
		printf("# no type %s\n", name);
	CHECK(r != NULL);
	return r ? r : &none;
}

static void own_types(void)
{
	struct elf *e = open_file("/proc/self/exe");
	const struct qemu_type *r;
	struct types *t;

	CHECK_EQ(types_find(&t, e), 0);
	CHECK_EQ(types_count(t), 6); /* without the unrelated and the false one */
	CHECK(types_by_name(t, "unrelated") == NULL);
	CHECK(types_by_name(t, "virtio-false") == NULL);
	r = named(t, "virtio-blk-device");
	CHECK_STR(r->parent, "virtio-device");
	CHECK_EQ(r->instance_size, 0x360);
	CHECK_EQ(r->instance_init, elf_symbol(e, "fake_instance_init"));
	CHECK_EQ(r->class_init, elf_symbol(e, "fake_class_init"));
	CHECK(!r->abstract && !r->pci && !r->class_size && !r->instance_finalize);
	r = named(t, "virtio-device");
	CHECK(r->abstract);
	CHECK_EQ(r->class_size, 0x190);
	CHECK(named(t, "object")->parent == NULL);
	types_free(t);
	elf_close(e);
}

static const char *parent(const struct types *t, const char *name)
{
	const char *p = types_parent(t, name);

	return p ? p : "";
}

static void own_pci(void)
{
	struct elf *e = open_file("/proc/self/exe");
	const struct qemu_type *r;
	struct types *t;

	CHECK_EQ(types_find(&t, e), 0);
	r = named(t, "virtio-blk-pci");
	CHECK(r->pci);
	CHECK(r == named(t, "virtio-blk-pci-base"));
	CHECK(r == named(t, "virtio-blk-pci-non-transitional"));
	CHECK_STR(r->parent, "virtio-pci");
	CHECK_EQ(r->instance_size, 0x8700);
	CHECK_EQ(r->class_init, elf_symbol(e, "fake_pci_class_init"));
	CHECK_STR(parent(t, "virtio-blk-pci-transitional"), "virtio-blk-pci-base");
	CHECK_STR(parent(t, "virtio-blk-pci-base"), "virtio-pci");
	CHECK_STR(parent(t, "virtio-pci"), "device");
	CHECK(types_parent(t, "object") == NULL);
	CHECK(types_parent(t, "no such type") == NULL);
	types_free(t);
	elf_close(e);
}

static bool among(const struct elf *e, const uint64_t *list, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (list[i] && list[i] == elf_symbol(e, name))
			return true;
	return false;
}

static void candidates(void)
{
	struct elf *e = open_file("/proc/self/exe");
	uint64_t init = elf_symbol(e, "fake_class_init"), list[16];
	size_t n = types_candidates(e, init, list, 16);

	CHECK(among(e, list, n, "fake_blk_realize"));
	CHECK(among(e, list, n, "fake_blk_unrealize"));
	CHECK(among(e, list, n, "fake_blk_reset"));
	CHECK(among(e, list, n, "fake_blk_get_features"));
	CHECK(!among(e, list, n, "fake_class_init"));
	CHECK_EQ(n, 4);
	CHECK_EQ(types_candidates(e, init, list, 2), 2);
	CHECK_EQ(types_candidates(e, 0, list, 16), 0);
	elf_close(e);
}

/* --- an object that was made ------------------------------------------------------- */

#define DATA 0x10000 /* address of its data */
#define NAMES 1024 /* in the data */

static void put(uint8_t *data, size_t at, unsigned i, uint64_t value)
{
	memcpy(data + at + 8 * i, &value, 8);
}

static uint64_t put_name(uint8_t *data, size_t at, const char *name)
{
	strcpy((char *)data + at, name);
	return DATA + at;
}

/* Two types of the form before 5.1, not position-independent: no relocations. */
static void old_form(void)
{
	static const uint8_t code[4] = { 0x31, 0xc0, 0xc3, 0x90 };
	static struct tiny_elf tiny;
	Elf64_Phdr *p = (void *)(tiny.bytes + sizeof(Elf64_Ehdr));
	uint8_t *data = tiny.bytes + 2048;
	struct types *t;
	struct elf *e;

	tiny_elf(&tiny, code, sizeof(code));
	((Elf64_Ehdr *)tiny.bytes)->e_phnum = 2;
	p[1] = (Elf64_Phdr){ .p_type = PT_LOAD,
			     .p_flags = PF_R | PF_W,
			     .p_offset = 2048,
			     .p_vaddr = DATA,
			     .p_filesz = 2048,
			     .p_memsz = 2048 };
	tiny.size = 4096;
	put(data, 64, 0, put_name(data, NAMES, "virtio-device"));
	put(data, 64, 1, put_name(data, NAMES + 64, "object"));
	put(data, 64, 2, 0x200); /* instance_size */
	put(data, 64, 5, TINY_CODE); /* instance_finalize */
	put(data, 64, 6, 1); /* abstract */
	put(data, 64, 7, 0x178); /* class_size */
	put(data, 64, 8, TINY_CODE); /* class_init */
	/* and before 7.0: no instance_finalize; nothing says who registers it */
	put(data, 512, 0, put_name(data, NAMES + 128, "virtio-rng-pci-base"));
	put(data, 512, 1, put_name(data, NAMES + 192, "virtio-rng-pci"));
	put(data, 512, 5, 0x8600);
	put(data, 512, 7, TINY_CODE); /* instance_init */
	put(data, 512, 8, TINY_CODE); /* class_init */
	put(data, 512, 9, DATA); /* interfaces */
	put(data, 256, 0, DATA + NAMES + 64);
	put(data, 256, 2, 40);
	put(data, 256, 6, 1);
	CHECK_EQ(elf_open_memory(&e, "old", tiny.bytes, tiny.size), 0);
	CHECK_EQ(types_find(&t, e), 0);
	CHECK_EQ(types_count(t), 3);
	CHECK_EQ(named(t, "virtio-rng-pci")->class_init, TINY_CODE);
	CHECK_EQ(named(t, "virtio-rng-pci")->instance_finalize, 0);
	CHECK_STR(parent(t, "virtio-rng-pci"), "virtio-rng-pci-base");
	CHECK_EQ(named(t, "virtio-device")->instance_finalize, TINY_CODE);
	CHECK_EQ(named(t, "virtio-device")->class_size, 0x178);
	CHECK_EQ(named(t, "virtio-device")->class_init, TINY_CODE);
	CHECK_EQ(named(t, "virtio-device")->info, DATA + 64);
	CHECK_EQ(named(t, "object")->instance_size, 40);
	types_free(t);
	elf_close(e);
	/* a class_init that begins no function: no record */
	put(data, 64, 8, TINY_CODE + 1);
	put(data, 512, 8, TINY_CODE + 1);
	CHECK_EQ(elf_open_memory(&e, "false", tiny.bytes, tiny.size), 0);
	CHECK_EQ(types_find(&t, e), 0);
	CHECK_EQ(types_count(t), 0);
	types_free(t);
	elf_close(e);
}

/* --- real ones --------------------------------------------------------------------- */

/* A device type and its parents are complete, and its class_init hands functions on. */
static void check_device(const struct elf *e, const struct types *t, const char *name,
			 size_t functions)
{
	const struct qemu_type *r = named(t, name);
	uint64_t list[64];
	unsigned depth = 0;

	CHECK(r->class_init != 0);
	CHECK(types_candidates(e, r->class_init, list, 64) >= functions);
	for (const char *n = name; n && depth < 16; n = types_parent(t, n), depth++) {
		named(t, n);
		if (!types_parent(t, n))
			CHECK_STR(n, "object");
	}
	CHECK(depth >= 3);
}

static void check_qemu(const char *path)
{
	struct elf *e = open_file(path);
	struct types *t;

	CHECK_EQ(types_find(&t, e), 0);
	CHECK_EQ(by.err, 0);
	CHECK(types_count(t) > 40 && types_count(t) < TYPES_MAX);
	/* realize, unrealize, get_config, set_config, get_features, set_status, reset, ... */
	check_device(e, t, "virtio-blk-device", 8);
	check_device(e, t, "virtio-net-device", 8);
	check_device(e, t, "virtio-rng-device", 4);
	check_device(e, t, "virtio-pci", 3);
	check_device(e, t, "virtio-pci-bus", 10);
	check_device(e, t, "pci-device", 2);
	check_device(e, t, "virtio-blk-pci-non-transitional", 1); /* VirtioPCIClass.realize */
	check_device(e, t, "virtio-net-pci", 1);
	CHECK_STR(parent(t, "virtio-pci"), "pci-device");
	CHECK_STR(parent(t, "virtio-pci-bus"), "virtio-bus");
	CHECK(named(t, "device")->abstract && named(t, "virtio-pci")->abstract);
	types_free(t);
	elf_close(e);
}

static void real(void)
{
	static const char *const paths[] = {
		"/usr/bin/qemu-system-x86_64",
		"build/qemu10/root/usr/bin/qemu-system-x86_64",
		"build/qemu11/root/usr/bin/qemu-system-x86_64",
	};

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		struct stat st;

		if (stat(paths[i], &st))
			printf("# not here: %s\n", paths[i]);
		else
			check_qemu(paths[i]);
	}
}

static const struct tap_test tests[] = {
	{ "types of this program", own_types },
	{ "types made of a VirtioPCIDeviceTypeInfo", own_pci },
	{ "functions that a class_init function hands on", candidates },
	{ "the form without instance_align, and what is no record", old_form },
	{ "the QEMUs that are here", real },
};
TAP_MAIN(tests)
