/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <sys/utsname.h>

#include "decoder/trace/build.h"

struct vqt_session *build_session(struct build *b, void *bytes, size_t size, const char *command)
{
	struct vqt_session *s = build_begin(b, bytes, size, VQT_SESSION, sizeof(*s));
	struct utsname u;
	char os[256];

	if (!s)
		return NULL;
	s->major = VQT_VERSION_MAJOR;
	s->minor = VQT_VERSION_MINOR;
	if (!uname(&u)) {
		snprintf(os, sizeof(os), "%.64s %.100s %.64s", u.sysname, u.release, u.machine);
		build_text(b, VQT_TAG_HOST, u.nodename);
		build_text(b, VQT_TAG_OS, os);
	}
	build_text(b, VQT_TAG_TOOL, "vqtrace " VQTRACE_VERSION);
	build_text(b, VQT_TAG_COMMAND, command);
	return s;
}
