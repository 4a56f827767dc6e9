/* SPDX-License-Identifier: MIT */
/* Inside a machine: what is known of it, shared by machine.c (accesses) and interrupts.c. */
#ifndef VQT_BPF_KVM_MACHINE_IMPL_H
#define VQT_BPF_KVM_MACHINE_IMPL_H

#include "bpf/kvm/machine.h"
#include "bpf/kvm/pci.h"
#include "decoder/trace/event.h"

#define QUEUES 1024 /* 2.6: no transport has more in use; others have no known notify_off */
#define VECTORS 2048 /* MSI-X: the most that Table Size can say */
#define FUNCTIONS 256 /* whose interrupt line is remembered, virtio or not */
#define MESSAGES 1024 /* buckets of the messages in MSI-X tables */

/* An entry of an MSI-X table: PCI 6.8.2. */
struct vector {
	struct vector *prev, *next; /* in its bucket */
	struct device *device;
	bool filed; /* it is in a bucket */
	uint8_t bytes[16];
	uint16_t known; /* bit n: byte n was written */
};

struct queue {
	uint16_t notify_off;
	bool known;
};

struct device {
	struct pci_function pci;
	uint16_t id; /* in the trace */
	uint16_t bdf;
	uint16_t virtio_id; /* 0: not known yet */
	bool described;
	uint16_t select; /* queue_select, as written */
	unsigned nqueues; /* those from here on have no known notify_off */
	struct queue queue[QUEUES];
	struct vector *vector; /* VECTORS of them; NULL: none was written */
	unsigned nvectors; /* those from here on were not written */
	bool line; /* INTx is asserted */
};

/* What the configuration space of any function says of its interrupt: PCI 6.2.4. */
struct interrupt {
	uint16_t bdf;
	uint8_t line, pin;
	bool line_known, pin_known;
};

struct machine {
	struct machine_config c;
	struct machine_stats stats;
	struct vqt_hdr now; /* of the hit that is consumed */
	uint32_t address; /* in CONFIG_ADDRESS */
	bool address_known;
	/* The host bridge, 00:00.0: Q35's says where configuration space is in memory. */
	struct pci_function bridge;
	uint8_t ecam[8], ecam_known; /* PCIEXBAR; bit n: byte n is known */
	struct interrupt interrupt[FUNCTIONS];
	unsigned ninterrupts;
	bool more_interrupts; /* there are others */
	struct device *device[MACHINE_DEVICES];
	struct vector *message[MESSAGES]; /* by what they send; of each the first */
};

/* An access that goes to a device. */
struct access {
	const struct vqk_event *e;
	uint64_t value;
	unsigned width; /* bytes, 1 to 8 */
	bool write;
	uint8_t flags; /* VQT_REG_* */
};

/* The header of a record of this device (id; VQT_NO_DEVICE), at the time of the hit. */
void machine_stamp(const struct machine *m, struct vqt_hdr *h, uint8_t type, uint16_t device);
/* The virtio function at this address; NULL: it is another one, or not known. */
struct device *machine_device(const struct machine *m, uint16_t bdf);
/* Is byte `at` one of the `width` bytes from `offset` on? */
bool access_covers(uint64_t offset, unsigned width, uint64_t at);

/* An entry of an MSI-X table is written: `offset` in the table. */
void interrupts_vector(struct machine *m, struct device *d, const struct access *a,
		       uint32_t offset);
/* Nothing is known any more of what is in its MSI-X table. */
void interrupts_forget(struct machine *m, struct device *d);
/* Configuration space of any function is accessed: its Interrupt Line and Pin. */
void interrupts_config(struct machine *m, uint16_t bdf, uint32_t offset, const struct access *a);
void interrupts_message(struct machine *m, const struct vqk_event *e); /* VQK_MSI */
void interrupts_line(struct machine *m, const struct vqk_event *e); /* VQK_LINE */

#endif
