/* SPDX-License-Identifier: MIT */
/* Programs that are started: at once, or held until somebody lets them go. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "decoder/util/child.h"
#include "tests/unit/tap.h"

static int status_of(const char *script)
{
	char *argv[] = { "sh", "-c", (char *)script, NULL };
	pid_t pid = child_run("/bin/sh", argv);
	int status = -1;

	CHECK(pid > 0);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 256 + WTERMSIG(status);
}

static void runs(void)
{
	char *none[] = { "/nonexistent/program", NULL };

	CHECK_EQ(status_of("exit 3"), 3);
	CHECK_EQ(child_run(none[0], none), -ENOENT);
	CHECK_EQ(waitpid(-1, NULL, WNOHANG), -1); /* no child was left */
	CHECK_EQ(errno, ECHILD);
}

/* What this process ignores or blocks is no business of the program. */
static void signals(void)
{
	sigset_t term, before;

	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	sigprocmask(SIG_BLOCK, &term, &before);
	signal(SIGPIPE, SIG_IGN);
	CHECK_EQ(status_of("kill -PIPE $$; exit 1"), 256 + SIGPIPE);
	CHECK_EQ(status_of("kill -TERM $$; exit 1"), 256 + SIGTERM);
	signal(SIGPIPE, SIG_DFL);
	sigprocmask(SIG_SETMASK, &before, NULL);
}

static void held(void)
{
	char path[] = "/tmp/vqtrace-child-XXXXXX", script[64];
	char *argv[] = { "/bin/sh", "-c", script, NULL };
	struct child_held h;
	int fd = mkstemp(path), status;

	CHECK(fd >= 0);
	snprintf(script, sizeof(script), "rm %s", path);
	CHECK_EQ(child_hold(&h, argv), 0);
	CHECK_EQ(waitpid(h.pid, &status, WNOHANG), 0);
	CHECK_EQ(access(path, F_OK), 0); /* it has not begun */
	CHECK_EQ(child_go(&h), 0);
	CHECK_EQ(child_outcome(&h), 0);
	child_forget(&h);
	CHECK_EQ(waitpid(h.pid, &status, 0), h.pid);
	CHECK_EQ(access(path, F_OK), -1);
	close(fd);
}

/* Nobody lets it go: it ends without having begun. */
static void forgotten(void)
{
	char *argv[] = { "/bin/true", NULL };
	struct child_held h;
	int status = 0;

	CHECK_EQ(child_hold(&h, argv), 0);
	child_forget(&h);
	CHECK_EQ(waitpid(h.pid, &status, 0), h.pid);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 127);
	argv[0] = "/nonexistent/program";
	CHECK_EQ(child_hold(&h, argv), 0);
	CHECK_EQ(child_go(&h), 0);
	CHECK_EQ(child_outcome(&h), -ENOENT);
	child_forget(&h);
	CHECK_EQ(waitpid(h.pid, NULL, 0), h.pid);
}

static const struct tap_test tests[] = {
	{ "a program is run, or why it could not be", runs },
	{ "with signals as they are by default", signals },
	{ "one that is held", held },
	{ "one that is forgotten", forgotten },
};
TAP_MAIN(tests)
