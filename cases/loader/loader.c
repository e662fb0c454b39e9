// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The last that a template boots: it stops the machine, and when a copy of the machine goes on from
 * there, takes what is to be run from the host and becomes the agent. So cases change without a
 * boot. Usage: loader CHANNEL-TTY AGENT ARG…
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "fwcfg.h"
#include "park.h"
#include "proto.h"

/* The channel is the agent's; until it runs, it carries one line of ours. */
static int say(const char *tty, const char *text)
{
	int fd = open(tty, O_RDWR | O_NOCTTY | O_CLOEXEC);
	struct termios t;

	if (fd < 0)
		return -errno;
	if (tcgetattr(fd, &t) == 0) {
		cfmakeraw(&t);
		t.c_cflag |= CLOCAL;
		tcsetattr(fd, TCSANOW, &t);
	}
	ssize_t n = write(fd, text, strlen(text));

	tcdrain(fd);
	close(fd);
	return n == (ssize_t)strlen(text) ? 0 : -EIO;
}

/* Whoever is here before us keeps its place: the template's own files are not the host's to change.
 */
static int create(const char *path, mode_t mode)
{
	return open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
}

/* The device writes straight into the file's pages. */
static int fill(struct fwcfg *f, const struct fwcfg_file *file, int fd)
{
	if (ftruncate(fd, file->size) < 0)
		return -errno;
	void *p = mmap(NULL, file->size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);

	if (p == MAP_FAILED)
		return -errno;
	int ret = mlock(p, file->size) < 0 ? -errno : fwcfg_read(f, file->key, p, file->size);

	munmap(p, file->size);
	return ret;
}

static int take_file(struct fwcfg *f, const struct fwcfg_file *file)
{
	const char *path = file->name + strlen(SM_PAYLOAD_PREFIX);
	int program = !strncmp(path, SM_CASES_DIR "/", strlen(SM_CASES_DIR "/"));
	int fd = create(path, program ? 0755 : 0600);
	int ret = fd < 0 ? -errno : file->size ? fill(f, file, fd) : 0;

	if (fd >= 0)
		close(fd);
	if (ret < 0)
		fprintf(stderr, "loader: %s: %s\n", path, strerror(-ret));
	return ret;
}

static int take_payload(struct fwcfg *f)
{
	struct fwcfg_file *files = NULL;
	int n = fwcfg_list(f, &files), ret = n < 0 ? n : 0;

	for (int i = 0; !ret && i < n; i++)
		if (!strncmp(files[i].name, SM_PAYLOAD_PREFIX "/", strlen(SM_PAYLOAD_PREFIX "/")))
			ret = take_file(f, &files[i]);
	free(files);
	return ret;
}

int main(int argc, char **argv)
{
	struct fwcfg *f = NULL;
	const char *why;
	char line[200];

	if (argc < 3) {
		fprintf(stderr, "usage: loader CHANNEL-TTY AGENT ARG…\n");
		return 2;
	}
	int ret = fwcfg_open(&f, &why);

	if (ret < 0) {
		snprintf(line, sizeof(line), SM_PARK_REFUSED "%s: %s\n", why, strerror(-ret));
		say(argv[1], line);
		return EXIT_FAILURE;
	}
	if (say(argv[1], SM_PARK_READY) < 0)
		return EXIT_FAILURE;
	park();
	ret = take_payload(f);
	fwcfg_close(f);
	park_close(); /* what is tested has no more access than in a boot */
	if (ret < 0) {
		fprintf(stderr, "loader: the payload: %s\n", strerror(-ret));
		return EXIT_FAILURE;
	}
	execv(argv[2], argv + 2);
	fprintf(stderr, "loader: %s: %s\n", argv[2], strerror(errno));
	return EXIT_FAILURE;
}
