/* SPDX-License-Identifier: MIT */
/*
 * An unwinder is a child process: what it gives to libdw are files that somebody else has mapped, and
 * one of these may make libdw use all memory, never return, or crash.  The child has limits, is
 * waited for so long, may open nothing by itself (confine.h), has the capabilities to read alone, and is
 * not believed: what comes from it is checked.  What it should have told, we tell without libdw: the file
 * and the offset in it, and the reason.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bpf/process/caps.h"
#include "bpf/process/foreign.h"
#include "bpf/process/memory.h"
#include "bpf/stack/confine.h"
#include "bpf/stack/debuginfod.h"
#include "bpf/stack/local.h"
#include "bpf/stack/unwind.h"
#include "bpf/stack/unwind_impl.h"
#include "decoder/util/clock.h"
#include "decoder/util/text.h"

#define MEMORY (UINT64_C(2) << 30) /* bytes more than we have ourselves */
#define COPY_MAX 65536
#define EXIT_UNCONFINED 3

enum what { WALK, NAME };

struct question {
	uint32_t what, n; /* bytes of the copy's memory; or frames */
	uint64_t reg[UNWIND_REGS];
	uint64_t pc[STACK_FRAMES];
	uint8_t bytes[COPY_MAX];
};

struct unwinder {
	struct foreign by; /* whose stacks */
	pid_t child; /* 0: none */
	int fd;
	unsigned lost, patience; /* ms */
	struct unwind_time time;
	char why[80]; /* the latest one was */
	struct question question;
	struct unwind_answer answer;
};

/* --- the child ---------------------------------------------------------------------------- */

static void limit(void)
{
	struct rlimit none = { 0, 0 }, memory;
	FILE *f = fopen("/proc/self/statm", "re");
	unsigned long long pages = 0;

	setrlimit(RLIMIT_CORE, &none);
	if (!f || fscanf(f, "%llu", &pages) != 1)
		pages = 0;
	if (f)
		fclose(f);
	memory.rlim_cur = memory.rlim_max =
		pages * (unsigned long long)sysconf(_SC_PAGESIZE) + MEMORY;
	/* a sanitizer has reserved terabytes, and reserves more */
	if (pages && memory.rlim_cur < UINT64_C(1) << 40)
		setrlimit(RLIMIT_AS, &memory);
}

/* Nothing of ours but the way to us. */
static void become_child(int fd, pid_t parent)
{
	static const int ignored[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE };
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(0);
	prctl(PR_SET_NAME, "vqtrace-unwind");
	/* its parent ends it */
	for (unsigned i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		signal(ignored[i], SIG_IGN);
	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	dup2(fd, 3);
	syscall(SYS_close_range, 4, ~0U, 0);
	debuginfod_start();
	limit();
	if (caps_keep(CAPS_FOREIGN) || stack_confine())
		_exit(EXIT_UNCONFINED);
}

static void answer(const struct stack_frames *f, struct unwind_answer *a)
{
	a->n = f->n;
	a->cut = f->cut;
	a->unread = f->unread;
	a->files = f->files;
	a->len = f->len;
	a->named = f->named;
	memcpy(a->pc, f->pc, sizeof(a->pc));
	memcpy(a->symbols, f->symbols, f->len);
	send(3, a, offsetof(struct unwind_answer, symbols) + f->len, 0);
}

static void serve(struct unwinder *u)
{
	static struct stack_frames in, out;
	struct question *q = &u->question;
	struct foreign by;
	struct local *local;
	ssize_t n;

	foreign_may_hang();
	foreign_init(&by, u->by.pid, NULL);
	local = local_new(&by);
	while (local && (n = recv(3, q, sizeof(*q), 0)) > 0) {
		struct unwind_copy from = { .bytes = q->bytes, .len = q->n };

		if (q->what == WALK) {
			memcpy(from.reg, q->reg, sizeof(from.reg));
			local_walk(local, &from, &out);
		} else {
			in = (struct stack_frames){ .n = q->n };
			memcpy(in.pc, q->pc, sizeof(in.pc));
			local_name(local, &in, &out);
		}
		answer(&out, &u->answer);
	}
	_exit(0);
}

/* --- the parent --------------------------------------------------------------------------- */

static void end_child(struct unwinder *u)
{
	if (!u->child)
		return;
	close(u->fd);
	kill(u->child, SIGKILL);
	while (waitpid(u->child, NULL, 0) < 0 && errno == EINTR)
		;
	u->child = 0;
}

static void took(struct text *t, unsigned ms)
{
	text_puts(t, "took ");
	text_duration(t, ms * UINT64_C(1000000));
}

/* Why it has given no answer, or not the right one. */
static void find_reason(struct unwinder *u, bool answered)
{
	struct text t = { .buf = u->why, .size = sizeof(u->why) };
	struct pollfd hangup = { .fd = u->fd, .events = POLLIN };
	siginfo_t ended = { .si_pid = 0 };

	u->why[0] = 0;
	text_puts(&t, "not read: the reader of its debug information ");
	/* it has closed its socket a moment before it can be waited for */
	for (unsigned i = 0; !answered && i < 100 && !ended.si_pid; i++) {
		waitid(P_PID, (id_t)u->child, &ended, WEXITED | WNOWAIT | WNOHANG);
		if (ended.si_pid || poll(&hangup, 1, 0) <= 0)
			break;
		poll(NULL, 0, 10);
	}
	if (ended.si_pid && ended.si_code != CLD_EXITED)
		text_add(&t, "crashed, %s", strsignal(ended.si_status));
	else if (ended.si_pid && ended.si_status == EXIT_UNCONFINED)
		text_puts(&t, "cannot be confined");
	else if (answered || ended.si_pid)
		text_puts(&t, "failed");
	else
		took(&t, u->patience);
}

static void start_child(struct unwinder *u)
{
	pid_t parent = getpid();
	int fd[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fd))
		return;
	u->child = fork();
	if (!u->child) {
		become_child(fd[1], parent);
		serve(u);
	}
	close(fd[1]);
	u->fd = fd[0];
	if (u->child > 0)
		return;
	close(fd[0]);
	u->child = 0;
}

