/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/options.h"
#include "cli/demo/walkthrough.h"
#include "decoder/util/child.h"

#define SHIPPED "qemu7-q1.pcap"

struct demo {
	const char *guest, *qemu, *out, *in;
	char dir[64];
};

static const struct option_row options[] = {
	{ OPTION_TEXT, 0, "guest", "DIR", "vmlinuz and initramfs.cpio.gz (built by 'make guest')",
	  OPTION_TO(struct demo, guest) },
	{ OPTION_TEXT, 0, "qemu", "PATH", "the QEMU to boot (default qemu-system-x86_64)",
	  OPTION_TO(struct demo, qemu) },
	{ OPTION_TEXT, 'w', "write", "FILE", "keep the trace here (default vqtrace-demo.pcap)",
	  OPTION_TO(struct demo, out) },
	{ OPTION_TEXT, 'r', "read", "FILE", "boot no guest: walk through this trace",
	  OPTION_TO(struct demo, in) },
	CLI_OPTION_COLOR,
	{},
};

/* argv[] of the guest's QEMU after our own `record -w OUT --`. */
static int boot_and_record(const struct demo *d)
{
	char kernel[512], initrd[512], disk[256], drive[320];
	pid_t pid;
	int status, fd;

	snprintf(kernel, sizeof(kernel), "%s/vmlinuz", d->guest);
	snprintf(initrd, sizeof(initrd), "%s/initramfs.cpio.gz", d->guest);
	snprintf(disk, sizeof(disk), "%s/disk.img", d->dir);
	snprintf(drive, sizeof(drive), "if=none,id=drive0,format=raw,file=%s", disk);
	fd = open(disk, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || ftruncate(fd, 64 << 20))
		return cli_error("%s: cannot be written: %s", disk, strerror(errno));
	close(fd);
	const char *argv[] = {
		"vqtrace",
		"record",
		"-w",
		d->out,
		"--",
		d->qemu,
		"-machine",
		"q35,accel=tcg",
		"-m",
		"256",
		"-nodefaults",
		"-no-user-config",
		"-no-reboot",
		"-display",
		"none",
		"-serial",
		"null",
		"-kernel",
		kernel,
		"-initrd",
		initrd,
		"-append",
		"console=ttyS0 quiet panic=-1 no_timer_check vqt.run=id;read,bs=4k,n=200,rand,qd=4;"
		"write,bs=16k,n=50;flush,n=2;discard,bs=64k,n=1;zero,bs=64k,n=1",
		"-drive",
		drive,
		"-device",
		"virtio-blk-pci,drive=drive0,id=disk0,serial=VQTRACE",
		NULL,
	};
	pid = child_run("/proc/self/exe", (char **)argv);
	if (pid > 0 && waitpid(pid, &status, 0) < 0)
		pid = -errno;
	if (pid < 0)
		return cli_error("the recorder could not be started: %s", strerror(-pid));
	return WIFEXITED(status) ? WEXITSTATUS(status) : CLI_TROUBLE;
}

/* A trace that came with vqtrace: installed, or in the source tree. */
static const char *shipped(void)
{
	static const char *const places[] = { "traces/" SHIPPED,
					      VQTRACE_DATADIR "/traces/" SHIPPED };

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		if (!access(places[i], R_OK))
			return places[i];
	return NULL;
}

static const char *record_or_shipped(struct demo *d)
{
	const char *why = NULL;
	char path[512];

	snprintf(path, sizeof(path), "%s/vmlinuz", d->guest);
	if (access(path, R_OK)) {
		why = "there is no guest to boot ('make guest' builds one; give --guest DIR)";
	} else if (!mkdtemp(d->dir)) {
		why = "there is no room for a temporary disk in /tmp";
	} else {
		printf("Booting a Linux guest (software emulation, some ten seconds) and recording it.\n");
		fflush(stdout);
		if (boot_and_record(d) == CLI_OK)
			return d->out;
		why = "recording did not work (the reason is above; 'vqtrace doctor' tells more)";
	}
	printf("A recorded trace is shown instead, because %s.\n", why);
	if (!shipped())
		cli_error("the shipped trace " SHIPPED
			  " was not found in traces/ or in " VQTRACE_DATADIR "/traces");
	return shipped();
}

static void clean(struct demo *d)
{
	char disk[256];

	snprintf(disk, sizeof(disk), "%s/disk.img", d->dir);
	unlink(disk);
	rmdir(d->dir);
}

static int run(int argc, char **argv)
{
	struct demo d = {
		.guest = "build/guest",
		.qemu = "qemu-system-x86_64",
		.out = "vqtrace-demo.pcap",
		.dir = "/tmp/vqtrace-demo-XXXXXX",
	};
	const char *path;
	int rc = cli_parse(argc, argv, &d);

	if (!rc)
		rc = cli_no_operands(argc, argv);
	if (rc)
		return rc - 1;
	path = d.in ? d.in : record_or_shipped(&d);
	clean(&d);
	if (!path)
		return CLI_TROUBLE;
	rc = demo_walkthrough(path, cli_color(stdout), cli_ascii());
	if (rc == CLI_OK)
		printf("\nThe trace is in %s. Look around:\n"
		       "  vqtrace show -r %s\n"
		       "  vqtrace show -r %s --requests\n"
		       "  vqtrace show -r %s -Y 'event == kick' -V\n",
		       path, path, path, path);
	return rc;
}

const struct cli_command cmd_demo = {
	.name = "demo",
	.summary = "boot a guest, record it, and walk through the trace",
	.run = run,
	.synopsis = "[OPTIONS]",
	.about = "Boots a small Linux guest in QEMU, records what its firmware and its kernel\n"
		 "say to a virtio disk, and walks through the trace.  Where recording is not\n"
		 "possible, it says why and walks through a recorded trace instead.\n",
	.options = options,
	.notes = "Exit status: 0, or 2 when something went wrong.\n",
};
