/* SPDX-License-Identifier: MIT */
/*
 * The PTP clock by which a guest of KVM reads its host's CLOCK_REALTIME: Linux's ptp_kvm, a call of
 * the hypervisor.  Other PTP clocks tell the time of a network, and are left alone.
 */
#ifndef VQT_CLI_GUEST_PTP_H
#define VQT_CLI_GUEST_PTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "decoder/trace/event.h"

/* Zeroed at first. */
struct ptp {
	bool open;
	int fd;
};

/* /dev/ptpN of KVM's, by what a directory such as /sys/class/ptp says.  false: there is none. */
bool ptp_find(const char *dir, char *device, size_t size);
/*
 * Add its time to a record with the time `from`: until, wall and wall_most.  Nothing, where there is
 * no such clock, or it cannot be read; its module may come later.
 */
void ptp_read(struct ptp *p, struct vqt_exchange *x);
/* The same with a clock of clock_gettime(). */
void ptp_read_clock(clockid_t clock, struct vqt_exchange *x);
void ptp_close(struct ptp *p);

#endif
