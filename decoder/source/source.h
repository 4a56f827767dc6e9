/* SPDX-License-Identifier: MIT */
/*
 * A source of events: something that can be recorded.  Probes in QEMU, a proxy between a
 * vhost-user front end and its device: each is one struct source_ops, one row in
 * cli/sources.c.  record, top and doctor know nothing of a source but this table.
 *
 * A source hands on records of decoder/trace/event.h; it prints nothing.
 */
#ifndef VQT_DECODER_SOURCE_SOURCE_H
#define VQT_DECODER_SOURCE_SOURCE_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "decoder/model/model.h"
#include "decoder/util/option.h"

#define SOURCE_PIDS 64
/*
 * Leading bytes of each buffer, unless another number is asked for.  A 4 KiB read then takes
 * 68 (kick), at most 168 (avail), 112 (used), 48 (interrupt) and twice 72 (back end) bytes of file.
 */
#define SOURCE_SNAPLEN 32
#define SOURCE_SAMPLE UINT64_C(1000000000) /* ns between two samples of a ring */

/* An error in words, escaped: cause, then remedy; lines after the first are a list. */
struct source_error {
	char text[4096];
};

enum source_level {
	SOURCE_DETAIL, /* shown with -V */
	SOURCE_INFO, /* not shown with -q */
	SOURCE_WARNING,
};

/* What is wanted, as far as it is the same for all sources. */
struct source_request {
	pid_t pid[SOURCE_PIDS];
	unsigned npids;
	struct option_list names; /* of guests or programs */
	struct option_list devices; /* none: all */
	const char *without; /* id of a device that only carries the trace; NULL */
	uint64_t queues; /* bit n: queue n, bit 63: all from 63 on; 0: all */
	uint32_t snaplen; /* leading bytes of each buffer; 0: none */
	uint64_t light; /* ns between two tallies that stand for all events; 0: every event */
	uint64_t sample; /* ns between two looks at rings in which nothing happens; 0: never */
	const char *
		stacks; /* events that have call stacks: words with commas, "" the usual; NULL: none */
	bool follow; /* also what appears later */
	const char *command; /* line, for the session record; borrowed, as all strings here are */
	/* Where the records go: a source that would see that itself leaves it out.  NULL: unknown. */
	const char *output;
	/* Called for each record, in order; the bytes are valid during the call. */
	void (*record)(void *ctx, const void *record, size_t len);
	/*
	 * Called for what a person should know: lines, the last without its newline.  Names in
	 * them are of unknown origin: who prints them escapes them.
	 */
	void (*say)(void *ctx, enum source_level level, const char *text);
	/* Asked now and then by what takes time: should it end?  NULL: never. */
	bool (*ended)(void *ctx);
	void *ctx;
};

/* Which parts of a request a source understands. */
enum {
	SOURCE_TAKES_PROCESSES = 1, /* pid, names */
	SOURCE_TAKES_DEVICES = 2,
	SOURCE_TAKES_QUEUES = 4,
	SOURCE_TAKES_LIGHT = 8,
	SOURCE_TAKES_SAMPLE = 16,
	SOURCE_TAKES_STACKS = 32,
};

/* A command that was started to be recorded. */
struct source_child {
	pid_t pid; /* what was started: its exit status counts; 0: none */
	pid_t worker; /* the descendant that does the work, or pid itself */
};

struct source_stats {
	struct model_loss lost; /* records, or requests of which nothing is known */
	unsigned alive; /* how many of ops->noun there are */
};

enum source_verdict { SOURCE_OK, SOURCE_LIMITED, SOURCE_UNAVAILABLE };

/* One line of what doctor says. */
struct source_finding {
	enum source_verdict verdict;
	char what[64], found[256], remedy[192]; /* remedy: "" when nothing is to be done */
};

