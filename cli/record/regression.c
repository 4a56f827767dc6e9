/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/record/regression.h"
#include "decoder/check/rule.h"
#include "decoder/edit/regression.h"

static void print_result(const struct regression *made, const struct regression_result *result,
			 const char *path, bool quiet)
{
	const struct shrink_stats *s = &result->shrunk;
	const struct rule *rule;

	if (!quiet)
		cli_say("%s: %" PRIu64 " of %" PRIu64 " events, %" PRIu64 " of %" PRIu64
			" requests; data, serial numbers, names and paths replaced",
			path, result->events, s->events, s->requests_kept, s->requests);
	if (!result->cut)
		return;
	cli_warn("%s: cut off at 1 MiB, because no queue was ever idle, which shortening needs; "
		 "record less, closer to the problem",
		 path);
	for (unsigned i = 0; (rule = regression_lost(made, i)); i++)
		cli_warn("%s: the events that break %s come after the cut", path, rule->id);
}

/* The line for traces/LIST, on standard output. */
static void print_line(const struct regression *made, const char *name)
{
	const char *slash = strrchr(name, '/');
	const struct rule *rule;
	unsigned n = 0;

	printf("%s.pcap ", slash ? slash + 1 : name);
	for (; (rule = regression_broken(made, n)); n++)
		printf("%s%s", n ? "," : "", rule->id);
	printf("%s ?\n", n ? "" : "-");
}

/* Make NAME.pcap of the trace at `in`.  CLI_OK or CLI_TROUBLE. */
static int make_test(const struct record_regression *r, const char *in, bool quiet)
{
	struct regression_result result = { .events = 0 };
	struct regression *made = NULL;
	char path[4096];
	int rc;

	if (snprintf(path, sizeof(path), "%s.pcap", r->name) >= (int)sizeof(path))
		return cli_usage("--regression %s: too long a name", r->name);
	if (!access(path, F_OK))
		return cli_error("%s is there already; remove it, or give another name", path);
	rc = regression_make(&made, in, path, r->origin, &result);
	if (result.torn && rc != -EDOM)
		cli_warn("%s", result.error.text);
	if (!rc) {
		print_result(made, &result, path, quiet);
		if (!quiet)
			cli_say("the line for traces/LIST; then 'make regression' writes what is "
				"expected of it:");
		print_line(made, r->name);
	} else {
		if (rc == -EDOM)
			cli_error("%s", result.error.text);
		else if (rc == -ERANGE)
			cli_error("%s: a shortened trace would not show what the whole one shows; "
				  "please report this",
				  path);
		else
			cli_error("%s: %s", path, strerror(-rc));
		unlink(path);
	}
	regression_free(made);
	return rc ? CLI_TROUBLE : CLI_OK;
}

int record_regression_begin(struct record_regression *r, const char **path)
{
	const char *dir = getenv("TMPDIR");
	int fd;

	if (!r->name)
		return r->read || r->origin ? cli_usage("-r and --origin go with --regression NAME")
					    : CLI_OK;
	if (r->read || *path)
		return CLI_OK;
	if (asprintf(&r->whole, "%s/vqtrace-XXXXXX", dir && *dir ? dir : "/tmp") < 0) {
		r->whole = NULL;
		return CLI_TROUBLE;
	}
	fd = mkostemp(r->whole, O_CLOEXEC);
	if (fd < 0) {
		cli_error("%s: %s; set TMPDIR", r->whole, strerror(errno));
		free(r->whole);
		r->whole = NULL;
		return CLI_TROUBLE;
	}
	close(fd);
	*path = r->whole;
	return CLI_OK;
}

int record_regression_end(struct record_regression *r, const char *path, int code, bool quiet)
{
	if (r->name && code != CLI_TROUBLE) {
		int made = make_test(r, r->read ? r->read : path, quiet);

		code = made == CLI_OK ? code : made;
	}
	if (r->whole)
		unlink(r->whole);
	free(r->whole);
	return code;
}
