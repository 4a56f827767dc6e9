/* SPDX-License-Identifier: MIT */
/* Unix sockets of other processes. */
#ifndef VQT_DECODER_UTIL_SOCKET_H
#define VQT_DECODER_UTIL_SOCKET_H

/*
 * Connect to the server that listens at a path, without waiting: a descriptor that does not block,
 * or negative errno.  -EAGAIN: more clients wait than the server allows.
 */
int socket_try_connect(const char *path);

#endif
