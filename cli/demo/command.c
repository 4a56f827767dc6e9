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
#include "decoder/merge/merge.h"
#include "decoder/util/child.h"
#include "decoder/util/create.h"
#include "decoder/util/text.h"

#define SHIPPED "qemu7-q1.pcap"
#define PLACE 96 /* bytes of a path in the demo's directory */

struct demo {
	const char *guest, *qemu, *out, *in;
	char dir[64];
};

static const struct option_row options[] = {
	{ OPTION_TEXT, 0, "guest", "DIR",
	  "vmlinuz and recorder.cpio.gz, or initramfs.cpio.gz (built by 'make recorder', 'make guest')",
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

/* The disk that the guest has; CLI_OK or CLI_TROUBLE. */
static int make_disk(const char *path)
{
	const char *why = NULL;
	int fd = create_file(path, 0, &why);

	if (fd >= 0 && ftruncate(fd, 64 << 20))
		why = strerror(errno);
	if (fd >= 0)
		close(fd);
	return why ? cli_error("%s: cannot be written: %s", path, why) : CLI_OK;
}

static int run_recorder(const char *const *argv)
{
	pid_t pid = child_run("/proc/self/exe", (char **)argv);
	int status = 0;

	if (pid > 0 && waitpid(pid, &status, 0) < 0)
		pid = -errno;
	if (pid < 0)
		return cli_error("the recorder could not be started: %s", strerror(-pid));
	return WIFEXITED(status) ? WEXITSTATUS(status) : CLI_TROUBLE;
}

/* In the demo's directory. */
static const char *place(const struct demo *d, const char *name, char buf[PLACE])
{
	snprintf(buf, PLACE, "%s/%s", d->dir, name);
	return buf;
}

/* The guest of `record -w OUT -- QEMU ...`; with a recorder in it, what that writes goes to a port. */
static int boot_and_record(const struct demo *d, const char *host, const char *guest)
{
	char kernel[512], initrd[512], disk[PLACE], drive[PLACE + 40], port[PLACE + 40],
		append[400];

	snprintf(kernel, sizeof(kernel), "%s/vmlinuz", d->guest);
	snprintf(initrd, sizeof(initrd), "%s/%s.cpio.gz", d->guest,
		 guest ? "recorder" : "initramfs");
	snprintf(drive, sizeof(drive), "if=none,id=drive0,format=raw,file=%s",
		 place(d, "disk.img", disk));
	snprintf(port, sizeof(port), "file,id=rec,path=%s", guest ? guest : "");
	snprintf(
		append, sizeof(append),
		"console=ttyS0 quiet panic=-1 no_timer_check vqt.run=id;read,bs=4k,n=200,rand,qd=4;"
		"write,bs=16k,n=50;flush,n=2;discard,bs=64k,n=1;zero,bs=64k,n=1%s",
		guest ? " vqt.guest=\"-w /dev/virtio-ports/vqtrace\"" : "");
	if (make_disk(disk))
		return CLI_TROUBLE;
	const char *argv[48] = {
		"vqtrace",
		"record",
		"-w",
		host,
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
		append,
		"-drive",
		drive,
		"-device",
		"virtio-blk-pci,drive=drive0,id=disk0,serial=VQTRACE",
	};
	static const char *const with_port[] = { "-device", "virtio-serial-pci,id=ser0", "-device",
						 "virtserialport,chardev=rec,name=vqtrace",
						 "-chardev" };
	unsigned n = 0;

	while (argv[n])
		n++;
	for (unsigned i = 0; guest && i < sizeof(with_port) / sizeof(with_port[0]); i++)
		argv[n++] = with_port[i];
	if (guest)
		argv[n] = port;
	return run_recorder(argv);
}

/* Both traces as one, at d->out. */
static int join(const struct demo *d, const char *host, const char *guest)
{
	struct merge_job job = { .path = { host, guest }, .paths = 2, .write = d->out };
	struct merge_result result;
	struct trace_error err;

	if (merge_files(&job, &result, &err))
		return cli_error("%s", err.text);
	fputs("Recorded in QEMU and in the guest, and merged:\n   $ vqtrace merge -w ", stdout);
	text_write_untrusted(stdout, d->out);
	puts(" host.pcap guest.pcap");
	return CLI_OK;
}

/* Both sides, if the guest has a recorder; else QEMU's. */
static int record(const struct demo *d)
{
	char host[PLACE], guest[PLACE], recorder[512];

	snprintf(recorder, sizeof(recorder), "%s/recorder.cpio.gz", d->guest);
	if (access(recorder, R_OK)) {
		fputs("The driver's side is not recorded: there is no ", stdout);
		text_write_untrusted(stdout, recorder);
		puts(" ('make recorder').");
		return boot_and_record(d, d->out, NULL);
	}
	place(d, "host.pcap", host);
	place(d, "guest.pcap", guest);
	if (boot_and_record(d, host, guest))
		return CLI_TROUBLE;
	return join(d, host, guest);
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
		if (record(d) == CLI_OK)
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
	static const char *const names[] = { "disk.img", "host.pcap", "guest.pcap" };
	char path[PLACE];

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		unlink(place(d, names[i], path));
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
	TEXT(name, 1024);

	if (!rc)
		rc = cli_no_operands(argc, argv);
	if (rc)
		return rc - 1;
	path = d.in ? d.in : record_or_shipped(&d);
	clean(&d);
	if (!path)
		return CLI_TROUBLE;
	rc = demo_walkthrough(path, cli_color(stdout), cli_ascii());
	text_untrusted(&name, path, strlen(path));
	if (rc == CLI_OK)
		printf("\nThe trace is in %s. Look around:\n"
		       "  vqtrace show -r %s\n"
		       "  vqtrace show -r %s --requests\n"
		       "  vqtrace stat -r %s\n"
		       "  vqtrace show -r %s -Y 'event == kick' -V\n",
		       name.buf, name.buf, name.buf, name.buf, name.buf);
	return rc;
}

const struct cli_command cmd_demo = {
	.name = "demo",
	.summary = "boot a guest, record it, and walk through the trace",
	.run = run,
	.synopsis = "[OPTIONS]",
	.about = "Boots a small Linux guest in QEMU, records what its firmware and its kernel\n"
		 "say to a virtio disk, as QEMU sees it and as the driver does, and walks through\n"
		 "the trace.  Where recording is not possible, it says why and walks through a\n"
		 "recorded trace instead.\n",
	.options = options,
	.notes = "Exit status: 0, or 2 when something went wrong.\n",
};
