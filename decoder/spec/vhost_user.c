/* SPDX-License-Identifier: MIT */
#include "decoder/spec/vhost_user.h"

#include "decoder/spec/tables.h"

#define F(off, wid, knd, nam, ...) \
	SPEC_FIELD(off, wid, knd, 0, nam, -1, "vhost-user", ##__VA_ARGS__)

static const struct spec_name protocol_bits[] = {
	{ 1 << 0, "MQ" },
	{ 1 << 1, "LOG_SHMFD" },
	{ 1 << 2, "RARP" },
	{ 1 << 3, "REPLY_ACK" },
	{ 1 << 4, "NET_MTU" },
	{ 1 << 5, "BACKEND_REQ" },
	{ 1 << 6, "CROSS_ENDIAN" },
	{ 1 << 7, "CRYPTO_SESSION" },
	{ 1 << 8, "PAGEFAULT" },
	{ 1 << 9, "CONFIG" },
	{ 1 << 10, "BACKEND_SEND_FD" },
	{ 1 << 11, "HOST_NOTIFIER" },
	{ 1 << 12, "INFLIGHT_SHMFD" },
	{ 1 << 13, "RESET_DEVICE" },
	{ 1 << 14, "INBAND_NOTIFICATIONS" },
	{ 1 << 15, "CONFIGURE_MEM_SLOTS" },
	{ 1 << 16, "STATUS" },
	{ 1 << 17, "XEN_MMAP" },
	{ 1 << 18, "SHARED_OBJECT" },
	{ 1 << 19, "DEVICE_STATE" },
	{ 0, NULL },
};

static const struct spec_name permissions[] = { { 1, "R" }, { 2, "W" }, { 3, "RW" }, { 0, NULL } };
static const struct spec_name iotlb_types[] = {
	{ 1, "MISS" }, { 2, "UPDATE" }, { 3, "INVALIDATE" }, { 4, "ACCESS_FAIL" }, { 0, NULL },
};

static const struct spec_field features[] = { F(0, 8, HEX, "features") };
static const struct spec_field protocol[] = { F(0, 8, BITS, "features", .names = protocol_bits) };
static const struct spec_field number[] = { F(0, 8, DEC, "number") };
static const struct spec_field result[] = { F(0, 8, DEC, "result") };
static const struct spec_field status[] = { F(0, 8, BITS, "status", .names = spec_status_bits) };
static const struct spec_field ring_num[] = { F(0, 4, DEC, "queue"), F(4, 4, DEC, "size") };
static const struct spec_field ring_base[] = { F(0, 4, DEC, "queue"), F(4, 4, HEX, "base") };
static const struct spec_field ring_on[] = { F(0, 4, DEC, "queue"), F(4, 4, DEC, "enable") };
static const struct spec_field ring[] = { F(0, 4, DEC, "queue") };
static const struct spec_field ring_fd[] = {
	F(0, 1, DEC, "queue"),
	F(1, 1, HEX, "flags"),
};
static const struct spec_field ring_addr[] = {
	F(0, 4, DEC, "queue"), F(4, 4, HEX, "flags"),  F(8, 8, HEX, "desc"),
	F(16, 8, HEX, "used"), F(24, 8, HEX, "avail"), F(32, 8, HEX, "log"),
};
static const struct spec_field config[] = {
	F(0, 4, DEC, "offset"),
	F(4, 4, DEC, "size"),
	F(8, 4, HEX, "flags"),
};
static const struct spec_field inflight[] = {
	F(0, 8, DEC, "size"),
	F(8, 8, HEX, "offset"),
	F(16, 2, DEC, "queues"),
	F(18, 2, DEC, "queue_size"),
};
static const struct spec_field iotlb[] = {
	F(0, 8, HEX, "iova"),
	F(8, 8, HEX, "size"),
	F(16, 8, HEX, "user"),
	F(24, 1, ENUM, "perm", .names = permissions),
	F(25, 1, ENUM, "type", .names = iotlb_types),
};

/* One region of memory, from this offset on. */
#define REGION(at, n) \
	F((at), 8, HEX, n "gpa"), F((at) + 8, 8, HEX, n "size"), F((at) + 16, 8, HEX, n "user"), \
		F((at) + 24, 8, HEX, n "offset")

static const struct spec_field region[] = { REGION(8, "") };
static const struct spec_field table[] = {
	F(0, 4, DEC, "regions"), REGION(8, "0."),   REGION(40, "1."),
	REGION(72, "2."),	 REGION(104, "3."), REGION(136, "4."),
	REGION(168, "5."),	 REGION(200, "6."), REGION(232, "7."),
};

#define NOTHING \
	{ \
		NULL, 0 \
	}
#define ASK(name, reply) \
	{ \
		name, 0, true, NOTHING, SPEC_TABLE(reply) \
	}
#define SET(name, least, payload) \
	{ \
		name, least, false, SPEC_TABLE(payload), NOTHING \
	}
#define BARE(name, replies) \
	{ \
		name, 0, replies, NOTHING, NOTHING \
	}

static const struct spec_message messages[] = {
	[1] = ASK("GET_FEATURES", features),
	[2] = SET("SET_FEATURES", 8, features),
	[3] = BARE("SET_OWNER", false),
	[4] = BARE("RESET_OWNER", false),
	[5] = SET("SET_MEM_TABLE", 8, table),
	[6] = BARE("SET_LOG_BASE", true),
	[7] = BARE("SET_LOG_FD", false),
	[8] = SET("SET_VRING_NUM", 8, ring_num),
	[9] = SET("SET_VRING_ADDR", 40, ring_addr),
	[10] = SET("SET_VRING_BASE", 8, ring_base),
	[11] = { "GET_VRING_BASE", 8, true, SPEC_TABLE(ring), SPEC_TABLE(ring_base) },
	[12] = SET("SET_VRING_KICK", 8, ring_fd),
	[13] = SET("SET_VRING_CALL", 8, ring_fd),
	[14] = SET("SET_VRING_ERR", 8, ring_fd),
	[15] = ASK("GET_PROTOCOL_FEATURES", protocol),
	[16] = SET("SET_PROTOCOL_FEATURES", 8, protocol),
	[17] = ASK("GET_QUEUE_NUM", number),
	[18] = SET("SET_VRING_ENABLE", 8, ring_on),
	[19] = BARE("SEND_RARP", false),
	[20] = SET("NET_SET_MTU", 0, number),
	[21] = BARE("SET_BACKEND_REQ_FD", false),
	[22] = SET("IOTLB_MSG", 0, iotlb),
	[23] = SET("SET_VRING_ENDIAN", 0, ring_num),
	[24] = { "GET_CONFIG", 12, true, SPEC_TABLE(config), SPEC_TABLE(config) },
	[25] = SET("SET_CONFIG", 12, config),
	[26] = BARE("CREATE_CRYPTO_SESSION", true),
	[27] = BARE("CLOSE_CRYPTO_SESSION", false),
	[28] = BARE("POSTCOPY_ADVISE", true),
	[29] = BARE("POSTCOPY_LISTEN", false),
	[30] = ASK("POSTCOPY_END", result),
	[31] = { "GET_INFLIGHT_FD", 24, true, SPEC_TABLE(inflight), SPEC_TABLE(inflight) },
	[32] = SET("SET_INFLIGHT_FD", 24, inflight),
	[33] = BARE("GPU_SET_SOCKET", false),
	[34] = BARE("RESET_DEVICE", false),
	[35] = SET("VRING_KICK", 8, ring),
	[36] = ASK("GET_MAX_MEM_SLOTS", number),
	[37] = SET("ADD_MEM_REG", 40, region),
	[38] = SET("REM_MEM_REG", 40, region),
	[39] = SET("SET_STATUS", 8, status),
	[40] = ASK("GET_STATUS", status),
	[41] = BARE("GET_SHARED_OBJECT", true),
	[42] = ASK("SET_DEVICE_STATE_FD", result),
	[43] = ASK("CHECK_DEVICE_STATE", result),
};

static const struct spec_message back_end[] = {
	[1] = SET("BACKEND_IOTLB_MSG", 0, iotlb),
	[2] = BARE("BACKEND_CONFIG_CHANGE_MSG", false),
	[3] = BARE("BACKEND_VRING_HOST_NOTIFIER_MSG", false),
	[4] = SET("BACKEND_VRING_CALL", 0, ring),
	[5] = SET("BACKEND_VRING_ERR", 0, ring),
	[6] = BARE("BACKEND_SHARED_OBJECT_ADD", false),
	[7] = BARE("BACKEND_SHARED_OBJECT_REMOVE", false),
	[8] = BARE("BACKEND_SHARED_OBJECT_LOOKUP", false),
};

const struct spec_message *spec_vhost_user(uint32_t request, bool of_back_end)
{
	const struct spec_message *all = of_back_end ? back_end : messages;
	size_t n = of_back_end ? sizeof(back_end) / sizeof(back_end[0])
			       : sizeof(messages) / sizeof(messages[0]);

	return request < n && all[request].name ? &all[request] : NULL;
}

const struct spec_message *spec_vhost_user_of(const struct vqt_vhost_user *m)
{
	return spec_vhost_user(m->request, m->from == VQT_FROM_BACK_END_CHANNEL ||
						   m->from == VQT_FROM_FRONT_END_CHANNEL);
}

bool spec_vhost_user_is_ack(const struct vqt_vhost_user *m)
{
	const struct spec_message *row = spec_vhost_user_of(m);

	return m->flags & VHOST_USER_REPLY && row && !row->replies;
}

const struct spec_fields *spec_vhost_user_payload(const struct vqt_vhost_user *m)
{
	static const struct spec_fields none, ack = SPEC_TABLE(result);
	const struct spec_message *row = spec_vhost_user_of(m);

	if (!row)
		return &none;
	if (spec_vhost_user_is_ack(m))
		return &ack;
	return m->flags & VHOST_USER_REPLY ? &row->reply : &row->request;
}

size_t spec_vhost_user_covered(const struct vqt_vhost_user *m)
{
	const struct spec_fields *f = spec_vhost_user_payload(m);
	const struct spec_field *last = f->count ? &f->field[f->count - 1] : NULL;

	return last ? (size_t)last->offset + last->width : 0;
}
