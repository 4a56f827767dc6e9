/* SPDX-License-Identifier: MIT */
/* Device types: what their requests, statuses and configuration are read as. */
#include <linux/virtio_blk.h>
#include <linux/virtio_ids.h>
#include <string.h>

#include "decoder/class/class.h"
#include "decoder/trace/event.h"
#include "tests/unit/tap.h"

static const uint64_t legacy[2], modern[2] = { 1ULL << 32, 0 };

static const char *described(const struct class *c, const struct class_request *r)
{
	static char buf[100];

	class_describe(c, r, buf, sizeof(buf));
	return buf;
}

static const char *resulting(const struct class *c, const struct class_request *r)
{
	static char buf[100];

	class_result(c, r, buf, sizeof(buf));
	return buf;
}

static void test_unknown(void)
{
	struct class_request r = { .accepted = modern, .readable = 4, .writable = 8 };

	class_parse(NULL, &r);
	CHECK_EQ(r.bytes, 12);
	CHECK_STR(described(NULL, &r), "4 bytes to the device, 8 bytes of room");
	CHECK_STR(resulting(NULL, &r), "");
	CHECK_EQ(class_header(NULL, &r)->count, 0);
	CHECK(class_status_at(NULL, &r) == CLASS_STATUS_NONE && !class_failed(NULL, &r));
	CHECK_EQ(class_visible(NULL, &r, true).head, 0);
	CHECK(!class_config_shown(NULL) && !class_only_type(NULL));
}

/* As those see it who know block devices only. */
static void test_block_io(void)
{
	const struct class *c = class_find(VIRTIO_ID_BLOCK);
	struct class_request r = {
		.accepted = modern, .readable = 16, .writable = 4097, .head_len = 16
	};
	struct class_extent x;

	r.head_bytes[8] = 5;
	class_parse(c, &r);
	CHECK(class_block_io(c, &r, &x) && x.op == VQT_BACKEND_READ);
	CHECK(x.offset == 5 * 512 && x.bytes == 4096);
	r = (struct class_request){
		.accepted = modern, .readable = 16, .writable = 1, .head_len = 16
	};
	r.head_bytes[0] = VIRTIO_BLK_T_FLUSH;
	class_parse(c, &r);
	CHECK(class_block_io(c, &r, &x) && x.op == VQT_BACKEND_FLUSH && !x.offset && !x.bytes);
	CHECK(!class_extent(c, &r, &x));
	/* one range, and two of them, of which only one is told */
	r = (struct class_request){
		.accepted = modern, .readable = 32, .writable = 1, .head_len = 32
	};
	r.head_bytes[0] = VIRTIO_BLK_T_DISCARD;
	r.head_bytes[16] = 7;
	r.head_bytes[24] = 3;
	class_parse(c, &r);
	CHECK(class_block_io(c, &r, &x) && x.op == VQT_BACKEND_DISCARD);
	CHECK(x.offset == 7 * 512 && x.bytes == 3 * 512);
	r.head_bytes[0] = VIRTIO_BLK_T_WRITE_ZEROES;
	class_parse(c, &r);
	CHECK(class_block_io(c, &r, &x) && x.op == VQT_BACKEND_ZEROES);
	r.readable = r.head_len = 48;
	CHECK(!class_block_io(c, &r, &x));
	r.head_bytes[0] = VIRTIO_BLK_T_GET_ID;
	CHECK(!class_block_io(c, &r, &x));
	CHECK(!class_block_io(NULL, &r, &x));
	CHECK(!class_block_io(class_find(VIRTIO_ID_NET), &r, &x));
}

static void test_blk(void)
{
	const struct class *c = class_find(VIRTIO_ID_BLOCK);
	struct class_request r = { .accepted = modern, .readable = 16, .writable = 1025 };

	class_parse(c, &r);
	CHECK(!r.typed && !r.type);
	CHECK_STR(described(c, &r), "request (header not captured), 1024 bytes");
	r.head_len = 16;
	r.head_bytes[8] = 5;
	class_parse(c, &r);
	CHECK(r.typed && r.type && r.sector == 5 && r.bytes == 1024);
	CHECK_STR(described(c, &r), "IN sector 5, 2 sectors");
	CHECK_EQ(class_header(c, &r)->count, 3);
	CHECK(class_status_at(c, &r) == CLASS_STATUS_LAST);
	CHECK(class_status_at(c, NULL) == CLASS_STATUS_LAST);
	CHECK(!class_failed(c, &r));
	r.status_known = true;
	r.status = VIRTIO_BLK_S_IOERR;
	CHECK(class_failed(c, &r));
	CHECK_STR(resulting(c, &r), "IOERR");
	r.status = 99;
	CHECK_STR(resulting(c, &r), "status 0x63");
	CHECK_EQ(class_visible(c, &r, false).head, 16);
	CHECK_EQ(class_visible(c, &r, true).tail, 1024);
	CHECK_EQ(class_visible(c, &r, true).head, 0);
	r.head_bytes[0] = VIRTIO_BLK_T_GET_ID;
	class_parse(c, &r);
	CHECK_STR(class_visible(c, &r, true).instead, "vqtrace");
	CHECK(class_config_shown(&c->config.field[0]));
}

