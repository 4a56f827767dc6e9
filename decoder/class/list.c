/* SPDX-License-Identifier: MIT */
/* The list of device types (5), and those the specification only gives an ID. */
#include "decoder/class/class.h"

#include <stdio.h>
#include <string.h>

/* Each is `const struct class class_NAME` in NAME.c; in the order of the chapters. */
#define CLASSES(X) \
	X(net) \
	X(blk) \
	X(console) \
	X(rng) \
	X(balloon) \
	X(scsi) \
	X(gpu) \
	X(input) \
	X(crypto) \
	X(vsock) \
	X(fs) \
	X(rpmb) \
	X(iommu) \
	X(sound) \
	X(mem) \
	X(i2c) \
	X(scmi) \
	X(gpio) \
	X(pmem) \
	X(can) \
	X(spi) \
	X(media) \
	X(rtc)

#define DECLARE(name) extern const struct class class_##name;
CLASSES(DECLARE)

#define ROW(name) &class_##name,
static const struct class *const with_chapter[] = { CLASSES(ROW) };

#define ONLY_ID(n, nam, tit) \
	{ \
		.id = (n), .name = (nam), .title = (tit), .section = "5" \
	}

/* No chapter describes these: their own feature bits and configuration are unknown here. */
static const struct class without_chapter[] = {
	ONLY_ID(6, "iomem", "ioMemory"),
	ONLY_ID(7, "rpmsg", "rpmsg"),
	{ .id = 9, .name = "9p", .title = "9P transport", .section = "5", .transitional = 0x1009 },
	ONLY_ID(10, "mac80211", "mac80211 wlan"),
	ONLY_ID(11, "rproc_serial", "rproc serial"),
	ONLY_ID(12, "caif", "virtio CAIF"),
	ONLY_ID(13, "new_balloon", "memory balloon"),
	ONLY_ID(21, "signal_dist", "signal distribution module"),
	ONLY_ID(22, "pstore", "pstore device"),
	ONLY_ID(29, "mac80211_hwsim", "mac80211 hwsim wireless simulation device"),
	ONLY_ID(30, "video_encoder", "video encoder device"),
	ONLY_ID(31, "video_decoder", "video decoder device"),
	ONLY_ID(33, "nitro_sec_mod", "NitroSecureModule"),
	ONLY_ID(35, "watchdog", "watchdog"),
	ONLY_ID(38, "param_serv", "parameter server"),
	ONLY_ID(39, "audio_policy", "audio policy device"),
	ONLY_ID(40, "bt", "Bluetooth device"),
	ONLY_ID(42, "rdma", "RDMA device"),
	ONLY_ID(43, "camera", "camera device"),
	ONLY_ID(44, "ism", "ISM device"),
	ONLY_ID(46, "tee", "TEE device"),
	ONLY_ID(47, "cpu_balloon", "CPU balloon device"),
	ONLY_ID(49, "usb", "USB controller"),
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

const struct class *class_nth(size_t n)
{
	if (n < COUNT(with_chapter))
		return with_chapter[n];
	n -= COUNT(with_chapter);
	return n < COUNT(without_chapter) ? &without_chapter[n] : NULL;
}

const struct class *class_find(unsigned virtio_id)
{
	const struct class *c;

	for (size_t n = 0; (c = class_nth(n)); n++)
		if (c->id == virtio_id)
			return c;
	return NULL;
}

/* Whether name is one of the words, which blanks separate. */
static bool is_word_of(const char *name, const char *words)
{
	size_t len = strlen(name);

	for (const char *w = words; w && *w; w += strspn(w, " ")) {
		size_t n = strcspn(w, " ");

		if (n == len && !strncmp(w, name, n))
			return true;
		w += n;
	}
	return false;
}

const struct class *class_by_name(const char *name)
{
	const struct class *c;

	for (size_t n = 0; (c = class_nth(n)); n++)
		if (!strcmp(c->name, name) || is_word_of(name, c->other_names))
			return c;
	return NULL;
}

const char *class_name(unsigned virtio_id, char *buf, size_t len)
{
	const struct class *c = class_find(virtio_id);

	if (c)
		return c->name;
	snprintf(buf, len, "virtio-%u", virtio_id);
	return buf;
}

unsigned class_id_of_pci(unsigned pci_device_id, unsigned subsystem_id)
{
	const struct class *c;

	if (pci_device_id > 0x1040 && pci_device_id <= 0x107f)
		return pci_device_id - 0x1040;
	for (size_t n = 0; (c = class_nth(n)); n++)
		if (c->transitional == pci_device_id && pci_device_id)
			return c->id;
	/* Other transitional devices carry their virtio ID as subsystem ID (4.1.2.3). */
	if (pci_device_id >= 0x1000 && pci_device_id < 0x1040 && class_find(subsystem_id))
		return subsystem_id;
	return 0;
}
