/* SPDX-License-Identifier: MIT */
/*
 * Front doors: a device served to a client on a UNIX socket.  A door owns what
 * the pure device has not: waiting, descriptors, guest memory mapped from the
 * client.  What differs is the protocol: struct door_ops, one file each
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

#include "emu/virtio/tap.h"
#include "emu/virtio/device.h"

#define DOOR_FDS 32 /* descriptors a message may carry */
#define DOOR_BUDGET 4096 /* chains served, then messages and signals get their turn */
#define DOOR_BATCH 16 /* events taken from the kernel at a time */

struct door;

/* Something to wait for; part of its owner. */
struct door_source {
	int fd; /* -1: not watched */
	void (*ready)(struct door *d, struct door_source *s, uint32_t events);
};

enum door_say {
	DOOR_CAME, /* a client connected */
	DOOR_WENT, /* it closed the connection */
	DOOR_BAD, /* it was sent away: text says why */
	DOOR_NOTE, /* worth telling */
};

struct door_stats {
	uint64_t clients, sent_away, messages, interrupts, requests;
};

struct door_config {
	const struct emu_class *cls;
	const void *class_config;
	struct emu_tap *tap; /* borrowed, may be NULL */
	uint16_t queues, queue_size; /* 0: 1, and the protocol's own */
	uint64_t features; /* of the virtio core; 0: the usual */
	bool transitional;
	bool no_msix; /* a PCI function with INTx only */
	unsigned spin_us; /* look at rings that long before sleeping; 0: never */
	int patience_ms; /* for an answer to a DMA by message that holds the client up; 0: 2000, below: none */
	void (*say)(void *opaque, enum door_say what, const char *text); /* may be NULL */
	void *opaque;
};

struct door_ops {
	const char *name; /* "vfio-user" */
	size_t header; /* bytes */
	/* How many bytes follow this header; negative: garbage. */
	ssize_t (*payload)(struct door *d, const uint8_t *header);
	/* A whole message; see door_take_fd().  Negative: the client goes, door_fail says why. */
	int (*message)(struct door *d, uint8_t *msg, size_t len);
	void (*opened)(struct door *d);
	void (*closed)(struct door *d); /* forget all that was the client's */
	int (*run)(struct door *d); /* serve the device; how much was done */
	bool (*busy)(struct door *d); /* more to do at once */
	struct emu_virtio *(*virtio)(struct door *d); /* no such op: the device is elsewhere */
	void (*free)(struct door *d);
};

/* A message arriving, byte by byte if need be. */
struct door_in {
	uint8_t *buf;
	size_t cap, have, want;
	bool whole_header;
	int fd[DOOR_FDS]; /* -1: taken */
	unsigned nfds;
};

/* Bytes the socket did not take at once. */
struct door_out {
	uint8_t *buf;
	size_t cap, len, off;
};

struct door {
	const struct door_ops *ops;
	struct emu_tap *tap;
	void (*say)(void *opaque, enum door_say what, const char *text);
	void *opaque;
	int ep;
	struct epoll_event ready[DOOR_BATCH]; /* being delivered: [at, nready) */
	int nready, at;
	struct door_source listener, client, backend;
	struct door_in in, spare; /* spare: a buffer to go on with while one is in use */
	struct door_in *msg; /* the message being dealt with */
	struct door_out out;
	unsigned spin_us;
	bool muted; /* replies wait for the client: nothing more is read from it */
	char why[160]; /* the client is sent away */
	struct door_stats stats;
};

/* The protocols.  Negative errno. */
int vfio_user_new(struct door **out, const struct door_config *cfg);
int vhost_user_new(struct door **out, const struct door_config *cfg);
void door_free(struct door *d);

/* Make a listening UNIX socket; one that nobody listens to any more is replaced. */
int door_socket(const char *path);
int door_listen(struct door *d, int fd); /* owns fd from then on */
int door_attach(struct door *d, int fd); /* a client that is connected already; owns fd */
bool door_connected(const struct door *d);
void door_hang_up(struct door *d); /* on the client, if there is one; without a word */
/*
 * Wait at most timeout ms (-1: any time) with this signal mask (NULL: the
 * present one), then do all there is to do.  0, or -EINTR.
 */
int door_step(struct door *d, int timeout, const sigset_t *mask);
struct door_stats door_stats(const struct door *d);
struct emu_virtio *door_virtio(struct door *d); /* between two steps; NULL: it is elsewhere */
/* Nothing has come from the client, kicks included, that was not dealt with. */
bool door_quiet(struct door *d);

/* --- for the protocols ------------------------------------------------------------ */
int door_init(struct door *d, const struct door_ops *ops, const struct door_config *cfg);
void door_fini(struct door *d);
/* Watch for events (EPOLLIN, also EPOLLET); again to change them. */
int door_watch(struct door *d, struct door_source *s, int fd, uint32_t events);
void door_unwatch(struct door *d, struct door_source *s);
/* Why the client has to go; returns -EBADMSG. */
int door_fail(struct door *d, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void door_tell(struct door *d, enum door_say what, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Send as one message; what the socket does not take goes out later. */
int door_send(struct door *d, const struct iovec *iov, int n, int fd);
/* Wait at most ms for one more message and hand it to ops->message: 1, 0 none came. */
int door_receive(struct door *d, int ms);
/* The i-th descriptor that came with the message becomes the caller's; -1: none. */
int door_take_fd(struct door *d, unsigned i);
/* An event descriptor of the client: never to block on. */
void door_nonblock(int fd);
void door_signal(struct door *d, int fd);
static inline void door_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

#endif
