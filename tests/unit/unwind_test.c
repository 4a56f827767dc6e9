/* SPDX-License-Identifier: MIT */
/*
 * Call stacks from copies: a child stops inside functions of this program, with its symbols and
 * stripped of them, from a file that is there or was removed.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bpf/process/foreign.h"
#include "bpf/stack/unwind.h"
#include "bpf/stack/unwind_impl.h"
#include "tests/unit/tap.h"

#define COPY 16384

#if defined(__has_feature)
#define SANITIZED __has_feature(address_sanitizer)
#else
#define SANITIZED false
#endif

/* --- what is unwound --------------------------------------------------------------------- */

#ifdef __clang__
#define FUNCTION __attribute__((noinline)) static
#else
#define FUNCTION __attribute__((noinline, noclone)) static
#endif

/* The compiler must not turn a call into a jump: something comes after it. */
FUNCTION int innermost(int n)
{
	raise(SIGSTOP);
	return n + 1;
}

__attribute__((always_inline)) static inline int between(int n)
{
	return innermost(n) * 3;
}
enum { LINE_BETWEEN = __LINE__ - 2 };

FUNCTION int middle(int n)
{
	volatile char room[3000];

	room[n] = (char)n;
	return between(n) + room[n];
}
enum { LINE_MIDDLE = __LINE__ - 2 };

FUNCTION int outermost(int n);
static int (*volatile again)(int) = outermost; /* a call, not a loop */

FUNCTION int outermost(int n)
{
	return n ? again(n - 1) + 1 : middle(n) + 1;
}

/* --- the child ----------------------------------------------------------------------------- */

struct child {
	struct unwinder *unwinder;
	pid_t pid;
	struct foreign by;
	struct unwind_copy copy;
	uint8_t bytes[COPY];
};

static const char *self;
static char dir[] = "/tmp/vqtrace-unwind-test-XXXXXX";

static void take_registers(struct child *c)
{
	struct user_regs_struct r;
	uint64_t *to = c->copy.reg;

	CHECK_EQ(ptrace(PTRACE_GETREGS, c->pid, NULL, &r), 0);
	to[0] = r.rax, to[1] = r.rdx, to[2] = r.rcx, to[3] = r.rbx;
	to[4] = r.rsi, to[5] = r.rdi, to[6] = r.rbp, to[7] = r.rsp;
	to[8] = r.r8, to[9] = r.r9, to[10] = r.r10, to[11] = r.r11;
	to[12] = r.r12, to[13] = r.r13, to[14] = r.r14, to[15] = r.r15;
	to[16] = r.rip;
}

/* Started and stopped in innermost(). */
static void child_start(struct child *c, const char *path)
{
	struct iovec range;
	ssize_t n;
	int status;

	memset(c, 0, sizeof(*c));
	c->pid = fork();
	if (!c->pid) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		execl(path, path, "child", NULL);
		_exit(1);
	}
	waitpid(c->pid, &status, 0); /* it begins */
	ptrace(PTRACE_CONT, c->pid, NULL, NULL);
	waitpid(c->pid, &status, 0);
	CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
	take_registers(c);
	foreign_init(&c->by, c->pid, NULL);
	foreign_begin(&c->by);
	for (size_t len = COPY; len && !c->copy.len; len /= 2) {
		range = (struct iovec){ .iov_base = (void *)c->copy.reg[7], .iov_len = len };
		n = foreign_memory(&c->by, &range, 1, c->bytes);
		c->copy.len = n > 0 ? (size_t)n : 0;
	}
	c->copy.bytes = c->bytes;
	c->unwinder = unwinder_new(c->pid);
}

static void child_end(struct child *c)
{
	unwinder_free(c->unwinder);
	kill(c->pid, SIGKILL);
	waitpid(c->pid, NULL, 0);
}

/* --- tests --------------------------------------------------------------------------------- */

static struct stack_frames walked, named;

static const char *symbol(unsigned n)
{
	const char *s = named.symbols;

	while (n--)
		s += strlen(s) + 1;
	return s;
}

