/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/record/run.h"
#include "cli/record/with_guest.h"

#define ADDED 6 /* arguments */

static bool is_qemu(const char *path)
{
	const char *name = strrchr(path, '/');

	name = name ? name + 1 : path;
	return !strncmp(name, "qemu-system-", 12) || !strcmp(name, "qemu-kvm") ||
	       !strcmp(name, "kvm");
}

/* Has the machine no PCI?  "-M microvm", "-machine type=microvm,...". */
static bool without_pci(char *const *command)
{
	for (; command[0] && command[1]; command++) {
		const char *word = command[1];

		if (strcmp(command[0], "-M") && strcmp(command[0], "-machine") &&
		    strcmp(command[0], "--machine"))
			continue;
		for (; word; word = strchr(word, ',')) {
			word += *word == ',';
			if (!strncmp(word, "microvm", 7) || !strncmp(word, "type=microvm", 12))
				return true;
		}
	}
	return false;
}

static unsigned count(char *const *command)
{
	unsigned n = 0;

	while (command[n])
		n++;
	return n;
}

static int make_directory(struct with_guest *w)
{
	snprintf(w->dir, sizeof(w->dir), "/tmp/vqtrace.XXXXXX");
	if (mkdtemp(w->dir))
		return 0;
	w->dir[0] = '\0';
	return -errno;
}

char **with_guest_add(struct with_guest *w, char **command, const char **why)
{
	unsigned n = count(command);

	*why = "the command is no QEMU that arguments could be added to (a script?); add a "
	       "virtserialport with a chardev yourself, and say -i guest=SOCKET";
	if (!is_qemu(command[0]))
		return NULL;
	*why = "no directory can be made in /tmp for the socket";
	if (make_directory(w))
		return NULL;
	snprintf(w->socket, sizeof(w->socket), "%s/guest", w->dir);
	snprintf(w->chardev, sizeof(w->chardev), "socket,id=vqtrace,path=%s,server=on,wait=off",
		 w->socket);
	snprintf(w->device, sizeof(w->device), "virtio-serial-%s,id=" WITH_GUEST_DEVICE,
		 without_pci(command) ? "device" : "pci");
	snprintf(w->port, sizeof(w->port),
		 "virtserialport,bus=" WITH_GUEST_DEVICE ".0,chardev=vqtrace,name=vqtrace");
	*why = "no memory";
	w->command = calloc(n + ADDED + 1, sizeof(char *));
	if (!w->command)
		return NULL;
	memcpy(w->command, command, n * sizeof(char *));
	w->command[n++] = "-chardev";
	w->command[n++] = w->chardev;
	w->command[n++] = "-device";
	w->command[n++] = w->device;
	w->command[n++] = "-device";
	w->command[n++] = w->port;
	return w->command;
}

void with_guest_end(struct with_guest *w)
{
	free(w->command);
	if (!w->dir[0])
		return;
	unlink(w->socket);
	rmdir(w->dir);
}

int record_with_guest(struct record_run *r)
{
	const char *why;

	if (!r->command)
		return 1 + cli_usage("--with-guest gives a port to the QEMU that is started: write "
				     "its command; of one that runs, -i guest=SOCKET");
	r->command = with_guest_add(&r->port, r->command, &why);
	if (!r->command)
		return 1 + cli_usage("--with-guest: %s", why);
	r->choice.request.without = WITH_GUEST_DEVICE;
	return sources_add_guest(&r->choice, r->port.socket)
		       ? 1 + cli_usage("--with-guest: too many guests")
		       : 0;
}