/* Wait for the answer: its bytes; 0: the child has ended, or takes too long. */
static size_t wait_answer(struct unwinder *u, unsigned ms)
{
	uint64_t end = clock_ns(CLOCK_MONOTONIC) + ms * 1000000ULL, now;
	struct pollfd p = { .fd = u->fd, .events = POLLIN };
	ssize_t n = -1;

	while (n < 0 && (now = clock_ns(CLOCK_MONOTONIC)) < end) {
		if (poll(&p, 1, (int)((end - now) / 1000000) + 1) > 0)
			n = recv(u->fd, &u->answer, sizeof(u->answer), MSG_DONTWAIT);
		if (n < 0 && errno != EINTR && errno != EAGAIN)
			break;
	}
	return n > 0 ? (size_t)n : 0;
}

bool unwind_answer_valid(const struct unwind_answer *a, size_t size)
{
	uint64_t ends = 0;

	if (size < offsetof(struct unwind_answer, symbols) || a->n > STACK_FRAMES ||
	    a->len != size - offsetof(struct unwind_answer, symbols) || a->named > a->len)
		return false;
	for (uint64_t i = 0; i < a->len; i++)
		ends += !a->symbols[i];
	return a->n && ends == a->n && !a->symbols[a->len - 1];
}

void unwind_time_begin(struct unwind_time *t, unsigned ms, uint64_t now)
{
	t->left = t->most = ms * INT64_C(1000000);
	t->earned = now;
}

bool unwind_time_has(struct unwind_time *t, uint64_t now)
{
	t->left += (int64_t)((now - t->earned) / 4);
	if (t->left > t->most)
		t->left = t->most;
	t->earned = now;
	return t->left > 0;
}

void unwind_time_spend(struct unwind_time *t, uint64_t since, uint64_t now, unsigned most)
{
	const int64_t quick = UNWINDER_QUICK_MS * INT64_C(1000000);
	int64_t took = (int64_t)(now - since), longest = most * INT64_C(1000000);

	if (took > longest)
		took = longest;
	t->left -= took > quick ? took - quick : 0;
	t->earned = now;
}

static bool has_time(struct unwinder *u, uint64_t now)
{
	if (unwind_time_has(&u->time, now))
		return true;
	snprintf(u->why, sizeof(u->why), "not read: reading its files takes too long in all");
	return false;
}

