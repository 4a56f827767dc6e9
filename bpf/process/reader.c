/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bpf/process/foreign.h"
#include "bpf/process/reader.h"
#include "decoder/util/clock.h"

#define SPINS 200 /* a read takes a microsecond or two: less than to sleep and wake up */
#define STEP_NS UINT64_C(50000000) /* between looks whether to go on waiting */
#define STACK 65536

/* A thread, and what it is asked for. */
struct reader {
	pid_t process, thread; /* of ours: a fork has no such thread */
	sem_t asked, answered;
	bool end; /* instead of a question: free all this */
	pid_t pid;
	struct iovec *range;
	unsigned n;
	uint8_t *bytes; /* its own: it may still be written to when we have left */
	size_t len;
	ssize_t result; /* bytes or negative errno */
};

static struct reader *reader; /* NULL: none waits for questions */
static uint64_t waited; /* ns: those that were left, for a processor */
static unsigned leaving; /* threads that were told to end, and have not yet */

/* --- the thread --------------------------------------------------------------------------- */

static void wait_for(sem_t *s)
{
	for (unsigned i = 0; i < SPINS; i++)
		if (!sem_trywait(s))
			return;
	while (sem_wait(s) && errno == EINTR)
		;
}

static void free_reader(struct reader *r)
{
	sem_destroy(&r->asked);
	sem_destroy(&r->answered);
	free(r->range);
	free(r->bytes);
	free(r);
}

static void *serve(void *arg)
{
	struct reader *r = arg;

	__atomic_store_n(&r->thread, (pid_t)syscall(SYS_gettid), __ATOMIC_RELEASE);
	for (wait_for(&r->asked); !r->end; wait_for(&r->asked)) {
		struct iovec local = { .iov_base = r->bytes, .iov_len = r->len };
		ssize_t n = process_vm_readv(r->pid, &local, 1, r->range, r->n, 0);

		r->result = n < 0 ? -errno : n;
		sem_post(&r->answered);
	}
	free_reader(r);
	__atomic_fetch_sub(&leaving, 1, __ATOMIC_RELAXED);
	return NULL;
}

static int start_thread(struct reader *r)
{
	sigset_t all, before;
	pthread_attr_t attr;
	pthread_t thread;
	int err;

	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, STACK);
	sigfillset(&all); /* signals are for the others */
	pthread_sigmask(SIG_SETMASK, &all, &before);
	err = pthread_create(&thread, &attr, serve, r);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	return err;
}

/* --- asking it ----------------------------------------------------------------------------- */

static struct reader *get(void)
{
	struct reader *r = reader;

	if (r && r->process == getpid())
		return r;
	if (r) /* of the process that has forked us */
		leaving = 0;
	reader = NULL;
	if (__atomic_load_n(&leaving, __ATOMIC_RELAXED) >= READERS_MAX)
		return NULL;
	r = calloc(1, sizeof(*r));
	if (!r)
		return NULL;
	r->process = getpid();
	sem_init(&r->asked, 0, 0);
	sem_init(&r->answered, 0, 0);
	if (start_thread(r)) {
		free_reader(r);
		return NULL;
	}
	reader = r;
	return r;
}

/* The first line of a file of the thread that there is; empty: it cannot be read. */
static void task_line(const struct reader *r, const char *name, char *text, int size)
{
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/task/%d/%s",
		 (int)__atomic_load_n(&r->thread, __ATOMIC_ACQUIRE), name);
	f = fopen(path, "re");
	if (!f || !fgets(text, size, f))
		text[0] = 0;
	if (f)
		fclose(f);
}

static uint64_t waited_by(const struct reader *r)
{
	char text[64], *second;

	task_line(r, "schedstat", text, sizeof(text));
	second = strchr(text, ' ');
	return second ? strtoull(second, NULL, 10) : 0;
}

uint64_t reader_waited_ns(void)
{
	return waited + (reader && reader->process == getpid() ? waited_by(reader) : 0);
}

/* It ends when what it does returns, if ever. */
static void leave(struct reader *r)
{
	__atomic_fetch_add(&leaving, 1, __ATOMIC_RELAXED);
	waited += waited_by(r);
	reader = NULL;
	r->end = true;
	sem_post(&r->asked);
}

static bool put(struct reader *r, pid_t pid, const struct iovec *range, unsigned n, size_t len)
{
	struct iovec *ranges = realloc(r->range, (n ? n : 1) * sizeof(*range));
	uint8_t *bytes = ranges ? realloc(r->bytes, len ? len : 1) : NULL;

	r->range = ranges ? ranges : r->range;
	r->bytes = bytes ? bytes : r->bytes;
	if (!bytes)
		return false;
	memcpy(ranges, range, n * sizeof(*range));
	r->pid = pid;
	r->n = n;
	r->len = len;
	return true;
}

/* Does it run, or wait for a processor, and for nothing else? */
static bool runs(const struct reader *r)
{
	char text[256], *end;

	task_line(r, "stat", text, sizeof(text));
	end = strrchr(text, ')');
	return end && end[1] == ' ' && end[2] == 'R';
}

static int wait_answer(struct reader *r, const struct foreign *f)
{
	uint64_t begun = 0, now, next;

	for (unsigned i = 0; i < SPINS; i++)
		if (!sem_trywait(&r->answered))
			return 0;
	for (begun = now = clock_ns(CLOCK_MONOTONIC);; now = clock_ns(CLOCK_MONOTONIC)) {
		struct timespec until;

		if (f->stop.asked && f->stop.asked(f->stop.ctx))
			return -EINTR;
		if (now - begun > FOREIGN_WALL_NS &&
		    (!runs(r) || now - begun > FOREIGN_WALL_NS + FOREIGN_WAIT_NS))
			return -ETIMEDOUT;
		next = now + STEP_NS;
		until = (struct timespec){ .tv_sec = (time_t)(next / 1000000000),
					   .tv_nsec = (long)(next % 1000000000) };
		if (!sem_clockwait(&r->answered, CLOCK_MONOTONIC, &until))
			return 0;
	}
}

ssize_t reader_memory(const struct foreign *f, const struct iovec *range, unsigned n, void *buf,
		      size_t len)
{
	struct reader *r = get();
	int err;

	if (!r)
		return -ETIMEDOUT;
	if (!put(r, f->pid, range, n, len))
		return -ENOMEM;
	sem_post(&r->asked);
	err = wait_answer(r, f);
	if (err) {
		leave(r);
		return err;
	}
	if (r->result > 0)
		memcpy(buf, r->bytes, (size_t)r->result);
	return r->result;
}

void reader_end(void)
{
	if (reader && reader->process == getpid())
		leave(reader);
}
