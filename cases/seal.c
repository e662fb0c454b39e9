// SPDX-License-Identifier: GPL-2.0-or-later
/* What each seal promises, tried on a memfd that has it (facts of kind "seal"). */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "case.h"
#include "cleanup.h"
#include "memfd.h"
#include "observe.h"
#include "sealed_exec.h"

/* What an operation works on: a memfd of its own, so that no operation sees another's traces. */
struct subject {
	const struct case_env *env;
	int fd;
	char *old_map; /* shared and writable, from before the seals; NULL: none */
};

/* An error that did it all the same, and a success that did nothing, must both show. */
static void settle(struct observed *o, long ret, bool happened)
{
	o->errnum = ret < 0 ? errno : 0;
	o->ok = happened;
}

static bool file_has(int fd, off_t at, char want)
{
	char c = 0;
	int saved = errno;
	bool has = pread(fd, &c, 1, at) == 1 && c == want;

	errno = saved;
	return has;
}

static off_t file_size(int fd)
{
	struct stat st;

	return fstat(fd, &st) < 0 ? -1 : st.st_size;
}

static void try_pwrite(int fd, off_t at, char c, struct observed *o)
{
	long ret = pwrite(fd, &c, 1, at);

	settle(o, ret, file_has(fd, at, c));
}

static void op_write(const void *arg, struct observed *o)
{
	const struct subject *s = arg;

	try_pwrite(s->fd, 0, 'w', o);
}

static void op_write_past_end(const void *arg, struct observed *o)
{
	const struct subject *s = arg;

	try_pwrite(s->fd, memfd_size(), 'p', o);
}

static void try_truncate(int fd, off_t size, struct observed *o)
{
	int ret = ftruncate(fd, size);
	int saved = errno;
	bool happened = file_size(fd) == size;

	errno = saved;
	settle(o, ret, happened);
}

static void op_shrink(const void *arg, struct observed *o)
{
	const struct subject *s = arg;

	try_truncate(s->fd, memfd_size() / 2, o);
}

static void op_grow(const void *arg, struct observed *o)
{
	const struct subject *s = arg;

	try_truncate(s->fd, memfd_size() * 2, o);
}

/* NULL, and the errno in @o, when the kernel will not map it so. */
static char *try_map(const struct subject *s, int prot, int flags, struct observed *o)
{
	char *map = mmap(NULL, memfd_size(), prot, flags, s->fd, 0);

	if (map != MAP_FAILED)
		return map;
	observed_errno(o, errno);
	return NULL;
}

static void try_store(int fd, volatile char *map, char c, struct observed *o)
{
	map[0] = c;
	o->ok = file_has(fd, 0, c);
}

static void op_map_shared_rw(const void *arg, struct observed *o)
{
	const struct subject *s = arg;
	char *map = try_map(s, PROT_READ | PROT_WRITE, MAP_SHARED, o);

	if (map)
		try_store(s->fd, map, 's', o);
}

static void op_map_shared_ro(const void *arg, struct observed *o)
{
	const struct subject *s = arg;
	char *map = try_map(s, PROT_READ, MAP_SHARED, o);

	if (map)
		o->ok = *(volatile char *)map == MEMFD_FILL;
}

/*
 * Does a read-only shared mapping count as a writable one? Before Linux 6.7 it does: F_SEAL_WRITE
 * is refused while there is one, which F_SEAL_FUTURE_WRITE allows; and F_SEAL_WRITE then refuses
 * new ones. Two of its fellow seals go with it: one backport of F_SEAL_FUTURE_WRITE asks for them.
 */
