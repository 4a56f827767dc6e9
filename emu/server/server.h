/* SPDX-License-Identifier: MIT */
/*
 * Servers: a device served to a client on a UNIX socket.  A server has what the device,
 * a pure machine, has not: it waits, and owns descriptors and the guest memory that the
 * client shares.  One thread serves one client at a time; the next client waits in the
 * socket's backlog.  A protocol is one file with a struct server_protocol and the
 * struct server_ops behind it.
 *
 * Nothing that a client sends may end the process: the client is disconnected.
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

#include "emu/server/map.h"
#include "emu/transport/transport.h"
#include "emu/virtio/tap.h"
#include "emu/virtio/device.h"

#define SERVER_FDS 32 /* descriptors a message may carry */
#define SERVER_BUDGET 4096 /* chains and MiB served, then messages and signals get their turn */
#define SERVER_LATE 64 /* interrupts that are delayed at once */
#define SERVER_SAID 16 /* kinds of lines whose rate is limited each on its own */
#define SERVER_BATCH 16 /* events that one epoll_wait() returns */

struct server;

/* A descriptor to wait for.  It is a member of the struct whose descriptor it is. */
struct server_source {
	int fd; /* -1: not watched */
	void (*ready)(struct server *srv, struct server_source *s, uint32_t events);
};

enum server_event {
	SERVER_CONNECTED,
	SERVER_DISCONNECTED,
	SERVER_PROTOCOL_ERROR, /* the client was disconnected; the text says why */
	SERVER_NOTE, /* anything else that a person should know */
};

struct server_stats {
	uint64_t clients, protocol_errors, messages, interrupts, requests;
};

struct server_config {
	const struct emu_class *cls;
	const void *class_config;
	struct emu_tap *tap; /* borrowed, may be NULL */
	uint16_t queues, queue_size; /* 0: 1, and the protocol's own */
	uint64_t features_on, features_off; /* as in struct emu_virtio_config */
	struct emu_fault *fault; /* borrowed; NULL: the device breaks no rule */
	bool transitional;
	bool no_msix; /* a PCI function with INTx only */
	unsigned spin_us; /* poll rings for so long before sleeping; 0: never */
	uint64_t delay_irq; /* ns that each interrupt comes late, to test tools; 0 */
	/* For the answer to a DMA message while the client waits for us; 0: 2000; < 0: none. */
	int dma_timeout_ms;
	/*
	 * May be NULL.  text NULL: the same was said too often already, and is not to be said now;
	 * it is counted in the next text of its kind.
	 */
	void (*report)(void *opaque, enum server_event what, const char *text);
	/* Is the server about to end? Asked while a client is waited for.  May be NULL. */
	bool (*ends)(void *opaque);
	void *opaque;
};

struct server_ops {
	size_t size; /* bytes of its own structure, which begins with struct server */
	int (*init)(struct server *srv, const struct server_config *cfg); /* 0 or negative errno */
	void (*fini)(struct server *srv); /* also after init() has failed */
	size_t header; /* bytes */
	/* How many bytes follow this header; negative errno: it is not a header. */
	ssize_t (*payload)(struct server *srv, const uint8_t *header);
	/*
	 * A whole message; see server_take_fd().  Negative errno: the client is
	 * disconnected; server_fail() keeps the reason.
	 */
	int (*message)(struct server *srv, uint8_t *msg, size_t len);
	void (*opened)(struct server *srv); /* may be NULL */
	void (*closed)(struct server *srv); /* release all that belonged to the client */
	int (*run)(struct server *srv); /* run the device; 0: there was nothing to do */
	bool (*busy)(struct server *srv); /* there is more to do without waiting; may be NULL */
	struct emu_virtio *(*virtio)(struct server *srv); /* NULL: no device in this process */
};

/* A message of which some bytes have arrived. */
struct server_in {
	uint8_t *buf;
	size_t cap, have, want;
	bool whole_header;
	int fd[SERVER_FDS]; /* -1: the caller of server_take_fd() owns it */
	unsigned nfds;
};

/* Bytes that the socket has not accepted yet. */
struct server_out {
	uint8_t *buf;
	size_t cap, len, off;
};