/* The frame whose symbol begins so; -1. */
static int frame_of(const char *name)
{
	for (unsigned i = 0; i < named.n; i++)
		if (!strncmp(symbol(i), name, strlen(name)))
			return (int)i;
	return -1;
}

static void unwind(struct child *c)
{
	unwinder_walk(c->unwinder, &c->copy, &walked);
	unwinder_name(c->unwinder, &walked, &named);
}

static bool is_line(unsigned frame, int line)
{
	char place[40];

	snprintf(place, sizeof(place), " (unwind_test.c:%d)", line);
	return strstr(symbol(frame), place) != NULL;
}

/*
 * The functions of this file, and with debug information (the build with sanitizers has less of it) what
 * was inlined, and where each is.
 */
static void check_named(void)
{
	unsigned at = (unsigned)frame_of("innermost+0x");
	bool debug = frame_of("between (inlined) [") >= 0;

	CHECK(at + 6 < named.n);
	if (debug) {
		CHECK(strstr(symbol(at), "] (unwind_test.c:"));
		CHECK_EQ(frame_of("between (inlined) ["), (int)++at);
		CHECK(is_line(at, LINE_BETWEEN));
		CHECK_EQ(named.pc[at], named.pc[at + 1]);
		CHECK(is_line(at + 1, LINE_MIDDLE));
	}
	CHECK_EQ(frame_of("middle+0x"), (int)++at);
	for (unsigned i = 1; i <= 4; i++)
		CHECK(!strncmp(symbol(at + i), "outermost+0x", 12));
	CHECK(debug || SANITIZED);
}

static void with_symbols(void)
{
	struct child c;
	int at;

	child_start(&c, self);
	unwind(&c);
	check_named();
	at = frame_of("main+0x");
	CHECK_EQ(frame_of("_start+0x"), (int)named.n - 1);
	CHECK_EQ(at, frame_of("middle+0x") + 5);
	CHECK(!named.cut);
	child_end(&c);
}

static bool run(const char *command)
{
	return system(command) == 0;
}

static void stripped_program(bool removed)
{
	char command[300], path[100];
	struct stack_frames whole;
	struct child c;
	int at;

	child_start(&c, self);
	unwind(&c);
	at = frame_of("innermost+0x");
	whole = walked; /* without what was inlined */
	child_end(&c);

	snprintf(path, sizeof(path), "%s/stripped", dir);
	snprintf(command, sizeof(command), "strip -o %s %s", path, self);
	CHECK(run(command));
	child_start(&c, path);
	if (removed)
		unlink(path);
	unwind(&c);
	CHECK_EQ(named.n, whole.n);
	CHECK(!named.cut);
	for (int i = at; i < at + 6; i++) {
		CHECK(!strncmp(symbol((unsigned)i), "fn_", 3));
		CHECK((named.pc[i] ^ whole.pc[i]) % 4096 == 0);
	}
	/* the same function each time, whose bounds are those of the symbol */
	CHECK_EQ(strcspn(symbol((unsigned)at + 2), "+"), strcspn(symbol((unsigned)at + 4), "+"));
	CHECK(!memcmp(symbol((unsigned)at + 2), symbol((unsigned)at + 4),
		      strcspn(symbol((unsigned)at + 2), "+")));
	child_end(&c);
	unlink(path);
}

/* Has a function of the stripped program no name? */
static bool is_unnamed(void)
{
	for (unsigned i = 0; i < named.n; i++)
		if (!strncmp(symbol(i), "fn_", 3) && strstr(symbol(i), " [stripped]"))
			return true;
	return false;
}

struct files {
	char stripped[100], debug[100];
};

/* A copy of this program without symbols, which says that they are in another file. */
static void split(struct files *f)
{
	char command[900];

	snprintf(f->stripped, sizeof(f->stripped), "%s/stripped", dir);
	snprintf(f->debug, sizeof(f->debug), "%s/stripped.debug", dir);
	snprintf(
		command, sizeof(command),
		"objcopy --only-keep-debug %s %s && strip -o %s %s && objcopy --add-gnu-debuglink=%s %s",
		self, f->debug, f->stripped, self, f->debug, f->stripped);
	CHECK(run(command));
}

static void split_end(const struct files *f)
{
	unlink(f->stripped);
	unlink(f->debug);
}

