/* SPDX-License-Identifier: MIT */
/* The list of device types (5), and those the specification only gives an ID. */
#include "decoder/spec/tables.h"

#include <stdio.h>
#include <string.h>

const struct spec_feature spec_no_features[] = { SPEC_END };

#define ONLY_ID(n, nam, tit) \
	{ \
		.id = (n), .name = (nam), .title = (tit), .section = "5", \
		.features = spec_no_features \
	}

/* No chapter describes these: their own feature bits and configuration are unknown here. */
static const struct spec_class without_chapter[] = {
	ONLY_ID(6, "iomem", "ioMemory"),
	ONLY_ID(7, "rpmsg", "rpmsg"),
	ONLY_ID(9, "9p", "9P transport"),
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

static const struct spec_class *const with_chapter[] = {
	&spec_class_net,     &spec_class_blk,	&spec_class_console, &spec_class_rng,
	&spec_class_balloon, &spec_class_scsi,	&spec_class_gpu,     &spec_class_input,
	&spec_class_crypto,  &spec_class_vsock, &spec_class_fs,	     &spec_class_rpmb,
	&spec_class_iommu,   &spec_class_sound, &spec_class_mem,     &spec_class_i2c,
	&spec_class_scmi,    &spec_class_gpio,	&spec_class_pmem,    &spec_class_can,
	&spec_class_spi,     &spec_class_media, &spec_class_rtc,
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

const struct spec_class *spec_class_nth(size_t n)
{
	if (n < COUNT(with_chapter))
		return with_chapter[n];
	n -= COUNT(with_chapter);
	return n < COUNT(without_chapter) ? &without_chapter[n] : NULL;
}

const struct spec_class *spec_class(unsigned virtio_id)
{
	const struct spec_class *c;

	for (size_t n = 0; (c = spec_class_nth(n)); n++)
		if (c->id == virtio_id)
			return c;
	return NULL;
}

const struct spec_class *spec_class_by_name(const char *name)
{
	const struct spec_class *c;

	for (size_t n = 0; (c = spec_class_nth(n)); n++)
		if (!strcmp(c->name, name))
			return c;
	return NULL;
}

const char *spec_class_name(unsigned virtio_id, char *buf, size_t len)
{
	const struct spec_class *c = spec_class(virtio_id);

	if (c)
		return c->name;
	snprintf(buf, len, "virtio-%u", virtio_id);
	return buf;
}

/* 4.1.2.1 */
static const struct {
	uint16_t pci, virtio;
} transitional[] = {
	{ 0x1000, 1 }, { 0x1001, 2 }, { 0x1002, 5 }, { 0x1003, 3 },
	{ 0x1004, 8 }, { 0x1005, 4 }, { 0x1009, 9 },
};

unsigned spec_virtio_id_of_pci(unsigned pci_device_id, unsigned subsystem_id)
{
	if (pci_device_id > 0x1040 && pci_device_id <= 0x107f)
		return pci_device_id - 0x1040;
	for (size_t i = 0; i < COUNT(transitional); i++)
		if (transitional[i].pci == pci_device_id)
			return transitional[i].virtio;
	/* Other transitional devices carry their virtio ID as subsystem ID (4.1.2.3). */
	if (pci_device_id >= 0x1000 && pci_device_id < 0x1040 && spec_class(subsystem_id))
		return subsystem_id;
	return 0;
}
