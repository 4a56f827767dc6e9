/* SPDX-License-Identifier: MIT */
/*
 * What somebody who took over a confined process would try, from inside.  Preloaded into it,
 * this takes the place of epoll_pwait(2), which is first called when the process is confined, tries
 * it all in that same thread, and writes to descriptor ATTACK_FD: "THROUGH what", then "stopped N".
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <linux/keyctl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

static struct io_uring *ring; /* of the disk; NULL: there is none */
static unsigned stopped;
static int out;

/* Any other error is one that only whoever may do it gets. */
static void judge(const char *what, long ret)
{
	if (ret < 0 && (errno == EPERM || errno == EACCES))
		stopped++;
	else
		dprintf(out, "THROUGH %s (%ld, %s)\n", what, ret,
			ret < 0 ? strerror(errno) : "done");
}

/* What may be tried, and must not work. */
static void judge_result(const char *what, long ret)
{
	if (ret < 0)
		stopped++;
	else
		dprintf(out, "THROUGH %s (%ld)\n", what, ret);
}

/* So that the ring's owner is attacked through it: remember where it is. */
int io_uring_queue_init(unsigned entries, struct io_uring *r, unsigned flags)
{
	int (*next)(unsigned, struct io_uring *, unsigned) =
		(int (*)(unsigned, struct io_uring *, unsigned))dlsym(RTLD_NEXT,
								      "io_uring_queue_init");
	int ret = next(entries, r, flags);

	if (!ret)
		ring = r;
	return ret;
}

static void try_paths(const char *victim, const char *socket_path)
{
	const char *made = getenv("ATTACK_MADE");
	judge("open a path to read", open("/etc/passwd", O_RDONLY));
	judge("open the victim to write", open(victim, O_WRONLY));
	judge("openat2", syscall(SYS_openat2, AT_FDCWD, victim, "", 0));
	judge("O_PATH", open("/", O_PATH));
	judge("make a file", open(made, O_CREAT | O_WRONLY, 0600));
	judge("unlink the victim", unlink(victim));
	judge("unlinkat the victim", unlinkat(AT_FDCWD, victim, 0));
	judge("unlink its own socket", unlink(socket_path));
	judge("rename", rename(victim, made));
	judge("link", link(victim, made));
	judge("symlink", symlink(victim, made));
	judge("truncate", truncate(victim, 0));
	judge("chmod", chmod(victim, 0777));
	judge("mkdir", mkdir(made, 0700));
	judge("mount", syscall(SYS_fsopen, "tmpfs", 0));
	judge("chroot", chroot("/"));
	judge("open_by_handle_at", syscall(SYS_open_by_handle_at, AT_FDCWD, "", O_RDONLY));
}

static void try_sockets(const struct sockaddr_un *other)
{
	static const int family[] = { AF_UNIX, AF_INET, AF_INET6, AF_NETLINK, AF_PACKET, AF_ALG };
	int pair[2];

	for (unsigned i = 0; i < sizeof(family) / sizeof(family[0]); i++)
		judge("socket", socket(family[i], SOCK_DGRAM, 0));
	judge("socketpair of datagrams", socketpair(AF_UNIX, SOCK_DGRAM, 0, pair));
	/* a proxy may have a pair of streams, which leads nowhere else */
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0) {
		struct iovec v = { "x", 1 };
		struct msghdr m = { .msg_name = (void *)other,
				    .msg_namelen = sizeof(*other),
				    .msg_iov = &v,
				    .msg_iovlen = 1 };

		judge("connect", connect(pair[0], (const struct sockaddr *)other, sizeof(*other)));
		judge("bind", bind(pair[0], (const struct sockaddr *)other, sizeof(*other)));
		judge("sendto another", sendto(pair[0], "x", 1, MSG_DONTWAIT,
					       (const struct sockaddr *)other, sizeof(*other)));
		judge_result("sendmsg to another", sendmsg(pair[0], &m, MSG_DONTWAIT));
	}
	judge("socketpair of IPv4", socketpair(AF_INET, SOCK_STREAM, 0, pair));
}

static void try_processes(void)
{
	char *const argv[] = { "none", NULL };
	pid_t victim = atoi(getenv("ATTACK_PID"));
	long pid = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);

	if (pid == 0)
		_exit(0);
	judge("fork", pid);
	judge("clone3", syscall(SYS_clone3, NULL, 0));
	judge("execve", execve("/none", argv, NULL));
	judge("execveat", syscall(SYS_execveat, AT_FDCWD, "/none", argv, NULL, 0));
	judge("ptrace", ptrace(PTRACE_ATTACH, victim, 0, 0));
	judge("kill", kill(victim, 0));
	judge("tgkill", syscall(SYS_tgkill, victim, victim, 0));
	judge("pidfd_open", syscall(SYS_pidfd_open, victim, 0));
	judge("process_vm_readv", syscall(SYS_process_vm_readv, victim, NULL, 0, NULL, 0, 0));
	judge("prctl", prctl(PR_SET_DUMPABLE, 1, 0, 0, 0));
	judge("setns", syscall(SYS_setns, 0, 0));
	judge("unshare", syscall(SYS_unshare, 0));
	judge("setuid", syscall(SYS_setuid, 0));
}

