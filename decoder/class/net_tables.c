/* SPDX-License-Identifier: MIT */
/* The network device (5.1). */
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
	F(15, "VIRTIO_NET_F_MRG_RXBUF"),
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

/* In the legacy interface the driver may write mac (5.1.4.3). */
static const struct spec_field config[] = {
	C(0, 6, BYTES, "mac", -1),
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

static const struct spec_queue queues[] = {
	{ "receiveq#", -1, SPEC_QUEUE_REPEAT, B(MQ) | B(RSS) },
	{ "transmitq#", -1, SPEC_QUEUE_REPEAT, B(MQ) | B(RSS) },
	{ "controlq", CTRL_VQ, SPEC_QUEUE_LAST, 0 },
	SPEC_END,
};

const struct spec_class spec_class_net = {
	.id = 1,
	.name = "net",
	.title = "network device",
	.section = "5.1",
	.features = features,
	.config = SPEC_TABLE(config),
	.queues = queues,
};
