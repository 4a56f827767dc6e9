/* SPDX-License-Identifier: MIT */
/* `record --vhost-user`: recording from between front ends and back ends. */
#ifndef VQT_CLI_RECORD_PROXY_H
#define VQT_CLI_RECORD_PROXY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "decoder/util/text.h"

#define RECORD_PROXIES 32

struct record_proxy;

struct record_proxy_one {
	struct record_proxy *all;
	char listen[108]; /* where front ends connect */
	const char *backend;
	char name[24]; /* in the trace */
	char type[32];
	struct server *server;
	struct emu_tap *tap;
	bool bound; /* the socket is ours to remove */
};

struct record_proxy {
	struct record_proxy_one one[RECORD_PROXIES];
	unsigned n;
	const char *type; /* --type */
	uint32_t snaplen;
	bool quiet, verbose;
	void (*record)(void *ctx, const void *record, size_t len);
	void *ctx;
	const char *command; /* line, for the trace */
};

/* LISTEN=BACKEND: 0, or -EINVAL with the reason in `why`. */
int record_proxy_option(struct record_proxy *p, const char *value, struct text *why);
int record_proxy_type(struct record_proxy *p, const char *value, struct text *why);
/* Listen.  CLI_OK or CLI_TROUBLE. */
int record_proxy_open(struct record_proxy *p);
/* What a trace begins with. */
void record_proxy_preamble(struct record_proxy *p);
/* Wait at most ms, do what there is to do. */
void record_proxy_poll(struct record_proxy *p, int ms);
/* What was said until now is dealt with, the rings are looked at once more, and that is all. */
void record_proxy_end(struct record_proxy *p);
/* Requests lost, all queues. */
uint64_t record_proxy_lost(const struct record_proxy *p);
void record_proxy_summarize(const struct record_proxy *p);
void record_proxy_close(struct record_proxy *p);

#endif
