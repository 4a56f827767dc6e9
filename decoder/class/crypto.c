/* SPDX-License-Identifier: MIT */
/* The crypto device (5.9). */
#include "decoder/class/class.h"
#include "decoder/spec/tables.h"

enum { REVISION_1 = 0 };

#define F(bit, name, ...) SPEC_FEATURE(bit, name, "5.9.3", ##__VA_ARGS__)
#define NEEDS_REVISION .requires = { SPEC_BIT(REVISION_1) } /* 5.9.3.1 */

static const struct spec_feature features[] = {
	F(REVISION_1, "VIRTIO_CRYPTO_F_REVISION_1"),
	F(1, "VIRTIO_CRYPTO_F_CIPHER_STATELESS_MODE", NEEDS_REVISION),
	F(2, "VIRTIO_CRYPTO_F_HASH_STATELESS_MODE", NEEDS_REVISION),
	F(3, "VIRTIO_CRYPTO_F_MAC_STATELESS_MODE", NEEDS_REVISION),
	F(4, "VIRTIO_CRYPTO_F_AEAD_STATELESS_MODE", NEEDS_REVISION),
	F(5, "VIRTIO_CRYPTO_F_AKCIPHER_STATELESS_MODE", NEEDS_REVISION),
	SPEC_END,
};

static const struct spec_name status_bits[] = {
	{ 1, "HW_READY" },
	{ 0, NULL },
};

static const struct spec_name services[] = {
	{ 0x01, "CIPHER" },   { 0x02, "HASH" },	 { 0x04, "MAC" }, { 0x08, "AEAD" },
	{ 0x10, "AKCIPHER" }, { 0x20, "IPSEC" }, { 0, NULL },
};

static const struct spec_name ciphers[] = {
	{ 1 << 1, "ARC4" },	  { 1 << 2, "AES_ECB" },      { 1 << 3, "AES_CBC" },
	{ 1 << 4, "AES_CTR" },	  { 1 << 5, "DES_ECB" },      { 1 << 6, "DES_CBC" },
	{ 1 << 7, "3DES_ECB" },	  { 1 << 8, "3DES_CBC" },     { 1 << 9, "3DES_CTR" },
	{ 1 << 10, "KASUMI_F8" }, { 1 << 11, "SNOW3G_UEA2" }, { 1 << 12, "AES_F8" },
	{ 1 << 13, "AES_XTS" },	  { 1 << 14, "ZUC_EEA3" },    { 0, NULL },
};

static const struct spec_name hashes[] = {
	{ 1 << 1, "MD5" },
	{ 1 << 2, "SHA1" },
	{ 1 << 3, "SHA_224" },
	{ 1 << 4, "SHA_256" },
	{ 1 << 5, "SHA_384" },
	{ 1 << 6, "SHA_512" },
	{ 1 << 7, "SHA3_224" },
	{ 1 << 8, "SHA3_256" },
	{ 1 << 9, "SHA3_384" },
	{ 1 << 10, "SHA3_512" },
	{ 1 << 11, "SHA3_SHAKE128" },
	{ 1 << 12, "SHA3_SHAKE256" },
	{ 0, NULL },
};

/* MAC algorithms 0 to 31 and, in the next word, 32 to 63. */
static const struct spec_name macs_low[] = {
	{ 1 << 1, "HMAC_MD5" },
	{ 1 << 2, "HMAC_SHA1" },
	{ 1 << 3, "HMAC_SHA_224" },
	{ 1 << 4, "HMAC_SHA_256" },
	{ 1 << 5, "HMAC_SHA_384" },
	{ 1 << 6, "HMAC_SHA_512" },
	{ 1 << 25, "CMAC_3DES" },
	{ 1 << 26, "CMAC_AES" },
	{ 1 << 27, "KASUMI_F9" },
	{ 1 << 28, "SNOW3G_UIA2" },
	{ 0, NULL },
};

static const struct spec_name macs_high[] = {
	{ 1 << (41 - 32), "GMAC_AES" },
	{ 1 << (42 - 32), "GMAC_TWOFISH" },
	{ 1 << (49 - 32), "CBCMAC_AES" },
	{ 1 << (50 - 32), "CBCMAC_KASUMI_F9" },
	{ 1 << (53 - 32), "XCBC_AES" },
	{ 1 << (54 - 32), "ZUC_EIA3" },
	{ 0, NULL },
};

static const struct spec_name aeads[] = {
	{ 1 << 1, "GCM" },
	{ 1 << 2, "CCM" },
	{ 1 << 3, "CHACHA20_POLY1305" },
	{ 0, NULL },
};

static const struct spec_name akciphers[] = {
	{ 1 << 1, "RSA" },
	{ 1 << 2, "ECDSA" },
	{ 0, NULL },
};

#define C(off, w, kind, name, ...) \
	SPEC_FIELD(off, w, kind, SPEC_RO, name, -1, "5.9.5", ##__VA_ARGS__)

static const struct spec_field config[] = {
	C(0, 4, BITS, "status", .names = status_bits),
	C(4, 4, DEC, "max_dataqueues"),
	C(8, 4, BITS, "crypto_services", .names = services),
	C(12, 4, BITS, "cipher_algo_l", .names = ciphers),
	C(16, 4, HEX, "cipher_algo_h"),
	C(20, 4, BITS, "hash_algo", .names = hashes),
	C(24, 4, BITS, "mac_algo_l", .names = macs_low),
	C(28, 4, BITS, "mac_algo_h", .names = macs_high),
	C(32, 4, BITS, "aead_algo", .names = aeads),
	C(36, 4, DEC, "max_cipher_key_len"),
	C(40, 4, DEC, "max_auth_key_len"),
	C(44, 4, BITS, "akcipher_algo", .names = akciphers),
	C(48, 8, DEC, "max_size"),
};

static const struct spec_queue queues[] = {
	{ "dataq#", -1, SPEC_QUEUE_REPEAT, 0 },
	{ "controlq", -1, SPEC_QUEUE_LAST, 0 },
	SPEC_END,
};

const struct class class_crypto = {
	.id = 20,
	.name = "crypto",
	.title = "crypto device",
	.section = "5.9",
	.features = features,
	.config = SPEC_TABLE(config),
	.queues = queues,
};