static void op_add_write_with_ro_map(const void *arg, struct observed *o)
{
	const struct subject *s = arg;
	_cleanup_close_ int fd = -1;
	int ret;

	if (!(fcntl(s->fd, F_GET_SEALS) & F_SEAL_WRITE)) {
		o->absent = true;
		return;
	}
	fd = memfd_new();
	ret = fd < 0 ? fd : memfd_seal(fd, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE);
	if (!ret && mmap(NULL, memfd_size(), PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED)
		ret = -errno;
	if (!ret)
		ret = memfd_seal(fd, F_SEAL_WRITE);
	o->errnum = -ret;
	o->ok = !ret && fcntl(fd, F_GET_SEALS) & F_SEAL_WRITE;
}

/* The way round the seal that a read-only mapping must not open. */
static void op_map_shared_upgrade(const void *arg, struct observed *o)
{
	const struct subject *s = arg;
	char *map = try_map(s, PROT_READ, MAP_SHARED, o);

	if (!map)
		return;
	if (mprotect(map, memfd_size(), PROT_READ | PROT_WRITE) < 0)
		observed_errno(o, errno);
	else
		try_store(s->fd, map, 'u', o);
}

static void op_map_private_rw(const void *arg, struct observed *o)
{
	const struct subject *s = arg;
	volatile char *map = try_map(s, PROT_READ | PROT_WRITE, MAP_PRIVATE, o);

	if (!map)
		return;
	map[0] = 'v';
	o->ok = map[0] == 'v' && file_has(s->fd, 0, MEMFD_FILL);
	if (file_has(s->fd, 0, 'v'))
		strcpy(o->text, "reached the file");
}

static void op_old_map_write(const void *arg, struct observed *o)
{
	const struct subject *s = arg;

	if (s->old_map)
		try_store(s->fd, s->old_map, 'o', o);
	else
		o->absent = true;
}

static void op_chmod_x(const void *arg, struct observed *o)
{
	const struct subject *s = arg;
	struct stat before, after;
	int ret;

	if (fstat(s->fd, &before) < 0) {
		observed_errno(o, errno);
		return;
	}
	ret = fchmod(s->fd, (before.st_mode ^ S_IXUSR) & 07777);
	o->errnum = ret < 0 ? errno : 0;
	o->ok = !fstat(s->fd, &after) && ((before.st_mode ^ after.st_mode) & S_IXUSR);
}

static bool kernel_knows(int seal)
{
	_cleanup_close_ int fd = memfd_new();

	return fd >= 0 && !memfd_seal(fd, seal);
}

static void op_add_more(const void *arg, struct observed *o)
{
	static const int candidates[] = {
		F_SEAL_SHRINK,	     F_SEAL_GROW, F_SEAL_WRITE,
		F_SEAL_FUTURE_WRITE, F_SEAL_EXEC, F_SEAL_SEAL,
	};
	const struct subject *s = arg;
	int have = fcntl(s->fd, F_GET_SEALS);

	o->absent = true;
	for (size_t i = 0; i < sizeof(candidates) / sizeof(*candidates); i++) {
		int seal = candidates[i];

		if ((have & seal) || !kernel_knows(seal))
			continue;
		int ret = memfd_seal(s->fd, seal);

		*o = (struct observed){
			.ok = (fcntl(s->fd, F_GET_SEALS) & seal) == seal,
			.errnum = -ret,
			.has_value = true,
			.value = seal,
		};
		return;
	}
}

static void op_get(const void *arg, struct observed *o)
{
	const struct subject *s = arg;
	int seals = fcntl(s->fd, F_GET_SEALS);

	if (seals < 0) {
		observed_errno(o, errno);
		return;
	}
	*o = (struct observed){.ok = true, .has_value = true, .value = seals};
}

static void op_exec_get(const void *arg, struct observed *o)
{
	const struct subject *s = arg;
	int seals = sealed_exec_ask(s->env->bin_dir, s->fd);

	if (seals < 0) {
		observed_errno(o, -seals);
		return;
	}
	*o = (struct observed){.ok = true, .has_value = true, .value = seals};
}

static void op_reopen_write(const void *arg, struct observed *o)
{
	const struct subject *s = arg;
	char path[40];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", s->fd);
	_cleanup_close_ int fd = open(path, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		observed_errno(o, errno);
	else
		try_pwrite(fd, 0, 'r', o);
}

enum { IN_CHILD = 1, OLD_MAP = 2 };

static const struct op {
	const char *name;
	observe_fn *fn;
	unsigned how; /* IN_CHILD: may end in a signal, or is about being a child */
} ops[] = {
	{"write", op_write, 0},
	{"write-past-end", op_write_past_end, 0},
	{"shrink", op_shrink, 0},
	{"grow", op_grow, 0},
	{"map-shared-rw", op_map_shared_rw, IN_CHILD},
	{"map-shared-ro", op_map_shared_ro, IN_CHILD},
	{"add-write-with-ro-map", op_add_write_with_ro_map, IN_CHILD},
	{"map-shared-upgrade", op_map_shared_upgrade, IN_CHILD},
	{"map-private-rw", op_map_private_rw, IN_CHILD},
	{"old-map-write", op_old_map_write, IN_CHILD | OLD_MAP},
	{"chmod-x", op_chmod_x, 0},
	{"add-more", op_add_more, 0},
	{"fork-get", op_get, IN_CHILD},
	{"exec-get", op_exec_get, 0},
	{"reopen-write", op_reopen_write, 0},
};

static void subject_drop_map(struct subject *s)
{
	if (s->old_map)
		munmap(s->old_map, memfd_size());
	s->old_map = NULL;
}

static void subject_free(struct subject *s)
{
	subject_drop_map(s);
	if (s->fd >= 0)
		close(s->fd);
}
#define _cleanup_subject_ __attribute__((cleanup(subject_free)))

/* Not sealed yet. 0 or -errno. */
static int subject_new(struct subject *s, bool old_map)
{
	s->fd = memfd_new();
	if (s->fd < 0)
		return s->fd;
	if (!old_map)
		return 0;
	s->old_map = mmap(NULL, memfd_size(), PROT_READ | PROT_WRITE, MAP_SHARED, s->fd, 0);
	if (s->old_map != MAP_FAILED)
		return 0;
	s->old_map = NULL;
	return -errno;
}

static json_t *call_json(int ret)
{
	return observed_json(&(struct observed){.ok = !ret, .errnum = -ret});
}

/*
 * The seals as such: first while a shared writable mapping exists, which some of them must refuse
 * (WRITE; EXEC too, which brings WRITE with it for an executable file), and then without.
 * 0: they hold, and *@with_map says whether an old mapping may stay.
 */
static int add_seals(const struct case_env *env, int seals, bool *with_map, json_t *facts,
		     json_t *results)
{
	_cleanup_subject_ struct subject s = {.env = env, .fd = -1};
	int ret = subject_new(&s, true);

	if (ret < 0) {
		memfd_fact_new(facts, ret);
		return ret;
	}
	json_object_set_new(facts, "memfd", call_json(0));
	ret = memfd_seal(s.fd, seals);
	*with_map = !ret;
	if (ret == -EBUSY || (!ret && (fcntl(s.fd, F_GET_SEALS) & F_SEAL_WRITE)))
		json_object_set_new(results, "add-with-map", call_json(ret));
	if (ret == -EBUSY) {
		subject_drop_map(&s);
		ret = memfd_seal(s.fd, seals);
	}
	if (ret == -EINVAL) {
		memfd_fact_seal(facts, seals, ret);
		return ret;
	}
	json_object_set_new(facts, "add", call_json(ret));
	json_object_set_new(facts, "seals", json_integer(fcntl(s.fd, F_GET_SEALS)));
	return ret;
}

enum { OPS = sizeof(ops) / sizeof(*ops) };

static int prepare(struct subject *s, const struct op *op, int seals, bool with_map)
{
	int ret = subject_new(s, with_map && (op->how & OLD_MAP));

	return ret ? ret : memfd_seal(s->fd, seals);
}

/* All subjects first, then one child for those that want to be in one. 0 or -errno. */
static int run_ops(struct subject subjects[OPS], int seals, bool with_map, struct observed o[OPS],
		   const char **failed)
{
	struct observe_job jobs[OPS];
	size_t which[OPS], n = 0;
	int ret = 0;

	for (size_t i = 0; i < OPS; i++) {
		*failed = ops[i].name;
		ret = prepare(&subjects[i], &ops[i], seals, with_map);
		if (ret < 0)
			return ret;
		if (!(ops[i].how & IN_CHILD)) {
			ops[i].fn(&subjects[i], &o[i]);
			continue;
		}
		which[n] = i;
		jobs[n++] = (struct observe_job){.fn = ops[i].fn, .arg = &subjects[i]};
	}
	*failed = "a child";
	ret = observe_in_child(jobs, n);
	for (size_t i = 0; i < n; i++)
		o[which[i]] = jobs[i].o;
	return ret;
}

static void try_ops(const struct case_env *env, int seals, bool with_map, json_t *facts,
		    json_t *results)
{
	struct subject subjects[OPS];
	struct observed o[OPS] = {0};
	const char *failed;

	for (size_t i = 0; i < OPS; i++)
		subjects[i] = (struct subject){.env = env, .fd = -1};
	int ret = run_ops(subjects, seals, with_map, o, &failed);

	if (ret < 0)
		fact_error(facts, "preparing %s: %s", failed, strerror(-ret));
	for (size_t i = 0; i < OPS; i++) {
		if (!ret && !o[i].absent)
			json_object_set_new(results, ops[i].name, observed_json(&o[i]));
		subject_free(&subjects[i]);
	}
}

void case_seal(const struct case_env *env, const json_t *params, json_t *facts)
{
	_cleanup_json_ json_t *results = json_object();
	bool with_map = false;
	int seals;

	if (memfd_seals_param(params, &seals, facts) < 0 ||
	    add_seals(env, seals, &with_map, facts, results) < 0)
		return;
	json_object_set(facts, "ops", results);
	try_ops(env, seals, with_map, facts, results);
}
