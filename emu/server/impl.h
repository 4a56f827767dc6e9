/* SPDX-License-Identifier: MIT */
/* Between door.c and emu/server/stream.c. */
#ifndef VQT_EMU_SERVER_IMPL_H
#define VQT_EMU_SERVER_IMPL_H

#include "emu/server/server.h"

/* 1: a whole message is there; 0: not yet; -EPIPE and its like, -EBADMSG. */
int server_in_read(struct server *d);
/* The same from any socket; payload as in struct server_ops. */
int server_in_get(struct server_in *in, int fd, size_t header,
		  ssize_t (*payload)(void *opaque, const uint8_t *header), void *opaque);
/* Done with the message: close what nobody took; all: also forget a partial one. */
void server_in_reset(struct server_in *in, bool all);
/* Send all of it with the descriptors, waiting at most ms for the socket to take it. */
int server_send_wait(int to, const struct iovec *iov, int n, const int *fd, unsigned nfds, int ms);
/* Wait for the socket: 1 readable, 0 in ms it was not. */
int server_in_wait(struct server *d, int ms);
/* 0 or what went wrong; unmutes when all is out. */
int server_out_flush(struct server *d);

#endif
