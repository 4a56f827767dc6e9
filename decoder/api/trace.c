/* SPDX-License-Identifier: MIT */
/* Opening, reading, closing. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/api/impl.h"
#include "decoder/util/text.h"

const char *vqtrace_version(void)
{
	return VQTRACE_VERSION;
}

/* Error texts name files and words of others. */
static void escape(char *to, size_t size, const char *words)
{
	struct text t = { .buf = to, .size = size };

	if (!to || !size)
		return;
	*to = '\0';
	text_untrusted(&t, words, strlen(words));
}

/* What is loaded when the first compressed trace is opened is loaded once. */
static pthread_mutex_t opening = PTHREAD_MUTEX_INITIALIZER;

static int trace_new(struct vqtrace **out, const char *path, const void *bytes, size_t len,
		     char *error, size_t size)
{
	struct trace_error err = { "no memory" };
	struct vqtrace *t = calloc(1, sizeof(*t));
	int rc = -ENOMEM;

	*out = NULL;
	escape(error, size, "");
	if (t)
		t->model = model_new();
	if (t && t->model) {
		pthread_mutex_lock(&opening);
		rc = path ? trace_open(&t->reader, path, &err)
			  : trace_open_memory(&t->reader, bytes, len, &err);
		pthread_mutex_unlock(&opening);
	}
	if (!rc) {
		*out = t;
		return 0;
	}
	escape(error, size, err.text);
	vqtrace_close(t);
	return rc;
}

int vqtrace_open(struct vqtrace **out, const char *path, char *error, size_t size)
{
	return trace_new(out, path ? path : "", NULL, 0, error, size);
}

int vqtrace_open_memory(struct vqtrace **out, const void *bytes, size_t len, char *error,
			size_t size)
{
	return trace_new(out, NULL, bytes, len, error, size);
}

void vqtrace_close(struct vqtrace *t)
{
	if (!t)
		return;
	api_drop_findings(t);
	free(t->finding);
	check_free(t->check);
	model_free(t->model);
	trace_close(t->reader);
	free(t);
}

/* Nothing follows; what a rule still waits for is decided. */
static int end(struct vqtrace *t, int rc)
{
	t->over = true;
	if (t->check && !rc)
		rc = check_finish(t->check, t->model);
	if (rc || t->failed)
		escape(t->error, sizeof(t->error), strerror(rc ? -rc : ENOMEM));
	return rc ? rc : t->failed ? -ENOMEM : 0;
}

int vqtrace_next(struct vqtrace *t, const struct vqtrace_event **out)
{
	struct trace_error err;
	bool again = false;
	int rc;

	*out = NULL;
	t->event.found = false;
	t->begun = true;
	t->error[0] = '\0';
	api_drop_findings(t);
	if (t->over)
		return 0;
	rc = t->reader ? trace_next(t->reader, &t->rec, &again, &err) : 0;
	if (!rc)
		return end(t, 0);
	if (rc < 0) {
		escape(t->error, sizeof(t->error), err.text);
		if (!again) { /* the next call is the end */
			trace_close(t->reader);
			t->reader = NULL;
		}
		return rc;
	}
	rc = model_feed(t->model, &t->rec, trace_number(t->reader), &t->event.e);
	if (!rc && t->check)
		rc = check_feed(t->check, t->model, &t->event.e);
	if (rc || t->failed) {
		t->over = true;
		escape(t->error, sizeof(t->error), strerror(ENOMEM));
		return -ENOMEM;
	}
	t->events++;
	*out = &t->event;
	return 1;
}

const char *vqtrace_error(const struct vqtrace *t)
{
	return t->error;
}

uint64_t vqtrace_events(const struct vqtrace *t)
{
	return t->events;
}

uint64_t vqtrace_lost(const struct vqtrace *t, int *more)
{
	struct model_loss lost = model_lost(t->model);

	if (more)
		*more = lost.more;
	return lost.records;
}

int vqtrace_check(struct vqtrace *t, const char *rules)
{
	const char *bad = NULL;
	char words[256];
	int rc;

	if (t->begun || t->check)
		return -EBUSY;
	t->error[0] = '\0';
	rc = check_new(&t->check, rules, api_on_finding, t, &bad);
	if (!rc)
		return 0;
	t->check = NULL;
	if (rc == -ENOENT && bad)
		snprintf(words, sizeof(words), "'%.*s' names no rule", (int)strcspn(bad, ","), bad);
	else
		snprintf(words, sizeof(words), "%s", strerror(-rc));
	escape(t->error, sizeof(t->error), words);
	return rc;
}
