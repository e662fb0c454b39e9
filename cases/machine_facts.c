// SPDX-License-Identifier: GPL-2.0-or-later
/* From control page, reaped processes and last look to the facts of results/README.md. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "machine.h"

#define OWN_FDS 5 /* 0 to 2, init pipe and log pipe: what I is meant to hold */

void facts_setup(const struct machine_run *run, json_t *facts)
{
	json_t *a = json_array();

	for (uint32_t i = 0; i < run->ctl->n_setup && i < CTL_SETUP; i++) {
		const struct ctl_setup *s = &run->ctl->setup[i];
		json_t *o = json_pack("{s:s, s:b}", "step", s->step, "ok", !s->errnum);

		fact_put_errno(o, s->errnum);
		if (s->optional)
			fact_put(o, "optional", json_true());
		json_array_append_new(a, o);
	}
	fact_put(facts, "setup", a);
}

static void put_exe(const struct control *ctl, json_t *facts)
{
	if (*ctl->exe)
		fact_put(facts, "exe", json_string(ctl->exe));
	if (ctl->base)
		fact_put(facts, "base", json_integer((json_int_t)ctl->base));
	if (ctl->seals >= 0)
		fact_put(facts, "seals", json_integer(ctl->seals));
}

void facts_image(const struct machine_run *run, json_t *facts)
{
	facts_setup(run, facts);
	put_exe(run->ctl, facts);
}

bool stage_was_alive(const struct machine_run *run, int s)
{
	const struct reaped *r = stage_reaped(run, (enum stage)s);

	return run->look.stage[s].alive && (!r || r->by_agent);
}

/* Who was sent SIGKILL need not have died of it: it may have been dead. */
const char *stage_killer(const struct machine_run *run, int s)
{
	const struct reaped *r = stage_reaped(run, (enum stage)s);
	uint32_t by = run->ctl->lane[s].killed_by;

	return by && r && WIFSIGNALED(r->status) && WTERMSIG(r->status) == SIGKILL
		       ? stage_names[by - 1]
		       : NULL;
}

static const char *end_name_of(const struct control *ctl, const struct ctl_lane *lane, int fd)
{
	enum end e = number_end(ctl, fd);

	return e != END_NONE && lane->closed & 1u << e ? "closed" : number_name(ctl, fd);
}

static void set_globals(const struct control *ctl, int s, json_t *o)
{
	const struct ctl_lane *lane = &ctl->lane[s];
	const struct ctl_event *e = &lane->ring[(lane->events - 1) % CTL_EVENTS];

	if (!lane->events)
		return;
	fact_put(o, "current_stage", json_integer(e->value[GLOBAL_STAGE]));
	fact_put(o, "current_stage_want", json_integer(e->want[GLOBAL_STAGE]));
	fact_put(o, "syncfd", json_integer(e->value[GLOBAL_SYNCFD]));
	fact_put(o, "syncfd_want", json_integer(e->want[GLOBAL_SYNCFD]));
	fact_put(o, "syncfd_end", json_string(end_name_of(ctl, lane, e->value[GLOBAL_SYNCFD])));
	if (e->want_end < ENDS)
		fact_put(o, "syncfd_want_end", json_string(end_names[e->want_end]));
}

static json_t *blocked_facts(const struct look_stage *l)
{
	json_t *o = json_object();
	char state[2] = {l->state, '\0'};

	if (l->call == CALL_READ) {
		fact_put(o, "syscall", json_string("read"));
		fact_put(o, "fd", json_integer(l->fd));
		if (l->end < ENDS)
			fact_put(o, "end", json_string(end_names[l->end]));
		else if (l->fds_known)
			fact_put(o, "end", json_string("other"));
	} else if (l->call != CALL_UNKNOWN) {
		fact_put(o, "syscall",
			 l->call == CALL_FUTEX ? json_string("futex") : json_integer(l->nr));
	}
	if (l->by_account)
		fact_put(o, "source", json_string("accounting"));
	if (l->ino)
		fact_put(o, "inode", json_integer((json_int_t)l->ino));
	fact_put(o, "state", json_string(state));
	return o;
}

static const char *set_alive(const struct machine_run *run, int s, json_t *o)
{
	const struct look_stage *l = &run->look.stage[s];
	const struct ctl_lane *lane = &run->ctl->lane[s];
	char text[96];

	if (l->held) {
		fact_put(o, "held",
			 json_pack("{s:s, s:s}", "point", point_info[lane->at].name, "waits_for",
				   constraint_text(&run->ctl->constraint[l->held_by], text,
						   sizeof(text))));
		return "held";
	}
	if (!look_at_rest(l))
		return "running";
	fact_put(o, "blocked", blocked_facts(l));
	return "blocked";
}

