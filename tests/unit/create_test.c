/* SPDX-License-Identifier: MIT */
/* Files with guest data: for their owner only, and nobody else's file is written to. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "decoder/util/create.h"
#include "tests/unit/tap.h"

#define OTHER 65534 /* a user who is not this one */

static char dir[] = "/tmp/vqtrace-create-test-XXXXXX";
static const char *why;

static const char *in_dir(const char *name)
{
	static char path[4][100];
	static unsigned n;

	n = (n + 1) % 4;
	snprintf(path[n], sizeof(path[n]), "%s/%s", dir, name);
	return path[n];
}

static int make(const char *name, int flags)
{
	int fd = create_file(in_dir(name), flags, &why);

	if (fd >= 0)
		close(fd);
	return fd < 0 ? fd : 0;
}

static void put(const char *name, mode_t mode)
{
	int fd = open(in_dir(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	CHECK(fd >= 0 && write(fd, "text", 4) == 4 && !fchmod(fd, mode) && !close(fd));
}

static struct stat status(const char *name)
{
	struct stat st = { 0 };

	CHECK_EQ(stat(in_dir(name), &st), 0);
	return st;
}

/* Who may write to the folder: its owner, with its group, or everybody. */
static const mode_t folders[] = { 0755, 0770, 01777 };

static void share(unsigned with)
{
	CHECK_EQ(chmod(dir, folders[with]), 0);
}

static void modes(void)
{
	for (unsigned with = 0; with < 3; with++) {
		share(with);
		umask(022);
		CHECK_EQ(make("new", 0), 0);
		CHECK_EQ(status("new").st_mode & 07777, 0600);
		unlink(in_dir("new"));
		umask(0277);
		CHECK_EQ(make("new", 0), 0);
		CHECK_EQ(status("new").st_mode & 07777, 0400);
		unlink(in_dir("new"));
		umask(022);
		put("old", 0644);
		CHECK_EQ(make("old", 0), 0);
		CHECK_EQ(status("old").st_mode & 07777, 0644);
		CHECK_EQ(status("old").st_size, 0);
		unlink(in_dir("old"));
	}
}

static void links(void)
{
	put("target", 0600);
	CHECK_EQ(symlink("target", in_dir("link")), 0);
	CHECK_EQ(symlink("nothing", in_dir("dangling")), 0);
	CHECK_EQ(link(in_dir("target"), in_dir("hard")), 0);
	for (unsigned with = 1; with < 3; with++) {
		share(with);
		CHECK_EQ(make("link", 0), -ELOOP);
		CHECK(why && strstr(why, "symbolic link"));
		CHECK_EQ(make("dangling", 0), -ELOOP);
		CHECK_EQ(make("hard", 0), -EACCES);
		CHECK_EQ(status("target").st_size, 4);
		CHECK(access(in_dir("nothing"), F_OK) < 0);
	}
	share(0);
	CHECK_EQ(make("link", 0), 0);
	CHECK_EQ(status("target").st_size, 0);
	for (unsigned i = 0; i < 4; i++)
		unlink(in_dir((const char *[]){ "target", "link", "dangling", "hard" }[i]));
}

static void others(unsigned with)
{
	put("theirs", 0666);
	CHECK_EQ(mkfifo(in_dir("pipe"), 0666), 0);
	share(with);
	CHECK_EQ(make("pipe", O_NONBLOCK), -ENXIO); /* nobody reads it, and nobody waits for that */
	if (chown(in_dir("theirs"), OTHER, OTHER) || chown(in_dir("pipe"), OTHER, OTHER)) {
		printf("# not root: nothing can be made somebody else's\n");
	} else {
		CHECK_EQ(make("theirs", 0), -EACCES);
		CHECK_EQ(make("pipe", O_NONBLOCK), -EACCES);
		CHECK_EQ(status("theirs").st_size, 4);
		/* in their own folder it is for them */
		CHECK_EQ(chown(dir, OTHER, OTHER), 0);
		CHECK_EQ(chmod(dir, 0755), 0);
		CHECK_EQ(make("theirs", 0), 0);
		CHECK_EQ(symlink("/nothing", in_dir("link")), 0);
		CHECK_EQ(make("link", 0), -ELOOP);
		CHECK_EQ(chown(dir, 0, 0), 0);
		unlink(in_dir("link"));
	}
	share(0);
	unlink(in_dir("theirs"));
	unlink(in_dir("pipe"));
}

static void odd(void)
{
	FILE *f = create_stream("/dev/null", &why);

	CHECK(f && !fclose(f));
	CHECK_EQ(make("no/folder", 0), -ENOENT);
	CHECK(why != NULL);
	CHECK(!create_stream(in_dir("no/folder"), &why) && errno == ENOENT && why);
	CHECK(create_file("", 0, &why) < 0);
	CHECK(create_file("/", 0, &why) < 0);
}

static void all(void)
{
	CHECK(mkdtemp(dir) != NULL);
	modes();
	links();
	others(1);
	others(2);
	odd();
	CHECK_EQ(rmdir(dir), 0);
}

static const struct tap_test tests[] = {
	{ "files with guest data", all },
};

TAP_MAIN(tests)
