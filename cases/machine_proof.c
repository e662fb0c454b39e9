// SPDX-License-Identifier: GPL-2.0-or-later
#include "machine_proof.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static bool not_proved(struct proof *proof, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static bool not_proved(struct proof *proof, const char *fmt, ...)
{
	va_list ap;

	proof->state = PROOF_NOT_PROVED;
	va_start(ap, fmt);
	vsnprintf(proof->why, sizeof(proof->why), fmt, ap);
	va_end(ap);
	return false;
}

bool look_at_rest(const struct look_stage *s)
{
	return !s->moved && s->state == 'S' && s->call != CALL_NONE;
}

static unsigned holders(const struct look *look, enum end end)
{
	unsigned mask = 0;

	for (int i = 0; i < STAGES; i++) {
		if (look->stage[i].alive && look->stage[i].holds & 1u << end)
			mask |= 1u << i;
	}
	return mask;
}

/* Stage @i reads an empty socket. */
static bool starves(const struct look *look, int i, struct proof *proof)
{
	const struct look_stage *s = &look->stage[i];
	const char *who = stage_names[i];

	if (s->call == CALL_UNKNOWN)
		return not_proved(proof, "the system call of %s cannot be seen", who);
	if (s->call != CALL_READ)
		return not_proved(proof, "%s sleeps in system call %ld", who, s->nr);
	if (s->end == END_NONE)
		return not_proved(proof, "%s reads descriptor %d, which is none of the ends", who,
				  s->fd);

	const struct look_end *e = &look->end[s->end];
	const char *end = end_names[s->end];

	if (!e->queue_known)
		return not_proved(proof, "the queue of %s cannot be seen", end);
	if (e->queue)
		return not_proved(proof, "%s reads %s, whose queue holds %u bytes", who, end,
				  e->queue);
	return true;
}

/* Whoever could write to what stage @i reads is among the stages. */
static bool writers_are_stages(const struct look *look, int i, struct proof *proof)
{
	enum end peer = end_peer(look->stage[i].end);

	if (look->foreign_unknown)
		return not_proved(proof, "a process outside the machine may hold %s",
				  end_names[peer]);
	if (look->foreign & 1u << peer)
		return not_proved(proof, "a process outside the machine holds %s", end_names[peer]);
	proof->held_by[i] = holders(look, peer);
	if (!proof->held_by[i])
		return not_proved(proof, "%s reads %s, whose peer nobody holds: an end of file",
				  stage_names[i], end_names[look->stage[i].end]);
	return true;
}

/* The kernel says that there are bytes where stage @i sleeps reading. */
static bool sleeps_beside_bytes(const struct look *look, int i)
{
	const struct look_stage *s = &look->stage[i];
	const struct look_end *e = &look->end[s->end];

	return s->alive && !s->held && s->call == CALL_READ && s->end != END_NONE &&
	       e->queue_known && e->queue && strcmp(e->queue_source, "accounting") != 0 &&
	       !(look->foreign & 1u << end_peer(s->end));
}

static bool wakeup_lost(const struct look *look, struct proof *proof)
{
	if (look->foreign_unknown)
		return false;
	/* Nobody is in a system call that may be a write(). */
	for (int i = 0; i < STAGES; i++) {
		const struct look_stage *s = &look->stage[i];

		if (s->alive && s->call != CALL_READ && s->call != CALL_FUTEX)
			return false;
	}
	for (int i = 0; i < STAGES; i++) {
		const struct look_stage *s = &look->stage[i];

		if (!sleeps_beside_bytes(look, i))
			continue;
		proof->state = PROOF_LOST;
		proof->lost = i;
		snprintf(proof->why, sizeof(proof->why),
			 "%s sleeps reading %s, whose queue holds %u bytes", stage_names[i],
			 end_names[s->end], look->end[s->end].queue);
		return true;
	}
	return false;
}

/* The end of file has come where stage @i sleeps reading. */
static bool sleeps_beside_eof(const struct look *look, int i)
{
	const struct look_stage *s = &look->stage[i];

	return s->alive && !s->held && s->call == CALL_READ && !holders(look, end_peer(s->end));
}

static bool eof_lost(const struct look *look, struct proof *proof)
{
	/* One outside may have got rid of the descriptor, and be on its way to the socket. */
	if (look->foreign_unknown || look->outsiders)
		return false;
	for (int i = 0; i < STAGES; i++) {
		const struct look_stage *s = &look->stage[i];

		if (s->alive && (s->call == CALL_READ ? s->end == END_NONE : s->call != CALL_FUTEX))
			return false;
	}
	for (int i = 0; i < STAGES; i++) {
		if (!sleeps_beside_eof(look, i))
			continue;
		proof->state = PROOF_LOST;
		proof->lost = i;
		proof->eof = true;
		snprintf(proof->why, sizeof(proof->why),
			 "%s sleeps reading %s, whose peer nobody holds", stage_names[i],
			 end_names[look->stage[i].end]);
		return true;
	}
	return false;
}

void prove(const struct look *look, struct proof *proof)
{
	bool living = false, held = false;

	*proof = (struct proof){.state = PROOF_MOVING};
	for (int i = 0; i < STAGES; i++) {
		const struct look_stage *s = &look->stage[i];

		if (!s->alive)
			continue;
		living = true;
		held |= s->held;
		if (!look_at_rest(s))
			return;
	}
	if (!living)
		return;
	for (int i = 0; i < STAGES; i++) {
		if (look->stage[i].alive && !look->stage[i].fds_known) {
			not_proved(proof, "the descriptors of %s cannot be seen", stage_names[i]);
			return;
		}
	}
	if (wakeup_lost(look, proof) || eof_lost(look, proof))
		return;
	for (int i = 0; i < STAGES; i++) {
		if (!look->stage[i].alive || look->stage[i].held)
			continue;
		if (!starves(look, i, proof) || !writers_are_stages(look, i, proof))
			return;
	}
	proof->state = held ? PROOF_HELD : PROOF_DEADLOCK;
}
