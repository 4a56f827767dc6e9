/* SPDX-License-Identifier: MIT */
/* The form of a page that an HTTP client gets, by what it says in Accept. */
#include <stdlib.h>
#include <string.h>

#include "cli/metrics/accept.h"
#include "tests/unit/tap.h"

static const struct media media[] = {
	{ "text/plain", "0.0.4", "" },
	{ "application/openmetrics-text", "1.0.0", "" },
};

static void check_all(const char *const *accept, unsigned want)
{
	for (; *accept; accept++) {
		unsigned got = accept_choose(*accept, media, 2);

		if (got != want)
			printf("# Accept: %s\n", *accept);
		CHECK_EQ(got, want);
	}
}

/* Of Prometheus 2.42, 2.50, 3.0, and others. */
static void test_openmetrics(void)
{
	static const char *const accept[] = {
		"application/openmetrics-text; version=1.0.0",
		"application/openmetrics-text",
		"application/openmetrics-text;version=1.0.0,application/openmetrics-text;"
		"version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
		"application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;"
		"version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
		"application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
		"application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;"
		"escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
		"Application/OpenMetrics-Text ; Version=\"1.0.0\" ; Q=0.001",
		"text/plain;q=0, */*",
		"*/*;q=0.5,application/openmetrics-text;q=0.5",
		"text/plain;version=0.0.3,application/openmetrics-text;q=0.1",
		"text/*;q=0.3, text/plain;q=0.2, application/openmetrics-text;q=0.25",
		"text/html;x=\",text/plain;\\\",\",application/openmetrics-text",
		"text/plain;q=0.5,application/*",
		NULL,
	};

	check_all(accept, 1);
}

static void test_text(void)
{
	static const char *const accept[] = {
		"",
		"*/*",
		"text/plain",
		"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
		"application/openmetrics-text;version=2.0.0",
		"application/openmetrics-text;q=0",
		"application/openmetrics-text;q=0.3,text/plain;q=0.4",
		"application/openmetrics-text;q=0.3,text/*;q=0.4",
		"application/openmetrics-text;q=high",
		"application/openmetrics-text;q=1.001",
		"application/openmetrics-text;q=",
		"application/openmetrics-text;q=.5",
		"application/openmetrics-textual",
		"x=\"application/openmetrics-text",
		"application/json",
		",;,=;q,\"",
		NULL,
	};

	check_all(accept, 0);
	CHECK_EQ(accept_choose(NULL, media, 2), 0);
}

/* Each piece of a header is an allocation of its own, so that a sanitizer sees what reads beyond. */
static void test_cut(void)
{
	static const char whole[] = "text/*;q=\"0.5\";version=\"\\\"1\" , application/openmetrics-"
				    "text;version=1.0.0;q=0.75,*/*;q=1";

	for (size_t n = 0; n < sizeof(whole); n++) {
		char *part = strndup(whole, n);

		CHECK(part && accept_choose(part, media, 2) < 2);
		free(part);
	}
}

static const struct tap_test tests[] = {
	{ "OpenMetrics for who asks for it", test_openmetrics },
	{ "text for all others", test_text },
	{ "headers that are cut off", test_cut },
};

TAP_MAIN(tests)