/* Its symbols and its debug information are in another file. */
static void debug_file(void)
{
	char command[300];
	struct files f;
	struct child c;

	split(&f);
	child_start(&c, f.stripped);
	unwind(&c);
	check_named();
	child_end(&c);
	/* that of another program is not taken for it */
	snprintf(command, sizeof(command), "cp /bin/sh %s", f.debug);
	CHECK(run(command));
	child_start(&c, f.stripped);
	unwind(&c);
	CHECK_EQ(frame_of("innermost+0x"), -1);
	CHECK(is_unnamed());
	child_end(&c);
	split_end(&f);
}

static void stripped(void)
{
	stripped_program(false);
}

static void removed(void)
{
	stripped_program(true);
}

/* Less of the stack than it has: as far as that goes, and it says so. */
static void cut(void)
{
	struct stack_frames whole;
	struct child c;

	child_start(&c, self);
	unwind(&c);
	whole = walked;
	for (size_t len = c.copy.len; len; len = len > 512 ? len - 512 : 0) {
		c.copy.len = len - 512 < len ? len - 512 : 0;
		unwind(&c);
		CHECK(walked.n >= 1 && walked.n <= whole.n);
		CHECK_EQ(walked.cut, walked.n < whole.n);
		CHECK(!memcmp(walked.pc, whole.pc, 8 * walked.n));
	}
	CHECK(walked.n < 3); /* and nothing but registers */
	child_end(&c);
}

/* Whatever the copy is: an end, and the first address. */
static void damaged(void)
{
	struct child c;
	uint32_t r = 1;

	child_start(&c, self);
	for (unsigned i = 0; i < 1000; i++) {
		struct child d = c;

		d.copy.bytes = d.bytes;
		for (unsigned k = 0; k < 1 + i % 40; k++) {
			r = r * 1664525 + 1013904223;
			d.bytes[(r >> 8) % d.copy.len] = (uint8_t)(r >> 3);
			if (k % 7 == 6)
				d.copy.reg[(r >> 9) % UNWIND_REGS] ^= 1ULL << (r >> 26);
		}
		unwinder_walk(c.unwinder, &d.copy, &walked);
		CHECK(walked.n >= 1 && walked.n <= STACK_FRAMES);
		CHECK_EQ(walked.pc[0], d.copy.reg[UNWIND_REGS - 1]);
		unwinder_name(c.unwinder, &walked, &named);
		CHECK(named.n <= STACK_FRAMES && named.len <= STACK_TEXT);
	}
	CHECK_EQ(unwinder_lost(c.unwinder), 0);
	child_end(&c);
}

/* A debug file that would never be read to its end. */
static void no_file(void)
{
	struct files f;
	struct child c;

	split(&f);
	unlink(f.debug);
	CHECK_EQ(mkfifo(f.debug, 0600), 0);
	child_start(&c, f.stripped);
	unwind(&c);
	CHECK(is_unnamed());
	CHECK_EQ(unwinder_lost(c.unwinder), 0);
	child_end(&c);
	split_end(&f);
}

/* Who does the work: the child of ours that is not the one that is unwound. */
static pid_t worker(pid_t but)
{
	pid_t pid, found = 0;
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
	f = fopen(path, "r");
	while (f && fscanf(f, "%d", &pid) == 1)
		if (pid != but)
			found = pid;
	if (f)
		fclose(f);
	return found;
}

/* It crashes: another one is started, three in all; then there is one address, and the end. */
static void lost(void)
{
	struct child c;

	child_start(&c, self);
	for (unsigned n = 1; n <= 3; n++) {
		unwinder_walk(c.unwinder, &c.copy, &walked);
		CHECK(walked.n > 5);
		CHECK(worker(c.pid) > 0 && !kill(worker(c.pid), SIGKILL));
		unwinder_walk(c.unwinder, &c.copy, &walked);
		CHECK_EQ(walked.n, 1);
		CHECK(walked.cut && walked.pc[0] == c.copy.reg[UNWIND_REGS - 1]);
		CHECK_EQ(unwinder_lost(c.unwinder), n);
	}
	unwinder_walk(c.unwinder, &c.copy, &walked);
	CHECK_EQ(walked.n, 1);
	unwinder_name(c.unwinder, &walked, &named);
	CHECK_EQ(named.n, 1);
	CHECK(!strncmp(symbol(0), "+0x", 3) &&
	      strstr(symbol(0),
		     "] (not read: the reader of its debug information crashed, Killed)"));
	CHECK_EQ(worker(c.pid), 0);
	child_end(&c);
}

