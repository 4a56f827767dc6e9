/* SPDX-License-Identifier: MIT */
/* The network device (5.1). A packet is a header of 10 or 12 bytes, then the frame. */
#include "decoder/class/class.h"

#include <inttypes.h>
#include <stdio.h>

#include "decoder/spec/constants.h"
#include "decoder/spec/tables.h"

/* Bits that others need. */
enum {
	CSUM = 0,
	GUEST_CSUM = 1,
	MTU = 3,
	GUEST_TSO4 = 7,
	GUEST_TSO6 = 8,
	HOST_TSO4 = 11,
	HOST_TSO6 = 12,
	MRG_RXBUF = 15,
	STATUS = 16,
	CTRL_VQ = 17,
	MQ = 22,
	HASH_TUNNEL = 51,
	GUEST_USO4 = 54,
	GUEST_USO6 = 55,
	HOST_USO = 56,
	HASH_REPORT = 57,
	RSS = 60,
	SPEED_DUPLEX = 63,
	GUEST_UDP_TUNNEL_GSO = 65,
	HOST_UDP_TUNNEL_GSO = 67,
};

#define B SPEC_BIT
#define F(bit, name, ...) SPEC_FEATURE(bit, name, "5.1.3", ##__VA_ARGS__)
#define OLD(bit, name) SPEC_FEATURE(bit, name, "5.1.3.2", .legacy = 1)
#define NEEDS(...) .requires = { __VA_ARGS__ }
#define ANY_OF(...) .any_of = { __VA_ARGS__ }

/* Prerequisites: 5.1.3.1. */
static const struct spec_feature features[] = {
	F(CSUM, "VIRTIO_NET_F_CSUM"),
	F(GUEST_CSUM, "VIRTIO_NET_F_GUEST_CSUM"),
	F(2, "VIRTIO_NET_F_CTRL_GUEST_OFFLOADS"),
	F(MTU, "VIRTIO_NET_F_MTU"),
	F(5, "VIRTIO_NET_F_MAC"),
	OLD(6, "VIRTIO_NET_F_GSO"),
	F(GUEST_TSO4, "VIRTIO_NET_F_GUEST_TSO4", NEEDS(B(GUEST_CSUM))),
	F(GUEST_TSO6, "VIRTIO_NET_F_GUEST_TSO6", NEEDS(B(GUEST_CSUM))),
	F(9, "VIRTIO_NET_F_GUEST_ECN", ANY_OF(B(GUEST_TSO4) | B(GUEST_TSO6))),
	F(10, "VIRTIO_NET_F_GUEST_UFO", NEEDS(B(GUEST_CSUM))),
	F(HOST_TSO4, "VIRTIO_NET_F_HOST_TSO4", NEEDS(B(CSUM))),
	F(HOST_TSO6, "VIRTIO_NET_F_HOST_TSO6", NEEDS(B(CSUM))),
	F(13, "VIRTIO_NET_F_HOST_ECN", ANY_OF(B(HOST_TSO4) | B(HOST_TSO6))),
	F(14, "VIRTIO_NET_F_HOST_UFO", NEEDS(B(CSUM))),
	F(MRG_RXBUF, "VIRTIO_NET_F_MRG_RXBUF"),
	F(STATUS, "VIRTIO_NET_F_STATUS"),
	F(CTRL_VQ, "VIRTIO_NET_F_CTRL_VQ"),
	F(18, "VIRTIO_NET_F_CTRL_RX", NEEDS(B(CTRL_VQ))),
	F(19, "VIRTIO_NET_F_CTRL_VLAN", NEEDS(B(CTRL_VQ))),
	F(20, "VIRTIO_NET_F_CTRL_RX_EXTRA"), /* CTRL_VQ is only a SHOULD: 5.1.4.1, 5.1.4.2 */
	F(21, "VIRTIO_NET_F_GUEST_ANNOUNCE", NEEDS(B(CTRL_VQ))),
	F(MQ, "VIRTIO_NET_F_MQ", NEEDS(B(CTRL_VQ))),
	F(23, "VIRTIO_NET_F_CTRL_MAC_ADDR", NEEDS(B(CTRL_VQ))),
	/* Bit 41 is VIRTIO_F_ADMIN_VQ now, which spec_feature() prefers. */
	OLD(41, "VIRTIO_NET_F_GUEST_RSC4"),
	OLD(42, "VIRTIO_NET_F_GUEST_RSC6"),
	F(50, "VIRTIO_NET_F_DEVICE_STATS"),
	F(HASH_TUNNEL, "VIRTIO_NET_F_HASH_TUNNEL", NEEDS(B(CTRL_VQ)),
	  ANY_OF(B(RSS) | B(HASH_REPORT))),
	F(52, "VIRTIO_NET_F_VQ_NOTF_COAL", NEEDS(B(CTRL_VQ))),
	F(53, "VIRTIO_NET_F_NOTF_COAL", NEEDS(B(CTRL_VQ))),
	F(GUEST_USO4, "VIRTIO_NET_F_GUEST_USO4", NEEDS(B(GUEST_CSUM))),
	F(GUEST_USO6, "VIRTIO_NET_F_GUEST_USO6", NEEDS(B(GUEST_CSUM))),
	F(HOST_USO, "VIRTIO_NET_F_HOST_USO", NEEDS(B(CSUM))),
	F(HASH_REPORT, "VIRTIO_NET_F_HASH_REPORT"), /* CTRL_VQ: SHOULD, as above */
	F(59, "VIRTIO_NET_F_GUEST_HDRLEN"),
	F(RSS, "VIRTIO_NET_F_RSS", NEEDS(B(CTRL_VQ))),
	F(61, "VIRTIO_NET_F_RSC_EXT", ANY_OF(B(HOST_TSO4) | B(HOST_TSO6))),
	F(62, "VIRTIO_NET_F_STANDBY"),
	F(SPEED_DUPLEX, "VIRTIO_NET_F_SPEED_DUPLEX"),
	F(64, "VIRTIO_NET_F_RSS_CONTEXT", NEEDS(B(CTRL_VQ) | B(RSS))),
	F(GUEST_UDP_TUNNEL_GSO, "VIRTIO_NET_F_GUEST_UDP_TUNNEL_GSO",
	  NEEDS(B(GUEST_TSO4) | B(GUEST_TSO6) | B(GUEST_USO4) | B(GUEST_USO6))),
	F(66, "VIRTIO_NET_F_GUEST_UDP_TUNNEL_GSO_CSUM", NEEDS(0, B(GUEST_UDP_TUNNEL_GSO))),
	F(HOST_UDP_TUNNEL_GSO, "VIRTIO_NET_F_HOST_UDP_TUNNEL_GSO",
	  NEEDS(B(HOST_TSO4) | B(HOST_TSO6) | B(HOST_USO))),
	F(68, "VIRTIO_NET_F_HOST_UDP_TUNNEL_GSO_CSUM", NEEDS(0, B(HOST_UDP_TUNNEL_GSO))),
	F(69, "VIRTIO_NET_F_OUT_NET_HEADER"),
	F(70, "VIRTIO_NET_F_IPSEC"),
	SPEC_END,
};

