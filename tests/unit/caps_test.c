/* SPDX-License-Identifier: MIT */
/* What is said of capabilities, and giving them up, in children. */
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bpf/process/caps.h"
#include "tests/unit/tap.h"

#define SOME (CAPS_PROBES | CAPS(SYS_PTRACE))

static void names(void)
{
	TEXT(t, 200);

	caps_put(&t, 0);
	CHECK_STR(t.buf, "");
	caps_put(&t, SOME | CAPS(CHOWN)); /* of which recording knows nothing */
	CHECK_STR(t.buf, "CAP_BPF, CAP_PERFMON, CAP_SYS_PTRACE");
	t.len = 0;
	caps_put_remedy(&t, CAPS_PROBES);
	CHECK(strstr(t.buf, "or: setcap cap_bpf,cap_perfmon+ep /"));
	CHECK(strstr(t.buf, "caps_test"));
}

/* Of those that were there, these and not another; CAP_SYS_ADMIN may stand for some. */
static bool keeps(uint64_t had, uint64_t keep)
{
	uint64_t have = caps_held();

	return (have & keep) == (had & keep) && !(have & CAPS(CHOWN)) &&
	       (have & CAPS(SYS_ADMIN) || !(have & ~keep));
}

static bool explains(void)
{
	TEXT(t, 500);

	caps_explain(&t, CAPS_PROBES | CAPS(SYS_NICE), SOME);
	return strstr(t.buf, "CAP_SYS_NICE (to look in time on a busy host); run as root") &&
	       !strstr(t.buf, "CAP_BPF (") == !!(caps_held() & CAPS(BPF));
}

/* The status of a child that keeps these: 0 if all is as it should be. */
static int child(uint64_t keep)
{
	uint64_t had = caps_held();
	int status;
	pid_t pid = fork();

	if (!pid) {
		bool right = !caps_keep(keep) && keeps(had, keep) && explains() &&
			     prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1;

		if (had & CAPS(SETPCAP))
			right &= !prctl(PR_CAPBSET_READ, CAP_CHOWN, 0, 0, 0);
		/* nor are they to be had back */
		_exit(!(right && !caps_keep(~UINT64_C(0)) && keeps(had, keep)));
	}
	return waitpid(pid, &status, 0) == pid ? status : -1;
}

static void keeping(void)
{
	CHECK_EQ(child(0), 0);
	CHECK_EQ(child(SOME), 0);
	CHECK_EQ(child(CAPS(BPF)), 0);
}

/* CAP_SYS_ADMIN is kept where it is all there is. */
static void admin(void)
{
	uint64_t had = caps_held();
	int status;
	pid_t pid;

	if (!(had & CAPS(SYS_ADMIN))) {
		printf("# without CAP_SYS_ADMIN\n");
		return;
	}
	pid = fork();
	if (!pid)
		_exit(caps_keep(CAPS(SYS_ADMIN)) || caps_keep(CAPS_PROBES) ||
		      (caps_held() & CAPS_PROBES) != CAPS_PROBES);
	CHECK(waitpid(pid, &status, 0) == pid && !status);
}

static const struct tap_test tests[] = {
	{ "what is said", names },
	{ "what is kept", keeping },
	{ "CAP_SYS_ADMIN alone", admin },
};

TAP_MAIN(tests)
