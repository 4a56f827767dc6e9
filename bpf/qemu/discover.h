/* SPDX-License-Identifier: MIT */
/*
 * Finds what can be probed in a QEMU binary by decoding its machine code: structure offsets
 * from exported accessors, probe addresses, and the register that holds each argument at a
 * probe.  Needs no version tables and no debug information.
 */
#ifndef VQT_BPF_QEMU_DISCOVER_H
#define VQT_BPF_QEMU_DISCOVER_H

#include "bpf/code/elf.h"
#include "bpf/process/foreign.h"
#include "bpf/prog/qemu.h"

/* BPF programs of qemu.bpf.c, by role. */
enum qemu_program {
	QEMU_KICK,
	QEMU_POP,
	QEMU_FILL,
	QEMU_SIGNAL,
	QEMU_REG_WRITE,
	QEMU_REG_READ,
	QEMU_REG_RETURN, /* at the returns of the function */
	QEMU_CONFIG,
	QEMU_CONFIG_RETURN, /* the same */
	QEMU_IRQ,
	QEMU_LIFECYCLE,
	QEMU_SUBMIT,
	QEMU_ANSWER,
	QEMU_OBJECT_INIT,
	QEMU_CALLBACK,
	QEMU_VM_IOCTL,
	QEMU_CALL_END, /* at the ends of functions */
	QEMU_PROGRAMS
};

/* qemu_probe.flags */
#define QEMU_PROBE_HOT 0x01 /* hit by every request */
#define QEMU_PROBE_DELIVERY 0x02 /* only with capture_options.delivery */
#define QEMU_PROBE_LIFE 0x04 /* part of the lifecycle set */
#define QEMU_PROBE_OPTIONAL 0x08 /* exists in some versions only; absence is not reported */
#define QEMU_PROBE_ESSENTIAL 0x10 /* a capture is useless without it */
#define QEMU_PROBE_CALL 0x20 /* where calls are recorded, its ends are probed, too */
#define QEMU_PROBE_CALLS_ONLY 0x40 /* probed only where calls are recorded */
#define QEMU_PROBE_DEEP 0x100 /* below more of the stack than is copied: not with call stacks */
#define QEMU_PROBE_SHALLOW 0x200 /* in the place of those, with call stacks only */

struct qemu_probe {
	char name[48]; /* function, or region and direction */
	const char *costs; /* what is missing from the trace without it */
	enum qemu_program program;
	unsigned flags;
	uint64_t addr; /* in the object; 0 not found */
	uint64_t offset; /* in the file */
	uint64_t cookie;
	uint64_t begin,
		begin_cookie; /* QEMU_PROBE_CALL: the same at the begin of the function; 0 none */
	bool emulated; /* not single-stepped */
	const char *placed; /* "entry", "trace site", ... */
};

#define QEMU_PROBES 128
#define QEMU_NOTES 16

struct qemu {
	struct elf *elf;
	struct foreign *work; /* limits what reading the object and decoding it cost; may be NULL */
	char version[128]; /* "7.2.22 (Debian ...)", "" unknown */
	struct vqp_proc layout; /* offsets; source and the like are left 0 */
	uint64_t root; /* address of the variable that points at the root object, 0 unknown */
	uint16_t vdev_host_features, vdev_config, vdev_config_len; /* for late attach */
	struct qemu_probe probe[QEMU_PROBES];
	size_t nprobes;
	/* What could not be found, and what the trace lacks because of it. */
	struct {
		char what[48];
		const char *costs;
	} note[QEMU_NOTES];
	size_t nnotes;
};

/*
 * -ENOEXEC no x86-64 ELF object; -ENOENT exports no virtqueue_pop: not a QEMU; -ETIMEDOUT:
 * larger than a QEMU can be; -EINTR.
 */
int qemu_open(struct qemu **out, const char *path, const struct foreign_stop *stop);
/* The same for an open object.  It is closed with *out, or at once when this call fails. */
int qemu_open_elf(struct qemu **out, struct elf *e);
void qemu_close(struct qemu *q);
/* Whether the object at path exports the functions of a QEMU system emulator. */
bool qemu_is(struct foreign *f, const char *path);
const char *qemu_program_name(enum qemu_program p); /* of the BPF function */
bool qemu_program_is_return(enum qemu_program p);
/* The name of what is missing to follow the rings; NULL when nothing is. */
const char *qemu_unusable(const struct qemu *q);

#endif