static const struct spec_name status_bits[] = {
	{ 1, "LINK_UP" },
	{ 2, "ANNOUNCE" },
	{ 0, NULL },
};

/* 5.1.4; the device requirements 5.1.4.1 swap half and full. */
static const struct spec_name duplex[] = {
	{ 0x00, "HALF" },
	{ 0x01, "FULL" },
	{ 0xff, "UNKNOWN" },
	{ 0, NULL },
};

static const struct spec_name hash_types[] = {
	{ 0x001, "IPv4" },   { 0x002, "TCPv4" }, { 0x004, "UDPv4" }, { 0x008, "IPv6" },
	{ 0x010, "TCPv6" },  { 0x020, "UDPv6" }, { 0x040, "IP_EX" }, { 0x080, "TCP_EX" },
	{ 0x100, "UDP_EX" }, { 0, NULL },
};

static const struct spec_name tunnel_types[] = {
	{ 0x001, "GRE_2784" }, { 0x002, "GRE_2890" }, { 0x004, "GRE_7676" },
	{ 0x008, "GRE_UDP" },  { 0x010, "VXLAN" },    { 0x020, "VXLAN_GPE" },
	{ 0x040, "GENEVE" },   { 0x080, "IPIP" },     { 0x100, "NVGRE" },
	{ 0, NULL },
};

