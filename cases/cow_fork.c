// SPDX-License-Identifier: GPL-2.0-or-later
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>

#include "cleanup.h"
#include "cow.h"

/* Two pipes, so that parent and child take turns: a word for each mapping at a time. */
struct turns {
	int to_child[2], to_parent[2];
};

static void turns_close(struct turns *t)
{
	int *const fds[] = {&t->to_child[0], &t->to_child[1], &t->to_parent[0], &t->to_parent[1]};

	for (int i = 0; i < 4; i++) {
		if (*fds[i] >= 0)
			close(*fds[i]);
		*fds[i] = -1;
	}
}
#define _cleanup_turns_ __attribute__((cleanup(turns_close)))

static int turns_open(struct turns *t)
{
	if (pipe2(t->to_child, O_CLOEXEC) < 0 || pipe2(t->to_parent, O_CLOEXEC) < 0)
		return -errno;
	return 0;
}

/* So that the death of one is the end of the other's reading. */
static void turns_take_side(struct turns *t, bool child)
{
	int *const theirs[] = {child ? &t->to_child[1] : &t->to_child[0],
			       child ? &t->to_parent[0] : &t->to_parent[1]};

	for (int i = 0; i < 2; i++) {
		close(*theirs[i]);
		*theirs[i] = -1;
	}
}

static bool give(int fd, const int64_t words[COW_MAPS])
{
	const ssize_t size = COW_MAPS * sizeof(*words);

	return write(fd, words, size) == size;
}

static bool take(int fd, int64_t words[COW_MAPS])
{
	const ssize_t size = COW_MAPS * sizeof(*words);

	return read(fd, words, size) == size;
}

enum { AT_BEFORE, AT_CHILD, AT_PARENT }; /* bytes of the page under test */

static void __attribute__((noreturn))
forked_child(char *const maps[], size_t n, const struct turns *t)
{
	int64_t words[COW_MAPS] = {0};

	for (size_t i = 0; i < n; i++)
		((volatile char *)maps[i])[AT_CHILD] = 'c';
	cow_page_frames(maps, n, words);
	if (!give(t->to_parent[1], words) || !take(t->to_child[0], words))
		_exit(1);
	for (size_t i = 0; i < n; i++)
		words[i] = ((volatile char *)maps[i])[AT_PARENT] == 'p';
	_exit(!give(t->to_parent[1], words));
}

/* Bits of the answer: who saw the other's store. */
enum { PARENT_SAW = 1, CHILD_SAW = 2 };

/* The child's frame is compared while the child still lives: a freed one could come back. */
static void compare_frames(char *const maps[], size_t n, const int64_t theirs[COW_MAPS],
			   struct observed pfn[])
{
	int64_t mine[COW_MAPS];

	cow_page_frames(maps, n, mine);
	for (size_t i = 0; i < n; i++) {
		int64_t bad = mine[i] < 0 ? mine[i] : theirs[i] < 0 ? theirs[i] : 0;

		pfn[i].errnum = (int)-bad;
		pfn[i].ok = !bad;
		if (!bad)
			strcpy(pfn[i].text, mine[i] == theirs[i] ? "same" : "differ");
	}
}

static void forked_parent(char *const maps[], size_t n, const struct turns *t,
			  struct observed write[], struct observed pfn[])
{
	int64_t theirs[COW_MAPS], saw[COW_MAPS], word[COW_MAPS] = {0};

	if (!take(t->to_parent[0], theirs)) {
		for (size_t i = 0; i < n; i++)
			pfn[i].errnum = EPIPE;
		return;
	}
	for (size_t i = 0; i < n; i++) {
		volatile char *p = maps[i];

		write[i].value = p[AT_CHILD] == 'c' ? PARENT_SAW : 0;
		p[AT_PARENT] = 'p';
	}
	compare_frames(maps, n, theirs, pfn);
	if (!give(t->to_child[1], word) || !take(t->to_parent[0], saw))
		return;
	for (size_t i = 0; i < n; i++) {
		write[i].value |= saw[i] ? CHILD_SAW : 0;
		write[i].ok = true;
		strcpy(write[i].text, write[i].value ? "shared" : "private");
	}
}

/* Its signal, 0: none. */
static int wait_for(pid_t pid)
{
	int status = 0;

	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

void cow_fork(char *const maps[], size_t n, struct observed o[])
{
	_cleanup_turns_ struct turns t = {{-1, -1}, {-1, -1}};
	int ret = turns_open(&t), sig;
	pid_t pid = -1;

	/* A page that was not written before is not hit by the bug. */
	for (size_t i = 0; !ret && i < n; i++)
		((volatile char *)maps[i])[AT_BEFORE] = 'b';
	if (!ret) {
		pid = fork();
		ret = pid < 0 ? -errno : 0;
	}
	if (ret < 0) {
		for (size_t i = 0; i < 2 * n; i++)
			observed_errno(&o[i], -ret);
		return;
	}
	turns_take_side(&t, !pid);
	if (!pid)
		forked_child(maps, n, &t);
	forked_parent(maps, n, &t, o, o + n);
	turns_close(&t);
	sig = wait_for(pid);
	for (size_t i = 0; i < 2 * n; i++)
		o[i].signal = sig;
}
