/* SPDX-License-Identifier: MIT */
/*
 * Classes of devices: this program has the code of a QEMU that calls their callbacks, and the
 * memory of one is made.
 */
#include <errno.h>
#include <stddef.h>

#include "bpf/qom/classes.h"
#include "tests/unit/fake_qemu.h"
#include "tests/unit/tap.h"

/* As a compiler makes it of QEMU's code, also where the tests are built with sanitizers. */
#if defined(__clang__)
#define CODE __attribute__((noinline, used, no_sanitize("address", "undefined", "coverage")))
#else
#define CODE __attribute__((noipa, used))
#endif

struct device_class {
	void *type, *interfaces, *rest[10];
	void (*reset)(void *);
	void (*realize)(void *, void *);
	void (*unrealize)(void *);
};

struct virtio_class {
	struct device_class parent;
	void (*realize)(void *, void *);
	void (*unrealize)(void *);
	uint64_t (*get_features)(void *, uint64_t, void *);
	int (*validate_features)(void *);
	void (*get_config)(void *, uint8_t *);
	void (*set_config)(void *, const uint8_t *);
	void (*reset)(void *);
	void *unused;
	int (*set_status)(void *, uint8_t);
	void *(*get_vhost)(void *);
};

void *object_class_dynamic_cast_assert(void *class, const char *type);
void *object_get_class(void *obj);
void device_class_set_parent_realize(struct device_class *dc, void (*realize)(void *, void *),
				     void (**parent)(void *, void *));
void device_class_set_parent_unrealize(struct device_class *dc, void (*unrealize)(void *),
				       void (**parent)(void *));
uint32_t virtio_config_readb(void *vdev, uint32_t addr);
void virtio_config_writeb(void *vdev, uint32_t addr, uint32_t data);
int virtio_set_status(void *vdev, uint8_t status);
void virtio_reset(void *vdev);
void virtio_bus_device_plugged(uint64_t *vdev, void *errp);
void fake_device_realize(void *vdev, void *errp);
void fake_device_unrealize(void *vdev);
void fake_disk_realize(void *vdev, void *errp);

static volatile int effect;

CODE void *object_class_dynamic_cast_assert(void *class, const char *type)
{
	effect = *type;
	asm("" : : "r"(class), "r"(type) : "memory");
	return class;
}

CODE void *object_get_class(void *obj)
{
	return *(void **)obj;
}

#define CAST(obj) object_class_dynamic_cast_assert(object_get_class(obj), "virtio-device")

CODE void device_class_set_parent_realize(struct device_class *dc, void (*realize)(void *, void *),
					  void (**parent)(void *, void *))
{
	*parent = dc->realize;
	dc->realize = realize;
}

CODE void device_class_set_parent_unrealize(struct device_class *dc, void (*unrealize)(void *),
					    void (**parent)(void *))
{
	*parent = dc->unrealize;
	dc->unrealize = unrealize;
}

CODE uint32_t virtio_config_readb(void *vdev, uint32_t addr)
{
	struct virtio_class *k = CAST(vdev);
	uint8_t config[64] = { 0 };

	k->get_config(vdev, config);
	return config[addr & 63];
}

CODE void virtio_config_writeb(void *vdev, uint32_t addr, uint32_t data)
{
	struct virtio_class *k = CAST(vdev);
	uint8_t config[64] = { 0 };

	config[addr & 63] = (uint8_t)data;
	if (k->set_config)
		k->set_config(vdev, config);
}

CODE int virtio_set_status(void *vdev, uint8_t status)
{
	struct virtio_class *k = CAST(vdev);

	if (status & 8 && k->validate_features && k->validate_features(vdev))
		return -1;
	if (k->set_status)
		k->set_status(vdev, status);
	effect = status;
	return 0;
}

CODE void virtio_reset(void *vdev)
{
	struct virtio_class *k = CAST(vdev);

	virtio_set_status(vdev, 0);
	if (k->get_vhost && k->get_vhost(vdev))
		effect = 1;
	if (k->reset)
		k->reset(vdev);
}

/* The features are a word of the object. */
CODE void virtio_bus_device_plugged(uint64_t *vdev, void *errp)
{
	struct virtio_class *k = CAST(vdev);

	vdev[5] = k->get_features(vdev, vdev[5], errp);
}

CODE void fake_device_realize(void *vdev, void *errp)
{
	struct virtio_class *k = CAST(vdev);

	/* so many values are live that the class is kept on the stack */
	asm volatile("" : : : "rbx", "rbp", "r12", "r13", "r14", "r15", "memory");
	if (k->realize)
		k->realize(vdev, errp);
	asm volatile("" : : : "rbx", "rbp", "r12", "r13", "r14", "r15", "memory");
	if (effect)
		k->unrealize(vdev);
	effect = 2;
}

