/* SPDX-License-Identifier: MIT */
/* Messages over sockets: stream.c. */
#ifndef VQT_EMU_SERVER_IMPL_H
#define VQT_EMU_SERVER_IMPL_H

#include "emu/server/server.h"

/*
 * Read from a socket.  1: a whole message has arrived; 0: not yet; negative errno, such as
 * -EPIPE or -EBADMSG.  header, payload: as in struct server_ops.
 */
int server_in_get(struct server_in *in, int fd, size_t header,
		  ssize_t (*payload)(struct server *srv, const uint8_t *header),
		  struct server *srv);
/*
 * The message was handled: close the descriptors that server_take_fd() did not hand out;
 * all: drop a partial message, too.
 */
void server_in_reset(struct server_in *in, bool all);
/* Send all of it with the descriptors; wait at most ms for the socket to accept it. */
int server_send_wait(int to, const struct iovec *iov, int n, const int *fd, unsigned nfds, int ms);
/* 0 or negative errno; clears output_full when all is sent. */
int server_out_flush(struct server *srv);

#endif
