/* SPDX-License-Identifier: MIT */
#include "cli/columns.h"

#include <stdlib.h>
#include <string.h>

static int add_column(struct cli_columns *c, const char *name)
{
	const struct field *f = field_by_path(name), *other;
	struct cli_guess g = { .word = name };

	if (f && c->n == OPTION_LIST_MAX)
		return cli_usage("-e: at most %u fields", OPTION_LIST_MAX);
	if (f) {
		c->field[c->n++] = f;
		return CLI_OK;
	}
	for (unsigned i = 0; (other = field_nth(i)); i++)
		cli_consider(&g, other->path);
	return cli_usage("-e: there is no field '%s'%s%s%s", name, g.best ? "; did you mean '" : "",
			 g.best ? g.best : "; 'vqtrace show --fields' lists them",
			 g.best ? "'?" : "");
}

int cli_columns_choose(struct cli_columns *c, const struct option_list *names)
{
	static const char *const usual[] = {
		"number",	"since",	  "device",	   "queue",	      "event",
		"request.type", "request.sector", "request.bytes", "request.latency", "used.status",
	};

	for (unsigned i = 0; i < names->n; i++) {
		char *words = strdup(names->item[i]), *rest = NULL;
		int rc = words ? CLI_OK : cli_error("no memory");

		for (char *n = words ? strtok_r(words, ",", &rest) : NULL; n && rc == CLI_OK;
		     n = strtok_r(NULL, ",", &rest))
			rc = add_column(c, n);
		free(words);
		if (rc)
			return rc;
	}
	for (size_t i = 0; !names->n && i < sizeof(usual) / sizeof(*usual); i++)
		add_column(c, usual[i]);
	return CLI_OK;
}
