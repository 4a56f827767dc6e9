/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "bpf/process/caps.h"
#include "cli/cli.h"
#include "cli/confine.h"
#include "emu/server/confine.h"

void cli_keep_capabilities(uint64_t keep, bool verbose)
{
	int err = caps_keep(keep);
	TEXT(kept, 256);

	if (err)
		cli_warn("capabilities could not be given up (%s); it runs with all of them",
			 strerror(-err));
	caps_put(&kept, caps_held() & keep);
	if (verbose)
		cli_say("capabilities: %s", kept.len ? kept.buf : "none");
}

void cli_confine(bool proxy, bool unconfined, bool verbose)
{
	struct confine_result res;

	if (unconfined) {
		cli_warn("running unconfined: a client that finds a bug here has all your rights");
		return;
	}
	cli_keep_capabilities(0, verbose);
	if (confine(proxy, &res))
		cli_warn("%s is not in force (%s); it runs less confined", res.failed,
			 strerror(-res.error));
	if (verbose)
		cli_say("confined: no_new_privs %s, seccomp %s, landlock %s (ABI %d)",
			res.no_new_privs ? "yes" : "no", res.seccomp ? "yes" : "no",
			res.landlock ? "yes" : "no", res.landlock_abi);
}