/* Gathers findings. */
struct source_report {
	struct source_finding finding[160];
	size_t n;
	bool verbose; /* is every detail wanted? */
	bool json; /* is `detail` wanted? */
	char *detail; /* what was looked at, as a JSON object; malloced, or NULL */
};
void source_found(struct source_report *r, enum source_verdict verdict, const char *what,
		  const char *remedy, const char *fmt, ...) __attribute__((format(printf, 5, 6)));

struct source {
	const struct source_ops *ops; /* the first member of each source's own structure */
};

struct source_ops {
	const char *name; /* for -i */
	const char *summary; /* what it records, and how it is told to; for -D */
	const char *noun; /* what it attaches to: "QEMU" */
	unsigned takes; /* SOURCE_TAKES_* */
	/* Its own options, and the structure they fill; zeroes are the defaults. */
	const struct option_row *options;
	size_t config_size;
	/* Can it work here?  Where not, or with limits: the reason and the remedy. */
	enum source_verdict (*available)(struct text *reason, struct text *remedy);
	/* What there is for it to record now: lines for -D.  May be NULL. */
	void (*list)(struct text *lines);
	/*
	 * Look closely at this host, and at one target where one is named (a process, a
	 * binary).  Negative errno when that cannot be looked at.
	 */
	int (*examine)(const char *target, struct source_report *r, struct source_error *err);
	/* Does the request make sense?  -EINVAL: bad usage. */
	int (*check)(const void *config, const struct source_request *request, bool command,
		     struct source_error *err);
	/* Load and prepare; nothing is recorded yet.  Negative errno. */
	int (*open)(struct source **out, const void *config, const struct source_request *request,
		    struct source_error *err);
	/*
	 * Begin to record: what the request names, or argv, which is started (NULL: nothing
	 * is).  The session, the sources and devices are described first.  Negative errno;
	 * what was started is then ended.
	 */
	int (*begin)(struct source *s, char *const argv[], struct source_child *child,
		     struct source_error *err);
	/*
	 * Descriptors that become readable when there is something to do, at most max; their
	 * number.  *timeout_ms is lowered to when it must be stepped in any case.
	 */
	unsigned (*descriptors)(struct source *s, struct pollfd *fd, unsigned max, int *timeout_ms);
	/*
	 * Wait at most so long, do what there is to do.  More than 0: more may be on its way,
	 * even if what it comes from has ended; 0: nothing is; or -EINTR.
	 */
	int (*step)(struct source *s, int timeout_ms);
	/* Write what belongs to the file so far, before the next one begins.  May be NULL. */
	void (*settle)(struct source *s);
	/* Write again what a file needs to be understood from its start. */
	void (*describe)(struct source *s);
	/* Begin nothing new, hand on what is in flight. */
	void (*stop)(struct source *s);
	bool no_rings; /* does it see accesses only, so that nothing is known of requests? */
	bool confinable; /* once begun, does it need no more rights of this process? */
	uint64_t capabilities; /* bit n: once begun, it needs capability n of capabilities(7) */
	bool between; /* do two others need it, as it stands between them? */
	bool whole_stop; /* are records that stop() hands on as complete as those before? */
	void (*stats)(const struct source *s, struct source_stats *out);
	/* Is that process, of a VQT_SOURCE record, still there?  NULL: always. */
	bool (*alive)(const struct source *s, pid_t pid);
	/* Probe hits and ns spent in them since the first call; false: unknown.  May be NULL. */
	bool (*cost)(struct source *s, uint64_t *hits, uint64_t *ns);
	/* At the end: what was seen and what is missing, to request->say. */
	void (*report)(struct source *s);
	void (*close)(struct source *s); /* NULL is fine */
};

/* Write why into err, for a person, in one line, with names escaped; returns code. */
int source_fail(struct source_error *err, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* To request->say; see there. */
void source_say(const struct source_request *r, enum source_level level, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/*
 * Wait at most timeout_ms for the source, or until descriptor `other` can be read (-1:
 * none), and step the source.  As step() returns.
 */
int source_step(struct source *s, int other, int timeout_ms);

#endif
