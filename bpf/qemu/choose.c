/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "bpf/qemu/choose.h"
#include "bpf/qemu/process.h"

static void list_processes(struct text *to, const struct process *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		TEXT(name, 256);
		TEXT(object, 81);

		text_untrusted(&name, p[i].name, strlen(p[i].name));
		text_untrusted(&object, p[i].object_name, strlen(p[i].object_name));
		text_add(to, "\n  %7d  %-20s %s", (int)p[i].pid, name.len ? name.buf : "(no name)",
			 object.buf);
	}
}

static void list_left_out(struct text *to)
{
	for (size_t i = 0;; i++) {
		TEXT(line, PROCESS_LEFT_OUT);

		if (!process_left_out(i, &line))
			return;
		text_add(to, "\n  %s", line.buf);
	}
}

void choose_list(struct text *lines)
{
	static struct process all[CHOOSE_PROCESSES];

	list_processes(lines, all, process_list(all, CHOOSE_PROCESSES, NULL));
	list_left_out(lines);
}

int choose_named(const char *word, const struct foreign_stop *stop, pid_t *pid, struct text *why)
{
	static struct process all[CHOOSE_PROCESSES], match[CHOOSE_PROCESSES];
	size_t n = process_list(all, CHOOSE_PROCESSES, stop), m = 0;
	TEXT(name, 256);

	for (size_t i = 0; i < n; i++)
		if (process_matches(&all[i], word))
			match[m++] = all[i];
	if (m == 1) {
		*pid = match[0].pid;
		return 0;
	}
	text_untrusted(&name, word, strlen(word));
	if (m)
		text_add(why, "'%s' means %zu QEMU processes; choose one with -p:", name.buf, m);
	else if (n)
		text_add(why, "no QEMU is called '%s'; these run:", name.buf);
	else
		text_add(why,
			 "no QEMU is called '%s', and none runs that we may see (as root all are)",
			 name.buf);
	list_processes(why, m ? match : all, m ? m : n);
	if (!m)
		list_left_out(why);
	return -ESRCH;
}

void choose_say_left_out(const struct source_request *r)
{
	for (;;) {
		TEXT(line, PROCESS_LEFT_OUT);

		if (!process_newly_left_out(&line))
			return;
		source_say(r, SOURCE_WARNING, "%s", line.buf);
	}
}
