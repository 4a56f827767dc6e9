/* SPDX-License-Identifier: MIT */
/*
 * The one way to read from another process: its memory, its files in /proc, the files that it
 * has mapped.  The process may belong to anybody and may be made to cause harm: tables that
 * lead into each other, a million mappings, huge sparse files, special files.  So all reading
 * belongs to an attempt, which ends when it has used up its time, its calls or its bytes, or
 * when a person asks for the end.
 */
#ifndef VQT_BPF_PROCESS_FOREIGN_H
#define VQT_BPF_PROCESS_FOREIGN_H

#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

/*
 * How files are opened here.  O_NOCTTY does nothing to a regular file: by it a process that may open
 * nothing else knows these (bpf/stack/confine.h).
 */
#define FOREIGN_OPEN (O_CLOEXEC | O_NOCTTY)

/*
 * Limits of an attempt: on what this thread computes, and on the time that passes, of which
 * what it waits for a processor does not count, up to a limit: a busy host is no foul play.
 */
#define FOREIGN_CPU_NS UINT64_C(250000000)
#define FOREIGN_WALL_NS UINT64_C(1000000000)
#define FOREIGN_WAIT_NS UINT64_C(10000000000)
#define FOREIGN_CALLS 400000U
#define FOREIGN_BYTES (UINT64_C(64) << 20)
/* After an attempt that reached a limit of time or size: the pause before the next, at first. */
#define FOREIGN_PAUSE_NS UINT64_C(10000000000)

/* Asked now and then: should what takes time end?  asked NULL: never. */
struct foreign_stop {
	bool (*asked)(void *ctx);
	void *ctx;
};

struct foreign {
	pid_t pid;
	struct foreign_stop stop;
	/* private: the rest of this attempt, and when it ends by the two clocks */
	uint64_t calls, bytes, cpu, wall;
	uint64_t waited; /* for a processor, before this attempt */
	unsigned
		unstarted; /* times the limits: the clocks start with what is read first; 0: they run */
	int err; /* why it has ended; 0: it has not */
	uint64_t resume, pause; /* no attempt before; the length of the next pause */
	bool known, trusted; /* whether its memory may make us wait (bpf/process/reader.h) */
};

void foreign_init(struct foreign *f, pid_t pid, const struct foreign_stop *stop); /* NULL: none */
/*
 * Begin an attempt.  After one that reached a limit it begins only when the pause is over;
 * pauses double, so a process that always reaches it costs less and less.
 */
void foreign_begin(struct foreign *f);
/* The same, but its time runs from the first thing on that is read: without any this costs nothing. */
void foreign_begin_with_use(struct foreign *f);
/* Begin an attempt at a large file: this many times the usual limits. */
void foreign_begin_large(struct foreign *f, unsigned times);
/*
 * Account for work on so many bytes.  0; -ETIMEDOUT: a limit is reached; -EINTR: the end was
 * asked for.  All later calls of this attempt fail, too.
 */
int foreign_spend(struct foreign *f, uint64_t bytes);
/* A clock, in ns, that stands still while this thread waits for a processor. */
uint64_t foreign_clock(void);

/* Memory: n address ranges into buf, one after the other.  Bytes read, or negative errno. */
ssize_t foreign_memory(struct foreign *f, const struct iovec *range, unsigned n, void *buf);

/*
 * Of a process of another user a page that does not come within FOREIGN_WALL_NS ends the attempt, too:
 * a thread reads it, and can be left (bpf/process/reader.h).  Not in a process that somebody waits for and
 * kills: it says so once.
 */
void foreign_may_hang(void);
/*
 * To be called when the privileges of this thread have changed: a thread that reads memory for it has
 * those of before, and is told to end.  The next read starts another one.
 */
void foreign_renew(void);

/* Open a regular file: a descriptor; -ENOEXEC: it is of another kind.  Never waits. */
int foreign_open(struct foreign *f, const char *path);
/* Read all of it at an offset: 0 or negative errno; -ENODATA: the file is shorter. */
int foreign_pread(struct foreign *f, int fd, void *buf, size_t len, uint64_t offset);

/* /proc/PID/NAME as a path; returns buf. */
char *foreign_path(const struct foreign *f, char *buf, size_t size, const char *name);
/* A small file of /proc/PID, cut to fit, with a 0 behind it: bytes, or negative errno. */
ssize_t foreign_proc(struct foreign *f, const char *name, char *buf, size_t size);
/* What a symbolic link of /proc/PID leads to, cut to fit, with a 0 behind it: bytes, or negative errno. */
ssize_t foreign_link(struct foreign *f, const char *name, char *buf, size_t size);
/* Its real user; -1: unknown.  The owner of /proc/PID is root when a process has made itself undumpable. */
long foreign_user(struct foreign *f);
/* A file of /proc/PID that may be long, line by line. */
struct foreign_lines {
	struct foreign *by;
	int fd, err; /* negative errno that ended it */
	size_t at, have;
	char buf[4096];
};
int foreign_lines_open(struct foreign_lines *l, struct foreign *f, const char *name);
/* The next line without its newline, cut to fit; false at the end and after an error. */
bool foreign_line(struct foreign_lines *l, char *line, size_t size);
void foreign_lines_close(struct foreign_lines *l);

#endif
