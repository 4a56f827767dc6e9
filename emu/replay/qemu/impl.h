/* SPDX-License-Identifier: MIT */
/* QEMU's own device as a target of replay: what its files share. */
#ifndef VQT_EMU_REPLAY_QEMU_IMPL_H
#define VQT_EMU_REPLAY_QEMU_IMPL_H

#include "decoder/util/child.h"
#include "decoder/util/qmp.h"
#include "emu/replay/layout.h"
#include "emu/replay/qemu/nbd.h"
#include "emu/replay/qemu/qtest.h"
#include "emu/replay/target.h"

struct json_object;
struct qemu_class;

/* --- emu/replay/qemu/ask.c ------------------------------------------------------------- */
/* A QEMU's version and the properties of one of its device types. */
struct qemu_about {
	char version[48]; /* "7.2.22" */
	struct json_object *props; /* of QMP's device-list-properties; owned */
};
#define QEMU_START_MS 20000 /* for its first answer */
#define QEMU_ANSWER_MS 30000 /* for each answer to a command */
#define QEMU_END_MS 20000 /* from closing a socket to its exit */
/* 0, or negative errno with the reason in why[size]. -EOPNOTSUPP: no such device type. */
int qemu_ask(struct qemu_about *a, const char *binary, const char *type, char *why, size_t size);
/* The conversation alone, on a connected non-blocking socket. */
int qemu_ask_fd(struct qemu_about *a, int fd, int patience, const char *type, char *why,
		size_t size);
void qemu_about_fini(struct qemu_about *a);

/* --- emu/replay/qemu/args.c ------------------------------------------------------------ */
/* Descriptors in the child. */
enum {
	QEMU_FD_QTEST = CHILD_FD,
	QEMU_FD_RAM,
	QEMU_FD_BIOS,
	QEMU_FD_ROM,
	QEMU_FD_QMP,
	QEMU_FD_BACKEND
};
#define QEMU_ENDS (1 + REPLAY_RESIZES) /* disks: one of each size */
#define QEMU_FDS (QEMU_FD_BACKEND - CHILD_FD + QEMU_ENDS)
bool qemu_legacy(const struct replay_device *d); /* does it have the legacy interface? */
/* Of the device, or its root port: the recorded one, but for the first and the last. */
unsigned qemu_slot(const struct replay_device *d);
#define QEMU_ARGS 80
struct qemu_args {
	char *v[QEMU_ARGS + 1];
	unsigned n;
	bool failed; /* no memory */
};
/* plain: with QEMU's own sizes, counts and names. */
void qemu_args(struct qemu_args *a, const char *binary, const struct replay_device *d,
	       const struct qemu_about *about, uint64_t ram, bool plain);
void qemu_args_fini(struct qemu_args *a);

/* --- emu/replay/qemu/disk.c ------------------------------------------------------------ */
struct qemu_disk;
/* What QEMU's disk holds, for the NBD server. */
int qemu_disk_new(struct qemu_disk **out, const struct replay_target_config *cfg, char *why,
		  size_t size);
void qemu_disk_free(struct qemu_disk *d);
/* The same disk once for each of its sizes, 0: the first; they hold the same bytes. */
const struct nbd_disk *qemu_disk_nbd(struct qemu_disk *d, unsigned n);
/* This request is about to be made available: hold its I/O back until qemu_disk_go(). */
void qemu_disk_request(struct qemu_disk *d, const struct replay_request *r);
/*
 * The recording has reached the completion of this request; returns the id for
 * nbd_release(), 0 none.
 */
int64_t qemu_disk_go(struct qemu_disk *d, uint16_t queue, uint16_t head);
/* The device was reset: forget all requests. */
void qemu_disk_over(struct qemu_disk *d);

/* --- the target ---------------------------------------------------------------------- */
#define QEMU_VECTORS 2048 /* PCI 6.8.2.3: a function has no more */

