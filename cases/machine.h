/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The supervisor of one run of the reference machine: parts of case_machine(), which sets them to
 * work in this order. A function that can fail returns 0 or -1 and has then put `unsupported` or
 * `error` into the facts.
 */
#pragma once

#include <jansson.h>
#include <signal.h>
#include <sys/types.h>

#include "case.h"
#include "machine_proof.h"
#include "nsexec/control.h"

#define LOG_MAX	   65536 /* bytes of log kept; a machine logs some 4000 */
#define REAPED_MAX 16

/* machine_params.c */
struct seal_step {
	int mask; /* 0 ends the list */
	bool optional;
};

struct history {
	const char *name;
	unsigned memfd_flags; /* beyond CLOEXEC|ALLOW_SEALING */
	mode_t mode;	      /* of the memfd, 0: as made */
	bool launcher;	      /* made by the launcher, never by stage 0 */
	struct seal_step seals[4];
};

struct machine_params {
	enum ctl_image image;
	enum ctl_via via;
	enum ctl_fault fault;
	bool stage0;
	const struct history *history; /* NULL: "direct", see seals */
	int seals;		       /* one fcntl() with exactly this; -1: none */
	const char *link, *schedule;
	uint32_t clone_flags;
	bool joins, time_offsets;
};

int params_parse(const json_t *params, struct machine_params *p, json_t *facts);

/* machine_schedule.c: a named schedule or a list of constraints, onto the control page. */
int schedule_set(struct control *ctl, const struct machine_params *p, json_t *facts);

struct reaped {
	pid_t pid;
	int status;
	bool by_agent; /* the supervisor had killed it by then */
};

enum stop { STOP_COMPLETE, STOP_ENDED, STOP_QUIESCENT, STOP_DEADLINE };

struct machine_run {
	const struct case_env *env;
	struct machine_params p;
	struct control *ctl;
	int ctl_fd, exe_fd, init_fd, log_fd, sig_fd; /* this side's; -1 closed */
	pid_t parent;				     /* P */
	bool in_charge;				     /* of signals and orphans: to be undone */
	sigset_t old_mask;
	int old_subreaper;

	char *log; /* LOG_MAX bytes */
	size_t log_len;
	char init[256]; /* what P said on the init pipe */
	size_t init_len;
	bool log_eof, init_eof, log_flood, cleaning, childless;

	struct reaped reaped[REAPED_MAX];
	size_t n_reaped;
	unsigned strays;

	enum stop stop;
	struct look look; /* the last one, taken before anything was killed */
	struct proof proof;
};

/*
 * machine.c: what a run needs before its image and its processes; to be closed even when that
 * fails.
 */
int machine_open(struct machine_run *run, const struct case_env *env, const json_t *params,
		 json_t *facts);
void machine_close(struct machine_run *run);
/* Whether the run means anything: no mandatory step of the setup failed, and stage 0 came up. */
bool machine_is_meaningful(struct machine_run *run, json_t *facts);

/* machine_image.c: open or make what stage 0 runs from, into run->exe_fd. */
int image_open(struct machine_run *run, json_t *facts);
/*
 * @errnum, the answer to a step, says that the kernel lacks it or was told to forbid it; else
 * something is broken, and nobody has looked.
 */
bool image_lacks(const struct machine_run *run, const char *step, int errnum);

/* machine_start.c: pipes, bootstrap message and process P. */
int machine_start(struct machine_run *run, json_t *facts);

/* machine_watch.c: until the machine ends, rests or runs out of time; then kill and reap. */
int machine_watch(struct machine_run *run, json_t *facts);
/* The last part of it alone. */
int machine_end(struct machine_run *run, json_t *facts);
/* One round of events, for at most @timeout ms: the dead are reaped, the pipes read. */
int machine_events(struct machine_run *run, long timeout);
/* Pid of a stage as this process sees it, 0 while there is none. */
pid_t stage_pid(const struct machine_run *run, enum stage s);
const struct reaped *stage_reaped(const struct machine_run *run, enum stage s);

/* machine_facts.c: it was there when everything was stopped. */
bool stage_was_alive(const struct machine_run *run, int s);
/* Name of the stage whose SIGKILL it died of, or NULL. */
const char *stage_killer(const struct machine_run *run, int s);

/* machine_look.c */
void look_at(const struct machine_run *run, struct look *look);

/* machine_queue.c: bytes that wait at each end; @look says who holds it. */
void queues_look(const struct machine_run *run, struct look *look);

/* machine_proc.c: /proc of one process; what cannot be seen stays as unknown. */
/* State, system call, switches: whether it has run since, too. */
void proc_look(pid_t pid, struct look_stage *s);
/* Its descriptors, that of its system call among them. */
void proc_look_fds(pid_t pid, const uint64_t end_ino[ENDS], struct look_stage *s);
/*
 * Pids of children of this process, those that nobody has waited for among them, up to @max; -1
 * when that cannot be seen.
 */
int proc_children(pid_t *pids, int max);
bool proc_is_dead(pid_t pid);
/* Mask of ends that @pid holds; false when that cannot be seen. */
bool proc_holds(pid_t pid, const uint64_t end_ino[ENDS], unsigned *holds);

/* machine_terms.c; the first takes the reference to @value, the second puts nothing for 0. */
void fact_put(json_t *o, const char *key, json_t *value);
void fact_put_errno(json_t *o, int errnum);
json_t *stage_set(unsigned mask);
/* "I:store-g0<C:load-syncfd#2" in @buf, which it returns. */
const char *constraint_text(const struct ctl_constraint *c, char *buf, size_t size);
/* The end that P made under the number @fd; its name, or "other". */
enum end number_end(const struct control *ctl, int fd);
const char *number_name(const struct control *ctl, int fd);

/* One file each, machine_NAME.c; facts_machine() is everything else: results/README.md. */
void facts_setup(const struct machine_run *run, json_t *facts);
/* The setup, and what stage 0 then ran from. */
void facts_image(const struct machine_run *run, json_t *facts);
void facts_machine(const struct machine_run *run, json_t *facts);
void facts_events(const struct machine_run *run, json_t *facts);
void facts_memory(const struct machine_run *run, json_t *facts);
void facts_log(const struct machine_run *run, json_t *facts);
void facts_stop(const struct machine_run *run, json_t *facts);