struct server {
	const struct server_ops *ops;
	struct emu_tap *tap;
	void (*report)(void *opaque, enum server_event what, const char *text);
	bool (*ends)(void *opaque);
	void *opaque;
	int ep;
	struct epoll_event ready[SERVER_BATCH]; /* not yet handled: [at, nready) */
	int nready, at;
	struct server_source listener, client, backend;
	struct server_in in, spare; /* spare: for the next message while one is handled */
	struct server_in *msg; /* the message that is being handled */
	struct server_out out;
	struct server_maps maps; /* memory that the client shares */
	unsigned spin_us;
	bool output_full; /* replies wait for the socket: nothing more is read until then */
	struct server_said {
		const char *kind;
		uint64_t since; /* ns */
		uint64_t n, untold;
	} said[SERVER_SAID];
	char why[160]; /* why the client is to be disconnected; empty: it is not */
	struct server_stats stats;
	uint64_t delay_irq; /* ns */
	struct server_late {
		int *fd;
		uint64_t due; /* ns */
	} late[SERVER_LATE]; /* interrupts that are due, by time */
	unsigned nlate;
};

/* A protocol: one file, and one row in list.c. */
struct server_protocol {
	const char *name; /* "vfio-user", also of the option that takes the socket */
	const char *summary;
	const struct server_ops *ops;
	const struct emu_transport *transport; /* that it serves; NULL: it is the client's */
	/* A client's command line, for a person: how a guest gets this device. */
	void (*example)(char *out, size_t size, const char *path, const struct server_config *cfg);
};

extern const struct server_protocol *const server_protocols[]; /* NULL ends */
extern const struct server_protocol server_vfio_user, server_vhost_user;
/* 0 or negative errno. */
int server_new(struct server **out, const struct server_ops *ops, const struct server_config *cfg);
void server_free(struct server *srv);

/* Make a listening UNIX socket; a socket file that no process listens on is replaced. */
int server_socket(const char *path);
/* Remove one that no process listens on any more. */
int server_socket_remove(const char *path);
/* Connect to one; SOCK_NONBLOCK: do not wait until it accepts.  Descriptor or negative errno. */
int server_connect(const char *path, int flags);
int server_listen(struct server *srv, int fd); /* owns fd from now on */
int server_attach(struct server *srv, int fd); /* fd is connected to a client; owns fd */
bool server_connected(const struct server *srv);
void server_disconnect(struct server *srv); /* the client, if there is one; nothing is reported */
/*
 * Wait at most timeout ms (-1: without limit) with this signal mask (NULL: the present
 * one), then handle what has arrived and run the device.  0, or -EINTR.
 */
int server_step(struct server *srv, int timeout, const sigset_t *mask);
/* The same, with the time in ns, and the present mask. */
int server_step_ns(struct server *srv, uint64_t timeout);
struct server_stats server_stats(const struct server *srv);
/* Only between two steps; NULL: there is no device in this process. */
struct emu_virtio *server_virtio(struct server *srv);
/* All that has arrived from the client, kicks included, was handled. */
bool server_idle(struct server *srv);

/* --- for the protocols ------------------------------------------------------------ */
/* Watch for events (EPOLLIN, EPOLLET ...); call it again to change them. */
int server_watch(struct server *srv, struct server_source *s, int fd, uint32_t events);
void server_unwatch(struct server *srv, struct server_source *s);
/* Watch a descriptor that the source owns from now on; after an error it is closed. */
int server_own(struct server *srv, struct server_source *s, int fd, uint32_t events);
void server_drop(struct server *srv, struct server_source *s); /* and close its descriptor */
/* Keep the reason why the client is to be disconnected; returns -EBADMSG. */
int server_fail(struct server *srv, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void server_report(struct server *srv, enum server_event what, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Send one message; what the socket does not accept at once is sent later. */
int server_send(struct server *srv, const struct iovec *iov, int n, int fd);
/* Wait at most ms for one more message and pass it to ops->message: 1; 0: none came. */
int server_receive(struct server *srv, int ms);
/* The i-th descriptor of the message; the caller owns it; -1: none. */
int server_take_fd(struct server *srv, unsigned i);
/* Make a client's descriptor non-blocking. */
void server_nonblock(int fd);
void server_signal(struct server *srv, int fd);
/* An interrupt of the device, by a descriptor that has its place for as long as the server. */
void server_interrupt(struct server *srv, int *fd);
static inline void server_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

#endif
