/* SPDX-License-Identifier: MIT */
/* Make a long trace: COUNT requests of a busy disk, for measuring readers. */
#include <linux/virtio_pci.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/make.h"

int main(int argc, char **argv)
{
	unsigned long count = argc > 2 ? strtoul(argv[2], NULL, 0) : 0;
	struct talk t = { 0 };
	struct trace_error err;

	if (!count) {
		fprintf(stderr, "usage: mktrace FILE COUNT\n");
		return 2;
	}
	if (trace_create(&t.writer, argv[1], &err)) {
		fprintf(stderr, "mktrace: %s\n", err.text);
		return 2;
	}
	talk_begin(&t);
	talk_write(&t, VQT_REGION_COMMON, VIRTIO_PCI_COMMON_STATUS, 1, 0x0f);
	/* Thirty-two in flight: each completes 32 requests after it was taken. */
	for (unsigned long i = 0; i < count; i++) {
		if (i >= 32) {
			talk_used(&t, (uint16_t)(i % 32 * 3), 4097, 0);
			talk_irq(&t, VQT_IRQ_SIGNAL, 1);
		}
		talk_kick(&t, (uint16_t)i, (uint16_t)(i + 1));
		talk_read_request(&t, (uint16_t)(i % 32 * 3), i * 8);
	}
	talk_end(&t);
	return trace_finish(t.writer) ? 2 : 0;
}