static bool ask(struct unwinder *u, size_t size, struct stack_frames *out)
{
	uint64_t now = clock_ns(CLOCK_MONOTONIC);
	size_t n = 0;

	if ((!u->child && u->lost == UNWINDER_CHILDREN) || !has_time(u, now))
		return false;
	if (!u->child)
		start_child(u);
	if (!u->child)
		return false;
	if (send(u->fd, &u->question, size, MSG_NOSIGNAL) == (ssize_t)size)
		n = wait_answer(u, u->patience);
	unwind_time_spend(&u->time, now, clock_ns(CLOCK_MONOTONIC), u->patience);
	if (!n || !unwind_answer_valid(&u->answer, n)) {
		find_reason(u, n > 0);
		end_child(u);
		u->lost++;
		return false;
	}
	out->n = u->answer.n;
	out->cut = u->answer.cut;
	out->unread = u->answer.unread;
	out->files = u->answer.files;
	out->len = u->answer.len;
	out->named = u->answer.named;
	memcpy(out->pc, u->answer.pc, sizeof(out->pc));
	memcpy(out->symbols, u->answer.symbols, u->answer.len);
	return true;
}

struct unwinder *unwinder_new(pid_t pid)
{
	struct unwinder *u = calloc(1, sizeof(*u));

	if (!u)
		return NULL;
	foreign_init(&u->by, pid, NULL);
	u->patience = UNWINDER_PATIENCE_MS;
	unwind_time_begin(&u->time, UNWINDER_TOTAL_MS, clock_ns(CLOCK_MONOTONIC));
	return u;
}

void unwinder_set_patience(struct unwinder *u, unsigned ms)
{
	u->patience = ms;
}

void unwinder_free(struct unwinder *u)
{
	if (!u)
		return;
	end_child(u);
	free(u);
}

unsigned unwinder_lost(const struct unwinder *u)
{
	return u->lost;
}

void unwinder_walk(struct unwinder *u, const struct unwind_copy *from, struct stack_frames *out)
{
	struct question *q = &u->question;

	q->what = WALK;
	q->n = (uint32_t)(from->len < COPY_MAX ? from->len : COPY_MAX);
	memcpy(q->reg, from->reg, sizeof(q->reg));
	if (q->n)
		memcpy(q->bytes, from->bytes, q->n);
	if (ask(u, offsetof(struct question, bytes) + q->n, out))
		return;
	out->n = out->unread = 0;
	out->files = 0;
	out->len = out->named = 0;
	stack_add_frame(out, from->reg[UNWIND_REGS - 1], "");
	out->cut = true;
}

/* --- without the child --------------------------------------------------------------------- */

/* Where an address is, by the lines of maps; false: in no file. */
static bool put_mapped(struct foreign *by, uint64_t pc, struct text *t)
{
	struct process_mapping m, first = { .inode = 0 };
	struct foreign_lines l;
	bool found = false;

	if (foreign_lines_open(&l, by, "maps"))
		return false;
	while (!found && process_next_mapping(&l, &m)) {
		if (!m.offset || m.inode != first.inode)
			first = m;
		found = pc >= m.start && pc < m.end;
	}
	foreign_lines_close(&l);
	if (!found || !m.inode)
		return false;
	text_add(t, "+0x%" PRIx64 " [%.100s]", pc - first.start + first.offset, file_name(m.path));
	return true;
}

static void name_without(struct unwinder *u, const struct stack_frames *walked,
			 struct stack_frames *out)
{
	foreign_begin(&u->by);
	*out = (struct stack_frames){ .cut = walked->cut, .files = walked->files };
	for (unsigned i = 0; i < walked->n; i++) {
		TEXT(t, 300);

		if (put_mapped(&u->by, walked->pc[i], &t) && u->why[0]) {
			text_add(&t, " (%s)", u->why);
			out->unread++;
		}
		if (!stack_add_frame(out, walked->pc[i], t.buf))
			return;
	}
}

void unwinder_name(struct unwinder *u, const struct stack_frames *walked, struct stack_frames *out)
{
	struct question *q = &u->question;

	q->what = NAME;
	q->n = walked->n;
	memcpy(q->pc, walked->pc, sizeof(q->pc));
	if (!ask(u, offsetof(struct question, bytes), out))
		name_without(u, walked, out);
	out->cut |= walked->cut;
}
