/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/confine.h"
#include "emu/server/confine.h"

void cli_confine(bool proxy, bool unconfined, bool verbose)
{
	struct confine_result res;

	if (unconfined) {
		cli_warn("running unconfined: a client that finds a bug here has all your rights");
		return;
	}
	if (confine(proxy, &res))
		cli_warn("%s is not in force (%s); it runs less confined", res.failed,
			 strerror(-res.error));
	if (verbose)
		cli_say("confined: no_new_privs %s, seccomp %s, landlock %s (ABI %d)",
			res.no_new_privs ? "yes" : "no", res.seccomp ? "yes" : "no",
			res.landlock ? "yes" : "no", res.landlock_abi);
}