/* What the driver wrote to an MSI-X table entry, and what QEMU was given for it. */
struct qemu_vector {
	uint32_t wrote[3], given[3]; /* address low, high, data */
	uint8_t written; /* bit n: the driver wrote wrote[n] */
};

struct replay_target {
	const struct replay_device *d;
	const struct qemu_class *class;
	struct qemu_about about;
	struct child child;
	struct qtest qtest;
	struct qmp qmp; /* qmp.fd is -1 without one */
	int qtest_fd, backend_fd[QEMU_ENDS]; /* our ends of the sockets */
	char version[64], binary[128];
	char why[640];
	/* Guest memory: a file shared with QEMU. */
	int ram_fd;
	uint8_t *ram;
	uint64_t ram_size, ram_low; /* ram_low bytes are below 4 GiB, the rest from there on */
	uint8_t *touched; /* a bit a chunk */
	uint64_t chunks_left;
	/* The PCI function. */
	uint16_t bdf;
	struct emu_pci_layout layout; /* capabilities and vectors */
	uint64_t bar[REPLAY_BARS];
	bool bars_known, bar_io[REPLAY_BARS];
	uint8_t bars_good; /* bit n: accesses to BAR n reach the device */
	struct qemu_vector *vector; /* [QEMU_VECTORS] */
	uint64_t
		doorbell; /* guest address of the words, one a vector, that messages are written to */
	struct qemu_snoop *snoop; /* NULL: no trace is wanted */
	/* The backend of the device. */
	struct qemu_disk *disk; /* NULL: a netdev */
	struct nbd nbd[QEMU_ENDS];
	unsigned ends;
	uint64_t sectors; /* of the disk the device has now */
	bool greeted; /* QMP is ready for commands */
	uint64_t moved; /* counts I/O of the backend */
	unsigned quiet_ms; /* that the engine has waited since */
};

/* --- emu/replay/qemu/snoop.c: the replay as a trace.  All take NULL and do nothing. --- */
struct qemu_snoop;
int qemu_snoop_new(struct qemu_snoop **out, struct replay_target *t,
		   const struct replay_target_config *cfg);
void qemu_snoop_free(struct qemu_snoop *w);
/* Call it after a read, before a write; not for notifications. */
void qemu_snoop_reg(struct qemu_snoop *w, unsigned region, unsigned op, unsigned width,
		    uint32_t off, uint64_t value);
void qemu_snoop_kick(struct qemu_snoop *w, const struct replay_kick *k); /* before it is sent */
void qemu_snoop_used(struct qemu_snoop *w); /* record new used entries */
void qemu_snoop_irq(struct qemu_snoop *w, const struct replay_irq *irq);
void qemu_snoop_config(struct qemu_snoop *w); /* it is about to change */

/* Put the reason of a failure in words into t->why; returns rc. */
int qemu_trouble(struct replay_target *t, int rc);
/* --- emu/replay/qemu/ram.c --- */
int qemu_ram_new(struct replay_target *t, const struct replay_target_config *cfg);
void qemu_ram_free(struct replay_target *t);
/* A file in memory with firmware that puts the processor to sleep; or negative errno. */
int qemu_bios(void);
/* A file in memory to be the expansion ROM of the function: nobody runs it. */
int qemu_rom(void);
/* NULL: there is no memory. */
uint8_t *qemu_ram_at(struct replay_target *t, uint64_t gpa, uint64_t len);
int qemu_mem_read(struct replay_target *t, uint64_t gpa, void *buf, size_t len);
int qemu_mem_write(struct replay_target *t, uint64_t gpa, const void *buf, size_t len);
int qemu_mem_touch(struct replay_target *t, uint64_t gpa, uint64_t len);

/* --- emu/replay/qemu/pci.c --- */
int qemu_pci_setup(struct replay_target *t);
/* As replay_target_ops.access. */
int qemu_access(struct replay_target *t, unsigned region, uint32_t off, unsigned width,
		uint64_t *value, bool write);
/* The vectors whose messages have arrived, each once. */
unsigned qemu_msix_take(struct replay_target *t, struct replay_irq *out, unsigned max);

#endif