static json_t *stage_facts(const struct machine_run *run, int s)
{
	const struct ctl_lane *lane = &run->ctl->lane[s];
	const struct reaped *r = stage_reaped(run, (enum stage)s);
	json_t *o = json_pack("{s:s}", "stage", stage_names[s]);
	const char *end = "never";
	pid_t pid = stage_pid(run, (enum stage)s);

	if (pid)
		fact_put(o, "pid", json_integer(pid));
	if (lane->real_parent > 0)
		fact_put(o, "child_of_launcher",
			 json_boolean(lane->real_parent == run->ctl->supervisor));
	if (stage_was_alive(run, s)) {
		end = set_alive(run, s, o);
	} else if (r && WIFEXITED(r->status)) {
		end = "exited";
		fact_put(o, "status", json_integer(WEXITSTATUS(r->status)));
	} else if (r && WIFSIGNALED(r->status)) {
		end = "signaled";
		fact_put(o, "signal", json_integer(WTERMSIG(r->status)));
	}
	if (stage_killer(run, s))
		fact_put(o, "killed_by", json_string(stage_killer(run, s)));
	else if (r && r->by_agent)
		fact_put(o, "killed_by", json_string("agent"));
	fact_put(o, "end", json_string(end));
	set_globals(run->ctl, s, o);
	return o;
}

static void set_sockets(const struct machine_run *run, json_t *facts)
{
	json_t *a = json_array();

	for (int e = 0; e < ENDS && run->ctl->end_ino[e]; e++) {
		const struct look_end *l = &run->look.end[e];
		unsigned holders = 0;
		bool known = true;
		json_t *o = json_pack("{s:s, s:I}", "end", end_names[e], "inode",
				      (json_int_t)run->ctl->end_ino[e]);

		for (int s = 0; s < STAGES; s++) {
			if (!run->look.stage[s].alive)
				continue;
			known &= run->look.stage[s].fds_known;
			if (run->look.stage[s].holds & 1u << e)
				holders |= 1u << s;
		}
		if (l->peer)
			fact_put(o, "peer", json_integer((json_int_t)l->peer));
		if (l->queue_known) {
			fact_put(o, "queue", json_integer(l->queue));
			fact_put(o, "queue_source", json_string(l->queue_source));
		}
		if (known)
			fact_put(o, "holders", stage_set(holders));
		json_array_append_new(a, o);
	}
	fact_put(facts, "sockets", a);
}

static const char *fd_what(const struct control *ctl, const struct ctl_fd *f)
{
	for (int e = 0; e < ENDS; e++) {
		if (S_ISSOCK(f->mode) && f->ino == ctl->end_ino[e])
			return end_names[e];
	}
	return S_ISSOCK(f->mode)   ? "socket"
	       : S_ISREG(f->mode)  ? "file"
	       : S_ISFIFO(f->mode) ? "pipe"
	       : S_ISDIR(f->mode)  ? "directory"
				   : "other";
}

static void set_leaks(const struct control *ctl, json_t *facts)
{
	const struct ctl_lane *lane = &ctl->lane[STAGE_INIT];
	json_t *a;

	if (!lane->returned) /* I has not looked */
		return;
	a = json_array();
	for (uint32_t i = 0; i < lane->n_fds && i < CTL_FDS; i++) {
		if (lane->fds[i].fd >= OWN_FDS)
			json_array_append_new(a, json_pack("{s:s, s:i, s:s}", "stage", "I", "fd",
							   lane->fds[i].fd, "what",
							   fd_what(ctl, &lane->fds[i])));
	}
	fact_put(facts, "leaked", a);
}

static void set_pids(const struct machine_run *run, json_t *facts)
{
	static const char *const keys[STAGES] = {NULL, "stage1_pid", "stage2_pid"};
	json_t *said = json_loadb(run->init, run->init_len, JSON_DISABLE_EOF_CHECK, NULL);
	json_t *real = json_object();

	/* Only what this process has reaped is certain to have been its child. */
	for (int s = STAGE_CHILD; s < STAGES; s++) {
		const struct reaped *r = stage_reaped(run, (enum stage)s);

		if (r)
			fact_put(real, keys[s], json_integer(r->pid));
	}
	if (said)
		fact_put(facts, "init_pipe", said);
	fact_put(facts, "real", real);
}

void facts_machine(const struct machine_run *run, json_t *facts)
{
	const struct control *ctl = run->ctl;
	json_t *stages = json_array();

	put_exe(ctl, facts);
	for (int s = 0; s < STAGES; s++)
		json_array_append_new(stages, stage_facts(run, s));
	fact_put(facts, "stages", stages);
	/* As with the timeline: of a run that went well nobody asks. */
	if (run->stop != STOP_COMPLETE)
		set_sockets(run, facts);
	set_pids(run, facts);
	fact_put(facts, "stray", json_integer(run->strays));
	set_leaks(ctl, facts);
}
