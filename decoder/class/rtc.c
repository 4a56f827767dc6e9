/* SPDX-License-Identifier: MIT */
/* The real-time clock (5.23). */
#include "decoder/class/class.h"
#include "decoder/spec/tables.h"

enum { ALARM = 0 };

static const struct spec_feature features[] = {
	SPEC_FEATURE(ALARM, "VIRTIO_RTC_F_ALARM", "5.23.3"),
	SPEC_END,
};

static const struct spec_queue queues[] = {
	{ "requestq", -1, 0, 0 },
	{ "alarmq", ALARM, SPEC_QUEUE_POSTED, 0 },
	SPEC_END,
};

const struct class class_rtc = {
	.id = 17,
	.name = "rtc",
	.title = "real-time clock device",
	.section = "5.23",
	.features = features,
	.queues = queues,
};
