// SPDX-License-Identifier: GPL-2.0-or-later
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "cleanup.h"
#include "cow.h"

/* The flags of the mapping that holds @addr; -errno, -ENODATA when smaps has no such line. */
static int read_vmflags(uintptr_t addr, char *flags, size_t len)
{
	_cleanup_fclose_ FILE *f = fopen("/proc/self/smaps", "re");
	_cleanup_free_ char *line = NULL;
	size_t cap = 0;
	bool here = false;

	if (!f)
		return -errno;
	while (getline(&line, &cap, f) > 0) {
		uintptr_t from, to;

		if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
			here = addr >= from && addr < to;
		if (!here || strncmp(line, "VmFlags:", 8))
			continue;
		char *text = line + 8 + strspn(line + 8, " ");

		for (size_t n = strlen(text); n && strchr(" \n", text[n - 1]); n--)
			text[n - 1] = '\0';
		snprintf(flags, len, "%s", text);
		return 0;
	}
	return -ENODATA;
}

static bool has_flag(const char *flags, const char *flag)
{
	size_t len = strlen(flag);

	while (*flags) {
		flags += strspn(flags, " ");
		size_t n = strcspn(flags, " ");

		if (n == len && !memcmp(flags, flag, len))
			return true;
		flags += n;
	}
	return false;
}

void cow_vmflags(char *map, struct observed *o)
{
	int ret = read_vmflags((uintptr_t)map, o->text, sizeof(o->text));

	o->errnum = -ret;
	o->ok = !ret && has_flag(o->text, "mw");
}

void cow_mprotect(char *map, struct observed *o)
{
	volatile char *p = map;

	if (mprotect(map, sysconf(_SC_PAGESIZE), PROT_READ | PROT_WRITE) < 0) {
		observed_errno(o, errno);
		return;
	}
	p[0] = 'm';
	o->ok = p[0] == 'm';
}

void cow_proc_mem(char *map, struct observed *o)
{
	_cleanup_close_ int fd = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
	volatile char *p = map;

	if (fd < 0 || pwrite(fd, "M", 1, (uintptr_t)map) < 0)
		o->errnum = errno;
	o->ok = p[0] == 'M';
}

/* Two pipes, so that parent and child take turns. */
struct turns {
	int to_child[2], to_parent[2];
};

static int turns_open(struct turns *t)
{
	if (pipe2(t->to_child, O_CLOEXEC) < 0)
		return -errno;
	if (pipe2(t->to_parent, O_CLOEXEC) < 0)
		return -errno;
	return 0;
}

static void turns_take_side(const struct turns *t, bool child)
{
	close(child ? t->to_child[1] : t->to_child[0]);
	close(child ? t->to_parent[0] : t->to_parent[1]);
}

static bool give(int fd, uint64_t word)
{
	return write(fd, &word, sizeof(word)) == (ssize_t)sizeof(word);
}

static bool take(int fd, uint64_t *word)
{
	return read(fd, word, sizeof(*word)) == (ssize_t)sizeof(*word);
}

enum { AT_BEFORE, AT_CHILD, AT_PARENT }; /* bytes of the page under test */

static void fork_write_child(volatile char *map, const struct turns *t)
{
	uint64_t word;

	map[AT_CHILD] = 'c';
	if (!give(t->to_parent[1], 0) || !take(t->to_child[0], &word))
		_exit(1);
	_exit(!give(t->to_parent[1], map[AT_PARENT] == 'p'));
}

/* Bits of the answer: who saw the other's store. */
enum { PARENT_SAW = 1, CHILD_SAW = 2 };

static bool fork_write_parent(volatile char *map, const struct turns *t, long *saw)
{
	uint64_t word;

	if (!take(t->to_parent[0], &word))
		return false;
	*saw = map[AT_CHILD] == 'c' ? PARENT_SAW : 0;
	map[AT_PARENT] = 'p';
	if (!give(t->to_child[1], 0) || !take(t->to_parent[0], &word))
		return false;
	*saw |= word ? CHILD_SAW : 0;
	return true;
}

/* The child's frame is compared while the child still lives: a freed one could come back. */
static int page_frame(const char *map, uint64_t *pfn)
{
	_cleanup_close_ int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	off_t at = (uintptr_t)map / sysconf(_SC_PAGESIZE) * sizeof(uint64_t);
	uint64_t entry;

	if (fd < 0)
		return -errno;
	ssize_t n = pread(fd, &entry, sizeof(entry), at);

	if (n != (ssize_t)sizeof(entry))
		return n < 0 ? -errno : -EIO;
	if (!(entry >> 63))
		return -ENODATA;
	*pfn = entry & ((1ULL << 55) - 1);
	return *pfn ? 0 : -EPERM; /* frames read as 0 without CAP_SYS_ADMIN */
}

static void pfn_child(volatile char *map, const struct turns *t)
{
	uint64_t pfn = 0, word;

	map[AT_CHILD] = 'c';
	if (page_frame((const char *)map, &pfn) < 0)
		pfn = 0;
	if (!give(t->to_parent[1], pfn))
		_exit(1);
	take(t->to_child[0], &word);
	_exit(0);
}

/* 0 or the errno why the frames could not be had. */
static int pfn_parent(volatile char *map, const struct turns *t, bool *same)
{
	uint64_t mine = 0, theirs = 0;
	int ret;

	if (!take(t->to_parent[0], &theirs))
		return EPIPE;
	map[AT_PARENT] = 'p';
	ret = page_frame((const char *)map, &mine);
	*same = mine == theirs;
	give(t->to_child[1], 0);
	if (ret < 0)
		return -ret;
	return theirs ? 0 : EPERM;
}

/* Fork with the page written before, which is what a page needs to be hit by the bug. */
static pid_t fork_dirty(volatile char *map, struct turns *t, struct observed *o)
{
	int ret = turns_open(t);
	pid_t pid;

	if (ret < 0) {
		observed_errno(o, -ret);
		return -1;
	}
	map[AT_BEFORE] = 'b';
	pid = fork();
	if (pid < 0)
		observed_errno(o, errno);
	else
		turns_take_side(t, !pid);
	return pid;
}

/* In the parent: it lets go of the pipes, and waits for the child. */
static void turns_end(const struct turns *t, pid_t pid, struct observed *o)
{
	int status = 0;

	close(t->to_child[1]);
	close(t->to_parent[0]);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFSIGNALED(status))
		o->signal = WTERMSIG(status);
}

void cow_fork_write(char *map, struct observed *o)
{
	struct turns t;
	pid_t pid = fork_dirty(map, &t, o);

	if (pid < 0)
		return;
	if (!pid)
		fork_write_child(map, &t);
	o->ok = fork_write_parent(map, &t, &o->value);
	if (o->ok)
		strcpy(o->text, o->value ? "shared" : "private");
	turns_end(&t, pid, o);
}

void cow_pfn(char *map, struct observed *o)
{
	struct turns t;
	bool same = false;
	pid_t pid = fork_dirty(map, &t, o);

	if (pid < 0)
		return;
	if (!pid)
		pfn_child(map, &t);
	o->errnum = pfn_parent(map, &t, &same);
	o->ok = !o->errnum;
	if (o->ok)
		strcpy(o->text, same ? "same" : "differ");
	turns_end(&t, pid, o);
}