CODE void fake_device_unrealize(void *vdev)
{
	struct virtio_class *k = CAST(vdev);

	if (k->unrealize)
		k->unrealize(vdev);
	effect = 3;
}

CODE void fake_disk_realize(void *vdev, void *errp)
{
	effect = 4;
}

/* --- its memory -------------------------------------------------------------------- */

#define BIAS 0x7000000000ULL
#define PARENT 10 /* words of a TypeImpl: the parent's name, the parent, the class */

static uint8_t bytes[FAKE_SIZE];
static struct fake_memory mem;
static struct qemu *q;

struct fake_type {
	uint64_t type, class;
};

static struct fake_type new_type(const char *name, const char *parent, const struct fake_type *of,
				 uint64_t class_size)
{
	struct fake_type t = { fake_new(&mem, 256), fake_new(&mem, 512) };

	fake_put64(&mem, t.type, fake_string(&mem, name));
	fake_put64(&mem, t.type + 8, class_size);
	fake_put64(&mem, t.type + 16, 96);
	if (of) {
		fake_put64(&mem, t.type + 8 * PARENT, fake_string(&mem, parent));
		fake_put64(&mem, t.type + 8 * (PARENT + 1), of->type);
	}
	fake_put64(&mem, t.type + 8 * (PARENT + 2), t.class);
	fake_put64(&mem, t.class, t.type);
	return t;
}

static void set(const struct fake_type *t, size_t at, const char *function)
{
	fake_put64(&mem, t->class + at, elf_symbol(q->elf, function) + BIAS);
}

#define AT(member) offsetof(struct virtio_class, member)

/* object < device < virtio-device < virtio-blk-device, and an object of the last. */
static uint64_t furnish(struct fake_type t[4])
{
	uint64_t obj;

	memset(bytes, 0, sizeof(bytes));
	fake_init(&mem, bytes, sizeof(bytes));
	t[0] = new_type("object", NULL, NULL, 96);
	t[1] = new_type("device", "object", &t[0], sizeof(struct device_class));
	t[2] = new_type("virtio-device", "device", &t[1], sizeof(struct virtio_class));
	t[3] = new_type("virtio-blk-device", "virtio-device", &t[2], sizeof(struct virtio_class));
	for (unsigned i = 2; i < 4; i++) {
		set(&t[i], AT(parent.realize), "fake_device_realize");
		set(&t[i], AT(parent.unrealize), "fake_device_unrealize");
	}
	set(&t[3], AT(realize), "fake_disk_realize");
	/* of which nothing has a name */
	fake_put64(&mem, t[3].class + AT(reset), 0x1234 + BIAS);
	fake_put64(&mem, t[2].class + AT(get_config), 0x2345 + BIAS);
	fake_put64(&mem, t[3].class + AT(get_config), 0x2345 + BIAS);
	obj = fake_new(&mem, 96);
	fake_put64(&mem, obj, t[3].class);
	return obj;
}

static const struct class_function *function(const struct class_view *v, enum class_slot slot)
{
	static const struct class_function none = { .offset = 12345 };

	for (unsigned i = 0; i < v->nfunctions; i++)
		if (v->function[i].slot == slot)
			return &v->function[i];
	printf("# %s is not in the class\n", class_slot_name(slot));
	tap_failed = true;
	return &none;
}

static void offsets(void)
{
	static const struct {
		enum class_slot slot;
		size_t at;
	} want[] = {
		{ CLASS_DEVICE_REALIZE, AT(parent.realize) },
		{ CLASS_DEVICE_UNREALIZE, AT(parent.unrealize) },
		{ CLASS_VIRTIO_REALIZE, AT(realize) },
		{ CLASS_VIRTIO_UNREALIZE, AT(unrealize) },
		{ CLASS_VIRTIO_GET_FEATURES, AT(get_features) },
		{ CLASS_VIRTIO_GET_CONFIG, AT(get_config) },
		{ CLASS_VIRTIO_SET_CONFIG, AT(set_config) },
		{ CLASS_VIRTIO_SET_STATUS, AT(set_status) },
		{ CLASS_VIRTIO_RESET, AT(reset) },
		/* what no code of this program calls */
		{ CLASS_DEVICE_RESET, CLASS_UNKNOWN },
		{ CLASS_VIRTIO_SET_FEATURES, CLASS_UNKNOWN },
		{ CLASS_VIRTIO_START_IOEVENTFD, CLASS_UNKNOWN },
	};
	static struct class_view v;
	struct fake_type t[4];
	uint64_t obj = furnish(t);
	struct classes *c;

	CHECK_EQ(classes_open(&c, q, BIAS), 0);
	CHECK_EQ(classes_read(c, &mem.m, obj, &v), 0);
	CHECK_EQ(v.object, obj);
	CHECK_EQ(v.class, t[3].class);
	CHECK_EQ(v.class_size, sizeof(struct virtio_class));
	CHECK_EQ(v.instance_size, 96);
	CHECK_EQ(v.ntypes, 4);
	CHECK_STR(v.type[0], "virtio-blk-device");
	CHECK_STR(v.type[3], "object");
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		uint32_t at = function(&v, want[i].slot)->offset;

		if (at != want[i].at)
			printf("# %s:\n", class_slot_name(want[i].slot));
		CHECK_EQ(at, want[i].at);
	}
	classes_close(c);
}

