/* SPDX-License-Identifier: MIT */
/*
 * Front doors: a device served to a client on a UNIX socket.  A door owns what
 * the pure device has not: waiting, descriptors, guest memory mapped from the
 * client.  What differs is the protocol: struct server_ops, one file each
 * (vfio_user.c, vhost_user.c).  One thread, one client at a time; the next one
 * waits in the socket's backlog.
 *
 * Nothing a client sends may end the process: it loses its connection.
 */
#ifndef VQT_EMU_SERVER_SERVER_H
#define VQT_EMU_SERVER_SERVER_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#include "emu/transport/transport.h"
#include "emu/virtio/tap.h"
#include "emu/virtio/device.h"

#define SERVER_FDS 32 /* descriptors a message may carry */
#define SERVER_BUDGET 4096 /* chains served, then messages and signals get their turn */
#define SERVER_BATCH 16 /* events taken from the kernel at a time */

struct server;

/* Something to wait for; part of its owner. */
struct server_source {
	int fd; /* -1: not watched */
	void (*ready)(struct server *d, struct server_source *s, uint32_t events);
};

enum server_event {
	SERVER_CONNECTED, /* a client connected */
	SERVER_DISCONNECTED, /* it closed the connection */
	SERVER_PROTOCOL_ERROR, /* it was sent away: text says why */
	SERVER_NOTE, /* worth telling */
};

struct server_stats {
	uint64_t clients, sent_away, messages, interrupts, requests;
};

struct server_config {
	const struct emu_class *cls;
	const void *class_config;
	struct emu_tap *tap; /* borrowed, may be NULL */
	uint16_t queues, queue_size; /* 0: 1, and the protocol's own */
	uint64_t features_on, features_off; /* as in struct emu_virtio_config */
	bool transitional;
	bool no_msix; /* a PCI function with INTx only */
	unsigned spin_us; /* look at rings that long before sleeping; 0: never */
	int patience_ms; /* for an answer to a DMA by message that holds the client up; 0: 2000, below: none */
	void (*say)(void *opaque, enum server_event what, const char *text); /* may be NULL */
	void *opaque;
};

struct server_ops {
	const char *name; /* "vfio-user" */
	size_t header; /* bytes */
	/* How many bytes follow this header; negative: garbage. */
	ssize_t (*payload)(struct server *d, const uint8_t *header);
	/* A whole message; see server_take_fd().  Negative: the client goes, server_fail says why. */
	int (*message)(struct server *d, uint8_t *msg, size_t len);
	void (*opened)(struct server *d);
	void (*closed)(struct server *d); /* forget all that was the client's */
	int (*run)(struct server *d); /* serve the device; how much was done */
	bool (*busy)(struct server *d); /* more to do at once */
	struct emu_virtio *(*virtio)(struct server *d); /* no such op: the device is elsewhere */
	void (*free)(struct server *d);
};

/* A message arriving, byte by byte if need be. */
struct server_in {
	uint8_t *buf;
	size_t cap, have, want;
	bool whole_header;
	int fd[SERVER_FDS]; /* -1: taken */
	unsigned nfds;
};

/* Bytes the socket did not take at once. */
struct server_out {
	uint8_t *buf;
	size_t cap, len, off;
};

struct server {
	const struct server_ops *ops;
	struct emu_tap *tap;
	void (*say)(void *opaque, enum server_event what, const char *text);
	void *opaque;
	int ep;
	struct epoll_event ready[SERVER_BATCH]; /* being delivered: [at, nready) */
	int nready, at;
	struct server_source listener, client, backend;
	struct server_in in, spare; /* spare: a buffer to go on with while one is in use */
	struct server_in *msg; /* the message being dealt with */
	struct server_out out;
	unsigned spin_us;
	bool muted; /* replies wait for the client: nothing more is read from it */
	char why[160]; /* the client is sent away */
	struct server_stats stats;
};

/* A protocol: one file, and one row in list.c. */
struct server_protocol {
	const char *name; /* "vfio-user", also of the option that takes the socket */
	const char *summary;
	int (*new)(struct server **out, const struct server_config *cfg); /* 0 or negative errno */
	const struct emu_transport *transport; /* that it serves; NULL: it is the client's */
	/* A client's command line, for a person: how a guest gets this device. */
	void (*example)(char *out, size_t size, const char *path, const struct server_config *cfg);
};

extern const struct server_protocol *const server_protocols[]; /* NULL ends */
extern const struct server_protocol server_vfio_user, server_vhost_user;
void server_free(struct server *d);

/* Make a listening UNIX socket; one that nobody listens to any more is replaced. */
int server_socket(const char *path);
int server_listen(struct server *d, int fd); /* owns fd from then on */
int server_attach(struct server *d, int fd); /* a client that is connected already; owns fd */
bool server_connected(const struct server *d);
void server_hang_up(struct server *d); /* on the client, if there is one; without a word */
/*
 * Wait at most timeout ms (-1: any time) with this signal mask (NULL: the
 * present one), then do all there is to do.  0, or -EINTR.
 */
int server_step(struct server *d, int timeout, const sigset_t *mask);
struct server_stats server_stats(const struct server *d);
struct emu_virtio *server_virtio(struct server *d); /* between two steps; NULL: it is elsewhere */
/* Nothing has come from the client, kicks included, that was not dealt with. */
bool server_quiet(struct server *d);

/* --- for the protocols ------------------------------------------------------------ */
int server_init(struct server *d, const struct server_ops *ops, const struct server_config *cfg);
void server_fini(struct server *d);
/* Watch for events (EPOLLIN, also EPOLLET); again to change them. */
int server_watch(struct server *d, struct server_source *s, int fd, uint32_t events);
void server_unwatch(struct server *d, struct server_source *s);
/* Why the client has to go; returns -EBADMSG. */
int server_fail(struct server *d, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void server_report(struct server *d, enum server_event what, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Send as one message; what the socket does not take goes out later. */
int server_send(struct server *d, const struct iovec *iov, int n, int fd);
/* Wait at most ms for one more message and hand it to ops->message: 1, 0 none came. */
int server_receive(struct server *d, int ms);
/* The i-th descriptor that came with the message becomes the caller's; -1: none. */
int server_take_fd(struct server *d, unsigned i);
/* An event descriptor of the client: never to block on. */
void server_nonblock(int fd);
void server_signal(struct server *d, int fd);
static inline void server_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

#endif
