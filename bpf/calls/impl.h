/* SPDX-License-Identifier: MIT */
/* Internal to bpf/calls: what calls.c and functions.c share. */
#ifndef VQT_BPF_CALLS_IMPL_H
#define VQT_BPF_CALLS_IMPL_H

#include "bpf/prog/qemu.h"
#include "bpf/session/session.h"

#define CALLS_NAME 200 /* bytes of a name, 0 included */

/* What is attached apart from exported functions. */
enum { LINK_CLASS_INIT, LINK_OBJECT_INIT, LINK_CALLBACK, LINKS };

/* Of a callback. */
enum naming {
	NAMING_OPEN, /* its class has not been read */
	NAMING_DONE,
	NAMING_UNWANTED, /* it is called for requests, or says nothing */
};

struct call_name {
	uint64_t
		callback; /* address in the object of what is to be named by its role; 0: it has its name */
	uint8_t state; /* of a callback: enum naming */
	uint8_t tries; /* to read its class */
	char text[CALLS_NAME];
};

#define CALLS_WAITING 4096 /* events that are not passed on yet */

struct calls {
	struct waiting {
		uint32_t seq;
		bool here;
		struct vqp_call call;
	} waiting[CALLS_WAITING]; /* by seq */
	struct call_name *name; /* VQP_NAMES, from 1 */
	uint32_t names;
	struct {
		uint32_t call, within;
	} dropped[CALLS_WAITING]; /* calls that are not written, by number: what they were in */
	struct functions *functions; /* that have no exported name; NULL: not looked for */
	struct attach *link[LINKS];
	_Alignas(8) uint8_t event[VQP_REC_MAX + CALLS_NAME + 32];
};

/* A new name; 0: there is no room. */
uint32_t calls_name_add(struct calls *c, const char *name);

#endif