static void names(void)
{
	static struct class_view v;
	struct fake_type t[4];
	uint64_t obj = furnish(t);
	const struct class_function *f;
	struct classes *c;

	CHECK_EQ(classes_open(&c, q, BIAS), 0);
	CHECK(classes_role(c, 0x1234 + BIAS) == NULL);
	CHECK_EQ(classes_read(c, &mem.m, obj, &v), 0);
	f = function(&v, CLASS_VIRTIO_REALIZE);
	CHECK_STR(f->name, "fake_disk_realize");
	CHECK_EQ(f->naming, VQT_NAMED_SYMBOL);
	CHECK_EQ(f->address, elf_symbol(q->elf, "fake_disk_realize") + BIAS);
	f = function(&v, CLASS_VIRTIO_RESET);
	CHECK_STR(f->name, "VirtioDeviceClass.reset of virtio-blk-device");
	CHECK_EQ(f->naming, VQT_NAMED_ROLE);
	/* of the type that gave it to those below */
	f = function(&v, CLASS_VIRTIO_GET_CONFIG);
	CHECK_STR(f->name, "VirtioDeviceClass.get_config of virtio-device");
	CHECK_EQ(function(&v, CLASS_VIRTIO_SET_STATUS)->address, 0);
	CHECK(classes_role(c, 0x1234 + BIAS) != NULL);
	if (classes_role(c, 0x1234 + BIAS))
		CHECK_STR(classes_role(c, 0x1234 + BIAS),
			  "VirtioDeviceClass.reset of virtio-blk-device");
	CHECK(classes_role(c, 0x9999 + BIAS) == NULL);
	classes_close(c);
}

static void not_read(struct classes *c, uint64_t obj)
{
	static struct class_view v;

	CHECK_EQ(classes_read(c, &mem.m, obj, &v), (uint64_t)-EFAULT);
	CHECK_EQ(v.nfunctions, 0);
}

static void hostile(void)
{
	static struct class_view v;
	struct fake_type t[4];
	uint64_t obj = furnish(t);
	struct classes *c;

	CHECK_EQ(classes_open(&c, q, BIAS), 0);
	not_read(c, 0);
	not_read(c, FAKE_BASE + FAKE_SIZE - 8);
	/* a type that is its own parent */
	fake_put64(&mem, t[3].type + 8 * PARENT, fake_string(&mem, "virtio-blk-device"));
	fake_put64(&mem, t[3].type + 8 * (PARENT + 1), t[3].type);
	not_read(c, obj);
	/* a parent of another name than the type says */
	obj = furnish(t);
	fake_put64(&mem, t[2].type + 8 * PARENT, fake_string(&mem, "sys-bus-device"));
	not_read(c, obj);
	/* a class that no type has */
	obj = furnish(t);
	fake_put64(&mem, t[3].type + 8 * (PARENT + 2), t[2].class);
	not_read(c, obj);
	/* a class without an end, and one without the slots */
	obj = furnish(t);
	fake_put64(&mem, t[3].type + 8, UINT64_MAX);
	not_read(c, obj);
	fake_put64(&mem, t[3].type + 8, 96);
	CHECK_EQ(classes_read(c, &mem.m, obj, &v), 0);
	CHECK_EQ(function(&v, CLASS_DEVICE_REALIZE)->offset, CLASS_UNKNOWN);
	classes_close(c);
}

static void open_self(void)
{
	CHECK_EQ(qemu_open(&q, "/proc/self/exe", NULL), 0);
}

static void close_self(void)
{
	qemu_close(q);
}

static const struct tap_test tests[] = {
	{ "this program is opened", open_self },
	{ "where callbacks are, by the code that calls them", offsets },
	{ "names of functions: symbols, and roles of the type that brought them", names },
	{ "memory that is not consistent", hostile },
	{ "and closed", close_self },
};
TAP_MAIN(tests)
