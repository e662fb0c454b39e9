// SPDX-License-Identifier: GPL-2.0-or-later
/* Facts about how the run came to its end. */
#include "machine.h"

static const char *const stop_names[] = {
	[STOP_COMPLETE] = "complete",
	[STOP_ENDED] = "ended",
	[STOP_QUIESCENT] = "quiescent",
	[STOP_DEADLINE] = "deadline",
};

static json_t *graph(const struct machine_run *run)
{
	json_t *a = json_array();

	for (int s = 0; s < STAGES; s++) {
		const struct look_stage *l = &run->look.stage[s];

		if (l->alive)
			json_array_append_new(a, json_pack("{s:s, s:s, s:o}", "stage",
							   stage_names[s], "waits_for",
							   end_names[end_peer(l->end)], "held_by",
							   stage_set(run->proof.held_by[s])));
	}
	return a;
}

/* Who was not woken, and by what. */
static json_t *lost_wakeup(const struct machine_run *run)
{
	const struct look_stage *l = &run->look.stage[run->proof.lost];
	const struct look_end *e = &run->look.end[l->end];

	return json_pack("{s:s, s:s, s:i, s:s}", "stage", stage_names[run->proof.lost], "end",
			 end_names[l->end], "queue", (int)e->queue, "queue_source",
			 e->queue_source);
}

/* Who sleeps on, and whether the kernel itself takes the socket to be at its end. */
static json_t *lost_eof(const struct machine_run *run)
{
	const struct look_stage *l = &run->look.stage[run->proof.lost];
	const struct look_end *e = &run->look.end[l->end];
	json_t *o = json_pack("{s:s, s:s}", "stage", stage_names[run->proof.lost], "end",
			      end_names[l->end]);

	if (e->shut_known)
		fact_put(o, "marked", json_boolean(e->shut));
	return o;
}

void facts_stop(const struct machine_run *run, json_t *facts)
{
	bool deadlock = run->stop == STOP_QUIESCENT && run->proof.state == PROOF_DEADLOCK;
	json_t *o = json_pack("{s:s, s:b}", "why", stop_names[run->stop], "deadlock", deadlock);
	json_t *unmet = json_array();

	for (int s = 0; s < STAGES; s++) {
		const struct look_stage *l = &run->look.stage[s];
		char text[96];

		if (l->alive && l->held)
			json_array_append_new(unmet, json_string(constraint_text(
							     &run->ctl->constraint[l->held_by],
							     text, sizeof(text))));
	}
	fact_put(o, "unmet", unmet);
	if (deadlock)
		fact_put(o, "graph", graph(run));
	if (run->stop == STOP_QUIESCENT && run->proof.state == PROOF_LOST)
		fact_put(o, run->proof.eof ? "lost_eof" : "lost_wakeup",
			 run->proof.eof ? lost_eof(run) : lost_wakeup(run));
	else if (run->proof.state == PROOF_NOT_PROVED || run->proof.state == PROOF_LOST)
		fact_put(o, "not_proved", json_string(run->proof.why));
	fact_put(facts, "stop", o);
}