#define C(off, w, kind, name, feature, ...) \
	SPEC_FIELD(off, w, kind, SPEC_RO, name, feature, "5.1.4", ##__VA_ARGS__)

/* The address that replaces a user's: the first that QEMU assigns. */
static const uint8_t mac[6] = { 0x52, 0x54, 0x00, 0x12, 0x34, 0x56 };

/* In the legacy interface the driver may write mac (5.1.4.3). */
static const struct spec_field config[] = {
	SPEC_FIELD(0, 6, BYTES, SPEC_RO | SPEC_IDENTITY, "mac", -1, "5.1.4", .instead = mac),
	C(6, 2, BITS, "status", STATUS, .names = status_bits),
	C(8, 2, DEC, "max_virtqueue_pairs", MQ, .feature2 = RSS),
	C(10, 2, DEC, "mtu", MTU),
	C(12, 4, DEC, "speed", SPEED_DUPLEX),
	C(16, 1, ENUM, "duplex", SPEED_DUPLEX, .names = duplex),
	C(17, 1, DEC, "rss_max_key_size", RSS, .feature2 = HASH_REPORT),
	C(18, 2, DEC, "rss_max_indirection_table_length", RSS),
	C(20, 4, BITS, "supported_hash_types", RSS, .feature2 = HASH_REPORT, .names = hash_types),
	C(24, 4, BITS, "supported_tunnel_types", HASH_TUNNEL, .names = tunnel_types),
};

enum { RECEIVEQ, TRANSMITQ, CONTROLQ };

static const struct spec_queue queues[] = {
	[RECEIVEQ] = { "receiveq#", -1, SPEC_QUEUE_REPEAT | SPEC_QUEUE_POSTED, B(MQ) | B(RSS) },
	[TRANSMITQ] = { "transmitq#", -1, SPEC_QUEUE_REPEAT, B(MQ) | B(RSS) },
	[CONTROLQ] = { "controlq", CTRL_VQ, SPEC_QUEUE_LAST, 0 },
	SPEC_END,
};

/* --- packets, 5.1.6, and commands, 5.1.6.5 --- */

#define HEADER(at, bytes, how, what) SPEC_FIELD(at, bytes, how, 0, what, -1, "5.1.6")

static const struct spec_field header[] = {
	HEADER(0, 1, HEX, "flags"),	   HEADER(1, 1, DEC, "gso_type"),
	HEADER(2, 2, DEC, "hdr_len"),	   HEADER(4, 2, DEC, "gso_size"),
	HEADER(6, 2, DEC, "csum_start"),   HEADER(8, 2, DEC, "csum_offset"),
	HEADER(10, 2, DEC, "num_buffers"),
};

/* 5.1.6.5: ack */
static const struct spec_name statuses[] = {
	{ 0, "OK" },
	{ 1, "ERR" },
	{ 0, NULL },
};

static bool has(const struct class_request *r, unsigned bit)
{
	return r->accepted[bit / 64] & SPEC_BIT(bit);
}

/* num_buffers is there with VERSION_1 or MRG_RXBUF only. */
static bool long_header(const struct class_request *r)
{
	return has(r, VIRTIO_F_VERSION_1) || has(r, MRG_RXBUF);
}

/* A command both reads and writes; a packet does one of the two. */
static bool is_command(const struct class_request *r)
{
	return r->readable && r->writable;
}

static const struct spec_fields *header_of(const struct class_request *r)
{
	static const struct spec_fields with = SPEC_TABLE(header);
	static const struct spec_fields without = {
		.field = header, .count = sizeof(header) / sizeof(header[0]) - 1
	};

	if (r->writable)
		return NULL; /* a command, or a packet yet to come */
	return long_header(r) ? &with : &without;
}

static void parse(struct class_request *r)
{
	uint64_t all = r->readable + r->writable;
	uint32_t h = is_command(r) ? 0 : long_header(r) ? 12 : 10;

	r->bytes = all > h ? all - h : 0;
}

static void describe(const struct class_request *r, char *buf, size_t len)
{
	if (is_command(r))
		snprintf(buf, len, "control class %u command %u",
			 r->head_len > 0 ? r->head_bytes[0] : 0,
			 r->head_len > 1 ? r->head_bytes[1] : 0);
	else if (r->readable)
		snprintf(buf, len, "transmit %" PRIu64 " bytes", r->bytes);
	else
		snprintf(buf, len, "receive buffer of %" PRIu64 " bytes", r->bytes);
}

static int status_at(const struct class_request *r)
{
	return r && is_command(r) ? CLASS_STATUS_LAST : CLASS_STATUS_NONE;
}

/*
 * Of a command its class and number, and what follows if that is a mode or a count; not MAC
 * addresses, VLANs, keys or tables.
 */
static uint64_t command_head(const struct class_request *r)
{
	enum { RX = 0, MQ_CLASS = 4, VQ_PAIRS_SET = 0 };

	if (r->head_len >= 2 && r->head_bytes[0] == RX)
		return 3;
	if (r->head_len >= 2 && r->head_bytes[0] == MQ_CLASS && r->head_bytes[1] == VQ_PAIRS_SET)
		return 4;
	return 2;
}

/*
 * A packet's header is shown where a packet belongs: receive queues are even and for the
 * device to write, transmit queues odd and for the driver.  The control queue is even, too.
 */
static struct class_visible visible(const struct class_request *r, bool writable)
{
	bool transmit = r->queue % 2;
	struct class_visible v = { .tail = UINT64_MAX };

	if (transmit ? !r->writable : !r->readable)
		v.head = long_header(r) ? 12 : 10;
	else if (!transmit && writable)
		v.tail = r->writable - 1; /* the acknowledgement is last */
	else if (!transmit)
		v.head = command_head(r);
	return v;
}

const struct class class_net = {
	.id = VIRTIO_ID_NET,
	.name = "net",
	.title = "network device",
	.section = "5.1",
	.transitional = 0x1000,
	.features = features,
	.config = SPEC_TABLE(config),
	.queues = queues,
	.statuses = statuses,
	.vhost_user_only = 1 << 2 | 1 << 4, /* RARP, NET_MTU */
	.parse = parse,
	.describe = describe,
	.header = header_of,
	.status_at = status_at,
	.visible = visible,
};
