// SPDX-License-Identifier: GPL-2.0-or-later
#include <ctype.h>
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

		/* Names of fields begin with a capital letter. */
		if (!isupper((unsigned char)*line) && sscanf(line, "%lx-%lx ", &from, &to) == 2)
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

int cow_page_frame(const char *map, uint64_t *pfn)
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

static void __attribute__((noreturn)) forked_child(volatile char *map, const struct turns *t)
{
	uint64_t pfn, word;

	map[AT_CHILD] = 'c';
	if (cow_page_frame((const char *)map, &pfn) < 0)
		pfn = 0;
	if (!give(t->to_parent[1], pfn) || !take(t->to_child[0], &word))
		_exit(1);
	_exit(!give(t->to_parent[1], map[AT_PARENT] == 'p'));
}

/* Bits of the answer: who saw the other's store. */
enum { PARENT_SAW = 1, CHILD_SAW = 2 };

/* The child's frame is compared while the child still lives: a freed one could come back. */
static void compare_frames(const char *map, uint64_t theirs, struct observed *pfn)
{
	uint64_t mine;
	int ret = cow_page_frame(map, &mine);

	pfn->errnum = ret < 0 ? -ret : theirs ? 0 : EPERM;
	pfn->ok = !pfn->errnum;
	if (pfn->ok)
		strcpy(pfn->text, mine == theirs ? "same" : "differ");
}

static void forked_parent(volatile char *map, const struct turns *t, struct observed *write,
			  struct observed *pfn)
{
	uint64_t theirs, word;

	if (!take(t->to_parent[0], &theirs)) {
		pfn->errnum = EPIPE;
		return;
	}
	write->value = map[AT_CHILD] == 'c' ? PARENT_SAW : 0;
	map[AT_PARENT] = 'p';
	compare_frames((const char *)map, theirs, pfn);
	if (!give(t->to_child[1], 0) || !take(t->to_parent[0], &word))
		return;
	write->value |= word ? CHILD_SAW : 0;
	write->ok = true;
	strcpy(write->text, write->value ? "shared" : "private");
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

void cow_fork(char *map, struct observed o[2])
{
	struct turns t;
	pid_t pid = fork_dirty(map, &t, &o[0]);

	if (pid < 0) {
		o[1] = o[0];
		return;
	}
	if (!pid)
		forked_child(map, &t);
	forked_parent(map, &t, &o[0], &o[1]);
	turns_end(&t, pid, &o[0]);
	o[1].signal = o[0].signal;
}
