/* SPDX-License-Identifier: MIT */
/* By system calls alone: capset(2) and prctl(2) are all there is to it. */
#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bpf/process/caps.h"

#define ROW(cap, what) \
	{ \
		CAP_##cap, "CAP_" #cap, what \
	}
const struct caps_row caps_rows[] = {
	ROW(BPF, "to load BPF programs"),
	ROW(PERFMON, "to attach them"),
	ROW(SYS_PTRACE, "to look into processes of other users"),
	ROW(DAC_READ_SEARCH, "to read files that only others may read, and tracefs"),
	ROW(CHECKPOINT_RESTORE, "to read files that were deleted while they run"),
	ROW(SYS_NICE, "to look in time on a busy host"),
	ROW(SYSLOG, "to know where the kernel's functions are"),
	ROW(SYS_ADMIN, "to mount tracefs"),
	ROW(DAC_OVERRIDE, "to write where only others may"),
	{ 0 },
};

/* What CAP_SYS_ADMIN brings (include/linux/capability.h of Linux: bpf_capable() and the like). */
#define OF_ADMIN (CAPS(BPF) | CAPS(PERFMON) | CAPS(CHECKPOINT_RESTORE) | CAPS(SYSLOG))

static int get(struct __user_cap_data_struct d[2])
{
	struct __user_cap_header_struct h = { .version = _LINUX_CAPABILITY_VERSION_3 };

	return syscall(SYS_capget, &h, d) ? -errno : 0;
}

static int set(uint64_t caps)
{
	struct __user_cap_header_struct h = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct d[2];

	for (unsigned i = 0; i < 2; i++, caps >>= 32)
		d[i] = (struct __user_cap_data_struct){ .effective = (uint32_t)caps,
							.permitted = (uint32_t)caps };
	return syscall(SYS_capset, &h, d) ? -errno : 0;
}

static uint64_t effective(void)
{
	struct __user_cap_data_struct d[2] = { 0 };

	return get(d) ? 0 : (uint64_t)d[1].effective << 32 | d[0].effective;
}

uint64_t caps_held(void)
{
	uint64_t caps = effective();

	return caps & CAPS(SYS_ADMIN) ? caps | OF_ADMIN : caps;
}

/* --- in words --------------------------------------------------------------------------------- */

void caps_put(struct text *t, uint64_t caps)
{
	const char *separator = "";

	for (const struct caps_row *r = caps_rows; r->name; r++)
		if (caps >> r->bit & 1) {
			text_add(t, "%s%s", separator, r->name);
			separator = ", ";
		}
}

/* "cap_bpf,cap_perfmon" */
static void put_names(struct text *t, uint64_t caps)
{
	const char *separator = "";

	for (const struct caps_row *r = caps_rows; r->name; r++) {
		if (!(caps >> r->bit & 1))
			continue;
		text_puts(t, separator);
		for (const char *c = r->name; *c; c++)
			text_add(t, "%c", tolower(*c));
		separator = ",";
	}
}

void caps_put_remedy(struct text *t, uint64_t give)
{
	char path[256];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path));

	text_puts(t, "run as root, or: setcap ");
	put_names(t, give);
	text_puts(t, "+ep ");
	if (n > 0 && n < (ssize_t)sizeof(path))
		text_untrusted(t, path, (size_t)n);
	else
		text_puts(t, "vqtrace");
}

void caps_explain(struct text *t, uint64_t need, uint64_t give)
{
	uint64_t missing = need & ~caps_held();
	const char *separator = "not permitted without ";

	if (!missing) {
		text_puts(t,
			  "not permitted, though no capability is missing: a container, seccomp or "
			  "a security module may forbid it");
		return;
	}
	for (const struct caps_row *r = caps_rows; r->name; r++)
		if (missing >> r->bit & 1) {
			text_add(t, "%s%s (%s)", separator, r->name, r->what);
			separator = " and ";
		}
	text_puts(t, "; ");
	caps_put_remedy(t, give);
}

/* --- giving up -------------------------------------------------------------------------------- */

/* 0, also where this is not permitted: then no_new_privs is what keeps it from getting more. */
static int bound(uint64_t keep)
{
	for (unsigned long cap = 0; cap < 64; cap++) {
		int has = prctl(PR_CAPBSET_READ, cap, 0, 0, 0);

		if (has < 0)
			break; /* the kernel has no more of them */
		if (has && !(keep >> cap & 1) && prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) &&
		    errno != EPERM)
			return -errno;
	}
	return 0;
}

int caps_keep(uint64_t keep)
{
	uint64_t have = effective();
	int err, ret;

	if (have & CAPS(SYS_ADMIN) && keep & OF_ADMIN & ~have)
		keep |= CAPS(SYS_ADMIN);
	err = bound(keep);
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) && !err)
		err = -errno;
	ret = set(have & keep);
	if (ret && !err)
		err = ret;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) && !err)
		err = -errno;
	return err;
}