static void test_net(void)
{
	const struct class *c = class_find(VIRTIO_ID_NET);
	struct class_request r = { .accepted = modern, .readable = 100 };

	class_parse(c, &r);
	CHECK_STR(described(c, &r), "transmit 88 bytes");
	CHECK_EQ(class_header(c, &r)->count, 7);
	CHECK(class_status_at(c, &r) == CLASS_STATUS_NONE);
	r.accepted = legacy;
	class_parse(c, &r);
	CHECK_STR(described(c, &r), "transmit 90 bytes");
	CHECK_EQ(class_header(c, &r)->count, 6);
	r.queue = 1;
	CHECK_EQ(class_visible(c, &r, false).head, 10);
	r.queue = 2; /* a command that lacks its acknowledgement, not a packet */
	CHECK_EQ(class_visible(c, &r, false).head, 2);
	r.writable = 1; /* a command */
	CHECK(class_status_at(c, &r) == CLASS_STATUS_LAST);
	CHECK(class_status_at(c, NULL) == CLASS_STATUS_NONE);
	CHECK_EQ(class_header(c, &r)->count, 0);
	r.status_known = true;
	r.status = 1;
	CHECK_STR(resulting(c, &r), "ERR");
	CHECK(class_failed(c, &r) && !class_config_shown(&c->config.field[0]));
}

static void test_rng(void)
{
	const struct class *c = class_find(VIRTIO_ID_RNG);
	struct class_request r = { .accepted = modern, .writable = 64 };

	class_parse(c, &r);
	CHECK_STR(described(c, &r), "entropy, 64 bytes");
	CHECK(r.type && r.type == class_only_type(c) && !r.typed && r.bytes == 64);
	CHECK(class_status_at(c, &r) == CLASS_STATUS_NONE);
	r.done = true;
	r.used_len = 40;
	class_parse(c, &r);
	CHECK_EQ(r.bytes, 40);
	CHECK_STR(resulting(c, &r), "40 of 64 bytes");
	r.used_len = 1000; /* more than there was room for */
	class_parse(c, &r);
	CHECK_EQ(r.bytes, 64);
	CHECK_STR(resulting(c, &r), "full");
	CHECK_EQ(class_visible(c, &r, true).head, 0);
}

static const char *field_at(const uint8_t *config, uint32_t offset)
{
	const struct spec_field *f =
		class_config_at(class_find(VIRTIO_ID_INPUT), config, 136, offset, 1);

	return f ? f->name : "";
}

static void test_selected_config(void)
{
	uint8_t config[136] = { 0 };

	CHECK_STR(field_at(config, 8), "u");
	config[0] = 0x01;
	CHECK_STR(field_at(config, 8), "u.string");
	CHECK_STR(field_at(config, 135), "u.string");
	CHECK_STR(field_at(config, 0), "select");
	config[0] = 0x03;
	CHECK_STR(field_at(config, 14), "u.ids.version");
	CHECK_STR(field_at(config, 16), "u");
	config[0] = 0x12;
	CHECK_STR(field_at(config, 24), "u.abs.res");
	CHECK_STR(field_at(config, 200), "");
	CHECK(!class_config_at(NULL, config, sizeof(config), 8, 1));
}

static void test_counted(void)
{
	uint32_t types[8];

	CHECK_EQ(class_counted_types(types, 8), 5); /* VQP_TYPES of bpf/prog/qemu.h */
	CHECK_EQ(class_counted_types(types, 2), 2);
	CHECK(types[0] == VIRTIO_BLK_T_IN && types[1] == VIRTIO_BLK_T_OUT);
	CHECK(!class_only_type(class_find(VIRTIO_ID_BLOCK)));
}

static const struct tap_test tests[] = {
	{ "a type that is not known", test_unknown },
	{ "block requests", test_blk },
	{ "block requests as I/O", test_block_io },
	{ "network packets and commands", test_net },
	{ "entropy", test_rng },
	{ "configuration that a selector chooses", test_selected_config },
	{ "types that light capture counts", test_counted },
};

TAP_MAIN(tests)