/* It hangs: it is ended, and another one goes on; what it was to name is a place in a file. */
static void hung(void)
{
	struct child c;
	pid_t pid;

	child_start(&c, self);
	unwinder_walk(c.unwinder, &c.copy, &walked);
	CHECK(walked.n > 5);
	pid = worker(c.pid);
	CHECK(pid > 0 && !kill(pid, SIGSTOP));
	unwinder_set_patience(c.unwinder, 20);
	unwinder_name(c.unwinder, &walked, &named);
	CHECK_EQ(named.n, walked.n);
	CHECK_EQ(named.unread, walked.n);
	CHECK(!strncmp(symbol(0), "+0x", 3) &&
	      strstr(symbol(0), "] (not read: the reader of its debug information took 20.0 ms)"));
	CHECK(kill(pid, 0) && errno == ESRCH);
	CHECK_EQ(unwinder_lost(c.unwinder), 1);
	unwinder_set_patience(c.unwinder, UNWINDER_PATIENCE_MS);
	unwind(&c);
	check_named();
	CHECK_EQ(named.unread, 0);
	child_end(&c);
}

static void nobody(void)
{
	struct child c = { .unwinder = unwinder_new(0x3fffffff) };

	c.copy.reg[UNWIND_REGS - 1] = 0x1234;
	unwind(&c);
	CHECK_EQ(named.n, 1);
	CHECK_EQ(named.pc[0], 0x1234);
	CHECK(named.cut && !*symbol(0));
	unwinder_free(c.unwinder);
}

/* What a process makes us wait in all: it may borrow, and then has to wait itself. */
static void in_all(void)
{
	const uint64_t ms = 1000000, s = 1000 * ms;
	uint64_t now = 5 * s, waited = 0, end = now + 1000 * s;
	struct unwind_time t;

	unwind_time_begin(&t, 20000, now);
	/* quick answers are not counted, however many */
	for (unsigned i = 0; i < 100000; i++, now += 4 * ms)
		unwind_time_spend(&t, now, now + 4 * ms, 10000);
	CHECK(unwind_time_has(&t, now));
	CHECK_EQ((uint64_t)t.left, 20 * s);
	/* as slow as it may be, asked whenever there is time */
	for (end = now + 1000 * s; now < end; now += ms) {
		if (!unwind_time_has(&t, now))
			continue;
		unwind_time_spend(&t, now, now + 10 * s, 10000);
		now += 10 * s;
		waited += 10 * s;
	}
	CHECK(waited > 200 * s && waited <= 20 * s + 1000 * s / 5 + 10 * s);
	/* we were stopped for an hour: it is not to pay for that */
	unwind_time_begin(&t, 20000, now);
	unwind_time_spend(&t, now, now + 3600 * s, 10000);
	CHECK(unwind_time_has(&t, now + 3600 * s));
}

static const struct tap_test tests[] = {
	{ "a program with symbols", with_symbols },
	{ "a stripped one", stripped },
	{ "one whose debug information is in another file", debug_file },
	{ "one whose file was removed", removed },
	{ "a copy that is too short", cut },
	{ "damaged copies", damaged },
	{ "a debug file that is none", no_file },
	{ "a worker that is lost", lost },
	{ "a worker that hangs", hung },
	{ "waiting has a limit in all", in_all },
	{ "a process that has ended", nobody },
};

int main(int argc, char **argv)
{
	int rc;

	if (argc == 2 && !strcmp(argv[1], "child"))
		return outermost(3) < 0;
	self = argv[0];
	if (!mkdtemp(dir))
		return 1;
	rc = tap_main(tests, sizeof(tests) / sizeof(tests[0]));
	rmdir(dir);
	return rc;
}