static void try_kernel(void)
{
	struct io_uring_params p = { 0 };

	judge("keyctl", syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 1));
	judge("add_key", syscall(SYS_add_key, "user", "x", "y", 1, KEY_SPEC_PROCESS_KEYRING));
	judge("bpf", syscall(SYS_bpf, 0, NULL, 0));
	judge("perf_event_open", syscall(SYS_perf_event_open, NULL, 0, -1, -1, 0));
	judge("userfaultfd", syscall(SYS_userfaultfd, 0));
	judge("a ring of its own", syscall(SYS_io_uring_setup, 4, &p));
	judge("shmget", syscall(SYS_shmget, 0, 4096, 0600 | 01000));
	judge("inotify", syscall(SYS_inotify_init1, 0));
	judge("memory to execute",
	      (long)mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	judge("mprotect to execute",
	      mprotect((void *)((uintptr_t)&stopped & ~4095ul), 4096, PROT_READ | PROT_EXEC));
	judge("a terminal's input", ioctl(0, 0x5412 /* TIOCSTI */, "x"));
	judge("fcntl F_SETOWN", fcntl(0, F_SETOWN, getpid()));
}

/* --- through the ring ------------------------------------------------------------------ */

static long submit(struct io_uring_sqe *s)
{
	struct io_uring_cqe *c;
	long ret;

	if (io_uring_submit(ring) < 0 || io_uring_wait_cqe(ring, &c))
		return -1;
	ret = c->res;
	io_uring_cqe_seen(ring, c);
	return ret;
}

static void try_ring(const char *victim, const struct sockaddr_un *other)
{
	char byte[1];
	struct io_uring_sqe *s;

	if (!ring)
		return;
	s = io_uring_get_sqe(ring);
	io_uring_prep_socket(s, AF_UNIX, SOCK_STREAM, 0, 0);
	judge_result("io_uring socket", submit(s));
	s = io_uring_get_sqe(ring);
	io_uring_prep_connect(s, 0, (const struct sockaddr *)other, sizeof(*other));
	judge_result("io_uring connect", submit(s));
	s = io_uring_get_sqe(ring);
	io_uring_prep_openat(s, AT_FDCWD, victim, O_RDWR, 0);
	judge_result("io_uring openat", submit(s));
	s = io_uring_get_sqe(ring);
	io_uring_prep_unlink(s, victim, 0);
	judge_result("io_uring unlink", submit(s));
	s = io_uring_get_sqe(ring);
	io_uring_prep_read(s, out, byte, 1, 0); /* a file that is not the ring's */
	judge_result("io_uring read of another file", submit(s));
	s = io_uring_get_sqe(ring);
	io_uring_prep_read(s, 2, byte, 1, 0);
	s->flags = IOSQE_FIXED_FILE;
	judge_result("io_uring read of a third file", submit(s));
	/* every operation that there is, with the disk as its file and without one */
	for (unsigned op = 0; op < 80; op++)
		for (unsigned fixed = 0; fixed < 2; fixed++) {
			bool own = op == IORING_OP_READ || op == IORING_OP_READV ||
				   op == IORING_OP_WRITEV || op == IORING_OP_FSYNC ||
				   op == IORING_OP_FALLOCATE;
			char what[40];

			if (own && fixed)
				continue;
			s = io_uring_get_sqe(ring);
			memset(s, 0, sizeof(*s));
			s->opcode = op;
			s->flags = fixed ? IOSQE_FIXED_FILE : 0;
			s->fd = fixed ? 0 : out;
			snprintf(what, sizeof(what), "io_uring operation %u", op);
			judge_result(what, submit(s));
		}
	judge("io_uring_register",
	      syscall(SYS_io_uring_register, ring->ring_fd, IORING_REGISTER_FILES, &out, 1));
}

static void attack(void)
{
	const char *victim = getenv("ATTACK_VICTIM"), *own = getenv("ATTACK_SOCKET");
	struct sockaddr_un other = { .sun_family = AF_UNIX };

	strncpy(other.sun_path, getenv("ATTACK_OTHER"), sizeof(other.sun_path) - 1);
	if (getenv("ATTACK_TAME")) { /* unconfined: to see that it reports what it should */
		judge("open", open(victim, O_RDONLY));
		judge("socket", socket(AF_UNIX, SOCK_DGRAM, 0));
		judge("kill", kill(atoi(getenv("ATTACK_PID")), 0));
		dprintf(out, "stopped %u\n", stopped);
		return;
	}
	try_paths(victim, own);
	try_sockets(&other);
	try_processes();
	try_kernel();
	try_ring(victim, &other);
	dprintf(out, "stopped %u, ring %s\n", stopped, ring ? "yes" : "no");
}

/* A socket of another program, which a datagram from inside would reach. */
__attribute__((constructor)) static void begin(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	if (!getenv("ATTACK_OTHER"))
		return;
	strncpy(a.sun_path, getenv("ATTACK_OTHER"), sizeof(a.sun_path) - 1);
	bind(socket(AF_UNIX, SOCK_DGRAM, 0), (const struct sockaddr *)&a, sizeof(a));
}

int epoll_pwait(int ep, struct epoll_event *e, int n, int ms, const sigset_t *mask)
{
	static bool done;
	const char *fd = getenv("ATTACK_FD");

	if (!done && fd) {
		done = true;
		out = atoi(fd);
		attack();
	}
	return (int)syscall(SYS_epoll_pwait, ep, e, n, ms, mask, 8);
}
